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
	Span at, *call;                 /* call: the macros' calls that put it there, the innermost first */
	u32 n_calls;
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
	u32 set_offset;                 /* maps that always hold their one entry: != 0: a u32 there in the value (behind it) is
	                                 * nonzero once the script assigned to it; cpu_array: in each CPU's stride */
	bool internal;                  /* not printed at the end */
	Span at;
} MapInfo;

/* Values in a map, per CPU (or once):
 *   count u64 · sum s64/u64 · min,max {u64 value; u64 set} · avg,stats {u64 count; s64 total}
 *   hist u64[buckets]: bucket 0 negative, 1 zero, then as out_hist_bucket() · lhist u64[(max-min)/step + 2]
 *   tseries {u64 epoch; s64 value; u64 n}[count]: epoch is wall-clock ns / interval + 1 (0: never used), its place epoch % count;
 *     n how often it was added to, but without an aggregation the ns at which it was set
 * A value that travels in a record (print(@m[k]), tuples) is laid out as that of one CPU, already merged.
 * out_hist_bucket is the one definition that lang's lowering and hist.c share: for k bits, v >= 0 with its highest bit at h
 * has shift = max(h - k, 0) and bucket 1 + v if v < 2^k, else 1 + ((shift + 1) << k) + (v >> shift) - 2^k. */
u32 out_value_size(const Type *t);      /* bytes of one CPU's value: aggregations as above, Type.size else */
u32 out_hist_buckets(u32 bits);
u32 out_hist_bucket(s64 v, u32 bits);
void out_hist_range(u32 bucket, u32 bits, s64 *lo, s64 *hi);            /* [lo, hi) ; hi of the last is INT64_MAX */

/* What the printed-only kinds carry:
 *   ksym u64 · usym {u64 address; u32 pid; u32 probe} · inet {u32 family (AF_INET, AF_INET6); 4 or 16 bytes} · mac 6 bytes
 *   timestamp u64 ns, Type.name the strftime format, Type.mode the clock: 'b'oot 'm'onotonic 'r'ealtime
 *   cgroup_path u64 id, Type.name a glob over the controllers, or NULL
 *   username, strerror, signal, syscall: an integer of Type.size · probe: index into OutOptions.probe_names
 *   kstack u64 ip[Type.count] · ustack {u64 pid; u64 ip[Type.count]}: by value, so that none is lost to a collision of hashes;
 *     a 0 ends them earlier, and what follows it is 0 too
 * Strings: a string that fills its size without a NUL and whose size is max_strlen or more was cut; the trailer says so. */

/* Bytes before the frames of a stack. */
static inline u32 out_stack_head(const Type *t) { return t->kind == TY_USTACK ? 8 : 0; }
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
	bool debug_info;                /* stacks show lines, and frames of inlined functions */
	bool color;
	int err_fd;                     /* warnings, errorf(); 0: standard error */
	Types *types;                   /* completes structs that are printed; NULL: they are complete */
	const char *(*helper_name)(u32 id);     /* for EV_HELPER_ERROR; NULL: numbers */
	const char *const *probe_names; /* TY_PROBE */
	u32 n_probe_names;
	/* Reads whole maps and single stacks for print(@m) and stacks by hash: */
	int (*map_walk)(void *arg, u32 map, int (*fn)(void *, const void *key, const void *value), void *fn_arg);
	int (*map_clear)(void *arg, u32 map, bool zero);
	void *arg;
} OutOptions;
Out *out_new(Arena *a, const OutOptions *opt, const EventDef *events, u32 n_events, const MapInfo *maps, u32 n_maps);
/* One record. Returns 0; nonzero: EV_EXIT was seen, its code is in *exit_code. Malformed records are counted, never trusted. */
int out_record(Out *o, const void *data, u32 size, int *exit_code);
void out_map(Out *o, u32 map, s64 top, s64 div);        /* print(@m): index into maps */
void out_maps_exit(Out *o);                             /* all non-internal ones, sorted by name */
void out_attached(Out *o, u32 n);                       /* JSON: attached_probes */
void out_lost(Out *o, u64 n);                           /* "Lost N events" / lost_events */
/* Writes what is there: one write(2). 'f': only once there is much. -EPIPE: the reader is gone; other -errno: full disk. */
int out_flush(Out *o);
int out_flush_all(Out *o);                              /* also under 'f'; out_free does it too */
u64 out_printed(const Out *o);                          /* records turned into output */
u64 out_malformed(const Out *o);
/* From the first to the second what records print is kept, as text; the second gives it (the caller frees it). */
void out_capture(Out *o);
void out_captured(Out *o, Buf *text);
void out_free(Out *o);

/* results.c: --test and --bench. printed: what the test printed, shown if it failed. */
void out_tests_begin(Out *o, u32 n);
void out_test_begin(Out *o, const char *name);
void out_test_end(Out *o, const char *name, u64 ns, bool passed, const Buf *printed);
void out_tests_end(Out *o, u32 n, const char *const *failed, u32 n_failed);
void out_benches_begin(Out *o);
void out_bench(Out *o, const char *name, u64 ns, u64 runs);             /* ns: of one run */

/* value.c: one value as print() shows it; used by the above and by tests. */
void out_value(Out *o, Buf *b, const Type *t, const void *p);
void out_value_json(Out *o, Buf *b, const Type *t, const void *p);

/* format.c: checks and splits a printf format at compile time.
 * Gives the conversions ("%-10s" -> width -10, conv 's'); -1 and *at_byte on a bad one. */
typedef struct Conv { u32 from, to; char conv; char length; s32 width, precision; bool left, zero, plus, alt, blank; } Conv;
int out_format_parse(const char *fmt, size_t n, Conv *out, u32 max, u32 *at_byte, const char **why);

#endif
