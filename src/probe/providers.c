/* providers: the table of providers, and what they have in common: names, attach points as written, listing. */
#include "probe/inside.h"

#include <ctype.h>
#include <pthread.h>
#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static const Provider *const all[] = {
#define PROVIDER(symbol) &symbol,
#include "probe/providers.def"
#undef PROVIDER
	NULL
};
enum { N_PROVIDER = COUNT(all) - 1 };

const Provider *
probe_next(const Provider *prev)
{
	for (u32 i = 0; prev && i < N_PROVIDER; i++)
		if (all[i] == prev)
			return all[i + 1];
	return prev ? NULL : all[0];
}

/* One of the words of a list "kr kretfunc". */
static bool
listed(const char *list, const char *name, size_t n, bool any_case)
{
	for (const char *w = list; w && *w; w += strspn(w, " ")) {
		size_t len = strcspn(w, " ");

		if (len == n && (any_case ? !strncasecmp(w, name, n) : !strncmp(w, name, n)))
			return true;
		w += len;
	}
	return false;
}

const Provider *
probe_find(const char *name, size_t n)
{
	for (u32 i = 0; i < N_PROVIDER; i++)            /* "u" and "U" are two */
		if (listed(all[i]->alias, name, n, false))
			return all[i];
	for (u32 i = 0; i < N_PROVIDER; i++)
		if (listed(all[i]->name, name, n, true) || listed(all[i]->alias, name, n, true))
			return all[i];
	return NULL;
}

/* ---- helpers of providers ---- */

Probe *
probe_new(ProbeContext *pc, const Probe *from)
{
	Probe *p = NEW(pc->a, Probe);

	*p = *from;
	p->has_glob = false;
	p->fds = NULL;
	p->n_fds = 0;
	return p;
}

void
probe_keep_fd(ProbeContext *pc, Probe *p, int fd)
{
	if (!(p->n_fds & (p->n_fds - 1))) {             /* room doubles at powers of two */
		int *more = NEW_N(pc->a, int, MAX(2 * p->n_fds, 1u));

		if (p->n_fds)
			memcpy(more, p->fds, p->n_fds * sizeof(int));
		p->fds = more;
	}
	p->fds[p->n_fds++] = fd;
}

void
probe_detach(Probe *p)
{
	if (p->prov->detach)
		p->prov->detach(p);
	for (u32 i = 0; i < p->n_fds; i++)
		if (p->fds[i] >= 0)
			close(p->fds[i]);
	p->n_fds = 0;
}

typedef struct Closing { int *fds; u32 n, next; } Closing;

static void *
close_some(void *arg)
{
	Closing *c = arg;

	for (u32 i; (i = __atomic_fetch_add(&c->next, 1, __ATOMIC_RELAXED)) < c->n; )
		close(c->fds[i]);
	return NULL;
}

void
probe_detach_all(Probe *const *p, u32 n)
{
	enum { THREADS = 16, ENOUGH = 8 };
	Closing c = { 0 };
	pthread_t thread[THREADS];
	u32 started = 0;

	for (u32 i = 0; i < n; i++)
		c.n += p[i]->n_fds;
	c.fds = c.n > ENOUGH ? malloc(c.n * sizeof(int)) : NULL;
	if (!c.fds) {
		for (u32 i = 0; i < n; i++)
			probe_detach(p[i]);
		return;
	}
	c.n = 0;
	for (u32 i = 0; i < n; i++) {
		if (p[i]->prov->detach)
			p[i]->prov->detach(p[i]);
		for (u32 j = 0; j < p[i]->n_fds; j++)
			c.fds[c.n++] = p[i]->fds[j];
		p[i]->n_fds = 0;
	}
	while (started < MIN(c.n / 4, (u32)THREADS) && !pthread_create(&thread[started], NULL, close_some, &c))
		started++;
	close_some(&c);
	while (started)
		pthread_join(thread[--started], NULL);
	free(c.fds);
}

bool
probe_stopped(const ProbeContext *pc)
{
	return pc->stop && *pc->stop;
}

bool
probe_number(const char *s, u64 *n)
{
	char digits[32], *end;
	u32 len = 0;
	unsigned long scale = 0;

	for (; *s && len < sizeof(digits) - 1; s++)
		if (*s != '_')
			digits[len++] = *s;
	digits[len] = 0;
	if (*s || !isdigit((u8)digits[0]))
		return false;
	errno = 0;
	*n = strtoull(digits, &end, 0);
	if (errno)
		return false;
	if (*end == 'e' && isdigit((u8)end[1]))
		scale = strtoul(end + 1, &end, 10);
	for (; scale; scale--)
		if (scale > 19 || __builtin_mul_overflow(*n, 10, n))
			return false;
	return !*end;
}

bool
probe_bad(ProbeContext *pc, const Probe *p, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	diag_verr(pc->d, false, p->at, E_PROBE, fmt, ap);
	va_end(ap);
	if (p->prov->usage)
		diag_hint(pc->d, "the forms are: %s", p->prov->usage);
	return false;
}

