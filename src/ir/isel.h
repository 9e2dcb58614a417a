/* Inside isel*.c: the function being selected, and registers for its values.
 * Locals: s selection, r value, i its operation. */
#ifndef IR_ISEL_H
#define IR_ISEL_H

#include "ir/ir.h"
#include "ir/pass.h"
#include "ir/mach.h"

typedef struct Sel {
	Fn *fn;
	MFn *mf;
	MBlock *mb;
	const IrOptions *opt;
	const Block *block;
	bool counting;                  /* the first run: nothing is emitted, nothing has a register */
	u32 *uses;                      /* in the IR */
	u32 *need;                      /* asked for in a register */
	Reg *reg;                       /* of each value */
	Reg *held;                      /* leaf -> register that holds it, in this block */
	Vec(Ref) held_list;
	Span at;
} Sel;

#define FITS32(n) ((n) >= INT32_MIN && (n) <= INT32_MAX)

/* isel.c */
Reg ir_sel_new_reg(Sel *s);
void ir_sel_emit(Sel *s, Mi m);
void ir_sel_mov(Sel *s, Reg dst, Reg src);
void ir_sel_alu_imm(Sel *s, u8 code, Reg dst, s64 imm);
bool ir_sel_is_remade(const Sel *s, Ref r);     /* made anew where it is used: a leaf or an address in the frame */
void ir_sel_load_leaf(Sel *s, Reg dst, Ref r);  /* makes it */
Reg ir_sel_val(Sel *s, Ref r);
void ir_sel_val_into(Sel *s, Reg dst, Ref r);
void ir_sel_forget_held(Sel *s);
Ref ir_sel_under_zext(const Sel *s, Ref r, u8 ext);
void ir_sel_ins(Sel *s, Ref r);                 /* any operation */

/* isel_flow.c */
void ir_sel_setcc(Sel *s, Reg dst, const Ins *i);
void ir_sel_br(Sel *s, const Ins *i);
void ir_sel_phi_moves(Sel *s);

#endif
