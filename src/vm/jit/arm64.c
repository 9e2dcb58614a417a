/* arm64: machine code for AArch64. r1-r5 are x0-x4, where arguments are; r0 is x7, r6-r9 are x19-x22, r10 is x25. x26 keeps the
 * run's VmContext in functions that call; x9-x13 are scratch. Division by zero and long shifts are what BPF wants. */
#include "vm/jit/jit.h"

#include <errno.h>
#ifdef __aarch64__
#include <sys/auxv.h>
#endif

enum { X0 = 0, X5 = 5, X7 = 7, T0 = 9, T1, T2, T3, X19 = 19, X23 = 23, X25 = 25, CTX = 26, X27, X28, FP = 29, LR = 30, ZR = 31, SP = 31 };
static const u8 place[11] = { 7, 0, 1, 2, 3, 4, 19, 20, 21, 22, 25 };

enum { EQ, NE, HS, LO, MI, PL, VS, VC, HI, LS, GE, LT, GT, LE, ALWAYS };

typedef struct Emit {
	const JProg *jp;
	u8 *start, *p, *end;
	u32 *at;
	bool full, lse, moved, main;
	u16 saved;
	bool frame, calls;
	u32 stack, fixed, top;
} Emit;

static void
put(Emit *e, u32 insn)
{
	if (e->p + 4 <= e->end) {
		memcpy(e->p, &insn, 4);
		e->p += 4;
	} else
		e->full = true;
}

static u32 here(const Emit *e) { return (u32)(e->p - e->start); }

/* op with three registers; w: 64 bits */
static void
rrr(Emit *e, bool w, u32 op, u32 d, u32 n, u32 m)
{
	put(e, op | (u32)w << 31 | m << 16 | n << 5 | d);
}

enum {
	ADD = 0x0b000000, SUB = 0x4b000000, AND = 0x0a000000, ORR = 0x2a000000, EOR = 0x4a000000, SUBS = 0x6b000000,
	ANDS = 0x6a000000, ORN = 0x2a200000, MADD = 0x1b000000, MSUB = 0x1b008000, UDIV = 0x1ac00800, SDIV = 0x1ac00c00,
	LSLV = 0x1ac02000, LSRV = 0x1ac02400, ASRV = 0x1ac02800, UBFM = 0x53000000, SBFM = 0x13000000,
};

static void
mov(Emit *e, bool w, u32 d, u32 s)
{
	if (d != s || !w)
		rrr(e, w, ORR, d, ZR, s);
}

static void
mov_imm(Emit *e, u32 d, u64 v)
{
	bool some = false;
	u32 ones = 0;

	for (u32 i = 0; i < 4; i++)
		ones += (v >> 16 * i & 0xffff) == 0xffff;
	if (ones >= 2) {                /* MOVN, then MOVK of what is not all ones */
		for (u32 i = 0; i < 4; i++) {
			u32 part = (u32)(v >> 16 * i) & 0xffff;

			if (part == 0xffff)
				continue;
			put(e, (some ? 0xf2800000 : 0x92800000) | i << 21 | (some ? part : ~part & 0xffff) << 5 | d);
			some = true;
		}
		if (!some)
			put(e, 0x92800000 | d);
		return;
	}
	for (u32 i = 0; i < 4; i++) {
		u32 part = (u32)(v >> 16 * i) & 0xffff;

		if (!part)
			continue;
		put(e, (some ? 0xf2800000 : 0xd2800000) | i << 21 | part << 5 | d);
		some = true;
	}
	if (!some)
		put(e, 0xd2800000 | d);
}

static void
mov_user(Emit *e, u32 d, u64 v)
{
	u64 key = ((u64)e->jp->p->blind_key << 32 | e->jp->p->blind_key) * 0x9e3779b97f4a7c15u;

	if (!e->jp->blind || (s64)v == (s8)v) {
		mov_imm(e, d, v);
		return;
	}
	mov_imm(e, d, v ^ key);
	mov_imm(e, T3, key);
	rrr(e, true, EOR, d, d, T3);
}

/* d = n + v, for any v; T3 may be used */
static void
add_imm(Emit *e, bool w, u32 d, u32 n, s64 v)
{
	u64 u = v < 0 ? (u64)-v : (u64)v;
	u32 op = v < 0 ? 0x51000000 : 0x11000000;

	if (u < 4096)
		put(e, op | (u32)w << 31 | (u32)u << 10 | n << 5 | d);
	else if (!(u & 4095) && u < 1 << 24)
		put(e, op | (u32)w << 31 | 1 << 22 | (u32)(u >> 12) << 10 | n << 5 | d);
	else {
		mov_imm(e, T3, (u64)v);
		rrr(e, w, ADD, d, n, T3);
	}
}

