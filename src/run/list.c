/* list: -l and -lv. */
#include "run/run.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Several patterns stand with commas between them; not those in quotes. */
static int
print_names(ProbeContext *pc, const char *patterns, bool args)
{
	Buf b = { 0 };
	int n = 0, sum = 0;

	for (const char *p = patterns, *end; n >= 0; p = end + 1) {
		bool quoted = false;

		for (end = p; *end && (quoted || *end != ','); end++)
			quoted ^= *end == '"';
		const char *pattern = arena_printf(pc->a, "%.*s", (int)(end - p), p);

		n = type_btf_list(pc->types, pattern, args, &b);
		if (n < 0)
			n = probe_list(pc, pattern, args, &b);
		sum += n;
		if (!*end)
			break;
		end += strspn(end + 1, " ");
	}
	fwrite(b.p ? b.p : "", 1, b.n, stdout);
	buf_free(&b);
	return n < 0 ? n : sum;
}

typedef struct Points { ProbeContext *pc; bool args; } Points;

static void
print_point(void *arg, const char *point, Span at)
{
	Points *p = arg;

	(void)at;
	print_names(p->pc, point, p->args);
}

static void
print_script(ProbeContext *pc, const RunOptions *opt, bool args)
{
	LangOptions lo = { .params = opt->params, .n_params = opt->n_params };
	Points points = { pc, args };
	const char *text;
	size_t n;
	u32 base = run_sources(opt, pc->a, pc->d, &text, &n);

	lang_points(pc->types, pc->a, pc->d, &lo, text, n, base, print_point, &points);
}

int
run_list(const RunOptions *opt, const char *pattern, bool args)
{
	Arena *a = arena_new();
	SymOptions so = { .demangle = true };
	ProbeContext pc = {
		.a = a, .d = diag_new(a), .types = type_new(a), .sym = sym_new(&so), .pid = opt->pid,
		.unsafe = opt->unsafe, .max_probes = UINT32_MAX, .probe_filter = opt->probe_filter, .traceable = opt->traceable,
	};
	Buf b = { 0 };
	int n = 0, status = 0;

	if (opt->compat)
		diag_hide_tags(pc.d);
	pc.machine = kern_machine_new();
	pc.has = pc.machine->ops->has;
	if (opt->btf)
		type_set_btf(pc.types, opt->btf);
	if (opt->n_sources)
		print_script(&pc, opt, args);
	else
		n = print_names(&pc, pattern ? pattern : "*:*", args);
	if (n < 0 || diag_errors(pc.d)) {
		if (n < 0 && !diag_errors(pc.d))
			diag_err(pc.d, (Span){ 0 }, E_ATTACH, "cannot list %s: %s", pattern, strerror(-n));
		diag_print(pc.d, &b, isatty(2));
		fputs(b.p, stderr);
		buf_free(&b);
		status = opt->compat ? RUN_ERROR : RUN_USAGE;
	}
	pc.machine->ops->close(pc.machine);
	sym_free(pc.sym);
	type_free(pc.types);
	arena_free(a);
	return status;
}
