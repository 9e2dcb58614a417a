/* btf_type: a record of BTF becomes a Type. Chains of modifiers and nesting have a limit, and structs point at each other
 * through Types that are completed on demand. */
#include "type/btf.h"

enum { MAX_CHAIN = 32 };

static Type *
known(Btf *b, u32 id)
{
	return map_get(&b->by_id, (char *)&id, sizeof(id));
}

static void
know(Btf *b, u32 id, const Type *t)
{
	map_set(&b->by_id, (char *)&id, sizeof(id), (void *)t);
}

static const Type *
bytes_type(Types *ts, u32 n)
{
	return type_array(ts, type_int(1, false), n);
}

static const Type *
int_type(Types *ts, const Head *h)
{
	u32 enc = *(const u32 *)(h + 1) >> 24;

	if (enc & BTF_INT_BOOL && h->size == 1)
		return &ty_bool;
	if (h->size == 1 || h->size == 2 || h->size == 4 || h->size == 8)
		return type_int(h->size, enc & BTF_INT_SIGNED);
	return bytes_type(ts, MIN(h->size, 64u));
}

static const char *
name_or_null(const Btf *b, u32 off)
{
	const char *s = btf_str(b, off);

	return *s ? interns(s) : NULL;
}

static const Type *
enum_type(Types *ts, Btf *b, u32 id, const Head *h)
{
	bool wide = KIND(h) == K_ENUM64, sign = h->info >> 31;
	u32 n = VLEN(h), size = wide ? 8 : h->size == 1 || h->size == 2 || h->size == 8 ? h->size : 4;
	const u32 *v = (const u32 *)(h + 1);
	EnumValue *values = NEW_N(ts->a, EnumValue, n ? n : 1);
	Type *t;

	for (u32 i = 0; i < n; i++, v += wide ? 3 : 2) {
		values[i].name = interns(btf_str(b, v[0]));
		values[i].value = wide ? (s64)((u64)v[2] << 32 | v[1]) : sign ? (s64)(s32)v[1] : (s64)v[1];
	}
	t = (Type *)type_enum_new(ts, NULL, type_int(size, sign), values, n);
	t->name = name_or_null(b, h->name);
	t->id = id;
	t->btf = b;
	know(b, id, t);
	return t;
}

/* A function's type; known before its parameters are looked at, so that cycles end. */
static const Type *
proto_type(Types *ts, Btf *b, u32 id, const Head *h, int depth)
{
	const u32 *v = (const u32 *)(h + 1);
	u32 n = VLEN(h);
	Field *f = NEW_N(ts->a, Field, n ? n : 1);
	Type *t = (Type *)type_func(ts, &ty_none, f, n);

	t->id = id;
	t->btf = b;
	know(b, id, t);
	for (u32 i = 0; i < n; i++)
		f[i].type = &ty_none;
	t->elem = btf_convert(ts, b, h->size, depth + 1);
	for (u32 i = 0; i < n; i++, v += 2) {
		f[i].name = name_or_null(b, v[0]);
		f[i].type = v[1] ? btf_convert(ts, b, v[1], depth + 1) : &ty_none;  /* 0: varargs */
	}
	return t;
}

static const Type *
struct_type(Types *ts, Btf *b, u32 id, const Head *h)
{
	bool fwd = KIND(h) == BTF_KIND_FWD;
	Type *t = (Type *)type_struct_new(ts, NULL, fwd ? h->info >> 31 : KIND(h) == BTF_KIND_UNION);

	t->name = name_or_null(b, h->name);
	t->id = id;
	t->btf = b;
	t->size = fwd ? 0 : h->size;
	/* Right for nearly all, until the members are looked at. */
	t->align = t->size % 8 == 0 ? 8 : t->size % 4 == 0 ? 4 : t->size % 2 == 0 ? 2 : 1;
	know(b, id, t);
	return t;
}

/* char itself, behind const: arrays of it are strings; those of s8 and u8 are numbers. */
static bool
is_char(Btf *b, u32 id)
{
	const Head *h = btf_head(b, id);

	for (int chain = 0; h && KIND(h) == BTF_KIND_CONST && chain < MAX_CHAIN; chain++)
		h = btf_head(b, h->size);
	return h && KIND(h) == BTF_KIND_INT && h->size == 1 && !strcmp(btf_str(b, h->name), "char");
}

