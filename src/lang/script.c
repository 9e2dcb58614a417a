/* script: the whole way from text to programs, in order; see lang_compile(). */
#include "lang/comp.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

/* "$x#2", a macro's own $x, is told as the script has it. */
static const char *
plain(Comp *c, const char *fmt, va_list ap)
{
	char *s = (char *)arena_vprintf(c->a, fmt, ap), *to = s;

	for (const char *p = s; *p; ) {
		bool var = *p == '$';

		*to++ = *p++;
		while (var && (isalnum((unsigned char)*p) || *p == '_'))
			*to++ = *p++;
		if (var && *p == '#')
			p += 1 + strspn(p + 1, "0123456789");
	}
	*to = 0;
	return s;
}

static void
name_calls(Comp *c)
{
	for (const Node *n = c->by; n; n = n->by)
		diag_from(c->d, n->at);
}

void
comp_err(Comp *c, Span at, DiagTag tag, const char *fmt, ...)
{
	const char *text;
	va_list ap;

	if (c->quiet)
		return;
	va_start(ap, fmt);
	text = plain(c, fmt, ap);
	va_end(ap);
	diag_err(c->d, at, tag, "%s", text);
	name_calls(c);
}

void
comp_warn(Comp *c, Span at, DiagTag tag, const char *fmt, ...)
{
	const char *text;
	va_list ap;

	if (c->quiet || !c->opt->warnings)
		return;
	va_start(ap, fmt);
	text = plain(c, fmt, ap);
	va_end(ap);
	diag_warn(c->d, at, tag, "%s", text);
	name_calls(c);
}

void
comp_hint(Comp *c, const char *fmt, ...)
{
	va_list ap;

	if (c->quiet)
		return;
	va_start(ap, fmt);
	diag_hint(c->d, "%s", arena_vprintf(c->a, fmt, ap));
	va_end(ap);
}

const char *
tname(Comp *c, const Type *t)
{
	Buf b = { 0 };
	const char *s;

	type_name(t, &b);
	s = arena_str(c->a, b.p ? b.p : "", b.n);
	buf_free(&b);
	return s;
}

/* Whether -d names this stage. */
static bool
dumps(const LangOptions *opt, const char *stage)
{
	return opt->dump_to && base_in_list(opt->dump, stage);
}

static void
map_decl(Comp *c, Node *n)
{
	static const char *const kinds[] = { "hash", "lruhash", "percpuhash", "percpulruhash", "percpuarray" };
	MapSym *m = map_sym(c, n->name, n->at);
	bool known = false;

	for (size_t i = 0; i < COUNT(kinds); i++)
		known |= !strcmp(kinds[i], n->str);
	if (!known || m->declared) {
		if (m->declared)
			comp_err(c, n->at, E_MAP, "Redeclaration of existing map: %s", n->name);
		else
			comp_err(c, n->at, E_MAP, "Invalid bpf map type: %s", n->str);
		if (!m->declared)
			comp_hint(c, "valid types: hash, lruhash, percpuhash, percpulruhash");
		return;
	}
	m->declared = true;
	m->kind = n->str;
	m->at = n->at;
	if (n->a && n->a->kind == ND_NUM && n->a->num && n->a->num <= 1u << 30)
		m->entries = (u32)n->a->num;
	else if (n->a || strcmp(n->str, "percpuarray"))
		comp_err(c, n->a ? n->a->at : n->at, E_CONST, "the number of entries of a map is a literal, 1 or more");
}

static void
settings(Comp *c, Node *n)
{
	for (u32 i = 0; i < n->n; i++)
		lang_config_set(c->cf, c->d, c->a, n->list[i]->name, n->list[i]->str, n->list[i]->at);
}

