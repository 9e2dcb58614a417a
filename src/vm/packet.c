/* packet: contexts of packet programs. As in the kernel's test runs, programs of the traffic class see the link header,
 * all other programs over __sk_buff start behind it. */
#include "vm/packet.h"

#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>

enum { HEAD_ROOM = 256, TAIL_ROOM = 320, LINK = 14 };

bool
vm_packet_type(u32 t)
{
	switch (t) {
	case BPF_PROG_TYPE_SOCKET_FILTER: case BPF_PROG_TYPE_SCHED_CLS: case BPF_PROG_TYPE_SCHED_ACT:
	case BPF_PROG_TYPE_XDP: case BPF_PROG_TYPE_CGROUP_SKB: case BPF_PROG_TYPE_LWT_IN: case BPF_PROG_TYPE_LWT_OUT:
	case BPF_PROG_TYPE_LWT_XMIT: case BPF_PROG_TYPE_SK_SKB: case BPF_PROG_TYPE_LWT_SEG6LOCAL:
		return true;
	}
	return false;
}

/* Memory below 4 GB. */
static u8 *
low_memory(size_t n)
{
	static u32 next = 0x10000000;
	u8 *p;

#ifdef MAP_32BIT
	p = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
	if (p != MAP_FAILED)
		return p;
#endif
	for (int tries = 0; tries < 4096; tries++) {
		u32 at = __atomic_fetch_add(&next, (u32)ALIGN(n, (size_t)1 << 20), __ATOMIC_RELAXED);

		p = mmap((void *)(uintptr_t)at, n, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
		if (p != MAP_FAILED && (uintptr_t)p + n <= UINT32_MAX)
			return p;
		if (p != MAP_FAILED)
			munmap(p, n);
	}
	return NULL;
}

int
vm_packet_open(VmPacket *p, u32 prog_type, const u8 *bytes, u32 n)
{
	bool l2 = prog_type == BPF_PROG_TYPE_SCHED_CLS || prog_type == BPF_PROG_TYPE_SCHED_ACT ||
		  prog_type == BPF_PROG_TYPE_XDP;

	if (n < LINK || n > 1 << 24)
		return n < LINK ? -EINVAL : -E2BIG;
	*p = (VmPacket){ .prog_type = prog_type };
	p->map_size = ALIGN((size_t)n + HEAD_ROOM + TAIL_ROOM + 512, 4096);
	p->map = low_memory(p->map_size);
	if (!p->map)
		return -ENOMEM;
	p->ctx = p->map;
	p->ctx_size = prog_type == BPF_PROG_TYPE_XDP ? sizeof(struct xdp_md) : sizeof(struct __sk_buff);
	p->room = p->map + 512;
	p->data = p->room + HEAD_ROOM;
	memcpy(p->data, bytes, n);
	p->end = p->data + n;
	p->max = p->end + TAIL_ROOM;
	p->net = LINK;
	if (!l2) {
		p->data += LINK;
		p->net = 0;
	}
	return 0;
}

void
vm_packet_close(VmPacket *p)
{
	if (p->map)
		munmap(p->map, p->map_size);
}

/* The 16 bits behind the two link addresses. */
static u16
ether_type(const VmContext *c)
{
	u16 v = 0;
	const u8 *p = c->data + vm_packet_net(c) - 2;

	if (p >= c->data_room && p + 2 <= c->data_end)
		memcpy(&v, p, 2);
	return v;
}

void
vm_packet_sync(VmContext *c, int what)
{
	u32 data = (u32)(uintptr_t)c->data, end = (u32)(uintptr_t)c->data_end;

	(void)what;
	if (c->prog->prog_type == BPF_PROG_TYPE_XDP) {
		struct xdp_md *x = (struct xdp_md *)c->ctx;

		x->data = data;
		x->data_end = end;
		x->data_meta = data;
	} else {
		struct __sk_buff *s = (struct __sk_buff *)c->ctx;

		s->data = data;
		s->data_end = end;
		s->data_meta = data;
		s->len = end - data;
	}
}

void
vm_packet_bind(const VmPacket *p, VmContext *c)
{
	c->ctx = p->ctx;
	c->ctx_size = p->ctx_size;
	c->data = p->data;
	c->data_end = p->end;
	c->data_room = p->room;
	c->data_max = p->max;
	c->net = p->data + p->net;
	memset(p->ctx, 0, p->ctx_size);
	if (p->prog_type == BPF_PROG_TYPE_XDP) {
		((struct xdp_md *)c->ctx)->ingress_ifindex = 1;
	} else {
		struct __sk_buff *s = (struct __sk_buff *)c->ctx;

		s->protocol = ether_type(c);
		s->ifindex = 1;
		s->wire_len = (u32)(p->end - p->data);
	}
	vm_packet_sync(c, 0);
}

s32
vm_packet_net(const VmContext *c)
{
	return (s32)(c->net - c->data);
}

s32
vm_packet_mac(const VmContext *c)
{
	return (s32)(c->net - c->data) - LINK;
}

u64
vm_packet_meta(VmContext *c, s32 by)
{
	struct xdp_md *x = (struct xdp_md *)c->ctx;
	u8 *to;

	if (c->prog->prog_type != BPF_PROG_TYPE_XDP || !c->data_room)
		return (u64)-EINVAL;
	to = (u8 *)(uintptr_t)x->data_meta + by;
	if (to < c->data_room || to > c->data || (c->data - to) % 4 || c->data - to > 252)
		return (u64)-EINVAL;
	x->data_meta = (u32)(uintptr_t)to;
	return 0;
}

int
vm_prog_run_packet(VmProg *p, const u8 *bytes, u32 n, u64 *r0, Buf *why)
{
	VmPacket pkt;
	VmContext c;
	int err = vm_packet_open(&pkt, p->prog_type, bytes, n);

	if (err) {
		if (why)
			buf_printf(why, "a packet of %u bytes: it takes 14 bytes to 16 MB", n);
		return err;
	}
	vm_context_init(&c, p);
	vm_packet_bind(&pkt, &c);
	err = vm_context_run(&c, (u64)(uintptr_t)c.ctx, 0, r0);
	if (err && why)
		vm_fault_words(&c, why);
	vm_packet_close(&pkt);
	return err;
}

/* More than any program of the type may read or write of its context. */
static u32
context_room(u32 prog_type)
{
	switch (prog_type) {
	case BPF_PROG_TYPE_SYSCALL: return 1 << 16;
	case BPF_PROG_TYPE_TRACEPOINT: case BPF_PROG_TYPE_RAW_TRACEPOINT_WRITABLE: return 1 << 13;
	}
	return 1 << 10;
}

int
vm_prog_run_context(VmProg *p, void *mem, u32 size, u64 *r0, Buf *why)
{
	static _Thread_local u8 small[1 << 10] __attribute__((aligned(16)));
	u32 room = context_room(p->prog_type);
	u8 *whole = small;
	int err;

	if (size > room || room > sizeof(small)) {
		room = MAX(room, size);
		whole = malloc(room);
		if (!whole)
			return -ENOMEM;
	}
	if (size)
		memcpy(whole, mem, size);
	memset(whole + size, 0, room - size);
	err = vm_prog_run(p, whole, room, r0, why);
	if (size)
		memcpy(mem, whole, size);
	if (whole != small)
		free(whole);
	return err;
}
