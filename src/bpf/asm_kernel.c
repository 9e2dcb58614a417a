/* asm_kernel: instructions in the kernel's words, as its log prints them: "r0 = *(u32 *)(r1 +4)", "if r1 > 5 goto +3",
 * "lock *(u64 *)(r1 +0) += r2". The operator or the type found there tells the row of isa.def. */
#include "bpf/asm.h"

/* "*(u32 *)" or "(u32 *)"; gives the type's name */
static const char *
eat_type(Asm *s, bool star)
{
	static const char *const types[] = { "u8", "u16", "u32", "u64", "s8", "s16", "s32", "s64" };
	const char *save = s->p;

	if (!star || asm_eat(s, "*"))
		for (u32 t = 0; t < COUNT(types); t++) {
			const char *again = s->p;

			if (asm_eat(s, "(") && asm_eat(s, types[t]) && asm_eat(s, "* )"))
				return types[t];
			s->p = again;
		}
	s->p = save;
	return NULL;
}

static const InsnRow *
row_sym(u32 shape, const char *sym, u32 size)
{
	for (u32 op = 0; op < N_OP; op++) {
		const InsnRow *r = bpf_insn_row_at(op);

		if (r->shape == shape && (!size || r->size == size) && !strcmp(r->sym, sym))
			return r;
	}
	return NULL;
}

/* Takes the longest symbol of a shape that comes next. */
static const InsnRow *
eat_sym(Asm *s, u32 shape, u32 size)
{
	const InsnRow *best = NULL;
	size_t len = 0;

	asm_blanks(s);
	for (u32 op = 0; op < N_OP; op++) {
		const InsnRow *r = bpf_insn_row_at(op);
		size_t n = strlen(r->sym);

		if (r->shape == shape && r->size == size && !(shape == SH_ALUX && r->var >= 8) && n > len && (size_t)(s->end - s->p) >= n &&
		    !memcmp(r->sym, s->p, n))
			best = r, len = n;
	}
	if (best)
		s->p += len;
	return best;
}

/* behind "rN = atomic": "64_fetch_add((u64 *)(r1 +0), r2)" */
static bool
asm_fetch(Asm *s, u32 dst)
{
	const InsnRow *r = NULL;
	u32 size = 4, base, src, r0;
	u64 off;
	const char *from = s->p;

	if (s->end - s->p > 2 && s->p[0] == '6' && s->p[1] == '4')
		size = 8, s->p += 2;
	for (u32 op = 0; op < N_OP && !r; op++) {
		const InsnRow *t = bpf_insn_row_at(op);
		size_t n = strlen(t->sym);

		if (t->shape == SH_ATOMIC && t->size == size && (t->var & BPF_FETCH) && s->p[0] == '_' &&
		    (size_t)(s->end - s->p) > n + 1 && !memcmp(s->p + 1, t->sym, n) && s->p[n + 1] == '(') {
			r = t;
			s->p += n + 1;
		}
	}
	if (!r)
		return asm_fail(s, from, "atomic_fetch_add, _or, _and, _xor, atomic_xchg or atomic_cmpxchg");
	if (!asm_want(s, "(") || !eat_type(s, false) || !asm_want_place(s, "()", &base, &off) || !asm_want(s, ","))
		return asm_fail(s, s->p, "(u32 *)(rN +off)");
	if (r->var == BPF_CMPXCHG && (!asm_want_reg(s, &r0, NULL) || !asm_want(s, ",")))
		return false;
	if (!asm_want_reg(s, &src, NULL) || !asm_want(s, ")"))
		return false;
	if (dst != (r->var == BPF_CMPXCHG ? 0 : src)) {
		diag_err(s->d, asm_span(s, from, s->p), E_ASM, "the result of this instruction is in %s",
			 r->var == BPF_CMPXCHG ? "r0" : "its source register");
		return false;
	}
	asm_put(s, asm_of(r, base, src, off, 0));
	return true;
}

