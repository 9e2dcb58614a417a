/* The operands of USDT notes on both machines, in all forms that compilers write, and in some that nobody does. */
#include "probe/usdt.h"

#include <assert.h>
#include <elf.h>
#include <stdio.h>
#include <stdlib.h>

/* What is expected, in words: "CONST n", "REG name>>shift", "MEM base+index*scale+disp symbol", "-"; then the size, negative: signed. */
static const struct { u16 machine; const char *text, *want; int size; } cases[] = {
#define X EM_X86_64
	{ X, "8@%rax", "REG ax>>0", 8 }, { X, "-8@%r15", "REG r15>>0", -8 }, { X, "4@%r10d", "REG r10>>0", 4 },
	{ X, "-2@%r9w", "REG r9>>0", -2 }, { X, "1@%r8b", "REG r8>>0", 1 }, { X, "4@%ebp", "REG bp>>0", 4 }, { X, "-4@%esi", "REG si>>0", -4 },
	{ X, "2@%di", "REG di>>0", 2 }, { X, "1@%sil", "REG si>>0", 1 }, { X, "-1@%dl", "REG dx>>0", -1 }, { X, "1@%bh", "REG bx>>8", 1 },
	{ X, "-1@%ah", "REG ax>>8", -1 }, { X, "8@%rsp", "REG sp>>0", 8 }, { X, "%rdx", "REG dx>>0", 8 },
	{ X, "4@$5", "CONST 5", 4 }, { X, "-4@$-5", "CONST -5", -4 }, { X, "8@$0x10", "CONST 16", 8 }, { X, "8@$18446744073709551615", "CONST -1", 8 },
	{ X, "-4@-20(%rbp)", "MEM bp+-*1-20", -4 }, { X, "8@(%rsp)", "MEM sp+-*1+0", 8 }, { X, "8@0x18(%rdi)", "MEM di+-*1+24", 8 },
	{ X, "2@8(%rax,%rcx)", "MEM ax+cx*1+8", 2 }, { X, "1@-1(%r8,%r9,8)", "MEM r8+r9*8-1", 1 }, { X, "8@(,%rdi,4)", "MEM -+di*4+0", 8 },
	{ X, "8@-4+16(%rbx)", "MEM bx+-*1+12", 8 }, { X, "4@counter(%rip)", "MEM -+-*1+0 counter", 4 },
	{ X, "8@table+16(%rip)", "MEM -+-*1+16 table", 8 }, { X, "-8@table-8(%rip)", "MEM -+-*1-8 table", -8 },
	{ X, "4@local.0(%rip)", "MEM -+-*1+0 local.0", 4 }, { X, "4@counter", "MEM -+-*1+0 counter", 4 }, { X, "4@counter+4", "MEM -+-*1+4 counter", 4 },
	{ X, "-8@72+table(%rip)", "MEM -+-*1+72 table", -8 }, { X, "8@8+table-4(%rip)", "MEM -+-*1+4 table", 8 }, { X, "8@a+b(%rip)", "-", 0 },
	{ X, "8@table(,%rax,8)", "MEM -+ax*8+0 table", 8 }, { X, "8@table+8(%rdx)", "MEM dx+-*1+8 table", 8 },
	{ X, "8f@-8(%rbp)", "MEM bp+-*1-8", 8 }, { X, "4f@%eax", "REG ax>>0", 4 }, { X, "8f@%xmm0", "-", 0 }, { X, "4@%st", "-", 0 },
	{ X, "16@%rax", "-", 0 }, { X, "8@", "-", 0 }, { X, "x@%rax", "-", 0 }, { X, "8@%rax,", "-", 0 }, { X, "8@(%rax", "-", 0 },
	{ X, "8@(%rax,%rbx,3)", "-", 0 }, { X, "8@%fs:16", "-", 0 }, { X, "8@16", "-", 0 }, { X, "8@x0", "MEM -+-*1+0 x0", 8 }, { X, "8@()", "-", 0 },
#define A EM_AARCH64
	{ A, "8@x0", "REG x0>>0", 8 }, { A, "-4@w30", "REG x30>>0", -4 }, { A, "8@sp", "REG sp>>0", 8 }, { A, "4@wzr", "CONST 0", 4 },
	{ A, "8@xzr", "CONST 0", 8 }, { A, "4@5", "CONST 5", 4 }, { A, "-4@-5", "CONST -5", -4 }, { A, "8@#7", "CONST 7", 8 },
	{ A, "-4@[sp, 60]", "MEM sp+-*1+60", -4 }, { A, "8@[x19, #-16]", "MEM x19+-*1-16", 8 }, { A, "8@[x2]", "MEM x2+-*1+0", 8 },
	{ A, "1@[x0,8]", "MEM x0+-*1+8", 1 }, { A, "8@[x0, x1]", "MEM x0+x1*1+0", 8 }, { A, "8@[x0, x1, lsl 3]", "MEM x0+x1*8+0", 8 },
	{ A, "4@[x0, w1, sxtw 2]", "MEM x0+x1s4*4+0", 4 }, { A, "4@[x0, w1, uxtw #2]", "MEM x0+x1u4*4+0", 4 }, { A, "1@[x3, w4, sxtw]", "MEM x3+x4s4*1+0", 1 },
	{ A, "8f@d0", "-", 0 }, { A, "4@s1", "-", 0 }, { A, "8@[x0, x1, lsl 9]", "-", 0 }, { A, "8@[x0", "-", 0 }, { A, "8@[]", "-", 0 },
	{ A, "8@[x0, 8]!", "-", 0 }, { A, "8@x31", "-", 0 }, { A, "8@%rax", "-", 0 },
};

