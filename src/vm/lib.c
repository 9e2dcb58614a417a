/* lib: the public functions of include/piton-vm.h over the room. */
#include "vm/run.h"
#include "vm/maps/maps.h"
#include "vm/packet.h"
#include "../include/piton-vm.h"

#include <errno.h>
#include <stdlib.h>

struct pvm {
	Arena *a;
	Vec(VmMap *) maps;
	Vec(pvm_prog *) progs;
	Buf error;
};

struct pvm_prog {
	VmProg *p;
	pvm *vm;
};

pvm *
pvm_new(void)
{
	pvm *vm = calloc(1, sizeof(*vm));

	if (vm)
		vm->a = arena_new();
	return vm;
}

void
pvm_free(pvm *vm)
{
	if (!vm)
		return;
	for (u32 i = 0; i < vm->maps.n; i++)
		if (vm->maps.v[i]->def.type == BPF_MAP_TYPE_PROG_ARRAY)
			for (u32 k = 0; k < vm->maps.v[i]->cap; k++)
				vm_map_set_prog(vm->maps.v[i], k, NULL);
	for (u32 i = 0; i < vm->progs.n; i++)
		vm_prog_free(vm->progs.v[i]->p);
	for (u32 i = 0; i < vm->maps.n; i++)
		vm_map_free(vm->maps.v[i]);
	buf_free(&vm->error);
	arena_free(vm->a);
	free(vm);
}

const char *
pvm_error(const pvm *vm)
{
	return vm->error.p ? vm->error.p : "";
}

static int
fail(pvm *vm, int err, const char *what)
{
	buf_clear(&vm->error);
	buf_printf(&vm->error, "%s: %s", what, strerror(-err));
	return err;
}

int
pvm_map(pvm *vm, const char *kind, uint32_t key_size, uint32_t value_size, uint32_t entries, const char *shared)
{
	int type = bpf_map_type_named(kind), err;
	MapDef def = { .name = kind, .type = (u32)type, .key_size = key_size, .value_size = value_size, .max_entries = entries };
	VmMap *m;

	if (type < 0)
		return fail(vm, -EINVAL, "there is no such kind of map");
	m = shared ? vm_map_open(shared, &def, &err) : vm_map_new(&def, &err);
	if (!m)
		return fail(vm, err, shared ? shared : "the map cannot be made");
	VEC_PUSH(vm->a, &vm->maps, m);
	return (int)vm->maps.n - 1;
}

static VmMap *
map_at(pvm *vm, int map)
{
	return map >= 0 && (u32)map < vm->maps.n ? vm->maps.v[map] : NULL;
}

int
pvm_map_get(pvm *vm, int map, const void *key, void *value)
{
	VmMap *m = map_at(vm, map);

	return !m ? -EBADF : m->slots ? -ENOTSUP : vm_map_get(m, key, value);
}

int
pvm_map_put(pvm *vm, int map, const void *key, const void *value, uint64_t flags)
{
	VmMap *m = map_at(vm, map);

	return !m ? -EBADF : m->slots ? -ENOTSUP : vm_map_put(m, key, value, flags);
}

int
pvm_map_delete(pvm *vm, int map, const void *key)
{
	VmMap *m = map_at(vm, map);

	return m ? vm_map_delete(m, key) : -EBADF;
}

int
pvm_map_next(pvm *vm, int map, const void *key, void *next)
{
	VmMap *m = map_at(vm, map);

	return m ? vm_map_next(m, key, next) : -EBADF;
}

int
pvm_ring(pvm *vm, int map, int (*fn)(void *arg, const void *data, uint32_t size), void *arg)
{
	VmMap *m = map_at(vm, map);

	return m && m->ops == &map_ring ? ring_consume(m, fn, arg) : -EINVAL;
}

int
pvm_ring_put(pvm *vm, int map, const void *data, uint32_t size)
{
	VmMap *m = map_at(vm, map);
	void *record;

	if (!m || m->def.type != BPF_MAP_TYPE_USER_RINGBUF)
		return fail(vm, -EINVAL, "this is no user ring buffer");
	record = ring_reserve(m, size);
	if (!record)
		return fail(vm, -ENOSPC, "the ring is full");
	memcpy(record, data, size);
	ring_commit(m, record, false, 0);
	return 0;
}

int
pvm_helper(uint32_t number, const char *name, int args,
	   uint64_t (*fn)(uint64_t, uint64_t, uint64_t, uint64_t, uint64_t, void *))
{
	return vm_helper_register(number, name, args, (VmHelperFn *)(void *)fn);
}

