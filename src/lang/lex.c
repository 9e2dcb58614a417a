/* lex: bytes to tokens, one at a time. Attach points have an alphabet of their own: lex_point() takes them raw. */
#include "lang/ast.h"

#include <ctype.h>
#include <stdio.h>

void
lex_fail(Lexer *l, Span at, DiagTag tag, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	diag_verr(l->d, false, at, tag, fmt, ap);
	va_end(ap);
	longjmp(*l->out, 1);
}

Span
lex_span(const Lexer *l)
{
	return (Span){ l->base + l->from, l->base + MAX(l->pos, l->from + (l->from < l->n)) };
}

static Span
span(const Lexer *l, u32 from, u32 to)
{
	return (Span){ l->base + from, l->base + to };
}

static char
at(const Lexer *l, u32 i)
{
	return i < l->n ? l->text[i] : 0;
}

static bool
is_word(char c)
{
	return isalnum((unsigned char)c) || c == '_';
}

void
lex_blank(Lexer *l)
{
	for (;;) {
		char c = at(l, l->pos);

		if (c == '/' && at(l, l->pos + 1) == '/') {
			while (l->pos < l->n && l->text[l->pos] != '\n')
				l->pos++;
		} else if (c == '/' && at(l, l->pos + 1) == '*') {
			u32 from = l->pos;
			const char *end = memmem(l->text + from + 2, l->n - from - 2, "*/", 2);

			if (!end)
				lex_fail(l, span(l, from, from + 2), E_SYNTAX, "unterminated comment");
			l->pos = (u32)(end - l->text) + 2;
		} else if (l->pos < l->n && isspace((unsigned char)c)) {
			l->pos++;
		} else {
			return;
		}
	}
}

/* Units behind a number, in nanoseconds. */
static const struct { const char *name; u64 ns; } units[] = {
	{ "ns", 1 }, { "us", 1000 }, { "ms", 1000000 }, { "s", 1000000000 }, { "m", 60000000000 },
	{ "h", 3600000000000 }, { "d", 86400000000000 },
};

static void
bad_number(Lexer *l, const char *why)
{
	lex_fail(l, span(l, l->from, l->pos), E_NUMBER, "invalid integer '%.*s': %s",
		 (int)MIN(l->pos - l->from, 60u), l->text + l->from, why);
}

static u64
times(Lexer *l, u64 a, u64 b)
{
	u64 r;

	if (__builtin_mul_overflow(a, b, &r))
		bad_number(l, "it does not fit in 64 bits");
	return r;
}

/* Decimal, 0x hexadecimal, 0 octal; '_' between digits; an exponent (2e3) or a unit of time behind a decimal one. */
static void
number(Lexer *l)
{
	u32 end = l->pos, i = l->pos;
	unsigned radix = 10;
	u64 v = 0;

	while (is_word(at(l, end)))
		end++;
	l->pos = end;
	if (at(l, i) == '0' && (at(l, i + 1) | 32) == 'x') {
		radix = 16;
		i += 2;
		if (i == end)
			bad_number(l, "no digit follows 0x");
	} else if (at(l, i) == '0' && i + 1 < end && (isdigit((unsigned char)at(l, i + 1)) || at(l, i + 1) == '_')) {
		radix = 8;
	}
	for (; i < end; i++) {
		char c = l->text[i];
		unsigned digit = isdigit((unsigned char)c) ? (unsigned)(c - '0') : (unsigned)((c | 32) - 'a' + 10);

		if (c == '_')
			continue;
		if (digit >= radix)
			break;
		v = times(l, v, radix);
		if (__builtin_add_overflow(v, digit, &v))
			bad_number(l, "it does not fit in 64 bits");
	}
	if (i < end && radix == 10 && (l->text[i] | 32) == 'e') {
		u64 e = 0;
		u32 digits = 0;

		for (i++; i < end && isdigit((unsigned char)l->text[i]); i++, digits++)
			e = MIN(e * 10 + (u64)(l->text[i] - '0'), 100);
		if (!digits)
			bad_number(l, "no digit follows the exponent's 'e'");
		for (; e && v; e--)
			v = times(l, v, 10);
	}
	if (i < end && radix == 10)
		for (size_t k = 0; k < COUNT(units); k++)
			if (end - i == strlen(units[k].name) && !memcmp(l->text + i, units[k].name, end - i)) {
				v = times(l, v, units[k].ns);
				i = end;
				break;
			}
	if (i < end)
		bad_number(l, radix == 8 ? "a leading 0 means octal, and this has another digit" :
			   "invalid trailing bytes");
	l->num = v;
	l->tok = TK_NUM;
}