/* "r1 = " map[fd:N], map[fd:N][0]+off, map[idx:N], btf[id:N], subprog[+N] */
static int
asm_pseudo(Asm *s, u32 dst)
{
	static const struct { const char *open; u32 op, value; } forms[] = {
		{ "map[fd:", OP_LDMAPFD, OP_LDMAPVAL }, { "map[id:", OP_LDMAPFD, OP_LDMAPVAL },
		{ "map[idx:", OP_LDMAPIDX, OP_LDIDXVAL }, { "btf[id:", OP_LDVAR, 0 }, { "subprog[", OP_LDFUNC, 0 },
	};
	u64 n, off = 0;

	for (u32 f = 0; f < COUNT(forms); f++) {
		u32 op = forms[f].op;

		if (!asm_eat(s, forms[f].open))
			continue;
		if (op == OP_LDFUNC) {
			if (!asm_want_target(s, &n, 32))
				return 0;
		} else if (!asm_want_num(s, &n, 32, "a number"))
			return 0;
		if (!asm_want(s, "]"))
			return 0;
		if (forms[f].value && asm_eat(s, "[0]"))
			op = forms[f].value;
		asm_blanks(s);
		if (s->p < s->end && (*s->p == '+' || *s->p == '-') && !asm_want_num(s, &off, 32, "an offset"))
			return 0;
		return asm_put_wide(s, op, dst, (u32)n, (u32)off);
	}
	return -1;
}

/* behind "rN =" */
static bool
asm_assign(Asm *s, u32 dst, u32 width)
{
	const InsnRow *r;
	const char *type;
	u32 src, w;
	u64 n, off;
	int done;

	if (asm_eat_reg(s, &src, &w)) {
		asm_put(s, asm_of(row_sym(SH_ALUX, "=", width), dst, src, 0, 0));
		return true;
	}
	if (asm_eat(s, "-")) {
		if (asm_eat_reg(s, &src, &w)) {
			if (src != dst)
				return asm_fail(s, s->p, "the same register on both sides of a negation");
			asm_put(s, asm_of(row_sym(SH_NEG, "-", width), dst, 0, 0, 0));
			return true;
		}
		s->p--;
	}
	if ((type = eat_type(s, true))) {
		if (asm_eat(s, "skb[")) {
			bool ind = asm_eat_reg(s, &src, NULL);

			n = 0;
			asm_blanks(s);
			if ((!ind || *s->p != ']') && !asm_want_num(s, &n, 32, "an offset"))
				return false;
			r = row_sym(ind ? SH_IND : SH_ABS, type, 0);
			if (!r || dst)
				return asm_fail(s, s->p, "r0 = *(u8 *)skb[...], u16 or u32");
			asm_put(s, asm_of(r, 0, ind ? src : 0, 0, n));
			return asm_want(s, "]");
		}
		r = row_sym(SH_LDX, type, 0);
		if (!r)
			return asm_fail(s, s->p, "u8, u16, u32, u64, s8, s16 or s32");
		if (!asm_want_place(s, "()", &src, &off))
			return false;
		asm_put(s, asm_of(r, dst, src, off, 0));
		return true;
	}
	for (u32 bits = 8; bits <= 32; bits *= 2) {
		static const char *const casts[] = { "(s8)", "(s16)", "(s32)" };
		const char *cast = casts[bits / 16];

		if (!asm_eat(s, cast))
			continue;
		r = row_sym(SH_ALUX, cast, width);
		if (!r || !asm_want_reg(s, &src, NULL))
			return r ? false : asm_fail(s, s->p, "r registers for (s32)");
		asm_put(s, asm_of(r, dst, src, 0, 0));
		return true;
	}
	if (asm_eat(s, "load_acquire(")) {
		type = eat_type(s, false);
		r = type ? row_sym(SH_ACQREL, type, 0) : NULL;
		if (!r || !asm_want_place(s, "()", &src, &off) || !asm_want(s, ")"))
			return r ? false : asm_fail(s, s->p, "(u8 *), (u16 *), (u32 *) or (u64 *)");
		asm_put(s, asm_of(r, dst, src, off, 0));
		return true;
	}
	asm_blanks(s);
	if (s->end - s->p > 6 && !memcmp(s->p, "atomic", 6)) {
		s->p += 6;
		return asm_fetch(s, dst);
	}
	for (u32 op = OP_LE16; op <= OP_SWAP64; op++) {
		r = bpf_insn_row_at(op);
		if (!asm_eat(s, r->sym))
			continue;
		if (!asm_want_reg(s, &src, NULL))
			return false;
		if (src != dst)
			return asm_fail(s, s->p, "the same register on both sides of a byte swap");
		asm_put(s, asm_of(r, dst, 0, 0, 0));
		return true;
	}
	done = asm_pseudo(s, dst);
	if (done >= 0)
		return done;
	if (!asm_want_num(s, &n, 64, "a register, a number, or *(u32 *)(rN +off)"))
		return false;
	if (asm_eat(s, "ll") || (width == 8 && (s64)n != (s32)n && (s64)n >> 32 != 0))
		return asm_put_wide(s, OP_LDDW, dst, (u32)n, (u32)(n >> 32));
	asm_put(s, asm_of(row_sym(SH_ALUK, "=", width), dst, 0, 0, n));
	return true;
}

