/* begin, end, self, test, bench: clauses that piton itself runs, as test runs of a raw tracepoint program.
 * Script: begin, end; self:signal:SIGUSR1; test:NAME (--test); bench:NAME (--bench). No arguments. */
#include "probe/inside.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

static bool
parse_alone(ProbeContext *pc, const char *const *part, u32 n, Probe *p)
{
	(void)part;
	if (n)
		return probe_bad(pc, p, "%s probe type requires 0 arguments, found %u", p->prov->name, n);
	p->name = interns(p->prov->name);
	return true;
}

static bool
parse_named(ProbeContext *pc, const char *const *part, u32 n, Probe *p)
{
	if (n != 1 || !*part[0])
		return probe_bad(pc, p, "%s probe type requires 1 argument, found %u", p->prov->name, n);
	p->func = part[0];
	p->name = interns(arena_printf(pc->a, "%s:%s", p->prov->name, p->func));
	return true;
}

static const struct { const char *name; int n; } signals[] = {
	{ "SIGUSR1", SIGUSR1 }, { "SIGUSR2", SIGUSR2 }, { "SIGHUP", SIGHUP }, { "SIGALRM", SIGALRM }, { "SIGWINCH", SIGWINCH },
	{ "SIGURG", SIGURG }, { "SIGIO", SIGIO }, { "SIGPROF", SIGPROF }, { "SIGVTALRM", SIGVTALRM }, { "SIGQUIT", SIGQUIT },
};

static bool
parse_self(ProbeContext *pc, const char *const *part, u32 n, Probe *p)
{
	if (n != 2 || strcmp(part[0], "signal"))
		return probe_bad(pc, p, "self probe type requires 2 arguments, found %u", n);
	p->func = part[1];
	p->name = interns(arena_printf(pc->a, "self:signal:%s", part[1]));
	for (u32 i = 0; i < COUNT(signals); i++)
		if (!strcmp(part[1], signals[i].name) || !strcmp(part[1], "*")) {
			p->config = (u32)signals[i].n;
			p->has_glob = *part[1] == '*';
			return true;
		}
	probe_bad(pc, p, "%s is not a supported signal", part[1]);
	diag_hint(pc->d, "SIGUSR1 and SIGUSR2 are free to use");
	return false;
}

static int
list_self(ProbeContext *pc, ProbeFn *fn, void *arg)
{
	for (u32 i = 0; i < COUNT(signals); i++) {
		Probe p = { .prov = &self_provider, .func = signals[i].name, .config = (u32)signals[i].n };

		p.name = arena_printf(pc->a, "self:signal:%s", p.func);
		if (fn(arg, probe_new(pc, &p)))
			break;
	}
	return COUNT(signals);
}

static int
expand_self(ProbeContext *pc, const Probe *p, ProbeFn *fn, void *arg)
{
	return p->has_glob ? list_self(pc, fn, arg) : probe_expand_one(pc, p, fn, arg);
}

static int
list_one(ProbeContext *pc, ProbeFn *fn, void *arg, const Provider *prov)
{
	Probe p = { .prov = prov, .name = prov->name };

	fn(arg, probe_new(pc, &p));
	return 1;
}

static int
list_begin(ProbeContext *pc, ProbeFn *fn, void *arg)
{
	return list_one(pc, fn, arg, &begin_provider);
}

static int
list_end(ProbeContext *pc, ProbeFn *fn, void *arg)
{
	return list_one(pc, fn, arg, &end_provider);
}

/* Named by the script alone: nothing is there to list. */
static int
list_none(ProbeContext *pc, ProbeFn *fn, void *arg)
{
	(void)pc, (void)fn, (void)arg;
	return 0;
}

#define SPECIAL(n, w, form, p, e, l) { \
	.name = n, .when = w, .prog_type = BPF_PROG_TYPE_RAW_TRACEPOINT, .feature = FEAT_RAW_TP_RUN, .per_pid = true, \
	.same_code = true, .usage = form, .parse = p, .expand = e, .args = probe_no_args, .value_type = probe_no_value, \
	.load = probe_no_load, .list = l, \
}

const Provider begin_provider = SPECIAL("begin", PW_BEGIN, "begin", parse_alone, probe_expand_one, list_begin);
const Provider end_provider = SPECIAL("end", PW_END, "end", parse_alone, probe_expand_one, list_end);
const Provider self_provider = SPECIAL("self", PW_SIGNAL, "self:signal:NAME", parse_self, expand_self, list_self);
const Provider test_provider = SPECIAL("test", PW_TEST, "test:NAME", parse_named, probe_expand_one, list_none);
const Provider bench_provider = SPECIAL("bench", PW_BENCH, "bench:NAME", parse_named, probe_expand_one, list_none);
