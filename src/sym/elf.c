/* elf: symbols of one binary, read where the file is mapped. Nothing is copied but an index of 16 bytes a function, made
 * at the first question and sorted by address. Files are hostile: every offset is checked against the mapping before use. */
#include "sym/inside.h"

#include <elf.h>
#include <stdio.h>
#include <stdlib.h>

/* A function: value, size, name as an offset into the string table of table 0 (symtab) or 1 (dynsym). */
typedef struct Fun { u64 value; u32 size, name; } Fun;
#define DYN 0x80000000u

typedef struct Table { const u8 *sym; u64 n; u32 entsize; const char *str; u64 str_size; } Table;

struct Elf {
	HostMap map, debug;             /* the file; the separate file that holds its .symtab */
	bool borrowed;                  /* map is not ours to unmap */
	bool is32, big;
	Fun *fun;
	u32 n_fun;
	bool indexed;
	Table table[2];
};

/* Both classes by one view; fields in the machine's own byte order (files of another order are refused). */
typedef struct Section { u32 name, type, link; u64 addr, off, size, entsize; } Section;

typedef struct View { const u8 *p; size_t n; bool is32; u64 shoff, phoff; u32 shnum, phnum, shstr; } View;

static bool
in(const View *v, u64 off, u64 size)
{
	return off <= v->n && size <= v->n - off;
}

static int
view(const u8 *p, size_t n, View *v)
{
	const Elf64_Ehdr *h = (const Elf64_Ehdr *)p;
	const Elf32_Ehdr *h32 = (const Elf32_Ehdr *)p;
	u16 one = 1;

	*v = (View){ p, n };
	if (n < sizeof(Elf32_Ehdr) || memcmp(p, ELFMAG, SELFMAG))
		return -ENOEXEC;
	if (p[EI_DATA] != (*(u8 *)&one ? ELFDATA2LSB : ELFDATA2MSB))
		return -ENOEXEC;
	v->is32 = p[EI_CLASS] == ELFCLASS32;
	if (!v->is32 && n < sizeof(*h))
		return -ENOEXEC;
	v->shoff = v->is32 ? h32->e_shoff : h->e_shoff;
	v->phoff = v->is32 ? h32->e_phoff : h->e_phoff;
	v->shnum = v->is32 ? h32->e_shnum : h->e_shnum;
	v->phnum = v->is32 ? h32->e_phnum : h->e_phnum;
	v->shstr = v->is32 ? h32->e_shstrndx : h->e_shstrndx;
	if (!in(v, v->shoff, (u64)v->shnum * (v->is32 ? sizeof(Elf32_Shdr) : sizeof(Elf64_Shdr))))
		v->shnum = 0;           /* stripped of its sections, or cut off: the program headers may still serve */
	if (!in(v, v->phoff, (u64)v->phnum * (v->is32 ? sizeof(Elf32_Phdr) : sizeof(Elf64_Phdr))))
		v->phnum = 0;
	return 0;
}

static Section
section(const View *v, u32 i)
{
	Elf64_Shdr s;
	Elf32_Shdr t;

	if (v->is32) {
		memcpy(&t, v->p + v->shoff + i * sizeof(t), sizeof(t));
		return (Section){ t.sh_name, t.sh_type, t.sh_link, t.sh_addr, t.sh_offset, t.sh_size, t.sh_entsize };
	}
	memcpy(&s, v->p + v->shoff + i * sizeof(s), sizeof(s));
	return (Section){ s.sh_name, s.sh_type, s.sh_link, s.sh_addr, s.sh_offset, s.sh_size, s.sh_entsize };
}

/* Has the section that name, and contents in the file? */
static bool
section_is(const View *v, const Section *s, const char *name)
{
	Section names;

	if (v->shstr >= v->shnum || s->type == SHT_NOBITS)
		return false;
	names = section(v, v->shstr);
	return in(v, names.off, names.size) && s->name < names.size && names.size - s->name > strlen(name) &&
	       !strncmp((const char *)v->p + names.off + s->name, name, names.size - s->name) && in(v, s->off, s->size);
}

