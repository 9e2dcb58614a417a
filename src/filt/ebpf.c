/* ebpf: the graph as an eBPF program, for sockets, tc, XDP, or plain (r1 packet, r2 its length: for a machine of one's own).
 * Emitted from the decision graph and not through ir/: what counts here is how the packet is read (LD_ABS on sockets; data
 * and data_end with as few checks of the end as the way through the graph needs elsewhere), which the graph knows and
 * a general IR would have to find again. Forward over the graph: the state on the way into a node is complete when the
 * node is reached, so checks, loads and the last value are shared between nodes.
 * Registers: r6 context, r7 start, r8 end of the packet, r9 a variable offset, r0 the value looked at, r1 to r3 for the moment.
 * Plain programs call nothing and so need no register saved: r1 start, r2 length, r3 offset, r4 to r6 for the moment. */
#include "filt/ebpf.h"

#include <linux/filter.h>
#include <stddef.h>

enum { MAX_OFF = 0x7fff, PKT_LIMIT = 0xffff, STACK_TEMP = 8 * 24, WALK = 10 };

u32
ebpf_put(Emit *e, u8 code, u32 dst, u32 src, s32 off, s32 imm)
{
	VEC_PUSH(e->a, &e->v, ((Insn){ .code = code, .dst_reg = dst & 15, .src_reg = src & 15, .off = (s16)off, .imm = imm }));
	return e->v.n - 1;
}

void
ebpf_go(Emit *e, u32 at, Node *to)
{
	VEC_PUSH(e->a, &e->fix, ((Fix){ at, to }));
}

static void
reject_if(Emit *e, u8 op, u32 dst, u32 src)
{
	ebpf_go(e, ebpf_put(e, BPF_JMP | op | BPF_X, dst, src, 0, 0), NULL);
}

/* if (r0 op k): values are 32 bits wide; constants from 2^31 would be sign-extended in a 64-bit comparison. */
u32
ebpf_jump_imm(Emit *e, u8 op, u32 reg, u32 k)
{
	return ebpf_put(e, (k >> 31 ? BPF_JMP32 : BPF_JMP) | op | BPF_K, reg, 0, 0, (s32)k);
}

static u8
size_bits(u32 size)
{
	return size == 1 ? BPF_B : size == 2 ? BPF_H : BPF_W;
}

static void
host_order(Emit *e, u32 size)
{
	if (size > 1)
		ebpf_put(e, BPF_ALU | BPF_END | BPF_TO_BE, 0, 0, 0, (s32)size * 8);
}

/* ---- reading the packet into r0 ---- */

static void
field(Emit *e, u32 off, u32 size)
{
	ebpf_put(e, BPF_LDX | BPF_MEM | size_bits(size), 0, 6, (s32)off, 0);
}

/* What the kernel knows beside the packet. */
static void
meta(Emit *e, u32 k)
{
	if (e->kind == FILT_SOCKET || e->kind == FILT_TC) {
		switch (k - 0xfffff000u) {
		case 4: field(e, offsetof(struct __sk_buff, pkt_type), 4); return;
		case 8: field(e, offsetof(struct __sk_buff, ifindex), 4); return;
		case 44: field(e, offsetof(struct __sk_buff, vlan_tci), 4); return;
		case 48: field(e, offsetof(struct __sk_buff, vlan_present), 4); return;
		}
	}
	if (e->kind == FILT_XDP && k == 0xfffff008u) {
		field(e, offsetof(struct xdp_md, ingress_ifindex), 4);
		return;
	}
	e->failed = true;
}

/* Is the packet at least n bytes long? Known once on a way, known behind. */
static void
check(Emit *e, u32 n)
{
	if (n <= e->now.checked)
		return;
	e->now.checked = n;
	if (e->kind == FILT_PLAIN) {
		ebpf_go(e, ebpf_jump_imm(e, BPF_JLT, e->end, n), NULL);
		return;
	}
	MOV(e->t1, e->pkt);
	ADD_IMM(e->t1, n);
	reject_if(e, BPF_JGT, e->t1, e->end);
}

