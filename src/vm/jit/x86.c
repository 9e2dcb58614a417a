/* x86: machine code for x86-64. The registers of BPF have places for good: r0-r5 are where System V has the result and the
 * arguments, r6-r9 in registers that calls keep, r10 is rbp; r9, r10, r11 are scratch. The sixth argument, the run's
 * VmContext, lies on the stack of functions that call. */
#include "vm/jit/jit.h"

#include <errno.h>

enum { RAX, RCX, RDX, RBX, RSP, RBP, RSI, RDI, R8, R9, R10, R11, R12, R13, R14, R15 };
static const u8 place[11] = { RAX, RDI, RSI, RDX, RCX, R8, RBX, R13, R14, R15, RBP };

enum { C_B = 2, C_AE, C_E, C_NE, C_BE, C_A, C_S, C_L = 12, C_GE, C_LE, C_G };

typedef struct Emit {
	const JProg *jp;
	u8 *start, *p, *end;
	u64 where;              /* address of start when it runs */
	u32 *at;                /* of this round so far; behind it the last round's, then where functions begin */
	bool full, bmi2, rdpid, far_jumps, moved;
	/* of the function being written */
	u16 saved;              /* which of r6-r9 it saves */
	bool main, frame, calls, tails;
	s32 stack, down;        /* bytes of BPF stack; what rsp goes down by */
	u32 epilogue;           /* offset of a shared one, 0: none yet */
	u32 fixed;
	u32 flags_of;           /* register + 1 whose zero flag is set, and its width */
	u32 flags_w;
} Emit;

static inline void
byte(Emit *e, u32 b)
{
	if (e->p < e->end)
		*e->p++ = (u8)b;
	else
		e->full = true;
}

static void
bytes4(Emit *e, u32 v)
{
	for (int i = 0; i < 4; i++, v >>= 8)
		byte(e, v & 255);
}

static void
bytes8(Emit *e, u64 v)
{
	bytes4(e, (u32)v);
	bytes4(e, (u32)(v >> 32));
}

static void
rex(Emit *e, bool w, u32 reg, u32 index, u32 base, bool force)
{
	u32 b = (u32)w << 3 | (reg >> 3) << 2 | (index >> 3) << 1 | base >> 3;

	if (b || force)
		byte(e, 0x40 | b);
}

/* op rm, reg between registers; op may have an 0x0f in front (0x0fXX) */
static void
rr(Emit *e, bool w, u32 op, u32 reg, u32 rm)
{
	rex(e, w, reg, 0, rm, false);
	if (op > 255)
		byte(e, op >> 8);
	byte(e, op);
	byte(e, 0xc0 | (reg & 7) << 3 | (rm & 7));
}

typedef struct Mem { u32 base, index, scale; s32 disp; } Mem;

/* op on memory; byte_reg: reg is used as 8 bits; prefix 0x66, 0xf0 or 0 */
static void
rm(Emit *e, bool w, u32 prefix, u32 op, u32 reg, Mem m, bool byte_reg)
{
	bool has_index = m.index != NO_REG;
	u32 mod, low = m.base & 7;

	if (prefix)
		byte(e, prefix);
	rex(e, w, reg, has_index ? m.index : 0, m.base, byte_reg && reg >= RSP && reg <= RDI);
	if (op > 255)
		byte(e, op >> 8);
	byte(e, op);
	mod = !m.disp && low != RBP ? 0 : m.disp == (s8)m.disp ? 1 : 2;
	if (has_index || low == RSP) {
		byte(e, mod << 6 | (reg & 7) << 3 | 4);
		byte(e, (has_index ? m.scale : 0) << 6 | ((has_index ? m.index : RSP) & 7) << 3 | low);
	} else
		byte(e, mod << 6 | (reg & 7) << 3 | low);
	if (mod == 1)
		byte(e, (u32)m.disp & 255);
	else if (mod == 2)
		bytes4(e, (u32)m.disp);
}

static void
mov(Emit *e, u32 to, u32 from)
{
	if (to != from)
		rr(e, true, 0x89, from, to);
}

static void
mov_imm(Emit *e, u32 to, u64 v)
{
	if (!v)
		rr(e, false, 0x31, to, to);
	else if (v <= UINT32_MAX) {
		rex(e, false, 0, 0, to, false);
		byte(e, 0xb8 | (to & 7));
		bytes4(e, (u32)v);
	} else if ((s64)v == (s32)v) {
		rex(e, true, 0, 0, to, false);
		byte(e, 0xc7);
		byte(e, 0xc0 | (to & 7));
		bytes4(e, (u32)v);
	} else {
		rex(e, true, 0, 0, to, false);
		byte(e, 0xb8 | (to & 7));
		bytes8(e, v);
	}
}

