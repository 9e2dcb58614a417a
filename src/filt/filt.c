/* filt: the way of an expression, from text to program. */
#include "filt/in.h"

Filt *
filt_compile(Arena *a, Diag *d, const char *text, size_t n, const FiltOpts *opts)
{
	Filt *f = NEW(a, Filt);
	Graph *g = graph_new(a);
	Token *tok;
	Bool *tests;
	u32 count;

	f->a = a;
	f->opts = *opts;
	f->g = g;
	if (!f->opts.snaplen)
		f->opts.snaplen = 262144;
	g->plain = opts->plain;
	tok = filt_lex(a, d, "filter", text, n, &count);
	f->ast = tok ? filt_parse(a, d, tok) : NULL;
	tests = f->ast ? filt_gen(a, d, g, f->ast, &f->opts) : NULL;
	if (!tests || diag_errors(d))
		return NULL;
	f->root = graph_lower(g, tests, g->yes, g->no);
	if (!g->plain) {
		g->root = f->root;
		graph_optimize(g);
		f->root = g->root;
	}
	f->empty = f->root == g->no;
	f->insn = graph_code(g, f->root, f->opts.snaplen, &f->n);
	if (!f->insn) {
		diag_err(d, f->ast->at, E_FILTER, "the expression needs more memory cells than the 16 of the classic machine");
		return NULL;
	}
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

/* Visits the parts of the outermost `and`. */
#define FOR_PARTS(c, f) \
	for (const Ast *n_ = (f)->ast, *c; n_ && (c = n_->kind == A_AND ? n_->r : n_); n_ = n_->kind == A_AND ? n_->l : NULL)

bool
filt_wants_process(const Filt *f)
{
	FOR_PARTS(c, f)
		if (c->kind >= A_PID && c->kind <= A_CGROUP)
			return true;
	return false;
}

bool
filt_process_fits(const Filt *f, u32 pid, const char *comm, const char *cgroup)
{
	FOR_PARTS(c, f)
		if ((c->kind == A_PID && c->v != pid) || (c->kind == A_COMM && strcmp(c->text, comm)) ||
		    (c->kind == A_CGROUP && !strstr(cgroup, c->text)))
			return false;
	return true;
}

bool
filt_wants_text(const Filt *f)
{
	FOR_PARTS(c, f)
		if (c->kind == A_CONTAINS || (c->kind == A_NOT && c->l->kind == A_CONTAINS))
			return true;
	return false;
}

bool
filt_text_fits(const Filt *f, const u8 *p, u32 n)
{
	FOR_PARTS(c, f) {
		const Ast *t = c->kind == A_NOT ? c->l : c;

		if (t->kind == A_CONTAINS && (memmem(p, n, t->text, t->v) != NULL) != (t == c))
			return false;
	}
	return true;
}
