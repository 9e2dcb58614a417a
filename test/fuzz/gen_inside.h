/* What the files of the generator share. Locals: g generator, t type. */
#ifndef FUZZ_GEN_INSIDE_H
#define FUZZ_GEN_INSIDE_H

#include "gen.h"

#include <assert.h>
#include <stdarg.h>
#include <stdlib.h>

enum { G_INT, G_BOOL, G_STR, G_TUPLE, G_RECORD };
enum { G_PLAIN, G_COUNT, G_SUM, G_MIN, G_MAX, G_AVG, G_STATS, G_HIST, G_LHIST, G_TSERIES };

typedef struct GType GType;
struct GType {
	u8 kind, size, n;               /* size: of an integer, in bytes; n: of sub */
	bool sign;
	const GType *sub[3];
};

typedef struct GVar {
	const GType *t;
	u32 id;
	bool fixed, loop, half;         /* declared with a type; not to be assigned to; of the tuple only .0 may be read */
} GVar;

typedef struct GMap {
	const GType *key[3], *value;
	u32 n_keys, agg, bits;
} GMap;

/* A row of gen_probe.c: a probe and the expressions that only it has, separated by blanks. */
typedef struct GProbe {
	const char *name;
	bool event, kprobe;
	const char *ints, *strs, *ptrs, *argv;
	bool func;
} GProbe;

typedef struct Gen {
	Rand r;
	Buf *out;
	u32 flags;
	GType types[400];
	u32 n_types;
	GVar vars[40];
	u32 n_vars, next_var;
	GMap maps[8];
	u32 n_maps;
	char macro[3];                  /* 'e' an expression, 'v' sets its first argument */
	u32 n_macros;
	const GProbe *probe;
	u32 indent, depth, in_loop, in_for;
	s32 budget;                     /* statements left for the clause */
	bool in_macro, has_define, filling;
} Gen;

u32 below(Gen *g, u32 n);
bool chance(Gen *g, u32 percent);
void say(Gen *g, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
const GType *gen_type(Gen *g, u32 depth);
u32 new_var(Gen *g, const GType *t, bool fixed);
void map_name(Gen *g, const GMap *m, u32 depth);

/* gen_expr.c */
const GType *gen_int(void);
const GType *gen_str(void);
void expr(Gen *g, const GType *t, u32 depth);
void cond(Gen *g, u32 depth);
void key(Gen *g, const GMap *m);
void special(Gen *g);           /* a value that can only be printed */
void macro_statement(Gen *g);

/* gen_probe.c */
const GProbe *gen_probe(Gen *g);
const char *gen_word(Gen *g, const char *words, char *to, u32 size);

#endif
