/* elf: programs from ELF objects as clang and gcc make them for BPF: programs by section, functions they call (linked behind
 * them), maps of .maps (BTF) and of the older maps section, .rodata, .data and .bss as array maps of one value, kernel
 * functions, source lines. Everything in the file is suspect: each offset and size is checked against what it lies in. */
#include "bpf/bpf.h"
#include "bpf/btf.h"

#include <elf.h>

enum { MAX_SECTIONS = 4096, MAX_CODE = 1 << 20, MAX_FUNCS = 1024 };

typedef struct Sec { const char *name; u32 type, flags, link, info; const u8 *p; u64 size; int map; } Sec;
typedef struct Sym { const char *name; u32 sec, type, bind; u64 value, size; } Sym;
/* A function in the program being linked: where it came from and where it went. */
typedef struct Piece { u32 sec, from, n, at; } Piece;

typedef struct Elf {
	Arena *a;
	Diag *d;
	const char *name;
	const u8 *p;
	u64 n;
	Object *o;
	Sec *sec;
	u32 n_secs;
	Sym *sym;
	u32 n_syms;
	BtfBlob btf;
	const Sec *btf_sec, *ext;
	const char *license;
	bool gnu;                       /* made by gcc */
	Vec(MapDef) maps;
	Vec(u32) map_sec, map_off;      /* where each map was declared */
	Vec(ObjProg) progs;
	Vec(Piece) pieces;
	Vec(Insn) code;
	Vec(CodeKfunc) kfuncs;
} Elf;

PRINTF(2, 3) static bool
bad(Elf *e, const char *fmt, ...)
{
	Buf b = { 0 };
	va_list ap;

	va_start(ap, fmt);
	buf_vprintf(&b, fmt, ap);
	va_end(ap);
	/* a file of bytes has no lines to point at */
	diag_err(e->d, (Span){ 0, 0 }, E_OBJECT, "%s: %s", e->name, b.p ? b.p : "");
	buf_free(&b);
	return false;
}

static u32
get32(const u8 *p)
{
	u32 n;

	memcpy(&n, p, 4);
	return n;
}

/* The string at off of a table, or NULL if it has no end there. */
static const char *
string_at(const Sec *t, u64 off)
{
	return off < t->size && memchr(t->p + off, 0, t->size - off) ? (const char *)t->p + off : NULL;
}

static bool
read_sections(Elf *e)
{
	Elf64_Ehdr h;
	const Sec *names;

	if (e->n < sizeof(h))
		return bad(e, "the ELF header is cut off at %llu bytes", (unsigned long long)e->n);
	memcpy(&h, e->p, sizeof(h));
	if (h.e_ident[EI_CLASS] != ELFCLASS64 || h.e_ident[EI_DATA] != ELFDATA2LSB)
		return bad(e, "not a 64-bit little-endian ELF object; compile with -target bpf or -target bpfel");
	if (h.e_machine != EM_BPF)
		return bad(e, "an ELF object for machine %u, not for BPF (247)", h.e_machine);
	if (h.e_type != ET_REL)
		return bad(e, "an ELF file of type %u; BPF programs come as relocatable objects (compile with -c)", h.e_type);
	if (h.e_shentsize != sizeof(Elf64_Shdr) || !h.e_shnum || h.e_shnum > MAX_SECTIONS || h.e_shoff > e->n ||
	    (u64)h.e_shnum * sizeof(Elf64_Shdr) > e->n - h.e_shoff)
		return bad(e, "the table of %u section headers does not lie inside the file", h.e_shnum);
	e->n_secs = h.e_shnum;
	e->sec = NEW_N(e->a, Sec, e->n_secs);
	for (u32 i = 0; i < e->n_secs; i++) {
		Elf64_Shdr s;

		memcpy(&s, e->p + h.e_shoff + i * sizeof(s), sizeof(s));
		e->sec[i] = (Sec){ .type = s.sh_type, .flags = (u32)s.sh_flags, .link = s.sh_link, .info = s.sh_info, .size = s.sh_size,
				   .map = -1 };
		if (s.sh_type == SHT_NOBITS || s.sh_type == SHT_NULL) {
			if (s.sh_size > 1 << 30)
				return bad(e, "section %u claims %llu bytes", i, (unsigned long long)s.sh_size);
			continue;
		}
		if (s.sh_offset > e->n || s.sh_size > e->n - s.sh_offset)
			return bad(e, "section %u (%llu bytes at %llu) does not lie inside the file of %llu bytes", i,
				   (unsigned long long)s.sh_size, (unsigned long long)s.sh_offset, (unsigned long long)e->n);
		e->sec[i].p = e->p + s.sh_offset;
	}
	if (h.e_shstrndx >= e->n_secs || e->sec[h.e_shstrndx].type != SHT_STRTAB)
		return bad(e, "no table of section names");
	names = &e->sec[h.e_shstrndx];
	for (u32 i = 0; i < e->n_secs; i++) {
		e->sec[i].name = string_at(names, get32(e->p + h.e_shoff + i * sizeof(Elf64_Shdr)));
		if (!e->sec[i].name)
			return bad(e, "the name of section %u has no end", i);
	}
	return true;
}

