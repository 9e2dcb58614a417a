/* prune: a path ends where a state was met before that allowed at least as much, and was found good. States are kept at
 * the points that scan.c chose. Loops: a state equal to one of its own path is an endless loop; where the kernel runs a
 * callback, equality up to ranges means that the loop has converged. */
#include "vm/verify/kfunc.h"

#include <stdlib.h>

enum { MAX_PAIRS = 640 };
typedef enum Exactness { LOOSE, WITHIN, EXACT } Exactness;
typedef struct Pairs { bool exact; u32 n; u32 old[MAX_PAIRS], cur[MAX_PAIRS]; u32 fresh; } Pairs;

/* The ids of the two states correspond one to one. */
static bool
pair(Pairs *p, u32 old, u32 cur)
{
	if (!old != !cur)
		return false;
	if (!old)
		return true;
	for (u32 i = 0; i < p->n; i++) {
		if (p->old[i] == old)
			return p->cur[i] == cur;
		if (p->cur[i] == cur)
			return false;
	}
	if (p->n == MAX_PAIRS)
		return false;
	p->old[p->n] = old;
	p->cur[p->n++] = cur;
	return true;
}

/* For scalars an id of its own is as good as none. */
static bool
pair_scalar(Pairs *p, u32 old, u32 cur)
{
	old = old ? old : p->fresh++;
	cur = cur ? cur : p->fresh++;
	return pair(p, old, cur);
}

static bool
within(const Reg *old, const Reg *cur)
{
	return old->umin <= cur->umin && old->umax >= cur->umax && old->smin <= cur->smin && old->smax >= cur->smax &&
		old->u32min <= cur->u32min && old->u32max >= cur->u32max && old->s32min <= cur->s32min &&
		old->s32max >= cur->s32max;
}

static bool
same_value(const Reg *a, const Reg *b)
{
	return a->bits.value == b->bits.value && a->bits.mask == b->bits.mask && a->smin == b->smin && a->smax == b->smax &&
		a->umin == b->umin && a->umax == b->umax && a->s32min == b->s32min && a->s32max == b->s32max &&
		a->u32min == b->u32min && a->u32max == b->u32max;
}

static bool
same_thing(const Reg *a, const Reg *b)
{
	return a->kind == b->kind && a->flags == b->flags && a->off == b->off && a->range == b->range && a->map == b->map &&
		a->size == b->size && a->frame == b->frame;
}

static bool
same_reg(const Reg *a, const Reg *b, Pairs *p)
{
	return same_thing(a, b) && same_value(a, b) && pair(p, a->id, b->id) && pair(p, a->ref, b->ref);
}

/* May the path end with cur, given that it was good with old? */
static bool
reg_covers(const Reg *old, const Reg *cur, Pairs *p, Exactness how)
{
	if (how == EXACT)
		return same_reg(old, cur, p);
	if (old->kind == R_NONE)
		return true;            /* it was not readable, so nobody reads it */
	if (old->kind != cur->kind || (old->flags & ~F_DELTAS) != (cur->flags & ~F_DELTAS))
		return false;
	switch (old->kind) {
	case R_SCALAR:
		if (!old->precise && how == LOOSE && !p->exact)
			return true;
		if ((old->flags & F_DELTAS) != (cur->flags & F_DELTAS))
			return false;
		if ((old->flags & F_DELTAS) && old->off != cur->off)
			return false;
		return within(old, cur) && tnum_within(old->bits, cur->bits) && pair_scalar(p, old->id, cur->id);
	case R_VALUE: case R_KEY: case R_MEM: case R_TP_BUFFER:
		return same_thing(old, cur) && within(old, cur) && tnum_within(old->bits, cur->bits) &&
			pair(p, old->id, cur->id) && pair(p, old->ref, cur->ref) && pair(p, old->uid, cur->uid);
	case R_PACKET: case R_META:
		/* Less range than before is not enough; the bounds beyond the end are exact. */
		if (old->range < 0 || cur->range < 0 ? old->range != cur->range : old->range > cur->range)
			return false;
		return old->off == cur->off && pair(p, old->id, cur->id) && within(old, cur) &&
			tnum_within(old->bits, cur->bits);
	case R_STACK:
		return same_reg(old, cur, p) && old->frame == cur->frame;
	default:
		return same_reg(old, cur, p);
	}
}

static bool
slot_unread(const Slot *s, Exactness how)
{
	return how == LOOSE && !s->read;
}

