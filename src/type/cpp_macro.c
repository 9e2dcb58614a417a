/* cpp_macro: macros expanded. A macro is not expanded while its own expansion is read, which is what the standard's rules
 * come to. Macros that stand for numbers are evaluated when somebody asks. */
#include "type/cpp.h"

Macro *
cpp_find_macro(Cpp *c, const char *p, size_t n)
{
	Macro *m = map_get(&c->macros, p, n);

	/* Asked for by scripts that bring types of their own where there is no BTF. */
	if (!m && n == 17 && !memcmp(p, "BPFTRACE_HAVE_BTF", 17) && type_has_btf(c->ts)) {
		m = NEW(c->a, Macro);
		m->name = "BPFTRACE_HAVE_BTF";
		VEC_PUSH(c->a, &m->body, ((CTok){ .kind = CT_NUM, .p = "1", .n = 1 }));
		map_set(&c->macros, p, n, m);
	}
	return m && !m->gone ? m : NULL;
}

static void
push(Cpp *c, const CTok *t, u32 n, Macro *m)
{
	Context *x = NEW(c->a, Context);

	*x = (Context){ t, n, 0, m, c->ctx };
	c->ctx = x;
}

/* "a ## b": one token of both texts. */
static CTok
paste(Cpp *c, const CTok *a, const CTok *b)
{
	char *text = arena_printf(c->a, "%.*s%.*s", (int)a->n, a->p, (int)b->n, b->p);
	Source s = { .p = text, .end = text + strlen(text), .text = text };
	CTok t = cpp_lex(&s);

	t.space = a->space;
	t.bol = false;
	t.pos = a->pos;
	return t;
}

static CTok
stringize(Cpp *c, const CTokens *arg)
{
	Buf b = { 0 };
	CTok t = { .kind = CT_STR };

	buf_putc(&b, '"');
	for (u32 i = 0; i < arg->n; i++) {
		const CTok *x = &arg->v[i];

		if (i && x->space)
			buf_putc(&b, ' ');
		for (u32 k = 0; k < x->n; k++) {
			if ((x->kind == CT_STR || x->kind == CT_CHAR) && (x->p[k] == '"' || x->p[k] == '\\'))
				buf_putc(&b, '\\');
			buf_putc(&b, x->p[k]);
		}
	}
	buf_putc(&b, '"');
	t.p = arena_str(c->a, b.p, b.n);
	t.n = (u32)b.n;
	buf_free(&b);
	return t;
}

static s32
param_index(const Macro *m, const CTok *t)
{
	for (u32 i = 0; i < m->params.n; i++)
		if (c_is(t, m->params.v[i]))
			return (s32)i;
	return -1;
}

void
cpp_append(Cpp *c, CTokens *out, const CTok *t, u32 n)
{
	for (u32 i = 0; i < n; i++)
		VEC_PUSH(c->a, out, t[i]);
	c->produced += n;
	if (c->produced > MAX_TOKENS)
		c->stopped = true;
}

/* The body with the arguments in the places of the parameters. */
static void
substitute(Cpp *c, const Macro *m, const CTokens *args, CTokens *out)
{
	CTokens expanded[64] = { { 0 } };
	bool done[64] = { false };

	for (u32 i = 0; i < m->body.n && !c->stopped; i++) {
		const CTok *t = &m->body.v[i];
		bool pasted = i + 1 < m->body.n && c_is(t + 1, "##"), after = i && c_is(t - 1, "##");
		s32 k = m->function ? param_index(m, t) : -1;
		u32 before = out->n;

		if (c_is(t, "##") && i && i + 1 < m->body.n)
			continue;
		if (m->function && c_is(t, "#") && i + 1 < m->body.n && param_index(m, t + 1) >= 0) {
			CTok s = stringize(c, &args[param_index(m, t + 1)]);

			cpp_append(c, out, &s, 1);
			i++;
			continue;
		}
		if (k < 0) {
			cpp_append(c, out, t, 1);
		} else if (pasted || after) {
			cpp_append(c, out, args[k].v, args[k].n);
		} else {
			if (!done[k])
				cpp_expand_list(c, args[k].v, args[k].n, &expanded[k]);
			done[k] = true;
			cpp_append(c, out, expanded[k].v, expanded[k].n);
		}
		if (after && before && out->n > before) {
			/* ", ## __VA_ARGS__" keeps the comma; anything else becomes one token. */
			if (c_is(&out->v[before - 1], ",") && k >= 0)
				continue;
			out->v[before - 1] = paste(c, &out->v[before - 1], &out->v[before]);
			memmove(&out->v[before], &out->v[before + 1], (out->n - before - 1) * sizeof(CTok));
			out->n--;
		} else if (after && before && k >= 0 && c_is(&out->v[before - 1], ",") && m->variadic) {
			out->n--;               /* no arguments: the comma goes, too */
		}
	}
}

