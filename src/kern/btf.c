/* btf: the little BTF that the kernel wants for a program with callbacks: a name and a prototype for each function. */
#include "kern/machine.h"

#include <ctype.h>
#include <linux/btf.h>
#include <stdio.h>
#include <stdlib.h>

static u32
string(Buf *strs, const char *s)
{
	u32 at = (u32)strs->n;

	buf_put(strs, s, strlen(s) + 1);
	return at;
}

static void
type(Buf *types, u32 name, u32 kind, u32 vlen, u32 size_or_type)
{
	struct btf_type t = { .name_off = name, .info = kind << 24 | vlen };

	t.size = size_or_type;
	buf_put(types, &t, sizeof(t));
}

/* Type 1 is int, type 2 "int ()", type 3 + i the function that starts at starts[i]; starts[0] is the program itself.
 * Callbacks must be static, else the verifier wants their real prototypes. */
void
kern_make_btf(const Code *code, const VecU32 *starts, Buf *out)
{
	Buf strs = { 0 }, types = { 0 };
	u32 int_bits = BTF_INT_SIGNED << 24 | 32;
	struct btf_header h = { .magic = BTF_MAGIC, .version = BTF_VERSION, .hdr_len = sizeof(h) };

	buf_putc(&strs, 0);
	type(&types, string(&strs, "int"), BTF_KIND_INT, 0, 4);
	buf_put(&types, &int_bits, 4);
	type(&types, 0, BTF_KIND_FUNC_PROTO, 0, 1);
	for (u32 i = 0; i < starts->n; i++) {
		char name[128];

		if (i)
			snprintf(name, sizeof(name), "callback_%u", i);
		else
			snprintf(name, sizeof(name), "%s", code->full_name ? code->full_name : code->name ? code->name : "");
		for (char *c = name; *c; c++)
			if (!isalnum((u8)*c))
				*c = '_';
		if (!name[0] || (name[0] >= '0' && name[0] <= '9'))
			memcpy(name, "prog", 5);
		type(&types, string(&strs, name), BTF_KIND_FUNC, i ? BTF_FUNC_STATIC : BTF_FUNC_GLOBAL, 2);
	}
	h.type_len = h.str_off = (u32)types.n;
	h.str_len = (u32)strs.n;
	buf_put(out, &h, sizeof(h));
	buf_put(out, types.p, types.n);
	buf_put(out, strs.p, strs.n);
	buf_free(&types);
	buf_free(&strs);
}
