/* out: records in, bytes out. Each record names its place in the script by number; what it needs at least was worked out once,
 * so that a record is checked by one comparison. */
#include "out/inside.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

enum { FULL = 64 * 1024, MUCH = 256 * 1024 };

/* One place's share: bytes that a record must have; how often a warning came. */
struct Place { u32 need; u64 seen; };
typedef struct Place Place;

static const char *const json_type[] = {
#define EVENT(id, name, json) json,
#include "out/events.def"
#undef EVENT
};

/* Only the last argument may end early, and only if it is a string or a buffer. */
static u32
needed(const EventDef *e)
{
	u32 need = sizeof(RecordHead), last = 0;

	for (u32 i = 1; i < e->n_args; i++)
		if (e->args[i].offset > e->args[last].offset)
			last = i;
	for (u32 i = 0; i < e->n_args; i++) {
		const Arg *a = &e->args[i];
		u32 size = MAX(a->size, a->type->size);

		if (type_is_agg(a->type))
			size = MAX(a->size, out_value_size(a->type));
		if (i == last && a->type->kind == TY_STRING)
			size = 0;
		if (i == last && a->type->kind == TY_BUFFER)
			size = 4;
		if (i == last && e->kind == EV_SKBOUTPUT)
			size = 0;
		need = MAX(need, a->offset + size);
	}
	return need;
}

Out *
out_new(Arena *a, const OutOptions *opt, const EventDef *events, u32 n_events, const MapInfo *maps, u32 n_maps)
{
	Out *o = NEW(a, Out);

	o->a = a;
	o->opt = *opt;
	o->events = events;
	o->n_events = n_events;
	o->maps = maps;
	o->n_maps = n_maps;
	o->formats = NEW_N(a, Format *, n_events + 1);
	o->places = NEW_N(a, Place, n_events + 1);
	for (u32 i = 0; i < n_events; i++) {
		o->places[i].need = needed(&events[i]);
		if (events[i].fmt && events[i].kind != EV_TIME && events[i].kind != EV_SKBOUTPUT)
			o->formats[i] = format_new(a, opt, &events[i]);
	}
	for (u32 i = 0; i < n_maps; i++)
		VEC_PUSH(a, &o->zeroed, false);
	return o;
}

static void
json_head(Out *o, const char *type)
{
	buf_puts(&o->buf, "{\"type\": \"");
	buf_puts(&o->buf, type);
	buf_puts(&o->buf, "\", \"data\": ");
}

void
out_text_event(Out *o, const char *type, const char *text, size_t n)
{
	if (o->opt.format == OUT_TEXT) {
		buf_put(&o->buf, text, n);
		return;
	}
	json_head(o, type);
	value_json_string(&o->buf, text, n);
	buf_puts(&o->buf, "}\n");
}

static void
event_printf(Out *o, u32 i, const u8 *rec, u32 size)
{
	if (o->opt.format == OUT_TEXT) {
		format_run(o, &o->buf, o->formats[i], rec, size);
		return;
	}
	buf_clear(&o->text);
	format_run(o, &o->text, o->formats[i], rec, size);
	out_text_event(o, json_type[EV_PRINTF], o->text.p, o->text.n);
}

static bool
event_value(Out *o, const EventDef *e, const u8 *rec, u32 size)
{
	const Arg *a = e->args;

	if (!e->n_args)
		return false;
	if (o->opt.format == OUT_TEXT) {
		value_put(o, &o->buf, a->type, rec + a->offset, size - a->offset, VS_TEXT);
		buf_putc(&o->buf, '\n');
	} else {
		json_head(o, json_type[EV_PRINT_VALUE]);
		value_put(o, &o->buf, a->type, rec + a->offset, size - a->offset, VS_JSON);
		buf_puts(&o->buf, "}\n");
	}
	return true;
}

static bool
event_map(Out *o, const EventDef *e)
{
	if (e->map >= o->n_maps)
		return false;
	if (e->kind == EV_PRINT_MAP) {
		out_map(o, e->map, e->top, e->div);
	} else {
		o->zeroed.v[e->map] = e->kind == EV_ZERO;
		if (o->opt.map_clear)
			o->opt.map_clear(o->opt.arg, o->maps[e->map].map, e->kind == EV_ZERO);
	}
	return true;
}

/* A warning of one place is told once; how often it came again, at the end. JSON has them all. */
static bool
told_before(Out *o, const EventDef *e, u32 i)
{
	bool warning = e->kind == EV_HELPER_ERROR || e->kind == EV_DIV_ZERO || e->kind == EV_INDEX || e->kind == EV_MAP_FULL;

	return warning && o->places[i].seen++ && o->opt.format == OUT_TEXT;
}

