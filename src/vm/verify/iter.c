/* iter: open-coded iterators: objects in one or more stack slots that a program makes, asks for the next element and destroys. Asking
 * has two outcomes, walked one after the other: no element, and the iterator is drained; one more, in a round in which numbers that
 * decided nothing so far may differ. The flag of saved interrupts is kept in the same way. */
#include "vm/verify/kfunc.h"

static const struct { const char *name; u8 slots; bool rcu; u32 elem; } iters[] = {
	{ "irq flag", 1, false, 0 },
	{ "bpf_iter_num", 1, false, 4 }, { "bpf_iter_bits", 2, false, 4 }, { "bpf_iter_task", 3, true, 0 },
	{ "bpf_iter_task_vma", 1, false, 0 }, { "bpf_iter_css", 3, true, 0 }, { "bpf_iter_kmem_cache", 1, false, 0 },
};

/* The iterator that a kernel function is about, by its name: bpf_iter_X_new and so on; 0: none. */
static u32
kind_of(const char *func)
{
	u32 best = 0;

	for (u32 i = 1; i < COUNT(iters); i++)
		if (!strncmp(func, iters[i].name, strlen(iters[i].name)) &&
		    (!best || strlen(iters[i].name) > strlen(iters[best].name)))
			best = i;
	return best;
}

static bool
ends_with(const char *s, const char *end)
{
	size_t n = strlen(s), k = strlen(end);

	return n >= k && !strcmp(s + n - k, end);
}

/* The first slot (lowest address is the last of them) of what a register points to, or -1. */
static int
slot_of(Verifier *v, int reg, u32 slots, Frame **f)
{
	const Reg *r = &vf_regs_of(v)[reg];
	s64 off;

	if (r->kind != R_STACK || !tnum_is_const(r->bits))
		return -1;
	off = r->off + (s64)r->bits.value;
	if (off % 8 || off > -8 * (s64)slots || off < -STACK_SIZE)
		return -1;
	*f = v->s->frame[r->frame];
	return (int)(-off / 8 - 1);
}

static bool
is_made(const Frame *f, int slot, u32 kind)
{
	for (u32 i = 0; i < iters[kind].slots; i++) {
		const Slot *s = (u32)slot - i < f->n_slots ? &f->slot[(u32)slot - i] : NULL;

		if (!s || s->type[0] != T_ITER || s->type[7] != T_ITER || s->reg.size != kind + 1 || !s->reg.ref != (i > 0))
			return false;
	}
	return true;
}

static bool
make(Verifier *v, int reg, u32 kind, u8 ref)
{
	u32 n = iters[kind].slots, id;
	Frame *f = NULL;
	int slot;

	if (vf_regs_of(v)[reg].kind != R_STACK)
		return vf_refuse_reg(v, reg, kind ? "arg#%d expected pointer to an iterator on stack" : "arg#%d doesn't point to an irq flag on stack",
				     reg - 1);
	slot = slot_of(v, reg, n, &f);
	if (slot < 0)
		return vf_refuse_reg(v, reg, "cannot pass in %s at an offset, or outside of the stack", iters[kind].name);
	vf_frame_grow(v, f, (u32)slot + 1);
	v->sub[f->sub].stack = MAX(v->sub[f->sub].stack, (u32)(slot + 1) * 8);
	for (u32 i = 0; i < n; i++) {
		if (f->slot[(u32)slot - i].type[0] == T_ITER)
			return vf_refuse_reg(v, reg, "expected uninitialized %s as arg #%d", iters[kind].name, reg - 1);
		if (!vf_dynptr_overwritten(v, f, (u32)slot - i))
			return false;
	}
	id = vf_ref_add(v, ref);
	for (u32 i = 0; i < n; i++) {
		Slot *s = &f->slot[(u32)slot - i];

		vf_slot_scrub(s, T_ITER);
		s->reg.kind = R_DYNPTR;
		s->reg.size = kind + 1;
		s->reg.ref = i == 0 ? id : 0;
		s->reg.range = ITER_ACTIVE;
		s->reg.off = 0;
		s->written = true;
	}
	return true;
}

