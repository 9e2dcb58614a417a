/* cpp: a small C preprocessor: #include, #define with and without parameters, # and ##, conditionals. Here lines that are
 * directives are obeyed; what stays is read through the macros (cpp_macro.c). */
#include "type/cpp.h"

void
cpp_complain(Cpp *c, u32 pos, u32 n, const char *fmt, ...)
{
	va_list ap;

	if (!c->d || !pos)
		return;                 /* what is wrong inside a system's header is not the user's fault */
	va_start(ap, fmt);
	diag_verr(c->d, false, (Span){ pos, pos + n }, E_CPP, fmt, ap);
	va_end(ap);
}

void
cpp_open_source(Cpp *c, const char *name, const char *text, size_t n, u32 base)
{
	Source *s = NEW(c->a, Source);

	*s = (Source){ text, text + n, name, base, text, true, c->conds.n, c->src };
	c->src = s;
	c->depth++;
}

/* ---- directives ---- */

/* The rest of the line, unexpanded. */
static void
rest_of_line(Cpp *c, CTokens *line)
{
	for (;;) {
		Source s = *c->src;
		CTok t = cpp_lex(&s);

		if (t.kind == CT_EOF || t.bol)
			return;                 /* stays unread, with its beginning of a line */
		*c->src = s;
		VEC_PUSH(c->a, line, t);
	}
}

static void
define(Cpp *c, const CTokens *line, u32 pos)
{
	Macro *m = NEW(c->a, Macro);
	u32 i = 1;

	if (!line->n || line->v[0].kind != CT_ID) {
		cpp_complain(c, pos, 1, "#define needs a name");
		return;
	}
	m->name = arena_str(c->a, line->v[0].p, line->v[0].n);
	if (i < line->n && c_is(&line->v[i], "(") && !line->v[i].space) {
		m->function = true;
		for (i++; i < line->n && !c_is(&line->v[i], ")"); i++) {
			const CTok *t = &line->v[i];

			if (c_is(t, ","))
				continue;
			m->variadic |= c_is(t, "...");
			if (c_is(t, "...") && i > 2 && line->v[i - 1].kind == CT_ID)
				continue;       /* "args...": the named one takes all */
			if (m->params.n == 63 || (t->kind != CT_ID && !c_is(t, "..."))) {
				cpp_complain(c, t->pos, t->n, "a macro's parameter must be a name");
				return;
			}
			VEC_PUSH(c->a, &m->params, c_is(t, "...") ? "__VA_ARGS__" : arena_str(c->a, t->p, t->n));
		}
		i++;
	}
	for (; i < line->n; i++)
		VEC_PUSH(c->a, &m->body, line->v[i]);
	map_set(&c->macros, m->name, strlen(m->name), m);
}

/* defined X, defined(X), __has_include(<x>) become 0 or 1, before expansion. */
static void
asked(Cpp *c, const CTokens *line, CTokens *out)
{
	static const CTok yes = { .kind = CT_NUM, .p = "1", .n = 1 }, no = { .kind = CT_NUM, .p = "0", .n = 1 };

	for (u32 i = 0; i < line->n; i++) {
		const CTok *t = &line->v[i];

		if (c_is(t, "defined")) {
			bool paren = i + 1 < line->n && c_is(t + 1, "(");
			const CTok *name = t + 1 + paren;

			if (i + 1 + paren < line->n && name->kind == CT_ID) {
				VEC_PUSH(c->a, out, cpp_find_macro(c, name->p, name->n) ? yes : no);
				i += 1 + paren + paren;
				continue;
			}
		} else if ((c_is(t, "__has_include") || c_is(t, "__has_attribute") || c_is(t, "__has_builtin") ||
		    c_is(t, "__has_feature") || c_is(t, "__has_c_attribute")) && i + 1 < line->n && c_is(t + 1, "(")) {
			u32 depth = 0;

			do {
				depth += c_is(&line->v[i + 1], "(");
				depth -= c_is(&line->v[i + 1], ")");
				i++;
			} while (depth && i + 1 < line->n);
			VEC_PUSH(c->a, out, no);
			continue;
		}
		VEC_PUSH(c->a, out, *t);
	}
}

