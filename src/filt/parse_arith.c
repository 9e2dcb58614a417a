/* parse_arith: bytes of the packet, numbers and operators on them, and the comparisons they end in. */
#include "filt/parse.h"

static Arith *arith(Parser *p, int min);
static Arith *arith_more(Parser *p, Arith *l, int min);

static Arith *
new_arith(Parser *p, ArithKind kind, Span from)
{
	Arith *x = NEW(p->a, Arith);

	x->kind = (u8)kind;
	x->at = from;
	return x;
}

Arith *
filt_parse_number(Parser *p)
{
	Arith *x = new_arith(p, R_NUM, p->t->at);

	x->k = p->t++->value;
	return x;
}

/* PROTO [ arith ] or PROTO [ arith : size ] */
Arith *
filt_parse_load(Parser *p)
{
	Arith *x = new_arith(p, R_LOAD, p->t->at);
	Span open;

	x->proto = (u8)p->t++->value;
	open = p->t++->at;
	filt_parse_deeper(p);
	x->l = arith(p, 0);
	p->depth--;
	x->size = 1;
	if (filt_parse_take(p, TK_CHAR + ':')) {
		if (!filt_parse_at(p, TK_NUM))
			filt_parse_expected(p, "the number of bytes (1, 2 or 4)");
		if (p->t->value != 1 && p->t->value != 2 && p->t->value != 4) {
			diag_err(p->d, p->t->at, E_FILTER, "%u bytes cannot be read at once; it is 1, 2 or 4", p->t->value);
			longjmp(p->out, 1);
		}
		x->size = (u8)p->t++->value;
	}
	if (!filt_parse_at_char(p, ']')) {
		if (filt_parse_at(p, TK_END)) {
			diag_err(p->d, open, E_FILTER, "this '[' has no ']'");
			longjmp(p->out, 1);
		}
		filt_parse_expected(p, "an operator, ':' or ']'");
	}
	x->at.to = p->t->at.to;
	p->t++;
	return x;
}

Arith *
filt_parse_unary(Parser *p)
{
	Arith *x;
	Span from = p->t->at;

	if (filt_parse_at(p, TK_NUM))
		return filt_parse_number(p);
	if (filt_parse_take(p, TK_LEN))
		return new_arith(p, R_LEN, from);
	if (filt_parse_at(p, TK_PROTO) && p->t[1].kind == TK_CHAR + '[')
		return filt_parse_load(p);
	if (filt_parse_take(p, TK_CHAR + '-')) {
		filt_parse_deeper(p);
		x = new_arith(p, R_NEG, from);
		x->l = arith_more(p, filt_parse_unary(p), 9);
		x->at.to = x->l->at.to;
		p->depth--;
		return x;
	}
	if (filt_parse_take(p, TK_CHAR + '(')) {
		filt_parse_deeper(p);
		x = arith(p, 0);
		p->depth--;
		if (!filt_parse_at_char(p, ')'))
			filt_parse_expected(p, "an operator or ')'");
		p->t++;
		return x;
	}
	if (filt_parse_at(p, TK_PROTO)) {
		p->t++;
		filt_parse_expected(p, "'['");
	}
	filt_parse_expected(p, "a number, 'len' or a byte of the packet such as ip[0]");
}

/* In libpcap's grammar ^ and % have no precedence: they bind at once to what is on their left and take all
 * that follows as their right side (8 * 3 % 2 is 8 * 1, 1 ^ 2 | 4 is 1 ^ 6). */
enum { GREEDY = 9 };
static const struct { int tok; u8 level; u16 op; } binary[] = {
	{ TK_CHAR + '|', 1, BPF_OR }, { TK_CHAR + '&', 2, BPF_AND }, { TK_LSH, 3, BPF_LSH }, { TK_RSH, 3, BPF_RSH },
	{ TK_CHAR + '+', 4, BPF_ADD }, { TK_CHAR + '-', 4, BPF_SUB }, { TK_CHAR + '*', 5, BPF_MUL },
	{ TK_CHAR + '/', 5, BPF_DIV }, { TK_CHAR + '%', GREEDY, BPF_MOD }, { TK_CHAR + '^', GREEDY, BPF_XOR },
};

static int
binary_here(Parser *p)
{
	for (size_t i = 0; i < COUNT(binary); i++)
		if (binary[i].tok == p->t->kind)
			return (int)i;
	return -1;
}

/* The rest of an expression that begins with l, of operators of a level >= min. */
static Arith *
arith_more(Parser *p, Arith *l, int min)
{
	int i;

	while ((i = binary_here(p)) >= 0 && binary[i].level >= min) {
		Arith *x = new_arith(p, R_OP, l->at);
		Arith *r;

		p->t++;
		r = filt_parse_unary(p);
		x->l = l;
		x->r = arith_more(p, r, binary[i].level == GREEDY ? 0 : binary[i].level + 1);
		x->op = binary[i].op;
		x->at.to = x->r->at.to;
		l = x;
	}
	return l;
}

static Arith *
arith(Parser *p, int min)
{
	return arith_more(p, filt_parse_unary(p), min);
}

const Relation filt_parse_relations[6] = {
	{ TK_CHAR + '>', BPF_JGT, false }, { TK_GE, BPF_JGE, false }, { TK_CHAR + '=', BPF_JEQ, false },
	{ TK_LE, BPF_JGT, true }, { TK_CHAR + '<', BPF_JGE, true }, { TK_NE, BPF_JEQ, true },
};

int
filt_parse_relation_here(Parser *p)
{
	for (size_t i = 0; i < COUNT(filt_parse_relations); i++)
		if (filt_parse_relations[i].tok == p->t->kind)
			return (int)i;
	return -1;
}

static Ast *
relation(Parser *p, int i, Arith *x)
{
	Ast *n = filt_parse_ast(p, A_REL, x->at);

	p->t++;
	n->op = filt_parse_relations[i].op;
	n->flag = filt_parse_relations[i].not;
	n->x = x;
	n->y = arith(p, 0);
	n->at.to = n->y->at.to;
	if (filt_parse_relation_here(p) >= 0) {
		diag_err(p->d, p->t->at, E_FILTER, "a comparison has two sides; this is a third");
		longjmp(p->out, 1);
	}
	return n;
}

/* After a first piece of arithmetic: the comparison it begins, or the piece alone. */
Item
filt_parse_after_arith(Parser *p, Arith *x, bool plain_number, Qual q)
{
	Item it = { plain_number ? IT_NUM : IT_ARITH, NULL, x, q };
	int i;

	if (binary_here(p) >= 0) {
		it.x = arith_more(p, x, 0);
		it.class = IT_ARITH;
	}
	i = filt_parse_relation_here(p);
	if (i >= 0)
		it = (Item){ IT_TERM, relation(p, i, it.x), NULL, filt_parse_undef };
	return it;
}
