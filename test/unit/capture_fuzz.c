/* Captures that were damaged at random: reading ends in packets or a message, never outside of a buffer (the sanitizer build looks),
 * a message has a place, packets before the damage are kept, and whatever bytes a packet has, it is shown and written.
 * Arguments: rounds, seed. */
#include "filt/capture.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>
#include <zlib.h>

static u64 rng;

static u32
rnd(u32 n)
{
	rng ^= rng << 13;
	rng ^= rng >> 7;
	rng ^= rng << 17;
	return (u32)(rng >> 33) % n;
}

static bool big;                /* byte order of the file being made */

static void
num(Buf *b, u32 v, u32 size)
{
	for (u32 i = 0; i < size; i++)
		buf_putc(b, (char)(v >> 8 * (big ? size - 1 - i : i)));
}

/* Headers that lead the printers on, then bytes at random. */
static void
packet(u8 *p, u32 n)
{
	static const u8 starts[][24] = {
		{ [12] = 8, [14] = 0x45, [17] = 150, [22] = 64, [23] = 6 }, { [12] = 8, [14] = 0x45, [17] = 150, [22] = 64, [23] = 17 },
		{ [12] = 8, [14] = 0x45, [17] = 150, [23] = 1 }, { [12] = 0x86, 0xdd, 0x60, [20] = 58 }, { [12] = 0x86, 0xdd, 0x60, [20] = 6 },
		{ [12] = 0x86, 0xdd, 0x60, [20] = 0 }, { [12] = 8, 6, 0, 1, 8, 0, 6, 4 }, { [12] = 0x81, 0, 0, 5, 8, 0, 0x45 },
		{ [12] = 0x88, 0x47 }, { [12] = 0x88, 0x64, 0x11 }, { [12] = 0, 40, 0xaa, 0xaa, 3 }, { 0x45, [9] = 47 }, { 0x60, [6] = 44 },
	};
	static const u8 ports[] = { 53, 80, 80, 181, 67, 123 };
	u32 at = 34;

	for (u32 i = 0; i < n; i++)
		p[i] = rnd(3) ? 0 : (u8)rnd(256);
	memcpy(p, starts[rnd(COUNT(starts))], MIN(n, 24u));
	if (rnd(2) && n > 90) {
		p[at] = 0, p[at + 1] = ports[rnd(sizeof(ports))];
		p[at + 2] = 1, p[at + 3] = rnd(2) ? 0xbb : ports[rnd(sizeof(ports))];
		if (p[23] == 17)
			p[at + 4] = 0, p[at + 5] = (u8)rnd(140);
		p[at + 12] = (u8)(0x50 + 16 * rnd(4));
		if (rnd(2))
			memcpy(p + at + 20, "GET /x HTTP/1.1\r\nHost: y\r\n", 26);
		else
			memcpy(p + at + 20, "\x16\3\1\0\x40\1\0\0\x3c\3\3", 11);
	}
}

static u32
pcap(Buf *b)
{
	u32 n = 1 + rnd(4);

	num(b, rnd(3) ? 0xa1b2c3d4 : 0xa1b23c4d, 4);
	num(b, 2, 2), num(b, 4, 2), num(b, 0, 4), num(b, 0, 4), num(b, 262144, 4);
	num(b, rnd(3) ? 1 : rnd(290), 4);
	for (u32 i = 0; i < n; i++) {
		u8 p[300];
		u32 len = rnd(sizeof(p));

		packet(p, len);
		num(b, i, 4), num(b, 0, 4), num(b, len, 4), num(b, len + rnd(2) * rnd(2000), 4);
		buf_put(b, p, len);
	}
	return n;
}

static void
block(Buf *b, u32 type, const Buf *body)
{
	u32 n = 12 + (u32)ALIGN(body->n, 4);

	num(b, type, 4), num(b, n, 4);
	buf_put(b, body->p ? body->p : "", body->n);
	for (u32 i = (u32)body->n; i % 4; i++)
		buf_putc(b, 0);
	num(b, n, 4);
}

static void
options(Buf *b)
{
	for (u32 i = rnd(3); i; i--) {
		u32 n = rnd(9);

		num(b, 1 + rnd(8), 2), num(b, n, 2);
		for (u32 k = 0; k < ALIGN(n, 4); k++)
			buf_putc(b, (char)rnd(256));
	}
	num(b, 0, 2), num(b, 0, 2);
}

