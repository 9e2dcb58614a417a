/* lpm: longest prefix match. Key: u32 prefix length, then bytes; the longest stored prefix of a key wins.
 * A binary trie whose nodes are elements by index; a node without a value only forks. A new node is complete before
 * one store links it. Look-ups take no lock; one during which a removed node was used again is repeated. */
#include "vm/maps/maps.h"

#include <errno.h>

typedef struct Head { u32 lock, root, used, count, free, reused; } Head;        /* node numbers are index + 1; 0: none */
typedef struct Node { u32 child[2]; u32 bits, live, next, pad; } Node;  /* then key bytes, value; next: of the free ones */

static inline Head *
head_of(const VmMap *m)
{
	return (Head *)m->base;
}

static inline Node *
node(const VmMap *m, u32 n)
{
	return (Node *)(m->values + (size_t)(n - 1) * m->stride);
}

static inline u8 *bytes_of(Node *n) { return (u8 *)(n + 1); }
static inline u8 *value_of(const VmMap *m, Node *n) { return (u8 *)n + m->voff; }

static int
lpm_plan(VmMap *m)
{
	if (m->def.key_size < 5 || m->def.key_size > 4 + 256 || !m->def.value_size || !m->def.max_entries)
		return -EINVAL;
	if (m->def.max_entries > 1u << 26)
		return -E2BIG;
	m->voff = ALIGN((u32)sizeof(Node) + m->def.key_size - 4, 8u);
	m->stride = m->voff + m->vsize;
	m->cap = m->def.max_entries * 2 + 2;    /* each entry brings one fork at most */
	m->size = ALIGN(sizeof(Head), 8) + (u64)m->cap * m->stride;
	return m->size > (u64)1 << 36 ? -E2BIG : 0;
}

static void
lpm_view(VmMap *m)
{
	m->values = m->base + sizeof(Head);
}

static inline u32
bit(const u8 *p, u32 i)
{
	return p[i / 8] >> (7 - i % 8) & 1;
}

/* Leading bits in common, at most max. */
static u32
common(const u8 *a, const u8 *b, u32 max)
{
	u32 i = 0;

	while (i + 8 <= max && a[i / 8] == b[i / 8])
		i += 8;
	while (i < max && bit(a, i) == bit(b, i))
		i++;
	return i;
}

static bool
split(const VmMap *m, const void *key, u32 *bits, const u8 **bytes)
{
	memcpy(bits, key, 4);
	*bytes = (const u8 *)key + 4;
	return *bits <= (m->def.key_size - 4) * 8;
}

static void *
lpm_lookup(VmMap *m, const void *key)
{
	Node *best, *n;
	const u8 *k;
	u32 bits, i, reused;
	s64 above;

	if (!split(m, key, &bits, &k))
		return NULL;
again:
	reused = __atomic_load_n(&head_of(m)->reused, __ATOMIC_SEQ_CST);
	best = NULL, above = -1;
	for (i = __atomic_load_n(&head_of(m)->root, __ATOMIC_ACQUIRE); i && i <= m->cap; ) {
		n = node(m, i);
		/* prefixes grow on the way down, or else the node was used again */
		if (n->bits > bits || (s64)n->bits <= above || common(bytes_of(n), k, n->bits) < n->bits)
			break;
		above = n->bits;
		if (__atomic_load_n(&n->live, __ATOMIC_ACQUIRE))
			best = n;
		if (n->bits == bits)
			break;
		i = __atomic_load_n(&n->child[bit(k, n->bits)], __ATOMIC_ACQUIRE);
	}
	if (__atomic_load_n(&head_of(m)->reused, __ATOMIC_SEQ_CST) != reused)
		goto again;
	return best ? value_of(m, best) : NULL;
}

/* The node of exactly this prefix, or NULL. */
static Node *
exact(VmMap *m, u32 bits, const u8 *k)
{
	for (u32 i = head_of(m)->root; i && i <= m->cap; ) {
		Node *n = node(m, i);

		if (n->bits > bits || common(bytes_of(n), k, n->bits) < n->bits)
			return NULL;
		if (n->bits == bits)
			return n;
		i = n->child[bit(k, n->bits)];
	}
	return NULL;
}

/* Puts a node that no link leads to any more among the free ones. */
static void
give(VmMap *m, u32 i)
{
	Head *h = head_of(m);

	node(m, i)->live = 0;
	node(m, i)->next = h->free;
	h->free = i;
}

/* A holder died between two steps: nodes that no link leads to are free, and what the trie holds is counted anew. */
static void
mend(VmMap *m)
{
	Head *h = head_of(m);
	Arena *a = arena_new();
	Bits in = bits_new(a, m->cap + 1);
	u32 *todo = NEW_N(a, u32, m->cap + 1), n = 0;

	h->count = h->free = 0;
	h->used = MIN(h->used, m->cap);
	if (h->root && h->root <= m->cap)
		todo[n++] = h->root;
	while (n) {
		u32 i = todo[--n];

		if (bits_has(&in, i))
			continue;
		bits_add(&in, i);
		h->used = MAX(h->used, i);
		h->count += node(m, i)->live;
		for (u32 c = 0; c < 2; c++) {
			u32 to = node(m, i)->child[c];

			if (to && to <= m->cap && !bits_has(&in, to) && n < m->cap)
				todo[n++] = to;
		}
	}
	for (u32 i = 1; i <= h->used; i++)
		if (!bits_has(&in, i))
			give(m, i);
	arena_free(a);
}

