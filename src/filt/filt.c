/* filt: the way of an expression, from text to program. */
#include "filt/in.h"

static bool
make(Filt *f, Diag *d, Program *p, bool outer)
{
	Bool *tests;

	p->g = graph_new(f->a);
	p->g->plain = f->opts.plain;
	tests = filt_gen(f->a, d, p->g, f->ast, &f->opts, outer);
	if (!tests || diag_errors(d))
		return false;
	p->root = graph_lower(p->g, tests, p->g->yes, p->g->no);
	if (!p->g->plain) {
		p->g->root = p->root;
		graph_shrink(p->g);
		p->root = p->g->root;
	}
	p->insn = graph_code(p->g, p->root, f->opts.snaplen, &p->n);
	if (!p->insn)
		diag_err(d, f->ast->at, E_FILTER, "the expression needs more memory cells than the 16 of the classic machine");
	return p->insn != NULL;
}

Filt *
filt_compile(Arena *a, Diag *d, const char *text, size_t n, const FiltOpts *opts)
{
	Filt *f = NEW(a, Filt);
	Program outer;
	Token *tok;
	u32 count;

	f->a = a;
	f->opts = *opts;
	if (!f->opts.snaplen)
		f->opts.snaplen = 262144;
	tok = filt_lex(a, d, "filter", text, n, &count);
	f->ast = tok ? filt_parse(a, d, tok) : NULL;
	if (!f->ast || !make(f, d, &f->exact, false))
		return NULL;
	outer = f->exact;
	if (ast_asks(f->ast) && !make(f, d, &outer, true))
		return NULL;
	f->g = outer.g;
	f->root = outer.root;
	f->insn = outer.insn;
	f->n = outer.n;
	f->empty = f->exact.root == f->exact.g->no;
	return f;
}

const FiltInsn *
filt_code(const Filt *f, u32 *n)
{
	*n = f->n;
	return f->insn;
}

bool
filt_rejects_all(const Filt *f)
{
	return f->empty;
}
