/* diag: errors and warnings with the place they speak of. Sources lie one behind the other in one space of offsets, so a
 * Span needs no file; an offset finds its source by binary search. */
#include "base/base.h"

#include <stdio.h>
#include <stdlib.h>

typedef struct Source { const char *name, *text; u32 base, n; } Source;
typedef struct Note { Span at; const char *text; bool hint, from; } Note;
typedef struct Item {
	Span at;
	DiagTag tag;
	bool warning;
	u32 order;
	const char *text;
	Vec(Note) notes;
} Item;

enum { KEPT = 20 };

struct Diag {
	Arena *arena;
	Vec(Source) sources;
	Vec(Item) items;
	u32 errors, unkept, next;
	bool no_warnings, no_tags, last_kept;
};

static const struct { const char *name, *sentence; } rows[] = {
#define DIAG(tag, name, sentence) { name, sentence },
#include "base/diag.def"
#undef DIAG
};

const char *
diag_name(DiagTag tag)
{
	return rows[tag].name;
}

const char *
diag_sentence(DiagTag tag)
{
	return rows[tag].sentence;
}

int
diag_find(const char *name)
{
	for (u32 i = 0; i < N_DIAG; i++)
		if (!strcmp(rows[i].name, name))
			return (int)i;
	return -1;
}

Diag *
diag_new(Arena *a)
{
	Diag *d = NEW(a, Diag);

	d->arena = a;
	d->next = 1;
	return d;
}

u32
diag_source(Diag *d, const char *name, const char *text, size_t n)
{
	Source s = { name, text, d->next, (u32)n };

	VEC_PUSH(d->arena, &d->sources, s);
	d->next += (u32)n + 1;          /* one past the end is a place too: "unexpected end of file" */
	return s.base;
}

void
diag_verr(Diag *d, bool warning, Span at, DiagTag tag, const char *fmt, va_list ap)
{
	Item it = { at, tag, warning, d->items.n, NULL, { 0 } };

	d->last_kept = false;
	if (warning && d->no_warnings)
		return;
	for (u32 i = 0; i < d->items.n; i++)
		if (at.to && d->items.v[i].at.from == at.from && d->items.v[i].at.to == at.to &&
		    d->items.v[i].warning == warning && (!warning || d->items.v[i].tag == tag))
			return;
	if (!warning && d->errors++ >= KEPT) {
		d->unkept++;
		return;
	}
	it.text = arena_vprintf(d->arena, fmt, ap);
	VEC_PUSH(d->arena, &d->items, it);
	d->last_kept = true;
}

void
diag_err(Diag *d, Span at, DiagTag tag, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	diag_verr(d, false, at, tag, fmt, ap);
	va_end(ap);
}

void
diag_warn(Diag *d, Span at, DiagTag tag, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	diag_verr(d, true, at, tag, fmt, ap);
	va_end(ap);
}

static void
add_note(Diag *d, Span at, bool hint, const char *fmt, va_list ap)
{
	if (d->last_kept) {
		Note n = { at, arena_vprintf(d->arena, fmt, ap), hint };

		VEC_PUSH(d->arena, &d->items.v[d->items.n - 1].notes, n);
	}
}

void
diag_hint(Diag *d, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	add_note(d, (Span){ 0 }, true, fmt, ap);
	va_end(ap);
}

void
diag_note(Diag *d, Span at, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	add_note(d, at, false, fmt, ap);
	va_end(ap);
}

void
diag_from(Diag *d, Span at)
{
	if (d->last_kept) {
		Note n = { at, "expanded from", false, true };

		VEC_PUSH(d->arena, &d->items.v[d->items.n - 1].notes, n);
	}
}

u32
diag_errors(const Diag *d)
{
	return d->errors;
}

void
diag_set_warnings(Diag *d, bool on)
{
	d->no_warnings = !on;
}

void
diag_hide_tags(Diag *d)
{
	d->no_tags = true;
}

static const Source *
source_of(const Diag *d, u32 pos)
{
	u32 lo = 0, hi = d->sources.n;

	if (!pos || !hi || pos >= d->next)
		return NULL;
	while (hi - lo > 1) {
		u32 mid = (lo + hi) / 2;

		if (d->sources.v[mid].base <= pos)
			lo = mid;
		else
			hi = mid;
	}
	return &d->sources.v[lo];
}

const char *
diag_line_text(const Diag *d, u32 pos, u32 *len)
{
	const Source *s = source_of(d, pos);
	u32 i, end;

	if (!s)
		return *len = 0, "";
	for (i = pos - s->base; i > 0 && s->text[i - 1] != '\n'; i--)
		;
	for (end = i; end < s->n && s->text[end] != '\n'; end++)
		;
	*len = end - i;
	return s->text + i;
}

