/* range_alu: what an operation makes of the bits and intervals of its operands. An interval whose ends may wrap becomes
 * the whole line; what the kernel's tracking does not follow becomes an unknown number. */
#include "vm/verify/range.h"

#define ADD_BOUNDS(NAME, S, U, smin, smax, umin, umax, SMIN, SMAX, UMAX) \
static void \
NAME(Reg *d, const Reg *s) \
{ \
	U lo, hi; \
	bool o1, o2; \
	if (__builtin_add_overflow(d->smin, s->smin, &d->smin) | __builtin_add_overflow(d->smax, s->smax, &d->smax)) { \
		d->smin = SMIN; \
		d->smax = SMAX; \
	} \
	o1 = __builtin_add_overflow(d->umin, s->umin, &lo); \
	o2 = __builtin_add_overflow(d->umax, s->umax, &hi); \
	d->umin = lo; \
	d->umax = hi; \
	if (!o1 && o2) {        /* some sums wrap, some do not */ \
		d->umin = 0; \
		d->umax = UMAX; \
	} \
}
ADD_BOUNDS(add64, s64, u64, smin, smax, umin, umax, INT64_MIN, INT64_MAX, UINT64_MAX)
ADD_BOUNDS(add32, s32, u32, s32min, s32max, u32min, u32max, INT32_MIN, INT32_MAX, UINT32_MAX)

#define SUB_BOUNDS(NAME, S, U, smin, smax, umin, umax, SMIN, SMAX, UMAX) \
static void \
NAME(Reg *d, const Reg *s) \
{ \
	U lo, hi; \
	bool o1, o2; \
	if (__builtin_sub_overflow(d->smin, s->smax, &d->smin) | __builtin_sub_overflow(d->smax, s->smin, &d->smax)) { \
		d->smin = SMIN; \
		d->smax = SMAX; \
	} \
	o1 = __builtin_sub_overflow(d->umin, s->umax, &lo); \
	o2 = __builtin_sub_overflow(d->umax, s->umin, &hi); \
	d->umin = lo; \
	d->umax = hi; \
	if (o1 && !o2) { \
		d->umin = 0; \
		d->umax = UMAX; \
	} \
}
SUB_BOUNDS(sub64, s64, u64, smin, smax, umin, umax, INT64_MIN, INT64_MAX, UINT64_MAX)
SUB_BOUNDS(sub32, s32, u32, s32min, s32max, u32min, u32max, INT32_MIN, INT32_MAX, UINT32_MAX)

#define MUL_BOUNDS(NAME, S, U, smin, smax, umin, umax, SMIN, SMAX, UMAX) \
static void \
NAME(Reg *d, const Reg *s) \
{ \
	S p[4]; \
	bool o; \
	if (__builtin_mul_overflow(d->umax, s->umax, &d->umax) | __builtin_mul_overflow(d->umin, s->umin, &d->umin)) { \
		d->umin = 0; \
		d->umax = UMAX; \
	} \
	o = __builtin_mul_overflow(d->smin, s->smin, &p[0]) | __builtin_mul_overflow(d->smin, s->smax, &p[1]) | \
		__builtin_mul_overflow(d->smax, s->smin, &p[2]) | __builtin_mul_overflow(d->smax, s->smax, &p[3]); \
	if (o) { \
		d->smin = SMIN; \
		d->smax = SMAX; \
	} else { \
		d->smin = MIN(MIN(p[0], p[1]), MIN(p[2], p[3])); \
		d->smax = MAX(MAX(p[0], p[1]), MAX(p[2], p[3])); \
	} \
}
MUL_BOUNDS(mul64, s64, u64, smin, smax, umin, umax, INT64_MIN, INT64_MAX, UINT64_MAX)
MUL_BOUNDS(mul32, s32, u32, s32min, s32max, u32min, u32max, INT32_MIN, INT32_MAX, UINT32_MAX)

