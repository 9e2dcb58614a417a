/* rawtracepoint: a tracepoint with the arguments that the kernel code gave to it, before any record is made.
 * Kernel: BPF_RAW_TRACEPOINT_OPEN (4.17). The context is u64 args[].
 * Script: rawtracepoint:[MODULE:]EVENT, wildcards. argN; args by BTF ("btf_trace_EVENT"). */
#include "probe/inside.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

static bool
parse(ProbeContext *pc, const char *const *part, u32 n, Probe *p)
{
	if (n < 1 || n > 2 || !*part[n - 1])
		return probe_bad(pc, p, "rawtracepoint probe type requires 1 or 2 arguments, found %u", n);
	p->scope = n == 2 ? part[0] : "*";
	p->func = part[n - 1];
	p->has_glob = base_has_glob(p->scope, strlen(p->scope)) || base_has_glob(p->func, strlen(p->func));
	p->name = interns(arena_printf(pc->a, "rawtracepoint:%s:%s", n == 2 ? part[0] : "vmlinux", p->func));
	return true;
}

typedef struct Found { ProbeNames names; const char *pat; } Found;

/* BTF has "typedef void (*btf_trace_sched_switch)(void *, ...)" for each. */
static void
typedef_name(void *arg, const char *name)
{
	Found *f = arg;

	if (!strncmp(name, "btf_trace_", 10) && base_glob(f->pat, strlen(f->pat), name + 10, strlen(name + 10)))
		VEC_PUSH(f->names.a, &f->names.v, arena_str(f->names.a, name + 10, strlen(name + 10)));
}

