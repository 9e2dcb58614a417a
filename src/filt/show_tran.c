/* show_tran: what IP carries: TCP, UDP, ICMP, tunnels. TCP's numbers count from the connection's first ones. */
#include "filt/show.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>

/* ---- addresses and ports ---- */

void
show_address(Show *s, bool v6, u32 at)
{
	char text[NI_MAXHOST];
	struct sockaddr_storage ss = {0};

	if (!s->o->no_names) {
		ss.ss_family = v6 ? AF_INET6 : AF_INET;
		if (v6)
			memcpy(&((struct sockaddr_in6 *)&ss)->sin6_addr, s->p + at, 16);
		else
			memcpy(&((struct sockaddr_in *)&ss)->sin_addr, s->p + at, 4);
		if (!getnameinfo((struct sockaddr *)&ss, v6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in), text,
		    sizeof(text), NULL, 0, NI_NAMEREQD)) {
			buf_puts(s->out, text);
			return;
		}
	}
	inet_ntop(v6 ? AF_INET6 : AF_INET, s->p + at, text, sizeof(text));
	buf_puts(s->out, text);
}

static void
port(Show *s, u32 v, const char *proto)
{
	struct servent buf, *e = NULL;
	char text[1024];

	if (!s->o->no_names && !getservbyport_r(htons((u16)v), proto, &buf, text, sizeof(text), &e) && e)
		buf_printf(s->out, ".%s", e->s_name);
	else
		buf_printf(s->out, ".%u", v);
}

void
show_ends(Show *s, u32 at, const char *proto)
{
	show_address(s, s->v6, s->src);
	if (proto)
		port(s, show_16(s, at), proto);
	buf_puts(s->out, " > ");
	show_address(s, s->v6, s->dst);
	if (proto)
		port(s, show_16(s, at + 2), proto);
	buf_putc(s->out, ':');
	buf_puts(s->out, s->before);
}

/* ---- transport ---- */

/* The first sequence numbers of a connection; numbers are shown counted from there. lower: of the end that sorts first. */
typedef struct FlowKey { u8 addr[2][16]; u16 port[2]; u8 v6; } FlowKey;
typedef struct Flow { u32 lower, upper; } Flow;
struct ShowFlows { Arena *a; Map flow; };

ShowFlows *
show_flows_new(Arena *a)
{
	ShowFlows *f = NEW(a, ShowFlows);

	f->a = a;
	f->flow.arena = a;
	return f;
}

/* What to subtract from the sequence number and the acknowledgement. The packet the connection is first seen by, and one
 * with SYN, show numbers as they are. */
static void
bases(Show *s, u32 at, u32 flags, u32 *seq, u32 *ack)
{
	FlowKey k = { .v6 = s->v6 };
	u32 size = s->v6 ? 16 : 4, sport = show_16(s, at), dport = show_16(s, at + 2);
	bool back = sport > dport || (sport == dport && memcmp(s->p + s->src, s->p + s->dst, size) > 0), new;
	Flow *f;

	*seq = *ack = 0;
	if (!s->o->flows || !(flags & 16))
		return;
	memcpy(k.addr[back], s->p + s->src, size);
	memcpy(k.addr[!back], s->p + s->dst, size);
	k.port[back] = (u16)sport;
	k.port[!back] = (u16)dport;
	f = map_get(&s->o->flows->flow, (char *)&k, sizeof(k));
	new = !f;
	if (!f) {
		f = NEW(s->o->flows->a, Flow);
		map_set(&s->o->flows->flow, (char *)&k, sizeof(k), f);
	}
	if (new || flags & 2) {
		*(back ? &f->upper : &f->lower) = show_32(s, at + 4);
		*(back ? &f->lower : &f->upper) = show_32(s, at + 8) - 1;
		return;
	}
	*seq = back ? f->upper : f->lower;
	*ack = back ? f->lower : f->upper;
}

static void
sack(Show *s, u32 at, u32 n, u32 base)
{
	buf_printf(s->out, "sack %u ", n / 8);
	for (u32 i = 0; i + 8 <= n; i += 8)
		buf_printf(s->out, "{%u:%u}", show_32(s, at + i) - base, show_32(s, at + i + 4) - base);
}

static void
tcp_option(Show *s, u32 kind, u32 at, u32 n, u32 ack)
{
	if (kind == 2 && n == 4)
		buf_printf(s->out, "mss %u", show_16(s, at + 2));
	else if (kind == 3 && n == 3)
		buf_printf(s->out, "wscale %u", show_8(s, at + 2));
	else if (kind == 4 && n == 2)
		buf_puts(s->out, "sackOK");
	else if (kind == 5 && n % 8 == 2)
		sack(s, at + 2, n - 2, ack);
	else if (kind == 8 && n == 10)
		buf_printf(s->out, "TS val %u ecr %u", show_32(s, at + 2), show_32(s, at + 6));
	else
		buf_printf(s->out, "option-%u", kind);
}

