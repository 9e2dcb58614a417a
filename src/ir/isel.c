/* isel: BPF instructions for each IR operation, with virtual registers. A value that its only user takes in whole (a
 * constant that fits an instruction, an address r10 + k, a compare before a branch, the operation under a zext.4) gets no
 * instruction of its own. That is found out by running the selection twice: backwards, only counting which values are
 * asked for in a register, then forwards, emitting those. Both runs decide alike since they look at the IR alone. */
#include "ir/ir.h"
#include "ir/pass.h"
#include "ir/mach.h"

#include <assert.h>

typedef struct Sel {
	Fn *fn;
	MFn *mf;
	MBlock *mb;
	const IrOptions *opt;
	const Block *block;
	bool counting;
	u32 *uses;                      /* in the IR */
	u32 *need;                      /* asked for in a register */
	Reg *reg;                       /* of each value */
	Reg *held;                      /* leaf -> register that holds it, in this block */
	Vec(Ref) held_list;
	Span at;
} Sel;

#define FITS32(n) ((n) >= INT32_MIN && (n) <= INT32_MAX)

static Reg
new_reg(Sel *s)
{
	return s->mf->n_vregs++;
}

static void
emit(Sel *s, Mi m)
{
	if (s->counting)
		return;
	m.at = s->at;
	VEC_PUSH(s->mf->a, &s->mb->ins, m);
}

static void
mov(Sel *s, Reg dst, Reg src)
{
	emit(s, (Mi){ .kind = MK_ALU, .code = BPF_ALU64 | BPF_MOV | BPF_X, .dst = dst, .src = src });
}

static void
alu_imm(Sel *s, u8 code, Reg dst, s64 imm)
{
	emit(s, (Mi){ .kind = MK_ALU, .code = code | BPF_K, .dst = dst, .src = NO_REG, .imm = imm });
}

static void
alu_reg(Sel *s, u8 code, Reg dst, Reg src)
{
	emit(s, (Mi){ .kind = MK_ALU, .code = code | BPF_X, .dst = dst, .src = src });
}

/* r10 + *off is the value of r. */
static bool
stack_address(const Sel *s, Ref r, s64 *off)
{
	const Ins *i = at(s->fn, r);

	*off = 0;
	if (i->op == IR_add && is_const(s->fn, i->b)) {
		*off = at(s->fn, i->b)->imm;
		i = at(s->fn, i->a);
	}
	if (i->op != IR_mem || s->fn->mems.v[i->imm].scratch)
		return false;
	*off += s->fn->mems.v[i->imm].place;
	return FITS32(*off);
}

/* Puts the value of a leaf or stack address into dst. */
static void
load_leaf(Sel *s, Reg dst, Ref r)
{
	const Ins *i = at(s->fn, r);
	Mi m = { .kind = MK_LDIMM, .code = BPF_LD | BPF_IMM | BPF_DW, .dst = dst, .src = NO_REG, .imm = i->imm };
	s64 off;

	if (stack_address(s, r, &off)) {
		emit(s, (Mi){ .kind = MK_LEA, .dst = dst, .src = NO_REG, .imm = off });
		return;
	}
	switch (i->op) {
	case IR_const:
		if (FITS32(i->imm)) {
			alu_imm(s, BPF_ALU64 | BPF_MOV, dst, i->imm);
			return;
		}
		if (i->imm >= 0 && i->imm <= UINT32_MAX) {      /* a 32-bit mov clears the upper half */
			alu_imm(s, BPF_ALU | BPF_MOV, dst, (s32)i->imm);
			return;
		}
		break;
	case IR_map:
		m.pseudo = BPF_PSEUDO_MAP_FD;
		break;
	case IR_mapval:
		m.pseudo = BPF_PSEUDO_MAP_VALUE;
		m.imm2 = i->imm2;
		break;
	case IR_fnref:
		m.pseudo = BPF_PSEUDO_FUNC;
		break;
	default:
		assert(!"not a leaf");
	}
	emit(s, m);
}

