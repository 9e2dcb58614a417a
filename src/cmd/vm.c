/* vm: the BPF machine by itself: asm, dis, verify, run, bench.
 * Data on standard output, the rest on standard error. Exit: 0 fine, 1 the program is refused or fails, 2 usage or unreadable
 * input, 3 not supported. */
#include "vm/run.h"
#include "vm/maps/maps.h"
#include "vm/packet.h"
#include "cmd/cmd.h"
#include "cmd/vm.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { OK, FAILED, USAGE, UNSUPPORTED };

static int
usage(void)
{
	fputs("usage: piton vm asm [--format hex|raw|c|elf] [-o OUT] FILE\n"
	      "       piton vm asm --classic [--format c] | --convert FILE    classic BPF, or what it becomes\n"
	      "       piton vm dis --classic FILE\n"
	      "       piton vm dis [--syntax kernel|conformance] [--bytes] [--hex HEX | FILE[:SECTION]]\n"
	      "       piton vm verify [--type PROGTYPE] [-v] FILE[:SECTION]\n"
	      "       piton vm run [--interp|--jit|--both] [--hex HEX | FILE[:SECTION]] [--mem HEX] [--repeat N]\n"
	      "             [--no-verify] [--blind]\n"
	      "       piton vm run --plugin [MEMHEX]      program as hex on standard input\n"
	      "       piton vm bench [--mem HEX] FILE[:SECTION]\n"
	      "FILE: ELF, bpfx, hex text or raw instructions; - is standard input\n", stderr);
	return USAGE;
}

/* ---- input ---- */

typedef struct Options {
	Arena *a;
	Diag *d;
	const char *file, *hex, *mem, *out, *format, *syntax, *type;
	bool interp, jit, both, no_verify, plugin, bytes, verbose, blind, classic, convert;
	u64 repeat;
	Object o;
	const ObjProg *prog;
	u8 *m;
	u32 m_size;
} Options;

static int
complain(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	fputs("piton vm: ", stderr);
	vfprintf(stderr, fmt, ap);
	fputc('\n', stderr);
	va_end(ap);
	return USAGE;
}

/* The diagnostics of reading a file. */
static int
diagnose(Options *o)
{
	Buf b = { 0 };

	diag_print(o->d, &b, isatty(2) && !getenv("NO_COLOR"));
	fwrite(b.p ? b.p : "", 1, b.n, stderr);
	buf_free(&b);
	return USAGE;
}

static int
digit(char c)
{
	return isdigit((u8)c) ? c - '0' : isxdigit((u8)c) ? (c | 32) - 'a' + 10 : -1;
}

/* Hex digits in pairs, blanks between them; NULL with a message if it is something else. */
static u8 *
bytes_of(Arena *a, const char *text, u32 *n)
{
	u8 *out = arena_alloc(a, strlen(text) / 2 + 1);
	int hi = -1;

	*n = 0;
	if (text[0] == '0' && (text[1] | 32) == 'x')
		text += 2;
	for (; *text; text++) {
		int d = digit(*text);

		if (isspace((u8)*text) || *text == ',')
			continue;
		if (d < 0) {
			complain("'%c' is not a hex digit", *text);
			return NULL;
		}
		if (hi < 0)
			hi = d;
		else
			out[(*n)++] = (u8)(hi << 4 | d), hi = -1;
	}
	if (hi >= 0) {
		complain("an odd number of hex digits");
		return NULL;
	}
	return out;
}

static void
read_all(FILE *f, Buf *b)
{
	size_t n;

	while ((n = fread(buf_space(b, 65536), 1, 65536, f)) > 0)
		b->n += n;
	buf_space(b, 1);
	b->p[b->n] = 0;
}

