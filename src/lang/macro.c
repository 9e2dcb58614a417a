/* macro: calls of macros become copies of their bodies, before names are resolved. Hygienic: a body's own variables get
 * names nobody else has; parameters are replaced by what stands in the call. */
#include "lang/comp.h"

#include <stdio.h>

typedef struct MacroSet { Vec(Node *) v; } MacroSet;
enum { DEPTH_MAX = 64, EXPANSIONS_MAX = 100000 };

typedef struct Expansion { Comp *c; const Node *macro, *call; u32 id; } Expansion;

void
macro_add(Comp *c, Node *macro)
{
	MacroSet *set = map_get(&c->macro_sets, macro->name, strlen(macro->name));

	macro->library = c->in_library;

	if (!set) {
		set = NEW(c->a, MacroSet);
		map_set(&c->macro_sets, macro->name, strlen(macro->name), set);
	}
	for (u32 i = 0; i < set->v.n; i++) {
		const Node *m = set->v.v[i];
		bool same = m->n == macro->n;

		for (u32 k = 0; same && k < m->n; k++)
			same = m->list[k]->kind == macro->list[k]->kind;
		if (same && m->library == macro->library) {
			comp_err(c, macro->at, E_MACRO, "Redefinition of macro: %s", macro->name);
			diag_note(c->d, m->at, "it is defined here");
			return;
		}
		if (same) {             /* the script's own stands before the library's */
			if (m->library)
				set->v.v[i] = macro;
			return;
		}
	}
	VEC_PUSH(c->a, &set->v, macro);
}

static bool
takes(const Node *param, const Node *arg)
{
	if (param->kind == ND_VAR)
		return arg->kind == ND_VAR;
	if (param->kind == ND_MAP)
		return arg->kind == ND_MAP && !arg->a;
	return true;
}

/* The macro that takes these arguments; the one with the most parameters of a certain kind wins. */
static const Node *
choose(const MacroSet *set, const Node *call)
{
	const Node *best = NULL;
	u32 best_score = 0;

	for (u32 i = 0; i < set->v.n; i++) {
		const Node *m = set->v.v[i];
		u32 score = 1;

		if (m->n != call->n)
			continue;
		for (u32 k = 0; score && k < m->n; k++) {
			if (!takes(m->list[k], call->list[k]))
				score = 0;
			else
				score += m->list[k]->kind != ND_IDENT;
		}
		if (score > best_score) {
			best = m;
			best_score = score;
		}
	}
	return best;
}

static Node *
argument(const Expansion *x, const char *name)
{
	for (u32 i = 0; i < x->macro->n; i++)
		if (x->macro->list[i]->name == name)
			return x->call->list[i];
	return NULL;
}

static Node *
copy(const Expansion *x, const Node *n)
{
	Comp *c = x->c;
	Node *m, *arg;

	if (!n)
		return NULL;
	arg = n->kind == ND_VAR || n->kind == ND_MAP || n->kind == ND_IDENT ? argument(x, n->name) : NULL;
	if (arg && (n->kind != ND_MAP || !n->a))
		return ast_clone(c->a, arg);
	m = NEW(c->a, Node);
	*m = *n;
	m->by = x->call;
	if (arg)
		m->name = arg->name;
	else if (n->kind == ND_VAR)
		m->name = interns(arena_printf(c->a, "%s#%u", n->name, x->id));
	else if (n->kind == ND_MAP)
		comp_err(c, n->at, E_MACRO, "Unhygienic access to map: %s. Pass it to the macro as a parameter.", n->name);
	m->a = copy(x, n->a);
	m->b = copy(x, n->b);
	m->c = copy(x, n->c);
	if (n->list) {
		m->list = NEW_N(c->a, Node *, n->n);
		for (u32 i = 0; i < n->n; i++)
			m->list[i] = copy(x, n->list[i]);
	}
	return m;
}

static void expand(Comp *c, Node **at, u32 depth);

static void
no_match(Comp *c, const Node *call, const MacroSet *set)
{
	const Node *m = set->v.v[0];

	if (set->v.n == 1 && m->n != call->n)
		comp_err(c, call->at, E_MACRO, "Call to macro has wrong number arguments. Expected: %u but got %u", m->n, call->n);
	else if (set->v.n == 1)
		comp_err(c, call->at, E_MACRO, "Call to macro %s with an argument of the wrong kind: $parameters take variables, @parameters maps",
		    call->name);
	else
		comp_err(c, call->at, E_MACRO, "no macro %s takes these arguments", call->name);
	diag_note(c->d, m->at, "it is defined here");
}

static void
expand_call(Comp *c, Node **at, u32 depth, const MacroSet *set)
{
	Expansion x = { .c = c, .call = *at };
	Node *body;

	x.macro = choose(set, x.call);
	if (!x.macro) {
		no_match(c, x.call, set);
		return;
	}
	if (depth > DEPTH_MAX || c->expansions > EXPANSIONS_MAX) {
		comp_err(c, x.call->at, E_MACRO, "Recursive macro call: %s", x.call->name);
		longjmp(c->out, 1);
	}
	x.id = ++c->expansions;
	body = copy(&x, x.macro->b);
	/* A body that is one expression stands for itself. */
	if (!body->n && body->a)
		body = body->a;
	expand(c, &body, depth + 1);
	*at = body;
}

/* A call of a builtin; arguments where it takes none make it another thing. */
static bool
is_builtin(const Node *call)
{
	const Builtin *b = builtin_find(call->name);

	return b && (!call->n || !b->sig || *b->sig);
}

static void
expand(Comp *c, Node **at, u32 depth)
{
	Node *n = *at;
	const MacroSet *set = NULL;

	if (!n)
		return;
	for (u32 i = 0; n->list && i < n->n; i++)
		expand(c, &n->list[i], depth);
	expand(c, &n->a, depth);
	expand(c, &n->b, depth);
	expand(c, &n->c, depth);
	if (n->kind == ND_CALL || n->kind == ND_IDENT)
		set = map_get(&c->macro_sets, n->name, strlen(n->name));
	if (!set && n->kind == ND_CALL && !is_builtin(n) && library_load(c, n->name))
		set = map_get(&c->macro_sets, n->name, strlen(n->name));
	if (set && (choose(set, n) || (n->kind == ND_CALL && !is_builtin(n))))
		expand_call(c, at, depth, set);
}

void
macro_expand_all(Comp *c, Node **n)
{
	expand(c, n, 0);
}
