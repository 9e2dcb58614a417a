/* parse: tokens to an Ast, by recursive descent.
 * Grammar (and, or: one precedence, left to right):
 *   expr    operand ((and | or) operand)*
 *   operand not operand | ( expr ) | head id | arith relation arith | primitive
 *   head    [proto] [direction] [kind]; an id without a head takes the qualifiers of the text before it
 *   id      name | address | number | not id | ( id ((and | or) id)* ) | { id, ... }
 * What opens with '(' or a number is only known at its end: an item therefore carries its class, and a number
 * stays a number (IT_NUM) until an operator makes it arithmetic or its place makes it an id. */
#include "filt/in.h"

#include <strings.h>

#include <linux/filter.h>
#include <setjmp.h>

enum { DEPTH = 400 };
typedef struct Parser { Arena *a; Diag *d; Token *t; u32 depth; jmp_buf out; } Parser;
typedef enum ItemClass { IT_TERM, IT_ID, IT_NUM, IT_ARITH } ItemClass;
typedef struct Item { ItemClass class; Ast *ast; Arith *x; Qual q; } Item;

static const Qual undef = { K_UNDEF, P_NONE, D_NONE };

static Item operand(Parser *p, Qual q, bool id_here);
static Item item_id(Parser *p, Qual q);
static Arith *arith(Parser *p, int min);
static Arith *arith_more(Parser *p, Arith *l, int min);

static bool at(Parser *p, int kind) { return p->t->kind == kind; }
static bool at_char(Parser *p, int c) { return p->t->kind == TK_CHAR + c; }

static bool
take(Parser *p, int kind)
{
	if (p->t->kind != kind)
		return false;
	p->t++;
	return true;
}

static bool
soft(Parser *p, const char *word)
{
	return at(p, TK_NAME) && !strcmp(p->t->text, word) && p->t->len == strlen(word);
}

/* Reports that something else was expected at this token, and leaves. */
static void __attribute__((noreturn))
expected(Parser *p, const char *what)
{
	Token *t = p->t;

	if (t->kind == TK_END)
		diag_err(p->d, t->at, E_FILTER, "the expression ends where %s is expected", what);
	else
		diag_err(p->d, t->at, E_FILTER, "'%.*s' where %s is expected", (int)t->len, t->text, what);
	longjmp(p->out, 1);
}

static void
hint_word(Parser *p)
{
	static const char *const all[] = {
#define WORD(text, kind, value) text,
#include "filt/words.def"
#undef WORD
	};
	char low[40];
	const char *near;
	u32 n = MIN(p->t->len, (u32)sizeof(low) - 1);

	for (u32 i = 0; i < n; i++)
		low[i] = (char)(p->t->text[i] >= 'A' && p->t->text[i] <= 'Z' ? p->t->text[i] | 32 : p->t->text[i]);
	low[n] = 0;
	near = base_nearest(low, all, COUNT(all));
	if (near)
		diag_hint(p->d, "did you mean '%s'?", near);
}

static Ast *
new_ast(Parser *p, AstKind kind, Span from)
{
	Ast *n = NEW(p->a, Ast);

	n->kind = (u8)kind;
	n->at = from;
	return n;
}

static Ast *
two(Parser *p, AstKind kind, Ast *l, Ast *r)
{
	Ast *n = new_ast(p, kind, (Span){ l->at.from, r->at.to });

	n->l = l;
	n->r = r;
	return n;
}

static void
deeper(Parser *p)
{
	if (++p->depth > DEPTH) {
		diag_err(p->d, p->t->at, E_NESTING, "parentheses and negations are nested more than %d deep", DEPTH);
		longjmp(p->out, 1);
	}
}

static void
close(Parser *p, Span open)
{
	if (take(p, TK_CHAR + ')'))
		return;
	if (at(p, TK_END)) {
		diag_err(p->d, open, E_FILTER, "this '(' has no ')'");
		longjmp(p->out, 1);
	}
	expected(p, "'and', 'or' or ')'");
}

