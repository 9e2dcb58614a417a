/* cfg: the order of blocks, dominators, loops; edges made and removed. */
#include "ir/ir.h"
#include "ir/pass.h"

#include <assert.h>

/* Postorder by an own stack; order gets the reverse of it. */
static void
number_blocks(const Fn *fn, Cfg *c, Arena *a)
{
	u32 *stack = NEW_N(a, u32, fn->blocks.n + 1), depth = 0, n = fn->blocks.n;
	u8 *next = NEW_N(a, u8, fn->blocks.n);

	for (u32 k = 0; k < fn->blocks.n; k++)
		c->number[k] = NO_BLOCK;
	stack[depth++] = 0;
	c->number[0] = 0;
	while (depth) {
		u32 b = stack[depth - 1], s;

		if (next[b] == 2) {
			c->order[--n] = b;
			depth--;
			continue;
		}
		/* The second successor first: the first one then follows its block in reverse postorder. */
		s = fn->blocks.v[b]->succ[1 - next[b]++];
		if (s != NO_BLOCK && c->number[s] == NO_BLOCK) {
			c->number[s] = 0;
			stack[depth++] = s;
		}
	}
	c->n = fn->blocks.n - n;
	memmove(c->order, c->order + n, c->n * sizeof(u32));
	for (u32 k = 0; k < c->n; k++)
		c->number[c->order[k]] = k;
}

static u32
intersect(const Cfg *c, u32 a, u32 b)
{
	while (a != b) {
		while (c->number[a] > c->number[b])
			a = c->idom[a];
		while (c->number[b] > c->number[a])
			b = c->idom[b];
	}
	return a;
}

/* Cooper, Harvey, Kennedy: "A Simple, Fast Dominance Algorithm". */
static void
find_dominators(const Fn *fn, Cfg *c)
{
	bool again = true;

	for (u32 k = 0; k < fn->blocks.n; k++)
		c->idom[k] = NO_BLOCK;
	c->idom[0] = 0;
	while (again) {
		again = false;
		for (u32 k = 1; k < c->n; k++) {
			const Block *b = fn->blocks.v[c->order[k]];
			u32 dom = NO_BLOCK;

			for (u32 p = 0; p < b->preds.n; p++) {
				u32 from = b->preds.v[p];

				if (c->number[from] == NO_BLOCK || c->idom[from] == NO_BLOCK)
					continue;
				dom = dom == NO_BLOCK ? from : intersect(c, dom, from);
			}
			if (dom != c->idom[b->id]) {
				c->idom[b->id] = dom;
				again = true;
			}
		}
	}
	c->idom[0] = NO_BLOCK;
}

static void
number_tree(Cfg *c, Arena *a, u32 n)
{
	u32 *child = NEW_N(a, u32, n), *sibling = NEW_N(a, u32, n), *stack = NEW_N(a, u32, n + 1), depth = 0, t = 0;

	for (u32 k = 0; k < n; k++)
		child[k] = sibling[k] = NO_BLOCK;
	for (u32 k = c->n; k-- > 1;) {
		u32 b = c->order[k];

		sibling[b] = child[c->idom[b]];
		child[c->idom[b]] = b;
	}
	stack[depth++] = 0;
	c->pre[0] = t++;
	while (depth) {
		u32 b = stack[depth - 1], k = child[b];

		if (k == NO_BLOCK) {
			c->post[b] = t++;
			depth--;
			continue;
		}
		child[b] = sibling[k];
		c->pre[k] = t++;
		c->depth[k] = c->depth[b] + 1;
		stack[depth++] = k;
	}
}

