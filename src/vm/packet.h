/* packet: a packet and the context that a program of its type gets (struct __sk_buff, struct xdp_md). The pointers in
 * these structs have 32 bits, so both lie below 4 GB: no instruction needs to be rewritten. */
#ifndef VM_PACKET_H
#define VM_PACKET_H

#include "vm/run.h"

typedef struct VmPacket {
	u8 *map;
	size_t map_size;
	u8 *ctx;
	u32 ctx_size, prog_type, net;   /* net: offset of the network header from data */
	u8 *room, *data, *end, *max;
} VmPacket;

enum { VM_PACKET_HEAD = 1 };    /* data moved: metadata in front of it is gone */

bool vm_packet_type(u32 prog_type);             /* do programs of this type run over a packet? */
/* Runs p, whose type has no packet, over a context: mem, behind which lie zeroes as far as the verifier lets programs of this
 * type look; what the program wrote into the first `size` bytes goes back. */
int vm_prog_run_context(VmProg *p, void *mem, u32 size, u64 *r0, Buf *why);
int vm_packet_open(VmPacket *p, u32 prog_type, const u8 *bytes, u32 n);         /* 0 or -errno */
void vm_packet_close(VmPacket *p);
void vm_packet_bind(const VmPacket *p, VmContext *c);
void vm_packet_sync(VmContext *c, int what);
u64 vm_packet_meta(VmContext *c, s32 by);
s32 vm_packet_mac(const VmContext *c);          /* offsets of headers from data */
s32 vm_packet_net(const VmContext *c);
/* Runs p over a packet. */
int vm_prog_run_packet(VmProg *p, const u8 *bytes, u32 n, u64 *r0, Buf *why);

#endif