/* ---- arithmetic ---- */

static Arith *
new_arith(Parser *p, ArithKind kind, Span from)
{
	Arith *x = NEW(p->a, Arith);

	x->kind = (u8)kind;
	x->at = from;
	return x;
}

static Arith *
number(Parser *p)
{
	Arith *x = new_arith(p, R_NUM, p->t->at);

	x->k = p->t++->value;
	return x;
}

/* PROTO [ arith ] or PROTO [ arith : size ] */
static Arith *
load(Parser *p)
{
	Arith *x = new_arith(p, R_LOAD, p->t->at);
	Span open;

	x->proto = (u8)p->t++->value;
	open = p->t++->at;
	deeper(p);
	x->l = arith(p, 0);
	p->depth--;
	x->size = 1;
	if (take(p, TK_CHAR + ':')) {
		if (!at(p, TK_NUM))
			expected(p, "the number of bytes (1, 2 or 4)");
		if (p->t->value != 1 && p->t->value != 2 && p->t->value != 4) {
			diag_err(p->d, p->t->at, E_FILTER, "%u bytes cannot be read at once; it is 1, 2 or 4", p->t->value);
			longjmp(p->out, 1);
		}
		x->size = (u8)p->t++->value;
	}
	if (!at_char(p, ']')) {
		if (at(p, TK_END)) {
			diag_err(p->d, open, E_FILTER, "this '[' has no ']'");
			longjmp(p->out, 1);
		}
		expected(p, "an operator, ':' or ']'");
	}
	x->at.to = p->t->at.to;
	p->t++;
	return x;
}

static Arith *
arith_unary(Parser *p)
{
	Arith *x;
	Span from = p->t->at;

	if (at(p, TK_NUM))
		return number(p);
	if (take(p, TK_LEN))
		return new_arith(p, R_LEN, from);
	if (at(p, TK_PROTO) && p->t[1].kind == TK_CHAR + '[')
		return load(p);
	if (take(p, TK_CHAR + '-')) {
		deeper(p);
		x = new_arith(p, R_NEG, from);
		x->l = arith_more(p, arith_unary(p), 9);
		x->at.to = x->l->at.to;
		p->depth--;
		return x;
	}
	if (take(p, TK_CHAR + '(')) {
		deeper(p);
		x = arith(p, 0);
		p->depth--;
		if (!at_char(p, ')'))
			expected(p, "an operator or ')'");
		p->t++;
		return x;
	}
	if (at(p, TK_PROTO)) {
		p->t++;
		expected(p, "'['");
	}
	expected(p, "a number, 'len' or a byte of the packet such as ip[0]");
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
		r = arith_unary(p);
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
	return arith_more(p, arith_unary(p), min);
}

static const struct { int tok; u16 op; bool not; } relations[] = {
	{ TK_CHAR + '>', BPF_JGT, false }, { TK_GE, BPF_JGE, false }, { TK_CHAR + '=', BPF_JEQ, false },
	{ TK_LE, BPF_JGT, true }, { TK_CHAR + '<', BPF_JGE, true }, { TK_NE, BPF_JEQ, true },
};

static int
relation_here(Parser *p)
{
	for (size_t i = 0; i < COUNT(relations); i++)
		if (relations[i].tok == p->t->kind)
			return (int)i;
	return -1;
}

static Ast *
relation(Parser *p, int i, Arith *x)
{
	Ast *n = new_ast(p, A_REL, x->at);

	p->t++;
	n->op = relations[i].op;
	n->flag = relations[i].not;
	n->x = x;
	n->y = arith(p, 0);
	n->at.to = n->y->at.to;
	if (relation_here(p) >= 0) {
		diag_err(p->d, p->t->at, E_FILTER, "a comparison has two sides; this is a third");
		longjmp(p->out, 1);
	}
	return n;
}

