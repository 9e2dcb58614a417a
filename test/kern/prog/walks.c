/* flags: -O2 -fomit-frame-pointer -fno-inline-small-functions
 * Stacks of every shape without frame pointers: recursion, tail calls, callbacks from the C library, realigned and variable
 * frames, small functions where prologues and epilogues are most of the code, signal handlers, a library called through the
 * procedure linkage table. usage: walks ROUNDS [signals] */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>

volatile long sink;

#define FAR __attribute__((noinline, noclone))

FAR long
leaf(long x)
{
	return sink += x;
}

FAR long
small(long a, long b)
{
	return leaf(a) + leaf(b) * 3;
}

FAR long
saves(long a, long b, long c, long d)
{
	long s = small(a, b), t = small(b, c), u = small(c, d), v = small(d, a), w = leaf(s), x = leaf(t);

	return s * t + u * v + w * x + a + b + c + d;
}

FAR long
tail(long x)
{
	return saves(x, x + 1, x + 2, x + 3);
}

FAR long
variable(int n)
{
	char *p = __builtin_alloca((size_t)n + 16);

	memset(p, n, (size_t)n);
	return tail(p[n / 2]) + p[n / 3];
}

FAR long
realigned(int n)
{
	long v[8] __attribute__((aligned(64)));
	char *p = __builtin_alloca((size_t)n + 16);

	for (int i = 0; i < 8; i++)
		v[i] = leaf(n + i);
	p[n] = (char)v[3];
	sink += (long)(void *)v;
	return small(v[1], p[n]) + v[2];
}

FAR long
deep(int depth, long x)
{
	volatile char room[24];

	room[depth & 15] = (char)x;
	return depth ? deep(depth - 1, x + 1) * 3 + room[depth & 15] : variable((int)(x & 63)) + realigned((int)(x & 31));
}

static int
order(const void *a, const void *b)
{
	return (int)(leaf(*(const int *)a) - leaf(*(const int *)b));
}

FAR long
library(int n)
{
	char text[256];
	int v[40];

	for (int i = 0; i < 40; i++)
		v[i] = (i * 37 + n) % 41;
	qsort(v, 40, sizeof(*v), order);
	snprintf(text, sizeof(text), "%d %s %f %lx", n, "words", n / 3.0, sink);
	char *copy = strdup(text);

	sink += strtol(copy, NULL, 10) + (long)strlen(copy) + (strstr(copy, "ords") != NULL);
	free(copy);
	return v[3];
}

static void
on_timer(int sig)
{
	sink += deep(3, sig);
}

int
main(int argc, char **argv)
{
	long rounds = argc > 1 ? atol(argv[1]) : 10;
	struct itimerval often = { { 0, 500 }, { 0, 500 } };

	if (argc > 2) {
		signal(SIGALRM, on_timer);
		setitimer(ITIMER_REAL, &often, NULL);
	}
	for (long i = 0; i < rounds; i++) {
		deep((int)(i % 60), i);
		library((int)i);
		tail(i);
	}
	return 0;
}
