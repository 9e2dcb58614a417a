/* Mutated programs through everything that reads them: parse, disassemble, assemble, verify, run. Nothing may crash or
 * hang. What the verifier accepts runs in the JIT and must give what the checked interpreter gives.
 * usage: vm_fuzz [COUNT [SEED [FILE...]]]; FILEs are seeds (bpfx, hex, raw, ELF). Meant to be built with SAN=address,undefined. */
#include "vm/run.h"
#include "vm/packet.h"
#include "vm/maps/maps.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static u64 state = 1;

static u32
rnd(u32 n)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (u32)((state * 0x2545f4914f6cdd1du) >> 33) % n;
}

static const char *const seeds[] = {
	"type socket_filter\nmap 0 m hash key=8 value=16 entries=4\nmap 1 a array key=4 value=48 entries=1\n"
	"insns 7a0af8ff00000000 bfa2000000000000 07020000f8ffffff 1811000000000000 0000000000000000 8500000001000000\n"
	"insns 1500020000000000 6101000000000000 7901080000000000 b700000000000000 9500000000000000\nrun 0 "
	"0000000000000000000000000000000000000000\n",
	"type xdp\ninsns 6112040000000000 6111000000000000 bf13000000000000 070300000e000000 2d23020000000000 7110000000000000\n"
	"insns 9500000000000000 b700000001000000 9500000000000000\n",
	"type tracepoint\nmap 0 r ringbuf key=0 value=0 entries=4096\ninsns 1811000000000000 0000000000000000 b702000010000000\n"
	"insns b703000000000000 8500000083000000 1500040000000000 7a00000007000000 bf01000000000000 b702000000000000\n"
	"insns 8500000084000000 b700000000000000 9500000000000000\n",
	"b7000000000000001801000021436587000000002143658707000000010000002e10fdff00000000b701000001000000"
	"7b1af8ff00000000db1af8ff01000000d4000000200000009f10000000000000bf01080000000000850000000700000095000000000000",
	"8510000001000000 9500000000000000 b701000005000000 bf10000000000000 2700000003000000 9500000000000000",
};

static void
mutate(u8 *p, u32 *n, u32 cap)
{
	for (u32 k = 1 + rnd(4); k--; ) {
		u32 at = *n ? rnd(*n) : 0;

		switch (rnd(6)) {
		case 0: if (*n) p[at] ^= (u8)(1u << rnd(8)); break;
		case 1: if (*n) p[at] = (u8)rnd(256); break;
		case 2: if (*n) p[at] = (u8)"0123456789abcdef"[rnd(16)]; break;
		case 3:
			if (*n > 1) {
				u32 len = rnd(MIN(*n - at, 24u)) + 1;

				len = MIN(len, *n - at);
				memmove(p + at, p + at + len, *n - at - len);
				*n -= len;
			}
			break;
		case 4:
			if (*n + 24 < cap && *n) {
				u32 len = rnd(MIN(*n - at, 24u)) + 1, to = rnd(*n);

				len = MIN(len, *n - at);
				memmove(p + to + len, p + to, *n - to);
				memmove(p + to, p + at, MIN(len, *n - at));
				*n += len;
			}
			break;
		default:
			if (*n > 16)
				p[at] = p[rnd(*n)];
		}
	}
}

/* One instruction of a program made of others' parts. */
static void
mutate_insn(Insn *i, u32 n)
{
	Insn *x = &i[rnd(n)];

	switch (rnd(7)) {
	case 0: *x = i[rnd(n)]; break;
	case 1: x->code = (u8)rnd(256); break;
	case 2: x->dst_reg = rnd(12) & 15; break;
	case 3: x->src_reg = rnd(12) & 15; break;
	case 4: x->off = (s16)(rnd(3) ? rnd(33) - 16 : rnd(65536)); break;
	case 5: x->imm = (s32)(rnd(3) ? rnd(65) - 32 : rnd(1u << 31) << 1); break;
	default: x->code = bpf_insn_row_at(rnd(N_OP))->code;
	}
}

static void
texts(const Code *code, Arena *a)
{
	Buf b = { 0 };
	Insn *again;
	u32 n;

	for (u32 pc = 0, k; pc < code->n; pc += k ? k : 1) {
		Insn two[2] = { code->insns[pc], { 0 } };

		if (pc + 1 < code->n)
			two[1] = code->insns[pc + 1];
		k = bpf_dis(two, pc, rnd(2) ? SYN_KERNEL : SYN_CONFORMANCE, &b);
		buf_putc(&b, '\n');
	}
	bpf_asm("text", b.p ? b.p : "", b.n, diag_new(a), a, &again, &n);
	if (b.n) {      /* and a text that is not one */
		u32 len = (u32)b.n;

		buf_space(&b, 64);
		mutate((u8 *)b.p, &len, (u32)b.n + 32);
		bpf_asm("text", arena_str(a, b.p, len), len, diag_new(a), a, &again, &n);
	}
	buf_free(&b);
}

