/* tseries: a value over time, one row per interval. */
#include "out/inside.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { WIDTH = 51 };

typedef struct Point { u64 epoch; s64 value; u64 n; } Point;

static const Point *
at(const Type *t, const void *p, u64 epoch)
{
	const Point *q = (const Point *)p + epoch % (u64)MAX(t->max, 1);

	return q->epoch == epoch ? q : NULL;
}

u64
tseries_last(const Type *t, const void *p)
{
	u64 last = 0;

	for (s64 i = 0; i < MAX(t->max, 1); i++)
		last = MAX(last, ((const Point *)p)[i].epoch);
	return last;
}

static u64
tseries_first(const Type *t, const void *p, u64 last)
{
	u64 n = (u64)MAX(t->max, 1), oldest = last > n ? last - n + 1 : 1;

	for (u64 e = oldest; e <= last; e++)
		if (at(t, p, e))
			return e;
	return last + 1;
}

static s64
value(const Type *t, const Point *q)
{
	if (t->step != 'a')
		return q->value;
	if (!q->n)
		return 0;
	return t->sign ? q->value / (s64)q->n : (s64)((u64)q->value / q->n);
}

/* The time of an epoch's start, with 3, 6 or 9 digits of the second, or none. */
static void
put_time(Buf *b, const Type *t, u64 epoch, const char *fmt, u32 digits)
{
	u64 ns = (epoch - 1) * (u64)t->min, frac = ns % 1000000000;
	time_t s = (time_t)(ns / 1000000000);
	char text[64];
	struct tm tm;

	localtime_r(&s, &tm);
	strftime(text, sizeof(text), fmt, &tm);
	buf_puts(b, text);
	for (u32 i = digits; i < 9; i++)
		frac /= 10;
	if (digits)
		buf_printf(b, ".%0*llu", (int)digits, (unsigned long long)frac);
}

static void
put_json(Buf *b, const Type *t, const void *p, u64 first, u64 last)
{
	bool any = false;

	buf_putc(b, '[');
	for (u64 e = first; e <= last; e++) {
		const Point *q = at(t, p, e);
		s64 v;

		if (!q)
			continue;
		v = value(t, q);
		buf_puts(b, any ? ",{\"interval_start\":\"" : "{\"interval_start\":\"");
		put_time(b, t, e, "%Y-%m-%d %H:%M:%S", 9);
		any = true;
		buf_puts(b, "\",\"value\":");
		if (value_json_quoted((u64)v, t->sign))
			buf_printf(b, t->sign ? "\"%lld\"}" : "\"%llu\"}", (long long)v);
		else
			buf_printf(b, "%lld}", (long long)v);
	}
	buf_putc(b, ']');
}

/* Column of v between lo and hi: 0 and WIDTH + 1 are the borders. */
static u32
column(s64 v, s64 lo, s64 hi)
{
	if (v <= lo)
		return 0;
	if (v >= hi)
		return WIDTH + 1;
	return (u32)((__int128)((__int128)v - lo) * (WIDTH + 1) / ((__int128)hi - lo));
}

/* The scale: the smallest value at the left border, the largest at the right one. */
static void
put_scale(Buf *b, u32 indent, s64 lo, s64 hi)
{
	char left[24], right[24];
	int n = snprintf(left, sizeof(left), "%lld", (long long)lo);
	int m = snprintf(right, sizeof(right), "%lld", (long long)hi);

	buf_printf(b, "%*s%s%*s\n", (int)indent, "", left, MAX(WIDTH + 2 - n, m), right);
}

static void
range(const Type *t, const void *p, u64 first, u64 last, s64 *lo, s64 *hi)
{
	bool any = false;

	for (u64 e = first; e <= last; e++) {
		const Point *q = at(t, p, e);
		s64 v;

		if (!q)
			continue;
		v = value(t, q);
		*lo = any ? MIN(*lo, v) : v;
		*hi = any ? MAX(*hi, v) : v;
		any = true;
	}
	if (*lo == *hi) {               /* one value alone stands in the middle */
		*lo -= t->sign ? *lo > INT64_MIN : *lo > 0;
		*hi += *hi < INT64_MAX;
	}
}

void
tseries_put(Buf *b, const Type *t, const void *p, u64 last, s64 lo, s64 hi, bool json)
{
	static const struct { s64 interval; const char *label; u32 digits; } scale[] = {
		{ 1000000000, "hh:mm:ss", 0 }, { 1000000, "hh:mm:ss.ms", 3 }, { 1000, "hh:mm:ss.us", 6 }, { 0, "hh:mm:ss.ns", 9 },
	};
	u64 first = tseries_first(t, p, last);
	u32 unit = 0, indent;
	char line[WIDTH + 3];

	if (json) {
		put_json(b, t, p, first, last);
		return;
	}
	if (first > last)
		return;
	while (t->min < scale[unit].interval)
		unit++;
	indent = 9 + (scale[unit].digits ? scale[unit].digits + 1 : 0);
	if (lo >= hi)
		range(t, p, first, last, &lo, &hi);
	put_scale(b, indent, lo, hi);
	memset(line, '_', sizeof(line));
	line[WIDTH + 2] = 0;
	line[0] = line[WIDTH + 1] = '|';
	buf_printf(b, "%-*s%s\n", (int)indent, scale[unit].label, line);
	for (u64 e = first; e <= last; e++) {
		const Point *q = at(t, p, e);

		memset(line, ' ', sizeof(line) - 1);
		line[0] = line[WIDTH + 1] = '|';
		if (lo < 0 && hi > 0)
			line[column(0, lo, hi)] = '.';
		if (q)
			line[column(value(t, q), lo, hi)] = '*';
		put_time(b, t, e, "%H:%M:%S", scale[unit].digits);
		if (q)
			buf_printf(b, t->sign ? " %s %lld\n" : " %s %llu\n", line, (long long)value(t, q));
		else
			buf_printf(b, " %s -\n", line);
	}
	memset(line, '_', sizeof(line) - 1);
	line[0] = line[WIDTH + 1] = 'v';
	buf_printf(b, "%*s%s\n", (int)indent, "", line);
	put_scale(b, indent, lo, hi);
}
