/* A program that marks places for usdt: as <sys/sdt.h> does, written out so that it needs no header.
 * marked [SECONDS]: waits before it comes to them. */
#include <stdlib.h>
#include <unistd.h>

#if defined(__x86_64__)
#define ARG(n) "%" #n
#define CONST "$7"
#else
#define ARG(n) "%" #n
#define CONST "7"
#endif

#define MARK(name, args, ...) __asm__ volatile( \
	"990:	nop\n" \
	"	.pushsection .note.stapsdt,\"\",\"note\"\n" \
	"	.balign 4\n	.4byte 992f-991f, 994f-993f, 3\n" \
	"991:	.asciz \"stapsdt\"\n" \
	"992:	.balign 4\n" \
	"993:	.8byte 990b, _.stapsdt.base, 0\n" \
	"	.asciz \"test\"\n	.asciz \"" name "\"\n	.asciz \"" args "\"\n" \
	"994:	.balign 4\n	.popsection\n" \
	"	.ifndef _.stapsdt.base\n" \
	"	.pushsection .stapsdt.base,\"aG\",\"progbits\",.stapsdt.base,comdat\n" \
	"	.weak _.stapsdt.base\n	.hidden _.stapsdt.base\n" \
	"_.stapsdt.base: .space 1\n	.size _.stapsdt.base, 1\n	.popsection\n	.endif\n" : : __VA_ARGS__ : "memory")

int
main(int argc, char **argv)
{
	volatile unsigned long big = 2000000000000;
	int small = -4 - argc;
	char text[] = "text";           /* touched, so that BPF can read it */

	if (argc > 1)
		sleep((unsigned)atoi(argv[1]));
	MARK("work", "-4@" ARG(0) " 8@" ARG(1) " 8@" ARG(2) " 4@" CONST, "r"(small), "m"(big), "r"(text));
	if (argc)
		MARK("place", "4@" ARG(0), "r"(1));
	MARK("place", "4@" ARG(0), "r"(2));
	MARK("\\\"quoted\\\"", "4@" ARG(0), "r"(3));
	return 0;
}
