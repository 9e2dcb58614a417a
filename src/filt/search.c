/* search: shapes that the rules of opt.c do not lead to, tried on small graphs and kept where the code gets shorter.
 * A value that is tested again further down ("dst port 20 or tcp port 80": the protocol) can be told apart completely where it is
 * tested first; what is behind then knows it, and each class of its values has a way of its own. */
#include "filt/in.h"

enum { SMALL = 400, TRIALS = 100, CLASSES = 8 };

/* The classes into which the tests of a value divide all that it can be. */
typedef struct Classes { const Set *v[CLASSES]; u32 n; } Classes;

static bool
divide(Graph *g, Classes *c, const Set *by)
{
	u32 n = c->n;

	for (u32 i = 0; i < n; i++) {
		const Set *in = set_and(g->a, c->v[i], by), *out = set_and(g->a, c->v[i], set_not(g->a, by));

		if (!in->n || !out->n)
			continue;
		if (c->n == CLASSES)
			return false;
		c->v[i] = in;
		c->v[c->n++] = out;
	}
	return true;
}

/* By the tests of e from n on; false if there are too many. */
static bool
classes(Graph *g, Node *n, const Ex *e, Classes *c)
{
	if (n->stamp == g->stamp || !(n->tests >> (e->id & 63) & 1) || n->op == N_LET)
		return true;
	n->stamp = g->stamp;
	return (n->e != e || divide(g, c, n->set)) && classes(g, n->t, e, c) && classes(g, n->f, e, c);
}

static Classes
classes_of(Graph *g, Node *n)
{
	Classes c = { { set_range(g->a, 0, n->e->hi) }, 1 };

	g->stamp++;
	if (!classes(g, n, n->e, &c))
		c.n = 0;
	return c;
}

/* n with all classes of its value told apart. */
static Node *
apart(Graph *g, Node *n)
{
	Classes c = classes_of(g, n);
	Node *to[CLASSES] = {0}, *x;
	u32 k = 0, last = 0;

	for (u32 i = 0; i < c.n; i++) {
		u32 j = 0;

		x = graph_restricted(g, n, n->e, c.v[i]);
		while (j < k && to[j] != x)
			j++;
		to[j] = x;
		c.v[j] = j < k ? set_or(g->a, c.v[j], c.v[i]) : c.v[i];
		k += j == k;
	}
	for (u32 i = 1; i < k; i++)
		if (c.v[i]->n > c.v[last]->n)
			last = i;
	x = to[last];
	for (u32 i = 0; i < k; i++)
		if (i != last)
			x = graph_test(g, n->e, c.v[i], to[i], x);
	return x;
}

/* The nodes that packets reach; *size: they and the intervals of their tests. */
static bool *
reached(const Graph *g, const Node *root, u32 *size)
{
	bool *live = NEW_N(g->a, bool, root->id + 1);

	*size = 0;
	live[root->id] = true;
	for (u32 i = root->id + 1; i-- > 0;) {
		const Node *x = g->node.v[i];

		if (!live[i])
			continue;
		*size += 1 + (x->set ? x->set->n : 0);
		if (x->t)
			live[x->t->id] = true;
		if (x->f)
			live[x->f->id] = true;
	}
	return live;
}

static Node *
copied(Graph *t, const Node *x, Node **made)
{
	switch (x->op) {
	case N_TEST: return graph_test(t, x->e, x->set, made[x->t->id], made[x->f->id]);
	case N_LET: return graph_let(t, x->k, x->e, made[x->t->id]);
	case N_CHAIN: return graph_chain(t, x->chain, made[x->t->id], made[x->f->id]);
	}
	return x->k ? t->yes : t->no;
}

/* What is reached from root as a graph of its own, with node `at` told apart, made small. */
static Graph *
variant(const Graph *g, const Node *root, const bool *live, u32 at, bool in_order)
{
	Graph *t = graph_new(g->a);
	Node **made = NEW_N(g->a, Node *, root->id + 1);

	t->ex = g->ex;
	t->exes = g->exes;
	t->exes.slot = NEW_N(g->a, OnceSlot, g->exes.slots);
	memcpy(t->exes.slot, g->exes.slot, sizeof(OnceSlot) * g->exes.slots);
	t->ask = g->ask;
	t->cells = g->cells;
	t->in_order = in_order;
	for (u32 i = 0; i <= root->id; i++) {
		if (!live[i])
			continue;
		made[i] = copied(t, g->node.v[i], made);
		if (i == at && made[i]->op == N_TEST)
			made[i] = apart(t, made[i]);
	}
	t->root = made[root->id];
	graph_optimize(t);
	return t;
}

static u32
length(Graph *g)
{
	u32 n;

	return graph_code(g, g->root, 1, &n) ? n : UNSET;
}

/* May it be shorter with node x told apart? */
static bool
hopeful(Graph *g, Node *x)
{
	return x->op == N_TEST && ((x->t->tests | x->f->tests) >> (x->e->id & 63) & 1) && classes_of(g, x).n > 2;
}

/* The next better graph, with one node told apart; false if there is none. */
static bool
step(Graph *g, u32 *best, u32 *left)
{
	u32 n;
	bool *live = reached(g, g->root, &n);

	for (u32 i = g->root->id + 1; i-- > 0 && *left && n <= SMALL;) {
		Graph *t;
		Mark m;
		u32 got;

		if (!live[i] || !hopeful(g, g->node.v[i]))
			continue;
		--*left;
		if (!*best)
			*best = length(g);
		m = arena_mark(g->a);
		t = variant(g, g->root, live, i, g->in_order);
		got = length(t);
		if (got < *best) {
			*best = got;
			*g = *t;
			return true;
		}
		arena_release(g->a, m);
	}
	return false;
}

/* 0: nothing was tried. */
static u32
search(Graph *g)
{
	u32 best = 0, left = TRIALS;

	while (step(g, &best, &left))
		;
	return best;
}

void
graph_shrink(Graph *g)
{
	Node *first = g->root;
	Graph *other = NULL;
	bool *live;
	u32 n, best, got;

	graph_optimize(g);
	live = reached(g, first, &n);
	if (n > SMALL)
		return;
	if (g->reordered)
		other = variant(g, first, live, UNSET, true);
	best = search(g);
	if (!other)
		return;
	got = search(other);
	if ((got ? got : length(other)) < (best ? best : length(g)))
		*g = *other;
}
