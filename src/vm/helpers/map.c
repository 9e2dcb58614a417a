/* map: look-up and change of maps, walks, locks inside values, storage by thread. */
#include "vm/helpers/helpers.h"

#include <errno.h>

DEFINE_HELPER(map_lookup_elem)
{
	VmMap *m = PTR(r1);

	return (u64)(uintptr_t)vm_map_lookup(m, PTR(r2));
}

DEFINE_HELPER(map_update_elem)
{
	return (u64)(s64)vm_map_update(PTR(r1), PTR(r2), PTR(r3), r4);
}

DEFINE_HELPER(map_delete_elem)
{
	return (u64)(s64)vm_map_delete(PTR(r1), PTR(r2));
}

DEFINE_HELPER(map_push_elem)
{
	VmMap *m = PTR(r1);

	return m->ops->push ? (u64)(s64)m->ops->push(m, PTR(r2), r3) : ERR(EOPNOTSUPP);
}

DEFINE_HELPER(map_pop_elem)
{
	VmMap *m = PTR(r1);

	return m->ops->pop ? (u64)(s64)m->ops->pop(m, PTR(r2)) : ERR(EOPNOTSUPP);
}

DEFINE_HELPER(map_peek_elem)
{
	VmMap *m = PTR(r1);

	return m->ops->peek ? (u64)(s64)m->ops->peek(m, PTR(r2)) : ERR(EOPNOTSUPP);
}

DEFINE_HELPER(map_lookup_percpu_elem)
{
	VmMap *m = PTR(r1);

	return m->percpu ? (u64)(uintptr_t)vm_map_lookup_cpu(m, PTR(r2), (u32)r3) : 0;
}

/* callback(map, key, value, ctx): nonzero ends. The next key is asked for before the callback, which may delete. */
DEFINE_HELPER(for_each_map_elem)
{
	VmMap *m = PTR(r1);
	u64 key[2][(1 << 16) / 8 / 128], res, n = 0;
	u32 now = 0;
	int more;

	if (r4)
		return ERR(EINVAL);
	if (!m->ops->next || !m->ops->lookup || m->slots || m->def.key_size > sizeof(key[0]))
		return ERR(EOPNOTSUPP);
	/* at most as many as the map may hold: keys that come back do not make it go on for ever */
	for (more = vm_map_next(m, NULL, key[0]); !more && n < (u64)m->cap + 1; now ^= 1) {
		u8 *v = vm_map_lookup(m, key[now]);

		more = vm_map_next(m, key[now], key[now ^ 1]);
		if (!v)
			continue;
		n++;
		/* the key lies on the stack of the program's next frame, where a checked run may read it */
		if (c->depth < VM_FRAMES && m->def.key_size <= VM_STACK && c->prog->checked) {
			u8 *copy = c->stack + (size_t)c->depth * VM_STACK;
			u32 depth = c->depth;
			bool ok;

			memcpy(copy, key[now], m->def.key_size);
			c->depth = depth + 1;
			ok = vm_callback(c, r2, r1, (u64)(uintptr_t)copy, (u64)(uintptr_t)v, r3, &res);
			c->depth = depth;
			if (!ok)
				return 0;
		} else if (!vm_callback(c, r2, r1, (u64)(uintptr_t)key[now], (u64)(uintptr_t)v, r3, &res))
			return 0;
		if (res)
			break;
	}
	return n;
}

DEFINE_HELPER(spin_lock)
{
	map_lock(PTR(r1));
	return 0;
}

DEFINE_HELPER(spin_unlock)
{
	map_unlock(PTR(r1));
	return 0;
}

/* Storage by thread: the task argument stands for the thread that runs; only that one can be asked about. */
DEFINE_HELPER(task_storage_get)
{
	VmMap *m = PTR(r1);
	u32 key = map_self();
	void *v;

	if (m->def.type != BPF_MAP_TYPE_TASK_STORAGE)
		return 0;
	v = vm_map_lookup(m, &key);
	if (!v && r4 & BPF_LOCAL_STORAGE_GET_F_CREATE) {
		if (!r3) {
			Arena *a = arena_new();

			vm_map_update(m, &key, arena_alloc(a, m->def.value_size), BPF_NOEXIST);
			arena_free(a);
		} else
			vm_map_update(m, &key, PTR(r3), BPF_NOEXIST);
		v = vm_map_lookup(m, &key);
	}
	return (u64)(uintptr_t)v;
}

DEFINE_HELPER(task_storage_delete)
{
	VmMap *m = PTR(r1);
	u32 key = map_self();

	return m->def.type == BPF_MAP_TYPE_TASK_STORAGE ? (u64)(s64)vm_map_delete(m, &key) : ERR(EINVAL);
}
