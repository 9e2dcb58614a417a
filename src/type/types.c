/* types: the constructors of types. Each gives one pointer for equal arguments, so types compare by ==; structs are equal by
 * definition (name and size). Layout is the C one of 64-bit Linux: natural alignment, little endian bitfields. */
#include "type/inside.h"

#include <assert.h>

const Type ty_error = { .kind = TY_ERROR, .size = 8, .align = 8, .name = "error" };
const Type ty_none = { .kind = TY_NONE, .align = 1, .name = "void" };
const Type ty_bool = { .kind = TY_BOOL, .size = 1, .align = 1, .name = "bool" };

static const Type ints[2][4] = {
	{ { .kind = TY_INT, .size = 1, .align = 1 }, { .kind = TY_INT, .size = 2, .align = 2 },
	  { .kind = TY_INT, .size = 4, .align = 4 }, { .kind = TY_INT, .size = 8, .align = 8 } },
	{ { .kind = TY_INT, .sign = true, .size = 1, .align = 1 }, { .kind = TY_INT, .sign = true, .size = 2, .align = 2 },
	  { .kind = TY_INT, .sign = true, .size = 4, .align = 4 }, { .kind = TY_INT, .sign = true, .size = 8, .align = 8 } },
};

Types *
type_new(Arena *a)
{
	Types *ts = NEW(a, Types);

	ts->a = a;
	ts->derived.arena = ts->named.arena = ts->later.arena = ts->enumerators.arena = a;
	return ts;
}

void
type_free(Types *ts)
{
	if (!ts)
		return;
	btf_free(ts->btf);
	btf_free(ts->added);
}

const Type *
type_int(u32 bytes, bool sign)
{
	switch (bytes) {
	case 1: return &ints[sign][0];
	case 2: return &ints[sign][1];
	case 4: return &ints[sign][2];
	default: return &ints[sign][3];
	}
}

const Type *
type_float(u32 bytes)
{
	static const Type floats[] = {
		{ .kind = TY_NONE, .size = 4, .align = 4, .name = "float" }, { .kind = TY_NONE, .size = 8, .align = 8, .name = "double" },
		{ .kind = TY_NONE, .size = 16, .align = 16, .name = "long double" },
	};

	return &floats[bytes == 4 ? 0 : bytes == 8 ? 1 : 2];
}

/* The one type equal to t, by its scalar columns and elem; t is copied when new. */
static const Type *
unique(Types *ts, const Type *t)
{
	struct { const Type *elem; const char *name; s64 min, max, step; u32 size, align, count; u8 kind, sign, space, mode; } key;
	Type *found;

	memset(&key, 0, sizeof(key));
	key.elem = t->elem;
	key.name = t->name;
	key.min = t->min, key.max = t->max, key.step = t->step;
	key.size = t->size, key.align = t->align, key.count = t->count;
	key.kind = t->kind, key.sign = t->sign, key.space = t->space, key.mode = t->mode;
	found = map_get(&ts->derived, (char *)&key, sizeof(key));
	if (!found) {
		found = NEW(ts->a, Type);
		*found = *t;
		map_set(&ts->derived, (char *)&key, sizeof(key), found);
	}
	return found;
}

const Type *
type_string(Types *ts, u32 size)
{
	return unique(ts, &(Type){ .kind = TY_STRING, .size = size, .count = size, .align = 1 });
}

const Type *
type_buffer(Types *ts, u32 size)
{
	return unique(ts, &(Type){ .kind = TY_BUFFER, .size = size + 4, .count = size, .align = 4 });
}

const Type *
type_ptr(Types *ts, const Type *elem, AddrSpace space)
{
	return unique(ts, &(Type){ .kind = TY_PTR, .size = 8, .align = 8, .elem = elem, .space = (u8)space });
}

const Type *
type_array(Types *ts, const Type *elem, u32 n)
{
	u64 size = (u64)elem->size * n;

	return unique(ts, &(Type){ .kind = TY_ARRAY, .size = (u32)MIN(size, 0x7fffffffu), .align = MAX(elem->align, 1u),
			.elem = elem, .count = n });
}

/* Places n fields one behind the other with natural alignment; sets size and align of t. */
static void
lay_out(Type *t)
{
	u32 at = 0, align = 1;

	for (u32 i = 0; i < t->n_fields; i++) {
		const Type *e = t->fields[i].type;

		at = ALIGN(at, MAX(e->align, 1u));
		t->fields[i].offset = at;
		at += e->size;
		align = MAX(align, e->align);
	}
	t->size = ALIGN(at, align);
	t->align = align;
}