const Type *
btf_convert(Types *ts, Btf *b, u32 id, int depth)
{
	const Head *h;
	const Type *t;

	for (int chain = 0;; chain++) {
		if (!id || chain > MAX_CHAIN || depth > MAX_CHAIN)
			return &ty_none;
		if (b->base && id < b->first_id)
			b = b->base;
		t = known(b, id);
		if (t)
			return t;
		h = btf_head(b, id);
		if (!h)
			return &ty_none;
		switch (KIND(h)) {
		case BTF_KIND_TYPEDEF: case BTF_KIND_CONST: case BTF_KIND_VOLATILE: case BTF_KIND_RESTRICT:
		case K_TYPE_TAG: case BTF_KIND_FUNC: case BTF_KIND_VAR: case K_DECL_TAG:
			id = h->size;
			continue;
		}
		break;
	}
	switch (KIND(h)) {
	case BTF_KIND_INT:
		t = int_type(ts, h);
		break;
	case BTF_KIND_PTR:
		t = type_ptr(ts, btf_convert(ts, b, h->size, depth + 1), AS_KERNEL);
		break;
	case BTF_KIND_ARRAY: {
		const struct btf_array *arr = (const void *)(h + 1);

		if (is_char(b, arr->type) && arr->nelems)
			t = type_string(ts, arr->nelems);
		else
			t = type_array(ts, btf_convert(ts, b, arr->type, depth + 1), arr->nelems);
		break;
	}
	case BTF_KIND_STRUCT: case BTF_KIND_UNION: case BTF_KIND_FWD:
		return struct_type(ts, b, id, h);
	case BTF_KIND_ENUM: case K_ENUM64:
		return enum_type(ts, b, id, h);
	case BTF_KIND_FUNC_PROTO:
		return proto_type(ts, b, id, h, depth);
	case K_FLOAT:
		t = bytes_type(ts, MIN(h->size, 64u));
		break;
	default:
		return &ty_none;
	}
	/* Cut off by the depth limit is right for this caller only. */
	if (depth < MAX_CHAIN / 2)
		know(b, id, t);
	return t;
}

/* Width and offset of a bitfield as older BTF has them: in the integer's own description. */
static u32
int_bits(Btf *b, u32 id, u32 *bit_off)
{
	const Head *h = btf_head(b, id);

	for (int chain = 0; h && chain < MAX_CHAIN && (KIND(h) == BTF_KIND_TYPEDEF || KIND(h) == BTF_KIND_CONST ||
	     KIND(h) == BTF_KIND_VOLATILE); chain++)
		h = btf_head(b, h->size);
	if (!h || KIND(h) != BTF_KIND_INT)
		return 0;
	u32 enc = *(const u32 *)(h + 1), bits = enc & 0xff;

	if (bits == h->size * 8)
		return 0;
	*bit_off += enc >> 16 & 0xff;
	return bits;
}

void
btf_complete(Types *ts, Type *t)
{
	Btf *b = t->btf;
	const Head *h = btf_head(b, t->id);
	const u32 *v = (const u32 *)(h + 1);
	Field *f;
	u32 n, align = 1;

	if (KIND(h) == BTF_KIND_FWD) {          /* defined elsewhere, in vmlinux or another module */
		if (t->name)
			btf_adopt(ts, t);
		return;
	}
	n = VLEN(h);
	f = NEW_N(ts->a, Field, n ? n : 1);
	for (u32 i = 0; i < n; i++, v += 3) {
		u32 off = v[2], bits = 0;

		if (h->info >> 31) {
			bits = off >> 24;
			off &= 0xffffff;
		} else {
			bits = int_bits(b, v[1], &off);
		}
		f[i].name = interns(btf_str(b, v[0]));
		f[i].type = btf_convert(ts, b, v[1], 0);
		f[i].offset = off / 8;
		if (bits && bits <= 64 && type_is_int(f[i].type))
			type_place_bits(&f[i], off, bits);
		if (off / 8 % MAX(f[i].type->align, 1u) == 0)
			align = MAX(align, f[i].type->align);
	}
	if (t->size % align)
		align = t->align;
	type_struct_set(ts, t, f, n, t->size, align);
}

void
btf_adopt(Types *ts, Type *t)
{
	const Type *full = btf_find(ts, t->is_union ? 'u' : 's', t->name, strlen(t->name));
	Field *f;
	u32 n;

	if (!full || full == t)
		return;
	f = (Field *)type_fields(ts, full, &n);
	if (f)
		type_struct_set(ts, t, f, n, full->size, full->align);
}
