/* Reads a capture with libpcap and a filter of libpiton-filter: the one line that replaces pcap_compile().
 *
 *     cc -Iinclude -o filter doc/examples/filter.c -lpiton-filter -lpcap        (or build/libpiton-filter.a -lz -lpcap)
 *     ./filter FILE.pcap 'host in {10.0.0.1, 10.0.0.9} and tcp port in {80, 8000-8100}'
 */
#include <pcap/pcap.h>
#include <piton-filter.h>
#include <stdio.h>

int
main(int argc, char **argv)
{
	char err[4096];
	struct bpf_program prog;
	struct pcap_pkthdr *h;
	const unsigned char *data;
	unsigned long n = 0;
	pcap_t *p;

	if (argc != 3) {
		fprintf(stderr, "usage: %s FILE EXPRESSION\n", argv[0]);
		return 2;
	}
	p = pcap_open_offline(argv[1], err);
	if (!p) {
		fprintf(stderr, "%s\n", err);
		return 1;
	}
	if (piton_filter_compile(&prog, pcap_datalink(p), pcap_snapshot(p), argv[2], NULL, err, sizeof(err))) {
		fprintf(stderr, "%s", err);
		return 2;
	}
	if (pcap_setfilter(p, &prog)) {
		pcap_perror(p, "pcap_setfilter");
		return 1;
	}
	piton_filter_free(&prog);
	while (pcap_next_ex(p, &h, &data) == 1)
		n++;
	printf("%lu packets\n", n);
	pcap_close(p);
	return 0;
}
