/* Abstract values against all concrete ones: every operation on known bits over all 4-bit tristate numbers, and on intervals over
 * all small intervals, 64 and 32 bits wide, must keep every value that its operands allow; branches must not lose one either. */
#include "vm/verify/verify.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

static bool
holds(Tnum t, u64 x)
{
	return !((x ^ t.value) & ~t.mask);
}

static u64
compute(u8 op, u64 a, u64 b)
{
	switch (op) {
	case BPF_ADD: return a + b;
	case BPF_SUB: return a - b;
	case BPF_MUL: return a * b;
	case BPF_AND: return a & b;
	case BPF_OR: return a | b;
	case BPF_XOR: return a ^ b;
	}
	abort();
}

static Tnum
abstract(u8 op, Tnum a, Tnum b)
{
	switch (op) {
	case BPF_ADD: return tnum_add(a, b);
	case BPF_SUB: return tnum_sub(a, b);
	case BPF_MUL: return tnum_mul(a, b);
	case BPF_AND: return tnum_and(a, b);
	case BPF_OR: return tnum_or(a, b);
	case BPF_XOR: return tnum_xor(a, b);
	}
	abort();
}

static const u8 ops[] = { BPF_ADD, BPF_SUB, BPF_MUL, BPF_AND, BPF_OR, BPF_XOR };
enum { W = 16 };

/* All tristate numbers of four bits. */
#define EACH_TNUM(t) for (u64 t##v = 0; t##v < W; t##v++) for (u64 t##m = 0; t##m < W; t##m++) if (!(t##v & t##m))

static void
bits(void)
{
	EACH_TNUM(a) EACH_TNUM(b) {
		Tnum x = { av, am }, y = { bv, bm }, meet = tnum_meet(x, y), join = tnum_join(x, y);
		bool overlap = false, within = true;

		for (u64 i = 0; i < W; i++)
			for (u64 k = 0; k < W; k++) {
				if (holds(x, i) && holds(y, k))
					for (u32 o = 0; o < COUNT(ops); o++)
						assert(holds(abstract(ops[o], x, y), compute(ops[o], i, k)));
			}
		for (u64 i = 0; i < W; i++) {
			overlap |= holds(x, i) && holds(y, i);
			within &= !holds(y, i) || holds(x, i);
			assert(!(holds(x, i) && holds(y, i)) || holds(meet, i));
			assert(!(holds(x, i) || holds(y, i)) || holds(join, i));
		}
		assert(tnum_overlap(x, y) == overlap && tnum_within(x, y) == within);
	}
	EACH_TNUM(a) {
		Tnum x = { av, am };

		for (u64 n = 0; n < W + 2; n++) {
			u64 want = av | am;

			for (u64 i = W; i-- > 0; )
				if (holds(x, i) && i > n)
					want = i;
			assert(tnum_next(x, n) == want);
		}
		for (u64 i = 0; i < W; i++)
			for (u8 n = 0; holds(x, i) && n < 8; n++)
				assert(holds(tnum_lsh(x, n), i << n) && holds(tnum_rsh(x, n), i >> n) &&
				       holds(tnum_bswap(x, 2), __builtin_bswap16((u16)i)));
	}
	for (u64 lo = 0; lo < W; lo++)
		for (u64 hi = lo; hi < W; hi++)
			for (u64 i = lo; i <= hi; i++)
				assert(holds(tnum_range(lo, hi), i));
}

static bool
in(const Reg *r, u64 x)
{
	return holds(r->bits, x) && x >= r->umin && x <= r->umax && (s64)x >= r->smin && (s64)x <= r->smax &&
		(u32)x >= r->u32min && (u32)x <= r->u32max && (s32)x >= r->s32min && (s32)x <= r->s32max;
}

/* Interesting numbers: around zero, the signs and the edges of 32 bits. */
static const s64 edge[] = { 0, 1, 2, 3, 7, -1, -2, -4, INT32_MAX, INT32_MIN, (s64)INT32_MAX + 1, UINT32_MAX, (s64)UINT32_MAX + 1,
	(s64)INT32_MIN - 1, INT64_MAX, INT64_MIN, INT64_MAX - 1, INT64_MIN + 1, 0x1ffffffff, -0x100000000 };
enum { N = COUNT(edge) };

/* A register that holds numbers from one edge to another, signed or unsigned, of 64 or 32 bits. */
static bool
interval(u32 lo, u32 hi, int how, Reg *r)
{
	vf_reg_unknown(r);
	switch (how) {
	case 0:
		if ((r->smin = edge[lo]) > (r->smax = edge[hi]))
			return false;
		break;
	case 1:
		if ((r->umin = (u64)edge[lo]) > (r->umax = (u64)edge[hi]))
			return false;
		break;
	case 2:
		if ((r->s32min = (s32)edge[lo]) > (r->s32max = (s32)edge[hi]))
			return false;
		break;
	case 3:
		if ((r->u32min = (u32)edge[lo]) > (r->u32max = (u32)edge[hi]))
			return false;
		break;
	}
	vf_reg_sync(r);
	return true;
}

