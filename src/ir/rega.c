/* rega: registers by graph colouring with coalescing (George and Appel, "Iterated Register Coalescing"). BPF's rules
 * are edges of the graph: what lives over a call meets r0-r5 and so is left with r6-r9. Copies to argument registers,
 * from r0, of phis and of two-address operations vanish when their ends may share a register. */
#include "ir/ir.h"
#include "ir/rega.h"

#include <assert.h>
#include <stdlib.h>

typedef enum NodeState { NS_UNUSED, NS_FIXED, NS_SIMPLIFY, NS_FREEZE, NS_SPILL, NS_STACK, NS_JOINED } NodeState;
typedef enum MoveState { MS_WORK, MS_ACTIVE, MS_DONE } MoveState;

typedef struct Move { Reg dst, src; float weight; u8 state; } Move;
typedef struct Graph {
	MFn *mf;
	Arena *a;
	Vregs *vr;
	u32 n;                          /* nodes */
	RegList *adj;
	VecU32 *moves;                  /* per node: indices of moves */
	u32 *degree, *color;
	Reg *join;                      /* NS_JOINED: with whom */
	u8 *state;
	Vec(Move) move;
	u64 *edge;                      /* hash set of pairs */
	u32 n_edge, edge_cap;
	RegList simplify, freeze, stack;
	VecU32 work;                    /* moves to try, the weightiest last */
	u32 n_spill;                    /* nodes in state NS_SPILL */
} Graph;

#define BIG 0x3fffffffu

/* ---- edges ---- */

static u64 *
edge_slot(Graph *g, u64 key)
{
	u32 i = (u32)(key * 0x9e3779b97f4a7c15ull >> 32) & (g->edge_cap - 1);

	while (g->edge[i] && g->edge[i] != key)
		i = (i + 1) & (g->edge_cap - 1);
	return &g->edge[i];
}

static u64
edge_key(Reg u, Reg v)
{
	return (u64)MAX(u, v) << 32 | MIN(u, v);
}

static bool
meets(Graph *g, Reg u, Reg v)
{
	return (u < FIRST_VREG && v < FIRST_VREG) || *edge_slot(g, edge_key(u, v));
}

static void
add_edge(Graph *g, Reg u, Reg v)
{
	u64 *slot;

	if (u == v || (u < FIRST_VREG && v < FIRST_VREG))
		return;
	if (g->n_edge * 2 >= g->edge_cap) {
		u64 *old = g->edge;
		u32 cap = g->edge_cap;

		g->edge_cap = cap ? cap * 2 : 1024;
		g->edge = NEW_N(g->a, u64, g->edge_cap);
		for (u32 k = 0; k < cap; k++)
			if (old[k])
				*edge_slot(g, old[k]) = old[k];
	}
	slot = edge_slot(g, edge_key(u, v));
	if (*slot)
		return;
	*slot = edge_key(u, v);
	g->n_edge++;
	if (u >= FIRST_VREG) {
		VEC_PUSH(g->a, &g->adj[u], v);
		g->degree[u]++;
	}
	if (v >= FIRST_VREG) {
		VEC_PUSH(g->a, &g->adj[v], u);
		g->degree[v]++;
	}
}

/* ---- the graph of a function ---- */

typedef struct LiveSet { Reg *list; u32 *place; u32 n; } LiveSet;      /* place: index + 1 in list */

static void
set_add(LiveSet *s, Reg r)
{
	if (s->place[r])
		return;
	s->list[s->n++] = r;
	s->place[r] = s->n;
}

static void
set_del(LiveSet *s, Reg r)
{
	u32 p = s->place[r];

	if (!p)
		return;
	s->list[p - 1] = s->list[--s->n];
	s->place[s->list[p - 1]] = p;
	s->place[r] = 0;
}

static float
block_weight(const MBlock *mb)
{
	float w = mb->cold ? 0.1f : 1;

	for (u32 k = 0; k < mb->loops && k < 6; k++)
		w *= 10;
	return w;
}

/* A block that exists for its copies alone needs a jump around them: it is worth more to be rid of them. */
static bool
is_edge(const MBlock *mb)
{
	if (mb->preds.n != 1 || mb->ins.v[mb->ins.n - 1].kind != MK_JMP)
		return false;
	for (u32 k = 0; k + 1 < mb->ins.n; k++)
		if (mb->ins.v[k].kind != MK_ALU || BPF_OP(mb->ins.v[k].code) != BPF_MOV)
			return false;
	return true;
}

