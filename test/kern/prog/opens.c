/* opens N: opens N files that do not exist: piton-file-0, piton-file-1, ... */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int
main(int argc, char **argv)
{
	int n = argc > 1 ? atoi(argv[1]) : 1;

	for (int i = 0; i < n; i++) {
		char name[32];
		snprintf(name, sizeof name, "piton-file-%d", i);
		int fd = open(name, O_RDONLY);
		if (fd >= 0)
			close(fd);
	}
	return 0;
}
