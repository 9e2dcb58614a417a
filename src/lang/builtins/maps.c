/* maps: what is done with a map besides reading and assigning: delete, has_key, len, clear, zero. */
#include "lang/comp.h"

/* delete(@m, k), delete(@m) of a scalar, and the older delete(@m[k]). */
static const Type *
check_entry(Comp *c, Node *n)
{
	Node *m = n->list[0];
	MapSym *s;

	if (m->kind != ND_MAP) {
		comp_err(c, m->at, E_ARGS, "%s() expects a map to be provided", n->name);
		return &ty_error;
	}
	s = m->sym;
	if (n->n == 2) {
		if (m->a) {
			comp_err(c, m->at, E_ARGS, "%s() expects the map and then its key: %s(%s, key)", n->name, n->name, m->name);
			return &ty_error;
		}
		m->a = n->list[1];      /* the key stands with its map from now on */
		n->n = 1;
	}
	if (m->a) {
		check_map_key(c, m, check_expr(c, m->a), m->a->at, true);
		check_map_shape(s, m->at, true);        /* what is wrong with it is told where arguments are checked */
	} else {
		if (!check_map_shape(s, m->at, false))
			comp_err(c, m->at, E_MAP, "%s() needs the key to look for in %s", n->name, s->name);
	}
	m->type = &ty_none;
	if (!s->value) {
		comp_err(c, m->at, E_UNDEFINED, "Undefined map: %s", s->name);
		return &ty_error;
	}
	return &ty_bool;
}

static Ref
clear_scalar(Comp *c, MapSym *m)
{
	Fn *fn = c->fn;
	Ref p = ir_mapval(fn, m->map, 0), was;
	const MapDef *def = &c->s->maps.v[m->map];

	if (m->set_off) {
		was = ir_load(fn, p, (s32)m->set_off, 4, false);
		ir_zero(fn, p, 0, def->value_size);
		return was;
	}
	was = agg_gather(c, m, 0, m->at);
	ir_zero(fn, p, 0, def->value_size);
	return ir_bini(fn, IR_ne, was, 0);
}

static Ref
lower_delete(Comp *c, Node *n)
{
	MapSym *m = n->list[0]->sym;
	Ref r;

	if (!m->keyed)
		return clear_scalar(c, m);
	r = IR_CALL(c->fn, BPF_FUNC_map_delete_elem, ir_map(c->fn, m->map), map_key(c, m, n->list[0]->a));
	helper_check(c, r, BPF_FUNC_map_delete_elem, n->at);
	return ir_bini(c->fn, IR_eq, r, 0);
}

static Ref
lower_has_key(Comp *c, Node *n)
{
	MapSym *m = n->list[0]->sym;

	if (!m->keyed)
		return m->set_off ? ir_load(c->fn, ir_mapval(c->fn, m->map, 0), (s32)m->set_off, 4, false) : ir_const(c->fn, 1);
	return ir_bini(c->fn, IR_ne, IR_CALL(c->fn, BPF_FUNC_map_lookup_elem, ir_map(c->fn, m->map), map_key(c, m, n->list[0]->a)), 0);
}

/* ---- whole maps, done by user space when the record gets there ---- */

static const Type *
check_whole(Comp *c, Node *n)
{
	MapSym *m = n->list[0]->sym;

	n->list[0]->type = &ty_none;
	if (!m->value) {
		comp_err(c, n->list[0]->at, E_UNDEFINED, "Undefined map: %s", m->name);
		return &ty_error;
	}
	map_used_whole(n->list[0]);
	return &ty_none;
}

static Ref
send_map(Comp *c, Node *n, EventKind kind)
{
	u32 e = event_new(c, kind, n->at);

	c->s->events.v[e].map = ((MapSym *)n->list[0]->sym)->info;
	event_send_ints(c, e, 0, NULL, 0);
	return 0;
}

static Ref
lower_clear(Comp *c, Node *n)
{
	return send_map(c, n, EV_CLEAR);
}

static Ref
lower_zero(Comp *c, Node *n)
{
	return send_map(c, n, EV_ZERO);
}

/* ---- len ---- */

