/* DWARF of a small program compiled here in versions 4 and 5, optimized or not, compressed: types of functions, structs,
 * lines, inlined instances; and the same file with wrong bytes. */
#include "sym/sym.h"

#include <assert.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static Arena *a;

static const char program[] =
	"enum color { RED, GREEN = 5, NEG = -2 };\n"
	"typedef struct node { struct node *next; int value; char name[8]; unsigned b1 : 3, b2 : 5;\n"
	"	union { long l; double d; }; enum color c; unsigned char raw[2][3]; int (*fn)(int); } node;\n"
	"static inline __attribute__((always_inline)) int twice(int x) { return x * 2 + 1; }\n"
	"__attribute__((noinline)) long work(node *n, const char *text, unsigned short count, enum color c)\n"
	"{\n"
	"	long sum = n->value;\n"
	"	sum += twice(count) + text[0];\n"
	"	return sum + c;\n"
	"}\n"
	"__attribute__((noinline)) void nothing(void) { __asm__ volatile(\"\"); }\n"
	"int main(int argc, char **argv)\n"
	"{\n"
	"	node n = { 0, argc };\n"
	"	nothing();\n"
	"	return (int)work(&n, argv[0], (unsigned short)twice(argc), GREEN);\n"
	"}\n";

static bool
compile(const char *dir, const char *flags)
{
	char cmd[512], path[128];
	FILE *f;

	snprintf(path, sizeof(path), "%s/prog.c", dir);
	f = fopen(path, "w");
	fputs(program, f);
	fclose(f);
	snprintf(cmd, sizeof(cmd), "cd %s && ${CC:-cc} %s -o prog prog.c 2>/dev/null", dir, flags);
	return system(cmd) == 0;
}

static int
keep(void *arg, u64 addr, u32 line)
{
	u64 *v = arg;

	v[0] = addr;
	v[1] = line;
	v[2]++;
	return 0;
}

static bool optimized;

/* The chain of an address as text: "twice prog.c:4;- prog.c:8;" */
static Buf chain;

static void
keep_frame(void *arg, const char *inlined, const char *file, u32 line)
{
	const char *slash = strrchr(file, '/');

	(void)arg;
	buf_printf(&chain, "%s %s:%u;", inlined ? inlined : "-", slash ? slash + 1 : file, line);
}

static int
keep_addr(void *arg, u64 addr)
{
	return keep(arg, addr, 0);
}

static void
name_is(const Type *t, const char *want)
{
	Buf b = { 0 };

	if (strcmp(type_name(t, &b), want)) {
		printf("'%s' instead of '%s'\n", b.p, want);
		abort();
	}
	buf_free(&b);
}

static void
check(const char *path)
{
	Types *ts = type_new(a);
	Dwarf *d = sym_dwarf_open(a, path);
	const Type *f, *node;
	u64 v[3] = { 0 };
	Buf file = { 0 };
	u32 line, n;
	Field m;

	type_set_btf(ts, "");
	assert(d);
	f = sym_dwarf_func(d, ts, "work");
	assert(f && f->kind == TY_FUNC && f->n_fields == 4);
	name_is(f, "int64 (struct node *, int8 *, uint16, enum color)");
	assert(!strcmp(f->fields[0].name, "n") && !strcmp(f->fields[2].name, "count") && f->fields[0].type->space == AS_USER);
	node = f->fields[0].type->elem;
	assert(type_fields(ts, node, &n) && n == 9 && node->size == 56);
	assert(type_field(ts, node, "next", &m) && m.type->elem == node && m.offset == 0);
	assert(type_field(ts, node, "name", &m) && m.type == type_string(ts, 8) && m.offset == 12);
	assert(type_field(ts, node, "b2", &m) && m.bit_size == 5 && m.offset * 8 + m.bit_offset == 20 * 8 + 3);
	assert(type_field(ts, node, "d", &m) && m.offset == 24);
	assert(type_field(ts, node, "raw", &m) && m.type->count == 2 && m.type->elem->count == 3);
	assert(type_field(ts, node, "c", &m) && m.type->n_values == 3 && m.type->values[2].value == -2);
	assert(type_field(ts, node, "fn", &m) && m.type->elem->kind == TY_FUNC);
	f = sym_dwarf_func(d, ts, "nothing");
	assert(f && !f->n_fields && f->elem == &ty_none && !sym_dwarf_func(d, ts, "no_such"));
	assert(sym_dwarf_type(d, ts, "struct node") && sym_dwarf_type(d, ts, "node") && !sym_dwarf_type(d, ts, "struct x"));
	assert(sym_dwarf_at_line(d, "prog.c", 9, 0, keep, v) >= 1 && v[1] == 9 && v[0]);
	assert(sym_dwarf_line(d, v[0], &file, &line) && line >= 4 && line <= 9 && strstr(file.p, "prog.c"));
	assert(!sym_dwarf_at_line(d, "other.c", 9, 0, keep, v) && !sym_dwarf_at_line(d, "og.c", 9, 0, keep, v));
	assert(!sym_dwarf_at_line(d, "prog.c", 900, 0, keep, v) && !sym_dwarf_line(d, 1, &file, &line));
	memset(v, 0, sizeof(v));
	assert(sym_dwarf_inlined(d, "twice", keep_addr, v) == 2 && v[0]);
	/* The last one is in main(): its parameter is there, or nothing is left of it; it is called from line 16. */
	DwarfParam param[4];

	assert(sym_dwarf_inlined_params(d, ts, "twice", v[0], param, 4) == 1 && !strcmp(param[0].name, "x") && param[0].type->size == 4);
	buf_clear(&chain);
	assert(sym_dwarf_frames(d, v[0], keep_frame, NULL));
	/* An optimizer may leave of an instance nothing but the place where it was. */
	bool whole = !strcmp(chain.p, "twice prog.c:4;- prog.c:16;") || !strcmp(chain.p, "twice prog.c:4;- prog.c:8;");

	assert(whole || (optimized && !strncmp(chain.p, "- prog.c:", 9)));
	assert(!sym_dwarf_frames(d, 1, keep_frame, NULL));
	buf_free(&file);
	sym_dwarf_close(d);
	type_free(ts);
}