static const char *
name_at(u16 machine, s32 offset)
{
	static const char *const x86[] = { "ax", "bx", "cx", "dx", "si", "di", "bp", "sp", "r8", "r9", "r10", "r15" };
	static char name[16];

	if (offset < 0)
		return "-";
	for (u32 i = 0; machine == X && i < COUNT(x86); i++)
		if (regs_offset_on(machine, x86[i]) == offset)
			return x86[i];
	if (machine == A && offset == regs_offset_on(A, "sp"))
		return "sp";
	snprintf(name, sizeof(name), "x%d", offset / 8);
	return name;
}

static void
words(u16 machine, const UsdtArg *g, Buf *b)
{
	buf_clear(b);
	switch (g->kind) {
	case UA_CONST: buf_printf(b, "CONST %lld", (long long)g->disp); break;
	case UA_REG: buf_printf(b, "REG %s>>%u", name_at(machine, g->base), g->shift); break;
	case UA_MEM:
		buf_printf(b, "MEM %s", name_at(machine, g->base));
		buf_printf(b, "+%s", name_at(machine, g->index));
		if (g->index_size < 8)
			buf_printf(b, "%c%u", g->index_sign ? 's' : 'u', g->index_size);
		buf_printf(b, "*%u%+lld", g->scale, (long long)g->disp);
		if (g->symbol)
			buf_printf(b, " %s", g->symbol);
		break;
	default: buf_puts(b, "-");
	}
}

int
main(void)
{
	Arena *a = arena_new();
	UsdtArg args[USDT_MAX_ARGS];
	Buf b = { 0 };

	for (u32 i = 0; i < COUNT(cases); i++) {
		assert(usdt_parse_args(a, cases[i].machine, cases[i].text, args) == 1);
		words(cases[i].machine, &args[0], &b);
		int size = args[0].sign ? -(int)args[0].size : (int)args[0].size;

		if (strcmp(b.p, cases[i].want) || (cases[i].size && size != cases[i].size))
			fprintf(stderr, "%s: %s, size %d; wanted %s, %d\n", cases[i].text, b.p, size, cases[i].want, cases[i].size);
		assert(!strcmp(b.p, cases[i].want) && (!cases[i].size || size == cases[i].size));
	}
	assert(usdt_parse_args(a, A, "8@x0 -4@[sp, 60]  8@[x0, x1, lsl 3] 4@5", args) == 4 && args[1].kind == UA_MEM && args[3].kind == UA_CONST);
	assert(usdt_parse_args(a, X, "8@%rdi -4@-20(%rbp) 4@$5", args) == 3 && args[2].disp == 5);
	assert(usdt_parse_args(a, X, "", args) == 0);
	buf_free(&b);
	arena_free(a);
	return 0;
}
