/* cdecl: declarations of C: struct, union, enum, typedef, with bitfields, anonymous members, arrays, pointers to functions and
 * attributes, laid out as the compilers of 64-bit Linux do. Functions and variables are read over. What is wrong in the
 * script's own text is reported; a header that cannot be read is skipped to the next declaration. */
#include "type/c.h"

enum { MAX_DEPTH = 100 };

/* char itself, while a declaration is read: arrays of it are strings, those of int8_t are numbers. */
static const Type plain_char = { .kind = TY_INT, .sign = true, .size = 1, .align = 1, .name = "char" };

typedef struct Attributes { bool packed; u32 aligned; } Attributes;

static const CTok *
tok(const CParse *p)
{
	return &p->t[p->i];
}

static bool
is(const CParse *p, const char *word)
{
	return c_is(tok(p), word);
}

static bool
accept(CParse *p, const char *word)
{
	if (!is(p, word))
		return false;
	p->i++;
	return true;
}

/* One error per declaration is enough; the rest of it is skipped. */
static void
error(CParse *p, const CTok *t, const char *fmt, ...)
{
	va_list ap;

	if (!p->failed && t->pos && p->d) {
		va_start(ap, fmt);
		diag_verr(p->d, false, (Span){ t->pos, t->pos + MAX(t->n, 1u) }, E_CDECL, fmt, ap);
		va_end(ap);
	}
	p->failed = true;
}

static bool
expect(CParse *p, const char *word)
{
	if (accept(p, word))
		return true;
	if (tok(p)->kind == CT_EOF)
		error(p, tok(p), "the C text ends where '%s' is expected", word);
	else
		error(p, tok(p), "'%s' is expected here, not '%.*s'", word, (int)tok(p)->n, tok(p)->p);
	return false;
}

/* Skips a bracketed group that begins here. */
static void
skip_group(CParse *p)
{
	u32 depth = 0;

	do {
		if (is(p, "(") || is(p, "{") || is(p, "["))
			depth++;
		else if (depth && (is(p, ")") || is(p, "}") || is(p, "]")))
			depth--;
		if (tok(p)->kind == CT_EOF)
			return;
		p->i++;
	} while (depth);
}

static const Type *
settle(const Type *t)
{
	return t == &plain_char ? type_int(1, true) : t;
}

/* ---- attributes ---- */

static void
attribute(CParse *p, Attributes *a)
{
	const CTok *t = tok(p);
	u32 n = t->n;
	const char *s = t->p;

	if (t->kind == CT_ID && n > 4 && !memcmp(s, "__", 2) && !memcmp(s + n - 2, "__", 2)) {
		s += 2;
		n -= 4;
	}
	p->i++;
	if (n == 6 && !memcmp(s, "packed", 6)) {
		a->packed = true;
	} else if (n == 7 && !memcmp(s, "aligned", 7)) {
		a->aligned = 16;
		if (is(p, "(")) {
			CParse in = *p;
			CValue v;

			in.i++;
			v = c_conditional(&in);
			if (!in.failed && v.v > 0 && v.v <= 65536)
				a->aligned = (u32)v.v;
		}
	}
	if (is(p, "("))
		skip_group(p);
}

/* __attribute__((x, y(z))), asm("name"), _Alignas(n), __extension__, and the qualifiers among them. */
static bool
decoration(CParse *p, Attributes *a)
{
	static const char *const words[] = { "const", "volatile", "restrict", "__const", "__volatile__", "__volatile", "__restrict",
		"__restrict__", "__extension__", "inline", "__inline", "__inline__", "_Noreturn", "register", "auto", "extern", "static",
		"__const__", "_Thread_local", "__thread", "_Atomic" };

	for (u32 i = 0; i < COUNT(words); i++)
		if (accept(p, words[i]))
			return true;
	if (accept(p, "__attribute__") || accept(p, "__attribute")) {
		if (!is(p, "("))
			return true;
		u32 end = p->i, depth = 0;
		CParse skip = *p;

		skip_group(&skip);
		end = skip.i;
		for (p->i++; p->i + 1 < end; ) {
			if (is(p, "(") || is(p, ")") || is(p, ","))
				p->i++;
			else
				attribute(p, a);
			if (++depth > 1000)
				break;
		}
		p->i = end;
		return true;
	}
	if (is(p, "_Alignas")) {
		attribute(p, &(Attributes){ 0 });
		return true;
	}
	if (accept(p, "asm") || accept(p, "__asm__") || accept(p, "__asm")) {
		while (decoration(p, a))
			;
		if (is(p, "("))
			skip_group(p);
		return true;
	}
	return false;
}

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
		error(p, tok(p), "this type is larger than 1 GB");
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

