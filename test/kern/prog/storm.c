/* storm N [THREADS]: N calls of getpgid(-1), -2, ... in all, as fast as they come, shared out among the threads. The number
 * asked for is different in each call, so that whoever prints them all can be checked for losses and repetitions. */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

static long total, threads;

static void *
work(void *arg)
{
	for (long i = (long)arg; i < total; i += threads)
		syscall(SYS_getpgid, (pid_t)(-1 - i));
	return NULL;
}

int
main(int argc, char **argv)
{
	pthread_t t[64];

	total = argc > 1 ? atol(argv[1]) : 1000;
	threads = argc > 2 ? atol(argv[2]) : 1;
	if (threads < 1 || threads > 64)
		return 2;
	for (long i = 1; i < threads; i++)
		if (pthread_create(&t[i], NULL, work, (void *)i))
			return 1;
	work(NULL);
	for (long i = 1; i < threads; i++)
		pthread_join(t[i], NULL);
	return 0;
}
