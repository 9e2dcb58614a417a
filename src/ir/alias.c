/* alias: which memory an address is in, and what may touch it. Memory is told apart by where its address comes from:
 * a Mem of our own, the value of a map, a record of the ring. Addresses of unknown origin may be any but a Mem whose
 * address never left. */
#include "ir/ir.h"
#include "ir/pass.h"

Place
ir_place_of(const Fn *fn, Ref base, s64 off)
{
	Place p = { .off = off };
	Ref r = base;

	for (;;) {
		const Ins *i = at(fn, r);

		if (i->op != IR_add)
			break;
		if (is_const(fn, i->b) && r == base) {
			p.off += at(fn, i->b)->imm;
			base = i->a;
		}
		/* pointer + number, on either side */
		r = at(fn, i->a)->op == IR_mapval || at(fn, i->a)->op == IR_mem || is_const(fn, i->b) ||
		    (at(fn, i->b)->op != IR_mapval && at(fn, i->b)->op != IR_mem) ? i->a : i->b;
	}
	p.base = base;
	switch (at(fn, r)->op) {
	case IR_mem:
		p.kind = PK_MEM;
		p.index = (u32)at(fn, r)->imm;
		break;
	case IR_mapval:
		p.kind = PK_MAP;
		p.index = (u32)at(fn, r)->imm;
		if (base == r) {        /* one base per map */
			p.off += at(fn, r)->imm2;
			p.base = NO_BLOCK - p.index;
		}
		break;
	case IR_param:
		p.kind = PK_CONTEXT;
		break;
	case IR_call:
		if (at(fn, r)->imm == BPF_FUNC_ringbuf_reserve) {
			p.kind = PK_RECORD;
			p.index = r;
		} else if (at(fn, r)->imm == BPF_FUNC_map_lookup_elem && at(fn, at(fn, r)->args[0])->op == IR_map) {
			p.kind = PK_MAP;
			p.index = (u32)at(fn, at(fn, r)->args[0])->imm;
		}
		break;
	default:
		break;
	}
	return p;
}

bool
ir_may_alias(const Place *x, u32 n, const Place *y, u32 m)
{
	if (x->kind == PK_UNKNOWN || y->kind == PK_UNKNOWN)
		return x->kind != PK_CONTEXT && y->kind != PK_CONTEXT;
	if (x->kind != y->kind || x->index != y->index)
		return false;
	return x->base != y->base || (x->off < y->off + m && y->off < x->off + n);
}

/* Mems whose address is kept somewhere: stored, merged by a phi, computed with. */
bool *
ir_escapes(const Fn *fn, Arena *a)
{
	bool *gone = NEW_N(a, bool, fn->mems.n + 1);
	Ref *o;

	for (u32 k = 0; k < fn->blocks.n; k++)
		for (u32 n = 0; n < fn->blocks.v[k]->ins.n; n++) {
			Ins *i = at(fn, fn->blocks.v[k]->ins.v[n]);

			for (u32 x = 0; (o = operand(i, x)); x++) {
				Place p = ir_place_of(fn, *o, 0);
				bool address = ir_ops[i->op].args[x ? 1 : 0] == 'b';

				if (p.kind != PK_MEM || address || i->op == IR_call || is_compare(i->op) || (i->op == IR_add && !x))
					continue;
				gone[p.index] = true;
			}
		}
	return gone;
}

/* What the k-th argument of a call is to its helper: a letter of helpers.def, '?' if unknown. */
char
ir_arg_letter(const Ins *i, u32 k)
{
	const Helper *h = bpf_helper((u32)i->imm);

	return h && k < strlen(h->sig) && h->sig[k] != '>' ? h->sig[k] : '?';
}

/* Bytes that a call surely writes through its k-th argument, 0 if unknown (get_current_comm: Linux 5.19 to 6.3 may stop
 * behind the name). */
u32
ir_arg_written(const Fn *fn, const Ins *i, u32 k)
{
	switch (i->imm) {
	case BPF_FUNC_probe_read: case BPF_FUNC_probe_read_kernel: case BPF_FUNC_probe_read_user:
		return k == 0 && is_const(fn, i->args[1]) ? (u32)at(fn, i->args[1])->imm : 0;
	default:
		return 0;
	}
}
