/* builtin: the families' rows by name. */
#include "lang/comp.h"

static const Builtin *const families[] = {
#define FAMILY(x) builtins_##x,
#include "lang/builtins.def"
#undef FAMILY
};

const Builtin *
builtin_find(const char *name)
{
	static Map byname;
	static const char plain[] = "__builtin_";       /* in front of a builtin's own name, for macros that wrap it */

	if (!byname.arena) {
		byname.arena = arena_new();
		for (size_t i = 0; i < COUNT(families); i++)
			for (const Builtin *b = families[i]; b->name; b++)
				map_set(&byname, b->name, strlen(b->name), (void *)b);
	}
	if (!strncmp(name, plain, sizeof(plain) - 1))
		name += sizeof(plain) - 1;
	return map_get(&byname, name, strlen(name));
}

const char *
builtin_nearest(Comp *c, const char *name)
{
	Vec(const char *) v = { 0 };

	for (size_t i = 0; i < COUNT(families); i++)
		for (const Builtin *b = families[i]; b->name; b++)
			VEC_PUSH(c->a, &v, b->name);
	return base_nearest(name, v.v, v.n);
}
