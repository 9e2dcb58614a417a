/* Providers: attach points as written, what they expand to, what is found there, and attaching them. The last needs bpf(2). */
#include "probe/probe.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define INSN(c, d, s, o, i) { .code = (c), .dst_reg = (d), .src_reg = (s), .off = (o), .imm = (i) }

static ProbeContext pc;

static Probe *
parse(const char *text)
{
	return probe_parse(&pc, text, strlen(text), (Span){ 0 });
}

/* ---- parse ---- */

static void
test_names(void)
{
	static const struct { const char *text, *name; } t[] = {
		{ "BEGIN", "begin" }, { "End", "end" }, { "self:signal:SIGUSR1", "self:signal:SIGUSR1" }, { "test:x", "test:x" },
		{ "i:ms:5", "interval:ms:5" }, { "interval:5ms", "interval:us:5000" }, { "Interval:s:1", "interval:s:1" },
		{ "interval:1000000", "interval:us:1000" }, { "p:hz:99", "profile:hz:99" }, { "i:ms:1e3", "interval:ms:1000" },
		{ "software:page-faults:1", "software:page-faults:1" }, { "s:faults", "software:faults:" },
		{ "h:cycles:", "hardware:cycles:" }, { "hardware:cache-misses:1_000", "hardware:cache-misses:1000" },
		{ "t:syscalls:sys_enter_openat", "tracepoint:syscalls:sys_enter_openat" },
		{ "w:0x1000:8:rw", "watchpoint:0x1000:8:rw" }, { "it:task", "iter:task" },
		{ "rt:sys_enter", "rawtracepoint:vmlinux:sys_enter" },
	};
	static const struct { const char *text, *words; } bad[] = {
		{ "kprode:x", "Invalid probe type: kprode" }, { "begin:1", "requires 0 arguments" }, { "i:s:0", "positive" },
		{ "i:m:1", "not an accepted unit" }, { "i:5", "too short" }, { "i:ms", "Invalid duration" }, { "i", "found 0" },
		{ "s:page-fault:1", "did you mean 'page-faults'?" }, { "s:faults:x", "positive" }, { "h:foo", "is not a hardware probe" },
		{ "t:syscalls", "requires 2 arguments" }, { "t::x", "requires 2" }, { "self:signal:SIGFOO", "not a supported signal" },
		{ "i:s:99999999999999", "more than" }, { "a:b:c:d:e:f:g:h:i:j", "at most" }, { "", "Invalid probe type" },
		{ "w:0x1000:3:w", "one of (1,2,4,8)" }, { "w:0x1001:4:w", "aligned" }, { "w:0x1000:8:q", "combination" },
		{ "w:x:8:w", "Invalid address" }, { "w:0x1000:8", "requires 3" }, { "w:0x1000:8:wx", "not both" }, { "w:16:8:ww", "each once" },
		{ "k:f+x", "Invalid offset" }, { "kr:f+4", "Offset not allowed" }, { "k:f*+4", "do not go together" },
		{ "k:0xffffffff81000000", "needs --unsafe" }, { "k:a:b:c", "found 3" }, { "f:a+1", "Offset not allowed" },
		{ "it:task:", "file to pin it to" }, { "it", "found 0" },
		{ "p:hz:18446744073709551615", "too fast" }, { "i:hz:18446744073709551616", "positive" },
	};
	Buf b = { 0 };

	for (u32 i = 0; i < COUNT(t); i++) {
		Probe *p = parse(t[i].text);

		diag_print(pc.d, &b, false);
		if (!p || strcmp(p->name, t[i].name))
			fprintf(stderr, "%s: %s\n%s", t[i].text, p ? p->name : "refused", b.p);
		assert(p && !strcmp(p->name, t[i].name));
	}
	for (u32 i = 0; i < COUNT(bad); i++) {
		pc.d = diag_new(pc.a);          /* each keeps 20 errors */
		Probe *p = parse(bad[i].text);

		buf_clear(&b);
		diag_print(pc.d, &b, false);
		if (p || !strstr(b.p, bad[i].words))
			fprintf(stderr, "%s: %s\n%s", bad[i].text, p ? p->name : "refused", b.p);
		assert(!p && strstr(b.p, bad[i].words));
	}
	buf_free(&b);
	Probe *p = parse("interval:hz:99");
	assert(p->is_freq && p->period == 99);
	assert(parse("i:us:7")->period == 7000 && parse("i:2h")->period == 7200000000000);
	assert(probe_find("K", 1) == probe_find("kprobe", 6));
	assert(probe_find("U", 1) == probe_find("USDT", 4) && probe_find("u", 1) == probe_find("uprobe", 6));
}

