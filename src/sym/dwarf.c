/* dwarf: the entries of .debug_info, read where they lie. Nothing is indexed; a question walks the units and skips what is no
 * candidate by its sibling attribute. Files are not trusted: readers stop at the end of their section, references must stay
 * inside of a unit, walks are bounded by the bytes there are. */
#include "sym/dwarf.h"

#include <stdio.h>
#include <stdlib.h>

u64
rd_int(Rd *r, u32 size)
{
	u64 v = 0;

	if ((u64)(r->end - r->p) < size || size > 8) {
		r->bad = true;
		r->p = r->end;
		return 0;
	}
	memcpy(&v, r->p, size);
	r->p += size;
	return v;
}

u64
rd_uleb(Rd *r)
{
	u64 v = 0;

	for (u32 shift = 0; r->p < r->end; shift += 7) {
		u8 b = *r->p++;

		if (shift < 64)
			v |= (u64)(b & 0x7f) << shift;
		if (!(b & 0x80))
			return v;
	}
	r->bad = true;
	return 0;
}

s64
rd_sleb(Rd *r)
{
	u64 v = 0;

	for (u32 shift = 0; r->p < r->end; ) {
		u8 b = *r->p++;

		if (shift < 64)
			v |= (u64)(b & 0x7f) << shift;
		shift += 7;
		if (!(b & 0x80)) {
			if (shift < 64 && b & 0x40)
				v |= ~0ull << shift;
			return (s64)v;
		}
	}
	r->bad = true;
	return 0;
}

const char *
rd_str(Rd *r)
{
	const u8 *nul = memchr(r->p, 0, (size_t)(r->end - r->p));
	const char *s = (const char *)r->p;

	if (!nul) {
		r->bad = true;
		r->p = r->end;
		return "";
	}
	r->p = nul + 1;
	return s;
}

void
rd_skip(Rd *r, u64 n)
{
	if ((u64)(r->end - r->p) < n) {
		r->bad = true;
		r->p = r->end;
		return;
	}
	r->p += n;
}

static const char *
string_at(const Bytes *b, u64 off)
{
	if (off >= b->n || !memchr(b->p + off, 0, b->n - off))
		return "";
	return (const char *)b->p + off;
}

/* ---- abbreviations and units ---- */

static const Abbrevs *
abbrevs_at(Dwarf *d, u64 off)
{
	Rd r = { d->abbrev.p + MIN(off, d->abbrev.n), d->abbrev.p + d->abbrev.n, false };
	Vec(Abbrev) v = { 0 };
	Vec(Spec) specs = { 0 };
	Abbrevs *set;

	for (u32 i = 0; i < d->abbrevs.n; i++)
		if (d->abbrevs.v[i]->off == off)
			return d->abbrevs.v[i];
	VEC_PUSH(d->a, &v, ((Abbrev){ 0 }));
	while (!r.bad) {
		u64 code = rd_uleb(&r);
		Abbrev a = { 0 };

		if (!code || r.bad || code != v.n)      /* dense from 1 */
			break;
		a.tag = (u32)rd_uleb(&r);
		a.children = rd_int(&r, 1);
		a.spec = specs.n;
		for (;;) {
			Spec s = { (u32)rd_uleb(&r), 0, 0 };

			s.form = (u32)rd_uleb(&r);
			if (s.form == 0x21)             /* implicit_const */
				s.implicit = rd_sleb(&r);
			if (r.bad || (!s.attr && !s.form))
				break;
			VEC_PUSH(d->a, &specs, s);
			a.n_specs++;
		}
		VEC_PUSH(d->a, &v, a);
	}
	set = NEW(d->a, Abbrevs);
	*set = (Abbrevs){ off, v.v, v.n, specs.v };
	VEC_PUSH(d->a, &d->abbrevs, set);
	return set;
}

