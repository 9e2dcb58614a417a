/* unwind: fills the maps that dw_ustack() walks stacks by: one array of rows for each file that a traced process has mapped, and
 * by process where which file lies. Files are read once each, when first seen; a process is told anew when its mappings change. */
#include "run/session.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

typedef struct Mapped { const Elf *elf; u32 rows; } Mapped;

struct Unwind {
	Vec(Mapped) objects;
	Vec(u32) targets;               /* the processes that were named, and what they forked */
	Vec(u32) stale;                 /* those of them that are to be told anew */
	UnwindProcess proc;
	bool full_told;
};

/* The file's rows as a map of their own. 0: it has none, or there is no room. */
static u32
load_rows(Session *s, u32 object, Elf *e)
{
	const UnwindMaps *maps = &s->script->unwind;
	UnwindTable t;
	MapDef def;
	UnwindRow *memory;
	int map, fd;
	u32 n = 0;

	if (!sym_unwind_table(e, &t))
		return 0;
	def = probe_unwind_rows(t.n);
	map = s->machine->ops->map_new(s->machine, &def);
	memory = map >= 0 ? s->machine->ops->map_memory(s->machine, map) : NULL;
	fd = map >= 0 ? kern_map_fd(s->machine, map) : -1;
	if (memory) {
		memcpy(memory, t.row, t.n * sizeof(*t.row));
		if (!s->machine->ops->map_update(s->machine, s->map[maps->objects], &object, &fd, BPF_ANY))
			n = t.n;
	}
	sym_unwind_free(&t);
	return n;
}

static u32
object(Session *s, Elf *e)
{
	struct Unwind *u = s->unwind;

	for (u32 i = 0; i < u->objects.n; i++)
		if (u->objects.v[i].elf == e)
			return i;
	VEC_PUSH(s->a, &u->objects, ((Mapped){ e, 0 }));
	if (u->objects.n <= UNWIND_OBJECTS)
		u->objects.v[u->objects.n - 1].rows = load_rows(s, u->objects.n - 1, e);
	return u->objects.n - 1;
}

static void
mapping(void *session, u64 start, u64 end, u64 offset, Elf *e)
{
	Session *s = session;
	UnwindProcess *p = &s->unwind->proc;
	u64 delta;

	if (p->n == UNWIND_MAPPINGS || !sym_elf_delta(e, offset, &delta))
		return;
	u32 i = object(s, e);

	p->m[p->n++] = (UnwindMapping){ start, end, start - offset - delta, i, s->unwind->objects.v[i].rows };
}

static bool
is_target(const struct Unwind *u, u32 pid)
{
	for (u32 i = 0; i < u->targets.n; i++)
		if (u->targets.v[i] == pid)
			return true;
	return false;
}

/* Makes room in the map: forgets those that are gone. */
static void
forget_gone(Session *s)
{
	struct Unwind *u = s->unwind;
	u32 kept = 0;

	for (u32 i = 0; i < u->targets.n; i++)
		if (kill((pid_t)u->targets.v[i], 0) && errno == ESRCH)
			s->machine->ops->map_delete(s->machine, s->map[s->script->unwind.procs], &u->targets.v[i]);
		else
			u->targets.v[kept++] = u->targets.v[i];
	u->targets.n = kept;
}

static void
tell(Session *s, u32 pid)
{
	struct Unwind *u = s->unwind;
	int map = s->map[s->script->unwind.procs], err;

	u->proc.n = 0;
	sym_each_mapping(s->sym, pid, mapping, s);
	if (!u->proc.n)
		return;
	err = s->machine->ops->map_update(s->machine, map, &pid, &u->proc, BPF_ANY);
	if (err == -E2BIG) {
		forget_gone(s);
		err = s->machine->ops->map_update(s->machine, map, &pid, &u->proc, BPF_ANY);
	}
	if (err && !u->full_told) {
		u->full_told = true;
		diag_warn(s->d, (Span){ 0 }, W_UNSTABLE, "dw_ustack: stacks of process %u cannot be walked: %s", pid, strerror(-err));
	}
}

void
run_unwind_stale(Session *s, u32 pid)
{
	struct Unwind *u = s->unwind;

	if (!u || !is_target(u, pid))
		return;
	for (u32 i = 0; i < u->stale.n; i++)
		if (u->stale.v[i] == pid)
			return;
	VEC_PUSH(s->a, &u->stale, pid);
}

void
run_unwind_target(Session *s, u32 pid, u32 parent)
{
	struct Unwind *u = s->unwind;

	if (!u || (parent && !is_target(u, parent)))
		return;
	if (!is_target(u, pid))
		VEC_PUSH(s->a, &u->targets, pid);
	run_unwind_stale(s, pid);
}

void
run_unwind_poll(Session *s)
{
	struct Unwind *u = s->unwind;

	for (u32 i = 0; u && i < u->stale.n; i++)
		tell(s, u->stale.v[i]);
	if (u)
		u->stale.n = 0;
}

void
run_unwind_open(Session *s)
{
	if (s->script->unwind.procs == NO_MAP || strcmp(s->machine->ops->name, "kernel"))
		return;
	s->unwind = NEW(s->a, struct Unwind);
	if (s->pc.pid > 0)
		run_unwind_target(s, (u32)s->pc.pid, 0);
	for (u32 i = 0; i < s->opt->n_dwarf_pids; i++) {
		sym_remember(s->sym, (u32)s->opt->dwarf_pids[i]);
		run_unwind_target(s, (u32)s->opt->dwarf_pids[i], 0);
	}
	run_unwind_poll(s);
}
