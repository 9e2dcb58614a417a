/* The user machine: maps from both sides, helpers, records, all through MachineOps. */
#include "vm/vm.h"
#include "vm/maps/maps.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static Arena *a;
static Diag *d;
static Machine *m;

static int
load(const char *text, const int *maps, u32 n)
{
	Code code = { .name = "t", .prog_type = BPF_PROG_TYPE_RAW_TRACEPOINT };
	Refusal why = { 0 };
	int prog;

	if (!bpf_asm("test", text, strlen(text), d, a, &code.insns, &code.n)) {
		Buf b = { 0 };

		diag_print(d, &b, false);
		fputs(b.p, stderr);
		assert(0);
	}
	prog = m->ops->prog_load(m, &code, maps, n, &why);
	if (prog < 0)
		fprintf(stderr, "%s\n", why.log.p);
	buf_free(&why.log);
	return prog;
}

static u32
run(const char *text, const int *maps, u32 n)
{
	u64 ctx[8] = { 0 };
	u32 r0;
	int prog = load(text, maps, n), err;

	assert(prog >= 0);
	err = m->ops->prog_run(m, prog, ctx, sizeof(ctx), &r0);
	assert(!err);
	return r0;
}

static int
new_map(u32 type, u32 key, u32 value, u32 entries)
{
	MapDef def = { .name = "a map with quite a long name", .type = type, .key_size = key, .value_size = value,
		       .max_entries = entries };
	int map = m->ops->map_new(m, &def);

	assert(map >= 0);
	return map;
}

static u32 records;
static u64 last;

static int
record(void *arg, const void *data, u32 size)
{
	assert(arg == &records && size == 8);
	memcpy(&last, data, 8);
	records++;
	return 0;
}

static int
count_entry(void *arg, const void *key, const void *value)
{
	u64 k, v;

	memcpy(&k, key, 8);
	memcpy(&v, value, 8);
	assert(v == k * 3);
	++*(u32 *)arg;
	return 0;
}

static void
hashes(void)
{
	int h = new_map(BPF_MAP_TYPE_HASH, 8, 8, 100);
	u64 k, v, next;
	u32 n = 0;

	for (k = 0; k < 100; k++) {
		v = k * 3;
		assert(!m->ops->map_update(m, h, &k, &v, BPF_NOEXIST));
	}
	assert(m->ops->map_update(m, h, &k, &v, BPF_ANY) == -E2BIG);
	k = 7;
	assert(m->ops->map_update(m, h, &k, &v, BPF_NOEXIST) == -EEXIST);
	assert(!m->ops->map_lookup(m, h, &k, &v) && v == 21);
	assert(!m->ops->map_walk(m, h, count_entry, &n) && n == 100);
	for (n = 0; !m->ops->map_next(m, h, n ? &k : NULL, &next); n++)
		k = next;
	assert(n == 100);
	/* the program adds to one and deletes another */
	assert(run("r1 = 41\n*(u64 *)(r10 -8) = r1\nr1 = map[fd:0]\nr2 = r10\nr2 += -8\ncall map_lookup_elem\n"
		   "if r0 == 0 goto none\nr6 = *(u64 *)(r0 +0)\nr6 += 1000\n*(u64 *)(r0 +0) = r6\n"
		   "r1 = 42\n*(u64 *)(r10 -8) = r1\nr1 = map[fd:0]\nr2 = r10\nr2 += -8\ncall map_delete_elem\n"
		   "r0 = r6\nexit\nnone:\nr0 = 0\nexit\n", &h, 1) == 1123);
	k = 41;
	assert(!m->ops->map_lookup(m, h, &k, &v) && v == 1123);
	k = 42;
	assert(m->ops->map_lookup(m, h, &k, &v) == -ENOENT && m->ops->map_delete(m, h, &k) == -ENOENT);
	/* a callback sums the values */
	assert(run("r1 = 0\n*(u64 *)(r10 -8) = r1\nr1 = map[fd:0]\nr2 = subprog[add]\nr3 = r10\nr3 += -8\nr4 = 0\n"
		   "call for_each_map_elem\nr6 = r0\nr0 = *(u64 *)(r10 -8)\nif r6 == 99 goto +1\nr0 = 0\nexit\n"
		   "add:\nr1 = *(u64 *)(r3 +0)\nr2 = *(u64 *)(r4 +0)\nr2 += r1\n*(u64 *)(r4 +0) = r2\nr0 = 0\nexit\n", &h, 1) ==
	       99 * 100 / 2 * 3 + 1000 - 126);
}

