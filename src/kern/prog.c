/* prog: loading programs, understanding why one was refused, running one by hand. */
#include "kern/machine.h"

#include <stdio.h>
#include <stdlib.h>

#define LOG_MAX (16u << 20)     /* the kernel's own limit is higher, nobody reads that much */

static bool
wide(const Insn *insn)
{
	return insn->code == (BPF_LD | BPF_IMM | BPF_DW);
}

static bool
has_functions(const Insn *insns, u32 n)
{
	for (u32 i = 0; i < n; i += wide(&insns[i]) ? 2 : 1)
		if (wide(&insns[i]) && insns[i].src_reg == BPF_PSEUDO_FUNC)
			return true;
	return false;
}

/* The first instructions of all functions of the program, in order, 0 first. */
static void
function_starts(const Insn *insns, u32 n, Arena *a, VecU32 *out)
{
	Bits starts = bits_new(a, n);

	bits_add(&starts, 0);
	for (u32 i = 0; i < n; i++) {
		bool call = insns[i].code == (BPF_JMP | BPF_CALL) && insns[i].src_reg == BPF_PSEUDO_CALL;
		bool ref = wide(&insns[i]) && insns[i].src_reg == BPF_PSEUDO_FUNC;
		s64 to = (s64)i + insns[i].imm + 1;

		if ((call || ref) && to > 0 && to < n)
			bits_add(&starts, (u32)to);
		if (wide(&insns[i]))
			i++;
	}
	for (s64 i = 0; i >= 0; i = bits_next(&starts, (u32)i + 1))
		VEC_PUSH(a, out, (u32)i);
}

static int
load_btf(const void *btf, u32 size)
{
	union bpf_attr attr = { .btf = ptr(btf), .btf_size = size };

	return sys_bpf(BPF_BTF_LOAD, &attr);
}

int
kern_load(const Code *code, const Insn *insns, int btf_fd, u32 log_level, char *log, u32 log_size)
{
	union bpf_attr attr = {
		.prog_type = code->prog_type, .expected_attach_type = code->attach_type,
		.insns = ptr(insns), .insn_cnt = code->n, .license = ptr(code->license ? code->license : "GPL"),
		.log_level = log_level, .log_buf = ptr(log), .log_size = log_size,
		.prog_flags = code->flags | (code->sleepable ? BPF_F_SLEEPABLE : 0),
		.attach_btf_id = code->btf_id, .attach_btf_obj_fd = code->btf_fd,
	};
	struct bpf_func_info infos[64];
	Arena *a = NULL;
	int fd;

	kern_object_name(attr.prog_name, code->name);
	if (btf_fd >= 0) {
		VecU32 starts = { 0 };

		a = arena_new();
		function_starts(insns, code->n, a, &starts);
		attr.prog_btf_fd = (u32)btf_fd;
		attr.func_info = ptr(infos);
		attr.func_info_rec_size = sizeof(infos[0]);
		attr.func_info_cnt = MIN(starts.n, (u32)COUNT(infos));
		for (u32 i = 0; i < attr.func_info_cnt; i++)
			infos[i] = (struct bpf_func_info){ .insn_off = starts.v[i],
				.type_id = code->btf && i < code->n_funcs ? code->funcs[i].btf_type : 3 + i };
	}
	fd = sys_bpf(BPF_PROG_LOAD, &attr);
	for (int tries = 0; fd == -EAGAIN && tries < 5; tries++)        /* a signal interrupted the verifier */
		fd = sys_bpf(BPF_PROG_LOAD, &attr);
	if (fd == -EPERM && kern_raise_memlock())
		fd = sys_bpf(BPF_PROG_LOAD, &attr);
	arena_free(a);
	return fd;
}

/* Map indexes become file descriptors. False: an index that no map has. */
static bool
relocate(KernMachine *k, Insn *insns, u32 n, const int *maps, u32 n_maps)
{
	for (u32 i = 0; i + 1 < n; i++) {
		if (!wide(&insns[i]))
			continue;
		if (insns[i].src_reg == BPF_PSEUDO_MAP_FD || insns[i].src_reg == BPF_PSEUDO_MAP_VALUE) {
			u32 index = (u32)insns[i].imm;
			int fd = index < n_maps ? kern_map_fd(&k->machine, maps[index]) : -1;

			if (fd < 0)
				return false;
			insns[i].imm = fd;
		}
		i++;
	}
	return true;
}

/* "12: (85) call ..." begins the line of an instruction; -1: another line. */
static s32
line_pc(const char *line)
{
	char *end;
	long pc;

	if (*line < '0' || *line > '9')
		return -1;
	pc = strtol(line, &end, 10);
	return end[0] == ':' && end[1] == ' ' && end[2] == '(' ? (s32)pc : -1;
}

/* The instruction where the verifier stopped: a number in its last words, else the last instruction it printed. */
static s32
refused_pc(const char *log, u32 n)
{
	s32 pc = -1;
	const char *last = NULL;

	for (const char *line = log; line && *line; line = strchr(line, '\n'), line = line ? line + 1 : NULL) {
		s32 at = line_pc(line);

		if (at >= 0) {
			pc = at;
			last = NULL;
		} else if (strncmp(line, "processed ", 10) && strncmp(line, "verification time", 17)) {
			last = line;
		}
	}
	if (last) {
		static const char *const before[] = { "from insn ", "unreachable insn ", "at insn ", "insn " };
		const char *end = strchrnul(last, '\n');

		for (u32 i = 0; i < COUNT(before); i++) {
			const char *p = strstr(last, before[i]);

			if (p && p < end && (p += strlen(before[i])) && *p >= '0' && *p <= '9') {
				s32 at = (s32)strtol(p, NULL, 10);

				return at < (s32)n ? at : pc;
			}
		}
	}
	return pc < (s32)n ? pc : -1;
}