/* Without BTF: the events that tracefs lists, which often but not always bear the tracepoint's name. */
static void
events_of_tracefs(Found *f)
{
	const char *dir = kern_tracefs();
	char path[PATH_MAX];
	Buf b = { 0 };

	snprintf(path, sizeof(path), "%s/available_events", dir ? dir : "");
	if (dir && !host_read(path, &b))
		for (char *save = NULL, *line = strtok_r(b.p, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
			char *colon = strchr(line, ':');

			if (colon && strncmp(line, "syscalls:", 9) && base_glob(f->pat, strlen(f->pat), colon + 1, strlen(colon + 1)))
				VEC_PUSH(f->names.a, &f->names.v, arena_str(f->names.a, colon + 1, strlen(colon + 1)));
		}
	buf_free(&b);
}

typedef struct Modules { ProbeContext *pc; const Probe *p; ProbeFn *fn; void *arg; int n; bool stop; } Modules;

static void
expand_module(void *arg, const char *module)
{
	Modules *m = arg;
	Found f = { { m->pc->a, { 0 } }, m->p->func };
	const char *scope = m->p->scope;

	if (m->stop || !base_glob(scope, strlen(scope), module, strlen(module)))
		return;
	if (type_has_btf(m->pc->types))
		type_btf_each_in(m->pc->types, strcmp(module, "vmlinux") ? module : NULL, 't', typedef_name, &f);
	else if (!strcmp(module, "vmlinux"))
		events_of_tracefs(&f);
	probe_names_sort(&f.names);
	for (u32 i = 0; i < f.names.v.n && !m->stop; i++) {
		Probe one = *m->p;

		one.scope = interns(module);
		one.func = interns(f.names.v.v[i]);
		one.name = interns(arena_printf(m->pc->a, "rawtracepoint:%s:%s", one.scope, one.func));
		m->n++;
		m->stop = m->fn(m->arg, probe_new(m->pc, &one));
	}
}

static const Type *
prototype(ProbeContext *pc, const Probe *p, const char **why)
{
	char name[256];
	const Type *t;

	snprintf(name, sizeof(name), "btf_trace_%s", p->func);
	t = type_find(pc->types, name);
	if (t && t->kind == TY_PTR)
		t = t->elem;
	if (t && t->kind == TY_FUNC)
		return t;
	*why = type_has_btf(pc->types) ? "the kernel's BTF does not know this tracepoint's arguments" : "the kernel has no BTF";
	return NULL;
}

static int
expand(ProbeContext *pc, const Probe *p, ProbeFn *fn, void *arg)
{
	Modules m = { pc, p, fn, arg, 0, false };
	bool anywhere = base_glob(p->scope, strlen(p->scope), "vmlinux", 7);
	const char *why;

	/* A plain name is looked up in BTF; where there is none it is tried: the kernel knows best. */
	if (anywhere && !base_has_glob(p->func, strlen(p->func)) && (!type_has_btf(pc->types) || prototype(pc, p, &why))) {
		Probe one = *p;

		one.scope = "vmlinux";
		one.name = interns(arena_printf(pc->a, "rawtracepoint:vmlinux:%s", p->func));
		return probe_expand_one(pc, &one, fn, arg);
	}
	if (anywhere)
		expand_module(&m, "vmlinux");
	if (base_has_glob(p->scope, strlen(p->scope)))
		type_btf_modules(pc->types, expand_module, &m);
	else if (!anywhere)
		expand_module(&m, p->scope);
	return m.n;
}

/* The first parameter is the tracer's own and not in the context. BTF gives no names to them: those of the function
 * __probestub_EVENT (6.6) or __bpf_trace_EVENT are taken. */
static const Type *
args(ProbeContext *pc, const Probe *p, const char **why)
{
	static const char *const named[] = { "__probestub_", "__bpf_trace_" };
	const Type *proto = prototype(pc, p, why), *names = NULL;
	Field *fields;

	if (!proto)
		return NULL;
	for (u32 i = 0; i < COUNT(named) && !names; i++) {
		char func[256];
		u32 id;

		snprintf(func, sizeof(func), "%s%s", named[i], p->func);
		names = type_btf_func(pc->types, NULL, func, &id);
		if (names && names->n_fields != proto->n_fields)
			names = NULL;
	}
	fields = NEW_N(pc->a, Field, MAX(proto->n_fields, 1u));
	for (u32 i = 1; i < proto->n_fields; i++) {
		fields[i - 1] = proto->fields[i];
		if (names && names->fields[i].name && *names->fields[i].name)
			fields[i - 1].name = names->fields[i].name;
		if (!fields[i - 1].name || !*fields[i - 1].name)
			fields[i - 1].name = interns(arena_printf(pc->a, "arg%u", i - 1));
		fields[i - 1].offset = 8 * (i - 1);
	}
	Type *t = (Type *)type_struct_new(pc->types, arena_printf(pc->a, "_rawtracepoint_%s", p->func), false);

	type_struct_set(pc->types, t, fields, MAX(proto->n_fields, 1u) - 1, 8 * MAX(proto->n_fields, 1u), 8);
	return t;
}

static const Type *
value_type(ProbeContext *pc, const Probe *p, const char *name, const char **why)
{
	if (!strncmp(name, "arg", 3) && name[3] >= '0' && name[3] <= '9') {
		if (atoi(name + 3) < 12)
			return type_int(8, false);
		*why = "a tracepoint has at most 12 arguments";
		return NULL;
	}
	return probe_no_value(pc, p, name, why);
}

static Ref
load(ProbeContext *pc, const Probe *p, Fn *fn, const char *name, u32 field)
{
	const char *why;
	const Type *t;

	if (name && !strncmp(name, "arg", 3))
		return ir_load_ctx(fn, ir_ctx(fn), 8 * atoi(name + 3), 8, false);
	if (name)
		return ir_ctx(fn);
	t = args(pc, p, &why);
	Ref v = ir_load_ctx(fn, ir_ctx(fn), (s32)(8 * field), 8, false);

	return t->fields[field].type->size < 8 ? ir_ext(fn, v, t->fields[field].type->size, t->fields[field].type->sign) : v;
}

static int
attach_one(ProbeContext *pc, Probe *p, int prog_fd)
{
	int fd = kern_attach_raw_tp(prog_fd, p->func);

	if (fd >= 0)
		probe_keep_fd(pc, p, fd);
	return fd;
}

static int
attach(ProbeContext *pc, Probe **p, u32 n, int prog_fd, u32 *failed)
{
	return probe_each(pc, p, n, failed, attach_one, prog_fd);
}

const Provider rawtracepoint_provider = {
	.name = "rawtracepoint", .alias = "rt", .prog_type = BPF_PROG_TYPE_RAW_TRACEPOINT, .feature = N_FEATURE, .space = AS_KERNEL,
	.same_code = true, .parts = 2, .usage = "rawtracepoint:[MODULE:]EVENT",
	.parse = parse, .expand = expand, .args = args, .value_type = value_type, .load = load, .attach = attach,
};
