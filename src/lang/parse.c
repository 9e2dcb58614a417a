/* parse: expressions. Recursive descent, one function a level; binary operators by precedence climbing. */
#include "lang/ast.h"
#include "lang/lang.h"
#include "lang/comp.h"

#include <stdio.h>

u32
parse_from(Parser *p)
{
	return p->l.base + p->l.from;
}

void
parse_deeper(Parser *p)
{
	if (++p->depth > MAX_DEPTH)
		lex_fail(&p->l, lex_span(&p->l), E_NESTING, "nested deeper than %u levels", MAX_DEPTH);
}

Node *
node_new(Parser *p, NodeKind kind, u32 from)
{
	Node *n = NEW(p->l.a, Node);

	n->kind = kind;
	n->at = (Span){ from, from };
	return n;
}

Node *
node_end(Parser *p, Node *n)
{
	u32 h = 0;

	n->at.to = p->l.base + p->l.prev_end;
	h = MAX(h, n->a ? n->a->height : 0u);
	h = MAX(h, n->b ? n->b->height : 0u);
	h = MAX(h, n->c ? n->c->height : 0u);
	for (u32 i = 0; n->list && i < n->n; i++)
		h = MAX(h, n->list[i]->height);
	if (h >= MAX_DEPTH)
		lex_fail(&p->l, n->at, E_NESTING, "nested deeper than %u levels", MAX_DEPTH);
	n->height = (u16)(h + 1);
	return n;
}

bool
parse_accept(Parser *p, int tok)
{
	if (p->l.tok != tok)
		return false;
	lex_next(&p->l);
	return true;
}

void
parse_unexpected(Parser *p, const char *expected)
{
	char buf[128];

	lex_fail(&p->l, lex_span(&p->l), E_SYNTAX, "syntax error, unexpected %s%s%s",
		 lex_token_name(&p->l, buf, sizeof(buf)), expected ? ", expecting " : "", expected ? expected : "");
}

void
parse_expect(Parser *p, int tok, const char *where)
{
	char want[160];

	if (parse_accept(p, tok))
		return;
	snprintf(want, sizeof(want), "%s%s%s", lex_op_name((u8)tok), where ? " " : "", where ? where : "");
	parse_unexpected(p, want);
}

bool
parse_is_word(Parser *p, const char *word)
{
	return p->l.tok == TK_IDENT && !strcmp(p->l.name, word);
}

static bool
is_tagged(Parser *p)
{
	return parse_is_word(p, "struct") || parse_is_word(p, "union") || parse_is_word(p, "enum");
}

bool
parse_is_value(Parser *p, const char *name)
{
	for (u32 i = 0; p->params && i < p->params->n; i++)
		if (p->params->list[i]->name == name)
			return true;
	return map_get(p->macros, name, strlen(name)) || builtin_find(name);
}

/* '*' and '[N]' behind a type's name, read left to right. */
static void
type_suffixes(Parser *p, Node *n)
{
	Vec(Node *) v = { 0 };

	for (;;) {
		Node *s = node_new(p, ND_NUM, parse_from(p));

		if (parse_accept(p, '*')) {
			s->num = 0;
		} else if (parse_accept(p, '[')) {
			s->num = ~(u64)0;
			if (p->l.tok == TK_NUM) {
				s->num = p->l.num;
				lex_next(&p->l);
				if (!s->num || s->num > 1 << 20)
					lex_fail(&p->l, s->at, E_NUMBER, "an array has 1 to %u elements", 1 << 20);
			}
			parse_expect(p, ']', NULL);
		} else {
			break;
		}
		VEC_PUSH(p->l.a, &v, node_end(p, s));
	}
	n->list = v.v;
	n->n = v.n;
}

