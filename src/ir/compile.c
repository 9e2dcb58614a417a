/* compile: the order of passes, and each pass by its name. */
#include "ir/ir.h"
#include "ir/pass.h"
#include "ir/mach.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

typedef struct Pass { const char *name; void (*run)(Fn *fn, const IrOptions *opt); bool needed; } Pass;

static void
tidy(Fn *fn, const IrOptions *opt)
{
	(void)opt;
	ir_tidy(fn);
}

static const Pass passes[] = {
	{ "tidy",  tidy, .needed = true },
	{ "fold",  ir_fold },
	{ "dce",   ir_dce },
	{ "gvn",   ir_gvn },
	{ "branch", ir_branch },
	{ "sink",  ir_sink },
	{ "promote", ir_promote },
	{ "memory", ir_memory },
	{ "stores", ir_stores },
	{ "merge", ir_merge },
	{ "lower", ir_lower, .needed = true },
};

/* In the comma list opt->dump? */
static bool
is_dumped(const IrOptions *opt, const char *name)
{
	return opt->dump_to && base_in_list(opt->dump, name);
}

static void
after(Unit *u, const char *name, const IrOptions *opt)
{
#ifdef DEBUG
	for (u32 n = 0; n < u->fns.n; n++) {
		Buf why = { 0 };

		if (!ir_check(u->fns.v[n], &why)) {
			fprintf(stderr, "after %s: %s\n", name, why.p);
			abort();
		}
	}
#endif
	if (!is_dumped(opt, name))
		return;
	buf_printf(opt->dump_to, "# %s\n", name);
	ir_print(u, opt->dump_to);
}

static bool
run_pass(Unit *u, const char *name, const IrOptions *opt)
{
	for (u32 k = 0; k < COUNT(passes); k++) {
		if (strcmp(passes[k].name, name))
			continue;
		if (opt->plain && !passes[k].needed)
			return true;
		for (u32 n = 0; n < u->fns.n; n++)
			passes[k].run(u->fns.v[n], opt);
		after(u, name, opt);
		return true;
	}
	return false;
}

/* Where in the script a register was first put on the stack. */
static Span
first_spill(const MFn *mf)
{
	for (u32 k = 0; k < mf->blocks.n; k++)
		for (u32 n = 0; n < mf->blocks.v[k]->ins.n; n++)
			if (mf->blocks.v[k]->ins.v[n].kind == MK_SPILL)
				return mf->blocks.v[k]->ins.v[n].at;
	return (Span){ 0, 0 };
}

static bool
check_stack(const Unit *u, const u32 *stack, Span where, Diag *d)
{
	u32 deepest = 0;
	const Mem *big = NULL;

	for (u32 n = 1; n < u->fns.n; n++)
		deepest = MAX(deepest, ALIGN(stack[n], 32));
	if (ALIGN(stack[0], 32) + deepest <= 512)
		return true;
	for (u32 n = 0; n < u->fns.n; n++)
		for (u32 m = 0; m < u->fns.v[n]->mems.n; m++)
			if (!big || u->fns.v[n]->mems.v[m].size > big->size)
				big = &u->fns.v[n]->mems.v[m];
	diag_err(d, where.to || !big ? where : big->at, E_STACK, "%s needs %u bytes of stack; BPF has 512", u->name,
		ALIGN(stack[0], 32) + deepest);
	diag_hint(d, "Use fewer values at a time, or split the action over several probes.");
	return false;
}

/* The functions that main still calls, by way of others too: what stood in a branch that folding removed is not emitted. */
static bool *
reachable(const Unit *u, Arena *a)
{
	bool *used = NEW_N(a, bool, u->fns.n);
	VecU32 todo = { 0 };

	VEC_PUSH(a, &todo, 0);
	used[0] = true;
	while (todo.n) {
		const Fn *fn = u->fns.v[todo.v[--todo.n]];

		for (u32 k = 0; k < fn->blocks.n; k++)
			for (u32 n = 0; fn->blocks.v[k] && n < fn->blocks.v[k]->ins.n; n++) {
				Ins *i = at(fn, fn->blocks.v[k]->ins.v[n]);
				Ref *o;

				for (u32 x = 0; (o = operand(i, x)); x++) {
					const Ins *leaf = at(fn, *o);

					if (leaf->op != IR_fnref || used[leaf->imm])
						continue;
					used[leaf->imm] = true;
					VEC_PUSH(a, &todo, (u32)leaf->imm);
				}
			}
	}
	return used;
}