/* What its own entry says about a unit. */
static void
unit_entry(Dwarf *d, Unit *u)
{
	Die die;
	Value v;

	if (!dwarf_die(d, u, u->first, &die))
		return;
	u->tag = die.tag;
	u->str_offsets = dwarf_num(d, &die, DA_str_offsets_base, u->version < 5 ? 0 : u->off_size == 8 ? 16 : 8);
	u->addr_base = dwarf_num(d, &die, DA_addr_base, dwarf_num(d, &die, DA_GNU_addr_base, 8));
	/* In the file of a split unit the only table begins behind its header. */
	u->rnglists = dwarf_num(d, &die, DA_rnglists_base, d->is_split ? 12 : 0);
	u->loclists = dwarf_num(d, &die, DA_loclists_base, d->is_split ? 12 : 0);
	u->has_lines = dwarf_attr(d, &die, DA_stmt_list, &v);
	u->stmt_list = v.u;
	u->comp_dir = dwarf_attr(d, &die, DA_comp_dir, &v) ? v.str : NULL;
	u->name = dwarf_name(d, &die);
	u->dwo = !d->is_split && (dwarf_attr(d, &die, DA_dwo_name, &v) || dwarf_attr(d, &die, DA_GNU_dwo_name, &v)) ? v.str : NULL;
	if (u->version < 5)
		u->dwo_id = dwarf_num(d, &die, DA_GNU_dwo_id, 0);
	if (dwarf_attr(d, &die, DA_low_pc, &v))
		u->low_pc = v.u;
}

void
dwarf_take_units(Dwarf *d)
{
	Rd r = { d->info.p, d->info.p + d->info.n, false };

	while (r.end - r.p > 11) {
		Unit *u = NEW(d->a, Unit);
		u64 len, abbrev;
		u8 type = 1;

		u->off = (u64)(r.p - d->info.p);
		u->off_size = 4;
		len = rd_int(&r, 4);
		if (len == 0xffffffff) {
			len = rd_int(&r, 8);
			u->off_size = 8;
		}
		if (len > (u64)(r.end - r.p))
			return;
		u->end = (u64)(r.p - d->info.p) + len;
		u->version = (u32)rd_int(&r, 2);
		if (u->version >= 5) {
			type = (u8)rd_int(&r, 1);
			u->addr_size = (u8)rd_int(&r, 1);
			abbrev = rd_int(&r, u->off_size);
			if (type == 4 || type == 5)             /* skeleton, split: an id */
				u->dwo_id = rd_int(&r, 8);
			if (type == 2 || type == 6)             /* type units: signature and offset */
				rd_skip(&r, 8 + u->off_size);
		} else {
			abbrev = rd_int(&r, u->off_size);
			u->addr_size = (u8)rd_int(&r, 1);
		}
		u->first = (u64)(r.p - d->info.p);
		if (u->version >= 2 && u->version <= 5 && (u->addr_size == 8 || u->addr_size == 4) && u->first < u->end && !r.bad) {
			u->abbrevs = abbrevs_at(d, abbrev);
			VEC_PUSH(d->a, &d->units, u);
			unit_entry(d, u);
		}
		r.bad = false;
		r.p = d->info.p + u->end;
	}
}

Dwarf *
sym_dwarf_open(Arena *a, const char *path)
{
	Dwarf *d = NEW(a, Dwarf);

	d->a = a;
	d->types.arena = a;
	if (host_map(path, &d->map))
		return NULL;
	dwarf_take_sections(d, &d->map);
	if (!d->info.p) {
		dwarf_forget_sections(d);
		dwarf_find_separate(d, path);
	}
	if (d->info.p && d->abbrev.p)
		dwarf_take_units(d);
	for (u32 i = 0; i < d->units.n; i++)
		if (d->units.v[i]->dwo)
			dwarf_open_split(d, d->units.v[i], path);
	if (d->units.n)
		return d;
	sym_dwarf_close(d);
	return NULL;
}

void
sym_dwarf_close(Dwarf *d)
{
	if (!d)
		return;
	for (u32 i = 0; i < d->inflated.n; i++)
		free(d->inflated.v[i]);
	for (u32 i = 0; i < d->splits.n; i++)
		sym_dwarf_close(d->splits.v[i]);
	host_unmap(&d->map);
	host_unmap(&d->debug);
}

/* ---- attributes ---- */

