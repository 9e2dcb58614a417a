/* table: helpers by number. */
#include "vm/helpers/helpers.h"

static VmHelperFn *const table[] = {
#define VMHELPER(name) [BPF_FUNC_##name] = vm_h_##name,
#include "vm/helpers/table.def"
#undef VMHELPER
};

VmHelperFn *
vm_helper(u32 id)
{
	return id < COUNT(table) ? table[id] : NULL;
}
