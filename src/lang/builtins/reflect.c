/* reflect: what a script asks about itself and the kernel while it is compiled: typeinfo(), config, kernel functions. The answers are
 * records and literals, so that `if comptime` can ask. */
#include "lang/comp.h"

static Node *
member(Comp *c, const Node *n, const char *name)
{
	Node *m = NEW(c->a, Node), *v = NEW(c->a, Node);

	m->kind = ND_NAMED;
	m->at = v->at = n->at;
	m->name = interns(name);
	m->height = 2;
	v->height = 1;
	m->a = v;
	return m;
}

static Node *
string_member(Comp *c, const Node *n, const char *name, const char *s)
{
	Node *m = member(c, n, name);

	make_string(c, m->a, s, strlen(s));
	return m;
}

static Node *
number_member(Comp *c, const Node *n, const char *name, u64 v)
{
	Node *m = member(c, n, name);

	set_number(m->a, v, false);
	return m;
}

/* ---- typeinfo(e) ---- */

/* The family of a type, as a word. */
static const char *
base_name(Comp *c, const Type *t)
{
	switch (t->kind) {
	case TY_INT: case TY_ENUM:      return "int";
	case TY_PTR:                    return "pointer";
	case TY_ARRAY:                  return "array";
	case TY_STRUCT:                 return "c_type";
	case TY_STRING:                 return "string";
	case TY_BUFFER:                 return "buffer";
	case TY_TUPLE:                  return "tuple";
	case TY_RECORD:                 return "record";
	case TY_INET:                   return "inet";
	case TY_KSTACK:                 return "kstack";
	case TY_USTACK:                 return "ustack";
	}
	return tname(c, t);
}

/* Types may still widen: the record is made anew in each pass, and stands for the node after the last. */
const Type *
check_typeinfo(Comp *c, Node *n)
{
	bool before = c->unevaluated;
	const Type *t;

	c->unevaluated = true;
	t = check_type(c, n->a);
	c->unevaluated = before;
	if (t->kind == TY_ERROR)
		return t;
	n->list = NEW_N(c->a, Node *, 3);
	n->list[0] = number_member(c, n, "btf_id", 0);
	n->list[1] = string_member(c, n, "base_type", base_name(c, t));
	n->list[2] = string_member(c, n, "full_type", tname(c, t));
	n->n = 3;
	if (!c->quiet) {
		n->kind = ND_RECORD;
		n->a = NULL;
	}
	return check_record(c, n);
}

/* ---- config ---- */

static const Type *
check_config(Comp *c, Node *n)
{
	static const struct { const char *name; char kind; const char *def; } rows[] = {
#define CONFIG(id, name, kind, def) { name, kind, def },
#include "lang/config.def"
#undef CONFIG
	};

	n->kind = ND_RECORD;
	n->list = NEW_N(c->a, Node *, N_CONFIG);
	n->n = N_CONFIG;
	for (u32 i = 0; i < N_CONFIG; i++) {
		const char *word = rows[i].def;

		switch (rows[i].kind) {
		case 'b':
			n->list[i] = number_member(c, n, rows[i].name, c->cf->v[i].n != 0);
			n->list[i]->a->kind = ND_BOOL;
			break;
		case 'n':
			n->list[i] = number_member(c, n, rows[i].name, c->cf->v[i].n);
			break;
		case 'e':
			for (u64 k = c->cf->v[i].n; k; k--)
				word += strcspn(word, "|") + 1;
			n->list[i] = string_member(c, n, rows[i].name, arena_str(c->a, word, strcspn(word, "|")));
			break;
		default:
			n->list[i] = string_member(c, n, rows[i].name, c->cf->v[i].s ? c->cf->v[i].s : "");
		}
	}
	return check_record(c, n);
}

/* ---- kernel functions ---- */

static const Type *
answer(Comp *c, Node *n, bool v)
{
	n->num = v;
	n->fixed = true;
	if (!c->quiet) {
		set_number(n, v, false);
		n->kind = ND_BOOL;
	}
	return &ty_bool;
}

static const Type *
check_kfunc_exist(Comp *c, Node *n)
{
	u32 id;

	return answer(c, n, type_btf_func(c->ts, NULL, n->list[0]->str, &id) != NULL);
}

/* Scripts call no kernel functions here: what bpftrace's library does with them is done otherwise. */
static const Type *
check_kfunc_allowed(Comp *c, Node *n)
{
	return answer(c, n, false);
}

static Ref
lower_num(Comp *c, Node *n)
{
	return ir_const(c->fn, (s64)n->num);
}

const Builtin builtins_reflect[] = {
	{ "config",        "", B_VAR, check_config },
	{ "kfunc_exist",   "S", 0, check_kfunc_exist, lower_num },
	{ "kfunc_allowed", "S", 0, check_kfunc_allowed, lower_num },
	{ NULL },
};
