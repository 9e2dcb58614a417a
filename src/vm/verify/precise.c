/* precise: which values decided something. Two states are the same for the rest of the program if the values that decide
 * something later are the same; the others may differ. Every scalar carries the set of places (registers and stack slots of
 * the newest kept state) it was computed from; when it decides something (an offset, a size, a branch, a result), those
 * places are marked, and theirs in the kept state before, up to the start. A place that is read is marked the same way. */
#include "vm/verify/verify.h"

#include <stdlib.h>

enum { PER_FRAME = 16 + N_SLOTS, MAX_SET = 96, ALL = 1 };

typedef struct Set { u32 n; u16 *place; } Set;
typedef struct Memo { u32 a, b, result; } Memo;

/* Sets are numbered: 0 empty, 1 everything, then as they come. Equal sets have equal numbers. */
struct Deps {
	Set *set;
	u32 n, cap;
	u32 *hash, n_hash;
	Memo memo[1 << 14];
	u32 single[MAX_FRAMES * PER_FRAME];
};

void
vf_deps_init(Verifier *v)
{
	Deps *d = calloc(1, sizeof(*d));

	if (!d)
		die("out of memory in the verifier");
	d->cap = 256;
	d->set = calloc(d->cap, sizeof(Set));
	d->n_hash = 1024;
	d->hash = calloc(d->n_hash, sizeof(u32));
	if (!d->set || !d->hash)
		die("out of memory in the verifier");
	d->n = 2;
	v->deps = d;
}

void
vf_deps_free(Verifier *v)
{
	Deps *d = v->deps;

	for (u32 i = 2; i < d->n; i++)
		free(d->set[i].place);
	free(d->set);
	free(d->hash);
	free(d);
}

static u32
hash_of(const u16 *place, u32 n)
{
	return base_hash(place, n * sizeof(*place));
}

static void
rehash(Deps *d)
{
	free(d->hash);
	d->n_hash *= 2;
	d->hash = calloc(d->n_hash, sizeof(u32));
	if (!d->hash)
		die("out of memory in the verifier");
	for (u32 i = 2; i < d->n; i++) {
		u32 at = hash_of(d->set[i].place, d->set[i].n);

		while (d->hash[at & (d->n_hash - 1)])
			at++;
		d->hash[at & (d->n_hash - 1)] = i;
	}
}

static u32
set_of(Deps *d, const u16 *place, u32 n)
{
	u32 at, i;

	if (n > MAX_SET)
		return ALL;
	for (at = hash_of(place, n); (i = d->hash[at & (d->n_hash - 1)]); at++)
		if (d->set[i].n == n && !memcmp(d->set[i].place, place, n * sizeof(*place)))
			return i;
	if (d->n == d->cap) {
		d->cap *= 2;
		d->set = realloc(d->set, d->cap * sizeof(Set));
		if (!d->set)
			die("out of memory in the verifier");
	}
	i = d->n++;
	d->set[i].n = n;
	d->set[i].place = malloc(n * sizeof(*place));
	if (!d->set[i].place)
		die("out of memory in the verifier");
	memcpy(d->set[i].place, place, n * sizeof(*place));
	d->hash[at & (d->n_hash - 1)] = i;
	if (d->n * 2 > d->n_hash)
		rehash(d);
	return i;
}

static u32
single(Deps *d, u32 place)
{
	u16 p = (u16)place;

	if (!d->single[place])
		d->single[place] = set_of(d, &p, 1);
	return d->single[place];
}

