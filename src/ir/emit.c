/* emit: the order of blocks, and instructions as the machine takes them. The usual way falls through as far as
 * possible, what is cold comes last; jumps to jumps are followed; nothing unreachable is written, since old kernels
 * refuse it. */
#include "ir/ir.h"
#include "ir/mach.h"

#include <assert.h>

/* Where a jump to block b ends up, past blocks that only jump on. */
static u32
thread(const MFn *mf, u32 b)
{
	for (u32 k = 0; k < mf->blocks.n; k++) {
		const MBlock *mb = mf->blocks.v[b];

		if (mb->ins.n != 1 || mb->ins.v[0].kind != MK_JMP)
			break;
		b = mb->succ[0];
	}
	return b;
}

static void
thread_jumps(MFn *mf)
{
	for (u32 k = 0; k < mf->blocks.n; k++) {
		MBlock *mb = mf->blocks.v[k];
		Mi *end = &mb->ins.v[mb->ins.n - 1];

		for (int x = 0; x < 2; x++)
			if (mb->succ[x] != NO_BLOCK)
				mb->succ[x] = thread(mf, mb->succ[x]);
		if (end->kind == MK_JCC && mb->succ[0] == mb->succ[1]) {
			*end = (Mi){ .kind = MK_JMP, .code = BPF_JMP | BPF_JA, .dst = NO_REG, .src = NO_REG, .at = end->at };
			mb->succ[1] = NO_BLOCK;
		}
	}
	for (u32 k = 0; k < mf->blocks.n; k++)
		mf->blocks.v[k]->preds.n = 0;
	for (u32 k = 0; k < mf->blocks.n; k++)
		for (int x = 0; x < 2; x++)
			if (mf->blocks.v[k]->succ[x] != NO_BLOCK)
				VEC_PUSH(mf->a, &mf->blocks.v[mf->blocks.v[k]->succ[x]]->preds, k);
}

/* ---- order ---- */

typedef struct Layout {
	MFn *mf;
	bool *reached, *placed;
	u32 *order, n;
} Layout;

static u32
waiting_preds(const Layout *l, u32 b)
{
	const MBlock *mb = l->mf->blocks.v[b];
	u32 n = 0;

	for (u32 p = 0; p < mb->preds.n; p++)
		n += l->reached[mb->preds.v[p]] && !l->placed[mb->preds.v[p]];
	return n;
}

/* The successor that a look at the condition makes likelier: numbers are rarely negative. */
static u32
likely(const MBlock *mb)
{
	const Mi *m = &mb->ins.v[mb->ins.n - 1];

	if (m->kind == MK_JCC && BPF_OP(m->code) == BPF_JSET)
		return mb->succ[1];     /* it has no inverse */
	if (m->kind != MK_JCC || m->code & BPF_X || m->imm)
		return NO_BLOCK;
	return BPF_OP(m->code) == BPF_JSLT ? mb->succ[1] : BPF_OP(m->code) == BPF_JSGE ? mb->succ[0] : NO_BLOCK;
}

/* The block to put behind mb, or NO_BLOCK if none of its successors should be. */
static u32
follower(const Layout *l, const MBlock *mb)
{
	u32 best = likely(mb);

	if (best != NO_BLOCK && !l->placed[best] && (mb->cold || !l->mf->blocks.v[best]->cold))
		return best;
	best = NO_BLOCK;
	for (int x = 0; x < 2; x++) {
		u32 s = mb->succ[x];

		if (s == NO_BLOCK || l->placed[s] || (l->mf->blocks.v[s]->cold && !mb->cold))
			continue;
		if (best == NO_BLOCK || waiting_preds(l, s) < waiting_preds(l, best) ||
		    (waiting_preds(l, s) == waiting_preds(l, best) && l->mf->blocks.v[s]->loops > l->mf->blocks.v[best]->loops))
			best = s;
	}
	return best;
}

static void
lay_out(Layout *l)
{
	u32 *stack = NEW_N(l->mf->a, u32, l->mf->blocks.n + 1), depth = 0;

	l->reached[0] = true;
	stack[depth++] = 0;
	while (depth) {
		const MBlock *mb = l->mf->blocks.v[stack[--depth]];

		for (int x = 0; x < 2; x++)
			if (mb->succ[x] != NO_BLOCK && !l->reached[mb->succ[x]]) {
				l->reached[mb->succ[x]] = true;
				stack[depth++] = mb->succ[x];
			}
	}
	for (int cold = 0; cold < 2; cold++)
		for (u32 k = 0; k < l->mf->blocks.n; k++) {
			u32 b = k;

			if (!l->reached[k] || (!cold && l->mf->blocks.v[k]->cold && k))
				continue;
			while (b != NO_BLOCK && !l->placed[b]) {
				l->placed[b] = true;
				l->order[l->n++] = b;
				b = follower(l, l->mf->blocks.v[b]);
			}
		}
}

