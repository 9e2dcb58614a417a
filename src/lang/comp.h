/* comp: one compilation, private to lang/. resolve.c names things, check*.c types them, lower*.c makes IR of them.
 * Check runs over all clauses until no type of a variable or map changes any more (they only widen), silently; then once
 * more, aloud. It folds constants in place. Locals: c compilation, n node, t type, v value. */
#ifndef LANG_COMP_H
#define LANG_COMP_H

#include "lang/ast.h"
#include "lang/lang.h"

typedef struct Comp Comp;
typedef struct Builtin Builtin;

/* ---- symbols ---- */

typedef struct VarSym {
	const char *name;
	const Type *type;               /* NULL: nothing known yet */
	Span at;
	bool declared;                  /* let with a type: does not widen */
	bool assigned, used, loop;      /* loop: of a for, read-only */
	bool shared;                    /* used in a for body but declared outside: lives in the frame */
	u32 depth;                      /* of for loops around its declaration */
	u32 frame;                      /* shared: offset there */
	/* lowering: a scalar is an SSA variable, or (shared) memory; an aggregate is memory */
	bool placed;
	Fn *fn;                         /* that `var` belongs to */
	Var var;
	Ref mem;
} VarSym;

typedef struct MapSym {
	const char *name;
	const Type *key, *value;        /* NULL: nothing known yet */
	Span key_at, value_at, at;      /* first use that says so */
	bool keyed, scalar, first_keyed;        /* how it is used; how it was at `at` */
	bool assigned;
	bool declared;                  /* let @m = kind(n) */
	const char *kind;               /* "hash", "lruhash", "percpuhash", "percpulruhash", or NULL */
	u32 entries;
	u32 uses, whole;                /* places that name it; those among them that can do with two maps for one, see lower_map.c */
	u32 map, info;                  /* indices into Script.maps and .infos, after place_maps() */
	u32 set_off;                    /* scalar arrays: offset of the u64 that says the value was set; 0: none */
} MapSym;

/* One program to be: a clause at one probe, or at several that need the same code. */
typedef struct Clause {
	Node *node, *pred, *body;
	const Provider *prov;
	Vec(Probe *) probes;
	Probe *p;                       /* stands for all of them */
	u32 frame_size;                 /* of shared variables */
	Vec(VarSym *) vars;
} Clause;

/* ---- builtins ---- */

enum {
	B_VAR = 1,              /* may stand without parentheses */
	B_AGG = 2,              /* only as the right side of @m = */
	B_UNSAFE = 4,           /* needs --unsafe */
	B_WORDS = 8,            /* bare words among the arguments mean something to it */
	B_ENDS = 16,            /* nothing behind it runs */
	B_KEEP = 32,            /* its result may be dropped without a warning */
	B_MAPARG = 64,          /* takes whole maps as arguments */
};
/* sig: one letter per argument: i integer, p pointer or integer, s string, S string literal, n literal number, m whole map,
 * x anything, t that or a type; behind '?' optional, '*' any number more. NULL: no parentheses. */
struct Builtin {
	const char *name, *sig;
	u32 flags;
	const Type *(*check)(Comp *c, Node *n);         /* arguments are checked already (but words) */
	Ref (*lower)(Comp *c, Node *n);                 /* results in a register, and statements (0) */
	void (*into)(Comp *c, Node *n, const Type *as, Ref base, s32 off, bool clean);  /* results in memory */
	const Type *type;                               /* instead of check */
};
#define FAMILY(x) extern const Builtin builtins_##x[];
#include "lang/builtins.def"
#undef FAMILY
const Builtin *builtin_find(const char *name);
const char *builtin_nearest(Comp *c, const char *name);

/* ---- the compilation ---- */

typedef struct Option { const char *name, *def, *help; } Option;        /* that the script asks for with getopt() */