/* A number that came with the program: with blinding it never stands in the code as it is. */
static void
mov_user(Emit *e, u32 to, u64 v)
{
	u64 key;

	if (!e->jp->blind || (s64)v == (s8)v) {
		mov_imm(e, to, v);
		return;
	}
	key = ((u64)e->jp->p->blind_key << 32 | e->jp->p->blind_key) * 0x9e3779b97f4a7c15u;
	if (v <= UINT32_MAX)
		key = (u32)key;
	mov_imm(e, to, v ^ key);
	if (v <= UINT32_MAX) {
		rex(e, false, 0, 0, to, false);
		byte(e, 0x81);
		byte(e, 0xf0 | (to & 7));
		bytes4(e, (u32)key);
	} else {
		mov_imm(e, to == R10 ? R9 : R10, key);
		rr(e, true, 0x31, to == R10 ? R9 : R10, to);
	}
}

/* op /n with an immediate */
static void
ri(Emit *e, bool w, u32 n, u32 reg, s32 imm)
{
	rex(e, w, 0, 0, reg, false);
	byte(e, imm == (s8)imm ? 0x83 : 0x81);
	byte(e, 0xc0 | n << 3 | (reg & 7));
	if (imm == (s8)imm)
		byte(e, (u32)imm & 255);
	else
		bytes4(e, (u32)imm);
}

static void
shift_imm(Emit *e, bool w, u32 n, u32 reg, u32 by)
{
	if (!by) {
		if (!w)
			rr(e, false, 0x89, reg, reg);
		return;
	}
	rex(e, w, 0, 0, reg, false);
	byte(e, 0xc1);
	byte(e, 0xc0 | n << 3 | (reg & 7));
	byte(e, by);
}

/* VEX of three bytes, map 0f38: op reg, rm with vvvv */
static void
vex(Emit *e, bool w, u32 pp, u32 op, u32 reg, u32 vvvv, u32 rmreg)
{
	byte(e, 0xc4);
	byte(e, (reg < 8) << 7 | 1 << 6 | (rmreg < 8) << 5 | 2);
	byte(e, (u32)w << 7 | (~vvvv & 15) << 3 | pp);
	byte(e, op);
	byte(e, 0xc0 | (reg & 7) << 3 | (rmreg & 7));
}

static void
call(Emit *e, u64 fn)
{
	s64 rel = (s64)(fn - (e->where + (u64)(e->p - e->start) + 5));

	if (rel == (s32)rel && e->where) {
		byte(e, 0xe8);
		bytes4(e, (u32)rel);
	} else {
		mov_imm(e, RAX, fn);
		byte(e, 0xff);
		byte(e, 0xd0);
	}
}

/* ---- jumps ---- */

static u32
here(const Emit *e)
{
	return (u32)(e->p - e->start);
}

/* The distance to slot `to` from behind an instruction of n bytes: exact backward, from the last round forward. */
static s64
distance(const Emit *e, u32 pc, u32 to, u32 n)
{
	const u32 *old = e->at + e->jp->n + 1;

	if (to <= pc)
		return (s64)e->at[to] - (here(e) + n);
	return (s64)old[to] - old[pc] + e->at[pc] - (here(e) + n);
}

static void
jump(Emit *e, u32 cc, u32 pc, u32 to)           /* cc 16: always */
{
	s64 d = distance(e, pc, to, 2);

	if (d == (s8)d && !e->far_jumps) {
		byte(e, cc == 16 ? 0xeb : 0x70 | cc);
		byte(e, (u32)d & 255);
		return;
	}
	if (cc == 16) {
		byte(e, 0xe9);
		d = distance(e, pc, to, 4);
	} else {
		byte(e, 0x0f);
		byte(e, 0x80 | cc);
		d = distance(e, pc, to, 4);
	}
	bytes4(e, (u32)d);
}

/* Short jumps inside of one instruction's code. */
static u8 *
skip(Emit *e, u32 cc)
{
	byte(e, cc == 16 ? 0xeb : 0x70 | cc);
	byte(e, 0);
	return e->p;
}

static void
land(Emit *e, u8 *from)
{
	if (!e->full)
		from[-1] = (u8)(e->p - from);
}

static void
align(Emit *e, u32 to)
{
	static const u8 nops[9][9] = {
		{ 0x90 }, { 0x66, 0x90 }, { 0x0f, 0x1f, 0 }, { 0x0f, 0x1f, 0x40, 0 }, { 0x0f, 0x1f, 0x44, 0, 0 },
		{ 0x66, 0x0f, 0x1f, 0x44, 0, 0 }, { 0x0f, 0x1f, 0x80, 0, 0, 0, 0 }, { 0x0f, 0x1f, 0x84, 0, 0, 0, 0, 0 },
		{ 0x66, 0x0f, 0x1f, 0x84, 0, 0, 0, 0, 0 },
	};
	u32 n = (to - here(e) % to) % to;

	while (n) {
		u32 k = MIN(n, 9u);

		for (u32 i = 0; i < k; i++)
			byte(e, nops[k - 1][i]);
		n -= k;
	}
}

/* ---- functions ---- */

