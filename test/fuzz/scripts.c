/* scripts: generated scripts through piton.  usage: scripts WHAT FLAGS FROM COUNT [FOLDER]
 *
 *   gen    prints the scripts; with FOLDER, each into FOLDER/SEED.bt
 *   load   what piton's checker accepts, the kernel's verifier accepts
 *   own    the same with piton's own verifier
 *   diff   what begin does prints the same on the kernel and on piton's own machine, with and without optimization
 *
 * FLAGS: b begin alone, k kprobes and fentry too, p what bpftrace prints alike; - none. A finding is printed with its seed, so that
 * `scripts gen FLAGS SEED 1` shows the script. Exit 1 when there was one. Scripts run in children: many in one where they are only loaded. */
#include "gen.h"
#include "run/run.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

static const struct itimerval limit = { .it_value = { 60 } };   /* of CPU time; an emulated guest is slow */

typedef struct Done { int status, signal; Buf out, err; } Done;

enum { TOGETHER = 100 };

static u32 flags;
static u32 accepted, refused, findings;

static void
take(int fd, Buf *b)
{
	char part[65536];
	ssize_t n;

	lseek(fd, 0, SEEK_SET);
	while ((n = read(fd, part, sizeof(part))) > 0)
		buf_put(b, part, (size_t)n);
	buf_putc(b, '\0');
	b->n--;
	close(fd);
}

/* Runs piton on a script, in this process. */
static int
trace(const Buf *script, const char *machine, const char *stages)
{
	RunSource src = { "script", script->p, script->n };
	RunOptions o = { .sources = &src, .n_sources = 1, .machine = machine, .dump = stages, .unsafe = true };

	setitimer(ITIMER_PROF, &limit, NULL);
	return run_trace(&o);
}

/* A child whose outputs go to out and err: 0 in the child. */
static pid_t
start(int *out, int *err)
{
	pid_t pid;

	*out = memfd_create("out", MFD_CLOEXEC);
	*err = memfd_create("err", MFD_CLOEXEC);
	fflush(stdout);
	pid = fork();
	if (pid < 0) {
		perror("fork");
		exit(2);
	}
	if (!pid) {
		dup2(*out, 1);
		dup2(*err, 2);
	}
	return pid;
}

static Done
await(pid_t pid, int out, int err)
{
	int status = 0;
	Done d = { 0 };

	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	d.signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
	d.status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
	take(out, &d.out);
	take(err, &d.err);
	return d;
}

/* One run of piton in a child. */
static Done
run(const Buf *script, const char *machine, const char *stages)
{
	int out, err;
	pid_t pid = start(&out, &err);

	if (!pid)
		_exit(trace(script, machine, stages));
	return await(pid, out, err);
}

static void
forget(Done *d)
{
	buf_free(&d->out);
	buf_free(&d->err);
}

static bool
crashed(const Done *d)
{
	return d->signal || d->status == 86 || strstr(d->err.p, "Sanitizer") || strstr(d->err.p, "runtime error:");
}

static void
finding(u64 seed, const char *what, const Done *d)
{
	findings++;
	printf("seed %llu: %s (status %d, signal %d)\n%.*s\n", (unsigned long long)seed, what, d->status, d->signal,
	       (int)MIN(d->err.n, (size_t)1500), d->err.p);
}

/* Counts what the checker thinks; true: it accepts. */
static bool
accepts(u64 seed, const Done *d)
{
	if (crashed(d)) {
		finding(seed, "crash", d);
		return false;
	}
	if (d->status == RUN_USAGE) {
		refused++;
		return false;
	}
	accepted++;
	return true;
}

/* The seeds from..to in one child, which ends with the first script that has something to say; which that is, it tells by a byte for
 * each script before. The seed to go on with. */
