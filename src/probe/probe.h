/* probe: what can be probed and how. One file per provider, one row in providers.def.
 * Comes in: attach points as written. Goes out: Probes (concrete places), the types of what a program finds there, the
 * IR that loads it, and at run time the attachment. Called by lang/ (compile-time half) and run/ (attach half).
 * The compile-time half makes no system call but reads through the host's door; the run-time half is attach() alone.
 * Never here: the script's language. Locals: pc probe context, p probe, fn. */
#ifndef PROBE_PROBE_H
#define PROBE_PROBE_H

#include "bpf/bpf.h"
#include "ir/ir.h"
#include "kern/kern.h"
#include "sym/sym.h"
#include "type/type.h"

typedef struct Provider Provider;

/* When a program runs: by an event, or by piton itself. PW_READ: once attached, until its fds[0] is readable, which ends it. */
typedef enum ProbeWhen { PW_EVENT, PW_BEGIN, PW_END, PW_SIGNAL, PW_TEST, PW_BENCH, PW_READ } ProbeWhen;

/* One concrete place (or, before expansion, a pattern: has_glob). Unused members are 0. Strings are interned. */
typedef struct Probe {
	const Provider *prov;
	const char *name;               /* as the builtin `probe` shows it: "tracepoint:syscalls:sys_enter_openat" */
	const char *scope;              /* category, module, path of the binary */
	const char *func;               /* event, function, symbol */
	bool has_glob, from_glob;       /* a pattern; found by one */
	bool own_args;                  /* argN lie elsewhere than at the provider's other probes */
	u64 addr, offset;               /* address or file offset; offset in the function */
	u64 period;                     /* ns, Hz (is_freq) or events */
	bool is_freq;
	u32 type, config;               /* perf event; signal number in config */
	u32 id;                         /* tracepoint id, BTF id */
	u64 ref_ctr;                    /* USDT semaphore's file offset */
	u64 cookie;
	void *priv;                     /* the provider's own */
	bool own_clock;                 /* fires by a timer of its own: what was attached first runs first, whatever last_first says */
	bool session;                   /* run time: one program for entry and return, attached with the entry */
	Span at;
	int *fds;                       /* run time: what attach() opened */
	u32 n_fds;
} Probe;

typedef struct ProbeContext {
	Arena *a;
	Diag *d;
	Types *types;
	Sym *sym;
	Machine *machine;               /* NULL: nothing can be asked or attached (dry compile) */
	bool (*has)(Machine *m, Feature f);     /* features of the target machine */
	s32 pid;                        /* -p, or the child of -c: what per_pid providers attach to; 0: none */
	bool pid_filter;                /* -p: programs of providers that are not per_pid compare the pid (not for -c) */
	bool unsafe;
	u32 n_unwind_pids;              /* --dwarf-pid: further processes whose stacks can be unwound by tables */
	u32 max_probes;
	const char *probe_filter;       /* --probe-filter, extended regex, or NULL */
	const char *traceable;          /* --traceable-functions FILE: instead of the kernel's list, or NULL */
	bool sure;                      /* what cannot be attached is to be left out: ask the tracer's own list too */
	const volatile int *stop;       /* nonzero after Ctrl-C: attach loops end with -EINTR; may be NULL */
	struct Uargs *uargs;            /* uargs.c: user programs whose DWARF is open */
} ProbeContext;

typedef int ProbeFn(void *arg, Probe *p);       /* nonzero ends the walk */

