/* ops: the rows of ops.def, and what can be asked of an operation. */
#include "ir/ir.h"
#include "ir/pass.h"

const OpRow ir_ops[N_IR_OP] = {
#define OP(name, args, flags) [IR_##name] = { #name, args, flags },
#include "ir/ops.def"
#undef OP
};

bool
ir_has_value(const Ins *i)
{
	switch (i->op) {
	case IR_none: case IR_store: case IR_zero: case IR_copy:
	case IR_jmp: case IR_br: case IR_ret:
		return false;
	case IR_atomic:
		return i->imm & BPF_FETCH;
	default:
		return true;
	}
}

static u32
helper_effects(u32 id)
{
	const Helper *h = bpf_helper(id);
	u32 fx = 0;

	if (!h)
		return FX_READS | FX_WRITES | FX_STAYS;
	if (h->effects & HE_READS)
		fx |= FX_READS;
	if (h->effects & (HE_WRITES | HE_MAP_WRITES))
		fx |= FX_WRITES | FX_STAYS;
	if (h->effects & HE_IO)
		fx |= FX_STAYS;
	return fx;
}

bool
ir_op_is(u8 op, char flag)
{
	return strchr(ir_ops[op].flags, flag) != NULL;
}

u32
ir_effects(const Ins *i)
{
	u32 fx = 0;

	if (i->op == IR_call)
		return helper_effects((u32)i->imm);
	if (ir_op_is(i->op, 'l') && !(i->flags & IF_INVARIANT))
		fx |= FX_READS;
	if (ir_op_is(i->op, 's'))
		fx |= FX_WRITES | FX_STAYS;
	if (ir_op_is(i->op, 't') || i->flags & IF_VOLATILE)
		fx |= FX_STAYS;
	return fx;
}

static const u8 inverse[] = {
	[IR_eq] = IR_ne, [IR_ne] = IR_eq, [IR_ult] = IR_uge, [IR_uge] = IR_ult, [IR_ule] = IR_ugt, [IR_ugt] = IR_ule,
	[IR_slt] = IR_sge, [IR_sge] = IR_slt, [IR_sle] = IR_sgt, [IR_sgt] = IR_sle, [IR_any] = IR_none,
};
static const u8 swapped[] = {
	[IR_eq] = IR_eq, [IR_ne] = IR_ne, [IR_ult] = IR_ugt, [IR_ugt] = IR_ult, [IR_ule] = IR_uge, [IR_uge] = IR_ule,
	[IR_slt] = IR_sgt, [IR_sgt] = IR_slt, [IR_sle] = IR_sge, [IR_sge] = IR_sle, [IR_any] = IR_any,
};

IrOp
ir_inverse(IrOp cmp)
{
	return inverse[cmp];
}

IrOp
ir_swapped(IrOp cmp)
{
	return swapped[cmp];
}

bool
ir_is_lasting(const Ins *i)
{
	const Helper *h;

	if (ir_effects(i) || i->flags & IF_VOLATILE || i->op == IR_phi)
		return false;
	if (i->op == IR_call) {
		h = bpf_helper((u32)i->imm);
		return h && h->effects == HE_CONST;
	}
	return ir_op_is(i->op, 'p') || i->flags & IF_INVARIANT;
}
