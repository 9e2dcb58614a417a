/* call: helper functions: may this program call it, do the arguments fit the signature, what comes back. */
#include "vm/verify/kfunc.h"

static const char *
helper_name(u32 id)
{
	const Helper *h = bpf_helper(id);

	return h ? h->name : "unknown";
}

static bool
is_zero(const Reg *r)
{
	return r->kind == R_SCALAR && tnum_is_const(r->bits) && r->bits.value == 0;
}

/* What each letter of a signature takes: a set of kinds. */
#define K(k) (1u << R_##k)
enum {
	MEM = K(STACK) | K(PACKET) | K(META) | K(KEY) | K(VALUE) | K(MEM),
	SOCKS = K(SOCK) | K(SOCK_COMMON) | K(TCP_SOCK) | K(XDP_SOCK),
};
static const struct { char letter; u32 kinds; const char *words; } takes[] = {
	{ 'c', K(CTX), "ctx" }, { 'X', K(CTX), "ctx" }, { 'm', K(MAP), "map_ptr" },
	{ 'k', MEM, "" }, { 'v', MEM, "" }, { 'V', MEM, "" }, { 'n', MEM, "" }, { 'r', MEM, "" }, { 'R', MEM, "" }, { 'w', MEM, "" },
	{ 'W', MEM, "" }, { 'b', MEM, "" }, { 'q', MEM, "" }, { 'l', MEM, "" }, { 'L', MEM, "" }, { 'g', MEM, "" }, { 'h', MEM, "" },
	{ 's', K(VALUE), "map_value" }, { 'S', K(VALUE), "map_value" }, { 't', K(VALUE), "map_value" }, { 'K', K(VALUE), "map_value" },
	{ 'f', K(FUNC), "func" }, { 'x', K(STACK), "fp" },
	{ 'z', K(SCALAR), "scalar" }, { 'Z', K(SCALAR), "scalar" }, { 'a', K(SCALAR), "scalar" },
	{ 'e', K(MEM), "ringbuf_mem" }, { 'o', SOCKS, "sock_common, sock, tcp_sock, xdp_sock" }, { 'O', K(SOCK), "sock" }, { 'J', K(SOCK), "sock" },
	{ 'B', SOCKS | K(BTF), "sock_common, sock, tcp_sock, xdp_sock, ptr_, trusted_ptr_" },
	{ 'C', SOCKS | K(BTF), "sock_common, sock, tcp_sock, xdp_sock, ptr_, trusted_ptr_" },
	{ 'U', SOCKS | K(BTF), "sock_common, sock, tcp_sock, xdp_sock, ptr_, trusted_ptr_" },
	{ 'P', K(BTF), "ptr_, trusted_ptr_, rcu_ptr_" }, { 'p', 0, "percpu_ptr_" }, { 'j', K(BTF), "ptr_" },
	{ 'd', K(STACK) | K(DYNPTR), "fp, dynptr_ptr" }, { 'D', K(STACK), "fp" }, { 'E', K(STACK), "fp" }, { 'F', K(STACK) | K(DYNPTR), "fp" },
};

static bool
may_be_null_arg(char letter)
{
	return strchr("RWXJCnxj", letter) != NULL;
}

static bool
read_only_arg(char letter)
{
	return strchr("rRkvngh", letter) != NULL;
}

static bool
is_mem_arg(char letter)
{
	return strchr("kvVnrRwWbqlLgh", letter) != NULL;
}

static bool
check_kind(Verifier *v, int reg, char letter)
{
	const Reg *r = &vf_regs_of(v)[reg];
	size_t i = 0;
	u32 flags = r->kind == R_SCALAR ? 0 : r->flags;

	while (i < COUNT(takes) && takes[i].letter != letter)
		i++;
	if (i == COUNT(takes))
		return vf_unsupported(v, "argument %d of the helper has a type this verifier does not follow", reg);
	flags &= ~(u32)(F_TRUSTED | F_RCU);
	if (may_be_null_arg(letter))
		flags &= ~(u32)F_NULL;
	if (read_only_arg(letter))
		flags &= ~(u32)F_RDONLY;
	if (letter != 'e' && is_mem_arg(letter))
		flags &= ~(u32)(F_RINGBUF | F_SLICE);
	if (letter == 'e' && (flags & F_RINGBUF))
		flags &= ~(u32)F_RINGBUF;
	else if (letter == 'e')
		flags |= F_UNTRUSTED;
	if (r->kind == R_DYNPTR)
		flags &= ~(u32)F_RDONLY;
	if ((takes[i].kinds >> r->kind & 1) && !flags)
		return true;
	return vf_refuse_reg(v, reg, "R%d type=%s expected=%s", reg, vf_kind_name(v, r), takes[i].words[0] ? takes[i].words :
			  "fp, pkt, pkt_meta, map_key, map_value, mem, ringbuf_mem, buf, trusted_ptr_");
}