/* ---- declarators ---- */

static const Type *specifiers(CParse *p, Attributes *a, bool *is_typedef);

/* A type built from the inside out: what stands right of the name, then left of it. */
typedef struct Declarator { const CTok *name; const Type *type; } Declarator;

static const Type *
array_of(CParse *p, const Type *elem, u64 n)
{
	if ((elem->kind == TY_NONE && !elem->size) || elem->kind == TY_FUNC) {
		error(p, tok(p), "an array of this type cannot be");
		return &ty_error;
	}
	if (n * MAX(elem->size, 1u) > 1u << 30) {
		error(p, tok(p), "this array is larger than 1 GB");
		return &ty_error;
	}
	if (elem == &plain_char && n)
		return type_string(p->ts, (u32)n);
	return type_array(p->ts, settle(elem), (u32)n);
}

static const Type *declarator(CParse *p, const Type *base, const CTok **name, Attributes *a);

static const Type *
parameters(CParse *p, const Type *result)
{
	Vec(Field) v = { 0 };

	p->i++;
	while (!is(p, ")") && tok(p)->kind != CT_EOF && !p->failed) {
		Attributes a = { 0 };
		bool is_typedef;
		const CTok *name = NULL;
		Field f = { 0 };

		if (accept(p, "..."))
			continue;
		f.type = specifiers(p, &a, &is_typedef);
		f.type = declarator(p, f.type, &name, &a);
		if (f.type->kind == TY_ARRAY || f.type->kind == TY_STRING)
			f.type = type_ptr(p->ts, f.type->elem ? f.type->elem : type_int(1, true), AS_NONE);
		f.type = settle(f.type);
		f.name = name ? intern(name->p, name->n) : NULL;
		if (f.type->kind != TY_NONE || f.type->size)
			VEC_PUSH(p->ts->a, &v, f);
		if (!is(p, ")") && !expect(p, ","))
			break;
	}
	expect(p, ")");
	return type_func(p->ts, settle(result), v.v, v.n);
}

/* "[3][4]" and "(int, char *)" behind a name. */
static const Type *
suffix(CParse *p, const Type *t)
{
	if (++p->depth > MAX_DEPTH) {
		error(p, tok(p), "C declarations are nested too deep");
		return &ty_error;
	}
	if (is(p, "(")) {
		t = suffix(p, parameters(p, t));
	} else if (accept(p, "[")) {
		CValue n = { 0 };
		const CTok *at = tok(p);

		while (accept(p, "static") || accept(p, "const") || accept(p, "restrict"))
			;
		if (!is(p, "]"))
			n = c_conditional(p);
		if (p->failed) {
			p->failed = false;
			error(p, at, "the size of an array must be a constant");
		} else if (n.v < 0) {
			error(p, at, "the size of an array cannot be negative");
		} else if (expect(p, "]")) {
			t = array_of(p, suffix(p, t), (u64)n.v);
		}
	}
	p->depth--;
	return p->failed ? &ty_error : t;
}

static bool starts_type(CParse *p);

