/* mem: loads and stores: map values, packets, contexts, sockets, records. */
#include "vm/verify/verify.h"
#include "vm/verify/call.h"

#include <stdio.h>

enum { NO_VALUE = -1 };

static bool
tnum_aligned(Tnum t, u64 size)
{
	return !((t.value | t.mask) & (size - 1));
}

static const char *
area(const Reg *r)
{
	switch (r->kind) {
	case R_FLOW_KEYS: return "flow keys ";
	case R_KEY: return "key ";
	case R_VALUE: return "value ";
	case R_CTX: return "context ";
	case R_STACK: return "stack ";
	case R_SOCK: return "sock ";
	case R_SOCK_COMMON: return "sock_common ";
	case R_TCP_SOCK: return "tcp_sock ";
	case R_XDP_SOCK: return "xdp_sock ";
	}
	return "";
}

void
vf_print_bits(Tnum t, char *out, size_t n)
{
	if (tnum_is_const(t))
		snprintf(out, n, "%lld", (long long)t.value);
	else
		snprintf(out, n, "(0x%llx; 0x%llx)", (unsigned long long)t.value, (unsigned long long)t.mask);
}

static bool
check_alignment(Verifier *v, const Reg *r, int reg, s32 off, u32 size, bool strict)
{
	char bits[64];
	Tnum at;

	strict |= v->strict || r->kind == R_STACK;
	if (!strict || size == 1)
		return true;
	vf_print_bits(r->bits, bits, sizeof(bits));
	if (r->kind == R_PACKET || r->kind == R_META) {
		/* Packets begin two bytes behind an aligned address, so that IP headers are aligned. */
		at = tnum_add(r->bits, tnum_const((u64)(s64)(2 + r->off + off)));
		if (tnum_aligned(at, size))
			return true;
		return vf_refuse_reg(v, reg, "misaligned packet access off 2+%s+%d+%d size %u", bits, r->off, off, size);
	}
	at = tnum_add(r->bits, tnum_const((u64)((s64)r->off + off)));
	if (tnum_aligned(at, size))
		return true;
	vf_remedy(v, "Use an offset that is a multiple of the access size, or access single bytes.");
	return vf_refuse_reg(v, reg, "misaligned %saccess off %s+%d+%d size %u", area(r), bits, r->off, off, size);
}

bool
vf_check_fixed_off(Verifier *v, const Reg *r, int reg, bool off_ok)
{
	char bits[64];

	if (r->off < 0)
		return vf_refuse_reg(v, reg, "negative offset %s ptr R%d off=%d disallowed", vf_kind_name(v, r), reg, r->off);
	if (!off_ok && r->off)
		return vf_refuse_reg(v, reg, "dereference of modified %s ptr R%d off=%d disallowed", vf_kind_name(v, r), reg, r->off);
	if (!tnum_is_const(r->bits) || r->bits.value) {
		vf_print_bits(r->bits, bits, sizeof(bits));
		return vf_refuse_reg(v, reg, "variable %s access var_off=%s disallowed", vf_kind_name(v, r), bits);
	}
	return true;
}

static bool
inside(s64 off, u64 size, u64 mem_size, bool zero_ok)
{
	return off >= 0 && (size > 0 || zero_ok) && (u64)off + size <= mem_size;
}

bool
vf_check_region(Verifier *v, int reg, s32 off, u64 size, u64 mem_size, bool zero_ok)
{
	const Reg *r = &vf_regs_of(v)[reg];

	if (r->smin < 0 && (r->smin == INT64_MIN || off + r->smin != (s64)(s32)(off + r->smin) || r->smin + off < 0)) {
		vf_remedy(v, "Compare the index as an unsigned number, or with 0 first.");
		return vf_refuse_reg(v, reg, "R%d min value is negative, either use unsigned index or do a if (index >=0) check.", reg);
	}
	if (!inside(r->smin + off, size, mem_size, zero_ok))
		return vf_refuse_reg(v, reg, "R%d min value is outside of the allowed memory range (%llu bytes at offset %lld of %llu)",
				  reg, (unsigned long long)size, (long long)(r->smin + off), (unsigned long long)mem_size);
	if (r->umax >= MAX_VAR_OFF) {
		vf_remedy(v, "Compare the index with the size of the object first, or mask it.");
		return vf_refuse_reg(v, reg, "R%d unbounded memory access, make sure to bounds check any such access", reg);
	}
	if (!inside((s64)r->umax + off, size, mem_size, zero_ok)) {
		vf_remedy(v, "Make the bound on the index smaller: the last byte touched must lie inside the object.");
		return vf_refuse_reg(v, reg, "R%d max value is outside of the allowed memory range (%llu bytes at offset %lld of %llu)",
				  reg, (unsigned long long)size, (long long)r->umax + off, (unsigned long long)mem_size);
	}
	return true;
}

