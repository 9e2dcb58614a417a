/* x86_alu: arithmetic, byte order, compares. Divisions by constants are multiplications; flags are used where they stand. */
#include "vm/jit/x86.h"

static void
divide(Emit *e, bool w, bool is_signed, bool mod, u32 d, u32 s)
{
	u8 *zero, *out, *minus = NULL, *out2 = NULL;
	u32 by = s;

	if (s == RAX || s == RDX) {
		x86_mov(e, R9, s);
		by = R9;
	}
	x86_rr(e, w, 0x85, by, by);
	zero = x86_skip(e, C_E);
	if (is_signed) {
		x86_ri(e, w, 7, by, -1);
		minus = x86_skip(e, C_E);
	}
	if (d != RAX) {
		x86_mov(e, R10, RAX);
		x86_rr(e, w, 0x89, d, RAX);
	}
	if (d != RDX)
		x86_mov(e, R11, RDX);
	if (is_signed) {
		x86_rex(e, w, 0, 0, 0, false);
		x86_byte(e, 0x99);
	} else
		x86_rr(e, false, 0x31, RDX, RDX);
	x86_rex(e, w, 0, 0, by, false);
	x86_byte(e, 0xf7);
	x86_byte(e, (is_signed ? 0xf8 : 0xf0) | (by & 7));
	x86_rr(e, w, 0x89, mod ? RDX : RAX, d == RAX || d == RDX ? d : d);
	if (d != RAX)
		x86_mov(e, RAX, R10);
	if (d != RDX)
		x86_mov(e, RDX, R11);
	out = x86_skip(e, 16);
	if (is_signed) {
		x86_land(e, minus);
		if (mod)
			x86_rr(e, false, 0x31, d, d);
		else {
			x86_rex(e, w, 0, 0, d, false);
			x86_byte(e, 0xf7);
			x86_byte(e, 0xd8 | (d & 7));
		}
		out2 = x86_skip(e, 16);
	}
	x86_land(e, zero);
	if (!mod)
		x86_rr(e, false, 0x31, d, d);
	else if (!w)
		x86_rr(e, false, 0x89, d, d);
	x86_land(e, out);
	if (out2)
		x86_land(e, out2);
}

/* hi = upper 64 bits of a * b; hi is R11, a is not RDX or R11 */
static void
mul_high(Emit *e, u32 a, u64 by)
{
	if (e->bmi2) {
		bool keep = a != RDX;

		if (keep)
			x86_mov(e, R10, RDX);
		if (keep)
			x86_mov(e, RDX, a);
		x86_mov_imm(e, R11, by);
		x86_vex(e, true, 3, 0xf6, R11, R11, R11);   /* mulx r11, r11, r11 */
		if (keep)
			x86_mov(e, RDX, R10);
		return;
	}
	x86_mov(e, R9, RAX);
	x86_mov(e, R10, RDX);
	x86_mov_imm(e, R11, by);
	if (a != RAX)
		x86_mov(e, RAX, a);
	x86_rex(e, true, 0, 0, R11, false);
	x86_byte(e, 0xf7);
	x86_byte(e, 0xe0 | (R11 & 7));
	x86_mov(e, R11, RDX);
	x86_mov(e, RDX, R10);
	x86_mov(e, RAX, R9);
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

		x86_rr(e, false, 0x89, d, d);
		for (s = 0; s < log; s++) {
			u64 top = (u64)1 << (32 + s), err;

			m = top / c + 1;
			err = m * c - top;
			if (m <= UINT32_MAX && err <= (u64)1 << s)
				break;
			m = 0;
		}
		if (m) {
			x86_mov_imm(e, R11, m);
			x86_rr(e, true, 0x0faf, R11, d);
			x86_shift_imm(e, true, 5, R11, 32 + s);
		} else
			mul_high(e, d, ~(u64)0 / c + 1);
	} else {
		/* m = ceil(2^(64+log) / c) - 2^64, the 65-bit inverse without its top bit */
		unsigned __int128 top = (unsigned __int128)1 << (64 + log - 1);
		unsigned __int128 m = (log == 64 ? ~(unsigned __int128)0 / c : (top << 1) / c) + 1;
		unsigned __int128 half = top / c + 1;

		if (half <= ~(u64)0 && half * c - top <= (u64)1 << (log - 1)) {         /* 64 bits are enough */
			mul_high(e, d, (u64)half);
			x86_shift_imm(e, true, 5, R11, log - 1);
		} else {
			mul_high(e, d, (u64)m);
			x86_mov(e, R10, d);
			x86_rr(e, true, 0x29, R11, R10);
			x86_shift_imm(e, true, 5, R10, 1);
			x86_rr(e, true, 0x01, R10, R11);
			x86_shift_imm(e, true, 5, R11, log - 1);
		}
	}
	if (!mod) {
		x86_rr(e, w, 0x89, R11, d);
		return;
	}
	if ((s64)c == (s32)c) {
		x86_rex(e, w, R11, 0, R11, false);
		x86_byte(e, c == (u64)(s8)c && c < 128 ? 0x6b : 0x69);
		x86_byte(e, 0xc0 | (R11 & 7) << 3 | (R11 & 7));
		if (c < 128)
			x86_byte(e, (u32)c);
		else
			x86_bytes4(e, (u32)c);
	} else {
		x86_mov_imm(e, R10, c);
		x86_rr(e, w, 0x0faf, R11, R10);
	}
	x86_rr(e, w, 0x29, R11, d);
}

