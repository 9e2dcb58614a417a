/* lower: clauses, statements and control flow. */
#include "lang/comp.h"

/* ---- variables ---- */

static Ref
frame_at(Comp *c, VarSym *v, s32 *off)
{
	*off = (s32)v->frame;
	return c->frame;
}

/* New memory for it. The kernel lets no function store addresses of its own stack in its caller's. */
void
var_place(Comp *c, VarSym *v)
{
	s32 off;
	Ref f;

	v->placed = true;
	v->fn = c->fn;
	if (v->shared && c->in_callback)
		v->mem = ir_mem_scratch(c->fn, MAX(v->type->size, 1u), 8, c->fn->at);
	else
		v->mem = val_mem_new(c, v->type);
	if (!v->shared)
		return;
	f = frame_at(c, v, &off);
	ir_store(c->fn, f, off, 8, v->mem);
}

/* Memory of a variable that does not fit a register; in a for body the frame holds its address. */
static Ref
var_memory(Comp *c, VarSym *v)
{
	s32 off;
	Ref f;

	/* In another Fn it is another variable: the body of a loop that was unrolled. */
	if (!v->placed || (v->fn != c->fn && !v->shared))
		var_place(c, v);
	if (v->fn == c->fn)
		return v->mem;
	f = frame_at(c, v, &off);
	return ir_load(c->fn, f, off, 8, false);
}

void
var_set(Comp *c, VarSym *v, Ref r)
{
	s32 off;

	if (v->shared) {
		Ref f = frame_at(c, v, &off);

		ir_store(c->fn, f, off, 8, r);
		return;
	}
	if (!v->placed || v->fn != c->fn) {
		v->placed = true;
		v->fn = c->fn;
		v->var = ir_var(c->fn);
	}
	ir_set(c->fn, v->var, r);
}

Val
var_get(Comp *c, VarSym *v)
{
	s32 off;
	Ref f;
	Val m;

	if (!is_scalar(v->type)) {
		m = val_mem(v->type, var_memory(c, v), 0);
		m.clean = v->type->size <= 64;
		return m;
	}
	if (v->shared) {
		f = frame_at(c, v, &off);
		return val_reg(v->type, ir_load(c->fn, f, off, 8, false));
	}
	if (!v->placed || v->fn != c->fn)
		return val_reg(v->type, ir_const(c->fn, 0));
	return val_reg(v->type, ir_get(c->fn, v->var));
}

/* Whether the value mentions the variable or map that it is about to be written to. */
static bool
mentions(const Node *n, const void *sym)
{
	if (!n)
		return false;
	if ((n->kind == ND_VAR || n->kind == ND_MAP) && n->sym == sym)
		return true;
	if (mentions(n->a, sym) || mentions(n->b, sym) || mentions(n->c, sym))
		return true;
	for (u32 i = 0; n->list && i < n->n; i++)
		if (mentions(n->list[i], sym))
			return true;
	return false;
}

void
lower_fresh(Comp *c, Node *n, const void *sym, const Type *as, Ref base, s32 off, bool clean)
{
	Val v;

	if (!is_scalar(as) && mentions(n, sym)) {
		v = val_mem(as, val_mem_new(c, as), 0);
		lower_into(c, n, as, v.r, 0, clean);
		v.clean = clean;
		val_store(c, v, as, base, off, clean);
		return;
	}
	lower_into(c, n, as, base, off, clean);
}

void
assign_var(Comp *c, VarSym *v, Node *value)
{
	if (is_scalar(v->type)) {
		Ref r = lower_int(c, value);
		const Type *t = value->type;

		if (agg_coerced(t))
			t = agg_coerced(t);
		var_set(c, v, convert(c, r, t, v->type));
		return;
	}
	lower_fresh(c, value, v, v->type, var_memory(c, v), 0, v->type->size <= 64);
}

