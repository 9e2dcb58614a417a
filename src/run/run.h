/* run: one tracing session from start to end. Comes in: what the command line says (RunOptions). Goes out: output on
 * stdout, everything else on stderr, an exit status. Called by cmd/ only.
 * session.c: choose the machine, compile, make maps, load, attach, begin, loop, end, print, detach, in this order.
 * Nothing is allocated while events flow. Never here: what a probe is, what a record means, how a kernel is asked.
 * Locals: s session. */
#ifndef RUN_RUN_H
#define RUN_RUN_H

#include "lang/lang.h"

typedef struct RunSource { const char *name, *text; size_t n; } RunSource;

typedef struct RunOptions {
	const RunSource *sources;       /* concatenated: several -e */
	u32 n_sources;
	const char *const *params, *const *options;
	u32 n_params, n_options;
	s32 pid;                        /* -p */
	const s32 *dwarf_pids;          /* --dwarf-pid */
	u32 n_dwarf_pids;
	const char *cmd;                /* -c */
	const char *output;             /* -o FILE */
	OutFormat format;
	char buffering;                 /* -B: 'l' 'f' 'n', 0 by itself */
	const char *machine;            /* "auto", "kernel", "user" */
	const char *btf, *probe_filter, *traceable, *dump;
	const char *const *include_dirs, *const *includes;      /* -I, --include */
	u32 n_include_dirs, n_includes;
	bool quiet, verbose, helper_errors, unsafe, dry_run, warnings, strict;
	bool compat;                    /* called as bpftrace: its exit codes */
	bool child_status;              /* --child-status: exit with the child's */
	char mode;                      /* 0, 't' --test, 'b' --bench, 'f' --fmt */
} RunOptions;

/* Exit statuses (0: fine; exit(N) wins). */
enum { RUN_ERROR = 1, RUN_USAGE = 2, RUN_LOST = 3, RUN_DENIED = 4, RUN_UNSUPPORTED = 5 };

/* session.c: traces; gives the exit status. */
int run_trace(const RunOptions *opt);
/* The sources behind one another, registered in d: where they start in its space of offsets; *text, *n: all of it. */
u32 run_sources(const RunOptions *opt, Arena *a, Diag *d, const char **text, size_t *n);
/* Prints and forgets what d holds; false: that could not be written. */
bool run_tell(Diag *d);

/* format.c: --fmt: prints the script reformatted; the exit status. */
int run_format(const RunOptions *opt);

/* list.c: -l / -lv. pattern NULL: everything; sources given: the probes of a script. */
int run_list(const RunOptions *opt, const char *pattern, bool args);

/* child.c: the command of -c, held before its exec until run_child_go(). */
typedef struct Child {
	s32 pid;                        /* 0: none */
	int pidfd, go, failed;          /* fds: readable when it ended; written to start it; exec's errno comes here */
	bool ended, stopped;            /* stopped: at its entry */
	int status;                     /* waitpid's, once ended */
	struct Becoming *becoming;      /* what it stands on until its exec */
} Child;
/* 0 or -errno; -ENOENT, -EACCES: no such command. Words with quotes as in a shell, but no expansion; plain: quotes are characters. */
int run_child_start(Child *c, const char *cmd, bool plain);
int run_child_go(Child *c);             /* lets it exec; 0 or exec's -errno */
/* The same, but it stops before the first instruction of its own, its libraries mapped; run_child_resume() lets it on. */
int run_child_go_to_entry(Child *c);
void run_child_resume(Child *c);
bool run_child_ended(Child *c);         /* looks, without waiting */
void run_child_end(Child *c);           /* SIGTERM if it still runs; closes */

/* refuse.c: why the kernel does not take a program, as a diagnostic at the script's line. */
void run_explain_refusal(Diag *d, const Code *code, const Refusal *why, bool verbose);

#endif
