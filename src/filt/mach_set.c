/* mach_set: tests of A for sets of values as comparisons. Lists of many become balanced trees; tests with the same two ways out
 * share the comparisons of what both have. */
#include "filt/mach.h"

#include <linux/filter.h>
#include <stdlib.h>

/* Up to LINEAR comparisons stand in a row; trees end in rows of LEAF, of WIDE while they are small. */
enum { LINEAR = 16, SMALL = 48, WIDE = 12, LEAF = 4, NEAR = 32 };

typedef struct Piece { u32 lo, hi; bool in; } Piece;

/* Single values of one class are compared one by one (class 2: none are); gives the cost, and what is left to tell
 * apart by order (left may be NULL). */
static u32
plan(const Piece *p, u32 n, u32 class, Piece *left, u32 *n_left)
{
	u32 singles = 0, k = 0;
	bool last = false;

	for (u32 i = 0; i < n; i++) {
		bool single = p[i].lo == p[i].hi && p[i].in == class && n > 1;
		bool in = single ? !p[i].in : p[i].in;

		singles += single;
		if (k && last == in) {
			if (left)
				left[k - 1].hi = p[i].hi;
			continue;
		}
		if (left)
			left[k] = (Piece){ p[i].lo, p[i].hi, in };
		k++;
		last = in;
	}
	*n_left = k;
	return singles + k - 1;
}

static MNode *
line(Mach *m, const Piece *p, u32 n, u32 class, MNode *t, MNode *f)
{
	Piece *left = NEW_N(m->a, Piece, n);
	u32 k;
	MNode *x;

	plan(p, n, class, left, &k);
	x = left[0].in ? t : f;
	for (u32 i = 1; i < k; i++)
		x = mach_jump(m, BPF_JGE | BPF_K, left[i].lo, left[i].in ? t : f, x);
	for (u32 i = n; i-- > 0;)
		if (p[i].lo == p[i].hi && p[i].in == class && n > 1)
			x = mach_jump(m, BPF_JEQ | BPF_K, p[i].lo, class ? t : f, x);
	return x;
}

static MNode *
tree(Mach *m, const Piece *p, u32 n, u32 leaf, MNode *t, MNode *f)
{
	u32 best = 2, k, cost = n > 4 * leaf ? n : plan(p, n, 2, NULL, &k);

	for (u32 class = 0; class < 2 && n <= 4 * leaf; class++) {
		u32 c = plan(p, n, class, NULL, &k);

		if (c < cost) {
			cost = c;
			best = class;
		}
	}
	if (cost <= leaf)
		return line(m, p, n, best, t, f);
	return mach_jump(m, BPF_JGE | BPF_K, p[n / 2].lo, tree(m, p + n / 2, n - n / 2, leaf, t, f),
		tree(m, p, n / 2, leaf, t, f));
}

static Piece *
pieces(Arena *a, const Set *set, u32 hi, u32 *count)
{
	Piece *p = NEW_N(a, Piece, set->n * 2 + 1);
	u32 n = 0, from = 0;

	for (u32 i = 0; i < set->n; i++) {
		if (set->r[i].lo > from)
			p[n++] = (Piece){ from, set->r[i].lo - 1, false };
		p[n++] = (Piece){ set->r[i].lo, MIN(set->r[i].hi, hi), true };
		from = set->r[i].hi + 1;
	}
	if (!set->n || set->r[set->n - 1].hi < hi)
		p[n++] = (Piece){ from, hi, false };
	*count = n;
	return p;
}

/* Comparisons for the set in a row. */
static u32
cost(Arena *a, const Set *set, u32 hi)
{
	u32 n, k, one, zero;
	Piece *p = pieces(a, set, hi, &n);

	one = plan(p, n, 1, NULL, &k);
	zero = plan(p, n, 0, NULL, &k);
	return MIN(one, zero);
}

static MNode *
compare(Mach *m, const Set *set, u32 hi, MNode *t, MNode *f)
{
	u32 n, c = cost(m->a, set, hi);
	Piece *p = pieces(m->a, set, hi, &n);

	return tree(m, p, n, c <= LINEAR ? LINEAR : c <= SMALL ? WIDE : LEAF, t, f);
}

/* ---- sets with the same two ways out ---- */

/* A set whose values go to the one of the two that was made later. */
typedef struct Test { MNode *n; const Set *set; u32 hi, cost; } Test;

