/* cpp: what the files of the preprocessor share. Input is a stack of files; above it a stack of macro expansions that are
 * being read. Locals: c preprocessor, m macro, t token, s source. */
#ifndef TYPE_CPP_H
#define TYPE_CPP_H

#include "type/c.h"

enum { MAX_TOKENS = 2 << 20 };

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

/* cpp.c */
void cpp_complain(Cpp *c, u32 pos, u32 n, const char *fmt, ...);
void cpp_open_source(Cpp *c, const char *name, const char *text, size_t n, u32 base);   /* read before what is open */
CTok cpp_raw(Cpp *c);           /* the next token before expansion */

/* cpp_lex.c */
CTok cpp_lex(Source *s);

/* cpp_macro.c */
Macro *cpp_find_macro(Cpp *c, const char *p, size_t n);         /* NULL: not defined */
CTok cpp_expanded(Cpp *c);      /* the next token after expansion */
void cpp_expand_list(Cpp *c, const CTok *t, u32 n, CTokens *out);
void cpp_append(Cpp *c, CTokens *out, const CTok *t, u32 n);    /* counts: too many tokens stop it all */
void cpp_drop_contexts(Cpp *c);

/* cpp_include.c */
void cpp_include(Cpp *c, const CTokens *given, u32 pos);        /* given: the line behind #include */

#endif
