/* filter: nanoseconds per packet of the same filters: libpcap's interpreter on libpcap's optimized code, piton's classic
 * interpreter, and piton's JIT on piton's eBPF (r1 packet, r2 length): a call for each packet, and one call for a list of them, as
 * a capture has them (a block of a ring, a file). Packets: those of the captures given (Ethernet), or made. */
#include "filt/capture.h"
#include "filt/filt.h"
#include "vm/run.h"

#define bpf_insn bpf_insn_of_libpcap
#include <pcap/pcap.h>
#undef bpf_insn
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

typedef struct Frame { const u8 *p; u32 caplen, len; } Frame;
static Frame *frames;
static VmRun *runs;             /* the same for lists */
static u32 n_frames, cap;

static void
add(const u8 *p, u32 caplen, u32 len)
{
	u8 *copy = malloc(caplen);

	memcpy(copy, p, caplen);
	if (n_frames == cap) {
		cap = cap ? cap * 2 : 1024;
		frames = realloc(frames, sizeof(Frame) * cap);
		runs = realloc(runs, sizeof(VmRun) * cap);
	}
	runs[n_frames] = (VmRun){ copy, caplen, 0 };
	frames[n_frames++] = (Frame){ copy, caplen, len };
}

static void
read_captures(Arena *a, int n, char **files)
{
	Buf err = {0};

	for (int i = 0; i < n; i++) {
		CapReader *r = cap_open(a, files[i], &err);
		CapPacket p;
		u32 k;

		while (r && cap_next(r, &p, &err) == 1)
			if (cap_ifaces(r, &k)[p.iface].linktype == 1 && p.caplen == p.len)
				add(p.data, p.caplen, p.len);
		cap_close(r);
	}
	buf_free(&err);
}

static void
make_frames(void)
{
	u32 x = 12345;

	for (u32 i = 0; i < 7000; i++) {
		u8 p[100] = {0};

		x = x * 1103515245 + 12345;
		p[12] = 8;
		p[14] = 0x45;
		p[23] = x >> 16 & 3 ? 6 : 17;
		p[26] = 10;
		p[29] = (u8)(x >> 18 & 3);
		p[30] = 192;
		p[33] = (u8)(x >> 20);
		p[35] = (u8)(x >> 22);
		p[37] = x >> 24 & 1 ? 80 : (u8)(x >> 25);
		p[47] = (u8)(x >> 21 & 0x3f);
		if (!(x >> 27 & 7)) {
			p[12] = 0x86;
			p[13] = 0xdd;
			p[20] = 6;
			p[57] = 80;
		}
		add(p, sizeof(p), sizeof(p));
	}
}

static double
now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static u64 sink;

/* The best of some rounds over all packets. */
#define ROUNDS(result, body) do { \
	double best_ = 1e18; \
	for (u32 round_ = 0; round_ < 20; round_++) { \
		double t_ = now(); \
		body; \
		t_ = (now() - t_) / n_frames; \
		best_ = t_ < best_ ? t_ : best_; \
	} \
	result = best_; \
} while (0)
#define MEASURE(result, call) ROUNDS(result, for (u32 i = 0; i < n_frames; i++) sink += (call) != 0)

static u64
run_vm(VmProg *p, const Frame *f)
{
	return vm_prog_fn(p)((void *)(uintptr_t)f->p, f->caplen);
}

/* 256 packets a call; gives how many are accepted. */
static u64
run_lists(VmProg *p)
{
	u64 accepted = 0;

	for (u32 at = 0, k; at < n_frames; at += k) {
		k = MIN(n_frames - at, 256u);
		accepted += (u64)vm_prog_run_each(p, &runs[at], k, NULL);
	}
	return accepted;
}

static double
one(Arena *a, const char *expr)
{
	Diag *d = diag_new(a);
	FiltOpts o = { .linktype = 1 };
	Filt *f = filt_compile(a, d, expr, strlen(expr), &o);
	FiltEbpf e;
	Code code = { .name = "filter" };
	pcap_t *p = pcap_open_dead(1, 262144);
	struct bpf_program prog;
	struct pcap_pkthdr h = {0};
	const FiltInsn *insn;
	u32 n, same = 0, accepted = 0;
	double theirs, ours, jit, each;
	int err;
	Buf why = {0};
	VmProg *v;
	VmFn *fn;

	if (!f || !filt_ebpf(f, FILT_PLAIN, &e) || pcap_compile(p, &prog, expr, 1, 0)) {
		printf("%s: not compiled\n", expr);
		exit(1);
	}
	insn = filt_code(f, &n);
	code.insns = e.insns;
	code.n = e.n;
	v = vm_prog_new(&code, NULL, 0, VM_JIT, true, &err, &why);
	if (!v || !vm_prog_fn(v)) {
		printf("%s: no JIT: %d %s\n", expr, err, why.p ? why.p : "");
		exit(1);
	}
	for (u32 i = 0; i < n_frames; i++) {
		h.caplen = frames[i].caplen;
		h.len = frames[i].len;
		same += !pcap_offline_filter(&prog, &h, frames[i].p) == !run_vm(v, &frames[i]);
		accepted += run_vm(v, &frames[i]) != 0;
	}
	same -= run_lists(v) != accepted;
	for (u32 i = 0; i < n_frames; i++)
		same -= !runs[i].r0 != !run_vm(v, &frames[i]);
	if (same != n_frames) {
		printf("%s: %u packets of %u judged differently\n", expr, n_frames - same, n_frames);
		exit(1);
	}
	MEASURE(theirs, (h.caplen = frames[i].caplen, h.len = frames[i].len, pcap_offline_filter(&prog, &h, frames[i].p)));
	MEASURE(ours, filt_run(insn, n, frames[i].p, frames[i].caplen, frames[i].len));
	fn = vm_prog_fn(v);
	MEASURE(jit, fn((void *)(uintptr_t)frames[i].p, frames[i].caplen));
	ROUNDS(each, sink += run_lists(v));
	printf("%-40.40s %8.1f %8.1f %8.1f %7.1fx %8.1f %7.1fx\n", expr, theirs, ours, jit, theirs / jit, each, theirs / each);
	vm_prog_free(v);
	pcap_freecode(&prog);
	pcap_close(p);
	return theirs / each;
}

int
main(int argc, char **argv)
{
	static const char *const exprs[] = { "ip", "tcp port 80", "tcp port 80 and not host 10.0.0.1",
		"tcp[tcpflags] & (tcp-syn|tcp-ack) != 0",
		"port 21 or 22 or 23 or 25 or 53 or 80 or 110 or 143 or 443 or 993 or 8080 or 8443" };
	Arena *a = arena_new();
	double least = 1e9;

	read_captures(a, argc - 1, argv + 1);
	if (!n_frames)
		make_frames();
	printf("%u packets, ns per packet; JIT: a call for each, and a list of 256 a call\n", n_frames);
	printf("%-40s %8s %8s %8s %8s %8s %8s\n", "filter", "libpcap", "piton", "JIT", "ratio", "lists", "ratio");
	for (u32 i = 0; i < COUNT(exprs); i++) {
		double ratio = one(a, exprs[i]);

		least = ratio < least ? ratio : least;
	}
	printf("libpcap's interpreter / lists through the JIT: at least %.1f\n", least);
	arena_free(a);
	return sink == 1;
}
