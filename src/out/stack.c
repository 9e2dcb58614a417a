/* stack: frames as text. Modes: bpftrace "sym+off" behind eight blanks; perf "ADDR sym+off (file)" behind a tab; raw "ADDR";
 * build_id "ID 0xOFFSET". The text starts with a newline and each frame ends with one. */
#include "out/inside.h"

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

/* Lines of inlined functions go out as frames of their own; the place in the source of the function itself is kept. */
typedef struct Lines { Buf *b, *place; const char *indent; u64 ip; bool perf; } Lines;

static void
one_line(void *arg, const char *inlined, const char *file, u32 line)
{
	Lines *l = arg;

	if (!inlined) {
		buf_printf(l->place, "@%s:%u", file, line);
		return;
	}
	buf_puts(l->b, l->indent);
	if (l->perf)
		buf_printf(l->b, "%llx ", (unsigned long long)l->ip);
	buf_printf(l->b, "%s(inlined)@%s:%u\n", inlined, file, line);
}

static void
put_frame(Out *o, Buf *b, const Type *t, u32 pid, u64 ip, const char *place)
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
	buf_puts(b, place);
	if (t->mode == STACK_PERF && user)
		buf_printf(b, " (%s)", file ? file : "[unknown]");
}

void
stack_put(Out *o, Buf *b, const Type *t, const void *p, ValueStyle style)
{
	Buf text = { 0 }, *to = style == VS_JSON ? &text : b;
	u32 head = out_stack_head(t), pid = 0;
	bool named = t->mode == STACK_BPFTRACE || t->mode == STACK_PERF;
	const char *indent = t->mode == STACK_PERF ? "\t" : t->mode == STACK_BPFTRACE && style != VS_JSON_KEY ? "        " : "";
	Buf place = { 0 };
	u64 addr;

	memcpy(&pid, p, MIN(head, 4u));
	buf_putc(to, '\n');
	for (u32 at = head; at + 8 <= t->size; at += 8) {
		memcpy(&addr, (const u8 *)p + at, 8);
		if (!addr)
			break;
		if (o->opt.debug_info && named && t->kind == TY_USTACK && o->opt.sym) {
			Lines l = { to, &place, indent, addr, t->mode == STACK_PERF };

			/* Behind a call stands what comes next: the line is that of the call. */
			buf_clear(&place);
			sym_user_frames(o->opt.sym, pid, at == head ? addr : addr - 1, one_line, &l);
		}
		buf_puts(to, indent);
		put_frame(o, to, t, pid, addr, place.n ? place.p : "");
		buf_putc(to, '\n');
	}
	buf_free(&place);
	if (style == VS_JSON) {
		value_json_string(b, text.p, text.n);
		buf_free(&text);
	}
}
