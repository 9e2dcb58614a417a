/* opt: a smaller graph that accepts the same packets.
 * Rounds, until nothing changes. Forwards: what is known of values on the way into each node (on every way into it);
 * each edge is led past the tests that this decides. Backwards: nodes are made anew; tests with one outcome, cells that
 * nothing reads and pairs of tests on one value go away.
 * What may change: a packet refused only by a load past its end is no longer refused if the load is gone. Loads are
 * never added, nor moved before tests that they stood behind. */
#include "filt/in.h"

#include <linux/filter.h>

enum { ROUNDS = 40, MAX_RANGES = 16, NARROW_NODES = 500 };

typedef struct Info {
	bool reached;
	Facts in;
	Ex *e;                  /* with known cells put in */
	const Set *set;         /* without intervals that cannot come here */
	Node *t, *f, *made;
	u32 preds;
	u64 live;               /* cells read from here on */
} Info;
typedef struct Opt { Graph *g; Arena *a; Info *info; u32 n, reached; } Opt;

/* ---- facts ---- */

static const Set *
facts_of(const Facts *f, const Ex *e)
{
	u32 lo = 0, hi = f->n;

	while (lo < hi) {
		u32 mid = (lo + hi) / 2;

		if (f->v[mid].e->id < e->id)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < f->n && f->v[lo].e == e ? f->v[lo].set : NULL;
}

static bool
single(const Set *s, u32 *v)
{
	if (!s || s->n != 1 || s->r[0].lo != s->r[0].hi)
		return false;
	*v = s->r[0].lo;
	return true;
}

/* The bits of x that tests of x & mask have settled. */
static void
known_bits(const Facts *f, const Ex *x, u32 *mask, u32 *value)
{
	u32 v;

	*mask = *value = 0;
	for (u32 i = 0; i < f->n; i++) {
		const Ex *e = f->v[i].e;
		const Set *s = f->v[i].set;

		if (e->op != X_ALU || e->alu != BPF_AND || e->a != x || e->b->op != X_IMM)
			continue;
		if (!single(s, &v)) {
			/* not 0, and only one bit */
			if (!s->n || !s->r[0].lo || (e->b->k & (e->b->k - 1)))
				continue;
			v = e->b->k;
		}
		*mask |= e->b->k;
		*value |= v;
	}
}

/* All values that e can have. */
const Set *
facts_known(Graph *g, const Facts *f, const Ex *e)
{
	const Set *s = facts_of(f, e);
	u32 v, mask, value;

	if (s)
		return s;
	if (e->op == X_ALU && e->b->op == X_IMM && single(facts_of(f, e->a), &v)) {
		v = alu_fold(e->alu, v, e->b->k);
		return set_range(g->a, v, v);
	}
	if (e->op == X_ALU && e->alu == BPF_AND && e->b->op == X_IMM) {
		known_bits(f, e->a, &mask, &value);
		if ((e->b->k & ~mask) == 0)
			return set_range(g->a, value & e->b->k, value & e->b->k);
	}
	return set_range(g->a, 0, e->hi);
}

/* 1: the test holds, 0: it does not, -1: that depends. */
int
facts_decide(Graph *g, const Facts *f, const Ex *e, const Set *set)
{
	const Set *s = facts_known(g, f, e);
	u32 v, mask, value;

	if (set_within(s, set))
		return 1;
	if (set_disjoint(s, set))
		return 0;
	if (e->op == X_ALU && e->alu == BPF_AND && e->b->op == X_IMM && single(set, &v)) {
		known_bits(f, e->a, &mask, &value);
		mask &= e->b->k;
		if ((v & mask) != (value & mask))
			return 0;
	}
	return -1;
}

/* f and: e is in set. */
Facts
facts_learn(Graph *g, const Facts *f, Ex *e, const Set *set)
{
	Facts out = { NEW_N(g->a, Fact, f->n + 1), 0 };
	bool done = false;

	set = set_and(g->a, set, facts_known(g, f, e));
	if (set->n > MAX_RANGES || !set->n)
		return *f;
	for (u32 i = 0; i < f->n; i++) {
		if (!done && f->v[i].e->id >= e->id) {
			out.v[out.n++] = (Fact){ e, set };
			done = true;
		}
		if (f->v[i].e != e)
			out.v[out.n++] = f->v[i];
	}
	if (!done)
		out.v[out.n++] = (Fact){ e, set };
	return out;
}

Facts
facts_forget(Graph *g, const Facts *f, u32 cell)
{
	Facts out = { NEW_N(g->a, Fact, f->n), 0 };

	for (u32 i = 0; i < f->n; i++)
		if (!(f->v[i].e->cells >> cell & 1))
			out.v[out.n++] = f->v[i];
	return out;
}

/* What holds on both ways. */
static void
meet(Opt *o, Facts *to, const Facts *f)
{
	u32 n = 0;

	for (u32 i = 0, j = 0; i < to->n && j < f->n;) {
		Ex *x = to->v[i].e, *y = f->v[j].e;

		if (x == y) {
			const Set *s = set_same(to->v[i].set, f->v[j].set) ? to->v[i].set :
				set_or(o->a, to->v[i].set, f->v[j].set);

			if (s->n <= MAX_RANGES)
				to->v[n++] = (Fact){ x, s };
		}
		i += x->id <= y->id;
		j += y->id <= x->id;
	}
	to->n = n;
}

static void
arrive(Opt *o, Node *n, const Facts *f)
{
	Info *i = &o->info[n->id];

	i->preds++;
	if (i->reached) {
		meet(o, &i->in, f);
		return;
	}
	i->reached = true;
	o->reached++;
	i->in = (Facts){ NEW_N(o->a, Fact, f->n), f->n };
	if (f->n)
		memcpy(i->in.v, f->v, sizeof(Fact) * f->n);
}

/* ---- forwards ---- */

static Node *
lead(Opt *o, Node *n, const Facts *f)
{
	int d;

	while (n->op == N_TEST && (d = facts_decide(o->g, f, n->e, n->set)) >= 0)
		n = d ? n->t : n->f;
	return n;
}

static Ex *
with_cells(Opt *o, const Facts *f, Ex *e)
{
	Ex *by[64] = {0};
	bool any = false;
	u32 v;

	if (!e->cells)
		return e;
	for (u32 c = 0; c < 64; c++)
		if (e->cells >> c & 1 && single(facts_of(f, ex_cell(o->g, c)), &v)) {
			by[c] = ex_imm(o->g, v);
			any = true;
		}
	return any ? ex_subst(o->g, e, by) : e;
}

static const Set *
possible(Opt *o, const Facts *f, const Node *n)
{
	const Set *known = n->set->n > 1 && n->set->n <= MAX_RANGES ? facts_of(f, n->e) : NULL, *set = n->set;

	for (u32 i = 0; known && i < n->set->n; i++) {
		const Set *r = set_range(o->a, n->set->r[i].lo, n->set->r[i].hi);

		if (set_disjoint(r, known))
			set = set_and(o->a, set, set_not(o->a, r));
	}
	return set;
}

static void
forward(Opt *o, Node *n)
{
	Info *i = &o->info[n->id];
	Facts f, yes;

	switch (n->op) {
	case N_TEST:
		i->e = with_cells(o, &i->in, n->e);
		i->set = possible(o, &i->in, n);
		yes = facts_learn(o->g, &i->in, n->e, n->set);
		i->t = lead(o, n->t, &yes);
		f = facts_learn(o->g, &i->in, n->e, set_not(o->a, n->set));
		i->f = lead(o, n->f, &f);
		/* A test that only spares later ones is left to them. */
		if (lead(o, i->f, &yes) == i->t)
			i->t = i->f;
		else if (lead(o, i->t, &f) == i->f)
			i->f = i->t;
		arrive(o, i->t, &yes);
		arrive(o, i->f, &f);
		break;
	case N_LET:
		i->e = with_cells(o, &i->in, n->e);
		f = facts_forget(o->g, &i->in, n->k);
		if (i->e->op == X_IMM)
			f = facts_learn(o->g, &f, ex_cell(o->g, n->k), set_range(o->a, i->e->k, i->e->k));
		i->t = lead(o, n->t, &f);
		arrive(o, i->t, &f);
		break;
	case N_CHAIN:
		i->t = lead(o, n->t, &i->in);
		i->f = lead(o, n->f, &i->in);
		arrive(o, i->t, &i->in);
		arrive(o, i->f, &i->in);
	}
}

/* ---- backwards ---- */

/* Two tests of one value, the second reached only from the first: one test. */
static Node *
merged(Opt *o, Ex *e, const Set *set, Node *t, Node *f, bool t_alone, bool f_alone)
{
	Arena *a = o->a;

	if (f_alone && f->op == N_TEST && f->e == e) {
		if (f->t == t)
			return graph_test(o->g, e, set_or(a, set, f->set), t, f->f);
		if (f->f == t)
			return graph_test(o->g, e, set_and(a, set_not(a, set), f->set), f->t, t);
	}
	if (t_alone && t->op == N_TEST && t->e == e) {
		if (t->f == f)
			return graph_test(o->g, e, set_and(a, set, t->set), t->t, f);
		if (t->t == f)
			return graph_test(o->g, e, set_and(a, set, set_not(a, t->set)), t->f, f);
	}
	return graph_test(o->g, e, set, t, f);
}

static Node *
restricted(Graph *g, Node *n, const Ex *e, const Set *set)
{
	Node *t, *f;

	if (!(n->tests >> (e->id & 63) & 1) || n->op == N_LET)
		return n;
	if (n->stamp == g->stamp)
		return n->memo;
	if (n->op == N_TEST && n->e == e && set_within(set, n->set))
		t = restricted(g, n->t, e, set);
	else if (n->op == N_TEST && n->e == e && set_disjoint(set, n->set))
		t = restricted(g, n->f, e, set);
	else {
		t = restricted(g, n->t, e, set);
		f = restricted(g, n->f, e, set);
		if (t == n->t && f == n->f)
			t = n;
		else
			t = n->op == N_TEST ? graph_test(g, n->e, n->set, t, f) : graph_chain(g, n->chain, t, f);
	}
	n->stamp = g->stamp;
	return n->memo = t;
}

Node *
graph_restricted(Graph *g, Node *n, const Ex *e, const Set *set)
{
	g->stamp++;
	return restricted(g, n, e, set);
}

/* Values that a later test of the same value refuses anyway leave the set, if the other side of the test is an end (on
 * any other there could be loads that this way had not). */
static Node *
narrowed(Opt *o, Node *n)
{
	const Set *set;
	u64 bit;

	if (n->op != N_TEST || n->f->op != N_RET || n->set->n > MAX_RANGES || o->reached > NARROW_NODES)
		return n;
	bit = 1ull << (n->e->id & 63);
	if (!(n->t->tests & bit))
		return n;
	set = n->set;
	for (u32 i = 0; i < n->set->n; i++) {
		const Set *r = set_range(o->a, n->set->r[i].lo, n->set->r[i].hi);

		if (graph_restricted(o->g, n->t, n->e, r) == n->f)
			set = set_and(o->a, set, set_not(o->a, r));
	}
	return set == n->set ? n : graph_test(o->g, n->e, set, n->t, n->f);
}

/* Values whose way through n->t comes to an end without another test get a test of their own in front: with them gone,
 * what is behind often knows the rest ("port 80 or tcp": 6 is accepted at once, and nobody asks again). */
static Node *
split(Opt *o, Node *n)
{
	const Set *out[2] = { NULL, NULL }, *rest;
	Node *side = n->t;
	u64 bit;

	if (n->op != N_TEST || side->op == N_RET || n->set->n > MAX_RANGES || n->set->n < 2 || o->reached > NARROW_NODES)
		return n;
	bit = 1ull << (n->e->id & 63);
	if (!(side->tests & bit))
		return n;
	rest = n->set;
	for (u32 i = 0; i < n->set->n; i++) {
		const Set *r = set_range(o->a, n->set->r[i].lo, n->set->r[i].hi);
		Node *end = graph_restricted(o->g, side, n->e, r);

		if (end->op != N_RET)
			continue;
		out[end->k] = out[end->k] ? set_or(o->a, out[end->k], r) : r;
		rest = set_and(o->a, rest, set_not(o->a, r));
	}
	if (rest == n->set || !rest->n)
		return n;
	n = graph_test(o->g, n->e, rest, side, n->f);
	for (u32 k = 0; k < 2; k++)
		if (out[k])
			n = graph_test(o->g, n->e, out[k], k ? o->g->yes : o->g->no, n);
	return n;
}

static void
backward(Opt *o, Node *n)
{
	Info *i = &o->info[n->id], *t = i->t ? &o->info[i->t->id] : NULL, *f = i->f ? &o->info[i->f->id] : NULL;

	switch (n->op) {
	case N_RET:
		i->made = n;
		return;
	case N_TEST:
		i->made = split(o, narrowed(o, merged(o, i->e, i->set, t->made, f->made, t->preds == 1, f->preds == 1)));
		i->live = t->live | f->live | i->e->cells;
		return;
	case N_LET:
		i->live = t->live;
		i->made = t->made;
		if (t->live >> n->k & 1) {
			i->live = (t->live & ~(1ull << n->k)) | i->e->cells;
			i->made = graph_let(o->g, n->k, i->e, t->made);
		}
		return;
	}
	i->live = t->live | f->live;
	i->made = graph_chain(o->g, n->chain, t->made, f->made);
}

static Node *
one_round(Graph *g, Node *root)
{
	Opt o = { .g = g, .a = g->a, .n = root->id + 1 };
	Facts none = {0};

	o.info = NEW_N(g->a, Info, o.n);
	root = lead(&o, root, &none);
	arrive(&o, root, &none);
	for (u32 i = root->id + 1; i-- > 0;)
		if (o.info[i].reached)
			forward(&o, g->node.v[i]);
	for (u32 i = 0; i <= root->id; i++)
		if (o.info[i].reached)
			backward(&o, g->node.v[i]);
	return o.info[root->id].made;
}

void
graph_optimize(Graph *g)
{
	for (u32 round = 0; round < ROUNDS; round++) {
		Node *root = graph_pull(g, one_round(g, g->root));

		if (root == g->root)
			return;
		g->root = root;
	}
}
