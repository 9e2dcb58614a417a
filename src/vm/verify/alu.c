/* alu: arithmetic over abstract values: numbers, and pointers plus or minus numbers. */
#include "vm/verify/verify.h"

bool
vf_use_reg(Verifier *v, int reg)
{
	if (reg >= N_REGS)
		return vf_refuse(v, "R%d is invalid", reg);
	if (vf_regs_of(v)[reg].kind == R_NONE) {
		vf_remedy(v, "Give the register a value on every path that leads here; calls clobber r1 to r5, and r0 holds their result.");
		return vf_refuse_reg(v, reg, "R%d !read_ok", reg);
	}
	return true;
}

bool
vf_set_reg(Verifier *v, int reg)
{
	if (reg >= N_REGS)
		return vf_refuse(v, "R%d is invalid", reg);
	if (reg == BPF_REG_10)
		return vf_refuse(v, "frame pointer is read only");
	return true;
}

static const char *
op_name(u8 op)
{
	static const char *const names[] = { "+=", "-=", "*=", "/=", "|=", "&=", "<<=", ">>=", "neg", "%=", "^=", "=", "s>>=" };

	return (op >> 4) < COUNT(names) ? names[op >> 4] : "?";
}

/* Keeps offsets small enough that no sum of them can wrap. */
static bool
sane_offset(Verifier *v, int reg, const Reg *r, const Reg *pointer)
{
	const char *name = vf_kind_name(v, pointer);

	if (tnum_is_const(r->bits) && ((s64)r->bits.value >= MAX_VAR_OFF || (s64)r->bits.value <= -MAX_VAR_OFF))
		return vf_refuse_reg(v, reg, "math between %s pointer and %lld is not allowed", name, (long long)r->bits.value);
	if ((r->kind != R_SCALAR || (r->flags & F_DELTAS)) && (r->off >= MAX_VAR_OFF || r->off <= -MAX_VAR_OFF))
		return vf_refuse_reg(v, reg, "%s pointer offset %d is not allowed", name, r->off);
	if (r->smin == INT64_MIN) {
		vf_remedy(v, "Bound the offset before it is added: compare it as unsigned, or mask it.");
		return vf_refuse_reg(v, reg, "math between %s pointer and register with unbounded min value is not allowed", name);
	}
	if (r->smin >= MAX_VAR_OFF || r->smin <= -MAX_VAR_OFF)
		return vf_refuse_reg(v, reg, "value %lld makes %s pointer be out of bounds", (long long)r->smin, name);
	return true;
}

static bool
arithmetic_ok(Verifier *v, int dst, const Reg *p, const Reg *n, u8 op)
{
	bool known = tnum_is_const(n->bits);

	if (p->flags & F_NULL && p->kind != R_SCALAR) {
		vf_remedy(v, "Compare the pointer with 0 first and continue only where it is not.");
		return vf_refuse_reg(v, dst, "R%d pointer arithmetic on %s prohibited, null-check it first", dst, vf_kind_name(v, p));
	}
	switch (p->kind) {
	case R_CTX: case R_VALUE: case R_KEY: case R_STACK: case R_PACKET: case R_META: case R_TP_BUFFER: case R_BTF:
	case R_MEM: case R_FUNC: case R_DYNPTR:
		return true;
	case R_FLOW_KEYS:
		if (known)
			return true;
		break;
	case R_MAP:
		if (known && n->smin == 0 && op == BPF_ADD)
			return true;
		break;
	}
	return vf_refuse_reg(v, dst, "R%d pointer arithmetic on %s prohibited", dst, vf_kind_name(v, p));
}

static void
unbound_pointer32(Reg *r)
{
	r->s32min = INT32_MIN;
	r->s32max = INT32_MAX;
	r->u32min = 0;
	r->u32max = UINT32_MAX;
}

/* Bounds of p + n or p - n as the pointer's variable part. */
static void
add_variable(Reg *dst, const Reg *p, const Reg *n, bool minus)
{
	Reg sum = *p;

	if (minus)
		vf_reg_alu(&sum, n, BPF_SUB, false);
	else
		vf_reg_alu(&sum, n, BPF_ADD, false);
	dst->bits = sum.bits;
	dst->smin = sum.smin;
	dst->smax = sum.smax;
	dst->umin = sum.umin;
	dst->umax = sum.umax;
}

