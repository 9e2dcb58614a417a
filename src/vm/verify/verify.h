/* verify: is this program safe? A walk over all paths of abstract states, pruned where a state was seen before.
 * scan.c checks the form of the code, finds functions and computes live registers; walk.c walks; alu.c, mem.c, stack.c, call.c and
 * branch.c give the meaning of an instruction over abstract values; tnum.c and range.c are those values, range_alu.c and
 * range_branch.c what operations and comparisons make of them; prune.c compares states; state.c owns them; explain.c puts a
 * refusal into words. arg.c checks what a call is given: of a helper (call.c), of a kernel function (kfunc.c), with what these
 * keep on the stack (dynptr.c, iter.c); kobject.c knows objects of the kernel, unpriv.c what an ordinary user may not do. The
 * rules are those of Linux 6.18.
 * Names seen outside their file begin with vf_ (tnum_ for known bits). Locals: v Verifier, s State, f Frame, r Reg. */
#ifndef VM_VERIFY_VERIFY_H
#define VM_VERIFY_VERIFY_H

#include "bpf/btf.h"
#include "vm/vm.h"

enum {
	MAX_FRAMES = 8, STACK_SIZE = 512, N_SLOTS = STACK_SIZE / 8, N_REGS = 11, MAX_SUBPROGS = 256,
	MAX_VAR_OFF = 1 << 29, MAX_VAR_SIZE = 1 << 29, MAX_PACKET_OFF = 0xffff,
	BEYOND_END = -2, AT_END = -1,           /* Reg.range of a packet pointer known to be behind or at the end */
	LOG_SIZE = 1 << 20,
};

/* tnum.c: known bits. A set bit in mask is unknown, the others are those of value. */
typedef struct Tnum { u64 value, mask; } Tnum;
Tnum tnum_const(u64 value);
Tnum tnum_unknown(void);
Tnum tnum_range(u64 min, u64 max);
Tnum tnum_add(Tnum a, Tnum b);
Tnum tnum_sub(Tnum a, Tnum b);
Tnum tnum_and(Tnum a, Tnum b);
Tnum tnum_or(Tnum a, Tnum b);
Tnum tnum_xor(Tnum a, Tnum b);
Tnum tnum_mul(Tnum a, Tnum b);
Tnum tnum_lsh(Tnum a, u8 n);
Tnum tnum_rsh(Tnum a, u8 n);
Tnum tnum_arsh(Tnum a, u8 n, u8 bits);
Tnum tnum_bswap(Tnum a, u32 bytes);
Tnum tnum_join(Tnum a, Tnum b);                 /* either holds */
Tnum tnum_meet(Tnum a, Tnum b);                 /* both hold */
u64 tnum_next(Tnum t, u64 n);                   /* the least number of t above n */
bool tnum_overlap(Tnum a, Tnum b);              /* some value fits both */
bool tnum_within(Tnum outer, Tnum inner);       /* every value of inner is one of outer */
Tnum tnum_cast(Tnum a, u32 bytes);              /* low bytes, the rest zero */
Tnum tnum_low(Tnum a);                          /* low 32 bits, the rest zero */
Tnum tnum_with_low(Tnum a, Tnum low);           /* low 32 bits replaced */
static inline bool tnum_is_const(Tnum a) { return !a.mask; }
static inline bool tnum_low_is_const(Tnum a) { return !(u32)a.mask; }

typedef enum Kind {
	R_NONE, R_SCALAR, R_CTX, R_MAP, R_VALUE, R_KEY, R_STACK, R_PACKET, R_META, R_PACKET_END, R_FLOW_KEYS,
	R_SOCK, R_SOCK_COMMON, R_TCP_SOCK, R_XDP_SOCK, R_BTF, R_MEM, R_TP_BUFFER, R_FUNC, R_DYNPTR, N_KINDS
} Kind;
enum {                  /* Reg.flags */
	F_NULL = 1,             /* may be NULL: must be compared before use */
	F_RDONLY = 2,
	F_RINGBUF = 4,          /* R_MEM: a record of a ring buffer */
	F_UNTRUSTED = 8,
	F_DELTA = 16,           /* R_SCALAR: id is shared with the register this is `off` more than */
	F_DELTA32 = 64,         /* the same of the low halves, with the high ones zero; without F_DELTA */
	F_DELTAS = F_DELTA | F_DELTA32,
	F_SLICE = 32,           /* R_MEM: a piece of a dynptr, dead when the dynptr is */
	F_TRUSTED = 128,        /* R_BTF: alive for sure */
	F_RCU = 256,            /* R_BTF: alive as long as the read lock is held */
};

