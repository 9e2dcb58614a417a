/* C text of scripts: layout compared with this program's own compiler, macros, conditionals, errors with their place. */
#include "type/type.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static Arena *a;
static int failures;

static Types *
parse(const char *text, bool good, const char *message)
{
	Types *ts = type_new(a);
	Diag *d = diag_new(a);
	Buf b = { 0 };
	u32 base = diag_source(d, "t.bt", text, strlen(text));
	bool ok;

	type_set_btf(ts, "");
	ok = type_parse_c(ts, d, text, strlen(text), base);
	diag_print(d, &b, false);
	if (ok != good || (message && (!b.p || !strstr(b.p, message)))) {
		printf("--- %s\nexpected %s\ngot %s\n", text, good ? "no error" : message, b.p ? b.p : "nothing");
		failures++;
	}
	buf_free(&b);
	return ts;
}

#define STRINGIFY(...) #__VA_ARGS__
#define TEXT(...) STRINGIFY(__VA_ARGS__)

/* The same text for the compiler and for us. */
#define SAMPLE \
	typedef unsigned int u32_; typedef char name_t[16]; \
	enum color { RED, GREEN = 5, BLUE, LAST = BLUE + 2 }; \
	enum { NEGATIVE = -3, BIG = 1 << 4 }; \
	struct inner { char c; long x; short s[3]; }; \
	struct outer { \
		int a, *p, arr[3][2]; struct inner in; struct inner *next; name_t name; enum color col; \
		union { int u1; struct { short lo, hi; }; }; \
		unsigned b1 : 3, b2 : 5; unsigned : 0; unsigned long b3 : 40; int b4 : 20; unsigned char b5 : 7, b6 : 2; \
		int (*fn)(int, char *); char *(*fns[2])(void); const char *const str; char tail; unsigned u; \
		char two[2][4]; _Bool flag; signed char bytes[BIG]; unsigned long long ull; void *v; \
	}; \
	struct packed { char c; int i; long l; unsigned x : 3; } __attribute__((packed)); \
	struct aligned { char c; int i __attribute__((aligned(16))); } __attribute__((aligned(32))); \
	struct flexible { int n; char data[]; }; \
	union mixed { char c[5]; int i; double d; };

SAMPLE

typedef struct Want { const char *name; u32 offset; } Want;

static void
offsets(Types *ts, const char *type, u32 size, u32 align, const Want *w, u32 n)
{
	const Type *t = type_find(ts, type);
	Field f;

	if (!t || t->size != size || t->align != align) {
		printf("%s: size %u align %u, not %u %u\n", type, t ? t->size : 0, t ? t->align : 0, size, align);
		failures++;
	}
	for (u32 i = 0; t && i < n; i++)
		if (!type_field(ts, t, w[i].name, &f) || f.offset != w[i].offset) {
			printf("%s.%s at %u, not %u\n", type, w[i].name, f.offset, w[i].offset);
			failures++;
		}
}
#define AT(type, m) { #m, (u32)offsetof(type, m) }

static u64
bits_of(const void *p, const Field *f)
{
	u64 w = 0;

	memcpy(&w, (const char *)p + f->offset, f->type->size);
	return w >> f->bit_offset & ((1ull << f->bit_size) - 1);
}

static void
test_layout(void)
{
	static const Want outer[] = {
		AT(struct outer, a), AT(struct outer, p), AT(struct outer, arr), AT(struct outer, in), AT(struct outer, next),
		AT(struct outer, name), AT(struct outer, col), AT(struct outer, u1), AT(struct outer, hi), AT(struct outer, fn),
		AT(struct outer, fns), AT(struct outer, str), AT(struct outer, tail), AT(struct outer, u), AT(struct outer, two),
		AT(struct outer, flag), AT(struct outer, bytes), AT(struct outer, ull), AT(struct outer, v),
	};
	static const Want packed[] = { AT(struct packed, c), AT(struct packed, i), AT(struct packed, l) };
	static const Want aligned[] = { AT(struct aligned, c), AT(struct aligned, i) };
	struct outer o;
	Types *ts = parse(TEXT(SAMPLE), true, NULL);
	const Type *t = type_find(ts, "struct outer");
	Field f;
	s64 v;

	offsets(ts, "struct outer", sizeof(struct outer), _Alignof(struct outer), outer, COUNT(outer));
	offsets(ts, "struct packed", sizeof(struct packed), _Alignof(struct packed), packed, COUNT(packed));
	offsets(ts, "struct aligned", sizeof(struct aligned), _Alignof(struct aligned), aligned, COUNT(aligned));
	offsets(ts, "struct inner", sizeof(struct inner), _Alignof(struct inner), NULL, 0);
	offsets(ts, "struct flexible", sizeof(struct flexible), _Alignof(struct flexible), NULL, 0);
	offsets(ts, "union mixed", sizeof(union mixed), _Alignof(union mixed), NULL, 0);
	if (!t)
		return;
	memset(&o, 0, sizeof(o));
	o.b1 = 5, o.b2 = 17, o.b3 = 0x123456789a, o.b4 = 0x7654, o.b5 = 99, o.b6 = 2;
	const struct { const char *name; u64 want; } bits[] = {
		{ "b1", 5 }, { "b2", 17 }, { "b3", 0x123456789a }, { "b4", 0x7654 }, { "b5", 99 }, { "b6", 2 } };

	for (u32 i = 0; i < COUNT(bits); i++)
		if (!type_field(ts, t, bits[i].name, &f) || bits_of(&o, &f) != bits[i].want) {
			printf("bitfield %s\n", bits[i].name);
			failures++;
		}
	assert(type_field(ts, t, "name", &f) && f.type == type_string(ts, 16));
	assert(type_field(ts, t, "two", &f) && f.type->kind == TY_ARRAY && f.type->elem == type_string(ts, 4));
	assert(type_field(ts, t, "bytes", &f) && f.type->kind == TY_ARRAY && f.type->count == 16);
	assert(type_field(ts, t, "str", &f) && f.type == type_ptr(ts, type_int(1, true), AS_NONE));
	assert(type_field(ts, t, "fn", &f) && f.type->elem->kind == TY_FUNC && f.type->elem->n_fields == 2);
	assert(type_field(ts, t, "next", &f) && f.type->elem == type_find(ts, "struct inner"));
	assert(type_field(ts, t, "col", &f) && f.type->kind == TY_ENUM && f.type->n_values == 4);
	assert(type_enumerator(ts, "LAST", &v, &t) && v == 8 && t->kind == TY_ENUM);
	assert(type_enumerator(ts, "NEGATIVE", &v, &t) && v == -3 && t->sign);
	assert(type_find(ts, "u32_") == type_int(4, false) && type_find(ts, "name_t") == type_string(ts, 16));
}

