/* kprobe, kretprobe, fentry, fexit on a kernel that has them: one function, an offset, wildcards as one link and as many. */
#include "probe/probe.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static ProbeContext pc;

typedef struct Found { Vec(Probe *) v; } Found;

static int
keep(void *arg, Probe *p)
{
	VEC_PUSH(pc.a, &((Found *)arg)->v, p);
	return 0;
}

static Found
expand(const char *text)
{
	Probe *p = probe_parse(&pc, text, strlen(text), (Span){ 1, 2 });
	Found f = { { 0 } };

	assert(p && probe_expand(&pc, p, keep, &f) >= 0);
	return f;
}

/* A program that counts the runs of this process (all of them if !mine) and stores `name`; attached to all of f. */
static volatile u64 *
attach(Found *f, const char *name, bool mine)
{
	const Provider *prov = f->v.v[0]->prov;
	MapDef d = { .name = "value", .type = BPF_MAP_TYPE_ARRAY, .key_size = 4, .value_size = 16, .max_entries = 1, .flags = BPF_F_MMAPABLE };
	IrOptions opt = { .prog_type = prov->prog_type, .stack_limit = 32, .isa = 3 };
	Unit *u = ir_unit_new(pc.a, "kprobe");
	Fn *fn = ir_fn_new(u, "kprobe", 1);
	Code c = { 0 };
	Refusal why = { 0 };
	u32 failed = 0;

	if (mine) {
		u32 yes = ir_block(fn), no = ir_block(fn);
		Ref pid = ir_bini(fn, IR_shr, ir_call(fn, BPF_FUNC_get_current_pid_tgid, 0, NULL), 32);

		ir_br(fn, ir_bini(fn, IR_eq, pid, getpid()), yes, no);
		ir_seal(fn, yes);
		ir_seal(fn, no);
		ir_start(fn, no);
		ir_ret(fn, 0);
		ir_start(fn, yes);
	}
	if (name)
		ir_store(fn, ir_mapval(fn, 0, 0), 0, 8, prov->load(&pc, f->v.v[0], fn, name, 0));
	ir_atomic(fn, BPF_ADD, ir_mapval(fn, 0, 8), 0, 8, ir_const(fn, 1));
	ir_ret(fn, 0);
	assert(ir_compile(u, &opt, pc.d, &c));
	c.name = "kprobe";
	c.prog_type = prov->prog_type;
	c.attach_type = prov->attach_type;
	if (prov->code)
		prov->code(&pc, f->v.v, f->v.n, &c);
	int map = pc.machine->ops->map_new(pc.machine, &d);
	int prog = pc.machine->ops->prog_load(pc.machine, &c, &map, 1, &why);
	if (prog < 0)
		fprintf(stderr, "%s\n%s\n", strerror(-prog), why.log.p);
	assert(prog >= 0);
	int err = prov->attach(&pc, f->v.v, f->v.n, kern_prog_fd(pc.machine, prog), &failed);
	if (err < 0)
		fprintf(stderr, "%s: %s\n", f->v.v[failed]->name, strerror(-err));
	assert(err >= 0);
	return pc.machine->ops->map_memory(pc.machine, map);
}

static double
now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void
read_some(size_t n)
{
	char buf[256];
	int fd = open("/proc/version", O_RDONLY);

	assert(fd >= 0 && read(fd, buf, n) >= 0);
	close(fd);
}

static void
once(const char *text, const char *value, u64 want)
{
	Found f = expand(text);

	assert(f.v.n == 1);
	volatile u64 *v = attach(&f, value, true);
	read_some(17);
	probe_detach_all(f.v.v, f.v.n);
	u64 runs = v[1];
	if (v[0] != want || runs < 1)
		fprintf(stderr, "%s: %llu, %llu times\n", text, (unsigned long long)v[0], (unsigned long long)runs);
	assert(v[0] == want && runs >= 1);
	read_some(18);
	assert(v[1] == runs);
}

/* 1,000 at once; the time that takes. */
static void
many(const char *pat, u32 n)
{
	Found f = expand(pat);
	double t0, t1, t2;

	if (!f.v.n) {
		printf("%s: nothing found\n", pat);
		return;
	}
	f.v.n = MIN(f.v.n, n);
	t0 = now();
	volatile u64 *v = attach(&f, NULL, false);
	t1 = now();
	read_some(17);
	u64 runs = v[1];
	t2 = now();
	probe_detach_all(f.v.v, f.v.n);
	printf("%s: %u probes attached in %.2f s, detached in %.2f s\n", pat, f.v.n, t1 - t0, now() - t2);
	assert(runs > 0);
}

int
main(void)
{
	int err = kern_usable();
	Buf b = { 0 };

	setvbuf(stdout, NULL, _IOLBF, 0);
	pc.a = arena_new();
	pc.d = diag_new(pc.a);
	diag_source(pc.d, "test", "          ", 10);
	pc.types = type_new(pc.a);
	pc.sym = sym_new(&(SymOptions){ .demangle = true });
	pc.machine = kern_machine_new();
	pc.has = pc.machine->ops->has;
	if (err) {
		printf("bpf(2) cannot be used here: %s\n", strerror(-err));
		return 77;
	}
	if (!kern_has(FEAT_KPROBE)) {
		puts("this kernel has no kprobes");
		return 77;
	}
	once("kprobe:vfs_read", "arg2", 17);
	once("kprobe:vmlinux:vfs_read", "arg2", 17);
	once("kretprobe:vfs_read", "retval", 17);
	once("kprobe:vfs_rea[d]", "arg2", 17);
	once("kprobe:vfs_read+0", "arg2", 17);
	if (kern_has(FEAT_FENTRY) && type_has_btf(pc.types)) {
		once("fentry:vfs_read", "arg2", 17);
		once("fexit:vfs_read", "retval", 17);
		once("fexit:vfs_read", "arg2", 17);
	}
	if (kern_has(FEAT_KPROBE_MULTI)) {
		many("kprobe:vfs_*", 1000);
		many("kretprobe:vfs_*", 1000);
		many("kprobe:[st]*", 5000);
		kern_deny(FEAT_KPROBE_MULTI);
	}
	many("kprobe:vfs_[or]*", 40);
	many("kretprobe:vfs_[or]*", 40);
	many("tracepoint:syscalls:sys_enter_[cr]*", 60);
	diag_print(pc.d, &b, false);
	fputs(b.p ? b.p : "", stdout);
	assert(!diag_errors(pc.d));
	buf_free(&b);
	pc.machine->ops->close(pc.machine);
	sym_free(pc.sym);
	type_free(pc.types);
	arena_free(pc.a);
	return 0;
}