/* The contents of the section called `name`; NULL if there is none. */
static const u8 *
named(const View *v, const char *name, u64 *size)
{
	for (u32 i = 0; i < v->shnum; i++) {
		Section s = section(v, i);

		if (section_is(v, &s, name)) {
			*size = s.size;
			return v->p + s.off;
		}
	}
	return NULL;
}

static bool
table(const View *v, u32 type, Table *t)
{
	for (u32 i = 0; i < v->shnum; i++) {
		Section s = section(v, i), str;

		if (s.type != type || s.link >= v->shnum)
			continue;
		str = section(v, s.link);
		t->entsize = v->is32 ? sizeof(Elf32_Sym) : sizeof(Elf64_Sym);
		if (!in(v, s.off, s.size) || !in(v, str.off, str.size) || !str.size || v->p[str.off + str.size - 1])
			continue;
		t->sym = v->p + s.off;
		t->n = s.size / t->entsize;
		t->str = (const char *)v->p + str.off;
		t->str_size = str.size;
		return t->n > 1;
	}
	return false;
}

static bool
symbol(const Elf *e, const Table *t, u64 i, Elf64_Sym *out)
{
	Elf32_Sym s;

	if (e->is32) {
		memcpy(&s, t->sym + i * sizeof(s), sizeof(s));
		*out = (Elf64_Sym){ .st_name = s.st_name, .st_info = s.st_info, .st_shndx = s.st_shndx,
				    .st_value = s.st_value, .st_size = s.st_size };
	} else {
		memcpy(out, t->sym + i * sizeof(*out), sizeof(*out));
	}
	return out->st_shndx != SHN_UNDEF && out->st_name && out->st_name < t->str_size;
}

static bool
is_func(const Elf64_Sym *s)
{
	u8 type = ELF64_ST_TYPE(s->st_info);

	return type == STT_FUNC || type == STT_GNU_IFUNC;
}

/* ---- separate debug files ---- */

/* The build id note's bytes as hexadecimal; false: none. */
static bool
build_id(const View *v, char *out, size_t max)
{
	u64 size;
	const u8 *p = named(v, ".note.gnu.build-id", &size);
	u32 len;

	if (!p || size < 16)
		return false;
	memcpy(&len, p + 4, 4);
	if (len < 2 || len > size - 16 || (size_t)len * 2 >= max)
		return false;
	for (u32 i = 0; i < len; i++)
		sprintf(out + 2 * i, "%02x", p[16 + i]);
	return true;
}

bool
sym_image_build_id(const HostMap *m, char id[SYM_BUILD_ID])
{
	View v;

	return !view(m->p, m->n, &v) && build_id(&v, id, SYM_BUILD_ID);
}

bool
sym_elf_debug_name(const Elf *e, const char *path, DebugName *out)
{
	const char *link;
	u64 size;
	View v;

	*out = (DebugName){ .path = path };
	if (view(e->map.p, e->map.n, &v))
		return false;
	if (!build_id(&v, out->build_id, sizeof(out->build_id)))
		out->build_id[0] = 0;
	link = (const char *)named(&v, ".gnu_debuglink", &size);
	if (link && memchr(link, 0, size) && !strchr(link, '/') && ALIGN(strlen(link) + 1, 4) + 4 <= size) {
		out->link = link;
		memcpy(&out->crc, link + ALIGN(strlen(link) + 1, 4), 4);
	}
	return true;
}

static bool
take_symbols(void *elf, HostMap *m)
{
	Elf *e = elf;
	View v;

	if (view(m->p, m->n, &v) || v.is32 != e->is32 || !table(&v, SHT_SYMTAB, &e->table[0]))
		return false;
	e->debug = *m;
	return true;
}

/* ---- opening ---- */

static Elf *
elf_new(HostMap map, const char *path, int *err)
{
	DebugName name;
	Elf *e;
	View v;

	*err = view(map.p, map.n, &v);
	if (*err)
		return NULL;
	e = calloc(1, sizeof(*e));
	if (!e) {
		*err = -ENOMEM;
		return NULL;
	}
	e->map = map;
	e->is32 = v.is32;
	table(&v, SHT_DYNSYM, &e->table[1]);
	if (!table(&v, SHT_SYMTAB, &e->table[0]) && path && sym_elf_debug_name(e, path, &name))
		sym_debug_find(&name, take_symbols, e);
	return e;
}

