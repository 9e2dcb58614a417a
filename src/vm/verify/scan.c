/* scan: what can be said without walking: the form of the instructions, functions, where jumps lead, which instructions are
 * reached at all, which registers are live, where states are worth keeping; and, after the walk, the depth of the stack. */
#include "vm/verify/kfunc.h"

int
vf_sub_at(const Verifier *v, s32 pc)
{
	for (u32 i = 0; i < v->n_subs; i++)
		if (v->sub[i].start == pc)
			return (int)i;
	return -1;
}

int
vf_sub_of(const Verifier *v, s32 pc)
{
	u32 i = v->n_subs;

	while (i > 0 && v->sub[i - 1].start > pc)
		i--;
	return (int)i - 1;
}

bool
vf_is_may_goto(const Insn *insn)
{
	return insn->code == (BPF_JMP | K_JCOND) && insn->src_reg == 0;
}

static bool
is_wide(const Insn *insn)
{
	return insn->code == (BPF_LD | BPF_IMM | BPF_DW);
}

static bool
is_jump(const Insn *insn)
{
	u8 class = BPF_CLASS(insn->code), op = BPF_OP(insn->code);

	return (class == BPF_JMP || class == BPF_JMP32) && op != BPF_EXIT && op != BPF_CALL;
}

static bool
is_goto(const Insn *insn)
{
	return insn->code == (BPF_JMP | BPF_JA) || insn->code == (BPF_JMP32 | BPF_JA);
}

static s64
jump_target(const Insn *insn, s32 pc)
{
	return (s64)pc + 1 + (insn->code == (BPF_JMP32 | BPF_JA) ? insn->imm : insn->off);
}

static const Helper *
helper_call(const Insn *insn)
{
	return insn->code == (BPF_JMP | BPF_CALL) && insn->src_reg == 0 ? bpf_helper((u32)insn->imm) : NULL;
}

static bool
has_callback(const Helper *h)
{
	return h && memchr(h->sig, 'f', (size_t)(strchr(h->sig, '>') - h->sig));
}

bool
vf_calls_callback(const Verifier *v, s32 pc)
{
	const Helper *h = helper_call(&v->insn[pc]);

	return has_callback(h) && h->id != BPF_FUNC_timer_set_callback;
}

bool
vf_calls_next(const Verifier *v, s32 pc)
{
	const Insn *insn = &v->insn[pc];
	const Kfunc *k = insn->code == (BPF_JMP | BPF_CALL) && insn->src_reg == BPF_PSEUDO_KFUNC_CALL ? vf_kfunc_at(v, pc) : NULL;

	return k && !strcmp(k->sig, "n>e");
}

/* Opcodes that exist; fields are looked at when the walk gets there. */
static bool
known_opcode(u8 code)
{
	u8 op = BPF_OP(code), size = BPF_SIZE(code), mode = BPF_MODE(code);

	switch (BPF_CLASS(code)) {
	case BPF_ALU:
		return op <= 0xd0 && !(op == BPF_NEG && (code & BPF_X));
	case BPF_ALU64:
		return op <= 0xd0 && !((op == BPF_NEG || op == BPF_END) && (code & BPF_X));
	case BPF_JMP:
		if (op == BPF_JA || op == BPF_CALL || op == BPF_EXIT || op == K_JCOND)
			return !(code & BPF_X);
		return op <= BPF_JSLE;
	case BPF_JMP32:
		if (op == BPF_JA)
			return !(code & BPF_X);
		return op <= BPF_JSLE && op != BPF_CALL && op != BPF_EXIT;
	case BPF_LD:
		if (mode == BPF_IMM)
			return size == BPF_DW;
		return (mode == BPF_ABS || mode == BPF_IND) && size != BPF_DW;
	case BPF_LDX:
		return mode == BPF_MEM || (mode == K_MEMSX && size != BPF_DW);
	case BPF_ST:
		return mode == BPF_MEM;
	case BPF_STX:
		return mode == BPF_MEM || mode == BPF_ATOMIC;
	}
	return false;
}

