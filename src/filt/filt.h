/* filt: from a packet filter expression to a program.
 * Comes in: an expression in pcap-filter(7)'s language and a link type. Goes out: classic BPF, its text and
 * words, eBPF, C, an explanation in words, an interpreter's verdict on a packet.
 * Called by cmd/filter.c, libpiton-filter and, later, probes on sockets. Never here: libpcap, intern(), state
 * outside the arena of a compilation (threads compile side by side).
 * The way of an expression: lex -> parse (Ast) -> gen (tree of tests, with libpcap's meaning) -> graph (a DAG
 * of tests on values) -> opt, share -> code (classic) or ebpf.
 * Locals: g generator, e value, n node, t and f where a test goes, k constant. */
#ifndef FILT_FILT_H
#define FILT_FILT_H

#include "base/base.h"

/* struct sock_filter's and libpcap's struct bpf_insn's layout. */
typedef struct FiltInsn { u16 code; u8 jt, jf; u32 k; } FiltInsn;

typedef struct FiltOpts {
	int linktype;                   /* DLT_ number, as libpcap's */
	u32 snaplen;                    /* what an accepting program returns; 0: 262144 */
	u32 netmask;                    /* of the interface, for "ip broadcast" */
	bool netmask_known;
	bool plain;                     /* no optimization */
	bool savefile, swapped;         /* the packets come from a file (of the other byte order) */
	bool vlan_meta;                 /* the kernel keeps VLAN tags beside the packet (live captures) */
	bool no_text, no_process;       /* `contains` is refused; so are pid, comm and cgroup: the program has to be all */
	bool scoped;                    /* encapsulation holds in its own `and` group only; IPv6 headers are walked */
} FiltOpts;

typedef struct Filt Filt;

/* link.c: names of link types. */
int filt_link_named(const char *name);          /* with or without DLT_, any case; -1 if unknown */
const char *filt_link_name(int linktype);       /* NULL if unknown */

/* filt.c */
/* NULL if the expression is wrong; d has the reasons then. text must live as long as d. */
Filt *filt_compile(Arena *a, Diag *d, const char *text, size_t n, const FiltOpts *opts);
const FiltInsn *filt_code(const Filt *f, u32 *n);
bool filt_rejects_all(const Filt *f);
/* ask.c: `contains`, `pid`, `comm` and `cgroup` are no tests of bytes at a place. Where a filter asks for them, its program
 * (filt_code) only lets through what can still be accepted, and filt_accepts() decides. */
bool filt_asks(const Filt *f);
bool filt_asks_process(const Filt *f);
typedef struct FiltProcess { u32 pid; const char *comm, *cgroup; } FiltProcess;
/* What is known beside the packet's bytes. process is called when it is asked for; NULL: no local process. */
typedef struct FiltBeside { bool outgoing; u32 ifindex; const FiltProcess *(*process)(void *arg); void *arg; } FiltBeside;
u32 filt_accepts(const Filt *f, const u8 *p, u32 caplen, u32 len, const FiltBeside *beside);

/* ebpf.c: the same filter as eBPF. PLAIN: r1 is the packet, r2 its length. The answer of SOCKET and PLAIN is the snapshot
 * length or 0; TC passes (0) or drops (2), XDP passes (2) or drops (1). table: read-only data; relocs: instructions
 * LD_IMM64 with BPF_PSEUDO_MAP_VALUE that take its address, map 0. LIVE: as SOCKET, but large sets are maps, which the caller makes
 * and fills: maps.v[i] is map i + 1. false: something has no place there. Free table with buf_free. */
enum { FILT_PLAIN, FILT_SOCKET, FILT_TC, FILT_XDP, FILT_LIVE };
struct bpf_insn;
/* Values of 4 bytes (any). Keys: numbers of the machine's order (hash), or pairs of a prefix length and 4 bytes (prefixes). */
typedef struct FiltMap { bool prefixes; u32 n, *key; } FiltMap;
typedef struct FiltEbpf { struct bpf_insn *insns; u32 n; Buf table; VecU32 relocs; Vec(FiltMap) maps; } FiltEbpf;
bool filt_ebpf(const Filt *f, int kind, FiltEbpf *out);
/* object.c: an ELF object with BTF for libbpf, tc and ip; section socket, tc or xdp. */
bool filt_object(const Filt *f, int kind, Buf *out);
/* csource.c: a C function of the same meaning, int NAME(const unsigned char *p, unsigned caplen, unsigned len). */
void filt_c(const Filt *f, const char *name, Buf *out);

/* run.c: the classic machine. Loads out of the packet reject it, as does division by zero. */
u32 filt_run(const FiltInsn *insn, u32 n, const u8 *pkt, u32 caplen, u32 len);
/* As filt_run; *ran_out tells whether a load left the packet. Gives up after `steps` instructions
 * with FILT_GAVE_UP. */
#define FILT_GAVE_UP 0xffffffffu
u32 filt_run_checked(const FiltInsn *insn, u32 n, const u8 *pkt, u32 caplen, u32 len, u32 steps, bool *ran_out);
/* NULL if the program can be run: known instructions, jumps inside, divisors not 0, memory cells 0..15. */
const char *filt_check(const FiltInsn *insn, u32 n);

/* explain.c: what is accepted, in words. */
void filt_explain(const Filt *f, Buf *out);

/* check.c: are two filters of one link type the same? DIFFERENT: packet is accepted by one of them only. */
typedef enum FiltVerdict { FILT_SAME, FILT_DIFFERENT, FILT_UNKNOWN } FiltVerdict;
/* process: that of the packet, where the filters ask for one. */
typedef struct FiltCheck { u8 *packet; u32 len; bool first, second; u32 ways; FiltProcess process; } FiltCheck;
FiltVerdict filt_compare(Arena *a, Diag *d, const Filt *x, const Filt *y, FiltCheck *out);

/* print.c: as tcpdump -d, -dd and -ddd print it. */
void filt_print_insn(const FiltInsn *insn, u32 pc, Buf *out);
void filt_print(const FiltInsn *insn, u32 n, int level, Buf *out);
void filt_print_named(const Filt *f, Buf *out);         /* annotate.c: -d with the names of fields */

#endif
