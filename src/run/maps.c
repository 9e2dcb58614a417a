/* maps: how out/ reads and clears the script's maps through the Machine. */
#include "run/session.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Keys of a brief map (MapDef.brief), made as long as those of the map that it belongs to. */
typedef struct Widen { int (*fn)(void *, const void *key, const void *value); void *arg; u8 *key; u32 size; } Widen;

static int
widened(void *arg, const void *key, const void *value)
{
	Widen *w = arg;

	memcpy(w->key, key, w->size);
	return w->fn(w->arg, w->key, value);
}

int
run_map_walk(void *session, u32 map, int (*fn)(void *, const void *key, const void *value), void *arg)
{
	Session *s = session;
	const MapDef *def = &s->script->maps.v[map];
	int err = s->machine->ops->map_walk(s->machine, s->map[map], fn, arg);
	Widen w = { .fn = fn, .arg = arg };

	if (err || !def->brief)
		return err;
	w.size = s->script->maps.v[def->brief - 1].key_size;
	w.key = calloc(1, def->key_size);
	if (!w.key)
		return -ENOMEM;
	err = s->machine->ops->map_walk(s->machine, s->map[def->brief - 1], widened, &w);
	free(w.key);
	return err;
}

int
run_map_lookup(void *session, u32 map, const void *key, void *value)
{
	Session *s = session;

	return s->machine->ops->map_lookup(s->machine, s->map[map], key, value);
}

typedef struct Keys { Buf keys; u32 size, n; } Keys;

static int
keep_key(void *arg, const void *key, const void *value)
{
	Keys *k = arg;

	(void)value;
	buf_put(&k->keys, key, k->size);
	k->n++;
	return 0;
}

static size_t
value_bytes(const MapDef *def)
{
	return bpf_map_type_percpu(def->type) ? (size_t)ALIGN(def->value_size, 8) * host_cpus() : def->value_size;
}

/* Deletes every entry (an array's are zeroed, for they cannot go) or, with zero, sets every value to zero bytes. */
int
run_map_clear(void *session, u32 map, bool zero)
{
	Session *s = session;
	const MapDef *def = &s->script->maps.v[map];
	const MachineOps *ops = s->machine->ops;
	void *zeros = calloc(1, value_bytes(def));
	Keys k = { .size = def->key_size };
	int err;

	if (!zeros)
		return -ENOMEM;
	err = ops->map_walk(s->machine, s->map[map], keep_key, &k);
	for (u32 i = 0; i < k.n && err >= 0; i++) {
		const void *key = k.keys.p + (size_t)i * k.size;

		err = zero ? -EINVAL : ops->map_delete(s->machine, s->map[map], key);
		if (err == -EINVAL || err == -EOPNOTSUPP)
			err = ops->map_update(s->machine, s->map[map], key, zeros, BPF_ANY);
		if (err == -ENOENT)
			err = 0;        /* a probe was quicker */
	}
	buf_free(&k.keys);
	free(zeros);
	return err < 0 ? err : def->brief ? run_map_clear(s, def->brief - 1, zero) : 0;
}