/* ---- instructions ---- */

enum { REACH = 16000, STEP = 2000 };    /* islands come this many instructions after what needs them; checked this often */

/* island: pc + 1 of one on the way, 0: straight to block `to`; from: place in the layout of the block it stands in. */
typedef struct Jump { u32 pc, to, island, from; Span at; } Jump;

typedef struct Out {
	Emit *e;
	MFn *mf;
	u32 *start;             /* per block: pc + 1; 0: not there yet */
	Vec(Jump) jumps;
	/* when jumps are too far without them: */
	u32 *island;            /* per block: pc + 1 of the last island that leads to it */
	const Jump **waiting;   /* put_islands(): per block, a jump that waits for it too long */
	u32 *last;              /* per block: place in the layout of the last block that jumps to it */
	u32 now;                /* place in the layout */
	u32 checked;
	bool with_islands;
} Out;

static void
put(Out *o, Insn insn, Span at)
{
	VEC_PUSH(o->e->a, &o->e->insns, insn);
	VEC_PUSH(o->e->a, &o->e->spans, at);
}

static void
put_jump(Out *o, Insn insn, u32 to, Span at)
{
	/* an island that is there is used: nothing may be unreachable */
	u32 island = o->with_islands && o->start[to] ? o->island[to] : 0;

	VEC_PUSH(o->e->a, &o->jumps, ((Jump){ o->e->insns.n, to, island, o->now, at }));
	put(o, insn, at);
}

/* Does what comes next follow from what stands before? */
static bool
falls_through(const Out *o)
{
	const Insn *last = &o->e->insns.v[o->e->insns.n - 1];

	return last->code != (BPF_JMP | BPF_JA) && last->code != (BPF_JMP | BPF_EXIT);
}

/* A jump to a block that is not there yet, and no island leads on. */
static bool
waits(const Out *o, const Jump *j)
{
	return !o->start[j->to] && !j->island;
}

/* Before the k-th block of the layout: jumps that led too far to reach, on behalf of those that stand before (and wait
 * for a block to come) and of those that will stand behind (and go back). */
static void
put_islands(Out *o, u32 k)
{
	u32 pc = o->e->insns.n, skip = NO_BLOCK, base = o->e->start[o->mf->fn->index], jumps = o->jumps.n;
	const Jump **wait = o->waiting;

	if (pc - base < o->checked + STEP)
		return;
	o->checked = pc - base;
	memset(wait, 0, o->mf->blocks.n * sizeof(*wait));
	for (u32 j = 0; j < jumps; j++)
		if (waits(o, &o->jumps.v[j]) && pc - o->jumps.v[j].pc > REACH)
			wait[o->jumps.v[j].to] = &o->jumps.v[j];
	for (u32 b = 0; b < o->mf->blocks.n; b++) {
		Span at = wait[b] ? wait[b]->at : (Span){ 0, 0 };
		bool back = o->start[b] && o->last[b] >= k && pc - (o->island[b] ? o->island[b] : o->start[b]) > REACH;
		u32 here;

		if (!wait[b] && !back)
			continue;
		if (skip == NO_BLOCK && falls_through(o)) {
			skip = o->e->insns.n;
			put(o, (Insn){ .code = BPF_JMP | BPF_JA }, at);
		}
		here = o->e->insns.n;
		VEC_PUSH(o->e->a, &o->jumps, ((Jump){ here, b, o->start[b] ? o->island[b] : 0, k, at }));
		put(o, (Insn){ .code = BPF_JMP | BPF_JA }, at);
		o->island[b] = here + 1;
	}
	for (u32 j = 0; j < jumps; j++)
		if (waits(o, &o->jumps.v[j]) && wait[o->jumps.v[j].to])
			o->jumps.v[j].island = o->island[o->jumps.v[j].to];
	if (skip != NO_BLOCK)
		o->e->insns.v[skip].off = (s16)(o->e->insns.n - skip - 1);
}

