/* fmt: tokens of a script, with marks that come from its tree. */
#include "lang/fmt.h"
#include "lang/comp.h"

/* ---- tokens ---- */

/* Spans that are taken as they are: C text and attach points, in order. */
typedef Vec(Span) Raws;

static void
find_raws(Fmt *f, const Node *top, Raws *raws)
{
	for (u32 i = 0; i < top->n; i++) {
		const Node *n = top->list[i];

		if (n->kind == ND_CDEF)
			VEC_PUSH(f->a, raws, n->at);
		for (u32 j = 0; n->kind == ND_PROBE && j < n->n; j++)
			VEC_PUSH(f->a, raws, n->list[j]->at);
	}
}

static void
push(Fmt *f, const Lexer *l, u32 marks)
{
	FmtToken t = { .from = l->from, .to = l->pos, .tok = l->tok, .op = l->op, .marks = marks };

	if (t.tok == ';')
		t.marks |= M_DROP;
	VEC_PUSH(f->a, &f->t, t);
}

static void
read_tokens(Fmt *f, Lexer *l, const Raws *raws)
{
	u32 r = 0;

	for (;;) {
		lex_blank(l);
		if (r < raws->n && raws->v[r].from - f->base == l->pos) {
			l->from = l->pos;
			l->pos = raws->v[r++].to - f->base;
			l->tok = TK_IDENT;
			push(f, l, M_RAW);
			continue;
		}
		lex_next(l);
		if (l->tok == TK_EOF)
			return;
		push(f, l, 0);
	}
}

static void
match_brackets(Fmt *f)
{
	VecU32 open = { 0 };

	for (u32 i = 0; i < f->t.n; i++) {
		FmtToken *t = &f->t.v[i];

		if (t->marks & M_RAW)
			continue;
		if (strchr("([{", t->tok) && t->tok < 128)
			VEC_PUSH(f->a, &open, i);
		if (strchr(")]}", t->tok) && t->tok < 128 && open.n) {
			t->match = open.v[--open.n];
			f->t.v[t->match].match = i;
		}
	}
}

/* ---- marks ---- */

/* Index of the token that starts at a Span's offset, or the first behind it. */
static u32
token_at(const Fmt *f, u32 offset)
{
	u32 lo = 0, hi = f->t.n;

	offset -= f->base;
	while (lo < hi) {
		u32 mid = (lo + hi) / 2;

		if (f->t.v[mid].from < offset)
			lo = mid + 1;
		else
			hi = mid;
	}
	return MIN(lo, f->t.n - 1);
}

static FmtToken *
first(Fmt *f, const Node *n)
{
	return &f->t.v[token_at(f, n->at.from)];
}

static u32
last_index(Fmt *f, const Node *n)
{
	u32 i = token_at(f, n->at.to);

	while (i && f->t.v[i].from + f->base >= n->at.to)
		i--;
	return i;
}

static FmtToken *
last(Fmt *f, const Node *n)
{
	return &f->t.v[last_index(f, n)];
}

static void mark(Fmt *f, const Node *n);
static void mark_body(Fmt *f, const Node *n);

/* Behind n, skipping the ')' of its own parentheses: the next token with the operator `op`. */
static FmtToken *
operator_behind(Fmt *f, const Node *n, u8 op)
{
	u32 i = token_at(f, n->at.to);

	while (i + 1 < f->t.n && f->t.v[i].tok != op)
		i++;
	return &f->t.v[i];
}

/* Parentheses around the whole of n are dropped; the index of its first token inside them, and of its last. */
static void
strip(Fmt *f, u32 *from, u32 *to)
{
	while (*from < *to && f->t.v[*from].tok == '(' && f->t.v[*from].match == *to) {
		f->t.v[(*from)++].marks |= M_DROP;
		f->t.v[(*to)--].marks |= M_DROP;
	}
}

static bool
is_simple(const Node *n)
{
	switch (n->kind) {
	case ND_NUM: case ND_BOOL: case ND_STR: case ND_IDENT: case ND_VAR: case ND_MAP: case ND_POS: case ND_POSN:
	case ND_CALL: case ND_FIELD: case ND_ELEM: case ND_INDEX:
		return true;
	}
	return false;
}

/* The condition of an if or a while: parentheses around operators alone. */
static void
condition(Fmt *f, const Node *n, bool always)
{
	u32 from = token_at(f, n->at.from), to = last_index(f, n);

	if (n->kind == ND_TUPLE || n->kind == ND_RECORD) {
		mark(f, n);
		return;
	}
	strip(f, &from, &to);
	if (n->kind == ND_COMPTIME) {
		f->t.v[from].marks |= M_VALUE;
		condition(f, n->a, false);
		return;
	}
	if (always || !is_simple(n)) {
		f->t.v[from].marks |= M_PAREN_BEFORE;
		f->t.v[to].marks |= M_PAREN_AFTER;
	}
	mark(f, n);
}

static void
mark_for(Fmt *f, const Node *n)
{
	u32 open = token_at(f, n->at.from) + 1;

	if (f->t.v[open].tok == '(') {
		f->t.v[open].marks |= M_DROP;
		f->t.v[f->t.v[open].match].marks |= M_DROP;
	}
	if (n->b->kind == ND_RANGE)
		operator_behind(f, n->b->a, TK_RANGE)->marks |= M_TIGHT;
	mark(f, n->b);
	mark_body(f, n->c);
}

static void
mark_type(Fmt *f, const Node *n)
{
	for (u32 i = 0; i < n->n; i++)
		first(f, n->list[i])->marks |= M_POSTFIX;
	if (n->a)
		mark(f, n->a);
}