int
out_record(Out *o, const void *data, u32 size, int *exit_code)
{
	RecordHead h;
	const EventDef *e;
	bool good = true;
	int ends = 0;

	if (size < sizeof(h))
		goto malformed;
	memcpy(&h, data, sizeof(h));
	if (h.event >= o->n_events || size < o->places[h.event].need)
		goto malformed;
	e = &o->events[h.event];
	switch (e->kind) {
	case EV_PRINTF:
		if (!o->formats[h.event])
			goto malformed;
		event_printf(o, h.event, data, size);
		break;
	case EV_PRINT_VALUE:
	case EV_PRINT_ENTRY:
		good = event_value(o, e, data, size);
		break;
	case EV_PRINT_MAP:
	case EV_CLEAR:
	case EV_ZERO:
		good = event_map(o, e);
		break;
	case EV_EXIT:
		*exit_code = (int)(e->n_args ? (s64)value_load(e->args[0].type, (const u8 *)data + e->args[0].offset) : e->code);
		ends = 1;
		break;
	default:
		if (!told_before(o, e, h.event))
			good = event_other(o, e, data, size, h.aux);
	}
	if (!good)
		goto malformed;
	o->printed++;
	if (o->buf.n >= MUCH || o->opt.buffering == 'n')
		out_flush_all(o);
	return ends;

malformed:
	o->malformed++;
	return 0;
}

/* The rest of a write that did not take all; a reader that does not block is waited for. */
static int
write_all(int fd, const char *p, size_t n)
{
	while (n) {
		ssize_t w = write(fd, p, n);

		if (w < 0 && errno == EINTR)
			continue;
		if (w < 0 && errno == EAGAIN) {
			poll(&(struct pollfd){ .fd = fd, .events = POLLOUT }, 1, 1000);
			continue;
		}
		if (w < 0)
			return -errno;
		p += w;
		n -= (size_t)w;
	}
	return 0;
}

void
out_capture(Out *o)
{
	o->before = o->buf;
	o->buf = (Buf){ 0 };
	o->format_before = o->opt.format;
	o->opt.format = OUT_TEXT;
	o->capturing = true;
}

void
out_captured(Out *o, Buf *text)
{
	*text = o->buf;
	o->buf = o->before;
	o->opt.format = o->format_before;
	o->capturing = false;
}

int
out_flush_all(Out *o)
{
	if (o->capturing)
		return o->err;
	if (o->buf.n && !o->err)
		o->err = write_all(o->opt.fd, o->buf.p, o->buf.n);
	buf_clear(&o->buf);
	return o->err;
}

int
out_flush(Out *o)
{
	if (o->opt.buffering == 'f' && o->buf.n < FULL)
		return o->err;
	return out_flush_all(o);
}

void
out_error_line(Out *o, Buf *b)
{
	out_flush_all(o);
	write_all(o->opt.err_fd ? o->opt.err_fd : 2, b->p, b->n);
}

void
out_attached(Out *o, u32 n)
{
	if (o->opt.format == OUT_JSON)
		buf_printf(&o->buf, "{\"type\": \"attached_probes\", \"count\": %u, \"data\": {\"probes\": %u}}\n", n, n);
}

void
out_lost(Out *o, u64 n)
{
	Buf line = { 0 };

	if (o->opt.format == OUT_JSON) {
		buf_printf(&o->buf, "{\"type\": \"lost_events\", \"data\": {\"events\": %llu}}\n", (unsigned long long)n);
		return;
	}
	buf_printf(&line, "Lost %llu events\n", (unsigned long long)n);
	out_error_line(o, &line);
	buf_free(&line);
}

/* How often the warnings that were told once came again. */
static void
tell_repeats(Out *o)
{
	Buf line = { 0 };

	for (u32 i = 0; i < o->n_events && o->opt.format == OUT_TEXT; i++) {
		if (o->places[i].seen < 2)
			continue;
		if (o->opt.diag && o->events[i].at.from) {
			diag_where(o->opt.diag, o->events[i].at, &line);
			buf_puts(&line, ": ");
		}
		buf_printf(&line, "WARNING: %llu more like the one above at this place\n",
			(unsigned long long)o->places[i].seen - 1);
	}
	if (line.n)
		out_error_line(o, &line);
	buf_free(&line);
}

u64
out_printed(const Out *o)
{
	return o->printed;
}

u64
out_malformed(const Out *o)
{
	return o->malformed;
}

void
out_free(Out *o)
{
	if (!o)
		return;
	tell_repeats(o);
	out_flush_all(o);
	buf_free(&o->buf);
	buf_free(&o->text);
	buf_free(&o->value);
}
