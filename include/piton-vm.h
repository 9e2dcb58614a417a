/* piton-vm: the BPF machine as a library: load and verify programs, run them (JIT on x86-64 and arm64), share maps.
 * Separate machines (pvm) are independent and may be used from separate threads; maps and loaded programs may be used from
 * several threads at once; loading into one machine is for one thread at a time.
 * Functions that give int: 0 or more is fine, negative is -errno, and pvm_error() tells in words. */
#ifndef PITON_VM_H
#define PITON_VM_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct pvm pvm;                 /* a machine: maps and programs */
typedef struct pvm_prog pvm_prog;

/* How programs run. PVM_AUTO: verified, then the JIT, or the interpreter where there is no JIT.
 * PVM_CHECKED: not verified; an interpreter that checks every access and ends the run at the first wrong one. */
enum { PVM_AUTO, PVM_INTERPRETER, PVM_CHECKED, PVM_JIT, PVM_JIT_BLINDED };

pvm *pvm_new(void);                     /* NULL: no memory */
void pvm_free(pvm *vm);                 /* with all of its maps and programs */
const char *pvm_error(const pvm *vm);   /* why the last call failed; a refusal: cause, path, registers, remedy */

/* Maps, by number in the order in which they are made. kind is the kernel's name in lower case ("hash", "percpu_array").
 * shared: NULL, or a file that backs the map's memory: every process that names it has the same map. */
int pvm_map(pvm *vm, const char *kind, uint32_t key_size, uint32_t value_size, uint32_t entries, const char *shared);
int pvm_map_get(pvm *vm, int map, const void *key, void *value);        /* per-CPU kinds: values of all CPUs */
int pvm_map_put(pvm *vm, int map, const void *key, const void *value, uint64_t flags);
int pvm_map_delete(pvm *vm, int map, const void *key);
int pvm_map_next(pvm *vm, int map, const void *key, void *next);        /* key NULL: the first one; -ENOENT: the end */
/* Records of a ring buffer: calls fn for each that waits; gives their number. */
int pvm_ring(pvm *vm, int map, int (*fn)(void *arg, const void *data, uint32_t size), void *arg);
/* One record into a user ring buffer, for the program to drain; -ENOSPC: it is full. */
int pvm_ring_put(pvm *vm, int map, const void *data, uint32_t size);

/* A helper of your own under a number from 0x10000 on, for all machines of the process; register it before loading. It is
 * called with r1 to r5; args says how many of them it takes (all are plain numbers to the verifier). */
int pvm_helper(uint32_t number, const char *name, int args,
	       uint64_t (*fn)(uint64_t, uint64_t, uint64_t, uint64_t, uint64_t, void *));

/* Loads n 8-byte instructions as a program of a type ("socket_filter", "xdp", "syscall", ...); LD_IMM64 with src_reg 1 names a
 * map by its number. NULL: pvm_error(). */
pvm_prog *pvm_load(pvm *vm, const char *type, const void *insns, size_t n, int how);
/* The program `name` (or section; NULL: the first) of an ELF object, bpfx, hex or raw file, with the file's maps. */
pvm_prog *pvm_load_file(pvm *vm, const char *path, const char *name, int how);
/* Assembles and loads; both usual syntaxes. */
pvm_prog *pvm_load_text(pvm *vm, const char *type, const char *text, int how);

/* Runs once. Packet types: over the packet (mem, size), of which the program sees a copy; other types: mem is the context. */
int pvm_run(pvm_prog *prog, void *mem, size_t size, uint64_t *r0);

#ifdef __cplusplus
}
#endif

#endif
