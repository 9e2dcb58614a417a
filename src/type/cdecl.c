/* cdecl: declarations of C: typedefs, structs, unions, enums (their bodies: cdecl_body.c), with arrays, pointers to functions
 * and attributes. Functions and variables are read over. What is wrong in the script's own text is reported; a header that
 * cannot be read is skipped to the next declaration. */
#include "type/cdecl.h"

/* char itself, while a declaration is read: arrays of it are strings, those of int8_t are numbers. */
static const Type plain_char = { .kind = TY_INT, .sign = true, .size = 1, .align = 1, .name = "char" };

/* One error per declaration is enough; the rest of it is skipped. */
void
c_error(CParse *p, const CTok *t, const char *fmt, ...)
{
	va_list ap;

	if (!p->failed && t->pos && p->d) {
		va_start(ap, fmt);
		diag_verr(p->d, false, (Span){ t->pos, t->pos + MAX(t->n, 1u) }, E_CDECL, fmt, ap);
		va_end(ap);
	}
	p->failed = true;
}

bool
c_expect(CParse *p, const char *word)
{
	if (accept(p, word))
		return true;
	if (tok(p)->kind == CT_EOF)
		c_error(p, tok(p), "the C text ends where '%s' is expected", word);
	else
		c_error(p, tok(p), "'%s' is expected here, not '%.*s'", word, (int)tok(p)->n, tok(p)->p);
	return false;
}

/* Skips a bracketed group that begins here. */
void
c_skip_group(CParse *p)
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

const Type *
c_settle(const Type *t)
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
		c_skip_group(p);
}

/* __attribute__((x, y(z))), asm("name"), _Alignas(n), __extension__, and the qualifiers among them. */
bool
c_decoration(CParse *p, Attributes *a)
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

		c_skip_group(&skip);
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
		while (c_decoration(p, a))
			;
		if (is(p, "("))
			c_skip_group(p);
		return true;
	}
	return false;
}

/* ---- declarators: a type is built from the inside out, by what stands right of the name, then left of it ---- */

static const Type *
array_of(CParse *p, const Type *elem, u64 n)
{
	if ((elem->kind == TY_NONE && !elem->size) || elem->kind == TY_FUNC) {
		c_error(p, tok(p), "an array of this type cannot be");
		return &ty_error;
	}
	if (n * MAX(elem->size, 1u) > 1u << 30) {
		c_error(p, tok(p), "this array is larger than 1 GB");
		return &ty_error;
	}
	if (elem == &plain_char && n)
		return type_string(p->ts, (u32)n);
	return type_array(p->ts, c_settle(elem), (u32)n);
}

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
		f.type = c_specifiers(p, &a, &is_typedef);
		f.type = c_declarator(p, f.type, &name, &a);
		if (f.type->kind == TY_ARRAY || f.type->kind == TY_STRING)
			f.type = type_ptr(p->ts, f.type->elem ? f.type->elem : type_int(1, true), AS_NONE);
		f.type = c_settle(f.type);
		f.name = name ? intern(name->p, name->n) : NULL;
		if (f.type->kind != TY_NONE || f.type->size)
			VEC_PUSH(p->ts->a, &v, f);
		if (!is(p, ")") && !c_expect(p, ","))
			break;
	}
	c_expect(p, ")");
	return type_func(p->ts, c_settle(result), v.v, v.n);
}

/* "[3][4]" and "(int, char *)" behind a name. */
static const Type *
suffix(CParse *p, const Type *t)
{
	if (++p->depth > MAX_DEPTH) {
		c_error(p, tok(p), "C declarations are nested too deep");
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
			c_error(p, at, "the size of an array must be a constant");
		} else if (n.v < 0) {
			c_error(p, at, "the size of an array cannot be negative");
		} else if (c_expect(p, "]")) {
			t = array_of(p, suffix(p, t), (u64)n.v);
		}
	}
	p->depth--;
	return p->failed ? &ty_error : t;
}

static bool starts_type(CParse *p);