/* Takes one source's tree apart. */
static void
take(Comp *c, Node *top)
{
	for (u32 i = 0; i < top->n; i++) {
		Node *n = top->list[i];

		switch (n->kind) {
		case ND_PROBE:
			VEC_PUSH(c->a, &c->probes, n);
			break;
		case ND_MACRO:
			macro_add(c, n);
			break;
		case ND_MAPDECL:
			map_decl(c, n);
			break;
		case ND_CONFIG:
			if (c->importing)
				comp_err(c, n->at, E_IMPORT, "invalid `config` within import");
			settings(c, n);
			break;
		case ND_IMPORT:
			import_file(c, n);
			break;
		}
	}
}

void
comp_source(Comp *c, const char *text, size_t n, u32 base)
{
	Node *top = parse_program(c->a, c->d, c->ts, text, (u32)n, base, &c->macros, &c->out);

	if (dumps(c->opt, "ast") && !c->in_library)
		ast_print(top, c->opt->dump_to);
	take(c, top);
}

/* Is there anything that version 4 of the instruction set says shorter? Whether the kernel takes it costs a trial load to know. */
static bool
gains_by_v4(const Unit *u)
{
	for (u32 f = 0; f < u->fns.n; f++)
		for (u32 i = 1; i < u->fns.v[f]->ins.n; i++)
			switch (u->fns.v[f]->ins.v[i].op) {
			case IR_loads: case IR_sext: case IR_bswap: case IR_sdiv: case IR_smod:
				return true;
			}
	return false;
}

/* May there be memory too large for the stack? */
static bool
has_large(const Unit *u)
{
	for (u32 f = 0; f < u->fns.n; f++)
		for (u32 m = 0; m < u->fns.v[f]->mems.n; m++)
			if (u->fns.v[f]->mems.v[m].size > 32)
				return true;
	return false;
}

/* IR of one clause, compiled to a program. */
static void
make_program(Comp *c, Clause *cl)
{
	IrOptions io = {
		.prog_type = cl->prov->prog_type, .attach_type = cl->prov->attach_type, .scratch_map = c->scratch_map,
		.scratch_base = c->scratch, .stack_limit = (u32)comp_cf(c, CF_ON_STACK_LIMIT),
		.dump = c->opt->dump, .dump_to = c->opt->dump_to, .plain = c->opt->plain,
	};
	ScriptProg sp = { .prov = cl->prov, .at = cl->node->at };

	lower_clause(c, cl);
	io.cpu_known = has_large(c->unit) && comp_has(c, FEAT_SMP_RANGE);
	io.isa = gains_by_v4(c->unit) && comp_has(c, FEAT_ISA_V4) ? 4 : 3;
	if (!ir_compile(c->unit, &io, c->d, &sp.code))
		return;
	c->scratch += ALIGN(c->unit->scratch_bytes, 64);
	sp.code.name = cl->p && cl->p->func ? arena_printf(c->a, "%s_%s", cl->prov->name, cl->p->func) : cl->prov->name;
	sp.code.full_name = arena_printf(c->a, "%s_%u", cl->p ? cl->p->name : cl->prov->name, c->s->progs.n + 1);
	sp.code.prog_type = cl->prov->prog_type;
	sp.code.attach_type = cl->prov->attach_type;
	sp.code.license = c->cf->v[CF_LICENSE].s;
	sp.code.btf_id = cl->prov->prog_type == BPF_PROG_TYPE_TRACING && cl->p ? cl->p->id : 0;
	for (u32 i = 0; i < cl->probes.n; i++)
		VEC_PUSH(c->a, &sp.probes, cl->probes.v[i]);
	VEC_PUSH(c->a, &c->s->progs, sp);
}

static void
make_programs(Comp *c)
{
	place_maps(c);
	c->scratch_map = comp_map(c, (MapDef){ .name = "scratch", .type = BPF_MAP_TYPE_ARRAY, .key_size = 4, .value_size = 8,
			.max_entries = 1 });
	for (u32 i = 0; i < c->clauses.n && !diag_errors(c->d); i++)
		if (c->clauses.v[i]->probes.n)
			make_program(c, c->clauses.v[i]);
	c->s->maps.v[c->scratch_map].value_size = MAX(8u, ALIGN(c->scratch, 8));
	lost_finish(c);
}

