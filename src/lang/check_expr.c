/* check_expr: types of expressions, bottom up. */
#include "lang/comp.h"

#include <stdio.h>

static const Type *
check_str(Comp *c, Node *n)
{
	if (n->n > comp_cf(c, CF_MAX_STRLEN)) {
		comp_err(c, n->at, E_STRING, "String is too long (over %llu bytes): %u bytes", (unsigned long long)comp_cf(c, CF_MAX_STRLEN), n->n);
		return &ty_error;
	}
	return type_string(c->ts, n->n + 1);
}

static const Type *
check_var(Comp *c, Node *n)
{
	VarSym *v = n->sym;

	if (!v->type && !c->quiet) {
		comp_err(c, n->at, E_UNDEFINED, "Could not resolve the type of %s", n->name);
		return &ty_error;
	}
	return v->type ? v->type : &ty_error;
}

/* A ternary whose condition is a literal is the literal that it chooses. */
static bool
fold_tern(Node *n)
{
	Node *chosen = n->a->num ? n->b : n->c;
	Span at = n->at;

	if ((n->a->kind != ND_NUM && n->a->kind != ND_BOOL) || !n->b || !is_literal(n->b) || !is_literal(n->c))
		return false;
	*n = *chosen;
	n->at = at;
	return true;
}

static const Type *
check_tern(Comp *c, Node *n)
{
	const Type *a, *b, *t;

	check_cond(c, n->a);
	a = n->b ? check_expr(c, n->b) : n->a->type;
	b = check_expr(c, n->c);
	if (agg_coerced(a))
		a = agg_coerced(a);
	if (agg_coerced(b))
		b = agg_coerced(b);
	if (a->kind == TY_ERROR || b->kind == TY_ERROR)
		return a->kind == TY_ERROR ? b : a;
	if (a->kind == b->kind && fold_tern(n))
		return n->type;
	if (a->kind == TY_INT && b->kind == TY_INT) {
		t = type_join(c, a, b, n->c);
		if (n->b && n->b->kind == ND_NUM && !n->b->fixed && !b->sign)
			t = type_join(c, b, a, n->b);
		return t;
	}
	t = type_join(c, a, b, n->c);
	if (!t) {
		comp_err(c, n->at, E_TYPE, "Ternary operator must return the same type: have '%s' and '%s'", tname(c, a), tname(c, b));
		return &ty_error;
	}
	return t;
}

/* typeinfo() is a record in the making. */
static bool
is_record(const Node *n)
{
	return n->kind == ND_RECORD || n->kind == ND_TYPEINFO;
}

/* Types of a tuple's or record's elements; false: one is unknown or cannot be an element. */
static bool
check_elements(Comp *c, Node *n, const Type **e, const char **names)
{
	bool ok = true;

	for (u32 i = 0; i < n->n; i++) {
		Node *m = is_record(n) ? n->list[i]->a : n->list[i];

		e[i] = check_expr(c, m);
		names[i] = is_record(n) ? n->list[i]->name : NULL;
		if (agg_coerced(e[i]))
			e[i] = agg_coerced(e[i]);
		for (u32 k = 0; k < i && names[i]; k++)
			if (names[k] == names[i])
				comp_err(c, n->list[i]->at, E_TYPE, "the record has two members named %s", names[i]);
		if (e[i]->kind == TY_NONE || type_is_agg(e[i])) {
			comp_err(c, m->at, E_TYPE, "an expression of type '%s' cannot be part of a %s", tname(c, e[i]),
			    is_record(n) ? "record" : "tuple");
			e[i] = &ty_error;
		}
		ok &= check_settled(e[i]);
	}
	return ok;
}

const Type *
check_record(Comp *c, Node *n)
{
	const Type **e = NEW_N(c->a, const Type *, n->n + 1);
	const char **names = NEW_N(c->a, const char *, n->n + 1);

	if (!check_elements(c, n, e, names))
		return &ty_error;
	return n->kind == ND_TUPLE ? type_tuple(c->ts, e, n->n) : type_record(c->ts, names, e, n->n);
}

/* A struct's member as it is seen here: pointers in it point into the space that the struct is in. */
static const Type *
in_space(Comp *c, Node *n, const Type *t)
{
	if (t->kind == TY_PTR && !t->space && n->space)
		return type_ptr(c->ts, t->elem, n->space);
	return t;
}