static bool
check_offset(Verifier *v, int reg, bool release)
{
	const Reg *r = &vf_regs_of(v)[reg];

	if (release && r->kind != R_STACK && r->off)
		return vf_refuse_reg(v, reg, "R%d must have zero offset when passed to release func or trusted arg to kfunc", reg);
	if (r->kind == R_SCALAR || (MEM >> r->kind & 1))
		return true;
	return vf_check_fixed_off(v, r, reg, r->kind == R_BTF);
}

static bool
check_size(Verifier *v, int reg, bool zero_ok, char mem, CallMeta *m)
{
	const Reg *r = &vf_regs_of(v)[reg];
	bool write = strchr("wWbq", mem) != NULL;
	u32 deps = r->deps;

	m->msize = r->umax;
	if (r->smin < 0) {
		vf_remedy(v, "Compare the size as an unsigned number first, or mask it.");
		return vf_refuse_reg(v, reg, "R%d min value is negative, either use unsigned or 'var &= const'", reg);
	}
	if (r->umin == 0 && !zero_ok)
		return vf_refuse_reg(v, reg, "R%d invalid zero-sized read: u64=[%llu,%llu]", reg, (unsigned long long)r->umin,
				  (unsigned long long)r->umax);
	if (r->umax >= MAX_VAR_SIZE) {
		vf_remedy(v, "Compare the size with the size of the memory first, or mask it.");
		return vf_refuse_reg(v, reg, "R%d unbounded memory access, use 'var &= const' or 'if (var < const)'", reg);
	}
	m->raw = strchr("wW", mem) != NULL;
	if (!vf_check_helper_mem(v, reg - 1, r->umax, write ? ACC_WRITE : ACC_READ, zero_ok, tnum_is_const(r->bits) ? m : NULL))
		return false;
	vf_mark_precise(v, deps);
	return true;
}

/* A key on the stack whose value is known: then an element of an array is known to exist. */
static s64
constant_key(Verifier *v, const Reg *r, u32 size)
{
	Frame *f;
	const Slot *s;
	s64 off;
	u32 byte, n = 0;

	if (r->kind != R_STACK || !tnum_is_const(r->bits))
		return -1;
	f = v->s->frame[r->frame];
	off = r->off + (s64)r->bits.value;
	if (off >= 0 || off < -(s64)f->n_slots * 8)
		return -1;
	s = &f->slot[(-off - 1) / 8];
	byte = (u32)(-off - 1) % 8;
	for (s32 i = (s32)byte; i >= 0 && s->type[i] == T_ZERO; i--)
		n++;
	if (n >= size)
		return 0;
	if (!vf_slot_is_spill(s) || s->reg.kind != R_SCALAR)
		return -1;
	n = 0;
	for (s32 i = (s32)byte; i >= 0 && s->type[i] == T_SPILL; i--)
		n++;
	if (n != size || !tnum_is_const(s->reg.bits))
		return -1;
	vf_mark_precise(v, s->reg.deps);
	return (s64)s->reg.bits.value;
}

static const MapField *
map_field(const MapDef *m, MapFieldKind kind)
{
	for (u32 i = 0; i < m->n_fields; i++)
		if (m->fields[i].kind == kind)
			return &m->fields[i];
	return NULL;
}