static void
tcp_options(Show *s, u32 at, u32 end, u32 ack)
{
	bool first = true;

	buf_puts(s->out, ", options [");
	while (at < end && show_need(s, at, 1)) {
		u32 kind = show_8(s, at), n = 1;

		if (!first)
			buf_putc(s->out, ',');
		first = false;
		if (kind < 2)
			buf_puts(s->out, kind ? "nop" : "eol");
		else if (at + 2 > end || !show_need(s, at, 2) || (n = show_8(s, at + 1)) < 2 || at + n > end || !show_need(s, at, n))
			break;
		else
			tcp_option(s, kind, at, n, ack);
		if (!kind)
			break;
		at += n;
	}
	buf_putc(s->out, ']');
}

static void
tcp(Show *s, u32 at, u32 len)
{
	static const char letters[] = "FSRP.UEW";
	u32 flags, head, data, seq, ack;

	if (!show_need(s, at, 14))
		return;
	show_ends(s, at, "tcp");
	head = (show_8(s, at + 12) >> 4) * 4;
	data = len > head ? len - head : 0;
	if (s->o->quiet) {
		buf_printf(s->out, " tcp %u", data);
		return;
	}
	flags = show_8(s, at + 13);
	bases(s, at, flags, &seq, &ack);
	buf_puts(s->out, " Flags [");
	for (u32 i = 0; i < 8; i++)
		if (flags >> i & 1)
			buf_putc(s->out, letters[i]);
	buf_puts(s->out, flags ? "]" : "none]");
	if (head < 20)
		buf_printf(s->out, ", bad header length %u", head);
	if (data || flags & 7)
		buf_printf(s->out, data ? ", seq %u:%u" : ", seq %u", show_32(s, at + 4) - seq, show_32(s, at + 4) - seq + data);
	if (flags & 16)
		buf_printf(s->out, ", ack %u", show_32(s, at + 8) - ack);
	if (show_need(s, at, 20)) {
		buf_printf(s->out, ", win %u", show_16(s, at + 14));
		if (flags & 32)
			buf_printf(s->out, ", urg %u", show_16(s, at + 18));
	}
	if (head > 20)
		tcp_options(s, at + 20, at + head, ack);
	buf_printf(s->out, ", length %u", data);
	if (data && head >= 20)
		show_stream(s, at + head, data, show_16(s, at), show_16(s, at + 2));
}

static void
udp(Show *s, u32 at, u32 len)
{
	u32 n, sport, dport;

	if (!show_need(s, at, 8))
		return;
	sport = show_16(s, at);
	dport = show_16(s, at + 2);
	n = show_16(s, at + 4);
	n = n >= 8 ? n - 8 : len > 8 ? len - 8 : 0;
	if ((dport == 4789 || dport == 8472) && show_need(s, at + 8, 8) && s->depth < SHOW_DEPTH) {
		show_ends(s, at, "udp");
		buf_printf(s->out, " VXLAN, vni %u: ", show_32(s, at + 12) >> 8);
		show_ether(s, at + 16);
		return;
	}
	if (dport == 6081 && show_need(s, at + 8, 8) && s->depth < SHOW_DEPTH) {
		u32 inner = at + 16 + (show_8(s, at + 8) & 0x3f) * 4, type = show_16(s, at + 10);

		show_ends(s, at, "udp");
		buf_printf(s->out, " Geneve, vni 0x%x: ", show_32(s, at + 12) >> 8);
		if (type == 0x6558)
			show_ether(s, inner);
		else
			show_ether_type(s, type, inner);
		return;
	}
	show_ends(s, at, "udp");
	if (s->o->quiet || !show_datagram(s, at + 8, n, sport, dport))
		buf_printf(s->out, " UDP, length %u", n);
}

/* An ICMP error about the packet whose IPv4 header is at `at`. */
static void
unreachable(Show *s, u32 code, u32 at)
{
	static const struct { u8 code; const char *before, *after; } rows[] = { { 0, "net ", "" }, { 1, "host ", "" }, { 6, "net ", " - unknown" },
		{ 7, "host ", " - unknown" }, { 9, "net ", " - admin prohibited" }, { 10, "host ", " - admin prohibited" },
		{ 13, "host ", " - admin prohibited filter" } };
	u32 inner, proto;

	if (!show_need(s, at, 20))
		return;
	proto = show_8(s, at + 9);
	inner = at + (show_8(s, at) & 15) * 4;
	for (size_t i = 0; i < COUNT(rows); i++)
		if (rows[i].code == code) {
			buf_puts(s->out, rows[i].before);
			show_address(s, false, at + 16);
			buf_printf(s->out, " unreachable%s", rows[i].after);
			return;
		}
	show_address(s, false, at + 16);
	if (code == 2)
		buf_printf(s->out, " protocol %u unreachable", proto);
	else if (code == 3 && (proto == 6 || proto == 17) && show_need(s, inner, 4))
		buf_printf(s->out, " %s port %u unreachable", proto == 6 ? "tcp" : "udp", show_16(s, inner + 2));
	else if (code == 4)
		buf_printf(s->out, " unreachable - need to frag (mtu %u)", show_16(s, at - 2));
	else
		buf_printf(s->out, " unreachable, code %u", code);
}