static bool
is_packet(const Reg *r)
{
	return r->kind == R_PACKET || r->kind == R_META;
}

/* dst = p op n. p and n are not dst itself (copies). */
static bool
pointer_math(Verifier *v, const Insn *insn, const Reg *p, const Reg *n, bool scalar_first)
{
	Reg *dst = &vf_regs_of(v)[insn->dst_reg];
	u8 op = BPF_OP(insn->code);
	bool known = tnum_is_const(n->bits);
	s64 off;

	if ((known && (n->smin != n->smax || n->umin != n->umax)) || n->smin > n->smax || n->umin > n->umax) {
		vf_reg_unknown(dst);
		return true;
	}
	if (BPF_CLASS(insn->code) != BPF_ALU64) {
		if (op == BPF_SUB && !v->opt.unprivileged) {    /* half a pointer is a number */
			vf_reg_unknown(dst);
			return true;
		}
		return vf_refuse_reg(v, insn->dst_reg, "R%d 32-bit pointer arithmetic prohibited", insn->dst_reg);
	}
	if (p->kind == R_MEM && (p->flags & (F_UNTRUSTED | F_NULL)) == F_UNTRUSTED) {   /* reads are guarded, wherever they go */
		if (scalar_first)
			vf_reg_unknown(dst);
		return true;
	}
	if (!arithmetic_ok(v, insn->dst_reg, p, n, op) || !sane_offset(v, insn->dst_reg, n, p) ||
	    !sane_offset(v, insn->dst_reg, p, p))
		return false;
	*dst = *p;
	unbound_pointer32(dst);
	switch (op) {
	case BPF_ADD:
		off = p->off + n->smin;
		if (known && off == (s32)off) {
			dst->off = (s32)off;
			break;
		}
		add_variable(dst, p, n, false);
		if (is_packet(p)) {
			dst->id = ++v->ids;
			dst->range = 0;
		}
		break;
	case BPF_SUB:
		if (scalar_first)
			return vf_refuse_reg(v, insn->dst_reg, "R%d tried to subtract pointer from scalar", insn->dst_reg);
		if (p->kind == R_STACK)
			return vf_refuse_reg(v, insn->dst_reg, "R%d subtraction from stack pointer prohibited", insn->dst_reg);
		off = p->off - n->smin;
		if (known && off == (s32)off) {
			dst->off = (s32)off;
			break;
		}
		add_variable(dst, p, n, true);
		if (is_packet(p)) {
			dst->id = ++v->ids;
			if (n->smin < 0)
				dst->range = 0;
		}
		break;
	case BPF_AND: case BPF_OR: case BPF_XOR:
		return vf_refuse_reg(v, insn->dst_reg, "R%d bitwise operator %s on pointer prohibited", insn->dst_reg, op_name(op));
	default:
		return vf_refuse_reg(v, insn->dst_reg, "R%d pointer arithmetic with %s operator prohibited", insn->dst_reg, op_name(op));
	}
	if (!sane_offset(v, insn->dst_reg, dst, p))
		return false;
	vf_reg_sync(dst);
	return vf_unpriv_math(v, insn->dst_reg, p, n);
}

static void
drop_id(Reg *r)
{
	r->id = 0;
	r->flags &= (u16)~F_DELTAS;
	r->off = 0;
}

/* A register that was a copy of another and now is a constant more stays linked with it. Only once; and 32-bit sums only of
 * numbers that had no upper half. */
static void
link_delta(Reg *dst, const Reg *src, u8 op, bool alu32, bool narrow)
{
	s64 n = alu32 ? (s32)vf_reg_const(src, true) : (s64)vf_reg_const(src, false);

	if ((op != BPF_ADD && op != BPF_SUB) || !dst->id || !vf_reg_is_const(src, alu32) || (dst->flags & F_DELTAS) ||
	    n < INT32_MIN || n > INT32_MAX || (op == BPF_SUB && n == INT32_MIN) || (alu32 && !narrow)) {
		drop_id(dst);
		return;
	}
	dst->flags |= alu32 ? F_DELTA32 : F_DELTA;
	dst->off = (s32)(op == BPF_SUB ? -n : n);
}

