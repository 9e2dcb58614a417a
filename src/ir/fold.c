/* fold: what one instruction can be replaced with by looking at its operands alone: constants are computed, laws of
 * algebra applied. The laws are rows; a row never makes an instruction, it names an operand or a number. Each keeps
 * BPF's meaning: x / 0 is 0, x % 0 is x, shifts count modulo 64. */
#include "ir/ir.h"
#include "ir/pass.h"

bool
ir_eval(const Ins *i, s64 a, s64 b, s64 *out)
{
	u64 x = (u64)a, y = (u64)b, r;
	u32 bits = i->size ? 64 - i->size * 8u : 0;

	switch (i->op) {
	case IR_add:  r = x + y; break;
	case IR_sub:  r = x - y; break;
	case IR_mul:  r = x * y; break;
	case IR_udiv: r = y ? x / y : 0; break;
	case IR_umod: r = y ? x % y : x; break;
	case IR_sdiv: r = !y ? 0 : y == ~0ull ? -x : (u64)(a / b); break;
	case IR_smod: r = !y ? x : y == ~0ull ? 0 : (u64)(a % b); break;
	case IR_and:  r = x & y; break;
	case IR_or:   r = x | y; break;
	case IR_xor:  r = x ^ y; break;
	case IR_shl:  r = x << (y & 63); break;
	case IR_shr:  r = x >> (y & 63); break;
	case IR_sar:  r = (u64)(a >> (y & 63)); break;
	case IR_neg:  r = -x; break;
	case IR_not:  r = ~x; break;
	case IR_zext: r = x << bits >> bits; break;
	case IR_sext: r = (u64)((s64)(x << bits) >> bits); break;
	case IR_bswap:
		r = __builtin_bswap64(x) >> bits;
		break;
	case IR_eq:   r = x == y; break;
	case IR_ne:   r = x != y; break;
	case IR_ult:  r = x < y; break;
	case IR_ule:  r = x <= y; break;
	case IR_ugt:  r = x > y; break;
	case IR_uge:  r = x >= y; break;
	case IR_slt:  r = a < b; break;
	case IR_sle:  r = a <= b; break;
	case IR_sgt:  r = a > b; break;
	case IR_sge:  r = a >= b; break;
	case IR_any:  r = (x & y) != 0; break;
	default:
		return false;
	}
	*out = (s64)r;
	return true;
}

/* x OP k, and x OP x, that need no instruction.  then: A the left operand, B the right one, 0, 1. */
typedef struct Law { u8 op; char with; s64 k; char then; } Law;
static const Law laws[] = {
	/* op       with  k    gives */
	{ IR_add,   'k',  0,   'A' },
	{ IR_sub,   'k',  0,   'A' },
	{ IR_sub,   'x',  0,   '0' },
	{ IR_mul,   'k',  1,   'A' },
	{ IR_mul,   'k',  0,   '0' },
	{ IR_udiv,  'k',  1,   'A' },
	{ IR_udiv,  'k',  0,   '0' },
	{ IR_sdiv,  'k',  1,   'A' },
	{ IR_sdiv,  'k',  0,   '0' },
	{ IR_umod,  'k',  1,   '0' },
	{ IR_umod,  'k',  0,   'A' },
	{ IR_smod,  'k',  1,   '0' },
	{ IR_smod,  'k',  -1,  '0' },
	{ IR_smod,  'k',  0,   'A' },
	{ IR_and,   'k',  0,   '0' },
	{ IR_and,   'k',  -1,  'A' },
	{ IR_and,   'x',  0,   'A' },
	{ IR_or,    'k',  0,   'A' },
	{ IR_or,    'k',  -1,  'B' },
	{ IR_or,    'x',  0,   'A' },
	{ IR_xor,   'k',  0,   'A' },
	{ IR_xor,   'x',  0,   '0' },
	{ IR_shl,   'k',  0,   'A' },
	{ IR_shr,   'k',  0,   'A' },
	{ IR_sar,   'k',  0,   'A' },
	{ IR_eq,    'x',  0,   '1' },
	{ IR_ne,    'x',  0,   '0' },
	{ IR_ult,   'x',  0,   '0' },
	{ IR_ule,   'x',  0,   '1' },
	{ IR_ugt,   'x',  0,   '0' },
	{ IR_uge,   'x',  0,   '1' },
	{ IR_slt,   'x',  0,   '0' },
	{ IR_sle,   'x',  0,   '1' },
	{ IR_sgt,   'x',  0,   '0' },
	{ IR_sge,   'x',  0,   '1' },
	{ IR_ult,   'k',  0,   '0' },
	{ IR_uge,   'k',  0,   '1' },
	{ IR_ugt,   'k',  -1,  '0' },
	{ IR_ule,   'k',  -1,  '1' },
	{ IR_slt,   'k',  INT64_MIN, '0' },
	{ IR_sge,   'k',  INT64_MIN, '1' },
	{ IR_sgt,   'k',  INT64_MAX, '0' },
	{ IR_sle,   'k',  INT64_MAX, '1' },
	{ IR_any,   'k',  0,   '0' },
};

