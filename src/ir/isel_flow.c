/* isel_flow: selection over the blocks of a function: compares and branches, what phis get, and the walk over all of it.
 * Which values are asked for in a register is found out by running the selection twice: backwards, only counting, then
 * forwards, emitting those. Both runs decide alike since they look at the IR alone. */
#include "ir/isel.h"

static const u8 jump_code[N_IR_OP] = {
	[IR_eq] = BPF_JEQ, [IR_ne] = BPF_JNE, [IR_ult] = BPF_JLT, [IR_ule] = BPF_JLE, [IR_ugt] = BPF_JGT, [IR_uge] = BPF_JGE,
	[IR_slt] = BPF_JSLT, [IR_sle] = BPF_JSLE, [IR_sgt] = BPF_JSGT, [IR_sge] = BPF_JSGE, [IR_any] = BPF_JSET,
};

typedef struct Cond { u8 code; bool flipped; Ref a, b; } Cond; /* flipped: means the opposite */

/* How to jump on cmp: 32 bits wide if both sides are extended from 32 and nobody else asks for that; without the
 * less-than jumps that ISA version 1 lacks. */
static Cond
condition(const Sel *s, const Ins *i)
{
	u8 ext = i->op >= IR_slt && i->op <= IR_sge ? IR_sext : IR_zext;
	Cond c = { .a = i->a, .b = i->b };
	IrOp op = i->op;
	Ref a = ir_sel_under_zext(s, i->a, ext), b = ir_sel_under_zext(s, i->b, ext);
	u8 class = BPF_JMP;

	if (s->opt->isa >= 3) {
		s64 k = is_const(s->fn, i->b) ? at(s->fn, i->b)->imm : -1;
		bool narrow = is_const(s->fn, i->b) && (ext == IR_sext ? FITS32(k) : k >= 0 && k <= UINT32_MAX);
		/* eq and ne do not care for the sign, if both sides are extended alike */
		if (a && (b || narrow))
			class = BPF_JMP32, c.a = a, c.b = b ? b : c.b;
		else if (!a && (op == IR_eq || op == IR_ne) && is_const(s->fn, i->b) && FITS32(k) &&
			 (a = ir_sel_under_zext(s, i->a, IR_sext)))
			class = BPF_JMP32, c.a = a;
	}
	if (s->opt->isa < 2 && (op == IR_ult || op == IR_ule || op == IR_slt || op == IR_sle)) {
		if (is_const(s->fn, c.b)) {
			op = ir_inverse(op);
			c.flipped = true;
		} else {
			Ref t = c.a;

			c.a = c.b;
			c.b = t;
			op = ir_swapped(op);
		}
	}
	c.code = class | jump_code[op];
	return c;
}

/* Is the constant on the right side of c expressible in the jump? In 32-bit jumps only the low half counts. */
static bool
jump_imm(const Sel *s, const Cond *c, s64 *imm)
{
	s64 k = at(s->fn, c->b)->imm;

	if (!is_const(s->fn, c->b))
		return false;
	if (BPF_CLASS(c->code) == BPF_JMP32)
		k = (s32)k;
	if (!FITS32(k))
		return false;
	*imm = k;
	return true;
}

void
ir_sel_setcc(Sel *s, Reg dst, const Ins *i)
{
	Cond c = condition(s, i);
	Mi m = { .kind = MK_SETCC, .code = c.code, .dst = dst, .src2 = NO_REG };

	if (i->op == IR_slt && is_num(s->fn, i->b, 0)) {
		ir_sel_val_into(s, dst, i->a);
		ir_sel_alu_imm(s, BPF_ALU64 | BPF_RSH, dst, 63);
		return;
	}
	m.src = ir_sel_val(s, c.a);
	if (!jump_imm(s, &c, &m.imm)) {
		m.src2 = ir_sel_val(s, c.b);
		m.code |= BPF_X;
	}
	ir_sel_alu_imm(s, BPF_ALU64 | BPF_MOV, dst, !c.flipped);
	m.n_args = c.flipped;
	ir_sel_emit(s, m);
}

