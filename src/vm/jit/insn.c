/* insn: what an instruction of the JIT's list reads and changes, how a program becomes such a list, and looks around in it. */
#include "vm/jit/jit.h"

enum { WINDOW = 64 };                   /* how far a look around goes: loading takes time linear in the program */

u32
jit_mem_size(u32 op)
{
	return bpf_insn_row_at(op)->size;
}

/* Which registers a helper reads: by its signature. */
static u16
call_args(s64 id)
{
	const Helper *h = bpf_helper((u32)id);
	u16 m = 0;

	if (!h)
		return ARGS;
	for (u32 i = 0; h->sig[i] != '>' && i < 5; i++)
		m |= BIT(i + 1);
	return m;
}

u16
jit_uses(const J *j)
{
	u32 op = j->op, d = j->dst, s = j->src;
	u16 m = j->index != NO_REG ? BIT(j->index) : 0;

	if (IS_ALU(op)) {
		u16 src = ALU_FORM(op) & 1 ? BIT(s) : 0;

		return ALU_KIND(op) == OP_MOV64K ? src : (u16)(src | BIT(d));
	}
	if (IS_JCC(op))
		return (u16)(BIT(d) | (JCC_FORM(op) & 1 ? BIT(s) : 0));
	if (is_unary(op))
		return BIT(d);
	if (op == J_ROL64 || op == J_ROL32)
		return BIT(s);
	if (is_movsx(op) || is_load(op) || op == J_LEA || (op >= OP_LDACQ_B && op <= OP_LDACQ_DW))
		return m | BIT(s);
	if (is_st(op))
		return m | BIT(d);
	if (is_stx(op) || (op >= OP_STREL_B && op <= OP_STREL_DW))
		return m | BIT(d) | BIT(s);
	if (is_atomic(op))
		return (u16)(BIT(d) | BIT(s) | (op == OP_A_CMPXCHG_64 || op == OP_A_CMPXCHG_32 ? BIT(0) : 0));
	if (is_packet(op))
		return op >= OP_LDINDW ? BIT(s) : 0;
	switch (op) {
	case OP_CALL: return call_args(j->imm);
	case OP_CALLSUB: return ARGS;
	case OP_EXIT: return BIT(0);
	case J_ARRAY: case J_HASH: return BIT(2);
	case J_TAIL: return BIT(1) | BIT(2) | BIT(3);
	case J_CHOOSE: return (u16)(BIT(d) | (j->scale & 1 ? BIT(s) : 0));
	}
	return 0;
}

u16
jit_defs(const J *j)
{
	u32 op = j->op;

	if (IS_ALU(op) || is_unary(op) || is_movsx(op) || is_load(op) || is_wide(op) || op == J_ROL64 || op == J_ROL32 ||
	    op == J_LEA || (op >= OP_LDACQ_B && op <= OP_LDACQ_DW))
		return BIT(j->dst);
	if (is_atomic(op)) {
		if (op == OP_A_CMPXCHG_64 || op == OP_A_CMPXCHG_32)
			return BIT(0);
		return op >= OP_A_FADD_64 ? BIT(j->src) : 0;
	}
	if (op == OP_CALL || op == OP_CALLSUB || op == J_ARRAY || op == J_HASH || op == J_TAIL || is_packet(op))
		return CALLER;
	if (op == J_CHOOSE)
		return BIT(0);
	return 0;
}

/* Does it only compute its result? Loads are: a verified program's loads do not fault. */
bool
jit_pure(u32 op)
{
	return IS_ALU(op) || is_unary(op) || is_movsx(op) || is_load(op) || is_wide(op) || op == J_ROL64 || op == J_ROL32 ||
	       op == J_LEA || op == J_ARRAY || op == J_HASH;
}

bool
jit_asks(const J *j)
{
	u32 op = j->op;

	return op == OP_CALL || op == OP_CALLSUB || op == J_HASH || op == J_TAIL || op == OP_MAYGOTO || is_packet(op);
}

