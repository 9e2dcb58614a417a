/* usdt: places that programs mark for tracing (DTRACE_PROBE of sys/sdt.h and its kin).
 * A program's .note.stapsdt section names each: address, provider, name, where the arguments lie, and the address of a
 * semaphore, a counter by which the program knows that somebody looks. One probe may have many places; the compiler may keep
 * the arguments elsewhere in each. Kernel: a uprobe on each place; the kernel keeps the semaphore (4.20), else we do.
 * Script: usdt:FILE:[PROVIDER:]NAME, wildcards; FILE "*" with -p. arg0, arg1, ... */
#include "probe/usdt.h"

#include <elf.h>
#include <stdio.h>
#include <stdlib.h>

/* Probe.priv: the places that share a program, since their arguments lie alike. */
typedef struct Usdt {
	UsdtArg args[USDT_MAX_ARGS];
	u32 n_args;
	const char *text;               /* the arguments as written */
	Vec(u64) offsets;
	u64 vaddr;                      /* of the first place: symbols are found relative to it, */
	bool symbols;                   /* if there are any among the arguments */
	s32 raised_in;                  /* the process whose semaphore was raised by writing, */
	u64 raised_at;                  /* and its address there; 0: none was */
} Usdt;

static bool
parse(ProbeContext *pc, const char *const *part, u32 n, Probe *p)
{
	if (n < 1 || n > 3)
		return probe_bad(pc, p, "usdt probe type requires 2 or 3 arguments, found %u", n);
	if (n == 1 && pc->pid <= 0)
		return probe_bad(pc, p, "usdt probe type requires 2 or 3 arguments, or a process (-p)");
	p->scope = n == 1 || (pc->pid > 0 && !*part[0]) ? "*" : part[0];
	p->func = interns(arena_printf(pc->a, "%s:%s", n == 3 && *part[1] ? part[1] : "*", part[n - 1]));
	if (!*part[n - 1] || !*p->scope)
		return probe_bad(pc, p, "usdt: the file or the probe's name is missing");
	if (!strcmp(p->scope, "*") && pc->pid <= 0)
		return probe_bad(pc, p, "'*' stands for the files of a process: it needs -p or -c");
	/* A name without its provider is a pattern that one probe matches. */
	p->has_glob = true;
	return true;
}

/* ---- notes ---- */

typedef struct Note { u64 pc, base, semaphore; const char *provider, *name, *args; } Note;

/* The note at *at of a section of n bytes; moves *at behind it. False: no more. */
static bool
next_note(const u8 *p, u64 n, u64 *at, Note *out)
{
	while (n - *at >= sizeof(Elf64_Nhdr)) {
		Elf64_Nhdr h;
		u64 name = *at + sizeof(h), desc, end, addrs[3];

		memcpy(&h, p + *at, sizeof(h));
		desc = name + ALIGN((u64)h.n_namesz, 4);
		end = desc + ALIGN((u64)h.n_descsz, 4);
		if (end > n || h.n_namesz > n || h.n_descsz > n)
			return false;
		*at = end;
		if (h.n_type != 3 || h.n_namesz != 8 || memcmp(p + name, "stapsdt", 8) || h.n_descsz < sizeof(addrs) + 3 ||
		    p[desc + h.n_descsz - 1])
			continue;
		memcpy(addrs, p + desc, sizeof(addrs));
		const char *s = (const char *)p + desc + sizeof(addrs), *stop = (const char *)p + desc + h.n_descsz;

		*out = (Note){ addrs[0], addrs[1], addrs[2], s, NULL, NULL };
		s += strlen(s) + 1;
		out->name = s < stop ? s : "";
		s += s < stop ? strlen(s) + 1 : 0;
		out->args = s < stop ? s : "";
		return true;
	}
	return false;
}

/* ---- what there is ---- */

typedef struct Walk { ProbeContext *pc; const Probe *p; const char *path; Vec(Probe *) probes; } Walk;

/* Symbols of arguments get their addresses; an argument whose symbol the file does not tell cannot be read. */
static bool
find_symbols(const char *path, Usdt *u)
{
	bool some = false;

	for (u32 i = 0; i < u->n_args; i++) {
		UsdtArg *arg = &u->args[i];
		Elf *elf = arg->kind == UA_MEM && arg->symbol ? binary_elf(path) : NULL;
		ElfSym s;

		if (elf && sym_elf_find(elf, arg->symbol, &s))
			arg->symbol_value = s.value;
		else if (arg->symbol)
			arg->kind = UA_NONE;
		some |= arg->symbol != NULL;
	}
	return some;
}

