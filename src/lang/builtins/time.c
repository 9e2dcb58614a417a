/* time: clocks, and times as text. */
#include "lang/comp.h"

static const struct { const char *word; char clock; } clocks[] = {
	{ "boot", 'b' }, { "monotonic", 'm' }, { "tai", 't' }, { "sw_tai", 't' },
};

static const Type *
check_nsecs(Comp *c, Node *n)
{
	const Node *w = n->n ? n->list[0] : NULL;

	n->op = 'b';
	for (size_t i = 0; w && i < COUNT(clocks); i++)
		if (w->kind == ND_IDENT && !strcmp(w->name, clocks[i].word)) {
			n->op = (u8)clocks[i].clock;
			w = NULL;
		}
	if (w) {
		comp_err(c, w->at, E_ARGS, "Invalid timestamp mode: %s", w->name ? w->name : "?");
		comp_hint(c, "it is one of boot, monotonic, tai, sw_tai");
		return &ty_error;
	}
	if (n->op == 't' && !comp_has(c, FEAT_KTIME_TAI)) {
		comp_err(c, n->at, E_UNSUPPORTED, "Kernel does not support tai timestamp");
		return &ty_error;
	}
	return type_int(8, false);
}

static Ref
boot_time(Comp *c)
{
	return ir_call(c->fn, comp_has(c, FEAT_KTIME_BOOT) ? BPF_FUNC_ktime_get_boot_ns : BPF_FUNC_ktime_get_ns, 0, NULL);
}

static Ref
lower_nsecs(Comp *c, Node *n)
{
	if (n->op == 'm')
		return ir_call(c->fn, BPF_FUNC_ktime_get_ns, 0, NULL);
	if (n->op == 't')
		return ir_call(c->fn, BPF_FUNC_ktime_get_tai_ns, 0, NULL);
	return boot_time(c);
}

static const Type *
check_u64(Comp *c, Node *n)
{
	(void)c, (void)n;
	return type_int(8, false);
}

static Ref
lower_elapsed(Comp *c, Node *n)
{
	(void)n;
	return ir_bini(c->fn, IR_sub, boot_time(c), (s64)c->opt->elapsed_base);
}

static Ref
lower_jiffies(Comp *c, Node *n)
{
	(void)n;
	return ir_call(c->fn, BPF_FUNC_jiffies64, 0, NULL);
}

/* ---- as text ---- */

static Ref
lower_time(Comp *c, Node *n)
{
	u32 e = event_new(c, EV_TIME, n->at);

	c->s->events.v[e].fmt = n->n ? n->list[0]->str : "%H:%M:%S\n";
	event_send_ints(c, e, 0, NULL, 0);
	return 0;
}

/* The format is part of the type: one that is equal but for it. */
static const Type *
check_strftime(Comp *c, Node *n)
{
	const Type *base = type_special(c->ts, TY_TIMESTAMP, 8, false, 0, 'b');
	const Node *ns = n->list[1];
	Type *t = NEW(c->a, Type);

	if (n->type && n->type->kind == TY_TIMESTAMP)
		return n->type;
	*t = *base;
	t->name = n->list[0]->str;
	if (ns->kind == ND_CALL && !strcmp(ns->name, "nsecs"))
		t->mode = ns->op == 'm' ? 'm' : ns->op == 't' ? 'r' : 'b';
	return t;
}

static Ref
lower_strftime(Comp *c, Node *n)
{
	return lower_int(c, n->list[1]);
}

const Builtin builtins_time[] = {
	{ "nsecs",    "?x", B_VAR | B_WORDS, check_nsecs, lower_nsecs },
	{ "elapsed",  "", B_VAR, check_u64, lower_elapsed },
	{ "jiffies",  "", B_VAR, check_u64, lower_jiffies },
	{ "time",     "?S", 0, NULL, lower_time },
	{ "strftime", "Si", 0, check_strftime, lower_strftime },
	{ NULL },
};
