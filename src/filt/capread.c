/* capread: packets from pcap and pcapng files.
 * pcap: 24 bytes of header (magic number, version, zone, accuracy, snapshot length, link type), then packets of 16 bytes of
 * header each. pcapng: blocks of type, length, body, length; sections have a byte order each, interfaces a link type
 * and a unit of time each. Both may come through gzip. A length that no file could mean ends the reading with its place. */
#include "filt/capture.h"

#include <errno.h>
#include <zlib.h>

enum { HUGE_PACKET = 256 << 20, NG_SECTION = 0x0a0d0d0a, NG_IFACE = 1, NG_OLD = 2, NG_SIMPLE = 3, NG_PACKET = 6 };
struct CapReader {
	Arena *a;
	gzFile in;
	bool ng, swapped, nano, ended;
	u64 at;                 /* bytes read */
	Buf body;
	Vec(CapIface) iface;
	u32 first;              /* interfaces of the section begin here */
};

static u32
get32(const CapReader *r, const u8 *p)
{
	u32 v;

	memcpy(&v, p, 4);
	return r->swapped ? __builtin_bswap32(v) : v;
}

static u16
get16(const CapReader *r, const u8 *p)
{
	u16 v;

	memcpy(&v, p, 2);
	return r->swapped ? __builtin_bswap16(v) : v;
}

/* Number of bytes that came; fewer than n only at the end. */
static u32
fill(CapReader *r, void *p, u32 n)
{
	u32 have = 0;

	while (have < n) {
		int k = gzread(r->in, (u8 *)p + have, MIN(n - have, 1u << 20));

		if (k <= 0)
			break;
		have += (u32)k;
	}
	r->at += have;
	return have;
}

static int
broken(CapReader *r, Buf *err, const char *fmt, ...)
{
	va_list ap;
	int code;
	const char *why = gzerror(r->in, &code);

	r->ended = true;
	if (code < 0 && code != Z_ERRNO && !gzdirect(r->in)) {
		buf_printf(err, "byte %llu: the compressed data is damaged: %s", (unsigned long long)r->at, why);
		return -1;
	}
	buf_printf(err, "byte %llu: ", (unsigned long long)r->at);
	va_start(ap, fmt);
	buf_vprintf(err, fmt, ap);
	va_end(ap);
	return -1;
}

/* Did the data end because they cannot be read or unpacked? */
static bool
damaged(CapReader *r)
{
	int code;

	gzerror(r->in, &code);
	return code < 0 && (code == Z_ERRNO || !gzdirect(r->in));
}

/* LINKTYPE numbers of files where they are not the DLT numbers of this system. */
static int
linktype(u32 v)
{
	switch (v & 0xffff) {
	case 100: return 11;            /* ATM_RFC1483 */
	case 101: return 12;            /* RAW */
	case 102: return 15;
	case 103: return 16;
	case 106: return 19;            /* ATM_CLIP */
	}
	return (int)(v & 0xffff);
}

/* ---- pcap ---- */

static int
pcap_header(CapReader *r, const u8 *h, Buf *err)
{
	CapIface i = { .name = "" };

	if (get16(r, h + 4) != 2)
		return broken(r, err, "this is version %u.%u of pcap; 2.4 is known", get16(r, h + 4), get16(r, h + 6));
	i.snaplen = get32(r, h + 16);
	i.linktype = linktype(get32(r, h + 20));
	i.units = r->nano ? 1000000000 : 1000000;
	VEC_PUSH(r->a, &r->iface, i);
	return 0;
}

static int
pcap_packet(CapReader *r, CapPacket *p, Buf *err)
{
	u8 h[16];
	u32 n = fill(r, h, sizeof(h));

	if (!n)
		return damaged(r) ? broken(r, err, "unreadable") : 0;
	if (n < sizeof(h))
		return broken(r, err, "the file ends inside of a packet's header (%u of 16 bytes)", n);
	p->caplen = get32(r, h + 8);
	p->len = get32(r, h + 12);
	p->iface = 0;
	p->ns = get32(r, h) * 1000000000ull + get32(r, h + 4) * (r->nano ? 1ull : 1000ull);
	if (p->caplen > HUGE_PACKET)
		return broken(r, err, "a packet of %u bytes cannot be; the file is damaged from here on", p->caplen);
	buf_clear(&r->body);
	n = fill(r, buf_space(&r->body, p->caplen), p->caplen);
	if (n < p->caplen)
		return broken(r, err, "the file ends inside of a packet (%u of %u bytes)", n, p->caplen);
	p->data = (u8 *)r->body.p;
	return 1;
}