static const Type *
declarator(CParse *p, const Type *t, const CTok **name, Attributes *a)
{
	while (!p->failed) {
		if (accept(p, "*"))
			t = type_ptr(p->ts, settle(t), AS_NONE);
		else if (!decoration(p, a))
			break;
	}
	if (++p->depth > MAX_DEPTH)
		error(p, tok(p), "C declarations are nested too deep");
	if (p->failed) {
		p->depth--;
		return &ty_error;
	}
	/* "(*name)(int)": what stands behind the parentheses applies first. "(int)" is a list of parameters, though. */
	if (is(p, "(") && !c_is(tok(p) + 1, ")")) {
		u32 open = p->i;

		p->i++;
		while (decoration(p, a))
			;
		if (is(p, "*") || is(p, "(") || is(p, "^") || (tok(p)->kind == CT_ID && !starts_type(p))) {
			u32 inside = p->i, behind;

			p->i = open;
			skip_group(p);
			t = suffix(p, t);
			behind = p->i;
			p->i = inside;
			t = declarator(p, t, name, a);
			expect(p, ")");
			p->i = MAX(p->i, behind);
			p->depth--;
			return t;
		}
		p->i = open;
	}
	if (tok(p)->kind == CT_ID) {
		*name = tok(p);
		p->i++;
	}
	while (decoration(p, a))
		;
	t = suffix(p, t);
	while (decoration(p, a))
		;
	p->depth--;
	return t;
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
			skip_group(p);
			continue;
		}
		base = specifiers(p, &shared, &is_typedef);
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

			f.type = is(p, ":") ? base : declarator(p, base, &name, &a);
			if (p->failed)
				return;
			if (name) {
				f.name = intern(name->p, name->n);
				f.at = (Span){ name->pos, name->pos + name->n };
			}
			f.type = settle(f.type);
			if (accept(p, ":")) {
				CValue w = c_conditional(p);

				if (p->failed || !type_is_int(f.type) || w.v < 0 || w.v > f.type->size * 8) {
					p->failed = false;
					error(p, at, "the width of a bitfield must be a constant from 0 to the bits of its integer type");
					return;
				}
				while (decoration(p, &a))
					;
				place_bits(p, l, f, (u32)w.v, &a);
			} else if ((f.type->kind == TY_NONE && !f.type->size) || f.type->kind == TY_FUNC) {
				error(p, name ? name : at, "a member cannot be of type void or a function");
			} else if (f.type->kind == TY_STRUCT) {
				u32 n;

				type_fields(p->ts, f.type, &n);
				if (!f.type->is_complete)
					error(p, name ? name : at, "'%s %s' is not defined here, so its size is unknown",
						f.type->is_union ? "union" : "struct", f.type->name ? f.type->name : "");
				else
					place(p, l, f, &a);
			} else {
				place(p, l, f, &a);
			}
		} while (!p->failed && accept(p, ","));
		if (!p->failed)
			if (!is(p, "}"))        /* compilers take the last member without it */
				expect(p, ";");
	}
}

static const char *
tag_key(CParse *p, const char *word, const CTok *tag)
{
	return arena_printf(p->ts->a, "%s %.*s", word, (int)tag->n, tag->p);
}

