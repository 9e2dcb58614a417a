/* cdecl_body: what stands between the braces of struct, union and enum, laid out as the compilers of 64-bit Linux do:
 * bitfields, anonymous members, packed and aligned ones. */
#include "type/cdecl.h"

/* ---- layout ---- */

typedef struct Layout { Vec(Field) f; u64 bits; u32 align; bool is_union, packed; u64 size_bits; } Layout;

static void
place(CParse *p, Layout *l, Field f, const Attributes *a)
{
	u32 align = l->packed || a->packed ? 1 : MAX(f.type->align, 1u);
	u64 at = l->is_union ? 0 : l->bits;

	align = MAX(align, a->aligned);
	at = ALIGN(at, align * 8ull);
	f.offset = (u32)(at / 8);
	l->align = MAX(l->align, align);
	l->bits = at + f.type->size * 8ull;
	l->size_bits = MAX(l->size_bits, l->bits);
	if (l->size_bits / 8 > 1u << 30)
		c_error(p, tok(p), "this type is larger than 1 GB");
	else
		VEC_PUSH(p->ts->a, &l->f, f);
}

/* A bitfield lies in one word of its type; :0 begins a new word. */
static void
place_bits(CParse *p, Layout *l, Field f, u32 width, const Attributes *a)
{
	u32 unit = f.type->size * 8;
	u64 at = l->is_union ? 0 : l->bits;

	if (!width) {
		l->bits = ALIGN(at, unit);
		return;
	}
	if (!l->packed && !a->packed && at / unit != (at + width - 1) / unit)
		at = ALIGN(at, unit);
	type_place_bits(&f, (u32)at, width);
	if (*f.name && !l->packed && !a->packed)
		l->align = MAX(l->align, f.type->align);
	l->bits = at + width;
	l->size_bits = MAX(l->size_bits, l->bits);
	if (*f.name)
		VEC_PUSH(p->ts->a, &l->f, f);
}

/* ---- struct, union, enum ---- */

static void
members(CParse *p, Layout *l)
{
	while (!is(p, "}") && tok(p)->kind != CT_EOF && !p->failed) {
		Attributes shared = { 0 };
		const CTok *start = tok(p);
		bool is_typedef;
		const Type *base;

		if (accept(p, ";"))
			continue;
		if (accept(p, "_Static_assert")) {
			c_skip_group(p);
			continue;
		}
		base = c_specifiers(p, &shared, &is_typedef);
		if (p->failed)
			return;
		if (is(p, ";") && base->kind == TY_STRUCT) {    /* anonymous */
			p->i++;
			if (!base->name)        /* with a name it is only defined here */
				place(p, l, (Field){ .name = interns(""), .type = base, .at = { start->pos, start->pos + start->n } }, &shared);
			continue;
		}
		do {
			Attributes a = shared;
			const CTok *name = NULL, *at = tok(p);
			Field f = { .name = interns("") };

			f.type = is(p, ":") ? base : c_declarator(p, base, &name, &a);
			if (p->failed)
				return;
			if (name) {
				f.name = intern(name->p, name->n);
				f.at = (Span){ name->pos, name->pos + name->n };
			}
			f.type = c_settle(f.type);
			if (accept(p, ":")) {
				CValue w = c_conditional(p);

				if (p->failed || !type_is_int(f.type) || w.v < 0 || w.v > f.type->size * 8) {
					p->failed = false;
					c_error(p, at, "the width of a bitfield must be a constant from 0 to the bits of its integer type");
					return;
				}
				while (c_decoration(p, &a))
					;
				place_bits(p, l, f, (u32)w.v, &a);
			} else if ((f.type->kind == TY_NONE && !f.type->size) || f.type->kind == TY_FUNC) {
				c_error(p, name ? name : at, "a member cannot be of type void or a function");
			} else if (f.type->kind == TY_STRUCT) {
				u32 n;

				type_fields(p->ts, f.type, &n);
				if (!f.type->is_complete)
					c_error(p, name ? name : at, "'%s %s' is not defined here, so its size is unknown",
						f.type->is_union ? "union" : "struct", f.type->name ? f.type->name : "");
				else
					place(p, l, f, &a);
			} else {
				place(p, l, f, &a);
			}
		} while (!p->failed && accept(p, ","));
		if (!p->failed)
			if (!is(p, "}"))        /* compilers take the last member without it */
				c_expect(p, ";");
	}
}

static const char *
tag_key(CParse *p, const char *word, const CTok *tag)
{
	return arena_printf(p->ts->a, "%s %.*s", word, (int)tag->n, tag->p);
}

