/* events: what records other than printf and print ask for: files, commands, times, warnings, captures. */
#include "out/inside.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* "FILE:LINE:COL-COL" of an event, and the same as JSON members. */
static void
put_where(Out *o, Buf *b, const EventDef *e, bool json)
{
	const char *file = "";
	u32 line = 0, col = 0;

	if (!json) {
		if (o->opt.diag && e->at.from)
			diag_where(o->opt.diag, e->at, b);
		return;
	}
	if (o->opt.diag)
		diag_line_col(o->opt.diag, e->at.from, &file, &line, &col);
	buf_puts(b, ", \"filename\": ");
	value_json_string(b, file, strlen(file));
	buf_printf(b, ", \"line\": %u, \"col\": %u}\n", line, col);
}

/* The script's line with the place underlined. */
static void
put_line(Out *o, Buf *b, Span at)
{
	const char *file, *text;
	u32 line, col, len, width = MAX(at.to - at.from, 1u);

	if (!o->opt.diag || !diag_line_col(o->opt.diag, at.from, &file, &line, &col))
		return;
	text = diag_line_text(o->opt.diag, at.from, &len);
	buf_put(b, text, len);
	buf_putc(b, '\n');
	for (u32 i = 0; i + 1 < col; i++)
		buf_putc(b, i < len && text[i] == '\t' ? '\t' : ' ');
	for (u32 i = 0; i < width && (!i || col - 1 + i < len); i++)
		buf_putc(b, '~');
	buf_putc(b, '\n');
}

/* The calls of the macros that put it there. */
static void
put_calls(Out *o, Buf *b, const EventDef *e, const char *word)
{
	for (u32 i = 0; o->opt.diag && i < e->n_calls; i++) {
		diag_where(o->opt.diag, e->call[i], b);
		buf_printf(b, ": %s: expanded from\n", word);
		put_line(o, b, e->call[i]);
	}
}

/* errorf, warnf. */
static void
message(Out *o, const EventDef *e)
{
	const char *word = e->kind == EV_ERRORF ? "ERROR" : "WARNING";
	Buf line = { 0 };

	if (o->opt.format == OUT_JSON) {
		buf_printf(&o->buf, "{\"type\": \"%s\", \"msg\": ", e->kind == EV_ERRORF ? "errorf" : "warnf");
		value_json_string(&o->buf, o->text.p, o->text.n);
		put_where(o, &o->buf, e, true);
		return;
	}
	put_where(o, &line, e, false);
	buf_printf(&line, "%s%s: ", line.n ? ": " : "", word);
	buf_put(&line, o->text.p, o->text.n);
	if (!o->text.n || o->text.p[o->text.n - 1] != '\n')
		buf_putc(&line, '\n');
	put_calls(o, &line, e, word);
	out_error_line(o, &line);
	buf_free(&line);
}

/* A warning of the run time. helper: NULL, or its name with what it returned. */
static void
warning(Out *o, const EventDef *e, const char *text, const char *json_text, const char *helper, s64 code)
{
	Buf line = { 0 };

	if (o->opt.format == OUT_JSON) {
		buf_printf(&o->buf, "{\"type\": \"%s\", \"msg\": ", helper ? "helper_error" : "runtime_error");
		value_json_string(&o->buf, json_text, strlen(json_text));
		if (helper)
			buf_printf(&o->buf, ", \"helper\": \"%s\", \"retcode\": %lld", helper, (long long)code);
		put_where(o, &o->buf, e, true);
		return;
	}
	put_where(o, &line, e, false);
	buf_printf(&line, "%sWARNING: %s\n", line.n ? ": " : "", text);
	if (helper)
		buf_printf(&line, "Additional Info - helper: %s, retcode: %lld\n", helper, (long long)code);
	put_line(o, &line, e->at);
	put_calls(o, &line, e, "WARNING");
	out_error_line(o, &line);
	buf_free(&line);
}

#define MAP_FULL "Map full; can't update element. Try increasing max_map_keys config or manually setting the max entries in " \
	"a map declaration e.g. `let @a = hash(5000)`"

static void
helper_error(Out *o, const EventDef *e, s64 code)
{
	const char *name = o->opt.helper_name ? o->opt.helper_name(e->helper) : NULL, *text, *json = strerror((int)-code);
	char number[32];

	if (!name) {
		snprintf(number, sizeof(number), "%u", e->helper);
		name = number;
	}
	text = json;
	if (!strcmp(name, "map_update_elem") && code == -E2BIG)
		text = MAP_FULL;
	else if (!o->opt.show_helper_errors)
		return;
	else if (!strcmp(name, "map_lookup_elem"))
		text = "Can't lookup map element because it does not exist.", code = 0;       /* it gives an address, not an error */
	else if (!strcmp(name, "map_delete_elem") && code == -ENOENT)
		text = "Can't delete map element because it does not exist.";
	warning(o, e, text, json, name, code);
}

static void
cat(Out *o, const EventDef *e)
{
	u64 left = o->opt.max_cat_bytes ? o->opt.max_cat_bytes : 10240;
	int fd = host_open(o->text.p, O_RDONLY | O_NONBLOCK);
	Buf *b = &o->value, line = { 0 };

	if (fd < 0) {
		buf_printf(&line, "ERROR: failed to open file '%s' (%s)\n", o->text.p, strerror(-fd));
		out_error_line(o, &line);
		buf_free(&line);
		return;
	}
	(void)e;
	buf_clear(b);
	while (left) {
		ssize_t n = read(fd, buf_space(b, MIN(left, 65536u)), MIN(left, 65536u));

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		b->n += (size_t)n;
		left -= (u64)n;
	}
	close(fd);
	out_text_event(o, "cat", b->p ? b->p : "", b->n);
}

