/* Types: constructors, layout, names; BTF of this kernel when it has one, and blobs with every byte wrong in turn. */
#include "type/type.h"

#include <assert.h>
#include <fcntl.h>
#include <linux/btf.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static void
name_is(const Type *t, const char *want)
{
	Buf b = { 0 };

	if (strcmp(type_name(t, &b), want)) {
		fprintf(stderr, "type is '%s', not '%s'\n", b.p, want);
		abort();
	}
	buf_free(&b);
}

static void
test_constructors(Types *ts)
{
	const Type *u64t = type_int(8, false), *s8t = type_int(1, true), *str = type_string(ts, 16);
	const Type *elem[] = { s8t, u64t, str };
	const char *names[] = { "a", "b", "c" };
	const Type *tup = type_tuple(ts, elem, 3), *rec = type_record(ts, names, elem, 3);
	Field f;

	assert(type_string(ts, 16) == str && type_string(ts, 17) != str);
	assert(type_ptr(ts, u64t, AS_USER) != type_ptr(ts, u64t, AS_KERNEL));
	assert(type_tuple(ts, elem, 3) == tup && type_tuple(ts, elem, 2) != tup && tup != rec);
	assert(tup->size == 32 && tup->align == 8 && tup->fields[1].offset == 8 && tup->fields[2].offset == 16);
	assert(type_field(ts, rec, "c", &f) && f.offset == 16 && f.type == str && !type_field(ts, rec, "d", &f));
	assert(type_buffer(ts, 10)->size == 14 && type_array(ts, u64t, 3)->size == 24);
	assert(type_is_agg(type_special(ts, TY_COUNT, 8, false, 0, 0)) && !type_is_agg(rec));
	name_is(u64t, "uint64");
	name_is(tup, "(int8,uint64,string[16])");
	name_is(type_ptr(ts, type_ptr(ts, &ty_none, AS_NONE), AS_NONE), "void **");
	name_is(type_array(ts, s8t, 4), "int8[4]");
	name_is(type_special(ts, TY_SUM, 8, false, 0, 0), "usum_t");
}

static void
test_names(Types *ts)
{
	static const struct { const char *name; u32 size; bool sign; } t[] = {
		{ "int", 4, 1 }, { "unsigned", 4, 0 }, { "unsigned long", 8, 0 }, { "long long unsigned int", 8, 0 },
		{ "const char", 1, 1 }, { "short int", 2, 1 }, { "uint32_t", 4, 0 }, { "pid_t", 4, 1 }, { "__u64", 8, 0 },
		{ "  long\tint ", 8, 1 },
	};

	for (u32 i = 0; i < COUNT(t); i++)
		assert(type_find(ts, t[i].name) == type_int(t[i].size, t[i].sign));
	type_set_btf(ts, "");
	assert(!type_find(ts, "unsigned signed") && !type_find(ts, "long long long") && !type_find(ts, "char int"));
	assert(!type_find(ts, "") && !type_find(ts, "*") && !type_find(ts, "struct nothing_of_that_name"));
	name_is(type_find(ts, "unsigned char * const *"), "uint8 **");
	assert(type_find(ts, "void") == &ty_none && type_find(ts, "bool") == &ty_bool);
	assert(!type_find(ts, "int * x") && !type_has_btf(ts));
	type_set_btf(ts, NULL);
}

static u32 count;
static void
counter(void *arg, const char *name)
{
	(void)arg, (void)name;
	count++;
}

static void
test_kernel(Types *ts)
{
	const Type *task = type_find(ts, "struct task_struct"), *t;
	struct timespec a, b;
	Field f, g;
	u32 id;
	s64 v;

	if (!type_has_btf(ts)) {
		printf("no BTF here\n");
		return;
	}
	assert(task && task->size > 1000 && type_find(ts, "struct task_struct") == task);
	assert(type_field(ts, task, "pid", &f) && f.type == type_int(4, true));
	assert(type_field(ts, task, "comm", &f) && f.type == type_string(ts, 16));
	assert(type_field(ts, task, "real_parent", &f) && f.type->kind == TY_PTR && f.type->elem == task);
	assert(type_field(ts, task, "sched_reset_on_fork", &f) && f.bit_size == 1);
	t = type_find(ts, "struct sock");
	assert(t && type_field(ts, t, "__sk_common", &f) && type_field(ts, f.type, "skc_daddr", &g) && g.type->size == 4);
	t = type_btf_func(ts, NULL, "vfs_read", &id);
	assert(t && id && t->kind == TY_FUNC && t->n_fields == 4 && t->fields[1].type->kind == TY_PTR);
	assert(type_enumerator(ts, "BPF_MAP_TYPE_HASH", &v, &t) && v == 1 && t->kind == TY_ENUM);
	assert(!type_find(ts, "struct nothing_of_that_name") && !type_btf_func(ts, NULL, "no_such_function_here", &id));
	type_btf_each(ts, 'f', counter, NULL);
	assert(count > 10000);

	Arena *arena = arena_new();
	Types *fresh = type_new(arena);

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &a);
	assert(type_field(fresh, type_find(fresh, "struct task_struct"), "pid", &f));
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &b);
	printf("task_struct.pid from a fresh start: %.3f ms\n",
		(double)(b.tv_sec - a.tv_sec) * 1e3 + (double)(b.tv_nsec - a.tv_nsec) / 1e6);
	type_free(fresh);
	arena_free(arena);
}

