/* state: frames of registers and stack slots, references held, paths; copying and giving back. */
#include "vm/verify/verify.h"

#include <stdlib.h>

static void *
get(Verifier *v, size_t n)
{
	void *p = calloc(1, n);

	if (!p)
		die("out of memory in the verifier");
	v->bytes += n;
	return p;
}

static void
give(Verifier *v, void *p, size_t n)
{
	if (!p)
		return;
	v->bytes -= n;
	free(p);
}

void
vf_reg_none(Reg *r)
{
	*r = (Reg){ .kind = R_NONE };
	vf_reg_known_zero(r);
}

void
vf_reg_pointer(Reg *r, Kind kind, u32 flags)
{
	*r = (Reg){ .kind = (u8)kind, .flags = (u16)flags };
	vf_reg_known_zero(r);
}

void
vf_slot_scrub(Slot *s, SlotType type)
{
	memset(s->type, type, 8);
	vf_reg_none(&s->reg);
}

Frame *
vf_frame_new(Verifier *v, s32 callsite, u32 sub)
{
	Frame *f = get(v, sizeof(*f));

	for (u32 i = 0; i < N_REGS; i++)
		vf_reg_none(&f->reg[i]);
	vf_reg_pointer(&f->reg[BPF_REG_10], R_STACK, 0);
	f->callsite = callsite;
	f->sub = sub;
	f->uid = ++v->frame_uids;
	return f;
}

void
vf_frame_free(Verifier *v, Frame *f)
{
	give(v, f->slot, f->n_slots * sizeof(Slot));
	give(v, f, sizeof(*f));
}

bool
vf_frame_grow(Verifier *v, Frame *f, u32 slots)
{
	Slot *s;

	if (slots <= f->n_slots)
		return true;
	s = get(v, slots * sizeof(Slot));
	if (f->n_slots)
		memcpy(s, f->slot, f->n_slots * sizeof(Slot));
	give(v, f->slot, f->n_slots * sizeof(Slot));
	f->slot = s;
	f->n_slots = slots;
	return true;
}

State *
vf_state_new(Verifier *v)
{
	State *s = get(v, sizeof(*s));

	s->branches = 1;
	return s;
}

static void
steps_drop(Verifier *v, Step *p)
{
	while (p && --p->uses == 0) {
		Step *prev = p->prev;

		v->steps_live--;
		free(p);
		p = prev;
	}
}

State *
vf_state_copy(Verifier *v, const State *from)
{
	State *s = get(v, sizeof(*s));

	*s = *from;
	s->entry = false;
	s->loop = NULL;
	s->ref = NULL;
	if (s->n_refs) {
		s->ref = get(v, s->n_refs * sizeof(Ref));
		memcpy(s->ref, from->ref, s->n_refs * sizeof(Ref));
	}
	for (u32 i = 0; i <= from->cur; i++) {
		Frame *f = get(v, sizeof(*f));

		*f = *from->frame[i];
		f->slot = NULL;
		if (f->n_slots) {
			f->slot = get(v, f->n_slots * sizeof(Slot));
			memcpy(f->slot, from->frame[i]->slot, f->n_slots * sizeof(Slot));
		}
		s->frame[i] = f;
	}
	for (u32 i = from->cur + 1; i < MAX_FRAMES; i++)
		s->frame[i] = NULL;
	if (s->path)
		s->path->uses++;
	return s;
}

void
vf_state_free(Verifier *v, State *s)
{
	if (!s)
		return;
	for (u32 i = 0; i <= s->cur; i++)
		if (s->frame[i])
			vf_frame_free(v, s->frame[i]);
	give(v, s->ref, s->n_refs * sizeof(Ref));
	steps_drop(v, s->path);
	give(v, s, sizeof(*s));
}

void
vf_path_add(Verifier *v, State *s, s32 pc, bool taken)
{
	Step *p = malloc(sizeof(*p));

	if (!p)
		die("out of memory in the verifier");
	*p = (Step){ s->path, pc, taken, 1 };
	v->steps_live++;
	s->path = p;            /* takes over the state's use of the old head */
}

State *
vf_push_branch(Verifier *v, s32 pc)
{
	State *s = vf_state_copy(v, v->s);
	Todo *t = get(v, sizeof(*t));

	*t = (Todo){ v->todo, s, pc };
	v->todo = t;
	v->n_todo++;
	if (s->parent)
		s->parent->branches++;
	s->branches = 1;
	return s;
}

u32
vf_ref_add(Verifier *v, u8 kind)
{
	State *s = v->s;
	Ref *ref = get(v, (s->n_refs + 1) * sizeof(Ref));

	if (s->n_refs)
		memcpy(ref, s->ref, s->n_refs * sizeof(Ref));
	give(v, s->ref, s->n_refs * sizeof(Ref));
	s->ref = ref;
	ref[s->n_refs++] = (Ref){ .id = ++v->ids, .pc = v->pc, .kind = kind };
	return v->ids;
}

u32
vf_ref_last(const State *s, u8 kind)
{
	u32 last = 0;

	for (u32 i = 0; i < s->n_refs; i++)
		if (s->ref[i].kind == kind)
			last = MAX(last, s->ref[i].id);
	return last;
}

bool
vf_ref_drop(Verifier *v, u32 id)
{
	return vf_ref_drop_kind(v, id, REF_PTR);
}

bool
vf_ref_drop_kind(Verifier *v, u32 id, u8 kind)
{
	State *s = v->s;
	u32 i = 0;

	while (i < s->n_refs && !(s->ref[i].kind == kind && s->ref[i].id == id))
		i++;
	if (i == s->n_refs)
		return false;
	s->ref[i] = s->ref[s->n_refs - 1];
	v->bytes -= sizeof(Ref);
	if (--s->n_refs == 0) {
		free(s->ref);
		s->ref = NULL;
	}
	EACH_REG(s, r, {
		if (r->ref == id)
			vf_reg_unknown(r);
	});
	return true;
}
