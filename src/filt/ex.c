/* ex: values that tests look at. One value is one Ex: constructors fold constants and find equals. */
#include "filt/in.h"

#include <linux/filter.h>

enum { NEVER = 0x7fffffff };    /* an offset no packet has: the load rejects */

static bool
same(const void *one, const void *two)
{
	const Ex *x = one, *y = two;

	return x->op == y->op && x->size == y->size && x->alu == y->alu && x->k == y->k && x->a == y->a && x->b == y->b;
}

static u32
hash(const Ex *x)
{
	u32 key[6] = { x->op, x->size, x->alu, x->k, x->a ? x->a->id + 1 : 0, x->b ? x->b->id + 1 : 0 };

	return base_hash(key, sizeof(key));
}

static u32
top_bits(u32 v)
{
	for (u32 s = 1; s < 32; s *= 2)
		v |= v >> s;
	return v;
}

/* No value of the operation is greater. */
static u32
bound(const Ex *x)
{
	u64 l = x->a ? x->a->hi : 0, r = x->b ? x->b->hi : 0;

	switch (x->op) {
	case X_IMM: return x->k;
	case X_LD: return x->size == 1 ? 0xff : x->size == 2 ? 0xffff : 0xffffffffu;
	case X_CMP: case X_ASK: return 1;
	case X_ALU:
		switch (x->alu) {
		case BPF_ADD: return l + r <= 0xffffffffu ? (u32)(l + r) : 0xffffffffu;
		case BPF_MUL: return l * r <= 0xffffffffu ? (u32)(l * r) : 0xffffffffu;
		case BPF_AND: return (u32)MIN(l, r);
		case BPF_OR: case BPF_XOR: return top_bits((u32)l | (u32)r);
		case BPF_LSH:
			return x->b->op == X_IMM && x->b->k < 32 && l << x->b->k <= 0xffffffffu ? (u32)(l << x->b->k) : 0xffffffffu;
		case BPF_RSH: return x->b->op == X_IMM && x->b->k < 32 ? (u32)(l >> x->b->k) : (u32)l;
		case BPF_DIV: return x->b->op == X_IMM && x->b->k ? (u32)(l / x->b->k) : (u32)l;
		case BPF_MOD: return x->b->op == X_IMM && x->b->k ? MIN((u32)l, x->b->k - 1) : (u32)l;
		}
	}
	return 0xffffffffu;
}

static Ex *
find(Graph *g, Ex key)
{
	void **at = filt_once(&g->exes, g->a, hash(&key), &key, same);
	Ex *e = *at;

	if (e)
		return e;
	*at = e = NEW(g->a, Ex);
	*e = key;
	e->id = g->ex.n;
	e->hi = bound(e);
	e->cells = (e->op == X_CELL ? 1ull << e->k : 0) | (e->a ? e->a->cells : 0) | (e->b ? e->b->cells : 0);
	e->may_fail = e->op == X_LD || (e->a && e->a->may_fail) || (e->b && e->b->may_fail) ||
		(e->op == X_ALU && (e->alu == BPF_DIV || e->alu == BPF_MOD) && e->b->op != X_IMM);
	VEC_PUSH(g->a, &g->ex, e);
	return e;
}

Ex *ex_imm(Graph *g, u32 k) { return find(g, (Ex){ .op = X_IMM, .k = k }); }
Ex *ex_len(Graph *g) { return find(g, (Ex){ .op = X_LEN }); }
Ex *ex_ask(Graph *g, u32 number) { return find(g, (Ex){ .op = X_ASK, .k = number }); }
Ex *ex_cell(Graph *g, u32 cell) { return find(g, (Ex){ .op = X_CELL, .k = cell }); }

/* Offsets above 0xfff00000 are the kernel's (packet type, VLAN tag...), and no part of the packet. */
Ex *
ex_ld(Graph *g, u32 size, Ex *base, u32 k)
{
	if (base && base->op == X_IMM) {
		u64 at = (u64)base->k + k;

		return find(g, (Ex){ .op = X_LD, .size = (u8)size, .k = at >= NEVER ? NEVER : (u32)at });
	}
	/* A sum that cannot wrap: its constant goes into the offset. */
	if (base && base->op == X_ALU && base->alu == BPF_ADD && base->b->op == X_IMM &&
	    (u64)base->a->hi + base->b->k + k < NEVER)
		return ex_ld(g, size, base->a, k + base->b->k);
	return find(g, (Ex){ .op = X_LD, .size = (u8)size, .k = k, .a = base });
}

