/* filter: nanoseconds per packet of the same filters: libpcap's interpreter on libpcap's optimized code, piton's classic
 * interpreter, and piton's JIT on piton's eBPF (r1 packet, r2 length). Packets: those of the captures given (Ethernet), or made. */
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
static u32 n_frames, cap;

static void
add(const u8 *p, u32 caplen, u32 len)
{
	u8 *copy = malloc(caplen);

	memcpy(copy, p, caplen);
	if (n_frames == cap)
		frames = realloc(frames, sizeof(Frame) * (cap = cap ? cap * 2 : 1024));
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
#define MEASURE(result, call) do { \
	double best_ = 1e18; \
	for (u32 round_ = 0; round_ < 12; round_++) { \
		double t_ = now(); \
		for (u32 i = 0; i < n_frames; i++) \
			sink += (call) != 0; \
		t_ = (now() - t_) / n_frames; \
		best_ = t_ < best_ ? t_ : best_; \
	} \
	result = best_; \
} while (0)

/* One context for all packets, as a capture would keep it. */
static u64
run_vm(VmContext *c, const Frame *f)
{
	u64 r0 = 0;

	vm_context_run(c, (u64)(uintptr_t)f->p, f->caplen, &r0);
	return r0;
}

static double
one(Arena *a, const char *expr)
{
	Diag *d = diag_new(a);
	FiltOpts o = { .linktype = 1 };
	Filt *f = filt_compile(a, d, expr, strlen(expr), &o);
	FiltEbpf e;
	Code code = { .name = "filter" };
	Verdict verdict = {0};
	pcap_t *p = pcap_open_dead(1, 262144);
	struct bpf_program prog;
	struct pcap_pkthdr h = {0};
	const FiltInsn *insn;
	u32 n, same = 0;
	double theirs, ours, jit;
	int err;
	Buf why = {0};
	InsnFacts *facts;
	VmProg *v;
	VmContext context, *c = &context;

	if (!f || !filt_ebpf(f, FILT_PLAIN, &e) || pcap_compile(p, &prog, expr, 1, 0)) {
		printf("%s: not compiled\n", expr);
		exit(1);
	}
	insn = filt_code(f, &n);
	code.insns = e.insns;
	code.n = e.n;
	facts = calloc(e.n, sizeof(InsnFacts));
	vm_verify(&code, NULL, 0, NULL, &verdict, facts);
	v = vm_prog_new(&code, NULL, 0, VM_JIT, true, &err, &why);
	if (!v) {
		printf("%s: no JIT: %d %s\n", expr, err, why.p ? why.p : "");
		exit(1);
	}
	vm_context_init(c, v);
	for (u32 i = 0; i < n_frames; i++) {
		h.caplen = frames[i].caplen;
		h.len = frames[i].len;
		same += !pcap_offline_filter(&prog, &h, frames[i].p) == !run_vm(c, &frames[i]);
	}
	if (same != n_frames) {
		printf("%s: %u packets of %u judged differently\n", expr, n_frames - same, n_frames);
		exit(1);
	}
	MEASURE(theirs, (h.caplen = frames[i].caplen, h.len = frames[i].len, pcap_offline_filter(&prog, &h, frames[i].p)));
	MEASURE(ours, filt_run(insn, n, frames[i].p, frames[i].caplen, frames[i].len));
	MEASURE(jit, run_vm(c, &frames[i]));
	printf("%-40s %8.1f %8.1f %8.1f %7.1fx\n", expr, theirs, ours, jit, theirs / jit);
	vm_prog_free(v);
	verdict_free(&verdict);
	free(facts);
	pcap_freecode(&prog);
	pcap_close(p);
	return theirs / jit;
}

int
main(int argc, char **argv)
{
	static const char *const exprs[] = { "ip", "tcp port 80", "tcp port 80 and not host 10.0.0.1",
		"tcp[tcpflags] & (tcp-syn|tcp-ack) != 0",
		"port 21 or 22 or 23 or 25 or 53 or 80 or 110 or 143 or 443 or 993 or 8080 or 8443" };
	Arena *a = arena_new();

	read_captures(a, argc - 1, argv + 1);
	if (!n_frames)
		make_frames();
	printf("%u packets; ns per packet: libpcap's interpreter, piton's, piton's JIT; libpcap / JIT\n", n_frames);
	for (u32 i = 0; i < COUNT(exprs); i++)
		one(a, exprs[i]);
	arena_free(a);
	return sink == 1;
}
