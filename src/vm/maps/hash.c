/* hash: chains of elements by index; LRU kinds throw out an element that nobody looked at for a while.
 * Block: Head, buckets {lock, head}, elements {next, hash, key, value(s)}. A chain ends in END | bucket number, so that a
 * reader who was carried into another chain (its element was removed and used again) notices and starts anew.
 * An update of a key that is there links a new element in front and unlinks the old one, as the kernel does: a reader
 * sees the old value or the new one, and a pointer from an earlier look-up stays memory. */
#include "vm/maps/maps.h"

#include <errno.h>

enum { END = 1u << 31, SPARE = 16 };

typedef struct Head {
	u64 free;               /* index + 1 of the first free element, count of changes << 32 */
	u32 count;              /* elements linked */
	u32 hand;               /* LRU: where the search for a victim goes on */
	u32 gather;             /* lock: one thread gathers lost elements */
	u32 suspect;            /* a bucket's holder died: count may be one off until gather() counts anew */
	u32 pad[10];
} Head;
typedef struct Elem { u32 next, hash; } Elem;
/* Over Elem.hash lies one bit for LRU kinds: looked at since the hand came by. */
enum { USED = 1u << 31 };

static inline Head *
head_of(const VmMap *m)
{
	return (Head *)m->base;
}

static inline Elem *
elem(const VmMap *m, u32 i)
{
	return (Elem *)(m->values + (size_t)i * m->stride);
}

static inline u8 *key_of(const VmMap *m, Elem *e) { return (u8 *)e + m->koff; }
static inline u8 *value_of(const VmMap *m, Elem *e) { return (u8 *)e + m->voff; }

static inline u64
mix(u64 h)
{
	h ^= h >> 32;
	h *= 0x9e3779b97f4a7c15u;
	h ^= h >> 29;
	return h * 0xbf58476d1ce4e5b9u;
}

static inline u32
hash_of(const VmMap *m, const void *key)
{
	const u8 *p = key;
	u32 n = m->def.key_size;
	u64 h = n, w;

	if (n == 8) {
		memcpy(&w, p, 8);
		return (u32)(mix(w) >> 33);
	}
	if (n == 4) {
		u32 k;

		memcpy(&k, p, 4);
		return (u32)(mix(k) >> 33);
	}
	for (; n >= 8; n -= 8, p += 8) {
		memcpy(&w, p, 8);
		h = mix(h ^ w) + 0x9e3779b97f4a7c15u;
	}
	if (n) {
		w = 0;
		memcpy(&w, p, n);
		h = mix(h ^ w);
	}
	return (u32)(mix(h) >> 33);
}

static inline bool
same_key(const VmMap *m, Elem *e, const void *key)
{
	u64 a, b;
	u32 c, d;

	switch (m->def.key_size) {
	case 4: memcpy(&c, key_of(m, e), 4); memcpy(&d, key, 4); return c == d;
	case 8: memcpy(&a, key_of(m, e), 8); memcpy(&b, key, 8); return a == b;
	}
	return !memcmp(key_of(m, e), key, m->def.key_size);
}

static bool
is_lru(const VmMap *m)
{
	return m->def.type == BPF_MAP_TYPE_LRU_HASH || m->def.type == BPF_MAP_TYPE_LRU_PERCPU_HASH;
}

static int
hash_plan(VmMap *m)
{
	u64 buckets = 8, bytes;

	if (m->def.type == BPF_MAP_TYPE_TASK_STORAGE) {         /* key: the thread's number */
		m->def.key_size = 4;
		if (!m->def.max_entries)
			m->def.max_entries = 16384;
	}
	if (!m->def.key_size || !m->def.value_size || !m->def.max_entries)
		return -EINVAL;
	if (m->def.max_entries > 1u << 28)
		return -E2BIG;
	while (buckets < m->def.max_entries)
		buckets *= 2;
	m->mask = (u32)buckets - 1;
	m->cap = m->def.max_entries + (is_lru(m) ? 0 : SPARE);
	m->koff = sizeof(Elem);
	m->voff = m->koff + ALIGN(m->def.key_size, 8);
	bytes = m->voff + (u64)m->vsize * m->cpus;
	if (bytes > 1u << 30)
		return -E2BIG;
	m->stride = (u32)bytes;
	bytes = sizeof(Head) + buckets * 8 + bytes * m->cap;
	if (bytes > (u64)1 << 36)
		return -E2BIG;
	m->size = bytes;
	return 0;
}

static void *look4(VmMap *m, const void *key);
static void *look8(VmMap *m, const void *key);

