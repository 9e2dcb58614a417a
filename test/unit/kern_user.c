/* uprobe and uretprobe on functions of this very program; what a function's name, offset or address becomes. */
#include "probe/probe.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define INSN(c, d, s, o, i) { .code = (c), .dst_reg = (d), .src_reg = (s), .off = (o), .imm = (i) }

static ProbeContext pc;
static char self[4096];

__attribute__((noinline, noclone)) int
user_probe_target_one(int x)
{
	__asm__ volatile(".byte 0x0f, 0x1f, 0x00");     /* a nop of three bytes: +3 is an instruction in every build */
	return (int)((unsigned)x + 1);
}

__attribute__((noinline, noclone)) int
user_probe_target_two(int x)
{
	__asm__ volatile("");
	return x + 2;
}

__attribute__((noinline, noclone)) u64
user_probe_target_eight(u64 a, u64 b, u64 c, u64 d, u64 e, u64 f, u64 g, u64 h)
{
	__asm__ volatile("");
	return a + b + c + d + e + f + g * 2 + h * 3;
}

static Probe *
parse(const char *fmt)
{
	const char *text = arena_printf(pc.a, fmt, self);
	static u32 at;

	at = at % 70 + 1;
	return probe_parse(&pc, text, strlen(text), (Span){ at, at + 1 });
}

typedef struct Found { Vec(Probe *) v; } Found;

static int
keep(void *arg, Probe *p)
{
	VEC_PUSH(pc.a, &((Found *)arg)->v, p);
	return 0;
}

static Found
expand(const char *fmt, int want)
{
	Found f = { { 0 } };
	Probe *p = parse(fmt);
	int n;

	assert(p);
	n = probe_expand(&pc, p, keep, &f);
	if (n != want)
		fprintf(stderr, "%s: %d\n", fmt, n);
	assert(n == want && (n < 0 || f.v.n == (u32)n));
	return f;
}

static void
want_error(const char *fmt, const char *words)
{
	Found f = { { 0 } };
	Buf b = { 0 };
	Probe *p = parse(fmt);

	if (p)
		assert(probe_expand(&pc, p, keep, &f) < 0);
	diag_print(pc.d, &b, false);
	if (!b.p || !strstr(b.p, words))
		fprintf(stderr, "%s: %s\n", fmt, b.p ? b.p : "no error");
	assert(b.p && strstr(b.p, words));
	buf_free(&b);
}

static void
test_expand(void)
{
	char want[5000];
	Found f = expand("uprobe:%s:user_probe_target_one", 1);

	snprintf(want, sizeof(want), "uprobe:%s:user_probe_target_one", self);
	assert(!strcmp(f.v.v[0]->name, want) && f.v.v[0]->addr);
	u64 entry = f.v.v[0]->addr;
	f = expand("u:%s:user_probe_target_*", 3);
	assert(!strcmp(f.v.v[0]->func, "user_probe_target_eight") && !strcmp(f.v.v[1]->func, "user_probe_target_one"));
	assert(f.v.v[1]->addr == entry && f.v.v[1]->from_glob);
	f = expand("u:%s:user_probe_target_one+3", 1);
	assert(f.v.v[0]->addr == entry + 3 && strstr(f.v.v[0]->name, "_one+3"));
	expand("u:%s:no_such_function", 0);
	expand("u:%s:no_such_*", 0);
	expand("u:/no/such/file:main", -ENOENT);
	expand("u:/no/such/f*:main", 0);
	want_error("u:%s:user_probe_target_one+4000", "Offset outside the function bounds");
	want_error("ur:%s:user_probe_target_one+4", "Offset not allowed");
	want_error("ur:%s:0x1000", "Absolute address not allowed");
	want_error("u:%s", "requires 2 arguments");
	want_error("u:%s:", "missing");
	want_error("u:%s:main+x", "Invalid offset");
	want_error("u:*:main", "needs -p");
	want_error("u:%s:0x0", "Could not resolve address");
	want_error("u:/etc/passwd:0x10", "no 64-bit ELF");
	assert(expand("u:sh:main*", 0).v.n == 0);
	f = expand("u:libc:malloc", 1);
	assert(strstr(f.v.v[0]->scope, "/libc.so"));
	f = expand("u:/usr/bin/[d]ash:0x0*", 0);
}

static volatile u64 *value;

/* value[0] += 1, value[1] = the number at `offset` in the context; for this process. */
static int
prog(u32 attach_type, s32 offset)
{
	static int map = -1;
	MapDef d = { .name = "value", .type = BPF_MAP_TYPE_ARRAY, .key_size = 4, .value_size = 16, .max_entries = 1, .flags = BPF_F_MMAPABLE };
	Insn insns[] = {
		INSN(BPF_LDX | BPF_MEM | BPF_DW, 6, 1, offset, 0),
		INSN(BPF_LD | BPF_DW | BPF_IMM, 1, BPF_PSEUDO_MAP_VALUE, 0, 0), { 0 }, INSN(BPF_ALU64 | BPF_MOV | BPF_K, 2, 0, 0, 1),
		INSN(BPF_STX | BPF_DW | BPF_ATOMIC, 1, 2, 0, BPF_ADD), INSN(BPF_STX | BPF_MEM | BPF_DW, 1, 6, 8, 0),
		INSN(BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, 0), INSN(BPF_JMP | BPF_EXIT, 0, 0, 0, 0),
	};
	Code c = { .name = "value", .prog_type = BPF_PROG_TYPE_KPROBE, .attach_type = attach_type, .insns = insns, .n = COUNT(insns) };

	if (map < 0) {
		map = pc.machine->ops->map_new(pc.machine, &d);
		value = pc.machine->ops->map_memory(pc.machine, map);
	}
	int p = pc.machine->ops->prog_load(pc.machine, &c, &map, 1, NULL);
	assert(p >= 0 && value);
	return kern_prog_fd(pc.machine, p);
}

