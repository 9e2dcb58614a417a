/* usdt_arg: the little language in which a USDT note says where each argument lies: SIZE@OPERAND, the operand as the
 * assembler of the machine writes it; a negative size is a signed one. */
#include "probe/usdt.h"

#include <ctype.h>
#include <elf.h>
#include <stdio.h>
#include <stdlib.h>

/* x86 registers by any of their names: how they lie in the context, how wide. */
static const struct { const char *names[4], *base; } x86[] = {
	{ { "rax", "eax", "ax", "al" }, "ax" }, { { "rbx", "ebx", "bx", "bl" }, "bx" }, { { "rcx", "ecx", "cx", "cl" }, "cx" },
	{ { "rdx", "edx", "dx", "dl" }, "dx" }, { { "rsi", "esi", "si", "sil" }, "si" }, { { "rdi", "edi", "di", "dil" }, "di" },
	{ { "rbp", "ebp", "bp", "bpl" }, "bp" }, { { "rsp", "esp", "sp", "spl" }, "sp" }, { { "rip", "eip", "ip", "" }, "ip" },
};

static s32
x86_register(const char *s, size_t n, u8 *shift)
{
	char name[8];

	*shift = 0;
	if (!n || n >= sizeof(name))
		return -1;
	memcpy(name, s, n);
	name[n] = 0;
	for (u32 i = 0; i < COUNT(x86); i++)
		for (u32 j = 0; j < 4; j++)
			if (!strcmp(name, x86[i].names[j]))
				return regs_offset_on(EM_X86_64, x86[i].base);
	if (n == 2 && name[1] == 'h' && strchr("abcd", name[0])) {
		*shift = 8;
		name[1] = 'x';
		return regs_offset_on(EM_X86_64, name);
	}
	if (name[0] == 'r' && isdigit((u8)name[1])) {           /* r8, r8d, r8w, r8b */
		if (strchr("dwb", name[n - 1]))
			name[n - 1] = 0;
		return regs_offset_on(EM_X86_64, name);
	}
	return -1;
}

static bool
is_scale(u32 n)
{
	return n == 1 || n == 2 || n == 4 || n == 8;
}

/* "(%base,%index,scale)": s stands behind the parenthesis. */
static bool
x86_address(const char *s, UsdtArg *arg)
{
	u8 shift;
	size_t n;

	if (*s == '%') {
		n = strcspn(++s, ",)");
		arg->base = x86_register(s, n, &shift);
		if (arg->base < 0)
			return false;
		s += n;
	}
	if (*s == ',' && s[1] == '%') {
		s += 2;
		n = strcspn(s, ",)");
		arg->index = x86_register(s, n, &shift);
		if (arg->index < 0)
			return false;
		s += n;
		if (*s == ',')
			arg->scale = (u8)strtoul(s + 1, (char **)&s, 10);
	}
	return s[0] == ')' && !s[1] && (arg->base >= 0 || arg->index >= 0) && is_scale(arg->scale);
}

static bool
number(const char **s, s64 *out)
{
	char *end;

	errno = 0;
	*out = (s64)strtoll(*s, &end, 0);
	if (errno == ERANGE)
		*out = (s64)strtoull(*s, &end, 0);
	if (end == *s)
		return false;
	*s = end;
	return true;
}

static bool
x86_operand(Arena *a, const char *s, UsdtArg *arg)
{
	s64 more;

	if (*s == '$') {
		arg->kind = UA_CONST;
		s++;
		return number(&s, &arg->disp) && !*s;
	}
	if (*s == '%') {
		arg->kind = UA_REG;
		arg->base = x86_register(s + 1, strlen(s + 1), &arg->shift);
		return arg->base >= 0;
	}
	arg->kind = UA_MEM;
	while (*s && *s != '(') {                               /* "16", "-4+16", "name", "name+8", "8+name" */
		if (*s == '+')
			s++;
		if ((isalpha((u8)*s) || *s == '_' || *s == '.') && !arg->symbol) {
			size_t n = strcspn(s, "+-(");

			arg->symbol = arena_str(a, s, n);
			s += n;
		} else if (number(&s, &more)) {
			arg->disp += more;
		} else {
			return false;
		}
	}
	/* "name" and "name(%rip)" are one place; "name(,%rax,8)" is an element of an array at a fixed address. */
	if (arg->symbol && (!*s || !strcmp(s, "(%rip)")))
		return true;
	return *s == '(' && x86_address(s + 1, arg);
}

