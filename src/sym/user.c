/* user: names for addresses in processes. A process is known by its executable mappings (/proc/PID/maps, or told one by one by
 * the kernel as they are made: sym_mapping); the files behind them are opened when first seen and stay open, so that names
 * outlive the process and even the file. */
#include "sym/inside.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/auxv.h>
#include <time.h>

typedef struct Mapping { u64 start, end, offset; const char *path; Elf *elf; } Mapping;

struct Process {
	u32 pid;
	Vec(Mapping) maps;              /* sorted by start */
	u64 read_ns;                    /* when /proc/PID/maps was last read; 0: never */
	bool gone;
	PerfMap *perf;                  /* as it was when it had perf_size bytes, at perf_ns */
	u64 perf_size, perf_ns;
};

Sym *
sym_new(const SymOptions *opt)
{
	Sym *s = calloc(1, sizeof(*s));

	if (!s)
		die("out of memory");
	s->opt = *opt;
	s->a = arena_new();
	s->files.arena = s->nice.arena = s->dwarfs.arena = s->places.arena = s->a;
	return s;
}

void
sym_demangles(Sym *s, bool on)
{
	s->opt.demangle = on;
}

void
sym_free(Sym *s)
{
	for (MapSlot *slot = NULL; (slot = map_next(&s->files, slot)); )
		sym_elf_close(slot->value);
	for (MapSlot *slot = NULL; (slot = map_next(&s->dwarfs, slot)); )
		if (slot->value != s)
			sym_dwarf_close(slot->value);
	sym_elf_close(s->vdso);
	buf_free(&s->kernel_text);
	free(s->kernel);
	arena_free(s->a);
	free(s);
}

const char *
sym_nice(Sym *s, const char *raw)
{
	size_t n = strlen(raw);
	char *nice = s->opt.demangle ? map_get(&s->nice, raw, n) : NULL, *made;

	if (nice || !s->opt.demangle || raw[0] != '_')
		return nice ? nice : raw;
	made = sym_demangle(raw);
	if (!made)
		return raw;
	nice = arena_str(s->a, made, strlen(made));
	free(made);
	map_set(&s->nice, raw, n, nice);
	return nice;
}

static u64
now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (u64)t.tv_sec * 1000000000 + (u64)t.tv_nsec;
}

/* ---- processes ---- */

