/* uprobe and uretprobe: entry into and return from a function of a user program or library, or any instruction in it.
 * Kernel: the uprobe PMU of perf_event_open(2) (4.17); many places of one file at once by a uprobe_multi link (6.6). Places are
 * offsets in the file, so processes that start later are seen too.
 * Script: uprobe:FILE:FUNCTION[+OFFSET], uprobe:FILE:ADDRESS, uprobe:FILE:cpp:"NAME"; wildcards in both. argN, retval, args.
 * A function's name means its own code and, by DWARF, all places where the compiler put it into its callers.
 * uprobe:FILE:FUNCTION+ret: its instructions that return, for programs that a uretprobe would crash; retval is there.
 * uprobe:FILE@SOURCE:LINE[:COLUMN]: where the code of a line begins, by the program's DWARF. */
#include "probe/inside.h"

#include <stdio.h>
#include <stdlib.h>

typedef struct Place { bool cpp, returns; u64 inlined; const char *file; u32 line, col; } Place;
/* Probe.priv. returns: FUNCTION+ret; inlined: the address where the function was put into its caller. */

static bool
is_ret(const Probe *p)
{
	return p->prov == &uretprobe_provider;
}

/* FILE@SOURCE:LINE[:COLUMN] */
static bool
parse_line(ProbeContext *pc, const char *const *part, u32 n, Probe *p, Place *place)
{
	const char *at = strrchr(part[0], '@');
	u64 line, col = 0;

	if (is_ret(p))
		return probe_bad(pc, p, "a return probe is for functions, not for lines");
	if (!probe_number(part[1], &line) || (n == 3 && !probe_number(part[2], &col)) || !line || line > UINT32_MAX || col > UINT32_MAX)
		return probe_bad(pc, p, "FILE@SOURCE must be followed by a line and perhaps a column");
	if (at == part[0] || !at[1])
		return probe_bad(pc, p, "uprobe: the program or the source file is missing");
	place->file = at + 1;
	place->line = (u32)line;
	place->col = (u32)col;
	p->scope = intern(part[0], (size_t)(at - part[0]));
	p->has_glob = base_has_glob(p->scope, strlen(p->scope));
	return true;
}

static bool
parse(ProbeContext *pc, const char *const *part, u32 n, Probe *p)
{
	const char *text = n ? part[n - 1] : "", *plus;
	Place *place = NEW(pc->a, Place);

	p->priv = place;
	if ((n == 2 || n == 3) && strchr(part[0], '@') && part[1][0] >= '0' && part[1][0] <= '9')
		return parse_line(pc, part, n, p, place);
	if (n == 1 && !strcmp(part[0], "*") && pc->pid > 0) {   /* all of a process */
		p->scope = p->func = "*";
		p->has_glob = true;
		return true;
	}
	if (n == 3 && !strcmp(part[1], "cpp"))
		place->cpp = true;
	else if (n != 2)
		return probe_bad(pc, p, "%s probe type requires 2 arguments, found %u", p->prov->name, n);
	if (!*part[0] || !*text)
		return probe_bad(pc, p, "%s: the file or the function is missing", p->prov->name);
	if (!strcmp(part[0], "*") && pc->pid <= 0)
		return probe_bad(pc, p, "'*' stands for the files of a process: it needs -p or -c");
	p->scope = part[0];
	if (!place->cpp && probe_number(text, &p->addr)) {
		if (is_ret(p))
			return probe_bad(pc, p, "Absolute address not allowed for uretprobes");
		p->has_glob = base_has_glob(p->scope, strlen(p->scope));
		return true;
	}
	plus = place->cpp ? NULL : strrchr(text, '+');
	place->returns = plus && !strcmp(plus + 1, "ret") && !is_ret(p);
	p->func = plus && (place->returns || probe_number(plus + 1, &p->offset)) ? intern(text, (size_t)(plus - text)) : text;
	if (plus && !p->offset && p->func == text)
		return probe_bad(pc, p, "Invalid offset '%s'", plus + 1);
	if (is_ret(p) && p->offset)
		return probe_bad(pc, p, "Offset not allowed for uretprobes: they fire when the function returns");
	p->has_glob = base_has_glob(p->scope, strlen(p->scope)) || base_has_glob(p->func, strlen(p->func));
	if ((p->offset || place->returns) && base_has_glob(p->func, strlen(p->func)))
		return probe_bad(pc, p, "A wildcard and an offset do not go together");
	return true;
}

/* ---- what there is ---- */

