/* loop: bpf_loop. */
#include "vm/helpers/helpers.h"

#include <errno.h>

DEFINE_HELPER(loop)
{
	u64 res, i, n = (u32)r1;

	if (r4)
		return ERR(EINVAL);
	if (n > 1u << 23)
		return ERR(E2BIG);
	for (i = 0; i < n; i++) {
		if (!vm_callback(c, r2, i, r3, 0, 0, &res))
			return 0;
		if (res)
			return i + 1;
	}
	return i;
}
