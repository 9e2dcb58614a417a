/* live: which registers each instruction reads and writes, which are alive at the end of each block; the text of
 * machine functions. Only registers that are used in another block than the one that sets them take part in the flow
 * between blocks, so the sets stay small in long programs. */
#include "ir/ir.h"
#include "ir/mach.h"
#include "ir/rega.h"

#include <assert.h>

static void
add(Reg *list, u32 *n, Reg r)
{
	if (r != R10 && r != NO_REG)
		list[(*n)++] = r;
}

void
ir_mi_regs(const Mi *m, MiRegs *r)
{
	u8 op = BPF_OP(m->code);

	r->n_use = r->n_def = 0;
	switch (m->kind) {
	case MK_ALU:
		if (op != BPF_MOV)
			add(r->use, &r->n_use, m->dst);
		if (m->code & BPF_X && op != BPF_END && op != BPF_NEG)
			add(r->use, &r->n_use, m->src);
		add(r->def, &r->n_def, m->dst);
		break;
	case MK_LOAD:
		add(r->use, &r->n_use, m->src);
		add(r->def, &r->n_def, m->dst);
		break;
	case MK_STORE:
		add(r->use, &r->n_use, m->dst);
		if (BPF_CLASS(m->code) == BPF_STX)
			add(r->use, &r->n_use, m->src);
		break;
	case MK_ATOMIC:
		add(r->use, &r->n_use, m->dst);
		add(r->use, &r->n_use, m->src);
		if (m->imm & BPF_FETCH)
			add(r->def, &r->n_def, m->src);
		break;
	case MK_LDIMM: case MK_LEA: case MK_RELOAD:
		add(r->def, &r->n_def, m->dst);
		break;
	case MK_SPILL:
		add(r->use, &r->n_use, m->src);
		break;
	case MK_CALL:
		for (u32 k = 0; k < m->n_args; k++)
			add(r->use, &r->n_use, R1 + k);
		for (Reg k = R0; k <= R5; k++)
			add(r->def, &r->n_def, k);
		break;
	case MK_SETCC:
		add(r->use, &r->n_use, m->dst);
		add(r->use, &r->n_use, m->src);
		if (m->code & BPF_X)
			add(r->use, &r->n_use, m->src2);
		add(r->def, &r->n_def, m->dst);
		break;
	case MK_JCC:
		add(r->use, &r->n_use, m->dst);
		if (m->code & BPF_X)
			add(r->use, &r->n_use, m->src);
		break;
	case MK_EXIT:
		add(r->use, &r->n_use, R0);
		break;
	}
}

bool
ir_mi_is_copy(const Mi *m)
{
	return m->kind == MK_ALU && m->code == (BPF_ALU64 | BPF_MOV | BPF_X) && !m->off && m->src != R10;
}

/* Numbers the registers that live beyond a block: wide[reg] is the number + 1. */
static u32
number_wide(const MFn *mf, u32 *wide, Arena *a)
{
	u32 *home = NEW_N(a, u32, mf->n_vregs), n = 0;
	MiRegs r;

	for (u32 k = 0; k < mf->blocks.n; k++) {
		const MBlock *mb = mf->blocks.v[k];

		for (u32 j = 0; j < mb->ins.n; j++) {
			ir_mi_regs(&mb->ins.v[j], &r);
			for (u32 x = 0; x < r.n_use + r.n_def; x++) {
				Reg v = x < r.n_use ? r.use[x] : r.def[x - r.n_use];

				if (v < FIRST_VREG)
					continue;
				if (!home[v])
					home[v] = k + 1;
				else if (home[v] != k + 1 && !wide[v])
					wide[v] = ++n;
			}
		}
	}
	return n;
}

Live *
ir_live(const MFn *mf, Arena *a)
{
	Live *l = NEW(a, Live);
	u32 n = mf->blocks.n, n_wide, *stack;
	Bits *gen = NEW_N(a, Bits, n), *kill = NEW_N(a, Bits, n);
	bool *queued = NEW_N(a, bool, n);
	MiRegs r;

	l->wide = NEW_N(a, u32, mf->n_vregs);
	n_wide = number_wide(mf, l->wide, a);
	l->reg = NEW_N(a, Reg, n_wide + 1);
	for (Reg v = FIRST_VREG; v < mf->n_vregs; v++)
		if (l->wide[v])
			l->reg[l->wide[v] - 1] = v;
	l->out = NEW_N(a, Bits, n);
	stack = NEW_N(a, u32, n);
	for (u32 k = 0; k < n; k++) {
		const MBlock *mb = mf->blocks.v[k];

		gen[k] = bits_new(a, n_wide);
		kill[k] = bits_new(a, n_wide);
		l->out[k] = bits_new(a, n_wide);
		for (u32 j = mb->ins.n; j-- > 0;) {
			ir_mi_regs(&mb->ins.v[j], &r);
			for (u32 x = 0; x < r.n_def; x++)
				if (r.def[x] >= FIRST_VREG && l->wide[r.def[x]]) {
					bits_del(&gen[k], l->wide[r.def[x]] - 1);
					bits_add(&kill[k], l->wide[r.def[x]] - 1);
				}
			for (u32 x = 0; x < r.n_use; x++)
				if (r.use[x] >= FIRST_VREG && l->wide[r.use[x]])
					bits_add(&gen[k], l->wide[r.use[x]] - 1);
		}
	}
	/* gen becomes live-in. The stack starts so that the last block is looked at first. */
	u32 depth = 0;
	for (u32 k = 0; k < n; k++) {
		stack[depth++] = k;
		queued[k] = true;
	}
	while (depth) {
		u32 k = stack[--depth];
		const MBlock *mb = mf->blocks.v[k];
		bool grew = false;

		queued[k] = false;
		for (int x = 0; x < 2; x++)
			if (mb->succ[x] != NO_BLOCK)
				bits_or(&l->out[k], &gen[mb->succ[x]]);
		for (u32 w = 0; w < (n_wide + 63) / 64; w++) {
			u64 in = gen[k].w[w] | (l->out[k].w[w] & ~kill[k].w[w]);

			grew |= in != gen[k].w[w];
			gen[k].w[w] = in;
		}
		for (u32 p = 0; grew && p < mb->preds.n; p++)
			if (!queued[mb->preds.v[p]]) {
				queued[mb->preds.v[p]] = true;
				stack[depth++] = mb->preds.v[p];
			}
	}
	return l;
}

