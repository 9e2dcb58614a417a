/* classic: classic BPF with its Linux extensions: text and back, the kernel's checks, conversion to extended BPF.
 * Text is that of tcpdump -d and of the kernel's bpf_asm: "ldh [12]", "jeq #0x800, yes, no" or "jeq #0x800 jt 2 jf 5". */
#include "bpf/bpf.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

typedef struct sock_filter Classic;

/* CLASSIC(code, mnemonic, operand): operands: k #k, l #len, a [k], i [x + k], m M[k], h 4*([k]&0xf), x x, A a, - none, j jump */
static const struct { u16 code; char operand; const char *mn; } rows[] = {
	{ BPF_LD | BPF_W | BPF_ABS, 'a', "ld" }, { BPF_LD | BPF_H | BPF_ABS, 'a', "ldh" }, { BPF_LD | BPF_B | BPF_ABS, 'a', "ldb" },
	{ BPF_LD | BPF_W | BPF_IND, 'i', "ld" }, { BPF_LD | BPF_H | BPF_IND, 'i', "ldh" }, { BPF_LD | BPF_B | BPF_IND, 'i', "ldb" },
	{ BPF_LD | BPF_IMM, 'k', "ld" }, { BPF_LD | BPF_MEM, 'm', "ld" }, { BPF_LD | BPF_W | BPF_LEN, 'l', "ld" },
	{ BPF_LDX | BPF_IMM, 'k', "ldx" }, { BPF_LDX | BPF_MEM, 'm', "ldx" }, { BPF_LDX | BPF_W | BPF_LEN, 'l', "ldx" },
	{ BPF_LDX | BPF_B | BPF_MSH, 'h', "ldxb" }, { BPF_ST, 'm', "st" }, { BPF_STX, 'm', "stx" },
	{ BPF_JMP | BPF_JA, 'j', "ja" },
	{ BPF_JMP | BPF_JEQ | BPF_K, 'k', "jeq" }, { BPF_JMP | BPF_JEQ | BPF_X, 'x', "jeq" },
	{ BPF_JMP | BPF_JGT | BPF_K, 'k', "jgt" }, { BPF_JMP | BPF_JGT | BPF_X, 'x', "jgt" },
	{ BPF_JMP | BPF_JGE | BPF_K, 'k', "jge" }, { BPF_JMP | BPF_JGE | BPF_X, 'x', "jge" },
	{ BPF_JMP | BPF_JSET | BPF_K, 'k', "jset" }, { BPF_JMP | BPF_JSET | BPF_X, 'x', "jset" },
	{ BPF_ALU | BPF_ADD | BPF_K, 'k', "add" }, { BPF_ALU | BPF_ADD | BPF_X, 'x', "add" },
	{ BPF_ALU | BPF_SUB | BPF_K, 'k', "sub" }, { BPF_ALU | BPF_SUB | BPF_X, 'x', "sub" },
	{ BPF_ALU | BPF_MUL | BPF_K, 'k', "mul" }, { BPF_ALU | BPF_MUL | BPF_X, 'x', "mul" },
	{ BPF_ALU | BPF_DIV | BPF_K, 'k', "div" }, { BPF_ALU | BPF_DIV | BPF_X, 'x', "div" },
	{ BPF_ALU | BPF_MOD | BPF_K, 'k', "mod" }, { BPF_ALU | BPF_MOD | BPF_X, 'x', "mod" },
	{ BPF_ALU | BPF_AND | BPF_K, 'k', "and" }, { BPF_ALU | BPF_AND | BPF_X, 'x', "and" },
	{ BPF_ALU | BPF_OR | BPF_K, 'k', "or" }, { BPF_ALU | BPF_OR | BPF_X, 'x', "or" },
	{ BPF_ALU | BPF_XOR | BPF_K, 'k', "xor" }, { BPF_ALU | BPF_XOR | BPF_X, 'x', "xor" },
	{ BPF_ALU | BPF_LSH | BPF_K, 'k', "lsh" }, { BPF_ALU | BPF_LSH | BPF_X, 'x', "lsh" },
	{ BPF_ALU | BPF_RSH | BPF_K, 'k', "rsh" }, { BPF_ALU | BPF_RSH | BPF_X, 'x', "rsh" },
	{ BPF_ALU | BPF_NEG, '-', "neg" },
	{ BPF_RET | BPF_K, 'k', "ret" }, { BPF_RET | BPF_A, 'A', "ret" },
	{ BPF_MISC | BPF_TAX, '-', "tax" }, { BPF_MISC | BPF_TXA, '-', "txa" },
};