static bool
read_symbols(Elf *e)
{
	for (u32 i = 0; i < e->n_secs; i++) {
		const Sec *s = &e->sec[i], *strings;

		if (s->type != SHT_SYMTAB)
			continue;
		if (s->link >= e->n_secs || e->sec[s->link].type != SHT_STRTAB)
			return bad(e, "the symbol table has no strings");
		strings = &e->sec[s->link];
		e->n_syms = (u32)(s->size / sizeof(Elf64_Sym));
		e->sym = NEW_N(e->a, Sym, e->n_syms + 1);
		for (u32 k = 0; k < e->n_syms; k++) {
			Elf64_Sym y;
			const char *name;

			memcpy(&y, s->p + k * sizeof(y), sizeof(y));
			name = string_at(strings, y.st_name);
			if (!name)
				return bad(e, "the name of symbol %u has no end", k);
			e->sym[k] = (Sym){ name, y.st_shndx, ELF64_ST_TYPE(y.st_info), ELF64_ST_BIND(y.st_info), y.st_value, y.st_size };
		}
		return true;
	}
	return bad(e, "the object has no symbol table");
}

static const Sec *
section(const Elf *e, const char *name)
{
	for (u32 i = 0; i < e->n_secs; i++)
		if (!strcmp(e->sec[i].name, name) && e->sec[i].p)
			return &e->sec[i];
	return NULL;
}

static bool
begins(const char *s, const char *with)
{
	return !strncmp(s, with, strlen(with));
}

/* ---- maps ---- */

static void
add_map(Elf *e, MapDef m, u32 sec, u32 off)
{
	VEC_PUSH(e->a, &e->maps, m);
	VEC_PUSH(e->a, &e->map_sec, sec);
	VEC_PUSH(e->a, &e->map_off, off);
}

/* Sections of data become array maps with one value. */
static bool
data_maps(Elf *e)
{
	for (u32 i = 0; i < e->n_secs; i++) {
		Sec *s = &e->sec[i];
		bool ro = begins(s->name, ".rodata"), bss = begins(s->name, ".bss");
		MapDef m = { .name = s->name, .type = BPF_MAP_TYPE_ARRAY, .key_size = 4, .max_entries = 1 };

		if (!(ro || bss || begins(s->name, ".data")) || !s->size || !(s->flags & SHF_ALLOC))
			continue;
		if (s->size > 1 << 30)
			return bad(e, "section %s is too large for a map", s->name);
		m.value_size = (u32)s->size;
		m.frozen = ro;
		m.flags = ro ? BPF_F_RDONLY_PROG : 0;
		m.init = s->type == SHT_NOBITS ? NULL : s->p;
		s->map = (int)e->maps.n;
		add_map(e, m, i, 0);
	}
	return true;
}

/* Fields of a lock or timer inside a value type. */
static void
value_fields(Elf *e, MapDef *m, u32 type)
{
	Vec(MapField) fields = { 0 };
	BtfItem t;

	if (!bpf_btf_plain(&e->btf, type, &t) || bpf_btf_kind(&t) != BTF_STRUCT)
		return;
	for (u32 i = 0; i < bpf_btf_vlen(&t); i++) {
		BtfItem mt;
		const char *name;
		u32 off = get32(t.rest + i * 12 + 8) / 8;

		if (!bpf_btf_plain(&e->btf, get32(t.rest + i * 12 + 4), &mt) || bpf_btf_kind(&mt) != BTF_STRUCT)
			continue;
		name = bpf_btf_name(&e->btf, mt.name);
		if (!strcmp(name, "bpf_spin_lock"))
			VEC_PUSH(e->a, &fields, ((MapField){ MF_SPIN_LOCK, off, 4, NULL }));
		else if (!strcmp(name, "bpf_timer"))
			VEC_PUSH(e->a, &fields, ((MapField){ MF_TIMER, off, 16, NULL }));
	}
	m->fields = fields.v;
	m->n_fields = fields.n;
}

