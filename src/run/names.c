/* names: keeps sym/ told about processes' mappings, so that user addresses get their names after the process is gone. What lives
 * at the start is read from /proc; what comes later the kernel tells. */
#include "run/session.h"

#include <dirent.h>
#include <stdlib.h>

static void
mapped(void *session, u32 pid, u64 addr, u64 size, u64 offset, const char *path)
{
	sym_mapping(((Session *)session)->sym, pid, addr, size, offset, path);
	run_unwind_stale(session, pid);
}

static void
forked(void *session, u32 pid, u32 parent)
{
	sym_forked(((Session *)session)->sym, pid, parent);
	run_unwind_target(session, pid, parent);
}

static void
execed(void *session, u32 pid)
{
	sym_execed(((Session *)session)->sym, pid);
	run_unwind_stale(session, pid);
}

/* Every process that lives now: without -p or -c any of them may be seen in a stack and end. */
static void
remember_all(Session *s)
{
	char path[4096];
	DIR *dir = opendir(host_path("/proc", path, sizeof(path)));
	struct dirent *e;

	while (dir && (e = readdir(dir)) && !run_stopped)
		if (e->d_name[0] >= '1' && e->d_name[0] <= '9')
			sym_remember(s->sym, (u32)strtoul(e->d_name, NULL, 10));
	if (dir)
		closedir(dir);
}

void
run_names_open(Session *s)
{
	int err;

	if (!s->script->needs_sym_user || strcmp(s->machine->ops->name, "kernel"))
		return;
	/* Without permission for it, names of the living are still found. */
	s->mmaps = kern_mmap_open(s->pc.pid, &err);
	if (s->pc.pid && !s->child.pid)
		sym_remember(s->sym, (u32)s->pc.pid);
	else if (!s->pc.pid)
		remember_all(s);
}

void
run_names_poll(Session *s)
{
	MmapTold told = { mapped, forked, execed, s };

	if (s->mmaps)
		kern_mmap_poll(s->mmaps, &told);
	run_unwind_poll(s);
}

void
run_names_close(Session *s)
{
	kern_mmap_close(s->mmaps);
	s->mmaps = NULL;
}
