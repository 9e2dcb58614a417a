/* trace: the tracer's command line, bpftrace's words. */
#include "cmd/cmd.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "run/run.h"

enum {
	OPT_END,
#define OPTION(id, letter, name, arg, what) id,
#include "cmd/options.def"
#undef OPTION
};

static const Option rows[] = {
#define OPTION(id, letter, name, arg, what) { letter, name, arg, what, id },
#include "cmd/options.def"
#undef OPTION
};

const Option *
trace_options(u32 *n)
{
	*n = COUNT(rows);
	return rows;
}

enum { MAX_SOURCES = 64, MAX_INCLUDES = 64, MAX_DWARF_PIDS = 64, LARGEST_SCRIPT = 64 << 20 };

typedef struct Words {
	RunOptions run;
	RunSource source[MAX_SOURCES];
	const char *dir[MAX_INCLUDES], *include[MAX_INCLUDES];
	s32 dwarf_pid[MAX_DWARF_PIDS];
	Buf debug_dirs;
	bool list, list_args, info;
} Words;

static void
usage(FILE *f)
{
	Buf b = { 0 };

	buf_puts(&b, "USAGE:\n  piton [options] FILE [parameters] [-- script options]\n"
		     "  piton [options] -e 'PROGRAM' [parameters]\n"
		     "  piton -l ['PATTERN']\n\nOPTIONS:\n");
	option_help(rows, COUNT(rows), &b);
	buf_puts(&b, "\nCOMMANDS:\n");
	cmd_list(&b);
	buf_puts(&b, "\nEXAMPLES:\n"
		     "  piton -l 'tracepoint:syscalls:*open*'\n"
		     "  piton -e 'tracepoint:syscalls:sys_enter_openat { printf(\"%s %s\\n\", comm, str(args.filename)); }'\n"
		     "  piton -e 'tracepoint:raw_syscalls:sys_enter { @[comm] = count(); }'\n");
	fputs(b.p, f);
	buf_free(&b);
}

/* Tries to make one map of each kind that scripts use. */
static void
info_maps(void)
{
	static const u32 types[] = { BPF_MAP_TYPE_HASH, BPF_MAP_TYPE_ARRAY, BPF_MAP_TYPE_PERCPU_HASH, BPF_MAP_TYPE_PERCPU_ARRAY,
		BPF_MAP_TYPE_LRU_HASH, BPF_MAP_TYPE_LRU_PERCPU_HASH, BPF_MAP_TYPE_STACK_TRACE, BPF_MAP_TYPE_PERF_EVENT_ARRAY, BPF_MAP_TYPE_RINGBUF };
	Machine *m = kern_machine_new();

	printf("\nMap types\n");
	for (u32 i = 0; i < COUNT(types); i++) {
		bool ring = types[i] == BPF_MAP_TYPE_RINGBUF, stack = types[i] == BPF_MAP_TYPE_STACK_TRACE;
		MapDef def = { .name = "try", .type = types[i], .key_size = ring ? 0 : 4, .value_size = ring ? 0 : 4,
			       .max_entries = ring ? 4096 : 1 };

		if (stack)
			def.value_size = 8 * 127;
		printf("  %s: %s\n", bpf_map_type_name(types[i]), m->ops->map_new(m, &def) >= 0 ? "yes" : "no");
	}
	m->ops->close(m);
}

static void
info(void)
{
	static const struct { const char *name, *words; } f[] = {
#define FEATURE(id, name, words) { name, words },
#include "bpf/features.def"
#undef FEATURE
	};
	struct utsname u;
	int usable = kern_usable();

	uname(&u);
	printf("piton %s\nkernel %s %s, BPF %s\n\nFeatures\n", PITON_VERSION, u.release, u.machine,
	       usable ? strerror(-usable) : "usable");
	for (int i = 0; i < N_FEATURE; i++) {
		char name[64];

		snprintf(name, sizeof(name), "%s: %s", f[i].name, kern_has((Feature)i) ? "yes" : "no");
		printf("  %-24s %s\n", name, f[i].words);
	}
	info_maps();
}

/* Reads a script; "-" is standard input. false: told. */
static bool
read_script(const char *path, RunSource *s)
{
	Buf b = { 0 };
	int err;

	if (!strcmp(path, "-")) {
		ssize_t n;

		while ((n = read(0, buf_space(&b, 65536), 65536)) > 0 && b.n < LARGEST_SCRIPT)
			b.n += (size_t)n;
		err = n < 0 ? -errno : 0;
		buf_put(&b, "", 0);
	} else {
		int fd = access(path, F_OK) ? -errno : 0;

		/* Scripts are the user's own files, not the traced host's: they do not go through the host's door. */
		FILE *f = fd ? NULL : fopen(path, "re");

		err = f ? 0 : -errno;
		while (f && b.n < LARGEST_SCRIPT) {
			size_t n = fread(buf_space(&b, 65536), 1, 65536, f);

			if (!n) {
				err = ferror(f) ? -errno : 0;
				break;
			}
			b.n += n;
		}
		if (f)
			fclose(f);
		buf_put(&b, "", 0);
	}
	if (!err && b.n >= LARGEST_SCRIPT)
		err = -EFBIG;
	if (err) {
		fprintf(stderr, "ERROR: failed to open file '%s': %s\n", path, strerror(-err));
		return false;
	}
	*s = (RunSource){ !strcmp(path, "-") ? "stdin" : path, b.p, b.n };
	return true;
}

