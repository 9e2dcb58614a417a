/* run: what the running half of the room shares among itself: a prepared program, one run of it, helpers. */
#ifndef VM_RUN_H
#define VM_RUN_H

#include "vm/vm.h"

enum {
	VM_FRAMES = 8,                  /* calls deep, callbacks included */
	VM_STACK = 512,                 /* bytes of stack in each */
	VM_TAIL_CALLS = 33,
	VM_BUDGET = 1 << 28,            /* backward jumps and calls of an unverified run */
	VM_MAY_GOTO = 1 << 23,          /* times that may_goto does not jump, in one run */
};

/* An instruction ready for the interpreter. The slots of a Code keep their places; the second slot of a wide one holds
 * its 64 bits in `go`. */
typedef struct Op {
	const void *go;                 /* the label that does it */
	u8 dst, src;
	s16 off;
	s32 imm;
} Op;

/* Machine code of a program. */
typedef struct Native {
	VmHelperFn *run;                /* NULL: none */
	size_t map;                     /* bytes mapped */
	u32 size, fixed;                /* code, and the part of it that every program has */
} Native;

struct VmProg {
	Op *ops;                        /* n + 1: the last one says that the program fell off its end */
	Insn *insns;                    /* a copy; map references are still indexes */
	u32 n;
	u8 *starts;                     /* per slot: 1 where a subprogram starts */
	VmMap **maps;                   /* references are counted */
	u32 n_maps;
	u32 prog_type;
	bool checked;
	char name[16];
	VmEngine engine;
	Native native, each;            /* compiled: one run; a loop over VmRun's, made when it is first asked for */
	bool leaf;                      /* native code that never looks at its VmContext */
	u32 each_lock;
	u32 blind_key;                  /* nonzero: constants are blinded */
	InsnFacts *facts;               /* of the verifier, or NULL */
	bool bmi2, rdpid;               /* the CPU shifts without flags; can tell its number */
	u32 refs;
};

/* One run. The helpers get it as their sixth argument. */
struct VmContext {
	const VmProg *prog;
	u8 *ctx;                        /* what r1 points to */
	u64 ctx_size;
	u8 *data, *data_end;            /* the packet, for programs that have one */
	u8 *net;                        /* its network header */
	u8 *data_room;                  /* lowest byte that adjust_head may give; data_max: behind the last one */
	u8 *data_max;
	u32 tail_calls;
	u32 depth;                      /* frames in use */
	s64 budget;
	s64 loops;                      /* what is left of VM_MAY_GOTO */
	const char *fault;              /* why a checked run ended, or NULL */
	const Op *fault_at;
	u64 fault_addr;
	u32 fault_size;
	bool locked;                    /* holds a spin lock */
	u8 stack[VM_FRAMES * VM_STACK] __attribute__((aligned(16)));
};

/* ---- prog.c ---- */
VmProg *vm_prog_ref(VmProg *p);
void vm_context_init(VmContext *c, const VmProg *p);
/* Runs p in a context that the caller has filled; *r0 gets the result. 0 or -EFAULT (c->fault). */
int vm_context_run(VmContext *c, u64 r1, u64 r2, u64 *r0);
/* Calls the callback `fn` (what LD_IMM64 with BPF_PSEUDO_FUNC gave) from a helper. false: the run has ended. */
bool vm_callback(VmContext *c, u64 fn, u64 r1, u64 r2, u64 r3, u64 r4, u64 *r0);
void vm_fault_words(const VmContext *c, Buf *out);

/* ---- region.c: memory that an unverified program may touch ---- */
/* The object that holds addr .. addr+size: its start and length. */
bool vm_region(const VmContext *c, u64 addr, u64 size, bool write, u64 *lo, u64 *len);
/* Are the arguments of a helper call what its signature says? Otherwise c->fault. */
bool vm_check_call(VmContext *c, u32 id, const u64 *r);
VmMap *vm_region_map(const VmContext *c, u64 addr);     /* the map that addr is a reference of, or NULL */

/* ---- interp.c ---- */
const void *const *vm_interp_labels(bool checked);      /* by InsnOp; behind them those of VmLabel */
enum VmLabel { VL_END = N_OP, VL_TAIL, VL_PROVEN, N_VL = VL_PROVEN + N_OP };
bool vm_packet_load(const VmContext *c, s64 off, u32 size, u64 *v);     /* LD_ABS, LD_IND; false: outside */
int vm_interp(VmContext *c, const Op *pc, u64 r1, u64 r2, u64 r3, u64 r4, u64 r5, u64 *r0);

/* ---- helpers/ ---- */
VmHelperFn *vm_helper(u32 id);          /* NULL: this machine has none */
/* One more helper, number >= BPF_OWN_HELPERS, whose arguments are plain numbers. 0 or -errno. */
int vm_helper_register(u32 id, const char *name, int args, VmHelperFn *fn);
/* Copies memory that may not be there. 0 or -EFAULT. */
int vm_safe_read(VmContext *c, void *to, u64 from, size_t n);
u64 vm_time(VmContext *c);
void vm_timers_end(const VmProg *p);    /* before p goes: its timers go with it */
/* From now on the runs of this thread see times and random numbers that follow from seed; 0: the real ones again. */
void vm_determine(u64 seed);

/* ---- jit/ ---- */
/* Compiles p (sets native, leaf). 0 or -errno; -ENOTSUP: no JIT for this machine. */
int vm_jit(VmProg *p, Buf *why);
/* The loop over VmRun's of a leaf, compiled at the first call: r1 their address, r2 their number (not 0); gives
 * how many end with another number than 0. NULL: none. */
VmHelperFn *vm_jit_each(VmProg *p);
void vm_jit_free(VmProg *p);

#endif
