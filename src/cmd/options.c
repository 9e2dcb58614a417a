/* options: reads argv by rows. Letters may be clustered (-qv), an argument may follow in the same word (-fjson) or the
 * next; long options take --name=value or --name value; "--" ends them. */
#include "cmd/cmd.h"

#include <stdio.h>

static int
fault(const char *what, const char *word, const char *hint)
{
	fprintf(stderr, "ERROR: %s: %s%s%s\n", word, what, hint ? "; did you mean --" : "", hint ? hint : "");
	return -1;
}

static int
long_option(const Option *rows, u32 n, char **argv, int argc, int *i, const char **value)
{
	const char *word = argv[*i], *name = word + 2;
	size_t len = strcspn(name, "=");
	const char *names[64];
	u32 n_names = 0;
	char seen[64];

	for (u32 r = 0; r < n; r++) {
		const Option *o = &rows[r];

		if (!o->name)
			continue;
		if (n_names < COUNT(names))
			names[n_names++] = o->name;
		if (strlen(o->name) != len || memcmp(o->name, name, len))
			continue;
		++*i;
		*value = name[len] == '=' ? name + len + 1 : NULL;
		if (!o->arg && *value)
			return fault("takes no argument", word, NULL);
		if (o->arg && !*value) {
			if (*i >= argc)
				return fault("needs an argument", word, NULL);
			*value = argv[(*i)++];
		}
		return o->id;
	}
	snprintf(seen, sizeof(seen), "%.*s", (int)len, name);
	return fault("unknown option", word, base_nearest(seen, names, n_names));
}

int
option_next(const Option *rows, u32 n, char **argv, int argc, int *i, int *sub, const char **value, bool *dashdash)
{
	const char *word;

	*value = NULL;
	if (*i >= argc || argv[*i][0] != '-' || !argv[*i][1])
		return 0;
	word = argv[*i];
	if (word[1] == '-') {
		if (!word[2]) {
			++*i;
			*dashdash = true;
			return 0;
		}
		return long_option(rows, n, argv, argc, i, value);
	}
	for (u32 r = 0; r < n; r++) {
		const Option *o = &rows[r];
		const char *rest = word + 1 + *sub + 1;

		if (o->letter != word[1 + *sub])
			continue;
		if (!o->arg && *rest) {
			++*sub;
			return o->id;
		}
		*sub = 0;
		++*i;
		if (o->arg && *rest)
			*value = rest;
		else if (o->arg && *i < argc)
			*value = argv[(*i)++];
		else if (o->arg)
			return fault("needs an argument", word, NULL);
		return o->id;
	}
	return fault("unknown option", word, NULL);
}

void
option_help(const Option *rows, u32 n, Buf *out)
{
	for (u32 r = 0; r < n; r++) {
		const Option *o = &rows[r];
		size_t from = out->n;

		if (!o->what)
			continue;
		if (o->letter)
			buf_printf(out, "  -%c%s", o->letter, o->name ? ", " : "");
		else
			buf_puts(out, "      ");
		if (o->name)
			buf_printf(out, "--%s", o->name);
		if (o->arg)
			buf_printf(out, " %s", o->arg);
		buf_printf(out, "%*s %s\n", (int)(out->n - from < 30 ? 30 - (out->n - from) : 0), "", o->what);
	}
}