/* What the function of slots from .. to needs. */
static void
survey(Emit *e, u32 from, u32 to)
{
	u16 defs = 0;
	bool escapes = false;
	u32 pushes;

	e->frame = e->calls = e->tails = false;
	e->stack = 0;
	e->epilogue = 0;
	for (u32 pc = from; pc < to; pc++) {
		const J *j = &e->jp->j[pc];
		const InsnRow *r = j->op < N_OP ? bpf_insn_row_at(j->op) : NULL;
		bool mem = r && (r->cls == IC_LOAD || r->cls == IC_STORE || r->cls == IC_ATOMIC);
		bool base = mem && (r->cls == IC_LOAD || (r->cls == IC_ATOMIC && r->var == K_ATOMIC_LOAD_ACQ) ? j->src : j->dst) == 10;

		defs |= jit_defs(j);
		if (jit_uses(j) & 1 << 10) {
			bool value = mem && j->src == 10 && (r->shape == SH_STX || r->shape == SH_ATOMIC ||
							     (r->shape == SH_ACQREL && r->var != K_ATOMIC_LOAD_ACQ));

			e->frame = true;
			if (!base || value || j->index != NO_REG)
				escapes = true;
			else
				e->stack = MAX(e->stack, -j->off);
		}
		if (j->op == OP_CALL || j->op == OP_CALLSUB || j->op == J_HASH || j->op == J_TAIL ||
		    (j->op >= OP_LDABSW && j->op <= OP_LDINDB))
			e->calls = e->frame = true;
		e->tails |= j->op == J_TAIL;
	}
	if (escapes || e->stack > VM_STACK)
		e->stack = VM_STACK;
	e->stack = ALIGN(e->stack, 8);
	e->saved = defs & 0x3c0;
	pushes = (u32)__builtin_popcount(e->saved) + 1;
	e->down = e->stack + (e->calls ? 8 : 0) + (e->tails ? 8 : 0);
	if (e->calls && (8 + 8 * pushes + (u32)e->down) % 16)
		e->down += 8;
}

static void
push(Emit *e, u32 reg)
{
	rex(e, false, 0, 0, reg, false);
	byte(e, 0x50 | (reg & 7));
}

static Mem
slot(const Emit *e, u32 n)
{
	return (Mem){ RBP, NO_REG, 0, -e->stack - 8 * (s32)n };
}

static void
prologue(Emit *e)
{
	for (u32 r = 6; r < 10; r++)
		if (e->saved & 1 << r)
			push(e, place[r]);
	if (!e->frame)
		return;
	push(e, RBP);
	mov(e, RBP, RSP);
	if (e->down)
		ri(e, true, 5, RSP, e->down);
	if (e->calls)
		rm(e, true, 0, 0x89, R9, slot(e, 1), false);
}

static void
leave(Emit *e)
{
	if (e->frame)
		byte(e, 0xc9);
	for (u32 r = 10; r-- > 6; )
		if (e->saved & 1 << r) {
			rex(e, false, 0, 0, place[r], false);
			byte(e, 0x58 | (place[r] & 7));
		}
}

static void
finish(Emit *e)
{
	u32 from = here(e);
	s64 d = (s64)e->epilogue - (from + 2);

	if (e->epilogue && e->saved) {
		if (d == (s8)d) {
			byte(e, 0xeb);
			byte(e, (u32)d & 255);
		} else {
			byte(e, 0xe9);
			bytes4(e, e->epilogue - (from + 5));
		}
		return;
	}
	if (!e->epilogue)
		e->epilogue = from;
	leave(e);
	byte(e, 0xc3);
	if (e->epilogue == from && e->main)
		e->fixed += here(e) - from;
}

/* ---- arithmetic ---- */

static void
divide(Emit *e, bool w, bool is_signed, bool mod, u32 d, u32 s)
{
	u8 *zero, *out, *minus = NULL, *out2 = NULL;
	u32 by = s;

	if (s == RAX || s == RDX) {
		mov(e, R9, s);
		by = R9;
	}
	rr(e, w, 0x85, by, by);
	zero = skip(e, C_E);
	if (is_signed) {
		ri(e, w, 7, by, -1);
		minus = skip(e, C_E);
	}
	if (d != RAX) {
		mov(e, R10, RAX);
		rr(e, w, 0x89, d, RAX);
	}
	if (d != RDX)
		mov(e, R11, RDX);
	if (is_signed) {
		rex(e, w, 0, 0, 0, false);
		byte(e, 0x99);
	} else
		rr(e, false, 0x31, RDX, RDX);
	rex(e, w, 0, 0, by, false);
	byte(e, 0xf7);
	byte(e, (is_signed ? 0xf8 : 0xf0) | (by & 7));
	rr(e, w, 0x89, mod ? RDX : RAX, d == RAX || d == RDX ? d : d);
	if (d != RAX)
		mov(e, RAX, R10);
	if (d != RDX)
		mov(e, RDX, R11);
	out = skip(e, 16);
	if (is_signed) {
		land(e, minus);
		if (mod)
			rr(e, false, 0x31, d, d);
		else {
			rex(e, w, 0, 0, d, false);
			byte(e, 0xf7);
			byte(e, 0xd8 | (d & 7));
		}
		out2 = skip(e, 16);
	}
	land(e, zero);
	if (!mod)
		rr(e, false, 0x31, d, d);
	else if (!w)
		rr(e, false, 0x89, d, d);
	land(e, out);
	if (out2)
		land(e, out2);
}

