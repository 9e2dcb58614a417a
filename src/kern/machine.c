/* machine: bpf/bpf.h's Machine over bpf(2). Everything made hangs on file descriptors that close() gives back; the kernel
 * does the same when the process dies. */
#include "kern/machine.h"

#include <stdlib.h>
#include <sys/mman.h>

static bool
has(Machine *m, Feature f)
{
	(void)m;
	return kern_has(f);
}

static void
close_machine(Machine *m)
{
	KernMachine *k = (KernMachine *)m;

	kern_ring_close(&k->ring);
	for (u32 i = 0; i < k->progs.n; i++)
		if (k->progs.v[i] >= 0)
			close(k->progs.v[i]);
	for (u32 i = 0; i < k->maps.n; i++) {
		if (k->maps.v[i].memory)
			munmap(k->maps.v[i].memory, k->maps.v[i].memory_size);
		if (k->maps.v[i].fd >= 0)
			close(k->maps.v[i].fd);
	}
	arena_free(k->a);
	free(k);
}

static const MachineOps ops = {
	.name = "kernel",
	.has = has,
	.map_new = kern_map_new,
	.map_lookup = kern_map_lookup,
	.map_update = kern_map_update,
	.map_delete = kern_map_delete,
	.map_next = kern_map_next,
	.map_walk = kern_map_walk,
	.map_memory = kern_map_memory,
	.prog_load = kern_prog_load,
	.prog_run = kern_prog_run,
	.ring_open = kern_ring_open,
	.ring_poll = kern_ring_poll,
	.ring_fd = kern_ring_fd,
	.ring_lost = kern_ring_lost,
	.close = close_machine,
};

Machine *
kern_machine_new(void)
{
	KernMachine *k = calloc(1, sizeof(*k));

	if (!k)
		return NULL;
	k->machine.ops = &ops;
	k->a = arena_new();
	k->ring.fd = -1;
	k->log_size = 1000000;
	return &k->machine;
}

int
kern_usable(void)
{
	MapDef def = { .name = "piton", .type = BPF_MAP_TYPE_ARRAY, .key_size = 4, .value_size = 8, .max_entries = 1 };
	int fd = kern_make_map(&def, -1);

	if (fd < 0)
		return fd;
	close(fd);
	return 0;
}

int
kern_prog_fd(Machine *m, int prog)
{
	KernMachine *k = (KernMachine *)m;

	return prog >= 0 && (u32)prog < k->progs.n ? k->progs.v[prog] : -EBADF;
}

int
kern_map_fd(Machine *m, int map)
{
	KernMachine *k = (KernMachine *)m;

	return map >= 0 && (u32)map < k->maps.n ? k->maps.v[map].fd : -EBADF;
}

void
kern_set_log_size(Machine *m, u32 bytes)
{
	((KernMachine *)m)->log_size = bytes;
}
