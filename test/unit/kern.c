/* The kernel machine with programs assembled by hand. Needs bpf(2). */
#include "kern/kern.h"

#include <assert.h>
#include <errno.h>
#include <linux/perf_event.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>
#include <fcntl.h>
#include <sys/syscall.h>

#define INSN(c, d, s, o, i) { .code = (c), .dst_reg = (d), .src_reg = (s), .off = (o), .imm = (i) }
#define MOVI(d, i) INSN(BPF_ALU64 | BPF_MOV | BPF_K, d, 0, 0, i)
#define MOV(d, s) INSN(BPF_ALU64 | BPF_MOV | BPF_X, d, s, 0, 0)
#define ADDI(d, i) INSN(BPF_ALU64 | BPF_ADD | BPF_K, d, 0, 0, i)
#define CALL(id) INSN(BPF_JMP | BPF_CALL, 0, 0, 0, id)
#define EXIT INSN(BPF_JMP | BPF_EXIT, 0, 0, 0, 0)
#define MAPVAL(d, map, off) INSN(BPF_LD | BPF_DW | BPF_IMM, d, BPF_PSEUDO_MAP_VALUE, 0, map), { .imm = (off) }
#define MAPREF(d, map) INSN(BPF_LD | BPF_DW | BPF_IMM, d, BPF_PSEUDO_MAP_FD, 0, map), { .imm = 0 }

static int
load(Machine *m, u32 type, Insn *insns, u32 n, const int *maps, u32 n_maps)
{
	Code c = { .name = "kern-test", .prog_type = type, .insns = insns, .n = n };
	Refusal why = { 0 };
	int prog = m->ops->prog_load(m, &c, maps, n_maps, &why);

	if (prog < 0)
		fprintf(stderr, "refused: %s\n%s\n", strerror(-prog), why.log.p ? why.log.p : "");
	buf_free(&why.log);
	return prog;
}

/* A value with its first contents, frozen; a counter; a program that copies one to the other and is run by hand. */
static void
test_run(Machine *m)
{
	const MachineOps *o = m->ops;
	u64 first = 41, got = 0;
	u32 zero = 0, ret = 0;
	MapDef ro = { .name = "read-only.x and a long name", .type = BPF_MAP_TYPE_ARRAY, .key_size = 4, .value_size = 8, .max_entries = 1,
		      .flags = BPF_F_RDONLY_PROG, .init = &first, .frozen = true };
	MapDef rw = { .name = "rw", .type = BPF_MAP_TYPE_ARRAY, .key_size = 4, .value_size = 8, .max_entries = 1, .flags = BPF_F_MMAPABLE };
	int maps[2] = { o->map_new(m, &ro), o->map_new(m, &rw) };
	Insn insns[] = {
		MAPVAL(1, 0, 0), INSN(BPF_LDX | BPF_MEM | BPF_DW, 2, 1, 0, 0), ADDI(2, 1),
		MAPVAL(1, 1, 0), INSN(BPF_STX | BPF_MEM | BPF_DW, 1, 2, 0, 0), MOVI(0, 7), EXIT,
	};

	assert(maps[0] >= 0 && maps[1] >= 0);
	int prog = load(m, BPF_PROG_TYPE_RAW_TRACEPOINT, insns, COUNT(insns), maps, 2);
	assert(prog >= 0);
	assert(insns[0].imm == 0);
	assert(!o->prog_run(m, prog, NULL, 0, &ret) && ret == 7);
	assert(!o->map_lookup(m, maps[1], &zero, &got) && got == 42);
	assert(*(u64 *)o->map_memory(m, maps[1]) == 42);
	assert(o->map_update(m, maps[0], &zero, &first, 0) == -EPERM);
}

