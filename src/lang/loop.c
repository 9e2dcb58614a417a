/* loop: for. Over a map, or a range that is long or not constant, the body becomes a function that the kernel calls
 * (bpf_for_each_map_elem, bpf_loop). What it shares with the code around it lies in the frame, on the stack, whose address
 * it is given. A short range of constants with a small body is an ordinary loop: the verifier walks it as often as it runs,
 * and each branch inside may double its way. */
#include "lang/comp.h"

enum { SHORT = 64, WORK = 400 };        /* times; nodes of the body times times */

static void
enter(Comp *c, u32 b)
{
	ir_seal(c->fn, b);
	ir_start(c->fn, b);
}

/* The frame begins as zeros, and knows the context. */
void
lower_frame(Comp *c)
{
	u32 size = FRAME_VARS + c->cl->frame_size;

	c->frame = ir_mem_stack(c->fn, size, 8, c->fn->at);
	ir_zero(c->fn, c->frame, 0, size);
	ir_store(c->fn, c->frame, FRAME_CTX, 8, ir_ctx(c->fn));
}

static bool
leaves(const Node *n)
{
	const Builtin *b;

	if (!n)
		return false;
	b = n->kind == ND_CALL ? n->sym : NULL;
	if (n->kind == ND_RETURN || (b && b->flags & B_ENDS))
		return true;
	if (leaves(n->a) || leaves(n->b) || leaves(n->c))
		return true;
	for (u32 i = 0; n->list && i < n->n; i++)
		if (leaves(n->list[i]))
			return true;
	return false;
}

/* What is set aside while a body is built as a function. */
typedef struct Outer { Fn *fn; Ref frame; Loop *loop; bool in_callback; } Outer;

static Outer
open_body(Comp *c, Loop *loop, const char *name, u32 params, u32 frame_param)
{
	Outer o = { c->fn, c->frame, c->loop, c->in_callback };

	c->fn = ir_fn_new(c->unit, name, params);
	c->fn->at = o.fn->at;
	c->frame = ir_param(c->fn, frame_param);
	c->fn->ctx = ir_load(c->fn, c->frame, FRAME_CTX, 8, false);
	c->in_callback = true;
	*loop = (Loop){ .callback = true, .up = NULL };
	c->loop = loop;
	return o;
}

static Fn *
close_body(Comp *c, Outer o)
{
	Fn *body = c->fn;

	ir_ret(c->fn, ir_const(c->fn, 0));
	c->fn = o.fn;
	c->frame = o.frame;
	c->loop = o.loop;
	c->in_callback = o.in_callback;
	return body;
}

/* Behind the loop: a body that left the program says so in the frame. */
static void
leave_too(Comp *c, const Node *body)
{
	u32 left, on;

	if (!leaves(body))
		return;
	left = ir_block(c->fn), on = ir_block(c->fn);
	ir_br(c->fn, ir_load(c->fn, c->frame, FRAME_LEFT, 8, false), left, on);
	enter(c, left);
	ir_ret(c->fn, c->in_callback ? ir_const(c->fn, 1) : ir_load(c->fn, c->frame, FRAME_RESULT, 8, false));
	enter(c, on);
}

/* Does n give the variable a new value? */
static bool
changes(const Node *n, const VarSym *v)
{
	if (!n)
		return false;
	if ((n->kind == ND_ASSIGN || n->kind == ND_STEP) && n->a->kind == ND_VAR && n->a->sym == v)
		return true;
	if (changes(n->a, v) || changes(n->b, v) || changes(n->c, v))
		return true;
	for (u32 i = 0; n->list && i < n->n; i++)
		if (changes(n->list[i], v))
			return true;
	return false;
}

/* A number that the body changes must not be a constant to the verifier: it would walk the body for each of its values.
 * What an atomic addition leaves is unknown to it. */
static void
make_unknown(Comp *c, const Node *body)
{
	for (u32 i = 0; i < c->cl->vars.n; i++) {
		const VarSym *v = c->cl->vars.v[i];

		if (v->shared && v->type && type_is_int(v->type) && changes(body, v))
			ir_atomic(c->fn, BPF_ADD, c->frame, (s32)v->frame, 8, ir_const(c->fn, 0));
	}
}

/* ---- ranges ---- */

/* How often a for over constants runs; 0: not known. */
static u64
trips(const Node *range)
{
	const Node *a = range->a, *b = range->b;

	return a->kind == ND_NUM && b->kind == ND_NUM && (s64)b->num > (s64)a->num ? b->num - a->num : 0;
}

/* About how much the verifier has to do for n; calls are many instructions. */
static u64
work(const Node *n)
{
	u64 sum = 1;

	if (!n)
		return 0;
	sum += n->kind == ND_CALL ? 8 : 0;
	sum += work(n->a) + work(n->b) + work(n->c);
	for (u32 i = 0; n->list && i < n->n; i++)
		sum += work(n->list[i]);
	if (n->kind == ND_FOR && n->b->kind == ND_RANGE)
		sum *= MAX(1, MIN(trips(n->b), (u64)SHORT));
	return sum;
}

