/* graph: from the tree of tests to a graph in which every node knows where it goes.
 * Nodes are made from the end to the beginning, so that a node's successors have smaller numbers; walking by
 * falling number is walking along the packet's way. Equal nodes are one node. */
#include "filt/in.h"

#include <linux/filter.h>

static bool
same(const void *one, const void *two)
{
	const Node *x = one, *y = two;

	return x->op == y->op && x->k == y->k && x->e == y->e && x->t == y->t && x->f == y->f &&
		x->chain == y->chain && (x->set == y->set || (x->set && y->set && set_same(x->set, y->set)));
}

static u32
hash(const Node *n)
{
	u32 key[6] = { n->op, n->k, n->e ? n->e->id + 1 : 0, n->t ? n->t->id + 1 : 0, n->f ? n->f->id + 1 : 0,
		n->set ? base_hash(n->set->r, sizeof(Range) * n->set->n) : 0 };

	return base_hash(key, sizeof(key));
}

static Node *
find(Graph *g, Node key)
{
	void **at = filt_once(&g->nodes, g->a, hash(&key), &key, same);
	Node *n = *at;

	if (n)
		return n;
	*at = n = NEW(g->a, Node);
	*n = key;
	n->id = g->node.n;
	n->tests = (n->t ? n->t->tests : 0) | (n->f ? n->f->tests : 0) | (n->op == N_TEST ? 1ull << (n->e->id & 63) : 0);
	VEC_PUSH(g->a, &g->node, n);
	return n;
}

Graph *
graph_new(Arena *a)
{
	Graph *g = NEW(a, Graph);

	g->a = a;
	g->no = find(g, (Node){ .op = N_RET, .k = 0 });
	g->yes = find(g, (Node){ .op = N_RET, .k = 1 });
	return g;
}

/* The bits of a mask are the upper ones of a value <= hi: then value & mask is an interval of values. */
static bool
upper_mask(u32 mask, u32 hi)
{
	u32 low = ~mask & hi;

	return hi == 0xffffffffu || hi == 0xffff || hi == 0xff ? (low & (low + 1)) == 0 : false;
}

static Node *
test(Graph *g, Ex *e, const Set *set, Node *t, Node *f)
{
	if (t == f && !g->plain)
		return t;
	if (!g->plain || !e->may_fail) {
		const Set *all = set_range(g->a, 0, e->hi);

		set = set_and(g->a, set, all);
		if (!set->n)
			return f;
		if (set_same(set, all))
			return t;
	}
	return find(g, (Node){ .op = N_TEST, .e = e, .set = set, .t = t, .f = f });
}

/* x & mask in set, mask of upper bits: a test on x itself. */
static const Set *
unmask(Graph *g, const Set *set, u32 mask, u32 hi)
{
	u32 low = ~mask & hi;
	const Set *out = set_range(g->a, 1, 0);

	for (u32 i = 0; i < set->n; i++) {
		u64 lo = ((u64)set->r[i].lo + low) & ~(u64)low, end = set->r[i].hi & ~low;

		if (lo <= end)
			out = set_or(g->a, out, set_range(g->a, (u32)lo, (u32)end | low));
	}
	return out;
}

Node *
graph_test(Graph *g, Ex *e, const Set *set, Node *t, Node *f)
{
	if (e->op == X_IMM)
		return set_has(set, e->k) ? t : f;
	if (!g->plain) {
		/* one bit: 0 or the bit, nothing else */
		if (e->op == X_ALU && e->alu == BPF_AND && e->b->op == X_IMM && e->b->k && !(e->b->k & (e->b->k - 1)) &&
		    !upper_mask(e->b->k, e->a->hi)) {
			bool zero = set_has(set, 0), one = set_has(set, e->b->k);

			if (zero == one)
				return zero ? t : f;
			return test(g, e, set_range(g->a, 0, 0), zero ? t : f, zero ? f : t);
		}
		if (e->op == X_CMP && e->a == e->b && !e->may_fail)
			return graph_test(g, ex_imm(g, e->alu != BPF_JGT), set, t, f);
		if (e->op == X_ALU && e->alu == BPF_AND && e->b->op == X_IMM && upper_mask(e->b->k, e->a->hi))
			return graph_test(g, e->a, unmask(g, set, e->b->k, e->a->hi), t, f);
	}
	return test(g, e, set, t, f);
}

Node *
graph_let(Graph *g, u32 cell, Ex *e, Node *t)
{
	return find(g, (Node){ .op = N_LET, .k = cell, .e = e, .t = t });
}

Node *
graph_chain(Graph *g, Chain *c, Node *t, Node *f)
{
	if (t == f && !g->plain)
		return t;
	return find(g, (Node){ .op = N_CHAIN, .chain = c, .t = t, .f = f });
}

/* Lists lean to the left: the loop follows that side, so that recursion is as deep as the parentheses. */
Node *
graph_lower(Graph *g, Bool *b, Node *t, Node *f)
{
	for (;;) {
		switch (b->op) {
		case B_TRUE: return t;
		case B_FALSE: return f;
		case B_TEST: return graph_test(g, b->e, b->set, t, f);
		case B_IF:
			return graph_test(g, b->e, b->set, graph_lower(g, b->l, t, f), graph_lower(g, b->r, t, f));
		case B_LET: return graph_let(g, b->cell, b->e, t);
		case B_CHAIN: return graph_chain(g, b->chain, t, f);
		case B_AND: t = graph_lower(g, b->r, t, f); break;
		case B_OR: f = graph_lower(g, b->r, t, f); break;
		case B_NOT: {
			Node *x = t;

			t = f;
			f = x;
		}
		}
		b = b->l;
	}
}
