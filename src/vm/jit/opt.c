/* opt: a light optimizer over BPF before encoding. Compilers for BPF have no rotates, no address arithmetic, often no 32-bit
 * registers, and divide in 64 bits; what they meant is found again here:
 *   pairs of shifts that cut or extend   d <<= 32; d >>= 40      -> w d >>= 8
 *   widths, forward over all blocks      upper half known zero   -> no zero extension, 32-bit division
 *   need, backward over all blocks       upper half not needed   -> 32-bit operations; unused results go
 *   rotates                              (x << k) | (x >> 32-k)
 *   addresses                            t = b; t += i; *(t + 4) -> *(b + i + 4)
 * Every step leaves a program with the same meaning; slots stay, what goes becomes J_NOP. */
#include "vm/jit/jit.h"

#include <stdlib.h>

#define BIT(r) ((u16)(1u << (r)))
enum { ARGS = 0x3e, CALLER = 0x3f };    /* r1-r5, r0-r5 */
enum { WINDOW = 64 };                   /* how far a look around goes: loading takes time linear in the program */

static bool
has_mem(u32 op)
{
	return op >= OP_LDXW && op <= OP_STXDW;
}

static bool is_load(u32 op) { return op >= OP_LDXW && op <= OP_LDXSB; }
static bool is_st(u32 op) { return op >= OP_STW && op <= OP_STDW; }
static bool is_stx(u32 op) { return op >= OP_STXW && op <= OP_STXDW; }
static bool is_atomic(u32 op) { return op >= OP_A_ADD_64 && op <= OP_A_CMPXCHG_32; }
static bool is_unary(u32 op) { return op >= OP_NEG64 && op <= OP_SWAP64; }
static bool is_movsx(u32 op) { return op >= OP_MOVS8_64 && op <= OP_MOVS16_32; }
static bool is_wide(u32 op) { return op >= OP_LDDW && op <= OP_LDIDXVAL; }
static bool is_packet(u32 op) { return op >= OP_LDABSW && op <= OP_LDINDB; }

static u32
mem_size(u32 op)
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
	return 0;
}

/* Does it only compute its result? Loads are: a verified program's loads do not fault. */
static bool
pure(u32 op)
{
	return IS_ALU(op) || is_unary(op) || is_movsx(op) || is_load(op) || is_wide(op) || op == J_ROL64 || op == J_ROL32 ||
	       op == J_LEA || op == J_ARRAY || op == J_HASH;
}

static bool
ends(u32 op)
{
	return op == OP_EXIT || op == OP_JA || op == OP_JA32;
}

static bool
jumps(u32 op)
{
	return IS_JCC(op) || op == OP_JA || op == OP_JA32;
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
			if (r->op == OP_MAYGOTO)        /* the interpreter counts them */
				return false;
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
	jp->entered = arena_alloc(a, p->n + 1);
	for (u32 pc = 0; pc < jp->n; pc++)
		if (jumps(js[pc].op)) {
			jp->entered[js[pc].to] = true;
			js[js[pc].to].leader = true;
			if (js[pc].to <= pc)
				js[js[pc].to].loop = true;
			if (pc + 1 < jp->n)
				js[pc + 1].leader = true;
		}
	return true;
}

static void
nop(J *j)
{
	j->op = J_NOP;
	j->index = NO_REG;
}

/* The next J of the block behind pc that reads or changes reg; 0: none before the block ends. */
static u32
next_touch(const JProg *jp, u32 pc, u32 reg)
{
	for (u32 i = pc + 1; i < jp->n && i <= pc + WINDOW; i++) {
		const J *j = &jp->j[i];

		if (j->leader)
			return 0;
		if ((jit_uses(j) | jit_defs(j)) & BIT(reg))
			return i;
		if (ends(j->op) || IS_JCC(j->op))
			return 0;
	}
	return 0;
}

/* The last J of the block before pc that changes reg; -1: none in sight. */
static s64
last_def(const JProg *jp, u32 pc, u32 reg)
{
	for (s64 i = pc; !jp->j[i].leader && --i >= 0 && i >= (s64)pc - WINDOW; )
		if (jit_defs(&jp->j[i]) & BIT(reg))
			return i;
	return -1;
}

