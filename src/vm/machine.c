/* machine: the second Machine (bpf/bpf.h): programs verified by verify/, run by the JIT or the interpreter, maps of
 * maps/, records from its ring. What it cannot verify for want of knowledge runs in the checked interpreter. */
#include "vm/run.h"
#include "vm/maps/maps.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

typedef struct Vm {
	Machine m;
	VmEngine engine;
	Arena *a;
	Vec(VmMap *) maps;
	Vec(VmProg *) progs;
	VmMap *ring;
	RecordFn *fn;
	void *arg;
} Vm;

static VmMap *
map_of(Machine *m, int map)
{
	Vm *vm = (Vm *)m;

	return map >= 0 && (u32)map < vm->maps.n ? vm->maps.v[map] : NULL;
}

static bool
has(Machine *m, Feature f)
{
	(void)m;
	switch (f) {
	/* attach kinds of the kernel, and what stands on its structures */
	case FEAT_PERF_LINK: case FEAT_RAW_TP: case FEAT_KPROBE: case FEAT_KPROBE_MULTI: case FEAT_KPROBE_SESSION:
	case FEAT_UPROBE: case FEAT_UPROBE_REFCNT: case FEAT_UPROBE_MULTI: case FEAT_UPROBE_SESSION: case FEAT_FENTRY: case FEAT_ITER:
	case FEAT_BTF: case FEAT_TASK_BTF: case FEAT_D_PATH: case FEAT_COOKIE: case FEAT_FUNC_IP:
		return false;
	default:
		return true;
	}
}

static int
map_new(Machine *m, const MapDef *def)
{
	Vm *vm = (Vm *)m;
	VmMap *map;
	int err;

	map = vm_map_new(def, &err);
	if (!map)
		return err;
	if (def->inner && def->inner <= vm->maps.n)
		map->inner = vm_map_ref(vm->maps.v[def->inner - 1]);
	VEC_PUSH(vm->a, &vm->maps, map);
	return (int)vm->maps.n - 1;
}

static int
map_lookup(Machine *m, int map, const void *key, void *value)
{
	VmMap *x = map_of(m, map);

	return x ? vm_map_get(x, key, value) : -EBADF;
}

/* Values of a prog array are handles of programs, values of a map-in-map are handles of maps. */
static int
map_update(Machine *m, int map, const void *key, const void *value, u64 flags)
{
	Vm *vm = (Vm *)m;
	VmMap *x = map_of(m, map);
	u32 handle, index;

	if (!x)
		return -EBADF;
	if (!x->slots)
		return vm_map_put(x, key, value, flags);
	memcpy(&handle, value, 4);
	memcpy(&index, key, 4);
	if (x->def.type == BPF_MAP_TYPE_PROG_ARRAY)
		return handle < vm->progs.n ? vm_map_set_prog(x, index, vm->progs.v[handle]) : -EBADF;
	return handle < vm->maps.n ? vm_map_set_map(x, key, vm->maps.v[handle]) : -EBADF;
}

static int
map_delete(Machine *m, int map, const void *key)
{
	VmMap *x = map_of(m, map);

	return x ? vm_map_delete(x, key) : -EBADF;
}

static int
map_next_key(Machine *m, int map, const void *key, void *next)
{
	VmMap *x = map_of(m, map);

	return x ? vm_map_next(x, key, next) : -EBADF;
}

static int
map_walk(Machine *m, int map, int (*fn)(void *arg, const void *key, const void *value), void *arg)
{
	VmMap *x = map_of(m, map);
	Buf key = { 0 }, value = { 0 };
	size_t ks, vs;
	u64 n = 0;
	int more, stop = 0;

	if (!x)
		return -EBADF;
	if (!x->ops->next || !x->ops->lookup || x->slots)
		return -ENOTSUP;
	ks = ALIGN(x->def.key_size, 8), vs = (size_t)x->vsize * x->cpus;
	buf_space(&key, ks * 2);
	buf_space(&value, vs);
	for (more = vm_map_next(x, NULL, key.p); !more && !stop && n <= x->cap; n++) {
		if (!vm_map_get(x, key.p, value.p))
			stop = fn(arg, key.p, value.p);
		more = vm_map_next(x, key.p, key.p + ks);
		memcpy(key.p, key.p + ks, ks);
	}
	buf_free(&key);
	buf_free(&value);
	return stop;
}

static void *
map_memory(Machine *m, int map)
{
	VmMap *x = map_of(m, map);

	return x && x->ops == &map_array && !x->percpu ? x->values : NULL;
}

