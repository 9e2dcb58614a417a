/* ebpf_set: is a value in a set? A few ranges are compared in a row or in a tree. Of many, single values are a hash map and
 * networks a map of prefixes where the caller wants maps; else, and for other ranges, they are a table in read-only data, searched by
 * halving without branches. The table is the faster one up to some 20,000 values (hash) and always (prefixes):
 * build/unit/filt_kernel times them. */
#include "filt/ebpf.h"

#include <linux/filter.h>

static void
piece(Emit *e, const Range *r, u32 n, u32 lo, u32 hi, Node *t, Node *f)
{
	if (!n) {
		ebpf_go(e, ebpf_put(e, BPF_JMP | BPF_JA, 0, 0, 0, 0), f);
		return;
	}
	if (n <= 4) {
		for (u32 i = 0; i < n; i++) {
			if (r[i].lo == r[i].hi) {
				ebpf_go(e, ebpf_jump_imm(e, BPF_JEQ, 0, r[i].lo), t);
			} else if (r[i].lo <= lo) {
				ebpf_go(e, ebpf_jump_imm(e, BPF_JLE, 0, r[i].hi), t);
			} else if (r[i].hi >= hi) {
				ebpf_go(e, ebpf_jump_imm(e, BPF_JGE, 0, r[i].lo), t);
			} else {
				ebpf_go(e, ebpf_jump_imm(e, BPF_JLT, 0, r[i].lo), f);
				ebpf_go(e, ebpf_jump_imm(e, BPF_JLE, 0, r[i].hi), t);
			}
			/* singles before a range below them would be lost behind its "less than": */
			if (r[i].lo != r[i].hi && i + 1 < n)
				lo = r[i].hi + 1;
		}
		ebpf_go(e, ebpf_put(e, BPF_JMP | BPF_JA, 0, 0, 0, 0), f);
		return;
	}
	u32 mid = n / 2, at = ebpf_jump_imm(e, BPF_JGE, 0, r[mid].lo);

	piece(e, r, mid, lo, r[mid].lo - 1, t, f);
	e->v.v[at].off = (s16)(e->v.n - at - 1);
	piece(e, r + mid, n - mid, r[mid].lo, hi, t, f);
}

/* Finds the last range that begins at or before r0 by adding halves: (lo[i] - r0 - 1) >> 63 is 1 or 0. Shifts only: newer
 * verifiers take an arithmetic shift with a mask for a branch, and walk every way through the search. */
static void
search(Emit *e, const Set *set, Node *yes, Node *no)
{
	u8 t = e->t1, pos = e->t2, x = e->t3;   /* table, place, looked at */
	u32 size = 1, base, at, last = set->r[set->n - 1].hi;

	while (size < set->n)
		size *= 2;
	base = (u32)e->out->table.n;
	for (u32 side = 0; side < 2; side++)
		for (u32 i = 0; i < size; i++) {
			u32 v = i < set->n ? side ? set->r[i].hi : set->r[i].lo : side ? (last == 0xffffffffu ? last : 0) : 0xffffffffu;

			buf_put(&e->out->table, &v, 4);
		}
	at = ebpf_put(e, BPF_LD | BPF_IMM | BPF_DW, t, BPF_PSEUDO_MAP_VALUE, 0, 0);
	VEC_PUSH(e->a, &e->out->relocs, at);
	ebpf_put(e, 0, 0, 0, 0, (s32)base);
	MOV_IMM(pos, 0);
	for (u32 s = size / 2; s; s /= 2) {
		MOV(x, pos);
		ebpf_put(e, BPF_ALU64 | BPF_LSH | BPF_K, x, 0, 0, 2);
		ADD(x, t);
		ebpf_put(e, BPF_LDX | BPF_MEM | BPF_W, x, x, (s32)0, 0);
		e->v.v[e->v.n - 1].off = 0;
		if (s * 4 <= 0x7fff) {
			e->v.v[e->v.n - 1].off = (s16)(s * 4);
		} else {
			e->v.n--;
			ADD_IMM(x, s * 4);
			ebpf_put(e, BPF_LDX | BPF_MEM | BPF_W, x, x, 0, 0);
		}
		ebpf_put(e, BPF_ALU64 | BPF_SUB | BPF_X, x, 0, 0, 0);
		ADD_IMM(x, -1);
		ebpf_put(e, BPF_ALU64 | BPF_RSH | BPF_K, x, 0, 0, 63);
		if (s > 1)
			ebpf_put(e, BPF_ALU64 | BPF_LSH | BPF_K, x, 0, 0, __builtin_ctz(s));
		ADD(pos, x);
	}
	ebpf_put(e, BPF_ALU64 | BPF_LSH | BPF_K, pos, 0, 0, 2);
	ADD(t, pos);
	ebpf_put(e, BPF_LDX | BPF_MEM | BPF_W, pos, t, 0, 0);
	ebpf_go(e, ebpf_put(e, BPF_JMP | BPF_JLT | BPF_X, 0, pos, 0, 0), no);
	ADD_IMM(t, size * 4);
	ebpf_put(e, BPF_LDX | BPF_MEM | BPF_W, pos, t, 0, 0);
	ebpf_go(e, ebpf_put(e, BPF_JMP | BPF_JLE | BPF_X, 0, pos, 0, 0), yes);
	ebpf_go(e, ebpf_put(e, BPF_JMP | BPF_JA, 0, 0, 0, 0), no);
}