static void
value_is(const char *text, const char *name, s64 want)
{
	Types *ts = parse(text, true, NULL);
	const Type *t;
	s64 v = 0;

	if (!type_enumerator(ts, name, &v, &t) || v != want) {
		printf("--- %s\n%s is %lld, not %lld\n", text, name, (long long)v, (long long)want);
		failures++;
	}
}

static void
test_cpp(void)
{
	Types *ts;
	const Type *t;
	s64 v;

	value_is("#define A 3\n#define B (A + 4) * 2\n", "B", 14);
	value_is("#define F(x, y) ((x) << (y))\n#define V F(1, F(1, 2))\n", "V", 16);
	value_is("#define CAT(a, b) a ## b\n#define XY 7\n#define V CAT(X, Y)\n", "V", 7);
	value_is("#define STR(x) #x\n#define V sizeof(int) + 'a' - 0x61\n", "V", 4);
	value_is("#define V_(a, ...) F2(a, ## __VA_ARGS__)\n#define F2(a) a\n#define V V_(9)\n", "V", 9);
	value_is("#define E 0\n#if defined(E) && !defined(Q) && (2 > 1 ? 1 : 0)\n#define V 1\n#else\n#define V 2\n#endif\n", "V", 1);
	value_is("#ifdef NOT\n#define V 1\n# ifdef X\n# else\n#error no\n# endif\n#elif 1\n#define V 2\n#elif 1\n#define V 3\n#endif\n", "V", 2);
	value_is("#define A 1\n#undef A\n#ifndef A\n#define V -5\n#endif\n", "V", -5);
	value_is("#define LONG 1 + \\\n  2\n/* a\ncomment */ enum { V = LONG }; // end", "V", 3);
	value_is("#define f(a) a*g\n#define g(a) f(a)\nenum { x = 1 };\n#define V 0x7f & ~1\n", "V", 126);
	value_is("#define SELF SELF\nenum { SELF = 12 };", "SELF", 12);
	value_is("enum { S2 = 13 };\n#define S2 (S2)\n#define P Q + S2\n#define Q P\n", "S2", 13);
	value_is("#define N 4\nstruct s { char x[N * 2]; };\nenum { V = sizeof(struct s) + __builtin_offsetof(struct s, x) };", "V", 8);
	value_is("#define U 0xffffffffffffffffULL\n#define V (U / 2 == 0x7fffffffffffffff)\n", "V", 1);
	value_is("#define V (1 || 1 / 0)\n#if 1 || (1 / 0)\n#endif\n", "V", 0 + 1);
	value_is("#include <stddef.h>\nstruct p { size_t n; };\n#define V sizeof(struct p)\n", "V", 8);
	ts = parse("#define S \"text\"\n#define X 1.5\n#define Y foo(3)\n", true, NULL);
	assert(!type_enumerator(ts, "S", &v, &t) && !type_enumerator(ts, "X", &v, &t) && !type_enumerator(ts, "Y", &v, &t));
	assert(!strcmp(type_macro(ts, "S"), "\"text\"") && !type_macro(ts, "Z"));
}