Elf *
sym_elf_open(const char *path, int *err)
{
	HostMap map;
	Elf *e;

	*err = host_map(path, &map);
	if (*err)
		return NULL;
	e = elf_new(map, path, err);
	if (!e)
		host_unmap(&map);
	return e;
}

Elf *
sym_elf_memory(const u8 *p, size_t n)
{
	int err;
	Elf *e = elf_new((HostMap){ p, n, false }, NULL, &err);

	if (e)
		e->borrowed = true;
	return e;
}

void
sym_elf_close(Elf *e)
{
	if (!e)
		return;
	if (!e->borrowed)
		host_unmap(&e->map);
	host_unmap(&e->debug);
	free(e->fun);
	free(e);
}

/* ---- questions ---- */

/* Between file offsets and addresses, by the loadable segments. (u64)-1: in none. */
static u64
convert(const Elf *e, u64 from, bool to_offset)
{
	View v;

	if (view(e->map.p, e->map.n, &v))
		return (u64)-1;
	for (u32 i = 0; i < v.phnum; i++) {
		Elf64_Phdr h;
		Elf32_Phdr t;

		if (v.is32) {
			memcpy(&t, v.p + v.phoff + i * sizeof(t), sizeof(t));
			h = (Elf64_Phdr){ .p_type = t.p_type, .p_offset = t.p_offset, .p_vaddr = t.p_vaddr, .p_filesz = t.p_filesz };
		} else {
			memcpy(&h, v.p + v.phoff + i * sizeof(h), sizeof(h));
		}
		if (h.p_type != PT_LOAD)
			continue;
		if (to_offset && from - h.p_vaddr < h.p_filesz)
			return from - h.p_vaddr + h.p_offset;
		if (!to_offset && from - h.p_offset < h.p_filesz)
			return from - h.p_offset + h.p_vaddr;
	}
	return (u64)-1;
}

static const char *
name_of(const Elf *e, const Fun *f)
{
	return (f->name & DYN ? e->table[1].str : e->table[0].str) + (f->name & ~DYN);
}

static int
by_value(const void *a, const void *b)
{
	const Fun *x = a, *y = b;

	if (x->value != y->value)
		return x->value < y->value ? -1 : 1;
	return x->name < y->name ? -1 : x->name > y->name;
}

static void
make_index(Elf *e)
{
	u64 most = e->table[0].n + e->table[1].n;

	if (e->indexed)
		return;
	e->indexed = true;
	if (most > 1u << 28 || !(e->fun = malloc(MAX(most, (u64)1) * sizeof(Fun))))
		return;
	for (u32 t = 0; t < 2; t++)
		for (u64 i = 1; i < e->table[t].n; i++) {
			Elf64_Sym s;

			if (symbol(e, &e->table[t], i, &s) && is_func(&s) && s.st_name < DYN)
				e->fun[e->n_fun++] = (Fun){ s.st_value, (u32)MIN(s.st_size, (u64)UINT32_MAX),
							    s.st_name | (t ? DYN : 0) };
		}
	qsort(e->fun, e->n_fun, sizeof(Fun), by_value);
}

static void
fill(const Elf *e, const char *name, u64 value, u64 size, bool func, ElfSym *out)
{
	*out = (ElfSym){ name, value, size, convert(e, value, true), func };
}

/* "ns::f(int)" and "ns::f" both name ns::f. */
static bool
same_demangled(const char *raw, const char *want, size_t n)
{
	char *nice = sym_demangle(raw);
	bool same = nice && !strncmp(nice, want, n) && (!nice[n] || nice[n] == '(');

	free(nice);
	return same;
}