static bool
is_misc_scalar(const Slot *s)
{
	/* A spilled scalar about which nothing is known stands for eight unknown bytes and back. */
	return vf_slot_is_spill(s) && s->type[0] == T_SPILL && s->reg.kind == R_SCALAR;
}

static bool
all_type(const Slot *s, SlotType t)
{
	for (u32 i = 0; i < 8; i++)
		if (s->type[i] != t)
			return false;
	return true;
}

static bool
slot_covers(const Slot *old, const Slot *cur, Pairs *p, Exactness how)
{
	if (slot_unread(old, how))
		return true;
	if (how != LOOSE && memcmp(old->type, cur->type, 8))
		return false;
	if (how != EXACT) {     /* a spilled scalar and unknown bytes compare as scalars */
		Reg unknown;
		const Reg *o = NULL, *c = NULL;

		vf_reg_unknown(&unknown);
		if (is_misc_scalar(old))
			o = &old->reg;
		else if (all_type(old, T_MISC) || all_type(old, T_INVALID))
			o = &unknown;
		if (is_misc_scalar(cur))
			c = &cur->reg;
		else if (all_type(cur, T_MISC) || all_type(cur, T_INVALID))
			c = &unknown;
		if (o && c)
			return o == &unknown || reg_covers(o, c, p, how);
	}
	for (u32 i = 0; i < 8; i++) {
		u8 o = old->type[i], c = cur->type[i];

		if (how == EXACT ? o == c : o == T_INVALID)
			continue;
		if (how != EXACT && o == T_MISC && c != T_DYNPTR && c != T_ITER &&
		    !(c == T_SPILL && cur->reg.kind != R_SCALAR && cur->reg.kind != R_NONE))
			continue;
		if (o != c)
			return false;
	}
	if (old->type[7] == T_SPILL)
		return cur->type[7] == T_SPILL ? reg_covers(&old->reg, &cur->reg, p, how) : false;
	if (old->type[7] == T_DYNPTR || old->type[7] == T_ITER)
		return old->reg.size == cur->reg.size && old->reg.range == cur->reg.range && pair(p, old->reg.id, cur->reg.id) &&
			pair(p, old->reg.ref, cur->reg.ref);
	return true;
}

static bool
frame_covers(Verifier *v, const Frame *old, const Frame *cur, s32 pc, Pairs *p, Exactness how)
{
	u16 live = v->info[pc].live;
	Slot blank = { 0 };

	if (old->callback_depth > cur->callback_depth)
		return false;
	for (u32 i = 0; i < N_REGS - 1; i++)
		if ((live >> i & 1) && !reg_covers(&old->reg[i], &cur->reg[i], p, how))
			return false;
	for (u32 i = 0; i < MAX(old->n_slots, cur->n_slots); i++) {
		const Slot *o = i < old->n_slots ? &old->slot[i] : &blank;
		const Slot *c = i < cur->n_slots ? &cur->slot[i] : &blank;

		if (how != EXACT && i >= old->n_slots)
			break;
		if (!slot_covers(o, c, p, how))
			return false;
	}
	return true;
}

static bool
refs_equal(const State *old, const State *cur, Pairs *p)
{
	if (old->n_refs != cur->n_refs || old->rcu != cur->rcu || old->preempt != cur->preempt || old->lock_map != cur->lock_map || !pair(p, old->lock_id, cur->lock_id))
		return false;
	for (u32 i = 0; i < old->n_refs; i++)
		if (old->ref[i].kind != cur->ref[i].kind || !pair(p, old->ref[i].id, cur->ref[i].id))
			return false;
	return true;
}

static bool
state_covers(Verifier *v, const State *old, const State *cur, Exactness how)
{
	Pairs p;

	if (old->cur != cur->cur)
		return false;
	p.n = 0;
	p.exact = v->opt.unprivileged;
	p.fresh = 0x80000000u;
	if (!refs_equal(old, cur, &p))
		return false;
	for (u32 i = 0; i <= old->cur; i++) {
		if (old->frame[i]->callsite != cur->frame[i]->callsite)
			return false;
		if (!frame_covers(v, old->frame[i], cur->frame[i], i == old->cur ? cur->pc : cur->frame[i + 1]->callsite,
				  &p, how))
			return false;
	}
	return true;
}