static void
unbound_u64(Reg *r)
{
	r->umin = 0;
	r->umax = UINT64_MAX;
}

static void
unbound_s64(Reg *r)
{
	r->smin = INT64_MIN;
	r->smax = INT64_MAX;
}

/* The signed interval is the unsigned one if that does not cross the sign. */
static void
signed_from_unsigned64(Reg *r)
{
	if ((s64)r->umin <= (s64)r->umax) {
		r->smin = (s64)r->umin;
		r->smax = (s64)r->umax;
	} else
		unbound_s64(r);
}

static void
signed_from_unsigned32(Reg *r)
{
	if ((s32)r->u32min <= (s32)r->u32max) {
		r->s32min = (s32)r->u32min;
		r->s32max = (s32)r->u32max;
	} else {
		r->s32min = INT32_MIN;
		r->s32max = INT32_MAX;
	}
}

static void
set_bounds32(Reg *r, u32 value)
{
	r->bits = tnum_with_low(r->bits, tnum_const(value));
	r->s32min = r->s32max = (s32)value;
	r->u32min = r->u32max = value;
}

/* AND, OR, XOR: bits have been computed. The greatest result of AND is the smaller operand's; the least of OR the greater's. */
static void
bitwise(Reg *d, const Reg *s, u8 op, bool known64, bool known32)
{
	Tnum low = tnum_low(d->bits);

	if (known32)
		set_bounds32(d, (u32)d->bits.value);
	else {
		u32 min = (u32)low.value, max = (u32)(low.value | low.mask);

		if (op == BPF_OR)
			min = MAX(d->u32min, s->u32min);
		if (op == BPF_AND)
			max = MIN(d->u32max, s->u32max);
		d->u32min = min;
		d->u32max = max;
		signed_from_unsigned32(d);
	}
	if (known64)
		vf_reg_set_bounds(d, d->bits.value);
	else {
		u64 min = d->bits.value, max = d->bits.value | d->bits.mask;

		if (op == BPF_OR)
			min = MAX(d->umin, s->umin);
		if (op == BPF_AND)
			max = MIN(d->umax, s->umax);
		d->umin = min;
		d->umax = max;
		signed_from_unsigned64(d);
		vf_reg_learn_from_bits(d);
	}
}

static void
lsh32_bounds(Reg *r, u32 n)
{
	r->s32min = INT32_MIN;
	r->s32max = INT32_MAX;
	if (r->u32max > 1ull << (31 - n)) {
		r->u32min = 0;
		r->u32max = UINT32_MAX;
	} else {
		r->u32min <<= n;
		r->u32max <<= n;
	}
}

static void
lsh(Reg *r, u32 n, bool alu32)
{
	if (alu32) {
		Tnum low = tnum_low(r->bits);

		lsh32_bounds(r, n);
		r->bits = tnum_low(tnum_lsh(low, (u8)n));
		vf_reg_unbound64(r);
		vf_reg_learn32_from_bits(r);
		return;
	}
	/* << 32 then s>> 32 is how compilers sign-extend: the sign of the 32-bit value decides. */
	r->smax = n == 32 && r->s32max >= 0 ? (s64)((u64)r->s32max << 32) : INT64_MAX;
	r->smin = n == 32 && r->s32min >= 0 ? (s64)((u64)r->s32min << 32) : INT64_MIN;
	if (r->umax > 1ull << (63 - n))
		unbound_u64(r);
	else {
		r->umin <<= n;
		r->umax <<= n;
	}
	if (n > 31) {
		r->s32min = INT32_MIN;
		r->s32max = INT32_MAX;
		r->u32min = 0;
		r->u32max = UINT32_MAX;
	} else
		lsh32_bounds(r, n);
	r->bits = tnum_lsh(r->bits, (u8)n);
	vf_reg_learn_from_bits(r);
}

