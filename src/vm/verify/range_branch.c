/* range_branch: what a comparison of two numbers says: which ways their bits and intervals leave open, and what going one
 * way adds to them. branch.c asks. */
#include "vm/verify/range.h"

u8
vf_jump_reversed(u8 op)
{
	switch (op) {
	case BPF_JEQ: return BPF_JNE;
	case BPF_JNE: return BPF_JEQ;
	case BPF_JSET: return OP_JNSET;
	case OP_JNSET: return BPF_JSET;
	case BPF_JGT: return BPF_JLE;
	case BPF_JGE: return BPF_JLT;
	case BPF_JLT: return BPF_JGE;
	case BPF_JLE: return BPF_JGT;
	case BPF_JSGT: return BPF_JSLE;
	case BPF_JSGE: return BPF_JSLT;
	case BPF_JSLT: return BPF_JSGE;
	case BPF_JSLE: return BPF_JSGT;
	}
	return op;
}

u8
vf_jump_flipped(u8 op)
{
	switch (op) {
	case BPF_JGT: return BPF_JLT;
	case BPF_JGE: return BPF_JLE;
	case BPF_JLT: return BPF_JGT;
	case BPF_JLE: return BPF_JGE;
	case BPF_JSGT: return BPF_JSLT;
	case BPF_JSGE: return BPF_JSLE;
	case BPF_JSLT: return BPF_JSGT;
	case BPF_JSLE: return BPF_JSGE;
	}
	return op;      /* JEQ, JNE, JSET are symmetric */
}

/* Can a == b hold? 1 must, 0 cannot, -1 may. */
static int
taken_equal(const Reg *a, const Reg *b, bool jmp32)
{
	Tnum t1 = jmp32 ? tnum_low(a->bits) : a->bits, t2 = jmp32 ? tnum_low(b->bits) : b->bits;

	if (tnum_is_const(t1) && tnum_is_const(t2))
		return t1.value == t2.value;
	if (!tnum_overlap(t1, t2))
		return 0;
	if (!jmp32 && (a->umin > b->umax || a->umax < b->umin || a->smin > b->smax || a->smax < b->smin))
		return 0;
	if (a->u32min > b->u32max || a->u32max < b->u32min || a->s32min > b->s32max || a->s32max < b->s32min)
		return 0;
	return -1;
}

int
vf_reg_branch_taken(const Reg *a, const Reg *b, u8 op, bool jmp32)
{
	u64 umin1 = jmp32 ? a->u32min : a->umin, umax1 = jmp32 ? a->u32max : a->umax;
	u64 umin2 = jmp32 ? b->u32min : b->umin, umax2 = jmp32 ? b->u32max : b->umax;
	s64 smin1 = jmp32 ? a->s32min : a->smin, smax1 = jmp32 ? a->s32max : a->smax;
	s64 smin2 = jmp32 ? b->s32min : b->smin, smax2 = jmp32 ? b->s32max : b->smax;
	Tnum t;
	u64 k;
	int eq;

	switch (op) {
	case BPF_JEQ:
		return taken_equal(a, b, jmp32);
	case BPF_JNE:
		eq = taken_equal(a, b, jmp32);
		return eq < 0 ? -1 : !eq;
	case BPF_JSET:
		if (!vf_reg_is_const(b, jmp32)) {
			const Reg *x = a;

			a = b;
			b = x;
		}
		if (!vf_reg_is_const(b, jmp32))
			return -1;
		k = vf_reg_const(b, jmp32);
		t = jmp32 ? tnum_low(a->bits) : a->bits;
		if (~t.mask & t.value & k)
			return 1;
		return (t.mask | t.value) & k ? -1 : 0;
	case BPF_JGT: return umin1 > umax2 ? 1 : umax1 <= umin2 ? 0 : -1;
	case BPF_JGE: return umin1 >= umax2 ? 1 : umax1 < umin2 ? 0 : -1;
	case BPF_JLT: return umax1 < umin2 ? 1 : umin1 >= umax2 ? 0 : -1;
	case BPF_JLE: return umax1 <= umin2 ? 1 : umin1 > umax2 ? 0 : -1;
	case BPF_JSGT: return smin1 > smax2 ? 1 : smax1 <= smin2 ? 0 : -1;
	case BPF_JSGE: return smin1 >= smax2 ? 1 : smax1 < smin2 ? 0 : -1;
	case BPF_JSLT: return smax1 < smin2 ? 1 : smin1 >= smax2 ? 0 : -1;
	case BPF_JSLE: return smax1 <= smin2 ? 1 : smin1 > smax2 ? 0 : -1;
	}
	return -1;
}

