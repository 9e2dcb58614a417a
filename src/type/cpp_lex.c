/* cpp_lex: the tokens of C text, with what the preprocessor must know of the blanks before them. */
#include "type/cpp.h"

bool
c_is(const CTok *t, const char *word)
{
	return (t->kind == CT_ID || t->kind == CT_PUNCT) && strlen(word) == t->n && !memcmp(t->p, word, t->n);
}

static bool
is_id(char ch)
{
	return ch == '_' || ch == '$' || ((ch | 32) >= 'a' && (ch | 32) <= 'z') || (ch >= '0' && ch <= '9') || (u8)ch >= 0x80;
}

/* Skips blanks, comments and joined lines; notes whether a new line began. */
static void
skip(Source *s, bool *space, bool *bol)
{
	while (s->p < s->end) {
		size_t left = (size_t)(s->end - s->p);

		if (*s->p == '\n') {
			*bol = true;
			s->p++;
		} else if (*s->p == ' ' || *s->p == '\t' || *s->p == '\r' || *s->p == '\f' || *s->p == '\v') {
			s->p++;
		} else if (*s->p == '\\' && left > 1 && (s->p[1] == '\n' || (left > 2 && s->p[1] == '\r' && s->p[2] == '\n'))) {
			s->p += s->p[1] == '\n' ? 2 : 3;
		} else if (left > 1 && s->p[0] == '/' && s->p[1] == '/') {
			while (s->p < s->end && (*s->p != '\n' || s->p[-1] == '\\'))
				s->p++;
		} else if (left > 1 && s->p[0] == '/' && s->p[1] == '*') {
			const char *e = memmem(s->p + 2, left - 2, "*/", 2);

			s->p = e ? e + 2 : s->end;
		} else {
			return;
		}
		*space = true;
	}
}

static u32
punct_length(const char *p, size_t left)
{
	static const char *const longer[] = { "...", "<<=", ">>=", "->", "++", "--", "<<", ">>", "<=", ">=", "==", "!=", "&&",
		"||", "##", "+=", "-=", "*=", "/=", "%=", "&=", "|=", "^=" };

	for (u32 i = 0; i < COUNT(longer); i++) {
		size_t n = strlen(longer[i]);

		if (n <= left && !memcmp(p, longer[i], n))
			return (u32)n;
	}
	return 1;
}

CTok
cpp_lex(Source *s)
{
	CTok t = { .bol = s->bol };
	const char *p;

	skip(s, &t.space, &t.bol);
	s->bol = false;
	t.p = p = s->p;
	t.pos = s->base ? s->base + (u32)(p - s->text) : 0;
	if (p >= s->end)
		return t;
	if (*p == '"' || *p == '\'') {
		t.kind = *p == '"' ? CT_STR : CT_CHAR;
		for (p++; p < s->end && *p != *t.p && *p != '\n'; p++)
			if (*p == '\\' && p + 1 < s->end)
				p++;
		if (p < s->end && *p == *t.p)
			p++;
	} else if ((*p >= '0' && *p <= '9') || (*p == '.' && p + 1 < s->end && p[1] >= '0' && p[1] <= '9')) {
		t.kind = CT_NUM;
		while (p < s->end && (is_id(*p) || *p == '.' || ((*p == '+' || *p == '-') && (p[-1] | 32) == 'e' &&
		    !(t.p[0] == '0' && (t.p[1] | 32) == 'x'))))
			p++;
	} else if (is_id(*p)) {
		t.kind = CT_ID;
		while (p < s->end && is_id(*p))
			p++;
	} else {
		t.kind = CT_PUNCT;
		p += punct_length(p, (size_t)(s->end - p));
	}
	t.n = (u32)(p - t.p);
	s->p = p;
	return t;
}