static bool
escape(Lexer *l, u32 *i, char *out)
{
	static const char from[] = "ntr\\\"abfv'?", to[] = "\n\t\r\\\"\a\b\f\v'?";
	char c = at(l, *i);
	const char *k = c ? strchr(from, c) : NULL;
	unsigned v = 0, digits = 0;

	if (k) {
		*out = to[k - from];
		++*i;
		return true;
	}
	if (c == 'x') {
		for (++*i; digits < 2 && isxdigit((unsigned char)at(l, *i)); ++*i, digits++) {
			char x = at(l, *i);

			v = v * 16 + (unsigned)(isdigit((unsigned char)x) ? x - '0' : (x | 32) - 'a' + 10);
		}
	} else {
		for (; digits < 3 && at(l, *i) >= '0' && at(l, *i) <= '7'; ++*i, digits++)
			v = v * 8 + (unsigned)(at(l, *i) - '0');
	}
	*out = (char)v;
	return digits && v < 256;
}

static void
string(Lexer *l)
{
	u32 i = l->pos + 1, end = i, n = 0;
	char *s;

	while (end < l->n && l->text[end] != '"' && l->text[end] != '\n')
		end += l->text[end] == '\\' ? 2 : 1;
	if (end >= l->n || l->text[end] == '\n')
		lex_fail(l, span(l, l->pos, MIN(end, l->n)), E_STRING, "unterminated string");
	s = arena_alloc(l->a, end - i + 1);
	while (i < end) {
		u32 from = i;

		if (l->text[i] != '\\') {
			s[n++] = l->text[i++];
			continue;
		}
		i++;
		if (!escape(l, &i, &s[n++]))
			lex_fail(l, span(l, from, MIN(from + 2, l->n)), E_STRING, "invalid escape character '\\%c'",
				 at(l, from + 1));
	}
	l->str = s;
	l->str_n = n;
	l->pos = end + 1;
	l->tok = TK_STR;
}

static void
word(Lexer *l, u8 tok, u32 from)
{
	while (is_word(at(l, l->pos)))
		l->pos++;
	l->name = intern(l->text + from, l->pos - from);
	l->tok = tok;
}

/* $x, $1, $#, and the '$' that is nothing. */
static void
dollar(Lexer *l)
{
	char c = at(l, l->pos + 1);
	u64 v = 0;

	l->pos++;
	if (c == '#') {
		l->pos++;
		l->tok = TK_POSN;
	} else if (isdigit((unsigned char)c)) {
		for (; isdigit((unsigned char)at(l, l->pos)); l->pos++)
			v = MIN(v * 10 + (u64)(l->text[l->pos] - '0'), 0xffffffffu);
		l->num = v;
		l->tok = TK_POS;
		if (!v)
			lex_fail(l, lex_span(l), E_SYNTAX, "positional parameters count from $1");
	} else if (isalpha((unsigned char)c) || c == '_') {
		word(l, TK_VAR, l->from);
	} else {
		lex_fail(l, span(l, l->from, l->pos), E_CHAR, "a '$' is followed by the name of a variable, a number or '#'");
	}
}

