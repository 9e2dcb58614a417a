/* verify_kernel [SEED COUNT FILE...]: changes programs a little, and compares the verifier's verdict with the host kernel's.
 * Prints each kind of disagreement once, as bpfx on request (KEEP=folder). Fails if the verifier accepted what the kernel
 * refuses, or refused more than 1 in 100 of what it accepts. Skipped where programs may not be loaded or the kernel is another
 * than the one whose rules the verifier follows. */
#include "../vm/kernel.h"
#include "vm/vm.h"

#include <glob.h>

static u64 seed;

static u32
rnd(u32 n)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (u32)((seed >> 11) % n);
}

static const u8 ops[] = { 0x07, 0x0f, 0x17, 0x1f, 0x27, 0x2f, 0x37, 0x3f, 0x47, 0x4f, 0x57, 0x5f, 0x67, 0x6f, 0x77, 0x7f, 0x84, 0x87, 0x97, 0x9f,
	0xa7, 0xaf, 0xb7, 0xbf, 0xc7, 0xcf, 0xd4, 0xd7, 0xdc, 0x04, 0x0c, 0x14, 0x1c, 0x24, 0x2c, 0x34, 0x3c, 0x44, 0x4c, 0x54, 0x5c, 0x64, 0x6c,
	0x74, 0x7c, 0x94, 0x9c, 0xa4, 0xac, 0xb4, 0xbc, 0xc4, 0xcc, 0x15, 0x1d, 0x25, 0x2d, 0x35, 0x3d, 0x45, 0x4d, 0x55, 0x5d, 0x65, 0x6d, 0x75,
	0x7d, 0xa5, 0xad, 0xb5, 0xbd, 0xc5, 0xcd, 0xd5, 0xdd, 0x16, 0x1e, 0x26, 0x2e, 0x36, 0x3e, 0x46, 0x4e, 0x56, 0x5e, 0x66, 0x6e, 0x76, 0x7e,
	0xa6, 0xae, 0xb6, 0xbe, 0xc6, 0xce, 0xd6, 0xde, 0x61, 0x69, 0x71, 0x79, 0x81, 0x89, 0x91, 0x62, 0x6a, 0x72, 0x7a, 0x63, 0x6b, 0x73, 0x7b,
	0xc3, 0xdb, 0xcb, 0xd3, 0xe5, 0x06, 0x95, 0x85, 0x05, 0x18, 0x20, 0x28, 0x30, 0x40, 0x48, 0x50 };
static const s32 imms[] = { 0, 1, -1, 2, 3, 4, 7, 8, 15, 16, 31, 32, 47, 48, 49, 63, 64, 127, 128, 255, 256, 0x7fff, 0xffff, 0x4000,
	0x1fffffff, 0x20000000, 0x7fffffff, INT32_MIN, -2, -4, -8, -16, -512, 4096, 0x50, 0x51, 0x40, 0x41, 0xa0, 0xe1, 0xf1, 0x100, 0x110 };
static const u32 types[][2] = { { 1, 0 }, { 2, 0 }, { 3, 0 }, { 4, 0 }, { 5, 0 }, { 6, 0 }, { 6, 37 }, { 7, 0 }, { 8, 0 }, { 8, 1 }, { 9, 2 }, { 9, 12 },
	{ 9, 13 }, { 9, 34 }, { 10, 0 }, { 11, 0 }, { 12, 0 }, { 13, 3 }, { 14, 4 }, { 14, 5 }, { 15, 6 }, { 16, 7 }, { 17, 0 }, { 18, 8 }, { 18, 9 },
	{ 18, 10 }, { 18, 14 }, { 18, 15 }, { 18, 19 }, { 18, 29 }, { 18, 49 }, { 19, 0 }, { 21, 39 }, { 22, 17 }, { 23, 18 }, { 24, 0 }, { 25, 21 },
	{ 25, 22 }, { 30, 36 }, { 32, 45 }, { 33, 0 } };

static void
mutate_insn(Code *c)
{
	Insn *insn = &c->insns[rnd(c->n)];

	static const s16 offs[] = { 0, 1, 8, 16, 32, 2, -1 };

	switch (rnd(10)) {
	case 9: insn->off = offs[rnd(COUNT(offs))]; break;
	case 0: insn->imm = imms[rnd(COUNT(imms))]; break;
	case 1: insn->imm = (s32)((u32)insn->imm + rnd(3) - 1); break;
	case 2: insn->off = (s16)(insn->off + (s32)rnd(17) - 8); break;
	case 3: insn->off = (s16)(rnd(2) ? (s32)rnd(8) * -8 : (s32)rnd(200)); break;
	case 4: insn->dst_reg = rnd(11); break;
	case 5: insn->src_reg = rnd(11); break;
	case 6: insn->code = ops[rnd(COUNT(ops))]; break;
	case 7: insn->imm = (s32)(1 + rnd(211)); break;
	case 8: *insn = c->insns[rnd(c->n)]; break;
	}
}