void
ir_sel_br(Sel *s, const Ins *i)
{
	const Ins *cmp = at(s->fn, i->a);
	Cond c = { .code = BPF_JMP | BPF_JNE, .a = i->a };
	Mi m = { .kind = MK_JCC, .src = NO_REG };

	if (is_compare(cmp->op))
		c = condition(s, cmp);
	else
		c.b = ir_const(s->fn, 0);
	if (!is_compare(cmp->op) && s->opt->isa >= 3 && ir_sel_under_zext(s, i->a, IR_zext)) {
		c.code = BPF_JMP32 | BPF_JNE;
		c.a = ir_sel_under_zext(s, i->a, IR_zext);
	}
	m.code = c.code;
	if (c.flipped && !s->counting) {
		u32 t = s->mb->succ[0];

		s->mb->succ[0] = s->mb->succ[1];
		s->mb->succ[1] = t;
	}
	m.dst = ir_sel_val(s, c.a);
	if (!jump_imm(s, &c, &m.imm)) {
		m.code |= BPF_X;
		m.src = ir_sel_val(s, c.b);
	}
	ir_sel_emit(s, m);
}

/* The values that the phis of the successor get from this block. */
void
ir_sel_phi_moves(Sel *s)
{
	const Block *to = s->fn->blocks.v[s->block->succ[0]];
	u32 p = 0, n = 0, made;
	Reg *dst, *src, (*out)[2];

	if (s->counting)
		return;
	while (to->preds.v[p] != s->block->id)
		p++;
	while (n < to->ins.n && at(s->fn, to->ins.v[n])->op == IR_phi)
		n++;
	if (!n)
		return;
	dst = NEW_N(s->mf->a, Reg, n);
	src = NEW_N(s->mf->a, Reg, n);
	out = arena_alloc(s->mf->a, sizeof(*out) * (n + n / 2 + 1));
	n = 0;
	for (u32 k = 0; k < to->ins.n && at(s->fn, to->ins.v[k])->op == IR_phi; k++) {
		Ref arg = at(s->fn, to->ins.v[k])->args[p];

		if (!ir_sel_is_remade(s, arg)) {
			dst[n] = ir_sel_val(s, to->ins.v[k]);
			src[n++] = ir_sel_val(s, arg);
		}
	}
	made = ir_parallel_moves(dst, src, n, n ? ir_sel_new_reg(s) : NO_REG, out);
	for (u32 k = 0; k < made; k++)
		ir_sel_mov(s, out[k][0], out[k][1]);
	for (u32 k = 0; k < to->ins.n && at(s->fn, to->ins.v[k])->op == IR_phi; k++) {
		Ref arg = at(s->fn, to->ins.v[k])->args[p];

		if (ir_sel_is_remade(s, arg))
			ir_sel_load_leaf(s, ir_sel_val(s, to->ins.v[k]), arg);
	}
}

static bool
is_wanted(const Sel *s, Ref r)
{
	const Ins *i = at(s->fn, r);

	return i->op == IR_phi || s->need[r] || ir_effects(i) & FX_STAYS;
}

static void
count_needs(Sel *s, const Cfg *c)
{
	s->counting = true;
	for (u32 k = 0; k < c->n; k++) {
		const Block *b = s->fn->blocks.v[c->order[k]];

		for (u32 n = 0; n < b->ins.n && at(s->fn, b->ins.v[n])->op == IR_phi; n++)
			for (u32 x = 0; x < at(s->fn, b->ins.v[n])->n_args; x++)
				ir_sel_val(s, at(s->fn, b->ins.v[n])->args[x]);
	}
	for (u32 k = c->n; k-- > 0;) {
		s->block = s->fn->blocks.v[c->order[k]];
		for (u32 n = s->block->ins.n; n-- > 0;)
			if (is_wanted(s, s->block->ins.v[n]))
				ir_sel_ins(s, s->block->ins.v[n]);
	}
	s->counting = false;
}

static void
make_blocks(Sel *s, const Cfg *c)
{
	MFn *mf = s->mf;

	for (u32 k = 0; k < c->n; k++) {
		const Block *b = s->fn->blocks.v[c->order[k]];
		MBlock *mb = NEW(mf->a, MBlock);

		mb->id = k;
		mb->cold = b->cold;
		mb->loops = c->loops[b->id];
		for (u32 p = 0; p < b->preds.n; p++)
			VEC_PUSH(mf->a, &mb->preds, c->number[b->preds.v[p]]);
		for (int x = 0; x < 2; x++)
			mb->succ[x] = b->succ[x] == NO_BLOCK ? NO_BLOCK : c->number[b->succ[x]];
		VEC_PUSH(mf->a, &mf->blocks, mb);
	}
}

