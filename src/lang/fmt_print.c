/* fmt_print: marked tokens on lines, with the comments and blank lines that stood between them. A line is collected whole, then
 * broken where it is too wide. */
#include "lang/fmt.h"

enum { WIDTH = 80, INDENT = 2, BLANK_LINES = 2, NO_BREAK = 1000 };

/* A piece of the line: a token or a comment. */
typedef struct Piece {
	const char *text;
	u32 n;
	bool space;             /* before it */
	bool ends;              /* a comment to the end of the line */
	u8 open, close;         /* brackets, for the columns of broken lines */
	u32 rank;               /* how gladly the line is broken behind it: 0 most */
} Piece;

typedef struct Line {
	Fmt *f;
	Buf *out;
	Vec(Piece) p;
	u32 indent;             /* of what comes next */
	u32 line_indent;        /* of the line being collected */
	u32 blank;              /* empty lines before it */
	bool any;               /* something is printed already */
	const FmtToken *prev;
} Line;

/* ---- lines ---- */

static bool
breaks(const Line *l, u32 k)
{
	return k && l->p.v[k - 1].rank != NO_BREAK;
}

/* The columns right behind the brackets that are open. */
typedef struct Columns { u32 v[64], n; } Columns;

static void
follow(Columns *c, const Piece *p, u32 end)
{
	if (p->open && c->n < COUNT(c->v))
		c->v[c->n++] = end;
	if (p->close && c->n)
		c->n--;
}

/* Where pieces go on behind a break before piece k: behind the innermost bracket, or behind "$x = ". */
static u32
hang(const Line *l, const Columns *c, u32 assign)
{
	return c->n ? c->v[c->n - 1] : assign ? assign : l->line_indent + INDENT;
}

/* Prints pieces [k, to) with column col at the first; gives the column behind them. */
static u32
put(Line *l, u32 k, u32 to, u32 col, bool first, Columns *c, u32 *assign)
{
	for (; k < to; k++) {
		const Piece *p = &l->p.v[k];

		if (p->space && !first) {
			buf_putc(l->out, ' ');
			col++;
		}
		buf_put(l->out, p->text, p->n);
		col += p->n;
		follow(c, p, col);
		if (p->n == 1 && *p->text == '=' && !c->n && !*assign)
			*assign = col + 1;
		first = false;
	}
	return col;
}

/* The end of the part of the line that starts at piece k and column col: where it is broken, or all of it. */
static u32
part_end(const Line *l, u32 k, u32 col, const Columns *now)
{
	u32 best = 0, best_rank = NO_BREAK, depth = now->n;

	for (u32 i = k; i < l->p.n; i++) {
		const Piece *p = &l->p.v[i];
		u32 rank;

		if (i > k && l->p.v[i - 1].ends)
			return i;
		col += p->n + (p->space && i > k);
		if (col > WIDTH && !p->ends && best)
			return best;
		if (p->open)
			depth++;
		if (p->close && depth)
			depth--;
		rank = depth * 8 + p->rank;
		if (i + 1 < l->p.n && breaks(l, i + 1) && rank <= best_rank) {
			best = i + 1;
			best_rank = rank;
		}
	}
	return l->p.n;
}

static void
spaces(Buf *b, u32 n)
{
	buf_printf(b, "%*s", (int)n, "");
}

static void
flush(Line *l)
{
	Columns c = { 0 };
	u32 k = 0, col = l->line_indent, assign = 0;

	if (!l->p.n)
		return;
	for (u32 i = 0; i < l->blank && l->any; i++)
		buf_putc(l->out, '\n');
	while (k < l->p.n) {
		u32 to = part_end(l, k, col, &c);

		spaces(l->out, col);
		put(l, k, to, col, true, &c, &assign);
		buf_putc(l->out, '\n');
		k = to;
		col = hang(l, &c, assign);
	}
	l->p.n = 0;
	l->blank = 0;
	l->any = true;
}

/* ---- what stands between tokens ---- */

static void
add(Line *l, Piece p)
{
	if (!l->p.n)
		l->line_indent = l->indent;
	VEC_PUSH(l->f->a, &l->p, p);
}

/* The lines of a comment behind its first are aligned by their '*'. */
static void
comment(Line *l, const char *s, u32 n)
{
	Buf b = { 0 };

	while (n && strchr(" \t\r\n", s[n - 1]))
		n--;
	for (u32 i = 0; i < n; i++) {
		buf_putc(&b, s[i]);
		if (s[i] != '\n')
			continue;
		u32 k = i + 1;

		while (k < n && (s[k] == ' ' || s[k] == '\t'))
			k++;
		if (k < n && s[k] == '*') {
			spaces(&b, (l->p.n ? l->line_indent : l->indent) + 1);
			i = k - 1;
		}
	}
	add(l, (Piece){ .text = arena_str(l->f->a, b.p, b.n), .n = (u32)b.n, .space = true, .rank = NO_BREAK, .ends = s[1] == '/' });
	buf_free(&b);
}

static u32
comment_end(const char *s, u32 i, u32 to)
{
	const char *end = s[i + 1] == '/' ? memchr(s + i, '\n', to - i) : memmem(s + i + 2, to - i - 2, "*/", 2);

	return !end ? to : (u32)(end - s) + (s[i + 1] == '/' ? 0 : 2);
}

