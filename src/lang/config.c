/* config: the config block's variables, their defaults and the environment, which wins. Names in any case, with or without
 * "BPFTRACE_". Names of other versions of the language that mean nothing here are taken in silence. */
#include "lang/comp.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

static const struct { const char *name; char kind; const char *def; } rows[] = {
#define CONFIG(id, name, kind, def) { name, kind, def },
#include "lang/config.def"
#undef CONFIG
};

/* Number of the word in "a|b|c", any case; -1. */
static int
word_index(const char *words, const char *w)
{
	size_t n = strlen(w);

	for (int i = 0; ; i++) {
		size_t k = strcspn(words, "|");

		if (k == n && !strncasecmp(words, w, n))
			return i;
		if (!words[k])
			return -1;
		words += k + 1;
	}
}

static bool
parse_number(const char *s, u64 *out)
{
	char *end;

	*out = strtoull(s, &end, 0);
	return isdigit((unsigned char)*s) && !*end;
}

/* Those for which the kernel lets a program call what only programs under the GPL may. */
static const char licenses[] = "GPL|GPL v2|GPL and additional rights|Dual BSD/GPL|Dual MIT/GPL|Dual MPL/GPL";

bool
lang_config_default(const Config *c, ConfigId id)
{
	u64 n;

	return parse_number(rows[id].def, &n) && c->v[id].n == n;
}

static bool
set(Config *c, Diag *d, Arena *a, u32 id, const char *value, Span at)
{
	int w;

	switch (rows[id].kind) {
	case 's':
		c->v[id].s = arena_str(a, value, strlen(value));
		if (id != CF_LICENSE || word_index(licenses, value) >= 0)
			return true;
		diag_err(d, at, E_CONFIG, "Invalid value for license. Found: %s. Valid values: Dual MIT/GPL, Dual BSD/GPL, Dual MPL/GPL, "
			 "GPL and additional rights, GPL v2, GPL", value);
		return false;
	case 'e':
		w = word_index(rows[id].def, value);
		if (w < 0) {
			diag_err(d, at, E_CONFIG, "Invalid value for %s: '%s'", rows[id].name, value);
			diag_hint(d, "it takes one of %s", rows[id].def);
			return false;
		}
		c->v[id].n = (u64)w;
		c->v[id].s = arena_str(a, value, strlen(value));
		return true;
	case 'b':
		w = word_index("0|1|false|true|off|on|no|yes", value);
		if (w < 0) {
			diag_err(d, at, E_CONFIG, "Invalid value for %s: '%s'; expecting true, false, 1 or 0", rows[id].name, value);
			return false;
		}
		c->v[id].n = (u64)w & 1;
		return true;
	}
	if (!parse_number(value, &c->v[id].n)) {
		diag_err(d, at, E_CONFIG, "Invalid value for %s: expecting a number, not '%s'", rows[id].name, value);
		return false;
	}
	return true;
}

static int
find(const char *name)
{
	if (!strncasecmp(name, "BPFTRACE_", 9) || !strncasecmp(name, "PITON_", 6))
		name = strchr(name, '_') + 1;
	for (u32 i = 0; i < N_CONFIG; i++)
		if (!strcasecmp(rows[i].name, name))
			return (int)i;
	return -1;
}

bool
lang_config_init(Config *c, Diag *d, Arena *a)
{
	static const char *const prefixes[] = { "BPFTRACE_", "PITON_" };
	bool ok = true;

	memset(c, 0, sizeof(*c));
	for (u32 i = 0; i < N_CONFIG; i++) {
		char first[64];

		snprintf(first, sizeof(first), "%.*s", rows[i].kind == 'e' ? (int)strcspn(rows[i].def, "|") : 63, rows[i].def);
		ok &= set(c, d, a, i, first, (Span){ 0 });
		for (size_t k = 0; k < COUNT(prefixes); k++) {
			char env[80];
			const char *v;

			snprintf(env, sizeof(env), "%s%s", prefixes[k], rows[i].name);
			for (char *p = env; *p; p++)
				*p = (char)toupper((unsigned char)*p);
			v = getenv(env);
			if (v) {
				ok &= set(c, d, a, i, v, (Span){ 0 });
				c->v[i].by_env = true;
			}
		}
	}
	return ok;
}

bool
lang_config_set(Config *c, Diag *d, Arena *a, const char *name, const char *value, Span at)
{
	static const char *const environment[] = { "btf", "kernel_build", "kernel_source", "vmlinux" };
	const char *names[N_CONFIG];
	int id = find(name);
	const char *near;

	if (id >= 0)
		return c->v[id].by_env || set(c, d, a, (u32)id, value, at);
	if (!strncasecmp(name, "unstable_", 9) || !strncasecmp(name, "BPFTRACE_unstable_", 18))
		return true;
	for (u32 i = 0; i < N_CONFIG; i++)
		names[i] = rows[i].name;
	near = base_nearest(name, names, N_CONFIG);
	for (size_t i = 0; i < COUNT(environment); i++)
		if (!strcasecmp(environment[i], name)) {
			diag_err(d, at, E_CONFIG, "%s: can only be set as an environment variable", name);
			return false;
		}
	diag_err(d, at, E_CONFIG, "%s: not a known configuration option", name);
	if (near)
		diag_hint(d, "did you mean %s?", near);
	return false;
}
