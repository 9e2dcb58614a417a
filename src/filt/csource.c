/* csource: the filter as a C function, from the graph: one label per test, loads through three helpers that answer the
 * packet's end by leaving the function. */
#include "filt/in.h"

#include "bpf/bpf.h"

#include <linux/filter.h>

static const char *
sign(u16 op)
{
	switch (op) {
	case BPF_ADD: return "+";
	case BPF_SUB: return "-";
	case BPF_MUL: return "*";
	case BPF_DIV: return "/";
	case BPF_MOD: return "%";
	case BPF_AND: return "&";
	case BPF_OR: return "|";
	case BPF_XOR: return "^";
	case BPF_LSH: return "<<";
	}
	return ">>";
}

/* The loads and divisors of a value that have to be looked at before it is computed. */
static void
guards(const Ex *e, Buf *out)
{
	if (!e || !e->may_fail)
		return;
	guards(e->a, out);
	guards(e->b, out);
	if (e->op == X_LD) {
		buf_puts(out, "\tif (");
		if (e->a) {
			buf_puts(out, "(unsigned long long)");
			filt_c_value(e->a, out);
			buf_printf(out, " + %u > caplen)\n\t\treturn 0;\n", e->k + e->size);
		} else {
			buf_printf(out, "%lluull > caplen)\n\t\treturn 0;\n", (unsigned long long)e->k + e->size);
		}
	}
	if (e->op == X_ALU && (e->alu == BPF_DIV || e->alu == BPF_MOD) && e->b->op != X_IMM) {
		buf_puts(out, "\tif (!");
		filt_c_value(e->b, out);
		buf_puts(out, ")\n\t\treturn 0;\n");
	}
}

void
filt_c_value(const Ex *e, Buf *out)
{
	switch (e->op) {
	case X_IMM: buf_printf(out, e->k > 9 ? "0x%xu" : "%uu", e->k); return;
	case X_LEN: buf_puts(out, "len"); return;
	case X_CELL: buf_printf(out, "m%u", e->k); return;
	case X_ASK: buf_printf(out, "ask%u(p, caplen)", e->k); return;
	case X_LD:
		buf_printf(out, "load%u(p + ", e->size * 8);
		if (e->a) {
			filt_c_value(e->a, out);
			buf_printf(out, " + %u)", e->k);
		} else {
			buf_printf(out, "%u)", e->k);
		}
		return;
	case X_NEG:
		buf_puts(out, "(-");
		filt_c_value(e->a, out);
		buf_putc(out, ')');
		return;
	}
	if ((e->alu == BPF_LSH || e->alu == BPF_RSH) && e->op == X_ALU && e->b->op != X_IMM) {
		buf_puts(out, e->alu == BPF_LSH ? "shift_left(" : "shift_right(");
		filt_c_value(e->a, out);
		buf_puts(out, ", ");
		filt_c_value(e->b, out);
		buf_putc(out, ')');
		return;
	}
	buf_putc(out, '(');
	filt_c_value(e->a, out);
	buf_printf(out, " %s ", e->op == X_CMP ? (e->alu == BPF_JEQ ? "==" : e->alu == BPF_JGT ? ">" : ">=") : sign(e->alu));
	filt_c_value(e->b, out);
	buf_putc(out, ')');
}

static void
target(const Node *n, Buf *out)
{
	if (n->op == N_RET)
		buf_printf(out, "return %u;\n", n->k);
	else
		buf_printf(out, "goto n%u;\n", n->id);
}

static void
condition(const Node *n, Buf *out)
{
	const Set *s = n->set;

	for (u32 i = 0; i < s->n; i++) {
		if (i)
			buf_puts(out, i % 6 ? " || " : " ||\n\t    ");
		if (s->r[i].lo == s->r[i].hi)
			buf_printf(out, "v == 0x%xu", s->r[i].lo);
		else if (!s->r[i].lo)
			buf_printf(out, "v <= 0x%xu", s->r[i].hi);
		else if (s->r[i].hi >= n->e->hi)
			buf_printf(out, "v >= 0x%xu", s->r[i].lo);
		else
			buf_printf(out, "v - 0x%xu <= 0x%xu", s->r[i].lo, s->r[i].hi - s->r[i].lo);
	}
}

static void
chain(const Node *n, Buf *out)
{
	const Chain *c = n->chain;

	buf_printf(out, "\tv = chain(p, caplen, %u, %u, %u);\n\tif (v == 2)\n\t\treturn 0;\n\tif (v)\n\t\t", c->net, c->v6, c->proto);
	target(n->t, out);
	buf_puts(out, "\t");
	target(n->f, out);
}

static const char helpers[] =
	"static unsigned load8(const unsigned char *p) { return p[0]; }\n"
	"static unsigned load16(const unsigned char *p) { return (unsigned)p[0] << 8 | p[1]; }\n"
	"static unsigned load32(const unsigned char *p) { return load16(p) << 16 | load16(p + 2); }\n"
	"static unsigned shift_left(unsigned a, unsigned n) { return n < 32 ? a << n : 0; }\n"
	"static unsigned shift_right(unsigned a, unsigned n) { return n < 32 ? a >> n : 0; }\n";