bool
sym_elf_find(Elf *e, const char *name, ElfSym *out)
{
	size_t n = strlen(name);

	for (u32 t = 0; t < 2; t++)
		for (u64 i = 1; i < e->table[t].n; i++) {
			Elf64_Sym s;

			if (symbol(e, &e->table[t], i, &s) && !strcmp(e->table[t].str + s.st_name, name)) {
				fill(e, e->table[t].str + s.st_name, s.st_value, s.st_size, is_func(&s), out);
				return true;
			}
		}
	for (u32 t = 0; t < 2; t++)
		for (u64 i = 1; i < e->table[t].n; i++) {
			Elf64_Sym s;

			if (symbol(e, &e->table[t], i, &s) && is_func(&s) && same_demangled(e->table[t].str + s.st_name, name, n)) {
				fill(e, e->table[t].str + s.st_name, s.st_value, s.st_size, true, out);
				return true;
			}
		}
	return false;
}

int
sym_elf_each(Elf *e, const char *pat, int (*fn)(void *, const ElfSym *), void *arg)
{
	Arena *a = arena_new();
	Map seen = { a };
	size_t n = strlen(pat);
	int stop = 0;

	make_index(e);
	for (u32 i = 0; i < e->n_fun && !stop; i++) {
		const char *name = name_of(e, &e->fun[i]);
		size_t len = strlen(name);
		ElfSym s;

		if (!base_glob(pat, n, name, len) || map_get(&seen, name, len))
			continue;
		map_set(&seen, name, len, e);
		fill(e, name, e->fun[i].value, e->fun[i].size, true, &s);
		stop = fn(arg, &s);
	}
	arena_free(a);
	return stop;
}

bool
sym_elf_at(Elf *e, u64 file_offset, SymName *out)
{
	u64 at = convert(e, file_offset, false);
	u32 lo = 0, hi;

	make_index(e);
	if (at == (u64)-1 || !e->n_fun || at < e->fun[0].value)
		return false;
	for (hi = e->n_fun; hi - lo > 1; ) {
		u32 mid = (lo + hi) / 2;

		if (e->fun[mid].value <= at)
			lo = mid;
		else
			hi = mid;
	}
	/* Of several names for one place the first stands; a symbol with a size speaks only for its bytes. */
	while (lo && e->fun[lo - 1].value == e->fun[lo].value)
		lo--;
	if (e->fun[lo].size && at - e->fun[lo].value >= e->fun[lo].size)
		return false;
	*out = (SymName){ name_of(e, &e->fun[lo]), at - e->fun[lo].value, NULL };
	return true;
}

u16
sym_elf_machine(const Elf *e)
{
	return e->is32 ? EM_NONE : ((const Elf64_Ehdr *)e->map.p)->e_machine;
}

bool
sym_elf_section(const Elf *e, const char *name, Bytes *out, u64 *addr)
{
	View v;

	if (view(e->map.p, e->map.n, &v))
		return false;
	for (u32 i = 0; i < v.shnum; i++) {
		Section s = section(&v, i);

		if (!section_is(&v, &s, name) || !in(&v, s.off, s.size))
			continue;
		*out = (Bytes){ v.p + s.off, s.size };
		*addr = s.addr;
		return true;
	}
	return false;
}

bool
sym_elf_delta(const Elf *e, u64 offset, u64 *delta)
{
	enum { PAGE = 4096 };
	View v;

	if (view(e->map.p, e->map.n, &v) || v.is32)
		return false;
	for (u32 i = 0; i < v.phnum; i++) {
		Elf64_Phdr h;

		memcpy(&h, v.p + v.phoff + i * sizeof(h), sizeof(h));
		/* The kernel maps whole pages: a mapping may begin before its segment. */
		if (h.p_type == PT_LOAD && h.p_flags & PF_X && offset + PAGE > h.p_offset && offset < h.p_offset + h.p_filesz) {
			*delta = h.p_vaddr - h.p_offset;
			return true;
		}
	}
	return false;
}

bool
sym_elf_is_go(Elf *e)
{
	View v;
	u64 size;

	return !view(e->map.p, e->map.n, &v) && (named(&v, ".go.buildinfo", &size) || named(&v, ".note.go.buildid", &size));
}

bool
sym_elf_build_id(const Elf *e, char *out, size_t size)
{
	View v;

	return !view(e->map.p, e->map.n, &v) && build_id(&v, out, size);
}