/* hi = upper 64 bits of a * b; hi is R11, a is not RDX or R11 */
static void
mul_high(Emit *e, u32 a, u64 by)
{
	if (e->bmi2) {
		bool keep = a != RDX;

		if (keep)
			mov(e, R10, RDX);
		if (keep)
			mov(e, RDX, a);
		mov_imm(e, R11, by);
		vex(e, true, 3, 0xf6, R11, R11, R11);   /* mulx r11, r11, r11 */
		if (keep)
			mov(e, RDX, R10);
		return;
	}
	mov(e, R9, RAX);
	mov(e, R10, RDX);
	mov_imm(e, R11, by);
	if (a != RAX)
		mov(e, RAX, a);
	rex(e, true, 0, 0, R11, false);
	byte(e, 0xf7);
	byte(e, 0xe0 | (R11 & 7));
	mov(e, R11, RDX);
	mov(e, RDX, R10);
	mov(e, RAX, R9);
}

/* Unsigned division by a constant that is no power of two: multiply by its inverse. The quotient ends in R11. */
static void
divide_const(Emit *e, bool w, bool mod, u32 d, u64 c)
{
	u32 log = 64 - (u32)__builtin_clzll(c - 1);     /* ceil(log2 c) */

	if (!w) {
		/* M = ceil(2^(32+s) / c) fits in 32 bits for some s, or else the 64-bit inverse is exact */
		u64 m = 0;
		u32 s;

		rr(e, false, 0x89, d, d);
		for (s = 0; s < log; s++) {
			u64 top = (u64)1 << (32 + s), err;

			m = top / c + 1;
			err = m * c - top;
			if (m <= UINT32_MAX && err <= (u64)1 << s)
				break;
			m = 0;
		}
		if (m) {
			mov_imm(e, R11, m);
			rr(e, true, 0x0faf, R11, d);
			shift_imm(e, true, 5, R11, 32 + s);
		} else
			mul_high(e, d, ~(u64)0 / c + 1);
	} else {
		/* m = ceil(2^(64+log) / c) - 2^64, the 65-bit inverse without its top bit */
		unsigned __int128 top = (unsigned __int128)1 << (64 + log - 1);
		unsigned __int128 m = (log == 64 ? ~(unsigned __int128)0 / c : (top << 1) / c) + 1;
		unsigned __int128 half = top / c + 1;

		if (half <= ~(u64)0 && half * c - top <= (u64)1 << (log - 1)) {         /* 64 bits are enough */
			mul_high(e, d, (u64)half);
			shift_imm(e, true, 5, R11, log - 1);
		} else {
			mul_high(e, d, (u64)m);
			mov(e, R10, d);
			rr(e, true, 0x29, R11, R10);
			shift_imm(e, true, 5, R10, 1);
			rr(e, true, 0x01, R10, R11);
			shift_imm(e, true, 5, R11, log - 1);
		}
	}
	if (!mod) {
		rr(e, w, 0x89, R11, d);
		return;
	}
	if ((s64)c == (s32)c) {
		rex(e, w, R11, 0, R11, false);
		byte(e, c == (u64)(s8)c && c < 128 ? 0x6b : 0x69);
		byte(e, 0xc0 | (R11 & 7) << 3 | (R11 & 7));
		if (c < 128)
			byte(e, (u32)c);
		else
			bytes4(e, (u32)c);
	} else {
		mov_imm(e, R10, c);
		rr(e, w, 0x0faf, R11, R10);
	}
	rr(e, w, 0x29, R11, d);
}

static void
shift_reg(Emit *e, bool w, u32 kind, u32 d, u32 s)
{
	u32 n = kind == OP_LSH64K ? 4 : kind == OP_RSH64K ? 5 : 7, on = d;

	if (e->bmi2) {
		vex(e, w, n == 4 ? 1 : n == 5 ? 3 : 2, 0xf7, d, s, d);
		return;
	}
	if (s != RCX) {
		mov(e, R11, RCX);
		mov(e, RCX, s);
		on = d == RCX ? R11 : d;
	}
	rex(e, w, 0, 0, on, false);
	byte(e, 0xd3);
	byte(e, 0xc0 | n << 3 | (on & 7));
	if (s != RCX)
		mov(e, RCX, R11);
}

