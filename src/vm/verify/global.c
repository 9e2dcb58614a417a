/* global: functions of the program that are verified by themselves, once, for any arguments that their BTF prototype allows:
 * numbers, the context, memory of a known size that may be NULL. Callers check arguments and learn nothing of the result. */
#include "vm/verify/call.h"

enum { KIND_INT = 1, KIND_PTR, KIND_ARRAY, KIND_STRUCT, KIND_UNION, KIND_ENUM, KIND_FWD, KIND_TYPEDEF, KIND_VOLATILE, KIND_CONST,
       KIND_RESTRICT, KIND_FUNC, KIND_FUNC_PROTO, KIND_VAR, KIND_DATASEC, KIND_FLOAT, KIND_DECL_TAG, KIND_TYPE_TAG, KIND_ENUM64 };
enum { MAX_DEPTH = 32 };

/* One type: its fixed part and what follows. */
typedef struct Type { u32 name, info, size; const u8 *rest; u32 n_rest; } Type;

typedef struct Blob { const u8 *types; u32 n_types; const char *strings; u32 n_strings; } Blob;

static u32
get32(const u8 *p)
{
	u32 n;

	memcpy(&n, p, 4);
	return n;
}

static bool
open_btf(const Code *c, Blob *b)
{
	const u8 *p = c->btf;
	u64 hdr, type_off, type_len, str_off, str_len, n = c->btf_size;

	if (!p || n < 24 || p[0] != 0x9f || p[1] != 0xeb)
		return false;
	hdr = get32(p + 4);
	type_off = get32(p + 8);
	type_len = get32(p + 12);
	str_off = get32(p + 16);
	str_len = get32(p + 20);
	if (hdr + type_off + type_len > n || hdr + str_off + str_len > n)
		return false;
	*b = (Blob){ p + hdr + type_off, (u32)type_len, (const char *)p + hdr + str_off, (u32)str_len };
	return true;
}

static u32
kind_of(const Type *t)
{
	return t->info >> 24 & 31;
}

/* Bytes behind the three words of a type. */
static u32
tail_of(u32 kind, u32 vlen)
{
	switch (kind) {
	case KIND_INT: case KIND_VAR: case KIND_DECL_TAG: return 4;
	case KIND_ARRAY: return 12;
	case KIND_STRUCT: case KIND_UNION: case KIND_DATASEC: case KIND_ENUM64: return vlen * 12;
	case KIND_ENUM: case KIND_FUNC_PROTO: return vlen * 8;
	}
	return 0;
}

static bool
type_at(const Blob *b, u32 id, Type *t)
{
	u32 at = 0;

	for (u32 i = 1; at + 12 <= b->n_types; i++) {
		t->name = get32(b->types + at);
		t->info = get32(b->types + at + 4);
		t->size = get32(b->types + at + 8);
		t->rest = b->types + at + 12;
		t->n_rest = tail_of(kind_of(t), t->info & 0xffff);
		if (t->n_rest > b->n_types - at - 12)
			return false;
		if (i == id)
			return true;
		at += 12 + t->n_rest;
	}
	return false;
}

/* Without typedefs and qualifiers. */
static bool
plain_type(const Blob *b, u32 id, Type *t)
{
	for (int i = 0; i < MAX_DEPTH; i++) {
		if (!type_at(b, id, t))
			return false;
		switch (kind_of(t)) {
		case KIND_TYPEDEF: case KIND_VOLATILE: case KIND_CONST: case KIND_RESTRICT: case KIND_TYPE_TAG:
			id = t->size;
			continue;
		}
		return true;
	}
	return false;
}

static const char *
name_at(const Blob *b, u32 off)
{
	return off < b->n_strings && memchr(b->strings + off, 0, b->n_strings - off) ? b->strings + off : "";
}

static bool
sub_proto(const Verifier *v, int sub, Blob *b, Type *func, Type *proto)
{
	if (!open_btf(v->code, b))
		return false;
	for (u32 i = 0; i < v->code->n_funcs; i++)
		if (v->code->funcs[i].pc == (u32)v->sub[sub].start)
			return type_at(b, v->code->funcs[i].btf_type, func) && kind_of(func) == KIND_FUNC &&
				type_at(b, func->size, proto) && kind_of(proto) == KIND_FUNC_PROTO;
	return false;
}

bool
vf_global_find(Verifier *v)
{
	Blob b;
	Type func, proto;

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

static u32
size_of(const Blob *b, u32 id, int depth)
{
	Type t;

	if (depth > MAX_DEPTH || !plain_type(b, id, &t))
		return 0;
	switch (kind_of(&t)) {
	case KIND_INT: case KIND_STRUCT: case KIND_UNION: case KIND_ENUM: case KIND_ENUM64: case KIND_FLOAT: return t.size;
	case KIND_PTR: return 8;
	case KIND_ARRAY: return size_of(b, get32(t.rest), depth + 1) * get32(t.rest + 8);
	}
	return 0;
}

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
arg_kind(const Verifier *v, const Blob *b, u32 id, u32 *size)
{
	Type t, to;

	*size = 0;
	if (!plain_type(b, id, &t))
		return ARG_OTHER;
	if (kind_of(&t) == KIND_INT || kind_of(&t) == KIND_ENUM || kind_of(&t) == KIND_ENUM64)
		return ARG_NUMBER;
	if (kind_of(&t) != KIND_PTR || !plain_type(b, t.size, &to))
		return ARG_OTHER;
	if (kind_of(&to) == KIND_STRUCT && is_ctx_type(v->code, name_at(b, to.name)))
		return ARG_CTX;
	*size = size_of(b, t.size, 0);
	return *size ? ARG_MEMORY : ARG_OTHER;
}

static bool
arg_at(Verifier *v, int sub, int i, ArgKind *kind, u32 *size)
{
	Blob b;
	Type func, proto;

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