static void
rsh(Reg *r, u32 n, bool alu32)
{
	if (alu32) {
		r->s32min = INT32_MIN;
		r->s32max = INT32_MAX;
		r->bits = tnum_rsh(tnum_low(r->bits), (u8)n);
		r->u32min >>= n;
		r->u32max >>= n;
		vf_reg_unbound64(r);
		vf_reg_learn32_from_bits(r);
		return;
	}
	unbound_s64(r);
	r->bits = tnum_rsh(r->bits, (u8)n);
	r->umin >>= n;
	r->umax >>= n;
	vf_reg_unbound32(r);
	vf_reg_learn_from_bits(r);
}

static void
arsh(Reg *r, u32 n, bool alu32)
{
	if (alu32) {
		r->s32min >>= n;
		r->s32max >>= n;
		r->bits = tnum_arsh(tnum_low(r->bits), (u8)n, 32);
		r->u32min = 0;
		r->u32max = UINT32_MAX;
		vf_reg_unbound64(r);
		vf_reg_learn32_from_bits(r);
		return;
	}
	r->smin >>= n;
	r->smax >>= n;
	r->bits = tnum_arsh(r->bits, (u8)n, 64);
	unbound_u64(r);
	vf_reg_unbound32(r);
	vf_reg_learn_from_bits(r);
}

/* Can the kernel's tracking follow this operation? Shifts only by a known amount; division and byte swaps never. */
static bool
trackable(const Reg *src, u8 op, bool alu32)
{
	switch (op) {
	case BPF_ADD: case BPF_SUB: case BPF_NEG: case BPF_AND: case BPF_OR: case BPF_XOR: case BPF_MUL:
		return true;
	case BPF_LSH: case BPF_RSH: case BPF_ARSH:
		if (alu32)
			return tnum_low_is_const(src->bits) && src->s32min == src->s32max && src->umax < 32;
		return tnum_is_const(src->bits) && src->umax < 64;
	}
	return false;
}

void
vf_reg_alu(Reg *d, const Reg *src, u8 op, bool alu32)
{
	Reg copy = *src, old;
	const Reg *s = &copy;
	bool known64, known32;

	if (!trackable(s, op, alu32)) {
		u32 deps = d->deps;

		vf_reg_unknown(d);
		d->deps = deps;
		return;
	}
	switch (op) {
	case BPF_ADD:
		add32(d, s);
		add64(d, s);
		d->bits = tnum_add(d->bits, s->bits);
		break;
	case BPF_SUB:
		sub32(d, s);
		sub64(d, s);
		d->bits = tnum_sub(d->bits, s->bits);
		break;
	case BPF_NEG:
		old = *d;
		vf_reg_set_bounds(d, 0);
		sub32(d, &old);
		sub64(d, &old);
		d->bits = tnum_sub(tnum_const(0), old.bits);
		break;
	case BPF_MUL:
		d->bits = tnum_mul(d->bits, s->bits);
		mul32(d, s);
		mul64(d, s);
		break;
	case BPF_AND: case BPF_OR: case BPF_XOR:
		known64 = tnum_is_const(s->bits) && tnum_is_const(d->bits);
		known32 = tnum_low_is_const(s->bits) && tnum_low_is_const(d->bits);
		d->bits = op == BPF_AND ? tnum_and(d->bits, s->bits) :
			op == BPF_OR ? tnum_or(d->bits, s->bits) : tnum_xor(d->bits, s->bits);
		bitwise(d, s, op, known64, known32);
		break;
	case BPF_LSH:
		lsh(d, (u32)s->umin, alu32);
		break;
	case BPF_RSH:
		rsh(d, (u32)s->umin, alu32);
		break;
	case BPF_ARSH:
		arsh(d, (u32)s->umin, alu32);
		break;
	}
	if (alu32)
		vf_reg_zext32(d);
	vf_reg_sync(d);
}

void
vf_reg_add_const(Reg *r, s64 n)
{
	Reg k;

	vf_reg_known(&k, (u64)n);
	add32(r, &k);
	add64(r, &k);
	r->bits = tnum_add(r->bits, k.bits);
}
