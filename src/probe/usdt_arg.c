/* usdt_arg: the little language in which a USDT note says where each argument lies: SIZE@OPERAND, the operand as the
 * assembler of the machine writes it; a negative size is a signed one. */
#include "probe/usdt.h"

#include <ctype.h>
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
				return regs_offset(x86[i].base);
	if (n == 2 && name[1] == 'h' && strchr("abcd", name[0])) {
		*shift = 8;
		name[1] = 'x';
		return regs_offset(name);
	}
	if (name[0] == 'r' && isdigit((u8)name[1])) {           /* r8, r8d, r8w, r8b */
		if (strchr("dwb", name[n - 1]))
			name[n - 1] = 0;
		return regs_offset(name);
	}
	return -1;
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
	return s[0] == ')' && !s[1] && (arg->base >= 0 || arg->index >= 0);
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
	if (isalpha((u8)*s) || *s == '_' || *s == '.') {        /* a variable: name, name+8 */
		size_t n = strcspn(s, "+-(");

		arg->symbol = arena_str(a, s, n);
		s += n;
	}
	while (*s && *s != '(') {                               /* "16", "-4+16" */
		if (*s == '+')
			s++;
		if (!number(&s, &more))
			return false;
		arg->disp += more;
	}
	if (arg->symbol)        /* only "(%rip)" makes sense behind it */
		return !strcmp(s, "(%rip)");
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
	return regs_offset(name);
}

static bool
arm_operand(const char *s, UsdtArg *arg)
{
	size_t n;

	if (*s != '[') {
		arg->kind = isdigit((u8)*s) || *s == '-' || *s == '#' ? UA_CONST : UA_REG;
		if (arg->kind == UA_CONST) {
			s += *s == '#';
			return number(&s, &arg->disp) && !*s;
		}
		arg->base = arm_register(s, strlen(s));
		return arg->base >= 0;
	}
	arg->kind = UA_MEM;
	s++;
	n = strcspn(s, ",] ");
	arg->base = arm_register(s, n);
	s += n;
	s += strspn(s, ", ");
	if (*s && *s != ']') {
		if (isdigit((u8)*s) || *s == '-' || *s == '#') {
			s += *s == '#';
			if (!number(&s, &arg->disp))
				return false;
		} else {
			n = strcspn(s, ",] ");
			arg->index = arm_register(s, n);
			if (arg->index < 0)
				return false;
			s += n;
		}
	}
	return arg->base >= 0 && s[0] == ']' && !s[1];
}

static bool
parse_one(Arena *a, const char *s, UsdtArg *arg)
{
	const char *at = strchr(s, '@');
	char *end;

	*arg = (UsdtArg){ .size = 8, .base = -1, .index = -1, .scale = 1 };
	if (at) {
		long size = strtol(s, &end, 10);

		arg->sign = size < 0;
		size = size < 0 ? -size : size;
		if (end != at || (size != 1 && size != 2 && size != 4 && size != 8))    /* "8f@": floating point */
			return false;
		arg->size = (u8)size;
		s = at + 1;
	}
	return regs_offset("x0") >= 0 ? arm_operand(s, arg) : x86_operand(a, s, arg);
}

u32
usdt_parse_args(Arena *a, const char *text, UsdtArg *out)
{
	u32 n = 0;

	while (n < USDT_MAX_ARGS) {
		size_t len = 0;

		text += strspn(text, " ");
		if (!*text)
			break;
		for (int depth = 0; text[len] && (text[len] != ' ' || depth); len++)    /* "[sp, 60]" is one */
			depth += (text[len] == '[') - (text[len] == ']');
		if (!parse_one(a, arena_str(a, text, len), &out[n]))
			out[n].kind = UA_NONE;
		n++;
		text += len;
	}
	return n;
}
