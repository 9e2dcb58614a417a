/* steps: straight code for a value. What each step leaves in A and X is noted, so that a node that comes with part
 * of the work done can begin further down. */
#include "filt/in.h"

#include <linux/filter.h>

typedef struct Sim { Arena *arena; Vec(Step) s; Ex *a, *x; u32 temps; } Sim;

static void emit_a(Sim *m, Ex *e);

static void
put(Sim *m, u16 code, u32 k, Ex *a, Ex *x)
{
	m->a = a;
	m->x = x;
	VEC_PUSH(m->arena, &m->s, ((Step){ code, k, a, x, m->temps > 0 }));
}

/* 4 * (packet[k] & 0xf): one instruction for X. */
static bool
is_msh(const Ex *e)
{
	return e->op == X_ALU && e->alu == BPF_LSH && e->b->op == X_IMM && e->b->k == 2 && e->a->op == X_ALU &&
		e->a->alu == BPF_AND && e->a->b->op == X_IMM && e->a->b->k == 0xf && e->a->a->op == X_LD &&
		e->a->a->size == 1 && !e->a->a->a && (e->a->a->k < 0x7fffffff || e->a->a->k > 0xffffff00u);
}

/* Can it come into X without passing through A? */
static bool
for_x(const Ex *e)
{
	return e->op == X_IMM || e->op == X_LEN || e->op == X_CELL || is_msh(e);
}

static bool
leaves_x(const Ex *e)
{
	switch (e->op) {
	case X_LD: return !e->a;
	case X_NEG: return leaves_x(e->a);
	case X_ALU: return e->b->op == X_IMM && leaves_x(e->a);
	case X_CMP: return false;
	}
	return true;
}

static void
emit_x(Sim *m, Ex *e)
{
	if (m->x == e)
		return;
	if (e->op == X_IMM)
		put(m, BPF_LDX | BPF_IMM, e->k, m->a, e);
	else if (e->op == X_LEN)
		put(m, BPF_LDX | BPF_W | BPF_LEN, 0, m->a, e);
	else if (e->op == X_CELL)
		put(m, BPF_LDX | BPF_MEM, CELL + e->k, m->a, e);
	else if (is_msh(e))
		put(m, BPF_LDX | BPF_MSH | BPF_B, e->a->a->k, m->a, e);
	else {
		emit_a(m, e);
		put(m, BPF_MISC | BPF_TAX, 0, m->a, e);
	}
}

/* A := l, X := r. */
static void
emit_pair(Sim *m, Ex *l, Ex *r)
{
	u32 temp;

	if (for_x(r)) {
		emit_a(m, l);
		emit_x(m, r);
		return;
	}
	emit_a(m, r);
	if (leaves_x(l)) {
		put(m, BPF_MISC | BPF_TAX, 0, m->a, r);
		emit_a(m, l);
		return;
	}
	temp = TEMP_TOP - m->temps++;
	put(m, BPF_ST, temp, m->a, m->x);
	emit_a(m, l);
	m->temps--;
	put(m, BPF_LDX | BPF_MEM, temp, m->a, r);
}

static bool
commutes(u16 op)
{
	return op == BPF_ADD || op == BPF_MUL || op == BPF_AND || op == BPF_OR || op == BPF_XOR;
}

static u16
size_bits(u32 size)
{
	return size == 1 ? BPF_B : size == 2 ? BPF_H : BPF_W;
}

static void
emit_a(Sim *m, Ex *e)
{
	if (m->a == e)
		return;
	switch (e->op) {
	case X_IMM: put(m, BPF_LD | BPF_IMM, e->k, e, m->x); break;
	case X_LEN: put(m, BPF_LD | BPF_W | BPF_LEN, 0, e, m->x); break;
	case X_ASK: put(m, BPF_LD | BPF_W | BPF_ABS, FILT_ASK + e->k, e, m->x); break;
	case X_CELL: put(m, BPF_LD | BPF_MEM, CELL + e->k, e, m->x); break;
	case X_LD:
		if (e->a) {
			emit_x(m, e->a);
			put(m, BPF_LD | BPF_IND | size_bits(e->size), e->k, e, m->x);
		} else {
			put(m, BPF_LD | BPF_ABS | size_bits(e->size), e->k, e, m->x);
		}
		break;
	case X_NEG:
		emit_a(m, e->a);
		put(m, BPF_ALU | BPF_NEG, 0, e, m->x);
		break;
	case X_ALU:
		if (e->b->op == X_IMM) {
			emit_a(m, e->a);
			put(m, BPF_ALU | BPF_K | e->alu, e->b->k, e, m->x);
			break;
		}
		/* the side that leaves X alone comes second */
		if (commutes(e->alu) && !for_x(e->b) && (for_x(e->a) || (!leaves_x(e->a) && leaves_x(e->b))))
			emit_pair(m, e->b, e->a);
		else
			emit_pair(m, e->a, e->b);
		put(m, BPF_ALU | BPF_X | e->alu, 0, e, m->x);
		break;
	}
}

