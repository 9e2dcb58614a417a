/* code: from the graph to instructions.
 * Forwards over the graph: what A and X hold on each way into a node, so that a node is entered behind the loads
 * that have been done. Backwards: the instructions, from those at the end. */
#include "filt/in.h"

#include <linux/filter.h>

typedef struct State { Ex *a, *x; } State;
/* What is known of a node while it is turned into code. */
typedef struct Spot {
	bool reached, met;
	Steps steps;
	State out;
	MNode **pos;            /* code from step i on */
} Spot;
typedef struct Coder { Graph *g; Arena *a; Spot *spot; Mach *m; MNode *yes, *no; u64 read; u8 slot[64]; u32 slots; } Coder;

static bool
fits(const Steps *s, u32 i, State in)
{
	return !s->closed[i] && (!s->need_a[i] || s->need_a[i] == in.a) && (!s->need_x[i] || s->need_x[i] == in.x);
}

/* The step to begin with; *tax: after moving A to X. */
static u32
entry(const Steps *s, State in, bool *tax)
{
	u32 best = 0;

	*tax = false;
	for (u32 i = s->n; i > 0; i--)
		if (fits(s, i, in)) {
			best = i;
			break;
		}
	for (u32 i = s->n; i > best && in.a; i--)
		if (!s->closed[i] && (!s->need_a[i] || s->need_a[i] == in.a) && s->need_x[i] == in.a && in.x != in.a) {
			*tax = true;
			return i;
		}
	return best;
}

static State
leave(const Node *n, const Steps *s, State in, u32 from, bool tax)
{
	State out = in;

	if (tax)
		out.x = in.a;
	for (u32 i = from; i < s->n; i++) {
		u16 code = s->s[i].code;

		if (BPF_CLASS(code) == BPF_LDX || code == (BPF_MISC | BPF_TAX))
			out.x = s->s[i].x;
		if (BPF_CLASS(code) == BPF_LD || BPF_CLASS(code) == BPF_ALU)
			out.a = s->s[i].a;
	}
	if (n->op == N_LET) {
		u64 bit = 1ull << n->k;

		if (out.a && out.a->cells & bit)
			out.a = NULL;
		if (out.x && out.x->cells & bit)
			out.x = NULL;
	}
	return out;
}

static void
flow(Coder *c, Node *n, State in)
{
	Spot *s = &c->spot[n->id];
	State out;
	bool tax;
	u32 i;

	if (n->op == N_RET)
		return;
	if (!s->reached && n->op == N_TEST)
		steps_test(c->a, n, &s->steps);
	if (!s->reached && n->op == N_LET)
		steps_let(c->a, n, &s->steps);
	s->reached = true;
	if (n->op == N_CHAIN)
		return;
	i = entry(&s->steps, in, &tax);
	out = leave(n, &s->steps, in, i, tax);
	if (n->op == N_LET) {
		Ex *cell = ex_cell(c->g, n->k);

		if (n->e->op == X_IMM)
			out.x = cell;
		else
			out.a = cell;
	}
	if (!s->met)
		s->out = out;
	else
		s->out = (State){ s->out.a == out.a ? out.a : NULL, s->out.x == out.x ? out.x : NULL };
	s->met = true;
}

/* The place in M[] of a cell; given out when code reads it. Code that reads is made before code that stores. */
static u32
slot(Coder *c, u32 cell)
{
	if (!(c->read >> cell & 1)) {
		c->read |= 1ull << cell;
		c->slot[cell] = (u8)c->slots++;
	}
	return c->slot[cell];
}

static MNode *
position(Coder *c, Node *n, u32 i)
{
	Spot *s = &c->spot[n->id];
	u16 code;
	u32 k;

	if (s->pos[i])
		return s->pos[i];
	code = s->steps.s[i].code;
	k = s->steps.s[i].k;
	s->pos[i] = position(c, n, i + 1);
	if (BPF_CLASS(code) == BPF_ST || BPF_CLASS(code) == BPF_STX) {
		if (k >= CELL && !(c->read >> (k - CELL) & 1))
			return s->pos[i];       /* nothing reads it from memory */
		k = k >= CELL ? slot(c, k - CELL) : k;
	} else if (code == (BPF_LD | BPF_MEM) || code == (BPF_LDX | BPF_MEM)) {
		k = k >= CELL ? slot(c, k - CELL) : k;
	}
	return s->pos[i] = mach_ins(c->m, code, k, s->pos[i]);
}

static MNode *
enter(Coder *c, Node *n, State in)
{
	Spot *s = &c->spot[n->id];
	bool tax;
	u32 i;

	if (n->op == N_RET)
		return n->k ? c->yes : c->no;
	if (n->op == N_CHAIN)
		return s->pos[0];
	i = entry(&s->steps, in, &tax);
	return tax ? mach_ins(c->m, BPF_MISC | BPF_TAX, 0, position(c, n, i)) : position(c, n, i);
}

static MNode *
jump(Coder *c, Node *n)
{
	State out = c->spot[n->id].out;
	MNode *t = enter(c, n->t, out), *f = enter(c, n->f, out);
	bool negated;

	if (n->e->op == X_CMP) {
		bool yes = set_has(n->set, 1);

		return mach_jump(c->m, n->e->alu | BPF_X, 0, yes ? t : f, yes ? f : t);
	}
	if (node_is_bits(n, &negated))
		return mach_jump(c->m, BPF_JSET | BPF_K, n->e->b->k, negated ? f : t, negated ? t : f);
	return mach_set(c->m, n->set, n->e->hi, t, f);
}

static void
build(Coder *c, Node *n)
{
	Spot *s = &c->spot[n->id];
	State none = { NULL, NULL };

	if (n->op == N_CHAIN) {
		s->pos = NEW(c->a, MNode *);
		s->pos[0] = mach_chain(c->m, n->chain, enter(c, n->t, none), enter(c, n->f, none));
		return;
	}
	s->pos = NEW_N(c->a, MNode *, s->steps.n + 1);
	if (n->op == N_LET)
		s->pos[s->steps.n] = enter(c, n->t, s->out);
	else
		s->pos[s->steps.n] = jump(c, n);
}

FiltInsn *
graph_code(Graph *g, Node *root, u32 snaplen, u32 *n)
{
	Coder c = { .g = g, .a = g->a };
	State none = { NULL, NULL };
	FiltInsn *one, *two;
	u32 n_two;
	MNode *start;

	c.spot = NEW_N(g->a, Spot, g->node.n);
	c.m = mach_new(g->a);
	c.no = mach_ret(c.m, 0);
	c.yes = mach_ret(c.m, snaplen);
	flow(&c, root, none);
	for (u32 i = root->id + 1; i-- > 0;) {
		Node *x = g->node.v[i];

		if (!c.spot[i].reached)
			continue;
		flow(&c, x->t, c.spot[i].out);
		if (x->f)
			flow(&c, x->f, c.spot[i].out);
	}
	for (u32 i = 0; i <= root->id; i++)
		if (c.spot[i].reached)
			build(&c, g->node.v[i]);
	start = mach_expand(c.m, enter(&c, root, none));
	one = mach_layout(c.m, start, false, n);
	two = mach_layout(c.m, start, true, &n_two);
	if (n_two < *n) {
		one = two;
		*n = n_two;
	}
	return c.slots <= CELL_SLOTS ? one : NULL;
}
