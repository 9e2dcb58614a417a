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

typedef struct bpf_insn Insn;

/* Instructions, maps, helpers and features that are newer than the oldest <linux/bpf.h> we build with. */
#include "bpf/uapi.h"

/* isa.c: the rows of isa.def (opcode, operands, effect). */
typedef enum InsnClass { IC_ALU, IC_JUMP, IC_CALL, IC_EXIT, IC_LOAD, IC_STORE, IC_ATOMIC, IC_LDIMM, IC_PACKET } InsnClass;
typedef struct InsnRow InsnRow;
/* The row of an instruction, or NULL for an unknown opcode or a reserved field that is not zero. */
const InsnRow *bpf_insn_row(const Insn *insn);
bool bpf_insn_wide(const Insn *insn);           /* LD_IMM64: takes two slots */

/* helper.c: rows of helpers.def. Signature letters: see the legend there. */
typedef enum HelperEffect {
	HE_CONST = 1,           /* same result all through one run of a program (pid_tgid, uid_gid, current_task, ...) */
	HE_READS = 2,           /* reads memory that programs write (maps, stack through an argument) */
	HE_WRITES = 4,          /* writes memory through an argument */
	HE_MAP_WRITES = 8,      /* changes a map's contents or set of keys */
	HE_IO = 16,             /* has an effect outside (output, signal, tail call): never removed, never moved */
} HelperEffect;
typedef struct Helper { u32 id; const char *name, *sig; u32 effects; bool gpl; } Helper;
const Helper *bpf_helper(u32 id);               /* NULL if unknown */
const Helper *bpf_helper_named(const char *name);       /* without "bpf_" */

/* types.c */
const char *bpf_map_type_name(u32 type);        /* "percpu_hash", or NULL */
int bpf_map_type_named(const char *name);       /* -1 if unknown */
bool bpf_map_type_percpu(u32 type);
const char *bpf_prog_type_name(u32 type);       /* "socket_filter" */
int bpf_prog_type_named(const char *name);

/* asm.c, dis.c */
typedef enum Syntax { SYN_KERNEL, SYN_CONFORMANCE } Syntax;
/* Disassembles one instruction (insn[1] is read for a wide one); gives its slots (1 or 2), 0 if unknown (text says so). */
u32 bpf_dis(const Insn *insn, u32 pc, Syntax syn, Buf *out);
/* Assembles a text in either syntax (told apart by itself); errors go to d. Labels allowed. false if any. */
bool bpf_asm(const char *name, const char *text, size_t n, Diag *d, Arena *a, Insn **insns, u32 *count);

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
	u32 inner;                      /* map-in-map: index of the template + 1 */
} MapDef;

typedef struct Code {
	const char *name;               /* what the kernel shows, <= 15 characters are kept */
	u32 prog_type, attach_type;     /* BPF_PROG_TYPE_*, expected_attach_type */
	u32 btf_id;                     /* attach_btf_id for tracing programs, or 0 */
	u32 btf_fd;                     /* module BTF, or 0 */
	Insn *insns;
	u32 n;                          /* slots */
	Span *spans;                    /* one per slot: the script text it comes from; or NULL */
	bool sleepable;
	const char *license;            /* NULL: "GPL" */
} Code;

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
