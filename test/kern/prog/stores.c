/* stores N: writes N times to a variable at a fixed address, 0x7e0000000000, with a pause behind each. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

int
main(int argc, char **argv)
{
	volatile long *p = mmap((void *)0x7e0000000000, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);

	if (p == MAP_FAILED)
		return 1;
	for (int i = 0; i < (argc > 1 ? atoi(argv[1]) : 1); i++) {
		*p = i;
		usleep(100000);
	}
	return 0;
}