typedef struct Walk {
	ProbeContext *pc;
	const Probe *p;
	ProbeFn *fn;
	void *arg;
	const char *path;
	int n;
	bool stop;
	ProbeNames names;
} Walk;

static void
found(Walk *w, const char *func, const char *shown, u64 file_offset)
{
	Probe *one = probe_new(w->pc, w->p);

	one->scope = interns(w->path);
	one->func = func ? interns(func) : NULL;
	one->addr = file_offset;
	one->from_glob = w->p->has_glob;
	one->name = interns(shown);
	w->n++;
	w->stop = w->fn(w->arg, one) || w->stop;
}

/* "ns::f(int)" without its parameters: the pattern may have none. */
static size_t
plain_length(const char *s)
{
	size_t n = strlen(s), depth = 0;

	if (n && !strncmp(s + n - MIN(n, 6u), " const", 6))
		n -= 6;
	if (!n || s[n - 1] != ')')
		return strlen(s);
	for (size_t i = n; i-- > 0; ) {
		depth += s[i] == ')';
		if (s[i] == '(' && !--depth)
			return i;
	}
	return strlen(s);
}

/* Behind the result that templates have before their name: "int ns::f<int>(int)". */
static const char *
without_result(const char *s)
{
	size_t depth = 0, end = plain_length(s), start = 0;

	for (size_t i = 0; i < end; i++) {
		depth += s[i] == '<' || s[i] == '(';
		depth -= depth && (s[i] == '>' || s[i] == ')');
		if (s[i] == ' ' && !depth && !(i >= 8 && !strncmp(s + i - 8, "operator", 8)))
			start = i + 1;
	}
	return s + start;
}

static bool
fits(const char *pat, const char *name)
{
	return base_glob(pat, strlen(pat), name, strlen(name)) || base_glob(pat, strlen(pat), name, plain_length(name));
}

static int
function(void *arg, const ElfSym *s)
{
	Walk *w = arg;
	const char *pat = w->p->func;
	bool cpp = ((Place *)w->p->priv)->cpp;

	if (!s->is_func || !s->file_offset)
		return 0;
	if (!cpp) {
		if (base_glob(pat, strlen(pat), s->name, strlen(s->name)))
			VEC_PUSH(w->pc->a, &w->names.v, arena_printf(w->pc->a, "%s\n%s:%s:%s", s->name, w->p->prov->name, w->path, s->name));
		return 0;
	}
	char *name = s->name[0] == '_' ? sym_demangle(s->name) : NULL;

	if (name && (fits(pat, name) || fits(pat, without_result(name))))
		VEC_PUSH(w->pc->a, &w->names.v,
			 arena_printf(w->pc->a, "%s\n%s:%s:cpp:\"%s\"", s->name, w->p->prov->name, w->path, name));
	free(name);
	return 0;
}

static void
in_order(Walk *w, Elf *elf)
{
	probe_names_sort(&w->names);
	for (u32 i = 0; i < w->names.v.n && !w->stop; i++) {
		const char *entry = w->names.v.v[i], *nl = strchr(entry, '\n');
		const char *func = intern(entry, (size_t)(nl - entry));
		ElfSym s;

		if (sym_elf_find(elf, func, &s))
			found(w, func, nl + 1, s.file_offset);
	}
}

/* A probe in the middle of an instruction would make another one of it. */
static bool
on_boundary(Walk *w, const ElfSym *s, u64 offset)
{
	u64 before;
	FunctionPlace place = w->pc->unsafe ? FP_BOUNDARY : function_place(w->path, s, offset, &before);

	if (place == FP_BOUNDARY)
		return true;
	if (place == FP_INSIDE) {
		probe_bad(w->pc, w->p, "Could not add a probe into the middle of an instruction: %s:%s+%llu", w->path, s->name,
			  (unsigned long long)offset);
		diag_hint(w->pc->d, "the instruction begins at %s+%llu; --unsafe attaches where you say", s->name, (unsigned long long)before);
	} else {
		probe_bad(w->pc, w->p, "%s:%s has an instruction before offset %llu that is not known, so that the offset cannot be checked", w->path,
			  s->name, (unsigned long long)offset);
		diag_hint(w->pc->d, "--unsafe attaches there all the same");
	}
	return false;
}

