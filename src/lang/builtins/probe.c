/* probe: what the place gives: args, argN, retval, func, probe; registers. The provider knows what each is and where. */
#include "lang/comp.h"

#include <stdio.h>

static const Type *
unavailable(Comp *c, Node *n, const char *name, const char *why)
{
	comp_err(c, n->at, E_BUILTIN, "The %s builtin can not be used with '%s' probes%s%s", name, c->cl->prov->name, why ? ": " : "",
	    why ? why : "");
	return &ty_error;
}

static const Type *
check_args(Comp *c, Node *n)
{
	const char *why = NULL;
	const Type *t = c->cl->prov->args ? c->cl->prov->args(c->pc, c->cl->p, &why) : NULL;

	if (!t)
		return unavailable(c, n, "args", why);
	n->space = c->cl->prov->space;
	return t;
}

/* args where arguments are loaded one by one: all of them, as a copy. */
static void
into_args(Comp *c, Node *n, const Type *as, Ref base, s32 off, bool clean)
{
	u32 count;
	const Field *f = type_fields(c->ts, n->type, &count);

	if (c->cl->prov->args_in_ctx) {
		Val v = { .type = n->type, .where = W_CTX, .r = ir_ctx(c->fn) };

		val_store(c, v, as, base, off, clean);
		return;
	}
	for (u32 i = 0; i < count; i++) {
		Ref r = c->cl->prov->load(c->pc, c->cl->p, c->fn, NULL, i);

		if (is_scalar(f[i].type))
			store_scalar(c, base, off + (s32)f[i].offset, f[i].type, r);
		else
			val_store(c, (Val){ .type = f[i].type, .where = W_FAR, .r = r, .space = c->cl->prov->space }, f[i].type, base,
				  off + (s32)f[i].offset, clean);
	}
}

/* "arg0", "retval", ...: the builtin's own name is the provider's. */
static const Type *
check_value(Comp *c, Node *n)
{
	const char *why = NULL;
	bool placed = c->cl->prov->when == PW_EVENT || c->cl->prov->when == PW_READ;    /* the others are run by piton */
	const Type *t = c->cl->prov->value_type && placed ? c->cl->prov->value_type(c->pc, c->cl->p, n->name, &why) : NULL;

	if (!t)
		return unavailable(c, n, n->name, why);
	if (t->kind == TY_PTR && !t->space)
		t = type_ptr(c->ts, t->elem, c->cl->prov->space);
	n->space = c->cl->prov->space;
	return t;
}

static Ref
lower_value(Comp *c, Node *n)
{
	return c->cl->prov->load(c->pc, c->cl->p, c->fn, n->name, 0);
}

static const char *
reg_name(Comp *c, Node *n)
{
	const char *s = n->list[0]->str;

	if (!strcmp(s, "pc"))
		s = "ip";
	return arena_printf(c->a, "reg:%s", s);
}

static const Type *
check_reg(Comp *c, Node *n)
{
	const char *why = NULL;
	const Type *t = c->cl->prov->value_type ? c->cl->prov->value_type(c->pc, c->cl->p, reg_name(c, n), &why) : NULL;

	return t ? t : unavailable(c, n, "reg", why);
}

static Ref
lower_reg(Comp *c, Node *n)
{
	return c->cl->prov->load(c->pc, c->cl->p, c->fn, reg_name(c, n), 0);
}

/* ---- names, known while compiling ---- */

static const Type *
check_probe(Comp *c, Node *n)
{
	const char *s = c->cl->p->name;

	make_string(c, n, s, strlen(s));
	return n->type;
}

static const Type *
check_probetype(Comp *c, Node *n)
{
	const Provider *p = c->cl->prov;
	bool special = p->when == PW_BEGIN || p->when == PW_END;
	const char *s = special ? "special" : p->name;

	make_string(c, n, s, strlen(s));
	return n->type;
}

/* Kernel functions: their address, so that one program serves all of them. */
bool
func_by_address(Comp *c, const Provider *prov)
{
	return prov->prog_type == BPF_PROG_TYPE_KPROBE && prov->space == AS_KERNEL && comp_has(c, FEAT_FUNC_IP);
}

static Ref
lower_func(Comp *c, Node *n)
{
	(void)n;
	return IR_CALL(c->fn, BPF_FUNC_get_func_ip, ir_ctx(c->fn));
}

static const Type *
check_func(Comp *c, Node *n)
{
	const char *why = NULL;

	if (func_by_address(c, c->cl->prov))
		return type_special(c->ts, TY_KSYM, 8, false, 0, 0);

	if (!c->cl->prov->value_type || !c->cl->prov->value_type(c->pc, c->cl->p, "func", &why))
		return unavailable(c, n, "func", why);
	make_string(c, n, c->cl->p->func ? c->cl->p->func : "", strlen(c->cl->p->func ? c->cl->p->func : ""));
	return n->type;
}

/* Calls of kernel functions without the registers of an interrupt: fentry, fexit. */
static bool
in_kernel(const Provider *p)
{
	return p->when == PW_EVENT && p->prog_type == BPF_PROG_TYPE_TRACING;
}

/* Whether the processor was in user mode: CS & 3 of the interrupted registers. */
static const Type *
check_usermode(Comp *c, Node *n)
{
	const char *why = NULL;

	if (c->cl->prov->when == PW_EVENT && !in_kernel(c->cl->prov) &&
	    (!c->cl->prov->value_type || !c->cl->prov->value_type(c->pc, c->cl->p, "reg:cs", &why)))
		return unavailable(c, n, "usermode", why);
	return type_int(1, false);
}

static Ref
lower_usermode(Comp *c, Node *n)
{
	Ref cs;

	(void)n;
	if (c->cl->prov->when != PW_EVENT)      /* piton itself runs it */
		return ir_const(c->fn, 1);
	if (in_kernel(c->cl->prov))
		return ir_const(c->fn, 0);
	cs = c->cl->prov->load(c->pc, c->cl->p, c->fn, "reg:cs", 0);
	return ir_bini(c->fn, IR_ne, ir_bini(c->fn, IR_and, cs, 3), 0);
}

#define ARG(n) { #n, "", B_VAR, check_value, lower_value }
const Builtin builtins_probe[] = {
	{ "args", "", B_VAR, check_args, NULL, into_args },
	ARG(arg0), ARG(arg1), ARG(arg2), ARG(arg3), ARG(arg4), ARG(arg5), ARG(arg6), ARG(arg7), ARG(arg8), ARG(arg9), ARG(arg10),
	ARG(arg11), ARG(sarg0), ARG(sarg1), ARG(sarg2), ARG(sarg3), ARG(sarg4), ARG(sarg5), ARG(sarg6), ARG(sarg7), ARG(sarg8),
	ARG(sarg9), ARG(retval), ARG(ctx),
	{ "reg", "S", 0, check_reg, lower_reg },
	{ "probe", "", B_VAR, check_probe },
	{ "probetype", "", B_VAR, check_probetype },
	{ "func", "", B_VAR, check_func, lower_func },
	{ "usermode", "", B_VAR, check_usermode, lower_usermode },
	{ NULL },
};
