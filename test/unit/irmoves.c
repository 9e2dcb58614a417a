/* irmoves: parallel moves, tried exhaustively: every set of moves between five registers (each may be a target once, from
 * any source), executed one after the other, must do what they do all at once; with no more copies than are needed. */
#include "ir/ir.h"
#include "ir/mach.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

enum { REGS = 5, TEMP = REGS };

/* Cycles of moves that nothing else hangs on need one copy more each. */
static u32
needed(const Reg *dst, const Reg *src, u32 n)
{
	int from[REGS];
	u32 copies = 0;

	for (u32 r = 0; r < REGS; r++)
		from[r] = -1;
	for (u32 k = 0; k < n; k++)
		if (dst[k] != src[k]) {
			from[dst[k]] = (int)src[k];
			copies++;
		}
	for (u32 r = 0; r < REGS; r++) {
		u32 x = r, len = 0;
		bool pure = true;

		/* r is the least of a cycle whose members are read only by each other */
		do {
			u32 readers = 0;

			if (from[x] < 0) {
				pure = false;
				break;
			}
			for (u32 y = 0; y < REGS; y++)
				readers += from[y] == (int)x;
			pure &= readers == 1 && x >= r;
			x = (u32)from[x];
			len++;
		} while (x != r && len <= REGS);
		copies += pure && x == r;
	}
	return copies;
}

int
main(void)
{
	u32 total = 1, tried = 0;

	for (u32 k = 0; k < REGS; k++)
		total *= REGS + 1;
	for (u32 code = 0; code < total; code++) {
		Reg dst[REGS], src[REGS], out[2 * REGS][2], reg[REGS + 1];
		u32 n = 0, c = code, made;

		for (u32 r = 0; r < REGS; r++, c /= REGS + 1) {
			if (c % (REGS + 1) == REGS)
				continue;
			dst[n] = r;
			src[n++] = c % (REGS + 1);
		}
		for (u32 r = 0; r <= REGS; r++)
			reg[r] = 100 + r;
		made = ir_parallel_moves(dst, src, n, TEMP, out);
		assert(made <= needed(dst, src, n));
		for (u32 k = 0; k < made; k++)
			reg[out[k][0]] = reg[out[k][1]];
		for (u32 r = 0; r < REGS; r++) {
			u32 want = 100 + r;

			for (u32 k = 0; k < n; k++)
				if (dst[k] == r)
					want = 100 + src[k];
			if (reg[r] != want) {
				printf("code %u: r%u is %u, not %u\n", code, r, reg[r], want);
				return 1;
			}
		}
		tried++;
	}
	printf("%u sets of moves\n", tried);
	return 0;
}