/* The word behind -l: a script whose probes are meant, not a pattern. */
static bool
is_script(const char *word)
{
	struct stat st;
	size_t n = strlen(word);

	if (!stat(word, &st))
		return S_ISREG(st.st_mode);
	if (n > 3 && !strcmp(word + n - 3, ".bt"))
		fprintf(stderr, "WARNING: It appears that '%s' is a filename but the file does not exist. Treating '%s' as a search pattern.\n",
			word, word);
	return false;
}

/* A pid, as the kernel numbers them: 1 to 2^22. */
static bool
number(const char *text, s32 *out)
{
	char *end;
	long n = strtol(text, &end, 10);

	*out = (s32)n;
	if (*end || end == text)
		fprintf(stderr, "ERROR: pid '%s' is not a valid decimal number\n", text);
	else if (n < 1 || n > 4194304)
		fprintf(stderr, "ERROR: pid '%s' out of valid pid range [1,4194304]\n", text);
	else
		return true;
	return false;
}

/* One of the words in `list` ("line|full|none"): its first letter, or 0 and told. */
static char
word_of(const char *value, const char *list, const char *option)
{
	size_t n = strlen(value);

	for (const char *p = list; *p; p += strcspn(p, "|"), p += *p == '|')
		if (strcspn(p, "|") == n && !memcmp(p, value, n))
			return *p;
	fprintf(stderr, "ERROR: Invalid %s \"%s\"\nHINT: it is one of: %s\n", option, value, list);
	return 0;
}

/* "kprobe_multi,uprobe_multi": as if the kernel had them not. */
static bool
deny_features(const char *list)
{
	static const char *const names[] = {
#define FEATURE(id, name, words) name,
#include "bpf/features.def"
#undef FEATURE
	};

	for (const char *p = list; *p; p += strcspn(p, ","), p += *p == ',') {
		size_t n = strcspn(p, ",");
		u32 i = 0;

		while (i < N_FEATURE && (strlen(names[i]) != n || memcmp(names[i], p, n)))
			i++;
		if (i == N_FEATURE) {
			fprintf(stderr, "ERROR: --no-feature: unknown feature '%.*s'; piton --info lists them\n", (int)n, p);
			return false;
		}
		kern_deny((Feature)i);
	}
	return true;
}

/* One mode only; 0 is one that word_of() refused. */
static bool
set_mode(RunOptions *r, char mode, const char *option, int *status)
{
	*status = RUN_USAGE;
	if (mode && r->mode && r->mode != mode) {
		fprintf(stderr, "ERROR: %s conflicts with another mode that was chosen before\n", option);
		return false;
	}
	r->mode = mode;
	return mode != 0;
}

