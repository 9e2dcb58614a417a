/* vm_bench: `piton vm bench`: what a program costs in each engine. */
#include "cmd/vm.h"
#include "vm/packet.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

static u64
now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (u64)t.tv_sec * 1000000000u + (u64)t.tv_nsec;
}

/* What programs run over: plain memory (function over it, or context), or a packet. */
typedef struct Input { u8 *mem; u32 size; VmPacket *pkt; } Input;

static void
run_many(VmProg *p, const Input *in, u64 n)
{
	static VmContext c;
	u64 r0;

	for (u64 i = 0; i < n; i++)
		if (!in->pkt)
			vm_prog_run(p, in->mem, in->size, &r0, NULL);
		else {
			vm_context_init(&c, p);
			vm_packet_bind(in->pkt, &c);
			vm_context_run(&c, (u64)(uintptr_t)c.ctx, 0, &r0);
		}
}

/* ns per run: the best of many short slices, so that what else runs here does not count. */
static double
measure(VmProg *p, const Input *in)
{
	double best = 0;
	u64 n = 1, t, used;

	for (int slice = 0; slice < 300; ) {
		t = now();
		run_many(p, in, n);
		used = now() - t;
		if (used < 200000 && n < (u64)1 << 40) {
			n *= used < 2000 ? 16 : 2;
			continue;
		}
		if (!best || (double)used / (double)n < best)
			best = (double)used / (double)n;
		slice++;
		if (used > 20000000)
			slice += 30;
	}
	return best;
}

int
cmd_vm_bench(VmOptions *o)
{
	static const VmEngine engines[] = { VM_INTERP_CHECKED, VM_INTERP, VM_JIT };
	static const char *const names[] = { "interpreter, checked", "interpreter", "JIT" };
	VmPacket pkt = { 0 };
	Input in;
	bool packet;
	int res = cmd_vm_load(o);

	if (res)
		return res;
	if (o->mem && !(o->m = cmd_vm_bytes(o->a, o->mem, &o->m_size)))
		return USAGE;
	in = (Input){ arena_alloc(o->a, MAX(o->m_size, 1u << 16)), o->m_size, NULL };
	memcpy(in.mem, o->m ? o->m : (const u8 *)"", o->m_size);
	if (strcmp(o->o.format, "hex") && strcmp(o->o.format, "raw") && !o->no_verify) {
		u64 t = now();

		res = cmd_vm_accepts(o, false);
		if (res == FAILED)
			return res;
		o->verified = res == OK;
		if (res == OK)
			printf("%-22s %12.1f us, %u instructions\n", "verifier", (double)(now() - t) / 1000, o->prog->code.n);
	}
	packet = o->verified && vm_packet_type(o->prog->code.prog_type);
	if (packet) {
		in.size = MAX(in.size, 64u);
		if (vm_packet_open(&pkt, o->prog->code.prog_type, in.mem, in.size))
			return FAILED;
		in.pkt = &pkt;
	} else if (o->verified)
		in.size = 1 << 16;      /* as much as any context has */
	for (u32 e = 0; e < COUNT(engines); e++) {
		Maps maps;
		VmProg *p;
		u64 t, load_ns = 0;

		if ((res = cmd_vm_maps(o, &maps)))
			return res;
		if (!e) {       /* what cannot be loaded at all is said once */
			p = cmd_vm_prog(o, &maps, VM_INTERP_CHECKED, false, &res);
			if (!p)
				return res;
			vm_prog_free(p);
		}
		for (int i = 0; i < 20; i++) {
			t = now();
			p = cmd_vm_prog(o, &maps, engines[e], engines[e] != VM_INTERP_CHECKED, &res);
			t = now() - t;
			if (!p)
				break;
			if (!i || t < load_ns)
				load_ns = t;
			if (i < 19)
				vm_prog_free(p);
		}
		if (p && engines[e] == VM_INTERP_CHECKED) {
			Run r = cmd_vm_once(o, p, in.mem, in.size, packet);

			if (r.res)
				return r.res;
		}
		if (!p)
			printf("%-22s not here\n", names[e]);
		else
			printf("%-22s %12.1f ns/run  %8.1f us to load", names[e], measure(p, &in), (double)load_ns / 1000);
		if (p && p->native.run)
			printf("  %u bytes, %u of them fixed", p->native.size, p->native.fixed);
		if (p)
			putchar('\n');
		vm_prog_free(p);
		cmd_vm_free(&maps);
	}
	vm_packet_close(&pkt);
	return OK;
}
