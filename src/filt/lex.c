/* lex: the words, numbers and addresses of a filter expression.
 * The longest piece that fits wins; of pieces of one length a word comes before a MAC address, a number, an
 * IPv4 or IPv6 address and a name, in this order (so "1-2" is a name, "001122334455" a MAC address). */
#include "filt/in.h"

#include <ctype.h>
#include <stdlib.h>

static const struct { const char *text; u16 kind; u32 value; } words[] = {
#define WORD(text, kind, value) { text, kind, value },
#include "filt/words.def"
#undef WORD
};

const char *
filt_proto_name(Proto p)
{
	for (size_t i = 0; i < COUNT(words); i++)
		if (words[i].kind == TK_PROTO && words[i].value == (u32)p)
			return words[i].text;
	return "?";
}

static bool hex(int c) { return isxdigit((unsigned char)c); }
static bool name_start(int c) { return isalnum((unsigned char)c); }

/* [A-Za-z0-9] and then [-_.A-Za-z0-9]*, not ending in '-' or '_'. */
static u32
name_len(const char *s, const char *end)
{
	const char *p = s;

	if (p >= end || !name_start(*p))
		return 0;
	while (p < end && (name_start(*p) || *p == '-' || *p == '_' || *p == '.'))
		p++;
	while (p[-1] == '-' || p[-1] == '_')
		p--;
	return (u32)(p - s);
}

/* Digits, or 0x and hex digits. */
static u32
number_len(const char *s, const char *end)
{
	const char *p = s;

	if (end - p > 2 && p[0] == '0' && (p[1] == 'x' || p[1] == 'X') && hex(p[2])) {
		for (p += 2; p < end && hex(*p); p++)
			;
		return (u32)(p - s);
	}
	while (p < end && isdigit((unsigned char)*p))
		p++;
	return (u32)(p - s);
}

/* N.N, N.N.N or N.N.N.N of all n bytes; gives the number of parts or 0. */
static u32
dotted(const char *s, u32 n)
{
	const char *p = s, *end = s + n;

	for (u32 parts = 1; parts <= 4; parts++) {
		u32 l = number_len(p, end);

		if (!l)
			return 0;
		p += l;
		if (p == end)
			return parts > 1 ? parts : 0;
		if (*p++ != '.')
			return 0;
	}
	return 0;
}

/* Six bytes of one or two digits between ':', '-' or '.'; or xxxx.xxxx.xxxx; or 12 digits. The longest. */
static u32
mac_len(const char *s, const char *end)
{
	u32 best = 0;

	for (const char *sep = ":-."; *sep; sep++) {
		const char *p = s;
		u32 i;

		for (i = 0; i < 6; i++) {
			if (p >= end || !hex(*p))
				break;
			p++;
			if (p < end && hex(*p))
				p++;
			if (i < 5 && (p >= end || *p++ != *sep))
				break;
		}
		if (i == 6)
			best = MAX(best, (u32)(p - s));
	}
	for (u32 dots = 0; dots < 2; dots++) {
		const char *p = s;
		u32 i;

		for (i = 0; i < 12; i++, p++) {
			if (dots && i && i % 4 == 0 && (p >= end || *p++ != '.'))
				break;
			if (p >= end || !hex(*p))
				break;
		}
		if (i == 12)
			best = MAX(best, (u32)(p - s));
	}
	return best;
}

static bool
is_v6(const char *s, u32 n)
{
	const char *p = s, *end = s + n;
	u32 groups = 0;
	bool gap = false;

	if (n >= 2 && p[0] == ':' && p[1] == ':') {
		gap = true;
		p += 2;
	}
	while (p < end) {
		const char *q = p;

		if (dotted(p, (u32)(end - p)) == 4) {
			groups += 2;
			p = end;
			break;
		}
		while (q < end && hex(*q) && q - p < 4)
			q++;
		if (q == p)
			return false;
		groups++;
		p = q;
		if (p == end)
			break;
		if (*p++ != ':')
			return false;
		if (p < end && *p == ':') {
			if (gap)
				return false;
			gap = true;
			p++;
		} else if (p == end) {
			return false;
		}
	}
	return gap ? groups <= 7 : groups == 8;
}

