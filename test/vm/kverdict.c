/* kverdict FILE...: what the host kernel says to each program: accept or reject, and why. Needs CAP_BPF. */
#include "kernel.h"

int
main(int argc, char **argv)
{
	Arena *a = arena_new();

	for (int i = 1; i < argc; i++) {
		Diag *d = diag_new(a);
		Object o;
		KMaps maps;
		int err;

		if (!bpf_object_read(argv[i], a, d, &o)) {
			printf("unreadable\t%s\n", argv[i]);
			continue;
		}
		if (!maps_make(&o, &maps)) {
			printf("nomaps\t%s\n", argv[i]);
			maps_close(&maps);
			continue;
		}
		err = kernel_verdict(&o.progs[0].code, &maps, 1);
		printf("%s\t%s\t%s\n", err ? "reject" : "accept", argv[i], err ? (kernel_words()[0] ? kernel_words() : strerror(-err)) : "");
		maps_close(&maps);
	}
	arena_free(a);
	return 0;
}
