/* check_op: operators: what types they take and give, and folding of constants. The integer rules are bpftrace's: arithmetic
 * is 64 bits wide; '-' is signed; division and right shift of what is not constant are unsigned. */
#include "lang/comp.h"

/* ---- folding ---- */

static bool
nonneg(const Node *n)
{
	return n->big || (s64)n->num >= 0;
}

static void
set_bool(Node *n, bool v)
{
	set_number(n, v, false);
	n->kind = ND_BOOL;
	n->type = &ty_bool;
}

static void
warn_signed(Comp *c, Node *n)
{
	comp_warn(c, n->at, W_SIGN, "signed operands for '%s' can lead to undefined behavior (cast to unsigned to silence warning)",
		  lex_op_name(n->op));
}

static bool
overflow(Comp *c, Node *n)
{
	comp_err(c, n->at, E_FOLD, "unable to fold literals: the result of '%s' does not fit in 64 bits", lex_op_name(n->op));
	n->type = &ty_error;
	return true;
}

/* a op b of literals into *v; false: overflow. *big: the result is an unsigned number over INT64_MAX. */
static bool
calculate(u8 op, const Node *a, const Node *b, u64 *v, bool *big)
{
	s64 x = (s64)a->num, y = (s64)b->num, r = 0;
	bool pos = nonneg(a) && nonneg(b), bad = false;

	switch (op) {
	case '&': *v = a->num & b->num; *big = (a->big || b->big) && *v > INT64_MAX; return true;
	case '|': *v = a->num | b->num; *big = (a->big || b->big) && *v > INT64_MAX; return true;
	case '^': *v = a->num ^ b->num; *big = (a->big || b->big) && *v > INT64_MAX; return true;
	}
	if (pos && op != '-') {
		switch (op) {
		case '+': bad = __builtin_add_overflow(a->num, b->num, v); break;
		case '*': bad = __builtin_mul_overflow(a->num, b->num, v); break;
		case '/': *v = a->num / b->num; break;
		case '%': *v = a->num % b->num; break;
		case TK_SHL: bad = b->num > 63 || (a->num << b->num) >> b->num != a->num; *v = a->num << (b->num & 63); break;
		case TK_SHR: bad = b->num > 63; *v = a->num >> (b->num & 63); break;
		}
		*big = *v > INT64_MAX;
		return !bad;
	}
	if (op == '-' && pos && a->num >= b->num) {
		*v = a->num - b->num;
		*big = *v > INT64_MAX;
		return true;
	}
	if (a->big || b->big) {
		if (op != '-' || !pos || b->num - a->num > (u64)INT64_MAX + 1)
			return false;
		*v = a->num - b->num;
		*big = false;
		return true;
	}
	switch (op) {
	case '+': bad = __builtin_add_overflow(x, y, &r); break;
	case '-': bad = __builtin_sub_overflow(x, y, &r); break;
	case '*': bad = __builtin_mul_overflow(x, y, &r); break;
	case '/': bad = x == INT64_MIN && y == -1; r = bad ? 0 : x / y; break;
	case '%': r = y == -1 ? 0 : x % y; break;
	case TK_SHL: bad = y < 0 || y > 63; r = (s64)((u64)x << (y & 63)); break;
	case TK_SHR: bad = y < 0 || y > 63; r = x >> (y & 63); break;
	}
	*v = (u64)r;
	*big = false;
	return !bad;
}

static int
compare(const Node *a, const Node *b)
{
	if (a->big != b->big)
		return a->big ? 1 : -1;
	if (a->big)
		return a->num < b->num ? -1 : a->num > b->num;
	return (s64)a->num < (s64)b->num ? -1 : (s64)a->num > (s64)b->num;
}

static bool
holds(u8 op, int cmp)
{
	switch (op) {
	case '<':   return cmp < 0;
	case '>':   return cmp > 0;
	case TK_LE: return cmp <= 0;
	case TK_GE: return cmp >= 0;
	case TK_EQ: return cmp == 0;
	default:    return cmp != 0;
	}
}

static bool
is_compare(u8 op)
{
	return op == '<' || op == '>' || op == TK_LE || op == TK_GE || op == TK_EQ || op == TK_NE;
}

