/* main: the first word, or the name we were called by, chooses. */
#include "cmd/cmd.h"

#include <stdio.h>

static const struct { const char *name; CommandFn *fn; const char *what; } commands[] = {
#define COMMAND(name, fn, what) { #name, fn, what },
#include "cmd/commands.def"
#undef COMMAND
};

static CommandFn *
find(const char *name)
{
	for (u32 i = 0; i < COUNT(commands); i++)
		if (!strcmp(commands[i].name, name))
			return commands[i].fn;
	return NULL;
}

void
cmd_list(Buf *out)
{
	for (u32 i = 0; i < COUNT(commands); i++)
		buf_printf(out, "  piton %-10s %s\n", commands[i].name, commands[i].what);
}

void
cmd_names(Buf *out)
{
	for (u32 i = 0; i < COUNT(commands); i++)
		buf_printf(out, "%s%s", i ? " " : "", commands[i].name);
}

int
main(int argc, char **argv)
{
	const char *slash = argc ? strrchr(argv[0], '/') : NULL;
	CommandFn *fn = argc ? find(slash ? slash + 1 : argv[0]) : NULL;

	if (fn)
		return fn(argc, argv);
	if (argc > 1 && (fn = find(argv[1])))
		return fn(argc - 1, argv + 1);
	return trace_main(argc, argv);
}