bool
diag_line_col(const Diag *d, u32 pos, const char **file, u32 *line, u32 *col)
{
	const Source *s = source_of(d, pos);

	if (!s)
		return false;
	*file = s->name;
	*line = *col = 1;
	for (u32 i = 0; i < pos - s->base; i++) {
		++*col;
		if (s->text[i] == '\n') {
			++*line;
			*col = 1;
		}
	}
	return true;
}

const char *
diag_where(const Diag *d, Span at, Buf *out)
{
	const char *file;
	u32 line, col, line2 = 0, col2 = 0;

	if (!diag_line_col(d, at.from, &file, &line, &col)) {
		buf_puts(out, "piton");
		return out->p;
	}
	diag_line_col(d, MAX(at.to, at.from), &file, &line2, &col2);
	if (line2 != line)
		buf_printf(out, "%s:%u-%u", file, line, line2);
	else if (col2 <= col + 1)
		buf_printf(out, "%s:%u:%u", file, line, col);
	else
		buf_printf(out, "%s:%u:%u-%u", file, line, col, col2);
	return out->p;
}

/* The line of `at` and tildes under its part of it. Long lines show a window around the span. */
static void
show_line(const Diag *d, Span at, Buf *out)
{
	const char *file, *text;
	u32 line, col, len, start = 0, width;

	if (!diag_line_col(d, at.from, &file, &line, &col))
		return;
	text = diag_line_text(d, at.from, &len);
	width = MAX(at.to > at.from ? at.to - at.from : 1, 1u);
	if (col - 1 > 120)
		start = col - 1 - 60;
	len = MIN(len, start + 200);
	for (u32 i = start; i < len; i++)
		buf_putc(out, text[i] && ((u8)text[i] >= ' ' || text[i] == '\t') ? text[i] : '?');
	buf_putc(out, '\n');
	for (u32 i = start; i + 1 < col; i++)
		buf_putc(out, i < len && text[i] == '\t' ? '\t' : ' ');
	for (u32 i = 0; i < width && (i == 0 || col - 1 + i < len); i++)
		buf_putc(out, '~');
	buf_putc(out, '\n');
}

static int
by_place(const void *a, const void *b)
{
	const Item *x = a, *y = b;

	if (x->at.from != y->at.from)
		return x->at.from < y->at.from ? -1 : 1;
	return x->order < y->order ? -1 : 1;
}

static void
show(const Diag *d, const Item *it, Buf *out, bool color)
{
	const char *word = it->warning ? "WARNING" : "ERROR";
	const char *on = !color ? "" : it->warning ? "\033[1;33m" : "\033[1;31m", *off = color ? "\033[0m" : "";

	if (it->at.from) {
		diag_where(d, it->at, out);
		buf_puts(out, ": ");
	}
	buf_printf(out, "%s%s: %s%s", on, word, it->text, off);
	if (!d->no_tags)
		buf_printf(out, " [%s]", rows[it->tag].name);
	buf_putc(out, '\n');
	show_line(d, it->at, out);
	for (u32 i = 0; i < it->notes.n; i++) {
		const Note *n = &it->notes.v[i];

		if (n->hint) {
			buf_printf(out, "HINT: %s\n", n->text);
			continue;
		}
		diag_where(d, n->at, out);
		buf_printf(out, ": %s: %s\n", n->from ? word : "NOTE", n->text);
		show_line(d, n->at, out);
	}
}

void
diag_print(Diag *d, Buf *out, bool color)
{
	if (d->items.n > 1)
		qsort(d->items.v, d->items.n, sizeof(Item), by_place);
	for (u32 i = 0; i < d->items.n; i++)
		show(d, &d->items.v[i], out, color);
	if (d->unkept)
		buf_printf(out, "ERROR: and %u more\n", d->unkept);
	d->items.n = 0;
	d->unkept = 0;
	d->last_kept = false;
}

/* Edit distance with early end; both at most 63 characters, else it counts as far. */
static u32
distance(const char *a, const char *b)
{
	size_t n = strlen(a), m = strlen(b);
	u32 row[64];

	if (n > 63 || m > 63)
		return 99;
	for (u32 j = 0; j <= m; j++)
		row[j] = j;
	for (u32 i = 1; i <= n; i++) {
		u32 diagonal = row[0];

		row[0] = i;
		for (u32 j = 1; j <= m; j++) {
			u32 up = row[j], best = diagonal + (a[i - 1] != b[j - 1]);

			best = MIN(best, MIN(up, row[j - 1]) + 1);
			diagonal = up;
			row[j] = best;
		}
	}
	return row[m];
}

const char *
base_nearest(const char *seen, const char *const *words, u32 n)
{
	u32 best = (u32)strlen(seen) / 3 + 1;
	const char *found = NULL;

	for (u32 i = 0; i < n; i++) {
		u32 dist = distance(seen, words[i]);

		if (dist < best) {
			best = dist;
			found = words[i];
		}
	}
	return found;
}