/* A log's last line is the sum of the verifier's work. */
static bool
has_end(const char *log)
{
	size_t n = strlen(log);

	return strstr(n > 200 ? log + n - 200 : log, "\nprocessed ") != NULL;
}

/* Loads again for the log. Since 6.4 the kernel keeps the end of a log that is too long, before that the beginning,
 * so the buffer grows until the end is in it. Only the last log_size bytes are kept: the reason stands at the end.
 * Each try may cost the verifier seconds, and memory that is not written costs nothing: the first is large. */
static int
load_for_log(KernMachine *k, const Code *code, const Insn *insns, int btf_fd, Refusal *why)
{
	u32 size = 4 << 20;
	int fd;

	for (;;) {
		char *log = malloc(size);

		if (!log)
			return -ENOMEM;
		log[0] = 0;
		fd = kern_load(code, insns, btf_fd, 1, log, size);
		log[size - 1] = 0;
		if (fd == -ENOSPC && size < LOG_MAX && !has_end(log)) {
			free(log);
			size *= 4;
			continue;
		}
		size_t n = strnlen(log, size - 1);
		size_t skip = n > k->log_size ? n - k->log_size : 0;

		log[n] = 0;
		why->pc = refused_pc(log, code->n);
		buf_put(&why->log, log + skip, n - skip);
		free(log);
		return fd;
	}
}

int
kern_prog_load(Machine *m, const Code *code, const int *maps, u32 n_maps, Refusal *why)
{
	KernMachine *k = (KernMachine *)m;
	Mark mark = arena_mark(k->a);
	Insn *insns = NEW_N(k->a, Insn, code->n);
	int fd, btf_fd = -1, first;

	if (why)
		why->pc = -1;
	memcpy(insns, code->insns, sizeof(Insn) * code->n);
	if (!relocate(k, insns, code->n, maps, n_maps)) {
		fd = -EINVAL;
		if (why)
			buf_puts(&why->log, "an instruction names a map that the program does not have\n");
		goto out;
	}
	if (code->btf) {
		btf_fd = load_btf(code->btf, code->btf_size);
	} else if (has_functions(insns, code->n)) {
		VecU32 starts = { 0 };
		Buf btf = { 0 };

		function_starts(insns, code->n, k->a, &starts);
		kern_make_btf(code, &starts, &btf);
		btf_fd = load_btf(btf.p, (u32)btf.n);
		buf_free(&btf);
	}
	fd = first = kern_load(code, insns, btf_fd, 0, NULL, 0);
	if (fd < 0 && why) {
		fd = load_for_log(k, code, insns, btf_fd, why);
		if (fd == -ENOSPC)
			fd = first;
	}
out:
	if (fd < 0 && why)
		why->err = fd;
	if (btf_fd >= 0)
		close(btf_fd);
	arena_release(k->a, mark);
	if (fd < 0)
		return fd;
	VEC_PUSH(k->a, &k->progs, fd);
	VEC_PUSH(k->a, &k->prog_types, code->prog_type);
	return (int)k->progs.n - 1;
}

int
kern_test_run(int prog_fd, u32 prog_type, void *ctx, u32 ctx_size, u32 *retval)
{
	union bpf_attr attr = { .test = { .prog_fd = (u32)prog_fd } };
	u8 out[4096];
	int err;

	if (prog_type == BPF_PROG_TYPE_SOCKET_FILTER || prog_type == BPF_PROG_TYPE_SCHED_CLS || prog_type == BPF_PROG_TYPE_XDP) {
		attr.test.data_in = ptr(ctx);           /* a packet; the kernel makes the context */
		attr.test.data_size_in = ctx_size;
		attr.test.data_out = ptr(out);
		attr.test.data_size_out = sizeof(out);
		attr.test.repeat = 1;
	} else {
		attr.test.ctx_in = ptr(ctx);
		attr.test.ctx_size_in = ctx ? ctx_size : 0;
	}
	err = sys_bpf(BPF_PROG_TEST_RUN, &attr);
	if (err == -ENOSPC && attr.test.data_out)       /* only the copy of the packet was too long */
		err = 0;
	if (!err && retval)
		*retval = attr.test.retval;
	return err;
}

int
kern_prog_run(Machine *m, int prog, void *ctx, u32 ctx_size, u32 *retval)
{
	KernMachine *k = (KernMachine *)m;
	int fd = kern_prog_fd(m, prog);

	return fd < 0 ? fd : kern_test_run(fd, k->prog_types.v[prog], ctx, ctx_size, retval);
}

u64
kern_prog_missed(KernMachine *k)
{
	u64 missed = 0;

	for (u32 i = 0; i < k->progs.n; i++) {
		struct bpf_prog_info info = { 0 };

		if (k->progs.v[i] >= 0 && !sys_bpf_info(k->progs.v[i], &info, sizeof(info)))
			missed += info.recursion_misses;
	}
	return missed;
}