static const char *
field_name(MapFieldKind kind)
{
	switch (kind) {
	case MF_SPIN_LOCK: return "bpf_spin_lock";
	case MF_TIMER: return "bpf_timer";
	case MF_WORKQUEUE: return "bpf_wq";
	case MF_KPTR: case MF_KPTR_UNTRUSTED: return "kptr";
	default: return "special field";
	}
}

bool
vf_check_map_value(Verifier *v, int reg, s32 off, u64 size, bool zero_ok, bool by_helper)
{
	const Reg *r = &vf_regs_of(v)[reg];
	const MapDef *m = &v->maps[r->map];

	if (!vf_check_region(v, reg, off, size, m->value_size, zero_ok))
		return false;
	for (u32 i = 0; i < m->n_fields; i++) {
		const MapField *f = &m->fields[i];
		const char *name = field_name(f->kind);

		if (!(r->smin + off < (s64)f->off + f->size && (s64)f->off < (s64)r->umax + off + (s64)size))
			continue;
		if (f->kind != MF_KPTR && f->kind != MF_KPTR_UNTRUSTED)
			return vf_refuse_reg(v, reg, "%s cannot be accessed directly by load/store", name);
		if (by_helper)
			return vf_refuse_reg(v, reg, "%s cannot be accessed indirectly by helper", name);
		if (!tnum_is_const(r->bits))
			return vf_refuse_reg(v, reg, "%s access cannot have variable offset", name);
		if (f->off != off + r->bits.value)
			return vf_refuse_reg(v, reg, "%s access misaligned expected=%u off=%llu", name, f->off,
					  (unsigned long long)(off + r->bits.value));
		if (size != 8)
			return vf_refuse_reg(v, reg, "%s access size must be BPF_DW", name);
	}
	return true;
}

/* BPF_F_RDONLY_PROG, BPF_F_WRONLY_PROG */
static bool
check_map_flags(Verifier *v, const Reg *r, s32 off, u64 size, int how)
{
	const MapDef *m = &v->maps[r->map];

	if (how == ACC_WRITE && (m->flags & BPF_F_RDONLY_PROG))
		return vf_refuse(v, "write into map forbidden, value_size=%u off=%lld size=%llu", m->value_size,
			      (long long)(r->smin + off), (unsigned long long)size);
	if (how == ACC_READ && (m->flags & BPF_F_WRONLY_PROG))
		return vf_refuse(v, "read from map forbidden, value_size=%u off=%lld size=%llu", m->value_size,
			      (long long)(r->smin + off), (unsigned long long)size);
	return true;
}

bool
vf_check_packet(Verifier *v, int reg, s32 off, u64 size, bool zero_ok)
{
	const Reg *r = &vf_regs_of(v)[reg];

	if (r->smin < 0)
		return vf_refuse_reg(v, reg, "R%d min value is negative, either use unsigned index or do a if (index >=0) check.", reg);
	if (r->range < 0 || !inside(off, size, (u64)r->range, zero_ok)) {
		vf_remedy(v, "Compare the end of the bytes to be accessed with data_end first, and leave if it is beyond.");
		return vf_refuse_reg(v, reg, "R%d offset is outside of the packet: %llu bytes at offset %d, %d known to be there", reg,
				  (unsigned long long)size, off, MAX(r->range, 0));
	}
	return true;
}

bool
vf_may_write_packet(Verifier *v)
{
	switch (v->code->prog_type) {
	case BPF_PROG_TYPE_SCHED_CLS: case BPF_PROG_TYPE_SCHED_ACT: case BPF_PROG_TYPE_XDP: case BPF_PROG_TYPE_LWT_XMIT:
	case BPF_PROG_TYPE_SK_SKB: case BPF_PROG_TYPE_SK_MSG: case BPF_PROG_TYPE_CGROUP_SOCKOPT:
		return true;
	}
	return false;
}

