/* isel: BPF instructions for each IR operation, with virtual registers. A value that its only user takes in whole (a
 * constant that fits an instruction, an address r10 + k, a compare before a branch, the operation under a zext.4) gets no
 * instruction of its own: nobody asks for it in a register. isel_flow.c finds that out, and runs all this twice for it. */
#include "ir/isel.h"

#include <assert.h>

Reg
ir_sel_new_reg(Sel *s)
{
	return s->mf->n_vregs++;
}

void
ir_sel_emit(Sel *s, Mi m)
{
	if (s->counting)
		return;
	m.at = s->at;
	VEC_PUSH(s->mf->a, &s->mb->ins, m);
}

void
ir_sel_mov(Sel *s, Reg dst, Reg src)
{
	ir_sel_emit(s, (Mi){ .kind = MK_ALU, .code = BPF_ALU64 | BPF_MOV | BPF_X, .dst = dst, .src = src });
}

void
ir_sel_alu_imm(Sel *s, u8 code, Reg dst, s64 imm)
{
	ir_sel_emit(s, (Mi){ .kind = MK_ALU, .code = code | BPF_K, .dst = dst, .src = NO_REG, .imm = imm });
}

static void
alu_reg(Sel *s, u8 code, Reg dst, Reg src)
{
	ir_sel_emit(s, (Mi){ .kind = MK_ALU, .code = code | BPF_X, .dst = dst, .src = src });
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
void
ir_sel_load_leaf(Sel *s, Reg dst, Ref r)
{
	const Ins *i = at(s->fn, r);
	Mi m = { .kind = MK_LDIMM, .code = BPF_LD | BPF_IMM | BPF_DW, .dst = dst, .src = NO_REG, .imm = i->imm };
	s64 off;

	if (stack_address(s, r, &off)) {
		ir_sel_emit(s, (Mi){ .kind = MK_LEA, .dst = dst, .src = NO_REG, .imm = off });
		return;
	}
	switch (i->op) {
	case IR_const:
		if (FITS32(i->imm)) {
			ir_sel_alu_imm(s, BPF_ALU64 | BPF_MOV, dst, i->imm);
			return;
		}
		if (i->imm >= 0 && i->imm <= UINT32_MAX) {      /* a 32-bit mov clears the upper half */
			ir_sel_alu_imm(s, BPF_ALU | BPF_MOV, dst, (s32)i->imm);
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
	ir_sel_emit(s, m);
}

bool
ir_sel_is_remade(const Sel *s, Ref r)
{
	const Ins *i = at(s->fn, r);
	s64 off;

	return (is_leaf(i->op) && i->op != IR_param) || stack_address(s, r, &off);
}

/* The register that holds r. Leaves are loaded here; within a block, until the next call, once. */
Reg
ir_sel_val(Sel *s, Ref r)
{
	if (!ir_sel_is_remade(s, r)) {
		s->need[r]++;
		if (!s->counting && s->reg[r] == NO_REG)
			s->reg[r] = ir_sel_new_reg(s);
		return s->reg[r];
	}
	if (s->counting)
		return NO_REG;
	if (s->held[r] == NO_REG) {
		s->held[r] = ir_sel_new_reg(s);
		VEC_PUSH(s->mf->a, &s->held_list, r);
		ir_sel_load_leaf(s, s->held[r], r);
	}
	return s->held[r];
}

void
ir_sel_forget_held(Sel *s)
{
	for (u32 k = 0; k < s->held_list.n; k++)
		s->held[s->held_list.v[k]] = NO_REG;
	s->held_list.n = 0;
}

void
ir_sel_val_into(Sel *s, Reg dst, Ref r)
{
	if (ir_sel_is_remade(s, r))
		ir_sel_load_leaf(s, dst, r);
	else
		ir_sel_mov(s, dst, ir_sel_val(s, r));
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
		return ir_sel_val(s, ir_leaf(s->fn, IR_mapval, i->imm, 0));
	}
	r = ir_sel_val(s, base);
	if (*off < INT16_MIN || *off > INT16_MAX) {
		Reg far = s->counting ? NO_REG : ir_sel_new_reg(s);

		ir_sel_mov(s, far, r);
		ir_sel_alu_imm(s, BPF_ALU64 | BPF_ADD, far, *off);
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
		ir_sel_val_into(s, dst, a);
		ir_sel_emit(s, (Mi){ .kind = MK_ALU, .code = code | BPF_K, .dst = dst, .src = NO_REG, .imm = k, .off = sign });
		return;
	}
	/* b first: it may have to be loaded, and dst must not be in its way */
	Reg rb = ir_sel_val(s, b);
	ir_sel_val_into(s, dst, a);
	ir_sel_emit(s, (Mi){ .kind = MK_ALU, .code = code | BPF_X, .dst = dst, .src = rb, .off = sign });
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
Ref
ir_sel_under_zext(const Sel *s, Ref r, u8 ext)
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
		alu_reg(s, BPF_ALU | BPF_MOV, dst, ir_sel_val(s, i->a));
	} else if (i->op == IR_zext) {
		ir_sel_val_into(s, dst, i->a);
		ir_sel_alu_imm(s, BPF_ALU64 | BPF_AND, dst, i->size == 1 ? 0xff : 0xffff);
	} else if (s->opt->isa >= 4) {
		ir_sel_emit(s, (Mi){ .kind = MK_ALU, .code = BPF_ALU64 | BPF_MOV | BPF_X, .dst = dst, .src = ir_sel_val(s, i->a),
			.off = (s16)(i->size * 8) });
	} else {
		ir_sel_val_into(s, dst, i->a);
		ir_sel_alu_imm(s, BPF_ALU64 | BPF_LSH, dst, 64 - i->size * 8);
		ir_sel_alu_imm(s, BPF_ALU64 | BPF_ARSH, dst, 64 - i->size * 8);
	}
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
		m.src = ir_sel_val(s, i->b);
	}
	m.dst = address(s, i->a, &off);
	m.off = (s16)off;
	ir_sel_emit(s, m);
}

