/* uargs: the arguments of user functions by name, from the program's DWARF. At a function's entry the first integers and
 * pointers lie in the argument registers in order, the rest on the stack. Small structs take one or two registers, if enough are
 * left; big ones lie on the stack (x86-64) or behind a pointer (arm64). Floating point ones are where BPF cannot look, and left
 * out, as are structs in registers. Where a function was put into its caller, each lies where DWARF says, or nowhere. */
#include "probe/inside.h"

#include <stdio.h>

/* Where a parameter lies: in argument register n, n bytes into the arguments on the stack, or behind the pointer in register n. */
typedef struct Place { enum { UA_UNSEEN, UA_REGISTER, UA_STACK, UA_POINTER } how; u32 n; } Place;

/* What was found for one function. */
typedef struct Found Found;
struct Found {
	const char *path, *func;
	u64 inlined;                    /* address of the instance, or 0: the function itself */
	DwarfParam *params;             /* of an instance, as many as type has fields */
	const UnwindRow *row;
	const Type *type;               /* NULL: nothing known */
	const Type *proto;
	Place place[64];
	Found *next;
};

/* A program's DWARF stays open while its probes are compiled: types are completed from it. */
typedef struct Program Program;
struct Program { const char *path; Dwarf *dwarf; Program *next; };

/* What is known already; of one compilation. */
struct Uargs { Found *found; Program *programs; };

static struct Uargs *
kept(ProbeContext *pc)
{
	if (!pc->uargs)
		pc->uargs = NEW(pc->a, struct Uargs);
	return pc->uargs;
}

Dwarf *
uargs_dwarf(ProbeContext *pc, const char *path)
{
	struct Uargs *k = kept(pc);
	Program *g;

	for (g = k->programs; g; g = g->next)
		if (g->path == path)
			return g->dwarf;
	g = NEW(pc->a, Program);
	*g = (Program){ path, sym_dwarf_open(pc->a, path), k->programs };
	k->programs = g;
	return g->dwarf;
}

static bool
is_scalar(const Type *t)
{
	return type_is_int(t) || t->kind == TY_PTR || t->kind == TY_BOOL;
}

/* Where a parameter lies; the counters go on to the next one. */
static Place
place(const Type *t, u32 *reg, u32 *stack)
{
	u32 slots = MAX(ALIGN(t->size, 8) / 8, 1u), n_regs = regs_args();
	Place at = { UA_UNSEEN, 0 };

	if (!is_scalar(t) && t->kind != TY_STRUCT)      /* floating point */
		return at;
	if (!is_scalar(t) && t->size > 16 && regs_big_by_pointer()) {
		at = *reg < n_regs ? (Place){ UA_POINTER, *reg } : at;
		++*reg;
	} else if ((is_scalar(t) || t->size <= 16) && *reg + slots <= n_regs) {
		at = (Place){ is_scalar(t) ? UA_REGISTER : UA_UNSEEN, *reg };
		*reg += slots;
	} else {
		at = (Place){ UA_STACK, *stack };
		*stack += 8 * slots;
	}
	return at;
}

static void
lay_out(ProbeContext *pc, Found *f, const Type *proto)
{
	Field *fields = NEW_N(pc->a, Field, proto->n_fields + 1);
	u32 n = 0, reg = 0, stack = 0, size = 0, align = 1;
	Type *t;

	for (u32 i = 0; i < proto->n_fields; i++) {
		const Field *p = &proto->fields[i];
		Place at = place(p->type, &reg, &stack);

		if (at.how != UA_UNSEEN && p->name && n < COUNT(f->place)) {
			size = ALIGN(size, MAX(p->type->align, 1u));
			fields[n] = (Field){ .name = p->name, .type = p->type, .offset = size };
			f->place[n++] = at;
			size += p->type->size;
			align = MAX(align, p->type->align);
		}
	}
	t = (Type *)type_struct_new(pc->types, arena_printf(pc->a, "_uprobe_%s", f->func), false);
	type_struct_set(pc->types, t, fields, n, ALIGN(size, align), align);
	f->type = t;
	f->proto = proto;
}

typedef struct Asked { ProbeContext *pc; const char *path; } Asked;

static const Type *
find_type(Types *ts, void *arg, const char *name)
{
	const Asked *in = arg;
	Dwarf *d = uargs_dwarf(in->pc, in->path);

	return d ? sym_dwarf_type(d, ts, name) : NULL;
}

void
uargs_lend_types(ProbeContext *pc, const char *path)
{
	Asked *in = NEW(pc->a, Asked);

	*in = (Asked){ pc, interns(path) };
	type_find_elsewhere(pc->types, find_type, in);
}

