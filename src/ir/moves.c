/* moves: copies that happen all at once, put into an order in which no source is overwritten before it is read.
 * Copies whose target nobody reads go first; what then remains are cycles, each opened through a register that got a copy of
 * one of its values by the way, or through the spare one. */
#include "ir/ir.h"
#include "ir/mach.h"

/* Frees one target of the cycles that are left: whoever reads it reads a copy instead. Gives the number of copies made. */
static u32
open_cycle(const Reg *dst, const Reg *src, Reg *from, const bool *done, u32 n, Reg temp, Reg (*out)[2])
{
	Reg copy = temp, target = NO_REG;

	for (u32 k = 0; k < n && copy == temp; k++) {
		if (done[k])
			continue;
		if (target == NO_REG)
			target = dst[k];
		for (u32 j = 0; j < n; j++)
			if (done[j] && dst[j] != src[j] && src[j] == dst[k]) {
				copy = dst[j];
				target = dst[k];
			}
	}
	for (u32 j = 0; j < n; j++)
		if (!done[j] && from[j] == target)
			from[j] = copy;
	out[0][0] = copy;
	out[0][1] = target;
	return copy == temp;
}

u32
ir_parallel_moves(const Reg *dst, const Reg *src, u32 n, Reg temp, Reg (*out)[2])
{
	Arena *a = arena_new();
	Reg *from = NEW_N(a, Reg, n + 1);
	bool *done = NEW_N(a, bool, n + 1), again;
	u32 made = 0, left = n;

	memcpy(from, src, n * sizeof(Reg));
	for (u32 k = 0; k < n; k++)
		if (dst[k] == from[k])
			done[k] = true, left--;
	while (left) {
		do {
			again = false;
			for (u32 k = 0; k < n; k++) {
				bool read = false;

				for (u32 j = 0; j < n && !read; j++)
					read = !done[j] && j != k && from[j] == dst[k];
				if (done[k] || read)
					continue;
				out[made][0] = dst[k];
				out[made++][1] = from[k];
				done[k] = again = true;
				left--;
			}
		} while (again);
		if (left)
			made += open_cycle(dst, src, from, done, n, temp, out + made);
	}
	arena_free(a);
	return made;
}
