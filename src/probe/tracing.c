/* fentry and fexit (kfunc, kretfunc): entry into and return from a kernel function, through its own prologue instead of a trap.
 * Kernel: BPF_PROG_TYPE_TRACING loaded for one function by its BTF id (5.5). The context is u64 args[], and behind them for
 * fexit the value returned.
 * Script: fentry:[MODULE:]FUNCTION, wildcards. args by BTF, retval. */
#include "probe/inside.h"

#include <stdio.h>
#include <stdlib.h>

static bool
is_exit(const Probe *p)
{
	return p->prov == &fexit_provider;
}

static bool
parse(ProbeContext *pc, const char *const *part, u32 n, Probe *p)
{
	if (n < 1 || n > 2 || !*part[n - 1])
		return probe_bad(pc, p, "%s probe type requires 1 or 2 arguments, found %u", p->prov->name, n);
	if (n == 2 && !strncmp(part[0], "bpf", 3))
		return probe_bad(pc, p, "%s attaches to kernel functions; BPF programs are not offered as places", p->prov->name);
	if (strchr(part[n - 1], '+'))
		return probe_bad(pc, p, "Offset not allowed for %s probes; a kprobe takes one", p->prov->name);
	p->scope = n == 2 && *part[0] ? part[0] : NULL;
	p->func = part[n - 1];
	p->has_glob = base_has_glob(p->func, strlen(p->func)) || (p->scope && base_has_glob(p->scope, strlen(p->scope)));
	return true;
}

/* ---- what there is ---- */

typedef struct Walk {
	ProbeContext *pc;
	const Probe *p;
	ProbeFn *fn;
	void *arg;
	int n;
	bool stop;
	Map traceable;          /* functions that ftrace can hook; empty: not told */
	const char *module;
	ProbeNames names;
} Walk;

static void
found(Walk *w, const char *module, const char *func, u32 id)
{
	Probe *one = probe_new(w->pc, w->p);

	one->scope = interns(module);
	one->func = interns(func);
	one->id = id;
	one->from_glob = w->p->has_glob;
	one->name = interns(arena_printf(w->pc->a, "%s:%s:%s", w->p->prov->name, module, func));
	w->n++;
	w->stop = w->fn(w->arg, one) || w->stop;
}

static void
in_module(void *arg, const char *module)
{
	Walk *w = arg;
	u32 id;

	if (!w->stop && !w->n && type_btf_func(w->pc->types, module, w->p->func, &id))
		found(w, module, w->p->func, id);
}

static void
function(void *arg, const char *name)
{
	Walk *w = arg;

	if (base_glob(w->p->func, strlen(w->p->func), name, strlen(name)) &&
	    (!w->traceable.n || map_get(&w->traceable, name, strlen(name))))
		VEC_PUSH(w->pc->a, &w->names.v, arena_str(w->pc->a, name, strlen(name)));
}

/* Ids are looked up when loading (code()): a listing of 60,000 functions needs none. */
static void
glob_module(void *arg, const char *module)
{
	Walk *w = arg;

	if (w->stop || (w->p->scope && !base_glob(w->p->scope, strlen(w->p->scope), module, strlen(module))))
		return;
	w->names = (ProbeNames){ w->pc->a, { 0 } };
	type_btf_each_in(w->pc->types, module, 'f', function, w);
	probe_names_sort(&w->names);
	for (u32 i = 0; i < w->names.v.n && !w->stop; i++)
		found(w, module, w->names.v.v[i], 0);
}

static int
remember(void *arg, const char *name, const char *module)
{
	(void)module;
	map_set(arg, name, strlen(name), arg);
	return 0;
}

static int
expand(ProbeContext *pc, const Probe *p, ProbeFn *fn, void *arg)
{
	Walk w = { .pc = pc, .p = p, .fn = fn, .arg = arg, .traceable = { .arena = pc->a } };

	if (!type_has_btf(pc->types))
		return -EOPNOTSUPP;
	if (p->has_glob) {
		kprobe_each_traceable(pc, remember, &w.traceable);
		glob_module(&w, "vmlinux");
		type_btf_modules(pc->types, glob_module, &w);
	} else if (p->scope) {
		in_module(&w, p->scope);
	} else {
		in_module(&w, "vmlinux");
		if (!w.n)
			type_btf_modules(pc->types, in_module, &w);
	}
	return w.n;
}

/* ---- what is found there ---- */

static const Type *
prototype(ProbeContext *pc, const Probe *p)
{
	u32 id;

	return type_btf_func(pc->types, p->scope, p->func, &id);
}

/* Each argument takes whole slots of 8 bytes. Gives the slots of the first n. */
static u32
slots(const Type *proto, u32 n)
{
	u32 sum = 0;

	for (u32 i = 0; i < n; i++)
		sum += MAX(ALIGN(proto->fields[i].type->size, 8) / 8, 1u);
	return sum;
}

