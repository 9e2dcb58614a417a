/* gen_expr: an expression of a given type. */
#include "gen_inside.h"

#include <inttypes.h>
#include <stdio.h>

const GType *
gen_int(void)
{
	static const GType t = { .kind = G_INT, .size = 8, .sign = true };

	return &t;
}

const GType *
gen_str(void)
{
	static const GType t = { .kind = G_STR };

	return &t;
}

/* Are nondeterministic values, events' arguments and the kernel's memory allowed here? */
static bool
live(const Gen *g)
{
	return !(g->flags & GEN_BEGIN) && !g->in_macro;
}

static bool
same(const GType *a, const GType *b)
{
	if (a->kind != b->kind || a->n != b->n)
		return false;
	for (u32 i = 0; i < a->n; i++)
		if (!same(a->sub[i], b->sub[i]))
			return false;
	return true;
}

/* A variable, or a member of one, of the type; false: none was found by chance. */
static bool
variable(Gen *g, const GType *t)
{
	for (u32 try = 0; g->n_vars && try < 4; try++) {
		const GVar *v = &g->vars[below(g, g->n_vars)];
		const GType *at = v->t;
		char path[32] = "";

		while (at->kind == G_TUPLE && (!same(at, t) || v->half)) {
			u32 k = v->half && at == v->t ? 0 : below(g, at->n);

			snprintf(path + strlen(path), sizeof(path) - strlen(path), ".%u", k);
			at = at->sub[k];
		}
		while (at->kind == G_RECORD && !same(at, t)) {
			u32 k = below(g, at->n);

			snprintf(path + strlen(path), sizeof(path) - strlen(path), ".%c", 'a' + k);
			at = at->sub[k];
		}
		if (!same(at, t))
			continue;
		say(g, "$v%u%s", v->id, path);
		return true;
	}
	return false;
}

static bool
from_map(Gen *g, const GType *t, u32 depth)
{
	const GMap *m = &g->maps[below(g, g->n_maps)];

	if (g->in_macro || g->filling || !depth || !same(m->value, t))
		return false;
	if (m->agg > G_MAX)
		return false;
	if (m->agg)
		say(g, "(int64)");
	map_name(g, m, depth - 1);
	return true;
}

void
key(Gen *g, const GMap *m)
{
	if (m->n_keys > 1)
		say(g, "(");
	for (u32 i = 0; i < m->n_keys; i++) {
		if (i)
			say(g, ", ");
		expr(g, m->key[i], 1);
	}
	if (m->n_keys > 1)
		say(g, ")");
}

static void
literal(Gen *g)
{
	static const char *const edges[] = { "0", "1", "-1", "127", "128", "255", "256", "-128", "32767", "65535", "65536",
		"2147483647", "2147483648", "4294967295", "4294967296", "-2147483648", "9223372036854775807", "1_000", "1ms", "0x1f", "010", "2e3" };

	if (chance(g, 40))
		say(g, "%s", edges[below(g, COUNT(edges))]);
	else
		say(g, "%d", (s32)below(g, 200) - 50);
}

static void
binary(Gen *g, u32 depth)
{
	static const char *const ops[] = { "+", "-", "*", "/", "%", "&", "|", "^", "<<", ">>", "+", "-" };
	u32 k = below(g, COUNT(ops));

	say(g, "(");
	expr(g, gen_int(), depth - 1);
	say(g, " %s ", ops[k]);
	if (k == 8 || k == 9)
		say(g, "%u", below(g, 64));
	else if ((k == 3 || k == 4) && chance(g, 60))
		say(g, "%u", 1 + below(g, 100));
	else
		expr(g, gen_int(), depth - 1);
	say(g, ")");
}

