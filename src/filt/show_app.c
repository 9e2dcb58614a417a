/* show_app: DNS, TLS hellos and the first lines of HTTP/1, in a few words. */
#include "filt/show.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdio.h>
#include <sys/socket.h>

/* ---- DNS ---- */

/* Prints a name at `at` of the message at `base`; gives the offset behind it, 0 if it is broken. Pointers only go back. */
static u32
dns_name(Show *s, u32 base, u32 at)
{
	u32 after = 0, limit = at, labels = 0;

	while (at < s->n && labels++ < 64) {
		u32 n = s->p[at];

		if (!n) {
			if (labels == 1)
				buf_putc(s->out, '.');
			return after ? after : at + 1;
		}
		if (n >= 0xc0) {
			u32 to;

			if (at + 2 > s->n)
				return 0;
			to = base + ((n & 0x3f) << 8 | s->p[at + 1]);
			if (!after)
				after = at + 2;
			if (to >= limit)
				return 0;
			at = limit = to;
			continue;
		}
		if (n > 63 || at + 1 + n > s->n)
			return 0;
		show_text(s, at + 1, n);
		buf_putc(s->out, '.');
		at += 1 + n;
	}
	return 0;
}

static const char *
dns_type(u32 v, char *text)
{
	static const struct { u16 v; const char *name; } rows[] = { { 1, "A" }, { 2, "NS" }, { 5, "CNAME" }, { 6, "SOA" },
		{ 12, "PTR" }, { 15, "MX" }, { 16, "TXT" }, { 28, "AAAA" }, { 33, "SRV" }, { 41, "OPT" }, { 43, "DS" },
		{ 48, "DNSKEY" }, { 64, "SVCB" }, { 65, "HTTPS" }, { 255, "ANY" } };

	for (size_t i = 0; i < COUNT(rows); i++)
		if (rows[i].v == v)
			return rows[i].name;
	snprintf(text, 16, "type%u", v);
	return text;
}

static void
dns_answer(Show *s, u32 base, u32 *at)
{
	char text[INET6_ADDRSTRLEN], type_text[16];
	size_t mark = s->out->n;
	u32 p = dns_name(s, base, *at), type, n;

	s->out->n = mark;       /* the owner's name is that of the question */
	if (s->out->p)
		s->out->p[mark] = 0;
	*at = 0;
	if (!p || (u64)p + 10 > s->n)
		return;
	type = show_16(s, p);
	n = show_16(s, p + 8);
	p += 10;
	if ((u64)p + n > s->n)
		return;
	buf_printf(s->out, " %s ", dns_type(type, type_text));
	if ((type == 1 && n == 4) || (type == 28 && n == 16)) {
		inet_ntop(type == 1 ? AF_INET : AF_INET6, s->p + p, text, sizeof(text));
		buf_puts(s->out, text);
	} else if (type == 5 || type == 2 || type == 12) {
		dns_name(s, base, p);
	} else {
		buf_printf(s->out, "(%u bytes)", n);
	}
	*at = p + n;
}

static bool
dns(Show *s, u32 at, u32 n)
{
	static const char *const codes[] = { "", " FormErr", " ServFail", " NXDomain", " NotImp", " Refused" };
	u32 flags, questions, answers, p;
	char text[16];

	if (n < 12 || !show_need(s, at, 12))
		return false;
	flags = show_16(s, at + 2);
	questions = show_16(s, at + 4);
	answers = show_16(s, at + 6);
	buf_printf(s->out, " DNS %u%s%s", show_16(s, at), flags & 0x8000 ? "" : flags & 0x100 ? "+" : "",
		flags & 0x8000 ? ((flags & 15) < COUNT(codes) ? codes[flags & 15] : " error") : "");
	p = at + 12;
	for (u32 i = 0; i < questions && i < 4; i++) {
		size_t mark = s->out->n;

		buf_putc(s->out, ' ');
		p = dns_name(s, at, p);
		if (!p || p + 4 > s->n) {
			s->out->n = mark;
			buf_puts(s->out, " [cut]");
			return true;
		}
		buf_printf(s->out, " %s?", dns_type(show_16(s, p), text));
		p += 4;
	}
	if (flags & 0x8000) {
		buf_printf(s->out, " %u answers", answers);
		for (u32 i = 0; i < answers && i < 3 && p; i++)
			dns_answer(s, at, &p);
	}
	buf_printf(s->out, " (%u)", n);
	return true;
}

