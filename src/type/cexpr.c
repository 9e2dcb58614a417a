/* cexpr: constant expressions of C, for #if, enumerators, widths, array sizes and macros that stand for a number. 64 bits,
 * with C's rule that one unsigned operand makes the operation unsigned. */
#include "type/c.h"

enum { MAX_DEPTH = 200 };

static CValue
fail(CParse *p)
{
	p->failed = true;
	return (CValue){ 0 };
}

static bool
accept(CParse *p, const char *word)
{
	if (!c_is(&p->t[p->i], word))
		return false;
	p->i++;
	return true;
}

/* A number with its suffixes; hexadecimal, octal, binary. */
static CValue
number(CParse *p, const CTok *t)
{
	u64 v = 0;
	u32 i = 0, base = 10, digits = 0;
	CValue r;

	if (t->n > 1 && t->p[0] == '0') {
		base = (t->p[1] | 32) == 'x' ? 16 : (t->p[1] | 32) == 'b' ? 2 : 8;
		i = base == 8 ? 1 : 2;
		digits = base == 8;
	}
	for (; i < t->n; i++, digits++) {
		char c = t->p[i];
		u32 d = c >= '0' && c <= '9' ? (u32)(c - '0') : (c | 32) >= 'a' && (c | 32) <= 'f' ? (u32)((c | 32) - 'a' + 10) : 99;

		if (d >= base)
			break;
		v = v * base + d;
	}
	r = (CValue){ (s64)v, v > INT64_MAX };
	for (; i < t->n; i++) {
		if ((t->p[i] | 32) == 'u')
			r.is_unsigned = true;
		else if ((t->p[i] | 32) != 'l')
			return fail(p);         /* a floating point number, or nonsense */
	}
	return digits ? r : fail(p);
}

static CValue
character(CParse *p, const CTok *t)
{
	static const char from[] = "ntr0abfv\\'\"?", to[] = "\n\t\r\0\a\b\f\v\\'\"?";
	const char *e;
	u32 v = 0;

	if (t->n < 3)
		return fail(p);
	if (t->p[1] != '\\')
		return (CValue){ t->p[1], false };
	if (t->p[2] == 'x') {
		for (u32 i = 3; i + 1 < t->n; i++)
			v = v * 16 + (u32)((t->p[i] | 32) >= 'a' ? (t->p[i] | 32) - 'a' + 10 : t->p[i] - '0');
		return (CValue){ (s8)v, false };
	}
	if (t->p[2] >= '0' && t->p[2] <= '7') {
		for (u32 i = 2; i + 1 < t->n; i++)
			v = v * 8 + (u32)(t->p[i] - '0');
		return (CValue){ (s8)v, false };
	}
	e = memchr(from, t->p[2], sizeof(from) - 1);
	return e ? (CValue){ to[e - from], false } : fail(p);
}

static CValue unary(CParse *p);

static CValue
size_of(CParse *p, bool align)
{
	const Type *t = NULL;
	u32 n;

	if (accept(p, "(")) {
		t = c_type_name(p);
		if (!t || !accept(p, ")"))
			return fail(p);
	}
	if (!t)
		return fail(p);
	type_fields(p->ts, t, &n);              /* completes it */
	return (CValue){ align ? t->align : t->size, true };
}

/* ((size_t)&((type *)0)->member) is beyond this; __builtin_offsetof(type, member) is what headers use. */
static CValue
offset_of(CParse *p)
{
	const Type *t;
	char name[128];
	u64 off = 0;
	Field f;

	if (!accept(p, "(") || !(t = c_type_name(p)) || !accept(p, ","))
		return fail(p);
	do {
		const CTok *m = &p->t[p->i];

		if (m->kind != CT_ID || m->n >= sizeof(name))
			return fail(p);
		memcpy(name, m->p, m->n);
		name[m->n] = 0;
		if (!type_field(p->ts, t, name, &f))
			return fail(p);
		p->i++;
		off += f.offset;
		t = f.type;
	} while (accept(p, "."));
	return accept(p, ")") ? (CValue){ (s64)off, true } : fail(p);
}

static CValue
name(CParse *p, const CTok *t)
{
	char text[256];
	const Type *type;
	s64 v;

	if (p->pp)
		return (CValue){ c_is(t, "true"), false };
	if (c_is(t, "__builtin_offsetof") || c_is(t, "offsetof"))
		return offset_of(p);
	if (t->n >= sizeof(text))
		return fail(p);
	memcpy(text, t->p, t->n);
	text[t->n] = 0;
	if (!type_enumerator(p->ts, text, &v, &type))
		return fail(p);
	return (CValue){ v, false };
}

/* Cuts a value to the width and sign of a type that it is cast to. */
static CValue
cast(CParse *p, const Type *t, CValue v)
{
	if (t->kind == TY_PTR)
		return (CValue){ v.v, true };
	if (!type_is_int(t))
		return fail(p);
	if (t->kind == TY_BOOL)
		return (CValue){ v.v != 0, false };
	if (t->size < 8) {
		u32 cut = 64 - t->size * 8;

		v.v = t->sign ? (s64)((u64)v.v << cut) >> cut : (s64)((u64)v.v << cut >> cut);
	}
	return (CValue){ v.v, !t->sign && t->size == 8 };
}