/* Abstract value of a register or a spilled one. */
typedef struct Reg {
	u8 kind, frame;                 /* frame: R_STACK; R_MEM: goes with the packet */
	u16 flags;
	bool precise;                   /* R_SCALAR in a kept state: its value decided something */
	s32 off;                        /* fixed part of a pointer; F_DELTA: distance */
	s32 range;                      /* packet: bytes behind the base known to be there, or AT_END, BEYOND_END */
	u32 id;                         /* equal ids: same variable part, same object, same NULL-ness */
	u32 ref;                        /* reference that must be released, or that this was derived from */
	u32 map;                        /* R_MAP R_VALUE R_KEY: index; R_FUNC: subprogram; R_BTF: type */
	u32 size;                       /* R_MEM: bytes */
	u32 uid;                        /* R_VALUE: which of the inner maps; which look-up for locks */
	u32 deps;                       /* R_SCALAR: set of slots of the parent state the value was made of */
	Tnum bits;
	s64 smin, smax;
	u64 umin, umax;
	s32 s32min, s32max;
	u32 u32min, u32max;
} Reg;

/* The number 0, which is also the NULL pointer. */
static inline bool vf_is_zero(const Reg *r) { return r && r->kind == R_SCALAR && tnum_is_const(r->bits) && r->bits.value == 0; }

/* range.c: scalars. Every function keeps its result in step (bounds, bits, 32-bit twins). */
void vf_reg_unknown(Reg *r);                       /* any 64-bit number */
void vf_reg_known(Reg *r, u64 value);
void vf_reg_known_zero(Reg *r);                    /* bounds and bits only, for pointers without a variable part */
bool vf_reg_is_const(const Reg *r, bool sub32);
u64 vf_reg_const(const Reg *r, bool sub32);
void vf_reg_sync(Reg *r);
bool vf_reg_sane(const Reg *r);                    /* no empty interval */
void vf_reg_zext32(Reg *r);
void vf_reg_truncate(Reg *r, u32 size);            /* zero-extending */
void vf_reg_sign_extend(Reg *r, u32 size);
void vf_reg_sign_extend32(Reg *r, u32 size);       /* movsx of ALU32 */
/* range_alu.c */
void vf_reg_alu(Reg *dst, const Reg *src, u8 op, bool alu32);
void vf_reg_add_const(Reg *r, s64 n);              /* bounds of r + n, as linked registers get them */
/* range_branch.c */
int vf_reg_branch_taken(const Reg *a, const Reg *b, u8 op, bool jmp32);  /* 1, 0, -1 unknown; both scalars; may be the same */
void vf_reg_refine(Reg *a, Reg *b, u8 op, bool jmp32);                   /* `a op b` holds */
u8 vf_jump_reversed(u8 op);                        /* condition of the other branch; JSET gives OP_JNSET */
u8 vf_jump_flipped(u8 op);                         /* operands exchanged */
enum { OP_JNSET = BPF_JSET | BPF_X };
void vf_reg_print(const Reg *r, Buf *out);         /* explain.c: as the kernel's log prints it */

typedef enum SlotType { T_INVALID, T_SPILL, T_MISC, T_ZERO, T_DYNPTR, T_ITER } SlotType;
typedef struct Slot {
	Reg reg;                        /* T_SPILL, T_DYNPTR (first slot: size = type), T_ITER */
	u8 type[8];                     /* type[7] is the byte at the lowest address */
	bool read;                      /* kept state: somebody later reads it */
	bool written;                   /* written as a whole since the parent state */
} Slot;

typedef struct Frame {
	Reg reg[N_REGS];
	Slot *slot;                     /* slot[0] is fp-8 */
	u32 n_slots;
	u32 uid;                        /* one per call */
	s32 callsite;                   /* pc of the call, -1 in the main program */
	u32 sub;                        /* subprogram */
	bool callback, async;
	u8 ret_hi;                      /* callback: r0 must be in [0, ret_hi] */
	u32 callback_depth;
} Frame;