static bool
condition(Cpp *c, const CTokens *line, u32 pos)
{
	CTokens plain = { 0 }, out = { 0 };
	CParse p = { .ts = c->ts, .d = c->d, .pp = true };
	CValue v;

	asked(c, line, &plain);
	cpp_expand_list(c, plain.v, plain.n, &out);
	VEC_PUSH(c->a, &out, ((CTok){ 0 }));
	p.t = out.v;
	v = c_expr(&p);
	if (p.failed || out.v[p.i].kind != CT_EOF) {
		cpp_complain(c, pos, 1, "the condition of #if is no integer expression");
		return false;
	}
	return v.v != 0;
}

static void
open_if(Cpp *c, bool on)
{
	bool outer = !c->conds.n || c->conds.v[c->conds.n - 1].on;

	VEC_PUSH(c->a, &c->conds, ((Cond){ outer && on, on, outer }));
}

static void
directive(Cpp *c, const CTok *hash)
{
	CTokens line = { 0 };
	bool on = !c->conds.n || c->conds.v[c->conds.n - 1].on;
	u32 pos = hash->pos, floor = c->src->conds;
	Cond *top;
	CTok word;

	rest_of_line(c, &line);
	if (!line.n)
		return;
	word = line.v[0];
	line.v++;
	line.n--;
	line.cap = line.n;
	top = c->conds.n > floor ? &c->conds.v[c->conds.n - 1] : NULL;
	if (c_is(&word, "if")) {
		open_if(c, on && condition(c, &line, pos));
	} else if (c_is(&word, "ifdef") || c_is(&word, "ifndef")) {
		bool is = on && line.n && cpp_find_macro(c, line.v[0].p, line.v[0].n);

		open_if(c, c_is(&word, "ifdef") ? is : !is);
	} else if (c_is(&word, "elif") || c_is(&word, "else")) {
		if (!top) {
			cpp_complain(c, pos, word.n + 1, "#%.*s without #if", (int)word.n, word.p);
			return;
		}
		top->on = top->outer && !top->done && (c_is(&word, "else") || condition(c, &line, pos));
		top->done |= top->on;
	} else if (c_is(&word, "endif")) {
		if (!top)
			cpp_complain(c, pos, 6, "#endif without #if");
		else
			c->conds.n--;
	} else if (!on) {
		return;
	} else if (c_is(&word, "define")) {
		define(c, &line, pos);
	} else if (c_is(&word, "undef")) {
		Macro *m = line.n ? cpp_find_macro(c, line.v[0].p, line.v[0].n) : NULL;

		if (m)
			m->gone = true;
	} else if (c_is(&word, "include") || c_is(&word, "include_next") || c_is(&word, "import")) {
		cpp_include(c, &line, pos);
	} else if (c_is(&word, "pragma")) {
		if (line.n && c_is(&line.v[0], "once") && c->src->name)
			map_set(&c->once, c->src->name, strlen(c->src->name), c);
	} else if (c_is(&word, "error")) {
		const char *from = line.n ? line.v[0].p : "", *to = line.n ? line.v[line.n - 1].p + line.v[line.n - 1].n : from;

		cpp_complain(c, pos, 6, "#error %.*s", (int)(to - from), from);
	} else if (!c_is(&word, "warning") && !c_is(&word, "line") && !c_is(&word, "ident") && word.kind != CT_NUM) {
		cpp_complain(c, word.pos, word.n, "unknown directive '#%.*s'", (int)word.n, word.p);
	}
}

/* ---- reading ---- */

