/* gvn: one computation per value. Walks down the dominator tree with a table of what has been computed above: a second
 * equal operation, invariant load or call of a helper that gives the same all through a run (pid_tgid) becomes the first. */
#include "ir/ir.h"
#include "ir/pass.h"

typedef struct Table {
	Fn *fn;
	Arena *a;
	Ref *slot;
	u32 cap;
	VecU32 undo;            /* slots in the order they were filled */
} Table;

static u32
hash_of(const Fn *fn, Ins *i)
{
	u32 h = i->op * 31u + i->size;
	Ref *o;

	(void)fn;
	for (u32 n = 0; (o = operand(i, n)); n++)
		h = (h ^ *o) * 0x9e3779b1u;
	return (h ^ (u32)i->imm * 0x85ebca6bu) * 0xc2b2ae35u >> 7;
}

static bool
same(Ins *x, Ins *y)
{
	Ref *o, *p;

	if (x->op != y->op || x->size != y->size || x->imm != y->imm || x->imm2 != y->imm2 || x->n_args != y->n_args)
		return false;
	for (u32 n = 0; (o = operand(x, n)) && (p = operand(y, n)); n++)
		if (*o != *p)
			return false;
	return true;
}

/* The earlier equal of r, or r itself, which is then in the table. */
static Ref
find(Table *t, Ref r)
{
	Ins *i = at(t->fn, r);

	for (u32 k = hash_of(t->fn, i) & (t->cap - 1);; k = (k + 1) & (t->cap - 1)) {
		if (!t->slot[k]) {
			t->slot[k] = r;
			VEC_PUSH(t->a, &t->undo, k);
			return r;
		}
		if (same(at(t->fn, t->slot[k]), i))
			return t->slot[k];
	}
}

static void
number_block(Table *t, const Block *b)
{
	Fn *fn = t->fn;
	Ref *o, first;

	for (u32 n = 0; n < b->ins.n; n++) {
		Ref r = b->ins.v[n];
		Ins i = *at(fn, r);

		if (i.op == IR_none)
			continue;
		for (u32 x = 0; (o = operand(&i, x)); x++)
			*o = alias(fn, *o);
		if (ir_op_is(i.op, 'c') && i.a > i.b && !is_const(fn, i.b)) {
			Ref swap = i.a;

			i.a = i.b;
			i.b = swap;
		}
		*at(fn, r) = i;
		if (!ir_is_lasting(&i))
			continue;
		first = find(t, r);
		if (first != r)
			replace(fn, r, first);
	}
}

void
ir_gvn(Fn *fn, const IrOptions *opt)
{
	Arena *a = arena_new();
	Cfg *c = ir_cfg(fn, a);
	Table t = { .fn = fn, .a = a, .cap = 64 };
	u32 *mark = NEW_N(a, u32, fn->blocks.n), *stack = NEW_N(a, u32, fn->blocks.n + 1), depth = 0, n = 0;
	u32 *tree = NEW_N(a, u32, 2 * fn->blocks.n);

	(void)opt;
	while (t.cap < fn->ins.n * 2)
		t.cap *= 2;
	t.slot = NEW_N(a, Ref, t.cap);
	/* blocks in the order of the dominator tree: by their number on the way down */
	memset(tree, 0xff, 2 * fn->blocks.n * sizeof(u32));
	for (u32 k = 0; k < c->n; k++)
		tree[c->pre[c->order[k]]] = c->order[k];
	for (u32 k = 0; k < 2 * fn->blocks.n; k++) {
		u32 b = tree[k];

		if (b == NO_BLOCK)
			continue;
		while (depth && !dominates(c, stack[depth - 1], b)) {
			depth--;
			while (t.undo.n > mark[stack[depth]])
				t.slot[t.undo.v[--t.undo.n]] = 0;
		}
		mark[b] = t.undo.n;
		stack[depth++] = b;
		number_block(&t, fn->blocks.v[b]);
		n++;
	}
	arena_free(a);
	ir_tidy(fn);
}
