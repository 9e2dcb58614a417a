/* asm: text to instructions. One line is one instruction, in the kernel's words ("r0 = *(u32 *)(r1 +4)") or those of
 * conformance suites ("ldxw %r0, [%r1+4]"); a file may mix them. Labels end in ':'; a jump goes to a label, to +N, -N or
 * pc+N. What a log puts in front ("12: (07) ") is skipped. Comments: // ; and # behind a blank. */
#include "bpf/bpf.h"

#include <ctype.h>
#include <stdio.h>

typedef struct Fix { u32 pc; const char *label; u32 len; Span at; } Fix;
typedef struct Asm {
	Diag *d;
	Arena *a;
	u32 base;               /* span offset of text[0] */
	const char *text, *p, *end;     /* end: of this line */
	Vec(Insn) code;
	Vec(Fix) fixes;
	Map labels;             /* label -> pc + 1 */
} Asm;

static Span
span(const Asm *s, const char *from, const char *to)
{
	return (Span){ s->base + (u32)(from - s->text), s->base + (u32)(to - s->text) };
}

static bool
fail(Asm *s, const char *from, const char *want)
{
	const char *to = from;

	while (to < s->end && !isspace((unsigned char)*to))
		to++;
	if (to == from)
		diag_err(s->d, span(s, from, from), E_ASM, "the line ends here; expected %s", want);
	else
		diag_err(s->d, span(s, from, to), E_ASM, "found '%.*s'; expected %s", (int)MIN(to - from, 40), from, want);
	return false;
}

static void
blanks(Asm *s)
{
	while (s->p < s->end && (*s->p == ' ' || *s->p == '\t' || *s->p == '\r'))
		s->p++;
}

/* Takes `word` if it comes next (blanks in it match any blanks or none); a word is not cut out of a longer one. */
static bool
eat(Asm *s, const char *word)
{
	const char *save = s->p, *w = word;

	for (blanks(s); *w; w++) {
		if (*w == ' ') {
			blanks(s);
			continue;
		}
		if (s->p == s->end || *s->p != *w) {
			s->p = save;
			return false;
		}
		s->p++;
	}
	if (isalnum((unsigned char)w[-1]) && s->p < s->end && (isalnum((unsigned char)*s->p) || *s->p == '_')) {
		s->p = save;
		return false;
	}
	return true;
}

/* r0..r10, w0..w10, %r0; width gets 4 or 8. fp is r10. */
static bool
eat_reg(Asm *s, u32 *reg, u32 *width)
{
	const char *save = s->p, *q;
	u32 n = 0;

	blanks(s);
	q = s->p;
	if (q < s->end && *q == '%')
		q++;
	if (s->end - q >= 2 && q[0] == 'f' && q[1] == 'p') {
		n = 10, q += 2;
		if (width)
			*width = 8;
	} else if (s->end - q >= 2 && (*q == 'r' || *q == 'w') && isdigit((unsigned char)q[1])) {
		if (width)
			*width = *q == 'w' ? 4 : 8;
		for (q++; q < s->end && isdigit((unsigned char)*q); q++)
			n = n * 10 + (u32)(*q - '0'), n = MIN(n, 100u);
	} else
		goto no;
	if (n > 15 || (q < s->end && (isalnum((unsigned char)*q) || *q == '_')))
		goto no;
	*reg = n;
	s->p = q;
	return true;
no:
	s->p = save;
	return false;
}