static void
run_command(Out *o)
{
	Buf *b = &o->value;
	FILE *f;

	if (!o->opt.unsafe_ok)
		return;                 /* refused when the script was compiled */
	out_flush_all(o);
	buf_clear(b);
	f = popen(o->text.p, "re");
	if (!f) {
		Buf line = { 0 };

		buf_printf(&line, "ERROR: system(): %s\n", strerror(errno));
		out_error_line(o, &line);
		buf_free(&line);
		return;
	}
	for (size_t n; (n = fread(buf_space(b, 65536), 1, 65536, f)) > 0; )
		b->n += n;
	pclose(f);
	if (o->opt.format == OUT_TEXT)
		buf_putc(b, '\n');
	out_text_event(o, "syscall", b->p ? b->p : "", b->n);
}

static void
join(Out *o, const EventDef *e, const u8 *rec, u32 size, u32 used)
{
	Buf *b = &o->value;

	buf_clear(b);
	for (u32 i = 0; i < e->n_args && i < used; i++) {
		if (i)
			buf_puts(b, e->sep ? e->sep : " ");
		value_put(o, b, e->args[i].type, rec + e->args[i].offset, size - MIN(size, e->args[i].offset), VS_TEXT);
	}
	if (o->opt.format == OUT_TEXT)
		buf_putc(b, '\n');
	out_text_event(o, "join", b->p ? b->p : "", b->n);
}

/* ---- skboutput: packets to pcap files ---- */

typedef struct Capture { const char *path; int fd; } Capture;
typedef struct Captures { Vec(Capture) v; } Captures;

/* The open file of a path, with its header written; -1 if it cannot be. */
static int
capture_fd(Out *o, const char *path)
{
	/* magic, version 2.4, no time zone, whole packets, Ethernet */
	static const u32 head[] = { 0xa1b2c3d4, 2 | 4 << 16, 0, 0, 262144, 1 };
	Captures *c = o->captures;
	Capture new = { path, -1 };

	if (!c)
		c = o->captures = NEW(o->a, Captures);
	for (u32 i = 0; i < c->v.n; i++)
		if (!strcmp(c->v.v[i].path, path))
			return c->v.v[i].fd;
	new.fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (new.fd < 0 || write(new.fd, head, sizeof(head)) != sizeof(head)) {
		Buf line = { 0 };

		buf_printf(&line, "ERROR: cannot write packets to '%s': %s\n", path, strerror(errno));
		out_error_line(o, &line);
		buf_free(&line);
	}
	VEC_PUSH(o->a, &c->v, new);
	return new.fd;
}

static bool
capture(Out *o, const EventDef *e, const u8 *rec, u32 size, u32 wire)
{
	u32 head[4], from = e->n_args > 2 ? e->args[2].offset : size, n;
	int fd = e->fmt ? capture_fd(o, e->fmt) : -1;
	u64 ns;

	if (e->n_args < 3 || from > size)
		return false;
	ns = value_load(e->args[0].type, rec + e->args[0].offset) + name_wall_offset();
	head[0] = (u32)(ns / 1000000000);
	head[1] = (u32)(ns % 1000000000 / 1000);
	n = (u32)MIN(value_load(e->args[1].type, rec + e->args[1].offset), size - from);
	head[2] = n;
	head[3] = MAX(wire, n);
	buf_clear(&o->value);
	buf_put(&o->value, head, sizeof(head));
	buf_put(&o->value, rec + from, n);
	return fd >= 0 && write(fd, o->value.p, o->value.n) == (ssize_t)o->value.n;
}

bool
event_other(Out *o, const EventDef *e, const u8 *rec, u32 size, u32 aux)
{
	struct timespec ts;

	buf_clear(&o->text);
	*(char *)buf_space(&o->text, 0) = 0;
	switch (e->kind) {
	case EV_TIME:
		clock_gettime(CLOCK_REALTIME, &ts);
		name_time(&o->text, e->fmt ? e->fmt : "%H:%M:%S\n", (u64)ts.tv_sec * 1000000000 + (u64)ts.tv_nsec, 'r');
		out_text_event(o, "time", o->text.p, o->text.n);
		return true;
	case EV_CAT: case EV_SYSTEM: case EV_ERRORF: case EV_WARNF:
		if (!o->formats[e - o->events])
			return false;
		format_run(o, &o->text, o->formats[e - o->events], rec, size);
		if (e->kind == EV_CAT)
			cat(o, e);
		else if (e->kind == EV_SYSTEM)
			run_command(o);
		else
			message(o, e);
		return true;
	case EV_JOIN:
		join(o, e, rec, size, aux);
		return true;
	case EV_HELPER_ERROR:
		helper_error(o, e, -(s64)aux);
		return true;
	case EV_DIV_ZERO: {
		const char *text = "Divide or modulo by 0 detected. This can lead to unexpected results. "
			"1 is being used as the result.";

		warning(o, e, text, text, NULL, 0);
		return true;
	}
	case EV_INDEX: {
		const char *text = "Array access out of bounds. This can lead to unexpected results.";

		warning(o, e, text, text, NULL, 0);
		return true;
	}
	case EV_MAP_FULL:
		warning(o, e, MAP_FULL, strerror(E2BIG), "map_update_elem", -E2BIG);
		return true;
	case EV_SKBOUTPUT:
		return capture(o, e, rec, size, aux);
	case EV_UNWATCH:
		return true;
	default:
		return false;
	}
}