static bool
is_remade(const Sel *s, Ref r)
{
	const Ins *i = at(s->fn, r);
	s64 off;

	return (is_leaf(i->op) && i->op != IR_param) || stack_address(s, r, &off);
}

/* The register that holds r. Leaves are loaded here; within a block, until the next call, once. */
static Reg
val(Sel *s, Ref r)
{
	if (!is_remade(s, r)) {
		s->need[r]++;
		if (!s->counting && s->reg[r] == NO_REG)
			s->reg[r] = new_reg(s);
		return s->reg[r];
	}
	if (s->counting)
		return NO_REG;
	if (s->held[r] == NO_REG) {
		s->held[r] = new_reg(s);
		VEC_PUSH(s->mf->a, &s->held_list, r);
		load_leaf(s, s->held[r], r);
	}
	return s->held[r];
}

static void
forget_held(Sel *s)
{
	for (u32 k = 0; k < s->held_list.n; k++)
		s->held[s->held_list.v[k]] = NO_REG;
	s->held_list.n = 0;
}

static void
val_into(Sel *s, Reg dst, Ref r)
{
	if (is_remade(s, r))
		load_leaf(s, dst, r);
	else
		mov(s, dst, val(s, r));
}

/* [base + off] as a register and an offset that fits an instruction. */
static Reg
address(Sel *s, Ref base, s64 *off)
{
	const Ins *i = at(s->fn, base);
	s64 stack;
	Reg r;

	if (stack_address(s, base, &stack) && stack + *off >= INT16_MIN && stack + *off <= INT16_MAX) {
		*off += stack;
		return R10;
	}
	if (i->op == IR_mapval && i->imm2 + *off >= 0 && i->imm2 + *off <= INT16_MAX) {
		*off += i->imm2;        /* one base for all that is near the value's start */
		return val(s, ir_leaf(s->fn, IR_mapval, i->imm, 0));
	}
	r = val(s, base);
	if (*off < INT16_MIN || *off > INT16_MAX) {
		Reg far = s->counting ? NO_REG : new_reg(s);

		mov(s, far, r);
		alu_imm(s, BPF_ALU64 | BPF_ADD, far, *off);
		*off = 0;
		return far;
	}
	return r;
}

static u8
size_code(u32 size)
{
	return size == 1 ? BPF_B : size == 2 ? BPF_H : size == 4 ? BPF_W : BPF_DW;
}

static const u8 alu_code[N_IR_OP] = {
	[IR_add] = BPF_ADD, [IR_sub] = BPF_SUB, [IR_mul] = BPF_MUL, [IR_udiv] = BPF_DIV, [IR_umod] = BPF_MOD,
	[IR_sdiv] = BPF_DIV, [IR_smod] = BPF_MOD, [IR_and] = BPF_AND, [IR_or] = BPF_OR, [IR_xor] = BPF_XOR,
	[IR_shl] = BPF_LSH, [IR_shr] = BPF_RSH, [IR_sar] = BPF_ARSH,
};
static const u8 jump_code[N_IR_OP] = {
	[IR_eq] = BPF_JEQ, [IR_ne] = BPF_JNE, [IR_ult] = BPF_JLT, [IR_ule] = BPF_JLE, [IR_ugt] = BPF_JGT, [IR_uge] = BPF_JGE,
	[IR_slt] = BPF_JSLT, [IR_sle] = BPF_JSLE, [IR_sgt] = BPF_JSGT, [IR_sge] = BPF_JSGE, [IR_any] = BPF_JSET,
};

/* Is x a phi that gets r? Then the two best share a register: r is x, changed in place. */
static bool
comes_back(const Sel *s, Ref x, Ref r)
{
	const Ins *i = at(s->fn, x);

	for (u32 n = 0; i->op == IR_phi && n < i->n_args; n++)
		if (i->args[n] == r)
			return true;
	return false;
}