/* What loads at SKF_AD_OFF + n mean on Linux. field: offset in struct __sk_buff, -1: a helper, -2: extended BPF has no such
 * thing. swap: kept in network order there. */
static const struct { u32 n; const char *name; s32 field; bool swap; } extras[] = {
	{ SKF_AD_PROTOCOL, "proto", offsetof(struct __sk_buff, protocol), true },
	{ SKF_AD_PKTTYPE, "type", offsetof(struct __sk_buff, pkt_type), false },
	{ SKF_AD_IFINDEX, "ifidx", offsetof(struct __sk_buff, ifindex), false },
	{ SKF_AD_NLATTR, "nla", -2, false }, { SKF_AD_NLATTR_NEST, "nlan", -2, false },
	{ SKF_AD_MARK, "mark", offsetof(struct __sk_buff, mark), false },
	{ SKF_AD_QUEUE, "queue", offsetof(struct __sk_buff, queue_mapping), false },
	{ SKF_AD_HATYPE, "hatype", -2, false },
	{ SKF_AD_RXHASH, "rxhash", offsetof(struct __sk_buff, hash), false },
	{ SKF_AD_CPU, "cpu", -1, false },
	{ SKF_AD_VLAN_TAG, "vlan_tci", offsetof(struct __sk_buff, vlan_tci), false },
	{ SKF_AD_VLAN_TAG_PRESENT, "vlan_avail", offsetof(struct __sk_buff, vlan_present), false },
	{ SKF_AD_PAY_OFFSET, "poff", -2, false }, { SKF_AD_RANDOM, "rand", -1, false },
	{ SKF_AD_VLAN_TPID, "vlan_tpid", offsetof(struct __sk_buff, vlan_proto), true },
};

static s32
row_of(u16 code)
{
	for (u32 i = 0; i < COUNT(rows); i++)
		if (rows[i].code == code)
			return (s32)i;
	return -1;
}

static s32
extra_of(const Classic *f)
{
	if (BPF_CLASS(f->code) == BPF_LD && BPF_MODE(f->code) == BPF_ABS)
		for (u32 i = 0; i < COUNT(extras); i++)
			if (f->k == (u32)SKF_AD_OFF + extras[i].n)
				return (s32)i;
	return -1;
}

bool
bpf_classic_dis(const Classic *f, u32 pc, Buf *out)
{
	s32 row = row_of(f->code), extra = extra_of(f);
	bool jump = row >= 0 && BPF_CLASS(f->code) == BPF_JMP && rows[row].operand != 'j';

	if (row < 0) {
		buf_printf(out, "unimp 0x%x", f->code);
		return false;
	}
	buf_printf(out, rows[row].operand == '-' ? "%s" : "%-8s ", rows[row].mn);
	switch (rows[row].operand) {
	case 'k': buf_printf(out, BPF_CLASS(f->code) == BPF_RET ? "#%u" : "#0x%x", f->k); break;
	case 'l': buf_puts(out, "#len"); break;
	case 'a':
		if (extra >= 0)
			buf_puts(out, extras[extra].name);
		else
			buf_printf(out, "[%d]", (s32)f->k);
		break;
	case 'i': buf_printf(out, "[x + %d]", (s32)f->k); break;
	case 'm': buf_printf(out, "M[%u]", f->k); break;
	case 'h': buf_printf(out, "4*([%d]&0xf)", (s32)f->k); break;
	case 'x': buf_puts(out, "x"); break;
	case 'A': buf_puts(out, "a"); break;
	case 'j': buf_printf(out, "%u", pc + 1 + f->k); break;
	}
	if (jump)
		buf_printf(out, " jt %u jf %u", pc + 1 + f->jt, pc + 1 + f->jf);
	return true;
}

/* ---- text to instructions ---- */

