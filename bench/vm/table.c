/* The native side of map.h: an array that checks its index, and a plain hash table with open addressing, half full; keys and
 * values of 8 bytes. */
#include <stdlib.h>
#include <string.h>
#include "map.h"

struct Table { u32 n, mask; struct { u64 key, value; u32 used; } *cell; u64 *value; };

Table *
table_new(int kind, unsigned n)
{
	Table *t = calloc(1, sizeof(*t));

	t->n = n;
	t->value = calloc(n, sizeof(u64));
	for (t->mask = 1; t->mask < n * 2; t->mask = t->mask << 1)
		;
	t->cell = kind == KIND_HASH ? calloc(t->mask, sizeof(*t->cell)) : NULL;
	t->mask--;
	return t;
}

void *
table_ARRAY(Table *t, const void *key)
{
	u32 i = *(const u32 *)key;

	return i < t->n ? &t->value[i] : NULL;
}

void
table_put_ARRAY(Table *t, const void *key, const void *value)
{
	t->value[*(const u32 *)key] = *(const u64 *)value;
}

static u32
start(const Table *t, u64 key)
{
	key ^= key >> 32;
	key *= 0x9e3779b97f4a7c15u;
	key ^= key >> 29;
	return (u32)(key * 0xbf58476d1ce4e5b9u >> 33) & t->mask;
}

void *
table_HASH(Table *t, const void *key)
{
	u64 k = *(const u64 *)key;

	for (u32 i = start(t, k); t->cell[i].used; i = (i + 1) & t->mask)
		if (t->cell[i].key == k)
			return &t->cell[i].value;
	return NULL;
}

void
table_put_HASH(Table *t, const void *key, const void *value)
{
	u64 k = *(const u64 *)key;
	u32 i = start(t, k);

	while (t->cell[i].used && t->cell[i].key != k)
		i = (i + 1) & t->mask;
	t->cell[i].used = 1;
	t->cell[i].key = k;
	t->cell[i].value = *(const u64 *)value;
}
