/* lock: a lock in shared memory that outlives its holder. The word holds 22 bits of thread id and 10 bits of the time
 * at which that thread started, so that a number used again is not taken for the old thread. */
#include "vm/maps/maps.h"

#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <errno.h>

enum { TID_BITS = 22, SPINS = 100 };

/* Field 22 of /proc/TID/stat, hashed to 10 bits (never 0); 0: there is no such thread. */
static u32
start_of(u32 tid)
{
	char path[32], buf[512], *p;
	u64 when;
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/%u/stat", tid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT || errno == ESRCH ? 0 : 1;       /* without /proc: all alike */
	n = read(fd, buf, sizeof(buf) - 1);
	close(fd);
	if (n <= 0)
		return 0;
	buf[n] = 0;
	p = strrchr(buf, ')');          /* a name may hold blanks and parentheses */
	if (p && (p[2] == 'Z' || p[2] == 'X'))
		return 0;               /* dead, and nobody has fetched its status yet */
	for (int field = 2; p && field < 22; field++)
		p = strchr(p + 1, ' ');
	when = p ? strtoull(p + 1, NULL, 10) : 0;
	return (u32)(when % 1023) + 1;
}

static _Thread_local u32 self;

static void
forked(void)
{
	self = 0;
}

static void
watch_fork(void)
{
	pthread_atfork(NULL, NULL, forked);
}

u32
map_self(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	if (!self) {
		u32 tid = (u32)syscall(SYS_gettid), when = start_of(tid);

		pthread_once(&once, watch_fork);
		self = tid | (when ? when : 1) << TID_BITS;
	}
	return self;
}

bool
map_owner_dead(u32 owner)
{
	u32 tid = owner & ((1u << TID_BITS) - 1);

	if (!owner || owner == self)
		return false;
	if (kill((pid_t)tid, 0) < 0 && errno == ESRCH)
		return true;
	return start_of(tid) != owner >> TID_BITS;
}

bool
map_trylock(u32 *lock)
{
	u32 none = 0;

	return __atomic_compare_exchange_n(lock, &none, map_self(), false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED);
}

static inline void
rest(void)
{
#ifdef __x86_64__
	__builtin_ia32_pause();
#elif defined(__aarch64__)
	__asm__ volatile("yield");
#endif
}

int
map_lock(u32 *lock)
{
	for (u32 tries = 0;; tries++) {
		u32 owner;

		if (map_trylock(lock))
			return 0;
		if (tries < SPINS) {
			rest();
			continue;
		}
		sched_yield();
		owner = __atomic_load_n(lock, __ATOMIC_RELAXED);
		if (tries % SPINS == 0 && map_owner_dead(owner) &&
		    __atomic_compare_exchange_n(lock, &owner, map_self(), false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
			return 1;
	}
}

void
map_unlock(u32 *lock)
{
	__atomic_store_n(lock, 0, __ATOMIC_RELEASE);
}