static const char chain_helper[] =
	"/* 1: the protocol is there, 0: it is not, 2: the packet ends before */\n"
	"static unsigned chain(const unsigned char *p, unsigned caplen, unsigned net, unsigned v6, unsigned want)\n"
	"{\n"
	"\tunsigned at = 40, proto, turns;\n\n"
	"\tif (net + 20 > caplen)\n\t\treturn 2;\n"
	"\tif (!v6)\n\t\tat = (p[net] & 15) * 4;\n"
	"\tproto = p[net + (v6 ? 6 : 9)];\n"
	"\tfor (turns = 0; turns < 8192; turns++) {\n"
	"\t\tif (proto == want)\n\t\t\treturn 1;\n"
	"\t\tif (!(proto == 51 || (v6 && (proto == 0 || proto == 60 || proto == 43 || proto == 44))))\n\t\t\treturn 0;\n"
	"\t\tif ((unsigned long long)net + at + 2 > caplen)\n\t\t\treturn 2;\n"
	"\t\tunsigned next = p[net + at], len = p[net + at + 1];\n"
	"\t\tat = proto == 51 ? (len + 2) * 4 : at + (len + 1) * 8;\n"
	"\t\tproto = next;\n"
	"\t}\n"
	"\treturn 0;\n"
	"}\n";

/* A search for each text that the filter asks for. */
static void
searches(const Filt *f, Buf *out)
{
	for (u32 i = 0; i < f->exact.g->ask.n; i++) {
		const Ask *k = &f->exact.g->ask.v[i];

		buf_printf(out, "static unsigned ask%u(const unsigned char *p, unsigned n)\n{\n\tstatic const unsigned char text[%u] = {", i,
			MAX(k->v, 1u));
		for (u32 j = 0; j < k->v; j++)
			buf_printf(out, "%s0x%02x", j ? j % 16 ? ", " : ",\n\t\t" : " ", (u8)k->text[j]);
		buf_printf(out, " };\n\tunsigned i, j;\n\n\tfor (i = 0; i + %u <= n; i++) {\n"
			"\t\tfor (j = 0; j < %u && p[i + j] == text[j]; j++)\n\t\t\t;\n"
			"\t\tif (j == %u)\n\t\t\treturn 1;\n\t}\n\treturn 0;\n}\n", k->v, k->v, k->v);
	}
}

void
filt_c(const Filt *f, const char *name, Buf *out)
{
	u32 n = f->exact.root->id + 1;
	bool *reached = NEW_N(f->a, bool, n), has_chain = false;
	u64 cells = 0;

	reached[f->exact.root->id] = true;
	for (u32 i = n; i-- > 0;) {
		Node *x = f->exact.g->node.v[i];

		if (!reached[i] || x->op == N_RET)
			continue;
		reached[x->t->id] = true;
		if (x->f)
			reached[x->f->id] = true;
		has_chain |= x->op == N_CHAIN;
		cells |= (x->e ? x->e->cells : 0) | (x->op == N_LET ? 1ull << x->k : 0);
	}
	buf_printf(out, "/* A packet filter: 1 if it accepts the packet of caplen bytes (len on the wire). */\n%s%s", helpers,
		has_chain ? chain_helper : "");
	searches(f, out);
	buf_printf(out, "\nint\n%s(const unsigned char *p, unsigned caplen, unsigned len)\n{\n\tunsigned v;\n", name);
	for (u32 c = 0; c < 64; c++)
		if (cells >> c & 1)
			buf_printf(out, "\tunsigned m%u = 0;\n", c);
	buf_puts(out, "\n\t(void)len, (void)v, (void)load8, (void)load16, (void)load32, (void)shift_left, (void)shift_right;\n");
	for (u32 i = n; i-- > 0;) {
		Node *x = f->exact.g->node.v[i];

		if (!reached[i])
			continue;
		if (x->op == N_RET) {
			if (x == f->exact.root)
				buf_printf(out, "\treturn %u;\n", x->k);
			continue;
		}
		if (x != f->exact.root)
			buf_printf(out, "n%u:\n", i);
		if (x->op == N_CHAIN) {
			chain(x, out);
			continue;
		}
		guards(x->e, out);
		if (x->op == N_LET)
			buf_printf(out, "\tm%u = ", x->k);
		else
			buf_puts(out, "\tv = ");
		filt_c_value(x->e, out);
		buf_puts(out, ";\n");
		if (x->op == N_TEST) {
			buf_puts(out, "\tif (");
			condition(x, out);
			buf_puts(out, ")\n\t\t");
			target(x->t, out);
		}
		buf_putc(out, '\t');
		target(x->op == N_TEST ? x->f : x->t, out);
	}
	buf_puts(out, "}\n");
}