/* ---- expand ---- */

static int
collect(void *arg, Probe *p)
{
	buf_printf(arg, "%s\n", p->name);
	return 0;
}

static void
test_expand(void)
{
	Buf b = { 0 };
	u32 n = 0;

	assert(probe_expand(&pc, parse("software:*-faults"), collect, &b) == 5);
	assert(!strncmp(b.p, "software:alignment-faults:\nsoftware:emulation-faults:\n", 40));
	buf_clear(&b);
	for (const Provider *v = NULL; (v = probe_next(v)); n++)
		assert(v->name && v->parse && v->expand && v->args && v->value_type && v->load && v->usage);
	assert(n >= 11);
	assert(probe_list(&pc, "interval:*", false, &b) == 4 && !strcmp(b.p, "interval:hz:\ninterval:ms:\ninterval:s:\ninterval:us:\n"));
	buf_clear(&b);
	if (!kern_tracefs()) {
		puts("no tracefs: tracepoints not tried");
		buf_free(&b);
		return;
	}
	assert(probe_expand(&pc, parse("t:syscalls:sys_enter_n*sleep"), collect, &b) == 1);
	assert(!strcmp(b.p, "tracepoint:syscalls:sys_enter_nanosleep\n"));
	buf_clear(&b);
	assert(probe_expand(&pc, parse("t:syscalls:sys_enter_openat"), collect, &b) == 1);
	assert(probe_expand(&pc, parse("t:syscalls:sys_enter_opensesame"), collect, &b) == 0);
	assert(probe_expand(&pc, parse("t:nocategory:*"), collect, &b) == 0);
	buf_clear(&b);
	assert(probe_expand(&pc, parse("t:*:sys_enter_get[pu]id"), collect, &b) == 2);
	assert(!strcmp(b.p, "tracepoint:syscalls:sys_enter_getpid\ntracepoint:syscalls:sys_enter_getuid\n"));
	buf_clear(&b);
	pc.probe_filter = "_(get|set)pgid$";
	assert(probe_expand(&pc, parse("t:syscalls:*"), collect, &b) == 4);
	pc.probe_filter = NULL;
	buf_clear(&b);
	assert(probe_list(&pc, "t:syscalls:sys_enter_openat", true, &b) == 1);
	assert(strstr(b.p, "tracepoint:syscalls:sys_enter_openat\n    int __syscall_nr\n    int dfd\n    const char * filename\n"));
	buf_free(&b);
}

/* ---- what is found there ---- */

static void
want_field(const Type *t, const char *name, const char *type, u32 offset)
{
	Buf b = { 0 };
	Field f;

	assert(type_field(pc.types, t, name, &f));
	type_name(f.type, &b);
	if (strcmp(b.p, type) || f.offset != offset)
		fprintf(stderr, "%s: %s at %u\n", name, b.p, f.offset);
	assert(!strcmp(b.p, type) && f.offset == offset);
	buf_free(&b);
}

static void
test_args(void)
{
	const char *why = NULL;
	Probe *p = parse("t:syscalls:sys_enter_openat");
	const Type *t;
	Field f;

	assert(!p->prov->value_type(&pc, p, "arg0", &why) && strstr(why, "args.NAME"));
	p = parse("s:faults");
	assert(!p->prov->args(&pc, p, &why));
	assert(p->prov->value_type(&pc, p, "reg:ip", &why) == type_int(8, false));
	assert(!p->prov->value_type(&pc, p, "retval", &why) && !p->prov->value_type(&pc, p, "reg:foo", &why));
	if (!kern_tracefs())
		return;
	p = parse("t:syscalls:sys_enter_openat");
	t = p->prov->args(&pc, p, &why);
	want_field(t, "common_pid", "int32", 4);
	want_field(t, "dfd", "int64", 16);
	want_field(t, "filename", "int8 *", 24);
	want_field(t, "mode", "uint16", 40);
	assert(type_field(pc.types, t, "filename", &f) && f.type->space == AS_USER);
	p = parse("t:sched:sched_switch");
	t = p->prov->args(&pc, p, &why);
	want_field(t, "prev_comm", "string[16]", 8);
	want_field(t, "prev_pid", "int32", 24);
	p = parse("t:sched:sched_process_exec");
	t = p->prov->args(&pc, p, &why);
	want_field(t, "filename", "int8 *", 8);
	assert(type_field(pc.types, t, "filename", &f) && f.data_loc && f.type->space == AS_KERNEL);
	p = parse("t:syscalls:sys_enter_nothing");
	assert(!p->prov->args(&pc, p, &why) && strstr(why, "format"));
}

