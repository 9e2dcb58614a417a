/* check: statements, conditions, assignments to variables; the passes over all clauses. */
#include "lang/comp.h"

#include <stdio.h>

void
check_cond(Comp *c, Node *n)
{
	const Type *t = check_expr(c, n);

	if (t->kind != TY_ERROR && !number_type(t) && t->kind != TY_PTR && t->kind != TY_STRING)
		comp_err(c, n->at, E_TYPE, "Invalid condition: a condition is an integer, a boolean or a pointer, not '%s'", tname(c, t));
}

static bool
literal_fits(const Node *n, const Type *to)
{
	const Type *t = literal_type(n);

	if (n->fixed)
		return true;
	if (!to->sign)
		return n->big ? to->size == 8 : (s64)n->num >= 0 && (to->size == 8 || n->num >> (to->size * 8) == 0);
	return !n->big && t->size <= to->size;
}

/* A value of type t into a variable or map whose type was declared. */
static void
check_declared(Comp *c, VarSym *v, const Type *t, Node *value)
{
	const Type *to = v->type;

	if (to->kind == TY_INT && t->kind == TY_INT) {
		if (value->kind == ND_NUM && !literal_fits(value, to))
			comp_err(c, value->at, E_ASSIGN, "Type mismatch for %s: trying to assign value %lld when variable has type '%s', which "
			    "cannot hold it", v->name, (long long)value->num, tname(c, to));
		else if (value->kind != ND_NUM && t->size > to->size)
			comp_warn(c, value->at, W_TRUNCATE, "value of type '%s' is truncated to %s's declared type '%s'", tname(c, t), v->name,
			     tname(c, to));
		return;
	}
	if (to->kind == TY_STRING && t->kind == TY_STRING && t->size <= to->size)
		return;
	if (type_join(c, to, t, value) == to)
		return;
	if (to->kind == TY_ENUM && number_type(t))
		return;
	comp_err(c, value->at, E_ASSIGN, "Type mismatch for %s: trying to assign value of type '%s' when variable already has a type '%s'",
	    v->name, tname(c, t), tname(c, to));
}

static void
meet_var(Comp *c, Node *var, const Type *t, Node *value)
{
	VarSym *v = var->sym;
	const Type *j;

	var->type = v->type ? v->type : &ty_error;
	if (t->kind == TY_ERROR)
		return;
	if (t->kind == TY_NONE || type_is_agg(t)) {
		if (t->kind == TY_NONE) {
			comp_err(c, value->at, E_ASSIGN, "this gives no value that could be assigned to %s", v->name);
		} else {
			comp_err(c, value->at, E_AGG, "Value '%s' cannot be assigned to a scratch variable.", tname(c, t));
			if (agg_coerced(t))
				comp_hint(c, "you can cast it: %s = (%s)...", v->name, tname(c, agg_coerced(t)));
		}
		return;
	}
	if (v->declared) {
		check_declared(c, v, t, value);
		return;
	}
	if (!check_settled(t))
		return;
	if (v->type && v->type->kind == TY_INT && t->kind == TY_INT && v->type->sign != t->sign && v->type->size == 8 && t->size == 8 &&
	    value->kind != ND_NUM)
		comp_warn(c, value->at, W_SIGN, "%s holds signed and unsigned 64 bit integers; it is signed here", v->name);
	j = type_join(c, v->type, t, value);
	if (!j) {
		comp_err(c, var->at, E_ASSIGN, "Type mismatch for %s: trying to assign value of type '%s' when variable already has a type '%s'",
		    v->name, tname(c, t), tname(c, v->type));
		return;
	}
	if (j != v->type) {
		v->type = j;
		c->changed = true;
	}
	var->type = j;
}

