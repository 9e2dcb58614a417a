/* Helpers that take more than one call to see: timers, dynptrs, the user ring buffer. Each program goes through the verifier and
 * runs in the interpreter and the JIT. */
#include "vm/run.h"
#include "vm/maps/maps.h"

#include <assert.h>
#include <stdio.h>
#include <time.h>

/* A timer at the start of the value starts itself anew until it has ticked three times; the count lies behind it. A run while there
 * is a timer cancels it. */
static const char *const timer_text =
	"*(u32 *)(r10 -4) = 0\n"
	"r2 = r10\n"
	"r2 += -4\n"
	"r1 = map[fd:0]\n"
	"call bpf_map_lookup_elem\n"
	"if r0 == 0 goto none\n"
	"r6 = r0\n"
	"r1 = r6\n"
	"r2 = map[fd:0]\n"
	"r3 = 1\n"
	"call bpf_timer_init\n"
	"if r0 != 0 goto again\n"
	"r1 = r6\n"
	"r2 = subprog[tick]\n"
	"call bpf_timer_set_callback\n"
	"r1 = r6\n"
	"r2 = 1000000\n"
	"r3 = 0\n"
	"call bpf_timer_start\n"
	"exit\n"
	"again:\n"
	"r1 = r6\n"
	"call bpf_timer_cancel\n"
	"none:\n"
	"exit\n"
	"tick:\n"
	"r1 = *(u64 *)(r3 +16)\n"
	"r1 += 1\n"
	"*(u64 *)(r3 +16) = r1\n"
	"if r1 > 2 goto done\n"
	"r1 = r3\n"
	"r2 = 1000000\n"
	"r3 = 0\n"
	"call bpf_timer_start\n"
	"done:\n"
	"r0 = 0\n"
	"exit\n";

/* 16 bytes of a map's value: written through the dynptr, read back, looked into, and read past its end (-E2BIG). */
static const char *const dynptr_text =
	"*(u32 *)(r10 -4) = 0\n"
	"r2 = r10\n"
	"r2 += -4\n"
	"r1 = map[fd:0]\n"
	"call bpf_map_lookup_elem\n"
	"if r0 == 0 goto none\n"
	"r6 = r0\n"
	"r1 = r6\n"
	"r2 = 16\n"
	"r3 = 0\n"
	"r4 = r10\n"
	"r4 += -24\n"
	"call bpf_dynptr_from_mem\n"
	"*(u64 *)(r10 -32) = 0x1234\n"
	"r1 = r10\n"
	"r1 += -24\n"
	"r2 = 8\n"
	"r3 = r10\n"
	"r3 += -32\n"
	"r4 = 8\n"
	"r5 = 0\n"
	"call bpf_dynptr_write\n"
	"*(u64 *)(r10 -40) = 0\n"
	"r1 = r10\n"
	"r1 += -40\n"
	"r2 = 2\n"
	"r3 = r10\n"
	"r3 += -24\n"
	"r4 = 8\n"
	"r5 = 0\n"
	"call bpf_dynptr_read\n"
	"r1 = r10\n"
	"r1 += -24\n"
	"r2 = 9\n"
	"r3 = 1\n"
	"call bpf_dynptr_data\n"
	"if r0 == 0 goto none\n"
	"r7 = *(u8 *)(r0 +0)\n"
	"r7 <<= 32\n"
	"r1 = r10\n"
	"r1 += -40\n"
	"r2 = 2\n"
	"r3 = r10\n"
	"r3 += -24\n"
	"r4 = 15\n"
	"r5 = 0\n"
	"call bpf_dynptr_read\n"
	"r0 <<= 48\n"
	"r7 |= r0\n"
	"r0 = *(u64 *)(r10 -40)\n"
	"r0 |= r7\n"
	"none:\n"
	"exit\n";

/* The sum of the bytes at 2 of all records, and how many there were. */
static const char *const ring_text =
	"*(u64 *)(r10 -8) = 0\n"
	"r1 = map[fd:0]\n"
	"r2 = subprog[each]\n"
	"r3 = r10\n"
	"r3 += -8\n"
	"r4 = 0\n"
	"call bpf_user_ringbuf_drain\n"
	"r6 = r0\n"
	"r6 <<= 16\n"
	"r0 = *(u64 *)(r10 -8)\n"
	"r0 |= r6\n"
	"exit\n"
	"each:\n"
	"r6 = r2\n"
	"*(u64 *)(r10 -8) = 0\n"
	"r3 = r1\n"
	"r1 = r10\n"
	"r1 += -8\n"
	"r2 = 1\n"
	"r4 = 2\n"
	"r5 = 0\n"
	"call bpf_dynptr_read\n"
	"r1 = *(u64 *)(r10 -8)\n"
	"r2 = *(u64 *)(r6 +0)\n"
	"r2 += r1\n"
	"*(u64 *)(r6 +0) = r2\n"
	"r0 = 0\n"
	"exit\n";

static VmProg *
load(const char *text, MapDef *def, VmMap *m, VmEngine engine)
{
	VerifyOptions opt = { .no_btf = true };
	Arena *a = arena_new();
	Diag *d = diag_new(a);
	Code code = { .name = "test", .prog_type = BPF_PROG_TYPE_SCHED_CLS };
	Verdict v = { 0 };
	VmProg *p;
	int err;

	assert(bpf_asm("test", text, strlen(text), d, a, &code.insns, &code.n));
	if (!vm_verify(&code, def, 1, &opt, &v, NULL))
		printf("%.*s\n", (int)v.text.n, v.text.p);
	assert(v.ok);
	p = vm_prog_new(&code, &m, 1, engine, true, &err, NULL);
	assert(p);
	verdict_free(&v);
	arena_free(a);
	return p;
}