/* What is there, whether or not this kernel lets us probe it. */
static int
known(const char *text, Buf *b)
{
	Probe *p = parse(text);

	return p->prov->expand(&pc, p, collect, b);
}

/* Kernel functions by BTF. */
static void
test_functions(void)
{
	Buf b = { 0 };
	const char *why = NULL;
	const Type *t;
	Probe *p;

	if (!type_has_btf(pc.types)) {
		puts("no BTF: fentry and iter not tried");
		return;
	}
	assert(known("fentry:vfs_read", &b) == 1 && !strcmp(b.p, "fentry:vmlinux:vfs_read\n"));
	assert(known("kfunc:vmlinux:vfs_rea[d]", &b) == 1);
	assert(known("f:no_such_function", &b) == 0);
	assert(known("k:vfs_read", &b) == 1 && strstr(b.p, "\nkprobe:vfs_read\n"));
	assert(known("k:no_such_function", &b) == 0);
	assert(known("kr:vfs_read", &b) == 1);
	assert(known("k:vfs_read+8", &b) == 1 && strstr(b.p, "\nkprobe:vfs_read+8\n"));
	assert(known("k:vfs_rea*", &b) >= 1 && strstr(b.p, "\nkprobe:vfs_read\n"));
	p = parse("fexit:vmlinux:vfs_read");
	t = p->prov->args(&pc, p, &why);
	want_field(t, "file", "struct file *", 0);
	want_field(t, "count", "uint64", 16);
	assert(p->prov->value_type(&pc, p, "retval", &why) == type_int(8, true));
	p = parse("fentry:vmlinux:vfs_read");
	assert(!p->prov->value_type(&pc, p, "retval", &why) && strstr(why, "fexit"));
	buf_clear(&b);
	assert(probe_list(&pc, "fentry:vfs_read", true, &b) == 1 && strstr(b.p, "\n    struct file * file\n"));
	buf_clear(&b);
	assert(probe_list(&pc, "iter:task", true, &b) == 1);
	assert(strstr(b.p, "iter:task\n    struct bpf_iter_meta * meta\n    struct task_struct * task\n"));
	buf_clear(&b);
	assert(probe_list(&pc, "rt:sched_switch", true, &b) == 1 && strstr(b.p, "    struct task_struct * "));
	buf_free(&b);
}

/* ---- attaching ---- */

static volatile u64 *counter;

/* *counter += 1 for this process. */
static int
count_prog(u32 type, u32 attach_type, u32 btf_id)
{
	static int map = -1;
	MapDef d = { .name = "count", .type = BPF_MAP_TYPE_ARRAY, .key_size = 4, .value_size = 8, .max_entries = 1, .flags = BPF_F_MMAPABLE };
	Insn insns[] = {
		INSN(BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_get_current_pid_tgid), INSN(BPF_ALU64 | BPF_RSH | BPF_K, 0, 0, 0, 32),
		INSN(BPF_JMP | BPF_JNE | BPF_K, 0, 0, 4, getpid()),
		INSN(BPF_LD | BPF_DW | BPF_IMM, 1, BPF_PSEUDO_MAP_VALUE, 0, 0), { 0 }, INSN(BPF_ALU64 | BPF_MOV | BPF_K, 2, 0, 0, 1),
		INSN(BPF_STX | BPF_DW | BPF_ATOMIC, 1, 2, 0, BPF_ADD), INSN(BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, 0),
		INSN(BPF_JMP | BPF_EXIT, 0, 0, 0, 0),
	};
	Code c = { .name = "count", .prog_type = type, .attach_type = attach_type, .btf_id = btf_id, .insns = insns, .n = COUNT(insns) };
	int prog;

	if (map < 0) {
		map = pc.machine->ops->map_new(pc.machine, &d);
		counter = pc.machine->ops->map_memory(pc.machine, map);
	}
	prog = pc.machine->ops->prog_load(pc.machine, &c, &map, 1, NULL);
	assert(prog >= 0 && counter);
	return kern_prog_fd(pc.machine, prog);
}

static int
keep(void *arg, Probe *p)
{
	Vec(Probe *) *v = arg;

	VEC_PUSH(pc.a, v, p);
	return 0;
}

typedef struct Attached { Vec(Probe *) v; } Attached;

