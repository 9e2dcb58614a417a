/* library: what the language itself can express, as macros in it. Read when a script calls a name that is neither a builtin
 * nor its own macro. A script's macro of the same name and parameters stands before the library's. */
#include "lang/comp.h"

static const char text[] =
	"macro assert(cond, msg) { if (!(cond)) { errorf(\"assert failed: %s\", msg); exit(1); } }\n"
	"macro assert_str(a) { if comptime (!is_str(a)) { fail(\"a string is expected\"); } }\n"
	"macro find(@map, key, $value) { let $found = has_key(@map, key); if ($found) { $value = @map[key]; } $found }\n"
	"macro __always_true() { 1 }\n"
	"macro container_of(ptr, type, member) { (typeof(type) *)((uint64)(ptr) - offsetof(type, member)) }\n";

static bool
has_macro(const char *name)
{
	size_t n = strlen(name);

	for (const char *s = text; (s = strstr(s, "macro ")); s++)
		if (!strncmp(s + 6, name, n) && s[6 + n] == '(')
			return true;
	return false;
}

bool
library_load(Comp *c, const char *name)
{
	u32 base;

	if (c->library || !has_macro(name))
		return false;
	c->library = true;
	base = diag_source(c->d, "library", text, sizeof(text) - 1);
	c->in_library = true;
	comp_source(c, text, sizeof(text) - 1, base);
	c->in_library = false;
	return true;
}
