/* ir: from typed operations to BPF instructions. Comes in: calls of the builder (lang/, filt/, probe/),
 * or IR text (read.c). Goes out: a Code (bpf/bpf.h) with a script span per instruction.
 * A Unit is one BPF program: a main Fn and callbacks. A Fn is a graph of Blocks in SSA form; every value is
 * 64 bits wide in a register; narrower meaning is made explicit by IR_ZEXT and IR_SEXT.
 * The order of passes is prose in compile.c. ir_check() runs between passes in debug builds.
 * Never here: knowledge of probes, of the script's types or of system calls.
 * Locals: u unit, fn, b block, i ins, r ref, a arena. */
#ifndef IR_IR_H
#define IR_IR_H

#include "bpf/bpf.h"

typedef u32 Ref;                /* a value: index into Fn.ins; 0 is no value */
typedef u32 Var;                /* a mutable variable of the front end, turned into SSA while building */

/* ops.def: OP(name, "args", flags). Legend there. Groups:
 *   const N · ctx-like param N · map M · mapval M+off · mem N (address of memory number N) · fnref N
 *   add sub mul udiv umod sdiv smod and or xor shl shr sar neg not · zext.S sext.S bswap.S (S: bytes 1 2 4 8)
 *   eq ne ult ule ugt uge slt sle sgt sge (0 or 1) · any (a & b != 0)
 *   load.S loads.S (sign-extending) store.S · atomic.S · zero (memory) copy (memory)
 *   call helper · phi · jmp · br · ret */
typedef enum IrOp {
#define OP(name, args, flags) IR_##name,
#include "ir/ops.def"
#undef OP
	N_IR_OP
} IrOp;

typedef struct Ins {
	u8 op;
	u8 size;                        /* bytes: load, store, ext, bswap, atomic; phi and others 0 */
	u8 flags;                       /* IF_* */
	Ref a, b;                       /* operands; load: a base; store: a base, b value; copy: a to, b from */
	s64 imm;                        /* const; offset of load and store; bytes of zero and copy; BPF_ATOMIC op of atomic;
	                                 * index of map/mapval/mem/param/fnref; helper id of call */
	u32 imm2;                       /* mapval: offset; atomic: offset; copy and zero: offset of `a` */
	Ref *args;                      /* call: up to 5; phi: one per predecessor, in the order of Block.preds */
	u32 n_args;
	u32 block;
	Span at;
} Ins;
enum {
	IF_INVARIANT = 1,       /* load: nothing in this run changes what it reads (context, frozen maps) */
	IF_VOLATILE = 2,        /* load or store: never merged or removed */
};

typedef struct Block {
	u32 id;
	Vec(Ref) ins;                   /* phis first, the terminator last */
	Vec(u32) preds;
	u32 succ[2];                    /* of the terminator: jmp uses [0]; br: [0] if true, [1] if false; NONE if absent */
	u8 cold;                        /* hint: not the usual way; laid out last */
	bool sealed;                    /* all predecessors are known (see ir_seal) */
} Block;
#define NO_BLOCK 0xffffffffu

/* Memory of the program's own: on the BPF stack if it fits (see stack.c, IrOptions.stack_limit), in the per-CPU scratch map
 * otherwise. Contents are undefined at entry. */
typedef struct Mem { u32 size, align; bool scratch, on_stack, off_stack; s32 place; Span at; } Mem;    /* on_, off_: must, must not */

typedef struct Fn Fn;
struct Fn {
	struct Unit *unit;
	Arena *a;
	const char *name;
	u32 index, n_params;            /* main: 1 (ctx); callbacks: up to 5 */
	Vec(Ins) ins;                   /* [0] is no instruction */
	Vec(Block *) blocks;            /* [0] is the entry */
	Vec(Mem) mems;
	Ref ctx;                        /* the program's context, where it is not p0: see ir_ctx() */
	u32 n_vars;
	u32 cur;                        /* block that is being built; NO_BLOCK after a terminator */
	Span at;                        /* span given to what is built next */
	struct Builder *builder;        /* private to build.c and ssa.c */
};

typedef struct Unit {
	Arena *a;
	const char *name;
	Vec(Fn *) fns;                  /* [0] is main */
	u32 scratch_bytes;              /* out: room used in the scratch map by this unit (over all CPUs) */
} Unit;

typedef struct IrOptions {
	u32 prog_type, attach_type;
	u32 cpus;                       /* for per-CPU scratch; 0: host_cpus() */
	bool cpu_known;                 /* the verifier knows how far smp_processor_id goes */
	u32 scratch_map, scratch_base;  /* index of the scratch array map (one entry, big value), first free byte in it */
	u32 stack_limit;                /* largest Mem on the stack; default 32 (config on_stack_limit) */
	u32 isa;                        /* BPF ISA version 1..4 the machine takes; 3 is safe since 5.12 */
	const char *dump;               /* comma list of stages to print into dump_to: build,fold,gvn,...,rega,bpf; or NULL */
	Buf *dump_to;
	bool plain;                     /* without the passes that only make code better */
} IrOptions;

