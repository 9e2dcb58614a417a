/* kfunc: calls of kernel functions, by the rows of bpf/kfuncs.def. */
#include "vm/verify/kfunc.h"

const Kfunc *
vf_kfunc_at(const Verifier *v, s32 pc)
{
	for (u32 i = 0; i < v->code->n_kfuncs; i++)
		if (v->code->kfuncs[i].pc == (u32)pc)
			return bpf_kfunc_named(v->code->kfuncs[i].name);
	return NULL;
}

static const char *
name_at(const Verifier *v, s32 pc)
{
	for (u32 i = 0; i < v->code->n_kfuncs; i++)
		if (v->code->kfuncs[i].pc == (u32)pc)
			return v->code->kfuncs[i].name;
	return "?";
}

static bool
is(const Kfunc *k, const char *name)
{
	return !strcmp(k->name, name);
}

/* A pointer to a kernel object that is alive: acquired, or given as such. */
static bool
is_trusted(const Reg *r)
{
	return r->ref || r->flags & F_TRUSTED;
}

static bool
check_object(Verifier *v, int reg, const Kfunc *k, const char *object, bool null_ok, CallMeta *m)
{
	const Reg *r = &vf_regs_of(v)[reg];

	if (null_ok && vf_is_zero(r))
		return true;
	if (k->flags & (KF_TRUSTED | KF_RCU | KF_RELEASE) && (vf_is_zero(r) || (r->kind != R_SCALAR && r->flags & F_NULL))) {
		vf_remedy(v, "Compare the pointer with 0 first and call the function only where it is not.");
		return vf_refuse_reg(v, reg, "Possibly NULL pointer passed to trusted arg%d", reg - 1);
	}
	if (r->kind != R_BTF || r->flags & F_NULL)
		return vf_refuse_reg(v, reg, "arg#%d pointer type STRUCT %s must point to scalar, or struct with scalar, or be a pointer to it, not %s",
				     reg - 1, object, vf_kind_name(v, r));
	if (k->flags & KF_RELEASE) {
		if (r->off)
			return vf_refuse_reg(v, reg, "R%d must have zero offset when passed to release func or trusted arg to kfunc", reg);
		if (!r->ref)
			return vf_refuse_reg(v, reg, "release kernel function %s expects refcounted PTR_TO_BTF_ID", k->name);
		m->release = reg;
		m->ref = r->ref;
	} else if (k->flags & (KF_TRUSTED | KF_RCU) && !is_trusted(r)) {
		if (k->flags & KF_TRUSTED || r->flags & F_UNTRUSTED)
			return vf_refuse_reg(v, reg, "R%d must be referenced or trusted", reg);
		if (!(r->flags & F_RCU))
			return vf_refuse_reg(v, reg, "R%d must be a rcu pointer", reg);
	}
	return vf_check_fixed_off(v, r, reg, true) && vf_object_fits(v, reg, object);
}

static bool
has_skb(const Code *c)
{
	switch (c->prog_type) {
	case BPF_PROG_TYPE_SOCKET_FILTER: case BPF_PROG_TYPE_SCHED_CLS: case BPF_PROG_TYPE_SCHED_ACT: case BPF_PROG_TYPE_CGROUP_SKB:
	case BPF_PROG_TYPE_LWT_IN: case BPF_PROG_TYPE_LWT_OUT: case BPF_PROG_TYPE_LWT_XMIT: case BPF_PROG_TYPE_LWT_SEG6LOCAL:
	case BPF_PROG_TYPE_SK_SKB:
		return true;
	}
	return false;
}

/* Memory of a size in the register behind it: read and written. */
static bool
check_memory(Verifier *v, int reg, bool null_ok, bool constant, CallMeta *m)
{
	Reg *size = &vf_regs_of(v)[reg + 1];
	const Reg *r = &vf_regs_of(v)[reg];

	if (!vf_use_reg(v, reg + 1))
		return false;
	if (size->kind != R_SCALAR)
		return vf_refuse_reg(v, reg + 1, "R%d is not a scalar", reg + 1);
	if (constant) {
		if (!tnum_is_const(size->bits))
			return vf_refuse_reg(v, reg + 1, "R%d must be a known constant", reg + 1);
		vf_mark_precise(v, size->deps);
		m->mem_size = (u32)size->bits.value;
	}
	if (null_ok && vf_is_zero(r))
		return true;
	if (r->kind != R_SCALAR && r->flags & F_NULL)
		return vf_refuse_reg(v, reg, "arg#%d arg#%d memory, len pair leads to invalid memory access: %s", reg - 1, reg, vf_kind_name(v, r));
	if (size->smin < 0)
		return vf_refuse_reg(v, reg + 1, "R%d min value is negative, either use unsigned or 'var &= const'", reg + 1);
	if (size->umax >= MAX_VAR_SIZE)
		return vf_refuse_reg(v, reg + 1, "R%d unbounded memory access, use 'var &= const' or 'if (var < const)'", reg + 1);
	if (!vf_check_helper_mem(v, reg, size->umax, ACC_READ, true, NULL) || !vf_check_helper_mem(v, reg, size->umax, ACC_WRITE, true, NULL))
		return false;
	vf_mark_precise(v, size->deps);
	return true;
}