/* Takes one option; false ends with exit status *status. */
static bool
take(Words *w, int id, const char *value, int *status)
{
	RunOptions *r = &w->run;
	char c;

	*status = 0;
	switch (id) {
	case OPT_EXPR:
		if (r->compat)          /* bpftrace takes the last one alone */
			r->n_sources = 0;
		if (r->n_sources == MAX_SOURCES)
			break;
		w->source[r->n_sources++] = (RunSource){ "stdin", value, strlen(value) };
		break;
	case OPT_CMD:      r->cmd = value; break;
	case OPT_PID:      *status = RUN_USAGE; return number(value, &r->pid);
	case OPT_LIST:     w->list = true; break;
	case OPT_OUTPUT:   r->output = value; break;
	case OPT_FORMAT:
		c = word_of(value, "text|json", "output format");
		r->format = c == 'j' ? OUT_JSON : OUT_TEXT;
		*status = RUN_USAGE;
		return c != 0;
	case OPT_BUFFER:
		*status = RUN_USAGE;
		return (r->buffering = word_of(value, "line|full|none", "buffering mode")) != 0;
	case OPT_QUIET:    r->quiet = true; break;
	case OPT_VERBOSE:  r->verbose = w->list_args = true; break;
	case OPT_DEBUG:    r->dump = value; break;
	case OPT_WARN:     r->helper_errors = true; break;
	case OPT_NOWARN:   r->warnings = false; break;
	case OPT_UNSAFE:   r->unsafe = true; break;
	case OPT_DRY:      r->dry_run = true; break;
	case OPT_MACHINE:
		*status = RUN_USAGE;
		r->machine = value;
		return word_of(value, "auto|kernel|user", "machine") != 0;
	case OPT_STRICT:   r->strict = true; break;
	case OPT_CHILD:    r->child_status = true; break;
	case OPT_BTF:      r->btf = value; break;
	case OPT_INCDIR:
		if (r->n_include_dirs < MAX_INCLUDES)
			w->dir[r->n_include_dirs++] = value;
		break;
	case OPT_INCLUDE:
		if (r->n_includes < MAX_INCLUDES)
			w->include[r->n_includes++] = value;
		break;
	case OPT_SYSROOT:  host_set_sysroot(value); break;
	case OPT_FILTER:   r->probe_filter = value; break;
	case OPT_INFO:     w->info = true; break;
	case OPT_TEST:     return set_mode(r, 't', "--test", status);
	case OPT_BENCH:    return set_mode(r, 'b', "--bench", status);
	case OPT_FMT:      return set_mode(r, 'f', "--fmt", status);
	case OPT_MODE:     return set_mode(r, word_of(value, "test|bench|format", "mode"), "--mode", status);
	case OPT_DEBUGINFO:
		if (w->debug_dirs.n)
			buf_putc(&w->debug_dirs, ':');
		buf_puts(&w->debug_dirs, value);
		sym_debug_dirs(w->debug_dirs.p);
		break;
	case OPT_TRACEABLE: r->traceable = value; break;
	case OPT_NOFEATURE: *status = RUN_USAGE; return deny_features(value);
	case OPT_DWARFPID:
		*status = RUN_USAGE;
		if (!number(value, &w->dwarf_pid[r->n_dwarf_pids % MAX_DWARF_PIDS]))
			return false;
		r->n_dwarf_pids = MIN(r->n_dwarf_pids + 1, (u32)MAX_DWARF_PIDS);
		break;
	case OPT_VERSION:  printf(r->compat ? "bpftrace v0.27.1 (piton %s)\n" : "piton %s\n", PITON_VERSION); return false;
	case OPT_HELP:     usage(stdout); return false;
	}
	return true;
}

/* Moves one word, those between down by one; gives where it is then. */
static char **
move(char **from, char **to)
{
	char *word = *from;

	memmove(from, from + 1, (size_t)(to - from) * sizeof(*from));
	*to = word;
	return to;
}

int
trace_main(int argc, char **argv)
{
	const char *slash = argc ? strrchr(argv[0], '/') : NULL, *value;
	Words w = { .run = { .warnings = true, .sources = w.source, .include_dirs = w.dir, .includes = w.include,
			    .dwarf_pids = w.dwarf_pid } };
	RunOptions *r = &w.run;
	int i = 1, sub = 0, n_words = 0, word = 0, id, status;
	char **words = argv + 1;        /* those of argv that are no options, moved to its front */
	char **options;                 /* those behind "--" that are, moved to its end */
	bool dashdash = false;

	r->compat = argc && !strcmp(slash ? slash + 1 : argv[0], "bpftrace");
	for (;;) {
		id = option_next(rows, COUNT(rows), argv, argc, &i, &sub, &value, &dashdash);
		if (id > 0 && !take(&w, id, value, &status))
			return status && r->compat ? RUN_ERROR : status;
		if (id < 0) {
			usage(stderr);
			return r->compat ? RUN_ERROR : RUN_USAGE;
		}
		if (id == 0 && (dashdash || i >= argc))
			break;
		if (id == 0)
			words[n_words++] = argv[i++];
	}
	if (w.info)
		return info(), 0;
	if (w.list && !r->n_sources && n_words && !is_script(words[0]))
		return run_list(r, words[0], w.list_args);
	if (!r->n_sources && n_words) {
		if (!read_script(words[word++], &w.source[0]))
			return r->compat ? RUN_ERROR : RUN_USAGE;
		r->n_sources = 1;
	}
	if (!r->n_sources && w.list)
		return run_list(r, NULL, w.list_args);
	if (!r->n_sources) {
		usage(stderr);
		return r->compat ? RUN_ERROR : RUN_USAGE;
	}
	/* The other words are the script's parameters; behind "--" stand its options, and more parameters among them. */
	options = argv + argc;
	for (int k = argc; k-- > i; )
		if (!strncmp(argv[k], "--", 2))
			options = move(argv + k, options - 1);
	for (; argv + i < options; i++)
		words[n_words++] = argv[i];
	r->params = (const char *const *)words + word;
	r->n_params = (u32)(n_words - word);
	r->options = (const char *const *)options;
	r->n_options = (u32)(argv + argc - options);
	return w.list ? run_list(r, NULL, w.list_args) : r->mode == 'f' ? run_format(r) : run_trace(r);
}
