/* Changed program files: ELF with BTF, bpfx, raw. Nothing may crash, hang or touch what is not there; run with SAN=address.
 * usage: object_fuzz [COUNT [SEED]] */
#include "bpf/bpf.h"
#include "vm/vm.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

static u64 seed = 88172645463325252ull;

static u32
rnd(u32 n)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (u32)((seed >> 11) % n);
}

static void
mutate(u8 *p, size_t *n)
{
	static const u32 odd[] = { 0, 1, 0x7f, 0x80, 0xff, 0x7fff, 0xffff, 0x7fffffff, 0x80000000, 0xffffffff, 0x40000000 };

	for (u32 k = 1 + rnd(6); k > 0; k--) {
		u32 at = rnd((u32)*n), w = odd[rnd(COUNT(odd))];

		switch (rnd(5)) {
		case 0: p[at] ^= (u8)(1u << rnd(8)); break;
		case 1: p[at] = (u8)rnd(256); break;
		case 2: memcpy(p + at, &w, MIN((size_t)4, *n - at)); break;
		case 3: p[at] = (u8)(p[at] + 1 - 2 * rnd(2)); break;
		case 4: if (rnd(20) == 0) *n = at + 1; break;
		}
	}
}

static void
try(const char *name, const u8 *data, size_t n)
{
	Arena *a = arena_new();
	Diag *d = diag_new(a);
	u8 *copy = malloc(n);           /* exactly as long as the file, for the sanitizer */
	VerifyOptions opt = { .budget = 20000 };
	Object o;
	Buf out = { 0 };

	memcpy(copy, data, n);
	if (bpf_object_parse(name, copy, n, a, d, &o)) {
		for (u32 i = 0; i < o.n_progs && i < 4; i++) {
			Verdict v;

			if (!vm_verify(&o.progs[i].code, o.maps, o.n_maps, &opt, &v, NULL))
				assert(v.text.n);
			verdict_free(&v);
		}
	} else {
		diag_print(d, &out, false);
		assert(out.n);
	}
	buf_free(&out);
	free(copy);
	arena_free(a);
}

int
main(int argc, char **argv)
{
	static const char *const files[] = { "test/vm/objects/maps.o", "test/vm/corpus/0110-bpf_loop_inline_stack_locations_for_loop_vars.bpfx",
		"test/vm/corpus/0872-bounded_loop_containing_a_forward_jump.bpfx", "test/vm/corpus/1093-bpf_sk_select_reuseport_ctx_reuseport_array_key_flags_.bpfx" };
	u32 count = argc > 1 ? (u32)atoi(argv[1]) : 4000;
	Buf text[COUNT(files)] = { { 0 } };
	u8 work[65536];

	if (argc > 2)
		seed ^= strtoull(argv[2], NULL, 0) * 0x9e3779b97f4a7c15ull;
	for (u32 i = 0; i < COUNT(files); i++) {
		assert(!host_read(files[i], &text[i]) && text[i].n < sizeof(work));
		try(files[i], (u8 *)text[i].p, text[i].n);
	}
	for (u32 i = 0; i < count; i++) {
		u32 f = rnd(2) ? 0 : rnd(COUNT(files));
		size_t n = text[f].n;

		memcpy(work, text[f].p, n);
		mutate(work, &n);
		try(files[f], work, n);
	}
	for (u32 i = 0; i < COUNT(files); i++)
		buf_free(&text[i]);
	return 0;
}