/* Is r an address in this function's frame, with up to `more` numbers added? */
static bool
in_frame(const Fn *fn, Ref r, u32 more)
{
	const Ins *i = at(fn, r);

	if (i->op == IR_add && more)
		return in_frame(fn, i->a, more - 1) || in_frame(fn, i->b, more - 1);
	return i->op == IR_mem;
}

/* Should a and b change places? The left one is what is copied and changed. An address in the frame must stand on the left: to
 * the kernel's verifier (seen in 6.18) a number to which a callback's frame pointer is added points into its caller's frame, from which
 * it takes values it then believes to know, and removes what it holds for dead code. */
static bool
swaps(const Sel *s, const Ins *i, Ref r)
{
	if (i->op == IR_add && in_frame(s->fn, i->a, 4) != in_frame(s->fn, i->b, 4))
		return in_frame(s->fn, i->b, 4);
	/* An address loaded into the result's register needs no other, and what is added to it need not be copied. */
	if (i->op == IR_add && at(s->fn, i->b)->op == IR_mapval && s->uses[i->b] == 1)
		return !comes_back(s, i->a, r);
	if (!ir_op_is(i->op, 'c') || is_leaf(at(s->fn, i->b)->op))
		return false;
	if (i->op == IR_add && at(s->fn, i->a)->op == IR_mapval && s->uses[i->a] == 1)
		return comes_back(s, i->b, r);
	if (is_leaf(at(s->fn, i->a)->op) || comes_back(s, i->b, r))
		return true;
	return s->uses[i->a] > 1 && s->uses[i->b] == 1 && !comes_back(s, i->a, r);
}

/* dst = r = a op b, where only the low 32 bits count if class is BPF_ALU. */
static void
sel_binary(Sel *s, Reg dst, u8 class, const Ins *i, Ref r)
{
	u8 code = class | alu_code[i->op];
	Ref a = i->a, b = i->b;
	bool sign = i->op == IR_sdiv || i->op == IR_smod;
	s64 k;

	if (swaps(s, i, r)) {
		a = i->b;
		b = i->a;
	}
	k = at(s->fn, b)->imm;
	if (class == BPF_ALU)
		k = (s32)k;
	/* division by the number 0 is refused; by a register that holds 0 it is not */
	if (is_const(s->fn, b) && FITS32(k) && (k || i->op < IR_udiv || i->op > IR_smod)) {
		val_into(s, dst, a);
		emit(s, (Mi){ .kind = MK_ALU, .code = code | BPF_K, .dst = dst, .src = NO_REG, .imm = k, .off = sign });
		return;
	}
	/* b first: it may have to be loaded, and dst must not be in its way */
	Reg rb = val(s, b);
	val_into(s, dst, a);
	emit(s, (Mi){ .kind = MK_ALU, .code = code | BPF_X, .dst = dst, .src = rb, .off = sign });
}

/* The operation under a zext.4 that a 32-bit instruction does together with it, or NULL. */
static const Ins *
narrow_op(const Sel *s, const Ins *z)
{
	const Ins *i = at(s->fn, z->a);

	if (z->size != 4 || s->uses[z->a] != 1 || i->block != z->block)
		return NULL;
	switch (i->op) {
	case IR_add: case IR_sub: case IR_mul: case IR_and: case IR_or: case IR_xor:
		return i;
	case IR_shl:
		return is_const(s->fn, i->b) && at(s->fn, i->b)->imm < 32 ? i : NULL;
	default:
		return NULL;
	}
}

/* x of zext.4 x, if nobody else wants the zext in a register: then 32-bit instructions read x itself. */
static Ref
under_zext(const Sel *s, Ref r, u8 ext)
{
	const Ins *i = at(s->fn, r);

	if (i->op == ext && i->size == 4 && s->uses[r] == 1 && !(ext == IR_zext && narrow_op(s, i)))
		return i->a;
	return 0;
}

/* x of (zext.4 x) >> k, which a 32-bit shift of x itself is, or 0. */
static Ref
under_shift(const Sel *s, const Ins *i)
{
	const Ins *z = at(s->fn, i->a);
	bool one = i->op == IR_shr && z->op == IR_zext && z->size == 4 && s->uses[i->a] == 1 && !narrow_op(s, z);

	return one && is_const(s->fn, i->b) && (u64)at(s->fn, i->b)->imm < 32 ? z->a : 0;
}