/* After a first piece of arithmetic: the comparison it begins, or the piece alone. */
static Item
after_arith(Parser *p, Arith *x, bool plain_number, Qual q)
{
	Item it = { plain_number ? IT_NUM : IT_ARITH, NULL, x, q };
	int i;

	if (binary_here(p) >= 0) {
		it.x = arith_more(p, x, 0);
		it.class = IT_ARITH;
	}
	i = relation_here(p);
	if (i >= 0)
		it = (Item){ IT_TERM, relation(p, i, it.x), NULL, undef };
	return it;
}

/* ---- ids ---- */

static Ast *
id_ast(Parser *p, AstKind kind, Qual q)
{
	Ast *n = new_ast(p, kind, p->t->at);

	n->q = q;
	n->text = p->t->text;
	n->v = p->t->value;
	p->t++;
	return n;
}

static Ast *
number_id(Parser *p, Arith *x, Qual q)
{
	Ast *n = new_ast(p, A_NUM, x->at);

	n->q = q;
	n->v = x->k;
	return n;
}

static u32
prefix_len(Parser *p)
{
	if (!at(p, TK_NUM))
		expected(p, "the number of bits of the network");
	return p->t++->value;
}

static Ast *
member(Parser *p, Qual q)
{
	Ast *n = item_id(p, q).ast;

	n->flag = true;         /* networks and ranges need no word of their own in a set */
	return n;
}

/* { id, id, ... } */
static Ast *
set(Parser *p, Qual q)
{
	Ast *n = new_ast(p, A_SET, p->t->at);
	Span open = p->t->at;

	n->q = q;
	n->flag = true;
	p->t++;
	do {
		if (at_char(p, '}'))
			break;
		if (at(p, TK_NUM) || at(p, TK_NAME) || at(p, TK_V4) || at(p, TK_V6) || at(p, TK_MAC) || at(p, TK_FILE))
			VEC_PUSH(p->a, &n->list, member(p, q));
		else
			expected(p, "an address, a number, a name or @FILE");
	} while (take(p, TK_CHAR + ','));
	if (at(p, TK_END)) {
		diag_err(p->d, open, E_FILTER, "this '{' has no '}'");
		longjmp(p->out, 1);
	}
	if (!at_char(p, '}'))
		expected(p, "',' or '}'");
	n->at.to = p->t->at.to;
	p->t++;
	return n;
}

/* One id; '!' and parentheses included. */
static Item
item_id(Parser *p, Qual q)
{
	Item it = { IT_ID, NULL, NULL, q };
	Span from = p->t->at;
	Ast *n;

	switch (p->t->kind) {
	case TK_NAME:
		if (soft(p, "in") && p->t[1].kind == TK_CHAR + '{') {
			p->t++;
			it.ast = set(p, q);
			break;
		}
		it.ast = id_ast(p, A_NAME, q);
		break;
	case TK_FILE: it.ast = id_ast(p, A_SET, q); break;
	case TK_MAC: it.ast = id_ast(p, A_MAC, q); break;
	case TK_AID: it.ast = id_ast(p, A_AID, q); break;
	case TK_NUM: it.ast = number_id(p, number(p), q); break;
	case TK_V4:
		it.ast = n = id_ast(p, A_V4, q);
		if (take(p, TK_CHAR + '/')) {
			n->masked = true;
			n->v = prefix_len(p);
			n->at.to = p->t[-1].at.to;
		} else if (take(p, TK_MASK)) {
			n->masked = true;
			if (!at(p, TK_V4))
				expected(p, "a mask such as 255.255.0.0");
			n->text2 = p->t->text;
			n->at2 = p->t->at;
			n->at.to = p->t++->at.to;
		}
		break;
	case TK_V6:
		it.ast = n = id_ast(p, A_V6, q);
		n->v = 128;
		if (take(p, TK_CHAR + '/')) {
			n->masked = true;
			n->v = prefix_len(p);
			n->at.to = p->t[-1].at.to;
		}
		break;
	case TK_NOT:
		p->t++;
		deeper(p);
		it = item_id(p, q);
		p->depth--;
		n = new_ast(p, A_NOT, (Span){ from.from, it.ast->at.to });
		n->l = it.ast;
		it.ast = n;
		break;
	default:
		if (!at_char(p, '('))
			expected(p, q.kind == K_PORT ? "a port" : q.kind == K_PROTO ? "a protocol" : "an address or name");
		it = operand(p, q, true);
		if (it.class == IT_NUM) {
			it.ast = number_id(p, it.x, q);
			it.class = IT_ID;
		}
		if (it.class != IT_ID) {
			diag_err(p->d, from, E_FILTER, "an address or name is expected here, not an expression");
			longjmp(p->out, 1);
		}
	}
	return it;
}

