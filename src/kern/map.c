/* map: maps through bpf(2). */
#include "kern/machine.h"

#include <ctype.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>

void
kern_object_name(char out[BPF_OBJ_NAME_LEN], const char *name)
{
	u32 n = 0;

	for (; name && *name && n < BPF_OBJ_NAME_LEN - 1; name++)
		out[n++] = isalnum((u8)*name) || *name == '.' ? *name : '_';
	out[n] = 0;
}

bool
kern_raise_memlock(void)
{
	static bool raised;
	struct rlimit all = { RLIM_INFINITY, RLIM_INFINITY };

	if (raised)
		return false;
	raised = true;
	return !setrlimit(RLIMIT_MEMLOCK, &all);
}

int
kern_make_map(const MapDef *def, int inner_fd)
{
	union bpf_attr attr = {
		.map_type = def->type, .key_size = def->key_size, .value_size = def->value_size,
		.max_entries = def->max_entries, .map_flags = def->flags,
	};
	int fd;

	if (inner_fd >= 0)
		attr.inner_map_fd = (u32)inner_fd;
	if (def->type == BPF_MAP_TYPE_PERF_EVENT_ARRAY && !def->max_entries)
		attr.max_entries = host_cpus();
	kern_object_name(attr.map_name, def->name);
	fd = sys_bpf(BPF_MAP_CREATE, &attr);
	if (fd == -EPERM && kern_raise_memlock())
		fd = sys_bpf(BPF_MAP_CREATE, &attr);
	if (fd == -EINVAL && attr.map_name[0]) {        /* names: since 4.15; '.' in them: since 5.2 */
		memset(attr.map_name, 0, sizeof(attr.map_name));
		fd = sys_bpf(BPF_MAP_CREATE, &attr);
	}
	return fd;
}

static int
freeze(int fd)
{
	union bpf_attr attr = { .map_fd = (u32)fd };

	return sys_bpf(BPF_MAP_FREEZE, &attr);
}

static int
element(int cmd, int fd, const void *key, const void *value, u64 flags)
{
	union bpf_attr attr = { .map_fd = (u32)fd, .key = ptr(key), .value = ptr(value), .flags = flags };

	return sys_bpf(cmd, &attr);
}

int
kern_map_new(Machine *m, const MapDef *def)
{
	KernMachine *k = (KernMachine *)m;
	KernMap map = { .def = *def };
	u32 zero = 0;
	int inner = -1, err;

	if (def->inner) {
		inner = kern_map_fd(m, (int)def->inner - 1);
		if (inner < 0)
			return inner;
	}
	map.fd = kern_make_map(def, inner);
	if (map.fd < 0)
		return map.fd;
	if (def->init) {
		err = element(BPF_MAP_UPDATE_ELEM, map.fd, &zero, def->init, BPF_ANY);
		if (err)
			goto out;
	}
	if (def->frozen) {
		err = freeze(map.fd);
		if (err)
			goto out;
	}
	map.def.init = NULL;
	VEC_PUSH(k->a, &k->maps, map);
	return (int)k->maps.n - 1;
out:
	close(map.fd);
	return err;
}

int
kern_map_lookup(Machine *m, int map, const void *key, void *value)
{
	return element(BPF_MAP_LOOKUP_ELEM, kern_map_fd(m, map), key, value, 0);
}

int
kern_map_update(Machine *m, int map, const void *key, const void *value, u64 flags)
{
	return element(BPF_MAP_UPDATE_ELEM, kern_map_fd(m, map), key, value, flags);
}

int
kern_map_delete(Machine *m, int map, const void *key)
{
	return element(BPF_MAP_DELETE_ELEM, kern_map_fd(m, map), key, NULL, 0);
}

int
kern_map_next(Machine *m, int map, const void *key, void *next)
{
	return element(BPF_MAP_GET_NEXT_KEY, kern_map_fd(m, map), key, next, 0);
}

static size_t
value_bytes(const MapDef *def)
{
	return bpf_map_type_percpu(def->type) ? (size_t)ALIGN(def->value_size, 8) * host_cpus() : def->value_size;
}

typedef int EntryFn(void *arg, const void *key, const void *value);