/* Comments of the text [from, to); starts: the token behind begins a line, so that comments may have lines of their own. */
static void
gap(Line *l, u32 from, u32 to, bool starts)
{
	const char *s = l->f->text;
	u32 newlines = 0;

	for (u32 i = from; i < to; i++) {
		if (s[i] == '\n')
			newlines++;
		if (s[i] != '/' || i + 1 >= to || (s[i + 1] != '/' && s[i + 1] != '*'))
			continue;
		if (starts && newlines) {
			flush(l);
			l->blank = MAX(l->blank, MIN(newlines - 1, (u32)BLANK_LINES));
		}
		u32 end = comment_end(s, i, to);

		comment(l, s + i, end - i);
		i = end - 1;
		newlines = 0;
	}
	if (starts) {
		flush(l);
		l->blank = newlines > 1 ? MIN(newlines - 1, (u32)BLANK_LINES) : 0;
	}
}

static bool
has_comment(const Fmt *f, u32 from, u32 to)
{
	for (u32 i = from; i + 1 < to; i++)
		if (f->text[i] == '/' && (f->text[i + 1] == '/' || f->text[i + 1] == '*'))
			return true;
	return false;
}

/* ---- spaces ---- */

static bool
is_keyword(const Fmt *f, const FmtToken *t)
{
	static const char *const words[] = { "if", "else", "while", "for", "unroll", "let" };

	for (u32 i = 0; i < COUNT(words); i++)
		if (t->tok == TK_IDENT && t->to - t->from == strlen(words[i]) && !memcmp(f->text + t->from, words[i], t->to - t->from))
			return true;
	return false;
}

static bool
spaced(const Line *l, const FmtToken *t)
{
	const FmtToken *p = l->prev;

	if (!p)
		return false;
	if (p->marks & M_UNARY)
		return !(p->marks & M_DROP) && p->tok == t->tok && (t->tok == '-' || t->tok == '&' || t->tok == '+');
	if ((t->marks | p->marks) & M_TIGHT || t->marks & M_POSTFIX)
		return false;
	if (t->marks & M_PAREN_BEFORE)
		return true;
	switch (p->tok) {
	case '(': case '[': case '.': case TK_ARROW: case TK_RANGE: case '#':
		return false;
	}
	switch (t->tok) {
	case ',': case ')': case ']': case '.': case TK_ARROW: case TK_RANGE:
		return false;
	case '(':
		if (p->tok == TK_IDENT)
			return is_keyword(l->f, p) || p->marks & M_VALUE;
		return p->tok != ')' && p->tok != ']';
	case '[':
		return p->tok != TK_IDENT && p->tok != TK_VAR && p->tok != TK_MAP && p->tok != ')' && p->tok != ']' && p->tok != '}' &&
		       p->tok != TK_POS && p->tok != TK_STR;
	case ':':
		return p->tok != '?';
	}
	return true;
}

/* ---- tokens to pieces ---- */

static u32
rank(const FmtToken *t)
{
	if (t->tok == ',')
		return 0;
	if (!(t->marks & M_BINARY))
		return NO_BREAK;
	return t->tok == TK_LOR ? 1 : t->tok == TK_LAND ? 2 : 3;
}

static void
token(Line *l, const FmtToken *t)
{
	bool arrow = t->tok == TK_ARROW && !(t->marks & M_RAW);
	bool raw = t->marks & M_RAW;
	Piece p = {
		.text = arrow ? "." : l->f->text + t->from, .n = arrow ? 1 : t->to - t->from, .space = spaced(l, t),
		.open = !raw && (t->tok == '(' || t->tok == '['), .close = !raw && (t->tok == ')' || t->tok == ']'), .rank = rank(t),
	};

	while (p.n && strchr(" \t\r\n", p.text[p.n - 1]))
		p.n--;
	if (t->marks & M_PAREN_BEFORE) {
		add(l, (Piece){ .text = "(", .n = 1, .space = p.space, .open = 1, .rank = NO_BREAK });
		p.space = false;
	}
	add(l, p);
	if (t->marks & M_PAREN_AFTER)
		add(l, (Piece){ .text = ")", .n = 1, .close = 1, .rank = NO_BREAK });
	if (t->marks & M_SEMI)
		add(l, (Piece){ .text = ";", .n = 1, .rank = NO_BREAK });
}

void
fmt_print(Fmt *f, Buf *out)
{
	Line l = { .f = f, .out = out, .any = out->n != 0 };
	u32 behind = f->start;

	for (u32 i = 0; i < f->t.n; i++) {
		const FmtToken *t = &f->t.v[i];
		bool starts = t->marks & M_LINE, opened = l.prev && l.prev->marks & M_OPEN;

		if (t->marks & M_DROP)
			continue;
		if (opened && t->marks & M_CLOSE && !has_comment(f, behind, t->from)) {
			l.indent -= INDENT;
			add(&l, (Piece){ .text = "}", .n = 1, .rank = NO_BREAK });
		} else {
			gap(&l, behind, t->from, starts);
			if (t->marks & M_CLOSE) {
				l.blank = 0;
				l.indent -= INDENT;
			}
			if (opened)
				l.blank = 0;
			if (starts)
				l.prev = NULL;
			token(&l, t);
		}
		if (t->marks & M_OPEN)
			l.indent += INDENT;
		l.prev = t;
		behind = t->to;
	}
	gap(&l, behind, f->n, true);
	flush(&l);
}
