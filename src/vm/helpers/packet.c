/* packet: what programs do with the packet of their context. The bytes of data .. data_end are one piece; what adjusts
 * them keeps the room around them, and the context's pointers are set anew (vm_packet_sync). */
#include "vm/helpers/helpers.h"
#include "vm/packet.h"

#include <errno.h>

static u64
room(const VmContext *c)
{
	return (u64)(c->data_end - c->data);
}

static u64
load(VmContext *c, u64 off, u64 to, u64 n)
{
	if (off > room(c) || n > room(c) - off) {
		memset(PTR(to), 0, n);
		return ERR(EFAULT);
	}
	memcpy(PTR(to), c->data + off, n);
	return 0;
}

static u64
store(VmContext *c, u64 off, u64 from, u64 n)
{
	if (off > room(c) || n > room(c) - off)
		return ERR(EFAULT);
	memmove(c->data + off, PTR(from), n);
	return 0;
}

DEFINE_HELPER(skb_load_bytes) { return load(c, (u32)r2, r3, (u32)r4); }
DEFINE_HELPER(xdp_load_bytes) { return load(c, (u32)r2, r3, (u32)r4); }
DEFINE_HELPER(skb_store_bytes) { return r5 & ~3ull ? ERR(EINVAL) : store(c, (u32)r2, r3, (u32)r4); }
DEFINE_HELPER(xdp_store_bytes) { return store(c, (u32)r2, r3, (u32)r4); }

/* From the link header (0) or the network header (1). */
DEFINE_HELPER(skb_load_bytes_relative)
{
	u64 base = r5 == BPF_HDR_START_MAC ? vm_packet_mac(c) : vm_packet_net(c);
	const u8 *p = c->data + (s64)base + (u32)r2;

	if (r5 > BPF_HDR_START_NET || p + (u32)r4 > c->data_end || p < c->data_room) {
		memset(PTR(r3), 0, (u32)r4);
		return r5 > BPF_HDR_START_NET ? ERR(EINVAL) : ERR(EFAULT);
	}
	memcpy(PTR(r3), p, (u32)r4);
	return 0;
}

DEFINE_HELPER(skb_pull_data) { return (u32)r2 > room(c) ? ERR(ENOMEM) : 0; }
DEFINE_HELPER(xdp_get_buff_len) { return room(c); }

DEFINE_HELPER(xdp_adjust_head)
{
	u8 *to = c->data + (s32)r2;

	if (!c->data_room || to < c->data_room || to > c->data_end - 14)
		return ERR(EINVAL);
	c->data = to;
	vm_packet_sync(c, VM_PACKET_HEAD);
	return 0;
}

DEFINE_HELPER(xdp_adjust_tail)
{
	u8 *to = c->data_end + (s32)r2;

	if (!c->data_room || to > c->data_max || to < c->data + 14)
		return ERR(EINVAL);
	if (to > c->data_end)
		memset(c->data_end, 0, (size_t)(to - c->data_end));
	c->data_end = to;
	vm_packet_sync(c, 0);
	return 0;
}

DEFINE_HELPER(xdp_adjust_meta) { return vm_packet_meta(c, (s32)r2); }

/* ---- checksums: 16-bit words in one's complement ---- */

static u16
fold(u64 s)
{
	while (s >> 16)
		s = (s & 0xffff) + (s >> 16);
	return (u16)s;
}

DEFINE_HELPER(csum_diff)
{
	u32 from = (u32)r2, to = (u32)r4;
	const u8 *p = PTR(r1), *q = PTR(r3);
	u64 s = (u32)r5;
	u32 w;

	if ((from | to) & 3 || from + to > VM_STACK)
		return ERR(EINVAL);
	for (u32 i = 0; i < from; i += 4) {
		memcpy(&w, p + i, 4);
		s += (u32)~w;
	}
	for (u32 i = 0; i < to; i += 4) {
		memcpy(&w, q + i, 4);
		s += w;
	}
	while (s >> 32)
		s = (s & 0xffffffff) + (s >> 32);
	return fold(s);
}

static u64
replace(VmContext *c, u32 off, u64 from, u64 to, u32 size, bool mangled)
{
	u16 have;

	if (off > room(c) || room(c) - off < 2)
		return ERR(EFAULT);
	memcpy(&have, c->data + off, 2);
	if (mangled && !have)
		return 0;
	switch (size) {
	case 0: have = (u16)~fold((u64)(u16)~have + fold((u32)to)); break;
	case 2: have = (u16)~fold((u64)(u16)~have + (u16)~from + (u16)to); break;
	case 4: have = (u16)~fold((u64)(u16)~have + fold((u32)~from) + fold((u32)to)); break;
	default: return ERR(EINVAL);
	}
	if (mangled && !have)
		have = 0xffff;
	memcpy(c->data + off, &have, 2);
	return 0;
}

DEFINE_HELPER(l3_csum_replace)
{
	return r5 & ~0xfull ? ERR(EINVAL) : replace(c, (u32)r2, r3, r4, r5 & 15, false);
}

DEFINE_HELPER(l4_csum_replace)
{
	return r5 & ~(0xfull | BPF_F_PSEUDO_HDR | BPF_F_MARK_MANGLED_0) ? ERR(EINVAL) :
	       replace(c, (u32)r2, r3, r4, r5 & 15, r5 & BPF_F_MARK_MANGLED_0);
}
