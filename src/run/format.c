/* format: --fmt. Nothing is compiled, run or asked of the host. */
#include "run/run.h"

#include <errno.h>
#include <stdio.h>

int
run_format(const RunOptions *opt)
{
	Arena *a = arena_new();
	Diag *d = diag_new(a);
	Types *types = type_new(a);
	Buf out = { 0 };
	const char *text;
	size_t n;
	u32 base = run_sources(opt, a, d, &text, &n);
	bool good = lang_format(types, a, d, text, n, base, &out);
	FILE *f = good && opt->output ? fopen(opt->output, "we") : stdout;

	if (!f)
		diag_err(d, (Span){ 0 }, E_COMMAND, "cannot write %s: %s", opt->output, strerror(errno));
	if (good && f && ((out.n && fwrite(out.p, 1, out.n, f) != out.n) | (f == stdout ? fflush(f) : fclose(f))))
		diag_err(d, (Span){ 0 }, E_COMMAND, "cannot write: %s", strerror(errno));
	n = diag_errors(d);
	run_tell(d);
	buf_free(&out);
	type_free(types);
	arena_free(a);
	return n ? opt->compat ? RUN_ERROR : RUN_USAGE : 0;
}
