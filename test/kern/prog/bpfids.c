/* bpfids ID...: prints those of the given BPF program ids that the kernel still holds. */
#define _GNU_SOURCE
#include <linux/bpf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

int
main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		union bpf_attr a;
		memset(&a, 0, sizeof a);
		a.prog_id = (unsigned)atoi(argv[i]);
		int fd = (int)syscall(SYS_bpf, BPF_PROG_GET_FD_BY_ID, &a, sizeof a);
		if (fd >= 0) {
			puts(argv[i]);
			close(fd);
		}
	}
	return 0;
}