/* Is n as an ordinary loop little work? */
static bool
is_short(const Comp *c, const Node *n)
{
	u64 times = trips(n->b);

	if (!times || times > SHORT)
		return (s64)n->b->b->num <= (s64)n->b->a->num && n->b->a->kind == ND_NUM && n->b->b->kind == ND_NUM;
	if (c->loop && c->loop->trips)
		times *= c->loop->trips;
	return times * work(n->c) <= WORK;
}

static void
native_range(Comp *c, Node *n, Ref from, Ref to)
{
	Fn *fn = c->fn;
	Loop loop = { .brk = ir_block(fn), .cont = ir_block(fn), .up = c->loop, .trips = (u32)MIN(trips(n->b), (u64)1000) };
	u32 head = ir_block(fn), body = ir_block(fn);
	Var i = ir_var(fn);

	ir_set(fn, i, from);
	ir_jmp(fn, head);
	ir_start(fn, head);
	ir_br(fn, ir_bin(fn, IR_slt, ir_get(fn, i), to), body, loop.brk);
	enter(c, body);
	var_set(c, n->a->sym, ir_get(fn, i));
	if (loop.up && loop.up->trips)
		loop.trips *= loop.up->trips;
	c->loop = &loop;
	lower_stmt(c, n->c);
	c->loop = loop.up;
	ir_jmp(fn, loop.cont);
	enter(c, loop.cont);
	ir_set(fn, i, ir_bini(fn, IR_add, ir_get(fn, i), 1));
	ir_jmp(fn, head);
	ir_seal(fn, head);
	enter(c, loop.brk);
}

/* n->num: where in the frame the first value lies. */
static void
called_range(Comp *c, Node *n, Ref from, Ref to)
{
	Fn *fn = c->fn, *body;
	u32 some = ir_block(fn), end = ir_block(fn);
	s32 slot = (s32)(FRAME_VARS + n->num);
	Loop loop;
	Outer o;
	Ref i;

	ir_store(fn, c->frame, slot, 8, from);
	ir_br(fn, ir_bin(fn, IR_slt, from, to), some, end);
	enter(c, some);
	o = open_body(c, &loop, "for", 2, 1);
	i = ir_bin(c->fn, IR_add, ir_load(c->fn, c->frame, slot, 8, false), ir_ext(c->fn, ir_param(c->fn, 0), 4, false));
	var_set(c, n->a->sym, i);
	lower_stmt(c, n->c);
	body = close_body(c, o);
	make_unknown(c, n->c);
	IR_CALL(fn, BPF_FUNC_loop, ir_bin(fn, IR_sub, to, from), ir_fnref(fn, body), c->frame, ir_const(fn, 0));
	leave_too(c, n->c);
	ir_jmp(c->fn, end);
	enter(c, end);
}

static void
lower_range(Comp *c, Node *n)
{
	Node *a = n->b->a, *b = n->b->b;
	Ref from = lower_int(c, a), to = lower_int(c, b);

	if (is_short(c, n) || !comp_has(c, FEAT_LOOP))
		native_range(c, n, from, to);
	else
		called_range(c, n, from, to);
}

/* ---- maps ---- */

static void
lower_entries(Comp *c, Node *n)
{
	MapSym *m = n->b->sym;
	VarSym *v = n->a->sym;
	const Field *f = v->type->fields;
	Fn *fn = c->fn, *body;
	Loop loop;
	Outer o;
	Ref mem;

	if (!comp_has(c, FEAT_FOR_EACH)) {
		diag_err(c->d, n->at, E_UNSUPPORTED, "Missing required kernel feature: for_each_map_elem");
		return;
	}
	o = open_body(c, &loop, "for", 4, 3);
	var_place(c, v);
	mem = v->mem;
	Val key = val_mem(m->key, ir_param(c->fn, 1), 0);

	key.clean = true;
	if (v->type->size > f[1].offset + f[1].type->size)      /* what is behind must not hold anything old */
		ir_zero(c->fn, mem, (s32)(f[1].offset + f[1].type->size), v->type->size - f[1].offset - f[1].type->size);
	val_store(c, key, f[0].type, mem, 0, true);
	if (f[1].offset > f[0].type->size)
		ir_zero(c->fn, mem, (s32)f[0].type->size, f[1].offset - f[0].type->size);
	if (type_is_agg(m->value)) {
		store_scalar(c, mem, (s32)f[1].offset, f[1].type, agg_gather(c, m, ir_param(c->fn, 1), n->at));
	} else {
		Val val = val_mem(m->value, ir_param(c->fn, 2), 0);

		val.clean = true;
		val_store(c, val, f[1].type, mem, (s32)f[1].offset, true);
	}
	lower_stmt(c, n->c);
	body = close_body(c, o);
	make_unknown(c, n->c);
	IR_CALL(fn, BPF_FUNC_for_each_map_elem, ir_map(fn, m->map), ir_fnref(fn, body), c->frame, ir_const(fn, 0));
	leave_too(c, n->c);
}

void
lower_for(Comp *c, Node *n)
{
	if (n->b->kind == ND_RANGE)
		lower_range(c, n);
	else
		lower_entries(c, n);
}
