/* `piton vm` alone, for machines whose libraries for ELF are not here. */
#include "cmd/cmd.h"

int
main(int argc, char **argv)
{
	return argc > 1 ? vm_main(argc - 1, argv + 1) : 2;
}
