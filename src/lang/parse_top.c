/* parse_top: what stands outside of blocks: C text, config, imports, map declarations, macros, probes. */
#include "lang/ast.h"
#include "lang/comp.h"

/* C text starts here: a preprocessor line or a declaration. */
static bool
at_c(Parser *p)
{
	return p->l.tok == '#' || parse_is_word(p, "struct") || parse_is_word(p, "union") || parse_is_word(p, "enum") ||
	       parse_is_word(p, "typedef");
}

/* Neighbouring pieces of C are one text, so that #ifdef works across them. */
static Node *
c_text(Parser *p)
{
	Node *n = node_new(p, ND_CDEF, parse_from(p));
	u32 from = p->l.from;

	while (at_c(p))
		lex_skip_c(&p->l);
	node_end(p, n);
	n->str = p->l.text + from;
	n->n = n->at.to - n->at.from;
	if (!p->as_text)
		type_parse_c(p->types, p->l.d, n->str, n->n, n->at.from);
	return n;
}

/* config := "config" "=" "{" (name "=" value [";" | ","])* "}" */
static Node *
config(Parser *p)
{
	Node *n = node_new(p, ND_CONFIG, parse_from(p));
	Vec(Node *) v = { 0 };

	lex_next(&p->l);
	parse_expect(p, '=', NULL);
	parse_expect(p, '{', NULL);
	while (p->l.tok != '}') {
		Node *s = node_new(p, ND_SETTING, parse_from(p));

		s->name = p->l.name;
		if (!parse_accept(p, TK_IDENT))
			parse_unexpected(p, "the name of a config variable");
		parse_expect(p, '=', NULL);
		if (p->l.tok == TK_NUM)
			s->str = arena_printf(p->l.a, "%llu", (unsigned long long)p->l.num);
		else if (p->l.tok == TK_STR)
			s->str = p->l.str;
		else if (p->l.tok == TK_IDENT)
			s->str = p->l.name;
		else
			parse_unexpected(p, "a number, a string or a word");
		lex_next(&p->l);
		s->n = (u32)strlen(s->str);
		VEC_PUSH(p->l.a, &v, node_end(p, s));
		s->list = NULL;
		if (p->l.tok != '}' && !parse_accept(p, ';') && !parse_accept(p, ','))
			parse_unexpected(p, "; or }");
	}
	lex_next(&p->l);
	n->list = v.v;
	n->n = v.n;
	return node_end(p, n);
}

/* import := "import" string [";"] */
static Node *
import(Parser *p)
{
	Node *n = node_new(p, ND_IMPORT, parse_from(p));

	lex_next(&p->l);
	if (p->l.tok != TK_STR)
		parse_unexpected(p, "the path to import, as a string");
	n->str = p->l.str;
	n->n = p->l.str_n;
	lex_next(&p->l);
	node_end(p, n);
	parse_accept(p, ';');
	return n;
}

/* mapdecl := "let" @name "=" kind "(" expr ")" ";" */
static Node *
map_decl(Parser *p)
{
	Node *n = node_new(p, ND_MAPDECL, parse_from(p));

	lex_next(&p->l);
	n->name = p->l.name;
	if (!parse_accept(p, TK_MAP))
		parse_unexpected(p, "the name of a map");
	parse_expect(p, '=', NULL);
	n->str = p->l.name;
	if (!parse_accept(p, TK_IDENT))
		parse_unexpected(p, "a kind of map");
	n->n = 0;
	parse_expect(p, '(', NULL);
	if (p->l.tok != ')')
		n->a = parse_expr(p);
	parse_expect(p, ')', NULL);
	node_end(p, n);
	if (p->l.tok != TK_EOF)
		parse_expect(p, ';', NULL);
	return n;
}

/* macro := "macro" name "(" [param ("," param)*] ")" block; param := name | $name | @name */
static Node *
macro(Parser *p)
{
	Node *n = node_new(p, ND_MACRO, parse_from(p));
	Vec(Node *) v = { 0 };

	lex_next(&p->l);
	n->name = p->l.name;
	if (!parse_accept(p, TK_IDENT))
		parse_unexpected(p, "the name of the macro");
	parse_expect(p, '(', NULL);
	while (p->l.tok != ')') {
		Node *q = node_new(p, p->l.tok == TK_VAR ? ND_VAR : p->l.tok == TK_MAP ? ND_MAP : ND_IDENT, parse_from(p));

		q->name = p->l.name;
		if (!parse_accept(p, TK_VAR) && !parse_accept(p, TK_MAP) && !parse_accept(p, TK_IDENT))
			parse_unexpected(p, "a parameter");
		VEC_PUSH(p->l.a, &v, node_end(p, q));
		if (p->l.tok != ')')
			parse_expect(p, ',', NULL);
	}
	lex_next(&p->l);
	n->list = v.v;
	n->n = v.n;
	p->params = n;
	n->b = parse_block(p);
	p->params = NULL;
	return node_end(p, n);
}

