/* Random programs in the checked interpreter, the unchecked one, the JIT (plain and with blinded constants) and, as root, in the
 * kernel: all must give the same. usage: jit_fuzz [COUNT [SEED [kernel]]]; a difference prints the program and its seed.
 * Programs are valid by construction: every register and the stack are set first, jumps go forward except in counted
 * loops, memory is the stack. What compilers write for cut-offs, rotates, addresses and divisions comes often. */
#include "vm/run.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

static u64 state;
static bool with_kernel;
static InsnFacts facts[4096];

static u32
rnd(u32 n)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (u32)((state * 0x2545f4914f6cdd1du) >> 33) % n;
}

static u64
number(void)
{
	static const u64 nice[] = { 0, 1, 2, 7, 8, 31, 32, 63, 64, 127, 128, 255, 256, 0x7fff, 0x8000, 0xffff, 0x10000, 0x7fffffff,
		0x80000000, 0xffffffff, 0x100000000, 0x7fffffffffffffff, 0x8000000000000000, ~(u64)0, ~(u64)1 };

	switch (rnd(4)) {
	case 0: return nice[rnd(COUNT(nice))];
	case 1: return rnd(256);
	case 2: return (u64)rnd(1u << 31) << 33 ^ (u64)rnd(1u << 31) << 8 ^ rnd(255);
	default: return nice[rnd(COUNT(nice))] + rnd(5) - 2;
	}
}

#define JCC_IS_X(i) ((i).code & 8)
static Insn code[4096];
static u32 n;
static u32 regs;        /* r0 .. regs-1 are free to use; r9 counts loops */

static void
put(u32 op, u32 dst, u32 src, s32 off, s64 imm)
{
	const InsnRow *r = bpf_insn_row_at(op);
	Insn i = { .code = r->code, .dst_reg = dst & 15, .src_reg = src & 15, .off = (s16)off, .imm = (s32)imm };

	if (r->shape == SH_ALUK || r->shape == SH_ALUX)
		i.off = r->var;
	if (r->shape == SH_END || r->shape == SH_ATOMIC || r->shape == SH_ACQREL)
		i.imm = r->var;
	if (r->shape == SH_ALUX)
		i.imm = 0;
	if (r->shape == SH_ALUK)
		i.src_reg = 0;
	code[n++] = i;
}

static void
lddw(u32 dst, u64 v)
{
	code[n++] = (Insn){ .code = 0x18, .dst_reg = dst & 15, .imm = (s32)v };
	code[n++] = (Insn){ .imm = (s32)(v >> 32) };
}

static u32 reg(void) { return rnd(regs); }

static bool
shift(u32 op)
{
	u32 kind = op & ~3u;

	return kind == OP_LSH64K || kind == OP_RSH64K || kind == OP_ARSH64K;
}

static void
alu(void)
{
	u32 op = rnd(OP_ARSH32X + 1);
	s32 imm = (s32)number();

	if (!(op & 1) && shift(op))             /* the kernel refuses shifts that are too long */
		imm &= op & 2 ? 31 : 63;
	if (!(op & 1) && ((op & ~3u) == OP_DIV64K || (op & ~3u) == OP_MOD64K || (op & ~3u) == OP_SDIV64K || (op & ~3u) == OP_SMOD64K) && !imm)
		imm = 3;
	if ((op & 1) && shift(op)) {            /* so do variable ones in the eyes of 6.x: masked before */
		u32 s = reg();

		put(OP_AND64K, s, 0, 0, op & 2 ? 31 : 63);
		put(op, reg(), s, 0, 0);
		return;
	}
	put(op, reg(), reg(), 0, imm);
}

static const u32 loads[] = { OP_LDXB, OP_LDXH, OP_LDXW, OP_LDXDW, OP_LDXSB, OP_LDXSH, OP_LDXSW };