static u64
load(u64 from, u64 to, const char *machine)
{
	int out, err, tell[2];
	u8 status = 0;
	Done d;
	pid_t pid;

	if (pipe(tell)) {
		perror("pipe");
		exit(2);
	}
	pid = start(&out, &err);
	for (u64 seed = from; !pid; seed++) {
		Buf script = { 0 };

		if (seed == to || ftruncate(2, 0))
			_exit(0);
		lseek(2, 0, SEEK_SET);
		gen_script(seed, flags, &script);
		status = (u8)trace(&script, machine, "load");
		buf_free(&script);
		if (status && status != RUN_USAGE)
			_exit(status);
		if (write(tell[1], &status, 1) != 1)
			_exit(2);
	}
	close(tell[1]);
	for (; read(tell[0], &status, 1) == 1; from++)
		status == RUN_USAGE ? refused++ : accepted++;
	close(tell[0]);
	d = await(pid, out, err);
	if (from < to && accepts(from, &d))
		finding(from, "accepted by the checker, refused by the verifier", &d);
	forget(&d);
	return from < to ? from + 1 : to;
}

static bool
alike(const Done *a, const Done *b)
{
	return a->status == b->status && !a->signal && a->out.n == b->out.n && !memcmp(a->out.p, b->out.p, b->out.n);
}

/* The order of a hash is another one each time, and a loop over it may show that: does one of some runs more agree? */
static bool
agrees_once(const Buf *script, const char *machine, const char *stages, const Done *first)
{
	bool yes = false;

	for (u32 i = 0; i < 8 && !yes; i++) {
		Done d = run(script, machine, stages);

		yes = alike(&d, first);
		forget(&d);
	}
	return yes;
}

static void
diff(u64 seed, const Buf *script)
{
	static const struct { const char *machine, *stages, *what; } ways[] = {
		{ "user", "plain", "unoptimized, it runs otherwise" },
		{ "kernel", NULL, "on the kernel it runs otherwise" },
		{ "kernel", "plain", "on the kernel and unoptimized, it runs otherwise" },
	};
	Done first = run(script, "user", NULL);

	if (accepts(seed, &first)) {
		for (u32 i = 0; i < COUNT(ways); i++) {
			Done d = run(script, ways[i].machine, ways[i].stages);

			if (!alike(&d, &first) && !agrees_once(script, ways[i].machine, ways[i].stages, &first)) {
				finding(seed, ways[i].what, &d);
				i = COUNT(ways);
			}
			forget(&d);
		}
	}
	forget(&first);
}

static void
show(u64 seed, const Buf *script, const char *folder)
{
	char path[4096];
	FILE *f = stdout;

	if (folder) {
		snprintf(path, sizeof(path), "%s/%llu.bt", folder, (unsigned long long)seed);
		f = fopen(path, "w");
		if (!f) {
			perror(path);
			exit(2);
		}
	}
	fwrite(script->p, 1, script->n, f);
	if (folder)
		fclose(f);
}

int
main(int argc, char **argv)
{
	const char *what = argc > 4 ? argv[1] : "";
	u64 from = argc > 4 ? strtoull(argv[3], NULL, 10) : 0, n = argc > 4 ? strtoull(argv[4], NULL, 10) : 0;

	if (argc < 5 || !(!strcmp(what, "gen") || !strcmp(what, "load") || !strcmp(what, "own") || !strcmp(what, "diff"))) {
		fprintf(stderr, "usage: scripts gen|load|own|diff FLAGS FROM COUNT [FOLDER]\n");
		return 2;
	}
	flags |= strchr(argv[2], 'b') || *what == 'd' ? GEN_BEGIN : 0;
	flags |= strchr(argv[2], 'k') ? GEN_KPROBE : 0;
	flags |= strchr(argv[2], 'p') ? GEN_PEER : 0;
	for (u64 seed = from, end = from + n; seed < end && (*what == 'l' || *what == 'o'); )
		seed = load(seed, MIN(seed + TOGETHER, end), *what == 'l' ? "kernel" : "user");
	for (u64 seed = from; seed < from + n && (*what == 'g' || *what == 'd'); seed++) {
		Buf script = { 0 };

		gen_script(seed, flags, &script);
		switch (*what) {
		case 'g': show(seed, &script, argc > 5 ? argv[5] : NULL); break;
		case 'd': diff(seed, &script); break;
		}
		buf_free(&script);
	}
	if (*what != 'g')
		printf("%u accepted, %u refused by the checker, %u findings\n", accepted, refused, findings);
	return findings > 0;
}