/* verify/ may say that it does not know something; that is no verdict. */
static int
verify(const Code *code, VmMap *const *maps, u32 n_maps, InsnFacts *facts, Refusal *why, bool *verified)
{
	MapDef *defs = calloc(n_maps + 1, sizeof(MapDef));
	Verdict v = { 0 };
	int err = 0;

	if (!defs)
		return -ENOMEM;
	for (u32 i = 0; i < n_maps; i++)
		defs[i] = maps[i]->def;
	*verified = vm_verify(code, defs, n_maps, &(VerifyOptions){ .no_btf = true, .no_kernel = true }, &v, facts);
	if (!*verified && !v.unsupported) {
		err = -EACCES;
		if (why) {
			why->err = err;
			why->pc = v.pc;
			buf_put(&why->log, v.text.p ? v.text.p : "", v.text.n);
		}
	}
	verdict_free(&v);
	free(defs);
	return err;
}

static int
prog_load(Machine *m, const Code *code, const int *maps, u32 n_maps, Refusal *why)
{
	Vm *vm = (Vm *)m;
	VmMap **list = calloc(n_maps + 1, sizeof(VmMap *));
	VmEngine engine = vm->engine;
	InsnFacts *facts = calloc(code->n + 1, sizeof(*facts));
	bool verified = false;
	VmProg *p;
	int err = list && facts ? 0 : -ENOMEM;

	for (u32 i = 0; i < n_maps && !err; i++) {
		list[i] = map_of(m, maps[i]);
		if (!list[i])
			err = -EBADF;
	}
	if (!err && engine != VM_INTERP_CHECKED)
		err = verify(code, list, n_maps, facts, why, &verified);
	if (!err) {
		Buf *log = why ? &why->log : NULL;

		p = verified ? vm_prog_new_known(code, list, n_maps, engine, facts, &err, log) :
		    vm_prog_new(code, list, n_maps, VM_INTERP_CHECKED, false, &err, log);
		if (p)
			VEC_PUSH(vm->a, &vm->progs, p);
	}
	if (err && why && !why->err)
		*why = (Refusal){ .err = err, .pc = -1, .log = why->log };
	free(facts);
	free(list);
	return err ? err : (int)vm->progs.n - 1;
}

static int
prog_run(Machine *m, int prog, void *ctx, u32 ctx_size, u32 *retval)
{
	Vm *vm = (Vm *)m;
	VmContext c;
	u64 r0;
	int err;

	if (prog < 0 || (u32)prog >= vm->progs.n)
		return -EBADF;
	vm_context_init(&c, vm->progs.v[prog]);
	c.ctx = ctx;
	c.ctx_size = ctx_size;
	err = vm_context_run(&c, (u64)(uintptr_t)ctx, 0, &r0);
	if (!err && retval)
		*retval = (u32)r0;
	return err;
}

static int
ring_open(Machine *m, int map, u32 pages, RecordFn *fn, void *arg)
{
	Vm *vm = (Vm *)m;
	VmMap *x = map_of(m, map);

	(void)pages;            /* the map has its size */
	if (!x || x->ops != &map_ring)
		return -EINVAL;
	vm->ring = x;
	vm->fn = fn;
	vm->arg = arg;
	if (x->wake < 0)
		x->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	return x->wake < 0 ? -errno : 0;
}

static int
ring_poll(Machine *m)
{
	Vm *vm = (Vm *)m;
	u64 woken;

	if (!vm->ring)
		return 0;
	if (read(vm->ring->wake, &woken, sizeof(woken)) < 0 && errno != EAGAIN)
		return -errno;
	return ring_consume(vm->ring, vm->fn, vm->arg);
}

static int
ring_fd(Machine *m)
{
	Vm *vm = (Vm *)m;

	return vm->ring ? vm->ring->wake : -1;
}

static u64
lost(Machine *m)
{
	Vm *vm = (Vm *)m;

	return vm->ring ? ring_lost(vm->ring) : 0;
}

static void
close_vm(Machine *m)
{
	Vm *vm = (Vm *)m;

	/* a prog array and its programs hold each other */
	for (u32 i = 0; i < vm->maps.n; i++)
		if (vm->maps.v[i]->def.type == BPF_MAP_TYPE_PROG_ARRAY)
			for (u32 k = 0; k < vm->maps.v[i]->cap; k++)
				vm_map_set_prog(vm->maps.v[i], k, NULL);
	for (u32 i = 0; i < vm->progs.n; i++)
		vm_prog_free(vm->progs.v[i]);
	for (u32 i = 0; i < vm->maps.n; i++)
		vm_map_free(vm->maps.v[i]);
	arena_free(vm->a);
	free(vm);
}

static const MachineOps ops = {
	.name = "user", .has = has, .map_new = map_new, .map_lookup = map_lookup, .map_update = map_update,
	.map_delete = map_delete, .map_next = map_next_key, .map_walk = map_walk, .map_memory = map_memory,
	.prog_load = prog_load, .prog_run = prog_run, .ring_open = ring_open, .ring_poll = ring_poll, .ring_fd = ring_fd,
	.ring_lost = lost, .close = close_vm,
};

Machine *
vm_machine_new(VmEngine engine)
{
	Vm *vm = calloc(1, sizeof(*vm));

	if (!vm)
		return NULL;
	vm->m.ops = &ops;
	vm->engine = engine;
	vm->a = arena_new();
	return &vm->m;
}
