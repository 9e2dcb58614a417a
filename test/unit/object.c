/* The reader of program files: bpfx, hex text, raw instructions, and what it says about bad ones. */
#include "bpf/bpf.h"

#include <assert.h>
#include <stdio.h>

static Arena *a;

static bool
parse(const char *text, size_t n, Object *o, Buf *why)
{
	Diag *d = diag_new(a);
	bool ok = bpf_object_parse("t.bpfx", text, n, a, d, o);

	buf_clear(why);
	diag_print(d, why, false);
	assert(ok == (diag_errors(d) == 0));
	return ok;
}

static void
reads_bpfx(void)
{
	static const char text[] = "# name\ntype xdp\nattach_type 37\nflags 16\nlicense GPL\n"
		"map 0 a array key=4 value=8 entries=2 init=0102\nmap 1 p prog_array key=4 value=4 entries=4 progs=0,1,2\n"
		"map 2 o array_of_maps key=4 value=4 entries=1 inner_kind=hash inner_key=8 inner_value=16\n"
		"kfunc 1 bpf_x\ninsns b700000000000000\ninsns 9500000000000000\nrun 7 0102 03\nrun 4294967295\n";
	Buf why = { 0 };
	Object o;

	assert(parse(text, sizeof(text) - 1, &o, &why));
	assert(!strcmp(o.format, "bpfx") && o.n_maps == 4 && o.n_progs == 1 && o.n_runs == 2);
	assert(o.progs[0].code.n == 2 && o.progs[0].code.prog_type == BPF_PROG_TYPE_XDP);
	assert(o.progs[0].code.sleepable && o.progs[0].code.attach_type == 37 && o.progs[0].code.insns[1].code == 0x95);
	assert(!memcmp(o.maps[0].init, "\1\2\0\0\0\0\0\0", 8));
	assert(o.maps[1].n_prog_keys == 3 && o.maps[1].prog_keys[2] == 2);
	assert(o.maps[2].inner == 4 && o.maps[3].type == BPF_MAP_TYPE_HASH && o.maps[3].value_size == 16);
	assert(o.runs[0].size == 3 && o.runs[0].data[2] == 3 && o.runs[1].retval == UINT32_MAX);
	assert(o.progs[0].code.n_kfuncs == 1 && o.progs[0].code.kfuncs[0].pc == 1);
	buf_free(&why);
}

static void
reads_hex_and_raw(void)
{
	static const char hex[] = "# c\nb7 00 00 00 07000000\n9500000000000000\n";
	static const u8 raw[16] = { 0xb7, 0, 0, 0, 7, 0, 0, 0, 0x95 };
	Buf why = { 0 };
	Object o;

	assert(parse(hex, sizeof(hex) - 1, &o, &why) && o.progs[0].code.n == 2 && !strcmp(o.format, "hex"));
	assert(!memcmp(o.progs[0].code.insns, raw, 16));
	assert(parse((const char *)raw, 16, &o, &why) && !strcmp(o.format, "raw"));
	assert(!memcmp(o.progs[0].code.insns, raw, 16));
	buf_free(&why);
}

static void
refuses(void)
{
	static const struct { const char *text, *word; } bad[] = {
		{ "type xdq\ninsns 9500000000000000\n", "unknown program type 'xdq'" },
		{ "insns 95000000000000\n", "7 bytes" },
		{ "insns 950\n", "odd number" },
		{ "insns 9g\n", "two hex digits" },
		{ "bogus 1\ninsns 9500000000000000\nnonsense\n", "neither" },
		{ "map 1 a array key=4\ninsns 9500000000000000\n", "expected 0" },
		{ "map 0 a array key=4x\ninsns 9500000000000000\n", "number of 32 bits" },
		{ "map 0 a array\ninsns 9500000000000000\nfoo 1\n", "unknown key 'foo'" },
		{ "", "neither" },
	};
	Buf why = { 0 };
	Object o;

	for (size_t i = 0; i < COUNT(bad); i++) {
		assert(!parse(bad[i].text, strlen(bad[i].text), &o, &why));
		if (!strstr(why.p, bad[i].word)) {
			fprintf(stderr, "wanted '%s' in: %s\n", bad[i].word, why.p);
			assert(0);
		}
	}
	buf_free(&why);
}

static void
tables(void)
{
	assert(bpf_helper(1)->id == 1 && !strcmp(bpf_helper(181)->name, "loop") && !bpf_helper(0) && !bpf_helper(212));
	assert(bpf_helper_named("ktime_get_ns")->id == 5 && !bpf_helper_named("nothing"));
	assert(bpf_map_type_named("percpu_hash") == 5 && bpf_map_type_percpu(5) && !bpf_map_type_percpu(1));
	assert(bpf_prog_type_named("xdp") == BPF_PROG_TYPE_XDP && !bpf_prog_type_name(99) && bpf_prog_type_named("") == -1);
	for (u32 id = 1; id <= 211; id++) {     /* every signature is well formed */
		const char *s = bpf_helper(id)->sig, *gt = strchr(s, '>');

		assert(gt && gt - s <= 5 && strlen(gt) == 2);
		assert(strspn(s, "cmi.fxkvVnXJsrwqRWlLghbzZaStdDEeFKoOBUPpj") == (size_t)(gt - s));
		assert(strchr("ivmMrDsSCtPpQqk", gt[1]));
	}
}

int
main(void)
{
	a = arena_new();
	reads_bpfx();
	reads_hex_and_raw();
	refuses();
	tables();
	arena_free(a);
	return 0;
}
