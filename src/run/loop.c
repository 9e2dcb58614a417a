/* loop: waiting for records, signals, timers and the end of a process. Signals arrive by a handler that remembers them
 * and writes to an eventfd, so that attaching thousands of probes can be interrupted as well as waiting can. */
#include "run/session.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

volatile int run_stopped;
static volatile sig_atomic_t seen[65];
static int wake = -1;
static sigset_t taken;

static void
on_signal(int sig)
{
	int saved = errno;
	u64 one = 1;

	if (sig == SIGINT && run_stopped)
		_exit(128 + SIGINT);            /* asked twice */
	if (sig == SIGINT || sig == SIGTERM || sig == SIGHUP)
		run_stopped = 1;
	seen[sig]++;
	if (write(wake, &one, sizeof(one)) < 0)
		errno = saved;
	errno = saved;
}

static void
take(int sig)
{
	struct sigaction sa = { .sa_handler = on_signal, .sa_flags = SA_RESTART };

	sigemptyset(&sa.sa_mask);
	sigaction(sig, &sa, NULL);
	sigaddset(&taken, sig);
}

int
run_signals_take(Session *s)
{
	wake = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (wake < 0)
		return -errno;
	sigemptyset(&taken);
	take(SIGINT);
	take(SIGTERM);
	take(SIGHUP);
	take(SIGCHLD);
	signal(SIGPIPE, SIG_IGN);
	for (u32 i = 0; s->script && i < s->script->progs.n; i++) {
		ScriptProg *p = &s->script->progs.v[i];

		for (u32 j = 0; p->prov->when == PW_SIGNAL && j < p->probes.n; j++)
			take((int)p->probes.v[j]->config);
	}
	return wake;
}

void
run_signals_give_back(void)
{
	for (int sig = 1; sig < 65; sig++)
		if (sigismember(&taken, sig) == 1)
			signal(sig, SIG_DFL);
	sigemptyset(&taken);
	if (wake >= 0)
		close(wake);
	wake = -1;
}

/* What only a system call tells is asked once a second and at the end: a script may watch such calls, and would see its own tracer
 * for ever. */
static bool
time_to_ask(Session *s)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
	if (now.tv_sec == s->lost_asked && !s->draining)
		return false;
	s->lost_asked = now.tv_sec;
	return true;
}

/* What the programs count: records that found no room in the ring, and map updates that found none (told as their event). */
static void
count_lost(Session *s)
{
	u32 n = LOST_FULL + s->script->full.n, zero = 0;
	const volatile u64 *count = s->lost_memory;
	bool ask = time_to_ask(s);
	u64 lost;

	if (ask && s->machine->ops->ring_lost)
		s->lost_in_ring = s->machine->ops->ring_lost(s->machine);
	if (!count && s->script->lost != NO_MAP) {
		if (!s->lost_copy)
			s->lost_copy = NEW_N(s->a, u64, n);
		if (ask)
			run_map_lookup(s, s->script->lost, &zero, s->lost_copy);
		count = s->lost_copy;
	}
	lost = s->lost_in_ring + (count ? count[LOST_RECORDS] : 0);
	if (lost > s->lost_told)
		out_lost(s->out, lost - s->lost_told);
	s->lost_told = lost;
	if (count && !s->full_told)
		s->full_told = NEW_N(s->a, bool, n);
	for (u32 i = LOST_FULL; count && i < n; i++)
		if (count[i] && !s->full_told[i]) {
			RecordHead h = { .event = s->script->full.v[i - LOST_FULL] };
			int code;

			s->full_told[i] = true;
			out_record(s->out, &h, sizeof(h), &code);
		}
}

u32
run_drain(Session *s)
{
	int n, all = 0;

	run_names_poll(s);
	/* One round while probes are attached, since they may be quicker than us for ever; all of it afterwards. */
	do {
		n = s->script->ring != NO_MAP ? s->machine->ops->ring_poll(s->machine) : 0;
		all += MAX(n, 0);
	} while (n > 0 && s->draining);
	count_lost(s);
	if (!s->holding && out_flush(s->out) == -EPIPE) {
		s->exiting = true;              /* the reader went away: end quietly */
		run_stopped = 1;
	}
	return (u32)all;
}

int
run_prog_now(Session *s, u32 prog, u32 *retval)
{
	u32 r0 = 0;
	int err = s->machine->ops->prog_run(s->machine, s->prog[prog], NULL, 0, retval ? retval : &r0);

	if (!err && s->machine->ops->ring_fd(s->machine) < 0)
		run_drain(s);
	return err;
}

/* ---- what is waited for ---- */

typedef struct Waited { struct pollfd *fd; u32 *prog; u32 n; } Waited;

static void
wait_for(Waited *w, Arena *a, int fd, u32 prog)
{
	struct pollfd *f = NEW_N(a, struct pollfd, w->n + 1);
	u32 *p = NEW_N(a, u32, w->n + 1);

	if (w->n) {
		memcpy(f, w->fd, w->n * sizeof(*f));
		memcpy(p, w->prog, w->n * sizeof(*p));
	}
	f[w->n] = (struct pollfd){ fd, POLLIN, 0 };
	p[w->n++] = prog;
	w->fd = f;
	w->prog = p;
}

