/* memory: address spaces, bytes, and what reaches out of the program: signals, overridden results. */
#include "lang/comp.h"

#include <signal.h>
#include <stdio.h>

/* ---- address spaces ---- */

static const Type *
in_space(Comp *c, Node *n, AddrSpace space)
{
	const Type *t = n->list[0]->type;

	n->space = (u8)space;
	if (t->kind == TY_PTR)
		return type_ptr(c->ts, t->elem, space);
	return number_type(t) ? type_int(8, false) : t;
}

static const Type *check_kptr(Comp *c, Node *n) { return in_space(c, n, AS_KERNEL); }
static const Type *check_uptr(Comp *c, Node *n) { return in_space(c, n, AS_USER); }

static Ref
lower_first(Comp *c, Node *n)
{
	return lower_int(c, n->list[0]);
}

/* ---- numbers ---- */

static const Type *
check_bswap(Comp *c, Node *n)
{
	const Type *t = number_type(n->list[0]->type);

	(void)c;
	return type_int(t->size, false);
}

static Ref
lower_bswap(Comp *c, Node *n)
{
	Ref r = lower_int(c, n->list[0]);

	return n->type->size == 1 ? ir_ext(c->fn, r, 1, false) : ir_bswap(c->fn, r, n->type->size);
}

static const Type *
check_bool(Comp *c, Node *n)
{
	(void)c, (void)n;
	return &ty_bool;
}

/* IS_ERR(): the last page of addresses holds negative error numbers. */
static Ref
lower_is_err(Comp *c, Node *n)
{
	return ir_bini(c->fn, IR_uge, lower_int(c, n->list[0]), -4095);
}

static const Type *
check_memcmp(Comp *c, Node *n)
{
	if (n->list[2]->kind == ND_NUM && (!n->list[2]->num || n->list[2]->num > 1024)) {
		comp_err(c, n->list[2]->at, E_ARGS, "memcmp() compares 1 to 1024 bytes");
		return &ty_error;
	}
	return type_int(8, true);
}

static Val
bytes(Comp *c, Node *a, u32 size)
{
	Val v = lower(c, a);

	if (v.type->kind == TY_PTR)
		v = val_deref(c, v.type, val_load(c, v).r);
	else if (v.where == W_REG)
		v = (Val){ .where = W_FAR, .r = v.r, .space = a->space ? a->space : c->cl->prov->space };
	v.type = type_array(c->ts, type_int(1, false), size);
	return val_near(c, v);
}

static Ref
lower_memcmp(Comp *c, Node *n)
{
	u32 size = (u32)n->list[2]->num;
	Val a = bytes(c, n->list[0], size), b = bytes(c, n->list[1], size);

	return ir_bini(c->fn, IR_eq, bytes_equal(c, a, b, size), 0);
}

/* ---- variables of each CPU ---- */

static const Type *
check_percpu(Comp *c, Node *n)
{
	if (!c->pc->sym || !sym_kernel_addr(c->pc->sym, n->list[0]->str)) {
		comp_err(c, n->list[0]->at, E_ARGS, "Unknown per-CPU variable: %s", n->list[0]->str);
		return &ty_error;
	}
	n->space = AS_KERNEL;
	return type_int(8, false);
}

/* Its address on the first CPU and what the kernel adds for this one. */
static Ref
lower_percpu(Comp *c, Node *n)
{
	Fn *fn = c->fn;
	Ref cpu = n->n > 1 ? lower_int(c, n->list[1]) : ir_call(fn, BPF_FUNC_get_smp_processor_id, 0, NULL);
	Ref table = ir_const(fn, (s64)sym_kernel_addr(c->pc->sym, "__per_cpu_offset")), mem = ir_mem(fn, 8, 8, n->at);

	read_far(c, AS_KERNEL, mem, 8, ir_bin(fn, IR_add, table, ir_bini(fn, IR_shl, cpu, 3)), n->at);
	return ir_bini(fn, IR_add, ir_load(fn, mem, 0, 8, false), (s64)sym_kernel_addr(c->pc->sym, n->list[0]->str));
}

