/* sink: work is done where it is needed. What has no effect and reads nothing that can change moves down to the block
 * that all its uses come after, never into a loop, and there right before the first use: a predicate then runs before
 * what only the action needs, and values occupy registers for a shorter time. One thing moves up: what alone keeps a parameter. */
#include "ir/ir.h"
#include "ir/pass.h"

typedef struct Sinker {
	Fn *fn;
	Cfg *cfg;
	u32 *target;            /* per value: block that all uses come after, NO_BLOCK if there are none yet */
	u32 *uses;
} Sinker;

static void
note_uses(Sinker *s, const Block *b, Ins *i)
{
	Ref *o;

	for (u32 x = 0; (o = operand(i, x)); x++) {
		u32 where = i->op == IR_phi ? b->preds.v[x] : b->id;

		if (is_leaf(at(s->fn, *o)->op))
			continue;
		s->target[*o] = s->target[*o] == NO_BLOCK ? where : ir_common_dom(s->cfg, s->target[*o], where);
	}
}

/* The deepest block between `from` and `to` (below it) that is in no loop which `from` is not in. */
static u32
out_of_loops(const Sinker *s, u32 from, u32 to)
{
	while (to != from && s->cfg->loops[to] > s->cfg->loops[from])
		to = s->cfg->idom[to];
	return to;
}

/* Values to move, block by block from the end: users have been moved before what they use is looked at. */
static void
move_down(Sinker *s, VecU32 *arrivals)
{
	Fn *fn = s->fn;

	for (u32 k = s->cfg->n; k-- > 0;) {
		Block *b = fn->blocks.v[s->cfg->order[k]];

		for (u32 n = b->ins.n; n-- > 0;) {
			Ref r = b->ins.v[n];
			Ins *i = at(fn, r);
			u32 to;

			if (ir_is_lasting(i) && s->target[r] != NO_BLOCK && s->target[r] != b->id) {
				to = out_of_loops(s, b->id, s->target[r]);
				if (to != b->id) {
					b->ins.v[n] = 0;
					i->block = to;
					VEC_PUSH(fn->a, &arrivals[to], r);
					note_uses(s, fn->blocks.v[to], i);
					continue;
				}
			}
			note_uses(s, b, i);
		}
	}
}

/* Writes a block anew: each value that may move stands right before its first use in the block, if it has one. */
typedef struct Writer { Sinker *s; Block *b; u8 *state; Vec(Ref) out; } Writer;
enum { ABSENT, WAITING, WRITTEN };      /* ABSENT: not of this block */

static void
write_with_operands(Writer *w, Ref r)
{
	Ref *o;

	w->state[r] = WRITTEN;
	/* A phi uses its operands in other blocks, or in this one the round before. */
	for (u32 x = 0; at(w->s->fn, r)->op != IR_phi && (o = operand(at(w->s->fn, r), x)); x++)
		if (w->state[*o] == WAITING)
			write_with_operands(w, *o);
	VEC_PUSH(w->s->fn->a, &w->out, r);
}

/* Does it pay to wait? Not if more than one of its operands would then live longer. */
static bool
waits(const Sinker *s, Ref r)
{
	Ins *i = at(s->fn, r);
	u32 longer = 0;
	Ref *o;

	if (!ir_is_lasting(i))
		return false;
	for (u32 x = 0; (o = operand(i, x)); x++)
		longer += !is_leaf(at(s->fn, *o)->op) && s->uses[*o] == 1;
	return longer <= 1;
}

static void
rewrite(Sinker *s, Block *b, const VecU32 *arrived, u8 *state)
{
	Writer w = { .s = s, .b = b, .state = state };
	u32 n = 0;

	for (u32 k = 0; k < arrived->n; k++)
		state[arrived->v[k]] = WAITING;
	for (u32 k = 0; k < b->ins.n; k++)
		if (b->ins.v[k] && waits(s, b->ins.v[k]))
			state[b->ins.v[k]] = WAITING;
	for (n = 0; n < b->ins.n; n++) {
		Ref r = b->ins.v[n];

		if (!r || state[r] != ABSENT)
			continue;
		if (n + 1 == b->ins.n) {        /* what later blocks use comes before the terminator, in its old order */
			for (u32 k = arrived->n; k-- > 0;)
				if (state[arrived->v[k]] == WAITING && s->uses[arrived->v[k]])
					write_with_operands(&w, arrived->v[k]);
			for (u32 k = 0; k < n; k++)
				if (b->ins.v[k] && state[b->ins.v[k]] == WAITING)
					write_with_operands(&w, b->ins.v[k]);
		}
		write_with_operands(&w, r);
	}
	for (u32 k = 0; k < w.out.n; k++)
		state[w.out.v[k]] = ABSENT;
	b->ins.v = w.out.v;
	b->ins.n = w.out.n;
	b->ins.cap = w.out.cap;
}