bool
asm_alu(Asm *s, u32 dst, u32 width)
{
	const InsnRow *r = eat_sym(s, SH_ALUX, width);
	u32 src, w;
	u64 n;

	if (!r)
		return asm_fail(s, s->p, "= or += -= *= /= s/= %= s%= |= &= ^= <<= >>= s>>=");
	if (!strcmp(r->sym, "="))
		return asm_assign(s, dst, width);
	if (asm_eat_reg(s, &src, &w)) {
		asm_put(s, asm_of(r, dst, src, 0, 0));
		return true;
	}
	if (!asm_want_num(s, &n, 32, "a register or a number"))
		return false;
	asm_put(s, asm_of(row_sym(SH_ALUK, r->sym, width), dst, 0, 0, n));
	return true;
}

bool
asm_if(Asm *s)
{
	const InsnRow *r;
	u32 dst, src = 0, width, w;
	u64 imm = 0, off;
	bool x;

	if (!asm_want_reg(s, &dst, &width))
		return false;
	r = eat_sym(s, SH_JMPX, width);
	if (!r)
		return asm_fail(s, s->p, "== != > >= < <= s> s>= s< s<= or &");
	x = asm_eat_reg(s, &src, &w);
	if (!x && !asm_want_num(s, &imm, 32, "a register or a number"))
		return false;
	if (!asm_want(s, "goto") || !asm_want_target(s, &off, 16))
		return false;
	asm_put(s, asm_of(x ? r : row_sym(SH_JMPK, r->sym, width), dst, src, off, imm));
	return true;
}

/* "*(u32 *)(r1 +4) = r2" | "= 5", and "lock *(u64 *)(r1 +0) += r2" */
bool
asm_store(Asm *s, bool lock)
{
	const char *type = eat_type(s, true);
	const InsnRow *r;
	u32 dst, src;
	u64 off, n;

	if (!type)
		return asm_fail(s, s->p, "*(u8 *), *(u16 *), *(u32 *) or *(u64 *)");
	if (!asm_want_place(s, "()", &dst, &off))
		return false;
	if (lock) {
		r = eat_sym(s, SH_ATOMIC, !strcmp(type, "u64") ? 8 : 4);
		if (!r || r->var & BPF_FETCH)
			return asm_fail(s, s->p, "+= |= &= or ^=");
		if (!asm_want_reg(s, &src, NULL))
			return false;
		asm_put(s, asm_of(r, dst, src, off, 0));
		return true;
	}
	if (!asm_want(s, "="))
		return false;
	if (asm_eat_reg(s, &src, NULL)) {
		r = row_sym(SH_STX, type, 0);
		if (!r)
			return asm_fail(s, s->p, "an unsigned type");
		asm_put(s, asm_of(r, dst, src, off, 0));
		return true;
	}
	r = row_sym(SH_ST, type, 0);
	if (!r || !asm_want_num(s, &n, 32, "a register or a number"))
		return r ? false : asm_fail(s, s->p, "an unsigned type");
	asm_put(s, asm_of(r, dst, 0, off, n));
	return true;
}

bool
asm_release(Asm *s)
{
	const char *type = eat_type(s, false);
	const InsnRow *r = NULL;
	u32 dst, src;
	u64 off;

	for (u32 op = OP_STREL_B; type && op <= OP_STREL_DW; op++)
		if (!strcmp(bpf_insn_row_at(op)->sym, type))
			r = bpf_insn_row_at(op);
	if (!r)
		return asm_fail(s, s->p, "(u8 *), (u16 *), (u32 *) or (u64 *)");
	if (!asm_want_place(s, "()", &dst, &off) || !asm_want(s, ",") || !asm_want_reg(s, &src, NULL) || !asm_want(s, ")"))
		return false;
	asm_put(s, asm_of(r, dst, src, off, 0));
	return true;
}
