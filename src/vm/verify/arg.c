/* arg: does what a helper is given fit its signature? */
#include "vm/verify/kfunc.h"

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

const MapField *
vf_map_field(const MapDef *m, MapFieldKind kind)
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
	const MapField *f = vf_map_field(m, kind);

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
		if (letter == 'n' && vf_is_zero(&r))
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

bool
vf_check_arg(Verifier *v, int reg, const char *sig, CallMeta *m)
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
	if (!(vf_is_zero(r) && may_be_null_arg(letter))) {
		if (!check_kind(v, reg, letter) || !check_offset(v, reg, release))
			return false;
	}
	if (release && letter != 'F') {
		if (!r->ref && !vf_is_zero(r))
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
