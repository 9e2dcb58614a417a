/* bpf: facts about BPF as tables, and the shape of what a compiler hands to a machine.
 * Comes in: nothing but numbers. Goes out: names, signatures, effects of instructions, helpers, map and
 * program types; text and back (asm.c, dis.c); classic BPF and its conversion (classic.c); the Image
 * that a compiler makes and the interface of the Machine that runs it (kern/ and vm/ are the two).
 * Instructions are the kernel's struct bpf_insn (RFC 9669). Never here: system calls.
 * Locals: insn, pc, n. */
#ifndef BPF_BPF_H
#define BPF_BPF_H

#include "base/base.h"

#include <linux/bpf.h>
#include <linux/filter.h>

typedef struct bpf_insn Insn;

/* Instructions, maps, helpers and features that are newer than the oldest <linux/bpf.h> we build with. */
#include "bpf/uapi.h"

/* isa.c: the rows of isa.def (opcode, operands, effect). */
typedef enum InsnClass { IC_ALU, IC_JUMP, IC_CALL, IC_EXIT, IC_LOAD, IC_STORE, IC_ATOMIC, IC_LDIMM, IC_PACKET } InsnClass;
/* Which fields are operands; the rest is zero. */
typedef enum InsnShape {
	SH_ALUK, SH_ALUX,       /* dst op= imm | src; offset selects */
	SH_NEG, SH_END,         /* dst; SH_END: imm selects */
	SH_JMPK, SH_JMPX,       /* dst, imm | src, offset */
	SH_JA, SH_JA32,         /* offset | imm */
	SH_LDX, SH_ST, SH_STX,  /* register, offset, register | imm */
	SH_ATOMIC, SH_ACQREL,   /* dst, offset, src; imm selects */
	SH_CALL, SH_CALLX, SH_EXIT,     /* SH_CALL: src selects; imm */
	SH_LDIMM,               /* dst, imm and the next slot's imm; src selects */
	SH_ABS, SH_IND,         /* imm; src */
} InsnShape;
typedef enum InsnOp {
#define ROW(N, ...) OP_##N,
#include "bpf/isa.def"
	N_OP
} InsnOp;
typedef struct InsnRow {
	u16 op;                 /* InsnOp */
	u8 code, shape, cls, size;      /* size: bytes moved or computed */
	s16 var;
	const char *mn, *sym;
} InsnRow;
/* The row of an instruction, or NULL for an unknown opcode or a reserved field that is not zero. */
const InsnRow *bpf_insn_row(const Insn *insn);
const InsnRow *bpf_insn_row_at(u32 op);         /* the row of an InsnOp */
bool bpf_insn_wide(const Insn *insn);           /* LD_IMM64: takes two slots */

/* helper.c: rows of helpers.def. Signature letters: see the legend there. */
typedef enum HelperEffect {
	HE_CONST = 1,           /* same result all through one run of a program (pid_tgid, uid_gid, current_task, ...) */
	HE_READS = 2,           /* reads memory that programs write (maps, stack through an argument) */
	HE_WRITES = 4,          /* writes memory through an argument */
	HE_MAP_WRITES = 8,      /* changes a map's contents or set of keys */
	HE_IO = 16,             /* has an effect outside (output, signal, tail call): never removed, never moved */
} HelperEffect;
typedef struct Helper { u32 id; const char *name, *sig; u32 effects; bool gpl; const char *types; } Helper;
const Helper *bpf_helper(u32 id);               /* NULL if unknown */
enum { BPF_OWN_HELPERS = 0x10000 };             /* numbers from here on are free for users of the library */
bool bpf_helper_add(const Helper *h);           /* strings are kept by reference; false: the number is taken or none of ours */
/* Kernel functions: rows of kfuncs.def; types: a bit for each program type that has it. */
typedef enum KfuncFlag { KF_ACQUIRE = 1, KF_RELEASE = 2, KF_NULL_RESULT = 4, KF_SLEEPS = 8, KF_TRUSTED = 16, KF_RCU = 32 } KfuncFlag;
typedef struct Kfunc { const char *name, *sig; u32 flags; u64 types; const char *object; } Kfunc;
const Kfunc *bpf_kfunc_named(const char *name);         /* NULL: none of Linux 6.18 */
const Helper *bpf_helper_named(const char *name);       /* without "bpf_" */

