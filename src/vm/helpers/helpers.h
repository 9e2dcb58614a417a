/* helpers: the machine's side of helper functions, one file per family. Signatures are in bpf/helpers.def: arguments have
 * been checked against them, by the verifier or at the call. A helper takes r1..r5 and the run. */
#ifndef VM_HELPERS_H
#define VM_HELPERS_H

#include "vm/run.h"
#include "vm/maps/maps.h"

#define VMHELPER(name) VmHelperFn vm_h_##name;
#include "vm/helpers/table.def"
#undef VMHELPER

/* `PRE` of a helper's definition; unused arguments are fine. */
#define DEFINE_HELPER(name) \
	u64 vm_h_##name(u64 r1 __attribute__((unused)), u64 r2 __attribute__((unused)), u64 r3 __attribute__((unused)), \
			u64 r4 __attribute__((unused)), u64 r5 __attribute__((unused)), VmContext *c __attribute__((unused)))
#define PTR(r) ((void *)(uintptr_t)(r))
#define ERR(e) ((u64)(s64)-(e))

void vm_dynptr_set(void *slots, void *data, u32 size, bool rdonly);

/* print.c: the format language of bpf_trace_printk and bpf_snprintf; gives the length without NUL, or -errno. */
s64 vm_format(VmContext *c, char *out, size_t size, const char *fmt, size_t fmt_size, const u64 *args, u32 n_args);

#endif