static void
refine_equal(Reg *a, Reg *b, bool jmp32)
{
	Tnum t;

	if (jmp32) {
		a->u32min = b->u32min = MAX(a->u32min, b->u32min);
		a->u32max = b->u32max = MIN(a->u32max, b->u32max);
		a->s32min = b->s32min = MAX(a->s32min, b->s32min);
		a->s32max = b->s32max = MIN(a->s32max, b->s32max);
		t = tnum_meet(tnum_low(a->bits), tnum_low(b->bits));
		a->bits = tnum_with_low(a->bits, t);
		b->bits = tnum_with_low(b->bits, t);
		return;
	}
	a->umin = b->umin = MAX(a->umin, b->umin);
	a->umax = b->umax = MIN(a->umax, b->umax);
	a->smin = b->smin = MAX(a->smin, b->smin);
	a->smax = b->smax = MIN(a->smax, b->smax);
	a->bits = b->bits = tnum_meet(a->bits, b->bits);
}

/* a != k: helps only where k is an end of an interval. Ends wrap as unsigned numbers do: an interval of k alone becomes an empty
 * one, and the branch is one that cannot be taken. */
static void
refine_differ(Reg *a, u64 k, bool jmp32)
{
	if (jmp32) {
		if (a->u32min == (u32)k)
			a->u32min++;
		if (a->u32max == (u32)k)
			a->u32max--;
		if (a->s32min == (s32)k)
			a->s32min = (s32)((u32)k + 1);
		if (a->s32max == (s32)k)
			a->s32max = (s32)((u32)k - 1);
		return;
	}
	if (a->umin == k)
		a->umin++;
	if (a->umax == k)
		a->umax--;
	if (a->smin == (s64)k)
		a->smin = (s64)(k + 1);
	if (a->smax == (s64)k)
		a->smax = (s64)(k - 1);
}

static void
refine_bits(Reg *a, u64 k, bool set, bool jmp32)
{
	Tnum t = jmp32 ? tnum_low(a->bits) : a->bits;

	if (set) {
		if (!k || (k & (k - 1)))        /* one of several bits is set: nothing to learn */
			return;
		t = tnum_or(t, tnum_const(k));
	} else {
		vf_reg_unbound64(a);           /* on a branch that is never taken bounds and bits could contradict each other */
		vf_reg_unbound32(a);
		t = tnum_and(t, tnum_const(~k));
	}
	a->bits = jmp32 ? tnum_with_low(a->bits, t) : t;
}

static void
refine_less(Reg *a, Reg *b, u8 op, bool jmp32)
{
	bool strict = op == BPF_JLT || op == BPF_JSLT;

	if (op == BPF_JLE || op == BPF_JLT) {
		if (jmp32) {
			a->u32max = MIN(a->u32max, b->u32max - strict);
			b->u32min = MAX(a->u32min + strict, b->u32min);
		} else {
			a->umax = MIN(a->umax, b->umax - strict);
			b->umin = MAX(a->umin + strict, b->umin);
		}
	} else if (jmp32) {
		a->s32max = MIN(a->s32max, (s32)((u32)b->s32max - strict));
		b->s32min = MAX((s32)((u32)a->s32min + strict), b->s32min);
	} else {
		a->smax = MIN(a->smax, (s64)((u64)b->smax - strict));
		b->smin = MAX((s64)((u64)a->smin + strict), b->smin);
	}
}

void
vf_reg_refine(Reg *a, Reg *b, u8 op, bool jmp32)
{
	if (op == BPF_JGE || op == BPF_JGT || op == BPF_JSGE || op == BPF_JSGT) {
		Reg *x = a;

		op = vf_jump_flipped(op);
		a = b;
		b = x;
	}
	if (op == BPF_JNE || op == BPF_JSET || op == OP_JNSET) {
		if (!vf_reg_is_const(b, jmp32)) {
			Reg *x = a;

			a = b;
			b = x;
		}
		if (!vf_reg_is_const(b, jmp32))
			return;
	}
	switch (op) {
	case BPF_JEQ: refine_equal(a, b, jmp32); break;
	case BPF_JNE: refine_differ(a, vf_reg_const(b, jmp32), jmp32); break;
	case BPF_JSET: refine_bits(a, vf_reg_const(b, jmp32), true, jmp32); break;
	case OP_JNSET: refine_bits(a, vf_reg_const(b, jmp32), false, jmp32); break;
	default: refine_less(a, b, op, jmp32); break;
	}
}