static VmMap *
map(MapDef *def)
{
	int err;
	VmMap *m = vm_map_new(def, &err);

	assert(m);
	return m;
}

static u64
run(VmProg *p)
{
	u64 r0 = ~(u64)0;

	assert(!vm_prog_run(p, NULL, 0, &r0, NULL));
	return r0;
}

/* Waits until the value's third word is n, for two seconds at most. */
static void
wait_for(const u64 *value, u64 n)
{
	struct timespec ms = { 0, 1000000 };

	for (u32 i = 0; i < 2000 && __atomic_load_n(&value[2], __ATOMIC_ACQUIRE) != n; i++)
		nanosleep(&ms, NULL);
	assert(__atomic_load_n(&value[2], __ATOMIC_ACQUIRE) == n);
}

/* A timer goes with its element. */
static void
deleted(VmEngine engine)
{
	MapField field = { .kind = MF_TIMER, .size = 16 };
	MapDef def = { .type = BPF_MAP_TYPE_HASH, .key_size = 4, .value_size = 24, .max_entries = 4, .fields = &field, .n_fields = 1 };
	struct timespec pause = { 0, 20000000 };
	u64 zero[3] = { 5, 5, 0 }, *value;
	VmMap *m = map(&def);
	VmProg *p = load(timer_text, &def, m, engine);

	vm_map_update(m, &(u32){ 0 }, zero, 0);
	value = vm_map_lookup(m, &(u32){ 0 });
	assert(value[0] == 0);          /* nobody makes one by writing */
	assert(run(p) == 0);
	assert(!vm_map_delete(m, &(u32){ 0 }));
	nanosleep(&pause, NULL);
	assert(value[2] < 3);
	vm_prog_free(p);
	vm_map_free(m);
}

static void
timer(VmEngine engine)
{
	MapField field = { .kind = MF_TIMER, .size = 16 };
	MapDef def = { .type = BPF_MAP_TYPE_ARRAY, .key_size = 4, .value_size = 24, .max_entries = 1, .fields = &field, .n_fields = 1 };
	VmMap *m = map(&def);
	VmProg *p = load(timer_text, &def, m, engine);
	u64 *value = vm_map_lookup(m, &(u32){ 0 });

	assert(run(p) == 0);
	wait_for(value, 3);
	assert(run(p) == 0);            /* cancels: it did not run any more */
	value[0] = 0;                   /* the value is written over: that timer is gone */
	value[2] = 0;
	assert(run(p) == 0);
	assert(run(p) == 1);            /* cancelled while it ran */
	assert(value[2] == 0);
	value[0] = 0;
	assert(run(p) == 0);
	vm_prog_free(p);                /* with its timer */
	vm_map_free(m);
}

static void
dynptr(VmEngine engine)
{
	MapDef def = { .type = BPF_MAP_TYPE_ARRAY, .key_size = 4, .value_size = 16, .max_entries = 1 };
	VmMap *m = map(&def);
	VmProg *p = load(dynptr_text, &def, m, engine);

	assert(run(p) == ((u64)(u16)-7 << 48 | (u64)0x12 << 32 | 0x1234));
	assert(((u64 *)vm_map_lookup(m, &(u32){ 0 }))[1] == 0x1234);
	vm_prog_free(p);
	vm_map_free(m);
}

static void
user_ring(VmEngine engine)
{
	MapDef def = { .type = BPF_MAP_TYPE_USER_RINGBUF, .max_entries = 4096 };
	VmMap *m = map(&def);
	VmProg *p = load(ring_text, &def, m, engine);

	assert(run(p) == 0);
	for (u32 i = 1; i <= 5; i++) {
		u8 *r = ring_reserve(m, 3);

		assert(r);
		r[2] = (u8)(i * 10);
		ring_commit(m, r, i == 3, 0);
	}
	assert(run(p) == (4 << 16 | 120));      /* the third was discarded */
	assert(run(p) == 0);
	vm_prog_free(p);
	vm_map_free(m);
}

/* What the verifier never reached is not compiled, and the rest does the same. */
static void
facts(void)
{
	static const char text[] = "r0 = 5\nif r0 > 3 goto yes\nr0 = *(u64 *)(r1 +0)\nr0 *= 77\nr0 /= 3\nexit\nyes:\nr0 += 2\nexit\n";
	Arena *a = arena_new();
	Code code = { .name = "test", .prog_type = BPF_PROG_TYPE_SYSCALL, .sleepable = true };
	Verdict v = { 0 };
	InsnFacts *f;
	VmProg *with, *without;
	int err;

	assert(bpf_asm("test", text, strlen(text), diag_new(a), a, &code.insns, &code.n));
	f = NEW_N(a, InsnFacts, code.n);
	assert(vm_verify(&code, NULL, 0, NULL, &v, f));
	assert(f[1].flags & FACT_REACHED && !(f[2].flags & FACT_REACHED) && f[6].flags & FACT_REACHED);
	with = vm_prog_new_known(&code, NULL, 0, VM_AUTO, f, &err, NULL);
	without = vm_prog_new(&code, NULL, 0, VM_AUTO, true, &err, NULL);
	assert(with && without && run(with) == 7 && run(without) == 7);
	assert(!without->native.run || with->native.size < without->native.size);
	vm_prog_free(with);
	vm_prog_free(without);
	verdict_free(&v);
	arena_free(a);
}

int
main(void)
{
	static const VmEngine engines[] = { VM_INTERP, VM_AUTO };

	for (u32 i = 0; i < COUNT(engines); i++) {
		dynptr(engines[i]);
		user_ring(engines[i]);
		timer(engines[i]);
		deleted(engines[i]);
	}
	facts();
	return 0;
}