static u32
v6_len(const char *s, const char *end)
{
	const char *p = s;

	while (p < end && (hex(*p) || *p == ':' || *p == '.' || *p == 'x' || *p == 'X'))
		p++;
	if (!memchr(s, ':', (size_t)(p - s)))
		return 0;
	for (; p - s >= 2; p--)
		if (is_v6(s, (u32)(p - s)))
			return (u32)(p - s);
	return 0;
}

/* What only a broken MAC address looks like: "00:11:22:". */
static u32
half_mac_len(const char *s, const char *end)
{
	const char *p = s, *good = s;
	u32 groups = 0;

	while (p < end && hex(*p)) {
		p++;
		if (p < end && hex(*p))
			p++;
		if (p >= end || *p != ':')
			break;
		while (p < end && *p == ':')
			p++;
		groups++;
		good = p;
	}
	return groups >= 2 ? (u32)(good - s) : 0;
}

static bool
number(Diag *d, Token *t)
{
	u32 base = 10, i = 0;
	u64 v = 0;

	if (t->len > 1 && t->text[0] == '0') {
		base = (t->text[1] | 32) == 'x' ? 16 : 8;
		i = base == 16 ? 2 : 1;
	}
	for (; i < t->len; i++) {
		int c = t->text[i] | 32;
		u32 digit = c >= 'a' ? (u32)c - 'a' + 10 : (u32)t->text[i] - '0';

		if (digit >= base) {
			diag_err(d, t->at, E_FILTER, "'%.*s' begins with 0, so it is octal, but has the digit %u",
				(int)t->len, t->text, digit);
			diag_hint(d, "leave out the leading 0 for a decimal number");
			return false;
		}
		v = v * base + digit;
		if (v > 0xffffffffu) {
			diag_err(d, t->at, E_FILTER, "the number %.*s does not fit in 32 bits", (int)t->len, t->text);
			return false;
		}
	}
	t->value = (u32)v;
	return true;
}

/* A word, number, address or name of n bytes that are all name characters. */
static bool
classify_name(Diag *d, Token *t, u32 mac)
{
	for (size_t i = 0; i < COUNT(words); i++)
		if (words[i].text[0] == t->text[0] && strlen(words[i].text) == t->len && !memcmp(words[i].text, t->text, t->len)) {
			t->kind = words[i].kind;
			t->value = words[i].value;
			return true;
		}
	if (mac == t->len)
		t->kind = TK_MAC;
	else if (number_len(t->text, t->text + t->len) == t->len) {
		t->kind = TK_NUM;
		return number(d, t);
	} else if (dotted(t->text, t->len))
		t->kind = TK_V4;
	else
		t->kind = TK_NAME;
	return true;
}

static bool
bad_mac(Diag *d, Token *t, const char *end)
{
	while (t->text + t->len < end && (hex(t->text[t->len]) || t->text[t->len] == ':'))
		t->len++, t->at.to++;
	diag_err(d, t->at, E_FILTER, "'%.*s' is neither a MAC address nor an IPv6 address", (int)t->len, t->text);
	diag_hint(d, "a MAC address has six bytes, as in 00:11:22:33:44:55");
	return false;
}

static bool
quoted(Arena *a, Diag *d, Token *t, const char *end)
{
	const char *p = t->text + 1;
	Buf b = {0};

	while (p < end && *p != '"') {
		if (*p == '\\' && p + 1 < end) {
			p++;
			if (*p == 'x' && end - p > 2 && hex(p[1]) && hex(p[2])) {
				char two[3] = { p[1], p[2], 0 };

				buf_putc(&b, (char)strtoul(two, NULL, 16));
				p += 3;
				continue;
			}
			buf_putc(&b, *p == 'n' ? '\n' : *p == 'r' ? '\r' : *p == 't' ? '\t' : *p == '0' ? 0 : *p);
			p++;
		} else {
			buf_putc(&b, *p++);
		}
	}
	if (p >= end) {
		diag_err(d, t->at, E_FILTER, "this string has no closing quote");
		buf_free(&b);
		return false;
	}
	t->kind = TK_STRING;
	t->at.to = t->at.from + (u32)(p + 1 - t->text);
	t->value = (u32)b.n;            /* the length of its bytes; text is the bytes, len what was read */
	t->len = (u32)(p + 1 - t->text);
	t->text = arena_str(a, b.p ? b.p : "", b.n);
	buf_free(&b);
	return true;
}

