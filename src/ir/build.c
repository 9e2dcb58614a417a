/* build: the builder. Instructions are simplified as they are appended. Its variables: ssa.c. */
#include "ir/ir.h"
#include "ir/build.h"

#include <assert.h>

bool ir_plain;

Unit *
ir_unit_new(Arena *a, const char *name)
{
	Unit *u = NEW(a, Unit);

	u->a = a;
	u->name = name;
	return u;
}

static u32
new_block(Fn *fn, bool cold)
{
	Block *b = NEW(fn->a, Block);

	b->id = fn->blocks.n;
	b->succ[0] = b->succ[1] = NO_BLOCK;
	b->cold = cold;
	VEC_PUSH(fn->a, &fn->blocks, b);
	VEC_PUSH(fn->a, &fn->builder->open_head, 0);
	return b->id;
}

Fn *
ir_fn_new(Unit *u, const char *name, u32 n_params)
{
	Fn *fn = NEW(u->a, Fn);

	fn->unit = u;
	fn->a = u->a;
	fn->name = name;
	fn->index = u->fns.n;
	fn->n_params = n_params;
	fn->builder = NEW(u->a, struct Builder);
	VEC_PUSH(u->a, &u->fns, fn);
	VEC_PUSH(fn->a, &fn->ins, (Ins){ 0 });
	fn->cur = new_block(fn, false);
	fn->blocks.v[0]->sealed = true;
	return fn;
}

/* ---- leaves ---- */

static u32
leaf_hash(u8 op, s64 imm, u32 imm2)
{
	u64 h = ((u64)imm ^ (u64)imm2 << 40 ^ (u64)op << 56) * 0x9e3779b97f4a7c15ull;

	return (u32)(h >> 32);
}

static Ref *
leaf_slot(Fn *fn, u8 op, s64 imm, u32 imm2)
{
	struct Builder *b = fn->builder;

	for (u32 i = leaf_hash(op, imm, imm2) & (b->leaf_cap - 1);; i = (i + 1) & (b->leaf_cap - 1)) {
		Ins *ins = &fn->ins.v[b->leaf[i]];

		if (!b->leaf[i] || (ins->op == op && ins->imm == imm && ins->imm2 == imm2))
			return &b->leaf[i];
	}
}

static void
grow_leaves(Fn *fn)
{
	struct Builder *b = fn->builder;
	Ref *old = b->leaf;
	u32 n = b->leaf_cap;

	b->leaf_cap = n ? n * 2 : 64;
	b->leaf = NEW_N(fn->a, Ref, b->leaf_cap);
	for (u32 i = 0; i < n; i++)
		if (old[i])
			*leaf_slot(fn, at(fn, old[i])->op, at(fn, old[i])->imm, at(fn, old[i])->imm2) = old[i];
}

Ref
ir_new(Fn *fn, u32 block, Ins i)
{
	i.block = block;
	if (!i.at.to)
		i.at = fn->at;
	VEC_PUSH(fn->a, &fn->ins, i);
	return fn->ins.n - 1;
}

Ref
ir_leaf(Fn *fn, IrOp op, s64 imm, u32 imm2)
{
	Ref *slot, r;

	if (fn->builder->n_leaf * 2 >= fn->builder->leaf_cap)
		grow_leaves(fn);
	slot = leaf_slot(fn, op, imm, imm2);
	if (*slot)
		return *slot;
	r = ir_new(fn, NO_BLOCK, (Ins){ .op = op, .imm = imm, .imm2 = imm2 });
	fn->builder->n_leaf++;
	return *slot = r;
}

Ref
ir_const(Fn *fn, s64 n)
{
	return ir_leaf(fn, IR_const, n, 0);
}

Ref
ir_param(Fn *fn, u32 n)
{
	assert(n < fn->n_params);
	return ir_leaf(fn, IR_param, n, 0);
}

Ref
ir_ctx(Fn *fn)
{
	return fn->ctx ? fn->ctx : ir_param(fn, 0);
}

Ref
ir_map(Fn *fn, u32 map)
{
	return ir_leaf(fn, IR_map, map, 0);
}

Ref
ir_mapval(Fn *fn, u32 map, u32 off)
{
	return ir_leaf(fn, IR_mapval, map, off);
}

Ref
ir_mem(Fn *fn, u32 size, u32 align, Span where)
{
	VEC_PUSH(fn->a, &fn->mems, ((Mem){ .size = size, .align = align ? align : 8, .at = where }));
	return ir_leaf(fn, IR_mem, fn->mems.n - 1, 0);
}

Ref
ir_mem_stack(Fn *fn, u32 size, u32 align, Span where)
{
	Ref r = ir_mem(fn, size, align, where);

	fn->mems.v[fn->mems.n - 1].on_stack = true;
	return r;
}

Ref
ir_mem_scratch(Fn *fn, u32 size, u32 align, Span where)
{
	Ref r = ir_mem(fn, size, align, where);

	fn->mems.v[fn->mems.n - 1].off_stack = true;
	return r;
}

Ref
ir_fnref(Fn *fn, const Fn *callback)
{
	return ir_leaf(fn, IR_fnref, callback->index, 0);
}

/* ---- instructions ---- */

Block *
ir_current(Fn *fn)
{
	if (fn->cur == NO_BLOCK) {
		fn->cur = new_block(fn, true);
		fn->blocks.v[fn->cur]->sealed = true;
	}
	return fn->blocks.v[fn->cur];
}

