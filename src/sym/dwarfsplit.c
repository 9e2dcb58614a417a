/* dwarfsplit: what -gsplit-dwarf leaves outside of the program: a .dwo file for each unit, or all of them in one package PROGRAM.dwp
 * (DWARF 5, section 7.3.5; GNU's form for version 4 before it). Addresses stay with the skeletons in the program. */
#include "sym/dwarf.h"

#include <libgen.h>
#include <limits.h>
#include <stdio.h>

/* A word of the index; 0 outside. */
static u64
word(const Bytes *b, u64 off, u32 size)
{
	u64 v = 0;

	if (off <= b->n && b->n - off >= size)
		memcpy(&v, b->p + off, size);
	return v;
}

static void
cut(Bytes *b, u64 off, u64 n)
{
	*b = off <= b->n && b->n - off >= n ? (Bytes){ b->p + off, n } : (Bytes){ 0 };
}

/* The sections of a package become those of one unit. The index: a head of four words (version, columns, units, slots), the slots'
 * ids, their rows (from 1), the columns' sections, then for each row the offsets, and behind all of them the sizes. */
static bool
cut_to_unit(Dwarf *d, u64 id)
{
	const Bytes index = d->cu_index;
	u32 version = (u32)word(&index, 0, 4) & 0xffff, columns = (u32)word(&index, 4, 4);
	u64 units = word(&index, 8, 4), slots = word(&index, 12, 4), rows, ids, at, slot;
	Bytes *const sections[] = { [1] = &d->info, [3] = &d->abbrev, [4] = &d->line, [5] = version >= 5 ? &d->loclists : &d->loc,
		[6] = &d->str_offsets, [8] = version >= 5 ? &d->rnglists : NULL };

	if ((version != 2 && version != 5) || columns > 16 || slots > index.n / 12 || units > index.n / 8)
		return false;
	for (slot = 0; slot < slots && word(&index, 16 + slot * 8, 8) != id; slot++)
		;
	rows = 16 + slots * 8;
	ids = rows + slots * 4;
	at = slot < slots ? word(&index, rows + slot * 4, 4) : 0;
	if (!at || at > units)
		return false;
	at = ids + 4ull * columns * at;         /* behind the row of the columns' names */
	for (u32 c = 0; c < columns; c++) {
		u64 section = word(&index, ids + 4 * c, 4);

		if (section < COUNT(sections) && sections[section])
			cut(sections[section], word(&index, at + 4 * c, 4), word(&index, at + 4 * c + 4ull * columns * units, 4));
	}
	return true;
}

/* Maps the file of a unit: where the compiler put it, or beside the program if it has moved with that. */
static bool
map_dwo(Dwarf *split, const Unit *skeleton, const char *path)
{
	char dir[PATH_MAX], file[2 * PATH_MAX];
	const char *base = strrchr(skeleton->dwo, '/') ? strrchr(skeleton->dwo, '/') + 1 : skeleton->dwo;
	bool whole = *skeleton->dwo == '/';

	snprintf(file, sizeof(file), "%s%s%s", whole || !skeleton->comp_dir ? "" : skeleton->comp_dir, whole ? "" : "/", skeleton->dwo);
	if (!host_map(file, &split->map))
		return true;
	snprintf(dir, sizeof(dir), "%s", path);
	snprintf(file, sizeof(file), "%s/%s", dirname(dir), base);
	return !host_map(file, &split->map);
}

void
dwarf_open_split(Dwarf *d, const Unit *skeleton, const char *path)
{
	Dwarf *split = NEW(d->a, Dwarf);
	char package[PATH_MAX];
	bool packed;

	split->a = d->a;
	split->types.arena = d->a;
	split->is_split = true;
	snprintf(package, sizeof(package), "%s.dwp", path);
	packed = !map_dwo(split, skeleton, path);
	if (packed && host_map(package, &split->map))
		return;
	dwarf_take_sections(split, &split->map);
	split->addr = d->addr;
	if (split->info.p && split->abbrev.p && (!packed || cut_to_unit(split, skeleton->dwo_id)))
		dwarf_take_units(split);
	for (u32 i = 0; i < split->units.n; i++) {
		split->units.v[i]->addr_base = skeleton->addr_base;
		split->units.v[i]->low_pc = skeleton->low_pc;
	}
	VEC_PUSH(d->a, &d->splits, split);
}
