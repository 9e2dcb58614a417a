/* Inside range*.c: the parts of a register's bounds. What these leave out of step vf_reg_sync() puts right. */
#ifndef VM_VERIFY_RANGE_H
#define VM_VERIFY_RANGE_H

#include "vm/verify/verify.h"

/* range.c */
void vf_reg_unbound32(Reg *r);
void vf_reg_unbound64(Reg *r);
void vf_reg_set_bounds(Reg *r, u64 value);     /* bounds and bits only */
void vf_reg_learn32_from_bits(Reg *r);
void vf_reg_learn_from_bits(Reg *r);

#endif
