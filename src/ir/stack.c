/* stack: where the program's own memory lies: below r10 if there is little of it, else large Mems in the scratch map, which has a
 * part per CPU. Two Mems share bytes if between the first and the last touch of the one the other is not touched. */
#include "ir/ir.h"
#include "ir/pass.h"

#include <stdlib.h>

enum {
	STACK_MAX = 512,
	SPARE = 128,            /* kept for spills when memory is moved to the scratch map */
	ENOUGH = 224,           /* where all of it is no more than this, none is moved: finding the scratch map costs more */
};

typedef struct Plan {
	Fn *fn;
	Arena *a;
	u32 n;                  /* mems */
	Bits *before, *after;   /* per block: touched on some way to its start, from its end on */
	Bits *meets;            /* per mem */
	Bits always;            /* its address went somewhere that is not followed */
} Plan;

/* The Mem that r is an address in, or -1. */
static s64
mem_of(const Fn *fn, Ref r)
{
	for (;;) {
		const Ins *i = at(fn, r);

		if (i->op == IR_mem)
			return i->imm;
		if (i->op != IR_add)
			return -1;
		r = i->a;
	}
}

/* Calls f for each Mem that the instruction touches by an address; escapes: the address itself is kept. */
static void
each_touch(Plan *p, Ref r, void (*f)(Plan *, u32 mem, bool escapes, void *), void *arg)
{
	Ins *i = at(p->fn, r);
	Ref *o;

	for (u32 n = 0; (o = operand(i, n)); n++) {
		s64 m = mem_of(p->fn, *o);
		bool address = n == 0 || i->op == IR_copy;

		if (m < 0)
			continue;
		switch (i->op) {
		case IR_load: case IR_loads: case IR_zero: case IR_copy: case IR_call: case IR_store: case IR_atomic:
			f(p, (u32)m, i->op != IR_call && !address, arg);
			break;
		case IR_add:
			if (n)
				f(p, (u32)m, true, arg);
			break;          /* an address made from it is followed to where it is used */
		default:
			if (!is_compare(i->op))
				f(p, (u32)m, true, arg);
		}
	}
}

static void
note(Plan *p, u32 mem, bool escapes, void *arg)
{
	bits_add(arg, mem);
	if (escapes)
		bits_add(&p->always, mem);
}

static void
flow(Plan *p, const Bits *own)
{
	Cfg *c = ir_cfg(p->fn, p->a);
	bool again = true;

	while (again) {
		again = false;
		for (u32 k = 0; k < c->n; k++) {
			const Block *b = p->fn->blocks.v[c->order[k]], *l = p->fn->blocks.v[c->order[c->n - 1 - k]];

			for (u32 x = 0; x < b->preds.n; x++) {
				again |= bits_or(&p->before[b->id], &p->before[b->preds.v[x]]);
				again |= bits_or(&p->before[b->id], &own[b->preds.v[x]]);
			}
			for (int x = 0; x < 2; x++)
				if (l->succ[x] != NO_BLOCK) {
					again |= bits_or(&p->after[l->id], &p->after[l->succ[x]]);
					again |= bits_or(&p->after[l->id], &own[l->succ[x]]);
				}
		}
		again &= c->cyclic;
	}
}

/* open: touched before and still to be touched; now: by this instruction; left: touches to come in this block, all 0 behind it. */
typedef struct Walk { Bits open, now; const Bits *after; u32 *left; } Walk;

static void
count(Plan *p, u32 mem, bool escapes, void *arg)
{
	(void)p, (void)escapes;
	((u32 *)arg)[mem]++;
}

static void
touch(Plan *p, u32 mem, bool escapes, void *arg)
{
	Walk *w = arg;

	(void)escapes;
	bits_add(&w->open, mem);
	bits_add(&w->now, mem);
	for (s64 o = bits_next(&w->open, 0); o >= 0; o = bits_next(&w->open, (u32)o + 1)) {
		bits_add(&p->meets[mem], (u32)o);
		bits_add(&p->meets[o], mem);
	}
	w->left[mem]--;
}

