/* software and hardware: every COUNT-th event of one kind, on all CPUs, or in the threads of one process.
 * Kernel: PERF_TYPE_SOFTWARE and PERF_TYPE_HARDWARE through perf_event_open(2). The context is struct bpf_perf_event_data,
 * which begins with the registers.
 * Script: software:page-faults:100, hardware:cache-misses:, hardware:cycles. No arguments. */
#include "probe/inside.h"

#include <dirent.h>
#include <linux/perf_event.h>
#include <stdio.h>
#include <stdlib.h>

typedef struct Event { const char *name, *alias; u32 config; u64 period; } Event;

static const Event software[] = {
	{ "alignment-faults", "", PERF_COUNT_SW_ALIGNMENT_FAULTS, 1 },
	{ "bpf-output", "", PERF_COUNT_SW_BPF_OUTPUT, 1 },
	{ "context-switches", "cs", PERF_COUNT_SW_CONTEXT_SWITCHES, 1000 },
	{ "cpu-clock", "cpu", PERF_COUNT_SW_CPU_CLOCK, 1000000 },
	{ "cpu-migrations", "", PERF_COUNT_SW_CPU_MIGRATIONS, 1 },
	{ "dummy", "", PERF_COUNT_SW_DUMMY, 1 },
	{ "emulation-faults", "", PERF_COUNT_SW_EMULATION_FAULTS, 1 },
	{ "major-faults", "", PERF_COUNT_SW_PAGE_FAULTS_MAJ, 1 },
	{ "minor-faults", "", PERF_COUNT_SW_PAGE_FAULTS_MIN, 100 },
	{ "page-faults", "faults", PERF_COUNT_SW_PAGE_FAULTS, 100 },
	{ "task-clock", "", PERF_COUNT_SW_TASK_CLOCK, 1000000 },
};
static const Event hardware[] = {
	{ "backend-stalls", "", PERF_COUNT_HW_STALLED_CYCLES_BACKEND, 1000000 },
	{ "branch-instructions", "branches", PERF_COUNT_HW_BRANCH_INSTRUCTIONS, 100000 },
	{ "branch-misses", "", PERF_COUNT_HW_BRANCH_MISSES, 100000 },
	{ "bus-cycles", "", PERF_COUNT_HW_BUS_CYCLES, 100000 },
	{ "cache-misses", "", PERF_COUNT_HW_CACHE_MISSES, 1000000 },
	{ "cache-references", "", PERF_COUNT_HW_CACHE_REFERENCES, 1000000 },
	{ "cpu-cycles", "cycles", PERF_COUNT_HW_CPU_CYCLES, 1000000 },
	{ "frontend-stalls", "", PERF_COUNT_HW_STALLED_CYCLES_FRONTEND, 1000000 },
	{ "instructions", "", PERF_COUNT_HW_INSTRUCTIONS, 1000000 },
	{ "ref-cycles", "", PERF_COUNT_HW_REF_CPU_CYCLES, 1000000 },
};

static const Event *
events_of(const Provider *prov, u32 *n, u32 *type)
{
	bool soft = prov == &software_provider;

	*n = soft ? COUNT(software) : COUNT(hardware);
	*type = soft ? PERF_TYPE_SOFTWARE : PERF_TYPE_HARDWARE;
	return soft ? software : hardware;
}

static bool
has_clock(const Probe *p)
{
	return p->type == PERF_TYPE_SOFTWARE && (p->config == PERF_COUNT_SW_CPU_CLOCK || p->config == PERF_COUNT_SW_TASK_CLOCK);
}

static bool
parse(ProbeContext *pc, const char *const *part, u32 n, Probe *p)
{
	const char *words[COUNT(software) + COUNT(hardware)], *near;
	u32 n_events, type;
	const Event *e = events_of(p->prov, &n_events, &type);

	if (n < 1 || n > 2)
		return probe_bad(pc, p, "%s probe type requires 1 or 2 arguments, found %u", p->prov->name, n);
	p->type = type;
	p->func = part[0];
	p->has_glob = base_has_glob(part[0], strlen(part[0]));
	if (p->has_glob)
		return true;
	for (u32 i = 0; i < n_events; i++) {
		words[i] = e[i].name;
		if (strcmp(part[0], e[i].name) && strcmp(part[0], e[i].alias))
			continue;
		p->config = e[i].config;
		p->own_clock = has_clock(p);
		p->period = e[i].period;
		if (n == 2 && *part[1] && (!probe_number(part[1], &p->period) || !p->period))
			return probe_bad(pc, p, "Invalid count for %s probe: '%s' is no positive number", p->prov->name, part[1]);
		p->name = n == 2 && *part[1] ?
			interns(arena_printf(pc->a, "%s:%s:%llu", p->prov->name, part[0], (unsigned long long)p->period)) :
			interns(arena_printf(pc->a, "%s:%s:", p->prov->name, part[0]));
		return true;
	}
	probe_bad(pc, p, "%s is not a %s probe", part[0], p->prov->name);
	near = base_nearest(part[0], words, n_events);
	if (near)
		diag_hint(pc->d, "did you mean '%s'?", near);
	return false;
}

