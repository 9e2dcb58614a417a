/* prog: from Code to something that runs: decodes and checks the form of every instruction, puts map addresses in, picks
 * the engine; starts runs and says in words why one stopped. */
#include "vm/run.h"
#include "vm/maps/maps.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>

static bool
bad(Buf *why, u32 pc, const Insn *insn, const char *fmt, ...)
{
	va_list ap;

	if (!why)
		return false;
	buf_printf(why, "instruction %u", pc);
	if (insn) {
		buf_puts(why, " (");
		bpf_dis(insn, pc, SYN_KERNEL, why);
		buf_putc(why, ')');
	}
	buf_puts(why, ": ");
	va_start(ap, fmt);
	buf_vprintf(why, fmt, ap);
	va_end(ap);
	return false;
}

/* Where each subprogram starts, and which slots are second halves: 1 start, 2 second half. */
static bool
mark(VmProg *p, Buf *why)
{
	p->starts[0] = 1;
	for (u32 pc = 0; pc < p->n; pc++)
		if (bpf_insn_wide(&p->insns[pc])) {
			const Insn *hi = &p->insns[pc + 1];

			if (pc + 1 >= p->n || hi->code || hi->dst_reg || hi->src_reg || hi->off)
				return bad(why, pc, NULL, "the second half of this 64-bit load is missing or malformed");
			p->starts[++pc] = 2;
		}
	for (u32 pc = 0; pc < p->n; pc++) {
		const Insn *i = &p->insns[pc];
		bool func = i->code == 0x18 && i->src_reg == BPF_PSEUDO_FUNC && p->starts[pc] != 2;
		s64 to = (s64)pc + 1 + i->imm;

		if (!func && !(i->code == 0x85 && i->src_reg == BPF_PSEUDO_CALL && p->starts[pc] != 2))
			continue;
		if (to < 0 || to >= p->n || p->starts[to] == 2)
			return bad(why, pc, i, "there is no instruction at %lld to call", (long long)to);
		p->starts[to] = 1;
	}
	return true;
}

static bool
check_jump(VmProg *p, u32 pc, s64 off, Buf *why)
{
	s64 to = (s64)pc + 1 + off;

	if (to < 0 || to >= p->n)
		return bad(why, pc, &p->insns[pc], "jumps to %lld; the program has instructions 0 to %u", (long long)to, p->n - 1);
	if (p->starts[to] == 2)
		return bad(why, pc, &p->insns[pc], "jumps into the middle of the 64-bit load at %lld", (long long)to - 1);
	return true;
}

static bool
writes_dst(const InsnRow *r)
{
	return r->cls == IC_ALU || r->cls == IC_LOAD || r->cls == IC_LDIMM || (r->cls == IC_ATOMIC && r->var == K_ATOMIC_LOAD_ACQ);
}

/* The 64 bits of a wide load. */
static bool
wide_value(VmProg *p, u32 pc, const InsnRow *r, u64 *v, Buf *why)
{
	const Insn *i = &p->insns[pc];
	u32 lo = (u32)i->imm, hi = (u32)i[1].imm;

	switch (r->op) {
	case OP_LDDW:
		*v = (u64)hi << 32 | lo;
		return true;
	case OP_LDMAPFD: case OP_LDMAPVAL: case OP_LDMAPIDX: case OP_LDIDXVAL:
		if (lo >= p->n_maps)
			return bad(why, pc, i, "there is no map %d; the program came with %u", (s32)lo, p->n_maps);
		*v = (u64)(uintptr_t)p->maps[lo];
		if (r->op == OP_LDMAPFD || r->op == OP_LDMAPIDX)
			return hi ? bad(why, pc, i, "a map reference has no offset") : true;
		if (p->maps[lo]->ops != &map_array || p->maps[lo]->percpu)
			return bad(why, pc, i, "only a plain array map has values with addresses");
		if (hi >= p->maps[lo]->size)
			return bad(why, pc, i, "offset %u is outside of the map's %zu bytes", hi, p->maps[lo]->size);
		*v = (u64)(uintptr_t)p->maps[lo]->values + hi;
		return true;
	case OP_LDFUNC:
		*v = (u64)(uintptr_t)&p->ops[pc + 1 + i->imm];
		return true;
	}
	return bad(why, pc, i, "kernel variables are not there in this machine");
}

