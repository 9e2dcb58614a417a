/* static: what is known while compiling: addresses of symbols, questions about types, assertions, options of the script.
 * A question's answer lies in n->num with n->fixed, so that `if comptime` can ask before all types are known. */
#include "lang/comp.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/stat.h>

static Ref
lower_num(Comp *c, Node *n)
{
	return ir_const(c->fn, (s64)n->num);
}

/* The answer to a question: a literal once types are final. */
static const Type *
answer(Comp *c, Node *n, bool v)
{
	n->num = v;
	n->fixed = true;
	if (!c->quiet) {
		set_number(n, v, false);
		n->kind = ND_BOOL;
	}
	return &ty_bool;
}

static const Type *
operand(Comp *c, Node *n)
{
	return n->list[0]->kind == ND_TYPE ? check_type(c, n->list[0]) : n->list[0]->type;
}

static const Type *check_is_literal(Comp *c, Node *n) { return answer(c, n, is_literal(n->list[0])); }
static const Type *check_is_ptr(Comp *c, Node *n) { return answer(c, n, operand(c, n)->kind == TY_PTR); }
static const Type *check_is_str(Comp *c, Node *n) { return answer(c, n, operand(c, n)->kind == TY_STRING); }
static const Type *check_is_array(Comp *c, Node *n) { return answer(c, n, operand(c, n)->kind == TY_ARRAY); }
static const Type *check_is_integer(Comp *c, Node *n) { return answer(c, n, operand(c, n)->kind == TY_INT); }

static const Type *
check_is_unsigned(Comp *c, Node *n)
{
	const Type *t = operand(c, n);

	return answer(c, n, t->kind == TY_INT && !t->sign);
}

/* ---- addresses ---- */

static const Type *
check_kaddr(Comp *c, Node *n)
{
	n->num = c->pc->sym ? sym_kernel_addr(c->pc->sym, n->list[0]->str) : 0;
	n->space = AS_KERNEL;
	if (!n->num) {
		comp_err(c, n->at, E_UNDEFINED, "Failed to resolve kernel symbol: %s", n->list[0]->str);
		comp_hint(c, "/proc/kallsyms shows what there is; without root it hides addresses");
		return &ty_error;
	}
	return type_int(8, false);
}

/* uaddr("sym") of the probed binary: a pointer to an integer of the symbol's size. */
static const Type *
check_uaddr(Comp *c, Node *n)
{
	const char *path = c->cl->p->scope;
	ElfSym s;
	Elf *e;
	int bad = 0;

	if (c->cl->prov->space != AS_USER || !path) {
		comp_err(c, n->at, E_BUILTIN, "uaddr() can only be used with u(ret)probes and usdt probes");
		return &ty_error;
	}
	if (n->type && n->type->kind == TY_PTR)
		return n->type;
	e = sym_elf_open(path, &bad);
	if (!e || !sym_elf_find(e, n->list[0]->str, &s)) {
		comp_err(c, n->list[0]->at, E_UNDEFINED, "Could not resolve symbol: %s:%s", path, n->list[0]->str);
		sym_elf_close(e);
		return &ty_error;
	}
	n->num = s.value;
	sym_elf_close(e);
	return type_ptr(c->ts, type_int(s.size == 1 || s.size == 2 || s.size == 4 ? (u32)s.size : 8, false), AS_USER);
}

/* At the entry of a function the instruction pointer tells how far the binary was moved. */
static Ref
lower_uaddr(Comp *c, Node *n)
{
	const Probe *p = c->cl->p;
	const char *why;
	ElfSym s;
	Elf *e;
	int bad = 0;
	bool entry;
	Ref ip;

	e = sym_elf_open(p->scope, &bad);
	entry = e && p->func && sym_elf_find(e, p->func, &s) && c->cl->prov->value_type &&
		c->cl->prov->value_type(c->pc, p, "arg0", &why) && c->cl->prov->value_type(c->pc, p, "reg:ip", &why);
	sym_elf_close(e);
	if (!entry)
		return ir_const(c->fn, (s64)n->num);
	ip = c->cl->prov->load(c->pc, p, c->fn, "reg:ip", 0);
	return ir_bini(c->fn, IR_add, ip, (s64)(n->num - s.value - p->offset));
}

