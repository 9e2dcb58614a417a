/* symbol: what is printed as a name: addresses, stacks, error and signal numbers, network and cgroup addresses. */
#include "lang/comp.h"

#include <arpa/inet.h>
#include <stdio.h>

static const Type *
special(Comp *c, TypeKind kind, u32 size)
{
	return type_special(c->ts, kind, size, false, 0, 0);
}

/* ---- addresses ---- */

static const Type *
check_ksym(Comp *c, Node *n)
{
	(void)n;
	return special(c, TY_KSYM, 8);
}

static const Type *
check_usym(Comp *c, Node *n)
{
	(void)n;
	c->s->needs_sym_user = true;
	return special(c, TY_USYM, 16);
}

static Ref
lower_first(Comp *c, Node *n)
{
	return lower_int(c, n->list[0]);
}

static void
into_usym(Comp *c, Node *n, const Type *as, Ref base, s32 off, bool clean)
{
	(void)as, (void)clean;
	ir_store(c->fn, base, off, 8, lower_int(c, n->list[0]));
	ir_store(c->fn, base, off + 8, 4, lower_own_pid(c));
	ir_store(c->fn, base, off + 12, 4, ir_const(c->fn, 0));
}

/* ---- stacks ---- */

enum { FRAMES_MAX = 127, FRAMES_FEW = 28 };     /* kernel.perf_event_max_stack, unless someone changed it; with small keys */
static const char *const modes[] = { "bpftrace", "perf", "raw", "build_id" };

/* kstack([mode,] [frames]): the arguments in n->op (mode) and n->num. */
static const Type *
check_stack(Comp *c, Node *n, TypeKind kind)
{
	u32 mode = (u32)comp_cf(c, CF_STACK_MODE), i = 0;
	u64 frames = c->small_keys ? FRAMES_FEW : FRAMES_MAX;

	if (n->n && n->list[0]->kind == ND_IDENT) {
		for (mode = 0; mode < COUNT(modes) && strcmp(modes[mode], n->list[0]->name); mode++)
			;
		if (mode == COUNT(modes)) {
			comp_err(c, n->list[0]->at, E_ARGS, "Invalid stack mode: '%s'", n->list[0]->name);
			comp_hint(c, "it is one of bpftrace, perf, raw, build_id");
			return &ty_error;
		}
		i = 1;
	}
	if (i < n->n) {
		if (n->list[i]->kind != ND_NUM) {
			comp_err(c, n->list[i]->at, E_CONST, "%s(): the number of frames is a literal", n->name);
			return &ty_error;
		}
		frames = n->list[i]->num;
		if (!frames || frames > FRAMES_MAX) {
			comp_err(c, n->list[i]->at, E_ARGS, "%s(%lld): a stack has 1 to %u frames", n->name, (long long)frames, FRAMES_MAX);
			return &ty_error;
		}
	}
	if (kind == TY_USTACK)
		c->s->needs_sym_user = true;
	return type_special(c->ts, kind, (u32)((kind == TY_USTACK ? 8 : 0) + 8 * frames), false, (u32)frames, mode);
}

/* dw_ustack: which stacks are known must be decided at start, since the tables of all files would be too many. */
static const Type *
check_dw_ustack(Comp *c, Node *n)
{
	u64 how = comp_cf(c, CF_UNSTABLE_DW_USTACK);
	const char *lacks = probe_unwind_lacks(c->pc);

	if (how == 1) {
		comp_err(c, n->at, E_UNSTABLE, "Use of the unstable feature dw_ustack is not enabled");
		comp_hint(c, "config = { unstable_dw_ustack = \"enable\" }");
		return &ty_error;
	}
	if (how == 0)
		comp_warn(c, n->at, W_UNSTABLE, "Script is using an unstable feature: dw_ustack. To prevent this warning you must explicitly "
		     "enable the unstable feature in the config e.g. unstable_dw_ustack=enable");
	if (c->pc->pid <= 0 && !c->pc->n_unwind_pids) {
		comp_err(c, n->at, E_ARGS, "dw_ustack requires a target process");
		comp_hint(c, "name it with -p, -c or --dwarf-pid; ustack needs none, but frame pointers");
		return &ty_error;
	}
	if (lacks) {
		comp_err(c, n->at, E_UNSUPPORTED, "dw_ustack needs %s, which this kernel lacks", lacks);
		comp_hint(c, "ustack works here, for programs that keep frame pointers (-fno-omit-frame-pointer)");
		return &ty_error;
	}
	return check_stack(c, n, TY_USTACK);
}

