/* vm_text: `piton vm asm` and `dis`: instructions as text, hex, bytes, C, ELF; classic BPF too. */
#include "cmd/vm.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

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
classic_asm(VmOptions *o, const Buf *text)
{
	struct sock_filter *f;
	Buf why = { 0 };
	Insn *insns;
	u32 n, k;
	int res = OK;

	if (!bpf_classic_asm(o->file, text->p ? text->p : "", text->n, o->d, o->a, &f, &n))
		return cmd_vm_diagnose(o);
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
classic_dis(VmOptions *o)
{
	Buf text = { 0 }, out = { 0 };
	u64 v[4];
	u32 k = 0, pc = 0;
	bool braces, first = true;
	int err;

	if (!o->file)
		return cmd_vm_usage();
	if (!strcmp(o->file, "-"))
		cmd_vm_read(stdin, &text);
	else if ((err = host_read(o->file, &text)) < 0)
		return cmd_vm_complain("cannot read %s: %s", o->file, strerror(-err));
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
	return k ? cmd_vm_complain("the last instruction is not whole") : OK;
}

int
cmd_vm_asm(VmOptions *o)
{
	Buf text = { 0 };
	Insn *insns;
	u32 n;
	FILE *f = stdout;
	int err;

	if (!o->file)
		return cmd_vm_usage();
	if (!strcmp(o->file, "-"))
		cmd_vm_read(stdin, &text);
	else if ((err = host_read(o->file, &text)) < 0)
		return cmd_vm_complain("cannot read %s: %s", o->file, strerror(-err));
	if (o->classic || o->convert) {
		err = classic_asm(o, &text);
		buf_free(&text);
		return err;
	}
	if (!bpf_asm(o->file, text.p ? text.p : "", text.n, o->d, o->a, &insns, &n))
		return cmd_vm_diagnose(o);
	if (o->out && !(f = fopen(o->out, "wb")))
		return cmd_vm_complain("cannot write %s: %s", o->out, strerror(errno));
	if (!o->format || !strcmp(o->format, "hex"))
		put_hex(f, insns, n);
	else if (!strcmp(o->format, "raw"))
		fwrite(insns, 8, n, f);
	else if (!strcmp(o->format, "c"))
		put_c(f, insns, n);
	else if (!strcmp(o->format, "elf"))
		cmd_put_elf(f, insns, n);
	else
		return cmd_vm_complain("unknown format '%s'; there are hex, raw, c and elf", o->format);
	err = ferror(f) ? FAILED : OK;
	if (f != stdout && fclose(f))
		err = FAILED;
	buf_free(&text);
	return err;
}

int
cmd_vm_dis(VmOptions *o)
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
		return cmd_vm_complain("unknown syntax '%s'; there are kernel and conformance", o->syntax);
	err = cmd_vm_load(o);
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
