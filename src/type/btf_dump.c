/* btf_dump: types of the kernel as C text, as their programmers wrote them: with the names of typedefs, which Types drop. */
#include "type/btf.h"

#include <stdlib.h>

enum { MAX_DEPTH = 32 };

typedef struct Dump { struct Btf *b; Buf *out; int depth; } Dump;

static void members(Dump *d, u32 id, int indent);
static void enumerators(Dump *d, u32 id, int indent);

static void
tabs(Buf *out, int n)
{
	while (n-- > 0)
		buf_putc(out, '\t');
}

/* "struct x", or all of one without a name. */
static void
tagged(Dump *d, const char *word, u32 id, int indent)
{
	const BtfHead *h = btf_head(d->b, id);
	const char *name = btf_str(d->b, h->name);

	buf_puts(d->out, word);
	if (*name) {
		buf_printf(d->out, " %s", name);
		return;
	}
	buf_puts(d->out, " {\n");
	if (BTF_KIND_OF(h) == BTF_KIND_ENUM || BTF_KIND_OF(h) == K_ENUM64)
		enumerators(d, id, indent + 1);
	else
		members(d, id, indent + 1);
	tabs(d->out, indent);
	buf_putc(d->out, '}');
}

static void declaration(Dump *d, u32 id, const char *inner, int indent);

/* "(int, char *)" behind what is declared. */
static void
function(Dump *d, const BtfHead *h, const char *inner, int indent)
{
	const u32 *v = (const u32 *)(h + 1);
	u32 n = BTF_VLEN_OF(h);
	Buf text = { 0 }, *out = d->out;

	buf_printf(&text, "%s(", inner);
	for (u32 i = 0; i < n; i++, v += 2) {
		Buf one = { 0 };

		d->out = &one;
		if (v[1])
			declaration(d, v[1], "", indent);
		else
			buf_puts(&one, "...");
		buf_printf(&text, "%s%s", i ? ", " : "", one.p ? one.p : "");
		buf_free(&one);
	}
	d->out = out;
	buf_puts(&text, n ? ")" : "void)");
	declaration(d, h->size, text.p, indent);
	buf_free(&text);
}

/* The type of id with `inner` ("*name", "name[3]") in the place of what it declares. */
static void
declaration(Dump *d, u32 id, const char *inner, int indent)
{
	const BtfHead *h = id ? btf_head(d->b, id) : NULL, *target;
	const char *space = *inner ? " " : "", *word = NULL;
	Buf text = { 0 };

	if (d->depth > MAX_DEPTH || (id && !h)) {
		buf_printf(d->out, "?%s%s", space, inner);
		return;
	}
	d->depth++;
	switch (h ? BTF_KIND_OF(h) : 0) {
	case 0:
		buf_printf(d->out, "void%s%s", space, inner);
		break;
	case BTF_KIND_PTR:
		target = h->size ? btf_head(d->b, h->size) : NULL;
		if (target && (BTF_KIND_OF(target) == BTF_KIND_ARRAY || BTF_KIND_OF(target) == BTF_KIND_FUNC_PROTO))
			buf_printf(&text, "(*%s)", inner);
		else
			buf_printf(&text, "*%s", inner);
		declaration(d, h->size, text.p, indent);
		break;
	case BTF_KIND_ARRAY: {
		const struct btf_array *a = (const void *)(h + 1);

		buf_printf(&text, "%s[%u]", inner, a->nelems);
		declaration(d, a->type, text.p, indent);
		break;
	}
	case BTF_KIND_FUNC_PROTO:
		function(d, h, inner, indent);
		break;
	case BTF_KIND_CONST: case BTF_KIND_VOLATILE: case BTF_KIND_RESTRICT:
		word = BTF_KIND_OF(h) == BTF_KIND_CONST ? "const" : BTF_KIND_OF(h) == BTF_KIND_VOLATILE ? "volatile" : "restrict";
		target = h->size ? btf_head(d->b, h->size) : NULL;
		if (target && BTF_KIND_OF(target) == BTF_KIND_PTR) {
			buf_printf(&text, " %s%s%s", word, space, inner);
			declaration(d, h->size, text.p, indent);
		} else {
			buf_printf(d->out, "%s ", word);
			declaration(d, h->size, inner, indent);
		}
		break;
	case K_TYPE_TAG:
		declaration(d, h->size, inner, indent);
		break;
	case BTF_KIND_STRUCT: case BTF_KIND_UNION: case BTF_KIND_ENUM: case K_ENUM64: case BTF_KIND_FWD:
		word = BTF_KIND_OF(h) == BTF_KIND_UNION || (BTF_KIND_OF(h) == BTF_KIND_FWD && h->info >> 31) ? "union" :
			BTF_KIND_OF(h) == BTF_KIND_ENUM || BTF_KIND_OF(h) == K_ENUM64 ? "enum" : "struct";
		tagged(d, word, id, indent);
		buf_printf(d->out, "%s%s", space, inner);
		break;
	default:                                /* integers, typedefs, floating point */
		buf_printf(d->out, "%s%s%s", btf_str(d->b, h->name), space, inner);
	}
	d->depth--;
	buf_free(&text);
}

