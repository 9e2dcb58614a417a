/* show_dns: messages of DNS, mDNS and LLMNR, as tcpdump words them: a question with its name, answers with what they say. */
#include "filt/show.h"

#include <arpa/inet.h>

/* Prints a name at `at` of the message at `base`; gives the offset behind it, 0 if it is broken. Pointers only go back. */
static u32
name(Show *s, u32 base, u32 at)
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

/* A name that is not shown. */
static u32
skip_name(Show *s, u32 base, u32 at)
{
	size_t mark = s->out->n;
	u32 p = name(s, base, at);

	s->out->n = mark;
	if (s->out->p)
		s->out->p[mark] = 0;
	return p;
}

static void
type_name(Show *s, u32 v)
{
	static const ShowName rows[] = { { 1, "A" }, { 2, "NS" }, { 5, "CNAME" }, { 6, "SOA" }, { 10, "NULL" }, { 12, "PTR" }, { 13, "HINFO" }, { 15, "MX" },
		{ 16, "TXT" }, { 24, "SIG" }, { 25, "KEY" }, { 28, "AAAA" }, { 29, "LOC" }, { 33, "SRV" }, { 35, "NAPTR" }, { 37, "CERT" },
		{ 39, "DNAME" }, { 41, "OPT" }, { 43, "DS" }, { 44, "SSHFP" }, { 46, "RRSIG" }, { 47, "NSEC" }, { 48, "DNSKEY" }, { 50, "NSEC3" },
		{ 52, "TLSA" }, { 64, "SVCB" }, { 65, "HTTPS" }, { 99, "SPF" }, { 250, "TSIG" }, { 251, "IXFR" }, { 252, "AXFR" }, { 255, "ANY" },
		{ 257, "CAA" }, { 0, NULL } };
	const char *text = show_name(rows, v);

	if (text)
		buf_printf(s->out, " %s", text);
	else
		buf_printf(s->out, " Type%u", v);
}

static void
class_name(Show *s, u32 v)
{
	static const ShowName rows[] = { { 1, "" }, { 2, " CSNET" }, { 3, " CHAOS" }, { 4, " HS" }, { 254, " NONE" }, { 255, " ANY" }, { 0, NULL } };
	const char *text = show_name(rows, v);

	if (text)
		buf_puts(s->out, text);
	else
		buf_printf(s->out, " Class %u", v);
}

static u32
question(Show *s, u32 base, u32 p, bool multicast)
{
	u32 after = skip_name(s, base, p), class;

	if (!after || (u64)after + 4 > s->n) {
		show_need(s, s->n, 1);
		return 0;
	}
	class = show_16(s, after + 2);
	type_name(s, show_16(s, after));
	class_name(s, multicast ? class & 0x7fff : class);
	if (multicast)
		buf_puts(s->out, class & 0x8000 ? " (QU)" : " (QM)");
	buf_puts(s->out, "? ");
	name(s, base, p);
	return after + 4;
}

static void
strings(Show *s, u32 at, u32 end)
{
	for (u32 n; at < end; at += 1 + n) {
		n = MIN(show_8(s, at), end - at - 1);
		buf_puts(s->out, " \"");
		show_text(s, at + 1, n);
		buf_putc(s->out, '"');
	}
}

static void
data(Show *s, u32 base, u32 type, u32 class, u32 ttl, u32 at, u32 n)
{
	char text[INET6_ADDRSTRLEN];

	switch (type) {
	case 1: case 28:
		if (n == (type == 1 ? 4u : 16u))
			buf_printf(s->out, " %s", inet_ntop(type == 1 ? AF_INET : AF_INET6, s->p + at, text, sizeof(text)));
		break;
	case 2: case 5: case 12: case 39:
		buf_putc(s->out, ' ');
		name(s, base, at);
		break;
	case 6:
		if (s->o->verbose) {
			u32 p = (buf_putc(s->out, ' '), name(s, base, at));

			buf_putc(s->out, ' ');
			p = p ? name(s, base, p) : 0;
			for (u32 i = 0; p && i < 5 && p + 4 <= s->n; i++, p += 4)
				buf_printf(s->out, " %u", show_32(s, p));
		}
		break;
	case 15:
		if (n > 2) {
			buf_putc(s->out, ' ');
			name(s, base, at + 2);
			buf_printf(s->out, " %u", show_16(s, at));
		}
		break;
	case 16: case 99: strings(s, at, at + n); break;
	case 33:
		if (n > 6) {
			buf_putc(s->out, ' ');
			name(s, base, at + 6);
			buf_printf(s->out, ":%u %u %u", show_16(s, at + 4), show_16(s, at), show_16(s, at + 2));
		}
		break;
	case 41:
		buf_printf(s->out, " UDPsize=%u%s", class, ttl & 0x8000 ? " DO" : "");
		break;
	}
}

