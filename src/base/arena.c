/* arena: memory that is given back all at once. Blocks double in size; a mark names a place in one. */
#include "base/base.h"

#include <stdio.h>
#include <stdlib.h>

typedef struct Block Block;
struct Block {
	Block *prev;
	size_t used, size;
	_Alignas(16) u8 data[];
};

struct Arena {
	Block *top;
};

enum { FIRST = 16 * 1024, LARGEST = 1024 * 1024 };

static Block *
block_new(Block *prev, size_t need)
{
	size_t size = prev ? MIN(prev->size * 2, (size_t)LARGEST) : FIRST;
	Block *b;

	if (size < need)
		size = need;
	b = malloc(sizeof(Block) + size);
	if (!b)
		die("out of memory (%zu bytes)", need);
	b->prev = prev;
	b->used = 0;
	b->size = size;
	return b;
}

Arena *
arena_new(void)
{
	Arena *a = malloc(sizeof(*a));

	if (!a)
		die("out of memory");
	a->top = NULL;
	return a;
}

void
arena_free(Arena *a)
{
	if (!a)
		return;
	arena_release(a, (Mark){ NULL, 0 });
	free(a);
}

void *
arena_alloc(Arena *a, size_t n)
{
	Block *b = a->top;
	void *p;

	if (n > SIZE_MAX / 2)
		die("out of memory (%zu bytes)", n);
	n = ALIGN(n, 16);
	if (!b || b->size - b->used < n)
		b = a->top = block_new(b, n);
	p = b->data + b->used;
	b->used += n;
	return memset(p, 0, n);
}

Mark
arena_mark(Arena *a)
{
	return (Mark){ a->top, a->top ? a->top->used : 0 };
}

void
arena_release(Arena *a, Mark m)
{
	while (a->top && a->top != m.block) {
		Block *b = a->top;

		a->top = b->prev;
		free(b);
	}
	if (a->top)
		a->top->used = m.used;
}

char *
arena_str(Arena *a, const char *s, size_t n)
{
	char *p = arena_alloc(a, n + 1);

	if (n)
		memcpy(p, s, n);
	return p;
}

char *
arena_vprintf(Arena *a, const char *fmt, va_list ap)
{
	va_list again;
	char *p;
	int n;

	va_copy(again, ap);
	n = vsnprintf(NULL, 0, fmt, ap);
	p = arena_alloc(a, (size_t)n + 1);
	vsnprintf(p, (size_t)n + 1, fmt, again);
	va_end(again);
	return p;
}

char *
arena_printf(Arena *a, const char *fmt, ...)
{
	va_list ap;
	char *p;

	va_start(ap, fmt);
	p = arena_vprintf(a, fmt, ap);
	va_end(ap);
	return p;
}