/* Reads "( a, b )" behind a macro's name. false: it is not called here; *back is what stood there. */
static bool
arguments(Cpp *c, Macro *m, CTokens *args, CTok *back)
{
	u32 depth = 0, k = 0;
	CTok t = cpp_raw(c);

	if (!c_is(&t, "(")) {
		*back = t;
		return false;
	}
	for (;;) {
		t = cpp_raw(c);
		if (t.kind == CT_EOF)
			break;
		if (c_is(&t, ")") && !depth)
			break;
		if (c_is(&t, "("))
			depth++;
		if (c_is(&t, ")"))
			depth--;
		if (c_is(&t, ",") && !depth && k + 1 < MAX(m->params.n, 1u) ) {
			k++;
			continue;
		}
		if (k < 64)
			cpp_append(c, &args[k], &t, 1);
		if (c->stopped)
			break;
	}
	return true;
}

/* The next token after expansion. */
CTok
cpp_expanded(Cpp *c)
{
	for (;;) {
		CTok t = cpp_raw(c);
		CTokens args[64], out = { 0 };
		Macro *m;
		CTok back;

		if (t.kind != CT_ID || t.fixed || c->stopped)
			return t;
		m = cpp_find_macro(c, t.p, t.n);
		if (!m)
			return t;
		if (m->busy) {
			t.fixed = true;
			return t;
		}
		memset(args, 0, sizeof(CTokens) * (m->function ? MAX(m->params.n, 1u) : 0));
		if (m->function && !arguments(c, m, args, &back)) {
			if (back.kind != CT_EOF) {
				CTok *keep = NEW(c->a, CTok);

				*keep = back;
				push(c, keep, 1, NULL);
			}
			return t;
		}
		substitute(c, m, args, &out);
		for (u32 i = 0; i < out.n; i++) {
			out.v[i].bol = false;
			if (t.pos)
				out.v[i].pos = t.pos;   /* errors show where the macro was used */
		}
		if (out.n)
			out.v[0].space = t.space, out.v[0].bol = t.bol;
		m->busy = true;
		push(c, out.v, out.n, m);
	}
}

/* Forgets what is being expanded. */
void
cpp_drop_contexts(Cpp *c)
{
	for (; c->ctx; c->ctx = c->ctx->up)
		if (c->ctx->m)
			c->ctx->m->busy = false;
}

/* Expands a list by itself, away from what is being read. */
void
cpp_expand_list(Cpp *c, const CTok *t, u32 n, CTokens *out)
{
	Context *ctx = c->ctx;
	Source *src = c->src;
	static u32 nesting;

	if (nesting > 100) {
		cpp_append(c, out, t, n);
		return;
	}
	nesting++;
	c->ctx = NULL;
	c->src = NULL;
	push(c, t, n, NULL);
	for (;;) {
		CTok x = cpp_expanded(c);

		if (x.kind == CT_EOF)
			break;
		cpp_append(c, out, &x, 1);
		if (c->stopped)
			break;
	}
	cpp_drop_contexts(c);
	c->ctx = ctx;
	c->src = src;
	nesting--;
}

/* ---- the outside ---- */

bool
cpp_macro(Types *ts, const char *name, CTokens *out)
{
	Cpp *c = ts->cpp;
	Macro *m = c ? cpp_find_macro(c, name, strlen(name)) : NULL;
	CTok t = { .kind = CT_ID, .p = name, .n = (u32)strlen(name) };

	if (!m || m->function)
		return false;
	c->stopped = false;
	c->produced = 0;
	cpp_expand_list(c, &t, 1, out);
	VEC_PUSH(c->a, out, ((CTok){ 0 }));
	return !c->stopped;
}

bool
cpp_call(Types *ts, const char *name, const char *text, u32 n, CTokens *out)
{
	Cpp *c = ts->cpp;
	Macro *m = c ? cpp_find_macro(c, name, strlen(name)) : NULL;
	Source s = { .p = text, .end = text + n, .text = text };
	CTokens given = { 0 };
	CTok t;

	if (!m || !m->function)
		return false;
	while ((t = cpp_lex(&s)).kind != CT_EOF)
		VEC_PUSH(c->a, &given, t);
	c->stopped = false;
	c->produced = 0;
	cpp_expand_list(c, given.v, given.n, out);
	VEC_PUSH(c->a, out, ((CTok){ 0 }));
	return !c->stopped;
}
