/* global: functions of the program that are verified by themselves, once, for any arguments that their BTF prototype allows:
 * numbers, the context, memory of a known size that may be NULL. Callers check arguments and learn nothing of the result. */
#include "bpf/btf.h"
#include "vm/verify/call.h"

static u32
get32(const u8 *p)
{
	u32 n;

	memcpy(&n, p, 4);
	return n;
}

static bool
sub_proto(const Verifier *v, int sub, BtfBlob *b, BtfItem *func, BtfItem *proto)
{
	*b = v->btf;
	for (u32 i = 0; i < v->code->n_funcs; i++)
		if (v->code->funcs[i].pc == (u32)v->sub[sub].start)
			return bpf_btf_at(b, v->code->funcs[i].btf_type, func) && bpf_btf_kind(func) == BTF_FUNC &&
				bpf_btf_at(b, func->size, proto) && bpf_btf_kind(proto) == BTF_FUNC_PROTO;
	return false;
}

bool
vf_global_find(Verifier *v)
{
	BtfBlob b;
	BtfItem func, proto;

	if (v->code->n_funcs && !bpf_btf_open(v->a, v->code->btf, v->code->btf_size, &v->btf))
		return vf_refuse(v, "the program's BTF is malformed");
	for (u32 i = 1; i < v->n_subs && v->code->n_funcs; i++) {
		if (!sub_proto(v, (int)i, &b, &func, &proto)) {
			v->pc = v->sub[i].start;
			return vf_refuse(v, "number of funcs in func_info doesn't match number of subprogs");
		}
		v->sub[i].global = (func.info & 0xffff) == 1;
		v->sub[i].n_args = (s8)MIN(proto.info & 0xffff, 100u);
	}
	return true;
}

typedef enum ArgKind { ARG_NUMBER, ARG_CTX, ARG_MEMORY, ARG_OTHER } ArgKind;

static bool
is_ctx_type(const Code *c, const char *name)
{
	static const struct { u8 type; const char *name; } rows[] = {
		{ BPF_PROG_TYPE_SOCKET_FILTER, "__sk_buff" }, { BPF_PROG_TYPE_SCHED_CLS, "__sk_buff" }, { BPF_PROG_TYPE_SCHED_ACT, "__sk_buff" },
		{ BPF_PROG_TYPE_CGROUP_SKB, "__sk_buff" }, { BPF_PROG_TYPE_LWT_IN, "__sk_buff" }, { BPF_PROG_TYPE_LWT_OUT, "__sk_buff" },
		{ BPF_PROG_TYPE_LWT_XMIT, "__sk_buff" }, { BPF_PROG_TYPE_SK_SKB, "__sk_buff" }, { BPF_PROG_TYPE_XDP, "xdp_md" },
		{ BPF_PROG_TYPE_CGROUP_SOCK, "bpf_sock" }, { BPF_PROG_TYPE_SOCK_OPS, "bpf_sock_ops" }, { BPF_PROG_TYPE_SK_MSG, "sk_msg_md" },
		{ BPF_PROG_TYPE_KPROBE, "bpf_user_pt_regs_t" }, { BPF_PROG_TYPE_KPROBE, "pt_regs" },
		{ BPF_PROG_TYPE_PERF_EVENT, "bpf_perf_event_data" }, { BPF_PROG_TYPE_RAW_TRACEPOINT, "bpf_raw_tracepoint_args" },
		{ BPF_PROG_TYPE_CGROUP_SOCK_ADDR, "bpf_sock_addr" }, { BPF_PROG_TYPE_SK_LOOKUP, "bpf_sk_lookup" },
		{ BPF_PROG_TYPE_SK_REUSEPORT, "sk_reuseport_md" }, { BPF_PROG_TYPE_CGROUP_SOCKOPT, "bpf_sockopt" },
		{ BPF_PROG_TYPE_CGROUP_SYSCTL, "bpf_sysctl" }, { BPF_PROG_TYPE_CGROUP_DEVICE, "bpf_cgroup_dev_ctx" },
	};

	for (size_t i = 0; i < COUNT(rows); i++)
		if (rows[i].type == c->prog_type && !strcmp(rows[i].name, name))
			return true;
	return false;
}