typedef struct Ref { u32 id; s32 pc; u8 kind; u32 lock_map, lock_uid; } Ref;    /* kind: REF_ */
enum { REF_PTR, REF_LOCK, REF_IRQ, REF_RCU, REF_PREEMPT };

typedef struct State {
	Frame *frame[MAX_FRAMES];
	u32 cur;                        /* index of the running frame */
	Ref *ref;
	u32 n_refs;
	u32 lock_id, lock_map;          /* held spin lock (id + 1 of the value), or 0 */
	u32 branches;                   /* kept state: paths through it still to be walked */
	struct State *parent;
	u32 depth;
	s32 first_pc, pc;               /* kept state: where */
	u32 insns;                      /* walked on this path */
	u32 rcu, preempt;               /* how often the read lock was taken, preemption disabled */
	u32 may_goto_depth, unroll_depth;
	u32 async_count;
	struct State *loop;             /* kept: outermost loop entry its marks wait for */
	bool entry;
	struct Step *path;              /* branches taken to get here, newest first */
} State;

/* One decision on the way; shared between paths, counted. */
typedef struct Step { struct Step *prev; s32 pc; bool taken; u32 uses; } Step;

typedef struct Kept { struct Kept *next; State *s; u32 hits, misses; } Kept;
typedef struct Todo { struct Todo *next; State *s; s32 pc; } Todo;
typedef struct Backedge { struct Backedge *next; State *from, *cur, *entry; } Backedge;

typedef struct Sub {
	s32 start, end;
	u32 stack;                      /* bytes */
	bool ld_abs, tail_call, async_cb, called;
	bool global, checked;           /* global: verified by itself, its result is unknown */
	bool changes_packet, sleeps;    /* itself or what it calls; known when there are global functions */
	s8 n_args;
	u16 seen[8];                    /* by depth of calls: bytes of stack above it + 1, looked at already */
} Sub;

enum { I_PRUNE = 1, I_FORCE = 2, I_SEEN = 4, I_SECOND = 8, I_CALLBACK = 16, I_SUBPROG = 32, I_TARGET = 64, I_REACHED = 128,
	I_NEXT = 256 };
typedef struct InsnInfo {
	u16 flags;
	u16 live;                       /* registers live before it */
	u32 kind;                       /* what kind of pointer it dereferenced first, + 1 */
	Kept *kept;
	u32 map, map_state;             /* tail_call */
} InsnInfo;

typedef struct Deps Deps;

typedef struct Verifier {
	const Code *code;
	const Insn *insn;
	s32 n;
	const MapDef *maps;
	u32 n_maps;
	VerifyOptions opt;
	Verdict *out;
	InsnInfo *info;
	Sub *sub;
	u32 n_subs;
	State *s;                       /* the state being walked */
	s32 pc, prev_pc;
	Todo *todo;
	u32 n_todo;
	Backedge *back;
	u32 ids, frame_uids;
	u32 walked, jumps, prev_walked, prev_jumps, states, peak;
	u32 sub_id;                     /* function being verified: 0 the main program */
	bool failed, explained, strict;
	Kept *evicted;                  /* states no longer compared with, whose paths are not all walked */
	Deps *deps;
	Arena *a;
	u64 bytes;                      /* held by states */
	u32 steps_live;
	s32 fail_reg;                   /* register the refusal is about, or -1 */
	const char *remedy;
	s32 loop_pc;
	bool thrown;                    /* the path ends here, by bpf_throw */
	BtfBlob btf;                    /* of the program, when it has functions */
} Verifier;

/* explain.c: a refusal; gives false. The first line is in the kernel's words. */
bool vf_refuse(Verifier *v, const char *fmt, ...) PRINTF(2, 3);
bool vf_refuse_reg(Verifier *v, int reg, const char *fmt, ...) PRINTF(3, 4);
bool vf_unsupported(Verifier *v, const char *fmt, ...) PRINTF(2, 3);
void vf_remedy(Verifier *v, const char *text);
void vf_explain(Verifier *v);                      /* completes Verdict.text */
void vf_trace_state(Verifier *v);
const char *vf_kind_name(const Verifier *v, const Reg *r);  /* "map_value_or_null" */

