/* irrun: random IR programs, compiled, must be accepted by the kernel's verifier and leave in a map what an evaluator
 * of the IR computes. Each program is built twice from one seed: as it is told (the evaluator's), and simplified.
 * usage: irrun [SEED [COUNT [LENGTH]]]; without root it is skipped. Programs run by BPF_PROG_TEST_RUN, nothing is attached. */
#include "ir/ir.h"
#include "ir/pass.h"

#include <assert.h>
#include <errno.h>
#include <linux/btf.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { VALUE = 256, CELL = 32, CELLS = 4, N_VARS = 6, N_CTX = 6, STEPS = 200000, SCRATCH = 1 << 16 };
enum { MAP_VALUE, MAP_CELLS, MAP_SCRATCH };     /* 0: one big value; 1: an array of small ones; 2: scratch */

/* ---- chance ---- */

static u64 state;

static u32
rnd(u32 n)
{
	state = state * 6364136223846793005ull + 1442695040888963407ull;
	return (u32)(state >> 33) % n;
}

static s64
number(void)
{
	static const s64 odd[] = { 0, 1, -1, 2, 7, 8, 16, 31, 32, 63, 64, 255, 256, 65535, 65536, 0x7fffffff, 0x80000000,
		0xffffffff, 0x100000000, INT64_MAX, INT64_MIN, -8, -128, -32768, -2147483648LL, 1000003 };

	if (rnd(3))
		return odd[rnd(COUNT(odd))];
	return (s64)((u64)rnd(1u << 31) << rnd(34));
}

/* ---- the generator ---- */

static bool has_fetch;          /* atomics that give the old value: since Linux 5.12 */

typedef struct Gen { Fn *fn; Var var[N_VARS]; Ref mem[3]; Ref big; u32 depth, budget; bool in_loop; } Gen;
enum { MEM_SIZE = 24, BIG_SIZE = 200 };

static Ref
cell_pointer(Gen *g, u32 *off, u32 size)
{
	Fn *fn = g->fn;

	*off = rnd((MEM_SIZE - size) / 8 + 1) * 8 + (size < 8 ? rnd(8 / size) * size : 0);
	switch (rnd(6)) {
	case 0:
		return ir_mapval(fn, MAP_VALUE, 64);
	case 1:         /* 64 + a multiple of 8 below 128 */
		return ir_bin(fn, IR_add, ir_mapval(fn, MAP_VALUE, 64),
			ir_bini(fn, IR_and, ir_get(fn, g->var[rnd(N_VARS)]), 0x78));
	case 2:
		*off = rnd((BIG_SIZE - size) / 8 + 1) * 8;
		return g->big;
	default:
		return g->mem[rnd(3)];
	}
}

static u32
some_size(void)
{
	return 1u << rnd(4);
}

static Ref
expr(Gen *g, u32 depth)
{
	static const u8 binary[] = { IR_add, IR_sub, IR_mul, IR_udiv, IR_umod, IR_sdiv, IR_smod, IR_and, IR_or, IR_xor,
		IR_eq, IR_ne, IR_ult, IR_ule, IR_ugt, IR_uge, IR_slt, IR_sle, IR_sgt, IR_sge, IR_any, IR_add, IR_sub };
	static const u8 shift[] = { IR_shl, IR_shr, IR_sar };
	Fn *fn = g->fn;
	u32 size, off;
	Ref p;

	if (!depth || !rnd(4)) {
		switch (rnd(4)) {
		case 0:  return ir_const(fn, number());
		case 1:
			size = some_size();
			return ir_load_ctx(fn, ir_param(fn, 0), (s32)(rnd(N_CTX) * 8), size, rnd(2));
		default: return ir_get(fn, g->var[rnd(N_VARS)]);
		}
	}
	switch (rnd(12)) {
	case 0:
		return ir_un(fn, rnd(2) ? IR_neg : IR_not, expr(g, depth - 1));
	case 1: case 2:
		return ir_ext(fn, expr(g, depth - 1), 1u << rnd(3), rnd(2));
	case 3:
		return ir_bswap(fn, expr(g, depth - 1), 2u << rnd(3));
	case 4: /* a count out of range is the front end's business */
		return ir_bini(fn, shift[rnd(3)], expr(g, depth - 1), rnd(64));
	case 5:
		return ir_bin(fn, shift[rnd(3)], expr(g, depth - 1), ir_bini(fn, IR_and, expr(g, depth - 1), 63));
	case 6:
		size = some_size();
		p = cell_pointer(g, &off, size);
		return ir_load(fn, p, (s32)off, size, rnd(2));
	default: {
		IrOp op = binary[rnd(COUNT(binary))];

		return rnd(2) ? ir_bini(fn, op, expr(g, depth - 1), number()) :
			ir_bin(fn, op, expr(g, depth - 1), expr(g, depth - 1));
	}
	}
}