static void
percpu(void)
{
	int h = new_map(BPF_MAP_TYPE_PERCPU_HASH, 4, 12, 8), c = new_map(BPF_MAP_TYPE_PERCPU_ARRAY, 4, 8, 4);
	u32 cpus = host_cpus(), k = 3;
	u8 *all = calloc(cpus, 16);
	u64 sum = 0, v;
	int maps[2] = { h, c };

	assert(!m->ops->map_update(m, h, &k, all, BPF_ANY) && !m->ops->map_lookup(m, h, &k, all));
	for (int i = 0; i < 5; i++)
		run("r1 = 2\n*(u32 *)(r10 -4) = r1\nr1 = map[fd:1]\nr2 = r10\nr2 += -4\ncall map_lookup_elem\n"
		    "if r0 == 0 goto +3\nr1 = *(u64 *)(r0 +0)\nr1 += 1\n*(u64 *)(r0 +0) = r1\nr0 = 0\nexit\n", maps, 2);
	k = 2;
	assert(!m->ops->map_lookup(m, c, &k, all));
	for (u32 i = 0; i < cpus; i++) {
		memcpy(&v, all + i * 8, 8);
		sum += v;
	}
	assert(sum == 5);
	free(all);
}

static void
ring(void)
{
	int r = new_map(BPF_MAP_TYPE_RINGBUF, 0, 0, 4096);
	const char *one = "r1 = map[fd:0]\nr2 = 8\nr3 = 0\ncall ringbuf_reserve\nif r0 == 0 goto full\nr1 = 77\n"
			  "*(u64 *)(r0 +0) = r1\nr1 = r0\nr2 = 0\ncall ringbuf_submit\nr0 = 1\nexit\nfull:\nr0 = 0\nexit\n";
	u64 ctx[8] = { 0 };
	u32 r0, n = 0;
	int prog;

	assert(!m->ops->ring_open(m, r, 0, record, &records));
	assert(m->ops->ring_poll(m) == 0);
	prog = load(one, &r, 1);
	assert(prog >= 0);
	do {
		assert(!m->ops->prog_run(m, prog, ctx, sizeof(ctx), &r0));
		n += r0;
	} while (r0);
	assert(n == 4096 / 16 && m->ops->ring_lost(m) == 1);
	assert(m->ops->ring_poll(m) == (int)n && records == n && last == 77);
	for (int i = 0; i < 1000; i++) {        /* around the end again and again */
		assert(!m->ops->prog_run(m, prog, ctx, sizeof(ctx), &r0) && r0);
		assert(m->ops->ring_poll(m) == 1);
	}
}

static void
helpers(void)
{
	assert(run("call get_current_pid_tgid\nr0 >>= 32\nexit", NULL, 0) == (u32)getpid());
	assert(run("call ktime_get_ns\nr6 = r0\ncall ktime_get_ns\nif r0 >= r6 goto +2\nr0 = 1\nexit\nr0 = 0\nexit", NULL, 0) == 0);
	/* "hi 7": the format lies in a map that nobody can change */
	MapDef def = { .name = "format", .type = BPF_MAP_TYPE_ARRAY, .key_size = 4, .value_size = 8, .max_entries = 1,
		       .flags = BPF_F_RDONLY_PROG, .init = "hi %u\0\0", .frozen = true };
	int format = m->ops->map_new(m, &def);

	assert(format >= 0);
	assert(run("r1 = 7\n*(u64 *)(r10 -16) = r1\nr1 = r10\nr1 += -32\nr2 = 16\nr3 = map[fd:0][0]+0\n"
		   "r4 = r10\nr4 += -16\nr5 = 8\ncall snprintf\nif r0 != 5 goto +2\n"
		   "r0 = *(u32 *)(r10 -32)\nexit\nr0 = 0\nexit", &format, 1) == 0x37206968);
	/* address 1 cannot be read */
	assert(run("r1 = r10\nr1 += -8\nr2 = 8\nr3 = 1\ncall probe_read_kernel\nexit", NULL, 0) == (u32)-EFAULT);
}

