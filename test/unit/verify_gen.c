/* verify_gen [SEED COUNT]: programs made of what programs are made of (look-ups with their null check, bounded indexes, packet
 * comparisons, spills and fills, functions and callbacks, loops, references, locks), mostly right and a little wrong, for the
 * verifier and for the host kernel's. Prints each kind of disagreement once (KEEP=folder keeps them as bpfx); fails on any
 * program that the kernel refuses and the verifier accepts, and when it refuses more than 1 in 100 of what the kernel accepts. */
#include "../vm/kernel.h"
#include "vm/vm.h"

static u64 seed;

static u32
rnd(u32 n)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (u32)((seed >> 11) % n);
}

static const MapField lock_field = { MF_SPIN_LOCK, 4, 4, NULL };
static MapDef maps[] = {
	{ .name = "array", .type = BPF_MAP_TYPE_ARRAY, .key_size = 4, .value_size = 48, .max_entries = 4 },
	{ .name = "hash", .type = BPF_MAP_TYPE_HASH, .key_size = 8, .value_size = 16, .max_entries = 8 },
	{ .name = "one", .type = BPF_MAP_TYPE_ARRAY, .key_size = 4, .value_size = 32, .max_entries = 1 },
	{ .name = "ring", .type = BPF_MAP_TYPE_RINGBUF, .max_entries = 4096 },
	{ .name = "frozen", .type = BPF_MAP_TYPE_ARRAY, .key_size = 4, .value_size = 8, .max_entries = 1, .flags = BPF_F_RDONLY_PROG,
	  .init = "\5\0\0\0\1\0\0", .frozen = true },
	{ .name = "locked", .type = BPF_MAP_TYPE_ARRAY, .key_size = 4, .value_size = 8, .max_entries = 1, .fields = &lock_field, .n_fields = 1 },
};
enum { ARRAY, HASH, ONE, RING, FROZEN, LOCKED };

static Insn code[2048];
static u32 n;
static u32 type;
static u32 call_at[64], call_sub[64], n_calls;  /* calls and addresses of functions to be put right at the end */
static u32 n_subs;
static CodeKfunc kfuncs[64];
static u32 n_kfuncs;
static bool in_sub, in_callback;

/* What the generator believes of the registers: only a belief. */
typedef enum What { NOT, NUM, CTX, FP, VALUE, MAYBE, PKT, END, SOCK } What;
static What is[11];
static u32 room[11];    /* VALUE: bytes */

static void
put(u32 op, u32 dst, u32 src, s32 off, s64 imm)
{
	code[n++] = (Insn){ .code = (u8)op, .dst_reg = dst & 15, .src_reg = src & 15, .off = (s16)off, .imm = (s32)imm };
}

static void
wide(u32 dst, u32 src, s32 lo, s32 hi)
{
	put(0x18, dst, src, 0, lo);
	put(0, 0, 0, 0, hi);
}

static u32
pick(What w)
{
	u32 at = rnd(10);

	if (rnd(60) == 0)
		return rnd(11);
	for (u32 i = 0; i < 10; i++)
		if (is[(at + i) % 10] == w)
			return (at + i) % 10;
	return at;
}

static bool
have(What w)
{
	for (u32 i = 0; i < 10; i++)
		if (is[i] == w)
			return true;
	return false;
}

static u32 free_reg(void) { return rnd(3) ? 6 + rnd(4) : rnd(10); }

static s32
number(void)
{
	static const s32 nice[] = { 0, 1, -1, 2, 3, 4, 7, 8, 15, 16, 24, 31, 32, 33, 40, 47, 48, 49, 63, 64, 127, 255, 256, 512, 0xffff, 0x7fffffff,
		INT32_MIN, -2, -8, -16, 0x2000000 };

	return nice[rnd(COUNT(nice))];
}

static void
new_number(void)
{
	u32 r = free_reg();
	static const u8 calls[] = { 5, 7, 8 };

	switch (rnd(5)) {
	case 0: put(0xb7, r, 0, 0, number()); break;
	case 1: put(0xb4, r, 0, 0, number()); break;
	case 2: wide(r, 0, number(), number()); break;
	default:
		put(0x85, 0, 0, 0, calls[rnd(3)]);
		for (u32 i = 0; i <= 5; i++)
			is[i] = NOT;
		put(rnd(4) ? 0xbf : 0xbc, r, 0, 0, 0);
		is[0] = NUM;
	}
	is[r] = NUM;
}