static const Type *check_kstack(Comp *c, Node *n) { return check_stack(c, n, TY_KSTACK); }
static const Type *check_ustack(Comp *c, Node *n) { return check_stack(c, n, TY_USTACK); }

static void
into_dw_ustack(Comp *c, Node *n, const Type *as, Ref base, s32 off, bool clean)
{
	UnwindMaps *maps = &c->s->unwind;
	Fn *fn = c->fn;
	u32 missing = ir_block_cold(fn), on = ir_block(fn), event;
	Ref known;

	if (maps->procs == NO_MAP) {
		maps->rows = comp_map(c, probe_unwind_rows(1));
		maps->objects = comp_map(c, probe_unwind_objects(maps->rows));
		maps->procs = comp_map(c, probe_unwind_procs());
	}
	Ref pid = lower_own_pid(c);

	(void)clean;
	ir_zero(c->fn, base, off, as->size);    /* behind the last frame */
	ir_store(c->fn, base, off, 8, pid);
	known = probe_unwind(fn, maps, pid, base, off + (s32)out_stack_head(n->type), n->type->count);
	ir_br(fn, known, on, missing);
	ir_seal(fn, missing);
	ir_start(fn, missing);
	event = event_new(c, EV_WARNF, n->at);
	c->s->events.v[event].fmt = "No DWARF unwind data available for this process";
	event_send_ints(c, event, ir_const(fn, 0), NULL, 0);
	ir_jmp(fn, on);
	ir_seal(fn, on);
	ir_start(fn, on);
}

/* The kernel fills what is left with zeros, all of it where there is no stack: bpf_get_stack() tells us nothing that is not there. */
static void
into_stack(Comp *c, Node *n, const Type *as, Ref base, s32 off, bool clean)
{
	Fn *fn = c->fn;
	bool user = n->type->kind == TY_USTACK;
	u32 head = out_stack_head(n->type);

	if (head)
		ir_store(fn, base, off, 8, lower_own_pid(c));
	c->filled_from = head;
	c->filled = IR_CALL(fn, BPF_FUNC_get_stack, ir_ctx(fn), offset(c, base, off + (s32)head), ir_const(fn, 8 * n->type->count),
		ir_const(fn, user ? BPF_F_USER_STACK : 0));
	if (clean && as->size > n->type->size)
		ir_zero(fn, base, off + (s32)n->type->size, as->size - n->type->size);
}

/* ---- numbers that have names ---- */

static const Type *check_strerror(Comp *c, Node *n) { (void)n; return special(c, TY_STRERROR, 8); }
static const Type *check_signal(Comp *c, Node *n) { (void)n; return special(c, TY_SIGNAL, 8); }
static const Type *check_syscall(Comp *c, Node *n) { (void)n; return special(c, TY_SYSCALL, 8); }

static const Type *
check_cgroup_path(Comp *c, Node *n)
{
	const Type *base = special(c, TY_CGROUP_PATH, 8);
	Type *t;

	if (n->n < 2)
		return base;
	if (n->type && n->type->kind == TY_CGROUP_PATH)
		return n->type;
	t = NEW(c->a, Type);
	*t = *base;
	t->name = n->list[1]->str;
	return t;
}

/* ---- addresses of networks ---- */

static u32
byte_size(const Type *t)
{
	return t->kind == TY_PTR ? 0 : t->size;
}

static const Type *
check_mac(Comp *c, Node *n)
{
	const Type *t = n->list[0]->type;

	if (t->kind != TY_PTR && (t->kind == TY_INT || byte_size(t) != 6)) {
		comp_err(c, n->list[0]->at, E_ARGS, "macaddr() argument must be a char[6] (%s provided)", tname(c, t));
		return &ty_error;
	}
	return special(c, TY_MAC, 6);
}

