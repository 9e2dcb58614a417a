/* flow: facts over all blocks of a program: how wide values are (forward), what of them is needed (backward). */
#include "vm/jit/jit.h"

/* ---- widths: value < 2^bits ---- */

static u8
bit_len(u64 v)
{
	return v ? (u8)(64 - __builtin_clzll(v)) : 0;
}

static u8
alu_bits(const J *j, u8 d, u8 s)
{
	u32 form = ALU_FORM(j->op), w = form >= F_32K ? 32 : 64, r;
	bool k = !(form & 1);
	u64 imm = form == F_32K ? (u32)j->imm : (u64)j->imm;

	if (w == 32)
		d = MIN(d, 32), s = MIN(s, 32);
	if (k)
		s = bit_len(imm);
	switch (ALU_KIND(j->op)) {
	case OP_MOV64K: return s;
	case OP_AND64K: return MIN(d, s);
	case OP_OR64K: case OP_XOR64K: return MAX(d, s);
	case OP_ADD64K: r = (u32)MAX(d, s) + 1; break;
	case OP_MUL64K: r = (u32)d + s; break;
	case OP_DIV64K: r = k && s ? (u32)d - MIN(d, s - 1) : d; break;
	case OP_MOD64K: r = k && imm ? MIN(d, s) : d; break;
	case OP_LSH64K: r = k ? d + (u32)(j->imm & (w - 1)) : w; break;
	case OP_RSH64K: r = k ? d - MIN((u32)d, (u32)(j->imm & (w - 1))) : d; break;
	case OP_ARSH64K: r = d == w ? w : k ? d - MIN((u32)d, (u32)(j->imm & (w - 1))) : d; break;
	default: r = w;
	}
	return (u8)MIN(r, w);
}

static void
step_bits(const J *j, u8 *b)
{
	u32 op = j->op;
	u8 r;

	if (IS_ALU(op)) {
		r = alu_bits(j, b[j->dst], b[j->src]);
	} else if (is_load(op)) {
		r = op >= OP_LDXSW ? 64 : (u8)(jit_mem_size(op) * 8);
	} else if (is_wide(op)) {
		r = op == OP_LDFUNC ? 64 : bit_len((u64)j->imm);
	} else if (is_unary(op)) {
		r = op == OP_NEG32 ? 32 : op == OP_NEG64 ? 64 : op == OP_LE64 || op == OP_BE64 || op == OP_SWAP64 ? 64 :
		    op == OP_LE32 || op == OP_BE32 || op == OP_SWAP32 ? 32 : 16;
	} else if (is_movsx(op)) {
		u8 from = op == OP_MOVS32_64 ? 32 : op == OP_MOVS16_64 || op == OP_MOVS16_32 ? 16 : 8;

		r = b[j->src] < from ? b[j->src] : op >= OP_MOVS8_32 ? 32 : 64;
	} else {
		u16 m = jit_defs(j);

		for (u32 i = 0; m; i++, m >>= 1)
			if (m & 1)
				b[i] = 64;
		return;
	}
	b[j->dst] = r;
}

/* Numbers that fit are compared in 32 bits; signed compares need a bit more room. */
static void
compare_narrow(J *j, const u8 *b)
{
	u32 kind = JCC_KIND(j->op), form = JCC_FORM(j->op);
	u8 most = kind >= OP_JSGT64K && kind != OP_JLT64K && kind != OP_JLE64K ? 31 : 32;
	u8 s = form & 1 ? b[j->src] : bit_len((u64)j->imm);

	if (form < F_32K && b[j->dst] <= most && s <= most && (form & 1 || j->imm <= INT32_MAX))
		j->op += F_32K;
}

/* Uses what is known at this place. */
static void
use_bits(J *j, const u8 *b)
{
	u32 form = ALU_FORM(j->op);

	if (IS_JCC(j->op))
		compare_narrow(j, b);
	if (!IS_ALU(j->op))
		return;
	if (j->op == OP_MOV32X && j->dst == j->src && b[j->dst] <= 32) {
		jit_nop(j);
		return;
	}
	if (j->op == OP_MOV32X && b[j->src] <= 32)
		j->op = OP_MOV64X;
	switch (ALU_KIND(j->op)) {
	case OP_DIV64K: case OP_MOD64K:
		/* an immediate below zero is a huge divisor */
		if (form < F_32K && b[j->dst] <= 32 && (form == F_64K ? j->imm > 0 : b[j->src] <= 32))
			j->op += F_32K;
		form = ALU_FORM(j->op);
		if (!(form & 1) && j->imm > 0 && !(j->imm & (j->imm - 1))) {
			bool div = ALU_KIND(j->op) == OP_DIV64K;

			j->imm = div ? __builtin_ctzll((u64)j->imm) : j->imm - 1;
			j->op = (u16)((div ? OP_RSH64K : OP_AND64K) + form);
		}
		break;
	case OP_MUL64K:
		if (!(form & 1) && j->imm > 0 && !(j->imm & (j->imm - 1))) {
			j->imm = __builtin_ctzll((u64)j->imm);
			j->op = (u16)(OP_LSH64K + form);
		}
		break;
	}
}

