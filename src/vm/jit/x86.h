/* x86: what the files of the x86-64 back end share. x86_enc.c writes single instructions and jumps, x86_alu.c arithmetic and
 * compares, x86.c functions, memory and calls. */
#ifndef VM_JIT_X86_H
#define VM_JIT_X86_H

#include "vm/jit/jit.h"

enum { RAX, RCX, RDX, RBX, RSP, RBP, RSI, RDI, R8, R9, R10, R11, R12, R13, R14, R15 };
extern const u8 x86_place[11];      /* where the registers of BPF are */

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
	u32 top;                /* of the loop over runs */
	u32 count;              /* register that counts its results, or NO_REG: on the stack */
	u32 fixed;
	u32 flags_of;           /* register + 1 whose zero flag is set, and its width */
	u32 flags_w;
} Emit;

typedef struct Mem { u32 base, index, scale; s32 disp; } Mem;

static inline void
x86_byte(Emit *e, u32 b)
{
	if (e->p < e->end)
		*e->p++ = (u8)b;
	else
		e->full = true;
}

/* ---- x86_enc.c ---- */
void x86_bytes4(Emit *e, u32 v);
void x86_bytes8(Emit *e, u64 v);
void x86_rex(Emit *e, bool w, u32 reg, u32 index, u32 base, bool force);
/* op rm, reg between registers; op may have an 0x0f in front (0x0fXX) */
void x86_rr(Emit *e, bool w, u32 op, u32 reg, u32 rm);
/* op on memory; byte_reg: reg is used as 8 bits; prefix 0x66, 0xf0 or 0 */
void x86_rm(Emit *e, bool w, u32 prefix, u32 op, u32 reg, Mem m, bool byte_reg);
void x86_mov(Emit *e, u32 to, u32 from);
void x86_mov_imm(Emit *e, u32 to, u64 v);
/* A number that came with the program: with blinding it never stands in the code as it is. */
void x86_mov_user(Emit *e, u32 to, u64 v);
/* op /n with an immediate */
void x86_ri(Emit *e, bool w, u32 n, u32 reg, s32 imm);
void x86_shift_imm(Emit *e, bool w, u32 n, u32 reg, u32 by);
/* VEX of three bytes, map 0f38: op reg, rm with vvvv */
void x86_vex(Emit *e, bool w, u32 pp, u32 op, u32 reg, u32 vvvv, u32 rmreg);
void x86_call(Emit *e, u64 fn);
u32 x86_here(const Emit *e);
void x86_jump(Emit *e, u32 cc, u32 pc, u32 to);
/* Short jumps inside of one instruction's code. */
u8 *x86_skip(Emit *e, u32 cc);
void x86_land(Emit *e, u8 *from);
void x86_align(Emit *e, u32 to);

/* ---- x86_alu.c ---- */
void x86_alu(Emit *e, const J *j);
void x86_rotate(Emit *e, bool w, u32 d, u32 s, u32 by);
void x86_unary(Emit *e, u32 op, u32 d);
void x86_movsx(Emit *e, u32 op, u32 d, u32 s);
/* The compare of a conditional jump; gives the condition. */
u32 x86_compare(Emit *e, const J *j);

#endif
