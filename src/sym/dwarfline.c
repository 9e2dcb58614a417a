/* dwarfline: the line tables of .debug_line: which code begins at a line, which line an address comes from. A table is a small
 * program whose rows are looked at one by one and not kept. */
#include "sym/dwarf.h"

typedef struct Files { Arena *a; Vec(const char *) dirs; Vec(const char *) names; Vec(u32) dir_of; } Files;

/* The program of one unit: its header, and what lies behind. */
typedef struct Lines {
	Rd program;
	u32 version, min_len, line_range, opcode_base;
	s32 line_base;
	bool default_stmt;
	u8 lengths[256];
	u8 addr_size;
	Files f;
} Lines;

typedef struct Row { u64 addr; u32 file, line, col; bool stmt, end; } Row;

/* One string or number of a version 5 list of files; anything else is stepped over. */
static void
entry_field(Dwarf *d, const Unit *u, Rd *r, u32 form, const char **str, u64 *num)
{
	Bytes *strs = form == 0x1f ? &d->line_str : &d->str;
	u64 off;

	*str = NULL;
	*num = 0;
	switch (form) {
	case 0x08:
		*str = rd_str(r);
		break;
	case 0x1f: case 0x0e:
		off = rd_int(r, u->off_size);
		*str = off < strs->n && memchr(strs->p + off, 0, strs->n - off) ? (const char *)strs->p + off : "";
		break;
	case 0x0b: *num = rd_int(r, 1); break;
	case 0x05: *num = rd_int(r, 2); break;
	case 0x06: *num = rd_int(r, 4); break;
	case 0x07: *num = rd_int(r, 8); break;
	case 0x0f: *num = rd_uleb(r); break;
	case 0x1e: rd_skip(r, 16); break;
	case 0x09: rd_skip(r, rd_uleb(r)); break;
	default: r->bad = true;
	}
}

static void
entries(Dwarf *d, const Unit *u, Rd *r, Files *f, bool dirs)
{
	u32 formats = (u32)rd_int(r, 1), content[16], form[16];
	u64 count;

	for (u32 i = 0; i < formats && !r->bad; i++) {
		u32 c = (u32)rd_uleb(r), fo = (u32)rd_uleb(r);

		if (i < 16) {
			content[i] = c;
			form[i] = fo;
		}
	}
	r->bad |= formats > 16;
	count = rd_uleb(r);
	for (u64 k = 0; k < count && !r->bad && formats; k++) {
		const char *name = "", *str;
		u64 dir = 0, num;

		for (u32 i = 0; i < formats && !r->bad; i++) {
			entry_field(d, u, r, form[i], &str, &num);
			if (content[i] == 1 && str)     /* DW_LNCT_path */
				name = str;
			if (content[i] == 2)            /* directory_index */
				dir = num;
		}
		if (dirs) {
			VEC_PUSH(f->a, &f->dirs, name);
		} else {
			VEC_PUSH(f->a, &f->names, name);
			VEC_PUSH(f->a, &f->dir_of, (u32)dir);
		}
	}
}

/* Versions up to 4: names end with an empty one; numbers count from 1, directory 0 is where the compiler ran. */
static void
old_entries(const Unit *u, Rd *r, Files *f)
{
	const char *s;

	VEC_PUSH(f->a, &f->dirs, u->comp_dir ? u->comp_dir : "");
	while (!r->bad && *(s = rd_str(r)))
		VEC_PUSH(f->a, &f->dirs, s);
	VEC_PUSH(f->a, &f->names, "");
	VEC_PUSH(f->a, &f->dir_of, 0);
	while (!r->bad && *(s = rd_str(r))) {
		u32 dir = (u32)rd_uleb(r);

		rd_uleb(r);
		rd_uleb(r);
		VEC_PUSH(f->a, &f->names, s);
		VEC_PUSH(f->a, &f->dir_of, dir);
	}
}

