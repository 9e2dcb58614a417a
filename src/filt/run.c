/* run: the classic machine, as libpcap and the kernel define it. Cells begin as 0; a load out of the packet rejects. */
#include "filt/in.h"

#include <linux/filter.h>

typedef struct Packet { const u8 *p; u32 caplen, len; bool out; } Packet;

static inline u32
load(Packet *p, u32 size, u64 at)
{
	const u8 *b = p->p + at;

	if (at + size > p->caplen) {
		p->out = true;
		return 0;
	}
	return size == 1 ? b[0] : size == 2 ? (u32)b[0] << 8 | b[1] :
		(u32)b[0] << 24 | (u32)b[1] << 16 | (u32)b[2] << 8 | b[3];
}

static u32
size_of(u16 code)
{
	return BPF_SIZE(code) == BPF_B ? 1 : BPF_SIZE(code) == BPF_H ? 2 : 4;
}

static u32
alu(u16 op, u32 a, u32 b, bool *out)
{
	if (op == BPF_NEG)
		return -a;
	if ((op == BPF_DIV || op == BPF_MOD) && !b)
		*out = true;
	return alu_fold(op, a, b);
}

static bool
holds(u16 op, u32 a, u32 b)
{
	return op == BPF_JEQ ? a == b : op == BPF_JGT ? a > b : op == BPF_JGE ? a >= b : (a & b) != 0;
}

static inline u32
run(const FiltInsn *insn, u32 n, const u8 *pkt, u32 caplen, u32 len, u32 steps, FiltAnswer *answer, void *arg, bool *ran_out)
{
	Packet p = { pkt, caplen, len, false };
	u32 a = 0, x = 0, m[16] = {0};

	*ran_out = false;
	for (u32 pc = 0; pc < n && steps; steps--) {
		const FiltInsn *i = &insn[pc++];
		u32 b;

		/* what most programs are made of */
		switch (i->code) {
		case BPF_LD | BPF_ABS | BPF_B: a = load(&p, 1, i->k); goto loaded;
		case BPF_LD | BPF_ABS | BPF_H: a = load(&p, 2, i->k); goto loaded;
		case BPF_LD | BPF_ABS | BPF_W: a = load(&p, 4, i->k); goto loaded;
		case BPF_LD | BPF_IND | BPF_H: a = load(&p, 2, (u64)x + i->k); goto loaded;
		case BPF_LDX | BPF_MSH | BPF_B: x = (load(&p, 1, i->k) & 0xf) << 2; goto loaded;
		case BPF_JMP | BPF_JEQ | BPF_K: pc += a == i->k ? i->jt : i->jf; continue;
		case BPF_JMP | BPF_JGE | BPF_K: pc += a >= i->k ? i->jt : i->jf; continue;
		case BPF_JMP | BPF_JSET | BPF_K: pc += a & i->k ? i->jt : i->jf; continue;
		case BPF_RET | BPF_K: return i->k;
		}
		b = BPF_SRC(i->code) == BPF_X ? x : i->k;
		switch (BPF_CLASS(i->code)) {
		case BPF_LD:
			switch (BPF_MODE(i->code)) {
			case BPF_IMM: a = i->k; break;
			case BPF_ABS: a = load(&p, size_of(i->code), i->k); break;
			case BPF_IND: a = load(&p, size_of(i->code), (u64)x + i->k); break;
			case BPF_MEM: a = m[i->k & 15]; break;
			case BPF_LEN: a = len; break;
			}
			break;
		case BPF_LDX:
			switch (BPF_MODE(i->code)) {
			case BPF_IMM: x = i->k; break;
			case BPF_MEM: x = m[i->k & 15]; break;
			case BPF_LEN: x = len; break;
			case BPF_MSH: x = (load(&p, 1, i->k) & 0xf) << 2; break;
			}
			break;
		case BPF_ST: m[i->k & 15] = a; break;
		case BPF_STX: m[i->k & 15] = x; break;
		case BPF_ALU: a = alu(BPF_OP(i->code), a, b, &p.out); break;
		case BPF_JMP:
			if (BPF_OP(i->code) == BPF_JA)
				pc += i->k;     /* wraps: the loop of protochain jumps back */
			else
				pc += holds(BPF_OP(i->code), a, b) ? i->jt : i->jf;
			break;
		case BPF_RET: return BPF_RVAL(i->code) == BPF_A ? a : i->k;
		case BPF_MISC:
			if (BPF_MISCOP(i->code) == BPF_TAX)
				x = a;
			else
				a = x;
		}
loaded:
		if (p.out) {
			p.out = false;
			if (answer && BPF_CLASS(i->code) == BPF_LD && BPF_MODE(i->code) == BPF_ABS && answer(arg, i->k, &a))
				continue;
			*ran_out = true;
			return 0;
		}
	}
	return FILT_GAVE_UP;
}

u32
filt_run_checked(const FiltInsn *insn, u32 n, const u8 *pkt, u32 caplen, u32 len, u32 steps, bool *ran_out)
{
	return run(insn, n, pkt, caplen, len, steps, NULL, NULL, ran_out);
}

u32
filt_run_asking(const FiltInsn *insn, u32 n, const u8 *pkt, u32 caplen, u32 len, FiltAnswer *answer, void *arg, bool *ran_out)
{
	return run(insn, n, pkt, caplen, len, 0xffffffffu, answer, arg, ran_out);
}

u32
filt_run(const FiltInsn *insn, u32 n, const u8 *pkt, u32 caplen, u32 len)
{
	bool out;

	return filt_run_checked(insn, n, pkt, caplen, len, 0xffffffffu, &out);
}

const char *
filt_check(const FiltInsn *insn, u32 n)
{
	if (!n)
		return "the program is empty";
	for (u32 i = 0; i < n; i++) {
		u16 code = insn[i].code;

		if (BPF_CLASS(code) == BPF_JMP) {
			if (BPF_OP(code) == BPF_JA ? (s64)i + 1 + (s32)insn[i].k >= n || (s64)i + 1 + (s32)insn[i].k < 0 :
			    i + 1 + insn[i].jt >= n || i + 1 + insn[i].jf >= n)
				return "a jump leaves the program";
		} else if (((BPF_CLASS(code) == BPF_LD || BPF_CLASS(code) == BPF_LDX) && BPF_MODE(code) == BPF_MEM) ||
		    BPF_CLASS(code) == BPF_ST || BPF_CLASS(code) == BPF_STX) {
			if (insn[i].k > 15)
				return "there are only 16 cells";
		} else if (BPF_CLASS(code) == BPF_ALU && BPF_SRC(code) == BPF_K &&
		    (BPF_OP(code) == BPF_DIV || BPF_OP(code) == BPF_MOD) && !insn[i].k) {
			return "a division by the constant 0";
		}
	}
	return BPF_CLASS(insn[n - 1].code) == BPF_RET || insn[n - 1].code == (BPF_JMP | BPF_JA) ? NULL :
		"the program runs off its end";
}
