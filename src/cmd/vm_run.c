/* vm_run: `piton vm verify` and `run`: a file's program with its maps, one or two engines, packets or memory. */
#include "cmd/vm.h"
#include "vm/maps/maps.h"
#include "vm/packet.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SECONDS = 3 };           /* of CPU that machine code which nobody verified has */

/* ---- maps of a file ---- */

int
cmd_vm_maps(VmOptions *o, Maps *maps)
{
	maps->v = NEW_N(o->a, VmMap *, o->o.n_maps + 1);
	maps->n = o->o.n_maps;
	for (u32 i = 0; i < maps->n; i++) {
		const MapDef *d = &o->o.maps[i];
		int err;

		maps->v[i] = vm_map_new(d, &err);
		if (!maps->v[i]) {
			const char *kind = bpf_map_type_name(d->type);

			fprintf(stderr, "piton vm: map %u (%s, key %u, value %u, %u entries): %s\n", i, kind ? kind : "unknown kind",
				d->key_size, d->value_size, d->max_entries,
				err == -ENOTSUP ? "this machine has no such maps" : strerror(-err));
			return err == -ENOTSUP ? UNSUPPORTED : FAILED;
		}
	}
	return OK;
}

/* What verifier suites keep in a prog array: a program that gives 42, one that calls itself and gives 41 in the end,
 * one that gives 24. */
static int
fill_progs(VmOptions *o, Maps *maps, VmEngine engine)
{
	for (u32 i = 0; i < maps->n; i++) {
		const MapDef *d = &o->o.maps[i];

		for (u32 k = 0; k < d->n_prog_keys && k < 3; k++) {
			Insn loop[] = {
				{ .code = 0xb7, .dst_reg = 3, .imm = (s32)d->prog_keys[k] },
				{ .code = 0x18, .dst_reg = 2, .src_reg = BPF_PSEUDO_MAP_FD, .imm = (s32)i }, { 0 },
				{ .code = 0x85, .imm = BPF_FUNC_tail_call }, { .code = 0xb7, .imm = 41 }, { .code = 0x95 },
			};
			Insn simple[] = { { .code = 0xb7, .imm = k ? 24 : 42 }, { .code = 0x95 } };
			Code c = { .name = "slot", .prog_type = o->prog->code.prog_type, .insns = k == 1 ? loop : simple,
				   .n = k == 1 ? COUNT(loop) : COUNT(simple) };
			int err;
			VmProg *p = vm_prog_new(&c, maps->v, maps->n, engine, engine != VM_INTERP_CHECKED, &err, NULL);

			if (!p)
				return err;
			vm_map_set_prog(maps->v[i], d->prog_keys[k], p);
			vm_prog_free(p);
		}
	}
	return 0;
}

/* A prog array and its programs hold each other. */
static void
empty_progs(Maps *maps)
{
	for (u32 i = 0; i < maps->n; i++)
		if (maps->v[i]->def.type == BPF_MAP_TYPE_PROG_ARRAY)
			for (u32 k = 0; k < maps->v[i]->cap; k++)
				vm_map_set_prog(maps->v[i], k, NULL);
}

void
cmd_vm_free(Maps *maps)
{
	for (u32 i = 0; i < maps->n; i++)
		vm_map_free(maps->v[i]);
	maps->n = 0;
}

/* ---- verify ---- */

