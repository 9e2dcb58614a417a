/* build: the builder. Instructions are simplified as they are appended; variables become SSA values at once
 * (Braun et al., "Simple and Efficient Construction of SSA Form"): a read looks backwards for the last write, and puts a
 * phi where ways meet or where not all ways are known yet. Phis are filled from a list, not by recursion, so that a
 * script of any length needs no deep stack. */
#include "ir/ir.h"
#include "ir/pass.h"

#include <assert.h>

typedef struct Open { u32 block, next; Var var; Ref phi; } Open;        /* a phi that waits for ir_seal */
typedef struct Def { u64 key; Ref ref; } Def;                           /* key: variable and block, + 1 */

struct Builder {
	Ref *leaf;                      /* hash table of leaves */
	u32 n_leaf, leaf_cap;
	Def *def;
	u32 n_def, def_cap;
	Vec(Open) open;
	VecU32 open_head;               /* per block: index + 1 into open */
	Vec(Open) todo;                 /* phis whose operands must be looked up */
	bool filling;
};

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

static Block *
current(Fn *fn)
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
	Block *b = current(fn);
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
	Block *b = current(fn);

	ir_append(fn, (Ins){ .op = IR_jmp });
	b->succ[0] = to;
	add_edge(fn, b->id, to);
	fn->cur = NO_BLOCK;
}