/* ---- operands ---- */

/* (id (and|or) id ...), after its first id. */
static Ast *
id_list(Parser *p, Ast *l, Qual q)
{
	for (;;) {
		if (take(p, TK_AND))
			l = two(p, A_AND, l, item_id(p, q).ast);
		else if (take(p, TK_OR))
			l = two(p, A_OR, l, item_id(p, q).ast);
		else
			return l;
	}
}

static Ast *
joined(Parser *p, Ast *l, Qual q)
{
	for (;;) {
		AstKind kind = at(p, TK_AND) ? A_AND : A_OR;
		Item r;

		if (!take(p, TK_AND) && !take(p, TK_OR))
			return l;
		r = operand(p, q, true);
		if (r.class == IT_NUM) {
			r.ast = number_id(p, r.x, q);
			r.q = q;
		} else if (r.class == IT_ARITH) {
			expected(p, "a comparison such as '= 1'");
		}
		l = two(p, kind, l, r.ast);
		q = r.q;
	}
}

static Item
parens(Parser *p, Qual q, bool id_here)
{
	Span open = p->t->at;
	Item it;

	p->t++;
	deeper(p);
	if (at_char(p, ')')) {
		diag_err(p->d, (Span){ open.from, p->t->at.to }, E_FILTER, "there is nothing between these parentheses");
		longjmp(p->out, 1);
	}
	it = operand(p, q, id_here);
	if (it.class == IT_NUM && id_here && (at(p, TK_AND) || at(p, TK_OR))) {
		it.ast = number_id(p, it.x, q);
		it.class = IT_ID;
	}
	if (it.class == IT_ID)
		it.ast = id_list(p, it.ast, q);
	else if (it.class == IT_TERM)
		it.ast = joined(p, it.ast, it.q);
	else if (!at_char(p, ')'))
		expected(p, it.class == IT_NUM ? "an operator or ')'" : "an operator, a comparison or ')'");
	close(p, open);
	p->depth--;
	if (it.ast)
		it.ast->at = (Span){ open.from, p->t[-1].at.to };
	if (it.class == IT_TERM)
		it.q = q;
	if (it.class == IT_NUM || it.class == IT_ARITH)
		return after_arith(p, it.x, it.class == IT_NUM, q);
	return it;
}

/* src, dst, src or dst, src and dst, ... ; D_NONE if there is none. */
static Dir
direction(Parser *p)
{
	Token *t = p->t;

	if (t->kind == TK_WADDR) {
		p->t++;
		return (Dir)t->value;
	}
	if (t->kind != TK_SRC && t->kind != TK_DST)
		return D_NONE;
	p->t++;
	if (at(p, TK_OR) || at(p, TK_AND)) {
		Dir both = at(p, TK_OR) ? D_OR : D_AND;

		p->t++;
		if (!take(p, t->kind == TK_SRC ? TK_DST : TK_SRC))
			expected(p, t->kind == TK_SRC ? "'dst'" : "'src'");
		return both;
	}
	return t->kind == TK_SRC ? D_SRC : D_DST;
}

static Item
term(Ast *n)
{
	return (Item){ IT_TERM, n, NULL, undef };
}

