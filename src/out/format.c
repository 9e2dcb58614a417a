/* format: printf. The format is parsed once, when the script is compiled or the session starts; what is left for each event
 * is a list of pieces: a literal, or a way to load an argument and to write it. Numbers and plain strings, which is nearly
 * all there is, are written straight into the output buffer. */
#include "out/inside.h"

#include <stdio.h>

static bool
digit(char c)
{
	return c >= '0' && c <= '9';
}

static u32
number(const char *s, size_t n, size_t *i)
{
	u32 v = 0;

	while (*i < n && digit(s[*i]) && v < 100000)
		v = v * 10 + (u32)(s[(*i)++] - '0');
	return v;
}

int
out_format_parse(const char *fmt, size_t n, Conv *out, u32 max, u32 *at_byte, const char **why)
{
	u32 count = 0;

	for (size_t i = 0; i < n; i++) {
		Conv c = { .from = (u32)i, .width = 0, .precision = -1 };

		if (fmt[i] != '%')
			continue;
		*at_byte = (u32)i;
		if (++i < n && fmt[i] == '%')
			continue;
		for (;; i++) {
			char f = i < n ? fmt[i] : 0;

			if (f == '-') c.left = true;
			else if (f == '0') c.zero = true;
			else if (f == '+') c.plus = true;
			else if (f == '#') c.alt = true;
			else if (f == ' ') c.blank = true;
			else break;
		}
		c.width = (s32)number(fmt, n, &i);
		if (i < n && fmt[i] == '.') {
			i++;
			c.precision = (s32)number(fmt, n, &i);
		}
		if (c.width > 4096 || c.precision > 4096) {
			*why = "width or precision over 4096";
			return -1;
		}
		while (i < n && strchr("hljzt", fmt[i]) && fmt[i]) {
			c.length = c.length == 'h' && fmt[i] == 'h' ? 'c' : fmt[i];     /* c: hh */
			i++;
		}
		if (i >= n) {
			*why = "the format ends inside a conversion";
			return -1;
		}
		c.conv = fmt[i];
		if (!strchr("sdiuxXocpr", c.conv) || !c.conv) {
			*why = strchr("eEfFgGaA", c.conv) && c.conv ? "floating point is not there; use %d" :
				"unknown conversion; known are s d i u x X o c p r rx rh";
			return -1;
		}
		if (c.conv == 'r' && i + 1 < n && (fmt[i + 1] == 'x' || fmt[i + 1] == 'h'))
			c.length = fmt[++i];    /* rx: all bytes escaped; rh: hexadecimal with blanks */
		c.to = (u32)i + 1;
		if (count == max) {
			*why = "too many conversions";
			return -1;
		}
		out[count++] = c;
	}
	return (int)count;
}

typedef enum PieceKind { P_LIT, P_STR, P_DEC, P_HEX, P_INT, P_PTR, P_CHAR, P_BYTES, P_VALUE } PieceKind;

typedef struct Piece {
	u8 kind, load, sign;            /* load: bytes of the argument in the record; sign: it is signed */
	u8 bits;                        /* of the C type that the conversion names */
	bool convert_signed;
	const char *lit;                /* P_LIT */
	u32 offset, size;               /* of the argument */
	const Type *type;
	Conv c;
} Piece;

struct Format {
	Piece *piece;
	u32 n;
	u32 room;                       /* bytes that all pieces but P_VALUE and padded ones can take */
	u32 cut;                        /* strings of at least this size were cut if they have no NUL */
	const char *trailer;
	u32 trailer_len;
};

static u8
conversion_bits(const Conv *c)
{
	switch (c->length) {
	case 'c': return 8;
	case 'h': return 16;
	case 0: return c->conv == 'p' ? 64 : 32;
	default: return 64;
	}
}

static void
argument(Piece *p, const Conv *c, const Arg *a)
{
	bool plain = !c->width && c->precision < 0 && !c->plus && !c->alt && !c->blank;

	p->c = *c;
	p->type = a->type;
	p->offset = a->offset;
	p->size = a->size ? a->size : a->type->size;
	p->load = (u8)MIN(a->type->size, 8u);
	p->sign = a->type->sign;
	p->bits = conversion_bits(c);
	p->convert_signed = c->conv == 'd' || c->conv == 'i';
	switch (c->conv) {
	case 's':
		p->kind = a->type->kind == TY_STRING && !c->width ? P_STR : P_VALUE;
		break;
	case 'r':
		p->kind = P_BYTES;
		break;
	case 'c':
		p->kind = P_CHAR;
		break;
	case 'p':
		p->kind = P_PTR;
		break;
	case 'd': case 'i': case 'u':
		p->kind = plain ? P_DEC : P_INT;
		break;
	default:
		p->kind = plain && c->conv == 'x' ? P_HEX : P_INT;
	}
}

