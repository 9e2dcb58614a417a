/* cmd: the command line, one file per subcommand. Comes in: argv. Goes out: an exit status. main.c chooses the
 * subcommand by a row of commands.def; without one the words are those of the tracer (trace.c).
 * Options of the tracer are rows of options.def, from which help, the man page and completions are made.
 * Never here: work; a subcommand says what it wants and calls its room. */
#ifndef CMD_CMD_H
#define CMD_CMD_H

#include "base/base.h"

typedef int CommandFn(int argc, char **argv);   /* argv[0] is the subcommand's own name; gives the exit status */
#define COMMAND(name, fn, what) CommandFn fn;
#include "cmd/commands.def"
#undef COMMAND
CommandFn trace_main;                           /* trace.c: everything that is no subcommand */
void cmd_list(Buf *out);                        /* main.c: the subcommands, one line each */
void cmd_names(Buf *out);                       /* and their names alone, blanks between */

#define PITON_VERSION "0.1.0"

/* options.c: a parser for rows of options. */
typedef struct Option {
	char letter;                    /* 0: none */
	const char *name;               /* long name, NULL: none */
	const char *arg;                /* name of its argument in the help, NULL: takes none */
	const char *what;               /* one line of help; NULL: accepted, not shown */
	int id;
} Option;
/* Gives the next option's id, with *value its argument; 0 at the first word that is no option (or behind "--");
 * -1 on a fault, told on stderr. i: index of the next word of argv, starts at 1. sub: place in a cluster of letters, starts at 0. */
int option_next(const Option *rows, u32 n, char **argv, int argc, int *i, int *sub, const char **value, bool *dashdash);
const Option *trace_options(u32 *n);            /* trace.c: the tracer's rows */
void option_help(const Option *rows, u32 n, Buf *out);

#endif
