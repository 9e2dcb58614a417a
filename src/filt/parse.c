/* parse: tokens to an Ast, by recursive descent.
 * Grammar (and, or: one precedence, left to right):
 *   expr    operand ((and | or) operand)*
 *   operand not operand | ( expr ) | head id | arith relation arith | primitive
 *   head    [proto] [direction] [kind]; an id without a head takes the qualifiers of the text before it
 *   id      name | address | number | not id | ( id ((and | or) id)* ) | { id, ... }
 * What opens with '(' or a number is only known at its end: an item therefore carries its class, and a number
 * stays a number (IT_NUM) until an operator makes it arithmetic or its place makes it an id. */
#include "filt/parse.h"

#include <setjmp.h>

enum { DEPTH = 400 };
const Qual filt_parse_undef = { K_UNDEF, P_NONE, D_NONE };

static Item operand(Parser *p, Qual q, bool id_here);
static Item item_id(Parser *p, Qual q);

bool filt_parse_at(Parser *p, int kind) { return p->t->kind == kind; }
bool filt_parse_at_char(Parser *p, int c) { return p->t->kind == TK_CHAR + c; }

bool
filt_parse_take(Parser *p, int kind)
{
	if (p->t->kind != kind)
		return false;
	p->t++;
	return true;
}

bool
filt_parse_soft(Parser *p, const char *word)
{
	return filt_parse_at(p, TK_NAME) && !strcmp(p->t->text, word) && p->t->len == strlen(word);
}

/* Reports that something else was expected at this token, and leaves. */
void __attribute__((noreturn))
filt_parse_expected(Parser *p, const char *what)
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

Ast *
filt_parse_ast(Parser *p, AstKind kind, Span from)
{
	Ast *n = NEW(p->a, Ast);

	n->kind = (u8)kind;
	n->at = from;
	return n;
}

Ast *
filt_parse_two(Parser *p, AstKind kind, Ast *l, Ast *r)
{
	Ast *n = filt_parse_ast(p, kind, (Span){ l->at.from, r->at.to });

	n->l = l;
	n->r = r;
	return n;
}

void
filt_parse_deeper(Parser *p)
{
	if (++p->depth > DEPTH) {
		diag_err(p->d, p->t->at, E_NESTING, "parentheses and negations are nested more than %d deep", DEPTH);
		longjmp(p->out, 1);
	}
}

void
filt_parse_close(Parser *p, Span open)
{
	if (filt_parse_take(p, TK_CHAR + ')'))
		return;
	if (filt_parse_at(p, TK_END)) {
		diag_err(p->d, open, E_FILTER, "this '(' has no ')'");
		longjmp(p->out, 1);
	}
	filt_parse_expected(p, "'and', 'or' or ')'");
}

/* ---- ids ---- */

static Ast *
id_ast(Parser *p, AstKind kind, Qual q)
{
	Ast *n = filt_parse_ast(p, kind, p->t->at);

	n->q = q;
	n->text = p->t->text;
	n->v = p->t->value;
	p->t++;
	return n;
}

static Ast *
number_id(Parser *p, Arith *x, Qual q)
{
	Ast *n = filt_parse_ast(p, A_NUM, x->at);

	n->q = q;
	n->v = x->k;
	return n;
}

