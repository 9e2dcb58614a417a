/* show: one line for a packet, layer by layer, in the manner of tcpdump. Every byte is asked for before it is read;
 * what is missing is said to be "[cut]". Ethernet's types are in show_ether.c, IP in show_ip.c, what it carries in show_tran.c and
 * show_icmp.c, and what UDP and TCP carry in show_app.c and show_dns.c. */
#include "filt/show.h"

#include <ctype.h>
#include <stdio.h>

bool
show_need(Show *s, u32 at, u32 n)
{
	if ((u64)at + n <= s->n)
		return true;
	if (!s->cut)
		buf_puts(s->out, " [cut]");
	s->cut = true;
	return false;
}

static u32
get(Show *s, u32 at, u32 n)
{
	u32 v = 0;

	for (u32 i = 0; i < n; i++)
		v = v << 8 | s->p[at + i];
	return v;
}
u32 show_8(Show *s, u32 at) { return get(s, at, 1); }
u32 show_16(Show *s, u32 at) { return get(s, at, 2); }
u32 show_24(Show *s, u32 at) { return get(s, at, 3); }
u32 show_32(Show *s, u32 at) { return get(s, at, 4); }

/* Bytes as text: what cannot be printed becomes a dot. */
void
show_text(Show *s, u32 at, u32 n)
{
	for (u32 i = 0; i < n && at + i < s->n; i++)
		buf_putc(s->out, isprint(s->p[at + i]) ? (char)s->p[at + i] : '.');
}

void
show_mac(Show *s, u32 at)
{
	for (u32 i = 0; i < 6; i++)
		buf_printf(s->out, "%s%02x", i ? ":" : "", s->p[at + i]);
}

const char *
show_name(const ShowName *rows, u32 v)
{
	for (; rows->name; rows++)
		if (rows->v == v)
			return rows->name;
	return NULL;
}

/* ---- links ---- */

static void
cooked(Show *s, bool two)
{
	static const char *const kinds[] = { "In", "B", "M", "P", "Out" };
	u32 head = two ? 20 : 16, kind, n, type;
	const char *name;

	if (!show_need(s, 0, head))
		return;
	kind = two ? show_8(s, 10) : show_16(s, 0);
	n = two ? show_8(s, 11) : show_16(s, 4);
	type = show_16(s, two ? 0 : 14);
	name = kind < COUNT(kinds) ? kinds[kind] : "?";
	if (two) {
		char iface[32];

		if (!s->o->ifname || !s->o->ifname(show_32(s, 4), iface))
			snprintf(iface, sizeof(iface), "if%u", show_32(s, 4));
		buf_printf(s->out, "%-5s %-3s ", iface, name);
	}
	if (s->o->link) {
		if (two)
			buf_printf(s->out, "ifindex %u ", show_32(s, 4));
		else
			buf_printf(s->out, "%3s ", name);
		if (n == 6) {
			show_mac(s, two ? 12 : 6);
			buf_putc(s->out, ' ');
		}
		show_type_name(s, type);
		buf_printf(s->out, ", length %u: ", s->len);
	}
	show_ether_type(s, type, head);
}

static void
ppp_line(Show *s, bool hdlc)
{
	u32 proto;

	if (!show_need(s, 0, 4))
		return;
	proto = show_16(s, 2);
	if (!hdlc) {
		show_ppp(s, proto, 4);
		return;
	}
	if (s->o->link) {
		buf_printf(s->out, "%s, ", show_8(s, 0) == 0x0f ? "unicast" : show_8(s, 0) == 0x8f ? "bcast" : "HDLC");
		show_type_name(s, proto);
		buf_printf(s->out, ", length %u: ", s->len);
	}
	show_ether_type(s, proto, 4);
}

static void
null_line(Show *s)
{
	u32 af;

	if (!show_need(s, 0, 4))
		return;
	af = show_32(s, 0);
	af = af > 0xffff ? __builtin_bswap32(af) : af;
	if (s->o->link)
		buf_printf(s->out, "AF %s (%u), length %u: ", af == 2 ? "IPv4" : af == 10 || af == 24 || af == 28 || af == 30 ? "IPv6" : "Unknown",
			af, s->len);
	show_ip(s, 4);
}

