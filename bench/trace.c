/* trace: runs a tracer beside a program that makes events, and measures both.
 *
 *   trace [-e EVENT] [-n EVENTS] [-r ROUNDS] [-w SECONDS] [-o FILE] -- TRACER ARGUMENTS...
 *
 * EVENT: read (read(2) of 100 bytes), open (open(2) of a missing file), getpgid, call (the function bench_call of this program).
 * In the tracer's arguments %PID% is the pid of the maker and %SELF% the path of this program. The events begin once the tracer's
 * programs run; they come in ROUNDS bursts of EVENTS each. The tracer's output goes to FILE (/dev/null). Prints one line of NAME=VALUE:
 *   insns jited     length of the tracer's programs that ran, in instructions and in bytes of machine code
 *   ns              their time per run by the kernel's BPF statistics (needs Linux 5.8), the median of the bursts
 *   runs            how often they ran, per event
 *   event_ns        what one event cost its maker, in CPU time, the median; base_ns the same before the tracer came
 *   cpu_ms rss_kb   of the tracer, from its start to its end
 *   produced        events of the bursts; those before, while it attached, have another path (open) or pid (getpgid)
 * Exit 1 and words when the tracer fails or does not attach. */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/bpf.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { MAX_PROGS = 64, MAX_ROUNDS = 99 };

typedef struct Stat {
	uint32_t id, insns, jited;
	uint64_t runs, ns;
} Stat;

__attribute__((noinline)) void
bench_call(long n)
{
	__asm__ volatile("" : : "r"(n) : "memory");
}

static double
cpu_ns(void)
{
	struct timespec t;
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return t.tv_sec * 1e9 + t.tv_nsec;
}

static void
nap(long ms)
{
	nanosleep(&(struct timespec){ ms / 1000, ms % 1000 * 1000000 }, NULL);
}

/* Makes n events; nanoseconds of CPU for each. A negative n: so many that a tracer can tell from the others by their argument. */
static double
make(const char *event, long n)
{
	bool early = n < 0;
	const char *path = early ? "/nowhere/piton-early" : "/nowhere/piton-bench";
	static int zero = -1;
	char buf[100];

	if (zero < 0)
		zero = open("/dev/zero", O_RDONLY);
	n = early ? -n : n;
	double t = cpu_ns();
	switch (event[0]) {
	case 'r': for (long i = 0; i < n; i++) if (read(zero, buf, sizeof buf) < 0) _exit(1); break;
	case 'o': for (long i = 0; i < n; i++) if (open(path, O_RDONLY) >= 0) _exit(1); break;
	case 'g': for (long i = 0; i < n; i++) syscall(SYS_getpgid, early ? -2 : -1); break;
	case 'c': for (long i = 0; i < n; i++) bench_call(i); break;
	default: _exit(2);
	}
	return (cpu_ns() - t) / (n ? n : 1);
}

/* The maker: for each number that comes in, so many events; answers with their cost. */
static void
maker(const char *event, int in, int out)
{
	long n;
	double ns;

	while (read(in, &n, sizeof n) == sizeof n) {
		ns = make(event, n);
		if (write(out, &ns, sizeof ns) != sizeof ns)
			break;
	}
	_exit(0);
}

static double
order(int to, int from, long n)
{
	double ns;
	if (write(to, &n, sizeof n) != sizeof n || read(from, &ns, sizeof ns) != sizeof ns) {
		fprintf(stderr, "trace: the maker of events ended\n");
		exit(1);
	}
	return ns;
}

static int
sys_bpf(int cmd, union bpf_attr *a)
{
	return (int)syscall(SYS_bpf, cmd, a, sizeof *a);
}

/* The ids of all programs of the kernel, at most max, in rising order. */
static int
all_ids(uint32_t *ids, int max)
{
	union bpf_attr a;
	int n = 0;

	memset(&a, 0, sizeof a);
	while (n < max && !sys_bpf(BPF_PROG_GET_NEXT_ID, &a)) {
		ids[n++] = a.next_id;
		a.start_id = a.next_id;
	}
	return n;
}