int
probe_expand_one(ProbeContext *pc, const Probe *p, ProbeFn *fn, void *arg)
{
	fn(arg, probe_new(pc, p));
	return 1;
}

int
probe_each(ProbeContext *pc, Probe **p, u32 n, u32 *failed, int (*attach)(ProbeContext *, Probe *, int), int prog_fd)
{
	for (u32 i = 0; i < n; i++) {
		int err = probe_stopped(pc) ? -EINTR : attach(pc, p[i], prog_fd);

		if (err < 0) {
			*failed = i;
			return err;
		}
	}
	return 0;
}

const Type *
probe_no_value(ProbeContext *pc, const Probe *p, const char *name, const char **why)
{
	(void)p;
	if (!strcmp(name, "ctx"))
		return type_ptr(pc->types, &ty_none, AS_KERNEL);
	*why = "this kind of probe has no such value";
	return NULL;
}

Ref
probe_no_load(ProbeContext *pc, const Probe *p, Fn *fn, const char *name, u32 field)
{
	(void)pc, (void)p, (void)name, (void)field;
	return ir_ctx(fn);
}

const Type *
probe_no_args(ProbeContext *pc, const Probe *p, const char **why)
{
	(void)pc, (void)p;
	*why = "this kind of probe has no arguments";
	return NULL;
}