/* What is never touched again is no longer open. */
static void
close_done(Walk *w)
{
	for (s64 o = bits_next(&w->now, 0); o >= 0; o = bits_next(&w->now, (u32)o + 1))
		if (!w->left[o] && !bits_has(w->after, (u32)o))
			bits_del(&w->open, (u32)o);
}

static void
find_meetings(Plan *p)
{
	Bits *own = NEW_N(p->a, Bits, p->fn->blocks.n);
	Walk w = { .open = bits_new(p->a, p->n), .now = bits_new(p->a, p->n), .left = NEW_N(p->a, u32, p->n) };

	p->before = NEW_N(p->a, Bits, p->fn->blocks.n);
	p->after = NEW_N(p->a, Bits, p->fn->blocks.n);
	p->meets = NEW_N(p->a, Bits, p->n);
	p->always = bits_new(p->a, p->n);
	for (u32 m = 0; m < p->n; m++)
		p->meets[m] = bits_new(p->a, p->n);
	for (u32 k = 0; k < p->fn->blocks.n; k++) {
		own[k] = bits_new(p->a, p->n);
		p->before[k] = bits_new(p->a, p->n);
		p->after[k] = bits_new(p->a, p->n);
		for (u32 n = 0; n < p->fn->blocks.v[k]->ins.n; n++)
			each_touch(p, p->fn->blocks.v[k]->ins.v[n], note, &own[k]);
	}
	flow(p, own);
	for (u32 k = 0; k < p->fn->blocks.n; k++) {
		const Block *b = p->fn->blocks.v[k];

		for (u32 x = 0; x < (p->n + 63) / 64; x++)
			w.open.w[x] = p->before[k].w[x] & (own[k].w[x] | p->after[k].w[x]);
		w.after = &p->after[k];
		for (u32 n = 0; n < b->ins.n; n++)
			each_touch(p, b->ins.v[n], count, w.left);
		for (u32 n = 0; n < b->ins.n; n++) {
			memset(w.now.w, 0, (p->n + 63) / 64 * 8);
			each_touch(p, b->ins.v[n], touch, &w);
			close_done(&w);
		}
	}
	for (u32 m = 0; m < p->n; m++)
		for (u32 o = 0; bits_has(&p->always, m) && o < p->n; o++) {
			bits_add(&p->meets[m], o);
			bits_add(&p->meets[o], m);
		}
}

/* The lowest place for m beside those that it meets; gives the bytes used by all of its kind so far. */
static u32
place_one(const Plan *p, u32 m, const bool *placed, u32 top)
{
	Mem *mem = &p->fn->mems.v[m];
	u32 off = 0, align = MAX(mem->align, mem->size >= 8 ? 8u : 1u);
	bool again = true;

	while (again) {
		again = false;
		off = ALIGN(off, align);
		for (s64 o = bits_next(&p->meets[m], 0); o >= 0; o = bits_next(&p->meets[m], (u32)o + 1)) {
			const Mem *other = &p->fn->mems.v[o];

			if (o == m || !placed[o] || other->scratch != mem->scratch)
				continue;
			if (off < (u32)other->place + other->size && (u32)other->place < off + mem->size) {
				off = (u32)other->place + other->size;
				again = true;
			}
		}
	}
	mem->place = (s32)off;
	return MAX(top, off + mem->size);
}

static int
by_size(const void *x, const void *y, void *arg)
{
	const Plan *p = arg;
	u32 a = *(const u32 *)x, b = *(const u32 *)y, m = p->fn->mems.v[a].size, n = p->fn->mems.v[b].size;

	return m != n ? (m < n ? 1 : -1) : a < b ? -1 : 1;
}

/* Places all Mems of one kind from 0 upwards, large ones first. Gives the bytes used. */
static u32
place_kind(const Plan *p, bool scratch)
{
	bool *placed = NEW_N(p->a, bool, p->n);
	u32 *order = NEW_N(p->a, u32, p->n), top = 0;

	for (u32 m = 0; m < p->n; m++)
		order[m] = m;
	qsort_r(order, p->n, sizeof(u32), by_size, (void *)p);
	for (u32 k = 0; k < p->n; k++) {
		if (p->fn->mems.v[order[k]].scratch != scratch || !bits_has(&p->meets[order[k]], order[k]))
			continue;       /* of the other kind; or nobody touches it */
		top = place_one(p, order[k], placed, top);
		placed[order[k]] = true;
	}
	return ALIGN(top, 8);
}