struct Comp {
	Arena *a;
	Diag *d;
	Types *ts;
	ProbeContext *pc;
	const LangOptions *opt;
	Script *s;
	Config *cf;
	jmp_buf out;
	Map macros;                     /* names of macros, for the parser */
	Map macro_sets;                 /* name -> its ND_MACROs */
	Map maps;                       /* name -> MapSym */
	Vec(MapSym *) map_list;
	Vec(Node *) probes;             /* ND_PROBE of all sources, in order */
	Vec(Clause *) clauses;
	VecStr imported;
	Vec(Option) options;
	u32 importing;                  /* files that import what is being read */
	bool library, in_library;       /* its macros are there; they are being read */
	const char *left_out;           /* a probe that only another mode runs: the option for that mode */
	bool old;                       /* compat = "0.17" and the like: old scoping and integer rules */
	/* resolve and check */
	Clause *cl;
	Map vars;                       /* visible variables */
	u32 loops, fors;                /* loops and for loops around this place */
	bool quiet, changed;            /* check: not the last pass; something widened */
	bool unevaluated;               /* inside sizeof and its kind */
	bool agg_ok;                    /* the call that is checked next stands right behind "@m =" */
	u32 expansions;
	const Node *by;                 /* check, lower: the macro's call that put the current node here */
	/* lower */
	Unit *unit;
	Fn *fn;
	Ref frame;                      /* address of what for bodies share with the code around them, in the current Fn */
	struct Loop *loop;
	bool in_callback;               /* inside a for body that is a function of its own */
	u32 scratch, scratch_map;       /* bytes used in the scratch map; its index */
	bool small_keys;                /* the kernel's keys hold 512 bytes */
	const char *ts_map;             /* map that stands for the clock of tseries(), in tests */
	Ref roomy;                      /* memory that has a byte to spare behind the value that is made in it */
	u32 roomy_clean;                /* 0, or so much of it is to be zero behind a string that is made there */
	Ref filled;                     /* what a helper said it filled of a key, from .filled_from on; the rest is zero. 0: nobody knows */
	u32 filled_from;
	u32 zeros;                      /* index + 1 of the map of zero bytes */
};

static inline bool comp_has(Comp *c, Feature f) { return !c->pc->has || c->pc->has(c->pc->machine, f); }
static inline u64 comp_cf(Comp *c, ConfigId id) { return c->cf->v[id].n; }

/* ---- script.c, import.c, macro.c ---- */
void comp_source(Comp *c, const char *text, size_t n, u32 base);
void import_file(Comp *c, Node *n);
void options_check(Comp *c);    /* builtins/static.c */
/* The pid namespace that piton lives in; false: the first one, whose ids the kernel gives anyway. (builtins/process.c) */
bool lang_own_namespace(u64 *dev, u64 *ino);
bool library_load(Comp *c, const char *name);   /* true: it has been read, and may have this macro */
void macro_add(Comp *c, Node *macro);
void macro_expand_all(Comp *c, Node **n);

Ref lower_own_pid(Comp *c);     /* builtins/process.c: the current process as piton's own pid namespace numbers it; 0: it is outside */
bool func_by_address(Comp *c, const Provider *prov);    /* builtins/probe.c: `func` is asked of the kernel when it runs */
const char *suggest_probe(Comp *c, const char *text);    /* suggest.c: a probe near one that is not there, or NULL */
/* ---- resolve.c: expands attach points to clauses, ties names to symbols ---- */
void resolve_points(Comp *c, Node *probe);
void resolve_clause(Comp *c, Clause *cl);
MapSym *map_sym(Comp *c, const char *name, Span at);