static Ref
apply_laws(Fn *fn, const Ins *i)
{
	bool k = is_const(fn, i->b);

	for (u32 n = 0; n < COUNT(laws); n++) {
		const Law *l = &laws[n];

		if (l->op != i->op || (l->with == 'k' ? !k || at(fn, i->b)->imm != l->k : i->a != i->b))
			continue;
		return l->then == 'A' ? i->a : l->then == 'B' ? i->b : ir_const(fn, l->then - '0');
	}
	return 0;
}

/* (x op k1) op k2 = x op (k1 op' k2) */
static void
reassociate(Fn *fn, Ins *i)
{
	const Ins *in = at(fn, i->a);
	s64 k, n = at(fn, i->b)->imm;

	if (in->op != i->op || !is_const(fn, in->b))
		return;
	k = at(fn, in->b)->imm;
	switch (i->op) {
	case IR_add: k = (s64)((u64)k + (u64)n); break;
	case IR_mul: k = (s64)((u64)k * (u64)n); break;
	case IR_and: k &= n; break;
	case IR_or:  k |= n; break;
	case IR_xor: k ^= n; break;
	case IR_shl: case IR_shr: case IR_sar:
		k = (k & 63) + (n & 63);
		if (k > 63)
			return;
		break;
	default:
		return;
	}
	i->a = in->a;
	i->b = ir_const(fn, k);
}

static int
log2_of(s64 k)
{
	return k > 0 && !(k & (k - 1)) ? __builtin_ctzll((u64)k) : -1;
}

/* A dearer operation by a constant as a cheaper one. */
static void
cheapen(Fn *fn, Ins *i)
{
	s64 k = at(fn, i->b)->imm;
	int log = log2_of(k);

	switch (i->op) {
	case IR_sub:
		i->op = IR_add;
		i->b = ir_const(fn, (s64)-(u64)k);
		break;
	case IR_mul:
		if (log >= 0) {
			i->op = IR_shl;
			i->b = ir_const(fn, log);
		}
		break;
	case IR_udiv:
		if (log >= 0) {
			i->op = IR_shr;
			i->b = ir_const(fn, log);
		}
		break;
	case IR_umod:
		if (log >= 0) {
			i->op = IR_and;
			i->b = ir_const(fn, k - 1);
		}
		break;
	case IR_and:
		if (k == 0xff || k == 0xffff || k == 0xffffffff) {
			i->op = IR_zext;
			i->size = k == 0xff ? 1 : k == 0xffff ? 2 : 4;
			i->b = 0;
		}
		break;
	default:
		break;
	}
}

/* Bits that can be set in r: an upper bound from the instruction alone and its operands, a few steps deep. Only what the
 * kernel's verifier knows too, which is nothing of divisions: a mask that is dropped may be what it needs to see. */