static void
hash_view(VmMap *m)
{
	m->buckets = (u32 *)(m->base + sizeof(Head));
	m->values = m->base + sizeof(Head) + ((size_t)m->mask + 1) * 8;
	if (m->def.type == BPF_MAP_TYPE_HASH)
		m->quick = m->def.key_size == 4 ? look4 : m->def.key_size == 8 ? look8 : NULL;
}

static void
hash_fresh(VmMap *m)
{
	for (u32 b = 0; b <= m->mask; b++)
		m->buckets[b * 2 + 1] = END | b;
	for (u32 i = 0; i < m->cap; i++)
		elem(m, i)->next = i + 1 < m->cap ? i + 2 : 0;
	head_of(m)->free = 1;
}

/* A timer of the value goes with it: without its number in its place it is none. */
static void
end_timer(VmMap *m, Elem *e)
{
	if (m->timer)
		memset(value_of(m, e) + m->timer - 1, 0, sizeof(u64));
}

static void
give(VmMap *m, u32 i)
{
	Head *h = head_of(m);
	u64 was = __atomic_load_n(&h->free, __ATOMIC_RELAXED), now;

	end_timer(m, elem(m, i));
	do {
		__atomic_store_n(&elem(m, i)->next, (u32)was, __ATOMIC_RELAXED);
		now = ((was >> 32) + 1) << 32 | (i + 1);
	} while (!__atomic_compare_exchange_n(&h->free, &was, now, true, __ATOMIC_RELEASE, __ATOMIC_RELAXED));
}

static bool
take(VmMap *m, u32 *i)
{
	Head *h = head_of(m);
	u64 was = __atomic_load_n(&h->free, __ATOMIC_ACQUIRE), now;

	do {
		u32 first = (u32)was;

		if (!first || first > m->cap)
			return false;
		*i = first - 1;
		now = ((was >> 32) + 1) << 32 | __atomic_load_n(&elem(m, *i)->next, __ATOMIC_RELAXED);
	} while (!__atomic_compare_exchange_n(&h->free, &was, now, true, __ATOMIC_ACQUIRE, __ATOMIC_ACQUIRE));
	return true;
}

/* Finds the element of key in its chain; prev: the word that leads to it. Under the lock of the bucket, or checked by
 * the reader at the chain's end (*end). */
static Elem *
find(VmMap *m, u32 hash, const void *key, u32 **prev, u32 *end)
{
	u32 *p = &m->buckets[(hash & m->mask) * 2 + 1], i, steps = 0;

	while (!((i = __atomic_load_n(p, __ATOMIC_ACQUIRE)) & END)) {
		Elem *e;

		/* more steps than elements: a chain that changes under a reader */
		if (i >= m->cap || steps++ > m->cap) {
			*end = ~(hash & m->mask);
			return NULL;
		}
		e = elem(m, i);
		if ((e->hash & ~(u32)USED) == hash && same_key(m, e, key)) {
			if (prev)
				*prev = p;
			return e;
		}
		p = &e->next;
	}
	*end = i & ~(u32)END;
	return NULL;
}

static Elem *
lookup_elem(VmMap *m, const void *key)
{
	u32 hash = hash_of(m, key), end;

	for (u32 tries = 0; tries < 1000; tries++) {
		Elem *e = find(m, hash, key, NULL, &end);

		if (e || end == (hash & m->mask))
			return e;
	}
	return NULL;
}

static void *
hash_lookup(VmMap *m, const void *key)
{
	Elem *e = lookup_elem(m, key);

	if (!e)
		return NULL;
	if (is_lru(m) && !(e->hash & USED))
		__atomic_fetch_or(&e->hash, USED, __ATOMIC_RELAXED);
	return value_of(m, e) + (m->percpu ? (size_t)map_cpu(m) * m->vsize : 0);
}

/* hash_lookup for a plain hash whose key has n bytes, known when this is compiled; what is out of the ordinary goes there. */
static inline __attribute__((always_inline)) void *
look(VmMap *m, const void *key, u32 n)
{
	u32 k4 = 0, b, i, steps = 0;
	u64 k8 = 0;

	if (n == 4)
		memcpy(&k4, key, 4);
	else
		memcpy(&k8, key, 8);
	b = (u32)(mix(n == 4 ? k4 : k8) >> 33) & m->mask;
	i = __atomic_load_n(&m->buckets[b * 2 + 1], __ATOMIC_ACQUIRE);
	while (i < m->cap && steps++ < 32) {    /* cap is below END */
		u8 *e = (u8 *)elem(m, i);

		if (n == 4 ? *(u32 *)(e + sizeof(Elem)) == k4 : *(u64 *)(e + sizeof(Elem)) == k8)
			return e + sizeof(Elem) + 8;
		i = __atomic_load_n(&((Elem *)e)->next, __ATOMIC_ACQUIRE);
	}
	return i == (END | b) ? NULL : hash_lookup(m, key);
}

