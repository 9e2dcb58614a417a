/* tracefs: where the kernel tells its tracepoints. Usual places first, then the table of mounts. Mounted nowhere: we may
 * still have one of our own that nobody sees, if the kernel lets us (fsopen and fsmount, 5.2, CAP_SYS_ADMIN): the mount
 * hangs on a file descriptor and vanishes with it. */
#include "kern/machine.h"

#include <fcntl.h>
#include <limits.h>
#include <linux/mount.h>
#include <stdio.h>
#include <stdlib.h>

static bool
usable(const char *dir)
{
	char path[PATH_MAX + 16];

	snprintf(path, sizeof(path), "%s/events", dir);
	return host_exists(path);
}

/* "device dir type ...": the dir of the first tracefs, or of a debugfs that has one inside. */
static bool
mounted(char *out, size_t size)
{
	Buf b = { 0 };
	bool found = false;

	if (host_read("/proc/self/mounts", &b))
		buf_free(&b);
	for (char *line = b.p, *save = NULL; !found && (line = strtok_r(line, "\n", &save)); line = NULL) {
		char *dir = strchr(line, ' '), *type = dir ? strchr(dir + 1, ' ') : NULL;

		if (!type)
			continue;
		if (!strncmp(type, " tracefs ", 9))
			snprintf(out, size, "%.*s", (int)(type - dir - 1), dir + 1);
		else if (!strncmp(type, " debugfs ", 9))
			snprintf(out, size, "%.*s/tracing", (int)(type - dir - 1), dir + 1);
		else
			continue;
		found = usable(out);
	}
	buf_free(&b);
	return found;
}

/* A mount that is in no folder; -1 if we may not. */
static int
own_mount(void)
{
	int fs = (int)syscall(SYS_fsopen, "tracefs", FSOPEN_CLOEXEC), mnt = -1;

	if (fs < 0)
		return -1;
	if (!syscall(SYS_fsconfig, fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0))
		mnt = (int)syscall(SYS_fsmount, fs, FSMOUNT_CLOEXEC, 0);
	close(fs);
	return mnt;
}

const char *
kern_tracefs(void)
{
	static const char *const usual[] = { "/sys/kernel/tracing", "/sys/kernel/debug/tracing" };
	static char place[PATH_MAX];
	static const char *found;
	static bool looked;
	char probe[PATH_MAX];

	if (looked)
		return found;
	looked = true;
	for (u32 i = 0; i < COUNT(usual); i++)
		if (usable(usual[i]))
			return found = usual[i];
	if (mounted(place, sizeof(place)))
		return found = place;
	if (host_path("/", probe, sizeof(probe)) != probe) {    /* a sysroot's tracefs cannot come from this kernel */
		int fd = own_mount();

		if (fd >= 0) {
			snprintf(place, sizeof(place), "/proc/self/fd/%d", fd);
			if (usable(place))
				return found = place;
			close(fd);
		}
	}
	return NULL;
}

int
kern_tracepoint_id(const char *category, const char *event)
{
	const char *dir = kern_tracefs();
	char path[PATH_MAX], text[16];
	int fd;
	ssize_t n;

	if (!dir)
		return -ENOENT;
	if (strchr(category, '/') || strchr(event, '/'))
		return -EINVAL;
	snprintf(path, sizeof(path), "%s/events/%s/%s/id", dir, category, event);
	fd = host_open(path, O_RDONLY);
	if (fd < 0)
		return fd;
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (n <= 0)
		return -EIO;
	text[n] = 0;
	return atoi(text);
}
