/* dwarftype: functions and types of a program from its DWARF, as Types. Structs get their members when they are asked for, so
 * a list that points at itself ends. */
#include "sym/dwarf.h"

enum { MAX_DEPTH = 32 };

static const Type *type_of(Dwarf *d, Types *ts, const Die *die, int depth);

/* The type that an entry's type attribute means; void if it has none. */
static const Type *
typed(Dwarf *d, Types *ts, const Die *die, int depth)
{
	Die t;

	return depth < MAX_DEPTH && dwarf_ref(d, die, DA_type, &t) ? type_of(d, ts, &t, depth + 1) : &ty_none;
}

/* char itself, behind typedefs of nothing but const: arrays of it are strings. */
static bool
is_char(Dwarf *d, const Die *die)
{
	Die t, next;
	const char *name;

	if (!dwarf_ref(d, die, DA_type, &t))
		return false;
	for (int i = 0; i < MAX_DEPTH && (t.tag == DT_const || t.tag == DT_volatile) && dwarf_ref(d, &t, DA_type, &next); i++)
		t = next;
	name = t.tag == DT_base ? dwarf_name(d, &t) : NULL;
	return name && !strcmp(name, "char");
}

static const Type *
base_type(Dwarf *d, Types *ts, const Die *die)
{
	u64 size = dwarf_num(d, die, DA_byte_size, 0), encoding = dwarf_num(d, die, DA_encoding, 0);

	if (encoding == 2 && size == 1)
		return &ty_bool;
	if (encoding == 4 || (size != 1 && size != 2 && size != 4 && size != 8))        /* float, long double, __int128 */
		return type_array(ts, type_int(1, false), (u32)MIN(size, 64u));
	return type_int((u32)size, encoding == 5 || encoding == 6);
}

static void
fill(Types *ts, const Type *t, void *arg, u64 id)
{
	Dwarf *d = arg;
	Vec(Field) v = { 0 };
	u64 size;
	u32 align = 1;
	Die die, m = { 0 };
	Value at;

	for (u32 i = 0; i < d->units.n; i++)
		if (id < d->units.v[i]->end) {
			if (!dwarf_die(d, d->units.v[i], id, &die))
				return;
			break;
		}
	size = dwarf_num(d, &die, DA_byte_size, 0);
	while (dwarf_child(d, &die, &m)) {
		Field f = { 0 };
		u64 bits, first;

		if ((m.tag != DT_member && m.tag != DT_inheritance) || dwarf_flag(d, &m, DA_external) || dwarf_flag(d, &m, DA_declaration))
			continue;                       /* static members lie elsewhere */
		f.name = m.tag == DT_member && dwarf_name(d, &m) ? interns(dwarf_name(d, &m)) : interns("");
		f.type = typed(d, ts, &m, 0);
		if (dwarf_attr(d, &m, DA_data_member_location, &at)) {
			if (at.block.n > 1 && at.block.p[0] == 0x23)    /* DW_OP_plus_uconst */
				f.offset = (u32)rd_uleb(&(Rd){ at.block.p + 1, at.block.p + at.block.n, false });
			else if (!at.block.p)
				f.offset = (u32)at.u;
			else
				continue;               /* a virtual base */
		}
		bits = dwarf_num(d, &m, DA_bit_size, 0);
		if (bits && bits <= 64 && type_is_int(f.type)) {
			u64 unit = dwarf_num(d, &m, DA_byte_size, f.type->size) * 8;

			if (dwarf_attr(d, &m, DA_data_bit_offset, &at))
				first = at.u;
			else                            /* version 2 and 3 count from the high end of the word */
				first = f.offset * 8ull + unit - dwarf_num(d, &m, DA_bit_offset, 0) - bits;
			if (first / 8 < size)
				type_place_bits(&f, (u32)first, (u32)bits);
		}
		if (f.type->align && f.offset % f.type->align == 0)
			align = MAX(align, f.type->align);
		VEC_PUSH(d->a, &v, f);
	}
	if (size < 1ull << 31)
		type_struct_set(ts, t, v.v, v.n, (u32)size, size % align ? 1 : align);
}

/* The full definition of a struct that is only declared here. */
static bool
definition(Dwarf *d, const char *name, u32 tag, Die *out)
{
	for (u32 i = 0; i < d->units.n; i++) {
		Die top, c = { 0 };

		if (!dwarf_die(d, d->units.v[i], d->units.v[i]->first, &top))
			continue;
		while (dwarf_child(d, &top, &c)) {
			const char *n;

			if (c.tag != tag || dwarf_flag(d, &c, DA_declaration))
				continue;
			n = dwarf_name(d, &c);
			if (n && !strcmp(n, name)) {
				*out = c;
				return true;
			}
		}
	}
	return false;
}