/* r0 := the bytes at r9 + k; r9 is at most `hi`. */
static void
load_var(Emit *e, u32 k, u32 size, u32 hi)
{
	if (k + size > MAX_OFF) {
		ebpf_go(e, ebpf_put(e, BPF_JMP | BPF_JA, 0, 0, 0, 0), NULL);
		return;
	}
	if (hi > PKT_LIMIT - k - size)
		ebpf_go(e, ebpf_jump_imm(e, BPF_JGT, e->var, PKT_LIMIT - k - size), NULL);
	if (e->kind == FILT_SOCKET) {
		ebpf_put(e, BPF_LD | BPF_IND | size_bits(size), 0, e->var, 0, (s32)k);
		return;
	}
	MOV(e->t1, e->pkt);
	ADD(e->t1, e->var);
	MOV(e->t2, e->kind == FILT_PLAIN ? e->var : e->t1);
	ADD_IMM(e->t2, k + size);
	reject_if(e, BPF_JGT, e->t2, e->end);
	ebpf_put(e, BPF_LDX | BPF_MEM | size_bits(size), 0, e->t1, (s32)k, 0);
	host_order(e, size);
}

static void value(Emit *e, Ex *x);

static void
load(Emit *e, Ex *x)
{
	if (x->a) {
		if (e->now.r9 != x->a) {
			value(e, x->a);
			MOV(e->var, 0);
			e->now.r9 = x->a;
		}
		load_var(e, x->k, x->size, x->a->hi);
	} else if (x->k >= 0xfffff000u) {
		meta(e, x->k);
	} else if (x->k + x->size > MAX_OFF) {
		ebpf_go(e, ebpf_put(e, BPF_JMP | BPF_JA, 0, 0, 0, 0), NULL);
	} else if (e->kind == FILT_SOCKET) {
		ebpf_put(e, BPF_LD | BPF_ABS | size_bits(x->size), 0, 0, 0, (s32)x->k);
	} else {
		check(e, x->k + x->size);
		ebpf_put(e, BPF_LDX | BPF_MEM | size_bits(x->size), 0, e->pkt, (s32)x->k, 0);
		host_order(e, x->size);
	}
}

/* ---- values ---- */

static void
length(Emit *e)
{
	if (e->kind == FILT_SOCKET || e->kind == FILT_TC)
		field(e, offsetof(struct __sk_buff, len), 4);
	else {
		MOV(0, e->end);
		if (e->kind == FILT_XDP)
			ebpf_put(e, BPF_ALU64 | BPF_SUB | BPF_X, 0, e->pkt, 0, 0);
	}
}

/* r0 := l, t1 := r */
static void
pair(Emit *e, Ex *l, Ex *r)
{
	u32 slot = STACK_TEMP + 8 * ++e->temps;

	if (slot > 480)
		e->failed = true;
	value(e, r);
	STORE(slot, 0);
	e->now.r0 = NULL;
	value(e, l);
	LOAD(e->t1, slot);
	e->temps--;
}

static void
binary(Emit *e, Ex *x)
{
	u8 op = (u8)x->alu;
	u32 over;

	if (x->b->op == X_IMM) {
		value(e, x->a);
		if ((op == BPF_LSH || op == BPF_RSH) && x->b->k > 31)
			MOV_IMM(0, 0);
		else
			ebpf_put(e, BPF_ALU | op | BPF_K, 0, 0, 0, (s32)x->b->k);
		return;
	}
	pair(e, x->a, x->b);
	if (op == BPF_DIV || op == BPF_MOD)
		ebpf_go(e, ebpf_jump_imm(e, BPF_JEQ, e->t1, 0), NULL);
	if (op == BPF_LSH || op == BPF_RSH) {
		over = ebpf_jump_imm(e, BPF_JLE, e->t1, 31);
		e->v.v[over].off = 2;
		MOV_IMM(0, 0);
		MOV_IMM(e->t1, 0);
	}
	ebpf_put(e, BPF_ALU | op | BPF_X, 0, e->t1, 0, 0);
}

