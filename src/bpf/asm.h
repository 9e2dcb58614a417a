/* Inside asm*.c: the line being read, and the words that both syntaxes have. Names seen outside their file begin with asm_.
 * What is called eat takes what it is asked for if that comes next, and else leaves everything; what is called want reports
 * what it found instead. */
#ifndef BPF_ASM_H
#define BPF_ASM_H

#include "bpf/bpf.h"

typedef struct Fix { u32 pc; const char *label; u32 len; Span at; } Fix;
typedef struct Asm {
	Diag *d;
	Arena *a;
	u32 base;               /* span offset of text[0] */
	const char *text, *p, *end;     /* end: of this line */
	Vec(Insn) code;
	Vec(Fix) fixes;
	Map labels;             /* label -> pc + 1 */
} Asm;

/* asm.c */
Span asm_span(const Asm *s, const char *from, const char *to);
bool asm_fail(Asm *s, const char *from, const char *want);      /* false, for the caller to return */
void asm_blanks(Asm *s);
bool asm_eat(Asm *s, const char *word);
bool asm_eat_reg(Asm *s, u32 *reg, u32 *width);
bool asm_want(Asm *s, const char *word);
bool asm_want_reg(Asm *s, u32 *reg, u32 *width);
bool asm_want_num(Asm *s, u64 *v, int bits, const char *what);
bool asm_want_target(Asm *s, u64 *off, int bits);
bool asm_want_place(Asm *s, const char *brackets, u32 *reg, u64 *off);  /* "()": "(r1 +4)"; "[]": "[%r1+4]" */
Insn asm_of(const InsnRow *r, u32 dst, u32 src, u64 off, u64 imm);
Insn *asm_put(Asm *s, Insn i);
bool asm_put_wide(Asm *s, u32 op, u32 dst, u32 lo, u32 hi);

/* asm_kernel.c: behind what asm_insn() has taken of the line */
bool asm_alu(Asm *s, u32 dst, u32 width);
bool asm_if(Asm *s);
bool asm_store(Asm *s, bool lock);
bool asm_release(Asm *s);

/* asm_suite.c: likewise */
bool asm_lddw(Asm *s);
bool asm_lock(Asm *s);          /* the kernel's "lock *(u64 *)..." too */
bool asm_operands(Asm *s, const char *mn, size_t len);

#endif
