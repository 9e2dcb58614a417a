/* C text inside type/: tokens, the preprocessor that makes them, the parser that reads them. */
#ifndef TYPE_C_H
#define TYPE_C_H

#include "type/inside.h"

typedef enum CKind { CT_EOF, CT_ID, CT_NUM, CT_STR, CT_CHAR, CT_PUNCT } CKind;

typedef struct CTok {
	u8 kind;
	bool bol, space;                /* first of its line; something blank before it */
	bool fixed;                     /* a macro's name that must not be expanded any more */
	u32 pos;                        /* place in the Diag's space; 0: from a header */
	const char *p;
	u32 n;
} CTok;

typedef struct CParse {
	Types *ts;
	Diag *d;
	const CTok *t;                  /* ends with CT_EOF */
	u32 i;
	int depth;
	bool pp;                        /* a line of #if: unknown names are 0, no types */
	bool failed, unclosed;
} CParse;

/* cpp.c */
typedef Vec(CTok) CTokens;
/* All tokens of a text after preprocessing, CT_EOF last. Macros stay known to ts. */
void cpp_run(Types *ts, Diag *d, const char *text, size_t n, u32 base, CTokens *out);

/* cpp_macro.c */
/* The replacement of a macro without parameters, expanded; false if there is none of that name. */
bool cpp_macro(Types *ts, const char *name, CTokens *out);
/* The expansion of text, "name(...)": a call of a macro with parameters; false if there is none of that name. */
bool cpp_call(Types *ts, const char *name, const char *text, u32 n, CTokens *out);

/* cpp_lex.c */
bool c_is(const CTok *t, const char *word);

/* cexpr.c: a constant expression. p->failed tells that it is none (nothing was reported). */
typedef struct CValue { s64 v; bool is_unsigned; } CValue;
CValue c_expr(CParse *p);
CValue c_conditional(CParse *p);        /* without commas */

/* cdecl.c */
const Type *c_type_name(CParse *p);     /* "struct x *" as in sizeof and casts; NULL if there is none here */

#endif
