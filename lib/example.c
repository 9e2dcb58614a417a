/* Counts packets by their first byte in a map of a BPF program. cc example.c -lpiton-vm */
#include <piton-vm.h>
#include <stdio.h>

int
main(void)
{
	const char *text =
		"r2 = *(u32 *)(r1 +4)\n r1 = *(u32 *)(r1 +0)\n"         /* data_end, data */
		"r3 = r1\n r3 += 14\n if r3 > r2 goto out\n"
		"r1 = *(u8 *)(r1 +0)\n *(u32 *)(r10 -4) = r1\n"
		"r1 = map[fd:0]\n r2 = r10\n r2 += -4\n call map_lookup_elem\n if r0 == 0 goto out\n"
		"r1 = 1\n lock *(u64 *)(r0 +0) += r1\n"
		"out: r0 = 2\n exit\n";
	unsigned char packet[64] = { 7 };
	uint64_t count, action;
	uint32_t key = 7;
	pvm *vm = pvm_new();
	int map = pvm_map(vm, "array", 4, 8, 256, NULL);
	pvm_prog *prog = pvm_load_text(vm, "xdp", text, PVM_AUTO);

	if (map < 0 || !prog) {
		fprintf(stderr, "%s\n", pvm_error(vm));
		return 1;
	}
	for (int i = 0; i < 1000; i++)
		pvm_run(prog, packet, sizeof(packet), &action);
	pvm_map_get(vm, map, &key, &count);
	printf("%llu packets, action %llu\n", (unsigned long long)count, (unsigned long long)action);
	pvm_free(vm);
}
