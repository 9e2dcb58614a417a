/* x86: machine code for x86-64. The registers of BPF have places for good: r0-r5 are where System V has the result and the
 * arguments, r6-r9 in registers that calls keep, r10 is rbp; r9, r10, r11 are scratch. The sixth argument, the run's
 * VmContext, lies on the stack of functions that call. */
#include "vm/jit/x86.h"

#include <errno.h>

const u8 x86_place[11] = { RAX, RDI, RSI, RDX, RCX, R8, RBX, R13, R14, R15, RBP };

/* ---- functions ---- */

/* What the function of slots from .. to needs. */
static void
survey(Emit *e, u32 from, u32 to)
{
	u16 defs = 0;
	bool escapes = false;
	u32 pushes;

	e->frame = e->calls = e->tails = false;
	e->stack = 0;
	e->epilogue = 0;
	for (u32 pc = from; pc < to; pc++) {
		const J *j = &e->jp->j[pc];
		const InsnRow *r = j->op < N_OP ? bpf_insn_row_at(j->op) : NULL;
		bool mem = r && (r->cls == IC_LOAD || r->cls == IC_STORE || r->cls == IC_ATOMIC);
		bool base = mem && (r->cls == IC_LOAD || (r->cls == IC_ATOMIC && r->var == K_ATOMIC_LOAD_ACQ) ? j->src : j->dst) == 10;

		defs |= jit_defs(j);
		if (jit_uses(j) & 1 << 10) {
			bool value = mem && j->src == 10 && (r->shape == SH_STX || r->shape == SH_ATOMIC ||
							     (r->shape == SH_ACQREL && r->var != K_ATOMIC_LOAD_ACQ));

			e->frame = true;
			if (!base || value || j->index != NO_REG)
				escapes = true;
			else
				e->stack = MAX(e->stack, -j->off);
		}
		if (jit_asks(j))
			e->calls = e->frame = true;
		e->tails |= j->op == J_TAIL;
	}
	if (escapes || e->stack > VM_STACK)
		e->stack = VM_STACK;
	e->stack = ALIGN(e->stack, 8);
	e->saved = defs & 0x3c0;
	pushes = (u32)__builtin_popcount(e->saved) + 1;
	e->down = e->stack + (e->calls ? 8 : 0) + (e->tails ? 8 : 0);
	if (e->calls && (8 + 8 * pushes + (u32)e->down) % 16)
		e->down += 8;
}

static void
push(Emit *e, u32 reg)
{
	x86_rex(e, false, 0, 0, reg, false);
	x86_byte(e, 0x50 | (reg & 7));
}

static Mem
slot(const Emit *e, u32 n)
{
	return (Mem){ RBP, NO_REG, 0, -e->stack - 8 * (s32)n };
}

static void
pop(Emit *e, u32 reg)
{
	x86_rex(e, false, 0, 0, reg, false);
	x86_byte(e, 0x58 | (reg & 7));
}

/* A loop over runs: r12 is the VmRun, its end lies on the stack; what is not 0 is counted in a register that the program does
 * not use, or on the stack. */
static void
begin_each(Emit *e)
{
	e->count = NO_REG;
	for (u32 r = 6; r < 10 && e->count == NO_REG; r++)
		if (!(e->saved & 1 << r))
			e->count = x86_place[r];
	push(e, R12);
	if (e->count != NO_REG) {
		push(e, e->count);
		x86_mov_imm(e, e->count, 0);
	}
	x86_mov(e, R12, RDI);
	x86_shift_imm(e, true, 4, RSI, 4);
	x86_rr(e, true, 0x01, RDI, RSI);
	push(e, RSI);
	_Static_assert(sizeof(VmRun) == 16, "1 << 4");
	if (e->count == NO_REG) {
		x86_byte(e, 0x6a);              /* push 0 */
		x86_byte(e, 0);
	}
}