static MNode *
later(const MNode *n)
{
	return n->t->id > n->f->id ? n->t : n->f;
}

static MNode *
earlier(const MNode *n)
{
	return n->t->id > n->f->id ? n->f : n->t;
}

static Test
test_of(Mach *m, MNode *n)
{
	const Set *all = set_range(m->a, 0, n->k), *set = set_and(m->a, n->set, all);

	if (n->t != later(n))
		set = set_and(m->a, all, set_not(m->a, set));
	return (Test){ n, set, n->k, cost(m->a, set, n->k) };
}

static int
by_outs(const void *x, const void *y)
{
	const MNode *a = ((const Test *)x)->n, *b = ((const Test *)y)->n;
	u32 p[3] = { later(a)->id, earlier(a)->id, a->id }, q[3] = { later(b)->id, earlier(b)->id, b->id };

	for (u32 i = 0; i < 3; i++)
		if (p[i] != q[i])
			return p[i] < q[i] ? -1 : 1;
	return 0;
}

static int
by_cost(const void *x, const void *y)
{
	const Test *a = x, *b = y;

	return a->cost != b->cost ? (a->cost < b->cost ? -1 : 1) : a->n->id < b->n->id ? -1 : a->n->id > b->n->id;
}

static bool
same_outs(const MNode *x, const MNode *y)
{
	return later(x) == later(y) && earlier(x) == earlier(y);
}

/* What x has more than y, or else less; NULL if that is not all. */
static const Set *
difference(Arena *a, const Test *x, const Test *y, bool *more)
{
	const Set *all = set_range(a, 0, x->hi);
	const Set *plus = set_and(a, x->set, set_not(a, y->set));
	const Set *minus = set_and(a, all, set_and(a, y->set, set_not(a, x->set)));

	*more = plus->n;
	return y->hi < x->hi || (plus->n && minus->n) ? NULL : plus->n ? plus : minus;
}

/* Those of one pair of ways out, the cheaper ones first: a test compares only what it has more (or less) than one before, and goes
 * on where that begins. */
static void
expand(Mach *m, Test *v, u32 n, MNode **done)
{
	MNode *in = done[later(v->n)->id], *out = done[earlier(v->n)->id];

	qsort(v, n, sizeof(*v), by_cost);
	for (u32 i = 0; i < n; i++) {
		u32 best = v[i].cost;
		MNode *x = NULL;

		for (u32 j = 0; j < MIN(i, NEAR) && best <= LINEAR; j++) {
			bool more;
			const Set *diff = difference(m->a, &v[i], &v[j], &more);
			u32 c = diff ? cost(m->a, diff, v[i].hi) : best;

			if (c >= best)
				continue;
			best = c;
			x = compare(m, diff, v[i].hi, more ? in : out, done[v[j].n->id]);
		}
		done[v[i].n->id] = x ? x : compare(m, v[i].set, v[i].hi, in, out);
	}
}

MNode *
mach_expand(Mach *m, MNode *root)
{
	u32 n = m->all.n, k = 0, len;
	MNode **done = NEW_N(m->a, MNode *, n);
	Test *v = NEW_N(m->a, Test, n);
	struct { u32 at, len; } *group = arena_alloc(m->a, sizeof(*group) * n);

	for (u32 i = 0; i < n; i++)
		if (m->all.v[i]->op == M_SET)
			v[k++] = test_of(m, m->all.v[i]);
	qsort(v, k, sizeof(*v), by_outs);
	for (u32 i = 0; i < k; i += len) {
		for (len = 1; i + len < k && same_outs(v[i].n, v[i + len].n); len++)
			;
		group[v[i].n->id].at = i;
		group[v[i].n->id].len = len;
	}
	for (u32 i = 0; i < n; i++) {
		MNode *x = m->all.v[i], *t = x->t ? done[x->t->id] : NULL, *f = x->f ? done[x->f->id] : NULL;

		switch (x->op) {
		case M_RET: done[i] = x; break;
		case M_INS: done[i] = mach_ins(m, x->code, x->k, t); break;
		case M_JUMP: done[i] = mach_jump(m, x->code, x->k, t, f); break;
		case M_CHAIN: done[i] = mach_chain(m, x->chain, t, f); break;
		case M_SET:
			if (group[i].len)
				expand(m, &v[group[i].at], group[i].len, done);
		}
	}
	return done[root->id];
}
