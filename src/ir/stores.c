/* stores: writes to the program's own memory that nobody reads go, byte by byte and backwards through the flow; a zeroed
 * stretch shrinks to what is read before it is written again. And (merge) neighbouring stores become one wider one. */
#include "ir/ir.h"
#include "ir/pass.h"

enum { MOST_BITS = 1 << 28 };   /* blocks times bytes: beyond, each block is looked at alone */

typedef struct Stores {
	Fn *fn;
	Arena *a;
	bool *escapes;
	u32 *first;             /* per Mem: number of its first byte */
	u32 n;                  /* bytes */
	u32 *uses;
} Stores;

static void
set_range(const Stores *s, Bits *live, const Place *p, s64 n, bool on)
{
	s64 from = MAX(p->off, 0), to = MIN(p->off + n, (s64)s->fn->mems.v[p->index].size);

	for (s64 k = from; k < to; k++)
		if (on)
			bits_add(live, s->first[p->index] + (u32)k);
		else
			bits_del(live, s->first[p->index] + (u32)k);
}

/* A place at a fixed offset in a Mem of which all uses are seen. */
static bool
is_own(const Stores *s, const Place *p)
{
	return p->kind == PK_MEM && !s->escapes[p->index];
}

static bool
is_fixed(const Stores *s, const Place *p)
{
	return at(s->fn, p->base)->op == IR_mem;
}

static void
read_all(const Stores *s, Bits *live, const Place *p)
{
	Place whole = *p;

	whole.off = 0;
	set_range(s, live, &whole, s->fn->mems.v[p->index].size, true);
}

static void
read_at(const Stores *s, Bits *live, const Place *p, s64 n)
{
	if (!is_own(s, p))
		return;
	if (is_fixed(s, p))
		set_range(s, live, p, n, true);
	else
		read_all(s, live, p);
}

static void
see_call(const Stores *s, const Ins *i, Bits *live)
{
	for (u32 k = 0; k < i->n_args; k++) {
		Place p = ir_place_of(s->fn, i->args[k], 0);

		if (is_own(s, &p) && is_fixed(s, &p))
			set_range(s, live, &p, ir_arg_written(s->fn, i, k), false);
	}
	for (u32 k = 0; k < i->n_args; k++) {
		Place p = ir_place_of(s->fn, i->args[k], 0);

		if (is_own(s, &p) && !ir_arg_written(s->fn, i, k) && !strchr("wWlD", ir_arg_letter(i, k)))
			read_all(s, live, &p);
	}
}

/* The first and the last byte of [off, off + n) that is read later; false if none is. */
static bool
live_part(const Stores *s, const Bits *live, const Place *p, s64 n, s64 *from, s64 *to)
{
	*from = *to = -1;
	for (s64 k = p->off; k < p->off + n; k++) {
		if (k < 0 || k >= s->fn->mems.v[p->index].size || !bits_has(live, s->first[p->index] + (u32)k))
			continue;
		if (*from < 0)
			*from = k;
		*to = k + 1;
	}
	return *from >= 0;
}

/* One instruction, backwards. With `act` what is dead is dropped. */
static void
step(const Stores *s, Ref r, Bits *live, bool act)
{
	Ins *i = at(s->fn, r);
	Place p, q;
	s64 n, from, to;

	switch (i->op) {
	case IR_load: case IR_loads:
		p = ir_place_of(s->fn, i->a, i->imm);
		read_at(s, live, &p, i->size);
		return;
	case IR_atomic:
		p = ir_place_of(s->fn, i->a, (s32)i->imm2);
		read_at(s, live, &p, i->size);
		return;
	case IR_call:
		/* a helper that does nothing but fill memory which nobody reads */
		n = i->n_args ? ir_arg_written(s->fn, i, 0) : 0;
		if (i->imm == BPF_FUNC_get_current_comm && i->n_args == 2 && is_const(s->fn, i->args[1]))
			n = at(s->fn, i->args[1])->imm;
		if (act && n && !s->uses[r]) {
			p = ir_place_of(s->fn, i->args[0], 0);
			if (is_own(s, &p) && is_fixed(s, &p) && !live_part(s, live, &p, n, &from, &to)) {
				drop(s->fn, r);
				return;
			}
		}
		see_call(s, i, live);
		return;
	case IR_store:
		p = ir_place_of(s->fn, i->a, i->imm);
		n = i->size;
		break;
	case IR_zero: case IR_copy:
		p = ir_place_of(s->fn, i->a, (s32)i->imm2);
		n = i->imm;
		break;
	default:
		return;
	}
	if (is_own(s, &p) && is_fixed(s, &p)) {
		bool any = live_part(s, live, &p, n, &from, &to);

		if (!any && act && !(i->flags & IF_VOLATILE)) {
			drop(s->fn, r);
			return;
		}
		if (any && act && i->op == IR_zero && (from > p.off || to < p.off + n)) {
			/* whole words, as far as it had them */
			from = MAX(p.off, from & ~7ll);
			to = MIN(p.off + n, ALIGN(to, 8));
			i->imm2 = (u32)((s32)i->imm2 + (s32)(from - p.off));
			i->imm = to - from;
			n = i->imm;
			p.off = from;
		}
		set_range(s, live, &p, n, false);
	}
	if (i->op == IR_copy) {
		q = ir_place_of(s->fn, i->b, 0);
		read_at(s, live, &q, i->imm);
	}
}