/* What is read or decides something behind `from` does so behind cur, which is covered by it. */
static bool
hand_over(Verifier *v, const State *from, State *cur)
{
	bool changed = false;

	for (u32 i = 0; i <= from->cur; i++) {
		const Frame *o = from->frame[i];
		Frame *c = cur->frame[i];
		u32 deps = 0;

		for (u32 r = 0; r < N_REGS - 1; r++)
			if (o->reg[r].kind == R_SCALAR && o->reg[r].precise)
				deps = vf_deps_join(v, deps, c->reg[r].deps);
		for (u32 k = 0; k < o->n_slots && k < c->n_slots; k++) {
			if (vf_slot_is_spill(&o->slot[k]) && o->slot[k].reg.kind == R_SCALAR && o->slot[k].reg.precise &&
			    vf_slot_is_spill(&c->slot[k]))
				deps = vf_deps_join(v, deps, c->slot[k].reg.deps);
			if (o->slot[k].read)
				changed |= vf_mark_slot_read_from(cur, i, k);
		}
		if (deps)
			changed |= vf_mark_precise_from(v, cur->parent, deps);
	}
	return changed;
}

/* The path ended at a state whose own paths are not walked to the end, so that its marks are not complete: they are handed
 * over again when its loop is through. Until then nothing on the way may be compared loosely. */
static void
backedge(Verifier *v, State *from)
{
	State *entry = from->loop ? from->loop : from;
	Backedge *b;

	while (entry->loop && entry->loop->branches)
		entry = entry->loop;
	b = arena_alloc(v->a, sizeof(*b));
	*b = (Backedge){ v->back, from, vf_state_copy(v, v->s), entry };
	v->back = b;
	entry->entry = true;
	for (State *s = v->s->parent; s; s = s->parent) {
		if (!s->loop || s->loop->depth > entry->depth)
			s->loop = s == entry ? s->loop : entry;
		if (s == entry)
			break;
	}
	b->cur->loop = entry;
}

/* All paths through the loop entry are walked: hand the marks over its back edges until nothing changes. */
static void
finish_loop(Verifier *v, State *entry)
{
	bool again = true;
	State *outer = entry->loop && entry->loop->branches ? entry->loop : NULL;

	while (again) {
		again = false;
		for (Backedge *b = v->back; b; b = b->next)
			if (b->entry == entry)
				again |= hand_over(v, b->from, b->cur);
	}
	for (Backedge **p = &v->back; *p; ) {
		Backedge *b = *p;

		if (b->entry != entry) {
			p = &b->next;
			continue;
		}
		if (outer) {
			b->entry = outer;
			outer->entry = true;
			p = &b->next;
			continue;
		}
		*p = b->next;
		vf_state_free(v, b->cur);
	}
}

void
vf_branch_done(Verifier *v, State *s)
{
	for (s = s->parent; s; s = s->parent) {
		if (--s->branches)
			return;
		if (s->entry)
			finish_loop(v, s);
	}
}

static bool
incomplete(const State *s)
{
	for (const State *l = s->loop; l; l = l->loop)
		if (l->branches)
			return true;
	return false;
}

static void
drop_kept(Verifier *v, Kept **link)
{
	Kept *k = *link;

	*link = k->next;
	v->states--;
	if (k->s->branches || k->s->loop || k->s->entry || v->back) {
		k->next = v->evicted;
		v->evicted = k;
		return;
	}
	vf_state_free(v, k->s);
	free(k);
}

/* One kept state of this place against the current one: 1 end of path, -1 refused, 0 no use. */
static int
compare(Verifier *v, Kept *k, bool *sparse)
{
	State *cur = v->s, *old = k->s;
	s32 pc = v->pc;

	if (old->branches) {
		if (vf_is_may_goto(&v->insn[pc])) {
			if (old->may_goto_depth != cur->may_goto_depth && state_covers(v, old, cur, WITHIN)) {
				hand_over(v, old, cur);
				backedge(v, old);
				return 1;
			}
		} else if (v->info[pc].flags & I_NEXT) {
			u32 frame;
			int slot;

			if (state_covers(v, old, cur, WITHIN) && vf_iter_at(v, cur, &frame, &slot) &&
			    cur->frame[frame]->slot[slot].reg.range == ITER_ACTIVE) {
				hand_over(v, old, cur);
				backedge(v, old);
				return 1;
			}
			*sparse = true;
			return 0;
		} else if (v->info[pc].flags & I_CALLBACK) {
			if (state_covers(v, old, cur, WITHIN)) {
				hand_over(v, old, cur);
				backedge(v, old);
				return 1;
			}
			*sparse = true;
			return 0;
		}
		if (old->frame[old->cur]->async && old->async_count != cur->async_count) {
			*sparse = true;
			return 0;
		}
		if (old->may_goto_depth == cur->may_goto_depth && !vf_iter_depths_differ(old, cur) &&
		    old->unroll_depth == cur->unroll_depth && state_covers(v, old, cur, EXACT)) {
			v->loop_pc = pc;
			vf_remedy(v, "Something that the loop's condition looks at must change in every iteration.");
			vf_refuse(v, "infinite loop detected at insn %d", pc);
			return -1;
		}
		*sparse = true;
		return 0;
	}
	if (!state_covers(v, old, cur, incomplete(old) ? WITHIN : LOOSE))
		return 0;
	hand_over(v, old, cur);
	if (incomplete(old))
		backedge(v, old);
	return 1;
}

