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

void
ir_link(Fn *fn, u32 from, u32 which, u32 to)
{
	fn->blocks.v[from]->succ[which] = to;
	VEC_PUSH(fn->a, &fn->blocks.v[to]->preds, from);
}