/* With `flag` and v set if a number (perhaps in parentheses) follows. */
static Ast *
with_number(Parser *p, AstKind kind, Span from)
{
	Ast *n = new_ast(p, kind, from);
	Token *t = p->t;
	u32 open = 0;

	while (t->kind == TK_CHAR + '(')
		t++, open++;
	if (t->kind != TK_NUM)
		return n;
	for (u32 i = 0; i < open; i++)
		if (t[1 + i].kind != TK_CHAR + ')')
			return n;
	n->flag = true;
	n->v = t->value;
	n->at2 = t->at;
	n->at.to = t[open].at.to;
	p->t = t + 1 + open;
	return n;
}

static Ast *
must_number(Parser *p, AstKind kind, Span from, const char *what)
{
	Ast *n = new_ast(p, kind, from);

	if (!at(p, TK_NUM))
		expected(p, what);
	n->v = p->t->value;
	n->at2 = p->t->at;
	n->at.to = p->t++->at.to;
	return n;
}

static const char *
must_name(Parser *p, const char *what)
{
	if (!at(p, TK_NAME))
		expected(p, what);
	return p->t++->text;
}

static int
must_row(Parser *p, const NameRow *rows, const char *what)
{
	const char *name = must_name(p, what);
	int v = filt_row(rows, name);

	if (v < 0) {
		p->t--;
		diag_err(p->d, p->t->at, E_FILTER, "'%s' is not %s", name, what);
		Buf b = {0};
		for (u32 i = 0; rows[i].name; i++)
			buf_printf(&b, "%s%s", i ? ", " : "", rows[i].name);
		diag_hint(p->d, "known are %s", b.p);
		buf_free(&b);
		longjmp(p->out, 1);
	}
	return v;
}

/* type T, type T subtype S, subtype S, dir D */
static Ast *
wlan(Parser *p)
{
	Span from = p->t->at;
	Ast *n = new_ast(p, A_WTYPE, from);

	if (take(p, TK_DIR)) {
		n->kind = A_WDIR;
		n->v = at(p, TK_NUM) ? p->t++->value : (u32)must_row(p, filt_wlan_dirs, "a direction of 802.11 frames");
	} else if (take(p, TK_SUBTYPE)) {
		const char *name = must_name(p, "a subtype of 802.11 frames");
		int v = filt_wlan_subtype(name, -1);

		if (v < 0) {
			p->t--;
			diag_err(p->d, p->t->at, E_FILTER, "'%s' is not a subtype of 802.11 frames", name);
			longjmp(p->out, 1);
		}
		n->v = (u32)v;
		n->v2 = 0xfc;
	} else {
		p->t++;
		if (at(p, TK_NUM) && p->t->value & ~0x0cu) {
			diag_err(p->d, p->t->at, E_FILTER, "the type of a frame is 0, 4 or 8, not %u", p->t->value);
			longjmp(p->out, 1);
		}
		n->v = at(p, TK_NUM) ? p->t++->value : (u32)must_row(p, filt_wlan_types, "a type of 802.11 frames");
		n->v2 = 0x0c;
		if (take(p, TK_SUBTYPE)) {
			n->v2 = 0xfc;
			if (at(p, TK_NUM)) {
				if (p->t->value & ~0xf0u) {
					diag_err(p->d, p->t->at, E_FILTER, "the subtype of a frame has the bits 0xf0, not 0x%x",
						p->t->value);
					longjmp(p->out, 1);
				}
				n->v |= p->t++->value;
			} else {
				const char *name = must_name(p, "a subtype of 802.11 frames");
				int v = filt_wlan_subtype(name, (int)n->v);

				if (v < 0) {
					p->t--;
					diag_err(p->d, p->t->at, E_FILTER, "'%s' is not a subtype of this type of frames", name);
					longjmp(p->out, 1);
				}
				n->v = (u32)v;
			}
		}
	}
	n->at.to = p->t[-1].at.to;
	return n;
}