/* ---- check.c, check_expr.c, check_op.c, check_map.c ---- */
void check_all(Comp *c);
void check_stmt(Comp *c, Node *n);
const Type *check_expr(Comp *c, Node *n);       /* sets n->type, gives it; never NULL */
const Type *check_un(Comp *c, Node *n);
const Type *check_bin(Comp *c, Node *n);
const Type *check_step(Comp *c, Node *n);
const Type *check_map_value(Comp *c, Node *n);  /* @x, @x[k] read */
/* Notes how the map is used there; false: otherwise than at first. */
bool check_map_shape(MapSym *m, Span at, bool keyed);
void check_map_key(Comp *c, Node *n, const Type *key, Span at, bool keyed);
void check_assign(Comp *c, Node *n);
const Type *check_map_step(Comp *c, Node *n);
void check_map_assign(Comp *c, Node *n);
const Type *check_type(Comp *c, Node *n);       /* ND_TYPE or an expression: the type meant */
const Type *check_named_type(Comp *c, const char *name);
void check_cond(Comp *c, Node *n);
bool check_constant(const Node *n, u64 *v);                     /* known while compiling */
void comp_err(Comp *c, Span at, DiagTag tag, const char *fmt, ...) PRINTF(4, 5);
void comp_warn(Comp *c, Span at, DiagTag tag, const char *fmt, ...) PRINTF(4, 5);
void comp_hint(Comp *c, const char *fmt, ...) PRINTF(2, 3);
const char *tname(Comp *c, const Type *t);      /* for messages; lives in the arena */
const Type *check_call(Comp *c, Node *n);
const Type *check_cast(Comp *c, Node *n);
const Type *check_field(Comp *c, Node *n);
const Type *check_index(Comp *c, Node *n);
const Type *check_elem(Comp *c, Node *n);
const Type *check_record(Comp *c, Node *n);     /* or a tuple: from its elements */
const Type *check_typeinfo(Comp *c, Node *n);   /* builtins/reflect.c */
bool check_settled(const Type *t);              /* no part of it is unknown yet */
bool literal_truth(const Node *n, bool *truth); /* n is a literal: is it true? */
bool fold_un(Comp *c, Node *n);                 /* true: n is a literal now, or overflowed; its type is set */
bool fold_bin(Comp *c, Node *n);
void fold_cast(Node *n, const Type *to);
const Type *number_type(const Type *t);         /* integer that a bool, enum, int or aggregation counts as; NULL: none */
const Type *literal_type(const Node *n);        /* of an ND_NUM */
bool is_literal(const Node *n);                 /* number, bool or string */
bool is_number(const Type *t);                  /* int, bool, enum: what arithmetic takes */
bool is_scalar(const Type *t);                  /* lives in a register */
/* The narrowest type that holds both; NULL: there is none. n: the expression of type b, or NULL. */
const Type *type_join(Comp *c, const Type *a, const Type *b, const Node *n);
bool set_number(Node *n, u64 v, bool big);      /* turns n into a literal; true */
void make_string(Comp *c, Node *n, const char *s, size_t len);
u64 agg_size(const Type *t);                    /* bytes of an aggregation's value on one CPU */
const Type *agg_coerced(const Type *t);         /* what it is as a number; NULL: nothing */

/* ---- lower*.c ---- */
typedef enum Where { W_REG, W_MEM, W_CTX, W_FAR } Where;
/* A value: in a register, in memory read directly (stack, map, scratch), in the context, or far, by probe_read. */
typedef struct Val {
	const Type *type;
	Where where;
	Ref r;                          /* value, or address */
	s32 off;
	AddrSpace space;                /* W_FAR */
	bool clean;                     /* W_MEM: zero behind the end of strings, and in padding */
	const Field *bits;              /* W_MEM, W_CTX, W_FAR: a bitfield */
} Val;

/* The frame: what leaves a for body, then the shared variables. */
enum { FRAME_LEFT = 0, FRAME_RESULT = 8, FRAME_CTX = 16, FRAME_VARS = 24 };
typedef struct Loop {
	u32 brk, cont;
	bool callback;
	u32 trips;                      /* for over a short range: how often, times those around it; 0: not known */
	struct Loop *up;
} Loop;

