/* What the files of out/ share and others do not see. */
#ifndef OUT_INSIDE_H
#define OUT_INSIDE_H

#include "out/out.h"

typedef struct Format Format;

struct Out {
	Arena *a;
	OutOptions opt;
	const EventDef *events;
	const MapInfo *maps;
	u32 n_events, n_maps;
	struct Place *places;           /* per event: what its records must have */
	Format **formats;               /* per event, NULL where there is none */
	Buf buf;                        /* to be written to opt.fd */
	Buf text, value;                /* scratch: one event's text; one value that needs a copy */
	u64 printed, malformed;
	int err;                        /* what write(2) said, kept */
	struct Names *names;            /* users, cgroups: asked once */
	struct Captures *captures;      /* skboutput: open files */
	bool capturing;                 /* between out_capture() and out_captured(): buf is not written */
	Buf before;                     /* capturing: what is written afterwards */
	OutFormat format_before;
	Vec(bool) zeroed;               /* per map: zero() makes it print although nothing was counted */
};

/* format.c */
Format *format_new(Arena *a, const OutOptions *opt, const EventDef *e);
/* Appends the text of one record to b; size was checked against the event's arguments. */
void format_run(Out *o, Buf *b, const Format *f, const u8 *rec, u32 size);
char *format_u64(char *end, u64 v);     /* decimal digits before end; gives the first */

/* value.c: `avail` bytes are there; less than the type's size only for strings and buffers. */
typedef enum ValueStyle {
	VS_TEXT,
	VS_KEY,                         /* in text, inside @m[...]: the outermost tuple without parentheses */
	VS_JSON_KEY,                    /* compact text, no quotes */
	VS_JSON,
} ValueStyle;
void value_put(Out *o, Buf *b, const Type *t, const void *p, u32 avail, ValueStyle style);
void value_json_string(Buf *b, const char *s, size_t n);
/* JSON readers keep a number as a double: one that would change in it is quoted. */
bool value_json_quoted(u64 v, bool sign);
u64 value_load(const Type *t, const void *p);           /* an integer, sign-extended if its type is signed */

/* agg.c */
void agg_merge(const Type *t, void *to, const void *from);      /* both in the layout of out.h */
bool agg_is_empty(const Type *t, const void *p);
s64 agg_number(const Type *t, const void *p);           /* what it is sorted by */
void agg_put(Out *o, Buf *b, const Type *t, const void *p, s64 div, bool json);         /* count to stats */

/* hist.c, tseries.c: the rows of one value, each with its newline; JSON: one list. */
bool hist_is_rows(const Type *t);                       /* hist, lhist, tseries: printed in rows */
void hist_put(Buf *b, const Type *t, const u64 *buckets, s64 div, bool json);
u64 hist_total(const Type *t, const u64 *buckets);
/* last: the newest epoch of the whole map, to which the rows of every key go on. */
u64 tseries_last(const Type *t, const void *p);
void tseries_put(Buf *b, const Type *t, const void *p, u64 last, s64 lo, s64 hi, bool json);

/* stack.c */
void stack_put(Out *o, Buf *b, const Type *t, const void *p, ValueStyle style);

/* names.c: NULL-safe; the text of numbers that have names. */
void name_user(Out *o, Buf *b, u64 uid);
void name_cgroup(Out *o, Buf *b, u64 id, const char *glob);
const char *name_signal(u64 n);
const char *name_syscall(u64 n);
const char *name_error(u64 n);
void name_time(Buf *b, const char *fmt, u64 ns, char clock);    /* strftime, %f: microseconds */
u64 name_wall_offset(void);             /* what to add to boot time for the wall clock */

/* events.c: everything but printf, print and exit. false: it was malformed. */
bool event_other(Out *o, const EventDef *e, const u8 *rec, u32 size, u32 aux);

/* results.c */
typedef enum TestMark { MARK_SUM, MARK_RUN, MARK_OK, MARK_PASSED, MARK_FAILED } TestMark;

/* out.c */
void out_text_event(Out *o, const char *type, const char *text, size_t n);      /* as it is, or as JSON of that type */
void out_error_line(Out *o, Buf *b);    /* to the standard error, behind what was printed so far */

#endif