static void block(Gen *g, u32 n);

static void
gen_if(Gen *g)
{
	Fn *fn = g->fn;
	u32 yes = rnd(4) ? ir_block(fn) : ir_block_cold(fn), no = ir_block(fn), join = ir_block(fn);
	bool has_else = rnd(2);

	ir_br(fn, expr(g, 2), yes, has_else ? no : join);
	ir_seal(fn, yes);
	if (has_else)
		ir_seal(fn, no);
	ir_start(fn, yes);
	block(g, 3);
	if (!g->depth && !rnd(8))
		ir_ret(fn, ir_get(fn, g->var[0]));
	else
		ir_jmp(fn, join);
	if (has_else) {
		ir_start(fn, no);
		block(g, 3);
		ir_jmp(fn, join);
	}
	ir_seal(fn, join);
	ir_start(fn, join);
}

static void
gen_loop(Gen *g)
{
	Fn *fn = g->fn;
	u32 head = ir_block(fn), body = ir_block(fn), done = ir_block(fn), times = 1 + rnd(4);
	Var i = ir_var(fn);
	bool was = g->in_loop;

	g->in_loop = true;
	ir_set(fn, i, ir_const(fn, 0));
	ir_jmp(fn, head);
	ir_start(fn, head);
	ir_br(fn, ir_bini(fn, IR_ult, ir_get(fn, i), times), body, done);
	ir_seal(fn, body);
	ir_start(fn, body);
	block(g, 3);
	ir_set(fn, i, ir_bini(fn, IR_add, ir_get(fn, i), 1));
	ir_jmp(fn, head);
	ir_seal(fn, head);
	ir_seal(fn, done);
	ir_start(fn, done);
	g->in_loop = was;
}

/* A look-up in the array, with the null check; what is found is read, written and added to. */
static void
gen_lookup(Gen *g)
{
	Fn *fn = g->fn;
	u32 found = ir_block(fn), join = ir_block(fn), off = rnd(CELL / 8) * 8;
	Ref key = ir_mem(fn, 4, 4, (Span){ 0, 0 }), p;

	ir_store(fn, key, 0, 4, rnd(2) ? ir_const(fn, rnd(CELLS + 1)) : ir_bini(fn, IR_and, expr(g, 1), 7));
	p = IR_CALL(fn, BPF_FUNC_map_lookup_elem, ir_map(fn, MAP_CELLS), key);
	ir_br(fn, p, found, join);
	ir_seal(fn, found);
	ir_start(fn, found);
	switch (rnd(3)) {
	case 0:
		ir_set(fn, g->var[rnd(N_VARS)], ir_load(fn, p, (s32)off, 8, false));
		break;
	case 1:
		ir_store(fn, p, (s32)off, some_size(), expr(g, 2));
		break;
	default:
		if (rnd(2) || !has_fetch)
			ir_atomic(fn, BPF_ADD, p, (s32)off, 8, expr(g, 1));
		else
			ir_set(fn, g->var[rnd(N_VARS)], ir_atomic(fn, BPF_ADD | BPF_FETCH, p, (s32)off, 8, expr(g, 1)));
	}
	ir_jmp(fn, join);
	ir_seal(fn, join);
	ir_start(fn, join);
}

static void
gen_update(Gen *g)
{
	Fn *fn = g->fn;
	Ref key = ir_mem(fn, 4, 4, (Span){ 0, 0 }), value = ir_mem(fn, CELL, 8, (Span){ 0, 0 });

	ir_store(fn, key, 0, 4, ir_const(fn, rnd(CELLS)));
	ir_zero(fn, value, 0, CELL);
	for (u32 n = rnd(4); n > 0; n--)
		ir_store(fn, value, (s32)(rnd(4) * 8), some_size(), expr(g, 1));
	IR_CALL(fn, BPF_FUNC_map_update_elem, ir_map(fn, MAP_CELLS), key, value, ir_const(fn, 0));
}