const Type *
c_declarator(CParse *p, const Type *t, const CTok **name, Attributes *a)
{
	while (!p->failed) {
		if (accept(p, "*"))
			t = type_ptr(p->ts, c_settle(t), AS_NONE);
		else if (!c_decoration(p, a))
			break;
	}
	if (++p->depth > MAX_DEPTH)
		c_error(p, tok(p), "C declarations are nested too deep");
	if (p->failed) {
		p->depth--;
		return &ty_error;
	}
	/* "(*name)(int)": what stands behind the parentheses applies first. "(int)" is a list of parameters, though. */
	if (is(p, "(") && !c_is(tok(p) + 1, ")")) {
		u32 open = p->i;

		p->i++;
		while (c_decoration(p, a))
			;
		if (is(p, "*") || is(p, "(") || is(p, "^") || (tok(p)->kind == CT_ID && !starts_type(p))) {
			u32 inside = p->i, behind;

			p->i = open;
			c_skip_group(p);
			t = suffix(p, t);
			behind = p->i;
			p->i = inside;
			t = c_declarator(p, t, name, a);
			c_expect(p, ")");
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
	while (c_decoration(p, a))
		;
	t = suffix(p, t);
	while (c_decoration(p, a))
		;
	p->depth--;
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

const Type *
c_specifiers(CParse *p, Attributes *a, bool *is_typedef)
{
	const CTok *start = tok(p);
	const Type *t = NULL;
	Words w = { 0 };
	bool basic = false;

	*is_typedef = false;
	for (u32 n = 0; !p->failed && n < 1000; n++) {
		if (accept(p, "typedef")) {
			*is_typedef = true;
		} else if (c_decoration(p, a)) {
			continue;
		} else if (!t && basic_word(p, &w)) {
			basic = true;
		} else if (!t && !basic && is(p, "struct")) {
			p->i++;
			t = c_struct_or_union(p, false);
		} else if (!t && !basic && is(p, "union")) {
			p->i++;
			t = c_struct_or_union(p, true);
		} else if (!t && !basic && accept(p, "enum")) {
			t = c_enumeration(p);
		} else if (!t && !basic && (is(p, "typeof") || is(p, "__typeof__"))) {
			p->i++;
			CParse in = *p;

			in.i++;
			t = c_type_name(&in);
			if (!t)
				t = type_int(4, true);
			c_skip_group(p);
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
		c_error(p, tok(p), "unknown type '%.*s'", (int)tok(p)->n, tok(p)->p);
	else if (!t)
		c_error(p, start, "a declaration is expected here, not '%.*s'", (int)start->n, start->p);
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
	t = c_specifiers(p, &a, &is_typedef);
	t = c_declarator(p, t, &name, &a);
	return p->failed || name ? NULL : c_settle(t);
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
		c_skip_group(p);
		accept(p, ";");
		return;
	}
	base = c_specifiers(p, &a, &is_typedef);
	if (p->failed || accept(p, ";"))
		return;
	/* "struct x { ... }" without a semicolon is what scripts write, too. */
	if (base->kind == TY_STRUCT || base->kind == TY_ENUM)
		if (tok(p)->kind == CT_EOF || is(p, "struct") || is(p, "union") || is(p, "enum") || is(p, "typedef") ||
		    (p->i && c_is(tok(p) - 1, "}") && tok(p)->bol))
			return;
	do {
		const CTok *name = NULL;

		t = c_declarator(p, base, &name, &a);
		if (p->failed)
			return;
		if (is(p, "{")) {                       /* a function's body */
			c_skip_group(p);
			return;
		}
		if (!name) {
			c_error(p, tok(p), "a name is expected here, not '%.*s'", (int)tok(p)->n, tok(p)->p);
			return;
		}
		if (is_typedef)
			type_define(p->ts, arena_str(p->ts->a, name->p, name->n), c_settle(t));
		if (accept(p, "="))
			while (!is(p, ",") && !is(p, ";") && tok(p)->kind != CT_EOF)
				c_skip_group(p);
	} while (accept(p, ","));
	c_expect(p, ";");
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
			c_skip_group(p);
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
