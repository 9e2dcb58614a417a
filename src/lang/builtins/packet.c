/* packet: what scripts do with the kernel's sockets and packets. */
#include "lang/comp.h"

#include <errno.h>

/* The kernel takes a socket only from tracing programs, which know by BTF that it is one. */
static const Type *
check_socket_cookie(Comp *c, Node *n)
{
	if (c->cl->prov->prog_type != BPF_PROG_TYPE_TRACING) {
		comp_err(c, n->at, E_BUILTIN, "socket_cookie can not be used with \"%s\" probes", c->cl->prov->name);
		comp_hint(c, "fentry, fexit and iter have sockets that the kernel trusts");
		return &ty_error;
	}
	return type_int(8, false);
}

static Ref
lower_socket_cookie(Comp *c, Node *n)
{
	return IR_CALL(c->fn, BPF_FUNC_get_socket_cookie, lower_int(c, n->list[0]));
}

/* ---- skboutput(file, skb, length, offset): bytes of a packet to a capture file ---- */

/* As much of a packet as a record has room for; what lies in the packet's fragments is not read. */
enum { SNAP = 2048 };

static const Type *
check_skboutput(Comp *c, Node *n)
{
	Field f;
	const Type *skb = type_find(c->ts, "struct sk_buff");

	if (c->cl->prov->space != AS_KERNEL && !c->cl->prov->args_in_ctx) {
		comp_err(c, n->at, E_BUILTIN, "skboutput can not be used with \"%s\" probes", c->cl->prov->name);
		return &ty_error;
	}
	if (!skb || !type_field(c->ts, skb, interns("data"), &f)) {
		comp_err(c, n->at, E_TYPE, "skboutput needs the kernel's BTF, which is not there");
		return &ty_error;
	}
	return type_int(8, true);
}

/* A member of the packet at skb. */
static Ref
skb_member(Comp *c, Ref skb, const char *name)
{
	const Type *t = type_find(c->ts, "struct sk_buff");
	Val v = { .type = t, .where = W_FAR, .space = AS_KERNEL, .r = skb };
	Field f;

	if (!type_field(c->ts, t, interns(name), &f))
		return ir_const(c->fn, 0);
	return val_load(c, val_part(v, f.offset, f.type)).r;
}

static void
enter(Comp *c, u32 block)
{
	ir_seal(c->fn, block);
	ir_start(c->fn, block);
}

/* min(v, most), unsigned. */
static Ref
at_most(Comp *c, Ref v, Ref most)
{
	Fn *fn = c->fn;
	Var r = ir_var(fn);
	u32 cut = ir_block(fn), end = ir_block(fn);

	ir_set(fn, r, v);
	ir_br(fn, ir_bin(fn, IR_ugt, v, most), cut, end);
	enter(c, cut);
	ir_set(fn, r, most);
	ir_jmp(fn, end);
	enter(c, end);
	return ir_get(fn, r);
}

static Ref
lower_skboutput(Comp *c, Node *n)
{
	Fn *fn = c->fn;
	const Type *word = type_int(8, false), *types[] = { word, word, type_array(c->ts, type_int(1, false), SNAP) };
	u32 e = event_new(c, EV_SKBOUTPUT, n->at), fail;
	Ref skb = lower_int(c, n->list[1]), want = lower_int(c, n->list[2]), off = lower_int(c, n->list[3]);
	Ref len = skb_member(c, skb, "len"), linear = ir_bin(fn, IR_sub, len, skb_member(c, skb, "data_len"));
	Ref from = ir_bin(fn, IR_add, skb_member(c, skb, "data"), off), size, rec, err;
	Var result = ir_var(fn);
	const EventDef *def;

	ir_set(fn, result, ir_const(fn, -ENOSPC));

	c->s->events.v[e].fmt = n->list[0]->str;
	event_layout(c, e, types, COUNT(types));
	/* Behind the offset there may be nothing: the difference is then huge, and the limits keep it out of the read. */
	size = at_most(c, want, ir_bin(fn, IR_sub, linear, at_most(c, off, linear)));
	size = at_most(c, size, ir_const(fn, SNAP));
	fail = event_open(c, e, &rec);
	def = &c->s->events.v[e];
	ir_store(fn, rec, 4, 4, len);
	ir_store(fn, rec, (s32)def->args[0].offset, 8, ir_call(fn, BPF_FUNC_ktime_get_boot_ns, 0, NULL));
	ir_store(fn, rec, (s32)def->args[1].offset, 8, size);
	err = IR_CALL(fn, BPF_FUNC_probe_read_kernel, offset(c, rec, (s32)def->args[2].offset), size, from);
	helper_check(c, err, BPF_FUNC_probe_read_kernel, n->at);
	ir_set(fn, result, err);
	event_close(c, e, rec, fail);
	return ir_get(fn, result);
}

const Builtin builtins_packet[] = {
	{ "socket_cookie", "p", 0, check_socket_cookie, lower_socket_cookie },
	{ "skboutput",     "Spii", B_KEEP, check_skboutput, lower_skboutput },
	{ NULL },
};
