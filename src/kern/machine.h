/* machine: what the files of kern/ share: the machine's own memory and the calls of bpf(2) and perf_event_open(2). */
#ifndef KERN_MACHINE_H
#define KERN_MACHINE_H

#include "kern/kern.h"

#include <errno.h>
#include <linux/perf_event.h>
#include <sys/syscall.h>
#include <unistd.h>

typedef struct KernMap { int fd; MapDef def; void *memory; size_t memory_size; } KernMap;

/* One ring buffer, or the perf buffers of all CPUs. */
typedef struct PerfBuf { int fd; u8 *base; } PerfBuf;
typedef struct Ring {
	int fd;                         /* what poll(2) watches: the map, or an epoll over perf; -1: closed */
	RecordFn *fn;
	void *arg;
	u64 lost;
	/* ring buffer */
	u64 *consumer, *producer;
	const u8 *data;
	u64 mask;
	/* perf buffers */
	PerfBuf *perf;
	u32 n_perf;
	size_t perf_size;               /* bytes of data in each */
	u8 *joined;                     /* a record that wraps around is put together here, and aligned behind that */
} Ring;

typedef struct KernMachine {
	Machine machine;
	Arena *a;
	Vec(KernMap) maps;
	Vec(int) progs;
	VecU32 prog_types;
	Ring ring;
	u32 log_size;
} KernMachine;

static inline int
sys_bpf(int cmd, union bpf_attr *attr)
{
	long r = syscall(SYS_bpf, cmd, attr, sizeof(*attr));

	return r < 0 ? -errno : (int)r;
}

/* attach.c: perf_event_open(2); takes the process's limit of files up to what is allowed when they run out. */
int sys_perf(struct perf_event_attr *attr, s32 pid, s32 cpu);

static inline u64
ptr(const void *p)
{
	return (u64)(uintptr_t)p;
}

/* What the kernel says of an object: bpf_prog_info, bpf_btf_info and their kind. */
static inline int
sys_bpf_info(int fd, void *out, u32 size)
{
	union bpf_attr attr = { .info = { .bpf_fd = (u32)fd, .info_len = size, .info = ptr(out) } };

	return sys_bpf(BPF_OBJ_GET_INFO_BY_FD, &attr);
}

/* map.c */
int kern_make_map(const MapDef *def, int inner_fd);
int kern_map_new(Machine *m, const MapDef *def);
int kern_map_lookup(Machine *m, int map, const void *key, void *value);
int kern_map_update(Machine *m, int map, const void *key, const void *value, u64 flags);
int kern_map_delete(Machine *m, int map, const void *key);
int kern_map_next(Machine *m, int map, const void *key, void *next);
int kern_map_walk(Machine *m, int map, int (*fn)(void *, const void *, const void *), void *arg);
void *kern_map_memory(Machine *m, int map);
void kern_object_name(char out[BPF_OBJ_NAME_LEN], const char *name);
/* Before 5.11 maps and programs count against RLIMIT_MEMLOCK. True: the limit was raised now, try again. */
bool kern_raise_memlock(void);

/* prog.c */
int kern_prog_load(Machine *m, const Code *code, const int *maps, u32 n_maps, Refusal *why);
int kern_prog_run(Machine *m, int prog, void *ctx, u32 ctx_size, u32 *retval);
/* Events at which the kernel did not run our programs, since another one (of ours or not) was running on that CPU: where
 * tracepoints can be preempted, as since 6.13, two threads of one CPU suffice. The kernel counts them since 5.12; 0 before. */
u64 kern_prog_missed(KernMachine *k);
/* BPF_PROG_LOAD of code as it is (maps already put in); log may be NULL. fd or -errno. */
int kern_load(const Code *code, const Insn *insns, int btf_fd, u32 log_level, char *log, u32 log_size);
int kern_test_run(int prog_fd, u32 prog_type, void *ctx, u32 ctx_size, u32 *retval);

/* btf.c: raw BTF that names code's functions (callbacks need it), into out. */
void kern_make_btf(const Code *code, const VecU32 *starts, Buf *out);

/* ring.c */
int kern_ring_open(Machine *m, int map, u32 pages, RecordFn *fn, void *arg);
int kern_ring_poll(Machine *m);
int kern_ring_fd(Machine *m);
u64 kern_ring_lost(Machine *m);
void kern_ring_close(Ring *r);

#endif
