/* lower_expr: expressions. A scalar ends in a register; what is larger is written where it is wanted (lower_into). */
#include "lang/comp.h"

#include <assert.h>

/* ---- conditions ---- */

/* Starts block b, to which no further edge comes. */
static void
enter(Comp *c, u32 b)
{
	ir_seal(c->fn, b);
	ir_start(c->fn, b);
}

void
lower_cond(Comp *c, Node *n, u32 yes, u32 no)
{
	u32 next;

	if (n->kind == ND_BIN && (n->op == TK_LAND || n->op == TK_LOR)) {
		next = ir_block(c->fn);
		if (n->op == TK_LAND)
			lower_cond(c, n->a, next, no);
		else
			lower_cond(c, n->a, yes, next);
		enter(c, next);
		lower_cond(c, n->b, yes, no);
		return;
	}
	if (n->kind == ND_UN && n->op == '!') {
		lower_cond(c, n->a, no, yes);
		return;
	}
	if (n->type->kind == TY_STRING) {
		Val v = val_near(c, lower(c, n));

		ir_br(c->fn, ir_load(c->fn, v.r, v.off, 1, false), yes, no);
		return;
	}
	ir_br(c->fn, lower_int(c, n), yes, no);
}

static Ref
truth(Comp *c, Node *n)
{
	u32 yes = ir_block(c->fn), no = ir_block(c->fn), end = ir_block(c->fn);
	Var v = ir_var(c->fn);

	lower_cond(c, n, yes, no);
	enter(c, yes);
	ir_set(c->fn, v, ir_const(c->fn, 1));
	ir_jmp(c->fn, end);
	enter(c, no);
	ir_set(c->fn, v, ir_const(c->fn, 0));
	ir_jmp(c->fn, end);
	enter(c, end);
	return ir_get(c->fn, v);
}

/* ---- operators ---- */

static Ref
scaled(Comp *c, Ref r, const Type *ptr)
{
	u32 size = ptr->elem && ptr->elem->size ? ptr->elem->size : 1;

	return size == 1 ? r : ir_bini(c->fn, IR_mul, r, size);
}

static Ref
pointer_math(Comp *c, Node *n)
{
	bool left = n->a->type->kind == TY_PTR;
	Ref a = lower_int(c, n->a), b = lower_int(c, n->b);

	if (left)
		return ir_bin(c->fn, n->op == '+' ? IR_add : IR_sub, a, scaled(c, b, n->a->type));
	return ir_bin(c->fn, IR_add, scaled(c, a, n->b->type), b);
}

/* a / b, a % b: unsigned; by zero it gives 1 and says so at run time. */
static Ref
divide(Comp *c, Node *n, Ref a, Ref b)
{
	IrOp op = n->op == '/' ? IR_udiv : IR_umod;
	u32 zero, some, end;
	Var v;

	if (n->b->kind == ND_NUM)
		return ir_bin(c->fn, op, a, b);
	v = ir_var(c->fn);
	zero = ir_block_cold(c->fn), some = ir_block(c->fn), end = ir_block(c->fn);
	ir_br(c->fn, b, some, zero);
	enter(c, zero);
	event_send_ints(c, event_new(c, EV_DIV_ZERO, n->at), 0, NULL, 0);
	ir_set(c->fn, v, ir_const(c->fn, 1));
	ir_jmp(c->fn, end);
	enter(c, some);
	ir_set(c->fn, v, ir_bin(c->fn, op, a, b));
	ir_jmp(c->fn, end);
	enter(c, end);
	return ir_get(c->fn, v);
}

/* a op b of numbers; n says the operator, and the right operand if that is a literal. */
Ref
lower_op(Comp *c, Node *n, Ref a, Ref b)
{
	switch (n->op) {
	case '+':    return ir_bin(c->fn, IR_add, a, b);
	case '-':    return ir_bin(c->fn, IR_sub, a, b);
	case '*':    return ir_bin(c->fn, IR_mul, a, b);
	case '&':    return ir_bin(c->fn, IR_and, a, b);
	case '|':    return ir_bin(c->fn, IR_or, a, b);
	case '^':    return ir_bin(c->fn, IR_xor, a, b);
	case TK_SHL: return ir_bin(c->fn, IR_shl, a, b);
	case TK_SHR: return ir_bin(c->fn, IR_shr, a, b);
	}
	return divide(c, n, a, b);
}