/* The next token before expansion. Lines that are directives are obeyed and left out. */
CTok
cpp_raw(Cpp *c)
{
	for (;;) {
		CTok t;

		if (c->ctx) {
			Context *x = c->ctx;

			if (x->i < x->n)
				return x->t[x->i++];
			if (x->m)
				x->m->busy = false;
			c->ctx = x->up;
			continue;
		}
		if (!c->src || c->stopped)
			return (CTok){ 0 };
		t = cpp_lex(c->src);
		if (t.kind == CT_EOF) {
			Source *s = c->src;

			if (c->conds.n > s->conds) {
				cpp_complain(c, s->base, 1, "#if without #endif");
				c->conds.n = s->conds;
			}
			c->src = s->up;
			c->depth--;
			if (!c->src)
				return t;
			continue;
		}
		if (t.bol && c_is(&t, "#")) {
			directive(c, &t);
			continue;
		}
		if (c->conds.n && !c->conds.v[c->conds.n - 1].on)
			continue;
		return t;
	}
}

/* ---- the outside ---- */

static const char predefined[] =
	"#define __STDC__ 1\n#define __STDC_VERSION__ 201112L\n#define __linux__ 1\n#define __linux 1\n#define __unix__ 1\n"
	"#define __LP64__ 1\n#define _LP64 1\n#define __GNUC__ 4\n#define __GNUC_MINOR__ 2\n#define __CHAR_BIT__ 8\n"
	"#define __INT_MAX__ 2147483647\n#define __LONG_MAX__ 9223372036854775807L\n#define __SIZE_TYPE__ unsigned long\n"
	"#define __PTRDIFF_TYPE__ long\n#define __WCHAR_TYPE__ int\n#define __WINT_TYPE__ unsigned int\n"
	"#define __ORDER_LITTLE_ENDIAN__ 1234\n#define __ORDER_BIG_ENDIAN__ 4321\n#define __BYTE_ORDER__ __ORDER_LITTLE_ENDIAN__\n"
	"#define __SIZEOF_POINTER__ 8\n#define __SIZEOF_LONG__ 8\n#define __SIZEOF_INT__ 4\n#define __BPFTRACE__ 1\n"
#ifdef __x86_64__
	"#define __x86_64__ 1\n#define __x86_64 1\n"
#elif defined(__aarch64__)
	"#define __aarch64__ 1\n"
#elif defined(__riscv)
	"#define __riscv 1\n#define __riscv_xlen 64\n"
#endif
	;

static Cpp *
cpp(Types *ts)
{
	Cpp *c = ts->cpp;

	if (!c) {
		c = ts->cpp = NEW(ts->a, Cpp);
		c->ts = ts;
		c->a = ts->a;
		c->macros.arena = c->once.arena = ts->a;
		cpp_open_source(c, NULL, predefined, strlen(predefined), 0);
		cpp_raw(c);                 /* they are all directives */
	}
	return c;
}

void
type_include_dir(Types *ts, const char *dir)
{
	Cpp *c = cpp(ts);

	VEC_PUSH(c->a, &c->dirs, arena_str(c->a, dir, strlen(dir)));
}

void
cpp_run(Types *ts, Diag *d, const char *text, size_t n, u32 base, CTokens *out)
{
	Cpp *c = cpp(ts);
	const char *file = NULL;
	u32 line, col;

	c->d = d;
	c->stopped = false;
	c->produced = 0;
	diag_line_col(d, base, &file, &line, &col);
	cpp_open_source(c, file, text, n, base);
	for (;;) {
		CTok t = cpp_expanded(c);

		if (t.kind == CT_EOF)
			break;
		cpp_append(c, out, &t, 1);
	}
	if (c->stopped) {
		cpp_complain(c, base, 1, "the macros of this text expand to more than %d tokens", MAX_TOKENS);
		cpp_drop_contexts(c);
		c->src = NULL;
		c->conds.n = 0;
		c->depth = 0;
	}
	VEC_PUSH(c->a, out, ((CTok){ .pos = base + (u32)n }));
	c->d = NULL;
}