static bool
context(Verifier *v, const Reg *r, int reg, s32 off, u32 size, int how, int value, bool sext)
{
	CtxAccess acc;
	Reg *dst;

	if (!vf_check_fixed_off(v, r, reg, false) || !vf_ctx_access(v, off, size, how == ACC_WRITE, sext, &acc))
		return false;
	if (how == ACC_WRITE || value < 0)
		return true;
	dst = &vf_regs_of(v)[value];
	if (acc.kind == R_SCALAR) {
		vf_reg_unknown(dst);
		return true;
	}
	if (v->opt.no_kernel && acc.kind != R_PACKET && acc.kind != R_PACKET_END && acc.kind != R_META && !(acc.flags & F_NULL))
		return vf_unsupported(v, "what this field of the context points to is not there outside of a kernel");
	if (acc.kind == R_BTF) {        /* struct bpf_nf_ctx */
		vf_object_pointer(v, dst, off ? "sk_buff" : "nf_hook_state", F_TRUSTED);
		return true;
	}
	vf_reg_pointer(dst, acc.kind, acc.flags);
	dst->size = acc.size;
	if (acc.flags & F_NULL)
		dst->id = ++v->ids;
	return true;
}

/* May the register be stored to a field for pointers without a reference? */
static bool
kptr_fits(Verifier *v, const MapField *f, const Reg *r)
{
	return r->kind == R_BTF && tnum_is_const(r->bits) && vf_kernel_btf(v) &&
		vf_kernel_holds(v, r->map, r->off + (s64)r->bits.value, vf_kernel_struct(v, f->type));
}

static bool
kptr_access(Verifier *v, const MapField *f, const Insn *insn, int how, int value)
{
	Reg *r;

	if (BPF_MODE(insn->code) != BPF_MEM)
		return vf_refuse(v, "kptr in map can only be accessed using BPF_MEM instruction mode");
	if (how == ACC_WRITE && f->kind == MF_KPTR)
		return vf_refuse(v, "store to referenced kptr disallowed");
	if (how == ACC_READ) {
		r = &vf_regs_of(v)[value];
		vf_object_pointer(v, r, f->type, F_NULL | (f->kind == MF_KPTR && strcmp(f->type, "prog_test_member") ? F_RCU : F_UNTRUSTED));
		return true;
	}
	if (value >= 0 && !vf_is_zero(&vf_regs_of(v)[value]) && !kptr_fits(v, f, &vf_regs_of(v)[value]))
		return vf_refuse_reg(v, value, "invalid kptr access, R%d type=%s expected=ptr_%s", value,
				  vf_kind_name(v, &vf_regs_of(v)[value]), f->type);
	if (value < 0 && insn->imm)
		return vf_refuse(v, "BPF_ST imm must be 0 when storing to kptr at off=%u", f->off);
	return true;
}

/* A value of a frozen map that programs cannot write is a constant. */
static bool
constant_value(Verifier *v, const Reg *r, s32 off, u32 size, int value, bool sext)
{
	const MapDef *m = &v->maps[r->map];
	u64 n = 0;

	if (!tnum_is_const(r->bits) || !m->frozen || !(m->flags & BPF_F_RDONLY_PROG) || m->type != BPF_MAP_TYPE_ARRAY ||
	    m->max_entries != 1)
		return false;
	if (m->init)
		memcpy(&n, (const u8 *)m->init + off + (s64)r->bits.value, size);
	vf_reg_known(&vf_regs_of(v)[value], n);
	if (sext)
		vf_reg_sign_extend(&vf_regs_of(v)[value], size);
	return true;
}

static bool
map_value(Verifier *v, const Reg *r, int reg, s32 off, u32 size, int how, int value, bool sext)
{
	const MapDef *m = &v->maps[r->map];
	const Insn *insn = &v->insn[v->pc];

	if (!check_map_flags(v, r, off, size, how) || !vf_check_map_value(v, reg, off, size, false, false))
		return false;
	for (u32 i = 0; i < m->n_fields; i++)
		if ((m->fields[i].kind == MF_KPTR || m->fields[i].kind == MF_KPTR_UNTRUSTED) && tnum_is_const(r->bits) &&
		    m->fields[i].off == off + r->bits.value)
			return kptr_access(v, &m->fields[i], insn, how, value);
	if (how == ACC_READ && value >= 0 && !constant_value(v, r, off, size, value, sext))
		vf_reg_unknown(&vf_regs_of(v)[value]);
	return true;
}