typedef struct Fix { u32 pc, field; const char *label; u32 len; Span at; } Fix;     /* field: 0 k, 1 jt, 2 jf */
typedef struct Text {
	Diag *d;
	Arena *a;
	u32 base;
	const char *text, *p, *end;
	Vec(Classic) code;
	Vec(Fix) fixes;
	Map labels;
} Text;

static void
blanks(Text *t)
{
	while (t->p < t->end && isspace((u8)*t->p))
		t->p++;
}

static bool
eat(Text *t, const char *s)
{
	size_t n = strlen(s);

	blanks(t);
	if ((size_t)(t->end - t->p) < n || strncasecmp(t->p, s, n))
		return false;
	if (isalnum((u8)s[n - 1]) && t->p + n < t->end && (isalnum((u8)t->p[n]) || t->p[n] == '_'))
		return false;
	t->p += n;
	return true;
}

static bool
number(Text *t, u32 *v)
{
	char word[40];
	const char *q;
	char *stop;
	u32 n = 0;

	blanks(t);
	for (q = t->p; q < t->end && n < sizeof(word) - 1 && (isalnum((u8)*q) || (!n && (*q == '-' || *q == '+'))); q++)
		word[n++] = *q;
	word[n] = 0;
	if (!n || !isdigit((u8)word[n > 1 && !isalnum((u8)word[0])]))
		return false;
	*v = (u32)strtoll(word, &stop, 0);
	if (*stop)
		return false;
	t->p = q;
	return true;
}

static bool
fail(Text *t, const char *want)
{
	const char *to = t->p;

	blanks(t);
	for (to = t->p; to < t->end && !isspace((u8)*to); )
		to++;
	diag_err(t->d, (Span){ t->base + (u32)(t->p - t->text), t->base + (u32)(to - t->text) }, E_ASM, "found '%.*s'; expected %s",
		 (int)MIN(to - t->p, 40), t->p, want);
	return false;
}

/* A label, or the number of an instruction. */
static bool
target(Text *t, u32 field)
{
	const char *from;

	blanks(t);
	for (from = t->p; t->p < t->end && (isalnum((u8)*t->p) || *t->p == '_' || *t->p == '.'); )
		t->p++;
	if (t->p == from)
		return fail(t, "a label or the number of an instruction");
	VEC_PUSH(t->a, &t->fixes, ((Fix){ t->code.n, field, from, (u32)(t->p - from),
					  { t->base + (u32)(from - t->text), t->base + (u32)(t->p - t->text) } }));
	return true;
}

/* The operand of one kind; false without a message if it is another kind. */
static bool
operand(Text *t, char kind, Classic *f)
{
	switch (kind) {
	case 'k':
		return eat(t, "#") && number(t, &f->k);
	case 'l':
		return eat(t, "#len") || eat(t, "#pktlen") || eat(t, "len");
	case 'a':
		for (u32 i = 0; i < COUNT(extras); i++)
			if (eat(t, extras[i].name)) {
				f->k = (u32)SKF_AD_OFF + extras[i].n;
				return true;
			}
		return eat(t, "[") && number(t, &f->k) && eat(t, "]");
	case 'i':
		if (!eat(t, "[") || !(eat(t, "x") || eat(t, "%x")))
			return false;
		eat(t, "+");
		return (number(t, &f->k) || true) && eat(t, "]");
	case 'm':
		return eat(t, "m[") && number(t, &f->k) && eat(t, "]");
	case 'h':
		return eat(t, "4*([") && number(t, &f->k) && eat(t, "]") && eat(t, "&") && (eat(t, "0xf") || eat(t, "15")) && eat(t, ")");
	case 'x':
		return eat(t, "x") || eat(t, "%x");
	case 'A':
		return eat(t, "a") || eat(t, "%a");
	case 'j':
		return target(t, 0);
	}
	return true;
}

/* behind the operand of a conditional jump */
static bool
ways(Text *t, bool negated)
{
	u32 yes = negated ? 2 : 1, no = negated ? 1 : 2;

	if (eat(t, "jt"))
		return target(t, yes) && (eat(t, "jf") || fail(t, "jf")) && target(t, no);
	if (!eat(t, ","))
		return fail(t, "', LABEL' or 'jt N jf N'");
	if (!target(t, yes))
		return false;
	return !eat(t, ",") || target(t, no);
}