/* A number with an optional sign (blanks behind it are fine): 5 -1 0x1f +8. */
static bool
eat_num(Asm *s, u64 *v)
{
	const char *save = s->p;
	bool minus = false;
	u64 n = 0;
	int base = 10, digits = 0;

	blanks(s);
	if (s->p < s->end && (*s->p == '-' || *s->p == '+')) {
		minus = *s->p++ == '-';
		blanks(s);
	}
	if (s->end - s->p > 2 && s->p[0] == '0' && (s->p[1] == 'x' || s->p[1] == 'X'))
		base = 16, s->p += 2;
	for (; s->p < s->end && isxdigit((unsigned char)*s->p); s->p++, digits++) {
		int c = *s->p, dig = isdigit(c) ? c - '0' : (c | 32) - 'a' + 10;

		if (dig >= base)
			break;
		n = n * (u64)base + (u64)dig;
	}
	if (!digits || (s->p < s->end && (isalnum((unsigned char)*s->p) || *s->p == '_'))) {
		s->p = save;
		return false;
	}
	*v = minus ? -n : n;
	return true;
}

static bool
want_num(Asm *s, u64 *v, int bits, const char *what)
{
	const char *at;

	blanks(s);
	at = s->p;
	if (!eat_num(s, v))
		return fail(s, at, what);
	/* both the signed and the unsigned reading of the field are fine */
	if (bits < 64 && (s64)*v >= (s64)1 << bits)
		goto big;
	if (bits < 64 && (s64)*v < -((s64)1 << (bits - 1)))
		goto big;
	return true;
big:
	diag_err(s->d, span(s, at, s->p), E_ASM, "the number does not fit in %d bits", bits);
	return false;
}

static bool
want(Asm *s, const char *word)
{
	blanks(s);
	if (eat(s, word))
		return true;
	return fail(s, s->p, word);
}

static bool
want_reg(Asm *s, u32 *reg, u32 *width)
{
	blanks(s);
	if (!eat_reg(s, reg, width))
		return fail(s, s->p, "a register r0 to r10");
	if (*reg > 10)
		return fail(s, s->p, "a register r0 to r10");
	return true;
}

static Insn *
put(Asm *s, Insn i)
{
	VEC_PUSH(s->a, &s->code, i);
	return &s->code.v[s->code.n - 1];
}

/* +N, -N, pc+N or a label; a label is filled in at the end. */
static bool
want_target(Asm *s, u64 *off, int bits)
{
	const char *from;

	blanks(s);
	from = s->p;
	if (s->end - s->p > 3 && s->p[0] == 'p' && s->p[1] == 'c' && (s->p[2] == '+' || s->p[2] == '-'))
		s->p += 2;
	if (s->p < s->end && (*s->p == '+' || *s->p == '-')) {
		const char *at = s->p;

		if (!want_num(s, off, bits, "an offset such as +3"))
			return false;
		if (bits == 16 && (s64)*off > INT16_MAX) {
			diag_err(s->d, span(s, at, s->p), E_ASM, "the jump does not fit in 16 bits; gotol reaches further");
			return false;
		}
		return true;
	}
	while (s->p < s->end && (isalnum((unsigned char)*s->p) || *s->p == '_' || *s->p == '.' || *s->p == '$'))
		s->p++;
	if (s->p == from)
		return fail(s, from, "a label, or an offset such as +3");
	VEC_PUSH(s->a, &s->fixes, ((Fix){ s->code.n, from, (u32)(s->p - from), span(s, from, s->p) }));
	*off = 0;
	return true;
}

/* "[%r1+4]" */
static bool
want_brackets(Asm *s, u32 *reg, u64 *off)
{
	*off = 0;
	if (!want(s, "[") || !want_reg(s, reg, NULL))
		return false;
	blanks(s);
	if (s->p < s->end && *s->p != ']' && !want_num(s, off, 16, "an offset such as +4"))
		return false;
	return want(s, "]");
}

/* "(r1 +4)" */
static bool
want_parens(Asm *s, u32 *reg, u64 *off)
{
	*off = 0;
	if (!want(s, "(") || !want_reg(s, reg, NULL))
		return false;
	blanks(s);
	if (s->p < s->end && *s->p != ')' && !want_num(s, off, 16, "an offset such as +4"))
		return false;
	return want(s, ")");
}

