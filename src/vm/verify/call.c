/* call: helper functions: may this program call it, do the arguments fit the signature, what comes back. */
#include "vm/verify/kfunc.h"

static const char *
helper_name(u32 id)
{
	const Helper *h = bpf_helper(id);

	return h ? h->name : "unknown";
}

bool
vf_check_leave(Verifier *v, const char *where)
{
	State *s = v->s;

	for (u32 i = 0; i < s->n_refs; i++)
		if (s->ref[i].kind == REF_PTR) {
			vf_remedy(v, "Release what was acquired (sk_release, ringbuf_submit, ringbuf_discard) on every path.");
			return vf_refuse(v, "%s would lead to reference leak (acquired at insn %d)", where, s->ref[i].pc);
		}
	if (s->rcu || s->preempt || vf_ref_last(s, REF_IRQ)) {
		vf_remedy(v, "Give back what was taken (read lock, preemption, interrupts) on this path first.");
		return vf_refuse(v, "%s cannot be used inside %s-ed region", where, vf_ref_last(s, REF_IRQ) ? "bpf_local_irq_save" :
				 s->rcu ? "bpf_rcu_read_lock" : "bpf_preempt_disable");
	}
	if (s->lock_map) {
		vf_remedy(v, "Call bpf_spin_unlock on this path first.");
		return vf_refuse(v, "%s cannot be used inside bpf_spin_lock-ed region", where);
	}
	return true;
}

bool
vf_helper_changes_packet(u32 id)
{
	switch (id) {
	case BPF_FUNC_skb_vlan_push: case BPF_FUNC_skb_vlan_pop: case BPF_FUNC_skb_store_bytes: case BPF_FUNC_skb_change_proto:
	case BPF_FUNC_skb_change_head: case BPF_FUNC_skb_change_tail: case BPF_FUNC_skb_pull_data: case BPF_FUNC_skb_adjust_room:
	case BPF_FUNC_clone_redirect: case BPF_FUNC_l3_csum_replace: case BPF_FUNC_l4_csum_replace: case BPF_FUNC_xdp_adjust_head:
	case BPF_FUNC_xdp_adjust_meta: case BPF_FUNC_xdp_adjust_tail: case BPF_FUNC_msg_pull_data: case BPF_FUNC_msg_push_data:
	case BPF_FUNC_msg_pop_data: case BPF_FUNC_lwt_push_encap: case BPF_FUNC_lwt_seg6_store_bytes:
	case BPF_FUNC_lwt_seg6_adjust_srh: case BPF_FUNC_lwt_seg6_action: case BPF_FUNC_store_hdr_opt: case BPF_FUNC_tail_call:
		return true;
	}
	return false;
}

bool
vf_helper_sleeps(u32 id)
{
	return id == BPF_FUNC_copy_from_user || id == BPF_FUNC_copy_from_user_task || id == BPF_FUNC_ima_inode_hash ||
		id == BPF_FUNC_ima_file_hash;
}

void
vf_forget_packets(Verifier *v)
{
	EACH_REG(v->s, r, {
		if (r->kind == R_PACKET || r->kind == R_META || r->kind == R_PACKET_END ||
		    (r->kind == R_MEM && (r->flags & F_SLICE) && r->frame))
			vf_reg_unknown(r);
	});
}

static bool
is_cast(u32 id)
{
	switch (id) {
	case BPF_FUNC_tcp_sock: case BPF_FUNC_sk_fullsock: case BPF_FUNC_skc_to_tcp_sock: case BPF_FUNC_skc_to_tcp6_sock:
	case BPF_FUNC_skc_to_udp6_sock: case BPF_FUNC_skc_to_mptcp_sock: case BPF_FUNC_skc_to_tcp_timewait_sock:
	case BPF_FUNC_skc_to_tcp_request_sock:
		return true;
	}
	return false;
}

