/* start: runs a command again and again and prints medians.
 *
 *   start [-r ROUNDS] [-t SECONDS] -- COMMAND...      prints: wall_ms=... cpu_ms=... up_ms=... rss_kb=... status=...
 *   start child                                       what COMMAND starts once it traces: up_ms is its CPU time until then
 *
 * CPU is user and system time of the command and of what it waited for; rss_kb its peak. vfork: a child made by fork would
 * start with this program's size as its peak. Output goes to /dev/null. A round that does not end in time is killed: status=timeout. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;
static const char stamp_name[] = "BENCH_STAMP";
enum { MAX_ROUNDS = 999 };

static volatile pid_t child;
static volatile int late;

static void
on_alarm(int sig)
{
	(void)sig;
	late = 1;
	kill(-child, SIGKILL);
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
	return v[n / 2];
}

/* The child: what its parent has used so far. */
static int
stamp(void)
{
	const char *path = getenv(stamp_name);
	struct timespec t;
	clockid_t clock;
	FILE *f = path ? fopen(path, "w") : NULL;

	if (!f || clock_getcpuclockid(getppid(), &clock) || clock_gettime(clock, &t))
		return 1;
	fprintf(f, "%.3f\n", (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6);
	return fclose(f) ? 1 : 0;
}

static double
stamped(const char *path)
{
	double ms = 0;
	FILE *f = fopen(path, "r");

	if (f && fscanf(f, "%lf", &ms) != 1)
		ms = 0;
	if (f)
		fclose(f);
	unlink(path);
	return ms;
}

int
main(int argc, char **argv)
{
	double wall[MAX_ROUNDS], cpu[MAX_ROUNDS], rss[MAX_ROUNDS], up[MAX_ROUNDS];
	char path[] = "/tmp/bench.XXXXXX";
	int rounds = 9, limit = 20, opt, status = 0;

	if (argc == 2 && !strcmp(argv[1], "child"))
		return stamp();
	while ((opt = getopt(argc, argv, "+r:t:")) >= 0)
		switch (opt) {
		case 'r': rounds = atoi(optarg); break;
		case 't': limit = atoi(optarg); break;
		default: return 2;
		}
	if (optind >= argc || rounds < 1 || rounds > MAX_ROUNDS)
		return 2;
	close(mkstemp(path));           /* removed by each round's end, made anew by its child */
	setenv(stamp_name, path, 1);
	signal(SIGALRM, on_alarm);
	for (int r = 0; r < rounds && !late; r++) {
		posix_spawn_file_actions_t fa;
		posix_spawnattr_t at;
		struct timespec t0, t1;
		struct rusage ru;
		pid_t pid;

		posix_spawn_file_actions_init(&fa);
		for (int fd = 0; fd < 3; fd++)
			posix_spawn_file_actions_addopen(&fa, fd, "/dev/null", O_RDWR, 0);
		posix_spawnattr_init(&at);
		posix_spawnattr_setflags(&at, POSIX_SPAWN_SETPGROUP);
		clock_gettime(CLOCK_MONOTONIC, &t0);
		if (posix_spawnp(&pid, argv[optind], &fa, &at, argv + optind, environ)) {
			perror(argv[optind]);
			return 1;
		}
		child = pid;
		alarm((unsigned)limit);
		wait4(pid, &status, 0, &ru);
		alarm(0);
		kill(-pid, SIGKILL);    /* what it left running */
		clock_gettime(CLOCK_MONOTONIC, &t1);
		wall[r] = (double)(t1.tv_sec - t0.tv_sec) * 1e3 + (double)(t1.tv_nsec - t0.tv_nsec) / 1e6;
		cpu[r] = ru.ru_utime.tv_sec * 1e3 + ru.ru_utime.tv_usec / 1e3 + ru.ru_stime.tv_sec * 1e3 + ru.ru_stime.tv_usec / 1e3;
		rss[r] = (double)ru.ru_maxrss;
		up[r] = stamped(path);
	}
	if (late) {
		puts("status=timeout");
		return 1;
	}
	printf("wall_ms=%.1f cpu_ms=%.2f up_ms=%.2f rss_kb=%.0f status=%d\n", median(wall, rounds), median(cpu, rounds),
	       median(up, rounds), median(rss, rounds), WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
	return 0;
}