static Ref
negated(Comp *c, Ref r, bool not)
{
	return not ? ir_bini(c->fn, IR_eq, r, 0) : r;
}

static Ref values_equal(Comp *c, Val a, Val b);

static Ref
fields_equal(Comp *c, Val a, Val b)
{
	Ref all = 0;

	for (u32 i = 0; i < a.type->n_fields; i++) {
		const Field *f = &a.type->fields[i], *g = type_partner(a.type, i, b.type);
		Ref r = values_equal(c, val_part(a, f->offset, f->type), val_part(b, g->offset, g->type));

		all = all ? ir_bin(c->fn, IR_and, all, r) : r;
	}
	return all ? all : ir_const(c->fn, 1);
}

static Ref
values_equal(Comp *c, Val a, Val b)
{
	if (is_scalar(a.type))
		return ir_bin(c->fn, IR_eq, val_int(c, a), val_int(c, b));
	if (a.type->kind == TY_STRING)
		return string_equal(c, a, b);
	if (a.type->kind == TY_TUPLE || a.type->kind == TY_RECORD)
		return fields_equal(c, val_near(c, a), val_near(c, b));
	return bytes_equal(c, a, b, MIN(a.type->size, b.type->size));
}

static Ref
equal(Comp *c, Node *a, Node *b)
{
	if (a->kind == ND_STR) {
		Node *t = a;

		a = b;
		b = t;
	}
	if (b->kind == ND_STR)
		return str_equal_literal(c, lower(c, a), b->str, b->n);
	return values_equal(c, lower(c, a), lower(c, b));
}

static bool
has_sign(const Node *n, const Type *t)
{
	return t->sign && !(n->kind == ND_NUM && !n->fixed && (n->big || (s64)n->num >= 0));
}

static Ref
compare(Comp *c, Node *n)
{
	const Type *x = number_type(n->a->type), *y = number_type(n->b->type);
	bool sign = x && y && (has_sign(n->a, x) || has_sign(n->b, y));
	IrOp op;

	switch (n->op) {
	case '<':   op = sign ? IR_slt : IR_ult; break;
	case '>':   op = sign ? IR_sgt : IR_ugt; break;
	case TK_LE: op = sign ? IR_sle : IR_ule; break;
	case TK_GE: op = sign ? IR_sge : IR_uge; break;
	case TK_EQ: op = IR_eq; break;
	default:    op = IR_ne; break;
	}
	Ref a = lower_int(c, n->a), b = lower_int(c, n->b);

	return ir_bin(c->fn, op, a, b);
}

static Ref
lower_bin(Comp *c, Node *n)
{
	Ref a, b;

	switch (n->op) {
	case TK_LAND: case TK_LOR:
		return truth(c, n);
	case TK_EQ: case TK_NE:
		if (!is_scalar(n->a->type) && !agg_coerced(n->a->type))
			return negated(c, equal(c, n->a, n->b), n->op == TK_NE);
		return compare(c, n);
	case '<': case '>': case TK_LE: case TK_GE:
		return compare(c, n);
	}
	if ((n->op == '+' || n->op == '-') && (n->a->type->kind == TY_PTR || n->b->type->kind == TY_PTR))
		return pointer_math(c, n);
	a = lower_int(c, n->a);
	b = lower_int(c, n->b);
	return lower_op(c, n, a, b);
}

static Ref
lower_un(Comp *c, Node *n)
{
	const Type *t = n->a->type;
	const Type *i = number_type(t);
	Ref r;

	if (n->op == '!')
		return ir_bini(c->fn, IR_eq, lower_int(c, n->a), 0);
	r = lower_int(c, n->a);
	r = ir_un(c->fn, n->op == '-' ? IR_neg : IR_not, r);
	return i && i->size < 8 ? ir_ext(c->fn, r, i->size, i->sign) : r;
}

/* ++ and --; wanted: the value is used. */
Ref
lower_step(Comp *c, Node *n, bool wanted)
{
	VarSym *v;
	Ref old, new;
	s64 by = n->op == TK_INC ? 1 : -1;

	if (n->a->kind == ND_MAP)
		return map_step(c, n, wanted);
	v = n->a->sym;
	old = var_get(c, v).r;
	if (v->type->kind == TY_PTR)
		by *= v->type->elem && v->type->elem->size ? v->type->elem->size : 1;
	new = convert(c, ir_bini(c->fn, IR_add, old, by), type_int(8, true), v->type);
	var_set(c, v, new);
	return n->num ? old : new;
}

