/* names: types as text, both ways. The scalar names of C and of the kernel are a table here, so that a script that casts to
 * uint32_t needs no BTF. */
#include "type/inside.h"

#include <stdlib.h>

static const char *const specials[N_TYPE_KIND] = {
	[TY_KSYM] = "ksym_t", [TY_USYM] = "usym_t", [TY_KSTACK] = "kstack", [TY_USTACK] = "ustack", [TY_INET] = "inet",
	[TY_MAC] = "mac_address", [TY_TIMESTAMP] = "timestamp", [TY_USERNAME] = "username", [TY_CGROUP_PATH] = "cgroup_path_t",
	[TY_STRERROR] = "strerror_t", [TY_SIGNAL] = "signal_t", [TY_SYSCALL] = "syscall_t", [TY_PROBE] = "probe",
	[TY_COUNT] = "count_t", [TY_SUM] = "sum_t", [TY_MIN] = "min_t", [TY_MAX] = "max_t", [TY_AVG] = "avg_t",
	[TY_STATS] = "stats_t", [TY_HIST] = "hist_t", [TY_LHIST] = "lhist_t", [TY_TSERIES] = "tseries_t",
};

static void
put_name(const Type *t, Buf *out, int depth)
{
	if (depth > 16) {
		buf_puts(out, "...");
		return;
	}
	switch (t->kind) {
	case TY_ERROR:
	case TY_NONE:
	case TY_BOOL:
		buf_puts(out, t->name);
		break;
	case TY_INT:
		buf_printf(out, "%sint%u", t->sign ? "" : "u", t->size * 8);
		break;
	case TY_ENUM:
		buf_printf(out, "enum %s", t->name ? t->name : "(anonymous)");
		break;
	case TY_PTR:
		put_name(t->elem, out, depth + 1);
		if (out->n && out->p[out->n - 1] != '*')
			buf_putc(out, ' ');
		buf_putc(out, '*');
		break;
	case TY_ARRAY:
		put_name(t->elem, out, depth + 1);
		buf_printf(out, "[%u]", t->count);
		break;
	case TY_STRUCT:
		buf_printf(out, "%s %s", t->is_union ? "union" : "struct", t->name ? t->name : "(anonymous)");
		break;
	case TY_FUNC:
		put_name(t->elem, out, depth + 1);
		buf_puts(out, " (");
		for (u32 i = 0; i < t->n_fields; i++) {
			buf_puts(out, i ? ", " : "");
			put_name(t->fields[i].type, out, depth + 1);
		}
		buf_putc(out, ')');
		break;
	case TY_STRING:
		buf_printf(out, "string[%u]", t->size);
		break;
	case TY_BUFFER:
		buf_printf(out, "buffer[%u]", t->count);
		break;
	case TY_TUPLE:
	case TY_RECORD:
		buf_puts(out, t->kind == TY_RECORD ? "record { " : "(");
		for (u32 i = 0; i < t->n_fields; i++) {
			if (t->kind == TY_RECORD)
				buf_printf(out, "%s.%s = ", i ? ", " : "", t->fields[i].name);
			else if (i)
				buf_putc(out, ',');
			put_name(t->fields[i].type, out, depth + 1);
		}
		buf_puts(out, t->kind == TY_RECORD ? " }" : ")");
		break;
	default:
		if (type_is_agg(t) && !t->sign && (t->kind >= TY_SUM && t->kind <= TY_STATS))
			buf_putc(out, 'u');
		buf_puts(out, specials[t->kind]);
	}
}

const char *
type_name(const Type *t, Buf *out)
{
	size_t from = out->n;

	put_name(t, out, 0);
	return out->p + from;
}

/* Names of one word that mean an integer: NAME(name, bytes, signed). */
static const struct { const char *name; u8 bytes, sign; } words[] = {
	{ "int8", 1, 1 }, { "int16", 2, 1 }, { "int32", 4, 1 }, { "int64", 8, 1 },
	{ "uint8", 1, 0 }, { "uint16", 2, 0 }, { "uint32", 4, 0 }, { "uint64", 8, 0 },
	{ "int8_t", 1, 1 }, { "int16_t", 2, 1 }, { "int32_t", 4, 1 }, { "int64_t", 8, 1 },
	{ "uint8_t", 1, 0 }, { "uint16_t", 2, 0 }, { "uint32_t", 4, 0 }, { "uint64_t", 8, 0 },
	{ "s8", 1, 1 }, { "s16", 2, 1 }, { "s32", 4, 1 }, { "s64", 8, 1 },
	{ "u8", 1, 0 }, { "u16", 2, 0 }, { "u32", 4, 0 }, { "u64", 8, 0 },
	{ "__s8", 1, 1 }, { "__s16", 2, 1 }, { "__s32", 4, 1 }, { "__s64", 8, 1 },
	{ "__u8", 1, 0 }, { "__u16", 2, 0 }, { "__u32", 4, 0 }, { "__u64", 8, 0 },
	{ "__be16", 2, 0 }, { "__be32", 4, 0 }, { "__be64", 8, 0 }, { "__le16", 2, 0 }, { "__le32", 4, 0 }, { "__le64", 8, 0 },
	{ "size_t", 8, 0 }, { "ssize_t", 8, 1 }, { "uintptr_t", 8, 0 }, { "intptr_t", 8, 1 }, { "ptrdiff_t", 8, 1 },
	{ "pid_t", 4, 1 }, { "uid_t", 4, 0 }, { "gid_t", 4, 0 }, { "off_t", 8, 1 }, { "loff_t", 8, 1 }, { "dev_t", 4, 0 },
	{ "umode_t", 2, 0 }, { "mode_t", 4, 0 }, { "time_t", 8, 1 }, { "clockid_t", 4, 1 }, { "socklen_t", 4, 0 },
	{ "sa_family_t", 2, 0 }, { "wchar_t", 4, 1 },
};