static int
compare_strings(const Node *a, const Node *b)
{
	u32 n = MIN(a->n, b->n);
	int r = memcmp(a->str, b->str, n);

	return r ? r : a->n < b->n ? -1 : a->n > b->n;
}

static bool has_sign(const Node *n, const Type *t);

/* A number from a cast is calculated with as at run time: in 64 bits that wrap, divided and shifted right without sign. */
static bool
fold_casts(Comp *c, Node *n)
{
	u64 x = n->a->num, y = n->b->num, v = 0;
	bool sign = n->op == '-' || has_sign(n->a, n->a->type) || has_sign(n->b, n->b->type);

	switch (n->op) {
	case '+': v = x + y; break;
	case '-': v = x - y; break;
	case '*': v = x * y; break;
	case '&': v = x & y; break;
	case '|': v = x | y; break;
	case '^': v = x ^ y; break;
	case '/': v = x / y; break;
	case '%': v = x % y; break;
	default:
		if (y > 63)
			return overflow(c, n);
		v = n->op == TK_SHL ? x << y : x >> y;
	}
	if ((n->op == '/' || n->op == '%') && sign)
		warn_signed(c, n);
	set_number(n, v, !sign && v > INT64_MAX);
	n->fixed = true;
	n->type = type_int(8, sign);
	return true;
}

bool
fold_bin(Comp *c, Node *n)
{
	Node *a = n->a, *b = n->b;
	bool big = false;
	u64 v = 0;

	if (a->kind == ND_STR && b->kind == ND_STR && is_compare(n->op)) {
		set_bool(n, holds(n->op, compare_strings(a, b)));
		return true;
	}
	if ((a->kind != ND_NUM && a->kind != ND_BOOL) || (b->kind != ND_NUM && b->kind != ND_BOOL))
		return false;
	if (n->op == TK_LAND || n->op == TK_LOR) {
		set_bool(n, n->op == TK_LAND ? a->num && b->num : a->num || b->num);
		return true;
	}
	if (is_compare(n->op)) {
		set_bool(n, holds(n->op, compare(a, b)));
		return true;
	}
	if ((n->op == '/' || n->op == '%') && !b->num)
		return false;           /* reported by check_bin */
	if ((a->fixed && a->type->kind == TY_INT) || (b->fixed && b->type->kind == TY_INT))
		return fold_casts(c, n);
	if (!calculate(n->op, a, b, &v, &big))
		return overflow(c, n);
	set_number(n, v, big);
	n->type = literal_type(n);
	return true;
}

bool
fold_un(Comp *c, Node *n)
{
	Node *a = n->a;
	const Type *t = a->fixed ? a->type : NULL;
	u64 v = a->num;

	if (a->kind == ND_BOOL && n->op == '!') {
		set_bool(n, !v);
		return true;
	}
	if (a->kind != ND_NUM)
		return false;
	switch (n->op) {
	case '!':
		set_bool(n, !v);
		return true;
	case '-':
		if (a->big && v != (u64)INT64_MAX + 1)
			return overflow(c, n);
		set_number(n, -v, false);
		break;
	case '~':
		set_number(n, ~v, ~v > INT64_MAX);
		break;
	default:
		return false;
	}
	if (t && t->kind == TY_INT) {
		fold_cast(n, t);
		return true;
	}
	n->type = literal_type(n);
	return true;
}

/* Gives a number the width and sign of an integer type. */
void
fold_cast(Node *n, const Type *to)
{
	u32 bits = to->size * 8;
	u64 v = n->num;

	if (bits < 64)
		v = to->sign ? (u64)((s64)(v << (64 - bits)) >> (64 - bits)) : v << (64 - bits) >> (64 - bits);
	set_number(n, v, !to->sign && v > INT64_MAX);
	n->fixed = true;
	n->type = to;
}

/* ---- unary ---- */

