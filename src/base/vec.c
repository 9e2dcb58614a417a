/* vec: the growing half of Vec(T). */
#include "base/base.h"

/* A block twice as large (at least `need` items) with the old items copied; the old one stays in the arena. */
void *
vec_grow(Arena *a, void *v, u32 *cap, u32 need, size_t size)
{
	u32 n = *cap ? *cap * 2 : 8;
	void *p;

	if (n < need)
		n = need;
	p = arena_alloc(a, n * size);
	if (*cap)
		memcpy(p, v, *cap * size);
	*cap = n;
	return p;
}
