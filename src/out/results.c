/* results: what --test and --bench print, in the words of bpftrace and gtest; as JSON one object a test. */
#include "out/inside.h"

#include <stdio.h>

static const char *const mark[] = { "[==========]", "[ RUN      ]", "[       OK ]", "[  PASSED  ]", "[  FAILED  ]" };

/* A line that starts with a mark, green but for failures. */
static void
line(Out *o, TestMark m, const char *words)
{
	const char *color = m == MARK_FAILED ? "\x1b[31m" : "\x1b[32m";

	buf_printf(&o->buf, "%s%s%s %s\n", o->opt.color ? color : "", mark[m], o->opt.color ? "\x1b[0m" : "", words);
}

static void
many(char *to, size_t size, u32 n, const char *rest)
{
	snprintf(to, size, "%u test%s%s", n, n == 1 ? "" : "s", rest);
}

void
out_tests_begin(Out *o, u32 n)
{
	char words[64];

	if (o->opt.format == OUT_JSON)
		return;
	snprintf(words, sizeof(words), "Running %u test%s.", n, n == 1 ? "" : "s");
	line(o, MARK_SUM, words);
}

void
out_test_begin(Out *o, const char *name)
{
	if (o->opt.format == OUT_TEXT)
		line(o, MARK_RUN, name);
}

static const char *
duration(char *to, size_t size, u64 ns)
{
	static const struct { const char *unit; u64 ns; } units[] = { { "s", 1000000000 }, { "ms", 1000000 }, { "μs", 1000 } };

	for (u32 i = 0; i < COUNT(units); i++)
		if (ns >= 10 * units[i].ns) {
			snprintf(to, size, "%llu %s", (unsigned long long)(ns / units[i].ns), units[i].unit);
			return to;
		}
	snprintf(to, size, "%llu ns", (unsigned long long)ns);
	return to;
}

void
out_test_end(Out *o, const char *name, u64 ns, bool passed, const Buf *printed)
{
	char took[32];
	Buf words = { 0 };

	if (o->opt.format == OUT_JSON) {
		buf_puts(&o->buf, "{\"type\": \"test_result\", \"data\": {");
		value_json_string(&o->buf, name, strlen(name));
		buf_printf(&o->buf, ": {\"duration\": %llu, \"passed\": %s, \"output\": ", (unsigned long long)ns,
			   passed ? "true" : "false");
		value_json_string(&o->buf, printed->n ? printed->p : "", printed->n);
		buf_puts(&o->buf, "}}}\n");
		return;
	}
	if (!passed)
		buf_put(&o->buf, printed->p, printed->n);
	buf_printf(&words, "%s (%s)", name, duration(took, sizeof(took), ns));
	line(o, passed ? MARK_OK : MARK_FAILED, words.p);
	buf_free(&words);
}

void
out_tests_end(Out *o, u32 n, const char *const *failed, u32 n_failed)
{
	char words[64];

	if (o->opt.format == OUT_JSON)
		return;
	many(words, sizeof(words), n, " ran.");
	line(o, MARK_SUM, words);
	many(words, sizeof(words), n - n_failed, ".");
	line(o, MARK_PASSED, words);
	if (!n_failed)
		return;
	many(words, sizeof(words), n_failed, ", listed below:");
	line(o, MARK_FAILED, words);
	for (u32 i = 0; i < n_failed; i++)
		line(o, MARK_FAILED, failed[i]);
}

void
out_benches_begin(Out *o)
{
	if (o->opt.format == OUT_TEXT)
		buf_printf(&o->buf, "%-40s %-14s %s\n%.66s\n", "Benchmark", "Time(ns)", "Iterations",
			   "----------------------------------------------------------------------");
}

void
out_bench(Out *o, const char *name, u64 ns, u64 runs)
{
	if (o->opt.format == OUT_TEXT) {
		buf_printf(&o->buf, "%-40s %-14llu %llu\n", name, (unsigned long long)ns, (unsigned long long)runs);
		return;
	}
	buf_puts(&o->buf, "{\"type\": \"benchmark_result\", \"data\": {");
	value_json_string(&o->buf, name, strlen(name));
	buf_printf(&o->buf, ": {\"average\": %llu, \"iters\": %llu}}}\n", (unsigned long long)ns, (unsigned long long)runs);
}