static void
shift_imm(Emit *e, bool w, u32 kind, u32 d, u32 n, u32 by)
{
	u32 width = w ? 64 : 32, base = (kind == OP_ARSH64K ? SBFM : UBFM) | (u32)w << 31 | (u32)w << 22, r, s;

	r = kind == OP_LSH64K ? (width - by) % width : by;
	s = kind == OP_LSH64K ? width - 1 - by : width - 1;
	put(e, base | r << 16 | s << 10 | n << 5 | d);
}

static void
extend(Emit *e, bool is_signed, bool w, u32 d, u32 s, u32 bits)
{
	put(e, (is_signed ? SBFM : UBFM) | (u32)w << 31 | (u32)w << 22 | (bits - 1) << 10 | s << 5 | d);
}

/* ---- jumps ---- */

static s64
distance(const Emit *e, u32 pc, u32 to)
{
	const u32 *old = e->at + e->jp->n + 1;

	if (to <= pc)
		return (s64)e->at[to] - here(e);
	return (s64)old[to] - old[pc] + e->at[pc] - here(e);
}

static void
branch(Emit *e, u32 cond, u32 pc, u32 to)
{
	s64 d = distance(e, pc, to);

	if (cond == ALWAYS) {
		put(e, 0x14000000 | ((u32)(d >> 2) & 0x3ffffff));
	} else if (d < 1000000 && d > -1000000) {
		put(e, 0x54000000 | ((u32)(d >> 2) & 0x7ffff) << 5 | cond);
	} else {
		put(e, 0x54000000 | 2 << 5 | (cond ^ 1));
		d = distance(e, pc, to);
		put(e, 0x14000000 | ((u32)(d >> 2) & 0x3ffffff));
	}
}

static void
call(Emit *e, const void *fn)
{
	mov_imm(e, T0, (u64)(uintptr_t)fn);
	put(e, 0xd63f0000 | T0 << 5);
}

/* ---- functions ---- */

static void
survey(Emit *e, u32 from, u32 to)
{
	u16 defs = 0, uses = 0;

	e->calls = false;
	for (u32 pc = from; pc < to; pc++) {
		const J *j = &e->jp->j[pc];

		defs |= jit_defs(j);
		uses |= jit_uses(j);
		if (jit_asks(j))
			e->calls = true;
	}
	e->saved = defs & 0x3c0;
	e->stack = uses & 1 << 10 ? VM_STACK : 0;
	e->frame = e->calls || e->stack || e->saved || e->jp->each;
}

static void pair_down(Emit *e, u32 a, u32 b) { put(e, 0xa9bf0000 | b << 10 | SP << 5 | a); }     /* stp a, b, [sp, -16]! */
static void pair_up(Emit *e, u32 a, u32 b) { put(e, 0xa8c10000 | b << 10 | SP << 5 | a); }       /* ldp a, b, [sp], 16 */

static void
prologue(Emit *e)
{
	if (!e->frame)
		return;
	pair_down(e, FP, LR);
	add_imm(e, true, FP, SP, 0);
	if (e->saved & 0xc0)
		pair_down(e, 19, 20);
	if (e->saved & 0x300)
		pair_down(e, 21, 22);
	if (e->stack || e->calls)
		pair_down(e, X25, CTX);
	if (e->calls)
		mov(e, true, CTX, X5);
	if (e->jp->each) {
		pair_down(e, X27, X28);
		pair_down(e, X23, X23);
		mov_imm(e, X23, 0);
		add_imm(e, true, X27, X0, 0);
		put(e, 0x8b000000 | 1 << 16 | 4 << 10 | X0 << 5 | X28);         /* add x28, x0, x1, lsl 4 */
	}
	if (e->stack) {
		add_imm(e, true, X25, SP, 0);
		add_imm(e, true, SP, SP, -(s64)e->stack);
	}
	e->top = here(e);
	if (e->jp->each) {
		put(e, 0xf9400000 | X27 << 5 | X0);                             /* ldr x0, [x27] */
		put(e, 0xb9400000 | offsetof(VmRun, size) / 4 << 10 | X27 << 5 | 1);
	}
}

