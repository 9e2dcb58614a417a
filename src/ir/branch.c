/* branch: fewer ways. Blocks that follow only each other become one; a branch whose outcome an earlier one decided goes
 * there straight; a jump to a branch on a phi, with a constant for it, goes to where that leads; a phi that only tells
 * which way was taken is the condition; equal returns are one. */
#include "ir/ir.h"
#include "ir/pass.h"

static Ins *
terminator(const Fn *fn, const Block *b)
{
	return at(fn, b->ins.v[b->ins.n - 1]);
}

/* ---- straight lines ---- */

static bool
merge_lines(Fn *fn)
{
	bool changed = false;

	for (u32 k = 0; k < fn->blocks.n; k++) {
		Block *b = fn->blocks.v[k], *next;

		while (b->ins.n && terminator(fn, b)->op == IR_jmp) {
			next = fn->blocks.v[b->succ[0]];
			if (next == b || next->preds.n != 1 || next->id == 0)
				break;
			drop(fn, b->ins.v[--b->ins.n]);
			for (u32 n = 0; n < next->ins.n; n++) {
				Ins *i = at(fn, next->ins.v[n]);

				if (i->op == IR_phi) {
					replace(fn, next->ins.v[n], i->args[0]);
					continue;
				}
				i->block = b->id;
				VEC_PUSH(fn->a, &b->ins, next->ins.v[n]);
			}
			for (int x = 0; x < 2; x++) {
				u32 s = b->succ[x] = next->succ[x];

				for (u32 p = 0; s != NO_BLOCK && p < fn->blocks.v[s]->preds.n; p++)
					if (fn->blocks.v[s]->preds.v[p] == next->id)
						fn->blocks.v[s]->preds.v[p] = b->id;
				next->succ[x] = NO_BLOCK;
			}
			next->ins.n = 0;
			next->preds.n = 0;
			changed = true;
		}
	}
	if (changed)
		ir_tidy(fn);
	return changed;
}

/* ---- what earlier branches tell ---- */

/* The one edge into b, and the way it is taken: 1 yes, 0 no; -1 if there are several. */
static int
edge_into(const Fn *fn, const Block *b, Ref *cond)
{
	const Block *from;

	if (b->preds.n != 1)
		return -1;
	from = fn->blocks.v[b->preds.v[0]];
	if (terminator(fn, from)->op != IR_br || from->succ[0] == from->succ[1])
		return -1;
	*cond = terminator(fn, from)->a;
	return from->succ[0] == b->id;
}

/* What is known of the compare x if the compare (or value) y is `yes`: 1, 0, or -1 for nothing. */
static int
implied(const Fn *fn, Ref x, Ref y, int yes)
{
	const Ins *i = at(fn, x), *j = at(fn, y);

	if (x == y)
		return yes;
	/* y itself is tested: y != 0 */
	if ((i->op == IR_eq || i->op == IR_ne) && i->a == y && is_num(fn, i->b, 0))
		return (i->op == IR_ne) == yes;
	if ((j->op == IR_eq || j->op == IR_ne) && j->a == x && is_num(fn, j->b, 0))
		return (j->op == IR_ne) == yes;
	if (!is_compare(i->op) || !is_compare(j->op) || i->a != j->a)
		return -1;
	if (i->b == j->b && ir_inverse(j->op) == i->op && i->op)
		return !yes;
	/* x == 3, and then: x == 4? x > 7? */
	if (is_const(fn, i->b) && is_const(fn, j->b) && (j->op == IR_eq ? yes == 1 : j->op == IR_ne && yes == 0)) {
		s64 out;

		return ir_eval(i, at(fn, j->b)->imm, at(fn, i->b)->imm, &out) ? out != 0 : -1;
	}
	return -1;
}

static bool
settle_known(Fn *fn, const Cfg *c)
{
	bool changed = false;

	for (u32 k = 0; k < c->n; k++) {
		Block *b = fn->blocks.v[c->order[k]];
		Ins *end = terminator(fn, b);
		Ref cond;
		int yes, known = -1;

		if (end->op != IR_br || is_const(fn, end->a))
			continue;
		for (u32 up = b->id, n = 0; up != NO_BLOCK && known < 0 && n < 64; up = c->idom[up], n++) {
			yes = edge_into(fn, fn->blocks.v[up], &cond);
			if (yes >= 0)
				known = implied(fn, end->a, cond, yes);
		}
		if (known < 0)
			continue;
		cond = ir_const(fn, known);
		terminator(fn, b)->a = cond;
		changed = true;
	}
	if (changed)
		ir_fold(fn, NULL);
	return changed;
}