/* An entry of a table of offsets or addresses (strx, addrx). */
u64
dwarf_indexed(const Bytes *table, u64 base, u64 i, u32 size)
{
	u64 v = 0;

	if (i > table->n || base > table->n || (table->n - base) / size <= i)
		return ~0ull;
	memcpy(&v, table->p + base + i * size, size);
	return v;
}

/* Reads one attribute's value, or steps over it. */
static void
read_form(Dwarf *d, const Unit *u, Rd *r, u32 form, s64 implicit, Value *v)
{
	*v = (Value){ .form = form, .set = true };
	switch (form) {
	case 0x01:                                      /* addr */
		v->u = rd_int(r, u->addr_size);
		break;
	case 0x0b: case 0x11: case 0x0c:                /* data1 ref1 flag */
		v->u = rd_int(r, 1);
		v->s = (s8)v->u;
		break;
	case 0x05: case 0x12:                           /* data2 ref2 */
		v->u = rd_int(r, 2);
		v->s = (s16)v->u;
		break;
	case 0x06: case 0x13:                           /* data4 ref4 */
		v->u = rd_int(r, 4);
		v->s = (s32)v->u;
		break;
	case 0x07: case 0x14: case 0x20:                /* data8 ref8 ref_sig8 */
		v->u = rd_int(r, 8);
		v->s = (s64)v->u;
		break;
	case 0x1e:                                      /* data16 */
		rd_skip(r, 16);
		break;
	case 0x0d:                                      /* sdata */
		v->s = rd_sleb(r);
		v->u = (u64)v->s;
		break;
	case 0x0f: case 0x15:                           /* udata ref_udata */
		v->u = rd_uleb(r);
		v->s = (s64)v->u;
		break;
	case 0x08:                                      /* string */
		v->str = rd_str(r);
		break;
	case 0x0e:                                      /* strp */
		v->str = string_at(&d->str, rd_int(r, u->off_size));
		break;
	case 0x1f:                                      /* line_strp */
		v->str = string_at(&d->line_str, rd_int(r, u->off_size));
		break;
	case 0x17: case 0x10:                           /* sec_offset ref_addr; version 2 had addresses there */
		v->u = rd_int(r, form == 0x10 && u->version <= 2 ? u->addr_size : u->off_size);
		break;
	case 0x1d: case 0x1f20: case 0x1f21: case 0x1c: /* strp_sup, GNU_ref_alt, GNU_strp_alt, ref_sup4: another file */
		v->u = rd_int(r, form == 0x1c ? 4 : u->off_size);
		v->set = false;
		break;
	case 0x24:                                      /* ref_sup8 */
		v->u = rd_int(r, 8);
		v->set = false;
		break;
	case 0x19:                                      /* flag_present */
		v->u = 1;
		break;
	case 0x21:                                      /* implicit_const */
		v->s = implicit;
		v->u = (u64)implicit;
		break;
	case 0x1f02: case 0x1a: case 0x25: case 0x26: case 0x27: case 0x28: {    /* GNU_str_index strx strx1..4 */
		u64 i = form == 0x1a || form == 0x1f02 ? rd_uleb(r) : rd_int(r, form - 0x24);

		v->str = string_at(&d->str, dwarf_indexed(&d->str_offsets, u->str_offsets, i, u->off_size));
		break;
	}
	case 0x1f01: case 0x1b: case 0x29: case 0x2a: case 0x2b: case 0x2c: {    /* GNU_addr_index addrx addrx1..4 */
		u64 i = form == 0x1b || form == 0x1f01 ? rd_uleb(r) : rd_int(r, form - 0x28);

		v->u = dwarf_indexed(&d->addr, u->addr_base, i, u->addr_size);
		break;
	}
	case 0x22: case 0x23:                           /* loclistx rnglistx */
		v->u = rd_uleb(r);
		break;
	case 0x0a: case 0x03: case 0x04: case 0x09: case 0x18:          /* block1 2 4, block, exprloc */
		v->block.n = form == 0x0a ? rd_int(r, 1) : form == 0x03 ? rd_int(r, 2) : form == 0x04 ? rd_int(r, 4) : rd_uleb(r);
		v->block.p = r->p;
		rd_skip(r, v->block.n);
		if (r->bad)
			v->block.n = 0;
		break;
	case 0x16: {                                    /* indirect */
		u32 inner = (u32)rd_uleb(r);

		if (inner == 0x16 || inner == 0x21)
			r->bad = true;
		else
			read_form(d, u, r, inner, 0, v);
		break;
	}
	default:
		r->bad = true;
	}
	if ((form >= 0x11 && form <= 0x15))
		v->ref = u->off + v->u;
	else if (form == 0x10)
		v->ref = v->u;
	if (v->str)
		v->u = 0;
}