/* Refused programs: which instruction, and why. */
static void
test_refusal(Machine *m)
{
	static const struct { Insn insns[4]; u32 n; s32 pc; const char *words; } t[] = {
		{ { MOVI(1, 0), INSN(BPF_LDX | BPF_MEM | BPF_DW, 0, 1, 0, 0), EXIT }, 3, 1, "invalid mem access" },
		{ { MOVI(0, 0), MOV(0, 5), EXIT }, 3, 1, "!read_ok" },
		{ { MOVI(0, 0), INSN(BPF_JMP | BPF_JA, 0, 0, 5, 0), EXIT }, 3, 1, "out of range" },
		{ { EXIT }, 1, 0, "R0 !read_ok" },
		{ { INSN(BPF_JMP | BPF_JA, 0, 0, 1, 0), MOVI(0, 0), MOVI(0, 0), EXIT }, 4, 1, "unreachable" },
	};

	for (u32 i = 0; i < COUNT(t); i++) {
		Code c = { .name = "refused", .prog_type = BPF_PROG_TYPE_RAW_TRACEPOINT, .insns = (Insn *)t[i].insns, .n = t[i].n };
		Refusal why = { 0 };
		int prog = m->ops->prog_load(m, &c, NULL, 0, &why);

		if (prog >= 0 || why.err != prog || why.pc != t[i].pc || !strstr(why.log.p, t[i].words))
			fprintf(stderr, "%u: %d pc %d\n%s\n", i, prog, why.pc, why.log.p);
		assert(prog < 0 && why.err == prog && why.pc == t[i].pc && strstr(why.log.p, t[i].words));
		buf_free(&why.log);
	}
	Insn insns[] = { MAPREF(1, 3), MOVI(0, 0), EXIT };
	Code c = { .name = "refused", .prog_type = BPF_PROG_TYPE_RAW_TRACEPOINT, .insns = insns, .n = COUNT(insns) };
	Refusal why = { 0 };
	assert(m->ops->prog_load(m, &c, NULL, 0, &why) == -EINVAL && why.pc == -1 && why.log.n);
	buf_free(&why.log);
}

static int
sum_entries(void *arg, const void *key, const void *value)
{
	u64 *sum = arg, v = 0;

	for (u32 i = 0; i < sum[2]; i++)
		v += ((const u64 *)value)[i];
	sum[0] += *(const u32 *)key;
	sum[1] += v;
	return 0;
}

static int
stop_at_once(void *arg, const void *key, const void *value)
{
	(void)key, (void)value;
	++*(u32 *)arg;
	return 5;
}

static void
test_walk(Machine *m)
{
	static const u32 types[] = { BPF_MAP_TYPE_HASH, BPF_MAP_TYPE_LRU_HASH, BPF_MAP_TYPE_ARRAY, BPF_MAP_TYPE_PERCPU_HASH };
	const MachineOps *o = m->ops;
	u64 *value = calloc(host_cpus(), 8);

	for (u32 i = 0; i < COUNT(types); i++)
		for (u32 n = 1; n <= 2000; n = n == 1 ? 3 : n == 3 ? 700 : n + 1300) {
			MapDef d = { .name = "walk", .type = types[i], .key_size = 4, .value_size = 8, .max_entries = n };
			u64 sum[3] = { 0, 0, bpf_map_type_percpu(types[i]) ? host_cpus() : 1 };
			int map = o->map_new(m, &d);
			u32 calls = 0, key, next;

			assert(map >= 0);
			for (u32 k = 0; k < n; k++) {
				value[0] = 2 * (u64)k;
				assert(!o->map_update(m, map, &k, value, 0));
			}
			assert(!o->map_walk(m, map, sum_entries, sum));
			if (types[i] != BPF_MAP_TYPE_LRU_HASH)  /* which may forget */
				assert(sum[0] == (u64)n * (n - 1) / 2 && sum[1] == 2 * sum[0]);
			assert(o->map_walk(m, map, stop_at_once, &calls) == 5 && calls == 1);
			assert(!o->map_next(m, map, NULL, &key));
			if (n == 1)
				assert(o->map_next(m, map, &key, &next) == -ENOENT);
			if (types[i] == BPF_MAP_TYPE_HASH) {
				assert(!o->map_delete(m, map, &key) && o->map_lookup(m, map, &key, value) == -ENOENT);
				if (n == 1)
					assert(!o->map_walk(m, map, stop_at_once, &calls) && calls == 1);
			}
		}
	free(value);
}

