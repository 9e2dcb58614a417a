/* unwind: emits the walk up a user program's stack by tables (sym/cfi.c), for programs that keep no frame pointer.
 * Kernel: bpf_loop (5.17) calls frame() for each frame, which finds the mapping and the row of the address by binary searches
 * and reads from the stack what the row says; the registers are those the task entered the kernel with (bpf_task_pt_regs, 5.15).
 * Code without a row (JIT compilers, files without tables) is walked by the frame pointer. */
#include "probe/inside.h"

/* What frame() and the searches share: their context, on the program's stack. */
enum {
	ST_PC = 0, ST_SP = 8, ST_FP = 16, ST_BX = 24, ST_ONCE = 32, ST_EXACT = 40,      /* EXACT: pc is no return address */
	ST_N = 48, ST_TO = 56, ST_PROC = 64, ST_ROWS_MAP = 72,
	ST_START = 80, ST_END = 88, ST_BIAS = 96, ST_OBJECT = 104, ST_ROWS = 108,       /* the mapping of the last frame */
	ST_LO = 112, ST_HI = 120, ST_LOOK = 128, ST_READ = 136, ST_KEY = 152, ST_SIZE = 160,
};
/* Steps of the searches: enough for all rows of a file, all mappings of a process. */
enum { ROW_STEPS = 23, MAPPING_STEPS = 10 };

MapDef
probe_unwind_rows(u32 n)
{
	return (MapDef){ .name = "unwind_rows", .type = BPF_MAP_TYPE_ARRAY, .key_size = 4, .value_size = sizeof(UnwindRow), .max_entries = n,
			 .flags = BPF_F_INNER_MAP | BPF_F_MMAPABLE };
}

MapDef
probe_unwind_objects(u32 rows)
{
	return (MapDef){ .name = "unwind_objects", .type = BPF_MAP_TYPE_ARRAY_OF_MAPS, .key_size = 4, .value_size = 4,
			 .max_entries = UNWIND_OBJECTS, .inner = rows + 1 };
}

MapDef
probe_unwind_procs(void)
{
	return (MapDef){ .name = "unwind_procs", .type = BPF_MAP_TYPE_HASH, .key_size = 4, .value_size = sizeof(UnwindProcess),
			 .max_entries = UNWIND_PROCESSES };
}

const char *
probe_unwind_lacks(ProbeContext *pc)
{
	if (!pc->has)
		return NULL;
	return !pc->has(pc->machine, FEAT_LOOP) ? "bpf_loop (Linux 5.17)" :
	       !pc->has(pc->machine, FEAT_TASK_BTF) ? "bpf_get_current_task_btf (Linux 5.11, with BTF)" : NULL;
}

/* ---- small words for what follows ---- */

static Ref
get(Fn *fn, u32 at)
{
	return ir_load(fn, ir_param(fn, 1), (s32)at, 8, false);
}

static void
put(Fn *fn, u32 at, Ref v)
{
	ir_store(fn, ir_param(fn, 1), (s32)at, 8, v);
}

static void
begin(Fn *fn, u32 block)
{
	ir_seal(fn, block);
	ir_start(fn, block);
}

/* Ends the loop (1) where cond holds, and goes on behind. */
static void
leave_if(Fn *fn, Ref cond)
{
	u32 out = ir_block_cold(fn), on = ir_block(fn);

	ir_br(fn, cond, out, on);
	begin(fn, out);
	ir_ret(fn, ir_const(fn, 1));
	begin(fn, on);
}

/* One step of a binary search between LO and HI: gives the middle; ends where they are neighbours. */
static Ref
middle(Fn *fn)
{
	Ref lo = get(fn, ST_LO), hi = get(fn, ST_HI);

	leave_if(fn, ir_bin(fn, IR_ule, hi, ir_bini(fn, IR_add, lo, 1)));
	return ir_bini(fn, IR_shr, ir_bin(fn, IR_add, lo, hi), 1);
}