static bool
line(Text *t)
{
	/* names for the other way round, which have no code of their own */
	static const struct { const char *name, *is; } negated[] = { { "jne", "jeq" }, { "jneq", "jeq" }, { "jle", "jgt" }, { "jlt", "jge" } };
	const char *from = t->p, *start;
	char mn[16] = "";
	bool known = false, neg = false;
	u32 n = 0;

	for (; t->p < t->end && isalnum((u8)*t->p) && n < sizeof(mn) - 1; t->p++)
		mn[n++] = (char)tolower((u8)*t->p);
	for (u32 i = 0; i < COUNT(negated); i++)
		if (!strcmp(mn, negated[i].name))
			strcpy(mn, negated[i].is), neg = true;
	if (!strcmp(mn, "jmp"))
		strcpy(mn, "ja");
	if (!strcmp(mn, "ldi"))
		strcpy(mn, "ld");
	start = t->p;
	for (u32 i = 0; i < COUNT(rows); i++) {
		Classic f = { .code = rows[i].code };
		u32 fixes = t->fixes.n;

		if (strcmp(mn, rows[i].mn) && !(rows[i].operand == 'h' && !strcmp(mn, "ldx")))
			continue;
		known = true;
		t->p = start;
		if (!operand(t, rows[i].operand, &f)) {
			t->fixes.n = fixes;
			continue;
		}
		if (BPF_CLASS(f.code) == BPF_JMP && rows[i].operand != 'j' && !ways(t, neg))
			return false;
		VEC_PUSH(t->a, &t->code, f);
		blanks(t);
		return t->p == t->end ? true : fail(t, "the end of the line");
	}
	t->p = known ? start : from;
	return fail(t, known ? "#number, [offset], [x + offset], M[n], x or what else this instruction takes" : "an instruction of classic BPF");
}

bool
bpf_classic_asm(const char *name, const char *text, size_t n, Diag *d, Arena *a, Classic **code, u32 *count)
{
	Text t = { .d = d, .a = a, .text = text, .base = diag_source(d, name, text, n), .labels = { .arena = a } };
	u32 before = diag_errors(d);

	for (const char *p = text, *stop; p < text + n; p = stop + 1) {
		const char *q;

		stop = memchr(p, '\n', (size_t)(text + n - p));
		if (!stop)
			stop = text + n;
		t.p = p, t.end = stop;
		for (q = p; q < stop; q++)
			if (*q == ';' || (*q == '/' && q + 1 < stop && (q[1] == '/' || q[1] == '*')))
				t.end = q, q = stop;
		for (;;) {      /* "label:" and "(003)" of a listing */
			blanks(&t);
			for (q = t.p; q < t.end && (isalnum((u8)*q) || *q == '_' || *q == '.'); )
				q++;
			if (q > t.p && q < t.end && *q == ':') {
				map_set(&t.labels, t.p, (size_t)(q - t.p), (void *)(uintptr_t)(t.code.n + 1));
				t.p = q + 1;
			} else if (t.p < t.end && *t.p == '(' && (q = memchr(t.p, ')', (size_t)(t.end - t.p))) && isdigit((u8)t.p[1])) {
				t.p = q + 1;
			} else
				break;
		}
		if (t.p < t.end)
			line(&t);
	}
	for (u32 i = 0; i < t.fixes.n; i++) {
		Fix *x = &t.fixes.v[i];
		uintptr_t to = (uintptr_t)map_get(&t.labels, x->label, x->len);
		s64 off;

		if (!to && isdigit((u8)x->label[0]))
			to = strtoull(arena_str(a, x->label, x->len), NULL, 10) + 1;
		off = (s64)to - 1 - x->pc - 1;
		if (!to)
			diag_err(d, x->at, E_ASM, "there is no label '%.*s'", (int)MIN(x->len, 60u), x->label);
		else if (off < 0 || off > (x->field ? 255 : INT32_MAX))
			diag_err(d, x->at, E_ASM, off < 0 ? "classic BPF jumps forward only" : "a conditional jump reaches 255 instructions");
		else if (x->pc < t.code.n)
			*(x->field == 0 ? &t.code.v[x->pc].k : &(u32){ 0 }) = (u32)off;
		if (to && x->field == 1 && x->pc < t.code.n)
			t.code.v[x->pc].jt = (u8)off;
		if (to && x->field == 2 && x->pc < t.code.n)
			t.code.v[x->pc].jf = (u8)off;
	}
	*code = t.code.v;
	*count = t.code.n;
	return diag_errors(d) == before;
}