/* @m = { ...; count() } is { ...; @m = count(); }. */
static bool
agg_in_block(Comp *c, Node *n)
{
	Node *block = n->b, *last = block->kind == ND_BLOCK ? block->a : NULL, *inner;
	const Builtin *b = last && last->kind == ND_CALL ? last->sym : NULL;
	Node **list;

	if (n->op || !b || !(b->flags & B_AGG))
		return false;
	inner = NEW(c->a, Node);
	*inner = *n;
	inner->b = last;
	list = NEW_N(c->a, Node *, block->n + 1);
	if (block->n)
		memcpy(list, block->list, block->n * sizeof(*list));
	list[block->n] = inner;
	block->list = list;
	block->n++;
	block->a = NULL;
	*n = *block;
	return true;
}

void
check_assign(Comp *c, Node *n)
{
	const Type *t;

	if (n->a->kind == ND_MAP && agg_in_block(c, n)) {
		check_stmt(c, n);
		return;
	}
	if (n->a->kind == ND_MAP) {
		check_map_assign(c, n);
		return;
	}
	t = check_expr(c, n->b);
	if (n->a->kind == ND_IDENT)     /* _ = e */
		return;
	if (n->a->kind != ND_VAR) {
		comp_err(c, n->a->at, E_ASSIGN, "only variables and maps can be assigned to");
		return;
	}
	if (n->op && t->kind != TY_ERROR) {
		VarSym *v = n->a->sym;
		Node bin = { .kind = ND_BIN, .op = n->op, .at = n->at, .a = n->a, .b = n->b };

		v->assigned = true;
		t = check_bin(c, &bin);
		if (v->type && v->type->kind == TY_PTR) {
			n->a->type = v->type;
			return;
		}
		if (v->declared && t->kind == TY_INT) {
			n->a->type = v->type;
			return;
		}
		meet_var(c, n->a, t, &bin);
		return;
	}
	meet_var(c, n->a, t, n->b);
}

static void
check_let(Comp *c, Node *n)
{
	VarSym *v = n->a->sym;
	const Type *t = n->b ? check_type(c, n->b) : NULL;

	if (t && t->kind != TY_ERROR) {
		if (t->kind == TY_NONE || type_is_agg(t))
			comp_err(c, n->b->at, E_TYPE, "Invalid variable declaration type: %s", tname(c, t));
		v->type = t;
		v->declared = true;
	}
	if (n->c)
		meet_var(c, n->a, check_expr(c, n->c), n->c);
	n->a->type = v->type ? v->type : &ty_error;
}

/* The text that n is while compiling, or NULL: a literal, or such a member of typeinfo(). */
static const char *
constant_text(const Node *n)
{
	if (n->kind == ND_STR)
		return n->str;
	if (n->kind != ND_FIELD || (n->a->kind != ND_TYPEINFO && n->a->kind != ND_RECORD))
		return NULL;
	for (u32 i = 0; n->a->list && i < n->a->n; i++)
		if (n->a->list[i]->name == n->name && n->a->list[i]->a->kind == ND_STR)
			return n->a->list[i]->a->str;
	return NULL;
}

/* The value of a condition that is known while compiling; false: not (yet). */
bool
check_constant(const Node *n, u64 *v)
{
	u64 x, y;

	if (n->type && n->type->kind == TY_ERROR)
		return false;
	switch (n->kind) {
	case ND_NUM: case ND_BOOL: case ND_SIZEOF: case ND_OFFSETOF:
		*v = n->num;
		return true;
	case ND_COMPTIME:
		return check_constant(n->a, v);
	case ND_CALL:
		*v = n->num;
		return n->fixed;
	case ND_UN:
		if (n->op != '!' || !check_constant(n->a, &x))
			return false;
		*v = !x;
		return true;
	case ND_BIN:
		if (n->op == TK_LAND || n->op == TK_LOR) {
			if (!check_constant(n->a, &x))
				return false;
			if ((n->op == TK_LAND) == !x) {
				*v = x != 0;
				return true;
			}
			if (!check_constant(n->b, &y))
				return false;
			*v = y != 0;
			return true;
		}
		if ((n->op == TK_EQ || n->op == TK_NE) && constant_text(n->a) && constant_text(n->b)) {
			*v = !strcmp(constant_text(n->a), constant_text(n->b)) == (n->op == TK_EQ);
			return true;
		}
		if (!check_constant(n->a, &x) || !check_constant(n->b, &y))
			return false;
		switch (n->op) {
		case TK_EQ: *v = x == y; return true;
		case TK_NE: *v = x != y; return true;
		case '<':   *v = (s64)x < (s64)y; return true;
		case '>':   *v = (s64)x > (s64)y; return true;
		case TK_LE: *v = (s64)x <= (s64)y; return true;
		case TK_GE: *v = (s64)x >= (s64)y; return true;
		}
	}
	return false;
}