/* *err: -ENOTSUP where only this machine lacks something. */
static bool
decode(VmProg *p, int *err, Buf *why)
{
	const void *const *labels = vm_interp_labels(p->checked);

	for (u32 pc = 0; pc < p->n; pc++) {
		const Insn *i = &p->insns[pc];
		const InsnRow *r = bpf_insn_row(i);
		Op *o = &p->ops[pc];

		if (!r)
			return bad(why, pc, NULL, "opcode 0x%02x with registers %u, %u, offset %d and immediate %d is not an instruction",
				   i->code, i->dst_reg, i->src_reg, i->off, i->imm);
		*o = (Op){ labels[r->op], i->dst_reg, i->src_reg, i->off, i->imm };
		if (i->dst_reg == 10 && writes_dst(r))
			return bad(why, pc, i, "r10 is the frame pointer and cannot be written");
		switch ((InsnShape)r->shape) {
		case SH_JMPK: case SH_JMPX: case SH_JA:
			if (!check_jump(p, pc, i->off, why))
				return false;
			break;
		case SH_JA32:
			if (!check_jump(p, pc, i->imm, why))
				return false;
			break;
		case SH_LDX:
			/* the stack of this frame needs no check when it runs */
			if (i->src_reg == 10 && i->off < 0 && i->off >= -VM_STACK && i->off + r->size <= 0)
				o->go = labels[VL_PROVEN + r->op];
			break;
		case SH_ST: case SH_STX:
			if (i->dst_reg == 10 && i->off < 0 && i->off >= -VM_STACK && i->off + r->size <= 0)
				o->go = labels[VL_PROVEN + r->op];
			break;
		case SH_ATOMIC:
			if (i->src_reg == 10 && r->var & BPF_FETCH && (r->var & 0xf0) != 0xf0)
				return bad(why, pc, i, "r10 is the frame pointer and cannot be written");
			break;
		case SH_CALL:
			if (r->op == OP_CALL && !vm_helper((u32)i->imm) && i->imm != BPF_FUNC_tail_call) {
				*err = bpf_helper((u32)i->imm) ? -ENOTSUP : -EINVAL;
				return bad(why, pc, i, "this machine has no helper %d", i->imm);
			}
			if (r->op == OP_CALLKFUNC) {
				*err = -ENOTSUP;
				return bad(why, pc, i, "kernel functions are not there in this machine");
			}
			if (r->op == OP_CALL && i->imm == BPF_FUNC_tail_call)
				o->go = labels[VL_TAIL];
			break;
		case SH_CALLX:
			o->dst = i->imm ? (u8)i->imm : i->dst_reg;
			break;
		case SH_ABS: case SH_IND:
			o->src = (u8)(i->src_reg | (r->shape == SH_IND ? 16 : 0));
			o->off = r->size == 4 ? 0 : r->size == 2 ? 1 : 2;
			break;
		case SH_LDIMM: {
			u64 v = 0;

			if (!wide_value(p, pc, r, &v, why))
				return false;
			p->ops[++pc] = (Op){ .go = (const void *)(uintptr_t)v };
			break;
		}
		default:
			break;
		}
	}
	p->ops[p->n] = (Op){ .go = labels[VL_END] };
	return true;
}

static VmProg *
alloc_prog(const Code *code, VmMap *const *maps, u32 n_maps)
{
	VmProg *p = calloc(1, sizeof(*p));

	if (!p)
		return NULL;
	p->refs = 1;
	p->n = code->n;
	p->n_maps = n_maps;
	p->prog_type = code->prog_type;
	p->ops = calloc((size_t)code->n + 2, sizeof(Op));
	p->insns = calloc((size_t)code->n + 2, sizeof(Insn));
	p->starts = calloc((size_t)code->n + 2, 1);
	p->maps = calloc((size_t)n_maps + 1, sizeof(VmMap *));
	if (!p->ops || !p->insns || !p->starts || !p->maps) {
		vm_prog_free(p);
		return NULL;
	}
	memcpy(p->insns, code->insns, (size_t)code->n * sizeof(Insn));
	if (code->name)
		strncpy(p->name, code->name, sizeof(p->name) - 1);
	for (u32 i = 0; i < n_maps; i++)
		p->maps[i] = vm_map_ref(maps[i]);
	return p;
}

static VmProg *
make(const Code *code, VmMap *const *maps, u32 n_maps, VmEngine engine, bool verified, const InsnFacts *facts, int *err, Buf *why)
{
	VmProg *p;

	*err = -EINVAL;
	if (!code->n || code->n > 1000000) {
		if (why)
			buf_printf(why, code->n ? "the program has %u instructions; a million are allowed" :
				   "the program has no instructions", code->n);
		return NULL;
	}
	if (!verified && engine != VM_AUTO && engine != VM_INTERP_CHECKED) {
		if (why)
			buf_puts(why, "a program that was not verified runs in the checked interpreter only");
		return NULL;
	}
	p = alloc_prog(code, maps, n_maps);
	if (!p) {
		*err = -ENOMEM;
		return NULL;
	}
	if (facts && (p->facts = malloc(code->n * sizeof(*facts))))
		memcpy(p->facts, facts, code->n * sizeof(*facts));
	p->checked = !verified || engine == VM_INTERP_CHECKED;
	p->engine = p->checked ? VM_INTERP_CHECKED : VM_INTERP;
	if (!mark(p, why) || !decode(p, err, why))
		goto fail;
	if (!p->checked && engine != VM_INTERP) {
		if (engine == VM_JIT_BLIND)
			while (!p->blind_key && getrandom(&p->blind_key, sizeof(p->blind_key), 0) >= 0)
				;
		*err = vm_jit(p, engine == VM_AUTO ? NULL : why);
		if (!*err)
			p->engine = VM_JIT;
		else if (engine != VM_AUTO)
			goto fail;
	}
	*err = 0;
	return p;
fail:
	vm_prog_free(p);
	return NULL;
}

