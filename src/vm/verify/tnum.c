/* tnum: numbers with known bits ("tristate"): every operation keeps each value that its operands allow. */
#include "vm/verify/verify.h"

#define T(v, m) ((Tnum){ (v), (m) })

Tnum
tnum_const(u64 value)
{
	return T(value, 0);
}

Tnum
tnum_unknown(void)
{
	return T(0, ~0ull);
}

/* The bits that all of min..max share. */
Tnum
tnum_range(u64 min, u64 max)
{
	u64 differ = min ^ max, below;
	int bits = differ ? 64 - __builtin_clzll(differ) : 0;

	if (bits > 63)
		return tnum_unknown();
	below = (1ull << bits) - 1;
	return T(min & ~below, below);
}

Tnum
tnum_lsh(Tnum a, u8 n)
{
	return T(a.value << n, a.mask << n);
}

Tnum
tnum_rsh(Tnum a, u8 n)
{
	return T(a.value >> n, a.mask >> n);
}

Tnum
tnum_arsh(Tnum a, u8 n, u8 bits)
{
	if (bits == 32)
		return T((u32)((s32)a.value >> n), (u32)((s32)a.mask >> n));
	return T((u64)((s64)a.value >> n), (u64)((s64)a.mask >> n));
}

/* Carries differ between the smallest and the largest sum: those bits are unknown. */
Tnum
tnum_add(Tnum a, Tnum b)
{
	u64 low = a.value + b.value;
	u64 high = low + a.mask + b.mask;
	u64 mask = (low ^ high) | a.mask | b.mask;

	return T(low & ~mask, mask);
}

Tnum
tnum_sub(Tnum a, Tnum b)
{
	u64 diff = a.value - b.value;
	u64 mask = ((diff + a.mask) ^ (diff - b.mask)) | a.mask | b.mask;

	return T(diff & ~mask, mask);
}

Tnum
tnum_and(Tnum a, Tnum b)
{
	u64 ones = a.value & b.value;
	u64 maybe = (a.value | a.mask) & (b.value | b.mask);

	return T(ones, maybe & ~ones);
}

Tnum
tnum_or(Tnum a, Tnum b)
{
	u64 ones = a.value | b.value;

	return T(ones, (a.mask | b.mask) & ~ones);
}

Tnum
tnum_xor(Tnum a, Tnum b)
{
	u64 mask = a.mask | b.mask;

	return T((a.value ^ b.value) & ~mask, mask);
}

/* Long multiplication. Where a bit of a is unknown, the sums with and without b are joined. */
Tnum
tnum_mul(Tnum a, Tnum b)
{
	Tnum sum = T(0, 0);

	for (; a.value || a.mask; a = tnum_rsh(a, 1), b = tnum_lsh(b, 1)) {
		if (a.value & 1)
			sum = tnum_add(sum, b);
		else if (a.mask & 1)
			sum = tnum_join(sum, tnum_add(sum, b));
	}
	return sum;
}

Tnum
tnum_join(Tnum a, Tnum b)
{
	u64 mask = (a.value ^ b.value) | a.mask | b.mask;

	return T(a.value & b.value & ~mask, mask);
}

/* The low bytes in reverse order, the rest zero. */
Tnum
tnum_bswap(Tnum a, u32 bytes)
{
	u32 n = 64 - bytes * 8;

	return T(__builtin_bswap64(a.value) >> n, __builtin_bswap64(a.mask) >> n);
}

Tnum
tnum_meet(Tnum a, Tnum b)
{
	u64 mask = a.mask & b.mask;

	return T((a.value | b.value) & ~mask, mask);
}

/* The least number of t that is greater than n; the greatest of t if there is none, the least if n is below all. */
u64
tnum_next(Tnum t, u64 n)
{
	u64 least = t.value, most = t.value | t.mask, differ, at, keep, up;

	if (n >= most)
		return most;
	if (n < least)
		return least;
	/* The highest bit where n is no number of t decides: above it n's bits stay. */
	differ = (n & ~t.mask) ^ t.value;
	at = differ ? 63 - (u64)__builtin_clzll(differ) : 0;
	if (differ && (t.value >> at & 1))      /* t has a one where n has a zero: already greater, the rest least */
		return (n & t.mask & ~((2ull << at) - 1)) | t.value;
	/* n has a one where t has a zero, or n is of t: the free bits above must count one up. */
	keep = differ ? t.mask & ~((2ull << at) - 1) : t.mask;
	up = ((n | ~keep) + 1) & keep;          /* carries run over what is not free */
	return up | t.value;
}

bool
tnum_overlap(Tnum a, Tnum b)
{
	return !((a.value ^ b.value) & ~(a.mask | b.mask));
}

bool
tnum_within(Tnum outer, Tnum inner)
{
	return !(inner.mask & ~outer.mask) && outer.value == (inner.value & ~outer.mask);
}

Tnum
tnum_cast(Tnum a, u32 bytes)
{
	u64 keep = bytes >= 8 ? ~0ull : (1ull << (8 * bytes)) - 1;

	return T(a.value & keep, a.mask & keep);
}

Tnum
tnum_low(Tnum a)
{
	return tnum_cast(a, 4);
}

Tnum
tnum_with_low(Tnum a, Tnum low)
{
	return T((a.value >> 32 << 32) | (u32)low.value, (a.mask >> 32 << 32) | (u32)low.mask);
}