static void
alu(void)
{
	static const u8 op[] = { 0x00, 0x10, 0x20, 0x30, 0x40, 0x50, 0x60, 0x70, 0x90, 0xa0, 0xb0, 0xc0 };
	u32 d = pick(NUM), s = pick(NUM), o = op[rnd(COUNT(op))], class = rnd(2) ? 7 : 4;
	s32 imm = o == 0x60 || o == 0x70 || o == 0xc0 ? (s32)rnd(class == 7 ? 64 : 32) : number(), off = 0;

	if (rnd(5) == 0)
		o = rnd(2) ? 0x50 : 0x00;
	if ((o == 0x30 || o == 0x90) && (imm == 0 || rnd(2)))
		imm = 1 + (s32)rnd(9);
	if ((o == 0x30 || o == 0x90) && rnd(3) == 0)
		off = 1;
	if (rnd(20) == 0) {
		put(class | (rnd(2) || class == 7 ? 0x80 : 0xd0), d, 0, 0, 0);
		if ((code[n - 1].code & 0xf0) == 0xd0)
			code[n - 1].imm = 16 << rnd(3);
		return;
	}
	if (rnd(2)) {
		if (o == 0xb0 && rnd(2))
			off = 8 << rnd(class == 7 ? 3 : 2);
		put(class | o | 8, d, s, off, 0);
		if (o == 0xb0)
			is[d] = is[s];
	} else
		put(class | o, d, 0, off, imm);
}

/* A jump over the next few instructions; patched when they are there. */
static u32 open_at[32], open_end[32], n_open;

static void
jump(void)
{
	static const u8 op[] = { 0x10, 0x20, 0x30, 0x40, 0x50, 0x60, 0x70, 0xa0, 0xb0, 0xc0, 0xd0 };
	u32 class = rnd(2) ? 5 : 6;

	if (n_open == COUNT(open_at))
		return;
	open_at[n_open] = n;
	open_end[n_open++] = n + 2 + rnd(10);
	if (rnd(3))
		put(class | op[rnd(COUNT(op))], pick(NUM), 0, 0, number());
	else
		put(class | op[rnd(COUNT(op))] | 8, pick(NUM), pick(NUM), 0, 0);
}

static void
close_jumps(bool all)
{
	for (u32 i = 0; i < n_open; )
		if (all || open_end[i] <= n) {
			code[open_at[i]].off = (s16)(n - open_at[i] - 1);
			open_at[i] = open_at[n_open - 1];
			open_end[i] = open_end[--n_open];
		} else
			i++;
}

static void
leave(u32 op, u32 a, u32 b, s32 imm)
{
	put(op, a, b, 2, imm);
	put(0xb7, 0, 0, 0, 0);
	put(0x95, 0, 0, 0, 0);
}

static void
lookup(void)
{
	u32 m = rnd(3), r = 6 + rnd(4);

	if (rnd(8) == 0)
		m = FROZEN;
	put(rnd(3) ? 0x7a : 0x62, 10, 0, -8, (s32)rnd(5));
	put(0xbf, 2, 10, 0, 0);
	put(0x07, 2, 0, 0, -8);
	wide(1, 1, (s32)m, 0);
	put(0x85, 0, 0, 0, 1);
	for (u32 i = 1; i <= 5; i++)
		is[i] = NOT;
	put(0xbf, r, 0, 0, 0);
	is[0] = is[r] = MAYBE;
	room[0] = room[r] = maps[m].value_size;
	if (rnd(8)) {
		leave(0x55, rnd(2) ? 0 : r, 0, 0);
		is[0] = is[r] = VALUE;
	}
}

static const u8 sizes[] = { 0x10, 0x08, 0x00, 0x18 };
static const u8 bytes[] = { 1, 2, 4, 8 };

static void
load_value(void)
{
	u32 p = pick(VALUE), d = free_reg(), k = rnd(4);
	s32 off = (s32)rnd(room[p] + 1);

	if (rnd(6))
		off = off / bytes[k] * bytes[k] - (off + bytes[k] > (s32)room[p] ? bytes[k] : 0);
	switch (rnd(5)) {
	case 0: put(0x62 | sizes[k], p, 0, off, number()); return;
	case 1: put(0x63 | sizes[k], p, pick(NUM), off, 0); return;
	case 2:
		put(k == 3 ? 0xdb : 0xc3, p, pick(NUM), off, (s32[]){ 0, 1, 0x50, 0x41, 0xe1, 0xf1 }[rnd(6)]);
		return;
	case 3: put((k == 3 ? 0x61 : 0x81) | sizes[k], d, p, off, 0); break;
	default: put(0x61 | sizes[k], d, p, off, 0);
	}
	is[d] = NUM;
}

static void
index_value(void)
{
	u32 p = pick(VALUE), i = pick(NUM), q = free_reg(), k = rnd(4);
	s32 max = (s32)room[p] - bytes[k] + (rnd(6) == 0 ? (s32)rnd(5) - 2 : 0);

	switch (rnd(6)) {
	case 0: put(0x57, i, 0, 0, (s32[]){ 7, 8, 15, 16, 31, 32, 47 }[rnd(7)]); break;
	case 1: put(0x54, i, 0, 0, (s32[]){ 7, 8, 15, 16, 31, 32, 47 }[rnd(7)]); break;
	case 2: leave(0xb5, i, 0, max); break;
	case 3: leave(0xb6, i, 0, max); break;
	case 4: leave(0xd5, i, 0, max); if (rnd(4)) leave(0x75, i, 0, 0); break;
	case 5: leave(rnd(2) ? 0xa5 : 0xa6, i, 0, max + 1); break;
	}
	if (p == q || i == q) {
		put(0x0f, p, i, 0, 0);
		q = p;
	} else {
		put(0xbf, q, p, 0, 0);
		put(rnd(9) ? 0x0f : 0x1f, q, i, 0, 0);
	}
	is[q] = VALUE;
	room[q] = 1;
	if (rnd(2))
		put(0x61 | sizes[k], free_reg(), q, (s32)rnd(2), 0);
	else
		put(0x62 | sizes[k], q, 0, 0, 1);
}

