/* gen: declarations, types, clauses and statements of a random script; expressions are gen_expr.c's. */
#include "gen_inside.h"

#include <stdio.h>

u32
below(Gen *g, u32 n)
{
	return rand_below(&g->r, n);
}

bool
chance(Gen *g, u32 percent)
{
	return below(g, 100) < percent;
}

void
say(Gen *g, const char *fmt, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	buf_puts(g->out, text);
}

static void
line(Gen *g)
{
	buf_putc(g->out, '\n');
	for (u32 i = 0; i < g->indent; i++)
		buf_putc(g->out, '\t');
}

/* ---- types ---- */

const GType *
gen_type(Gen *g, u32 depth)
{
	static const u8 sizes[] = { 1, 2, 4, 8, 8, 8 };
	GType *t = &g->types[g->n_types < COUNT(g->types) - 1 ? g->n_types++ : g->n_types];
	u32 k = below(g, 20);

	*t = (GType){ 0 };
	if (k < 10 || g->n_types >= COUNT(g->types) - 8) {
		t->kind = G_INT;
		t->size = sizes[below(g, COUNT(sizes))];
		t->sign = chance(g, 60);
	} else if (k < 15) {
		t->kind = G_STR;
	} else if (k < 16) {
		t->kind = G_BOOL;
	} else if (depth == 0) {
		t->kind = G_STR;
	} else {
		t->kind = k < 19 ? G_TUPLE : G_RECORD;
		t->n = 1 + below(g, 3);
		for (u32 i = 0; i < t->n; i++)
			t->sub[i] = gen_type(g, depth - 1);
	}
	return t;
}

/* ---- variables in scope ---- */

u32
new_var(Gen *g, const GType *t, bool fixed)
{
	u32 n = g->n_vars;

	if (n == COUNT(g->vars))
		n = --g->n_vars;
	g->vars[n] = (GVar){ .t = t, .id = g->next_var++, .fixed = fixed };
	g->n_vars++;
	return n;
}

static const GVar *
any_var(Gen *g)
{
	return g->n_vars ? &g->vars[below(g, g->n_vars)] : NULL;
}

/* ---- statements ---- */

static void statements(Gen *g, u32 n);

static void
block(Gen *g, u32 n)
{
	u32 keep = g->n_vars;

	say(g, "{");
	g->indent++;
	g->depth++;
	statements(g, n);
	g->depth--;
	g->indent--;
	line(g);
	say(g, "}");
	g->n_vars = keep;
}

static void
declare(Gen *g)
{
	const GType *t = gen_type(g, 2);
	bool typed = t->kind == G_INT && chance(g, 30);
	u32 id = g->next_var++;

	/* The name is in scope only behind its first value. */
	if (typed)
		say(g, "let $v%u: %sint%u = ", id, t->sign ? "" : "u", t->size * 8);
	else
		say(g, chance(g, 40) ? "let $v%u = " : "$v%u = ", id);
	if (typed)
		say(g, "(%sint%u)(", t->sign ? "" : "u", t->size * 8);
	expr(g, t, 3);
	say(g, typed ? ");" : ";");
	g->vars[new_var(g, t, typed)].id = id;
}

static void
assign(Gen *g)
{
	static const char *const ops[] = { "+=", "-=", "*=", "|=", "&=", "^=", "/=", "%=", "<<=", ">>=" };
	const GVar *v = any_var(g);
	u32 k;

	if (!v || v->loop) {
		declare(g);
		return;
	}
	if (v->t->kind == G_INT && !v->fixed && chance(g, 40)) {
		k = below(g, COUNT(ops));
		say(g, "$v%u %s ", v->id, ops[k]);
		if (k >= 8)
			say(g, "%u", below(g, 32));
		else
			expr(g, v->t, 2);
	} else if (v->t->kind == G_INT && !v->fixed && chance(g, 30)) {
		say(g, chance(g, 50) ? "$v%u++" : "--$v%u", v->id);
	} else {
		say(g, "$v%u = ", v->id);
		if (v->fixed)
			say(g, "(%sint%u)(", v->t->sign ? "" : "u", v->t->size * 8);
		expr(g, v->t, 3);
		if (v->fixed)
			say(g, ")");
	}
	say(g, ";");
}

void
map_name(Gen *g, const GMap *m, u32 depth)
{
	say(g, "@m%u", (u32)(m - g->maps));
	if (!m->n_keys)
		return;
	say(g, "[");
	for (u32 i = 0; i < m->n_keys; i++) {
		if (i)
			say(g, ", ");
		expr(g, m->key[i], depth);
	}
	say(g, "]");
}