/* A loop over runs: x27 is the VmRun, x28 their end. */
static void
next_each(Emit *e)
{
	put(e, 0xb9000000 | offsetof(VmRun, r0) / 4 << 10 | X27 << 5 | X7);
	put(e, 0x71000000 | X7 << 5 | ZR);                                      /* cmp w7, 0 */
	put(e, 0x9a800400 | X23 << 16 | EQ << 12 | X23 << 5 | X23);             /* csinc: one more if not equal */
	add_imm(e, true, X27, X27, sizeof(VmRun));
	rrr(e, true, SUBS, ZR, X27, X28);
	put(e, 0x54000000 | (((e->top - here(e)) >> 2) & 0x7ffff) << 5 | LO);
}

static void
leave(Emit *e)
{
	if (!e->frame)
		return;
	if (e->stack)
		add_imm(e, true, SP, SP, e->stack);
	if (e->jp->each) {
		mov(e, true, X7, X23);
		pair_up(e, X23, T0);
		pair_up(e, X27, X28);
	}
	if (e->stack || e->calls)
		pair_up(e, X25, CTX);
	if (e->saved & 0x300)
		pair_up(e, 21, 22);
	if (e->saved & 0xc0)
		pair_up(e, 19, 20);
	pair_up(e, FP, LR);
}

static void
finish(Emit *e)
{
	u32 from;

	if (e->jp->each)
		next_each(e);
	from = here(e);
	if (!e->jp->each)
		mov(e, true, X0, X7);
	leave(e);
	if (e->jp->each)
		mov(e, true, X0, X7);
	put(e, 0xd65f03c0);
	if (e->main) {
		e->fixed += here(e) - from;
		e->main = false;
	}
}

/* ---- arithmetic ---- */

static void
alu(Emit *e, const J *j)
{
	u32 kind = ALU_KIND(j->op), form = ALU_FORM(j->op), d = place[j->dst], s;
	bool w = form < F_32K, k = !(form & 1);
	s32 imm = (s32)j->imm;
	u64 v = w ? (u64)(s64)imm : (u32)imm;

	if (k) {
		switch (kind) {
		case OP_MOV64K: mov_user(e, d, v); return;
		case OP_LSH64K: case OP_RSH64K: case OP_ARSH64K: shift_imm(e, w, kind, d, d, (u32)imm & (w ? 63 : 31)); return;
		case OP_ADD64K: case OP_SUB64K:
			if (!e->jp->blind && imm != INT32_MIN) {
				add_imm(e, w, d, d, kind == OP_ADD64K ? imm : -(s64)imm);
				return;
			}
			break;
		}
		s = T1;
		mov_user(e, s, v);
	} else
		s = place[j->src];
	switch (kind) {
	case OP_MOV64K: mov(e, w, d, s); break;
	case OP_ADD64K: rrr(e, w, ADD, d, d, s); break;
	case OP_SUB64K: rrr(e, w, SUB, d, d, s); break;
	case OP_AND64K: rrr(e, w, AND, d, d, s); break;
	case OP_OR64K: rrr(e, w, ORR, d, d, s); break;
	case OP_XOR64K: rrr(e, w, EOR, d, d, s); break;
	case OP_MUL64K: rrr(e, w, MADD | ZR << 10, d, d, s); break;
	case OP_DIV64K: rrr(e, w, UDIV, d, d, s); break;
	case OP_SDIV64K: rrr(e, w, SDIV, d, d, s); break;
	case OP_MOD64K: case OP_SMOD64K:
		rrr(e, w, kind == OP_MOD64K ? UDIV : SDIV, T0, d, s);
		rrr(e, w, MSUB | d << 10, d, T0, s);    /* d - quotient * s */
		break;
	case OP_LSH64K: rrr(e, w, LSLV, d, d, s); break;
	case OP_RSH64K: rrr(e, w, LSRV, d, d, s); break;
	case OP_ARSH64K: rrr(e, w, ASRV, d, d, s); break;
	}
}

static void
unary(Emit *e, u32 op, u32 d)
{
	switch (op) {
	case OP_NEG64: rrr(e, true, SUB, d, ZR, d); break;
	case OP_NEG32: rrr(e, false, SUB, d, ZR, d); break;
	case OP_BE16: case OP_SWAP16: put(e, 0x5ac00400 | d << 5 | d);
		/* fall through */
	case OP_LE16: extend(e, false, false, d, d, 16); break;
	case OP_LE32: mov(e, false, d, d); break;
	case OP_BE32: case OP_SWAP32: put(e, 0x5ac00800 | d << 5 | d); break;
	case OP_BE64: case OP_SWAP64: put(e, 0xdac00c00 | d << 5 | d); break;
	}
}