static const Type *
no_field(Comp *c, Node *n, const Type *t)
{
	u32 count;
	const Field *f = type_fields(c->ts, t, &count);
	const char **names = f ? NEW_N(c->a, const char *, count + 1) : NULL, *near;
	u32 k = 0;

	if (!f && t->kind == TY_STRUCT) {
		comp_err(c, n->at, E_FIELD, "%s is incomplete here: its members are not known", tname(c, t));
		comp_hint(c, "define it in the script, or use a kernel with BTF that knows it");
		return &ty_error;
	}
	for (u32 i = 0; i < count; i++)
		if (f[i].name && *f[i].name)
			names[k++] = f[i].name;
	near = base_nearest(n->name, names, k);
	comp_err(c, n->at, E_FIELD, "%s does not contain a field named '%s'", n->a->kind == ND_CALL ? n->a->name : tname(c, t), n->name);
	if (near)
		comp_hint(c, "did you mean %s?", near);
	return &ty_error;
}

/* A member of a record that is written here: if it is a literal, nothing is built. */
static void
take_literal(Node *n)
{
	for (u32 i = 0; i < n->a->n; i++)
		if (n->a->list[i]->name == n->name && is_literal(n->a->list[i]->a)) {
			*n = *n->a->list[i]->a;
			return;
		}
}

const Type *
check_field(Comp *c, Node *n)
{
	const Type *t = check_expr(c, n->a);
	Field f;

	if (t->kind == TY_ERROR)
		return t;
	n->space = n->a->space;
	while (t->kind == TY_PTR) {
		n->space = t->space;
		t = t->elem;
	}
	if (t->kind != TY_STRUCT && t->kind != TY_RECORD) {
		comp_err(c, n->at, E_FIELD, "Can not access field '%s' on expression of type '%s'", n->name, tname(c, t));
		return &ty_error;
	}
	if (!type_field(c->ts, t, n->name, &f))
		return no_field(c, n, t);
	if (n->a->kind == ND_RECORD && !c->quiet)
		take_literal(n);
	return in_space(c, n, f.type);
}

const Type *
check_elem(Comp *c, Node *n)
{
	const Type *t = check_expr(c, n->a);

	if (t->kind == TY_ERROR)
		return t;
	if (t->kind != TY_TUPLE) {
		comp_err(c, n->at, E_FIELD, "Can not access index '%llu' on expression of type '%s'", (unsigned long long)n->num, tname(c, t));
		return &ty_error;
	}
	if (n->num >= t->n_fields) {
		comp_err(c, n->at, E_FIELD, "Invalid tuple index: %llu. Found %u elements in tuple.", (unsigned long long)n->num, t->n_fields);
		return &ty_error;
	}
	return t->fields[n->num].type;
}

const Type *
check_index(Comp *c, Node *n)
{
	const Type *t = check_expr(c, n->a), *i = check_expr(c, n->b);

	if (t->kind == TY_ERROR || i->kind == TY_ERROR)
		return &ty_error;
	n->space = n->a->space;
	if (t->kind == TY_TUPLE && n->b->kind == ND_NUM) {
		n->kind = ND_ELEM;
		n->num = n->b->num;
		n->b = NULL;
		return check_elem(c, n);
	}
	if (!number_type(i)) {
		comp_err(c, n->b->at, E_TYPE, "The array index operator [] only accepts integer indices, not '%s'", tname(c, i));
		return &ty_error;
	}
	switch (t->kind) {
	case TY_ARRAY:
		if (n->b->kind == ND_NUM && t->count && n->b->num >= t->count) {
			comp_err(c, n->at, E_FIELD, "the index %lld is out of bounds for array of size %u", (long long)n->b->num, t->count);
			return &ty_error;
		}
		return in_space(c, n, t->elem);
	case TY_PTR:
		n->space = t->space;
		if (!t->elem || !t->elem->size)
			break;
		return in_space(c, n, t->elem);
	case TY_STRING:
		if (n->b->kind == ND_NUM && n->b->num >= t->size) {
			comp_err(c, n->at, E_FIELD, "the index %lld is out of bounds for a string of size %u", (long long)n->b->num, t->size);
			return &ty_error;
		}
		return type_int(1, false);
	}
	comp_err(c, n->at, E_TYPE, "The array index operator [] can only be used on arrays and pointers, found %s.", tname(c, t));
	return &ty_error;
}

static const Type *
check_sizeof(Comp *c, Node *n)
{
	const Type *t = check_type(c, n->a);
	Node tmp = { .kind = ND_NUM, .num = t->size };

	if (t->kind == TY_ERROR)
		return t;
	if (t->kind == TY_STRUCT) {
		u32 count;

		type_fields(c->ts, t, &count);
		tmp.num = t->size;
	}
	n->num = tmp.num;
	if (!c->quiet)
		set_number(n, tmp.num, false);
	return literal_type(&tmp);
}

