/* print: the text form of a unit, which read.c reads back.
 *
 *	fn main 1               name, number of parameters
 *	mem0 16 align 8
 *	b0:                     or "b3 cold:"
 *		%1 = load.8 [p0+16] invariant
 *		%2 = shr %1 32
 *		store.4 [mem0+8] %2
 *		zero [mem0] 8
 *		copy [mem0] [val1.8] 16
 *		%3 = call map_lookup_elem map0 mem0
 *		%4 = atomic.8.1 [%3] 1
 *		br %3 b1 b2
 *		%7 = phi b1 %3, b2 0
 *		ret 0
 *
 * Leaves stand where they are used: 5 (const), p0 (param), map0, val1.16 (mapval, byte offset), mem0, fn1. Values are
 * numbered in the order of printing. */
#include "ir/ir.h"
#include "ir/pass.h"

static void
print_ref(const Fn *fn, const u32 *number, Ref r, Buf *out)
{
	const Ins *i;

	r = alias(fn, r);
	i = at(fn, r);
	switch (i->op) {
	case IR_const:  buf_printf(out, "%lld", (long long)i->imm); break;
	case IR_param:  buf_printf(out, "p%lld", (long long)i->imm); break;
	case IR_map:    buf_printf(out, "map%lld", (long long)i->imm); break;
	case IR_mapval: buf_printf(out, "val%lld.%u", (long long)i->imm, i->imm2); break;
	case IR_mem:    buf_printf(out, "mem%lld", (long long)i->imm); break;
	case IR_fnref:  buf_printf(out, "fn%lld", (long long)i->imm); break;
	default:        buf_printf(out, "%%%u", number[r]);
	}
}

static void
print_address(const Fn *fn, const u32 *number, Ref base, s64 off, Buf *out)
{
	buf_puts(out, " [");
	print_ref(fn, number, base, out);
	if (off)
		buf_printf(out, "%+lld", (long long)off);
	buf_putc(out, ']');
}

static void
print_operands(const Fn *fn, const u32 *number, const Block *b, Ins *i, Buf *out)
{
	const Helper *h;

	switch (i->op) {
	case IR_load: case IR_loads:
		print_address(fn, number, i->a, i->imm, out);
		return;
	case IR_store:
		print_address(fn, number, i->a, i->imm, out);
		break;
	case IR_atomic:
		buf_printf(out, ".%lld", (long long)i->imm);
		print_address(fn, number, i->a, (s32)i->imm2, out);
		break;
	case IR_zero:
		print_address(fn, number, i->a, (s32)i->imm2, out);
		buf_printf(out, " %lld", (long long)i->imm);
		return;
	case IR_copy:
		print_address(fn, number, i->a, (s32)i->imm2, out);
		print_address(fn, number, i->b, 0, out);
		buf_printf(out, " %lld", (long long)i->imm);
		return;
	case IR_phi:
		for (u32 n = 0; n < i->n_args; n++) {
			buf_printf(out, "%s b%u ", n ? "," : "", b->preds.v[n]);
			print_ref(fn, number, i->args[n], out);
		}
		return;
	case IR_call:
		h = bpf_helper((u32)i->imm);
		if (h)
			buf_printf(out, " %s", h->name);
		else
			buf_printf(out, " %lld", (long long)i->imm);
		for (u32 n = 0; n < i->n_args; n++) {
			buf_putc(out, ' ');
			print_ref(fn, number, i->args[n], out);
		}
		return;
	case IR_jmp:
		buf_printf(out, " b%u", b->succ[0]);
		return;
	default:
		buf_putc(out, ' ');
		print_ref(fn, number, i->a, out);
	}
	if (i->op == IR_br)
		buf_printf(out, " b%u b%u", b->succ[0], b->succ[1]);
	if (operand(i, 1)) {
		buf_putc(out, ' ');
		print_ref(fn, number, i->b, out);
	}
}

static void
print_ins(const Fn *fn, const u32 *number, const Block *b, Ref r, Buf *out)
{
	Ins *i = at(fn, r);

	buf_putc(out, '\t');
	if (ir_has_value(i))
		buf_printf(out, "%%%u = ", number[r]);
	buf_puts(out, ir_ops[i->op].name);
	if (i->size)
		buf_printf(out, ".%u", i->size);
	print_operands(fn, number, b, i, out);
	if (i->flags & IF_INVARIANT)
		buf_puts(out, " invariant");
	if (i->flags & IF_VOLATILE)
		buf_puts(out, " volatile");
	buf_putc(out, '\n');
}

static void
print_fn(const Fn *fn, Buf *out)
{
	Arena *a = arena_new();
	u32 *number = NEW_N(a, u32, fn->ins.n), next = 1;

	buf_printf(out, "fn %s %u\n", fn->name, fn->n_params);
	for (u32 n = 0; n < fn->mems.n; n++)
		buf_printf(out, "mem%u %u align %u\n", n, fn->mems.v[n].size, fn->mems.v[n].align);
	for (u32 n = 0; n < fn->blocks.n; n++)
		for (u32 k = 0; k < fn->blocks.v[n]->ins.n; k++)
			if (ir_has_value(at(fn, fn->blocks.v[n]->ins.v[k])))
				number[fn->blocks.v[n]->ins.v[k]] = next++;
	for (u32 n = 0; n < fn->blocks.n; n++) {
		const Block *b = fn->blocks.v[n];

		buf_printf(out, "b%u%s:\n", b->id, b->cold ? " cold" : "");
		for (u32 k = 0; k < b->ins.n; k++)
			if (at(fn, b->ins.v[k])->op != IR_none)
				print_ins(fn, number, b, b->ins.v[k], out);
	}
	arena_free(a);
}

void
ir_print(const Unit *u, Buf *out)
{
	for (u32 n = 0; n < u->fns.n; n++)
		print_fn(u->fns.v[n], out);
}