static Found
attach(const char *fmt, int want, s32 offset)
{
	Found f = expand(fmt, want);
	const Provider *prov = f.v.v[0]->prov;
	Code c = { 0 };
	u32 failed = 0;

	prov->code(&pc, f.v.v, f.v.n, &c);
	int err = prov->attach(&pc, f.v.v, f.v.n, prog(c.attach_type, offset), &failed);
	if (err < 0)
		fprintf(stderr, "%s: %s\n", f.v.v[failed]->name, strerror(-err));
	assert(err >= 0);
	value[0] = value[1] = 0;
	return f;
}

static void
detach(Found *f)
{
	for (u32 i = 0; i < f->v.n; i++)
		probe_detach(f->v.v[i]);
}

#ifdef __x86_64__
enum { ARG0 = 112, RETVAL = 80 };
#else
enum { ARG0 = 0, RETVAL = 0 };
#endif

static void
test_attach(void)
{
	for (int round = 0; round < 4; round++) {
		pc.pid = round & 1 ? getpid() : 0;
		if (round == 2)
			kern_deny(FEAT_UPROBE_MULTI);
		Found f = attach("u:%s:user_probe_target_one", 1, ARG0);
		for (int i = 0; i < 10; i++)
			user_probe_target_one(i);
		assert(value[0] == 10 && value[1] == 9);
		detach(&f);
		user_probe_target_one(1);
		assert(value[0] == 10);
		f = attach("ur:%s:user_probe_target_one", 1, RETVAL);
		user_probe_target_one(41);
		detach(&f);
		assert(value[0] == 1 && value[1] == 42);
		f = attach("u:%s:user_probe_target_*", 3, ARG0);
		user_probe_target_one(5);
		user_probe_target_two(6);
		user_probe_target_eight(7, 0, 0, 0, 0, 0, 0, 0);
		detach(&f);
		assert(value[0] == 3 && value[1] == 7);
		f = attach("ur:%s:user_probe_target_[ot]*", 2, RETVAL);
		user_probe_target_one(5);
		user_probe_target_two(6);
		detach(&f);
		assert(value[0] == 2 && value[1] == 8);
	}
	/* Another process's pid: ours is not seen. */
	pc.pid = 1;
	Found f = attach("u:%s:user_probe_target_one", 1, ARG0);
	user_probe_target_one(3);
	detach(&f);
	assert(value[0] == 0);
	pc.pid = 0;
}

/* arg6 and arg7 lie on the stack: the code that loads them, compiled and run; by number, then by name from DWARF. */
static void
test_stack_args(bool by_name)
{
	for (u32 n = 0; n < 8; n++) {
		Found f = expand("u:%s:user_probe_target_eight", 1);
		Probe *p = f.v.v[0];
		char name[8];
		const char *why = NULL;
		Unit *u = ir_unit_new(pc.a, "stack");
		Fn *fn = ir_fn_new(u, "stack", 1);
		MapDef d = { .name = "value", .type = BPF_MAP_TYPE_ARRAY, .key_size = 4, .value_size = 16, .max_entries = 1,
			     .flags = BPF_F_MMAPABLE };
		IrOptions opt = { .prog_type = BPF_PROG_TYPE_KPROBE, .stack_limit = 32, .isa = 3 };
		Code c = { .name = "stack", .prog_type = BPF_PROG_TYPE_KPROBE };
		u32 failed;

		snprintf(name, sizeof(name), "arg%u", n);
		assert(p->prov->value_type(&pc, p, name, &why) == type_int(8, false));
		if (by_name) {
			const Type *t = p->prov->args(&pc, p, &why);

			assert(t && t->n_fields == 8 && t->fields[n].name[0] == "abcdefgh"[n]);
		}
		ir_store(fn, ir_mapval(fn, 0, 0), 0, 8, p->prov->load(&pc, p, fn, by_name ? NULL : name, n));
		ir_ret(fn, 0);
		assert(ir_compile(u, &opt, pc.d, &c));
		c.prog_type = BPF_PROG_TYPE_KPROBE;
		c.name = "stack";
		int map = pc.machine->ops->map_new(pc.machine, &d);
		int prog = pc.machine->ops->prog_load(pc.machine, &c, &map, 1, NULL);
		assert(prog >= 0);
		assert(p->prov->attach(&pc, &p, 1, kern_prog_fd(pc.machine, prog), &failed) >= 0);
		user_probe_target_eight(100, 101, 102, 103, 104, 105, 106, 107);
		probe_detach(p);
		assert(*(u64 *)pc.machine->ops->map_memory(pc.machine, map) == 100 + n);
	}
}

int
main(void)
{
	SymOptions so = { .demangle = true };
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

	assert(n > 0);
	pc.a = arena_new();
	pc.d = diag_new(pc.a);
	diag_source(pc.d, "test", "                                                                                ", 80);
	pc.types = type_new(pc.a);
	pc.sym = sym_new(&so);
	pc.machine = kern_machine_new();
	pc.has = pc.machine->ops->has;
	test_expand();
	int err = kern_usable();
	if (err || !kern_has(FEAT_UPROBE)) {
		printf("attaching was not tried: %s\n", err ? strerror(-err) : "no uprobes here");
		return 77;
	}
	test_attach();
	test_stack_args(false);
	test_stack_args(true);
	pc.machine->ops->close(pc.machine);
	sym_free(pc.sym);
	type_free(pc.types);
	arena_free(pc.a);
	return 0;
}
