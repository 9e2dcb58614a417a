/* dwarfinl: functions that the compiler put into their callers: where each instance begins, and where its parameters lie there. */
#include "sym/dwarf.h"

typedef int InstanceFn(void *arg, Dwarf *d, u64 addr, const Die *die, const Die *around);         /* nonzero ends */

typedef struct Inlined { Dwarf *d; const char *name; InstanceFn *fn; void *arg; int n; bool stop; } Inlined;

/* The function itself says whether it was put anywhere: a walk over the tops of units, which most end here. */
static bool
was_inlined(void *arg, const Die *die)
{
	enum { INLINED = 1, DECLARED_INLINED = 3 };
	Inlined *in = arg;
	u64 how = dwarf_num(in->d, die, DA_inline, 0);

	return (how == INLINED || how == DECLARED_INLINED) && dwarf_called(in->d, die, in->name);
}

static void
below(Inlined *in, const Die *top, const Die *around, int depth)
{
	enum { DEEPEST = 64 };
	Die c = { 0 };
	u64 pc;

	while (!in->stop && dwarf_child(in->d, top, &c)) {
		if (c.tag == DT_inlined && dwarf_called(in->d, &c, in->name) && dwarf_low_pc(in->d, &c, &pc)) {
			in->n++;
			in->stop = in->fn(in->arg, in->d, pc, &c, around);
		}
		if (c.children && depth < DEEPEST &&
		    (c.tag == DT_inlined || c.tag == DT_lexical_block || c.tag == DT_subprogram || dwarf_is_scope(c.tag)))
			below(in, &c, c.tag == DT_subprogram ? &c : around, depth + 1);
	}
}

static int
each_instance(Dwarf *d, const char *name, InstanceFn *fn, void *arg)
{
	Inlined in = { d, name, fn, arg, 0, false };

	for (u32 i = 0; i < d->splits.n; i++)
		in.n += each_instance(d->splits.v[i], name, fn, arg);
	if (!dwarf_each(d, DT_subprogram, was_inlined, &in))
		return in.n;
	for (u32 i = 0; i < d->units.n && !in.stop; i++) {
		Die top;

		if (dwarf_die(d, d->units.v[i], d->units.v[i]->first, &top))
			below(&in, &top, &top, 0);
	}
	return in.n;
}

typedef struct Addresses { int (*fn)(void *, u64); void *arg; } Addresses;

static int
tell_address(void *arg, Dwarf *d, u64 addr, const Die *die, const Die *around)
{
	const Addresses *a = arg;

	(void)d, (void)die, (void)around;
	return a->fn(a->arg, addr);
}

int
sym_dwarf_inlined(Dwarf *d, const char *name, int (*fn)(void *, u64 addr), void *arg)
{
	Addresses a = { fn, arg };

	return each_instance(d, name, tell_address, &a);
}

/* ---- where parameters lie ---- */

static Bytes
expression(Rd *r, u64 n)
{
	Bytes b = { r->p, n };

	rd_skip(r, n);
	return r->bad ? (Bytes){ 0 } : b;
}

/* Of a list in .debug_loc, up to version 4: pairs of addresses, relative to the unit's. Those of split units have a form of their own. */
static Bytes
in_old_list(Dwarf *d, const Unit *u, u64 off, u64 pc)
{
	Rd r = { d->loc.p + MIN(off, d->loc.n), d->loc.p + d->loc.n, false };
	u64 base = u->low_pc, highest = u->addr_size == 8 ? ~0ull : 0xffffffffull;

	while (!r.bad && !d->is_split) {
		u64 from = rd_int(&r, u->addr_size), to = rd_int(&r, u->addr_size);
		Bytes e;

		if (!from && !to)
			break;
		if (from == highest) {
			base = to;
			continue;
		}
		e = expression(&r, rd_int(&r, 2));
		if (pc >= base + from && pc < base + to)
			return e;
	}
	return (Bytes){ 0 };
}

/* Of a list in .debug_loclists, version 5. */
static Bytes
in_list(Dwarf *d, const Unit *u, u64 off, u64 pc)
{
	Rd r = { d->loclists.p + MIN(off, d->loclists.n), d->loclists.p + d->loclists.n, false };
	Bytes otherwise = { 0 };
	u64 base = u->low_pc;

	while (!r.bad) {
		u32 kind = (u32)rd_int(&r, 1);
		u64 from = 0, to = 0;
		Bytes e;

		switch (kind) {
		case 0: return otherwise;
		case 1: base = dwarf_indexed(&d->addr, u->addr_base, rd_uleb(&r), u->addr_size); continue;
		case 2: case 3:                         /* startx_endx, startx_length */
			from = dwarf_indexed(&d->addr, u->addr_base, rd_uleb(&r), u->addr_size);
			to = rd_uleb(&r);
			to = kind == 2 ? dwarf_indexed(&d->addr, u->addr_base, to, u->addr_size) : from + to;
			break;
		case 4: from = base + rd_uleb(&r); to = base + rd_uleb(&r); break;
		case 5: break;                          /* where no other says anything */
		case 6: base = rd_int(&r, u->addr_size); continue;
		case 7: from = rd_int(&r, u->addr_size); to = rd_int(&r, u->addr_size); break;
		case 8: from = rd_int(&r, u->addr_size); to = from + rd_uleb(&r); break;
		case 9: rd_uleb(&r); rd_uleb(&r); continue;     /* a pair of views */
		default: return (Bytes){ 0 };
		}
		e = expression(&r, rd_uleb(&r));
		if (kind == 5)
			otherwise = e;
		else if (pc >= from && pc < to)
			return e;
	}
	return (Bytes){ 0 };
}