static void
narrow(Fn *fn, Ref mid, Ref starts)
{
	u32 up = ir_block(fn), down = ir_block(fn), end = ir_block(fn);

	ir_br(fn, ir_bin(fn, IR_ule, starts, get(fn, ST_LOOK)), up, down);
	begin(fn, up);
	put(fn, ST_LO, mid);
	ir_jmp(fn, end);
	begin(fn, down);
	put(fn, ST_HI, mid);
	ir_jmp(fn, end);
	begin(fn, end);
	ir_ret(fn, ir_const(fn, 0));
}

static Fn *
search_mapping(Unit *u)
{
	Fn *fn = ir_fn_new(u, "unwind_mapping", 2);
	Ref mid = middle(fn), at;

	leave_if(fn, ir_bini(fn, IR_uge, mid, UNWIND_MAPPINGS));
	at = ir_bin(fn, IR_add, get(fn, ST_PROC), ir_bini(fn, IR_mul, mid, sizeof(UnwindMapping)));
	narrow(fn, mid, ir_load(fn, at, offsetof(UnwindProcess, m), 8, false));
	return fn;
}

/* The row number `index` of the file's table; ends the loop if there is none. */
static Ref
row(Fn *fn, Ref index)
{
	Ref key = ir_bini(fn, IR_add, ir_param(fn, 1), ST_KEY), r;

	ir_store(fn, ir_param(fn, 1), ST_KEY, 4, index);
	r = ir_call(fn, BPF_FUNC_map_lookup_elem, 2, (Ref[]){ get(fn, ST_ROWS_MAP), key });
	leave_if(fn, ir_bini(fn, IR_eq, r, 0));
	return r;
}

static Fn *
search_row(Unit *u)
{
	Fn *fn = ir_fn_new(u, "unwind_row", 2);
	Ref mid = middle(fn);

	narrow(fn, mid, ir_load(fn, row(fn, mid), offsetof(UnwindRow, pc), 4, false));
	return fn;
}

/* ---- one frame ---- */

/* Reads n (8 or 16) bytes of the stack into ST_READ; ends the walk where nothing is. */
static void
read_stack(Fn *fn, Ref from, u32 n)
{
	Ref to = ir_bini(fn, IR_add, ir_param(fn, 1), ST_READ), r;

	r = ir_call(fn, BPF_FUNC_probe_read_user, 3, (Ref[]){ to, ir_const(fn, n), from });
	leave_if(fn, ir_bini(fn, IR_ne, r, 0));
}

/* Without a row: by the frame pointer, which must not lead back. */
static void
by_frame_pointer(Fn *fn)
{
	Ref fp = get(fn, ST_FP);

	leave_if(fn, ir_bin(fn, IR_ult, fp, get(fn, ST_SP)));
	read_stack(fn, fp, 16);
	put(fn, ST_SP, ir_bini(fn, IR_add, fp, 16));
	put(fn, ST_FP, get(fn, ST_READ));
	put(fn, ST_PC, get(fn, ST_READ + 8));
	put(fn, ST_EXACT, ir_const(fn, 0));
	put(fn, ST_ONCE, ir_const(fn, 0));
	ir_ret(fn, ir_bini(fn, IR_eq, get(fn, ST_READ + 8), 0));
}

/* Brings the mapping of address `look` into ST_START to ST_ROWS; goes to `none` where there is none. */
static void
find_mapping(Fn *fn, Fn *search, Ref look, u32 none)
{
	u32 same = ir_block(fn), other = ir_block(fn), found = ir_block(fn), in = ir_block(fn), good = ir_block(fn), done = ir_block(fn);
	Ref st = ir_param(fn, 1), at, lo, start, end;

	ir_br(fn, ir_bin(fn, IR_uge, look, get(fn, ST_START)), same, other);
	begin(fn, same);
	ir_br(fn, ir_bin(fn, IR_ult, look, get(fn, ST_END)), done, other);
	begin(fn, other);
	put(fn, ST_LO, ir_const(fn, 0));
	put(fn, ST_HI, ir_load(fn, get(fn, ST_PROC), offsetof(UnwindProcess, n), 8, false));
	put(fn, ST_LOOK, look);
	ir_call(fn, BPF_FUNC_loop, 4, (Ref[]){ ir_const(fn, MAPPING_STEPS), ir_fnref(fn, search), st, ir_const(fn, 0) });
	lo = get(fn, ST_LO);
	ir_br(fn, ir_bini(fn, IR_ult, lo, UNWIND_MAPPINGS), found, none);
	begin(fn, found);
	at = ir_bin(fn, IR_add, get(fn, ST_PROC), ir_bini(fn, IR_mul, lo, sizeof(UnwindMapping)));
	at = ir_bini(fn, IR_add, at, offsetof(UnwindProcess, m));
	start = ir_load(fn, at, offsetof(UnwindMapping, start), 8, false);
	end = ir_load(fn, at, offsetof(UnwindMapping, end), 8, false);
	ir_br(fn, ir_bin(fn, IR_uge, look, start), in, none);
	begin(fn, in);
	ir_br(fn, ir_bin(fn, IR_ult, look, end), good, none);
	begin(fn, good);
	put(fn, ST_START, start);
	put(fn, ST_END, end);
	put(fn, ST_BIAS, ir_load(fn, at, offsetof(UnwindMapping, bias), 8, false));
	put(fn, ST_OBJECT, ir_load(fn, at, offsetof(UnwindMapping, object), 8, false));        /* and rows */
	ir_jmp(fn, done);
	begin(fn, done);
}