/* A tuple (names NULL) or record: the key is the elements and the names, both unique pointers. */
static const Type *
fields_type(Types *ts, TypeKind kind, const char *const *names, const Type *const *elem, u32 n)
{
	Buf key = { 0 };
	Type *t;

	buf_putc(&key, (char)kind);
	buf_put(&key, elem, n * sizeof(*elem));
	for (u32 i = 0; names && i < n; i++) {
		const char *name = interns(names[i]);

		buf_put(&key, &name, sizeof(name));
	}
	t = map_get(&ts->derived, key.p, key.n);
	if (!t) {
		t = NEW(ts->a, Type);
		t->kind = (u8)kind;
		t->fields = NEW_N(ts->a, Field, n ? n : 1);
		t->n_fields = n;
		t->is_complete = true;
		for (u32 i = 0; i < n; i++) {
			t->fields[i].name = names ? interns(names[i]) : NULL;
			t->fields[i].type = elem[i];
		}
		lay_out(t);
		map_set(&ts->derived, key.p, key.n, t);
	}
	buf_free(&key);
	return t;
}

const Type *
type_tuple(Types *ts, const Type *const *elem, u32 n)
{
	return fields_type(ts, TY_TUPLE, NULL, elem, n);
}

const Type *
type_record(Types *ts, const char *const *names, const Type *const *elem, u32 n)
{
	return fields_type(ts, TY_RECORD, names, elem, n);
}

const Type *
type_special(Types *ts, TypeKind kind, u32 size, bool sign, u32 count, u32 mode)
{
	u32 align = size >= 8 ? 8 : size >= 4 ? 4 : size >= 2 ? 2 : 1;

	/* Bytes, read as such: a prefix of an address family or nothing. */
	if (kind == TY_MAC)
		align = 1;
	if (kind == TY_INET)
		align = 4;
	return unique(ts, &(Type){ .kind = (u8)kind, .size = size, .align = align, .sign = sign, .count = count,
			.mode = (u8)mode });
}

const Type *
type_lhist(Types *ts, s64 min, s64 max, s64 step)
{
	return unique(ts, &(Type){ .kind = TY_LHIST, .size = 8, .align = 8, .sign = true, .min = min, .max = max, .step = step });
}

const Type *
type_tseries(Types *ts, s64 interval, s64 count, u32 agg, bool sign)
{
	return unique(ts, &(Type){ .kind = TY_TSERIES, .size = 8, .align = 8, .sign = sign, .min = interval, .max = count,
			.step = agg });
}

const Type *
type_text(Types *ts, TypeKind kind, const char *text, u32 mode)
{
	return unique(ts, &(Type){ .kind = (u8)kind, .size = 8, .align = 8, .name = text ? interns(text) : NULL,
			.mode = (u8)mode });
}

const Type *
type_struct_new(Types *ts, const char *name, bool is_union)
{
	Type *t = NEW(ts->a, Type);

	t->kind = TY_STRUCT;
	t->is_union = is_union;
	t->name = name ? interns(name) : NULL;
	t->align = 1;
	return t;
}

void
type_struct_set(Types *ts, const Type *s, Field *fields, u32 n, u32 size, u32 align)
{
	Type *t = (Type *)s;            /* ours: made by type_struct_new */

	(void)ts;
	assert(t->kind == TY_STRUCT);
	t->fields = fields;
	t->n_fields = n;
	t->size = size;
	t->align = MAX(align, 1u);
	t->is_complete = true;
}

/* Places a bitfield in the aligned word of its type, as C does; in the bytes that hold it if it is packed. */
void
type_place_bits(Field *f, u32 bit_off, u32 bits)
{
	u32 size = f->type->size == 1 || f->type->size == 2 || f->type->size == 4 ? f->type->size : 8;

	f->offset = bit_off / 8 / size * size;
	if (bit_off - f->offset * 8 + bits > size * 8)
		f->offset = bit_off / 8;
	f->bit_offset = (u16)(bit_off - f->offset * 8);
	f->bit_size = (u16)bits;
}

const Type *
type_enum_new(Types *ts, const char *name, const Type *base, const EnumValue *values, u32 n)
{
	Type *t = NEW(ts->a, Type);

	t->kind = TY_ENUM;
	t->name = name ? interns(name) : NULL;
	t->elem = base;
	t->size = base->size;
	t->align = base->align;
	t->sign = base->sign;
	t->values = values;
	t->n_values = n;
	t->is_complete = true;
	return t;
}