/* Is the register at the special field of its map value? */
static bool
check_field(Verifier *v, int reg, MapFieldKind kind, const char *name)
{
	const Reg *r = &vf_regs_of(v)[reg];
	const MapDef *m = &v->maps[r->map];
	const MapField *f = map_field(m, kind);

	if (!tnum_is_const(r->bits))
		return vf_refuse_reg(v, reg, "R%d doesn't have constant offset. %s has to be at the constant offset", reg, name);
	if (!m->n_fields)
		return vf_refuse_reg(v, reg, "map '%s' has to have BTF in order to use %s", m->name, name);
	if (!f)
		return vf_refuse_reg(v, reg, "map '%s' has no valid %s", m->name, name);
	if (f->off != (s64)r->bits.value + r->off)
		return vf_refuse_reg(v, reg, "off %lld doesn't point to 'struct %s' that is at %u",
				  (long long)((s64)r->bits.value + r->off), name, f->off);
	return true;
}

static bool
check_lock(Verifier *v, int reg, bool lock)
{
	const Reg *r = &vf_regs_of(v)[reg];
	State *s = v->s;

	if (!check_field(v, reg, MF_SPIN_LOCK, "bpf_spin_lock"))
		return false;
	if (lock) {
		if (s->lock_map)
			return vf_refuse(v, "Locking two bpf_spin_locks are not allowed");
		s->lock_map = r->map + 1;
		s->lock_id = r->id;
		return true;
	}
	if (!s->lock_map)
		return vf_refuse(v, "bpf_spin_unlock without taking a lock");
	if (s->lock_map != r->map + 1 || s->lock_id != r->id)
		return vf_refuse(v, "bpf_spin_unlock of different lock");
	s->lock_map = s->lock_id = 0;
	return true;
}

/* A string that nobody can change: in a frozen map, with an end. */
static bool
check_string(Verifier *v, int reg)
{
	const Reg *r = &vf_regs_of(v)[reg];
	const MapDef *m = &v->maps[r->map];
	s64 at = r->off + (s64)r->bits.value;

	if (!(m->flags & BPF_F_RDONLY_PROG) || !m->frozen)
		return vf_refuse_reg(v, reg, "R%d does not point to a readonly map'", reg);
	if (!tnum_is_const(r->bits))
		return vf_refuse_reg(v, reg, "R%d is not a constant address'", reg);
	if (m->type != BPF_MAP_TYPE_ARRAY)
		return vf_refuse_reg(v, reg, "no direct value access support for this map type");
	if (!vf_check_map_value(v, reg, r->off, (u64)((s64)m->value_size - r->off), false, true))
		return false;
	if (m->init && !memchr((const u8 *)m->init + at, 0, m->value_size - (size_t)at))
		return vf_refuse_reg(v, reg, "string is not zero-terminated");
	return true;
}

static bool
check_map_arg(Verifier *v, int reg, CallMeta *m)
{
	const Reg *r = &vf_regs_of(v)[reg];

	if (m->map && (m->map_index != r->map || m->map_uid != r->uid))
		return vf_refuse_reg(v, reg, "timer pointer in R1 map_uid=%u doesn't match map pointer in R%d map_uid=%u", m->map_uid,
				  reg, r->uid);
	m->map = &v->maps[r->map];
	m->map_index = r->map;
	m->map_uid = r->uid;
	return true;
}

static bool
check_memory_arg(Verifier *v, int reg, char letter, CallMeta *m)
{
	Reg r = vf_regs_of(v)[reg];
	u32 size;

	switch (letter) {
	case 'k':
		if (!m->map)
			return vf_refuse(v, "invalid map_ptr to access map->key");
		if (!vf_check_helper_mem(v, reg, m->map->key_size, ACC_READ, false, NULL))
			return false;
		if (m->map->type == BPF_MAP_TYPE_ARRAY || m->map->type == BPF_MAP_TYPE_PERCPU_ARRAY)
			m->key = constant_key(v, &r, m->map->key_size);
		return true;
	case 'v': case 'V': case 'n':
		if (letter == 'n' && is_zero(&r))
			return true;
		if (!m->map)
			return vf_refuse(v, "invalid map_ptr to access map->value");
		m->raw = letter == 'V';
		return vf_check_helper_mem(v, reg, m->map->value_size, letter == 'V' && m->h->id != BPF_FUNC_map_peek_elem ? ACC_WRITE :
					ACC_READ, false, m);    /* 6.18 does not say that peek writes */
	case 'l': case 'L': case 'g': case 'h':
		size = letter == 'l' ? 8 : letter == 'L' ? 4 : letter == 'g' ? 20 : 40;
		m->raw = letter == 'l';
		if (!vf_check_helper_mem(v, reg, size, letter == 'l' || letter == 'L' ? ACC_WRITE : ACC_READ, false, m))
			return false;
		if (letter == 'l' || letter == 'L') {
			Tnum at = tnum_add(r.bits, tnum_const((u64)(s64)r.off));

			if ((at.value | at.mask) & (size - 1))
				return vf_refuse_reg(v, reg, "misaligned %saccess off %lld+%d+0 size %u", r.kind == R_STACK ? "stack " :
						  r.kind == R_VALUE ? "value " : "", (long long)r.bits.value, r.off, size);
		}
		return true;
	}
	return true;            /* checked with the size behind it */
}