static void
alu(Emit *e, const J *j)
{
	static const u8 ops[] = {       /* by family: the opcode between registers */
		[OP_ADD64K / 4] = 0x01, [OP_SUB64K / 4] = 0x29, [OP_OR64K / 4] = 0x09, [OP_AND64K / 4] = 0x21, [OP_XOR64K / 4] = 0x31,
	};
	u32 kind = ALU_KIND(j->op), form = ALU_FORM(j->op), d = place[j->dst], s;
	bool w = form < F_32K, k = !(form & 1);
	s32 imm = (s32)j->imm;

	/* a division uses the other scratch registers itself */
	s = k ? (kind == OP_DIV64K || kind == OP_MOD64K || kind == OP_SDIV64K || kind == OP_SMOD64K ? R9 : R11) : place[j->src];
	if (k && e->jp->blind && imm != (s8)imm && kind != OP_MOV64K && kind != OP_LSH64K && kind != OP_RSH64K && kind != OP_ARSH64K) {
		mov_user(e, s, w ? (u64)(s64)imm : (u32)imm);
		k = false;
	}
	switch (kind) {
	case OP_MOV64K:
		if (k)
			mov_user(e, d, w ? (u64)(s64)imm : (u32)imm);
		else
			rr(e, w, 0x89, s, d);
		return;
	case OP_AND64K:
		if (k && (imm == 0xff || imm == 0xffff)) {
			rex(e, false, d, 0, d, imm == 0xff && d >= RSP);
			byte(e, 0x0f);
			byte(e, imm == 0xff ? 0xb6 : 0xb7);
			byte(e, 0xc0 | (d & 7) << 3 | (d & 7));
			return;
		}
		if (k && imm >= 0)
			w = false;
		/* fall through */
	case OP_ADD64K: case OP_SUB64K: case OP_OR64K: case OP_XOR64K:
		if (!k)
			rr(e, w, ops[kind / 4], s, d);
		else
			ri(e, w, ops[kind / 4] >> 3, d, imm);
		e->flags_of = d + 1;
		e->flags_w = w || (kind == OP_AND64K && form < F_32K) ? 8 : 4;
		return;
	case OP_MUL64K:
		if (!k) {
			rr(e, w, 0x0faf, d, s);
			return;
		}
		if (imm == 3 || imm == 5 || imm == 9) { /* d + d * 2, 4, 8 */
			rm(e, w, 0, 0x8d, d, (Mem){ d, d, imm == 3 ? 1 : imm == 5 ? 2 : 3, 0 }, false);
			return;
		}
		rex(e, w, d, 0, d, false);
		byte(e, imm == (s8)imm ? 0x6b : 0x69);
		byte(e, 0xc0 | (d & 7) << 3 | (d & 7));
		if (imm == (s8)imm)
			byte(e, (u32)imm & 255);
		else
			bytes4(e, (u32)imm);
		return;
	case OP_LSH64K: case OP_RSH64K: case OP_ARSH64K:
		if (!k)
			shift_reg(e, w, kind, d, s);
		else
			shift_imm(e, w, kind == OP_LSH64K ? 4 : kind == OP_RSH64K ? 5 : 7, d, (u32)imm & (w ? 63 : 31));
		return;
	case OP_DIV64K: case OP_MOD64K: {
		u64 c = w ? (u64)(s64)imm : (u32)imm;
		bool mod = kind == OP_MOD64K;

		if (!k) {
			divide(e, w, false, mod, d, s);
		} else if (!c) {
			if (!mod)
				rr(e, false, 0x31, d, d);
			else if (!w)
				rr(e, false, 0x89, d, d);
		} else if (c == 1) {
			if (mod)
				rr(e, false, 0x31, d, d);
			else if (!w)
				rr(e, false, 0x89, d, d);
		} else if (!(c & (c - 1))) {
			u32 log = (u32)__builtin_ctzll(c);

			if (!mod)
				shift_imm(e, w, 5, d, log);
			else if (log < 32)
				ri(e, false, 4, d, (s32)(c - 1));
			else {
				mov_imm(e, R11, c - 1);
				rr(e, true, 0x21, R11, d);
			}
		} else
			divide_const(e, w, mod, d, c);
		return;
	}
	case OP_SDIV64K: case OP_SMOD64K:
		if (k)
			mov_imm(e, R9, w ? (u64)(s64)imm : (u32)imm);
		divide(e, w, true, kind == OP_SMOD64K, d, k ? R9 : s);
		return;
	}
}

static void
rotate(Emit *e, bool w, u32 d, u32 s, u32 by)
{
	if (d == s || !e->bmi2) {
		if (d != s)
			rr(e, w, 0x89, s, d);
		shift_imm(e, w, 0, d, by);
		return;
	}
	/* rorx d, s, width - by */
	byte(e, 0xc4);
	byte(e, (d < 8) << 7 | 1 << 6 | (s < 8) << 5 | 3);
	byte(e, (u32)w << 7 | 0x78 | 3);
	byte(e, 0xf0);
	byte(e, 0xc0 | (d & 7) << 3 | (s & 7));
	byte(e, (w ? 64 : 32) - by);
}

static void
unary(Emit *e, u32 op, u32 d)
{
	switch (op) {
	case OP_NEG64: case OP_NEG32:
		rex(e, op == OP_NEG64, 0, 0, d, false);
		byte(e, 0xf7);
		byte(e, 0xd8 | (d & 7));
		break;
	case OP_BE16: case OP_SWAP16:
		byte(e, 0x66);
		rex(e, false, 0, 0, d, false);
		byte(e, 0xc1);
		byte(e, 0xc0 | (d & 7));
		byte(e, 8);
		/* fall through */
	case OP_LE16:
		rr(e, false, 0x0fb7, d, d);
		break;
	case OP_LE32:
		rr(e, false, 0x89, d, d);
		break;
	case OP_BE32: case OP_SWAP32: case OP_BE64: case OP_SWAP64:
		rex(e, op == OP_BE64 || op == OP_SWAP64, 0, 0, d, false);
		byte(e, 0x0f);
		byte(e, 0xc8 | (d & 7));
		break;
	}
}

