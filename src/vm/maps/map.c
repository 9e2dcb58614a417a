/* map: making maps, and what all kinds share. */
#include "vm/maps/maps.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static const MapOps *const kinds[] = {
	[BPF_MAP_TYPE_HASH] = &map_hash, [BPF_MAP_TYPE_ARRAY] = &map_array, [BPF_MAP_TYPE_PROG_ARRAY] = &map_slots,
	[BPF_MAP_TYPE_PERF_EVENT_ARRAY] = &map_ring, [BPF_MAP_TYPE_PERCPU_HASH] = &map_hash,
	[BPF_MAP_TYPE_PERCPU_ARRAY] = &map_array, [BPF_MAP_TYPE_STACK_TRACE] = &map_stacks,
	[BPF_MAP_TYPE_LRU_HASH] = &map_hash, [BPF_MAP_TYPE_LRU_PERCPU_HASH] = &map_hash,
	[BPF_MAP_TYPE_LPM_TRIE] = &map_lpm, [BPF_MAP_TYPE_ARRAY_OF_MAPS] = &map_slots,
	[BPF_MAP_TYPE_HASH_OF_MAPS] = &map_slots_hash, [BPF_MAP_TYPE_QUEUE] = &map_queue,
	[BPF_MAP_TYPE_STACK] = &map_queue, [BPF_MAP_TYPE_RINGBUF] = &map_ring, [BPF_MAP_TYPE_TASK_STORAGE] = &map_hash,
	[BPF_MAP_TYPE_BLOOM_FILTER] = &map_bloom, [BPF_MAP_TYPE_USER_RINGBUF] = &map_ring,
	[BPF_MAP_TYPE_CGROUP_ARRAY] = &map_inert, [BPF_MAP_TYPE_DEVMAP] = &map_inert, [BPF_MAP_TYPE_SOCKMAP] = &map_inert,
	[BPF_MAP_TYPE_CPUMAP] = &map_inert, [BPF_MAP_TYPE_XSKMAP] = &map_inert, [BPF_MAP_TYPE_SOCKHASH] = &map_inert,
	[BPF_MAP_TYPE_CGROUP_STORAGE] = &map_inert, [BPF_MAP_TYPE_REUSEPORT_SOCKARRAY] = &map_inert,
	[BPF_MAP_TYPE_PERCPU_CGROUP_STORAGE] = &map_inert, [BPF_MAP_TYPE_SK_STORAGE] = &map_inert,
	[BPF_MAP_TYPE_DEVMAP_HASH] = &map_inert, [BPF_MAP_TYPE_INODE_STORAGE] = &map_inert,
};

bool
map_kind_keyless(const VmMap *m)
{
	return m->ops == &map_queue || m->ops == &map_bloom;
}

u32
map_cpu(const VmMap *m)
{
	int cpu = sched_getcpu();

	return cpu < 0 ? 0 : (u32)cpu % m->cpus;
}

static int
plan(VmMap *m)
{
	const MapDef *d = &m->def;

	if (d->type >= COUNT(kinds) || !kinds[d->type])
		return -ENOTSUP;
	m->ops = kinds[d->type];
	if (d->value_size > 1u << 30 || d->key_size > 1u << 16)
		return -E2BIG;
	m->percpu = bpf_map_type_percpu(d->type);
	m->cpus = m->percpu ? host_cpus() : 1;
	m->vsize = ALIGN(d->value_size, 8);
	return m->ops->plan(m);
}

static void
free_view(VmMap *m)
{
	if (m->wake >= 0)
		close(m->wake);
	free(m->slots);
	free((char *)m->def.name);
	free(m);
}

/* A view of a map that has no memory yet. */
static VmMap *
new_view(const MapDef *def, int *err)
{
	VmMap *m = calloc(1, sizeof(*m));

	*err = -ENOMEM;
	if (!m)
		return NULL;
	m->def = *def;
	m->def.name = strdup(def->name ? def->name : "");
	for (u32 i = 0; i < def->n_fields; i++)
		if (def->fields[i].kind == MF_TIMER && def->fields[i].off + sizeof(u64) <= def->value_size)
			m->timer = def->fields[i].off + 1;
	m->def.init = NULL;
	m->def.fields = NULL;
	m->def.prog_keys = NULL;
	m->wake = -1;
	m->refs = 1;
	*err = plan(m);
	if (*err) {
		free_view(m);
		return NULL;
	}
	return m;
}