static u64 accepted;

static s64
run(const Code *code, VmMap **maps, u32 n_maps, VmEngine engine, bool verified, u64 *r0)
{
	static const u8 zero[64], ctx_zero[1024];
	VmContext *c = malloc(sizeof(*c));
	VmPacket pkt = { 0 };
	int err;
	VmProg *p = vm_prog_new(code, maps, n_maps, engine, verified, &err, NULL);
	u8 ctx[1024];

	if (!p) {
		free(c);
		return -1;
	}
	vm_context_init(c, p);
	c->budget = 20000;
	memcpy(ctx, ctx_zero, sizeof(ctx));
	c->ctx = ctx;
	c->ctx_size = sizeof(ctx);
	if (vm_packet_type(code->prog_type)) {
		assert(!vm_packet_open(&pkt, code->prog_type, zero, sizeof(zero)));
		vm_packet_bind(&pkt, c);
	}
	err = vm_context_run(c, (u64)(uintptr_t)c->ctx, 0, r0);
	if (err) {
		Buf why = { 0 };

		vm_fault_words(c, &why);
		buf_free(&why);
	}
	vm_packet_close(&pkt);
	vm_prog_free(p);
	free(c);
	return err;
}

static void
programs(const Object *o, const Code *code)
{
	VerifyOptions opt = { .budget = 20000 };
	Verdict v = { 0 };
	VmMap *maps[16] = { 0 };
	u32 n = MIN(o->n_maps, 16u);
	u64 checked = 0, native = 0;
	bool ok, same = true;

	for (u32 i = 0; i < n; i++) {
		MapDef def = o->maps[i];
		int err;

		def.max_entries = MIN(def.max_entries, 4096u);
		def.value_size = MIN(def.value_size, 4096u);
		maps[i] = vm_map_new(&def, &err);
		if (!maps[i])
			n = i;
		same &= def.value_size == o->maps[i].value_size && def.max_entries == o->maps[i].max_entries;
	}
	ok = vm_verify(code, o->maps, o->n_maps, &opt, &v, NULL);
	verdict_free(&v);
	if (code->n < 4096 && n == o->n_maps) {
		s64 err = run(code, maps, n, VM_AUTO, false, &checked);

		if (ok && same && code->prog_type != BPF_PROG_TYPE_SYSCALL) {
			accepted++;
			run(code, maps, n, VM_INTERP, true, &native);
			run(code, maps, n, VM_JIT, true, &native);
		}
		(void)err;
	}
	for (u32 i = 0; i < n; i++)
		if (maps[i]->def.type == BPF_MAP_TYPE_PROG_ARRAY)
			for (u32 k = 0; k < maps[i]->cap; k++)
				vm_map_set_prog(maps[i], k, NULL);
	for (u32 i = 0; i < n; i++)
		vm_map_free(maps[i]);
}

int
main(int argc, char **argv)
{
	u64 count = argc > 1 ? strtoull(argv[1], NULL, 0) : 2000;
	u32 files = argc > 3 ? (u32)argc - 3 : 0, cap = 1 << 16;
	u8 *data = malloc(cap + 64);

	state = (argc > 2 ? strtoull(argv[2], NULL, 0) : 1) * 0x9e3779b97f4a7c15u | 1;
	for (u64 i = 0; i < count; i++) {
		Arena *a = arena_new();
		Diag *d = diag_new(a);
		Object o;
		Buf b = { 0 }, text = { 0 };
		u32 n;

		if (getenv("VM_FUZZ_TRACE"))
			fprintf(stderr, "%llu: state %llu\n", (unsigned long long)i, (unsigned long long)state);
		if (files)
			host_read(argv[3 + rnd(files)], &b);
		else
			buf_puts(&b, seeds[rnd(COUNT(seeds))]);
		n = (u32)MIN(b.n, (size_t)cap);
		memcpy(data, b.p ? b.p : "", n);
		buf_free(&b);
		if (rnd(2))
			mutate(data, &n, cap);
		if (bpf_object_parse("fuzz", arena_str(a, (char *)data, n), n, a, d, &o))
			for (u32 p = 0; p < MIN(o.n_progs, 3u); p++) {
				Code *code = &o.progs[p].code;

				for (u32 k = rnd(4); k--; )
					mutate_insn(code->insns, code->n);
				texts(code, a);
				programs(&o, code);
			}
		diag_print(d, &text, false);
		buf_free(&text);
		arena_free(a);
	}
	free(data);
	if (argc > 1)
		printf("%llu inputs, %llu programs accepted\n", (unsigned long long)count, (unsigned long long)accepted);
	return 0;
}