/* Numbers that come of other things. */
static void
measure(Gen *g, u32 depth)
{
	static const char *const sizes[] = { "sizeof(struct Outer)", "offsetof(struct Outer, many)", "sizeof(uint32)", "sizeof(struct Inner)",
		"offsetof(struct Outer, in.c)", "(uint64)GREEN", "sizeof((uint64)1)" };
	const GMap *m = &g->maps[below(g, g->n_maps)];

	switch (below(g, 14)) {
	case 0: case 1:
		say(g, "strlen(");
		expr(g, gen_str(), depth - 1);
		say(g, ")");
		return;
	case 2:
		say(g, "strncmp(");
		expr(g, gen_str(), depth - 1);
		say(g, ", ");
		expr(g, gen_str(), depth - 1);
		say(g, ", %u)", 1 + below(g, 12));
		return;
	case 3:
		say(g, "(int64)strcontains(");
		expr(g, gen_str(), depth - 1);
		say(g, ", \"%c\")", 'a' + below(g, 5));
		return;
	case 4:
		if (g->in_macro || g->filling || !m->n_keys)
			break;
		say(g, "len(@m%u)", (u32)(m - g->maps));
		return;
	case 5: case 6:
		if (g->in_macro || g->filling || !m->n_keys)
			break;
		say(g, "(int64)has_key(@m%u, ", (u32)(m - g->maps));
		key(g, m);
		say(g, ")");
		return;
	case 7:
		say(g, "%s", sizes[below(g, COUNT(sizes))]);
		return;
	case 8:
		say(g, "bswap((uint%u)(", 8 << below(g, 4));
		expr(g, gen_int(), depth - 1);
		say(g, "))");
		return;
	case 9: {
		u32 n = 1 << below(g, 4);

		say(g, "((uint8[%u])(uint%u)(", n, n * 8);
		expr(g, gen_int(), depth - 1);
		if (chance(g, 50))
			say(g, "))[%u]", below(g, n));
		else {
			say(g, "))[(");
			expr(g, gen_int(), depth - 1);
			say(g, ") & %u]", n - 1);
		}
		return;
	}
	case 10:
		say(g, "(");
		expr(g, gen_int(), depth - 1);
		say(g, ", ");
		expr(g, gen_str(), depth - 1);
		say(g, ").0");
		return;
	case 11:
		say(g, "(a = ");
		expr(g, gen_str(), depth - 1);
		say(g, ", b = ");
		expr(g, gen_int(), depth - 1);
		say(g, ").b");
		return;
	case 12: {
		u32 id = g->next_var++;

		say(g, "({ let $w%u = ", id);
		expr(g, gen_int(), depth - 1);
		say(g, "; $w%u + 1 })", id);
		return;
	}
	case 13:
		if (!g->n_macros || g->in_macro || g->macro[0] != 'e')
			break;
		say(g, "f0(");
		expr(g, gen_int(), depth - 1);
		say(g, ", ");
		expr(g, gen_int(), depth - 1);
		say(g, ")");
		return;
	}
	binary(g, depth);
}

/* What the event and the kernel know. */
static void
from_event(Gen *g, u32 depth)
{
	static const char *const now[] = { "pid", "tid", "uid", "gid", "cpu", "nsecs", "rand", "elapsed", "cgroup", "numaid", "ncpus", "ppid",
		"(uint64)curtask", "nsecs(monotonic)", "jiffies", "leader_tid" };
	static const char *const chains[] = { "curtask.pid", "curtask.tgid", "curtask.parent.pid", "curtask.real_parent.parent.tgid",
		"curtask.mm.mm_users.counter", "curtask.cred.uid.val", "curtask.se.vruntime", "curtask.comm[1]", "curtask.flags",
		"((struct task_struct*)curtask).prio", "curtask.nsproxy.pid_ns_for_children.level", "curtask.signal.nr_threads",
		"curtask.cpus_ptr.bits[0]", "curtask.files.fdt.max_fds", "curtask.sched_reset_on_fork", "curtask.in_execve", "(*curtask).pid" };
	static const char *const fields[] = { "i", "u", "in.s", "in.c[1]", "many[1].s", "many[0].c[2]", "lo", "mid", "hi", "a", "b[3]",
		"next.i", "next.next.u", "name[2]" };
	char word[64];
	u32 k = below(g, 6);

	if (k < 2 && g->probe && g->probe->ints)
		say(g, "(int64)%s", gen_word(g, g->probe->ints, word, sizeof(word)));
	else if (k == 2)
		say(g, "(int64)%s", chains[below(g, COUNT(chains))]);
	else if (k == 3 && depth) {
		say(g, "(int64)((struct Outer *)");
		if (g->probe && g->probe->ptrs && chance(g, 60))
			say(g, "%s", gen_word(g, g->probe->ptrs, word, sizeof(word)));
		else {
			say(g, "(");
			expr(g, gen_int(), depth - 1);
			say(g, ")");
		}
		say(g, ")%s%s", chance(g, 50) ? "." : "->", fields[below(g, COUNT(fields))]);
	} else if (k == 4 && g->probe && g->probe->ptrs)
		say(g, "(int64)*(int%u *)%s", 8 << below(g, 4), gen_word(g, g->probe->ptrs, word, sizeof(word)));
	else
		say(g, "(int64)%s", now[below(g, COUNT(now))]);
}

