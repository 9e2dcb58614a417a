/* import: other files of a script: .bt (probes, macros, maps), .h (types), or all such files of a folder. Each path once;
 * relative to the file that imports. */
#include "lang/comp.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static bool
ends_with(const char *s, const char *end)
{
	size_t n = strlen(s), k = strlen(end);

	return n >= k && !strcmp(s + n - k, end);
}

static bool
read_file(const char *path, Buf *out)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return false;
	while ((n = read(fd, buf_space(out, 65536), 65536)) > 0)
		out->n += (size_t)n;
	close(fd);
	buf_putc(out, 0);
	out->n--;
	return n == 0;
}

static void
import_one(Comp *c, Node *n, const char *path)
{
	Buf b = { 0 };
	const char *text;
	u32 base;

	for (u32 i = 0; i < c->imported.n; i++)
		if (!strcmp(c->imported.v[i], path))
			return;
	VEC_PUSH(c->a, &c->imported, path);
	if (ends_with(path, ".bpf.c")) {
		comp_err(c, n->at, E_IMPORT, "%s is C for a BPF compiler, which piton is not", path);
		comp_hint(c, "write the function as a macro: macro f(x) { ... }; types and enums can stand in a .h file");
		return;
	}
	if (!read_file(path, &b)) {
		comp_err(c, n->at, E_IMPORT, "cannot read %s: %s", path, strerror(errno));
		buf_free(&b);
		return;
	}
	text = arena_str(c->a, b.p, b.n);
	base = diag_source(c->d, path, text, b.n);
	if (ends_with(path, ".h"))
		type_parse_c(c->ts, c->d, text, b.n, base);
	else {
		c->importing++;
		comp_source(c, text, b.n, base);
		c->importing--;
	}
	buf_free(&b);
}

static int
by_name(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void
import_folder(Comp *c, Node *n, const char *path)
{
	DIR *d = opendir(path);
	struct dirent *e;
	VecStr v = { 0 };

	if (!d) {
		comp_err(c, n->at, E_IMPORT, "cannot read the folder %s: %s", path, strerror(errno));
		return;
	}
	while ((e = readdir(d)))
		if (ends_with(e->d_name, ".bt") || ends_with(e->d_name, ".h"))
			VEC_PUSH(c->a, &v, arena_printf(c->a, "%s/%s", path, e->d_name));
	closedir(d);
	if (v.n)
		qsort(v.v, v.n, sizeof(*v.v), by_name);
	for (u32 i = 0; i < v.n; i++)
		import_one(c, n, v.v[i]);
}

/* Who else could have put the file there: it or its folder can be written by everybody (in a sticky folder, only who owns it). */
static bool
trusted(Comp *c, const char *path, const struct stat *st)
{
	const char *slash = strrchr(path, '/');
	struct stat dir;

	if (st->st_mode & S_IWOTH)
		return false;
	if (S_ISDIR(st->st_mode) || stat(arena_printf(c->a, "%.*s/", (int)(slash - path), path), &dir) || !(dir.st_mode & S_IWOTH))
		return true;
	return dir.st_mode & S_ISVTX && (st->st_uid == geteuid() || st->st_uid == 0);
}

/* bpftrace's own library has names to import it by; ours is always there. */
static bool
is_library(const char *name)
{
	return !strcmp(name, "stdlib") || !strncmp(name, "stdlib/", 7);
}

/* The folder of the file that the span lies in. */
static const char *
beside(Comp *c, Node *n)
{
	const char *file = NULL, *slash;
	u32 line, col;

	if (n->str[0] == '/' || !diag_line_col(c->d, n->at.from, &file, &line, &col) || !file)
		return arena_str(c->a, n->str, n->n);
	slash = strrchr(file, '/');
	if (!slash)
		return arena_str(c->a, n->str, n->n);
	return arena_printf(c->a, "%.*s/%s", (int)(slash - file), file, n->str);
}

void
import_file(Comp *c, Node *n)
{
	const char *path = beside(c, n);
	char *real = realpath(path, NULL);
	struct stat st;

	if (!real && is_library(n->str))
		return;
	if (!real || stat(real, &st)) {
		comp_err(c, n->at, E_IMPORT, "cannot import %s: %s", path, strerror(errno));
		free(real);
		return;
	}
	path = arena_str(c->a, real, strlen(real));
	free(real);
	if (!trusted(c, path, &st)) {
		comp_err(c, n->at, E_IMPORT, "%s is writable by everybody: what it holds is not trusted", path);
	} else if (S_ISDIR(st.st_mode)) {
		import_folder(c, n, path);
	} else if (ends_with(path, ".bt") || ends_with(path, ".h") || ends_with(path, ".bpf.c")) {
		import_one(c, n, path);
	} else {
		comp_err(c, n->at, E_IMPORT, "cannot import %s: not a .bt or .h file, nor a folder of them", path);
	}
}