static bool
open_lines(Dwarf *d, const Unit *u, Lines *l, Arena *a)
{
	Rd r;
	u64 len, header;

	*l = (Lines){ .addr_size = u->addr_size, .f.a = a };
	if (!u->has_lines || u->stmt_list >= d->line.n)
		return false;
	r = (Rd){ d->line.p + u->stmt_list, d->line.p + d->line.n, false };
	len = rd_int(&r, 4);
	if (len == 0xffffffff)
		len = rd_int(&r, 8);
	if (r.bad || len > (u64)(r.end - r.p))
		return false;
	r.end = r.p + len;
	l->version = (u32)rd_int(&r, 2);
	if (l->version < 2 || l->version > 5)
		return false;
	if (l->version == 5) {
		l->addr_size = (u8)rd_int(&r, 1);
		rd_int(&r, 1);
	}
	header = rd_int(&r, u->off_size);
	if (r.bad || header > (u64)(r.end - r.p))
		return false;
	l->program = (Rd){ r.p + header, r.end, false };
	l->min_len = (u32)rd_int(&r, 1);
	if (l->version >= 4)
		rd_int(&r, 1);
	l->default_stmt = rd_int(&r, 1);
	l->line_base = (s8)rd_int(&r, 1);
	l->line_range = (u32)rd_int(&r, 1);
	l->opcode_base = (u32)rd_int(&r, 1);
	for (u32 i = 1; i < l->opcode_base; i++)
		l->lengths[i] = (u8)rd_int(&r, 1);
	if (l->version == 5) {
		entries(d, u, &r, &l->f, true);
		entries(d, u, &r, &l->f, false);
	} else {
		old_entries(u, &r, &l->f);
	}
	return !r.bad && l->line_range;
}

static void
reset(const Lines *l, Row *row)
{
	*row = (Row){ .file = 1, .line = 1, .stmt = l->default_stmt };
}

/* Runs the program to its next row; false at the end. */
static bool
next_row(Lines *l, Row *row)
{
	Rd *r = &l->program;

	if (row->end)
		reset(l, row);
	while (r->p < r->end && !r->bad) {
		u32 op = (u32)rd_int(r, 1), n;

		if (op >= l->opcode_base) {
			op -= l->opcode_base;
			row->addr += op / l->line_range * l->min_len;
			row->line += (u32)(l->line_base + (s32)(op % l->line_range));
			return true;
		}
		switch (op) {
		case 0: {                               /* extended */
			u64 len = rd_uleb(r);
			const u8 *end = r->p + MIN(len, (u64)(r->end - r->p));

			op = len ? (u32)rd_int(r, 1) : 0;
			if (op == 2)
				row->addr = rd_int(r, (u32)MIN(len - 1, 8u));
			r->p = end;
			if (op == 1) {
				row->end = true;
				return !r->bad;
			}
			break;
		}
		case 1: return true;
		case 2: row->addr += rd_uleb(r) * l->min_len; break;
		case 3: row->line += (u32)rd_sleb(r); break;
		case 4: row->file = (u32)rd_uleb(r); break;
		case 5: row->col = (u32)rd_uleb(r); break;
		case 6: row->stmt = !row->stmt; break;
		case 8: row->addr += (255 - l->opcode_base) / l->line_range * l->min_len; break;
		case 9: row->addr += rd_int(r, 2); break;
		default:
			for (n = l->lengths[op]; n; n--)
				rd_uleb(r);
		}
	}
	return false;
}

/* Does the file's path end with `want`, at a slash? */
static bool
file_is(const Unit *u, const Files *f, u32 i, const char *want)
{
	Buf path = { 0 };
	const char *dir, *last;
	size_t n = strlen(want);
	bool same;

	if (i >= f->names.n)
		return false;
	/* Nearly all fail here. */
	last = strrchr(want, '/') ? strrchr(want, '/') + 1 : want;
	if (strlen(f->names.v[i]) < strlen(last) || strcmp(f->names.v[i] + strlen(f->names.v[i]) - strlen(last), last))
		return false;
	dir = f->dir_of.v[i] < f->dirs.n ? f->dirs.v[f->dir_of.v[i]] : "";
	if (dir[0] != '/' && f->names.v[i][0] != '/')
		buf_printf(&path, "%s/", u->comp_dir ? u->comp_dir : "");
	if (f->names.v[i][0] != '/')
		buf_printf(&path, "%s/", dir);
	buf_puts(&path, f->names.v[i]);
	same = path.n >= n && !strcmp(path.p + path.n - n, want) && (path.n == n || want[0] == '/' || path.p[path.n - n - 1] == '/');
	buf_free(&path);
	return same;
}

