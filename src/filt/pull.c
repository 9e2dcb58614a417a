/* pull: tests of one value come together.
 * In "src = 1 or dst = 1 or src = 2" all tests that succeed go to one place; the second test of src can be made with
 * the first, while its value is at hand. The same for tests that all fail to one place. */
#include "filt/in.h"

enum { FAR = 64 };

/* Where n goes if it does not go to `out`; NULL if it does not go to `out` on exactly one side. */
static Node *
on(const Node *n, const Node *out)
{
	if (n->op != N_TEST || (n->t == out) == (n->f == out))
		return NULL;
	return n->t == out ? n->f : n->t;
}

/* The nodes between n and the next test of n's value on the way past `out`; 0 if there is none. */
static u32
chain(const Node *n, const Node *out, const u32 *preds, Node **list)
{
	Node *c = on(n, out);
	u32 k = 0;

	for (; c && k < FAR && preds[c->id] == 1 && on(c, out); c = on(c, out)) {
		list[k++] = c;
		if (c->e == n->e)
			return k;
	}
	return 0;
}

static Node *
pulled(Graph *g, Node *n, const Node *out, const u32 *preds, Node **made)
{
	Node *list[FAR], *tail, *to = made[out->id], *last;
	u32 k = chain(n, out, preds, list);
	const Set *set, *other;

	if (k < 2)
		return NULL;
	last = list[k - 1];
	tail = made[on(last, out)->id];
	for (u32 i = k - 1; i-- > 0;)
		tail = list[i]->t == out ? graph_test(g, list[i]->e, list[i]->set, to, tail) :
			graph_test(g, list[i]->e, list[i]->set, tail, to);
	/* the values that go to `out` */
	set = n->t == out ? n->set : set_not(g->a, n->set);
	other = last->t == out ? last->set : set_not(g->a, last->set);
	return graph_test(g, n->e, set_or(g->a, set, other), to, tail);
}

/* Behind n, on the side where c is: a test of n's value that could stand before c, as both leave to `out`, comes there while
 * the value is at hand ("host A and host B": src = A, or else dst = A and src = B). */
static Node *
advanced(Graph *g, const Node *n, Node *c, const Node *out, const u32 *preds, Node **made)
{
	Node *list[FAR], *tail, *to = made[out->id], *last;
	u32 k = 0;

	if (c->op != N_TEST || c->e == n->e)
		return NULL;
	for (Node *x = c; k < FAR && preds[x->id] == 1 && on(x, out); x = on(x, out)) {
		list[k++] = x;
		if (x->e == n->e)
			break;
	}
	if (k < 2 || list[k - 1]->e != n->e)
		return NULL;
	last = list[k - 1];
	tail = made[on(last, out)->id];
	for (u32 i = k - 1; i-- > 0;)
		tail = list[i]->t == out ? graph_test(g, list[i]->e, list[i]->set, to, tail) :
			graph_test(g, list[i]->e, list[i]->set, tail, to);
	return last->t == out ? graph_test(g, last->e, last->set, to, tail) : graph_test(g, last->e, last->set, tail, to);
}

/* One side of n, made anew. */
static Node *
side(Graph *g, const Node *n, Node *c, const u32 *preds, Node **made)
{
	Node *x = NULL;

	if (c->op == N_TEST && !g->in_order)
		x = advanced(g, n, c, c->t, preds, made);
	if (c->op == N_TEST && !g->in_order && !x)
		x = advanced(g, n, c, c->f, preds, made);
	g->reordered |= x != NULL;
	return x ? x : made[c->id];
}

Node *
graph_pull(Graph *g, Node *root)
{
	u32 n = root->id + 1;
	u32 *preds = NEW_N(g->a, u32, n);
	Node **made = NEW_N(g->a, Node *, n);

	preds[root->id] = 1;
	for (u32 i = n; i-- > 0;) {
		Node *x = g->node.v[i];

		if (!preds[i] || x->op == N_RET)
			continue;
		preds[x->t->id]++;
		if (x->f)
			preds[x->f->id]++;
	}
	for (u32 i = 0; i < n; i++) {
		Node *x = g->node.v[i];

		if (!preds[i])
			continue;
		made[i] = x;
		if (x->op == N_TEST) {
			made[i] = pulled(g, x, x->t, preds, made);
			if (!made[i])
				made[i] = pulled(g, x, x->f, preds, made);
			if (!made[i])
				made[i] = graph_test(g, x->e, x->set, side(g, x, x->t, preds, made),
					side(g, x, x->f, preds, made));
		} else if (x->op == N_LET) {
			made[i] = graph_let(g, x->k, x->e, made[x->t->id]);
		} else if (x->op == N_CHAIN) {
			made[i] = graph_chain(g, x->chain, made[x->t->id], made[x->f->id]);
		}
	}
	return made[root->id];
}