/* `int (*name)[N]`: N */
static bool
uint_of(const BtfBlob *b, u32 type, u32 *n)
{
	BtfItem t;

	if (!bpf_btf_plain(b, type, &t) || bpf_btf_kind(&t) != BTF_PTR || !bpf_btf_plain(b, t.size, &t) || bpf_btf_kind(&t) != BTF_ARRAY)
		return false;
	*n = get32(t.rest + 8);
	return true;
}

static bool
btf_map(Elf *e, MapDef *m, u32 type, int depth)
{
	BtfItem t, to;

	if (depth > 2 || !bpf_btf_plain(&e->btf, type, &t) || bpf_btf_kind(&t) != BTF_STRUCT)
		return bad(e, "map %s is not declared as a struct", m->name);
	for (u32 i = 0; i < bpf_btf_vlen(&t); i++) {
		const char *key = bpf_btf_name(&e->btf, get32(t.rest + i * 12));
		u32 mtype = get32(t.rest + i * 12 + 4), n = 0;

		if (!strcmp(key, "key") || !strcmp(key, "value")) {
			if (!bpf_btf_plain(&e->btf, mtype, &to) || bpf_btf_kind(&to) != BTF_PTR)
				return bad(e, "map %s: %s is not a pointer to its type", m->name, key);
			*(key[0] == 'k' ? &m->key_size : &m->value_size) = bpf_btf_size(&e->btf, to.size);
			if (key[0] == 'v')
				value_fields(e, m, to.size);
		} else if (!strcmp(key, "values")) {
			MapDef inner = { .name = "inner" };
			u32 id;

			if (!bpf_btf_plain(&e->btf, mtype, &to) || bpf_btf_kind(&to) != BTF_ARRAY ||
			    !bpf_btf_plain(&e->btf, get32(to.rest), &to) || bpf_btf_kind(&to) != BTF_PTR)
				return bad(e, "map %s: values is not an array of pointers", m->name);
			id = to.size;
			m->value_size = 4;
			if (!bpf_btf_plain(&e->btf, id, &to) || bpf_btf_kind(&to) != BTF_STRUCT)
				continue;       /* programs */
			if (!btf_map(e, &inner, id, depth + 1))
				return false;
			add_map(e, inner, UINT32_MAX, 0);
			m->inner = e->maps.n;
		} else if (uint_of(&e->btf, mtype, &n)) {
			if (!strcmp(key, "type"))
				m->type = n;
			else if (!strcmp(key, "key_size"))
				m->key_size = n;
			else if (!strcmp(key, "value_size"))
				m->value_size = n;
			else if (!strcmp(key, "max_entries"))
				m->max_entries = n;
			else if (!strcmp(key, "map_flags"))
				m->flags = n;
		}
	}
	if (m->type == BPF_MAP_TYPE_PERF_EVENT_ARRAY) {
		m->key_size = m->key_size ? m->key_size : 4;
		m->value_size = m->value_size ? m->value_size : 4;
		m->max_entries = m->max_entries ? m->max_entries : host_cpus();
	}
	return true;
}

static bool
btf_maps(Elf *e)
{
	BtfItem t, var;
	u32 sec = 0;

	while (sec < e->n_secs && strcmp(e->sec[sec].name, ".maps"))
		sec++;
	if (sec == e->n_secs)
		return true;
	if (!e->btf.types)
		return bad(e, "section .maps needs BTF; compile with -g");
	for (u32 id = 1; bpf_btf_at(&e->btf, id, &t); id++) {
		if (bpf_btf_kind(&t) != BTF_DATASEC || strcmp(bpf_btf_name(&e->btf, t.name), ".maps"))
			continue;
		for (u32 i = 0; i < bpf_btf_vlen(&t); i++) {
			MapDef m = { 0 };
			u32 off = get32(t.rest + i * 12 + 4);

			if (!bpf_btf_at(&e->btf, get32(t.rest + i * 12), &var) || bpf_btf_kind(&var) != BTF_VAR)
				return bad(e, "BTF of .maps names something that is no variable");
			m.name = bpf_btf_name(&e->btf, var.name);
			for (u32 k = 0; k < e->n_syms; k++)     /* the symbol knows the offset; clang leaves 0 in the BTF */
				if (e->sym[k].sec == sec && !strcmp(e->sym[k].name, m.name))
					off = (u32)e->sym[k].value;
			if (!btf_map(e, &m, var.size, 0))
				return false;
			add_map(e, m, sec, off);
		}
	}
	return true;
}