/* The slot of an iterator that was made, marked as read, or NULL: refused. */
static Slot *
find(Verifier *v, int reg, u32 kind, Frame **f, int *slot)
{
	if (vf_regs_of(v)[reg].kind != R_STACK) {
		vf_refuse_reg(v, reg, kind ? "arg#%d expected pointer to an iterator on stack" : "arg#%d doesn't point to an irq flag on stack",
			      reg - 1);
		return NULL;
	}
	*slot = slot_of(v, reg, iters[kind].slots, f);
	if (*slot < 0 || !is_made(*f, *slot, kind)) {
		vf_remedy(v, "Make it first, at the same place of the stack, on every path that leads here.");
		vf_refuse_reg(v, reg, "expected an initialized %s as arg #%d", iters[kind].name, reg - 1);
		return NULL;
	}
	for (u32 i = 0; i < iters[kind].slots; i++)
		vf_mark_slot_read(v, vf_regs_of(v)[reg].frame, (u32)*slot - i);
	return &(*f)->slot[*slot];
}

bool
vf_iter_new(Verifier *v, int reg, const char *func)
{
	return make(v, reg, kind_of(func), REF_PTR);
}

bool
vf_iter_use(Verifier *v, int reg, const char *func)
{
	u32 kind = kind_of(func), ref;
	Frame *f = NULL;
	int slot = 0;
	Slot *s = find(v, reg, kind, &f, &slot);

	if (!s)
		return false;
	if (!ends_with(func, "_destroy"))
		return true;
	ref = s->reg.ref;
	for (u32 i = 0; i < iters[kind].slots; i++)
		vf_slot_scrub(&f->slot[(u32)slot - i], T_INVALID);
	return vf_ref_drop(v, ref) || vf_refuse_reg(v, reg, "the iterator was destroyed before");
}

u32
vf_iter_elem(const char *func)
{
	return iters[kind_of(func)].elem;
}

/* R0 is the element, maybe. Two ways from here. */
void
vf_iter_next(Verifier *v, u32 frame, int slot)
{
	State *more = vf_push_branch(v, v->pc + 1);
	Reg *none = &vf_regs_of(v)[0], *elem = &more->frame[more->cur]->reg[0];

	vf_path_add(v, more, v->pc, true);
	more->frame[frame]->slot[slot].reg.off++;
	elem->flags &= (u16)~F_NULL;
	elem->id = 0;
	vf_widen_from_entry(v, more, v->s->parent ? v->s->parent->parent : NULL);
	v->s->frame[frame]->slot[slot].reg.range = ITER_DRAINED;
	vf_reg_known(none, 0);
}

/* Where the iterator is that r1 points to at a call for the next element; false: there is none. */
bool
vf_iter_at(Verifier *v, const State *s, u32 *frame, int *slot)
{
	const Reg *r = &s->frame[s->cur]->reg[1];
	s64 off;

	(void)v;
	if (r->kind != R_STACK || !tnum_is_const(r->bits))
		return false;
	off = r->off + (s64)r->bits.value;
	*frame = r->frame;
	*slot = (int)(-off / 8 - 1);
	return off < 0 && r->frame <= s->cur && (u32)*slot < s->frame[r->frame]->n_slots && s->frame[r->frame]->slot[*slot].type[0] == T_ITER;
}

/* An iterator is further on in one of the states than in the other: a loop over it makes progress. */
bool
vf_iter_depths_differ(const State *a, const State *b)
{
	for (u32 i = 0; i <= a->cur && i <= b->cur; i++)
		for (u32 k = 0; k < a->frame[i]->n_slots && k < b->frame[i]->n_slots; k++) {
			const Slot *x = &a->frame[i]->slot[k], *y = &b->frame[i]->slot[k];

			if (x->type[0] == T_ITER && y->type[0] == T_ITER && x->reg.range == ITER_ACTIVE && x->reg.off != y->reg.off)
				return true;
		}
	return false;
}

bool
vf_irq_save(Verifier *v, int reg)
{
	return make(v, reg, 0, REF_IRQ);
}

bool
vf_irq_restore(Verifier *v, int reg)
{
	State *s = v->s;
	Frame *f = NULL;
	u32 last = 0, id;
	int slot = 0;
	Slot *sl = find(v, reg, 0, &f, &slot);

	if (!sl)
		return false;
	id = sl->reg.ref;
	for (u32 i = 0; i < s->n_refs; i++)
		if (s->ref[i].kind == REF_IRQ)
			last = MAX(last, s->ref[i].id);
	if (id != last)
		return vf_refuse_reg(v, reg, "cannot restore irq state out of order, expected id=%u", last);
	vf_slot_scrub(sl, T_INVALID);
	return vf_ref_drop_kind(v, id, REF_IRQ);
}