const Type *
c_struct_or_union(CParse *p, bool is_union)
{
	const char *word = is_union ? "union" : "struct", *key;
	Attributes a = { 0 };
	const CTok *tag = NULL;
	const Type *t = NULL;
	Layout l = { .is_union = is_union, .align = 1 };

	while (c_decoration(p, &a))
		;
	if (tok(p)->kind == CT_ID) {
		tag = tok(p);
		p->i++;
	}
	while (c_decoration(p, &a))
		;
	if (!tag && !is(p, "{")) {
		c_error(p, tok(p), "a name or { must follow '%s'", word);
		return &ty_error;
	}
	key = tag ? tag_key(p, word, tag) : NULL;
	if (key)
		t = map_get(&p->ts->named, key, strlen(key));
	if (!is(p, "{")) {
		if (!t) {
			t = type_struct_new(p->ts, arena_str(p->ts->a, tag->p, tag->n), is_union);
			type_define(p->ts, key, t);
		}
		return t;
	}
	if (t && t->is_complete && tag->pos && !t->id) {
		c_error(p, tag, "'%s' is defined twice", key);
		return &ty_error;
	}
	if (!t || t->is_complete) {
		t = type_struct_new(p->ts, tag ? arena_str(p->ts->a, tag->p, tag->n) : NULL, is_union);
		if (key)
			type_define(p->ts, key, t);
	}
	/* The attribute that packs it may stand behind the members. */
	u32 open = p->i, close;
	CParse ahead = *p;

	c_skip_group(&ahead);
	close = ahead.i;
	p->i = close;
	while (c_decoration(p, &a))
		;
	close = p->i;
	p->i = open + 1;
	l.packed = a.packed;
	if (++p->depth > MAX_DEPTH)
		c_error(p, tok(p), "C declarations are nested too deep");
	else
		members(p, &l);
	p->depth--;
	if (!p->failed)
		c_expect(p, "}");
	if (p->failed)
		return &ty_error;
	p->i = close;
	l.align = MAX(l.align, a.aligned);
	type_struct_set(p->ts, t, l.f.v, l.f.n, (u32)ALIGN(ALIGN(l.size_bits, 8) / 8, l.align), l.align);
	return t;
}

const Type *
c_enumeration(CParse *p)
{
	Vec(EnumValue) v = { 0 };
	Attributes a = { 0 };
	const CTok *tag = NULL;
	const Type *t;
	const char *key = NULL;
	s64 next = 0, min = 0, max = 0;

	while (c_decoration(p, &a))
		;
	if (tok(p)->kind == CT_ID) {
		tag = tok(p);
		p->i++;
		key = tag_key(p, "enum", tag);
	}
	while (c_decoration(p, &a))
		;
	if (!is(p, "{")) {
		t = key ? type_find(p->ts, key) : NULL;
		if (!key)
			c_error(p, tok(p), "a name or { must follow 'enum'");
		return t ? t : type_int(4, false);
	}
	p->i++;
	while (!is(p, "}") && !p->failed) {
		const CTok *name = tok(p);
		const char *text;

		if (name->kind != CT_ID) {
			c_error(p, name, "the name of an enumerator is expected here");
			return &ty_error;
		}
		p->i++;
		while (c_decoration(p, &a))
			;
		if (accept(p, "=")) {
			const CTok *at = tok(p);
			CValue x = c_conditional(p);

			if (p->failed) {
				p->failed = false;
				c_error(p, at, "the value of an enumerator must be a constant");
				return &ty_error;
			}
			next = x.v;
		}
		text = intern(name->p, name->n);
		VEC_PUSH(p->ts->a, &v, ((EnumValue){ text, next }));
		/* At once: the next one may be made of it. Its type follows below. */
		type_define_value(p->ts, text, next, type_int(8, true));
		min = MIN(min, next);
		max = MAX(max, next);
		next = (s64)((u64)next + 1);
		if (!is(p, "}") && !c_expect(p, ","))
			return &ty_error;
	}
	c_expect(p, "}");
	if (a.packed && min >= -128 && max <= 255)
		t = type_int(1, min < 0);
	else
		t = type_int(min < INT32_MIN || max > UINT32_MAX ? 8 : 4, min < 0);
	t = type_enum_new(p->ts, tag ? arena_str(p->ts->a, tag->p, tag->n) : NULL, t, v.v, v.n);
	for (u32 i = 0; i < v.n; i++)
		type_define_value(p->ts, v.v[i].name, v.v[i].value, t);
	if (key)
		type_define(p->ts, key, t);
	return t;
}