static Node *
point(Parser *p)
{
	Node *n = node_new(p, ND_POINT, parse_from(p));
	u32 len;

	n->str = lex_point(&p->l, &len, &n->at);
	if (!len)
		parse_unexpected(p, "a probe");
	n->n = len;
	n->height = 1;
	return n;
}

/* probe := [name "="] point ("," point)* ["/" expr "/"] block */
static Node *
probe(Parser *p)
{
	Node *n = node_new(p, ND_PROBE, parse_from(p));
	Vec(Node *) v = { 0 };
	Lexer save = p->l;

	if (p->l.tok == TK_IDENT) {
		lex_next(&p->l);
		if (p->l.tok == '=')
			lex_next(&p->l), n->name = save.name;
		else
			p->l = save;
	} else if (p->l.tok != TK_POS && p->l.tok != '*') {
		parse_unexpected(p, "a probe");
	}
	do {
		if (v.n && p->l.tok == '{')
			break;          /* "a, b, {": older scripts have it */
		VEC_PUSH(p->l.a, &v, point(p));
	} while (parse_accept(p, ','));
	if (parse_accept(p, '/')) {
		n->a = parse_expr(p);
		if (p->l.tok != '/')
			parse_unexpected(p, "/ behind the predicate");
		lex_next(&p->l);
	}
	if (p->l.tok != '{')
		parse_unexpected(p, "{");
	n->list = v.v;
	n->n = v.n;
	n->b = parse_block(p);
	return node_end(p, n);
}

/* Names of all macros, before their bodies are parsed: "(name)" is then no cast. */
static void
find_macros(Parser *p)
{
	for (u32 i = 0; i + 6 < p->l.n; i++) {
		const char *at = memmem(p->l.text + i, p->l.n - i, "macro", 5), *q, *e;

		if (!at)
			return;
		i = (u32)(at - p->l.text) + 5;
		for (q = at + 5; q < p->l.text + p->l.n && strchr(" \t\n\r", *q) && *q; q++)
			;
		for (e = q; e < p->l.text + p->l.n && *e && !strchr(" \t\n\r(){};=,+-*/", *e); e++)
			;
		if (e > q && !map_get(p->macros, q, (size_t)(e - q)))
			map_set(p->macros, q, (size_t)(e - q), p);
	}
}

static Node *
program(Parser p, Arena *a, Diag *d, const char *text, u32 n, u32 base, jmp_buf *out)
{
	Vec(Node *) v = { 0 };
	Node *top;

	lex_init(&p.l, a, d, text, n, base, out);
	find_macros(&p);
	lex_next(&p.l);
	top = node_new(&p, ND_PROGRAM, parse_from(&p));
	while (p.l.tok != TK_EOF) {
		Lexer save = p.l;
		Node *m;

		lex_next(&p.l);         /* "config = {": a probe's label otherwise */
		bool assigns = p.l.tok == '=', quoted = p.l.tok == TK_STR, map = p.l.tok == TK_MAP, word = p.l.tok == TK_IDENT;
		p.l = save;
		if (at_c(&p))
			m = c_text(&p);
		else if (parse_is_word(&p, "config") && assigns)
			m = config(&p);
		else if (parse_is_word(&p, "import") && quoted)
			m = import(&p);
		else if (parse_is_word(&p, "let") && map)
			m = map_decl(&p);
		else if (parse_is_word(&p, "macro") && word)
			m = macro(&p);
		else if (p.l.tok == ';')
			parse_unexpected(&p, "a probe");
		else
			m = probe(&p);
		VEC_PUSH(a, &v, m);
	}
	top->list = v.v;
	top->n = v.n;
	return node_end(&p, top);
}

Node *
parse_program(Arena *a, Diag *d, Types *types, const char *text, u32 n, u32 base, Map *macros, jmp_buf *out)
{
	return program((Parser){ .types = types, .macros = macros }, a, d, text, n, base, out);
}

Node *
parse_text(Arena *a, Diag *d, Types *types, const char *text, u32 n, u32 base, Map *macros, jmp_buf *out)
{
	return program((Parser){ .types = types, .macros = macros, .as_text = true }, a, d, text, n, base, out);
}