static u64
possible_bits(const Fn *fn, Ref r, int depth)
{
	const Ins *i = at(fn, r);
	u64 x;

	if (depth > 4)
		return ~0ull;
	switch (i->op) {
	case IR_const:
		return (u64)i->imm;
	case IR_load:
		return i->size < 8 ? (1ull << i->size * 8) - 1 : ~0ull;
	case IR_zext: case IR_bswap:
		x = i->size < 8 ? (1ull << i->size * 8) - 1 : ~0ull;
		return i->op == IR_zext ? x & possible_bits(fn, i->a, depth + 1) : x;
	case IR_and:
		return possible_bits(fn, i->a, depth + 1) & possible_bits(fn, i->b, depth + 1);
	case IR_or: case IR_xor:
		return possible_bits(fn, i->a, depth + 1) | possible_bits(fn, i->b, depth + 1);
	case IR_shr:
		return is_const(fn, i->b) ? possible_bits(fn, i->a, depth + 1) >> (at(fn, i->b)->imm & 63) : ~0ull;
	case IR_shl:
		return is_const(fn, i->b) ? possible_bits(fn, i->a, depth + 1) << (at(fn, i->b)->imm & 63) : ~0ull;
	default:
		return is_compare(i->op) ? 1 : ~0ull;
	}
}

/* The operand of i with extensions and masks skipped that change only bits outside `need`. */
static Ref
skip_masks(const Fn *fn, Ref r, u64 need)
{
	for (;;) {
		const Ins *i = at(fn, r);
		u64 keeps = 0;

		if (i->op == IR_zext || i->op == IR_sext)
			keeps = i->size < 8 ? (1ull << i->size * 8) - 1 : ~0ull;
		else if (i->op == IR_and && is_const(fn, i->b))
			keeps = (u64)at(fn, i->b)->imm;
		if (!keeps || need & ~keeps)
			return r;
		r = i->a;
	}
}

/* The number of equal bits at the top of r, at least: 64 - this many bits hold it as a signed number. */
static u32
sign_bits(const Fn *fn, Ref r)
{
	const Ins *i = at(fn, r);
	u64 x;

	if (i->op == IR_const)
		return (u32)__builtin_clrsbll(i->imm) + 1;
	if (i->op == IR_sext || i->op == IR_loads)
		return 65 - i->size * 8u;
	if (i->op == IR_sar && is_const(fn, i->b))
		return 1 + (u32)(at(fn, i->b)->imm & 63);
	x = possible_bits(fn, r, 0);
	return x ? MAX((u32)__builtin_clzll(x), 1u) : 64;
}

static Ref
simplify_ext(Fn *fn, Ins *i)
{
	u64 mask = i->size < 8 ? (1ull << i->size * 8) - 1 : ~0ull;

	if (i->size == 8)
		return i->a;
	if (i->op == IR_zext) {
		if (!(possible_bits(fn, i->a, 0) & ~mask))
			return i->a;
	} else if (sign_bits(fn, i->a) > 64 - i->size * 8u)
		return i->a;
	i->a = skip_masks(fn, i->a, mask);
	return 0;
}

/* What a mask of bits that are all zero or all kept amounts to. */
static Ref
simplify_and(Fn *fn, Ins *i)
{
	u64 k = (u64)at(fn, i->b)->imm, bits = possible_bits(fn, i->a, 0);

	if (!(bits & ~k))
		return i->a;
	if (!(bits & k))
		return ir_const(fn, 0);
	i->a = skip_masks(fn, i->a, k);
	return 0;
}

