/* cpp_include: the text of a header: from where headers lie, or from here what compilers bring along. What BTF serves need not
 * be there. */
#include "type/cpp.h"

#include <limits.h>
#include <stdio.h>
#include <sys/utsname.h>

enum { MAX_INCLUDE = 64 };

static bool
file_exists(const char *dir, const char *name, size_t n, char *path)
{
	return snprintf(path, PATH_MAX, "%s/%.*s", dir, (int)n, name) < PATH_MAX && host_exists(path);
}

/* Where headers lie: -I, the kernel's own (built modules' headers), the system's. */
static bool
find_header(Cpp *c, const char *name, size_t n, bool quoted, char *path)
{
	static const char *const kernel[] = {
#ifdef __x86_64__
		"arch/x86/include", "arch/x86/include/generated", "include", "arch/x86/include/uapi", "arch/x86/include/generated/uapi",
#elif defined(__aarch64__)
		"arch/arm64/include", "arch/arm64/include/generated", "include", "arch/arm64/include/uapi",
		"arch/arm64/include/generated/uapi",
#endif
		"include/uapi", "include/generated/uapi",
	};
	static const char *const system[] = {
		"/usr/local/include",
#ifdef __x86_64__
		"/usr/include/x86_64-linux-gnu",
#elif defined(__aarch64__)
		"/usr/include/aarch64-linux-gnu",
#endif
		"/usr/include",
	};
	char dir[512];
	struct utsname u;

	if (n && name[0] == '/')
		return snprintf(path, PATH_MAX, "%.*s", (int)n, name) < PATH_MAX && host_exists(path);
	if (quoted && c->src && c->src->name) {
		const char *slash = strrchr(c->src->name, '/');

		snprintf(dir, sizeof(dir), "%.*s", slash ? (int)(slash - c->src->name) : 1, slash ? c->src->name : ".");
		if (file_exists(dir, name, n, path))
			return true;
	}
	for (u32 i = 0; i < c->dirs.n; i++)
		if (file_exists(c->dirs.v[i], name, n, path))
			return true;
	uname(&u);
	for (u32 k = 0; k < 2; k++)
		for (u32 i = 0; i < COUNT(kernel); i++) {
			snprintf(dir, sizeof(dir), "/lib/modules/%s/%s/%s", u.release, k ? "source" : "build", kernel[i]);
			if (file_exists(dir, name, n, path))
				return true;
		}
	for (u32 i = 0; i < COUNT(system); i++)
		if (file_exists(system[i], name, n, path))
			return true;
	return false;
}

/* Headers that compilers bring along. */
static const char *
own_header(const char *name, size_t n)
{
	static const struct { const char *name, *text; } own[] = {
		{ "stddef.h", "typedef unsigned long size_t; typedef long ptrdiff_t; typedef int wchar_t;\n#define NULL ((void *)0)\n"
			"#define offsetof(t, m) __builtin_offsetof(t, m)\n" },
		{ "stdarg.h", "typedef void *va_list; typedef void *__gnuc_va_list;\n" },
		{ "stdbool.h", "#define bool _Bool\n#define true 1\n#define false 0\n" },
		{ "float.h", "" },
		{ "limits.h", "#define CHAR_BIT 8\n#define INT_MAX 2147483647\n#define INT_MIN (-INT_MAX - 1)\n#define UINT_MAX 4294967295U\n"
			"#define LONG_MAX 9223372036854775807L\n#define LONG_MIN (-LONG_MAX - 1L)\n#define PATH_MAX 4096\n#define NAME_MAX 255\n" },
	};

	for (u32 i = 0; i < COUNT(own); i++)
		if (strlen(own[i].name) == n && !memcmp(own[i].name, name, n))
			return own[i].text;
	return NULL;
}

/* Types that BTF knows do not need the kernel's internal headers, which few machines have. */
static bool
btf_serves(Cpp *c, const char *name, size_t n)
{
	static const char *const of_kernel[] = { "linux/", "net/", "asm/", "asm-generic/", "uapi/", "trace/", "scsi/", "drm/" };

	for (u32 i = 0; i < COUNT(of_kernel); i++)
		if (n > strlen(of_kernel[i]) && !memcmp(name, of_kernel[i], strlen(of_kernel[i])))
			return type_has_btf(c->ts);
	return false;
}

