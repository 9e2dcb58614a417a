/* global: functions of the program that are verified by themselves, once, for any arguments that their BTF prototype and the tags
 * of its arguments ("arg:nonnull" and so on) allow. Callers check arguments, and learn nothing of the result but that packets may
 * have changed. */
#include "bpf/btf.h"
#include "vm/verify/kfunc.h"

static u32
get32(const u8 *p)
{
	u32 n;

	memcpy(&n, p, 4);
	return n;
}

static bool
sub_proto(const Verifier *v, int sub, BtfItem *func, BtfItem *proto, u32 *id)
{
	const BtfBlob *b = &v->btf;

	for (u32 i = 0; i < v->code->n_funcs; i++)
		if (v->code->funcs[i].pc == (u32)v->sub[sub].start) {
			*id = v->code->funcs[i].btf_type;
			return bpf_btf_at(b, *id, func) && bpf_btf_kind(func) == BTF_FUNC &&
				bpf_btf_at(b, func->size, proto) && bpf_btf_kind(proto) == BTF_FUNC_PROTO;
		}
	return false;
}

static bool
may_sleep(const Verifier *v, s32 pc)
{
	const Insn *i = &v->insn[pc];
	const Kfunc *k = i->src_reg == BPF_PSEUDO_KFUNC_CALL ? vf_kfunc_at(v, pc) : NULL;

	return i->src_reg ? k && k->flags & KF_SLEEPS : vf_helper_sleeps((u32)i->imm);
}

/* What a call of each function may do, through those that it calls too. */
static void
find_effects(Verifier *v)
{
	bool more = true;

	while (more) {
		more = false;
		for (u32 s = 0; s < v->n_subs; s++) {
			bool packet = v->sub[s].changes_packet, sleeps = v->sub[s].sleeps;

			for (s32 pc = v->sub[s].start; pc < v->sub[s].end; pc++) {
				const Insn *i = &v->insn[pc];

				if (i->code == (BPF_JMP | BPF_CALL) && i->src_reg == BPF_PSEUDO_CALL) {
					const Sub *to = &v->sub[vf_sub_at(v, pc + i->imm + 1)];

					packet |= to->changes_packet;
					sleeps |= to->sleeps;
				} else if (i->code == (BPF_JMP | BPF_CALL)) {
					packet |= !i->src_reg && vf_helper_changes_packet((u32)i->imm);
					sleeps |= may_sleep(v, pc);
				} else if (i->code == (BPF_LD | BPF_IMM | BPF_DW))
					pc++;
			}
			more |= packet != v->sub[s].changes_packet || sleeps != v->sub[s].sleeps;
			v->sub[s].changes_packet = packet;
			v->sub[s].sleeps = sleeps;
		}
	}
}

bool
vf_global_find(Verifier *v)
{
	BtfItem func, proto;
	bool any = false;
	u32 id;

	if (v->code->n_funcs && !bpf_btf_open(v->a, v->code->btf, v->code->btf_size, &v->btf))
		return vf_refuse(v, "the program's BTF is malformed");
	for (u32 i = 1; i < v->n_subs && v->code->n_funcs; i++) {
		if (!sub_proto(v, (int)i, &func, &proto, &id)) {
			v->pc = v->sub[i].start;
			return vf_refuse(v, "number of funcs in func_info doesn't match number of subprogs");
		}
		v->sub[i].global = (func.info & 0xffff) == 1;
		v->sub[i].n_args = (s8)MIN(proto.info & 0xffff, 100u);
		any |= v->sub[i].global;
	}
	if (any)
		find_effects(v);
	return true;
}

/* ---- what an argument is ---- */

typedef enum ArgKind { ARG_NUMBER, ARG_CTX, ARG_MEMORY, ARG_DYNPTR, ARG_OBJECT, ARG_BYTES, ARG_ARENA } ArgKind;
typedef struct Arg {
	ArgKind kind;
	bool null, untrusted;
	u32 size;               /* ARG_MEMORY */
	u32 type;               /* ARG_OBJECT: in the kernel's BTF */
} Arg;

enum { TAG_CTX = 1, TAG_TRUSTED = 2, TAG_UNTRUSTED = 4, TAG_NONNULL = 8, TAG_NULLABLE = 16, TAG_ARENA = 32, TAG_UNKNOWN = 64 };