static bool
binary(Verifier *v, const Insn *insn)
{
	Reg *regs = vf_regs_of(v), *dst = &regs[insn->dst_reg], imm, p, n;
	const Reg *src;
	u8 op = BPF_OP(insn->code);
	bool alu32 = BPF_CLASS(insn->code) == BPF_ALU, by_reg = BPF_SRC(insn->code) == BPF_X, narrow;

	if (by_reg)
		src = &regs[insn->src_reg];
	else {
		vf_reg_known(&imm, (u64)(s64)insn->imm);
		src = &imm;
	}
	if (dst->kind != R_SCALAR && src->kind != R_SCALAR) {
		if (op == BPF_SUB && !v->opt.unprivileged) {    /* the distance of two pointers is any number */
			vf_reg_unknown(dst);
			return true;
		}
		return vf_refuse_reg(v, insn->dst_reg, "R%d pointer %s pointer prohibited", insn->dst_reg, op_name(op));
	}
	if (src->kind != R_SCALAR) {
		vf_mark_reg_precise(v, insn->dst_reg);
		p = *src;
		n = *dst;
		return pointer_math(v, insn, &p, &n, true);
	}
	if (dst->kind != R_SCALAR) {
		if (by_reg)
			vf_mark_reg_precise(v, insn->src_reg);
		p = *dst;
		n = *src;
		return pointer_math(v, insn, &p, &n, false);
	}
	dst->deps = vf_deps_join(v, dst->deps, src->deps);
	narrow = dst->umax <= UINT32_MAX;
	n = *src;
	vf_reg_alu(dst, &n, op, alu32);
	link_delta(dst, &n, op, alu32, narrow);
	return true;
}

/* A copy shares an id with its source, so that what is learnt of one is known of the other. */
static void
share_id(Verifier *v, Reg *src)
{
	if (src->kind != R_SCALAR)
		return;
	if (src->flags & F_DELTAS)
		drop_id(src);
	if (!src->id && !tnum_is_const(src->bits))
		src->id = ++v->ids;
}

static bool
move_reg(Verifier *v, const Insn *insn)
{
	Reg *regs = vf_regs_of(v), *src = &regs[insn->src_reg], *dst = &regs[insn->dst_reg];
	u32 size = (u32)insn->off / 8, deps;
	bool fits;

	if (BPF_CLASS(insn->code) == BPF_ALU64) {
		if (insn->off == 0) {
			share_id(v, src);
			*dst = *src;
			return true;
		}
		if (vf_secret(v, src))
			return vf_refuse_reg(v, insn->src_reg, "R%d partial copy of pointer", insn->src_reg);
		if (src->kind != R_SCALAR) {
			vf_reg_unknown(dst);
			return true;
		}
		fits = src->umax < 1ull << (insn->off - 1);
		if (fits)
			share_id(v, src);
		*dst = *src;
		if (!fits)
			drop_id(dst);
		vf_reg_sign_extend(dst, size);
		return true;
	}
	if (vf_secret(v, src))
		return vf_refuse_reg(v, insn->src_reg, "R%d partial copy of pointer", insn->src_reg);
	if (src->kind != R_SCALAR) {    /* half a pointer */
		vf_reg_unknown(dst);
		vf_reg_zext32(dst);
		vf_reg_sync(dst);
		return true;
	}
	fits = insn->off ? src->umax < 1ull << (insn->off - 1) : src->umax <= UINT32_MAX;
	if (fits)
		share_id(v, src);
	*dst = *src;
	if (!fits)
		drop_id(dst);
	if (insn->off)
		vf_reg_sign_extend32(dst, size);
	deps = dst->deps;
	vf_reg_zext32(dst);
	vf_reg_sync(dst);
	dst->deps = deps;
	return true;
}