VmProg *
vm_prog_new(const Code *code, VmMap *const *maps, u32 n_maps, VmEngine engine, bool verified, int *err, Buf *why)
{
	return make(code, maps, n_maps, engine, verified, NULL, err, why);
}

VmProg *
vm_prog_new_known(const Code *code, VmMap *const *maps, u32 n_maps, VmEngine engine, const InsnFacts *facts, int *err, Buf *why)
{
	return make(code, maps, n_maps, engine, true, facts, err, why);
}

VmProg *
vm_prog_ref(VmProg *p)
{
	__atomic_add_fetch(&p->refs, 1, __ATOMIC_RELAXED);
	return p;
}

void
vm_prog_free(VmProg *p)
{
	if (!p || __atomic_sub_fetch(&p->refs, 1, __ATOMIC_ACQ_REL))
		return;
	vm_timers_end(p);
	if (p->native.run)
		vm_jit_free(p);
	for (u32 i = 0; p->maps && i < p->n_maps; i++)
		vm_map_free(p->maps[i]);
	free(p->maps);
	free(p->ops);
	free(p->insns);
	free(p->starts);
	free(p->facts);
	free(p);
}

u32
vm_prog_native_size(const VmProg *p)
{
	return p->native.size;
}

void
vm_context_init(VmContext *c, const VmProg *p)
{
	memset(c, 0, offsetof(VmContext, stack));
	if (p->checked)         /* what lies there is not the program's business */
		memset(c->stack, 0, sizeof(c->stack));
	c->prog = p;
	c->budget = VM_BUDGET;
	c->loops = VM_MAY_GOTO;
}

int
vm_context_run(VmContext *c, u64 r1, u64 r2, u64 *r0)
{
	const VmProg *p = c->prog;

	if (p->native.run) {
		*r0 = p->native.run(r1, r2, 0, 0, 0, c);
		return 0;
	}
	return vm_interp(c, p->ops, r1, r2, 0, 0, 0, r0);
}

bool
vm_callback(VmContext *c, u64 fn, u64 r1, u64 r2, u64 r3, u64 r4, u64 *r0)
{
	if (c->prog->native.run) {
		*r0 = ((VmHelperFn *)(uintptr_t)fn)(r1, r2, r3, r4, 0, c);
		return true;
	}
	if (c->depth >= VM_FRAMES) {
		c->fault = "calls deeper than 8 frames";
		return false;
	}
	return vm_interp(c, (const Op *)(uintptr_t)fn, r1, r2, r3, r4, 0, r0) == 0;
}

void
vm_fault_words(const VmContext *c, Buf *out)
{
	s64 pc = c->fault_at ? c->fault_at - c->prog->ops : -1;

	if (pc >= 0 && pc < c->prog->n) {
		buf_printf(out, "instruction %lld (", (long long)pc);
		bpf_dis(&c->prog->insns[pc], (u32)pc, SYN_KERNEL, out);
		buf_puts(out, ") ");
	} else
		buf_puts(out, "the program ");
	buf_puts(out, c->fault ? c->fault : "stops");
	if (c->fault_size)
		buf_printf(out, " %u bytes at 0x%llx, which is not the program's memory", c->fault_size,
			   (unsigned long long)c->fault_addr);
}

int
vm_prog_run(VmProg *p, void *mem, u64 mem_size, u64 *r0, Buf *why)
{
	VmContext c;
	int err;

	if (p->leaf) {
		*r0 = p->native.run((u64)(uintptr_t)mem, mem_size, 0, 0, 0, NULL);
		return 0;
	}
	vm_context_init(&c, p);
	c.ctx = mem;
	c.ctx_size = mem_size;
	c.data = mem;
	c.data_end = c.data + mem_size;
	err = vm_context_run(&c, (u64)(uintptr_t)mem, mem_size, r0);
	if (err && why)
		vm_fault_words(&c, why);
	return err;
}

VmFn *
vm_prog_fn(const VmProg *p)
{
	return p->leaf ? (VmFn *)(uintptr_t)p->native.run : NULL;
}

s64
vm_prog_run_each(VmProg *p, VmRun *runs, size_t n, Buf *why)
{
	VmHelperFn *loop = p->leaf && n > 1 ? vm_jit_each(p) : NULL;

	s64 some = 0;

	if (loop)
		return (s64)loop((u64)(uintptr_t)runs, n, 0, 0, 0, NULL);
	for (size_t i = 0; i < n; i++) {
		u64 r0 = 0;
		int err = vm_prog_run(p, runs[i].mem, runs[i].size, &r0, why);

		if (err)
			return err;
		runs[i].r0 = (u32)r0;
		some += runs[i].r0 != 0;
	}
	return some;
}
