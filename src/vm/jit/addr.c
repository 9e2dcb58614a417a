/* addr: memory as machines address it: base, index and offset in one instruction, neighbouring bytes at once. */
#include "vm/jit/jit.h"

/* Does reg keep its value from behind `from` to before `to`? */
static bool
keeps(const JProg *jp, u32 from, u32 to, u32 reg)
{
	for (u32 i = from + 1; i < to; i++)
		if (jit_defs(&jp->j[i]) & BIT(reg))
			return false;
	return true;
}

/* The same, and no memory is written there; `from` itself counts, too, as it is one of two loads. */
static bool
quiet(const JProg *jp, u32 from, u32 to, u32 reg)
{
	if (jit_defs(&jp->j[from]) & BIT(reg))
		return false;
	for (u32 i = from + 1; i < to; i++)
		if (!jit_pure(jp->j[i].op) && jp->j[i].op != J_NOP)
			return false;
	return keeps(jp, from, to, reg);
}

/* Nobody but `to` looks at what `from` puts into reg, and it is not needed behind it. */
static bool
consumed(const JProg *jp, u32 from, u32 to, u32 reg)
{
	const J *j = &jp->j[to];

	return jit_only_use(jp, from, to, reg) && (!(j->live & BIT(reg)) || jit_defs(j) & BIT(reg));
}

/* a = *(u8 *)(b + 1); d = *(u8 *)b; d <<= 8; d |= a -> 16 bits at once, bytes swapped; and the same without a swap. */
void
jit_join_bytes(JProg *jp)
{
	for (u32 pc = 0; pc < jp->n; pc++) {
		J *j = &jp->j[pc], *shift, *hi, *lo;
		s64 ps, ph, pl;

		if ((j->op != OP_OR64X && j->op != OP_OR32X) || j->dst == j->src || j->live & BIT(j->src))
			continue;
		ps = jit_last_def(jp, pc, j->dst);
		pl = jit_last_def(jp, pc, j->src);
		if (ps < 0 || pl < 0)
			continue;
		shift = &jp->j[ps], lo = &jp->j[pl];
		if ((shift->op != OP_LSH64K && shift->op != OP_LSH32K) || shift->imm != 8 || lo->op != OP_LDXB)
			continue;
		ph = jit_last_def(jp, (u32)ps, j->dst);
		hi = ph >= 0 ? &jp->j[ph] : NULL;
		if (!hi || hi->op != OP_LDXB || hi->src != lo->src || !jit_only_use(jp, (u32)ph, (u32)ps, j->dst) ||
		    !jit_only_use(jp, (u32)ps, pc, j->dst) || !jit_only_use(jp, (u32)pl, pc, j->src))
			continue;
		if ((lo->off != hi->off + 1 && lo->off != hi->off - 1) || !quiet(jp, (u32)MIN(ph, pl), (u32)MAX(ph, pl), hi->src))
			continue;
		hi->op = OP_LDXH;
		if (lo->off > hi->off) {
			shift->op = OP_SWAP16;
			shift->imm = 0;
		} else {
			hi->off = lo->off;
			jit_nop(shift);
		}
		jit_nop(lo);
		jit_nop(j);
	}
}

void
jit_fold_address(JProg *jp, u32 pc)
{
	J *j = &jp->j[pc];
	u8 *base = is_load(j->op) ? &j->src : &j->dst;
	s64 d = -1;
	J *x;

	if (is_stx(j->op) && j->src == *base)
		return;
	/* t += 4 */
	while (*base != 10 && (d = jit_last_def(jp, pc, *base)) >= 0 && jp->j[d].op == OP_ADD64K &&
	       consumed(jp, (u32)d, pc, *base) && j->off + jp->j[d].imm == (s32)(j->off + jp->j[d].imm)) {
		j->off += (s32)jp->j[d].imm;
		jit_nop(&jp->j[d]);
	}
	if (*base == 10 || d < 0)
		return;
	x = &jp->j[d];
	/* t += i */
	if (x->op == OP_ADD64X && x->src != x->dst && x->src != 10 && consumed(jp, (u32)d, pc, *base) &&
	    keeps(jp, (u32)d, pc, x->src) && !(is_stx(j->op) && j->src == x->dst)) {
		u32 at = (u32)d;
		s64 m;

		j->index = x->src;
		j->scale = 0;
		jit_nop(x);
		/* i = n << 3 for this alone */
		m = jit_last_def(jp, at, j->index);
		if (m >= 0 && jp->j[m].op == OP_LSH64K && (jp->j[m].imm & 63) <= 3 && jit_only_use(jp, (u32)m, pc, j->index) &&
		    (!(j->live & BIT(j->index)) || jit_defs(j) & BIT(j->index)) && !(is_stx(j->op) && j->src == j->index)) {
			j->scale = (u8)(jp->j[m].imm & 63);
			jit_nop(&jp->j[m]);
		}
	}
	/* t = b */
	for (int step = 0; step < 2; step++) {
		u8 *reg = step ? &j->index : base;

		if (*reg == NO_REG || *reg == 10 || (d = jit_last_def(jp, pc, *reg)) < 0)
			continue;
		x = &jp->j[d];
		if (x->op == OP_MOV64X && x->src != 10 && keeps(jp, (u32)d, pc, x->src) && consumed(jp, (u32)d, pc, *reg) &&
		    j->index != *base && !(is_stx(j->op) && j->src == *reg)) {
			*reg = x->src;
			jit_nop(x);
		}
	}
}

/* t = b; t += i|4 -> one addition of three operands; t = b; rotate t -> a rotate into t */
void
jit_fold_sums(JProg *jp)
{
	for (u32 pc = 0; pc < jp->n; pc++) {
		J *m = &jp->j[pc], *x;
		u32 at;

		if ((m->op != OP_MOV64X && m->op != OP_MOV32X) || m->dst == m->src || !(at = jit_next_touch(jp, pc, m->dst)))
			continue;
		x = &jp->j[at];
		if (x->dst != m->dst || !keeps(jp, pc, at, m->src))
			continue;
		if ((x->op == J_ROL64 && m->op == OP_MOV64X) || x->op == J_ROL32) {
			x->src = m->src;
			jit_nop(m);
			continue;
		}
		if (m->op != OP_MOV64X)
			continue;
		if (x->op == OP_ADD64X && x->src != m->dst && x->src != 10) {
			*x = (J){ .op = J_LEA, .dst = x->dst, .src = m->src, .index = x->src, .live = x->live, .high = x->high };
			jit_nop(m);
		} else if (x->op == OP_ADD64K) {
			*x = (J){ .op = J_LEA, .dst = x->dst, .src = m->src, .index = NO_REG, .off = (s32)x->imm, .live = x->live,
				  .high = x->high };
			jit_nop(m);
		}
	}
}