/* build.c: the builder. All append at fn->cur with span fn->at; on a terminated block they build into an unreachable one. */
Unit *ir_unit_new(Arena *a, const char *name);
Fn *ir_fn_new(Unit *u, const char *name, u32 n_params);         /* starts in its entry block, sealed */
Ref ir_const(Fn *fn, s64 n);
Ref ir_param(Fn *fn, u32 n);
Ref ir_ctx(Fn *fn);                             /* the program's context: p0 of main; callbacks are told by setting fn->ctx */
Ref ir_map(Fn *fn, u32 map);                    /* the map itself, for helpers */
Ref ir_mapval(Fn *fn, u32 map, u32 off);        /* address inside the value of a one-entry array map */
Ref ir_mem(Fn *fn, u32 size, u32 align, Span at);       /* address of fresh memory */
Ref ir_mem_stack(Fn *fn, u32 size, u32 align, Span at); /* never in the scratch map: holds pointers, or is a callback's context */
Ref ir_mem_scratch(Fn *fn, u32 size, u32 align, Span at);       /* never on the stack: a callback's, whose address is stored */
Ref ir_fnref(Fn *fn, const Fn *callback);
Ref ir_un(Fn *fn, IrOp op, Ref a);              /* neg not */
Ref ir_bin(Fn *fn, IrOp op, Ref a, Ref b);      /* arithmetic and compares */
Ref ir_bini(Fn *fn, IrOp op, Ref a, s64 b);
Ref ir_ext(Fn *fn, Ref a, u32 size, bool sign); /* the low `size` bytes of a, extended to 64 bits */
Ref ir_bswap(Fn *fn, Ref a, u32 size);
Ref ir_load(Fn *fn, Ref base, s32 off, u32 size, bool sign);
Ref ir_load_ctx(Fn *fn, Ref base, s32 off, u32 size, bool sign);        /* IF_INVARIANT */
void ir_store(Fn *fn, Ref base, s32 off, u32 size, Ref v);
Ref ir_atomic(Fn *fn, u32 op, Ref base, s32 off, u32 size, Ref v);      /* op: imm of BPF_ATOMIC; gives the old value with BPF_FETCH */
void ir_zero(Fn *fn, Ref base, s32 off, u32 n);
void ir_copy(Fn *fn, Ref to, s32 off, Ref from, u32 n);          /* no overlap; both readable directly (stack, map value, ring) */
Ref ir_call(Fn *fn, u32 helper, u32 n, const Ref *args);
Ref ir_call_apart(Fn *fn, u32 helper);  /* without arguments; merged with its like alone, not with ir_call()'s */
#define IR_CALL(fn, helper, ...) ir_call((fn), (helper), \
	COUNT(((Ref[]){ __VA_ARGS__ })), (Ref[]){ __VA_ARGS__ })
/* Control flow. A block is filled after ir_start(); ir_seal() says that no further edge will come to it (loops: seal the
 * header after its back edge is built). */
u32 ir_block(Fn *fn);
u32 ir_block_cold(Fn *fn);
void ir_start(Fn *fn, u32 block);
void ir_seal(Fn *fn, u32 block);                /* ssa.c */
void ir_jmp(Fn *fn, u32 to);
void ir_br(Fn *fn, Ref cond, u32 yes, u32 no);  /* cond: any value, != 0 is true */
void ir_ret(Fn *fn, Ref v);                     /* 0: returns constant 0 */
bool ir_ended(const Fn *fn);                    /* the current block has its terminator */
/* ssa.c: variables of the front end. Reading one that was never set gives const 0. */
Var ir_var(Fn *fn);
void ir_set(Fn *fn, Var v, Ref r);
Ref ir_get(Fn *fn, Var v);

/* print.c, read.c, check.c */
void ir_print(const Unit *u, Buf *out);
Unit *ir_read(Arena *a, Diag *d, const char *name, const char *text, size_t n); /* NULL if it has errors */
bool ir_check(const Fn *fn, Buf *why);

/* compile.c: all passes, then emission. false: the program cannot be expressed (stack over 512 bytes, jumps too far);
 * the reason went to d. One pass alone: name as in -d; ir_pass() returns false for an unknown name. */
bool ir_compile(Unit *u, const IrOptions *opt, Diag *d, Code *out);
bool ir_pass(Unit *u, const char *name, const IrOptions *opt, Diag *d);

#endif
