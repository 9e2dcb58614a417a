/* value: one value as text or JSON. Styles differ in little: JSON quotes what is no number, keys of JSON objects are compact
 * text, the keys of @m[...] come without the outermost parentheses. */
#include "out/inside.h"

#include <arpa/inet.h>
#include <stdio.h>

enum { MAX_DEPTH = 24 };

/* Length of the valid UTF-8 sequence at s; 0 if it is none. */
static size_t
utf8(const u8 *s, size_t n)
{
	size_t len = s[0] < 0xc2 ? 0 : s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : s[0] < 0xf5 ? 4 : 0;

	if (!len || len > n)
		return 0;
	for (size_t i = 1; i < len; i++)
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f) || (s[0] == 0xf0 && s[1] < 0x90) ||
	    (s[0] == 0xf4 && s[1] > 0x8f))
		return 0;
	return len;
}

void
value_json_string(Buf *b, const char *str, size_t n)
{
	const u8 *s = (const u8 *)str;

	buf_putc(b, '"');
	for (size_t i = 0, len; i < n; i += len) {
		/* The run that needs no care. */
		for (len = 0; i + len < n && s[i + len] >= ' ' && s[i + len] < 0x7f && s[i + len] != '"' && s[i + len] != '\\'; )
			len++;
		if (len) {
			buf_put(b, s + i, len);
			continue;
		}
		len = s[i] >= 0x80 ? utf8(s + i, n - i) : 0;
		if (len) {
			buf_put(b, s + i, len);
			continue;
		}
		len = 1;
		switch (s[i]) {
		case '"': buf_puts(b, "\\\""); break;
		case '\\': buf_puts(b, "\\\\"); break;
		case '\n': buf_puts(b, "\\n"); break;
		case '\t': buf_puts(b, "\\t"); break;
		case '\r': buf_puts(b, "\\r"); break;
		default: buf_printf(b, s[i] < 0x80 ? "\\u%04x" : "\\ufffd", s[i]);
		}
	}
	buf_putc(b, '"');
}

static void
put_u64(Buf *b, u64 v)
{
	char num[24], *d = format_u64(num + sizeof(num), v);

	buf_put(b, d, (size_t)(num + sizeof(num) - d));
}

bool
value_json_quoted(u64 v, bool sign)
{
	u64 size = sign && (s64)v < 0 ? -v : v;

	return size && size >> __builtin_ctzll(size) >> 53;
}

static void
put_number(Buf *b, u64 v, bool sign, bool json)
{
	bool negative = sign && (s64)v < 0, quote = json && value_json_quoted(v, sign);

	if (quote)
		buf_putc(b, '"');
	if (negative)
		buf_putc(b, '-');
	put_u64(b, negative ? -v : v);
	if (quote)
		buf_putc(b, '"');
}

static void put(Out *o, Buf *b, const Type *t, const u8 *p, u32 avail, ValueStyle style, int depth);

static void
put_string(Out *o, Buf *b, const Type *t, const char *p, u32 avail, ValueStyle style)
{
	u32 n = (u32)strnlen(p, MIN(t->size, avail)), cut = o->opt.max_strlen ? o->opt.max_strlen : 1024;
	const char *trailer = n == t->size && n >= cut ? o->opt.trailer ? o->opt.trailer : ".." : "";

	if (style != VS_JSON) {
		buf_put(b, p, n);
		buf_puts(b, trailer);
		return;
	}
	value_json_string(b, p, n);
	if (*trailer) {
		b->n--;                         /* over the closing quote */
		buf_puts(b, trailer);
		buf_putc(b, '"');
	}
}

static void
put_buffer(Buf *b, const Type *t, const u8 *p, u32 avail, ValueStyle style)
{
	u32 n = 0;

	memcpy(&n, p, MIN(avail, 4u));
	n = avail < 4 ? 0 : MIN(n, MIN(t->count, avail - 4));
	if (style == VS_JSON)
		buf_putc(b, '[');
	for (u32 i = 0; i < n; i++) {
		u8 c = p[4 + i];

		if (style == VS_JSON)
			buf_printf(b, i ? ",%u" : "%u", c);
		else if (c < ' ' || c > '~')
			buf_printf(b, "\\x%02x", c);
		else
			buf_putc(b, (char)c);
	}
	if (style == VS_JSON)
		buf_putc(b, ']');
}

static void
put_enum(Buf *b, const Type *t, const u8 *p, ValueStyle style)
{
	u64 v = value_load(t, p);

	for (u32 i = 0; style != VS_JSON && i < t->n_values; i++)
		if ((u64)t->values[i].value == v) {
			buf_puts(b, t->values[i].name);
			return;
		}
	put_number(b, v, t->sign, style == VS_JSON);
}