/* All parameters of an instance: what is nowhere is told when it is asked for. */
static void
lay_out_inlined(ProbeContext *pc, Found *f, Dwarf *d)
{
	enum { MOST = 64 };
	DwarfParam *params = NEW_N(pc->a, DwarfParam, MOST);
	u32 n = sym_dwarf_inlined_params(d, pc->types, f->func, f->inlined, params, MOST), size = 0, align = 1, k = 0;
	Field *fields = NEW_N(pc->a, Field, n + 1);
	Elf *elf = binary_elf(f->path);
	UnwindTable t;
	Type *type;

	for (u32 i = 0; i < n; i++) {
		if (!params[i].name || !params[i].type->size)
			continue;
		size = ALIGN(size, MAX(params[i].type->align, 1u));
		fields[k] = (Field){ .name = interns(params[i].name), .type = params[i].type, .offset = size };
		params[k++] = params[i];
		size += params[i].type->size;
		align = MAX(align, params[i].type->align);
	}
	type = (Type *)type_struct_new(pc->types, arena_printf(pc->a, "_uprobe_%s", f->func), false);
	type_struct_set(pc->types, type, fields, k, ALIGN(size, align), align);
	f->type = type;
	f->params = params;
	if (elf && sym_unwind_table(elf, &t)) {
		const UnwindRow *row = sym_unwind_row(&t, f->inlined);
		UnwindRow *copy = NEW(pc->a, UnwindRow);

		if (row)
			*copy = *row;
		f->row = row ? copy : NULL;
		sym_unwind_free(&t);
	}
}

static Found *
find(ProbeContext *pc, const Probe *p, u64 inlined)
{
	struct Uargs *k = kept(pc);
	const Type *proto;
	Dwarf *d;
	Found *f;

	for (f = k->found; f; f = f->next)
		if (f->path == p->scope && f->func == p->func && f->inlined == inlined)
			return f;
	f = NEW(pc->a, Found);
	*f = (Found){ .path = p->scope, .func = p->func, .inlined = inlined, .next = k->found };
	k->found = f;
	d = p->func && p->scope ? uargs_dwarf(pc, p->scope) : NULL;
	if (d && inlined)
		lay_out_inlined(pc, f, d);
	proto = d && !inlined ? sym_dwarf_func(d, pc->types, p->func) : NULL;
	if (proto)
		lay_out(pc, f, proto);
	return f;
}

const Type *
uargs_type(ProbeContext *pc, const Probe *p, u64 inlined, const char **why)
{
	const Type *t = find(pc, p, inlined)->type;

	if (!t)
		*why = "the names of arguments need the program's DWARF (-g), and it has none for this function; arg0, arg1 work without";
	else if (!t->n_fields)
		*why = "the function has no arguments that lie in integer registers";
	return t && t->n_fields ? t : NULL;
}

/* An optimizer may have left nothing of a parameter. Its other instances are no reason to refuse the script. */
static Ref
load_inlined(ProbeContext *pc, Fn *fn, const Probe *p, const Found *f, u32 i)
{
	Ref r;

	if (f->type && i < f->type->n_fields && location_load(pc, fn, &f->params[i], f->row, &r))
		return r;
	diag_warn(pc->d, p->at, E_BUILTIN, "argument %u of %s is not to be had where it was inlined at 0x%llx, and reads as 0 there", i, p->func,
		  (unsigned long long)f->inlined);
	return ir_const(fn, 0);
}

Ref
uargs_load_inlined(ProbeContext *pc, Fn *fn, const Probe *p, u64 inlined, u32 i)
{
	return load_inlined(pc, fn, p, find(pc, p, inlined), i);
}

Ref
uargs_load(ProbeContext *pc, Fn *fn, const Probe *p, u32 field)
{
	const Found *f = find(pc, p, 0);
	const Type *t = f->type && field < f->type->n_fields ? f->type->fields[field].type : NULL;
	char name[16];
	Ref r;

	if (!t)
		return ir_const(fn, 0);
	snprintf(name, sizeof(name), "arg%u", f->place[field].n);
	switch (f->place[field].how) {
	case UA_POINTER:
		return regs_load(pc, fn, AS_USER, name);
	case UA_STACK:
		r = regs_stack_arg(fn, f->place[field].n);
		return is_scalar(t) ? probe_read(pc, fn, AS_USER, r, t->size, t->sign) : r;
	default:
		r = regs_load(pc, fn, AS_USER, name);
		/* The upper half of a register that holds an int is undefined. */
		return t->size < 8 ? ir_ext(fn, r, t->size, t->sign) : r;
	}
}

/* A type as C writes it. */
static void
put_c_type(const Type *t, Buf *out)
{
	static const char *const words[] = { [1] = "char", [2] = "short", [4] = "int", [8] = "long" };

	if (t->kind == TY_PTR) {
		put_c_type(t->elem, out);
		buf_putc(out, '*');
	} else if (t->kind == TY_INT && t->size <= 8 && words[t->size]) {
		buf_printf(out, "%s%s", t->sign ? "" : "unsigned ", words[t->size]);
	} else if (t->kind == TY_NONE) {
		buf_puts(out, "void");
	} else {
		type_name(t, out);
	}
}

void
uargs_list(ProbeContext *pc, const Probe *p, Buf *out)
{
	const Type *proto = p->prov->is_return ? NULL : find(pc, p, 0)->proto;

	for (u32 i = 0; proto && i < proto->n_fields; i++) {
		buf_puts(out, "    ");
		put_c_type(proto->fields[i].type, out);
		buf_printf(out, " %s\n", proto->fields[i].name ? proto->fields[i].name : "");
	}
}