/* The older form: struct { type, key_size, value_size, max_entries, map_flags } per symbol. */
static bool
legacy_maps(Elf *e)
{
	for (u32 i = 0; i < e->n_secs; i++) {
		const Sec *s = &e->sec[i];

		if (strcmp(s->name, "maps") || !s->p)
			continue;
		for (u32 k = 0; k < e->n_syms; k++) {
			const Sym *y = &e->sym[k];
			u32 w[5] = { 0 };

			if (y->sec != i || y->type == STT_SECTION)
				continue;
			if (y->value > s->size || s->size - y->value < 16)
				return bad(e, "map %s does not lie inside its section", y->name);
			memcpy(w, s->p + y->value, MIN(sizeof(w), s->size - y->value));
			add_map(e, (MapDef){ .name = y->name, .type = w[0], .key_size = w[1], .value_size = w[2], .max_entries = w[3],
					     .flags = w[4] }, i, (u32)y->value);
		}
	}
	return true;
}

static int
map_at(const Elf *e, u32 sec, u64 off)
{
	for (u32 i = 0; i < e->maps.n; i++)
		if (e->map_sec.v[i] == sec && e->map_off.v[i] == off)
			return (int)i;
	return -1;
}

/* ---- code ---- */

static bool
is_code(const Sec *s)
{
	return s->type == SHT_PROGBITS && (s->flags & SHF_EXECINSTR) && s->p && s->size;
}

/* The function of a section that begins at off; n gets its slots. */
static const Sym *
function_at(const Elf *e, u32 sec, u64 off, u32 *n)
{
	const Sym *found = NULL;

	for (u32 i = 0; i < e->n_syms; i++)
		if (e->sym[i].sec == sec && e->sym[i].type == STT_FUNC && e->sym[i].value == off &&
		    (!found || e->sym[i].bind == STB_GLOBAL))
			found = &e->sym[i];
	if (!found || found->value % 8 || found->size % 8 || !found->size || found->value > e->sec[sec].size ||
	    found->size > e->sec[sec].size - found->value)
		return NULL;
	*n = (u32)(found->size / 8);
	return found;
}

/* Brings a function into the program, once; its first slot, or -1. */
static s64
link_function(Elf *e, u32 sec, u64 off)
{
	const u8 *p;
	u32 n = 0, at = e->code.n;

	if (sec >= e->n_secs || !is_code(&e->sec[sec]))
		return -1;
	for (u32 i = 0; i < e->pieces.n; i++)
		if (e->pieces.v[i].sec == sec && e->pieces.v[i].from == off / 8)
			return e->pieces.v[i].at;
	if (!function_at(e, sec, off, &n) || e->pieces.n >= MAX_FUNCS || e->code.n + n > MAX_CODE)
		return -1;
	VEC_PUSH(e->a, &e->pieces, ((Piece){ sec, (u32)(off / 8), n, at }));
	p = e->sec[sec].p + off;
	for (u32 i = 0; i < n; i++) {
		Insn insn;

		memcpy(&insn, p + (u64)i * 8, 8);
		VEC_PUSH(e->a, &e->code, insn);
	}
	return at;
}

static bool
call_target(Elf *e, u32 pc, u32 sec, u64 off)
{
	s64 at = link_function(e, sec, off);

	if (at < 0)
		return bad(e, "the call at instruction %u leads to no function (section %u, offset %llu)", pc, sec, (unsigned long long)off);
	e->code.v[pc].imm = (s32)(at - (s64)pc - 1);
	return true;
}