VmMap *
vm_map_new(const MapDef *def, int *err)
{
	VmMap *m = new_view(def, err);

	if (!m)
		return NULL;
	/* shared: a map of one process goes on being one map in the children that it forks */
	m->base = mmap(NULL, m->size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (m->base == MAP_FAILED) {
		free_view(m);
		*err = -ENOMEM;
		return NULL;
	}
	m->ops->view(m);
	if (m->ops->fresh)
		m->ops->fresh(m);
	if (def->init && m->ops == &map_array && !m->percpu)
		memcpy(m->values, def->init, def->value_size);
	return m;
}

/* What stands in front of the block in a file: a map of other sizes is another map. */
typedef struct FileHead { char magic[8]; u32 type, key_size, value_size, max_entries, flags, cpus; u64 size; } FileHead;
enum { FILE_HEAD = 4096 };

VmMap *
vm_map_open(const char *path, const MapDef *def, int *err)
{
	VmMap *m = new_view(def, err);
	FileHead want = { .magic = "pitonmap" }, have;
	struct stat st;
	u8 *mem;
	int fd;

	if (!m)
		return NULL;
	if (m->slots) {         /* pointers into one process */
		*err = -ENOTSUP;
		free_view(m);
		return NULL;
	}
	want.type = m->def.type, want.key_size = m->def.key_size, want.value_size = m->def.value_size;
	want.max_entries = m->def.max_entries, want.flags = m->def.flags, want.cpus = m->cpus, want.size = m->size;
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	*err = -errno;
	if (fd < 0)
		goto fail;
	if (flock(fd, LOCK_EX) || fstat(fd, &st))
		goto fail_fd;
	if (!st.st_size && ftruncate(fd, (off_t)(FILE_HEAD + m->size)))
		goto fail_fd;
	if (st.st_size && (pread(fd, &have, sizeof(have), 0) != sizeof(have) || memcmp(&have, &want, sizeof(want)) ||
			   st.st_size != (off_t)(FILE_HEAD + m->size))) {
		errno = EINVAL;
		goto fail_fd;
	}
	mem = mmap(NULL, FILE_HEAD + m->size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (mem == MAP_FAILED)
		goto fail_fd;
	m->base = mem + FILE_HEAD;
	m->before = FILE_HEAD;
	m->ops->view(m);
	if (!st.st_size) {
		if (m->ops->fresh)
			m->ops->fresh(m);
		memcpy(mem, &want, sizeof(want));       /* last: a file without it was left half made */
	}
	flock(fd, LOCK_UN);     /* the mapping keeps the open file, so closing would not */
	close(fd);
	*err = 0;
	return m;
fail_fd:
	*err = -errno;
	close(fd);
fail:
	free_view(m);
	return NULL;
}

VmMap *
vm_map_ref(VmMap *m)
{
	__atomic_add_fetch(&m->refs, 1, __ATOMIC_RELAXED);
	return m;
}

void
vm_map_free(VmMap *m)
{
	if (!m || __atomic_sub_fetch(&m->refs, 1, __ATOMIC_ACQ_REL))
		return;
	if (m->ops->gone)
		m->ops->gone(m);
	munmap(m->base - m->before, m->before + m->size);
	vm_map_free(m->inner);
	free_view(m);
}

const MapDef *
vm_map_def(const VmMap *m)
{
	return &m->def;
}

void *
vm_map_lookup(VmMap *m, const void *key)
{
	return m->quick ? m->quick(m, key) : m->ops->lookup ? m->ops->lookup(m, key) : NULL;
}

int
vm_map_update(VmMap *m, const void *key, const void *value, u64 flags)
{
	return m->ops->update ? m->ops->update(m, key, value, flags) : -EINVAL;
}

int
vm_map_delete(VmMap *m, const void *key)
{
	return m->ops->remove ? m->ops->remove(m, key) : -EINVAL;
}

int
vm_map_next(VmMap *m, const void *key, void *next)
{
	return m->ops->next ? m->ops->next(m, key, next) : -ENOTSUP;
}

void *
vm_map_lookup_cpu(VmMap *m, const void *key, u32 cpu)
{
	u8 *v = vm_map_lookup(m, key);

	if (!v || !m->percpu || cpu >= m->cpus)
		return m->percpu ? NULL : v;
	/* lookup gave some CPU's value: all of them lie side by side from the element's first */
	v = m->ops->value_at(m, v);
	return v + (size_t)cpu * m->vsize;
}

int
vm_map_get(VmMap *m, const void *key, void *value)
{
	const u8 *v;

	if (map_kind_keyless(m) && m->ops->peek)
		return m->ops->peek(m, value);
	v = vm_map_lookup(m, key);
	if (!v)
		return -ENOENT;
	if (m->percpu)
		memcpy(value, m->ops->value_at(m, v), (size_t)m->vsize * m->cpus);
	else
		memcpy(value, v, m->def.value_size);
	return 0;
}

int
vm_map_put(VmMap *m, const void *key, const void *value, u64 flags)
{
	u8 *v;
	int err;

	if (map_kind_keyless(m) && m->ops->push)
		return m->ops->push(m, value, flags);
	err = vm_map_update(m, key, value, flags);
	if (err || !m->percpu)
		return err;
	v = vm_map_lookup(m, key);
	if (v)
		memcpy(m->ops->value_at(m, v), value, (size_t)m->vsize * m->cpus);
	return 0;
}