static Bytes
location(Dwarf *d, const Die *die, u64 pc)
{
	Value v;
	u64 off;

	if (!dwarf_attr(d, die, DA_location, &v))
		return (Bytes){ 0 };
	if (v.block.p)
		return v.block;
	if (die->u->version < 5)
		return in_old_list(d, die->u, v.u, pc);
	if (v.form != 0x22)                     /* loclistx */
		return in_list(d, die->u, v.u, pc);
	off = dwarf_indexed(&d->loclists, die->u->loclists, v.u, die->u->off_size);
	return off == ~0ull ? (Bytes){ 0 } : in_list(d, die->u, off + die->u->loclists, pc);
}

typedef struct Params { Types *ts; u64 addr; DwarfParam *out; u32 n, max; } Params;

static int
take_params(void *arg, Dwarf *d, u64 addr, const Die *die, const Die *around)
{
	Params *p = arg;
	Die c = { 0 };
	Value v;

	if (addr != p->addr)
		return 0;
	while (p->n < p->max && dwarf_child(d, die, &c)) {
		DwarfParam *to = &p->out[p->n];
		Die origin;

		if (c.tag != DT_parameter)
			continue;
		if (!dwarf_ref(d, &c, DA_abstract_origin, &origin))
			origin = c;
		*to = (DwarfParam){ .name = dwarf_name(d, &origin), .type = dwarf_type_of(d, p->ts, &origin), .loc = location(d, &c, addr) };
		if (dwarf_attr(d, around, DA_frame_base, &v))
			to->frame = v.block;
		to->is_const = dwarf_attr(d, &c, DA_const_value, &v) && !v.block.p && !v.str;
		to->value = v.form == 0x0b || v.form == 0x05 || v.form == 0x06 ? (s64)v.u : v.s;
		p->n++;
	}
	return 1;
}

u32
sym_dwarf_inlined_params(Dwarf *d, Types *ts, const char *name, u64 addr, DwarfParam *out, u32 max)
{
	Params p = { ts, addr, out, 0, max };

	each_instance(d, name, take_params, &p);
	return p.n;
}

/* ---- which instances an address is in ---- */

/* The chain of inlined instances around pc below `top`, the outermost first. */
static u32
chain(Dwarf *d, const Die *top, u64 pc, Die *out, u32 max, int depth)
{
	enum { DEEPEST = 64 };
	Die c = { 0 };

	while (max && depth < DEEPEST && dwarf_child(d, top, &c)) {
		bool scope = c.tag == DT_lexical_block || dwarf_is_scope(c.tag);

		if (scope) {
			u32 n = chain(d, &c, pc, out, max, depth + 1);

			if (n)
				return n;
		} else if ((c.tag == DT_subprogram || c.tag == DT_inlined) && dwarf_contains(d, &c, pc)) {
			out[0] = c;
			return 1 + chain(d, &c, pc, out + 1, max - 1, depth + 1);
		}
	}
	return 0;
}

static const char *
name_of(Dwarf *d, Die die)
{
	const char *name = dwarf_name(d, &die);
	Die next;

	for (int i = 0; !name && i < 4 && (dwarf_ref(d, &die, DA_abstract_origin, &next) || dwarf_ref(d, &die, DA_specification, &next)); i++) {
		die = next;
		name = dwarf_name(d, &die);
	}
	return name;
}

bool
sym_dwarf_frames(Dwarf *d, u64 addr, void (*fn)(void *, const char *inlined, const char *file, u32 line), void *arg)
{
	enum { MOST = 32 };
	Die in[MOST], top;
	u32 n = 0, line = 0;
	Buf file = { 0 };

	if (!sym_dwarf_line(d, addr, &file, &line)) {
		buf_free(&file);
		return false;
	}
	for (u32 i = 0; i < d->units.n && !n; i++)
		if (dwarf_die(d, d->units.v[i], d->units.v[i]->first, &top) && (dwarf_contains(d, &top, addr) || d->units.n == 1))
			n = chain(d, &top, addr, in, MOST, 0);
	for (; n && in[n - 1].tag == DT_inlined; n--) {
		const Die *die = &in[n - 1];

		fn(arg, name_of(d, *die) ? name_of(d, *die) : "?", file.p, line);
		buf_clear(&file);
		line = (u32)dwarf_num(d, die, DA_call_line, 0);
		if (!dwarf_file(d, die->u, (u32)dwarf_num(d, die, DA_call_file, 0), &file))
			buf_puts(&file, "?");
	}
	fn(arg, NULL, file.p, line);
	buf_free(&file);
	return true;
}