static u32
prefix_len(Parser *p)
{
	if (!filt_parse_at(p, TK_NUM))
		filt_parse_expected(p, "the number of bits of the network");
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
	Ast *n = filt_parse_ast(p, A_SET, p->t->at);
	Span open = p->t->at;

	n->q = q;
	n->flag = true;
	p->t++;
	do {
		if (filt_parse_at_char(p, '}'))
			break;
		if (filt_parse_at(p, TK_NUM) || filt_parse_at(p, TK_NAME) || filt_parse_at(p, TK_V4) || filt_parse_at(p, TK_V6) || filt_parse_at(p, TK_MAC) || filt_parse_at(p, TK_FILE))
			VEC_PUSH(p->a, &n->list, member(p, q));
		else
			filt_parse_expected(p, "an address, a number, a name or @FILE");
	} while (filt_parse_take(p, TK_CHAR + ','));
	if (filt_parse_at(p, TK_END)) {
		diag_err(p->d, open, E_FILTER, "this '{' has no '}'");
		longjmp(p->out, 1);
	}
	if (!filt_parse_at_char(p, '}'))
		filt_parse_expected(p, "',' or '}'");
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
		if (filt_parse_soft(p, "in") && p->t[1].kind == TK_CHAR + '{') {
			p->t++;
			it.ast = set(p, q);
			break;
		}
		it.ast = id_ast(p, A_NAME, q);
		break;
	case TK_FILE: it.ast = id_ast(p, A_SET, q); break;
	case TK_MAC: it.ast = id_ast(p, A_MAC, q); break;
	case TK_AID: it.ast = id_ast(p, A_AID, q); break;
	case TK_NUM: it.ast = number_id(p, filt_parse_number(p), q); break;
	case TK_V4:
		it.ast = n = id_ast(p, A_V4, q);
		if (filt_parse_take(p, TK_CHAR + '/')) {
			n->masked = true;
			n->v = prefix_len(p);
			n->at.to = p->t[-1].at.to;
		} else if (filt_parse_take(p, TK_MASK)) {
			n->masked = true;
			if (!filt_parse_at(p, TK_V4))
				filt_parse_expected(p, "a mask such as 255.255.0.0");
			n->text2 = p->t->text;
			n->at2 = p->t->at;
			n->at.to = p->t++->at.to;
		}
		break;
	case TK_V6:
		it.ast = n = id_ast(p, A_V6, q);
		n->v = 128;
		if (filt_parse_take(p, TK_CHAR + '/')) {
			n->masked = true;
			n->v = prefix_len(p);
			n->at.to = p->t[-1].at.to;
		}
		break;
	case TK_NOT:
		p->t++;
		filt_parse_deeper(p);
		it = item_id(p, q);
		p->depth--;
		n = filt_parse_ast(p, A_NOT, (Span){ from.from, it.ast->at.to });
		n->l = it.ast;
		it.ast = n;
		break;
	default:
		if (!filt_parse_at_char(p, '('))
			filt_parse_expected(p, q.kind == K_PORT ? "a port" : q.kind == K_PROTO ? "a protocol" : "an address or name");
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
		if (filt_parse_take(p, TK_AND))
			l = filt_parse_two(p, A_AND, l, item_id(p, q).ast);
		else if (filt_parse_take(p, TK_OR))
			l = filt_parse_two(p, A_OR, l, item_id(p, q).ast);
		else
			return l;
	}
}

static Ast *
joined(Parser *p, Ast *l, Qual q)
{
	for (;;) {
		AstKind kind = filt_parse_at(p, TK_AND) ? A_AND : A_OR;
		Item r;

		if (!filt_parse_take(p, TK_AND) && !filt_parse_take(p, TK_OR))
			return l;
		r = operand(p, q, true);
		if (r.class == IT_NUM) {
			r.ast = number_id(p, r.x, q);
			r.q = q;
		} else if (r.class == IT_ARITH) {
			filt_parse_expected(p, "a comparison such as '= 1'");
		}
		l = filt_parse_two(p, kind, l, r.ast);
		q = r.q;
	}
}

