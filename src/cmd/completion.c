/* completion: what a shell needs to complete our words, made from the option rows, the subcommands and the probe list. */
#include "cmd/cmd.h"

#include <stdio.h>

/* Options whose argument is one of a few words. */
static const struct { const char *option, *words; } choices[] = {
	{ "format", "text json" }, { "buffer", "line full none" }, { "machine", "auto kernel user" }, { "mode", "test bench format" },
};

static const char *
words_of(const Option *o)
{
	for (u32 i = 0; o->name && i < COUNT(choices); i++)
		if (!strcmp(o->name, choices[i].option))
			return choices[i].words;
	return NULL;
}

/* Complete the argument of o, the word before. */
static void
bash_argument(const Option *o)
{
	bool file = o->arg && !strcmp(o->arg, "FILE"), dir = o->arg && !strcmp(o->arg, "DIR"), pid = o->arg && !strcmp(o->arg, "PID");

	if (!words_of(o) && !file && !dir && !pid)
		return;
	printf("\t");
	if (o->letter)
		printf("-%c%s", o->letter, o->name ? "|" : "");
	if (o->name)
		printf("--%s", o->name);
	if (words_of(o))
		printf(") COMPREPLY=($(compgen -W '%s' -- \"$cur\")); return;;\n", words_of(o));
	else if (pid)
		printf(") COMPREPLY=($(compgen -W \"$(cd /proc && echo [0-9]*)\" -- \"$cur\")); return;;\n");
	else
		printf(") COMPREPLY=($(compgen -%c -- \"$cur\")); return;;\n", dir ? 'd' : 'f');
}

static void
bash(const Option *rows, u32 n)
{
	Buf names = { 0 };

	cmd_names(&names);
	printf("# bash completion of piton\n_piton()\n{\n"
	       "\tlocal cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}\n"
	       "\tcase $prev in\n");
	for (u32 i = 0; i < n; i++)
		if (rows[i].what)
			bash_argument(&rows[i]);
	printf("\tcompletion) COMPREPLY=($(compgen -W 'bash zsh fish' -- \"$cur\")); return;;\n"
	       "\tesac\n"
	       "\tif [[ $cur == -* ]]; then COMPREPLY=($(compgen -W '");
	for (u32 i = 0; i < n; i++) {
		if (rows[i].letter && rows[i].what)
			printf("-%c ", rows[i].letter);
		if (rows[i].name && rows[i].what)
			printf("--%s ", rows[i].name);
	}
	printf("' -- \"$cur\"))\n"
	       "\telif [[ $COMP_CWORD = 1 ]]; then COMPREPLY=($(compgen -W '%s' -- \"$cur\") $(compgen -f -- \"$cur\"))\n"
	       "\telse COMPREPLY=($(compgen -f -- \"$cur\"))\n\tfi\n}\ncomplete -o filenames -F _piton piton\n", names.p);
	buf_free(&names);
}

/* Text between the quotes of zsh's _arguments: colons and brackets end it. */
static void
plain(const char *text)
{
	for (; *text; text++)
		if (*text == '\'')
			fputs("'\\''", stdout);
		else if (!strchr("[]:", *text))
			putchar(*text);
}

static void
zsh(const Option *rows, u32 n)
{
	printf("#compdef piton\n_arguments -s \\\n");
	for (u32 i = 0; i < n; i++) {
		const Option *o = &rows[i];

		for (int form = 0; o->what && form < 2; form++) {
			if (form ? !o->name : !o->letter)
				continue;
			if (form)
				printf("\t'--%s%s[", o->name, o->arg ? "=" : "");
			else
				printf("\t'-%c[", o->letter);
			plain(o->what);
			putchar(']');
			if (o->arg && words_of(o))
				printf(":%s:(%s)", o->arg, words_of(o));
			else if (o->arg)
				printf(":%s:%s", o->arg, !strcmp(o->arg, "FILE") ? "_files" : !strcmp(o->arg, "DIR") ? "_files -/" :
				       !strcmp(o->arg, "PID") ? "_pids" : " ");
			printf("' \\\n");
		}
	}
	Buf names = { 0 };

	cmd_names(&names);
	printf("\t'1:command or file:{ _values command %s; _files }' \\\n\t'*:file:_files'\n", names.p);
	buf_free(&names);
}

static void
fish(const Option *rows, u32 n)
{
	Buf names = { 0 };

	cmd_names(&names);
	printf("complete -c piton -n __fish_use_subcommand -a '%s'\n", names.p);
	buf_free(&names);
	for (u32 i = 0; i < n; i++) {
		const Option *o = &rows[i];

		if (!o->what)
			continue;
		printf("complete -c piton");
		if (o->letter)
			printf(" -s %c", o->letter);
		if (o->name)
			printf(" -l %s", o->name);
		if (words_of(o))
			printf(" -x -a '%s'", words_of(o));
		printf("%s -d '", o->arg && !words_of(o) ? " -r" : "");
		plain(o->what);
		printf("'\n");
	}
}

int
completion_main(int argc, char **argv)
{
	u32 n;
	const Option *rows = trace_options(&n);

	if (argc == 2 && !strcmp(argv[1], "bash"))
		bash(rows, n);
	else if (argc == 2 && !strcmp(argv[1], "zsh"))
		zsh(rows, n);
	else if (argc == 2 && !strcmp(argv[1], "fish"))
		fish(rows, n);
	else {
		fputs("usage: piton completion bash|zsh|fish\n", stderr);
		return 2;
	}
	return 0;
}