static bool
relocate(Elf *e, const Piece *piece, u64 offset, u32 symbol)
{
	const Sym *y;
	u32 pc;
	Insn *insn;
	int map;

	if (offset / 8 < piece->from || offset / 8 >= piece->from + piece->n)
		return true;            /* of another function */
	if (symbol >= e->n_syms)
		return bad(e, "a relocation names symbol %u of %u", symbol, e->n_syms);
	y = &e->sym[symbol];
	pc = (u32)(offset / 8) - piece->from + piece->at;
	insn = &e->code.v[pc];
	if (insn->code == (BPF_JMP | BPF_CALL)) {
		if (y->sec == SHN_UNDEF) {
			insn->src_reg = BPF_PSEUDO_KFUNC_CALL;
			insn->imm = 0;
			VEC_PUSH(e->a, &e->kfuncs, ((CodeKfunc){ pc, y->name }));
			return true;
		}
		insn->src_reg = BPF_PSEUDO_CALL;
		return call_target(e, pc, y->sec, y->type == STT_SECTION ? (u64)((s64)insn->imm + 1) * 8 : y->value);
	}
	if (insn->code != (BPF_LD | BPF_IMM | BPF_DW) || pc + 1 >= piece->at + piece->n)
		return bad(e, "a relocation at instruction %u, which is neither a call nor a wide load", pc);
	if (y->sec >= e->n_secs)
		return bad(e, "symbol %s is not defined in the object", y->name);
	if (is_code(&e->sec[y->sec])) {
		s64 at = link_function(e, y->sec, y->type == STT_SECTION ? (u64)(u32)e->code.v[pc].imm : y->value);

		if (at < 0)
			return bad(e, "instruction %u takes the address of no function", pc);
		e->code.v[pc].src_reg = BPF_PSEUDO_FUNC;
		e->code.v[pc].imm = (s32)(at - (s64)pc - 1);
		e->code.v[pc + 1].imm = 0;
		return true;
	}
	map = e->sec[y->sec].map;
	if (map >= 0) {
		u32 addend = (u32)insn->imm, value = y->type == STT_SECTION ? 0 : (u32)y->value;

		/* GNU as before 2.41 has put the symbol's value into the instruction already. */
		insn[1].imm = (s32)(e->gnu && addend >= value ? addend : addend + value);
		insn->src_reg = BPF_PSEUDO_MAP_VALUE;
	} else {
		map = map_at(e, y->sec, y->type == STT_SECTION ? (u32)insn->imm : y->value);
		if (map < 0)
			return bad(e, "instruction %u refers to %s in section %s, which is no map", pc, y->name, e->sec[y->sec].name);
		insn->src_reg = BPF_PSEUDO_MAP_FD;
		insn[1].imm = 0;
	}
	insn->imm = map;
	return true;
}

/* Relocations and calls of one function; may bring further functions in. */
static bool
fix_piece(Elf *e, Piece piece)
{
	for (u32 i = 0; i < e->n_secs; i++) {
		const Sec *s = &e->sec[i];
		u32 size = s->type == SHT_REL ? sizeof(Elf64_Rel) : s->type == SHT_RELA ? sizeof(Elf64_Rela) : 0;

		if (!size || s->info != piece.sec || !s->p)
			continue;
		for (u64 at = 0; at + size <= s->size; at += size) {
			Elf64_Rel r;

			memcpy(&r, s->p + at, sizeof(r));
			if (!relocate(e, &piece, r.r_offset, (u32)ELF64_R_SYM(r.r_info)))
				return false;
		}
	}
	for (u32 pc = piece.at; pc < piece.at + piece.n; pc++) {
		const Insn *insn = &e->code.v[pc];
		s64 to;
		bool mine = false;

		if (insn->code != (BPF_JMP | BPF_CALL) || insn->src_reg != BPF_PSEUDO_CALL)
			continue;
		/* Already linked calls lead to a known function; what is left is relative within the section. */
		to = (s64)pc + 1 + insn->imm;
		for (u32 i = 0; i < e->pieces.n; i++)
			mine |= e->pieces.v[i].at == to;
		if (!mine) {
			to = (s64)(pc - piece.at + piece.from) + 1 + insn->imm;
			if (to < 0 || !call_target(e, pc, piece.sec, (u64)to * 8))
				return to >= 0 ? false : bad(e, "the call at instruction %u leads out of its section", pc);
		}
	}
	return true;
}

/* ---- functions and lines of .BTF.ext ---- */

