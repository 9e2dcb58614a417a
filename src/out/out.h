/* out: from event bytes to text and JSON. Comes in: records of the ring (laid out by lang/ as the EventDefs say),
 * maps read at the end, stacks. Goes out: bytes in one buffer, written once per poll.
 * Called by run/ with every record; by lang/ only for its types (EventDef, MapInfo).
 * Nothing is allocated while events flow, but by the symbol caches of sym/. Never here: system calls on BPF.
 * Locals: o out, e event, m map. */
#ifndef OUT_OUT_H
#define OUT_OUT_H

#include "base/base.h"
#include "sym/sym.h"
#include "type/type.h"

/* events.def: EVENT(id, name, "what"): printf print_value print_map clear zero exit time cat join system errorf warnf
 * helper_error strftime-free ... Every record starts with a RecordHead; the arguments lie behind it as EventDef.args say. */
typedef enum EventKind {
#define EVENT(id, name, json) id,
#include "out/events.def"
#undef EVENT
	N_EVENT_KIND
} EventKind;

typedef struct RecordHead { u32 event; u32 aux; } RecordHead;  /* event: index into Script.events; aux: by kind (below) */

typedef struct Arg { const Type *type; u32 offset; u32 size; } Arg;     /* offset from the start of the record */

/* One place in the script that sends records. */
typedef struct EventDef {
	EventKind kind;
	const char *fmt;                /* printf family, time, cat, system; NULL otherwise */
	Arg *args;
	u32 n_args;
	u32 size;                       /* of the record; a record may be shorter if its last argument is a string or buffer
	                                 * (it then ends behind what is used) */
	u32 map;                        /* EV_PRINT_MAP, EV_CLEAR, EV_ZERO, EV_PRINT_VALUE of a map entry: index into Script.maps */
	s64 top, div;                   /* EV_PRINT_MAP */
	s64 code;                       /* EV_EXIT: if it is constant (n_args == 0) */
	const char *sep;                /* EV_JOIN */
	u32 helper;                     /* EV_HELPER_ERROR: id; aux holds -retcode */
	Span at;
} EventDef;

/* A map of the script: how to read and print it. */
typedef struct MapInfo {
	const char *name;               /* "@", "@reads" */
	const Type *key;                /* NULL: scalar; several keys: TY_TUPLE */
	const Type *value;
	u32 map;                        /* index into Image.maps */
	bool percpu;                    /* values of all CPUs are merged when printed */
	bool cpu_array;                 /* one array entry of host_cpus() values of `stride` bytes each (scalar aggregations) */
	u32 stride;
	bool internal;                  /* not printed at the end */
	Span at;
} MapInfo;

/* Values in a map, per CPU (or once):
 *   count u64 · sum s64/u64 · min,max {u64 value; u64 set} · avg,stats {u64 count; s64 total}
 *   hist u64[buckets]: bucket 0 negative, 1 zero, then as out_hist_bucket() · lhist u64[(max-min)/step + 2]
 * out_hist_bucket is the one definition that lang's lowering and hist.c share. */
u32 out_hist_buckets(u32 bits);
u32 out_hist_bucket(s64 v, u32 bits);
void out_hist_range(u32 bucket, u32 bits, s64 *lo, s64 *hi);            /* [lo, hi) ; hi of the last is INT64_MAX */

/* Stacks: a record or key carries the stack by value: u32 n, u32 pid (user), then u64 ip[n] (size fixed by Type.count in keys,
 * the rest zero), so that none is lost to a hash collision... or, where keys would be too large, a u64 hash whose frames lie
 * in the stacks map (Script.stack_map: hash of u64 -> u32 n, u32 pid, u64 ip[]). Type.size tells which: 8 or 8 + 8 * count. */
typedef enum StackMode { STACK_BPFTRACE, STACK_PERF, STACK_RAW, STACK_BUILD_ID } StackMode;

typedef enum OutFormat { OUT_TEXT, OUT_JSON } OutFormat;
typedef struct Out Out;
typedef struct OutOptions {
	OutFormat format;
	int fd;                         /* where stdout data goes */
	char buffering;                 /* 'l' line, 'f' full, 'n' none; 0: by kind of fd */
	u32 max_strlen;
	const char *trailer;            /* str_trunc_trailer */
	Sym *sym;
	Diag *diag;                     /* names places in errorf, warnf, helper_error */
	u64 max_cat_bytes;
	bool unsafe_ok;                 /* system() allowed */
	bool show_helper_errors;        /* -k */
	/* Reads whole maps and single stacks for print(@m) and stacks by hash: */
	int (*map_walk)(void *arg, u32 map, int (*fn)(void *, const void *key, const void *value), void *fn_arg);
	int (*map_lookup)(void *arg, u32 map, const void *key, void *value);
	int (*map_clear)(void *arg, u32 map, bool zero);
	void *arg;
} OutOptions;
Out *out_new(Arena *a, const OutOptions *opt, const EventDef *events, u32 n_events, const MapInfo *maps, u32 n_maps, u32 stack_map);
/* One record. Returns 0; nonzero: EV_EXIT was seen, its code is in *exit_code. Malformed records are counted, never trusted. */
int out_record(Out *o, const void *data, u32 size, int *exit_code);
void out_map(Out *o, u32 map, s64 top, s64 div);        /* print(@m): index into maps */
void out_maps_exit(Out *o);                             /* all non-internal ones, sorted by name */
void out_attached(Out *o, u32 n);                       /* JSON: attached_probes */
void out_lost(Out *o, u64 n);                           /* "Lost N events" / lost_events */
int out_flush(Out *o);                                  /* -EPIPE: the reader is gone */
u64 out_printed(const Out *o);                          /* records turned into output */
u64 out_malformed(const Out *o);
void out_free(Out *o);

/* value.c: one value as print() shows it; used by the above and by tests. */
void out_value(Out *o, Buf *b, const Type *t, const void *p);
void out_value_json(Out *o, Buf *b, const Type *t, const void *p);

/* format.c: checks and splits a printf format at compile time.
 * Gives the conversions ("%-10s" -> width -10, conv 's'); -1 and *at_byte on a bad one. */
typedef struct Conv { u32 from, to; char conv; char length; s32 width, precision; bool left, zero, plus, alt, blank; } Conv;
int out_format_parse(const char *fmt, size_t n, Conv *out, u32 max, u32 *at_byte, const char **why);

#endif