/* ---- jumps to branches on phis ---- */

/* Is b nothing but phis, a compare of one of them with a constant (optional), and a branch on that? Then *phi is it. */
static bool
only_tests_phi(const Fn *fn, const Block *b, Ref *phi, Ref *cmp)
{
	u32 n = 0;

	*cmp = 0;
	while (n < b->ins.n && at(fn, b->ins.v[n])->op == IR_phi)
		n++;
	if (n && n + 2 == b->ins.n && is_compare(at(fn, b->ins.v[n])->op) && is_const(fn, at(fn, b->ins.v[n])->b))
		*cmp = b->ins.v[n++];
	if (!n || n + 1 != b->ins.n || terminator(fn, b)->op != IR_br)
		return false;
	*phi = *cmp ? at(fn, *cmp)->a : terminator(fn, b)->a;
	return at(fn, *phi)->op == IR_phi && at(fn, *phi)->block == b->id && (!*cmp || terminator(fn, b)->a == *cmp);
}

/* Are b's values used by b's own test and by phis of its successors for the edge from b alone? */
static bool
stays_near(const Fn *fn, const Block *b, const u32 *uses)
{
	for (u32 n = 0; n + 1 < b->ins.n; n++) {
		Ref r = b->ins.v[n];
		u32 found = 0;

		for (u32 k = n; k < b->ins.n; k++) {
			Ref *o;

			for (u32 x = 0; (o = operand(at(fn, b->ins.v[k]), x)); x++)
				found += *o == r;
		}
		for (int s = 0; s < 2; s++) {
			const Block *to = fn->blocks.v[b->succ[s]];

			for (u32 p = 0; p < to->preds.n; p++)
				for (u32 k = 0; to->preds.v[p] == b->id && k < to->ins.n; k++) {
					if (at(fn, to->ins.v[k])->op != IR_phi)
						break;
					found += at(fn, to->ins.v[k])->args[p] == r;
				}
		}
		if (found != uses[r])
			return false;
	}
	return true;
}

/* What r, a value seen at the end of b, is when b was entered from its p-th predecessor. */
static Ref
seen_from(const Fn *fn, const Block *b, Ref r, u32 p)
{
	const Ins *i = at(fn, r);

	return i->op == IR_phi && i->block == b->id ? i->args[p] : r;
}

/* The edge pred -> b goes to `to` instead, a successor of b. */
static void
redirect(Fn *fn, u32 p, Block *b, u32 to)
{
	u32 from = b->preds.v[p], q = 0;
	Block *f = fn->blocks.v[from], *t = fn->blocks.v[to];

	while (t->preds.v[q] != b->id)
		q++;
	for (u32 k = 0; k < t->ins.n && at(fn, t->ins.v[k])->op == IR_phi; k++) {
		Ins *i = at(fn, t->ins.v[k]);
		Ref *args = NEW_N(fn->a, Ref, i->n_args + 1);

		memcpy(args, i->args, i->n_args * sizeof(Ref));
		args[i->n_args] = seen_from(fn, b, i->args[q], p);
		i->args = args;
		i->n_args++;
	}
	VEC_PUSH(fn->a, &t->preds, from);
	f->succ[f->succ[0] == b->id ? 0 : 1] = to;
	b->preds.n--;
	memmove(b->preds.v + p, b->preds.v + p + 1, (b->preds.n - p) * sizeof(u32));
	for (u32 k = 0; k < b->ins.n && at(fn, b->ins.v[k])->op == IR_phi; k++) {
		Ins *i = at(fn, b->ins.v[k]);

		i->n_args--;
		memmove(i->args + p, i->args + p + 1, (i->n_args - p) * sizeof(Ref));
	}
}

static bool
thread_block(Fn *fn, Block *b, const u32 *uses)
{
	bool changed = false;
	Ref phi, cmp;

	if (!only_tests_phi(fn, b, &phi, &cmp) || !stays_near(fn, b, uses))
		return false;
	for (u32 p = 0; p < b->preds.n;) {
		Block *from = fn->blocks.v[b->preds.v[p]];
		Ref arg = at(fn, phi)->args[p];
		s64 yes = is_const(fn, arg) ? at(fn, arg)->imm : 0;
		u32 to;

		if (!is_const(fn, arg) || from == b || from->succ[0] == from->succ[1]) {
			p++;
			continue;
		}
		if (cmp)
			ir_eval(at(fn, cmp), yes, at(fn, at(fn, cmp)->b)->imm, &yes);
		to = b->succ[!yes];
		if (to == b->id || from->succ[0] == to || from->succ[1] == to) {
			p++;
			continue;
		}
		redirect(fn, p, b, to);
		changed = true;
	}
	return changed;
}

