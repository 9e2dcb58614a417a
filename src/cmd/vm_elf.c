/* vm_elf: writes an ELF object that holds one program: section .text, symbol prog, license GPL. */
#include "cmd/vm.h"

#include <elf.h>

void
cmd_put_elf(FILE *f, const Insn *insns, u32 n)
{
	static const char names[] = "\0.text\0license\0.symtab\0.strtab\0.shstrtab";
	static const char strings[] = "\0prog\0_license";
	static const char license[8] = "GPL";
	u64 size = (u64)n * sizeof(Insn), at = sizeof(Elf64_Ehdr);
	Elf64_Sym sym[3] = {
		{ 0 },
		{ .st_name = 1, .st_info = ELF64_ST_INFO(STB_GLOBAL, STT_FUNC), .st_shndx = 1, .st_size = size },
		{ .st_name = 6, .st_info = ELF64_ST_INFO(STB_GLOBAL, STT_OBJECT), .st_shndx = 2, .st_size = 4 },
	};
	Elf64_Shdr sh[6] = {
		{ 0 },
		{ .sh_name = 1, .sh_type = SHT_PROGBITS, .sh_flags = SHF_ALLOC | SHF_EXECINSTR, .sh_size = size, .sh_addralign = 8 },
		{ .sh_name = 7, .sh_type = SHT_PROGBITS, .sh_flags = SHF_ALLOC | SHF_WRITE, .sh_size = 8, .sh_addralign = 1 },
		{ .sh_name = 15, .sh_type = SHT_SYMTAB, .sh_size = sizeof(sym), .sh_link = 4, .sh_info = 1,
		  .sh_entsize = sizeof(Elf64_Sym), .sh_addralign = 8 },
		{ .sh_name = 23, .sh_type = SHT_STRTAB, .sh_size = 16, .sh_addralign = 1 },
		{ .sh_name = 31, .sh_type = SHT_STRTAB, .sh_size = ALIGN(sizeof(names), 8), .sh_addralign = 1 },
	};
	const void *data[6] = { NULL, insns, license, sym, strings, names };
	u32 real[6] = { 0, (u32)size, 8, sizeof(sym), sizeof(strings), sizeof(names) };
	Elf64_Ehdr eh = {
		.e_ident = { 0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT }, .e_type = ET_REL, .e_machine = EM_BPF,
		.e_version = EV_CURRENT, .e_ehsize = sizeof(eh), .e_shentsize = sizeof(Elf64_Shdr), .e_shnum = 6, .e_shstrndx = 5,
	};

	for (int i = 1; i < 6; i++) {
		sh[i].sh_offset = at;
		at += sh[i].sh_size;
	}
	eh.e_shoff = at;
	fwrite(&eh, sizeof(eh), 1, f);
	for (int i = 1; i < 6; i++) {
		fwrite(data[i], 1, real[i], f);
		for (u64 pad = real[i]; pad < sh[i].sh_size; pad++)
			fputc(0, f);
	}
	fwrite(sh, sizeof(sh), 1, f);
}
