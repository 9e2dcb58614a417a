/* feature: what this kernel can do, asked by trying the smallest thing that needs it. Nothing is asked before it matters. */
#include "kern/machine.h"

#include <linux/btf.h>

#define INSN(c, d, s, o, i) { .code = (c), .dst_reg = (d), .src_reg = (s), .off = (o), .imm = (i) }
#define MOV0 INSN(BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, 0)
#define RETURN INSN(BPF_JMP | BPF_EXIT, 0, 0, 0, 0)
#define CALL(id) INSN(BPF_JMP | BPF_CALL, 0, 0, 0, id)

static int
load(u32 type, u32 attach_type, const Insn *insns, u32 n, char *log, u32 log_size)
{
	Code c = { .name = "piton_try", .prog_type = type, .attach_type = attach_type, .insns = (Insn *)insns, .n = n,
		   .sleepable = type == BPF_PROG_TYPE_SYSCALL };

	if (type == BPF_PROG_TYPE_TRACING)
		c.btf_id = 1;           /* some type, surely no function */
	if (log)
		log[0] = 0;
	return kern_load(&c, c.insns, -1, log ? 1 : 0, log, log_size);
}

static bool
closed(int fd)
{
	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

static bool
runs(u32 type, const Insn *insns, u32 n)
{
	return closed(load(type, 0, insns, n, NULL, 0));
}

/* The verifier names a helper that it does not know, or that this type of program may not call, before it looks at
 * arguments. */
static bool
helper(u32 prog_type, u32 id)
{
	Insn insns[] = { CALL((s32)id), MOV0, RETURN };
	char log[4096];

	if (closed(load(prog_type, 0, insns, COUNT(insns), log, sizeof(log))))
		return true;
	return log[0] && !strstr(log, "invalid func ") && !strstr(log, "unknown func ") && !strstr(log, "cannot use helper ");
}

/* For those that only some tracing programs may call: known by its number is enough. */
static bool
numbered(u32 id)
{
	Insn insns[] = { CALL((s32)id), MOV0, RETURN };
	char log[4096];

	closed(load(BPF_PROG_TYPE_KPROBE, 0, insns, COUNT(insns), log, sizeof(log)));
	return log[0] && !strstr(log, "invalid func ") && !strstr(log, "func unknown#");
}

static bool
map(u32 type, u32 key, u32 value, u32 n, u32 flags)
{
	MapDef def = { .name = "piton_try", .type = type, .key_size = key, .value_size = value, .max_entries = n, .flags = flags };

	return closed(kern_make_map(&def, -1));
}

/* A link of a program of this type to something that is not there: the kernel that knows such links misses the thing,
 * the other one refuses the type. */
static bool
link_misses(u32 prog_type, u32 attach_type, const union bpf_attr *rest, int missing)
{
	Insn insns[] = { MOV0, RETURN };
	union bpf_attr attr = *rest;
	int fd = load(prog_type, attach_type == BPF_PERF_EVENT ? 0 : attach_type, insns, COUNT(insns), NULL, 0), err;

	if (fd < 0)
		return false;
	attr.link_create.prog_fd = (u32)fd;
	attr.link_create.attach_type = attach_type;
	err = sys_bpf(BPF_LINK_CREATE, &attr);
	close(fd);
	return closed(err) || err == missing;
}

static bool
kprobe_link(u32 attach_type)
{
	static const char *const syms[] = { "no_such_function_in_any_kernel" };
	union bpf_attr attr = { .link_create.kprobe_multi = { .cnt = 1, .syms = ptr(syms) } };

	return link_misses(BPF_PROG_TYPE_KPROBE, attach_type, &attr, -ESRCH);
}

/* path "/" is no regular file: EBADF. */
static bool
uprobe_link(u32 attach_type)
{
	union bpf_attr attr = { 0 };
	u64 offset = 0, body[4] = { ptr("/"), ptr(&offset), 0, 0 };
	u32 cnt = 1;

	memcpy((u8 *)&attr + 16, body, sizeof(body));
	memcpy((u8 *)&attr + 16 + sizeof(body), &cnt, 4);
	return link_misses(BPF_PROG_TYPE_KPROBE, attach_type, &attr, -EBADF);
}

static bool
perf_link(void)
{
	union bpf_attr attr = { .link_create.target_fd = (u32)-1 };

	return link_misses(BPF_PROG_TYPE_TRACEPOINT, BPF_PERF_EVENT, &attr, -EBADF);
}

/* Tracing programs are refused because type 1 is no function, if they are known and allowed. */
static bool
tracing(u32 attach_type)
{
	Insn insns[] = { MOV0, RETURN };
	char log[4096];

	return closed(load(BPF_PROG_TYPE_TRACING, attach_type, insns, COUNT(insns), log, sizeof(log))) ||
		strstr(log, "is not a function");
}

static bool
test_run(void)
{
	Insn insns[] = { MOV0, RETURN };
	int fd = load(BPF_PROG_TYPE_RAW_TRACEPOINT, 0, insns, COUNT(insns), NULL, 0);
	bool yes = fd >= 0 && !kern_test_run(fd, BPF_PROG_TYPE_RAW_TRACEPOINT, NULL, 0, NULL);

	closed(fd);
	return yes;
}

static bool
global_data(void)
{
	MapDef def = { .name = "piton_try", .type = BPF_MAP_TYPE_ARRAY, .key_size = 4, .value_size = 8, .max_entries = 1 };
	int fd = kern_make_map(&def, -1);
	Insn insns[] = { INSN(BPF_LD | BPF_DW | BPF_IMM, 1, BPF_PSEUDO_MAP_VALUE, 0, fd), { 0 }, MOV0, RETURN };
	bool yes = fd >= 0 && runs(BPF_PROG_TYPE_RAW_TRACEPOINT, insns, COUNT(insns));

	closed(fd);
	return yes;
}

static bool
atomic_fetch(void)
{
	Insn insns[] = {
		INSN(BPF_ST | BPF_MEM | BPF_DW, 10, 0, -8, 0), INSN(BPF_ALU64 | BPF_MOV | BPF_K, 1, 0, 0, 1),
		INSN(BPF_STX | BPF_DW | BPF_ATOMIC, 10, 1, -8, BPF_ADD | BPF_FETCH), MOV0, RETURN,
	};

	return runs(BPF_PROG_TYPE_RAW_TRACEPOINT, insns, COUNT(insns));
}

static bool
bounded_loops(void)
{
	Insn insns[] = {
		INSN(BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, 3), INSN(BPF_ALU64 | BPF_SUB | BPF_K, 0, 0, 0, 1),
		INSN(BPF_JMP | BPF_JNE | BPF_K, 0, 0, -2, 0), RETURN,
	};

	return runs(BPF_PROG_TYPE_RAW_TRACEPOINT, insns, COUNT(insns));
}

/* Version 4 came as one: the sign-extending move stands for it. */
static bool
isa_v4(void)
{
	Insn insns[] = { MOV0, INSN(BPF_ALU64 | BPF_MOV | BPF_X, 0, 0, 8, 0), RETURN };

	return runs(BPF_PROG_TYPE_RAW_TRACEPOINT, insns, COUNT(insns));
}

/* A number that no CPU has leads to a read that the verifier refuses (EACCES) before it looks at the other way, where there is a
 * call of nothing (EINVAL): of that it complains when it knows the range. A program that loads would cost five times as much. */
static bool
smp_range(void)
{
	Insn insns[] = {
		CALL(BPF_FUNC_get_smp_processor_id), INSN(BPF_JMP | BPF_JLT | BPF_K, 0, 0, 1, (s32)host_cpus()),
		INSN(BPF_LDX | BPF_MEM | BPF_DW, 0, 0, 0, 0), CALL(INT32_MAX), MOV0, RETURN,
	};

	return load(BPF_PROG_TYPE_RAW_TRACEPOINT, 0, insns, COUNT(insns), NULL, 0) == -EINVAL;
}

static bool
map_batch(void)
{
	MapDef def = { .name = "piton_try", .type = BPF_MAP_TYPE_HASH, .key_size = 4, .value_size = 8, .max_entries = 1 };
	u64 cursor, key, value;
	union bpf_attr attr = { .batch = { .count = 1, .keys = ptr(&key), .values = ptr(&value), .out_batch = ptr(&cursor) } };
	int fd = kern_make_map(&def, -1), err;

	if (fd < 0)
		return false;
	attr.batch.map_fd = (u32)fd;
	err = sys_bpf(BPF_MAP_LOOKUP_BATCH, &attr);
	close(fd);
	return !err || err == -ENOENT;
}

static bool
try(Feature f)
{
	static const Insn nothing[] = { MOV0, RETURN };

	switch (f) {
	case FEAT_RINGBUF: return map(BPF_MAP_TYPE_RINGBUF, 0, 0, (u32)sysconf(_SC_PAGESIZE), 0);
	case FEAT_MMAPABLE: return map(BPF_MAP_TYPE_ARRAY, 4, 8, 1, BPF_F_MMAPABLE);
	case FEAT_BIG_KEYS: return map(BPF_MAP_TYPE_HASH, 1024, 8, 1, 0);
	case FEAT_GLOBAL_DATA: return global_data();
	case FEAT_ATOMIC_FETCH: return atomic_fetch();
	case FEAT_BOUNDED_LOOPS: return bounded_loops();
	case FEAT_LOOP: return helper(BPF_PROG_TYPE_KPROBE, BPF_FUNC_loop);
	case FEAT_FOR_EACH: return helper(BPF_PROG_TYPE_KPROBE, BPF_FUNC_for_each_map_elem);
	case FEAT_MAP_LOOKUP_PERCPU: return helper(BPF_PROG_TYPE_KPROBE, BPF_FUNC_map_lookup_percpu_elem);
	case FEAT_PROBE_READ_KERNEL: return helper(BPF_PROG_TYPE_KPROBE, BPF_FUNC_probe_read_kernel);
	case FEAT_KTIME_BOOT: return helper(BPF_PROG_TYPE_KPROBE, BPF_FUNC_ktime_get_boot_ns);
	case FEAT_KTIME_TAI: return helper(BPF_PROG_TYPE_KPROBE, BPF_FUNC_ktime_get_tai_ns);
	case FEAT_TASK_BTF: return helper(BPF_PROG_TYPE_KPROBE, BPF_FUNC_get_current_task_btf);
	case FEAT_NS_PID: return helper(BPF_PROG_TYPE_KPROBE, BPF_FUNC_get_ns_current_pid_tgid);
	case FEAT_STRNCMP: return helper(BPF_PROG_TYPE_KPROBE, BPF_FUNC_strncmp);
	case FEAT_D_PATH: return numbered(BPF_FUNC_d_path);
	case FEAT_FUNC_ARG: return numbered(BPF_FUNC_get_func_arg);
	case FEAT_JIFFIES: return helper(BPF_PROG_TYPE_KPROBE, BPF_FUNC_jiffies64);
	case FEAT_COOKIE: return helper(BPF_PROG_TYPE_KPROBE, BPF_FUNC_get_attach_cookie);
	case FEAT_FUNC_IP: return helper(BPF_PROG_TYPE_KPROBE, BPF_FUNC_get_func_ip);
	case FEAT_ISA_V4: return isa_v4();
	case FEAT_SMP_RANGE: return smp_range();
	case FEAT_PERF_LINK: return perf_link();
	case FEAT_RAW_TP: return runs(BPF_PROG_TYPE_RAW_TRACEPOINT, nothing, COUNT(nothing));
	case FEAT_KPROBE: return host_exists("/sys/bus/event_source/devices/kprobe/type");
	case FEAT_KPROBE_MULTI: return kprobe_link(K_LINK_KPROBE_MULTI);
	case FEAT_KPROBE_SESSION: return kprobe_link(K_KPROBE_SESSION);
	case FEAT_UPROBE: return host_exists("/sys/bus/event_source/devices/uprobe/type");
	case FEAT_UPROBE_REFCNT: return host_exists("/sys/bus/event_source/devices/uprobe/format/ref_ctr_offset");
	case FEAT_UPROBE_MULTI: return uprobe_link(K_LINK_UPROBE_MULTI);
	case FEAT_UPROBE_SESSION: return uprobe_link(K_UPROBE_SESSION);
	case FEAT_FENTRY: return tracing(BPF_TRACE_FENTRY);
	case FEAT_ITER: return tracing(BPF_TRACE_ITER);
	case FEAT_BTF: return host_exists("/sys/kernel/btf/vmlinux");
	case FEAT_RAW_TP_RUN: return test_run();
	case FEAT_SYSCALL_PROG: return runs(BPF_PROG_TYPE_SYSCALL, nothing, COUNT(nothing));
	case FEAT_MAP_BATCH: return map_batch();
	case N_FEATURE: break;
	}
	return true;
}

static s8 known[N_FEATURE + 1];         /* 0: not asked, 1: yes, -1: no */

bool
kern_has(Feature f)
{
	if (!known[f])
		known[f] = try(f) ? 1 : -1;
	return known[f] > 0;
}

void
kern_deny(Feature f)
{
	known[f] = -1;
}