static void
live_at_end(const Stores *s, const Block *b, const Bits *in, Bits *live)
{
	memset(live->w, in ? 0 : 0xff, (s->n + 63) / 64 * 8);
	for (int x = 0; in && x < 2; x++)
		if (b->succ[x] != NO_BLOCK)
			bits_or(live, &in[b->succ[x]]);
	if (!in && b->succ[0] == NO_BLOCK)
		memset(live->w, 0, (s->n + 63) / 64 * 8);
}

void
ir_stores(Fn *fn, const IrOptions *opt)
{
	Arena *a = arena_new();
	Stores s = { .fn = fn, .a = a, .escapes = ir_escapes(fn, a), .first = NEW_N(a, u32, fn->mems.n + 1) };
	Cfg *c = ir_cfg(fn, a);
	Bits *in = NULL, live;
	bool again = true;

	(void)opt;
	s.uses = ir_count_uses(fn, a);
	for (u32 m = 0; m < fn->mems.n; m++) {
		s.first[m] = s.n;
		s.n += fn->mems.v[m].size;
	}
	live = bits_new(a, s.n);
	if ((u64)s.n * fn->blocks.n < MOST_BITS) {
		in = NEW_N(a, Bits, fn->blocks.n);
		for (u32 k = 0; k < fn->blocks.n; k++)
			in[k] = bits_new(a, s.n);
	}
	for (u32 round = 0; in && again; round++) {
		again = false;
		for (u32 k = c->n; k-- > 0;) {
			const Block *b = fn->blocks.v[c->order[k]];

			live_at_end(&s, b, in, &live);
			for (u32 n = b->ins.n; n-- > 0;)
				step(&s, b->ins.v[n], &live, false);
			again |= bits_or(&in[b->id], &live);
		}
		again &= c->cyclic;
	}
	for (u32 k = c->n; k-- > 0;) {
		const Block *b = fn->blocks.v[c->order[k]];

		live_at_end(&s, b, in, &live);
		for (u32 n = b->ins.n; n-- > 0;)
			step(&s, b->ins.v[n], &live, true);
	}
	arena_free(a);
	ir_tidy(fn);
}

/* ---- merging ---- */

enum { WINDOW = 16 };

/* May an instruction between two stores see or change what they write? */
static bool
is_between(const Fn *fn, Ref r, const Place *p, u32 n)
{
	Ins *i = at(fn, r);
	Place q;

	switch (i->op) {
	case IR_load: case IR_loads:
		if (i->flags & IF_INVARIANT)
			return false;
		q = ir_place_of(fn, i->a, i->imm);
		return ir_may_alias(&q, i->size, p, n);
	case IR_store:
		q = ir_place_of(fn, i->a, i->imm);
		return ir_may_alias(&q, i->size, p, n);
	case IR_call: case IR_atomic: case IR_zero: case IR_copy:
		return true;
	default:
		return false;
	}
}

/* The value of two neighbours of `size` bytes as one, or 0 if that would not be shorter. */
static Ref
joined(Fn *fn, Ref low, Ref high, u32 size)
{
	u64 mask = (1ull << size * 8) - 1, x;
	const Ins *v = at(fn, low);

	if (is_const(fn, low) && is_const(fn, high)) {
		x = ((u64)at(fn, low)->imm & mask) | ((u64)at(fn, high)->imm & mask) << size * 8;
		if (size == 4 && ((s64)x > INT32_MAX || (s64)x < INT32_MIN))
			return 0;
		return ir_const(fn, (s64)x);
	}
	/* a value that fills the low half, with zeros above */
	if (is_num(fn, high, 0) && ((v->op == IR_zext && v->size <= size) || (v->op == IR_load && v->size <= size)))
		return low;
	return 0;
}

static bool
merge_into(Fn *fn, Block *b, u32 n)
{
	Ins i = *at(fn, b->ins.v[n]);
	Place p = ir_place_of(fn, i.a, i.imm);

	if (i.op != IR_store || i.size == 8 || i.flags & IF_VOLATILE || __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__)
		return false;
	for (u32 k = n, w = 0; k-- > 0 && w < WINDOW; w++) {
		Ref r = b->ins.v[k];
		Ins j = *at(fn, r);
		Place q;

		if (j.op == IR_store && j.size == i.size && !(j.flags & IF_VOLATILE)) {
			bool upper;
			Ref v;

			q = ir_place_of(fn, j.a, j.imm);
			upper = q.off > p.off;
			if (q.base == p.base && q.kind == p.kind && (q.off == p.off + i.size || p.off == q.off + i.size) &&
			    MIN(p.off, q.off) % (2 * i.size) == 0) {
				v = joined(fn, upper ? i.b : j.b, upper ? j.b : i.b, i.size);
				if (v) {
					Ins *to = at(fn, b->ins.v[n]);

					if (!upper) {
						to->a = j.a;
						to->imm = j.imm;
					}
					to->b = v;
					to->size *= 2;
					drop(fn, r);
					b->ins.v[k] = 0;
					return true;
				}
			}
		}
		if (j.op == IR_none)
			continue;
		if (is_between(fn, r, &p, 8) || is_between(fn, r, &(Place){ p.kind, p.index, p.base, p.off - 8 }, 16))
			return false;
	}
	return false;
}

void
ir_merge(Fn *fn, const IrOptions *opt)
{
	(void)opt;
	for (u32 k = 0; k < fn->blocks.n; k++) {
		Block *b = fn->blocks.v[k];

		for (u32 n = 0; n < b->ins.n; n++)
			while (b->ins.v[n] && merge_into(fn, b, n))
				;
	}
	ir_tidy(fn);
}
