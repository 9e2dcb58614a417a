/* ast: the tree of a script, private to lang/. One kind of node for everything, so that macros copy it with one function.
 * nodes.def says which members a kind uses. Names are interned. Every node has a span.
 * A tree is at most MAX_DEPTH nodes high, so that whoever walks it may recurse. */
#ifndef LANG_AST_H
#define LANG_AST_H

#include "base/base.h"
#include "type/type.h"

#include <setjmp.h>

typedef enum NodeKind {
#define NODE(id, name) id,
#include "lang/nodes.def"
#undef NODE
	N_NODE_KIND
} NodeKind;

/* Tokens; a punctuation of one character is that character, and so is an operator in Node.op. */
typedef enum Token {
	TK_EOF = 0,
	TK_SHL = 128, TK_SHR, TK_LE, TK_GE, TK_EQ, TK_NE, TK_LAND, TK_LOR, TK_INC, TK_DEC, TK_ARROW, TK_RANGE,
	TK_ASSIGN_OP,           /* += and so on: Lexer.op holds the operator */
	TK_IDENT, TK_VAR, TK_MAP, TK_POS, TK_POSN, TK_NUM, TK_STR,
} Token;

typedef struct Node Node;
struct Node {
	u8 kind, op;
	u16 height;             /* of the tree under it */
	bool paren;             /* stood in parentheses */
	bool fixed;             /* ND_NUM: has its type from a cast, not from its value */
	bool library;           /* ND_MACRO: of the standard library */
	bool counted;           /* ND_MAP: in MapSym.whole */
	bool big;               /* ND_NUM: written without sign, over INT64_MAX */
	u8 space;               /* AddrSpace that pointers inside this struct or array point into */
	Span at;
	const char *name;
	u64 num;
	Node *a, *b, *c;
	Node **list;
	u32 n;                  /* of list; bytes of str */
	const char *str;
	const Type *type;       /* check */
	const Node *by;         /* the macro's call that put it here, or NULL */
	void *sym;              /* resolve: VarSym, MapSym, Builtin */
};
enum { MAX_DEPTH = 500 };

/* lex.c: one token of lookahead; the state may be copied to look further. Locals: l. */
typedef struct Lexer {
	Arena *a;
	Diag *d;
	const char *text;
	u32 n, base;
	u32 pos;                /* behind the current token */
	u32 prev_end;           /* where the token before it ended (offset in text) */
	u8 tok, op;
	u32 from;               /* of the current token */
	const char *name;       /* IDENT, VAR, MAP */
	u64 num;                /* NUM, POS */
	const char *str;        /* STR */
	u32 str_n;
	jmp_buf *out;           /* taken by lang_fail() */
} Lexer;
void lex_init(Lexer *l, Arena *a, Diag *d, const char *text, u32 n, u32 base, jmp_buf *out);
void lex_next(Lexer *l);
Span lex_span(const Lexer *l);                  /* of the current token */
void lex_blank(Lexer *l);                       /* over blanks and comments */
/* The raw text of an attach point, which starts at the current token; then the token behind it is current. */
const char *lex_point(Lexer *l, u32 *n, Span *at);
/* Skips C text (a preprocessor line, or a declaration up to its ';'); the token behind it is current then. */
void lex_skip_c(Lexer *l);
const char *lex_token_name(const Lexer *l, char *buf, size_t n);        /* for messages */
const char *lex_op_name(u8 op);
/* Reports and leaves the compilation. */
void lex_fail(Lexer *l, Span at, DiagTag tag, const char *fmt, ...) PRINTF(4, 5) __attribute__((noreturn));

/* parse.c, parse_stmt.c, parse_top.c */
typedef struct Parser {
	Lexer l;
	Types *types;
	u32 depth;
	Map *macros;            /* names of the script's macros (known before they are defined below) */
	Node *params;           /* the macro being parsed, or NULL */
	bool as_text;           /* for --fmt: C text is not read, its macros are names */
	bool expanded;          /* this is the text of a C macro: what names it holds are no macros any more */
} Parser;
Node *parse_program(Arena *a, Diag *d, Types *types, const char *text, u32 n, u32 base, Map *macros, jmp_buf *out);
/* The same, but for what stands in the text alone: C text is not read and no macro of it expanded. */
Node *parse_text(Arena *a, Diag *d, Types *types, const char *text, u32 n, u32 base, Map *macros, jmp_buf *out);
Node *parse_expr(Parser *p);
Node *parse_unary(Parser *p);
Node *parse_type(Parser *p);
Node *parse_block(Parser *p);
Node *parse_if(Parser *p);                                      /* a statement, or a value if each branch ends in one */
Node *node_new(Parser *p, NodeKind kind, u32 from);             /* span from..; end set by node_end */
Node *node_end(Parser *p, Node *n);                             /* sets height and the span's end */
bool parse_accept(Parser *p, int tok);
void parse_expect(Parser *p, int tok, const char *where);
bool parse_is_word(Parser *p, const char *word);
void parse_unexpected(Parser *p, const char *expected) __attribute__((noreturn));
u32 parse_from(Parser *p);                                      /* span offset of the current token */
void parse_deeper(Parser *p);                                   /* pairs with p->depth-- */

bool parse_is_value(Parser *p, const char *name);               /* a builtin, macro or parameter: no type name */
Node *parse_type_or_expr(Parser *p);                            /* operand of sizeof and its kind, up to ')' */

/* print.c */
void ast_print(const Node *n, Buf *out);
const char *ast_kind_name(u8 kind);
Node *ast_clone(Arena *a, const Node *n);

#endif