/* Each back edge to a header that dominates its tail: all that reaches the tail without the header is in the loop. */
static void
find_loops(const Fn *fn, Cfg *c, Arena *a)
{
	u32 *stack = NEW_N(a, u32, fn->blocks.n + 1), *mark = NEW_N(a, u32, fn->blocks.n);

	for (u32 k = 0; k < c->n; k++) {
		u32 head = c->order[k], depth = 0;
		const Block *h = fn->blocks.v[head];

		for (u32 p = 0; p < h->preds.n; p++) {
			u32 tail = h->preds.v[p];

			if (c->number[tail] == NO_BLOCK || c->number[tail] < k)
				continue;
			c->cyclic = true;
			if (!dominates(c, head, tail) || mark[tail] == head + 1)
				continue;
			mark[tail] = head + 1;
			stack[depth++] = tail;
		}
		if (!depth)
			continue;
		if (mark[head] != head + 1)
			c->loops[head]++;
		mark[head] = head + 1;
		while (depth) {
			u32 b = stack[--depth];

			c->loops[b]++;
			for (u32 p = 0; b != head && p < fn->blocks.v[b]->preds.n; p++) {
				u32 from = fn->blocks.v[b]->preds.v[p];

				if (c->number[from] == NO_BLOCK || mark[from] == head + 1)
					continue;
				mark[from] = head + 1;
				stack[depth++] = from;
			}
		}
	}
}

Cfg *
ir_cfg(const Fn *fn, Arena *a)
{
	Cfg *c = NEW(a, Cfg);
	u32 n = fn->blocks.n;

	c->order = NEW_N(a, u32, n);
	c->number = NEW_N(a, u32, n);
	c->idom = NEW_N(a, u32, n);
	c->depth = NEW_N(a, u32, n);
	c->loops = NEW_N(a, u32, n);
	c->pre = NEW_N(a, u32, n);
	c->post = NEW_N(a, u32, n);
	number_blocks(fn, c, a);
	find_dominators(fn, c);
	number_tree(c, a, n);
	find_loops(fn, c, a);
	return c;
}

u32
ir_common_dom(const Cfg *c, u32 a, u32 b)
{
	return intersect(c, a, b);
}

void
ir_remove_edge(Fn *fn, u32 from, u32 to)
{
	Block *b = fn->blocks.v[to];
	u32 p = 0;

	while (p < b->preds.n && b->preds.v[p] != from)
		p++;
	assert(p < b->preds.n);
	b->preds.n--;
	memmove(b->preds.v + p, b->preds.v + p + 1, (b->preds.n - p) * sizeof(u32));
	for (u32 k = 0; k < b->ins.n; k++) {
		Ins *i = at(fn, b->ins.v[k]);

		if (i->op == IR_none)
			continue;
		if (i->op != IR_phi)
			break;
		i->n_args--;
		memmove(i->args + p, i->args + p + 1, (i->n_args - p) * sizeof(Ref));
	}
}

u32
ir_split_edge(Fn *fn, u32 from, u32 which)
{
	u32 to = fn->blocks.v[from]->succ[which], mid = ir_block(fn);
	Block *b = fn->blocks.v[mid], *t = fn->blocks.v[to];

	b->cold = t->cold;
	b->sealed = true;
	VEC_PUSH(fn->a, &b->preds, from);
	VEC_PUSH(fn->a, &b->ins, ir_new(fn, mid, (Ins){ .op = IR_jmp }));
	b->succ[0] = to;
	fn->blocks.v[from]->succ[which] = mid;
	for (u32 p = 0; p < t->preds.n; p++)
		if (t->preds.v[p] == from) {
			t->preds.v[p] = mid;
			break;
		}
	return mid;
}

u32 *
ir_count_uses(const Fn *fn, Arena *a)
{
	u32 *uses = NEW_N(a, u32, fn->ins.n);
	Ref *o;

	for (u32 k = 0; k < fn->blocks.n; k++)
		for (u32 n = 0; n < fn->blocks.v[k]->ins.n; n++)
			for (u32 x = 0; (o = operand(at(fn, fn->blocks.v[k]->ins.v[n]), x)); x++)
				uses[*o]++;
	return uses;
}
