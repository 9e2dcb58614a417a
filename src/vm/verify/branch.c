/* branch: what a comparison says on each side: numbers narrow, pointers prove to be NULL or not, packets to be long enough. */
#include "vm/verify/verify.h"

static void
not_null(Reg *r, bool is_null)
{
	if (is_null) {
		vf_reg_known(r, 0);
		return;
	}
	r->flags &= (u16)~F_NULL;
	/* The id told which registers share the NULL-ness; of a value with a lock it still tells which value it is. */
}

/* Every register with this id is NULL, or is not. */
static void
mark_null(Verifier *v, State *s, int reg, bool is_null)
{
	Reg *r = &s->frame[s->cur]->reg[reg];
	u32 id = r->id, ref = r->ref;

	if (ref && ref == id && is_null) {      /* nothing was acquired */
		for (u32 i = 0; i < s->n_refs; i++)
			if (s->ref[i].kind == REF_PTR && s->ref[i].id == id) {
				s->ref[i] = s->ref[--s->n_refs];
				v->bytes -= sizeof(Ref);
				break;
			}
	}
	EACH_REG(s, x, {
		if (x->kind != R_SCALAR && (x->flags & F_NULL) && x->id == id) {
			bool lock = false;

			not_null(x, is_null);
			if (!is_null && x->kind == R_VALUE)
				for (u32 k = 0; k < v->maps[x->map].n_fields; k++)
					lock |= v->maps[x->map].fields[k].kind == MF_SPIN_LOCK;
			if (!is_null && !lock)
				x->id = 0;
		}
	});
}

static bool
maybe_null(const Reg *r)
{
	return r->kind != R_SCALAR && r->kind != R_NONE && (r->flags & F_NULL);
}

static bool
surely_not_null(const Reg *r)
{
	if (r->kind == R_SCALAR || r->kind == R_NONE || (r->flags & (F_NULL | F_UNTRUSTED)))
		return false;
	switch (r->kind) {
	case R_SOCK: case R_TCP_SOCK: case R_VALUE: case R_KEY: case R_SOCK_COMMON: case R_MEM: case R_MAP:
		return true;
	}
	return false;
}

static bool
is_packet(const Reg *r)
{
	return r->kind == R_PACKET || r->kind == R_META;
}

/* A pointer that is the very start of the packet. */
static bool
packet_start(const Reg *r)
{
	return r->kind == R_PACKET && r->off == 0 && r->id == 0 && tnum_is_const(r->bits) && r->bits.value == 0;
}

static int
packet_taken(const Reg *a, const Reg *b, u8 op)
{
	const Reg *p;

	if (a->kind == R_PACKET_END) {
		p = b;
		op = vf_jump_flipped(op);
	} else if (b->kind == R_PACKET_END)
		p = a;
	else
		return -1;
	if (p->range >= 0)
		return -1;
	switch (op) {
	case BPF_JLE: case BPF_JGT:
		return p->range == BEYOND_END ? op == BPF_JGT : -1;
	case BPF_JLT: case BPF_JGE:
		return op == BPF_JGE;
	}
	return -1;
}

static int
taken(const Reg *a, const Reg *b, u8 op, bool jmp32)
{
	bool pa = is_packet(a) || a->kind == R_PACKET_END, pb = is_packet(b) || b->kind == R_PACKET_END;

	if (pa && pb && !jmp32)
		return packet_taken(a, b, op);
	if (a->kind == R_SCALAR && b->kind == R_SCALAR)
		return vf_reg_branch_taken(a, b, op, jmp32);
	if (!vf_reg_is_const(b, jmp32)) {
		const Reg *x = a;

		a = b;
		b = x;
	}
	if (!vf_reg_is_const(b, jmp32) || !surely_not_null(a) || vf_reg_const(b, jmp32))
		return -1;
	return op == BPF_JEQ ? 0 : op == BPF_JNE ? 1 : -1;
}

/* The packet reaches to p (one byte further if open): all pointers with the same base may use that. */
static void
extend_range(State *s, const Reg *p, bool open)
{
	s32 range;

	if (p->off < 0 || (p->off == 0 && open))
		return;
	if (p->umax > MAX_PACKET_OFF || p->umax + (u64)p->off > MAX_PACKET_OFF)
		return;
	range = p->off + open;
	EACH_REG(s, r, {
		if (r->kind == p->kind && r->id == p->id)
			r->range = MAX(r->range, range);
	});
}