static void
shift_reg(Emit *e, bool w, u32 kind, u32 d, u32 s)
{
	u32 n = kind == OP_LSH64K ? 4 : kind == OP_RSH64K ? 5 : 7, on = d;

	if (e->bmi2) {
		x86_vex(e, w, n == 4 ? 1 : n == 5 ? 3 : 2, 0xf7, d, s, d);
		return;
	}
	if (s != RCX) {
		x86_mov(e, R11, RCX);
		x86_mov(e, RCX, s);
		on = d == RCX ? R11 : d;
	}
	x86_rex(e, w, 0, 0, on, false);
	x86_byte(e, 0xd3);
	x86_byte(e, 0xc0 | n << 3 | (on & 7));
	if (s != RCX)
		x86_mov(e, RCX, R11);
}

void
x86_alu(Emit *e, const J *j)
{
	static const u8 ops[] = {       /* by family: the opcode between registers */
		[OP_ADD64K / 4] = 0x01, [OP_SUB64K / 4] = 0x29, [OP_OR64K / 4] = 0x09, [OP_AND64K / 4] = 0x21, [OP_XOR64K / 4] = 0x31,
	};
	u32 kind = ALU_KIND(j->op), form = ALU_FORM(j->op), d = x86_place[j->dst], s;
	bool w = form < F_32K, k = !(form & 1);
	s32 imm = (s32)j->imm;

	/* a division uses the other scratch registers itself */
	s = k ? (kind == OP_DIV64K || kind == OP_MOD64K || kind == OP_SDIV64K || kind == OP_SMOD64K ? R9 : R11) : x86_place[j->src];
	if (k && e->jp->blind && imm != (s8)imm && kind != OP_MOV64K && kind != OP_LSH64K && kind != OP_RSH64K && kind != OP_ARSH64K) {
		x86_mov_user(e, s, w ? (u64)(s64)imm : (u32)imm);
		k = false;
	}
	switch (kind) {
	case OP_MOV64K:
		if (k)
			x86_mov_user(e, d, w ? (u64)(s64)imm : (u32)imm);
		else
			x86_rr(e, w, 0x89, s, d);
		return;
	case OP_AND64K:
		if (k && (imm == 0xff || imm == 0xffff)) {
			x86_rex(e, false, d, 0, d, imm == 0xff && d >= RSP);
			x86_byte(e, 0x0f);
			x86_byte(e, imm == 0xff ? 0xb6 : 0xb7);
			x86_byte(e, 0xc0 | (d & 7) << 3 | (d & 7));
			return;
		}
		if (k && imm >= 0)
			w = false;
		/* fall through */
	case OP_ADD64K: case OP_SUB64K: case OP_OR64K: case OP_XOR64K:
		if (!k)
			x86_rr(e, w, ops[kind / 4], s, d);
		else
			x86_ri(e, w, ops[kind / 4] >> 3, d, imm);
		e->flags_of = d + 1;
		e->flags_w = w || (kind == OP_AND64K && form < F_32K) ? 8 : 4;
		return;
	case OP_MUL64K:
		if (!k) {
			x86_rr(e, w, 0x0faf, d, s);
			return;
		}
		if (imm == 3 || imm == 5 || imm == 9) { /* d + d * 2, 4, 8 */
			x86_rm(e, w, 0, 0x8d, d, (Mem){ d, d, imm == 3 ? 1 : imm == 5 ? 2 : 3, 0 }, false);
			return;
		}
		x86_rex(e, w, d, 0, d, false);
		x86_byte(e, imm == (s8)imm ? 0x6b : 0x69);
		x86_byte(e, 0xc0 | (d & 7) << 3 | (d & 7));
		if (imm == (s8)imm)
			x86_byte(e, (u32)imm & 255);
		else
			x86_bytes4(e, (u32)imm);
		return;
	case OP_LSH64K: case OP_RSH64K: case OP_ARSH64K:
		if (!k)
			shift_reg(e, w, kind, d, s);
		else
			x86_shift_imm(e, w, kind == OP_LSH64K ? 4 : kind == OP_RSH64K ? 5 : 7, d, (u32)imm & (w ? 63 : 31));
		return;
	case OP_DIV64K: case OP_MOD64K: {
		u64 c = w ? (u64)(s64)imm : (u32)imm;
		bool mod = kind == OP_MOD64K;

		if (!k) {
			divide(e, w, false, mod, d, s);
		} else if (!c) {
			if (!mod)
				x86_rr(e, false, 0x31, d, d);
			else if (!w)
				x86_rr(e, false, 0x89, d, d);
		} else if (c == 1) {
			if (mod)
				x86_rr(e, false, 0x31, d, d);
			else if (!w)
				x86_rr(e, false, 0x89, d, d);
		} else if (!(c & (c - 1))) {
			u32 log = (u32)__builtin_ctzll(c);

			if (!mod)
				x86_shift_imm(e, w, 5, d, log);
			else if (log < 32)
				x86_ri(e, false, 4, d, (s32)(c - 1));
			else {
				x86_mov_imm(e, R11, c - 1);
				x86_rr(e, true, 0x21, R11, d);
			}
		} else
			divide_const(e, w, mod, d, c);
		return;
	}
	case OP_SDIV64K: case OP_SMOD64K:
		if (k)
			x86_mov_imm(e, R9, w ? (u64)(s64)imm : (u32)imm);
		divide(e, w, true, kind == OP_SMOD64K, d, k ? R9 : s);
		return;
	}
}

