/* DWARF inside sym/: sections, units, entries (DIEs) and their attributes. */
#ifndef SYM_DWARF_H
#define SYM_DWARF_H

#include "sym/inside.h"

/* Numbers of the standard that are used here. */
enum {
	DT_array = 0x01, DT_class = 0x02, DT_enumeration = 0x04, DT_parameter = 0x05, DT_lexical_block = 0x0b, DT_member = 0x0d,
	DT_pointer = 0x0f, DT_reference = 0x10, DT_unit = 0x11, DT_structure = 0x13, DT_subroutine_type = 0x15, DT_typedef = 0x16,
	DT_union = 0x17, DT_unspecified = 0x18, DT_inheritance = 0x1c, DT_inlined = 0x1d, DT_subrange = 0x21, DT_base = 0x24,
	DT_const = 0x26, DT_enumerator = 0x28, DT_subprogram = 0x2e, DT_volatile = 0x35, DT_restrict = 0x37, DT_namespace = 0x39,
	DT_partial_unit = 0x3c, DT_rvalue_reference = 0x42, DT_atomic = 0x47,
	DA_sibling = 0x01, DA_name = 0x03, DA_byte_size = 0x0b, DA_location = 0x02, DA_bit_offset = 0x0c, DA_bit_size = 0x0d, DA_stmt_list = 0x10,
	DA_low_pc = 0x11, DA_high_pc = 0x12, DA_comp_dir = 0x1b, DA_call_file = 0x58, DA_call_line = 0x59, DA_const_value = 0x1c, DA_inline = 0x20, DA_upper_bound = 0x2f,
	DA_abstract_origin = 0x31, DA_artificial = 0x34, DA_count = 0x37, DA_data_member_location = 0x38, DA_declaration = 0x3c,
	DA_encoding = 0x3e, DA_external = 0x3f, DA_specification = 0x47, DA_type = 0x49, DA_ranges = 0x55,
	DA_entry_pc = 0x52, DA_data_bit_offset = 0x6b, DA_linkage_name = 0x6e, DA_str_offsets_base = 0x72, DA_addr_base = 0x73,
	DA_rnglists_base = 0x74, DA_loclists_base = 0x8c, DA_frame_base = 0x40, DA_MIPS_linkage_name = 0x2007, DA_dwo_name = 0x76, DA_GNU_dwo_name = 0x2130, DA_GNU_dwo_id = 0x2131, DA_GNU_addr_base = 0x2133,
};

/* A reader that never leaves its bytes: past the end it gives zeros and is `bad`. */
typedef struct Rd { const u8 *p, *end; bool bad; } Rd;
u64 rd_int(Rd *r, u32 size);
u64 rd_uleb(Rd *r);
s64 rd_sleb(Rd *r);
const char *rd_str(Rd *r);
void rd_skip(Rd *r, u64 n);

typedef struct Spec { u32 attr, form; s64 implicit; } Spec;
typedef struct Abbrev { u32 tag; bool children; u32 spec, n_specs; } Abbrev;
/* Abbreviations of one offset, by code (codes are dense from 1 in all compilers' output; others are refused). */
typedef struct Abbrevs { u64 off; Abbrev *v; u32 n; Spec *specs; } Abbrevs;

typedef struct Unit {
	u64 off, end, first;            /* of the unit in .debug_info; of its first entry */
	u32 version;
	u8 addr_size, off_size;
	const Abbrevs *abbrevs;
	u64 str_offsets, addr_base, rnglists, loclists, stmt_list, low_pc;
	bool has_lines;
	const char *comp_dir, *name;
	const char *dwo;                /* of a skeleton: the file with the rest; or NULL */
	u64 dwo_id;                     /* what the two parts have in common */
	u32 tag;
} Unit;

/* One entry. off 0: none. */
typedef struct Die { const Unit *u; u64 off, after; u32 tag; bool children; } Die;

typedef struct Value { u32 form; u64 u; s64 s; const char *str; Bytes block; u64 ref; bool set; } Value;

struct Dwarf {
	Arena *a;
	HostMap map, debug;
	Bytes info, abbrev, str, line_str, str_offsets, addr, ranges, rnglists, line, loc, loclists, cu_index;
	Vec(Unit *) units;
	Vec(Abbrevs *) abbrevs;
	Vec(void *) inflated;
	bool is_split;                  /* the file of a split unit */
	Vec(Dwarf *) splits;            /* of a program: those of its skeletons */
	Map types;                      /* offset of an entry -> Type */
	const char *mangled;            /* name being searched */
};

bool dwarf_die(Dwarf *d, const Unit *u, u64 off, Die *out);     /* false: a null entry or nonsense */
bool dwarf_attr(Dwarf *d, const Die *die, u32 attr, Value *v);
bool dwarf_ref(Dwarf *d, const Die *die, u32 attr, Die *out);   /* the entry that an attribute refers to */
const char *dwarf_name(Dwarf *d, const Die *die);               /* NULL: none */
u64 dwarf_num(Dwarf *d, const Die *die, u32 attr, u64 otherwise);
bool dwarf_flag(Dwarf *d, const Die *die, u32 attr);
/* Children one by one: Die c = { 0 }; while (dwarf_child(d, &parent, &c)) */
bool dwarf_child(Dwarf *d, const Die *parent, Die *c);
u64 dwarf_indexed(const Bytes *table, u64 base, u64 i, u32 size);       /* an entry of a table of addresses; ~0: outside */
typedef bool RangeFn(void *arg, u64 from, u64 to);
bool dwarf_each_range(Dwarf *d, const Die *die, RangeFn *fn, void *arg);        /* of its code, until fn is true */
bool dwarf_contains(Dwarf *d, const Die *die, u64 pc);
/* The name of file number i in the line table of a unit, "dir/x.c"; false: unknown. */
bool dwarf_file(Dwarf *d, const Unit *u, u32 i, Buf *out);
bool dwarf_low_pc(Dwarf *d, const Die *die, u64 *pc);           /* where its code begins, also of one in pieces */

void dwarf_take_units(Dwarf *d);

/* dwarfsplit.c: takes what belongs to a skeleton from its .dwo file, or from the package beside the program at `path`. */
void dwarf_open_split(Dwarf *d, const Unit *skeleton, const char *path);
/* dwarfsec.c */
void dwarf_take_sections(Dwarf *d, const HostMap *m);           /* those that are not there yet */
void dwarf_forget_sections(Dwarf *d);
void dwarf_find_separate(Dwarf *d, const char *path);           /* takes the sections of the separate debug file, if there is one */
/* dwarftype.c */
typedef bool DieFn(void *arg, const Die *die);
/* Calls fn for each entry of a tag at the top of units, in namespaces and classes, until it is true. */
bool dwarf_each(Dwarf *d, u32 tag, DieFn *fn, void *arg);
const Type *dwarf_type_of(Dwarf *d, Types *ts, const Die *die);         /* that its type attribute names; none: ty_none */
bool dwarf_is_scope(u32 tag);           /* a namespace, class or the like: others are defined inside */
bool dwarf_called(Dwarf *d, const Die *die, const char *name);  /* in the source or the symbol table, also by what it refers to */

#endif
