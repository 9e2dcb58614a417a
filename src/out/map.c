/* map: whole maps, by print(@m) and at the end. The entries are read into one block, the values of the CPUs merged, the
 * order made, then each is printed. Order: integers and aggregations by value, everything else by key; equal values by key. */
#include "out/inside.h"

#include <stdlib.h>

typedef struct Entries {
	Out *o;
	const MapInfo *m;
	u32 key_size, value_size;       /* value: merged */
	Buf data;                       /* key and value of each, padded to 8 */
	u32 n;
} Entries;

static u32
entry_size(const Entries *e)
{
	return (u32)ALIGN(e->key_size, 8) + (u32)ALIGN(e->value_size, 8);
}

static const u8 *
key_of(const Entries *e, u32 i)
{
	return (u8 *)e->data.p + (size_t)i * entry_size(e);
}

static u8 *
value_of(const Entries *e, u32 i)
{
	return (u8 *)e->data.p + (size_t)i * entry_size(e) + ALIGN(e->key_size, 8);
}

/* Merges the CPUs' values; `to` starts as the first one's. */
static void
merge(const Entries *e, u8 *to, const u8 *value)
{
	const MapInfo *m = e->m;
	u32 stride = m->cpu_array ? m->stride : ALIGN(e->value_size, 8), n = m->percpu || m->cpu_array ? host_cpus() : 1;

	memcpy(to, value, e->value_size);
	for (u32 i = 1; i < n; i++)
		agg_merge(m->value, to, value + (size_t)i * stride);
}

static bool
is_set(const MapInfo *m, const u8 *value)
{
	u32 n = m->cpu_array ? host_cpus() : 1, set;

	for (u32 i = 0; i < n && m->set_offset; i++) {
		memcpy(&set, value + (size_t)i * m->stride + m->set_offset, 4);
		if (set)
			return true;
	}
	return !m->set_offset;
}

static int
collect(void *arg, const void *key, const void *value)
{
	Entries *e = arg;
	u32 size = entry_size(e);
	u8 *at;

	if (!is_set(e->m, value) && !e->o->zeroed.v[e->m - e->o->maps])
		return 0;
	at = buf_space(&e->data, size);
	memset(at, 0, size);
	if (e->key_size)
		memcpy(at, key, e->key_size);
	merge(e, at + ALIGN(e->key_size, 8), value);
	e->data.n += size;
	e->n++;
	return 0;
}

/* ---- order ---- */

static int
compare_u64(u64 a, u64 b, bool sign)
{
	if (a == b)
		return 0;
	return (sign ? (s64)a < (s64)b : a < b) ? -1 : 1;
}

static int
compare(const Type *t, const u8 *a, const u8 *b)
{
	int c = 0;

	switch (t->kind) {
	case TY_INT: case TY_ENUM: case TY_BOOL: case TY_PTR: case TY_KSYM: case TY_USERNAME: case TY_SYSCALL:
	case TY_STRERROR: case TY_SIGNAL: case TY_TIMESTAMP: case TY_CGROUP_PATH: case TY_PROBE:
		return compare_u64(value_load(t, a), value_load(t, b), t->sign);
	case TY_STRING:
		return strncmp((const char *)a, (const char *)b, t->size);
	case TY_BUFFER: {
		u32 n, m;

		memcpy(&n, a, 4);
		memcpy(&m, b, 4);
		c = memcmp(a + 4, b + 4, MIN(MIN(n, m), t->count));
		return c ? c : compare_u64(n, m, false);
	}
	case TY_TUPLE: case TY_RECORD:
		for (u32 i = 0; i < t->n_fields && !c; i++)
			c = compare(t->fields[i].type, a + t->fields[i].offset, b + t->fields[i].offset);
		return c;
	case TY_ARRAY:
		for (u32 i = 0; i < t->count && !c; i++)
			c = compare(t->elem, a + i * t->elem->size, b + i * t->elem->size);
		return c;
	default:
		return memcmp(a, b, t->size);
	}
}

static int
by_value(const void *x, const void *y, void *arg)
{
	const Entries *e = arg;
	const Type *t = e->m->value;
	u32 i = *(const u32 *)x, j = *(const u32 *)y;
	int c = 0;

	if (type_is_agg(t))
		c = compare_u64((u64)agg_number(t, value_of(e, i)), (u64)agg_number(t, value_of(e, j)), t->sign);
	else if (t->kind == TY_INT || t->kind == TY_ENUM)
		c = compare(t, value_of(e, i), value_of(e, j));
	return c ? c : compare(e->m->key, key_of(e, i), key_of(e, j));
}

/* ---- printing ---- */

static const char *
json_type(const Type *t)
{
	switch (t->kind) {
	case TY_HIST: case TY_LHIST: return "hist";
	case TY_STATS: case TY_AVG: return "stats";
	case TY_TSERIES: return "tseries";
	default: return "map";
	}
}

/* The limits of print(@m, a, b): how many and divided by what; of a tseries the ends of its scale. */
typedef struct Limits { s64 top, div; u64 last; } Limits;

