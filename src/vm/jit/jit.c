/* jit: picks the compiler for this machine. */
#include "vm/run.h"

#include <errno.h>

int
vm_jit(VmProg *p, Buf *why)
{
	(void)p;
	if (why)
		buf_puts(why, "there is no JIT for this machine");
	return -ENOTSUP;
}

void
vm_jit_free(VmProg *p)
{
	(void)p;
}
