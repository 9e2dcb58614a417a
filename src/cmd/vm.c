/* vm: the BPF machine by itself: options and input of asm and dis (vm_text.c), verify and run (vm_run.c), bench (vm_bench.c).
 * Data on standard output, the rest on standard error. Exit: 0 fine, 1 the program is refused or fails, 2 usage or unreadable
 * input, 3 not supported. */
#include "cmd/cmd.h"
#include "cmd/vm.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

int
cmd_vm_usage(void)
{
	fputs("usage: piton vm asm [--format hex|raw|c|elf] [-o OUT] FILE\n"
	      "       piton vm asm --classic [--format c] | --convert FILE    classic BPF, or what it becomes\n"
	      "       piton vm dis --classic FILE\n"
	      "       piton vm dis [--syntax kernel|conformance] [--bytes] [--hex HEX | FILE[:SECTION]]\n"
	      "       piton vm verify [--type PROGTYPE] [--unprivileged] [-v] FILE[:SECTION]...\n"
	      "       piton vm run [--interp|--jit|--both] [--hex HEX | FILE[:SECTION]...] [--mem HEX] [--repeat N]\n"
	      "             [--no-verify] [--blind]\n"
	      "       piton vm run --plugin [MEMHEX]      program as hex on standard input\n"
	      "       piton vm bench [--mem HEX] FILE[:SECTION]\n"
	      "FILE: ELF, bpfx, hex text or raw instructions; - is standard input\n", stderr);
	return USAGE;
}

/* ---- input ---- */


int
cmd_vm_complain(const char *fmt, ...)
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
int
cmd_vm_diagnose(VmOptions *o)
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
u8 *
cmd_vm_bytes(Arena *a, const char *text, u32 *n)
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
			cmd_vm_complain("'%c' is not a hex digit", *text);
			return NULL;
		}
		if (hi < 0)
			hi = d;
		else
			out[(*n)++] = (u8)(hi << 4 | d), hi = -1;
	}
	if (hi >= 0) {
		cmd_vm_complain("an odd number of hex digits");
		return NULL;
	}
	return out;
}

void
cmd_vm_read(FILE *f, Buf *b)
{
	size_t n;

	while ((n = fread(buf_space(b, 65536), 1, 65536, f)) > 0)
		b->n += n;
	buf_space(b, 1);
	b->p[b->n] = 0;
}

/* FILE, FILE:SECTION, - or --hex; fills o->o and o->prog. */
int
cmd_vm_load(VmOptions *o)
{
	const char *section = NULL, *path = o->file;
	struct stat st;

	if (o->hex) {
		Insn *insns;
		u32 n;

		insns = (Insn *)cmd_vm_bytes(o->a, o->hex, &n);
		if (!insns)
			return USAGE;
		if (!n || n % 8)
			return cmd_vm_complain("a program is a positive number of 8-byte instructions, not %u bytes", n);
		o->o.progs = NEW(o->a, ObjProg);
		o->o.n_progs = 1;
		o->o.format = "hex";
		o->o.progs->code = (Code){ .name = "prog", .prog_type = BPF_PROG_TYPE_UNSPEC, .insns = insns, .n = n / 8 };
		o->prog = o->o.progs;
		return OK;
	}
	if (!path)
		return cmd_vm_usage();
	if (!strcmp(path, "-")) {
		Buf b = { 0 };
		char *copy;

		cmd_vm_read(stdin, &b);
		copy = arena_str(o->a, b.p, b.n);
		if (!bpf_object_parse("<stdin>", copy, b.n, o->a, o->d, &o->o))
			return cmd_vm_diagnose(o);
		buf_free(&b);
	} else {
		char *colon = strrchr(path, ':');

		if (stat(path, &st) && colon) {
			section = colon + 1;
			path = arena_str(o->a, path, (size_t)(colon - path));
		}
		if (!bpf_object_read(path, o->a, o->d, &o->o))
			return cmd_vm_diagnose(o);
	}
	o->prog = bpf_object_prog(&o->o, section);
	if (!o->prog) {
		cmd_vm_complain("%s has no program '%s'; it has", path, section ? section : "");
		for (u32 i = 0; i < o->o.n_progs; i++)
			fprintf(stderr, "  %s (%s)\n", o->o.progs[i].section, o->o.progs[i].name);
		return USAGE;
	}
	return OK;
}