static bool
is_scalar(const Type *t)
{
	return type_is_int(t) || t->kind == TY_PTR || (t->kind >= TY_COUNT && t->kind <= TY_MAX) || t->kind == TY_KSYM ||
		t->kind == TY_USYM || t->kind == TY_STRERROR || t->kind == TY_SIGNAL || t->kind == TY_SYSCALL;
}

Format *
format_new(Arena *a, const OutOptions *opt, const EventDef *e)
{
	u32 len = (u32)strlen(e->fmt), at, literal = 0;
	Conv *conv = NEW_N(a, Conv, len / 2 + 1);
	const char *why;
	int n = out_format_parse(e->fmt, len, conv, len / 2 + 1, &at, &why);
	Format *f = NEW(a, Format);
	char *text = arena_alloc(a, len + 1);
	u32 filled = 0;

	/* lang/ checked it: anything else would print nonsense, so the text is printed as it is. */
	if (n < 0 || (u32)n > e->n_args)
		n = 0;
	f->piece = NEW_N(a, Piece, 2 * (u32)n + 1);
	f->cut = opt->max_strlen ? opt->max_strlen : 1024;
	f->trailer = opt->trailer ? opt->trailer : "..";
	f->trailer_len = (u32)strlen(f->trailer);
	for (u32 i = 0, k = 0; i <= len;) {
		bool conversion = k < (u32)n && i == conv[k].from;

		if (!conversion && i < len) {
			text[filled++] = e->fmt[i];
			i += e->fmt[i] == '%' && e->fmt[i + 1] == '%' ? 2 : 1;
			continue;
		}
		if (filled > literal) {
			f->piece[f->n++] = (Piece){ .kind = P_LIT, .lit = text + literal, .size = filled - literal };
			f->room += filled - literal;
			literal = filled;
		}
		if (!conversion)
			break;
		Piece *p = &f->piece[f->n++];

		argument(p, &conv[k], &e->args[k]);
		if (p->kind != P_STR && p->kind != P_VALUE && p->kind != P_BYTES && !is_scalar(p->type))
			p->kind = P_VALUE;      /* %d of something that is no number */
		f->room += p->kind == P_STR ? p->size + f->trailer_len : 32 + (u32)p->c.width + (u32)MAX(p->c.precision, 0);
		i = conv[k++].to;
	}
	return f;
}

static inline u64
load(const u8 *p, u32 size, bool sign)
{
	switch (size) {
	case 1: return sign ? (u64)(s64)*(const s8 *)p : *p;
	case 2: { u16 v; memcpy(&v, p, 2); return sign ? (u64)(s64)(s16)v : v; }
	case 4: { u32 v; memcpy(&v, p, 4); return sign ? (u64)(s64)(s32)v : v; }
	case 8: { u64 v; memcpy(&v, p, 8); return v; }
	default: { u64 v = 0; memcpy(&v, p, size); return v; }
	}
}

u64
value_load(const Type *t, const void *p)
{
	return load(p, MIN(t->size, 8u), t->sign);
}

char *
format_u64(char *end, u64 v)
{
	static const char pairs[] =
		"00010203040506070809101112131415161718192021222324252627282930313233343536373839404142434445464748"
		"49505152535455565758596061626364656667686970717273747576777879808182838485868788899091929394959697"
		"9899";

	for (; v >= 100; v /= 100)
		memcpy(end -= 2, pairs + v % 100 * 2, 2);
	if (v >= 10)
		memcpy(end -= 2, pairs + v * 2, 2);
	else
		*--end = (char)('0' + v);
	return end;
}

static char *
hex(char *end, u64 v, const char *digits)
{
	do
		*--end = digits[v & 15];
	while (v >>= 4);
	return end;
}

/* The value as the conversion's C type sees it. */
static inline u64
narrow(u64 v, u8 bits, bool sign)
{
	switch (bits) {
	case 8: return sign ? (u64)(s64)(s8)v : (u8)v;
	case 16: return sign ? (u64)(s64)(s16)v : (u16)v;
	case 32: return sign ? (u64)(s64)(s32)v : (u32)v;
	default: return v;
	}
}

static inline char *
copy(char *w, const char *from, const char *end)
{
	size_t n = (size_t)(end - from);

	memcpy(w, from, n);
	return w + n;
}

