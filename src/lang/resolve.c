/* resolve: attach points become clauses, names become symbols. Variables are block scoped; maps are global. */
#include "lang/comp.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- attach points ---- */

/* "$1" in an attach point is the parameter's text. */
static const char *
with_params(Comp *c, Node *pt)
{
	Buf b = { 0 };
	const char *s;

	if (!strchr(pt->str, '$'))
		return pt->str;
	for (s = pt->str; *s; s++) {
		char *end;
		unsigned long k;

		if (*s != '$' || s[1] < '1' || s[1] > '9') {
			buf_putc(&b, *s);
			continue;
		}
		k = strtoul(s + 1, &end, 10);
		if (k > c->opt->n_params)
			comp_err(c, pt->at, E_NO_PROBE, "the attach point names $%lu, but %u parameter%s given", k, c->opt->n_params,
			    c->opt->n_params == 1 ? " is" : "s are");
		else
			buf_puts(&b, c->opt->params[k - 1]);
		s = end - 1;
	}
	s = arena_str(c->a, b.p ? b.p : "", b.n);
	buf_free(&b);
	return s;
}

bool
lang_points(Types *types, Arena *a, Diag *d, const LangOptions *opt, const char *text, size_t n, u32 base, PointFn *fn, void *arg)
{
	Comp *c = NEW(a, Comp);
	Map macros = { .arena = a };
	Node *top;

	c->a = a;
	c->d = d;
	c->opt = opt;
	if (setjmp(c->out))
		return false;
	top = parse_text(a, d, types, text, (u32)n, base, &macros, &c->out);
	for (u32 i = 0; i < top->n; i++)
		for (u32 j = 0; top->list[i]->kind == ND_PROBE && j < top->list[i]->n; j++)
			fn(arg, with_params(c, top->list[i]->list[j]), top->list[i]->list[j]->at);
	return !diag_errors(d);
}

/* Whether the code of the clause differs from probe to probe. */
static bool
asks_place(Comp *c, const Node *n, const Probe *p)
{
	static const char *const words[] = { "args", "probe", "func" };

	if (!n)
		return false;
	if (n->kind == ND_IDENT || n->kind == ND_CALL) {
		for (size_t i = 0; i < COUNT(words); i++)
			if (!strcmp(n->name, words[i]) && !(i == 2 && func_by_address(c, p->prov)))
				return true;
		if ((!p->prov->same_code || p->own_args) && (!strncmp(n->name, "arg", 3) || !strcmp(n->name, "retval") || !strcmp(n->name, "ctx")))
			return true;
	}
	if (asks_place(c, n->a, p) || asks_place(c, n->b, p) || asks_place(c, n->c, p))
		return true;
	for (u32 i = 0; n->list && i < n->n; i++)
		if (asks_place(c, n->list[i], p))
			return true;
	return false;
}

static Clause *
clause_new(Comp *c, Node *probe, const Provider *prov, bool copy)
{
	Clause *cl = NEW(c->a, Clause);

	cl->node = probe;
	cl->prov = prov;
	cl->pred = copy ? ast_clone(c->a, probe->a) : probe->a;
	cl->body = copy ? ast_clone(c->a, probe->b) : probe->b;
	VEC_PUSH(c->a, &c->clauses, cl);
	return cl;
}

typedef struct Walk { Comp *c; Node *probe; u32 first; bool any; Span at; } Walk;

static int
found(void *arg, Probe *p)
{
	Walk *w = arg;
	Comp *c = w->c;
	bool apart = !p->prov->same_code || asks_place(c, w->probe->a, p) || asks_place(c, w->probe->b, p);
	Clause *cl = NULL;

	p->at = w->at;
	for (u32 i = w->first; i < c->clauses.n && !apart; i++)
		if (c->clauses.v[i]->prov == p->prov && !c->clauses.v[i]->p->own_args)
			cl = c->clauses.v[i];
	if (!cl) {
		if (c->clauses.n >= comp_cf(c, CF_MAX_BPF_PROGS)) {
			comp_err(c, w->at, E_NO_PROBE, "Your program is trying to generate more than %u BPF programs, which exceeds the current limit of %llu",
			    c->clauses.n, (unsigned long long)comp_cf(c, CF_MAX_BPF_PROGS));
			comp_hint(c, "You can increase the limit through the BPFTRACE_MAX_BPF_PROGS environment variable or max_bpf_progs in config.");
			return 1;
		}
		cl = clause_new(c, w->probe, p->prov, c->clauses.n > w->first);
		cl->p = p;
	}
	VEC_PUSH(c->a, &cl->probes, p);
	if (cl->probes.n > comp_cf(c, CF_MAX_PROBES)) {
		comp_err(c, w->at, E_NO_PROBE, "Can't attach to more than %llu probes", (unsigned long long)comp_cf(c, CF_MAX_PROBES));
		comp_hint(c, "you can increase the limit through the config variable max_probes");
		return 1;
	}
	w->any = true;
	return 0;
}

