/* kallsyms: the kernel's functions from /proc/kallsyms, "ADDRESS TYPE NAME [MODULE]" a line. Read once, at the first question;
 * the text stays in memory and the index points into it. Addresses are zeros for whom the kernel does not trust. */
#include "sym/inside.h"

#include <stdlib.h>

static u64
hex(const char **p)
{
	u64 n = 0;

	for (;; ++*p) {
		char c = **p;

		if (c >= '0' && c <= '9')
			n = n << 4 | (u64)(c - '0');
		else if (c >= 'a' && c <= 'f')
			n = n << 4 | (u64)(c - 'a' + 10);
		else
			return n;
	}
}

static bool
is_text(char type)
{
	return type == 't' || type == 'T' || type == 'w' || type == 'W';
}

/* One line at *p, which moves to the next; names get their NULs in place. false at the end or at a malformed line. */
static bool
line(char **p, KernelSym *s, const char *text)
{
	const char *at = *p;
	char *name, *end;
	char stop;

	s->addr = hex(&at);
	if (at == *p || at[0] != ' ' || !at[1] || at[2] != ' ')
		return false;
	s->type = at[1];
	name = *p + (at - *p) + 3;
	end = name + strcspn(name, " \t\n");
	stop = *end;
	s->name = (u32)(name - text);
	s->module = 0;
	if (stop)
		*end++ = 0;
	if (stop == '\t' && *end == '[') {
		s->module = (u32)(end + 1 - text);
		end += strcspn(end, "]\n");
		stop = *end;
		if (stop)
			*end++ = 0;
	}
	if (stop && stop != '\n') {
		end += strcspn(end, "\n");
		if (*end)
			end++;
	}
	*p = end;
	return true;
}

static int
by_addr(const void *a, const void *b)
{
	const KernelSym *x = a, *y = b;

	return x->addr < y->addr ? -1 : x->addr > y->addr;
}

/* The index, made at first need; false if there is nothing to read. */
bool
sym_kernel_index(Sym *s)
{
	bool sorted = true;
	char *p;

	if (s->kernel_read)
		return s->kernel_n > 0;
	s->kernel_read = true;
	if (host_read("/proc/kallsyms", &s->kernel_text))
		return false;
	s->kernel = malloc((s->kernel_text.n / 24 + 1) * sizeof(KernelSym));
	p = s->kernel_text.p;
	for (u32 max = (u32)(s->kernel_text.n / 24); s->kernel && s->kernel_n < max && *p; ) {
		KernelSym *k = &s->kernel[s->kernel_n];

		if (!line(&p, k, s->kernel_text.p))
			break;
		sorted &= !s->kernel_n || k[-1].addr <= k->addr;
		s->kernel_n++;
	}
	if (!sorted)
		qsort(s->kernel, s->kernel_n, sizeof(KernelSym), by_addr);
	return s->kernel_n > 0;
}

bool
sym_kernel(Sym *s, u64 addr, SymName *out)
{
	u32 lo = 0, hi;

	if (!sym_kernel_index(s) || addr < s->kernel[0].addr || !s->kernel[s->kernel_n - 1].addr)
		return false;
	for (hi = s->kernel_n; hi - lo > 1; ) {
		u32 mid = (lo + hi) / 2;

		if (s->kernel[mid].addr <= addr)
			lo = mid;
		else
			hi = mid;
	}
	/* Several names at one address: the first text symbol speaks for it. */
	while (lo && s->kernel[lo - 1].addr == s->kernel[lo].addr && is_text(s->kernel[lo - 1].type))
		lo--;
	*out = (SymName){ s->kernel_text.p + s->kernel[lo].name, addr - s->kernel[lo].addr,
			  s->kernel[lo].module ? s->kernel_text.p + s->kernel[lo].module : NULL };
	return true;
}

u64
sym_kernel_addr(Sym *s, const char *name)
{
	if (sym_kernel_index(s))
		for (u32 i = 0; i < s->kernel_n; i++)
			if (!strcmp(s->kernel_text.p + s->kernel[i].name, name))
				return s->kernel[i].addr;
	return 0;
}

int
sym_kernel_each(Sym *s, const char *pat, int (*fn)(void *, const char *name, const char *module), void *arg)
{
	size_t n = strlen(pat);
	int stop = 0;

	if (!sym_kernel_index(s))
		return -ENOENT;
	for (u32 i = 0; i < s->kernel_n && !stop; i++) {
		const KernelSym *k = &s->kernel[i];
		const char *name = s->kernel_text.p + k->name;

		if (is_text(k->type) && base_glob(pat, n, name, strlen(name)))
			stop = fn(arg, name, k->module ? s->kernel_text.p + k->module : NULL);
	}
	return stop;
}