static u32
compare(Emit *e, const J *j)
{
	static const u8 cc[] = { EQ, HI, HS, NE, NE, GT, GE, LO, LS, LT, LE };
	u32 kind = (JCC_KIND(j->op) - OP_JEQ64K) / 4, form = JCC_FORM(j->op), d = place[j->dst], s = place[j->src];
	bool w = form < F_32K, set = JCC_KIND(j->op) == OP_JSET64K;
	s32 imm = (s32)j->imm;

	if (!(form & 1)) {
		if (!set && imm >= 0 && imm < 4096) {
			put(e, 0x71000000 | (u32)w << 31 | (u32)imm << 10 | d << 5 | ZR);
			return cc[kind];
		}
		s = T1;
		mov_user(e, s, w ? (u64)(s64)imm : (u32)imm);
	}
	rrr(e, w, set ? ANDS : SUBS, ZR, d, s);
	return cc[kind];
}

static void
choose(Emit *e, const J *j)
{
	J test = *j;
	u32 cc;

	test.op = (u16)(OP_JEQ64K + j->scale);
	cc = compare(e, &test);
	mov_imm(e, T0, (u32)j->off);
	mov_imm(e, T1, j->to);
	put(e, 0x9a800000 | T1 << 16 | cc << 12 | T0 << 5 | X7);        /* csel */
	finish(e);
}

/* ---- memory ---- */

/* op: the load or store of its size with a scaled unsigned offset; its unscaled form has other bits. */
static void
access(Emit *e, const J *j, u32 op, u32 log, u32 reg, u32 base)
{
	s32 off = j->off;

	if (j->index != NO_REG) {
		put(e, 0x8b000000 | place[j->index] << 16 | (u32)j->scale << 10 | base << 5 | T0);
		base = T0;
	}
	if (off >= 0 && !(off & ((1 << log) - 1)) && off >> log < 4096)
		put(e, op | (u32)(off >> log) << 10 | base << 5 | reg);
	else if (off >= -256 && off < 256)
		put(e, (op & ~0x01000000u) | ((u32)off & 511) << 12 | base << 5 | reg);
	else {
		add_imm(e, true, T0, base, off);
		put(e, op | T0 << 5 | reg);
	}
}

static u32
log_of(u32 size)
{
	return size == 8 ? 3 : size == 4 ? 2 : size == 2 ? 1 : 0;
}

static void
load(Emit *e, const J *j)
{
	u32 log = log_of(bpf_insn_row_at(j->op)->size), op = j->op >= OP_LDXSW && j->op <= OP_LDXSB ? 0x39800000 : 0x39400000;

	access(e, j, op | log << 30, log, place[j->dst], place[j->src]);
}

static void
store(Emit *e, const J *j, bool imm)
{
	u32 log = log_of(bpf_insn_row_at(j->op)->size), s = imm ? T1 : place[j->src];

	if (imm && !j->imm)
		s = ZR;
	else if (imm)
		mov_user(e, T1, (u64)j->imm);
	access(e, j, 0x39000000 | log << 30, log, s, place[j->dst]);
}

static void
atomic(Emit *e, const J *j)
{
	const InsnRow *r = bpf_insn_row_at(j->op);
	bool w = r->size == 8, fetch = r->var & BPF_FETCH;
	u32 s = place[j->src], a = T2, size = w ? 0xc0000000 : 0x80000000, what = (u32)r->var & 0xf0, top;

	add_imm(e, true, a, place[j->dst], j->off);
	if (r->var == BPF_CMPXCHG) {
		if (e->lse) {
			put(e, 0x08e0fc00 | size | X7 << 16 | a << 5 | s);
			if (!w)
				mov(e, false, X7, X7);
			return;
		}
		mov(e, w, T1, X7);
		top = here(e);
		put(e, 0x085ffc00 | size | a << 5 | X7);                /* ldaxr */
		rrr(e, w, SUBS, ZR, X7, T1);
		put(e, 0x54000000 | 3 << 5 | NE);
		put(e, 0x0800fc00 | size | T0 << 16 | a << 5 | s);      /* stlxr */
		put(e, 0x35000000 | (((top - here(e)) >> 2) & 0x7ffff) << 5 | T0);
		return;
	}
	if (e->lse) {
		u32 op = 0x38e00000;                                    /* ldaddal */

		if (what == BPF_AND) {
			rrr(e, true, ORN, T1, ZR, s);
			op |= 0x1000;
			put(e, op | size | T1 << 16 | a << 5 | (fetch ? s : (u32)T0));
			return;
		}
		op |= what == BPF_XOR ? 0x2000 : what == BPF_OR ? 0x3000 : what == 0xe0 ? 0x8000 : 0;
		put(e, op | size | s << 16 | a << 5 | (fetch ? s : (u32)T0));
		return;
	}
	top = here(e);
	put(e, 0x085ffc00 | size | a << 5 | T0);
	if (what == 0xe0)
		mov(e, true, T1, s);
	else
		rrr(e, w, what == BPF_ADD ? ADD : what == BPF_AND ? AND : what == BPF_OR ? ORR : EOR, T1, T0, s);
	put(e, 0x0800fc00 | size | T3 << 16 | a << 5 | T1);
	put(e, 0x35000000 | (((top - here(e)) >> 2) & 0x7ffff) << 5 | T3);
	if (fetch)
		mov(e, w, s, T0);
}

