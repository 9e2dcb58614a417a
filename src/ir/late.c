/* late: what can only be seen once registers are given. A copy or a constant that one way of a branch needs, on an edge of
 * its own, is done before the branch if the other way does not mind: that saves the jump around. */
#include "ir/ir.h"
#include "ir/rega.h"

typedef struct Late { MFn *mf; u16 *in; } Late;         /* in: registers alive at the start of each block */

static u16
live_out(const Late *l, const MBlock *mb)
{
	u16 live = 0;

	for (int x = 0; x < 2; x++)
		if (mb->succ[x] != NO_BLOCK)
			live |= l->in[mb->succ[x]];
	return live;
}

static void
find_live(Late *l)
{
	bool again = true;
	MiRegs r;

	memset(l->in, 0, l->mf->blocks.n * sizeof(u16));
	while (again) {
		again = false;
		for (u32 k = l->mf->blocks.n; k-- > 0;) {
			const MBlock *mb = l->mf->blocks.v[k];
			u16 live = live_out(l, mb);

			for (u32 n = mb->ins.n; n-- > 0;) {
				ir_mi_regs(&mb->ins.v[n], &r);
				for (u32 x = 0; x < r.n_def; x++)
					live &= (u16)~(1u << r.def[x]);
				for (u32 x = 0; x < r.n_use; x++)
					live |= (u16)(1u << r.use[x]);
			}
			again |= live != l->in[k];
			l->in[k] = live;
		}
	}
}

static bool
is_plain_mov(const Mi *m)
{
	return m->kind == MK_ALU && BPF_CLASS(m->code) == BPF_ALU64 && BPF_OP(m->code) == BPF_MOV && !m->off;
}

/* The block on one way of a branch holds one mov and goes on: may the mov be done before the branch? */
static bool
may_hoist(const Late *l, const MBlock *head, const MBlock *edge, u32 other)
{
	const Mi *m = &edge->ins.v[0], *jcc = &head->ins.v[head->ins.n - 1];

	if (edge->preds.n != 1 || edge->ins.n != 2 || !(is_plain_mov(m) || m->kind == MK_LDIMM) || edge->ins.v[1].kind != MK_JMP)
		return false;
	if (other == edge->id || l->in[other] >> m->dst & 1)
		return false;
	return m->dst != jcc->dst && !(jcc->code & BPF_X && m->dst == jcc->src);
}

static void
hoist(Late *l)
{
	for (u32 k = 0; k < l->mf->blocks.n; k++) {
		MBlock *mb = l->mf->blocks.v[k];

		for (int x = 0; x < 2 && mb->ins.n && mb->ins.v[mb->ins.n - 1].kind == MK_JCC; x++) {
			MBlock *edge = l->mf->blocks.v[mb->succ[x]];
			Mi jcc = mb->ins.v[mb->ins.n - 1];

			if (!may_hoist(l, mb, edge, mb->succ[!x]))
				continue;
			mb->ins.v[mb->ins.n - 1] = edge->ins.v[0];
			VEC_PUSH(l->mf->a, &mb->ins, jcc);
			edge->ins.v[0] = edge->ins.v[1];
			edge->ins.n = 1;
			l->in[edge->id] = live_out(l, edge);    /* nothing changes further up */
			break;
		}
	}
}

/* A register that holds a number already needs no second mov of it, within a block. */
static void
drop_known(MBlock *mb)
{
	s64 value[N_COLORS + 1];
	bool known[N_COLORS + 1] = { 0 };
	u32 keep = 0;
	MiRegs r;

	for (u32 n = 0; n < mb->ins.n; n++) {
		Mi m = mb->ins.v[n];
		bool number = is_plain_mov(&m) && m.src == NO_REG;

		if (number && known[m.dst] && value[m.dst] == m.imm)
			continue;
		ir_mi_regs(&m, &r);
		for (u32 x = 0; x < r.n_def; x++)
			known[r.def[x]] = false;
		if (number) {
			known[m.dst] = true;
			value[m.dst] = m.imm;
		}
		mb->ins.v[keep++] = m;
	}
	mb->ins.n = keep;
}

/* ---- one address loaded for several uses ----
 * An address takes two instructions each time it is loaded anew after a call. Where a register that calls keep is free in the
 * whole block, it holds the address. */

