/* names: numbers that have names: users, control groups, signals, system calls, errors, times. Files are asked once. */
#include "out/inside.h"

#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>

typedef struct Names {
	Map users;                      /* uid -> name */
	Map cgroups;                    /* id -> list of paths */
	bool passwd_read;
} Names;

static Names *
names(Out *o)
{
	if (!o->names) {
		o->names = NEW(o->a, Names);
		o->names->users.arena = o->names->cgroups.arena = o->a;
	}
	return o->names;
}

/* Every "name:x:uid:..." of /etc/passwd. */
static void
read_users(Out *o, Names *n)
{
	Buf file = { 0 };
	char *line, *rest;

	n->passwd_read = true;
	if (!host_read("/etc/passwd", &file))
		for (line = strtok_r(file.p, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
			char *colon = strchr(line, ':'), *uid = colon ? strchr(colon + 1, ':') : NULL;
			u64 id;

			if (!uid)
				continue;
			id = strtoull(uid + 1, NULL, 10);
			if (!map_get(&n->users, (char *)&id, sizeof(id)))
				map_set(&n->users, (char *)&id, sizeof(id), arena_str(o->a, line, (size_t)(colon - line)));
		}
	buf_free(&file);
}

void
name_user(Out *o, Buf *b, u64 uid)
{
	Names *n = names(o);
	const char *name;

	if (!n->passwd_read)
		read_users(o, n);
	name = map_get(&n->users, (char *)&uid, sizeof(uid));
	if (name)
		buf_puts(b, name);
	else
		buf_printf(b, "%llu", (unsigned long long)uid);
}

/* Looks below dir for the folder whose inode is the id; its path below the mount goes to out. */
static bool
find_cgroup(const char *dir, size_t root, u64 id, Buf *out, int depth)
{
	char path[4096];
	struct dirent *e;
	struct stat st;
	bool found = false;
	DIR *d;

	if (!stat(dir, &st) && st.st_ino == id) {
		buf_puts(out, dir[root] ? dir + root : "/");
		return true;
	}
	d = depth < 32 ? opendir(dir) : NULL;
	while (d && !found && (e = readdir(d)))
		if (e->d_type == DT_DIR && e->d_name[0] != '.' &&
		    snprintf(path, sizeof(path), "%s/%s", dir, e->d_name) < (int)sizeof(path))
			found = find_cgroup(path, root, id, out, depth + 1);
	if (d)
		closedir(d);
	return found;
}

typedef struct Hierarchy { const char *name, *path; } Hierarchy;
typedef Vec(Hierarchy) Hierarchies;

static void
add_cgroup(Arena *a, Hierarchies *v, const char *name, const char *mount, u64 id, const char *glob)
{
	Buf path = { 0 };

	if ((!glob || base_glob(glob, strlen(glob), name, strlen(name))) && find_cgroup(mount, strlen(mount), id, &path, 0))
		VEC_PUSH(a, v, ((Hierarchy){ arena_str(a, name, strlen(name)), arena_str(a, path.p, path.n) }));
	buf_free(&path);
}

/* The one of version 2 first, the others by name. */
static int
by_name(const void *x, const void *y)
{
	const Hierarchy *a = x, *b = y;
	bool first = !strcmp(a->name, "unified"), second = !strcmp(b->name, "unified");

	return first != second ? (first ? -1 : 1) : strcmp(a->name, b->name);
}

/* "unified:/a,cpu:/a": the path in every mounted hierarchy where the id is found. */
static void
search_cgroups(Buf *out, u64 id, const char *glob)
{
	Arena *a = arena_new();
	Hierarchies v = { 0 };
	Buf file = { 0 };
	char *line, *rest;

	if (!host_read("/proc/mounts", &file))
		for (line = strtok_r(file.p, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
			char mount[512], type[64], full[4096];
			const char *slash;

			if (sscanf(line, "%*s %511s %63s", mount, type) != 2)
				continue;
			slash = strrchr(mount, '/');
			if (!strcmp(type, "cgroup2"))
				add_cgroup(a, &v, "unified", host_path(mount, full, sizeof(full)), id, glob);
			else if (!strcmp(type, "cgroup") && slash)
				add_cgroup(a, &v, slash + 1, host_path(mount, full, sizeof(full)), id, glob);
		}
	if (v.n > 1)
		qsort(v.v, v.n, sizeof(Hierarchy), by_name);
	for (u32 i = 0; i < v.n; i++)
		buf_printf(out, "%s%s:%s", i ? "," : "", v.v[i].name, v.v[i].path);
	buf_free(&file);
	arena_free(a);
}

void
name_cgroup(Out *o, Buf *b, u64 id, const char *glob)
{
	Names *n = names(o);
	struct { u64 id; const char *glob; } key = { id, glob };
	const char *text = map_get(&n->cgroups, (char *)&key, sizeof(key));

	if (!text) {
		Buf found = { 0 };

		search_cgroups(&found, id, glob);
		text = arena_str(o->a, found.p ? found.p : "", found.n);
		map_set(&n->cgroups, (char *)&key, sizeof(key), (void *)text);
		buf_free(&found);
	}
	buf_puts(b, text);
}

const char *
name_signal(u64 n)
{
	return n <= 64 ? strsignal((int)n) : "N/A";
}

static const char *const syscalls[] = {
#define SYSCALL(n, name) [n] = #name,
#ifdef __x86_64__
#include "out/syscalls_x86_64.def"
#else
#include "out/syscalls_generic.def"
#endif
#undef SYSCALL
};

const char *
name_syscall(u64 n)
{
	return n < COUNT(syscalls) && syscalls[n] ? syscalls[n] : "Unknown syscall";
}

const char *
name_error(u64 n)
{
	u64 e = (s64)n < 0 ? -n : n;            /* as system calls return it, or positive */
	const char *s = e <= 4095 ? strerror((int)e) : "Unknown error";

	return strncmp(s, "Unknown error", 13) ? s : "Unknown error";
}

static u64
now(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return (u64)ts.tv_sec * 1000000000 + (u64)ts.tv_nsec;
}

/* Wall clock minus that clock, measured once, so that two times of a run lie apart what their clocks said. */
static u64
wall_offset(clockid_t clock)
{
	static u64 offset[16];

	if (!offset[clock])
		offset[clock] = now(CLOCK_REALTIME) - now(clock);
	return offset[clock];
}

u64
name_wall_offset(void)
{
	return wall_offset(CLOCK_BOOTTIME);
}

void
name_time(Buf *b, const char *fmt, u64 ns, char clock)
{
	char text[512];
	Buf f = { 0 };
	struct tm tm;
	time_t s;

	if (clock == 'm')
		ns += wall_offset(CLOCK_MONOTONIC);
	else if (clock == 't')
		ns += wall_offset(CLOCK_TAI);
	else if (clock != 'r')
		ns += wall_offset(CLOCK_BOOTTIME);
	s = (time_t)(ns / 1000000000);
	localtime_r(&s, &tm);
	for (; *fmt; fmt++) {
		if (fmt[0] == '%' && fmt[1] == 'f') {
			buf_printf(&f, "%06llu", (unsigned long long)(ns % 1000000000 / 1000));
			fmt++;
			continue;
		}
		buf_putc(&f, *fmt);
		if (fmt[0] == '%' && fmt[1])
			buf_putc(&f, *++fmt);
	}
	buf_put(b, text, strftime(text, sizeof(text), f.p ? f.p : "", &tm));
	buf_free(&f);
}
