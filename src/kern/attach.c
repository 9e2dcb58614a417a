/* attach: fastening a loaded program. Every way gives one file descriptor; closing it takes the program off again.
 * Events that need no cookie get their program by ioctl (one call, any kernel), the others by a link (5.15). */
#include "kern/machine.h"

#include <fcntl.h>
#include <limits.h>
#include <linux/hw_breakpoint.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/resource.h>

/* BPF_LINK_CREATE as newer kernels have it. Fields of <linux/bpf.h> since 6.1 would tie the build to that. */
typedef struct LinkAttr {
	u32 prog_fd, target_fd, attach_type, flags;
	union {
		u64 perf_cookie;
		struct { u32 flags, cnt; u64 syms, addrs, cookies; } kprobe;
		struct { u64 path, offsets, ref_ctrs, cookies; u32 cnt, flags, pid; } uprobe;
		u8 room[80];
	};
} LinkAttr;

static int
create_link(LinkAttr *link)
{
	union bpf_attr attr = { 0 };

	_Static_assert(sizeof(*link) <= sizeof(attr), "bpf_attr is older than links");
	memcpy(&attr, link, sizeof(*link));
	return sys_bpf(BPF_LINK_CREATE, &attr);
}

int
sys_perf(struct perf_event_attr *attr, s32 pid, s32 cpu)
{
	static bool raised;
	struct rlimit files;
	long r = syscall(SYS_perf_event_open, attr, pid, cpu, -1, PERF_FLAG_FD_CLOEXEC);

	if (r < 0 && errno == EMFILE && !raised && !getrlimit(RLIMIT_NOFILE, &files)) {
		raised = true;
		files.rlim_cur = files.rlim_max;
		setrlimit(RLIMIT_NOFILE, &files);
		r = syscall(SYS_perf_event_open, attr, pid, cpu, -1, PERF_FLAG_FD_CLOEXEC);
	}
	return r < 0 ? -errno : (int)r;
}

int
kern_attach_perf(int prog_fd, int perf_fd, u64 cookie)
{
	int err = 0;

	if (perf_fd < 0)
		return perf_fd;
	if (cookie) {
		LinkAttr link = { .prog_fd = (u32)prog_fd, .target_fd = (u32)perf_fd, .attach_type = BPF_PERF_EVENT, .perf_cookie = cookie };

		err = create_link(&link);
		close(perf_fd);
		return err;
	}
	if (ioctl(perf_fd, PERF_EVENT_IOC_SET_BPF, prog_fd))
		err = -errno;
	if (err)
		close(perf_fd);
	return err ? err : perf_fd;
}

int
kern_perf_event(u32 type, u64 config, u64 period, bool is_freq, s32 pid, s32 cpu)
{
	struct perf_event_attr attr = {
		.type = type, .size = sizeof(attr), .config = config, .sample_period = period, .freq = is_freq,
		.inherit = pid > 0 && type != PERF_TYPE_TRACEPOINT, .inherit_thread = pid > 0 && type != PERF_TYPE_TRACEPOINT,
	};
	int fd = sys_perf(&attr, pid, cpu);

	if (fd == -EINVAL && attr.inherit_thread) {     /* since 5.13; before, children would count too */
		attr.inherit = attr.inherit_thread = 0;
		fd = sys_perf(&attr, pid, cpu);
	}
	return fd;
}

/* Where an event that stands for all CPUs is opened: here, for another CPU would have to be interrupted for it. */
static s32
some_cpu(void)
{
	int cpu = sched_getcpu();

	return cpu < 0 ? 0 : cpu;
}

/* The program hangs on the tracepoint, not on the event's CPU: one event is enough for all. */
int
kern_attach_tracepoint(int prog_fd, u32 id, s32 pid, u64 cookie)
{
	return kern_attach_perf(prog_fd, kern_perf_event(PERF_TYPE_TRACEPOINT, id, 1, false, pid > 0 ? pid : -1,
				pid > 0 ? -1 : some_cpu()),
				cookie);
}

int
kern_attach_raw_tp(int prog_fd, const char *name)
{
	union bpf_attr attr = { .raw_tracepoint = { .name = ptr(name), .prog_fd = (u32)prog_fd } };

	return sys_bpf(BPF_RAW_TRACEPOINT_OPEN, &attr);
}

/* Without a name, the same call attaches fentry, fexit and their kin to the target they were loaded for. */
int
kern_attach_tracing(int prog_fd)
{
	return kern_attach_raw_tp(prog_fd, NULL);
}

/* The kernel's BTF objects have ids only: each is asked for its name. */
int
kern_btf_fd(const char *module)
{
	union bpf_attr attr = { 0 };

	for (;;) {
		char name[64] = "";
		struct bpf_btf_info info = { .name = ptr(name), .name_len = sizeof(name) };
		int err = sys_bpf(BPF_BTF_GET_NEXT_ID, &attr), fd;

		if (err)
			return err;
		union bpf_attr get = { .btf_id = attr.next_id };

		attr.start_id = attr.next_id;
		fd = sys_bpf(BPF_BTF_GET_FD_BY_ID, &get);
		if (fd == -ENOENT)              /* unloaded meanwhile */
			continue;
		if (fd < 0)
			return fd;
		if (!sys_bpf_info(fd, &info, sizeof(info)) && info.kernel_btf && !strcmp(name, module))
			return fd;
		close(fd);
	}
}

