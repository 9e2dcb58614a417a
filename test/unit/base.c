/* The containers, globs and diagnostics of base/. */
#include "base/base.h"

#include <assert.h>
#include <stdio.h>

static void
test_arena(void)
{
	Arena *a = arena_new();
	char *p = arena_alloc(a, 10);
	Mark m = arena_mark(a);

	for (int i = 0; i < 1000; i++)
		memset(arena_alloc(a, 1000), 0xff, 1000);
	arena_release(a, m);
	assert(((char *)arena_alloc(a, 8))[7] == 0 && p[9] == 0);
	assert(!strcmp(arena_printf(a, "%d-%s", 7, "x"), "7-x"));
	arena_free(a);
}

static void
test_containers(void)
{
	Arena *a = arena_new();
	VecU32 v = { 0 };
	Map m = { a };
	Bits b = bits_new(a, 130), c = bits_new(a, 130);
	char key[16];

	for (u32 i = 0; i < 1000; i++)
		VEC_PUSH(a, &v, i * 3);
	assert(v.n == 1000 && v.v[999] == 2997);
	for (u32 i = 0; i < 1000; i++)
		map_set(&m, key, (size_t)sprintf(key, "k%u", i), &v.v[i]);
	assert(m.n == 1000 && map_get(&m, "k77", 3) == &v.v[77] && !map_get(&m, "k1000", 5));
	u32 seen = 0;
	for (MapSlot *s = NULL; (s = map_next(&m, s)); )
		seen++;
	assert(seen == 1000);
	bits_add(&b, 0);
	bits_add(&b, 129);
	assert(bits_or(&c, &b) && !bits_or(&c, &b) && bits_count(&c) == 2);
	assert(bits_next(&c, 1) == 129 && bits_next(&c, 130) == -1);
	assert(interns("abc") == intern("abcd", 3));
	arena_free(a);
}

static void
test_glob(void)
{
	static const struct { const char *pat, *s; bool want; } t[] = {
		{ "*", "", 1 }, { "a*c", "abbc", 1 }, { "a*c", "abbd", 0 }, { "vfs_*", "vfs_read", 1 },
		{ "[a-c]x", "bx", 1 }, { "[!a-c]x", "bx", 0 }, { "a[", "a[", 0 }, { "*a*b*", "xxaybz", 1 }, { "a", "ab", 0 },
		{ "sys_enter_n*sleep", "sys_enter_nanosleep", 1 },
	};

	for (u32 i = 0; i < COUNT(t); i++)
		assert(base_glob(t[i].pat, strlen(t[i].pat), t[i].s, strlen(t[i].s)) == t[i].want);
}

static void
test_diag(void)
{
	static const char *const words[] = { "printf", "print", "exit" };
	Arena *a = arena_new();
	Diag *d = diag_new(a);
	const char *text = "begin {\n\tfoo();\n}\n";
	u32 at = diag_source(d, "a.bt", text, strlen(text));
	Buf b = { 0 };

	diag_err(d, (Span){ at + 9, at + 14 }, E_SYNTAX, "unknown function '%s'", "foo");
	diag_hint(d, "did you mean '%s'?", "for");
	diag_err(d, (Span){ at + 9, at + 14 }, E_SYNTAX, "the same place again");
	diag_print(d, &b, false);
	assert(!strcmp(b.p, "a.bt:2:2-7: ERROR: unknown function 'foo' [syntax]\n\tfoo();\n\t~~~~~\nHINT: did you mean 'for'?\n"));
	assert(diag_errors(d) == 1);
	assert(!strcmp(base_nearest("pritf", words, 3), "printf") && !base_nearest("zzz", words, 3));
	buf_free(&b);
	arena_free(a);
}

int
main(void)
{
	test_arena();
	test_containers();
	test_glob();
	test_diag();
	return 0;
}
