/* dwarfsec: the debug sections of a file, and the file that has them. Compressed ones are inflated once. */
#include "sym/dwarf.h"

#include <elf.h>
#include <stdlib.h>
#include <zlib.h>

static Bytes
inflated(Dwarf *d, const u8 *p, u64 n, u64 size)
{
	uLongf got = size;
	void *out;

	/* A small file cannot ask for all memory: zlib packs at most a thousandfold. */
	if (size > n * 1100 || !size || !(out = malloc(size)))
		return (Bytes){ 0 };
	if (uncompress(out, &got, p, n) != Z_OK) {
		free(out);
		return (Bytes){ 0 };
	}
	VEC_PUSH(d->a, &d->inflated, out);
	return (Bytes){ out, got };
}

/* A section with the flag SHF_COMPRESSED. */
static Bytes
compressed(Dwarf *d, const u8 *p, u64 n)
{
	Elf64_Chdr h;

	if (n < sizeof(h))
		return (Bytes){ 0 };
	memcpy(&h, p, sizeof(h));
	return h.ch_type == ELFCOMPRESS_ZLIB ? inflated(d, p + sizeof(h), n - sizeof(h), h.ch_size) : (Bytes){ 0 };
}

/* GNU's older form, in sections called .zdebug_*: "ZLIB" and the size, its highest byte first. */
static Bytes
gnu_compressed(Dwarf *d, const u8 *p, u64 n)
{
	enum { HEAD = 12 };
	u64 size = 0;

	if (n < HEAD || memcmp(p, "ZLIB", 4))
		return (Bytes){ 0 };
	for (u32 i = 4; i < HEAD; i++)
		size = size << 8 | p[i];
	return inflated(d, p + HEAD, n - HEAD, size);
}

/* ".debug_info", ".zdebug_info", or in a file of a split unit ".debug_info.dwo". */
static bool
is_named(const char *name, u64 room, const char *want, bool z, bool split)
{
	static const char suffix[] = ".dwo";
	size_t n = strlen(want);

	if (room <= n + z + (split ? strlen(suffix) : 0) || strncmp(name + 1 + z, want + 1, n - 1))
		return false;
	return !strcmp(name + z + n, split ? suffix : "");
}

void
dwarf_take_sections(Dwarf *d, const HostMap *m)
{
	const struct { const char *name; Bytes *to; } want[] = {
		{ ".debug_info", &d->info }, { ".debug_abbrev", &d->abbrev }, { ".debug_str", &d->str },
		{ ".debug_line_str", &d->line_str }, { ".debug_str_offsets", &d->str_offsets }, { ".debug_addr", &d->addr },
		{ ".debug_ranges", &d->ranges }, { ".debug_rnglists", &d->rnglists }, { ".debug_line", &d->line },
		{ ".debug_loc", &d->loc }, { ".debug_loclists", &d->loclists }, { ".debug_cu_index", &d->cu_index },
	};
	Elf64_Ehdr eh;
	Elf64_Shdr names, sh;

	if (m->n < sizeof(eh))
		return;
	memcpy(&eh, m->p, sizeof(eh));
	if (memcmp(eh.e_ident, ELFMAG, SELFMAG) || eh.e_ident[EI_CLASS] != ELFCLASS64 || eh.e_ident[EI_DATA] != ELFDATA2LSB ||
	    eh.e_shentsize != sizeof(sh) || eh.e_shoff > m->n || (m->n - eh.e_shoff) / sizeof(sh) < eh.e_shnum ||
	    eh.e_shstrndx >= eh.e_shnum)
		return;
	memcpy(&names, m->p + eh.e_shoff + eh.e_shstrndx * sizeof(sh), sizeof(sh));
	if (names.sh_offset > m->n || m->n - names.sh_offset < names.sh_size)
		return;
	for (u32 i = 0; i < eh.e_shnum; i++) {
		memcpy(&sh, m->p + eh.e_shoff + i * sizeof(sh), sizeof(sh));
		if (sh.sh_type == SHT_NOBITS || sh.sh_name >= names.sh_size || sh.sh_offset > m->n || m->n - sh.sh_offset < sh.sh_size)
			continue;
		for (u32 k = 0; k < COUNT(want); k++) {
			const char *name = (const char *)m->p + names.sh_offset + sh.sh_name;
			bool z = names.sh_size - sh.sh_name > 2 && !strncmp(name, ".z", 2);

			bool split = d->is_split && want[k].to != &d->cu_index;

			if (want[k].to->p || !is_named(name, names.sh_size - sh.sh_name, want[k].name, z, split))
				continue;
			if (sh.sh_flags & SHF_COMPRESSED)
				*want[k].to = compressed(d, m->p + sh.sh_offset, sh.sh_size);
			else if (z)
				*want[k].to = gnu_compressed(d, m->p + sh.sh_offset, sh.sh_size);
			else
				*want[k].to = (Bytes){ m->p + sh.sh_offset, sh.sh_size };
		}
	}
}

/* What is not with the entries belongs to nothing. */
void
dwarf_forget_sections(Dwarf *d)
{
	d->abbrev = d->str = d->line_str = d->str_offsets = d->addr = d->ranges = d->rnglists = d->line = d->loc = d->loclists = (Bytes){ 0 };
}

static bool
take_debug(void *dwarf, HostMap *m)
{
	Dwarf *d = dwarf;

	dwarf_take_sections(d, m);
	if (d->info.p)
		d->debug = *m;
	else
		dwarf_forget_sections(d);
	return d->info.p != NULL;
}

void
dwarf_find_separate(Dwarf *d, const char *path)
{
	DebugName name;
	int err;
	Elf *e = sym_elf_open(path, &err);

	if (e && sym_elf_debug_name(e, path, &name))
		sym_debug_find(&name, take_debug, d);
	sym_elf_close(e);
}