/* A place joins the probe of the same name whose arguments lie alike. Those that name symbols are found from their own place. */
static void
add_place(Walk *w, const Note *note, u64 vaddr, u64 offset, u64 ref_ctr)
{
	ProbeContext *pc = w->pc;
	const char *name = interns(arena_printf(pc->a, "usdt:%s:%s:%s", w->path, note->provider, note->name));
	Probe *p = NULL;
	Usdt *u;

	for (u32 i = 0; i < w->probes.n; i++) {
		u = w->probes.v[i]->priv;
		if (w->probes.v[i]->name == name && w->probes.v[i]->ref_ctr == ref_ctr && !strcmp(u->text, note->args) &&
		    !u->symbols)
			p = w->probes.v[i];
	}
	if (!p) {
		p = probe_new(pc, w->p);
		p->scope = interns(w->path);
		p->func = interns(note->name);
		p->name = name;
		p->addr = offset;
		p->ref_ctr = ref_ctr;
		u = NEW(pc->a, Usdt);
		u->text = arena_str(pc->a, note->args, strlen(note->args));
		u->n_args = usdt_parse_args(pc->a, regs_machine(), note->args, u->args);
		u->vaddr = vaddr;
		u->symbols = find_symbols(p->scope, u);
		p->priv = u;
		VEC_PUSH(pc->a, &w->probes, p);
	}
	u = p->priv;
	VEC_PUSH(pc->a, &u->offsets, offset);
}

static void
in_file(Walk *w)
{
	BinarySection notes, base = { 0 };
	Binary b;
	Note note;
	u64 at = 0;

	if (!binary_map(w->path, &b))
		return;
	bool has_base = binary_section(&b, ".stapsdt.base", &base);

	if (binary_section(&b, ".note.stapsdt", &notes) && notes.p)
		while (next_note(notes.p, notes.n, &at, &note)) {
			const char *full = arena_printf(w->pc->a, "%s:%s", note.provider, note.name);
			u64 moved = has_base ? base.addr - note.base : 0, offset, ref_ctr = 0;        /* by prelink */

			if (!base_glob(w->p->func, strlen(w->p->func), full, strlen(full)) ||
			    !binary_offset(&b, note.pc + moved, &offset))
				continue;
			if (note.semaphore)
				binary_offset(&b, note.semaphore + moved, &ref_ctr);
			add_place(w, &note, note.pc + moved, offset, ref_ctr);
		}
	binary_unmap(&b);
}

static int
expand(ProbeContext *pc, const Probe *p, ProbeFn *fn, void *arg)
{
	ProbeNames paths = { pc->a, { 0 } };
	int err = binary_find(pc, p->scope, &paths), n = 0;
	bool stop = false;

	for (u32 i = 0; i < paths.v.n && !err && !stop; i++) {
		Walk w = { .pc = pc, .p = p, .path = paths.v.v[i] };

		in_file(&w);
		for (u32 j = 0; j < w.probes.n && !stop; j++, n++)
			stop = fn(arg, w.probes.v[j]);
	}
	return err ? err : n;
}

/* ---- what is found there ---- */

static const UsdtArg *
argument(const Probe *p, const char *name)
{
	const Usdt *u = p->priv;
	char *end;
	unsigned long i;

	if (strncmp(name, "arg", 3) || name[3] < '0' || name[3] > '9')
		return NULL;
	i = strtoul(name + 3, &end, 10);
	return !*end && i < u->n_args ? &u->args[i] : NULL;
}

static const Type *
args(ProbeContext *pc, const Probe *p, const char **why)
{
	(void)pc, (void)p;
	*why = "a USDT probe's arguments have no names: arg0, arg1, ...";
	return NULL;
}

static const Type *
value_type(ProbeContext *pc, const Probe *p, const char *name, const char **why)
{
	const UsdtArg *arg = argument(p, name);

	if (arg && arg->kind != UA_NONE)
		return type_int(arg->size, arg->sign);
	if (!strncmp(name, "arg", 3) && name[3] >= '0' && name[3] <= '9') {
		*why = arg ? "this argument lies where BPF cannot read: in a floating-point register, or at an unknown symbol" : "this probe has fewer arguments";
		return NULL;
	}
	if (!strcmp(name, "func"))
		return type_string(pc->types, (u32)strlen(p->func) + 1);
	return regs_value_type(pc, REGS_ANY, name, why);
}

/* A symbol is now as far from the instruction pointer as in the file. */
static Ref
address(const Probe *p, const UsdtArg *arg, Fn *fn)
{
	const Usdt *u = p->priv;
	Ref at = arg->base >= 0 ? regs_load_offset(fn, (u32)arg->base) : ir_const(fn, 0), index;
	s64 disp = arg->disp;

	if (arg->symbol) {
		at = ir_bin(fn, IR_add, at, regs_load_offset(fn, (u32)regs_offset("ip")));
		disp += (s64)(arg->symbol_value - u->vaddr);
	}
	if (arg->index >= 0) {
		index = regs_load_offset(fn, (u32)arg->index);
		if (arg->index_size < 8)
			index = ir_ext(fn, index, arg->index_size, arg->index_sign);
		at = ir_bin(fn, IR_add, at, ir_bini(fn, IR_mul, index, arg->scale));
	}
	return disp ? ir_bini(fn, IR_add, at, disp) : at;
}