/* An index that a branch has bounded. (Not a sum with a large constant: the verifier would hold that against the pointer.) */
static void
gen_bounded(Gen *g)
{
	Fn *fn = g->fn;
	u32 in = ir_block(fn), join = ir_block(fn);
	Ref x = rnd(2) ? ir_bini(fn, IR_and, expr(g, 1), 0x3ff) : ir_load_ctx(fn, ir_param(fn, 0), (s32)(rnd(N_CTX) * 8), 4, false);

	ir_br(fn, ir_bini(fn, IR_ult, x, 100), in, join);
	ir_seal(fn, in);
	ir_start(fn, in);
	if (rnd(2))
		IR_CALL(fn, BPF_FUNC_get_current_pid_tgid, ir_const(fn, 0));
	ir_store(fn, ir_bin(fn, IR_add, ir_mapval(fn, MAP_VALUE, 64), x), 0, 1, ir_get(fn, g->var[rnd(N_VARS)]));
	ir_jmp(fn, join);
	ir_seal(fn, join);
	ir_start(fn, join);
}

static void
statement(Gen *g)
{
	Fn *fn = g->fn;
	u32 size = some_size(), off, which = rnd(16);
	Ref p;

	if (!g->budget)
		which = 0;
	else
		g->budget--;
	switch (which) {
	case 0: case 1: case 2: case 3: case 4:
		ir_set(fn, g->var[rnd(N_VARS)], expr(g, 3));
		break;
	case 5: case 6: case 7:
		p = cell_pointer(g, &off, size);
		ir_store(fn, p, (s32)off, size, expr(g, 2));
		break;
	case 8:
		ir_zero(fn, g->mem[rnd(3)], (s32)(rnd(2) * 8), 1 + rnd(16));
		break;
	case 9:
		ir_copy(fn, g->mem[0], 0, rnd(2) ? g->mem[1] : ir_mapval(fn, MAP_VALUE, 64), 1 + rnd(MEM_SIZE));
		break;
	case 10: gen_lookup(g); break;
	case 11: gen_update(g); break;
	case 12: gen_bounded(g); break;
	default:
		if (g->depth >= 3) {
			ir_set(fn, g->var[0], expr(g, 2));
			break;
		}
		g->depth++;
		if (which == 13 && !g->in_loop)
			gen_loop(g);
		else
			gen_if(g);
		g->depth--;
	}
}

static void
block(Gen *g, u32 n)
{
	for (n = 1 + rnd(n); n > 0; n--)
		statement(g);
}

static u32 length = 8;          /* statements of main, at most, and 4 more */

static Unit *
generate(Arena *a, u64 seed, bool plain)
{
	Unit *u = ir_unit_new(a, "random");
	Fn *fn = ir_fn_new(u, "main", 1);
	Gen g = { .fn = fn, .budget = 3 * length };

	state = seed * 2 + 1;
	rnd(2), rnd(2);
	ir_plain = plain;
	for (int n = 0; n < 3; n++) {
		g.mem[n] = ir_mem(fn, MEM_SIZE, 8, (Span){ 0, 0 });
		ir_zero(fn, g.mem[n], 0, MEM_SIZE);
	}
	g.big = ir_mem(fn, BIG_SIZE, 8, (Span){ 0, 0 });
	ir_zero(fn, g.big, 0, BIG_SIZE);
	for (int n = 0; n < N_VARS; n++) {
		g.var[n] = ir_var(fn);
		ir_set(fn, g.var[n], rnd(2) ? ir_const(fn, number()) : ir_load_ctx(fn, ir_param(fn, 0), (s32)(rnd(N_CTX) * 8), 8, false));
	}
	for (u32 n = 4 + rnd(length); n > 0; n--)
		statement(&g);
	for (int n = 0; n < N_VARS; n++)
		ir_store(fn, ir_mapval(fn, MAP_VALUE, 0), n * 8, 8, ir_get(fn, g.var[n]));
	ir_ret(fn, ir_get(fn, g.var[0]));
	ir_plain = false;
	return u;
}

/* ---- the evaluator ---- */

typedef struct World { u64 ctx[12]; u8 value[VALUE], cells[CELLS][CELL]; } World;
/* Addresses: kind in the top byte, offset below. */
enum { AT_CTX = 1, AT_VALUE, AT_CELL, AT_MEM, AT_MAP };
typedef struct Eval { const Fn *fn; World *w; s64 *val; u8 **mem; } Eval;

static u64
address(u32 kind, u32 index, u32 off)
{
	return (u64)kind << 56 | (u64)index << 40 | 1ull << 32 | off;
}