static void
value(Emit *e, Ex *x)
{
	if (e->now.r0 == x)
		return;
	switch (x->op) {
	case X_IMM: MOV_IMM(0, x->k); break;
	case X_LEN: length(e); break;
	case X_ASK: e->failed = true; break;
	case X_CELL: LOAD(0, 8 * (x->k + 1)); break;
	case X_LD: load(e, x); break;
	case X_NEG:
		value(e, x->a);
		ebpf_put(e, BPF_ALU | BPF_NEG, 0, 0, 0, 0);
		break;
	case X_ALU: binary(e, x); break;
	}
	e->now.r0 = x;
}

static void
branch(Emit *e, Node *n)
{
	bool negated;

	if (n->e->op == X_CMP) {
		bool yes = set_has(n->set, 1);

		pair(e, n->e->a, n->e->b);
		e->now.r0 = n->e->a;
		ebpf_go(e, ebpf_put(e, BPF_JMP | n->e->alu | BPF_X, 0, e->t1, 0, 0), yes ? n->t : n->f);
		ebpf_go(e, ebpf_put(e, BPF_JMP | BPF_JA, 0, 0, 0, 0), yes ? n->f : n->t);
	} else if (node_is_bits(n, &negated)) {
		value(e, n->e->a);
		ebpf_go(e, ebpf_jump_imm(e, BPF_JSET, 0, n->e->b->k), negated ? n->f : n->t);
		ebpf_go(e, ebpf_put(e, BPF_JMP | BPF_JA, 0, 0, 0, 0), negated ? n->t : n->f);
	} else {
		value(e, n->e);
		ebpf_set(e, n->set, n->e->hi, n->t, n->f);
	}
}

/* protochain: unrolled, so that the verifier sees an end. */
static void
chain(Emit *e, Node *n)
{
	const Chain *c = n->chain;
	static const u8 skipped[] = { 0, 60, 43, 44 };
	u32 slot = STACK_TEMP + 8;

	e->now.r0 = e->now.r9 = NULL;
	if (c->v6)
		MOV_IMM(e->var, 40);
	else {
		value(e, ex_alu(e->g, BPF_LSH, ex_alu(e->g, BPF_AND, ex_ld(e->g, 1, NULL, c->net), ex_imm(e->g, 15)), ex_imm(e->g, 2)));
		MOV(e->var, 0);
	}
	value(e, ex_ld(e->g, 1, NULL, c->net + (c->v6 ? 6 : 9)));
	for (u32 step = 0; step < WALK; step++) {
		u32 to_adv[4], to_ah, done = 0;

		ebpf_go(e, ebpf_jump_imm(e, BPF_JEQ, 0, c->proto), n->t);
		for (u32 i = 0; c->v6 && i < 4; i++)
			to_adv[i] = ebpf_jump_imm(e, BPF_JEQ, 0, skipped[i]);
		to_ah = ebpf_jump_imm(e, BPF_JEQ, 0, 51);
		ebpf_go(e, ebpf_put(e, BPF_JMP | BPF_JA, 0, 0, 0, 0), n->f);
		for (u32 ah = !c->v6; ah < 2; ah++) {
			if (ah)
				e->v.v[to_ah].off = (s16)(e->v.n - to_ah - 1);
			for (u32 i = 0; !ah && i < 4; i++)
				e->v.v[to_adv[i]].off = (s16)(e->v.n - to_adv[i] - 1);
			load_var(e, c->net, 1, PKT_LIMIT);
			STORE(slot, 0);
			load_var(e, c->net + 1, 1, PKT_LIMIT);
			ADD_IMM(0, ah ? 2 : 1);
			ebpf_put(e, BPF_ALU64 | BPF_LSH | BPF_K, 0, 0, 0, ah ? 2 : 3);
			if (ah)
				MOV(e->var, 0);
			else
				ADD(e->var, 0);
			LOAD(0, slot);
			if (!ah)
				done = ebpf_put(e, BPF_JMP | BPF_JA, 0, 0, 0, 0);
		}
		if (c->v6)
			e->v.v[done].off = (s16)(e->v.n - done - 1);
	}
	ebpf_go(e, ebpf_put(e, BPF_JMP | BPF_JA, 0, 0, 0, 0), n->f);
	e->now = (State){ true, NULL, NULL, 0 };
}

