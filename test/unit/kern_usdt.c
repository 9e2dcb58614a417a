/* usdt: the notes of this very program, made by hand in all argument forms; arguments read, semaphores raised and lowered. */
#include "probe/usdt.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#ifndef __x86_64__
int
main(void)
{
	puts("the notes of this test are written for x86-64");
	return 77;
}
#else

/* One note: a nop at the place, and its description. sema: a symbol or 0. */
#define NOTE(provider, name, args, sema) \
	"990:	nop\n" \
	"	.pushsection .note.stapsdt,\"\",\"note\"\n" \
	"	.balign 4\n	.4byte 992f-991f, 994f-993f, 3\n" \
	"991:	.asciz \"stapsdt\"\n" \
	"992:	.balign 4\n" \
	"993:	.8byte 990b, _.stapsdt.base, " sema "\n" \
	"	.asciz \"" provider "\"\n	.asciz \"" name "\"\n	.asciz \"" args "\"\n" \
	"994:	.balign 4\n	.popsection\n" \
	"	.ifndef _.stapsdt.base\n" \
	"	.pushsection .stapsdt.base,\"aG\",\"progbits\",.stapsdt.base,comdat\n" \
	"	.weak _.stapsdt.base\n	.hidden _.stapsdt.base\n" \
	"_.stapsdt.base: .space 1\n	.size _.stapsdt.base, 1\n	.popsection\n	.endif\n"

unsigned short test_semaphore __attribute__((section(".probes"), used, visibility("hidden")));
long usdt_global[2] __attribute__((used)) = { 70, -71 };

__attribute__((noinline, noclone, used)) static void
fire(void)
{
	long mem[4] = { -5, 6, 0x1122334455667788, 8 };

	__asm__ volatile(
		NOTE("forms", "all",
		     "8@%%rdi -4@%%esi 1@%%dh -1@%%al 8@8(%%rcx) -4@(%%rcx) 2@16(%%rcx,%%rdx,8) 4@$-5 -8@$-9 8@usdt_global+8(%%rip) 8f@%%xmm0 %%r8",
		     "test_semaphore")
		: : "D"(0x123456789abcdef0), "S"(-7), "d"(0L), "a"(0xfe), "c"(mem), "m"(mem) : "memory");
	(void)mem;
}

__attribute__((noinline, noclone, used)) static void
twice(int which)
{
	if (which)
		__asm__ volatile(NOTE("forms", "twice", "4@%%edi", "0") : : "D"(1));
	else
		__asm__ volatile(NOTE("forms", "twice", "4@%%edi", "0") : : "D"(2));
	__asm__ volatile(NOTE("other", "twice", "4@%%esi", "0") : : "S"(3));
}

static ProbeContext pc;
static char self[4096];

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
	const char *text = arena_printf(pc.a, fmt, self);
	Probe *p = probe_parse(&pc, text, strlen(text), (Span){ 1, 2 });
	Found f = { { 0 } };

	if (!p) {
		Buf b = { 0 };

		diag_print(pc.d, &b, false);
		fputs(b.p, stderr);
	}
	assert(p);
	int n = probe_expand(&pc, p, keep, &f);
	if (n != want)
		fprintf(stderr, "%s: %d\n", fmt, n);
	assert(n == want);
	return f;
}

static void
test_expand(void)
{
	const char *why = NULL;
	Found f = expand("usdt:%s:forms:all", 1);
	Probe *p = f.v.v[0];
	Buf b = { 0 };

	assert(p->ref_ctr && p->addr && !strcmp(p->func, "all"));
	assert(!p->prov->value_type(&pc, p, "arg10", &why) && strstr(why, "floating"));
	assert(!p->prov->value_type(&pc, p, "arg12", &why) && strstr(why, "fewer"));
	assert(p->prov->value_type(&pc, p, "arg1", &why) == type_int(4, true));
	assert(p->prov->value_type(&pc, p, "arg6", &why) == type_int(2, false));
	expand("usdt:%s:all", 1);
	expand("U:%s:forms:*", 2);
	expand("usdt:%s:*:twice", 2);
	expand("usdt:%s:twice", 2);
	expand("usdt:%s:none", 0);
	expand("usdt:/etc/passwd:none", 0);
	probe_list(&pc, arena_printf(pc.a, "usdt:%s:other:*", self), true, &b);
	assert(!strcmp(b.p, arena_printf(pc.a, "usdt:%s:other:twice\n    uint32 arg0\n", self)));
	buf_free(&b);
}