static const Type *
check_address(Comp *c, Node *n)
{
	Node *a = n->a;

	if (a->kind == ND_MAP && !a->a) {
		MapSym *m = a->sym;

		if (!m->keyed)
			m->scalar = true;
		return type_ptr(c->ts, m->value ? m->value : &ty_none, AS_BPF);
	}
	if (a->kind != ND_VAR && a->kind != ND_MAP) {
		comp_err(c, n->at, E_TYPE, "the address of a variable or a map can be taken, not of this");
		return &ty_error;
	}
	return type_ptr(c->ts, check_expr(c, a), AS_BPF);
}

const Type *
check_un(Comp *c, Node *n)
{
	const Type *t, *i;

	if (n->op == '&')
		return check_address(c, n);
	t = check_expr(c, n->a);
	if (t->kind == TY_ERROR)
		return t;
	if (n->op == '*') {
		if (t->kind == TY_INT) {        /* an address: what lies there is as wide as itself */
			n->space = n->a->space;
			return t;
		}
		if (t->kind != TY_PTR) {
			comp_err(c, n->at, E_TYPE, "Can not dereference type '%s'. You can only dereference pointers.", tname(c, t));
			return &ty_error;
		}
		n->space = t->space;
		if (t->elem && t->elem->kind == TY_NONE) {
			comp_err(c, n->at, E_TYPE, "Can not dereference a void pointer");
			comp_hint(c, "cast it to a pointer to what lies there");
			return &ty_error;
		}
		if (t->elem->kind == TY_PTR && !t->elem->space)
			return type_ptr(c->ts, t->elem->elem, t->space);
		return t->elem;
	}
	if (fold_un(c, n))
		return n->type;
	if (n->op == '!' && (number_type(t) || t->kind == TY_PTR))
		return &ty_bool;
	i = number_type(t);
	if (!i) {
		comp_err(c, n->at, E_TYPE, "The %s operator can not be used on expressions of type '%s'", lex_op_name(n->op), tname(c, t));
		return &ty_error;
	}
	return n->op == '-' ? type_int(8, true) : i;
}

/* ---- binary ---- */

/* Signed, as seen beside another operand: a literal that is not negative takes the other's sign. */
static bool
has_sign(const Node *n, const Type *t)
{
	return t->sign && !(n->kind == ND_NUM && !n->fixed && nonneg(n));
}

static const Type *
bad_operands(Comp *c, Node *n, const Type *a, const Type *b)
{
	if (a->kind == b->kind || (number_type(a) && number_type(b)))
		comp_err(c, n->at, E_TYPE, "The %s operator can not be used on expressions of type '%s'", lex_op_name(n->op), tname(c, a));
	else
		comp_err(c, n->at, E_TYPE, "Type mismatch for '%s': '%s' and '%s'",
		    lex_op_name(n->op), tname(c, a), tname(c, b));
	return &ty_error;
}

static bool
comparable(const Type *a, const Type *b)
{
	if (a->kind != b->kind)
		return false;
	switch (a->kind) {
	case TY_STRING: case TY_BUFFER: case TY_KSTACK: case TY_USTACK: case TY_INET: case TY_MAC:
		return true;
	case TY_ARRAY:
		return a->count == b->count && a->elem->size == b->elem->size;
	case TY_TUPLE: case TY_RECORD:
		if (a->n_fields != b->n_fields)
			return false;
		for (u32 i = 0; i < a->n_fields; i++) {
			const Type *x = a->fields[i].type;
			const Field *f = type_partner(a, i, b);

			if (!f || (!(number_type(x) && number_type(f->type)) && !comparable(x, f->type) && x != f->type))
				return false;
		}
		return true;
	}
	return is_scalar(a);
}

