/* build: what the builder's files share: instructions (build.c) and variables (ssa.c). */
#ifndef IR_BUILD_H
#define IR_BUILD_H

#include "ir/pass.h"

typedef struct Open { u32 block, next; Var var; Ref phi; } Open;        /* a phi that waits for ir_seal */
typedef struct Def { u64 key; Ref ref; } Def;                           /* key: variable and block, + 1 */

struct Builder {
	Ref *leaf;                      /* hash table of leaves */
	u32 n_leaf, leaf_cap;
	Def *def;
	u32 n_def, def_cap;
	Vec(Open) open;
	VecU32 open_head;               /* per block: index + 1 into open */
	Vec(Open) todo;                 /* phis whose operands must be looked up */
	bool filling;
};

/* build.c */
Block *ir_current(Fn *fn);      /* where fn is being built; a new one nobody jumps to, behind a terminator */

#endif