static const Type *
check_cgroupid(Comp *c, Node *n)
{
	char path[4096];
	struct stat st;

	if (stat(host_path(n->list[0]->str, path, sizeof(path)), &st)) {
		comp_err(c, n->list[0]->at, E_ARGS, "Failed to get `cgroupid` for path: \"%s\": %s", n->list[0]->str, strerror(errno));
		return &ty_error;
	}
	n->num = st.st_ino;
	return type_int(8, false);
}

/* ---- assertions ---- */

static const Type *
check_static_assert(Comp *c, Node *n)
{
	bool v;

	if (c->quiet)
		return &ty_none;
	if (!literal_truth(n->list[0], &v))
		comp_err(c, n->list[0]->at, E_CONST, "static_assert() needs a condition that is known while compiling");
	else if (!v)
		comp_err(c, n->at, E_ASSERT, "%s", n->n > 1 ? n->list[1]->str : "static assertion failed");
	return &ty_none;
}

/* fail(fmt, literals): an error, if it is not in a branch that comptime removed. */
static const Type *
check_fail(Comp *c, Node *n)
{
	Conv *conv = NEW_N(c->a, Conv, n->n + 1);
	const char *f = n->list[0]->str, *why = NULL;
	u32 at = 0, from = 0;
	int k = out_format_parse(f, n->list[0]->n, conv, n->n, &at, &why);
	Buf b = { 0 };

	if (c->quiet)
		return &ty_none;
	for (int i = 0; i < k && (u32)i + 1 < n->n; i++) {
		const Node *a = n->list[i + 1];

		buf_put(&b, f + from, conv[i].from - from);
		if (a->kind == ND_STR)
			buf_put(&b, a->str, a->n);
		else
			buf_printf(&b, "%lld", (long long)a->num);
		from = conv[i].to;
	}
	buf_puts(&b, f + from);
	comp_err(c, n->at, E_ASSERT, "%s", arena_str(c->a, b.p, b.n));
	buf_free(&b);
	return &ty_none;
}

static Ref
lower_nothing(Comp *c, Node *n)
{
	(void)c, (void)n;
	return 0;
}

static const Type *
check_str_length(Comp *c, Node *n)
{
	u64 v = comp_cf(c, CF_MAX_STRLEN);

	set_number(n, v, false);
	return literal_type(n);
}

/* ---- getopt: options of the script behind "--" ---- */

static const char *
option_value(Comp *c, const char *name)
{
	size_t k = strlen(name);

	for (u32 i = 0; i < c->opt->n_options; i++) {
		const char *o = c->opt->options[i];

		if (strncmp(o, "--", 2))
			continue;
		o += 2;
		if (!strncmp(o, name, k) && (o[k] == '=' || !o[k]))
			return o[k] ? o + k + 1 : "";
	}
	return NULL;
}

static const Type *
bad_option(Comp *c, Node *n, const char *value, const char *what)
{
	comp_err(c, (Span){ 0 }, E_OPTION, "program command line option --%s %s (value: %s)", n->list[0]->str, what, *value ? value : "true");
	return &ty_error;
}

/* A number over INT64_MAX is an unsigned one. */
static const Type *
option_number(Comp *c, Node *n, const char *value)
{
	char *end;
	bool minus = *value == '-', big;
	u64 v;

	errno = 0;
	v = minus ? (u64)strtoll(value, &end, 0) : strtoull(value, &end, 0);
	if (!*value)
		return bad_option(c, n, value, "expects an integer");
	if (*end || errno)
		return bad_option(c, n, value, "invalid integer");
	big = !minus && v > INT64_MAX;
	set_number(n, v, big);
	/* As wide as any value: the script's types must not hang on the options. */
	fold_cast(n, type_int(8, !big));
	return n->type;
}