static bool
do_mov(Verifier *v, const Insn *insn)
{
	bool wide = BPF_CLASS(insn->code) == BPF_ALU64;

	if (BPF_SRC(insn->code) == BPF_X) {
		if (insn->off && insn->off != 8 && insn->off != 16 && !(wide && insn->off == 32))
			return vf_refuse(v, "BPF_MOV uses reserved fields");
		if (insn->imm)
			return vf_refuse(v, "BPF_MOV uses reserved fields");
		return vf_use_reg(v, insn->src_reg) && vf_set_reg(v, insn->dst_reg) && move_reg(v, insn);
	}
	if (insn->src_reg || insn->off)
		return vf_refuse(v, "BPF_MOV uses reserved fields");
	if (!vf_set_reg(v, insn->dst_reg))
		return false;
	vf_reg_known(&vf_regs_of(v)[insn->dst_reg], wide ? (u64)(s64)insn->imm : (u32)insn->imm);
	return true;
}

static void
byte_order(Reg *r, const Insn *insn)
{
	u32 bytes = (u32)insn->imm / 8, deps = r->deps;
	bool swap = BPF_CLASS(insn->code) == BPF_ALU64 || BPF_SRC(insn->code) == BPF_TO_BE;

	if (swap) {
		Tnum bits = tnum_bswap(r->bits, bytes);

		vf_reg_unknown(r);
		r->bits = bits;
		vf_reg_sync(r);
	} else
		vf_reg_truncate(r, bytes);
	drop_id(r);
	r->deps = deps;
}

static bool
unary(Verifier *v, const Insn *insn)
{
	bool neg = BPF_OP(insn->code) == BPF_NEG, wide = BPF_CLASS(insn->code) == BPF_ALU64;
	Reg *dst;
	u32 deps;

	if (neg && (BPF_SRC(insn->code) != BPF_K || insn->src_reg || insn->off || insn->imm))
		return vf_refuse(v, "BPF_NEG uses reserved fields");
	if (!neg && (insn->src_reg || insn->off || (insn->imm != 16 && insn->imm != 32 && insn->imm != 64) ||
		     (wide && BPF_SRC(insn->code) != BPF_TO_LE)))
		return vf_refuse(v, "BPF_END uses reserved fields");
	if (!vf_use_reg(v, insn->dst_reg))
		return false;
	dst = &vf_regs_of(v)[insn->dst_reg];
	if (!vf_set_reg(v, insn->dst_reg))
		return false;
	if (vf_secret(v, dst))
		return vf_refuse_reg(v, insn->dst_reg, "R%d pointer arithmetic prohibited", insn->dst_reg);
	if (dst->kind != R_SCALAR) {
		vf_reg_unknown(dst);
		return true;
	}
	if (!neg) {
		byte_order(dst, insn);
		return true;
	}
	deps = dst->deps;
	vf_reg_alu(dst, dst, BPF_NEG, !wide);
	drop_id(dst);
	dst->deps = deps;
	return true;
}

bool
vf_do_alu(Verifier *v, const Insn *insn)
{
	u8 op = BPF_OP(insn->code);
	bool wide = BPF_CLASS(insn->code) == BPF_ALU64, div = op == BPF_DIV || op == BPF_MOD;
	s32 bits = wide ? 64 : 32;

	if (op == BPF_NEG || op == BPF_END)
		return unary(v, insn);
	if (op == BPF_MOV)
		return do_mov(v, insn);
	if (op > BPF_END)
		return vf_refuse(v, "invalid BPF_ALU opcode %x", op);
	if (insn->off && !(div && insn->off == 1))
		return vf_refuse(v, "BPF_ALU uses reserved fields");
	if (BPF_SRC(insn->code) == BPF_X) {
		if (insn->imm)
			return vf_refuse(v, "BPF_ALU uses reserved fields");
		if (!vf_use_reg(v, insn->src_reg))
			return false;
	} else if (insn->src_reg)
		return vf_refuse(v, "BPF_ALU uses reserved fields");
	if (!vf_use_reg(v, insn->dst_reg))
		return false;
	if (div && BPF_SRC(insn->code) == BPF_K && insn->imm == 0)
		return vf_refuse(v, "div by zero");
	if ((op == BPF_LSH || op == BPF_RSH || op == BPF_ARSH) && BPF_SRC(insn->code) == BPF_K &&
	    (insn->imm < 0 || insn->imm >= bits))
		return vf_refuse(v, "invalid shift %d", insn->imm);
	return vf_set_reg(v, insn->dst_reg) && binary(v, insn);
}