/* The user machine's timers: one timerfd a probe. */
static void
add_timers(Session *s, Waited *w)
{
	for (u32 i = 0; i < s->script->progs.n; i++) {
		ScriptProg *sp = &s->script->progs.v[i];

		for (u32 j = 0; j < sp->probes.n && sp->prov->timer; j++) {
			Probe *p = sp->probes.v[j];
			u64 ns = p->is_freq ? 1000000000ull / MAX(p->period, 1ull) : MAX(p->period, 1ull);
			struct timespec t = { (time_t)(ns / 1000000000), (long)(ns % 1000000000) };
			struct itimerspec it = { t, t };
			int fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);

			if (fd < 0)
				continue;
			timerfd_settime(fd, 0, &it, NULL);
			p->fds = NEW(s->a, int);
			p->fds[0] = fd;
			p->n_fds = 1;
			wait_for(w, s->a, fd, i);
		}
	}
}

/* All clauses of one signal, in the script's order, until one calls exit(). */
static void
run_signal(Session *s, u32 sig)
{
	for (u32 i = 0; i < s->script->progs.n; i++) {
		ScriptProg *sp = &s->script->progs.v[i];

		for (u32 j = 0; sp->prov->when == PW_SIGNAL && j < sp->probes.n && !s->exiting; j++)
			if (sp->probes.v[j]->config == sig)
				run_prog_now(s, i, NULL);
	}
}

/* Signals that came since the last look: those of self: probes. */
static void
handle_signals(Session *s)
{
	u64 n;

	while (read(wake, &n, sizeof(n)) > 0)
		;
	for (u32 sig = 1; sig < COUNT(seen); sig++)
		for (; seen[sig] > 0; seen[sig]--)
			run_signal(s, sig);
}

/* The process behind a pidfd is gone, or the other end of a pipe; -1 never is. */
static bool
ended(int fd)
{
	struct pollfd p = { fd, POLLIN, 0 };

	return fd >= 0 && poll(&p, 1, 0) > 0;
}

/* True while something can still happen. */
static bool
expecting(const Session *s)
{
	for (u32 i = 0; i < s->script->progs.n; i++) {
		const ScriptProg *sp = &s->script->progs.v[i];

		if (sp->probes.n && (sp->prov->when == PW_EVENT || sp->prov->when == PW_SIGNAL))
			return true;
		for (u32 j = 0; sp->prov->when == PW_READ && j < sp->probes.n; j++)
			if (sp->probes.v[j]->n_fds && !ended(sp->probes.v[j]->fds[0]))
				return true;
	}
	return s->script->waits;
}

static void
add_readers(Session *s, Waited *w)
{
	for (u32 i = 0; i < s->script->progs.n; i++) {
		ScriptProg *sp = &s->script->progs.v[i];

		for (u32 j = 0; sp->prov->when == PW_READ && j < sp->probes.n; j++)
			if (sp->probes.v[j]->n_fds)
				wait_for(w, s->a, sp->probes.v[j]->fds[0], NO_MAP);
	}
}

/* One turn: timers, signals, records. When records come thick, the next look is put off a little: whoever sleeps in poll(2) at
 * an empty ring is woken for every single one, at the cost of several of them. */
static void
wakeup(Session *s, Waited *w)
{
	enum { THICK = 8, PAUSE_NS = 1000000 };
	struct timespec pause = { 0, PAUSE_NS };

	for (u32 i = 0; i < w->n && !s->exiting; i++) {
		u64 ticks;

		if (w->fd[i].revents & POLLHUP)         /* nothing more will come from there */
			w->fd[i].fd = -1;
		if (!w->fd[i].revents || w->prog[i] == NO_MAP)
			continue;
		if (read(w->fd[i].fd, &ticks, sizeof(ticks)) != sizeof(ticks))
			continue;
		/* A tick that came late is one tick: the program sees the present, not the past. */
		run_prog_now(s, w->prog[i], NULL);
	}
	handle_signals(s);
	if (run_drain(s) >= THICK && !s->exiting && !run_stopped)
		nanosleep(&pause, NULL);
}

void
run_loop(Session *s)
{
	bool user_timers = !strcmp(s->machine->ops->name, "user");
	int ring = s->script->ring != NO_MAP ? s->machine->ops->ring_fd(s->machine) : -1;
	Waited w = { 0 };

	wait_for(&w, s->a, wake, NO_MAP);
	if (ring >= 0)
		wait_for(&w, s->a, ring, NO_MAP);
	if (s->child.pidfd >= 0)
		wait_for(&w, s->a, s->child.pidfd, NO_MAP);
	if (s->pidfd >= 0)
		wait_for(&w, s->a, s->pidfd, NO_MAP);
	if (user_timers)
		add_timers(s, &w);
	add_readers(s, &w);
	run_drain(s);
	while (!s->exiting && !run_stopped && (expecting(s) || (s->child.pid && !s->child.ended))) {
		/* Once a second the lost counter is looked at, whether or not records come through; new mappings sooner. */
		int n = poll(w.fd, w.n, s->unwind ? 20 : 1000);

		if (n < 0 && errno != EINTR)
			break;
		wakeup(s, &w);
		if (run_child_ended(&s->child) || ended(s->pidfd))
			break;
	}
}
