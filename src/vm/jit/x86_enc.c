/* x86_enc: instructions of x86-64 one by one, constants with and without blinding, jumps that take the shortest form. */
#include "vm/jit/x86.h"

void
x86_bytes4(Emit *e, u32 v)
{
	for (int i = 0; i < 4; i++, v >>= 8)
		x86_byte(e, v & 255);
}

void
x86_bytes8(Emit *e, u64 v)
{
	x86_bytes4(e, (u32)v);
	x86_bytes4(e, (u32)(v >> 32));
}

void
x86_rex(Emit *e, bool w, u32 reg, u32 index, u32 base, bool force)
{
	u32 b = (u32)w << 3 | (reg >> 3) << 2 | (index >> 3) << 1 | base >> 3;

	if (b || force)
		x86_byte(e, 0x40 | b);
}

/* op rm, reg between registers; op may have an 0x0f in front (0x0fXX) */
void
x86_rr(Emit *e, bool w, u32 op, u32 reg, u32 rm)
{
	x86_rex(e, w, reg, 0, rm, false);
	if (op > 255)
		x86_byte(e, op >> 8);
	x86_byte(e, op);
	x86_byte(e, 0xc0 | (reg & 7) << 3 | (rm & 7));
}

/* op on memory; byte_reg: reg is used as 8 bits; prefix 0x66, 0xf0 or 0 */
void
x86_rm(Emit *e, bool w, u32 prefix, u32 op, u32 reg, Mem m, bool byte_reg)
{
	bool has_index = m.index != NO_REG;
	u32 mod, low = m.base & 7;

	if (prefix)
		x86_byte(e, prefix);
	x86_rex(e, w, reg, has_index ? m.index : 0, m.base, byte_reg && reg >= RSP && reg <= RDI);
	if (op > 255)
		x86_byte(e, op >> 8);
	x86_byte(e, op);
	mod = !m.disp && low != RBP ? 0 : m.disp == (s8)m.disp ? 1 : 2;
	if (has_index || low == RSP) {
		x86_byte(e, mod << 6 | (reg & 7) << 3 | 4);
		x86_byte(e, (has_index ? m.scale : 0) << 6 | ((has_index ? m.index : RSP) & 7) << 3 | low);
	} else
		x86_byte(e, mod << 6 | (reg & 7) << 3 | low);
	if (mod == 1)
		x86_byte(e, (u32)m.disp & 255);
	else if (mod == 2)
		x86_bytes4(e, (u32)m.disp);
}

void
x86_mov(Emit *e, u32 to, u32 from)
{
	if (to != from)
		x86_rr(e, true, 0x89, from, to);
}

void
x86_mov_imm(Emit *e, u32 to, u64 v)
{
	if (!v)
		x86_rr(e, false, 0x31, to, to);
	else if (v <= UINT32_MAX) {
		x86_rex(e, false, 0, 0, to, false);
		x86_byte(e, 0xb8 | (to & 7));
		x86_bytes4(e, (u32)v);
	} else if ((s64)v == (s32)v) {
		x86_rex(e, true, 0, 0, to, false);
		x86_byte(e, 0xc7);
		x86_byte(e, 0xc0 | (to & 7));
		x86_bytes4(e, (u32)v);
	} else {
		x86_rex(e, true, 0, 0, to, false);
		x86_byte(e, 0xb8 | (to & 7));
		x86_bytes8(e, v);
	}
}

/* A number that came with the program: with blinding it never stands in the code as it is. */
void
x86_mov_user(Emit *e, u32 to, u64 v)
{
	u64 key;

	if (!e->jp->blind || (s64)v == (s8)v) {
		x86_mov_imm(e, to, v);
		return;
	}
	key = ((u64)e->jp->p->blind_key << 32 | e->jp->p->blind_key) * 0x9e3779b97f4a7c15u;
	if (v <= UINT32_MAX)
		key = (u32)key;
	x86_mov_imm(e, to, v ^ key);
	if (v <= UINT32_MAX) {
		x86_rex(e, false, 0, 0, to, false);
		x86_byte(e, 0x81);
		x86_byte(e, 0xf0 | (to & 7));
		x86_bytes4(e, (u32)key);
	} else {
		x86_mov_imm(e, to == R10 ? R9 : R10, key);
		x86_rr(e, true, 0x31, to == R10 ? R9 : R10, to);
	}
}