static const struct { char text[4]; u8 tok, op; } puncts[] = {  /* longest first */
	{ "<<=", TK_ASSIGN_OP, TK_SHL }, { ">>=", TK_ASSIGN_OP, TK_SHR },
	{ "<<", TK_SHL, 0 }, { ">>", TK_SHR, 0 }, { "<=", TK_LE, 0 }, { ">=", TK_GE, 0 }, { "==", TK_EQ, 0 },
	{ "!=", TK_NE, 0 }, { "&&", TK_LAND, 0 }, { "||", TK_LOR, 0 }, { "++", TK_INC, 0 }, { "--", TK_DEC, 0 },
	{ "->", TK_ARROW, 0 }, { "..", TK_RANGE, 0 },
	{ "+=", TK_ASSIGN_OP, '+' }, { "-=", TK_ASSIGN_OP, '-' }, { "*=", TK_ASSIGN_OP, '*' },
	{ "/=", TK_ASSIGN_OP, '/' }, { "%=", TK_ASSIGN_OP, '%' }, { "&=", TK_ASSIGN_OP, '&' },
	{ "|=", TK_ASSIGN_OP, '|' }, { "^=", TK_ASSIGN_OP, '^' },
};

static void
punct(Lexer *l)
{
	unsigned char c = (unsigned char)at(l, l->pos);

	for (size_t i = 0; i < COUNT(puncts); i++) {
		size_t k = strlen(puncts[i].text);

		if (l->n - l->pos >= k && !memcmp(l->text + l->pos, puncts[i].text, k)) {
			l->tok = puncts[i].tok;
			l->op = puncts[i].op;
			l->pos += (u32)k;
			return;
		}
	}
	if (!c || !strchr("+-*/%&|^~!<>=?:;,.(){}[]#", c)) {
		Span s = span(l, l->pos, l->pos + 1);

		if (isprint(c))
			lex_fail(l, s, E_CHAR, "invalid character '%c'", c);
		lex_fail(l, s, E_CHAR, "invalid character '\\x%02x'%s", c,
			 c ? "" : "; a script is text and holds no NUL bytes");
	}
	l->tok = c;
	l->pos++;
}

void
lex_next(Lexer *l)
{
	char c;

	l->prev_end = l->pos;
	lex_blank(l);
	l->from = l->pos;
	c = at(l, l->pos);
	if (l->pos >= l->n)
		l->tok = TK_EOF;
	else if (isdigit((unsigned char)c))
		number(l);
	else if (isalpha((unsigned char)c) || c == '_')
		word(l, TK_IDENT, l->pos);
	else if (c == '"')
		string(l);
	else if (c == '$')
		dollar(l);
	else if (c == '@')
		l->pos++, word(l, TK_MAP, l->from);
	else
		punct(l);
}

void
lex_init(Lexer *l, Arena *a, Diag *d, const char *text, u32 n, u32 base, jmp_buf *out)
{
	*l = (Lexer){ .a = a, .d = d, .text = text, .n = n, .base = base, .out = out };
	if (n >= 2 && text[0] == '#' && text[1] == '!')
		while (l->pos < n && text[l->pos] != '\n')
			l->pos++;
}

/* Whether the '/' at i, inside an attach point, opens a predicate: "kprobe:f/pid == 1/ {". The part it stands in is then
 * no path, and another '/' and a '{' follow. */
static bool
opens_predicate(const Lexer *l, u32 part, u32 i)
{
	u32 k;

	if (i == part || strchr("./*$", at(l, part)))
		return false;
	for (k = i + 1; k < l->n && !strchr("{\n", l->text[k]); k++)
		;
	if (at(l, k) != '{')
		return false;
	while (k > i + 1 && isspace((unsigned char)l->text[k - 1]))
		k--;
	for (u32 j = i + 1; j < k; j++)
		if (l->text[j] == ':')
			return false;
	return k - 1 > i && l->text[k - 1] == '/';
}

