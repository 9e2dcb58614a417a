/* set: sets of 32-bit values as sorted intervals. */
#include "filt/in.h"

#include <stdlib.h>

static Set *
set_new(Arena *a, u32 n)
{
	Set *s = arena_alloc(a, sizeof(Set) + sizeof(Range) * n);

	return s;
}

const Set *
set_range(Arena *a, u32 lo, u32 hi)
{
	Set *s = set_new(a, 1);

	if (lo <= hi)
		s->r[s->n++] = (Range){ lo, hi };
	return s;
}

/* Appends a range that does not begin before the last one. */
static void
add(Set *s, Range x)
{
	Range *last = s->n ? &s->r[s->n - 1] : NULL;

	if (last && (last->hi == 0xffffffffu || x.lo <= last->hi + 1))
		last->hi = MAX(last->hi, x.hi);
	else
		s->r[s->n++] = x;
}

static int
by_lo(const void *x, const void *y)
{
	u32 a = ((const Range *)x)->lo, b = ((const Range *)y)->lo;

	return a < b ? -1 : a > b;
}

const Set *
set_of(Arena *a, Range *r, u32 n)
{
	Set *s = set_new(a, n);

	qsort(r, n, sizeof(*r), by_lo);
	for (u32 i = 0; i < n; i++)
		add(s, r[i]);
	return s;
}

const Set *
set_or(Arena *a, const Set *x, const Set *y)
{
	Set *s = set_new(a, x->n + y->n);

	for (u32 i = 0, j = 0; i < x->n || j < y->n;)
		add(s, j >= y->n || (i < x->n && x->r[i].lo <= y->r[j].lo) ? x->r[i++] : y->r[j++]);
	return s;
}

const Set *
set_and(Arena *a, const Set *x, const Set *y)
{
	Set *s = set_new(a, x->n + y->n);

	for (u32 i = 0, j = 0; i < x->n && j < y->n;) {
		u32 lo = MAX(x->r[i].lo, y->r[j].lo), hi = MIN(x->r[i].hi, y->r[j].hi);

		if (lo <= hi)
			s->r[s->n++] = (Range){ lo, hi };
		if (x->r[i].hi < y->r[j].hi)
			i++;
		else
			j++;
	}
	return s;
}

const Set *
set_not(Arena *a, const Set *x)
{
	Set *s = set_new(a, x->n + 1);
	u32 from = 0;

	for (u32 i = 0; i < x->n; i++) {
		if (x->r[i].lo > from)
			s->r[s->n++] = (Range){ from, x->r[i].lo - 1 };
		if (x->r[i].hi == 0xffffffffu)
			return s;
		from = x->r[i].hi + 1;
	}
	s->r[s->n++] = (Range){ from, 0xffffffffu };
	return s;
}

bool
set_same(const Set *x, const Set *y)
{
	return x->n == y->n && !memcmp(x->r, y->r, sizeof(Range) * x->n);
}

bool
set_disjoint(const Set *x, const Set *y)
{
	for (u32 i = 0, j = 0; i < x->n && j < y->n;) {
		if (MAX(x->r[i].lo, y->r[j].lo) <= MIN(x->r[i].hi, y->r[j].hi))
			return false;
		if (x->r[i].hi < y->r[j].hi)
			i++;
		else
			j++;
	}
	return true;
}

bool
set_within(const Set *x, const Set *y)
{
	u32 j = 0;

	for (u32 i = 0; i < x->n; i++) {
		while (j < y->n && y->r[j].hi < x->r[i].lo)
			j++;
		if (j >= y->n || y->r[j].lo > x->r[i].lo || y->r[j].hi < x->r[i].hi)
			return false;
	}
	return true;
}

bool
set_has(const Set *x, u32 v)
{
	u32 lo = 0, hi = x->n;

	while (lo < hi) {
		u32 mid = (lo + hi) / 2;

		if (x->r[mid].hi < v)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < x->n && x->r[lo].lo <= v;
}
