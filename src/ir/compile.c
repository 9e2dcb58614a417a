/* compile: the order of passes, and each pass by its name. */
#include "ir/ir.h"
#include "ir/pass.h"

typedef void PassFn(Fn *fn, const IrOptions *opt);
typedef struct Pass { const char *name; PassFn *run; } Pass;

static void
tidy(Fn *fn, const IrOptions *opt)
{
	(void)opt;
	ir_tidy(fn);
}

static const Pass passes[] = {
	{ "tidy", tidy },
};

bool
ir_pass(Unit *u, const char *name, const IrOptions *opt, Diag *d)
{
	(void)d;
	for (u32 k = 0; k < COUNT(passes); k++) {
		if (strcmp(passes[k].name, name))
			continue;
		for (u32 n = 0; n < u->fns.n; n++)
			passes[k].run(u->fns.v[n], opt);
		return true;
	}
	return false;
}
