/* asm_suite: instructions in the words of conformance suites: a mnemonic and its operands, "ldxw %r0, [%r1+4]". The
 * mnemonic and the kind of operands tell the row of isa.def. */
#include "bpf/asm.h"

#include <ctype.h>
#include <stdio.h>

bool
asm_lddw(Asm *s)
{
	u32 dst;
	u64 n, off = 0;

	if (!asm_want_reg(s, &dst, NULL) || !asm_want(s, ","))
		return false;
	for (u32 op = OP_LDMAPFD; op <= OP_LDIDXVAL; op++) {
		if (!asm_eat(s, bpf_insn_row_at(op)->sym))
			continue;
		if (!asm_want(s, "("))
			return false;
		if (op == OP_LDFUNC ? !asm_want_target(s, &n, 32) : !asm_want_num(s, &n, 32, "a number"))
			return false;
		if (!asm_want(s, ")"))
			return false;
		asm_blanks(s);
		if (s->p < s->end && (*s->p == '+' || *s->p == '-') && !asm_want_num(s, &off, 32, "an offset"))
			return false;
		return asm_put_wide(s, op, dst, (u32)n, (u32)off);
	}
	if (!asm_want_num(s, &n, 64, "a number"))
		return false;
	return asm_put_wide(s, OP_LDDW, dst, (u32)n, (u32)(n >> 32));
}

/* Rows of one mnemonic differ in shape: the operands tell which. */
static const InsnRow *
row_mn(const char *mn, size_t len, u32 shape)
{
	for (u32 op = 0; op < N_OP; op++) {
		const InsnRow *r = bpf_insn_row_at(op);

		if (r->shape == shape && strlen(r->mn) == len && !memcmp(r->mn, mn, len))
			return r;
	}
	return NULL;
}

bool
asm_operands(Asm *s, const char *mn, size_t len)
{
	const InsnRow *r;
	u32 dst, src;
	u64 n, off;

	if ((r = row_mn(mn, len, SH_NEG)) || (r = row_mn(mn, len, SH_END))) {
		if (!asm_want_reg(s, &dst, NULL))
			return false;
		asm_put(s, asm_of(r, dst, 0, 0, 0));
	} else if ((r = row_mn(mn, len, SH_ALUX))) {
		if (!asm_want_reg(s, &dst, NULL) || !asm_want(s, ","))
			return false;
		if (asm_eat_reg(s, &src, NULL)) {
			asm_put(s, asm_of(r, dst, src, 0, 0));
		} else {
			r = row_mn(mn, len, SH_ALUK);
			if (!r)
				return asm_fail(s, s->p, "a register");
			if (!asm_want_num(s, &n, 32, "a register or a number"))
				return false;
			asm_put(s, asm_of(r, dst, 0, 0, n));
		}
	} else if ((r = row_mn(mn, len, SH_JMPX))) {
		bool x;

		if (!asm_want_reg(s, &dst, NULL) || !asm_want(s, ","))
			return false;
		n = 0, src = 0;
		x = asm_eat_reg(s, &src, NULL);
		if (!x && !asm_want_num(s, &n, 32, "a register or a number"))
			return false;
		if (!asm_want(s, ",") || !asm_want_target(s, &off, 16))
			return false;
		asm_put(s, asm_of(x ? r : row_mn(mn, len, SH_JMPK), dst, src, off, n));
	} else if ((r = row_mn(mn, len, SH_JA)) || (r = row_mn(mn, len, SH_JA32))) {
		if (!asm_want_target(s, &n, r->shape == SH_JA ? 16 : 32))
			return false;
		asm_put(s, asm_of(r, 0, 0, r->shape == SH_JA ? n : 0, r->shape == SH_JA ? 0 : n));
	} else if ((r = row_mn(mn, len, SH_LDX)) || ((r = row_mn(mn, len, SH_ACQREL)) && r->var == K_ATOMIC_LOAD_ACQ)) {
		if (!asm_want_reg(s, &dst, NULL) || !asm_want(s, ",") || !asm_want_place(s, "[]", &src, &off))
			return false;
		asm_put(s, asm_of(r, dst, src, off, 0));
	} else if ((r = row_mn(mn, len, SH_STX)) || (r = row_mn(mn, len, SH_ACQREL))) {
		if (!asm_want_place(s, "[]", &dst, &off) || !asm_want(s, ",") || !asm_want_reg(s, &src, NULL))
			return false;
		asm_put(s, asm_of(r, dst, src, off, 0));
	} else if ((r = row_mn(mn, len, SH_ST))) {
		if (!asm_want_place(s, "[]", &dst, &off) || !asm_want(s, ",") || !asm_want_num(s, &n, 32, "a number"))
			return false;
		asm_put(s, asm_of(r, dst, 0, off, n));
	} else if ((r = row_mn(mn, len, SH_ABS))) {
		if (!asm_want_num(s, &n, 32, "an offset"))
			return false;
		asm_put(s, asm_of(r, 0, 0, 0, n));
	} else if ((r = row_mn(mn, len, SH_IND))) {
		n = 0;
		if (!asm_want_reg(s, &src, NULL) || (asm_eat(s, ",") && !asm_want_num(s, &n, 32, "an offset")))
			return false;
		asm_put(s, asm_of(r, 0, src, 0, n));
	} else {
		const char *words[N_OP];
		char *seen = arena_str(s->a, mn, len);
		const char *near;
		u32 k = 0;

		for (u32 op = 0; op < N_OP; op++)
			if (!strchr(bpf_insn_row_at(op)->mn, ' '))
				words[k++] = bpf_insn_row_at(op)->mn;
		near = base_nearest(seen, words, k);
		diag_err(s->d, asm_span(s, mn, mn + len), E_ASM, "unknown instruction '%s'", seen);
		if (near)
			diag_hint(s->d, "did you mean '%s'?", near);
		return false;
	}
	return true;
}

bool
asm_lock(Asm *s)
{
	const char *mn;
	char name[40];
	bool fetch;
	const InsnRow *r;
	u32 dst, src;
	u64 off;

	asm_blanks(s);
	if (s->p < s->end && *s->p == '*')
		return asm_store(s, true);
	fetch = asm_eat(s, "fetch");
	asm_blanks(s);
	for (mn = s->p; s->p < s->end && isalnum((unsigned char)*s->p); )
		s->p++;
	snprintf(name, sizeof(name), "%s%.*s", fetch ? "fetch " : "", (int)MIN(s->p - mn, 20), mn);
	r = row_mn(name, strlen(name), SH_ATOMIC);
	if (!r && fetch)        /* "lock fetch xchg" is "lock xchg" */
		r = row_mn(name + 6, strlen(name + 6), SH_ATOMIC);
	if (!r)
		return asm_fail(s, mn, "add, or, and, xor, xchg or cmpxchg, with 32 behind it or not");
	if (!asm_want_place(s, "[]", &dst, &off) || !asm_want(s, ",") || !asm_want_reg(s, &src, NULL))
		return false;
	asm_put(s, asm_of(r, dst, src, off, 0));
	return true;
}
