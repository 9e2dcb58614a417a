/* range: a scalar is known by its bits, by four intervals (unsigned and signed, 64 and 32 bits) and by what they say about
 * each other. The deductions are those that the kernel makes, no more: a verdict must not depend on being cleverer. */
#include "vm/verify/verify.h"

static void
unbound32(Reg *r)
{
	r->s32min = INT32_MIN;
	r->s32max = INT32_MAX;
	r->u32min = 0;
	r->u32max = UINT32_MAX;
}

static void
unbound64(Reg *r)
{
	r->smin = INT64_MIN;
	r->smax = INT64_MAX;
	r->umin = 0;
	r->umax = UINT64_MAX;
}

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

void
vf_reg_unknown(Reg *r)
{
	*r = (Reg){ .kind = R_SCALAR };
	r->bits = tnum_unknown();
	unbound64(r);
	unbound32(r);
}

static void
set_bounds(Reg *r, u64 value)
{
	r->bits = tnum_const(value);
	r->smin = r->smax = (s64)value;
	r->umin = r->umax = value;
	r->s32min = r->s32max = (s32)value;
	r->u32min = r->u32max = (u32)value;
}

void
vf_reg_known(Reg *r, u64 value)
{
	*r = (Reg){ .kind = R_SCALAR };
	set_bounds(r, value);
}

void
vf_reg_known_zero(Reg *r)
{
	set_bounds(r, 0);
}

/* bits -> 32-bit bounds */
static void
learn32_from_bits(Reg *r)
{
	Tnum low = tnum_low(r->bits);

	r->s32min = MAX(r->s32min, (s32)(low.value | (low.mask & (u32)INT32_MIN)));
	r->s32max = MIN(r->s32max, (s32)(low.value | (low.mask & INT32_MAX)));
	r->u32min = MAX(r->u32min, (u32)low.value);
	r->u32max = MIN(r->u32max, (u32)(low.value | low.mask));
}

static void
learn64_from_bits(Reg *r)
{
	Tnum b = r->bits;

	r->smin = MAX(r->smin, (s64)(b.value | (b.mask & (u64)INT64_MIN)));
	r->smax = MIN(r->smax, (s64)(b.value | (b.mask & INT64_MAX)));
	r->umin = MAX(r->umin, b.value);
	r->umax = MIN(r->umax, b.value | b.mask);
}

/* Where interval and bits have one number in common, that is it. */
static void
learn_only(Reg *r)
{
	u64 next = tnum_next(r->bits, r->umin), last = r->bits.value | r->bits.mask;
	bool first = (r->umin & ~r->bits.mask) == r->bits.value;

	if (first && next > r->umax)
		set_bounds(r, r->umin);
	else if (!first && next == last)
		set_bounds(r, last);
	else if (!first && next <= r->umax && tnum_next(r->bits, next) > r->umax)
		set_bounds(r, next);
}

static void
learn_from_bits(Reg *r)
{
	learn32_from_bits(r);
	learn64_from_bits(r);
	learn_only(r);
}

static void
meet_s32(Reg *r, s32 min, s32 max)
{
	r->s32min = MAX(r->s32min, min);
	r->s32max = MIN(r->s32max, max);
}

static void
meet_u32(Reg *r, u32 min, u32 max)
{
	r->u32min = MAX(r->u32min, min);
	r->u32max = MIN(r->u32max, max);
}

/* 64-bit intervals and the other 32-bit interval -> 32-bit intervals */
static void
deduce32(Reg *r)
{
	/* The upper half is fixed: the lower half is an interval too. */
	if (r->umin >> 32 == r->umax >> 32) {
		meet_u32(r, (u32)r->umin, (u32)r->umax);
		if ((s32)r->umin <= (s32)r->umax)
			meet_s32(r, (s32)r->umin, (s32)r->umax);
	}
	if (r->smin >> 32 == r->smax >> 32) {
		if ((u32)r->smin <= (u32)r->smax)
			meet_u32(r, (u32)r->smin, (u32)r->smax);
		if ((s32)r->smin <= (s32)r->smax)
			meet_s32(r, (s32)r->smin, (s32)r->smax);
	}
	/* The upper half steps once while the lower one goes from negative to positive: -5..3, for instance. */
	if ((u32)(r->umin >> 32) + 1 == (u32)(r->umax >> 32) && (s32)r->umin < 0 && (s32)r->umax >= 0)
		meet_s32(r, (s32)r->umin, (s32)r->umax);
	if ((u32)(r->smin >> 32) + 1 == (u32)(r->smax >> 32) && (s32)r->smin < 0 && (s32)r->smax >= 0)
		meet_s32(r, (s32)r->smin, (s32)r->smax);
	if ((s32)r->u32min <= (s32)r->u32max)
		meet_s32(r, (s32)r->u32min, (s32)r->u32max);
	if ((u32)r->s32min <= (u32)r->s32max)
		meet_u32(r, (u32)r->s32min, (u32)r->s32max);
	else if (r->u32max < (u32)r->s32min) {
		/* The signed interval is both ends of the unsigned line; the unsigned one meets its low end only. */
		r->s32min = (s32)r->u32min;
		r->u32max = MIN(r->u32max, (u32)r->s32max);
	} else if ((u32)r->s32max < r->u32min) {
		r->s32max = (s32)r->u32max;
		r->u32min = MAX(r->u32min, (u32)r->s32min);
	}
}