/* One pass over all units. best NULL: finds the line to take; else calls fn for where it begins. */
typedef struct AtLine { const char *file; u32 line, col, best; int (*fn)(void *, u64, u32); void *arg; int n; bool stop; } AtLine;

static void
pass(Dwarf *d, AtLine *at, bool emit)
{
	for (u32 i = 0; i < d->units.n && !at->stop; i++) {
		const Unit *u = d->units.v[i];
		Arena *a = arena_new();         /* the list of files; callbacks may use d's */
		Row row = { .end = true };
		u32 last = 0, last_file = 0;
		bool *wanted, any = false;
		Lines l;

		if (open_lines(d, u, &l, a)) {
			wanted = NEW_N(a, bool, l.f.names.n + 1);
			for (u32 k = 0; k < l.f.names.n; k++)
				any |= wanted[k] = file_is(u, &l.f, k, at->file);
			while (any && !at->stop && next_row(&l, &row)) {
				bool ours = !row.end && row.file < l.f.names.n && wanted[row.file] && row.stmt && row.line >= at->line &&
					(!at->col || row.col == at->col);

				if (ours && !emit && (!at->best || row.line < at->best))
					at->best = row.line;
				/* The first of a run of rows for one line. */
				if (ours && emit && row.line == at->best && (last != row.line || last_file != row.file)) {
					at->n++;
					at->stop = at->fn(at->arg, row.addr, row.line);
				}
				last = row.end ? 0 : row.line;
				last_file = row.file;
			}
		}
		arena_free(a);
	}
}

int
sym_dwarf_at_line(Dwarf *d, const char *file, u32 line, u32 col, int (*fn)(void *, u64 addr, u32 line), void *arg)
{
	AtLine at = { file, line, col, 0, fn, arg, 0, false };

	pass(d, &at, false);
	if (at.best)
		pass(d, &at, true);
	return at.n;
}

static bool
put_file(const Files *f, u32 i, Buf *out)
{
	const char *name, *dir;

	if (i >= f->names.n)
		return false;
	name = f->names.v[i];
	dir = f->dir_of.v[i] < f->dirs.n ? f->dirs.v[f->dir_of.v[i]] : "";
	if (*name != '/' && *dir)
		buf_printf(out, "%s/", dir);
	buf_puts(out, name);
	return true;
}

bool
dwarf_file(Dwarf *d, const Unit *u, u32 i, Buf *out)
{
	Arena *a = arena_new();
	Lines l;
	bool good = open_lines(d, u, &l, a) && put_file(&l.f, i, out);

	arena_free(a);
	return good;
}

/* False only where the unit says where its code is, and addr is elsewhere. */
static bool
may_hold(Dwarf *d, const Unit *u, u64 addr)
{
	Value v;
	Die top;

	if (!dwarf_die(d, u, u->first, &top))
		return true;
	if (!dwarf_attr(d, &top, DA_high_pc, &v) && !dwarf_attr(d, &top, DA_ranges, &v))
		return true;
	return dwarf_contains(d, &top, addr);
}

bool
sym_dwarf_line(Dwarf *d, u64 addr, Buf *file, u32 *line)
{
	for (u32 i = 0; i < d->units.n; i++) {
		const Unit *u = d->units.v[i];
		Arena *a;
		Row row = { .end = true }, before = { .end = true };
		Lines l;
		bool found = false;

		if (!may_hold(d, u, addr))
			continue;
		a = arena_new();                /* the list of files */
		if (open_lines(d, u, &l, a))
			while (!found && next_row(&l, &row)) {
				found = !before.end && before.addr <= addr && addr < row.addr && before.file < l.f.names.n;
				if (!found)
					before = row;
			}
		if (found) {
			put_file(&l.f, before.file, file);
			*line = before.line;
		}
		arena_free(a);
		if (found)
			return true;
	}
	return false;
}
