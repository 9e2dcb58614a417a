/* kprobe and kretprobe: entry into and return from a kernel function, or any instruction in it.
 * Kernel: the kprobe PMU of perf_event_open(2) (4.17); many functions at once by a kprobe_multi link (5.18).
 * Script: kprobe:[MODULE:]FUNCTION[+OFFSET], wildcards without offset; kprobe:ADDRESS with --unsafe. argN, retval, registers. */
#include "probe/inside.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

static bool
is_ret(const Probe *p)
{
	return p->prov == &kretprobe_provider;
}

/* "vfs_read+8" */
static bool
parse_function(ProbeContext *pc, const char *text, Probe *p)
{
	const char *plus = strrchr(text, '+');

	if (!plus) {
		p->func = text;
		return true;
	}
	p->func = intern(text, (size_t)(plus - text));
	if (!probe_number(plus + 1, &p->offset))
		return probe_bad(pc, p, "Invalid offset '%s'", plus + 1);
	if (is_ret(p) && p->offset)
		return probe_bad(pc, p, "Offset not allowed for kretprobes: they fire when the function returns");
	if (base_has_glob(p->func, strlen(p->func)))
		return probe_bad(pc, p, "A wildcard and an offset do not go together");
	return true;
}

static bool
parse(ProbeContext *pc, const char *const *part, u32 n, Probe *p)
{
	if (n < 1 || n > 2 || !*part[n - 1])
		return probe_bad(pc, p, "%s probe type requires 1 or 2 arguments, found %u", p->prov->name, n);
	p->scope = n == 2 && *part[0] ? part[0] : NULL;
	if (probe_number(part[n - 1], &p->addr)) {
		if (is_ret(p) || n == 2)
			return probe_bad(pc, p, "An address stands alone, in a kprobe");
		if (!pc->unsafe) {
			probe_bad(pc, p, "A kprobe at a bare address needs --unsafe");
			return false;
		}
		p->name = interns(arena_printf(pc->a, "%s:0x%llx", p->prov->name, (unsigned long long)p->addr));
		return true;
	}
	if (!parse_function(pc, part[n - 1], p))
		return false;
	p->has_glob = base_has_glob(p->func, strlen(p->func)) || (p->scope && base_has_glob(p->scope, strlen(p->scope)));
	return true;
}

static void
set_name(ProbeContext *pc, Probe *p)
{
	const char *mod = p->scope && strcmp(p->scope, "vmlinux") ? p->scope : NULL;

	if (p->offset)
		p->name = interns(arena_printf(pc->a, "%s:%s%s%s+%llu", p->prov->name, mod ? mod : "", mod ? ":" : "", p->func,
					       (unsigned long long)p->offset));
	else
		p->name = interns(arena_printf(pc->a, "%s:%s%s%s", p->prov->name, mod ? mod : "", mod ? ":" : "", p->func));
}

/* ---- what there is ---- */

typedef struct Found { Arena *a; const char *func, *module; ProbeNames names; } Found;

/* "module:function", function alone for the kernel itself. */
static int
add(void *arg, const char *name, const char *module)
{
	Found *f = arg;
	const char *mod = module && *module ? module : "vmlinux";

	if (!base_glob(f->func, strlen(f->func), name, strlen(name)))
		return 0;
	if (f->module && !base_glob(f->module, strlen(f->module), mod, strlen(mod)))
		return 0;
	if (strcmp(mod, "vmlinux"))
		VEC_PUSH(f->a, &f->names.v, arena_printf(f->a, "%s:%s", mod, name));
	else
		VEC_PUSH(f->a, &f->names.v, arena_str(f->a, name, strlen(name)));
	return 0;
}

/* What a wildcard should not find: RCU, on which tracing itself stands, and pieces that the compiler split off, whose arguments
 * are not those of the source. By its own name each may be probed. */
static bool
left_out(const char *name)
{
	return !strncmp(name, "rcu_", 4) || !strncmp(name, "__rcu_", 6) || strstr(name, ".part.");
}

