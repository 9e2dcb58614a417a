/* agg: the values of aggregations: their layout, what CPUs' values add up to, what they are sorted by, how they print. */
#include "out/inside.h"

u32
out_value_size(const Type *t)
{
	switch (t->kind) {
	case TY_COUNT: case TY_SUM:
		return 8;
	case TY_MIN: case TY_MAX: case TY_AVG: case TY_STATS:
		return 16;
	case TY_HIST:
		return 8 * out_hist_buckets(t->count);
	case TY_LHIST:
		return 8 * (u32)((u64)(t->max - t->min) / (u64)MAX(t->step, 1) + 2);
	case TY_TSERIES:
		return 24 * (u32)MAX(t->max, 1);
	default:
		return t->size;
	}
}

static bool
less(const Type *t, u64 a, u64 b)
{
	return t->sign ? (s64)a < (s64)b : a < b;
}

/* Two buckets of a time series that stand in one place: the newer one stays, equal ones are one. */
static void
merge_point(const Type *t, u64 *to, const u64 *from)
{
	if (!from[0] || from[0] < to[0])
		return;
	if (from[0] > to[0]) {
		memcpy(to, from, 24);
		return;
	}
	switch (t->step) {
	case 'a': case 's':
		to[1] += from[1];
		to[2] += from[2];
		break;
	case 'M':
		to[1] = less(t, to[1], from[1]) ? from[1] : to[1];
		break;
	case 'm':
		to[1] = less(t, from[1], to[1]) ? from[1] : to[1];
		break;
	default:                        /* the last one set, by its time */
		if (from[2] > to[2])
			memcpy(to, from, 24);
	}
}

void
agg_merge(const Type *t, void *to, const void *from)
{
	u64 *a = to;
	const u64 *b = from;

	switch (t->kind) {
	case TY_COUNT: case TY_SUM: case TY_AVG: case TY_STATS: case TY_HIST: case TY_LHIST:
		for (u32 i = 0; i < out_value_size(t) / 8; i++)
			a[i] += b[i];
		break;
	case TY_MIN:
	case TY_MAX:
		if (b[1] && (!a[1] || (t->kind == TY_MIN ? less(t, b[0], a[0]) : less(t, a[0], b[0]))))
			a[0] = b[0];
		a[1] |= b[1];
		break;
	case TY_TSERIES:
		for (s64 i = 0; i < t->max; i++)
			merge_point(t, a + 3 * i, b + 3 * i);
		break;
	case TY_INT:                    /* of a per-CPU map that the script declared */
		switch (t->size) {
		case 1: *(u8 *)to += *(const u8 *)from; break;
		case 2: *(u16 *)to += *(const u16 *)from; break;
		case 4: *(u32 *)to += *(const u32 *)from; break;
		default: *a += *b;
		}
		break;
	default:
		/* No sum: the first CPU that has something. */
		for (u32 i = 0; i < t->size; i++)
			if (((u8 *)to)[i])
				return;
		memcpy(to, from, t->size);
	}
}

bool
agg_is_empty(const Type *t, const void *p)
{
	const u64 *v = p;

	if (t->kind == TY_MIN || t->kind == TY_MAX)
		return !v[1];
	for (u32 i = 0; i < out_value_size(t) / 8; i++)
		if (v[i])
			return false;
	return true;
}

static u64
average(const Type *t, const u64 *v)
{
	if (!v[0])
		return 0;
	return t->sign ? (u64)((s64)v[1] / (s64)v[0]) : v[1] / v[0];
}

s64
agg_number(const Type *t, const void *p)
{
	const u64 *v = p;

	if (t->kind == TY_HIST || t->kind == TY_LHIST)
		return (s64)hist_total(t, v);
	if (t->kind == TY_TSERIES)
		return 0;
	return (s64)(t->kind == TY_AVG || t->kind == TY_STATS ? average(t, v) : v[0]);
}

static void
number(Out *o, Buf *b, u64 v, bool sign, s64 div, bool json)
{
	if (div > 1)
		v = sign ? (u64)((s64)v / div) : v / (u64)div;
	value_put(o, b, type_int(8, sign), &v, 8, json ? VS_JSON : VS_TEXT);
}

void
agg_put(Out *o, Buf *b, const Type *t, const void *p, s64 div, bool json)
{
	const u64 *v = p;

	switch (t->kind) {
	case TY_COUNT:
		number(o, b, v[0], true, div, json);
		break;
	case TY_AVG:
		number(o, b, average(t, v), t->sign, div, json);
		break;
	case TY_STATS:
		buf_puts(b, json ? "{\"count\": " : "{ .count = ");
		number(o, b, v[0], false, 1, json);
		buf_puts(b, json ? ", \"average\": " : ", .average = ");
		number(o, b, average(t, v), t->sign, div, json);
		buf_puts(b, json ? ", \"total\": " : ", .total = ");
		number(o, b, v[1], t->sign, 1, json);
		buf_puts(b, json ? "}" : " }");
		break;
	default:
		number(o, b, v[0], t->sign, div, json);
	}
}
