/* opt: a light optimizer over BPF before encoding. Compilers for BPF have no rotates, no address arithmetic, often no 32-bit
 * registers, and divide in 64 bits; what they meant is found again here:
 *   pairs of shifts that cut or extend   d <<= 32; d >>= 40      -> w d >>= 8
 *   widths, forward over all blocks      upper half known zero   -> no zero extension, 32-bit division
 *   need, backward over all blocks       upper half not needed   -> 32-bit operations; unused results go
 *   rotates                              (x << k) | (x >> 32-k)
 *   exits (exits.c)                      a test that only decides between two results
 *   byte order (order.c)                 what is only compared is not swapped
 *   addresses                            t = b; t += i; *(t + 4) -> *(b + i + 4)
 * Every step leaves a program with the same meaning; slots stay, what goes becomes J_NOP. */
#include "vm/jit/jit.h"

#include <stdlib.h>

/* d <<= a; d >>= b with nothing of d between. */
static void
join_shifts(JProg *jp)
{
	for (u32 pc = 0; pc < jp->n; pc++) {
		J *x = &jp->j[pc], *y;
		u32 at;
		s64 a, b;

		if (x->op != OP_LSH64K || !(at = jit_next_touch(jp, pc, x->dst)))
			continue;
		y = &jp->j[at];
		if (y->dst != x->dst || (y->op != OP_RSH64K && y->op != OP_ARSH64K))
			continue;
		a = x->imm & 63, b = y->imm & 63;
		if (y->op == OP_RSH64K && a == 32 && b >= 32) {
			jit_nop(x);
			y->op = b == 32 ? OP_MOV32X : OP_RSH32K;
			y->src = y->dst;
			y->imm = b == 32 ? 0 : b - 32;
		} else if (y->op == OP_RSH64K && a == b && a > 32) {
			jit_nop(x);
			y->op = OP_AND32K;
			y->imm = (s64)(~(u64)0 >> a);
		} else if (y->op == OP_ARSH64K && (a == 32 || a == 48 || a == 56) && b >= a) {
			x->op = a == 32 ? OP_MOVS32_64 : a == 48 ? OP_MOVS16_64 : OP_MOVS8_64;
			x->src = x->dst;
			y->imm = b - a;
			if (b == a) {
				*y = *x;
				y->leader = y->loop = false;
				jit_nop(x);
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
		s64 d = j->op == OP_AND64X ? jit_last_def(jp, pc, j->src) : -1;
		u64 mask, k;
		u32 at;

		if (d < 0 || jp->j[d].op != OP_LDDW)
			continue;
		mask = (u64)jp->j[d].imm;
		at = jit_next_touch(jp, pc, j->dst);
		y = at ? &jp->j[at] : NULL;
		k = y ? (u64)y->imm & 63 : 0;
		if (y && y->op == OP_RSH64K && y->dst == j->dst && k < 32 && mask <= UINT32_MAX && mask >> k == UINT32_MAX >> k) {
			jit_nop(j);
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
		jit_nop(g);
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
		if (jit_pure(j->op) && !(live & def))
			jit_nop(j);
		else if (j->op == OP_MOV32X && j->dst == j->src && !(high & def))
			jit_nop(j);
		else if (j->op == OP_MOV64X && j->dst == j->src)
			jit_nop(j);
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
		s64 dx = jit_last_def(jp, px, x), dy = jit_last_def(jp, py, y);
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
		dx = jit_last_def(jp, pc, j->dst);
		dy = jit_last_def(jp, pc, j->src);
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
			if (!same_value(jp, (u32)dx, x->dst, (u32)dy, y->dst, low) || !jit_only_use(jp, (u32)dx, pc, j->dst))
				continue;
			jit_nop(x);
			j->op = low ? J_ROL32 : J_ROL64;
			j->src = j->dst;
			j->imm = k;
			break;
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
		d = jit_last_def(jp, pc, 1);
		if (d < 0 || (jp->j[d].op != OP_LDMAPFD && jp->j[d].op != OP_LDMAPIDX))
			continue;
		m = (VmMap *)(uintptr_t)jp->j[d].imm;
		if (m->ops == &map_array && !m->percpu)
			j->op = J_ARRAY, j->imm = jp->j[d].imm;
		else if (m->ops->lookup && !m->slots)
			j->op = J_HASH, j->imm = jp->j[d].imm;
	}
}

/* Drops what no way leads to any more. */
static void
sweep(JProg *jp, Arena *a)
{
	bool *reached = NEW_N(a, bool, jp->n + 1);
	u32 *todo = NEW_N(a, u32, jp->n + 1), n = 0;

	for (u32 pc = 0; pc < jp->n; pc++)
		if (jp->p->starts[pc] == 1) {
			reached[pc] = true;
			todo[n++] = pc;
		}
	while (n) {
		u32 pc = todo[--n];
		const J *j = &jp->j[pc];

		if (jit_jumps(j->op) && !reached[j->to]) {
			reached[j->to] = true;
			todo[n++] = j->to;
		}
		if (!jit_ends(j->op) && pc + 1 < jp->n && !reached[pc + 1]) {
			reached[pc + 1] = true;
			todo[n++] = pc + 1;
		}
	}
	for (u32 pc = 0; pc < jp->n; pc++)
		if (!reached[pc])
			jit_nop(&jp->j[pc]);
}

void
jit_optimize(JProg *jp, Arena *a)
{
	map_calls(jp);
	masks(jp);
	join_shifts(jp);
	invert(jp);
	jit_widths(jp, a);
	jit_needs(jp, a);
	drop(jp);
	rotates(jp);
	jit_needs(jp, a);
	drop(jp);
	jit_needs(jp, a);
	jit_join_bytes(jp);
	for (u32 pc = 0; pc < jp->n; pc++)
		if (has_mem(jp->j[pc].op))
			jit_fold_address(jp, pc);
	jit_fold_sums(jp);
	jit_needs(jp, a);
	drop(jp);
	jit_byte_order(jp, a);
	if (!jp->blind)
		jit_choose(jp);
	sweep(jp, a);
	jit_needs(jp, a);
}
