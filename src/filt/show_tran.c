/* show_tran: what IP carries: TCP, UDP, SCTP, tunnels. TCP's numbers count from the connection's first ones. */
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
		buf_puts(s->out, e->s_name);
	else
		buf_printf(s->out, "%u", v);
}

void
show_ends(Show *s, u32 at, const char *proto)
{
	if (s->said && !proto)
		return;
	for (u32 i = 0; i < 2; i++) {
		buf_puts(s->out, i ? " > " : s->said ? " " : "");
		if (!s->said)
			show_address(s, s->v6, i ? s->dst : s->src);
		if (proto) {
			buf_puts(s->out, s->said ? "" : ".");
			port(s, show_16(s, at + 2 * i), proto);
		}
	}
	buf_putc(s->out, ':');
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
	else if (kind == 34 && n >= 2)
		buf_puts(s->out, n == 2 ? "tfo  cookiereq" : "tfo");
	else if (kind == 30)
		buf_printf(s->out, "mptcp %u", n);
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
	if (s->o->verbose && !s->fragment && at + len <= s->n && len >= 20) {
		u32 is = show_16(s, at + 16), wrong = show_sum(s, 6, at, len);

		if (wrong)
			buf_printf(s->out, ", cksum 0x%04x (incorrect -> 0x%04x)", is, (is + wrong) % 0xffff);
		else
			buf_printf(s->out, ", cksum 0x%04x (correct)", is);
	}
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

static bool
in_udp(Show *s, u32 at, u32 dport)
{
	if (s->depth >= SHOW_DEPTH || at + 8 > s->n)
		return false;
	if (dport == 4789 || dport == 8472) {
		u32 flags = show_8(s, at);

		buf_printf(s->out, " VXLAN, flags [%s] (0x%02x), vni %u: ", flags & 8 ? "I" : ".", flags, show_24(s, at + 4));
		show_ether(s, at + 8);
		return true;
	}
	if (dport == 6081 && !(show_8(s, at) >> 6)) {
		u32 more = (show_8(s, at) & 0x3f) * 4, flags = show_8(s, at + 1), type = show_16(s, at + 2);

		buf_printf(s->out, " Geneve, Flags [%s%s%s], vni 0x%x", flags & 0x80 ? "O" : "", flags & 0x40 ? "C" : "", flags & 0xc0 ? "" : "none",
			show_24(s, at + 4));
		if (s->o->link) {
			const char *name = type == 0x6558 ? "TEB" : type == 0x800 ? "IPv4" : type == 0x86dd ? "IPv6" : "unknown";

			buf_printf(s->out, ", proto %s (0x%04x)", name, type);
		}
		if (more)
			buf_printf(s->out, ", options [%u bytes]", more);
		buf_puts(s->out, ": ");
		show_ether_type(s, type, at + 8 + more);
		return true;
	}
	return false;
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
	show_ends(s, at, "udp");
	if (s->o->verbose && show_16(s, at + 6) && !s->fragment && at + 8 + n <= s->n) {
		u32 is = show_16(s, at + 6), wrong = show_sum(s, 17, at, n + 8);

		if (wrong)
			buf_printf(s->out, " [bad udp cksum 0x%04x -> 0x%04x!]", is, (is + wrong) % 0xffff);
		else
			buf_puts(s->out, " [udp sum ok]");
	}
	if (!s->o->quiet && (in_udp(s, at + 8, dport) || show_datagram(s, at + 8, n, sport, dport)))
		return;
	buf_printf(s->out, " UDP, length %u", n);
}

/* ---- others ---- */

static void
gre(Show *s, u32 at, u32 len)
{
	u32 flags, type, n = 4;

	if (!show_need(s, at, 4) || s->depth >= SHOW_DEPTH)
		return;
	show_ends(s, at, NULL);
	flags = show_16(s, at);
	type = show_16(s, at + 2);
	buf_printf(s->out, " GREv%u", flags & 7);
	if (flags & 7) {
		if (show_need(s, at, 8))
			buf_printf(s->out, ", call %u, length %u", show_16(s, at + 6), len);
		return;
	}
	n += flags & 0xc000 ? 4 : 0;
	if (flags & 0x2000 && show_need(s, at + n, 4)) {
		buf_printf(s->out, ", key=0x%x", show_32(s, at + n));
		n += 4;
	}
	if (flags & 0x1000 && show_need(s, at + n, 4)) {
		buf_printf(s->out, ", seq %u", show_32(s, at + n));
		n += 4;
	}
	if (s->o->link) {
		const char *name = type == 0x6558 ? "TEB" : type == 0x800 ? "IPv4" : type == 0x86dd ? "IPv6" : "unknown";

		buf_printf(s->out, ", proto %s (0x%04x)", name, type);
	}
	buf_printf(s->out, ", length %u: ", len);
	show_ether_type(s, type, at + n);
}

static void
sctp(Show *s, u32 at, u32 len)
{
	static const ShowName chunks[] = { { 0, "DATA" }, { 1, "INIT" }, { 2, "INIT ACK" }, { 3, "SACK" }, { 4, "HB REQ" }, { 5, "HB ACK" }, { 6, "ABORT" },
		{ 7, "SHUTDOWN" }, { 8, "SHUTDOWN ACK" }, { 9, "OP ERR" }, { 10, "COOKIE ECHO" }, { 11, "COOKIE ACK" }, { 14, "SHUTDOWN COMPLETE" },
		{ 0, NULL } };
	u32 end = MIN(at + len, s->n), n;

	if (!show_need(s, at, 12))
		return;
	show_ends(s, at, "sctp");
	buf_puts(s->out, " sctp");
	at += 12;
	for (u32 i = 1; i < 10 && at + 4 <= end && (n = show_16(s, at + 2)) >= 4; i++, at += ALIGN(n, 4u)) {
		const char *name = show_name(chunks, show_8(s, at));

		buf_printf(s->out, " (%u) [%s]", i, name ? name : "?");
		if (show_8(s, at) == 0 && at + 16 <= end)
			buf_printf(s->out, " [TSN: %u] [SID: %u] [SSEQ %u] [PPID 0x%x]", show_32(s, at + 4), show_16(s, at + 8), show_16(s, at + 10),
				show_32(s, at + 12));
		else if ((show_8(s, at) == 1 || show_8(s, at) == 2) && at + 20 <= end)
			buf_printf(s->out, " [init tag: %u] [rwnd: %u] [OS: %u] [MIS: %u] [init TSN: %u]", show_32(s, at + 4), show_32(s, at + 8),
				show_16(s, at + 12), show_16(s, at + 14), show_32(s, at + 16));
		else if (show_8(s, at) == 3 && at + 16 <= end)
			buf_printf(s->out, " [cum ack %u] [a_rwnd %u] [#gap acks %u] [#dup tsns %u]", show_32(s, at + 4), show_32(s, at + 8),
				show_16(s, at + 12), show_16(s, at + 14));
	}
}

static void
ah(Show *s, u32 at, u32 len)
{
	u32 n;

	if (!show_need(s, at, 12))
		return;
	n = (show_8(s, at + 1) + 2) * 4;
	show_ends(s, at, NULL);
	buf_printf(s->out, " AH(spi=0x%08x,seq=0x%x", show_32(s, at + 4), show_32(s, at + 8));
	if (n > 12 && n <= 64 && show_need(s, at, n)) {
		buf_puts(s->out, ",icv=0x");
		for (u32 i = 12; i < n; i++)
			buf_printf(s->out, "%02x", show_8(s, at + i));
	}
	buf_puts(s->out, "):");
	s->said = true;
	if (++s->depth < SHOW_DEPTH)
		show_transport(s, show_8(s, at), at + n, len > n ? len - n : 0);
}

/* Routing protocols and the like: the name of the message. */
static bool
message(Show *s, u32 proto, u32 at, u32 len)
{
	static const ShowName ospf[] = { { 1, "Hello" }, { 2, "Database Description" }, { 3, "LS-Request" }, { 4, "LS-Update" }, { 5, "LS-Ack" },
		{ 0, NULL } };
	static const ShowName pim[] = { { 0, "Hello" }, { 1, "Register" }, { 2, "Register-Stop" }, { 3, "Join / Prune" }, { 4, "Bootstrap" },
		{ 5, "Assert" }, { 6, "Graft" }, { 7, "Graft-ACK" }, { 8, "Candidate RP Advertisement" }, { 0, NULL } };
	const char *name;

	if (at + 8 > s->n || len < 8)
		return false;
	switch (proto) {
	case 50:
		buf_printf(s->out, " ESP(spi=0x%08x,seq=0x%x), length %u", show_32(s, at), show_32(s, at + 4), len);
		return true;
	case 89:
		name = show_name(ospf, show_8(s, at + 1));
		buf_printf(s->out, " OSPFv%u, %s, length %u", show_8(s, at), name ? name : "unknown", len);
		return true;
	case 103:
		name = show_name(pim, show_8(s, at) & 15);
		buf_printf(s->out, " PIMv%u, %s, length %u", show_8(s, at) >> 4, name ? name : "unknown", len);
		return true;
	case 112:
		buf_printf(s->out, " VRRPv%u, Advertisement, vrid %u, prio %u, length %u", show_8(s, at) >> 4, show_8(s, at + 1), show_8(s, at + 2), len);
		return true;
	}
	return false;
}

void
show_transport(Show *s, u32 proto, u32 at, u32 len)
{
	const char *name = show_proto_name(proto);

	if (name && proto && proto != 59 && at + 8 > s->n) {
		show_ends(s, at, NULL);
		show_need(s, at, 8);
		return;
	}
	switch (proto) {
	case 6: tcp(s, at, len); return;
	case 17: udp(s, at, len); return;
	case 1: show_icmp(s, at, len); return;
	case 2: show_igmp(s, at, len); return;
	case 58: show_icmp6(s, at, len); return;
	case 47: gre(s, at, len); return;
	case 51: ah(s, at, len); return;
	case 132: sctp(s, at, len); return;
	case 4: case 41:
		if (s->depth < SHOW_DEPTH) {
			show_ends(s, at, NULL);
			buf_putc(s->out, ' ');
			show_ip(s, at);
			return;
		}
	}
	show_ends(s, at, NULL);
	if (message(s, proto, at, len))
		return;
	if (proto && name)
		buf_printf(s->out, " %s, length %u", name, len);
	else
		buf_printf(s->out, " ip-proto-%u, length %u", proto, len);
}