/* FILE, FILE:SECTION, - or --hex; fills o->o and o->prog. */
static int
load(Options *o)
{
	const char *section = NULL, *path = o->file;
	struct stat st;

	if (o->hex) {
		Insn *insns;
		u32 n;

		insns = (Insn *)bytes_of(o->a, o->hex, &n);
		if (!insns)
			return USAGE;
		if (!n || n % 8)
			return complain("a program is a positive number of 8-byte instructions, not %u bytes", n);
		o->o.progs = NEW(o->a, ObjProg);
		o->o.n_progs = 1;
		o->o.format = "hex";
		o->o.progs->code = (Code){ .name = "prog", .prog_type = BPF_PROG_TYPE_UNSPEC, .insns = insns, .n = n / 8 };
		o->prog = o->o.progs;
		return OK;
	}
	if (!path)
		return usage();
	if (!strcmp(path, "-")) {
		Buf b = { 0 };
		char *copy;

		read_all(stdin, &b);
		copy = arena_str(o->a, b.p, b.n);
		if (!bpf_object_parse("<stdin>", copy, b.n, o->a, o->d, &o->o))
			return diagnose(o);
		buf_free(&b);
	} else {
		char *colon = strrchr(path, ':');

		if (stat(path, &st) && colon) {
			section = colon + 1;
			path = arena_str(o->a, path, (size_t)(colon - path));
		}
		if (!bpf_object_read(path, o->a, o->d, &o->o))
			return diagnose(o);
	}
	o->prog = bpf_object_prog(&o->o, section);
	if (!o->prog) {
		complain("%s has no program '%s'; it has", path, section ? section : "");
		for (u32 i = 0; i < o->o.n_progs; i++)
			fprintf(stderr, "  %s (%s)\n", o->o.progs[i].section, o->o.progs[i].name);
		return USAGE;
	}
	return OK;
}

/* ---- asm, dis ---- */

static void
put_c(FILE *f, const Insn *insns, u32 n)
{
	for (u32 i = 0; i < n; i++) {
		u8 b[8];

		memcpy(b, &insns[i], 8);
		fprintf(f, "0x%02x, 0x%02x, 0x%02x, 0x%02x, 0x%02x, 0x%02x, 0x%02x, 0x%02x,\n", b[0], b[1], b[2], b[3], b[4], b[5],
			b[6], b[7]);
	}
}

static void
put_hex(FILE *f, const Insn *insns, u32 n)
{
	for (u32 i = 0; i < n; i++) {
		u8 b[8];

		memcpy(b, &insns[i], 8);
		fprintf(f, "%02x %02x %02x %02x %02x %02x %02x %02x\n", b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7]);
	}
}

/* Classic BPF: numbers as tcpdump -ddd writes them (count, then code jt jf k), or C initializers. */
static int
classic_asm(Options *o, const Buf *text)
{
	struct sock_filter *f;
	Buf why = { 0 };
	Insn *insns;
	u32 n, k;
	int res = OK;

	if (!bpf_classic_asm(o->file, text->p ? text->p : "", text->n, o->d, o->a, &f, &n))
		return diagnose(o);
	if (o->convert) {
		if (bpf_classic_convert(f, n, o->a, &insns, &k, &why))
			put_hex(stdout, insns, k);
		else {
			fprintf(stderr, "piton vm: %s\n", why.p ? why.p : "");
			res = FAILED;
		}
	} else if (o->format && !strcmp(o->format, "c")) {
		for (u32 i = 0; i < n; i++)
			printf("{ 0x%02x, %u, %u, 0x%08x },\n", f[i].code, f[i].jt, f[i].jf, f[i].k);
	} else {
		printf("%u\n", n);
		for (u32 i = 0; i < n; i++)
			printf("%u %u %u %u\n", f[i].code, f[i].jt, f[i].jf, f[i].k);
	}
	buf_free(&why);
	return res;
}