static s32
arm_register(const char *s, size_t n)
{
	char name[8];

	if (!n || n >= sizeof(name))
		return -1;
	memcpy(name, s, n);
	name[n] = 0;
	if (name[0] == 'w')
		name[0] = 'x';
	return regs_offset_on(EM_AARCH64, name);
}

/* A number with or without '#' at *s. */
static bool
arm_number(const char **s, s64 *out)
{
	*s += **s == '#';
	return number(s, out);
}

static const char *
behind_comma(const char *s)
{
	return s + strspn(s, ", ");
}

/* "x1", "x1, lsl 3", "w1, sxtw 2" in brackets; gives what is behind, NULL: something else. */
static const char *
arm_index(const char *s, UsdtArg *arg)
{
	static const struct { const char *word; u8 size; bool sign; } how[] = {
		{ "lsl", 8, false }, { "sxtx", 8, false }, { "sxtw", 4, true }, { "uxtw", 4, false },
	};
	size_t n = strcspn(s, ",] ");
	s64 shift = 0;

	arg->index = arm_register(s, n);
	if (arg->index < 0)
		return NULL;
	arg->index_size = s[0] == 'w' ? 4 : 8;
	s = behind_comma(s + n);
	n = strcspn(s, " ]");
	for (u32 i = 0; i < COUNT(how); i++)
		if (n && strlen(how[i].word) == n && !strncmp(s, how[i].word, n)) {
			arg->index_size = how[i].size;
			arg->index_sign = how[i].sign;
			s = behind_comma(s + n);
			if (*s != ']' && (!arm_number(&s, &shift) || shift < 0 || shift > 4))
				return NULL;
			break;
		}
	arg->scale = (u8)(1u << shift);
	return s;
}

static bool
arm_operand(const char *s, UsdtArg *arg)
{
	size_t n;

	if (!strcmp(s, "xzr") || !strcmp(s, "wzr")) {
		arg->kind = UA_CONST;
		return true;
	}
	if (*s != '[') {
		arg->kind = isdigit((u8)*s) || *s == '-' || *s == '#' ? UA_CONST : UA_REG;
		if (arg->kind == UA_CONST)
			return arm_number(&s, &arg->disp) && !*s;
		arg->base = arm_register(s, strlen(s));
		return arg->base >= 0;
	}
	arg->kind = UA_MEM;
	s++;
	n = strcspn(s, ",] ");
	arg->base = arm_register(s, n);
	s = behind_comma(s + n);
	if (isdigit((u8)*s) || *s == '-' || *s == '#') {
		if (!arm_number(&s, &arg->disp))
			return false;
	} else if (*s != ']') {
		s = arm_index(s, arg);
	}
	return s && arg->base >= 0 && s[0] == ']' && !s[1];
}

/* "8", "-4", "8f" before '@'. A float is the bits it has, where BPF can read it. */
static bool
parse_size(const char *s, const char *at, UsdtArg *arg)
{
	char *end;
	long size = strtol(s, &end, 10);

	arg->sign = size < 0;
	size = size < 0 ? -size : size;
	if (*end == 'f') {
		arg->sign = false;
		end++;
	}
	arg->size = (u8)size;
	return end == at && end > s && (size == 1 || size == 2 || size == 4 || size == 8);
}

static bool
parse_one(Arena *a, u16 machine, const char *s, UsdtArg *arg)
{
	const char *at = strchr(s, '@');

	*arg = (UsdtArg){ .size = 8, .base = -1, .index = -1, .scale = 1, .index_size = 8 };
	if (at && !parse_size(s, at, arg))
		return false;
	s = at ? at + 1 : s;
	return machine == EM_AARCH64 ? arm_operand(s, arg) : machine == EM_X86_64 && x86_operand(a, s, arg);
}

u32
usdt_parse_args(Arena *a, u16 machine, const char *text, UsdtArg *out)
{
	u32 n = 0;

	while (n < USDT_MAX_ARGS) {
		size_t len = 0;

		text += strspn(text, " ");
		if (!*text)
			break;
		for (int depth = 0; text[len] && (text[len] != ' ' || depth); len++)    /* "[sp, 60]" is one */
			depth += (text[len] == '[') - (text[len] == ']');
		if (!parse_one(a, machine, arena_str(a, text, len), &out[n]))
			out[n].kind = UA_NONE;
		n++;
		text += len;
	}
	return n;
}