static void
check_if(Comp *c, Node *n)
{
	bool comptime = n->a->kind == ND_COMPTIME || n->num;
	u64 v = 0;

	n->num = comptime;
	check_cond(c, n->a);
	if (!comptime) {
		check_stmt(c, n->b);
		if (n->c)
			check_stmt(c, n->c);
		return;
	}
	/* Only the branch that lives is looked at: the other may be wrong for these types. */
	if (!check_constant(n->a, &v)) {
		if (n->a->type->kind != TY_ERROR)
			comp_err(c, n->a->at, E_CONST, "Unable to evaluate this at compile time");
		return;
	}
	if (v)
		check_stmt(c, n->b);
	else if (n->c)
		check_stmt(c, n->c);
}

static void
check_for(Comp *c, Node *n)
{
	VarSym *v = n->a->sym;
	const Type *t = NULL;

	if (n->b->kind == ND_RANGE) {
		const Type *from = check_expr(c, n->b->a), *to = check_expr(c, n->b->b);

		if (from->kind != TY_ERROR && !number_type(from))
			comp_err(c, n->b->a->at, E_TYPE, "Loop range requires an integer for the start value, not '%s'", tname(c, from));
		if (to->kind != TY_ERROR && !number_type(to))
			comp_err(c, n->b->b->at, E_TYPE, "Loop range requires an integer for the end value, not '%s'", tname(c, to));
		t = type_int(8, true);
	} else if (n->b->kind == ND_MAP && !n->b->a) {
		MapSym *m = n->b->sym;
		const Type *e[2] = { m->key, m->value };

		if (!check_map_shape(m, n->b->at, true))
			comp_err(c, n->b->at, E_MAP, "%s has no explicit keys (scalar map), and cannot be used for iteration", m->name);
		else if (!m->value)
			comp_err(c, n->b->at, E_UNDEFINED, "Undefined map: %s", m->name);
		if (m->value && type_is_agg(m->value)) {
			e[1] = agg_coerced(m->value);
			if (!e[1]) {
				comp_err(c, n->b->at, E_LOOP, "Loop expression does not support type: %s", tname(c, m->value));
				e[0] = NULL;
			}
		}
		if (e[0] && e[1])
			t = type_tuple(c->ts, e, 2);
		n->b->type = &ty_none;
	} else {
		comp_err(c, n->b->at, E_LOOP, "a for loop runs over a range (a..b) or a map");
	}
	if (t && t != v->type) {
		v->type = t;
		c->changed = true;
	}
	n->a->type = v->type ? v->type : &ty_error;
	check_stmt(c, n->c);
}

static void
check_unroll(Comp *c, Node *n)
{
	const Type *t = check_expr(c, n->a);
	Span head = { n->at.from, n->a->at.to };

	if (t->kind != TY_ERROR && (n->a->kind != ND_NUM || n->a->fixed) && !c->quiet)
		comp_err(c, n->a->at, E_CONST, "unroll needs a literal number of rounds");
	else if (n->a->kind == ND_NUM && (s64)n->a->num > 100)
		comp_err(c, head, E_LOOP, "unroll maximum value is 100");
	else if (n->a->kind == ND_NUM && (s64)n->a->num < 1)
		comp_err(c, head, E_LOOP, "unroll minimum value is 1");
	check_stmt(c, n->b);
}