/* The integer of a bitfield. */
static u64
bits(const Field *f, const u8 *p, u32 avail)
{
	u8 word[16] = { 0 };
	u64 lo, hi;

	memcpy(word, p + f->offset, f->offset < avail ? MIN(avail - f->offset, 9u) : 0);
	memcpy(&lo, word, 8);
	memcpy(&hi, word + 8, 8);
	lo = lo >> f->bit_offset | (f->bit_offset ? hi << (64 - f->bit_offset) : 0);
	return f->bit_size < 64 ? lo & ((1ull << f->bit_size) - 1) : lo;
}

/* Members of a struct or record; those of anonymous members stand among the others. */
static void
put_members(Out *o, Buf *b, const Type *t, const u8 *p, u32 avail, ValueStyle style, int depth, bool *first)
{
	const Field *f = t->fields;
	u32 n = t->n_fields;

	if (t->kind == TY_STRUCT && !t->is_complete)
		f = o->opt.types ? type_fields(o->opt.types, t, &n) : NULL;
	for (u32 i = 0; f && i < n; i++) {
		bool anonymous = (!f[i].name || !*f[i].name) && f[i].type->kind == TY_STRUCT;

		if (f[i].offset > avail || avail - f[i].offset < (f[i].bit_size ? 1 : f[i].type->size))
			continue;               /* not there: a flexible or wrong member */
		if (f[i].bit_size && (!f[i].name || !*f[i].name))
			continue;               /* padding */
		if (anonymous) {
			if (depth < MAX_DEPTH)
				put_members(o, b, f[i].type, p + f[i].offset, avail - f[i].offset, style, depth + 1, first);
			continue;
		}
		if (!*first)
			buf_puts(b, style == VS_JSON_KEY ? "," : ", ");
		*first = false;
		if (style == VS_JSON) {
			value_json_string(b, f[i].name ? f[i].name : "", f[i].name ? strlen(f[i].name) : 0);
			buf_puts(b, ": ");
		} else {
			buf_printf(b, style == VS_JSON_KEY ? ".%s=" : ".%s = ", f[i].name ? f[i].name : "");
		}
		if (f[i].bit_size) {
			u64 v = bits(&f[i], p, avail);

			if (f[i].type->kind == TY_BOOL)
				buf_puts(b, v ? "true" : "false");
			else if (f[i].type->kind == TY_ENUM)
				put_enum(b, f[i].type, (u8 *)&v, style);
			else
				put_number(b, v, f[i].type->sign, style == VS_JSON);
		} else {
			put(o, b, f[i].type, p + f[i].offset, f[i].type->size, style, depth + 1);
		}
	}
}

static void
put_struct(Out *o, Buf *b, const Type *t, const u8 *p, u32 avail, ValueStyle style, int depth)
{
	bool first = true;

	buf_puts(b, style == VS_TEXT ? "{ " : "{");
	put_members(o, b, t, p, avail, style, depth, &first);
	buf_puts(b, style == VS_TEXT ? " }" : "}");
}

static void
put_tuple(Out *o, Buf *b, const Type *t, const u8 *p, u32 avail, ValueStyle style, int depth)
{
	bool bare = depth == 0 && (style == VS_KEY || style == VS_JSON_KEY), compact = style == VS_JSON || style == VS_JSON_KEY;

	if (!bare)
		buf_putc(b, style == VS_JSON ? '[' : '(');
	for (u32 i = 0; i < t->n_fields; i++) {
		const Field *f = &t->fields[i];

		if (i)
			buf_puts(b, compact ? "," : ", ");
		if (f->offset <= avail)
			put(o, b, f->type, p + f->offset, MIN(avail - f->offset, f->type->size), style == VS_KEY ? VS_TEXT : style,
				depth + 1);
	}
	if (!bare)
		buf_putc(b, style == VS_JSON ? ']' : ')');
}

static void
put_array(Out *o, Buf *b, const Type *t, const u8 *p, u32 avail, ValueStyle style, int depth)
{
	u32 size = t->elem->size;

	buf_putc(b, '[');
	for (u32 i = 0; i < t->count && size && avail - i * size >= size && i * size < avail; i++) {
		if (i)
			buf_putc(b, ',');
		put(o, b, t->elem, p + i * size, size, style == VS_KEY ? VS_TEXT : style, depth + 1);
	}
	buf_putc(b, ']');
}

static void
put_inet(Buf *b, const u8 *p, u32 avail)
{
	char text[INET6_ADDRSTRLEN] = "";
	u32 family = 0;

	memcpy(&family, p, MIN(avail, 4u));
	if (family == AF_INET6 && avail >= 20)
		inet_ntop(AF_INET6, p + 4, text, sizeof(text));
	else if (family == AF_INET && avail >= 8)
		inet_ntop(AF_INET, p + 4, text, sizeof(text));
	buf_puts(b, text);
}

static void
put_symbol(Out *o, Buf *b, const Type *t, const u8 *p)
{
	u64 addr;
	u32 pid = 0;
	SymName s;
	bool found;

	memcpy(&addr, p, 8);
	if (t->kind == TY_KSYM) {
		found = o->opt.sym && sym_kernel(o->opt.sym, addr, &s);
	} else {
		if (t->size >= 12)
			memcpy(&pid, p + 8, 4);
		found = o->opt.sym && sym_user(o->opt.sym, pid, addr, &s, NULL, NULL);
	}
	if (found)
		buf_puts(b, s.name);
	else
		buf_printf(b, "%#llx", (unsigned long long)addr);
}