/* The row for the address `look`, or to `none`. */
static Ref
find_row(Fn *fn, const UnwindMaps *maps, Fn *search, Ref look, u32 none)
{
	u32 some = ir_block(fn), known = ir_block(fn), right = ir_block(fn);
	Ref st = ir_param(fn, 1), key = ir_bini(fn, IR_add, st, ST_KEY), rows = ir_load(fn, st, ST_ROWS, 4, false), table, r;

	ir_br(fn, ir_bini(fn, IR_ne, rows, 0), some, none);
	begin(fn, some);
	ir_store(fn, st, ST_KEY, 4, ir_load(fn, st, ST_OBJECT, 4, false));
	table = ir_call(fn, BPF_FUNC_map_lookup_elem, 2, (Ref[]){ ir_map(fn, maps->objects), key });
	ir_br(fn, ir_bini(fn, IR_ne, table, 0), known, none);
	begin(fn, known);
	put(fn, ST_ROWS_MAP, table);
	look = ir_bin(fn, IR_sub, look, get(fn, ST_BIAS));
	put(fn, ST_LOOK, look);
	put(fn, ST_LO, ir_const(fn, 0));
	put(fn, ST_HI, rows);
	ir_call(fn, BPF_FUNC_loop, 4, (Ref[]){ ir_const(fn, ROW_STEPS), ir_fnref(fn, search), st, ir_const(fn, 0) });
	r = row(fn, get(fn, ST_LO));
	ir_br(fn, ir_bin(fn, IR_ule, ir_load(fn, r, offsetof(UnwindRow, pc), 4, false), get(fn, ST_LOOK)), right, none);
	begin(fn, right);
	return r;
}

typedef struct Choice { Var v; u32 end; } Choice;

/* Sets the choice to `value` where `which` equals n, and goes on where it does not. */
static void
choose(Fn *fn, Choice *c, Ref which, u32 n, Ref value)
{
	u32 yes = ir_block(fn), no = ir_block(fn);

	ir_br(fn, ir_bini(fn, IR_eq, which, n), yes, no);
	begin(fn, yes);
	ir_set(fn, c->v, value);
	ir_jmp(fn, c->end);
	begin(fn, no);
}

static Ref
chosen(Fn *fn, Choice *c, Ref otherwise)
{
	ir_set(fn, c->v, otherwise);
	ir_jmp(fn, c->end);
	begin(fn, c->end);
	return ir_get(fn, c->v);
}

static Choice
choice(Fn *fn)
{
	return (Choice){ ir_var(fn), ir_block(fn) };
}

static Ref
bits(Fn *fn, Ref v, u32 shift, u32 mask)
{
	return ir_bini(fn, IR_and, shift ? ir_bini(fn, IR_shr, v, shift) : v, mask);
}

static Ref
base_register(Fn *fn, Ref how)
{
	Ref which = bits(fn, how, UNWIND_BASE_SHIFT, 3);
	Choice c = choice(fn);

	choose(fn, &c, which, UNWIND_SP, get(fn, ST_SP));
	choose(fn, &c, which, UNWIND_FP, get(fn, ST_FP));
	choose(fn, &c, which, UNWIND_BX, get(fn, ST_BX));
	return chosen(fn, &c, get(fn, ST_ONCE));
}

