/* types: the names of map and program types, from the rows of maptypes.def and progtypes.def. */
#include "bpf/bpf.h"

typedef struct { const char *name; bool percpu; char letter; } Row;

static const Row maps[] = {
#define MAPTYPE(id, name, percpu) [id] = { #name, percpu, 0 },
#include "bpf/maptypes.def"
#undef MAPTYPE
};

static const Row progs[] = {
#define PROGTYPE(id, name, letter) [id] = { #name, false, letter },
#include "bpf/progtypes.def"
#undef PROGTYPE
};

static int
find(const Row *row, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (row[i].name && !strcmp(row[i].name, name))
			return (int)i;
	return -1;
}

const char *
bpf_map_type_name(u32 type)
{
	return type < COUNT(maps) ? maps[type].name : NULL;
}

int
bpf_map_type_named(const char *name)
{
	return find(maps, COUNT(maps), name);
}

bool
bpf_map_type_percpu(u32 type)
{
	return type < COUNT(maps) && maps[type].percpu;
}

const char *
bpf_prog_type_name(u32 type)
{
	return type < COUNT(progs) ? progs[type].name : NULL;
}

int
bpf_prog_type_named(const char *name)
{
	return find(progs, COUNT(progs), name);
}

char
bpf_prog_type_letter(u32 type)
{
	return type < COUNT(progs) ? progs[type].letter : 0;
}
