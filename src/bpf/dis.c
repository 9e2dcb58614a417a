/* dis: instructions as text, in the words of the kernel's log or of conformance suites. What asm.c reads back is the
 * same bytes: fields that the text does not show are zero, or the instruction is written as a plain number. */
#include "bpf/bpf.h"

static void
raw(const Insn *insn, const char *why, Buf *out)
{
	u64 v;

	memcpy(&v, insn, sizeof(v));
	buf_printf(out, ".quad 0x%016llx ; %s", (unsigned long long)v, why);
}

/* "[%r1+4]" or "(r1 +4)" */
static void
place(Buf *out, Syntax syn, u32 reg, s32 off)
{
	if (syn == SYN_KERNEL)
		buf_printf(out, "(r%u %+d)", reg, off);
	else if (off)
		buf_printf(out, "[%%r%u%+d]", reg, off);
	else
		buf_printf(out, "[%%r%u]", reg);
}

static void
dis_ldimm(const InsnRow *r, const Insn *i, Syntax syn, Buf *out)
{
	u32 lo = (u32)i->imm, hi = (u32)i[1].imm;

	if (syn == SYN_CONFORMANCE) {
		buf_printf(out, "lddw %%r%u, ", i->dst_reg);
		if (r->var == 0)
			buf_printf(out, "0x%llx", (unsigned long long)hi << 32 | lo);
		else if (r->var == 2 || r->var == 6 || hi)
			buf_printf(out, "%s(%d)+%d", r->sym, (s32)lo, (s32)hi);
		else
			buf_printf(out, r->var == BPF_PSEUDO_FUNC ? "%s(%+d)" : "%s(%d)", r->sym, (s32)lo);
		return;
	}
	buf_printf(out, "r%u = ", i->dst_reg);
	switch (r->var) {
	case 0: buf_printf(out, "0x%llx ll", (unsigned long long)hi << 32 | lo); return;
	case 1: buf_printf(out, "map[fd:%d]", (s32)lo); break;
	case 2: buf_printf(out, "map[fd:%d][0]%+d", (s32)lo, (s32)hi); return;
	case 3: buf_printf(out, "btf[id:%d]", (s32)lo); break;
	case 4: buf_printf(out, "subprog[%+d]", (s32)lo); break;
	case 5: buf_printf(out, "map[idx:%d]", (s32)lo); break;
	case 6: buf_printf(out, "map[idx:%d][0]%+d", (s32)lo, (s32)hi); return;
	}
	if (hi)
		buf_printf(out, "%+d", (s32)hi);
}

static void
dis_call(const InsnRow *r, const Insn *i, Syntax syn, Buf *out)
{
	const Helper *h;

	if (r->op == OP_CALLSUB)
		buf_printf(out, syn == SYN_KERNEL ? "call pc%+d" : "call local %+d", i->imm);
	else if (r->op == OP_CALLKFUNC)
		buf_printf(out, syn == SYN_KERNEL ? "call kernel-function#%d" : "call runtime %d", i->imm);
	else if (syn == SYN_CONFORMANCE)
		buf_printf(out, "call %d", i->imm);
	else if ((h = bpf_helper((u32)i->imm)))
		buf_printf(out, "call bpf_%s#%d", h->name, i->imm);
	else
		buf_printf(out, "call unknown#%d", i->imm);
	if (i->off)
		buf_printf(out, "@%d", i->off);
}

static void
dis_kernel_atomic(const InsnRow *r, const Insn *i, Buf *out)
{
	const char *type = r->size == 8 ? "u64" : "u32", *w = r->size == 8 ? "64" : "";

	if (!(i->imm & BPF_FETCH))
		buf_printf(out, "lock *(%s *)(r%u %+d) %s r%u", type, i->dst_reg, i->off, r->sym, i->src_reg);
	else if (r->op == OP_A_CMPXCHG_64 || r->op == OP_A_CMPXCHG_32)
		buf_printf(out, "r0 = atomic%s_cmpxchg((%s *)(r%u %+d), r0, r%u)", w, type, i->dst_reg, i->off, i->src_reg);
	else
		buf_printf(out, "r%u = atomic%s_%s((%s *)(r%u %+d), r%u)", i->src_reg, w, r->sym, type, i->dst_reg, i->off,
			   i->src_reg);
}