static void
note_move(Graph *g, const Mi *m, float weight)
{
	if (m->dst == m->src)
		return;
	VEC_PUSH(g->a, &g->move, ((Move){ m->dst, m->src, weight, MS_WORK }));
	VEC_PUSH(g->a, &g->moves[m->dst], g->move.n - 1);
	VEC_PUSH(g->a, &g->moves[m->src], g->move.n - 1);
}

/* A 32-bit mov is one that changes its value, so its ends meet if the source lives on; sharing a register is as good. */
static bool
is_hint(const Mi *m)
{
	return m->kind == MK_ALU && BPF_OP(m->code) == BPF_MOV && m->src != NO_REG && m->src != R10;
}

static void
scan_block(Graph *g, const Live *l, const MBlock *mb, LiveSet *s)
{
	float weight = block_weight(mb), move_weight = is_edge(mb) ? weight * 3 : weight;
	MiRegs r;

	while (s->n)
		set_del(s, s->list[0]);
	for (s64 k = bits_next(&l->out[mb->id], 0); k >= 0; k = bits_next(&l->out[mb->id], (u32)k + 1))
		set_add(s, l->reg[k]);
	for (u32 j = mb->ins.n; j-- > 0;) {
		const Mi *m = &mb->ins.v[j];
		bool copy = ir_mi_is_copy(m);

		ir_mi_regs(m, &r);
		if (copy)
			set_del(s, m->src);
		if (is_hint(m))
			note_move(g, m, copy ? move_weight : weight * 0.5f);
		for (u32 x = 0; x < r.n_def; x++)
			set_add(s, r.def[x]);
		for (u32 x = 0; x < r.n_def; x++)
			for (u32 y = 0; y < s->n; y++)
				add_edge(g, r.def[x], s->list[y]);
		for (u32 x = 0; x < r.n_def; x++) {
			set_del(s, r.def[x]);
			g->vr->v[r.def[x]].cost += weight;
		}
		for (u32 x = 0; x < r.n_use; x++) {
			set_add(s, r.use[x]);
			g->vr->v[r.use[x]].cost += weight;
		}
	}
}

/* What can be made anew instead of being kept: set once, by an instruction that needs no register, or only the context. */
static void
find_remade(Graph *g)
{
	u32 *sets = NEW_N(g->a, u32, g->n);
	MiRegs r;

	for (u32 k = 0; k < g->mf->blocks.n; k++) {
		const MBlock *mb = g->mf->blocks.v[k];

		for (u32 j = 0; j < mb->ins.n; j++) {
			const Mi *m = &mb->ins.v[j];
			/* A slot read into a register that was joined with others may have changed by then. */
			bool simple = m->kind == MK_LDIMM || m->kind == MK_LEA ||
				(m->kind == MK_RELOAD && !g->moves[m->dst].n) || (m->kind == MK_LOAD && m->lasting) ||
				(m->kind == MK_ALU && BPF_OP(m->code) == BPF_MOV && m->src == NO_REG);

			ir_mi_regs(m, &r);
			for (u32 x = 0; x < r.n_def; x++) {
				Vreg *v = &g->vr->v[r.def[x]];

				v->remake.kind = MK_NONE;
				if (!sets[r.def[x]]++ && simple && r.def[x] >= FIRST_VREG)
					v->remake = *m;
				v->many = sets[r.def[x]] > 1;
			}
			if (m->kind != MK_JCC)
				continue;
			g->vr->v[m->dst].compared = true;
			if (m->code & BPF_X)
				g->vr->v[m->src].compared = true;
		}
	}
	/* The context must itself be set once; and what was compared is known to the verifier in its register alone. */
	for (Reg r = FIRST_VREG; r < g->n; r++) {
		Vreg *v = &g->vr->v[r];

		if (v->remake.kind == MK_LOAD && (v->compared || v->remake.src < FIRST_VREG || sets[v->remake.src] != 1))
			v->remake.kind = MK_NONE;
	}
}

static void
build(Graph *g)
{
	Live *l = ir_live(g->mf, g->a);
	LiveSet s = { NEW_N(g->a, Reg, g->n), NEW_N(g->a, u32, g->n), 0 };

	for (u32 k = 0; k < g->n; k++)
		g->vr->v[k].cost = 0;
	for (u32 k = 0; k < g->mf->blocks.n; k++)
		scan_block(g, l, g->mf->blocks.v[k], &s);
	find_remade(g);
}

/* ---- colouring ---- */