static void
map_write(Gen *g, const GMap *m)
{
	static const char *const calls[] = { [G_COUNT] = "count", [G_SUM] = "sum", [G_MIN] = "min", [G_MAX] = "max", [G_AVG] = "avg",
		[G_STATS] = "stats", [G_HIST] = "hist", [G_LHIST] = "lhist", [G_TSERIES] = "tseries" };
	static const char *const ops[] = { "+=", "-=", "*=", "|=", "&=", "^=" };

	map_name(g, m, 2);
	if (m->agg) {
		say(g, " = %s(", calls[m->agg]);
		if (m->agg != G_COUNT)
			expr(g, m->value, 2);
		if (m->agg == G_LHIST)
			say(g, ", 0, 100, 10");
		if (m->agg == G_TSERIES)
			say(g, ", 100ms, 10");
		if (m->agg == G_HIST && m->bits)
			say(g, ", %u", m->bits);
		say(g, ");");
		return;
	}
	if (m->value->kind == G_INT && !g->filling && chance(g, 25)) {
		say(g, chance(g, 50) ? "++;" : "--;");
		return;
	}
	if (m->value->kind == G_INT && !g->filling && chance(g, 25))
		say(g, " %s ", ops[below(g, COUNT(ops))]);
	else
		say(g, " = ");
	expr(g, m->value, 3);
	say(g, ";");
}

static void
map_call(Gen *g)
{
	const GMap *m = &g->maps[below(g, g->n_maps)];
	u32 id = (u32)(m - g->maps);

	switch (below(g, 6)) {
	case 0:
		say(g, "clear(@m%u);", id);
		break;
	case 1:
		if (m->agg || m->value->kind == G_INT)
			say(g, "zero(@m%u);", id);
		else
			say(g, "print(@m%u);", id);
		break;
	case 2:
		say(g, m->n_keys && chance(g, 40) ? "print(@m%u, 5);" : "print(@m%u);", id);
		break;
	default:
		if (!m->n_keys) {
			say(g, "delete(@m%u);", id);
			break;
		}
		say(g, "delete(@m%u, ", id);
		key(g, m);
		say(g, ");");
	}
}

static void
print_value(Gen *g)
{
	const GType *t = gen_type(g, 2);

	say(g, "print(");
	expr(g, t, 3);
	say(g, ");");
}

static void
print_format(Gen *g)
{
	static const char *const ints[] = { "%d", "%u", "%lld", "%llu", "%x", "%llx", "%5d", "%-8lld|", "%08llx", "%hhd", "%hu", "%c", "%o" };
	static const char *const strs[] = { "%s", "%12s", "%-12s|", "%s" };
	u32 n = below(g, 6);
	const GType *t[6];

	say(g, "printf(\"");
	for (u32 i = 0; i < n; i++) {
		do
			t[i] = gen_type(g, 1);
		while (0);
		say(g, "%s ", t[i]->kind == G_INT ? ints[below(g, COUNT(ints) - ((g->flags & GEN_BEGIN) ? 2 : 0))] : strs[below(g, COUNT(strs))]);
	}
	say(g, "\\n\"");
	for (u32 i = 0; i < n; i++) {
		say(g, ", ");
		expr(g, t[i], 2);
	}
	say(g, ");");
}

static void
branch(Gen *g)
{
	say(g, "if (");
	cond(g, 3);
	say(g, ") ");
	block(g, 1 + below(g, 3));
	if (chance(g, 30)) {
		say(g, " else if (");
		cond(g, 2);
		say(g, ") ");
		block(g, 1 + below(g, 2));
	}
	if (chance(g, 40)) {
		say(g, " else ");
		block(g, 1 + below(g, 3));
	}
}

static void
body_of_loop(Gen *g, u32 n)
{
	u32 in = g->in_loop;

	g->in_loop = 1;
	say(g, "{");
	g->indent++;
	g->depth++;
	statements(g, n);
	if (chance(g, 30)) {
		line(g);
		say(g, "if (");
		cond(g, 1);
		say(g, ") { %s; }", chance(g, 50) ? "break" : "continue");
	}
	g->depth--;
	g->indent--;
	line(g);
	say(g, "}");
	g->in_loop = in;
}

static void
range_loop(Gen *g)
{
	static const GType i64 = { .kind = G_INT, .size = 8, .sign = true };
	static const u32 most[] = { 3, 10, 70, 200 };
	u32 keep = g->n_vars, v = new_var(g, &i64, true);

	g->vars[v].loop = true;
	if (chance(g, 75))
		say(g, "for ($v%u : %u..%u) ", g->vars[v].id, below(g, 3), below(g, g->in_loop ? 6 : most[below(g, 4)]));
	else {
		say(g, "for ($v%u : 0..((", g->vars[v].id);
		g->n_vars--;
		expr(g, &i64, 2);
		g->n_vars++;
		say(g, ") & 7)) ");
	}
	g->in_for++;
	body_of_loop(g, 1 + below(g, 3));
	g->in_for--;
	g->n_vars = keep;
}

