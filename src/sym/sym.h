/* sym: names for addresses and back. Comes in: addresses, pids, ELF files. Goes out: names.
 * Kernel: /proc/kallsyms, sorted once at first use. User: /proc/PID/maps and the ELF files behind, each file's symbols
 * indexed lazily and kept while the session lives, so that names survive the process (sym_remember).
 * Called by out/ (printing) and probe/ (where to attach). Errors are -errno; an unknown address is no error.
 * Never here: BPF. Locals: s sym, e elf. */
#ifndef SYM_SYM_H
#define SYM_SYM_H

#include "base/base.h"
#include "type/type.h"

typedef struct Sym Sym;
typedef struct Elf Elf;
typedef struct Bytes { const u8 *p; u64 n; } Bytes;
typedef struct SymOptions { bool demangle; } SymOptions;
Sym *sym_new(const SymOptions *opt);
void sym_demangles(Sym *s, bool on);                    /* the same, before the first name is asked for */
void sym_free(Sym *s);

/* kallsyms.c */
typedef struct SymName { const char *name; u64 offset; const char *module; } SymName;      /* valid until sym_free */
bool sym_kernel(Sym *s, u64 addr, SymName *out);
u64 sym_kernel_addr(Sym *s, const char *name);          /* 0 if unknown or hidden */
/* Calls fn for each kernel function name matching the glob; stops when fn is nonzero. */
int sym_kernel_each(Sym *s, const char *pat, int (*fn)(void *, const char *name, const char *module), void *arg);

/* user.c */
void sym_remember(Sym *s, u32 pid);                     /* reads /proc/PID/maps now; cheap when already known and unchanged */
/* The same told piecemeal, by the kernel's own records of what processes do (kern/mmap.c). */
void sym_mapping(Sym *s, u32 pid, u64 start, u64 size, u64 offset, const char *path);
void sym_forked(Sym *s, u32 pid, u32 parent);
void sym_execed(Sym *s, u32 pid);
/* name and file of a user address; *file may be NULL. Demangled when asked for. */
bool sym_user(Sym *s, u32 pid, u64 addr, SymName *out, const char **file, u64 *file_offset);
/* sym_dwarf_frames for an address in a process. */
bool sym_user_frames(Sym *s, u32 pid, u64 addr, void (*fn)(void *arg, const char *inlined, const char *file, u32 line), void *arg);
/* Calls fn for each executable mapping of an ELF file that is known of a process now, in order of address. */
void sym_each_mapping(Sym *s, u32 pid, void (*fn)(void *arg, u64 start, u64 end, u64 offset, Elf *e), void *arg);
/* The build id of a file that a process has mapped (by the name sym_user gives), in hexadecimal; false if it has none. */
bool sym_build_id(Sym *s, u32 pid, const char *file, Buf *out);

/* debug.c: folders where separate debug files are looked for besides the usual ones, joined by colons; kept by reference. */
void sym_debug_dirs(const char *dirs);

/* elf.c: one binary. */
typedef struct ElfSym { const char *name; u64 value, size, file_offset; bool is_func; } ElfSym;
Elf *sym_elf_open(const char *path, int *err);          /* through the host's door; separate debug files are looked for */
void sym_elf_close(Elf *e);
bool sym_elf_find(Elf *e, const char *name, ElfSym *out);       /* exact, also by demangled name without parameters */
/* For globs and -l; names raw as in the table. Each name once. */
int sym_elf_each(Elf *e, const char *pat, int (*fn)(void *, const ElfSym *), void *arg);
bool sym_elf_at(Elf *e, u64 file_offset, SymName *out);
/* What is to be added to file offsets of executable code around `offset` to get addresses as in the file; false: no code there. */
bool sym_elf_delta(const Elf *e, u64 offset, u64 *delta);
bool sym_elf_is_go(Elf *e);
bool sym_elf_build_id(const Elf *e, char *out, size_t size);    /* in hexadecimal */
/* Finds "c", "libc.so.6", "bash" as the dynamic linker and the shell would; path in out, or -ENOENT. */
int sym_find_file(const char *name, u32 pid, char *out, size_t size);

/* dwarf.c, dwarftype.c, dwarfline.c, dwarfinl.c: what the compiler wrote about a program: types, lines. Read by piton itself, where it lies
 * (DWARF 2 to 5; from the separate debug file if there is one), walked anew for each question. */
