/* range: a scalar is known by its bits, by four intervals (unsigned and signed, 64 and 32 bits) and by what they say about
 * each other. The deductions are those that the kernel makes, no more: a verdict must not depend on being cleverer. */
#include "vm/verify/range.h"

void
vf_reg_unbound32(Reg *r)
{
	r->s32min = INT32_MIN;
	r->s32max = INT32_MAX;
	r->u32min = 0;
	r->u32max = UINT32_MAX;
}

void
vf_reg_unbound64(Reg *r)
{
	r->smin = INT64_MIN;
	r->smax = INT64_MAX;
	r->umin = 0;
	r->umax = UINT64_MAX;
}

void
vf_reg_unknown(Reg *r)
{
	*r = (Reg){ .kind = R_SCALAR };
	r->bits = tnum_unknown();
	vf_reg_unbound64(r);
	vf_reg_unbound32(r);
}

void
vf_reg_set_bounds(Reg *r, u64 value)
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
	vf_reg_set_bounds(r, value);
}

void
vf_reg_known_zero(Reg *r)
{
	vf_reg_set_bounds(r, 0);
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

/* bits -> 32-bit bounds */
void
vf_reg_learn32_from_bits(Reg *r)
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
		vf_reg_set_bounds(r, r->umin);
	else if (!first && next == last)
		vf_reg_set_bounds(r, last);
	else if (!first && next <= r->umax && tnum_next(r->bits, next) > r->umax)
		vf_reg_set_bounds(r, next);
}

void
vf_reg_learn_from_bits(Reg *r)
{
	vf_reg_learn32_from_bits(r);
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

	vf_reg_learn_from_bits(r);
	deduce(r);
	deduce(r);
	deduce(r);
	wide = tnum_meet(r->bits, tnum_range(r->umin, r->umax));
	low = tnum_meet(tnum_low(wide), tnum_range(r->u32min, r->u32max));
	r->bits = tnum_with_low(wide, low);
	vf_reg_learn_from_bits(r);
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
		vf_reg_unbound32(r);
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
		vf_reg_set_bounds(r, (u64)sext(r->bits.value, size));
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