static void
put_value(Entries *e, Buf *b, const u8 *value, const Limits *l, bool json)
{
	const Type *t = e->m->value;
	s64 div = MAX(l->div, 1);

	if (t->kind == TY_TSERIES)
		tseries_put(b, t, value, l->last, l->top, l->div, json);
	else if (hist_is_rows(t))
		hist_put(b, t, (const u64 *)value, div, json);
	else if (type_is_agg(t))
		agg_put(e->o, b, t, value, div, json);
	else if (t->kind == TY_INT && div > 1) {
		u64 v = value_load(t, value);

		v = t->sign ? (u64)((s64)v / div) : v / (u64)div;
		value_put(e->o, b, type_int(8, t->sign), &v, 8, json ? VS_JSON : VS_TEXT);
	} else {
		value_put(e->o, b, t, value, e->value_size, json ? VS_JSON : VS_TEXT);
	}
}

static void
put_text(Entries *e, const u32 *order, u32 from, const Limits *l)
{
	Buf *b = &e->o->buf;

	for (u32 i = from; i < e->n; i++) {
		u32 at = order ? order[i] : i;

		buf_puts(b, e->m->name);
		if (e->m->key) {
			buf_putc(b, '[');
			value_put(e->o, b, e->m->key, key_of(e, at), e->key_size, VS_KEY);
			buf_putc(b, ']');
		}
		buf_puts(b, hist_is_rows(e->m->value) ? ":\n" : ": ");
		put_value(e, b, value_of(e, at), l, false);
		buf_putc(b, '\n');
	}
}

static void
put_json(Entries *e, const u32 *order, u32 from, const Limits *l)
{
	Buf *b = &e->o->buf, *key = &e->o->value;

	buf_printf(b, "{\"type\": \"%s\", \"data\": {\"%s\": ", json_type(e->m->value), e->m->name);
	if (e->m->key)
		buf_putc(b, '{');
	for (u32 i = from; i < e->n; i++) {
		u32 at = order ? order[i] : i;

		if (i > from)
			buf_puts(b, ", ");
		if (e->m->key) {
			buf_clear(key);
			value_put(e->o, key, e->m->key, key_of(e, at), e->key_size, VS_JSON_KEY);
			value_json_string(b, key->p ? key->p : "", key->n);
			buf_puts(b, ": ");
		}
		put_value(e, b, value_of(e, at), l, true);
	}
	buf_puts(b, e->m->key ? "}}}\n" : "}}\n");
}

/* print(@m) of a scalar that was never set shows what reading it gives: zero. Nothing for rows: they would be none. */
static bool
zero_entry(Entries *e)
{
	u32 size = entry_size(e);

	if (e->m->key || hist_is_rows(e->m->value))
		return false;
	memset(buf_space(&e->data, size), 0, size);
	e->data.n += size;
	e->n = 1;
	return true;
}

static void
print(Out *o, u32 map, const Limits *limits, bool at_end)
{
	const MapInfo *m = &o->maps[map];
	Entries e = { .o = o, .m = m, .key_size = m->key ? m->key->size : 0, .value_size = out_value_size(m->value) };
	Limits l = *limits;
	u32 *order = NULL, from = 0;

	if (o->opt.map_walk)
		o->opt.map_walk(o->opt.arg, m->map, collect, &e);
	/* An aggregation without a key lies in an array, which always has its one entry. */
	if (!m->key && e.n && !m->set_offset && type_is_agg(m->value) && !o->zeroed.v[map] && agg_is_empty(m->value, value_of(&e, 0)))
		e.n = 0;
	if (!e.n && (at_end || !zero_entry(&e)))
		goto out;               /* nothing to show */
	if (m->key && e.n > 1) {
		order = malloc(e.n * sizeof(*order));
		if (!order)
			goto out;
		for (u32 i = 0; i < e.n; i++)
			order[i] = i;
		qsort_r(order, e.n, sizeof(*order), by_value, &e);
	}
	if (m->value->kind == TY_TSERIES)
		for (u32 i = 0; i < e.n; i++)
			l.last = MAX(l.last, tseries_last(m->value, value_of(&e, i)));
	else if (l.top > 0 && (u64)l.top < e.n)
		from = e.n - (u32)l.top;
	if (o->opt.format == OUT_JSON)
		put_json(&e, order, from, &l);
	else
		put_text(&e, order, from, &l);
out:
	free(order);
	buf_free(&e.data);
}

void
out_map(Out *o, u32 map, s64 top, s64 div)
{
	if (map < o->n_maps)
		print(o, map, &(Limits){ top, div, 0 }, false);
}

void
out_maps_exit(Out *o)
{
	u32 *order = NEW_N(o->a, u32, o->n_maps + 1);

	for (u32 i = 0; i < o->n_maps; i++) {           /* by name; there are few */
		u32 at = i;

		for (; at && strcmp(o->maps[order[at - 1]].name, o->maps[i].name) > 0; at--)
			order[at] = order[at - 1];
		order[at] = i;
	}
	if (o->opt.format == OUT_TEXT)
		buf_puts(&o->buf, "\n\n");
	for (u32 i = 0; i < o->n_maps; i++)
		if (!o->maps[order[i]].internal)
			print(o, order[i], &(Limits){ 0, 0, 0 }, true);
}