/* The offset behind it, 0 if it is not all there. */
static u32
record(Show *s, u32 base, u32 p, bool multicast)
{
	u32 type, class, n;

	if (s->o->verbose > 2) {
		buf_putc(s->out, ' ');
		p = name(s, base, p);
	} else {
		p = skip_name(s, base, p);
	}
	if (!p || (u64)p + 10 > s->n || (u64)p + 10 + show_16(s, p + 8) > s->n) {
		show_need(s, s->n, 1);
		return 0;
	}
	type = show_16(s, p);
	class = show_16(s, p + 2);
	n = show_16(s, p + 8);
	if (type != 41 && multicast && class & 0x8000)
		buf_puts(s->out, " (Cache flush)");
	if (s->o->verbose && type != 41)
		buf_printf(s->out, " [%us]", show_32(s, p + 4));
	type_name(s, type);
	if (type != 41)
		class_name(s, multicast ? class & 0x7fff : class);
	data(s, base, type, class, show_32(s, p + 4), p + 10, n);
	return p + 10 + n;
}

static u32
records(Show *s, u32 base, u32 p, u32 count, const char *title, bool multicast)
{
	if (count && p)
		buf_puts(s->out, title);
	for (u32 i = 0; i < count && p; i++) {
		if (i)
			buf_putc(s->out, ',');
		p = record(s, base, p, multicast);
	}
	return p;
}

static const char *
response_code(u32 v)
{
	static const char *const codes[] = { "", " FormErr", " ServFail", " NXDomain", " NotImp", " Refused", " YXDomain", " YXRRSet", " NXRRSet",
		" NotAuth", " NotZone" };

	return v < COUNT(codes) ? codes[v] : " Resp?";
}

bool
show_dns(Show *s, u32 at, u32 n, bool multicast)
{
	static const char *const ops[] = { "", " inv_q", " stat", " op3", " notify", " update" };
	u32 flags, count[4], p = at + 12, i;
	const char *op;

	if (n < 12) {
		buf_printf(s->out, " domain [length %u < 12] (invalid)", n);
		return true;
	}
	if (!show_need(s, at, 12))
		return true;
	flags = show_16(s, at + 2);
	for (i = 0; i < 4; i++)
		count[i] = show_16(s, at + 4 + 2 * i);
	op = (flags >> 11 & 15) < COUNT(ops) ? ops[flags >> 11 & 15] : " op?";
	if (flags & 0x8000) {
		buf_printf(s->out, " %u%s%s%s%s%s%s", show_16(s, at), op, response_code(flags & 15), flags & 0x400 ? "*" : "",
			flags & 0x80 ? "" : "-", flags & 0x200 ? "|" : "", flags & 0x20 ? "$" : "");
		if (count[0] != 1)
			buf_printf(s->out, " [%uq]", count[0]);
		for (i = 0; i < count[0] && p; i++) {
			u32 after;

			if (s->o->verbose > 1) {
				buf_puts(s->out, i ? "," : " q:");
				p = question(s, at, p, multicast);
				continue;
			}
			after = skip_name(s, at, p);
			p = after && after + 4 <= s->n ? after + 4 : 0;
		}
		buf_printf(s->out, " %u/%u/%u", count[1], count[2], count[3]);
		p = records(s, at, p, count[1], "", multicast);
		if (s->o->verbose > 1) {
			p = records(s, at, p, count[2], " ns:", multicast);
			records(s, at, p, count[3], " ar:", multicast);
		}
	} else {
		static const char *const what[] = { "q", "a", "n", "au" };

		buf_printf(s->out, " %u%s%s%s", show_16(s, at), op, flags & 0x100 ? "+" : "", flags & 0x10 ? "%" : "");
		if (flags & 0x6cf)
			buf_printf(s->out, " [b2&3=0x%x]", flags);
		for (i = 0; i < 4; i++)
			if (count[i] != (i ? 0 : 1))
				buf_printf(s->out, " [%u%s]", count[i], what[i]);
		for (i = 0; i < count[0] && p; i++) {
			if (i)
				buf_putc(s->out, ',');
			p = question(s, at, p, multicast);
		}
	}
	buf_printf(s->out, " (%u)", n);
	return true;
}