static const Type *
check_offsetof(Comp *c, Node *n)
{
	const Type *t = check_type(c, n->a);
	Node tmp = { .kind = ND_NUM };

	for (u32 i = 0; i < n->n; i++) {
		Field f;

		if (t->kind == TY_ERROR)
			return t;
		if (t->kind == TY_PTR && t->elem && t->elem->kind == TY_STRUCT && !i)
			t = t->elem;
		if ((t->kind != TY_STRUCT && t->kind != TY_RECORD) || !type_field(c->ts, t, n->list[i]->name, &f)) {
			comp_err(c, n->at, E_FIELD, "'%s' has no member named '%s'", tname(c, t), n->list[i]->name);
			return &ty_error;
		}
		tmp.num += f.offset;
		t = f.type;
	}
	n->num = tmp.num;
	if (!c->quiet)
		set_number(n, tmp.num, false);
	return literal_type(&tmp);
}

static const Type *
check_comptime(Comp *c, Node *n)
{
	const Type *t = check_expr(c, n->a);

	if (t->kind == TY_ERROR || c->quiet)
		return t;
	if (!is_literal(n->a)) {
		comp_err(c, n->at, E_CONST, "Unable to evaluate this at compile time");
		return &ty_error;
	}
	*n = *n->a;
	return t;
}

/* Does a block, or every branch of an if, end in an expression? */
static bool
ends_in_value(const Node *n)
{
	if (n->kind == ND_IF)
		return n->c && ends_in_value(n->b) && ends_in_value(n->c);
	return n->kind == ND_BLOCK && (n->a || (n->n && ends_in_value(n->list[n->n - 1])));
}

/* if c { ...; x } else { ...; y } is a ternary whose branches are blocks. At compile time only the branch that lives is looked at. */
static const Type *
check_if_value(Comp *c, Node *n)
{
	u64 v = 0;

	if (!ends_in_value(n)) {
		comp_err(c, n->at, E_TYPE, "an if has a value where each branch ends in an expression, else included");
		return &ty_error;
	}
	if (n->a->kind != ND_COMPTIME) {
		n->kind = ND_TERN;
		return check_tern(c, n);
	}
	if (check_expr(c, n->a)->kind == TY_ERROR || !check_constant(n->a, &v))
		return &ty_error;
	*n = v ? *n->b : *n->c;
	return check_expr(c, n);
}

/* The value of a block is its last expression, which may be an if. */
static const Type *
check_block_value(Comp *c, Node *n)
{
	if (!n->a && n->n && n->list[n->n - 1]->kind == ND_IF && ends_in_value(n->list[n->n - 1]))
		n->a = n->list[--n->n];
	check_stmt(c, n);
	return n->a ? n->a->type : &ty_none;
}

/* A name or function that nothing defines. */
static const Type *
unknown(Comp *c, Node *n)
{
	const char *near = builtin_nearest(c, n->name);

	if (n->kind == ND_IDENT && builtin_find(n->name)) {
		comp_err(c, n->at, E_UNDEFINED, "%s is a function: it is called with parentheses", n->name);
		return &ty_error;
	}
	comp_err(c, n->at, E_UNDEFINED, n->kind == ND_CALL ? "Unknown function: '%s'" : "Unknown identifier: '%s'", n->name);
	if (near)
		comp_hint(c, "did you mean %s?", near);
	return &ty_error;
}

static const Type *
check(Comp *c, Node *n)
{
	switch (n->kind) {
	case ND_NUM:            return literal_type(n);
	case ND_STR:            return check_str(c, n);
	case ND_BOOL:           return &ty_bool;
	case ND_VAR:            return check_var(c, n);
	case ND_MAP:            return check_map_value(c, n);
	case ND_UN:             return check_un(c, n);
	case ND_BIN:            return check_bin(c, n);
	case ND_STEP:           return check_step(c, n);
	case ND_TERN:           return check_tern(c, n);
	case ND_CALL:           return check_call(c, n);
	case ND_FIELD:          return check_field(c, n);
	case ND_ELEM:           return check_elem(c, n);
	case ND_INDEX:          return check_index(c, n);
	case ND_CAST:           return check_cast(c, n);
	case ND_TUPLE:          return check_record(c, n);
	case ND_RECORD:         return check_record(c, n);
	case ND_SIZEOF:         return check_sizeof(c, n);
	case ND_TYPEINFO:       return check_typeinfo(c, n);
	case ND_OFFSETOF:       return check_offsetof(c, n);
	case ND_COMPTIME:       return check_comptime(c, n);
	case ND_BLOCK:          return check_block_value(c, n);
	case ND_IF:             return check_if_value(c, n);
	case ND_IDENT:          return unknown(c, n);
	case ND_TYPE:
		comp_err(c, n->at, E_TYPE, "a type stands here where a value is wanted");
		return &ty_error;
	}
	return &ty_error;               /* resolve has reported it */
}