static void
sel_shift(Sel *s, Reg dst, const Ins *i, Ref r)
{
	Ref x = under_shift(s, i);
	Ins narrow = *i;

	narrow.a = x;
	if (x)
		sel_binary(s, dst, BPF_ALU, &narrow, r);
	else
		sel_binary(s, dst, BPF_ALU64, i, r);
}

static void
sel_ext(Sel *s, Reg dst, const Ins *i, Ref r)
{
	const Ins *n = i->op == IR_zext ? narrow_op(s, i) : NULL;

	if (n) {
		sel_binary(s, dst, BPF_ALU, n, r);
	} else if (i->op == IR_zext && i->size == 4) {
		alu_reg(s, BPF_ALU | BPF_MOV, dst, val(s, i->a));
	} else if (i->op == IR_zext) {
		val_into(s, dst, i->a);
		alu_imm(s, BPF_ALU64 | BPF_AND, dst, i->size == 1 ? 0xff : 0xffff);
	} else if (s->opt->isa >= 4) {
		emit(s, (Mi){ .kind = MK_ALU, .code = BPF_ALU64 | BPF_MOV | BPF_X, .dst = dst, .src = val(s, i->a),
			.off = (s16)(i->size * 8) });
	} else {
		val_into(s, dst, i->a);
		alu_imm(s, BPF_ALU64 | BPF_LSH, dst, 64 - i->size * 8);
		alu_imm(s, BPF_ALU64 | BPF_ARSH, dst, 64 - i->size * 8);
	}
}

typedef struct Cond { u8 code; bool flipped; Ref a, b; } Cond; /* flipped: means the opposite */

/* How to jump on cmp: 32 bits wide if both sides are extended from 32 and nobody else asks for that; without the
 * less-than jumps that ISA version 1 lacks. */
