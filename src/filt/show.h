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
	bool v6, cut;
	u32 src, dst;           /* where the addresses are */
	const char *before;     /* said before what the IPv6 packet holds: " HBH" */
	u32 depth;
} Show;
bool show_need(Show *s, u32 at, u32 n);         /* are the bytes there? says "[cut]" if not */
u32 show_8(Show *s, u32 at), show_16(Show *s, u32 at), show_32(Show *s, u32 at);
void show_text(Show *s, u32 at, u32 n);
void show_ether(Show *s, u32 at);
void show_ether_type(Show *s, u32 type, u32 at);
void show_ip(Show *s, u32 at);
/* show_tran.c */
void show_address(Show *s, bool v6, u32 at);
/* "a > b:" with ports of /etc/services for `proto`, at `at`; NULL: none. */
void show_ends(Show *s, u32 at, const char *proto);
void show_transport(Show *s, u32 proto, u32 at, u32 len);
/* show_app.c: what TCP or UDP carry; the second tells whether it knew. */
void show_stream(Show *s, u32 at, u32 n, u32 sport, u32 dport);
bool show_datagram(Show *s, u32 at, u32 n, u32 sport, u32 dport);

#endif