/* ---- rings ---- */

static u64 got_sum, got_n, lost_marker;

static int
record(void *arg, const void *data, u32 size)
{
	u64 n;

	assert(arg == &lost_marker && size >= 8);
	memcpy(&n, data, sizeof(n));    /* a perf buffer's records are aligned to 4 */
	got_sum += n;
	got_n++;
	return 0;
}

/* One record of 8 bytes (the number that counts runs) each time it runs; map 0 the ring, map 1 the counter. */
static int
ring_prog(Machine *m, const int *maps)
{
	Insn insns[] = {
		MAPVAL(6, 1, 0), INSN(BPF_LDX | BPF_MEM | BPF_DW, 7, 6, 0, 0), ADDI(7, 1), INSN(BPF_STX | BPF_MEM | BPF_DW, 6, 7, 0, 0),
		MAPREF(1, 0), MOVI(2, 8), MOVI(3, 0), CALL(BPF_FUNC_ringbuf_reserve),
		INSN(BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 4, 0),
		INSN(BPF_STX | BPF_MEM | BPF_DW, 0, 7, 0, 0), MOV(1, 0), MOVI(2, 0), CALL(BPF_FUNC_ringbuf_submit),
		MOVI(0, 0), EXIT,
	};

	return load(m, BPF_PROG_TYPE_RAW_TRACEPOINT, insns, COUNT(insns), maps, 2);
}

static int
perf_prog(Machine *m, const int *maps)
{
	Insn insns[] = {
		MOV(8, 1),
		MAPVAL(6, 1, 0), INSN(BPF_LDX | BPF_MEM | BPF_DW, 7, 6, 0, 0), ADDI(7, 1), INSN(BPF_STX | BPF_MEM | BPF_DW, 6, 7, 0, 0),
		INSN(BPF_STX | BPF_MEM | BPF_DW, 10, 7, -8, 0),
		MOV(1, 8), MAPREF(2, 0), INSN(BPF_ALU | BPF_MOV | BPF_K, 3, 0, 0, -1), MOV(4, 10), ADDI(4, -8), MOVI(5, 8),
		CALL(BPF_FUNC_perf_event_output), MOVI(0, 0), EXIT,
	};

	return load(m, BPF_PROG_TYPE_RAW_TRACEPOINT, insns, COUNT(insns), maps, 2);
}

static bool
readable(Machine *m, int ms)
{
	struct pollfd p = { .fd = m->ops->ring_fd(m), .events = POLLIN };

	return poll(&p, 1, ms) == 1 && (p.revents & POLLIN);
}