static Ast *
llc(Parser *p)
{
	Ast *n = new_ast(p, A_LLC, p->t++->at);

	if (at(p, TK_NAME)) {
		n->text = p->t->text;
		n->at.to = p->t->at.to;
		if (strcasecmp(n->text, "i") && strcasecmp(n->text, "s") && strcasecmp(n->text, "u") &&
		    filt_row(filt_llc_s, n->text) < 0 && filt_row(filt_llc_u, n->text) < 0) {
			diag_err(p->d, p->t->at, E_FILTER, "'%s' is not a type of LLC frames", n->text);
			diag_hint(p->d, "known are i, s, u, rr, rnr, rej, ui, ua, disc, dm, sabme, test, xid, frmr");
			longjmp(p->out, 1);
		}
		p->t++;
	} else if (at(p, TK_PF) && p->t->value == PF_RNR) {
		n->text = "rnr";
		p->t++;
	}
	return n;
}

static Ast *
pf(Parser *p)
{
	Ast *n = new_ast(p, A_PF, p->t->at);
	u32 what = p->t++->value;

	n->v = what;
	n->at2 = p->t->at;
	if (what == PF_IFNAME || what == PF_RSET)
		n->text = must_name(p, what == PF_IFNAME ? "the name of an interface" : "the name of a rule set");
	else if (what == PF_ACTION)
		n->v2 = (u32)must_row(p, filt_pf_actions, "an action of pf");
	else if (what == PF_REASON && !at(p, TK_NUM))
		n->v2 = (u32)must_row(p, filt_pf_reasons, "a reason of pf");
	else if (at(p, TK_NUM))
		n->v2 = p->t++->value;
	else
		expected(p, "a number");
	n->at.to = p->t[-1].at.to;
	return n;
}

/* vpi, vci and the fields of MTP3: VALUE, relation VALUE, or (VALUE or VALUE ...) */
static Ast *
field_value(Parser *p, AstKind kind, Token *field)
{
	Ast *n = new_ast(p, kind, field->at);

	if (!at(p, TK_NUM))
		expected(p, "a number");
	n->op = BPF_JEQ;
	n->v = field->value;
	n->v2 = p->t->value;
	n->at2 = p->t->at;
	n->at.to = p->t++->at.to;
	return n;
}

static Ast *
field(Parser *p, AstKind kind)
{
	Token *name = p->t++;
	int i = relation_here(p);
	Span open = p->t->at;
	Ast *n;

	if (i >= 0) {
		p->t++;
		n = field_value(p, kind, name);
		n->op = relations[i].op;
		n->flag = relations[i].not;
		return n;
	}
	if (!take(p, TK_CHAR + '('))
		return field_value(p, kind, name);
	n = field_value(p, kind, name);
	while (take(p, TK_OR))
		n = two(p, A_OR, n, field_value(p, kind, name));
	close(p, open);
	return n;
}

static Ast *
byte_test(Parser *p)
{
	Ast *n = new_ast(p, A_BYTE, p->t++->at);

	if (!at(p, TK_NUM))
		expected(p, "the number of a byte");
	n->v = p->t++->value;
	if (!(at_char(p, '=') || at_char(p, '<') || at_char(p, '>') || at_char(p, '&') || at_char(p, '|')))
		expected(p, "one of = < > & |");
	n->op = (u16)(p->t++->kind - TK_CHAR);
	if (!at(p, TK_NUM))
		expected(p, "a number");
	n->v2 = p->t->value;
	n->at.to = p->t++->at.to;
	return n;
}