static Item
parens(Parser *p, Qual q, bool id_here)
{
	Span open = p->t->at, inner;
	bool nested;
	Item it;

	p->t++;
	inner = p->t->at;
	filt_parse_deeper(p);
	if (filt_parse_at_char(p, ')')) {
		diag_err(p->d, (Span){ open.from, p->t->at.to }, E_FILTER, "there is nothing between these parentheses");
		longjmp(p->out, 1);
	}
	nested = filt_parse_at_char(p, '(');
	it = operand(p, q, id_here);
	if (it.class == IT_ID && nested) {
		diag_err(p->d, inner, E_FILTER, "a list of ids does not begin with a '('");
		diag_hint(p->d, "leave out this pair of parentheses");
		longjmp(p->out, 1);
	}
	if (it.class == IT_NUM && id_here && (filt_parse_at(p, TK_AND) || filt_parse_at(p, TK_OR))) {
		it.ast = number_id(p, it.x, q);
		it.class = IT_ID;
	}
	if (it.class == IT_ID)
		it.ast = id_list(p, it.ast, q);
	else if (it.class == IT_TERM)
		it.ast = joined(p, it.ast, it.q);
	else if (!filt_parse_at_char(p, ')'))
		filt_parse_expected(p, it.class == IT_NUM ? "an operator or ')'" : "an operator, a comparison or ')'");
	filt_parse_close(p, open);
	p->depth--;
	if (it.ast)
		it.ast->at = (Span){ open.from, p->t[-1].at.to };
	if (it.class == IT_TERM)
		it.q = q;
	if (it.class == IT_NUM || it.class == IT_ARITH)
		return filt_parse_after_arith(p, it.x, it.class == IT_NUM, q);
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
	if (filt_parse_at(p, TK_OR) || filt_parse_at(p, TK_AND)) {
		Dir both = filt_parse_at(p, TK_OR) ? D_OR : D_AND;

		p->t++;
		if (!filt_parse_take(p, t->kind == TK_SRC ? TK_DST : TK_SRC))
			filt_parse_expected(p, t->kind == TK_SRC ? "'dst'" : "'src'");
		return both;
	}
	return t->kind == TK_SRC ? D_SRC : D_DST;
}

