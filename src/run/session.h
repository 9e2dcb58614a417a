/* session: private to run/. What one tracing session holds; made and released in pairs by session.c. */
#ifndef RUN_SESSION_H
#define RUN_SESSION_H

#include "run/run.h"

typedef struct Session {
	const RunOptions *opt;
	Arena *a;
	Diag *d;
	Types *types;
	Sym *sym;
	Machine *machine;
	ProbeContext pc;
	Script *script;
	Out *out;
	Child child;
	int pidfd;                      /* of -p, or -1 */
	MmapWatch *mmaps;               /* if user stacks are to be named */
	struct Unwind *unwind;          /* if stacks are unwound by tables */
	int *map, *prog;                /* handles, by index into Script.maps and .progs; NOT_LOADED */
	u32 n_maps;                     /* made so far */
	const u64 *lost_memory;         /* the lost counter where it can be mapped */
	u64 *lost_copy;                 /* of the same counters, where they cannot be shared */
	bool *full_told;                /* by place in the script: that a map is full */
	u64 lost_told, behind_exit;
	u64 lost_in_ring;               /* by the machine's own count */
	s64 lost_asked;                 /* the second in which it was last asked */
	bool exiting, draining;         /* exit() was seen or nothing is left to wait for; probes are detached */
	bool left, ending;              /* exit() was seen: what other probes sent behind it is not printed; end probes run */
	bool testing;                   /* a test or benchmark runs: exit() is its own */
	bool holding;                   /* what begin sent waits until all is attached, and that has been said */
	int status;                     /* exit(N)'s N, or what went wrong */
} Session;

enum { NOT_LOADED = -1 };

/* pair.c: loads programs at entries and returns of the same functions as one, where the kernel has sessions; their Probe.session is
 * set, and attaching the entries attaches both. */
void run_pair(Session *s);
u32 run_unpair(Session *s, u32 i);      /* takes that back; the other program, or i. Neither is loaded then */

/* loop.c */
int run_signals_take(Session *s);       /* catches INT, TERM, HUP, CHLD and what self: probes want; fd to poll or -errno */
void run_signals_give_back(void);
extern volatile int run_stopped;        /* 1 after the first SIGINT, SIGTERM or SIGHUP */
void run_loop(Session *s);              /* until exit(), a signal, or nothing is left to wait for */
u32 run_drain(Session *s);              /* prints what waits in the ring, counts what was lost; number of records */
int run_prog_now(Session *s, u32 prog, u32 *retval);    /* begin, end, timers of the user machine: runs it and prints */

/* tests.c: the test: or bench: probes of --test and --bench, one after the other. */
void run_tests(Session *s);
void run_benches(Session *s);

/* names.c: what is needed to name user addresses of processes that end before they are asked about. */
void run_names_open(Session *s);        /* before attaching */
void run_names_poll(Session *s);
void run_names_close(Session *s);

/* unwind.c: keeps the maps of dw_ustack up to date: tables of the files that the traced processes have mapped. */
void run_unwind_open(Session *s);       /* what is mapped now; behind run_names_open */
void run_unwind_stale(Session *s, u32 pid);     /* what this process has mapped has changed */
void run_unwind_target(Session *s, u32 pid, u32 parent);         /* it is one from now on; parent not 0: if that one is */
void run_unwind_poll(Session *s);

/* maps.c: out/'s way to the maps; `map` is an index into Script.maps. */
int run_map_walk(void *session, u32 map, int (*fn)(void *, const void *key, const void *value), void *arg);
int run_map_lookup(void *session, u32 map, const void *key, void *value);
int run_map_clear(void *session, u32 map, bool zero);

#endif
