/* check: what holds for every function between passes. The first thing that does not is told in words. */
#include "ir/ir.h"
#include "ir/pass.h"

typedef struct Check { const Fn *fn; Cfg *cfg; Buf *why; u32 *place; } Check;

static bool __attribute__((format(printf, 3, 4)))
fault(Check *c, const Block *b, const char *fmt, ...)
{
	va_list ap;

	buf_printf(c->why, "%s, b%u: ", c->fn->name, b->id);
	va_start(ap, fmt);
	buf_vprintf(c->why, fmt, ap);
	va_end(ap);
	return false;
}

static bool
check_edges(Check *c, const Block *b, const Ins *end)
{
	u32 n = end->op == IR_br ? 2 : end->op == IR_jmp ? 1 : 0;

	for (u32 k = 0; k < 2; k++) {
		u32 s = b->succ[k], found = 0;

		if ((s != NO_BLOCK) != (k < n))
			return fault(c, b, "%s has the wrong number of successors", ir_ops[end->op].name);
		if (s == NO_BLOCK)
			continue;
		if (s >= c->fn->blocks.n)
			return fault(c, b, "successor b%u does not exist", s);
		for (u32 p = 0; p < c->fn->blocks.v[s]->preds.n; p++)
			found += c->fn->blocks.v[s]->preds.v[p] == b->id;
		if (found != 1u + (n == 2 && b->succ[0] == b->succ[1]))
			return fault(c, b, "b%u knows this block %u times as a predecessor", s, found);
	}
	for (u32 p = 0; p < b->preds.n; p++) {
		const Block *from = b->preds.v[p] < c->fn->blocks.n ? c->fn->blocks.v[b->preds.v[p]] : NULL;

		if (!from || (from->succ[0] != b->id && from->succ[1] != b->id))
			return fault(c, b, "predecessor b%u does not come here", b->preds.v[p]);
	}
	return true;
}

/* The definition of v reaches the use at place `where` of block `in`. */
static bool
check_use(Check *c, const Block *b, const Ins *user, Ref v, u32 in, u32 where)
{
	const Ins *def;

	if (!v || v >= c->fn->ins.n)
		return fault(c, b, "%s has an operand that does not exist", ir_ops[user->op].name);
	def = at(c->fn, v);
	if (is_leaf(def->op)) {
		if (def->op == IR_mem && (u64)def->imm >= c->fn->mems.n)
			return fault(c, b, "memory %lld does not exist", (long long)def->imm);
		return true;
	}
	if (!ir_has_value(def))
		return fault(c, b, "%s uses %s, which has no value", ir_ops[user->op].name, ir_ops[def->op].name);
	if (def->block >= c->fn->blocks.n || c->place[v] == 0)
		return fault(c, b, "%s uses a value (%s) that stands in no block", ir_ops[user->op].name, ir_ops[def->op].name);
	if (c->cfg->number[in] == NO_BLOCK)
		return true;
	if (def->block == in ? c->place[v] > where : !dominates(c->cfg, def->block, in))
		return fault(c, b, "%s uses a value (%s of b%u) that need not have been computed", ir_ops[user->op].name,
			ir_ops[def->op].name, def->block);
	return true;
}

static bool
check_size(Check *c, const Block *b, const Ins *i)
{
	bool one = i->op == IR_load || i->op == IR_loads || i->op == IR_store || i->op == IR_atomic ||
		i->op == IR_zext || i->op == IR_sext || i->op == IR_bswap;
	bool power = i->size == 1 || i->size == 2 || i->size == 4 || i->size == 8;

	if (one ? !power : i->size != 0)
		return fault(c, b, "%s.%u: size", ir_ops[i->op].name, i->size);
	if (i->op == IR_atomic && i->size < 4)
		return fault(c, b, "atomics have 4 or 8 bytes");
	if ((i->op == IR_zero || i->op == IR_copy) && (i->imm <= 0 || i->imm > 1 << 24))
		return fault(c, b, "%s of %lld bytes", ir_ops[i->op].name, (long long)i->imm);
	return true;
}

static bool
check_block(Check *c, const Block *b)
{
	bool phis = true;
	Ref *o;

	if (!b->ins.n)
		return fault(c, b, "is empty");
	for (u32 k = 0; k < b->ins.n; k++) {
		Ins *i = at(c->fn, b->ins.v[k]);
		bool ends = ir_op_is(i->op, 't');

		if (i->op == IR_none || is_leaf(i->op))
			return fault(c, b, "holds %s", ir_ops[i->op].name);
		if (i->block != b->id)
			return fault(c, b, "%s believes to be in b%u", ir_ops[i->op].name, i->block);
		if (ends != (k + 1 == b->ins.n))
			return fault(c, b, ends ? "goes on after %s" : "ends in %s", ir_ops[i->op].name);
		if (i->op == IR_phi && !phis)
			return fault(c, b, "has a phi behind other instructions");
		phis = i->op == IR_phi;
		if (i->op == IR_phi && i->n_args != b->preds.n)
			return fault(c, b, "has a phi with %u values for %u predecessors", i->n_args, b->preds.n);
		if (i->op == IR_call && i->n_args > 5)
			return fault(c, b, "calls with %u arguments", i->n_args);
		if (!check_size(c, b, i))
			return false;
		for (u32 n = 0; (o = operand(i, n)); n++)
			if (!(i->op == IR_phi ? check_use(c, b, i, *o, b->preds.v[n], NO_BLOCK) :
			      check_use(c, b, i, *o, b->id, k)))
				return false;
	}
	return check_edges(c, b, at(c->fn, b->ins.v[b->ins.n - 1]));
}

bool
ir_check(const Fn *fn, Buf *why)
{
	Arena *a = arena_new();
	Check c = { fn, NULL, why, NEW_N(a, u32, fn->ins.n) };
	bool ok = true;

	for (u32 n = 0; n < fn->blocks.n && ok; n++)
		for (int k = 0; k < 2; k++)
			if (fn->blocks.v[n]->succ[k] != NO_BLOCK && fn->blocks.v[n]->succ[k] >= fn->blocks.n)
				ok = fault(&c, fn->blocks.v[n], "successor does not exist");
	if (ok && fn->blocks.v[0]->preds.n)
		ok = fault(&c, fn->blocks.v[0], "is the entry, and is jumped to");
	if (ok) {
		c.cfg = ir_cfg(fn, a);
		for (u32 n = 0; n < fn->blocks.n; n++)
			for (u32 k = 0; k < fn->blocks.v[n]->ins.n; k++)
				c.place[fn->blocks.v[n]->ins.v[k]] = k + 1;
	}
	for (u32 n = 0; n < fn->blocks.n && ok; n++)
		ok = check_block(&c, fn->blocks.v[n]);
	arena_free(a);
	return ok;
}