static CValue
primary(CParse *p)
{
	const CTok *t = &p->t[p->i];
	const Type *type;
	CValue v;

	switch (t->kind) {
	case CT_NUM:
		p->i++;
		return number(p, t);
	case CT_CHAR:
		p->i++;
		return character(p, t);
	case CT_ID:
		p->i++;
		return name(p, t);
	default:
		if (!accept(p, "("))
			return fail(p);
		type = p->pp ? NULL : c_type_name(p);
		if (type) {
			if (!accept(p, ")"))
				return fail(p);
			v = unary(p);
			return p->failed ? v : cast(p, type, v);
		}
		v = c_expr(p);
		return accept(p, ")") ? v : fail(p);
	}
}

static CValue
unary(CParse *p)
{
	CValue v;

	if (p->failed || ++p->depth > MAX_DEPTH)
		return fail(p);
	if (accept(p, "-")) {
		v = unary(p);
		v.v = (s64)(0 - (u64)v.v);
	} else if (accept(p, "+")) {
		v = unary(p);
	} else if (accept(p, "~")) {
		v = unary(p);
		v.v = ~v.v;
	} else if (accept(p, "!")) {
		v = unary(p);
		v = (CValue){ !v.v, false };
	} else if (!p->pp && accept(p, "sizeof")) {
		v = size_of(p, false);
	} else if (!p->pp && (accept(p, "_Alignof") || accept(p, "__alignof__"))) {
		v = size_of(p, true);
	} else {
		v = primary(p);
	}
	p->depth--;
	return v;
}

/* Operators by how tightly they bind; those of one row alike. */
static const char *const ops[][5] = {
	{ "||" }, { "&&" }, { "|" }, { "^" }, { "&" }, { "==", "!=" }, { "<=", ">=", "<", ">" }, { "<<", ">>" }, { "+", "-" },
	{ "*", "/", "%" },
};

static CValue
apply(CParse *p, const char *op, CValue a, CValue b)
{
	bool u = a.is_unsigned || b.is_unsigned;
	u64 x = (u64)a.v, y = (u64)b.v;

	switch (op[0]) {
	case '|': return op[1] ? (CValue){ a.v || b.v, false } : (CValue){ (s64)(x | y), u };
	case '&': return op[1] ? (CValue){ a.v && b.v, false } : (CValue){ (s64)(x & y), u };
	case '^': return (CValue){ (s64)(x ^ y), u };
	case '=': return (CValue){ x == y, false };
	case '!': return (CValue){ x != y, false };
	case '+': return (CValue){ (s64)(x + y), u };
	case '-': return (CValue){ (s64)(x - y), u };
	case '*': return (CValue){ (s64)(x * y), u };
	case '/':
	case '%':
		if (!y)
			return fail(p);
		if (u)
			return (CValue){ (s64)(op[0] == '/' ? x / y : x % y), true };
		if (y == ~0ull)                 /* INT64_MIN / -1 would trap */
			return (CValue){ op[0] == '/' ? (s64)(0 - x) : 0, false };
		return (CValue){ op[0] == '/' ? a.v / b.v : a.v % b.v, false };
	case '<':
		if (op[1] == '<')
			return (CValue){ y > 63 ? 0 : (s64)(x << y), a.is_unsigned };
		if (op[1] == '=')
			return (CValue){ u ? x <= y : a.v <= b.v, false };
		return (CValue){ u ? x < y : a.v < b.v, false };
	default:
		if (op[1] == '>')
			return (CValue){ y > 63 ? 0 : a.is_unsigned ? (s64)(x >> y) : a.v >> y, a.is_unsigned };
		if (op[1] == '=')
			return (CValue){ u ? x >= y : a.v >= b.v, false };
		return (CValue){ u ? x > y : a.v > b.v, false };
	}
}

static CValue
binary(CParse *p, u32 level)
{
	CValue a;

	if (level == COUNT(ops))
		return unary(p);
	a = binary(p, level + 1);
	while (!p->failed) {
		const char *op = NULL;
		bool skip;
		CValue b;

		for (u32 k = 0; k < 5 && ops[level][k] && !op; k++)
			if (accept(p, ops[level][k]))
				op = ops[level][k];
		if (!op)
			break;
		/* What is not evaluated may divide by zero. */
		skip = (!strcmp(op, "&&") && !a.v) || (!strcmp(op, "||") && a.v);
		b = binary(p, level + 1);
		if (skip && p->failed) {
			p->failed = false;
			b = (CValue){ 0 };
		}
		a = apply(p, op, a, b);
	}
	return a;
}

CValue
c_conditional(CParse *p)
{
	CValue c, a, b;

	if (++p->depth > MAX_DEPTH)
		return fail(p);
	c = binary(p, 0);
	if (!p->failed && accept(p, "?")) {
		a = c_expr(p);
		if (!accept(p, ":"))
			return fail(p);
		b = c_conditional(p);
		c = (CValue){ c.v ? a.v : b.v, a.is_unsigned || b.is_unsigned };
	}
	p->depth--;
	return c;
}

CValue
c_expr(CParse *p)
{
	CValue v = c_conditional(p);

	while (!p->failed && accept(p, ","))
		v = c_conditional(p);
	return v;
}
