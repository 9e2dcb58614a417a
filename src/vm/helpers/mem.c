/* mem: reads of memory that may not be there, strings, stacks. The kernel copies for us (process_vm_readv on
 * ourselves): an address without memory is an error and not a signal. Memory that the program owns is copied at once. */
#include "vm/helpers/helpers.h"

#include <errno.h>
#include <execinfo.h>
#include <stdlib.h>
#include <sys/uio.h>
#include <unistd.h>

enum { PAGE = 4096, MAX_FRAMES = 128 };

int
vm_safe_read(VmContext *c, void *to, u64 from, size_t n)
{
	struct iovec here = { to, n }, there = { PTR(from), n };
	u64 lo, len;

	if (!n)
		return 0;
	/* compiled programs have their stack between this frame and the context, which lies in the caller's */
	if (c->prog->native.run && from >= (u64)(uintptr_t)__builtin_frame_address(0) && from + n <= (u64)(uintptr_t)c && from + n > from) {
		memmove(to, PTR(from), n);
		return 0;
	}
	if (vm_region(c, from, n, false, &lo, &len)) {
		memmove(to, PTR(from), n);
		return 0;
	}
	if (from < PAGE || from + n < from)
		return -EFAULT;
	return process_vm_readv(getpid(), &here, 1, &there, 1, 0) == (ssize_t)n ? 0 : -EFAULT;
}

static u64
read_mem(VmContext *c, u64 to, u32 n, u64 from)
{
	if (!vm_safe_read(c, PTR(to), from, n))
		return 0;
	memset(PTR(to), 0, n);
	return ERR(EFAULT);
}

/* Up to the NUL, at most size bytes with it; gives the length with NUL. In pieces that do not cross a page. */
static u64
read_str(VmContext *c, u64 to, u32 size, u64 from)
{
	char *out = PTR(to);
	u32 got = 0;

	if (!size)
		return 0;
	while (got < size) {
		u32 piece = MIN(size - got, PAGE - (u32)((from + got) & (PAGE - 1)));
		char *nul;

		piece = MIN(piece, 256u);
		/* a piece of the program's own memory may end before the page does */
		while (piece > 1 && vm_safe_read(c, out + got, from + got, piece))
			piece /= 2;
		if (piece == 1 && vm_safe_read(c, out + got, from + got, 1)) {
			memset(out, 0, size);
			return ERR(EFAULT);
		}
		nul = memchr(out + got, 0, piece);
		if (nul) {
			u32 len = (u32)(nul - out) + 1;

			memset(out + len, 0, got + piece - len);
			return len;
		}
		got += piece;
	}
	out[size - 1] = 0;
	return size;
}

DEFINE_HELPER(probe_read) { return read_mem(c, r1, (u32)r2, r3); }
DEFINE_HELPER(probe_read_user) { return read_mem(c, r1, (u32)r2, r3); }
DEFINE_HELPER(probe_read_kernel) { return read_mem(c, r1, (u32)r2, r3); }
DEFINE_HELPER(copy_from_user) { return read_mem(c, r1, (u32)r2, r3); }
DEFINE_HELPER(probe_read_str) { return read_str(c, r1, (u32)r2, r3); }
DEFINE_HELPER(probe_read_user_str) { return read_str(c, r1, (u32)r2, r3); }
DEFINE_HELPER(probe_read_kernel_str) { return read_str(c, r1, (u32)r2, r3); }

/* A program may write to the process it traces, not to the machine that runs it. */
DEFINE_HELPER(probe_write_user) { return ERR(EPERM); }

/* The addresses of the thread that runs the program, without the machine's own top frames. */
static u32
own_stack(u64 *ips, u32 max, u32 skip)
{
	void *all[MAX_FRAMES + 1];
	int n = backtrace(all, COUNT(all));
	u32 k = 0;

	for (int i = 1 + (int)skip; i < n && k < max; i++)
		ips[k++] = (u64)(uintptr_t)all[i];
	return k;
}

DEFINE_HELPER(get_stackid)
{
	VmMap *m = PTR(r2);
	u64 ips[MAX_FRAMES];
	u32 n = own_stack(ips, MAX_FRAMES, r3 & BPF_F_SKIP_FIELD_MASK);

	if (m->ops != &map_stacks)
		return ERR(EINVAL);
	return n ? (u64)map_stack_id(m, ips, n, r3) : ERR(EFAULT);
}

DEFINE_HELPER(get_stack)
{
	u64 ips[MAX_FRAMES];
	u32 n = own_stack(ips, MAX_FRAMES, r4 & BPF_F_SKIP_FIELD_MASK), size = (u32)r3;

	if (size % 8) {
		memset(PTR(r2), 0, size);
		return ERR(EINVAL);
	}
	n = MIN(n, size / 8);
	memcpy(PTR(r2), ips, (size_t)n * 8);
	memset((u8 *)PTR(r2) + (size_t)n * 8, 0, size - n * 8);
	return n * 8;
}

DEFINE_HELPER(strncmp)
{
	const char *a = PTR(r1), *b = PTR(r3);

	return (u64)(s64)strncmp(a, b, (u32)r2);
}

/* Text to number as the kernel reads it: blanks, a sign, digits in the base (0: by prefix); gives the characters used. */
static u64
number(const char *s, u32 n, u32 base, bool is_signed, u64 *out)
{
	u64 v = 0;
	u32 i = 0, first;
	bool minus = false;

	if (base != 0 && base != 8 && base != 10 && base != 16)
		return ERR(EINVAL);
	while (i < n && (s[i] == ' ' || (s[i] >= '\t' && s[i] <= '\r')))
		i++;
	if (i < n && s[i] == '-') {
		if (!is_signed)
			return ERR(EINVAL);
		minus = true, i++;
	}
	if (base == 0)
		base = i + 1 < n && s[i] == '0' ? ((s[i + 1] | 32) == 'x' ? 16 : 8) : 10;
	if (base == 16 && i + 2 < n && s[i] == '0' && (s[i + 1] | 32) == 'x')
		i += 2;
	for (first = i; i < n; i++) {
		u32 dig = s[i] >= '0' && s[i] <= '9' ? (u32)(s[i] - '0') :
			  (s[i] | 32) >= 'a' && (s[i] | 32) <= 'f' ? (u32)((s[i] | 32) - 'a' + 10) : 99;

		if (dig >= base)
			break;
		if (__builtin_mul_overflow(v, (u64)base, &v) || __builtin_add_overflow(v, (u64)dig, &v))
			return ERR(ERANGE);
	}
	if (i == first)
		return ERR(EINVAL);
	if (is_signed && v > (u64)INT64_MAX + minus)
		return ERR(ERANGE);
	*out = minus ? -v : v;
	return i;
}

DEFINE_HELPER(strtol) { return r3 > 16 ? ERR(EINVAL) : number(PTR(r1), (u32)r2, (u32)r3, true, PTR(r4)); }
DEFINE_HELPER(strtoul) { return r3 > 16 ? ERR(EINVAL) : number(PTR(r1), (u32)r2, (u32)r3, false, PTR(r4)); }
