/* diff: piton's filter compiler beside libpcap's.
 *   diff public FILE.tsv [-v] [-s SEED] [-p PACKETS] [CAPTURE...]   every expression of the table
 *   diff one LINKTYPE EXPR [-v]                                      one expression
 *   diff fuzz [-s SEED] [-n PAIRS] [-p PACKETS]                      expressions made at random (-v: those longer than libpcap's)
 *   diff print                                                       instructions as text
 * The oracle is libpcap's code without its optimizer, run by filt_run_checked(). Packets: made here, steered through the
 * oracle's branches by changing what it loads, and those of the captures. A packet on which the oracle's load left the
 * packet may be judged either way by optimized code (the load may be gone), never by code that is not optimized. */
#include "filt/filt.h"
#include "vm/vm.h"

#include <linux/filter.h>
#define bpf_insn bpf_insn_of_libpcap             /* <linux/bpf.h> has another */
#include <pcap/pcap.h>
#undef bpf_insn
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { MAX = 400, STEPS = 20000, SNAP = 262144 };
static u64 rng = 88172645463325252ull;
static bool verbose;
static u32 failures, ebpf_runs;
static const char *only;

static u32
rnd(u32 n)
{
	rng ^= rng << 13;
	rng ^= rng >> 7;
	rng ^= rng << 17;
	return (u32)(rng >> 33) % n;
}

/* ---- packets ---- */

typedef struct Packet { u8 b[MAX]; u32 n; } Packet;

static void
put16(u8 *p, u32 v)
{
	p[0] = (u8)(v >> 8);
	p[1] = (u8)v;
}

static u32
ipv4(u8 *p)
{
	static const u8 protos[] = { 1, 2, 6, 6, 6, 17, 17, 17, 47, 50, 51, 58, 89, 112, 132, 4, 41 };
	u32 ihl = rnd(6) ? 5 : 5 + rnd(11);

	p[0] = (u8)(0x40 | ihl);
	put16(p + 6, rnd(5) ? 0 : rnd(65536));
	p[9] = protos[rnd(sizeof(protos))];
	if (rnd(2)) {
		memcpy(p + 12, "\x0a\0\0\x01", 4);
		memcpy(p + 16, rnd(2) ? "\xc0\xa8\1\1" : "\x0a\0\0\x02", 4);
	}
	if (!rnd(3))
		put16(p + ihl * 4, 80);
	if (!rnd(4))
		put16(p + ihl * 4 + 2, rnd(2) ? 6081 : 53);
	return ihl * 4;
}

static u32
ipv6(u8 *p)
{
	static const u8 next[] = { 0, 6, 6, 17, 17, 43, 44, 51, 58, 59, 60, 132 };
	u32 at = 40;
	u8 *field = p + 6;

	p[0] = 0x60;
	for (u32 i = 0; i < 4; i++) {
		u8 v = next[rnd(sizeof(next))];

		*field = v;
		if (v != 0 && v != 43 && v != 44 && v != 60 && v != 51)
			break;
		field = p + at;
		p[at + 1] = (u8)rnd(3);
		at += v == 51 ? (p[at + 1] + 2) * 4 : (p[at + 1] + 1) * 8;
	}
	if (!rnd(4))
		put16(p + 42, 6081);
	return at;
}

static void
network(u8 *p, u32 type)
{
	if (type == 0x0800)
		ipv4(p);
	else if (type == 0x86dd)
		ipv6(p);
}

