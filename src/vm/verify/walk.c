/* walk: goes through the program on every path that its abstract states allow. */
#include "vm/verify/call.h"

#include <stdlib.h>

/* One instruction. 1: go on at v->pc, 0: the path ends, -1: refused. */
static int
step(Verifier *v)
{
	const Insn *insn = &v->insn[v->pc];
	u8 class = BPF_CLASS(insn->code), op = BPF_OP(insn->code);
	bool ok;
	int r;

	switch (class) {
	case BPF_ALU: case BPF_ALU64:
		ok = vf_do_alu(v, insn);
		break;
	case BPF_LDX:
		ok = vf_do_load(v, insn);
		break;
	case BPF_ST:
		ok = vf_do_store(v, insn);
		break;
	case BPF_STX:
		ok = BPF_MODE(insn->code) == BPF_ATOMIC ? vf_do_atomic(v, insn) : vf_do_store(v, insn);
		break;
	case BPF_LD:
		if (BPF_MODE(insn->code) == BPF_IMM) {
			ok = vf_do_ld_imm64(v, insn);
			v->pc += ok;
		} else
			ok = vf_do_ld_abs(v, insn);
		break;
	default:
		v->jumps++;
		if (op == BPF_CALL) {
			ok = vf_do_call(v, insn);
			if (ok && v->thrown) {
				v->thrown = false;
				return 0;
			}
			break;
		}
		if (op == BPF_EXIT) {
			if (insn->src_reg || insn->dst_reg || insn->imm) {
				vf_refuse(v, "BPF_EXIT uses reserved fields");
				return -1;
			}
			return vf_do_exit(v);
		}
		if (op == BPF_JA) {
			if (insn->src_reg || insn->dst_reg || (class == BPF_JMP ? insn->imm : insn->off)) {
				vf_refuse(v, "BPF_JA uses reserved fields");
				return -1;
			}
			v->pc += 1 + (class == BPF_JMP ? insn->off : insn->imm);
			return 1;
		}
		r = vf_do_branch(v, insn);
		if (r == -1 && v->failed)
			return -1;
		v->pc += 1 + r;
		return 1;
	}
	if (!ok)
		return -1;
	v->pc++;
	return 1;
}

bool
vf_do_ld_imm64(Verifier *v, const Insn *insn)
{
	Reg *r;
	int sub;

	if (insn->off)
		return vf_refuse(v, "BPF_LD_IMM64 uses reserved fields");
	if (!vf_set_reg(v, insn->dst_reg))
		return false;
	r = &vf_regs_of(v)[insn->dst_reg];
	switch (insn->src_reg) {
	case 0:
		vf_reg_known(r, (u32)insn->imm | (u64)(u32)insn[1].imm << 32);
		return true;
	case BPF_PSEUDO_FUNC:
		sub = vf_sub_at(v, v->pc + insn->imm + 1);
		if (!v->code->n_funcs && !v->opt.no_btf)
			return vf_refuse(v, "missing btf func_info");
		if (v->sub[sub].global)
			return vf_refuse(v, "callback function not static");
		vf_reg_pointer(r, R_FUNC, 0);
		r->map = (u32)sub;
		return true;
	case BPF_PSEUDO_MAP_VALUE: case BPF_PSEUDO_MAP_IDX_VALUE:
		vf_reg_pointer(r, R_VALUE, 0);
		r->map = (u32)insn->imm;
		r->off = insn[1].imm;
		return true;
	}
	vf_reg_pointer(r, R_MAP, 0);
	r->map = (u32)insn->imm;
	return true;
}

/* The callback of a timer runs by itself: a state of its own, in whose parents nothing can be read. */
State *
vf_push_async(Verifier *v, int sub)
{
	State *s = vf_state_new(v), *cur = v->s;
	Todo *t = calloc(1, sizeof(*t));

	if (!t)
		die("out of memory in the verifier");
	*t = (Todo){ v->todo, s, v->sub[sub].start };
	v->bytes += sizeof(*t);
	v->todo = t;
	v->n_todo++;
	s->parent = cur->parent;
	if (s->parent)
		s->parent->branches++;
	s->frame[0] = vf_frame_new(v, -1, (u32)sub);
	s->async_count = cur->async_count + 1;
	s->path = cur->path;
	if (s->path)
		s->path->uses++;
	return s;
}

static void
end_path(Verifier *v)
{
	vf_branch_done(v, v->s);
	vf_state_free(v, v->s);
	v->s = NULL;
}

static bool
next_path(Verifier *v)
{
	Todo *t = v->todo;

	if (!t)
		return false;
	v->todo = t->next;
	v->n_todo--;
	v->s = t->s;
	v->pc = t->pc;
	v->bytes -= sizeof(*t);
	free(t);
	return true;
}

enum { MAP_ARENA = 33 };        /* 6.9 */
enum { MAX_TODO = 8192, MAX_BYTES = 1 << 30 };