/* ---- TLS ---- */

/* The server's name in a client's hello: extension 0. */
static void
tls_client(Show *s, u32 at)
{
	u32 p = at + 34, n, end;

	if (p + 1 > s->n)
		return;
	p += 1 + show_8(s, p);
	if ((u64)p + 2 > s->n)
		return;
	p += 2 + show_16(s, p);
	if ((u64)p + 1 > s->n)
		return;
	p += 1 + show_8(s, p);
	if ((u64)p + 2 > s->n)
		return;
	end = MIN(p + 2 + show_16(s, p), s->n);
	for (p += 2; p + 4 <= end; p += 4 + n) {
		n = show_16(s, p + 2);
		if (show_16(s, p) == 0 && n > 5 && p + 9 <= end) {
			buf_puts(s->out, ", name ");
			show_text(s, p + 9, MIN(show_16(s, p + 7), end - p - 9));
		} else if (show_16(s, p) == 16 && n > 3 && p + 7 <= end) {
			buf_puts(s->out, ", alpn ");
			show_text(s, p + 7, MIN(show_8(s, p + 6), end - p - 7));
		}
	}
}

static bool
tls(Show *s, u32 at, u32 n)
{
	static const char *const kinds[] = { "change cipher", "alert", "handshake", "data" };
	u32 type, hand;

	if (n < 6 || at + 6 > s->n)
		return false;
	type = show_8(s, at);
	if (type < 20 || type > 23 || show_8(s, at + 1) != 3 || show_8(s, at + 2) > 4)
		return false;
	hand = show_8(s, at + 5);
	if (type != 22 || (hand != 1 && hand != 2)) {
		buf_printf(s->out, ": TLS %s", kinds[type - 20]);
		return true;
	}
	buf_printf(s->out, ": TLS %s hello", hand == 1 ? "client" : "server");
	if (hand == 1)
		tls_client(s, at + 9);
	return true;
}

/* ---- HTTP ---- */

static bool
starts(Show *s, u32 at, u32 n, const char *word)
{
	u32 len = (u32)strlen(word);

	return n >= len && at + len <= s->n && !memcmp(s->p + at, word, len);
}

static bool
http(Show *s, u32 at, u32 n)
{
	static const char *const words[] = { "GET ", "POST ", "PUT ", "HEAD ", "DELETE ", "OPTIONS ", "PATCH ", "CONNECT ",
		"TRACE ", "HTTP/1." };
	u32 k = 0;

	for (size_t i = 0; i < COUNT(words); i++)
		if (starts(s, at, n, words[i])) {
			while (k < n && k < 200 && at + k < s->n && s->p[at + k] != '\r' && s->p[at + k] != '\n')
				k++;
			buf_puts(s->out, ": HTTP: ");
			show_text(s, at, k);
			return true;
		}
	return false;
}

void
show_stream(Show *s, u32 at, u32 n, u32 sport, u32 dport)
{
	if (s->o->quiet || at >= s->n)
		return;
	if ((sport == 53 || dport == 53) && n > 14) {
		dns(s, at + 2, n - 2);
		return;
	}
	if (!http(s, at, n))
		tls(s, at, n);
}

bool
show_datagram(Show *s, u32 at, u32 n, u32 sport, u32 dport)
{
	if (sport == 53 || dport == 53 || sport == 5353 || dport == 5353 || sport == 5355 || dport == 5355)
		return dns(s, at, n);
	if ((sport == 67 || sport == 68) && (dport == 67 || dport == 68) && n > 236 && at < s->n) {
		buf_printf(s->out, " BOOTP/DHCP, %s, length %u", show_8(s, at) == 1 ? "request" : "reply", n);
		return true;
	}
	if (sport == 123 && dport == 123) {
		buf_printf(s->out, " NTP, length %u", n);
		return true;
	}
	return false;
}
