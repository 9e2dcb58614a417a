#include "bench.h"
/* additions, shifts, exclusive ors, 64 bits */
BENCH
{
	u64 a = n, b = p[0];

	for (u64 i = 0; i < n; i++) {
		a = a * 3 + (b ^ i);
		b += (a >> 7) - (b << 2);
		a ^= b;
	}
	return a + b;
}
