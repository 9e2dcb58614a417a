/* interval and profile: run a clause every N time units, on one CPU or on all of them.
 * Kernel: PERF_COUNT_SW_CPU_CLOCK through perf_event_open(2).
 * Script: interval:s:1, interval:ms:10, interval:hz:99, interval:5ms, profile likewise. No arguments but registers. */
#include "probe/inside.h"

#include <linux/perf_event.h>
#include <stdio.h>
#include <stdlib.h>

static const struct { const char *name; u64 ns; } units[] = {
	{ "us", 1000 }, { "ms", 1000000 }, { "s", 1000000000 }, { "hz", 0 },
};
static const struct { const char *name; u64 ns; } suffixes[] = {
	{ "ns", 1 }, { "us", 1000 }, { "ms", 1000000 }, { "s", 1000000000 }, { "m", 60000000000 }, { "h", 3600000000000 },
	{ "d", 86400000000000 }, { "", 1 },
};

/* "5ms", "1000000": nanoseconds. */
static bool
duration(const char *s, u64 *ns)
{
	for (u32 i = 0; i < COUNT(suffixes); i++) {
		size_t n = strlen(s), m = strlen(suffixes[i].name);
		char digits[32];

		if (n <= m || n - m >= sizeof(digits) || strcmp(s + n - m, suffixes[i].name))
			continue;
		memcpy(digits, s, n - m);
		digits[n - m] = 0;
		if (probe_number(digits, ns))
			return !__builtin_mul_overflow(*ns, suffixes[i].ns, ns);
	}
	return false;
}

static bool
parse(ProbeContext *pc, const char *const *part, u32 n, Probe *p)
{
	const char *name = p->prov->name;
	u64 count;

	p->type = PERF_TYPE_SOFTWARE;
	p->config = PERF_COUNT_SW_CPU_CLOCK;
	if (n == 1 && !strcmp(part[0], "*")) {
		p->has_glob = true;
		return true;
	}
	if (n == 1) {
		if (!duration(part[0], &p->period))
			return probe_bad(pc, p, "Invalid duration '%s' for a %s probe", part[0], name);
		if (p->period < 1000)
			return probe_bad(pc, p, "%s of %llu ns is too short: at least 1us", name, (unsigned long long)p->period);
		p->name = interns(arena_printf(pc->a, "%s:us:%llu", name, (unsigned long long)p->period / 1000));
		return true;
	}
	if (n != 2)
		return probe_bad(pc, p, "%s probe type requires 1 or 2 arguments, found %u", name, n);
	for (u32 i = 0; i < COUNT(units); i++) {
		if (strcmp(part[0], units[i].name))
			continue;
		if (!strcmp(part[1], "*") || !*part[1]) {
			p->has_glob = true;
			p->func = units[i].name;
			return true;
		}
		if (!probe_number(part[1], &count) || !count)
			return probe_bad(pc, p, "Invalid %s rate of %s probe: '%s' is no positive number", part[0], name, part[1]);
		p->is_freq = !units[i].ns;
		p->period = count;
		if (units[i].ns && __builtin_mul_overflow(count, units[i].ns, &p->period))
			return probe_bad(pc, p, "%s:%s:%s is more than a number of nanoseconds can hold", name, part[0], part[1]);
		if (p->is_freq && count > 1000000)
			return probe_bad(pc, p, "%s:hz:%s is too fast: at most 1000000", name, part[1]);
		p->name = interns(arena_printf(pc->a, "%s:%s:%llu", name, units[i].name, (unsigned long long)count));
		return true;
	}
	return probe_bad(pc, p, "%s is not an accepted unit of a %s probe: it takes us, ms, s or hz", part[0], name);
}

static int
expand(ProbeContext *pc, const Probe *p, ProbeFn *fn, void *arg)
{
	static const char *const order[] = { "hz", "ms", "s", "us" };
	int n = 0;

	if (!p->has_glob)
		return probe_expand_one(pc, p, fn, arg);
	for (u32 i = 0; i < COUNT(order); i++) {        /* for listing: the forms */
		Probe one = *p;

		if (p->func && strcmp(p->func, order[i]))
			continue;
		one.name = arena_printf(pc->a, "%s:%s:", p->prov->name, order[i]);
		n++;
		if (fn(arg, probe_new(pc, &one)))
			break;
	}
	return n;
}

/* Frequencies as periods: the kernel does the same for this clock, but checks them against perf_event_max_sample_rate. */
static u64
period_of(const Probe *p)
{
	return p->is_freq ? 1000000000ull / p->period : p->period;
}

/* On the first CPU that is there; the clock ticks whatever runs on it. */
static int
attach_interval(ProbeContext *pc, Probe *p, int prog_fd)
{
	int fd = kern_perf_event(p->type, p->config, period_of(p), false, -1, 0);

	for (u32 cpu = 1; fd == -ENODEV && cpu < host_cpus(); cpu++)
		fd = kern_perf_event(p->type, p->config, period_of(p), false, -1, (s32)cpu);
	fd = kern_attach_perf(prog_fd, fd, p->cookie);
	if (fd >= 0)
		probe_keep_fd(pc, p, fd);
	return fd;
}

static int
attach_intervals(ProbeContext *pc, Probe **p, u32 n, int prog_fd, u32 *failed)
{
	return probe_each(pc, p, n, failed, attach_interval, prog_fd);
}

static int
attach_profile(ProbeContext *pc, Probe *p, int prog_fd)
{
	return perf_attach(pc, p, p->type, p->config, period_of(p), prog_fd);
}

static int
attach_profiles(ProbeContext *pc, Probe **p, u32 n, int prog_fd, u32 *failed)
{
	return probe_each(pc, p, n, failed, attach_profile, prog_fd);
}

const Provider interval_provider = {
	.name = "interval", .alias = "i", .prog_type = BPF_PROG_TYPE_PERF_EVENT, .feature = N_FEATURE, .timer = true,
	.per_pid = true,                /* a clock is nobody's */
	.same_code = true, .parts = 1, .usage = "interval:us|ms|s|hz:COUNT, interval:DURATION (5ms)",
	.parse = parse, .expand = expand, .args = probe_no_args, .value_type = probe_no_value, .load = probe_no_load,
	.attach = attach_intervals,
};

const Provider profile_provider = {
	.name = "profile", .alias = "p", .prog_type = BPF_PROG_TYPE_PERF_EVENT, .feature = N_FEATURE, .timer = true,
	.per_pid = true, .same_code = true, .parts = 1, .usage = "profile:us|ms|s|hz:COUNT, profile:DURATION (5ms)",
	.parse = parse, .expand = expand, .args = probe_no_args, .value_type = perf_value_type, .load = perf_load,
	.attach = attach_profiles,
};