static Reg
joined(const Graph *g, Reg r)
{
	while (g->state[r] == NS_JOINED)
		r = g->join[r];
	return r;
}

static bool
has_moves(const Graph *g, Reg r)
{
	for (u32 k = 0; k < g->moves[r].n; k++)
		if (g->move.v[g->moves[r].v[k]].state != MS_DONE)
			return true;
	return false;
}

static void
put(Graph *g, Reg r, NodeState state)
{
	g->n_spill -= g->state[r] == NS_SPILL;
	g->n_spill += state == NS_SPILL;
	g->state[r] = (u8)state;
	if (state == NS_SIMPLIFY)
		VEC_PUSH(g->a, &g->simplify, r);
	else if (state == NS_FREEZE)
		VEC_PUSH(g->a, &g->freeze, r);
	else if (state == NS_STACK)
		VEC_PUSH(g->a, &g->stack, r);
}

static bool
in_graph(const Graph *g, Reg r)
{
	return g->state[r] != NS_STACK && g->state[r] != NS_JOINED;
}

static void
wake_moves(Graph *g, Reg r)
{
	for (u32 k = 0; k < g->moves[r].n; k++) {
		Move *m = &g->move.v[g->moves[r].v[k]];

		if (m->state != MS_ACTIVE)
			continue;
		m->state = MS_WORK;
		VEC_PUSH(g->a, &g->work, g->moves[r].v[k]);
	}
}

static void
lower_degree(Graph *g, Reg r)
{
	if (r < FIRST_VREG || g->degree[r]-- != N_COLORS)
		return;
	wake_moves(g, r);
	for (u32 k = 0; k < g->adj[r].n; k++)
		if (in_graph(g, g->adj[r].v[k]) && g->adj[r].v[k] >= FIRST_VREG)
			wake_moves(g, g->adj[r].v[k]);
	if (g->state[r] == NS_SPILL)
		put(g, r, has_moves(g, r) ? NS_FREEZE : NS_SIMPLIFY);
}

static void
simplify(Graph *g, Reg r)
{
	put(g, r, NS_STACK);
	for (u32 k = 0; k < g->adj[r].n; k++)
		if (in_graph(g, g->adj[r].v[k]))
			lower_degree(g, g->adj[r].v[k]);
}

static void
unburden(Graph *g, Reg r)
{
	if (r >= FIRST_VREG && g->state[r] == NS_FREEZE && g->degree[r] < N_COLORS && !has_moves(g, r))
		put(g, r, NS_SIMPLIFY);
}

/* Can v share register u (BPF's own)? Every neighbour of v is no trouble, or meets u already. */
static bool
george(Graph *g, Reg u, Reg v)
{
	for (u32 k = 0; k < g->adj[v].n; k++) {
		Reg t = g->adj[v].v[k];

		if (in_graph(g, t) && g->degree[t] >= N_COLORS && !meets(g, t, u))
			return false;
	}
	return true;
}

/* Have the two together fewer than N_COLORS neighbours of high degree? */
static bool
briggs(Graph *g, Reg u, Reg v)
{
	u32 high = 0;

	for (u32 k = 0; k < g->adj[u].n; k++) {
		Reg t = g->adj[u].v[k];

		if (in_graph(g, t))
			high += g->degree[t] - (meets(g, t, v) ? 1 : 0) >= N_COLORS;
	}
	for (u32 k = 0; k < g->adj[v].n; k++) {
		Reg t = g->adj[v].v[k];

		if (in_graph(g, t) && !meets(g, t, u))
			high += g->degree[t] >= N_COLORS;
	}
	return high < N_COLORS;
}

static void
combine(Graph *g, Reg u, Reg v)
{
	put(g, v, NS_JOINED);
	g->join[v] = u;
	for (u32 k = 0; k < g->moves[v].n; k++)
		VEC_PUSH(g->a, &g->moves[u], g->moves[v].v[k]);
	wake_moves(g, v);
	g->vr->v[u].cost += g->vr->v[v].cost;
	g->vr->v[u].fixed |= g->vr->v[v].fixed;
	g->vr->v[u].temp |= g->vr->v[v].temp;
	g->vr->v[u].compared |= g->vr->v[v].compared;
	g->vr->v[u].index |= g->vr->v[v].index;
	for (u32 k = 0; k < g->adj[v].n; k++) {
		Reg t = g->adj[v].v[k];

		if (!in_graph(g, t))
			continue;
		add_edge(g, t, u);
		lower_degree(g, t);
	}
	if (u >= FIRST_VREG && g->degree[u] >= N_COLORS && g->state[u] == NS_FREEZE)
		put(g, u, NS_SPILL);
}

