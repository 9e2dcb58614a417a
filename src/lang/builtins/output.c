/* output: records for user space: printf, print, exit and their kind. Formats are checked here, printed in out/. */
#include "lang/comp.h"

#include <stdio.h>

/* ---- formats ---- */

static bool
prints_as(const Type *t, char conv)
{
	if (conv == 's')
		return t->kind != TY_NONE && !type_is_agg(t);
	if (conv == 'r')
		return t->kind == TY_BUFFER || t->kind == TY_STRING || t->kind == TY_ARRAY;
	if (conv == 'c' || strchr("dixXuop", conv))
		return is_scalar(t) && t->kind != TY_USERNAME && t->kind != TY_NONE;
	return false;
}

static void
check_conv(Comp *c, Node *n, Node *arg, const Conv *conv, const char *fmt)
{
	const Type *t = arg->type;

	if (t->kind == TY_ERROR || prints_as(t, conv->conv))
		return;
	comp_err(c, arg->at, E_FORMAT, "%s: %.*s specifier expects a value of type %s (%s supplied)", n->name, (int)(conv->to - conv->from),
	    fmt + conv->from, conv->conv == 'r' ? "buffer" : conv->conv == 's' ? "string" : "integer", tname(c, t));
	if (agg_coerced(t))
		comp_hint(c, "cast it to a number: (%s)%s", tname(c, agg_coerced(t)), arg->name ? arg->name : "...");
	else if (type_is_agg(t))
		comp_hint(c, "print(@map) prints it whole");
}

static void
add_args(Comp *c, Node *n, u32 from)
{
	for (u32 i = from; i < n->n; i++)
		if (n->list[i]->type->kind == TY_NONE)
			comp_err(c, n->list[i]->at, E_FORMAT, "%s() cannot print an expression of type '%s'", n->name, tname(c, n->list[i]->type));
}

static const Type *
check_printf(Comp *c, Node *n)
{
	Node *f = n->list[0];
	Conv *conv = NEW_N(c->a, Conv, n->n + 1);
	u32 at = 0;
	const char *why = NULL;
	int k = out_format_parse(f->str, f->n, conv, n->n, &at, &why);

	if (k < 0) {
		u32 from = f->at.from + 1 + at;

		comp_err(c, (Span){ from, from + 1 }, E_FORMAT, "%s() has a bad format: %s", n->name, why ? why : "");
		return &ty_error;
	}
	if ((u32)k != n->n - 1) {
		comp_err(c, n->at, E_FORMAT, "%s: %s arguments for format string (%u supplied, %d expected)",
		    n->name, (u32)k < n->n - 1 ? "Too many" : "Not enough", n->n - 1, k);
		return &ty_error;
	}
	for (u32 i = 0; i < (u32)k; i++)
		check_conv(c, n, n->list[i + 1], &conv[i], f->str);
	add_args(c, n, 1);
	return &ty_none;
}

static Ref
send_format(Comp *c, Node *n, EventKind kind)
{
	u32 e = event_new(c, kind, n->at);
	const Type **t = NEW_N(c->a, const Type *, n->n);

	c->s->events.v[e].fmt = n->list[0]->str;
	for (u32 i = 1; i < n->n; i++)
		t[i - 1] = n->list[i]->type;
	event_layout(c, e, t, n->n - 1);
	event_send(c, e, n->list + 1, n->n - 1);
	return 0;
}

/* bpf_seq_printf(seq, format, size, numbers and addresses of strings, size): the kernel formats. */
static Ref
seq_printf(Comp *c, Node *n, Ref seq)
{
	Fn *fn = c->fn;
	u32 size = n->list[0]->n + 1, bytes = 8 * (n->n - 1);
	Ref fmt = ir_mem(fn, ALIGN(size, 8), 8, n->at), data = ir_mem_stack(fn, MAX(bytes, 8u), 8, n->at);

	store_string(c, fmt, 0, n->list[0]->str, n->list[0]->n, ALIGN(size, 8), true);
	for (u32 i = 1; i < n->n; i++) {
		Node *a = n->list[i];
		Ref v = 0;

		if (is_scalar(a->type) || agg_coerced(a->type)) {
			v = lower_int(c, a);
		} else if (a->type->kind == TY_STRING) {
			Val s = val_near(c, lower(c, a));

			v = s.off ? ir_bini(fn, IR_add, s.r, s.off) : s.r;
		} else {
			diag_err(c->d, a->at, E_UNSUPPORTED, "printf of a pinned iterator takes numbers and strings, not '%s'", tname(c, a->type));
			v = ir_const(fn, 0);
		}
		ir_store(fn, data, (s32)(8 * (i - 1)), 8, v);
	}
	return IR_CALL(fn, BPF_FUNC_seq_printf, seq, fmt, ir_const(fn, size), data, ir_const(fn, bytes));
}

