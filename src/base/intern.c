/* intern: one pointer per spelling. */
#include "base/base.h"

const char *
intern(const char *s, size_t n)
{
	static Map names;
	char *p;

	if (!names.arena)
		names.arena = arena_new();
	p = map_get(&names, s, n);
	if (!p) {
		p = arena_str(names.arena, s, n);
		map_set(&names, s, n, p);
	}
	return p;
}

const char *
interns(const char *s)
{
	return intern(s, strlen(s));
}
