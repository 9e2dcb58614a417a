/* Between mach.c and mach_set.c: a node is an instruction, or a test of A that has yet to become instructions. */
#ifndef FILT_MACH_H
#define FILT_MACH_H

#include "filt/in.h"

typedef enum MOp { M_INS, M_JUMP, M_RET, M_CHAIN, M_SET } MOp;
struct MNode {
	u8 op;
	u16 code;
	u32 k;                  /* M_SET: A is at most this */
	const Chain *chain;
	const Set *set;
	MNode *t, *f;           /* M_INS: t is next */
	u32 id;
	u32 at;                 /* place counted from the end, + 1; 0: none yet */
	u32 stone;              /* likewise of the last stepping stone to here */
	u8 seen;
};
struct Mach { Arena *a; Once nodes; Vec(MNode *) all; };

#endif