static u32
tags_of(const BtfBlob *b, u32 func, u32 arg)
{
	static const struct { const char *word; u32 tag; } rows[] = {
		{ "ctx", TAG_CTX }, { "trusted", TAG_TRUSTED }, { "untrusted", TAG_UNTRUSTED }, { "nonnull", TAG_NONNULL },
		{ "nullable", TAG_NULLABLE }, { "arena", TAG_ARENA },
	};
	u32 tags = 0;
	BtfItem t;

	for (u32 id = 1; id < b->n; id++) {
		const char *word;
		size_t r = 0;

		if (!bpf_btf_at(b, id, &t) || bpf_btf_kind(&t) != BTF_DECL_TAG || t.size != func || get32(t.rest) != arg)
			continue;
		word = bpf_btf_name(b, t.name);
		if (strncmp(word, "arg:", 4))
			continue;
		while (r < COUNT(rows) && strcmp(rows[r].word, word + 4))
			r++;
		tags |= r < COUNT(rows) ? rows[r].tag : TAG_UNKNOWN;
	}
	return tags;
}

/* The struct that programs of a type see as their context; NULL: it has no name. */
static const char *
ctx_name(u32 type)
{
	switch (type) {
	case BPF_PROG_TYPE_SOCKET_FILTER: case BPF_PROG_TYPE_SCHED_CLS: case BPF_PROG_TYPE_SCHED_ACT: case BPF_PROG_TYPE_CGROUP_SKB:
	case BPF_PROG_TYPE_LWT_IN: case BPF_PROG_TYPE_LWT_OUT: case BPF_PROG_TYPE_LWT_XMIT: case BPF_PROG_TYPE_LWT_SEG6LOCAL:
	case BPF_PROG_TYPE_SK_SKB: case BPF_PROG_TYPE_FLOW_DISSECTOR:
		return "__sk_buff";
	case BPF_PROG_TYPE_XDP: return "xdp_md";
	case BPF_PROG_TYPE_CGROUP_SOCK: return "bpf_sock";
	case BPF_PROG_TYPE_SOCK_OPS: return "bpf_sock_ops";
	case BPF_PROG_TYPE_SK_MSG: return "sk_msg_md";
	case BPF_PROG_TYPE_KPROBE: return "pt_regs";
	case BPF_PROG_TYPE_PERF_EVENT: return "bpf_perf_event_data";
	case BPF_PROG_TYPE_RAW_TRACEPOINT: case BPF_PROG_TYPE_RAW_TRACEPOINT_WRITABLE: return "bpf_raw_tracepoint_args";
	case BPF_PROG_TYPE_CGROUP_SOCK_ADDR: return "bpf_sock_addr";
	case BPF_PROG_TYPE_SK_LOOKUP: return "bpf_sk_lookup";
	case BPF_PROG_TYPE_SK_REUSEPORT: return "sk_reuseport_md";
	case BPF_PROG_TYPE_CGROUP_SOCKOPT: return "bpf_sockopt";
	case BPF_PROG_TYPE_CGROUP_SYSCTL: return "bpf_sysctl";
	case BPF_PROG_TYPE_CGROUP_DEVICE: return "bpf_cgroup_dev_ctx";
	case K_PROG_NETFILTER: return "bpf_nf_ctx";
	}
	return NULL;
}

static bool
is_struct(const BtfItem *t)
{
	return bpf_btf_kind(t) == BTF_STRUCT || bpf_btf_kind(t) == BTF_UNION;
}

static bool
is_number(const BtfItem *t)
{
	return bpf_btf_kind(t) == BTF_INT || bpf_btf_kind(t) == BTF_ENUM || bpf_btf_kind(t) == BTF_ENUM64;
}

/* May an argument that is tagged as the context be declared as a pointer to this? `to` is NULL for void. */
static bool
ctx_fits(const Verifier *v, const BtfItem *to)
{
	u32 type = v->code->prog_type;
	const char *want = ctx_name(type), *name = to ? bpf_btf_name(&v->btf, to->name) : "";

	if (!to || type == BPF_PROG_TYPE_TRACEPOINT || type == BPF_PROG_TYPE_SYSCALL || type == BPF_PROG_TYPE_EXT)
		return !to || name[0];
	if (type == BPF_PROG_TYPE_PERF_EVENT && is_struct(to) && !strcmp(name, "pt_regs"))
		return true;
	if ((type == BPF_PROG_TYPE_RAW_TRACEPOINT || type == BPF_PROG_TYPE_RAW_TRACEPOINT_WRITABLE) && bpf_btf_kind(to) == BTF_INT &&
	    to->size == 8)
		return true;
	return want && is_struct(to) && !strcmp(name, want);
}

