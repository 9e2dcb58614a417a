#include "bench.h"
/* two equal strings, byte by byte */
BENCH
{
	const u8 *a = p, *b = p + n / 2;
	u64 i, m = n / 2;

	for (i = 0; i < m; i++) {
		if (a[i] != b[i])
			return a[i] < b[i] ? -1 : 1;
		if (!a[i])
			break;
	}
	return i;
}