static u8
inverse_jump(u8 code)
{
	static const u8 inverse[16] = {
		[BPF_JEQ >> 4] = BPF_JNE, [BPF_JNE >> 4] = BPF_JEQ, [BPF_JGT >> 4] = BPF_JLE, [BPF_JLE >> 4] = BPF_JGT,
		[BPF_JGE >> 4] = BPF_JLT, [BPF_JLT >> 4] = BPF_JGE, [BPF_JSGT >> 4] = BPF_JSLE, [BPF_JSLE >> 4] = BPF_JSGT,
		[BPF_JSGE >> 4] = BPF_JSLT, [BPF_JSLT >> 4] = BPF_JSGE,
	};

	return inverse[code >> 4] ? (u8)((code & 0x0f) | inverse[code >> 4]) : 0;
}

static bool
is_less(u8 code)
{
	u8 op = BPF_OP(code);

	return op == BPF_JLT || op == BPF_JLE || op == BPF_JSLT || op == BPF_JSLE;
}

static void
put_branch(Out *o, const Mi *m, const MBlock *mb, u32 next)
{
	Insn insn = { .code = m->code, .dst_reg = (u8)m->dst & 15, .src_reg = m->code & BPF_X ? (u8)m->src & 15 : 0,
		.imm = (s32)m->imm };
	Insn ja = { .code = BPF_JMP | BPF_JA };
	u8 inverse = inverse_jump(m->code);

	if (o->e->opt->isa < 2 && is_less(inverse))
		inverse = 0;
	if (mb->succ[0] == next && inverse) {
		insn.code = inverse;
		put_jump(o, insn, mb->succ[1], m->at);
		return;
	}
	if (mb->succ[0] == next) {
		insn.off = 1;
		put(o, insn, m->at);
		put_jump(o, ja, mb->succ[1], m->at);
		return;
	}
	put_jump(o, insn, mb->succ[0], m->at);
	if (mb->succ[1] != next)
		put_jump(o, ja, mb->succ[1], m->at);
}

/* A jump to a block that only branches, one way of which comes next anyway, is that branch: loops need one jump a turn. */
static bool
put_branch_of(Out *o, const MBlock *to, u32 next)
{
	const Mi *m = &to->ins.v[0];
	u8 inverse = inverse_jump(m->code);

	if (m->kind != MK_JCC || to->succ[0] == to->succ[1] || (to->succ[0] != next && to->succ[1] != next))
		return false;
	if (to->succ[0] == next && (!inverse || (o->e->opt->isa < 2 && is_less(inverse))))
		return false;
	put_branch(o, m, to, next);
	return true;
}

static Insn
slot_insn(const Out *o, const Mi *m)
{
	s16 off = (s16)-(s32)(o->mf->stack + 8 * ((u32)m->imm + 1));

	if (m->kind == MK_RELOAD)
		return (Insn){ .code = BPF_LDX | BPF_MEM | BPF_DW, .dst_reg = (u8)m->dst & 15, .src_reg = R10, .off = off };
	return (Insn){ .code = BPF_STX | BPF_MEM | BPF_DW, .dst_reg = R10, .src_reg = (u8)m->src & 15, .off = off };
}