/* ---- places ---- */

static Val
context_args(Comp *c, Node *n)
{
	return (Val){ .type = n->type, .where = W_CTX, .r = ir_ctx(c->fn) };
}

static bool
is_args(const Node *n)
{
	return n->kind == ND_CALL && !strcmp(n->name, "args");
}

/* args.name where arguments do not lie in the context: the provider loads them one by one. */
static Val
loaded_arg(Comp *c, Node *n)
{
	const Type *t = n->a->type;
	u32 i, count;
	const Field *f = type_fields(c->ts, t->kind == TY_PTR ? t->elem : t, &count);

	for (i = 0; i < count; i++)
		if (f[i].name == n->name)
			break;
	assert(i < count);
	return val_reg(n->type, c->cl->prov->load(c->pc, c->cl->p, c->fn, NULL, i));
}

static Val
lower_field(Comp *c, Node *n)
{
	Val v;
	Field f;
	const Type *t;

	if (is_args(n->a) && !c->cl->prov->args_in_ctx) {
		v = loaded_arg(c, n);
		if (!is_scalar(n->type))        /* passed by reference */
			v = (Val){ .type = n->type, .where = W_FAR, .r = v.r, .space = c->cl->prov->space };
		return v;
	}
	v = is_args(n->a) ? context_args(c, n->a) : lower(c, n->a);
	while (v.type->kind == TY_PTR) {
		t = v.type;
		v = val_deref(c, t, val_load(c, v).r);
	}
	type_field(c->ts, v.type, n->name, &f);
	t = f.type;
	v = val_part(v, f.offset, n->type);
	if (f.bit_size) {
		Field *keep = NEW(c->a, Field);

		*keep = f;
		v.bits = keep;
	}
	if (f.data_loc) {
		Ref w = val_load(c, (Val){ .type = type_int(4, false), .where = v.where, .r = v.r, .off = v.off, .space = v.space }).r;

		return val_reg(n->type, ir_bin(c->fn, IR_add, v.r, ir_bini(c->fn, IR_and, w, 0xffff)));
	}
	if (v.where == W_CTX && is_scalar(t))
		return val_load(c, v);
	return v;
}

/* a[i] in memory of ours: out of bounds reads 0, and warns under -k. */
static Val
near_element(Comp *c, Node *n, Val v, u32 count, u32 size)
{
	Fn *fn = c->fn;
	Ref i = lower_int(c, n->b), m = val_mem_new(c, n->type);
	u32 in = ir_block(fn), out = ir_block_cold(fn), end = ir_block(fn);
	Val e;

	v = val_near(c, v);
	ir_br(fn, ir_bini(fn, IR_ult, i, count), in, out);
	enter(c, in);
	e = val_mem(n->type, ir_bin(fn, IR_add, v.r, size == 1 ? i : ir_bini(fn, IR_mul, i, size)), v.off);
	val_store(c, e, n->type, m, 0, false);
	ir_jmp(fn, end);
	enter(c, out);
	ir_zero(fn, m, 0, MAX(n->type->size, 1u));
	if (c->opt->helper_errors)
		event_send_ints(c, event_new(c, EV_INDEX, n->at), 0, NULL, 0);
	ir_jmp(fn, end);
	enter(c, end);
	return val_mem(n->type, m, 0);
}

static Val
lower_index(Comp *c, Node *n)
{
	Val v = lower(c, n->a);
	const Type *t = n->a->type;
	u32 size = n->type->size;
	Ref i;

	if (t->kind == TY_PTR) {
		v = val_deref(c, v.type, val_load(c, v).r);
		v.type = n->type;
		if (n->b->kind == ND_NUM) {
			v.r = ir_bini(c->fn, IR_add, v.r, (s64)n->b->num * (s64)size);
			return v;
		}
		i = lower_int(c, n->b);
		v.r = ir_bin(c->fn, IR_add, v.r, size == 1 ? i : ir_bini(c->fn, IR_mul, i, size));
		return v;
	}
	if (n->b->kind == ND_NUM)
		return val_part(v, (u32)n->b->num * size, n->type);
	if (v.where == W_FAR && t->kind == TY_ARRAY && !t->count) {
		v.r = ir_bin(c->fn, IR_add, v.r, ir_bini(c->fn, IR_mul, lower_int(c, n->b), size));
		v.type = n->type;
		return v;
	}
	return near_element(c, n, v, t->kind == TY_ARRAY ? t->count : t->size, size);
}