static void
integer(Gen *g, const GType *t, u32 depth)
{
	u32 k = below(g, 100);

	if (g->in_macro && chance(g, 50)) {
		say(g, "(int64)(a)");
		return;
	}
	if (!depth || k < 15) {
		if (k >= 10 || !variable(g, t))
			literal(g);
		return;
	}
	if (k < 40 && variable(g, t))
		return;
	if (k < 50 && from_map(g, t, depth))
		return;
	if (k < 65 && live(g)) {
		from_event(g, depth - 1);
		return;
	}
	if (k < 75) {
		binary(g, depth);
		return;
	}
	if (k < 80) {
		say(g, "(%sint%u)(", t->sign ? "" : "u", t->size * 8);
		expr(g, gen_int(), depth - 1);
		say(g, ")");
	} else if (k < 83) {
		say(g, "%c(", "-~!"[below(g, 2)]);
		expr(g, gen_int(), depth - 1);
		say(g, ")");
	} else if (k < 88) {
		say(g, "(");
		cond(g, depth - 1);
		say(g, " ? ");
		expr(g, t, depth - 1);
		say(g, " : ");
		expr(g, t, depth - 1);
		say(g, ")");
	} else if (k < 90 && g->has_define)
		say(g, "LIMIT");
	else
		measure(g, depth);
}

void
cond(Gen *g, u32 depth)
{
	static const char *const ops[] = { "==", "!=", "<", ">", "<=", ">=" };
	const GType *t;

	if (!depth) {
		say(g, "%s", chance(g, 50) ? "true" : "false");
		return;
	}
	switch (below(g, 8)) {
	case 0:
		say(g, "(");
		cond(g, depth - 1);
		say(g, chance(g, 50) ? " && " : " || ");
		cond(g, depth - 1);
		say(g, ")");
		return;
	case 1:
		say(g, "!(");
		cond(g, depth - 1);
		say(g, ")");
		return;
	case 2:
		expr(g, gen_str(), depth - 1);
		say(g, " %s ", ops[below(g, 2)]);
		expr(g, gen_str(), depth - 1);
		return;
	case 3:
		if (g->in_macro)
			break;
		t = gen_type(g, 1);
		if (t->kind != G_TUPLE)
			break;
		say(g, "(");
		expr(g, t, depth - 1);
		say(g, " %s ", ops[below(g, 2)]);
		expr(g, t, depth - 1);
		say(g, ")");
		return;
	}
	say(g, "(");
	expr(g, gen_int(), depth - 1);
	say(g, " %s ", ops[below(g, COUNT(ops))]);
	expr(g, gen_int(), depth - 1);
	say(g, ")");
}