void
ir_br(Fn *fn, Ref cond, u32 yes, u32 no)
{
	Block *b = current(fn);
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

/* ---- variables ---- */

static Def *
def_slot(struct Builder *b, u64 key)
{
	u32 i = (u32)(key * 0x9e3779b97f4a7c15ull >> 32) & (b->def_cap - 1);

	while (b->def[i].key && b->def[i].key != key)
		i = (i + 1) & (b->def_cap - 1);
	return &b->def[i];
}

static u64
def_key(Var v, u32 block)
{
	return (u64)v << 32 | (block + 1);
}

static void
set_def(Fn *fn, Var v, u32 block, Ref r)
{
	struct Builder *b = fn->builder;
	Def *d;

	if (b->n_def * 2 >= b->def_cap) {
		Def *old = b->def;
		u32 n = b->def_cap;

		b->def_cap = n ? n * 2 : 64;
		b->def = NEW_N(fn->a, Def, b->def_cap);
		for (u32 i = 0; i < n; i++)
			if (old[i].key)
				*def_slot(b, old[i].key) = old[i];
	}
	d = def_slot(b, def_key(v, block));
	if (!d->key)
		b->n_def++;
	*d = (Def){ def_key(v, block), r };
}

static Ref
new_phi(Fn *fn, u32 block)
{
	Block *b = fn->blocks.v[block];
	Ref r = ir_new(fn, block, (Ins){ .op = IR_phi });

	VEC_PUSH(fn->a, &b->ins, r);
	memmove(b->ins.v + 1, b->ins.v, (b->ins.n - 1) * sizeof(Ref));
	b->ins.v[0] = r;
	return r;
}

/* The value of v at the end of block. A phi that is made on the way goes to the list of those to be filled. */
static Ref
look_up(Fn *fn, Var v, u32 block)
{
	struct Builder *b = fn->builder;
	u32 at_block = block;
	Ref r = 0;

	while (!r) {
		Block *bl = fn->blocks.v[at_block];
		Def *d = b->def_cap ? def_slot(b, def_key(v, at_block)) : NULL;

		if (d && d->key)
			r = alias(fn, d->ref);
		else if (!bl->sealed) {
			r = new_phi(fn, at_block);
			VEC_PUSH(fn->a, &b->open, ((Open){ at_block, b->open_head.v[at_block], v, r }));
			b->open_head.v[at_block] = b->open.n;
			set_def(fn, v, at_block, r);
		} else if (!bl->preds.n)
			r = ir_const(fn, 0);
		else if (bl->preds.n == 1)
			at_block = bl->preds.v[0];
		else {
			r = new_phi(fn, at_block);
			VEC_PUSH(fn->a, &b->todo, ((Open){ at_block, 0, v, r }));
			set_def(fn, v, at_block, r);
		}
	}
	if (at_block != block)
		set_def(fn, v, block, r);
	return r;
}

/* The one value that a phi can have, or 0 if there are several. */
static Ref
trivial(const Fn *fn, Ref phi)
{
	const Ins *i = at(fn, phi);
	Ref same = 0;

	for (u32 n = 0; n < i->n_args; n++) {
		Ref x = alias(fn, i->args[n]);

		if (x == phi || x == same)
			continue;
		if (same)
			return 0;
		same = x;
	}
	return same;
}

static void
fill_phis(Fn *fn)
{
	struct Builder *b = fn->builder;

	if (b->filling)
		return;
	b->filling = true;
	while (b->todo.n) {
		Open o = b->todo.v[--b->todo.n];
		const Block *bl = fn->blocks.v[o.block];
		Ref *args = NEW_N(fn->a, Ref, bl->preds.n);
		Ref same;

		for (u32 n = 0; n < bl->preds.n; n++)
			args[n] = look_up(fn, o.var, bl->preds.v[n]);
		at(fn, o.phi)->args = args;
		at(fn, o.phi)->n_args = bl->preds.n;
		if (!bl->preds.n)
			replace(fn, o.phi, ir_const(fn, 0));
		else if ((same = trivial(fn, o.phi)))
			replace(fn, o.phi, same);
	}
	b->filling = false;
}

void
ir_seal(Fn *fn, u32 block)
{
	struct Builder *b = fn->builder;

	if (fn->blocks.v[block]->sealed)
		return;
	fn->blocks.v[block]->sealed = true;
	for (u32 i = b->open_head.v[block]; i; i = b->open.v[i - 1].next)
		VEC_PUSH(fn->a, &b->todo, b->open.v[i - 1]);
	b->open_head.v[block] = 0;
	fill_phis(fn);
}

Var
ir_var(Fn *fn)
{
	return fn->n_vars++;
}

void
ir_set(Fn *fn, Var v, Ref r)
{
	set_def(fn, v, current(fn)->id, r);
}

Ref
ir_get(Fn *fn, Var v)
{
	Ref r = look_up(fn, v, current(fn)->id);

	fill_phis(fn);
	return alias(fn, r);
}

void
ir_set_at(Fn *fn, Var v, u32 block, Ref r)
{
	set_def(fn, v, block, r);
}

/* A phi in front for what comes from several blocks, also if it is set in the block itself later. */
Ref
ir_get_at_start(Fn *fn, Var v, u32 block)
{
	Block *b = fn->blocks.v[block];
	Ref r;

	if (!b->preds.n)
		return ir_const(fn, 0);
	if (b->preds.n == 1) {
		r = look_up(fn, v, b->preds.v[0]);
	} else {
		r = new_phi(fn, block);
		VEC_PUSH(fn->a, &fn->builder->todo, ((Open){ block, 0, v, r }));
	}
	fill_phis(fn);
	return r;
}

/* ---- after building, and after each pass ---- */

static bool
drop_trivial_phis(Fn *fn)
{
	bool again = false;

	for (u32 n = 0; n < fn->blocks.n; n++) {
		Block *b = fn->blocks.v[n];

		for (u32 k = 0; k < b->ins.n; k++) {
			Ref r = b->ins.v[k], same;

			if (at(fn, r)->op == IR_none)
				continue;
			if (at(fn, r)->op != IR_phi)
				break;
			same = trivial(fn, r);
			if (!same && at(fn, r)->n_args)
				continue;
			replace(fn, r, same ? same : ir_const(fn, 0));
			again = true;
		}
	}
	return again;
}

static void
compact(Fn *fn, Block *b)
{
	u32 keep = 0;
	Ref *o;

	for (u32 k = 0; k < b->ins.n; k++) {
		Ins *i = at(fn, b->ins.v[k]);

		if (i->op == IR_none)
			continue;
		for (u32 n = 0; (o = operand(i, n)); n++)
			*o = alias(fn, *o);
		i->block = b->id;
		b->ins.v[keep++] = b->ins.v[k];
	}
	b->ins.n = keep;
}

/* Forgets blocks that no way leads to, and renumbers the rest in their old order. */
static void
drop_unreachable(Fn *fn)
{
	Mark m = arena_mark(fn->a);
	bool *seen = NEW_N(fn->a, bool, fn->blocks.n);
	u32 *stack = NEW_N(fn->a, u32, fn->blocks.n), *to = NEW_N(fn->a, u32, fn->blocks.n), n = 1, keep = 0;

	seen[0] = true;
	stack[0] = 0;
	while (n) {
		const Block *b = fn->blocks.v[stack[--n]];

		for (int k = 0; k < 2; k++)
			if (b->succ[k] != NO_BLOCK && !seen[b->succ[k]]) {
				seen[b->succ[k]] = true;
				stack[n++] = b->succ[k];
			}
	}
	for (u32 k = 0; k < fn->blocks.n; k++)
		to[k] = seen[k] ? keep++ : NO_BLOCK;
	if (keep == fn->blocks.n)
		goto out;
	for (u32 k = 0; k < fn->blocks.n; k++)
		for (int s = 0; !seen[k] && s < 2; s++)
			if (fn->blocks.v[k]->succ[s] != NO_BLOCK && seen[fn->blocks.v[k]->succ[s]])
				ir_remove_edge(fn, k, fn->blocks.v[k]->succ[s]);
	keep = 0;
	for (u32 k = 0; k < fn->blocks.n; k++) {
		Block *b = fn->blocks.v[k];

		if (!seen[k])
			continue;
		for (u32 p = 0; p < b->preds.n; p++)
			b->preds.v[p] = to[b->preds.v[p]];
		for (int s = 0; s < 2; s++)
			if (b->succ[s] != NO_BLOCK)
				b->succ[s] = to[b->succ[s]];
		b->id = keep;
		fn->blocks.v[keep++] = b;
	}
	fn->blocks.n = keep;
out:
	arena_release(fn->a, m);
}

void
ir_tidy(Fn *fn)
{
	for (u32 k = 0; k < fn->blocks.n; k++)
		ir_seal(fn, k);
	drop_unreachable(fn);
	while (drop_trivial_phis(fn))
		;
	for (u32 k = 0; k < fn->blocks.n; k++)
		compact(fn, fn->blocks.v[k]);
}