static void *
memory(Eval *e, u64 p, u32 n)
{
	u32 kind = (u32)(p >> 56), index = (u32)(p >> 40) & 0xffff;
	s32 off = (s32)(u32)p;

	switch (kind) {
	case AT_CTX:   assert(off >= 0 && off + n <= sizeof(e->w->ctx)); return (u8 *)e->w->ctx + off;
	case AT_VALUE: assert(off >= 0 && off + n <= VALUE); return e->w->value + off;
	case AT_CELL:  assert(off >= 0 && off + n <= CELL); return e->w->cells[index] + off;
	case AT_MEM:   assert(off >= 0 && off + n <= e->fn->mems.v[index].size); return e->mem[index] + off;
	default:       assert(!"a number used as an address"); return NULL;
	}
}

static s64
value(Eval *e, Ref r)
{
	const Ins *i = at(e->fn, r = alias(e->fn, r));

	switch (i->op) {
	case IR_const:  return i->imm;
	case IR_param:  return (s64)address(AT_CTX, 0, 0);
	case IR_map:    return (s64)address(AT_MAP, (u32)i->imm, 0);
	case IR_mapval: return (s64)address(AT_VALUE, 0, i->imm2);
	case IR_mem:    return (s64)address(AT_MEM, (u32)i->imm, 0);
	default:        return e->val[r];
	}
}

static s64
fetch(Eval *e, const Ins *i, u64 p)
{
	u64 x = 0;

	memcpy(&x, memory(e, p, i->size), i->size);
	if (i->op == IR_loads)
		x = (u64)((s64)(x << (64 - i->size * 8)) >> (64 - i->size * 8));
	return (s64)x;
}

static s64
call(Eval *e, const Ins *i)
{
	u32 key;

	if (i->imm == BPF_FUNC_get_current_pid_tgid)
		return 0;
	memcpy(&key, memory(e, (u64)value(e, i->args[1]), 4), 4);
	if (i->imm == BPF_FUNC_map_lookup_elem)
		return key < CELLS ? (s64)address(AT_CELL, key, 0) : 0;
	assert(i->imm == BPF_FUNC_map_update_elem && key < CELLS);
	memcpy(e->w->cells[key], memory(e, (u64)value(e, i->args[2]), CELL), CELL);
	return 0;
}

/* One instruction but for phis and terminators. */
static void
step(Eval *e, Ref r)
{
	const Ins *i = at(e->fn, r);
	u64 p, x;
	s64 out;

	switch (i->op) {
	case IR_load: case IR_loads:
		e->val[r] = fetch(e, i, (u64)value(e, i->a) + (u64)i->imm);
		break;
	case IR_store:
		x = (u64)value(e, i->b);
		memcpy(memory(e, (u64)value(e, i->a) + (u64)i->imm, i->size), &x, i->size);
		break;
	case IR_zero:
		memset(memory(e, (u64)value(e, i->a) + (u64)(s32)i->imm2, (u32)i->imm), 0, (u32)i->imm);
		break;
	case IR_copy:
		memmove(memory(e, (u64)value(e, i->a) + (u64)(s32)i->imm2, (u32)i->imm),
			memory(e, (u64)value(e, i->b), (u32)i->imm), (u32)i->imm);
		break;
	case IR_atomic:
		p = (u64)value(e, i->a) + (u64)(s32)i->imm2;
		memcpy(&x, memory(e, p, 8), 8);
		e->val[r] = (s64)x;
		x += (u64)value(e, i->b);
		memcpy(memory(e, p, 8), &x, 8);
		break;
	case IR_call:
		e->val[r] = call(e, i);
		break;
	default:
		if (!ir_eval(i, value(e, i->a), i->b ? value(e, i->b) : 0, &out))
			assert(!"no such operation");
		e->val[r] = out;
	}
}

