/* Filters as eBPF in the host's kernel: socket (with maps and without), tc and XDP programs are loaded and run over packets; each
 * must decide as the classic program does. With an argument, nanoseconds of each for a long list are printed. */
#include "cmd/filter.h"
#include "kern/kern.h"

#include <assert.h>
#include <errno.h>
#include <linux/bpf.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { PACKETS = 60, SIZE = 200 };
static const struct { const char *name; int kind; u32 type; } kinds[] = {
	{ "socket", FILT_SOCKET, BPF_PROG_TYPE_SOCKET_FILTER }, { "live", FILT_LIVE, BPF_PROG_TYPE_SOCKET_FILTER },
	{ "tc", FILT_TC, BPF_PROG_TYPE_SCHED_CLS }, { "xdp", FILT_XDP, BPF_PROG_TYPE_XDP },
};
static u64 rng = 0x853c49e6748fea9bull;

static u32
rnd(u32 n)
{
	rng = rng * 6364136223846793005ull + 1442695040888963407ull;
	return (u32)(rng >> 33) % n;
}

static void
make(u8 *p, u32 i)
{
	static const u8 protos[] = { 1, 6, 6, 17, 17, 132, 50 };
	bool six = rnd(4) == 0;

	memset(p, 0, SIZE);
	p[12] = six ? 0x86 : 8;
	p[13] = six ? 0xdd : 0;
	p[14] = six ? 0x60 : 0x45 + (rnd(4) ? 0 : 1);
	p[six ? 20 : 23] = protos[rnd(sizeof(protos))];
	for (u32 at = 26; at < 34 && !six; at++)
		p[at] = at % 4 == 2 ? 10 : (u8)rnd(3);
	if (!six && rnd(5) == 0)
		p[20] = 0x20, p[21] = (u8)rnd(2);
	for (u32 at = 34; at < 60; at += 2)
		p[at + 1] = (u8)(rnd(2) ? 80 : rnd(256));
	if (i % 7 == 0)
		for (u32 at = 14; at < SIZE; at++)
			p[at] = (u8)rnd(256);
}

static u32
run(int fd, const u8 *p, u32 n, u32 repeat, u32 *ns)
{
	u8 out[SIZE + 256];
	union bpf_attr a = { .test = { .prog_fd = (u32)fd, .data_in = (u64)(uintptr_t)p, .data_size_in = n, .repeat = repeat,
		.data_out = (u64)(uintptr_t)out, .data_size_out = sizeof(out) } };

	if (syscall(SYS_bpf, BPF_PROG_TEST_RUN, &a, sizeof(a))) {
		perror("test run");
		assert(false);
	}
	*ns = a.test.duration;
	return a.test.retval;
}

static bool
accepts(int kind, u32 r)
{
	return kind == FILT_TC ? r == 0 : kind == FILT_XDP ? r == 2 : r != 0;
}

/* The kernel runs socket filters behind the Ethernet header: link type RAW there. */
static void
try(const char *expr, u32 k, bool timed)
{
	bool raw = kinds[k].type == BPF_PROG_TYPE_SOCKET_FILTER;
	FiltOpts o = { .linktype = raw ? 12 : 1 };
	Arena *a = arena_new();
	Filt *f = filt_compile(a, diag_new(a), expr, strlen(expr), &o);
	Machine *m = kern_machine_new();
	Refusal why = {0};
	FiltEbpf e;
	const FiltInsn *insn;
	u32 n, ns, taken = 0;
	int prog;

	assert(f && filt_ebpf(f, kinds[k].kind, &e));
	insn = filt_code(f, &n);
	prog = filter_load(m, a, &e, kinds[k].type, &why);
	if (prog < 0) {
		printf("%s '%.60s': %s\n%.2000s\n", kinds[k].name, expr, strerror(-prog), why.log.p ? why.log.p : "");
		assert(false);
	}
	for (u32 i = 0; i < PACKETS; i++) {
		u8 p[SIZE];
		u32 len = rnd(5) ? SIZE : 54 + rnd(40);  /* no less than the headers the kernel wants to see */
		bool want, got;

		make(p, i);
		want = filt_run(insn, n, raw ? p + 14 : p, raw ? len - 14 : len, raw ? len - 14 : len) != 0;
		got = accepts(kinds[k].kind, run(kern_prog_fd(m, prog), p, len, 1, &ns));
		if (want != got) {
			printf("%s '%.60s': packet %u (%u bytes) classic %d, kernel %d\n", kinds[k].name, expr, i, len, want, got);
			assert(false);
		}
		taken += got;
		if (timed && i == 1) {
			run(kern_prog_fd(m, prog), p, SIZE, 200000, &ns);
			printf("%-6s %5u instructions, %u maps: %u ns\n", kinds[k].name, e.n, e.maps.n, ns);
		}
	}
	if (timed)
		printf("  %u of %u taken\n", taken, PACKETS);
	buf_free(&why.log);
	buf_free(&e.table);
	m->ops->close(m);
	arena_free(a);
}

static const char *
hosts(u32 n, const char *mask)
{
	static char text[400000];
	size_t at = 0;

	for (u32 i = 0; i < n; i++)
		at += (size_t)snprintf(text + at, sizeof(text) - at, "%ssrc net 10.%u.%u.%u%s", i ? " or " : "", i % 3, i / 3 % 200,
			*mask == 'x' ? 0 : i / 600 * 64, *mask == 'x' ? mask + 1 : mask);
	return text;
}

int
main(int argc, char **argv)
{
	static const char *const exprs[] = { "", "tcp port 80", "not tcp port 80", "ip[2:2] > 5 or udp", "port 80 and not host 10.0.0.1",
		"tcp[tcpflags] & tcp-syn != 0", "ip6 and tcp", "tcp[ip[0] & 0xf] = 80", "len > 100 and udp[len - 60] = 80",
		"ip[0] << ip[1] > 5", "ip[6:2] / ip[0] = 3", "ip protochain 17", "portrange 10-90 or net 10.1", "1 = 2",
		"udp port (1 or 3 or 5 or 7 or 9 or 11 or 13 or 80)" };

	(void)argv;
	if (kern_usable() || geteuid()) {
		puts("bpf(2) is not allowed here");
		return 77;
	}
	for (u32 k = 0; k < COUNT(kinds); k++) {
		for (u32 i = 0; i < COUNT(exprs); i++)
			try(exprs[i], k, false);
		try(hosts(100, "/32"), k, argc > 1);
		try(hosts(900, "/32"), k, argc > 1);
		try(hosts(900, "x/24"), k, argc > 1);
		try(hosts(2000, "/26"), k, argc > 1);
	}
	return 0;
}
