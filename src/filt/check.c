/* check: are two filters the same?
 * Both trees become one graph that says yes where only one of them accepts. If the optimizer makes it "never", or every way
 * to yes asks for values that no packet has, they are the same (for packets that are long enough for their loads). Else
 * a packet is built along a way to yes, byte by byte from what its tests ask, and tried on both programs. */
#include "filt/in.h"

#include <linux/filter.h>

enum { STEPS = 400000, TRIES = 60, ROOM = 2048, MAX_PATH = 4096 };
typedef struct Want { Ex *e; const Set *set; } Want;
typedef struct Check {
	Graph *g;
	Arena *a;
	const Filt *x, *y;
	FiltCheck *out;
	u64 rng;
	u32 steps, open;        /* ways to yes for which no packet was found */
	Want path[MAX_PATH];
	u32 n;
	bool found, too_many;
} Check;

static u32
rnd(Check *c, u32 n)
{
	c->rng ^= c->rng << 13;
	c->rng ^= c->rng >> 7;
	c->rng ^= c->rng << 17;
	return n ? (u32)(c->rng >> 20) % n : 0;
}

/* ---- a packet ---- */

static u32
value(Check *c, const Ex *e)
{
	FiltCheck *k = c->out;
	u64 at;
	u32 v = 0;

	switch (e->op) {
	case X_IMM: return e->k;
	case X_LEN: return k->len;
	case X_NEG: return -value(c, e->a);
	case X_ALU: return alu_fold(e->alu, value(c, e->a), value(c, e->b));
	case X_CMP: {
		u32 l = value(c, e->a), r = value(c, e->b);

		return e->alu == BPF_JEQ ? l == r : e->alu == BPF_JGT ? l > r : l >= r;
	}
	case X_ASK: return ask_holds(&c->g->ask.v[e->k], k->packet, k->len, &k->process);
	case X_LD:
		at = (u64)e->k + (e->a ? value(c, e->a) : 0);
		for (u32 i = 0; i < e->size && at + e->size <= ROOM; i++)
			v = v << 8 | k->packet[at + i];
		return v;
	}
	return 0;
}

/* A text goes to the end of the packet, where no header is. */
static void
assign_ask(FiltCheck *k, const Ask *ask, bool v)
{
	switch (ask->kind) {
	case A_CONTAINS:
		if (v && ask->v <= k->len)
			memcpy(k->packet + k->len - ask->v, ask->text, ask->v);
		return;
	case A_PID: k->process.pid = v ? ask->v : ask->v + 1; return;
	case A_COMM: k->process.comm = v ? ask->text : ""; return;
	}
	k->process.cgroup = v ? ask->text : "";
}

/* Makes e be v, if it can be done by bytes. */
static void
assign(Check *c, const Ex *e, u32 v)
{
	FiltCheck *k = c->out;
	u64 at;

	switch (e->op) {
	case X_LEN:
		k->len = MIN(v, (u32)ROOM);
		return;
	case X_NEG: assign(c, e->a, -v); return;
	case X_ASK: assign_ask(k, &c->g->ask.v[e->k], v); return;
	case X_LD:
		at = (u64)e->k + (e->a ? value(c, e->a) : 0);
		for (u32 i = e->size; i-- > 0 && at + e->size <= ROOM; v >>= 8)
			k->packet[at + i] = (u8)v;
		return;
	case X_CMP: {
		u32 r = value(c, e->b);

		assign(c, e->a, e->alu == BPF_JGT ? (v ? r + 1 : r) : v ? r : r - 1 - (e->alu == BPF_JEQ && rnd(c, 2)));
		return;
	}
	case X_ALU: {
		u32 r = value(c, e->b), old = value(c, e->a);

		switch (e->alu) {
		case BPF_ADD: assign(c, e->a, v - r); return;
		case BPF_SUB: assign(c, e->a, v + r); return;
		case BPF_XOR: assign(c, e->a, v ^ r); return;
		case BPF_AND: assign(c, e->a, (old & ~r) | (v & r)); return;
		case BPF_OR: assign(c, e->a, v & ~r); return;
		case BPF_LSH: assign(c, e->a, r < 32 ? v >> r : 0); return;
		case BPF_RSH: assign(c, e->a, r < 32 ? v << r | (old & ((1u << r) - 1)) : 0); return;
		case BPF_MUL: assign(c, e->a, r ? v / r : 0); return;
		case BPF_DIV: assign(c, e->a, v * r); return;
		case BPF_MOD: assign(c, e->a, v); return;
		}
	}
	}
}