static void *look4(VmMap *m, const void *key) { return look(m, key, 4); }
static void *look8(VmMap *m, const void *key) { return look(m, key, 8); }

static inline u32
index_of(VmMap *m, Elem *e)
{
	return (u32)((size_t)((u8 *)e - m->values) / m->stride);
}

static void
unlink_elem(VmMap *m, u32 *prev, Elem *e)
{
	__atomic_store_n(prev, __atomic_load_n(&e->next, __ATOMIC_RELAXED), __ATOMIC_RELEASE);
	__atomic_sub_fetch(&head_of(m)->count, 1, __ATOMIC_RELAXED);
}

/* A holder that died between linking a new element and unlinking the old one left its key twice: the later ones go.
 * (gather() finds them in no chain and frees them.) */
static void
drop_twins(VmMap *m, u32 b)
{
	for (u32 i = m->buckets[b * 2 + 1]; !(i & END) && i < m->cap; i = elem(m, i)->next) {
		Elem *e = elem(m, i);

		for (u32 *p = &e->next; !(*p & END) && *p < m->cap; ) {
			Elem *x = elem(m, *p);

			if (x != e && same_key(m, x, key_of(m, e)))
				__atomic_store_n(p, x->next, __ATOMIC_RELEASE);
			else
				p = &x->next;
		}
	}
}

/* Locks a bucket; mends what a holder who died there left between two steps. */
static void
lock_bucket(VmMap *m, u32 b)
{
	if (map_lock(&m->buckets[b * 2])) {
		drop_twins(m, b);
		__atomic_store_n(&head_of(m)->suspect, 1, __ATOMIC_RELAXED);
	}
}

/* Elements that belonged to threads which died between two steps: in no chain and not free. With all buckets
 * locked and the free list taken away, everything that no chain holds is free. The caller holds no bucket. */
static void
gather(VmMap *m)
{
	Head *h = head_of(m);
	Arena *a = arena_new();
	Bits in = bits_new(a, m->cap);
	u32 linked = 0;

	map_lock(&h->gather);
	for (u32 b = 0; b <= m->mask; b++)
		lock_bucket(m, b);
	/* elements are taken under a bucket's lock alone, so nobody has one in hand */
	__atomic_store_n(&h->free, ((h->free >> 32) + 1) << 32, __ATOMIC_RELAXED);
	for (u32 b = 0; b <= m->mask; b++)
		for (u32 i = m->buckets[b * 2 + 1], n = 0; !(i & END) && i < m->cap && n <= m->cap; i = elem(m, i)->next, n++)
			bits_add(&in, i), linked++;
	for (u32 i = 0; i < m->cap; i++)
		if (!bits_has(&in, i))
			give(m, i);
	h->count = linked;
	h->suspect = 0;
	for (u32 b = 0; b <= m->mask; b++)
		map_unlock(&m->buckets[b * 2]);
	map_unlock(&h->gather);
	arena_free(a);
}

/* LRU: unlinks the next element that was not used since the hand came by last. own: the bucket that the caller holds. */
static bool
evict(VmMap *m, u32 own, u32 *free)
{
	Head *h = head_of(m);

	for (u32 n = 0; n < m->cap * 2 + 2; n++) {
		u32 i = __atomic_fetch_add(&h->hand, 1, __ATOMIC_RELAXED) % m->cap, b, *p;
		Elem *e = elem(m, i);
		u32 hash = __atomic_load_n(&e->hash, __ATOMIC_RELAXED);

		if (hash & USED) {
			__atomic_fetch_and(&e->hash, ~(u32)USED, __ATOMIC_RELAXED);
			continue;
		}
		b = hash & m->mask;
		if (b != own && !map_trylock(&m->buckets[b * 2]))
			continue;
		for (p = &m->buckets[b * 2 + 1]; !(*p & END) && *p != i; )
			p = &elem(m, *p)->next;
		if (*p == i)
			unlink_elem(m, p, e);
		else
			p = NULL;
		if (b != own)
			map_unlock(&m->buckets[b * 2]);
		if (p) {
			*free = i;
			return true;
		}
	}
	return false;
}