/* Compares of a compare's result, and compares that a range decides. */
static Ref
simplify_compare(Fn *fn, Ins *i)
{
	const Ins *a = at(fn, i->a);
	s64 k = at(fn, i->b)->imm;
	u64 bits = possible_bits(fn, i->a, 0);

	/* (a cmp b) != 0, == 0, == 1, != 1 */
	if ((i->op == IR_eq || i->op == IR_ne) && (k == 0 || k == 1) && bits <= 1) {
		if ((i->op == IR_ne) == (k == 0))
			return i->a;
		if (is_compare(a->op) && ir_inverse(a->op)) {
			i->op = (u8)ir_inverse(a->op);
			i->b = a->b;
			i->a = a->a;
			return 0;
		}
	}
	if (!bits)
		return 0;
	if (a->op == IR_call && a->imm == BPF_FUNC_get_smp_processor_id)
		bits = UINT32_MAX;      /* true, and of no harm here; as a fact about masks it would be news to older verifiers */
	if (i->op == IR_eq || i->op == IR_ne) {
		if ((u64)k & ~bits)
			return ir_const(fn, i->op == IR_ne);
		/* x + c == k; x ^ c == k */
		if (is_const(fn, a->b) && (a->op == IR_add || a->op == IR_xor)) {
			s64 c = at(fn, a->b)->imm;

			i->b = ir_const(fn, a->op == IR_add ? (s64)((u64)k - (u64)c) : k ^ c);
			i->a = a->a;
			return 0;
		}
		/* (x >> n) != 0 */
		if (a->op == IR_shr && !k && is_const(fn, a->b) && at(fn, a->b)->imm < 31) {
			i->op = i->op == IR_ne ? IR_uge : IR_ult;
			i->b = ir_const(fn, (s64)1 << at(fn, a->b)->imm);
			i->a = a->a;
			return 0;
		}
		/* (x & m) != 0 */
		if (a->op == IR_and && i->op == IR_ne && !k) {
			i->op = IR_any;
			i->b = a->b;
			i->a = a->a;
		}
		return 0;
	}
	if (i->op == IR_any)
		return (bits & (u64)k) ? 0 : ir_const(fn, 0);
	/* x < 1 is x == 0; x > 0 is x != 0; x <= 0; x >= 1 */
	if ((i->op == IR_ult && k == 1) || (i->op == IR_ule && k == 0)) {
		i->op = IR_eq;
		i->b = ir_const(fn, 0);
		return 0;
	}
	if ((i->op == IR_ugt && k == 0) || (i->op == IR_uge && k == 1)) {
		i->op = IR_ne;
		i->b = ir_const(fn, 0);
		return 0;
	}
	/* All bits that can be set together give the largest value. */
	if ((i->op == IR_ult && (u64)k > bits) || (i->op == IR_ule && (u64)k >= bits))
		return ir_const(fn, 1);
	if ((i->op == IR_ugt && (u64)k >= bits) || (i->op == IR_uge && (u64)k > bits))
		return ir_const(fn, 0);
	if ((s64)bits >= 0) {   /* never negative: a signed compare is an unsigned one */
		if (k < 0 || (i->op == IR_slt && !k))
			return i->op == IR_slt || i->op == IR_sle ? ir_const(fn, 0) :
			       i->op == IR_sgt || i->op == IR_sge ? ir_const(fn, 1) : 0;
		switch (i->op) {
		case IR_slt: i->op = IR_ult; break;
		case IR_sle: i->op = IR_ule; break;
		case IR_sgt: i->op = IR_ugt; break;
		case IR_sge: i->op = IR_uge; break;
		default: break;
		}
	}
	return 0;
}

static Ref
simplify_pure(Fn *fn, Ins *i)
{
	bool two = ir_ops[i->op].args[1] == 'r';
	s64 n;
	Ref r;

	if (is_const(fn, i->a) && (!two || is_const(fn, i->b)) &&
	    ir_eval(i, at(fn, i->a)->imm, two ? at(fn, i->b)->imm : 0, &n))
		return ir_const(fn, n);
	if (!two) {
		const Ins *in = at(fn, i->a);

		if ((i->op == IR_neg || i->op == IR_not) && in->op == i->op)
			return in->a;
		return i->op == IR_zext || i->op == IR_sext ? simplify_ext(fn, i) : 0;
	}
	if (is_const(fn, i->a)) {
		if (ir_op_is(i->op, 'c')) {
			r = i->a, i->a = i->b, i->b = r;
		} else if (is_compare(i->op)) {
			i->op = (u8)ir_swapped(i->op);
			r = i->a, i->a = i->b, i->b = r;
		}
	}
	r = apply_laws(fn, i);
	if (r)
		return r;
	if (!is_const(fn, i->b)) {
		if (i->op == IR_sub && is_num(fn, i->a, 0)) {
			i->op = IR_neg;
			i->a = i->b;
			i->b = 0;
		}
		return 0;
	}
	if (i->op == IR_shl || i->op == IR_shr || i->op == IR_sar)
		i->b = ir_const(fn, at(fn, i->b)->imm & 63);
	cheapen(fn, i);
	if (i->op == IR_zext)
		return simplify_pure(fn, i);
	r = apply_laws(fn, i);
	if (r)
		return r;
	reassociate(fn, i);
	if (i->op == IR_and)
		return simplify_and(fn, i);
	return is_compare(i->op) ? simplify_compare(fn, i) : 0;
}

