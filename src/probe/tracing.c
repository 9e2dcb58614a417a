/* fentry and fexit (kfunc, kretfunc): entry into and return from a kernel function, through its own prologue instead of a trap; the
 * same of a BPF program that is loaded, and of its functions.
 * Kernel: BPF_PROG_TYPE_TRACING loaded for one function by its BTF id (5.5). The context is u64 args[], and behind them for
 * fexit the value returned. For a BPF program the id is one of its own BTF, and its fd goes along.
 * Script: fentry:[MODULE:]FUNCTION, fentry:bpf:[ID:]PROGRAM, wildcards. args by BTF, retval.
 * A program with BTF is a module by the name "bpf:ID": that is its Probe.scope. */
#include "probe/inside.h"

#include <stdio.h>
#include <stdlib.h>

static bool
is_exit(const Probe *p)
{
	return p->prov == &fexit_provider;
}

static bool
of_program(const Probe *p)
{
	return p->scope && !strncmp(p->scope, "bpf:", 4);
}

static bool
parse_program(ProbeContext *pc, const char *const *part, u32 n, Probe *p)
{
	const char *id = n == 3 ? part[1] : "*";

	if (n < 2 || n > 3 || !*part[n - 1])
		return probe_bad(pc, p, "the 'bpf' variant of this probe requires a bpf program name and optional bpf program id");
	if (strcmp(id, "*") && (!*id || id[strspn(id, "0123456789")]))
		return probe_bad(pc, p, "bpf program id must be a number or '*'");
	p->scope = interns(arena_printf(pc->a, "bpf:%s", id));
	p->func = part[n - 1];
	p->has_glob = base_has_glob(p->func, strlen(p->func)) || (n == 3 && *id == '*');
	return true;
}

