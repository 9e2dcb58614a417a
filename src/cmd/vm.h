/* vm.h: what the files of `piton vm` share. */
#ifndef CMD_VM_H
#define CMD_VM_H

#include "vm/run.h"

#include <stdio.h>

enum { OK, FAILED, USAGE, UNSUPPORTED };        /* exit status */

typedef struct VmOptions {
	Arena *a;
	Diag *d;
	const char **files;             /* verify, run: one or more */
	u32 n_files;
	const char *label;              /* put before each result: "" or "FILE: " when there are several */
	const char *file, *hex, *mem, *out, *format, *syntax, *type;
	bool verified, interp, jit, both, no_verify, plugin, bytes, verbose, blind, unprivileged, classic, convert;
	u64 repeat;
	Object o;
	const ObjProg *prog;
	InsnFacts *facts;               /* of the verifier that accepted it, or NULL */
	u8 *m;
	u32 m_size;
} VmOptions;

typedef struct Maps { VmMap **v; u32 n; } Maps;
typedef struct Run { u64 r0; int res; } Run;

/* vm.c: each gives USAGE after its message */
int cmd_vm_usage(void);
int cmd_vm_complain(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
int cmd_vm_diagnose(VmOptions *o);      /* prints the diagnostics of reading a file */
u8 *cmd_vm_bytes(Arena *a, const char *text, u32 *n);   /* hex digits; NULL with a message */
void cmd_vm_read(FILE *f, Buf *b);
int cmd_vm_load(VmOptions *o);          /* fills o and prog from FILE or --hex */

/* vm_text.c, vm_run.c, vm_bench.c: one command each; exit status */
int cmd_vm_asm(VmOptions *o);
int cmd_vm_dis(VmOptions *o);
int cmd_vm_verify(VmOptions *o);
int cmd_vm_run(VmOptions *o);
int cmd_vm_bench(VmOptions *o);

/* vm_run.c */
int cmd_vm_accepts(VmOptions *o, bool print);   /* what the verifier says */
int cmd_vm_maps(VmOptions *o, Maps *maps);
void cmd_vm_free(Maps *maps);
VmProg *cmd_vm_prog(VmOptions *o, const Maps *maps, VmEngine engine, bool trusted, int *res);
Run cmd_vm_once(VmOptions *o, VmProg *p, const u8 *data, u32 size, bool packet);

/* vm_elf.c: a relocatable ELF object for BPF with the instructions in section ".text". */
void cmd_put_elf(FILE *f, const Insn *insns, u32 n);

#endif