static void
end_each(Emit *e)
{
	if (e->count == NO_REG)
		pop(e, RAX);
	else
		x86_mov(e, RAX, e->count);
	pop(e, R11);
	if (e->count != NO_REG)
		pop(e, e->count);
	pop(e, R12);
}

static void
next_each(Emit *e)
{
	Mem end = e->frame ? (Mem){ RBP, NO_REG, 0, 8 } : (Mem){ RSP, NO_REG, 0, 0 };
	s64 d;

	end.disp += 8 * __builtin_popcount(e->saved);
	x86_rm(e, false, 0, 0x89, RAX, (Mem){ R12, NO_REG, 0, offsetof(VmRun, r0) }, false);
	x86_ri(e, false, 7, RAX, 1);            /* carry: it is 0 */
	if (e->count != NO_REG)
		x86_ri(e, true, 3, e->count, -1);       /* sbb */
	else {
		x86_rm(e, true, 0, 0x83, 3, end, false);
		x86_byte(e, 0xff);
		end.disp += 8;
	}
	x86_ri(e, true, 0, R12, sizeof(VmRun));
	x86_rm(e, true, 0, 0x3b, R12, end, false);
	d = (s64)e->top - (x86_here(e) + 2);
	if (d == (s8)d)
		x86_byte(e, 0x70 | C_B);
	else {
		x86_byte(e, 0x0f);
		x86_byte(e, 0x80 | C_B);
	}
	if (d == (s8)d)
		x86_byte(e, (u32)d & 255);
	else
		x86_bytes4(e, e->top - (x86_here(e) + 4));
}

static void
prologue(Emit *e)
{
	if (e->jp->each)
		begin_each(e);
	for (u32 r = 6; r < 10; r++)
		if (e->saved & 1 << r)
			push(e, x86_place[r]);
	if (e->frame) {
		push(e, RBP);
		x86_mov(e, RBP, RSP);
		if (e->down)
			x86_ri(e, true, 5, RSP, e->down);
		if (e->calls)
			x86_rm(e, true, 0, 0x89, R9, slot(e, 1), false);
	}
	if (e->jp->each) {
		x86_align(e, 32);
		e->top = x86_here(e);
		x86_rm(e, true, 0, 0x8b, RDI, (Mem){ R12, NO_REG, 0, offsetof(VmRun, mem) }, false);
		x86_rm(e, false, 0, 0x8b, RSI, (Mem){ R12, NO_REG, 0, offsetof(VmRun, size) }, false);
	}
}

static void
leave(Emit *e)
{
	if (e->frame)
		x86_byte(e, 0xc9);
	for (u32 r = 10; r-- > 6; )
		if (e->saved & 1 << r)
			pop(e, x86_place[r]);
	if (e->jp->each)
		end_each(e);
}

static void
finish(Emit *e)
{
	u32 from;
	s64 d;

	if (e->jp->each)
		next_each(e);
	from = x86_here(e);
	d = (s64)e->epilogue - (from + 2);
	if (e->epilogue && (e->saved || e->jp->each)) {
		if (d == (s8)d) {
			x86_byte(e, 0xeb);
			x86_byte(e, (u32)d & 255);
		} else {
			x86_byte(e, 0xe9);
			x86_bytes4(e, e->epilogue - (from + 5));
		}
		return;
	}
	if (!e->epilogue)
		e->epilogue = from;
	leave(e);
	x86_byte(e, 0xc3);
	if (e->epilogue == from && e->main)
		e->fixed += x86_here(e) - from;
}

/* ---- memory ---- */

static Mem
mem_of(const J *j, u32 base)
{
	return (Mem){ x86_place[base], j->index == NO_REG ? NO_REG : x86_place[j->index], j->scale, j->off };
}

