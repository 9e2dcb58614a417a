/* One source for three machines: native (gcc), piton's VM (r1 memory, r2 size) and, with -DKERNEL, an XDP program. */
typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;
typedef long long s64;

#ifdef KERNEL
enum { SIZE = 1024 };
struct xdp_md { u32 data, data_end; };
#define BENCH \
	static __attribute__((always_inline)) u64 work(u8 *p, u64 n); \
	__attribute__((section("xdp"), used)) int prog(struct xdp_md *x) \
	{ \
		u8 *p = (u8 *)(long)x->data; \
		if (p + SIZE > (u8 *)(long)x->data_end) \
			return 0; \
		return (int)work(p, SIZE); \
	} \
	char license_[] __attribute__((section("license"))) = "GPL"; \
	static __attribute__((always_inline)) u64 work(u8 *p, u64 n)
#else
#define BENCH u64 prog(u8 *p, u64 n)
#endif
