/* Inside parse*.c: the parser's state and what its files share. */
#ifndef FILT_PARSE_H
#define FILT_PARSE_H

#include "filt/in.h"

#include <linux/filter.h>
#include <setjmp.h>

typedef struct Parser { Arena *a; Diag *d; Token *t; u32 depth; jmp_buf out; } Parser;
/* What a piece turned out to be: a test, an id under the qualifiers before it, a number alone, arithmetic. */
typedef enum ItemClass { IT_TERM, IT_ID, IT_NUM, IT_ARITH } ItemClass;
typedef struct Item { ItemClass class; Ast *ast; Arith *x; Qual q; } Item;
typedef struct Relation { int tok; u16 op; bool not; } Relation;
extern const Qual filt_parse_undef;
extern const Relation filt_parse_relations[6];

/* parse.c */
bool filt_parse_at(Parser *p, int kind);
bool filt_parse_at_char(Parser *p, int c);
bool filt_parse_take(Parser *p, int kind);
bool filt_parse_soft(Parser *p, const char *word);
void filt_parse_expected(Parser *p, const char *what) __attribute__((noreturn));
Ast *filt_parse_ast(Parser *p, AstKind kind, Span from);
Ast *filt_parse_two(Parser *p, AstKind kind, Ast *l, Ast *r);
void filt_parse_deeper(Parser *p);
void filt_parse_close(Parser *p, Span open);

/* parse_arith.c: loads, operators, comparisons */
Arith *filt_parse_number(Parser *p);
Arith *filt_parse_load(Parser *p);
Arith *filt_parse_unary(Parser *p);
int filt_parse_relation_here(Parser *p);
Item filt_parse_after_arith(Parser *p, Arith *x, bool plain_number, Qual q);

/* parse_prim.c: primitives with a word of their own */
Item filt_parse_term(Ast *n);
Ast *filt_parse_with_number(Parser *p, AstKind kind, Span from);
Ast *filt_parse_must_number(Parser *p, AstKind kind, Span from, const char *what);
Ast *filt_parse_wlan(Parser *p);
Ast *filt_parse_llc(Parser *p);
Ast *filt_parse_pf(Parser *p);
Ast *filt_parse_field(Parser *p, AstKind kind);
Ast *filt_parse_byte(Parser *p);
Ast *filt_parse_soft_word(Parser *p);

#endif