static void
load(Emit *e, const J *j)
{
	Mem m = mem_of(j, j->src);
	u32 d = x86_place[j->dst];

	switch (j->op) {
	case OP_LDXB: case OP_LDACQ_B: x86_rm(e, false, 0, 0x0fb6, d, m, false); break;
	case OP_LDXH: case OP_LDACQ_H: x86_rm(e, false, 0, 0x0fb7, d, m, false); break;
	case OP_LDXW: case OP_LDACQ_W: x86_rm(e, false, 0, 0x8b, d, m, false); break;
	case OP_LDXDW: case OP_LDACQ_DW: x86_rm(e, true, 0, 0x8b, d, m, false); break;
	case OP_LDXSB: x86_rm(e, true, 0, 0x0fbe, d, m, false); break;
	case OP_LDXSH: x86_rm(e, true, 0, 0x0fbf, d, m, false); break;
	case OP_LDXSW: x86_rm(e, true, 0, 0x63, d, m, false); break;
	}
}

static void
store(Emit *e, const J *j, bool imm)
{
	Mem m = mem_of(j, j->dst);
	u32 s = imm ? 0 : x86_place[j->src], size = bpf_insn_row_at(j->op)->size;

	if (imm && e->jp->blind && j->imm != (s8)j->imm) {
		x86_mov_user(e, R11, (u64)j->imm);
		s = R11;
		imm = false;
	}
	x86_rm(e, size == 8, size == 2 ? 0x66 : 0, imm ? (size == 1 ? 0xc6 : 0xc7) : (size == 1 ? 0x88 : 0x89), s, m, !imm && size == 1);
	if (!imm)
		return;
	x86_byte(e, (u32)j->imm & 255);
	if (size > 1)
		x86_byte(e, (u32)j->imm >> 8 & 255);
	if (size > 2) {
		x86_byte(e, (u32)j->imm >> 16 & 255);
		x86_byte(e, (u32)j->imm >> 24);
	}
}

static void
atomic(Emit *e, const J *j)
{
	const InsnRow *r = bpf_insn_row_at(j->op);
	bool w = r->size == 8;
	Mem m = mem_of(j, j->dst);
	u32 s = x86_place[j->src];
	u8 *again;

	switch ((u32)r->var) {
	case BPF_ADD: x86_rm(e, w, 0xf0, 0x01, s, m, false); return;
	case BPF_OR: x86_rm(e, w, 0xf0, 0x09, s, m, false); return;
	case BPF_AND: x86_rm(e, w, 0xf0, 0x21, s, m, false); return;
	case BPF_XOR: x86_rm(e, w, 0xf0, 0x31, s, m, false); return;
	case BPF_ADD | BPF_FETCH: x86_rm(e, w, 0xf0, 0x0fc1, s, m, false); return;
	case BPF_XCHG: x86_rm(e, w, 0, 0x87, s, m, false); return;
	case BPF_CMPXCHG:
		x86_rm(e, w, 0xf0, 0x0fb1, s, m, false);
		if (!w)         /* a success leaves the upper half */
			x86_rr(e, false, 0x89, RAX, RAX);
		return;
	}
	/* fetch or, and, xor: a loop of compare and exchange */
	x86_rm(e, true, 0, 0x8d, R9, m, false);
	x86_mov(e, R10, RAX);
	m = (Mem){ R9, NO_REG, 0, 0 };
	x86_rm(e, w, 0, 0x8b, RAX, m, false);
	again = e->p;
	x86_mov(e, R11, RAX);
	x86_rr(e, w, r->var == (BPF_OR | BPF_FETCH) ? 0x09 : r->var == (BPF_AND | BPF_FETCH) ? 0x21 : 0x31, s == RAX ? R10 : s, R11);
	x86_rm(e, w, 0xf0, 0x0fb1, R11, m, false);
	x86_byte(e, 0x70 | C_NE);
	x86_byte(e, (u32)(again - (e->p + 1)) & 255);
	x86_rr(e, w, 0x89, RAX, s);
	if (s != RAX)
		x86_mov(e, RAX, R10);
}

/* ---- calls ---- */

