/* stack: frames as text. Modes: bpftrace "sym+off" behind eight blanks; perf "ADDR sym+off (file)" behind a tab; raw "ADDR";
 * build_id "ID 0xOFFSET". The text starts with a newline and each frame ends with one. */
#include "out/inside.h"

enum { MAX_FRAMES = 8192 };

/* Where the frames are: in place, or in the stacks map under the hash that p holds. */
static const u8 *
frames(Out *o, const Type *t, const u8 *p, u32 *n, u32 *pid)
{
	u32 room = t->size > 8 ? (t->size - 8) / 8 : t->count ? MIN(t->count, (u32)MAX_FRAMES) : MAX_FRAMES;

	if (t->size == 8) {
		u64 hash;

		memcpy(&hash, p, 8);
		if (!hash || !o->opt.map_lookup || o->stack_map == 0xffffffffu)
			return NULL;
		if (!o->stack)
			o->stack = NEW_N(o->a, u64, MAX_FRAMES + 1);
		if (o->opt.map_lookup(o->opt.arg, o->stack_map, p, o->stack) < 0)
			return NULL;
		p = (u8 *)o->stack;
	}
	memcpy(n, p, 4);
	memcpy(pid, p + 4, 4);
	*n = MIN(*n, room);
	return p + 8;
}

/* A user frame without its file's build id cannot be told apart from others: raw then. */
static void
put_build_id(Out *o, Buf *b, u32 pid, u64 ip)
{
	const char *file = NULL;
	u64 offset = 0;
	SymName s;

	if (o->opt.sym) {
		sym_user(o->opt.sym, pid, ip, &s, &file, &offset);
		if (file && sym_build_id(o->opt.sym, pid, file, b)) {
			buf_printf(b, " 0x%llx", (unsigned long long)offset);
			return;
		}
	}
	buf_printf(b, "%llx", (unsigned long long)ip);
}

static void
put_frame(Out *o, Buf *b, const Type *t, u32 pid, u64 ip)
{
	bool user = t->kind == TY_USTACK, known;
	const char *file = NULL;
	SymName s = { 0 };
	u64 offset;

	if (t->mode == STACK_RAW) {
		buf_printf(b, "%llx", (unsigned long long)ip);
		return;
	}
	if (t->mode == STACK_BUILD_ID && user) {
		put_build_id(o, b, pid, ip);
		return;
	}
	known = o->opt.sym && (user ? sym_user(o->opt.sym, pid, ip, &s, &file, &offset) : sym_kernel(o->opt.sym, ip, &s));
	if (t->mode == STACK_PERF)
		buf_printf(b, "%llx ", (unsigned long long)ip);
	if (known)
		buf_printf(b, "%s+%llu", s.name, (unsigned long long)s.offset);
	else
		buf_printf(b, "%#llx", (unsigned long long)ip);
	if (t->mode == STACK_PERF && user)
		buf_printf(b, " (%s)", file ? file : "[unknown]");
}

void
stack_put(Out *o, Buf *b, const Type *t, const void *p, ValueStyle style)
{
	Buf text = { 0 }, *to = style == VS_JSON ? &text : b;
	u32 n = 0, pid = 0;
	const u8 *ip = frames(o, t, p, &n, &pid);

	buf_putc(to, '\n');
	for (u32 i = 0; ip && i < n; i++) {
		u64 addr;

		memcpy(&addr, ip + 8 * i, 8);
		if (t->mode == STACK_PERF)
			buf_putc(to, '\t');
		else if (t->mode == STACK_BPFTRACE && style != VS_JSON_KEY)
			buf_puts(to, "        ");
		put_frame(o, to, t, pid, addr);
		buf_putc(to, '\n');
	}
	if (style == VS_JSON) {
		value_json_string(b, text.p, text.n);
		buf_free(&text);
	}
}