static s32
slot(u32 k)
{
	s32 off = -8 * (1 + (s32)rnd(6));

	return rnd(3) ? off : off + (s32)rnd(8 / bytes[k]) * bytes[k];
}

static void
stack(void)
{
	u32 k = rnd(3) ? 3 : rnd(4), r;

	switch (rnd(7)) {
	case 0: put(0x62 | sizes[k], 10, 0, slot(k), rnd(2) ? 0 : number()); break;
	case 1: case 2: put(0x63 | sizes[k], 10, pick(NUM), slot(k), 0); break;
	case 3:
		r = rnd(10);
		if (is[r] != NOT)
			put(0x7b, 10, r, slot(3), 0);
		break;
	case 4: put((k == 3 || rnd(3) ? 0x61 : 0x81) | sizes[k], r = free_reg(), 10, slot(k), 0); is[r] = NUM; break;
	case 5:
		put(0xbf, r = free_reg(), 10, 0, 0);
		put(0x07, r, 0, 0, -8 * (1 + (s32)rnd(6)));
		is[r] = FP;
		break;
	case 6:
		if (have(FP)) {
			u32 p = pick(FP), i = pick(NUM);

			if (rnd(2)) {
				put(0x57, i, 0, 0, 7);
				put(0xbf, r = free_reg(), 10, 0, 0);
				put(0x07, r, 0, 0, -40);
				put(0x0f, r, i, 0, 0);
				is[r] = FP;
				p = r;
			}
			if (rnd(2))
				put(0x63 | sizes[k], p, pick(NUM), 0, 0);
			else {
				put(0x61 | sizes[k], r = free_reg(), p, 0, 0);
				is[r] = NUM;
			}
		}
		break;
	}
}

static bool has_packet(void) { return type == BPF_PROG_TYPE_XDP || type == BPF_PROG_TYPE_SCHED_CLS; }

static void
packet(void)
{
	u32 c = pick(CTX), p = 6 + rnd(4), e = free_reg(), t = free_reg(), k = rnd(4), size = rnd(20);
	static const struct { u8 op; bool swap; } cmp[] = { { 0x2d, false }, { 0x3d, false }, { 0xad, true }, { 0xbd, true }, { 0xbd, false }, { 0xad, false } };
	u32 which = rnd(COUNT(cmp) + 4);

	which = which < COUNT(cmp) ? which : 0;
	if (!has_packet() || !have(CTX))
		return;
	if (rnd(3) == 0 || !have(PKT)) {
		if (p == c || e == c || p == e)
			return;
		put(0x61, p, c, type == BPF_PROG_TYPE_XDP ? 0 : 76, 0);
		put(0x61, e, c, type == BPF_PROG_TYPE_XDP ? 4 : 80, 0);
		is[p] = PKT;
		is[e] = END;
	} else {
		p = pick(PKT);
		e = pick(END);
	}
	if (rnd(3) == 0) {
		u32 i = pick(NUM);

		put(0x57, i, 0, 0, (s32[]){ 15, 63, 255, 0xffff }[rnd(4)]);
		put(0x0f, p, i, 0, 0);
	}
	if (t == p || t == e)
		return;
	put(0xbf, t, p, 0, 0);
	put(0x07, t, 0, 0, (s32)size);
	is[t] = PKT;
	if (which == 0 || which == 1) {
		put(cmp[which].op, t, e, (s32)rnd(2) + 1, 0);
		open_at[n_open] = n - 1;
		open_end[n_open++] = n + 2 + rnd(4);
	} else
		leave(cmp[which].op, cmp[which].swap ? e : t, cmp[which].swap ? t : e, 0);
	put((rnd(2) || k == 3 ? 0x61 : 0x61) | sizes[k], free_reg(), rnd(3) ? p : t, rnd(4) ? (s32)(size > bytes[k] ? size - bytes[k] : 0) : (s32)rnd(8), 0);
}

static void
clobber(void)
{
	for (u32 i = 1; i <= 5; i++)
		is[i] = NOT;
	is[0] = NUM;
}

static void
sub_call(void)
{
	u32 sub = n_subs ? rnd(n_subs) : 0;

	if (n_calls == COUNT(call_at) || in_sub || !n_subs)
		return;
	for (u32 i = 1; i <= 2; i++) {
		u32 r = rnd(10);

		if (is[r] == NOT)
			put(0xb7, i, 0, 0, number());
		else if (rnd(3) == 0) {
			put(0xbf, i, 10, 0, 0);
			put(0x07, i, 0, 0, -8 * (1 + (s32)rnd(4)));
		} else
			put(0xbf, i, r, 0, 0);
		is[i] = i == 1 ? NUM : NOT;
	}
	call_at[n_calls] = n;
	call_sub[n_calls++] = sub;
	put(0x85, 0, 1, 0, 0);
	clobber();
}