/* A small blob: int; struct s { int a; struct s *next; int bits:3; }; enum e { X = 7 }; int f(int a) */
static size_t
blob(u8 *out)
{
	static const char strs[] = "\0int\0s\0a\0next\0bits\0e\0X\0f";      /* 1 5 7 9 14 19 21 23 */
	const u32 types[] = {
		1, BTF_KIND_INT << 24, 4, BTF_INT_SIGNED << 24 | 32,
		5, 1u << 31 | BTF_KIND_STRUCT << 24 | 3, 24, 7, 1, 0, 9, 3, 64, 14, 1, 3u << 24 | 128,
		0, BTF_KIND_PTR << 24, 2,
		19, BTF_KIND_ENUM << 24 | 1, 4, 21, 7,
		0, BTF_KIND_FUNC_PROTO << 24 | 1, 1, 7, 1,
		23, BTF_KIND_FUNC << 24, 5,
	};
	struct btf_header h = { BTF_MAGIC, 1, 0, sizeof(h), 0, sizeof(types), sizeof(types), sizeof(strs) };

	memcpy(out, &h, sizeof(h));
	memcpy(out + sizeof(h), types, sizeof(types));
	memcpy(out + sizeof(h) + sizeof(types), strs, sizeof(strs));
	return sizeof(h) + sizeof(types) + sizeof(strs);
}

static void
use(const char *path, bool good)
{
	Arena *a = arena_new();
	Types *ts = type_new(a);
	const Type *t;
	u32 id, n;
	Field f;
	s64 v;

	type_set_btf(ts, path);
	t = type_find(ts, "struct s");
	if (good)
		assert(t && type_field(ts, t, "next", &f) && f.offset == 8 && f.type->elem == t);
	if (t) {
		bool found = type_field(ts, t, "bits", &f);

		assert(!good || (found && f.offset == 16 && f.bit_offset == 0 && f.bit_size == 3));
		for (int i = 0; i < 4 && t; i++)
			t = type_fields(ts, t, &n) && n > 1 ? t->fields[1].type : NULL;
	}
	bool found = type_enumerator(ts, "X", &v, &t);

	assert(!good || (found && v == 7));
	t = type_btf_func(ts, NULL, "f", &id);
	assert(!good || (t && id == 6 && t->n_fields == 1 && t->elem == type_int(4, true)));
	type_btf_each(ts, 's', counter, NULL);
	Buf b = { 0 };

	type_btf_list(ts, "struct *", true, &b);
	assert(!good || !strcmp(b.p, "vmlinux: struct s {\n\tint a;\n\tstruct s *next;\n\tint bits: 3;\n};\n\n"));
	buf_clear(&b);
	type_btf_list(ts, "enum e", true, &b);
	assert(!good || !strcmp(b.p, "vmlinux: enum e {\n\tX = 7,\n};\n\n"));
	buf_clear(&b);
	assert(type_btf_list(ts, "kprobe:*", false, &b) == -1 && type_btf_list(ts, "union *", false, &b) >= 0);
	buf_free(&b);
	type_free(ts);
	arena_free(a);
}

static void
put(const char *path, const u8 *p, size_t n)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert(fd >= 0 && write(fd, p, n) == (ssize_t)n);
	close(fd);
}

static void
test_hostile(void)
{
	char path[] = "/tmp/piton-type-XXXXXX";
	static const u8 values[] = { 0, 1, 0x7f, 0x80, 0xff };
	u8 good[512], bad[512];
	size_t n = blob(good);

	close(mkstemp(path));
	put(path, good, n);
	use(path, true);
	for (size_t i = 0; i < n; i++)
		for (u32 k = 0; k < COUNT(values); k++) {
			memcpy(bad, good, n);
			bad[i] = values[k];
			put(path, bad, n);
			use(path, false);
		}
	for (size_t i = 0; i < n; i++) {
		put(path, good, i);
		use(path, false);
	}
	unlink(path);
}

int
main(void)
{
	Arena *a = arena_new();
	Types *ts = type_new(a);

	test_constructors(ts);
	test_names(ts);
	test_kernel(ts);
	test_hostile();
	type_free(ts);
	arena_free(a);
	return 0;
}