static u32
run(const Fn *fn, World *w)
{
	Arena *a = arena_new();
	Eval e = { fn, w, NEW_N(a, s64, fn->ins.n) };
	u32 b = 0, from = NO_BLOCK;
	s64 result = 0;

	e.mem = NEW_N(a, u8 *, fn->mems.n);
	for (u32 n = 0; n < fn->mems.n; n++)
		e.mem[n] = arena_alloc(a, fn->mems.v[n].size);
	for (u32 steps = 0; b != NO_BLOCK; steps++) {
		const Block *bl = fn->blocks.v[b];
		u32 k = 0, p = 0, n_phi = 0, next = NO_BLOCK;
		s64 *phi = NEW_N(a, s64, bl->ins.n);

		assert(steps < STEPS);
		while (from != NO_BLOCK && bl->preds.v[p] != from)
			p++;
		for (; at(fn, bl->ins.v[k])->op == IR_phi; k++)
			phi[n_phi++] = value(&e, at(fn, bl->ins.v[k])->args[p]);
		for (u32 x = 0; x < n_phi; x++)
			e.val[bl->ins.v[x]] = phi[x];
		for (; k + 1 < bl->ins.n; k++)
			step(&e, bl->ins.v[k]);
		switch (at(fn, bl->ins.v[k])->op) {
		case IR_jmp: next = bl->succ[0]; break;
		case IR_br:  next = bl->succ[!value(&e, at(fn, bl->ins.v[k])->a)]; break;
		default:     result = value(&e, at(fn, bl->ins.v[k])->a);
		}
		from = b;
		b = next;
	}
	arena_free(a);
	return (u32)result;
}

/* ---- the kernel ---- */

static char log_text[1 << 20];
static int maps[3];

static int
bpf(int cmd, union bpf_attr *attr)
{
	return (int)syscall(SYS_bpf, cmd, attr, sizeof(*attr));
}

static int
make_map(u32 size, u32 n)
{
	union bpf_attr attr = { .map_type = BPF_MAP_TYPE_ARRAY, .key_size = 4, .value_size = size, .max_entries = n };

	return bpf(BPF_MAP_CREATE, &attr);
}

static void
map_io(int cmd, int map, u32 key, void *p)
{
	union bpf_attr attr = { .map_fd = (u32)map };

	attr.key = (u64)(uintptr_t)&key;
	attr.value = (u64)(uintptr_t)p;
	if (bpf(cmd, &attr))
		perror("map"), abort();
}

static int
load(const Code *code)
{
	union bpf_attr attr = { .prog_type = BPF_PROG_TYPE_RAW_TRACEPOINT, .insn_cnt = code->n };

	for (u32 pc = 0; pc < code->n; pc++)
		if (code->insns[pc].code == (BPF_LD | BPF_IMM | BPF_DW)) {
			if (code->insns[pc].src_reg == BPF_PSEUDO_MAP_FD || code->insns[pc].src_reg == BPF_PSEUDO_MAP_VALUE)
				code->insns[pc].imm = maps[code->insns[pc].imm];
			pc++;
		}
	attr.insns = (u64)(uintptr_t)code->insns;
	attr.license = (u64)(uintptr_t)"GPL";
	attr.log_buf = (u64)(uintptr_t)log_text;
	attr.log_size = sizeof(log_text);
	attr.log_level = 1;
	return bpf(BPF_PROG_LOAD, &attr);
}

static void
show(const Unit *u, const char *what, u64 seed)
{
	Buf out = { 0 };

	ir_print(u, &out);
	fprintf(stderr, "seed %llu: %s\n%s", (unsigned long long)seed, what, out.p);
	buf_free(&out);
}

static void
fill(World *w)
{
	for (u32 n = 0; n < COUNT(w->ctx); n++)
		w->ctx[n] = (u64)number();
	for (u32 n = 0; n < VALUE; n++)
		w->value[n] = (u8)rnd(256);
	for (u32 n = 0; n < CELLS * CELL; n++)
		w->cells[n / CELL][n % CELL] = (u8)rnd(256);
}