static Ref
lower_address(Comp *c, Node *n)
{
	Node *a = n->a;
	VarSym *v;
	Val m;

	if (a->kind == ND_MAP)
		return map_address(c, a);
	v = a->sym;
	if (is_scalar(v->type)) {
		/* What is pointed at is read, so a copy serves. */
		m = val_mem(v->type, ir_mem(c->fn, 8, 8, n->at), 0);
		ir_store(c->fn, m.r, 0, 8, var_get(c, v).r);
		return m.r;
	}
	return val_addr(c, var_get(c, v));
}

/* ---- casts ---- */

static Val
lower_cast(Comp *c, Node *n)
{
	const Type *to = n->type, *from = n->b->type;
	Val v;
	Ref m;

	if (is_scalar(to) && agg_coerced(from))
		return val_reg(to, convert(c, agg_read(c, n->b), agg_coerced(from), to));
	v = lower(c, n->b);
	if (is_scalar(to)) {
		if (from->kind == TY_ARRAY && to->kind != TY_PTR) {
			v.type = to->kind == TY_BOOL ? to : type_int(to->size, to->sign);
			v = val_load(c, v);
			return val_reg(to, v.r);
		}
		if (from->kind == TY_STRING && to->kind == TY_BOOL) {
			v = val_near(c, v);
			return val_reg(to, ir_bini(c->fn, IR_ne, ir_load(c->fn, v.r, v.off, 1, false), 0));
		}
		if (from->kind == TY_USYM) {
			v.type = type_int(8, false);
			return val_reg(to, convert(c, val_load(c, v).r, v.type, to));
		}
		return val_reg(to, convert(c, val_int(c, v), from, to));
	}
	if (to->kind == TY_ARRAY && is_scalar(from)) {
		m = val_mem_new(c, to);
		store_low_bytes(c, m, to->size, val_load(c, v).r);
		return val_mem(to, m, 0);
	}
	if (v.where == W_MEM && (from->kind == TY_ARRAY || to->size <= from->size) && to->kind != TY_TUPLE && to->kind != TY_RECORD) {
		if (to->kind != TY_STRING) {
			v.type = to;
			return v;
		}
	}
	m = val_mem_new(c, to);
	val_store(c, v, to, m, 0, true);
	v = val_mem(to, m, 0);
	v.clean = true;
	return v;
}

/* ---- everything ---- */

static Val
lower_tern(Comp *c, Node *n)
{
	u32 yes = ir_block(c->fn), no = ir_block(c->fn), end = ir_block(c->fn);
	const Type *t = n->type;
	Var v = ir_var(c->fn);
	Ref r;

	if (!n->b) {            /* a ?: b */
		r = lower_int(c, n->a);
		ir_set(c->fn, v, convert(c, r, n->a->type, t));
		ir_br(c->fn, r, end, no);
	} else {
		lower_cond(c, n->a, yes, no);
		enter(c, yes);
		r = lower_int(c, n->b);
		ir_set(c->fn, v, n->b->type->kind == TY_NONE ? ir_const(c->fn, 0) : convert(c, r, n->b->type, t));
		ir_jmp(c->fn, end);
	}
	enter(c, no);
	r = lower_int(c, n->c);
	ir_set(c->fn, v, n->c->type->kind == TY_NONE ? ir_const(c->fn, 0) : convert(c, r, n->c->type, t));
	ir_jmp(c->fn, end);
	enter(c, end);
	return val_reg(t, ir_get(c->fn, v));
}

static Val
in_memory(Comp *c, Node *n)
{
	Val v = val_mem(n->type, val_mem_new(c, n->type), 0);

	lower_into(c, n, n->type, v.r, 0, n->type->size <= 64);
	v.clean = n->type->size <= 64;
	return v;
}

static Val
lower_call(Comp *c, Node *n)
{
	const Builtin *b = n->sym;

	if (b->into)
		return in_memory(c, n);
	if (is_args(n))
		return context_args(c, n);
	return val_reg(n->type, b->lower(c, n));
}