u32
alu_fold(u16 op, u32 a, u32 b)
{
	switch (op) {
	case BPF_ADD: return a + b;
	case BPF_SUB: return a - b;
	case BPF_MUL: return a * b;
	case BPF_DIV: return b ? a / b : 0;
	case BPF_MOD: return b ? a % b : 0;
	case BPF_AND: return a & b;
	case BPF_OR: return a | b;
	case BPF_XOR: return a ^ b;
	case BPF_LSH: return b < 32 ? a << b : 0;
	case BPF_RSH: return b < 32 ? a >> b : 0;
	}
	return 0;
}

static bool
commutes(u16 op)
{
	return op == BPF_ADD || op == BPF_MUL || op == BPF_AND || op == BPF_OR || op == BPF_XOR;
}

static bool
power_of_two(u32 k, u32 *bits)
{
	for (*bits = 0; *bits < 32; ++*bits)
		if (k == 1u << *bits)
			return true;
	return false;
}

Ex *
ex_alu(Graph *g, u16 op, Ex *a, Ex *b)
{
	u32 bits;

	if (a->op == X_IMM && b->op == X_IMM && (b->k || (op != BPF_DIV && op != BPF_MOD)))
		return ex_imm(g, alu_fold(op, a->k, b->k));
	if ((op == BPF_DIV || op == BPF_MOD) && b->op == X_IMM && !b->k)
		return ex_ld(g, 1, NULL, NEVER);        /* rejects, as a division by zero does */
	if (commutes(op) && a->op == X_IMM) {
		Ex *t = a;

		a = b;
		b = t;
	}
	if (b->op == X_IMM) {
		if (op == BPF_SUB) {
			op = BPF_ADD;
			b = ex_imm(g, -b->k);
		}
		if (op == BPF_MUL && power_of_two(b->k, &bits)) {
			op = BPF_LSH;
			b = ex_imm(g, bits);
		}
		if (!b->k && op != BPF_AND && op != BPF_MUL && op != BPF_DIV && op != BPF_MOD)
			return a;
		if (b->k == 1 && op == BPF_DIV)
			return a;
		if (op == BPF_AND && a->hi == top_bits(a->hi) && (b->k & a->hi) == a->hi)
			return a;
		/* (x op k1) op k2 */
		if (a->op == X_ALU && a->alu == op && a->b->op == X_IMM) {
			if (op == BPF_ADD || op == BPF_AND || op == BPF_OR || op == BPF_XOR || op == BPF_MUL)
				return ex_alu(g, op, a->a, ex_imm(g, alu_fold(op, a->b->k, b->k)));
			if ((op == BPF_LSH || op == BPF_RSH) && a->b->k + b->k < 32)
				return ex_alu(g, op, a->a, ex_imm(g, a->b->k + b->k));
		}
		if ((op == BPF_LSH || op == BPF_RSH) && b->k > 31 && !a->may_fail)
			return ex_imm(g, 0);
	}
	return find(g, (Ex){ .op = X_ALU, .alu = op, .a = a, .b = b });
}

Ex *
ex_neg(Graph *g, Ex *a)
{
	return a->op == X_IMM ? ex_imm(g, -a->k) : find(g, (Ex){ .op = X_NEG, .a = a });
}

Ex *
ex_cmp(Graph *g, u16 op, Ex *a, Ex *b)
{
	if (op == BPF_JEQ && a->id > b->id) {
		Ex *t = a;

		a = b;
		b = t;
	}
	return find(g, (Ex){ .op = X_CMP, .alu = op, .a = a, .b = b });
}

Ex *
ex_subst(Graph *g, Ex *e, Ex **by)
{
	Ex *a, *b;

	if (!e || !e->cells)
		return e;
	if (e->op == X_CELL)
		return by[e->k] ? by[e->k] : e;
	a = ex_subst(g, e->a, by);
	b = ex_subst(g, e->b, by);
	if (a == e->a && b == e->b)
		return e;
	switch (e->op) {
	case X_LD: return ex_ld(g, e->size, a, e->k);
	case X_ALU: return ex_alu(g, e->alu, a, b);
	case X_NEG: return ex_neg(g, a);
	}
	return ex_cmp(g, e->alu, a, b);
}
