/* parse_stmt: statements and blocks. */
#include "lang/ast.h"
#include "lang/comp.h"

/* A condition or operand whose parentheses are optional, then a block. */
static Node *
with_block(Parser *p, NodeKind kind)
{
	Node *n = node_new(p, kind, parse_from(p));

	lex_next(&p->l);
	n->a = parse_expr(p);
	if (p->l.tok != '{')
		parse_unexpected(p, "{");
	n->b = parse_block(p);
	return n;
}

/* if := "if" expr block ("else" "if" expr block)* ["else" block] */
Node *
parse_if(Parser *p)
{
	Node *n = with_block(p, ND_IF);

	if (parse_is_word(p, "else")) {
		lex_next(&p->l);
		if (parse_is_word(p, "if")) {
			parse_deeper(p);
			n->c = parse_if(p);
			p->depth--;
		} else if (p->l.tok == '{') {
			n->c = parse_block(p);
		} else {
			parse_unexpected(p, "{ or if");
		}
	}
	return node_end(p, n);
}

/* for := "for" ["("] $var ":" (unary ".." unary | expr) [")"] block */
static Node *
statement_for(Parser *p)
{
	Node *n = node_new(p, ND_FOR, parse_from(p)), *r;
	bool paren;
	u32 from;

	lex_next(&p->l);
	paren = parse_accept(p, '(');
	n->a = node_new(p, ND_VAR, parse_from(p));
	n->a->name = p->l.name;
	if (!parse_accept(p, TK_VAR))
		parse_unexpected(p, "a variable");
	node_end(p, n->a);
	parse_expect(p, ':', NULL);
	from = parse_from(p);
	n->b = parse_unary(p);
	if (parse_accept(p, TK_RANGE)) {
		r = node_new(p, ND_RANGE, from);
		r->a = n->b;
		r->b = parse_unary(p);
		n->b = node_end(p, r);
	}
	if (paren)
		parse_expect(p, ')', NULL);
	if (p->l.tok != '{')
		parse_unexpected(p, "{");
	n->c = parse_block(p);
	return node_end(p, n);
}

/* let := "let" $var [":" type] ["=" expr] */
static Node *
statement_let(Parser *p)
{
	Node *n = node_new(p, ND_LET, parse_from(p));

	lex_next(&p->l);
	n->a = node_new(p, ND_VAR, parse_from(p));
	n->a->name = p->l.name;
	if (!parse_accept(p, TK_VAR))
		parse_unexpected(p, "a variable");
	node_end(p, n->a);
	if (parse_accept(p, ':'))
		n->b = parse_type(p);
	if (parse_accept(p, '='))
		n->c = parse_expr(p);
	return node_end(p, n);
}

static Node *
simple(Parser *p)
{
	u32 from = parse_from(p);
	Node *e = parse_expr(p), *n;

	n = node_new(p, ND_EXPR, from);
	n->a = e;
	if (p->l.tok == '=' || p->l.tok == TK_ASSIGN_OP) {
		bool discard = e->kind == ND_IDENT && !strcmp(e->name, "_") && p->l.tok == '=';

		if (!discard && e->kind != ND_VAR && e->kind != ND_MAP && e->kind != ND_FIELD && e->kind != ND_INDEX &&
		    e->kind != ND_ELEM)
			parse_unexpected(p, "; or }");
		n->kind = ND_ASSIGN;
		n->op = p->l.tok == '=' ? 0 : p->l.op;
		lex_next(&p->l);
		n->b = parse_expr(p);
	}
	return node_end(p, n);
}

static const struct { const char *word; NodeKind kind; } blocks[] = { { "while", ND_WHILE }, { "unroll", ND_UNROLL } };

/* One statement. *open: a ';' or '}' must follow. */
static Node *
statement(Parser *p, bool *open)
{
	Node *n;

	*open = false;
	if (p->l.tok == '{')
		return parse_block(p);
	if (parse_is_word(p, "if"))
		return parse_if(p);
	if (parse_is_word(p, "for"))
		return statement_for(p);
	for (size_t i = 0; i < COUNT(blocks); i++)
		if (parse_is_word(p, blocks[i].word))
			return node_end(p, with_block(p, blocks[i].kind));
	*open = true;
	if (parse_is_word(p, "let"))
		return statement_let(p);
	if (parse_is_word(p, "break") || parse_is_word(p, "continue")) {
		n = node_new(p, parse_is_word(p, "break") ? ND_BREAK : ND_CONTINUE, parse_from(p));
		lex_next(&p->l);
		return node_end(p, n);
	}
	if (parse_is_word(p, "return")) {
		n = node_new(p, ND_RETURN, parse_from(p));
		lex_next(&p->l);
		if (p->l.tok != ';' && p->l.tok != '}')
			n->a = parse_expr(p);
		return node_end(p, n);
	}
	return simple(p);
}

/* block := "{" (statement ";"?)* [expr] "}"; an expression without ';' before the '}' is the block's value. */
Node *
parse_block(Parser *p)
{
	Node *n = node_new(p, ND_BLOCK, parse_from(p));
	Vec(Node *) v = { 0 };

	parse_deeper(p);
	parse_expect(p, '{', NULL);
	while (p->l.tok != '}') {
		bool open;
		Node *s;

		if (parse_accept(p, ';'))
			continue;
		s = statement(p, &open);
		if (open && p->l.tok != ';' && p->l.tok != '}')
			parse_unexpected(p, "; or }");
		if (p->l.tok == '}' && s->kind == ND_EXPR)
			n->a = s->a;
		else
			VEC_PUSH(p->l.a, &v, s);
	}
	lex_next(&p->l);
	p->depth--;
	n->list = v.v;
	n->n = v.n;
	return node_end(p, n);
}