static void
try_move(Graph *g, Move *m)
{
	Reg u = joined(g, m->dst), v = joined(g, m->src);

	if (v < FIRST_VREG) {
		Reg t = u;

		u = v;
		v = t;
	}
	if (u == v) {
		m->state = MS_DONE;
		unburden(g, u);
	} else if (v < FIRST_VREG || meets(g, u, v)) {
		m->state = MS_DONE;
		unburden(g, u);
		unburden(g, v);
	} else if (u < FIRST_VREG ? george(g, u, v) : (briggs(g, u, v) || george(g, u, v) || george(g, v, u))) {
		m->state = MS_DONE;
		combine(g, u, v);
		unburden(g, u);
	} else {
		m->state = MS_ACTIVE;
	}
}

static void
freeze_moves(Graph *g, Reg r)
{
	for (u32 k = 0; k < g->moves[r].n; k++) {
		Move *m = &g->move.v[g->moves[r].v[k]];
		Reg u = joined(g, m->dst), v = joined(g, m->src);

		if (m->state == MS_DONE)
			continue;
		m->state = MS_DONE;
		unburden(g, u == r ? v : u);
	}
}

/* The node that costs least to have in memory, for the room that it gives. */
static Reg
choose_spill(Graph *g)
{
	Reg best = NO_REG;
	double least = 0;

	for (Reg r = FIRST_VREG; r < g->n; r++) {
		const Vreg *v = &g->vr->v[r];
		double cost;

		if (g->state[r] != NS_SPILL)
			continue;
		cost = v->fixed ? 1e18 : v->temp ? v->cost * 50.0 : v->cost;
		if (v->remake.kind != MK_NONE && g->moves[r].n == 0)
			cost *= 0.4;
		if (v->compared)
			cost *= v->index ? 1e6 : 8;
		cost /= g->degree[r] + 1;
		if (best == NO_REG || cost < least) {
			best = r;
			least = cost;
		}
	}
	return best;
}

static int
by_weight(const void *x, const void *y, void *arg)
{
	const Graph *g = arg;
	const Move *a = &g->move.v[*(const u32 *)x], *b = &g->move.v[*(const u32 *)y];

	if (a->weight != b->weight)
		return a->weight < b->weight ? -1 : 1;
	return *(const u32 *)x > *(const u32 *)y ? -1 : 1;      /* ties: the earlier one is tried first */
}

static void
reduce(Graph *g)
{
	for (u32 k = 0; k < g->move.n; k++)
		VEC_PUSH(g->a, &g->work, k);
	if (g->work.n)
		qsort_r(g->work.v, g->work.n, sizeof(u32), by_weight, g);
	for (Reg r = FIRST_VREG; r < g->n; r++)
		put(g, r, g->degree[r] >= N_COLORS ? NS_SPILL : has_moves(g, r) ? NS_FREEZE : NS_SIMPLIFY);
	for (;;) {
		Reg r;

		if (g->simplify.n) {
			r = g->simplify.v[--g->simplify.n];
			if (g->state[r] == NS_SIMPLIFY)
				simplify(g, r);
		} else if (g->work.n) {
			Move *m = &g->move.v[g->work.v[--g->work.n]];

			if (m->state == MS_WORK)
				try_move(g, m);
		} else if (g->freeze.n) {
			r = g->freeze.v[--g->freeze.n];
			if (g->state[r] == NS_FREEZE) {
				put(g, r, NS_SIMPLIFY);
				freeze_moves(g, r);
			}
		} else if (g->n_spill) {
			r = choose_spill(g);
			put(g, r, NS_SIMPLIFY);
			freeze_moves(g, r);
		} else {
			return;
		}
	}
}

/* A colour that a move partner has, if it is free; else the first free one, those that calls destroy first. */
static u32
pick(const Graph *g, Reg r, u32 free)
{
	static const u8 order[] = { R1, R2, R3, R4, R5, R0, R6, R7, R8, R9 };

	for (u32 k = 0; k < g->moves[r].n; k++) {
		const Move *m = &g->move.v[g->moves[r].v[k]];
		Reg u = joined(g, m->dst), v = joined(g, m->src);
		Reg other = joined(g, u == r ? v : u);

		if (g->color[other] != BIG && free >> g->color[other] & 1)
			return g->color[other];
	}
	for (u32 k = 0; k < COUNT(order); k++)
		if (free >> order[k] & 1)
			return order[k];
	return BIG;
}