/* d <<= a; d >>= b with nothing of d between. */
static void
join_shifts(JProg *jp)
{
	for (u32 pc = 0; pc < jp->n; pc++) {
		J *x = &jp->j[pc], *y;
		u32 at;
		s64 a, b;

		if (x->op != OP_LSH64K || !(at = next_touch(jp, pc, x->dst)))
			continue;
		y = &jp->j[at];
		if (y->dst != x->dst || (y->op != OP_RSH64K && y->op != OP_ARSH64K))
			continue;
		a = x->imm & 63, b = y->imm & 63;
		if (y->op == OP_RSH64K && a == 32 && b >= 32) {
			nop(x);
			y->op = b == 32 ? OP_MOV32X : OP_RSH32K;
			y->src = y->dst;
			y->imm = b == 32 ? 0 : b - 32;
		} else if (y->op == OP_RSH64K && a == b && a > 32) {
			nop(x);
			y->op = OP_AND32K;
			y->imm = (s64)(~(u64)0 >> a);
		} else if (y->op == OP_ARSH64K && (a == 32 || a == 48 || a == 56) && b >= a) {
			x->op = a == 32 ? OP_MOVS32_64 : a == 48 ? OP_MOVS16_64 : OP_MOVS8_64;
			x->src = x->dst;
			y->imm = b - a;
			if (b == a) {
				*y = *x;
				y->leader = y->loop = false;
				nop(x);
			}
		}
	}
}

/* d &= mask in a register; d >>= k: compilers without 32-bit registers cut that way. */
static void
masks(JProg *jp)
{
	for (u32 pc = 0; pc < jp->n; pc++) {
		J *j = &jp->j[pc], *y;
		s64 d = j->op == OP_AND64X ? last_def(jp, pc, j->src) : -1;
		u64 mask, k;
		u32 at;

		if (d < 0 || jp->j[d].op != OP_LDDW)
			continue;
		mask = (u64)jp->j[d].imm;
		at = next_touch(jp, pc, j->dst);
		y = at ? &jp->j[at] : NULL;
		k = y ? (u64)y->imm & 63 : 0;
		if (y && y->op == OP_RSH64K && y->dst == j->dst && k < 32 && mask <= UINT32_MAX && mask >> k == UINT32_MAX >> k) {
			nop(j);
			y->op = OP_RSH32K;
		} else if (mask == UINT32_MAX) {
			j->op = OP_MOV32X;
			j->src = j->dst;
		}
	}
}

/* if c goto over; goto far; over: -> if not c goto far */
static void
invert(JProg *jp)
{
	static const u8 other[] = { OP_JNE64K, OP_JLE64K, OP_JLT64K, 0xff, OP_JEQ64K, OP_JSLE64K, OP_JSLT64K, OP_JGE64K, OP_JGT64K,
		OP_JSGE64K, OP_JSGT64K };

	for (u32 pc = 0; pc + 2 < jp->n; pc++) {
		J *j = &jp->j[pc], *g = &jp->j[pc + 1];
		u8 to = IS_JCC(j->op) ? other[(j->op - OP_JEQ64K) / 4] : 0xff;

		if (to == 0xff || j->to != pc + 2 || g->op != OP_JA || jp->p->starts[pc + 1] == 1 || jp->entered[pc + 1])
			continue;
		j->op = (u16)(to + JCC_FORM(j->op));
		j->to = g->to;
		nop(g);
	}
}

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
		r = op >= OP_LDXSW ? 64 : (u8)(mem_size(op) * 8);
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