/* types.c */
const char *bpf_map_type_name(u32 type);        /* "percpu_hash", or NULL */
int bpf_map_type_named(const char *name);       /* -1 if unknown */
bool bpf_map_type_percpu(u32 type);
const char *bpf_prog_type_name(u32 type);       /* "socket_filter" */
int bpf_prog_type_named(const char *name);
char bpf_prog_type_letter(u32 type);            /* as in helpers.def; 0 if unknown */

/* asm.c, dis.c */
typedef enum Syntax { SYN_KERNEL, SYN_CONFORMANCE } Syntax;
/* Disassembles one instruction (insn[1] is read for a wide one); gives its slots (1 or 2), 0 if unknown (text says so). */
u32 bpf_dis(const Insn *insn, u32 pc, Syntax syn, Buf *out);
/* Assembles a text in either syntax (told apart by itself); errors go to d. Labels allowed. false if any. */
bool bpf_asm(const char *name, const char *text, size_t n, Diag *d, Arena *a, Insn **insns, u32 *count);

/* classic.c: classic BPF with Linux's extensions (loads at SKF_AD_OFF). */
bool bpf_classic_dis(const struct sock_filter *f, u32 pc, Buf *out);    /* false: unknown code */
bool bpf_classic_asm(const char *name, const char *text, size_t n, Diag *d, Arena *a, struct sock_filter **code, u32 *count);
bool bpf_classic_check(const struct sock_filter *f, u32 n, Buf *why);  /* what the kernel checks when a filter is attached */
/* To a socket_filter program of extended BPF; false: not valid, or it uses what extended BPF does not have. */
bool bpf_classic_convert(const struct sock_filter *f, u32 n, Arena *a, Insn **insns, u32 *count, Buf *why);

/* features.def: what a machine may lack. */
typedef enum Feature {
#define FEATURE(id, name, words) id,
#include "bpf/features.def"
#undef FEATURE
	N_FEATURE
} Feature;

/* ---- What a compiler makes: an Image ---- */

/* A map to be made. In instructions a map is LD_IMM64 with src_reg BPF_PSEUDO_MAP_FD (imm: index into Image.maps) or
 * BPF_PSEUDO_MAP_VALUE (imm: index, second imm: offset); a Machine puts its own references there on a copy. */
typedef struct MapDef {
	const char *name;               /* any length; a Machine cuts it */
	u32 type, key_size, value_size, max_entries, flags;
	const void *init;               /* first value of an array map of one entry, or NULL */
	bool frozen;                    /* read-only after init */
	u32 brief;                      /* index + 1 of the map that holds those keys of this one which are zero from the brief
	                                 * map's key_size on (for the reader; a Machine does not look at it), or 0 */
	u32 inner;                      /* map-in-map: index of the template + 1 */
	const struct MapField *fields;  /* special fields inside the value, from the map's BTF; NULL: none */
	u32 n_fields;
	const u32 *prog_keys;           /* prog array: keys that hold a program from the start (verifier suites), or NULL */
	u32 n_prog_keys;
} MapDef;

/* A field of a map value that only helpers may touch. */
typedef enum MapFieldKind { MF_SPIN_LOCK, MF_TIMER, MF_WORKQUEUE, MF_KPTR_UNTRUSTED, MF_KPTR, MF_OTHER } MapFieldKind;
typedef struct MapField { MapFieldKind kind; u32 off, size; const char *type; } MapField;

typedef struct Code {
	const char *name;               /* what the kernel shows, <= 15 characters are kept */
	const char *full_name;          /* of the function, in the BTF that a Machine makes where it is needed; NULL: name */
	u32 prog_type, attach_type;     /* BPF_PROG_TYPE_*, expected_attach_type */
	u32 btf_id;                     /* attach_btf_id for tracing programs, or 0 */
	u32 btf_fd;                     /* module BTF, or 0 */
	Insn *insns;
	u32 n;                          /* slots */
	Span *spans;                    /* one per slot: the script text it comes from; or NULL */
	bool sleepable;
	const char *license;            /* NULL: "GPL" */
	u32 flags;                      /* BPF_F_STRICT_ALIGNMENT and friends of BPF_PROG_LOAD */
	const char *attach_to;          /* kernel function or trace point that a tracing program is loaded for, or NULL */
	const struct CodeFunc *funcs;   /* functions, by rising pc, or NULL */
	u32 n_funcs;
	const struct CodeKfunc *kfuncs; /* calls of kernel functions, by rising pc */
	u32 n_kfuncs;
	const struct CodeLine *lines;   /* source lines, by rising pc, or NULL */
	u32 n_lines;
	const void *btf;                /* raw BTF of the program with its header, or NULL */
	u32 btf_size;
} Code;

