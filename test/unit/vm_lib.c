/* The library's public functions: refusal in words, own helpers, checked runs, maps in a file that processes share. */
#include "../../include/piton-vm.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static uint64_t
three_times(uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e, void *run)
{
	(void)c, (void)d, (void)e, (void)run;
	return a * 3 + b;
}

static void
own_helper(void)
{
	const char *text = "r1 = 14\nr2 = 1\ncall 65536\nexit";
	pvm *vm = pvm_new();
	uint64_t r0;

	assert(pvm_helper(0x10000, "three_times", 2, three_times) == 0);
	assert(pvm_helper(0x10000, "again", 2, three_times) == -EEXIST);
	assert(pvm_helper(7, "taken", 2, three_times) == -EINVAL);
	for (int how = PVM_AUTO; how <= PVM_JIT_BLINDED; how++) {
		pvm_prog *p = pvm_load_text(vm, "syscall", text, how);

		if (!p)
			fprintf(stderr, "how %d: %s\n", how, pvm_error(vm));
		assert(p);
		int err = pvm_run(p, NULL, 0, &r0);
		if (err || r0 != 43)
			printf("how %d: %d, %llu\n", how, err, (unsigned long long)r0);
		assert(!err && r0 == 43);
	}
	pvm_free(vm);
}

static void
refusals(void)
{
	pvm *vm = pvm_new();
	uint64_t r0;
	pvm_prog *p;

	assert(!pvm_load_text(vm, "xdp", "r0 = *(u64 *)(r2 +0)\nexit", PVM_AUTO) && strstr(pvm_error(vm), "R2"));
	assert(!pvm_load_text(vm, "xdp", "r0 = nonsense\nexit", PVM_AUTO) && strstr(pvm_error(vm), "nonsense"));
	assert(!pvm_load_text(vm, "no such type", "exit", PVM_AUTO));
	assert(pvm_map(vm, "no such kind", 4, 4, 4, NULL) == -EINVAL);
	p = pvm_load_text(vm, "syscall", "r0 = *(u64 *)(r1 +64)\nexit", PVM_CHECKED);
	assert(p && pvm_run(p, (char[64]){ 0 }, 64, &r0) == -EFAULT);
	pvm_free(vm);
}

static void
shared_map(void)
{
	char path[] = "/tmp/piton-map-XXXXXX";
	uint64_t key, value;
	int map, other, fd = mkstemp(path);
	pvm *vm = pvm_new(), *two = pvm_new();

	close(fd);
	map = pvm_map(vm, "hash", 8, 8, 1000, path);
	other = pvm_map(two, "hash", 8, 8, 1000, path);
	assert(map >= 0 && other >= 0);
	assert(pvm_map(two, "hash", 8, 16, 1000, path) == -EINVAL);
	for (int round = 0; round < 20; round++) {
		pid_t pid = fork();

		assert(pid >= 0);
		if (!pid) {
			pvm *child = pvm_new();
			int m = pvm_map(child, "hash", 8, 8, 1000, path);

			for (key = 0;; key++) {
				uint64_t k = key % 1500;

				pvm_map_put(child, m, &k, &key, 0);
				if (key % 3 == 0)
					pvm_map_delete(child, m, &k);
			}
		}
		usleep(3000 + round * 111);
		kill(pid, SIGKILL);             /* in the middle of something */
		waitpid(pid, NULL, 0);
		for (key = 0; key < 1500; key++)
			pvm_map_delete(vm, map, &key);
		for (key = 0; key < 1000; key++) {      /* nothing is lost, nothing is wedged */
			value = key * 2;
			assert(pvm_map_put(vm, map, &key, &value, 0) == 0);
		}
		assert(pvm_map_put(vm, map, &key, &value, 0) == -E2BIG);
		for (key = 0; key < 1000; key++)
			assert(pvm_map_get(two, other, &key, &value) == 0 && value == key * 2);
	}
	pvm_free(vm);
	pvm_free(two);
	unlink(path);
}

static void *
many(void *arg)
{
	pvm *vm = pvm_new();
	uint64_t r0;

	for (int i = 0; i < 50; i++) {
		pvm_prog *p = pvm_load_text(vm, "socket_filter", "r0 = *(u32 *)(r1 +0)\nexit", PVM_AUTO);

		assert(p && pvm_run(p, (char[100]){ 0 }, 100, &r0) == 0 && r0 == 86);
	}
	pvm_free(vm);
	return arg;
}

int
main(void)
{
	pthread_t t[4];

	own_helper();
	refusals();
	shared_map();
	for (int i = 0; i < 4; i++)
		pthread_create(&t[i], NULL, many, NULL);
	for (int i = 0; i < 4; i++)
		pthread_join(t[i], NULL);
	return 0;
}
