/* dynptr: pointers with a length that programs keep in two stack slots and hand to helpers. */
#include "vm/verify/call.h"

/* The slots of frame f that hold the dynptr a register points to: first slot (the lower address), or -1. */
static int
slots_of(Verifier *v, const Reg *r, Frame **f)
{
	s64 off;

	if (r->kind != R_STACK || !tnum_is_const(r->bits))
		return -1;
	*f = v->s->frame[r->frame];
	off = r->off + (s64)r->bits.value;
	if (off % 8 || off > -16 || off < -STACK_SIZE)
		return -1;
	return (int)(-off / 8 - 1);
}

static void
forget(Frame *f, int slot)
{
	vf_slot_scrub(&f->slot[slot], T_INVALID);
	vf_slot_scrub(&f->slot[slot - 1], T_INVALID);
}

static void
kill_slices(Verifier *v, u32 id)
{
	EACH_REG(v->s, r, {
		if (r->kind == R_MEM && (r->flags & F_SLICE) && r->uid == id)
			vf_reg_unknown(r);
	});
}

/* A released record takes all dynptrs with it that are over it. */
static void
kill_clones(Verifier *v, u32 ref)
{
	for (u32 i = 0; ref && i <= v->s->cur; i++) {
		Frame *f = v->s->frame[i];

		for (u32 k = 1; k < f->n_slots; k++)
			if (f->slot[k].type[0] == T_DYNPTR && f->slot[k].reg.size && f->slot[k].reg.ref == ref) {
				kill_slices(v, f->slot[k].reg.id);
				forget(f, (int)k);
			}
	}
}

bool
vf_dynptr_overwritten(Verifier *v, Frame *f, u32 slot)
{
	u32 first, id;

	if (slot >= f->n_slots || f->slot[slot].type[0] != T_DYNPTR)
		return true;
	first = f->slot[slot].reg.size ? slot : slot + 1;
	if (f->slot[first].reg.ref)
		return vf_refuse(v, "cannot overwrite referenced dynptr");
	id = f->slot[first].reg.id;
	forget(f, (int)first);
	kill_slices(v, id);
	return true;
}

static bool
is_dynptr(const Frame *f, int slot)
{
	return slot >= 1 && (u32)slot < f->n_slots && f->slot[slot].type[0] == T_DYNPTR && f->slot[slot].reg.size &&
		f->slot[slot - 1].type[0] == T_DYNPTR;
}

static bool
make(Verifier *v, int reg, CallMeta *m, int kind)
{
	Frame *f = NULL;
	int slot = slots_of(v, &vf_regs_of(v)[reg], &f);

	if (slot < 0)
		return vf_refuse_reg(v, reg, "cannot pass in dynptr at an offset or outside of the stack");
	vf_frame_grow(v, f, (u32)slot + 1);
	v->sub[f->sub].stack = MAX(v->sub[f->sub].stack, (u32)(slot + 1) * 8);
	if (!vf_dynptr_overwritten(v, f, (u32)slot) || !vf_dynptr_overwritten(v, f, (u32)slot - 1))
		return false;
	m->dynptr_new = reg;
	m->dynptr_kind = kind;
	return true;
}

bool
vf_dynptr_arg(Verifier *v, int reg, char letter, CallMeta *m)
{
	const Reg *r = &vf_regs_of(v)[reg];
	Frame *f = NULL;
	int slot;

	if (letter == 'D' || letter == 'E') {
		if (m->h)
			return make(v, reg, m, letter == 'D' ? DYN_LOCAL : DYN_RINGBUF);
		m->clone = !m->dynptr_from;
		return make(v, reg, m, m->clone ? m->dynptr_kind : m->dynptr_from);
	}
	if (r->kind == R_DYNPTR) {
		m->dynptr_kind = DYN_LOCAL;
		m->dynptr_rdonly = false;
		m->dynptr_id = r->id;
		m->dynptr_ref = r->ref;
	}
	if (r->kind == R_DYNPTR)
		return letter == 'd' || vf_refuse_reg(v, reg, "cannot release a dynptr of the caller");
	slot = slots_of(v, r, &f);
	if (slot < 0 || !is_dynptr(f, slot))
		return vf_refuse_reg(v, reg, "Expected an initialized dynptr as arg #%d", reg - 1);
	vf_mark_slot_read(v, r->frame, (u32)slot);
	vf_mark_slot_read(v, r->frame, (u32)slot - 1);
	m->dynptr_kind = (int)f->slot[slot].reg.size;
	m->dynptr_id = f->slot[slot].reg.id;
	m->dynptr_ref = f->slot[slot].reg.ref;
	if (letter == 'F') {
		if (f->slot[slot].reg.size != DYN_RINGBUF)
			return vf_refuse_reg(v, reg, "Expected a dynptr of type ringbuf as arg #%d", reg - 1);
		m->release = 0;
		forget(f, slot);
		kill_slices(v, m->dynptr_id);
		kill_clones(v, m->dynptr_ref);
		if (!vf_ref_drop(v, m->dynptr_ref))
			return vf_refuse_reg(v, reg, "func %s#%u reference has not been acquired before", m->h->name, m->h->id);
	}
	return true;
}

bool
vf_dynptr_after(Verifier *v, CallMeta *m)
{
	Frame *f = NULL;
	int slot;
	u32 ref;

	if (!m->dynptr_new)
		return true;
	slot = slots_of(v, &vf_regs_of(v)[m->dynptr_new], &f);
	ref = m->clone ? m->dynptr_ref : m->dynptr_kind == DYN_RINGBUF ? vf_ref_add(v, REF_PTR) : 0;
	for (int i = 0; i < 2; i++) {
		Slot *s = &f->slot[slot - i];

		vf_slot_scrub(s, T_DYNPTR);
		vf_reg_pointer(&s->reg, R_DYNPTR, 0);
		s->reg.size = i ? 0 : (u32)m->dynptr_kind;
		s->reg.id = ++v->ids;
		s->reg.ref = ref;
		s->written = true;
	}
	f->slot[slot - 1].reg.id = f->slot[slot].reg.id;
	return true;
}