/* Calls fn for each record of one part (0 functions, 1 lines) of .BTF.ext. */
static void
each_record(Elf *e, u32 part, u32 min, void (*fn)(Elf *e, const char *sec, const u8 *rec, void *arg), void *arg)
{
	const u8 *p = e->ext ? e->ext->p : NULL, *end;
	u64 n = e->ext ? e->ext->size : 0, hdr, off, len;
	u32 rec;

	if (n < 24 || p[0] != 0x9f || p[1] != 0xeb)
		return;
	hdr = get32(p + 4);
	off = get32(p + 8 + part * 8);
	len = get32(p + 12 + part * 8);
	if (hdr + off + len > n || len < 4)
		return;
	p += hdr + off;
	end = p + len;
	rec = get32(p);
	p += 4;
	if (rec < min || rec > 256)
		return;
	while (end - p >= 8) {
		const char *sec = bpf_btf_name(&e->btf, get32(p));
		u32 count = get32(p + 4);

		p += 8;
		for (; count > 0 && end - p >= (s64)rec; count--, p += rec)
			fn(e, sec, p, arg);
		if (count)
			return;
	}
}

/* The slot of the linked program where (section, byte offset) went, or -1. */
static s64
linked_pc(const Elf *e, const char *sec, u32 off)
{
	for (u32 i = 0; i < e->pieces.n; i++) {
		const Piece *x = &e->pieces.v[i];

		if (off / 8 >= x->from && off / 8 < x->from + x->n && !strcmp(e->sec[x->sec].name, sec))
			return (s64)(off / 8 - x->from + x->at);
	}
	return -1;
}

typedef Vec(CodeFunc) Funcs;
typedef Vec(CodeLine) Lines;

static void
add_func(Elf *e, const char *sec, const u8 *rec, void *arg)
{
	Funcs *f = arg;
	s64 pc = linked_pc(e, sec, get32(rec));
	BtfItem t;

	if (pc < 0 || !bpf_btf_at(&e->btf, get32(rec + 4), &t))
		return;
	VEC_PUSH(e->a, f, ((CodeFunc){ (u32)pc, bpf_btf_name(&e->btf, t.name), get32(rec + 4), false }));
	for (u32 i = f->n - 1; i > 0 && f->v[i - 1].pc > f->v[i].pc; i--) {
		CodeFunc x = f->v[i];

		f->v[i] = f->v[i - 1];
		f->v[i - 1] = x;
	}
}

static void
add_line(Elf *e, const char *sec, const u8 *rec, void *arg)
{
	Lines *l = arg;
	s64 pc = linked_pc(e, sec, get32(rec));
	const char *text;

	if (pc < 0)
		return;
	text = bpf_btf_name(&e->btf, get32(rec + 8));
	text += strspn(text, " \t");
	VEC_PUSH(e->a, l, ((CodeLine){ (u32)pc, get32(rec + 12) >> 10, get32(rec + 12) & 0x3ff, bpf_btf_name(&e->btf, get32(rec + 4)), text }));
}

static void
sort_lines(Elf *e, Lines *l)
{
	CodeLine *tmp = NEW_N(e->a, CodeLine, l->n + 1);

	/* Records come sorted within a function; functions may not: merge runs. */
	for (u32 width = 1; width < l->n; width *= 2)
		for (u32 lo = 0; lo < l->n; lo += 2 * width) {
			u32 mid = MIN(lo + width, l->n), hi = MIN(lo + 2 * width, l->n), i = lo, k = mid, o = lo;

			while (i < mid || k < hi)
				tmp[o++] = k >= hi || (i < mid && l->v[i].pc <= l->v[k].pc) ? l->v[i++] : l->v[k++];
			memcpy(l->v + lo, tmp + lo, (hi - lo) * sizeof(CodeLine));
		}
}

/* ---- programs ---- */

