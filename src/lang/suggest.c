/* suggest: what somebody may have meant by a probe that is not there: the nearest name among its neighbours (the functions of the
 * module or file, the events of the subsystem), or the same event in another subsystem. */
#include "lang/comp.h"

typedef struct Names { Arena *a; Vec(const char *) last, whole; } Names;

enum { MOST = 200000 };

static int
collect(void *arg, Probe *p)
{
	Names *n = arg;

	if (p->func && p->name) {
		VEC_PUSH(n->a, &n->last, p->func);
		VEC_PUSH(n->a, &n->whole, p->name);
	}
	return n->last.n >= MOST;
}

/* The probes that a pattern stands for; what is wrong with it is nobody's business. */
static Names
find(Comp *c, const char *pattern)
{
	ProbeContext *pc = NEW(c->a, ProbeContext);     /* providers keep it */
	Names n = { .a = c->a };
	Probe *p;

	*pc = *c->pc;
	pc->d = diag_new(c->a);
	p = probe_parse(pc, pattern, strlen(pattern), (Span){ 0, 0 });
	if (p)
		probe_expand(pc, p, collect, &n);
	return n;
}

const char *
suggest_probe(Comp *c, const char *text)
{
	const char *first = strchr(text, ':'), *last = strrchr(text, ':'), *near;
	Names n;

	if (!first || !last[1] || strpbrk(last, "*[+\""))
		return NULL;
	n = find(c, arena_printf(c->a, "%.*s:*", (int)(last - text), text));
	near = n.last.n ? base_nearest(last + 1, n.last.v, n.last.n) : NULL;
	for (u32 i = 0; near && i < n.last.n; i++)
		if (!strcmp(n.last.v[i], near))
			return n.whole.v[i];
	if (first == last)
		return NULL;
	n = find(c, arena_printf(c->a, "%.*s:*%s", (int)(first - text), text, last));
	return n.whole.n ? n.whole.v[0] : NULL;
}
