/* table: helpers by number. */
#include "vm/helpers/helpers.h"

#include <errno.h>
#include <stdlib.h>

static VmHelperFn *const table[] = {
#define VMHELPER(name) [BPF_FUNC_##name] = vm_h_##name,
#include "vm/helpers/table.def"
#undef VMHELPER
};

static VmHelperFn *own[64];

VmHelperFn *
vm_helper(u32 id)
{
	if (id - BPF_OWN_HELPERS < COUNT(own))
		return __atomic_load_n(&own[id - BPF_OWN_HELPERS], __ATOMIC_ACQUIRE);
	return id < COUNT(table) ? table[id] : NULL;
}

int
vm_helper_register(u32 id, const char *name, int args, VmHelperFn *fn)
{
	static const char *const sigs[] = { ">i", "i>i", "ii>i", "iii>i", "iiii>i", "iiiii>i" };
	Helper h = { .id = id, .effects = HE_IO | HE_READS | HE_WRITES | HE_MAP_WRITES, .types = "*" };

	if (args < 0 || args > 5 || !fn || id - BPF_OWN_HELPERS >= COUNT(own))
		return -EINVAL;
	h.sig = sigs[args];
	h.name = strdup(name);
	if (!h.name)
		return -ENOMEM;
	if (vm_helper(id) || !bpf_helper_add(&h)) {
		free((char *)h.name);
		return -EEXIST;
	}
	__atomic_store_n(&own[id - BPF_OWN_HELPERS], fn, __ATOMIC_RELEASE);
	return 0;
}