/* Facts at block starts, by the slot of the block's leader; repeated until nothing grows. */
void
jit_widths(JProg *jp, Arena *a)
{
	u8 (*in)[11] = arena_alloc(a, (size_t)jp->n * 11 + 11);
	bool *reached = arena_alloc(a, jp->n + 1), again = true;
	u8 b[11];

	for (u32 pc = 0; pc < jp->n; pc++)
		if (jp->p->starts[pc] == 1) {
			memset(in[pc], 64, 11);
			reached[pc] = true;
		}
	while (again) {
		bool known = false;

		again = false;
		for (u32 pc = 0; pc < jp->n; pc++) {
			J *j = &jp->j[pc];
			u32 next[2] = { pc + 1, j->to }, k;

			if (j->leader) {
				known = reached[pc];
				if (known)
					memcpy(b, in[pc], 11);
			}
			if (!known)
				continue;
			step_bits(j, b);
			for (k = jit_ends(j->op) ? 1 : 0; k < 2; k++) {
				u32 to = next[k];

				if (k ? !jit_jumps(j->op) : to >= jp->n || !jp->j[to].leader)
					continue;
				again |= to <= pc && !reached[to];
				for (u32 r = 0; r < 11; r++) {
					if (reached[to] && b[r] <= in[to][r])
						continue;
					/* what grows in a loop grows to the next size of registers, not bit by bit */
					again |= to <= pc;
					in[to][r] = to <= pc && reached[to] ? b[r] <= 8 ? 8 : b[r] <= 16 ? 16 : b[r] <= 32 ? 32 : 64 : b[r];
				}
				reached[to] = true;
			}
			if (jit_ends(j->op))
				known = false;
		}
	}
	for (u32 pc = 0, known = 0; pc < jp->n; pc++) {
		J *j = &jp->j[pc];

		if (j->leader) {
			known = reached[pc];
			memcpy(b, in[pc], 11);
		}
		if (!known) {
			jit_nop(j);         /* no way leads here */
			continue;
		}
		use_bits(j, b);
		step_bits(j, b);
		if (jit_ends(j->op))
			known = 0;
	}
}

/* ---- need ---- */

/* Before j: which registers are needed (*live) and which with their upper half (*high). */
static void
step_need(const J *j, u16 *live, u16 *high)
{
	u32 op = j->op;
	u16 use = jit_uses(j), def = jit_defs(j);
	u16 hi = use;           /* uses that need both halves */
	bool out_high = *high & BIT(j->dst);

	if (IS_ALU(op)) {
		u32 form = ALU_FORM(op);

		if (form >= F_32K)
			hi = 0;
		else
			switch (ALU_KIND(op)) {
			case OP_ADD64K: case OP_SUB64K: case OP_MUL64K: case OP_OR64K: case OP_XOR64K: case OP_MOV64K:
				hi = out_high ? use : 0;
				break;
			case OP_AND64K:
				hi = out_high && !(form == F_64K && j->imm >= 0) ? use : 0;
				break;
			case OP_LSH64K:
				if (form == F_64K)
					hi = out_high && (j->imm & 63) < 32 ? use : 0;
				else
					hi = out_high ? BIT(j->dst) : 0;
				break;
			case OP_RSH64K: case OP_ARSH64K:
				hi = BIT(j->dst);
				break;
			}
	} else if (is_unary(op)) {
		hi = op == OP_LE64 || op == OP_BE64 || op == OP_SWAP64 || (op == OP_NEG64 && out_high) ? use : 0;
	} else if (is_movsx(op) || op == J_ROL32) {
		hi = 0;
	} else if (IS_JCC(op)) {
		hi = JCC_FORM(op) >= F_32K ? 0 : use;
	} else if (is_stx(op)) {
		if (jit_mem_size(op) < 8 && j->src != j->dst && j->src != j->index)
			hi &= (u16)~BIT(j->src);
	}
	*live = (u16)((*live & ~def) | use);
	*high = (u16)((*high & ~def) | hi);
}

/* Fills live and high of every J. */
void
jit_needs(JProg *jp, Arena *a)
{
	u16 (*in)[2] = arena_alloc(a, (size_t)jp->n * 4 + 4);
	bool again = true;

	while (again) {
		u16 live = 0, high = 0;

		again = false;
		for (u32 pc = jp->n; pc--; ) {
			J *j = &jp->j[pc];

			if (jit_ends(j->op))
				live = high = 0;
			if (jit_jumps(j->op)) {
				live |= in[j->to][0];
				high |= in[j->to][1];
			}
			j->live = live;
			j->high = high;
			step_need(j, &live, &high);
			if (j->leader && (in[pc][0] != live || in[pc][1] != high)) {
				in[pc][0] = live;
				in[pc][1] = high;
				again |= j->loop;
			}
		}
	}
}