static const Abbrev *
abbrev_of(const Unit *u, u64 code)
{
	return code && code < u->abbrevs->n ? &u->abbrevs->v[code] : NULL;
}

static Rd
reader(Dwarf *d, const Unit *u, u64 off)
{
	return (Rd){ d->info.p + MIN(off, u->end), d->info.p + u->end, false };
}

bool
dwarf_die(Dwarf *d, const Unit *u, u64 off, Die *out)
{
	Rd r = reader(d, u, off);
	const Abbrev *a;
	Value v;

	*out = (Die){ 0 };
	if (off < u->first || off >= u->end)
		return false;
	a = abbrev_of(u, rd_uleb(&r));
	if (!a)
		return false;
	for (u32 i = 0; i < a->n_specs && !r.bad; i++) {
		const Spec *s = &u->abbrevs->specs[a->spec + i];

		read_form(d, u, &r, s->form, s->implicit, &v);
	}
	*out = (Die){ u, off, (u64)(r.p - d->info.p), a->tag, a->children };
	return !r.bad;
}

bool
dwarf_attr(Dwarf *d, const Die *die, u32 attr, Value *v)
{
	Rd r = reader(d, die->u, die->off);
	const Abbrev *a = abbrev_of(die->u, rd_uleb(&r));

	for (u32 i = 0; a && i < a->n_specs && !r.bad; i++) {
		const Spec *s = &die->u->abbrevs->specs[a->spec + i];

		read_form(d, die->u, &r, s->form, s->implicit, v);
		if (s->attr == attr && !r.bad)
			return v->set;
	}
	*v = (Value){ 0 };
	return false;
}