Val
lower(Comp *c, Node *n)
{
	Val v;
	Span before = c->fn->at;
	const Node *by = c->by;

	c->fn->at = n->at;
	c->by = n->by;
	switch (n->kind) {
	case ND_NUM: case ND_BOOL:
		v = val_reg(n->type, ir_const(c->fn, (s64)n->num));
		break;
	case ND_STR: case ND_TUPLE: case ND_RECORD:
		v = in_memory(c, n);
		break;
	case ND_VAR:
		v = var_get(c, n->sym);
		break;
	case ND_MAP:
		v = map_read(c, n);
		break;
	case ND_UN:
		if (n->op == '*' && n->a->type->kind == TY_INT)
			v = val_deref(c, type_ptr(c->ts, n->type, n->space), lower_int(c, n->a));
		else if (n->op == '*')
			v = val_deref(c, n->a->type, lower_int(c, n->a));
		else
			v = val_reg(n->type, n->op == '&' ? lower_address(c, n) : lower_un(c, n));
		v.type = n->type;
		break;
	case ND_BIN:
		v = val_reg(n->type, lower_bin(c, n));
		break;
	case ND_STEP:
		v = val_reg(n->type, lower_step(c, n, true));
		break;
	case ND_TERN:
		v = is_scalar(n->type) ? lower_tern(c, n) : in_memory(c, n);
		break;
	case ND_CALL:
		v = lower_call(c, n);
		break;
	case ND_FIELD:
		v = lower_field(c, n);
		break;
	case ND_ELEM:
		v = lower(c, n->a);
		v = val_part(v, n->a->type->fields[n->num].offset, n->type);
		break;
	case ND_INDEX:
		v = lower_index(c, n);
		break;
	case ND_CAST:
		v = lower_cast(c, n);
		break;
	case ND_BLOCK:
		lower_block(c, n);
		v = n->a ? lower(c, n->a) : val_reg(&ty_none, ir_const(c->fn, 0));
		break;
	default:
		assert(!"an expression");
		v = val_reg(&ty_error, 0);
	}
	c->fn->at = before;
	c->by = by;
	return v;
}

Ref
lower_int(Comp *c, Node *n)
{
	if (type_is_agg(n->type) && n->kind == ND_MAP)
		return agg_read(c, n);
	return val_int(c, lower(c, n));
}

static void
tern_into(Comp *c, Node *n, const Type *as, Ref base, s32 off, bool clean)
{
	u32 yes = ir_block(c->fn), no = ir_block(c->fn), end = ir_block(c->fn);

	lower_cond(c, n->a, yes, no);
	enter(c, yes);
	lower_into(c, n->b ? n->b : n->a, as, base, off, clean);
	ir_jmp(c->fn, end);
	enter(c, no);
	lower_into(c, n->c, as, base, off, clean);
	ir_jmp(c->fn, end);
	enter(c, end);
}

static void
fields_into(Comp *c, Node *n, const Type *as, Ref base, s32 off, bool clean)
{
	if (clean)
		val_clear_gaps(c, as, base, off);
	for (u32 i = 0; i < n->n; i++) {        /* in the order written, which need not be that of the type */
		Node *e = n->kind == ND_RECORD ? n->list[i]->a : n->list[i];
		const Field *f = type_partner(n->type, i, as);

		lower_into(c, e, f->type, base, off + (s32)f->offset, clean);
	}
}

void
lower_into(Comp *c, Node *n, const Type *as, Ref base, s32 off, bool clean)
{
	Span before = c->fn->at;
	const Node *by = c->by;
	const Builtin *b = n->kind == ND_CALL ? n->sym : NULL;

	c->fn->at = n->at;
	c->by = n->by;
	if (is_scalar(as)) {
		Ref r = lower_int(c, n);

		store_scalar(c, base, off, as, convert(c, r, agg_coerced(n->type) ? agg_coerced(n->type) : n->type, as));
	} else if (n->kind == ND_STR && as->kind == TY_STRING) {
		store_string(c, base, off, n->str, n->n, as->size, clean);
	} else if (n->kind == ND_TUPLE || n->kind == ND_RECORD) {
		fields_into(c, n, as, base, off, clean);
	} else if (n->kind == ND_TERN) {
		tern_into(c, n, as, base, off, clean);
	} else if (n->kind == ND_MAP) {
		map_into(c, n, as, base, off, clean);
	} else if (n->kind == ND_BLOCK && n->a) {
		lower_block(c, n);
		lower_into(c, n->a, as, base, off, clean);
	} else if (b && b->into) {
		b->into(c, n, as, base, off, clean);
	} else {
		val_store(c, lower(c, n), as, base, off, clean);
	}
	c->fn->at = before;
	c->by = by;
}