/* The numbers of classic_asm, commas or blanks between them, or C initializers. */
static int
classic_dis(Options *o)
{
	Buf text = { 0 }, out = { 0 };
	u64 v[4];
	u32 k = 0, pc = 0;
	bool braces, first = true;
	int err;

	if (!o->file)
		return usage();
	if (!strcmp(o->file, "-"))
		read_all(stdin, &text);
	else if ((err = host_read(o->file, &text)) < 0)
		return complain("cannot read %s: %s", o->file, strerror(-err));
	braces = text.n && memchr(text.p, '{', text.n);
	for (char *p = text.p; p && *p; ) {
		char *end;

		if (!isdigit((u8)*p)) {
			p++;
			continue;
		}
		v[k] = strtoull(p, &end, 0);
		p = end;
		if (first && !braces) {         /* the count */
			first = false;
			continue;
		}
		if (++k == 4) {
			struct sock_filter f = { .code = (u16)v[0], .jt = (u8)v[1], .jf = (u8)v[2], .k = (u32)v[3] };

			buf_clear(&out);
			bpf_classic_dis(&f, pc, &out);
			printf("(%03u) %s\n", pc++, out.p);
			k = 0;
		}
	}
	buf_free(&text);
	buf_free(&out);
	return k ? complain("the last instruction is not whole") : OK;
}

static int
vm_asm(Options *o)
{
	Buf text = { 0 };
	Insn *insns;
	u32 n;
	FILE *f = stdout;
	int err;

	if (!o->file)
		return usage();
	if (!strcmp(o->file, "-"))
		read_all(stdin, &text);
	else if ((err = host_read(o->file, &text)) < 0)
		return complain("cannot read %s: %s", o->file, strerror(-err));
	if (o->classic || o->convert) {
		err = classic_asm(o, &text);
		buf_free(&text);
		return err;
	}
	if (!bpf_asm(o->file, text.p ? text.p : "", text.n, o->d, o->a, &insns, &n))
		return diagnose(o);
	if (o->out && !(f = fopen(o->out, "wb")))
		return complain("cannot write %s: %s", o->out, strerror(errno));
	if (!o->format || !strcmp(o->format, "hex"))
		put_hex(f, insns, n);
	else if (!strcmp(o->format, "raw"))
		fwrite(insns, 8, n, f);
	else if (!strcmp(o->format, "c"))
		put_c(f, insns, n);
	else if (!strcmp(o->format, "elf"))
		cmd_put_elf(f, insns, n);
	else
		return complain("unknown format '%s'; there are hex, raw, c and elf", o->format);
	err = ferror(f) ? FAILED : OK;
	if (f != stdout && fclose(f))
		err = FAILED;
	buf_free(&text);
	return err;
}

static int
vm_dis(Options *o)
{
	Syntax syn = SYN_KERNEL;
	const Code *code;
	Buf b = { 0 };
	int err;

	if (o->classic)
		return classic_dis(o);
	if (o->syntax && !strcmp(o->syntax, "conformance"))
		syn = SYN_CONFORMANCE;
	else if (o->syntax && strcmp(o->syntax, "kernel"))
		return complain("unknown syntax '%s'; there are kernel and conformance", o->syntax);
	err = load(o);
	if (err)
		return err;
	for (u32 p = 0; p < o->o.n_progs; p++) {
		if (o->o.progs + p != o->prog && (o->hex || strchr(o->file, ':')))
			continue;
		code = &o->o.progs[p].code;
		if (o->o.n_progs > 1)
			printf("; %s (%s)\n", o->o.progs[p].section, o->o.progs[p].name);
		for (u32 pc = 0, n; pc < code->n; pc += n) {
			Insn two[2] = { code->insns[pc], { 0 } };

			if (pc + 1 < code->n)
				two[1] = code->insns[pc + 1];
			buf_clear(&b);
			n = bpf_dis(two, pc, syn, &b);
			if (n == 2 && pc + 1 == code->n) {      /* a first half without its second one */
				u64 v;

				memcpy(&v, two, 8);
				buf_clear(&b);
				buf_printf(&b, ".quad 0x%016llx ; the second half is missing", (unsigned long long)v);
			}
			n = n ? n : 1;
			if (o->bytes) {
				const u8 *q = (const u8 *)&two[0];

				printf("%4u: %02x %02x %02x%02x %02x%02x%02x%02x  ", pc, q[0], q[1], q[2], q[3], q[4], q[5],
				       q[6], q[7]);
			}
			printf("%s\n", b.p);
		}
	}
	buf_free(&b);
	return OK;
}

/* ---- maps of a file ---- */

typedef struct Maps { VmMap **v; u32 n; } Maps;