static bool
thread_jumps(Fn *fn)
{
	Arena *a = arena_new();
	Mark m = arena_mark(a);
	u32 *uses = ir_count_uses(fn, a);
	bool changed = false;

	for (u32 k = 1; k < fn->blocks.n; k++)
		if (thread_block(fn, fn->blocks.v[k], uses)) {
			changed = true;
			arena_release(a, m);
			uses = ir_count_uses(fn, a);
		}
	arena_free(a);
	if (changed)
		ir_tidy(fn);
	return changed;
}

/* ---- phis that are conditions ---- */

/* Is block p, before `join`, the end of `head`'s branch on the way s? Either it is head itself or empty and below it. */
static bool
is_arm(const Fn *fn, u32 p, u32 head, u32 s, u32 join)
{
	const Block *h = fn->blocks.v[head], *b = fn->blocks.v[p];

	if (p == head)
		return h->succ[s] == join && h->succ[!s] != join;
	return h->succ[s] == p && b->preds.n == 1 && b->ins.n == 1 && terminator(fn, b)->op == IR_jmp;
}

/* phi(1, 0) at the end of a branch on a compare is the compare. */
static bool
convert_phi(Fn *fn, Block *join, Ref phi)
{
	Ins *i = at(fn, phi);
	u32 p0 = join->preds.v[0], p1 = join->preds.v[1];
	Ref cond;

	if (!is_const(fn, i->args[0]) || !is_const(fn, i->args[1]))
		return false;
	for (int side = 0; side < 2; side++) {
		u32 head = side ? p1 : p0;

		if (terminator(fn, fn->blocks.v[head])->op == IR_jmp) {
			if (fn->blocks.v[head]->preds.n != 1)
				continue;
			head = fn->blocks.v[head]->preds.v[0];
		}
		if (terminator(fn, fn->blocks.v[head])->op != IR_br)
			continue;
		cond = terminator(fn, fn->blocks.v[head])->a;
		if (!is_compare(at(fn, cond)->op))
			continue;
		for (u32 s = 0; s < 2; s++) {
			s64 yes = at(fn, i->args[s])->imm, no = at(fn, i->args[!s])->imm;

			if (!is_arm(fn, join->preds.v[s], head, 0, join->id) || !is_arm(fn, join->preds.v[!s], head, 1, join->id))
				continue;
			if (yes == 1 && no == 0) {
				replace(fn, phi, cond);
				return true;
			}
			if (yes == 0 && no == 1 && ir_inverse(at(fn, cond)->op)) {
				Ins inv = *at(fn, cond);
				Block *h = fn->blocks.v[head];
				Ref r, end = h->ins.v[h->ins.n - 1];

				inv.op = (u8)ir_inverse(inv.op);
				r = ir_new(fn, head, inv);
				h->ins.v[h->ins.n - 1] = r;
				VEC_PUSH(fn->a, &h->ins, end);
				replace(fn, phi, r);
				return true;
			}
		}
	}
	return false;
}

static bool
convert_phis(Fn *fn)
{
	bool changed = false;

	for (u32 k = 0; k < fn->blocks.n; k++) {
		Block *b = fn->blocks.v[k];

		/* with a second phi the branch would stay */
		if (b->preds.n == 2 && at(fn, b->ins.v[0])->op == IR_phi && at(fn, b->ins.v[1])->op != IR_phi)
			changed |= convert_phi(fn, b, b->ins.v[0]);
	}
	if (changed)
		ir_tidy(fn);
	return changed;
}

/* A branch on x >> n asks x itself; the shift can then move to the way that uses it. */
static bool
test_unshifted(Fn *fn)
{
	bool changed = false;

	for (u32 k = 0; k < fn->blocks.n; k++) {
		Block *b = fn->blocks.v[k];
		Ref end = b->ins.v[b->ins.n - 1], cmp;
		const Ins *shift = at(fn, at(fn, end)->a);

		if (at(fn, end)->op != IR_br || shift->op != IR_shr || !is_const(fn, shift->b) || at(fn, shift->b)->imm > 30)
			continue;
		cmp = ir_const(fn, (s64)1 << at(fn, shift->b)->imm);
		cmp = ir_new(fn, k, (Ins){ .op = IR_uge, .a = at(fn, at(fn, end)->a)->a, .b = cmp, .at = at(fn, end)->at });
		at(fn, end)->a = cmp;
		b->ins.v[b->ins.n - 1] = cmp;
		VEC_PUSH(fn->a, &b->ins, end);
		changed = true;
	}
	return changed;
}