/* The kind of pointer a look-up in this map gives. */
static void
map_result(Verifier *v, Reg *r, CallMeta *m, bool null)
{
	u32 type = m->map->type;
	bool sock = m->h->id == BPF_FUNC_map_lookup_elem &&
		(type == BPF_MAP_TYPE_SOCKMAP || type == BPF_MAP_TYPE_SOCKHASH || type == BPF_MAP_TYPE_XSKMAP);

	vf_reg_pointer(r, R_VALUE, null ? F_NULL : 0);
	r->map = m->map_index;
	r->uid = m->map_uid;
	if (m->map->inner && (type == BPF_MAP_TYPE_ARRAY_OF_MAPS || type == BPF_MAP_TYPE_HASH_OF_MAPS)) {
		vf_reg_pointer(r, R_MAP, null ? F_NULL : 0);
		r->map = m->map->inner - 1;
		r->uid = vf_map_field(&v->maps[r->map], MF_TIMER) ? ++v->ids : 0;
	} else if (sock)
		vf_reg_pointer(r, type == BPF_MAP_TYPE_XSKMAP ? R_XDP_SOCK : R_SOCK, F_NULL);
	if (!null && m->map->type != BPF_MAP_TYPE_ARRAY_OF_MAPS && vf_map_field(m->map, MF_SPIN_LOCK))
		r->id = ++v->ids;
	if (sock && type != BPF_MAP_TYPE_XSKMAP) {
		r->id = r->ref = vf_ref_add(v, REF_PTR);
	} else if (r->flags & F_NULL)
		r->id = ++v->ids;
}

static bool
result(Verifier *v, CallMeta *m)
{
	const Helper *h = m->h;
	Reg *r = &vf_regs_of(v)[0];
	bool null = true;
	char letter = strchr(h->sig, '>')[1];

	switch (letter) {
	case 'i':
		vf_reg_unknown(r);
		return true;
	case 'v':
		vf_reg_none(r);
		return true;
	case 'm':
		if (h->id == BPF_FUNC_map_lookup_elem && m->key >= 0 && m->key < m->map->max_entries)
			null = false;
		map_result(v, r, m, null);
		return true;
	case 'M':
		map_result(v, r, m, false);
		return true;
	case 's': case 'S': vf_reg_pointer(r, R_SOCK, F_NULL); break;
	case 'C': vf_reg_pointer(r, R_SOCK_COMMON, F_NULL); break;
	case 't': vf_reg_pointer(r, R_TCP_SOCK, F_NULL); break;
	case 'r':
		vf_reg_pointer(r, R_MEM, F_NULL | F_RINGBUF);
		r->size = m->mem_size;
		break;
	case 'D':
		vf_reg_pointer(r, R_MEM, F_NULL | F_SLICE);
		r->size = m->mem_size;
		r->uid = m->dynptr_id;
		r->ref = m->dynptr_ref;
		break;
	case 'P': vf_object_pointer(v, r, vf_helper_object(h->id, 0), F_TRUSTED); break;
	case 'p': vf_object_pointer(v, r, vf_helper_object(h->id, 0), F_NULL); break;
	case 'k': vf_object_pointer(v, r, m->kptr, F_NULL | F_TRUSTED); break;
	default: return vf_unsupported(v, "helper %s#%u gives a kernel object", h->name, h->id);
	}
	if (strchr("SCrk", letter))
		r->id = r->ref = vf_ref_add(v, REF_PTR);
	else if (r->flags & F_NULL)
		r->id = ++v->ids;
	if (is_cast(h->id))
		r->ref = m->ref;
	return true;
}

static void
refine_result(Verifier *v, const CallMeta *m)
{
	Reg *r = &vf_regs_of(v)[0];

	switch (m->h->id) {
	case BPF_FUNC_get_stack: case BPF_FUNC_get_task_stack: case BPF_FUNC_probe_read_str: case BPF_FUNC_probe_read_kernel_str:
	case BPF_FUNC_probe_read_user_str:
		r->smax = (s64)m->msize;
		r->s32max = (s32)m->msize;
		r->smin = -4095;
		r->s32min = -4095;
		vf_reg_sync(r);
		break;
	case BPF_FUNC_get_smp_processor_id:
		r->umax = r->u32max = host_cpus() - 1;
		r->smax = r->s32max = (s32)host_cpus() - 1;
		r->umin = r->u32min = 0;
		r->smin = r->s32min = 0;
		vf_reg_sync(r);
		break;
	}
}

/* What a program must not do to a map that it may only read. */
static bool
map_writable(Verifier *v, const CallMeta *m)
{
	switch (m->h->id) {
	case BPF_FUNC_map_update_elem: case BPF_FUNC_map_delete_elem: case BPF_FUNC_map_push_elem: case BPF_FUNC_map_pop_elem:
		return !(m->map->flags & BPF_F_RDONLY_PROG) || vf_refuse(v, "write into map forbidden");
	}
	return true;
}