int
cmd_vm_accepts(VmOptions *o, bool print)
{
	VerifyOptions opt = { .trace = o->verbose, .unprivileged = o->unprivileged, .no_kernel = !print,
		.source_name = o->file };
	Code code = o->prog->code;
	Verdict v = { 0 };
	int res;

	if (o->type) {
		int t = bpf_prog_type_named(o->type);

		if (t < 0)
			return cmd_vm_complain("unknown program type '%s'", o->type);
		code.prog_type = (u32)t;
	} else if (code.prog_type == BPF_PROG_TYPE_UNSPEC)
		code.prog_type = BPF_PROG_TYPE_SOCKET_FILTER;
	o->facts = NEW_N(o->a, InsnFacts, code.n + 1);
	res = vm_verify(&code, o->o.maps, o->o.n_maps, &opt, &v, o->facts) ? OK : v.unsupported ? UNSUPPORTED : FAILED;
	if (res != OK)
		o->facts = NULL;
	if (o->verbose && v.log.n)
		fwrite(v.log.p, 1, v.log.n, stdout);
	if (res == OK && print)
		printf("%sok: %u instructions, %u walked, %u states, %u bytes of stack\n", o->label, code.n, v.walked, v.states, v.stack);
	else if (res != OK)
		fprintf(stderr, "%s%s%s%s", o->label, res == UNSUPPORTED ? "not supported: " : "", v.text.p ? v.text.p : "refused",
			v.text.n && v.text.p[v.text.n - 1] == '\n' ? "" : "\n");
	verdict_free(&v);
	return res;
}

int
cmd_vm_verify(VmOptions *o)
{
	int err = cmd_vm_load(o);

	return err ? err : cmd_vm_accepts(o, true);
}

/* ---- run ---- */

VmProg *
cmd_vm_prog(VmOptions *o, const Maps *maps, VmEngine engine, bool trusted, int *res)
{
	Buf why = { 0 };
	int err;
	VmProg *p = trusted && o->facts ? vm_prog_new_known(&o->prog->code, maps->v, maps->n, engine, o->facts, &err, &why) :
		    vm_prog_new(&o->prog->code, maps->v, maps->n, engine, trusted, &err, &why);

	*res = OK;
	if (!p) {
		fprintf(stderr, "piton vm: %s\n", why.p ? why.p : strerror(-err));
		*res = err == -ENOTSUP ? UNSUPPORTED : FAILED;
	}
	buf_free(&why);
	return p;
}

/* One run in one engine over a copy of the memory or over a packet. */
Run
cmd_vm_once(VmOptions *o, VmProg *p, const u8 *data, u32 size, bool packet)
{
	Run r = { 0, OK };
	Buf why = { 0 };
	int err;

	if (packet)
		err = vm_prog_run_packet(p, data, size, &r.r0, &why);
	else {
		u8 *copy = malloc(size + 1);

		memcpy(copy, data ? data : (const u8 *)"", size);
		err = o->verified ? vm_prog_run_context(p, copy, size, &r.r0, &why) :
		      vm_prog_run(p, size ? copy : NULL, size, &r.r0, &why);
		free(copy);
	}
	if (err) {
		fprintf(stderr, "piton vm: %s\n", why.p ? why.p : strerror(-err));
		r.res = FAILED;
	}
	buf_free(&why);
	return r;
}

/* The same in a child, for machine code that nobody verified: it may do what it did not do when it was checked. */
static Run
run_apart(VmOptions *o, VmProg *p, const u8 *data, u32 size, bool packet)
{
	Run r = { 0, FAILED };
	int fds[2], status = 0;
	pid_t pid;

	if (pipe(fds))
		return r;
	fflush(NULL);
	pid = fork();
	if (!pid) {
		setrlimit(RLIMIT_CPU, &(struct rlimit){ SECONDS, SECONDS + 1 });
		r = cmd_vm_once(o, p, data, size, packet);
		_exit(write(fds[1], &r, sizeof(r)) == sizeof(r) ? 0 : 1);
	}
	close(fds[1]);
	if (pid < 0 || read(fds[0], &r, sizeof(r)) != sizeof(r))
		r = (Run){ 0, FAILED };
	close(fds[0]);
	if (pid > 0 && waitpid(pid, &status, 0) == pid && WIFSIGNALED(status))
		fprintf(stderr, "piton vm: the program is not safe: as machine code it ended by signal %d (%s)\n", WTERMSIG(status),
			strsignal(WTERMSIG(status)));
	return r;
}

/* Engines in turn, each with maps of its own. A program that nobody verified goes through the checked interpreter first;
 * only what ends well there runs natively, where it does the same again. */
