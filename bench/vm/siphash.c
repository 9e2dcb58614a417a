#include "bench.h"
/* SipHash-2-4: 64-bit rotates */
#define ROL(x, k) ((x) << (k) | (x) >> (64 - (k)))
#define ROUND \
	a += b; b = ROL(b, 13); b ^= a; a = ROL(a, 32); \
	c += d; d = ROL(d, 16); d ^= c; \
	a += d; d = ROL(d, 21); d ^= a; \
	c += b; b = ROL(b, 17); b ^= c; c = ROL(c, 32);
BENCH
{
	u64 a = 0x736f6d6570736575ull, b = 0x646f72616e646f6dull, c = 0x6c7967656e657261ull, d = 0x7465646279746573ull;

	for (u64 i = 0; i + 8 <= n; i += 8) {
		u64 m = *(u64 *)(p + i);

		d ^= m;
		ROUND ROUND
		a ^= m;
	}
	c ^= 0xff;
	ROUND ROUND ROUND ROUND
	return a ^ b ^ c ^ d;
}