/* The canonical frame address by a row whose mode is neither NONE nor END. */
static Ref
frame_address(Fn *fn, Ref r, Ref how, Ref mode)
{
	Ref off = ir_load(fn, r, offsetof(UnwindRow, cfa), 4, true), at = ir_bin(fn, IR_add, base_register(fn, how), off), more;
	u32 plt = ir_block_cold(fn), no_plt = ir_block(fn), deref = ir_block_cold(fn), plain = ir_block(fn), end = ir_block(fn);
	Var cfa = ir_var(fn);

	ir_br(fn, ir_bini(fn, IR_eq, mode, UNWIND_PLT), plt, no_plt);
	begin(fn, plt);
	more = ir_bin(fn, IR_uge, ir_bini(fn, IR_and, get(fn, ST_PC), 15), off);
	more = ir_bini(fn, IR_add, ir_bini(fn, IR_shl, more, 3), 8);
	ir_set(fn, cfa, ir_bin(fn, IR_add, get(fn, ST_SP), more));
	ir_jmp(fn, end);
	begin(fn, no_plt);
	ir_br(fn, ir_bini(fn, IR_eq, mode, UNWIND_DEREF), deref, plain);
	begin(fn, deref);
	read_stack(fn, at, 8);
	ir_set(fn, cfa, get(fn, ST_READ));
	ir_jmp(fn, end);
	begin(fn, plain);
	ir_set(fn, cfa, at);
	ir_jmp(fn, end);
	begin(fn, end);
	return ir_get(fn, cfa);
}

/* What a saved register was in the caller. same: what it is if it was not saved. */
static Ref
saved_register(Fn *fn, Ref how, Ref cfa, Ref off, Ref same)
{
	u32 saved = ir_block(fn), unsaved = ir_block(fn), end = ir_block(fn);
	Var v = ir_var(fn);
	Choice c;
	Ref at;

	ir_br(fn, ir_bini(fn, IR_ne, how, UNWIND_SAME), saved, unsaved);
	begin(fn, unsaved);
	ir_set(fn, v, same);
	ir_jmp(fn, end);
	begin(fn, saved);
	c = choice(fn);
	choose(fn, &c, how, UNWIND_AT_CFA, cfa);
	choose(fn, &c, how, UNWIND_AT_SP, get(fn, ST_SP));
	at = chosen(fn, &c, get(fn, ST_FP));
	read_stack(fn, ir_bin(fn, IR_add, at, off), 8);
	ir_set(fn, v, get(fn, ST_READ));
	ir_jmp(fn, end);
	begin(fn, end);
	return ir_get(fn, v);
}

/* Return addresses that arm64 signed carry the signature above the address's bits. */
static Ref
unsigned_address(Fn *fn, Ref ra)
{
#ifdef __aarch64__
	return ir_bin(fn, IR_and, ra, ir_const(fn, 0x0000ffffffffffff));
#else
	(void)fn;
	return ra;
#endif
}

/* To the caller, by a row. */
static void
by_row(Fn *fn, Ref r)
{
	Ref how = ir_load(fn, r, offsetof(UnwindRow, how), 1, false), saved = ir_load(fn, r, offsetof(UnwindRow, saved), 1, false);
	Ref mode = ir_bini(fn, IR_and, how, UNWIND_MODE), signal, cfa, ra, fp, bx, back;

	leave_if(fn, ir_bini(fn, IR_eq, mode, UNWIND_END));
	signal = ir_bini(fn, IR_ne, ir_bini(fn, IR_and, how, UNWIND_SIGNAL), 0);
	cfa = frame_address(fn, r, how, mode);
	ra = saved_register(fn, bits(fn, saved, 0, 3), cfa, ir_load(fn, r, offsetof(UnwindRow, ra), 2, true), get(fn, ST_ONCE));
	ra = unsigned_address(fn, ra);
	fp = saved_register(fn, bits(fn, saved, UNWIND_FP_SHIFT, 3), cfa, ir_load(fn, r, offsetof(UnwindRow, fp), 2, true), get(fn, ST_FP));
	bx = saved_register(fn, bits(fn, saved, UNWIND_BX_SHIFT, 3), cfa, ir_load(fn, r, offsetof(UnwindRow, bx), 2, true), get(fn, ST_BX));
	/* Only a signal may have come on another stack. */
	back = ir_bin(fn, IR_ult, cfa, get(fn, ST_SP));
	leave_if(fn, ir_bin(fn, IR_ugt, back, signal));
	put(fn, ST_SP, cfa);
	put(fn, ST_FP, fp);
	put(fn, ST_BX, bx);
	put(fn, ST_ONCE, ir_const(fn, 0));
	put(fn, ST_EXACT, signal);
	put(fn, ST_PC, ra);
	ir_ret(fn, ir_bini(fn, IR_eq, ra, 0));
}