static void
check_alu(const Reg *a, const Reg *b)
{
	for (u32 o = 0; o < COUNT(ops); o++)
		for (int alu32 = 0; alu32 < 2; alu32++) {
			Reg r = *a;

			vf_reg_alu(&r, b, ops[o], alu32);
			for (u32 i = 0; i < N; i++)
				for (u32 k = 0; k < N; k++) {
					u64 x = compute(ops[o], (u64)edge[i], (u64)edge[k]);

					if (in(a, (u64)edge[i]) && in(b, (u64)edge[k]))
						assert(in(&r, alu32 ? (u32)x : x));
				}
		}
}

static bool
compare(u8 op, u64 a, u64 b)
{
	switch (op) {
	case BPF_JEQ: return a == b;
	case BPF_JNE: return a != b;
	case BPF_JGT: return a > b;
	case BPF_JGE: return a >= b;
	case BPF_JLT: return a < b;
	case BPF_JLE: return a <= b;
	case BPF_JSGT: return (s64)a > (s64)b;
	case BPF_JSGE: return (s64)a >= (s64)b;
	case BPF_JSLT: return (s64)a < (s64)b;
	case BPF_JSLE: return (s64)a <= (s64)b;
	case BPF_JSET: return (a & b) != 0;
	}
	abort();
}

static void
check_branch(const Reg *a, const Reg *b)
{
	static const u8 jumps[] = { BPF_JEQ, BPF_JNE, BPF_JGT, BPF_JGE, BPF_JLT, BPF_JLE, BPF_JSGT, BPF_JSGE, BPF_JSLT, BPF_JSLE, BPF_JSET };

	for (u32 j = 0; j < COUNT(jumps); j++)
		for (int jmp32 = 0; jmp32 < 2; jmp32++) {
			Reg ya = *a, yb = *b, na = *a, nb = *b;
			int taken = vf_reg_branch_taken(a, b, jumps[j], jmp32);

			vf_reg_refine(&ya, &yb, jumps[j], jmp32);
			vf_reg_refine(&na, &nb, vf_jump_reversed(jumps[j]), jmp32);
			vf_reg_sync(&ya);
			vf_reg_sync(&yb);
			vf_reg_sync(&na);
			vf_reg_sync(&nb);
			for (u32 i = 0; i < N; i++)
				for (u32 k = 0; k < N; k++) {
					u64 x = (u64)edge[i], y = (u64)edge[k];
					bool c;

					if (!in(a, x) || !in(b, y))
						continue;
					c = jmp32 ? compare(jumps[j], (u64)(s64)(s32)x, (u64)(s64)(s32)y) : compare(jumps[j], x, y);
					assert(taken < 0 || taken == c);
					assert(c ? in(&ya, x) && in(&yb, y) : in(&na, x) && in(&nb, y));
				}
		}
}

static void
check_casts(const Reg *a)
{
	for (u32 size = 1; size <= 4; size *= 2) {
		Reg z = *a, s = *a, s32 = *a;

		vf_reg_truncate(&z, size);
		vf_reg_sign_extend(&s, size);
		if (size < 4) {
			vf_reg_sign_extend32(&s32, size);
			vf_reg_zext32(&s32);
			vf_reg_sync(&s32);
		}
		for (u32 i = 0; i < N; i++) {
			u64 x = (u64)edge[i];
			s64 sx = (s64)(x << (64 - size * 8)) >> (64 - size * 8);

			if (!in(a, x))
				continue;
			assert(in(&z, x & ((1ull << size * 8) - 1)) && in(&s, (u64)sx));
			assert(size == 4 || in(&s32, (u32)sx));
		}
	}
}

static void
check_shifts(const Reg *a)
{
	static const u8 n[] = { 0, 1, 4, 31, 32, 33, 63 };

	for (u32 k = 0; k < COUNT(n); k++)
		for (int alu32 = 0; alu32 < 2; alu32++) {
			Reg l = *a, r = *a, ar = *a, by;

			if (alu32 && n[k] > 31)
				continue;
			vf_reg_known(&by, n[k]);
			vf_reg_alu(&l, &by, BPF_LSH, alu32);
			vf_reg_alu(&r, &by, BPF_RSH, alu32);
			vf_reg_alu(&ar, &by, BPF_ARSH, alu32);
			for (u32 i = 0; i < N; i++) {
				u64 x = (u64)edge[i];

				if (!in(a, x))
					continue;
				assert(in(&l, alu32 ? (u32)x << n[k] : x << n[k]));
				assert(in(&r, alu32 ? (u32)x >> n[k] : x >> n[k]));
				assert(in(&ar, alu32 ? (u32)((s32)x >> n[k]) : (u64)((s64)x >> n[k])));
			}
		}
}

int
main(void)
{
	static Reg all[4 * N * N];
	u32 n = 0;

	bits();
	for (int how = 0; how < 4; how++)
		for (u32 lo = 0; lo < N; lo++)
			for (u32 hi = 0; hi < N; hi++)
				n += interval(lo, hi, how, &all[n]);
	for (u32 i = 0; i < n; i++) {
		for (u32 k = 0; k < N; k++)     /* nothing was lost by making it */
			assert(vf_reg_sane(&all[i]));
		check_casts(&all[i]);
		check_shifts(&all[i]);
		for (u32 k = i % 23; k < n; k += 23) {
			check_alu(&all[i], &all[k]);
			check_branch(&all[i], &all[k]);
		}
	}
	return 0;
}
