/* vm: the BPF machine in user space. Comes in: Code and MapDefs (bpf/bpf.h). Goes out: a verdict with its
 * reason (verify/), a run (interp.c, jit/), maps (maps/), and a Machine (machine.c) that is the twin of kern/'s.
 * Called by run/, cmd/vm.c, proc/ and by users of libpiton-vm. Needs no privilege and no kernel BPF.
 * Never here: trust. Bytecode is hostile; nothing in this room dies on it, every bad input is an error value.
 * The meaning of an instruction exists once for values (interp.c) and once for abstract values (verify/).
 * Threads: separate Vm's are independent; one Vm's maps may be used from several threads at once.
 * Locals: insn pc reg. */
#ifndef VM_VM_H
#define VM_VM_H

#include "bpf/bpf.h"

/* ---- verify/: is this program safe? ---- */

typedef struct VerifyOptions {
	u32 budget;                     /* instructions to walk; 0: 1,000,000 */
	bool trace;                     /* the state at each instruction goes to Verdict.log (piton vm verify -v) */
	bool unprivileged;
	bool no_kernel;                 /* it will run here: objects and functions of a kernel are not supported */
	bool no_btf;                    /* callbacks need no function types: for code that never goes to the kernel */
	const char *source_name;        /* for messages, may be NULL */
} VerifyOptions;

typedef struct Verdict {
	bool ok;
	bool unsupported;               /* refused because this verifier does not know the feature: exit 3 */
	s32 pc;                         /* where, -1: whole program */
	u32 walked, states, stack;      /* instructions walked, states kept, bytes of stack over the call chain */
	Buf text;                       /* one sentence with the cause; path; registers in words; remedy */
	Buf log;
} Verdict;
void verdict_free(Verdict *v);

/* What the verifier learnt about each instruction; the JIT relies on it. */
enum { FACT_REACHED = 1 };              /* some path comes here */
typedef struct InsnFacts { u8 flags; } InsnFacts;

/* Verifies `code` against the maps it names (MapDef of index imm). facts: NULL, or room for code->n; of no use if it is refused. */
bool vm_verify(const Code *code, const MapDef *maps, u32 n_maps, const VerifyOptions *opt, Verdict *v, InsnFacts *facts);

/* ---- maps/ ---- */

typedef struct VmMap VmMap;
/* A map in memory that children of fork share. NULL with *err = -errno. */
VmMap *vm_map_new(const MapDef *def, int *err);
/* The map in the file `path`, made if it is not there: processes that open one file share one map. A process that is
 * killed in the middle of a change does not block the others. -EINVAL: the file holds a map of other sizes. */
VmMap *vm_map_open(const char *path, const MapDef *def, int *err);
void vm_map_free(VmMap *m);
void *vm_map_lookup(VmMap *m, const void *key);         /* the value (of this CPU), or NULL */
int vm_map_update(VmMap *m, const void *key, const void *value, u64 flags);
int vm_map_delete(VmMap *m, const void *key);
int vm_map_next(VmMap *m, const void *key, void *next);
const MapDef *vm_map_def(const VmMap *m);

/* ---- running ---- */

typedef struct Vm Vm;           /* a set of maps and programs; the first member of its Machine view */
typedef struct VmProg VmProg;
typedef struct VmContext VmContext;     /* one run: what the helpers ask (time, pid, comm, packet); vm/run.h */
/* Helper functions have the kernel's calling convention. */
typedef u64 VmHelperFn(u64 r1, u64 r2, u64 r3, u64 r4, u64 r5, VmContext *c);

/* VM_JIT_BLIND: no constant of the program stands in the code as it is. */
typedef enum VmEngine { VM_AUTO, VM_INTERP, VM_INTERP_CHECKED, VM_JIT, VM_JIT_BLIND } VmEngine;
/* Prepares `code` for running: resolves maps, and compiles it when engine is VM_JIT (or VM_AUTO where there is a JIT).
 * Without verification only VM_INTERP_CHECKED is allowed. NULL with *err. */
VmProg *vm_prog_new(const Code *code, VmMap *const *maps, u32 n_maps, VmEngine engine, bool verified, int *err, Buf *why);
/* The same of a program that was verified with these facts: what is never reached is not compiled. */
VmProg *vm_prog_new_known(const Code *code, VmMap *const *maps, u32 n_maps, VmEngine engine, const InsnFacts *facts, int *err, Buf *why);
void vm_prog_free(VmProg *p);
/* Runs once; mem/mem_size: what r1/r2 hold for plain programs (conformance suites), or the context by program type.
 * 0 or -errno (-EFAULT: the checked interpreter stopped it; *why in words). */
int vm_prog_run(VmProg *p, void *mem, u64 mem_size, u64 *r0, Buf *why);
/* The compiled program itself, where it needs nothing but its memory (it calls nothing); else NULL. */
typedef u64 VmFn(void *mem, u64 size);
VmFn *vm_prog_fn(const VmProg *p);
/* Many runs, as vm_prog_run does each: programs that call nothing are compiled into one loop over them. r0 gets the low half
 * of the register; gives how many are not 0, or the first error, which ends it. */
typedef struct VmRun { void *mem; u32 size, r0; } VmRun;
s64 vm_prog_run_each(VmProg *p, VmRun *runs, size_t n, Buf *why);
u32 vm_prog_native_size(const VmProg *p);

/* machine.c: the Machine over all of it. NULL only without memory. */
Machine *vm_machine_new(VmEngine engine);

#endif