static void
lower_assign(Comp *c, Node *n)
{
	VarSym *v;

	if (n->a->kind == ND_MAP) {
		map_assign(c, n);
		return;
	}
	if (n->a->kind == ND_IDENT) {
		lower(c, n->b);
		return;
	}
	v = n->a->sym;
	if (n->op) {
		Node bin = { .kind = ND_BIN, .op = n->op, .at = n->at, .a = n->a, .b = n->b,
			.type = v->type->kind == TY_PTR ? v->type : type_int(8, true) };
		Ref r = lower_int(c, &bin);

		var_set(c, v, convert(c, r, bin.type, v->type));
		return;
	}
	assign_var(c, v, n->b);
}

static void
lower_let(Comp *c, Node *n)
{
	VarSym *v = n->a->sym;

	if (!v->type)
		return;
	if (n->c)
		assign_var(c, v, n->c);
	else if (is_scalar(v->type))
		var_set(c, v, ir_const(c->fn, 0));
	else
		ir_zero(c->fn, var_memory(c, v), 0, v->type->size);
}

/* ---- control flow ---- */

static void
lower_if(Comp *c, Node *n)
{
	u32 yes, no, end;

	if (n->num) {           /* comptime: check folded it */
		if (n->a->num)
			lower_stmt(c, n->b);
		else if (n->c)
			lower_stmt(c, n->c);
		return;
	}
	yes = ir_block(c->fn);
	end = ir_block(c->fn);
	no = n->c ? ir_block(c->fn) : end;
	lower_cond(c, n->a, yes, no);
	ir_seal(c->fn, yes);
	ir_start(c->fn, yes);
	lower_stmt(c, n->b);
	ir_jmp(c->fn, end);
	if (n->c) {
		ir_seal(c->fn, no);
		ir_start(c->fn, no);
		lower_stmt(c, n->c);
		ir_jmp(c->fn, end);
	}
	ir_seal(c->fn, end);
	ir_start(c->fn, end);
}

static void
lower_while(Comp *c, Node *n)
{
	Loop loop = { .brk = ir_block(c->fn), .cont = ir_block(c->fn), .up = c->loop };
	u32 body = ir_block(c->fn);

	ir_jmp(c->fn, loop.cont);
	ir_start(c->fn, loop.cont);
	lower_cond(c, n->a, body, loop.brk);
	ir_seal(c->fn, body);
	ir_start(c->fn, body);
	c->loop = &loop;
	lower_stmt(c, n->b);
	c->loop = loop.up;
	ir_jmp(c->fn, loop.cont);
	ir_seal(c->fn, loop.cont);
	ir_seal(c->fn, loop.brk);
	ir_start(c->fn, loop.brk);
}

static void
lower_unroll(Comp *c, Node *n)
{
	Loop loop = { .brk = ir_block(c->fn), .up = c->loop };

	for (u64 i = 0; i < n->a->num; i++) {
		loop.cont = ir_block(c->fn);
		c->loop = &loop;
		lower_stmt(c, n->b);
		c->loop = loop.up;
		ir_jmp(c->fn, loop.cont);
		ir_seal(c->fn, loop.cont);
		ir_start(c->fn, loop.cont);
	}
	ir_jmp(c->fn, loop.brk);
	ir_seal(c->fn, loop.brk);
	ir_start(c->fn, loop.brk);
}

/* Goes on in a block that nothing leads to. */
static void
unreachable(Comp *c)
{
	u32 b = ir_block(c->fn);

	ir_seal(c->fn, b);
	ir_start(c->fn, b);
}

static void
lower_jump(Comp *c, Node *n)
{
	bool brk = n->kind == ND_BREAK;

	if (c->loop->callback)
		ir_ret(c->fn, ir_const(c->fn, brk));
	else
		ir_jmp(c->fn, brk ? c->loop->brk : c->loop->cont);
	unreachable(c);
}