u32
vf_deps_join(Verifier *v, u32 a, u32 b)
{
	Deps *d = v->deps;
	u16 place[2 * MAX_SET];
	u32 n = 0, i = 0, j = 0;
	Memo *m;

	if (a == b || !b)
		return a;
	if (!a)
		return b;
	if (a == ALL || b == ALL)
		return ALL;
	if (a > b) {
		u32 x = a;

		a = b;
		b = x;
	}
	m = &d->memo[(a * 0x9e3779b1u ^ b * 0x85ebca6bu) >> 18];
	if (m->a == a && m->b == b)
		return m->result;
	while (i < d->set[a].n || j < d->set[b].n) {
		u32 x = i < d->set[a].n ? d->set[a].place[i] : UINT32_MAX;
		u32 y = j < d->set[b].n ? d->set[b].place[j] : UINT32_MAX;

		place[n++] = (u16)MIN(x, y);
		i += x <= y;
		j += y <= x;
	}
	*m = (Memo){ a, b, set_of(d, place, n) };
	return m->result;
}

static Reg *
reg_at(State *s, u32 place)
{
	u32 frame = place / PER_FRAME, i = place % PER_FRAME;
	Frame *f;

	if (frame > s->cur)
		return NULL;
	f = s->frame[frame];
	if (i < N_REGS)
		return &f->reg[i];
	i -= 16;
	return i < f->n_slots && vf_slot_is_spill(&f->slot[i]) ? &f->slot[i].reg : NULL;
}

void
vf_deps_restart(Verifier *v, State *s)
{
	for (u32 i = 0; i <= s->cur; i++) {
		Frame *f = s->frame[i];

		for (u32 r = 0; r < N_REGS - 1; r++)
			f->reg[r].deps = f->reg[r].kind == R_SCALAR ? single(v->deps, i * PER_FRAME + r) : 0;
		for (u32 k = 0; k < f->n_slots; k++) {
			f->slot[k].written = false;
			if (vf_slot_is_spill(&f->slot[k]))
				f->slot[k].reg.deps = f->slot[k].reg.kind == R_SCALAR ?
					single(v->deps, i * PER_FRAME + 16 + k) : 0;
		}
	}
}

static u32
mark_all(State *s, bool *changed)
{
	EACH_REG(s, r, {
		if (r->kind == R_SCALAR && !r->precise) {
			r->precise = true;
			*changed = true;
		}
	});
	return ALL;
}

bool
vf_mark_precise_from(Verifier *v, State *parent, u32 deps)
{
	bool changed = false;

	for (State *s = parent; s && deps; s = s->parent) {
		u32 next = 0;

		if (deps == ALL) {
			deps = mark_all(s, &changed);
			continue;
		}
		for (u32 i = 0; i < v->deps->set[deps].n; i++) {
			Reg *r = reg_at(s, v->deps->set[deps].place[i]);

			if (!r || r->kind != R_SCALAR || r->precise)
				continue;
			r->precise = changed = true;
			next = vf_deps_join(v, next, r->deps);
		}
		deps = next;
	}
	return changed;
}

void
vf_mark_precise(Verifier *v, u32 deps)
{
	if (deps)
		vf_mark_precise_from(v, v->s->parent, deps);
}

void
vf_mark_reg_precise(Verifier *v, int reg)
{
	const Reg *r = &vf_regs_of(v)[reg];

	if (r->kind == R_SCALAR)
		vf_mark_precise(v, r->deps);
}

/* The slot as it is in s is read by what follows; so it is in the states before, up to the one behind which it was written. */
bool
vf_mark_slot_read_from(State *s, u32 frame, u32 slot)
{
	bool changed = false;
	u32 uid = s->frame[frame]->uid;

	while (!s->frame[frame]->slot[slot].written) {
		s = s->parent;
		if (!s || s->cur < frame || s->frame[frame]->uid != uid || s->frame[frame]->n_slots <= slot)
			break;
		if (s->frame[frame]->slot[slot].read)
			break;
		s->frame[frame]->slot[slot].read = changed = true;
	}
	return changed;
}

void
vf_mark_slot_read(Verifier *v, u32 frame, u32 slot)
{
	if (slot < v->s->frame[frame]->n_slots)
		vf_mark_slot_read_from(v->s, frame, slot);
}
