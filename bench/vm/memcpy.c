#include "bench.h"
/* half of the memory to the other half, in words */
BENCH
{
	u64 *from = (u64 *)p, *to = (u64 *)(p + n / 2);
	u64 words = n / 16;

	for (u64 i = 0; i < words; i++)
		to[i] = from[i];
	return to[words - 1];
}
