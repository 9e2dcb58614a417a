#include "map.h"
/* 1,000 look-ups in an array */
MAP(numbers, KIND_ARRAY, u32, u64, 1024);

MAPBENCH
{
	u64 sum = 0;

	for (u32 i = 0; i < 1000; i++) {
		u32 k = i * 7 & 1023;
		u64 *v = LOOKUP(ARRAY, numbers, &k);

		if (!v)
			return 0;
		sum += *v + i;
	}
	return sum;
}