static void
context(Emit *e)
{
	x86_rm(e, true, 0, 0x8b, R9, slot(e, 1), false);
}

static void
helper(Emit *e, const J *j)
{
	if (j->imm == BPF_FUNC_get_smp_processor_id && e->rdpid) {
		x86_byte(e, 0xf3);          /* rdpid rax: the CPU in the low 12 bits */
		x86_byte(e, 0x0f);
		x86_byte(e, 0xc7);
		x86_byte(e, 0xf8);
		x86_ri(e, false, 4, RAX, 0xfff);
		return;
	}
	context(e);
	x86_call(e, (u64)(uintptr_t)vm_helper((u32)j->imm));
}

static void
array_lookup(Emit *e, const J *j)
{
	const VmMap *m = (const VmMap *)(uintptr_t)j->imm;
	u8 *miss, *out;

	x86_rm(e, false, 0, 0x8b, RAX, (Mem){ RSI, NO_REG, 0, 0 }, false);
	if (m->cap <= INT32_MAX)
		x86_ri(e, false, 7, RAX, (s32)m->cap);
	else {
		x86_mov_imm(e, R11, m->cap);
		x86_rr(e, false, 0x39, R11, RAX);
	}
	miss = x86_skip(e, C_AE);
	if (!(m->stride & (m->stride - 1)))
		x86_shift_imm(e, true, 4, RAX, (u32)__builtin_ctz(m->stride));
	else {
		x86_rex(e, true, RAX, 0, RAX, false);
		x86_byte(e, 0x69);
		x86_byte(e, 0xc0);
		x86_bytes4(e, m->stride);
	}
	x86_mov_imm(e, R11, (u64)(uintptr_t)m->values);
	x86_rr(e, true, 0x01, R11, RAX);
	out = x86_skip(e, 16);
	x86_land(e, miss);
	x86_rr(e, false, 0x31, RAX, RAX);
	x86_land(e, out);
}

static void
tail_call(Emit *e)
{
	u8 *none;

	x86_rm(e, true, 0, 0x89, RDI, slot(e, 2), false);
	context(e);
	x86_call(e, (u64)(uintptr_t)jit_tail_call);
	x86_rr(e, true, 0x85, RAX, RAX);
	none = x86_skip(e, C_E);
	x86_rm(e, true, 0, 0x8b, RDI, slot(e, 2), false);
	context(e);
	leave(e);
	x86_byte(e, 0xff);
	x86_byte(e, 0xe0);
	x86_land(e, none);
	x86_mov_imm(e, RAX, (u64)-ENOENT);
}

/* The offset lies in RDI: by the function that knows negative ones, too. Ends the program when it is outside. */
static void
packet_call(Emit *e, u32 size)
{
	u8 *ok;

	x86_mov_imm(e, RSI, size);
	context(e);
	x86_call(e, (u64)(uintptr_t)jit_packet);
	x86_rr(e, true, 0x85, RAX, RAX);
	ok = x86_skip(e, C_S + 1);
	x86_rr(e, false, 0x31, RAX, RAX);
	leave(e);
	x86_byte(e, 0xc3);
	x86_land(e, ok);
}

