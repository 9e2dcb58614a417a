/* stack: the frame byte by byte: what is stored, spilled and filled, and what helpers read and write there. */
#include "vm/verify/call.h"

static Frame *
stack_frame(Verifier *v, const Reg *r)
{
	return v->s->frame[r->frame];
}

/* Bounds of an access of size bytes; grows the frame. *min and *max get the first and last offset it may begin at. */
static bool
stack_bounds(Verifier *v, int reg, s32 off, u64 size, const char *what, s64 *min, s64 *max)
{
	const Reg *r = &vf_regs_of(v)[reg];
	bool fixed = tnum_is_const(r->bits);
	char bits[64];

	if (fixed)
		*min = *max = (s64)r->bits.value + off;
	else {
		if (r->smax >= MAX_VAR_OFF || r->smin <= -MAX_VAR_OFF)
			return vf_refuse_reg(v, reg, "invalid unbounded variable-offset%s stack R%d", what, reg);
		*min = r->smin + off;
		*max = r->smax + off;
	}
	if (*min < -STACK_SIZE || *min > -1 || *max + (s64)size > 0) {
		vf_remedy(v, "The stack of a function is 512 bytes, from r10-512 to r10-1.");
		if (fixed)
			return vf_refuse_reg(v, reg, "invalid%s stack R%d off=%lld size=%llu", what, reg, (long long)*min,
					  (unsigned long long)size);
		vf_print_bits(r->bits, bits, sizeof(bits));
		return vf_refuse_reg(v, reg, "invalid variable-offset%s stack R%d var_off=%s off=%d size=%llu", what, reg, bits, off,
				  (unsigned long long)size);
	}
	vf_frame_grow(v, stack_frame(v, r), (u32)((-*min + 7) / 8));
	v->sub[stack_frame(v, r)->sub].stack = MAX(v->sub[stack_frame(v, r)->sub].stack, (u32)-*min);
	return true;
}

static Slot *
slot_at(Frame *f, s64 off, u32 *byte)
{
	u32 at = (u32)(-off - 1);

	*byte = at % 8;
	return &f->slot[at / 8];
}

static bool
is_special(const Slot *s)
{
	return s->type[7] == T_SPILL || s->type[7] == T_DYNPTR || s->type[7] == T_ITER;
}

static void
scrub(Slot *s)
{
	for (u32 i = 0; i < 8; i++)
		if (s->type[i] != T_INVALID)
			s->type[i] = T_MISC;
}

static u32
width(const Reg *r)
{
	return r->umax ? 64 - (u32)__builtin_clzll(r->umax) : 0;
}

static void
share_slot_id(Verifier *v, Reg *r)
{
	if (r->kind != R_SCALAR)
		return;
	if (r->flags & F_DELTAS) {
		r->id = 0;
		r->off = 0;
		r->flags &= (u16)~F_DELTAS;
	}
	if (!r->id && !tnum_is_const(r->bits))
		r->id = ++v->ids;
}

static void
save(Slot *s, const Reg *r, u32 size)
{
	u32 i = 8;

	s->reg = *r;
	if (size == 8)
		s->written = true;
	for (; i > 8 - size; i--)
		s->type[i - 1] = T_SPILL;
	for (; i > 0; i--)
		if (s->type[i - 1] != T_ZERO && s->type[i - 1] != T_INVALID)
			s->type[i - 1] = T_MISC;
}

/* Kinds that the stack can hold as what they are. */
static bool
spillable(const Reg *r)
{
	return r->kind != R_NONE && r->kind != R_SCALAR && r->kind != R_TP_BUFFER && r->kind != R_DYNPTR;
}