static void
callback_call(void)
{
	bool each = rnd(3) == 0;

	if (n_calls == COUNT(call_at) || n_subs < 2 || in_sub)
		return;
	if (each)
		wide(1, 1, (s32)(rnd(2) ? ARRAY : HASH), 0);
	else if (rnd(3) == 0 && have(NUM)) {
		u32 r = pick(NUM);

		put(0xbf, 1, r, 0, 0);
	} else
		put(0xb7, 1, 0, 0, (s32[]){ 0, 1, 2, 5, 100, 1000 }[rnd(6)]);
	call_at[n_calls] = n;
	call_sub[n_calls++] = n_subs - 1;
	wide(2, 4, 0, 0);
	if (rnd(4)) {
		put(0xbf, 3, 10, 0, 0);
		put(0x07, 3, 0, 0, -8 * (1 + (s32)rnd(4)));
	} else
		put(0xb7, 3, 0, 0, 0);
	put(0xb7, 4, 0, 0, rnd(30) == 0);
	put(0x85, 0, 0, 0, each ? BPF_FUNC_for_each_map_elem : BPF_FUNC_loop);
	clobber();
}

static void
helper(void)
{
	u32 r;

	switch (rnd(6)) {
	case 0:         /* probe_read_kernel or skb_load_bytes of a bounded size onto the stack */
		r = pick(NUM);
		if (rnd(3))
			leave(rnd(2) ? 0xb5 : 0xd5, r, 0, 16 + (s32)rnd(3) * 8);
		if (rnd(3))
			leave(rnd(2) ? 0x75 : 0x65, r, 0, 0);
		put(0xbf, 2, r, 0, 0);
		put(0xbf, 1, 10, 0, 0);
		put(0x07, 1, 0, 0, -16 - 8 * (s32)rnd(4));
		put(0xb7, 3, 0, 0, 0);
		put(0x85, 0, 0, 0, 113);
		break;
	case 1:
		if (!have(VALUE))
			return;
		r = pick(VALUE);
		put(0xbf, 1, r, 0, 0);
		put(0x07, 1, 0, 0, (s32)rnd(3) * 4);
		put(0xb7, 2, 0, 0, (s32)(rnd(room[r] + 4)));
		put(0xb7, 3, 0, 0, 0);
		put(0x85, 0, 0, 0, 113);
		break;
	case 2:         /* csum_diff of the stack */
		put(0xbf, 1, 10, 0, 0);
		put(0x07, 1, 0, 0, -8 * (1 + (s32)rnd(5)));
		put(0xb7, 2, 0, 0, 4 * (s32)rnd(9));
		put(0xb7, 3, 0, 0, 0);
		put(0xb7, 4, 0, 0, 0);
		put(0xb7, 5, 0, 0, 0);
		put(0x85, 0, 0, 0, 28);
		break;
	case 3:         /* map_update_elem */
		wide(1, 1, (s32)(rnd(2) ? HASH : ONE), 0);
		put(0xbf, 2, 10, 0, 0);
		put(0x07, 2, 0, 0, -8 * (1 + (s32)rnd(5)));
		if (have(VALUE) && rnd(2)) {
			r = pick(VALUE);
			put(0xbf, 3, r, 0, 0);
		} else {
			put(0xbf, 3, 10, 0, 0);
			put(0x07, 3, 0, 0, -8 * (2 + (s32)rnd(5)));
		}
		put(0xb7, 4, 0, 0, 0);
		put(0x85, 0, 0, 0, 2);
		break;
	case 4:         /* strtol */
		put(0xbf, 1, 10, 0, 0);
		put(0x07, 1, 0, 0, -8);
		put(0xb7, 2, 0, 0, (s32)rnd(10));
		put(0xb7, 3, 0, 0, 0);
		put(0xbf, 4, 10, 0, 0);
		put(0x07, 4, 0, 0, -8 * (2 + (s32)rnd(3)) + (rnd(10) == 0) * 4);
		put(0x85, 0, 0, 0, 105);
		break;
	case 5:         /* get_current_comm, or perf data of a variable size */
		put(0xbf, 1, 10, 0, 0);
		put(0x07, 1, 0, 0, -16 - 8 * (s32)rnd(3));
		put(0xb7, 2, 0, 0, (s32)rnd(20));
		put(0x85, 0, 0, 0, 16);
		break;
	}
	clobber();
}

