/* tidy: what building and each pass end with: nothing refers to what was replaced, no phi has one value only, and all blocks
 * can be reached. */
#include "ir/ir.h"
#include "ir/pass.h"

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
			same = ir_trivial(fn, r);
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