/* missing_probes for a place: 0 error, 1 warn, 2 ignore. Older scripts list the names that a function had in several kernels: with compat
 * those of a list may be missing, and what a library that is given by its short name does not have. */
static u64
missing_is(Comp *c, const Node *probe, const Probe *p, const char *text)
{
	u64 how = comp_cf(c, CF_MISSING_PROBES);
	const char *file = strchr(text, ':');
	bool library = p->prov->of_files && file && file[1 + strcspn(file + 1, ":/")] == ':';

	return c->old && (probe->n > 1 || library) ? MAX(how, 1ull) : how;
}

/* A place that is not there. Patterns may match nothing, as long as their clause has another place. */
static void
missing(Comp *c, Node *pt, const Probe *p, const char *text, int n, u64 how)
{
	const char *rest = strchr(text, ':') ? strchr(text, ':') + 1 : "", *last = strrchr(text, ':'), *near;

	if (n == -EOPNOTSUPP && how == 0) {     /* said once, instead of a refusal for each program */
		comp_err(c, pt->at, E_UNSUPPORTED, "this kernel has no %s probes: %s are missing or not allowed", p->prov->name, probe_lacks(p));
	} else if (n == -ENOENT && p->prov->of_files) {
		comp_err(c, pt->at, E_NO_PROBE, "%s target file '%s' does not exist or is not executable", p->prov->name, p->scope);
	} else if (n < 0 && n != -EOPNOTSUPP) {
		comp_err(c, pt->at, E_NO_PROBE, "cannot look up %s: %s", text, strerror(-n));
		if (n == -EACCES || n == -EPERM)
			comp_hint(c, "reading the list of probes needs root");
	} else if (p->has_glob || how == 2) {
		return;
	} else if (how == 1) {
		comp_warn(c, pt->at, W_MISSING, "No matches for %s %s. Skipping.", p->prov->name, rest);
	} else {
		near = suggest_probe(c, text);
		comp_err(c, pt->at, E_NO_PROBE, "No matches for %s %s.", p->prov->name, rest);
		if (near)
			comp_hint(c, "did you mean '%s'?", near);
		else
			comp_hint(c, "list what there is with -l '%.*s*'; config = { missing_probes = \"warn\" } goes on without it",
				  (int)(last ? last + 1 - text : 0), text);
	}
}

/* A test in a run that is not --test, a benchmark in one that is not --bench. */
static bool
other_mode(Comp *c, ProbeWhen when)
{
	const char *option = when == PW_TEST && c->opt->mode != 't' ? "--test" : when == PW_BENCH && c->opt->mode != 'b' ? "--bench" : NULL;

	if (option)
		c->left_out = option;
	return option != NULL;
}

/* Results are told by name. */
static bool
named_twice(Comp *c, const Probe *p, Span at)
{
	bool named = p->prov->when == PW_TEST || p->prov->when == PW_BENCH;

	for (u32 i = 0; named && i < c->clauses.n; i++)
		for (u32 j = 0; j < c->clauses.v[i]->probes.n; j++) {
			const Probe *other = c->clauses.v[i]->probes.v[j];

			if (other->prov != p->prov || other->func != p->func)
				continue;
			comp_err(c, at, E_PROBE, "\"%s\" was used as the name for more than one %s probe", p->func, p->prov->name);
			diag_note(c->d, other->at, "this is the other instance");
			return true;
		}
	return false;
}

