/* Inside ebpf*.c: the emitter's state and what its files share. */
#ifndef FILT_EBPF_H
#define FILT_EBPF_H

#include "filt/in.h"

#include "bpf/bpf.h"

enum { MANY = 30 };             /* sets of more ranges are tables or maps */
typedef struct State { bool met; Ex *r0, *r9; u32 checked; } State;
typedef struct Fix { u32 at; Node *to; } Fix;           /* to NULL: reject */
typedef struct Emit {
	Arena *a;
	Graph *g;
	int kind;
	u8 pkt, end, var, t1, t2, t3;   /* registers */
	u32 snaplen;
	Vec(Insn) v;
	Vec(Fix) fix;
	State *state;
	State now;
	u32 *at;                /* where a node's code begins */
	u32 temps;
	FiltEbpf *out;          /* its table, relocs and maps grow on the way */
	bool maps;              /* sets may be maps */
	bool failed;
} Emit;

#define MOV_IMM(d, k) ebpf_put(e, BPF_ALU | BPF_MOV | BPF_K, d, 0, 0, (s32)(k))
#define MOV(d, s) ebpf_put(e, BPF_ALU64 | BPF_MOV | BPF_X, d, s, 0, 0)
#define ADD(d, s) ebpf_put(e, BPF_ALU64 | BPF_ADD | BPF_X, d, s, 0, 0)
#define ADD_IMM(d, k) ebpf_put(e, BPF_ALU64 | BPF_ADD | BPF_K, d, 0, 0, (s32)(k))
#define STORE(off, s) ebpf_put(e, BPF_STX | BPF_MEM | BPF_DW, 10, s, -(s32)(off), 0)
#define LOAD(d, off) ebpf_put(e, BPF_LDX | BPF_MEM | BPF_DW, d, 10, -(s32)(off), 0)

/* ebpf.c */
u32 ebpf_put(Emit *e, u8 code, u32 dst, u32 src, s32 off, s32 imm);
void ebpf_go(Emit *e, u32 at, Node *to);
u32 ebpf_jump_imm(Emit *e, u8 op, u32 reg, u32 k);

/* ebpf_set.c: r0 is a value, at most hi; on to t if it is in the set, else to f. May destroy r0 (then e->now.r0 is NULL). */
void ebpf_set(Emit *e, const Set *set, u32 hi, Node *t, Node *f);

#endif
