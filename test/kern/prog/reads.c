/* reads SIZE:COUNT...: COUNT times a read of SIZE bytes from /dev/zero, which is file descriptor 100. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int
main(int argc, char **argv)
{
	int zero = open("/dev/zero", O_RDONLY);

	if (zero < 0 || dup2(zero, 100) != 100)
		return 1;
	for (int i = 1; i < argc; i++) {
		size_t size;
		int count;
		if (sscanf(argv[i], "%zu:%d", &size, &count) != 2)
			return 2;
		char *buf = malloc(size + 1);
		for (int j = 0; j < count; j++)
			if (read(100, buf, size) != (ssize_t)size)
				return 1;
		free(buf);
	}
	return 0;
}