/* An address as the file's symbols know it; for files that are no ELF, an offset. */
static int
at_address(Walk *w)
{
	Binary b;
	u64 offset = w->p->addr;
	bool elf = binary_map(w->path, &b), known;
	SymName name;

	if (!elf && !w->pc->unsafe)
		return probe_bad(w->pc, w->p, "%s is no 64-bit ELF file; --unsafe takes the number as an offset", w->path), -EINVAL;
	if (elf) {
		Elf *e = binary_elf(w->path);

		known = binary_offset(&b, w->p->addr, &offset);
		binary_unmap(&b);
		if (!known)
			return probe_bad(w->pc, w->p, "Could not resolve address: %s:0x%llx is not loaded", w->path,
					 (unsigned long long)w->p->addr), -EINVAL;
		if (!w->pc->unsafe && e && !sym_elf_at(e, offset, &name)) {
			probe_bad(w->pc, w->p, "Could not resolve address: %s:0x%llx is in no function", w->path,
				  (unsigned long long)w->p->addr);
			diag_hint(w->pc->d, "--unsafe attaches there all the same");
			return -EINVAL;
		}
		ElfSym func = { .name = e ? name.name : "", .file_offset = offset - (e ? name.offset : 0) };

		if (!w->pc->unsafe && e && !on_boundary(w, &func, name.offset))
			return -EINVAL;
	}
	found(w, NULL, arena_printf(w->pc->a, "%s:%s:0x%llx", w->p->prov->name, w->path, (unsigned long long)w->p->addr), offset);
	return 0;
}

static int
line_place(void *arg, u64 addr, u32 line)
{
	Walk *w = arg;
	u64 offset;
	Binary b;
	bool known;

	(void)line;
	if (!binary_map(w->path, &b))
		return 1;
	known = binary_offset(&b, addr, &offset);
	binary_unmap(&b);
	if (known)
		found(w, NULL, arena_printf(w->pc->a, "%s:%s:%llu", w->p->prov->name, w->path, (unsigned long long)addr), offset);
	return w->stop;
}

static int
inlined_place(void *arg, u64 addr)
{
	Walk *w = arg, here = *w;
	Probe *instance = probe_new(w->pc, w->p);
	Place *place = NEW(w->pc->a, Place);
	u64 offset;
	Binary b;
	bool known;

	if (!binary_map(w->path, &b))
		return 1;
	known = binary_offset(&b, addr, &offset);
	binary_unmap(&b);
	*place = (Place){ .inlined = addr };
	instance->priv = place;
	instance->own_args = true;
	here.p = instance;
	if (known)
		found(&here, w->p->func, arena_printf(w->pc->a, "%s:%s:%s", w->p->prov->name, w->path, w->p->func), offset);
	w->n = here.n;
	return w->stop = here.stop;
}

static int
at_line(Walk *w)
{
	const Place *place = w->p->priv;
	Dwarf *d = uargs_dwarf(w->pc, interns(w->path));

	if (!d)
		return probe_bad(w->pc, w->p, "%s has no DWARF, so its lines are not known; compile it with -g", w->path), -ENOENT;
	if (!sym_dwarf_at_line(d, place->file, place->line, place->col, line_place, w))
		return probe_bad(w->pc, w->p, "%s has no code of %s at line %u or behind it", w->path, place->file, place->line), -ENOENT;
	return 0;
}

static void
found_at(Walk *w, const char *func, u64 offset, u64 file_offset)
{
	found(w, func, arena_printf(w->pc->a, "%s:%s:%s+%llu", w->p->prov->name, w->path, func, (unsigned long long)offset), file_offset + offset);
}

/* FUNCTION+ret */
static int
at_returns(Walk *w, const ElfSym *s)
{
	Offsets at = { 0 };
	int err = function_returns(w->pc, w->path, s, &at);

	if (err)
		return probe_bad(w->pc, w->p, "the returns of %s:%s are not known: %s", w->path, w->p->func, err == -EILSEQ ?
				 "it has an instruction that is not known" : "the file does not tell its code or size"), -EINVAL;
	if (!at.n)
		return probe_bad(w->pc, w->p, "%s:%s has no return instruction: it ends by jumping elsewhere, or never", w->path, w->p->func), -EINVAL;
	for (u32 i = 0; i < at.n && !w->stop; i++)
		found_at(w, w->p->func, at.v[i], s->file_offset);
	return 0;
}