static void
sel_load(Sel *s, Reg dst, const Ins *i)
{
	Mi m = { .kind = MK_LOAD, .dst = dst, .lasting = i->flags & IF_INVARIANT && at(s->fn, i->a)->op == IR_param };
	s64 off = i->imm;

	m.src = address(s, i->a, &off);
	m.off = (s16)off;
	m.code = BPF_LDX | size_code(i->size) | (i->op == IR_loads && s->opt->isa >= 4 ? K_MEMSX : BPF_MEM);
	ir_sel_emit(s, m);
	if (i->op == IR_loads && s->opt->isa < 4) {
		ir_sel_alu_imm(s, BPF_ALU64 | BPF_LSH, dst, 64 - i->size * 8);
		ir_sel_alu_imm(s, BPF_ALU64 | BPF_ARSH, dst, 64 - i->size * 8);
	}
}

static void
sel_atomic(Sel *s, Reg dst, const Ins *i)
{
	s64 off = (s32)i->imm2;
	Mi m = { .kind = MK_ATOMIC, .code = BPF_STX | BPF_ATOMIC | size_code(i->size), .imm = i->imm };

	if (i->imm & BPF_FETCH) {
		ir_sel_val_into(s, dst, i->b);
		m.src = dst;
	} else {
		m.src = ir_sel_val(s, i->b);
	}
	m.dst = address(s, i->a, &off);
	m.off = (s16)off;
	ir_sel_emit(s, m);
}

/* Arguments that live in registers first, those made anew last: these cannot be in anybody's way. */
static void
sel_call(Sel *s, Reg dst, bool wanted, const Ins *i)
{
	for (u32 n = 0; n < i->n_args; n++)
		if (!ir_sel_is_remade(s, i->args[n]))
			ir_sel_mov(s, R1 + n, ir_sel_val(s, i->args[n]));
	for (u32 n = 0; n < i->n_args; n++)
		if (ir_sel_is_remade(s, i->args[n]))
			ir_sel_load_leaf(s, R1 + n, i->args[n]);
	ir_sel_emit(s, (Mi){ .kind = MK_CALL, .code = BPF_JMP | BPF_CALL, .imm = i->imm, .n_args = (u8)i->n_args });
	if (wanted)
		ir_sel_mov(s, dst, R0);
	ir_sel_forget_held(s);
}

void
ir_sel_ins(Sel *s, Ref r)
{
	const Ins copy = *at(s->fn, r), *i = &copy;     /* leaves that are made on the way may move the table */
	bool wanted = ir_has_value(i) && s->need[r];
	Reg dst = NO_REG;

	if (!s->counting && ir_has_value(i))
		dst = s->reg[r] != NO_REG ? s->reg[r] : (s->reg[r] = ir_sel_new_reg(s));
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
		ir_sel_val_into(s, dst, i->a);
		ir_sel_emit(s, (Mi){ .kind = MK_ALU, .code = BPF_ALU64 | BPF_NEG, .dst = dst, .src = NO_REG });
		break;
	case IR_not:
		ir_sel_val_into(s, dst, i->a);
		ir_sel_alu_imm(s, BPF_ALU64 | BPF_XOR, dst, -1);
		break;
	case IR_zext: case IR_sext:
		sel_ext(s, dst, i, r);
		break;
	case IR_bswap:
		ir_sel_val_into(s, dst, i->a);
		ir_sel_emit(s, (Mi){ .kind = MK_ALU, .dst = dst, .src = NO_REG, .imm = i->size * 8,
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
		ir_sel_phi_moves(s);
		ir_sel_emit(s, (Mi){ .kind = MK_JMP, .code = BPF_JMP | BPF_JA, .dst = NO_REG, .src = NO_REG });
		break;
	case IR_br:
		ir_sel_br(s, i);
		break;
	case IR_ret:
		ir_sel_val_into(s, R0, i->a);
		ir_sel_emit(s, (Mi){ .kind = MK_EXIT, .code = BPF_JMP | BPF_EXIT });
		break;
	default:
		assert(is_compare(i->op));
		ir_sel_setcc(s, dst, i);
	}
}