/* [x + k, off] is [x, off + k], as far as the 16 bits of an instruction's offset go. */
static void
simplify_address(Fn *fn, Ref *base, s64 *off)
{
	for (;;) {
		const Ins *i = at(fn, *base);
		s64 k;

		if (i->op != IR_add || !is_const(fn, i->b))
			return;
		k = at(fn, i->b)->imm;
		if (k < INT16_MIN || k > INT16_MAX || *off + k < INT16_MIN || *off + k > INT16_MAX)
			return;
		*off += k;
		*base = i->a;
	}
}

Ref
ir_simplify(Fn *fn, Ins *i)
{
	s64 off;

	switch (i->op) {
	case IR_load: case IR_loads:
		simplify_address(fn, &i->a, &i->imm);
		if (i->op == IR_loads && i->size == 8)
			i->op = IR_load;
		return 0;
	case IR_store:
		simplify_address(fn, &i->a, &i->imm);
		if (i->size < 8)
			i->b = skip_masks(fn, i->b, (1ull << i->size * 8) - 1);
		return 0;
	case IR_atomic: case IR_zero: case IR_copy:
		off = (s32)i->imm2;
		simplify_address(fn, &i->a, &off);
		i->imm2 = (u32)(s32)off;
		return 0;
	case IR_br:     /* br x != 0 */
		while (at(fn, i->a)->op == IR_ne && is_num(fn, at(fn, i->a)->b, 0))
			i->a = at(fn, i->a)->a;
		return 0;
	default:
		return ir_op_is(i->op, 'f') ? simplify_pure(fn, i) : 0;
	}
}

/* A branch on a constant becomes a jump. */
static void
settle_branch(Fn *fn, Block *b, Ref r, bool yes)
{
	u32 to = b->succ[!yes], not_to = b->succ[yes];

	ir_remove_edge(fn, b->id, not_to);
	at(fn, r)->op = IR_jmp;
	at(fn, r)->a = 0;
	b->succ[0] = to;
	b->succ[1] = NO_BLOCK;
}

static bool
fold_block(Fn *fn, Block *b)
{
	bool changed = false;
	Ref *o;

	for (u32 n = 0; n < b->ins.n; n++) {
		Ref r = b->ins.v[n], same;
		Ins i = *at(fn, r), was;

		for (u32 x = 0; (o = operand(&i, x)); x++)
			*o = alias(fn, *o);
		if (i.op == IR_phi)
			continue;
		was = i;
		same = ir_simplify(fn, &i);
		changed |= same || i.op != was.op || i.a != was.a || i.b != was.b;
		*at(fn, r) = i;
		if (same) {
			replace(fn, r, same);
		} else if (i.op == IR_br && (is_const(fn, i.a) || b->succ[0] == b->succ[1])) {
			settle_branch(fn, b, r, !is_const(fn, i.a) || at(fn, i.a)->imm);
			changed = true;
		}
	}
	return changed;
}

/* Until nothing changes: phis that have become trivial, and blocks that are no longer reached, let more be known. */
void
ir_fold(Fn *fn, const IrOptions *opt)
{
	bool changed = true;

	(void)opt;
	for (u32 round = 0; changed && round < 20; round++) {
		Arena *a = arena_new();
		Cfg *c = ir_cfg(fn, a);

		changed = false;
		for (u32 k = 0; k < c->n; k++)
			changed |= fold_block(fn, fn->blocks.v[c->order[k]]);
		arena_free(a);
		ir_tidy(fn);
	}
}
