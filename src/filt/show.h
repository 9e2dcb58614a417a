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
	u32 depth;
} Show;
bool show_need(Show *s, u32 at, u32 n);         /* are the bytes there? says "[cut]" if not */
u32 show_8(Show *s, u32 at), show_16(Show *s, u32 at), show_32(Show *s, u32 at);
void show_text(Show *s, u32 at, u32 n);
void show_ether(Show *s, u32 at);
/* show_app.c: what TCP or UDP carry; the second tells whether it knew. */
void show_stream(Show *s, u32 at, u32 n, u32 sport, u32 dport);
bool show_datagram(Show *s, u32 at, u32 n, u32 sport, u32 dport);

#endif
