/* check_type: which type holds two others; what literals are; types as the script writes them. */
#include "lang/comp.h"

#include <stdio.h>

static bool
starts(const char *s, const char *with)
{
	return !strncmp(s, with, strlen(with));
}

const Type *
literal_type(const Node *n)
{
	s64 v = (s64)n->num;

	if (n->fixed)
		return n->type;
	if (n->big)
		return type_int(8, false);
	return type_int(v == (s8)v ? 1 : v == (s16)v ? 2 : v == (s32)v ? 4 : 8, true);
}

bool
is_literal(const Node *n)
{
	return n->kind == ND_NUM || n->kind == ND_BOOL || n->kind == ND_STR;
}

bool
literal_truth(const Node *n, bool *truth)
{
	if (n->kind != ND_NUM && n->kind != ND_BOOL)
		return false;
	*truth = n->num != 0;
	return true;
}

bool
set_number(Node *n, u64 v, bool big)
{
	n->kind = ND_NUM;
	n->num = v;
	n->big = big;
	n->fixed = false;
	n->op = 0;
	n->a = n->b = n->c = NULL;
	n->list = NULL;
	n->n = 0;
	return true;
}

void
make_string(Comp *c, Node *n, const char *s, size_t len)
{
	n->kind = ND_STR;
	n->str = arena_str(c->a, s, len);
	n->n = (u32)len;
	n->op = 0;
	n->a = n->b = n->c = NULL;
	n->list = NULL;
	n->type = type_string(c->ts, (u32)len + 1);
}

bool
is_number(const Type *t)
{
	return t->kind == TY_INT || t->kind == TY_BOOL || t->kind == TY_ENUM;
}

bool
is_scalar(const Type *t)
{
	switch (t->kind) {
	case TY_INT: case TY_BOOL: case TY_ENUM: case TY_PTR: case TY_KSYM: case TY_TIMESTAMP: case TY_USERNAME:
	case TY_CGROUP_PATH: case TY_STRERROR: case TY_SIGNAL: case TY_SYSCALL: case TY_PROBE: case TY_ERROR: case TY_NONE: case TY_FUNC:
		return true;
	}
	return false;
}

const Type *
number_type(const Type *t)
{
	switch (t->kind) {
	case TY_INT:
		return t;
	case TY_BOOL:
		return type_int(1, false);
	case TY_ENUM:
		return t->elem ? t->elem : type_int(t->size ? t->size : 4, t->sign);
	}
	return agg_coerced(t);
}

const Type *
agg_coerced(const Type *t)
{
	switch (t->kind) {
	case TY_COUNT:
		return type_int(8, true);
	case TY_SUM: case TY_MIN: case TY_MAX: case TY_AVG:
		return type_int(8, t->sign);
	}
	return NULL;
}

/* ---- joins ---- */

static const Type *
join_ints(const Type *a, const Type *b, const Node *n)
{
	u32 size = MAX(a->size, b->size);

	if (a->sign == b->sign)
		return type_int(size, a->sign);
	/* A literal that is not negative has no sign of its own. */
	if (n && n->kind == ND_NUM && !n->fixed && !a->sign && !n->big && (s64)n->num >= 0)
		return type_int(MAX(a->size, n->num > UINT32_MAX ? 8u : n->num > UINT16_MAX ? 4u : n->num > UINT8_MAX ? 2u : 1u), false);
	if ((a->sign ? b : a)->size >= (a->sign ? a : b)->size)
		size = MIN(8u, size * 2);
	return type_int(size, true);
}

static const Type *
join_fields(Comp *c, const Type *a, const Type *b, const Node *n)
{
	const Type **e;
	const char **names;

	if (a->n_fields != b->n_fields)
		return NULL;
	e = NEW_N(c->a, const Type *, a->n_fields + 1);
	names = NEW_N(c->a, const char *, a->n_fields + 1);
	for (u32 i = 0; i < a->n_fields; i++) {
		const Field *f = type_partner(a, i, b);
		u32 at = f ? (u32)(f - b->fields) : 0;
		const Node *m = n && n->kind == ND_TUPLE ? n->list[at] : n && n->kind == ND_RECORD ? n->list[at]->a : NULL;

		e[i] = f ? type_join(c, a->fields[i].type, f->type, m) : NULL;
		if (!e[i])
			return NULL;
		names[i] = a->fields[i].name;
	}
	return a->kind == TY_TUPLE ? type_tuple(c->ts, e, a->n_fields) : type_record(c->ts, names, e, a->n_fields);
}

static bool
same_target(const Type *a, const Type *b)
{
	if (!a || !b)
		return true;
	if (a == b || type_equal(a, b) || a->kind == TY_NONE || b->kind == TY_NONE)
		return true;
	return a->kind == TY_STRUCT && b->kind == TY_STRUCT && a->name && b->name && !strcmp(a->name, b->name);
}