/* Bytes at random, with headers that make sense in front. */
static void
make_packet(int dlt, Packet *k)
{
	static const u16 types[] = { 0x0800, 0x0800, 0x0800, 0x86dd, 0x86dd, 0x0806, 0x8035, 0x8100, 0x88a8, 0x9100, 0x8847,
		0x8863, 0x8864, 0x809b, 0x80f3, 0x8137, 0x6003, 46, 1500, 0x21, 0x57 };
	u32 type = types[rnd(COUNT(types))], off = 0;

	k->n = rnd(10) ? 60 + rnd(MAX - 60) : rnd(80);
	for (u32 i = 0; i < MAX; i++)
		k->b[i] = rnd(4) ? 0 : (u8)rnd(256);
	switch (dlt) {
	case DLT_EN10MB:
		for (off = 12; off < 40 && (type == 0x8100 || type == 0x88a8 || type == 0x9100); off += 4) {
			put16(k->b + off, type);
			type = types[rnd(COUNT(types))];
		}
		put16(k->b + off, type);
		off += 2;
		if (type == 0x8847)
			for (type = rnd(2) ? 0x0800 : 0x86dd; off < 40; off += 4) {
				k->b[off + 2] = (u8)rnd(2);
				if (k->b[off + 2])
					break;
			}
		if (type == 0x8864) {
			type = rnd(2) ? 0x0800 : 0x86dd;
			put16(k->b + off + 6, type == 0x0800 ? 0x21 : 0x57);
			off += 8;
		}
		if (type < 1501) {
			static const u8 saps[] = { 0xfe, 0x42, 0xe0, 0xf0, 0xaa, 0xff, 6 };

			k->b[off] = k->b[off + 1] = saps[rnd(sizeof(saps))];
			k->b[off + 2] = 3;
		}
		break;
	case DLT_LINUX_SLL: put16(k->b + 14, type); put16(k->b, rnd(5)); off = 16; break;
	case DLT_LINUX_SLL2: put16(k->b, type); k->b[10] = (u8)rnd(5); off = 20; break;
	case DLT_RAW: case DLT_IPV4: case DLT_IPV6: break;
	case DLT_PPP: case DLT_C_HDLC:
		put16(k->b + 2, dlt == DLT_C_HDLC ? type : type == 0x0800 ? 0x21 : type == 0x86dd ? 0x57 : type);
		off = 4;
		break;
	case DLT_NULL: case DLT_LOOP:
		memset(k->b, 0, 4);
		k->b[dlt == DLT_NULL ? 0 : 3] = type == 0x86dd ? 10 : 2;
		off = 4;
		break;
	case DLT_IEEE802_11: case DLT_IEEE802_11_RADIO:
		if (dlt == DLT_IEEE802_11_RADIO) {
			off = 8 + rnd(30);
			k->b[2] = (u8)off;
			k->b[3] = 0;
		}
		k->b[off] = (u8)(rnd(3) ? (rnd(2) ? 0x08 : 0x88) : rnd(256));
		k->b[off + 1] = (u8)rnd(4);
		off += k->b[off] & 0x80 ? 26 : 24;
		memcpy(k->b + off, "\xaa\xaa\3\0\0\0", 6);
		put16(k->b + off + 6, type);
		off += 8;
		break;
	}
	network(k->b + off, type);
	if (!rnd(8))
		k->n = MIN(k->n, off + rnd(60));
}

static u32
peek(const Packet *p, u64 at, u32 size, bool *ok)
{
	u32 v = 0;

	*ok = at + size <= p->n;
	for (u32 i = 0; *ok && i < size; i++)
		v = v << 8 | p->b[at + i];
	return v;
}

static void
poke(Packet *p, u64 at, u32 size, u32 v)
{
	for (u32 i = size; i-- > 0; v >>= 8)
		p->b[at + i] = (u8)v;
}

