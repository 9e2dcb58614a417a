/* object: an eBPF program as a relocatable ELF file: the program in the section that names its kind, its tables in .rodata,
 * the license, and BTF (the program's function, for its name and type) with the line that ties both. */
#include "filt/in.h"

#include "bpf/bpf.h"

#include <elf.h>
#include <linux/btf.h>

typedef struct Names { Buf b; } Names;
enum { S_NULL, S_PROG, S_REL, S_RODATA, S_LICENSE, S_BTF, S_BTF_EXT, S_SYMTAB, S_STRTAB, S_COUNT };

static u32
name(Names *n, const char *s)
{
	u32 at;

	if (!n->b.n)
		buf_putc(&n->b, 0);
	at = (u32)n->b.n;
	buf_put(&n->b, s, strlen(s) + 1);
	return at;
}

static void put32(Buf *b, u32 v) { buf_put(b, &v, 4); }

static void
btf_type(Buf *b, u32 name_off, u32 kind, u32 vlen, u32 size_or_type)
{
	put32(b, name_off);
	put32(b, kind << 24 | vlen);
	put32(b, size_or_type);
}

/* 1 int; 2 the context, a struct known by name; 3 pointer to 2; 4 int (*)(ctx); 5 the function */
static void
btf(Buf *out, const char *ctx)
{
	Names s = {0};
	Buf t = {0};
	struct btf_header h = { .magic = BTF_MAGIC, .version = 1, .hdr_len = sizeof(h) };

	btf_type(&t, name(&s, "int"), BTF_KIND_INT, 0, 4);
	put32(&t, BTF_INT_SIGNED << 24 | 32);
	btf_type(&t, name(&s, ctx), BTF_KIND_FWD, 0, 0);
	btf_type(&t, 0, BTF_KIND_PTR, 0, 2);
	btf_type(&t, 0, BTF_KIND_FUNC_PROTO, 1, 1);
	put32(&t, name(&s, "ctx"));
	put32(&t, 3);
	btf_type(&t, name(&s, "filter"), BTF_KIND_FUNC, BTF_FUNC_GLOBAL, 4);
	h.type_len = (u32)t.n;
	h.str_off = h.type_len;
	h.str_len = (u32)s.b.n;
	buf_put(out, &h, sizeof(h));
	buf_put(out, t.p, t.n);
	buf_put(out, s.b.p, s.b.n);
	buf_free(&t);
	buf_free(&s.b);
}

/* func_info: the section's first instruction is of type 5. The section's name is looked up in the strings of .BTF, so it
 * is put there too. */
static void
btf_ext(Buf *out, u32 sec_name)
{
	/* header: magic, version, flags, length; func_info, line_info */
	u16 magic = BTF_MAGIC;
	u8 one[2] = { 1, 0 };

	buf_put(out, &magic, 2);
	buf_put(out, one, 2);
	put32(out, 24);
	put32(out, 0);
	put32(out, 4 + 8 + 8);
	put32(out, 20);
	put32(out, 0);          /* no line_info */
	put32(out, 8);          /* size of a func_info record */
	put32(out, sec_name);
	put32(out, 1);
	put32(out, 0);
	put32(out, 5);
}

static u32
btf_section_name(Buf *b, const char *section)
{
	struct btf_header h;
	u32 at;

	memcpy(&h, b->p, sizeof(h));
	at = h.str_len;
	buf_put(b, section, strlen(section) + 1);
	h.str_len += (u32)strlen(section) + 1;
	memcpy(b->p, &h, sizeof(h));
	return at;
}

static void
symbol(Buf *b, u32 name_off, u8 info, u16 section, u64 value, u64 size)
{
	Elf64_Sym s = { .st_name = name_off, .st_info = info, .st_shndx = section, .st_value = value, .st_size = size };

	buf_put(b, &s, sizeof(s));
}