/* ---- the kernel's checks ---- */

/* Every load from M[] must follow a store on every way; jumps go forward, so one walk tells. */
static bool
memory(const Classic *f, u32 n, Buf *why)
{
	u16 *on_entry = malloc(n * sizeof(u16)), valid = 0;
	bool ok = true;

	memset(on_entry, 0xff, n * sizeof(u16));
	for (u32 pc = 0; pc < n && ok; pc++) {
		valid &= on_entry[pc];
		switch (f[pc].code) {
		case BPF_ST: case BPF_STX:
			valid |= (u16)(1u << f[pc].k);
			break;
		case BPF_LD | BPF_MEM: case BPF_LDX | BPF_MEM:
			ok = valid >> f[pc].k & 1;
			if (!ok)
				buf_printf(why, "instruction %u reads M[%u] before it is written", pc, f[pc].k);
			break;
		case BPF_JMP | BPF_JA:
			on_entry[pc + 1 + f[pc].k] &= valid;
			valid = 0xffff;
			break;
		default:
			if (BPF_CLASS(f[pc].code) == BPF_JMP) {
				on_entry[pc + 1 + f[pc].jt] &= valid;
				on_entry[pc + 1 + f[pc].jf] &= valid;
				valid = 0xffff;
			}
		}
	}
	free(on_entry);
	return ok;
}

bool
bpf_classic_check(const Classic *f, u32 n, Buf *why)
{
	if (!n || n > BPF_MAXINSNS) {
		buf_printf(why, "a filter has 1 to %u instructions, not %u", BPF_MAXINSNS, n);
		return false;
	}
	for (u32 pc = 0; pc < n; pc++) {
		s32 row = row_of(f[pc].code);
		char op = row < 0 ? 0 : rows[row].operand;
		u32 alu = BPF_CLASS(f[pc].code) == BPF_ALU ? BPF_OP(f[pc].code) : ~0u;

		if (row < 0)
			buf_printf(why, "instruction %u: unknown code 0x%x", pc, f[pc].code);
		else if (op == 'm' && f[pc].k >= BPF_MEMWORDS)
			buf_printf(why, "instruction %u: M[%u]; there are 16 words", pc, f[pc].k);
		else if (op == 'j' && (u64)pc + 1 + f[pc].k >= n)
			buf_printf(why, "instruction %u jumps out of the filter", pc);
		else if (BPF_CLASS(f[pc].code) == BPF_JMP && op != 'j' && (pc + 1 + f[pc].jt >= n || pc + 1 + f[pc].jf >= n))
			buf_printf(why, "instruction %u jumps out of the filter", pc);
		else if (op == 'k' && (alu == BPF_DIV || alu == BPF_MOD) && !f[pc].k)
			buf_printf(why, "instruction %u divides by zero", pc);
		else if (op == 'k' && (alu == BPF_LSH || alu == BPF_RSH) && f[pc].k > 31)
			buf_printf(why, "instruction %u shifts by %u", pc, f[pc].k);
		else
			continue;
		return false;
	}
	if (BPF_CLASS(f[n - 1].code) != BPF_RET) {
		buf_puts(why, "the last instruction is no ret");
		return false;
	}
	return memory(f, n, why);
}

/* ---- to extended BPF: A is r0, X is r7, the packet's context r6, M[] on the stack; r8 holds A across a load ---- */

enum { A = 0, X = 7, CTX = 6, SAVE = 8, FP = 10 };

typedef struct Conv { Insn *out; u32 n; const u32 *at; } Conv;

