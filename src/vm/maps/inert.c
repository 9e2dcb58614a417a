/* inert: maps of things that are not there in user space (sockets, devices, cgroups): made with the right sizes, always
 * empty. Cgroup storage is the exception: it is one value, that of the only cgroup there is. */
#include "vm/maps/maps.h"

#include <errno.h>

static bool
one_value(const VmMap *m)
{
	return m->def.type == BPF_MAP_TYPE_CGROUP_STORAGE || m->def.type == BPF_MAP_TYPE_PERCPU_CGROUP_STORAGE;
}

static int
inert_plan(VmMap *m)
{
	m->cap = m->def.max_entries;
	m->stride = MAX(m->vsize, 8u) * m->cpus;
	m->size = m->stride;
	return 0;
}

static void
inert_view(VmMap *m)
{
	m->values = m->base;
}

static void *
inert_lookup(VmMap *m, const void *key)
{
	(void)key;
	return one_value(m) ? m->values + (m->percpu ? (size_t)map_cpu(m) * m->vsize : 0) : NULL;
}

static int
inert_update(VmMap *m, const void *key, const void *value, u64 flags)
{
	u8 *v = inert_lookup(m, key);

	(void)flags;
	if (!v)
		return -EOPNOTSUPP;
	memcpy(v, value, m->def.value_size);
	return 0;
}

static int
inert_remove(VmMap *m, const void *key)
{
	(void)m, (void)key;
	return -ENOENT;
}

static int
inert_next(VmMap *m, const void *key, void *next)
{
	(void)m, (void)key, (void)next;
	return -ENOENT;
}

static u8 *
inert_value_at(VmMap *m, const u8 *addr)
{
	return one_value(m) && addr >= m->values && addr < m->values + m->size ? m->values : NULL;
}

const MapOps map_inert = {
	.plan = inert_plan, .view = inert_view, .lookup = inert_lookup, .update = inert_update, .remove = inert_remove,
	.next = inert_next, .value_at = inert_value_at,
};