static void
map_loop(Gen *g)
{
	const GMap *m = &g->maps[below(g, g->n_maps)];
	u32 keep = g->n_vars;
	GType *kv;

	if (!m->n_keys || m->agg >= G_AVG || m->agg == G_MIN || m->agg == G_MAX || g->n_types > COUNT(g->types) - 8) {
		range_loop(g);
		return;
	}
	kv = &g->types[g->n_types++];
	*kv = (GType){ .kind = G_TUPLE, .n = 2 };
	if (m->n_keys == 1)
		kv->sub[0] = m->key[0];
	else {
		GType *k = &g->types[g->n_types++];

		*k = (GType){ .kind = G_TUPLE, .n = m->n_keys };
		for (u32 i = 0; i < m->n_keys; i++)
			k->sub[i] = m->key[i];
		kv->sub[0] = k;
	}
	kv->sub[1] = m->value;
	say(g, "for ($v%u : @m%u) ", g->next_var, (u32)(m - g->maps));
	g->vars[new_var(g, kv, true)].loop = true;
	if (m->agg)
		g->vars[g->n_vars - 1].half = true;
	g->in_for++;
	body_of_loop(g, 1 + below(g, 3));
	g->in_for--;
	g->n_vars = keep;
}

static void
while_loop(Gen *g)
{
	static const GType i64 = { .kind = G_INT, .size = 8, .sign = true };
	u32 keep = g->n_vars, v = new_var(g, &i64, true), id = g->vars[v].id;

	g->vars[v].loop = true;
	say(g, "$v%u = (int64)0;", id);
	line(g);
	say(g, "while ($v%u < %u) {", id, below(g, 8));
	g->indent++;
	line(g);
	say(g, "$v%u++;", id);
	g->depth++;
	g->in_loop++;
	statements(g, 1 + below(g, 2));
	g->in_loop--;
	g->depth--;
	g->indent--;
	line(g);
	say(g, "}");
	g->n_vars = keep;
}

static void
loop(Gen *g)
{
	switch (below(g, 8)) {
	case 0: case 1: case 2: range_loop(g); break;
	case 3: case 4: case 5: map_loop(g); break;
	case 6: while_loop(g); break;
	default:
		say(g, "unroll(%u) ", 1 + below(g, 4));
		block(g, 1 + below(g, 2));
	}
}

static void
sundry(Gen *g)
{
	switch (below(g, 8)) {
	case 0:
		say(g, "_ = ");
		expr(g, gen_type(g, 1), 2);
		say(g, ";");
		return;
	case 1:
		if (g->in_for)
			break;
		say(g, "if (");
		cond(g, 1);
		say(g, ") { %s; }", chance(g, 60) ? "return" : "exit()");
		return;
	case 2:
		block(g, 1 + below(g, 2));
		return;
	case 3:
		if (!g->n_macros)
			break;
		macro_statement(g);
		return;
	case 4:
		say(g, "errorf(\"%%d %%s\\n\", ");
		expr(g, gen_int(), 1);
		say(g, ", ");
		expr(g, gen_str(), 1);
		say(g, ");");
		return;
	case 5:
		if (g->flags & GEN_BEGIN)
			break;
		say(g, "time(\"%%H:%%M:%%S\\n\");");
		return;
	case 6:
		say(g, "print(");
		special(g);
		say(g, ");");
		return;
	case 7:
		if (g->probe && g->probe->argv) {
			say(g, "join(%s);", g->probe->argv);
			return;
		}
		break;
	}
	print_value(g);
}

static void
statement(Gen *g)
{
	u32 k = below(g, 100);

	line(g);
	g->budget--;
	if (k < 18) declare(g);
	else if (k < 30) assign(g);
	else if (k < 52) map_write(g, &g->maps[below(g, g->n_maps)]);
	else if (k < 60) map_call(g);
	else if (k < 68) print_value(g);
	else if (k < 78) print_format(g);
	else if (k < 86 && g->depth < 4) branch(g);
	else if (k < 92 && g->depth < 4 && g->in_for < 3) loop(g);
	else sundry(g);
}

static void
statements(Gen *g, u32 n)
{
	for (u32 i = 0; i < n && g->budget > 0; i++)
		statement(g);
}

/* ---- what stands before the clauses ---- */