static void
acqrel(Emit *e, const J *j)
{
	bool ld = j->op <= OP_LDACQ_DW;
	u32 log = log_of(bpf_insn_row_at(j->op)->size);

	add_imm(e, true, T2, place[ld ? j->src : j->dst], j->off);
	put(e, (ld ? 0x08dffc00u : 0x089ffc00u) | log << 30 | T2 << 5 | place[ld ? j->dst : j->src]);
}

/* ---- calls ---- */

static void
array_lookup(Emit *e, const J *j)
{
	const VmMap *m = (const VmMap *)(uintptr_t)j->imm;

	put(e, 0xb9400000 | place[2] << 5 | T0);                        /* ldr w9, [r2] */
	mov_imm(e, T1, m->cap);
	mov_imm(e, X7, 0);
	rrr(e, false, SUBS, ZR, T0, T1);
	mov_imm(e, T1, m->stride);
	mov_imm(e, T2, (u64)(uintptr_t)m->values);
	put(e, 0x54000000 | 2 << 5 | HS);
	put(e, 0x9b000000 | T1 << 16 | T2 << 10 | T0 << 5 | X7);        /* madd */
}

static void
tail_call(Emit *e)
{
	u32 at;

	pair_down(e, X0, X5);
	mov(e, true, X5, CTX);
	call(e, (const void *)jit_tail_call);
	mov(e, true, T1, X0);
	pair_up(e, X0, X5);
	at = here(e);
	put(e, 0);
	mov(e, true, X5, CTX);
	leave(e);
	put(e, 0xd61f0000 | T1 << 5);
	if (!e->full) {
		u32 cbz = 0xb4000000 | (here(e) - at) >> 2 << 5 | T1;

		memcpy(e->start + at, &cbz, 4);
	}
	mov_imm(e, X7, (u64)-ENOENT);
}

static void
packet_load(Emit *e, const J *j)
{
	u32 at;

	if (j->op >= OP_LDINDW)
		add_imm(e, false, X0, place[j->src], (s32)j->imm);
	else
		mov_imm(e, X0, (u32)j->imm);
	mov_imm(e, 1, bpf_insn_row_at(j->op)->size);
	mov(e, true, X5, CTX);
	call(e, (const void *)jit_packet);
	mov(e, true, X7, X0);
	at = here(e);
	put(e, 0);
	mov_imm(e, X0, 0);
	leave(e);
	put(e, 0xd65f03c0);
	if (!e->full) {
		u32 tbz = 0xb6000000 | 31 << 19 | (here(e) - at) >> 2 << 5 | X7;        /* bit 63 clear: go on */

		memcpy(e->start + at, &tbz, 4);
	}
}

