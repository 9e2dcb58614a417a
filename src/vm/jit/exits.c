/* exits: a test that only decides which constant is returned becomes a choice without a jump, so that what no branch
 * predictor can know (is this packet wanted?) costs nothing:
 *   if r1 == 8 goto yes; r0 = 0; exit; yes: r0 = 1; exit   ->   r0 = r1 == 8 ? 1 : 0; exit */
#include "vm/jit/jit.h"

enum { STEPS = 8 };

/* The next slot from pc on that does something; pc after too many steps. */
static u32
follow(const JProg *jp, u32 pc)
{
	for (u32 i = 0; i < STEPS && pc < jp->n; i++) {
		const J *j = &jp->j[pc];

		if (j->op == OP_JA || j->op == OP_JA32)
			pc = j->to;
		else if (j->op == J_NOP)
			pc++;
		else
			break;
	}
	return pc;
}

/* Does the way from pc only return a number? */
static bool
returns(const JProg *jp, u32 pc, s32 *v)
{
	const J *j;

	pc = follow(jp, pc);
	j = &jp->j[pc];
	if (pc >= jp->n || j->dst || (j->op != OP_MOV64K && j->op != OP_MOV32K) || j->imm < 0 || j->imm > INT32_MAX)
		return false;
	*v = (s32)j->imm;
	pc = follow(jp, pc + 1);
	return pc < jp->n && jp->j[pc].op == OP_EXIT;
}

void
jit_choose(JProg *jp)
{
	for (u32 pc = 0; pc + 1 < jp->n; pc++) {
		J *j = &jp->j[pc];
		s32 yes, no;

		if (!IS_JCC(j->op) || !returns(jp, j->to, &yes) || !returns(jp, pc + 1, &no))
			continue;
		j->scale = (u8)(j->op - OP_JEQ64K);
		j->op = J_CHOOSE;
		j->off = yes;
		j->to = (u32)no;
	}
}