bool
filt_object(const Filt *f, int kind, Buf *out)
{
	static const char *const sections[] = { [FILT_SOCKET] = "socket", [FILT_TC] = "tc", [FILT_XDP] = "xdp" };
	FiltEbpf p;
	Buf body[S_COUNT] = {{0}};
	Names names = {0};
	Elf64_Shdr sh[S_COUNT] = {{0}};
	Elf64_Ehdr eh = {
		.e_ident = { 0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT }, .e_type = ET_REL, .e_machine = EM_BPF,
		.e_version = EV_CURRENT, .e_ehsize = sizeof(eh), .e_shentsize = sizeof(Elf64_Shdr), .e_shnum = S_COUNT,
		.e_shstrndx = S_STRTAB,
	};
	u64 at = sizeof(eh);
	char rel[16] = ".rel";

	if (kind == FILT_PLAIN || !filt_ebpf(f, kind, &p))
		return false;
	strcat(rel, sections[kind]);
	buf_put(&body[S_PROG], p.insns, sizeof(Insn) * p.n);
	for (u32 i = 0; i < p.relocs.n; i++) {
		Elf64_Rel r = { .r_offset = 8ull * p.relocs.v[i], .r_info = ELF64_R_INFO(1, 1) };       /* symbol 1: .rodata */
		Insn *insn = (Insn *)body[S_PROG].p + p.relocs.v[i];

		insn->src_reg = 0;
		insn->imm = insn[1].imm;        /* the offset is in the first slot before relocation */
		insn[1].imm = 0;
		buf_put(&body[S_REL], &r, sizeof(r));
	}
	buf_put(&body[S_RODATA], p.table.p ? p.table.p : "", p.table.n);
	buf_put(&body[S_LICENSE], "GPL", 4);
	btf(&body[S_BTF], kind == FILT_XDP ? "xdp_md" : "__sk_buff");
	btf_ext(&body[S_BTF_EXT], btf_section_name(&body[S_BTF], sections[kind]));
	name(&names, "");
	symbol(&body[S_SYMTAB], 0, 0, 0, 0, 0);
	symbol(&body[S_SYMTAB], 0, ELF64_ST_INFO(STB_LOCAL, STT_SECTION), S_RODATA, 0, 0);
	symbol(&body[S_SYMTAB], name(&names, "filter"), ELF64_ST_INFO(STB_GLOBAL, STT_FUNC), S_PROG, 0, body[S_PROG].n);
	symbol(&body[S_SYMTAB], name(&names, "_license"), ELF64_ST_INFO(STB_GLOBAL, STT_OBJECT), S_LICENSE, 0, 4);
	sh[S_PROG] = (Elf64_Shdr){ .sh_name = name(&names, sections[kind]), .sh_type = SHT_PROGBITS,
		.sh_flags = SHF_ALLOC | SHF_EXECINSTR, .sh_addralign = 8 };
	sh[S_REL] = (Elf64_Shdr){ .sh_name = name(&names, rel), .sh_type = SHT_REL, .sh_link = S_SYMTAB, .sh_info = S_PROG,
		.sh_entsize = sizeof(Elf64_Rel), .sh_addralign = 8 };
	sh[S_RODATA] = (Elf64_Shdr){ .sh_name = name(&names, ".rodata"), .sh_type = SHT_PROGBITS, .sh_flags = SHF_ALLOC, .sh_addralign = 8 };
	sh[S_LICENSE] = (Elf64_Shdr){ .sh_name = name(&names, "license"), .sh_type = SHT_PROGBITS,
		.sh_flags = SHF_ALLOC | SHF_WRITE, .sh_addralign = 1 };
	sh[S_BTF] = (Elf64_Shdr){ .sh_name = name(&names, ".BTF"), .sh_type = SHT_PROGBITS, .sh_addralign = 4 };
	sh[S_BTF_EXT] = (Elf64_Shdr){ .sh_name = name(&names, ".BTF.ext"), .sh_type = SHT_PROGBITS, .sh_addralign = 4 };
	sh[S_SYMTAB] = (Elf64_Shdr){ .sh_name = name(&names, ".symtab"), .sh_type = SHT_SYMTAB, .sh_link = S_STRTAB, .sh_info = 2,
		.sh_entsize = sizeof(Elf64_Sym), .sh_addralign = 8 };
	sh[S_STRTAB] = (Elf64_Shdr){ .sh_name = name(&names, ".strtab"), .sh_type = SHT_STRTAB, .sh_addralign = 1 };
	buf_put(&body[S_STRTAB], names.b.p, names.b.n);
	for (int i = 1; i < S_COUNT; i++) {
		at = ALIGN(at, 8);
		sh[i].sh_offset = at;
		sh[i].sh_size = body[i].n;
		at += body[i].n;
	}
	eh.e_shoff = ALIGN(at, 8);
	buf_put(out, &eh, sizeof(eh));
	for (int i = 1; i < S_COUNT; i++) {
		while (out->n < sh[i].sh_offset)
			buf_putc(out, 0);
		buf_put(out, body[i].p ? body[i].p : "", body[i].n);
		buf_free(&body[i]);
	}
	while (out->n < eh.e_shoff)
		buf_putc(out, 0);
	buf_put(out, sh, sizeof(sh));
	buf_free(&names.b);
	buf_free(&p.table);
	return true;
}