static bool
add_sub(Verifier *v, s64 start)
{
	u32 i;

	if (start < 0 || start >= v->n)
		return vf_refuse(v, "call to invalid destination");
	if (vf_sub_at(v, (s32)start) >= 0)
		return true;
	if (v->n_subs >= MAX_SUBPROGS)
		return vf_refuse(v, "too many subprograms");
	for (i = v->n_subs; i > 0 && v->sub[i - 1].start > start; i--)
		v->sub[i] = v->sub[i - 1];
	v->sub[i] = (Sub){ .start = (s32)start };
	v->n_subs++;
	return true;
}

/* The kernel function that the call at pc means, or NULL if the program does not say. */
static const char *
kfunc_name(const Verifier *v, s32 pc)
{
	for (u32 i = 0; i < v->code->n_kfuncs; i++)
		if (v->code->kfuncs[i].pc == (u32)pc)
			return v->code->kfuncs[i].name;
	return NULL;
}

static bool
find_subs(Verifier *v)
{
	add_sub(v, 0);
	for (v->pc = 0; v->pc < v->n; v->pc++) {
		const Insn *insn = &v->insn[v->pc];
		bool func = is_wide(insn) && insn->src_reg == BPF_PSEUDO_FUNC;

		if ((func || (insn->code == (BPF_JMP | BPF_CALL) && insn->src_reg == BPF_PSEUDO_CALL)) &&
		    !add_sub(v, (s64)v->pc + insn->imm + 1))
			return false;
		if (insn->code != (BPF_JMP | BPF_CALL) || insn->src_reg != BPF_PSEUDO_KFUNC_CALL)
			continue;
		if (insn->off)
			return vf_refuse(v, "kernel function of module %d is not possible without fd_array", insn->off);
		if (insn->imm && !kfunc_name(v, v->pc))
			return vf_refuse(v, "kernel btf_id %d is not a function", insn->imm);
	}
	for (u32 i = 0; i < v->n_subs; i++)
		v->sub[i].end = i + 1 < v->n_subs ? v->sub[i + 1].start : v->n;
	return true;
}

static bool
check_subs(Verifier *v)
{
	for (u32 i = 0; i < v->n_subs; i++) {
		Sub *sub = &v->sub[i];

		for (s32 pc = v->pc = sub->start; pc < sub->end; v->pc = ++pc) {
			const Insn *insn = &v->insn[pc];

			if (insn->code == (BPF_JMP | BPF_CALL) && insn->src_reg == 0 && insn->imm == BPF_FUNC_tail_call)
				sub->tail_call = true;
			if (BPF_CLASS(insn->code) == BPF_LD && (BPF_MODE(insn->code) == BPF_ABS || BPF_MODE(insn->code) == BPF_IND))
				sub->ld_abs = true;
			if (is_jump(insn)) {
				s64 to = jump_target(insn, pc);

				if (to < sub->start || to >= sub->end)
					return vf_refuse(v, "jump out of range from insn %d to %d", pc, (s32)to);
			}
		}
		v->pc = sub->end - 1;
		if (v->insn[v->pc].code != (BPF_JMP | BPF_EXIT) && !is_goto(&v->insn[v->pc]))
			return vf_refuse(v, "last insn is not an exit or jmp");
	}
	/* Without BTF nobody knows that such a function returns an int. */
	for (u32 i = 1; i < v->n_subs && !v->code->n_funcs; i++) {
		if (v->sub[i].ld_abs)
			return vf_refuse(v, "LD_ABS is not allowed in subprogs without BTF");
		if (v->sub[i].tail_call)
			return vf_refuse(v, "tail_call is not allowed in subprogs without BTF");
	}
	return true;
}

