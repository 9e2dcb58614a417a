/* print: a program as text, as C's initializers and as numbers, in tcpdump's three forms. */
#include "filt/in.h"

#include <linux/filter.h>
#include <stdio.h>

static const char *
alu_name(u16 op)
{
	switch (op) {
	case BPF_ADD: return "add";
	case BPF_SUB: return "sub";
	case BPF_MUL: return "mul";
	case BPF_DIV: return "div";
	case BPF_MOD: return "mod";
	case BPF_AND: return "and";
	case BPF_OR: return "or";
	case BPF_XOR: return "xor";
	case BPF_LSH: return "lsh";
	case BPF_RSH: return "rsh";
	case BPF_NEG: return "neg";
	}
	return "unimp";
}

static const char *
jump_name(u16 op)
{
	return op == BPF_JA ? "ja" : op == BPF_JEQ ? "jeq" : op == BPF_JGT ? "jgt" : op == BPF_JGE ? "jge" : "jset";
}

/* What Linux knows beside the packet, as libpcap calls it; by words from SKF_AD_OFF. */
static const char *const beside[] = { "proto", "type", "ifidx", "nla", "nlan", "mark", "queue", "hatype", "rxhash", "cpu", "xor_x",
	"vlan_tci", "vlanp", "poff", "random", "vlan_tpid" };

static const char *
operand(const FiltInsn *i, u32 pc, char *out, size_t n)
{
	u16 c = i->code, mode = BPF_MODE(c);

	*out = 0;
	switch (BPF_CLASS(c)) {
	case BPF_LD: case BPF_LDX:
		if (mode == BPF_IMM)
			snprintf(out, n, "#0x%x", i->k);
		else if (mode == BPF_ABS && i->k >= (u32)SKF_AD_OFF && i->k - (u32)SKF_AD_OFF < 4 * COUNT(beside) && i->k % 4 == 0)
			snprintf(out, n, "[%s]", beside[(i->k - (u32)SKF_AD_OFF) / 4]);
		else if (mode == BPF_ABS)
			snprintf(out, n, "[%d]", (int)i->k);
		else if (mode == BPF_IND)
			snprintf(out, n, "[x + %d]", (int)i->k);
		else if (mode == BPF_MEM)
			snprintf(out, n, "M[%d]", (int)i->k);
		else if (mode == BPF_LEN)
			snprintf(out, n, "#pktlen");
		else
			snprintf(out, n, "4*([%d]&0xf)", (int)i->k);
		break;
	case BPF_ST: case BPF_STX: snprintf(out, n, "M[%d]", (int)i->k); break;
	case BPF_ALU:
		if (BPF_OP(c) == BPF_NEG)
			break;
		if (BPF_SRC(c) == BPF_X)
			snprintf(out, n, "x");
		else
			snprintf(out, n, BPF_OP(c) == BPF_AND || BPF_OP(c) == BPF_OR || BPF_OP(c) == BPF_XOR ? "#0x%x" : "#%d", (int)i->k);
		break;
	case BPF_JMP:
		if (BPF_OP(c) == BPF_JA)
			snprintf(out, n, "%d", (int)(pc + 1 + i->k));
		else if (BPF_SRC(c) == BPF_X)
			snprintf(out, n, "x");
		else
			snprintf(out, n, "#0x%x", i->k);
		break;
	case BPF_RET:
		if (BPF_RVAL(c) == BPF_K)
			snprintf(out, n, "#%d", (int)i->k);
		break;
	}
	return out;
}

static const char *
name(u16 c)
{
	bool x = BPF_CLASS(c) == BPF_LDX;

	switch (BPF_CLASS(c)) {
	case BPF_LD: case BPF_LDX:
		if (BPF_MODE(c) == BPF_MSH)
			return "ldxb";
		if (x || BPF_MODE(c) == BPF_IMM || BPF_MODE(c) == BPF_MEM || BPF_MODE(c) == BPF_LEN)
			return x ? "ldx" : "ld";
		return BPF_SIZE(c) == BPF_B ? "ldb" : BPF_SIZE(c) == BPF_H ? "ldh" : "ld";
	case BPF_ST: return "st";
	case BPF_STX: return "stx";
	case BPF_ALU: return alu_name(BPF_OP(c));
	case BPF_JMP: return jump_name(BPF_OP(c));
	case BPF_RET: return "ret";
	}
	return BPF_MISCOP(c) == BPF_TAX ? "tax" : "txa";
}

/* Without a newline. */
void
filt_print_insn(const FiltInsn *i, u32 pc, Buf *out)
{
	char text[40];

	operand(i, pc, text, sizeof(text));
	if (BPF_CLASS(i->code) == BPF_JMP && BPF_OP(i->code) != BPF_JA)
		buf_printf(out, "(%03u) %-8s %-16s jt %u\tjf %u", pc, name(i->code), text, pc + 1 + i->jt, pc + 1 + i->jf);
	else
		buf_printf(out, "(%03u) %-8s %s", pc, name(i->code), text);
}

void
filt_print(const FiltInsn *insn, u32 n, int level, Buf *out)
{
	if (level > 2)
		buf_printf(out, "%u\n", n);
	for (u32 i = 0; i < n; i++) {
		const FiltInsn *x = &insn[i];

		if (level > 2)
			buf_printf(out, "%u %u %u %u\n", x->code, x->jt, x->jf, x->k);
		else if (level == 2)
			buf_printf(out, "{ 0x%x, %u, %u, 0x%08x },\n", x->code, x->jt, x->jf, x->k);
		else {
			filt_print_insn(x, i, out);
			buf_putc(out, '\n');
		}
	}
}