static int
make_maps(Options *o, Maps *maps)
{
	maps->v = NEW_N(o->a, VmMap *, o->o.n_maps + 1);
	maps->n = o->o.n_maps;
	for (u32 i = 0; i < maps->n; i++) {
		const MapDef *d = &o->o.maps[i];
		int err;

		maps->v[i] = vm_map_new(d, &err);
		if (!maps->v[i]) {
			const char *kind = bpf_map_type_name(d->type);

			fprintf(stderr, "piton vm: map %u (%s, key %u, value %u, %u entries): %s\n", i, kind ? kind : "unknown kind",
				d->key_size, d->value_size, d->max_entries,
				err == -ENOTSUP ? "this machine has no such maps" : strerror(-err));
			return err == -ENOTSUP ? UNSUPPORTED : FAILED;
		}
	}
	return OK;
}

/* What verifier suites keep in a prog array: a program that gives 42, one that calls itself and gives 41 in the end,
 * one that gives 24. */
static int
fill_progs(Options *o, Maps *maps, VmEngine engine)
{
	for (u32 i = 0; i < maps->n; i++) {
		const MapDef *d = &o->o.maps[i];

		for (u32 k = 0; k < d->n_prog_keys && k < 3; k++) {
			Insn loop[] = {
				{ .code = 0xb7, .dst_reg = 3, .imm = (s32)d->prog_keys[k] },
				{ .code = 0x18, .dst_reg = 2, .src_reg = BPF_PSEUDO_MAP_FD, .imm = (s32)i }, { 0 },
				{ .code = 0x85, .imm = BPF_FUNC_tail_call }, { .code = 0xb7, .imm = 41 }, { .code = 0x95 },
			};
			Insn simple[] = { { .code = 0xb7, .imm = k ? 24 : 42 }, { .code = 0x95 } };
			Code c = { .name = "slot", .prog_type = o->prog->code.prog_type, .insns = k == 1 ? loop : simple,
				   .n = k == 1 ? COUNT(loop) : COUNT(simple) };
			int err;
			VmProg *p = vm_prog_new(&c, maps->v, maps->n, engine, engine != VM_INTERP_CHECKED, &err, NULL);

			if (!p)
				return err;
			vm_map_set_prog(maps->v[i], d->prog_keys[k], p);
			vm_prog_free(p);
		}
	}
	return 0;
}

/* A prog array and its programs hold each other. */
static void
empty_progs(Maps *maps)
{
	for (u32 i = 0; i < maps->n; i++)
		if (maps->v[i]->def.type == BPF_MAP_TYPE_PROG_ARRAY)
			for (u32 k = 0; k < maps->v[i]->cap; k++)
				vm_map_set_prog(maps->v[i], k, NULL);
}

static void
free_maps(Maps *maps)
{
	for (u32 i = 0; i < maps->n; i++)
		vm_map_free(maps->v[i]);
	maps->n = 0;
}

/* ---- verify ---- */

static int
verify(Options *o, bool print)
{
	VerifyOptions opt = { .trace = o->verbose, .source_name = o->file };
	Code code = o->prog->code;
	Verdict v = { 0 };
	int res;

	if (o->type) {
		int t = bpf_prog_type_named(o->type);

		if (t < 0)
			return complain("unknown program type '%s'", o->type);
		code.prog_type = (u32)t;
	} else if (code.prog_type == BPF_PROG_TYPE_UNSPEC)
		code.prog_type = BPF_PROG_TYPE_SOCKET_FILTER;
	res = vm_verify(&code, o->o.maps, o->o.n_maps, &opt, &v, NULL) ? OK : v.unsupported ? UNSUPPORTED : FAILED;
	if (o->verbose && v.log.n)
		fwrite(v.log.p, 1, v.log.n, stdout);
	if (res == OK && print)
		printf("ok: %u instructions, %u walked, %u states, %u bytes of stack\n", code.n, v.walked, v.states, v.stack);
	else if (res != OK)
		fprintf(stderr, "%s%s", v.text.p ? v.text.p : "refused",
			v.text.n && v.text.p[v.text.n - 1] == '\n' ? "" : "\n");
	verdict_free(&v);
	return res;
}

