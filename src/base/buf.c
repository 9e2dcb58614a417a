/* buf: a growing byte buffer on the heap. */
#include "base/base.h"

#include <stdio.h>
#include <stdlib.h>

void *
buf_space(Buf *b, size_t n)
{
	if (b->cap - b->n <= n || !b->p) {
		size_t cap = MAX(b->cap * 2, b->n + n + 64);

		b->p = realloc(b->p, cap);
		if (!b->p)
			die("out of memory (%zu bytes)", cap);
		b->cap = cap;
	}
	return b->p + b->n;
}

void
buf_put(Buf *b, const void *p, size_t n)
{
	char *to = buf_space(b, n);

	if (n)                          /* p may be NULL for nothing */
		memcpy(to, p, n);
	b->n += n;
	b->p[b->n] = 0;
}

void
buf_putc(Buf *b, char c)
{
	buf_put(b, &c, 1);
}

void
buf_puts(Buf *b, const char *s)
{
	buf_put(b, s, strlen(s));
}

void
buf_vprintf(Buf *b, const char *fmt, va_list ap)
{
	va_list again;
	int n;

	va_copy(again, ap);
	buf_space(b, 128);
	n = vsnprintf(b->p + b->n, b->cap - b->n, fmt, ap);
	if ((size_t)n >= b->cap - b->n) {
		buf_space(b, (size_t)n + 1);
		vsnprintf(b->p + b->n, b->cap - b->n, fmt, again);
	}
	va_end(again);
	b->n += (size_t)n;
}

void
buf_printf(Buf *b, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	buf_vprintf(b, fmt, ap);
	va_end(ap);
}

void
buf_clear(Buf *b)
{
	b->n = 0;
	if (b->p)
		b->p[0] = 0;
}

void
buf_free(Buf *b)
{
	free(b->p);
	*b = (Buf){ 0 };
}