static void
mark_end(State *s, int reg, bool beyond)
{
	Reg *r = &s->frame[s->cur]->reg[reg];

	if (r->kind == R_PACKET)
		r->range = beyond ? BEYOND_END : AT_END;
}

/* `low` is a pointer into the area that `high` ends. */
static bool
packet_pair(const Reg *low, const Reg *high)
{
	return (low->kind == R_PACKET && high->kind == R_PACKET_END) || (low->kind == R_META && packet_start(high));
}

/* Compares a packet pointer with the end: yes: where the jump is taken, no: where it is not. */
static bool
match_packet(const Insn *insn, const Reg *a, const Reg *b, State *yes, State *no)
{
	u8 op = BPF_OP(insn->code);
	int reg = insn->dst_reg;
	State *in, *out;
	Reg p = *a;

	if (BPF_SRC(insn->code) != BPF_X || BPF_CLASS(insn->code) == BPF_JMP32)
		return false;
	if (packet_pair(b, a)) {
		op = vf_jump_flipped(op);
		p = *b;
		reg = insn->src_reg;
	} else if (!packet_pair(a, b))
		return false;
	switch (op) {           /* p op end */
	case BPF_JGT: in = no; out = yes; break;        /* no: p <= end */
	case BPF_JGE: in = no; out = yes; break;        /* no: p < end */
	case BPF_JLT: in = yes; out = no; break;
	case BPF_JLE: in = yes; out = no; break;
	default: return false;
	}
	extend_range(in, &p, op == BPF_JGE || op == BPF_JLT);
	mark_end(out, reg, op == BPF_JGT || op == BPF_JLE);
	return true;
}

/* Registers linked with `known` (the same value, or a constant more) take over what is known of it. */
static void
sync_linked(State *s, const Reg *known)
{
	Reg k = *known;

	EACH_REG(s, r, {
		if (r->kind == R_SCALAR && r->id == k.id && r != known) {
			s32 off = r->off;
			u32 deps = r->deps;
			u8 delta = r->flags & F_DELTAS;

			if ((delta | k.flags) & F_DELTA && (delta | k.flags) & F_DELTA32)
				continue;       /* sums of different width */
			*r = k;
			r->deps = deps;
			if ((delta || (k.flags & F_DELTAS)) && off != k.off) {
				r->off = off;
				r->flags = (u8)((r->flags & ~F_DELTAS) | delta);
				vf_reg_add_const(r, (s64)off - (s64)k.off);
				if ((delta | k.flags) & F_DELTA32)
					vf_reg_zext32(r);
				vf_reg_sync(r);
			}
		}
	});
}

/* What decides one of several linked registers decides all of them. */
static void
join_linked(Verifier *v, State *s, const Reg *known)
{
	u32 deps = 0, id = known->id;

	EACH_REG(s, r, {
		if (r->kind == R_SCALAR && r->id == id)
			deps = vf_deps_join(v, deps, r->deps);
	});
	EACH_REG(s, r, {
		if (r->kind == R_SCALAR && r->id == id)
			r->deps = deps;
	});
}

static void
linked(Verifier *v, State *s, int reg)
{
	Reg *r = &s->frame[s->cur]->reg[reg];

	if (r->kind != R_SCALAR || !r->id)
		return;
	join_linked(v, s, r);
	sync_linked(s, r);
}

static bool
check_fields(Verifier *v, const Insn *insn)
{
	if (BPF_SRC(insn->code) == BPF_X) {
		if (insn->imm)
			return vf_refuse(v, "BPF_JMP/JMP32 uses reserved fields");
		return vf_use_reg(v, insn->src_reg);
	}
	if (insn->src_reg)
		return vf_refuse(v, "BPF_JMP/JMP32 uses reserved fields");
	return true;
}

/* The equality of a pointer that may be NULL with one that is not proves the former. */
static void
equal_pointers(Verifier *v, State *yes, State *no, const Insn *insn, const Reg *a, const Reg *b)
{
	State *s = BPF_OP(insn->code) == BPF_JEQ ? yes : no;

	if (BPF_OP(insn->code) != BPF_JEQ && BPF_OP(insn->code) != BPF_JNE)
		return;
	if (maybe_null(a) && surely_not_null(b) && a->kind != R_BTF && b->kind != R_BTF)
		mark_null(v, s, insn->dst_reg, false);
	else if (maybe_null(b) && surely_not_null(a) && a->kind != R_BTF && b->kind != R_BTF)
		mark_null(v, s, insn->src_reg, false);
}

static bool
sane(const Reg *r)
{
	return r->kind != R_SCALAR || vf_reg_sane(r);
}

