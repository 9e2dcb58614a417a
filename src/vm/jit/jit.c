/* jit: compiles a verified program: optimizer, back end, memory that is written first and run afterwards, never both. */
#include "vm/jit/jit.h"

#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/mman.h>
#ifdef __x86_64__
#include <cpuid.h>
#endif

enum { PAGE = 4096 };

#ifdef __x86_64__
static JitEmit *const emit = jit_x86;
#elif defined(__aarch64__)
static JitEmit *const emit = jit_arm64;
#else
static JitEmit *const emit = NULL;
#endif

/* Memory near our own functions, so that calls reach them directly; anywhere if there is none. */
static u8 *
code_memory(size_t n)
{
	static u64 next = 16 << 20;
	u64 here = (u64)(uintptr_t)vm_jit & ~(u64)(PAGE - 1);
	u64 off = __atomic_fetch_add(&next, ALIGN(n, (size_t)PAGE) + PAGE, __ATOMIC_RELAXED);
	void *p;

	if (off > 1u << 30) {           /* the neighbourhood is used up: the kernel finds a place */
		__atomic_store_n(&next, 16 << 20, __ATOMIC_RELAXED);
		off = 16 << 20;
	}
	p = mmap((void *)(uintptr_t)(here > off + (64 << 20) ? here - off : here + off), n, PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	return p == MAP_FAILED ? NULL : p;
}

static int
compile(const JProg *jp, size_t room, Arena *a, Native *out)
{
	u32 *at = arena_alloc(a, ((size_t)jp->n + 1) * 3 * sizeof(u32));
	u8 *mem = code_memory(room);
	size_t size, used;

	if (!mem)
		return -ENOMEM;
	size = emit(jp, mem, room, (u64)(uintptr_t)mem, at, &out->fixed);
	used = ALIGN(size, (size_t)PAGE);
	if (!size || mprotect(mem, used, PROT_READ | PROT_EXEC)) {
		munmap(mem, room);
		return size ? -errno : -ENOSPC;
	}
	if (used < room)
		munmap(mem + used, room - used);
	__builtin___clear_cache((char *)mem, (char *)mem + size);
	out->map = used;
	out->size = (u32)size;
	out->run = (VmHelperFn *)(uintptr_t)mem;
	return 0;
}

/* Asked here and not by __builtin_cpu_supports, whose constructor every start would pay: in a guest each CPUID is a trap. */
static void
survey_cpu(VmProg *p)
{
#ifdef __x86_64__
	u32 a, b = 0, c = 0, d;

	if (!__get_cpuid_count(7, 0, &a, &b, &c, &d))
		return;
	p->bmi2 = b & bit_BMI2;
	p->rdpid = c & bit_RDPID;
#else
	(void)p;
#endif
}

static bool
is_leaf(const JProg *jp)
{
	for (u32 pc = 0; pc < jp->n; pc++)
		if (jit_asks(&jp->j[pc]))
			return false;
	return true;
}

static int
translate(VmProg *p, bool each, Native *out)
{
	JProg jp = { .p = p, .blind = p->blind_key != 0, .each = each };
	Arena *a = arena_new();
	int err = -ENOTSUP;

	if (emit && jit_lift(&jp, a)) {
		jit_optimize(&jp, a);
		err = compile(&jp, ALIGN((size_t)p->n * 48 + PAGE, (size_t)PAGE), a, out);
		if (err == -ENOSPC)
			err = compile(&jp, ALIGN((size_t)p->n * 256 + PAGE, (size_t)PAGE), a, out);
		if (!each)
			p->leaf = !err && is_leaf(&jp);
	}
	arena_free(a);
	return err;
}

int
vm_jit(VmProg *p, Buf *why)
{
	int err;

	survey_cpu(p);
	err = translate(p, false, &p->native);
	if (err && why)
		buf_puts(why, !emit ? "there is no JIT for this machine" : err == -ENOTSUP ?
			 "the JIT does not have an instruction of this program" : strerror(-err));
	return err;
}

VmHelperFn *
vm_jit_each(VmProg *p)
{
	VmHelperFn *run = __atomic_load_n(&p->each.run, __ATOMIC_ACQUIRE);

	if (run)
		return run;
	while (__atomic_exchange_n(&p->each_lock, 1, __ATOMIC_ACQUIRE))
		sched_yield();
	if (!p->each.run) {
		Native made = { 0 };

		if (!translate(p, true, &made)) {
			p->each.map = made.map;
			__atomic_store_n(&p->each.run, made.run, __ATOMIC_RELEASE);
		}
	}
	__atomic_store_n(&p->each_lock, 0, __ATOMIC_RELEASE);
	return p->each.run;
}

static void
forget(Native *n)
{
	if (n->run)
		munmap((void *)(uintptr_t)n->run, n->map);
	n->run = NULL;
}

void
vm_jit_free(VmProg *p)
{
	forget(&p->native);
	forget(&p->each);
}

u64
jit_tail_call(u64 ctx, u64 map, u64 index, u64 r4 __attribute__((unused)), u64 r5 __attribute__((unused)), VmContext *c)
{
	const VmProg *to = vm_map_prog((VmMap *)(uintptr_t)map, (u32)index);

	(void)ctx;
	if (!to || !to->native.run || c->tail_calls >= VM_TAIL_CALLS)
		return 0;
	c->tail_calls++;
	c->prog = to;
	return (u64)(uintptr_t)to->native.run;
}

u64
jit_packet(u64 off, u64 size, u64 r3 __attribute__((unused)), u64 r4 __attribute__((unused)),
	   u64 r5 __attribute__((unused)), VmContext *c)
{
	u64 v;

	return vm_packet_load(c, (s32)(u32)off, (u32)size, &v) ? v : (u64)1 << 63;
}