/* The type in the kernel's BTF that a pointer's target means, by its name up to "___". */
static bool
kernel_type(Verifier *v, int i, const BtfItem *to, u32 *type)
{
	const char *name = to ? bpf_btf_name(&v->btf, to->name) : "", *flavor = strstr(name, "___");

	if (!vf_kernel_btf(v))
		return vf_unsupported(v, "argument %d is an object of the kernel, whose BTF cannot be read", i + 1);
	*type = to && is_struct(to) && name[0] ?
		vf_kernel_struct(v, arena_str(v->a, name, flavor && flavor > name ? (size_t)(flavor - name) : strlen(name))) : 0;
	return *type || vf_refuse(v, "arg#%d reference type('%s') has no matches in the kernel", i, name);
}

static bool
bad_tags(Verifier *v, int i)
{
	return vf_refuse(v, "arg#%d has invalid combination of tags", i);
}

static bool
pointer_arg(Verifier *v, int i, u32 tags, u32 target, Arg *a)
{
	const BtfBlob *b = &v->btf;
	const char *ctx = ctx_name(v->code->prog_type), *name;
	BtfItem t, *to = bpf_btf_plain(b, target, &t) ? &t : NULL;

	name = to && is_struct(to) ? bpf_btf_name(b, to->name) : "";
	if (tags & TAG_CTX || (ctx && !strcmp(name, ctx))) {
		if (tags & ~(u32)TAG_CTX)
			return bad_tags(v, i);
		a->kind = ARG_CTX;
		return !(tags & TAG_CTX) || ctx_fits(v, to) || vf_refuse(v, "arg#%d should be `struct %s *`", i, ctx ? ctx : "(void)");
	}
	if (!strcmp(name, "bpf_dynptr")) {
		a->kind = ARG_DYNPTR;
		return !tags || bad_tags(v, i);
	}
	if (tags & TAG_TRUSTED) {
		a->kind = ARG_OBJECT;
		a->null = tags & TAG_NULLABLE;
		return tags & TAG_NONNULL ? bad_tags(v, i) : kernel_type(v, i, to, &a->type);
	}
	if (tags & TAG_UNTRUSTED) {
		if (v->opt.no_kernel)
			return vf_unsupported(v, "argument %d may be any address, which only a kernel reads safely", i + 1);
		a->untrusted = true;
		a->kind = !to || is_number(to) ? ARG_BYTES : ARG_OBJECT;
		if (tags & ~(u32)TAG_UNTRUSTED)
			return bad_tags(v, i);
		return a->kind == ARG_BYTES || kernel_type(v, i, to, &a->type);
	}
	if (tags & TAG_ARENA) {
		a->kind = ARG_ARENA;
		return !(tags & ~(u32)TAG_ARENA) || bad_tags(v, i);
	}
	a->kind = ARG_MEMORY;
	a->null = !(tags & TAG_NONNULL);
	a->size = bpf_btf_size(b, target);
	if (tags & TAG_NULLABLE)
		return bad_tags(v, i);
	return a->size || (to && is_struct(to)) || vf_refuse(v, "arg#%d reference type('%s') size cannot be determined", i, name);
}

static bool
arg_at(Verifier *v, int sub, int i, Arg *a)
{
	BtfItem func, proto, t;
	u32 id, tags;
	bool some;

	*a = (Arg){ ARG_NUMBER, false, false, 0, 0 };
	if (!sub_proto(v, sub, &func, &proto, &id))
		return vf_unsupported(v, "the prototype of a global function is not in the program's BTF");
	tags = tags_of(&v->btf, id, (u32)i);
	if (tags & TAG_UNKNOWN)
		return vf_refuse(v, "arg#%d has unsupported set of tags", i);
	some = bpf_btf_plain(&v->btf, get32(proto.rest + (u32)i * 8 + 4), &t);
	if (some && bpf_btf_kind(&t) == BTF_PTR)
		return pointer_arg(v, i, tags, t.size, a);
	if (tags)
		return vf_refuse(v, "arg#%d has pointer tag, but is not a pointer type", i);
	return (some && is_number(&t)) || vf_refuse(v, "Arg#%d type in %s() is not supported yet.", i, bpf_btf_name(&v->btf, func.name));
}

/* Is the prototype one that a global function may have? */
static bool
prototype(Verifier *v, int sub)
{
	BtfItem func, proto, t;
	u32 id;

	if (!sub_proto(v, sub, &func, &proto, &id))
		return vf_unsupported(v, "the prototype of a global function is not in the program's BTF");
	if (v->sub[sub].n_args > 5)
		return vf_refuse(v, "Global function %s() with %d > 5 args. Buggy compiler.", bpf_btf_name(&v->btf, func.name),
				  v->sub[sub].n_args);
	return (bpf_btf_plain(&v->btf, proto.size, &t) && is_number(&t)) ||
		vf_refuse(v, "Global function %s() doesn't return scalar. Only those are supported.", bpf_btf_name(&v->btf, func.name));
}