static Cond
condition(const Sel *s, const Ins *i)
{
	u8 ext = i->op >= IR_slt && i->op <= IR_sge ? IR_sext : IR_zext;
	Cond c = { .a = i->a, .b = i->b };
	IrOp op = i->op;
	Ref a = under_zext(s, i->a, ext), b = under_zext(s, i->b, ext);
	u8 class = BPF_JMP;

	if (s->opt->isa >= 3) {
		s64 k = is_const(s->fn, i->b) ? at(s->fn, i->b)->imm : -1;
		bool narrow = is_const(s->fn, i->b) && (ext == IR_sext ? FITS32(k) : k >= 0 && k <= UINT32_MAX);
		/* eq and ne do not care for the sign, if both sides are extended alike */
		if (a && (b || narrow))
			class = BPF_JMP32, c.a = a, c.b = b ? b : c.b;
		else if (!a && (op == IR_eq || op == IR_ne) && is_const(s->fn, i->b) && FITS32(k) &&
			 (a = under_zext(s, i->a, IR_sext)))
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

static void
sel_setcc(Sel *s, Reg dst, const Ins *i)
{
	Cond c = condition(s, i);
	Mi m = { .kind = MK_SETCC, .code = c.code, .dst = dst, .src2 = NO_REG };

	if (i->op == IR_slt && is_num(s->fn, i->b, 0)) {
		val_into(s, dst, i->a);
		alu_imm(s, BPF_ALU64 | BPF_RSH, dst, 63);
		return;
	}
	m.src = val(s, c.a);
	if (!jump_imm(s, &c, &m.imm)) {
		m.src2 = val(s, c.b);
		m.code |= BPF_X;
	}
	alu_imm(s, BPF_ALU64 | BPF_MOV, dst, !c.flipped);
	m.n_args = c.flipped;
	emit(s, m);
}

static void
sel_br(Sel *s, const Ins *i)
{
	const Ins *cmp = at(s->fn, i->a);
	Cond c = { .code = BPF_JMP | BPF_JNE, .a = i->a };
	Mi m = { .kind = MK_JCC, .src = NO_REG };

	if (is_compare(cmp->op))
		c = condition(s, cmp);
	else
		c.b = ir_const(s->fn, 0);
	if (!is_compare(cmp->op) && s->opt->isa >= 3 && under_zext(s, i->a, IR_zext)) {
		c.code = BPF_JMP32 | BPF_JNE;
		c.a = under_zext(s, i->a, IR_zext);
	}
	m.code = c.code;
	if (c.flipped && !s->counting) {
		u32 t = s->mb->succ[0];

		s->mb->succ[0] = s->mb->succ[1];
		s->mb->succ[1] = t;
	}
	m.dst = val(s, c.a);
	if (!jump_imm(s, &c, &m.imm)) {
		m.code |= BPF_X;
		m.src = val(s, c.b);
	}
	emit(s, m);
}

static void
sel_store(Sel *s, const Ins *i)
{
	Mi m = { .kind = MK_STORE, .src = NO_REG };
	s64 off = i->imm, k = is_const(s->fn, i->b) ? at(s->fn, i->b)->imm : 0;

	if (i->size < 8)
		k = i->size == 1 ? (s8)k : i->size == 2 ? (s16)k : (s32)k;
	m.code = BPF_STX | BPF_MEM | size_code(i->size);
	if (is_const(s->fn, i->b) && FITS32(k)) {
		m.code = BPF_ST | BPF_MEM | size_code(i->size);
		m.imm = k;
	} else {
		m.src = val(s, i->b);
	}
	m.dst = address(s, i->a, &off);
	m.off = (s16)off;
	emit(s, m);
}

static void
sel_load(Sel *s, Reg dst, const Ins *i)
{
	Mi m = { .kind = MK_LOAD, .dst = dst, .lasting = i->flags & IF_INVARIANT && at(s->fn, i->a)->op == IR_param };
	s64 off = i->imm;

	m.src = address(s, i->a, &off);
	m.off = (s16)off;
	m.code = BPF_LDX | size_code(i->size) | (i->op == IR_loads && s->opt->isa >= 4 ? K_MEMSX : BPF_MEM);
	emit(s, m);
	if (i->op == IR_loads && s->opt->isa < 4) {
		alu_imm(s, BPF_ALU64 | BPF_LSH, dst, 64 - i->size * 8);
		alu_imm(s, BPF_ALU64 | BPF_ARSH, dst, 64 - i->size * 8);
	}
}

static void
sel_atomic(Sel *s, Reg dst, const Ins *i)
{
	s64 off = (s32)i->imm2;
	Mi m = { .kind = MK_ATOMIC, .code = BPF_STX | BPF_ATOMIC | size_code(i->size), .imm = i->imm };

	if (i->imm & BPF_FETCH) {
		val_into(s, dst, i->b);
		m.src = dst;
	} else {
		m.src = val(s, i->b);
	}
	m.dst = address(s, i->a, &off);
	m.off = (s16)off;
	emit(s, m);
}

/* Arguments that live in registers first, those made anew last: these cannot be in anybody's way. */
static void
sel_call(Sel *s, Reg dst, bool wanted, const Ins *i)
{
	for (u32 n = 0; n < i->n_args; n++)
		if (!is_remade(s, i->args[n]))
			mov(s, R1 + n, val(s, i->args[n]));
	for (u32 n = 0; n < i->n_args; n++)
		if (is_remade(s, i->args[n]))
			load_leaf(s, R1 + n, i->args[n]);
	emit(s, (Mi){ .kind = MK_CALL, .code = BPF_JMP | BPF_CALL, .imm = i->imm, .n_args = (u8)i->n_args });
	if (wanted)
		mov(s, dst, R0);
	forget_held(s);
}

/* The values that the phis of the successor get from this block. */
static void
sel_phi_moves(Sel *s)
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

		if (!is_remade(s, arg)) {
			dst[n] = val(s, to->ins.v[k]);
			src[n++] = val(s, arg);
		}
	}
	made = ir_parallel_moves(dst, src, n, n ? new_reg(s) : NO_REG, out);
	for (u32 k = 0; k < made; k++)
		mov(s, out[k][0], out[k][1]);
	for (u32 k = 0; k < to->ins.n && at(s->fn, to->ins.v[k])->op == IR_phi; k++) {
		Ref arg = at(s->fn, to->ins.v[k])->args[p];

		if (is_remade(s, arg))
			load_leaf(s, val(s, to->ins.v[k]), arg);
	}
}