/* Instructions of all functions, main first, into e. */
static bool
generate(Unit *u, const IrOptions *opt, Diag *d, Emit *e)
{
	Arena *a = arena_new();
	u32 *stack = NEW_N(a, u32, u->fns.n);
	Span spill = { 0, 0 };
	bool *used = reachable(u, a), ok = true;

	e->start = NEW_N(u->a, u32, u->fns.n);
	if (is_dumped(opt, "isel"))
		buf_puts(opt->dump_to, "# isel\n");
	for (u32 n = 0; n < u->fns.n && ok; n++) {
		if (!used[n])
			continue;
		MFn *mf = ir_isel(u->fns.v[n], opt, a);

		mf->stack = ir_stack_bytes(u->fns.v[n]);
		if (is_dumped(opt, "isel"))
			ir_mach_print(mf, opt->dump_to);
		ir_rega(mf);
		ir_late(mf);
		if (is_dumped(opt, "rega")) {
			buf_puts(opt->dump_to, "# rega\n");
			ir_mach_print(mf, opt->dump_to);
		}
		stack[n] = mf->stack + 8 * mf->n_slots;
		if (!spill.to)
			spill = first_spill(mf);
		ok = ir_emit(e, mf, d);
	}
	ok = ok && check_stack(u, stack, spill, d);
	for (u32 k = 0; k < e->refs.n; k++)
		e->insns.v[e->refs.v[k].pc].imm = (s32)(e->start[e->refs.v[k].fn] - e->refs.v[k].pc - 1);
	arena_free(a);
	return ok;
}

static void
dump_code(const Emit *e, Buf *out)
{
	for (u32 pc = 0; pc < e->insns.n;) {
		u32 n = bpf_dis(&e->insns.v[pc], pc, SYN_KERNEL, out);

		buf_putc(out, '\n');
		pc += n ? n : 1;
	}
}

bool
ir_compile(Unit *u, const IrOptions *options, Diag *d, Code *out)
{
	IrOptions opt = *options;
	Emit e = { .a = u->a, .opt = &opt };

	if (!opt.isa)
		opt.isa = 3;
	run_pass(u, "tidy", &opt);
	after(u, "build", &opt);
	run_pass(u, "fold", &opt);
	run_pass(u, "promote", &opt);
	run_pass(u, "gvn", &opt);
	run_pass(u, "branch", &opt);
	run_pass(u, "memory", &opt);
	run_pass(u, "fold", &opt);
	run_pass(u, "gvn", &opt);
	run_pass(u, "branch", &opt);
	run_pass(u, "dce", &opt);
	run_pass(u, "stores", &opt);
	run_pass(u, "dce", &opt);
	if (!ir_place_mems(u, &opt, d))
		return false;
	after(u, "place", &opt);
	run_pass(u, "lower", &opt);
	run_pass(u, "fold", &opt);
	run_pass(u, "merge", &opt);
	run_pass(u, "gvn", &opt);
	run_pass(u, "branch", &opt);
	run_pass(u, "sink", &opt);
	run_pass(u, "dce", &opt);
	if (!generate(u, &opt, d, &e))
		return false;
	if (is_dumped(&opt, "bpf")) {
		buf_puts(opt.dump_to, "# bpf\n");
		dump_code(&e, opt.dump_to);
	}
	*out = (Code){ .name = u->name, .prog_type = opt.prog_type, .attach_type = opt.attach_type,
		.insns = e.insns.v, .n = e.insns.n, .spans = e.spans.v };
	return true;
}

bool
ir_pass(Unit *u, const char *name, const IrOptions *options, Diag *d)
{
	IrOptions opt = *options;
	Code code;

	opt.dump = NULL;
	if (!opt.isa)
		opt.isa = 3;
	if (!strcmp(name, "place"))
		return ir_place_mems(u, &opt, d);
	if (!strcmp(name, "isel") || !strcmp(name, "rega") || !strcmp(name, "bpf")) {
		Emit e = { .a = u->a, .opt = &opt };

		opt.dump = name;
		if (!ir_place_mems(u, &opt, d))
			return false;
		run_pass(u, "lower", &opt);
		if (!generate(u, &opt, d, &e))
			return false;
		if (!strcmp(name, "bpf") && opt.dump_to)
			dump_code(&e, opt.dump_to);
		return true;
	}
	if (!strcmp(name, "all"))
		return ir_compile(u, options, d, &code);
	return run_pass(u, name, &opt);
}