/* Runs the program, and at comparisons of what was loaded changes the packet so that it goes one way or the other. */
static void
steer(const FiltInsn *insn, u32 n, Packet *p)
{
	u32 a = 0, x = 0, m[16] = {0}, size = 0, mask = 0xffffffffu;
	u64 at = 0;
	bool ok, known = false;

	for (u32 pc = 0, steps = 0; pc < n && steps < 2000; steps++) {
		const FiltInsn *i = &insn[pc++];
		u32 b = BPF_SRC(i->code) == BPF_X ? x : i->k;

		switch (BPF_CLASS(i->code)) {
		case BPF_LD:
			known = false;
			switch (BPF_MODE(i->code)) {
			case BPF_IMM: a = i->k; break;
			case BPF_MEM: a = m[i->k & 15]; break;
			case BPF_LEN: a = p->n; break;
			default:
				size = BPF_SIZE(i->code) == BPF_B ? 1 : BPF_SIZE(i->code) == BPF_H ? 2 : 4;
				at = BPF_MODE(i->code) == BPF_ABS ? i->k : (u64)x + i->k;
				a = peek(p, at, size, &ok);
				if (!ok)
					return;
				known = true;
				mask = 0xffffffffu;
			}
			break;
		case BPF_LDX:
			if (BPF_MODE(i->code) == BPF_MSH) {
				x = (peek(p, i->k, 1, &ok) & 0xf) << 2;
				if (!ok)
					return;
			} else {
				x = BPF_MODE(i->code) == BPF_IMM ? i->k : BPF_MODE(i->code) == BPF_MEM ? m[i->k & 15] : p->n;
			}
			break;
		case BPF_ST: m[i->k & 15] = a; break;
		case BPF_STX: m[i->k & 15] = x; break;
		case BPF_ALU:
			switch (BPF_OP(i->code)) {
			case BPF_ADD: a += b; break;
			case BPF_SUB: a -= b; break;
			case BPF_MUL: a *= b; break;
			case BPF_DIV: a = b ? a / b : 0; break;
			case BPF_MOD: a = b ? a % b : 0; break;
			case BPF_AND: a &= b; mask &= b; break;
			case BPF_OR: a |= b; break;
			case BPF_XOR: a ^= b; break;
			case BPF_LSH: a = b < 32 ? a << b : 0; break;
			case BPF_RSH: a = b < 32 ? a >> b : 0; break;
			case BPF_NEG: a = -a; break;
			}
			if (BPF_OP(i->code) != BPF_AND || BPF_SRC(i->code) == BPF_X)
				known = false;
			break;
		case BPF_JMP:
			if (BPF_OP(i->code) == BPF_JA) {
				pc += i->k;
				break;
			}
			if (known && !rnd(2)) {
				u32 old = peek(p, at, size, &ok), v = b;

				switch (BPF_OP(i->code)) {
				case BPF_JEQ: v = rnd(3) ? b : b ^ 1; break;
				case BPF_JGT: v = b + rnd(2); break;
				case BPF_JGE: v = b - rnd(2); break;
				case BPF_JSET: v = rnd(2) ? old | b : old & ~b; break;
				}
				v = (old & ~mask) | (v & mask);
				poke(p, at, size, v);
				a = peek(p, at, size, &ok) & mask;
			}
			pc += (BPF_OP(i->code) == BPF_JEQ ? a == b : BPF_OP(i->code) == BPF_JGT ? a > b :
				BPF_OP(i->code) == BPF_JGE ? a >= b : (a & b) != 0) ? i->jt : i->jf;
			break;
		case BPF_RET: return;
		default:
			if (BPF_MISCOP(i->code) == BPF_TAX)
				x = a;
			else {
				a = x;
				known = false;
			}
		}
	}
}

/* ---- one expression ---- */

typedef struct Program { FiltInsn *insn; u32 n; char err[PCAP_ERRBUF_SIZE]; } Program;

static bool
oracle(int dlt, const char *expr, bool optimize, u32 mask, Program *out)
{
	pcap_t *p = pcap_open_dead(dlt, SNAP);
	struct bpf_program prog;

	out->insn = NULL;
	if (pcap_compile(p, &prog, expr, optimize, mask)) {
		snprintf(out->err, sizeof(out->err), "%s", pcap_geterr(p));
		pcap_close(p);
		return false;
	}
	pcap_close(p);
	out->n = prog.bf_len;
	out->insn = malloc(sizeof(FiltInsn) * prog.bf_len);
	memcpy(out->insn, prog.bf_insns, sizeof(FiltInsn) * prog.bf_len);
	pcap_freecode(&prog);
	return true;
}

static void
show(const char *what, const FiltInsn *insn, u32 n)
{
	Buf b = {0};

	filt_print(insn, n, 1, &b);
	printf("%s:\n%s", what, b.p);
	buf_free(&b);
}

static void
wrong(int dlt, const char *expr, const char *fmt, ...)
{
	va_list ap;

	failures++;
	printf("FAIL %s '%s': ", pcap_datalink_val_to_name(dlt), expr);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	putchar('\n');
}

typedef struct Both { Arena *a; Diag *d; Filt *opt, *plain; FiltEbpf e; VmProg *prog; VmMap *map; } Both;

