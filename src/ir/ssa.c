/* ssa: variables become SSA values at once (Braun et al., "Simple and Efficient Construction of SSA Form"): a read looks
 * backwards for the last write, and puts a phi where ways meet or where not all ways are known yet. Phis are filled from a
 * list, not by recursion, so that a script of any length needs no deep stack. */
#include "ir/ir.h"
#include "ir/build.h"

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
Ref
ir_trivial(const Fn *fn, Ref phi)
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
		else if ((same = ir_trivial(fn, o.phi)))
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
	set_def(fn, v, ir_current(fn)->id, r);
}

Ref
ir_get(Fn *fn, Var v)
{
	Ref r = look_up(fn, v, ir_current(fn)->id);

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
