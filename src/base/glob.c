/* glob: '*' for any run, '[abc]' '[a-z]' '[!x]' for one character, as attach points use them. Linear memory, no recursion:
 * on a mismatch only the last star is tried again, one character further. */
#include "base/base.h"

/* Matches one class at pat ("[...]", *end gets behind it); false for an unclosed one. */
static bool
in_class(const char *pat, const char *patend, char c, const char **end)
{
	bool negate = false, hit = false;
	const char *p = pat + 1;

	if (p < patend && (*p == '!' || *p == '^')) {
		negate = true;
		p++;
	}
	for (const char *first = p; p < patend && (*p != ']' || p == first); p++) {
		if (p + 2 < patend && p[1] == '-' && p[2] != ']') {
			hit |= *p <= c && c <= p[2];
			p += 2;
		} else {
			hit |= *p == c;
		}
	}
	if (p >= patend)
		return false;
	*end = p + 1;
	return hit != negate;
}

bool
base_glob(const char *pat, size_t patlen, const char *s, size_t n)
{
	const char *p = pat, *pe = pat + patlen, *se = s + n, *next;
	const char *star = NULL, *star_s = NULL;

	while (s < se) {
		if (p < pe && *p == '*') {
			star = ++p;
			star_s = s;
		} else if (p < pe && *p == '[' && in_class(p, pe, *s, &next)) {
			p = next;
			s++;
		} else if (p < pe && *p != '[' && *p == *s) {
			p++;
			s++;
		} else if (star) {
			p = star;
			s = ++star_s;
		} else {
			return false;
		}
	}
	while (p < pe && *p == '*')
		p++;
	return p == pe;
}

bool
base_has_glob(const char *pat, size_t patlen)
{
	return memchr(pat, '*', patlen) || memchr(pat, '[', patlen);
}

bool
base_in_list(const char *list, const char *word)
{
	size_t n = strlen(word);

	for (const char *p = list; p && *p; p += strcspn(p, ","), p += *p == ',')
		if (strcspn(p, ",") == n && !memcmp(p, word, n))
			return true;
	return false;
}
