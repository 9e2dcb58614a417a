/* isa: from the bits of an instruction to its row of isa.def. */
#include "bpf/bpf.h"

#define ROW(N, c, sh, var, cls, mn, sym, size) { OP_##N, c, sh, cls, size, var, mn, sym },
static const InsnRow rows[] = {
#include "bpf/isa.def"
};

/* Rows by opcode: first[opcode] + 1 is a row, next[row] the following one of that opcode (0: none). Made once, before
 * main, so that threads need no lock. */
static u16 first[256], next[N_OP];

__attribute__((constructor)) static void
index_rows(void)
{
	for (u32 i = COUNT(rows); i--; ) {
		next[i] = first[rows[i].code];
		first[rows[i].code] = (u16)(i + 1);
	}
}

/* What a shape leaves of the fields: those that must be zero, and the one that selects the row. */
static bool
fits(const InsnRow *r, const Insn *i)
{
	switch ((InsnShape)r->shape) {
	case SH_ALUK: return !i->src_reg && i->off == r->var;
	case SH_ALUX: return !i->imm && i->off == r->var;
	case SH_NEG: return !i->src_reg && !i->off && !i->imm;
	case SH_END: return !i->src_reg && !i->off && i->imm == r->var;
	case SH_JMPK: return !i->src_reg;
	case SH_JMPX: case SH_LDX: case SH_STX: return !i->imm;
	case SH_ST: return !i->src_reg;
	case SH_JA: return !i->dst_reg && !i->src_reg && !i->imm;
	case SH_JA32: return !i->dst_reg && !i->src_reg && !i->off;
	case SH_ATOMIC: case SH_ACQREL: return i->imm == r->var;
	case SH_CALL: return !i->dst_reg && i->src_reg == r->var && (!i->off || r->var == 2);
	case SH_CALLX: return !i->off && !i->src_reg && (!i->imm || (!i->dst_reg && (u32)i->imm <= 10));
	case SH_EXIT: return !i->dst_reg && !i->src_reg && !i->off && !i->imm;
	case SH_LDIMM: return i->src_reg == r->var && !i->off;
	case SH_ABS: return !i->dst_reg && !i->src_reg && !i->off;
	case SH_IND: return !i->dst_reg && !i->off;
	}
	return false;
}

const InsnRow *
bpf_insn_row(const Insn *insn)
{
	if (insn->dst_reg > 10 || (insn->src_reg > 10))
		return NULL;
	for (u32 i = first[insn->code]; i; i = next[i - 1])
		if (fits(&rows[i - 1], insn))
			return &rows[i - 1];
	return NULL;
}

const InsnRow *
bpf_insn_row_at(u32 op)
{
	return op < N_OP ? &rows[op] : NULL;
}

bool
bpf_insn_wide(const Insn *insn)
{
	return insn->code == (BPF_LD | BPF_IMM | BPF_DW);
}