const Type *
type_func(Types *ts, const Type *result, Field *params, u32 n)
{
	Type *t = NEW(ts->a, Type);

	t->kind = TY_FUNC;
	t->elem = result;
	t->fields = params;
	t->n_fields = n;
	t->align = 1;
	t->is_complete = true;
	return t;
}

void
type_define(Types *ts, const char *name, const Type *t)
{
	map_set(&ts->named, name, strlen(name), (void *)t);
}

void
type_define_value(Types *ts, const char *name, s64 value, const Type *t)
{
	Enumerator *e = NEW(ts->a, Enumerator);

	*e = (Enumerator){ value, t };
	map_set(&ts->enumerators, name, strlen(name), e);
}

bool
type_is_agg(const Type *t)
{
	return t->kind >= TY_COUNT;
}

bool
type_is_int(const Type *t)
{
	return t->kind == TY_INT || t->kind == TY_BOOL || t->kind == TY_ENUM;
}

/* depth: types from DWARF or BTF may be cyclic through pointers; names decide there. */
static bool
equal(const Type *a, const Type *b, int depth)
{
	if (a == b)
		return true;
	if (a->kind != b->kind || a->sign != b->sign || depth > 16)
		return false;
	switch (a->kind) {
	case TY_STRUCT:
		return a->name && a->name == b->name && a->is_union == b->is_union &&
			(a->size == b->size || !a->is_complete || !b->is_complete);
	case TY_ENUM:
		return a->name && a->name == b->name && a->size == b->size;
	case TY_PTR:
		return equal(a->elem, b->elem, depth + 1);
	case TY_ARRAY:
		return a->count == b->count && equal(a->elem, b->elem, depth + 1);
	case TY_TUPLE:
	case TY_RECORD:
		if (a->n_fields != b->n_fields)
			return false;
		for (u32 i = 0; i < a->n_fields; i++)
			if (a->fields[i].name != b->fields[i].name ||
			    !equal(a->fields[i].type, b->fields[i].type, depth + 1))
				return false;
		return true;
	default:
		return false;
	}
}

bool
type_equal(const Type *a, const Type *b)
{
	return equal(a, b, 0);
}

void
type_struct_later(Types *ts, const Type *t, TypeFill *fill, void *arg, u64 id)
{
	Later *l = NEW(ts->a, Later);

	*l = (Later){ fill, arg, id, false };
	map_set(&ts->later, (char *)&t, sizeof(t), l);
}

const Field *
type_fields(Types *ts, const Type *t, u32 *n)
{
	Later *later = t->kind == TY_STRUCT && !t->is_complete ? map_get(&ts->later, (char *)&t, sizeof(t)) : NULL;

	*n = 0;
	if (later) {
		if (!later->done) {
			later->done = true;
			later->fill(ts, t, later->arg, later->id);
		}
	} else if (t->kind == TY_STRUCT && !t->is_complete && t->id)
		btf_complete(ts, (Type *)t);
	else if (t->kind == TY_STRUCT && !t->is_complete && t->name)
		btf_adopt(ts, (Type *)t);
	if (t->kind != TY_STRUCT && t->kind != TY_TUPLE && t->kind != TY_RECORD && t->kind != TY_FUNC)
		return NULL;
	*n = t->n_fields;
	return t->is_complete ? t->fields : NULL;
}

static bool
field(Types *ts, const Type *t, const char *name, Field *out, int depth)
{
	u32 n;
	const Field *f = type_fields(ts, t, &n);

	for (u32 i = 0; i < n; i++)
		if (f[i].name && !strcmp(f[i].name, name)) {
			*out = f[i];
			return true;
		}
	for (u32 i = 0; i < n && depth < 32; i++)
		if ((!f[i].name || !*f[i].name) && f[i].type->kind == TY_STRUCT &&
		    field(ts, f[i].type, name, out, depth + 1)) {
			out->offset += f[i].offset;
			return true;
		}
	return false;
}

bool
type_field(Types *ts, const Type *t, const char *name, Field *out)
{
	return t->kind != TY_TUPLE && t->kind != TY_FUNC && field(ts, t, name, out, 0);
}

const Field *
type_partner(const Type *a, u32 i, const Type *b)
{
	if (a->kind != b->kind || a->n_fields != b->n_fields)
		return NULL;
	if (a->kind != TY_RECORD || a->fields[i].name == b->fields[i].name)
		return &b->fields[i];
	for (u32 k = 0; k < b->n_fields; k++)
		if (b->fields[k].name == a->fields[i].name)
			return &b->fields[k];
	return NULL;
}
