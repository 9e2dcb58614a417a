/* libpiton-filter: packet filter expressions (pcap-filter(7)'s language) as programs. C and C++. Threads may compile side by
 * side. Link with -lpiton-filter (or libpiton-filter.a -lz).
 *
 * In place of pcap_compile():
 *
 *     struct bpf_program prog;                                      (libpcap's own)
 *     if (piton_filter_compile(&prog, pcap_datalink(p), pcap_snapshot(p), "tcp port 80", NULL, err, sizeof(err)))
 *             fputs(err, stderr);
 *     pcap_setfilter(p, &prog);
 *     piton_filter_free(&prog);
 */
#ifndef PITON_FILTER_H
#define PITON_FILTER_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The layout of libpcap's struct bpf_insn and bpf_program, and of Linux's struct sock_filter. */
struct piton_filter_insn { uint16_t code; uint8_t jt, jf; uint32_t k; };
struct piton_filter_program { unsigned int len; struct piton_filter_insn *insns; };

struct piton_filter_options {
	size_t size;                    /* sizeof(struct piton_filter_options): later versions have more members */
	int no_optimize;
	int scoped;                     /* encapsulation words hold in their own group; IPv6 headers are walked */
	int savefile;                   /* the packets come from a file */
	int netmask_known;              /* netmask: for "ip broadcast", in host order */
	uint32_t netmask;
};

#define PITON_FILTER_OK 0
#define PITON_FILTER_BAD (-1)           /* the expression is wrong: err has lines with place, caret and hint */
#define PITON_FILTER_LINK (-2)          /* the link type (a DLT_ number) is unknown */

/* program: a struct piton_filter_program or libpcap's struct bpf_program. options may be NULL. snaplen 0: 262144. */
int piton_filter_compile(void *program, int linktype, int snaplen, const char *expression,
	const struct piton_filter_options *options, char *err, size_t err_size);
void piton_filter_free(void *program);
/* What the program returns for a packet: 0, or how much of it to keep. */
uint32_t piton_filter_run(const void *program, const void *packet, uint32_t caplen, uint32_t len);
/* "EN10MB" to 1 and back; -1 and NULL if unknown. */
int piton_filter_linktype(const char *name);
const char *piton_filter_linktype_name(int linktype);
/* An eBPF program's ELF object in memory from malloc(); kind: "socket", "tc" or "xdp". */
int piton_filter_object(int linktype, const char *kind, const char *expression, const struct piton_filter_options *options,
	void **object, size_t *object_size, char *err, size_t err_size);

#ifdef __cplusplus
}
#endif
#endif
