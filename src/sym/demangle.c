/* demangle: names of C++ (_Z...) and Rust (_R..., _ZN...17h<hash>E) by libiberty. */
#include "sym/sym.h"

#include <libiberty/demangle.h>

char *
sym_demangle(const char *name)
{
	if (name[0] != '_' || (name[1] != 'Z' && name[1] != 'R'))
		return NULL;
	return cplus_demangle(name, DMGL_PARAMS | DMGL_ANSI | DMGL_AUTO);
}