/* The ids of the programs that the process holds by fds of programs or links. */
static int
held_ids(pid_t pid, uint32_t *ids, int max)
{
	char path[64 + NAME_MAX], line[256];
	int n = 0;

	snprintf(path, sizeof path, "/proc/%d/fdinfo", pid);
	DIR *d = opendir(path);
	for (struct dirent *e; d && (e = readdir(d)); ) {
		uint32_t id;
		snprintf(path, sizeof path, "/proc/%d/fdinfo/%s", pid, e->d_name);
		FILE *f = fopen(path, "r");
		while (f && fgets(line, sizeof line, f)) {
			if (sscanf(line, "prog_id: %u", &id) != 1)
				continue;
			int k = 0;
			while (k < n && ids[k] != id)
				k++;
			if (k == n && n < max)
				ids[n++] = id;
		}
		if (f)
			fclose(f);
	}
	if (d)
		closedir(d);
	return n;
}

static int
stat_of(uint32_t id, Stat *s)
{
	struct bpf_prog_info info;
	union bpf_attr a;

	memset(&a, 0, sizeof a);
	a.prog_id = id;
	int fd = sys_bpf(BPF_PROG_GET_FD_BY_ID, &a);
	if (fd < 0)
		return -1;
	memset(&a, 0, sizeof a);
	memset(&info, 0, sizeof info);
	a.info.bpf_fd = (uint32_t)fd;
	a.info.info_len = sizeof info;
	a.info.info = (uint64_t)(uintptr_t)&info;
	int err = sys_bpf(BPF_OBJ_GET_INFO_BY_FD, &a);
	close(fd);
	*s = (Stat){ id, info.xlated_prog_len / 8, info.jited_prog_len, info.run_cnt, info.run_time_ns };
	return err;
}

/* The programs of the tracer that have run; those it holds, else those that are new in the kernel. */
static int
running(pid_t pid, uint32_t newest_before, Stat *s)
{
	uint32_t ids[4096];
	int n = held_ids(pid, ids, MAX_PROGS), k = 0;

	if (!n) {
		n = all_ids(ids, 4096);
		int j = 0;
		for (int i = 0; i < n; i++)
			if (ids[i] > newest_before)
				ids[j++] = ids[i];
		n = j;
	}
	for (int i = 0; i < n && k < MAX_PROGS; i++)
		if (!stat_of(ids[i], &s[k]) && s[k].runs)
			k++;
	return k;
}

