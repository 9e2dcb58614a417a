/* function: places inside a function of a user program, found by going through its instructions from the first one on. */
#include "probe/inside.h"

#include <elf.h>

/* The function's bytes in the file; false: they are not there. */
static bool
bytes_of(const Binary *b, const ElfSym *s, const u8 **p, u64 *n, u16 *machine)
{
	*machine = ((const Elf64_Ehdr *)b->map.p)->e_machine;
	if (!s->file_offset || s->file_offset >= b->map.n)
		return false;
	*p = b->map.p + s->file_offset;
	*n = b->map.n - s->file_offset;
	return true;
}

FunctionPlace
function_place(const char *path, const ElfSym *s, u64 offset, u64 *before)
{
	FunctionPlace place = FP_UNKNOWN;
	const u8 *p;
	u64 n, at = 0;
	u16 machine;
	Binary b;

	*before = 0;
	if (!binary_map(path, &b))
		return FP_UNKNOWN;
	if (bytes_of(&b, s, &p, &n, &machine)) {
		while (at < offset && at < n) {
			u32 length = insn_length(machine, p + at, n - at);

			if (!length)
				break;
			*before = at;
			at += length;
		}
		if (at == offset)
			*before = at;
		place = at == offset ? FP_BOUNDARY : at > offset ? FP_INSIDE : FP_UNKNOWN;
	}
	binary_unmap(&b);
	return place;
}

int
function_returns(ProbeContext *pc, const char *path, const ElfSym *s, Offsets *out)
{
	const u8 *p;
	u64 n;
	u16 machine;
	Binary b;
	int err = 0;

	if (!binary_map(path, &b))
		return -ENOEXEC;
	if (!s->size || !bytes_of(&b, s, &p, &n, &machine))
		err = -ENODATA;
	n = MIN(n, s->size);
	for (u64 at = 0; at < n && !err; ) {
		u32 length = insn_length(machine, p + at, n - at);

		if (!length)
			err = -EILSEQ;
		else if (insn_returns(machine, p + at, length))
			VEC_PUSH(pc->a, out, at);
		at += length;
	}
	binary_unmap(&b);
	return err;
}