/* ---- maps ---- */

/* [lo, hi] as networks: their prefix lengths and first values, in pairs; gives how many. out may be NULL. */
static u32
networks(u32 lo, u32 hi, u32 *out)
{
	u32 n = 0;

	for (u64 at = lo; at <= hi; n++) {
		u32 bits = at ? (u32)__builtin_ctzll(at) : 32;

		while (at + (1ull << bits) - 1 > hi)
			bits--;
		if (out) {
			out[2 * n] = 32 - bits;
			out[2 * n + 1] = __builtin_bswap32((u32)at);    /* maps of prefixes compare from the first byte on */
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
			out[2 * n + 1] = (u32)at;
#endif
		}
		at += 1ull << bits;
	}
	return n;
}

static FiltMap *
new_map(Emit *e, bool prefixes, u32 n)
{
	VEC_PUSH(e->a, &e->out->maps, ((FiltMap){ prefixes, n, NEW_N(e->a, u32, n * (prefixes ? 2 : 1)) }));
	return &e->out->maps.v[e->out->maps.n - 1];
}

/* The key is r0, in the stack; behind the call r0 is the entry or 0. */
static void
look_up(Emit *e, bool prefixes, Node *t, Node *f)
{
	enum { KEY = 8 * 63 };

	if (prefixes) {
		ebpf_put(e, BPF_ALU | BPF_END | BPF_TO_BE, 0, 0, 0, 32);
		ebpf_put(e, BPF_ST | BPF_MEM | BPF_W, 10, 0, -KEY, 32);
	}
	ebpf_put(e, BPF_STX | BPF_MEM | BPF_W, 10, 0, -KEY + (prefixes ? 4 : 0), 0);
	ebpf_put(e, BPF_LD | BPF_IMM | BPF_DW, 1, BPF_PSEUDO_MAP_FD, 0, (s32)e->out->maps.n);
	ebpf_put(e, 0, 0, 0, 0, 0);
	MOV(2, 10);
	ADD_IMM(2, -KEY);
	ebpf_put(e, BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_map_lookup_elem);
	e->now.r0 = NULL;
	ebpf_go(e, ebpf_jump_imm(e, BPF_JNE, 0, 0), t);
	ebpf_go(e, ebpf_put(e, BPF_JMP | BPF_JA, 0, 0, 0, 0), f);
}

/* Single values are a hash map, networks one of prefixes. false: other ranges, which would be too many networks. */
static bool
mapped(Emit *e, const Set *set, Node *t, Node *f)
{
	bool single = true;
	u32 n = 0;
	FiltMap *m;

	for (u32 i = 0; i < set->n; i++) {
		single &= set->r[i].lo == set->r[i].hi;
		n += networks(set->r[i].lo, set->r[i].hi, NULL);
	}
	if (n > 2 * set->n)
		return false;
	m = new_map(e, !single, n);
	n = 0;
	for (u32 i = 0; i < set->n; i++) {
		if (single)
			m->key[n++] = set->r[i].lo;
		else
			n += networks(set->r[i].lo, set->r[i].hi, m->key + 2 * n);
	}
	look_up(e, !single, t, f);
	return true;
}

void
ebpf_set(Emit *e, const Set *set, u32 hi, Node *t, Node *f)
{
	const Set *out = set_and(e->a, set_not(e->a, set), set_range(e->a, 0, hi));

	if (set->n > MANY) {
		if (!e->maps || !mapped(e, set, t, f))
			search(e, set, t, f);
	} else if (out->n < set->n || (out->n == 1 && out->r[0].lo == out->r[0].hi)) {
		piece(e, out->r, out->n, 0, hi, f, t);
	} else {
		piece(e, set->r, set->n, 0, hi, t, f);
	}
}
