/* check_map: the key and value types of a map meet over all clauses. */
#include "lang/comp.h"

bool
check_map_shape(MapSym *m, Span at, bool keyed)
{
	if (!m->keyed && !m->scalar)
		m->first_keyed = keyed;
	if (!m->at.to)
		m->at = at;
	if (keyed)
		m->keyed = true;
	else
		m->scalar = true;
	return keyed == m->first_keyed;
}

/* "@x" was keyed first and is scalar here, or the other way round. */
static bool
check_shape(Comp *c, MapSym *m, Node *n)
{
	if (check_map_shape(m, n->at, n->a))
		return true;
	if (n->a)
		comp_err(c, n->at, E_MAP, "%s used as a map with an explicit key (non-scalar map), previously used without an explicit key "
			 "(scalar map)", m->name);
	else
		comp_err(c, n->at, E_MAP, "%s used as a map without an explicit key (scalar map), previously used with an explicit key "
			 "(non-scalar map)", m->name);
	if (!c->quiet)
		diag_note(c->d, m->at, "%s is first used here", m->name);
	comp_hint(c, "write %s%s here, or give this value a map of its own", m->name, n->a ? "" : "[...]");
	return false;
}

void
check_map_key(Comp *c, Node *n, const Type *key, Span at, bool keyed)
{
	MapSym *m = n->sym;
	const Type *t;

	(void)keyed;
	if (agg_coerced(key))
		key = agg_coerced(key);
	if (key->kind == TY_ERROR || !check_settled(key))
		return;
	if (key->kind == TY_NONE || type_is_agg(key)) {
		comp_err(c, at, E_MAP, "an expression of type '%s' cannot be a key", tname(c, key));
		return;
	}
	t = type_join(c, m->key, key, n->a);
	if (!t) {
		comp_err(c, at, E_MAP, "Argument mismatch for %s: trying to access with arguments: '%s' when map expects arguments: '%s'",
		    m->name, tname(c, key), tname(c, m->key));
		if (m->key_at.to && !c->quiet)
			diag_note(c->d, m->key_at, "the key has its type from here");
		return;
	}
	if (t != m->key) {
		if (!m->key_at.to)
			m->key_at = at;
		m->key = t;
		c->changed = true;
	}
}

static bool
check_access(Comp *c, Node *n)
{
	MapSym *m = n->sym;
	bool ok = check_shape(c, m, n);

	if (n->a)
		check_map_key(c, n, check_expr(c, n->a), n->a->at, true);
	return ok;
}

const Type *
check_map_value(Comp *c, Node *n)
{
	MapSym *m = n->sym;

	if (!check_access(c, n))
		return &ty_error;
	if (!m->value) {
		comp_err(c, n->at, E_UNDEFINED, "Undefined map: %s", m->name);
		return &ty_error;
	}
	return m->value;
}

/* The name of the probed function, into a map that holds kernel symbols: its address then. */
static bool
name_as_symbol(Comp *c, const MapSym *m, Node *value)
{
	const Builtin *b = value && value->kind == ND_STR ? value->sym : NULL;

	if (!b || strcmp(b->name, "func") || m->value->kind != TY_KSYM || !c->pc->sym)
		return false;
	set_number(value, sym_kernel_addr(c->pc->sym, value->str), false);
	value->fixed = true;
	value->type = m->value;
	return true;
}

/* The map's value type meets t. */
static bool
widen(Comp *c, Node *n, const Type *t, Node *value)
{
	MapSym *m = n->sym;
	const Type *j;

	m->assigned = true;
	if (t->kind == TY_ERROR || !check_settled(t))
		return false;
	j = type_join(c, m->value, t, value);
	if (!j && name_as_symbol(c, m, value))
		j = m->value;
	if (!j) {
		comp_err(c, n->at, E_MAP, "Type mismatch for %s: trying to assign value of type '%s' when map already has a type '%s'",
		    m->name, tname(c, t), tname(c, m->value));
		if (m->value_at.to && !c->quiet)
			diag_note(c->d, m->value_at, "the map has its type from here");
		if (type_is_agg(m->value) && number_type(t))
			comp_hint(c, "a map that holds %s takes nothing else", tname(c, m->value));
		return false;
	}
	if (j != m->value) {
		if (!m->value_at.to)
			m->value_at = n->at;
		m->value = j;
		c->changed = true;
	}
	n->type = m->value;
	return true;
}

const Type *
check_map_step(Comp *c, Node *n)
{
	Node *a = n->a;
	MapSym *m = a->sym;

	if (!check_access(c, a))
		return &ty_error;
	if (m->value && m->value->kind == TY_PTR)
		return a->type = m->value;
	if (m->value && (type_is_agg(m->value) || !number_type(m->value))) {
		comp_err(c, n->at, E_TYPE, "The %s operator can not be used on map %s of type '%s'", lex_op_name(n->op), m->name,
		    tname(c, m->value));
		return &ty_error;
	}
	widen(c, a, type_int(8, !m->value || m->value->sign || m->value->size < 8 || n->op == TK_DEC), NULL);
	return m->value ? m->value : &ty_error;
}

void
check_map_assign(Comp *c, Node *n)
{
	Node *a = n->a, *b = n->b;
	MapSym *m = a->sym;
	const Builtin *call = b->kind == ND_CALL ? b->sym : NULL;
	const Type *t;
	bool ok;

	c->agg_ok = call && call->flags & B_AGG && !n->op;
	t = check_expr(c, b);
	c->agg_ok = false;
	ok = check_access(c, a);
	if (t->kind == TY_ERROR || !ok)
		return;
	if (t->kind == TY_NONE) {
		comp_err(c, b->at, E_ASSIGN, "this gives no value that could be assigned to %s", m->name);
		return;
	}
	if (type_is_agg(t) && !(call && call->flags & B_AGG)) {
		const Type *num = agg_coerced(t);

		if (n->op && num) {
			t = num;
		} else {
			comp_err(c, b->at, E_AGG, "Map value '%s' cannot be assigned from one map to another. The function that returns this type "
			    "must be called directly e.g. `%s = %s(...);`.", tname(c, t), m->name, "count");
			if (num)
				comp_hint(c, "you can cast it: %s = (%s)%s", m->name, tname(c, num), b->name ? b->name : "...");
			return;
		}
	}
	if (n->op) {
		if (m->value && m->value->kind == TY_PTR && (n->op == '+' || n->op == '-') && number_type(t))
			return;
		if (!number_type(t) || (m->value && !number_type(m->value))) {
			comp_err(c, n->at, E_TYPE, "The %s= operator can not be used on expressions of type '%s'", lex_op_name(n->op),
			    tname(c, number_type(t) ? m->value : t));
			return;
		}
		t = type_int(8, !m->value || m->value->sign || m->value->size < 8 || number_type(t)->sign || n->op == '-');
	}
	if (type_is_agg(t) && a->a && map_key_tells(a->a))
		map_used_whole(a);
	widen(c, a, t, n->op ? NULL : b);
}
