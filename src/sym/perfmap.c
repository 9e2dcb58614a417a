/* perfmap: names that a JIT compiler (node, java, .NET, LuaJIT ...) writes to /tmp/perf-PID.map, "START SIZE NAME" a line,
 * numbers hexadecimal. The file lies in the process's own mount namespace and is named by the pid it sees itself. */
#include "sym/inside.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

typedef struct Piece { u64 start, size; const char *name; u32 order; } Piece;
struct PerfMap { Piece *piece; u32 n; };

/* The innermost pid of NSpid in /proc/PID/status, which the process knows itself by. */
static u32
own_pid(u32 pid)
{
	char path[64];
	Buf b = { 0 };
	u32 own = pid;
	char *p;

	snprintf(path, sizeof(path), "/proc/%u/status", pid);
	if (!host_read(path, &b) && (p = strstr(b.p, "\nNSpid:")))
		for (p += 7; *p && *p != '\n'; ) {
			char *end;
			u32 n = (u32)strtoul(p, &end, 10);

			if (end == p)
				break;
			own = n;
			p = end;
		}
	buf_free(&b);
	return own;
}

static int
by_start(const void *a, const void *b)
{
	const Piece *x = a, *y = b;

	if (x->start != y->start)
		return x->start < y->start ? -1 : 1;
	return x->order < y->order ? -1 : 1;
}

static void
path_of(u32 pid, char *path, size_t size)
{
	snprintf(path, size, "/proc/%u/root/tmp/perf-%u.map", pid, own_pid(pid));
}

u64
sym_perfmap_size(u32 pid)
{
	char path[128], real[4096];
	struct stat st;

	path_of(pid, path, sizeof(path));
	return stat(host_path(path, real, sizeof(real)), &st) ? 0 : (u64)st.st_size;
}

PerfMap *
sym_perfmap_read(Arena *a, u32 pid)
{
	Vec(Piece) v = { 0 };
	char path[128];
	Buf b = { 0 };
	PerfMap *m;

	path_of(pid, path, sizeof(path));
	if (host_read(path, &b)) {
		buf_free(&b);
		return NULL;
	}
	for (char *p = b.p; *p; ) {
		char *end, *name;
		u64 start = strtoull(p, &end, 16), size = end > p ? strtoull(end, &name, 16) : 0;
		size_t len;

		if (end > p && name > end && *name == ' ') {
			len = strcspn(++name, "\n");
			Piece piece = { start, size, arena_str(a, name, len), v.n };
			VEC_PUSH(a, &v, piece);
		}
		p += strcspn(p, "\n");
		p += *p == '\n';
	}
	buf_free(&b);
	qsort(v.v, v.n, sizeof(Piece), by_start);
	m = NEW(a, PerfMap);
	*m = (PerfMap){ v.v, v.n };
	return m;
}

bool
sym_perfmap_at(const PerfMap *m, u64 addr, SymName *out)
{
	u32 lo = 0, hi = m->n;

	if (!hi || addr < m->piece[0].start)
		return false;
	while (hi - lo > 1) {
		u32 mid = (lo + hi) / 2;

		if (m->piece[mid].start <= addr)        /* of equal starts the last, which was compiled last */
			lo = mid;
		else
			hi = mid;
	}
	if (addr - m->piece[lo].start >= m->piece[lo].size)
		return false;
	*out = (SymName){ m->piece[lo].name, addr - m->piece[lo].start, NULL };
	return true;
}