static bool
write_fixed(Verifier *v, Frame *f, s64 off, u32 size, int value, const Insn *insn)
{
	Reg *r = value >= 0 ? &vf_regs_of(v)[value] : NULL, imm;
	bool st = BPF_CLASS(insn->code) == BPF_ST && BPF_MODE(insn->code) == BPF_MEM;
	u32 byte;
	Slot *s = slot_at(f, off, &byte);
	SlotType type = T_MISC;

	if (!vf_dynptr_overwritten(v, f, (u32)(s - f->slot)))
		return false;
	s = slot_at(f, off, &byte);
	if (v->opt.unprivileged && vf_slot_is_spill(s) && s->reg.kind != R_SCALAR && size != 8)
		return vf_refuse(v, "attempt to corrupt spilled pointer on stack");
	if (r && off % 8 == 0 && r->kind == R_SCALAR && !v->opt.unprivileged) {
		bool fits = width(r) <= 8 * size;

		if (fits)
			share_slot_id(v, r);
		save(s, r, size);
		if (!fits) {
			s->reg.id = 0;
			s->reg.flags &= (u16)~F_DELTAS;
			s->reg.off = 0;
		}
	} else if (!r && off % 8 == 0 && st && !v->opt.unprivileged) {
		vf_reg_known(&imm, (u64)(s64)insn->imm);
		save(s, &imm, size);
	} else if (r && spillable(r)) {
		if (size != 8)
			return vf_refuse_reg(v, value, "invalid size of register spill");
		if (f != vf_frame_of(v) && r->kind == R_STACK)
			return vf_refuse_reg(v, value, "cannot spill pointers to stack into stack frame of the caller");
		save(s, r, size);
	} else {
		if (is_special(s))
			scrub(s);
		vf_reg_none(&s->reg);
		if (vf_is_zero(r) || (!r && st && insn->imm == 0)) {
			if (r)
				vf_mark_precise(v, r->deps);
			type = T_ZERO;
		}
		for (u32 i = 0; i < size; i++)
			s->type[(byte - i) % 8] = (u8)type;
		if (size == 8)
			s->written = true;
	}
	return true;
}

static bool
write_variable(Verifier *v, Frame *f, s64 min, s64 max, u32 size, int value, const Insn *insn)
{
	const Reg *r = value >= 0 ? &vf_regs_of(v)[value] : NULL;
	bool st = BPF_CLASS(insn->code) == BPF_ST && BPF_MODE(insn->code) == BPF_MEM;
	bool zero = vf_is_zero(r) || (!r && st && insn->imm == 0), used = false;
	u32 byte;

	for (s64 at = min; at < max + size; at++)
		if (!vf_dynptr_overwritten(v, f, (u32)(-at - 1) / 8))
			return false;
	for (s64 at = min; at < max + size; at++) {
		Slot *s = slot_at(f, at, &byte);

		if (zero && s->type[byte] == T_SPILL && vf_is_zero(&s->reg)) {
			used = true;
			continue;
		}
		if (is_special(s))
			scrub(s);
		vf_reg_none(&s->reg);
		if (zero && s->type[byte] == T_ZERO)
			used = true;
		else
			s->type[byte] = T_MISC;
	}
	if (used && r)
		vf_mark_precise(v, r->deps);
	return true;
}

/* What a load of bytes that are no spilled register gives. */
static void
load_bytes(Verifier *v, const Reg *from, s64 min, s64 end, int value)
{
	Frame *f = stack_frame(v, from);
	bool zero = true;
	u32 byte;

	for (s64 at = min; at < end; at++)
		zero &= slot_at(f, at, &byte)->type[byte] == T_ZERO;
	if (zero)
		vf_reg_known(&vf_regs_of(v)[value], 0);
	else
		vf_reg_unknown(&vf_regs_of(v)[value]);
}

static bool
fill(Verifier *v, Frame *f, s64 off, u32 size, int value)
{
	u32 byte, spilled = 1, n_spill = 0, n_zero = 0, deps;
	Slot *s = slot_at(f, off, &byte);
	Reg *dst = value >= 0 ? &vf_regs_of(v)[value] : NULL;

	for (u32 i = 7; i > 0 && s->type[i - 1] == T_SPILL; i--)
		spilled++;
	if (size == 8 && spilled == 8) {
		if (dst) {
			share_slot_id(v, &s->reg);
			*dst = s->reg;
		}
		return true;
	}
	if (s->reg.kind != R_SCALAR)
		return vf_refuse(v, "invalid size of register fill");
	if (!dst)
		return true;
	if (size <= spilled && off % 8 == 0) {
		if (size == 4 && spilled == 4 && width(&s->reg) <= 32)
			share_slot_id(v, &s->reg);
		*dst = s->reg;
		if (width(&s->reg) > size * 8) {
			dst->id = 0;
			dst->flags &= (u16)~F_DELTAS;
			dst->off = 0;
		}
		return true;
	}
	for (u32 i = 0; i < size; i++) {
		u8 t = s->type[(byte - i) % 8];

		n_spill += t == T_SPILL;
		n_zero += t == T_ZERO;
		if (t == T_DYNPTR || t == T_ITER)
			return vf_refuse(v, "invalid read from stack off %lld+%u size %u", (long long)off, i, size);
	}
	deps = s->reg.deps;
	if ((n_spill == size && vf_is_zero(&s->reg)) || n_zero == size) {
		vf_reg_known(dst, 0);
		dst->deps = n_spill ? deps : 0;
	} else
		vf_reg_unknown(dst);
	return true;
}