/* Uses what is known at this place. */
static void
use_bits(J *j, const u8 *b)
{
	u32 form = ALU_FORM(j->op);

	if (!IS_ALU(j->op))
		return;
	if (j->op == OP_MOV32X && j->dst == j->src && b[j->dst] <= 32) {
		nop(j);
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
static void
widths(JProg *jp, Arena *a)
{
	u8 (*in)[11] = arena_alloc(a, (size_t)jp->n * 11 + 11);
	bool *reached = arena_alloc(a, jp->n + 1), again = true;
	u8 b[11];

	for (u32 pc = 0; pc < jp->n; pc++)
		if (jp->p->starts[pc] == 1) {
			memset(in[pc], 64, 11);
			reached[pc] = true;
		}
	for (int round = 0; again; round++) {
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
			for (k = ends(j->op) ? 1 : 0; k < 2; k++) {
				u32 to = next[k];

				if (k ? !jumps(j->op) : to >= jp->n || !jp->j[to].leader)
					continue;
				if (to <= pc && (!reached[to] || memcmp(in[to], b, 11)))
					again |= true;
				for (u32 r = 0; r < 11; r++) {
					u8 v = round > 8 && to <= pc ? 64 : b[r];       /* a loop that grows bit by bit */

					if (!reached[to] || v > in[to][r])
						in[to][r] = v;
				}
				reached[to] = true;
			}
			if (ends(j->op))
				known = false;
		}
		if (round > 40)
			break;
	}
	for (u32 pc = 0, known = 0; pc < jp->n; pc++) {
		J *j = &jp->j[pc];

		if (j->leader) {
			known = reached[pc];
			memcpy(b, in[pc], 11);
		}
		if (!known) {
			nop(j);         /* no way leads here */
			continue;
		}
		use_bits(j, b);
		step_bits(j, b);
		if (ends(j->op))
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
		if (mem_size(op) < 8 && j->src != j->dst && j->src != j->index)
			hi &= (u16)~BIT(j->src);
	}
	*live = (u16)((*live & ~def) | use);
	*high = (u16)((*high & ~def) | hi);
}

/* Fills live and high of every J. */
static void
needs(JProg *jp, Arena *a)
{
	u16 (*in)[2] = arena_alloc(a, (size_t)jp->n * 4 + 4);
	bool again = true;

	while (again) {
		u16 live = 0, high = 0;

		again = false;
		for (u32 pc = jp->n; pc--; ) {
			J *j = &jp->j[pc];

			if (ends(j->op))
				live = high = 0;
			if (jumps(j->op)) {
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

static bool
can_narrow(const J *j)
{
	switch (ALU_KIND(j->op)) {
	case OP_ADD64K: case OP_SUB64K: case OP_MUL64K: case OP_AND64K: case OP_OR64K: case OP_XOR64K: case OP_MOV64K:
		return true;
	case OP_LSH64K:
		return ALU_FORM(j->op) == F_64K && (j->imm & 63) < 32;
	}
	return false;
}

/* Drops what nobody needs; cuts to 32 bits where nobody sees the rest. */
static void
drop(JProg *jp)
{
	u16 live = 0, high = 0;

	for (u32 pc = jp->n; pc--; ) {
		J *j = &jp->j[pc];
		u16 def = jit_defs(j);

		live = j->live, high = j->high;
		if (pure(j->op) && !(live & def))
			nop(j);
		else if (j->op == OP_MOV32X && j->dst == j->src && !(high & def))
			nop(j);
		else if (j->op == OP_MOV64X && j->dst == j->src)
			nop(j);
		else if (IS_ALU(j->op) && ALU_FORM(j->op) < F_32K && !(high & def) && can_narrow(j))
			j->op += F_32K;
	}
}

/* ---- rotates ---- */

/* Do the values of registers x at px and y at py (just before these J's) come from one place? */
static bool
same_value(const JProg *jp, u32 px, u32 x, u32 py, u32 y, bool low)
{
	for (int steps = 0; steps < 8; steps++) {
		s64 dx = last_def(jp, px, x), dy = last_def(jp, py, y);
		const J *jx = dx >= 0 ? &jp->j[dx] : NULL, *jy = dy >= 0 ? &jp->j[dy] : NULL;

		if (x == y && dx == dy)
			return true;
		/* step back over the copy that comes later */
		if (jx && dx > dy && (jx->op == OP_MOV64X || (low && jx->op == OP_MOV32X)))
			px = (u32)dx, x = jx->src;
		else if (jy && dy > dx && (jy->op == OP_MOV64X || (low && jy->op == OP_MOV32X)))
			py = (u32)dy, y = jy->src;
		else
			return false;
	}
	return false;
}

/* Is what the J at `from` puts into reg read only at `to`? */
static bool
only_use(const JProg *jp, u32 from, u32 to, u32 reg)
{
	return next_touch(jp, from, reg) == to;
}

static void
rotates(JProg *jp)
{
	for (u32 pc = 0; pc < jp->n; pc++) {
		J *j = &jp->j[pc], *x, *y;
		u32 kind = IS_ALU(j->op) ? ALU_KIND(j->op) : N_OP, form = ALU_FORM(j->op), w;
		s64 dx, dy;
		bool low;

		if ((kind != OP_OR64K && kind != OP_XOR64K && kind != OP_ADD64K) || !(form & 1) || j->dst == j->src)
			continue;
		low = form == F_32X;
		w = low ? 32 : 64;
		dx = last_def(jp, pc, j->dst);
		dy = last_def(jp, pc, j->src);
		if (dx < 0 || dy < 0)
			continue;
		x = &jp->j[dx], y = &jp->j[dy];
		if (!IS_ALU(x->op) || !IS_ALU(y->op) || ALU_FORM(x->op) & 1 || ALU_FORM(y->op) & 1)
			continue;
		/* x shifts left and y right, or the other way round; in 32 bits a left shift may be done in 64 */
		for (int swap = 0; swap < 2; swap++) {
			J *l = swap ? y : x, *r = swap ? x : y;
			s64 k = l->imm & (w - 1);

			if (ALU_KIND(l->op) != OP_LSH64K || ALU_KIND(r->op) != OP_RSH64K || !k || (r->imm & (w - 1)) != w - k)
				continue;
			if ((ALU_FORM(r->op) == F_32K) != low || (ALU_FORM(l->op) == F_32K && !low) || (l->imm & 63) != k)
				continue;
			if (!same_value(jp, (u32)dx, x->dst, (u32)dy, y->dst, low) || !only_use(jp, (u32)dx, pc, j->dst))
				continue;
			nop(x);
			j->op = low ? J_ROL32 : J_ROL64;
			j->src = j->dst;
			j->imm = k;
			break;
		}
	}
}

/* ---- addresses ---- */

/* Does reg keep its value from behind `from` to before `to`? */
static bool
keeps(const JProg *jp, u32 from, u32 to, u32 reg)
{
	for (u32 i = from + 1; i < to; i++)
		if (jit_defs(&jp->j[i]) & BIT(reg))
			return false;
	return true;
}

/* The same, and no memory is written there; `from` itself counts, too, as it is one of two loads. */
static bool
quiet(const JProg *jp, u32 from, u32 to, u32 reg)
{
	if (jit_defs(&jp->j[from]) & BIT(reg))
		return false;
	for (u32 i = from + 1; i < to; i++)
		if (!pure(jp->j[i].op) && jp->j[i].op != J_NOP)
			return false;
	return keeps(jp, from, to, reg);
}

/* Nobody but `to` looks at what `from` puts into reg, and it is not needed behind it. */
static bool
consumed(const JProg *jp, u32 from, u32 to, u32 reg)
{
	const J *j = &jp->j[to];

	return only_use(jp, from, to, reg) && (!(j->live & BIT(reg)) || jit_defs(j) & BIT(reg));
}

/* a = *(u8 *)(b + 1); d = *(u8 *)b; d <<= 8; d |= a -> 16 bits at once, bytes swapped; and the same without a swap. */
static void
join_bytes(JProg *jp)
{
	for (u32 pc = 0; pc < jp->n; pc++) {
		J *j = &jp->j[pc], *shift, *hi, *lo;
		s64 ps, ph, pl;

		if ((j->op != OP_OR64X && j->op != OP_OR32X) || j->dst == j->src || j->live & BIT(j->src))
			continue;
		ps = last_def(jp, pc, j->dst);
		pl = last_def(jp, pc, j->src);
		if (ps < 0 || pl < 0)
			continue;
		shift = &jp->j[ps], lo = &jp->j[pl];
		if ((shift->op != OP_LSH64K && shift->op != OP_LSH32K) || shift->imm != 8 || lo->op != OP_LDXB)
			continue;
		ph = last_def(jp, (u32)ps, j->dst);
		hi = ph >= 0 ? &jp->j[ph] : NULL;
		if (!hi || hi->op != OP_LDXB || hi->src != lo->src || !only_use(jp, (u32)ph, (u32)ps, j->dst) ||
		    !only_use(jp, (u32)ps, pc, j->dst) || !only_use(jp, (u32)pl, pc, j->src))
			continue;
		if ((lo->off != hi->off + 1 && lo->off != hi->off - 1) || !quiet(jp, (u32)MIN(ph, pl), (u32)MAX(ph, pl), hi->src))
			continue;
		hi->op = OP_LDXH;
		if (lo->off > hi->off) {
			shift->op = OP_SWAP16;
			shift->imm = 0;
		} else {
			hi->off = lo->off;
			nop(shift);
		}
		nop(lo);
		nop(j);
	}
}

static void
fold_address(JProg *jp, u32 pc)
{
	J *j = &jp->j[pc];
	u8 *base = is_load(j->op) ? &j->src : &j->dst;
	s64 d = -1;
	J *x;

	if (is_stx(j->op) && j->src == *base)
		return;
	/* t += 4 */
	while (*base != 10 && (d = last_def(jp, pc, *base)) >= 0 && jp->j[d].op == OP_ADD64K &&
	       consumed(jp, (u32)d, pc, *base) && j->off + jp->j[d].imm == (s32)(j->off + jp->j[d].imm)) {
		j->off += (s32)jp->j[d].imm;
		nop(&jp->j[d]);
	}
	if (*base == 10 || d < 0)
		return;
	x = &jp->j[d];
	/* t += i */
	if (x->op == OP_ADD64X && x->src != x->dst && x->src != 10 && consumed(jp, (u32)d, pc, *base) &&
	    keeps(jp, (u32)d, pc, x->src) && !(is_stx(j->op) && j->src == x->dst)) {
		u32 at = (u32)d;
		s64 m;

		j->index = x->src;
		j->scale = 0;
		nop(x);
		/* i = n << 3 for this alone */
		m = last_def(jp, at, j->index);
		if (m >= 0 && jp->j[m].op == OP_LSH64K && (jp->j[m].imm & 63) <= 3 && only_use(jp, (u32)m, pc, j->index) &&
		    (!(j->live & BIT(j->index)) || jit_defs(j) & BIT(j->index)) && !(is_stx(j->op) && j->src == j->index)) {
			j->scale = (u8)(jp->j[m].imm & 63);
			nop(&jp->j[m]);
		}
	}
	/* t = b */
	for (int step = 0; step < 2; step++) {
		u8 *reg = step ? &j->index : base;

		if (*reg == NO_REG || *reg == 10 || (d = last_def(jp, pc, *reg)) < 0)
			continue;
		x = &jp->j[d];
		if (x->op == OP_MOV64X && x->src != 10 && keeps(jp, (u32)d, pc, x->src) && consumed(jp, (u32)d, pc, *reg) &&
		    j->index != *base && !(is_stx(j->op) && j->src == *reg)) {
			*reg = x->src;
			nop(x);
		}
	}
}

/* t = b; t += i|4 -> one addition of three operands; t = b; rotate t -> a rotate into t */
static void
fold_sums(JProg *jp)
{
	for (u32 pc = 0; pc < jp->n; pc++) {
		J *m = &jp->j[pc], *x;
		u32 at;

		if ((m->op != OP_MOV64X && m->op != OP_MOV32X) || m->dst == m->src || !(at = next_touch(jp, pc, m->dst)))
			continue;
		x = &jp->j[at];
		if (x->dst != m->dst || !keeps(jp, pc, at, m->src))
			continue;
		if ((x->op == J_ROL64 && m->op == OP_MOV64X) || x->op == J_ROL32) {
			x->src = m->src;
			nop(m);
			continue;
		}
		if (m->op != OP_MOV64X)
			continue;
		if (x->op == OP_ADD64X && x->src != m->dst && x->src != 10) {
			*x = (J){ .op = J_LEA, .dst = x->dst, .src = m->src, .index = x->src, .live = x->live, .high = x->high };
			nop(m);
		} else if (x->op == OP_ADD64K) {
			*x = (J){ .op = J_LEA, .dst = x->dst, .src = m->src, .index = NO_REG, .off = (s32)x->imm, .live = x->live,
				  .high = x->high };
			nop(m);
		}
	}
}

/* ---- calls of maps that are known ---- */

static void
map_calls(JProg *jp)
{
	for (u32 pc = 0; pc < jp->n; pc++) {
		J *j = &jp->j[pc];
		s64 d;
		VmMap *m;

		if (j->op != OP_CALL || j->imm != BPF_FUNC_map_lookup_elem)
			continue;
		d = last_def(jp, pc, 1);
		if (d < 0 || (jp->j[d].op != OP_LDMAPFD && jp->j[d].op != OP_LDMAPIDX))
			continue;
		m = (VmMap *)(uintptr_t)jp->j[d].imm;
		if (m->ops == &map_array && !m->percpu)
			j->op = J_ARRAY, j->imm = jp->j[d].imm;
		else if (m->ops->lookup && !m->slots)
			j->op = J_HASH, j->imm = jp->j[d].imm;
	}
}

void
jit_optimize(JProg *jp, Arena *a)
{
	map_calls(jp);
	masks(jp);
	join_shifts(jp);
	invert(jp);
	widths(jp, a);
	needs(jp, a);
	drop(jp);
	rotates(jp);
	needs(jp, a);
	drop(jp);
	needs(jp, a);
	join_bytes(jp);
	for (u32 pc = 0; pc < jp->n; pc++)
		if (has_mem(jp->j[pc].op))
			fold_address(jp, pc);
	fold_sums(jp);
	needs(jp, a);
	drop(jp);
	needs(jp, a);
}
