/* Names for addresses: this program's own functions, the C library's, a process that is gone, hostile files. */
#include "sym/sym.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

__attribute__((noinline)) int
a_function_of_this_test(int n)
{
	__asm__ volatile("" ::: "memory");
	return n + 1;
}

static int
count(void *n, const ElfSym *s)
{
	(void)s;
	++*(int *)n;
	return 0;
}

static void
test_self(Sym *s)
{
	const char *file;
	SymName name;
	u64 offset;

	assert(sym_user(s, (u32)getpid(), (u64)(uintptr_t)a_function_of_this_test + 2, &name, &file, &offset));
	assert(!strcmp(name.name, "a_function_of_this_test") && name.offset == 2 && file[0] == '/');
	assert(sym_user(s, (u32)getpid(), (u64)(uintptr_t)qsort, &name, NULL, NULL) && strstr(name.name, "qsort"));
	assert(!sym_user(s, (u32)getpid(), 16, &name, NULL, NULL));
}

/* The child's addresses are ours; it is remembered while it lives and asked about when it is gone. */
static void
test_gone(Sym *s)
{
	int to[2];
	pid_t pid;
	SymName name;

	assert(!pipe(to));
	pid = fork();
	if (!pid) {
		char c;

		close(to[1]);
		_exit(read(to[0], &c, 1) == 1);
	}
	sym_remember(s, (u32)pid);
	close(to[0]);
	close(to[1]);
	waitpid(pid, NULL, 0);
	assert(sym_user(s, (u32)pid, (u64)(uintptr_t)a_function_of_this_test, &name, NULL, NULL));
	assert(!strcmp(name.name, "a_function_of_this_test"));
}

static void
test_elf(void)
{
	int err, n = 0;
	Elf *e = sym_elf_open("/proc/self/exe", &err);
	char path[4096];
	ElfSym s;
	SymName name;

	assert(e && sym_elf_find(e, "a_function_of_this_test", &s) && s.is_func);
	assert(sym_elf_at(e, s.file_offset, &name) && !strcmp(name.name, s.name) && name.offset == 0);
	assert(sym_elf_each(e, "a_function_of_*", count, &n) == 0 && n == 1);
	assert(!sym_elf_find(e, "no_such_function", &s) && !sym_elf_is_go(e));
	sym_elf_close(e);
	assert(!sym_find_file("c", 0, path, sizeof(path)) && strstr(path, "libc.so.6"));
	assert(!sym_find_file("sh", 0, path, sizeof(path)) && sym_find_file("no-such-thing", 0, path, sizeof(path)) == -2);
	assert(!sym_elf_open("/etc/passwd", &err) && err == -8);
}

/* Every byte of the headers and many elsewhere changed at random: no question may crash. */
static void
test_hostile(void)
{
	HostMap m;
	char path[] = "/tmp/piton-elf-XXXXXX";
	int fd = mkstemp(path);
	u32 seed = 1;

	assert(fd >= 0 && !host_map("/bin/true", &m));
	for (int round = 0; round < 300; round++) {
		u8 *copy = malloc(m.n);
		int err, n = 0;
		SymName name;
		ElfSym s;
		Elf *e;

		memcpy(copy, m.p, m.n);
		for (int i = 0; i < 1 + round % 20; i++) {
			seed = seed * 1664525 + 1013904223;
			copy[seed % (round % 2 ? m.n : 512)] = (u8)(seed >> 24);
		}
		assert(ftruncate(fd, 0) == 0);
		assert(pwrite(fd, copy, m.n - (round % 3 ? 0 : seed % m.n), 0) > 0);
		e = sym_elf_open(path, &err);
		if (e) {
			sym_elf_find(e, "main", &s);
			sym_elf_each(e, "*", count, &n);
			for (u64 off = 0; off < m.n; off += 997)
				sym_elf_at(e, off, &name);
			sym_elf_is_go(e);
		}
		sym_elf_close(e);
		free(copy);
	}
	host_unmap(&m);
	close(fd);
	unlink(path);
}

static void
test_names(void)
{
	char *nice = sym_demangle("_ZN3foo3barEi");

	assert(nice && !strcmp(nice, "foo::bar(int)"));
	free(nice);
	nice = sym_demangle("_RNvC6_123foo3bar");
	assert(nice && !strcmp(nice, "123foo::bar"));
	free(nice);
	assert(!sym_demangle("main"));
}

int
main(void)
{
	SymOptions opt = { .demangle = true };
	Sym *s = sym_new(&opt);

	test_self(s);
	test_gone(s);
	sym_free(s);
	test_elf();
	test_hostile();
	test_names();
	return 0;
}