static const Type *
struct_or_union(CParse *p, bool is_union)
{
	const char *word = is_union ? "union" : "struct", *key;
	Attributes a = { 0 };
	const CTok *tag = NULL;
	const Type *t = NULL;
	Layout l = { .is_union = is_union, .align = 1 };

	while (decoration(p, &a))
		;
	if (tok(p)->kind == CT_ID) {
		tag = tok(p);
		p->i++;
	}
	while (decoration(p, &a))
		;
	if (!tag && !is(p, "{")) {
		error(p, tok(p), "a name or { must follow '%s'", word);
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
		error(p, tag, "'%s' is defined twice", key);
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

	skip_group(&ahead);
	close = ahead.i;
	p->i = close;
	while (decoration(p, &a))
		;
	close = p->i;
	p->i = open + 1;
	l.packed = a.packed;
	if (++p->depth > MAX_DEPTH)
		error(p, tok(p), "C declarations are nested too deep");
	else
		members(p, &l);
	p->depth--;
	if (!p->failed)
		expect(p, "}");
	if (p->failed)
		return &ty_error;
	p->i = close;
	l.align = MAX(l.align, a.aligned);
	type_struct_set(p->ts, t, l.f.v, l.f.n, (u32)ALIGN(ALIGN(l.size_bits, 8) / 8, l.align), l.align);
	return t;
}

static const Type *
enumeration(CParse *p)
{
	Vec(EnumValue) v = { 0 };
	Attributes a = { 0 };
	const CTok *tag = NULL;
	const Type *t;
	const char *key = NULL;
	s64 next = 0, min = 0, max = 0;

	while (decoration(p, &a))
		;
	if (tok(p)->kind == CT_ID) {
		tag = tok(p);
		p->i++;
		key = tag_key(p, "enum", tag);
	}
	while (decoration(p, &a))
		;
	if (!is(p, "{")) {
		t = key ? type_find(p->ts, key) : NULL;
		if (!key)
			error(p, tok(p), "a name or { must follow 'enum'");
		return t ? t : type_int(4, false);
	}
	p->i++;
	while (!is(p, "}") && !p->failed) {
		const CTok *name = tok(p);
		const char *text;

		if (name->kind != CT_ID) {
			error(p, name, "the name of an enumerator is expected here");
			return &ty_error;
		}
		p->i++;
		while (decoration(p, &a))
			;
		if (accept(p, "=")) {
			const CTok *at = tok(p);
			CValue x = c_conditional(p);

			if (p->failed) {
				p->failed = false;
				error(p, at, "the value of an enumerator must be a constant");
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
		if (!is(p, "}") && !expect(p, ","))
			return &ty_error;
	}
	expect(p, "}");
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

/* ---- specifiers ---- */

typedef struct Words { u32 is_signed, is_unsigned, is_char, is_short, is_int, is_long, is_float, is_bool, is_void, is_128; } Words;

static bool
basic_word(CParse *p, Words *w)
{
	const struct { const char *word; u32 *count; } words[] = {
		{ "signed", &w->is_signed }, { "__signed__", &w->is_signed }, { "__signed", &w->is_signed },
		{ "unsigned", &w->is_unsigned }, { "char", &w->is_char }, { "short", &w->is_short }, { "int", &w->is_int },
		{ "long", &w->is_long }, { "float", &w->is_float }, { "double", &w->is_float }, { "_Bool", &w->is_bool },
		{ "void", &w->is_void }, { "__int128", &w->is_128 }, { "__int128_t", &w->is_128 }, { "_Float128", &w->is_128 },
	};

	for (u32 i = 0; i < COUNT(words); i++)
		if (is(p, words[i].word)) {
			if (words[i].count == &w->is_float && is(p, "double"))
				w->is_float++;  /* 1: float, 2: double */
			++*words[i].count;
			p->i++;
			return true;
		}
	return false;
}

static const Type *
basic_type(CParse *p, const Words *w)
{
	if (w->is_void)
		return &ty_none;
	if (w->is_bool)
		return type_int(1, false);
	if (w->is_128)
		return type_array(p->ts, type_int(8, false), 2);
	if (w->is_float)
		return type_float(w->is_float == 1 ? 4 : w->is_long ? 16 : 8);
	if (w->is_char)
		return !w->is_signed && !w->is_unsigned ? &plain_char : type_int(1, !w->is_unsigned);
	return type_int(w->is_short ? 2 : w->is_long ? 8 : 4, !w->is_unsigned);
}

static const Type *
typedef_name(CParse *p, const CTok *t)
{
	char name[256];

	if (t->kind != CT_ID || t->n >= sizeof(name))
		return NULL;
	memcpy(name, t->p, t->n);
	name[t->n] = 0;
	if (!strcmp(name, "string") || !strcmp(name, "buffer"))
		return NULL;
	return type_find(p->ts, name);
}

static bool
starts_type(CParse *p)
{
	static const char *const words[] = { "struct", "union", "enum", "const", "volatile", "typeof", "__typeof__", "__extension__" };
	CParse q = *p;
	Words w = { 0 };

	for (u32 i = 0; i < COUNT(words); i++)
		if (is(p, words[i]))
			return true;
	return basic_word(&q, &w) || typedef_name(p, tok(p));
}

static const Type *
specifiers(CParse *p, Attributes *a, bool *is_typedef)
{
	const CTok *start = tok(p);
	const Type *t = NULL;
	Words w = { 0 };
	bool basic = false;

	*is_typedef = false;
	for (u32 n = 0; !p->failed && n < 1000; n++) {
		if (accept(p, "typedef")) {
			*is_typedef = true;
		} else if (decoration(p, a)) {
			continue;
		} else if (!t && basic_word(p, &w)) {
			basic = true;
		} else if (!t && !basic && is(p, "struct")) {
			p->i++;
			t = struct_or_union(p, false);
		} else if (!t && !basic && is(p, "union")) {
			p->i++;
			t = struct_or_union(p, true);
		} else if (!t && !basic && accept(p, "enum")) {
			t = enumeration(p);
		} else if (!t && !basic && (is(p, "typeof") || is(p, "__typeof__"))) {
			p->i++;
			CParse in = *p;

			in.i++;
			t = c_type_name(&in);
			if (!t)
				t = type_int(4, true);
			skip_group(p);
		} else if (!t && !basic && tok(p)->kind == CT_ID && (t = typedef_name(p, tok(p)))) {
			p->i++;
		} else {
			break;
		}
	}
	if (p->failed)
		return &ty_error;
	if (basic)
		return basic_type(p, &w);
	if (!t && tok(p)->kind == CT_ID)
		error(p, tok(p), "unknown type '%.*s'", (int)tok(p)->n, tok(p)->p);
	else if (!t)
		error(p, start, "a declaration is expected here, not '%.*s'", (int)start->n, start->p);
	return t ? t : &ty_error;
}

const Type *
c_type_name(CParse *p)
{
	Attributes a = { 0 };
	const CTok *name = NULL;
	bool is_typedef;
	const Type *t;

	if (!starts_type(p))
		return NULL;
	t = specifiers(p, &a, &is_typedef);
	t = declarator(p, t, &name, &a);
	return p->failed || name ? NULL : settle(t);
}

/* ---- the text ---- */

static void
declaration(CParse *p)
{
	Attributes a = { 0 };
	bool is_typedef;
	const Type *base, *t;

	if (accept(p, ";"))
		return;
	if (accept(p, "_Static_assert")) {
		skip_group(p);
		accept(p, ";");
		return;
	}
	base = specifiers(p, &a, &is_typedef);
	if (p->failed || accept(p, ";"))
		return;
	/* "struct x { ... }" without a semicolon is what scripts write, too. */
	if (base->kind == TY_STRUCT || base->kind == TY_ENUM)
		if (tok(p)->kind == CT_EOF || is(p, "struct") || is(p, "union") || is(p, "enum") || is(p, "typedef") ||
		    (p->i && c_is(tok(p) - 1, "}") && tok(p)->bol))
			return;
	do {
		const CTok *name = NULL;

		t = declarator(p, base, &name, &a);
		if (p->failed)
			return;
		if (is(p, "{")) {                       /* a function's body */
			skip_group(p);
			return;
		}
		if (!name) {
			error(p, tok(p), "a name is expected here, not '%.*s'", (int)tok(p)->n, tok(p)->p);
			return;
		}
		if (is_typedef)
			type_define(p->ts, arena_str(p->ts->a, name->p, name->n), settle(t));
		if (accept(p, "="))
			while (!is(p, ",") && !is(p, ";") && tok(p)->kind != CT_EOF)
				skip_group(p);
	} while (accept(p, ","));
	expect(p, ";");
}

/* Behind an error: to the end of the declaration it is in. */
static void
recover(CParse *p, u32 from)
{
	p->i = from;
	p->failed = false;
	p->depth = 0;
	while (tok(p)->kind != CT_EOF) {
		bool end = is(p, ";");
		u32 at = p->i;

		if (p->unclosed)
			p->i++;
		else
			skip_group(p);
		if (tok(p)->kind == CT_EOF && p->i > at + 1) {
			p->i = at + 1;          /* a bracket that nothing closes: token by token from here on */
			p->unclosed = true;
		}
		if (end)
			return;
	}
}

bool
type_parse_c(Types *ts, Diag *d, const char *text, size_t n, u32 base)
{
	u32 before = diag_errors(d);
	CTokens tokens = { 0 };
	CParse p = { .ts = ts, .d = d };

	cpp_run(ts, d, text, n, base, &tokens);
	p.t = tokens.v;
	while (tok(&p)->kind != CT_EOF) {
		u32 from = p.i;

		declaration(&p);
		if (p.failed || p.i == from)
			recover(&p, from);
	}
	return diag_errors(d) == before;
}

bool
c_macro_value(Types *ts, const char *name, s64 *value, const Type **type)
{
	CTokens tokens = { 0 };
	CParse p = { .ts = ts };
	CValue v = { 0 };
	bool good;

	/* A macro that names itself ("#define X X", "#define X (X)") stands for the enumerator. */
	if (!ts->cpp || ts->in_macro || !cpp_macro(ts, name, &tokens))
		return false;
	p.t = tokens.v;
	ts->in_macro = true;
	v = c_expr(&p);
	ts->in_macro = false;
	good = !p.failed && tok(&p)->kind == CT_EOF && p.i > 0;
	if (good) {
		*value = v.v;
		*type = type_int(8, !v.is_unsigned);
	}
	return good;
}

static const char *
tokens_text(Types *ts, const CTokens *tokens)
{
	Buf b = { 0 };
	char *text;

	for (u32 i = 0; i + 1 < tokens->n; i++) {
		if (i && tokens->v[i].space)
			buf_putc(&b, ' ');
		buf_put(&b, tokens->v[i].p, tokens->v[i].n);
	}
	text = arena_str(ts->a, b.p ? b.p : "", b.n);
	buf_free(&b);
	return text;
}

const char *
type_macro(Types *ts, const char *name)
{
	CTokens tokens = { 0 };

	return ts->cpp && cpp_macro(ts, name, &tokens) ? tokens_text(ts, &tokens) : NULL;
}

const char *
type_macro_call(Types *ts, const char *name, const char *text, u32 n)
{
	CTokens tokens = { 0 };

	return ts->cpp && cpp_call(ts, name, text, n, &tokens) ? tokens_text(ts, &tokens) : NULL;
}
