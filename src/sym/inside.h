/* inside: what the files of sym/ share and nobody else sees. */
#ifndef SYM_INSIDE_H
#define SYM_INSIDE_H

#include "sym/sym.h"

#include <errno.h>

typedef struct KernelSym { u64 addr; u32 name, module; char type; } KernelSym;  /* name, module: into kernel_text; module 0: none */

typedef struct Process Process;

struct Sym {
	SymOptions opt;
	Arena *a;
	/* kallsyms.c */
	bool kernel_read;
	Buf kernel_text;
	KernelSym *kernel;
	u32 kernel_n;
	/* user.c */
	Vec(Process *) procs;           /* sorted by pid */
	Map files;                      /* "dev:inode" or path -> Elf; kept open, so that names survive process and file */
	Map dwarfs;                     /* Elf -> its Dwarf, opened when first asked; this Sym: it has none */
	Map places;                     /* Elf and address -> its lines */
	Map nice;                       /* raw name -> demangled */
	Elf *vdso;
};

bool sym_kernel_index(Sym *s);
const char *sym_nice(Sym *s, const char *raw);          /* demangled if so wished; lives as long as s */

/* elf.c */
/* A section's bytes as they are in the file (not inflated) and its address; false: there is none. */
bool sym_elf_section(const Elf *e, const char *name, Bytes *out, u64 *addr);
u16 sym_elf_machine(const Elf *e);                      /* EM_X86_64 ..; EM_NONE: 32 bits */
/* An image in memory that stays there (the vdso). */
Elf *sym_elf_memory(const u8 *p, size_t n);

/* What a program says about its separate debug file. */
enum { SYM_BUILD_ID = 160 };
typedef struct DebugName { const char *path; char build_id[SYM_BUILD_ID]; const char *link; u32 crc; } DebugName;
bool sym_elf_debug_name(const Elf *e, const char *path, DebugName *out);
bool sym_image_build_id(const HostMap *m, char id[SYM_BUILD_ID]);
/* debug.c: calls try for each file that fits, until it keeps one (true; the mapping is its then). */
typedef bool DebugTry(void *arg, HostMap *m);
bool sym_debug_find(const DebugName *name, DebugTry *try, void *arg);

/* perfmap.c: what JIT compilers tell in /tmp/perf-PID.map. */
typedef struct PerfMap PerfMap;
PerfMap *sym_perfmap_read(Arena *a, u32 pid);           /* NULL: there is none */
u64 sym_perfmap_size(u32 pid);                          /* of the file now; 0: there is none */
bool sym_perfmap_at(const PerfMap *m, u64 addr, SymName *out);

#endif