/* ---- empty blocks ---- */

/* An empty block's predecessors go on to its successor, if no phi there must tell them apart. */
static bool
skip_empty(Fn *fn)
{
	bool changed = false;

	for (u32 k = 1; k < fn->blocks.n; k++) {
		Block *b = fn->blocks.v[k], *to;
		bool phis;

		if (b->ins.n != 1 || terminator(fn, b)->op != IR_jmp || b->succ[0] == k || !b->preds.n)
			continue;
		to = fn->blocks.v[b->succ[0]];
		phis = to->ins.n && at(fn, to->ins.v[0])->op == IR_phi;
		for (u32 p = 0; p < b->preds.n;) {
			Block *from = fn->blocks.v[b->preds.v[p]];

			if (from->succ[0] == from->succ[1] ||
			    (phis && (from->succ[0] == to->id || from->succ[1] == to->id || terminator(fn, from)->op == IR_br))) {
				p++;
				continue;
			}
			if (from->succ[0] == to->id || from->succ[1] == to->id) {       /* both ways lead there */
				Ins *end = terminator(fn, from);

				end->op = IR_jmp;
				end->a = 0;
				from->succ[0] = to->id;
				from->succ[1] = NO_BLOCK;
				b->preds.n--;
				memmove(b->preds.v + p, b->preds.v + p + 1, (b->preds.n - p) * sizeof(u32));
			} else {
				redirect(fn, p, b, to->id);
			}
			changed = true;
		}
	}
	if (changed)
		ir_tidy(fn);
	return changed;
}

/* ---- returns ---- */

/* The constant that b returns, or 0. */
static Ref
returned(const Fn *fn, const Block *b)
{
	const Ins *end = terminator(fn, b);

	return end->op == IR_ret && is_const(fn, end->a) ? end->a : 0;
}

static void
jump_instead(Fn *fn, Block *b, u32 to)
{
	terminator(fn, b)->op = IR_jmp;
	terminator(fn, b)->a = 0;
	ir_link(fn, b->id, 0, to);
	fn->blocks.v[to]->cold &= b->cold;
}

/* One block per returned constant; what ends in it jumps there. alone, ends: by constant, a block that does nothing else, and the
 * number of blocks that end so. */
static bool
merge_returns(Fn *fn)
{
	Arena *a = arena_new();
	u32 n = fn->blocks.n, *alone = NEW_N(a, u32, fn->ins.n), *ends = NEW_N(a, u32, fn->ins.n);
	bool changed = false;

	for (u32 k = n; k-- > 0;) {
		Ref v = returned(fn, fn->blocks.v[k]);

		ends[v]++;
		if (v && k && fn->blocks.v[k]->ins.n == 1)
			alone[v] = k;
	}
	for (u32 k = 0; k < n; k++) {
		Ref v = returned(fn, fn->blocks.v[k]);
		Ref ret;

		if (!v || alone[v] == k || (fn->blocks.v[k]->ins.n == 1 && !alone[v]) || (!alone[v] && ends[v] < 2))
			continue;
		if (!alone[v]) {
			alone[v] = ir_block(fn);
			fn->blocks.v[alone[v]]->sealed = true;
			ret = ir_new(fn, alone[v], (Ins){ .op = IR_ret, .a = v });
			VEC_PUSH(fn->a, &fn->blocks.v[alone[v]]->ins, ret);
		}
		jump_instead(fn, fn->blocks.v[k], alone[v]);
		ends[v]--;
		changed = true;
	}
	arena_free(a);
	if (changed)
		ir_tidy(fn);
	return changed;
}

void
ir_branch(Fn *fn, const IrOptions *opt)
{
	bool again = true;

	for (u32 round = 0; again && round < 1000; round++) {
		Arena *a = arena_new();

		again = settle_known(fn, ir_cfg(fn, a));
		arena_free(a);
		again |= thread_jumps(fn);
		again |= convert_phis(fn);
		again |= test_unshifted(fn);
		again |= skip_empty(fn);
		again |= merge_lines(fn);
		again |= merge_returns(fn);
		if (again)
			ir_fold(fn, opt);
	}
}