static void
print_reg(Reg r, Buf *out)
{
	buf_printf(out, r < FIRST_VREG ? "r%u" : "v%u", r < FIRST_VREG ? r : r - FIRST_VREG);
}

static const char *const alu_names[] = {
	"+=", "-=", "*=", "/=", "|=", "&=", "<<=", ">>=", "neg", "%=", "^=", "=", "s>>=", "swap",
};
static const char *const jump_names[] = {
	"?", "==", ">", ">=", "&", "!=", "s>", "s>=", "?", "?", "<", "<=", "s<", "s<=",
};

static void
print_mi(const Mi *m, const MBlock *mb, Buf *out)
{
	static const char *const size[] = { "u32", "u16", "u8", "u64" };
	const Helper *h;

	buf_putc(out, '\t');
	switch (m->kind) {
	case MK_ALU:
		print_reg(m->dst, out);
		buf_printf(out, " %s%s ", alu_names[BPF_OP(m->code) >> 4], BPF_CLASS(m->code) == BPF_ALU ? "32" : "");
		if (m->src != NO_REG)
			print_reg(m->src, out);
		else
			buf_printf(out, "%lld", (long long)m->imm);
		if (m->off && BPF_OP(m->code) == BPF_MOV)
			buf_printf(out, " s%d", m->off);
		break;
	case MK_LOAD:
		print_reg(m->dst, out);
		buf_printf(out, " = %s[", size[BPF_SIZE(m->code) >> 3]);
		print_reg(m->src, out);
		buf_printf(out, "%+d]", m->off);
		break;
	case MK_STORE: case MK_ATOMIC:
		buf_printf(out, "%s%s[", m->kind == MK_ATOMIC ? "atomic " : "", size[BPF_SIZE(m->code) >> 3]);
		print_reg(m->dst, out);
		buf_printf(out, "%+d] = ", m->off);
		if (BPF_CLASS(m->code) == BPF_ST)
			buf_printf(out, "%lld", (long long)m->imm);
		else
			print_reg(m->src, out);
		if (m->kind == MK_ATOMIC)
			buf_printf(out, " op %lld", (long long)m->imm);
		break;
	case MK_LDIMM:
		print_reg(m->dst, out);
		buf_printf(out, " = %s%lld", m->pseudo == BPF_PSEUDO_MAP_FD ? "map" : m->pseudo == BPF_PSEUDO_MAP_VALUE ?
			"val" : m->pseudo == BPF_PSEUDO_FUNC ? "fn" : "", (long long)m->imm);
		if (m->imm2)
			buf_printf(out, ".%u", m->imm2);
		break;
	case MK_LEA:
		print_reg(m->dst, out);
		buf_printf(out, " = r10%+lld", (long long)m->imm);
		break;
	case MK_CALL:
		h = bpf_helper((u32)m->imm);
		buf_printf(out, "call %s/%u", h ? h->name : "?", m->n_args);
		break;
	case MK_SETCC:
		print_reg(m->dst, out);
		buf_puts(out, " = ");
		print_reg(m->src, out);
		buf_printf(out, " %s ", jump_names[BPF_OP(m->code) >> 4]);
		if (m->src2 != NO_REG)
			print_reg(m->src2, out);
		else
			buf_printf(out, "%lld", (long long)m->imm);
		break;
	case MK_JCC:
		buf_puts(out, "if ");
		print_reg(m->dst, out);
		buf_printf(out, " %s%s ", jump_names[BPF_OP(m->code) >> 4], BPF_CLASS(m->code) == BPF_JMP32 ? "32" : "");
		if (m->src != NO_REG)
			print_reg(m->src, out);
		else
			buf_printf(out, "%lld", (long long)m->imm);
		buf_printf(out, " then b%u else b%u", mb->succ[0], mb->succ[1]);
		break;
	case MK_JMP:
		buf_printf(out, "to b%u", mb->succ[0]);
		break;
	case MK_EXIT:
		buf_puts(out, "exit");
		break;
	case MK_RELOAD:
		print_reg(m->dst, out);
		buf_printf(out, " = slot%lld", (long long)m->imm);
		break;
	case MK_SPILL:
		buf_printf(out, "slot%lld = ", (long long)m->imm);
		print_reg(m->src, out);
		break;
	}
	buf_putc(out, '\n');
}

void
ir_mach_print(const MFn *mf, Buf *out)
{
	buf_printf(out, "fn %s\n", mf->fn->name);
	for (u32 k = 0; k < mf->blocks.n; k++) {
		const MBlock *mb = mf->blocks.v[k];

		buf_printf(out, "b%u%s:\n", mb->id, mb->cold ? " cold" : "");
		for (u32 n = 0; n < mb->ins.n; n++)
			if (mb->ins.v[n].kind != MK_NONE)
				print_mi(&mb->ins.v[n], mb, out);
	}
}
