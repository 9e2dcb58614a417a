#include "bench.h"
/* many small packets one after another: Ethernet, VLAN, IPv4 or IPv6, TCP or UDP ports */
static __attribute__((always_inline)) u32
be16(const u8 *p)
{
	return (u32)p[0] << 8 | p[1];
}

BENCH
{
	u64 sum = 0;

	for (u64 i = 0; i + 128 <= n; i += 64) {
		const u8 *q = p + i;
		u32 type = be16(q + 12), off = 14, proto, len;

		if (type == 0x8100) {
			type = be16(q + 16);
			off = 18;
		}
		if (type == 0x0800) {
			len = (q[off] & 15u) * 4;
			if (len < 20)
				continue;
			proto = q[off + 9];
			sum += *(u32 *)(q + off + 12) ^ *(u32 *)(q + off + 16);
			off += len;
		} else if (type == 0x86dd) {
			proto = q[off + 6];
			sum += *(u64 *)(q + off + 8);
			off += 40;
		} else {
			sum++;
			continue;
		}
		if (proto == 6 || proto == 17)
			sum += be16(q + off) * 3u + be16(q + off + 2);
		else
			sum += proto;
	}
	return sum;
}