int
kern_attach_iter(int prog_fd)
{
	LinkAttr link = { .prog_fd = (u32)prog_fd, .attach_type = BPF_TRACE_ITER };

	return create_link(&link);
}

/* target_fd is a cgroup's folder here. */
int
kern_attach_cgroup(int prog_fd, int cgroup_fd, u32 type)
{
	LinkAttr link = { .prog_fd = (u32)prog_fd, .target_fd = (u32)cgroup_fd, .attach_type = type };

	return create_link(&link);
}

int
kern_pin(int fd, const char *path)
{
	union bpf_attr attr = { .pathname = (u64)(uintptr_t)path, .bpf_fd = (u32)fd };

	return sys_bpf(BPF_OBJ_PIN, &attr);
}

int
kern_iter_fd(int link_fd)
{
	union bpf_attr attr = { .iter_create = { .link_fd = (u32)link_fd } };

	return sys_bpf(BPF_ITER_CREATE, &attr);
}

/* ---- kprobes and uprobes: a PMU of their own since 4.17 ---- */

typedef struct Pmu { const char *name; s32 type, ret_bit; bool asked; } Pmu;

/* The number in a sysfs file behind its prefix ("8", "config:0"), or -errno. */
static s32
sysfs_number(const char *pmu, const char *file, const char *prefix)
{
	char path[128], text[32];
	int fd;
	ssize_t n;

	snprintf(path, sizeof(path), "/sys/bus/event_source/devices/%s/%s", pmu, file);
	fd = host_open(path, O_RDONLY);
	if (fd < 0)
		return fd;
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (n <= 0)
		return -EIO;
	text[n] = 0;
	return strncmp(text, prefix, strlen(prefix)) ? -EINVAL : (s32)atoi(text + strlen(prefix));
}

static const Pmu *
pmu(Pmu *p)
{
	if (!p->asked) {
		p->asked = true;
		p->type = sysfs_number(p->name, "type", "");
		p->ret_bit = p->type < 0 ? -1 : sysfs_number(p->name, "format/retprobe", "config:");
	}
	return p;
}

int
kern_attach_kprobe(int prog_fd, bool ret, const char *func, u64 offset, u64 addr, u64 cookie)
{
	static Pmu kprobe = { .name = "kprobe" };
	struct perf_event_attr attr = { .size = sizeof(attr), .sample_period = 1 };
	const Pmu *p = pmu(&kprobe);

	if (p->type < 0)
		return -EOPNOTSUPP;
	attr.type = (u32)p->type;
	attr.config = ret && p->ret_bit >= 0 ? 1ull << p->ret_bit : 0;
	attr.config1 = func ? ptr(func) : 0;
	attr.config2 = func ? offset : addr;
	return kern_attach_perf(prog_fd, sys_perf(&attr, -1, some_cpu()), cookie);
}

int
kern_attach_uprobe(int prog_fd, bool ret, const char *path, u64 offset, s32 pid, u64 ref_ctr, u64 cookie)
{
	static Pmu uprobe = { .name = "uprobe" };
	struct perf_event_attr attr = { .size = sizeof(attr), .sample_period = 1 };
	const Pmu *p = pmu(&uprobe);

	if (p->type < 0)
		return -EOPNOTSUPP;
	attr.type = (u32)p->type;
	attr.config = (ret && p->ret_bit >= 0 ? 1ull << p->ret_bit : 0) | ref_ctr << 32;
	attr.config1 = ptr(path);
	attr.config2 = offset;
	return kern_attach_perf(prog_fd, sys_perf(&attr, pid > 0 ? pid : -1, pid > 0 ? -1 : some_cpu()), cookie);
}

int
kern_attach_kprobe_multi(int prog_fd, bool ret, const char *const *funcs, const u64 *cookies, u32 n, bool session)
{
	LinkAttr link = { .prog_fd = (u32)prog_fd, .attach_type = session ? K_KPROBE_SESSION : K_LINK_KPROBE_MULTI, .kprobe = {
		.flags = ret ? K_KPROBE_MULTI_RETURN : 0, .cnt = n, .syms = ptr(funcs), .cookies = ptr(cookies) } };

	return create_link(&link);
}

int
kern_attach_uprobe_multi(int prog_fd, bool ret, const char *path, const u64 *offsets, const u64 *ref_ctrs,
			 const u64 *cookies, u32 n, s32 pid, bool session)
{
	LinkAttr link = { .prog_fd = (u32)prog_fd, .attach_type = session ? K_UPROBE_SESSION : K_LINK_UPROBE_MULTI, .uprobe = {
		.path = ptr(path), .offsets = ptr(offsets), .ref_ctrs = ptr(ref_ctrs), .cookies = ptr(cookies),
		.cnt = n, .flags = ret, .pid = pid > 0 ? (u32)pid : 0 } };

	return create_link(&link);
}

int
kern_breakpoint(u64 addr, u32 len, const char *mode, s32 pid, s32 cpu)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_BREAKPOINT, .size = sizeof(attr), .sample_period = 1, .bp_addr = addr, .bp_len = len,
		.bp_type = (strchr(mode, 'r') ? HW_BREAKPOINT_R : 0u) | (strchr(mode, 'w') ? HW_BREAKPOINT_W : 0u) |
			   (strchr(mode, 'x') ? HW_BREAKPOINT_X : 0u),
		.precise_ip = 2,
	};

	if (strchr(mode, 'x'))
		attr.bp_len = sizeof(long);
	return sys_perf(&attr, pid, cpu);
}
