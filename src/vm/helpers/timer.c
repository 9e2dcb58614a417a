/* timer: bpf_timer in values of maps. One thread of the process waits for the next one and runs its callback (map, key, value)
 * as a run of its own. A value holds the number of its timer, which counts for this process alone; when the value's memory
 * says something else (deleted, written over) the timer is gone. A program takes its timers with it. */
#include "vm/helpers/helpers.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum { MOST = 1 << 16, AT_TIME = 1, PINNED = 2 };       /* flags of timer_start: BPF_F_TIMER_ABS, _CPU_PIN (6.4, 6.7) */

typedef struct Timer {
	u64 id;                         /* 0: free */
	u64 *home;                      /* where the value keeps id */
	VmMap *map;
	const VmProg *prog;             /* of the callback; NULL: none set */
	u64 fn, due;                    /* due 0: does not run */
	clockid_t clock;
	bool busy;                      /* its callback runs */
} Timer;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed;
static Timer *timers;
static u32 n_timers;
static u64 next_id = 1;
static pid_t thread_of;                 /* process that has the thread */
static _Thread_local Timer *running;

static u64
now(clockid_t id)
{
	struct timespec t;

	clock_gettime(id, &t);
	return (u64)t.tv_sec * 1000000000u + (u64)t.tv_nsec;
}

/* The timer of a value; NULL: none, or that of another process. */
static Timer *
find(const u64 *home)
{
	u64 id = __atomic_load_n(home, __ATOMIC_RELAXED);

	for (u32 i = 0; id && i < n_timers; i++)
		if (timers[i].id == id && timers[i].home == home)
			return &timers[i];
	return NULL;
}

static void *
key_of(const Timer *t, u32 *index)
{
	size_t at = (size_t)((u8 *)t->home - t->map->values);

	if (t->map->voff)
		return t->map->values + at / t->map->stride * t->map->stride + t->map->koff;
	*index = (u32)(at / t->map->stride);
	return index;
}

static u8 *
value_of(const Timer *t)
{
	size_t at = (size_t)((u8 *)t->home - t->map->values);

	return t->map->values + at / t->map->stride * t->map->stride + t->map->voff;
}

/* Runs the callback of a timer that is due; the lock is held before and after. */
static void
fire(u32 i)
{
	static VmContext c;             /* there is one thread */
	Timer *t = &timers[i];
	u64 fn = t->fn, r0, key, value, map = (u64)(uintptr_t)t->map;
	u32 index;

	t->due = 0;
	if (*t->home != t->id) {
		t->id = 0;
		return;
	}
	t->busy = true;
	vm_context_init(&c, t->prog);
	key = (u64)(uintptr_t)key_of(t, &index);
	value = (u64)(uintptr_t)value_of(t);
	running = t;
	pthread_mutex_unlock(&lock);
	vm_callback(&c, fn, map, key, value, 0, &r0);
	pthread_mutex_lock(&lock);
	running = NULL;
	timers[i].busy = false;
	pthread_cond_broadcast(&changed);
}

static void *
loop(void *arg)
{
	(void)arg;
	pthread_mutex_lock(&lock);
	for (;;) {
		u64 left = (u64)1 << 62;        /* until the first is due */
		struct timespec until;

		for (u32 i = 0; i < n_timers; i++) {
			Timer *t = &timers[i];
			u64 at = t->id && t->due ? now(t->clock) : 0;

			if (!at)
				continue;
			if (t->due <= at) {
				fire(i);
				left = 0;
			} else if (t->due - at < left)
				left = t->due - at;
		}
		if (!left)
			continue;
		left = MIN(left, (u64)3600 * 1000000000u) + now(CLOCK_MONOTONIC);
		until = (struct timespec){ (time_t)(left / 1000000000u), (long)(left % 1000000000u) };
		pthread_cond_timedwait(&changed, &lock, &until);
	}
	return NULL;
}

/* The thread that waits; a forked child begins with no timers. */
static int
begin(void)
{
	pthread_condattr_t attr;
	pthread_t thread;
	int err;

	if (thread_of == getpid())
		return 0;
	if (!timers && !(timers = calloc(MOST, sizeof(*timers))))
		return ENOMEM;
	n_timers = 0;
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&changed, &attr);
	err = pthread_create(&thread, NULL, loop, NULL);
	if (err)
		return err;
	pthread_detach(thread);
	thread_of = getpid();
	return 0;
}

static s64
init(u64 *home, VmMap *m, u64 clock)
{
	u32 i;
	int err = begin();

	if (err)
		return -err;
	if (clock != CLOCK_MONOTONIC && clock != CLOCK_REALTIME && clock != CLOCK_BOOTTIME)
		return -EINVAL;
	if (find(home))
		return -EBUSY;
	for (i = 0; i < n_timers && (timers[i].id || timers[i].busy); i++)
		;
	if (i == MOST)
		return -ENOMEM;
	n_timers = MAX(n_timers, i + 1);
	timers[i] = (Timer){ .id = (u64)getpid() << 32 | next_id++, .home = home, .map = m, .clock = (clockid_t)clock };
	*home = timers[i].id;
	return 0;
}

DEFINE_HELPER(timer_init)
{
	s64 res;

	pthread_mutex_lock(&lock);
	res = init(PTR(r1), PTR(r2), r3);
	pthread_mutex_unlock(&lock);
	return (u64)res;
}

DEFINE_HELPER(timer_set_callback)
{
	Timer *t;

	pthread_mutex_lock(&lock);
	t = find(PTR(r1));
	if (t) {
		t->prog = c->prog;
		t->fn = r2;
	}
	pthread_mutex_unlock(&lock);
	return t ? 0 : ERR(EINVAL);
}

DEFINE_HELPER(timer_start)
{
	Timer *t;
	bool ok;

	if (r3 & ~(u64)(AT_TIME | PINNED))
		return ERR(EINVAL);
	pthread_mutex_lock(&lock);
	t = find(PTR(r1));
	ok = t && t->prog;
	if (ok) {
		t->due = MAX(r3 & AT_TIME ? r2 : now(t->clock) + r2, (u64)1);
		pthread_cond_broadcast(&changed);
	}
	pthread_mutex_unlock(&lock);
	return ok ? 0 : ERR(EINVAL);
}

DEFINE_HELPER(timer_cancel)
{
	u64 *home = PTR(r1);
	s64 res = -EINVAL;
	Timer *t;

	pthread_mutex_lock(&lock);
	t = find(home);
	if (t && t == running)
		res = -EDEADLK;
	else if (t) {
		res = t->due != 0;
		t->due = 0;
		t->prog = NULL;
		while (t->busy)
			pthread_cond_wait(&changed, &lock);
	}
	pthread_mutex_unlock(&lock);
	return (u64)res;
}

void
vm_timers_end(const VmProg *p)
{
	if (!thread_of)
		return;
	pthread_mutex_lock(&lock);
	for (u32 i = 0; thread_of == getpid() && i < n_timers; i++) {
		Timer *t = &timers[i];

		if (!t->id || t->prog != p)
			continue;
		t->due = t->id = 0;
		while (t->busy && t != running)
			pthread_cond_wait(&changed, &lock);
	}
	pthread_mutex_unlock(&lock);
}