/* LD_ABS, LD_IND: r0 = the number at an offset of the packet, in the host's byte order. */
static void
packet_load(Emit *e, const J *j)
{
	u32 size = bpf_insn_row_at(j->op)->size;
	bool indirect = j->op >= OP_LDINDW;
	s32 imm = (s32)j->imm;
	u8 *negative = NULL, *outside, *done;

	if (!indirect && imm < 0) {
		x86_mov_imm(e, RDI, (u32)imm);
		packet_call(e, size);
		return;
	}
	context(e);
	x86_rm(e, true, 0, 0x8b, R11, (Mem){ R9, NO_REG, 0, offsetof(VmContext, data) }, false);
	if (indirect) {
		x86_rr(e, false, 0x89, x86_place[j->src], RDI);
		if (imm)
			x86_ri(e, false, 0, RDI, imm);
		x86_rr(e, false, 0x85, RDI, RDI);
		negative = x86_skip(e, C_S);
	}
	x86_rm(e, true, 0, 0x8d, RAX, (Mem){ R11, indirect ? RDI : NO_REG, 0, indirect ? 0 : imm }, false);
	x86_rm(e, true, 0, 0x8d, R11, (Mem){ RAX, NO_REG, 0, (s32)size }, false);
	x86_rm(e, true, 0, 0x3b, R11, (Mem){ R9, NO_REG, 0, offsetof(VmContext, data_end) }, false);
	outside = x86_skip(e, C_A);
	x86_rm(e, false, 0, size == 1 ? 0x0fb6 : size == 2 ? 0x0fb7 : 0x8b, RAX, (Mem){ RAX, NO_REG, 0, 0 }, false);
	if (size > 1)
		x86_unary(e, size == 2 ? OP_BE16 : OP_BE32, RAX);
	done = x86_skip(e, 16);
	x86_land(e, outside);
	x86_rr(e, false, 0x31, RAX, RAX);
	leave(e);
	x86_byte(e, 0xc3);
	if (indirect) {
		x86_land(e, negative);
		packet_call(e, size);
	}
	x86_land(e, done);
}

/* call rel32, or lea reg, [rip + rel32], of the function that begins with slot `to` */
static void
relative(Emit *e, u32 op, u32 to, u32 reg)
{
	if (op == 0xe8)
		x86_byte(e, 0xe8);
	else {
		x86_rex(e, true, reg, 0, 0, false);
		x86_byte(e, 0x8d);
		x86_byte(e, (reg & 7) << 3 | 5);
	}
	x86_bytes4(e, e->at[2 * (e->jp->n + 1) + to] - (x86_here(e) + 4));
}

/* mov, which leaves the flags alone */
static void
mov_quiet(Emit *e, u32 to, u32 v)
{
	x86_rex(e, false, 0, 0, to, false);
	x86_byte(e, 0xb8 | (to & 7));
	x86_bytes4(e, v);
}

static void
choose(Emit *e, const J *j)
{
	J test = *j;
	u32 cc;

	test.op = (u16)(OP_JEQ64K + j->scale);
	cc = x86_compare(e, &test);
	mov_quiet(e, RAX, j->to);
	mov_quiet(e, R11, (u32)j->off);
	x86_rr(e, false, 0x0f40 | cc, RAX, R11);
	finish(e);
}