/* Packets are no plain memory for every helper, nor for every program type. */
static bool
packet_arg_ok(Verifier *v, const Helper *h)
{
	switch (v->code->prog_type) {
	case BPF_PROG_TYPE_LWT_IN: case BPF_PROG_TYPE_LWT_OUT: case BPF_PROG_TYPE_LWT_SEG6LOCAL: case BPF_PROG_TYPE_SK_REUSEPORT:
	case BPF_PROG_TYPE_FLOW_DISSECTOR: case BPF_PROG_TYPE_CGROUP_SKB: case BPF_PROG_TYPE_SCHED_CLS:
	case BPF_PROG_TYPE_SCHED_ACT: case BPF_PROG_TYPE_XDP: case BPF_PROG_TYPE_LWT_XMIT: case BPF_PROG_TYPE_SK_SKB:
	case BPF_PROG_TYPE_SK_MSG:
		break;
	case BPF_PROG_TYPE_CGROUP_SOCKOPT:
		return true;
	default:
		return false;
	}
	switch (h->id) {
	case BPF_FUNC_map_lookup_elem: case BPF_FUNC_map_update_elem: case BPF_FUNC_map_delete_elem: case BPF_FUNC_map_push_elem:
	case BPF_FUNC_map_lookup_percpu_elem: case BPF_FUNC_csum_diff: case BPF_FUNC_sk_lookup_tcp: case BPF_FUNC_sk_lookup_udp:
	case BPF_FUNC_skc_lookup_tcp: case BPF_FUNC_tcp_check_syncookie: case BPF_FUNC_tcp_gen_syncookie:
	case BPF_FUNC_tcp_raw_gen_syncookie_ipv4: case BPF_FUNC_tcp_raw_gen_syncookie_ipv6:
	case BPF_FUNC_tcp_raw_check_syncookie_ipv4: case BPF_FUNC_tcp_raw_check_syncookie_ipv6:
	case BPF_FUNC_sock_map_update: case BPF_FUNC_sock_hash_update:
		return true;
	}
	return false;
}

/* Objects of the kernel, and sockets by what they begin with. */
static bool
check_object(Verifier *v, int reg, char letter, CallMeta *m)
{
	const Reg *r = &vf_regs_of(v)[reg];
	const char *want = letter == 'P' || letter == 'p' ? vf_helper_object(m->h->id, reg) : letter == 'j' ? m->kptr : "sock_common";

	return r->kind != R_BTF || !want || vf_object_fits(v, reg, want);
}

/* A field of a map value that holds a reference to an object, or NULL. */
static bool
check_kptr(Verifier *v, int reg, CallMeta *m)
{
	const Reg *r = &vf_regs_of(v)[reg];
	const MapDef *map = &v->maps[r->map];
	s64 off = r->off + (s64)r->bits.value;

	if (!tnum_is_const(r->bits))
		return vf_refuse_reg(v, reg, "R%d doesn't have constant offset. kptr has to be at the constant offset", reg);
	if (!map->n_fields)
		return vf_refuse_reg(v, reg, "map '%s' has to have BTF in order to use bpf_kptr_xchg", map->name);
	for (u32 i = 0; i < map->n_fields; i++) {
		const MapField *f = &map->fields[i];

		if (f->off != off || (f->kind != MF_KPTR && f->kind != MF_KPTR_UNTRUSTED))
			continue;
		if (f->kind == MF_KPTR_UNTRUSTED)
			return vf_refuse_reg(v, reg, "off=%lld kptr isn't referenced kptr", (long long)off);
		m->kptr = f->type;
		return true;
	}
	return vf_refuse_reg(v, reg, "off=%lld doesn't point to kptr", (long long)off);
}

