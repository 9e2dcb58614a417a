/* bloom: a bloom filter; push adds a value, peek tells whether it may be there. map_extra of the kernel is flags >> 32
 * here: none; five hash functions as in the kernel. */
#include "vm/maps/maps.h"

#include <errno.h>

enum { HASHES = 5 };

static int
bloom_plan(VmMap *m)
{
	u64 bits = 64, want;

	if (m->def.key_size || !m->def.value_size || !m->def.max_entries)
		return -EINVAL;
	/* entries * hashes / ln 2, and a power of two */
	want = (u64)m->def.max_entries * HASHES * 7 / 5;
	while (bits < want)
		bits *= 2;
	if (bits > (u64)1 << 32)
		return -E2BIG;
	m->mask = (u32)(bits - 1);
	m->size = bits / 8;
	return 0;
}

static void
bloom_view(VmMap *m)
{
	m->values = m->base;
}

static u64
hash(const VmMap *m, const u8 *p)
{
	u64 h = 0x9e3779b97f4a7c15u, w;

	for (u32 i = 0; i < m->def.value_size; i += 8) {
		w = 0;
		memcpy(&w, p + i, MIN(8u, m->def.value_size - i));
		h = (h ^ w) * 0xbf58476d1ce4e5b9u;
		h ^= h >> 31;
	}
	return h;
}

static int
bloom_push(VmMap *m, const void *v, u64 flags)
{
	u64 h = hash(m, v), step = h >> 32 | 1;

	if (flags != BPF_ANY)
		return -EINVAL;
	for (int i = 0; i < HASHES; i++, h += step)
		__atomic_fetch_or((u64 *)m->base + (h & m->mask) / 64, (u64)1 << (h & 63), __ATOMIC_RELAXED);
	return 0;
}

static int
bloom_peek(VmMap *m, void *v)
{
	u64 h = hash(m, v), step = h >> 32 | 1;

	for (int i = 0; i < HASHES; i++, h += step)
		if (!(__atomic_load_n((u64 *)m->base + (h & m->mask) / 64, __ATOMIC_RELAXED) >> (h & 63) & 1))
			return -ENOENT;
	return 0;
}

static int
bloom_pop(VmMap *m, void *v)
{
	(void)m, (void)v;
	return -EOPNOTSUPP;
}

const MapOps map_bloom = { .plan = bloom_plan, .view = bloom_view, .push = bloom_push, .pop = bloom_pop, .peek = bloom_peek };