/* Map references, and the reserved fields of loads. */
static bool
check_maps(Verifier *v, const Insn *insn)
{
	const MapDef *m;
	u32 off = (u32)insn[1].imm;

	switch (insn->src_reg) {
	case 0: case BPF_PSEUDO_FUNC:
		return true;
	case BPF_PSEUDO_BTF_ID:
		return vf_unsupported(v, "kernel variables (BPF_PSEUDO_BTF_ID) need the kernel's BTF");
	case BPF_PSEUDO_MAP_VALUE: case BPF_PSEUDO_MAP_IDX_VALUE:
		break;
	case BPF_PSEUDO_MAP_FD: case BPF_PSEUDO_MAP_IDX:
		if (off == 0)
			break;
		/* fallthrough */
	default:
		return vf_refuse(v, "unrecognized bpf_ld_imm64 insn");
	}
	if (insn->src_reg == BPF_PSEUDO_MAP_IDX || insn->src_reg == BPF_PSEUDO_MAP_IDX_VALUE)
		return vf_refuse(v, "fd_idx without fd_array is invalid");
	if ((u32)insn->imm >= v->n_maps)
		return vf_refuse(v, "fd %d is not pointing to valid bpf_map", insn->imm);
	m = &v->maps[insn->imm];
	if (insn->src_reg == BPF_PSEUDO_MAP_FD)
		return true;
	if (off >= MAX_VAR_OFF)
		return vf_refuse(v, "direct value offset of %u is not allowed", off);
	if (m->type != BPF_MAP_TYPE_ARRAY)
		return vf_refuse(v, "no direct value access support for this map type");
	if (m->max_entries != 1 || off >= m->value_size)
		return vf_refuse(v, "invalid access to map value pointer, value_size=%u off=%u", m->value_size, off);
	return true;
}

static bool
check_fields(Verifier *v)
{
	for (v->pc = 0; v->pc < v->n; v->pc++) {
		const Insn *insn = &v->insn[v->pc];

		if (BPF_CLASS(insn->code) == BPF_LDX &&
		    ((BPF_MODE(insn->code) != BPF_MEM && BPF_MODE(insn->code) != K_MEMSX) || insn->imm))
			return vf_refuse(v, "BPF_LDX uses reserved fields");
		if (is_wide(insn)) {
			if (v->pc == v->n - 1 || insn[1].code || insn[1].dst_reg || insn[1].src_reg || insn[1].off)
				return vf_refuse(v, "invalid bpf_ld_imm64 insn");
			if (!check_maps(v, insn))
				return false;
			v->pc++;
		} else if (!known_opcode(insn->code))
			return vf_refuse(v, "unknown opcode %02x", insn->code);
	}
	return true;
}

typedef struct Stack { s32 *pc; u32 n; } Stack;

static bool
reach(Verifier *v, Stack *st, s32 to, bool target)
{
	if (target)
		v->info[to].flags |= I_PRUNE | I_TARGET;
	if (v->info[to].flags & I_SECOND) {
		v->pc = to;
		return vf_refuse(v, "jump into the middle of ldimm64 insn %d", to);
	}
	if (!(v->info[to].flags & I_SEEN)) {
		v->info[to].flags |= I_SEEN;
		st->pc[st->n++] = to;
	}
	return true;
}

static bool
follow(Verifier *v, Stack *st, s32 pc)
{
	const Insn *insn = &v->insn[pc];
	InsnInfo *info = &v->info[pc];
	s32 next = pc + 1;

	if (insn->code == (BPF_JMP | BPF_EXIT))
		return true;
	if (is_goto(insn))
		return reach(v, st, (s32)jump_target(insn, pc), true);
	if (is_jump(insn)) {
		info->flags |= I_PRUNE;
		if (vf_is_may_goto(insn))
			info->flags |= I_FORCE;
		if (!reach(v, st, (s32)jump_target(insn, pc), true))
			return false;
	} else if (is_wide(insn)) {
		next++;
		if (insn->src_reg == BPF_PSEUDO_FUNC && !reach(v, st, pc + insn->imm + 1, false))
			return false;
	} else if (insn->code == (BPF_JMP | BPF_CALL)) {
		if (insn->src_reg == BPF_PSEUDO_CALL) {
			info->flags |= I_PRUNE;
			if (!reach(v, st, pc + insn->imm + 1, false))
				return false;
		}
		if (vf_calls_callback(v, pc))
			info->flags |= I_PRUNE | I_FORCE | I_CALLBACK;
		else if (has_callback(helper_call(insn)))
			info->flags |= I_PRUNE;
		if (vf_calls_next(v, pc))
			info->flags |= I_PRUNE | I_FORCE | I_NEXT;
	}
	if (next >= v->n) {
		v->pc = pc;
		return vf_refuse(v, "jump out of range from insn %d to %d", pc, next);
	}
	return reach(v, st, next, false);
}

