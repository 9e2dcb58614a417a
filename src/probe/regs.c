/* regs: programs that see the CPU's registers (kprobe, uprobe, perf events): where each lies in the context, and which of
 * them carry arguments. One table for each architecture; the one this program runs on is used. */
#include "probe/inside.h"

#include <elf.h>
#include <stdio.h>
#include <stdlib.h>

typedef struct Reg { const char *name; u32 offset; } Reg;
typedef struct Arch {
	u16 machine;                    /* as ELF files name it */
	const char *args[8];            /* argument registers, NULL-terminated if fewer */
	const char *ret, *sp;
	const char *unwind[5];          /* as regs_unwind() gives them */
	bool big_by_pointer;            /* structs over 16 bytes: the caller gives an address */
	u32 stack_arg;                  /* at function entry: first argument on the stack, from sp */
	const Reg *regs;
	u32 n_regs;
} Arch;

/* struct pt_regs */
static const Reg x86_64_regs[] = {
	{ "r15", 0 }, { "r14", 8 }, { "r13", 16 }, { "r12", 24 }, { "bp", 32 }, { "bx", 40 }, { "r11", 48 }, { "r10", 56 },
	{ "r9", 64 }, { "r8", 72 }, { "ax", 80 }, { "cx", 88 }, { "dx", 96 }, { "si", 104 }, { "di", 112 }, { "orig_ax", 120 },
	{ "ip", 128 }, { "cs", 136 }, { "flags", 144 }, { "sp", 152 }, { "ss", 160 },
	{ "pc", 128 }, { "rbp", 32 }, { "rbx", 40 }, { "rax", 80 }, { "rcx", 88 }, { "rdx", 96 }, { "rsi", 104 }, { "rdi", 112 },
	{ "rip", 128 }, { "eflags", 144 }, { "rsp", 152 },
};

/* struct user_pt_regs: x0 to x30, sp, pc, pstate */
static const Reg arm64_regs[] = {
	{ "r0", 0 }, { "r1", 8 }, { "r2", 16 }, { "r3", 24 }, { "r4", 32 }, { "r5", 40 }, { "r6", 48 }, { "r7", 56 }, { "r8", 64 },
	{ "r9", 72 }, { "r10", 80 }, { "r11", 88 }, { "r12", 96 }, { "r13", 104 }, { "r14", 112 }, { "r15", 120 }, { "r16", 128 },
	{ "r17", 136 }, { "r18", 144 }, { "r19", 152 }, { "r20", 160 }, { "r21", 168 }, { "r22", 176 }, { "r23", 184 },
	{ "r24", 192 }, { "r25", 200 }, { "r26", 208 }, { "r27", 216 }, { "r28", 224 }, { "r29", 232 }, { "r30", 240 },
	{ "sp", 248 }, { "pc", 256 }, { "pstate", 264 }, { "ip", 256 }, { "fp", 232 }, { "lr", 240 },
	{ "x0", 0 }, { "x1", 8 }, { "x2", 16 }, { "x3", 24 }, { "x4", 32 }, { "x5", 40 }, { "x6", 48 }, { "x7", 56 }, { "x8", 64 },
	{ "x9", 72 }, { "x10", 80 }, { "x11", 88 }, { "x12", 96 }, { "x13", 104 }, { "x14", 112 }, { "x15", 120 }, { "x16", 128 },
	{ "x17", 136 }, { "x18", 144 }, { "x19", 152 }, { "x20", 160 }, { "x21", 168 }, { "x22", 176 }, { "x23", 184 },
	{ "x24", 192 }, { "x25", 200 }, { "x26", 208 }, { "x27", 216 }, { "x28", 224 }, { "x29", 232 }, { "x30", 240 },
};

static const Arch archs[] = {
	{ EM_X86_64, { "di", "si", "dx", "cx", "r8", "r9" }, "ax", "sp", { "ip", "sp", "bp", "bx", "r10" }, false, 8, x86_64_regs, COUNT(x86_64_regs) },
	{ EM_AARCH64, { "r0", "r1", "r2", "r3", "r4", "r5", "r6", "r7" }, "r0", "sp", { "pc", "sp", "fp", "x19", "lr" }, true, 0, arm64_regs, COUNT(arm64_regs) },
};

#ifdef __aarch64__
#define HOST_ARCH 1
#else
#define HOST_ARCH 0
#endif

static const Arch *
arch(void)
{
	return &archs[HOST_ARCH];
}