/* What a program finds at a probe: "arg0", "retval", "func", or a field of args. */
struct Provider {
	const char *name, *alias;       /* "kprobe", "k"; alias may list several: "kretprobe" has "kr" */
	ProbeWhen when;
	u32 prog_type, attach_type;
	Feature feature;                /* needed, or N_FEATURE */
	AddrSpace space;                /* what argN and pointers in args point into */
	bool args_in_ctx;               /* args is a struct that lies in the context: loads are ctx + Field.offset */
	bool per_pid;                   /* attach() itself limits to pc->pid; else the compiler adds a pid predicate */
	bool timer;                     /* fires every Probe.period (ns, or Hz if is_freq) whatever else happens: the user
	                                 * machine can do that too */
	bool is_return;                 /* the other half of an entry: "-l" of everything lists that alone */
	Feature session_needs;          /* entries: what it takes to attach one program to them and to the returns */
	u32 session_type;               /* the attach type then; 0: that is not possible */
	u32 session_from;               /* how many places are worth it; where 1 is, a pair counts as one probe, as for bpftrace */
	bool last_first;                /* of several programs at one place the kernel runs first what was attached last */
	u32 parts;                      /* of the pattern that matches all: 1 for "*", 2 for "*:*"; 0: there is none */
	bool watches;                   /* its places are addresses: unwatch(Probe.addr) ends them */
	bool of_files;                  /* its places are in user programs: FILE:... */
	bool same_code;                 /* programs that use neither `args` nor `probe`/`func` are equal for all probes */
	/* The forms, for messages: "kprobe:[module:]function[+offset]". */
	const char *usage;
	/* Checks the parts behind "name:" and fills p; false: reported. */
	bool (*parse)(ProbeContext *pc, const char *const *part, u32 n, Probe *p);
	/* Calls fn for every concrete probe that pattern p matches (-l, wildcards; a p without glob: itself if it exists).
	 * Number of matches or -errno. fn gets a Probe allocated in pc->a. */
	int (*expand)(ProbeContext *pc, const Probe *p, ProbeFn *fn, void *arg);
	/* The struct behind `args` (fields with types), or NULL: has none. *why: words for the message then. */
	const Type *(*args)(ProbeContext *pc, const Probe *p, const char **why);
	/* The type of "arg0".., "sarg0"..., "retval", "func", "reg:NAME", "ctx" here; NULL: not available (*why).
	 * "func" is a string: Probe.func is its text, load is not asked. */
	const Type *(*value_type)(ProbeContext *pc, const Probe *p, const char *name, const char **why);
	/* Emits the load of such a value, or (args_in_ctx false) of args field number `field` (name NULL). */
	Ref (*load)(ProbeContext *pc, const Probe *p, Fn *fn, const char *name, u32 field);
	/* Emits what comes before the clause's own code, or ends the program there. NULL: nothing. */
	void (*enter)(ProbeContext *pc, const Probe *p, Fn *fn);
	/* Where printf writes to instead of the event ring, a struct seq_file *, since somebody else reads it; 0: the ring. May be NULL. */
	Ref (*seq)(const Probe *p, Fn *fn);
	/* What loading must know beyond the columns, for the clause's probes that share a program: the attach type of the
	 * link that attach() will choose, the BTF id of the target. Called before prog_load. NULL: nothing. */
	void (*code)(ProbeContext *pc, Probe *const *p, u32 n, Code *c);
	/* Run time. Both probes share the loaded program. n > 1 only for probes of one clause with same_code or cookies.
	 * -errno on failure; *failed gets the one that did not work; opened fds stay in Probe.fds. */
	int (*attach)(ProbeContext *pc, Probe **p, u32 n, int prog_fd, u32 *failed);
	/* Takes back what attach() did beyond opening Probe.fds. NULL: nothing. */
	void (*detach)(Probe *p);
	/* -l of all, where the patterns are no sequence of names (NULL: expand); -lv of one (NULL: the fields of args). */
	int (*list)(ProbeContext *pc, ProbeFn *fn, void *arg);
	void (*list_args)(ProbeContext *pc, const Probe *p, Buf *out);
};

/* unwind.c: the stack of a user program without frame pointers, walked by the rows of sym/cfi.c. They lie in one array a file
 * (`objects`: an array of these), and by thread group id `procs` tells which file is mapped where. */
enum { UNWIND_OBJECTS = 1024, UNWIND_MAPPINGS = 512, UNWIND_PROCESSES = 64 };
typedef struct UnwindMapping { u64 start, end, bias; u32 object, rows; } UnwindMapping;         /* address - bias: as in the file */
typedef struct UnwindProcess { u64 n; UnwindMapping m[UNWIND_MAPPINGS]; } UnwindProcess;        /* by rising start */
typedef struct UnwindMaps { u32 rows, objects, procs; } UnwindMaps;      /* indices of maps; rows: the template */
MapDef probe_unwind_rows(u32 n);
MapDef probe_unwind_objects(u32 rows);
MapDef probe_unwind_procs(void);
/* NULL, or what this kernel lacks for it. */
const char *probe_unwind_lacks(ProbeContext *pc);
/* Writes up to `count` addresses of process `pid`, the current one, to base + off, the innermost first; what is behind them stays as it was.
 * Gives 0 if nothing is known of the process. */
Ref probe_unwind(Fn *fn, const UnwindMaps *maps, Ref pid, Ref base, s32 off, u32 count);

/* providers.c */
const Provider *probe_find(const char *name, size_t n);         /* by name or alias, any case; NULL */
const Provider *probe_next(const Provider *prev);               /* NULL: first; in listing order */
/* Splits "k:vfs_*" at colons (quotes kept together), finds the provider and parses. NULL: reported. */
Probe *probe_parse(ProbeContext *pc, const char *text, size_t n, Span at);
/* Expands by the provider, honouring probe_filter. Number of probes, or -errno. */
int probe_expand(ProbeContext *pc, const Probe *p, ProbeFn *fn, void *arg);
void probe_detach(Probe *p);                                    /* closes its fds */
/* The same for many: the kernel waits for readers at each, so several threads wait at once. */
void probe_detach_all(Probe *const *p, u32 n);
/* -l PATTERN: one name per line into out; args: -lv. Number of lines. */
const char *probe_lacks(const Probe *p);        /* what this kernel would need to have it, in words */
int probe_list(ProbeContext *pc, const char *pattern, bool args, Buf *out);

#endif