static void
movsx(Emit *e, u32 op, u32 d, u32 s)
{
	bool w = op <= OP_MOVS32_64;
	u32 code = op == OP_MOVS32_64 ? 0x63 : op == OP_MOVS16_64 || op == OP_MOVS16_32 ? 0xbf : 0xbe;

	rex(e, w, d, 0, s, code == 0xbe && s >= RSP);
	if (code != 0x63)
		byte(e, 0x0f);
	byte(e, code);
	byte(e, 0xc0 | (d & 7) << 3 | (s & 7));
}

static void
condition(Emit *e, const J *j, u32 pc)
{
	static const u8 cc[] = { C_E, C_A, C_AE, C_NE, C_NE, C_G, C_GE, C_B, C_BE, C_L, C_LE };
	u32 kind = (JCC_KIND(j->op) - OP_JEQ64K) / 4, form = JCC_FORM(j->op), d = place[j->dst], s = place[j->src];
	bool w = form < F_32K, k = !(form & 1), set = JCC_KIND(j->op) == OP_JSET64K;
	bool equal = JCC_KIND(j->op) == OP_JEQ64K || JCC_KIND(j->op) == OP_JNE64K;
	s32 imm = (s32)j->imm;

	if (k && e->jp->blind && imm != (s8)imm) {
		mov_user(e, R11, w ? (u64)(s64)imm : (u32)imm);
		s = R11;
		k = false;
	}
	if (!k)
		rr(e, w, set ? 0x85 : 0x39, s, d);
	else if (set) {
		if (imm >= 0)
			w = false;
		if (imm >= 0 && imm < 128) {            /* one byte says it */
			rex(e, false, 0, 0, d, d >= RSP);
			byte(e, 0xf6);
			byte(e, 0xc0 | (d & 7));
			byte(e, (u32)imm);
		} else {
			rex(e, w, 0, 0, d, false);
			byte(e, 0xf7);
			byte(e, 0xc0 | (d & 7));
			bytes4(e, (u32)imm);
		}
	} else if (!imm && equal && e->flags_of == d + 1 && e->flags_w == (w ? 8u : 4u))
		;                       /* the flags say it already */
	else if (!imm)
		rr(e, w, 0x85, d, d);
	else
		ri(e, w, 7, d, imm);
	jump(e, cc[kind], pc, j->to);
}

/* ---- memory ---- */

static Mem
mem_of(const J *j, u32 base)
{
	return (Mem){ place[base], j->index == NO_REG ? NO_REG : place[j->index], j->scale, j->off };
}

static void
load(Emit *e, const J *j)
{
	Mem m = mem_of(j, j->src);
	u32 d = place[j->dst];

	switch (j->op) {
	case OP_LDXB: case OP_LDACQ_B: rm(e, false, 0, 0x0fb6, d, m, false); break;
	case OP_LDXH: case OP_LDACQ_H: rm(e, false, 0, 0x0fb7, d, m, false); break;
	case OP_LDXW: case OP_LDACQ_W: rm(e, false, 0, 0x8b, d, m, false); break;
	case OP_LDXDW: case OP_LDACQ_DW: rm(e, true, 0, 0x8b, d, m, false); break;
	case OP_LDXSB: rm(e, true, 0, 0x0fbe, d, m, false); break;
	case OP_LDXSH: rm(e, true, 0, 0x0fbf, d, m, false); break;
	case OP_LDXSW: rm(e, true, 0, 0x63, d, m, false); break;
	}
}

static void
store(Emit *e, const J *j, bool imm)
{
	Mem m = mem_of(j, j->dst);
	u32 s = imm ? 0 : place[j->src], size = bpf_insn_row_at(j->op)->size;

	if (imm && e->jp->blind && j->imm != (s8)j->imm) {
		mov_user(e, R11, (u64)j->imm);
		s = R11;
		imm = false;
	}
	rm(e, size == 8, size == 2 ? 0x66 : 0, imm ? (size == 1 ? 0xc6 : 0xc7) : (size == 1 ? 0x88 : 0x89), s, m, !imm && size == 1);
	if (!imm)
		return;
	byte(e, (u32)j->imm & 255);
	if (size > 1)
		byte(e, (u32)j->imm >> 8 & 255);
	if (size > 2) {
		byte(e, (u32)j->imm >> 16 & 255);
		byte(e, (u32)j->imm >> 24);
	}
}