static void
test_ring(u32 type)
{
	Machine *m = kern_machine_new();
	const MachineOps *o = m->ops;
	bool perf = type == BPF_MAP_TYPE_PERF_EVENT_ARRAY;
	MapDef ring = { .name = "ring", .type = type, .key_size = perf ? 4 : 0, .value_size = perf ? 4 : 0, .max_entries = perf ? 0 : 4096 };
	MapDef count = { .name = "count", .type = BPF_MAP_TYPE_ARRAY, .key_size = 4, .value_size = 8, .max_entries = 1 };
	int maps[2] = { o->map_new(m, &ring), o->map_new(m, &count) };
	u64 runs = 0;

	assert(maps[0] >= 0 && maps[1] >= 0);
	int prog = perf ? perf_prog(m, maps) : ring_prog(m, maps);
	assert(prog >= 0 && !o->ring_open(m, maps[0], 1, record, &lost_marker));
	got_n = got_sum = 0;
	assert(!o->ring_poll(m) && !readable(m, 0));
	/* Wakes, delivers all, over many turns of the ring. */
	for (u32 round = 0; round < 100; round++) {
		for (u32 i = 0; i < 1 + round % 40; i++, runs++)
			assert(!o->prog_run(m, prog, NULL, 0, NULL));
		assert(readable(m, 2000));
		while (o->ring_poll(m) > 0)
			;
		if (readable(m, 0))             /* a wake-up may come late; there is nothing behind it */
			assert(!o->ring_poll(m));
		assert(got_n == runs && got_sum == runs * (runs + 1) / 2);
	}
	/* Full: what does not fit is lost; the perf buffer says how much. */
	for (u32 i = 0; i < 1000; i++, runs++)
		assert(!o->prog_run(m, prog, NULL, 0, NULL));
	while (o->ring_poll(m) > 0)
		;
	assert(got_n < runs);
	if (perf) {     /* the count of lost ones comes with the next record that fits */
		assert(!o->prog_run(m, prog, NULL, 0, NULL) && ++runs);
		while (o->ring_poll(m) > 0)
			;
		assert(got_n + o->ring_lost(m) == runs);
	}
	o->close(m);
}

/* ---- attaching ---- */

__attribute__((noinline)) static int
probed(int x)
{
	__asm__ volatile("");
	return x + 1;
}

/* *map 1's only value += 1, if this process is running. */
static int
count_prog(Machine *m, u32 type, int map)
{
	int maps[] = { map };
	Insn insns[] = {
		CALL(BPF_FUNC_get_current_pid_tgid), INSN(BPF_ALU64 | BPF_RSH | BPF_K, 0, 0, 0, 32),
		INSN(BPF_JMP | BPF_JNE | BPF_K, 0, 0, 4, getpid()),
		MAPVAL(1, 0, 0), MOVI(2, 1), INSN(BPF_STX | BPF_DW | BPF_ATOMIC, 1, 2, 0, BPF_ADD),
		MOVI(0, 0), EXIT,
	};

	return load(m, type, insns, COUNT(insns), maps, 1);
}

static u64
value_of(Machine *m, int map)
{
	u32 zero = 0;
	u64 v = 0;

	assert(!m->ops->map_lookup(m, map, &zero, &v));
	return v;
}

/* The file offset of a function of this program. */
static u64
offset_of(const void *fn, char *path, size_t size)
{
	FILE *f = fopen("/proc/self/maps", "r");
	char line[512];
	unsigned long lo, hi, off, at = (unsigned long)fn, found = 0;

	while (fgets(line, sizeof(line), f))
		if (sscanf(line, "%lx-%lx %*s %lx", &lo, &hi, &off) == 3 && at >= lo && at < hi)
			found = at - lo + off;
	fclose(f);
	ssize_t n = readlink("/proc/self/exe", path, size - 1);
	assert(n > 0 && found);
	path[n] = 0;
	return found;
}

