/* calls N: calls leaf(i, "call-i") for i below N through two more functions; leaf returns twice its number.
 * It is built with frame pointers. */
#include <stdio.h>
#include <stdlib.h>

struct Point { int x; short y; char tag[6]; };

__attribute__((noinline)) long
leaf(long n, const char *name)
{
	__asm__ volatile("" : : "r"(name) : "memory");
	return n * 2;
}

__attribute__((noinline)) long
middle(long n, const char *name)
{
	long r = leaf(n, name);
	__asm__ volatile("" : "+r"(r));
	return r;
}

__attribute__((noinline)) long
six(long a, long b, long c, long d, long e, long f)
{
	long r = a + b + c + d + e + f;
	__asm__ volatile("" : "+r"(r));
	return r;
}

__attribute__((noinline)) int
point(const struct Point *p)
{
	int r = p->x + p->y;
	__asm__ volatile("" : "+r"(r) : "r"(p) : "memory");
	return r;
}

int
main(int argc, char **argv)
{
	long n = argc > 1 ? atol(argv[1]) : 1, sum = 0;

	for (long i = 0; i < n; i++) {
		char name[32];
		snprintf(name, sizeof name, "call-%ld", i);
		sum += middle(i, name);
		sum += six(i, 2, 3, 4, 5, 6);
		struct Point p = { .x = (int)i - 5, .y = 7, .tag = "tag" };
		sum += point(&p);
	}
	return sum == -1;
}