static void
atomic(Emit *e, const J *j)
{
	const InsnRow *r = bpf_insn_row_at(j->op);
	bool w = r->size == 8;
	Mem m = mem_of(j, j->dst);
	u32 s = place[j->src];
	u8 *again;

	switch ((u32)r->var) {
	case BPF_ADD: rm(e, w, 0xf0, 0x01, s, m, false); return;
	case BPF_OR: rm(e, w, 0xf0, 0x09, s, m, false); return;
	case BPF_AND: rm(e, w, 0xf0, 0x21, s, m, false); return;
	case BPF_XOR: rm(e, w, 0xf0, 0x31, s, m, false); return;
	case BPF_ADD | BPF_FETCH: rm(e, w, 0xf0, 0x0fc1, s, m, false); return;
	case BPF_XCHG: rm(e, w, 0, 0x87, s, m, false); return;
	case BPF_CMPXCHG:
		rm(e, w, 0xf0, 0x0fb1, s, m, false);
		if (!w)         /* a success leaves the upper half */
			rr(e, false, 0x89, RAX, RAX);
		return;
	}
	/* fetch or, and, xor: a loop of compare and exchange */
	rm(e, true, 0, 0x8d, R9, m, false);
	mov(e, R10, RAX);
	m = (Mem){ R9, NO_REG, 0, 0 };
	rm(e, w, 0, 0x8b, RAX, m, false);
	again = e->p;
	mov(e, R11, RAX);
	rr(e, w, r->var == (BPF_OR | BPF_FETCH) ? 0x09 : r->var == (BPF_AND | BPF_FETCH) ? 0x21 : 0x31, s == RAX ? R10 : s, R11);
	rm(e, w, 0xf0, 0x0fb1, R11, m, false);
	byte(e, 0x70 | C_NE);
	byte(e, (u32)(again - (e->p + 1)) & 255);
	rr(e, w, 0x89, RAX, s);
	if (s != RAX)
		mov(e, RAX, R10);
}

/* ---- calls ---- */

static void
context(Emit *e)
{
	rm(e, true, 0, 0x8b, R9, slot(e, 1), false);
}

static void
helper(Emit *e, const J *j)
{
	if (j->imm == BPF_FUNC_get_smp_processor_id && e->rdpid) {
		byte(e, 0xf3);          /* rdpid rax: the CPU in the low 12 bits */
		byte(e, 0x0f);
		byte(e, 0xc7);
		byte(e, 0xf8);
		ri(e, false, 4, RAX, 0xfff);
		return;
	}
	context(e);
	call(e, (u64)(uintptr_t)vm_helper((u32)j->imm));
}

static void
array_lookup(Emit *e, const J *j)
{
	const VmMap *m = (const VmMap *)(uintptr_t)j->imm;
	u8 *miss, *out;

	rm(e, false, 0, 0x8b, RAX, (Mem){ RSI, NO_REG, 0, 0 }, false);
	if (m->cap <= INT32_MAX)
		ri(e, false, 7, RAX, (s32)m->cap);
	else {
		mov_imm(e, R11, m->cap);
		rr(e, false, 0x39, R11, RAX);
	}
	miss = skip(e, C_AE);
	if (!(m->stride & (m->stride - 1)))
		shift_imm(e, true, 4, RAX, (u32)__builtin_ctz(m->stride));
	else {
		rex(e, true, RAX, 0, RAX, false);
		byte(e, 0x69);
		byte(e, 0xc0);
		bytes4(e, m->stride);
	}
	mov_imm(e, R11, (u64)(uintptr_t)m->values);
	rr(e, true, 0x01, R11, RAX);
	out = skip(e, 16);
	land(e, miss);
	rr(e, false, 0x31, RAX, RAX);
	land(e, out);
}

static void
tail_call(Emit *e)
{
	u8 *none;

	rm(e, true, 0, 0x89, RDI, slot(e, 2), false);
	context(e);
	call(e, (u64)(uintptr_t)jit_tail_call);
	rr(e, true, 0x85, RAX, RAX);
	none = skip(e, C_E);
	rm(e, true, 0, 0x8b, RDI, slot(e, 2), false);
	context(e);
	leave(e);
	byte(e, 0xff);
	byte(e, 0xe0);
	land(e, none);
	mov_imm(e, RAX, (u64)-ENOENT);
}

static void
packet_load(Emit *e, const J *j)
{
	u8 *ok;

	if (j->op >= OP_LDINDW) {
		rr(e, false, 0x89, place[j->src], RDI);
		if (j->imm)
			ri(e, false, 0, RDI, (s32)j->imm);
	} else
		mov_imm(e, RDI, (u32)j->imm);
	mov_imm(e, RSI, bpf_insn_row_at(j->op)->size);
	context(e);
	call(e, (u64)(uintptr_t)jit_packet);
	rr(e, true, 0x85, RAX, RAX);
	ok = skip(e, C_S + 1);
	rr(e, false, 0x31, RAX, RAX);
	leave(e);
	byte(e, 0xc3);
	land(e, ok);
}

/* call rel32, or lea reg, [rip + rel32], of the function that begins with slot `to` */
static void
relative(Emit *e, u32 op, u32 to, u32 reg)
{
	if (op == 0xe8)
		byte(e, 0xe8);
	else {
		rex(e, true, reg, 0, 0, false);
		byte(e, 0x8d);
		byte(e, (reg & 7) << 3 | 5);
	}
	bytes4(e, e->at[2 * (e->jp->n + 1) + to] - (here(e) + 4));
}