/* type := ("struct" | "union" | "enum") name | word+ | "typeof" "(" type-or-expression ")"; suffixes */
Node *
parse_type(Parser *p)
{
	Node *n = node_new(p, ND_TYPE, parse_from(p));
	Buf name = { 0 };

	if (p->l.tok != TK_IDENT)
		parse_unexpected(p, "a type");
	if (parse_is_word(p, "typeof")) {
		lex_next(&p->l);
		parse_expect(p, '(', NULL);
		n->a = parse_type_or_expr(p);
		parse_expect(p, ')', NULL);
	} else {
		bool tagged = is_tagged(p);

		do {
			buf_printf(&name, "%s%s", name.n ? " " : "", p->l.name);
			lex_next(&p->l);
			if (tagged && p->l.tok != TK_IDENT) {
				buf_free(&name);
				parse_unexpected(p, "the name of the type");
			}
			tagged = false;
		} while (p->l.tok == TK_IDENT && name.n < 200);
		n->name = intern(name.p, name.n);
		buf_free(&name);
	}
	type_suffixes(p, n);
	return node_end(p, n);
}

/* Whether a type stands at the current token, closed by ')'. A name alone is one if `bare` says so. */
static bool
looks_like_type(Parser *p, bool bare)
{
	Parser q = *p;
	const char *name = p->l.name;
	bool known, words = false;

	if (p->l.tok != TK_IDENT)
		return false;
	if (is_tagged(p) || parse_is_word(p, "typeof"))
		return true;
	lex_next(&q.l);
	if (q.l.tok == ')')
		return bare;
	if (q.l.tok != '*' && q.l.tok != '[' && q.l.tok != TK_IDENT)
		return false;
	for (; q.l.tok == TK_IDENT; lex_next(&q.l))
		words = true;
	known = words || !parse_is_value(p, name);
	while (q.l.tok == '*' || q.l.tok == '[') {
		if (parse_accept(&q, '*'))
			continue;
		lex_next(&q.l);
		if (q.l.tok == TK_NUM)
			lex_next(&q.l);
		if (!parse_accept(&q, ']'))
			return false;
	}
	return q.l.tok == ')' && known;
}

Node *
parse_type_or_expr(Parser *p)
{
	bool param = false;

	for (u32 i = 0; p->params && i < p->params->n; i++)
		param |= p->l.tok == TK_IDENT && p->params->list[i]->name == p->l.name;
	if (looks_like_type(p, !param))
		return parse_type(p);
	return parse_expr(p);
}

/* "(name)" before something that may be its operand: a cast if the name can only be a type. */
static bool
named_cast(Parser *p)
{
	Parser q = *p;
	const char *name = p->l.name;
	const Type *t;
	s64 v;

	if (p->l.tok != TK_IDENT)
		return false;
	lex_next(&q.l);
	if (q.l.tok != ')')
		return false;
	lex_next(&q.l);
	switch (q.l.tok) {
	case TK_IDENT: case TK_VAR: case TK_MAP: case TK_NUM: case TK_STR: case TK_POS: case TK_POSN: case '(': case '!': case '~':
		return !parse_is_value(p, name) || q.l.tok == TK_NUM;
	case '*': case '-': case '+': case '&': case TK_INC: case TK_DEC:
		return !parse_is_value(p, name) && (type_find(p->types, name) || !type_enumerator(p->types, name, &v, &t));
	}
	return false;
}

static Node *
finish_list(Parser *p, Node *n, Node **v, u32 count)
{
	n->list = v;
	n->n = count;
	return node_end(p, n);
}