static void
test_include(void)
{
	char dir[] = "/tmp/piton-cpp-XXXXXX", path[64], text[256];
	const Type *t;
	Types *ts;
	FILE *f;
	s64 v;

	assert(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/x.h", dir);
	f = fopen(path, "w");
	fprintf(f, "#pragma once\n#ifndef X_H\n#define X_H\nstruct from_header { int a; long b; };\n#include \"x.h\"\n"
		"int broken(; struct after { int q; };\n#define H 42\n#endif\n");
	fclose(f);
	snprintf(text, sizeof(text), "#include \"%s\"\n#include \"%s\"\nstruct mine { struct from_header h; };", path, path);
	ts = parse(text, true, NULL);
	t = type_find(ts, "struct mine");
	assert(t && t->size == 16 && type_enumerator(ts, "H", &v, &t) && v == 42);
	unlink(path);
	rmdir(dir);
	if (access("/usr/include/linux/tcp.h", R_OK) == 0) {
		ts = parse("#include <linux/tcp.h>\n#include <netinet/in.h>\n#include <sys/stat.h>\n", true, NULL);
		t = type_find(ts, "struct tcphdr");
		assert(t && t->size == 20);
		t = type_find(ts, "struct sockaddr_in6");
		assert(t && t->size == 28);
		t = type_find(ts, "struct stat");
		if (!t || t->size != sizeof(struct stat)) {
			printf("struct stat: %u\n", t ? t->size : 0);
			failures++;
		}
		assert(type_enumerator(ts, "S_IFDIR", &v, &t) && v == 0040000);
	}
}

static void
test_errors(void)
{
	char deep[4096] = "struct x { int ", many[8192] = "";

	parse("struct s { foo_t a; };", false, "t.bt:1:12-17: ERROR: unknown type 'foo_t'");
	parse("struct s { int a b; };", false, "';' is expected here, not 'b'");
	parse("struct s { int a }", true, NULL);
	parse("struct s { int a;", false, "C text ends where '}' is expected");
	parse("struct s { struct t in; };", false, "'struct t' is not defined here");
	parse("struct s { int a; };\nstruct s { int b; };", false, "t.bt:2:8: ERROR: 'struct s' is defined twice");
	parse("struct s { int a[x]; };", false, "size of an array must be a constant");
	parse("struct s { int a[-1]; };", false, "cannot be negative");
	parse("struct s { int a : 40; };", false, "width of a bitfield");
	parse("struct s { void a; };", false, "cannot be of type void");
	parse("enum e { A = foo };", false, "must be a constant");
	parse("struct", false, "must follow 'struct'");
	parse("42;", false, "a declaration is expected here, not '42'");
	parse("struct s { char a[0x7fffffffffff]; };", false, "larger than 1 GB");
	parse("#include <nothing/there.h>\n", false, "t.bt:1:10-27: ERROR: cannot find the file 'nothing/there.h'");
	parse("#if 1\n", false, "#if without #endif");
	parse("#endif\n", false, "#endif without #if");
	parse("#if 1 +\n#endif", false, "no integer expression");
	parse("#error something is wrong\n", false, "#error something is wrong");
	parse("#foo\n", false, "unknown directive '#foo'");
	parse("#define\n", false, "#define needs a name");
	parse("struct good { int a; };\nstruct bad { what b; };\nstruct also { int c; };", false, "unknown type 'what'");
	for (int i = 0; i < 500; i++)
		strcat(deep, "(*");
	parse(deep, false, "nested too deep");
	for (int i = 0; i < 500; i++)
		strcat(many, "struct { ");
	parse(many, false, "nested too deep");
	/* A macro that doubles 60 times. */
	many[0] = 0;
	strcat(many, "#define X0 int\n");
	for (int i = 1; i < 60; i++)
		sprintf(many + strlen(many), "#define X%d X%d X%d\n", i, i - 1, i - 1);
	strcat(many, "X59 a;\n");
	parse(many, false, "more than");
}

/* Text cut and changed at random places neither crashes nor hangs. */
static void
test_random(u32 rounds)
{
	const char *sample = "#define A(x, y) x ## y # z\n#if defined A && (3 < 4)\n" TEXT(SAMPLE) "\n#endif\nenum { Q = A(1, 2) };\n";
	size_t n = strlen(sample);
	u32 r = 1;

	for (u32 i = 0; i < rounds; i++) {
		Mark m = arena_mark(a);
		char *text = arena_str(a, sample, n);
		Diag *d = diag_new(a);
		Types *ts = type_new(a);

		for (u32 k = 0; k < 6; k++) {
			static const char chars[] = "(){}[]*,;:#\\\"'1x =\n";
			u32 at;

			r = r * 1103515245 + 12345;
			at = (r >> 8) % n;
			r = r * 1103515245 + 12345;
			text[at] = chars[(r >> 16) % (sizeof(chars) - 1)];
		}
		r = r * 1103515245 + 12345;
		size_t len = i % 3 ? n : (r >> 8) % n;

		type_set_btf(ts, "");
		type_parse_c(ts, d, text, len, diag_source(d, "r", text, len));
		arena_release(a, m);
	}
}

int
main(int argc, char **argv)
{
	a = arena_new();
	test_layout();
	test_cpp();
	test_include();
	test_errors();
	test_random(argc > 1 ? (u32)atoi(argv[1]) : 500);
	arena_free(a);
	return failures != 0;
}
