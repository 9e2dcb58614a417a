/* mach: BPF instructions before they have registers. isel.c makes them from the IR, rega.c gives them registers,
 * emit.c puts them in order. Registers 0..10 are BPF's own; those from FIRST_VREG on are virtual.
 * Locals: mf machine function, mb block, m instruction. */
#ifndef IR_MACH_H
#define IR_MACH_H

#include "ir/ir.h"

typedef u32 Reg;
enum { R0, R1, R2, R3, R4, R5, R6, R7, R8, R9, R10, FIRST_VREG, N_COLORS = 10 };
#define NO_REG 0xffffffffu

typedef enum MiKind {
	MK_NONE,
	MK_ALU,         /* code of class ALU or ALU64: dst op= src or imm; MOV: dst = src or imm */
	MK_LOAD,        /* dst = [src + off] */
	MK_STORE,       /* class ST: [dst + off] = imm; class STX: [dst + off] = src */
	MK_ATOMIC,      /* [dst + off] by src; with BPF_FETCH src gets the old value */
	MK_LDIMM,       /* dst = imm, 64 bits; pseudo: src_reg of the instruction; imm2: its second half for map values */
	MK_LEA,         /* dst = r10 + imm; two instructions */
	MK_CALL,        /* helper imm, arguments in r1..r(n), result in r0, r1-r5 lost */
	MK_SETCC,       /* dst, which holds 1, becomes 0 unless src cmp (src2 or imm); two instructions */
	MK_JCC,         /* to succ[0] if dst cmp (src or imm), else succ[1] */
	MK_JMP,         /* to succ[0] */
	MK_EXIT,
	MK_RELOAD,      /* dst = spill slot imm */
	MK_SPILL,       /* spill slot imm = src */
} MiKind;

typedef struct Mi {
	u8 kind, code;
	u8 pseudo, n_args;
	bool lasting;   /* MK_LOAD: gives the same at any time */
	s16 off;
	Reg dst, src, src2;
	u32 imm2;
	s64 imm;
	Span at;
} Mi;

typedef struct MBlock {
	u32 id;
	Vec(Mi) ins;
	VecU32 preds;
	u32 succ[2];
	u32 loops;
	bool cold;
} MBlock;

typedef struct MFn {
	const Fn *fn;
	Arena *a;
	u32 n_vregs;                    /* numbers in use, FIRST_VREG included */
	Vec(MBlock *) blocks;           /* in reverse postorder; [0] is the entry */
	u32 stack;                      /* bytes below r10 in use */
	u32 n_slots;
	bool *index;                    /* vregs of isel that an address is computed from; n_index of them */
	u32 n_index;
} MFn;

/* Registers read and written by m. */
typedef struct MiRegs { Reg use[6], def[6]; u32 n_use, n_def; } MiRegs;
void ir_mi_regs(const Mi *m, MiRegs *r);
bool ir_mi_is_copy(const Mi *m);        /* mov of 64 bits between registers */
void ir_mach_print(const MFn *mf, Buf *out);

/* isel_flow.c */
MFn *ir_isel(Fn *fn, const IrOptions *opt, Arena *a);
/* rega.c: every register becomes one of r0-r9; spills get slots. */
void ir_rega(MFn *mf);
/* late.c: when registers are given */
void ir_late(MFn *mf);
/* moves.c: dst[k] = src[k] for all k at once, as a sequence of copies; temp is used for cycles. Gives their number (at
 * most 3n / 2); out gets pairs (to, from). */
u32 ir_parallel_moves(const Reg *dst, const Reg *src, u32 n, Reg temp, Reg (*out)[2]);
/* emit.c: appends the function to the code; false if a jump is too far (reported). */
typedef struct Emit {
	Arena *a;
	Vec(Insn) insns;
	Vec(Span) spans;
	Vec(struct { u32 pc; u32 fn; }) refs;   /* LD_IMM64 of a function's address */
	u32 *start;                             /* per fn: first slot */
	const IrOptions *opt;
} Emit;
bool ir_emit(Emit *e, MFn *mf, Diag *d);

#endif