/* An address inside of the stack from a register: t = r10 - 512 + (x & mask) */
static void
indexed(void)
{
	u32 t = reg(), x = reg(), size, op;

	if (t == x)
		return;
	put(OP_AND64K, x, 0, 0, 0x1f8);
	put(OP_MOV64X, t, 10, 0, 0);
	put(OP_ADD64K, t, 0, 0, -512);
	put(OP_ADD64X, t, x, 0, 0);
	if (rnd(2)) {
		op = loads[rnd(COUNT(loads))];
		size = bpf_insn_row_at(op)->size;
		put(op, rnd(2) ? t : reg(), t, (s32)rnd(8 / size) * (s32)size, 0);
	} else {
		op = OP_STXW + rnd(4);
		size = bpf_insn_row_at(op)->size;
		do
			x = reg();
		while (x == t);
		put(op, t, x, (s32)rnd(8 / size) * (s32)size, 0);
	}
	put(OP_MOV64K, t, 0, 0, (s64)number());         /* pointers are not to leak into results */
}

static void
memory(void)
{
	u32 op, size;
	s32 off;

	switch (rnd(5)) {
	case 0:
		op = loads[rnd(COUNT(loads))];
		size = bpf_insn_row_at(op)->size;
		off = -(s32)((rnd(512 / size) + 1) * size);
		put(op, reg(), 10, off, 0);
		break;
	case 3:
		op = OP_LDACQ_B + rnd(8);
		size = bpf_insn_row_at(op)->size;
		off = -(s32)((rnd(512 / size) + 1) * size);
		if (op <= OP_LDACQ_DW)
			put(op, reg(), 10, off, 0);
		else
			put(op, 10, reg(), off, 0);
		break;
	case 1:
		op = OP_STW + rnd(8);
		size = bpf_insn_row_at(op)->size;
		off = -(s32)((rnd(512 / size) + 1) * size);
		put(op, 10, op >= OP_STXW ? reg() : 0, off, op >= OP_STXW ? 0 : (s64)(s32)number());
		break;
	case 2:
		op = OP_A_ADD_64 + rnd(OP_A_CMPXCHG_32 - OP_A_ADD_64 + 1);
		size = bpf_insn_row_at(op)->size;
		off = -(s32)((rnd(512 / size) + 1) * size);
		put(op, 10, reg(), off, 0);
		/* Linux (seen in 6.18) can forget the zero extension of r0 here when a 32-bit jump lies before the 64-bit use */
		if (op == OP_A_CMPXCHG_32 && with_kernel)
			put(OP_MOV32X, 0, 0, 0, 0);
		break;
	default:
		indexed();
	}
}

/* A number from the network, compared: t = load; t = be t; some tests of it, some of them not for equality. */
static void
network(void)
{
	u32 t = reg(), size = rnd(2) ? 2 : 4, tests = 1 + rnd(3), first, at[3];

	put(size == 2 ? OP_LDXH : OP_LDXW, t, 10, -(s32)((rnd(512 / size) + 1) * size), 0);
	put(size == 2 ? (rnd(2) ? OP_BE16 : OP_SWAP16) : (rnd(2) ? OP_BE32 : OP_SWAP32), t, 0, 0, 0);
	for (u32 i = 0; i < tests; i++) {
		static const u32 kinds[] = { OP_JEQ64K, OP_JNE64K, OP_JSET64K, OP_JEQ32K, OP_JSET32K, OP_JGT64K };

		at[i] = n;
		put(kinds[rnd(rnd(4) ? 5 : 6)], t, 0, 0, rnd(3) ? (s32)rnd(0x10000) : (s32)number());
		put(rnd(2) ? OP_ADD64K : OP_XOR64K, reg(), 0, 0, (s32)number());
	}
	first = n;
	put(OP_NEG64, reg(), 0, 0, 0);
	if (rnd(3))
		lddw(t, number());
	for (u32 i = 0; i < tests; i++)
		code[at[i]].off = (s16)(first - at[i] - 1 + rnd(2));
}

