/* print: bpf_trace_printk, bpf_snprintf. The format language is the kernel's: %d %i %u %x %X with l and ll, %c, %s of a
 * string that may not be there, %p %px, %pks %pus, with width, 0 and -. */
#include "vm/helpers/helpers.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

/* One conversion: reads it from *f, writes it. false: the format is wrong. */
static bool
conversion(VmContext *c, Buf *out, const char **f, const char *end, u64 v, bool *used)
{
	const char *p = *f;
	char spec[24] = "%", text[128];
	u32 n = 1, longs = 0;

	*used = true;
	while (p < end && n < 12 && (*p == '-' || *p == '0' || *p == '+' || *p == ' ' || *p == '#' || (*p >= '1' && *p <= '9')))
		spec[n++] = *p++;
	while (p < end && *p == 'l' && longs < 2)
		longs++, p++;
	if (p == end)
		return false;
	switch (*p) {
	case '%':
		buf_putc(out, '%');
		*used = false;
		break;
	case 'c':
		buf_putc(out, (char)v);
		break;
	case 'd': case 'i':
		snprintf(spec + n, sizeof(spec) - n, "lld");
		buf_printf(out, spec, longs ? (long long)v : (long long)(s32)v);
		break;
	case 'u': case 'x': case 'X': case 'o':
		snprintf(spec + n, sizeof(spec) - n, "ll%c", *p);
		buf_printf(out, spec, longs ? (unsigned long long)v : (unsigned long long)(u32)v);
		break;
	case 'p':
		if (end - p > 2 && (p[1] == 'k' || p[1] == 'u') && p[2] == 's') {
			p += 2;
			goto string;
		}
		if (end - p > 1 && p[1] == 'x')
			p++;
		buf_printf(out, "%llx", (unsigned long long)v);
		break;
	case 's':
	string: {
		u64 res = vm_h_probe_read_str((u64)(uintptr_t)text, sizeof(text), v, 0, 0, c);

		if ((s64)res > 0) {
			snprintf(spec + n, sizeof(spec) - n, "s");
			buf_printf(out, spec, text);
		}
		break;
	}
	default:
		return false;
	}
	*f = p + 1;
	return true;
}

s64
vm_format(VmContext *c, char *out, size_t size, const char *fmt, size_t fmt_size, const u64 *args, u32 n_args)
{
	const char *f = fmt, *end = memchr(fmt, 0, fmt_size);
	Buf b = { 0 };
	u32 a = 0;
	s64 res;

	if (!end)
		return -EINVAL;
	while (f < end) {
		bool used;

		if (*f != '%') {
			buf_putc(&b, *f++);
			continue;
		}
		f++;
		if (!conversion(c, &b, &f, end, a < n_args ? args[a] : 0, &used) || (used && a >= n_args)) {
			buf_free(&b);
			return -EINVAL;
		}
		a += used;
	}
	res = (s64)b.n;
	if (size) {
		size_t n = MIN(b.n, size - 1);

		if (n)
			memcpy(out, b.p, n);
		out[n] = 0;
	}
	buf_free(&b);
	return res;
}

/* In place of the kernel's trace pipe: standard error. */
static u64
print(VmContext *c, const char *fmt, u32 size, const u64 *args, u32 n)
{
	char line[1024];
	s64 len = vm_format(c, line, sizeof(line), fmt, size, args, n);
	char name[16] = "";

	if (len < 0)
		return (u64)len;
	vm_h_get_current_comm((u64)(uintptr_t)name, sizeof(name), 0, 0, 0, c);
	fprintf(stderr, "%s-%u: %s%s", name, (u32)vm_h_get_current_pid_tgid(0, 0, 0, 0, 0, c), line,
		len && line[MIN((size_t)len, sizeof(line) - 1) - 1] == '\n' ? "" : "\n");
	return (u64)len;
}

DEFINE_HELPER(trace_printk)
{
	u64 args[3] = { r3, r4, r5 };

	return print(c, PTR(r1), (u32)r2, args, 3);
}

DEFINE_HELPER(trace_vprintk)
{
	if (r4 % 8 || r4 > 96)
		return ERR(EINVAL);
	return print(c, PTR(r1), (u32)r2, PTR(r3), (u32)r4 / 8);
}

DEFINE_HELPER(snprintf)
{
	s64 len;

	if (r5 % 8 || r5 > 96)
		return ERR(EINVAL);
	len = vm_format(c, PTR(r1), (u32)r2, PTR(r3), strlen(PTR(r3)) + 1, PTR(r4), (u32)r5 / 8);
	return len < 0 ? (u64)len : (u64)len + 1;
}
