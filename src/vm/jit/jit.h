/* jit: from BPF to machine code. opt.c turns a program into a list of J's, one per slot, and makes it shorter; a back end
 * (x86.c, arm64.c) writes the code of each. J's keep the slots of the program, so jumps keep their targets. */
#ifndef VM_JIT_JIT_H
#define VM_JIT_JIT_H

#include "vm/run.h"
#include "vm/maps/maps.h"

/* What the optimizer adds to the instructions of isa.def. */
enum {
	J_NOP = N_OP,
	J_ROL64, J_ROL32,       /* dst = src rotated left by imm */
	J_LEA,                  /* dst = src + (index << scale) + off */
	J_ARRAY,                /* r0 = address of the array value whose index r2 points to (imm: the VmMap) */
	J_HASH,                 /* r0 = look-up of the key at r2 in the map imm, by its own function */
	J_TAIL,                 /* tail call */
	J_CHOOSE,               /* returns off if a test holds, else to; the test is the jump OP_JEQ64K + scale */
};
enum { NO_REG = 0xff };

typedef struct J {
	u16 op;
	u8 dst, src;
	u8 index, scale;        /* of J_LEA and of memory: added to the base; NO_REG: none */
	bool leader, loop;      /* a jump comes here; from behind */
	u16 live;               /* registers that are needed behind it */
	u16 high;               /* those whose upper half is needed, too */
	s32 off;
	u32 to;                 /* slot that a jump or a call goes to */
	s64 imm;
} J;

typedef struct JProg {
	const VmProg *p;
	J *j;
	u32 n;
	bool *entered;          /* per slot: a jump goes there */
	bool blind;
	bool each;              /* compile a loop over VmRun's */
} JProg;

/* The four forms of an ALU or JUMP instruction, and its place in its family. */
enum { F_64K, F_64X, F_32K, F_32X };
#define IS_ALU(op) ((op) <= OP_ARSH32X)
#define IS_JCC(op) ((op) >= OP_JEQ64K && (op) <= OP_JSLE32X)
#define ALU_KIND(op) ((op) & ~3u)               /* OP_ADD64K, OP_SUB64K, ... */
#define JCC_KIND(op) (OP_JEQ64K + (((op) - OP_JEQ64K) & ~3u))
#define ALU_FORM(op) ((op) & 3)
#define JCC_FORM(op) (((op) - OP_JEQ64K) & 3)
_Static_assert(OP_ADD64K == 0 && OP_ADD32X == 3 && OP_ARSH32X == 55, "isa.def begins with the ALU family");

#define BIT(r) ((u16)(1u << (r)))
enum { ARGS = 0x3e, CALLER = 0x3f };    /* r1-r5, r0-r5 */

static inline bool has_mem(u32 op) { return op >= OP_LDXW && op <= OP_STXDW; }
static inline bool is_load(u32 op) { return op >= OP_LDXW && op <= OP_LDXSB; }
static inline bool is_st(u32 op) { return op >= OP_STW && op <= OP_STDW; }
static inline bool is_stx(u32 op) { return op >= OP_STXW && op <= OP_STXDW; }
static inline bool is_atomic(u32 op) { return op >= OP_A_ADD_64 && op <= OP_A_CMPXCHG_32; }
static inline bool is_unary(u32 op) { return op >= OP_NEG64 && op <= OP_SWAP64; }
static inline bool is_movsx(u32 op) { return op >= OP_MOVS8_64 && op <= OP_MOVS16_32; }
static inline bool is_wide(u32 op) { return op >= OP_LDDW && op <= OP_LDIDXVAL; }
static inline bool is_packet(u32 op) { return op >= OP_LDABSW && op <= OP_LDINDB; }

/* What follows is not reached from it. */
static inline bool
jit_ends(u32 op)
{
	return op == OP_EXIT || op == OP_JA || op == OP_JA32 || op == J_CHOOSE;
}

static inline bool
jit_jumps(u32 op)
{
	return IS_JCC(op) || op == OP_JA || op == OP_JA32 || op == OP_MAYGOTO;
}

/* insn.c */
bool jit_lift(JProg *jp, Arena *a);             /* fills jp->j; false: something that no JIT does */
u16 jit_uses(const J *j);                       /* registers read */
u16 jit_defs(const J *j);                       /* registers changed, call-clobbered ones included */
u32 jit_mem_size(u32 op);
bool jit_pure(u32 op);                          /* only computes its result */
bool jit_asks(const J *j);                      /* needs the VmContext, and calls something if it is not may_goto */
void jit_nop(J *j);
u32 jit_next_touch(const JProg *jp, u32 pc, u32 reg);
s64 jit_last_def(const JProg *jp, u32 pc, u32 reg);
bool jit_only_use(const JProg *jp, u32 from, u32 to, u32 reg);

/* The function that J_HASH calls. */
static inline void *(*jit_lookup(const J *j))(VmMap *, const void *)
{
	const VmMap *m = (const VmMap *)(uintptr_t)j->imm;

	return m->quick ? m->quick : m->ops->lookup;
}

/* flow.c */
void jit_widths(JProg *jp, Arena *a);           /* uses what is known of the width of values */
void jit_needs(JProg *jp, Arena *a);            /* fills live and high */

/* addr.c */
void jit_join_bytes(JProg *jp);
void jit_fold_address(JProg *jp, u32 pc);       /* of the load or store at pc */
void jit_fold_sums(JProg *jp);

/* order.c */
void jit_byte_order(JProg *jp, Arena *a);

/* exits.c */
void jit_choose(JProg *jp);

/* opt.c */
void jit_optimize(JProg *jp, Arena *a);

/* Functions that compiled code calls. */
u64 jit_tail_call(u64 ctx, u64 map, u64 index, u64 r4, u64 r5, VmContext *c);   /* code to go to, or 0 */
u64 jit_packet(u64 off, u64 size, u64 r3, u64 r4, u64 r5, VmContext *c);        /* bit 63: outside of the packet */

/* A back end: writes the code of jp into buf (room bytes) as it will run at `where`; at: room for 3 (n + 1) offsets.
 * Gives the size, 0: no room or not possible. */
typedef size_t JitEmit(const JProg *jp, u8 *buf, size_t room, u64 where, u32 *at, u32 *fixed);
JitEmit jit_x86, jit_arm64;

#endif