static Attached
attach(const char *text)
{
	Attached at = { { 0 } };
	Probe *p = parse(text);
	Code c = { 0 };
	u32 failed = 0;

	assert(p && probe_expand(&pc, p, keep, &at.v) > 0 && at.v.n);
	c.attach_type = p->prov->attach_type;
	if (p->prov->code)
		p->prov->code(&pc, at.v.v, at.v.n, &c);
	int err = p->prov->attach(&pc, at.v.v, at.v.n, count_prog(p->prov->prog_type, c.attach_type, c.btf_id), &failed);
	if (err < 0)
		fprintf(stderr, "%s: %s\n", at.v.v[failed]->name, strerror(-err));
	assert(err >= 0);
	return at;
}

static void
detach(Attached *at)
{
	for (u32 i = 0; i < at->v.n; i++)
		probe_detach(at->v.v[i]);
}

static void
burn(long ms)
{
	for (clock_t t = clock(); clock() - t < ms * CLOCKS_PER_SEC / 1000; )
		;
}

static void
fault(u32 pages)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	u8 *p = mmap(NULL, pages * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	madvise(p, pages * page, MADV_NOHUGEPAGE);
	for (u32 i = 0; i < pages; i++)
		p[i * page] = 1;
	munmap(p, pages * page);
}

static void
test_attach(void)
{
	Attached at;
	u64 before;

	pc.pid = getpid();
	at = attach("software:page-faults:1");
	before = *counter;
	fault(200);
	detach(&at);
	assert(*counter - before >= 200);
	before = *counter;
	fault(200);
	assert(*counter == before);
	at = attach("profile:ms:1");
	burn(100);
	detach(&at);
	assert(*counter > before);
	pc.pid = 0;
	before = *counter;
	at = attach("profile:hz:999");
	burn(100);
	detach(&at);
	assert(*counter > before);
	at = attach("interval:ms:10");
	detach(&at);
	at = attach("rawtracepoint:sys_enter");
	before = *counter;
	syscall(SYS_getppid);
	detach(&at);
	assert(*counter > before);
	if (kern_has(FEAT_ITER) && type_has_btf(pc.types)) {
		char byte;

		before = *counter;
		at = attach("iter:task");
		assert(!read(at.v.v[0]->fds[0], &byte, 1));     /* returns when the walk is over */
		detach(&at);
		assert(*counter >= before + 2);
	}
	if (!kern_tracefs())
		return;
	at = attach("tracepoint:syscalls:sys_enter_getp*id");
	before = *counter;
	for (u32 i = 0; i < 50; i++) {
		syscall(SYS_getpid);
		syscall(SYS_getppid);
	}
	u64 got = *counter - before;
	detach(&at);
	assert(got == 100);
}

static volatile u64 watched;

static void
test_watchpoint(void)
{
	int fd = kern_breakpoint((u64)(uintptr_t)&watched, 8, "w", getpid(), -1);
	char text[64];
	Attached at;
	u64 before, hits = 0;

	if (fd < 0) {
		printf("no watchpoints here: %s\n", strerror(-fd));
		return;
	}
	watched = 1;
	ssize_t size = read(fd, &hits, sizeof(hits));
	close(fd);
	if (size != sizeof(hits) || !hits) {
		printf("watchpoints do not fire on this machine\n");
		return;
	}
	pc.pid = getpid();
	for (u32 i = 0; i < 3; i++) {
		snprintf(text, sizeof(text), "watchpoint:%p:8:%s", (void *)&watched, (const char *const[]){ "w", "rw", "r" }[i]);
		at = attach(text);
		before = *counter;
		for (u32 j = 0; j < 5; j++)
			watched = j;
		u64 got = *counter - before, seen = watched;
		detach(&at);
		assert(got == 5 && seen == 4);
	}
	watched = 1;
	pc.pid = 0;
}

/* Ctrl-C ends a long row of attaching. */
static void
test_stop(void)
{
	static volatile int stop = 1;
	Probe *p = parse("rt:sys_enter");
	u32 failed;

	pc.stop = &stop;
	assert(p->prov->attach(&pc, &p, 1, count_prog(p->prov->prog_type, 0, 0), &failed) == -EINTR && !p->n_fds);
	pc.stop = NULL;
}

int
main(void)
{
	pc.a = arena_new();
	pc.d = diag_new(pc.a);
	pc.types = type_new(pc.a);
	pc.sym = sym_new(&(SymOptions){ .demangle = true });
	pc.machine = kern_machine_new();
	pc.has = pc.machine->ops->has;
	test_names();
	test_expand();
	test_args();
	test_functions();
	int err = kern_usable();
	if (err) {
		printf("attaching was not tried, bpf(2) cannot be used here: %s\n", strerror(-err));
		return 77;
	}
	test_attach();
	test_watchpoint();
	test_stop();
	pc.machine->ops->close(pc.machine);
	sym_free(pc.sym);
	type_free(pc.types);
	arena_free(pc.a);
	return 0;
}