static void
unbound(Reg *r)
{
	u32 deps = r->deps;

	vf_reg_unknown(r);
	r->deps = deps;
}

/* The way out is walked first, so that what decides something behind the loop is known to before the next round. */
static void
may_goto(Verifier *v)
{
	State *s = vf_push_branch(v, v->pc + 1);

	s->may_goto_depth++;
	/* Going on means another round: what decided nothing so far may differ in it. */
	vf_widen_from_entry(v, s, v->s->parent ? v->s->parent->parent : NULL);
}

int
vf_do_branch(Verifier *v, const Insn *insn)
{
	u8 op = BPF_OP(insn->code);
	bool jmp32 = BPF_CLASS(insn->code) == BPF_JMP32, by_reg = BPF_SRC(insn->code) == BPF_X;
	Reg *regs = vf_regs_of(v), *a, *b, imm, spare, olda, oldb;
	Frame *of;
	State *other;
	int t;

	if (op == K_JCOND && !jmp32) {
		if (insn->code != (BPF_JMP | K_JCOND) || insn->src_reg || insn->dst_reg || insn->imm) {
			vf_refuse(v, "invalid may_goto imm %d", insn->imm);
			return -1;
		}
		may_goto(v);
		return insn->off;
	}
	if (!check_fields(v, insn) || !vf_use_reg(v, insn->dst_reg))
		return -1;
	a = &regs[insn->dst_reg];
	if (by_reg)
		b = &regs[insn->src_reg];
	else {
		vf_reg_known(&imm, (u64)(s64)insn->imm);
		b = &imm;
	}
	if (by_reg && vf_secret(v, b) && !((is_packet(a) || a->kind == R_PACKET_END) && (is_packet(b) || b->kind == R_PACKET_END))) {
		vf_refuse_reg(v, insn->src_reg, "R%d pointer comparison prohibited", insn->src_reg);
		return -1;
	}
	t = taken(a, b, op, jmp32);
	if (t >= 0) {
		if (a->kind == R_SCALAR)
			vf_mark_precise(v, a->deps);
		if (by_reg && b->kind == R_SCALAR)
			vf_mark_precise(v, b->deps);
		vf_path_add(v, v->s, v->pc, t);
		return t ? insn->off : 0;
	}
	/* Both registers of a comparison need each other's value from here on. */
	if (by_reg && a->kind == R_SCALAR && b->kind == R_SCALAR)
		a->deps = b->deps = vf_deps_join(v, a->deps, b->deps);
	olda = *a;
	oldb = *b;
	other = vf_push_branch(v, v->pc + 1 + insn->off);
	of = other->frame[other->cur];
	vf_path_add(v, other, v->pc, true);
	vf_path_add(v, v->s, v->pc, false);
	if (olda.kind == R_SCALAR && oldb.kind == R_SCALAR) {       /* a may be b: so does the kernel */
		Reg *ta = &of->reg[insn->dst_reg], *tb = by_reg ? &of->reg[insn->src_reg] : &spare;

		spare = oldb;
		vf_reg_refine(a, b, vf_jump_reversed(op), jmp32);
		vf_reg_sync(a);
		vf_reg_sync(b);
		vf_reg_refine(ta, tb, op, jmp32);
		vf_reg_sync(ta);
		vf_reg_sync(tb);
		if (!sane(a))
			unbound(a);
		if (by_reg && !sane(b))
			unbound(b);
		if (!sane(ta))
			unbound(ta);
		if (by_reg && !sane(tb))
			unbound(tb);
	}
	if (by_reg) {
		linked(v, v->s, insn->src_reg);
		linked(v, other, insn->src_reg);
	}
	linked(v, v->s, insn->dst_reg);
	linked(v, other, insn->dst_reg);
	if (!jmp32 && by_reg && olda.kind != R_SCALAR && oldb.kind != R_SCALAR)
		equal_pointers(v, other, v->s, insn, &olda, &oldb);
	if (!jmp32 && !by_reg && insn->imm == 0 && (op == BPF_JEQ || op == BPF_JNE) && maybe_null(&olda)) {
		mark_null(v, v->s, insn->dst_reg, op == BPF_JNE);
		mark_null(v, other, insn->dst_reg, op == BPF_JEQ);
	} else if (!match_packet(insn, &olda, &oldb, other, v->s) && vf_secret(v, &olda)) {
		vf_refuse_reg(v, insn->dst_reg, "R%d pointer comparison prohibited", insn->dst_reg);
		return -1;
	}
	return 0;
}