static const struct { char text[3]; int kind; } signs[] = {
	{ "&&", TK_AND }, { "||", TK_OR }, { ">=", TK_GE }, { "<=", TK_LE }, { "!=", TK_NE }, { "==", TK_CHAR + '=' },
	{ "<<", TK_LSH }, { ">>", TK_RSH },
};

static bool
sign(Diag *d, Token *t, const char *end)
{
	int c = (unsigned char)*t->text;

	for (size_t i = 0; i < COUNT(signs); i++)
		if (end - t->text >= 2 && !memcmp(signs[i].text, t->text, 2)) {
			t->kind = signs[i].kind;
			t->len = 2;
			return true;
		}
	t->len = 1;
	if (c && strchr("+-*/%:[]!<>()&|^={},", c)) {
		t->kind = c == '!' ? TK_NOT : TK_CHAR + c;
		return true;
	}
	if (c >= 32 && c < 127)
		diag_err(d, (Span){ t->at.from, t->at.from + 1 }, E_FILTER, "'%c' has no meaning here", c);
	else
		diag_err(d, (Span){ t->at.from, t->at.from + 1 }, E_FILTER, "the byte 0x%02x has no meaning here", c);
	if (c == '"')
		diag_hint(d, "only the text of 'contains' stands in quotes");
	return false;
}

static bool
one(Arena *a, Diag *d, Token *t, const char *end, bool text_here)
{
	u32 word = name_len(t->text, end), mac = mac_len(t->text, end), v6 = v6_len(t->text, end);
	u32 half = half_mac_len(t->text, end);

	t->at.to = t->at.from + 1;
	t->len = MAX(MAX(word, mac), MAX(v6, half));
	if (*t->text == '\\') {
		for (t->len = 1; t->text + t->len < end && !strchr(" !()\n\t", t->text[t->len]); t->len++)
			;
		t->text++;
		t->kind = TK_NAME;
		if (t->len > 1)
			return true;
		t->text--;
		return sign(d, t, end);
	}
	if (*t->text == '$' && end - t->text >= 2 && hex(t->text[1])) {
		t->len = end - t->text >= 3 && hex(t->text[2]) ? 3 : 2;
		t->kind = TK_AID;
		return true;
	}
	if (*t->text == '"' && text_here)
		return quoted(a, d, t, end);
	if (*t->text == '@' && end - t->text >= 2) {
		for (t->len = 1; t->text + t->len < end && !strchr(" ,}\n\t", t->text[t->len]); t->len++)
			;
		t->kind = TK_FILE;
		return true;
	}
	if (!t->len)
		return sign(d, t, end);
	t->at.to = t->at.from + t->len;
	if (word == t->len)
		return classify_name(d, t, mac);
	if (mac == t->len)
		t->kind = TK_MAC;
	else if (v6 == t->len)
		t->kind = TK_V6;
	else
		return bad_mac(d, t, end);
	return true;
}

Token *
filt_lex(Arena *a, Diag *d, const char *name, const char *text, size_t n, u32 *count)
{
	const char *p = text, *end = text + n;
	u32 base = diag_source(d, name, text, n);
	Vec(Token) v = {0};
	bool text_here = false;         /* a quoted text may follow */

	for (;;) {
		Token t = {0};

		while (p < end && (*p == ' ' || *p == '\t' || *p == '\n' || *p == '\r'))
			p++;
		t.text = p;
		t.at.from = base + (u32)(p - text);
		t.at.to = t.at.from;
		if (p < end) {
			if (!one(a, d, &t, end, text_here))
				return NULL;
			p += t.len;
			t.at.to = t.at.from + t.len;
			if (t.text[0] != 0 && t.kind != TK_STRING)
				t.text = t.kind == TK_NAME && p[-(s64)t.len] == '\\' ? arena_str(a, t.text, t.len - 1) :
					arena_str(a, t.text, t.len);
			text_here = t.kind == TK_NAME && (!strcmp(t.text, "contains") || !strcmp(t.text, "comm") ||
				!strcmp(t.text, "cgroup"));
		}
		VEC_PUSH(a, &v, t);
		if (t.kind == TK_END)
			break;
	}
	*count = v.n;
	return v.v;
}