static bool
check_arg(Verifier *v, int reg, const char *sig, CallMeta *m)
{
	char letter = sig[reg - 1];
	Reg *r;
	bool release = strchr("eUFj", letter) != NULL;

	if (letter == '.')
		return true;
	if (!vf_use_reg(v, reg))
		return false;
	r = &vf_regs_of(v)[reg];
	if (letter == 'i')
		return !vf_secret(v, r) || vf_refuse_reg(v, reg, "R%d leaks addr into helper function", reg);
	if ((r->kind == R_PACKET || r->kind == R_META) && !packet_arg_ok(v, m->h))
		return vf_refuse_reg(v, reg, "helper access to the packet is not allowed");
	if (letter == 'v' && m->map && (m->map->type == BPF_MAP_TYPE_SOCKMAP || m->map->type == BPF_MAP_TYPE_SOCKHASH))
		letter = 'B';           /* the values of such maps are sockets */
	if (!(is_zero(r) && may_be_null_arg(letter))) {
		if (!check_kind(v, reg, letter) || !check_offset(v, reg, release))
			return false;
	}
	if (release && letter != 'F') {
		if (!r->ref && !is_zero(r))
			return vf_refuse_reg(v, reg, "R%d must be referenced when passed to release function", reg);
		m->release = reg;
	}
	if (r->kind != R_SCALAR && r->ref) {
		if (m->ref)
			return vf_refuse_reg(v, reg, "more than one arg with ref_obj_id R%d %u %u", reg, r->ref, m->ref);
		m->ref = r->ref;
	}
	switch (letter) {
	case 'm': return check_map_arg(v, reg, m);
	case 'z': case 'Z': return check_size(v, reg, letter == 'Z', sig[reg - 2], m);
	case 'a':
		if (!tnum_is_const(r->bits))
			return vf_refuse_reg(v, reg, "R%d is not a known constant'", reg);
		m->mem_size = (u32)r->bits.value;
		vf_mark_precise(v, r->deps);
		return true;
	case 's': return check_string(v, reg);
	case 'S': return check_lock(v, reg, m->h->id == BPF_FUNC_spin_lock);
	case 't':
		if (!check_field(v, reg, MF_TIMER, "bpf_timer"))
			return false;
		m->map = &v->maps[r->map];
		m->map_index = r->map;
		m->map_uid = r->uid;
		return true;
	case 'f':
		m->sub = (int)r->map;
		return true;
	case 'd': case 'D': case 'E': case 'F': return vf_dynptr_arg(v, reg, letter, m);
	case 'P': case 'p': case 'B': case 'C': case 'U': case 'j': return check_object(v, reg, letter, m);
	case 'K': return check_kptr(v, reg, m);
	}
	return is_mem_arg(letter) ? check_memory_arg(v, reg, letter, m) : true;
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

static bool
changes_packet(u32 id)
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

static void
forget_packets(Verifier *v)
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
		r->uid = map_field(&v->maps[r->map], MF_TIMER) ? ++v->ids : 0;
	} else if (sock)
		vf_reg_pointer(r, type == BPF_MAP_TYPE_XSKMAP ? R_XDP_SOCK : R_SOCK, F_NULL);
	if (!null && m->map->type != BPF_MAP_TYPE_ARRAY_OF_MAPS && map_field(m->map, MF_SPIN_LOCK))
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
	if (m->ref ? vf_ref_drop(v, m->ref) : is_zero(&vf_regs_of(v)[m->release]))
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
		if (!is_zero(&regs[2]))
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
	if (!v->code->sleepable && (h->id == BPF_FUNC_copy_from_user || h->id == BPF_FUNC_copy_from_user_task ||
				    h->id == BPF_FUNC_ima_inode_hash || h->id == BPF_FUNC_ima_file_hash))
		return vf_refuse(v, "helper call might sleep in a non-sleepable prog");
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
		if (!check_arg(v, reg, sig, &m))
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
	if (changes_packet(h->id) || (h->id == BPF_FUNC_dynptr_write && m.dynptr_kind == DYN_SKB))
		forget_packets(v);
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