/* The function's own code, and where it was put into its callers. */
static int
one_function(Walk *w, Elf *elf)
{
	const Probe *p = w->p;
	const Place *place = p->priv;
	bool plain = !p->offset && !place->returns;
	Dwarf *d;
	ElfSym s;

	if (sym_elf_find(elf, p->func, &s)) {
		if (!s.size && !w->pc->unsafe) {
			probe_bad(w->pc, p, "Could not determine boundary for %s (symbol has size 0).\nUse --unsafe to force attachment. WARNING: "
				  "This option could lead to data corruption in the target process.", p->func);
			return -EINVAL;
		}
		if (p->offset && s.size && p->offset >= s.size && !w->pc->unsafe) {
			probe_bad(w->pc, p, "Offset outside the function bounds ('%s' size is %llu)", p->func, (unsigned long long)s.size);
			return -EINVAL;
		}
		if (p->offset && !on_boundary(w, &s, p->offset))
			return -EINVAL;
		if (place->returns)
			return at_returns(w, &s);
		if (p->offset)
			found_at(w, p->func, p->offset, s.file_offset);
		else
			found(w, p->func, arena_printf(w->pc->a, "%s:%s:%s", p->prov->name, w->path, p->func), s.file_offset);
	}
	d = plain && !is_ret(p) ? uargs_dwarf(w->pc, interns(w->path)) : NULL;
	if (d)
		sym_dwarf_inlined(d, p->func, inlined_place, w);
	return 0;
}

static int
in_file(Walk *w)
{
	bool cpp = ((Place *)w->p->priv)->cpp;
	Elf *elf;

	if (((Place *)w->p->priv)->file)
		return at_line(w);
	if (!w->p->func)
		return at_address(w);
	elf = binary_elf(w->path);
	if (!elf)
		return w->p->has_glob ? 0 : -ENOEXEC;
	if (is_ret(w->p) && sym_elf_is_go(elf)) {
		probe_bad(w->pc, w->p, "%s is a Go program: a return probe would crash it, since Go moves stacks", w->path);
		diag_hint(w->pc->d, "uprobe:%s:%s+ret probes the instructions that return", w->path, w->p->func);
		return -EINVAL;
	}
	w->names = (ProbeNames){ w->pc->a, { 0 } };
	if (!cpp && !base_has_glob(w->p->func, strlen(w->p->func)))
		return one_function(w, elf);
	sym_elf_each(elf, cpp ? "*" : w->p->func, function, w);
	in_order(w, elf);
	return 0;
}

static int
expand(ProbeContext *pc, const Probe *p, ProbeFn *fn, void *arg)
{
	Walk w = { .pc = pc, .p = p, .fn = fn, .arg = arg };
	ProbeNames paths = { pc->a, { 0 } };
	int err = binary_find(pc, p->scope, &paths);

	if (err == -ENOTSUP)
		return probe_bad(pc, p, "%s is compressed in its archive or does not begin at a page there: no program can run it from there", p->scope), -EINVAL;
	for (u32 i = 0; i < paths.v.n && !err && !w.stop; i++) {
		w.path = paths.v.v[i];
		if (!i)
			uargs_lend_types(pc, w.path);
		err = in_file(&w);
	}
	return err ? err : w.n;
}

/* ---- what is found there ---- */

static const Type *
args(ProbeContext *pc, const Probe *p, const char **why)
{
	if (!is_ret(p) && !p->offset && !((const Place *)p->priv)->returns)
		return uargs_type(pc, p, ((const Place *)p->priv)->inlined, why);
	*why = "arguments are there on entry only";
	return NULL;
}

static const Type *
value_type(ProbeContext *pc, const Probe *p, const char *name, const char **why)
{
	if (!strcmp(name, "func") && p->func)
		return type_string(pc->types, (u32)strlen(p->func) + 1);
	if (((const Place *)p->priv)->inlined && !strncmp(name, "sarg", 4)) {
		*why = "the function was inlined: its arguments are not on the stack";
		return NULL;
	}
	return regs_value_type(pc, is_ret(p) || ((const Place *)p->priv)->returns ? REGS_RETURN : REGS_ENTRY, name, why);
}

static Ref
load(ProbeContext *pc, const Probe *p, Fn *fn, const char *name, u32 field)
{
	u64 inlined = ((const Place *)p->priv)->inlined;

	if (inlined && (!name || !strncmp(name, "arg", 3)))
		return uargs_load_inlined(pc, fn, p, inlined, name ? (u32)strtoul(name + 3, NULL, 10) : field);
	return name ? regs_load(pc, fn, AS_USER, name) : uargs_load(pc, fn, p, field);
}

/* ---- attaching ---- */

static void
code(ProbeContext *pc, Probe *const *p, u32 n, Code *c)
{
	(void)p;
	if (uprobe_takes_multi(pc, n))
		c->attach_type = K_LINK_UPROBE_MULTI;
}

bool
uprobe_takes_multi(ProbeContext *pc, u32 n)
{
	return n > 1 && pc->has(pc->machine, FEAT_UPROBE_MULTI);
}

