/* format: what a tracepoint's record holds, from tracefs' events/CATEGORY/EVENT/format:
 *	ID: 782
 *	field:const char * filename;	offset:24;	size:8;	signed:0; */
#include "probe/inside.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

typedef struct Line { const char *type; char name[128]; u32 count, offset, size; bool sign, data_loc, array; } Line;

/* Cuts "const char * filename" or "char comm[16]" into type and name. */
static bool
cut(char *decl, Line *l)
{
	size_t n = strlen(decl), from;
	char *open;

	if (!strncmp(decl, "__data_loc ", 11)) {        /* "__data_loc char[] filename" */
		l->data_loc = true;
		decl += 11;
		n -= 11;
	}
	l->array = false;
	open = strchr(decl, '[');
	if (open && l->data_loc) {
		memmove(open, open + strcspn(open, " "), strlen(open + strcspn(open, " ")) + 1);
		n = strlen(decl);
	} else if (open) {
		l->array = true;
		l->count = (u32)strtoul(open + 1, NULL, 0);
		*open = 0;
		n = strlen(decl);
	}
	from = n;
	while (from && decl[from - 1] != ' ' && decl[from - 1] != '*')
		from--;
	if (!from || n - from >= sizeof(l->name) || n == from)
		return false;
	memcpy(l->name, decl + from, n - from + 1);
	while (from && decl[from - 1] == ' ')
		from--;
	decl[from] = 0;
	l->type = decl;
	return true;
}

static bool
parse_line(char *text, Line *l)
{
	char *decl, *end;
	unsigned offset, size, sign;

	decl = strstr(text, "field:");
	if (!decl || !(end = strchr(decl, ';')) || sscanf(end + 1, " offset:%u; size:%u; signed:%u", &offset, &size, &sign) != 3)
		return false;
	*end = 0;
	*l = (Line){ .offset = offset, .size = size, .sign = sign };
	return cut(decl + 6, l);
}

/* A pointer's target is looked for by name; unknown ones become void. */
static const Type *
pointer(ProbeContext *pc, const Line *l, AddrSpace space)
{
	char *star = strrchr(l->type, '*');
	const Type *t = NULL;

	if (star && !strpbrk(star, "("))
		t = type_find(pc->types, arena_str(pc->a, l->type, (size_t)(star - l->type)));
	return type_ptr(pc->types, t ? t : &ty_none, space);
}

static const Type *
plain(ProbeContext *pc, const char *name, u32 size, bool sign)
{
	/* The kernel widens system call arguments; the C names give width and sign only if they fit. */
	static const char *const c_words[] = { "int", "unsigned", "char", "short", "long", "const", "signed", "unsigned int" };
	const Type *t = type_find(pc->types, name);
	bool word = false;

	for (u32 i = 0; i < COUNT(c_words); i++)
		word |= !strncmp(name, c_words[i], strlen(c_words[i]));
	if (t && (t->size == size || (!word && t->size && t->size < size)))
		return t;
	if (t && t->kind == TY_INT)
		sign = t->sign;
	if (size == 1 || size == 2 || size == 4 || size == 8)
		return type_int(size, sign);
	return size ? type_array(pc->types, type_int(1, false), size) : t ? t : type_int(1, sign);
}

static const Type *
field_type(ProbeContext *pc, const Line *l, AddrSpace space)
{
	bool is_char = !strcmp(l->type, "char") || !strcmp(l->type, "const char") || !strcmp(l->type, "unsigned char");

	if (l->data_loc)                /* the data lies in the record */
		return type_ptr(pc->types, strchr(l->type, '*') ? type_int(8, false) : plain(pc, l->type, is_char ? 1 : 0, true),
				AS_KERNEL);
	if (l->array && l->size) {
		u32 count = l->count && l->size % l->count == 0 ? l->count : l->size;
		Line elem = *l;

		if (is_char)
			return type_string(pc->types, l->size);
		elem.array = false;
		elem.size = l->size / count;
		return type_array(pc->types, field_type(pc, &elem, space), count);
	}
	if (strchr(l->type, '*') && l->size == 8)
		return pointer(pc, l, space);
	return plain(pc, l->type, l->size, l->sign);
}

const Type *
format_read(ProbeContext *pc, const char *category, const char *event, AddrSpace space, u32 *id, const char **why)
{
	Vec(Field) fields = { 0 };
	const char *dir = kern_tracefs();
	char path[PATH_MAX];
	Buf b = { 0 };
	u32 end = 0;

	snprintf(path, sizeof(path), "%s/events/%s/%s/format", dir ? dir : "", category, event);
	if (!dir || host_read(path, &b)) {
		*why = "the event's format cannot be read from tracefs";
		buf_free(&b);
		return NULL;
	}
	for (char *line = b.p, *next; *line; line = next) {
		Line l;

		next = line + strcspn(line, "\n");
		if (*next)
			*next++ = 0;
		if (!strncmp(line, "ID: ", 4))
			*id = (u32)strtoul(line + 4, NULL, 10);
		if (!parse_line(line, &l))
			continue;
		Field f = { .name = interns(l.name), .type = field_type(pc, &l, space), .offset = l.offset, .data_loc = l.data_loc };

		VEC_PUSH(pc->a, &fields, f);
		end = MAX(end, l.offset + l.size);
	}
	buf_free(&b);
	Type *t = (Type *)type_struct_new(pc->types, arena_printf(pc->a, "_tracepoint_%s_%s", category, event), false);

	type_struct_set(pc->types, t, fields.v, fields.n, ALIGN(end, 8), 8);
	return t;
}

void
format_list(const char *category, const char *event, Buf *out)
{
	const char *dir = kern_tracefs();
	char path[PATH_MAX];
	Buf b = { 0 };

	snprintf(path, sizeof(path), "%s/events/%s/%s/format", dir ? dir : "", category, event);
	if (dir && !host_read(path, &b))
		for (char *line = strstr(b.p, "field:"); line; line = strstr(line, "field:")) {
			line += 6;
			char *end = strchr(line, ';');

			if (!end)
				break;
			*end = 0;
			if (!strstr(line, " common_"))
				buf_printf(out, "    %s\n", line);
			line = end + 1;
		}
	buf_free(&b);
}
