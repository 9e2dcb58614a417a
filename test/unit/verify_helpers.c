/* verify_helpers [SEED COUNT]: calls helpers with arguments that fit their signature, mostly, from every program type, and compares the
 * verifier with the host kernel: the verdict and the register it names. Prints each kind of disagreement once; fails on any
 * false accept. */
#include "../vm/kernel.h"
#include "vm/vm.h"

static u64 seed;

static u32
rnd(u32 n)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (u32)((seed >> 11) % n);
}

static MapDef maps[] = {
	{ .name = "array", .type = BPF_MAP_TYPE_ARRAY, .key_size = 4, .value_size = 64, .max_entries = 1 },
	{ .name = "hash", .type = BPF_MAP_TYPE_HASH, .key_size = 8, .value_size = 8, .max_entries = 8 },
	{ .name = "percpu", .type = BPF_MAP_TYPE_PERCPU_ARRAY, .key_size = 4, .value_size = 8, .max_entries = 4 },
	{ .name = "queue", .type = BPF_MAP_TYPE_QUEUE, .value_size = 8, .max_entries = 8 },
	{ .name = "stacks", .type = BPF_MAP_TYPE_STACK_TRACE, .key_size = 4, .value_size = 64, .max_entries = 8 },
	{ .name = "perf", .type = BPF_MAP_TYPE_PERF_EVENT_ARRAY, .key_size = 4, .value_size = 4, .max_entries = 2 },
	{ .name = "ring", .type = BPF_MAP_TYPE_RINGBUF, .max_entries = 4096 },
	{ .name = "bloom", .type = BPF_MAP_TYPE_BLOOM_FILTER, .value_size = 8, .max_entries = 8 },
	{ .name = "lru", .type = BPF_MAP_TYPE_LRU_HASH, .key_size = 8, .value_size = 8, .max_entries = 8 },
	{ .name = "cgroups", .type = BPF_MAP_TYPE_CGROUP_ARRAY, .key_size = 4, .value_size = 4, .max_entries = 2 },
	{ .name = "sockmap", .type = BPF_MAP_TYPE_SOCKMAP, .key_size = 4, .value_size = 4, .max_entries = 2 },
	{ .name = "sockhash", .type = BPF_MAP_TYPE_SOCKHASH, .key_size = 4, .value_size = 4, .max_entries = 2 },
	{ .name = "devmap", .type = BPF_MAP_TYPE_DEVMAP, .key_size = 4, .value_size = 4, .max_entries = 2 },
	{ .name = "cpumap", .type = BPF_MAP_TYPE_CPUMAP, .key_size = 4, .value_size = 4, .max_entries = 2 },
	{ .name = "xskmap", .type = BPF_MAP_TYPE_XSKMAP, .key_size = 4, .value_size = 4, .max_entries = 2 },
	{ .name = "reuseport", .type = BPF_MAP_TYPE_REUSEPORT_SOCKARRAY, .key_size = 4, .value_size = 8, .max_entries = 2 },
	{ .name = "frozen", .type = BPF_MAP_TYPE_ARRAY, .key_size = 4, .value_size = 16, .max_entries = 1, .flags = BPF_F_RDONLY_PROG,
	  .init = "%d\0\0\0\0\0\0\0\0\0\0\0\0\0", .frozen = true },
	{ .name = "cgstorage", .type = BPF_MAP_TYPE_CGROUP_STORAGE, .key_size = 16, .value_size = 64 },
	{ .name = "userring", .type = BPF_MAP_TYPE_USER_RINGBUF, .max_entries = 4096 },
};
enum { FROZEN = 16 };

static Insn code[128];
static u32 n;

static void
put(u8 op, u8 dst, u8 src, s16 off, s32 imm)
{
	code[n++] = (Insn){ .code = op, .dst_reg = dst, .src_reg = src, .off = off, .imm = imm };
}

static void
map_ref(u8 reg, u8 src, s32 map)
{
	put(0x18, reg, src, 0, map);
	put(0, 0, 0, 0, 0);
}