/* "(" is current: cast, record, tuple or an expression in parentheses. */
static Node *
paren(Parser *p)
{
	u32 from = parse_from(p);
	Vec(Node *) v = { 0 };
	Node *n;

	lex_next(&p->l);
	if (looks_like_type(p, false) || named_cast(p)) {
		n = node_new(p, ND_CAST, from);
		n->a = parse_type(p);
		parse_expect(p, ')', "behind the type of a cast");
		n->b = parse_unary(p);
		return node_end(p, n);
	}
	if (parse_accept(p, ')'))
		return node_end(p, node_new(p, ND_TUPLE, from));
	if (p->l.tok == TK_IDENT) {
		Lexer save = p->l;

		lex_next(&p->l);
		if (p->l.tok == '=') {
			p->l = save;
			do {
				Node *f = node_new(p, ND_NAMED, parse_from(p));

				f->name = p->l.name;
				if (!parse_accept(p, TK_IDENT))
					parse_unexpected(p, "the name of a record's member");
				parse_expect(p, '=', NULL);
				f->a = parse_expr(p);
				VEC_PUSH(p->l.a, &v, node_end(p, f));
			} while (parse_accept(p, ','));
			parse_expect(p, ')', NULL);
			return finish_list(p, node_new(p, ND_RECORD, from), v.v, v.n);
		}
		p->l = save;
	}
	n = parse_expr(p);
	if (parse_accept(p, ')')) {
		n->paren = true;
		n->at = (Span){ from, p->l.base + p->l.prev_end };
		return n;
	}
	VEC_PUSH(p->l.a, &v, n);
	while (parse_accept(p, ',') && p->l.tok != ')')
		VEC_PUSH(p->l.a, &v, parse_expr(p));
	parse_expect(p, ')', NULL);
	return finish_list(p, node_new(p, ND_TUPLE, from), v.v, v.n);
}

/* The arguments of a call; '(' is current. */
static void
arguments(Parser *p, Node *n)
{
	Vec(Node *) v = { 0 };

	lex_next(&p->l);
	if (p->l.tok != ')') {
		do
			VEC_PUSH(p->l.a, &v, parse_is_word(p, "typeof") || is_tagged(p) ? parse_type(p) : parse_expr(p));
		while (parse_accept(p, ','));
	}
	parse_expect(p, ')', NULL);
	n->list = v.v;
	n->n = v.n;
}

static Node *
operator_sizeof(Parser *p, NodeKind kind)
{
	Node *n = node_new(p, kind, parse_from(p));
	Vec(Node *) v = { 0 };

	lex_next(&p->l);
	parse_expect(p, '(', NULL);
	if (kind == ND_OFFSETOF && p->l.tok == TK_IDENT && !is_tagged(p) && !parse_is_word(p, "typeof") &&
	    !parse_is_value(p, p->l.name))
		n->a = parse_type(p);
	else if (kind == ND_OFFSETOF && p->l.tok == TK_IDENT)
		n->a = is_tagged(p) || parse_is_word(p, "typeof") ? parse_type(p) : parse_expr(p);
	else
		n->a = kind == ND_OFFSETOF ? parse_expr(p) : parse_type_or_expr(p);
	if (kind == ND_OFFSETOF) {
		parse_expect(p, ',', NULL);
		do {
			Node *f = node_new(p, ND_IDENT, parse_from(p));

			f->name = p->l.name;
			if (!parse_accept(p, TK_IDENT))
				parse_unexpected(p, "the name of a member");
			VEC_PUSH(p->l.a, &v, node_end(p, f));
		} while (parse_accept(p, '.'));
	}
	parse_expect(p, ')', NULL);
	return finish_list(p, n, v.v, v.n);
}

/* What a macro of the script's C text stands for, read as an expression. */
static Node *
expansion(Parser *p, const Node *n, const char *text)
{
	const char *from;
	Parser q = *p;
	Node *e;

	q.expanded = true;
	from = arena_printf(p->l.a, "the macro %s", n->name);
	lex_init(&q.l, p->l.a, p->l.d, text, (u32)strlen(text), diag_source(p->l.d, from, text, strlen(text)), p->l.out);
	lex_next(&q.l);
	e = parse_expr(&q);
	if (q.l.tok != TK_EOF)
		lex_fail(&q.l, lex_span(&q.l), E_SYNTAX, "syntax error: '%s' is no expression", text);
	e->paren = true;
	return e;
}

/* A macro of the script's C text that stands for no number is read as an expression of this language: "text", pid + 1.
 * NULL: there is none of that name, or it is a number, which check finds by itself. */
static Node *
c_macro(Parser *p, const Node *n)
{
	const char *text = p->expanded || p->as_text ? NULL : type_macro(p->types, n->name);
	const Type *t;
	s64 v;

	if (!text || !strcmp(text, n->name) || type_enumerator(p->types, n->name, &v, &t))
		return NULL;
	return expansion(p, n, text);
}

