/* cpp: a small C preprocessor: #include, #define with and without parameters, # and ##, conditionals. Input is a stack of
 * files; above it a stack of macro expansions that are being read. A macro is not expanded while its own expansion is read,
 * which is what the standard's rules come to. Macros that stand for numbers are evaluated when somebody asks. */
#include "type/c.h"

#include <limits.h>
#include <stdio.h>
#include <sys/utsname.h>

enum { MAX_INCLUDE = 64, MAX_TOKENS = 2 << 20 };

typedef struct Macro {
	const char *name;
	bool function, variadic, busy, gone;
	CTokens body;
	VecStr params;
} Macro;

typedef struct Source Source;
struct Source {
	const char *p, *end;
	const char *name;
	u32 base;                       /* 0: a header; else pos of text */
	const char *text;
	bool bol;
	u32 conds;                      /* open conditionals when it began */
	Source *up;
};

typedef struct Context Context;
struct Context { const CTok *t; u32 n, i; Macro *m; Context *up; };

/* An open #if: whether this part is read, whether one was already, whether the one around it is. */
typedef struct Cond { bool on, done, outer; } Cond;

struct Cpp {
	Types *ts;
	Diag *d;
	Arena *a;
	Map macros, once;
	VecStr dirs;
	Source *src;
	Context *ctx;
	Vec(Cond) conds;
	u32 depth, produced;
	bool stopped;
};

bool
c_is(const CTok *t, const char *word)
{
	return (t->kind == CT_ID || t->kind == CT_PUNCT) && strlen(word) == t->n && !memcmp(t->p, word, t->n);
}

static void
complain(Cpp *c, u32 pos, u32 n, const char *fmt, ...)
{
	va_list ap;

	if (!c->d || !pos)
		return;                 /* what is wrong inside a system's header is not the user's fault */
	va_start(ap, fmt);
	diag_verr(c->d, false, (Span){ pos, pos + n }, E_CPP, fmt, ap);
	va_end(ap);
}

/* ---- tokens ---- */

static bool
is_id(char ch)
{
	return ch == '_' || ch == '$' || ((ch | 32) >= 'a' && (ch | 32) <= 'z') || (ch >= '0' && ch <= '9') || (u8)ch >= 0x80;
}

/* Skips blanks, comments and joined lines; notes whether a new line began. */
static void
skip(Source *s, bool *space, bool *bol)
{
	while (s->p < s->end) {
		size_t left = (size_t)(s->end - s->p);

		if (*s->p == '\n') {
			*bol = true;
			s->p++;
		} else if (*s->p == ' ' || *s->p == '\t' || *s->p == '\r' || *s->p == '\f' || *s->p == '\v') {
			s->p++;
		} else if (*s->p == '\\' && left > 1 && (s->p[1] == '\n' || (left > 2 && s->p[1] == '\r' && s->p[2] == '\n'))) {
			s->p += s->p[1] == '\n' ? 2 : 3;
		} else if (left > 1 && s->p[0] == '/' && s->p[1] == '/') {
			while (s->p < s->end && (*s->p != '\n' || s->p[-1] == '\\'))
				s->p++;
		} else if (left > 1 && s->p[0] == '/' && s->p[1] == '*') {
			const char *e = memmem(s->p + 2, left - 2, "*/", 2);

			s->p = e ? e + 2 : s->end;
		} else {
			return;
		}
		*space = true;
	}
}

static u32
punct_length(const char *p, size_t left)
{
	static const char *const longer[] = { "...", "<<=", ">>=", "->", "++", "--", "<<", ">>", "<=", ">=", "==", "!=", "&&",
		"||", "##", "+=", "-=", "*=", "/=", "%=", "&=", "|=", "^=" };

	for (u32 i = 0; i < COUNT(longer); i++) {
		size_t n = strlen(longer[i]);

		if (n <= left && !memcmp(p, longer[i], n))
			return (u32)n;
	}
	return 1;
}