/* scan.c: the form of the code, functions, jumps, live registers, pruning points. */
bool vf_scan_code(Verifier *v);
bool vf_scan_stack_depth(Verifier *v);             /* after the walk: depth of stack over calls */
int vf_sub_at(const Verifier *v, s32 pc);          /* the subprogram that starts at pc, or -1 */
int vf_sub_of(const Verifier *v, s32 pc);          /* the subprogram that holds pc */
bool vf_is_may_goto(const Insn *insn);
bool vf_calls_callback(const Verifier *v, s32 pc);
bool vf_calls_next(const Verifier *v, s32 pc);     /* asks an iterator for its next element */

/* state.c */
State *vf_state_new(Verifier *v);
State *vf_state_copy(Verifier *v, const State *s);
void vf_state_free(Verifier *v, State *s);
Frame *vf_frame_new(Verifier *v, s32 callsite, u32 sub);
void vf_frame_free(Verifier *v, Frame *f);
bool vf_frame_grow(Verifier *v, Frame *f, u32 slots);
static inline Frame *vf_frame_of(Verifier *v) { return v->s->frame[v->s->cur]; }
static inline Reg *vf_regs_of(Verifier *v) { return v->s->frame[v->s->cur]->reg; }
State *vf_push_branch(Verifier *v, s32 pc);        /* a copy of the current state, to be walked from pc later */
void vf_path_add(Verifier *v, State *s, s32 pc, bool taken);
u32 vf_ref_add(Verifier *v, u8 kind);
bool vf_ref_drop(Verifier *v, u32 id);             /* and every register that holds it becomes unusable */
bool vf_ref_drop_kind(Verifier *v, u32 id, u8 kind);
u32 vf_ref_last(const State *s, u8 kind);          /* the newest of a kind, or 0 */
void vf_reg_none(Reg *r);
void vf_reg_pointer(Reg *r, Kind kind, u32 flags); /* no offset */
void vf_slot_scrub(Slot *s, SlotType type);        /* all bytes, no register */
static inline bool vf_slot_is_spill(const Slot *s) { return s->type[7] == T_SPILL; }
/* Calls fn for every register and spilled register of all frames of s. */
#define EACH_REG(s, R, body) do { \
	for (u32 fi_ = 0; fi_ <= (s)->cur; fi_++) { \
		Frame *f_ = (s)->frame[fi_]; \
		for (u32 ri_ = 0; ri_ < N_REGS; ri_++) { Reg *R = &f_->reg[ri_]; body } \
		for (u32 si_ = 0; si_ < f_->n_slots; si_++) \
			if (vf_slot_is_spill(&f_->slot[si_])) { Reg *R = &f_->slot[si_].reg; body } \
	} \
} while (0)

/* precise.c: which earlier values a value was made of; marks what decided something. */
void vf_deps_init(Verifier *v);
void vf_deps_free(Verifier *v);
u32 vf_deps_join(Verifier *v, u32 a, u32 b);
void vf_deps_restart(Verifier *v, State *s);       /* a new kept state is s's parent: every scalar stands for itself */
void vf_mark_precise(Verifier *v, u32 deps);
void vf_mark_reg_precise(Verifier *v, int reg);
bool vf_mark_precise_from(Verifier *v, State *parent, u32 deps);
void vf_mark_slot_read(Verifier *v, u32 frame, u32 slot);
bool vf_mark_slot_read_from(State *s, u32 frame, u32 slot);

/* prune.c */
int vf_prune(Verifier *v);                         /* 1: seen before, path ends; 0: go on; -1 refused */
void vf_branch_done(Verifier *v, State *s);
void vf_widen_from_entry(Verifier *v, State *cur, State *from);  /* before another round: scalars that decided nothing lose their value */

