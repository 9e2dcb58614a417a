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
extern const Qual parse_undef;
extern const Relation parse_relations[6];

/* parse.c */
bool parse_at(Parser *p, int kind);
bool parse_at_char(Parser *p, int c);
bool parse_take(Parser *p, int kind);
bool parse_soft(Parser *p, const char *word);
void parse_expected(Parser *p, const char *what) __attribute__((noreturn));
Ast *parse_ast(Parser *p, AstKind kind, Span from);
Ast *parse_two(Parser *p, AstKind kind, Ast *l, Ast *r);
void parse_deeper(Parser *p);
void parse_close(Parser *p, Span open);

/* parse_arith.c: loads, operators, comparisons */
Arith *parse_number(Parser *p);
Arith *parse_load(Parser *p);
Arith *parse_unary(Parser *p);
int parse_relation_here(Parser *p);
Item parse_after_arith(Parser *p, Arith *x, bool plain_number, Qual q);

/* parse_prim.c: primitives with a word of their own */
Item parse_term(Ast *n);
Ast *parse_with_number(Parser *p, AstKind kind, Span from);
Ast *parse_must_number(Parser *p, AstKind kind, Span from, const char *what);
Ast *parse_wlan(Parser *p);
Ast *parse_llc(Parser *p);
Ast *parse_pf(Parser *p);
Ast *parse_field(Parser *p, AstKind kind);
Ast *parse_byte(Parser *p);
Ast *parse_soft_word(Parser *p);

#endif