/* Words of piton alone: words only where no name can stand. */
static Ast *
soft_word(Parser *p)
{
	Span from = p->t->at;
	Ast *n = NULL;

	if (soft(p, "contains")) {
		p->t++;
		n = new_ast(p, A_CONTAINS, from);
		if (!at(p, TK_STRING))
			expected(p, "a text in quotes");
		n->text = p->t->text;
		n->v = p->t->value;
	} else if (soft(p, "vxlan")) {
		p->t++;
		n = with_number(p, A_VXLAN, from);
		n->v2 = 4789;
		if (at(p, TK_PORT)) {
			p->t++;
			n->v2 = must_number(p, A_NUM, from, "the UDP port of the tunnel")->v;
		}
		return n;
	} else if (soft(p, "ipip") || soft(p, "gre")) {
		n = new_ast(p, soft(p, "gre") ? A_GRE : A_IPIP, from);
	} else if (soft(p, "pid")) {
		p->t++;
		return must_number(p, A_PID, from, "the number of a process");
	} else if (soft(p, "comm") || soft(p, "cgroup")) {
		n = new_ast(p, soft(p, "comm") ? A_COMM : A_CGROUP, from);
		p->t++;
		if (!at(p, TK_NAME) && !at(p, TK_STRING))
			expected(p, "a name");
		n->text = p->t->text;
	} else {
		return NULL;
	}
	n->at.to = p->t->at.to;
	p->t++;
	return n;
}

/* [proto] [dir] [kind] id */
static Item
qualified(Parser *p)
{
	Span from = p->t->at;
	Qual q = { K_NONE, P_NONE, D_NONE };
	Item it;
	bool head = false;

	if (at(p, TK_PROTO))
		q.proto = (u8)p->t++->value;
	if (at(p, TK_BROADCAST) || at(p, TK_MULTICAST)) {
		Ast *n = new_ast(p, at(p, TK_BROADCAST) ? A_BROADCAST : A_MULTICAST, (Span){ from.from, p->t->at.to });

		n->q = q;
		p->t++;
		return term(n);
	}
	if (at(p, TK_TYPE) || at(p, TK_SUBTYPE) || at(p, TK_DIR))
		return term(wlan(p));
	q.dir = (u8)direction(p);
	head = q.dir != D_NONE;
	switch (p->t->kind) {
	case TK_HOST: q.kind = K_HOST; break;
	case TK_NET: q.kind = K_NET; break;
	case TK_PORT: q.kind = K_PORT; break;
	case TK_PORTRANGE: q.kind = K_PORTRANGE; break;
	case TK_PROTOQ: q.kind = q.dir ? K_NONE : K_PROTO; break;
	case TK_PROTOCHAIN: q.kind = q.dir ? K_NONE : K_PROTOCHAIN; break;
	case TK_GATEWAY: q.kind = q.dir ? K_NONE : K_GATEWAY; break;
	}
	if (q.kind != K_NONE) {
		p->t++;
		head = true;
	}
	if (!head) {
		Ast *n = new_ast(p, A_PROTO, from);

		n->q = q;
		return term(n);
	}
	it = item_id(p, q);
	it.class = IT_TERM;
	it.q = q;
	if (it.ast->at.from > from.from)
		it.ast->at.from = from.from;
	return it;
}