/* alu.c, branch.c, mem.c, call.c: one instruction each; true: go on */
bool vf_do_alu(Verifier *v, const Insn *insn);
int vf_do_branch(Verifier *v, const Insn *insn);   /* slots to jump over, or -1 refused */
bool vf_do_load(Verifier *v, const Insn *insn);
bool vf_do_store(Verifier *v, const Insn *insn);
bool vf_do_atomic(Verifier *v, const Insn *insn);
bool vf_do_ld_imm64(Verifier *v, const Insn *insn);
bool vf_do_ld_abs(Verifier *v, const Insn *insn);
bool vf_do_call(Verifier *v, const Insn *insn);    /* may push a frame and set v->pc */
int vf_do_exit(Verifier *v);                       /* 1: returned to the caller (v->pc set), 0: path ends, -1 refused */
bool vf_check_leave(Verifier *v, const char *where);       /* nothing may be held at a tail call, exit, LD_ABS */

bool vf_use_reg(Verifier *v, int reg);             /* readable, or refused */
bool vf_set_reg(Verifier *v, int reg);             /* writable: not the frame pointer */
enum { ACC_READ, ACC_WRITE };
/* Memory [reg + off, + size) may be accessed. value: register stored or loaded into, -1: none (atomics, helpers). */
bool vf_check_mem(Verifier *v, int reg, s32 off, u32 size, int how, int value, bool strict_align, bool sext);
typedef struct CallMeta CallMeta;
bool vf_check_helper_mem(Verifier *v, int reg, u64 size, int how, bool zero_ok, CallMeta *meta);

void vf_print_bits(Tnum t, char *out, size_t n);

/* stack.c */
bool vf_stack_read(Verifier *v, int reg, s32 off, u32 size, int value);
bool vf_stack_write(Verifier *v, int reg, s32 off, u32 size, int value, const Insn *insn);
bool vf_stack_helper(Verifier *v, int reg, u64 size, int how, bool zero_ok, CallMeta *meta);

bool vf_check_region(Verifier *v, int reg, s32 off, u64 size, u64 mem_size, bool zero_ok);
bool vf_check_packet(Verifier *v, int reg, s32 off, u64 size, bool zero_ok);
bool vf_check_map_value(Verifier *v, int reg, s32 off, u64 size, bool zero_ok, bool by_helper);
bool vf_check_fixed_off(Verifier *v, const Reg *r, int reg, bool off_ok);
bool vf_may_write_packet(Verifier *v);

/* kobject.c: objects of the kernel by its BTF */
const BtfBlob *vf_kernel_btf(Verifier *v);                          /* NULL: not to be had */
u32 vf_kernel_struct(Verifier *v, const char *name);                /* number of its type, or 0 */
const char *vf_kernel_name(u32 id);
bool vf_kernel_holds(Verifier *v, u32 id, s64 off, u32 want);
bool vf_object_access(Verifier *v, const Reg *r, int reg, s32 off, u32 size, int how, int value);
bool vf_object_fits(Verifier *v, int reg, const char *want);
void vf_object_pointer(Verifier *v, Reg *r, const char *name, u32 flags);   /* F_NULL: with an id of its own */
const char *vf_helper_object(u32 id, int arg);                      /* struct that a helper takes there, gives for 0; or NULL */
bool vf_license_is_free(const Code *c);

/* unpriv.c: what else is asked of a program that an ordinary user loads; all true when a privileged one does */
bool vf_unpriv_program(Verifier *v);
bool vf_unpriv_no_loops(Verifier *v);
bool vf_unpriv_helper(Verifier *v, const Helper *h);
bool vf_unpriv_store(Verifier *v, Kind kind, int value);
bool vf_unpriv_math(Verifier *v, int reg, const Reg *p, const Reg *n);
bool vf_secret(const Verifier *v, const Reg *r);   /* an address that nobody may learn */

/* ctx.c: what of the context a program type may touch. */
typedef struct CtxAccess { Kind kind; u32 flags; u32 size; u32 load; } CtxAccess;
bool vf_ctx_access(Verifier *v, s32 off, u32 size, bool write, bool sext, CtxAccess *out);
bool vf_sock_access(Kind kind, s32 off, u32 size);
bool vf_ctx_return_range(const Code *c, s32 *lo, s32 *hi);
bool vf_ctx_helper_allowed(const Code *c, const Helper *h);
const char *vf_ctx_helper_signature(const Code *c, const Helper *h);
bool vf_ctx_attach_ok(Verifier *v);

#endif