static const Type *
args(ProbeContext *pc, const Probe *p, const char **why)
{
	const Type *proto = prototype(pc, p);

	if (!proto) {
		*why = "the kernel's BTF does not know this function";
		return NULL;
	}
	Type *t = (Type *)type_struct_new(pc->types, arena_printf(pc->a, "_%s_%s", p->prov->name, p->func), false);
	Field *f = NEW_N(pc->a, Field, MAX(proto->n_fields, 1u));

	for (u32 i = 0; i < proto->n_fields; i++) {
		f[i] = proto->fields[i];
		f[i].offset = 8 * slots(proto, i);
		if (!f[i].name || !*f[i].name)
			f[i].name = interns(arena_printf(pc->a, "arg%u", i));
	}
	type_struct_set(pc->types, t, f, proto->n_fields, 8 * slots(proto, proto->n_fields), 8);
	return t;
}

static const Type *
value_type(ProbeContext *pc, const Probe *p, const char *name, const char **why)
{
	const Type *proto;

	if (!strcmp(name, "func") && p->func)
		return type_string(pc->types, (u32)strlen(p->func) + 1);
	if (!strcmp(name, "retval") && is_exit(p)) {
		proto = prototype(pc, p);
		if (proto && proto->elem && proto->elem->kind != TY_NONE)
			return proto->elem;
		*why = proto ? "this function returns nothing" : "the kernel's BTF does not know this function";
		return NULL;
	}
	if (!strncmp(name, "arg", 3) && name[3] >= '0' && name[3] <= '9') {
		proto = prototype(pc, p);
		if (proto && (u32)atoi(name + 3) < proto->n_fields)
			return type_int(8, false);
		*why = "this function has fewer arguments";
		return NULL;
	}
	if (!strcmp(name, "retval")) {
		*why = "a value is returned on return only: fexit";
		return NULL;
	}
	return probe_no_value(pc, p, name, why);
}

static Ref
slot(Fn *fn, u32 i, const Type *t)
{
	Ref v = ir_load_ctx(fn, ir_ctx(fn), (s32)(8 * i), 8, false);

	return t->size && t->size < 8 ? ir_ext(fn, v, t->size, t->sign) : v;
}

static Ref
load(ProbeContext *pc, const Probe *p, Fn *fn, const char *name, u32 field)
{
	const Type *proto = prototype(pc, p);

	if (!proto)
		return ir_ctx(fn);
	if (!name && proto->fields[field].type->kind == TY_STRUCT)      /* by value: its address, in the context */
		return ir_bini(fn, IR_add, ir_ctx(fn), 8 * slots(proto, field));
	if (!name)
		return slot(fn, slots(proto, field), proto->fields[field].type);
	if (!strcmp(name, "retval"))
		return slot(fn, slots(proto, proto->n_fields), proto->elem);
	if (!strncmp(name, "arg", 3))
		return slot(fn, slots(proto, (u32)atoi(name + 3)), type_int(8, false));
	return ir_ctx(fn);
}

static void
list_args(ProbeContext *pc, const Probe *p, Buf *out)
{
	const Type *proto = prototype(pc, p);

	for (u32 i = 0; proto && i < proto->n_fields; i++) {
		buf_puts(out, "    ");
		type_name(proto->fields[i].type, out);
		buf_printf(out, " %s\n", proto->fields[i].name && *proto->fields[i].name ? proto->fields[i].name : "(unnamed)");
	}
	if (proto && is_exit(p) && proto->elem->kind != TY_NONE) {
		buf_puts(out, "    ");
		type_name(proto->elem, out);
		buf_puts(out, " retval\n");
	}
}

/* ---- loading and attaching ---- */

static void
code(ProbeContext *pc, Probe *const *p, u32 n, Code *c)
{
	u32 id = p[0]->id;

	(void)n;
	if (!id)
		type_btf_func(pc->types, p[0]->scope, p[0]->func, &id);
	c->btf_id = id;
	if (strcmp(p[0]->scope, "vmlinux")) {
		int fd = kern_btf_fd(p[0]->scope);

		if (fd >= 0) {
			c->btf_fd = (u32)fd;
			probe_keep_fd(pc, p[0], fd);
		}
	}
}

static int
attach_one(ProbeContext *pc, Probe *p, int prog_fd)
{
	int fd = kern_attach_tracing(prog_fd);

	if (fd >= 0)
		probe_keep_fd(pc, p, fd);
	return fd;
}

static int
attach(ProbeContext *pc, Probe **p, u32 n, int prog_fd, u32 *failed)
{
	return probe_each(pc, p, n, failed, attach_one, prog_fd);
}

#define TRACING(n, al, type) { \
	.name = n, .alias = al, .prog_type = BPF_PROG_TYPE_TRACING, .attach_type = type, .is_return = type == BPF_TRACE_FEXIT, .feature = FEAT_FENTRY, .space = AS_KERNEL, \
	.last_first = true, .parts = 1, .usage = n ":[MODULE:]FUNCTION", .parse = parse, .expand = expand, .args = args, .value_type = value_type, \
	.load = load, .code = code, .attach = attach, .list_args = list_args, \
}

const Provider fentry_provider = TRACING("fentry", "f kfunc", BPF_TRACE_FENTRY);
const Provider fexit_provider = TRACING("fexit", "fr kretfunc", BPF_TRACE_FEXIT);