static u32
place_of(const Sym *s, u32 pid)
{
	u32 lo = 0, hi = s->procs.n;

	while (lo < hi) {
		u32 mid = (lo + hi) / 2;

		if (s->procs.v[mid]->pid < pid)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static Process *
process(Sym *s, u32 pid)
{
	u32 at = place_of(s, pid);
	Process *p;

	if (at < s->procs.n && s->procs.v[at]->pid == pid)
		return s->procs.v[at];
	p = NEW(s->a, Process);
	p->pid = pid;
	VEC_PUSH(s->a, &s->procs, p);
	memmove(&s->procs.v[at + 1], &s->procs.v[at], (s->procs.n - 1 - at) * sizeof(Process *));
	s->procs.v[at] = p;
	return p;
}

/* The file behind a mapping: from the process's own root, by the mapping itself (deleted files, roots that chroot(2) made), else by its
 * path. NULL: no ELF file. */
static Elf *
file_of(Sym *s, u32 pid, const Mapping *m, const char *key)
{
	char full[4200];
	Elf *e = map_get(&s->files, key, strlen(key));
	int err;

	if (e)
		return e;
	snprintf(full, sizeof(full), "/proc/%u/root%s", pid, m->path);
	e = sym_elf_open(full, &err);
	if (!e) {
		snprintf(full, sizeof(full), "/proc/%u/map_files/%llx-%llx", pid, (unsigned long long)m->start, (unsigned long long)m->end);
		e = sym_elf_open(full, &err);
	}
	if (!e)
		e = sym_elf_open(m->path, &err);
	if (e)
		map_set(&s->files, key, strlen(key), e);
	return e;
}

static Elf *
vdso_of(Sym *s)
{
	const u8 *p = (const u8 *)getauxval(AT_SYSINFO_EHDR);

	if (!s->vdso && p)
		s->vdso = sym_elf_memory(p, 8192);
	return s->vdso;
}

static void
add(Sym *s, Process *p, Mapping m)
{
	u32 at = p->maps.n;

	/* A new mapping takes the place of what it overlaps. */
	for (u32 i = 0; i < p->maps.n; i++)
		if (p->maps.v[i].start < m.end && m.start < p->maps.v[i].end)
			p->maps.v[i].end = MAX(p->maps.v[i].start, MIN(p->maps.v[i].end, m.start));
	while (at && p->maps.v[at - 1].start > m.start)
		at--;
	VEC_PUSH(s->a, &p->maps, m);
	memmove(&p->maps.v[at + 1], &p->maps.v[at], (p->maps.n - 1 - at) * sizeof(Mapping));
	p->maps.v[at] = m;
}

/* One line of /proc/PID/maps: "start-end perms offset dev inode   path". Executable ones with a name are kept. */
static void
maps_line(Sym *s, Process *p, const char *line, size_t n)
{
	unsigned long long start, end, offset, inode;
	char perms[8], dev[32], key[96];
	const char *path;
	int at = 0;
	Mapping m;

	if (sscanf(line, "%llx-%llx %7s %llx %31s %llu %n", &start, &end, perms, &offset, dev, &inode, &at) < 6 || !at)
		return;
	if (perms[2] != 'x' || (size_t)at >= n)
		return;
	path = arena_str(s->a, line + at, n - (size_t)at);
	m = (Mapping){ start, end, offset, path, NULL };
	snprintf(key, sizeof(key), "%s:%llu", dev, inode);
	if (*path == '/')
		m.elf = file_of(s, p->pid, &m, key);
	else if (!strcmp(path, "[vdso]"))
		m.elf = vdso_of(s);
	add(s, p, m);
}

static bool
read_maps(Sym *s, Process *p)
{
	char path[64];
	Buf b = { 0 };
	int err;

	snprintf(path, sizeof(path), "/proc/%u/maps", p->pid);
	err = host_read(path, &b);
	if (!err && b.n) {
		p->maps.n = 0;
		for (char *line = b.p; *line; ) {
			size_t n = strcspn(line, "\n");

			maps_line(s, p, line, n);
			line += n + (line[n] == '\n');
		}
		p->read_ns = now_ns();
	} else {
		p->gone = true;         /* dead, or a kernel thread */
	}
	buf_free(&b);
	return !err;
}

void
sym_remember(Sym *s, u32 pid)
{
	read_maps(s, process(s, pid));
}

void
sym_mapping(Sym *s, u32 pid, u64 start, u64 size, u64 offset, const char *path)
{
	Process *p = process(s, pid);
	Mapping m = { start, start + size, offset, NULL, NULL };

	if (*path != '/' && strcmp(path, "[vdso]"))
		return;
	m.path = arena_str(s->a, path, strlen(path));
	m.elf = *path == '/' ? file_of(s, pid, &m, m.path) : vdso_of(s);
	add(s, p, m);
}

void
sym_forked(Sym *s, u32 pid, u32 parent)
{
	u32 at = place_of(s, parent);
	Process *from, *p;

	if (at == s->procs.n || s->procs.v[at]->pid != parent)
		return;
	from = s->procs.v[at];
	p = process(s, pid);
	p->maps.n = 0;
	for (u32 i = 0; i < from->maps.n; i++)
		VEC_PUSH(s->a, &p->maps, from->maps.v[i]);
}

void
sym_execed(Sym *s, u32 pid)
{
	Process *p = process(s, pid);

	p->maps.n = 0;
	p->read_ns = 0;
	p->perf_ns = p->perf_size = 0;
	p->perf = NULL;
	p->gone = false;
}

/* ---- lookup ---- */

static const Mapping *
mapping_at(const Process *p, u64 addr)
{
	u32 lo = 0, hi = p->maps.n;

	while (lo < hi) {
		u32 mid = (lo + hi) / 2;

		if (p->maps.v[mid].end <= addr)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < p->maps.n && p->maps.v[lo].start <= addr ? &p->maps.v[lo] : NULL;
}

/* Compilers go on writing their map as they go on compiling. */
static void
renew_perfmap(Sym *s, Process *p)
{
	u64 size = sym_perfmap_size(p->pid);

	p->perf_ns = now_ns();
	if (size == p->perf_size)
		return;
	p->perf_size = size;
	p->perf = sym_perfmap_read(s->a, p->pid);
}

bool
sym_user(Sym *s, u32 pid, u64 addr, SymName *out, const char **file, u64 *file_offset)
{
	enum { AGAIN_NS = 100000000 };
	Process *p = process(s, pid);
	const Mapping *m = mapping_at(p, addr);

	/* Unknown ground: the process may have mapped more since it was last looked at. */
	if (!m && !p->gone && now_ns() - p->read_ns > AGAIN_NS) {
		read_maps(s, p);
		m = mapping_at(p, addr);
	}
	if (file)
		*file = m ? m->path : NULL;
	if (file_offset)
		*file_offset = m ? addr - m->start + m->offset : 0;
	if (m && m->elf && sym_elf_at(m->elf, addr - m->start + m->offset, out)) {
		out->name = sym_nice(s, out->name);
		return true;
	}
	if (m && m->elf)
		return false;
	if (p->perf && sym_perfmap_at(p->perf, addr, out))
		return true;
	if (!p->gone && (!p->perf_ns || now_ns() - p->perf_ns > AGAIN_NS))
		renew_perfmap(s, p);
	return p->perf && sym_perfmap_at(p->perf, addr, out);
}

/* The DWARF of a mapped file; the process may be gone, its file still there. */
static Dwarf *
dwarf_of(Sym *s, u32 pid, const Mapping *m)
{
	Dwarf *d = map_get(&s->dwarfs, (char *)&m->elf, sizeof(m->elf));
	char full[4200];

	if (d)
		return (void *)d == (void *)s ? NULL : d;
	snprintf(full, sizeof(full), "/proc/%u/root%s", pid, m->path);
	d = sym_dwarf_open(s->a, full);
	if (!d)
		d = sym_dwarf_open(s->a, m->path);
	map_set(&s->dwarfs, (char *)&m->elf, sizeof(m->elf), d ? (void *)d : (void *)s);
	return d;
}

typedef struct SourceFrame { const char *inlined, *file; u32 line; } SourceFrame;
typedef struct SourceFrames { Sym *s; Vec(SourceFrame) v; } SourceFrames;

static void
keep_frame(void *arg, const char *inlined, const char *file, u32 line)
{
	SourceFrames *to = arg;
	Arena *a = to->s->a;
	SourceFrame f = { inlined ? arena_str(a, inlined, strlen(inlined)) : NULL, arena_str(a, file, strlen(file)), line };

	VEC_PUSH(a, &to->v, f);
}

/* Found once for each place: a stack has the same frames again and again. */
static const SourceFrames *
frames_at(Sym *s, u32 pid, const Mapping *m, u64 addr)
{
	struct { const Elf *elf; u64 addr; } key = { m->elf, addr };
	SourceFrames *f = map_get(&s->places, (char *)&key, sizeof(key));
	Dwarf *d;

	if (f)
		return f;
	f = NEW(s->a, SourceFrames);
	f->s = s;
	d = dwarf_of(s, pid, m);
	if (d)
		sym_dwarf_frames(d, addr, keep_frame, f);
	map_set(&s->places, (char *)&key, sizeof(key), f);
	return f;
}

bool
sym_user_frames(Sym *s, u32 pid, u64 addr, void (*fn)(void *, const char *, const char *, u32), void *arg)
{
	const Mapping *m = mapping_at(process(s, pid), addr);
	u64 delta, offset = m ? addr - m->start + m->offset : 0;
	const SourceFrames *f;

	if (!m || !m->elf || *m->path != '/' || !sym_elf_delta(m->elf, offset, &delta))
		return false;
	f = frames_at(s, pid, m, offset + delta);
	for (u32 i = 0; i < f->v.n; i++)
		fn(arg, f->v.v[i].inlined, f->v.v[i].file, f->v.v[i].line);
	return f->v.n != 0;
}

void
sym_each_mapping(Sym *s, u32 pid, void (*fn)(void *arg, u64 start, u64 end, u64 offset, Elf *e), void *arg)
{
	const Process *p = process(s, pid);

	for (u32 i = 0; i < p->maps.n; i++) {
		const Mapping *m = &p->maps.v[i];

		if (m->elf && m->end > m->start)
			fn(arg, m->start, m->end, m->offset, m->elf);
	}
}

bool
sym_build_id(Sym *s, u32 pid, const char *file, Buf *out)
{
	const Process *p = process(s, pid);
	char id[160];

	for (u32 i = 0; i < p->maps.n; i++) {
		const Mapping *m = &p->maps.v[i];

		if (!m->elf || strcmp(m->path, file))
			continue;
		if (!sym_elf_build_id(m->elf, id, sizeof(id)))
			return false;
		buf_puts(out, id);
		return true;
	}
	return false;
}