/* Decides what lies where; gives the bytes of stack, and the bytes of scratch memory in *scratch. */
static u32
plan(Plan *p, const IrOptions *opt, u32 room, u32 *scratch)
{
	Fn *fn = p->fn;
	u32 used;

	for (u32 m = 0; m < p->n; m++)
		fn->mems.v[m].scratch = fn->mems.v[m].off_stack;
	find_meetings(p);
	if (place_kind(p, false) > MIN(room, (u32)ENOUGH))
		for (u32 m = 0; m < p->n; m++)
			fn->mems.v[m].scratch |= !fn->mems.v[m].on_stack &&
				fn->mems.v[m].size > (opt->stack_limit ? opt->stack_limit : 32);
	while ((used = place_kind(p, false)) > room) {
		u32 big = p->n;

		for (u32 m = 0; m < p->n; m++)
			if (!fn->mems.v[m].scratch && !fn->mems.v[m].on_stack && (big == p->n || fn->mems.v[m].size > fn->mems.v[big].size))
				big = m;
		if (big == p->n)
			break;          /* what is left must be there; the caller reports it */
		fn->mems.v[big].scratch = true;
	}
	*scratch = place_kind(p, true);
	for (u32 m = 0; m < p->n; m++)  /* from the bottom of the frame, which is aligned, upwards */
		if (!fn->mems.v[m].scratch)
			fn->mems.v[m].place -= (s32)used;
	return used;
}

/* ---- scratch memory ---- */

/* The block that every use of a scratch Mem comes after, outside of loops. */
static u32
first_block(const Fn *fn, const Cfg *c)
{
	u32 best = NO_BLOCK;
	Ref *o;

	for (u32 k = 0; k < c->n; k++) {
		const Block *b = fn->blocks.v[c->order[k]];

		for (u32 n = 0; n < b->ins.n; n++) {
			Ins *i = at(fn, b->ins.v[n]);

			for (u32 x = 0; (o = operand(i, x)); x++) {
				u32 where = i->op == IR_phi ? b->preds.v[x] : b->id;

				if (at(fn, *o)->op != IR_mem || !fn->mems.v[at(fn, *o)->imm].scratch)
					continue;
				best = best == NO_BLOCK ? where : ir_common_dom(c, best, where);
			}
		}
	}
	while (best != NO_BLOCK && c->loops[best])
		best = c->idom[best];
	return best;
}

static bool
uses_scratch(const Fn *fn, Ref r)
{
	Ref *o;

	for (u32 x = 0; (o = operand(at(fn, r), x)); x++)
		if (at(fn, *o)->op == IR_mem && fn->mems.v[at(fn, *o)->imm].scratch)
			return true;
	return false;
}

/* base = this CPU's part of the scratch map, made before the first use. Where the verifier does not know how far the CPU's number goes,
 * there is a power of two of parts, and a mask: to leave the program would need to give back what it holds there, as a record in
 * the ring. */
static Ref
make_base(Fn *fn, u32 block, u32 place, u32 parts, u32 stride, const IrOptions *opt)
{
	Block *b = fn->blocks.v[block];
	Edit e = { .fn = fn, .block = block };
	Ref map = ir_mapval(fn, opt->scratch_map, place), cpu;
	u32 k = 0, old = b->ins.n;

	if (parts == 1)
		return map;
	while (at(fn, b->ins.v[k])->op == IR_phi || (k + 1 < old && !uses_scratch(fn, b->ins.v[k])))
		k++;
	e.at = at(fn, b->ins.v[k])->at;
	cpu = ir_put(&e, (Ins){ .op = IR_call, .imm = BPF_FUNC_get_smp_processor_id });
	if (!opt->cpu_known)
		cpu = ir_put_bini(&e, IR_and, cpu, parts - 1);
	map = ir_put_bin(&e, IR_add, map, ir_put_bini(&e, IR_mul, cpu, stride));
	for (u32 n = 0; n < e.out.n; n++)
		VEC_PUSH(fn->a, &b->ins, e.out.v[n]);
	memmove(b->ins.v + k + e.out.n, b->ins.v + k, (old - k) * sizeof(Ref));
	memcpy(b->ins.v + k, e.out.v, e.out.n * sizeof(Ref));
	return map;
}