static int
offset_in(const Arch *a, const char *name)
{
	for (u32 i = 0; i < a->n_regs; i++)
		if (!strcmp(a->regs[i].name, name))
			return (int)a->regs[i].offset;
	return -1;
}

int
regs_offset(const char *name)
{
	return offset_in(arch(), name);
}

int
regs_offset_on(u16 machine, const char *name)
{
	for (u32 i = 0; i < COUNT(archs); i++)
		if (archs[i].machine == machine)
			return offset_in(&archs[i], name);
	return -1;
}

u16
regs_machine(void)
{
	return arch()->machine;
}

/* "arg12" with stem "arg": 12; -1: something else. */
static int
numbered(const char *name, const char *stem)
{
	size_t n = strlen(stem);
	char *end;
	long i;

	if (strncmp(name, stem, n) || name[n] < '0' || name[n] > '9')
		return -1;
	i = strtol(name + n, &end, 10);
	return *end || i > 1000 ? -1 : (int)i;
}

int
regs_dwarf(u64 number)
{
	static const char *const x86[] = { "ax", "dx", "cx", "bx", "si", "di", "bp", "sp", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15", "ip" };

	if (arch()->machine == EM_AARCH64)
		return number <= 31 ? (int)number * 8 : -1;     /* x0 to x30, sp */
	return number < COUNT(x86) ? regs_offset(x86[number]) : -1;
}

u32
regs_unwind(u32 which)
{
	return (u32)regs_offset(arch()->unwind[which]);
}

u32
regs_args(void)
{
	u32 n = 0;

	while (n < COUNT(arch()->args) && arch()->args[n])
		n++;
	return n;
}

const Type *
regs_value_type(ProbeContext *pc, RegUse use, const char *name, const char **why)
{
	bool is_arg = numbered(name, "arg") >= 0 || numbered(name, "sarg") >= 0;

	if (!strcmp(name, "ctx"))
		return type_ptr(pc->types, &ty_none, AS_KERNEL);
	if (!strncmp(name, "reg:", 4)) {
		if (regs_offset(name + 4) >= 0)
			return type_int(8, false);
		*why = "this machine has no register of that name";
		return NULL;
	}
	if (is_arg && use == REGS_ENTRY)
		return type_int(8, false);
	if (!strcmp(name, "retval") && use == REGS_RETURN)
		return type_int(8, false);
	*why = is_arg && use == REGS_RETURN ? "arguments are there on entry only" :
	       is_arg ? "this kind of probe has no arguments" :
	       !strcmp(name, "retval") ? "a value is returned on return only" : "this kind of probe has no such value";
	return NULL;
}

Ref
regs_load_offset(Fn *fn, u32 offset)
{
	return ir_load_ctx(fn, ir_ctx(fn), (s32)offset, 8, false);
}

bool
regs_big_by_pointer(void)
{
	return arch()->big_by_pointer;
}

static Ref
load_named(Fn *fn, const char *name)
{
	return regs_load_offset(fn, (u32)regs_offset(name));
}

Ref
probe_read(ProbeContext *pc, Fn *fn, AddrSpace space, Ref from, u32 size, bool sign)
{
	bool split = !pc->has || pc->has(pc->machine, FEAT_PROBE_READ_KERNEL);
	u32 helper = !split || space == AS_NONE ? BPF_FUNC_probe_read :
		     space == AS_USER ? BPF_FUNC_probe_read_user : BPF_FUNC_probe_read_kernel;
	Ref mem = ir_mem(fn, 8, 8, fn->at);

	ir_call(fn, helper, 3, (Ref[]){ mem, ir_const(fn, size), from });       /* a failed read leaves zeros */
	return ir_load(fn, mem, 0, size, sign);
}

Ref
regs_stack_arg(Fn *fn, u32 offset)
{
	return ir_bini(fn, IR_add, load_named(fn, arch()->sp), arch()->stack_arg + offset);
}

Ref
regs_load(ProbeContext *pc, Fn *fn, AddrSpace space, const char *name)
{
	int i = numbered(name, "arg"), s = numbered(name, "sarg");

	if (i >= 0 && (u32)i < regs_args())
		return load_named(fn, arch()->args[i]);
	if (i >= 0)
		s = i - (int)regs_args();
	if (s >= 0)
		return probe_read(pc, fn, space, regs_stack_arg(fn, 8 * (u32)s), 8, false);
	if (!strcmp(name, "retval"))
		return load_named(fn, arch()->ret);
	if (!strncmp(name, "reg:", 4))
		return load_named(fn, name + 4);
	return ir_ctx(fn);
}
