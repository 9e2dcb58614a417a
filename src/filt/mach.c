/* mach: instructions as a graph, then in a row. Equal instructions with equal successors are one node.
 * The row is laid out from its end: what an instruction jumps to already has its place. A conditional jump reaches 255
 * instructions; further targets get a stepping stone, shared by the jumps around it. */
#include "filt/mach.h"

#include <assert.h>
#include <linux/filter.h>

Mach *
mach_new(Arena *a)
{
	Mach *m = NEW(a, Mach);

	m->a = a;
	return m;
}

static u32
hash(const MNode *n)
{
	u32 key[7] = { n->op, n->code, n->k, n->t ? n->t->id + 1 : 0, n->f ? n->f->id + 1 : 0,
		n->chain ? n->chain->proto : 0, n->set ? base_hash(n->set->r, sizeof(Range) * n->set->n) : 0 };

	return base_hash(key, sizeof(key));
}

static bool
same(const void *one, const void *two)
{
	const MNode *x = one, *y = two;

	return x->op == y->op && x->code == y->code && x->k == y->k && x->t == y->t && x->f == y->f && x->chain == y->chain &&
		(x->set == y->set || (x->set && y->set && set_same(x->set, y->set)));
}

static MNode *
find(Mach *m, MNode key)
{
	void **at = filt_once(&m->nodes, m->a, hash(&key), &key, same);
	MNode *n = *at;

	if (n)
		return n;
	*at = n = NEW(m->a, MNode);
	*n = key;
	n->id = m->all.n;
	VEC_PUSH(m->a, &m->all, n);
	return n;
}

MNode *
mach_ins(Mach *m, u16 code, u32 k, MNode *next)
{
	return find(m, (MNode){ .op = M_INS, .code = code, .k = k, .t = next });
}

MNode *
mach_jump(Mach *m, u16 code, u32 k, MNode *t, MNode *f)
{
	return t == f ? t : find(m, (MNode){ .op = M_JUMP, .code = BPF_JMP | code, .k = k, .t = t, .f = f });
}

MNode *
mach_ret(Mach *m, u32 k)
{
	return find(m, (MNode){ .op = M_RET, .code = BPF_RET | BPF_K, .k = k });
}

MNode *
mach_chain(Mach *m, const Chain *c, MNode *t, MNode *f)
{
	return find(m, (MNode){ .op = M_CHAIN, .chain = c, .t = t, .f = f });
}

MNode *
mach_set(Mach *m, const Set *set, u32 hi, MNode *t, MNode *f)
{
	return t == f ? t : find(m, (MNode){ .op = M_SET, .k = hi, .set = set, .t = t, .f = f });
}

/* ---- layout ---- */

typedef struct Row { Arena *a; Vec(FiltInsn) v; } Row;     /* in reverse */

static u32
put(Row *r, FiltInsn x)
{
	VEC_PUSH(r->a, &r->v, x);
	return r->v.n;
}

static bool
reaches(Row *r, const MNode *n, u32 margin)
{
	return r->v.n + margin - n->at <= 255;
}

/* The place to jump to for n, within reach even if `margin` more instructions come between. */
static u32
place(Row *r, MNode *n, u32 margin)
{
	if (reaches(r, n, margin))
		return n->at;
	if (n->stone && r->v.n + margin - n->stone <= 255)
		return n->stone;
	if (n->op == M_RET)
		n->stone = put(r, (FiltInsn){ n->code, 0, 0, n->k });
	else
		n->stone = put(r, (FiltInsn){ BPF_JMP | BPF_JA, 0, 0, r->v.n - n->at });
	return n->stone;
}

static void
put_jump(Row *r, MNode *n, u16 code, u32 k, MNode *t, MNode *f)
{
	u32 pt = place(r, t, 2), pf = place(r, f, 1);
	u32 at = put(r, (FiltInsn){ code, (u8)(r->v.n - pt), (u8)(r->v.n - pf), k });

	if (n)
		n->at = at;
}

/* What follows an instruction must be right behind it. */
static void
put_behind(Row *r, MNode *next)
{
	if (next->at == r->v.n)
		return;
	if (next->op == M_RET)
		put(r, (FiltInsn){ next->code, 0, 0, next->k });
	else if (next->op == M_JUMP && reaches(r, next->t, 1) && reaches(r, next->f, 1))
		put_jump(r, NULL, next->code, next->k, next->t, next->f);
	else
		put(r, (FiltInsn){ BPF_JMP | BPF_JA, 0, 0, r->v.n - next->at });
}

/* protochain: the only loop. Each turn of an IPv6 header moves on by 8 bytes at least, so the packet's end ends it; an
 * authentication header sets the offset by its length alone (as in libpcap), so those are counted. */
enum { CH_TEMP = TEMP_TOP, CH_COUNT = TEMP_TOP - 1, CH_MAX = 32 };

static void
put_chain(Row *r, MNode *n)
{
	const Chain *c = n->chain;
	enum { TO_T = 1000, TO_F, AGAIN, ADVANCE, AH, TAIL };
	struct { u16 code; u32 k; int t, f, label; } p[48];
	u32 i = 0, at[8] = {0}, pt, pf, base;
#define P(label_, code_, k_, t_, f_) do { p[i].label = label_; p[i].code = code_; p[i].k = k_; p[i].t = t_; \
	p[i].f = f_; if (label_) at[label_ - TO_T] = i; i++; } while (0)
