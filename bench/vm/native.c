/* Times prog() of one bench file, compiled by gcc; prints ns per run and the result. argv[1]: memory in hex; argv[2]: run it once. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

unsigned long long prog(unsigned char *p, unsigned long long n);

static double
now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1e9 + t.tv_nsec;
}

int
main(int argc, char **argv)
{
	size_t n = argc > 1 ? strlen(argv[1]) / 2 : 0;
	unsigned char *mem = aligned_alloc(64, (n + 127) / 64 * 64);
	unsigned long long r = 0;
	long runs = 1;
	double best = 0;

	for (size_t i = 0; i < n; i++) {
		unsigned v;

		sscanf(argv[1] + i * 2, "%2x", &v);
		mem[i] = (unsigned char)v;
	}
	if (argc > 2)
		r = prog(mem, n);
	for (int slice = 0; argc <= 2 && slice < 300; ) {
		double t = now();

		for (long i = 0; i < runs; i++)
			r = prog(mem, n);
		t = now() - t;
		if (t < 2e5) {
			runs *= 2;
			continue;
		}
		if (!best || t / runs < best)
			best = t / runs;
		slice++;
	}
	printf("%.1f 0x%llx\n", best, r);
	return 0;
}