static void
dis_kernel(const InsnRow *r, const Insn *i, Buf *out)
{
	char w = r->size == 4 ? 'w' : 'r';
	u32 d = i->dst_reg, s = i->src_reg;

	switch ((InsnShape)r->shape) {
	case SH_ALUK: buf_printf(out, "%c%u %s %d", w, d, r->sym, i->imm); break;
	case SH_ALUX:
		if (r->var >= 8)
			buf_printf(out, "%c%u = %s%c%u", w, d, r->sym, w, s);
		else
			buf_printf(out, "%c%u %s %c%u", w, d, r->sym, w, s);
		break;
	case SH_NEG: buf_printf(out, "%c%u = -%c%u", w, d, w, d); break;
	case SH_END: buf_printf(out, "r%u = %s r%u", d, r->sym, d); break;
	case SH_JMPK: buf_printf(out, "if %c%u %s 0x%x goto pc%+d", w, d, r->sym, (u32)i->imm, i->off); break;
	case SH_JMPX: buf_printf(out, "if %c%u %s %c%u goto pc%+d", w, d, r->sym, w, s, i->off); break;
	case SH_JA: buf_printf(out, "%s pc%+d", r->sym, i->off); break;
	case SH_JA32: buf_printf(out, "gotol pc%+d", i->imm); break;
	case SH_LDX: buf_printf(out, "r%u = *(%s *)(r%u %+d)", d, r->sym, s, i->off); break;
	case SH_ST: buf_printf(out, "*(%s *)(r%u %+d) = %d", r->sym, d, i->off, i->imm); break;
	case SH_STX: buf_printf(out, "*(%s *)(r%u %+d) = r%u", r->sym, d, i->off, s); break;
	case SH_ATOMIC: dis_kernel_atomic(r, i, out); break;
	case SH_ACQREL:
		if (r->var == K_ATOMIC_LOAD_ACQ)
			buf_printf(out, "r%u = load_acquire((%s *)(r%u %+d))", d, r->sym, s, i->off);
		else
			buf_printf(out, "store_release((%s *)(r%u %+d), r%u)", r->sym, d, i->off, s);
		break;
	case SH_CALL: dis_call(r, i, SYN_KERNEL, out); break;
	case SH_CALLX: buf_printf(out, "callx r%u", i->imm ? (u32)i->imm : d); break;
	case SH_EXIT: buf_puts(out, "exit"); break;
	case SH_LDIMM: dis_ldimm(r, i, SYN_KERNEL, out); break;
	case SH_ABS: buf_printf(out, "r0 = *(%s *)skb[%d]", r->sym, i->imm); break;
	case SH_IND: buf_printf(out, "r0 = *(%s *)skb[r%u %+d]", r->sym, s, i->imm); break;
	}
}

static void
dis_conformance(const InsnRow *r, const Insn *i, Buf *out)
{
	u32 d = i->dst_reg, s = i->src_reg;

	if (r->shape == SH_ATOMIC)
		buf_puts(out, "lock ");
	if (r->shape != SH_LDIMM && r->shape != SH_CALL)
		buf_puts(out, r->mn);
	switch ((InsnShape)r->shape) {
	case SH_ALUK: buf_printf(out, " %%r%u, %d", d, i->imm); break;
	case SH_ALUX: buf_printf(out, " %%r%u, %%r%u", d, s); break;
	case SH_NEG: case SH_END: buf_printf(out, " %%r%u", d); break;
	case SH_JMPK: buf_printf(out, " %%r%u, %d, %+d", d, i->imm, i->off); break;
	case SH_JMPX: buf_printf(out, " %%r%u, %%r%u, %+d", d, s, i->off); break;
	case SH_JA: buf_printf(out, " %+d", i->off); break;
	case SH_JA32: buf_printf(out, " %+d", i->imm); break;
	case SH_LDX: buf_printf(out, " %%r%u, ", d); place(out, SYN_CONFORMANCE, s, i->off); break;
	case SH_ST: case SH_STX: case SH_ATOMIC:
		buf_putc(out, ' ');
		place(out, SYN_CONFORMANCE, d, i->off);
		buf_printf(out, r->shape == SH_ST ? ", %d" : ", %%r%d", r->shape == SH_ST ? i->imm : (s32)s);
		break;
	case SH_ACQREL:
		if (r->var == K_ATOMIC_LOAD_ACQ) {
			buf_printf(out, " %%r%u, ", d);
			place(out, SYN_CONFORMANCE, s, i->off);
		} else {
			buf_putc(out, ' ');
			place(out, SYN_CONFORMANCE, d, i->off);
			buf_printf(out, ", %%r%u", s);
		}
		break;
	case SH_CALL: dis_call(r, i, SYN_CONFORMANCE, out); break;
	case SH_CALLX: buf_printf(out, " %%r%u", i->imm ? (u32)i->imm : d); break;
	case SH_EXIT: break;
	case SH_LDIMM: dis_ldimm(r, i, SYN_CONFORMANCE, out); break;
	case SH_ABS: buf_printf(out, " %d", i->imm); break;
	case SH_IND: buf_printf(out, " %%r%u, %d", s, i->imm); break;
	}
}

/* An instruction whose text would not tell all of its fields. */
static bool
odd(const InsnRow *r, const Insn *i)
{
	return (r->shape == SH_CALLX && i->imm) ||
	       (r->shape == SH_LDIMM && (i[1].code || i[1].dst_reg || i[1].src_reg || i[1].off));
}

u32
bpf_dis(const Insn *insn, u32 pc, Syntax syn, Buf *out)
{
	const InsnRow *r = bpf_insn_row(insn);

	(void)pc;
	if (!r) {
		raw(insn, "unknown instruction", out);
		return 0;
	}
	if (odd(r, insn)) {
		raw(insn, "reserved field is not zero", out);
		return 1;
	}
	if (syn == SYN_KERNEL)
		dis_kernel(r, insn, out);
	else
		dis_conformance(r, insn, out);
	return r->shape == SH_LDIMM ? 2 : 1;
}