/* The eBPF program for r1 = packet, r2 = its length, on piton's own machine. */
static void
make_ebpf(Both *b, const char *expr)
{
	Code code = { .name = "filter" };
	MapDef def = { .name = "table", .type = BPF_MAP_TYPE_ARRAY, .key_size = 4, .max_entries = 1 };
	Buf why = {0};
	int err = 0;

	if (!filt_ebpf(b->opt, FILT_PLAIN, &b->e))
		return;
	code.insns = b->e.insns;
	code.n = b->e.n;
	def.value_size = (u32)b->e.table.n;
	def.init = b->e.table.p;
	if (def.value_size) {
		u32 key = 0;

		b->map = vm_map_new(&def, &err);
		if (b->map)
			err = vm_map_update(b->map, &key, b->e.table.p, 0);
	}
	if (!err)
		b->prog = vm_prog_new(&code, &b->map, b->map != NULL, VM_INTERP_CHECKED, false, &err, &why);
	if (!b->prog) {
		failures++;
		printf("FAIL '%s': the machine does not take the eBPF program: %d %s\n", expr, err, why.p ? why.p : "");
	}
	buf_free(&why);
}

static void
drop_ebpf(Both *b)
{
	if (b->prog)
		vm_prog_free(b->prog);
	if (b->map)
		vm_map_free(b->map);
	buf_free(&b->e.table);
}

/* Reads before X (arp[len:2] where ARP lies at no fixed place): the kernel, and eBPF like it, adds the signed constant; libpcap's
 * interpreter takes it for a place behind the packet. */
static bool
reads_before_x(const FiltInsn *v, u32 n)
{
	for (u32 i = 0; i < n; i++)
		if (BPF_CLASS(v[i].code) == BPF_LD && BPF_MODE(v[i].code) == BPF_IND && (s32)v[i].k < 0)
			return true;
	return false;
}

/* false after the first difference */
static bool
one_packet(int dlt, const char *expr, const Program *ref, const Both *b, const u8 *p, u32 caplen, u32 len)
{
	const Filt *opt = b->opt, *plain = b->plain;
	u64 r0 = 0;
	u32 n, m, want, got, got_plain;
	const FiltInsn *v = filt_code(opt, &n), *w = filt_code(plain, &m);
	bool out, ours, ours_plain;

	want = filt_run_checked(ref->insn, ref->n, p, caplen, len, STEPS, &out);
	if (want == FILT_GAVE_UP)
		return true;            /* libpcap's protochain can turn for ever */
	got = filt_run_checked(v, n, p, caplen, len, STEPS * 10, &ours);
	got_plain = filt_run_checked(w, m, p, caplen, len, STEPS * 10, &ours_plain);
	if (b->prog && !strstr(expr, "protochain") && caplen == len && !reads_before_x(v, n)) {
		Buf why = {0};
		int err;

		ebpf_runs++;
		err = vm_prog_run(b->prog, (void *)(uintptr_t)p, caplen, &r0, &why);

		if (err || !r0 != !got) {
			wrong(dlt, expr, "eBPF %s, classic %s %s", err ? why.p : r0 ? "accepts" : "rejects", got ? "accepts" : "rejects",
				ours ? "(load left the packet)" : "");
			buf_free(&why);
			return false;
		}
	}
	if (got != FILT_GAVE_UP && got_plain != FILT_GAVE_UP && (!got == !want || out) && !got_plain == !want)
		return true;
	wrong(dlt, expr, "libpcap %s, piton %s, piton -O %s%s", want ? "accepts" : "rejects", got ? "accepts" : "rejects",
		got_plain ? "accepts" : "rejects", out ? " (load left the packet)" : "");
	printf("packet of %u (%u) bytes:", caplen, len);
	for (u32 i = 0; i < MIN(caplen, 120u); i++)
		printf("%s%02x", i % 16 ? " " : "\n  ", p[i]);
	putchar('\n');
	if (verbose) {
		show("libpcap", ref->insn, ref->n);
		show("piton", v, n);
		show("piton -O", w, m);
	}
	return false;
}

static bool
packets(int dlt, const char *expr, const Program *ref, const Both *b, u32 count)
{
	Packet p;

	for (u32 i = 0; i < count; i++) {
		make_packet(dlt, &p);
		for (u32 j = 0; j < 3; j++) {
			if (!one_packet(dlt, expr, ref, b, p.b, p.n, rnd(4) ? p.n : p.n + rnd(2000)))
				return false;
			steer(ref->insn, ref->n, &p);
		}
	}
	return true;
}