/* What compilers write. */
static void
idiom(void)
{
	u32 a = reg(), b = reg(), k = 1 + rnd(31), w64 = rnd(2);
	static const u32 cut[] = { 32, 48, 56, 33, 40 };

	switch (rnd(12)) {
	case 10: network(); break;
	case 11:
		put(rnd(2) ? OP_JA32 : OP_MAYGOTO, 0, 0, 0, 0);
		break;
	case 8: {                               /* two bytes to one number */
		s32 off = -(s32)rnd(500) - 2, first = (s32)rnd(2);

		if (a == b)
			break;
		put(OP_LDXB, a, 10, off + first, 0);
		if (rnd(3) == 0)
			memory();
		put(OP_LDXB, b, 10, off + !first, 0);
		put(OP_LSH64K, rnd(2) ? a : b, 0, 0, 8);
		put(rnd(2) ? OP_OR64X : OP_OR32X, a, b, 0, 0);
		if (rnd(2))
			put(OP_MOV64K, b, 0, 0, 3);
		break;
	}
	case 0:
		put(OP_LSH64K, a, 0, 0, k = cut[rnd(5)]);
		put(rnd(2) ? OP_RSH64K : OP_ARSH64K, a, 0, 0, rnd(3) ? k : k + rnd(64 - k));
		break;
	case 1:
	case 2: {                               /* rotates, both ways round */
		u32 w = w64 ? 64 : 32, form = w64 ? 0 : 2, left = rnd(2);

		if (a == b)
			break;
		put(OP_MOV64X + (rnd(4) ? form : 0), b, a, 0, 0);
		if (rnd(4) == 0)
			put(OP_XOR64X, reg(), reg(), 0, 0);
		put((left ? OP_LSH64K : OP_RSH64K) + form, a, 0, 0, left ? k : w - k);
		put((left ? OP_RSH64K : OP_LSH64K) + form, b, 0, 0, left ? w - k : k);
		if (rnd(2))
			put(OP_OR64X + form, a, b, 0, 0);
		else
			put(OP_XOR64X + form, b, a, 0, 0);
		if (rnd(2))
			put(OP_MOV64K, rnd(2) ? a : b, 0, 0, (s64)number());
		break;
	}
	case 3:                                 /* a 32-bit rotate in 64-bit registers */
		if (a == b)
			break;
		put(OP_MOV64X, b, a, 0, 0);
		put(OP_LSH64K, b, 0, 0, k);
		put(OP_LSH64K, a, 0, 0, 32);
		put(OP_RSH64K, a, 0, 0, 64 - k);
		put(OP_OR64X, b, a, 0, 0);
		put(OP_LSH64K, b, 0, 0, 32);
		put(OP_RSH64K, b, 0, 0, 32);
		if (rnd(2))
			put(OP_MOV64K, a, 0, 0, 1);
		break;
	case 4: {
		s64 c = (s64)(s32)number();

		put((rnd(2) ? OP_DIV64K : OP_MOD64K) + (w64 ? 0 : 2), a, 0, 0, c ? c : 10);
		break;
	}
	case 5:
		put(OP_AND64K, a, 0, 0, (s64)number() & 0x7fffffff);
		put((rnd(2) ? OP_DIV64X : OP_MOD64X), a, b, 0, 0);
		break;
	case 6:
		put(OP_MOV64X, a, b, 0, 0);
		put(rnd(2) ? OP_ADD64K : OP_ADD64X, a, reg(), 0, (s32)number());
		break;
	case 7:
		put(OP_LE16 + rnd(9), a, 0, 0, 0);
		break;
	default:
		put(OP_MOVS8_64 + rnd(5), a, b, 0, 0);
	}
}

static void
some(u32 count)
{
	for (u32 i = 0; i < count; i++)
		switch (rnd(8)) {
		case 0: case 1: case 2: alu(); break;
		case 3: case 4: memory(); break;
		case 5: case 6: idiom(); break;
		default: put(rnd(2) ? OP_NEG64 : OP_NEG32, reg(), 0, 0, 0);
		}
}