bool
vf_stack_read(Verifier *v, int reg, s32 off, u32 size, int value)
{
	const Reg r = vf_regs_of(v)[reg];
	Frame *f = stack_frame(v, &r);
	s64 min, max;
	u32 byte;

	if (!stack_bounds(v, reg, off, size, " read from", &min, &max))
		return false;
	for (s64 at = min; at < max + size; at++)
		vf_mark_slot_read(v, r.frame, (u32)(-at - 1) / 8);
	if (tnum_is_const(r.bits)) {
		Slot *s = slot_at(f, min, &byte);

		if (vf_slot_is_spill(s))
			return fill(v, f, min, size, value);
	} else if (value < 0)
		return vf_refuse_reg(v, reg, "variable offset stack pointer cannot be passed into helper function");
	for (s64 at = min; at < max + size; at++) {
		Slot *s = slot_at(f, at, &byte);

		if (v->opt.unprivileged && s->type[byte] == T_INVALID)
			return vf_refuse_reg(v, reg, "invalid read from stack off %lld+%lld size %u", (long long)min, (long long)(at - min), size);
		if (s->type[byte] == T_DYNPTR || s->type[byte] == T_ITER)
			return vf_refuse_reg(v, reg, "invalid read from stack off %lld+0 size %u", (long long)at, size);
		/* Spilled numbers under a variable offset decide what is loaded only by being zero or not. */
	}
	if (value >= 0)
		load_bytes(v, &r, min, max + size, value);
	return true;
}

bool
vf_stack_write(Verifier *v, int reg, s32 off, u32 size, int value, const Insn *insn)
{
	const Reg r = vf_regs_of(v)[reg];
	Frame *f = stack_frame(v, &r);
	s64 min, max;

	if (!stack_bounds(v, reg, off, size, " write to", &min, &max))
		return false;
	if (tnum_is_const(r.bits))
		return write_fixed(v, f, min, size, value, insn);
	return write_variable(v, f, min, max, size, value, insn);
}

/* A helper reads or writes a piece of stack. meta->raw: it only writes; then the bytes need not be set before. */
bool
vf_stack_helper(Verifier *v, int reg, u64 size, int how, bool zero_ok, CallMeta *meta)
{
	const Reg r = vf_regs_of(v)[reg];
	Frame *f = stack_frame(v, &r);
	s64 min, max;
	u32 byte;

	if (size == 0 && !zero_ok)
		return vf_refuse_reg(v, reg, "invalid zero-sized read");
	if (!stack_bounds(v, reg, r.off, size, how == ACC_WRITE ? " write to" : " read from", &min, &max))
		return false;
	if (meta && meta->raw && tnum_is_const(r.bits)) {
		for (s64 at = min; at < max + (s64)size; at++)
			if (slot_at(f, at, &byte)->type[byte] == T_DYNPTR)
				return vf_refuse_reg(v, reg, "potential write to dynptr at off=%lld disallowed", (long long)at);
		meta->raw_reg = reg;
		meta->raw_size = (u32)size;
		return true;
	}
	for (s64 at = min; at < max + (s64)size; at++) {
		Slot *s = slot_at(f, at, &byte);

		if (s->type[byte] == T_DYNPTR || s->type[byte] == T_ITER)
			return vf_refuse_reg(v, reg, "invalid read from stack R%d off %lld+%lld size %llu", reg, (long long)min,
					  (long long)(at - min), (unsigned long long)size);
		vf_mark_slot_read(v, r.frame, (u32)(-at - 1) / 8);
		if (v->opt.unprivileged && (s->type[byte] == T_INVALID || (vf_slot_is_spill(s) && s->reg.kind != R_SCALAR)))
			return vf_refuse_reg(v, reg, "invalid read from stack R%d off %lld+%lld size %llu", reg, (long long)min,
					  (long long)(at - min), (unsigned long long)size);
		if (how != ACC_WRITE)
			continue;
		if (vf_slot_is_spill(s)) {
			scrub(s);
			vf_reg_none(&s->reg);
		} else
			s->type[byte] = T_MISC;
	}
	return true;
}
