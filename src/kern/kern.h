/* kern: the only room that calls bpf(2) and perf_event_open(2) and knows tracefs. Comes in: Code, MapDef, where to
 * attach. Goes out: file descriptors, records, -errno. Called by run/ (as a Machine), probe/ (attaching), inspect/.
 * What the kernel can do is asked by trying, once, at first need (feature.c). Nothing is left behind: everything
 * hangs on file descriptors. Never here: scripts, types, symbols.
 * Locals: k kernel machine, fd. */
#ifndef KERN_KERN_H
#define KERN_KERN_H

#include "bpf/bpf.h"

/* machine.c: bpf/bpf.h's Machine over bpf(2). Making it costs nothing; NULL only without memory. */
Machine *kern_machine_new(void);
/* 0, or why bpf(2) cannot be used here: -EPERM, -ENOSYS. Tries to make a map once. */
int kern_usable(void);
int kern_prog_fd(Machine *m, int prog);
int kern_map_fd(Machine *m, int map);
/* prog_load with log_level 0 first, then with the log when refused; log_size: limit for Refusal.log. */
void kern_set_log_size(Machine *m, u32 bytes);

/* feature.c: a row of features.def, tried at first need and remembered. */
bool kern_has(Feature f);
void kern_deny(Feature f);              /* --no-feature: as if this kernel had it not */

/* tracefs.c */
/* The folder for host_open() and friends: where it is mounted, else a mount of our own ("/proc/self/fd/N"); NULL: neither. */
const char *kern_tracefs(void);
int kern_tracepoint_id(const char *category, const char *event);        /* or -errno */

/* attach.c: each gives an fd that keeps the attachment alive, or -errno. */
int kern_attach_perf(int prog_fd, int perf_fd, u64 cookie);      /* takes perf_fd over: one close ends both */
int kern_perf_event(u32 type, u64 config, u64 period, bool is_freq, s32 pid, s32 cpu);
int kern_attach_tracepoint(int prog_fd, u32 id, s32 pid, u64 cookie);
int kern_attach_raw_tp(int prog_fd, const char *name);
int kern_attach_kprobe(int prog_fd, bool ret, const char *func, u64 offset, u64 addr, u64 cookie);
int kern_attach_kprobe_multi(int prog_fd, bool ret, const char *const *funcs, const u64 *cookies, u32 n, bool session);
int kern_attach_uprobe(int prog_fd, bool ret, const char *path, u64 offset, s32 pid, u64 ref_ctr, u64 cookie);
int kern_attach_uprobe_multi(int prog_fd, bool ret, const char *path, const u64 *offsets, const u64 *ref_ctrs,
			     const u64 *cookies, u32 n, s32 pid, bool session);
int kern_attach_tracing(int prog_fd);                            /* fentry, fexit: the target is in the program */
int kern_pin(int fd, const char *path);                          /* in the BPF file system */
int kern_attach_iter(int prog_fd);                               /* the link; */
int kern_attach_cgroup(int prog_fd, int cgroup_fd, u32 type);    /* since Linux 5.7 */
int kern_btf_fd(const char *module);                             /* of a module's BTF in the kernel, or -errno */
int kern_iter_fd(int link_fd);                                   /* reading it to the end runs the program for each object */
int kern_breakpoint(u64 addr, u32 len, const char *mode, s32 pid, s32 cpu);

/* loaded.c: programs in the kernel that have BTF, whoever loaded them. */
typedef struct LoadedProg { u32 id, btf_id, n_funcs; const u32 *funcs; } LoadedProg;    /* funcs: BTF ids, the program itself first */
int kern_loaded_each(int (*fn)(void *arg, const LoadedProg *p), void *arg);     /* fn gives nonzero to stop; 0 or -errno */
int kern_loaded_fd(u32 id);                                      /* or -errno */
int kern_loaded_btf(u32 btf_id, Buf *out);

/* mmap.c: what processes map, as it happens, for symbols of those that are gone by the time they are asked for. */
typedef struct MmapWatch MmapWatch;
typedef struct MmapTold {
	void (*mapped)(void *arg, u32 pid, u64 addr, u64 size, u64 offset, const char *path);
	void (*forked)(void *arg, u32 pid, u32 parent);
	void (*execed)(void *arg, u32 pid);
	void *arg;
} MmapTold;
MmapWatch *kern_mmap_open(s32 pid, int *err);           /* pid and its children, or 0: every process. NULL: *err */
u64 kern_mmap_poll(MmapWatch *w, const MmapTold *t);    /* tells what came; gives how many were lost so far */
void kern_mmap_close(MmapWatch *w);

#endif
