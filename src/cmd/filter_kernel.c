/* filter_kernel: a filter as an eBPF program in the kernel, with the maps that its large sets need. */
#include "cmd/filter.h"

#include "kern/kern.h"

/* The table, then the sets. Handles in map[]; 0 or -errno. */
static int
make_maps(Machine *m, const FiltEbpf *e, int *map)
{
	MapDef table = { .name = "table", .type = BPF_MAP_TYPE_ARRAY, .key_size = 4, .max_entries = 1, .flags = BPF_F_RDONLY_PROG,
		.frozen = true, .value_size = (u32)e->table.n, .init = e->table.p };
	u32 one = 1;
	int err = 0;

	map[0] = e->table.n ? m->ops->map_new(m, &table) : 0;
	if (map[0] < 0)
		return map[0];
	for (u32 i = 0; i < e->maps.n; i++) {
		const FiltMap *x = &e->maps.v[i];
		u32 words = x->prefixes ? 2 : 1;
		MapDef def = { .name = "set", .type = x->prefixes ? BPF_MAP_TYPE_LPM_TRIE : BPF_MAP_TYPE_HASH, .key_size = 4 * words,
			.value_size = 4, .max_entries = x->n, .flags = x->prefixes ? BPF_F_NO_PREALLOC : 0 };

		map[i + 1] = m->ops->map_new(m, &def);
		if (map[i + 1] < 0)
			return map[i + 1];
		for (u32 k = 0; k < x->n && !err; k++)
			err = m->ops->map_update(m, map[i + 1], x->key + k * words, &one, 0);
	}
	return err;
}

int
filter_load(Machine *m, Arena *a, const FiltEbpf *e, u32 prog_type, Refusal *why)
{
	Code code = { .name = "filter", .prog_type = prog_type, .insns = e->insns, .n = e->n };
	int *map = NEW_N(a, int, e->maps.n + 1), err = make_maps(m, e, map);

	return err ? err : m->ops->prog_load(m, &code, map, e->maps.n + 1, why);
}