static bool
check_arg(Verifier *v, int reg, const Kfunc *k, CallMeta *m)
{
	const Reg *r = &vf_regs_of(v)[reg];
	char letter = k->sig[reg - 1];

	if (letter == '_' || letter == 'Z' || letter == 'K')
		return true;
	if (!vf_use_reg(v, reg))
		return false;
	switch (letter) {
	case 'i': case '#':
		if (r->kind != R_SCALAR)
			return vf_refuse_reg(v, reg, "R%d is not a scalar", reg);
		if (letter == 'i')
			return true;
		if (!tnum_is_const(r->bits))
			return vf_refuse_reg(v, reg, "R%d must be a known constant", reg);
		vf_mark_precise(v, r->deps);
		m->key = (s64)r->bits.value;
		return true;
	case 'c':
		if (k->object[0] && !has_skb(v->code)) {        /* the context holds one; it will do as well */
			if (r->kind != R_BTF || !is_trusted(r))
				return vf_refuse_reg(v, reg, "arg#%d pointer type STRUCT __sk_buff must point to scalar, or struct with scalar; R%d is %s",
						     reg - 1, reg, vf_kind_name(v, r));
			return vf_object_fits(v, reg, k->object);
		}
		if (r->kind != R_CTX)
			return vf_refuse_reg(v, reg, "arg#%d expected pointer to ctx, but got %s", reg - 1, vf_kind_name(v, r));
		return vf_check_fixed_off(v, r, reg, false);
	case 'b': case 'o':
		return check_memory(v, reg, letter == 'o', k->sig[reg] == 'K', m);
	case 'p': case 'q':
		return check_object(v, reg, k, k->object, letter == 'q', m);
	case 'M':
		return check_object(v, reg, k, "cpumask", false, m);
	case 'd': case 'D':
		if (r->kind != R_STACK && r->kind != R_DYNPTR)
			return vf_refuse_reg(v, reg, "arg#%d expected pointer to stack or const struct bpf_dynptr", reg - 1);
		if (r->kind == R_DYNPTR && !vf_check_fixed_off(v, r, reg, false))
			return false;
		m->dynptr_from = is(k, "bpf_dynptr_from_skb") ? DYN_SKB : is(k, "bpf_dynptr_from_xdp") ? DYN_XDP :
			is(k, "bpf_dynptr_from_skb_meta") ? DYN_SKB_META : 0;
		return vf_dynptr_arg(v, reg, letter, m);
	case 'N': return vf_iter_new(v, reg, k->name);
	case 'n': return vf_iter_use(v, reg, k->name);
	case 'w':
		if (r->kind != R_VALUE)
			return vf_refuse_reg(v, reg, "arg#%d doesn't point to a map value", reg - 1);
		break;
	case 'F': return vf_irq_save(v, reg);
	case 'f': return vf_irq_restore(v, reg);
	}
	return vf_unsupported(v, "argument %d of %s has a type this verifier does not follow", reg, k->name);
}

static bool
locks(Verifier *v, const Kfunc *k)
{
	State *s = v->s;

	if (is(k, "bpf_rcu_read_lock")) {
		if (s->rcu++)
			return vf_refuse(v, "nested rcu read lock (kernel function %s)", k->name);
	} else if (is(k, "bpf_rcu_read_unlock")) {
		if (!s->rcu)
			return vf_refuse(v, "unmatched rcu read unlock (kernel function bpf_rcu_read_unlock)");
		s->rcu--;
		EACH_REG(s, r, {
			if (r->kind == R_BTF && r->flags & F_RCU)       /* no longer protected; reads of it are guarded */
				r->flags = (u16)((r->flags & ~(u32)(F_RCU | F_NULL)) | F_UNTRUSTED);
		});
	} else if (is(k, "bpf_preempt_disable"))
		s->preempt++;
	else if (is(k, "bpf_preempt_enable")) {
		if (!s->preempt)
			return vf_refuse(v, "unmatched attempt to enable preemption (kernel function bpf_preempt_enable)");
		s->preempt--;
	} else if (k->flags & KF_SLEEPS && (s->rcu || s->preempt || vf_ref_last(s, REF_IRQ)))
		return vf_refuse(v, "kernel func %s is sleepable within %s region", k->name, s->rcu ? "rcu_read_lock" : "non-preemptible");
	return true;
}