static void
one(Emit *e, u32 pc)
{
	const J *j = &e->jp->j[pc];
	const u32 *enter = e->at + 2 * (e->jp->n + 1);
	u32 op = j->op, d = place[j->dst];

	if (op == J_NOP)
		return;
	if (IS_ALU(op)) {
		alu(e, j);
		return;
	}
	if (IS_JCC(op)) {
		branch(e, compare(e, j), pc, j->to);
		return;
	}
	switch (bpf_insn_row_at(op) ? (InsnShape)bpf_insn_row_at(op)->shape : SH_EXIT) {
	case SH_NEG: case SH_END: unary(e, op, d); return;
	case SH_ALUX:
		extend(e, true, op <= OP_MOVS32_64, d, place[j->src], op == OP_MOVS32_64 ? 32 : op == OP_MOVS16_64 || op == OP_MOVS16_32 ? 16 : 8);
		return;
	case SH_LDX: load(e, j); return;
	case SH_ST: store(e, j, true); return;
	case SH_STX: store(e, j, false); return;
	case SH_ATOMIC: atomic(e, j); return;
	case SH_ACQREL: acqrel(e, j); return;
	case SH_LDIMM:
		if (op == OP_LDFUNC) {
			u32 rel = enter[j->imm] - here(e);

			put(e, 0x10000000 | (rel & 3) << 29 | ((rel >> 2) & 0x7ffff) << 5 | d);
		} else if (op == OP_LDDW)
			mov_user(e, d, (u64)j->imm);
		else
			mov_imm(e, d, (u64)j->imm);
		return;
	case SH_JA: case SH_JA32:
		if (op == OP_MAYGOTO) {
			put(e, 0xf9400000 | offsetof(VmContext, loops) / 8 << 10 | CTX << 5 | T0);
			put(e, 0xf1000400 | T0 << 5 | T0);              /* subs x9, x9, 1 */
			put(e, 0xf9000000 | offsetof(VmContext, loops) / 8 << 10 | CTX << 5 | T0);
		}
		branch(e, op == OP_MAYGOTO ? MI : ALWAYS, pc, j->to);
		return;
	case SH_ABS: case SH_IND: packet_load(e, j); return;
	case SH_CALL:
		mov(e, true, X5, CTX);
		if (op == OP_CALLSUB)
			put(e, 0x94000000 | (((enter[j->to] - here(e)) >> 2) & 0x3ffffff));
		else
			call(e, (const void *)vm_helper((u32)j->imm));
		mov(e, true, X7, X0);
		return;
	default:
		break;
	}
	switch (op) {
	case OP_EXIT: finish(e); return;
	case J_ROL64: case J_ROL32: {
		bool w = op == J_ROL64;
		u32 s = place[j->src];

		put(e, 0x13800000 | (u32)w << 31 | (u32)w << 22 | s << 16 | ((w ? 64 : 32) - (u32)j->imm) << 10 | s << 5 | d);
		return;
	}
	case J_LEA:
		if (j->index != NO_REG) {
			put(e, 0x8b000000 | place[j->index] << 16 | (u32)j->scale << 10 | place[j->src] << 5 | d);
			if (j->off)
				add_imm(e, true, d, d, j->off);
		} else
			add_imm(e, true, d, place[j->src], j->off);
		return;
	case J_ARRAY: array_lookup(e, j); return;
	case J_HASH:
		mov_imm(e, X0, (u64)j->imm);
		call(e, (const void *)jit_lookup(j));
		mov(e, true, X7, X0);
		return;
	case J_TAIL: tail_call(e); return;
	case J_CHOOSE: choose(e, j); return;
	}
}

static bool
round_of(Emit *e)
{
	const JProg *jp = e->jp;
	u32 *old = e->at + jp->n + 1, *enter = old + jp->n + 1;

	memcpy(old, e->at, (jp->n + 1) * sizeof(u32));
	e->p = e->start;
	e->moved = false;
	for (u32 pc = 0; pc < jp->n; pc++) {
		if (jp->p->starts[pc] == 1) {
			u32 to = pc + 1;

			while (to < jp->n && jp->p->starts[to] != 1)
				to++;
			survey(e, pc, to);
			e->main = !pc;
			e->moved |= enter[pc] != here(e);
			enter[pc] = here(e);
			prologue(e);
			if (!pc)
				e->fixed = here(e);
		}
		e->at[pc] = here(e);
		one(e, pc);
	}
	e->at[jp->n] = here(e);
	return !e->full;
}

size_t
jit_arm64(const JProg *jp, u8 *buf, size_t room, u64 where, u32 *at, u32 *fixed)
{
	Emit e = { .jp = jp, .start = buf, .end = buf + room, .at = at };

	(void)where;
#ifdef __aarch64__
	e.lse = getauxval(AT_HWCAP) & 1 << 8;   /* HWCAP_ATOMICS */
#endif
	memset(at, 0, 3 * ((size_t)jp->n + 1) * sizeof(u32));
	for (int round = 0; round < 12; round++) {
		if (!round_of(&e))
			return 0;
		if (round && !e.moved && !memcmp(at, at + jp->n + 1, (jp->n + 1) * sizeof(u32))) {
			*fixed = e.fixed;
			return (size_t)(e.p - e.start);
		}
	}
	return 0;
}
