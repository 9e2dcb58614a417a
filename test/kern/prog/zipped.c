/* zipped ARCHIVE N: makes a ZIP archive that holds this program twice: lib/me.so, stored at the start of a page, and lib/small.so, marked as
 * compressed; maps the first from the archive, as Android maps libraries, and calls target(i) there for i below N. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

extern const char __ehdr_start[];

__attribute__((noinline)) long
target(long n)
{
	__asm__ volatile("" : "+r"(n));
	return n + 1;
}

static unsigned char zip[8 << 20];
static size_t used;

static void
number(size_t n, int size)
{
	for (; size--; n >>= 8)
		zip[used++] = (unsigned char)n;
}

static void
bytes(const void *p, size_t n)
{
	memcpy(zip + used, p, n);
	used += n;
}

/* A local header and the member's bytes at a multiple of 4096; gives where the header is. */
static size_t
member(const char *name, int method, const void *data, size_t n, size_t *at)
{
	size_t header = used, pad = (4096 - (used + 30 + strlen(name)) % 4096) % 4096;

	bytes("PK\3\4", 4);
	number(20, 2); number(0, 2); number((size_t)method, 2); number(0, 8); number(n, 4); number(n, 4); number(strlen(name), 2); number(pad, 2);
	bytes(name, strlen(name));
	used += pad;
	*at = used;
	bytes(data, n);
	return header;
}

static void
entry(const char *name, int method, size_t header, size_t n)
{
	bytes("PK\1\2", 4);
	number(20, 2); number(20, 2); number(0, 2); number((size_t)method, 2); number(0, 8); number(n, 4); number(n, 4);
	number(strlen(name), 2); number(0, 2); number(0, 2); number(0, 2); number(0, 2); number(0, 4); number(header, 4);
	bytes(name, strlen(name));
}

int
main(int argc, char **argv)
{
	static char self[2 << 20];
	int fd = open("/proc/self/exe", O_RDONLY), out = argc > 2 ? open(argv[1], O_RDWR | O_CREAT | O_TRUNC, 0644) : -1;
	ssize_t n = read(fd, self, sizeof(self));
	size_t at, other, where, small, directory, where_code = (size_t)((const char *)target - __ehdr_start);
	char *p;

	if (n <= 0 || out < 0)
		return 1;
	where = member("lib/me.so", 0, self, (size_t)n, &at);
	small = member("lib/small.so", 8, self, (size_t)n, &other);
	directory = used;
	entry("lib/me.so", 0, where, (size_t)n);
	entry("lib/small.so", 8, small, (size_t)n);
	number(0, 0);
	other = used - directory;
	bytes("PK\5\6", 4);
	number(0, 4); number(2, 2); number(2, 2); number(other, 4); number(directory, 4); number(0, 2);
	if (write(out, zip, used) != (ssize_t)used)
		return 1;
	p = mmap(NULL, (size_t)n, PROT_READ | PROT_EXEC, MAP_PRIVATE, out, (off_t)at);
	/* Not its first byte, where a breakpoint may stand already. */
	if (p == MAP_FAILED || memcmp(p + where_code + 4, (const char *)target + 4, 4))
		return 1;
	for (long i = 0; i < atol(argv[2]); i++)
		((long (*)(long))(p + where_code))(i);
	return 0;
}
