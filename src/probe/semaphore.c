/* semaphore: the counter by which a program knows that somebody watches one of its USDT probes, raised and lowered by writing into the
 * memory of one process: for kernels that do not count by themselves (before 4.20). */
#include "probe/inside.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* Where in the process lies what stands at `offset` of the file, in a mapping of its own that can be written. 0: nowhere. */
static u64
address_in(s32 pid, const char *file, u64 offset)
{
	char path[64], real[PATH_MAX];
	struct stat st;
	Buf b = { 0 };
	u64 found = 0;

	snprintf(path, sizeof(path), "/proc/%d/maps", pid);
	if (stat(host_path(file, real, sizeof(real)), &st) || host_read(path, &b))
		goto out;
	for (char *save = NULL, *line = strtok_r(b.p, "\n", &save); line && !found; line = strtok_r(NULL, "\n", &save)) {
		unsigned long long start, end, at, inode;
		char perms[8];

		if (sscanf(line, "%llx-%llx %7s %llx %*s %llu", &start, &end, perms, &at, &inode) == 5 && perms[1] == 'w' &&
		    inode == st.st_ino && offset >= at && offset - at < end - start)
			found = start + (offset - at);
	}
out:
	buf_free(&b);
	return found;
}

static int
add(s32 pid, u64 at, int by)
{
	char path[64];
	u16 value;
	int fd, err = 0;

	snprintf(path, sizeof(path), "/proc/%d/mem", pid);
	fd = host_open(path, O_RDWR);
	if (fd < 0)
		return fd;
	if (pread(fd, &value, sizeof(value), (off_t)at) != sizeof(value))
		err = -errno;
	value = (u16)(value + by);
	if (!err && pwrite(fd, &value, sizeof(value), (off_t)at) != sizeof(value))
		err = -errno;
	close(fd);
	return err;
}

int
semaphore_raise(s32 pid, const char *file, u64 offset, u64 *at)
{
	*at = pid > 0 ? address_in(pid, file, offset) : 0;
	return pid <= 0 ? -ESRCH : *at ? add(pid, *at, 1) : -ENXIO;
}

void
semaphore_lower(s32 pid, u64 at)
{
	add(pid, at, -1);       /* the process may be gone, and its counter with it */
}