static void
arrive(Emit *e, Node *n)
{
	State *s = &e->state[n->id];

	if (n->op == N_RET)
		return;
	if (!s->met) {
		*s = e->now;
		s->met = true;
		return;
	}
	s->checked = MIN(s->checked, e->now.checked);
	if (s->r0 != e->now.r0)
		s->r0 = NULL;
	if (s->r9 != e->now.r9)
		s->r9 = NULL;
}

static void
node(Emit *e, Node *n)
{
	e->now = e->state[n->id];
	e->at[n->id] = e->v.n;
	switch (n->op) {
	case N_TEST:
		branch(e, n);
		break;
	case N_LET:
		value(e, n->e);
		STORE(8 * (n->k + 1), 0);
		if (e->now.r0 && e->now.r0->cells >> n->k & 1)
			e->now.r0 = NULL;
		if (e->now.r9 && e->now.r9->cells >> n->k & 1)
			e->now.r9 = NULL;
		ebpf_go(e, ebpf_put(e, BPF_JMP | BPF_JA, 0, 0, 0, 0), n->t);
		break;
	case N_CHAIN: chain(e, n); break;
	}
	e->now.met = true;
	if (e->kind == FILT_SOCKET && n->op == N_TEST)
		e->now.checked = 0;
	arrive(e, n->t);
	if (n->f)
		arrive(e, n->f);
}

static void
prologue(Emit *e, u64 cells)
{
	u32 ok;

	if (e->kind != FILT_PLAIN)
		MOV(6, 1);
	switch (e->kind) {
	case FILT_XDP:
		ebpf_put(e, BPF_LDX | BPF_MEM | BPF_W, 7, 6, offsetof(struct xdp_md, data), 0);
		ebpf_put(e, BPF_LDX | BPF_MEM | BPF_W, 8, 6, offsetof(struct xdp_md, data_end), 0);
		break;
	case FILT_TC:
		/* headers that are not in the first piece of the packet are brought there */
		ebpf_put(e, BPF_LDX | BPF_MEM | BPF_W, 2, 6, offsetof(struct __sk_buff, len), 0);
		ok = ebpf_jump_imm(e, BPF_JLE, 2, 256);
		e->v.v[ok].off = 1;
		MOV_IMM(2, 256);
		ebpf_put(e, BPF_LDX | BPF_MEM | BPF_W, 7, 6, offsetof(struct __sk_buff, data), 0);
		ebpf_put(e, BPF_LDX | BPF_MEM | BPF_W, 8, 6, offsetof(struct __sk_buff, data_end), 0);
		MOV(1, 7);
		ADD(1, 2);
		ebpf_put(e, BPF_JMP | BPF_JLE | BPF_X, 1, 8, 4, 0);
		MOV(1, 6);
		ebpf_put(e, BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_skb_pull_data);
		ebpf_put(e, BPF_LDX | BPF_MEM | BPF_W, 7, 6, offsetof(struct __sk_buff, data), 0);
		ebpf_put(e, BPF_LDX | BPF_MEM | BPF_W, 8, 6, offsetof(struct __sk_buff, data_end), 0);
		break;
	}
	if (cells)
		MOV_IMM(0, 0);
	for (u32 c = 0; c < 64; c++)
		if (cells >> c & 1)
			STORE(8 * (c + 1), 0);
}

