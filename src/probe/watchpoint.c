/* watchpoint: runs a clause when memory at an address is read, written or executed.
 * Kernel: PERF_TYPE_BREAKPOINT through perf_event_open(2): the CPU's debug registers, of which there are few (x86-64: 4).
 * Script: watchpoint:ADDRESS:LENGTH:MODE, mode of r, w and x. With -p or -c in that process's threads, else everywhere. */
#include "probe/inside.h"

#include <dirent.h>
#include <linux/perf_event.h>
#include <stdio.h>
#include <stdlib.h>

static bool
parse(ProbeContext *pc, const char *const *part, u32 n, Probe *p)
{
	const char *m;

	if (n == 1 && !strcmp(part[0], "*"))
		p->has_glob = true;
	if (p->has_glob)
		return true;
	if (n != 3)
		return probe_bad(pc, p, "watchpoint probe type requires 3 arguments, found %u", n);
	if (!probe_number(part[0], &p->addr))
		return probe_bad(pc, p, "Invalid address '%s' of a watchpoint", part[0]);
	if (!probe_number(part[1], &p->period))
		return probe_bad(pc, p, "Invalid length '%s' of a watchpoint", part[1]);
	if (p->period != 1 && p->period != 2 && p->period != 4 && p->period != 8)
		return probe_bad(pc, p, "watchpoint length must be one of (1,2,4,8)");
	if (p->addr % p->period)
		return probe_bad(pc, p, "watchpoint address must be aligned to its length");
	m = part[2];
	for (const char *c = m; *c; c++)
		if (!strchr("rwx", *c) || strchr(c + 1, *c))
			return probe_bad(pc, p, "watchpoint mode '%s' must be combination of (r,w,x), each once", m);
	if (!*m)
		return probe_bad(pc, p, "watchpoint mode is missing: r, w, x or a combination");
	if (strchr(m, 'x') && m[1])
		return probe_bad(pc, p, "the CPU watches execution or data, not both: mode '%s'", m);
	p->func = m;
	p->name = interns(arena_printf(pc->a, "watchpoint:0x%llx:%llu:%s", (unsigned long long)p->addr, (unsigned long long)p->period, m));
	return true;
}

static int
expand(ProbeContext *pc, const Probe *p, ProbeFn *fn, void *arg)
{
	return p->has_glob ? 0 : probe_expand_one(pc, p, fn, arg);
}

static int
watch(ProbeContext *pc, Probe *p, int prog_fd, s32 pid, s32 cpu)
{
	int fd = kern_breakpoint(p->addr, (u32)p->period, p->func, pid, cpu);

	if (fd == -EINVAL && !strcmp(p->func, "r"))     /* x86 cannot watch reads alone */
		fd = kern_breakpoint(p->addr, (u32)p->period, "rw", pid, cpu);
	fd = kern_attach_perf(prog_fd, fd, p->cookie);
	if (fd >= 0)
		probe_keep_fd(pc, p, fd);
	return fd;
}

static int
attach_one(ProbeContext *pc, Probe *p, int prog_fd)
{
	VecU32 where = { 0 };
	int err = 0, n = 0;

	if (pc->pid > 0)
		perf_threads(pc, &where);
	else
		host_cpus_online(&where, pc->a);
	for (u32 i = 0; i < where.n; i++) {
		err = pc->pid > 0 ? watch(pc, p, prog_fd, (s32)where.v[i], -1) : watch(pc, p, prog_fd, -1, (s32)where.v[i]);
		if (err == -ESRCH || err == -ENODEV)
			continue;
		if (err < 0)
			return err;
		n++;
	}
	return n ? 0 : err < 0 ? err : -ESRCH;
}

static int
attach(ProbeContext *pc, Probe **p, u32 n, int prog_fd, u32 *failed)
{
	return probe_each(pc, p, n, failed, attach_one, prog_fd);
}

const Provider watchpoint_provider = {
	.name = "watchpoint", .alias = "w", .prog_type = BPF_PROG_TYPE_PERF_EVENT, .feature = N_FEATURE, .space = AS_USER, .per_pid = true,
	.same_code = true, .watches = true, .usage = "watchpoint:ADDRESS:LENGTH:MODE",
	.parse = parse, .expand = expand, .args = probe_no_args, .value_type = perf_value_type, .load = perf_load, .attach = attach,
};
