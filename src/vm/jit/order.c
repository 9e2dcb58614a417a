/* order: a number from the network that is only compared for equality, or asked for bits, stays as it lies in memory:
 *   d = *(u16 *)p; d = be16 d; if d == 0x800   ->   d = *(u16 *)p; if w d == 0x0008
 * Allowed where every place that d reaches is such a test and nothing else reaches it. */
#include "vm/jit/jit.h"

enum { REGION = 256 };          /* slots looked at for one number: loading stays linear */

typedef struct Walk {
	JProg *jp;
	u32 *preds;             /* per slot: ways into it */
	u32 *seen;              /* ways that the walk came by; zero between walks */
	u32 *slots;             /* of the walk, where d lives */
	u32 n;
} Walk;

static u32
swapped(u32 v, u32 bits)
{
	return bits == 16 ? __builtin_bswap16((u16)v) : __builtin_bswap32(v);
}

/* Does j ask about d only what can be asked of the swapped number, too? */
static bool
is_test(const J *j, u32 d, u32 bits)
{
	u32 kind = IS_JCC(j->op) ? JCC_KIND(j->op) : N_OP, form = JCC_FORM(j->op);

	if (j->dst != d || (kind != OP_JEQ64K && kind != OP_JNE64K && kind != OP_JSET64K) || form & 1)
		return false;
	if (form == F_64K && j->imm < 0)
		return false;
	return bits == 32 || (u64)j->imm <= 0xffff;
}

static u16
live_before(const J *j)
{
	return (u16)((j->live & ~jit_defs(j)) | jit_uses(j));
}

/* A way to slot `to`: false when there is no room. */
static bool
enter(Walk *w, u32 to, u32 d)
{
	if (!(live_before(&w->jp->j[to]) & BIT(d)))
		return true;
	if (!w->seen[to]++)
		w->slots[w->n++] = to;
	return w->n < REGION;
}

/* Collects where the number in d, made at pc, goes. */
static bool
collect(Walk *w, u32 pc, u32 d, u32 bits)
{
	w->n = 0;
	if (!enter(w, pc + 1, d))
		return false;
	for (u32 i = 0; i < w->n; i++) {
		u32 at = w->slots[i];
		const J *j = &w->jp->j[at];

		if (jit_uses(j) & BIT(d) && !is_test(j, d, bits))
			return false;
		if (jit_defs(j) & BIT(d))
			continue;
		if (jit_jumps(j->op) && !enter(w, j->to, d))
			return false;
		if (!jit_ends(j->op) && !enter(w, at + 1, d))
			return false;
	}
	for (u32 i = 0; i < w->n; i++)
		if (w->seen[w->slots[i]] != w->preds[w->slots[i]])
			return false;
	return true;
}

/* Is what lies in d before pc a load of so many bits? */
static bool
loaded(const JProg *jp, u32 pc, u32 d, u32 bits)
{
	s64 at = jit_last_def(jp, pc, d);

	return at >= 0 && jp->j[at].op == (bits == 16 ? OP_LDXH : OP_LDXW);
}

static u32
swap_bits(u32 op)
{
	return op == OP_BE16 || op == OP_SWAP16 ? 16 : op == OP_BE32 || op == OP_SWAP32 ? 32 : 0;
}

void
jit_byte_order(JProg *jp, Arena *a)
{
	Walk w = { .jp = jp, .preds = NEW_N(a, u32, jp->n + 1), .seen = NEW_N(a, u32, jp->n + 1), .slots = NEW_N(a, u32, REGION + 1) };

	for (u32 pc = 0; pc < jp->n; pc++) {
		const J *j = &jp->j[pc];

		if (jp->p->starts[pc] == 1)
			w.preds[pc]++;
		if (jit_jumps(j->op))
			w.preds[j->to]++;
		if (!jit_ends(j->op))
			w.preds[pc + 1]++;
	}
	for (u32 pc = 0; pc + 1 < jp->n; pc++) {
		J *j = &jp->j[pc];
		u32 bits = swap_bits(j->op), d = j->dst;

		if (!bits || !loaded(jp, pc, d, bits))
			continue;
		if (collect(&w, pc, d, bits)) {
			for (u32 i = 0; i < w.n; i++) {
				J *t = &jp->j[w.slots[i]];

				if (!(jit_uses(t) & BIT(d)))
					continue;
				t->op = (u16)(JCC_KIND(t->op) + F_32K);
				t->imm = (s32)swapped((u32)t->imm, bits);
			}
			jit_nop(j);
		}
		for (u32 i = 0; i < w.n; i++)
			w.seen[w.slots[i]] = 0;
	}
}
