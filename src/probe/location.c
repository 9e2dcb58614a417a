/* location: emits the evaluation of a DWARF expression: where a value of a user program lies, or what it is. The expression's stack is
 * kept while emitting; what it holds are values of the program that is built. */
#include "probe/inside.h"

enum { DEPTH = 16 };

typedef struct Eval {
	ProbeContext *pc;
	Fn *fn;
	const DwarfParam *param;
	const UnwindRow *row;           /* of the place, for the canonical frame address; or NULL */
	Ref stack[DEPTH];
	u32 n;
	bool bad, is_value;             /* is_value: the result is the value itself, not its address */
} Eval;

static void
push(Eval *e, Ref r)
{
	if (e->n == DEPTH)
		e->bad = true;
	else
		e->stack[e->n++] = r;
}

static Ref
pop(Eval *e)
{
	if (!e->n) {
		e->bad = true;
		return ir_const(e->fn, 0);
	}
	return e->stack[--e->n];
}

static Ref
reg(Eval *e, u64 number)
{
	int at = regs_dwarf(number);

	if (at < 0) {
		e->bad = true;
		return ir_const(e->fn, 0);
	}
	return regs_load_offset(e->fn, (u32)at);
}

/* The canonical frame address, where the row gives it from a register of this frame. */
static Ref
frame_address(Eval *e)
{
	u32 base = e->row ? e->row->how >> UNWIND_BASE_SHIFT & 3 : 0;

	if (!e->row || (e->row->how & UNWIND_MODE) != UNWIND_OFFSET || base > UNWIND_FP) {
		e->bad = true;
		return ir_const(e->fn, 0);
	}
	return ir_bini(e->fn, IR_add, regs_load_offset(e->fn, regs_unwind(1 + base)), e->row->cfa);
}

static u64
uleb(const u8 **p, const u8 *end)
{
	u64 v = 0;

	for (u32 shift = 0; *p < end; shift += 7) {
		u8 b = *(*p)++;

		v |= shift < 64 ? (u64)(b & 0x7f) << shift : 0;
		if (!(b & 0x80))
			break;
	}
	return v;
}

static s64
sleb(const u8 **p, const u8 *end)
{
	u32 shift = 0;
	u64 v = 0;
	u8 b = 0;

	do {
		if (*p >= end)
			return 0;
		b = *(*p)++;
		v |= shift < 64 ? (u64)(b & 0x7f) << shift : 0;
		shift += 7;
	} while (b & 0x80);
	return (s64)(shift < 64 && b & 0x40 ? v | ~0ull << shift : v);
}

static s64
fixed(Eval *e, const u8 **p, const u8 *end, u32 size, bool sign)
{
	u64 v = 0;

	if ((u64)(end - *p) < size) {
		e->bad = true;
		return 0;
	}
	memcpy(&v, *p, size);
	*p += size;
	return sign && size < 8 ? (s64)(v << (64 - 8 * size)) >> (64 - 8 * size) : (s64)v;
}

static void run(Eval *e, Bytes expr, bool frame);

static void
binary(Eval *e, IrOp op)
{
	Ref b = pop(e), a = pop(e);

	push(e, ir_bin(e->fn, op, a, b));
}

/* One operation; p stands behind its code. */
static void
operation(Eval *e, u8 op, const u8 **p, const u8 *end, bool frame)
{
	static const struct { u8 op, ir; } two[] = {
		{ 0x1a, IR_and }, { 0x1c, IR_sub }, { 0x1e, IR_mul }, { 0x21, IR_or }, { 0x22, IR_add }, { 0x24, IR_shl }, { 0x25, IR_shr },
		{ 0x26, IR_sar }, { 0x27, IR_xor },
	};
	Ref a, b;

	for (u32 i = 0; i < COUNT(two); i++)
		if (two[i].op == op) {
			binary(e, (IrOp)two[i].ir);
			return;
		}
	if (op >= 0x30 && op <= 0x4f) {                 /* lit0 to lit31 */
		push(e, ir_const(e->fn, op - 0x30));
	} else if (op >= 0x50 && op <= 0x6f) {          /* the value is in a register */
		push(e, reg(e, op - 0x50u));
		e->is_value = !frame;
	} else if (op >= 0x70 && op <= 0x8f) {          /* register + offset */
		a = reg(e, op - 0x70u);
		push(e, ir_bini(e->fn, IR_add, a, sleb(p, end)));
	} else if (op >= 0x08 && op <= 0x0f) {          /* const1u, const1s .. const8s */
		push(e, ir_const(e->fn, fixed(e, p, end, 1u << (op - 0x08) / 2, op & 1)));
	} else {
		switch (op) {
		case 0x06: push(e, probe_read(e->pc, e->fn, AS_USER, pop(e), 8, false)); break;
		case 0x10: push(e, ir_const(e->fn, (s64)uleb(p, end))); break;
		case 0x11: push(e, ir_const(e->fn, sleb(p, end))); break;
		case 0x12: a = pop(e); push(e, a); push(e, a); break;
		case 0x13: pop(e); break;
		case 0x16: a = pop(e); b = pop(e); push(e, a); push(e, b); break;
		case 0x1f: push(e, ir_un(e->fn, IR_neg, pop(e))); break;
		case 0x20: push(e, ir_un(e->fn, IR_not, pop(e))); break;
		case 0x23: a = pop(e); push(e, ir_bini(e->fn, IR_add, a, (s64)uleb(p, end))); break;
		case 0x90: push(e, reg(e, uleb(p, end))); e->is_value = !frame; break;
		case 0x91:                              /* frame base + offset */
			if (frame) {
				e->bad = true;
				break;
			}
			run(e, e->param->frame, true);
			a = pop(e);
			push(e, ir_bini(e->fn, IR_add, a, sleb(p, end)));
			break;
		case 0x92: a = reg(e, uleb(p, end)); push(e, ir_bini(e->fn, IR_add, a, sleb(p, end))); break;
		case 0x9c: push(e, frame_address(e)); break;
		case 0x9f: e->is_value = true; break;
		default: e->bad = true;                 /* pieces, values at entry, thread-local places, types */
		}
	}
}

static void
run(Eval *e, Bytes expr, bool frame)
{
	const u8 *p = expr.p, *end = p + expr.n;

	e->bad |= !expr.n;
	while (p < end && !e->bad) {
		u8 op = *p++;

		operation(e, op, &p, end, frame);
	}
}

bool
location_load(ProbeContext *pc, Fn *fn, const DwarfParam *param, const UnwindRow *row, Ref *out)
{
	const Type *t = param->type;
	Eval e = { .pc = pc, .fn = fn, .param = param, .row = row };

	if (param->is_const) {
		*out = ir_const(fn, param->value);
	} else {
		run(&e, param->loc, false);
		*out = pop(&e);
		if (e.bad || (e.is_value && t->size > 8))
			return false;
		if (!e.is_value && t->kind != TY_STRUCT && t->kind != TY_ARRAY)
			*out = probe_read(pc, fn, AS_USER, *out, t->size, t->sign);
		else if (e.is_value && (t->kind == TY_STRUCT || t->kind == TY_ARRAY))
			return false;
	}
	if (t->size < 8 && t->kind != TY_STRUCT && t->kind != TY_ARRAY)
		*out = ir_ext(fn, *out, t->size, t->sign);
	return true;
}