static bool
tp_buffer(Verifier *v, const Reg *r, int reg, s32 off, u32 size)
{
	char bits[64];

	if (off < 0)
		return vf_refuse_reg(v, reg, "R%d invalid tracepoint buffer access: off=%d, size=%u", reg, off, size);
	if (!tnum_is_const(r->bits) || r->bits.value) {
		vf_print_bits(r->bits, bits, sizeof(bits));
		return vf_refuse_reg(v, reg, "R%d invalid variable buffer offset: off=%d, var_off=%s", reg, off, bits);
	}
	return true;
}

/* struct bpf_map, whose head the kernel lets programs read where it has BTF. */
static bool
map_struct(Verifier *v, const Reg *r, int reg, s32 off, u32 size, int how)
{
	const char *type = v->maps[r->map].type == BPF_MAP_TYPE_ARRAY ? "bpf_array" : "bpf_map";

	if (v->opt.unprivileged)
		return vf_refuse_reg(v, reg, "'struct %s' access is allowed only to CAP_PERFMON and CAP_SYS_ADMIN", type);
	if (how != ACC_READ)
		return vf_refuse_reg(v, reg, "only read from %s is supported", type);
	if (off < 0)
		return vf_refuse_reg(v, reg, "R%d is %s invalid negative access: off=%d", reg, type, off);
	return vf_map_struct_access(v, reg, off, size);
}

bool
vf_check_mem(Verifier *v, int reg, s32 off, u32 size, int how, int value, bool strict_align, bool sext)
{
	Reg r = vf_regs_of(v)[reg], *dst;
	const Insn *insn = &v->insn[v->pc];
	bool unknown = how == ACC_READ && value >= 0, ok;

	if (!check_alignment(v, &r, reg, off, size, strict_align))
		return false;
	off += r.off;
	if (r.flags & F_NULL && r.kind != R_SCALAR) {
		vf_remedy(v, "Compare the pointer with 0 first and use it only where it is not.");
		return vf_refuse_reg(v, reg, "R%d invalid mem access '%s'", reg, vf_kind_name(v, &r));
	}
	if (how == ACC_WRITE && !vf_unpriv_store(v, (Kind)r.kind, value))
		return false;
	switch (r.kind) {
	case R_KEY:
		if (how == ACC_WRITE)
			return vf_refuse_reg(v, reg, "write to change key R%d not allowed", reg);
		ok = vf_check_region(v, reg, off, size, v->maps[r.map].key_size, false);
		break;
	case R_VALUE:
		ok = map_value(v, &r, reg, off, size, how, value, sext);
		unknown = false;
		break;
	case R_MEM:
		if (how == ACC_WRITE && (r.flags & F_RDONLY))
			return vf_refuse_reg(v, reg, "R%d cannot write into %s", reg, vf_kind_name(v, &r));
		ok = r.flags & F_UNTRUSTED || vf_check_region(v, reg, off, size, r.size, false);
		break;
	case R_CTX:
		ok = context(v, &r, reg, off, size, how, value, sext);
		unknown = false;
		break;
	case R_STACK:
		ok = how == ACC_READ ? vf_stack_read(v, reg, off, size, value) : vf_stack_write(v, reg, off, size, value, insn);
		unknown = false;
		break;
	case R_PACKET: case R_META:
		if (how == ACC_WRITE && !vf_may_write_packet(v))
			return vf_refuse_reg(v, reg, "cannot write into packet");
		ok = vf_check_packet(v, reg, off, size, false);
		break;
	case R_FLOW_KEYS:
		ok = (size > 0 && off >= 0 && (u32)off + size <= 56) ||
			vf_refuse_reg(v, reg, "invalid access to flow keys off=%d size=%u", off, size);
		break;
	case R_SOCK: case R_SOCK_COMMON: case R_TCP_SOCK: case R_XDP_SOCK:
		if (how == ACC_WRITE)
			return vf_refuse_reg(v, reg, "R%d cannot write into %s", reg, vf_kind_name(v, &r));
		ok = (r.smin >= 0 || vf_refuse_reg(v, reg, "R%d min value is negative, either use unsigned index or do a "
						"if (index >=0) check.", reg)) &&
			(vf_sock_access(r.kind, off, size) ||
			 vf_refuse_reg(v, reg, "R%d invalid %s access off=%d size=%u", reg, vf_kind_name(v, &r), off, size));
		break;
	case R_TP_BUFFER:
		ok = tp_buffer(v, &r, reg, off, size);
		break;
	case R_MAP:
		ok = map_struct(v, &r, reg, off, size, how);
		break;
	case R_BTF:
		ok = vf_object_access(v, &r, reg, off, size, how, value);
		unknown = false;
		break;
	default:
		vf_remedy(v, r.kind == R_SCALAR ? "A number is no address here; read such memory with a probe_read helper." :
		       "This kind of pointer can only be handed to helpers.");
		return vf_refuse_reg(v, reg, "R%d invalid mem access '%s'", reg, vf_kind_name(v, &r));
	}
	if (!ok)
		return false;
	if (value < 0 || how != ACC_READ)
		return true;
	dst = &vf_regs_of(v)[value];
	if (unknown)
		vf_reg_unknown(dst);
	if (dst->kind == R_SCALAR && size < 8) {
		u32 deps = dst->deps;

		if (sext)
			vf_reg_sign_extend(dst, size);
		else
			vf_reg_truncate(dst, size);
		dst->deps = deps;
	}
	return true;
}