const Type *
type_join(Comp *c, const Type *a, const Type *b, const Node *n)
{
	if (!a || a == b)
		return b;
	if (a->kind == TY_ERROR)
		return b;
	if (b->kind == TY_ERROR || type_equal(a, b))
		return a;
	if (a->kind == TY_INT && b->kind == TY_INT)
		return join_ints(a, b, n);
	if (a->kind != b->kind) {
		if (is_number(a) && is_number(b) && a->kind != TY_BOOL && b->kind != TY_BOOL)
			return join_ints(number_type(a), number_type(b), n);
		return NULL;
	}
	switch (a->kind) {
	case TY_STRING: case TY_BUFFER:
		return a->size >= b->size ? a : b;
	case TY_PTR:
		if (!same_target(a->elem, b->elem))
			return NULL;
		return a->elem && a->elem->kind != TY_NONE ? a : b;
	case TY_TUPLE: case TY_RECORD:
		return join_fields(c, a, b, n);
	case TY_KSTACK: case TY_USTACK:
		return a->mode != b->mode ? NULL : a->size >= b->size ? a : b;
	case TY_SUM: case TY_MIN: case TY_MAX: case TY_AVG: case TY_STATS: case TY_TSERIES:
		if (a->kind == TY_TSERIES && (a->min != b->min || a->max != b->max || a->step != b->step))
			return NULL;
		return a->sign ? a : b;
	case TY_ARRAY:
		return a->count == b->count && type_equal(a->elem, b->elem) ? a : NULL;
	case TY_ENUM:
		return join_ints(number_type(a), number_type(b), n);
	case TY_STRUCT:
		return a->name && b->name && !strcmp(a->name, b->name) && a->size == b->size ? a : NULL;
	case TY_KSYM: case TY_USYM: case TY_INET: case TY_MAC: case TY_TIMESTAMP: case TY_USERNAME: case TY_CGROUP_PATH:
	case TY_STRERROR: case TY_SIGNAL: case TY_SYSCALL: case TY_PROBE: case TY_COUNT:
		return a->size >= b->size ? a : b;
	}
	return NULL;
}

bool
check_settled(const Type *t)
{
	if (!t || t->kind == TY_ERROR)
		return false;
	if (t->kind == TY_TUPLE || t->kind == TY_RECORD)
		for (u32 i = 0; i < t->n_fields; i++)
			if (!check_settled(t->fields[i].type))
				return false;
	return true;
}

/* ---- types as written ---- */

static const struct { const char *name; u8 kind; u32 size; } words[] = {
	{ "inet", TY_INET, 20 }, { "ksym_t", TY_KSYM, 8 }, { "usym_t", TY_USYM, 16 }, { "timestamp", TY_TIMESTAMP, 8 },
	{ "mac_address", TY_MAC, 6 }, { "username", TY_USERNAME, 8 }, { "cgroup_path_t", TY_CGROUP_PATH, 8 },
	{ "strerror_t", TY_STRERROR, 8 }, { "count_t", TY_COUNT, 8 },
};
static const struct { const char *name; u8 kind; bool sign; } aggs[] = {
	{ "sum_t", TY_SUM, true }, { "usum_t", TY_SUM, false }, { "min_t", TY_MIN, true }, { "umin_t", TY_MIN, false },
	{ "max_t", TY_MAX, true }, { "umax_t", TY_MAX, false }, { "avg_t", TY_AVG, true }, { "uavg_t", TY_AVG, false },
	{ "stats_t", TY_STATS, true }, { "ustats_t", TY_STATS, false },
};

const Type *
check_named_type(Comp *c, const char *name)
{
	static const char *const ints[] = { "int8", "int16", "int32", "int64" };

	for (u32 i = 0; i < 4; i++) {
		if (!strcmp(name, ints[i]))
			return type_int(1u << i, true);
		if (name[0] == 'u' && !strcmp(name + 1, ints[i]))
			return type_int(1u << i, false);
	}
	if (!strcmp(name, "bool"))
		return &ty_bool;
	if (!strcmp(name, "void"))
		return &ty_none;
	for (size_t i = 0; i < COUNT(words); i++)
		if (!strcmp(name, words[i].name))
			return type_special(c->ts, words[i].kind, words[i].size, false, 0, 0);
	for (size_t i = 0; i < COUNT(aggs); i++)
		if (!strcmp(name, aggs[i].name))
			return type_special(c->ts, aggs[i].kind, 8, aggs[i].sign, 0, 0);
	return type_find(c->ts, name);
}

static const Type *
base_type(Comp *c, Node *n, u32 *first)
{
	const Type *t;
	s64 v;

	if (n->a)
		return check_type(c, n->a);
	if (!strcmp(n->name, "string") || !strcmp(n->name, "buffer")) {
		bool string = n->name[0] == 's';
		u32 size = (u32)comp_cf(c, CF_MAX_STRLEN);

		if (n->n && n->list[0]->num) {
			size = n->list[0]->num == ~(u64)0 ? size : (u32)n->list[0]->num;
			*first = 1;
		}
		return string ? type_string(c->ts, size) : type_buffer(c->ts, size);
	}
	t = check_named_type(c, n->name);
	if (!t && type_enumerator(c->ts, n->name, &v, &t))              /* sizeof(ONE): of what its value is stored in */
		t = type_int(8, v < 0);
	if (!t) {
		comp_err(c, n->at, E_TYPE, "Cannot resolve unknown type \"%s\"", n->name);
		if (starts(n->name, "struct ") || starts(n->name, "union ") || starts(n->name, "enum "))
			comp_hint(c, "define it in the script, or use a kernel with BTF that knows it");
		return &ty_error;
	}
	return t;
}

const Type *
check_type(Comp *c, Node *n)
{
	const Type *t;
	u32 first = 0;

	if (n->kind != ND_TYPE) {
		bool before = c->unevaluated;

		c->unevaluated = true;
		t = check_expr(c, n);
		c->unevaluated = before;
		return t;
	}
	t = base_type(c, n, &first);
	for (u32 i = first; i < n->n && t->kind != TY_ERROR; i++) {
		u64 k = n->list[i]->num;

		if (!k)
			t = type_ptr(c->ts, t, AS_NONE);
		else if (k == ~(u64)0)
			t = type_array(c->ts, t, 0);
		else
			t = type_array(c->ts, t, (u32)k);
	}
	n->type = t;
	return t;
}
