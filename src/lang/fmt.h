/* fmt: a script reformatted (--fmt), private to lang/. fmt.c makes the list of tokens and marks in it, by way of the tree, what a
 * token alone does not tell: where statements start, which '*' is unary. fmt_print.c puts the tokens on lines.
 * What the script means cannot change: the tokens stay as they are, but for ';' (dropped, and set by mark), parentheses around
 * conditions, and "->". Locals: t token, f the formatting. */
#ifndef LANG_FMT_H
#define LANG_FMT_H

#include "lang/ast.h"

enum {
	M_UNARY = 1,            /* nothing between it and its operand; so is the ')' of a cast */
	M_POSTFIX = 2,          /* nothing before it */
	M_TIGHT = 4,            /* nothing on either side: the '=' of a record */
	M_OPEN = 8,             /* '{' of a block: what follows is indented, on a new line */
	M_CLOSE = 16,           /* its '}' */
	M_LINE = 32,            /* starts a line */
	M_SEMI = 64,            /* a ';' follows */
	M_DROP = 128,           /* left out */
	M_PAREN_BEFORE = 256, M_PAREN_AFTER = 512,      /* put in: around the condition of an if */
	M_RAW = 1024,           /* C text or an attach point: printed as it is */
	M_BINARY = 2048,        /* an operator behind which a long line may be broken */
	M_VALUE = 4096,         /* a keyword that a '(' stands apart from */
};

typedef struct FmtToken {
	u32 from, to;           /* offsets in the text */
	u8 tok, op;
	u32 match;              /* of a bracket: the index of the other */
	u32 marks;
} FmtToken;

typedef struct Fmt {
	Arena *a;
	const char *text;
	u32 n, base, start;     /* start: behind the "#!" line */
	Vec(FmtToken) t;
} Fmt;

/* fmt_print.c */
void fmt_print(Fmt *f, Buf *out);

#endif
