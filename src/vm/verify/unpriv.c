/* unpriv: what else the kernel asks of a program that an ordinary user loads (piton vm verify --unprivileged): no address may become
 * known to it or to others, no loops, no functions, and only what cannot be misused under speculation. Numbers are followed less:
 * not through the stack. What the kernel says to sums that differ by path is not looked at. */
#include "vm/verify/kfunc.h"

enum { MAX_UNPRIV_INSNS = 4096 };

bool
vf_unpriv_program(Verifier *v)
{
	u32 type = v->code->prog_type;

	if (!v->opt.unprivileged)
		return true;
	v->pc = -1;
	if (type != BPF_PROG_TYPE_SOCKET_FILTER && type != BPF_PROG_TYPE_CGROUP_SKB) {
		vf_remedy(v, "An ordinary user can load programs of type socket_filter and cgroup_skb; others need CAP_BPF.");
		return vf_refuse(v, "programs of type %s are not for unprivileged users", bpf_prog_type_name(type));
	}
	if (v->n > MAX_UNPRIV_INSNS)
		return vf_refuse(v, "an unprivileged program has at most %d instructions, not %d", MAX_UNPRIV_INSNS, v->n);
	for (v->pc = 0; v->pc < v->n; v->pc++) {
		const Insn *insn = &v->insn[v->pc];
		bool func = insn->code == (BPF_LD | BPF_IMM | BPF_DW) && insn->src_reg == BPF_PSEUDO_FUNC;

		if (func || (insn->code == (BPF_JMP | BPF_CALL) && insn->src_reg)) {
			vf_remedy(v, "Put the function's instructions in the place of its call.");
			return vf_refuse(v, "loading/calling other bpf or kernel functions are allowed for CAP_BPF and CAP_SYS_ADMIN");
		}
		v->pc += insn->code == (BPF_LD | BPF_IMM | BPF_DW);
	}
	return true;
}

static u32
ways(const Insn *insn, s32 pc, s32 to[2])
{
	u8 class = BPF_CLASS(insn->code), op = BPF_OP(insn->code);
	u32 n = 0;

	if (insn->code == (BPF_JMP | BPF_EXIT))
		return 0;
	if ((class == BPF_JMP || class == BPF_JMP32) && op != BPF_CALL) {
		if (op != BPF_JA)
			to[n++] = pc + 1;
		to[n++] = pc + 1 + (class == BPF_JMP32 && op == BPF_JA ? insn->imm : insn->off);
		return n;
	}
	to[n++] = pc + 1 + (insn->code == (BPF_LD | BPF_IMM | BPF_DW));
	return n;
}

/* No way leads back to an instruction that is still being left. */
bool
vf_unpriv_no_loops(Verifier *v)
{
	struct { s32 pc; u32 next; } *st;
	u8 *mark;
	u32 n = 0;

	if (!v->opt.unprivileged)
		return true;
	st = arena_alloc(v->a, ((size_t)v->n + 1) * sizeof(*st));
	mark = NEW_N(v->a, u8, v->n);   /* 1 on the stack, 2 done */
	st[n].pc = 0;
	st[n++].next = 0;
	mark[0] = 1;
	while (n) {
		s32 to[2], pc = st[n - 1].pc;
		u32 k = ways(&v->insn[pc], pc, to);

		if (st[n - 1].next == k) {
			mark[pc] = 2;
			n--;
			continue;
		}
		pc = to[st[n - 1].next++];
		if (mark[pc] == 1) {
			v->pc = st[n - 1].pc;
			vf_remedy(v, "Write the iterations of the loop one behind the other; loops need CAP_BPF.");
			return vf_refuse(v, "back-edge from insn %d to %d", v->pc, pc);
		}
		if (!mark[pc]) {
			mark[pc] = 1;
			st[n].pc = pc;
			st[n++].next = 0;
		}
	}
	return true;
}