/* The context as the kernel's own struct. */
static const char *
kernel_ctx(const Code *c)
{
	switch (c->prog_type) {
	case BPF_PROG_TYPE_SOCKET_FILTER: case BPF_PROG_TYPE_SCHED_CLS: case BPF_PROG_TYPE_SCHED_ACT: case BPF_PROG_TYPE_CGROUP_SKB:
	case BPF_PROG_TYPE_LWT_IN: case BPF_PROG_TYPE_LWT_OUT: case BPF_PROG_TYPE_LWT_XMIT: case BPF_PROG_TYPE_LWT_SEG6LOCAL:
	case BPF_PROG_TYPE_SK_SKB:
		return "sk_buff";
	case BPF_PROG_TYPE_XDP: return "xdp_buff";
	case BPF_PROG_TYPE_CGROUP_SOCK: return "sock";
	case BPF_PROG_TYPE_CGROUP_SOCK_ADDR: return "bpf_sock_addr_kern";
	case BPF_PROG_TYPE_SOCK_OPS: return "bpf_sock_ops_kern";
	case BPF_PROG_TYPE_SK_MSG: return "sk_msg";
	case BPF_PROG_TYPE_FLOW_DISSECTOR: return "bpf_flow_dissector";
	case BPF_PROG_TYPE_SK_REUSEPORT: return "sk_reuseport_kern";
	case BPF_PROG_TYPE_CGROUP_SYSCTL: return "bpf_sysctl_kern";
	case BPF_PROG_TYPE_CGROUP_SOCKOPT: return "bpf_sockopt_kern";
	case BPF_PROG_TYPE_SK_LOOKUP: return "bpf_sk_lookup_kern";
	case BPF_PROG_TYPE_CGROUP_DEVICE: return "bpf_cgroup_dev_ctx";
	case BPF_PROG_TYPE_KPROBE: return "pt_regs";
	case BPF_PROG_TYPE_PERF_EVENT: return "bpf_perf_event_data_kern";
	case K_PROG_NETFILTER: return "bpf_nf_ctx";
	}
	return NULL;
}

static bool
slice(Verifier *v, const Kfunc *k, CallMeta *m, Reg *r)
{
	bool write = is(k, "bpf_dynptr_slice_rdwr");

	if (write && !vf_may_write_packet(v))
		return vf_refuse(v, "the prog does not allow writes to packet data");
	if (write && m->dynptr_rdonly)
		return vf_refuse(v, "the dynptr is read-only");
	vf_reg_pointer(r, R_MEM, F_NULL | F_SLICE | (write ? 0 : F_RDONLY));
	r->size = m->mem_size;
	r->uid = m->dynptr_id;
	r->frame = m->dynptr_kind == DYN_SKB || m->dynptr_kind == DYN_XDP;      /* gone when the packet changes */
	r->id = ++v->ids;
	return true;
}

static bool
named_type(Verifier *v, CallMeta *m, Reg *r)
{
	const BtfBlob *b = vf_kernel_btf(v);
	BtfItem t;

	if (!b)
		return vf_unsupported(v, "the type of bpf_rdonly_cast needs the kernel's BTF");
	if (m->key == 0) {              /* void: bytes, wherever they are */
		vf_reg_pointer(r, R_MEM, F_RDONLY | F_UNTRUSTED);
		return true;
	}
	if (m->key < 0 || m->key > UINT32_MAX || !bpf_btf_at(b, (u32)m->key, &t) ||
	    (bpf_btf_kind(&t) != BTF_STRUCT && bpf_btf_kind(&t) != BTF_UNION))
		return vf_refuse(v, "kfunc bpf_rdonly_cast type ID %lld is not a struct", (long long)m->key);
	vf_reg_pointer(r, R_BTF, F_UNTRUSTED);
	r->map = (u32)m->key;
	return true;
}