static Item
operand(Parser *p, Qual q, bool id_here)
{
	Span from = p->t->at;
	Item it;
	Ast *n;

	switch (p->t->kind) {
	case TK_NOT:
		p->t++;
		deeper(p);
		it = operand(p, q, id_here);
		p->depth--;
		if (it.class == IT_NUM && id_here) {
			it.ast = number_id(p, it.x, q);
			it.class = IT_ID;
		}
		if (it.class == IT_NUM || it.class == IT_ARITH)
			expected(p, "a comparison such as '= 1'");
		n = new_ast(p, A_NOT, (Span){ from.from, it.ast->at.to });
		n->l = it.ast;
		it.ast = n;
		return it;
	case TK_NUM: return after_arith(p, number(p), true, q);
	case TK_LEN: return after_arith(p, arith_unary(p), false, q);
	case TK_PROTO:
		if (p->t[1].kind == TK_CHAR + '[')
			return after_arith(p, load(p), false, q);
		/* fall through */
	case TK_SRC: case TK_DST: case TK_WADDR: case TK_HOST: case TK_NET: case TK_PORT: case TK_PORTRANGE:
	case TK_PROTOQ: case TK_PROTOCHAIN: case TK_GATEWAY: case TK_BROADCAST: case TK_MULTICAST: case TK_TYPE:
	case TK_SUBTYPE: case TK_DIR:
		return qualified(p);
	case TK_LESS: p->t++; return term(must_number(p, A_LESS, from, "a number of bytes"));
	case TK_GREATER: p->t++; return term(must_number(p, A_GREATER, from, "a number of bytes"));
	case TK_BYTE: return term(byte_test(p));
	case TK_BOUND:
		n = new_ast(p, A_BOUND, from);
		n->flag = p->t++->value;
		return term(n);
	case TK_IFINDEX: p->t++; return term(must_number(p, A_IFINDEX, from, "the index of an interface"));
	case TK_VLAN: p->t++; return term(with_number(p, A_VLAN, from));
	case TK_MPLS: p->t++; return term(with_number(p, A_MPLS, from));
	case TK_PPPOED: p->t++; return term(new_ast(p, A_PPPOED, from));
	case TK_PPPOES: p->t++; return term(with_number(p, A_PPPOES, from));
	case TK_GENEVE: p->t++; return term(with_number(p, A_GENEVE, from));
	case TK_LLC: return term(llc(p));
	case TK_PF: return term(pf(p));
	case TK_ATM:
		n = new_ast(p, A_ATM, from);
		n->v = p->t++->value;
		return term(n);
	case TK_SS7:
		n = new_ast(p, A_SS7, from);
		n->v = p->t++->value;
		return term(n);
	case TK_ATMFIELD: return term(field(p, A_ATMFIELD));
	case TK_SS7FIELD: return term(field(p, A_SS7FIELD));
	case TK_NAME: case TK_V4: case TK_V6: case TK_MAC: case TK_AID: case TK_FILE:
		n = soft_word(p);
		if (n)
			return term(n);
		if (id_here && q.kind != K_UNDEF)
			return item_id(p, q);
		if (at(p, TK_NAME)) {
			diag_err(p->d, p->t->at, E_FILTER, "'%.*s' is not a word of the filter language", (int)p->t->len,
				p->t->text);
			hint_word(p);
		} else {
			diag_err(p->d, p->t->at, E_FILTER, "an address needs a word before it");
			diag_hint(p->d, "write '%s %.*s'", at(p, TK_MAC) ? "ether host" : at(p, TK_AID) ? "link host" : "host",
				(int)p->t->len, p->t->text);
		}
		longjmp(p->out, 1);
	case TK_CHAR + '-': return after_arith(p, arith_unary(p), false, q);
	case TK_CHAR + '(': return parens(p, q, id_here);
	}
	expected(p, "a word such as 'host', 'port' or 'tcp', or a comparison");
}

Ast *
filt_parse(Arena *a, Diag *d, Token *tok)
{
	Parser p = { .a = a, .d = d, .t = tok };
	Item it;
	Ast *n;

	if (tok->kind == TK_END)
		return new_ast(&p, A_TRUE, tok->at);
	if (setjmp(p.out))
		return NULL;
	it = operand(&p, undef, false);
	if (it.class == IT_NUM || it.class == IT_ARITH)
		expected(&p, "a comparison such as '= 1'");
	n = joined(&p, it.ast, it.q);
	if (p.t->kind != TK_END)
		expected(&p, "'and', 'or' or the end");
	return n;
}

/* The ids of a file of a set, with or without commas between them. */
Ast *
filt_parse_ids(Arena *a, Diag *d, Token *tok, Qual q)
{
	Parser p = { .a = a, .d = d, .t = tok };
	Ast *n;

	if (setjmp(p.out))
		return NULL;
	n = new_ast(&p, A_SET, tok->at);
	n->q = q;
	while (p.t->kind != TK_END) {
		if (p.t->kind == TK_FILE)
			expected(&p, "an address, a number or a name");
		VEC_PUSH(a, &n->list, member(&p, q));
		take(&p, TK_CHAR + ',');
	}
	return n;
}