static void
select_ins(Sel *s, Ref r)
{
	const Ins copy = *at(s->fn, r), *i = &copy;     /* leaves that are made on the way may move the table */
	bool wanted = ir_has_value(i) && s->need[r];
	Reg dst = NO_REG;

	if (!s->counting && ir_has_value(i))
		dst = s->reg[r] != NO_REG ? s->reg[r] : (s->reg[r] = new_reg(s));
	s->at = i->at;
	switch (i->op) {
	case IR_add: case IR_sub: case IR_mul: case IR_udiv: case IR_umod: case IR_sdiv: case IR_smod:
	case IR_and: case IR_or: case IR_xor: case IR_shl: case IR_sar:
		sel_binary(s, dst, BPF_ALU64, i, r);
		break;
	case IR_shr:
		sel_shift(s, dst, i, r);
		break;
	case IR_neg:
		val_into(s, dst, i->a);
		emit(s, (Mi){ .kind = MK_ALU, .code = BPF_ALU64 | BPF_NEG, .dst = dst, .src = NO_REG });
		break;
	case IR_not:
		val_into(s, dst, i->a);
		alu_imm(s, BPF_ALU64 | BPF_XOR, dst, -1);
		break;
	case IR_zext: case IR_sext:
		sel_ext(s, dst, i, r);
		break;
	case IR_bswap:
		val_into(s, dst, i->a);
		emit(s, (Mi){ .kind = MK_ALU, .dst = dst, .src = NO_REG, .imm = i->size * 8,
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
			.code = BPF_ALU | BPF_END | BPF_TO_BE });
#else
			.code = BPF_ALU | BPF_END | BPF_TO_LE });
#endif
		break;
	case IR_load: case IR_loads:
		sel_load(s, dst, i);
		break;
	case IR_store:
		sel_store(s, i);
		break;
	case IR_atomic:
		sel_atomic(s, dst, i);
		break;
	case IR_call:
		sel_call(s, dst, wanted, i);
		break;
	case IR_phi:
		break;
	case IR_jmp:
		sel_phi_moves(s);
		emit(s, (Mi){ .kind = MK_JMP, .code = BPF_JMP | BPF_JA, .dst = NO_REG, .src = NO_REG });
		break;
	case IR_br:
		sel_br(s, i);
		break;
	case IR_ret:
		val_into(s, R0, i->a);
		emit(s, (Mi){ .kind = MK_EXIT, .code = BPF_JMP | BPF_EXIT });
		break;
	default:
		assert(is_compare(i->op));
		sel_setcc(s, dst, i);
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
				val(s, at(s->fn, b->ins.v[n])->args[x]);
	}
	for (u32 k = c->n; k-- > 0;) {
		s->block = s->fn->blocks.v[c->order[k]];
		for (u32 n = s->block->ins.n; n-- > 0;)
			if (is_wanted(s, s->block->ins.v[n]))
				select_ins(s, s->block->ins.v[n]);
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
		forget_held(&s);
		for (u32 p = 0; !k && p < fn->n_params; p++) {
			Ref r = ir_leaf(fn, IR_param, p, 0);

			if (s.need[r])
				mov(&s, s.reg[r] = new_reg(&s), R1 + p);
		}
		for (u32 n = 0; n < s.block->ins.n; n++)
			if (is_wanted(&s, s.block->ins.v[n]))
				select_ins(&s, s.block->ins.v[n]);
	}
	find_indices(&s);
	return s.mf;
}