static void
remember(Comp *c, Node *n, const Node *def)
{
	Option o = { .name = n->list[0]->str, .help = n->n > 2 ? n->list[2]->str : NULL };

	for (u32 i = 0; i < c->options.n; i++)
		if (!strcmp(c->options.v[i].name, o.name))
			return;
	if (def && def->kind == ND_STR)
		o.def = arena_printf(c->a, "\"%s\"", def->str);
	else if (def && def->kind == ND_NUM)
		o.def = arena_printf(c->a, "%lld", (long long)def->num);
	VEC_PUSH(c->a, &c->options, o);
}

/* Options that the script does not ask for are errors; --help lists what it asks for. */
void
options_check(Comp *c)
{
	Buf b = { 0 };
	const char *bad = NULL;
	bool help = false;

	for (u32 i = 0; i < c->opt->n_options; i++) {
		const char *o = c->opt->options[i];
		bool known = strncmp(o, "--", 2) != 0;

		help |= !strcmp(o, "--help");
		for (u32 k = 0; k < c->options.n && !known; k++) {
			size_t n = strlen(c->options.v[k].name);

			known = !strncmp(o + 2, c->options.v[k].name, n) && (!o[2 + n] || o[2 + n] == '=');
		}
		if (!known && !bad)
			bad = o;
	}
	if (!bad)
		return;
	for (u32 k = 0; k < c->options.n; k++) {
		const Option *o = &c->options.v[k];

		buf_printf(&b, "  --%s%s%s%s%s%s%s%s\n", o->name, o->def ? "=VALUE" : "", o->help ? "  " : "", o->help ? o->help : "",
			   o->def ? "  (default " : "", o->def ? o->def : "", o->def ? ")" : "", "");
	}
	const char *list = arena_str(c->a, b.p ? b.p : "", b.n);

	buf_free(&b);
	if (help) {
		c->s->help = arena_printf(c->a, "%s: options behind \"--\":\n%s", c->opt->script_name ? c->opt->script_name : "script", list);
		return;
	}
	comp_err(c, (Span){ 0 }, E_OPTION, "unexpected program command line options: %s", bad);
	comp_hint(c, "expected program options:\n%s", list);
}

static const Type *
check_getopt(Comp *c, Node *n)
{
	Node *def = n->n > 1 ? n->list[1] : NULL;
	const char *value = option_value(c, n->list[0]->str);

	if (def && def->kind != ND_NUM && def->kind != ND_STR && def->kind != ND_BOOL) {
		comp_err(c, def->at, E_CONST, "getopt() expects a literal as default value");
		return &ty_error;
	}
	remember(c, n, def);
	if (def && def->kind == ND_STR) {
		if (value && !*value)
			return bad_option(c, n, value, "expects a string");
		value = value ? value : def->str;
		make_string(c, n, value, strlen(value));
		return n->type;
	}
	if (def && def->kind == ND_NUM)
		return option_number(c, n, value ? value : arena_printf(c->a, "%lld", (long long)def->num));
	bool on = def && def->num;

	if (value && *value && strcasecmp(value, "true") && strcasecmp(value, "false"))
		return bad_option(c, n, value, "expects a boolean (e.g. 'true')");
	if (value)
		on = strcasecmp(value, "false") != 0;
	set_number(n, on, false);
	n->kind = ND_BOOL;
	return &ty_bool;
}

const Builtin builtins_static[] = {
	{ "is_literal",          "t", 0, check_is_literal, lower_num },
	{ "is_ptr",              "t", 0, check_is_ptr, lower_num },
	{ "is_str",              "t", 0, check_is_str, lower_num },
	{ "is_array",            "t", 0, check_is_array, lower_num },
	{ "is_integer",          "t", 0, check_is_integer, lower_num },
	{ "is_unsigned_integer", "t", 0, check_is_unsigned, lower_num },
	{ "kaddr",               "S", 0, check_kaddr, lower_num },
	{ "uaddr",               "S", 0, check_uaddr, lower_uaddr },
	{ "cgroupid",            "S", 0, check_cgroupid, lower_num },
	{ "static_assert",       "x?S", 0, check_static_assert, lower_nothing },
	{ "fail",                "S*", 0, check_fail, lower_nothing },
	{ "default_str_length",  "", B_VAR, check_str_length, lower_num },
	{ "getopt",              "S?xS", 0, check_getopt, lower_num },
	{ NULL },
};