#define JEQ(label_, k_, t_, f_) P(label_, BPF_JMP | BPF_JEQ | BPF_K, k_, t_, f_)

	P(0, BPF_LDX | BPF_IMM, CH_MAX, 0, 0);
	P(0, BPF_STX, CH_COUNT, 0, 0);
	P(0, BPF_LD | BPF_ABS | BPF_B, c->net + (c->v6 ? 6 : 9), 0, 0);
	if (c->v6)
		P(0, BPF_LDX | BPF_IMM, 40, 0, 0);
	else
		P(0, BPF_LDX | BPF_MSH | BPF_B, c->net, 0, 0);
	JEQ(AGAIN, c->proto, TO_T, 0);
	if (c->v6) {
		JEQ(0, 0, ADVANCE, 0);
		JEQ(0, 60, ADVANCE, 0);
		JEQ(0, 43, ADVANCE, 0);
		JEQ(0, 44, ADVANCE, 0);
	}
	JEQ(0, 51, AH, TO_F);
	P(AH, BPF_LD | BPF_MEM, CH_COUNT, 0, 0);
	P(0, BPF_ALU | BPF_SUB | BPF_K, 1, 0, 0);
	P(0, BPF_ST, CH_COUNT, 0, 0);
	JEQ(0, 0, TO_F, 0);
	P(0, BPF_LD | BPF_IND | BPF_B, c->net, 0, 0);
	P(0, BPF_ST, CH_TEMP, 0, 0);
	P(0, BPF_LD | BPF_IND | BPF_B, c->net + 1, 0, 0);
	P(0, BPF_ALU | BPF_ADD | BPF_K, 2, 0, 0);
	P(0, BPF_ALU | BPF_LSH | BPF_K, 2, 0, 0);
	if (c->v6) {
		P(0, BPF_JMP | BPF_JA, 0, TAIL, 0);
		P(ADVANCE, BPF_LD | BPF_IND | BPF_B, c->net, 0, 0);
		P(0, BPF_ST, CH_TEMP, 0, 0);
		P(0, BPF_LD | BPF_IND | BPF_B, c->net + 1, 0, 0);
		P(0, BPF_ALU | BPF_ADD | BPF_K, 1, 0, 0);
		P(0, BPF_ALU | BPF_LSH | BPF_K, 3, 0, 0);
		P(0, BPF_ALU | BPF_ADD | BPF_X, 0, 0, 0);
	}
	P(TAIL, BPF_MISC | BPF_TAX, 0, 0, 0);
	P(0, BPF_LD | BPF_MEM, CH_TEMP, 0, 0);
	P(0, BPF_JMP | BPF_JA, 0, AGAIN, 0);
#undef P
#undef JEQ
	pt = place(r, n->t, i + 1);
	pf = place(r, n->f, i);
	base = r->v.n;
	for (u32 j = i; j-- > 0;) {
		FiltInsn x = { p[j].code, 0, 0, p[j].k };
		u32 here = base + (i - j) - 1;          /* row length before this one */

		if (BPF_CLASS(x.code) == BPF_JMP) {
			int to[2] = { p[j].t, p[j].f };
			u32 off[2];

			for (u32 s = 0; s < 2; s++)
				off[s] = to[s] == TO_T ? here - pt : to[s] == TO_F ? here - pf :
					to[s] ? at[to[s] - TO_T] - j - 1 : 0;
			if (BPF_OP(x.code) == BPF_JA)
				x.k = off[0];
			else {
				x.jt = (u8)off[0];
				x.jf = (u8)off[1];
			}
		}
		put(r, x);
	}
	n->at = r->v.n;
}

static void
lay(Row *r, MNode *n)
{
	switch (n->op) {
	case M_RET: n->at = put(r, (FiltInsn){ n->code, 0, 0, n->k }); break;
	case M_INS:
		put_behind(r, n->t);
		n->at = put(r, (FiltInsn){ n->code, 0, 0, n->k });
		break;
	case M_JUMP: put_jump(r, n, n->code, n->k, n->t, n->f); break;
	case M_CHAIN: put_chain(r, n); break;
	case M_SET: assert(!"no instruction");
	}
}

/* Successors first, without recursion: programs can be thousands of jumps deep. */
static void
walk(Mach *m, Row *r, MNode *root, bool true_first)
{
	Vec(MNode *) stack = {0};

	VEC_PUSH(m->a, &stack, root);
	while (stack.n) {
		MNode *n = stack.v[stack.n - 1], *first = true_first ? n->t : n->f, *second = true_first ? n->f : n->t;

		if (n->at) {
			stack.n--;
		} else if (first && !first->at && !(n->seen & 1)) {
			n->seen |= 1;
			VEC_PUSH(m->a, &stack, first);
		} else if (second && !second->at && !(n->seen & 2)) {
			n->seen |= 2;
			VEC_PUSH(m->a, &stack, second);
		} else {
			lay(r, n);
			stack.n--;
		}
	}
}

FiltInsn *
mach_layout(Mach *m, MNode *root, bool true_first, u32 *n)
{
	Row r = { .a = m->a };
	FiltInsn *out;

	for (u32 i = 0; i < m->all.n; i++)
		m->all.v[i]->at = m->all.v[i]->stone = m->all.v[i]->seen = 0;
	walk(m, &r, root, true_first);
	out = NEW_N(m->a, FiltInsn, r.v.n);
	for (u32 i = 0; i < r.v.n; i++)
		out[i] = r.v.v[r.v.n - 1 - i];
	*n = r.v.n;
	return out;
}