static const Type *
struct_type(Dwarf *d, Types *ts, const Die *die)
{
	const char *name = dwarf_name(d, die);
	const Type *t = type_struct_new(ts, name, die->tag == DT_union);
	Die full = *die;

	if (dwarf_flag(d, die, DA_declaration) && name && !definition(d, name, die->tag, &full))
		full = *die;
	((Type *)t)->size = (u32)MIN(dwarf_num(d, &full, DA_byte_size, 0), 0x7fffffffu);       /* ours until it is filled */
	if (!dwarf_flag(d, &full, DA_declaration))
		type_struct_later(ts, t, fill, d, full.off);
	return t;
}

static const Type *
enum_type(Dwarf *d, Types *ts, const Die *die)
{
	u64 size = dwarf_num(d, die, DA_byte_size, 4);
	Vec(EnumValue) v = { 0 };
	bool sign = false;
	Die c = { 0 };
	Value x;

	while (dwarf_child(d, die, &c))
		if (c.tag == DT_enumerator && dwarf_name(d, &c) && dwarf_attr(d, &c, DA_const_value, &x)) {
			/* gcc writes small constants unsigned, negative ones as sdata */
			s64 n = x.form == 0x0d || x.form == 0x21 ? x.s : (s64)x.u;

			sign |= n < 0;
			VEC_PUSH(d->a, &v, ((EnumValue){ interns(dwarf_name(d, &c)), n }));
		}
	if (size != 1 && size != 2 && size != 8)
		size = 4;
	return type_enum_new(ts, dwarf_name(d, die), type_int((u32)size, sign), v.v, v.n);
}

static const Type *
array_type(Dwarf *d, Types *ts, const Die *die, int depth)
{
	const Type *t = typed(d, ts, die, depth);
	u64 dim[8];
	u32 n = 0;
	Die c = { 0 };

	while (dwarf_child(d, die, &c) && n < COUNT(dim))
		if (c.tag == DT_subrange) {
			u64 upper = dwarf_num(d, &c, DA_upper_bound, ~0ull);

			dim[n++] = dwarf_num(d, &c, DA_count, upper + 1);
		}
	if (t->kind == TY_NONE || t->kind == TY_FUNC)
		return &ty_none;
	for (u32 i = n; i-- > 0; ) {
		u64 count = dim[i] < 1u << 28 ? dim[i] : 0;

		if (i == n - 1 && count && is_char(d, die))
			t = type_string(ts, (u32)count);
		else
			t = type_array(ts, t, (u32)count);
	}
	return t;
}

static const Type *
function_type(Dwarf *d, Types *ts, const Die *die, int depth)
{
	Vec(Field) v = { 0 };
	const Type *result = typed(d, ts, die, depth);
	Die c = { 0 };

	while (dwarf_child(d, die, &c)) {
		Die origin = c;
		Field f = { 0 };

		if (c.tag != DT_parameter)
			continue;
		/* A concrete instance refers to the abstract one for names and types. */
		if (!dwarf_name(d, &c))
			dwarf_ref(d, &c, DA_abstract_origin, &origin);
		if (!origin.u)
			origin = c;
		f.name = dwarf_name(d, &origin) ? interns(dwarf_name(d, &origin)) : NULL;
		f.type = typed(d, ts, &origin, depth);
		VEC_PUSH(d->a, &v, f);
	}
	return type_func(ts, result, v.v, v.n);
}

static const Type *
make(Dwarf *d, Types *ts, const Die *die, int depth)
{
	switch (die->tag) {
	case DT_base:
		return base_type(d, ts, die);
	case DT_pointer:
		return type_ptr(ts, typed(d, ts, die, depth), AS_USER);
	case DT_reference: case DT_rvalue_reference: {  /* to an array: its elements are meant by [] */
		const Type *t = typed(d, ts, die, depth);

		return type_ptr(ts, t->kind == TY_ARRAY ? t->elem : t, AS_USER);
	}
	case DT_typedef: case DT_const: case DT_volatile: case DT_restrict: case DT_atomic:
		return typed(d, ts, die, depth);
	case DT_structure: case DT_class: case DT_union:
		return struct_type(d, ts, die);
	case DT_enumeration:
		return enum_type(d, ts, die);
	case DT_array:
		return array_type(d, ts, die, depth);
	case DT_subroutine_type:
		return function_type(d, ts, die, depth);
	default:
		return &ty_none;
	}
}

static const Type *
type_of(Dwarf *d, Types *ts, const Die *die, int depth)
{
	const Type *t = map_get(&d->types, (char *)&die->off, sizeof(die->off));

	if (!t) {
		t = make(d, ts, die, depth);
		if (depth < MAX_DEPTH / 2)
			map_set(&d->types, (char *)&die->off, sizeof(die->off), (void *)t);
	}
	return t;
}

const Type *
dwarf_type_of(Dwarf *d, Types *ts, const Die *die)
{
	return typed(d, ts, die, 0);
}