/* Leaves the program; in a for body by way of the frame, which the code behind the loop looks at. */
void
lower_leave(Comp *c, Ref value)
{
	if (c->in_callback) {
		ir_store(c->fn, c->frame, FRAME_LEFT, 8, ir_const(c->fn, 1));
		if (value)
			ir_store(c->fn, c->frame, FRAME_RESULT, 8, value);
		ir_ret(c->fn, ir_const(c->fn, 1));
	} else {
		ir_ret(c->fn, value);
	}
	unreachable(c);
}

void
lower_block(Comp *c, Node *n)
{
	for (u32 i = 0; i < n->n; i++)
		lower_stmt(c, n->list[i]);
}

static void
stmt(Comp *c, Node *n)
{
	switch (n->kind) {
	case ND_BLOCK:
		lower_block(c, n);
		if (n->a)
			lower_stmt(c, n->a);
		return;
	case ND_EXPR:
		lower_stmt(c, n->a);
		return;
	case ND_ASSIGN:
		lower_assign(c, n);
		return;
	case ND_LET:
		lower_let(c, n);
		return;
	case ND_IF:
		lower_if(c, n);
		return;
	case ND_WHILE:
		lower_while(c, n);
		return;
	case ND_UNROLL:
		lower_unroll(c, n);
		return;
	case ND_FOR:
		lower_for(c, n);
		return;
	case ND_BREAK: case ND_CONTINUE:
		lower_jump(c, n);
		return;
	case ND_RETURN:
		lower_leave(c, n->a ? lower_int(c, n->a) : 0);
		return;
	case ND_STEP:
		lower_step(c, n, false);
		return;
	case ND_NUM: case ND_STR: case ND_BOOL: case ND_VAR:
		return;
	}
	lower(c, n);
}

void
lower_stmt(Comp *c, Node *n)
{
	const Node *before = c->by;

	c->fn->at = n->at;
	c->by = n->by;
	stmt(c, n);
	c->by = before;
}

/* ---- clauses ---- */

static void
pid_filter(Comp *c, u32 out)
{
	Fn *fn = c->fn;
	u32 next = ir_block(fn);

	ir_br(fn, ir_bini(fn, IR_eq, lower_own_pid(c), c->pc->pid), next, out);
	ir_seal(fn, next);
	ir_start(fn, next);
}

/* Room for variables that for bodies share with what is around them, if there are any for loops. */
static bool
has_for(const Node *n)
{
	if (!n)
		return false;
	if (n->kind == ND_FOR || has_for(n->a) || has_for(n->b) || has_for(n->c))
		return true;
	for (u32 i = 0; n->list && i < n->n; i++)
		if (has_for(n->list[i]))
			return true;
	return false;
}

void
lower_clause(Comp *c, Clause *cl)
{
	u32 body, out;

	c->cl = cl;
	c->unit = ir_unit_new(c->a, cl->p ? cl->p->name : cl->prov->name);
	c->fn = ir_fn_new(c->unit, "main", 1);
	c->loop = NULL;
	c->in_callback = false;
	c->fn->at = cl->node->at;
	out = ir_block(c->fn);
	if (cl->prov->enter && cl->p)
		cl->prov->enter(c->pc, cl->p, c->fn);
	if (c->pc->pid_filter && c->pc->pid && cl->prov->when == PW_EVENT && !cl->prov->per_pid)
		pid_filter(c, out);
	if (cl->pred) {
		c->fn->at = cl->pred->at;
		body = ir_block(c->fn);
		lower_cond(c, cl->pred, body, out);
		ir_seal(c->fn, body);
		ir_start(c->fn, body);
	}
	if (has_for(cl->body)) {
		for (u32 i = 0; i < cl->vars.n; i++)
			if (cl->vars.v[i]->shared)
				cl->vars.v[i]->frame += FRAME_VARS;
		lower_frame(c);
	}
	lower_stmt(c, cl->body);
	ir_jmp(c->fn, out);
	ir_seal(c->fn, out);
	ir_start(c->fn, out);
	ir_ret(c->fn, 0);
}