static Ref
lower_printf(Comp *c, Node *n)
{
	Ref seq = c->cl->prov->seq && c->cl->p ? c->cl->prov->seq(c->cl->p, c->fn) : 0;

	return seq ? seq_printf(c, n, seq) : send_format(c, n, EV_PRINTF);
}

static Ref
lower_cat(Comp *c, Node *n)
{
	return send_format(c, n, EV_CAT);
}

static Ref
lower_system(Comp *c, Node *n)
{
	return send_format(c, n, EV_SYSTEM);
}

static Ref
lower_errorf(Comp *c, Node *n)
{
	return send_format(c, n, EV_ERRORF);
}

static Ref
lower_warnf(Comp *c, Node *n)
{
	return c->opt->warnings ? send_format(c, n, EV_WARNF) : 0;
}

/* ---- print ---- */

static const Type *
print_map(Comp *c, Node *n)
{
	MapSym *m = n->list[0]->sym;

	n->list[0]->type = &ty_none;
	for (u32 i = 1; i < n->n; i++)
		if (check_expr(c, n->list[i])->kind != TY_ERROR && n->list[i]->kind != ND_NUM && !c->quiet)
			comp_err(c, n->list[i]->at, E_CONST, "print() expects a literal integer here");
	if (!m->value) {
		comp_err(c, n->list[0]->at, E_UNDEFINED, "Undefined map: %s", m->name);
		return &ty_error;
	}
	map_used_whole(n->list[0]);
	if (!m->keyed && n->n > 1)
		comp_warn(c, n->list[1]->at, W_UNUSED, "%s has one value: top and div choose among keys", m->name);
	return &ty_none;
}

static const Type *
check_print(Comp *c, Node *n)
{
	Node *a = n->list[0];
	const Type *t;

	if (a->kind == ND_MAP && !a->a)
		return print_map(c, n);
	t = a->type && a->kind != ND_MAP ? a->type : check_expr(c, a);
	if (t->kind == TY_ERROR)
		return t;
	if (n->n > 1) {
		comp_err(c, n->list[1]->at, E_ARGS, "Non-map print() only takes 1 argument, %u found", n->n);
		return &ty_error;
	}
	if (t->kind == TY_NONE || ((t->kind == TY_TUPLE || t->kind == TY_RECORD) && !t->n_fields)) {
		comp_err(c, a->at, E_FORMAT, "print() cannot print an expression of type '%s'", tname(c, t));
		return &ty_error;
	}
	if (a->kind == ND_CALL && !strcmp(a->name, "args") && c->cl->prov->args_in_ctx) {
		comp_err(c, a->at, E_FORMAT, "print() cannot print args of %s probes as a whole", c->cl->prov->name);
		comp_hint(c, "print its fields: args.NAME");
		return &ty_error;
	}
	if (type_is_agg(t) && !agg_coerced(t)) {
		comp_err(c, a->at, E_AGG, "%s values can't be printed by key: print() must print the whole map", tname(c, t));
		return &ty_error;
	}
	return &ty_none;
}

static Ref
lower_print(Comp *c, Node *n)
{
	Node *a = n->list[0];
	const Type *t = a->type;
	u32 e;

	if (t == &ty_none) {
		e = event_new(c, EV_PRINT_MAP, n->at);
		c->s->events.v[e].map = ((MapSym *)a->sym)->info;
		c->s->events.v[e].top = n->n > 1 ? (s64)n->list[1]->num : 0;
		c->s->events.v[e].div = n->n > 2 ? (s64)n->list[2]->num : 0;
		event_send_ints(c, e, 0, NULL, 0);
		return 0;
	}
	e = event_new(c, EV_PRINT_VALUE, n->at);
	if (agg_coerced(t))
		t = agg_coerced(t);
	event_layout(c, e, &t, 1);
	event_send(c, e, &a, 1);
	return 0;
}

