/* show_ip: the headers of IPv4 and IPv6. */
#include "filt/show.h"

static const ShowName protos[] = { { 0, "Options" }, { 1, "ICMP" }, { 2, "IGMP" }, { 4, "IPIP" }, { 6, "TCP" }, { 17, "UDP" }, { 33, "DCCP" },
	{ 41, "IPv6" }, { 43, "Routing" }, { 44, "Fragment" }, { 46, "RSVP" }, { 47, "GRE" }, { 50, "ESP" }, { 51, "AH" }, { 58, "ICMPv6" },
	{ 59, "no next header" }, { 60, "DSTOPT" }, { 88, "EIGRP" }, { 89, "OSPF" }, { 103, "PIM" }, { 108, "Compressed IP" }, { 112, "VRRP" },
	{ 132, "SCTP" }, { 0, NULL } };

const char *
show_proto_name(u32 proto)
{
	return show_name(protos, proto);
}

u32
show_sum(Show *s, u32 proto, u32 at, u32 len)
{
	u64 sum = proto + len;
	u32 n = s->v6 ? 16 : 4;

	if (proto) {
		for (u32 i = 0; i < n; i += 2)
			sum += show_16(s, s->src + i) + show_16(s, s->dst + i);
	} else {
		sum = 0;
	}
	for (u32 i = 0; i < len; i += 2)
		sum += i + 1 < len ? show_16(s, at + i) : show_8(s, at + i) << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return ~(u32)sum & 0xffff;
}

static void
ipv4_details(Show *s, u32 at, u32 head, u32 len)
{
	static const char *const ecn[] = { "", ",ECT(1)", ",ECT(0)", ",CE" };
	u32 frag = show_16(s, at + 6), proto = show_8(s, at + 9);
	const char *name = proto ? show_proto_name(proto) : NULL;

	buf_printf(s->out, "(tos 0x%x%s, ttl %u, id %u, offset %u, flags [%s]", show_8(s, at + 1), ecn[show_8(s, at + 1) & 3], show_8(s, at + 8),
		show_16(s, at + 4), (frag & 0x1fff) * 8, (frag & 0x6000) == 0x6000 ? "+, DF" : frag & 0x4000 ? "DF" : frag & 0x2000 ? "+" : "none");
	if (name)
		buf_printf(s->out, ", proto %s (%u), length %u", name, proto, len);
	else
		buf_printf(s->out, ", proto unknown (%u), length %u", proto, len);
	if (head > 20)
		buf_printf(s->out, ", options of %u bytes", head - 20);
	if (at + head <= s->n && show_sum(s, 0, at, head)) {
		u32 is = show_16(s, at + 10);

		buf_printf(s->out, ", bad cksum %x (->%x)!", is, (is + show_sum(s, 0, at, head)) % 0xffff);
	}
	buf_puts(s->out, ") ");
}

static void
ipv4(Show *s, u32 at)
{
	u32 head, len, frag, proto;

	if (!s->o->link)
		buf_puts(s->out, "IP ");
	if (!show_need(s, at, 20))
		return;
	head = (show_8(s, at) & 0xf) * 4;
	len = show_16(s, at + 2);
	if (!len)
		len = s->len - MIN(at, s->len);
	frag = show_16(s, at + 6);
	proto = show_8(s, at + 9);
	if (head < 20 || len < head) {
		buf_printf(s->out, head < 20 ? "bad-hlen %u" : "bad-len %u", head < 20 ? head : len);
		return;
	}
	if (s->o->verbose)
		ipv4_details(s, at, head, len);
	if (at + len > s->len)
		buf_printf(s->out, "truncated-ip - %u bytes missing! ", at + len - s->len);
	s->v6 = false;
	s->said = false;
	s->src = at + 12;
	s->dst = at + 16;
	s->fragment = frag & 0x3fff;
	if (frag & 0x1fff) {
		show_ends(s, at, NULL);
		buf_printf(s->out, " ip-proto-%u, fragment at %u, length %u", proto, (frag & 0x1fff) * 8, len - head);
		return;
	}
	show_transport(s, proto, at + head, len - head);
}

static bool
extension(u32 next)
{
	return next == 0 || next == 43 || next == 44 || next == 60;
}

static void
ipv6(Show *s, u32 at)
{
	u32 next, here = at + 40, len, v;
	const char *name;

	if (!s->o->link)
		buf_puts(s->out, "IP6 ");
	if (!show_need(s, at, 40))
		return;
	v = show_32(s, at);
	next = show_8(s, at + 6);
	len = show_16(s, at + 4);
	name = show_proto_name(next);
	if (s->o->verbose) {
		buf_putc(s->out, '(');
		if (v >> 20 & 0xff)
			buf_printf(s->out, "class 0x%02x, ", v >> 20 & 0xff);
		if (v & 0xfffff)
			buf_printf(s->out, "flowlabel 0x%05x, ", v & 0xfffff);
		buf_printf(s->out, "hlim %u, next-header %s (%u) payload length: %u) ", show_8(s, at + 7), name ? name : "unknown", next, len);
	}
	s->v6 = true;
	s->src = at + 8;
	s->dst = at + 24;
	s->said = false;
	s->fragment = 0;
	if (extension(next)) {
		show_ends(s, at, NULL);
		s->said = true;
	}
	for (u32 i = 0; i < 16 && extension(next); i++) {
		u32 n;

		if (!show_need(s, here, 8))
			return;
		n = next == 44 ? 8 : (show_8(s, here + 1) + 1) * 8;
		if (next == 44) {
			u32 frag = show_16(s, here + 2);

			s->fragment = frag & 0xfff9;
			buf_printf(s->out, " frag (%u|%u)", frag & 0xfff8, len > 8 ? len - 8 : 0);
			if (frag & 0xfff8)
				return;
		} else if (next == 43) {
			buf_printf(s->out, " RT6 (type=%u, segleft=%u)", show_8(s, here + 2), show_8(s, here + 3));
		} else {
			buf_puts(s->out, next ? " DSTOPT" : " HBH");
		}
		next = show_8(s, here);
		here += n;
		len = len > n ? len - n : 0;
	}
	show_transport(s, next, here, len);
}

void
show_ip(Show *s, u32 at)
{
	s->depth++;
	if (!show_need(s, at, 1))
		return;
	switch (show_8(s, at) >> 4) {
	case 4: ipv4(s, at); return;
	case 6: ipv6(s, at); return;
	}
	buf_printf(s->out, "IP%u (invalid), length %u", show_8(s, at) >> 4, s->len - MIN(at, s->len));
}