void
x86_rotate(Emit *e, bool w, u32 d, u32 s, u32 by)
{
	if (d == s || !e->bmi2) {
		if (d != s)
			x86_rr(e, w, 0x89, s, d);
		x86_shift_imm(e, w, 0, d, by);
		return;
	}
	/* rorx d, s, width - by */
	x86_byte(e, 0xc4);
	x86_byte(e, (d < 8) << 7 | 1 << 6 | (s < 8) << 5 | 3);
	x86_byte(e, (u32)w << 7 | 0x78 | 3);
	x86_byte(e, 0xf0);
	x86_byte(e, 0xc0 | (d & 7) << 3 | (s & 7));
	x86_byte(e, (w ? 64 : 32) - by);
}

void
x86_unary(Emit *e, u32 op, u32 d)
{
	switch (op) {
	case OP_NEG64: case OP_NEG32:
		x86_rex(e, op == OP_NEG64, 0, 0, d, false);
		x86_byte(e, 0xf7);
		x86_byte(e, 0xd8 | (d & 7));
		break;
	case OP_BE16: case OP_SWAP16:
		x86_byte(e, 0x66);
		x86_rex(e, false, 0, 0, d, false);
		x86_byte(e, 0xc1);
		x86_byte(e, 0xc0 | (d & 7));
		x86_byte(e, 8);
		/* fall through */
	case OP_LE16:
		x86_rr(e, false, 0x0fb7, d, d);
		break;
	case OP_LE32:
		x86_rr(e, false, 0x89, d, d);
		break;
	case OP_BE32: case OP_SWAP32: case OP_BE64: case OP_SWAP64:
		x86_rex(e, op == OP_BE64 || op == OP_SWAP64, 0, 0, d, false);
		x86_byte(e, 0x0f);
		x86_byte(e, 0xc8 | (d & 7));
		break;
	}
}

void
x86_movsx(Emit *e, u32 op, u32 d, u32 s)
{
	bool w = op <= OP_MOVS32_64;
	u32 code = op == OP_MOVS32_64 ? 0x63 : op == OP_MOVS16_64 || op == OP_MOVS16_32 ? 0xbf : 0xbe;

	x86_rex(e, w, d, 0, s, code == 0xbe && s >= RSP);
	if (code != 0x63)
		x86_byte(e, 0x0f);
	x86_byte(e, code);
	x86_byte(e, 0xc0 | (d & 7) << 3 | (s & 7));
}

u32
x86_compare(Emit *e, const J *j)
{
	static const u8 cc[] = { C_E, C_A, C_AE, C_NE, C_NE, C_G, C_GE, C_B, C_BE, C_L, C_LE };
	u32 kind = (JCC_KIND(j->op) - OP_JEQ64K) / 4, form = JCC_FORM(j->op), d = x86_place[j->dst], s = x86_place[j->src];
	bool w = form < F_32K, k = !(form & 1), set = JCC_KIND(j->op) == OP_JSET64K;
	bool equal = JCC_KIND(j->op) == OP_JEQ64K || JCC_KIND(j->op) == OP_JNE64K;
	s32 imm = (s32)j->imm;

	if (k && e->jp->blind && imm != (s8)imm) {
		x86_mov_user(e, R11, w ? (u64)(s64)imm : (u32)imm);
		s = R11;
		k = false;
	}
	if (!k)
		x86_rr(e, w, set ? 0x85 : 0x39, s, d);
	else if (set) {
		if (imm >= 0)
			w = false;
		if (imm >= 0 && imm < 128) {            /* one byte says it */
			x86_rex(e, false, 0, 0, d, d >= RSP);
			x86_byte(e, 0xf6);
			x86_byte(e, 0xc0 | (d & 7));
			x86_byte(e, (u32)imm);
		} else {
			x86_rex(e, w, 0, 0, d, false);
			x86_byte(e, 0xf7);
			x86_byte(e, 0xc0 | (d & 7));
			x86_bytes4(e, (u32)imm);
		}
	} else if (!imm && equal && e->flags_of == d + 1 && e->flags_w == (w ? 8u : 4u))
		;                       /* the flags say it already */
	else if (!imm)
		x86_rr(e, w, 0x85, d, d);
	else
		x86_ri(e, w, 7, d, imm);
	return cc[kind];
}