/* Kinds that print as a word: into b as text, quoted for JSON by the caller. */
static void
put_word(Out *o, Buf *b, const Type *t, const u8 *p, u32 avail)
{
	u64 v = t->kind == TY_MAC || t->kind == TY_INET ? 0 : value_load(t, p);

	switch (t->kind) {
	case TY_KSYM:
	case TY_USYM:
		put_symbol(o, b, t, p);
		break;
	case TY_INET:
		put_inet(b, p, avail);
		break;
	case TY_MAC:
		buf_printf(b, "%02X:%02X:%02X:%02X:%02X:%02X", p[0], p[1], p[2], p[3], p[4], p[5]);
		break;
	case TY_TIMESTAMP:
		name_time(b, t->name ? t->name : "%H:%M:%S", v, (char)t->mode);
		break;
	case TY_USERNAME:
		name_user(o, b, v);
		break;
	case TY_CGROUP_PATH:
		name_cgroup(o, b, v, t->name);
		break;
	case TY_STRERROR:
		buf_puts(b, name_error(v));
		break;
	case TY_SIGNAL:
		buf_puts(b, name_signal(v));
		break;
	case TY_SYSCALL:
		buf_puts(b, name_syscall(v));
		break;
	default:                                /* TY_PROBE */
		if (v < o->opt.n_probe_names)
			buf_puts(b, o->opt.probe_names[v]);
		else
			put_u64(b, v);
	}
}

static void
put(Out *o, Buf *b, const Type *t, const u8 *p, u32 avail, ValueStyle style, int depth)
{
	if (depth > MAX_DEPTH) {
		buf_puts(b, style == VS_JSON ? "null" : "...");
		return;
	}
	/* Only strings and buffers may be cut short. */
	if (avail < t->size && t->kind != TY_STRING && t->kind != TY_BUFFER) {
		buf_puts(b, style == VS_JSON ? "null" : "?");
		return;
	}
	switch ((TypeKind)t->kind) {
	case TY_ERROR:
	case TY_NONE:
	case TY_FUNC:
	case N_TYPE_KIND:
		buf_puts(b, style == VS_JSON || t->size ? "null" : "");
		break;
	case TY_BOOL:
		buf_puts(b, *p ? "true" : "false");
		break;
	case TY_INT:
		put_number(b, value_load(t, p), t->sign, style == VS_JSON);
		break;
	case TY_ENUM:
		put_enum(b, t, p, style);
		break;
	case TY_PTR:
		if (style == VS_JSON)
			put_number(b, value_load(t, p), false, true);
		else
			buf_printf(b, "0x%llx", (unsigned long long)value_load(t, p));
		break;
	case TY_ARRAY:
		put_array(o, b, t, p, avail, style, depth);
		break;
	case TY_STRUCT:
	case TY_RECORD:
		put_struct(o, b, t, p, avail, style == VS_KEY ? VS_TEXT : style, depth);
		break;
	case TY_TUPLE:
		put_tuple(o, b, t, p, avail, style, depth);
		break;
	case TY_STRING:
		put_string(o, b, t, (const char *)p, avail, style);
		break;
	case TY_BUFFER:
		put_buffer(b, t, p, avail, style);
		break;
	case TY_KSTACK:
	case TY_USTACK:
		stack_put(o, b, t, p, style);
		break;
	case TY_KSYM: case TY_USYM: case TY_INET: case TY_MAC: case TY_TIMESTAMP: case TY_USERNAME: case TY_CGROUP_PATH:
	case TY_STRERROR: case TY_SIGNAL: case TY_SYSCALL: case TY_PROBE:
		if (style == VS_JSON) {
			Buf word = { 0 };

			put_word(o, &word, t, p, avail);
			value_json_string(b, word.p ? word.p : "", word.n);
			buf_free(&word);
		} else {
			put_word(o, b, t, p, avail);
		}
		break;
	case TY_HIST: case TY_LHIST: case TY_TSERIES:
		buf_puts(b, style == VS_JSON ? "null" : "?");   /* whole maps only */
		break;
	case TY_COUNT: case TY_SUM: case TY_MIN: case TY_MAX: case TY_AVG: case TY_STATS:
		agg_put(o, b, t, p, 1, style == VS_JSON);
		break;
	}
}

void
value_put(Out *o, Buf *b, const Type *t, const void *p, u32 avail, ValueStyle style)
{
	put(o, b, t, p, avail, style, 0);
}

void
out_value(Out *o, Buf *b, const Type *t, const void *p)
{
	value_put(o, b, t, p, MAX(t->size, out_value_size(t)), VS_TEXT);
}

void
out_value_json(Out *o, Buf *b, const Type *t, const void *p)
{
	value_put(o, b, t, p, MAX(t->size, out_value_size(t)), VS_JSON);
}