static void
returns(Emit *e)
{
	static const s32 accept[] = { [FILT_TC] = 0, [FILT_XDP] = 2 }, reject[] = { [FILT_TC] = 2, [FILT_XDP] = 1 };
	bool verdict = e->kind == FILT_TC || e->kind == FILT_XDP;
	bool some_yes = false, some_no = false;         /* verifiers refuse code that nothing reaches */
	u32 yes, no;

	for (u32 i = 0; i < e->fix.n; i++) {
		Fix *x = &e->fix.v[i];

		some_yes |= x->to && x->to->op == N_RET && x->to->k;
		some_no |= !x->to || (x->to->op == N_RET && !x->to->k);
	}
	yes = e->v.n;
	if (some_yes) {
		MOV_IMM(0, verdict ? (u32)accept[e->kind] : e->snaplen);
		ebpf_put(e, BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
	}
	no = e->v.n;
	if (some_no) {
		MOV_IMM(0, verdict ? reject[e->kind] : 0);
		ebpf_put(e, BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
	}
	for (u32 i = 0; i < e->fix.n; i++) {
		Fix *x = &e->fix.v[i];
		u32 to = !x->to ? no : x->to->op == N_RET ? (x->to->k ? yes : no) : e->at[x->to->id];
		s64 off = (s64)to - x->at - 1;

		if (off > 32767)
			e->failed = true;
		e->v.v[x->at].off = (s16)off;
	}
}

/* Jumps to the next instruction go; all others keep their targets. */
static void
drop_idle_jumps(Emit *e)
{
	u32 n = e->v.n, k = 0, *to = NEW_N(e->a, u32, n + 1), *target = NEW_N(e->a, u32, n);
	bool *idle = NEW_N(e->a, bool, n);

	for (u32 i = 0; i < n; i++) {
		u8 code = e->v.v[i].code;
		bool jump = (BPF_CLASS(code) == BPF_JMP || BPF_CLASS(code) == BPF_JMP32) && BPF_OP(code) != BPF_CALL &&
			BPF_OP(code) != BPF_EXIT;

		target[i] = jump ? i + 1 + (u32)(s32)e->v.v[i].off : 0xffffffffu;
		idle[i] = code == (BPF_JMP | BPF_JA) && !e->v.v[i].off;
	}
	for (u32 i = 0; i < n; i++) {
		to[i] = k;
		k += !idle[i];
	}
	to[n] = k;
	for (u32 i = 0; i < e->out->relocs.n; i++)
		e->out->relocs.v[i] = to[e->out->relocs.v[i]];
	k = 0;
	for (u32 i = 0; i < n; i++) {
		if (idle[i])
			continue;
		e->v.v[k] = e->v.v[i];
		if (target[i] != 0xffffffffu)
			e->v.v[k].off = (s16)(to[target[i]] - k - 1);
		k++;
	}
	e->v.n = k;
}

bool
filt_ebpf(const Filt *f, int kind, FiltEbpf *out)
{
	Emit em = { .a = f->a, .g = f->g, .kind = kind == FILT_LIVE ? FILT_SOCKET : kind, .maps = kind == FILT_LIVE, .snaplen = f->opts.snaplen }, *e = &em;
	u64 cells = 0;

	memset(out, 0, sizeof(*out));
	e->pkt = 7, e->end = 8, e->var = 9, e->t1 = 1, e->t2 = 2, e->t3 = 3;
	if (kind == FILT_PLAIN)
		e->pkt = 1, e->end = 2, e->var = 3, e->t1 = 4, e->t2 = 5, e->t3 = 6;
	e->out = out;
	e->state = NEW_N(e->a, State, f->root->id + 1);
	e->at = NEW_N(e->a, u32, f->root->id + 1);
	e->now.met = true;
	arrive(e, f->root);
	for (u32 i = 0; i <= f->root->id; i++)
		if (f->g->node.v[i]->e)
			cells |= f->g->node.v[i]->e->cells;
	if (cells >> 22)
		return false;
	prologue(e, cells);
	ebpf_go(e, ebpf_put(e, BPF_JMP | BPF_JA, 0, 0, 0, 0), f->root);
	for (u32 i = f->root->id + 1; i-- > 0;)
		if (e->state[i].met && f->g->node.v[i]->op != N_RET)
			node(e, f->g->node.v[i]);
	returns(e);
	for (u32 n = 0; n != e->v.n;) {
		n = e->v.n;
		drop_idle_jumps(e);
	}
	out->insns = e->v.v;
	out->n = e->v.n;
	return !e->failed;
}