static void
put(Conv *c, u32 op, u32 dst, u32 src, s32 off, u32 imm)
{
	const InsnRow *r = bpf_insn_row_at(op);

	if (c->out)
		c->out[c->n] = (Insn){ .code = r->code, .dst_reg = dst & 15, .src_reg = src & 15, .off = (s16)off,
				       .imm = r->shape == SH_END ? r->var : (s32)imm };
	c->n++;
}

static void
jump(Conv *c, u32 op, u32 src, u32 imm, u32 to)
{
	put(c, op, A, src, c->out ? (s32)c->at[to] - (s32)c->n - 1 : 0, imm);
}

/* A load into A: from the packet, or one of Linux's extras. */
static bool
load(Conv *c, const Classic *f, Buf *why)
{
	s32 extra = extra_of(f);
	u32 size = BPF_SIZE(f->code);

	if (BPF_MODE(f->code) == BPF_IND) {
		put(c, size == BPF_W ? OP_LDINDW : size == BPF_H ? OP_LDINDH : OP_LDINDB, 0, X, 0, f->k);
		return true;
	}
	if (extra < 0) {
		put(c, size == BPF_W ? OP_LDABSW : size == BPF_H ? OP_LDABSH : OP_LDABSB, 0, 0, 0, f->k);
		return true;
	}
	if (extras[extra].field == -2) {
		buf_printf(why, "extended BPF has no '%s'", extras[extra].name);
		return false;
	}
	if (extras[extra].field == -1)
		put(c, OP_CALL, 0, 0, 0, extras[extra].n == SKF_AD_CPU ? BPF_FUNC_get_smp_processor_id : BPF_FUNC_get_prandom_u32);
	else
		put(c, OP_LDXW, A, CTX, extras[extra].field, 0);
	if (extras[extra].swap)
		put(c, OP_BE16, A, 0, 0, 0);
	return true;
}

static s32 word(u32 k) { return -64 + (s32)k * 4; }

