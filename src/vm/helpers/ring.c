/* ring: records for the consumer. */
#include "vm/helpers/helpers.h"

#include <errno.h>

static VmMap *
ring_of(u64 r)
{
	VmMap *m = PTR(r);

	return m->ops == &map_ring ? m : NULL;
}

DEFINE_HELPER(ringbuf_reserve)
{
	VmMap *m = ring_of(r1);

	return m && !r3 ? (u64)(uintptr_t)ring_reserve(m, r2) : 0;
}

/* The map that a record lies in. */
static VmMap *
map_of(VmContext *c, u64 record)
{
	for (u32 i = 0; i < c->prog->n_maps; i++) {
		VmMap *m = c->prog->maps[i];

		if (m->ops == &map_ring && record - (u64)(uintptr_t)m->base < m->size)
			return m;
		if (m->slots && m->def.type != BPF_MAP_TYPE_PROG_ARRAY)
			for (u32 s = 0; s < m->cap; s++) {
				VmMap *in = m->slots[s];

				if (in && in->ops == &map_ring && record - (u64)(uintptr_t)in->base < in->size)
					return in;
			}
	}
	return NULL;
}

DEFINE_HELPER(ringbuf_submit)
{
	VmMap *m = map_of(c, r1);

	if (m)
		ring_commit(m, PTR(r1), false, r2);
	return 0;
}

DEFINE_HELPER(ringbuf_discard)
{
	VmMap *m = map_of(c, r1);

	if (m)
		ring_commit(m, PTR(r1), true, r2);
	return 0;
}

static u64
output(VmMap *m, const void *data, u64 size, u64 flags)
{
	void *to = ring_reserve(m, size);

	if (!to)
		return ERR(EAGAIN);
	memcpy(to, data, size);
	ring_commit(m, to, false, flags);
	return 0;
}

DEFINE_HELPER(ringbuf_output)
{
	VmMap *m = ring_of(r1);

	if (!m || r4 & ~(u64)(BPF_RB_NO_WAKEUP | BPF_RB_FORCE_WAKEUP))
		return ERR(EINVAL);
	return output(m, PTR(r2), r3, r4);
}

DEFINE_HELPER(ringbuf_query)
{
	VmMap *m = ring_of(r1);

	return m ? ring_query(m, r2) : 0;
}

/* flags of a perf output choose a CPU; there is one ring for all of them */
DEFINE_HELPER(perf_event_output)
{
	VmMap *m = ring_of(r2);

	return m ? output(m, PTR(r4), r5, 0) : ERR(EINVAL);
}
