/* hist: histograms, by powers of two (with k bits below the highest one) and linear. */
#include "out/inside.h"

enum { WIDTH = 52 };

u32
out_hist_bucket(s64 v, u32 bits)
{
	u32 high, shift;

	if (v < 0)
		return 0;
	if ((u64)v < 1ull << bits)
		return 1 + (u32)v;
	high = 63 - (u32)__builtin_clzll((u64)v);
	shift = high - bits;
	return 1 + ((shift + 1) << bits) + (u32)((u64)v >> shift) - (1u << bits);
}

u32
out_hist_buckets(u32 bits)
{
	return out_hist_bucket(INT64_MAX, bits) + 1;
}

/* The first value of bucket `i` (>= 1), as a number below 2^63, or 2^63 behind the last. */
static u64
start(u32 i, u32 bits)
{
	u32 index = i - 1, shift;

	if (index < 1u << bits)
		return index;
	shift = (index >> bits) - 1;
	return (u64)((index & ((1u << bits) - 1)) + (1u << bits)) << shift;
}

void
out_hist_range(u32 bucket, u32 bits, s64 *lo, s64 *hi)
{
	u64 end = start(bucket + 1, bits);

	*lo = bucket ? (s64)start(bucket, bits) : INT64_MIN;
	*hi = bucket ? (s64)MIN(end, (u64)INT64_MAX) : 0;
}

/* A bound of a power-of-two histogram: in units of 1024 as large as the width of its bucket allows. */
static void
put_bound(Buf *b, u32 i, u32 bits)
{
	static const char unit[] = "\0KMGTPE";
	u64 v = start(i, bits);
	u32 high = v ? 63 - (u32)__builtin_clzll(v) : 0, decade = high >= bits ? (high - bits) / 10 : 0;

	buf_printf(b, "%llu", (unsigned long long)(v >> 10 * decade));
	if (decade)
		buf_putc(b, unit[decade]);
}

/* A bound of a linear one: shortened only where nothing is lost. */
static void
put_linear(Buf *b, s64 v)
{
	static const char unit[] = "\0KMG";
	u32 u = 0;

	while (v && u < 3 && v % 1024 == 0) {
		v /= 1024;
		u++;
	}
	buf_printf(b, "%lld", (long long)v);
	if (u)
		buf_putc(b, unit[u]);
}

static void
put_label(Buf *b, const Type *t, u32 i, u32 last)
{
	size_t from = b->n;

	if (t->kind == TY_HIST && !i) {
		buf_puts(b, "(..., 0)");
	} else if (t->kind == TY_HIST) {
		buf_putc(b, '[');
		put_bound(b, i, t->count);
		if (start(i + 1, t->count) - start(i, t->count) > 1) {
			buf_puts(b, ", ");
			put_bound(b, i + 1, t->count);
			buf_putc(b, ')');
		} else {
			buf_putc(b, ']');
		}
	} else if (!i) {
		buf_puts(b, "(..., ");
		put_linear(b, t->min);
		buf_putc(b, ')');
	} else if (i == last) {
		buf_putc(b, '[');
		put_linear(b, t->max);
		buf_puts(b, ", ...)");
	} else {
		s64 lo = t->min + (s64)(i - 1) * t->step;

		buf_putc(b, '[');
		put_linear(b, lo);
		buf_puts(b, ", ");
		put_linear(b, lo + t->step);
		buf_putc(b, ')');
	}
	while (b->n - from < 16)
		buf_putc(b, ' ');
}

static void
put_row(Buf *b, const Type *t, u32 i, u32 last, u64 n, u64 max)
{
	char bar[WIDTH + 3];
	u32 width = max ? (u32)((__uint128_t)n * WIDTH / max) : 0;

	put_label(b, t, i, last);
	memset(bar + 1, ' ', WIDTH);
	memset(bar + 1, '@', width);
	bar[0] = bar[WIDTH + 1] = '|';
	bar[WIDTH + 2] = 0;
	buf_printf(b, "%8llu %s\n", (unsigned long long)n, bar);
}

static void
put_json_number(Buf *b, const char *key, s64 v)
{
	buf_printf(b, value_json_quoted((u64)v, true) ? "\"%s\": \"%lld\", " : "\"%s\": %lld, ", key, (long long)v);
}

static void
put_json(Buf *b, const Type *t, u32 i, u32 last, u64 n, s64 div)
{
	s64 lo, hi;

	buf_putc(b, '{');
	if (t->kind == TY_HIST) {
		out_hist_range(i, t->count, &lo, &hi);
		if (i)
			put_json_number(b, "min", lo);
		/* inclusive; the last one's end does not fit in 64 bits */
		put_json_number(b, "max", start(i + 1, t->count) > INT64_MAX ? INT64_MAX : hi - 1);
	} else {
		lo = t->min + (s64)(i - 1) * t->step;
		if (i)
			put_json_number(b, "min", i == last ? t->max : lo);
		if (i != last)
			put_json_number(b, "max", i ? lo + t->step - 1 : t->min - 1);
	}
	n /= (u64)MAX(div, 1);
	buf_printf(b, value_json_quoted(n, false) ? "\"count\": \"%llu\"}" : "\"count\": %llu}", (unsigned long long)n);
}

bool
hist_is_rows(const Type *t)
{
	return t->kind == TY_HIST || t->kind == TY_LHIST || t->kind == TY_TSERIES;
}

u64
hist_total(const Type *t, const u64 *buckets)
{
	u64 sum = 0;

	for (u32 i = 0; i < out_value_size(t) / 8; i++)
		sum += buckets[i];
	return sum;
}

void
hist_put(Buf *b, const Type *t, const u64 *v, s64 div, bool json)
{
	u32 n = out_value_size(t) / 8, from = 0, to = n;
	u64 max = 0;

	while (from < n && !v[from])
		from++;
	while (to > from && !v[to - 1])
		to--;
	for (u32 i = from; i < to; i++)
		max = MAX(max, v[i] / (u64)MAX(div, 1));
	if (json)
		buf_putc(b, '[');
	for (u32 i = from; i < to; i++) {
		if (json && i > from)
			buf_putc(b, ',');
		if (json)
			put_json(b, t, i, n - 1, v[i], div);
		else
			put_row(b, t, i, n - 1, v[i] / (u64)MAX(div, 1), max);
	}
	if (json)
		buf_putc(b, ']');
}