static bool
check_flow(Verifier *v)
{
	Stack st = { NEW_N(v->a, s32, v->n + 1), 0 };

	for (s32 pc = 0; pc < v->n; pc++)
		if (is_wide(&v->insn[pc]))
			v->info[++pc].flags |= I_SECOND;
	v->info[0].flags |= I_SEEN;
	st.pc[st.n++] = 0;
	while (st.n)
		if (!follow(v, &st, st.pc[--st.n]))
			return false;
	for (v->pc = 0; v->pc < v->n; v->pc++)
		if (!(v->info[v->pc].flags & (I_SEEN | I_SECOND))) {
			vf_remedy(v, "Remove the instruction, or make a jump lead there.");
			return vf_refuse(v, "unreachable insn %d", v->pc);
		}
	return true;
}

/* Registers read and written by an instruction. */
static void
use_def(const Verifier *v, s32 pc, u16 *use, u16 *def)
{
	const Insn *insn = &v->insn[pc];
	const Kfunc *k;
	u16 dst = (u16)(1u << insn->dst_reg), src = (u16)(1u << insn->src_reg);
	u8 op = BPF_OP(insn->code);
	const Helper *h;
	u32 n;

	*use = *def = 0;
	switch (BPF_CLASS(insn->code)) {
	case BPF_ALU: case BPF_ALU64:
		*def = dst;
		*use = op == BPF_MOV ? 0 : dst;
		if (BPF_SRC(insn->code) == BPF_X && op != BPF_END)
			*use |= src;
		break;
	case BPF_JMP: case BPF_JMP32:
		if (op == BPF_EXIT)
			*use = 1;
		else if (op == BPF_CALL && BPF_CLASS(insn->code) == BPF_JMP) {
			*def = 0x3f;
			h = helper_call(insn);
			k = insn->src_reg == BPF_PSEUDO_KFUNC_CALL ? vf_kfunc_at(v, pc) : NULL;
			n = h ? (u32)strcspn(h->sig, ".>") : k && k->sig[0] != '?' ? (u32)strcspn(k->sig, ">") : 5;
			*use = (u16)(((1u << n) - 1) << 1);
		} else if (op != BPF_JA && op != K_JCOND)
			*use = (u16)(dst | (BPF_SRC(insn->code) == BPF_X ? src : 0));
		break;
	case BPF_LD:
		*def = is_wide(insn) ? dst : 0x3f;
		if (!is_wide(insn))
			*use = (u16)(1u << 6 | (BPF_MODE(insn->code) == BPF_IND ? src : 0));
		break;
	case BPF_LDX:
		*def = dst;
		*use = src;
		break;
	case BPF_ST:
		*use = dst;
		break;
	case BPF_STX:
		*use = dst | src;
		if (BPF_MODE(insn->code) == BPF_ATOMIC) {
			if (insn->imm == BPF_CMPXCHG) {
				*use |= 1;
				*def = 1;
			} else if (insn->imm == K_ATOMIC_LOAD_ACQ) {
				*def = dst;
				*use = src;
			} else if (insn->imm & BPF_FETCH && insn->imm != K_ATOMIC_STORE_REL)
				*def = src;
		}
		break;
	}
}

