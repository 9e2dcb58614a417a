/* Calls of kernel functions and what they keep on the stack. */
#ifndef VM_VERIFY_KFUNC_H
#define VM_VERIFY_KFUNC_H

#include "vm/verify/call.h"

enum { ITER_ACTIVE, ITER_DRAINED };     /* Reg.range of an iterator's slot; Reg.off: how often it was asked */

/* kfunc.c */
const Kfunc *vf_kfunc_at(const Verifier *v, s32 pc);    /* NULL: the program does not say, or nobody has it */
bool vf_do_kfunc(Verifier *v, const Insn *insn);

/* iter.c */
bool vf_iter_new(Verifier *v, int reg, const char *func);
bool vf_iter_use(Verifier *v, int reg, const char *func);
u32 vf_iter_elem(const char *func);                     /* bytes of an element that is a number, or 0 */
void vf_iter_next(Verifier *v, u32 frame, int slot);
bool vf_iter_at(Verifier *v, const State *s, u32 *frame, int *slot);
bool vf_iter_depths_differ(const State *a, const State *b);
bool vf_irq_save(Verifier *v, int reg);
bool vf_irq_restore(Verifier *v, int reg);

#endif