/* Program and attach type by the name of the section, as loaders understand it. */
static const struct { const char *name; u8 type, attach; } kinds[] = {
	{ "socket", BPF_PROG_TYPE_SOCKET_FILTER, 0 }, { "kprobe", BPF_PROG_TYPE_KPROBE, 0 }, { "kretprobe", BPF_PROG_TYPE_KPROBE, 0 },
	{ "uprobe", BPF_PROG_TYPE_KPROBE, 0 }, { "uretprobe", BPF_PROG_TYPE_KPROBE, 0 }, { "usdt", BPF_PROG_TYPE_KPROBE, 0 },
	{ "tracepoint", BPF_PROG_TYPE_TRACEPOINT, 0 }, { "tp/", BPF_PROG_TYPE_TRACEPOINT, 0 },
	{ "raw_tracepoint.w", BPF_PROG_TYPE_RAW_TRACEPOINT_WRITABLE, 0 }, { "raw_tp.w", BPF_PROG_TYPE_RAW_TRACEPOINT_WRITABLE, 0 },
	{ "raw_tracepoint", BPF_PROG_TYPE_RAW_TRACEPOINT, 0 }, { "raw_tp", BPF_PROG_TYPE_RAW_TRACEPOINT, 0 },
	{ "tc", BPF_PROG_TYPE_SCHED_CLS, 0 }, { "classifier", BPF_PROG_TYPE_SCHED_CLS, 0 }, { "action", BPF_PROG_TYPE_SCHED_ACT, 0 },
	{ "xdp/devmap", BPF_PROG_TYPE_XDP, BPF_XDP_DEVMAP }, { "xdp/cpumap", BPF_PROG_TYPE_XDP, BPF_XDP_CPUMAP },
	{ "xdp", BPF_PROG_TYPE_XDP, BPF_XDP }, { "perf_event", BPF_PROG_TYPE_PERF_EVENT, 0 },
	{ "cgroup_skb/egress", BPF_PROG_TYPE_CGROUP_SKB, BPF_CGROUP_INET_EGRESS }, { "cgroup_skb", BPF_PROG_TYPE_CGROUP_SKB, 0 },
	{ "cgroup/skb", BPF_PROG_TYPE_CGROUP_SKB, 0 }, { "cgroup/sock_create", BPF_PROG_TYPE_CGROUP_SOCK, BPF_CGROUP_INET_SOCK_CREATE },
	{ "cgroup/sock_release", BPF_PROG_TYPE_CGROUP_SOCK, BPF_CGROUP_INET_SOCK_RELEASE },
	{ "cgroup/sock", BPF_PROG_TYPE_CGROUP_SOCK, BPF_CGROUP_INET_SOCK_CREATE },
	{ "cgroup/bind4", BPF_PROG_TYPE_CGROUP_SOCK_ADDR, BPF_CGROUP_INET4_BIND },
	{ "cgroup/bind6", BPF_PROG_TYPE_CGROUP_SOCK_ADDR, BPF_CGROUP_INET6_BIND },
	{ "cgroup/connect4", BPF_PROG_TYPE_CGROUP_SOCK_ADDR, BPF_CGROUP_INET4_CONNECT },
	{ "cgroup/connect6", BPF_PROG_TYPE_CGROUP_SOCK_ADDR, BPF_CGROUP_INET6_CONNECT },
	{ "cgroup/dev", BPF_PROG_TYPE_CGROUP_DEVICE, BPF_CGROUP_DEVICE }, { "cgroup/sysctl", BPF_PROG_TYPE_CGROUP_SYSCTL, BPF_CGROUP_SYSCTL },
	{ "cgroup/getsockopt", BPF_PROG_TYPE_CGROUP_SOCKOPT, BPF_CGROUP_GETSOCKOPT },
	{ "cgroup/setsockopt", BPF_PROG_TYPE_CGROUP_SOCKOPT, BPF_CGROUP_SETSOCKOPT },
	{ "lwt_in", BPF_PROG_TYPE_LWT_IN, 0 }, { "lwt_out", BPF_PROG_TYPE_LWT_OUT, 0 }, { "lwt_xmit", BPF_PROG_TYPE_LWT_XMIT, 0 },
	{ "lwt_seg6local", BPF_PROG_TYPE_LWT_SEG6LOCAL, 0 }, { "sockops", BPF_PROG_TYPE_SOCK_OPS, BPF_CGROUP_SOCK_OPS },
	{ "sk_skb/stream_parser", BPF_PROG_TYPE_SK_SKB, BPF_SK_SKB_STREAM_PARSER },
	{ "sk_skb", BPF_PROG_TYPE_SK_SKB, BPF_SK_SKB_STREAM_VERDICT }, { "sk_msg", BPF_PROG_TYPE_SK_MSG, BPF_SK_MSG_VERDICT },
	{ "sk_reuseport", BPF_PROG_TYPE_SK_REUSEPORT, BPF_SK_REUSEPORT_SELECT },
	{ "flow_dissector", BPF_PROG_TYPE_FLOW_DISSECTOR, BPF_FLOW_DISSECTOR }, { "sk_lookup", BPF_PROG_TYPE_SK_LOOKUP, BPF_SK_LOOKUP },
	{ "netfilter", K_PROG_NETFILTER, K_ATTACH_NETFILTER }, { "syscall", BPF_PROG_TYPE_SYSCALL, 0 },
	{ "fentry", BPF_PROG_TYPE_TRACING, BPF_TRACE_FENTRY }, { "fexit", BPF_PROG_TYPE_TRACING, BPF_TRACE_FEXIT },
	{ "tp_btf", BPF_PROG_TYPE_TRACING, BPF_TRACE_RAW_TP }, { "iter", BPF_PROG_TYPE_TRACING, BPF_TRACE_ITER },
	{ "lsm", BPF_PROG_TYPE_LSM, BPF_LSM_MAC },
};