/* "unsigned long int", "char", "long long": the words in any order. NULL if it is no such thing. */
static const Type *
c_integer(const char *s, size_t n)
{
	static const char *const keys[] = { "unsigned", "signed", "char", "short", "int", "long", "__signed__" };
	u32 seen[COUNT(keys)] = { 0 };

	for (size_t i = 0; i < n;) {
		size_t len = 0, k;

		while (i + len < n && s[i + len] != ' ')
			len++;
		for (k = 0; k < COUNT(keys); k++)
			if (strlen(keys[k]) == len && !memcmp(keys[k], s + i, len))
				break;
		if (k == COUNT(keys) || ++seen[k] > (k == 5 ? 2 : 1))
			return NULL;
		i += len + 1;
	}
	seen[1] += seen[6];
	if ((seen[0] && seen[1]) || (seen[2] && (seen[3] || seen[4] || seen[5])) || (seen[3] && seen[5]))
		return NULL;
	return type_int(seen[2] ? 1 : seen[3] ? 2 : seen[5] ? 8 : 4, !seen[0]);
}

/* It may ask us in turn. */
static const Type *
ask_elsewhere(Types *ts, const char *s, size_t n)
{
	const Type *t;
	char name[256];

	if (n >= sizeof(name))
		return NULL;
	memcpy(name, s, n);
	name[n] = 0;
	ts->asking = true;
	t = ts->elsewhere(ts, ts->elsewhere_arg, name);
	ts->asking = false;
	return t;
}

/* A name without qualifiers and stars, words separated by one blank. */
static const Type *
find_plain(Types *ts, const char *s, size_t n)
{
	static const struct { const char *word; char kind; } tags[] = {
		{ "struct ", 's' }, { "union ", 'u' }, { "enum ", 'e' },
	};
	const Type *t = map_get(&ts->named, s, n);
	u32 fields;

	if (t)
		type_fields(ts, t, &fields);    /* only named so far? BTF may know it */
	if (!t && ts->elsewhere && !ts->asking)
		t = ask_elsewhere(ts, s, n);
	if (t)
		return t;
	for (u32 i = 0; i < COUNT(tags); i++) {
		size_t len = strlen(tags[i].word);

		if (n > len && !memcmp(s, tags[i].word, len))
			return btf_find(ts, tags[i].kind, s + len, n - len);
	}
	if (n == 4 && !memcmp(s, "void", 4))
		return &ty_none;
	if ((n == 4 && !memcmp(s, "bool", 4)) || (n == 5 && !memcmp(s, "_Bool", 5)))
		return &ty_bool;
	t = c_integer(s, n);
	for (u32 i = 0; !t && i < COUNT(words); i++)
		if (strlen(words[i].name) == n && !memcmp(words[i].name, s, n))
			t = type_int(words[i].bytes, words[i].sign);
	if (!t && !memchr(s, ' ', n))
		t = btf_find(ts, 't', s, n);
	return t;
}

static bool
is_qualifier(const char *s, size_t n)
{
	static const char *const q[] = { "const", "volatile", "restrict", "__restrict", "static", "extern" };

	for (u32 i = 0; i < COUNT(q); i++)
		if (strlen(q[i]) == n && !memcmp(q[i], s, n))
			return true;
	return false;
}

void
type_find_elsewhere(Types *ts, TypeFind *find, void *arg)
{
	ts->elsewhere = find;
	ts->elsewhere_arg = arg;
}

const Type *
type_find(Types *ts, const char *name)
{
	const char *p = name;
	const Type *t;
	Buf b = { 0 };
	u32 stars = 0;

	buf_space(&b, 0);
	while (*p && stars < 16) {
		size_t n = strcspn(p, " \t\n*");

		if (n && !is_qualifier(p, n)) {
			if (stars) {                    /* a word behind a star: no type name */
				buf_free(&b);
				return NULL;
			}
			if (b.n)
				buf_putc(&b, ' ');
			buf_put(&b, p, n);
		}
		p += n;
		if (*p)
			stars += *p++ == '*';
	}
	t = b.n && !*p ? find_plain(ts, b.p, b.n) : NULL;
	buf_free(&b);
	while (t && stars--)
		t = type_ptr(ts, t, AS_NONE);
	return t;
}

bool
type_enumerator(Types *ts, const char *name, s64 *value, const Type **type)
{
	const Enumerator *e = map_get(&ts->enumerators, name, strlen(name));
	const char *text;

	if (!e && c_macro_value(ts, name, value, type))
		return true;
	if (!e) {       /* the script's own macro hides an enumerator of the kernel, but one that names itself stands for it */
		text = ts->in_macro ? NULL : type_macro(ts, name);
		return (!text || strstr(text, name)) && btf_enumerator(ts, name, value, type);
	}
	*value = e->value;
	*type = e->type;
	return true;
}