static bool
within_budget(Verifier *v)
{
	u32 budget = v->opt.budget ? v->opt.budget : 1000000;

	if (++v->walked > budget) {
		vf_remedy(v, "Make loops shorter or their state simpler; split the program.");
		return vf_refuse(v, "BPF program is too large. Processed %u insn", v->walked);
	}
	if (v->n_todo > MAX_TODO)
		return vf_refuse(v, "The sequence of %u jumps is too complex.", v->n_todo);
	if (v->bytes > MAX_BYTES)
		return vf_refuse(v, "the states of the program do not fit in memory (%llu MB)", (unsigned long long)(v->bytes >> 20));
	return true;
}

/* Walks all paths from v->s at v->pc. */
static bool
walk(Verifier *v)
{
	int r;

	do {
		for (;;) {
			if (!within_budget(v))
				return false;
			if (v->info[v->pc].flags & I_PRUNE) {
				r = vf_prune(v);
				if (r < 0)
					return false;
				if (r > 0)
					break;
			}
			if (v->opt.trace)
				vf_trace_state(v);
			v->prev_pc = v->pc;
			v->info[v->pc].flags |= I_REACHED;
			r = step(v);
			if (r < 0)
				return false;
			if (r == 0)
				break;
		}
		end_path(v);
	} while (next_path(v));
	return true;
}

static void
drop_states(Verifier *v)
{
	vf_state_free(v, v->s);
	v->s = NULL;
	while (next_path(v))
		vf_state_free(v, v->s);
	v->s = NULL;
	for (; v->back; v->back = v->back->next)
		vf_state_free(v, v->back->cur);
	for (s32 pc = 0; pc < v->n; pc++)
		while (v->info[pc].kept) {
			Kept *k = v->info[pc].kept;

			v->info[pc].kept = k->next;
			vf_state_free(v, k->s);
			free(k);
		}
	while (v->evicted) {
		Kept *k = v->evicted;

		v->evicted = k->next;
		vf_state_free(v, k->s);
		free(k);
	}
	v->states = 0;
}

/* Walks one function: the main program, or a global function with arguments of which only the type is known. */
static bool
walk_function(Verifier *v, u32 sub)
{
	bool ok;

	v->sub_id = sub;
	v->s = vf_state_new(v);
	v->s->frame[0] = vf_frame_new(v, -1, sub);
	v->pc = v->sub[sub].start;
	v->prev_jumps = v->jumps;
	v->prev_walked = v->walked;
	if (sub == 0)
		vf_reg_pointer(&v->s->frame[0]->reg[1], R_CTX, 0);
	else if (!vf_global_args(v, (int)sub, v->s->frame[0]))
		return false;
	ok = walk(v);
	if (!ok)
		vf_explain(v);
	drop_states(v);
	return ok;
}

static bool
sleepable_map(u32 type)
{
	switch (type) {
	case BPF_MAP_TYPE_PROG_ARRAY: case BPF_MAP_TYPE_PERF_EVENT_ARRAY: case BPF_MAP_TYPE_STACK_TRACE: case BPF_MAP_TYPE_CGROUP_ARRAY:
	case BPF_MAP_TYPE_LPM_TRIE: case BPF_MAP_TYPE_DEVMAP: case BPF_MAP_TYPE_DEVMAP_HASH: case BPF_MAP_TYPE_SOCKMAP:
	case BPF_MAP_TYPE_SOCKHASH: case BPF_MAP_TYPE_CPUMAP: case BPF_MAP_TYPE_XSKMAP: case BPF_MAP_TYPE_CGROUP_STORAGE:
	case BPF_MAP_TYPE_PERCPU_CGROUP_STORAGE: case BPF_MAP_TYPE_REUSEPORT_SOCKARRAY: case BPF_MAP_TYPE_BLOOM_FILTER:
		return false;
	}
	return true;
}