/* op /n with an immediate */
void
x86_ri(Emit *e, bool w, u32 n, u32 reg, s32 imm)
{
	x86_rex(e, w, 0, 0, reg, false);
	x86_byte(e, imm == (s8)imm ? 0x83 : 0x81);
	x86_byte(e, 0xc0 | n << 3 | (reg & 7));
	if (imm == (s8)imm)
		x86_byte(e, (u32)imm & 255);
	else
		x86_bytes4(e, (u32)imm);
}

void
x86_shift_imm(Emit *e, bool w, u32 n, u32 reg, u32 by)
{
	if (!by) {
		if (!w)
			x86_rr(e, false, 0x89, reg, reg);
		return;
	}
	x86_rex(e, w, 0, 0, reg, false);
	x86_byte(e, 0xc1);
	x86_byte(e, 0xc0 | n << 3 | (reg & 7));
	x86_byte(e, by);
}

/* VEX of three bytes, map 0f38: op reg, rm with vvvv */
void
x86_vex(Emit *e, bool w, u32 pp, u32 op, u32 reg, u32 vvvv, u32 rmreg)
{
	x86_byte(e, 0xc4);
	x86_byte(e, (reg < 8) << 7 | 1 << 6 | (rmreg < 8) << 5 | 2);
	x86_byte(e, (u32)w << 7 | (~vvvv & 15) << 3 | pp);
	x86_byte(e, op);
	x86_byte(e, 0xc0 | (reg & 7) << 3 | (rmreg & 7));
}

void
x86_call(Emit *e, u64 fn)
{
	s64 rel = (s64)(fn - (e->where + (u64)(e->p - e->start) + 5));

	if (rel == (s32)rel && e->where) {
		x86_byte(e, 0xe8);
		x86_bytes4(e, (u32)rel);
	} else {
		x86_mov_imm(e, RAX, fn);
		x86_byte(e, 0xff);
		x86_byte(e, 0xd0);
	}
}

/* ---- jumps ---- */

u32
x86_here(const Emit *e)
{
	return (u32)(e->p - e->start);
}

/* The distance to slot `to` from behind an instruction of n bytes: exact backward, from the last round forward. */
static s64
distance(const Emit *e, u32 pc, u32 to, u32 n)
{
	const u32 *old = e->at + e->jp->n + 1;

	if (to <= pc)
		return (s64)e->at[to] - (x86_here(e) + n);
	return (s64)old[to] - old[pc] + e->at[pc] - (x86_here(e) + n);
}

void
x86_jump(Emit *e, u32 cc, u32 pc, u32 to)           /* cc 16: always */
{
	s64 d = distance(e, pc, to, 2);

	if (d == (s8)d && !e->far_jumps) {
		x86_byte(e, cc == 16 ? 0xeb : 0x70 | cc);
		x86_byte(e, (u32)d & 255);
		return;
	}
	if (cc == 16) {
		x86_byte(e, 0xe9);
		d = distance(e, pc, to, 4);
	} else {
		x86_byte(e, 0x0f);
		x86_byte(e, 0x80 | cc);
		d = distance(e, pc, to, 4);
	}
	x86_bytes4(e, (u32)d);
}

/* Short jumps inside of one instruction's code. */
u8 *
x86_skip(Emit *e, u32 cc)
{
	x86_byte(e, cc == 16 ? 0xeb : 0x70 | cc);
	x86_byte(e, 0);
	return e->p;
}

void
x86_land(Emit *e, u8 *from)
{
	if (!e->full)
		from[-1] = (u8)(e->p - from);
}

void
x86_align(Emit *e, u32 to)
{
	static const u8 nops[9][9] = {
		{ 0x90 }, { 0x66, 0x90 }, { 0x0f, 0x1f, 0 }, { 0x0f, 0x1f, 0x40, 0 }, { 0x0f, 0x1f, 0x44, 0, 0 },
		{ 0x66, 0x0f, 0x1f, 0x44, 0, 0 }, { 0x0f, 0x1f, 0x80, 0, 0, 0, 0 }, { 0x0f, 0x1f, 0x84, 0, 0, 0, 0, 0 },
		{ 0x66, 0x0f, 0x1f, 0x84, 0, 0, 0, 0, 0 },
	};
	u32 n = (to - x86_here(e) % to) % to;

	while (n) {
		u32 k = MIN(n, 9u);

		for (u32 i = 0; i < k; i++)
			x86_byte(e, nops[k - 1][i]);
		n -= k;
	}
}
