/* lang: from script text to programs. Comes in: sources, options, types, probes. Goes out: a Script: maps, event layouts,
 * one Code per clause (or per probe, where the clause asks what differs). Called by run/ and cmd/ only.
 * lex, parse -> AST with spans; resolve names, expand probes; check types over all clauses; lower to ir/; ir_compile.
 * Compile errors go to the Diag and end after check; only "cannot continue" jumps out (one setjmp in lang_compile).
 * Never here: system calls; knowledge of one provider by name.
 * Locals: n node, t token or type, c compiler. */
#ifndef LANG_LANG_H
#define LANG_LANG_H

#include "bpf/bpf.h"
#include "ir/ir.h"
#include "out/out.h"
#include "probe/probe.h"
#include "type/type.h"

typedef enum ConfigId {
#define CONFIG(id, name, kind, def) id,
#include "lang/config.def"
#undef CONFIG
	N_CONFIG
} ConfigId;
typedef struct Config { struct { const char *s; u64 n; bool by_env; } v[N_CONFIG]; } Config;    /* 'e': n is the word's index */
/* config.c: defaults, then PITON_*, BPFTRACE_* of the environment. false: a bad value, reported. */
bool lang_config_init(Config *c, Diag *d, Arena *a);
bool lang_config_default(const Config *c, ConfigId id);  /* a number: it is what it is when nobody says otherwise */
bool lang_config_set(Config *c, Diag *d, Arena *a, const char *name, const char *value, Span at);

typedef struct LangOptions {
	const char *const *params;      /* $1.. */
	u32 n_params;
	const char *const *options;     /* behind "--": for getopt() */
	u32 n_options;
	u32 pages;                      /* of the ring; 0: by memory */
	u64 wall_offset;                /* wall clock minus boot time, in ns, at start: for tseries() */
	u64 elapsed_base;               /* boot-time ns at start, for `elapsed` */
	s32 cpid;                       /* of -c, or 0 */
	bool unsafe, warnings;
	u32 helper_errors;              /* -k: report failed helpers */
	const char *script_name;        /* for getopt's usage */
	const char *dump;               /* -d STAGES: ast, types, ir and the passes, bpf */
	Buf *dump_to;
	bool plain;                     /* no optimization */
	char mode;                      /* 0 trace, 't' --test, 'b' --bench */
} LangOptions;

/* One program and the places it is attached to. */
typedef struct ScriptProg {
	Code code;
	const Provider *prov;
	Vec(Probe *) probes;            /* more than one: same_code, or told apart by cookie */
	Span at;                        /* of the clause */
} ScriptProg;

typedef struct Script {
	Arena *a;
	Config config;
	Vec(MapDef) maps;
	Vec(MapInfo) infos;             /* the script's @maps */
	Vec(EventDef) events;
	Vec(ScriptProg) progs;
	u32 ring, lost;                 /* indices into maps; NO_MAP if absent. lost: array, one entry of u64s, see LOST_ */
	Vec(u32) full;
	bool needs_sym_kernel, needs_sym_user;
	UnwindMaps unwind;              /* .procs NO_MAP: nothing is unwound by tables */
	const char *help;               /* --help was among the script's options: print this and end; nothing else is there */
	u32 n_probes;                   /* as "Attached N probes" counts them */
	bool waits;                     /* until it is ended: places that compat let be missing would have had it run on */
} Script;
#define NO_MAP 0xffffffffu
/* A 1 for who needs its address; records that found no room; [LOST_FULL + i] not 0: map updates found none, told as event full.v[i]. */
enum { LOST_ONE = 0, LOST_RECORDS, LOST_FULL };

/* Compiles the source registered in pc->d at offset `base` (length n). NULL: errors are in pc->d. The Script lives in pc->a. */
Script *lang_compile(ProbeContext *pc, const LangOptions *opt, const char *text, size_t n, u32 base);

/* resolve.c: calls fn with each attach point of the source as written, parameters put in. false: errors are in d. */
typedef void PointFn(void *arg, const char *point, Span at);
bool lang_points(Types *types, Arena *a, Diag *d, const LangOptions *opt, const char *text, size_t n, u32 base, PointFn *fn, void *arg);

/* fmt.c: the source in d at `base`, reformatted, behind what `out` holds (nothing at all if it has no tokens). false: errors are in d. */
bool lang_format(Types *types, Arena *a, Diag *d, const char *text, size_t n, u32 base, Buf *out);

#endif
