/* ask: tests that no classic program can make: the packet's local process, and a text anywhere in the packet.
 * In the graph each is a value of 0 or 1 (X_ASK), so they stand anywhere an expression may have a test. The exact program
 * loads it from an offset that no packet has, and filt_accepts() answers there. The kernel gets what is and-ed at the top
 * and asks nothing: a packet it refuses, the exact program would refuse too. */
#include "filt/gen.h"

static bool
is_ask(const Ast *n)
{
	return n->kind >= A_CONTAINS && n->kind <= A_CGROUP;
}

static bool
same(const Ask *x, const Ast *y)
{
	return x->kind == y->kind && x->v == y->v && (x->kind == A_PID || !memcmp(x->text, y->text, x->kind == A_CONTAINS ? y->v :
		strlen(y->text) + 1));
}

Bool *
gen_ask(Gen *g, const Ast *n)
{
	u32 i;

	if (n->kind == A_CONTAINS ? g->o->no_text : g->o->no_process) {
		gen_bad(g, n->kind == A_CONTAINS ? "such a program cannot search a packet for a text" :
			"a program sees the packet alone, not the process it belongs to");
		diag_hint(g->d, "`piton filter` itself can: leave it to a capture, or to reading a file");
		return b_const(g, false);
	}
	for (i = 0; i < g->g->ask.n && !same(&g->g->ask.v[i], n); i++)
		;
	if (i == g->g->ask.n)
		VEC_PUSH(g->a, &g->g->ask, ((Ask){ n->kind, n->v, n->text }));
	return b_eq(g, ex_ask(g->g, i), 1);
}

bool
ast_asks(const Ast *n)
{
	for (; n->kind == A_AND || n->kind == A_OR; n = n->l)
		if (ast_asks(n->r))
			return true;
	return n->kind == A_NOT ? ast_asks(n->l) : is_ask(n);
}

/* What is and-ed in n, from left to right, without the parts that ask. Behind such a part nothing is taken that depends on a
 * cell the part would have set. */
static Bool *
parts(Gen *g, Ast *n, bool *stop)
{
	Vec(Ast *) list = {0};
	Bool *b = NULL, *x;

	for (; n->kind == A_AND; n = n->l)
		VEC_PUSH(g->a, &list, n->r);
	VEC_PUSH(g->a, &list, n);
	for (u32 i = list.n; i-- > 0;) {
		Ast *c = list.v[i];
		u32 cells = g->g->cells;

		if (c->kind == A_AND) {
			b = b_and(g, b, parts(g, c, stop));
			continue;
		}
		x = gen_ast(g, c);
		if (!ast_asks(c) && !*stop)
			b = b_and(g, b, x);
		else
			*stop |= g->g->cells != cells;
	}
	return b;
}

Bool *
gen_without_asks(Gen *g, Ast *n)
{
	bool stop = false;
	Bool *b = parts(g, n, &stop);

	return b ? b : b_const(g, true);
}

/* ---- at run time ---- */

bool
filt_asks(const Filt *f)
{
	return f->exact.g->ask.n != 0;
}

bool
filt_asks_process(const Filt *f)
{
	for (u32 i = 0; i < f->exact.g->ask.n; i++)
		if (f->exact.g->ask.v[i].kind != A_CONTAINS)
			return true;
	return false;
}

bool
ask_holds(const Ask *k, const u8 *p, u32 n, const FiltProcess *w)
{
	switch (k->kind) {
	case A_CONTAINS: return memmem(p, n, k->text, k->v) != NULL;
	case A_PID: return w && w->pid == k->v;
	case A_COMM: return w && !strcmp(w->comm, k->text);
	}
	return w && strstr(w->cgroup, k->text);
}

typedef struct Answer { const Filt *f; const u8 *p; u32 n; const FiltBeside *beside; } Answer;

static bool
answer(void *arg, u32 at, u32 *v)
{
	const Answer *a = arg;
	const FiltBeside *b = a->beside;
	const Ask *k;

	if (at == META_PKTTYPE || at == META_IFINDEX) {
		*v = at == META_IFINDEX ? b->ifindex : b->outgoing ? 4 : 0;
		return true;
	}
	if (at < FILT_ASK || at - FILT_ASK >= a->f->exact.g->ask.n)
		return false;
	k = &a->f->exact.g->ask.v[at - FILT_ASK];
	*v = ask_holds(k, a->p, a->n, k->kind == A_CONTAINS ? NULL : b->process(b->arg));
	return true;
}

u32
filt_accepts(const Filt *f, const u8 *p, u32 caplen, u32 len, const FiltBeside *beside)
{
	Answer a = { f, p, caplen, beside };
	bool out;

	return filt_run_asking(f->exact.insn, f->exact.n, p, caplen, len, answer, &a, &out);
}