/* Does libpcap's optimizer keep the meaning? It takes tests for decided that are not, now and then: short code is easy then. */
static bool
sound(int dlt, const Program *ref, const Program *opt)
{
	Packet p;
	bool out, ignored;

	for (u32 i = 0; i < 3000; i++) {
		make_packet(dlt, &p);
		for (u32 j = 0; j < 4; j++) {
			bool want = filt_run_checked(ref->insn, ref->n, p.b, p.n, p.n, STEPS, &out) != 0;

			if (!out && want != (filt_run_checked(opt->insn, opt->n, p.b, p.n, p.n, STEPS, &ignored) != 0))
				return false;
			steer(j & 1 ? opt->insn : ref->insn, j & 1 ? opt->n : ref->n, &p);
		}
	}
	return true;
}

static void
compile(Both *b, int dlt, const char *expr, u32 mask)
{
	FiltOpts o = { .linktype = dlt, .netmask = mask, .netmask_known = mask != PCAP_NETMASK_UNKNOWN };
	Diag *other;

	memset(b, 0, sizeof(*b));
	b->a = arena_new();
	b->d = diag_new(b->a);
	other = diag_new(b->a);
	b->opt = filt_compile(b->a, b->d, expr, strlen(expr), &o);
	o.plain = true;
	b->plain = filt_compile(b->a, other, expr, strlen(expr), &o);
	if (b->opt)
		make_ebpf(b, expr);
}

static u32
captured(int dlt, const char *expr, const Program *ref, const Both *b, char **files, int n_files)
{
	u32 accepted = 0, n;
	const FiltInsn *v = filt_code(b->opt, &n);

	for (int i = 0; i < n_files; i++) {
		char err[PCAP_ERRBUF_SIZE];
		pcap_t *p = pcap_open_offline(files[i], err);
		struct pcap_pkthdr *h;
		const u8 *data;

		if (!p)
			continue;
		while (pcap_datalink(p) == dlt && pcap_next_ex(p, &h, &data) == 1) {
			if (!one_packet(dlt, expr, ref, b, data, h->caplen, h->len))
				break;
			accepted += filt_run(v, n, data, h->caplen, h->len) != 0;
		}
		pcap_close(p);
	}
	return accepted;
}

#include "fuzz.h"

/* ---- the table ---- */

typedef struct Sums { u32 rows, ours, theirs, worse, most; } Sums;

static void
row(char **f, u32 count, char **files, int n_files, Sums *s)
{
	const char *want = f[1], *expr = f[4];
	char name[64];
	int dlt;
	Both b;
	Program opt, ref;
	u32 n;

	snprintf(name, sizeof(name), "%s", f[3]);
	dlt = pcap_datalink_name_to_val(name);
	if (filt_link_named(name) != dlt)
		wrong(dlt, expr, "link type %s is %d, not %d", name, filt_link_named(name), dlt);
	if (dlt < 0)
		return;
	compile(&b, dlt, expr, PCAP_NETMASK_UNKNOWN);
	oracle(dlt, expr, true, PCAP_NETMASK_UNKNOWN, &opt);
	oracle(dlt, expr, false, PCAP_NETMASK_UNKNOWN, &ref);
	if (!b.opt) {
		Buf msg = {0};

		diag_print(b.d, &msg, false);
		if (strcmp(want, "error") && strcmp(want, "either"))
			wrong(dlt, expr, "refused:\n%s", msg.p);
		else if (!strstr(msg.p, "filter:1:"))
			wrong(dlt, expr, "refused without a place: %s", msg.p);
		buf_free(&msg);
	} else if (!strcmp(want, "either") && !ref.insn) {
		;                       /* versions of libpcap differ */
	} else if (!strcmp(want, "error") || !ref.insn) {
		wrong(dlt, expr, "accepted, libpcap says: %s", ref.err);
	} else if (ref.insn) {
		u32 accepted;

		filt_code(b.opt, &n);
		if (!reads_garbage(ref.insn, ref.n))
			packets(dlt, expr, &ref, &b, count);
		accepted = captured(dlt, expr, &ref, &b, files, n_files);
		if (verbose && n_files)
			printf("%u of the captures' packets: %s\n", accepted, expr);
		if (opt.insn) {
			s->rows++;
			s->ours += n;
			s->theirs += opt.n;
			s->worse += n > opt.n;
			if (n > opt.n + 1 && sound(dlt, &ref, &opt))
				wrong(dlt, expr, "%u instructions, libpcap needs %u", n, opt.n);
			if (verbose)
				printf("%4u %4u %+4d  %s\n", opt.n, n, (int)n - (int)opt.n, expr);
		}
	}
	free(opt.insn);
	free(ref.insn);
	drop_ebpf(&b);
	arena_free(b.a);
}