/* Statements each on a line; a ';' behind those that are no block. */
static void
mark_block(Fmt *f, const Node *n)
{
	first(f, n)->marks |= M_OPEN;
	last(f, n)->marks |= M_CLOSE | M_LINE;
	for (u32 i = 0; i < n->n; i++) {
		const Node *s = n->list[i];

		first(f, s)->marks |= M_LINE;
		if (s->kind != ND_BLOCK && s->kind != ND_IF && s->kind != ND_FOR && s->kind != ND_WHILE && s->kind != ND_UNROLL)
			last(f, s)->marks |= M_SEMI;
		mark(f, s);
	}
	if (n->a) {
		first(f, n->a)->marks |= M_LINE;
		mark(f, n->a);
	}
}

/* The body of something that has no value: its last statement has a ';' like the others. */
static void
mark_body(Fmt *f, const Node *n)
{
	mark_block(f, n);
	if (n->a)
		last(f, n->a)->marks |= M_SEMI;
}

static void
mark_children(Fmt *f, const Node *n)
{
	if (n->a)
		mark(f, n->a);
	if (n->b)
		mark(f, n->b);
	if (n->c)
		mark(f, n->c);
	for (u32 i = 0; n->list && i < n->n; i++)
		mark(f, n->list[i]);
}

static void
mark(Fmt *f, const Node *n)
{
	switch (n->kind) {
	case ND_UN:
		/* n's own parentheses stand before it */
		f->t.v[token_at(f, n->a->at.from) - 1].marks |= M_UNARY;
		break;
	case ND_STEP:
		if (n->num)
			operator_behind(f, n->a, n->op)->marks |= M_POSTFIX;
		else
			f->t.v[token_at(f, n->a->at.from) - 1].marks |= M_UNARY;
		break;
	case ND_BIN:
		operator_behind(f, n->a, n->op)->marks |= M_BINARY;
		break;
	case ND_CAST:
		f->t.v[token_at(f, n->b->at.from) - 1].marks |= M_UNARY;
		break;
	case ND_NAMED:
		first(f, n)[1].marks |= M_TIGHT;
		break;
	case ND_COMPTIME:
		first(f, n)->marks |= M_VALUE;
		break;
	case ND_RETURN:
		first(f, n)->marks |= M_VALUE;
		break;
	case ND_TYPE:
		mark_type(f, n);
		return;
	case ND_BLOCK:
		mark_block(f, n);
		return;
	case ND_IF:
		condition(f, n->a, false);
		mark(f, n->b);
		if (n->c)
			mark(f, n->c);
		return;
	case ND_WHILE:
	case ND_UNROLL:
		condition(f, n->a, n->kind == ND_UNROLL);
		mark_body(f, n->b);
		return;
	case ND_FOR:
		mark_for(f, n);
		return;
	}
	mark_children(f, n);
}

static void
mark_probe(Fmt *f, const Node *n)
{
	for (u32 i = 0; i < n->n; i++)
		if (i || !n->name)
			first(f, n->list[i])->marks |= M_LINE;
	if (n->name)
		first(f, n)[1].marks |= M_TIGHT;
	if (n->a) {
		FmtToken *from = &f->t.v[token_at(f, n->a->at.from) - 1], *to = first(f, n->b) - 1;

		from->marks |= M_LINE | M_UNARY;
		to->marks |= M_POSTFIX;
		mark(f, n->a);
	}
	/* "a, b, {": the ',' before the brace means nothing */
	if (first(f, n->b)[-1].tok == ',')
		first(f, n->b)[-1].marks |= M_DROP;
	first(f, n->b)->marks |= M_LINE;
	mark_body(f, n->b);
}

static void
mark_config(Fmt *f, const Node *n)
{
	first(f, n)[2].marks |= M_OPEN;
	last(f, n)->marks |= M_CLOSE | M_LINE;
	for (u32 i = 0; i < n->n; i++) {
		FmtToken *end = last(f, n->list[i]);

		first(f, n->list[i])->marks |= M_LINE;
		end->marks |= M_SEMI;
		if (end[1].tok == ',')
			end[1].marks |= M_DROP;
	}
}

static void
mark_top(Fmt *f, const Node *n)
{
	first(f, n)->marks |= M_LINE;
	switch (n->kind) {
	case ND_PROBE:
		mark_probe(f, n);
		break;
	case ND_MACRO:
		first(f, n->b)->marks |= M_LINE;
		mark_block(f, n->b);
		break;
	case ND_CONFIG:
		mark_config(f, n);
		break;
	case ND_IMPORT:
	case ND_MAPDECL:
		last(f, n)->marks |= M_SEMI;
		mark_children(f, n);
		break;
	}
}

bool
lang_format(Types *types, Arena *a, Diag *d, const char *text, size_t n, u32 base, Buf *out)
{
	Fmt f = { .a = a, .text = text, .n = (u32)n, .base = base };
	Map macros = { .arena = a };
	Raws raws = { 0 };
	jmp_buf failed;
	Lexer l;
	Node *top;

	if (setjmp(failed))
		return false;
	top = parse_text(a, d, types, text, (u32)n, base, &macros, &failed);
	lex_init(&l, a, d, text, (u32)n, base, &failed);
	if (l.pos)
		buf_printf(out, "%.*s\n", (int)l.pos, text);   /* the "#!" line */
	f.start = l.pos;
	find_raws(&f, top, &raws);
	read_tokens(&f, &l, &raws);
	match_brackets(&f);
	for (u32 i = 0; i < top->n; i++)
		mark_top(&f, top->list[i]);
	fmt_print(&f, out);
	return true;
}