/* ---- paths ---- */

static const Type *
check_path(Comp *c, Node *n)
{
	u64 size = n->n > 1 ? n->list[1]->num : comp_cf(c, CF_MAX_STRLEN);

	if (!comp_has(c, FEAT_D_PATH)) {
		comp_err(c, n->at, E_UNSUPPORTED, "BPF_FUNC_d_path not available for your kernel version");
		return &ty_error;
	}
	return type_string(c->ts, (u32)MAX(1, MIN(size, 4096)));
}

static void
into_path(Comp *c, Node *n, const Type *as, Ref base, s32 off, bool clean)
{
	Ref p = lower_int(c, n->list[0]), r;

	if (clean)
		ir_zero(c->fn, base, off, as->size);
	r = IR_CALL(c->fn, BPF_FUNC_d_path, p, offset(c, base, off), ir_const(c->fn, MIN(n->type->size, as->size)));
	helper_check(c, r, BPF_FUNC_d_path, n->at);
}

/* ---- reaching out ---- */

static const struct { const char *name; int n; } signals[] = {
	{ "HUP", SIGHUP }, { "INT", SIGINT }, { "QUIT", SIGQUIT }, { "ILL", SIGILL }, { "TRAP", SIGTRAP }, { "ABRT", SIGABRT },
	{ "BUS", SIGBUS }, { "FPE", SIGFPE }, { "KILL", SIGKILL }, { "USR1", SIGUSR1 }, { "SEGV", SIGSEGV }, { "USR2", SIGUSR2 },
	{ "PIPE", SIGPIPE }, { "ALRM", SIGALRM }, { "TERM", SIGTERM }, { "STKFLT", SIGSTKFLT }, { "CHLD", SIGCHLD },
	{ "CONT", SIGCONT }, { "STOP", SIGSTOP }, { "TSTP", SIGTSTP }, { "TTIN", SIGTTIN }, { "TTOU", SIGTTOU }, { "URG", SIGURG },
	{ "XCPU", SIGXCPU }, { "XFSZ", SIGXFSZ }, { "VTALRM", SIGVTALRM }, { "PROF", SIGPROF }, { "WINCH", SIGWINCH },
	{ "IO", SIGIO }, { "PWR", SIGPWR }, { "SYS", SIGSYS },
};

static const Type *
check_signal(Comp *c, Node *n)
{
	Node *a = n->list[0];
	const char *s = a->str;

	if (a->kind == ND_NUM && (!a->num || a->num > 64))
		comp_err(c, a->at, E_ARGS, "%lld is not a valid signal, allowed range: [1,64]", (long long)a->num);
	if (a->kind != ND_STR) {
		if (!number_type(a->type)) {
			comp_err(c, a->at, E_ARGS, "%s() expects a signal's number or name (%s provided)", n->name, tname(c, a->type));
			return &ty_error;
		}
		return &ty_none;
	}
	if (!strncmp(s, "SIG", 3))
		s += 3;
	for (size_t i = 0; i < COUNT(signals); i++)
		if (!strcmp(s, signals[i].name)) {
			n->num = (u64)signals[i].n;
			return &ty_none;
		}
	comp_err(c, a->at, E_ARGS, "Unknown signal: %s", a->str);
	return &ty_error;
}

static Ref
send_signal(Comp *c, Node *n, u32 helper)
{
	Ref sig = n->list[0]->kind == ND_STR ? ir_const(c->fn, (s64)n->num) : lower_int(c, n->list[0]);

	helper_check(c, IR_CALL(c->fn, helper, sig), helper, n->at);
	return 0;
}

static Ref lower_signal(Comp *c, Node *n) { return send_signal(c, n, BPF_FUNC_send_signal); }
static Ref lower_signal_thread(Comp *c, Node *n) { return send_signal(c, n, BPF_FUNC_send_signal_thread); }

