/* dce: what nothing needs goes. Needed is what acts (stores, calls that do something, terminators) and, from there, what
 * it reads; loops of phis that feed only themselves are not. */
#include "ir/ir.h"
#include "ir/pass.h"

void
ir_dce(Fn *fn, const IrOptions *opt)
{
	Arena *a = arena_new();
	bool *live = NEW_N(a, bool, fn->ins.n);
	Ref *stack = NEW_N(a, Ref, fn->ins.n), *o;
	u32 depth = 0;

	(void)opt;
	for (u32 k = 0; k < fn->blocks.n; k++)
		for (u32 n = 0; n < fn->blocks.v[k]->ins.n; n++) {
			Ref r = fn->blocks.v[k]->ins.v[n];

			if (ir_effects(at(fn, r)) & FX_STAYS) {
				live[r] = true;
				stack[depth++] = r;
			}
		}
	while (depth) {
		Ins *i = at(fn, stack[--depth]);

		for (u32 x = 0; (o = operand(i, x)); x++)
			if (!live[*o]) {
				live[*o] = true;
				stack[depth++] = *o;
			}
	}
	for (u32 k = 0; k < fn->blocks.n; k++)
		for (u32 n = 0; n < fn->blocks.v[k]->ins.n; n++)
			if (!live[fn->blocks.v[k]->ins.v[n]])
				drop(fn, fn->blocks.v[k]->ins.v[n]);
	arena_free(a);
	ir_tidy(fn);
}