/* Called for each frame: notes its address, then makes the registers those of the caller. */
static Fn *
frame(Unit *u, const UnwindMaps *maps, u32 count)
{
	Fn *mapping = search_mapping(u), *rows = search_row(u), *fn = ir_fn_new(u, "unwind_frame", 2);
	u32 none = ir_block_cold(fn), known = ir_block(fn);
	Ref pc = get(fn, ST_PC), n = get(fn, ST_N), look, r;

	leave_if(fn, ir_bini(fn, IR_uge, n, count));
	ir_store(fn, ir_bin(fn, IR_add, get(fn, ST_TO), ir_bini(fn, IR_shl, n, 3)), 0, 8, pc);
	put(fn, ST_N, ir_bini(fn, IR_add, n, 1));
	/* A call may be the last instruction of its function: the row is that of the call. */
	look = ir_bin(fn, IR_sub, pc, ir_bini(fn, IR_eq, get(fn, ST_EXACT), 0));
	find_mapping(fn, mapping, look, none);
	r = find_row(fn, maps, rows, look, none);
	ir_br(fn, ir_bini(fn, IR_and, ir_load(fn, r, offsetof(UnwindRow, how), 1, false), UNWIND_MODE), known, none);
	begin(fn, known);
	by_row(fn, r);
	begin(fn, none);
	by_frame_pointer(fn);
	return fn;
}

Ref
probe_unwind(Fn *fn, const UnwindMaps *maps, Ref pid, Ref base, s32 off, u32 count)
{
	static const u32 first[] = { ST_PC, ST_SP, ST_FP, ST_BX, ST_ONCE };
	Fn *callback = frame(fn->unit, maps, count);
	Ref st = ir_mem_stack(fn, ST_SIZE, 8, fn->at), proc, regs;
	u32 known = ir_block(fn), end = ir_block(fn);
	Var some = ir_var(fn);

	ir_set(fn, some, ir_const(fn, 0));
	ir_zero(fn, st, 0, ST_SIZE);
	ir_store(fn, st, ST_KEY, 4, pid);
	proc = ir_call(fn, BPF_FUNC_map_lookup_elem, 2, (Ref[]){ ir_map(fn, maps->procs), ir_bini(fn, IR_add, st, ST_KEY) });
	ir_br(fn, ir_bini(fn, IR_ne, proc, 0), known, end);
	begin(fn, known);
	regs = ir_call(fn, BPF_FUNC_task_pt_regs, 1, (Ref[]){ ir_call(fn, BPF_FUNC_get_current_task_btf, 0, NULL) });
	for (u32 i = 0; i < COUNT(first); i++)
		ir_store(fn, st, (s32)first[i], 8, ir_load(fn, regs, (s32)regs_unwind(i), 8, false));
	ir_store(fn, st, ST_EXACT, 8, ir_const(fn, 1));
	ir_store(fn, st, ST_PROC, 8, proc);
	ir_store(fn, st, ST_TO, 8, off ? ir_bini(fn, IR_add, base, off) : base);
	ir_call(fn, BPF_FUNC_loop, 4, (Ref[]){ ir_const(fn, count), ir_fnref(fn, callback), st, ir_const(fn, 0) });
	ir_set(fn, some, ir_const(fn, 1));
	ir_jmp(fn, end);
	begin(fn, end);
	return ir_get(fn, some);
}