static void
no_probes(Comp *c)
{
	u32 n = 0;

	for (u32 i = 0; i < c->clauses.n; i++)
		n += c->clauses.v[i]->probes.n;
	c->s->n_probes = n;
	if (!n && c->left_out)
		comp_err(c, (Span){ 0 }, E_NO_PROBE, "No probes attached; use %s to run %s probes", c->left_out,
			 !strcmp(c->left_out, "--test") ? "test" : "benchmark");
	else if (!n)
		comp_err(c, (Span){ 0 }, E_NO_PROBE, "No probes to attach");
}

enum { KEY_MAX = 512, SHORT_STRLEN = 200 };     /* of old kernels; characters of a string, so that two fit */

static bool
has_big_key(Comp *c)
{
	for (u32 i = 0; i < c->map_list.n; i++)
		if (c->map_list.v[i]->key && c->map_list.v[i]->key->size > KEY_MAX)
			return true;
	return false;
}

/* *small_keys: whether keys are to be small; out: whether they have to be, which needs another try. */
static Script *
compile(ProbeContext *pc, const LangOptions *opt, const char *text, size_t n, u32 base, bool *small_keys)
{
	Script *s = NEW(pc->a, Script);
	Comp *c = NEW(pc->a, Comp);

	s->a = pc->a;
	s->ring = s->lost = s->unwind.procs = NO_MAP;
	c->a = pc->a;
	c->d = pc->d;
	c->ts = pc->types;
	c->pc = pc;
	c->opt = opt;
	c->s = s;
	c->cf = &s->config;
	c->ts_map = getenv("BPFTRACE_DUMMY_TS_MAP");
	c->macros.arena = c->macro_sets.arena = c->maps.arena = c->vars.arena = c->a;
	diag_set_warnings(c->d, opt->warnings);
	if (setjmp(c->out))
		return NULL;
	if (!lang_config_init(c->cf, c->d, c->a))
		return NULL;
	comp_source(c, text, n, base);
	c->small_keys = *small_keys;
	if (*small_keys)
		c->cf->v[CF_MAX_STRLEN].n = MIN(c->cf->v[CF_MAX_STRLEN].n, (u64)SHORT_STRLEN);
	c->old = c->cf->v[CF_COMPAT].s && *c->cf->v[CF_COMPAT].s;
	for (u32 i = 0; i < c->probes.n; i++)
		resolve_points(c, c->probes.v[i]);
	if (!diag_errors(c->d))
		no_probes(c);
	for (u32 i = 0; i < c->clauses.n; i++)
		resolve_clause(c, c->clauses.v[i]);
	if (diag_errors(c->d))
		return NULL;
	check_all(c);
	options_check(c);
	if (s->help)
		return s;
	if (diag_errors(c->d))
		return NULL;
	if (!*small_keys && has_big_key(c) && !comp_has(c, FEAT_BIG_KEYS)) {
		*small_keys = true;
		return NULL;
	}
	if (dumps(opt, "types"))
		for (u32 i = 0; i < c->clauses.n; i++)
			ast_print(c->clauses.v[i]->body, opt->dump_to);
	make_programs(c);
	comp_ring_size(c);
	return diag_errors(c->d) ? NULL : s;
}

Script *
lang_compile(ProbeContext *pc, const LangOptions *opt, const char *text, size_t n, u32 base)
{
	LangOptions again = *opt;
	bool small_keys = false;
	Script *s = compile(pc, opt, text, n, base, &small_keys);

	if (s || !small_keys)
		return s;
	diag_warn(pc->d, (Span){ 0 }, W_TRUNCATE, "this kernel's map keys hold %u bytes: strings have %u characters, stacks 28 frames", KEY_MAX,
		  SHORT_STRLEN);
	again.warnings = false;         /* all were told */
	s = compile(pc, &again, text, n, base, &small_keys);
	diag_set_warnings(pc->d, opt->warnings);
	return s;
}