/* The program's name to compile under, its options; compares what the kernel makes of a few worlds. */
static void
try_one(Arena *a, u64 seed, bool plain, u32 isa, u32 prog_type)
{
	Unit *u = generate(a, seed, plain), *model = generate(a, seed, true);
	Diag *d = diag_new(a);
	IrOptions opt = { .isa = isa, .prog_type = prog_type, .scratch_map = MAP_SCRATCH, .stack_limit = rnd(2) ? 32 : 64 };
	Code code;
	Buf dump = { 0 };
	int fd;

	if (getenv("DUMP")) {
		opt.dump = getenv("DUMP");
		opt.dump_to = &dump;
	}
	ir_tidy(model->fns.v[0]);
	if (!ir_compile(u, &opt, d, &code)) {
		Buf out = { 0 };

		diag_print(d, &out, false);
		fprintf(stderr, "seed %llu: not compiled: %s\n", (unsigned long long)seed, out.p);
		abort();
	}
	assert(u->scratch_bytes <= SCRATCH);
	if (dump.n)
		fprintf(stderr, "%s", dump.p);
	buf_free(&dump);
	fd = load(&code);
	if (fd < 0) {
		if (errno == E2BIG || strstr(log_text, "BPF program is too large"))
			return;         /* more than a million steps to verify */
		show(model, "refused", seed);
		fprintf(stderr, "%.30000s\n", strlen(log_text) > 6000 ? log_text + strlen(log_text) - 6000 : log_text);
		abort();
	}
	for (int round = 0; round < 4; round++) {
		World w, k;
		union bpf_attr attr = { 0 };
		u32 expect;

		fill(&w);
		map_io(BPF_MAP_UPDATE_ELEM, maps[MAP_VALUE], 0, w.value);
		for (u32 n = 0; n < CELLS; n++)
			map_io(BPF_MAP_UPDATE_ELEM, maps[MAP_CELLS], n, w.cells[n]);
		k = w;
		expect = run(model->fns.v[0], &w);
		attr.test.prog_fd = (u32)fd;
		attr.test.ctx_in = (u64)(uintptr_t)k.ctx;
		attr.test.ctx_size_in = sizeof(k.ctx);
		if (bpf(BPF_PROG_TEST_RUN, &attr))
			perror("test run"), abort();
		map_io(BPF_MAP_LOOKUP_ELEM, maps[MAP_VALUE], 0, k.value);
		for (u32 n = 0; n < CELLS; n++)
			map_io(BPF_MAP_LOOKUP_ELEM, maps[MAP_CELLS], n, k.cells[n]);
		if (attr.test.retval == expect && !memcmp(k.value, w.value, VALUE) && !memcmp(k.cells, w.cells, sizeof(w.cells)))
			continue;
		show(model, "computes something else", seed);
		show(u, "compiled", seed);
		fprintf(stderr, "plain %d isa %u type %u, round %d: %x, expected %x\n", plain, isa, prog_type, round,
			attr.test.retval, expect);
		for (u32 n = 0; n < VALUE; n += 8)
			if (memcmp(k.value + n, w.value + n, 8))
				fprintf(stderr, "value+%u: %llx, expected %llx\n", n, *(unsigned long long *)(k.value + n),
					*(unsigned long long *)(w.value + n));
		abort();
	}
	close(fd);
}

static bool
takes(Insn *insns, u32 n)
{
	int fd = load(&(Code){ .insns = insns, .n = n });

	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

/* The newest instruction set version that this kernel takes (4 is newer than 6.5); and whether atomics fetch. */
static u32
ask_kernel(void)
{
	Insn extend[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .imm = 1 },
		{ .code = BPF_ALU64 | BPF_MOV | BPF_X, .off = 8 },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	Insn fetch[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .imm = 0 },
		{ .code = BPF_STX | BPF_MEM | BPF_DW, .dst_reg = 10, .off = -8 },
		{ .code = BPF_STX | BPF_ATOMIC | BPF_DW, .dst_reg = 10, .off = -8, .imm = BPF_ADD | BPF_FETCH },
		{ .code = BPF_JMP | BPF_EXIT },
	};

	has_fetch = takes(fetch, COUNT(fetch));
	return takes(extend, COUNT(extend)) ? 4 : 3;
}

int
main(int argc, char **argv)
{
	u32 isa;
	u64 seed = argc > 1 ? strtoull(argv[1], NULL, 0) : 1, n = argc > 2 ? strtoull(argv[2], NULL, 0) : 300;

	length = argc > 3 ? (u32)atoi(argv[3]) : 8;
	maps[MAP_VALUE] = make_map(VALUE, 1);
	maps[MAP_CELLS] = make_map(CELL, CELLS);
	maps[MAP_SCRATCH] = make_map(SCRATCH, 1);
	if (maps[MAP_SCRATCH] < 0) {
		printf("bpf(2) is not allowed here: %s\n", strerror(errno));
		return 77;
	}
	isa = ask_kernel();
	for (u64 s = seed; s < seed + n; s++) {
		Arena *a = arena_new();

		try_one(a, s, false, 1 + s % isa, s % 5 ? BPF_PROG_TYPE_RAW_TRACEPOINT : 0);
		try_one(a, s, true, 3, BPF_PROG_TYPE_RAW_TRACEPOINT);
		arena_free(a);
	}
	printf("%llu programs\n", (unsigned long long)n * 2);
	return 0;
}