int
kprobe_each_traceable(ProbeContext *pc, int (*fn)(void *, const char *, const char *), void *arg)
{
	const char *dir = kern_tracefs();
	char path[PATH_MAX];
	Buf b = { 0 };
	int err;

	if (pc->traceable)
		snprintf(path, sizeof(path), "%s", pc->traceable);
	else
		snprintf(path, sizeof(path), "%s/available_filter_functions", dir ? dir : "/sys/kernel/tracing");
	err = host_read(path, &b);
	if (!err && !b.n)
		err = -ENODATA;
	if (!err)
		for (char *save = NULL, *line = strtok_r(b.p, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
			char *end = line + strcspn(line, " \t["), *mod = strchr(line, '[');

			if (mod)
				*mod++ = 0, mod[strcspn(mod, "]")] = 0;
			*end = 0;
			if (*line && strncmp(line, "__ftrace_invalid_address", 24) && !left_out(line) && fn(arg, line, mod))
				break;
		}
	buf_free(&b);
	return err;
}

static int
add_symbol(void *arg, const char *name, const char *module)
{
	return left_out(name) ? 0 : add(arg, name, module);
}

static int
expand_glob(ProbeContext *pc, const Probe *p, ProbeFn *fn, void *arg)
{
	Found f = { pc->a, p->func, p->scope, { pc->a, { 0 } } };
	int err = kprobe_each_traceable(pc, add, &f), n = 0;

	if (err && pc->sym)
		err = sym_kernel_each(pc->sym, p->func, add_symbol, &f);
	probe_names_sort(&f.names);
	for (u32 i = 0; i < f.names.v.n; i++) {
		const char *name = f.names.v.v[i], *colon = strchr(name, ':');
		Probe *one = probe_new(pc, p);

		one->scope = colon ? intern(name, (size_t)(colon - name)) : NULL;
		one->func = interns(colon ? colon + 1 : name);
		one->from_glob = true;
		set_name(pc, one);
		n++;
		if (fn(arg, one))
			break;
	}
	return err < 0 && !n ? err : n;
}

static int
found(void *arg, const char *name, const char *module)
{
	(void)name, (void)module;
	*(bool *)arg = true;
	return 1;
}

typedef struct Wanted { const char *func; bool found; } Wanted;

static int
is_wanted(void *arg, const char *name, const char *module)
{
	Wanted *w = arg;

	(void)module;
	w->found |= !strcmp(name, w->func);
	return w->found;
}

/* BTF is read where it lies and knows nearly all, also functions of which only inlined copies are left; the symbol table takes the
 * kernel tens of milliseconds to print, and so does the list of what can be traced. */
static bool
exists(ProbeContext *pc, const Probe *p)
{
	Wanted w = { p->func, false };
	bool yes = false;
	u32 id;

	if (pc->sure && !p->offset && kprobe_each_traceable(pc, is_wanted, &w) >= 0)
		return w.found;
	if (type_has_btf(pc->types) && type_btf_func(pc->types, p->scope ? p->scope : "vmlinux", p->func, &id))
		return true;
	if (!pc->sym || sym_kernel_each(pc->sym, p->func, found, &yes) < 0)
		return true;            /* nobody can tell: the kernel will */
	return yes;
}

static int
expand(ProbeContext *pc, const Probe *p, ProbeFn *fn, void *arg)
{
	Probe one = *p;

	if (p->has_glob)
		return expand_glob(pc, p, fn, arg);
	if (!p->func)
		return probe_expand_one(pc, p, fn, arg);
	if (p->scope && strcmp(p->scope, "vmlinux") && !host_exists(arena_printf(pc->a, "/sys/module/%s", p->scope))) {
		diag_err(pc->d, p->at, E_NO_PROBE, "specified module %s in probe %s is not loaded.", p->scope, p->name);
		return -ENOENT;
	}
	if (!exists(pc, p))
		return 0;
	set_name(pc, &one);
	return probe_expand_one(pc, &one, fn, arg);
}

/* ---- what is found there ---- */

static const Type *
args(ProbeContext *pc, const Probe *p, const char **why)
{
	(void)pc, (void)p;
	*why = "a kprobe has arg0, arg1, ...; fentry has args with names";
	return NULL;
}

static const Type *
value_type(ProbeContext *pc, const Probe *p, const char *name, const char **why)
{
	if (!strcmp(name, "func") && p->func)
		return type_string(pc->types, (u32)strlen(p->func) + 1);
	return regs_value_type(pc, is_ret(p) ? REGS_RETURN : REGS_ENTRY, name, why);
}

static Ref
load(ProbeContext *pc, const Probe *p, Fn *fn, const char *name, u32 field)
{
	(void)p, (void)field;
	return regs_load(pc, fn, AS_KERNEL, name);
}

/* ---- attaching ---- */

/* One link for all: whole functions only. */
static bool
takes_multi(ProbeContext *pc, Probe *const *p, u32 n)
{
	if (n < 2 || !pc->has(pc->machine, FEAT_KPROBE_MULTI))
		return false;
	for (u32 i = 0; i < n; i++)
		if (p[i]->offset || !p[i]->func)
			return false;
	return true;
}

static void
code(ProbeContext *pc, Probe *const *p, u32 n, Code *c)
{
	if (takes_multi(pc, p, n))
		c->attach_type = K_LINK_KPROBE_MULTI;
}

/* What a wildcard found and the kernel does not let us probe is left out. */
static bool
forgiven(ProbeContext *pc, const Probe *p, int err)
{
	if (!p->from_glob || err == -EPERM || err == -EACCES || err == -EINTR)
		return false;
	diag_warn(pc->d, p->at, E_ATTACH, "could not attach %s: %s", p->name, strerror(-err));
	return true;
}

/* A link is made for all or for none: where one function is refused, halves find out which. */
static int
attach_multi(ProbeContext *pc, Probe **p, const char *const *func, u32 n, int prog_fd, u32 at, u32 *failed)
{
	int fd = probe_stopped(pc) ? -EINTR : kern_attach_kprobe_multi(prog_fd, is_ret(p[0]), func + at, NULL, n, p[at]->session);

	if (fd >= 0) {
		probe_keep_fd(pc, p[at], fd);
		return 0;
	}
	if (n == 1 || fd == -EINTR || fd == -EPERM || fd == -EOPNOTSUPP || fd == -ENOMEM || fd == -E2BIG) {
		*failed = at;
		return forgiven(pc, p[at], fd) ? 0 : fd;
	}
	fd = attach_multi(pc, p, func, n / 2, prog_fd, at, failed);
	return fd < 0 ? fd : attach_multi(pc, p, func, n - n / 2, prog_fd, at + n / 2, failed);
}

static int
attach_one(ProbeContext *pc, Probe *p, int prog_fd)
{
	const char *mod = p->scope && strcmp(p->scope, "vmlinux") ? p->scope : NULL;
	const char *func = p->func && mod ? arena_printf(pc->a, "%s:%s", mod, p->func) : p->func;
	int fd = kern_attach_kprobe(prog_fd, is_ret(p), func, p->offset, p->addr, p->cookie);

	if (fd >= 0)
		probe_keep_fd(pc, p, fd);
	return fd < 0 && forgiven(pc, p, fd) ? 0 : fd;
}

static int
attach(ProbeContext *pc, Probe **p, u32 n, int prog_fd, u32 *failed)
{
	if (!p[0]->session && !takes_multi(pc, p, n))
		return probe_each(pc, p, n, failed, attach_one, prog_fd);
	const char **func = NEW_N(pc->a, const char *, n);

	for (u32 i = 0; i < n; i++)
		func[i] = p[i]->func;
	return attach_multi(pc, p, func, n, prog_fd, 0, failed);
}

#define KPROBE(n, al, ret, form) { \
	.is_return = ret, .session_needs = FEAT_KPROBE_SESSION, .session_type = ret ? 0 : K_KPROBE_SESSION, .session_from = 1, \
	.name = n, .alias = al, .prog_type = BPF_PROG_TYPE_KPROBE, .feature = FEAT_KPROBE, .space = AS_KERNEL, .same_code = true, .last_first = !(ret), \
	.parts = 1, .usage = form, .parse = parse, .expand = expand, .args = args, .value_type = value_type, .load = load, \
	.code = code, .attach = attach, \
}

const Provider kprobe_provider = KPROBE("kprobe", "k", false, "kprobe:[MODULE:]FUNCTION[+OFFSET]");
const Provider kretprobe_provider = KPROBE("kretprobe", "kr", true, "kretprobe:[MODULE:]FUNCTION");