static void
argument(u8 reg, char letter)
{
	static const s32 sizes[] = { 0, 1, 4, 8, 16, 20, 40, 64, 65, -1 };

	if (rnd(10) == 0)
		letter = "cmkzi0us"[rnd(8)];
	switch (letter) {
	case 'c': case 'X': put(0xbf, reg, 6, 0, 0); break;
	case 'm': map_ref(reg, 1, (s32)rnd(COUNT(maps))); break;
	case 'z': case 'Z': case 'a': put(0xb7, reg, 0, 0, sizes[rnd(COUNT(sizes))]); break;
	case 's': map_ref(reg, 2, FROZEN); break;
	case 'u': break;
	case 'i': case '.': case '0': put(0xb7, reg, 0, 0, 0); break;
	default:
		if (rnd(3) == 0) {
			map_ref(reg, 2, rnd(6) ? 0 : FROZEN);
			break;
		}
		put(0xbf, reg, 10, 0, 0);
		put(0x07, reg, 0, 0, -64 + 4 * (s32)rnd(3));
	}
}

static int
register_in(const char *s)
{
	return s[0] == 'R' && s[1] >= '0' && s[1] <= '9' ? s[1] - '0' : -1;
}

static const u32 types[][2] = { { 1, 0 }, { 2, 0 }, { 3, 0 }, { 5, 0 }, { 6, 0 }, { 7, 0 }, { 8, 0 }, { 9, 2 }, { 10, 0 }, { 11, 0 }, { 12, 0 }, { 13, 3 },
	{ 14, 4 }, { 15, 6 }, { 16, 7 }, { 17, 0 }, { 18, 8 }, { 18, 10 }, { 18, 19 }, { 19, 0 }, { 21, 39 }, { 22, 17 }, { 23, 18 }, { 24, 0 },
	{ 25, 21 }, { 25, 22 }, { 30, 36 }, { 32, 45 } };

int
main(int argc, char **argv)
{
	Object o = { .maps = maps, .n_maps = COUNT(maps) };
	static u32 seen[8192];
	u32 n_seen = 0, same = 0, fa = 0, fr = 0, other = 0, us = 0;
	KMaps fds;

	u32 count = argc > 2 ? (u32)atoi(argv[2]) : 10000;

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (!kernel_is_ours())
		return 77;
	seed = (argc > 1 ? strtoull(argv[1], NULL, 0) : 1) * 0x9e3779b97f4a7c15ull + 1;
	maps_make(&o, &fds);
	for (u32 i = 0; i < count; i++) {
		u32 id = 1 + rnd(211), t = rnd(COUNT(types)), kind;
		const Helper *h = bpf_helper(id);
		Code c = { .prog_type = types[t][0], .attach_type = types[t][1], .insns = code };
		Verdict v;
		int err, kr, vr;

		n = 0;
		put(0xbf, 6, 1, 0, 0);
		for (s16 at = -64; at < 0; at += 8)
			put(0x7a, 10, 0, at, 0);
		for (u8 reg = 1; h->sig[reg - 1] != '>'; reg++)
			argument(reg, h->sig[reg - 1]);
		put(0x85, 0, 0, 0, (s32)id);
		put(0xb7, 0, 0, 0, 1);
		put(0x95, 0, 0, 0, 0);
		c.n = n;
		vm_verify(&c, maps, COUNT(maps), NULL, &v, NULL);
		err = kernel_verdict(&c, &fds, 1);
		if (v.unsupported || (err && !kernel_words()[0])) {
			us++;
			verdict_free(&v);
			continue;
		}
		kernel_verdict(&c, &fds, 1);
		kr = err ? register_in(kernel_words()) : -1;
		vr = v.ok ? -1 : register_in(v.text.p);
		if (!err == v.ok && (v.ok || kr == vr))
			same++;
		else {
			char key[100];
			bool new = true;

			if (!err == v.ok)
				other++;
			else if (v.ok)
				fa++;
			else
				fr++;
			snprintf(key, sizeof(key), "%u %d %d %d %d", id, kr, vr, err != 0, v.ok);
			kind = base_hash(key, strlen(key));
			for (u32 s = 0; s < n_seen; s++)
				new &= seen[s] != kind;
			if (new && n_seen < COUNT(seen)) {
				seen[n_seen++] = kind;
				if (err)
					kernel_verdict(&c, &fds, 1);
				printf("%s %s.%u %s: kernel: %s; we: %.*s\n", !err == v.ok ? "differ" : v.ok ? "FALSE ACCEPT" : "false reject",
				       bpf_prog_type_name(c.prog_type), c.attach_type, h->name, err ? kernel_words() : "accepts",
				       v.ok ? 7 : (int)strcspn(v.text.p, "\n"), v.ok ? "accepts" : v.text.p);
			}
		}
		verdict_free(&v);
	}
	printf("%u alike, %u falsely accepted, %u falsely refused, %u for other reasons, %u not comparable\n", same, fa, fr, other, us);
	maps_close(&fds);
	return fa != 0;
}