static bool
parse(ProbeContext *pc, const char *const *part, u32 n, Probe *p)
{
	if (n && !strcmp(part[0], "bpf"))
		return parse_program(pc, part, n, p);
	if (n < 1 || n > 2 || !*part[n - 1])
		return probe_bad(pc, p, "%s probe type requires 1 or 2 arguments, found %u", p->prov->name, n);
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

/* Its functions are those of func_info: programs of one object share their BTF. */
static int
in_program(void *arg, const LoadedProg *prog)
{
	Walk *w = arg;
	const char *scope = interns(arena_printf(w->pc->a, "bpf:%u", prog->id)), *name;
	Types *ts = w->pc->types;
	Buf btf = { 0 };

	if (!base_glob(w->p->scope, strlen(w->p->scope), scope, strlen(scope)))
		return 0;
	if (!type_btf_func_name(ts, scope, prog->funcs[0]) && (kern_loaded_btf(prog->btf_id, &btf) || !type_btf_add(ts, scope, &btf))) {
		buf_free(&btf);
		return 0;
	}
	for (u32 i = 0; i < prog->n_funcs && !w->stop; i++) {
		name = type_btf_func_name(ts, scope, prog->funcs[i]);
		if (name && base_glob(w->p->func, strlen(w->p->func), name, strlen(name)))
			found(w, scope, name, prog->funcs[i]);
	}
	return w->stop;
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
	if (of_program(p)) {
		int err = kern_loaded_each(in_program, &w);

		return err && !w.n ? err : w.n;
	}
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

/* A program's context is at run time the kernel's own object, not what the program's source calls it (linux/bpf_types.h). */
static const Type *
param_type(ProbeContext *pc, const Probe *p, const Field *f)
{
	static const char *const contexts[][2] = {
		{ "__sk_buff", "sk_buff" }, { "xdp_md", "xdp_buff" }, { "bpf_sock", "sock" }, { "bpf_sock_addr", "bpf_sock_addr_kern" },
		{ "bpf_sock_ops", "bpf_sock_ops_kern" }, { "sk_msg_md", "sk_msg" }, { "bpf_perf_event_data", "bpf_perf_event_data_kern" },
		{ "bpf_sysctl", "bpf_sysctl_kern" }, { "bpf_sockopt", "bpf_sockopt_kern" }, { "sk_reuseport_md", "sk_reuseport_kern" },
		{ "bpf_sk_lookup", "bpf_sk_lookup_kern" },
	};
	const char *name = f->type->kind == TY_PTR && f->type->elem->kind == TY_STRUCT ? f->type->elem->name : NULL;

	for (u32 i = 0; name && of_program(p) && i < COUNT(contexts); i++)
		if (!strcmp(name, contexts[i][0])) {
			const Type *t = type_find(pc->types, arena_printf(pc->a, "struct %s", contexts[i][1]));

			return type_ptr(pc->types, t ? t : &ty_none, AS_KERNEL);
		}
	return f->type;
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

/* In the context of a program's probe the verifier lets nobody read pointers to what is not the kernel's, and puts the value returned
 * behind five arguments if it does not believe the prototype: helpers give the values. */
static bool
has_values(ProbeContext *pc, const Probe *p, const char **why)
{
	if (!of_program(p) || !pc->has || pc->has(pc->machine, FEAT_FUNC_ARG))
		return true;
	*why = "for the values of a BPF program this kernel lacks bpf_get_func_arg (5.17)";
	return false;
}

static const Type *
args(ProbeContext *pc, const Probe *p, const char **why)
{
	const Type *proto = prototype(pc, p);

	if (!proto) {
		*why = "the kernel's BTF does not know this function";
		return NULL;
	}
	if (!has_values(pc, p, why))
		return NULL;
	Type *t = (Type *)type_struct_new(pc->types, arena_printf(pc->a, "_%s_%s", p->prov->name, p->func), false);
	Field *f = NEW_N(pc->a, Field, MAX(proto->n_fields, 1u));

	for (u32 i = 0; i < proto->n_fields; i++) {
		f[i] = proto->fields[i];
		f[i].type = param_type(pc, p, &f[i]);
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
		if (!has_values(pc, p, why))
			return NULL;
		proto = prototype(pc, p);
		if (proto && proto->elem && proto->elem->kind != TY_NONE)
			return proto->elem;
		*why = proto ? "this function returns nothing" : "the kernel's BTF does not know this function";
		return NULL;
	}
	if (!strncmp(name, "arg", 3) && name[3] >= '0' && name[3] <= '9') {
		if (!has_values(pc, p, why))
			return NULL;
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
helped(Fn *fn, u32 slot, bool is_retval)
{
	Ref mem = ir_mem(fn, 8, 8, fn->at);

	ir_zero(fn, mem, 0, 8);
	if (is_retval)
		ir_call(fn, BPF_FUNC_get_func_ret, 2, (Ref[]){ ir_ctx(fn), mem });
	else
		ir_call(fn, BPF_FUNC_get_func_arg, 3, (Ref[]){ ir_ctx(fn), ir_const(fn, slot), mem });
	return ir_load(fn, mem, 0, 8, false);
}

/* Argument i, or behind the last one the value returned. */
static Ref
value(const Probe *p, Fn *fn, const Type *proto, u32 i, const Type *t)
{
	u32 slot = slots(proto, i);
	Ref v = of_program(p) ? helped(fn, slot, i == proto->n_fields) : ir_load_ctx(fn, ir_ctx(fn), (s32)(8 * slot), 8, false);

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
		return value(p, fn, proto, field, proto->fields[field].type);
	if (!strcmp(name, "retval"))
		return value(p, fn, proto, proto->n_fields, proto->elem);
	if (!strncmp(name, "arg", 3))
		return value(p, fn, proto, (u32)atoi(name + 3), type_int(8, false));
	return ir_ctx(fn);
}

static void
list_args(ProbeContext *pc, const Probe *p, Buf *out)
{
	const Type *proto = prototype(pc, p);

	for (u32 i = 0; proto && i < proto->n_fields; i++) {
		buf_puts(out, "    ");
		type_name(param_type(pc, p, &proto->fields[i]), out);
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
		int fd = of_program(p[0]) ? kern_loaded_fd((u32)atoi(p[0]->scope + 4)) : kern_btf_fd(p[0]->scope);

		c->btf_fd = (u32)fd;            /* the kernel refuses what is gone by now; 0 would be vmlinux */
		if (fd >= 0)
			probe_keep_fd(pc, p[0], fd);
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
	.last_first = true, .parts = 1, .usage = n ":[MODULE:]FUNCTION, " n ":bpf:[ID:]PROGRAM", .parse = parse, .expand = expand, .args = args, .value_type = value_type, \
	.load = load, .code = code, .attach = attach, .list_args = list_args, \
}

const Provider fentry_provider = TRACING("fentry", "f kfunc", BPF_TRACE_FENTRY);
const Provider fexit_provider = TRACING("fexit", "fr kretfunc", BPF_TRACE_FEXIT);