static int
vm_verify_main(Options *o)
{
	int err = load(o);

	return err ? err : verify(o, true);
}

/* ---- run ---- */

typedef struct Run { u64 r0; int res; } Run;

static VmProg *
prepare(Options *o, const Maps *maps, VmEngine engine, bool trusted, int *res)
{
	Buf why = { 0 };
	int err;
	VmProg *p = vm_prog_new(&o->prog->code, maps->v, maps->n, engine, trusted, &err, &why);

	*res = OK;
	if (!p) {
		fprintf(stderr, "piton vm: %s\n", why.p ? why.p : strerror(-err));
		*res = err == -ENOTSUP ? UNSUPPORTED : FAILED;
	}
	buf_free(&why);
	return p;
}

/* One run in one engine over a copy of the memory or over a packet. */
static Run
run_once(Options *o, VmProg *p, const u8 *data, u32 size, bool packet)
{
	Run r = { 0, OK };
	Buf why = { 0 };
	int err;

	if (packet)
		err = vm_prog_run_packet(p, data, size, &r.r0, &why);
	else {
		u8 *copy = malloc(size + 1);

		memcpy(copy, data ? data : (const u8 *)"", size);
		err = vm_prog_run(p, size ? copy : NULL, size, &r.r0, &why);
		free(copy);
	}
	(void)o;
	if (err) {
		fprintf(stderr, "piton vm: %s\n", why.p ? why.p : strerror(-err));
		r.res = FAILED;
	}
	buf_free(&why);
	return r;
}

/* Engines in turn, each with maps of its own. A program that nobody verified goes through the checked interpreter first;
 * only what ends well there runs natively, where it does the same again. */
static Run
run_engines(Options *o, bool verified, const u8 *data, u32 size, bool packet)
{
	VmEngine list[2];
	u32 n = 0;
	Run r = { 0, OK };

	if (!verified)
		list[n++] = VM_INTERP_CHECKED;
	else if (o->interp || o->both)
		list[n++] = VM_INTERP;
	if (o->jit || o->both || o->blind)
		list[n++] = o->blind ? VM_JIT_BLIND : VM_JIT;
	if (!n)
		list[n++] = VM_AUTO;
	for (u32 i = 0; i < n && r.res == OK; i++) {
		Maps maps;
		VmProg *p = NULL;
		int res = make_maps(o, &maps);
		u64 first = r.r0;

		if (res == OK)
			p = prepare(o, &maps, list[i], list[i] != VM_INTERP_CHECKED, &res);
		if (res == UNSUPPORTED && list[i] >= VM_JIT && !p) {
			fputs("piton vm: interpreted\n", stderr);
			res = OK;
			p = prepare(o, &maps, verified ? VM_INTERP : VM_INTERP_CHECKED, verified, &res);
		}
		if (p) {
			fill_progs(o, &maps, p->native.run ? VM_JIT : p->checked ? VM_INTERP_CHECKED : VM_INTERP);
			for (u64 k = 0; k < MAX(o->repeat, (u64)1) && r.res == OK; k++)
				r = run_once(o, p, data, size, packet);
			empty_progs(&maps);
			vm_prog_free(p);
		} else
			r.res = res;
		free_maps(&maps);
		if (i && r.res == OK && r.r0 != first && o->both) {
			fprintf(stderr, "piton vm: the interpreter gives 0x%llx, the JIT 0x%llx\n", (unsigned long long)first,
				(unsigned long long)r.r0);
			r.res = FAILED;
		}
	}
	return r;
}

static int
run_lines(Options *o, bool verified)
{
	static const u8 zero[1024];     /* the context of a program that has no packet */
	bool packet = vm_packet_type(o->prog->code.prog_type);
	int res = OK;

	for (u32 i = 0; i < o->o.n_runs; i++) {
		const ObjRun *line = &o->o.runs[i];
		Run r = run_engines(o, verified, packet ? line->data : zero, packet ? line->size : sizeof(zero), packet);

		if (r.res)
			return r.res;
		printf("0x%x\n", (u32)r.r0);
		if ((u32)r.r0 != line->retval) {
			fprintf(stderr, "piton vm: run %u gives 0x%x; 0x%x is expected\n", i + 1, (u32)r.r0, line->retval);
			res = FAILED;
		}
	}
	return res;
}

