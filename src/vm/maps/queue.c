/* queue: queue and stack; no keys. Block: Head, values. BPF_EXIST on a push throws the oldest out of a full one. */
#include "vm/maps/maps.h"

#include <errno.h>

typedef struct Head { u32 lock, pad; u64 first, last; } Head;   /* values first <= i < last, at i % cap */

static inline Head *
head_of(const VmMap *m)
{
	return (Head *)m->base;
}

static int
queue_plan(VmMap *m)
{
	if (m->def.key_size || !m->def.value_size || !m->def.max_entries)
		return -EINVAL;
	m->cap = m->def.max_entries;
	m->stride = m->vsize;
	m->size = sizeof(Head) + (u64)m->stride * m->cap;
	return m->size > (u64)1 << 36 ? -E2BIG : 0;
}

static void
queue_view(VmMap *m)
{
	m->values = m->base + sizeof(Head);
}

static u8 *
value(VmMap *m, u64 i)
{
	return m->values + i % m->cap * m->stride;
}

static int
queue_push(VmMap *m, const void *v, u64 flags)
{
	Head *h = head_of(m);
	int err = 0;

	if (flags != BPF_ANY && flags != BPF_EXIST)
		return -EINVAL;
	map_lock(&h->lock);
	if (h->last - h->first == m->cap) {
		if (flags == BPF_EXIST)
			__atomic_store_n(&h->first, h->first + 1, __ATOMIC_RELEASE);
		else
			err = -E2BIG;
	}
	if (!err) {
		memcpy(value(m, h->last), v, m->def.value_size);
		__atomic_store_n(&h->last, h->last + 1, __ATOMIC_RELEASE);
	}
	map_unlock(&h->lock);
	return err;
}

static int
get(VmMap *m, void *v, bool remove)
{
	Head *h = head_of(m);
	bool stack = m->def.type == BPF_MAP_TYPE_STACK;
	int err = 0;

	map_lock(&h->lock);
	if (h->first == h->last) {
		memset(v, 0, m->def.value_size);
		err = -ENOENT;
	} else {
		memcpy(v, value(m, stack ? h->last - 1 : h->first), m->def.value_size);
		if (remove && stack)
			__atomic_store_n(&h->last, h->last - 1, __ATOMIC_RELEASE);
		else if (remove)
			__atomic_store_n(&h->first, h->first + 1, __ATOMIC_RELEASE);
	}
	map_unlock(&h->lock);
	return err;
}

static int queue_pop(VmMap *m, void *v) { return get(m, v, true); }
static int queue_peek(VmMap *m, void *v) { return get(m, v, false); }

const MapOps map_queue = { .plan = queue_plan, .view = queue_view, .push = queue_push, .pop = queue_pop, .peek = queue_peek };
