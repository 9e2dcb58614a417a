/* Inside show*.c: a packet being described. */
#ifndef FILT_SHOW_H
#define FILT_SHOW_H

#include "filt/capture.h"

enum { SHOW_DEPTH = 8 };
typedef struct Show {
	const u8 *p;
	u32 n, len;             /* bytes here, bytes on the wire */
	const ShowOpts *o;
	Buf *out;
	bool v6, cut, said;     /* said: the addresses have been */
	u32 src, dst;           /* where the addresses are */
	u32 fragment;           /* not 0: a part of a packet */
	u32 depth;
} Show;
bool show_need(Show *s, u32 at, u32 n);         /* are the bytes there? says "[cut]" if not */
u32 show_8(Show *s, u32 at), show_16(Show *s, u32 at), show_24(Show *s, u32 at), show_32(Show *s, u32 at);
void show_text(Show *s, u32 at, u32 n);
void show_mac(Show *s, u32 at);
/* Numbers with names; a table ends with a NULL name. */
typedef struct ShowName { u32 v; const char *name; } ShowName;
const char *show_name(const ShowName *rows, u32 v);     /* NULL: none */
/* show_ether.c */
void show_ether(Show *s, u32 at);
void show_ether_type(Show *s, u32 type, u32 at);
void show_type_name(Show *s, u32 type);                 /* "ethertype IPv4 (0x0800)" */
void show_llc(Show *s, u32 at, u32 len);
void show_ppp(Show *s, u32 proto, u32 at);
/* show_ip.c */
void show_ip(Show *s, u32 at);
const char *show_proto_name(u32 proto);                 /* NULL: none */
/* The one's complement sum of what IP carries, with its pseudo header: 0 if it is right. */
u32 show_sum(Show *s, u32 proto, u32 at, u32 len);
/* show_tran.c */
void show_address(Show *s, bool v6, u32 at);
/* "a > b:" with ports of /etc/services for `proto`, at `at`; NULL: none. */
void show_ends(Show *s, u32 at, const char *proto);
void show_transport(Show *s, u32 proto, u32 at, u32 len);
/* show_icmp.c */
void show_icmp(Show *s, u32 at, u32 len);
void show_icmp6(Show *s, u32 at, u32 len);
void show_igmp(Show *s, u32 at, u32 len);
/* show_dns.c: false: it is none. */
bool show_dns(Show *s, u32 at, u32 n, bool multicast);
/* show_app.c: what TCP or UDP carry; the second tells whether it knew. */
void show_stream(Show *s, u32 at, u32 n, u32 sport, u32 dport);
bool show_datagram(Show *s, u32 at, u32 n, u32 sport, u32 dport);

#endif