static void
one(Emit *e, u32 pc)
{
	const J *j = &e->jp->j[pc];
	u32 op = j->op, flags = e->flags_of;

	e->flags_of = 0;
	if (op == J_NOP) {
		e->flags_of = flags;
		return;
	}
	if (IS_ALU(op)) {
		x86_alu(e, j);
		return;
	}
	if (IS_JCC(op)) {
		e->flags_of = flags;
		x86_jump(e, x86_compare(e, j), pc, j->to);
		e->flags_of = 0;
		return;
	}
	switch (bpf_insn_row_at(op) ? (InsnShape)bpf_insn_row_at(op)->shape : SH_EXIT) {
	case SH_NEG: case SH_END: x86_unary(e, op, x86_place[j->dst]); return;
	case SH_ALUX: x86_movsx(e, op, x86_place[j->dst], x86_place[j->src]); return;
	case SH_LDX: load(e, j); return;
	case SH_ST: store(e, j, true); return;
	case SH_STX: store(e, j, false); return;
	case SH_ATOMIC: atomic(e, j); return;
	case SH_ACQREL:
		if (op <= OP_LDACQ_DW)
			load(e, j);
		else {          /* a store of this machine is a release */
			J st = *j;

			st.op = (u16)(op == OP_STREL_B ? OP_STXB : op == OP_STREL_H ? OP_STXH : op == OP_STREL_W ? OP_STXW : OP_STXDW);
			store(e, &st, false);
		}
		return;
	case SH_LDIMM:
		if (op == OP_LDFUNC)
			relative(e, 0x8d, (u32)j->imm, x86_place[j->dst]);
		else if (op == OP_LDDW)
			x86_mov_user(e, x86_place[j->dst], (u64)j->imm);
		else
			x86_mov_imm(e, x86_place[j->dst], (u64)j->imm);
		return;
	case SH_JA: case SH_JA32:
		if (op == OP_MAYGOTO) {
			context(e);
			x86_rm(e, true, 0, 0x83, 5, (Mem){ R9, NO_REG, 0, offsetof(VmContext, loops) }, false);
			x86_byte(e, 1);
		}
		x86_jump(e, op == OP_MAYGOTO ? C_S : 16, pc, j->to);
		return;
	case SH_ABS: case SH_IND: packet_load(e, j); return;
	case SH_CALL:
		if (op == OP_CALLSUB) {
			context(e);
			relative(e, 0xe8, j->to, 0);
		} else
			helper(e, j);
		return;
	default:
		break;
	}
	switch (op) {
	case OP_EXIT: finish(e); return;
	case J_ROL64: case J_ROL32: x86_rotate(e, op == J_ROL64, x86_place[j->dst], x86_place[j->src], (u32)j->imm); return;
	case J_LEA: x86_rm(e, true, 0, 0x8d, x86_place[j->dst], mem_of(j, j->src), false); return;
	case J_ARRAY: array_lookup(e, j); return;
	case J_HASH:
		x86_mov_imm(e, RDI, (u64)j->imm);
		x86_call(e, (u64)(uintptr_t)jit_lookup(j));
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
	bool moved = false;

	memcpy(old, e->at, (jp->n + 1) * sizeof(u32));
	e->p = e->start;
	e->flags_of = 0;
	for (u32 pc = 0; pc < jp->n; pc++) {
		if (jp->p->starts[pc] == 1) {
			u32 to = pc + 1;

			while (to < jp->n && jp->p->starts[to] != 1)
				to++;
			survey(e, pc, to);
			if (pc)
				x86_align(e, 16);
			e->main = !pc;
			moved |= enter[pc] != x86_here(e);
			enter[pc] = x86_here(e);
			prologue(e);
			if (!pc)
				e->fixed = x86_here(e);
			e->at[pc] = x86_here(e);    /* where jumps go */
		} else {
			if (jp->j[pc].leader)
				e->flags_of = 0;
			if (jp->j[pc].loop && jp->n > 8)
				x86_align(e, 16);
			e->at[pc] = x86_here(e);
		}
		one(e, pc);
	}
	e->at[jp->n] = x86_here(e);
	e->moved = moved;
	return !e->full;
}

size_t
jit_x86(const JProg *jp, u8 *buf, size_t room, u64 where, u32 *at, u32 *fixed)
{
	Emit e = { .jp = jp, .start = buf, .end = buf + room, .where = where, .at = at, .bmi2 = jp->p->bmi2, .rdpid = jp->p->rdpid };

	e.far_jumps = true;
	memset(at, 0, 3 * ((size_t)jp->n + 1) * sizeof(u32));
	if (!round_of(&e))
		return 0;
	e.far_jumps = false;
	for (int round = 0; round < 12; round++) {
		if (!round_of(&e))
			return 0;
		if (!e.moved && !memcmp(at, at + jp->n + 1, (jp->n + 1) * sizeof(u32))) {
			*fixed = e.fixed;
			return (size_t)(e.p - e.start);
		}
	}
	/* alignment and short jumps chase each other: long jumps always settle */
	e.far_jumps = true;
	for (int round = 0; round < 3; round++)
		if (!round_of(&e))
			return 0;
	*fixed = e.fixed;
	return (size_t)(e.p - e.start);
}