static bool
link_program(Elf *e, const Sym *y)
{
	const char *sec = e->sec[y->sec].name, *slash = strchr(sec, '/');
	ObjProg p = { .name = y->name, .section = sec };
	Funcs funcs = { 0 };
	Lines lines = { 0 };

	e->pieces.n = 0;
	memset(&e->code, 0, sizeof(e->code));
	memset(&e->kfuncs, 0, sizeof(e->kfuncs));
	if (link_function(e, y->sec, y->value) < 0)
		return bad(e, "function %s does not lie inside section %s in whole instructions", y->name, sec);
	for (u32 i = 0; i < e->pieces.n; i++)
		if (!fix_piece(e, e->pieces.v[i]))
			return false;
	p.code.name = y->name;
	for (size_t i = 0; i < COUNT(kinds) && !p.code.prog_type; i++)
		if (begins(sec, kinds[i].name)) {
			p.code.prog_type = kinds[i].type;
			p.code.attach_type = kinds[i].attach;
		}
	p.code.attach_to = p.code.prog_type == BPF_PROG_TYPE_TRACING && slash ? slash + 1 : NULL;
	p.code.insns = e->code.v;
	p.code.n = e->code.n;
	p.code.license = e->license;
	p.code.kfuncs = e->kfuncs.v;
	p.code.n_kfuncs = e->kfuncs.n;
	each_record(e, 0, 8, add_func, &funcs);
	each_record(e, 1, 16, add_line, &lines);
	sort_lines(e, &lines);
	p.code.funcs = funcs.v;
	p.code.n_funcs = funcs.n;
	p.code.lines = lines.v;
	p.code.n_lines = lines.n;
	if (e->btf_sec) {
		p.code.btf = e->btf_sec->p;
		p.code.btf_size = (u32)e->btf_sec->size;
	}
	VEC_PUSH(e->a, &e->progs, p);
	return true;
}

static bool
programs(Elf *e)
{
	/* Functions of .text are called by others; they are programs only where there is nothing else. */
	for (int text = 0; text < 2 && !e->progs.n; text++)
		for (u32 i = 0; i < e->n_syms; i++) {
			const Sym *y = &e->sym[i];

			if (y->type != STT_FUNC || y->sec >= e->n_secs || !is_code(&e->sec[y->sec]) ||
			    (strcmp(e->sec[y->sec].name, ".text") == 0) != (text == 1) || (!text && y->bind == STB_LOCAL))
				continue;
			if (e->progs.n >= MAX_FUNCS)
				return bad(e, "more than %d programs", MAX_FUNCS);
			if (!link_program(e, y))
				return false;
		}
	return e->progs.n || bad(e, "the object holds no program: no function in a section of code");
}

bool
bpf_elf_parse(const char *name, const u8 *p, size_t n, Arena *a, Diag *d, Object *o)
{
	Elf e = { .a = a, .d = d, .p = p, .n = n, .o = o };
	const Sec *license, *comment;

	e.name = name;
	if (!read_sections(&e) || !read_symbols(&e))
		return false;
	e.btf_sec = section(&e, ".BTF");
	e.ext = section(&e, ".BTF.ext");
	if (e.btf_sec && !bpf_btf_open(a, e.btf_sec->p, e.btf_sec->size, &e.btf))
		return bad(&e, "section .BTF is malformed");
	comment = section(&e, ".comment");
	e.gnu = comment && memmem(comment->p, comment->size, "GCC: ", 5);
	license = section(&e, "license");
	e.license = license && license->size && !license->p[license->size - 1] ? (const char *)license->p : license ? "" : "GPL";
	if (!data_maps(&e) || !btf_maps(&e) || !legacy_maps(&e) || !programs(&e))
		return false;
	o->format = "ELF";
	o->maps = e.maps.v;
	o->n_maps = e.maps.n;
	o->progs = e.progs.v;
	o->n_progs = e.progs.n;
	return true;
}
