/* spill: moves registers to the stack. Each gets a slot of 8 bytes, written where the register is set and read before
 * it is used; uses that follow each other closely without a call between them share one read. What can be made anew
 * (constants, map references, addresses) is made anew instead. Slots that are never full at the same time are one. */
#include "ir/ir.h"
#include "ir/rega.h"

#include <assert.h>

enum { NEAR = 12 };     /* instructions over which a value that was read stays in its register */

typedef struct Spiller {
	MFn *mf;
	Vregs *vr;
	const bool *which;
	u32 n_which;
	MBlock *out;            /* the block as it is rewritten */
	Reg *temp;              /* spilled register -> where its value is at the moment, or NO_REG */
	u32 *when;              /* size of `out` when that was last used */
	RegList held;           /* those with a temp */
} Spiller;

static bool
spilled(const Spiller *s, Reg r)
{
	return r >= FIRST_VREG && r != NO_REG && r < s->n_which && s->which[r];
}

static void
push(Spiller *s, Mi m)
{
	VEC_PUSH(s->mf->a, &s->out->ins, m);
}

static u32
slot_of(Spiller *s, Reg r)
{
	Vreg *v = &s->vr->v[r];

	if (!v->slot)
		v->slot = ++s->mf->n_slots;
	return v->slot - 1;
}

/* A register for the value of r between two instructions. What is spilled a second time is kept as short as can be. */
static Reg
new_temp(Spiller *s, Reg r)
{
	Vreg v = { .temp = true, .fixed = s->vr->v[r].temp };

	if (s->vr->v[r].remake.kind == MK_NONE)
		v.slot = slot_of(s, r) + 1;
	VEC_PUSH(s->mf->a, s->vr, v);
	assert(s->vr->n == s->mf->n_vregs + 1);
	return s->mf->n_vregs++;
}

static void
hold(Spiller *s, Reg r, Reg temp)
{
	if (s->vr->v[r].temp)
		return;
	if (s->temp[r] == NO_REG)
		VEC_PUSH(s->mf->a, &s->held, r);
	s->temp[r] = temp;
	s->when[r] = s->out->ins.n;
}

static void
forget(Spiller *s)
{
	for (u32 k = 0; k < s->held.n; k++)
		s->temp[s->held.v[k]] = NO_REG;
	s->held.n = 0;
}

static Reg read_spilled(Spiller *s, Reg r, Span at);

static void
reload(Spiller *s, Reg to, Reg r, Span at)
{
	Mi m = s->vr->v[r].remake;

	if (m.kind == MK_LOAD && spilled(s, m.src))
		m.src = read_spilled(s, m.src, at);

	if (m.kind == MK_NONE)
		m = (Mi){ .kind = MK_RELOAD, .src = NO_REG, .imm = slot_of(s, r) };
	m.dst = to;
	m.at = at;
	push(s, m);
}

/* The register that holds r before the instruction that comes next. */
static Reg
read_spilled(Spiller *s, Reg r, Span at)
{
	Reg t = s->temp[r];

	if (t == NO_REG || s->out->ins.n - s->when[r] > NEAR) {
		t = new_temp(s, r);
		reload(s, t, r, at);
	}
	hold(s, r, t);
	return t;
}

static void
swap_in(Reg *field, Reg r, Reg t)
{
	if (*field == r)
		*field = t;
}

static void
rewrite(Spiller *s, Mi m)
{
	MiRegs regs;
	Reg def = NO_REG, in_place = NO_REG, t;

	ir_mi_regs(&m, &regs);
	if (m.kind == MK_SPILL && spilled(s, m.src) && s->vr->v[m.src].slot == m.imm + 1)
		return;         /* a temp that is written to its own slot at once */
	for (u32 x = 0; x < regs.n_def; x++)
		if (spilled(s, regs.def[x]))
			def = regs.def[x];
	if (def != NO_REG && s->vr->v[def].remake.kind != MK_NONE)
		return;
	if (ir_mi_is_copy(&m) && def == NO_REG && spilled(s, m.src) && s->temp[m.src] == NO_REG) {
		reload(s, m.dst, m.src, m.at);
		return;
	}
	for (u32 x = 0; x < regs.n_use; x++) {
		Reg r = regs.use[x];

		if (!spilled(s, r))
			continue;
		t = read_spilled(s, r, m.at);
		swap_in(&m.dst, r, t);
		swap_in(&m.src, r, t);
		swap_in(&m.src2, r, t);
		if (r == def)
			in_place = t;
	}
	if (in_place != NO_REG) {
		push(s, m);
		push(s, (Mi){ .kind = MK_SPILL, .dst = NO_REG, .src = in_place, .imm = slot_of(s, def), .at = m.at });
		return;
	}
	if (def == NO_REG) {
		push(s, m);
	} else if (ir_mi_is_copy(&m)) {
		s->temp[def] = NO_REG;
		push(s, (Mi){ .kind = MK_SPILL, .dst = NO_REG, .src = m.src, .imm = slot_of(s, def), .at = m.at });
	} else {
		t = new_temp(s, def);
		swap_in(&m.dst, def, t);
		push(s, m);
		push(s, (Mi){ .kind = MK_SPILL, .dst = NO_REG, .src = t, .imm = slot_of(s, def), .at = m.at });
		hold(s, def, t);
	}
	if (m.kind == MK_CALL)
		forget(s);
}