/* Phi moves stand at the end of a block that goes nowhere else. */
static void
split_critical_edges(Fn *fn)
{
	u32 n = fn->blocks.n;

	for (u32 k = 0; k < n; k++)
		for (u32 x = 0; x < 2 && fn->blocks.v[k]->succ[1] != NO_BLOCK; x++) {
			const Block *to = fn->blocks.v[fn->blocks.v[k]->succ[x]];

			if (to->preds.n > 1 && at(fn, to->ins.v[0])->op == IR_phi)
				ir_split_edge(fn, k, x);
		}
}

/* Values that end up as part of an address, or as a size for a helper: what a branch told the verifier of them holds for
 * the register alone, on kernels before 5.16 not for a copy in memory. */
static void
mark_index(Sel *s, Ref r, u32 depth)
{
	Ins *i = at(s->fn, r);
	Ref *o;

	if (is_leaf(i->op) || depth > 4)
		return;
	if (s->reg[r] != NO_REG)
		s->mf->index[s->reg[r]] = true;
	if (i->op != IR_add && i->op != IR_sub && i->op != IR_mul && i->op != IR_shl && i->op != IR_shr)
		return;         /* a mask bounds what it masks */
	for (u32 x = 0; (o = operand(i, x)); x++)
		mark_index(s, *o, depth + 1);
}

static void
find_indices(Sel *s)
{
	s->mf->n_index = s->mf->n_vregs;
	s->mf->index = NEW_N(s->mf->a, bool, s->mf->n_vregs);
	for (u32 k = 0; k < s->fn->blocks.n; k++)
		for (u32 n = 0; n < s->fn->blocks.v[k]->ins.n; n++) {
			Ref r = s->fn->blocks.v[k]->ins.v[n];
			const Ins *i = at(s->fn, r);

			if (i->op == IR_add && ir_place_of(s->fn, r, 0).kind != PK_UNKNOWN && !is_const(s->fn, i->b)) {
				mark_index(s, i->a, 0);
				mark_index(s, i->b, 0);
			}
			for (u32 x = 0; i->op == IR_call && x < i->n_args; x++)
				if (strchr("zZ", ir_arg_letter(i, x)))
					mark_index(s, i->args[x], 0);
		}
}

MFn *
ir_isel(Fn *fn, const IrOptions *opt, Arena *a)
{
	Sel s = { .fn = fn, .opt = opt, .mf = NEW(a, MFn) };
	u32 room;
	Cfg *c;

	split_critical_edges(fn);
	c = ir_cfg(fn, a);
	*s.mf = (MFn){ .fn = fn, .a = a, .n_vregs = FIRST_VREG };
	s.uses = ir_count_uses(fn, a);
	/* Selection adds leaves: one per map, and the constant 0. */
	room = fn->ins.n * 2 + 16;
	s.need = NEW_N(a, u32, room);
	s.reg = NEW_N(a, Reg, room);
	s.held = NEW_N(a, Reg, room);
	memset(s.reg, 0xff, room * sizeof(Reg));
	memset(s.held, 0xff, room * sizeof(Reg));
	make_blocks(&s, c);
	count_needs(&s, c);
	for (u32 k = 0; k < c->n; k++) {
		s.block = fn->blocks.v[c->order[k]];
		s.mb = s.mf->blocks.v[k];
		ir_sel_forget_held(&s);
		for (u32 p = 0; !k && p < fn->n_params; p++) {
			Ref r = ir_leaf(fn, IR_param, p, 0);

			if (s.need[r])
				ir_sel_mov(&s, s.reg[r] = ir_sel_new_reg(&s), R1 + p);
		}
		for (u32 n = 0; n < s.block->ins.n; n++)
			if (is_wanted(&s, s.block->ins.v[n]))
				ir_sel_ins(&s, s.block->ins.v[n]);
	}
	find_indices(&s);
	return s.mf;
}
