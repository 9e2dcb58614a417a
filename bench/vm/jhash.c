#include "bench.h"
/* Jenkins' lookup3 over 12-byte blocks: 32-bit rotates */
#define ROL(x, k) ((x) << (k) | (x) >> (32 - (k)))
BENCH
{
	u32 a = 0xdeadbeef + (u32)n, b = a, c = a;

	for (u64 i = 0; i + 12 <= n; i += 12) {
		a += *(u32 *)(p + i);
		b += *(u32 *)(p + i + 4);
		c += *(u32 *)(p + i + 8);
		a -= c; a ^= ROL(c, 4); c += b;
		b -= a; b ^= ROL(a, 6); a += c;
		c -= b; c ^= ROL(b, 8); b += a;
		a -= c; a ^= ROL(c, 16); c += b;
		b -= a; b ^= ROL(a, 19); a += c;
		c -= b; c ^= ROL(b, 4); b += a;
	}
	c ^= b; c -= ROL(b, 14);
	a ^= c; a -= ROL(c, 11);
	b ^= a; b -= ROL(a, 25);
	c ^= b; c -= ROL(b, 16);
	return c;
}
