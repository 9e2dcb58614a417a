/* edit: writing into finished blocks. */
#include "ir/ir.h"
#include "ir/pass.h"

Ref
ir_put(Edit *e, Ins i)
{
	Ref r;

	i.at = e->at;
	i.block = e->block;
	r = ir_simplify(e->fn, &i);
	if (r)
		return r;
	r = ir_new(e->fn, e->block, i);
	VEC_PUSH(e->fn->a, &e->out, r);
	return r;
}

Ref
ir_put_bin(Edit *e, IrOp op, Ref a, Ref b)
{
	return ir_put(e, (Ins){ .op = op, .a = a, .b = b });
}

Ref
ir_put_bini(Edit *e, IrOp op, Ref a, s64 b)
{
	return ir_put_bin(e, op, a, ir_const(e->fn, b));
}

u32
ir_cut_block(Fn *fn, u32 b, u32 k)
{
	u32 rest = ir_block(fn);
	Block *from = fn->blocks.v[b], *to = fn->blocks.v[rest];

	to->cold = from->cold;
	to->sealed = true;
	for (u32 n = k; n < from->ins.n; n++) {
		at(fn, from->ins.v[n])->block = rest;
		VEC_PUSH(fn->a, &to->ins, from->ins.v[n]);
	}
	from->ins.n = k;
	for (int x = 0; x < 2; x++) {
		u32 s = to->succ[x] = from->succ[x];

		from->succ[x] = NO_BLOCK;
		for (u32 p = 0; s != NO_BLOCK && p < fn->blocks.v[s]->preds.n; p++)
			if (fn->blocks.v[s]->preds.v[p] == b)
				fn->blocks.v[s]->preds.v[p] = rest;
	}
	return rest;
}

void
ir_link(Fn *fn, u32 from, u32 which, u32 to)
{
	fn->blocks.v[from]->succ[which] = to;
	VEC_PUSH(fn->a, &fn->blocks.v[to]->preds, from);
}