static void
references(void)
{
	u32 r = 6 + rnd(4);

	if (rnd(2) || type != BPF_PROG_TYPE_SCHED_CLS) {
		wide(1, 1, RING, 0);
		put(0xb7, 2, 0, 0, 16);
		put(0xb7, 3, 0, 0, 0);
		put(0x85, 0, 0, 0, 131);
		clobber();
		if (rnd(20))
			leave(0x55, 0, 0, 0);
		put(0xbf, r, 0, 0, 0);
		is[0] = is[r] = VALUE;
		room[0] = room[r] = 16;
		if (rnd(2))
			put(0x7a, rnd(2) ? 0 : r, 0, (s32)rnd(4) * 4, 1);
		if (rnd(3) == 0)
			put(0x7b, 10, r, -8 * (1 + (s32)rnd(5)), 0);
		if (rnd(4) == 0)
			alu();
		if (rnd(8) == 0)
			jump();
		if (rnd(12)) {
			put(0xbf, 1, rnd(20) ? r : rnd(10), 0, 0);
			put(0xb7, 2, 0, 0, 0);
			put(0x85, 0, 0, 0, 132 + (s32)rnd(2));
			clobber();
			is[0] = NOT;
			if (rnd(10))
				is[r] = NOT;
		}
		return;
	}
	put(0xbf, 1, pick(CTX), 0, 0);
	put(0xbf, 2, 10, 0, 0);
	put(0x07, 2, 0, 0, -48);
	put(0xb7, 3, 0, 0, 12);
	put(0xb7, 4, 0, 0, 0);
	put(0xb7, 5, 0, 0, 0);
	put(0x85, 0, 0, 0, (s32[]){ 84, 85, 99 }[rnd(3)]);
	clobber();
	put(0xbf, r, 0, 0, 0);
	if (rnd(12))
		leave(0x55, rnd(2) ? 0 : r, 0, 0);
	is[0] = is[r] = SOCK;
	if (rnd(2))
		put(0x61, free_reg(), 0, 4 * (s32)rnd(8), 0);
	if (rnd(12)) {
		put(0xbf, 1, r, 0, 0);
		put(0x85, 0, 0, 0, 86);
		clobber();
		is[r] = NOT;
	}
}

static void
lock(void)
{
	u32 r = 6 + rnd(4);

	if (type != BPF_PROG_TYPE_SCHED_CLS && type != BPF_PROG_TYPE_XDP)
		return;
	put(0x62, 10, 0, -4, 0);
	put(0xbf, 2, 10, 0, 0);
	put(0x07, 2, 0, 0, -4);
	wide(1, 1, LOCKED, 0);
	put(0x85, 0, 0, 0, 1);
	clobber();
	leave(0x55, 0, 0, 0);
	put(0xbf, r, 0, 0, 0);
	put(0xbf, 1, 0, 0, 0);
	put(0x07, 1, 0, 0, rnd(10) ? 4 : 0);
	put(0x85, 0, 0, 0, 93);
	clobber();
	is[0] = NOT;
	is[r] = VALUE;
	room[r] = 4;
	put(0x62, r, 0, 0, 1);
	if (rnd(5) == 0)
		jump();
	put(0xbf, 1, r, 0, 0);
	put(0x07, 1, 0, 0, 4);
	put(0x85, 0, 0, 0, 94);
	clobber();
	is[0] = NOT;
}

static u32 depth;
static bool kernel_functions;
static void piece(void);

static void
kfunc(const char *name)
{
	if (n_kfuncs == COUNT(kfuncs))
		return;
	kfuncs[n_kfuncs++] = (CodeKfunc){ n, name };
	put(0x85, 0, 2, 0, kfunc_id(name));
	clobber();
}

static void
stack_address(u32 reg, s32 off)
{
	put(0xbf, reg, 10, 0, 0);
	put(0x07, reg, 0, 0, off);
	is[reg] = FP;
}

/* A loop over an iterator of numbers or of bits, with a body; sometimes the end or the destruction is missing. */
static void
iterate(void)
{
	bool bits = rnd(4) == 0;
	s32 at = bits ? -64 : -56 - 8 * (s32)rnd(2);
	u32 start, out, r = 6 + rnd(4);

	if (depth > 1)
		return;
	stack_address(1, at);
	if (bits) {
		put(0xbf, 2, 10, 0, 0);
		put(0xb7, 3, 0, 0, 1);
		kfunc("bpf_iter_bits_new");
	} else {
		put(0xb7, 2, 0, 0, 0);
		put(0xb7, 3, 0, 0, 1 + (s32)rnd(10));
		kfunc("bpf_iter_num_new");
	}
	if (rnd(20) == 0)
		alu();
	start = n;
	stack_address(1, rnd(40) ? at : -8);
	kfunc(bits ? "bpf_iter_bits_next" : "bpf_iter_num_next");
	out = n;
	if (rnd(30))
		put(0x15, 0, 0, 0, 0);
	is[0] = VALUE;
	room[0] = 4;
	put(0x61, r, 0, 0, 0);
	is[r] = NUM;
	for (u32 i = rnd(4); i > 0; i--)
		piece();
	close_jumps(true);
	if (rnd(30))
		put(0x05, 0, 0, (s32)start - (s32)n - 1, 0);
	if (code[out].code == 0x15)
		code[out].off = (s16)(n - out - 1);
	if (rnd(30)) {
		stack_address(1, at);
		kfunc(bits ? "bpf_iter_bits_destroy" : "bpf_iter_num_destroy");
	}
	is[0] = NOT;
}