/* "*(u32 *)" or "(u32 *)"; gives the type's name */
static const char *
eat_type(Asm *s, bool star)
{
	static const char *const types[] = { "u8", "u16", "u32", "u64", "s8", "s16", "s32", "s64" };
	const char *save = s->p;

	if (!star || eat(s, "*"))
		for (u32 t = 0; t < COUNT(types); t++) {
			const char *again = s->p;

			if (eat(s, "(") && eat(s, types[t]) && eat(s, "* )"))
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

	blanks(s);
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

static Insn
of(const InsnRow *r, u32 dst, u32 src, u64 off, u64 imm)
{
	Insn i = { .code = r->code, .dst_reg = dst & 15, .src_reg = src & 15, .off = (s16)off, .imm = (s32)imm };

	if (r->shape == SH_ALUK || r->shape == SH_ALUX)
		i.off = r->var;
	if (r->shape == SH_END || r->shape == SH_ATOMIC || r->shape == SH_ACQREL)
		i.imm = r->var;
	if (r->shape == SH_CALL || r->shape == SH_LDIMM)
		i.src_reg = (u32)r->var & 15;
	return i;
}

static bool
put_wide(Asm *s, u32 op, u32 dst, u32 lo, u32 hi)
{
	put(s, of(bpf_insn_row_at(op), dst, 0, 0, lo));
	put(s, (Insn){ .imm = (s32)hi });
	return true;
}

/* ---- calls, the same in both syntaxes ---- */

static bool
asm_call(Asm *s)
{
	u32 reg;
	u64 n, off = 0;
	bool kfunc = false;
	const char *from;

	blanks(s);
	if (eat_reg(s, &reg, NULL)) {
		if (reg > 10)
			return fail(s, s->p, "a register r0 to r10");
		put(s, of(bpf_insn_row_at(OP_CALLX), reg, 0, 0, 0));
		return true;
	}
	from = s->p;
	if (eat(s, "local") || (s->end - s->p > 3 && s->p[0] == 'p' && s->p[1] == 'c' && strchr("+-", s->p[2]))) {
		if (!want_target(s, &n, 32))
			return false;
		put(s, of(bpf_insn_row_at(OP_CALLSUB), 0, 0, 0, n));
		return true;
	}
	if (eat(s, "runtime"))
		kfunc = true;
	else
		eat(s, "helper");
	blanks(s);
	if (!kfunc && s->p < s->end && (isalpha((unsigned char)*s->p) || *s->p == '_')) {
		const char *name = s->p;
		char word[64];
		size_t len;
		const Helper *h;

		while (s->p < s->end && (isalnum((unsigned char)*s->p) || *s->p == '_' || *s->p == '-'))
			s->p++;
		len = (size_t)(s->p - name);
		kfunc = len == 15 && !memcmp(name, "kernel-function", 15);
		if (s->p < s->end && *s->p == '#') {    /* name#number: the number counts */
			s->p++;
		} else {
			bool prefix = len > 4 && !memcmp(name, "bpf_", 4);

			snprintf(word, sizeof(word), "%.*s", (int)(len - (prefix ? 4 : 0)), name + (prefix ? 4 : 0));
			h = bpf_helper_named(word);
			if (h) {
				put(s, of(bpf_insn_row_at(OP_CALL), 0, 0, 0, h->id));
			} else {        /* a label of this text */
				VEC_PUSH(s->a, &s->fixes, ((Fix){ s->code.n, name, (u32)len, span(s, name, s->p) }));
				put(s, of(bpf_insn_row_at(OP_CALLSUB), 0, 0, 0, 0));
			}
			return true;
		}
	}
	if (!want_num(s, &n, 32, "a helper's name or number, 'local LABEL', or pc+N"))
		return false;
	if (eat(s, "@") && !want_num(s, &off, 16, "a number"))
		return false;
	(void)from;
	put(s, of(bpf_insn_row_at(kfunc ? OP_CALLKFUNC : OP_CALL), 0, 0, off, n));
	return true;
}

/* ---- the kernel's words ---- */

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
		return fail(s, from, "atomic_fetch_add, _or, _and, _xor, atomic_xchg or atomic_cmpxchg");
	if (!want(s, "(") || !eat_type(s, false) || !want_parens(s, &base, &off) || !want(s, ","))
		return fail(s, s->p, "(u32 *)(rN +off)");
	if (r->var == BPF_CMPXCHG && (!want_reg(s, &r0, NULL) || !want(s, ",")))
		return false;
	if (!want_reg(s, &src, NULL) || !want(s, ")"))
		return false;
	if (dst != (r->var == BPF_CMPXCHG ? 0 : src)) {
		diag_err(s->d, span(s, from, s->p), E_ASM, "the result of this instruction is in %s",
			 r->var == BPF_CMPXCHG ? "r0" : "its source register");
		return false;
	}
	put(s, of(r, base, src, off, 0));
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

		if (!eat(s, forms[f].open))
			continue;
		if (op == OP_LDFUNC) {
			if (!want_target(s, &n, 32))
				return 0;
		} else if (!want_num(s, &n, 32, "a number"))
			return 0;
		if (!want(s, "]"))
			return 0;
		if (forms[f].value && eat(s, "[0]"))
			op = forms[f].value;
		blanks(s);
		if (s->p < s->end && (*s->p == '+' || *s->p == '-') && !want_num(s, &off, 32, "an offset"))
			return 0;
		return put_wide(s, op, dst, (u32)n, (u32)off);
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

	if (eat_reg(s, &src, &w)) {
		put(s, of(row_sym(SH_ALUX, "=", width), dst, src, 0, 0));
		return true;
	}
	if (eat(s, "-")) {
		if (eat_reg(s, &src, &w)) {
			if (src != dst)
				return fail(s, s->p, "the same register on both sides of a negation");
			put(s, of(row_sym(SH_NEG, "-", width), dst, 0, 0, 0));
			return true;
		}
		s->p--;
	}
	if ((type = eat_type(s, true))) {
		if (eat(s, "skb[")) {
			bool ind = eat_reg(s, &src, NULL);

			n = 0;
			blanks(s);
			if ((!ind || *s->p != ']') && !want_num(s, &n, 32, "an offset"))
				return false;
			r = row_sym(ind ? SH_IND : SH_ABS, type, 0);
			if (!r || dst)
				return fail(s, s->p, "r0 = *(u8 *)skb[...], u16 or u32");
			put(s, of(r, 0, ind ? src : 0, 0, n));
			return want(s, "]");
		}
		r = row_sym(SH_LDX, type, 0);
		if (!r)
			return fail(s, s->p, "u8, u16, u32, u64, s8, s16 or s32");
		if (!want_parens(s, &src, &off))
			return false;
		put(s, of(r, dst, src, off, 0));
		return true;
	}
	for (u32 bits = 8; bits <= 32; bits *= 2) {
		static const char *const casts[] = { "(s8)", "(s16)", "(s32)" };
		const char *cast = casts[bits / 16];

		if (!eat(s, cast))
			continue;
		r = row_sym(SH_ALUX, cast, width);
		if (!r || !want_reg(s, &src, NULL))
			return r ? false : fail(s, s->p, "r registers for (s32)");
		put(s, of(r, dst, src, 0, 0));
		return true;
	}
	if (eat(s, "load_acquire(")) {
		type = eat_type(s, false);
		r = type ? row_sym(SH_ACQREL, type, 0) : NULL;
		if (!r || !want_parens(s, &src, &off) || !want(s, ")"))
			return r ? false : fail(s, s->p, "(u8 *), (u16 *), (u32 *) or (u64 *)");
		put(s, of(r, dst, src, off, 0));
		return true;
	}
	blanks(s);
	if (s->end - s->p > 6 && !memcmp(s->p, "atomic", 6)) {
		s->p += 6;
		return asm_fetch(s, dst);
	}
	for (u32 op = OP_LE16; op <= OP_SWAP64; op++) {
		r = bpf_insn_row_at(op);
		if (!eat(s, r->sym))
			continue;
		if (!want_reg(s, &src, NULL))
			return false;
		if (src != dst)
			return fail(s, s->p, "the same register on both sides of a byte swap");
		put(s, of(r, dst, 0, 0, 0));
		return true;
	}
	done = asm_pseudo(s, dst);
	if (done >= 0)
		return done;
	if (!want_num(s, &n, 64, "a register, a number, or *(u32 *)(rN +off)"))
		return false;
	if (eat(s, "ll") || (width == 8 && (s64)n != (s32)n && (s64)n >> 32 != 0))
		return put_wide(s, OP_LDDW, dst, (u32)n, (u32)(n >> 32));
	put(s, of(row_sym(SH_ALUK, "=", width), dst, 0, 0, n));
	return true;
}

static bool
asm_alu(Asm *s, u32 dst, u32 width)
{
	const InsnRow *r = eat_sym(s, SH_ALUX, width);
	u32 src, w;
	u64 n;

	if (!r)
		return fail(s, s->p, "= or += -= *= /= s/= %= s%= |= &= ^= <<= >>= s>>=");
	if (!strcmp(r->sym, "="))
		return asm_assign(s, dst, width);
	if (eat_reg(s, &src, &w)) {
		put(s, of(r, dst, src, 0, 0));
		return true;
	}
	if (!want_num(s, &n, 32, "a register or a number"))
		return false;
	put(s, of(row_sym(SH_ALUK, r->sym, width), dst, 0, 0, n));
	return true;
}

static bool
asm_if(Asm *s)
{
	const InsnRow *r;
	u32 dst, src = 0, width, w;
	u64 imm = 0, off;
	bool x;

	if (!want_reg(s, &dst, &width))
		return false;
	r = eat_sym(s, SH_JMPX, width);
	if (!r)
		return fail(s, s->p, "== != > >= < <= s> s>= s< s<= or &");
	x = eat_reg(s, &src, &w);
	if (!x && !want_num(s, &imm, 32, "a register or a number"))
		return false;
	if (!want(s, "goto") || !want_target(s, &off, 16))
		return false;
	put(s, of(x ? r : row_sym(SH_JMPK, r->sym, width), dst, src, off, imm));
	return true;
}

/* "*(u32 *)(r1 +4) = r2" | "= 5", and "lock *(u64 *)(r1 +0) += r2" */
static bool
asm_store(Asm *s, bool lock)
{
	const char *type = eat_type(s, true);
	const InsnRow *r;
	u32 dst, src;
	u64 off, n;

	if (!type)
		return fail(s, s->p, "*(u8 *), *(u16 *), *(u32 *) or *(u64 *)");
	if (!want_parens(s, &dst, &off))
		return false;
	if (lock) {
		r = eat_sym(s, SH_ATOMIC, !strcmp(type, "u64") ? 8 : 4);
		if (!r || r->var & BPF_FETCH)
			return fail(s, s->p, "+= |= &= or ^=");
		if (!want_reg(s, &src, NULL))
			return false;
		put(s, of(r, dst, src, off, 0));
		return true;
	}
	if (!want(s, "="))
		return false;
	if (eat_reg(s, &src, NULL)) {
		r = row_sym(SH_STX, type, 0);
		if (!r)
			return fail(s, s->p, "an unsigned type");
		put(s, of(r, dst, src, off, 0));
		return true;
	}
	r = row_sym(SH_ST, type, 0);
	if (!r || !want_num(s, &n, 32, "a register or a number"))
		return r ? false : fail(s, s->p, "an unsigned type");
	put(s, of(r, dst, 0, off, n));
	return true;
}

static bool
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
		return fail(s, s->p, "(u8 *), (u16 *), (u32 *) or (u64 *)");
	if (!want_parens(s, &dst, &off) || !want(s, ",") || !want_reg(s, &src, NULL) || !want(s, ")"))
		return false;
	put(s, of(r, dst, src, off, 0));
	return true;
}

