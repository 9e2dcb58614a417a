/* burn MS: keeps a CPU busy for so many milliseconds of CPU time in burn_leaf, called by burn_middle. */
#include <stdlib.h>
#include <time.h>

static volatile unsigned long sink;

__attribute__((noinline)) void
burn_leaf(int rounds)
{
	for (int i = 0; i < rounds; i++)
		sink += sink * 3 + (unsigned long)i;
}

__attribute__((noinline)) void
burn_middle(int rounds)
{
	burn_leaf(rounds);
	__asm__ volatile("");
}

static double
cpu_ms(void)
{
	struct timespec t;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return t.tv_sec * 1e3 + t.tv_nsec / 1e6;
}

int
main(int argc, char **argv)
{
	double ms = argc > 1 ? atof(argv[1]) : 1000;

	while (cpu_ms() < ms)
		burn_middle(100000);
	return 0;
}