/* The one instruction that uses parameter p, or 0. */
static Ref
only_use(const Fn *fn, Ref p)
{
	Ref use = 0, *o;

	for (u32 k = 0; k < fn->blocks.n; k++)
		for (u32 n = 0; fn->blocks.v[k] && n < fn->blocks.v[k]->ins.n; n++)
			for (u32 x = 0; (o = operand(at(fn, fn->blocks.v[k]->ins.v[n]), x)); x++) {
				if (*o != p)
					continue;
				if (use)
					return 0;
				use = fn->blocks.v[k]->ins.v[n];
			}
	return use;
}

/* Does a call come before r whatever way leads there? (Only the blocks that all ways share are looked at.) */
static bool
is_behind_call(const Sinker *s, Ref r)
{
	for (u32 b = at(s->fn, r)->block; b != NO_BLOCK; b = s->cfg->idom[b])
		for (u32 n = 0; n < s->fn->blocks.v[b]->ins.n && s->fn->blocks.v[b]->ins.v[n] != r; n++)
			if (at(s->fn, s->fn->blocks.v[b]->ins.v[n])->op == IR_call)
				return true;
	return false;
}

/* What is all that is ever read through a parameter is read at the start: else the parameter would have to be saved over the
 * calls in between, by an instruction of its own in the same place. */
static void
raise_only_load(const Sinker *s, Ref p)
{
	Ref r = only_use(s->fn, p);
	Ins *i = at(s->fn, r);
	Block *from, *first = s->fn->blocks.v[s->cfg->order[0]];
	u32 n = 0;

	if (!r || i->op != IR_load || !(i->flags & IF_INVARIANT) || !is_behind_call(s, r))
		return;
	from = s->fn->blocks.v[i->block];
	while (from->ins.v[n] != r)
		n++;
	memmove(&from->ins.v[n], &from->ins.v[n + 1], (--from->ins.n - n) * sizeof(Ref));
	VEC_PUSH(s->fn->a, &first->ins, r);
	memmove(&first->ins.v[1], &first->ins.v[0], (first->ins.n - 1) * sizeof(Ref));
	first->ins.v[0] = r;
	i->block = first->id;
}

void
ir_sink(Fn *fn, const IrOptions *opt)
{
	Arena *a = arena_new();
	Sinker s = { fn, ir_cfg(fn, a), NEW_N(a, u32, fn->ins.n), ir_count_uses(fn, a) };
	VecU32 *arrivals = NEW_N(a, VecU32, fn->blocks.n);
	u8 *state = NEW_N(a, u8, fn->ins.n);

	(void)opt;
	memset(s.target, 0xff, fn->ins.n * sizeof(u32));
	/* phis first: their operands are used at the ends of other blocks, which may come later */
	for (u32 k = 0; k < s.cfg->n; k++) {
		const Block *b = fn->blocks.v[s.cfg->order[k]];

		for (u32 n = 0; n < b->ins.n && at(fn, b->ins.v[n])->op == IR_phi; n++)
			note_uses(&s, b, at(fn, b->ins.v[n]));
	}
	move_down(&s, arrivals);
	for (u32 k = 0; k < s.cfg->n; k++)
		rewrite(&s, fn->blocks.v[s.cfg->order[k]], &arrivals[s.cfg->order[k]], state);
	for (Ref r = 1; r < fn->ins.n; r++)
		if (at(fn, r)->op == IR_param)
			raise_only_load(&s, r);
	arena_free(a);
	ir_tidy(fn);
}