/* A call of such a macro with parameters; '(' is current. */
static Node *
c_macro_call(Parser *p, const Node *n)
{
	u32 from = n->at.from - p->l.base, depth = 0;
	const char *text;
	Lexer l = p->l;
	Node *e;

	if (p->expanded || p->as_text || builtin_find(n->name) || map_get(p->macros, n->name, strlen(n->name)) ||
	    !type_macro_call(p->types, n->name, n->name, (u32)strlen(n->name)))
		return NULL;
	for (; l.tok != TK_EOF; lex_next(&l)) {
		depth += l.tok == '(';
		depth -= l.tok == ')';
		if (!depth)
			break;
	}
	text = type_macro_call(p->types, n->name, l.text + from, l.pos - from);
	if (l.tok == TK_EOF || !text)
		return NULL;
	e = expansion(p, n, text);
	p->l = l;
	lex_next(&p->l);
	return e;
}

static Node *
identifier(Parser *p)
{
	static const char *const reserved[] = {
		"if", "else", "while", "for", "unroll", "break", "continue", "return", "let", "import", "macro",
	};
	Node *n = node_new(p, ND_IDENT, parse_from(p));

	if (parse_is_word(p, "sizeof"))
		return operator_sizeof(p, ND_SIZEOF);
	if (parse_is_word(p, "offsetof"))
		return operator_sizeof(p, ND_OFFSETOF);
	if (parse_is_word(p, "typeinfo"))
		return operator_sizeof(p, ND_TYPEINFO);
	if (is_tagged(p) || parse_is_word(p, "typeof"))
		return parse_type(p);
	for (size_t i = 0; i < COUNT(reserved); i++)
		if (parse_is_word(p, reserved[i]))
			lex_fail(&p->l, lex_span(&p->l), E_SYNTAX, "syntax error, unexpected %s", reserved[i]);
	if (parse_is_word(p, "comptime")) {
		n->kind = ND_COMPTIME;
		lex_next(&p->l);
		n->a = parse_expr(p);
		return node_end(p, n);
	}
	if (parse_is_word(p, "true") || parse_is_word(p, "false")) {
		n->kind = ND_BOOL;
		n->num = parse_is_word(p, "true");
		lex_next(&p->l);
		return node_end(p, n);
	}
	n->name = p->l.name;
	lex_next(&p->l);
	if (p->l.tok == '(') {
		Node *e = c_macro_call(p, n);

		if (e)
			return e;
		n->kind = ND_CALL;
		arguments(p, n);
	} else {
		Node *e = c_macro(p, n);

		if (e)
			return e;
	}
	return node_end(p, n);
}

/* @name, @name[key], @name[key, key] */
static Node *
map(Parser *p)
{
	Node *n = node_new(p, ND_MAP, parse_from(p)), *k;
	Vec(Node *) v = { 0 };
	u32 from;

	n->name = p->l.name;
	lex_next(&p->l);
	if (p->l.tok != '[')
		return node_end(p, n);
	lex_next(&p->l);
	from = parse_from(p);
	do
		VEC_PUSH(p->l.a, &v, parse_expr(p));
	while (parse_accept(p, ','));
	if (v.n == 1) {
		n->a = v.v[0];
	} else {
		k = node_new(p, ND_TUPLE, from);
		n->a = finish_list(p, k, v.v, v.n);
	}
	parse_expect(p, ']', NULL);
	return node_end(p, n);
}

static Node *
primary(Parser *p)
{
	Node *n = node_new(p, ND_NUM, parse_from(p));

	switch (p->l.tok) {
	case TK_NUM:
		n->num = p->l.num;
		n->big = n->num > INT64_MAX;
		break;
	case TK_STR:
		n->kind = ND_STR;
		n->str = p->l.str;
		n->n = p->l.str_n;
		break;
	case TK_VAR:
		n->kind = ND_VAR;
		n->name = p->l.name;
		break;
	case TK_POS:
		n->kind = ND_POS;
		n->num = p->l.num;
		break;
	case TK_POSN:
		n->kind = ND_POSN;
		break;
	case TK_MAP:
		return map(p);
	case TK_IDENT:
		return parse_is_word(p, "if") ? parse_if(p) : identifier(p);
	case '(':
		return paren(p);
	case '{':
		return parse_block(p);
	default:
		parse_unexpected(p, NULL);
	}
	lex_next(&p->l);
	return node_end(p, n);
}

