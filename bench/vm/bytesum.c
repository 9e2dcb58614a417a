#include "bench.h"
BENCH
{
	u64 s = 0;

	for (u64 i = 0; i < n; i++)
		s += p[i];
	return s;
}
