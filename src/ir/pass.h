/* pass: what the files of ir/ share and nobody outside sees: the rows of operations, leaves, aliases, the graph of
 * blocks, the list of passes. */
#ifndef IR_PASS_H
#define IR_PASS_H

#include "ir/ir.h"

/* ---- ops.c ---- */
typedef struct OpRow { const char *name, *args, *flags; } OpRow;
extern const OpRow ir_ops[N_IR_OP];
bool ir_op_is(u8 op, char flag);        /* a letter of the row's flags */

/* A leaf is a value that is computed anew wherever it is used: it stands in no block. One Ins per distinct leaf. */
static inline bool
is_leaf(u8 op)
{
	return op >= IR_const && op <= IR_fnref;
}

static inline bool
is_compare(u8 op)
{
	return op >= IR_eq && op <= IR_any;
}

static inline Ins *
at(const Fn *fn, Ref r)
{
	return &fn->ins.v[r];
}

static inline bool
is_const(const Fn *fn, Ref r)
{
	return at(fn, r)->op == IR_const;
}

static inline bool
is_num(const Fn *fn, Ref r, s64 n)
{
	return is_const(fn, r) && at(fn, r)->imm == n;
}

/* The n-th operand of an instruction, or NULL behind the last. */
static inline Ref *
operand(Ins *i, u32 n)
{
	if (i->op == IR_call || i->op == IR_phi)
		return n < i->n_args ? &i->args[n] : NULL;
	if (n > 1 || n >= strlen(ir_ops[i->op].args))
		return NULL;
	return n ? &i->b : &i->a;
}

bool ir_has_value(const Ins *i);        /* others may refer to it */
/* What an instruction does beyond giving a value. */
enum { FX_READS = 1, FX_WRITES = 2, FX_STAYS = 4 };     /* STAYS: never removed, never moved */
u32 ir_effects(const Ins *i);
bool ir_is_lasting(const Ins *i);       /* equal operands give equal results, whatever happens in between */
IrOp ir_inverse(IrOp cmp);              /* !(a cmp b); IR_none for any */
IrOp ir_swapped(IrOp cmp);              /* b cmp a */

/* ---- build.c ---- */
Ref ir_leaf(Fn *fn, IrOp op, s64 imm, u32 imm2);
extern bool ir_plain;                   /* for tests: the builder appends what it is told, without simplifying */
Ref ir_append(Fn *fn, Ins i);           /* simplified, at the end of fn->cur */
Ref ir_new(Fn *fn, u32 block, Ins i);   /* as it is; the caller puts it into the block's list */
/* A value that was replaced became IR_none with `a` its successor. */
static inline Ref
alias(const Fn *fn, Ref r)
{
	while (r && at(fn, r)->op == IR_none && at(fn, r)->a)
		r = at(fn, r)->a;
	return r;
}
static inline void
replace(Fn *fn, Ref old, Ref by)
{
	*at(fn, old) = (Ins){ .op = IR_none, .a = by };
}
static inline void
drop(Fn *fn, Ref r)
{
	*at(fn, r) = (Ins){ .op = IR_none };
}

/* ---- ssa.c ---- */
/* Variables in finished blocks: all are set (at the ends of blocks) before any is asked for. */
void ir_set_at(Fn *fn, Var v, u32 block, Ref r);
Ref ir_get_at_start(Fn *fn, Var v, u32 block);
Ref ir_trivial(const Fn *fn, Ref phi);  /* the one value that a phi can have, or 0 if there are several */

/* ---- tidy.c ---- */
/* Follows all aliases, drops IR_none from the lists, removes trivial phis and unreachable blocks. Every pass ends so. */
void ir_tidy(Fn *fn);

/* ---- cfg.c ---- */
typedef struct Cfg {
	u32 n;                  /* blocks */
	u32 *order;             /* reverse postorder; order[0] is the entry */
	u32 *number;            /* block -> place in order, or NO_BLOCK if unreachable */
	u32 *idom;              /* block -> its immediate dominator; the entry's is NO_BLOCK */
	u32 *depth;             /* block -> depth in the dominator tree */
	u32 *loops;             /* block -> number of loops around it */
	u32 *pre, *post;        /* dominator tree numbers: a dominates b if pre[a] <= pre[b] && post[b] <= post[a] */
	bool cyclic;
} Cfg;
Cfg *ir_cfg(const Fn *fn, Arena *a);
static inline bool
dominates(const Cfg *c, u32 a, u32 b)
{
	return c->pre[a] <= c->pre[b] && c->post[b] <= c->post[a];
}
u32 ir_common_dom(const Cfg *c, u32 a, u32 b);
/* A new block on the edge from -> succ[which]; it ends in a jmp. */
u32 ir_split_edge(Fn *fn, u32 from, u32 which);
void ir_remove_edge(Fn *fn, u32 from, u32 to);  /* `to` forgets one edge from `from`; from's succ stays */
u32 *ir_count_uses(const Fn *fn, Arena *a);     /* per Ref */

/* ---- fold.c ---- */
/* Simplifies in place; gives the value that it equals (then i is void), or 0. */
Ref ir_simplify(Fn *fn, Ins *i);
bool ir_eval(const Ins *i, s64 a, s64 b, s64 *out);     /* constants; false if the op has no value */

void ir_fold(Fn *fn, const IrOptions *opt);

/* ---- dce.c, gvn.c, memory.c, branch.c, sink.c ---- */
void ir_dce(Fn *fn, const IrOptions *opt);
void ir_gvn(Fn *fn, const IrOptions *opt);
void ir_branch(Fn *fn, const IrOptions *opt);
void ir_sink(Fn *fn, const IrOptions *opt);

void ir_promote(Fn *fn, const IrOptions *opt);
void ir_memory(Fn *fn, const IrOptions *opt);
void ir_stores(Fn *fn, const IrOptions *opt);
void ir_merge(Fn *fn, const IrOptions *opt);

/* ---- alias.c ---- */
typedef enum PlaceKind { PK_UNKNOWN, PK_MEM, PK_MAP, PK_RECORD, PK_CONTEXT } PlaceKind;
/* base + off: base is a value, or a number of its own for what stands at a fixed place in a map. */
typedef struct Place { PlaceKind kind; u32 index; Ref base; s64 off; } Place;
Place ir_place_of(const Fn *fn, Ref base, s64 off);
bool ir_may_alias(const Place *x, u32 n, const Place *y, u32 m);       /* n bytes at x, m bytes at y */
bool *ir_escapes(const Fn *fn, Arena *a);               /* per Mem */
char ir_arg_letter(const Ins *call, u32 k);
u32 ir_arg_written(const Fn *fn, const Ins *call, u32 k);

/* ---- lower.c: what no instruction does is put together from those that exist ---- */
void ir_lower(Fn *fn, const IrOptions *opt);

/* ---- stack.c ---- */
/* Gives every Mem its place. Those in the scratch map become addresses in it. */
bool ir_place_mems(Unit *u, const IrOptions *opt, Diag *d);
u32 ir_stack_bytes(const Fn *fn);

/* ---- edit.c: writing into finished blocks ---- */
/* Instructions are added to a list, simplified on the way; the list then becomes (part of) a block. */
typedef struct Edit { Fn *fn; Vec(Ref) out; Span at; u32 block; } Edit;
Ref ir_put(Edit *e, Ins i);
Ref ir_put_bin(Edit *e, IrOp op, Ref a, Ref b);
Ref ir_put_bini(Edit *e, IrOp op, Ref a, s64 b);
void ir_link(Fn *fn, u32 from, u32 which, u32 to);      /* succ and pred of a new edge; no phis */

#endif