static ArgKind
arg_kind(const Verifier *v, const BtfBlob *b, u32 id, u32 *size)
{
	BtfItem t, to;

	*size = 0;
	if (!bpf_btf_plain(b, id, &t))
		return ARG_OTHER;
	if (bpf_btf_kind(&t) == BTF_INT || bpf_btf_kind(&t) == BTF_ENUM || bpf_btf_kind(&t) == BTF_ENUM64)
		return ARG_NUMBER;
	if (bpf_btf_kind(&t) != BTF_PTR || !bpf_btf_plain(b, t.size, &to))
		return ARG_OTHER;
	if (bpf_btf_kind(&to) == BTF_STRUCT && is_ctx_type(v->code, bpf_btf_name(b, to.name)))
		return ARG_CTX;
	*size = bpf_btf_size(b, t.size);
	return *size ? ARG_MEMORY : ARG_OTHER;
}

static bool
arg_at(Verifier *v, int sub, int i, ArgKind *kind, u32 *size)
{
	BtfBlob b;
	BtfItem func, proto;

	if (!sub_proto(v, sub, &b, &func, &proto))
		return vf_unsupported(v, "the prototype of a global function is not in the program's BTF");
	*kind = arg_kind(v, &b, get32(proto.rest + (u32)i * 8 + 4), size);
	if (*kind == ARG_OTHER)
		return vf_unsupported(v, "argument %d of global function %d has a type this verifier does not follow", i + 1, sub);
	return true;
}

/* A caller's arguments against the prototype. */
bool
vf_check_global_args(Verifier *v, int sub)
{
	ArgKind kind;
	u32 size;

	for (int i = 0; i < v->sub[sub].n_args && i < 5; i++) {
		Reg *r;
		CallMeta m = { 0 };

		if (!vf_use_reg(v, i + 1) || !arg_at(v, sub, i, &kind, &size))
			return false;
		r = &vf_regs_of(v)[i + 1];
		if (kind == ARG_NUMBER && r->kind != R_SCALAR)
			return vf_refuse_reg(v, i + 1, "R%d is not a scalar", i + 1);
		if (kind == ARG_CTX && r->kind != R_CTX)
			return vf_refuse_reg(v, i + 1, "arg#%d expected pointer to ctx, but got %s", i, vf_kind_name(v, r));
		if (kind == ARG_CTX && !vf_check_fixed_off(v, r, i + 1, false))
			return false;
		if (kind == ARG_MEMORY && !(r->kind == R_SCALAR && tnum_is_const(r->bits) && !r->bits.value)) {
			if (!vf_check_helper_mem(v, i + 1, size, ACC_READ, false, &m) || !vf_check_helper_mem(v, i + 1, size, ACC_WRITE, false, &m))
				return false;
		}
	}
	return true;
}

/* The registers with which a global function begins. */
bool
vf_global_args(Verifier *v, int sub, Frame *f)
{
	ArgKind kind;
	u32 size;

	if (v->sub[sub].n_args > 5)
		return vf_refuse(v, "Global function %d with %d > 5 args. Buggy compiler.", sub, v->sub[sub].n_args);
	for (int i = 0; i < v->sub[sub].n_args; i++) {
		if (!arg_at(v, sub, i, &kind, &size))
			return false;
		if (kind == ARG_NUMBER)
			vf_reg_unknown(&f->reg[i + 1]);
		else if (kind == ARG_CTX)
			vf_reg_pointer(&f->reg[i + 1], R_CTX, 0);
		else {
			vf_reg_pointer(&f->reg[i + 1], R_MEM, F_NULL);
			f->reg[i + 1].size = size;
			f->reg[i + 1].id = ++v->ids;
		}
	}
	return true;
}