bool
vf_check_helper_mem(Verifier *v, int reg, u64 size, int how, bool zero_ok, CallMeta *meta)
{
	Reg *r = &vf_regs_of(v)[reg];

	switch (r->kind) {  /* NULL-ness was the caller's to check */
	case R_PACKET: case R_META:
		return vf_check_packet(v, reg, r->off, size, zero_ok);
	case R_KEY:
		if (how == ACC_WRITE)
			return vf_refuse_reg(v, reg, "R%d cannot write into %s", reg, vf_kind_name(v, r));
		return vf_check_region(v, reg, r->off, size, v->maps[r->map].key_size, false);
	case R_VALUE:
		return check_map_flags(v, r, r->off, size, how) && vf_check_map_value(v, reg, r->off, size, zero_ok, true);
	case R_MEM:
		if (how == ACC_WRITE && (r->flags & F_RDONLY))
			return vf_refuse_reg(v, reg, "R%d cannot write into %s", reg, vf_kind_name(v, r));
		return vf_check_region(v, reg, r->off, size, r->size, zero_ok);
	case R_STACK:
		return vf_stack_helper(v, reg, size, how, zero_ok, meta);
	default:
		if (zero_ok && size == 0 && vf_is_zero(r))
			return true;
		return vf_refuse_reg(v, reg, "R%d type=%s expected=fp", reg, vf_kind_name(v, r));
	}
}

/* One instruction is compiled for one kind of pointer, where the kinds need different code. */
static bool
one_kind(Verifier *v, Reg r)
{
	InsnInfo *info = &v->info[v->pc];
	u32 kind = 1 + r.kind + (u32)r.flags * 256;
	u32 was = info->kind;
	bool special = r.kind == R_CTX || r.kind == R_SOCK || r.kind == R_SOCK_COMMON || r.kind == R_TCP_SOCK ||
		r.kind == R_XDP_SOCK || r.kind == R_BTF;
	u32 k = (was - 1) & 255;
	bool was_special = was && (k == R_CTX || k == R_SOCK || k == R_SOCK_COMMON || k == R_TCP_SOCK || k == R_XDP_SOCK ||
				   k == R_BTF);

	if (!was) {
		info->kind = kind;
		return true;
	}
	if (was != kind && (special || was_special)) {
		vf_remedy(v, "Use separate instructions for the different pointers.");
		return vf_refuse(v, "same insn cannot be used with different pointers");
	}
	return true;
}

static u32
size_of(const Insn *insn)
{
	static const u8 size[] = { 4, 2, 1, 8 };

	return size[BPF_SIZE(insn->code) >> 3];
}