/* All questions to a file with some bytes of its debug sections wrong. */
static void
hostile(const char *path, u32 rounds)
{
	HostMap m;
	u32 r = 7;
	int fd;

	assert(!host_map(path, &m));
	u8 *good = malloc(m.n);
	size_t n = m.n, from = n / 5;

	memcpy(good, m.p, n);
	host_unmap(&m);
	fd = open(path, O_RDWR);
	assert(fd >= 0);
	for (u32 i = 0; i < rounds; i++) {
		Mark mark = arena_mark(a);
		size_t at[6];

		for (u32 k = 0; k < COUNT(at); k++) {
			u8 bad;

			r = r * 1103515245 + 12345;
			at[k] = from + (r >> 8) % (n - from);
			r = r * 1103515245 + 12345;
			bad = (u8)(r >> 16);
			assert(pwrite(fd, &bad, 1, (off_t)at[k]) == 1);
		}
		Types *ts = type_new(a);
		Dwarf *d = sym_dwarf_open(a, path);
		Buf b = { 0 };
		u64 v[3];
		u32 line;
		Field f;

		type_set_btf(ts, "");
		if (d) {
			const Type *t = sym_dwarf_func(d, ts, "work");

			if (t && t->n_fields && t->fields[0].type->kind == TY_PTR)
				type_field(ts, t->fields[0].type->elem, "fn", &f);
			sym_dwarf_type(d, ts, "struct node");
			sym_dwarf_at_line(d, "prog.c", 9, 0, keep, v);
			sym_dwarf_line(d, 0x1139, &b, &line);
			v[0] = 0;
			sym_dwarf_inlined(d, "twice", keep_addr, v);
			sym_dwarf_inlined_params(d, ts, "twice", v[0], (DwarfParam[4]){ { 0 } }, 4);
			sym_dwarf_frames(d, v[0], keep_frame, v);
			sym_dwarf_close(d);
		}
		buf_free(&b);
		for (u32 k = 0; k < COUNT(at); k++)
			assert(pwrite(fd, good + at[k], 1, (off_t)at[k]) == 1);
		arena_release(a, mark);
	}
	close(fd);
	free(good);
}

int
main(int argc, char **argv)
{
	static const char *const flags[] = {
		"-g -gdwarf-5 -O0", "-g -gdwarf-4 -O2", "-g -gdwarf-5 -O2 -gz=zlib", "-g -gdwarf-3 -O0", "-g -gdwarf-5 -O1",
	};
	char dir[] = "/tmp/piton-dwarf-XXXXXX", path[128], cmd[256];
	u32 done = 0;

	a = arena_new();
	assert(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/prog", dir);
	for (u32 i = 0; i < COUNT(flags); i++)
		if (compile(dir, flags[i])) {
			optimized = !strstr(flags[i], "-O0");
			check(path);
			done++;
		}
	if (done)
		hostile(path, argc > 1 ? (u32)atoi(argv[1]) : 200);
	assert(!sym_dwarf_open(a, "/nonexistent") && !sym_dwarf_open(a, "/etc/passwd"));
	snprintf(cmd, sizeof(cmd), "rm -r %s", dir);
	assert(!system(cmd));
	arena_free(a);
	if (done)
		return 0;
	printf("no compiler here to make a program with DWARF\n");
	return 77;
}