static int
vm_run(Options *o)
{
	static const u8 nothing[64];
	bool verified = false, packet;
	int res;
	Run r;

	if (o->plugin) {
		Buf b = { 0 };

		read_all(stdin, &b);
		o->hex = arena_str(o->a, b.p, b.n);
		o->mem = o->mem ? o->mem : o->file;
		buf_free(&b);
	}
	res = load(o);
	if (res)
		return res;
	if (o->mem && !(o->m = bytes_of(o->a, o->mem, &o->m_size)))
		return USAGE;
	/* instructions without a type are a plain function over memory: r1 its address, r2 its size */
	if (strcmp(o->o.format, "hex") && strcmp(o->o.format, "raw") && !o->no_verify) {
		res = verify(o, false);
		if (res == FAILED)
			return res;
		verified = res == OK;
	}
	if (o->o.n_runs && !o->mem)
		return run_lines(o, verified);
	packet = vm_packet_type(o->prog->code.prog_type) && strcmp(o->o.format, "hex") && strcmp(o->o.format, "raw");
	r = packet && !o->mem ? run_engines(o, verified, nothing, sizeof(nothing), true) :
	    run_engines(o, verified, o->m, o->m_size, packet);
	if (r.res == OK)
		printf("0x%llx\n", (unsigned long long)r.r0);
	return r.res;
}

/* ---- bench ---- */

static u64
now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (u64)t.tv_sec * 1000000000u + (u64)t.tv_nsec;
}

/* ns per run: the best of many short slices, so that what else runs here does not count. */
static double
measure(VmProg *p, u8 *mem, u32 size)
{
	double best = 0;
	u64 n = 1, r0, t, used;

	for (int slice = 0; slice < 300; ) {
		t = now();
		for (u64 i = 0; i < n; i++)
			vm_prog_run(p, mem, size, &r0, NULL);
		used = now() - t;
		if (used < 200000 && n < (u64)1 << 40) {
			n *= used < 2000 ? 16 : 2;
			continue;
		}
		if (!best || (double)used / (double)n < best)
			best = (double)used / (double)n;
		slice++;
		if (used > 20000000)
			slice += 30;
	}
	return best;
}

static int
vm_bench(Options *o)
{
	static const VmEngine engines[] = { VM_INTERP_CHECKED, VM_INTERP, VM_JIT };
	static const char *const names[] = { "interpreter, checked", "interpreter", "JIT" };
	u8 *mem;
	int res = load(o);

	if (res)
		return res;
	if (o->mem && !(o->m = bytes_of(o->a, o->mem, &o->m_size)))
		return USAGE;
	mem = arena_alloc(o->a, o->m_size + 64);
	memcpy(mem, o->m ? o->m : (const u8 *)"", o->m_size);
	if (strcmp(o->o.format, "hex") && strcmp(o->o.format, "raw") && !o->no_verify) {
		u64 t = now();

		res = verify(o, false);
		if (res == FAILED)
			return res;
		if (res == OK)
			printf("%-22s %12.1f us, %u instructions\n", "verifier", (double)(now() - t) / 1000, o->prog->code.n);
	}
	for (u32 e = 0; e < COUNT(engines); e++) {
		Maps maps;
		VmProg *p;
		u64 t, load_ns = 0;

		if ((res = make_maps(o, &maps)))
			return res;
		if (!e) {       /* what cannot be loaded at all is said once */
			p = prepare(o, &maps, VM_INTERP_CHECKED, false, &res);
			if (!p)
				return res;
			vm_prog_free(p);
		}
		for (int i = 0; i < 20; i++) {
			int err;

			t = now();
			p = vm_prog_new(&o->prog->code, maps.v, maps.n, engines[e], engines[e] != VM_INTERP_CHECKED, &err, NULL);
			t = now() - t;
			if (!i || t < load_ns)
				load_ns = t;
			if (i < 19)
				vm_prog_free(p);
		}
		if (p && engines[e] == VM_INTERP_CHECKED) {
			Run r = run_once(o, p, mem, o->m_size, false);

			if (r.res)
				return r.res;
		}
		if (!p)
			printf("%-22s not here\n", names[e]);
		else
			printf("%-22s %12.1f ns/run  %8.1f us to load", names[e], measure(p, mem, o->m_size), (double)load_ns / 1000);
		if (p && p->native.run)
			printf("  %u bytes, %u of them fixed", p->native.size, p->native.fixed);
		if (p)
			putchar('\n');
		vm_prog_free(p);
		free_maps(&maps);
	}
	return OK;
}

