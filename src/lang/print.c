/* print: the tree as indented lines for -d ast; copies of trees for macros and for clauses of many probes. */
#include "lang/ast.h"

#include <ctype.h>

static const char *const names[] = {
#define NODE(id, name) name,
#include "lang/nodes.def"
#undef NODE
};

const char *
ast_kind_name(u8 kind)
{
	return names[kind];
}

static bool
has_text(const Node *n)
{
	switch (n->kind) {
	case ND_STR: case ND_POINT: case ND_IMPORT: case ND_CDEF: case ND_SETTING:
		return true;
	}
	return false;
}

static void
print(const Node *n, u32 depth, const char *role, Buf *out)
{
	buf_printf(out, "%*s%s%s", (int)depth * 2, "", role, names[n->kind]);
	if (n->op)
		buf_printf(out, " %s", lex_op_name(n->op));
	if (n->name)
		buf_printf(out, " %s", n->name);
	if (n->kind == ND_NUM || n->kind == ND_BOOL || n->kind == ND_POS || n->kind == ND_ELEM || n->kind == ND_STEP)
		buf_printf(out, " %llu", (unsigned long long)n->num);
	if (n->kind == ND_MAPDECL)
		buf_printf(out, " %s", n->str);
	if (has_text(n)) {
		buf_puts(out, " \"");
		for (u32 i = 0; i < n->n; i++) {
			unsigned char c = (unsigned char)n->str[i];

			if (c == '"' || c == '\\')
				buf_putc(out, '\\');
			if (isprint(c))
				buf_putc(out, (char)c);
			else
				buf_printf(out, "\\x%02x", c);
		}
		buf_putc(out, '"');
	}
	if (n->type) {
		buf_puts(out, " :");
		type_name(n->type, out);
	}
	buf_putc(out, '\n');
	if (n->a)
		print(n->a, depth + 1, n->kind == ND_BLOCK ? "value " : n->kind == ND_PROBE ? "if " : "", out);
	if (n->b)
		print(n->b, depth + 1, "", out);
	if (n->c)
		print(n->c, depth + 1, n->kind == ND_IF ? "else " : "", out);
	for (u32 i = 0; n->list && i < n->n; i++)
		print(n->list[i], depth + 1, "", out);
}

void
ast_print(const Node *n, Buf *out)
{
	print(n, 0, "", out);
}

Node *
ast_clone(Arena *a, const Node *n)
{
	Node *m;

	if (!n)
		return NULL;
	m = NEW(a, Node);
	*m = *n;
	m->a = ast_clone(a, n->a);
	m->b = ast_clone(a, n->b);
	m->c = ast_clone(a, n->c);
	if (n->list) {
		m->list = NEW_N(a, Node *, n->n);
		for (u32 i = 0; i < n->n; i++)
			m->list[i] = ast_clone(a, n->list[i]);
	}
	return m;
}