typedef struct Dwarf Dwarf;
Dwarf *sym_dwarf_open(Arena *a, const char *path);      /* NULL: there is none. Types made from it need it open. */
void sym_dwarf_close(Dwarf *d);
/* A function's type: TY_FUNC with named parameters, elem its result; pointers are to user memory. NULL: unknown. By name as in
 * the symbol table, or as in the source. */
const Type *sym_dwarf_func(Dwarf *d, Types *ts, const char *name);
/* A struct, union, enum or typedef of the program: "struct x", "class x", "x". */
const Type *sym_dwarf_type(Dwarf *d, Types *ts, const char *name);
/* Addresses (not file offsets) where code of file:line begins; col 0: any. file: the end of a path ("x.c", "src/x.c"). If the
 * line has no code, the next one that has counts. Gives their number; fn nonzero ends. */
int sym_dwarf_at_line(Dwarf *d, const char *file, u32 line, u32 col, int (*fn)(void *, u64 addr, u32 line), void *arg);
/* Where an address comes from: "dir/x.c", line. */
bool sym_dwarf_line(Dwarf *d, u64 addr, Buf *file, u32 *line);
/* The first addresses of the places where a function was inlined. */
int sym_dwarf_inlined(Dwarf *d, const char *name, int (*fn)(void *, u64 addr), void *arg);
/* Where an address comes from, the innermost first: functions that were inlined there, then (inlined NULL) the one whose code it is,
 * each with its place in the source. False: unknown, and fn is not called. */
bool sym_dwarf_frames(Dwarf *d, u64 addr, void (*fn)(void *arg, const char *inlined, const char *file, u32 line), void *arg);
/* The parameters of the instance that begins at addr: a constant, or a DWARF expression for where each lies there (loc.n 0: it is
 * nowhere); frame: the expression of the frame base around it. Their number. */
typedef struct DwarfParam { const char *name; const Type *type; Bytes loc, frame; bool is_const; s64 value; } DwarfParam;
u32 sym_dwarf_inlined_params(Dwarf *d, Types *ts, const char *name, u64 addr, DwarfParam *out, u32 max);

/* cfi.c: how to walk up the stack from any instruction of a program, for programs without frame pointers: rows for ranges of
 * code, sorted; a row holds up to the next one. pc: an address as in the file. The CFA is the stack pointer before the call. */
typedef struct UnwindRow {
	u32 pc;
	s32 cfa;                        /* added to the base; UNWIND_PLT: see cfi.c */
	s16 ra, fp, bx;                 /* where the return address, frame pointer and one more register were saved */
	u8 how, saved;
} UnwindRow;
enum {
	/* how: mode, base, flag. NONE: nothing is known; END: nobody called this. */
	UNWIND_NONE = 0, UNWIND_OFFSET = 1, UNWIND_DEREF = 2, UNWIND_PLT = 3, UNWIND_END = 4, UNWIND_MODE = 7,
	UNWIND_BASE_SHIFT = 3,
	/* The fourth register is known in the innermost frame only: r10, or on arm64 the link register. */
	UNWIND_SP = 0, UNWIND_FP = 1, UNWIND_BX = 2, UNWIND_ONCE = 3,
	UNWIND_SIGNAL = 0x20,           /* a signal came here: the caller's address is no return address */
	/* saved: two bits each for ra, fp, bx. ra UNWIND_SAME: it is in the fourth register. */
	UNWIND_SAME = 0, UNWIND_AT_CFA = 1, UNWIND_AT_SP = 2, UNWIND_AT_FP = 3,
	UNWIND_FP_SHIFT = 2, UNWIND_BX_SHIFT = 4,
};
typedef struct UnwindTable { UnwindRow *row; u32 n; } UnwindTable;
bool sym_unwind_table(Elf *e, UnwindTable *t);          /* false: the file has nothing of the kind, or is of another machine */
void sym_unwind_free(UnwindTable *t);
const UnwindRow *sym_unwind_row(const UnwindTable *t, u64 pc);  /* NULL: before the first */

/* demangle.c: C++ and Rust; NULL if it is neither. Caller frees. */
char *sym_demangle(const char *name);

#endif