static void
members(Dump *d, u32 id, int indent)
{
	const BtfHead *h = btf_head(d->b, id);
	const u32 *v = (const u32 *)(h + 1);

	for (u32 i = 0; i < BTF_VLEN_OF(h); i++, v += 3) {
		u32 bits = h->info >> 31 ? v[2] >> 24 : 0;

		tabs(d->out, indent);
		declaration(d, v[1], btf_str(d->b, v[0]), indent);
		if (bits)
			buf_printf(d->out, ": %u", bits);
		buf_puts(d->out, ";\n");
	}
}

static void
enumerators(Dump *d, u32 id, int indent)
{
	const BtfHead *h = btf_head(d->b, id);
	bool wide = BTF_KIND_OF(h) == K_ENUM64, sign = h->info >> 31;
	const u32 *v = (const u32 *)(h + 1);

	for (u32 i = 0; i < BTF_VLEN_OF(h); i++, v += wide ? 3 : 2) {
		s64 n = wide ? (s64)((u64)v[2] << 32 | v[1]) : sign ? (s64)(s32)v[1] : (s64)v[1];

		tabs(d->out, indent);
		buf_printf(d->out, sign || !wide ? "%s = %lld,\n" : "%s = %lluULL,\n", btf_str(d->b, v[0]), (long long)n);
	}
}

/* Names that a pattern finds, sorted, each once. */
typedef struct Names { Arena *a; const char *pat; Vec(const char *) v; } Names;

static void
keep(void *arg, const char *name)
{
	Names *n = arg;

	if (base_glob(n->pat, strlen(n->pat), name, strlen(name)))
		VEC_PUSH(n->a, &n->v, name);
}

static int
by_name(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

int
type_btf_list(Types *ts, const char *pattern, bool definitions, Buf *out)
{
	static const struct { const char *word; char kind; } words[] = { { "struct", 's' }, { "union", 'u' }, { "enum", 'e' } };
	Names n = { .a = ts->a };
	int count = 0;

	for (u32 i = 0; i < COUNT(words); i++) {
		size_t len = strlen(words[i].word);

		if (strncmp(pattern, words[i].word, len) || pattern[len] != ' ')
			continue;
		n.pat = pattern + len + strspn(pattern + len, " ");
		type_btf_each(ts, words[i].kind, keep, &n);
		if (n.v.n > 1)
			qsort(n.v.v, n.v.n, sizeof(*n.v.v), by_name);
		for (u32 k = 0; k < n.v.n; k++) {
			const Type *t;

			if (k && !strcmp(n.v.v[k], n.v.v[k - 1]))
				continue;
			count++;
			t = definitions ? btf_find(ts, words[i].kind, n.v.v[k], strlen(n.v.v[k])) : NULL;
			if (!t || !t->btf) {
				buf_printf(out, "%s %s\n", words[i].word, n.v.v[k]);
				continue;
			}
			Dump d = { t->btf, out, 0 };

			buf_printf(out, "vmlinux: %s %s {\n", words[i].word, n.v.v[k]);
			if (words[i].kind == 'e')
				enumerators(&d, t->id, 1);
			else
				members(&d, t->id, 1);
			buf_puts(out, "};\n\n");
		}
		return count;
	}
	return -1;
}