static Node *
postfix(Parser *p)
{
	u32 from = parse_from(p);
	Node *n = primary(p), *q;

	for (;;) {
		if (p->l.tok == '.' || p->l.tok == TK_ARROW) {
			q = node_new(p, ND_FIELD, from);
			lex_next(&p->l);
			q->name = p->l.name;
			if (p->l.tok == TK_NUM) {
				q->kind = ND_ELEM;
				q->name = NULL;
				q->num = p->l.num;
			} else if (p->l.tok != TK_IDENT) {
				parse_unexpected(p, "the name of a member or the number of an element");
			}
			lex_next(&p->l);
		} else if (p->l.tok == '[') {
			q = node_new(p, ND_INDEX, from);
			lex_next(&p->l);
			q->b = parse_expr(p);
			parse_expect(p, ']', NULL);
		} else if (p->l.tok == TK_INC || p->l.tok == TK_DEC) {
			q = node_new(p, ND_STEP, from);
			q->op = p->l.tok;
			q->num = 1;
			lex_next(&p->l);
		} else {
			return n;
		}
		q->a = n;
		n = node_end(p, q);
	}
}

/* unary := ("-" | "!" | "~" | "*" | "&" | "+" | "++" | "--") unary | postfix */
Node *
parse_unary(Parser *p)
{
	Node *n = node_new(p, ND_UN, parse_from(p));

	switch (p->l.tok) {
	case TK_INC: case TK_DEC:
		n->kind = ND_STEP;
		/* fall through */
	case '-': case '!': case '~': case '*': case '&':
		n->op = p->l.tok;
		parse_deeper(p);
		lex_next(&p->l);
		n->a = parse_unary(p);
		p->depth--;
		return node_end(p, n);
	}
	parse_deeper(p);
	n = postfix(p);
	p->depth--;
	return n;
}

static int
precedence(const Lexer *l)
{
	switch (l->tok) {
	case TK_LOR:                            return 1;
	case TK_LAND:                           return 2;
	case '|':                               return 3;
	case '^':                               return 4;
	case '&':                               return 5;
	case TK_EQ: case TK_NE:                 return 6;
	case '<': case '>': case TK_LE: case TK_GE: return 7;
	case TK_SHL: case TK_SHR:               return 8;
	case '+': case '-':                     return 9;
	case '*': case '/': case '%':           return 10;
	}
	return 0;
}

/* "/ {" ends a predicate; nothing is divided by a block. */
static bool
ends_predicate(Parser *p)
{
	Lexer l = p->l;

	if (l.tok != '/')
		return false;
	lex_next(&l);
	return l.tok == '{';
}

static Node *
binary(Parser *p, int min)
{
	u32 from = parse_from(p);
	Node *left = parse_unary(p);

	for (;;) {
		int prec = precedence(&p->l);
		Node *n;

		if (!prec || prec < min || ends_predicate(p))
			return left;
		n = node_new(p, ND_BIN, from);
		n->op = p->l.tok;
		lex_next(&p->l);
		n->a = left;
		n->b = binary(p, prec + 1);
		left = node_end(p, n);
	}
}

/* expr := binary [ "?" [expr] ":" expr ] */
Node *
parse_expr(Parser *p)
{
	u32 from = parse_from(p);
	Node *n, *cond;

	parse_deeper(p);
	cond = binary(p, 1);
	if (p->l.tok == '?') {
		lex_next(&p->l);
		n = node_new(p, ND_TERN, from);
		n->a = cond;
		if (p->l.tok != ':')
			n->b = parse_expr(p);
		parse_expect(p, ':', "of the ternary");
		n->c = parse_expr(p);
		cond = node_end(p, n);
	}
	p->depth--;
	return cond;
}