static void
check_slice(u32 size)
{
	u32 k = rnd(4);

	if (rnd(12))
		leave(0x55, 0, 0, 0);
	is[0] = VALUE;
	room[0] = size;
	if (rnd(3))
		put(0x61 | sizes[k], 6, 0, (s32)rnd(size), 0);
	else
		put(0x62 | sizes[k], 0, 0, (s32)rnd(size), 0);
	is[6] = NUM;
}

static void
dynptrs(void)
{
	s32 at = -16 * (2 + (s32)rnd(2)), clone = -64;
	u32 r = 6 + rnd(4);
	bool ring = false;

	switch (rnd(3)) {
	case 0:
		wide(1, 2, ONE, 0);
		put(0xb7, 2, 0, 0, 1 + (s32)rnd(34));
		put(0xb7, 3, 0, 0, 0);
		stack_address(4, at);
		put(0x85, 0, 0, 0, 197);
		clobber();
		break;
	case 1:
		wide(1, 1, RING, 0);
		put(0xb7, 2, 0, 0, 16);
		put(0xb7, 3, 0, 0, 0);
		stack_address(4, at);
		put(0x85, 0, 0, 0, 198);
		clobber();
		ring = true;
		break;
	case 2:
		if (!have(CTX))
			return;
		put(0xbf, 1, pick(CTX), 0, 0);
		put(0xb7, 2, 0, 0, 0);
		stack_address(3, at);
		kfunc(type == BPF_PROG_TYPE_XDP ? "bpf_dynptr_from_xdp" : "bpf_dynptr_from_skb");
		break;
	}
	for (u32 i = rnd(4); i > 0; i--)
		switch (rnd(9)) {
		case 0:
			stack_address(1, -72);
			put(0xb7, 2, 0, 0, 8);
			stack_address(3, rnd(10) ? at : at + 8);
			put(0xb7, 4, 0, 0, 0);
			put(0xb7, 5, 0, 0, 0);
			put(0x85, 0, 0, 0, 201);
			clobber();
			break;
		case 1:
			stack_address(1, at);
			put(0xb7, 2, 0, 0, 0);
			stack_address(3, -8);
			put(0xb7, 4, 0, 0, 8);
			put(0xb7, 5, 0, 0, 0);
			put(0x85, 0, 0, 0, 202);
			clobber();
			break;
		case 2:
			stack_address(1, at);
			put(0xb7, 2, 0, 0, 0);
			put(0xb7, 3, 0, 0, 8);
			put(0x85, 0, 0, 0, 203);
			clobber();
			check_slice(8);
			break;
		case 3:
			stack_address(1, at);
			put(0xb7, 2, 0, 0, 0);
			if (rnd(2))
				put(0xb7, 3, 0, 0, 0);
			else
				stack_address(3, -80);
			put(0xb7, 4, 0, 0, 8);
			kfunc(rnd(3) ? "bpf_dynptr_slice" : "bpf_dynptr_slice_rdwr");
			check_slice(8);
			break;
		case 4:
			stack_address(1, at);
			kfunc("bpf_dynptr_size");
			break;
		case 5:
			stack_address(1, at);
			stack_address(2, clone);
			kfunc("bpf_dynptr_clone");
			break;
		case 6: piece(); break;
		case 7:
			if (rnd(4) == 0)
				put(0x7a, 10, 0, at + 8 * (s32)rnd(2), 0);
			break;
		case 8:
			stack_address(1, at);
			put(0xb7, 2, 0, 0, 1);
			put(0xb7, 3, 0, 0, 4);
			kfunc("bpf_dynptr_adjust");
			break;
		}
	close_jumps(true);
	if (ring && rnd(12)) {
		stack_address(1, rnd(8) ? at : clone);
		put(0xb7, 2, 0, 0, 0);
		put(0x85, 0, 0, 0, 199 + (s32)rnd(2));
		clobber();
	}
	is[0] = NOT;
	is[r] = is[r] == FP ? NOT : is[r];
}

static void
region(void)
{
	u32 which = rnd(3);

	if (which == 2)
		stack_address(1, -88);
	kfunc(which == 0 ? "bpf_rcu_read_lock" : which == 1 ? "bpf_preempt_disable" : "bpf_local_irq_save");
	is[0] = NOT;
	if (rnd(2))
		piece();
	if (rnd(3) == 0)
		close_jumps(true);
	if (rnd(20) == 0)
		return;
	if (which == 2)
		stack_address(1, -88);
	kfunc(which == 0 ? "bpf_rcu_read_unlock" : which == 1 ? "bpf_preempt_enable" : "bpf_local_irq_restore");
	is[0] = NOT;
}

/* The current task and what its fields lead to. */
static void
task(void)
{
	u32 r = 6 + rnd(4), q = 6 + rnd(4);

	put(0x85, 0, 0, 0, 158);
	clobber();
	put(0xbf, r, 0, 0, 0);
	is[0] = is[r] = NOT;
	put(0x61 | sizes[rnd(4)], q, r, 8 * (s32)rnd(rnd(8) ? 300 : 3000), 0);
	if (rnd(3) == 0)
		put(0x79, r, q, 8 * (s32)rnd(20), 0);
	else
		is[q] = NUM;
}

