/* stacks: stack traces by number. The number of a stack is its hash; a slot holds its length and its addresses.
 * Block: lock, then max_entries (rounded up to a power of two) of {u64 hash and length, addresses}. */
#include "vm/maps/maps.h"

#include <errno.h>

static int
stacks_plan(VmMap *m)
{
	u64 n = 1;

	if (m->def.key_size != 4 || m->def.value_size < 8 || m->def.value_size % 8 || m->def.value_size / 8 > 1024 ||
	    !m->def.max_entries)
		return -EINVAL;
	while (n < m->def.max_entries)
		n *= 2;
	if (n > 1u << 24)
		return -E2BIG;
	m->cap = (u32)n;
	m->stride = m->vsize + 8;
	m->size = 64 + n * m->stride;
	return 0;
}

static void
stacks_view(VmMap *m)
{
	m->values = m->base + 64;
}

/* The word in front of the addresses: hash << 32 | count; 0: empty. */
static u64 *
slot(VmMap *m, u32 id)
{
	return (u64 *)(m->values + (size_t)id * m->stride);
}

s64
map_stack_id(VmMap *m, const u64 *ips, u32 n, u64 flags)
{
	u32 h, id;
	u64 tag, *s;
	s64 res;

	n = MIN(n, m->def.value_size / 8);
	h = base_hash(ips, (size_t)n * 8);
	id = h & (m->cap - 1);
	tag = (u64)h << 32 | n;
	s = slot(m, id);
	map_lock((u32 *)m->base);
	if (*s == tag && (flags & BPF_F_FAST_STACK_CMP || !memcmp(s + 1, ips, (size_t)n * 8)))
		res = id;
	else if (*s && !(flags & BPF_F_REUSE_STACKID))
		res = -EEXIST;
	else {
		*s = 0;
		memset(s + 1, 0, m->vsize);
		memcpy(s + 1, ips, (size_t)n * 8);
		__atomic_store_n(s, tag, __ATOMIC_RELEASE);
		res = id;
	}
	map_unlock((u32 *)m->base);
	return res;
}

static void *
stacks_lookup(VmMap *m, const void *key)
{
	u32 id;

	memcpy(&id, key, 4);
	return id < m->cap && *slot(m, id) ? slot(m, id) + 1 : NULL;
}

static int
stacks_remove(VmMap *m, const void *key)
{
	u32 id;

	memcpy(&id, key, 4);
	if (id >= m->cap)
		return -E2BIG;
	return __atomic_exchange_n(slot(m, id), 0, __ATOMIC_ACQ_REL) ? 0 : -ENOENT;
}

static int
stacks_next(VmMap *m, const void *key, void *next)
{
	u32 id = UINT32_MAX;

	if (key)
		memcpy(&id, key, 4);
	if (id >= m->cap || !*slot(m, id))
		id = UINT32_MAX;
	while (++id < m->cap)
		if (*slot(m, id)) {
			memcpy(next, &id, 4);
			return 0;
		}
	return -ENOENT;
}

static u8 *
stacks_value_at(VmMap *m, const u8 *addr)
{
	size_t off = (size_t)(addr - m->values);

	if (addr < m->values || addr >= m->base + m->size || off % m->stride < 8)
		return NULL;
	return m->values + off / m->stride * m->stride + 8;
}

const MapOps map_stacks = {
	.plan = stacks_plan, .view = stacks_view, .lookup = stacks_lookup, .remove = stacks_remove, .next = stacks_next,
	.value_at = stacks_value_at,
};