static Ref
load(ProbeContext *pc, const Probe *p, Fn *fn, const char *name, u32 field)
{
	const UsdtArg *arg = name ? argument(p, name) : NULL;
	Ref v;

	(void)field;
	if (!arg)
		return regs_load(pc, fn, AS_USER, name ? name : "ctx");
	switch (arg->kind) {
	case UA_MEM: return probe_read(pc, fn, AS_USER, address(p, arg, fn), arg->size, arg->sign);
	case UA_REG: v = regs_load_offset(fn, (u32)arg->base); break;
	default: v = ir_const(fn, arg->disp); break;
	}
	if (arg->shift)
		v = ir_bini(fn, IR_shr, v, arg->shift);
	return arg->size < 8 ? ir_ext(fn, v, arg->size, arg->sign) : v;
}

static void
list_args(ProbeContext *pc, const Probe *p, Buf *out)
{
	const Usdt *u = p->priv;

	for (u32 i = 0; i < u->n_args; i++) {
		buf_puts(out, "    ");
		if (u->args[i].kind == UA_NONE)
			buf_puts(out, "unreadable");
		else
			type_name(type_int(u->args[i].size, u->args[i].sign), out);
		buf_printf(out, " arg%u\n", i);
	}
	(void)pc;
}

/* ---- attaching ---- */

static u32
places(Probe *const *p, u32 n)
{
	u32 sum = 0;

	for (u32 i = 0; i < n; i++)
		sum += ((const Usdt *)p[i]->priv)->offsets.n;
	return sum;
}

static void
code(ProbeContext *pc, Probe *const *p, u32 n, Code *c)
{
	if (uprobe_takes_multi(pc, places(p, n)))
		c->attach_type = K_LINK_UPROBE_MULTI;
}

static int
attach_place(ProbeContext *pc, Probe *p, int prog_fd)
{
	return uprobe_attach_one(pc, p, false, prog_fd);
}

/* Where the kernel does not keep the semaphore: by our own hand. */
static int
raise_semaphore(ProbeContext *pc, Probe *p)
{
	Usdt *u = p->priv;
	int err;

	if (!p->ref_ctr || pc->has(pc->machine, FEAT_UPROBE_REFCNT))
		return 0;
	err = semaphore_raise(pc->pid, p->scope, p->ref_ctr, &u->raised_at);
	if (err) {
		u->raised_at = 0;
		diag_err(pc->d, p->at, E_ATTACH, "%s has a semaphore, which this kernel does not raise by itself, and it could not be written: %s", p->name,
			 err == -ESRCH ? "no process is named" : err == -ENXIO ? "the process has not mapped the program" : strerror(-err));
		diag_hint(pc->d, "-p names a process that runs already");
		return err;
	}
	u->raised_in = pc->pid;
	p->ref_ctr = 0;
	return 0;
}

static void
detach(Probe *p)
{
	Usdt *u = p->priv;

	if (u->raised_at)
		semaphore_lower(u->raised_in, u->raised_at);
	u->raised_at = 0;
}

/* Each place as a probe of its own; what they open is kept by the first. */
static int
attach(ProbeContext *pc, Probe **p, u32 n, int prog_fd, u32 *failed)
{
	u32 all = places(p, n), k = 0, bad = 0;
	Probe **each = NEW_N(pc->a, Probe *, all);
	u32 *owner = NEW_N(pc->a, u32, all);
	int err;

	for (u32 i = 0; i < n; i++) {
		const Usdt *u = p[i]->priv;

		err = raise_semaphore(pc, p[i]);
		if (err) {
			*failed = i;
			return err;
		}
		for (u32 j = 0; j < u->offsets.n; j++, k++) {
			each[k] = probe_new(pc, p[i]);
			each[k]->addr = u->offsets.v[j];
			owner[k] = i;
		}
	}
	err = uprobe_takes_multi(pc, all) ? uprobe_attach_multi(pc, each, all, false, prog_fd, &bad) :
					    probe_each(pc, each, all, &bad, attach_place, prog_fd);
	for (k = 0; k < all; k++)
		for (u32 i = 0; i < each[k]->n_fds; i++)
			probe_keep_fd(pc, p[owner[k]], each[k]->fds[i]);
	if (err < 0 && bad < all)
		*failed = owner[bad];
	return err;
}

const Provider usdt_provider = {
	.name = "usdt", .alias = "U", .prog_type = BPF_PROG_TYPE_KPROBE, .feature = FEAT_UPROBE, .space = AS_USER, .per_pid = true, .last_first = true, .of_files = true,
	.same_code = false, .usage = "usdt:FILE:[PROVIDER:]NAME",
	.parse = parse, .expand = expand, .args = args, .value_type = value_type, .load = load, .code = code, .attach = attach,
	.list_args = list_args, .detach = detach,
};