static const Type *
check_override(Comp *c, Node *n)
{
	if (strcmp(c->cl->prov->name, "kprobe")) {
		comp_err(c, n->at, E_BUILTIN, "override can not be used with \"%s\" probes", c->cl->prov->name);
		return &ty_error;
	}
	return &ty_none;
}

static Ref
lower_override(Comp *c, Node *n)
{
	helper_check(c, IR_CALL(c->fn, BPF_FUNC_override_return, ir_ctx(c->fn), lower_int(c, n->list[0])), BPF_FUNC_override_return, n->at);
	return 0;
}

/* write_user(to, from, size): copies bytes of the script's memory, &$x or &@x, to the user's. write_user(to, value): a value. */
static const Type *
check_write_user(Comp *c, Node *n)
{
	if (n->n == 3 && n->list[2]->kind != ND_NUM && !c->quiet) {
		comp_err(c, n->list[2]->at, E_CONST, "write_user() expects a literal size");
		return &ty_error;
	}
	return &ty_none;
}

static Ref
lower_write_user(Comp *c, Node *n)
{
	Ref to = lower_int(c, n->list[0]), mem;
	u64 size = n->n == 3 ? n->list[2]->num : n->list[1]->type->size;

	if (n->n == 3) {
		mem = lower_int(c, n->list[1]);
	} else {
		mem = val_mem_new(c, n->list[1]->type);
		lower_into(c, n->list[1], n->list[1]->type, mem, 0, true);
	}
	helper_check(c, IR_CALL(c->fn, BPF_FUNC_probe_write_user, to, mem, ir_const(c->fn, (s64)size)), BPF_FUNC_probe_write_user, n->at);
	return 0;
}

/* debugf(): the kernel's own trace_pipe, for those who debug a script. */
static const Type *
check_debugf(Comp *c, Node *n)
{
	comp_warn(c, n->at, W_UNSTABLE, "The debugf() builtin is not recommended for production use.");
	if (n->n > 4) {
		comp_err(c, n->at, E_ARGS, "debugf() cannot use more than 3 conversion specifiers");
		return &ty_error;
	}
	for (u32 i = 1; i < n->n; i++)
		if (!is_scalar(n->list[i]->type) && n->list[i]->type->kind != TY_STRING) {
			comp_err(c, n->list[i]->at, E_ARGS, "debugf() takes numbers, pointers and strings");
			return &ty_error;
		}
	return &ty_none;
}

static Ref
lower_debugf(Comp *c, Node *n)
{
	const Node *f = n->list[0];
	Ref fmt = ir_mem(c->fn, ALIGN(f->n + 1, 8), 8, n->at), a[5] = { fmt, ir_const(c->fn, f->n + 1) };

	store_string(c, fmt, 0, f->str, f->n, ALIGN(f->n + 1, 8), true);
	for (u32 i = 1; i < n->n; i++)
		a[i + 1] = is_scalar(n->list[i]->type) ? lower_int(c, n->list[i]) : val_addr(c, val_near(c, lower(c, n->list[i])));
	ir_call(c->fn, BPF_FUNC_trace_printk, n->n + 1, a);
	return 0;
}

const Builtin builtins_memory[] = {
	{ "kptr",          "p", 0, check_kptr, lower_first },
	{ "uptr",          "p", 0, check_uptr, lower_first },
	{ "bswap",         "i", 0, check_bswap, lower_bswap },
	{ "is_err",        "p", 0, check_bool, lower_is_err },
	{ "memcmp",        "xxn", 0, check_memcmp, lower_memcmp },
	{ "percpu_kaddr",  "S?i", 0, check_percpu, lower_percpu },
	{ "path",          "x?n", 0, check_path, NULL, into_path },
	{ "signal",        "x", B_UNSAFE, check_signal, lower_signal },
	{ "signal_thread", "x", B_UNSAFE, check_signal, lower_signal_thread },
	{ "override",      "i", B_UNSAFE, check_override, lower_override },
	{ "write_user",    "px?i", B_UNSAFE, check_write_user, lower_write_user },
	{ "debugf",        "S*", 0, check_debugf, lower_debugf },
	{ NULL },
};