void
ir_spill(MFn *mf, Vregs *vr, const bool *which)
{
	Spiller s = { .mf = mf, .vr = vr, .which = which, .n_which = mf->n_vregs };
	MBlock fresh = { 0 };

	s.temp = NEW_N(mf->a, Reg, mf->n_vregs);
	s.when = NEW_N(mf->a, u32, mf->n_vregs);
	memset(s.temp, 0xff, mf->n_vregs * sizeof(Reg));
	s.out = &fresh;
	for (u32 k = 0; k < mf->blocks.n; k++) {
		MBlock *mb = mf->blocks.v[k];

		fresh = (MBlock){ 0 };
		for (u32 n = 0; n < mb->ins.n; n++)
			rewrite(&s, mb->ins.v[n]);
		forget(&s);
		mb->ins.v = fresh.ins.v;
		mb->ins.n = fresh.ins.n;
		mb->ins.cap = fresh.ins.cap;
	}
}

/* ---- sharing of slots ---- */

static void
step(const Mi *m, Bits *live)
{
	if (m->kind == MK_SPILL)
		bits_del(live, (u32)m->imm);
	else if (m->kind == MK_RELOAD)
		bits_add(live, (u32)m->imm);
}

/* Colours slots: two meet if one is written while the other is full. Slots that are never read go. */
void
ir_share_slots(MFn *mf)
{
	u32 n = mf->n_slots, *color, used = 0;
	Arena *a;
	Bits *in, *meets, live;
	bool again = true;

	if (!n)
		return;
	a = arena_new();
	color = NEW_N(a, u32, n);
	in = NEW_N(a, Bits, mf->blocks.n);
	meets = NEW_N(a, Bits, n);
	live = bits_new(a, n);
	for (u32 k = 0; k < mf->blocks.n; k++)
		in[k] = bits_new(a, n);
	for (u32 k = 0; k < n; k++)
		meets[k] = bits_new(a, n);
	while (again) {
		again = false;
		for (u32 k = mf->blocks.n; k-- > 0;) {
			const MBlock *mb = mf->blocks.v[k];

			memset(live.w, 0, (n + 63) / 64 * 8);
			for (int x = 0; x < 2; x++)
				if (mb->succ[x] != NO_BLOCK)
					bits_or(&live, &in[mb->succ[x]]);
			for (u32 j = mb->ins.n; j-- > 0;)
				step(&mb->ins.v[j], &live);
			again |= bits_or(&in[k], &live);
		}
	}
	for (u32 k = 0; k < mf->blocks.n; k++) {
		MBlock *mb = mf->blocks.v[k];

		memset(live.w, 0, (n + 63) / 64 * 8);
		for (int x = 0; x < 2; x++)
			if (mb->succ[x] != NO_BLOCK)
				bits_or(&live, &in[mb->succ[x]]);
		for (u32 j = mb->ins.n; j-- > 0;) {
			Mi *m = &mb->ins.v[j];

			if (m->kind == MK_SPILL && !bits_has(&live, (u32)m->imm))
				m->kind = MK_NONE;
			step(m, &live);
			if (m->kind != MK_SPILL)
				continue;
			for (s64 o = bits_next(&live, 0); o >= 0; o = bits_next(&live, (u32)o + 1)) {
				bits_add(&meets[m->imm], (u32)o);
				bits_add(&meets[o], (u32)m->imm);
			}
		}
	}
	for (u32 k = 0; k < n; k++) {
		u64 taken = 0;

		for (s64 o = bits_next(&meets[k], 0); o >= 0 && o < k; o = bits_next(&meets[k], (u32)o + 1))
			if (color[o] < 64)
				taken |= 1ull << color[o];
		color[k] = ~taken ? (u32)__builtin_ctzll(~taken) : 64;
		used = MAX(used, color[k] + 1);
	}
	for (u32 k = 0; k < mf->blocks.n; k++)
		for (u32 j = 0; j < mf->blocks.v[k]->ins.n; j++) {
			Mi *m = &mf->blocks.v[k]->ins.v[j];

			if (m->kind == MK_SPILL || m->kind == MK_RELOAD)
				m->imm = color[m->imm];
		}
	mf->n_slots = used;
	arena_free(a);
}