/* Map types and special fields that a program type may not use. */
static bool
check_map_use(Verifier *v)
{
	u32 type = v->code->prog_type;
	bool tracing = type == BPF_PROG_TYPE_KPROBE || type == BPF_PROG_TYPE_TRACEPOINT || type == BPF_PROG_TYPE_PERF_EVENT ||
		type == BPF_PROG_TYPE_RAW_TRACEPOINT || type == BPF_PROG_TYPE_RAW_TRACEPOINT_WRITABLE;
	s32 storage[2] = { -1, -1 };

	for (v->pc = 0; v->pc < v->n; v->pc++) {
		const Insn *insn = &v->insn[v->pc];
		const MapDef *m;

		if (insn->code != (BPF_LD | BPF_IMM | BPF_DW))
			continue;
		if (insn->src_reg >= BPF_PSEUDO_MAP_FD && insn->src_reg <= BPF_PSEUDO_MAP_VALUE) {
			m = &v->maps[insn->imm];
			if (m->type == BPF_MAP_TYPE_STRUCT_OPS)
				return vf_refuse(v, "bpf_struct_ops map cannot be used in prog");
			if (m->type == MAP_ARENA) {
				vf_remedy(v, "An arena needs an address in user space, which no file with a program gives.");
				return vf_refuse(v, "arena's user address must be set via map_extra or mmap()");
			}
			if (m->type == BPF_MAP_TYPE_CGROUP_STORAGE || m->type == BPF_MAP_TYPE_PERCPU_CGROUP_STORAGE) {
				s32 *one = &storage[m->type == BPF_MAP_TYPE_CGROUP_STORAGE];

				if (*one >= 0 && *one != insn->imm)
					return vf_refuse(v, "only one cgroup storage of each type is allowed");
				*one = insn->imm;
			}
			if (v->code->sleepable && !sleepable_map(m->type))
				return vf_refuse(v, "Sleepable programs can only use array, hash, ringbuf and local storage maps");
			for (u32 i = 0; i < m->n_fields; i++) {
				if (m->fields[i].kind == MF_SPIN_LOCK && tracing)
					return vf_refuse(v, "tracing progs cannot use bpf_spin_lock yet");
				if (m->fields[i].kind == MF_SPIN_LOCK && type == BPF_PROG_TYPE_SOCKET_FILTER)
					return vf_refuse(v, "socket filter progs cannot use bpf_spin_lock yet");
				if (m->fields[i].kind == MF_TIMER && tracing)
					return vf_refuse(v, "tracing progs cannot use bpf_timer yet");
			}
		}
		v->pc++;
	}
	return true;
}

/* A tracing program is loaded for a function that the kernel's BTF describes. */
static bool
check_target(Verifier *v)
{
	u32 type = v->code->prog_type;

	v->pc = -1;
	if (type != BPF_PROG_TYPE_TRACING && type != BPF_PROG_TYPE_LSM && type != BPF_PROG_TYPE_STRUCT_OPS && type != BPF_PROG_TYPE_EXT) {
		if (v->code->sleepable && type != BPF_PROG_TYPE_KPROBE && type != BPF_PROG_TYPE_SYSCALL)
			return vf_refuse(v, "Only fentry/fexit/fmod_ret, lsm, iter, uprobe, and struct_ops programs can be sleepable");
		if (type == BPF_PROG_TYPE_SYSCALL && !v->code->sleepable)
			return vf_refuse(v, "Syscall programs can only be sleepable");
		return true;
	}
	if (v->code->btf_id)
		return true;
	vf_remedy(v, "Give the BTF id of the function that the program is for.");
	if (v->code->attach_to)
		return vf_refuse(v, "Tracing programs must provide btf_id: there is no BTF of '%s' here", v->code->attach_to);
	return vf_refuse(v, "Tracing programs must provide btf_id");
}

static bool
verify(Verifier *v)
{
	if (v->n <= 0 || v->n > 1000000)
		return vf_refuse(v, "a program has 1 to 1000000 instructions, not %d", v->n);
	if (!bpf_prog_type_name(v->code->prog_type))
		return vf_refuse(v, "unknown program type %u", v->code->prog_type);
	if (!vf_ctx_attach_ok(v) || !vf_unpriv_program(v) || !vf_scan_code(v) || !vf_unpriv_no_loops(v) || !check_map_use(v) || !check_target(v) || !vf_global_find(v))
		return false;
	if (!walk_function(v, 0))
		return false;
	for (u32 i = 1; i < v->n_subs; i++)     /* those that nobody calls are dead code */
		if (v->sub[i].global && v->sub[i].called && !v->sub[i].checked) {
			v->sub[i].checked = true;
			if (!walk_function(v, i))
				return false;
			i = 0;          /* it may call others */
		}
	return vf_scan_stack_depth(v);
}

bool
vm_verify(const Code *code, const MapDef *maps, u32 n_maps, const VerifyOptions *opt, Verdict *out, InsnFacts *facts)
{
	Verifier v = {
		.code = code, .insn = code->insns, .n = (s32)code->n, .maps = maps, .n_maps = n_maps, .out = out, .fail_reg = -1,
		.pc = -1,
	};

	*out = (Verdict){ .pc = -1 };
	if (opt)
		v.opt = *opt;
	v.strict = (code->flags & BPF_F_STRICT_ALIGNMENT) && !(code->flags & BPF_F_ANY_ALIGNMENT);
	v.a = arena_new();
	v.info = NEW_N(v.a, InsnInfo, code->n + 1);
	v.sub = NEW_N(v.a, Sub, MAX_SUBPROGS);
	vf_deps_init(&v);
	out->ok = verify(&v);
	out->walked = v.walked;
	out->states = v.peak;
	if (!out->ok)
		vf_explain(&v);
	else
		out->pc = -1;
	for (u32 pc = 0; facts && pc < code->n; pc++)
		facts[pc].flags = v.info[pc].flags & I_REACHED ? FACT_REACHED : 0;
	drop_states(&v);
	vf_deps_free(&v);
	arena_free(v.a);
	return out->ok;
}

void
verdict_free(Verdict *v)
{
	buf_free(&v->text);
	buf_free(&v->log);
}