const char *
lex_point(Lexer *l, u32 *n, Span *where)
{
	u32 from = l->from, i = from, part = from;
	bool quoted = false;

	for (; i < l->n; i++) {
		char c = l->text[i];

		if (c == '\\' && quoted) {
			i++;
			continue;
		}
		if (c == '"')
			quoted = !quoted;
		if (c == '\n' && quoted)
			break;
		if (quoted)
			continue;
		if (c == ':')
			part = i + 1;
		if (isspace((unsigned char)c) || c == ',' || c == '{' || !c || (c == '/' && opens_predicate(l, part, i)))
			break;
	}
	if (quoted)
		lex_fail(l, span(l, from, i), E_STRING, "unterminated string");
	i = MIN(i, l->n);
	*n = i - from;
	*where = span(l, from, i);
	l->pos = i;
	lex_next(l);
	return arena_str(l->a, l->text + from, i - from);
}

static u32
over_blanks(Lexer *l, u32 i)
{
	u32 keep = l->pos;

	l->pos = i;
	lex_blank(l);
	i = l->pos;
	l->pos = keep;
	return i;
}

/* Over attributes, "__attribute__((...))", and the blanks around them. */
static u32
over_attributes(Lexer *l, u32 i)
{
	static const char word[] = "__attribute__";
	u32 n = sizeof(word) - 1, depth;

	for (i = over_blanks(l, i); l->n - i >= n && !memcmp(l->text + i, word, n); i = over_blanks(l, i)) {
		i = over_blanks(l, i + n);
		depth = 0;
		do
			depth += (at(l, i) == '(') - (at(l, i) == ')');
		while (++i < l->n && depth);
	}
	return i;
}

/* Does a declaration go on behind its closing brace and attributes? Scripts leave the ';' of a struct away. */
static bool
goes_on(Lexer *l, u32 i)
{
	char c = at(l, i);

	return c == ';' || c == '*' || c == ',' || (l->n - l->from > 7 && !memcmp(l->text + l->from, "typedef", 7));
}

void
lex_skip_c(Lexer *l)
{
	u32 i = l->from, braces = 0;
	bool line = at(l, i) == '#', ended = false;

	for (; i < l->n; i++) {
		char c = l->text[i];

		if (line) {
			if (c == '\n' && at(l, i - 1) != '\\')
				break;
			continue;
		}
		if (c == '/' && (at(l, i + 1) == '/' || at(l, i + 1) == '*')) {
			l->pos = i;
			lex_blank(l);
			i = l->pos - 1;
			continue;
		}
		if (c == '{')
			braces++;
		if (c == '}' && braces && !--braces && !goes_on(l, over_attributes(l, i + 1))) {
			ended = true;
			i = over_attributes(l, i + 1);
			break;
		}
		if (c == ';' && !braces) {
			i++;
			break;
		}
	}
	if (!line && !ended && (i > l->n || at(l, i - 1) != ';'))
		lex_fail(l, span(l, l->from, MIN(l->from + 6, l->n)), E_SYNTAX, "syntax error: this C declaration has no ';' behind it");
	l->pos = i;
	lex_next(l);
}

const char *
lex_op_name(u8 op)
{
	static char one[256][2];

	for (size_t i = 0; i < COUNT(puncts); i++)
		if (puncts[i].tok == op && op != TK_ASSIGN_OP)
			return puncts[i].text;
	one[op][0] = (char)op;
	return one[op];
}

const char *
lex_token_name(const Lexer *l, char *buf, size_t n)
{
	switch (l->tok) {
	case TK_EOF:
		return "end of file";
	case TK_STR:
		return "string";
	case TK_NUM:
		return "integer";
	case TK_IDENT: case TK_VAR: case TK_MAP:
		snprintf(buf, n, "%s %s", l->tok == TK_IDENT ? "identifier" : l->tok == TK_VAR ? "variable" : "map", l->name);
		return buf;
	case TK_POS: case TK_POSN:
		return "positional parameter";
	}
	snprintf(buf, n, "%.*s", (int)(l->pos - l->from), l->text + l->from);
	return buf;
}