static const FiltProcess *
process(void *arg)
{
	return arg;
}

static bool
differ(Check *c)
{
	FiltCheck *k = c->out;
	FiltBeside b = { .process = process, .arg = &k->process };

	k->first = filt_accepts(c->x, k->packet, k->len, k->len, &b) != 0;
	k->second = filt_accepts(c->y, k->packet, k->len, k->len, &b) != 0;
	return k->first != k->second;
}

static bool
build(Check *c)
{
	for (u32 try = 0; try < TRIES; try++) {
		c->out->len = try % 8 < 6 ? 100 : 1514;
		memset(c->out->packet, 0, ROOM);
		c->out->process = (FiltProcess){ 0, "", "" };
		for (u32 i = 0; try > 4 && i < 200; i++)
			c->out->packet[i] = (u8)rnd(c, 256);
		for (u32 pass = 0; pass < 3; pass++)
			for (u32 i = 0; i < c->n; i++) {
				const Want *w = &c->path[i];
				const Range *r;

				if (!w->set->n || set_has(w->set, value(c, w->e)))
					continue;
				r = &w->set->r[rnd(c, w->set->n)];
				assign(c, w->e, try % 3 == 0 ? r->lo : try % 3 == 1 ? r->hi : r->lo + rnd(c, MIN(r->hi - r->lo, 0xfffffu) + 1));
			}
		if (differ(c))
			return true;
	}
	return false;
}

/* ---- the ways ---- */

static void
walk(Check *c, Node *n, Facts f, Ex **by)
{
	Ex *mine[64], *e;
	u32 depth = c->n;

	while (!c->found && !c->too_many) {
		int d;

		if (n->op == N_RET || ++c->steps > STEPS || c->n + 1 >= MAX_PATH) {
			if (n->op != N_RET)
				c->too_many = true;
			else if (n->k) {
				c->found = build(c);
				c->open += !c->found;
				c->too_many = c->open > 2000;
			}
			break;
		}
		if (n->op == N_LET) {
			memcpy(mine, by, sizeof(mine));
			mine[n->k] = ex_subst(c->g, n->e, by);
			by = mine;
			n = n->t;
			continue;
		}
		if (n->op == N_CHAIN) {
			walk(c, n->t, f, by);
			n = n->f;
			continue;
		}
		e = ex_subst(c->g, n->e, by);
		d = e->op == X_IMM ? set_has(n->set, e->k) : facts_decide(c->g, &f, e, n->set);
		if (d < 0) {
			const Set *not = set_not(c->a, n->set);

			c->path[c->n++] = (Want){ e, n->set };
			walk(c, n->t, facts_learn(c->g, &f, e, n->set), by);
			c->path[c->n - 1].set = set_and(c->a, not, set_range(c->a, 0, e->hi));
			f = facts_learn(c->g, &f, e, not);
			d = 0;
		}
		n = d ? n->t : n->f;
	}
	c->n = depth;
}

FiltVerdict
filt_compare(Arena *a, Diag *d, const Filt *x, const Filt *y, FiltCheck *out)
{
	Check *c = NEW(a, Check);
	Graph *g = graph_new(a);
	Bool *p = filt_gen(a, d, g, x->ast, &x->opts, false), *q = filt_gen(a, d, g, y->ast, &y->opts, false);
	Ex *zero[64];

	memset(out, 0, sizeof(*out));
	if (!p || !q)
		return FILT_UNKNOWN;
	c->g = g;
	c->a = a;
	c->x = x;
	c->y = y;
	c->out = out;
	c->rng = 0x9e3779b97f4a7c15ull;
	out->packet = arena_alloc(a, ROOM);
	g->root = graph_lower(g, p, graph_lower(g, q, g->no, g->yes), graph_lower(g, q, g->yes, g->no));
	graph_optimize(g);
	for (u32 i = 0; i < 64; i++)
		zero[i] = ex_imm(g, 0);
	walk(c, g->root, (Facts){0}, zero);
	out->ways = c->steps;
	return c->found ? FILT_DIFFERENT : c->open || c->too_many ? FILT_UNKNOWN : FILT_SAME;
}