static const Type *
check_compare(Comp *c, Node *n, const Type *a, const Type *b)
{
	const Type *x = number_type(a), *y = number_type(b);

	if (x && y) {
		if (has_sign(n->a, x) != has_sign(n->b, y) && x->size == 8 && y->size == 8 && x->sign != y->sign &&
		    !is_literal(n->a) && !is_literal(n->b))
			comp_warn(c, n->at, W_SIGN, "comparison of integers of different signs: '%s' and '%s' can lead to undefined behavior",
			     tname(c, x), tname(c, y));
		return &ty_bool;
	}
	if ((a->kind == TY_PTR && (b->kind == TY_PTR || y)) || (x && b->kind == TY_PTR))
		return &ty_bool;
	if ((n->op == TK_EQ || n->op == TK_NE) && comparable(a, b))
		return &ty_bool;
	if (a->kind == TY_STRING && b->kind == TY_STRING && comparable(a, b))
		comp_err(c, n->at, E_TYPE, "strings are compared with == and != only");
	else if (a->kind != b->kind)
		comp_err(c, n->at, E_TYPE, "Type mismatch for '%s': comparing '%s' with '%s'", lex_op_name(n->op), tname(c, a), tname(c, b));
	else
		return bad_operands(c, n, a, b);
	return &ty_error;
}

static const Type *
check_pointer_math(Comp *c, Node *n, const Type *a, const Type *b)
{
	bool left = a->kind == TY_PTR;

	if (left && b->kind == TY_PTR) {
		comp_err(c, n->at, E_TYPE, "The %s operator can not be used on two pointers", lex_op_name(n->op));
		return &ty_error;
	}
	if ((n->op == '+' || (n->op == '-' && left)) && number_type(left ? b : a))
		return left ? a : b;
	/* Bits of an address: a number again. */
	if (strchr("&|^%/*", n->op) || n->op == TK_SHL || n->op == TK_SHR)
		return type_int(8, false);
	return bad_operands(c, n, a, b);
}

const Type *
check_bin(Comp *c, Node *n)
{
	const Type *a = check_expr(c, n->a), *b = check_expr(c, n->b), *x, *y;
	bool sign;

	if (a->kind == TY_ERROR || b->kind == TY_ERROR)
		return &ty_error;
	if ((n->op == '/' || n->op == '%') && n->b->kind == ND_NUM && !n->b->num) {
		comp_err(c, n->at, E_FOLD, "unable to fold literals: %s by zero", n->op == '/' ? "division" : "modulo");
		return &ty_error;
	}
	if (fold_bin(c, n))
		return n->type;
	if (n->op == TK_LAND || n->op == TK_LOR) {
		if ((number_type(a) || a->kind == TY_PTR) && (number_type(b) || b->kind == TY_PTR))
			return &ty_bool;
		return bad_operands(c, n, a, b);
	}
	if (is_compare(n->op))
		return check_compare(c, n, a, b);
	if (a->kind == TY_PTR || b->kind == TY_PTR)
		return check_pointer_math(c, n, a, b);
	x = number_type(a);
	y = number_type(b);
	if (n->a->kind == ND_STR && n->op == '+' && n->b->kind == ND_NUM && n->b->num <= n->a->n) {     /* skips characters */
		make_string(c, n, n->a->str + n->b->num, n->a->n - n->b->num);
		return n->type;
	}
	if (!x || !y)
		return bad_operands(c, n, x ? b : a, x ? a : b);
	sign = has_sign(n->a, x) || has_sign(n->b, y);
	if ((n->op == '/' || n->op == '%') && sign)
		warn_signed(c, n);
	return type_int(8, n->op == '-' || sign);
}

const Type *
check_step(Comp *c, Node *n)
{
	const Type *t;

	if (n->a->kind != ND_VAR && n->a->kind != ND_MAP) {
		comp_err(c, n->at, E_ASSIGN, "The %s operator must be applied to a map or variable", lex_op_name(n->op));
		return &ty_error;
	}
	if (n->a->kind == ND_VAR) {
		VarSym *v = n->a->sym;

		t = check_expr(c, n->a);
		if (t->kind == TY_ERROR || t->kind == TY_PTR)
			return t;
		if (!number_type(t)) {
			comp_err(c, n->at, E_TYPE, "The %s operator can not be used on expressions of type '%s'", lex_op_name(n->op),
			    tname(c, t));
			return &ty_error;
		}
		if (!v->declared) {
			t = type_join(c, t, type_int(8, n->op == TK_DEC || t->sign), NULL);
			if (t != v->type) {
				v->type = t;
				c->changed = true;
			}
		}
		v->assigned = true;
		n->a->type = v->type;
		return v->type;
	}
	return check_map_step(c, n);
}