static u32
pcapng(Buf *b)
{
	u32 packets = 0;

	for (u32 s = 1 + rnd(2); s; s--) {
		Buf body = {0};
		u32 ifaces = 1 + rnd(2);

		big = rnd(3) == 0;
		num(&body, 0x1a2b3c4d, 4), num(&body, 1, 2), num(&body, 0, 2), num(&body, ~0u, 4), num(&body, ~0u, 4);
		options(&body);
		block(b, 0x0a0d0d0a, &body);
		for (u32 i = 0; i < ifaces; i++) {
			buf_clear(&body);
			num(&body, rnd(2) ? 1 : rnd(290), 2), num(&body, 0, 2), num(&body, rnd(2) ? 0 : 65535, 4);
			options(&body);
			block(b, 1, &body);
		}
		for (u32 i = rnd(4); i; i--, packets++) {
			u8 p[300];
			u32 len = rnd(sizeof(p));

			packet(p, len);
			buf_clear(&body);
			if (rnd(5)) {
				num(&body, rnd(ifaces), 4), num(&body, rnd(9), 4), num(&body, rnd(99999), 4), num(&body, len, 4),
					num(&body, len, 4);
				buf_put(&body, p, len);
				while (body.n % 4)
					buf_putc(&body, 0);
				options(&body);
				block(b, 6, &body);
			} else {
				num(&body, len, 4);
				buf_put(&body, p, len);
				block(b, 3, &body);
			}
		}
		buf_free(&body);
	}
	return packets;
}

static void
damage(Buf *b)
{
	u8 *p = (u8 *)b->p;

	for (u32 i = 1 + rnd(4); i && b->n > 8; i--)
		switch (rnd(4)) {
		case 0: p[rnd((u32)b->n)] = (u8)rnd(256); break;
		case 1: b->n = rnd((u32)b->n); break;
		case 2: {
			static const u32 lengths[] = { 0, 1, 0x7fffffff, 0x80000000, 0xffffffff, 0xfffffff0, 262145, 4 };

			memcpy(p + rnd((u32)b->n / 4 - 1) * 4, &lengths[rnd(COUNT(lengths))], 4);
			break;
		}
		case 3: p[rnd(MIN((u32)b->n, 40u))] ^= (u8)(1u << rnd(8)); break;
		}
}

static void
store(int fd, const Buf *b, bool zipped)
{
	assert(!ftruncate(fd, 0) && lseek(fd, 0, SEEK_SET) == 0);
	if (zipped) {
		gzFile z = gzdopen(dup(fd), "wb1");

		assert(z && gzwrite(z, b->p, (unsigned)b->n) == (int)b->n && gzclose(z) == Z_OK);
		if (rnd(2))
			assert(!ftruncate(fd, rnd((u32)lseek(fd, 0, SEEK_END) + 1)));
		return;
	}
	assert(b->n == 0 || write(fd, b->p, b->n) == (ssize_t)b->n);
}

/* How many packets were read; *bad: it ended in a message. */
static u32
read_all(const char *path, bool *bad)
{
	static const char forms[] = { 'x', 'X', 'A' };
	Arena *a = arena_new();
	Buf err = {0}, line = {0};
	CapReader *r = cap_open(a, path, &err);
	CapWriter *w = cap_create(a, "/dev/null", (int)rnd(3), &err);
	CapPacket p;
	u32 n = 0, ifaces;
	int k = -1;

	while (r && (k = cap_next(r, &p, &err)) == 1) {
		const CapIface *i = cap_ifaces(r, &ifaces);
		ShowOpts o = { .link = rnd(2), .quiet = rnd(3) == 0, .no_names = true, .verbose = (int)rnd(3) };
		u8 *exact = malloc(MAX(p.caplen, 1u));          /* so that a read behind the packet is seen */
		int to;

		assert(p.iface < ifaces);
		memcpy(exact, p.data, p.caplen);
		buf_clear(&line);
		show_packet(exact, p.caplen, p.len, i[p.iface].linktype, &o, &line);
		assert(line.n && !memchr(line.p, '\n', line.n));
		show_bytes(exact, p.caplen, forms[rnd(3)], &line);
		free(exact);
		to = cap_add_iface(w, i[p.iface].linktype, i[p.iface].snaplen, i[p.iface].name, "x");
		assert(to < 0 || cap_write(w, (u32)to, &p) == 0);
		n++;
	}
	*bad = k < 0;
	assert(!*bad || err.n);
	if (r)
		cap_close(r);
	cap_finish(w);
	buf_free(&err);
	buf_free(&line);
	arena_free(a);
	return n;
}

int
main(int argc, char **argv)
{
	u32 rounds = argc > 1 ? (u32)atoi(argv[1]) : 4000, broken = 0;
	int fd = memfd_create("capture", 0);
	char path[40];

	rng = 0x9e3779b97f4a7c15ull * (argc > 2 ? strtoull(argv[2], NULL, 0) : 1);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	for (u32 i = 0; i < rounds; i++) {
		Buf b = {0};
		bool bad;
		u32 n;

		big = rnd(2);
		n = rnd(2) ? pcap(&b) : pcapng(&b);
		store(fd, &b, false);
		if (read_all(path, &bad) != n || bad) {
			printf("round %u: not all of %u packets were read\n", i, n);
			return 1;
		}
		damage(&b);
		store(fd, &b, rnd(5) == 0);
		read_all(path, &bad);
		broken += bad;
		buf_free(&b);
	}
	printf("%u files, %u of the damaged ones ended in a message\n", rounds, broken);
	return 0;
}