static void
generate(void)
{
	u32 blocks = 1 + rnd(6), sub = rnd(3) == 0, call_at[8], calls = 0;

	n = 0;
	regs = 9;
	for (u32 r = 0; r < 10; r++)
		lddw(r, number());
	for (s32 off = -512; off < 0; off += 8) {
		if (off % 64 == 0)
			lddw(8, number() ^ (u64)off << 40);
		put(OP_STXDW, 10, 8, off, 0);
	}
	for (u32 b = 0; b < blocks; b++) {
		u32 jump, loop = 0;

		if (rnd(4) == 0) {
			put(OP_MOV64K, 9, 0, 0, 1 + rnd(3));
			loop = n;
		}
		jump = n;
		put(OP_JEQ64K + rnd(44), reg(), rnd(2) ? 1 : 2, 0, (s32)number());
		if (JCC_IS_X(code[jump]))
			code[jump].imm = 0;
		else
			code[jump].src_reg = 0;
		some(1 + rnd(8));
		code[jump].off = (s16)(n - jump - 1);
		if (sub && calls < 4 && rnd(2)) {
			call_at[calls++] = n;
			code[n++] = (Insn){ .code = 0x85, .src_reg = 1 };
			for (u32 r = 1; r < 6; r++)
				lddw(r, number());
		}
		if (loop) {
			put(OP_ADD64K, 9, 0, 0, -1);
			put(OP_JNE64K, 9, 0, (s32)loop - (s32)n - 1, 0);
		}
		some(rnd(5));
	}
	/* everything into r0 */
	for (u32 r = 1; r < 9; r++) {
		put(OP_MUL64K, 0, 0, 0, 31);
		put(OP_XOR64X, 0, r, 0, 0);
	}
	for (s32 off = -512; off < 0; off += 8) {
		put(OP_LDXDW, 1, 10, off, 0);
		put(OP_MUL64K, 0, 0, 0, 33);
		put(OP_ADD64X, 0, 1, 0, 0);
	}
	put(OP_MOV64X, 1, 0, 0, 0);
	put(OP_RSH64K, 1, 0, 0, 32);
	put(OP_XOR64X, 0, 1, 0, 0);
	put(OP_EXIT, 0, 0, 0, 0);
	if (calls) {
		for (u32 c = 0; c < calls; c++)
			code[call_at[c]].imm = (s32)(n - call_at[c] - 1);
		lddw(0, number());
		for (u32 r = 6; r < 9; r++)
			lddw(r, number());
		for (u32 i = 0; i < 6; i++)
			alu();
		for (u32 r = 1; r < 9; r++)
			put(OP_ADD64X, 0, r, 0, 0);
		put(OP_EXIT, 0, 0, 0, 0);
	}
}

/* Every program that is made here is safe, and the verifier has to see it. */
static bool
verified(u64 seed)
{
	Code c = { .name = "fuzz", .prog_type = BPF_PROG_TYPE_SOCKET_FILTER, .insns = code, .n = n };
	Verdict v = { 0 };
	bool ok = vm_verify(&c, NULL, 0, NULL, &v, facts);

	if (!ok)
		printf("seed %llu: the verifier refuses it\n%.*s\n", (unsigned long long)seed, (int)v.text.n, v.text.p ? v.text.p : "");
	verdict_free(&v);
	return ok;
}