static void
use_scratch(Fn *fn, u32 place, u32 parts, u32 stride, const IrOptions *opt)
{
	Arena *a = arena_new();
	u32 block = first_block(fn, ir_cfg(fn, a));
	Ref base, *o;

	arena_free(a);
	if (block == NO_BLOCK)
		return;
	base = make_base(fn, block, place, parts, stride, opt);
	for (u32 k = 0; k < fn->blocks.n; k++) {
		Block *b = fn->blocks.v[k];
		Edit e = { .fn = fn, .block = k };

		for (u32 n = 0; n < b->ins.n; n++) {
			Ref r = b->ins.v[n], by;
			Ins i = *at(fn, r);

			e.at = i.at;
			for (u32 x = 0; (o = operand(&i, x)); x++) {
				s64 m = at(fn, *o)->op == IR_mem ? at(fn, *o)->imm : -1;

				if (m < 0 || !fn->mems.v[m].scratch)
					continue;
				if (i.op == IR_phi) {   /* made where the way to the phi begins */
					Edit before = { .fn = fn, .block = b->preds.v[x], .at = i.at };
					Block *from = fn->blocks.v[b->preds.v[x]];

					*o = ir_put_bini(&before, IR_add, base, fn->mems.v[m].place);
					if (before.out.n && from == b) {
						VEC_PUSH(fn->a, &e.out, before.out.v[0]);
					} else if (before.out.n) {
						Ref end = from->ins.v[from->ins.n - 1];

						from->ins.v[from->ins.n - 1] = before.out.v[0];
						VEC_PUSH(fn->a, &from->ins, end);
					}
				} else {
					*o = ir_put_bini(&e, IR_add, base, fn->mems.v[m].place);
				}
			}
			by = ir_simplify(fn, &i);
			*at(fn, r) = i;
			if (by)
				replace(fn, r, by);
			else
				VEC_PUSH(fn->a, &e.out, r);
		}
		b->ins.v = e.out.v;
		b->ins.n = e.out.n;
		b->ins.cap = e.out.cap;
	}
	ir_tidy(fn);
}

u32
ir_stack_bytes(const Fn *fn)
{
	s32 low = 0;

	for (u32 m = 0; m < fn->mems.n; m++)
		if (!fn->mems.v[m].scratch)
			low = MIN(low, fn->mems.v[m].place);
	return (u32)-low;
}

bool
ir_place_mems(Unit *u, const IrOptions *opt, Diag *d)
{
	u32 cpus = opt->cpus ? opt->cpus : host_cpus(), parts = 1, stride = 0, deepest = 0, used;
	u32 *scratch = NEW_N(u->a, u32, u->fns.n);

	(void)d;
	while (parts < cpus)
		parts *= 2;
	if (opt->cpu_known)
		parts = cpus;
	/* Callbacks run on top of main: together they have STACK_MAX. */
	for (u32 n = u->fns.n; n-- > 0;) {
		Arena *a = arena_new();
		Plan p = { .fn = u->fns.v[n], .a = a, .n = u->fns.v[n]->mems.n };

		used = p.n ? plan(&p, opt, STACK_MAX - SPARE - (n ? STACK_MAX / 2 : deepest), &scratch[n]) : 0;
		if (n)
			deepest = MAX(deepest, ALIGN(used, 32) + SPARE);
		stride += ALIGN(scratch[n], 64);
		arena_free(a);
	}
	u->scratch_bytes = stride * parts;
	stride = 0;
	for (u32 n = 0; n < u->fns.n; n++) {
		used = ALIGN(scratch[n], 64);
		if (used)
			use_scratch(u->fns.v[n], opt->scratch_base + stride, parts, u->scratch_bytes / parts, opt);
		stride += used;
	}
	return true;
}