/* The bytes that an array, struct member or pointer holds. */
static void
bytes_into(Comp *c, Node *a, u32 size, Ref base, s32 off)
{
	Val v = lower(c, a);

	if (v.type->kind == TY_PTR)
		v = val_deref(c, v.type, val_load(c, v).r);
	v.type = type_array(c->ts, type_int(1, false), size);
	val_store(c, v, v.type, base, off, true);
}

static void
into_mac(Comp *c, Node *n, const Type *as, Ref base, s32 off, bool clean)
{
	(void)as, (void)clean;
	bytes_into(c, n->list[0], 6, base, off);
}

static const Type *
check_ntop(Comp *c, Node *n)
{
	const Node *a = n->list[n->n - 1];
	u32 size = byte_size(a->type);

	if (number_type(a->type) || (a->type->kind == TY_PTR && n->n == 2) || size == 4 || size == 16)
		return special(c, TY_INET, 20);
	comp_err(c, a->at, E_ARGS, "ntop() expects an integer or array argument of 4 or 16 bytes (%s provided)", tname(c, a->type));
	return &ty_error;
}

static void
into_ntop(Comp *c, Node *n, const Type *as, Ref base, s32 off, bool clean)
{
	Node *a = n->list[n->n - 1];
	u32 size = byte_size(a->type);
	bool number = number_type(a->type) != NULL, six = !number && size != 4;

	(void)as, (void)clean;
	if (n->n == 2)
		ir_store(c->fn, base, off, 4, lower_int(c, n->list[0]));
	else
		ir_store(c->fn, base, off, 4, ir_const(c->fn, six ? AF_INET6 : AF_INET));
	if (number || size == 4)
		ir_zero(c->fn, base, off + 8, 12);
	if (number)
		ir_store(c->fn, base, off + 4, 4, lower_int(c, a));
	else
		bytes_into(c, a, six ? 16 : 4, base, off + 4);
}

static const Type *
check_pton(Comp *c, Node *n)
{
	const Node *a = n->list[0];
	bool six = strchr(a->str, ':') != NULL;
	u8 *bytes = NEW_N(c->a, u8, 16);

	if (inet_pton(six ? AF_INET6 : AF_INET, a->str, bytes) != 1) {
		comp_err(c, a->at, E_ARGS, "pton() expects a string argument of an IPv4 or IPv6 address, got %s", a->str);
		return &ty_error;
	}
	n->str = (const char *)bytes;
	return type_array(c->ts, type_int(1, false), six ? 16 : 4);
}

static void
into_pton(Comp *c, Node *n, const Type *as, Ref base, s32 off, bool clean)
{
	(void)clean;
	for (u32 i = 0; i < n->type->size && i < as->size; i += 4) {
		u32 w;

		memcpy(&w, n->str + i, 4);
		ir_store(c->fn, base, off + (s32)i, 4, ir_const(c->fn, w));
	}
}

const Builtin builtins_symbol[] = {
	{ "ksym",         "p", 0, check_ksym, lower_first },
	{ "usym",         "p", 0, check_usym, NULL, into_usym },
	{ "kstack",       "?xx", B_VAR | B_WORDS, check_kstack, NULL, into_stack },
	{ "ustack",       "?xx", B_VAR | B_WORDS, check_ustack, NULL, into_stack },
	{ "dw_ustack",    "?xx", B_VAR | B_WORDS, check_dw_ustack, NULL, into_dw_ustack },
	{ "strerror",     "i", 0, check_strerror, lower_first },
	{ "signal_name",  "i", 0, check_signal, lower_first },
	{ "syscall_name", "i", 0, check_syscall, lower_first },
	{ "cgroup_path",  "i?S", 0, check_cgroup_path, lower_first },
	{ "macaddr",      "x", 0, check_mac, NULL, into_mac },
	{ "ntop",         "x?x", 0, check_ntop, NULL, into_ntop },
	{ "pton",         "S", 0, check_pton, NULL, into_pton },
	{ NULL },
};