/* p: one that is not there. */
static void
no_places(Comp *c, Node *probe, Probe *p, u64 how)
{
	Span at = { probe->list[0]->at.from, probe->list[probe->n - 1]->at.to };

	if (how && c->old) {    /* what it does to maps and their types still counts */
		clause_new(c, probe, p->prov, false)->p = p;
		c->s->waits = true;
	}
	if (how == 1)
		comp_warn(c, at, W_REMOVED, "Probe has no valid attach points. It is being removed which may cause issues with program behavior.");
	else if (how == 0)
		comp_err(c, at, E_NO_PROBE, "Probe has no valid attach points. If this is expected, set the 'missing_probes' config variable to 'warn'.");
}

void
resolve_points(Comp *c, Node *probe)
{
	Walk w = { .c = c, .probe = probe, .first = c->clauses.n };
	u32 errors = diag_errors(c->d);
	Probe *wanted = NULL;
	u64 how = 0;

	for (u32 i = 0; i < probe->n; i++) {
		Node *pt = probe->list[i];
		const char *text = with_params(c, pt);
		u32 before = diag_errors(c->d);
		Probe *p = diag_errors(c->d) > before ? NULL : probe_parse(c->pc, text, strlen(text), pt->at);
		int n;

		if (!p)
			continue;
		if (other_mode(c, p->prov->when) || named_twice(c, p, pt->at))
			continue;
		w.at = pt->at;
		w.any = false;
		how = missing_is(c, probe, p, text);
		c->pc->sure = how != 0;
		n = probe_expand(c->pc, p, found, &w);
		if (w.any || (n >= 0 && c->pc->probe_filter))
			continue;
		wanted = p;
		if (diag_errors(c->d) == before)
			missing(c, pt, p, text, n, how);
	}
	if (wanted && c->clauses.n == w.first && diag_errors(c->d) == errors)
		no_places(c, probe, wanted, how);
}

/* ---- symbols ---- */

MapSym *
map_sym(Comp *c, const char *name, Span at)
{
	MapSym *m = map_get(&c->maps, name, strlen(name));

	if (!m) {
		m = NEW(c->a, MapSym);
		m->name = name;
		m->at = at;
		map_set(&c->maps, name, strlen(name), m);
		VEC_PUSH(c->a, &c->map_list, m);
	}
	return m;
}

static VarSym *
visible(Comp *c, const char *name)
{
	return map_get(&c->vars, name, strlen(name));
}

static VarSym *
declare(Comp *c, Node *n)
{
	VarSym *v = NEW(c->a, VarSym);

	v->name = n->name;
	v->at = n->at;
	v->depth = c->fors;
	map_set(&c->vars, n->name, strlen(n->name), v);
	VEC_PUSH(c->a, &c->cl->vars, v);
	n->sym = v;
	return v;
}

/* Variables declared since `from` go out of sight. */
static void
close_scope(Comp *c, u32 from)
{
	for (u32 i = from; i < c->cl->vars.n; i++)
		map_set(&c->vars, c->cl->vars.v[i]->name, strlen(c->cl->vars.v[i]->name), NULL);
}

/* A use inside a for loop of what was declared outside it. */
static void
use(Comp *c, Node *n, VarSym *v)
{
	n->sym = v;
	if (v->depth < c->fors && !v->shared) {
		v->shared = true;
		v->frame = c->cl->frame_size;
		c->cl->frame_size += 8;
	}
}

static void resolve(Comp *c, Node *n);

static bool
was_declared(Comp *c, const char *name)
{
	for (u32 i = 0; i < c->cl->vars.n; i++)
		if (c->cl->vars.v[i]->name == name)
			return true;
	return false;
}

static void
resolve_var(Comp *c, Node *n)
{
	VarSym *v = visible(c, n->name);

	if (!v) {
		comp_err(c, n->at, E_UNDEFINED, "Undefined or undeclared variable: %s", n->name);
		if (was_declared(c, n->name))
			comp_hint(c, "it ends with the block that it is assigned in: declare it before with let %s; (scripts for bpftrace "
				  "before 0.22: config = { compat = \"0.17\" })", n->name);
		v = declare(c, n);
		v->type = &ty_error;
		return;
	}
	v->used = true;
	use(c, n, v);
}

