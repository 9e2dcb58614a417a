/* capwrite: pcapng and pcap files. pcapng: a section, a block per interface (with its name, filter and unit of time),
 * packets with comments and direction, and at the end what was received and dropped. */
#include "filt/capture.h"

#include <errno.h>
#include <stdio.h>
#include <sys/utsname.h>

struct CapWriter {
	FILE *f;
	int format, linktype;
	u32 ifaces;
	u64 written;            /* with what is in b */
	Buf b;                  /* what is to be written */
	size_t start;           /* there, of the block in hand */
	int err;
};
enum { ENOUGH = 64 << 10 };

static void put32(Buf *b, u32 v) { buf_put(b, &v, 4); }
static void put16(Buf *b, u16 v) { buf_put(b, &v, 2); }

static void
pad(Buf *b)
{
	while (b->n % 4)
		buf_putc(b, 0);
}

static void
option(Buf *b, u16 code, const void *p, size_t n)
{
	n = MIN(n, 65535u);
	put16(b, code);
	put16(b, (u16)n);
	buf_put(b, p, n);
	pad(b);
}

static void
option_str(Buf *b, u16 code, const char *s)
{
	if (s && *s)
		option(b, code, s, strlen(s));
}

static void
flush_buf(CapWriter *w)
{
	if (w->b.n && fwrite(w->b.p, 1, w->b.n, w->f) != w->b.n && !w->err)
		w->err = errno ? errno : EIO;
	buf_clear(&w->b);
}

static void
begin(CapWriter *w)
{
	w->start = w->b.n;
}

static void
end(CapWriter *w)
{
	w->written += w->b.n - w->start;
	if (w->b.n >= ENOUGH)
		flush_buf(w);
}

/* Blocks: type, a length filled in at the end, the body, the length again. */
static void
begin_block(CapWriter *w, u32 type)
{
	begin(w);
	put32(&w->b, type);
	put32(&w->b, 0);
}

static void
end_block(CapWriter *w)
{
	u32 n;

	pad(&w->b);
	n = (u32)(w->b.n - w->start) + 4;
	put32(&w->b, n);
	memcpy(w->b.p + w->start + 4, &n, 4);
	end(w);
}

static u32
file_linktype(int dlt)
{
	static const int rows[][2] = { { 11, 100 }, { 12, 101 }, { 15, 102 }, { 16, 103 }, { 19, 106 } };

	for (size_t i = 0; i < COUNT(rows); i++)
		if (rows[i][0] == dlt)
			return (u32)rows[i][1];
	return (u32)dlt;
}

static void
section(CapWriter *w)
{
	struct utsname u;

	begin_block(w, 0x0a0d0d0a);
	put32(&w->b, 0x1a2b3c4d);
	put16(&w->b, 1);
	put16(&w->b, 0);
	put32(&w->b, 0xffffffffu);
	put32(&w->b, 0xffffffffu);
	if (!uname(&u)) {
		Buf os = {0};

		option_str(&w->b, 2, u.machine);
		buf_printf(&os, "%s %s", u.sysname, u.release);
		option_str(&w->b, 3, os.p);
		buf_free(&os);
	}
	option_str(&w->b, 4, "piton");
	put32(&w->b, 0);
	end_block(w);
}

CapWriter *
cap_create(Arena *a, const char *path, int format, Buf *err)
{
	CapWriter *w = NEW(a, CapWriter);

	w->format = format;
	w->linktype = -1;
	w->f = !strcmp(path, "-") ? stdout : fopen(path, "we");
	if (!w->f) {
		buf_printf(err, "%s", strerror(errno));
		return NULL;
	}
	setvbuf(w->f, NULL, _IONBF, 0);
	if (format == CAP_PCAPNG)
		section(w);
	return w;
}

int
cap_add_iface(CapWriter *w, int linktype, u32 snaplen, const char *name, const char *filter)
{
	u8 nano = 9;

	if (w->format != CAP_PCAPNG) {
		if (w->linktype >= 0)
			return linktype == w->linktype ? 0 : -1;
		w->linktype = linktype;
		begin(w);
		put32(&w->b, w->format == CAP_PCAP_NANO ? 0xa1b23c4d : 0xa1b2c3d4);
		put16(&w->b, 2);
		put16(&w->b, 4);
		put32(&w->b, 0);
		put32(&w->b, 0);
		put32(&w->b, snaplen);
		put32(&w->b, file_linktype(linktype));
		end(w);
		return 0;
	}
	begin_block(w, 1);
	put16(&w->b, (u16)file_linktype(linktype));
	put16(&w->b, 0);
	put32(&w->b, snaplen);
	option_str(&w->b, 2, name);
	option(&w->b, 9, &nano, 1);
	if (filter && *filter) {
		Buf f = {0};

		buf_putc(&f, 0);        /* 0: what follows is an expression of libpcap's language */
		buf_puts(&f, filter);
		option(&w->b, 11, f.p, f.n);
		buf_free(&f);
	}
	put32(&w->b, 0);
	end_block(w);
	return (int)w->ifaces++;
}

int
cap_write(CapWriter *w, u32 iface, const CapPacket *p)
{
	u32 flags = (u32)p->direction;

	if (w->format != CAP_PCAPNG) {
		begin(w);
		put32(&w->b, (u32)(p->ns / 1000000000));
		put32(&w->b, (u32)(p->ns % 1000000000) / (w->format == CAP_PCAP ? 1000 : 1));
		put32(&w->b, p->caplen);
		put32(&w->b, p->len);
		buf_put(&w->b, p->data, p->caplen);
		end(w);
		return -w->err;
	}
	begin_block(w, 6);
	put32(&w->b, iface);
	put32(&w->b, (u32)(p->ns >> 32));
	put32(&w->b, (u32)p->ns);
	put32(&w->b, p->caplen);
	put32(&w->b, p->len);
	buf_put(&w->b, p->data, p->caplen);
	pad(&w->b);
	if ((p->comment && *p->comment) || flags) {
		option_str(&w->b, 1, p->comment);
		if (flags)
			option(&w->b, 2, &flags, 4);
		put32(&w->b, 0);
	}
	end_block(w);
	return -w->err;
}

void
cap_statistics(CapWriter *w, u32 iface, u64 received, u64 dropped)
{
	if (w->format != CAP_PCAPNG)
		return;
	begin_block(w, 5);
	put32(&w->b, iface);
	put32(&w->b, 0);
	put32(&w->b, 0);
	option(&w->b, 4, &received, 8);
	option(&w->b, 5, &dropped, 8);
	put32(&w->b, 0);
	end_block(w);
}

u64
cap_written(const CapWriter *w)
{
	return w->written;
}

int
cap_flush(CapWriter *w)
{
	flush_buf(w);
	return -w->err;
}

int
cap_finish(CapWriter *w)
{
	int err;

	flush_buf(w);
	err = w->err;
	if (w->f == stdout ? fflush(w->f) : fclose(w->f))
		err = err ? err : errno;
	buf_free(&w->b);
	return -err;
}
