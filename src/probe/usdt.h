/* usdt: the arguments of a USDT probe as its note writes them. Private to usdt.c and usdt_arg.c. */
#ifndef PROBE_USDT_H
#define PROBE_USDT_H

#include "probe/inside.h"

typedef enum UsdtKind { UA_NONE, UA_CONST, UA_REG, UA_MEM } UsdtKind;

/* UA_CONST: disp. UA_REG: the register, shifted right. UA_MEM: what lies at base + index * scale + disp. */
typedef struct UsdtArg {
	UsdtKind kind;
	u8 size, shift, scale;
	u8 index_size;                  /* bytes of the index register that count: 8, or 4 */
	bool sign, index_sign;
	s32 base, index;                /* offsets in the context, -1: none */
	s64 disp;
	const char *symbol;             /* its address as in the file is added; or NULL */
	u64 symbol_value;               /* filled in by the user */
} UsdtArg;

enum { USDT_MAX_ARGS = 12 };

/* Parses "8@%rdi -4@-20(%rbp) 4@$5" (EM_X86_64) or "8@x0 -4@[sp, 60] 4@5" (EM_AARCH64). Number of arguments; those in an
 * unknown form or in a floating-point register become UA_NONE. Strings live in a. */
u32 usdt_parse_args(Arena *a, u16 machine, const char *text, UsdtArg *out);

#endif