/* Gives colours in the reverse order of simplification. True if all have one; spill gets those that have none. */
static bool
color(Graph *g, bool *spill)
{
	bool ok = true;

	for (u32 k = 0; k < g->n; k++)
		g->color[k] = k < N_COLORS ? k : BIG;
	while (g->stack.n) {
		Reg r = g->stack.v[--g->stack.n];
		u32 free = (1 << N_COLORS) - 1;

		for (u32 k = 0; k < g->adj[r].n; k++) {
			u32 c = g->color[joined(g, g->adj[r].v[k])];

			if (c != BIG)
				free &= ~(1u << c);
		}
		g->color[r] = pick(g, r, free);
		if (g->color[r] == BIG) {
			spill[r] = true;
			ok = false;
		}
	}
	for (Reg r = FIRST_VREG; r < g->n; r++)
		if (g->state[r] == NS_JOINED) {
			g->color[r] = g->color[joined(g, r)];
			spill[r] = spill[joined(g, r)];
		}
	return ok;
}

/* Registers that were joined and are now spilled become one, so that they share a slot and need no copies. */
static void
join_spilled(Graph *g, const bool *spill)
{
	for (u32 k = 0; k < g->mf->blocks.n; k++) {
		MBlock *mb = g->mf->blocks.v[k];
		u32 keep = 0;

		for (u32 j = 0; j < mb->ins.n; j++) {
			Mi m = mb->ins.v[j];
			Reg *field[] = { &m.dst, &m.src, &m.src2 };

			for (u32 x = 0; x < COUNT(field) - (m.kind != MK_SETCC); x++) {
				Reg r = *field[x];

				if (r == NO_REG || r < FIRST_VREG || !spill[r] || joined(g, r) == r)
					continue;
				*field[x] = joined(g, r);
				g->vr->v[*field[x]].slot = 0;   /* that of one of them alone would not do */
			}
			if (!ir_mi_is_copy(&m) || m.dst != m.src)
				mb->ins.v[keep++] = m;
		}
		mb->ins.n = keep;
	}
	find_remade(g);
}

static void
set_reg(const Graph *g, Reg *r)
{
	if (*r != NO_REG && *r >= FIRST_VREG)
		*r = g->color[*r];
}

static void
apply(Graph *g)
{
	for (u32 k = 0; k < g->mf->blocks.n; k++) {
		MBlock *mb = g->mf->blocks.v[k];
		u32 keep = 0;

		for (u32 j = 0; j < mb->ins.n; j++) {
			Mi m = mb->ins.v[j];

			set_reg(g, &m.dst);
			set_reg(g, &m.src);
			if (m.kind == MK_SETCC)
				set_reg(g, &m.src2);
			if (!ir_mi_is_copy(&m) || m.dst != m.src)
				mb->ins.v[keep++] = m;
		}
		mb->ins.n = keep;
	}
}

void
ir_rega(MFn *mf)
{
	Vregs vr = { 0 };
	bool done = false;

	for (u32 round = 0; !done; round++) {
		Graph g = { .mf = mf, .a = arena_new(), .vr = &vr, .n = mf->n_vregs };
		bool *spill = NEW_N(g.a, bool, g.n);

		assert(round < 50);
		while (vr.n < g.n) {
			bool index = vr.n < mf->n_index && mf->index[vr.n];

			VEC_PUSH(mf->a, &vr, ((Vreg){ .index = index }));
		}
		g.adj = NEW_N(g.a, RegList, g.n);
		g.moves = NEW_N(g.a, VecU32, g.n);
		g.degree = NEW_N(g.a, u32, g.n);
		g.color = NEW_N(g.a, u32, g.n);
		g.join = NEW_N(g.a, Reg, g.n);
		g.state = NEW_N(g.a, u8, g.n);
		g.edge_cap = 1024;
		g.edge = NEW_N(g.a, u64, g.edge_cap);
		for (u32 k = 0; k < FIRST_VREG; k++) {
			g.degree[k] = BIG;
			g.state[k] = NS_FIXED;
		}
		build(&g);
		reduce(&g);
		done = color(&g, spill);
		if (done) {
			apply(&g);
		} else {
			join_spilled(&g, spill);
			ir_spill(mf, &vr, spill);
		}
		arena_free(g.a);
	}
	ir_forward_reloads(mf);
	ir_share_slots(mf);
}
