/* asm: text to instructions. One line is one instruction, in the kernel's words ("r0 = *(u32 *)(r1 +4)", asm_kernel.c) or
 * those of conformance suites ("ldxw %r0, [%r1+4]", asm_suite.c); a file may mix them. Labels end in ':'; a jump goes to a
 * label, to +N, -N or pc+N. What a log puts in front ("12: (07) ") is skipped. Comments: // ; and # behind a blank. */
#include "bpf/asm.h"

#include <ctype.h>
#include <stdio.h>

Span
asm_span(const Asm *s, const char *from, const char *to)
{
	return (Span){ s->base + (u32)(from - s->text), s->base + (u32)(to - s->text) };
}

bool
asm_fail(Asm *s, const char *from, const char *want)
{
	const char *to = from;

	while (to < s->end && !isspace((unsigned char)*to))
		to++;
	if (to == from)
		diag_err(s->d, asm_span(s, from, from), E_ASM, "the line ends here; expected %s", want);
	else
		diag_err(s->d, asm_span(s, from, to), E_ASM, "found '%.*s'; expected %s", (int)MIN(to - from, 40), from, want);
	return false;
}

void
asm_blanks(Asm *s)
{
	while (s->p < s->end && (*s->p == ' ' || *s->p == '\t' || *s->p == '\r'))
		s->p++;
}

