/* Inside cmd/filter*.c: what the options of `piton filter` ask for. */
#ifndef CMD_FILTER_H
#define CMD_FILTER_H

#include "cmd/cmd.h"
#include "bpf/bpf.h"
#include "filt/capture.h"
#include "filt/filt.h"

typedef struct FilterJob {
	Arena *a;
	const char *expr;
	FiltOpts f;
	bool linktype_given;
	int dump;                       /* -d -dd -ddd */
	const char *in, *out, *iface;   /* -r -w -i */
	const char *object, *kind;      /* -o FILE, --type */
	bool absolute;                  /* -S */
	bool maps;                      /* --maps */
	bool explain, check, counting, print, process, line_buffered, unbuffered, number;
	u64 count, file_mb, file_max, file_secs, skip;
	int out_format;                 /* CAP_* */
	int times;                      /* number of -t */
	int bytes;                      /* 0, 'x', 'X', 'A' */
	bool bytes_link;                /* -xx, -XX: with the link header */
	LiveOpts live;
	ShowOpts show;
	int verbose;
} FilterJob;

/* A filter for a link type; prints what is wrong and gives NULL. */
Filt *filter_compile(FilterJob *j, const char *expr, const FiltOpts *o);
int filter_say(const char *fmt, ...) PRINTF(1, 2);      /* on standard error; gives 2 */
/* filter_run.c: from files and interfaces to lines and files. */
int filter_run(FilterJob *j);
int filter_list_ifaces(void);
int filter_list_links(FilterJob *j);
/* filter_kernel.c: the program's handle, or -errno with the reason. */
int filter_load(Machine *m, Arena *a, const FiltEbpf *e, u32 prog_type, Refusal *why);
/* filter_feed.c: who sends, from BPF programs; NULL: *err says why there is none. feed_find is an OwnerAsk. */
typedef struct Feed Feed;
Feed *feed_open(Arena *a, int *err);
bool feed_find(void *feed, const OwnerEnds *e, u32 *pid, char comm[16]);
void feed_close(Feed *f);

#endif