bool
dwarf_ref(Dwarf *d, const Die *die, u32 attr, Die *out)
{
	u32 lo = 0, hi = d->units.n;
	Value v;

	*out = (Die){ 0 };
	if (!dwarf_attr(d, die, attr, &v) || !v.ref)
		return false;
	while (lo < hi) {
		u32 mid = lo + (hi - lo) / 2;

		if (d->units.v[mid]->end <= v.ref)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < d->units.n && dwarf_die(d, d->units.v[lo], v.ref, out);
}

const char *
dwarf_name(Dwarf *d, const Die *die)
{
	Value v;

	return dwarf_attr(d, die, DA_name, &v) && v.str && *v.str ? v.str : NULL;
}

u64
dwarf_num(Dwarf *d, const Die *die, u32 attr, u64 otherwise)
{
	Value v;

	return dwarf_attr(d, die, attr, &v) && !v.block.p && !v.ref ? v.u : otherwise;
}

bool
dwarf_flag(Dwarf *d, const Die *die, u32 attr)
{
	return dwarf_num(d, die, attr, 0) != 0;
}

/* The offset behind an entry and all below it. */
static u64
behind(Dwarf *d, const Die *die)
{
	u64 at = die->after;
	u32 depth = 1;
	Value v;
	Die c;

	if (!die->children)
		return at;
	if (dwarf_attr(d, die, DA_sibling, &v) && v.ref > die->off && v.ref < die->u->end)
		return v.ref;
	while (depth && at < die->u->end) {
		if (!d->info.p[at]) {
			depth--;
			at++;
		} else if (!dwarf_die(d, die->u, at, &c)) {
			return die->u->end;
		} else {
			depth += c.children;
			at = c.after;
			if (c.children && dwarf_attr(d, &c, DA_sibling, &v) && v.ref > c.off && v.ref < die->u->end) {
				at = v.ref;
				depth--;
			}
		}
	}
	return at;
}

bool
dwarf_child(Dwarf *d, const Die *parent, Die *c)
{
	u64 at = c->u ? behind(d, c) : parent->after;

	if (!parent->children || at >= parent->u->end || !d->info.p[at])
		return false;
	return dwarf_die(d, parent->u, at, c);
}

/* Ranges of versions up to 4: pairs relative to the unit's address. */
static bool
old_ranges(Dwarf *d, const Unit *u, u64 off, RangeFn *fn, void *arg)
{
	Rd r = { d->ranges.p + MIN(off, d->ranges.n), d->ranges.p + d->ranges.n, false };
	u64 base = u->low_pc;

	for (;;) {
		u64 from = rd_int(&r, u->addr_size), to = rd_int(&r, u->addr_size);

		if (r.bad || (!from && !to))
			return false;
		if (from == (u->addr_size == 8 ? ~0ull : 0xffffffffull))
			base = to;
		else if (from != to && fn(arg, base + from, base + to))
			return true;
	}
}

static u64
address_at(Dwarf *d, const Unit *u, Rd *r)
{
	return dwarf_indexed(&d->addr, u->addr_base, rd_uleb(r), u->addr_size);
}

static bool
ranges(Dwarf *d, const Unit *u, u64 off, RangeFn *fn, void *arg)
{
	Rd r = { d->rnglists.p + MIN(off, d->rnglists.n), d->rnglists.p + d->rnglists.n, false };
	u64 base = u->low_pc;

	while (!r.bad) {
		u32 kind = (u32)rd_int(&r, 1);
		u64 from, to;

		switch (kind) {
		case 1: base = address_at(d, u, &r); continue;
		case 2: from = address_at(d, u, &r); to = address_at(d, u, &r); break;
		case 3: from = address_at(d, u, &r); to = from + rd_uleb(&r); break;
		case 4: from = base + rd_uleb(&r); to = base + rd_uleb(&r); break;
		case 5: base = rd_int(&r, u->addr_size); continue;
		case 6: from = rd_int(&r, u->addr_size); to = rd_int(&r, u->addr_size); break;
		case 7: from = rd_int(&r, u->addr_size); to = from + rd_uleb(&r); break;
		default: return false;
		}
		if (!r.bad && from != to && fn(arg, from, to))
			return true;
	}
	return false;
}

bool
dwarf_each_range(Dwarf *d, const Die *die, RangeFn *fn, void *arg)
{
	const Unit *u = die->u;
	Value v, low;
	u64 off;

	if (dwarf_attr(d, die, DA_low_pc, &low) && dwarf_attr(d, die, DA_high_pc, &v)) {
		bool is_addr = v.form == 0x01 || v.form == 0x1b || (v.form >= 0x29 && v.form <= 0x2c);

		return fn(arg, low.u, is_addr ? v.u : low.u + v.u);
	}
	if (!dwarf_attr(d, die, DA_ranges, &v))
		return false;
	if (u->version < 5)
		return old_ranges(d, u, v.u, fn, arg);
	off = v.form == 0x23 ? dwarf_indexed(&d->rnglists, u->rnglists, v.u, u->off_size) : v.u;
	return off != ~0ull && ranges(d, u, v.form == 0x23 ? off + u->rnglists : off, fn, arg);
}

static bool
has_address(void *arg, u64 from, u64 to)
{
	u64 pc = *(u64 *)arg;

	return pc >= from && pc < to;
}

bool
dwarf_contains(Dwarf *d, const Die *die, u64 pc)
{
	return dwarf_each_range(d, die, has_address, &pc);
}

static bool
keep_start(void *arg, u64 from, u64 to)
{
	(void)to;
	*(u64 *)arg = from;
	return true;
}

bool
dwarf_low_pc(Dwarf *d, const Die *die, u64 *pc)
{
	Value v;

	if (dwarf_attr(d, die, DA_entry_pc, &v) || dwarf_attr(d, die, DA_low_pc, &v)) {
		*pc = v.u;
		return true;
	}
	return dwarf_each_range(d, die, keep_start, pc);
}
