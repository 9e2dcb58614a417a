/* promote: memory that is only stored to, loaded from (always in the same pieces) and zeroed is some variables: it becomes
 * values and phis, by the same construction that the builder uses. */
#include "ir/ir.h"
#include "ir/pass.h"

#include <assert.h>

/* The piece of a Mem that is used as one variable. */
typedef struct Piece { s64 off; u32 size; Var var; } Piece;
typedef Vec(Piece) Pieces;

typedef struct Promoter { Fn *fn; Arena *a; Pieces *pieces; bool *keep; } Promoter;

static void
note(Promoter *p, const Place *at_place, u32 size)
{
	Pieces *v = &p->pieces[at_place->index];

	for (u32 k = 0; k < v->n; k++) {
		Piece *x = &v->v[k];

		if (x->off == at_place->off && x->size == size)
			return;
		if (x->off < at_place->off + size && at_place->off < x->off + x->size)
			p->keep[at_place->index] = true;        /* pieces that overlap */
	}
	if (v->n == 16)
		p->keep[at_place->index] = true;
	else
		VEC_PUSH(p->a, v, ((Piece){ .off = at_place->off, .size = size }));
}

static void
see(Promoter *p, Ins *i)
{
	Ref *o;

	for (u32 x = 0; (o = operand(i, x)); x++) {
		Place q = ir_place_of(p->fn, *o, 0);

		if (q.kind != PK_MEM || (i->op == IR_zero && at(p->fn, q.base)->op == IR_mem))
			continue;
		if (x || (i->op != IR_load && i->op != IR_loads && i->op != IR_store) || i->flags & IF_VOLATILE ||
		    at(p->fn, q.base)->op != IR_mem) {
			/* an address that is computed is looked at where it is used */
			if (i->op != IR_add || x || !is_const(p->fn, i->b))
				p->keep[q.index] = true;
			continue;
		}
		q.off += i->imm;
		note(p, &q, i->size);
	}
}

/* The Mem and the bytes that a zero clears, if the Mem is one of ours; false if not. */
static bool
zeroed(Promoter *p, const Ins *i, Place *q)
{
	if (i->op != IR_zero)
		return false;
	*q = ir_place_of(p->fn, i->a, (s32)i->imm2);
	return q->kind == PK_MEM && !p->keep[q->index];
}

/* A zero that clears half of a piece. */
static void
check_zero(Promoter *p, const Ins *i)
{
	Place q;

	if (!zeroed(p, i, &q))
		return;
	for (u32 k = 0; k < p->pieces[q.index].n; k++) {
		const Piece *x = &p->pieces[q.index].v[k];

		if (x->off < q.off + i->imm && q.off < x->off + x->size &&
		    (x->off < q.off || x->off + x->size > q.off + i->imm))
			p->keep[q.index] = true;
	}
}

static Piece *
piece_of(Promoter *p, const Ins *i)
{
	Place q;

	if (i->op != IR_load && i->op != IR_loads && i->op != IR_store)
		return NULL;
	q = ir_place_of(p->fn, i->a, i->imm);
	if (q.kind != PK_MEM || p->keep[q.index])
		return NULL;
	for (u32 k = 0; k < p->pieces[q.index].n; k++)
		if (p->pieces[q.index].v[k].off == q.off)
			return &p->pieces[q.index].v[k];
	assert(!"a piece that was not seen");
	return NULL;
}

/* First all blocks tell what they leave in each variable, then the loads ask. */
static void
set_defs(Promoter *p)
{
	for (u32 k = 0; k < p->fn->blocks.n; k++) {
		const Block *b = p->fn->blocks.v[k];

		for (u32 n = 0; n < b->ins.n; n++) {
			const Ins i = *at(p->fn, b->ins.v[n]);
			Piece *x = piece_of(p, &i);
			Place q;

			for (u32 y = 0; zeroed(p, &i, &q) && y < p->pieces[q.index].n; y++) {
				const Piece *z = &p->pieces[q.index].v[y];

				if (z->off >= q.off && z->off < q.off + i.imm)
					ir_set_at(p->fn, z->var, k, ir_const(p->fn, 0));
			}
			if (x && at(p->fn, b->ins.v[n])->op == IR_store)
				ir_set_at(p->fn, x->var, k, at(p->fn, b->ins.v[n])->b);
		}
	}
}

static void
replace_loads(Promoter *p, u32 n_vars, Var first)
{
	Fn *fn = p->fn;
	Ref *now = NEW_N(p->a, Ref, n_vars);

	for (u32 k = 0; k < fn->blocks.n; k++) {
		memset(now, 0, n_vars * sizeof(Ref));
		/* phis that are put in front while the block is read move what stands behind them */
		for (u32 n = 0; n < fn->blocks.v[k]->ins.n; n++) {
			Ref r = fn->blocks.v[k]->ins.v[n];
			Ins i = *at(fn, r);
			Piece *x = piece_of(p, &i);
			u32 was = fn->blocks.v[k]->ins.n;
			Place q;

			if (zeroed(p, &i, &q)) {
				for (u32 y = 0; y < p->pieces[q.index].n; y++) {
					const Piece *z = &p->pieces[q.index].v[y];

					if (z->off >= q.off && z->off < q.off + i.imm)
						now[z->var - first] = ir_const(fn, 0);
				}
				drop(fn, r);
			}
			if (!x)
				continue;
			if (i.op == IR_store) {
				now[x->var - first] = i.b;
				drop(fn, r);
				continue;
			}
			if (!now[x->var - first])
				now[x->var - first] = ir_get_at_start(fn, x->var, k);
			n += fn->blocks.v[k]->ins.n - was;
			*at(fn, r) = (Ins){ .op = i.op == IR_loads ? IR_sext : IR_zext, .size = i.size,
				.a = now[x->var - first], .block = k, .at = i.at };
		}
	}
}

void
ir_promote(Fn *fn, const IrOptions *opt)
{
	Arena *a = arena_new();
	Promoter p = { fn, a, NEW_N(a, Pieces, fn->mems.n + 1), NEW_N(a, bool, fn->mems.n + 1) };
	Var first = fn->n_vars;

	for (u32 k = 0; k < fn->blocks.n; k++)
		for (u32 n = 0; n < fn->blocks.v[k]->ins.n; n++)
			see(&p, at(fn, fn->blocks.v[k]->ins.v[n]));
	for (u32 k = 0; k < fn->blocks.n; k++)
		for (u32 n = 0; n < fn->blocks.v[k]->ins.n; n++)
			check_zero(&p, at(fn, fn->blocks.v[k]->ins.v[n]));
	for (u32 m = 0; m < fn->mems.n; m++)
		for (u32 k = 0; !p.keep[m] && k < p.pieces[m].n; k++)
			p.pieces[m].v[k].var = ir_var(fn);
	if (fn->n_vars > first) {
		set_defs(&p);
		replace_loads(&p, fn->n_vars - first, first);
	}
	arena_free(a);
	ir_tidy(fn);
	ir_fold(fn, opt);
}