/* Is r, from instruction n on, only read, and by instructions that could read another register? */
static bool
only_read(const MBlock *mb, u32 n, Reg r, u16 out)
{
	MiRegs regs;

	for (; n < mb->ins.n; n++) {
		const Mi *m = &mb->ins.v[n];
		bool used = false, set = false;

		ir_mi_regs(m, &regs);
		for (u32 x = 0; x < regs.n_use; x++)
			used |= regs.use[x] == r;
		for (u32 x = 0; x < regs.n_def; x++)
			set |= regs.def[x] == r;
		if (used && (set || (m->kind != MK_ALU && m->kind != MK_LOAD && m->kind != MK_STORE && m->kind != MK_ATOMIC)))
			return false;
		if (set)
			return true;
	}
	return !(out >> r & 1);
}

static void
read_instead(MBlock *mb, u32 n, Reg r, Reg by)
{
	MiRegs regs;

	for (; n < mb->ins.n; n++) {
		Mi *m = &mb->ins.v[n];

		ir_mi_regs(m, &regs);
		if ((m->kind == MK_STORE || m->kind == MK_ATOMIC) && m->dst == r)
			m->dst = by;
		if (m->kind != MK_CALL && m->src == r)
			m->src = by;
		for (u32 x = 0; x < regs.n_def; x++)
			if (regs.def[x] == r)
				return;
	}
}

/* A register that calls keep and that means nothing anywhere in the block. */
static Reg
idle_reg(const Late *l, const MBlock *mb)
{
	u16 busy = l->in[mb->id] | live_out(l, mb);
	MiRegs regs;

	for (u32 n = 0; n < mb->ins.n; n++) {
		ir_mi_regs(&mb->ins.v[n], &regs);
		for (u32 x = 0; x < regs.n_use; x++)
			busy |= (u16)(1u << regs.use[x]);
		for (u32 x = 0; x < regs.n_def; x++)
			busy |= (u16)(1u << regs.def[x]);
	}
	for (Reg r = R6; r <= R9; r++)
		if (!(busy >> r & 1))
			return r;
	return NO_REG;
}

static void
share_address(Late *l, MBlock *mb, u32 first)
{
	Mi one = mb->ins.v[first], *m;
	u16 out = live_out(l, mb);
	Reg idle = NO_REG;

	for (u32 n = first + 1; n < mb->ins.n; n++) {
		m = &mb->ins.v[n];
		if (m->kind != MK_LDIMM || m->pseudo != one.pseudo || m->imm != one.imm || m->imm2 != one.imm2 ||
		    !only_read(mb, n + 1, m->dst, out))
			continue;
		if (idle == NO_REG && (idle = idle_reg(l, mb)) == NO_REG)
			return;
		read_instead(mb, n + 1, m->dst, idle);
		m->kind = MK_NONE;
	}
	if (idle == NO_REG)
		return;
	mb->ins.v[first].dst = idle;
	if (only_read(mb, first + 1, one.dst, out)) {
		read_instead(mb, first + 1, one.dst, idle);
		return;
	}
	VEC_PUSH(l->mf->a, &mb->ins, one);
	memmove(mb->ins.v + first + 2, mb->ins.v + first + 1, (mb->ins.n - first - 2) * sizeof(Mi));
	mb->ins.v[first + 1] = (Mi){ .kind = MK_ALU, .code = BPF_ALU64 | BPF_MOV | BPF_X, .dst = one.dst, .src = idle, .at = one.at };
}

static void
squeeze(MBlock *mb)
{
	u32 keep = 0;

	for (u32 n = 0; n < mb->ins.n; n++)
		if (mb->ins.v[n].kind != MK_NONE)
			mb->ins.v[keep++] = mb->ins.v[n];
	mb->ins.n = keep;
}

void
ir_late(MFn *mf)
{
	Arena *a = arena_new();
	Late l = { mf, NEW_N(a, u16, mf->blocks.n) };

	for (u32 k = 0; k < mf->blocks.n; k++) {
		squeeze(mf->blocks.v[k]);
		drop_known(mf->blocks.v[k]);
	}
	find_live(&l);
	for (u32 k = 0; k < mf->blocks.n; k++) {
		for (u32 n = 0; n < mf->blocks.v[k]->ins.n; n++)
			if (mf->blocks.v[k]->ins.v[n].kind == MK_LDIMM)
				share_address(&l, mf->blocks.v[k], n);
		squeeze(mf->blocks.v[k]);
	}
	hoist(&l);
	arena_free(a);
}