/* The format of snprintf, against the number of its 8-byte arguments. */
static bool
check_format(Verifier *v)
{
	const Reg *fmt = &vf_regs_of(v)[3], *size = &vf_regs_of(v)[5];
	const MapDef *m = &v->maps[fmt->map];
	const char *p = m->init ? (const char *)m->init + fmt->off + (s64)fmt->bits.value : "";
	u64 n = size->bits.value / 8, used = 0;

	if (!tnum_is_const(size->bits) || size->bits.value % 8)
		return vf_refuse_reg(v, 5, "snprintf takes its arguments as whole u64; %llu bytes are not", (unsigned long long)size->umax);
	for (; *p; p++) {
		if ((u8)*p >= 0x80 || ((u8)*p < 0x20 && !strchr("\t\n\r\v\f", *p)))
			return vf_refuse_reg(v, 3, "Invalid format string");
		if (*p != '%')
			continue;
		if (*++p == '%')
			continue;
		p += strspn(p, "-0 ");
		p += strspn(p, "0123456789");
		if (*p == 'p') {
			p += strchr("xKBsS", p[1]) && p[1] ? 1 : p[1] == 'i' || p[1] == 'I' ? strspn(p + 1, "iI46") : 0;
		} else if (*p != 's' && *p != 'c') {
			p += p[0] == 'l' ? 1 + (p[1] == 'l') : 0;
			if (!*p || !strchr("diuxX", *p))
				return vf_refuse_reg(v, 3, "Invalid format string");
		}
		if (++used > n)
			return vf_refuse_reg(v, 3, "Invalid format string: more conversions than the %llu arguments",
					     (unsigned long long)n);
	}
	return true;
}

static bool
release(Verifier *v, CallMeta *m)
{
	if (!m->release)
		return true;
	if (m->ref ? vf_ref_drop(v, m->ref) : vf_is_zero(&vf_regs_of(v)[m->release]))
		return true;
	return vf_refuse(v, "func %s#%u reference has not been acquired before", m->h->name, m->h->id);
}

static bool
special(Verifier *v, CallMeta *m)
{
	Reg *regs = vf_regs_of(v);

	switch (m->h->id) {
	case BPF_FUNC_map_update_elem: case BPF_FUNC_map_delete_elem: case BPF_FUNC_map_push_elem: case BPF_FUNC_map_pop_elem:
		return map_writable(v, m);
	case BPF_FUNC_snprintf:
		return check_format(v);
	case BPF_FUNC_tail_call:
		return vf_check_leave(v, "tail_call");
	case BPF_FUNC_get_local_storage:
		if (!vf_is_zero(&regs[2]))
			return vf_refuse_reg(v, 2, "get_local_storage() doesn't support non-zero flags");
		return true;
	case BPF_FUNC_dynptr_from_mem:
		if (regs[1].kind != R_VALUE)
			return vf_refuse_reg(v, 1, "Unsupported reg type %s for bpf_dynptr_from_mem data", vf_kind_name(v, &regs[1]));
		return true;
	case BPF_FUNC_for_each_map_elem: case BPF_FUNC_loop: case BPF_FUNC_find_vma: case BPF_FUNC_user_ringbuf_drain:
	case BPF_FUNC_timer_set_callback:
		return vf_call_back(v, m);
	}
	return true;
}

bool
vf_license_is_free(const Code *c)
{
	static const char *const gpl[] = { "GPL", "GPL v2", "GPL and additional rights", "Dual BSD/GPL", "Dual MIT/GPL", "Dual MPL/GPL" };
	bool free = false;

	for (size_t i = 0; i < COUNT(gpl); i++)
		free |= !strcmp(c->license ? c->license : "GPL", gpl[i]);
	return free;
}

static bool
allowed(Verifier *v, const Helper *h)
{

	if (!vf_ctx_helper_allowed(v->code, h)) {
		vf_remedy(v, "Helpers are allowed by program type; use one that this type has.");
		return vf_refuse(v, "program of this type cannot use helper bpf_%s#%u", h->name, h->id);
	}
	if (!vf_unpriv_helper(v, h))
		return false;
	if (h->gpl && !vf_license_is_free(v->code))
		return vf_refuse(v, "cannot call GPL-restricted function from non-GPL compatible program");
	if (!v->code->sleepable && vf_helper_sleeps(h->id))
		return vf_refuse(v, "helper call might sleep in a non-sleepable prog");
	return true;
}