/* ---- the words of conformance suites ---- */

static bool
asm_lddw(Asm *s)
{
	u32 dst;
	u64 n, off = 0;

	if (!want_reg(s, &dst, NULL) || !want(s, ","))
		return false;
	for (u32 op = OP_LDMAPFD; op <= OP_LDIDXVAL; op++) {
		if (!eat(s, bpf_insn_row_at(op)->sym))
			continue;
		if (!want(s, "("))
			return false;
		if (op == OP_LDFUNC ? !want_target(s, &n, 32) : !want_num(s, &n, 32, "a number"))
			return false;
		if (!want(s, ")"))
			return false;
		blanks(s);
		if (s->p < s->end && (*s->p == '+' || *s->p == '-') && !want_num(s, &off, 32, "an offset"))
			return false;
		return put_wide(s, op, dst, (u32)n, (u32)off);
	}
	if (!want_num(s, &n, 64, "a number"))
		return false;
	return put_wide(s, OP_LDDW, dst, (u32)n, (u32)(n >> 32));
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

static bool
asm_operands(Asm *s, const char *mn, size_t len)
{
	const InsnRow *r;
	u32 dst, src;
	u64 n, off;

	if ((r = row_mn(mn, len, SH_NEG)) || (r = row_mn(mn, len, SH_END))) {
		if (!want_reg(s, &dst, NULL))
			return false;
		put(s, of(r, dst, 0, 0, 0));
	} else if ((r = row_mn(mn, len, SH_ALUX))) {
		if (!want_reg(s, &dst, NULL) || !want(s, ","))
			return false;
		if (eat_reg(s, &src, NULL)) {
			put(s, of(r, dst, src, 0, 0));
		} else {
			r = row_mn(mn, len, SH_ALUK);
			if (!r)
				return fail(s, s->p, "a register");
			if (!want_num(s, &n, 32, "a register or a number"))
				return false;
			put(s, of(r, dst, 0, 0, n));
		}
	} else if ((r = row_mn(mn, len, SH_JMPX))) {
		bool x;

		if (!want_reg(s, &dst, NULL) || !want(s, ","))
			return false;
		n = 0, src = 0;
		x = eat_reg(s, &src, NULL);
		if (!x && !want_num(s, &n, 32, "a register or a number"))
			return false;
		if (!want(s, ",") || !want_target(s, &off, 16))
			return false;
		put(s, of(x ? r : row_mn(mn, len, SH_JMPK), dst, src, off, n));
	} else if ((r = row_mn(mn, len, SH_JA)) || (r = row_mn(mn, len, SH_JA32))) {
		if (!want_target(s, &n, r->shape == SH_JA ? 16 : 32))
			return false;
		put(s, of(r, 0, 0, r->shape == SH_JA ? n : 0, r->shape == SH_JA ? 0 : n));
	} else if ((r = row_mn(mn, len, SH_LDX)) || ((r = row_mn(mn, len, SH_ACQREL)) && r->var == K_ATOMIC_LOAD_ACQ)) {
		if (!want_reg(s, &dst, NULL) || !want(s, ",") || !want_brackets(s, &src, &off))
			return false;
		put(s, of(r, dst, src, off, 0));
	} else if ((r = row_mn(mn, len, SH_STX)) || (r = row_mn(mn, len, SH_ACQREL))) {
		if (!want_brackets(s, &dst, &off) || !want(s, ",") || !want_reg(s, &src, NULL))
			return false;
		put(s, of(r, dst, src, off, 0));
	} else if ((r = row_mn(mn, len, SH_ST))) {
		if (!want_brackets(s, &dst, &off) || !want(s, ",") || !want_num(s, &n, 32, "a number"))
			return false;
		put(s, of(r, dst, 0, off, n));
	} else if ((r = row_mn(mn, len, SH_ABS))) {
		if (!want_num(s, &n, 32, "an offset"))
			return false;
		put(s, of(r, 0, 0, 0, n));
	} else if ((r = row_mn(mn, len, SH_IND))) {
		n = 0;
		if (!want_reg(s, &src, NULL) || (eat(s, ",") && !want_num(s, &n, 32, "an offset")))
			return false;
		put(s, of(r, 0, src, 0, n));
	} else {
		const char *words[N_OP];
		char *seen = arena_str(s->a, mn, len);
		const char *near;
		u32 k = 0;

		for (u32 op = 0; op < N_OP; op++)
			if (!strchr(bpf_insn_row_at(op)->mn, ' '))
				words[k++] = bpf_insn_row_at(op)->mn;
		near = base_nearest(seen, words, k);
		diag_err(s->d, span(s, mn, mn + len), E_ASM, "unknown instruction '%s'", seen);
		if (near)
			diag_hint(s->d, "did you mean '%s'?", near);
		return false;
	}
	return true;
}

static bool
asm_lock(Asm *s)
{
	const char *mn;
	char name[40];
	bool fetch;
	const InsnRow *r;
	u32 dst, src;
	u64 off;

	blanks(s);
	if (s->p < s->end && *s->p == '*')
		return asm_store(s, true);
	fetch = eat(s, "fetch");
	blanks(s);
	for (mn = s->p; s->p < s->end && isalnum((unsigned char)*s->p); )
		s->p++;
	snprintf(name, sizeof(name), "%s%.*s", fetch ? "fetch " : "", (int)MIN(s->p - mn, 20), mn);
	r = row_mn(name, strlen(name), SH_ATOMIC);
	if (!r && fetch)        /* "lock fetch xchg" is "lock xchg" */
		r = row_mn(name + 6, strlen(name + 6), SH_ATOMIC);
	if (!r)
		return fail(s, mn, "add, or, and, xor, xchg or cmpxchg, with 32 behind it or not");
	if (!want_brackets(s, &dst, &off) || !want(s, ",") || !want_reg(s, &src, NULL))
		return false;
	put(s, of(r, dst, src, off, 0));
	return true;
}

static bool
asm_insn(Asm *s)
{
	const char *mn;
	u32 reg, width;
	u64 n;
	bool may;

	if (eat_reg(s, &reg, &width))
		return reg > 10 ? fail(s, s->p, "a register r0 to r10") : asm_alu(s, reg, width);
	if (eat(s, "if"))
		return asm_if(s);
	may = eat(s, "may_goto");
	if (may || eat(s, "goto")) {
		if (!want_target(s, &n, 16))
			return false;
		put(s, of(bpf_insn_row_at(may ? OP_MAYGOTO : OP_JA), 0, 0, n, 0));
		return true;
	}
	if (eat(s, "gotol")) {
		if (!want_target(s, &n, 32))
			return false;
		put(s, of(bpf_insn_row_at(OP_JA32), 0, 0, 0, n));
		return true;
	}
	if (eat(s, "call") || eat(s, "callx"))
		return asm_call(s);
	if (eat(s, "exit")) {
		put(s, of(bpf_insn_row_at(OP_EXIT), 0, 0, 0, 0));
		return true;
	}
	if (eat(s, "lock"))
		return asm_lock(s);
	if (eat(s, "lddw"))
		return asm_lddw(s);
	if (eat(s, "store_release("))
		return asm_release(s);
	if (eat(s, ".quad") || eat(s, ".8byte")) {
		Insn i;

		if (!want_num(s, &n, 64, "a number"))
			return false;
		memcpy(&i, &n, sizeof(i));
		put(s, i);
		return true;
	}
	if (*s->p == '*')
		return asm_store(s, false);
	for (mn = s->p; s->p < s->end && (isalnum((unsigned char)*s->p) || *s->p == '_'); )
		s->p++;
	if (s->p == mn)
		return fail(s, mn, "an instruction");
	return asm_operands(s, mn, (size_t)(s->p - mn));
}

/* "name:" at the start of the line, and the "12:" and "(b7)" of a log */
static void
asm_labels(Asm *s)
{
	for (;;) {
		const char *from, *q;

		blanks(s);
		for (from = q = s->p; q < s->end && (isalnum((unsigned char)*q) || *q == '_' || *q == '.' || *q == '$'); )
			q++;
		if (q > from && q < s->end && *q == ':') {
			if (map_get(&s->labels, from, (size_t)(q - from))) {
				diag_err(s->d, span(s, from, q), E_ASM, "label '%.*s' is there already", (int)(q - from), from);
				diag_hint(s->d, "every label stands once");
			}
			map_set(&s->labels, from, (size_t)(q - from), (void *)(uintptr_t)(s->code.n + 1));
			s->p = q + 1;
		} else if (s->end - q >= 4 && q[0] == '(' && isxdigit((unsigned char)q[1]) && isxdigit((unsigned char)q[2]) &&
			   q[3] == ')' && s->p == q) {
			s->p = q + 4;
		} else
			return;
	}
}

static const char *
cut_comment(const char *p, const char *end)
{
	for (const char *q = p; q < end; q++)
		if (*q == ';' || (*q == '/' && q + 1 < end && q[1] == '/') || (*q == '#' && (q == p || isspace((unsigned char)q[-1]))))
			return q;
	return end;
}

static void
link_labels(Asm *s)
{
	for (u32 f = 0; f < s->fixes.n; f++) {
		Fix *x = &s->fixes.v[f];
		uintptr_t to = (uintptr_t)map_get(&s->labels, x->label, x->len);
		Insn *i = x->pc < s->code.n ? &s->code.v[x->pc] : NULL;
		s64 off = (s64)to - 1 - (s64)x->pc - 1;

		if (!i)
			continue;
		if (!to) {
			diag_err(s->d, x->at, E_ASM, "there is no label '%.*s'", (int)MIN(x->len, 60u), x->label);
			continue;
		}
		if (i->code == 0x85 || i->code == 0x06 || i->code == 0x18)
			i->imm = (s32)off;
		else if (off != (s16)off)
			diag_err(s->d, x->at, E_ASM, "label '%.*s' is too far for 16 bits; gotol reaches further",
				 (int)MIN(x->len, 60u), x->label);
		else
			i->off = (s16)off;
	}
}

bool
bpf_asm(const char *name, const char *text, size_t n, Diag *d, Arena *a, Insn **insns, u32 *count)
{
	Asm s = { .d = d, .a = a, .text = text, .labels = { .arena = a } };
	u32 before = diag_errors(d);
	bool exits = false;

	s.base = diag_source(d, name, text, n);
	for (const char *p = text, *line_end; p < text + n; p = line_end + 1) {
		u32 pc;

		line_end = memchr(p, '\n', (size_t)(text + n - p));
		if (!line_end)
			line_end = text + n;
		s.p = p;
		s.end = cut_comment(p, line_end);
		asm_labels(&s);
		blanks(&s);
		pc = s.code.n;
		if (s.p == s.end || !asm_insn(&s))
			continue;
		blanks(&s);
		if (s.p < s.end)
			fail(&s, s.p, "the end of the line");
		/* conformance suites jump to "exit" and mean the first one */
		if (s.code.v[pc].code == 0x95 && !exits) {
			exits = true;
			if (!map_get(&s.labels, "exit", 4))
				map_set(&s.labels, "exit", 4, (void *)(uintptr_t)(pc + 1));
		}
	}
	link_labels(&s);
	*insns = s.code.v;
	*count = s.code.n;
	return diag_errors(d) == before;
}