static void
loop(void)
{
	u32 r = 6 + rnd(4), start, count = 1 + rnd(6);

	if (depth > 1)
		return;
	put(rnd(4) ? 0xb7 : 0xb4, r, 0, 0, 0);
	is[r] = NUM;
	start = n;
	for (u32 i = 1 + rnd(3); i > 0; i--)
		piece();
	close_jumps(true);
	if (n - start > 60)
		return;
	put(rnd(4) ? 0x07 : 0x04, r, 0, 0, 1);
	switch (rnd(5)) {
	case 0: put(0x55, r, 0, (s32)start - (s32)n - 1, (s32)count); break;
	case 1: put(0xc5, r, 0, (s32)start - (s32)n - 1, (s32)count); break;
	case 2: put(0xa6, r, 0, (s32)start - (s32)n - 1, (s32)count); break;
	case 3:         /* the kernel walks such loops to its limit, often */
		if (rnd(4)) {
			put(0xa5, r, 0, (s32)start - (s32)n - 1, (s32)count);
			break;
		}
		put(0xe5, 0, 0, 1, 0);
		put(0x05, 0, 0, (s32)start - (s32)n - 1, 0);
		break;
	default: put(0xa5, r, 0, (s32)start - (s32)n - 1, (s32)count); break;
	}
}

static void
piece(void)
{
	if (depth > 2 || n > 300)
		return;
	depth++;
	switch (rnd(kernel_functions ? 36 : 26)) {
	case 26: case 27: case 28: iterate(); break;
	case 29: case 30: case 31: dynptrs(); break;
	case 32: case 33: region(); break;
	case 34: case 35: task(); break;
	case 0: case 1: new_number(); break;
	case 2: case 3: case 4: case 5: if (have(NUM)) alu(); break;
	case 6: case 7: case 8: if (have(NUM)) jump(); break;
	case 9: case 10: lookup(); break;
	case 11: case 12: if (have(VALUE)) load_value(); break;
	case 13: case 14: if (have(VALUE) && have(NUM)) index_value(); break;
	case 15: case 16: case 17: if (have(NUM)) stack(); break;
	case 18: packet(); break;
	case 19: sub_call(); break;
	case 20: callback_call(); break;
	case 21: if (have(NUM)) helper(); break;
	case 22: references(); break;
	case 23: loop(); break;
	case 24: lock(); break;
	case 25:
		if (have(NUM)) {
			u32 d = free_reg(), s = pick(NUM);

			put(rnd(2) ? 0xbf : 0xbc, d, s, 0, 0);
			is[d] = NUM;
		}
		break;
	}
	depth--;
	close_jumps(false);
}

static void
body(void)
{
	u32 pieces = 2 + rnd(14);

	for (u32 i = 0; i < pieces; i++)
		piece();
	close_jumps(true);
	if (rnd(in_callback ? 3 : 5) || is[0] != NUM)
		put(0xb7, 0, 0, 0, in_callback ? (s32)rnd(2) : type == BPF_PROG_TYPE_CGROUP_SKB ? 1 : (s32)rnd(3));
	put(0x95, 0, 0, 0, 0);
}

/* BTF: 1 int, 2 pointer to void, 3 prototype int (int, void *), 4... one static function each. */
static u8 blob[1024];
static u32 blob_size;
static CodeFunc funcs[8];

static void
make_btf(void)
{
	static const char strings[] = "\0int\0main\0f1\0f2\0f3\0a\0b";
	u32 t[128] = { 1, 1 << 24, 4, 1 << 24 | 32, 0, 2 << 24, 0, 0, 13 << 24 | 2, 1, 19, 1, 21, 2 }, k = 14;
	static const u32 names[] = { 5, 10, 13, 16 };
	struct { u16 magic; u8 version, flags; u32 hdr_len, type_off, type_len, str_off, str_len; } h = { 0xeb9f, 1, 0, 24, 0, 0, 0, 0 };

	for (u32 i = 0; i < 4; i++) {
		t[k++] = names[i];
		t[k++] = 12 << 24;
		t[k++] = 3;
	}
	h.type_len = h.str_off = k * 4;
	h.str_len = sizeof(strings);
	memcpy(blob, &h, 24);
	memcpy(blob + 24, t, k * 4);
	memcpy(blob + 24 + k * 4, strings, sizeof(strings));
	blob_size = 24 + k * 4 + (u32)sizeof(strings);
}