static void
definitions(Gen *g)
{
	if (chance(g, 30)) {
		say(g, "#define LIMIT %u\n", below(g, 1000));
		g->has_define = true;
	}
	say(g, "struct Inner { short s; unsigned char c[3]; };\n"
	    "struct Outer { int i; unsigned long u; struct Inner in; struct Inner many[2]; unsigned lo : 3, mid : 9, hi : 20;\n"
	    "\tunion { int a; char b[4]; }; struct Outer *next; char name[12]; const char *text; };\n"
	    "enum Color { RED, GREEN = 5, BLUE };\n");
}

static void
config(Gen *g)
{
	static const char *const rows[] = {
		"max_strlen = 33", "max_strlen = 64", "max_strlen = 200", "max_strlen = 1024", "on_stack_limit = 0", "on_stack_limit = 16",
		"on_stack_limit = 64", "max_map_keys = 100", "str_trunc_trailer = \"\"", "print_maps_on_exit = 1",
	};
	u32 n = below(g, 3);

	say(g, "config = {");
	if (!n)
		say(g, " max_strlen = %u; ", 33 + below(g, 200));
	for (u32 i = 0; i < n; i++)
		say(g, " %s; ", rows[below(g, i ? 1 : COUNT(rows)) + (i ? 8 : 0)]);
	say(g, "}\n");
}

static void
maps(Gen *g)
{
	static const char *const kinds[] = { "hash", "lruhash", "percpuhash", "percpulruhash" };

	g->n_maps = 2 + below(g, 5);
	for (u32 i = 0; i < g->n_maps; i++) {
		GMap *m = &g->maps[i];

		m->n_keys = below(g, 4);
		for (u32 k = 0; k < m->n_keys; k++)
			m->key[k] = gen_type(g, 1);
		m->value = gen_type(g, 2);
		if (chance(g, 45)) {
			m->agg = 1 + below(g, (g->flags & GEN_BEGIN) ? G_LHIST : G_TSERIES);
			m->value = gen_int();
			m->bits = chance(g, 30) ? below(g, 6) : 0;
		} else if (m->n_keys && chance(g, 20)) {
			/* What differs by CPU is for aggregations; LRU may forget. */
			say(g, "let @m%u = %s(%u);\n", i, kinds[(g->flags & GEN_BEGIN) ? 0 : below(g, 2)], 1000 + below(g, 3000));
		}
	}
}

static void
macros(Gen *g)
{
	static const GType u = { .kind = G_INT, .size = 8 };

	for (u32 i = 0, n = below(g, 3); i < n; i++) {
		g->n_vars = 0;
		g->in_macro = true;
		if (chance(g, 60)) {
			say(g, "macro f%u(a, b) { ", i);
			if (chance(g, 50))
				say(g, "let $t = (a); ");
			say(g, "(int64)(a) %s (int64)(b) + (int64)(", chance(g, 50) ? "+" : "^");
			expr(g, &u, 2);
			say(g, ") }\n");
			g->macro[i] = 'e';
		} else {
			say(g, "macro f%u($v, a) { $v = a; if ((a) > 3) { $v += 1; } }\n", i);
			g->macro[i] = 'v';
		}
		g->in_macro = false;
		g->n_macros = i + 1;
	}
}

static void
clause(Gen *g, const GProbe *p)
{
	g->probe = p;
	g->n_vars = 0;
	g->indent = 0;
	g->depth = g->in_loop = g->in_for = 0;
	g->budget = (g->flags & GEN_PEER) ? 14 : 6 + (s32)below(g, 20);
	say(g, "%s", p->name);
	if (chance(g, p->event ? 40 : 5)) {
		say(g, " / ");
		cond(g, 2);
		say(g, " / ");
	}
	buf_putc(g->out, '\n');
	block(g, 3 + below(g, 10));
	buf_putc(g->out, '\n');
}

/* A map must be written somewhere to be known. */
static void
every_map(Gen *g)
{
	g->indent = 1;
	g->n_vars = 0;
	g->filling = true;
	say(g, "begin\n{");
	for (u32 i = 0; i < g->n_maps; i++) {
		line(g);
		map_write(g, &g->maps[i]);
	}
	say(g, "\n}\n");
	g->filling = false;
}

void
gen_script(u64 seed, u32 flags, Buf *out)
{
	Gen *g = calloc(1, sizeof(*g));
	u32 n;

	assert(g);
	g->out = out;
	g->flags = flags;
	rand_seed(&g->r, seed);
	g->next_var = 1;
	definitions(g);
	if (chance(g, 25))
		config(g);
	maps(g);
	macros(g);
	every_map(g);
	n = (flags & GEN_BEGIN) ? 1 : 1 + below(g, 3);
	for (u32 i = 0; i < n; i++)
		clause(g, gen_probe(g));
	free(g);
}