static int
table(const char *path, u32 count, char **files, int n_files)
{
	FILE *in = fopen(path, "r");
	char line[4096];
	Sums s = {0};

	if (!in) {
		perror(path);
		return 1;
	}
	while (fgets(line, sizeof(line), in)) {
		char *f[9] = {0}, *p = line;
		u32 k = 0;

		line[strcspn(line, "\n")] = 0;
		while (k < 9) {
			f[k++] = p;
			p = strchr(p, '\t');
			if (!p)
				break;
			*p++ = 0;
		}
		for (; k < 9; k++)
			f[k] = line + strlen(line);
		if (!strcmp(f[0], "id") || (only && strcmp(only, f[0])))
			continue;
		row(f, count, files, n_files, &s);
	}
	fclose(in);
	printf("%u expressions: %u instructions, libpcap %u (%.3f); %u longer than libpcap's; %u runs of eBPF\n", s.rows, s.ours,
		s.theirs, s.theirs ? (double)s.ours / s.theirs : 0, s.worse, ebpf_runs);
	if (!only && s.ours > 0.97 * s.theirs) {
		printf("FAIL more than 0.97 of libpcap's instructions\n");
		failures++;
	}
	return failures != 0;
}

/* Every instruction as libpcap's bpf_image prints it. */
static int
print(void)
{
	static const u32 ks[] = { 0, 1, 14, 0x1fff, 0x7fffffff, 0x80000000u, 0xffff0000u, 0xfffffffeu, 0xffffffffu };

	for (u32 code = 0; code < 0x100; code++)
		for (u32 j = 0; j < COUNT(ks) + 80; j++) {
			FiltInsn i = { (u16)code, (u8)rnd(256), (u8)rnd(256), j < COUNT(ks) ? ks[j] : 0xfffff000u + j - (u32)COUNT(ks) };
			struct bpf_insn_of_libpcap theirs = { i.code, i.jt, i.jf, i.k };
			Buf b = {0};
			const char *want = bpf_image(&theirs, 7);

			filt_print_insn(&i, 7, &b);
			if (!strstr(want, "unimp") && strcmp(want, b.p)) {
				printf("FAIL 0x%x 0x%x: '%s', libpcap: '%s'\n", code, i.k, b.p, want);
				failures++;
			}
			buf_free(&b);
		}
	return failures != 0;
}

int
main(int argc, char **argv)
{
	u32 count = 60, pairs = 20000;
	int o;

	if (argc < 2)
		return 2;
	optind = 2;
	while ((o = getopt(argc, argv, "vs:p:n:o:")) != -1)
		switch (o) {
		case 'v': verbose = true; break;
		case 's': rng = strtoull(optarg, NULL, 0) * 0x9e3779b97f4a7c15ull + 1; break;
		case 'p': count = (u32)atoi(optarg); break;
		case 'n': pairs = (u32)atoi(optarg); break;
		case 'o': only = optarg; break;
		default: return 2;
		}
	if (!strcmp(argv[1], "public") && optind < argc)
		return table(argv[optind], count, argv + optind + 1, argc - optind - 1);
	if (!strcmp(argv[1], "one") && optind + 1 < argc) {
		char *f[9] = { "one", "ok", "", argv[optind], argv[optind + 1], "", "", "", "" };
		Sums s = {0};

		row(f, count, NULL, 0, &s);
		return failures != 0;
	}
	if (!strcmp(argv[1], "print"))
		return print();
	if (!strcmp(argv[1], "fuzz"))
		return fuzz(pairs, count);
	return 2;
}