static bool
check_one(Verifier *v, int i, const Arg *a)
{
	Reg *r = &vf_regs_of(v)[i + 1];
	CallMeta m = { .key = -1, .sub = -1 };
	bool zero = r->kind == R_SCALAR && tnum_is_const(r->bits) && !r->bits.value;

	if (a->untrusted)               /* anything: reads of it are guarded */
		return true;
	if (!vf_use_reg(v, i + 1))
		return false;
	switch (a->kind) {
	case ARG_NUMBER:
		return r->kind == R_SCALAR || vf_refuse_reg(v, i + 1, "R%d is not a scalar", i + 1);
	case ARG_CTX:
		if (r->kind != R_CTX)
			return vf_refuse_reg(v, i + 1, "arg#%d expected pointer to ctx, but got %s", i, vf_kind_name(v, r));
		return vf_check_fixed_off(v, r, i + 1, false);
	case ARG_MEMORY:
		if (zero)
			return true;
		if (!vf_check_helper_mem(v, i + 1, a->size, ACC_READ, true, &m) || !vf_check_helper_mem(v, i + 1, a->size, ACC_WRITE, true, &m))
			return false;
		return a->null || !(r->flags & F_NULL) || vf_refuse_reg(v, i + 1, "arg#%d is expected to be non-NULL", i);
	case ARG_DYNPTR:
		return vf_dynptr_arg(v, i + 1, 'd', &m);
	case ARG_ARENA:
		return r->kind == R_SCALAR || vf_refuse_reg(v, i + 1, "R%d is not a pointer to arena or scalar.", i + 1);
	default:
		break;
	}
	if (zero && a->null)
		return true;
	if (r->kind != R_BTF || r->flags & F_UNTRUSTED)
		return vf_refuse_reg(v, i + 1, "R%d type=%s expected=ptr_, trusted_ptr_, rcu_ptr_", i + 1, vf_kind_name(v, r));
	if (r->flags & F_NULL && !a->null)
		return vf_refuse_reg(v, i + 1, "Possibly NULL pointer passed to helper arg%d", i + 1);
	if (!vf_kernel_holds(v, r->map, r->off + (s64)r->bits.value, a->type))
		return vf_refuse_reg(v, i + 1, "R%d is of type %s but %s is expected", i + 1, vf_kernel_name(r->map), vf_kernel_name(a->type));
	return vf_check_fixed_off(v, r, i + 1, true);
}

/* A caller's arguments against the prototype, and what the call does to the caller. */
bool
vf_check_global_args(Verifier *v, int sub)
{
	Arg a;

	if (!prototype(v, sub))
		return false;
	for (int i = 0; i < v->sub[sub].n_args; i++)
		if (!arg_at(v, sub, i, &a) || !check_one(v, i, &a))
			return false;
	if (v->sub[sub].sleeps && (!v->code->sleepable || v->s->rcu || v->s->preempt || vf_ref_last(v->s, REF_IRQ)))
		return vf_refuse(v, "global functions that may sleep are not allowed in non-sleepable context");
	if (v->sub[sub].changes_packet)
		vf_forget_packets(v);
	return true;
}

/* The registers with which a global function begins. */
bool
vf_global_args(Verifier *v, int sub, Frame *f)
{
	Arg a;

	for (int i = 0; i < v->sub[sub].n_args; i++) {
		Reg *r = &f->reg[i + 1];

		if (!arg_at(v, sub, i, &a))
			return false;
		switch (a.kind) {
		case ARG_NUMBER: case ARG_ARENA: vf_reg_unknown(r); continue;
		case ARG_CTX: vf_reg_pointer(r, R_CTX, 0); break;
		case ARG_DYNPTR: vf_reg_pointer(r, R_DYNPTR, F_RDONLY); break;
		case ARG_OBJECT:
			vf_reg_pointer(r, R_BTF, a.untrusted ? F_UNTRUSTED : F_TRUSTED);
			r->map = a.type;
			break;
		case ARG_BYTES: vf_reg_pointer(r, R_MEM, F_RDONLY | F_UNTRUSTED); break;
		case ARG_MEMORY:
			vf_reg_pointer(r, R_MEM, 0);
			r->size = a.size;
			break;
		}
		r->flags |= a.null ? F_NULL : 0;
		if (a.null || a.kind == ARG_OBJECT || a.kind == ARG_DYNPTR)
			r->id = ++v->ids;
	}
	return true;
}