/* ---- options ---- */

static int
options(VmOptions *o, int argc, char **argv, bool several)
{
	static const struct { const char *name; size_t at; } words[] = {
		{ "--hex", offsetof(VmOptions, hex) }, { "--mem", offsetof(VmOptions, mem) }, { "--format", offsetof(VmOptions, format) },
		{ "--syntax", offsetof(VmOptions, syntax) }, { "--type", offsetof(VmOptions, type) }, { "-o", offsetof(VmOptions, out) },
	};
	static const struct { const char *name; size_t at; } flags[] = {
		{ "--interp", offsetof(VmOptions, interp) }, { "--interpret", offsetof(VmOptions, interp) },
		{ "--jit", offsetof(VmOptions, jit) }, { "--both", offsetof(VmOptions, both) },
		{ "--no-verify", offsetof(VmOptions, no_verify) }, { "--plugin", offsetof(VmOptions, plugin) },
		{ "--bytes", offsetof(VmOptions, bytes) }, { "-v", offsetof(VmOptions, verbose) },
		{ "--blind", offsetof(VmOptions, blind) }, { "--unprivileged", offsetof(VmOptions, unprivileged) },
		{ "--classic", offsetof(VmOptions, classic) },
		{ "--convert", offsetof(VmOptions, convert) },
	};

	o->files = NEW_N(o->a, const char *, (size_t)argc + 1);
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
					return cmd_vm_complain("%s needs an argument", arg);
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
			return cmd_vm_complain("unknown option '%s'", arg);
		o->files[o->n_files++] = arg;
	}
	if (o->n_files > 1 && !several && !o->plugin)
		return cmd_vm_complain("one file at a time, not also '%s'", o->files[1]);
	o->file = o->n_files ? o->files[0] : NULL;
	return OK;
}

/* Each file by itself; the highest of their exit statuses. */
static int
each(VmOptions *all, int (*fn)(VmOptions *o))
{
	int res = OK;

	for (u32 i = 0; i < all->n_files; i++) {
		VmOptions o = *all;
		char *label;
		int one;

		o.a = arena_new();
		o.d = diag_new(o.a);
		o.file = all->files[i];
		label = arena_alloc(o.a, strlen(o.file) + 3);
		stpcpy(stpcpy(label, o.file), ": ");
		o.label = label;
		one = fn(&o);
		res = MAX(res, one);
		arena_free(o.a);
	}
	return res;
}

static const struct { const char *name; int (*fn)(VmOptions *o); bool several; } verbs[] = {
	{ "asm", cmd_vm_asm, false }, { "dis", cmd_vm_dis, false }, { "verify", cmd_vm_verify, true }, { "run", cmd_vm_run, true },
	{ "bench", cmd_vm_bench, false },
};

int
vm_main(int argc, char **argv)
{
	VmOptions o = { .a = arena_new(), .label = "" };
	int res = USAGE;

	o.d = diag_new(o.a);
	if (argc < 2 || !strcmp(argv[1], "--help") || !strcmp(argv[1], "-h"))
		return cmd_vm_usage();
	for (u32 v = 0; v < COUNT(verbs); v++)
		if (!strcmp(argv[1], verbs[v].name)) {
			res = options(&o, argc - 2, argv + 2, verbs[v].several);
			if (!res)
				res = o.n_files > 1 && !o.plugin ? each(&o, verbs[v].fn) : verbs[v].fn(&o);
			arena_free(o.a);
			if (fflush(stdout) || ferror(stdout))
				return res ? res : FAILED;
			return res;
		}
	cmd_vm_complain("unknown command '%s'", argv[1]);
	return cmd_vm_usage();
}