static void
lock(VmMap *m)
{
	if (map_lock(&head_of(m)->lock))
		mend(m);
}

static u32
fresh(VmMap *m, u32 bits, const u8 *k)
{
	Head *h = head_of(m);
	Node *n;
	u32 i;

	if (!h->free && h->used >= m->cap)
		return 0;
	if (h->free) {
		i = h->free;
		h->free = node(m, i)->next;
		__atomic_add_fetch(&h->reused, 1, __ATOMIC_SEQ_CST);
	} else
		i = ++h->used;
	n = node(m, i);
	*n = (Node){ .bits = bits };
	memcpy(bytes_of(n), k, m->def.key_size - 4);
	return i;
}

static int
lpm_update(VmMap *m, const void *key, const void *value, u64 flags)
{
	Head *h = head_of(m);
	u32 bits, *link, i, same = 0;
	const u8 *k;
	Node *n = NULL;
	int err = 0;

	if (!split(m, key, &bits, &k) || flags > BPF_EXIST)
		return -EINVAL;
	lock(m);
	for (link = &h->root; *link; link = &n->child[bit(k, n->bits)]) {
		n = node(m, *link);
		same = common(bytes_of(n), k, MIN(n->bits, bits));
		if (same < n->bits || n->bits == bits)
			break;
	}
	if (*link && n->bits == bits && same == bits) {         /* the node is there */
		if (n->live && flags == BPF_NOEXIST)
			err = -EEXIST;
		else if (!n->live && flags == BPF_EXIST)
			err = -ENOENT;
		else if (!n->live && h->count >= m->def.max_entries)
			err = -ENOSPC;
		else {
			memcpy(value_of(m, n), value, m->def.value_size);
			h->count += !n->live;
			__atomic_store_n(&n->live, 1, __ATOMIC_RELEASE);
		}
	} else if (flags == BPF_EXIST)
		err = -ENOENT;
	else if (h->count >= m->def.max_entries || !(i = fresh(m, bits, k)))
		err = -ENOSPC;
	else {
		Node *leaf = node(m, i);
		u32 top = i;

		memcpy(value_of(m, leaf), value, m->def.value_size);
		leaf->live = 1;
		if (*link && same == bits) {            /* above what is there */
			leaf->child[bit(bytes_of(n), bits)] = *link;
		} else if (*link) {                     /* beside it: a fork of what they share */
			top = fresh(m, same, k);
			if (top) {
				node(m, top)->child[bit(k, same)] = i;
				node(m, top)->child[bit(bytes_of(n), same)] = *link;
			} else {
				err = -ENOSPC;
				give(m, i);
			}
		}
		if (!err) {
			h->count++;
			__atomic_store_n(link, top, __ATOMIC_RELEASE);
		}
	}
	map_unlock(&h->lock);
	return err;
}

static int
lpm_remove(VmMap *m, const void *key)
{
	Head *h = head_of(m);
	u32 *link, *up = NULL, bits, i;
	Node *n = NULL, *parent = NULL;
	const u8 *k;
	int err = -ENOENT;

	if (!split(m, key, &bits, &k))
		return -EINVAL;
	lock(m);
	for (link = &h->root; *link; up = link, parent = n, link = &n->child[bit(k, n->bits)]) {
		n = node(m, *link);
		if (n->bits >= bits || common(bytes_of(n), k, n->bits) < n->bits)
			break;
	}
	if (*link && n->live && n->bits == bits && common(bytes_of(n), k, bits) == bits) {
		i = *link;
		err = 0;
		h->count--;
		if (n->child[0] && n->child[1]) {       /* goes on as a fork */
			__atomic_store_n(&n->live, 0, __ATOMIC_RELEASE);
		} else if (n->child[0] || n->child[1] || !parent || parent->live) {
			__atomic_store_n(link, n->child[0] ? n->child[0] : n->child[1], __ATOMIC_RELEASE);
			give(m, i);
		} else {                                /* the fork above has one branch left */
			u32 fork = *up;

			__atomic_store_n(up, parent->child[link == &parent->child[0]], __ATOMIC_RELEASE);
			give(m, fork);
			give(m, i);
		}
	}
	map_unlock(&h->lock);
	return err;
}

/* In the order in which the nodes were made. */
static int
lpm_next(VmMap *m, const void *key, void *next)
{
	Head *h = head_of(m);
	const u8 *k;
	u32 bits, i = 0;
	int err = -ENOENT;

	lock(m);
	if (key && split(m, key, &bits, &k)) {
		Node *n = exact(m, bits, k);

		if (n)
			i = (u32)((size_t)((u8 *)n - m->values) / m->stride) + 1;
	}
	while (++i <= h->used) {
		Node *n = node(m, i);

		if (n->live) {
			memcpy(next, &n->bits, 4);
			memcpy((u8 *)next + 4, bytes_of(n), m->def.key_size - 4);
			err = 0;
			break;
		}
	}
	map_unlock(&h->lock);
	return err;
}

static u8 *
lpm_value_at(VmMap *m, const u8 *addr)
{
	size_t off = (size_t)(addr - m->values);

	if (addr < m->values || addr >= m->base + m->size || off % m->stride < m->voff)
		return NULL;
	return m->values + off / m->stride * m->stride + m->voff;
}

const MapOps map_lpm = {
	.plan = lpm_plan, .view = lpm_view, .lookup = lpm_lookup, .update = lpm_update, .remove = lpm_remove,
	.next = lpm_next, .value_at = lpm_value_at,
};
