/* What the files of probe/ share and others do not see. */
#ifndef PROBE_INSIDE_H
#define PROBE_INSIDE_H

#include "probe/probe.h"

#include <errno.h>

/* providers.c */
Probe *probe_new(ProbeContext *pc, const Probe *from);          /* a copy in pc->a, without file descriptors */
void probe_keep_fd(ProbeContext *pc, Probe *p, int fd);
bool probe_stopped(const ProbeContext *pc);                     /* Ctrl-C while attaching */
/* "100", "0x40", "1_000", "1e6"; false: no number. */
bool probe_number(const char *s, u64 *n);
/* E_PROBE at p with the provider's forms as a hint; always false. */
bool probe_bad(ProbeContext *pc, const Probe *p, const char *fmt, ...) PRINTF(3, 4);
/* For providers with one concrete probe for each pattern: calls fn(p) once. */
int probe_expand_one(ProbeContext *pc, const Probe *p, ProbeFn *fn, void *arg);
/* Calls attach for each probe in turn, watching for Ctrl-C. */
int probe_each(ProbeContext *pc, Probe **p, u32 n, u32 *failed, int (*attach)(ProbeContext *, Probe *, int), int prog_fd);
/* Only what every probe has: "ctx"; else NULL. */
const Type *probe_no_value(ProbeContext *pc, const Probe *p, const char *name, const char **why);
Ref probe_no_load(ProbeContext *pc, const Probe *p, Fn *fn, const char *name, u32 field);
const Type *probe_no_args(ProbeContext *pc, const Probe *p, const char **why);
typedef struct ProbeNames { Arena *a; Vec(const char *) v; } ProbeNames;
void probe_names_sort(ProbeNames *n);                           /* and drops equal ones */

/* regs.c: programs whose context is the CPU's registers. */
typedef enum RegUse { REGS_ENTRY = 1, REGS_RETURN = 2, REGS_ANY = 0 } RegUse;
/* "argN", "sargN" (REGS_ENTRY), "retval" (REGS_RETURN), "reg:NAME", "ctx". */
const Type *regs_value_type(ProbeContext *pc, RegUse use, const char *name, const char **why);
Ref regs_load(ProbeContext *pc, Fn *fn, AddrSpace space, const char *name);
Ref regs_load_offset(Fn *fn, u32 offset);                       /* of a register in the context */
/* Where in struct pt_regs the registers lie that a walk up the stack begins with: program counter, stack pointer, frame pointer,
 * the further saved register, the one of the innermost frame only (UnwindRow). */
u32 regs_unwind(u32 which);
int regs_dwarf(u64 number);                                     /* by DWARF's number; -1: not an integer register */
u32 regs_args(void);                                            /* how many registers carry arguments */
bool regs_big_by_pointer(void);                                 /* structs over 16 bytes: the caller gives an address */
Ref regs_stack_arg(Fn *fn, u32 offset);                         /* address of an argument on the stack, at function entry */
/* Where a register lies in the context; -1 if this machine has no such register. */
int regs_offset(const char *name);
int regs_offset_on(u16 machine, const char *name);              /* of another machine (EM_*) */
u16 regs_machine(void);
/* Reads size bytes at `from` in the given space; 0 where that fails. */
Ref probe_read(ProbeContext *pc, Fn *fn, AddrSpace space, Ref from, u32 size, bool sign);

/* perf.c: what profile shares with software and hardware. */
void perf_threads(ProbeContext *pc, VecU32 *out);               /* of pc->pid */
int perf_attach(ProbeContext *pc, Probe *p, u32 type, u64 config, u64 period, int prog_fd);
const Type *perf_value_type(ProbeContext *pc, const Probe *p, const char *name, const char **why);
Ref perf_load(ProbeContext *pc, const Probe *p, Fn *fn, const char *name, u32 field);

#define PROVIDER(symbol) extern const Provider symbol;
#include "probe/providers.def"
#undef PROVIDER

