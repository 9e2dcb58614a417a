/* find: the file that a short name means: "bash" as the shell finds it, "libc.so.6" and "c" as the dynamic linker does
 * (its cache /etc/ld.so.cache, then the usual folders). With a pid: below that process's root. */
#include "sym/inside.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static bool
is_file(u32 pid, const char *path, char *out, size_t size)
{
	char full[PATH_MAX];

	if (pid)
		snprintf(full, sizeof(full), "/proc/%u/root%s", pid, path);
	else
		snprintf(full, sizeof(full), "%s", path);
	if (!host_exists(full))
		return false;
	snprintf(out, size, "%s", full);
	return true;
}

/* True for the soname that `name` ("c", "libc", "libc.so") means: itself, or lib<name>.so, lib<name>.so.6. */
static bool
means(const char *soname, const char *name)
{
	size_t n = strlen(name);

	if (!strcmp(soname, name))
		return true;
	if (n > 3 && !strcmp(name + n - 3, ".so") && !strncmp(soname, name, n))
		return soname[n] == '.';
	if (!strncmp(name, "lib", 3)) {
		name += 3;
		n -= 3;
	}
	return !strncmp(soname, "lib", 3) && !strncmp(soname + 3, name, n) && !strncmp(soname + 3 + n, ".so", 3) &&
	       (!soname[n + 6] || soname[n + 6] == '.');
}

/* The linker's cache: a header "glibc-ld.so.cache1.1", u32 count, u32 string bytes, 5 u32 of no use here, then entries of
 * { s32 flags; u32 key, value; u32 os; u64 hwcap }, key and value being offsets of strings from the header. */
static bool
in_cache(u32 pid, const char *name, char *out, size_t size)
{
	static const char magic[] = "glibc-ld.so.cache1.1";
	enum { HEADER = 48, ENTRY = 24 };
	char path[64];
	Buf b = { 0 };
	bool found = false;
	const char *h;
	u32 n;

	snprintf(path, sizeof(path), pid ? "/proc/%u/root/etc/ld.so.cache" : "/etc/ld.so.cache", pid);
	if (host_read(path, &b) || b.n < HEADER)
		goto out;
	h = memmem(b.p, b.n, magic, sizeof(magic) - 1);         /* an older table may stand before it */
	if (!h || (size_t)(b.p + b.n - h) < HEADER)
		goto out;
	size_t room = (size_t)(b.p + b.n - h);
	memcpy(&n, h + 20, 4);
	for (u32 i = 0; i < n && !found && HEADER + (size_t)(i + 1) * ENTRY <= room; i++) {
		u32 key, value;

		memcpy(&key, h + HEADER + i * ENTRY + 4, 4);
		memcpy(&value, h + HEADER + i * ENTRY + 8, 4);
		if (key < room && value < room && means(h + key, name))
			found = is_file(pid, h + value, out, size);
	}
out:
	buf_free(&b);
	return found;
}

static bool
in_dirs(u32 pid, const char *dirs, const char *name, char *out, size_t size)
{
	char path[PATH_MAX];

	for (const char *p = dirs; *p; p += *p == ':') {
		size_t n = strcspn(p, ":");

		snprintf(path, sizeof(path), "%.*s/%s", (int)n, p, name);
		if (is_file(pid, path, out, size))
			return true;
		p += n;
	}
	return false;
}

int
sym_find_file(const char *name, u32 pid, char *out, size_t size)
{
	static const char libs[] = "/lib:/usr/lib:/lib64:/usr/lib64:/usr/local/lib:/lib/x86_64-linux-gnu:/usr/lib/x86_64-linux-gnu:"
				   "/lib/aarch64-linux-gnu:/usr/lib/aarch64-linux-gnu";
	const char *dirs = getenv("PATH");
	char path[PATH_MAX];

	if (!*name)
		return -ENOENT;
	if (*name == '/')
		return is_file(pid, name, out, size) || is_file(0, name, out, size) ? 0 : -ENOENT;
	if (strchr(name, '/')) {
		if (!realpath(name, path))
			return -errno;
		return is_file(0, path, out, size) ? 0 : -ENOENT;
	}
	if (in_dirs(pid, dirs ? dirs : "/bin:/usr/bin:/sbin:/usr/sbin", name, out, size) || in_cache(pid, name, out, size))
		return 0;
	snprintf(path, sizeof(path), "lib%s.so", name);
	return in_dirs(pid, libs, name, out, size) || in_dirs(pid, libs, path, out, size) ? 0 : -ENOENT;
}
