/* Captures, the second half of filt/: packets from files and interfaces, and where they go. Nothing here knows the
 * language of expressions. */
#ifndef FILT_CAPTURE_H
#define FILT_CAPTURE_H

#include "base/base.h"

typedef struct CapPacket {
	u64 ns;                 /* since 1970 */
	u32 caplen, len;
	u32 iface;              /* index into the reader's interfaces */
	const u8 *data;         /* valid until the next packet */
	const char *comment;    /* or NULL */
	int direction;          /* 0 unknown, 1 in, 2 out */
	u32 ifindex;            /* live captures */
} CapPacket;
typedef struct CapIface { int linktype; u32 snaplen; const char *name; u64 units; s64 offset; } CapIface;

/* capread.c: pcap and pcapng, of either byte order, plain or through gzip. "-" is standard input. */
typedef struct CapReader CapReader;
CapReader *cap_open(Arena *a, const char *path, Buf *err);      /* NULL: err says why */
/* 1: a packet, 0: the end, -1: the file is broken from here on (err says where); what came before stays good. */
int cap_next(CapReader *r, CapPacket *p, Buf *err);
const CapIface *cap_ifaces(const CapReader *r, u32 *n);
bool cap_swapped(const CapReader *r);
void cap_close(CapReader *r);

/* capwrite.c */
typedef struct CapWriter CapWriter;
enum { CAP_PCAPNG, CAP_PCAP, CAP_PCAP_NANO };
CapWriter *cap_create(Arena *a, const char *path, int format, Buf *err);
/* pcapng: gives the interface's number. pcap: all interfaces must have one link type, -1 otherwise. */
int cap_add_iface(CapWriter *w, int linktype, u32 snaplen, const char *name, const char *filter);
int cap_write(CapWriter *w, u32 iface, const CapPacket *p);     /* 0 or -errno */
/* Counts of a live capture, as a block at the end of a pcapng file. */
void cap_statistics(CapWriter *w, u32 iface, u64 received, u64 dropped);
u64 cap_written(const CapWriter *w);                            /* bytes */
int cap_flush(CapWriter *w);
int cap_finish(CapWriter *w);                                   /* closes; 0 or -errno */

/* live.c: packets from an interface ("any": of all). */
typedef struct Live Live;
/* wait_ms: so long a packet may stay in the kernel. */
typedef struct LiveOpts { u32 snaplen, buffer_kib, wait_ms; bool promisc; int direction; } LiveOpts;
struct FiltInsn;
Live *live_open(Arena *a, const char *dev, const LiveOpts *o, Buf *err);        /* NULL: err says why */
int live_linktype(const Live *l);
int live_fd(const Live *l);
int live_filter(Live *l, const struct FiltInsn *insn, u32 n);   /* before live_start(); -errno */
int live_filter_ebpf(Live *l, int prog_fd);
int live_start(Live *l);
/* 1: a packet, 0: none within the time, -errno. */
int live_next(Live *l, CapPacket *p, int timeout_ms);
void live_counts(Live *l, u64 *received, u64 *dropped);
void live_close(Live *l);

/* owner.c: the local process of a packet, NULL if there is none (any more). */
typedef struct Owners Owners;
typedef struct Owner { u32 pid; const char *comm, *cgroup, *text; } Owner;      /* text: "pid 12 curl" */
Owners *owners_new(Arena *a);
/* A packet's two ends; addresses as in packets, an IPv4 address in the first 4 bytes. */
typedef struct OwnerEnds { u8 local[16], remote[16]; u16 lport, rport; u8 proto, v6; } OwnerEnds;
/* Asked before the tables are: who has sent from local to remote? false: not known. */
typedef bool OwnerAsk(void *arg, const OwnerEnds *e, u32 *pid, char comm[16]);
void owners_ask_first(Owners *o, OwnerAsk *ask, void *arg);
const Owner *owners_find(Owners *o, const u8 *p, u32 n, int linktype);
void owners_free(Owners *o);

/* show*.c: one line for a packet. */
typedef struct ShowFlows ShowFlows;
/* flows: TCP's numbers count from the first of a connection seen with it; NULL: as they are. ifname: an interface's name (up to 32 bytes)
 * for its number, false or NULL: unknown. */
typedef struct ShowOpts { bool link, quiet, no_names; int verbose; ShowFlows *flows; bool (*ifname)(u32 index, char *name); } ShowOpts;
ShowFlows *show_flows_new(Arena *a);
void show_packet(const u8 *p, u32 caplen, u32 len, int linktype, const ShowOpts *o, Buf *out);
/* Bytes before what the link carries. */
u32 show_link_header(const u8 *p, u32 n, int linktype);
/* As -x (hex), -X (hex and text), -A (text) print it. */
void show_bytes(const u8 *p, u32 n, int form, Buf *out);

#endif