/* Takes `word` if it comes next (blanks in it match any blanks or none); a word is not cut out of a longer one. */
bool
asm_eat(Asm *s, const char *word)
{
	const char *save = s->p, *w = word;

	for (asm_blanks(s); *w; w++) {
		if (*w == ' ') {
			asm_blanks(s);
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
bool
asm_eat_reg(Asm *s, u32 *reg, u32 *width)
{
	const char *save = s->p, *q;
	u32 n = 0;

	asm_blanks(s);
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

	asm_blanks(s);
	if (s->p < s->end && (*s->p == '-' || *s->p == '+')) {
		minus = *s->p++ == '-';
		asm_blanks(s);
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

bool
asm_want_num(Asm *s, u64 *v, int bits, const char *what)
{
	const char *at;

	asm_blanks(s);
	at = s->p;
	if (!eat_num(s, v))
		return asm_fail(s, at, what);
	/* both the signed and the unsigned reading of the field are fine */
	if (bits < 64 && (s64)*v >= (s64)1 << bits)
		goto big;
	if (bits < 64 && (s64)*v < -((s64)1 << (bits - 1)))
		goto big;
	return true;
big:
	diag_err(s->d, asm_span(s, at, s->p), E_ASM, "the number does not fit in %d bits", bits);
	return false;
}

bool
asm_want(Asm *s, const char *word)
{
	asm_blanks(s);
	if (asm_eat(s, word))
		return true;
	return asm_fail(s, s->p, word);
}

bool
asm_want_reg(Asm *s, u32 *reg, u32 *width)
{
	asm_blanks(s);
	if (!asm_eat_reg(s, reg, width))
		return asm_fail(s, s->p, "a register r0 to r10");
	if (*reg > 10)
		return asm_fail(s, s->p, "a register r0 to r10");
	return true;
}

/* +N, -N, pc+N or a label; a label is filled in at the end. */
bool
asm_want_target(Asm *s, u64 *off, int bits)
{
	const char *from;

	asm_blanks(s);
	from = s->p;
	if (s->end - s->p > 3 && s->p[0] == 'p' && s->p[1] == 'c' && (s->p[2] == '+' || s->p[2] == '-'))
		s->p += 2;
	if (s->p < s->end && (*s->p == '+' || *s->p == '-')) {
		const char *at = s->p;

		if (!asm_want_num(s, off, bits, "an offset such as +3"))
			return false;
		if (bits == 16 && (s64)*off > INT16_MAX) {
			diag_err(s->d, asm_span(s, at, s->p), E_ASM, "the jump does not fit in 16 bits; gotol reaches further");
			return false;
		}
		return true;
	}
	while (s->p < s->end && (isalnum((unsigned char)*s->p) || *s->p == '_' || *s->p == '.' || *s->p == '$'))
		s->p++;
	if (s->p == from)
		return asm_fail(s, from, "a label, or an offset such as +3");
	VEC_PUSH(s->a, &s->fixes, ((Fix){ s->code.n, from, (u32)(s->p - from), asm_span(s, from, s->p) }));
	*off = 0;
	return true;
}

bool
asm_want_place(Asm *s, const char *brackets, u32 *reg, u64 *off)
{
	char open[] = { brackets[0], 0 }, close[] = { brackets[1], 0 };

	*off = 0;
	if (!asm_want(s, open) || !asm_want_reg(s, reg, NULL))
		return false;
	asm_blanks(s);
	if (s->p < s->end && *s->p != *close && !asm_want_num(s, off, 16, "an offset such as +4"))
		return false;
	return asm_want(s, close);
}

Insn *
asm_put(Asm *s, Insn i)
{
	VEC_PUSH(s->a, &s->code, i);
	return &s->code.v[s->code.n - 1];
}

Insn
asm_of(const InsnRow *r, u32 dst, u32 src, u64 off, u64 imm)
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

bool
asm_put_wide(Asm *s, u32 op, u32 dst, u32 lo, u32 hi)
{
	asm_put(s, asm_of(bpf_insn_row_at(op), dst, 0, 0, lo));
	asm_put(s, (Insn){ .imm = (s32)hi });
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

	asm_blanks(s);
	if (asm_eat_reg(s, &reg, NULL)) {
		if (reg > 10)
			return asm_fail(s, s->p, "a register r0 to r10");
		asm_put(s, asm_of(bpf_insn_row_at(OP_CALLX), reg, 0, 0, 0));
		return true;
	}
	from = s->p;
	if (asm_eat(s, "local") || (s->end - s->p > 3 && s->p[0] == 'p' && s->p[1] == 'c' && strchr("+-", s->p[2]))) {
		if (!asm_want_target(s, &n, 32))
			return false;
		asm_put(s, asm_of(bpf_insn_row_at(OP_CALLSUB), 0, 0, 0, n));
		return true;
	}
	if (asm_eat(s, "runtime"))
		kfunc = true;
	else
		asm_eat(s, "helper");
	asm_blanks(s);
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
				asm_put(s, asm_of(bpf_insn_row_at(OP_CALL), 0, 0, 0, h->id));
			} else {        /* a label of this text */
				VEC_PUSH(s->a, &s->fixes, ((Fix){ s->code.n, name, (u32)len, asm_span(s, name, s->p) }));
				asm_put(s, asm_of(bpf_insn_row_at(OP_CALLSUB), 0, 0, 0, 0));
			}
			return true;
		}
	}
	if (!asm_want_num(s, &n, 32, "a helper's name or number, 'local LABEL', or pc+N"))
		return false;
	if (asm_eat(s, "@") && !asm_want_num(s, &off, 16, "a number"))
		return false;
	(void)from;
	asm_put(s, asm_of(bpf_insn_row_at(kfunc ? OP_CALLKFUNC : OP_CALL), 0, 0, off, n));
	return true;
}

/* ---- lines ---- */

static bool
asm_insn(Asm *s)
{
	const char *mn;
	u32 reg, width;
	u64 n;
	bool may;

	if (asm_eat_reg(s, &reg, &width))
		return reg > 10 ? asm_fail(s, s->p, "a register r0 to r10") : asm_alu(s, reg, width);
	if (asm_eat(s, "if"))
		return asm_if(s);
	may = asm_eat(s, "may_goto");
	if (may || asm_eat(s, "goto")) {
		if (!asm_want_target(s, &n, 16))
			return false;
		asm_put(s, asm_of(bpf_insn_row_at(may ? OP_MAYGOTO : OP_JA), 0, 0, n, 0));
		return true;
	}
	if (asm_eat(s, "gotol")) {
		if (!asm_want_target(s, &n, 32))
			return false;
		asm_put(s, asm_of(bpf_insn_row_at(OP_JA32), 0, 0, 0, n));
		return true;
	}
	if (asm_eat(s, "call") || asm_eat(s, "callx"))
		return asm_call(s);
	if (asm_eat(s, "exit")) {
		asm_put(s, asm_of(bpf_insn_row_at(OP_EXIT), 0, 0, 0, 0));
		return true;
	}
	if (asm_eat(s, "lock"))
		return asm_lock(s);
	if (asm_eat(s, "lddw"))
		return asm_lddw(s);
	if (asm_eat(s, "store_release("))
		return asm_release(s);
	if (asm_eat(s, ".quad") || asm_eat(s, ".8byte")) {
		Insn i;

		if (!asm_want_num(s, &n, 64, "a number"))
			return false;
		memcpy(&i, &n, sizeof(i));
		asm_put(s, i);
		return true;
	}
	if (*s->p == '*')
		return asm_store(s, false);
	for (mn = s->p; s->p < s->end && (isalnum((unsigned char)*s->p) || *s->p == '_'); )
		s->p++;
	if (s->p == mn)
		return asm_fail(s, mn, "an instruction");
	return asm_operands(s, mn, (size_t)(s->p - mn));
}

/* "name:" at the start of the line, and the "12:" and "(b7)" of a log */
static void
asm_labels(Asm *s)
{
	for (;;) {
		const char *from, *q;

		asm_blanks(s);
		for (from = q = s->p; q < s->end && (isalnum((unsigned char)*q) || *q == '_' || *q == '.' || *q == '$'); )
			q++;
		if (q > from && q < s->end && *q == ':') {
			if (map_get(&s->labels, from, (size_t)(q - from))) {
				diag_err(s->d, asm_span(s, from, q), E_ASM, "label '%.*s' is there already", (int)(q - from), from);
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
		asm_blanks(&s);
		pc = s.code.n;
		if (s.p == s.end || !asm_insn(&s))
			continue;
		asm_blanks(&s);
		if (s.p < s.end)
			asm_fail(&s, s.p, "the end of the line");
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