typedef struct CodeFunc { u32 pc; const char *name; u32 btf_type; bool global; } CodeFunc;
typedef struct CodeKfunc { u32 pc; const char *name; } CodeKfunc;
typedef struct CodeLine { u32 pc, line, col; const char *file, *text; } CodeLine;

/* ---- object.c, elf.c: programs from files ---- */

/* A run that a test suite expects: r0 (low 32 bits) over a packet. */
typedef struct ObjRun { const u8 *data; u32 size, retval; } ObjRun;
typedef struct ObjProg { const char *name, *section; Code code; } ObjProg;
typedef struct Object {
	const char *format;             /* "bpfx", "hex", "raw", "ELF" */
	MapDef *maps;
	u32 n_maps;
	ObjProg *progs;                 /* at least one */
	u32 n_progs;
	ObjRun *runs;                   /* bpfx: expected runs of progs[0] */
	u32 n_runs;
} Object;
/* Reads ELF, bpfx, hex text or raw instructions, told apart by content. Hostile input is safe. false: errors are in d.
 * Nothing is checked beyond the format: instructions may be invalid, map indexes out of range. */
bool bpf_object_read(const char *path, Arena *a, Diag *d, Object *o);
bool bpf_object_parse(const char *name, const void *data, size_t n, Arena *a, Diag *d, Object *o);
bool bpf_elf_parse(const char *name, const u8 *p, size_t n, Arena *a, Diag *d, Object *o);      /* elf.c, for object.c */
/* The program in section (or named) `name`, the first one for NULL; NULL if there is none. */
const ObjProg *bpf_object_prog(const Object *o, const char *name);

/* ---- The Machine ---- */

/* Why a program was refused. text lives in the Buf of the caller. */
typedef struct Refusal {
	int err;                        /* -errno */
	s32 pc;                         /* instruction the verifier stopped at, -1 if unknown */
	Buf log;                        /* the verifier's own words; caller frees */
} Refusal;

typedef struct Machine Machine;
typedef struct MachineOps MachineOps;
/* A record from the ring: data is valid during the call. Nonzero ends the poll with that value. */
typedef int RecordFn(void *arg, const void *data, u32 size);

/* All give >= 0 or -errno. `map` and `prog` are handles from map_new and prog_load.
 * A value of a per-CPU map is host_cpus() values of ALIGN(value_size, 8) bytes. */
struct MachineOps {
	const char *name;                                       /* "kernel", "user" */
	bool (*has)(Machine *m, Feature f);
	int (*map_new)(Machine *m, const MapDef *def);          /* maps must be made in the order of the Image */
	int (*map_lookup)(Machine *m, int map, const void *key, void *value);          /* -ENOENT */
	int (*map_update)(Machine *m, int map, const void *key, const void *value, u64 flags);
	int (*map_delete)(Machine *m, int map, const void *key);
	int (*map_next)(Machine *m, int map, const void *key, void *next);             /* key NULL: first; -ENOENT: end */
	/* All of it at once, where the machine can: calls fn per entry; fn nonzero ends. */
	int (*map_walk)(Machine *m, int map, int (*fn)(void *arg, const void *key, const void *value), void *arg);
	void *(*map_memory)(Machine *m, int map);               /* array maps with BPF_F_MMAPABLE: shared memory, or NULL */
	int (*prog_load)(Machine *m, const Code *code, const int *maps, u32 n_maps, Refusal *why);
	/* Runs a loaded program once over ctx (may be NULL) on this CPU. retval: r0. */
	int (*prog_run)(Machine *m, int prog, void *ctx, u32 ctx_size, u32 *retval);
	/* The ring `map` (BPF_MAP_TYPE_RINGBUF, or PERF_EVENT_ARRAY where there is none) delivers to fn. */
	int (*ring_open)(Machine *m, int map, u32 pages, RecordFn *fn, void *arg);
	int (*ring_poll)(Machine *m);                           /* delivers what is there; number of records */
	int (*ring_fd)(Machine *m);                             /* for poll(2): readable when records wait; -1: none */
	u64 (*ring_lost)(Machine *m);                           /* records lost so far, as far as the machine itself knows */
	void (*close)(Machine *m);                              /* everything made is gone */
};
struct Machine { const MachineOps *ops; };

#endif
