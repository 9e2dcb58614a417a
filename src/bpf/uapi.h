/* uapi: what newer kernels added to bpf(2), under names of our own, since enumerators of <linux/bpf.h> cannot be
 * tested for by the preprocessor. Each row names the kernel that brought it. */
#ifndef BPF_UAPI_H
#define BPF_UAPI_H

enum {
	K_LINK_KPROBE_MULTI = 42,       /* attach type BPF_TRACE_KPROBE_MULTI, 5.18 */
	K_LINK_UPROBE_MULTI = 48,       /* BPF_TRACE_UPROBE_MULTI, 6.6 */
	K_KPROBE_SESSION = 56,          /* BPF_TRACE_KPROBE_SESSION, 6.10 */
	K_UPROBE_SESSION = 57,          /* BPF_TRACE_UPROBE_SESSION, 6.13 */
	K_KPROBE_MULTI_RETURN = 1,      /* link_create.kprobe_multi.flags */
	K_ATOMIC_LOAD_ACQ = 0x100,      /* imm of BPF_ATOMIC, 6.15 */
	K_ATOMIC_STORE_REL = 0x110,
	K_MEMSX = 0x80,                 /* mode of sign-extending loads, 6.6 */
	K_CGROUP_UNIX_CONNECT = 49, K_CGROUP_UNIX_SENDMSG, K_CGROUP_UNIX_RECVMSG, K_CGROUP_UNIX_GETPEERNAME,
	K_CGROUP_UNIX_GETSOCKNAME,      /* attach types, 6.7 */
	K_PROG_NETFILTER = 32,          /* program type, 6.4 */
	K_ATTACH_NETFILTER = 45,
	K_JCOND = 0xe0,                 /* may_goto, 6.9 */
};

#endif
