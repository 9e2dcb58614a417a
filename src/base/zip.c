/* zip: where a stored member lies in a ZIP archive (Android keeps libraries so and maps them from there). The archive's directory
 * stands at its end. Any content is safe. */
#include "base/base.h"

#include <errno.h>

static u32
le(const u8 *p, u32 size)
{
	u32 v = 0;

	while (size--)
		v = v << 8 | p[size];
	return v;
}

/* The record that ends the archive: the last one in the file, behind which at most a comment stands. NULL: none. */
static const u8 *
end_record(const u8 *p, size_t n)
{
	enum { SIZE = 22, COMMENT = 65535 };

	for (size_t back = SIZE; back <= n && back <= SIZE + COMMENT; back++)
		if (!memcmp(p + n - back, "PK\5\6", 4))
			return p + n - back;
	return NULL;
}

int
base_zip_member(const u8 *p, size_t n, const char *name, u64 *offset, u64 *size)
{
	enum { ENTRY = 46, LOCAL = 30, STORED = 0 };
	const u8 *end = end_record(p, n), *e;
	size_t len = strlen(name), at, left;

	if (!end)
		return -ENOEXEC;
	at = le(end + 16, 4);
	for (u32 count = le(end + 10, 2); count; count--) {
		if (at > n || n - at < ENTRY || memcmp(p + at, "PK\1\2", 4))
			return -ENOEXEC;
		e = p + at;
		left = n - at - ENTRY;
		if (le(e + 28, 2) > left)
			return -ENOEXEC;
		if (le(e + 28, 2) == len && !memcmp(e + ENTRY, name, len)) {
			u64 local = le(e + 42, 4), data;

			if (local > n || n - local < LOCAL || memcmp(p + local, "PK\3\4", 4))
				return -ENOEXEC;
			data = local + LOCAL + le(p + local + 26, 2) + le(p + local + 28, 2);
			*offset = data;
			*size = le(e + 24, 4);
			if (data > n || *size > n - data)
				return -ENOEXEC;
			return le(e + 10, 2) == STORED ? 0 : -ENOTSUP;
		}
		at += ENTRY + le(e + 28, 2) + le(e + 30, 2) + le(e + 32, 2);
	}
	return -ENOENT;
}