static void
put_mi(Out *o, const Mi *m, const MBlock *mb, u32 next)
{
	Insn insn = { .code = m->code, .dst_reg = (u8)(m->dst & 15), .src_reg = m->src == NO_REG ? 0 : (u8)(m->src & 15),
		.off = m->off, .imm = (s32)m->imm };

	switch (m->kind) {
	case MK_ALU: case MK_LOAD: case MK_STORE: case MK_ATOMIC:
		put(o, insn, m->at);
		break;
	case MK_LDIMM:
		insn.src_reg = m->pseudo & 15;
		if (m->pseudo == BPF_PSEUDO_FUNC)
			VEC_PUSH(o->e->a, &o->e->refs, ((__typeof__(*o->e->refs.v)){ o->e->insns.n, (u32)m->imm }));
		put(o, insn, m->at);
		put(o, (Insn){ .imm = m->pseudo ? (s32)m->imm2 : (s32)(m->imm >> 32) }, m->at);
		break;
	case MK_LEA:
		put(o, (Insn){ .code = BPF_ALU64 | BPF_MOV | BPF_X, .dst_reg = insn.dst_reg, .src_reg = R10 }, m->at);
		if (m->imm)
			put(o, (Insn){ .code = BPF_ALU64 | BPF_ADD | BPF_K, .dst_reg = insn.dst_reg, .imm = (s32)m->imm }, m->at);
		break;
	case MK_CALL:
		put(o, (Insn){ .code = m->code, .imm = (s32)m->imm }, m->at);
		break;
	case MK_SETCC:
		put(o, (Insn){ .code = m->code, .dst_reg = (u8)m->src & 15, .off = 1, .imm = (s32)m->imm,
			.src_reg = m->code & BPF_X ? (u8)m->src2 & 15 : 0 }, m->at);
		put(o, (Insn){ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = insn.dst_reg, .imm = m->n_args }, m->at);
		break;
	case MK_JCC:
		put_branch(o, m, mb, next);
		break;
	case MK_JMP:
		if (mb->succ[0] == next)
			break;
		if (o->mf->blocks.v[mb->succ[0]]->ins.v[0].kind == MK_EXIT)     /* as short as the jump to it */
			put(o, (Insn){ .code = BPF_JMP | BPF_EXIT }, m->at);
		else if (!put_branch_of(o, o->mf->blocks.v[mb->succ[0]], next))
			put_jump(o, (Insn){ .code = BPF_JMP | BPF_JA }, mb->succ[0], m->at);
		break;
	case MK_EXIT:
		put(o, (Insn){ .code = BPF_JMP | BPF_EXIT }, m->at);
		break;
	case MK_RELOAD: case MK_SPILL:
		put(o, slot_insn(o, m), m->at);
		break;
	default:
		assert(!"no such instruction");
	}
}

static s64
distance(const Out *o, const Jump *j)
{
	return (s64)(j->island ? j->island : o->start[j->to]) - 1 - j->pc - 1;
}

static const Jump *
too_far(const Out *o)
{
	for (u32 k = 0; k < o->jumps.n; k++) {
		s64 off = distance(o, &o->jumps.v[k]);

		if (off < INT16_MIN || off > INT16_MAX)
			return &o->jumps.v[k];
	}
	return NULL;
}

static void
put_blocks(Out *o, const Layout *l)
{
	o->jumps.n = 0;
	memset(o->start, 0, o->mf->blocks.n * sizeof(u32));
	for (u32 k = 0; k < l->n; k++) {
		const MBlock *mb = o->mf->blocks.v[l->order[k]];
		u32 next = k + 1 < l->n ? l->order[k + 1] : NO_BLOCK;

		o->now = k;
		if (o->with_islands) {
			put_islands(o, k);
			o->island[mb->id] = 0;
		}
		o->start[mb->id] = o->e->insns.n + 1;
		for (u32 j = 0; j < mb->ins.n; j++)
			put_mi(o, &mb->ins.v[j], mb, next);
	}
}

/* Where the last jump to each block stands, as a place in the layout; from the jumps of a first try. */
static void
find_last(Out *o)
{
	o->island = NEW_N(o->mf->a, u32, o->mf->blocks.n);
	o->waiting = NEW_N(o->mf->a, const Jump *, o->mf->blocks.n);
	o->last = NEW_N(o->mf->a, u32, o->mf->blocks.n);
	for (u32 j = 0; j < o->jumps.n; j++)
		o->last[o->jumps.v[j].to] = o->jumps.v[j].from;
}

bool
ir_emit(Emit *e, MFn *mf, Diag *d)
{
	Layout l = { .mf = mf, .reached = NEW_N(mf->a, bool, mf->blocks.n), .placed = NEW_N(mf->a, bool, mf->blocks.n),
		.order = NEW_N(mf->a, u32, mf->blocks.n) };
	Out o = { .e = e, .mf = mf, .start = NEW_N(mf->a, u32, mf->blocks.n) };
	u32 refs = e->refs.n;
	const Jump *far;

	thread_jumps(mf);
	lay_out(&l);
	e->start[mf->fn->index] = e->insns.n;
	put_blocks(&o, &l);
	if (too_far(&o)) {
		e->insns.n = e->spans.n = e->start[mf->fn->index];
		e->refs.n = refs;
		o.with_islands = true;
		find_last(&o);
		put_blocks(&o, &l);
	}
	far = too_far(&o);
	if (far) {
		diag_err(d, far->at, E_TOO_BIG, "a jump over %lld instructions is too far", (long long)distance(&o, far));
		diag_hint(d, "Split the probe's actions over several probes of the same event.");
		return false;
	}
	for (u32 k = 0; k < o.jumps.n; k++)
		e->insns.v[o.jumps.v[k].pc].off = (s16)distance(&o, &o.jumps.v[k]);
	return true;
}