void lower_clause(Comp *c, Clause *cl);
void lower_leave(Comp *c, Ref value);                           /* return; value 0: nothing */
void lower_frame(Comp *c);
void lower_for(Comp *c, Node *n);
Ref lower_step(Comp *c, Node *n, bool wanted);
/* lower_into, by way of fresh memory if the value mentions sym. */
void lower_fresh(Comp *c, Node *n, const void *sym, const Type *as, Ref base, s32 off, bool clean);
void assign_var(Comp *c, VarSym *v, Node *value);
void var_set(Comp *c, VarSym *v, Ref r);
void var_place(Comp *c, VarSym *v);                             /* a variable in memory */
Val var_get(Comp *c, VarSym *v);
void lower_block(Comp *c, Node *n);
void lower_stmt(Comp *c, Node *n);
Val lower(Comp *c, Node *n);
Ref lower_int(Comp *c, Node *n);                                /* a scalar, extended to 64 bits by its own sign */
void lower_cond(Comp *c, Node *n, u32 yes, u32 no);
Ref lower_op(Comp *c, Node *n, Ref a, Ref b);                   /* a op b; n: ND_BIN or ND_ASSIGN */
void lower_into(Comp *c, Node *n, const Type *as, Ref base, s32 off, bool clean);
/* lower_val.c */
Val val_reg(const Type *t, Ref r);
Val val_mem(const Type *t, Ref r, s32 off);
Val val_deref(Comp *c, const Type *ptr, Ref r);                 /* what a pointer points at */
Val val_load(Comp *c, Val v);                                   /* scalars end in a register */
Ref val_int(Comp *c, Val v);
void val_store(Comp *c, Val v, const Type *as, Ref base, s32 off, bool clean);
enum { LONG_STRING = 64 };              /* over so many bytes the kernel loops, not the program */
Val val_near(Comp *c, Val v);                                   /* in W_MEM (aggregates), copied if need be */
Ref val_addr(Comp *c, Val v);
Ref val_mem_new(Comp *c, const Type *t);                        /* fresh memory for one */
Ref convert(Comp *c, Ref r, const Type *from, const Type *to);  /* integers, bools, pointers */
void val_clear_gaps(Comp *c, const Type *t, Ref base, s32 off);   /* padding of a tuple or record */
void store_scalar(Comp *c, Ref base, s32 off, const Type *t, Ref r);
void store_low_bytes(Comp *c, Ref base, u32 n, Ref r);           /* the low n <= 8 bytes of r, n any number */
void store_string(Comp *c, Ref base, s32 off, const char *s, u32 n, u32 size, bool clean);
Ref offset(Comp *c, Ref base, s32 off);
void zero_called(Comp *c, Ref at, u32 size);    /* zeros by a helper */
void read_far(Comp *c, AddrSpace space, Ref to, u32 size, Ref from, Span at);
Ref read_str(Comp *c, AddrSpace space, Ref to, u32 size, Ref from, Span at);
Val val_part(Val v, u32 off, const Type *t);
Ref str_equal_literal(Comp *c, Val v, const char *s, u32 n);
Ref string_compare(Comp *c, Val a, Val b, u32 n, s64 same);
Ref string_equal(Comp *c, Val a, Val b);
Ref bytes_equal(Comp *c, Val a, Val b, u32 n);
void helper_check(Comp *c, Ref result, u32 helper, Span at);    /* -k: reports a negative result */
/* lower_map.c */
void place_maps(Comp *c);
Ref map_of_key(Comp *c, MapSym *m, Ref key);      /* the map that has the key which map_key() made last */
bool map_key_tells(const Node *key);
void map_used_whole(Node *map); /* this use of a map can do with two maps for one */
Ref map_key(Comp *c, MapSym *m, Node *key);                     /* address of the key, built */
Val map_read(Comp *c, Node *n);
void map_into(Comp *c, Node *n, const Type *as, Ref base, s32 off, bool clean);
void map_assign(Comp *c, Node *n);
bool map_is_lru(const MapSym *m);
void map_update(Comp *c, MapSym *m, Ref map, Ref key, Ref value, u64 flags, bool rare);
Ref map_step(Comp *c, Node *n, bool wanted);
Ref map_address(Comp *c, Node *n);                              /* &@m, &@m[k] */
/* agg.c */
void agg_assign(Comp *c, Node *map, Node *call);
Ref agg_read(Comp *c, Node *n);
Ref agg_gather(Comp *c, MapSym *m, Ref key, Span at);
void agg_tseries(Comp *c, const Type *t, Ref slot, Ref v, u32 out);
/* event.c: records into the ring */
void note_full(Comp *c, Ref err);       /* an update of a map gave err here: nonzero says that it found no room */
Ref lost_words(Comp *c);        /* address of the words of Script.lost (LOST_), the first of which is a 1 */
void lost_finish(Comp *c);      /* after the last program: the map has its size and its first value */
u32 event_new(Comp *c, EventKind kind, Span at);
void event_send(Comp *c, u32 event, Node *const *args, u32 n);  /* args as the EventDef's */
void event_send_ints(Comp *c, u32 event, Ref aux, const Ref *vals, u32 n);
u32 event_layout(Comp *c, u32 event, const Type *const *types, u32 n);
u32 event_open(Comp *c, u32 event, Ref *rec);                   /* for records filled by hand; gives what event_close wants */
void event_close(Comp *c, u32 event, Ref rec, u32 fail);
void comp_ring_size(Comp *c);                                    /* at the end */
u32 comp_ring(Comp *c);                                         /* index of the ring's map, made at first need */
u32 comp_map(Comp *c, MapDef def);

#endif
