/* bits: sets of small integers, one bit each. */
#include "base/base.h"

#define WORDS(n) (((n) + 63) / 64)

Bits
bits_new(Arena *a, u32 n)
{
	return (Bits){ NEW_N(a, u64, WORDS(n) ? WORDS(n) : 1), n };
}

bool
bits_has(const Bits *b, u32 i)
{
	return b->w[i / 64] >> i % 64 & 1;
}

void
bits_add(Bits *b, u32 i)
{
	b->w[i / 64] |= 1ull << i % 64;
}

void
bits_del(Bits *b, u32 i)
{
	b->w[i / 64] &= ~(1ull << i % 64);
}

bool
bits_or(Bits *to, const Bits *from)
{
	bool grew = false;

	for (u32 i = 0; i < WORDS(to->n); i++) {
		grew |= (from->w[i] & ~to->w[i]) != 0;
		to->w[i] |= from->w[i];
	}
	return grew;
}

void
bits_copy(Bits *to, const Bits *from)
{
	memcpy(to->w, from->w, WORDS(to->n) * sizeof(u64));
}

u32
bits_count(const Bits *b)
{
	u32 n = 0;

	for (u32 i = 0; i < WORDS(b->n); i++)
		n += (u32)__builtin_popcountll(b->w[i]);
	return n;
}

s64
bits_next(const Bits *b, u32 from)
{
	for (u32 i = from / 64; from < b->n && i < WORDS(b->n); i++) {
		u64 w = b->w[i] & (i == from / 64 ? ~0ull << from % 64 : ~0ull);

		if (w)
			return i * 64 + __builtin_ctzll(w);
	}
	return -1;
}