/* It comes back only when nothing was done. When it was, a function is left, with any result and other packets; the program's
 * end needs no look. */
static bool
tail_call(Verifier *v)
{
	if (!v->s->cur)
		return true;
	vf_path_add(v, vf_push_branch(v, v->pc + 1), v->pc, false);
	vf_forget_packets(v);
	vf_reg_unknown(&vf_regs_of(v)[0]);
	if (vf_do_exit(v) < 0)
		return false;
	v->pc--;
	return true;
}

static bool
call_helper(Verifier *v, const Insn *insn)
{
	const Helper *h = bpf_helper((u32)insn->imm);
	CallMeta m = { .h = h, .key = -1, .sub = -1 };
	const char *sig;

	if (!h)
		return vf_refuse(v, "invalid func %s#%d", helper_name((u32)insn->imm), insn->imm);
	if (!allowed(v, h))
		return false;
	sig = vf_ctx_helper_signature(v->code, h);
	for (int reg = 1; sig[reg - 1] != '>'; reg++)
		if (!vf_check_arg(v, reg, sig, &m))
			return false;
	for (u32 i = 0; i < m.raw_size; i++)
		if (!vf_check_mem(v, m.raw_reg, (s32)i, 1, ACC_WRITE, -1, false, false))
			return false;
	if (m.raw_size == 0 && m.dynptr_new == 0 && !release(v, &m))
		return false;
	if (m.raw_size && !release(v, &m))
		return false;
	if (!vf_dynptr_after(v, &m) || !special(v, &m))
		return false;
	for (int reg = 0; reg <= 5; reg++)
		vf_reg_none(&vf_regs_of(v)[reg]);
	if (!result(v, &m))
		return false;
	refine_result(v, &m);
	if (m.map && !vf_helper_fits_map(v, m.map, h->id))
		return false;
	if (h->id == BPF_FUNC_tail_call)
		return tail_call(v);
	if (vf_helper_changes_packet(h->id) || (h->id == BPF_FUNC_dynptr_write && m.dynptr_kind == DYN_SKB))
		vf_forget_packets(v);
	return true;
}

bool
vf_do_call(Verifier *v, const Insn *insn)
{
	if (insn->dst_reg || (insn->src_reg != BPF_PSEUDO_KFUNC_CALL && insn->off) || insn->src_reg > BPF_PSEUDO_KFUNC_CALL)
		return vf_refuse(v, "BPF_CALL uses reserved fields");
	if (v->s->lock_map && insn->src_reg == 0 && insn->imm != BPF_FUNC_spin_unlock)
		return vf_refuse(v, "function calls are not allowed while holding a lock");
	if (insn->src_reg == BPF_PSEUDO_CALL)
		return vf_call_sub(v, vf_sub_at(v, v->pc + insn->imm + 1));
	if (insn->src_reg == BPF_PSEUDO_KFUNC_CALL)
		return vf_do_kfunc(v, insn);
	return call_helper(v, insn);
}

static bool
may_load_packet(u32 type)
{
	return type == BPF_PROG_TYPE_SOCKET_FILTER || type == BPF_PROG_TYPE_SCHED_CLS || type == BPF_PROG_TYPE_SCHED_ACT;
}

bool
vf_do_ld_abs(Verifier *v, const Insn *insn)
{
	bool ind = BPF_MODE(insn->code) == BPF_IND;
	Reg *regs = vf_regs_of(v);

	if (!may_load_packet(v->code->prog_type))
		return vf_refuse(v, "BPF_LD_[ABS|IND] instructions not allowed for this program type");
	if (insn->dst_reg || insn->off || BPF_SIZE(insn->code) == BPF_DW || (!ind && insn->src_reg))
		return vf_refuse(v, "BPF_LD_[ABS|IND] uses reserved fields");
	if (!vf_use_reg(v, BPF_REG_6) || !vf_check_leave(v, "BPF_LD_[ABS|IND]"))
		return false;
	if (regs[6].kind != R_CTX)
		return vf_refuse_reg(v, 6, "at the time of BPF_LD_ABS|IND R6 != pointer to skb");
	if (ind && !vf_use_reg(v, insn->src_reg))
		return false;
	if (!vf_check_fixed_off(v, &regs[6], 6, false))
		return false;
	for (int reg = 0; reg <= 5; reg++)
		vf_reg_none(&regs[reg]);
	vf_reg_unknown(&regs[0]);
	return true;
}