static void
other_maps(void)
{
	MapDef def = { .name = "q", .type = BPF_MAP_TYPE_QUEUE, .value_size = 4, .max_entries = 3 };
	int err;
	VmMap *q = vm_map_new(&def, &err);
	u32 v, k[2];

	for (v = 1; v <= 3; v++)
		assert(!q->ops->push(q, &v, 0));
	assert(q->ops->push(q, &v, 0) == -E2BIG && !q->ops->push(q, &v, BPF_EXIST));
	assert(!q->ops->pop(q, &v) && v == 2 && !q->ops->peek(q, &v) && v == 3);
	vm_map_free(q);
	def = (MapDef){ .name = "s", .type = BPF_MAP_TYPE_STACK, .value_size = 4, .max_entries = 3 };
	q = vm_map_new(&def, &err);
	for (v = 1; v <= 3; v++)
		assert(!q->ops->push(q, &v, 0));
	assert(!q->ops->pop(q, &v) && v == 3);
	vm_map_free(q);
	def = (MapDef){ .name = "b", .type = BPF_MAP_TYPE_BLOOM_FILTER, .value_size = 4, .max_entries = 1000 };
	q = vm_map_new(&def, &err);
	for (v = 0; v < 1000; v++)
		assert(!q->ops->push(q, &v, 0));
	for (v = 0; v < 1000; v++)
		assert(!q->ops->peek(q, &v));
	for (k[0] = 0; v < 11000; v++)
		k[0] += !q->ops->peek(q, &v);
	assert(k[0] < 500);
	vm_map_free(q);
	def = (MapDef){ .name = "l", .type = BPF_MAP_TYPE_LPM_TRIE, .key_size = 8, .value_size = 4, .max_entries = 1000,
			.flags = BPF_F_NO_PREALLOC };
	q = vm_map_new(&def, &err);
	for (u32 bits = 0; bits <= 32; bits++) {
		k[0] = bits;
		k[1] = __builtin_bswap32(bits ? ~0u << (32 - bits) & 0xc0a80164 : 0);
		assert(!vm_map_update(q, k, &bits, BPF_ANY));
	}
	for (u32 same = 0; same < 32; same++) {         /* a key that agrees in exactly so many bits */
		u32 *found;

		k[0] = 32;
		k[1] = __builtin_bswap32(0xc0a80164 ^ 1u << (31 - same));
		found = vm_map_lookup(q, k);
		assert(found && *found == same);
	}
	k[0] = 16, k[1] = __builtin_bswap32(0xc0a80000);
	assert(!vm_map_delete(q, k) && vm_map_delete(q, k) == -ENOENT);
	k[0] = 32, k[1] = __builtin_bswap32(0xc0a80164 ^ 1u << 15);
	assert(*(u32 *)vm_map_lookup(q, k) == 15);
	/* as many different prefixes as one likes, when others go */
	for (u32 i = 0; i < 100000; i++) {
		k[0] = 32, k[1] = i * 2654435761u;
		assert(!vm_map_update(q, k, &i, BPF_ANY) && !vm_map_delete(q, k));
	}
	vm_map_free(q);
	def = (MapDef){ .name = "lru", .type = BPF_MAP_TYPE_LRU_HASH, .key_size = 4, .value_size = 4, .max_entries = 64 };
	q = vm_map_new(&def, &err);
	for (v = 0; v < 1000; v++) {
		u32 hot = 5;

		assert(!vm_map_update(q, &v, &v, BPF_ANY));
		assert(v < 5 || vm_map_lookup(q, &hot));        /* what is asked for stays */
	}
	vm_map_free(q);
}

/* Many threads count in one hash; then processes do, one of which is killed in the middle of it. */
static VmMap *shared;

static void *
count_up(void *arg)
{
	for (u64 i = 0; i < 20000; i++) {
		u64 k = i % 50, zero = 0, *v;

		vm_map_update(shared, &k, &zero, BPF_NOEXIST);
		v = vm_map_lookup(shared, &k);
		if (v)
			__atomic_add_fetch(v, 1, __ATOMIC_RELAXED);
		k = 1000 + i % 3;
		vm_map_update(shared, &k, &i, BPF_ANY);
		vm_map_delete(shared, &k);
	}
	return arg;
}

static void
threads_and_processes(void)
{
	MapDef def = { .name = "h", .type = BPF_MAP_TYPE_HASH, .key_size = 8, .value_size = 8, .max_entries = 60 };
	pthread_t t[4];
	u64 sum = 0;
	int err;

	shared = vm_map_new(&def, &err);
	for (int i = 0; i < 4; i++)
		pthread_create(&t[i], NULL, count_up, NULL);
	for (int i = 0; i < 4; i++)
		pthread_join(t[i], NULL);
	for (u64 k = 0; k < 50; k++)
		sum += *(u64 *)vm_map_lookup(shared, &k);
	assert(sum == 80000);
	for (int round = 0; round < 40; round++) {
		pid_t pid = fork();

		assert(pid >= 0);
		if (!pid)
			for (;;)
				count_up(NULL);
		usleep(2000 + (unsigned)round * 37);
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		count_up(NULL);         /* nothing is wedged */
	}
	vm_map_free(shared);
}

int
main(void)
{
	a = arena_new();
	d = diag_new(a);
	m = vm_machine_new(VM_AUTO);
	hashes();
	percpu();
	ring();
	helpers();
	other_maps();
	threads_and_processes();
	m->ops->close(m);
	arena_free(a);
	return 0;
}