static void
one(Emit *e, u32 pc)
{
	const J *j = &e->jp->j[pc];
	u32 op = j->op, flags = e->flags_of;

	e->flags_of = 0;
	if (op == J_NOP) {
		e->flags_of = flags;
		return;
	}
	if (IS_ALU(op)) {
		alu(e, j);
		return;
	}
	if (IS_JCC(op)) {
		e->flags_of = flags;
		condition(e, j, pc);
		e->flags_of = 0;
		return;
	}
	switch (bpf_insn_row_at(op) ? (InsnShape)bpf_insn_row_at(op)->shape : SH_EXIT) {
	case SH_NEG: case SH_END: unary(e, op, place[j->dst]); return;
	case SH_ALUX: movsx(e, op, place[j->dst], place[j->src]); return;
	case SH_LDX: load(e, j); return;
	case SH_ST: store(e, j, true); return;
	case SH_STX: store(e, j, false); return;
	case SH_ATOMIC: atomic(e, j); return;
	case SH_ACQREL:
		if (op <= OP_LDACQ_DW)
			load(e, j);
		else {          /* a store of this machine is a release */
			J st = *j;

			st.op = (u16)(op == OP_STREL_B ? OP_STXB : op == OP_STREL_H ? OP_STXH : op == OP_STREL_W ? OP_STXW : OP_STXDW);
			store(e, &st, false);
		}
		return;
	case SH_LDIMM:
		if (op == OP_LDFUNC)
			relative(e, 0x8d, (u32)j->imm, place[j->dst]);
		else if (op == OP_LDDW)
			mov_user(e, place[j->dst], (u64)j->imm);
		else
			mov_imm(e, place[j->dst], (u64)j->imm);
		return;
	case SH_JA: case SH_JA32:
		jump(e, 16, pc, j->to);
		return;
	case SH_ABS: case SH_IND: packet_load(e, j); return;
	case SH_CALL:
		if (op == OP_CALLSUB) {
			context(e);
			relative(e, 0xe8, j->to, 0);
		} else
			helper(e, j);
		return;
	default:
		break;
	}
	switch (op) {
	case OP_EXIT: finish(e); return;
	case J_ROL64: case J_ROL32: rotate(e, op == J_ROL64, place[j->dst], place[j->src], (u32)j->imm); return;
	case J_LEA: rm(e, true, 0, 0x8d, place[j->dst], mem_of(j, j->src), false); return;
	case J_ARRAY: array_lookup(e, j); return;
	case J_HASH: {
		const VmMap *m = (const VmMap *)(uintptr_t)j->imm;

		mov_imm(e, RDI, (u64)j->imm);
		call(e, (u64)(uintptr_t)m->ops->lookup);
		return;
	}
	case J_TAIL: tail_call(e); return;
	}
}

static bool
round_of(Emit *e)
{
	const JProg *jp = e->jp;
	u32 *old = e->at + jp->n + 1, *enter = old + jp->n + 1;
	bool moved = false;

	memcpy(old, e->at, (jp->n + 1) * sizeof(u32));
	e->p = e->start;
	e->flags_of = 0;
	for (u32 pc = 0; pc < jp->n; pc++) {
		if (jp->p->starts[pc] == 1) {
			u32 to = pc + 1;

			while (to < jp->n && jp->p->starts[to] != 1)
				to++;
			survey(e, pc, to);
			if (pc)
				align(e, 16);
			e->main = !pc;
			moved |= enter[pc] != here(e);
			enter[pc] = here(e);
			prologue(e);
			if (!pc)
				e->fixed = here(e);
			e->at[pc] = here(e);    /* where jumps go */
		} else {
			if (jp->j[pc].leader)
				e->flags_of = 0;
			if (jp->j[pc].loop && jp->n > 8)
				align(e, 16);
			e->at[pc] = here(e);
		}
		one(e, pc);
	}
	e->at[jp->n] = here(e);
	e->moved = moved;
	return !e->full;
}

size_t
jit_x86(const JProg *jp, u8 *buf, size_t room, u64 where, u32 *at, u32 *fixed)
{
	Emit e = { .jp = jp, .start = buf, .end = buf + room, .where = where, .at = at };

#ifdef __x86_64__
	__builtin_cpu_init();
	e.bmi2 = __builtin_cpu_supports("bmi2");
	e.rdpid = jp->p->rdpid;
#endif
	e.far_jumps = true;
	memset(at, 0, 3 * ((size_t)jp->n + 1) * sizeof(u32));
	if (!round_of(&e))
		return 0;
	e.far_jumps = false;
	for (int round = 0; round < 12; round++) {
		if (!round_of(&e))
			return 0;
		if (!e.moved && !memcmp(at, at + jp->n + 1, (jp->n + 1) * sizeof(u32))) {
			*fixed = e.fixed;
			return (size_t)(e.p - e.start);
		}
	}
	/* alignment and short jumps chase each other: long jumps always settle */
	e.far_jumps = true;
	for (int round = 0; round < 3; round++)
		if (!round_of(&e))
			return 0;
	*fixed = e.fixed;
	return (size_t)(e.p - e.start);
}
