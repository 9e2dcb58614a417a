/* sleeps N MS: sleeps N times for MS milliseconds. */
#include <stdlib.h>
#include <time.h>

int
main(int argc, char **argv)
{
	int n = argc > 1 ? atoi(argv[1]) : 1;
	long ms = argc > 2 ? atol(argv[2]) : 10;
	struct timespec t = { ms / 1000, ms % 1000 * 1000000 };

	for (int i = 0; i < n; i++)
		nanosleep(&t, NULL);
	return 0;
}