static int
rising(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

static double
median(double *v, int n)
{
	qsort(v, (size_t)n, sizeof *v, rising);
	return n ? v[n / 2] : 0;
}

static char *
replace(const char *s, const char *what, const char *with)
{
	size_t n = strlen(s) + 1, w = strlen(with);
	for (const char *p = s; (p = strstr(p, what)); p += strlen(what))
		n += w;
	char *out = malloc(n), *o = out;
	for (const char *p; (p = strstr(s, what)); s = p + strlen(what)) {
		memcpy(o, s, (size_t)(p - s));
		o += p - s;
		memcpy(o, with, w);
		o += w;
	}
	strcpy(o, s);
	return out;
}

int
main(int argc, char **argv)
{
	const char *event = "read", *output = "/dev/null";
	long per_round = 20000;
	int rounds = 15, opt, patience = 20, to[2], from[2];
	char self[PATH_MAX], pid_text[16];

	while ((opt = getopt(argc, argv, "+e:n:r:w:o:")) >= 0)
		switch (opt) {
		case 'e': event = optarg; break;
		case 'n': per_round = atol(optarg); break;
		case 'r': rounds = atoi(optarg); break;
		case 'o': output = optarg; break;
		case 'w': patience = atoi(optarg); break;
		default: return 2;
		}
	if (optind >= argc || rounds < 1 || rounds > MAX_ROUNDS)
		return 2;
	ssize_t len = readlink("/proc/self/exe", self, sizeof self - 1);
	if (len < 0 || pipe2(to, O_CLOEXEC) || pipe2(from, O_CLOEXEC))
		return 1;
	self[len] = 0;

	pid_t gen = fork();
	if (!gen) {
		close(to[1]);
		maker(event, to[0], from[1]);
	}
	snprintf(pid_text, sizeof pid_text, "%d", gen);
	double base[5], ns[MAX_ROUNDS], cost[MAX_ROUNDS], runs[MAX_ROUNDS];
	for (int i = 0; i < 5; i++)
		base[i] = order(to[1], from[0], per_round < 50000 ? per_round : 50000);

	union bpf_attr a;
	memset(&a, 0, sizeof a);
	a.enable_stats.type = BPF_STATS_RUN_TIME;
	int stats = sys_bpf(BPF_ENABLE_STATS, &a);      /* on until the fd is closed */
	if (stats < 0)
		fprintf(stderr, "trace: no BPF statistics: %s\n", strerror(errno));
	uint32_t ids[4096];
	int n_before = all_ids(ids, 4096);
	uint32_t newest = n_before ? ids[n_before - 1] : 0;

	for (int i = optind; i < argc; i++)
		argv[i] = replace(replace(argv[i], "%PID%", pid_text), "%SELF%", self);
	pid_t tracer = fork();
	if (!tracer) {
		setpgid(0, 0);
		int fd = open(output, O_WRONLY | O_CREAT | O_TRUNC, 0644);
		if (fd < 0 || dup2(fd, 1) < 0)
			_exit(127);
		execvp(argv[optind], argv + optind);
		perror(argv[optind]);
		_exit(127);
	}

	Stat before[MAX_PROGS], after[MAX_PROGS];
	long produced = 0;
	int n = 0, failed = 0, status;
	struct rusage ru;
	/* Attached: its programs run for each event. A program that ran before may be a test of what the kernel can do. */
	for (int t = 0; t < patience * 50 && !n; t++) {
		if (waitpid(tracer, &status, WNOHANG) == tracer) {
			fprintf(stderr, "trace: the tracer ended with status %#x before it was attached\n", status);
			kill(gen, SIGKILL);
			return 1;
		}
		nap(20);
		order(to[1], from[0], -1);
		n = running(tracer, newest, before);
		uint64_t more = 0;
		if (n)
			order(to[1], from[0], -20);
		for (int i = 0; i < n; i++)
			if (!stat_of(before[i].id, &after[i]))
				more += after[i].runs - before[i].runs;
		if (more < 20)
			n = 0;
	}
	if (!n) {
		fprintf(stderr, "trace: no program of the tracer ran within %d s\n", patience);
		failed = 1;
		goto stop;
	}
	nap(200);       /* the rest of its probes */
	order(to[1], from[0], -100);
	n = running(tracer, newest, before);
	for (int r = 0; r < rounds; r++) {
		for (int i = 0; i < n; i++)
			stat_of(before[i].id, &before[i]);
		cost[r] = order(to[1], from[0], per_round);
		produced += per_round;
		double sum_ns = 0, sum_runs = 0;
		for (int i = 0; i < n; i++) {
			if (stat_of(before[i].id, &after[i]))
				continue;
			sum_ns += (double)(after[i].ns - before[i].ns);
			sum_runs += (double)(after[i].runs - before[i].runs);
		}
		/* Per event, not per run: a script of two probes counts with both. */
		ns[r] = sum_runs ? sum_ns / sum_runs * (double)(int)(sum_runs / (double)per_round + 0.5) : 0;
		runs[r] = sum_runs / (double)per_round;
	}
	nap(1000);      /* to print what waits in its buffers */
stop:
	kill(tracer, SIGINT);
	for (int t = 0; t < 100; t++) {
		if (wait4(tracer, &status, WNOHANG, &ru) == tracer) {
			tracer = 0;
			break;
		}
		nap(50);
	}
	if (tracer) {
		fprintf(stderr, "trace: the tracer does not end by SIGINT\n");
		kill(tracer, SIGKILL);
		wait4(tracer, &status, 0, &ru);
	}
	kill(gen, SIGKILL);
	waitpid(gen, NULL, 0);
	if (failed)
		return 1;

	uint32_t insns = 0, jited = 0;
	for (int i = 0; i < n; i++) {
		insns += after[i].insns;
		jited += after[i].jited;
	}
	printf("insns=%u jited=%u ns=%.0f runs=%.2f event_ns=%.0f base_ns=%.0f cpu_ms=%.0f rss_kb=%ld produced=%ld\n", insns, jited,
	       median(ns, rounds), median(runs, rounds), median(cost, rounds), median(base, 5),
	       ru.ru_utime.tv_sec * 1e3 + ru.ru_utime.tv_usec / 1e3 + ru.ru_stime.tv_sec * 1e3 + ru.ru_stime.tv_usec / 1e3,
	       ru.ru_maxrss, produced);
	return 0;
}