bool
vf_do_load(Verifier *v, const Insn *insn)
{
	Reg was;

	if (!vf_use_reg(v, insn->src_reg) || !vf_set_reg(v, insn->dst_reg))
		return false;
	was = vf_regs_of(v)[insn->src_reg];
	return vf_check_mem(v, insn->src_reg, insn->off, size_of(insn), ACC_READ, insn->dst_reg, false,
			 BPF_MODE(insn->code) == K_MEMSX) && one_kind(v, was);
}

bool
vf_do_store(Verifier *v, const Insn *insn)
{
	bool imm = BPF_CLASS(insn->code) == BPF_ST;

	if (imm ? insn->src_reg : insn->imm)
		return vf_refuse(v, "%s uses reserved fields", imm ? "BPF_ST" : "BPF_STX");
	if ((!imm && !vf_use_reg(v, insn->src_reg)) || !vf_use_reg(v, insn->dst_reg))
		return false;
	return vf_check_mem(v, insn->dst_reg, insn->off, size_of(insn), ACC_WRITE, imm ? NO_VALUE : insn->src_reg, false, false) &&
		one_kind(v, vf_regs_of(v)[insn->dst_reg]);
}

static bool
atomic_target(Verifier *v, int reg)
{
	const Reg *r = &vf_regs_of(v)[reg];

	switch (r->kind) {
	case R_CTX: case R_PACKET: case R_META: case R_FLOW_KEYS: case R_SOCK: case R_SOCK_COMMON: case R_TCP_SOCK: case R_XDP_SOCK:
		return vf_refuse_reg(v, reg, "BPF_ATOMIC stores into R%d %s is not allowed", reg, vf_kind_name(v, r));
	}
	return true;
}

bool
vf_do_atomic(Verifier *v, const Insn *insn)
{
	u32 size = size_of(insn);
	int load = -1;

	switch (insn->imm) {
	case BPF_ADD: case BPF_ADD | BPF_FETCH: case BPF_AND: case BPF_AND | BPF_FETCH: case BPF_OR: case BPF_OR | BPF_FETCH:
	case BPF_XOR: case BPF_XOR | BPF_FETCH: case BPF_XCHG: case BPF_CMPXCHG:
		break;
	case K_ATOMIC_LOAD_ACQ:
		if (!vf_use_reg(v, insn->src_reg) || !vf_set_reg(v, insn->dst_reg))
			return false;
		if (!atomic_target(v, insn->src_reg))
			return false;
		{
			Reg was = vf_regs_of(v)[insn->src_reg];

			return vf_check_mem(v, insn->src_reg, insn->off, size, ACC_READ, insn->dst_reg, true, false) && one_kind(v, was);
		}
	case K_ATOMIC_STORE_REL:
		if (!vf_use_reg(v, insn->src_reg) || !vf_use_reg(v, insn->dst_reg) || !atomic_target(v, insn->dst_reg))
			return false;
		return vf_check_mem(v, insn->dst_reg, insn->off, size, ACC_WRITE, insn->src_reg, true, false) &&
			one_kind(v, vf_regs_of(v)[insn->dst_reg]);
	default:
		return vf_refuse(v, "BPF_ATOMIC uses invalid atomic opcode %02x", insn->imm);
	}
	if (size < 4)
		return vf_refuse(v, "invalid atomic operand size");
	if (!vf_use_reg(v, insn->src_reg) || !vf_use_reg(v, insn->dst_reg))
		return false;
	if (insn->imm == BPF_CMPXCHG && !vf_use_reg(v, BPF_REG_0))
		return false;
	if (!atomic_target(v, insn->dst_reg))
		return false;
	if (vf_secret(v, &vf_regs_of(v)[insn->src_reg]) || (insn->imm == BPF_CMPXCHG && vf_secret(v, &vf_regs_of(v)[0])))
		return vf_refuse_reg(v, insn->src_reg, "R%d leaks addr into mem", insn->src_reg);
	if (insn->imm & BPF_FETCH) {
		load = insn->imm == BPF_CMPXCHG ? BPF_REG_0 : insn->src_reg;
		if (!vf_set_reg(v, load))
			return false;
	}
	if (!vf_check_mem(v, insn->dst_reg, insn->off, size, ACC_READ, -1, true, false))
		return false;
	if (load >= 0 && !vf_check_mem(v, insn->dst_reg, insn->off, size, ACC_READ, load, true, false))
		return false;
	return vf_check_mem(v, insn->dst_reg, insn->off, size, ACC_WRITE, -1, true, false);
}
