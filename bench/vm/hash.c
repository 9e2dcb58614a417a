#include "map.h"
/* 1,000 look-ups in a hash table of 4,096, which the first run fills; one of four keys is not there */
MAP(numbers, KIND_HASH, u64, u64, 4096);

MAPBENCH
{
	u64 sum = 0, k = 3;

	if (!LOOKUP(HASH, numbers, &k))
		for (u64 i = 0; i < 3072; i++) {
			k = i * 0x1234567 + 3;
			UPDATE(HASH, numbers, &k, &i);
		}
	for (u32 i = 0; i < 1000; i++) {
		u64 *v;

		k = (u64)(i * 37 & 4095) * 0x1234567 + 3;
		v = LOOKUP(HASH, numbers, &k);
		if (v)
			sum += *v;
	}
	return sum;
}
