#include "bench.h"
/* 32- and 64-bit products and quotients, by constants and by variables */
BENCH
{
	u64 a = 1234567, s = 0;
	u32 x = 77;

	for (u64 i = 1; i <= n; i++) {
		x = x * 1664525 + 1013904223;
		s += x / ((u32)i | 1);
		a = a * 6364136223846793005ull + x;
		s += a / 10 + a % 1000;
		s ^= x % 7;
	}
	return s;
}
