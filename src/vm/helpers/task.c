/* task: time, chance, and who runs: the thread that runs the program. */
#include "vm/helpers/helpers.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static _Thread_local u64 fixed_time;    /* not 0: each look at a clock is a microsecond later */

static u64
clock_ns(clockid_t id)
{
	struct timespec t;

	if (fixed_time)
		return fixed_time += 1000;
	clock_gettime(id, &t);
	return (u64)t.tv_sec * 1000000000u + (u64)t.tv_nsec;
}

u64
vm_time(VmContext *c __attribute__((unused)))
{
	return clock_ns(CLOCK_MONOTONIC);
}

DEFINE_HELPER(ktime_get_ns) { return clock_ns(CLOCK_MONOTONIC); }
DEFINE_HELPER(ktime_get_boot_ns) { return clock_ns(CLOCK_BOOTTIME); }
DEFINE_HELPER(ktime_get_coarse_ns) { return clock_ns(CLOCK_MONOTONIC_COARSE); }
DEFINE_HELPER(ktime_get_tai_ns) { return clock_ns(CLOCK_TAI); }
/* Ticks of 1/250 s, counted as Linux counts them: from five minutes before they overflow 32 bits. */
DEFINE_HELPER(jiffies64) { return clock_ns(CLOCK_MONOTONIC_COARSE) / 4000000 + (u32)(-300 * 250); }

static _Thread_local u64 state;         /* of the random numbers */

void
vm_determine(u64 seed)
{
	fixed_time = seed;
	state = seed * 0x9e3779b97f4a7c15u;
}

DEFINE_HELPER(get_prandom_u32)
{
	static _Thread_local pid_t owner;
	pid_t tid = (pid_t)map_self();

	if (!fixed_time && (owner != tid || !state)) {   /* a forked child has a series of its own */
		if (getrandom(&state, sizeof(state), 0) != sizeof(state) || !state)
			state = clock_ns(CLOCK_MONOTONIC) | 1;
		owner = tid;
	}
	state ^= state >> 12;
	state ^= state << 25;
	state ^= state >> 27;
	return (u32)(state * 0x2545f4914f6cdd1du >> 32);
}

DEFINE_HELPER(get_smp_processor_id)
{
	int cpu = sched_getcpu();

	return cpu < 0 ? 0 : (u32)cpu;
}

DEFINE_HELPER(get_numa_node_id)
{
	unsigned cpu, node = 0;

	return syscall(SYS_getcpu, &cpu, &node, NULL) ? 0 : node;
}

DEFINE_HELPER(get_current_pid_tgid)
{
	static _Thread_local u64 both;
	static _Thread_local u32 owner;
	u32 now = map_self();           /* changes in a forked child */

	if (owner != now) {
		both = (u64)getpid() << 32 | (u32)syscall(SYS_gettid);
		owner = now;
	}
	return both;
}

DEFINE_HELPER(get_current_uid_gid) { return (u64)getgid() << 32 | getuid(); }

DEFINE_HELPER(get_current_comm)
{
	char name[16] = "";
	u32 size = (u32)r2;

	if (!size)
		return ERR(EINVAL);
	prctl(PR_GET_NAME, name);
	memset(PTR(r1), 0, size);
	memcpy(PTR(r1), name, MIN(size - 1, (u32)sizeof(name) - 1));
	return 0;
}

/* The inode of the process's cgroup is its id. */
DEFINE_HELPER(get_current_cgroup_id)
{
	static u64 id;
	Buf b = { 0 };
	struct stat st;
	char *p, *end;

	if (__atomic_load_n(&id, __ATOMIC_RELAXED))
		return id;
	if (host_read("/proc/self/cgroup", &b) == 0 && (p = strstr(b.p, "0::"))) {
		Buf path = { 0 };

		end = strchr(p, '\n');
		if (end)
			*end = 0;
		buf_printf(&path, "/sys/fs/cgroup%s", p + 3);
		if (stat(path.p, &st) == 0)
			__atomic_store_n(&id, st.st_ino, __ATOMIC_RELAXED);
		buf_free(&path);
	}
	buf_free(&b);
	return id;
}

/* There is no task_struct; the number of the thread stands for it and leads to no memory. */
DEFINE_HELPER(get_current_task) { return map_self(); }
DEFINE_HELPER(get_current_task_btf) { return map_self(); }

DEFINE_HELPER(send_signal) { return kill(getpid(), (int)r1) ? ERR(errno) : 0; }
DEFINE_HELPER(send_signal_thread)
{
	return syscall(SYS_tgkill, getpid(), (pid_t)syscall(SYS_gettid), (int)r1) ? ERR(errno) : 0;
}

DEFINE_HELPER(get_ns_current_pid_tgid)
{
	struct bpf_pidns_info *out = PTR(r3);
	struct stat st;

	if ((u32)r4 != sizeof(*out))
		return ERR(EINVAL);
	memset(out, 0, sizeof(*out));
	if (stat("/proc/self/ns/pid", &st) || st.st_ino != r2)
		return ERR(EINVAL);
	out->tgid = (u32)getpid();
	out->pid = (u32)syscall(SYS_gettid);
	return 0;
}

DEFINE_HELPER(get_attach_cookie) { return 0; }
DEFINE_HELPER(get_func_ip) { return 0; }
