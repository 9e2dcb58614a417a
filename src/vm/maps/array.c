/* array: values side by side, found by index. Per CPU: the values of one index side by side. */
#include "vm/maps/maps.h"

#include <errno.h>
#include <unistd.h>

static int
array_plan(VmMap *m)
{
	u64 bytes;

	if (m->def.key_size != 4 || !m->def.value_size || !m->def.max_entries)
		return -EINVAL;
	m->stride = m->vsize * m->cpus;
	m->cap = m->def.max_entries;
	bytes = (u64)m->vsize * m->cpus * m->cap;
	if (bytes > (u64)1 << 36 || (u64)m->vsize * m->cpus > UINT32_MAX)
		return -E2BIG;
	m->size = bytes;
	return 0;
}

static void
array_view(VmMap *m)
{
	m->values = m->base;
}

static void *
array_lookup(VmMap *m, const void *key)
{
	u32 i;

	memcpy(&i, key, 4);
	if (i >= m->cap)
		return NULL;
	return m->values + (size_t)i * m->stride + (m->percpu ? (size_t)map_cpu(m) * m->vsize : 0);
}

static int
array_update(VmMap *m, const void *key, const void *value, u64 flags)
{
	u8 *v = array_lookup(m, key);
	u64 timer = 0;

	if ((flags & ~(u64)BPF_F_LOCK) > BPF_EXIST)
		return -EINVAL;
	if (!v)
		return -E2BIG;
	if (flags & BPF_NOEXIST)
		return -EEXIST;
	if (m->timer)                   /* it stays */
		memcpy(&timer, v + m->timer - 1, sizeof(timer));
	memcpy(v, value, m->def.value_size);
	if (m->timer)
		memcpy(v + m->timer - 1, &timer, sizeof(timer));
	return 0;
}

static int
array_remove(VmMap *m, const void *key)
{
	(void)m, (void)key;
	return -EINVAL;
}

static int
array_next(VmMap *m, const void *key, void *next)
{
	u32 i = UINT32_MAX;

	if (key)
		memcpy(&i, key, 4);
	if (i >= m->cap)
		i = UINT32_MAX;
	if (++i >= m->cap)
		return -ENOENT;
	memcpy(next, &i, 4);
	return 0;
}

static u8 *
array_value_at(VmMap *m, const u8 *addr)
{
	size_t off = (size_t)(addr - m->values);

	return addr < m->values || off >= m->size ? NULL : m->values + off / m->stride * m->stride;
}

const MapOps map_array = {
	.plan = array_plan, .view = array_view, .lookup = array_lookup, .update = array_update, .remove = array_remove,
	.next = array_next, .value_at = array_value_at,
};