Ref
ir_append(Fn *fn, Ins i)
{
	Block *b = ir_current(fn);
	Ref *o, r;

	for (u32 n = 0; (o = operand(&i, n)); n++)
		*o = alias(fn, *o);
	i.block = b->id;
	r = ir_plain ? 0 : ir_simplify(fn, &i);
	if (r)
		return r;
	r = ir_new(fn, b->id, i);
	VEC_PUSH(fn->a, &b->ins, r);
	return r;
}

Ref
ir_un(Fn *fn, IrOp op, Ref a)
{
	return ir_append(fn, (Ins){ .op = op, .a = a });
}

Ref
ir_bin(Fn *fn, IrOp op, Ref a, Ref b)
{
	return ir_append(fn, (Ins){ .op = op, .a = a, .b = b });
}

Ref
ir_bini(Fn *fn, IrOp op, Ref a, s64 b)
{
	return ir_bin(fn, op, a, ir_const(fn, b));
}

Ref
ir_ext(Fn *fn, Ref a, u32 size, bool sign)
{
	return ir_append(fn, (Ins){ .op = sign ? IR_sext : IR_zext, .size = (u8)size, .a = a });
}

Ref
ir_bswap(Fn *fn, Ref a, u32 size)
{
	return ir_append(fn, (Ins){ .op = IR_bswap, .size = (u8)size, .a = a });
}

Ref
ir_load(Fn *fn, Ref base, s32 off, u32 size, bool sign)
{
	return ir_append(fn, (Ins){ .op = sign ? IR_loads : IR_load, .size = (u8)size, .a = base, .imm = off });
}

Ref
ir_load_ctx(Fn *fn, Ref base, s32 off, u32 size, bool sign)
{
	return ir_append(fn, (Ins){ .op = sign ? IR_loads : IR_load, .size = (u8)size, .flags = IF_INVARIANT,
		.a = base, .imm = off });
}

void
ir_store(Fn *fn, Ref base, s32 off, u32 size, Ref v)
{
	ir_append(fn, (Ins){ .op = IR_store, .size = (u8)size, .a = base, .b = v, .imm = off });
}

Ref
ir_atomic(Fn *fn, u32 op, Ref base, s32 off, u32 size, Ref v)
{
	return ir_append(fn, (Ins){ .op = IR_atomic, .size = (u8)size, .a = base, .b = v, .imm = op, .imm2 = (u32)off });
}

void
ir_zero(Fn *fn, Ref base, s32 off, u32 n)
{
	if (n)
		ir_append(fn, (Ins){ .op = IR_zero, .a = base, .imm = n, .imm2 = (u32)off });
}

void
ir_copy(Fn *fn, Ref to, s32 off, Ref from, u32 n)
{
	if (n)
		ir_append(fn, (Ins){ .op = IR_copy, .a = to, .b = from, .imm = n, .imm2 = (u32)off });
}

Ref
ir_call(Fn *fn, u32 helper, u32 n, const Ref *args)
{
	Ins i = { .op = IR_call, .imm = helper, .n_args = n };

	assert(n <= 5);
	i.args = NEW_N(fn->a, Ref, n);
	if (n)
		memcpy(i.args, args, n * sizeof(Ref));
	return ir_append(fn, i);
}

Ref
ir_call_apart(Fn *fn, u32 helper)
{
	return ir_append(fn, (Ins){ .op = IR_call, .imm = helper, .imm2 = 1 });
}

/* ---- control flow ---- */

u32
ir_block(Fn *fn)
{
	return new_block(fn, false);
}

u32
ir_block_cold(Fn *fn)
{
	return new_block(fn, true);
}

void
ir_start(Fn *fn, u32 block)
{
	assert(fn->cur == NO_BLOCK && !fn->blocks.v[block]->ins.n);
	fn->cur = block;
}

static void
add_edge(Fn *fn, u32 from, u32 to)
{
	assert(!fn->blocks.v[to]->sealed);
	VEC_PUSH(fn->a, &fn->blocks.v[to]->preds, from);
}

void
ir_jmp(Fn *fn, u32 to)
{
	Block *b = ir_current(fn);

	ir_append(fn, (Ins){ .op = IR_jmp });
	b->succ[0] = to;
	add_edge(fn, b->id, to);
	fn->cur = NO_BLOCK;
}

void
ir_br(Fn *fn, Ref cond, u32 yes, u32 no)
{
	Block *b = ir_current(fn);
	Ins i = { .op = IR_br, .a = alias(fn, cond) };

	b->succ[0] = yes;
	b->succ[1] = no;
	if (yes == no || (is_const(fn, i.a) && !ir_plain)) {
		b->succ[0] = b->succ[1] = NO_BLOCK;
		ir_jmp(fn, yes == no || at(fn, i.a)->imm ? yes : no);
		return;
	}
	ir_append(fn, i);
	add_edge(fn, b->id, yes);
	add_edge(fn, b->id, no);
	fn->cur = NO_BLOCK;
}

void
ir_ret(Fn *fn, Ref v)
{
	ir_append(fn, (Ins){ .op = IR_ret, .a = v ? v : ir_const(fn, 0) });
	fn->cur = NO_BLOCK;
}

bool
ir_ended(const Fn *fn)
{
	return fn->cur == NO_BLOCK;
}
