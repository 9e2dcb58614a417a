/* debugdir: the folders below which separate debug files lie: those that the user named, then the system's. */
#include "sym/sym.h"

#include <stdio.h>

static const char *named = "";

void
sym_debug_dirs(const char *list)
{
	named = list;
}

bool
sym_debug_dir(u32 i, char *out, size_t size)
{
	for (const char *p = named; *p; p += strspn(p, ":")) {
		size_t n = strcspn(p, ":");

		if (!i--)
			return snprintf(out, size, "%.*s", (int)n, p) < (int)size;
		p += n;
	}
	return !i && snprintf(out, size, "/usr/lib/debug") < (int)size;
}
