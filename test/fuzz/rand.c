/* rand: numbers of a seed, the same on every machine. */
#include "gen.h"

void
rand_seed(Rand *r, u64 seed)
{
	r->s = (seed + 1) * 0x9e3779b97f4a7c15;
	for (int i = 0; i < 4; i++)
		rand_below(r, 2);
}

u32
rand_below(Rand *r, u32 n)
{
	r->s ^= r->s >> 12;
	r->s ^= r->s << 25;
	r->s ^= r->s >> 27;
	return (u32)(((r->s * 0x2545f4914f6cdd1d) >> 32) * n >> 32);
}