static void
wlan(Show *s, u32 at)
{
	static const char *const mgmt[] = { "assoc request", "assoc response", "reassoc request", "reassoc response",
		"probe request", "probe response", "?", "?", "beacon", "atim", "disassoc", "auth", "deauth", "action", "?", "?" };
	u32 fc, head;

	if (!show_need(s, at, 2))
		return;
	fc = show_8(s, at);
	if ((fc & 0x0c) == 0) {
		buf_printf(s->out, "802.11 %s", mgmt[fc >> 4]);
	} else if ((fc & 0x0c) == 8) {
		head = at + (fc & 0x80 ? 26 : 24) + ((show_8(s, at + 1) & 3) == 3 ? 6 : 0);
		if (show_8(s, at + 1) & 0x40)
			buf_puts(s->out, "802.11 data, encrypted");
		else if (!(fc & 0x40)) {
			show_llc(s, head, s->len - MIN(head, s->len));
			return;
		} else
			buf_puts(s->out, "802.11 null");
	} else {
		buf_printf(s->out, "802.11 control 0x%x", fc >> 4);
	}
	buf_printf(s->out, ", length %u", s->len);
}

void
show_packet(const u8 *p, u32 caplen, u32 len, int linktype, const ShowOpts *o, Buf *out)
{
	Show s = { .p = p, .n = caplen, .len = len, .o = o, .out = out };

	switch (linktype) {
	case 1: show_ether(&s, 0); return;
	case 12: case 228: case 229:
		if (o->link)
			buf_puts(out, "ip: ");
		show_ip(&s, 0);
		return;
	case 113: cooked(&s, false); return;
	case 276: cooked(&s, true); return;
	case 0: case 108: null_line(&s); return;
	case 9: case 50: ppp_line(&s, false); return;
	case 104: ppp_line(&s, true); return;
	case 105: wlan(&s, 0); return;
	case 127:
		if (show_need(&s, 0, 4))
			wlan(&s, (u32)p[2] | (u32)p[3] << 8);
		return;
	}
	buf_printf(out, "link type %d, length %u", linktype, len);
}

static u32
ether_header(const u8 *p, u32 n)
{
	u32 at = 12;

	while (at + 2 <= n && ((p[at] == 0x81 && !p[at + 1]) || (p[at] == 0x88 && p[at + 1] == 0xa8) || (p[at] == 0x91 && !p[at + 1])))
		at += 4;
	if (at + 3 > n || (p[at] << 8 | p[at + 1]) > 1500)
		return at + 2;
	return at + 2 + (p[at + 2] == 0xaa ? 8 : 3);
}

u32
show_link_header(const u8 *p, u32 n, int linktype)
{
	switch (linktype) {
	case 1: return ether_header(p, n);
	case 113: return 16;
	case 276: return 20;
	case 0: case 108: case 9: case 50: case 104: return 4;
	}
	return 0;
}

/* form: 'x' hex, 'X' hex and text, 'A' text. */
void
show_bytes(const u8 *p, u32 n, int form, Buf *out)
{
	if (form == 'A') {
		for (u32 i = 0; i < n; i++)
			buf_putc(out, isprint(p[i]) || p[i] == '\n' || p[i] == '\t' ? (char)p[i] : '.');
		buf_putc(out, '\n');
		return;
	}
	for (u32 i = 0; i < n; i += 16) {
		buf_printf(out, "\t0x%04x: ", i);
		for (u32 j = 0; j < 16; j++)
			if (i + j < n)
				buf_printf(out, "%s%02x", j % 2 ? "" : " ", p[i + j]);
			else if (form == 'X')
				buf_puts(out, j % 2 ? "  " : "   ");
		if (form == 'X') {
			buf_puts(out, "  ");
			for (u32 j = 0; j < 16 && i + j < n; j++)
				buf_putc(out, p[i + j] > 32 && p[i + j] < 127 ? (char)p[i + j] : '.');
		}
		buf_putc(out, '\n');
	}
}