/* The target of an assignment: declares a variable that is not visible. */
static void
resolve_target(Comp *c, Node *n, bool plain)
{
	VarSym *v;

	if (n->kind != ND_VAR || !plain) {
		resolve(c, n);
		return;
	}
	v = visible(c, n->name);
	if (!v)
		v = declare(c, n);
	else
		use(c, n, v);
	v->assigned = true;
	if (v->loop)
		comp_err(c, n->at, E_ASSIGN, "the loop variable %s cannot be assigned to", n->name);
}

static void
resolve_param(Comp *c, Node *n, bool string)
{
	const char *s = n->num <= c->opt->n_params ? c->opt->params[n->num - 1] : NULL;
	char *end = NULL;
	u64 v = 0;

	if (!s)
		comp_warn(c, n->at, W_PARAM, "Positional parameter $%llu is empty or not provided.", (unsigned long long)n->num);
	if (s && *s && !string) {
		errno = 0;
		v = *s == '-' ? (u64)strtoll(s, &end, 0) : strtoull(s, &end, 0);
		if (errno || *end || *s == ' ')
			end = NULL;
	}
	n->op = 0;
	if (end || (!s && !string)) {
		set_number(n, v, s && *s != '-' && v > INT64_MAX);
		return;
	}
	n->kind = ND_STR;
	n->str = s ? s : "";
	n->n = s ? (u32)strlen(s) : 0;
	if (n->n > comp_cf(c, CF_MAX_STRLEN)) {
		comp_err(c, n->at, E_STRING, "string parameter of %u bytes is longer than max_strlen (%llu)", n->n,
		    (unsigned long long)comp_cf(c, CF_MAX_STRLEN));
	}
}

/* str($1) and str($1 + 2) are the parameter's text whatever it looks like. */
static void
resolve_str(Comp *c, Node *call)
{
	Node *n = call->n ? call->list[0] : NULL;

	if (n && n->kind == ND_POS) {
		resolve_param(c, n, true);
	} else if (n && n->kind == ND_BIN && n->op == '+' && n->a->kind == ND_POS && n->b->kind == ND_NUM) {
		Node *p = n->a;
		u64 skip = n->b->num;

		resolve_param(c, p, true);
		if (skip > p->n) {
			comp_err(c, n->at, E_NUMBER, "cannot skip %llu bytes of a parameter that has %u", (unsigned long long)skip, p->n);
			skip = p->n;
		}
		n->kind = ND_STR;
		n->op = 0;
		n->str = p->str + skip;
		n->n = p->n - (u32)skip;
		n->a = n->b = NULL;
	}
}

static void
resolve_call(Comp *c, Node *n)
{
	const Builtin *b = builtin_find(n->name);

	n->sym = (void *)b;
	n->name = b ? interns(b->name) : n->name;       /* without "__builtin_" */
	if (!strcmp(n->name, "str") || !strcmp(n->name, "kaddr") || !strcmp(n->name, "uaddr"))
		resolve_str(c, n);
	for (u32 i = 0; i < n->n; i++)
		if (!(b && b->flags & B_WORDS && n->list[i]->kind == ND_IDENT && !builtin_find(n->list[i]->name)))
			resolve(c, n->list[i]);
}

static void
resolve_ident(Comp *c, Node *n)
{
	const Builtin *b = builtin_find(n->name);
	const Type *t;
	s64 v;

	if (b && b->flags & B_VAR) {
		n->kind = ND_CALL;
		n->sym = (void *)b;
		n->name = interns(b->name);
		return;
	}
	if (type_enumerator(c->ts, n->name, &v, &t)) {
		set_number(n, (u64)v, v < 0 && t && t->kind == TY_INT && !t->sign);
		if (t && t->kind == TY_ENUM) {
			n->type = t;
			n->fixed = true;
		}
		return;
	}
	if (!b && check_named_type(c, n->name)) {
		n->kind = ND_TYPE;
		return;
	}
	n->sym = NULL;          /* check says so, if this code is not left out by comptime */
}

static void
resolve_list(Comp *c, Node *n)
{
	for (u32 i = 0; n->list && i < n->n; i++)
		resolve(c, n->list[i]);
}