/* A program that stores `name` and counts; attached to all of f; gives the map's memory. */
static volatile u64 *
attach(Found *f, const char *name)
{
	const Provider *prov = f->v.v[0]->prov;
	MapDef d = { .name = "value", .type = BPF_MAP_TYPE_ARRAY, .key_size = 4, .value_size = 16, .max_entries = 1, .flags = BPF_F_MMAPABLE };
	IrOptions opt = { .prog_type = BPF_PROG_TYPE_KPROBE, .stack_limit = 32, .isa = 3 };
	Unit *u = ir_unit_new(pc.a, "usdt");
	Fn *fn = ir_fn_new(u, "usdt", 1);
	Code c = { 0 };
	u32 failed = 0;

	if (name)
		ir_store(fn, ir_mapval(fn, 0, 0), 0, 8, prov->load(&pc, f->v.v[0], fn, name, 0));
	ir_atomic(fn, BPF_ADD, ir_mapval(fn, 0, 8), 0, 8, ir_const(fn, 1));
	ir_ret(fn, 0);
	assert(ir_compile(u, &opt, pc.d, &c));
	c.name = "usdt";
	c.prog_type = BPF_PROG_TYPE_KPROBE;
	prov->code(&pc, f->v.v, f->v.n, &c);
	int map = pc.machine->ops->map_new(pc.machine, &d);
	int prog = pc.machine->ops->prog_load(pc.machine, &c, &map, 1, NULL);
	assert(prog >= 0);
	int err = prov->attach(&pc, f->v.v, f->v.n, kern_prog_fd(pc.machine, prog), &failed);
	if (err < 0)
		fprintf(stderr, "%s: %s\n", f->v.v[failed]->name, strerror(-err));
	assert(err >= 0);
	return pc.machine->ops->map_memory(pc.machine, map);
}

static void
detach(Found *f)
{
	for (u32 i = 0; i < f->v.n; i++)
		probe_detach(f->v.v[i]);
}

static void
test_args(void)
{
	static const u64 want[] = {
		0x123456789abcdef0, (u64)-7, 0, (u64)-2, 6, (u64)-5, 0x7788, 0xfffffffb, (u64)-9, (u64)-71,
	};

	for (u32 i = 0; i < COUNT(want); i++) {
		Found f = expand("usdt:%s:forms:all", 1);
		char name[8];

		snprintf(name, sizeof(name), "arg%u", i);
		assert(test_semaphore == 0);
		volatile u64 *v = attach(&f, name);
		if (kern_has(FEAT_UPROBE_REFCNT))
			/* 2 while we have our own file mapped a second time to look up a symbol */
			assert(*(volatile unsigned short *)&test_semaphore >= 1);
		fire();
		detach(&f);
		if (v[0] != want[i] || v[1] != 1)
			fprintf(stderr, "%s: 0x%llx, %llu times\n", name, (unsigned long long)v[0], (unsigned long long)v[1]);
		assert(v[0] == want[i] && v[1] == 1);
		assert(*(volatile unsigned short *)&test_semaphore == 0);
	}
}

/* As on a kernel that does not keep semaphores: written into the process that -p names, and taken back. */
static void
test_semaphore_by_hand(void)
{
	const Provider *prov;
	Buf b = { 0 };
	u32 failed = 0;

	kern_deny(FEAT_UPROBE_REFCNT);
	pc.pid = getpid();
	for (int round = 0; round < 2; round++) {
		Found f = expand("usdt:%s:forms:all", 1);
		volatile u64 *v;

		f.v.v[0]->prov->detach(f.v.v[0]);       /* of what was not attached: nothing */
		v = attach(&f, "arg1");
		assert(*(volatile unsigned short *)&test_semaphore == 1);
		fire();
		assert(v[1] == 1 && v[0] == (u64)-7);
		detach(&f);
		assert(*(volatile unsigned short *)&test_semaphore == 0);
	}
	pc.pid = 0;
	Found f = expand("usdt:%s:forms:all", 1);

	prov = f.v.v[0]->prov;
	assert(prov->attach(&pc, f.v.v, 1, -1, &failed) == -ESRCH && failed == 0);
	diag_print(pc.d, &b, false);
	assert(strstr(b.p, "no process is named") && strstr(b.p, "-p names a process"));
	buf_free(&b);
}

static void
test_places(void)
{
	for (int round = 0; round < 4; round++) {
		pc.pid = round & 1 ? getpid() : 0;
		if (round == 2)
			kern_deny(FEAT_UPROBE_MULTI);
		Found f = expand("usdt:%s:forms:twice", 1);
		volatile u64 *v = attach(&f, "arg0");
		twice(1);
		assert(v[1] == 1 && v[0] == 1);
		twice(0);
		assert(v[1] == 2 && v[0] == 2);
		detach(&f);
		twice(0);
		assert(v[1] == 2);
		f = expand("usdt:%s:twice", 2);
		v = attach(&f, NULL);
		twice(0);
		assert(v[1] == 2);
		detach(&f);
	}
	pc.pid = 0;
}

int
main(void)
{
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

	assert(n > 0);
	pc.a = arena_new();
	pc.d = diag_new(pc.a);
	pc.types = type_new(pc.a);
	pc.machine = kern_machine_new();
	pc.has = pc.machine->ops->has;
	test_expand();
	int err = kern_usable();
	if (err || !kern_has(FEAT_UPROBE)) {
		printf("attaching was not tried: %s\n", err ? strerror(-err) : "no uprobes here");
		return 77;
	}
	test_args();
	test_places();
	test_semaphore_by_hand();
	pc.machine->ops->close(pc.machine);
	type_free(pc.types);
	arena_free(pc.a);
	return 0;
}
#endif