/* What no path reaches goes, and so do decisions that are always the same (is a look-up with a constant index NULL?). */
static void
never(JProg *jp)
{
	const InsnFacts *f = jp->p->facts;

	for (u32 pc = 0; pc < jp->n; pc++) {
		J *j = &jp->j[pc];

		if (j->op == J_NOP)
			continue;
		if (!(f[pc].flags & FACT_REACHED))
			jit_nop(j);
		else if (!IS_JCC(j->op))
			continue;
		else if (!(f[j->to].flags & FACT_REACHED))
			jit_nop(j);
		else if (pc + 1 < jp->n && !(f[pc + 1].flags & FACT_REACHED))
			j->op = OP_JA;
	}
}

bool
jit_lift(JProg *jp, Arena *a)
{
	const VmProg *p = jp->p;
	J *js = NEW_N(a, J, p->n + 1);

	jp->j = js;
	jp->n = p->n;
	for (u32 pc = 0; pc < p->n; pc++) {
		const Insn *i = &p->insns[pc];
		const InsnRow *r = bpf_insn_row(i);
		J *j = &js[pc];

		*j = (J){ .op = r->op, .dst = i->dst_reg, .src = i->src_reg, .index = NO_REG, .off = i->off, .imm = i->imm };
		if (p->starts[pc] == 1)
			j->leader = true;
		switch ((InsnShape)r->shape) {
		case SH_JMPK: case SH_JMPX: case SH_JA: case SH_JA32:
			j->to = pc + 1 + (u32)(r->shape == SH_JA32 ? i->imm : i->off);
			break;
		case SH_CALL:
			if (r->op == OP_CALL && i->imm == BPF_FUNC_tail_call)
				j->op = J_TAIL;
			if (r->op == OP_CALLSUB)
				j->to = pc + 1 + (u32)i->imm;
			break;
		case SH_CALLX:
			return false;
		case SH_LDIMM:
			j->imm = r->op == OP_LDFUNC ? pc + 1 + i->imm : (s64)(u64)(uintptr_t)p->ops[pc + 1].go;
			js[pc + 1] = (J){ .op = J_NOP, .index = NO_REG };
			pc++;
			break;
		default:
			break;
		}
	}
	if (p->facts)
		never(jp);
	jp->entered = arena_alloc(a, p->n + 1);
	for (u32 pc = 0; pc < jp->n; pc++)
		if (jit_jumps(js[pc].op)) {
			jp->entered[js[pc].to] = true;
			js[js[pc].to].leader = true;
			if (js[pc].to <= pc)
				js[js[pc].to].loop = true;
			if (pc + 1 < jp->n)
				js[pc + 1].leader = true;
		}
	return true;
}

void
jit_nop(J *j)
{
	j->op = J_NOP;
	j->index = NO_REG;
}

/* The next J of the block behind pc that reads or changes reg; 0: none before the block ends. */
u32
jit_next_touch(const JProg *jp, u32 pc, u32 reg)
{
	for (u32 i = pc + 1; i < jp->n && i <= pc + WINDOW; i++) {
		const J *j = &jp->j[i];

		if (j->leader)
			return 0;
		if ((jit_uses(j) | jit_defs(j)) & BIT(reg))
			return i;
		if (jit_ends(j->op) || IS_JCC(j->op))
			return 0;
	}
	return 0;
}

/* The last J of the block before pc that changes reg; -1: none in sight. */
s64
jit_last_def(const JProg *jp, u32 pc, u32 reg)
{
	for (s64 i = pc; !jp->j[i].leader && --i >= 0 && i >= (s64)pc - WINDOW; )
		if (jit_defs(&jp->j[i]) & BIT(reg))
			return i;
	return -1;
}

/* Is what the J at `from` puts into reg read only at `to`? */
bool
jit_only_use(const JProg *jp, u32 from, u32 to, u32 reg)
{
	return jit_next_touch(jp, from, reg) == to;
}