static const Type *
check_len(Comp *c, Node *n)
{
	Node *a = n->list[0];

	if (a->kind == ND_MAP && !a->a) {
		MapSym *m = a->sym;

		a->type = &ty_none;
		if (m->scalar)
			comp_err(c, a->at, E_MAP, "call to len() expects a map with explicit keys (non-scalar map)");
		m->keyed = true;
		if (!m->value && !c->quiet) {
			comp_err(c, a->at, E_UNDEFINED, "Undefined map: %s", m->name);
			return &ty_error;
		}
		return type_int(8, false);
	}
	if (a->type->kind == TY_KSTACK || a->type->kind == TY_USTACK || a->type->kind == TY_BUFFER)
		return type_int(8, false);
	if (a->type->kind != TY_ERROR)
		comp_err(c, a->at, E_ARGS, "len() expects a map or stack to be provided (%s provided)", tname(c, a->type));
	return &ty_error;
}

static Fn *
nothing(Comp *c)
{
	Fn *cb = ir_fn_new(c->unit, "len", 4);

	ir_ret(cb, ir_const(cb, 0));
	return cb;
}

/* Frames of a stack: the words before the first 0, by halving. Without branches on them, which would each double the states
 * that the verifier walks. */
static Ref
stack_len(Comp *c, Val v)
{
	Fn *fn = c->fn;
	Var n = ir_var(fn);
	u32 count = v.type->count, bit = 31 - (u32)__builtin_clz(count);
	Ref base = offset(c, v.r, v.off + (s32)out_stack_head(v.type) - 8);
	bool may_pass = (2u << bit) - 1 > count;

	ir_set(fn, n, ir_const(fn, 0));
	do {
		u32 in = ir_block(fn), end = ir_block(fn);
		Ref to = ir_bini(fn, IR_add, ir_get(fn, n), 1u << bit), ip;

		if (may_pass)
			ir_br(fn, ir_bini(fn, IR_ule, to, count), in, end);
		else
			ir_jmp(fn, in);
		ir_seal(fn, in);
		ir_start(fn, in);
		ip = ir_load(fn, ir_bin(fn, IR_add, base, ir_bini(fn, IR_shl, to, 3)), 0, 8, false);
		ip = ir_bini(fn, IR_shr, ir_bin(fn, IR_or, ip, ir_un(fn, IR_neg, ip)), 63);
		ir_set(fn, n, ir_bin(fn, IR_add, ir_get(fn, n), ir_bini(fn, IR_shl, ip, bit)));
		ir_jmp(fn, end);
		ir_seal(fn, end);
		ir_start(fn, end);
	} while (bit--);
	return ir_get(fn, n);
}

static Ref
lower_len(Comp *c, Node *n)
{
	Fn *fn = c->fn;
	Node *a = n->list[0];

	if (a->kind == ND_MAP && !a->a) {
		if (!comp_has(c, FEAT_FOR_EACH)) {
			diag_err(c->d, n->at, E_UNSUPPORTED, "len() of a map needs bpf_for_each_map_elem, which this kernel lacks (Linux 5.13)");
			return ir_const(fn, 0);
		}
		/* bpf_for_each_map_elem gives the number of entries it called the function for. */
		return IR_CALL(fn, BPF_FUNC_for_each_map_elem, ir_map(fn, ((MapSym *)a->sym)->map), ir_fnref(fn, nothing(c)),
			       ir_const(fn, 0), ir_const(fn, 0));
	}
	Val v = val_near(c, lower(c, a));

	return a->type->kind == TY_BUFFER ? ir_load(fn, v.r, v.off, 4, false) : stack_len(c, v);
}

const Builtin builtins_maps[] = {
	{ "delete",  "x?x", B_MAPARG, check_entry, lower_delete },
	{ "has_key", "x?x", B_MAPARG, check_entry, lower_has_key },
	{ "clear",   "m", B_MAPARG, check_whole, lower_clear },
	{ "zero",    "m", B_MAPARG, check_whole, lower_zero },
	{ "len",     "x", B_MAPARG, check_len, lower_len },
	{ NULL },
};