/* ---- exit, join ---- */

static bool
in_test(const Comp *c)
{
	return c->cl->prov->when == PW_TEST || c->cl->prov->when == PW_BENCH;
}

static Ref
lower_exit(Comp *c, Node *n)
{
	u32 e = event_new(c, EV_EXIT, n->at);
	Ref r;

	if (n->n && n->list[0]->kind != ND_NUM) {
		r = lower_int(c, n->list[0]);
		event_send_ints(c, e, 0, &r, 1);
	} else {
		c->s->events.v[e].code = n->n ? (s64)n->list[0]->num : 0;
		event_send_ints(c, e, 0, NULL, 0);
	}
	/* A test or benchmark is judged by the value that it returns. */
	lower_leave(c, in_test(c) && n->n ? lower_int(c, n->list[0]) : 0);
	return 0;
}

static Ref
lower_unwatch(Comp *c, Node *n)
{
	Ref r = lower_int(c, n->list[0]);

	event_send_ints(c, event_new(c, EV_UNWATCH, n->at), 0, &r, 1);
	return 0;
}

/* join(argv): up to JOIN_MAX strings behind an array of pointers that ends with NULL. */
enum { JOIN_MAX = 16, JOIN_LEN = 1024 };

static const Type *
check_join(Comp *c, Node *n)
{
	const Type *t = n->list[0]->type;

	if (t->kind != TY_PTR && t->kind != TY_ARRAY && !number_type(t)) {
		comp_err(c, n->list[0]->at, E_ARGS, "join() expects a pointer to an array of strings (%s provided)", tname(c, t));
		return &ty_error;
	}
	return &ty_none;
}

static Ref
lower_join(Comp *c, Node *n)
{
	Fn *fn = c->fn;
	u32 e = event_new(c, EV_JOIN, n->at), len = (u32)MIN(comp_cf(c, CF_MAX_STRLEN), JOIN_LEN), end = ir_block(fn);
	const Type *arr = n->list[0]->type, *str = type_string(c->ts, len), *types[JOIN_MAX];
	AddrSpace space = arr->kind == TY_PTR ? arr->space : n->list[0]->space;
	Ref argv = lower_int(c, n->list[0]), mem, rec;
	Var used = ir_var(fn);
	u32 fail;

	for (u32 i = 0; i < JOIN_MAX; i++)
		types[i] = str;
	c->s->events.v[e].sep = n->n > 1 ? n->list[1]->str : " ";
	event_layout(c, e, types, JOIN_MAX);
	mem = ir_mem(fn, JOIN_MAX * 8, 8, n->at);
	for (u32 i = 0; i < JOIN_MAX; i++)      /* one by one: the array may end at the end of a page */
		read_far(c, space, offset(c, mem, (s32)i * 8), 8, offset(c, argv, (s32)i * 8), n->at);
	fail = event_open(c, e, &rec);
	ir_set(fn, used, ir_const(fn, 0));
	for (u32 i = 0; i < JOIN_MAX; i++) {
		u32 have = ir_block(fn);
		Ref p = ir_load(fn, mem, (s32)i * 8, 8, false);

		ir_br(fn, p, have, end);
		ir_seal(fn, have);
		ir_start(fn, have);
		read_str(c, space, offset(c, rec, (s32)c->s->events.v[e].args[i].offset), len, p, n->at);
		ir_set(fn, used, ir_const(fn, i + 1));
	}
	ir_jmp(fn, end);
	ir_seal(fn, end);
	ir_start(fn, end);
	ir_store(fn, rec, 4, 4, ir_get(fn, used));
	event_close(c, e, rec, fail);
	return 0;
}

const Builtin builtins_output[] = {
	{ "printf",  "S*", 0, check_printf, lower_printf },
	{ "cat",     "S*", 0, check_printf, lower_cat },
	{ "system",  "S*", B_UNSAFE, check_printf, lower_system },
	{ "errorf",  "S*", 0, check_printf, lower_errorf },
	{ "warnf",   "S*", 0, check_printf, lower_warnf },
	{ "print",   "x?xx", B_MAPARG, check_print, lower_print },
	{ "unwatch", "p", 0, NULL, lower_unwatch },
	{ "exit",    "?i", B_ENDS, NULL, lower_exit },
	{ "join",    "x?S", 0, check_join, lower_join },
	{ NULL },
};
