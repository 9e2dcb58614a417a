/* flags: -O2 -fno-ipa-cp
 * A function that the compiler puts into its callers, and one that it also keeps by itself; one with several returns. */
volatile int sink;

static inline __attribute__((always_inline)) int
square(int x)
{
	sink += x;
	return x * x;
}

static inline int
half(int x)
{
	sink ^= x;
	return x / 2;
}

__attribute__((noinline)) int
one(int x)
{
	return square(x + 1) + 3;
}

__attribute__((noinline)) int
two(int x)
{
	return square(x * 2) + square(x + 10);
}

__attribute__((noinline)) int
sign(int x)
{
	if (x < 0) {
		sink++;
		__asm__ volatile("" : : : "memory");
		return -1;
	}
	if (x > 0) {
		sink--;
		__asm__ volatile("" : : : "memory");
		return 1;
	}
	return 0;
}

int (*volatile by_pointer)(int) = half;

int
main(int argc, char **argv)
{
	(void)argv;
	return one(argc) + two(argc) + half(argc + 4) + by_pointer(77) + sign(argc) + sign(-argc) + sign(0) > 1000000;
}
