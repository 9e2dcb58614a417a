/* gen: random scripts over the whole language, the same for the same seed on every machine.
 * Comes in: a seed and what may be used. Goes out: the text of a script that is meant to pass the checker (most do).
 * Types are chosen before expressions: every expression is asked for with the type that it is to have. */
#ifndef FUZZ_GEN_H
#define FUZZ_GEN_H

#include "base/base.h"

/* What a script may hold. */
enum {
	GEN_BEGIN  = 1,         /* begin alone, and nothing that differs between two runs: outputs can be compared */
	GEN_KPROBE = 2,         /* kprobe, kretprobe, fentry, fexit */
	GEN_PEER   = 4,         /* only what bpftrace 0.27 prints alike */
};

void gen_script(u64 seed, u32 flags, Buf *out);

/* The generator's numbers: xorshift64*. */
typedef struct Rand { u64 s; } Rand;
void rand_seed(Rand *r, u64 seed);
u32 rand_below(Rand *r, u32 n);

#endif
