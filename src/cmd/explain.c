/* explain: what a diagnostic's tag means. */
#include "cmd/cmd.h"

#include <stdio.h>

int
explain_main(int argc, char **argv)
{
	int tag = argc == 2 ? diag_find(argv[1]) : -1;

	if (tag >= 0) {
		printf("%s: %s\n", diag_name((DiagTag)tag), diag_sentence((DiagTag)tag));
		return 0;
	}
	if (argc == 2)
		fprintf(stderr, "piton explain: no diagnostic is called '%s'; the tags are:\n", argv[1]);
	else
		fputs("usage: piton explain TAG; the tags are:\n", stderr);
	for (int i = 0; i < N_DIAG; i++)
		fprintf(stderr, "  %s\n", diag_name((DiagTag)i));
	return 2;
}
