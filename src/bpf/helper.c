/* helper: the rows of helpers.def, by number and by name. */
#include "bpf/bpf.h"

enum { C = HE_CONST, R = HE_READS, W = HE_WRITES, M = HE_MAP_WRITES, I = HE_IO };

static const Helper rows[] = {
#define HELPER(id, name, sig, effects, gpl, types) [id] = { id, #name, sig, effects, gpl, types },
#include "bpf/helpers.def"
#undef HELPER
};

const Helper *
bpf_helper(u32 id)
{
	return id < COUNT(rows) && rows[id].name ? &rows[id] : NULL;
}

const Helper *
bpf_helper_named(const char *name)
{
	for (size_t i = 0; i < COUNT(rows); i++)
		if (rows[i].name && !strcmp(rows[i].name, name))
			return &rows[i];
	return NULL;
}