static bool
ends(const Node *n)
{
	const Node *e = n->kind == ND_EXPR ? n->a : NULL;

	if (n->kind == ND_RETURN || n->kind == ND_BREAK || n->kind == ND_CONTINUE)
		return true;
	return e && e->kind == ND_CALL && e->sym && ((const Builtin *)e->sym)->flags & B_ENDS;
}

static void
check_block(Comp *c, Node *n)
{
	for (u32 i = 0; i < n->n; i++) {
		check_stmt(c, n->list[i]);
		if (ends(n->list[i]) && (i + 1 < n->n || n->a))
			comp_warn(c, i + 1 < n->n ? n->list[i + 1]->at : n->at, W_UNREACHABLE, "Unreachable statement.");
	}
	if (n->a)
		check_expr(c, n->a);
}

static void
check_expr_stmt(Comp *c, Node *n)
{
	const Type *t = check_expr(c, n->a);
	const Builtin *b = n->a->kind == ND_CALL ? n->a->sym : NULL;

	if (b && t->kind != TY_NONE && t->kind != TY_ERROR && !(b->flags & B_KEEP))
		comp_warn(c, n->a->at, W_DISCARD, "Return value discarded.");
}

static void
stmt(Comp *c, Node *n)
{
	const Type *t;

	switch (n->kind) {
	case ND_BLOCK:
		check_block(c, n);
		return;
	case ND_EXPR:
		check_expr_stmt(c, n);
		return;
	case ND_ASSIGN:
		check_assign(c, n);
		return;
	case ND_LET:
		check_let(c, n);
		return;
	case ND_IF:
		check_if(c, n);
		return;
	case ND_WHILE:
		comp_warn(c, n->at, W_DEPRECATED, "While loops are deprecated.");
		comp_hint(c, "use a for loop over a range instead");
		check_cond(c, n->a);
		check_stmt(c, n->b);
		return;
	case ND_UNROLL:
		check_unroll(c, n);
		return;
	case ND_FOR:
		check_for(c, n);
		return;
	case ND_RETURN:
		t = n->a ? check_expr(c, n->a) : &ty_none;
		if (n->a && t->kind != TY_ERROR && !number_type(t))
			comp_err(c, n->a->at, E_TYPE, "a probe returns an integer, not '%s'", tname(c, t));
		return;
	case ND_BREAK: case ND_CONTINUE:
		return;
	}
	check_expr(c, n);
}

void
check_stmt(Comp *c, Node *n)
{
	const Node *before = c->by;

	if (!n)
		return;
	c->by = n->by;
	stmt(c, n);
	c->by = before;
}

static void
pass(Comp *c)
{
	c->changed = false;
	for (u32 i = 0; i < c->clauses.n; i++) {
		c->cl = c->clauses.v[i];
		if (c->cl->pred)
			check_cond(c, c->cl->pred);
		check_stmt(c, c->cl->body);
		if (c->cl->body->a && c->cl->body->a->kind == ND_CALL && !c->quiet) {
			Node e = { .kind = ND_EXPR, .at = c->cl->body->a->at, .a = c->cl->body->a };

			check_expr_stmt(c, &e);
		}
	}
}

void
check_all(Comp *c)
{
	u32 rounds = 0;

	c->quiet = true;
	do
		pass(c);
	while (c->changed && ++rounds < 50);
	c->quiet = false;
	pass(c);
	for (u32 i = 0; i < c->map_list.n; i++) {
		MapSym *m = c->map_list.v[i];

		if (m->declared && !m->keyed && !m->scalar)
			comp_warn(c, m->at, W_UNUSED, "Unused map: %s", m->name);
	}
}
