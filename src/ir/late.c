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

	if (edge->preds.n != 1 || edge->ins.n != 2 || !is_plain_mov(m) || edge->ins.v[1].kind != MK_JMP)
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
	hoist(&l);
	arena_free(a);
}