/* r0 in the kernel (32 bits), -1: it does not take the program. */
static s64
in_kernel(void)
{
	static u8 data[64], out[256];
	union bpf_attr attr = { .prog_type = BPF_PROG_TYPE_SOCKET_FILTER, .insn_cnt = n, .insns = (u64)(uintptr_t)code,
				.license = (u64)(uintptr_t)"GPL" };
	int fd = (int)syscall(SYS_bpf, BPF_PROG_LOAD, &attr, sizeof(attr));
	s64 res = -1;

	if (fd < 0)
		return -1;
	memset(&attr, 0, sizeof(attr));
	attr.test.prog_fd = (u32)fd;
	attr.test.data_in = (u64)(uintptr_t)data;
	attr.test.data_size_in = sizeof(data);
	attr.test.data_out = (u64)(uintptr_t)out;
	attr.test.data_size_out = sizeof(out);
	if (!syscall(SYS_bpf, BPF_PROG_TEST_RUN, &attr, sizeof(attr)))
		res = attr.test.retval;
	close(fd);
	return res;
}

/* Runs it thrice by one call. */
static u64
each(VmProg *p)
{
	VmRun runs[3] = { { 0 } };
	s64 some = vm_prog_run_each(p, runs, 3, NULL);

	assert(some == (runs[0].r0 ? 3 : 0) && runs[0].r0 == runs[1].r0 && runs[1].r0 == runs[2].r0);
	return runs[0].r0;
}

static u64
in_engine(VmEngine engine)
{
	Code c = { .name = "fuzz", .prog_type = BPF_PROG_TYPE_SOCKET_FILTER, .insns = code, .n = n };
	Buf why = { 0 };
	u64 r0 = 0;
	int err;
	VmProg *p = engine == VM_INTERP_CHECKED ? vm_prog_new(&c, NULL, 0, engine, false, &err, &why) :
		    vm_prog_new_known(&c, NULL, 0, engine, facts, &err, &why);

	if (!p || vm_prog_run(p, NULL, 0, &r0, &why)) {
		printf("%s\n", why.p);
		assert(0);
	}
	if (engine == VM_JIT && rnd(4) == 0)
		assert(each(p) == (u32)r0);
	vm_prog_free(p);
	buf_free(&why);
	return r0;
}

static int
differ(u64 seed, const char *who, u64 want, u64 got)
{
	Buf b = { 0 };

	for (u32 pc = 0, k; pc < n; pc += k ? k : 1) {
		buf_printf(&b, "%4u: ", pc);
		k = bpf_dis(&code[pc], pc, SYN_KERNEL, &b);
		buf_putc(&b, '\n');
	}
	printf("%sseed %llu: the checked interpreter gives 0x%llx, %s 0x%llx\n", b.p, (unsigned long long)seed,
	       (unsigned long long)want, who, (unsigned long long)got);
	buf_free(&b);
	return 1;
}

int
main(int argc, char **argv)
{
	u64 count = argc > 1 ? strtoull(argv[1], NULL, 0) : 1500, seed = argc > 2 ? strtoull(argv[2], NULL, 0) : 1;
	bool kernel = with_kernel = argc > 3, native = false;
	u64 agreed = 0;

#if defined(__x86_64__) || defined(__aarch64__)
	native = true;
#endif
	for (u64 i = 0; i < count; i++, seed++) {
		u64 want, got;
		s64 k;

		state = seed * 0x9e3779b97f4a7c15u | 1;
		for (int warm = 0; warm < 8; warm++)
			rnd(2);
		generate();
		if (!verified(seed))
			return 1;
		want = in_engine(VM_INTERP_CHECKED);
		if ((got = in_engine(VM_INTERP)) != want)
			return differ(seed, "the unchecked one", want, got);
		if (native && (got = in_engine(VM_JIT)) != want)
			return differ(seed, "the JIT", want, got);
		if (native && (got = in_engine(VM_JIT_BLIND)) != want)
			return differ(seed, "the JIT with blinded constants", want, got);
		if (kernel && (k = in_kernel()) >= 0) {
			agreed++;
			if ((u32)k != (u32)want)
				return differ(seed, "the kernel", (u32)want, (u64)k);
		}
	}
	if (kernel)
		printf("%llu programs, %llu of them in the kernel\n", (unsigned long long)count, (unsigned long long)agreed);
	return 0;
}