static void
keep(Verifier *v)
{
	State *cur = v->s, *s = vf_state_copy(v, cur);
	Kept *k = malloc(sizeof(*k));

	if (!k)
		die("out of memory in the verifier");
	EACH_REG(s, r, { r->precise = false; });
	for (u32 i = 0; i <= s->cur; i++)
		for (u32 j = 0; j < s->frame[i]->n_slots; j++)
			s->frame[i]->slot[j].read = false;
	s->pc = v->pc;
	s->branches = 1;
	s->depth = cur->parent ? cur->parent->depth + 1 : 0;
	*k = (Kept){ v->info[v->pc].kept, s, 0, 0 };
	v->info[v->pc].kept = k;
	v->states++;
	v->peak = MAX(v->peak, v->states);
	cur->parent = s;
	vf_deps_restart(v, cur);
	v->prev_jumps = v->jumps;
	v->prev_walked = v->walked;
}

int
vf_prune(Verifier *v)
{
	InsnInfo *info = &v->info[v->pc];
	bool force = info->flags & I_FORCE || (v->code->flags & BPF_F_TEST_STATE_FREQ);
	bool add = force || (v->jumps - v->prev_jumps >= 2 && v->walked - v->prev_walked >= 8);

	v->s->pc = v->pc;
	for (Kept **p = &info->kept; *p; ) {
		Kept *k = *p;
		bool sparse = false;
		int r = compare(v, k, &sparse);
		u32 n = (info->flags & I_FORCE) && k->s->branches ? 64 : 3;

		if (r) {
			k->hits += r > 0;
			return r;
		}
		/* Inside a loop states differ in each iteration; few of them are worth keeping. */
		if (sparse && !force && v->jumps - v->prev_jumps < 20 && v->walked - v->prev_walked < 100)
			add = false;
		if (add)
			k->misses++;
		if (k->misses > k->hits * n + n) {
			drop_kept(v, p);
			continue;
		}
		p = &k->next;
	}
	if (add)
		keep(v);
	return 0;
}

static bool
same_for_widening(const Reg *a, const Reg *b)
{
	return same_value(a, b) && (a->flags & F_DELTAS) == (b->flags & F_DELTAS);
}

static void
widen(const Reg *old, Reg *cur)
{
	if (old->kind != R_SCALAR || cur->kind != R_SCALAR || old->precise || same_for_widening(old, cur))
		return;
	u32 deps = cur->deps;

	vf_reg_unknown(cur);
	cur->deps = deps;
}

/* cur against the newest state kept at the entry (v->pc) by the same calls, among from and those before it. */
void
vf_widen_from_entry(Verifier *v, State *cur, State *from)
{
	State *old = NULL;

	for (State *s = from; s && !old; s = s->parent) {
		bool same = s->pc == v->pc && s->cur == cur->cur && s->branches;

		for (u32 i = 0; same && i <= cur->cur; i++)
			same = s->frame[i]->callsite == cur->frame[i]->callsite;
		if (same)
			old = s;
	}
	if (!old)
		return;
	for (u32 i = 0; i <= cur->cur; i++) {
		Frame *o = old->frame[i], *c = cur->frame[i];

		for (u32 r = 0; r < N_REGS - 1; r++)
			widen(&o->reg[r], &c->reg[r]);
		for (u32 k = 0; k < o->n_slots && k < c->n_slots; k++)
			if (is_misc_scalar(&o->slot[k]) && is_misc_scalar(&c->slot[k]))
				widen(&o->slot[k].reg, &c->slot[k].reg);
	}
}