/* BTF holds no macros: those numbers of the kernel's headers that scripts use and that are the same on every Linux. */
static void
add_constants(Cpp *c, const char *name, size_t n)
{
	static const struct { const char *header, *text; } rows[] = {
		{ "linux/sched.h", "#define TASK_RUNNING 0\n#define TASK_INTERRUPTIBLE 1\n#define TASK_UNINTERRUPTIBLE 2\n"
			"#define __TASK_STOPPED 4\n#define __TASK_TRACED 8\n#define PF_KTHREAD 0x00200000\n#define PF_EXITING 4\n" },
		{ "linux/socket.h", "#define AF_UNIX 1\n#define AF_INET 2\n#define AF_INET6 10\n#define AF_NETLINK 16\n"
			"#define AF_PACKET 17\n" },
		{ "linux/stat.h", "#define S_IFMT 00170000\n#define S_IFREG 0100000\n#define S_IFDIR 0040000\n#define S_IFLNK 0120000\n"
			"#define S_IFSOCK 0140000\n#define S_IFIFO 0010000\n#define S_IFCHR 0020000\n#define S_IFBLK 0060000\n" },
		{ "linux/fs.h", "#define FMODE_READ 1\n#define FMODE_WRITE 2\n#define MAY_EXEC 1\n#define MAY_WRITE 2\n#define MAY_READ 4\n" },
	};

	for (u32 i = 0; i < COUNT(rows); i++)
		if (strlen(rows[i].header) == n && !memcmp(rows[i].header, name, n))
			cpp_open_source(c, NULL, rows[i].text, strlen(rows[i].text), 0);
}

void
cpp_include(Cpp *c, const CTokens *given, u32 pos)
{
	CTokens line = { 0 };
	const char *name, *end = NULL, *text;
	char path[PATH_MAX];
	Buf b = { 0 };
	bool quoted;

	if (given->n && given->v[0].kind == CT_ID)
		cpp_expand_list(c, given->v, given->n, &line);
	else
		line = *given;
	if (!line.n)
		goto bad;
	quoted = line.v[0].kind == CT_STR;
	name = line.v[0].p + 1;
	if (quoted)
		end = line.v[0].p + line.v[0].n - 1;
	else if (c_is(&line.v[0], "<"))
		for (u32 i = 1; i < line.n && !end; i++)
			if (c_is(&line.v[i], ">"))
				end = line.v[i].p;
	if (!end || end <= name)
		goto bad;
	if (c->depth >= MAX_INCLUDE) {
		cpp_complain(c, pos, 1, "#include is nested more than %d deep", MAX_INCLUDE);
		return;
	}
	text = own_header(name, (size_t)(end - name));
	if (text) {
		cpp_open_source(c, NULL, text, strlen(text), 0);
		return;
	}
	if (!find_header(c, name, (size_t)(end - name), quoted, path)) {
		if (btf_serves(c, name, (size_t)(end - name))) {
			add_constants(c, name, (size_t)(end - name));
			return;
		}
		cpp_complain(c, line.v[0].pos, (u32)(end - name) + 2, "cannot find the file '%.*s' to include", (int)(end - name), name);
		if (c->d)
			diag_hint(c->d, "name its folder with -I");
		return;
	}
	if (map_get(&c->once, path, strlen(path)))
		return;
	if (host_read(path, &b)) {
		cpp_complain(c, pos, 1, "cannot read '%s'", path);
	} else {
		text = arena_str(c->a, b.p ? b.p : "", b.n);
		cpp_open_source(c, arena_str(c->a, path, strlen(path)), text, b.n, 0);
		if (!strncmp(path, "/usr/", 5))         /* the header for programs: the kernel's own has more */
			add_constants(c, name, (size_t)(end - name));
	}
	buf_free(&b);
	return;
bad:
	cpp_complain(c, pos, 1, "#include needs \"file\" or <file>");
}