/* Takes an instruction out or puts a harmless one in; jumps keep their distance, which is part of the fun. */
static void
mutate_shape(Code *c)
{
	u32 at = rnd(c->n);

	if (rnd(2) && c->n > 2) {
		memmove(&c->insns[at], &c->insns[at + 1], (c->n - at - 1) * sizeof(Insn));
		c->n--;
	} else {
		memmove(&c->insns[at + 1], &c->insns[at], (c->n - at) * sizeof(Insn));
		c->n++;
		c->insns[at] = (Insn){ .code = ops[rnd(COUNT(ops))], .dst_reg = rnd(10), .src_reg = rnd(10), .imm = imms[rnd(COUNT(imms))] };
		if (!(c->insns[at].code & 8))
			c->insns[at].src_reg = 0;
		else if ((c->insns[at].code & 7) >= 4)
			c->insns[at].imm = 0;
	}
}

/* Messages without their numbers. */
static u32
kind_of(const char *a, const char *b)
{
	char s[300];
	u32 n = 0;

	for (int k = 0; k < 2; k++)
		for (const char *p = k ? b : a; *p && *p != '\n' && n < sizeof(s); p++)
			if (!(*p >= '0' && *p <= '9') && *p != '-')
				s[n++] = *p;
	return base_hash(s, n);
}

int
main(int argc, char **argv)
{
	const char *dir = getenv("KEEP");
	Arena *a = arena_new();
	u32 count, same = 0, fa = 0, fr = 0, us = 0, kept = 0;
	static u32 seen[4096];
	u32 n_seen = 0;
	VerifyOptions opt = { .budget = 20000 };
	Object *o;
	KMaps *maps;
	u32 n = 0;
	int first = 3;
	glob_t files;

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (!kernel_is_ours())
		return 77;
	seed = (argc > 1 ? strtoull(argv[1], NULL, 0) : 1) * 0x9e3779b97f4a7c15ull + 1;
	count = argc > 2 ? (u32)strtoul(argv[2], NULL, 0) : 4000;
	if (argc < 4 && !glob("test/vm/corpus/*.bpfx", 0, NULL, &files)) {
		argc = (int)files.gl_pathc;
		argv = files.gl_pathv;
		first = 0;
	}
	o = calloc((size_t)argc, sizeof(*o));
	maps = calloc((size_t)argc, sizeof(*maps));
	for (int i = first; i < argc; i++) {
		if (n >= 900)           /* maps are file descriptors */
			break;
		if (!bpf_object_read(argv[i], a, diag_new(a), &o[n]))
			continue;
		if (!maps_make(&o[n], &maps[n]) || o[n].progs[0].code.prog_type == BPF_PROG_TYPE_TRACING) {
			maps_close(&maps[n]);
			continue;
		}
		o[n].progs[0].name = argv[i];
		n++;
	}
	for (u32 i = 0; i < count && n; i++) {
		u32 k = rnd(n);
		Code c = o[k].progs[0].code;
		Insn copy[4096];
		Verdict v;
		int err;

		if (c.n > 4000)
			continue;
		memcpy(copy, c.insns, c.n * sizeof(Insn));
		c.insns = copy;
		for (u32 m = 1 + rnd(3); m > 0; m--)
			switch (rnd(12)) {
			case 0: {
				u32 t = rnd(COUNT(types) - 1);
				c.prog_type = types[t][0];
				c.attach_type = types[t][1];
				break;
			}
			case 1: case 2: mutate_shape(&c); break;
			default: mutate_insn(&c); break;
			}
		vm_verify(&c, o[k].maps, o[k].n_maps, &opt, &v, NULL);
		if (v.walked > opt.budget) {    /* time is better spent on ten others */
			us++;
			verdict_free(&v);
			continue;
		}
		err = kernel_verdict(&c, &maps[k], 0);
		if (!err == v.ok)
			same++;
		else if (v.unsupported)
			us++;
		else {
			u32 kind;
			bool new = true;

			if (err && kernel_gave_up(&c, &maps[k])) {
				us++;
				verdict_free(&v);
				continue;
			}
			kernel_verdict(&c, &maps[k], 1);
			fa += v.ok;
			fr += !v.ok;
			kind = kind_of(err ? kernel_words() : "", v.ok ? "" : v.text.p);
			for (u32 s = 0; s < n_seen; s++)
				new &= seen[s] != kind;
			if (new && n_seen < COUNT(seen)) {
				seen[n_seen++] = kind;
				printf("%s #%u %s\n  kernel: %s\n  we:     %.*s\n", v.ok ? "FALSE ACCEPT" : "false reject", kept, o[k].progs[0].name,
				       err ? kernel_words() : "accepts", v.ok ? 7 : (int)strcspn(v.text.p, "\n"), v.ok ? "accepts" : v.text.p);
				if (dir)
					kernel_keep(dir, kept, o[k].maps, o[k].n_maps, &c, o[k].progs[0].name);
				kept++;
			}
		}
		verdict_free(&v);
	}
	printf("%u alike, %u falsely accepted, %u falsely refused, %u not comparable\n", same, fa, fr, us);
	return fa || fr * 100 > same;
}