static int
by_name(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

void
probe_names_sort(ProbeNames *n)
{
	u32 kept = 0;

	if (n->v.n)
		qsort(n->v.v, n->v.n, sizeof(n->v.v[0]), by_name);
	for (u32 i = 0; i < n->v.n; i++)
		if (!kept || strcmp(n->v.v[kept - 1], n->v.v[i]))
			n->v.v[kept++] = n->v.v[i];
	n->v.n = kept;
}

/* ---- attach points as written ---- */

#define MAX_PARTS 8

/* Splits at colons outside of quotes; quotes are dropped, inside of them a backslash keeps what follows. Parts are interned.
 * Number of parts, 0: too many. */
static u32
split(const char *text, size_t n, const char **part)
{
	Buf b = { 0 };
	u32 parts = 0;
	bool inside = false;

	for (size_t i = 0; i <= n; i++) {
		if (inside && i + 1 < n && text[i] == '\\') {
			buf_putc(&b, text[++i]);
		} else if (i < n && text[i] == '"') {
			inside = !inside;
		} else if (i < n && (inside || text[i] != ':')) {
			buf_putc(&b, text[i]);
		} else if (parts == MAX_PARTS) {
			parts = 0;
			break;
		} else {
			part[parts++] = intern(b.p ? b.p : "", b.n);
			buf_clear(&b);
		}
	}
	buf_free(&b);
	return parts;
}

static void
unknown_provider(ProbeContext *pc, const char *name, Span at)
{
	const char *words[N_PROVIDER], *near;

	for (u32 i = 0; i < N_PROVIDER; i++)
		words[i] = all[i]->name;
	diag_err(pc->d, at, E_PROVIDER, "Invalid probe type: %s", name);
	near = base_nearest(name, words, N_PROVIDER);
	if (near)
		diag_hint(pc->d, "did you mean '%s'?", near);
}

Probe *
probe_parse(ProbeContext *pc, const char *text, size_t n, Span at)
{
	const char *part[MAX_PARTS];
	u32 parts = split(text, n, part);
	Probe *p = NEW(pc->a, Probe);

	if (!parts) {
		diag_err(pc->d, at, E_PROBE, "a probe has at most %d parts between colons", MAX_PARTS);
		return NULL;
	}
	p->at = at;
	p->prov = probe_find(part[0], strlen(part[0]));
	if (!p->prov) {
		unknown_provider(pc, part[0], at);
		return NULL;
	}
	p->name = intern(text, n);
	return p->prov->parse(pc, part + 1, parts - 1, p) ? p : NULL;
}

typedef struct Filtered { ProbeFn *fn; void *arg; regex_t re; int n; } Filtered;

static int
filtered(void *arg, Probe *p)
{
	Filtered *f = arg;

	if (regexec(&f->re, p->name, 0, NULL, 0))
		return 0;
	f->n++;
	return f->fn(f->arg, p);
}

static bool
has_feature(ProbeContext *pc, const Provider *prov)
{
	if (prov->feature == N_FEATURE || (prov->when != PW_EVENT && prov->when != PW_READ))
		return true;
	return !pc->machine || strcmp(pc->machine->ops->name, "kernel") || pc->has(pc->machine, prov->feature);
}

const char *
probe_lacks(const Probe *p)
{
	static const char *const words[] = {
#define FEATURE(id, name, words) words,
#include "bpf/features.def"
#undef FEATURE
	};
	return words[p->prov->feature];
}

int
probe_expand(ProbeContext *pc, const Probe *p, ProbeFn *fn, void *arg)
{
	Filtered f = { fn, arg, .n = 0 };
	int n;

	if (!has_feature(pc, p->prov))
		return -EOPNOTSUPP;
	if (!pc->probe_filter || p->prov->when != PW_EVENT)
		return p->prov->expand(pc, p, fn, arg);
	if (regcomp(&f.re, pc->probe_filter, REG_EXTENDED | REG_NOSUB))
		return -EINVAL;
	n = p->prov->expand(pc, p, filtered, &f);
	regfree(&f.re);
	return n < 0 ? n : f.n;
}

/* ---- listing ---- */

typedef struct Listing { ProbeContext *pc; bool args; Buf *out; int n; const char *glob; } Listing;

static void
put_fields(Listing *l, const Type *args)
{
	u32 n;
	const Field *f = type_fields(l->pc->types, args, &n);

	for (u32 i = 0; i < n; i++) {
		if (!f[i].name || !strncmp(f[i].name, "common_", 7))
			continue;
		buf_puts(l->out, "    ");
		type_name(f[i].type, l->out);
		buf_printf(l->out, " %s\n", f[i].name);
	}
}

static int
list_one(void *arg, Probe *p)
{
	Listing *l = arg;
	const char *why = NULL;

	size_t n = strlen(p->name);

	/* "hardware:cycles" is listed as "hardware:cycles:", since a count may follow. */
	if (l->glob && !base_glob(l->glob, strlen(l->glob), p->name, n) &&
	    !(n && p->name[n - 1] == ':' && base_glob(l->glob, strlen(l->glob), p->name, n - 1)))
		return 0;
	l->n++;
	buf_printf(l->out, "%s\n", p->name);
	if (l->args && p->prov->list_args) {
		p->prov->list_args(l->pc, p, l->out);
	} else if (l->args) {
		const Type *t = p->prov->args(l->pc, p, &why);

		if (t)
			put_fields(l, t);
	}
	return probe_stopped(l->pc);
}

/* What provider:rest means; files' providers are asked only about files. */
static void
list_pattern(Listing *l, const Provider *prov, const char *rest)
{
	const char *text = arena_printf(l->pc->a, "%s:%s", prov->name, rest);
	Probe *p = probe_parse(l->pc, text, strlen(text), (Span){ 0 });

	if (p)
		p->prov->expand(l->pc, p, list_one, l);
}

/* All of one provider, as far as that can be enumerated: for those of files, the files of a process. */
static void
list_provider(Listing *l, const Provider *prov)
{
	const char *part[2] = { "*", "*" };
	Probe p = { .prov = prov };
	u32 parts = prov->parts ? prov->parts : prov->of_files && l->pc->pid > 0 ? 2 : 0;

	if (prov->list)
		prov->list(l->pc, list_one, l);
	else if (parts && prov->parse(l->pc, part, parts, &p))
		prov->expand(l->pc, &p, list_one, l);
}

int
probe_list(ProbeContext *pc, const char *pattern, bool args, Buf *out)
{
	const char *colon = strchr(pattern, ':'), *rest = colon ? colon + 1 : NULL, *last = strrchr(pattern, ':');
	size_t n = colon ? (size_t)(colon - pattern) : strlen(pattern);
	Listing l = { pc, args, out, 0, NULL };
	const Provider *one = base_has_glob(pattern, n) ? NULL : probe_find(pattern, n);

	/* "interval:ms:10": how often is no part of what is listed. */
	if (one && !one->of_files && last != colon && last[1] && !last[1 + strspn(last + 1, "0123456789")]) {
		pattern = arena_printf(pc->a, "%.*s*", (int)(last + 1 - pattern), pattern);
		rest = pattern + n + 1;
	}

	if (rest && (!*rest || !strcmp(rest, "*") || !strcmp(rest, "*:*")))
		rest = NULL;
	if (one && rest && !one->list) {
		list_pattern(&l, one, rest);
		return l.n;
	}
	if (!one && !base_has_glob(pattern, n) && colon) {
		unknown_provider(pc, intern(pattern, n), (Span){ 0 });
		return 0;
	}
	if (!one && !colon && strcmp(pattern, "*")) {   /* a piece of a name: looked for everywhere */
		l.glob = arena_printf(pc->a, "*:%s", pattern);
	} else if (rest) {
		l.glob = one ? arena_printf(pc->a, "%s:%s", one->name, rest) : pattern;
	}
	bool everything = !one && n == 1 && *pattern == '*';

	for (u32 i = 0; i < N_PROVIDER; i++) {
		if (everything && (all[i]->is_return || !has_feature(pc, all[i])))
			continue;
		if (one ? all[i] != one : (!l.glob || colon) && !base_glob(pattern, n, all[i]->name, strlen(all[i]->name)))
			continue;
		if (rest && strchr(rest, '/')) {                /* "*:./program:*" */
			l.glob = NULL;
			if (all[i]->of_files)
				list_pattern(&l, all[i], rest);
		} else {
			list_provider(&l, all[i]);
		}
	}
	return l.n;
}