static void
icmp(Show *s, u32 at, u32 len)
{
	u32 type, code;

	if (!show_need(s, at, 8))
		return;
	show_ends(s, at, NULL);
	type = show_8(s, at);
	code = show_8(s, at + 1);
	buf_puts(s->out, " ICMP ");
	if (type == 0 || type == 8)
		buf_printf(s->out, "echo %s, id %u, seq %u", type ? "request" : "reply", show_16(s, at + 4), show_16(s, at + 6));
	else if (type == 3)
		unreachable(s, code, at + 8);
	else if (type == 5 && show_need(s, at + 8, 20)) {
		buf_puts(s->out, "redirect ");
		show_address(s, false, at + 24);
		buf_printf(s->out, " to %s ", code == 0 || code == 2 ? "net" : "host");
		show_address(s, false, at + 4);
	} else if (type == 11)
		buf_puts(s->out, code ? "ip reassembly time exceeded" : "time exceeded in-transit");
	else
		buf_printf(s->out, "type %u, code %u", type, code);
	buf_printf(s->out, ", length %u", len);
}

static void
icmp6(Show *s, u32 at, u32 len)
{
	static const char *const nd[] = { "router solicitation", "router advertisement", "neighbor solicitation",
		"neighbor advertisement", "redirect" };
	u32 type;

	if (!show_need(s, at, 4))
		return;
	show_ends(s, at, NULL);
	type = show_8(s, at);
	buf_puts(s->out, " ICMP6, ");
	if ((type == 128 || type == 129) && show_need(s, at, 8))
		buf_printf(s->out, "echo %s, id %u, seq %u", type == 128 ? "request" : "reply", show_16(s, at + 4), show_16(s, at + 6));
	else if (type >= 133 && type <= 137) {
		buf_puts(s->out, nd[type - 133]);
		if ((type == 135 || type == 136) && show_need(s, at, 24)) {
			buf_puts(s->out, type == 135 ? ", who has " : ", target is ");
			show_address(s, true, at + 8);
		}
	} else if (type == 1)
		buf_puts(s->out, "destination unreachable");
	else if (type == 2)
		buf_puts(s->out, "packet too big");
	else if (type == 3)
		buf_puts(s->out, "time exceeded");
	else if (type == 143)
		buf_printf(s->out, "multicast listener report v2, %u group record(s)", show_need(s, at, 8) ? show_16(s, at + 6) : 0);
	else
		buf_printf(s->out, "type %u, code %u", type, show_8(s, at + 1));
	buf_printf(s->out, ", length %u", len);
}

static void
gre(Show *s, u32 at)
{
	u32 flags, type, n = 4;

	if (!show_need(s, at, 4) || s->depth >= SHOW_DEPTH)
		return;
	show_ends(s, at, NULL);
	flags = show_16(s, at);
	type = show_16(s, at + 2);
	n += (flags & 0xc000 ? 4 : 0) + (flags & 0x2000 ? 4 : 0) + (flags & 0x1000 ? 4 : 0);
	buf_puts(s->out, " GRE: ");
	if (type == 0x6558)
		show_ether(s, at + n);
	else
		show_ether_type(s, type, at + n);
}

void
show_transport(Show *s, u32 proto, u32 at, u32 len)
{
	static const struct { u8 v; const char *name; } rows[] = { { 2, "igmp" }, { 50, "ESP" }, { 51, "AH" }, { 88, "EIGRP" },
		{ 89, "OSPF" }, { 103, "PIM" }, { 112, "VRRP" }, { 132, "sctp" }, { 59, "no next header" } };

	switch (proto) {
	case 6: tcp(s, at, len); return;
	case 17: udp(s, at, len); return;
	case 1: icmp(s, at, len); return;
	case 58: icmp6(s, at, len); return;
	case 47: gre(s, at); return;
	case 4: case 41:
		if (s->depth < SHOW_DEPTH) {
			show_ends(s, at, NULL);
			buf_putc(s->out, ' ');
			show_ip(s, at);
			return;
		}
	}
	show_ends(s, at, proto == 132 && s->n >= at + 4 ? "sctp" : NULL);
	for (size_t i = 0; i < COUNT(rows); i++)
		if (rows[i].v == proto) {
			buf_printf(s->out, " %s, length %u", rows[i].name, len);
			return;
		}
	buf_printf(s->out, " ip-proto-%u, length %u", proto, len);
}
