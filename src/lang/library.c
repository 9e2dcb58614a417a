/* library: what the language itself can express, as macros in it. Read when a script calls a name that is neither a builtin
 * nor its own macro. A script's macro of the same name and parameters stands before the library's. */
#include "lang/comp.h"

static const char text[] =
	"macro assert(cond, msg) { if (!(cond)) { errorf(\"assert failed: %s\", msg); exit(1); } }\n"
	"macro assert_str(a) { if comptime (!is_str(a)) { fail(\"a string is expected\"); } }\n"
	"macro find(@map, key, $value) { let $found = has_key(@map, key); if ($found) { $value = @map[key]; } $found }\n"
	"macro __always_true() { 1 }\n"
	"macro container_of(ptr, type, member) { (typeof(type) *)((uint64)(ptr) - offsetof(type, member)) }\n"
	/* The numbers of a namespace are an xarray (lib/xarray.c): nodes of 64 slots, told from entries by their lowest bits. */
	"macro comm(id) {\n"
	"	if comptime (!is_integer(id)) { fail(\"comm() takes the number of a process\"); }\n"
	"	let $id = (int64)(uint32)(id);\n"
	"	let $at = (uint64)__pid_namespace().idr.idr_rt.xa_head;\n"
	"	unroll(5) {\n"
	"		if ($at > 4096 && ($at & 3) == 2) {\n"
	"			let $node = kptr((struct xa_node *)($at - 2));\n"
	"			$at = $id >> $node.shift < 64 ? (uint64)$node.slots[$id >> $node.shift] : 0;\n"
	"			$id &= (1 << $node.shift) - 1;\n"
	"		}\n"
	"	}\n"
	"	let $first = $at ? (uint64)kptr((struct pid *)$at).tasks[0].first : 0;\n"
	"	$first ? kptr((struct task_struct *)($first - offsetof(struct task_struct, pid_links))).comm : \"\"\n"
	"}\n";
/* Where the ids that comm() is given belong: the namespace that piton lives in, which is one of those of whoever runs. */
static const char first_namespace[] = "macro __pid_namespace() { curtask.thread_pid.numbers[0].ns }\n";
static const char inner_namespace[] =
	"macro __pid_namespace() {\n"
	"	let $ns = curtask.thread_pid.numbers[0].ns;\n"
	"	let $level = (int64)curtask.thread_pid.level;\n"
	"	unroll(4) {\n"
	"		let $one = (kptr((struct upid *)((uint64)curtask.thread_pid + offsetof(struct pid, numbers))) + $level).ns;\n"
	"		if ($one.ns.inum == INUM) { $ns = $one; }\n"
	"		if ($level > 0) { $level -= 1; }\n"
	"	}\n"
	"	$ns\n"
	"}\n";

static bool
has_macro(const char *name)
{
	size_t n = strlen(name);

	for (const char *s = text; (s = strstr(s, "macro ")); s++)
		if (!strncmp(s + 6, name, n) && s[6 + n] == '(')
			return true;
	return false;
}

/* The library's text, with the one number in it that depends on where piton runs. */
static const char *
whole(Arena *a)
{
	const char *at = strstr(inner_namespace, "INUM");
	u64 dev, ino;

	if (!lang_own_namespace(&dev, &ino))
		return arena_printf(a, "%s%s", text, first_namespace);
	return arena_printf(a, "%s%.*s%llu%s", text, (int)(at - inner_namespace), inner_namespace, (unsigned long long)ino, at + 4);
}

bool
library_load(Comp *c, const char *name)
{
	const char *lib;
	u32 base;

	if (c->library || !has_macro(name))
		return false;
	c->library = true;
	lib = whole(c->a);
	base = diag_source(c->d, "library", lib, strlen(lib));
	c->in_library = true;
	comp_source(c, lib, strlen(lib), base);
	c->in_library = false;
	return true;
}