static void
deduce64(Reg *r)
{
	if ((s64)r->umin <= (s64)r->umax) {
		r->smin = MAX(r->smin, (s64)r->umin);
		r->smax = MIN(r->smax, (s64)r->umax);
	}
	if ((u64)r->smin <= (u64)r->smax) {
		r->umin = MAX(r->umin, (u64)r->smin);
		r->umax = MIN(r->umax, (u64)r->smax);
	} else if (r->umax < (u64)r->smin) {
		/* The signed interval is both ends of the unsigned line; the unsigned one meets its low end only. */
		r->smin = (s64)r->umin;
		r->umax = MIN(r->umax, (u64)r->smax);
	} else if ((u64)r->smax < r->umin) {
		r->smax = (s64)r->umax;
		r->umin = MAX(r->umin, (u64)r->smin);
	}
}

/* 32-bit intervals under the upper halves of the 64-bit ones -> 64-bit intervals */
static void
deduce_mixed(Reg *r)
{
	u64 high = ~0xffffffffull;

	r->umin = MAX(r->umin, (r->umin & high) | r->u32min);
	r->umax = MIN(r->umax, (r->umax & high) | r->u32max);
	r->smin = MAX(r->smin, (s64)(((u64)r->smin & high) | r->u32min));
	r->smax = MIN(r->smax, (s64)(((u64)r->smax & high) | r->u32max));
	/* A sign-extended word whose low half is not negative is that half. */
	if (r->s32min >= 0 && r->smin >= INT32_MIN && r->smax <= INT32_MAX) {
		r->smin = r->s32min;
		r->smax = r->s32max;
		r->umin = (u64)r->s32min;
		r->umax = (u64)r->s32max;
		r->bits = tnum_meet(r->bits, tnum_range(r->umin, r->umax));
	}
}

static void
deduce(Reg *r)
{
	deduce32(r);
	deduce64(r);
	deduce_mixed(r);
}

void
vf_reg_sync(Reg *r)
{
	Tnum wide, low;

	learn_from_bits(r);
	deduce(r);
	deduce(r);
	deduce(r);
	wide = tnum_meet(r->bits, tnum_range(r->umin, r->umax));
	low = tnum_meet(tnum_low(wide), tnum_range(r->u32min, r->u32max));
	r->bits = tnum_with_low(wide, low);
	learn_from_bits(r);
}

bool
vf_reg_sane(const Reg *r)
{
	if (r->umin > r->umax || r->smin > r->smax || r->u32min > r->u32max || r->s32min > r->s32max)
		return false;
	if (!r->bits.mask && (r->bits.value != r->umin || r->umin != r->umax || (s64)r->bits.value != r->smin ||
			      r->smin != r->smax))
		return false;
	if (!(u32)r->bits.mask && ((u32)r->bits.value != r->u32min || r->u32min != r->u32max ||
				   (s32)r->bits.value != r->s32min || r->s32min != r->s32max))
		return false;
	return true;
}

void
vf_reg_zext32(Reg *r)
{
	r->bits = tnum_low(r->bits);
	r->umin = r->u32min;
	r->umax = r->u32max;
	if (r->s32min >= 0 && r->s32max >= 0) {
		r->smin = r->s32min;
		r->smax = r->s32max;
	} else {
		r->smin = 0;
		r->smax = UINT32_MAX;
	}
}

void
vf_reg_truncate(Reg *r, u32 size)
{
	u64 mask;

	if (size >= 8)
		return;
	r->bits = tnum_cast(r->bits, size);
	mask = (1ull << (size * 8)) - 1;
	if ((r->umin & ~mask) == (r->umax & ~mask)) {
		r->umin &= mask;
		r->umax &= mask;
	} else {
		r->umin = 0;
		r->umax = mask;
	}
	r->smin = (s64)r->umin;
	r->smax = (s64)r->umax;
	if (size < 4)           /* of a word the 32-bit bounds stay true */
		unbound32(r);
	vf_reg_sync(r);
}