const Type *
check_expr(Comp *c, Node *n)
{
	const Node *before = c->by;

	c->by = n->by;
	n->type = check(c, n);
	c->by = before;
	return n->type;
}

/* ---- calls ---- */

static const char *
count_words(u32 n)
{
	static const char *const words[] = { "no arguments", "one argument", "two arguments", "three arguments", "four arguments",
		"five arguments" };

	return n < COUNT(words) ? words[n] : "more arguments";
}

static bool
check_count(Comp *c, Node *n, const char *sig)
{
	u32 min = (u32)strcspn(sig, "?*"), max = 0;
	bool any = strchr(sig, '*') != NULL;

	for (const char *s = sig; *s; s++)
		max += *s != '?' && *s != '*';
	if (n->n < min || (n->n > max && !any)) {
		if (min == max)
			comp_err(c, n->at, E_ARGS, "%s() requires %s (%u provided)", n->name, count_words(min), n->n);
		else if (n->n < min)
			comp_err(c, n->at, E_ARGS, "%s() requires at least %s (%u provided)", n->name, count_words(min), n->n);
		else
			comp_err(c, n->at, E_ARGS, "%s() takes up to %s (%u provided)", n->name, count_words(max), n->n);
		return false;
	}
	return true;
}

static bool
wrong(Comp *c, Node *n, Node *arg, const char *want)
{
	if (arg->type->kind != TY_ERROR)
		comp_err(c, arg->at, E_ARGS, "%s() expects %s (%s provided)", n->name, want, tname(c, arg->type));
	return false;
}

static bool
check_arg(Comp *c, Node *n, Node *arg, char want)
{
	const Type *t;

	if (want == 'm') {
		if (arg->kind == ND_MAP && !arg->a)
			return true;
		comp_err(c, arg->at, E_ARGS, "%s() expects a map to be provided", n->name);
		return false;
	}
	if (arg->kind == ND_TYPE && want == 't') {
		check_type(c, arg);
		return arg->type->kind != TY_ERROR;
	}
	if (want == 'S' && arg->kind == ND_STR) {       /* never in a program: any length will do */
		arg->type = type_string(c->ts, arg->n + 1);
		return true;
	}
	t = check_expr(c, arg);
	if (t->kind == TY_ERROR)
		return false;
	switch (want) {
	case 'i':
		return number_type(t) || wrong(c, n, arg, "an integer");
	case 'p':
		return number_type(t) || t->kind == TY_PTR || t->kind == TY_ARRAY || wrong(c, n, arg, "an integer or a pointer");
	case 's':
		return t->kind == TY_STRING || wrong(c, n, arg, "a string");
	case 'S':
		comp_err(c, arg->at, E_CONST, "%s() expects a string literal (%s provided)", n->name, tname(c, t));
		return false;
	case 'n':
		if (arg->kind == ND_NUM || c->quiet)
			return true;
		comp_err(c, arg->at, E_CONST, "%s() expects a literal integer (%s provided)", n->name, tname(c, t));
		return false;
	}
	return true;
}

/* All arguments are looked at, so that each error is told. */
static bool
check_args(Comp *c, Node *n, const Builtin *b)
{
	const char *s = b->sig ? b->sig : "";
	bool ok = check_count(c, n, s);
	char want = 'x';

	for (u32 i = 0; i < n->n; i++) {
		while (*s == '?')
			s++;
		if (*s && *s != '*')
			want = *s++;
		else
			want = 'x';
		if (b->flags & B_WORDS && n->list[i]->kind == ND_IDENT)
			continue;
		if (b->flags & B_MAPARG && n->list[i]->kind == ND_MAP && !n->list[i]->a)
			continue;
		ok &= check_arg(c, n, n->list[i], want);
	}
	return ok;
}

const Type *
check_call(Comp *c, Node *n)
{
	const Builtin *b = n->sym;

	if (!b)
		return unknown(c, n);
	if (b->flags & B_UNSAFE && !c->pc->unsafe) {
		comp_err(c, n->at, E_UNSAFE, "%s() is unsafe. To use you need the --unsafe flag", n->name);
		return &ty_error;
	}
	if (b->flags & B_AGG && !c->agg_ok) {
		comp_err(c, n->at, E_AGG, "%s() can only be assigned straight to a map: @name = %s(...)", n->name, n->name);
		check_args(c, n, b);
		return &ty_error;
	}
	c->agg_ok = false;
	if (!check_args(c, n, b))
		return &ty_error;
	return b->check ? b->check(c, n) : b->type ? b->type : &ty_none;
}

