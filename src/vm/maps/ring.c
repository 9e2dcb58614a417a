/* ring: the ring buffer (and what stands for a perf event array). Block: Head, then the data twice as long as the ring,
 * so that a record which begins near the end goes on behind it and is always one piece.
 * A record: u32 length and flags, u32 owner, bytes; positions count up for ever. Producers reserve under the lock;
 * the one consumer delivers up to the first record still busy. A busy record whose owner has died is skipped. */
#include "vm/maps/maps.h"

#include <errno.h>
#include <sys/eventfd.h>
#include <unistd.h>

typedef struct Head {
	u64 produced __attribute__((aligned(64)));
	u32 lock;
	u64 lost;
	u64 consumed __attribute__((aligned(64)));
	u32 consuming;
} Head;
typedef struct Record { u32 len, owner; } Record;
enum { BUSY = 1u << 31, DISCARD = 1u << 30, PERF_RING = 1 << 20 };

static inline Head *
head_of(const VmMap *m)
{
	return (Head *)m->base;
}

static bool
is_ring(const VmMap *m)
{
	return m->def.type == BPF_MAP_TYPE_RINGBUF || m->def.type == BPF_MAP_TYPE_USER_RINGBUF;
}

static int
ring_plan(VmMap *m)
{
	u64 size = 4096;

	if (is_ring(m) && (m->def.key_size || m->def.value_size || !m->def.max_entries))
		return -EINVAL;
	if (is_ring(m))
		while (size < m->def.max_entries)
			size *= 2;
	else
		size = PERF_RING;
	if (size > 1u << 30)
		return -E2BIG;
	m->mask = (u32)size - 1;
	m->size = sizeof(Head) + 2 * size;
	return 0;
}

static void
ring_view(VmMap *m)
{
	m->values = m->base + sizeof(Head);
}

static inline Record *
at(VmMap *m, u64 pos)
{
	return (Record *)(m->values + (pos & m->mask));
}

void *
ring_reserve(VmMap *m, u64 size)
{
	Head *h = head_of(m);
	u64 need = ALIGN(size, 8) + sizeof(Record), pos;
	Record *r = NULL;

	if (size <= m->mask - sizeof(Record)) {
		map_lock(&h->lock);
		pos = h->produced;
		if (pos + need - __atomic_load_n(&h->consumed, __ATOMIC_ACQUIRE) <= (u64)m->mask + 1) {
			r = at(m, pos);
			r->owner = map_self();
			__atomic_store_n(&r->len, (u32)size | BUSY, __ATOMIC_RELEASE);
			__atomic_store_n(&h->produced, pos + need, __ATOMIC_RELEASE);
		}
		map_unlock(&h->lock);
	}
	if (!r) {
		__atomic_add_fetch(&h->lost, 1, __ATOMIC_RELAXED);
		return NULL;
	}
	return r + 1;
}

void
ring_commit(VmMap *m, void *record, bool discard, u64 flags)
{
	Record *r = (Record *)record - 1;
	u64 off = (u64)((u8 *)r - m->values), one = 1;
	bool caught_up = (__atomic_load_n(&head_of(m)->consumed, __ATOMIC_ACQUIRE) & m->mask) == off;

	__atomic_store_n(&r->len, (r->len & ~(u32)BUSY) | (discard ? DISCARD : 0), __ATOMIC_SEQ_CST);
	if (m->wake >= 0 && !(flags & BPF_RB_NO_WAKEUP) && (caught_up || flags & BPF_RB_FORCE_WAKEUP))
		if (write(m->wake, &one, 8) != 8)
			return;         /* the counter is full: it is readable anyway */
}

typedef struct Count { RecordFn *fn; void *arg; int n; } Count;

static int
counted(void *arg, const void *data, u32 size)
{
	Count *c = arg;

	c->n++;
	return c->fn(c->arg, data, size);
}

int
ring_consume(VmMap *m, RecordFn *fn, void *arg)
{
	Head *h = head_of(m);
	u64 pos = h->consumed;
	int n = 0, stop;

	while (pos != __atomic_load_n(&h->produced, __ATOMIC_ACQUIRE)) {
		Record *r = at(m, pos);
		u32 len = __atomic_load_n(&r->len, __ATOMIC_ACQUIRE);

		if (len & BUSY) {
			if (!map_owner_dead(r->owner))
				break;
			len = (len & ~(u32)BUSY) | DISCARD;
			__atomic_add_fetch(&h->lost, 1, __ATOMIC_RELAXED);
		}
		stop = 0;
		if (!(len & DISCARD)) {
			n++;
			stop = fn(arg, r + 1, len);
		}
		pos += ALIGN(len & ~(u32)DISCARD, 8u) + sizeof(Record);
		__atomic_store_n(&h->consumed, pos, __ATOMIC_SEQ_CST);
		if (stop)
			return stop;
	}
	return n;
}

int
ring_drain(VmMap *m, RecordFn *fn, void *arg)
{
	u32 *busy = &head_of(m)->consuming;
	Count count = { fn, arg, 0 };

	if (!map_trylock(busy)) {
		u32 owner = __atomic_load_n(busy, __ATOMIC_RELAXED);

		if (!map_owner_dead(owner) ||
		    !__atomic_compare_exchange_n(busy, &owner, map_self(), false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
			return -EBUSY;
	}
	ring_consume(m, counted, &count);
	map_unlock(busy);
	return count.n;
}

u64
ring_query(VmMap *m, u64 what)
{
	Head *h = head_of(m);
	u64 c = __atomic_load_n(&h->consumed, __ATOMIC_ACQUIRE), p = __atomic_load_n(&h->produced, __ATOMIC_ACQUIRE);

	switch (what) {
	case BPF_RB_AVAIL_DATA: return p - c;
	case BPF_RB_RING_SIZE: return (u64)m->mask + 1;
	case BPF_RB_CONS_POS: return c;
	case BPF_RB_PROD_POS: return p;
	}
	return 0;
}

u64
ring_lost(VmMap *m)
{
	return __atomic_load_n(&head_of(m)->lost, __ATOMIC_RELAXED);
}

bool
ring_record(VmMap *m, const u8 *p, u64 *lo, u64 *len)
{
	Head *h = head_of(m);

	if (p < m->values || p >= m->base + m->size)
		return false;
	for (u64 pos = h->consumed; pos != h->produced; ) {
		Record *r = at(m, pos);
		u32 n = r->len & ~(u32)(BUSY | DISCARD);

		if (p >= (u8 *)(r + 1) && p < (u8 *)(r + 1) + n) {
			*lo = (u64)(uintptr_t)(r + 1);
			*len = n;
			return r->len & BUSY && r->owner == map_self();
		}
		pos += ALIGN(n, 8u) + sizeof(Record);
	}
	return false;
}

const MapOps map_ring = { .plan = ring_plan, .view = ring_view };
