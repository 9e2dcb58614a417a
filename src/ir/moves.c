/* moves: copies that happen all at once, put into an order in which no source is overwritten before it is read.
 * Copies whose target nobody reads go first; what then remains are cycles, each opened through the spare register. */
#include "ir/ir.h"
#include "ir/mach.h"

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
		for (u32 k = 0; k < n && left; k++)
			if (!done[k]) {         /* a cycle: its first target's old value moves to temp */
				out[made][0] = temp;
				out[made++][1] = dst[k];
				for (u32 j = 0; j < n; j++)
					if (!done[j] && from[j] == dst[k])
						from[j] = temp;
				break;
			}
	}
	arena_free(a);
	return made;
}