/* kprobe.c: calls fn(arg, name, module or NULL) for each function that ftrace can hook; -errno if that is not told. */
int kprobe_each_traceable(ProbeContext *pc, int (*fn)(void *, const char *, const char *), void *arg);

/* insn.c: machine code of user programs, of the machine that the file is for (EM_*). */
u32 insn_length(u16 machine, const u8 *p, size_t room);         /* bytes of the instruction at p; 0: unknown, or cut off */
bool insn_returns(u16 machine, const u8 *p, u32 n);

/* uprobe.c: one link for many places (Probe.addr of Probe.scope). */
bool uprobe_takes_multi(ProbeContext *pc, u32 n);
int uprobe_attach_one(ProbeContext *pc, Probe *p, bool ret, int prog_fd);
int uprobe_attach_multi(ProbeContext *pc, Probe **p, u32 n, bool ret, int prog_fd, u32 *failed);

/* semaphore.c: what lies at `offset` of the file, a u16, is raised in this process; *at gets its address there. -ESRCH: no process is named;
 * -ENXIO: it has not mapped the file. */
int semaphore_raise(s32 pid, const char *file, u64 offset, u64 *at);
void semaphore_lower(s32 pid, u64 at);

/* uargs.c: arguments of user functions by name; inlined: the address of an instance of it in its caller, or 0.
 * NULL: *why says why not. */
const Type *uargs_type(ProbeContext *pc, const Probe *p, u64 inlined, const char **why);
Ref uargs_load_inlined(ProbeContext *pc, Fn *fn, const Probe *p, u64 inlined, u32 i);    /* the i-th one */
Dwarf *uargs_dwarf(ProbeContext *pc, const char *path);         /* interned path; kept open; NULL: none */
/* From now on the script's casts may name types of this program. */
void uargs_lend_types(ProbeContext *pc, const char *path);
void uargs_list(ProbeContext *pc, const Probe *p, Buf *out);    /* -lv */
Ref uargs_load(ProbeContext *pc, Fn *fn, const Probe *p, u32 field);

/* function.c: places inside a function. */
typedef enum FunctionPlace { FP_BOUNDARY, FP_INSIDE, FP_UNKNOWN } FunctionPlace;        /* where an instruction begins; inside of one */
FunctionPlace function_place(const char *path, const ElfSym *s, u64 offset, u64 *before);       /* before: the last boundary up to there */
typedef Vec(u64) Offsets;
/* Where in the function it returns. -ENODATA: its size or code is unknown; -EILSEQ: some instruction is. */
int function_returns(ProbeContext *pc, const char *path, const ElfSym *s, Offsets *out);

/* location.c: emits the load of a value from where DWARF says (the address, of what does not fit a register). row: that of the
 * place in the unwinding table, or NULL. False: it cannot be had there. */
bool location_load(ProbeContext *pc, Fn *fn, const DwarfParam *param, const UnwindRow *row, Ref *out);

/* binary.c: files of user programs. */
typedef struct Binary { HostMap map; } Binary;
typedef struct BinarySection { const u8 *p; u64 n, addr; } BinarySection;
/* The paths behind a name: short, with wildcards, or "*" for what process pc->pid has mapped. */
int binary_find(ProbeContext *pc, const char *name, ProbeNames *out);
/* The file that the kernel knows, and what is added to offsets in it: for members of archives; others as they are. */
const char *binary_file(ProbeContext *pc, const char *path, u64 *add);
Elf *binary_elf(const char *path);                              /* kept open; NULL: no ELF file */
bool binary_map(const char *path, Binary *b);                   /* false: no 64-bit ELF file */
void binary_unmap(Binary *b);
bool binary_offset(const Binary *b, u64 vaddr, u64 *offset);    /* of an address in the file */
bool binary_section(const Binary *b, const char *name, BinarySection *out);

/* format.c: an event's record, from its format file. */
const Type *format_read(ProbeContext *pc, const char *category, const char *event, AddrSpace space, u32 *id, const char **why);
void format_list(const char *category, const char *event, Buf *out);   /* -lv: as the kernel writes them */

#endif