static Run
run_engines(VmOptions *o, bool verified, const u8 *data, u32 size, bool packet)
{
	VmEngine list[2];
	u32 n = 0;
	Run r = { 0, OK };

	if (!verified)
		list[n++] = VM_INTERP_CHECKED;
	else if (o->interp || o->both)
		list[n++] = VM_INTERP;
	if (o->jit || o->both || o->blind)
		list[n++] = o->blind ? VM_JIT_BLIND : VM_JIT;
	if (!n)
		list[n++] = VM_AUTO;
	for (u32 i = 0; i < n && r.res == OK; i++) {
		Maps maps;
		VmProg *p = NULL;
		int res = cmd_vm_maps(o, &maps);
		u64 first = r.r0;

		vm_determine(o->both ? 1000000007 : 0);         /* engines that are compared see the same world */
		if (res == OK)
			p = cmd_vm_prog(o, &maps, list[i], list[i] != VM_INTERP_CHECKED, &res);
		if (res == UNSUPPORTED && list[i] >= VM_JIT && !p) {
			fputs("piton vm: interpreted\n", stderr);
			res = OK;
			p = cmd_vm_prog(o, &maps, verified ? VM_INTERP : VM_INTERP_CHECKED, verified, &res);
		}
		if (p) {
			fill_progs(o, &maps, p->native.run ? VM_JIT : p->checked ? VM_INTERP_CHECKED : VM_INTERP);
			for (u64 k = 0; k < MAX(o->repeat, (u64)1) && r.res == OK; k++)
				r = verified || p->checked ? cmd_vm_once(o, p, data, size, packet) : run_apart(o, p, data, size, packet);
			empty_progs(&maps);
			vm_prog_free(p);
		} else
			r.res = res;
		cmd_vm_free(&maps);
		if (i && r.res == OK && r.r0 != first && o->both) {
			fprintf(stderr, "piton vm: %sthe interpreter gives 0x%llx, the JIT 0x%llx\n", o->label, (unsigned long long)first,
				(unsigned long long)r.r0);
			r.res = FAILED;
		}
	}
	return r;
}

static int
run_lines(VmOptions *o, bool verified)
{
	static const u8 zero[1024];     /* the context of a program that has no packet */
	bool packet = vm_packet_type(o->prog->code.prog_type);
	int res = OK;

	for (u32 i = 0; i < o->o.n_runs; i++) {
		const ObjRun *line = &o->o.runs[i];
		Run r = run_engines(o, verified, packet ? line->data : zero, packet ? line->size : sizeof(zero), packet);

		if (r.res)
			return r.res;
		printf("%s0x%x\n", o->label, (u32)r.r0);
		if ((u32)r.r0 != line->retval) {
			fprintf(stderr, "piton vm: run %u gives 0x%x; 0x%x is expected\n", i + 1, (u32)r.r0, line->retval);
			res = FAILED;
		}
	}
	return res;
}

int
cmd_vm_run(VmOptions *o)
{
	static const u8 nothing[64];
	bool verified = false, packet;
	int res;
	Run r;

	if (o->plugin) {
		Buf b = { 0 };

		cmd_vm_read(stdin, &b);
		o->hex = arena_str(o->a, b.p, b.n);
		o->mem = o->mem ? o->mem : o->file;
		buf_free(&b);
	}
	res = cmd_vm_load(o);
	if (res)
		return res;
	if (o->mem && !(o->m = cmd_vm_bytes(o->a, o->mem, &o->m_size)))
		return USAGE;
	/* instructions without a type are a plain function over memory: r1 its address, r2 its size */
	if (strcmp(o->o.format, "hex") && strcmp(o->o.format, "raw") && !o->no_verify) {
		res = cmd_vm_accepts(o, false);
		if (res == FAILED)
			return res;
		o->verified = verified = res == OK;
	}
	if (o->o.n_runs && !o->mem)
		return run_lines(o, verified);
	packet = vm_packet_type(o->prog->code.prog_type) && strcmp(o->o.format, "hex") && strcmp(o->o.format, "raw");
	r = packet && !o->mem ? run_engines(o, verified, nothing, sizeof(nothing), true) :
	    run_engines(o, verified, o->m, o->m_size, packet);
	if (r.res == OK)
		printf("%s0x%llx\n", o->label, (unsigned long long)r.r0);
	return r.res;
}