static s64
sext(u64 value, u32 size)
{
	u32 n = 64 - size * 8;

	return (s64)(value << n) >> n;
}

/* Limits of a signed number of size bytes. */
static void
set_signed(Reg *r, u32 size)
{
	r->smin = -(1ll << (size * 8 - 1));
	r->smax = (1ll << (size * 8 - 1)) - 1;
	r->s32min = (s32)r->smin;
	r->s32max = (s32)r->smax;
	r->umin = 0;
	r->umax = UINT64_MAX;
	r->u32min = 0;
	r->u32max = UINT32_MAX;
	r->bits = tnum_unknown();
}

void
vf_reg_sign_extend(Reg *r, u32 size)
{
	u32 n = size * 8;
	s64 a, b, min, max;

	if (tnum_is_const(r->bits)) {
		set_bounds(r, (u64)sext(r->bits.value, size));
		return;
	}
	a = sext((u64)r->smax, size);
	b = sext((u64)r->smin, size);
	min = MIN(a, b);
	max = MAX(a, b);
	if ((u64)r->smax >> n != (u64)r->smin >> n || (max >= 0) != (min >= 0)) {
		set_signed(r, size);
		return;
	}
	r->smin = min;
	r->smax = max;
	r->umin = (u64)min;
	r->umax = (u64)max;
	r->s32min = (s32)min;
	r->s32max = (s32)max;
	r->u32min = (u32)min;
	r->u32max = (u32)max;
	r->bits = tnum_range((u64)min, (u64)max);
}

void
vf_reg_sign_extend32(Reg *r, u32 size)
{
	u32 n = size * 8;
	s32 a, b, min, max;

	if (tnum_low_is_const(r->bits)) {
		u32 value = (u32)sext(r->bits.value, size);

		r->bits = tnum_const(value);
		r->s32min = r->s32max = (s32)value;
		r->u32min = r->u32max = value;
		return;
	}
	a = (s32)sext((u64)(s64)r->s32max, size);
	b = (s32)sext((u64)(s64)r->s32min, size);
	min = MIN(a, b);
	max = MAX(a, b);
	if ((u32)r->s32max >> n != (u32)r->s32min >> n || (max >= 0) != (min >= 0)) {
		r->s32min = (s32)-(1ll << (n - 1));
		r->s32max = (s32)((1ll << (n - 1)) - 1);
		r->u32min = 0;
		r->u32max = UINT32_MAX;
		r->bits = tnum_low(tnum_unknown());
		return;
	}
	r->s32min = min;
	r->s32max = max;
	r->u32min = (u32)min;
	r->u32max = (u32)max;
	r->bits = tnum_low(tnum_range((u32)min, (u32)max));
}

/* ---- arithmetic on intervals ---- */

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
		set_bounds(d, d->bits.value);
	else {
		u64 min = d->bits.value, max = d->bits.value | d->bits.mask;

		if (op == BPF_OR)
			min = MAX(d->umin, s->umin);
		if (op == BPF_AND)
			max = MIN(d->umax, s->umax);
		d->umin = min;
		d->umax = max;
		signed_from_unsigned64(d);
		learn_from_bits(d);
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
		unbound64(r);
		learn32_from_bits(r);
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
	learn_from_bits(r);
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
		unbound64(r);
		learn32_from_bits(r);
		return;
	}
	unbound_s64(r);
	r->bits = tnum_rsh(r->bits, (u8)n);
	r->umin >>= n;
	r->umax >>= n;
	unbound32(r);
	learn_from_bits(r);
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
		unbound64(r);
		learn32_from_bits(r);
		return;
	}
	r->smin >>= n;
	r->smax >>= n;
	r->bits = tnum_arsh(r->bits, (u8)n, 64);
	unbound_u64(r);
	unbound32(r);
	learn_from_bits(r);
}

bool
vf_reg_is_const(const Reg *r, bool sub32)
{
	return r->kind == R_SCALAR && (sub32 ? tnum_low_is_const(r->bits) : tnum_is_const(r->bits));
}

u64
vf_reg_const(const Reg *r, bool sub32)
{
	return sub32 ? (u32)r->bits.value : r->bits.value;
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
		set_bounds(d, 0);
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

/* ---- branches ---- */

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
		unbound64(a);           /* on a branch that is never taken bounds and bits could contradict each other */
		unbound32(a);
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
