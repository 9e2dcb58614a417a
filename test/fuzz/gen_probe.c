/* gen_probe: the probes of generated scripts, and what their actions may read. All exist on every kernel that is tested. */
#include "gen_inside.h"

#include <stdio.h>

static const GProbe probes[] = {
	{ "begin" },
	{ "end" },
	{ "interval:ms:100", .event = true },
	{ "profile:hz:99", .event = true, .ints = "reg(\"ip\") reg(\"sp\")" },
	{ "software:page-faults:100", .event = true },
	{ "tracepoint:syscalls:sys_enter_openat", .event = true, .ints = "args.dfd args.flags args.mode args.__syscall_nr",
		.strs = "str(args.filename) str(args.filename,10)", .ptrs = "args.filename" },
	{ "tracepoint:syscalls:sys_enter_execve", .event = true, .ints = "args.__syscall_nr",
		.strs = "str(args.filename) str(args.argv[0])", .ptrs = "args.argv args.filename", .argv = "args.argv" },
	{ "tracepoint:syscalls:sys_exit_read", .event = true, .ints = "args.ret" },
	{ "tracepoint:sched:sched_switch", .event = true,
		.ints = "args.prev_pid args.prev_prio args.prev_state args.next_pid args.next_prio",
		.strs = "args.prev_comm args.next_comm" },
	{ "tracepoint:sched:sched_process_exec", .event = true, .ints = "args.pid args.old_pid", .strs = "str(args.filename)" },
	{ "tracepoint:raw_syscalls:sys_enter", .event = true, .ints = "args.id args.args[0] args.args[5]" },
	{ "tracepoint:syscalls:sys_enter_read,tracepoint:syscalls:sys_enter_write", .event = true, .ints = "args.fd args.count",
		.ptrs = "args.buf" },
	{ "rawtracepoint:sched_switch", .event = true, .ints = "arg0 arg1" },
	{ "rawtracepoint:sched_wakeup", .event = true, .ints = "args.p.pid args.p.prio args.p.parent.tgid",
		.strs = "args.p.comm", .ptrs = "args.p" },
	{ "uprobe:build/trigger/calls:leaf", .event = true, .ints = "arg0 arg1 args.n reg(\"ip\")", .strs = "str(arg1) str(args.name)",
		.ptrs = "args.name", .func = true },
	{ "uprobe:build/trigger/typed:*", .event = true, .ints = "arg0 arg1 arg2", .strs = "str(arg0)", .func = true },
	{ "uretprobe:build/trigger/calls:leaf", .event = true, .ints = "retval", .func = true },
	{ "usdt:build/trigger/marked:*", .event = true, .ints = "arg0" },
	{ "iter:task", .event = true, .ints = "ctx.task.pid ctx.meta.seq_num", .strs = "ctx.task.comm" },
	{ "kprobe:vfs_read", .event = true, .kprobe = true, .ints = "arg0 arg1 arg2 arg3 reg(\"ip\") ((struct file*)arg0).f_flags",
		.strs = "str(((struct file*)arg0).f_path.dentry.d_name.name)", .ptrs = "arg1", .func = true },
	{ "kprobe:vfs_*", .event = true, .kprobe = true, .ints = "arg0 arg1 arg2", .func = true },
	{ "kretprobe:vfs_read", .event = true, .kprobe = true, .ints = "retval", .func = true },
	{ "fentry:vfs_read", .event = true, .kprobe = true, .ints = "args.count args.file.f_flags args.file.f_inode.i_ino",
		.strs = "str(args.file.f_path.dentry.d_name.name)", .ptrs = "args.buf", .func = true },
	{ "fexit:vfs_read", .event = true, .kprobe = true, .ints = "retval args.count", .func = true },
};

const GProbe *
gen_probe(Gen *g)
{
	const GProbe *p;

	if (g->flags & GEN_BEGIN)
		return &probes[0];
	do
		p = &probes[below(g, COUNT(probes))];
	while (p->kprobe && !(g->flags & GEN_KPROBE));
	return p;
}

/* One of the words. */
const char *
gen_word(Gen *g, const char *words, char *to, u32 size)
{
	u32 n = 1, k;
	const char *w = words;

	for (const char *s = words; *s; s++)
		n += *s == ' ';
	for (k = below(g, n); k; k--)
		w = strchr(w, ' ') + 1;
	snprintf(to, size, "%.*s", (int)strcspn(w, " "), w);
	return to;
}
