/* uargs: the arguments of user functions by name, from the program's DWARF. At a function's entry the first integers and
 * pointers lie in the argument registers in order, the rest on the stack; floating point ones lie elsewhere and are left out,
 * as are structs passed by value. */
#include "probe/inside.h"

#include <stdio.h>

/* What was found for one function; reg: which integer argument each field of `type` is. */
typedef struct Found Found;
struct Found {
	const char *path, *func;
	const Type *type;               /* NULL: nothing known */
	u8 reg[64];
	Found *next;
};

/* A program's DWARF stays open while its probes are compiled: types are completed from it. */
typedef struct Program Program;
struct Program { const char *path; Dwarf *dwarf; Program *next; };

/* Kept in the arena of the compilation they belong to; a new one starts afresh. */
static struct { Arena *a; Found *found; Program *programs; } kept;

/* What is kept of another compilation lies in an arena that is gone. */
static void
renew(ProbeContext *pc)
{
	if (kept.a != pc->a) {
		kept.a = pc->a;
		kept.found = NULL;
		kept.programs = NULL;
	}
}

Dwarf *
uargs_dwarf(ProbeContext *pc, const char *path)
{
	Program *g;

	renew(pc);

	for (g = kept.programs; g; g = g->next)
		if (g->path == path)
			return g->dwarf;
	g = NEW(pc->a, Program);
	*g = (Program){ path, sym_dwarf_open(pc->a, path), kept.programs };
	kept.programs = g;
	return g->dwarf;
}

/* Integer registers that a parameter takes; 0: it lies elsewhere. */
static u32
registers(const Type *t)
{
	if (type_is_int(t) || t->kind == TY_PTR)
		return 1;
	if (t->kind == TY_STRUCT && t->size <= 16)
		return (t->size + 7) / 8;
	return 0;
}

static void
lay_out(ProbeContext *pc, Found *f, const Type *proto)
{
	Field *fields = NEW_N(pc->a, Field, proto->n_fields + 1);
	u32 n = 0, reg = 0, size = 0, align = 1;
	Type *t;

	for (u32 i = 0; i < proto->n_fields; i++) {
		const Field *p = &proto->fields[i];
		u32 takes = registers(p->type);

		if ((type_is_int(p->type) || p->type->kind == TY_PTR) && p->name && n < COUNT(f->reg) && reg < 256) {
			size = ALIGN(size, p->type->align);
			fields[n] = (Field){ .name = p->name, .type = p->type, .offset = size };
			f->reg[n++] = (u8)reg;
			size += p->type->size;
			align = MAX(align, p->type->align);
		}
		reg += takes;
	}
	t = (Type *)type_struct_new(pc->types, arena_printf(pc->a, "_uprobe_%s", f->func), false);
	type_struct_set(pc->types, t, fields, n, ALIGN(size, align), align);
	f->type = t;
}

static Found *
find(ProbeContext *pc, const Probe *p)
{
	const Type *proto;
	Dwarf *d;
	Found *f;

	renew(pc);
	for (f = kept.found; f; f = f->next)
		if (f->path == p->scope && f->func == p->func)
			return f;
	f = NEW(pc->a, Found);
	*f = (Found){ .path = p->scope, .func = p->func, .next = kept.found };
	kept.found = f;
	d = p->func && p->scope ? uargs_dwarf(pc, p->scope) : NULL;
	proto = d ? sym_dwarf_func(d, pc->types, p->func) : NULL;
	if (proto)
		lay_out(pc, f, proto);
	return f;
}

const Type *
uargs_type(ProbeContext *pc, const Probe *p, const char **why)
{
	const Type *t = find(pc, p)->type;

	if (!t)
		*why = "the names of arguments need the program's DWARF (-g), and it has none for this function; arg0, arg1 work without";
	else if (!t->n_fields)
		*why = "the function has no arguments that lie in integer registers";
	return t && t->n_fields ? t : NULL;
}

Ref
uargs_load(ProbeContext *pc, Fn *fn, const Probe *p, u32 field)
{
	const Found *f = find(pc, p);
	const Type *t = f->type && field < f->type->n_fields ? f->type->fields[field].type : NULL;
	char name[16];
	Ref r;

	if (!t)
		return ir_const(fn, 0);
	snprintf(name, sizeof(name), "arg%u", f->reg[field]);
	r = regs_load(pc, fn, AS_USER, name);
	/* The upper half of a register that holds an int is undefined. */
	return t->size < 8 ? ir_ext(fn, r, t->size, t->sign) : r;
}