static bool
result(Verifier *v, const Kfunc *k, CallMeta *m)
{
	Reg *r = &vf_regs_of(v)[0];
	u32 elem;

	switch (strchr(k->sig, '>')[1]) {
	case 'v':
		vf_reg_none(r);
		return true;
	case 'e':
		elem = vf_iter_elem(k->name);
		if (elem) {
			vf_reg_pointer(r, R_MEM, F_NULL | F_RDONLY);
			r->size = elem;
			r->id = ++v->ids;
			r->ref = m->iter_ref;
			return true;
		}
		if (!vf_kernel_btf(v))
			return vf_unsupported(v, "elements of %s need the kernel's BTF", k->name);
		vf_object_pointer(v, r, k->object, F_NULL | (strstr(k->name, "kmem") ? F_TRUSTED : F_RCU));
		return true;
	case 'p':
		vf_object_pointer(v, r, k->object, (k->flags & KF_NULL_RESULT ? F_NULL : 0) | (k->flags & KF_ACQUIRE ? F_TRUSTED : 0));
		if (!vf_kernel_btf(v))
			return vf_unsupported(v, "%s needs the kernel's BTF", k->name);
		if (k->flags & KF_ACQUIRE)
			r->id = r->ref = vf_ref_add(v, REF_PTR);
		return true;
	case 'k':
		if (!kernel_ctx(v->code))
			return vf_refuse(v, "the kernel's context of this program type is not a struct");
		if (!vf_kernel_btf(v))
			return vf_unsupported(v, "the kernel's context needs the kernel's BTF");
		vf_object_pointer(v, r, kernel_ctx(v->code), F_TRUSTED);
		return true;
	case 'S': return slice(v, k, m, r);
	case 'u': return named_type(v, m, r);
	}
	vf_reg_unknown(r);
	return true;
}

/* While a lock is held only counting may go on. */
static bool
lock_allows(const Kfunc *k)
{
	return !strncmp(k->name, "bpf_iter_num_", 13);
}

bool
vf_do_kfunc(Verifier *v, const Insn *insn)
{
	const Kfunc *k = vf_kfunc_at(v, v->pc);
	CallMeta m = { .h = NULL, .key = -1, .sub = -1 };
	u32 frame = 0;
	int slot = 0;
	bool next;

	if (!insn->imm && !k)
		return vf_refuse(v, "invalid kernel function call not eliminated in verifier pass");
	if (!k || !(k->types >> v->code->prog_type & 1)) {
		vf_remedy(v, "Kernel functions are allowed by program type; use one that this type has.");
		return vf_refuse(v, "calling kernel function %s is not allowed", name_at(v, v->pc));
	}
	if (v->s->lock_map && !lock_allows(k))
		return vf_refuse(v, "function calls are not allowed while holding a lock");
	if (!vf_license_is_free(v->code))
		return vf_refuse(v, "cannot call kernel function from non-GPL compatible program");
	if (k->flags & KF_SLEEPS && !v->code->sleepable)
		return vf_refuse(v, "program must be sleepable to call sleepable kfunc %s", k->name);
	if (is(k, "__bpf_trap"))
		return vf_refuse(v, "unexpected __bpf_trap() due to uninitialized variable?");
	if (v->opt.no_kernel)
		return vf_unsupported(v, "there is no %s outside of a kernel", k->name);
	if (k->sig[0] == '?')
		return vf_unsupported(v, "this verifier does not follow %s", k->name);
	next = vf_calls_next(v, v->pc) && vf_iter_at(v, v->s, &frame, &slot);
	for (int reg = 1; k->sig[reg - 1] != '>'; reg++)
		if (!check_arg(v, reg, k, &m))
			return false;
	if (next)
		m.iter_ref = v->s->frame[frame]->slot[slot].reg.ref;
	if (!locks(v, k))
		return false;
	if (m.release && !vf_ref_drop(v, m.ref))
		return vf_refuse(v, "kfunc %s reference has not been acquired before", k->name);
	if (!vf_dynptr_after(v, &m))
		return false;
	if (is(k, "bpf_throw"))
		return vf_throw(v);
	for (int reg = 0; reg <= 5; reg++)
		vf_reg_none(&vf_regs_of(v)[reg]);
	if (!result(v, k, &m))
		return false;
	if (next && v->s->frame[frame]->slot[slot].reg.range == ITER_ACTIVE)
		vf_iter_next(v, frame, slot);
	return true;
}
