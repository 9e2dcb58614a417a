/* insn: where instructions of user programs begin, and which of them return: a probe in the middle of an instruction changes
 * another one than was meant. x86-64: lengths from prefixes, opcode maps and ModRM; arm64: four bytes each. */
#include "probe/inside.h"

#include <elf.h>

/* What follows the opcode, by opcode; one letter each:
 *   .  nothing             m  ModRM           b  ModRM and 8 bits      z  ModRM and 16 or 32 bits by operand size
 *   i  8 bits              w  16 bits         e  16 and 8 bits         Z  16 or 32 bits by operand size
 *   r  32 bits             v  16, 32 or 64 bits by operand size        a  an address
 *   t  ModRM, and 8 bits if its register field is 0 or 1               T  the same with 16 or 32 bits
 *   x  not in 64-bit mode, or a prefix that has been taken already */
static const char one[257] =
	"mmmmiZxxmmmmiZxx" "mmmmiZxxmmmmiZxx" "mmmmiZxxmmmmiZxx" "mmmmiZxxmmmmiZxx"    /* 00 to 3f: arithmetic */
	"xxxxxxxxxxxxxxxx" "................" "xxxmxxxxZzib...." "iiiiiiiiiiiiiiii"    /* 40: REX; 50: push, pop; 70: jumps */
	"bzxbmmmmmmmmmmmm" "..........x....." "aaaa....iZ......" "iiiiiiiivvvvvvvv"
	"bbw.xxbze.w..ixx" "mmmmxxx.mmmmmmmm" "iiiiiiiirrxi...." "x.xx..tT......mm";
static const char two[257] =                                                            /* behind 0f */
	"mmmmx.....x.xm.b" "mmmmmmmmmmmmmmmm" "mmmmxxxxmmmmmmmm" "......x.xxxxxxxx"
	"mmmmmmmmmmmmmmmm" "mmmmmmmmmmmmmmmm" "mmmmmmmmmmmmmmmm" "bbbbmmm.mmmmmmmm"
	"rrrrrrrrrrrrrrrr" "mmmmmmmmmmmmmmmm" "...mbmxx...mbmmm" "mmmmmmmmmmbmmmmm"
	"mmbmbbbm........" "mmmmmmmmmmmmmmmm" "mmmmmmmmmmmmmmmm" "mmmmmmmmmmmmmmmm";

/* Bytes of ModRM with what addresses memory behind it; 0: cut off. */
static u32
modrm_length(const u8 *p, const u8 *end)
{
	u32 mod, rm, n = 1;

	if (p >= end)
		return 0;
	mod = *p >> 6;
	rm = *p & 7;
	if (mod == 3)
		return 1;
	if (rm == 4) {
		if (p + 1 >= end)
			return 0;
		n++;
		if (!mod && (p[1] & 7) == 5)
			return n + 4;
	}
	return n + (mod == 1 ? 1 : mod == 2 || (!mod && rm == 5) ? 4 : 0);
}

typedef struct Prefixes { bool operand, address, wide; } Prefixes;

/* Bytes behind an opcode of the class `what`; -1: cut off, or no such instruction. */
static int
behind_opcode(char what, const u8 *p, const u8 *end, Prefixes x)
{
	u32 by_size = x.operand && !x.wide ? 2 : 4, modrm = 0, reg = p < end ? *p >> 3 & 7 : 0;

	if (strchr("mbztT", what)) {
		modrm = modrm_length(p, end);
		if (!modrm)
			return -1;
	}
	switch (what) {
	case '.': return 0;
	case 'm': return (int)modrm;
	case 'b': return (int)modrm + 1;
	case 'z': return (int)(modrm + by_size);
	case 't': return (int)modrm + (reg < 2);
	case 'T': return (int)(modrm + (reg < 2 ? by_size : 0));
	case 'i': return 1;
	case 'w': return 2;
	case 'e': return 3;
	case 'Z': return (int)by_size;
	case 'r': return 4;
	case 'v': return x.wide ? 8 : (int)by_size;
	case 'a': return x.address ? 4 : 8;
	default: return -1;
	}
}

/* Instructions of the VEX, EVEX and XOP forms: `map` says which opcodes; all but vzeroupper have a ModRM. */
static int
behind_vex(u32 map, u8 op, bool vex, const u8 *p, const u8 *end)
{
	u32 modrm;

	if (map == 1 && op == 0x77 && vex)
		return 0;
	modrm = modrm_length(p, end);
	if (!modrm || !map || map > 10 || map == 7)
		return -1;
	if (map == 10)
		return (int)modrm + 4;
	return (int)modrm + (map == 3 || map == 8 || (map == 1 && two[op] == 'b'));
}

static u32
x86_length(const u8 *start, size_t room)
{
	const u8 *p = start, *end = start + MIN(room, (size_t)15);
	Prefixes x = { 0 };
	u8 op, rex = 0;
	int n;

	for (; p < end && memchr("\xf0\xf2\xf3\x2e\x36\x3e\x26\x64\x65\x66\x67", *p, 11); p++) {
		x.operand |= *p == 0x66;
		x.address |= *p == 0x67;
	}
	if (p < end && (*p & 0xf0) == 0x40)
		rex = *p++;
	x.wide = rex & 8;
	if (p >= end)
		return 0;
	op = *p++;
	if ((op == 0xc5 || op == 0xc4 || op == 0x62 || (op == 0x8f && p < end && (*p & 0x1f) >= 8)) && !rex) {
		u32 more = op == 0xc5 ? 1 : op == 0x62 ? 3 : 2;

		if (end - p < (long)more + 1)
			return 0;
		n = behind_vex(op == 0xc5 ? 1 : op == 0x62 ? p[0] & 7 : p[0] & 0x1f, p[more], op != 0x62, p + more + 1, end);
		p += more + 1;
	} else if (op == 0x0f && p < end && (*p == 0x38 || *p == 0x3a)) {
		n = behind_opcode(*p == 0x38 ? 'm' : 'b', p + 2, end, x);
		p += 2;
	} else if (op == 0x0f) {
		if (p >= end)
			return 0;
		op = *p++;
		n = behind_opcode(two[op], p, end, x);
	} else {
		n = behind_opcode(one[op], p, end, x);
	}
	return n < 0 || n > end - p ? 0 : (u32)(p - start) + (u32)n;
}

static bool
x86_returns(const u8 *p, u32 n)
{
	u32 at = 0;

	while (at + 1 < n && (p[at] == 0xf3 || p[at] == 0xf2 || p[at] == 0x66))         /* "rep ret", "bnd ret" */
		at++;
	return p[at] == 0xc3 || p[at] == 0xc2;
}

u32
insn_length(u16 machine, const u8 *p, size_t room)
{
	return machine == EM_X86_64 ? x86_length(p, room) : machine == EM_AARCH64 && room >= 4 ? 4 : 0;
}

bool
insn_returns(u16 machine, const u8 *p, u32 n)
{
	u32 word;

	if (machine == EM_X86_64)
		return x86_returns(p, n);
	if (machine != EM_AARCH64 || n < 4)
		return false;
	memcpy(&word, p, 4);
	return (word & 0xfffffc1f) == 0xd65f0000 || word == 0xd65f0bff || word == 0xd65f0fff;   /* ret, retaa, retab */
}