static void
resolve_block(Comp *c, Node *n)
{
	u32 from = c->cl->vars.n;

	resolve_list(c, n);
	if (n->a)
		resolve(c, n->a);
	if (!c->old)
		close_scope(c, from);
}

static void
resolve_for(Comp *c, Node *n)
{
	u32 from = c->cl->vars.n;

	if (n->b->kind == ND_MAP && !n->b->a)
		((MapSym *)(n->b->sym = map_sym(c, n->b->name, n->b->at)))->uses++;
	else
		resolve(c, n->b);
	if (n->b->kind == ND_RANGE) {           /* room for the first value, see loop.c */
		n->num = c->cl->frame_size;
		c->cl->frame_size += 8;
	}
	c->fors++;
	c->loops++;
	if (visible(c, n->a->name)) {
		comp_err(c, n->a->at, E_ASSIGN, "Loop declaration shadows existing variable: %s", n->a->name);
		comp_hint(c, "give the loop variable a name of its own");
	}
	declare(c, n->a)->loop = true;
	((VarSym *)n->a->sym)->assigned = true;
	resolve(c, n->c);
	c->loops--;
	c->fors--;
	for (u32 i = from; i < c->cl->vars.n; i++)
		if (c->cl->vars.v[i]->loop || !c->old)
			map_set(&c->vars, c->cl->vars.v[i]->name, strlen(c->cl->vars.v[i]->name), NULL);
}

static void
resolve_let(Comp *c, Node *n)
{
	VarSym *old = visible(c, n->a->name);

	if (n->b)
		resolve(c, n->b);
	if (n->c)
		resolve(c, n->c);
	if (old) {
		comp_err(c, n->a->at, E_ASSIGN, "Variable %s was already declared. Variable shadowing is not allowed.", n->a->name);
		diag_note(c->d, old->at, "it was declared here");
	}
	declare(c, n->a);
	((VarSym *)n->a->sym)->assigned = n->c != NULL;
}

static void
resolve(Comp *c, Node *n)
{
	if (!n)
		return;
	switch (n->kind) {
	case ND_VAR:
		resolve_var(c, n);
		return;
	case ND_MAP:
		n->sym = map_sym(c, n->name, n->at);
		((MapSym *)n->sym)->uses++;
		resolve(c, n->a);
		return;
	case ND_IDENT:
		resolve_ident(c, n);
		return;
	case ND_CALL:
		resolve_call(c, n);
		return;
	case ND_POS:
		resolve_param(c, n, false);
		return;
	case ND_POSN:
		set_number(n, c->opt->n_params, false);
		return;
	case ND_BLOCK:
		resolve_block(c, n);
		return;
	case ND_ASSIGN:
		resolve(c, n->b);
		if (n->a->kind != ND_IDENT)
			resolve_target(c, n->a, !n->op);
		return;
	case ND_LET:
		resolve_let(c, n);
		return;
	case ND_FOR:
		resolve_for(c, n);
		return;
	case ND_OFFSETOF:
		resolve(c, n->a);
		return;
	case ND_TYPE:
		resolve(c, n->a);
		return;
	case ND_WHILE: case ND_UNROLL:
		resolve(c, n->a);
		c->loops++;
		resolve(c, n->b);
		c->loops--;
		return;
	case ND_BREAK: case ND_CONTINUE:
		if (!c->loops)
			comp_err(c, n->at, E_LOOP, "Cannot use \"%s\" outside of a loop", ast_kind_name(n->kind));
		return;
	}
	resolve(c, n->a);
	resolve(c, n->b);
	resolve(c, n->c);
	resolve_list(c, n);
}

void
resolve_clause(Comp *c, Clause *cl)
{
	c->cl = cl;
	c->loops = c->fors = 0;
	macro_expand_all(c, &cl->pred);
	macro_expand_all(c, &cl->body);
	resolve(c, cl->pred);
	resolve(c, cl->body);
	close_scope(c, 0);
	for (u32 i = 0; i < cl->vars.n; i++)
		if (!cl->vars.v[i]->assigned && cl->vars.v[i]->type != &ty_error)
			comp_warn(c, cl->vars.v[i]->at, W_UNUSED, "Variable %s was never assigned to.", cl->vars.v[i]->name);
}
