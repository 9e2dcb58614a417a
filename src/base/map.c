/* map: string -> pointer; open addressing with linear probing, at most three quarters full, no deletion. */
#include "base/base.h"

u32
base_hash(const void *p, size_t n)
{
	const u8 *s = p;
	u32 h = 2166136261u;

	for (size_t i = 0; i < n; i++)
		h = (h ^ s[i]) * 16777619u;
	h ^= h >> 15;
	return h * 2246822519u ^ h >> 13;
}

/* The slot that holds the key, or the free one where it belongs. */
static MapSlot *
find(const Map *m, const char *key, size_t len, u32 hash)
{
	for (u32 i = hash & (m->cap - 1);; i = (i + 1) & (m->cap - 1)) {
		MapSlot *s = &m->slot[i];

		if (!s->key || (s->hash == hash && s->len == len && !memcmp(s->key, key, len)))
			return s;
	}
}

static void
grow(Map *m)
{
	Map old = *m;

	m->cap = old.cap ? old.cap * 2 : 16;
	m->slot = NEW_N(m->arena, MapSlot, m->cap);
	for (u32 i = 0; i < old.cap; i++)
		if (old.slot[i].key)
			*find(m, old.slot[i].key, old.slot[i].len, old.slot[i].hash) = old.slot[i];
}

void *
map_get(const Map *m, const char *key, size_t len)
{
	return m->cap ? find(m, key, len, base_hash(key, len))->value : NULL;
}

void
map_set(Map *m, const char *key, size_t len, void *value)
{
	u32 hash = base_hash(key, len);
	MapSlot *s;

	if ((m->n + 1) * 4 > m->cap * 3)
		grow(m);
	s = find(m, key, len, hash);
	if (!s->key) {
		*s = (MapSlot){ arena_str(m->arena, key, len), (u32)len, hash, NULL };
		m->n++;
	}
	s->value = value;
}

MapSlot *
map_next(const Map *m, MapSlot *s)
{
	for (s = s ? s + 1 : m->slot; s && s < m->slot + m->cap; s++)
		if (s->key)
			return s;
	return NULL;
}