static bool
reads_a(u16 code)
{
	return BPF_CLASS(code) == BPF_ALU || BPF_CLASS(code) == BPF_ST || code == (BPF_MISC | BPF_TAX);
}

static bool
reads_x(u16 code)
{
	return (BPF_CLASS(code) == BPF_ALU && BPF_SRC(code) == BPF_X && BPF_OP(code) != BPF_NEG) ||
		(BPF_CLASS(code) == BPF_LD && BPF_MODE(code) == BPF_IND) || BPF_CLASS(code) == BPF_STX;
}

static bool
writes_x(u16 code)
{
	return BPF_CLASS(code) == BPF_LDX || code == (BPF_MISC | BPF_TAX);
}

static bool
writes_a(u16 code)
{
	return BPF_CLASS(code) == BPF_LD || BPF_CLASS(code) == BPF_ALU;
}

/* Goes back over the steps: what does the rest of them need? */
static void
finish(Sim *m, Ex *end_a, Ex *end_x, Steps *out)
{
	u32 n = m->s.n;

	out->n = n;
	out->s = m->s.v;
	out->need_a = NEW_N(m->arena, Ex *, n + 1);
	out->need_x = NEW_N(m->arena, Ex *, n + 1);
	out->closed = NEW_N(m->arena, bool, n + 1);
	out->need_a[n] = end_a;
	out->need_x[n] = end_x;
	for (u32 i = n; i-- > 0;) {
		u16 code = out->s[i].code;

		out->need_a[i] = writes_a(code) ? NULL : out->need_a[i + 1];
		out->need_x[i] = writes_x(code) ? NULL : out->need_x[i + 1];
		if (reads_a(code))
			out->need_a[i] = i ? out->s[i - 1].a : NULL;
		if (reads_x(code))
			out->need_x[i] = i ? out->s[i - 1].x : NULL;
		out->closed[i] = i && out->s[i - 1].temp;
	}
}

bool
node_is_bits(const Node *n, bool *negated)
{
	const Ex *e = n->e;

	if (n->op != N_TEST || e->op != X_ALU || e->alu != BPF_AND || e->b->op != X_IMM)
		return false;
	*negated = n->set->n == 1 && n->set->r[0].lo == 0 && n->set->r[0].hi == 0;
	return *negated || (n->set->n == 1 && n->set->r[0].lo == 1 && n->set->r[0].hi >= e->hi);
}

void
steps_test(Arena *a, const Node *n, Steps *out)
{
	Sim m = { .arena = a };
	bool negated;

	if (n->e->op == X_CMP) {
		Ex *l = n->e->a, *r = n->e->b;

		if (n->e->alu == BPF_JEQ && !for_x(r) && (for_x(l) || (!leaves_x(l) && leaves_x(r)))) {
			l = n->e->b;
			r = n->e->a;
		}
		emit_pair(&m, l, r);
		finish(&m, l, r, out);
	} else {
		Ex *e = node_is_bits(n, &negated) ? n->e->a : n->e;

		emit_a(&m, e);
		finish(&m, e, NULL, out);
	}
}

void
steps_let(Arena *a, const Node *n, Steps *out)
{
	Sim m = { .arena = a };

	if (n->e->op == X_IMM) {
		emit_x(&m, n->e);
		put(&m, BPF_STX, CELL + n->k, m.a, n->e);
	} else {
		emit_a(&m, n->e);
		put(&m, BPF_ST, CELL + n->k, m.a, m.x);
	}
	finish(&m, NULL, NULL, out);
	out->closed[out->n] = true;     /* the store is what it is for */
}