static u16
live_out(const Verifier *v, s32 pc)
{
	const Insn *insn = &v->insn[pc];
	u16 out = 0;

	if (insn->code == (BPF_JMP | BPF_EXIT))
		return 0;
	if (is_jump(insn)) {
		out = v->info[jump_target(insn, pc)].live;
		if (is_goto(insn))
			return out;
	}
	return out | v->info[pc + 1 + is_wide(insn)].live;
}

static void
find_live(Verifier *v)
{
	for (bool again = true; again; ) {
		again = false;
		for (s32 pc = v->n - 1; pc >= 0; pc--) {
			u16 use, def, live;

			if (v->info[pc].flags & I_SECOND)
				continue;
			use_def(v, pc, &use, &def);
			live = (u16)((live_out(v, pc) & ~def) | use);
			if (live != v->info[pc].live) {
				v->info[pc].live = live;
				again = true;
			}
		}
	}
}

bool
vf_scan_code(Verifier *v)
{
	if (!find_subs(v) || !check_subs(v) || !check_fields(v) || !check_flow(v))
		return false;
	find_live(v);
	return true;
}

/* ---- stack depth over calls ---- */

/* Tracing programs run on a private stack per function where that is worth it; it does not count. */
static bool
private_stack(const Verifier *v)
{
	switch (v->code->prog_type) {
	case BPF_PROG_TYPE_KPROBE: case BPF_PROG_TYPE_TRACEPOINT: case BPF_PROG_TYPE_PERF_EVENT:
	case BPF_PROG_TYPE_RAW_TRACEPOINT:
		for (u32 i = 0; i < v->n_subs; i++)
			if (v->sub[i].tail_call)
				return false;
		return true;
	}
	return false;
}

static bool
depth_of(Verifier *v, int idx, u32 above, u32 frame, bool private)
{
	Sub *sub = &v->sub[idx];
	u32 own = ALIGN(sub->stack, 16), depth = above;

	/* Less stack above it at a smaller depth cannot be worse than what was good before. */
	for (u32 i = frame; i < MAX_FRAMES; i++)
		if (sub->seen[i] > above)
			return true;
	sub->seen[frame] = (u16)(above + 1);
	if (idx && sub->tail_call && depth >= 256)
		return vf_refuse(v, "tail_calls are not allowed when call stack of previous frames is %u bytes. Too large", depth);
	if (private && own >= 64) {
		if (own > STACK_SIZE)
			return vf_refuse(v, "stack size of subprog %d is %u. Too large", idx, own);
	} else
		depth += own;
	v->out->stack = MAX(v->out->stack, depth);
	if (depth > STACK_SIZE) {
		vf_remedy(v, "Put large objects into a per-CPU array map instead of on the stack.");
		return vf_refuse(v, "combined stack size of %u calls is %u. Too large", frame + 1, depth);
	}
	for (s32 pc = sub->start; pc < sub->end; pc++) {
		const Insn *insn = &v->insn[pc];
		bool func = is_wide(insn) && insn->src_reg == BPF_PSEUDO_FUNC;
		bool call = insn->code == (BPF_JMP | BPF_CALL) && insn->src_reg == BPF_PSEUDO_CALL;
		int to;

		if (!func && !call)
			continue;
		to = vf_sub_at(v, pc + insn->imm + 1);
		v->pc = pc;
		if (func && v->sub[to].async_cb)
			continue;
		if (frame + 1 >= MAX_FRAMES)
			return vf_refuse(v, "the call stack of %u frames is too deep !", frame + 1);
		if (!depth_of(v, to, depth, frame + 1, private))
			return false;
	}
	return true;
}

bool
vf_scan_stack_depth(Verifier *v)
{
	bool private = private_stack(v);

	for (u32 i = 0; i < v->n_subs; i++)
		if ((i == 0 || v->sub[i].async_cb) && !depth_of(v, (int)i, 0, 0, private))
			return false;
	return true;
}