/* One entry at a time. Keys that vanish while we walk would start the kernel's walk anew: then end. */
static int
walk_keys(KernMap *map, size_t vsize, EntryFn *fn, void *arg)
{
	size_t ksize = map->def.key_size;
	u8 *mem = malloc(2 * ksize + vsize), *key = mem, *next = mem + ksize, *value = next + ksize;
	u64 left = (u64)map->def.max_entries * 2 + 16;
	int err;

	if (!mem)
		return -ENOMEM;
	err = element(BPF_MAP_GET_NEXT_KEY, map->fd, NULL, key, 0);
	while (!err && left--) {
		err = element(BPF_MAP_GET_NEXT_KEY, map->fd, key, next, 0);
		if (!element(BPF_MAP_LOOKUP_ELEM, map->fd, key, value, 0)) {
			int stop = fn(arg, key, value);

			if (stop) {
				err = stop;
				break;
			}
		}
		memcpy(key, next, ksize);
	}
	free(mem);
	return err == -ENOENT ? 0 : err;
}

/* Many entries a call (5.6). *walked: some were delivered, so that falling back would repeat them. */
static int
walk_batch(KernMap *map, size_t vsize, EntryFn *fn, void *arg, bool *walked)
{
	size_t ksize = map->def.key_size, cursor = ALIGN(MAX(ksize, 8), 8);
	u32 room = MIN(map->def.max_entries, 512u);
	u8 *mem = NULL;
	bool begun = false, which = false;
	int err = 0;

	for (bool more = true; more; ) {
		if (!mem && !(mem = malloc(2 * cursor + (size_t)room * (ksize + vsize))))
			return -ENOMEM;
		u8 *values = mem + 2 * cursor, *keys = values + room * vsize;   /* values first: readers want them aligned */
		union bpf_attr attr = { .batch = {
			.map_fd = (u32)map->fd, .count = room, .keys = ptr(keys), .values = ptr(values),
			.in_batch = begun ? ptr(mem + which * cursor) : 0, .out_batch = ptr(mem + !which * cursor),
		} };

		err = sys_bpf(BPF_MAP_LOOKUP_BATCH, &attr);
		if (err == -ENOSPC && room < map->def.max_entries) {    /* a hash bucket holds more than there is room for */
			u32 bigger = MIN(map->def.max_entries, room * 4);
			u8 *mem2 = malloc(2 * cursor + (size_t)bigger * (ksize + vsize));

			if (!mem2) {
				err = -ENOMEM;
				break;
			}
			memcpy(mem2, mem, 2 * cursor);
			free(mem);
			mem = mem2;
			room = bigger;
			continue;
		}
		if (err && err != -ENOENT)
			break;
		more = !err;
		err = 0;
		for (u32 i = 0; i < attr.batch.count && !err; i++)
			err = fn(arg, keys + i * ksize, values + i * vsize);
		*walked |= attr.batch.count > 0;
		if (err)
			break;
		begun = true;
		which = !which;
	}
	free(mem);
	return err;
}

int
kern_map_walk(Machine *m, int map, int (*fn)(void *, const void *, const void *), void *arg)
{
	KernMachine *k = (KernMachine *)m;
	bool walked = false;
	int err;

	if (map < 0 || (u32)map >= k->maps.n)
		return -EBADF;
	KernMap *km = &k->maps.v[map];
	size_t vsize = value_bytes(&km->def);

	if (km->def.max_entries > 4) {
		err = walk_batch(km, vsize, fn, arg, &walked);
		if (walked || err >= 0)
			return err;
	}
	return walk_keys(km, vsize, fn, arg);
}

void *
kern_map_memory(Machine *m, int map)
{
	KernMachine *k = (KernMachine *)m;

	if (map < 0 || (u32)map >= k->maps.n)
		return NULL;
	KernMap *km = &k->maps.v[map];
	size_t page = (size_t)sysconf(_SC_PAGESIZE);

	if (km->memory || !(km->def.flags & BPF_F_MMAPABLE))
		return km->memory;
	km->memory_size = ALIGN((size_t)ALIGN(km->def.value_size, 8) * km->def.max_entries, page);
	km->memory = mmap(NULL, km->memory_size, km->def.frozen ? PROT_READ : PROT_READ | PROT_WRITE, MAP_SHARED, km->fd, 0);
	if (km->memory == MAP_FAILED)
		km->memory = NULL;
	return km->memory;
}