bool
vf_unpriv_helper(Verifier *v, const Helper *h)
{
	static const u8 base[] = { BPF_FUNC_map_lookup_elem, BPF_FUNC_map_update_elem, BPF_FUNC_map_delete_elem, BPF_FUNC_map_push_elem,
		BPF_FUNC_map_pop_elem, BPF_FUNC_map_peek_elem, BPF_FUNC_map_lookup_percpu_elem, BPF_FUNC_get_prandom_u32,
		BPF_FUNC_get_smp_processor_id, BPF_FUNC_get_numa_node_id, BPF_FUNC_tail_call, BPF_FUNC_ktime_get_ns,
		BPF_FUNC_ktime_get_boot_ns, BPF_FUNC_ktime_get_tai_ns, BPF_FUNC_ringbuf_output, BPF_FUNC_ringbuf_reserve,
		BPF_FUNC_ringbuf_submit, BPF_FUNC_ringbuf_discard, BPF_FUNC_ringbuf_query, BPF_FUNC_strncmp, BPF_FUNC_strtol,
		BPF_FUNC_strtoul, BPF_FUNC_get_current_pid_tgid, BPF_FUNC_get_ns_current_pid_tgid };
	bool common = h->types[0] == '*' || !strncmp(h->name, "skc_to_", 7);

	if (!v->opt.unprivileged || !common || memchr(base, (int)h->id, sizeof(base)))
		return true;
	vf_remedy(v, "The helper needs CAP_BPF or CAP_PERFMON.");
	return vf_refuse(v, "unprivileged programs cannot use helper bpf_%s#%u", h->name, h->id);
}

/* Does the register hold an address that nobody may learn? */
bool
vf_secret(const Verifier *v, const Reg *r)
{
	return v->opt.unprivileged && r->kind != R_SCALAR && r->kind != R_NONE;
}

static const char *
where(Kind kind)
{
	switch (kind) {
	case R_VALUE: return "map";
	case R_CTX: return "ctx";
	case R_PACKET: case R_META: return "packet";
	case R_FLOW_KEYS: return "flow keys";
	default: return "mem";
	}
}

/* A store of register value to what kind points to. */
bool
vf_unpriv_store(Verifier *v, Kind kind, int value)
{
	if (value < 0 || kind == R_STACK || !vf_secret(v, &vf_regs_of(v)[value]))
		return true;
	vf_remedy(v, "Addresses must not leave the program; store a number instead.");
	return vf_refuse_reg(v, value, "R%d leaks addr into %s", value, where(kind));
}

/* The pointer in register dst came out of p plus or minus n. */
bool
vf_unpriv_math(Verifier *v, int reg, const Reg *p, const Reg *n)
{
	const Reg *dst = &vf_regs_of(v)[reg];
	s64 at = dst->off + (s64)dst->bits.value;

	if (!v->opt.unprivileged)
		return true;
	if ((p->kind == R_VALUE || p->kind == R_STACK) && !tnum_is_const(n->bits) && (n->smin < 0) != (n->smax < 0))
		return vf_refuse_reg(v, reg, "R%d has unknown scalar with mixed signed bounds, pointer arithmetic with it prohibited for !root", reg);
	if (p->kind == R_STACK) {
		if (!tnum_is_const(dst->bits))
			return vf_refuse_reg(v, reg, "R%d variable stack access prohibited for !root", reg);
		if (at >= 0 || at < -STACK_SIZE)
			return vf_refuse_reg(v, reg, "R%d stack pointer arithmetic goes out of range, prohibited for !root", reg);
	}
	if (p->kind == R_VALUE) {
		const MapDef *m = &v->maps[p->map];

		if (dst->smin + dst->off < 0 || dst->umax >= MAX_VAR_OFF || (s64)dst->umax + dst->off >= (s64)m->value_size)
			return vf_refuse_reg(v, reg, "R%d pointer arithmetic of map value goes out of range, prohibited for !root", reg);
	}
	return true;
}