/* ---- pcapng ---- */

/* Reads the rest of a block whose first 8 bytes are known. */
static int
block(CapReader *r, u32 length, Buf *err)
{
	u32 n;

	if (length < 12 || length % 4 || length > HUGE_PACKET)
		return broken(r, err, "a block of %u bytes cannot be; the file is damaged from here on", length);
	buf_clear(&r->body);
	n = fill(r, buf_space(&r->body, length - 8), length - 8);
	if (n < length - 8)
		return broken(r, err, "the file ends inside of a block (%u of %u bytes)", n + 8, length);
	r->body.n = length - 12;
	if (get32(r, (u8 *)r->body.p + length - 12) != length)
		return broken(r, err, "a block has two lengths, %u and %u; the file is damaged from here on", length,
			get32(r, (u8 *)r->body.p + length - 12));
	return 1;
}

static int
section(CapReader *r, const u8 *head, Buf *err)
{
	u8 magic[4];
	u32 v, length, n;

	if (fill(r, magic, 4) < 4)
		return broken(r, err, "the file ends inside of its section header");
	memcpy(&v, magic, 4);
	if (v != 0x1a2b3c4d && v != 0x4d3c2b1a)
		return broken(r, err, "the section header has no byte order mark");
	r->swapped = v == 0x4d3c2b1a;
	length = get32(r, head + 4);
	if (length < 28 || length % 4 || length > HUGE_PACKET)
		return broken(r, err, "a section header of %u bytes cannot be", length);
	buf_clear(&r->body);
	n = fill(r, buf_space(&r->body, length - 12), length - 12);
	if (n < length - 12)
		return broken(r, err, "the file ends inside of its section header");
	if (get16(r, (u8 *)r->body.p) != 1)
		return broken(r, err, "this is version %u of pcapng; 1 is known", get16(r, (u8 *)r->body.p));
	r->first = r->iface.n;
	return 1;
}

/* The option `code` of the options at p, its length in *n; NULL if there is none. */
static const u8 *
option(const CapReader *r, const u8 *p, const u8 *end, u16 code, u32 *n)
{
	while (end - p >= 4) {
		u32 len = get16(r, p + 2);

		if (!get16(r, p) || (u32)(end - p) < 4 + len)
			return NULL;
		if (get16(r, p) == code) {
			*n = len;
			return p + 4;
		}
		p += 4 + ALIGN(len, 4);
		if (p > end)
			return NULL;
	}
	return NULL;
}

static int
iface(CapReader *r, Buf *err)
{
	const u8 *b = (u8 *)r->body.p, *end = b + r->body.n, *o;
	CapIface i = { .units = 1000000, .name = "" };
	u32 n;

	if (r->body.n < 8)
		return broken(r, err, "an interface block of %zu bytes is too short", r->body.n);
	i.linktype = linktype(get16(r, b));
	i.snaplen = get32(r, b + 4);
	o = option(r, b + 8, end, 9, &n);
	if (o && n >= 1) {
		u32 e = *o & 0x7f;

		for (i.units = 1; e; e--) {
			u64 step = *o & 0x80 ? 2 : 10;

			if (i.units > 0xffffffffffffffffull / step)
				return broken(r, err, "an interface counts time in units of %s^-%u s", *o & 0x80 ? "2" : "10", *o & 0x7f);
			i.units *= step;
		}
	}
	o = option(r, b + 8, end, 14, &n);
	if (o && n == 8)
		i.offset = (s64)((u64)get32(r, o + (r->swapped ? 4 : 0)) | (u64)get32(r, o + (r->swapped ? 0 : 4)) << 32);
	o = option(r, b + 8, end, 2, &n);
	if (o)
		i.name = arena_str(r->a, (const char *)o, n);
	VEC_PUSH(r->a, &r->iface, i);
	return 1;
}

static u64
time_ns(const CapIface *i, u64 t)
{
	return ((u64)i->offset + t / i->units) * 1000000000ull +
		(u64)((unsigned __int128)(t % i->units) * 1000000000u / i->units);
}