/* ---- casts ---- */

static bool
enum_member(const Type *t, s64 v)
{
	for (u32 i = 0; i < t->n_values; i++)
		if (t->values[i].value == v)
			return true;
	return !t->n_values;
}

/* An array of unknown length takes it from what is cast. */
static const Type *
sized_array(Comp *c, Node *n, const Type *to, const Type *from)
{
	u32 size = to->elem->size;

	if (!size || from->size % size) {
		comp_err(c, n->at, E_TYPE, "Cannot cast from \"%s\" to \"%s\": sizes do not fit", tname(c, from), tname(c, to));
		return &ty_error;
	}
	return type_array(c->ts, to->elem, from->size / size);
}

static bool
castable(const Type *to, const Type *from)
{
	bool num = number_type(from) != NULL;

	switch (to->kind) {
	case TY_BOOL:
		return num || from->kind == TY_PTR || from->kind == TY_STRING;
	case TY_INT:
		if (from->kind == TY_ARRAY)
			return from->size == to->size && from->size <= 8;
		return num || is_scalar(from) || from->kind == TY_USYM;
	case TY_ENUM:
		return num;
	case TY_PTR:
		return num || from->kind == TY_PTR || from->kind == TY_ARRAY || from->kind == TY_FUNC || from->kind == TY_KSYM;
	case TY_ARRAY:
		if (from->kind == TY_STRING || from->kind == TY_BUFFER)
			return to->elem->size == 1 && to->count >= from->size;
		if (from->kind == TY_ARRAY)
			return from->size == to->size;
		return num && from->size == to->size;
	case TY_STRING: case TY_BUFFER:
		return from->kind == to->kind || from->kind == TY_STRING;
	case TY_TUPLE: case TY_RECORD:
		if (from->kind != to->kind || from->n_fields != to->n_fields)
			return false;
		for (u32 i = 0; i < to->n_fields; i++) {
			const Field *f = type_partner(to, i, from);

			if (!f || (to->fields[i].type != f->type && !castable(to->fields[i].type, f->type)))
				return false;
		}
		return true;
	case TY_KSYM: case TY_TIMESTAMP: case TY_USERNAME: case TY_STRERROR: case TY_CGROUP_PATH:
		return num || from->kind == to->kind;
	}
	return to == from || type_equal(to, from);
}

const Type *
check_cast(Comp *c, Node *n)
{
	const Type *to = check_type(c, n->a), *from = check_expr(c, n->b);
	bool literal = n->b->kind == ND_NUM || n->b->kind == ND_BOOL;

	if (to->kind == TY_ERROR || from->kind == TY_ERROR)
		return to->kind == TY_ERROR ? to : from;
	n->space = n->b->space;
	if (to->kind == TY_ARRAY && !to->count)
		to = sized_array(c, n, to, from);
	if (to->kind == TY_ERROR)
		return to;
	if (to->kind == TY_STRUCT && from->kind == TY_STRUCT && type_equal(to, from))
		return to;
	/* A literal is cast from any width: (uint8[8])1 */
	if (!castable(to, from) && !(to->kind == TY_ARRAY && literal && to->size <= 8)) {
		if (to->kind == TY_STRUCT) {
			comp_err(c, n->at, E_TYPE, "Cannot cast to \"%s\"", tname(c, to));
			comp_hint(c, "to read a struct at an address, cast to a pointer: (%s *)", tname(c, to));
		} else {
			comp_err(c, n->at, E_TYPE, "Cannot cast from \"%s\" to \"%s\"", tname(c, from), tname(c, to));
		}
		return &ty_error;
	}
	if (to->kind == TY_ENUM && n->b->kind == ND_NUM && !enum_member(to, (s64)n->b->num)) {
		comp_err(c, n->at, E_TYPE, "Enum: %s doesn't contain a variant value of %lld", to->name ? to->name : "", (long long)n->b->num);
		return &ty_error;
	}
	if (to->kind == TY_PTR && !to->space)
		to = type_ptr(c->ts, to->elem, from->kind == TY_PTR ? from->space : n->b->space);
	if (to->kind == TY_INT && literal && (!n->a->a || !c->quiet)) {
		u64 v = n->b->num;
		const Type *t = to;

		set_number(n, v, false);
		fold_cast(n, t);
	} else if (to->kind == TY_BOOL && literal) {
		bool v = n->b->num != 0;

		set_number(n, v, false);
		n->kind = ND_BOOL;
	}
	return to;
}