static void
make_program(Code *c)
{
	static const u32 types[][2] = { { 1, 0 }, { 1, 0 }, { 3, 0 }, { 3, 0 }, { 6, 0 }, { 6, 0 }, { 5, 0 }, { 8, 0 }, { 17, 0 } };
	static const u32 flags[] = { 0, 0, 0, BPF_F_TEST_STATE_FREQ, BPF_F_STRICT_ALIGNMENT, BPF_F_ANY_ALIGNMENT };
	u32 t = rnd(COUNT(types));
	u32 start[4];

	*c = (Code){ .prog_type = types[t][0], .attach_type = types[t][1], .insns = code, .flags = flags[rnd(COUNT(flags))] };
	type = types[t][0];
	kernel_functions = rnd(2);
	n = n_calls = n_open = n_kfuncs = 0;
	n_subs = rnd(2) ? 0 : 1 + rnd(3);
	memset(is, 0, sizeof(is));
	is[1] = CTX;
	in_sub = in_callback = false;
	if (rnd(4))
		put(0xbf, 6, 1, 0, 0), is[6] = CTX;
	if (rnd(2))
		for (s32 at = -48; at < 0; at += 8)
			put(0x7a, 10, 0, at, 0);
	new_number();
	body();
	if (n_calls == 0)
		n_subs = 0;
	for (u32 i = 0; i < n_subs; i++) {
		bool used = false;

		for (u32 k = 0; k < n_calls; k++)
			used |= call_sub[k] == i;
		start[i] = n;
		if (!used) {
			start[i] = 0;
			continue;
		}
		memset(is, 0, sizeof(is));
		in_sub = true;
		in_callback = n_subs > 1 && i == n_subs - 1;
		is[1] = NUM;
		is[2] = rnd(2) ? VALUE : FP;
		room[2] = 16;
		depth = 0;
		body();
	}
	for (u32 k = 0; k < n_calls; k++)
		code[call_at[k]].imm = (s32)start[call_sub[k]] - (s32)call_at[k] - 1;
	c->n = n;
	c->kfuncs = kfuncs;
	c->n_kfuncs = n_kfuncs;
	if (n_subs) {
		u32 k = 1;

		funcs[0] = (CodeFunc){ .pc = 0, .btf_type = 4 };
		for (u32 i = 0; i < n_subs; i++)
			if (start[i]) {
				funcs[k] = (CodeFunc){ .pc = start[i], .btf_type = 4 + k };
				k++;
			}
		c->funcs = funcs;
		c->n_funcs = k;
		c->btf = blob;
		c->btf_size = blob_size;
	}
}

/* Messages without their numbers. */
static u32
kind_of(const char *a, const char *b)
{
	char s[300];
	u32 k = 0;

	for (int i = 0; i < 2; i++)
		for (const char *p = i ? b : a; *p && *p != '\n' && k < sizeof(s); p++)
			if (!(*p >= '0' && *p <= '9') && *p != '-')
				s[k++] = *p;
	return base_hash(s, k);
}

int
main(int argc, char **argv)
{
	Object o = { .maps = maps, .n_maps = COUNT(maps) };
	const char *dir = getenv("KEEP");
	u32 count = argc > 2 ? (u32)atoi(argv[2]) : 2000, accepted = 0, same = 0, fa = 0, fr = 0, us = 0, kept = 0, n_seen = 0;
	static u32 seen[8192];
	VerifyOptions opt = { .budget = 20000 };
	KMaps fds;

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (!kernel_is_ours())
		return 77;
	seed = (argc > 1 ? strtoull(argv[1], NULL, 0) : 1) * 0x9e3779b97f4a7c15ull + 1;
	make_btf();
	if (!maps_make(&o, &fds)) {
		puts("the maps cannot be made here");
		return 77;
	}
	for (u32 i = 0; i < count; i++) {
		Code c;
		Verdict v;
		u32 kind;
		bool new = true;
		char words[400];
		int err;

		make_program(&c);
		vm_verify(&c, maps, COUNT(maps), &opt, &v, NULL);
		if (v.walked > opt.budget) {     /* time is better spent on ten others */
			us++;
			verdict_free(&v);
			continue;
		}
		err = kernel_verdict(&c, &fds, 0);
		accepted += !err;
		if (!err == v.ok) {
			same++;
			verdict_free(&v);
			continue;
		}
		if (v.unsupported || (err && kernel_gave_up(&c, &fds))) {
			kernel_verdict(&c, &fds, 1);
			if (getenv("WHY"))
				printf("not comparable: %d %s; %.80s\n", err, kernel_words(), v.ok ? "accepts" : v.text.p);
			if (dir && v.ok)
				kernel_keep(dir, 20000 + us, maps, COUNT(maps), &c, "verify_gen, not comparable");
			us++;
			verdict_free(&v);
			continue;
		}
		kernel_verdict(&c, &fds, 1);
		fa += v.ok;
		fr += !v.ok;
		snprintf(words, sizeof(words), "%s", err ? kernel_words() : "accepts");
		kind = kind_of(words, v.ok ? "" : v.text.p);
		for (u32 s = 0; s < n_seen; s++)
			new &= seen[s] != kind;
		if (new && n_seen < COUNT(seen)) {
			seen[n_seen++] = kind;
			printf("%s #%u\n  kernel: %s\n  we:     %.*s\n", v.ok ? "FALSE ACCEPT" : "false reject", kept, words,
			       v.ok ? 7 : (int)strcspn(v.text.p, "\n"), v.ok ? "accepts" : v.text.p);
			if (dir)
				kernel_keep(dir, kept, maps, COUNT(maps), &c, "verify_gen");
			kept++;
		}
		verdict_free(&v);
	}
	printf("%u accepted by the kernel; %u alike, %u falsely accepted, %u falsely refused, %u not comparable\n", accepted, same, fa, fr, us);
	return fa || fr * 100 > same;
}
