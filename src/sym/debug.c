/* debug: the separate file with a program's symbols and debug information, looked for as debuggers do: by build id below the debug
 * folders, then by the name in .gnu_debuglink: beside the program, in .debug there, in the debug folders. A file must have the
 * program's build id; where one of them has none, the checksum of .gnu_debuglink must be right (in folders of --debuginfo only if a
 * '+' stands before). Debug folders are those of --debuginfo, by their path from here or from the program's folder, and /usr/lib/debug. */
#include "sym/inside.h"

#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <zlib.h>

static const char *extra_dirs = "";

void
sym_debug_dirs(const char *dirs)
{
	extra_dirs = dirs ? dirs : "";
}

typedef struct Wanted { const DebugName *name; const char *dir; DebugTry *try; void *arg; } Wanted;
typedef enum Check { NO_CRC, CRC_WITHOUT_ID, CRC_ALWAYS } Check;

static bool
fits(const Wanted *w, const HostMap *m, Check check)
{
	char id[SYM_BUILD_ID];
	bool known = sym_image_build_id(m, id) && w->name->build_id[0];

	if (known && strcmp(id, w->name->build_id))
		return false;
	if (check == NO_CRC || (check == CRC_WITHOUT_ID && known) || !w->name->link)
		return true;
	return crc32_z(0, m->p, m->n) == w->name->crc;
}

static bool
try_file(const Wanted *w, Check check, const char *file)
{
	HostMap m;

	if (!strcmp(file, w->name->path) || host_map(file, &m))
		return false;
	if (fits(w, &m, check) && w->try(w->arg, &m))
		return true;
	host_unmap(&m);
	return false;
}

static bool
in_folder(const Wanted *w, const char *folder, Check check)
{
	const char *id = w->name->build_id;
	char file[PATH_MAX + 256];

	if (id[0]) {
		snprintf(file, sizeof(file), "%s/.build-id/%.2s/%s.debug", folder, id, id + 2);
		if (try_file(w, check, file))
			return true;
	}
	snprintf(file, sizeof(file), "%s%s.debug", folder, w->name->path);
	if (try_file(w, check == CRC_ALWAYS ? check : NO_CRC, file))
		return true;
	if (!w->name->link)
		return false;
	snprintf(file, sizeof(file), "%s%s/%s", folder, w->dir, w->name->link);
	if (try_file(w, check, file))
		return true;
	snprintf(file, sizeof(file), "%s/%s", folder, w->name->link);
	return try_file(w, check, file);
}

/* The folders of --debuginfo: "DIR:+DIR:..." */
static bool
in_extra_dirs(const Wanted *w)
{
	Buf folder = { 0 };
	bool found = false;

	for (const char *p = extra_dirs; *p && !found; p += *p == ':') {
		size_t n = strcspn(p, ":");
		bool crc = *p == '+';
		const char *start = p + crc;

		p += n;
		for (int beside = 0; beside <= (*start != '/') && !found && n > crc; beside++) {
			buf_clear(&folder);
			if (beside)
				buf_printf(&folder, "%s/", w->dir);
			buf_put(&folder, start, n - crc);
			found = in_folder(w, folder.p, crc ? CRC_ALWAYS : NO_CRC);
		}
	}
	buf_free(&folder);
	return found;
}

bool
sym_debug_find(const DebugName *name, DebugTry *try, void *arg)
{
	char dir[PATH_MAX], file[PATH_MAX + 256];
	Wanted w = { name, dir, try, arg };

	/* Below a debug folder a program's own folder counts by its absolute name. */
	if (*name->path == '/' || !realpath(name->path, dir))
		snprintf(dir, sizeof(dir), "%s", name->path);
	dirname(dir);
	if (in_extra_dirs(&w))
		return true;
	if (name->link) {
		snprintf(file, sizeof(file), "%s/%s", dir, name->link);
		if (try_file(&w, CRC_WITHOUT_ID, file))
			return true;
		snprintf(file, sizeof(file), "%s/.debug/%s", dir, name->link);
		if (try_file(&w, CRC_WITHOUT_ID, file))
			return true;
	}
	return in_folder(&w, "/usr/lib/debug", CRC_WITHOUT_ID);
}
