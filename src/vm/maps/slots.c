/* slots: maps of things of this process: prog array, array of maps, hash of maps. What is in them are pointers, so the
 * pointers lie in this process's view and not in the block. The hash of maps is a hash of keys to slot numbers. */
#include "vm/maps/maps.h"
#include "vm/run.h"

#include <errno.h>
#include <stdlib.h>

static bool
holds_progs(const VmMap *m)
{
	return m->def.type == BPF_MAP_TYPE_PROG_ARRAY;
}

static void
drop(VmMap *m, void *what)
{
	if (what && holds_progs(m))
		vm_prog_free(what);
	else if (what)
		vm_map_free(what);
}

static int
slots_plan(VmMap *m)
{
	if (m->def.key_size != 4 || m->def.value_size != 4 || !m->def.max_entries)
		return -EINVAL;
	if (m->def.max_entries > 1u << 24)
		return -E2BIG;
	m->cap = m->def.max_entries;
	m->slots = calloc(m->cap, sizeof(void *));
	m->size = 64;
	return m->slots ? 0 : -ENOMEM;
}

static void
slots_view(VmMap *m)
{
	m->values = m->base;
}

static void
slots_gone(VmMap *m)
{
	for (u32 i = 0; i < m->cap; i++)
		drop(m, m->slots[i]);
}

static int
put(VmMap *m, u32 i, void *what)
{
	if (i >= m->cap) {
		drop(m, what);
		return -E2BIG;
	}
	drop(m, __atomic_exchange_n(&m->slots[i], what, __ATOMIC_ACQ_REL));
	return 0;
}

VmProg *
vm_map_prog(VmMap *m, u32 index)
{
	return holds_progs(m) && index < m->cap ? __atomic_load_n(&m->slots[index], __ATOMIC_ACQUIRE) : NULL;
}

int
vm_map_set_prog(VmMap *m, u32 index, VmProg *p)
{
	if (!holds_progs(m))
		return -EINVAL;
	return put(m, index, p ? vm_prog_ref(p) : NULL);
}

static void *
slots_lookup(VmMap *m, const void *key)
{
	u32 i;

	memcpy(&i, key, 4);
	return i < m->cap && !holds_progs(m) ? __atomic_load_n(&m->slots[i], __ATOMIC_ACQUIRE) : NULL;
}

static int
slots_remove(VmMap *m, const void *key)
{
	u32 i;

	memcpy(&i, key, 4);
	if (i >= m->cap)
		return -E2BIG;
	if (!m->slots[i])
		return -ENOENT;
	return put(m, i, NULL);
}

static int
slots_next(VmMap *m, const void *key, void *next)
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

const MapOps map_slots = {
	.plan = slots_plan, .view = slots_view, .lookup = slots_lookup, .remove = slots_remove, .next = slots_next,
	.gone = slots_gone,
};

/* ---- hash of maps: a hash whose value is slot + 1 ---- */

static int
hslots_plan(VmMap *m)
{
	u32 size = m->def.value_size;
	int err;

	if (size != 4)
		return -EINVAL;
	err = map_hash.plan(m);
	if (err)
		return err;
	m->slots = calloc(m->cap, sizeof(void *));
	return m->slots ? 0 : -ENOMEM;
}

static void *
hslots_lookup(VmMap *m, const void *key)
{
	u32 *v = map_hash.lookup(m, key);

	return v && *v && *v <= m->cap ? __atomic_load_n(&m->slots[*v - 1], __ATOMIC_ACQUIRE) : NULL;
}

static int
hslots_remove(VmMap *m, const void *key)
{
	u32 *v, slot, err = 0;

	map_lock(&m->slots_lock);
	v = map_hash.lookup(m, key);
	slot = v ? *v : 0;
	err = (u32)map_hash.remove(m, key);
	if (slot)
		put(m, slot - 1, NULL);
	map_unlock(&m->slots_lock);
	return (int)err;
}

static int
hslots_set(VmMap *m, const void *key, VmMap *inner)
{
	u32 *v, slot = 0;
	int err = 0;

	map_lock(&m->slots_lock);
	v = map_hash.lookup(m, key);
	if (v)
		slot = *v;
	else {
		while (slot < m->cap && m->slots[slot])
			slot++;
		slot++;
		err = slot > m->cap ? -E2BIG : map_hash.update(m, key, &slot, BPF_ANY);
	}
	if (!err)
		err = put(m, slot - 1, inner);
	else
		vm_map_free(inner);
	map_unlock(&m->slots_lock);
	return err;
}

static void
hslots_fresh(VmMap *m)
{
	map_hash.fresh(m);
}

static void
hslots_view(VmMap *m)
{
	map_hash.view(m);
}

static int
hslots_next(VmMap *m, const void *key, void *next)
{
	return map_hash.next(m, key, next);
}

const MapOps map_slots_hash = {
	.plan = hslots_plan, .view = hslots_view, .fresh = hslots_fresh, .lookup = hslots_lookup, .remove = hslots_remove,
	.next = hslots_next, .gone = slots_gone,
};

int
vm_map_set_map(VmMap *m, const void *key, VmMap *inner)
{
	u32 i;

	if (holds_progs(m) || !m->slots)
		return -EINVAL;
	if (inner)
		vm_map_ref(inner);
	if (m->ops == &map_slots_hash)
		return inner ? hslots_set(m, key, inner) : hslots_remove(m, key);
	memcpy(&i, key, 4);
	return put(m, i, inner);
}