static void
fill(VmMap *m, Elem *e, u32 hash, const void *key, const void *value)
{
	__atomic_store_n(&e->hash, hash, __ATOMIC_RELAXED);
	memcpy(key_of(m, e), key, m->def.key_size);
	if (m->percpu) {
		memset(value_of(m, e), 0, (size_t)m->vsize * m->cpus);
		memcpy(value_of(m, e) + (size_t)map_cpu(m) * m->vsize, value, m->def.value_size);
	} else
		memcpy(value_of(m, e), value, m->def.value_size);
	end_timer(m, e);
}

static int
hash_update(VmMap *m, const void *key, const void *value, u64 flags)
{
	u32 hash = hash_of(m, key), b = hash & m->mask, *prev, end, i;
	bool gathered = false;
	Elem *old, *e;
	int err = 0;

	if ((flags & ~(u64)BPF_F_LOCK) > BPF_EXIST)
		return -EINVAL;
again:
	lock_bucket(m, b);
	old = find(m, hash, key, &prev, &end);
	if (old && flags & BPF_NOEXIST)
		err = -EEXIST;
	else if (!old && flags & BPF_EXIST)
		err = -ENOENT;
	else if (old && (m->percpu || is_lru(m) || flags & BPF_F_LOCK))        /* LRU: no other key has to go for it */
		memcpy(value_of(m, old) + (m->percpu ? (size_t)map_cpu(m) * m->vsize : 0), value, m->def.value_size);
	else if (!old && __atomic_load_n(&head_of(m)->suspect, __ATOMIC_RELAXED) && !gathered)
		err = -EBUSY;
	else if (!old && !is_lru(m) && __atomic_load_n(&head_of(m)->count, __ATOMIC_RELAXED) >= m->def.max_entries)
		err = -E2BIG;
	else if (!take(m, &i) && !(is_lru(m) && evict(m, b, &i)))
		err = -EBUSY;
	else {
		e = elem(m, i);
		fill(m, e, hash, key, value);
		__atomic_store_n(&e->next, m->buckets[b * 2 + 1], __ATOMIC_RELAXED);
		__atomic_store_n(&m->buckets[b * 2 + 1], i, __ATOMIC_RELEASE);
		__atomic_add_fetch(&head_of(m)->count, 1, __ATOMIC_RELAXED);
		if (old) {
			if (prev == &m->buckets[b * 2 + 1])
				prev = &e->next;
			unlink_elem(m, prev, old);
			give(m, index_of(m, old));
		}
	}
	map_unlock(&m->buckets[b * 2]);
	if ((err == -EBUSY || (err == -E2BIG && !head_of(m)->free)) && !gathered) {
		gather(m);
		gathered = true;
		err = 0;
		goto again;
	}
	return err == -EBUSY ? -E2BIG : err;
}

static int
hash_remove(VmMap *m, const void *key)
{
	u32 hash = hash_of(m, key), b = hash & m->mask, *prev, end;
	Elem *e;

	lock_bucket(m, b);
	e = find(m, hash, key, &prev, &end);
	if (e) {
		unlink_elem(m, prev, e);
		give(m, index_of(m, e));
	}
	map_unlock(&m->buckets[b * 2]);
	return e ? 0 : -ENOENT;
}

/* The order is that of the buckets; a key that has gone leads back to the start, as in the kernel. */
static int
hash_next(VmMap *m, const void *key, void *next)
{
	Elem *e = key ? lookup_elem(m, key) : NULL;
	u32 b = 0, i;

	if (e) {
		b = (e->hash & ~(u32)USED) & m->mask;
		i = __atomic_load_n(&e->next, __ATOMIC_ACQUIRE);
		if (!(i & END) && i < m->cap)
			goto found;
		b++;
	}
	for (; b <= m->mask; b++) {
		i = __atomic_load_n(&m->buckets[b * 2 + 1], __ATOMIC_ACQUIRE);
		if (!(i & END) && i < m->cap)
			goto found;
	}
	return -ENOENT;
found:
	memcpy(next, key_of(m, elem(m, i)), m->def.key_size);
	return 0;
}

static u8 *
hash_value_at(VmMap *m, const u8 *addr)
{
	size_t off = (size_t)(addr - m->values);

	if (addr < m->values || addr >= m->base + m->size || off % m->stride < m->voff)
		return NULL;
	return m->values + off / m->stride * m->stride + m->voff;
}

const MapOps map_hash = {
	.plan = hash_plan, .view = hash_view, .fresh = hash_fresh, .lookup = hash_lookup, .update = hash_update,
	.remove = hash_remove, .next = hash_next, .value_at = hash_value_at,
};