static CTok
lex(Source *s)
{
	CTok t = { .bol = s->bol };
	const char *p;

	skip(s, &t.space, &t.bol);
	s->bol = false;
	t.p = p = s->p;
	t.pos = s->base ? s->base + (u32)(p - s->text) : 0;
	if (p >= s->end)
		return t;
	if (*p == '"' || *p == '\'') {
		t.kind = *p == '"' ? CT_STR : CT_CHAR;
		for (p++; p < s->end && *p != *t.p && *p != '\n'; p++)
			if (*p == '\\' && p + 1 < s->end)
				p++;
		if (p < s->end && *p == *t.p)
			p++;
	} else if ((*p >= '0' && *p <= '9') || (*p == '.' && p + 1 < s->end && p[1] >= '0' && p[1] <= '9')) {
		t.kind = CT_NUM;
		while (p < s->end && (is_id(*p) || *p == '.' || ((*p == '+' || *p == '-') && (p[-1] | 32) == 'e' &&
		    !(t.p[0] == '0' && (t.p[1] | 32) == 'x'))))
			p++;
	} else if (is_id(*p)) {
		t.kind = CT_ID;
		while (p < s->end && is_id(*p))
			p++;
	} else {
		t.kind = CT_PUNCT;
		p += punct_length(p, (size_t)(s->end - p));
	}
	t.n = (u32)(p - t.p);
	s->p = p;
	return t;
}

/* ---- macros ---- */

static Macro *
find_macro(Cpp *c, const char *p, size_t n)
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

static void directive(Cpp *c, const CTok *hash);

