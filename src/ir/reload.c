/* reload: what a register holds already is not read from its slot again, nor written there twice. Beside the instruction this
 * saves what a branch has taught the verifier: before Linux 6.8 it forgets bounds found in a copy of what lies on the stack. */
#include "ir/ir.h"
#include "ir/rega.h"

/* Which slot's value each register holds, + 1; 0: none. */
typedef struct Held { u32 slot[N_COLORS]; } Held;

/* At the start of a block: what all ways there agree on, as far as they have been seen. */
static Held
on_entry(const MBlock *mb, const Held *out)
{
	Held h = { { 0 } };

	for (u32 p = 0; p < mb->preds.n; p++) {
		u32 from = mb->preds.v[p];

		if (from >= mb->id)
			return (Held){ { 0 } };
		for (Reg r = R0; r < N_COLORS; r++)
			if (!p)
				h.slot[r] = out[from].slot[r];
			else if (h.slot[r] != out[from].slot[r])
				h.slot[r] = 0;
	}
	return h;
}

static Reg
holder(const Held *h, u32 slot)
{
	for (Reg r = R0; r < N_COLORS; r++)
		if (h->slot[r] == slot)
			return r;
	return NO_REG;
}

/* One instruction; it becomes MK_NONE if it is not needed. */
static void
step(Held *h, Mi *m)
{
	u32 slot = (u32)m->imm + 1;
	MiRegs regs;
	Reg r;

	switch (m->kind) {
	case MK_RELOAD:
		r = h->slot[m->dst] == slot ? m->dst : holder(h, slot);
		if (r == m->dst)
			m->kind = MK_NONE;
		else if (r != NO_REG)
			*m = (Mi){ .kind = MK_ALU, .code = BPF_ALU64 | BPF_MOV | BPF_X, .dst = m->dst, .src = r, .at = m->at };
		h->slot[m->dst] = slot;
		return;
	case MK_SPILL:
		if (h->slot[m->src] == slot) {
			m->kind = MK_NONE;
			return;
		}
		while ((r = holder(h, slot)) != NO_REG)
			h->slot[r] = 0;
		h->slot[m->src] = slot;
		return;
	default:
		slot = ir_mi_is_copy(m) && m->src < N_COLORS ? h->slot[m->src] : 0;
		ir_mi_regs(m, &regs);
		for (u32 d = 0; d < regs.n_def; d++)
			if (regs.def[d] < N_COLORS)
				h->slot[regs.def[d]] = 0;
		if (slot)
			h->slot[m->dst] = slot;
	}
}

void
ir_forward_reloads(MFn *mf)
{
	Arena *a = arena_new();
	Held *out = NEW_N(a, Held, mf->blocks.n);

	for (u32 k = 0; k < mf->blocks.n && mf->n_slots; k++) {
		MBlock *mb = mf->blocks.v[k];

		out[k] = on_entry(mb, out);
		for (u32 n = 0; n < mb->ins.n; n++)
			step(&out[k], &mb->ins.v[n]);
	}
	arena_free(a);
}