/* ---- options ---- */

static int
options(Options *o, int argc, char **argv)
{
	static const struct { const char *name; size_t at; } words[] = {
		{ "--hex", offsetof(Options, hex) }, { "--mem", offsetof(Options, mem) }, { "--format", offsetof(Options, format) },
		{ "--syntax", offsetof(Options, syntax) }, { "--type", offsetof(Options, type) }, { "-o", offsetof(Options, out) },
	};
	static const struct { const char *name; size_t at; } flags[] = {
		{ "--interp", offsetof(Options, interp) }, { "--interpret", offsetof(Options, interp) },
		{ "--jit", offsetof(Options, jit) }, { "--both", offsetof(Options, both) },
		{ "--no-verify", offsetof(Options, no_verify) }, { "--plugin", offsetof(Options, plugin) },
		{ "--bytes", offsetof(Options, bytes) }, { "-v", offsetof(Options, verbose) },
		{ "--blind", offsetof(Options, blind) }, { "--classic", offsetof(Options, classic) },
		{ "--convert", offsetof(Options, convert) },
	};

	for (int i = 0; i < argc; i++) {
		const char *arg = argv[i], *eq = strchr(arg, '=');
		bool known = false;

		for (u32 w = 0; w < COUNT(words) && !known; w++) {
			size_t n = strlen(words[w].name);

			if (eq && (size_t)(eq - arg) == n && !memcmp(arg, words[w].name, n)) {
				*(const char **)((char *)o + words[w].at) = eq + 1;
				known = true;
			} else if (!strcmp(arg, words[w].name)) {
				if (i + 1 >= argc)
					return complain("%s needs an argument", arg);
				*(const char **)((char *)o + words[w].at) = argv[++i];
				known = true;
			}
		}
		for (u32 f = 0; f < COUNT(flags) && !known; f++)
			if (!strcmp(arg, flags[f].name))
				known = *((bool *)o + flags[f].at) = true;
		if (!strcmp(arg, "--repeat") && i + 1 < argc) {
			o->repeat = strtoull(argv[++i], NULL, 0);
			known = true;
		}
		if (known)
			continue;
		if (arg[0] == '-' && arg[1] && !o->plugin)
			return complain("unknown option '%s'", arg);
		if (o->file && !o->plugin)
			return complain("one file at a time, not also '%s'", arg);
		if (!o->file)
			o->file = arg;
	}
	return OK;
}

static const struct { const char *name; int (*fn)(Options *o); } verbs[] = {
	{ "asm", vm_asm }, { "dis", vm_dis }, { "verify", vm_verify_main }, { "run", vm_run }, { "bench", vm_bench },
};

int
vm_main(int argc, char **argv)
{
	Options o = { .a = arena_new() };
	int res = USAGE;

	o.d = diag_new(o.a);
	if (argc < 2 || !strcmp(argv[1], "--help") || !strcmp(argv[1], "-h"))
		return usage();
	for (u32 v = 0; v < COUNT(verbs); v++)
		if (!strcmp(argv[1], verbs[v].name)) {
			res = options(&o, argc - 2, argv + 2);
			if (!res)
				res = verbs[v].fn(&o);
			arena_free(o.a);
			if (fflush(stdout) || ferror(stdout))
				return res ? res : FAILED;
			return res;
		}
	complain("unknown command '%s'", argv[1]);
	return usage();
}