static bool
one(Conv *c, const Classic *f, u32 pc, Buf *why)
{
	static const struct { u16 op; u16 k; } alus[] = {
		{ BPF_ADD, OP_ADD32K }, { BPF_SUB, OP_SUB32K }, { BPF_MUL, OP_MUL32K }, { BPF_DIV, OP_DIV32K }, { BPF_MOD, OP_MOD32K },
		{ BPF_AND, OP_AND32K }, { BPF_OR, OP_OR32K }, { BPF_XOR, OP_XOR32K }, { BPF_LSH, OP_LSH32K }, { BPF_RSH, OP_RSH32K },
	};
	bool x = BPF_SRC(f->code) == BPF_X;
	u32 op = BPF_OP(f->code), jmp;

	switch (BPF_CLASS(f->code)) {
	case BPF_LD:
		switch (BPF_MODE(f->code)) {
		case BPF_IMM: put(c, OP_MOV32K, A, 0, 0, f->k); return true;
		case BPF_MEM: put(c, OP_LDXW, A, FP, word(f->k), 0); return true;
		case BPF_LEN: put(c, OP_LDXW, A, CTX, offsetof(struct __sk_buff, len), 0); return true;
		}
		return load(c, f, why);
	case BPF_LDX:
		switch (BPF_MODE(f->code)) {
		case BPF_IMM: put(c, OP_MOV32K, X, 0, 0, f->k); return true;
		case BPF_MEM: put(c, OP_LDXW, X, FP, word(f->k), 0); return true;
		case BPF_LEN: put(c, OP_LDXW, X, CTX, offsetof(struct __sk_buff, len), 0); return true;
		}
		put(c, OP_MOV64X, SAVE, A, 0, 0);
		put(c, OP_LDABSB, 0, 0, 0, f->k);
		put(c, OP_AND32K, A, 0, 0, 15);
		put(c, OP_LSH32K, A, 0, 0, 2);
		put(c, OP_MOV64X, X, A, 0, 0);
		put(c, OP_MOV64X, A, SAVE, 0, 0);
		return true;
	case BPF_ST: put(c, OP_STXW, FP, A, word(f->k), 0); return true;
	case BPF_STX: put(c, OP_STXW, FP, X, word(f->k), 0); return true;
	case BPF_RET:
		if (BPF_RVAL(f->code) == BPF_K)
			put(c, OP_MOV32K, A, 0, 0, f->k);
		put(c, OP_EXIT, 0, 0, 0, 0);
		return true;
	case BPF_MISC:
		put(c, OP_MOV64X, BPF_MISCOP(f->code) == BPF_TAX ? X : A, BPF_MISCOP(f->code) == BPF_TAX ? A : X, 0, 0);
		return true;
	case BPF_ALU:
		if (op == BPF_NEG) {
			put(c, OP_NEG32, A, 0, 0, 0);
			return true;
		}
		if (x && (op == BPF_DIV || op == BPF_MOD)) {    /* a filter that divides by zero matches nothing */
			put(c, OP_JNE32K, X, 0, 2, 0);
			put(c, OP_MOV32K, A, 0, 0, 0);
			put(c, OP_EXIT, 0, 0, 0, 0);
		}
		if (x && (op == BPF_LSH || op == BPF_RSH)) {
			put(c, OP_MOV64X, SAVE, X, 0, 0);
			put(c, OP_AND32K, SAVE, 0, 0, 31);
		}
		for (u32 i = 0; i < COUNT(alus); i++)
			if (alus[i].op == op)
				put(c, alus[i].k + x, A, !x ? 0 : op == BPF_LSH || op == BPF_RSH ? SAVE : X, 0, x ? 0 : f->k);
		return true;
	}
	if (op == BPF_JA) {
		put(c, OP_JA32, 0, 0, 0, c->out ? c->at[pc + 1 + f->k] - c->n - 1 : 0);
		return true;
	}
	if (f->jt == f->jf) {
		put(c, OP_JA32, 0, 0, 0, c->out ? c->at[pc + 1 + f->jt] - c->n - 1 : 0);
		return true;
	}
	jmp = op == BPF_JEQ ? OP_JEQ32K : op == BPF_JGT ? OP_JGT32K : op == BPF_JGE ? OP_JGE32K : OP_JSET32K;
	if (!f->jt && op != BPF_JSET) { /* the other way round needs one jump only */
		jmp = op == BPF_JEQ ? OP_JNE32K : op == BPF_JGT ? OP_JLE32K : OP_JLT32K;
		jump(c, jmp + x, x ? X : 0, x ? 0 : f->k, pc + 1 + f->jf);
		return true;
	}
	jump(c, jmp + x, x ? X : 0, x ? 0 : f->k, pc + 1 + f->jt);
	if (f->jf)
		put(c, OP_JA32, 0, 0, 0, c->out ? c->at[pc + 1 + f->jf] - c->n - 1 : 0);
	return true;
}

/* What no way leads to stays out: extended BPF refuses it. */
static void
reach(const Classic *f, u32 n, bool *on)
{
	on[0] = true;
	for (u32 pc = 0; pc < n; pc++) {
		if (!on[pc] || BPF_CLASS(f[pc].code) == BPF_RET)
			continue;
		if (f[pc].code == (BPF_JMP | BPF_JA))
			on[pc + 1 + f[pc].k] = true;
		else if (BPF_CLASS(f[pc].code) == BPF_JMP)
			on[pc + 1 + f[pc].jt] = on[pc + 1 + f[pc].jf] = true;
		else
			on[pc + 1] = true;
	}
}

bool
bpf_classic_convert(const Classic *f, u32 n, Arena *a, Insn **insns, u32 *count, Buf *why)
{
	u32 *at = NEW_N(a, u32, n + 1);
	Conv c = { .at = at };

	bool *on = NEW_N(a, bool, n + 1);

	if (!bpf_classic_check(f, n, why))
		return false;
	reach(f, n, on);
	for (int round = 0; round < 2; round++) {
		c.n = 0;
		if (round)
			c.out = NEW_N(a, Insn, at[n]);
		put(&c, OP_MOV64X, CTX, 1, 0, 0);
		put(&c, OP_MOV32K, A, 0, 0, 0);
		put(&c, OP_MOV32K, X, 0, 0, 0);
		for (u32 pc = 0; pc < n; pc++) {
			at[pc] = c.n;
			if (on[pc] && !one(&c, &f[pc], pc, why))
				return false;
		}
		at[n] = c.n;
	}
	*insns = c.out;
	*count = c.n;
	return true;
}