static void
test_attach(Machine *m)
{
	MapDef count = { .name = "count", .type = BPF_MAP_TYPE_ARRAY, .key_size = 4, .value_size = 8, .max_entries = 1 };
	int map = m->ops->map_new(m, &count), fd, prog;
	char path[512];
	u64 off = offset_of((void *)probed, path, sizeof(path)), before;

	assert(map >= 0);
	if (kern_has(FEAT_UPROBE)) {
		prog = count_prog(m, BPF_PROG_TYPE_KPROBE, map);
		for (int ret = 0; ret < 2; ret++)
			for (int cookie = 0; cookie < 1 + kern_has(FEAT_PERF_LINK); cookie++) {
				before = value_of(m, map);
				fd = kern_attach_uprobe(kern_prog_fd(m, prog), ret, path, off, cookie ? getpid() : 0, 0, (u64)cookie);
				assert(fd >= 0);
				for (int i = 0; i < 10; i++)
					probed(i);
				close(fd);
				probed(1);
				assert(value_of(m, map) == before + 10);
			}
	} else {
		puts("no uprobes here");
	}
	if (kern_tracefs()) {
		int id = kern_tracepoint_id("syscalls", "sys_enter_getppid");

		assert(id > 0 && kern_tracepoint_id("syscalls", "sys_enter_nothing") == -ENOENT);
		prog = count_prog(m, BPF_PROG_TYPE_TRACEPOINT, map);
		before = value_of(m, map);
		fd = kern_attach_tracepoint(kern_prog_fd(m, prog), (u32)id, 0, 0);
		assert(fd >= 0);
		for (int i = 0; i < 10; i++)
			syscall(SYS_getppid);
		close(fd);
		syscall(SYS_getppid);
		assert(value_of(m, map) == before + 10);
	} else {
		puts("no tracefs here");
	}
	prog = count_prog(m, BPF_PROG_TYPE_RAW_TRACEPOINT, map);
	before = value_of(m, map);
	fd = kern_attach_raw_tp(kern_prog_fd(m, prog), "sys_enter");
	assert(fd >= 0);
	syscall(SYS_getppid);
	close(fd);
	assert(value_of(m, map) > before);
	assert(kern_attach_raw_tp(kern_prog_fd(m, prog), "no_such_event") == -ENOENT);
	/* A clock on this thread. */
	prog = count_prog(m, BPF_PROG_TYPE_PERF_EVENT, map);
	before = value_of(m, map);
	fd = kern_attach_perf(kern_prog_fd(m, prog), kern_perf_event(PERF_TYPE_SOFTWARE, PERF_COUNT_SW_TASK_CLOCK, 1000000, false, 0, -1), 0);
	assert(fd >= 0);
	for (clock_t t = clock(); clock() - t < CLOCKS_PER_SEC / 20; )
		;
	close(fd);
	assert(value_of(m, map) > before);
}

/* Callbacks need BTF, which the machine makes. */
static void
test_callback(Machine *m)
{
	MapDef count = { .name = "count", .type = BPF_MAP_TYPE_ARRAY, .key_size = 4, .value_size = 8, .max_entries = 1 };
	int map = m->ops->map_new(m, &count), maps[] = { map };
	Insn insns[] = {
		MOVI(1, 10), INSN(BPF_LD | BPF_DW | BPF_IMM, 2, BPF_PSEUDO_FUNC, 0, 6), { 0 }, MOVI(3, 0), MOVI(4, 0), CALL(BPF_FUNC_loop),
		MOVI(0, 0), EXIT,
		MAPVAL(1, 0, 0), MOVI(2, 1), INSN(BPF_STX | BPF_DW | BPF_ATOMIC, 1, 2, 0, BPF_ADD), MOVI(0, 0), EXIT,
	};

	if (!kern_has(FEAT_LOOP))
		return;
	int prog = load(m, BPF_PROG_TYPE_RAW_TRACEPOINT, insns, COUNT(insns), maps, 1);
	assert(prog >= 0 && !m->ops->prog_run(m, prog, NULL, 0, NULL) && value_of(m, map) == 10);
}

int
main(void)
{
	int err = kern_usable();
	Machine *m = kern_machine_new();

	if (err) {
		printf("bpf(2) cannot be used here: %s\n", strerror(-err));
		return 77;
	}
	test_run(m);
	test_refusal(m);
	test_walk(m);
	test_callback(m);
	test_ring(BPF_MAP_TYPE_RINGBUF);
	test_ring(BPF_MAP_TYPE_PERF_EVENT_ARRAY);
	test_attach(m);
	for (Feature f = 0; f < N_FEATURE; f++)
		printf("%s%d", kern_has(f) ? " +" : " -", f);
	puts("");
	m->ops->close(m);
	return 0;
}
