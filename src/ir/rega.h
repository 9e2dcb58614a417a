/* rega: shared by live.c, rega.c and spill.c. */
#ifndef IR_REGA_H
#define IR_REGA_H

#include "ir/mach.h"

/* What lives at the end of each block. */
typedef struct Live {
	u32 *wide;              /* register -> number among those that live beyond a block, + 1; 0: it does not */
	Reg *reg;               /* and back */
	Bits *out;              /* per block, of those numbers */
} Live;
Live *ir_live(const MFn *mf, Arena *a);

/* What is known of each virtual register beside its place in the graph; grows as spilling makes new ones. */
typedef struct Vreg {
	float cost;             /* of having it in memory: uses, weighted by how often they run */
	bool temp;              /* made by spilling */
	bool fixed;             /* made by spilling a temp, as short as can be: never spilled again */
	bool many;              /* set more than once */
	bool compared;          /* a branch learns something of it, which a copy from memory would not know */
	bool index;             /* and an address is computed from it: then it should stay in its register */
	u32 slot;               /* its spill slot + 1 */
	Mi remake;              /* kind != MK_NONE: the instruction that makes it anew anywhere */
} Vreg;
typedef Vec(Vreg) Vregs;

typedef Vec(Reg) RegList;

/* spill.c: rewrites the function so that each register in `which` lives in memory between its uses. */
void ir_spill(MFn *mf, Vregs *vr, const bool *which);
void ir_share_slots(MFn *mf);

/* reload.c: with hard registers in place, drops accesses of slots whose value is in a register. */
void ir_forward_reloads(MFn *mf);

#endif