static int
expand(ProbeContext *pc, const Probe *p, ProbeFn *fn, void *arg)
{
	u32 n_events, type;
	const Event *e = events_of(p->prov, &n_events, &type);
	int n = 0;

	if (!p->has_glob)
		return probe_expand_one(pc, p, fn, arg);
	for (u32 i = 0; i < n_events; i++) {
		Probe one = *p;

		if (!base_glob(p->func, strlen(p->func), e[i].name, strlen(e[i].name)))
			continue;
		one.func = e[i].name;
		one.config = e[i].config;
		one.own_clock = has_clock(&one);
		one.period = e[i].period;
		one.name = interns(arena_printf(pc->a, "%s:%s:", p->prov->name, e[i].name));
		n++;
		if (fn(arg, probe_new(pc, &one)))
			break;
	}
	return n;
}

/* -l: each event by all its names. */
static int
list(ProbeContext *pc, ProbeFn *fn, void *arg, const Provider *prov)
{
	u32 n_events, type;
	const Event *e = events_of(prov, &n_events, &type);

	for (u32 i = 0; i < 2 * n_events; i++) {
		Probe p = { .prov = prov, .type = type, .func = i & 1 ? e[i / 2].alias : e[i / 2].name, .config = e[i / 2].config };

		p.name = arena_printf(pc->a, "%s:%s:", prov->name, p.func);
		if (*p.func && fn(arg, probe_new(pc, &p)))
			break;
	}
	return (int)n_events;
}

static int
list_software(ProbeContext *pc, ProbeFn *fn, void *arg)
{
	return list(pc, fn, arg, &software_provider);
}

static int
list_hardware(ProbeContext *pc, ProbeFn *fn, void *arg)
{
	return list(pc, fn, arg, &hardware_provider);
}

void
perf_threads(ProbeContext *pc, VecU32 *out)
{
	char dir[64], path[4096];
	struct dirent *d;

	snprintf(dir, sizeof(dir), "/proc/%d/task", pc->pid);
	DIR *tasks = opendir(host_path(dir, path, sizeof(path)));

	while (tasks && (d = readdir(tasks)))
		if (atoi(d->d_name) > 0)
			VEC_PUSH(pc->a, out, (u32)atoi(d->d_name));
	if (tasks)
		closedir(tasks);
}

/* On every CPU, or in each thread of -p; threads that they start later inherit it. */
int
perf_attach(ProbeContext *pc, Probe *p, u32 type, u64 config, u64 period, int prog_fd)
{
	VecU32 where = { 0 };
	int n = 0;

	if (pc->pid > 0)
		perf_threads(pc, &where);
	else
		host_cpus_online(&where, pc->a);
	for (u32 i = 0; i < where.n; i++) {
		s32 tid = pc->pid > 0 ? (s32)where.v[i] : -1, cpu = pc->pid > 0 ? -1 : (s32)where.v[i];
		int fd = kern_attach_perf(prog_fd, kern_perf_event(type, config, period, false, tid, cpu), p->cookie);

		if (fd == -ENODEV || fd == -ESRCH)      /* went offline, ended */
			continue;
		if (fd < 0)
			return fd;
		probe_keep_fd(pc, p, fd);
		n++;
	}
	return n ? 0 : -ESRCH;
}

static int
attach_one(ProbeContext *pc, Probe *p, int prog_fd)
{
	return perf_attach(pc, p, p->type, p->config, p->period, prog_fd);
}

static int
attach(ProbeContext *pc, Probe **p, u32 n, int prog_fd, u32 *failed)
{
	return probe_each(pc, p, n, failed, attach_one, prog_fd);
}

const Type *
perf_value_type(ProbeContext *pc, const Probe *p, const char *name, const char **why)
{
	(void)p;
	return regs_value_type(pc, REGS_ANY, name, why);
}

Ref
perf_load(ProbeContext *pc, const Probe *p, Fn *fn, const char *name, u32 field)
{
	(void)p, (void)field;
	return regs_load(pc, fn, AS_NONE, name);
}

const Provider software_provider = {
	.name = "software", .alias = "s", .prog_type = BPF_PROG_TYPE_PERF_EVENT, .feature = N_FEATURE, .per_pid = true,
	.last_first = true,
	.same_code = true, .parts = 1, .usage = "software:EVENT[:COUNT]", .list = list_software,
	.parse = parse, .expand = expand, .args = probe_no_args, .value_type = perf_value_type, .load = perf_load, .attach = attach,
};

const Provider hardware_provider = {
	.name = "hardware", .alias = "h", .prog_type = BPF_PROG_TYPE_PERF_EVENT, .feature = N_FEATURE, .per_pid = true,
	.same_code = true, .parts = 1, .usage = "hardware:EVENT[:COUNT]", .list = list_hardware,
	.parse = parse, .expand = expand, .args = probe_no_args, .value_type = perf_value_type, .load = perf_load, .attach = attach,
};
