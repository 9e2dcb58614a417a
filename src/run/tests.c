/* tests: --test and --bench. Each test: program runs once and is judged by what it returns; each bench: program runs many
 * times, and the time of an empty program that is run the same way is taken off. */
#include "run/session.h"

#include <time.h>

/* A benchmark: ROUNDS rounds of about ROUND_NS each; the least of them is the one that nothing disturbed. */
enum { ROUNDS = 9, ROUND_NS = 20000000, MOST_RUNS = 1 << 20 };

static u64
now(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (u64)t.tv_sec * 1000000000 + (u64)t.tv_nsec;
}

/* The name behind "test:". */
static const char *
name_of(const ScriptProg *p)
{
	return p->probes.v[0]->func;
}

static void
report(Session *s, const ScriptProg *p, int err)
{
	diag_err(s->d, p->at, E_ATTACH, "%s could not run: %s", p->probes.v[0]->name, strerror(-err));
	s->status = RUN_ERROR;
	s->exiting = true;
}

static u32
count(const Session *s, ProbeWhen when)
{
	u32 n = 0;

	for (u32 i = 0; i < s->script->progs.n; i++)
		n += s->script->progs.v[i].prov->when == when && s->script->progs.v[i].probes.n;
	return n;
}

/* Runs a test and tells how it went; true: it passed. */
static bool
run_test(Session *s, u32 i)
{
	const ScriptProg *p = &s->script->progs.v[i];
	Buf printed = { 0 };
	u32 result = 0;
	u64 from;
	int err;

	out_test_begin(s->out, name_of(p));
	out_capture(s->out);
	s->testing = true;
	from = now(CLOCK_MONOTONIC);
	err = run_prog_now(s, i, &result);
	from = now(CLOCK_MONOTONIC) - from;
	run_drain(s);
	s->testing = false;
	out_captured(s->out, &printed);
	if (err)
		report(s, p, err);
	out_test_end(s->out, name_of(p), from, !err && !result, &printed);
	buf_free(&printed);
	run_drain(s);
	return !err && !result;
}

void
run_tests(Session *s)
{
	const char **failed = NEW_N(s->a, const char *, s->script->progs.n + 1);
	u32 n = count(s, PW_TEST), ran = 0, n_failed = 0;

	run_drain(s);
	if (n)
		out_tests_begin(s->out, n);
	for (u32 i = 0; i < s->script->progs.n && !s->exiting && !run_stopped; i++) {
		const ScriptProg *p = &s->script->progs.v[i];

		if (p->prov->when != PW_TEST || !p->probes.n)
			continue;
		ran++;
		if (!run_test(s, i))
			failed[n_failed++] = name_of(p);
	}
	if (n)
		out_tests_end(s->out, ran, failed, n_failed);
	if (n_failed)
		s->status = RUN_ERROR;
}

/* ---- benchmarks ---- */

/* CPU time of `runs` runs in ns; the program's records are thrown away. *result: the first that is not 0. */
static int
time_runs(Session *s, int prog, u32 runs, u64 *ns, u32 *result)
{
	u64 from = now(CLOCK_THREAD_CPUTIME_ID);
	int err = 0;

	for (u32 i = 0; i < runs && !err && !*result; i++)
		err = s->machine->ops->prog_run(s->machine, prog, NULL, 0, result);
	*ns = now(CLOCK_THREAD_CPUTIME_ID) - from;
	run_drain(s);
	return err;
}

/* Handle of a program that does nothing. */
static int
load_empty(Session *s, const Code *like)
{
	static Insn code[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0 },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	Code empty = { .name = "empty", .prog_type = like->prog_type, .insns = code, .n = COUNT(code) };
	Refusal why = { .pc = -1 };
	int prog = s->machine->ops->prog_load(s->machine, &empty, s->map, s->n_maps, &why);

	buf_free(&why.log);
	return prog;
}

typedef struct Bench { u64 ns, runs; u32 result; } Bench;

static int
measure(Session *s, int prog, int empty, Bench *b)
{
	u64 ns = 0, base, least = UINT64_MAX, least_base = UINT64_MAX;
	u32 runs = 1;
	int err;

	while (!(err = time_runs(s, prog, runs, &ns, &b->result)) && !b->result && ns < ROUND_NS / 4 && runs < MOST_RUNS)
		runs *= 2;
	for (u32 i = 0; i < ROUNDS && !err && !b->result && !run_stopped; i++) {
		err = time_runs(s, empty, runs, &base, &b->result);
		if (!err)
			err = time_runs(s, prog, runs, &ns, &b->result);
		b->runs += runs;
		least = MIN(least, ns);
		least_base = MIN(least_base, base);
	}
	if (err || b->result || run_stopped)
		return err;
	b->ns = least > least_base ? (least - least_base + runs / 2) / runs : 0;
	return 0;
}

static void
run_bench(Session *s, u32 i)
{
	const ScriptProg *p = &s->script->progs.v[i];
	int empty = load_empty(s, &p->code), err = empty;
	Buf printed = { 0 };
	Bench b = { 0 };

	out_capture(s->out);
	s->testing = true;
	if (empty >= 0)
		err = measure(s, s->prog[i], empty, &b);
	s->testing = false;
	out_captured(s->out, &printed);
	buf_free(&printed);
	if (err < 0) {
		report(s, p, err);
	} else if (b.result) {
		diag_err(s->d, p->at, E_COMMAND, "Benchmark '%s' failed.", name_of(p));
		diag_hint(s->d, "it returned %u; a benchmark returns nothing or 0", b.result);
		s->status = RUN_ERROR;
	} else if (!run_stopped) {
		out_bench(s->out, name_of(p), b.ns, b.runs);
	}
	run_drain(s);
}

void
run_benches(Session *s)
{
	run_drain(s);
	if (count(s, PW_BENCH))
		out_benches_begin(s->out);
	for (u32 i = 0; i < s->script->progs.n && !s->exiting && !run_stopped; i++)
		if (s->script->progs.v[i].prov->when == PW_BENCH && s->script->progs.v[i].probes.n)
			run_bench(s, i);
}
