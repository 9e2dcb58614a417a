/* Processes that are killed in the middle of changing a map must not wedge the others or lose room for good: for each kind a child
 * changes a map as fast as it can and is killed, many times; then the map takes as much as a new one. */
#include "vm/run.h"
#include "vm/maps/maps.h"

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

enum { KEYS = 40, ROUNDS = 25 };

typedef struct Kind {
	const char *name;
	u32 type, key_size, value_size, entries, flags;
	void (*work)(VmMap *m, u32 i);          /* one small change */
	void (*full)(VmMap *m);                 /* all of its room is there */
} Kind;

/* 8 bytes: a plain key, or a prefix of 32 bits */
static void
key(const VmMap *m, u32 i, u32 *k)
{
	k[0] = m->def.type == BPF_MAP_TYPE_LPM_TRIE ? 32 : i;
	k[1] = m->def.type == BPF_MAP_TYPE_LPM_TRIE ? i * 2654435761u : 0;
}

static void
change(VmMap *m, u32 i)
{
	u64 v[2] = { i, ~(u64)i };
	u32 k[2];

	key(m, i * 7 % KEYS, k);
	if (i % 3 == 2)
		vm_map_delete(m, k);
	else
		vm_map_update(m, k, v, BPF_ANY);
}

static void
all_keys(VmMap *m)
{
	bool lru = m->def.type == BPF_MAP_TYPE_LRU_HASH || m->def.type == BPF_MAP_TYPE_LRU_PERCPU_HASH;
	u32 k[2], found = 0;

	for (u32 i = 0; i < KEYS; i++) {
		key(m, i, k);
		vm_map_delete(m, k);
	}
	for (u32 i = 0; i < KEYS; i++) {
		u64 v[2] = { i, ~(u64)i };

		key(m, i, k);
		if (vm_map_update(m, k, v, BPF_NOEXIST))
			fprintf(stderr, "%u of %u keys have room\n", i, KEYS);
		assert(vm_map_lookup(m, k));
	}
	for (u32 i = 0; i < KEYS; i++) {
		u64 *v;

		key(m, i, k);
		v = vm_map_lookup(m, k);
		found += v != NULL;
		assert(!v || (v[0] == i && v[1] == ~(u64)i));
	}
	assert(found == KEYS || (lru && found > KEYS / 2));
	found = 0;
	for (int more = vm_map_next(m, NULL, k); !more && found <= KEYS; more = vm_map_next(m, k, k))
		found++;
	assert(found == KEYS || (lru && found > KEYS / 2));
}

static void
push_pop(VmMap *m, u32 i)
{
	u64 v[2] = { i, ~(u64)i };

	if (i % 5 < 3)
		m->ops->push(m, v, i % 2 ? BPF_EXIST : 0);
	else if (!m->ops->pop(m, v))
		assert(v[1] == ~v[0]);
}

static void
as_many(VmMap *m)
{
	u64 v[2];
	u32 n = 0;

	while (!m->ops->pop(m, v))
		assert(v[1] == ~v[0] && ++n <= KEYS);
	for (u64 i = 0; i < KEYS; i++) {
		v[0] = i, v[1] = ~i;
		assert(!m->ops->push(m, v, 0));
	}
	assert(m->ops->push(m, v, 0) == -E2BIG);
	for (n = 0; !m->ops->pop(m, v); n++)
		assert(v[1] == ~v[0]);
	assert(n == KEYS);
}

static int
check_record(void *arg, const void *data, u32 size)
{
	const u64 *v = data;

	assert(size >= 16 && v[1] == ~v[0]);
	++*(u32 *)arg;
	return 0;
}

static void
produce(VmMap *m, u32 i)
{
	u64 *v = ring_reserve(m, 16 + i % 5 * 8);
	u32 n = 0;

	if (!v) {
		ring_drain(m, check_record, &n);
		return;
	}
	v[0] = i, v[1] = ~(u64)i;
	ring_commit(m, v, i % 7 == 0, 0);
}

static void
whole_ring(VmMap *m)
{
	u32 n = 0, k;
	u64 *v;

	assert(ring_drain(m, check_record, &n) >= 0);
	for (k = 0; (v = ring_reserve(m, 24)); k++) {
		v[0] = k, v[1] = ~(u64)k;
		ring_commit(m, v, false, 0);
	}
	assert(k == 4096 / 32);
	n = 0;
	assert(ring_drain(m, check_record, &n) == (int)k && n == k);
}

static const Kind kinds[] = {
	{ "hash", BPF_MAP_TYPE_HASH, 8, 16, KEYS, 0, change, all_keys },
	{ "percpu_hash", BPF_MAP_TYPE_PERCPU_HASH, 8, 16, KEYS, 0, change, all_keys },
	{ "lru_hash", BPF_MAP_TYPE_LRU_HASH, 8, 16, KEYS, 0, change, all_keys },
	{ "lru_percpu_hash", BPF_MAP_TYPE_LRU_PERCPU_HASH, 8, 16, KEYS, 0, change, all_keys },
	{ "lpm_trie", BPF_MAP_TYPE_LPM_TRIE, 8, 16, KEYS, BPF_F_NO_PREALLOC, change, all_keys },
	{ "queue", BPF_MAP_TYPE_QUEUE, 0, 16, KEYS, 0, push_pop, as_many },
	{ "stack", BPF_MAP_TYPE_STACK, 0, 16, KEYS, 0, push_pop, as_many },
	{ "ringbuf", BPF_MAP_TYPE_RINGBUF, 0, 0, 4096, 0, produce, whole_ring },
	{ "user_ringbuf", BPF_MAP_TYPE_USER_RINGBUF, 0, 0, 4096, 0, produce, whole_ring },
};

static void
child(const Kind *k, VmMap *m, u32 seed)
{
	for (u32 i = seed;; i++)
		k->work(m, i);
}

int
main(void)
{
	for (u32 i = 0; i < COUNT(kinds); i++) {
		const Kind *k = &kinds[i];
		MapDef def = { .name = k->name, .type = k->type, .key_size = k->key_size, .value_size = k->value_size,
			       .max_entries = k->entries, .flags = k->flags };
		int err;
		VmMap *m = vm_map_new(&def, &err);

		assert(m);
		alarm(120);
		for (u32 round = 0; round < ROUNDS; round++) {
			pid_t pid[2];

			for (u32 p = 0; p < 2; p++) {
				pid[p] = fork();
				assert(pid[p] >= 0);
				if (!pid[p])
					child(k, m, round * 1000 + p * 17);
			}
			usleep(1500 + round * 113);
			kill(pid[0], SIGKILL);
			usleep(500);
			kill(pid[1], SIGKILL);
			waitpid(pid[0], NULL, 0);
			waitpid(pid[1], NULL, 0);
			for (u32 n = 0; n < 200; n++)
				k->work(m, n);
		}
		printf("%s\n", k->name);
		fflush(stdout);
		k->full(m);
		vm_map_free(m);
	}
	return 0;
}