typedef struct Multi {
	ProbeContext *pc;
	Probe **p;
	const char *file;
	u64 *offsets, *refs;            /* refs NULL: none has a semaphore */
	bool ret;
	int prog_fd;
	u32 *failed;
} Multi;

static bool
forgiven(ProbeContext *pc, const Probe *p, int err)
{
	if (!p->from_glob || err == -EPERM || err == -EACCES || err == -EINTR || err == -EMFILE)
		return false;
	diag_warn(pc->d, p->at, E_ATTACH, "could not attach %s: %s", p->name, strerror(-err));
	return true;
}

/* A link is made for all or for none: where one place is refused, halves find out which. */
static int
attach_range(Multi *m, u32 at, u32 n)
{
	int fd = probe_stopped(m->pc) ? -EINTR : kern_attach_uprobe_multi(m->prog_fd, m->ret, m->file, m->offsets + at,
			m->refs ? m->refs + at : NULL, NULL, n, m->pc->pid, m->p[at]->session);

	if (fd >= 0) {
		probe_keep_fd(m->pc, m->p[at], fd);
		return 0;
	}
	if (n == 1 || !m->p[at]->from_glob || fd == -EINTR || fd == -EPERM) {
		*m->failed = at;
		return forgiven(m->pc, m->p[at], fd) ? 0 : fd;
	}
	fd = attach_range(m, at, n / 2);
	return fd < 0 ? fd : attach_range(m, at + n / 2, n - n / 2);
}

int
uprobe_attach_multi(ProbeContext *pc, Probe **p, u32 n, bool ret, int prog_fd, u32 *failed)
{
	Multi m = { pc, p, NULL, NEW_N(pc->a, u64, n), NULL, ret, prog_fd, failed };
	u64 *refs = NEW_N(pc->a, u64, n), add;
	int err = 0;

	for (u32 i = 0; i < n; i++) {
		m.offsets[i] = p[i]->addr;
		refs[i] = p[i]->ref_ctr;
		if (refs[i])
			m.refs = refs;
	}
	for (u32 i = 0, end; i < n && !err; i = end) {          /* one link for each file */
		m.file = binary_file(pc, p[i]->scope, &add);
		for (end = i; end < n && p[end]->scope == p[i]->scope; end++) {
			m.offsets[end] += add;
			refs[end] += refs[end] ? add : 0;
		}
		err = attach_range(&m, i, end - i);
	}
	return err;
}

int
uprobe_attach_one(ProbeContext *pc, Probe *p, bool ret, int prog_fd)
{
	u64 add;
	const char *file = binary_file(pc, p->scope, &add);
	int fd = kern_attach_uprobe(prog_fd, ret, file, p->addr + add, pc->pid, p->ref_ctr ? p->ref_ctr + add : 0, p->cookie);

	if (fd >= 0)
		probe_keep_fd(pc, p, fd);
	return fd;
}

static int
attach_one(ProbeContext *pc, Probe *p, int prog_fd)
{
	int fd = uprobe_attach_one(pc, p, is_ret(p), prog_fd);

	return fd < 0 && forgiven(pc, p, fd) ? 0 : fd;
}

static int
attach(ProbeContext *pc, Probe **p, u32 n, int prog_fd, u32 *failed)
{
	if (uprobe_takes_multi(pc, n))
		return uprobe_attach_multi(pc, p, n, is_ret(p[0]), prog_fd, failed);
	return probe_each(pc, p, n, failed, attach_one, prog_fd);
}

#define UPROBE(n, al, ret, form) { \
	.is_return = ret, .session_needs = FEAT_UPROBE_SESSION, .session_type = ret ? 0 : K_UPROBE_SESSION, .session_from = 2, \
	.name = n, .alias = al, .prog_type = BPF_PROG_TYPE_KPROBE, .feature = FEAT_UPROBE, .space = AS_USER, .per_pid = true, .last_first = true, .of_files = true, \
	.same_code = true, .usage = form, .parse = parse, .expand = expand, .args = args, .value_type = value_type, .load = load, \
	.code = code, .attach = attach, .list_args = uargs_list, \
}

const Provider uprobe_provider = UPROBE("uprobe", "u", false,
	"uprobe:FILE:FUNCTION[+OFFSET], uprobe:FILE:FUNCTION+ret, uprobe:FILE:ADDRESS, uprobe:FILE:cpp:\"NAME\", "
	"uprobe:FILE@SOURCE:LINE[:COLUMN]");
const Provider uretprobe_provider = UPROBE("uretprobe", "ur", true,
	"uretprobe:FILE:FUNCTION, uretprobe:FILE:cpp:\"NAME\"");
