/* floor: the system calls of the tracepoint one-liner and nothing else: no script, no compiler, a program of two instructions.
 * What a tracer of any make has to pay here, so that the rows of others can be read.
 *
 *   floor COMMAND [ARGUMENT]     counts nothing while COMMAND runs */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/perf_event.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static int
bpf(int cmd, union bpf_attr *attr)
{
	return (int)syscall(SYS_bpf, cmd, attr, sizeof *attr);
}

int
main(int argc, char **argv)
{
	struct bpf_insn code[] = { { .code = BPF_ALU64 | BPF_MOV | BPF_K }, { .code = BPF_JMP | BPF_EXIT } };
	union bpf_attr map = { .map_type = BPF_MAP_TYPE_ARRAY, .key_size = 4, .value_size = 8, .max_entries = 1 };
	union bpf_attr prog = { .prog_type = BPF_PROG_TYPE_TRACEPOINT, .insns = (unsigned long)code, .insn_cnt = 2,
				.license = (unsigned long)"GPL" };
	struct perf_event_attr event = { .type = PERF_TYPE_TRACEPOINT, .size = sizeof event, .sample_period = 1 };
	char id[16] = "", c;
	int go[2], status, fd, m, p, e;
	pid_t pid;

	if (argc < 2 || pipe(go))
		return 2;
	pid = fork();
	if (!pid) {
		close(go[1]);
		if (read(go[0], &c, 1) == 1)
			execv(argv[1], argv + 1);
		_exit(127);
	}
	fd = open("/sys/kernel/tracing/events/syscalls/sys_enter_openat/id", O_RDONLY);
	if (fd < 0 || read(fd, id, sizeof id - 1) <= 0)
		return 1;
	event.config = (unsigned long)atol(id);
	m = bpf(BPF_MAP_CREATE, &map);
	p = bpf(BPF_PROG_LOAD, &prog);
	e = (int)syscall(SYS_perf_event_open, &event, -1, 0, -1, PERF_FLAG_FD_CLOEXEC);
	if (m < 0 || p < 0 || e < 0 || ioctl(e, PERF_EVENT_IOC_SET_BPF, p) || write(go[1], "g", 1) != 1)
		return 1;
	waitpid(pid, &status, 0);
	return WEXITSTATUS(status);
}