/* ---- by name ---- */

bool
dwarf_is_scope(u32 tag)
{
	return tag == DT_namespace || tag == DT_structure || tag == DT_class || tag == DT_union;
}

/* The entry that carries the name of a function: its declaration in a class, its abstract instance. */
static Die
naming(Dwarf *d, const Die *die)
{
	Die at = *die, next;

	for (int i = 0; i < 4; i++) {
		if (dwarf_ref(d, &at, DA_abstract_origin, &next) || dwarf_ref(d, &at, DA_specification, &next))
			at = next;
		else
			break;
	}
	return at;
}

bool
dwarf_called(Dwarf *d, const Die *die, const char *name)
{
	static const u32 attrs[] = { DA_name, DA_linkage_name, DA_MIPS_linkage_name };
	Die at = naming(d, die);
	Value v;

	for (u32 i = 0; i < COUNT(attrs); i++)
		if ((dwarf_attr(d, &at, attrs[i], &v) || dwarf_attr(d, die, attrs[i], &v)) && v.str && !strcmp(v.str, name))
			return true;
	return false;
}

static bool
each_below(Dwarf *d, const Die *top, u32 tag, DieFn *fn, void *arg, int depth)
{
	Die c = { 0 };

	while (dwarf_child(d, top, &c)) {
		if ((c.tag == tag || (!tag && c.tag != DT_subprogram)) && fn(arg, &c))
			return true;
		if (dwarf_is_scope(c.tag) && c.children && depth < 16 && each_below(d, &c, tag, fn, arg, depth + 1))
			return true;
	}
	return false;
}

bool
dwarf_each(Dwarf *d, u32 tag, DieFn *fn, void *arg)
{
	for (u32 i = 0; i < d->units.n; i++) {
		Die top;

		if (dwarf_die(d, d->units.v[i], d->units.v[i]->first, &top) && each_below(d, &top, tag, fn, arg, 0))
			return true;
	}
	return false;
}

typedef struct Search { Dwarf *d; const char *name; u32 tag; Die best; } Search;

static bool
function_named(void *arg, const Die *die)
{
	Search *s = arg;
	u64 pc;

	if (!dwarf_called(s->d, die, s->name))
		return false;
	if (!s->best.u || !dwarf_flag(s->d, die, DA_declaration))
		s->best = *die;
	return dwarf_low_pc(s->d, die, &pc);    /* the one with code; declarations and abstract ones serve until it comes */
}

const Type *
sym_dwarf_func(Dwarf *d, Types *ts, const char *name)
{
	Search s = { .d = d, .name = name };

	dwarf_each(d, DT_subprogram, function_named, &s);
	for (u32 i = 0; i < d->splits.n && !s.best.u; i++) {
		const Type *t = sym_dwarf_func(d->splits.v[i], ts, name);

		if (t)
			return t;
	}
	if (!s.best.u)
		return NULL;
	Die at = s.best, origin = naming(d, &at);
	const Type *t = function_type(d, ts, &at, 0);

	/* Definitions out of line leave the result, abstract ones the parameters, to the entry they refer to. */
	if (origin.off != at.off) {
		const Type *o = function_type(d, ts, &origin, 0);

		if (t->elem->kind == TY_NONE)
			((Type *)t)->elem = o->elem;
		if (!t->n_fields)
			t = o;
	}
	return t;
}

static bool
type_named(void *arg, const Die *die)
{
	Search *s = arg;
	const char *name;
	bool fits;

	if (s->tag)
		fits = die->tag == s->tag || (s->tag == DT_structure && die->tag == DT_class);
	else
		fits = dwarf_is_scope(die->tag) || die->tag == DT_typedef || die->tag == DT_enumeration || die->tag == DT_base;
	if (!fits || die->tag == DT_namespace || dwarf_flag(s->d, die, DA_declaration))
		return false;
	name = dwarf_name(s->d, die);
	if (!name || strcmp(name, s->name))
		return false;
	s->best = *die;
	return true;
}

const Type *
sym_dwarf_type(Dwarf *d, Types *ts, const char *name)
{
	static const struct { const char *word; u32 tag; } words[] = {
		{ "struct ", DT_structure }, { "class ", DT_structure }, { "union ", DT_union }, { "enum ", DT_enumeration },
	};
	Search s = { .d = d, .name = name };

	for (u32 i = 0; i < COUNT(words); i++)
		if (!strncmp(name, words[i].word, strlen(words[i].word))) {
			s.name = name + strlen(words[i].word);
			s.tag = words[i].tag;
		}
	if (dwarf_each(d, 0, type_named, &s))
		return type_of(d, ts, &s.best, 0);
	for (u32 i = 0; i < d->splits.n; i++) {
		const Type *t = sym_dwarf_type(d->splits.v[i], ts, name);

		if (t)
			return t;
	}
	return NULL;
}
