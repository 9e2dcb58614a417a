/* What a Go program looks like from outside: it has the section by which Go's own tools know one. */
#include <stdlib.h>

__asm__(".pushsection .go.buildinfo,\"aw\"\n.ascii \"\\xff Go buildinf:\"\n.popsection");

__attribute__((noinline)) int
triple(int x)
{
	__asm__ volatile("" : "+r"(x));
	return x * 3;
}

int
main(int argc, char **argv)
{
	return triple(argc > 1 ? atoi(argv[1]) : 1) & 1;
}