/* Verifies (unless it is to be checked as it runs) and prepares. defs: of the maps as a file describes them, or NULL. */
static pvm_prog *
load(pvm *vm, const Code *code, VmMap *const *maps, const MapDef *defs, u32 n_maps, int how)
{
	static const VmEngine engines[] = { VM_AUTO, VM_INTERP, VM_INTERP_CHECKED, VM_JIT, VM_JIT_BLIND };
	MapDef *own = NEW_N(vm->a, MapDef, n_maps + 1);
	InsnFacts *facts = NEW_N(vm->a, InsnFacts, code->n + 1);
	Verdict v = { 0 };
	pvm_prog *prog;
	bool ok = how == PVM_CHECKED;
	int err;

	buf_clear(&vm->error);
	if (how < 0 || (size_t)how >= COUNT(engines)) {
		fail(vm, -EINVAL, "how to run");
		return NULL;
	}
	for (u32 i = 0; i < n_maps; i++)
		own[i] = maps[i]->def;
	if (!ok) {
		ok = vm_verify(code, defs ? defs : own, n_maps, &(VerifyOptions){ .no_kernel = true }, &v, facts);
		if (!ok)
			buf_put(&vm->error, v.text.p ? v.text.p : "", v.text.n);
		verdict_free(&v);
	}
	if (!ok)
		return NULL;
	prog = NEW(vm->a, pvm_prog);
	prog->vm = vm;
	prog->p = how == PVM_CHECKED ? vm_prog_new(code, maps, n_maps, engines[how], false, &err, &vm->error) :
		  vm_prog_new_known(code, maps, n_maps, engines[how], facts, &err, &vm->error);
	if (!prog->p) {
		if (!vm->error.n)
			fail(vm, err, "the program cannot be loaded");
		return NULL;
	}
	VEC_PUSH(vm->a, &vm->progs, prog);
	return prog;
}

pvm_prog *
pvm_load(pvm *vm, const char *type, const void *insns, size_t n, int how)
{
	int t = bpf_prog_type_named(type);
	Code code = { .name = "prog", .prog_type = (u32)t, .insns = (Insn *)(uintptr_t)insns, .n = (u32)n,
		      .sleepable = t == BPF_PROG_TYPE_SYSCALL };

	if (t < 0 || !n || n > 1000000) {
		fail(vm, -EINVAL, t < 0 ? "there is no such type of program" : "a program has 1 to a million instructions");
		return NULL;
	}
	return load(vm, &code, vm->maps.v, NULL, vm->maps.n, how);
}

static void
keep_errors(pvm *vm, Diag *d)
{
	buf_clear(&vm->error);
	diag_print(d, &vm->error, false);
}

pvm_prog *
pvm_load_text(pvm *vm, const char *type, const char *text, int how)
{
	Arena *a = arena_new();
	Diag *d = diag_new(a);
	pvm_prog *prog = NULL;
	Insn *insns;
	u32 n;

	if (bpf_asm("text", text, strlen(text), d, a, &insns, &n))
		prog = pvm_load(vm, type, insns, n, how);
	else
		keep_errors(vm, d);
	arena_free(a);
	return prog;
}

pvm_prog *
pvm_load_file(pvm *vm, const char *path, const char *name, int how)
{
	Arena *a = arena_new();
	Diag *d = diag_new(a);
	u32 first = vm->maps.n;
	const ObjProg *p;
	pvm_prog *prog = NULL;
	Object o;
	int err = 0;

	if (!bpf_object_read(path, a, d, &o)) {
		keep_errors(vm, d);
		goto out;
	}
	p = bpf_object_prog(&o, name);
	if (!p) {
		fail(vm, -ENOENT, "the file has no such program");
		goto out;
	}
	for (u32 i = 0; i < o.n_maps; i++) {
		VmMap *m = vm_map_new(&o.maps[i], &err);

		if (!m) {
			fail(vm, err, "a map of the file cannot be made");
			goto out;
		}
		VEC_PUSH(vm->a, &vm->maps, m);
	}
	prog = load(vm, &p->code, vm->maps.v + first, o.maps, o.n_maps, how);
out:
	arena_free(a);
	return prog;
}

int
pvm_run(pvm_prog *prog, void *mem, size_t size, uint64_t *r0)
{
	u64 res = 0;
	int err;

	if (size > UINT32_MAX)
		err = -E2BIG;
	else if (vm_packet_type(prog->p->prog_type))
		err = vm_prog_run_packet(prog->p, mem, (u32)size, &res, NULL);
	else if (prog->p->checked)
		err = vm_prog_run(prog->p, mem, size, &res, NULL);
	else
		err = vm_prog_run_context(prog->p, mem, (u32)size, &res, NULL);
	if (r0)
		*r0 = res;
	return err;
}
