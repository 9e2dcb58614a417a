/* dynptr: memory with its length in two slots of the stack. The verifier has seen to it that nobody else writes them; an
 * unverified program may not use them at all (region.c). */
#include "vm/helpers/helpers.h"

#include <errno.h>

typedef struct Dynptr { u8 *data; u32 size, flags; } Dynptr;
enum { RDONLY = 1, LARGEST = (1 << 24) - 1 };
_Static_assert(sizeof(Dynptr) == 16, "what the verifier reserves");

static bool
inside(const Dynptr *d, u32 off, u32 len)
{
	return len <= d->size && off <= d->size - len;
}

void
vm_dynptr_set(void *slots, void *data, u32 size, bool rdonly)
{
	*(Dynptr *)slots = (Dynptr){ data, size, rdonly ? RDONLY : 0 };
}

DEFINE_HELPER(dynptr_from_mem)
{
	Dynptr *d = PTR(r4);
	s64 err = r2 > LARGEST ? -E2BIG : r3 ? -EINVAL : 0;

	vm_dynptr_set(d, err ? NULL : PTR(r1), err ? 0 : (u32)r2, false);
	return (u64)err;
}

DEFINE_HELPER(dynptr_read)
{
	const Dynptr *d = PTR(r3);

	if (!d->data || r5)
		return ERR(EINVAL);
	if (!inside(d, (u32)r4, (u32)r2))
		return ERR(E2BIG);
	memmove(PTR(r1), d->data + (u32)r4, (u32)r2);
	return 0;
}

DEFINE_HELPER(dynptr_write)
{
	const Dynptr *d = PTR(r1);

	if (!d->data || d->flags & RDONLY || r5)
		return ERR(EINVAL);
	if (!inside(d, (u32)r2, (u32)r4))
		return ERR(E2BIG);
	memmove(d->data + (u32)r2, PTR(r3), (u32)r4);
	return 0;
}

DEFINE_HELPER(dynptr_data)
{
	const Dynptr *d = PTR(r1);

	if (!d->data || d->flags & RDONLY || !inside(d, (u32)r2, (u32)r3))
		return 0;
	return (u64)(uintptr_t)(d->data + (u32)r2);
}

DEFINE_HELPER(ringbuf_reserve_dynptr)
{
	Dynptr *d = PTR(r4);
	u32 size = (u32)r2;
	s64 err = r3 ? -EINVAL : size > LARGEST ? -E2BIG : 0;
	u64 record = err ? 0 : vm_h_ringbuf_reserve(r1, size, 0, 0, 0, c);

	vm_dynptr_set(d, PTR(record), record ? size : 0, false);
	return err ? (u64)err : record ? 0 : ERR(EINVAL);
}

DEFINE_HELPER(ringbuf_submit_dynptr)
{
	Dynptr *d = PTR(r1);

	if (d->data)
		vm_h_ringbuf_submit((u64)(uintptr_t)d->data, r2, 0, 0, 0, c);
	vm_dynptr_set(d, NULL, 0, false);
	return 0;
}

DEFINE_HELPER(ringbuf_discard_dynptr)
{
	Dynptr *d = PTR(r1);

	if (d->data)
		vm_h_ringbuf_discard((u64)(uintptr_t)d->data, r2, 0, 0, 0, c);
	vm_dynptr_set(d, NULL, 0, false);
	return 0;
}

/* ---- records that go the other way: from the user to the program ---- */

typedef struct Drain { VmContext *c; u64 fn, arg; bool ended; } Drain;

static int
sample(void *arg, const void *data, u32 size)
{
	Drain *d = arg;
	u64 slots[2], res = 1;

	vm_dynptr_set(slots, (void *)(uintptr_t)data, size, true);
	d->ended = !vm_callback(d->c, d->fn, (u64)(uintptr_t)slots, d->arg, 0, 0, &res);
	return res || d->ended;
}

DEFINE_HELPER(user_ringbuf_drain)
{
	Drain d = { c, r2, r3, false };

	if (r4 & ~(u64)(BPF_RB_NO_WAKEUP | BPF_RB_FORCE_WAKEUP))
		return ERR(EINVAL);
	return (u64)(s64)ring_drain(PTR(r1), sample, &d);
}