static int
ng_packet(CapReader *r, u32 type, CapPacket *p, Buf *err)
{
	const u8 *b = (u8 *)r->body.p, *o;
	u32 head = type == NG_SIMPLE ? 4 : 20, n, dir;
	CapIface *i;

	if (r->body.n < head)
		return broken(r, err, "a packet block of %zu bytes is too short", r->body.n);
	p->iface = r->first + (type == NG_SIMPLE ? 0 : type == NG_OLD ? get16(r, b) : get32(r, b));
	if (p->iface >= r->iface.n)
		return broken(r, err, "a packet is of interface %u, which the file has not described", p->iface - r->first);
	i = &r->iface.v[p->iface];
	if (type == NG_SIMPLE) {
		p->len = get32(r, b);
		p->caplen = MIN(p->len, (u32)r->body.n - 4);
		if (i->snaplen)
			p->caplen = MIN(p->caplen, i->snaplen);
		p->ns = 0;
		p->data = b + 4;
		return 1;
	}
	p->ns = time_ns(i, (u64)get32(r, b + 4) << 32 | get32(r, b + 8));
	p->caplen = get32(r, b + 12);
	p->len = get32(r, b + 16);
	p->data = b + 20;
	if (p->caplen > r->body.n - 20)
		return broken(r, err, "a packet of %u bytes is longer than its block", p->caplen);
	o = b + 20 + ALIGN(p->caplen, 4);
	if (o > b + r->body.n)
		return 1;
	const u8 *flags = option(r, o, b + r->body.n, 2, &dir);
	if (flags && dir == 4)
		p->direction = (int)(get32(r, flags) & 3);
	o = option(r, o, b + r->body.n, 1, &n);
	if (o) {
		u8 *text = (u8 *)(uintptr_t)o;

		text[n] = 0;            /* what follows is padding, or the next option, read already */
		p->comment = (const char *)text;
	}
	return 1;
}

static int
ng_next(CapReader *r, CapPacket *p, Buf *err)
{
	for (;;) {
		u8 h[8];
		u32 n = fill(r, h, 8), type;
		int k;

		if (!n)
			return damaged(r) ? broken(r, err, "unreadable") : 0;
		if (n < 8)
			return broken(r, err, "the file ends inside of a block's header");
		memcpy(&type, h, 4);
		if (type == NG_SECTION) {
			k = section(r, h, err);
			if (k < 0)
				return k;
			continue;
		}
		type = get32(r, h);
		k = block(r, get32(r, h + 4), err);
		if (k < 0)
			return k;
		if (type == NG_IFACE && iface(r, err) < 0)
			return -1;
		if (type == NG_PACKET || type == NG_SIMPLE || type == NG_OLD)
			return ng_packet(r, type, p, err);
	}
}

/* ---- both ---- */

static int
start(CapReader *r, Buf *err)
{
	static const struct { u32 magic; bool swapped, nano; } known[] = {
		{ 0xa1b2c3d4, false, false }, { 0xd4c3b2a1, true, false }, { 0xa1b23c4d, false, true },
		{ 0x4d3cb2a1, true, true },
	};
	u8 h[24];
	u32 magic, n = fill(r, h, 8);

	if (!n)
		return broken(r, err, "the file is empty");
	if (n < 8)
		return broken(r, err, "the file ends after %u bytes, inside of its header", n);
	memcpy(&magic, h, 4);
	if (magic == NG_SECTION) {
		r->ng = true;
		return section(r, h, err);
	}
	for (size_t i = 0; i < COUNT(known); i++)
		if (known[i].magic == magic) {
			r->swapped = known[i].swapped;
			r->nano = known[i].nano;
			n = fill(r, h + 8, 16);
			if (n < 16)
				return broken(r, err, "the file ends after %u bytes, inside of its header", n + 8);
			return pcap_header(r, h, err);
		}
	return broken(r, err, "neither a pcap nor a pcapng file: it begins with %02x %02x %02x %02x", h[0], h[1], h[2], h[3]);
}

CapReader *
cap_open(Arena *a, const char *path, Buf *err)
{
	CapReader *r = NEW(a, CapReader);

	r->a = a;
	errno = 0;
	r->in = !strcmp(path, "-") ? gzdopen(0, "rb") : gzopen(path, "rb");
	if (!r->in) {
		buf_printf(err, "%s", strerror(errno ? errno : ENOMEM));
		return NULL;
	}
	gzbuffer(r->in, 256 << 10);
	if (start(r, err) < 0) {
		cap_close(r);
		return NULL;
	}
	return r;
}

int
cap_next(CapReader *r, CapPacket *p, Buf *err)
{
	memset(p, 0, sizeof(*p));
	if (r->ended)
		return 0;
	return r->ng ? ng_next(r, p, err) : pcap_packet(r, p, err);
}

const CapIface *
cap_ifaces(const CapReader *r, u32 *n)
{
	*n = r->iface.n;
	return r->iface.v;
}

bool
cap_swapped(const CapReader *r)
{
	return r->swapped;
}

void
cap_close(CapReader *r)
{
	if (!r)
		return;
	gzclose(r->in);
	buf_free(&r->body);
}
