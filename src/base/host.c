/* host: the one door to the host's files, so that a saved tree (--sysroot) can stand in for the machine. */
#include "base/base.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *sysroot;

void
host_set_sysroot(const char *dir)
{
	sysroot = dir;
}

const char *
host_path(const char *path, char *out, size_t size)
{
	if (!sysroot || path[0] != '/')
		return path;
	snprintf(out, size, "%s%s", sysroot, path);
	return out;
}

int
host_open(const char *path, int flags)
{
	char full[PATH_MAX];
	int fd = open(host_path(path, full, sizeof(full)), flags | O_CLOEXEC, 0666);

	return fd < 0 ? -errno : fd;
}

bool
host_exists(const char *path)
{
	char full[PATH_MAX];

	return access(host_path(path, full, sizeof(full)), F_OK) == 0;
}

int
host_read(const char *path, Buf *out)
{
	int fd = host_open(path, O_RDONLY), err = 0;

	if (fd < 0)
		return fd;
	for (;;) {
		ssize_t n = read(fd, buf_space(out, 16384), 16384);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			err = -errno;
		if (n <= 0)
			break;
		out->n += (size_t)n;
	}
	buf_space(out, 0);
	out->p[out->n] = 0;
	close(fd);
	return err;
}

int
host_member(const char *path, char *archive, size_t room, u64 *offset, u64 *size)
{
	const char *bang = strstr(path, "!/");
	HostMap m;
	int err;

	snprintf(archive, room, "%s", path);
	*offset = *size = 0;
	if (!bang || (size_t)(bang - path) >= room)
		return 0;
	archive[bang - path] = 0;
	err = host_map(archive, &m);
	if (err)
		return err;
	err = base_zip_member(m.p, m.n, bang + 2, offset, size);
	host_unmap(&m);
	return !err && *offset % (u64)sysconf(_SC_PAGESIZE) ? -ENOTSUP : err;
}

static int
map_member(const char *path, HostMap *m)
{
	char archive[PATH_MAX];
	u64 offset, size;
	int err = host_member(path, archive, sizeof(archive), &offset, &size), fd;
	void *p;

	if (err)
		return err;
	fd = size ? host_open(archive, O_RDONLY) : -ENOENT;
	if (fd < 0)
		return fd;
	p = mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, (off_t)offset);
	if (p == MAP_FAILED)
		err = -errno;
	else
		*m = (HostMap){ p, size, false };
	close(fd);
	return err;
}

int
host_map(const char *path, HostMap *m)
{
	int fd = host_open(path, O_RDONLY), err = 0;
	Buf b = { 0 };
	struct stat st;

	*m = (HostMap){ 0 };
	if (fd < 0 && strstr(path, "!/"))
		return map_member(path, m);
	if (fd < 0)
		return fd;
	if (fstat(fd, &st) < 0)
		err = -errno;
	else if (S_ISDIR(st.st_mode))
		err = -EISDIR;
	else if (st.st_size > 0) {
		void *p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);

		if (p != MAP_FAILED)
			*m = (HostMap){ p, (size_t)st.st_size, false };
	}
	close(fd);
	if (err || m->p)
		return err;
	err = host_read(path, &b);
	if (err)
		buf_free(&b);
	else
		*m = (HostMap){ (u8 *)b.p, b.n, true };
	return err;
}

void
host_unmap(HostMap *m)
{
	if (m->heap)
		free((void *)m->p);
	else if (m->p)
		munmap((void *)m->p, m->n);
	*m = (HostMap){ 0 };
}

/* Reads a list such as "0-3,8" into out; gives the count (0 if the file cannot be read). */
static u32
cpu_list(const char *path, VecU32 *out, Arena *a)
{
	Buf b = { 0 };
	u32 n = 0;

	if (!host_read(path, &b))
		for (char *p = b.p; *p >= '0' && *p <= '9'; p += *p == ',') {
			u32 lo = (u32)strtoul(p, &p, 10), hi = lo;

			if (*p == '-')
				hi = (u32)strtoul(p + 1, &p, 10);
			for (; lo <= hi && n < 65536; lo++, n++)
				if (out)
					VEC_PUSH(a, out, lo);
		}
	buf_free(&b);
	return n;
}

u32
host_cpus(void)
{
	static u32 n;

	if (!n) {
		Arena *a = arena_new();
		VecU32 list = { 0 };

		/* The highest number counts, not how many there are: per-CPU values are laid out by number. */
		if (cpu_list("/sys/devices/system/cpu/possible", &list, a))
			n = list.v[list.n - 1] + 1;
		else
			n = (u32)MAX(sysconf(_SC_NPROCESSORS_CONF), 1);
		arena_free(a);
	}
	return n;
}

u32
host_cpus_online(VecU32 *out, Arena *a)
{
	u32 n = cpu_list("/sys/devices/system/cpu/online", out, a);

	if (!n) {
		n = (u32)MAX(sysconf(_SC_NPROCESSORS_ONLN), 1);
		for (u32 i = 0; i < n; i++)
			VEC_PUSH(a, out, i);
	}
	return n;
}
