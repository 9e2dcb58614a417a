/* vm.h: what the files of `piton vm` share. */
#ifndef CMD_VM_H
#define CMD_VM_H

#include "bpf/bpf.h"

#include <stdio.h>

/* vm_elf.c: a relocatable ELF object for BPF with the instructions in section ".text". */
void cmd_put_elf(FILE *f, const Insn *insns, u32 n);

#endif