/* The next token before expansion. Lines that are directives are obeyed and left out. */
static CTok
raw(Cpp *c)
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
		t = lex(c->src);
		if (t.kind == CT_EOF) {
			Source *s = c->src;

			if (c->conds.n > s->conds) {
				complain(c, s->base, 1, "#if without #endif");
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

static void expand_list(Cpp *c, const CTok *t, u32 n, CTokens *out);

/* "a ## b": one token of both texts. */
static CTok
paste(Cpp *c, const CTok *a, const CTok *b)
{
	char *text = arena_printf(c->a, "%.*s%.*s", (int)a->n, a->p, (int)b->n, b->p);
	Source s = { .p = text, .end = text + strlen(text), .text = text };
	CTok t = lex(&s);

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

static void
append(Cpp *c, CTokens *out, const CTok *t, u32 n)
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

			append(c, out, &s, 1);
			i++;
			continue;
		}
		if (k < 0) {
			append(c, out, t, 1);
		} else if (pasted || after) {
			append(c, out, args[k].v, args[k].n);
		} else {
			if (!done[k])
				expand_list(c, args[k].v, args[k].n, &expanded[k]);
			done[k] = true;
			append(c, out, expanded[k].v, expanded[k].n);
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
	CTok t = raw(c);

	if (!c_is(&t, "(")) {
		*back = t;
		return false;
	}
	for (;;) {
		t = raw(c);
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
			append(c, &args[k], &t, 1);
		if (c->stopped)
			break;
	}
	return true;
}

/* The next token after expansion. */
static CTok
expanded(Cpp *c)
{
	for (;;) {
		CTok t = raw(c);
		CTokens args[64], out = { 0 };
		Macro *m;
		CTok back;

		if (t.kind != CT_ID || t.fixed || c->stopped)
			return t;
		m = find_macro(c, t.p, t.n);
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
static void
drop_contexts(Cpp *c)
{
	for (; c->ctx; c->ctx = c->ctx->up)
		if (c->ctx->m)
			c->ctx->m->busy = false;
}

/* Expands a list by itself, away from what is being read. */
static void
expand_list(Cpp *c, const CTok *t, u32 n, CTokens *out)
{
	Context *ctx = c->ctx;
	Source *src = c->src;
	static u32 nesting;

	if (nesting > 100) {
		append(c, out, t, n);
		return;
	}
	nesting++;
	c->ctx = NULL;
	c->src = NULL;
	push(c, t, n, NULL);
	for (;;) {
		CTok x = expanded(c);

		if (x.kind == CT_EOF)
			break;
		append(c, out, &x, 1);
		if (c->stopped)
			break;
	}
	drop_contexts(c);
	c->ctx = ctx;
	c->src = src;
	nesting--;
}

/* ---- directives ---- */

/* The rest of the line, unexpanded. */
static void
rest_of_line(Cpp *c, CTokens *line)
{
	for (;;) {
		Source s = *c->src;
		CTok t = lex(&s);

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
		complain(c, pos, 1, "#define needs a name");
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
				complain(c, t->pos, t->n, "a macro's parameter must be a name");
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

static bool
file_exists(const char *dir, const char *name, size_t n, char *path)
{
	return snprintf(path, PATH_MAX, "%s/%.*s", dir, (int)n, name) < PATH_MAX && host_exists(path);
}

/* Where headers lie: -I, the kernel's own (built modules' headers), the system's. */
static bool
find_header(Cpp *c, const char *name, size_t n, bool quoted, char *path)
{
	static const char *const kernel[] = {
#ifdef __x86_64__
		"arch/x86/include", "arch/x86/include/generated", "include", "arch/x86/include/uapi", "arch/x86/include/generated/uapi",
#elif defined(__aarch64__)
		"arch/arm64/include", "arch/arm64/include/generated", "include", "arch/arm64/include/uapi",
		"arch/arm64/include/generated/uapi",
#endif
		"include/uapi", "include/generated/uapi",
	};
	static const char *const system[] = {
		"/usr/local/include",
#ifdef __x86_64__
		"/usr/include/x86_64-linux-gnu",
#elif defined(__aarch64__)
		"/usr/include/aarch64-linux-gnu",
#endif
		"/usr/include",
	};
	char dir[512];
	struct utsname u;

	if (n && name[0] == '/')
		return snprintf(path, PATH_MAX, "%.*s", (int)n, name) < PATH_MAX && host_exists(path);
	if (quoted && c->src && c->src->name) {
		const char *slash = strrchr(c->src->name, '/');

		snprintf(dir, sizeof(dir), "%.*s", slash ? (int)(slash - c->src->name) : 1, slash ? c->src->name : ".");
		if (file_exists(dir, name, n, path))
			return true;
	}
	for (u32 i = 0; i < c->dirs.n; i++)
		if (file_exists(c->dirs.v[i], name, n, path))
			return true;
	uname(&u);
	for (u32 k = 0; k < 2; k++)
		for (u32 i = 0; i < COUNT(kernel); i++) {
			snprintf(dir, sizeof(dir), "/lib/modules/%s/%s/%s", u.release, k ? "source" : "build", kernel[i]);
			if (file_exists(dir, name, n, path))
				return true;
		}
	for (u32 i = 0; i < COUNT(system); i++)
		if (file_exists(system[i], name, n, path))
			return true;
	return false;
}

/* Headers that compilers bring along. */
static const char *
own_header(const char *name, size_t n)
{
	static const struct { const char *name, *text; } own[] = {
		{ "stddef.h", "typedef unsigned long size_t; typedef long ptrdiff_t; typedef int wchar_t;\n#define NULL ((void *)0)\n"
			"#define offsetof(t, m) __builtin_offsetof(t, m)\n" },
		{ "stdarg.h", "typedef void *va_list; typedef void *__gnuc_va_list;\n" },
		{ "stdbool.h", "#define bool _Bool\n#define true 1\n#define false 0\n" },
		{ "float.h", "" },
		{ "limits.h", "#define CHAR_BIT 8\n#define INT_MAX 2147483647\n#define INT_MIN (-INT_MAX - 1)\n#define UINT_MAX 4294967295U\n"
			"#define LONG_MAX 9223372036854775807L\n#define LONG_MIN (-LONG_MAX - 1L)\n#define PATH_MAX 4096\n#define NAME_MAX 255\n" },
	};

	for (u32 i = 0; i < COUNT(own); i++)
		if (strlen(own[i].name) == n && !memcmp(own[i].name, name, n))
			return own[i].text;
	return NULL;
}

static void
open_source(Cpp *c, const char *name, const char *text, size_t n, u32 base)
{
	Source *s = NEW(c->a, Source);

	*s = (Source){ text, text + n, name, base, text, true, c->conds.n, c->src };
	c->src = s;
	c->depth++;
}

/* Types that BTF knows do not need the kernel's internal headers, which few machines have. */
static bool
btf_serves(Cpp *c, const char *name, size_t n)
{
	static const char *const of_kernel[] = { "linux/", "net/", "asm/", "asm-generic/", "uapi/", "trace/", "scsi/", "drm/" };

	for (u32 i = 0; i < COUNT(of_kernel); i++)
		if (n > strlen(of_kernel[i]) && !memcmp(name, of_kernel[i], strlen(of_kernel[i])))
			return type_has_btf(c->ts);
	return false;
}

/* BTF holds no macros: those numbers of the kernel's headers that scripts use and that are the same on every Linux. */
static void
add_constants(Cpp *c, const char *name, size_t n)
{
	static const struct { const char *header, *text; } rows[] = {
		{ "linux/sched.h", "#define TASK_RUNNING 0\n#define TASK_INTERRUPTIBLE 1\n#define TASK_UNINTERRUPTIBLE 2\n"
			"#define __TASK_STOPPED 4\n#define __TASK_TRACED 8\n#define PF_KTHREAD 0x00200000\n#define PF_EXITING 4\n" },
		{ "linux/socket.h", "#define AF_UNIX 1\n#define AF_INET 2\n#define AF_INET6 10\n#define AF_NETLINK 16\n"
			"#define AF_PACKET 17\n" },
		{ "linux/stat.h", "#define S_IFMT 00170000\n#define S_IFREG 0100000\n#define S_IFDIR 0040000\n#define S_IFLNK 0120000\n"
			"#define S_IFSOCK 0140000\n#define S_IFIFO 0010000\n#define S_IFCHR 0020000\n#define S_IFBLK 0060000\n" },
		{ "linux/fs.h", "#define FMODE_READ 1\n#define FMODE_WRITE 2\n#define MAY_EXEC 1\n#define MAY_WRITE 2\n#define MAY_READ 4\n" },
	};

	for (u32 i = 0; i < COUNT(rows); i++)
		if (strlen(rows[i].header) == n && !memcmp(rows[i].header, name, n))
			open_source(c, NULL, rows[i].text, strlen(rows[i].text), 0);
}

static void
include(Cpp *c, const CTokens *given, u32 pos)
{
	CTokens line = { 0 };
	const char *name, *end = NULL, *text;
	char path[PATH_MAX];
	Buf b = { 0 };
	bool quoted;

	if (given->n && given->v[0].kind == CT_ID)
		expand_list(c, given->v, given->n, &line);
	else
		line = *given;
	if (!line.n)
		goto bad;
	quoted = line.v[0].kind == CT_STR;
	name = line.v[0].p + 1;
	if (quoted)
		end = line.v[0].p + line.v[0].n - 1;
	else if (c_is(&line.v[0], "<"))
		for (u32 i = 1; i < line.n && !end; i++)
			if (c_is(&line.v[i], ">"))
				end = line.v[i].p;
	if (!end || end <= name)
		goto bad;
	if (c->depth >= MAX_INCLUDE) {
		complain(c, pos, 1, "#include is nested more than %d deep", MAX_INCLUDE);
		return;
	}
	text = own_header(name, (size_t)(end - name));
	if (text) {
		open_source(c, NULL, text, strlen(text), 0);
		return;
	}
	if (!find_header(c, name, (size_t)(end - name), quoted, path)) {
		if (btf_serves(c, name, (size_t)(end - name))) {
			add_constants(c, name, (size_t)(end - name));
			return;
		}
		complain(c, line.v[0].pos, (u32)(end - name) + 2, "cannot find the file '%.*s' to include", (int)(end - name), name);
		if (c->d)
			diag_hint(c->d, "name its folder with -I");
		return;
	}
	if (map_get(&c->once, path, strlen(path)))
		return;
	if (host_read(path, &b)) {
		complain(c, pos, 1, "cannot read '%s'", path);
	} else {
		text = arena_str(c->a, b.p ? b.p : "", b.n);
		open_source(c, arena_str(c->a, path, strlen(path)), text, b.n, 0);
		if (!strncmp(path, "/usr/", 5))         /* the header for programs: the kernel's own has more */
			add_constants(c, name, (size_t)(end - name));
	}
	buf_free(&b);
	return;
bad:
	complain(c, pos, 1, "#include needs \"file\" or <file>");
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
				VEC_PUSH(c->a, out, find_macro(c, name->p, name->n) ? yes : no);
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
	expand_list(c, plain.v, plain.n, &out);
	VEC_PUSH(c->a, &out, ((CTok){ 0 }));
	p.t = out.v;
	v = c_expr(&p);
	if (p.failed || out.v[p.i].kind != CT_EOF) {
		complain(c, pos, 1, "the condition of #if is no integer expression");
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
		bool is = on && line.n && find_macro(c, line.v[0].p, line.v[0].n);

		open_if(c, c_is(&word, "ifdef") ? is : !is);
	} else if (c_is(&word, "elif") || c_is(&word, "else")) {
		if (!top) {
			complain(c, pos, word.n + 1, "#%.*s without #if", (int)word.n, word.p);
			return;
		}
		top->on = top->outer && !top->done && (c_is(&word, "else") || condition(c, &line, pos));
		top->done |= top->on;
	} else if (c_is(&word, "endif")) {
		if (!top)
			complain(c, pos, 6, "#endif without #if");
		else
			c->conds.n--;
	} else if (!on) {
		return;
	} else if (c_is(&word, "define")) {
		define(c, &line, pos);
	} else if (c_is(&word, "undef")) {
		Macro *m = line.n ? find_macro(c, line.v[0].p, line.v[0].n) : NULL;

		if (m)
			m->gone = true;
	} else if (c_is(&word, "include") || c_is(&word, "include_next") || c_is(&word, "import")) {
		include(c, &line, pos);
	} else if (c_is(&word, "pragma")) {
		if (line.n && c_is(&line.v[0], "once") && c->src->name)
			map_set(&c->once, c->src->name, strlen(c->src->name), c);
	} else if (c_is(&word, "error")) {
		const char *from = line.n ? line.v[0].p : "", *to = line.n ? line.v[line.n - 1].p + line.v[line.n - 1].n : from;

		complain(c, pos, 6, "#error %.*s", (int)(to - from), from);
	} else if (!c_is(&word, "warning") && !c_is(&word, "line") && !c_is(&word, "ident") && word.kind != CT_NUM) {
		complain(c, word.pos, word.n, "unknown directive '#%.*s'", (int)word.n, word.p);
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
		open_source(c, NULL, predefined, strlen(predefined), 0);
		raw(c);                 /* they are all directives */
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
	open_source(c, file, text, n, base);
	for (;;) {
		CTok t = expanded(c);

		if (t.kind == CT_EOF)
			break;
		append(c, out, &t, 1);
	}
	if (c->stopped) {
		complain(c, base, 1, "the macros of this text expand to more than %d tokens", MAX_TOKENS);
		drop_contexts(c);
		c->src = NULL;
		c->conds.n = 0;
		c->depth = 0;
	}
	VEC_PUSH(c->a, out, ((CTok){ .pos = base + (u32)n }));
	c->d = NULL;
}

bool
cpp_macro(Types *ts, const char *name, CTokens *out)
{
	Cpp *c = ts->cpp;
	Macro *m = c ? find_macro(c, name, strlen(name)) : NULL;
	CTok t = { .kind = CT_ID, .p = name, .n = (u32)strlen(name) };

	if (!m || m->function)
		return false;
	c->stopped = false;
	c->produced = 0;
	expand_list(c, &t, 1, out);
	VEC_PUSH(c->a, out, ((CTok){ 0 }));
	return !c->stopped;
}

bool
cpp_call(Types *ts, const char *name, const char *text, u32 n, CTokens *out)
{
	Cpp *c = ts->cpp;
	Macro *m = c ? find_macro(c, name, strlen(name)) : NULL;
	Source s = { .p = text, .end = text + n, .text = text };
	CTokens given = { 0 };
	CTok t;

	if (!m || !m->function)
		return false;
	while ((t = lex(&s)).kind != CT_EOF)
		VEC_PUSH(c->a, &given, t);
	c->stopped = false;
	c->produced = 0;
	expand_list(c, given.v, given.n, out);
	VEC_PUSH(c->a, out, ((CTok){ 0 }));
	return !c->stopped;
}