/* An integer with all of C's flags. */
static char *
integer(char *w, const Piece *p, u64 v)
{
	char digits[72], prefix[3] = "", *end = digits + sizeof(digits), *d = end;
	const Conv *c = &p->c;
	s32 np, len, zeros = 0, blanks;

	v = narrow(v, p->bits, p->convert_signed);
	if (p->convert_signed) {
		if ((s64)v < 0)
			prefix[0] = '-';
		else if (c->plus || c->blank)
			prefix[0] = c->plus ? '+' : ' ';
		d = format_u64(end, (s64)v < 0 ? -v : v);
	} else if (c->conv == 'u') {
		d = format_u64(end, v);
	} else if (c->conv == 'o') {
		u64 rest = v;

		do
			*--d = (char)('0' + (rest & 7));
		while (rest >>= 3);
		if (c->alt && *d != '0')
			*--d = '0';
	} else {
		d = hex(end, v, c->conv == 'X' ? "0123456789ABCDEF" : "0123456789abcdef");
		if (v && (c->conv == 'p' || c->alt)) {
			prefix[0] = '0';
			prefix[1] = c->conv == 'X' ? 'X' : 'x';
		}
	}
	np = (s32)strlen(prefix);
	len = (s32)(end - d);
	if (c->precision == 0 && !v && c->conv != 'p')
		len = 0, d = end;
	if (c->precision > len)
		zeros = c->precision - len;
	else if (c->zero && !c->left && c->precision < 0 && c->width > len + np)
		zeros = c->width - len - np;
	blanks = MAX(c->width - np - zeros - len, 0);
	if (!c->left) {
		memset(w, ' ', (size_t)blanks);
		w += blanks;
	}
	w = copy(w, prefix, prefix + np);
	memset(w, '0', (size_t)zeros);
	w = copy(w + zeros, d, end);
	if (c->left) {
		memset(w, ' ', (size_t)blanks);
		w += blanks;
	}
	return w;
}

static char *
character(char *w, const Piece *p, u64 v)
{
	s32 blanks = MAX(p->c.width - 1, 0);

	if (!p->c.left) {
		memset(w, ' ', (size_t)blanks);
		w += blanks;
	}
	*w++ = (char)v;
	if (p->c.left) {
		memset(w, ' ', (size_t)blanks);
		w += blanks;
	}
	return w;
}

/* buf() by %r, %rx, %rh; other things' bytes as they lie. */
static void
bytes(Buf *b, const Piece *p, const u8 *from, u32 avail)
{
	u32 n = MIN(p->size, avail);

	if (p->type->kind == TY_BUFFER) {
		u32 len = 0;

		memcpy(&len, from, MIN(avail, 4u));
		from += 4;
		n = avail < 4 ? 0 : MIN(len, MIN(p->type->count, avail - 4));
	} else if (p->type->kind == TY_STRING) {
		n = (u32)strnlen((const char *)from, n);
	}
	for (u32 i = 0; i < n; i++)
		if (p->c.length == 'h')
			buf_printf(b, i ? " %02x" : "%02x", from[i]);
		else if (p->c.length == 'x' || from[i] < ' ' || from[i] > '~')
			buf_printf(b, "\\x%02x", from[i]);
		else
			buf_putc(b, (char)from[i]);
}

/* Any value by %s, padded as a whole. */
static void
padded(Out *o, Buf *b, const Piece *p, const u8 *from, u32 avail)
{
	size_t start = b->n, len, blanks;

	if (p->kind == P_BYTES)
		bytes(b, p, from, avail);
	else
		value_put(o, b, p->type, from, avail, VS_TEXT);
	len = b->n - start;
	if (len >= (size_t)p->c.width)
		return;
	blanks = (size_t)p->c.width - len;
	buf_space(b, blanks);
	if (p->c.left) {
		memset(b->p + b->n, ' ', blanks);
	} else {
		memmove(b->p + start + blanks, b->p + start, len);
		memset(b->p + start, ' ', blanks);
	}
	b->n += blanks;
	b->p[b->n] = 0;
}

void
format_run(Out *o, Buf *b, const Format *f, const u8 *rec, u32 size)
{
	char *w = buf_space(b, f->room), num[24], *d;

	for (const Piece *p = f->piece, *end = p + f->n; p < end; p++) {
		const u8 *from = rec + p->offset;
		u64 v;
		u32 n;

		switch ((PieceKind)p->kind) {
		case P_LIT:
			memcpy(w, p->lit, p->size);
			w += p->size;
			break;
		case P_STR:
			n = (u32)strnlen((const char *)from, MIN(p->size, size - p->offset));
			memcpy(w, from, n);
			w += n;
			if (n == p->size && n >= f->cut)
				w = copy(w, f->trailer, f->trailer + f->trailer_len);
			break;
		case P_DEC:
			v = narrow(load(from, p->load, p->sign), p->bits, p->convert_signed);
			if (p->convert_signed && (s64)v < 0) {
				*w++ = '-';
				v = -v;
			}
			d = format_u64(num + sizeof(num), v);
			w = copy(w, d, num + sizeof(num));
			break;
		case P_HEX:
			v = narrow(load(from, p->load, p->sign), p->bits, false);
			d = hex(num + sizeof(num), v, "0123456789abcdef");
			w = copy(w, d, num + sizeof(num));
			break;
		case P_INT:
		case P_PTR:
			w = integer(w, p, load(from, p->load, p->sign));
			break;
		case P_CHAR:
			w = character(w, p, load(from, p->load, p->sign));
			break;
		case P_BYTES:
		case P_VALUE:
			b->n = (size_t)(w - b->p);
			padded(o, b, p, from, size - p->offset);
			w = buf_space(b, f->room);
			break;
		}
	}
	b->n = (size_t)(w - b->p);
	b->p[b->n] = 0;
}