/* [proto] [dir] [kind] id */
static Item
qualified(Parser *p)
{
	Span from = p->t->at;
	Qual q = { K_NONE, P_NONE, D_NONE };
	Item it;
	bool head = false;

	if (filt_parse_at(p, TK_PROTO))
		q.proto = (u8)p->t++->value;
	if (filt_parse_at(p, TK_BROADCAST) || filt_parse_at(p, TK_MULTICAST)) {
		Ast *n = filt_parse_ast(p, filt_parse_at(p, TK_BROADCAST) ? A_BROADCAST : A_MULTICAST, (Span){ from.from, p->t->at.to });

		n->q = q;
		p->t++;
		return filt_parse_term(n);
	}
	if (filt_parse_at(p, TK_TYPE) || filt_parse_at(p, TK_SUBTYPE) || filt_parse_at(p, TK_DIR))
		return filt_parse_term(filt_parse_wlan(p));
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
		Ast *n = filt_parse_ast(p, A_PROTO, from);

		n->q = q;
		return filt_parse_term(n);
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
		filt_parse_deeper(p);
		it = operand(p, q, id_here);
		p->depth--;
		if (it.class == IT_NUM && id_here) {
			it.ast = number_id(p, it.x, q);
			it.class = IT_ID;
		}
		if (it.class == IT_NUM || it.class == IT_ARITH)
			filt_parse_expected(p, "a comparison such as '= 1'");
		n = filt_parse_ast(p, A_NOT, (Span){ from.from, it.ast->at.to });
		n->l = it.ast;
		it.ast = n;
		return it;
	case TK_NUM: return filt_parse_after_arith(p, filt_parse_number(p), true, q);
	case TK_LEN: return filt_parse_after_arith(p, filt_parse_unary(p), false, q);
	case TK_PROTO:
		if (p->t[1].kind == TK_CHAR + '[')
			return filt_parse_after_arith(p, filt_parse_load(p), false, q);
		/* fall through */
	case TK_SRC: case TK_DST: case TK_WADDR: case TK_HOST: case TK_NET: case TK_PORT: case TK_PORTRANGE:
	case TK_PROTOQ: case TK_PROTOCHAIN: case TK_GATEWAY: case TK_BROADCAST: case TK_MULTICAST: case TK_TYPE:
	case TK_SUBTYPE: case TK_DIR:
		return qualified(p);
	case TK_LESS: p->t++; return filt_parse_term(filt_parse_must_number(p, A_LESS, from, "a number of bytes"));
	case TK_GREATER: p->t++; return filt_parse_term(filt_parse_must_number(p, A_GREATER, from, "a number of bytes"));
	case TK_BYTE: return filt_parse_term(filt_parse_byte(p));
	case TK_BOUND:
		n = filt_parse_ast(p, A_BOUND, from);
		n->flag = p->t++->value;
		return filt_parse_term(n);
	case TK_IFINDEX: p->t++; return filt_parse_term(filt_parse_must_number(p, A_IFINDEX, from, "the index of an interface"));
	case TK_VLAN: p->t++; return filt_parse_term(filt_parse_with_number(p, A_VLAN, from));
	case TK_MPLS: p->t++; return filt_parse_term(filt_parse_with_number(p, A_MPLS, from));
	case TK_PPPOED: p->t++; return filt_parse_term(filt_parse_ast(p, A_PPPOED, from));
	case TK_PPPOES: p->t++; return filt_parse_term(filt_parse_with_number(p, A_PPPOES, from));
	case TK_GENEVE: p->t++; return filt_parse_term(filt_parse_with_number(p, A_GENEVE, from));
	case TK_LLC: return filt_parse_term(filt_parse_llc(p));
	case TK_PF: return filt_parse_term(filt_parse_pf(p));
	case TK_ATM:
		n = filt_parse_ast(p, A_ATM, from);
		n->v = p->t++->value;
		return filt_parse_term(n);
	case TK_SS7:
		n = filt_parse_ast(p, A_SS7, from);
		n->v = p->t++->value;
		return filt_parse_term(n);
	case TK_ATMFIELD: return filt_parse_term(filt_parse_field(p, A_ATMFIELD));
	case TK_SS7FIELD: return filt_parse_term(filt_parse_field(p, A_SS7FIELD));
	case TK_NAME: case TK_V4: case TK_V6: case TK_MAC: case TK_AID: case TK_FILE:
		/* after "ip proto 6 or", the word is a protocol, as in libpcap */
		n = id_here && (q.kind == K_PROTO || q.kind == K_PROTOCHAIN) ? NULL : filt_parse_soft_word(p);
		if (n)
			return filt_parse_term(n);
		if (id_here && q.kind != K_UNDEF)
			return item_id(p, q);
		if (filt_parse_at(p, TK_NAME)) {
			diag_err(p->d, p->t->at, E_FILTER, "'%.*s' is not a word of the filter language", (int)p->t->len,
				p->t->text);
			hint_word(p);
		} else {
			diag_err(p->d, p->t->at, E_FILTER, "an address needs a word before it");
			diag_hint(p->d, "write '%s %.*s'", filt_parse_at(p, TK_MAC) ? "ether host" : filt_parse_at(p, TK_AID) ? "link host" : "host",
				(int)p->t->len, p->t->text);
		}
		longjmp(p->out, 1);
	case TK_CHAR + '-': return filt_parse_after_arith(p, filt_parse_unary(p), false, q);
	case TK_CHAR + '(': return parens(p, q, id_here);
	}
	filt_parse_expected(p, "a word such as 'host', 'port' or 'tcp', or a comparison");
}

Ast *
filt_parse(Arena *a, Diag *d, Token *tok)
{
	Parser p = { .a = a, .d = d, .t = tok };
	Item it;
	Ast *n;

	if (tok->kind == TK_END)
		return filt_parse_ast(&p, A_TRUE, tok->at);
	if (setjmp(p.out))
		return NULL;
	it = operand(&p, filt_parse_undef, false);
	if (it.class == IT_NUM || it.class == IT_ARITH)
		filt_parse_expected(&p, "a comparison such as '= 1'");
	n = joined(&p, it.ast, it.q);
	if (p.t->kind != TK_END)
		filt_parse_expected(&p, "'and', 'or' or the end");
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
	n = filt_parse_ast(&p, A_SET, tok->at);
	n->q = q;
	while (p.t->kind != TK_END) {
		if (p.t->kind == TK_FILE)
			filt_parse_expected(&p, "an address, a number or a name");
		VEC_PUSH(a, &n->list, member(&p, q));
		filt_parse_take(&p, TK_CHAR + ',');
	}
	return n;
}
