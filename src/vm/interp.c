/* interp: the threaded interpreter. isa.def holds what instructions mean; interp_loop.h makes a loop of it, once with
 * every access checked (for programs that nobody verified) and once without. */
#include "vm/run.h"
#include "vm/maps/maps.h"

#include <endian.h>
#include <errno.h>
#include <linux/filter.h>

/* Memory at any alignment, aliasing anything. */
#define MEM(T) typedef T T##_mem __attribute__((aligned(1), may_alias));
MEM(u8) MEM(u16) MEM(u32) MEM(u64) MEM(s8) MEM(s16) MEM(s32) MEM(s64)

typedef struct VmFrame { const Op *back; u64 r6, r7, r8, r9; } VmFrame;

/* A packet load of LD_ABS/LD_IND: false ends the program with 0. Negative offsets count from the network header
 * (SKF_NET_OFF) or the link header (SKF_LL_OFF) and may reach what lies in front of data. */
bool
vm_packet_load(const VmContext *c, s64 off, u32 size, u64 *v)
{
	const u8 *p;
	s64 len = c->data_end - c->data;
	u32 word;

	if (off < 0 && off >= SKF_NET_OFF && c->net)
		off += c->net - c->data - SKF_NET_OFF;
	else if (off < 0 && off >= SKF_LL_OFF && c->net)
		off += c->net - c->data - 14 - SKF_LL_OFF;
	else if (off < 0)
		return false;
	if (!c->data || off + size > len)
		return false;
	p = c->data + off;
	switch (size) {
	case 1: *v = *p; break;
	case 2: *v = (u64)p[0] << 8 | p[1]; break;
	default: memcpy(&word, p, 4); *v = be32toh(word);
	}
	return true;
}

#define LOOP run_checked
#define CHECKED 1
#include "vm/interp_loop.h"
#undef LOOP
#undef CHECKED
#define LOOP run_unchecked
#define CHECKED 0
#include "vm/interp_loop.h"

const void *const *
vm_interp_labels(bool checked)
{
	const void *const *labels;

	if (checked)
		run_checked(NULL, NULL, 0, 0, 0, 0, 0, (u64 *)&labels);
	else
		run_unchecked(NULL, NULL, 0, 0, 0, 0, 0, (u64 *)&labels);
	return labels;
}

int
vm_interp(VmContext *c, const Op *pc, u64 r1, u64 r2, u64 r3, u64 r4, u64 r5, u64 *r0)
{
	return c->prog->checked ? run_checked(c, pc, r1, r2, r3, r4, r5, r0) : run_unchecked(c, pc, r1, r2, r3, r4, r5, r0);
}