static void
string(Gen *g, u32 depth)
{
	static const char *const texts[] = { "", "a", "abc", "hello", "a longer text with blanks", "abcdefgh", "0123456789abcdef",
		"tab\\there", "caf\\xc3\\xa9", "exactly-thirty-one-characters-.", "exactly-thirty-two-characters--" };
	static const char *const now[] = { "comm", "comm", "probe", "curtask.comm", "curtask.parent.comm", "username", "pcomm" };
	char word[64];
	u32 k = below(g, 100);

	if (k < 30 && variable(g, gen_str()))
		return;
	if (k < 45 && from_map(g, gen_str(), depth))
		return;
	if (k < 55 && live(g) && g->probe && g->probe->strs) {
		say(g, "%s", gen_word(g, g->probe->strs, word, sizeof(word)));
		return;
	}
	if (k < 60 && live(g) && g->probe && g->probe->ptrs) {
		say(g, "str(%s, %u)", gen_word(g, g->probe->ptrs, word, sizeof(word)), 1 + below(g, 70));
		return;
	}
	if (k < 68 && live(g)) {
		say(g, "%s", now[below(g, COUNT(now) - 2)]);
		return;
	}
	if (k < 74 && depth) {
		say(g, "(");
		cond(g, depth - 1);
		say(g, " ? ");
		expr(g, gen_str(), depth - 1);
		say(g, " : ");
		expr(g, gen_str(), depth - 1);
		say(g, ")");
		return;
	}
	if (k < 78 && depth) {
		say(g, "(");
		expr(g, gen_int(), depth - 1);
		say(g, ", ");
		expr(g, gen_str(), depth - 1);
		say(g, ").1");
		return;
	}
	if (k < 81 && depth && !(g->flags & GEN_PEER)) {
		say(g, "str_concat(");
		expr(g, gen_str(), depth - 1);
		say(g, ", ");
		expr(g, gen_str(), depth - 1);
		say(g, ")");
		return;
	}
	say(g, "\"%s\"", texts[below(g, COUNT(texts) - ((g->flags & GEN_PEER) ? 3 : 0))]);
}

static void
list(Gen *g, const GType *t, u32 depth)
{
	say(g, "(");
	for (u32 i = 0; i < t->n; i++) {
		if (i)
			say(g, ", ");
		if (t->kind == G_RECORD)
			say(g, "%c = ", 'a' + i);
		expr(g, t->sub[i], depth ? depth - 1 : 0);
	}
	say(g, t->kind == G_TUPLE && t->n == 1 ? ",)" : ")");
}

static void
aggregate(Gen *g, const GType *t, u32 depth)
{
	if (chance(g, 40) && variable(g, t))
		return;
	if (chance(g, 40) && from_map(g, t, depth))
		return;
	if (depth && chance(g, 15)) {
		say(g, "(");
		cond(g, depth - 1);
		say(g, " ? ");
		expr(g, t, depth - 1);
		say(g, " : ");
		expr(g, t, depth - 1);
		say(g, ")");
		return;
	}
	list(g, t, depth);
}

void
expr(Gen *g, const GType *t, u32 depth)
{
	switch (t->kind) {
	case G_INT: integer(g, t, depth); break;
	case G_STR: string(g, depth); break;
	case G_BOOL:
		if (!chance(g, 30) || !variable(g, t)) {
			say(g, "(bool)(");
			cond(g, depth);
			say(g, ")");
		}
		break;
	default: aggregate(g, t, depth);
	}
}

void
special(Gen *g)
{
	static const char *const fixed[] = { "strerror(2)", "ntop(0x0100007f)", "buf(\"abc\\x01\", 3)", "(uint8[4])0x01020304", "(struct Outer *)16",
		"signal_name(9)", "syscall_name(1)", "(enum Color)5", "pton(\"1.2.3.4\")", "((int16[2])1, 5)", "macaddr((uint8[6])\"abcde\")" };
	static const char *const now[] = { "kstack", "ustack", "kstack(3)", "ustack(perf, 5)", "ksym(reg(\"ip\"))", "usym(reg(\"ip\"))",
		"cgroup_path(cgroup)", "curtask", "strftime(\"%H:%M\", nsecs)", "curtask.comm", "*curtask.cred", "ustack(2)",
		"buf(curtask.comm, 5)", "username", "curtask.se", "nsecs" };

	if (live(g) && chance(g, 60))
		say(g, "%s", now[below(g, COUNT(now))]);
	else
		say(g, "%s", fixed[below(g, COUNT(fixed) - ((g->flags & GEN_PEER) ? 3 : 0))]);
}

void
macro_statement(Gen *g)
{
	u32 k = below(g, g->n_macros);

	if (g->macro[k] == 'e') {
		say(g, "print(f%u(", k);
		expr(g, gen_int(), 1);
		say(g, ", 3));");
		return;
	}
	say(g, "$v%u = (int64)0; f%u($v%u, %u);", g->next_var, k, g->next_var, below(g, 9));
	new_var(g, gen_int(), true);
}
