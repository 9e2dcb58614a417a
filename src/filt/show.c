/* show: one line for a packet, layer by layer, in the manner of tcpdump. Every byte is asked for before it is read;
 * what is missing is said to be "[cut]". What is inside of IP is in show_tran.c, of UDP and TCP in show_app.c. */
#include "filt/show.h"

#include <ctype.h>

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

static u32 get(Show *s, u32 at, u32 n)
{
	u32 v = 0;

	for (u32 i = 0; i < n; i++)
		v = v << 8 | s->p[at + i];
	return v;
}
u32 show_8(Show *s, u32 at) { return get(s, at, 1); }
u32 show_16(Show *s, u32 at) { return get(s, at, 2); }
u32 show_32(Show *s, u32 at) { return get(s, at, 4); }

/* Bytes as text: what cannot be printed becomes a dot. */
void
show_text(Show *s, u32 at, u32 n)
{
	for (u32 i = 0; i < n && at + i < s->n; i++)
		buf_putc(s->out, isprint(s->p[at + i]) ? (char)s->p[at + i] : '.');
}

static void
mac(Show *s, u32 at)
{
	for (u32 i = 0; i < 6; i++)
		buf_printf(s->out, "%s%02x", i ? ":" : "", s->p[at + i]);
}

/* ---- network ---- */

static void
ipv4(Show *s, u32 at)
{
	u32 head, len, frag;

	buf_puts(s->out, "IP ");
	if (!show_need(s, at, 20))
		return;
	head = (show_8(s, at) & 0xf) * 4;
	len = show_16(s, at + 2);
	if (!len)
		len = s->n - at;
	frag = show_16(s, at + 6);
	if (head < 20 || len < head) {
		buf_printf(s->out, "bad header length %u of %u", head, len);
		return;
	}
	if (s->o->verbose)
		buf_printf(s->out, "(tos 0x%x, ttl %u, id %u, offset %u, flags [%s], length %u) ", show_8(s, at + 1), show_8(s, at + 8),
			show_16(s, at + 4), (frag & 0x1fff) * 8, frag & 0x4000 ? "DF" : frag & 0x2000 ? "+" : "none", len);
	s->v6 = false;
	s->before = "";
	s->src = at + 12;
	s->dst = at + 16;
	if (frag & 0x1fff) {
		show_ends(s, at, NULL);
		buf_printf(s->out, " ip-proto-%u, fragment at %u, length %u", show_8(s, at + 9), (frag & 0x1fff) * 8, len - head);
		return;
	}
	show_transport(s, show_8(s, at + 9), at + head, len - head);
}

static void
ipv6(Show *s, u32 at)
{
	u32 next, here = at + 40, len;

	buf_puts(s->out, "IP6 ");
	if (!show_need(s, at, 40))
		return;
	next = show_8(s, at + 6);
	len = show_16(s, at + 4);
	if (s->o->verbose)
		buf_printf(s->out, "(hlim %u, next-header %u, payload length %u) ", show_8(s, at + 7), next, len);
	s->v6 = true;
	s->src = at + 8;
	s->dst = at + 24;
	s->before = "";
	for (u32 i = 0; i < 16 && (next == 0 || next == 43 || next == 60 || next == 44); i++) {
		u32 n;

		if (!show_need(s, here, 8))
			return;
		if (next == 44 && show_16(s, here + 2) & 0xfff8) {
			show_ends(s, here, NULL);
			buf_printf(s->out, " fragment at %u, length %u", show_16(s, here + 2) & 0xfff8, len);
			return;
		}
		n = next == 44 ? 8 : (show_8(s, here + 1) + 1) * 8;
		s->before = next == 0 ? " HBH" : next == 60 ? " DSTOPT" : s->before;
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
	buf_printf(s->out, "IP version %u, length %u", show_8(s, at) >> 4, s->len - MIN(at, s->len));
}

static void
arp(Show *s, u32 at, const char *name)
{
	u32 op;

	buf_printf(s->out, "%s, ", name);
	if (!show_need(s, at, 28))
		return;
	op = show_16(s, at + 6);
	if (op == 1) {
		buf_puts(s->out, "Request who-has ");
		show_address(s, false, at + 24);
		buf_puts(s->out, " tell ");
		show_address(s, false, at + 14);
	} else if (op == 2) {
		buf_puts(s->out, "Reply ");
		show_address(s, false, at + 14);
		buf_puts(s->out, " is-at ");
		mac(s, at + 8);
	} else {
		buf_printf(s->out, "operation %u", op);
	}
	buf_printf(s->out, ", length %u", s->len - MIN(at, s->len));
}

static void
llc(Show *s, u32 at)
{
	if (!show_need(s, at, 3))
		return;
	if (show_8(s, at) == 0xaa && show_need(s, at, 8)) {
		if (!show_16(s, at + 3) && !show_8(s, at + 5)) {
			show_ether_type(s, show_16(s, at + 6), at + 8);
			return;
		}
		buf_printf(s->out, "SNAP oui 0x%06x, type 0x%04x", get(s, at + 3, 3), show_16(s, at + 6));
	} else if (show_8(s, at) == 0x42) {
		buf_puts(s->out, "STP 802.1d");
	} else if (show_8(s, at) == 0xfe) {
		buf_puts(s->out, "ISO");
	} else {
		buf_printf(s->out, "LLC dsap 0x%02x, ssap 0x%02x, control 0x%02x", show_8(s, at), show_8(s, at + 1), show_8(s, at + 2));
	}
	buf_printf(s->out, ", length %u", s->len - MIN(at, s->len));
}

void
show_ether_type(Show *s, u32 type, u32 at)
{
	if (++s->depth > SHOW_DEPTH * 2) {
		buf_puts(s->out, "[nested too deep]");
		return;
	}
	switch (type) {
	case 0x0800: case 0x86dd: show_ip(s, at); return;
	case 0x0806: arp(s, at, "ARP"); return;
	case 0x8035: arp(s, at, "RARP"); return;
	case 0x8100: case 0x88a8: case 0x9100:
		if (show_need(s, at, 4)) {
			buf_printf(s->out, "vlan %u, p %u, ", show_16(s, at) & 0xfff, show_16(s, at) >> 13);
			show_ether_type(s, show_16(s, at + 2), at + 4);
		}
		return;
	case 0x8847:
		for (; show_need(s, at, 4); at += 4) {
			u32 v = show_32(s, at);

			buf_printf(s->out, "MPLS label %u, ttl %u, ", v >> 12, v & 255);
			if (v & 0x100) {
				show_ip(s, at + 4);
				return;
			}
		}
		return;
	case 0x8863: case 0x8864:
		if (show_need(s, at, 8)) {
			buf_printf(s->out, "PPPoE %s, session %u", type == 0x8863 ? "discovery" : "session", show_16(s, at + 2));
			if (type == 0x8864) {
				u32 proto = show_16(s, at + 6);

				buf_puts(s->out, ", ");
				if (proto == 0x21 || proto == 0x57)
					show_ip(s, at + 8);
				else
					buf_printf(s->out, "PPP 0x%04x", proto);
			}
		}
		return;
	case 0x88cc: buf_puts(s->out, "LLDP"); break;
	default:
		if (type <= 1500) {
			llc(s, at);
			return;
		}
		buf_printf(s->out, "ethertype 0x%04x", type);
	}
	buf_printf(s->out, ", length %u", s->len - MIN(at, s->len));
}

void
show_ether(Show *s, u32 at)
{
	if (!show_need(s, at, 14))
		return;
	show_ether_type(s, show_16(s, at + 12), at + 14);
}

/* ---- links ---- */

static void
ether_line(Show *s)
{
	if (s->o->link && show_need(s, 0, 14)) {
		mac(s, 6);
		buf_puts(s->out, " > ");
		mac(s, 0);
		buf_printf(s->out, ", type 0x%04x, length %u: ", show_16(s, 12), s->len);
	}
	show_ether(s, 0);
}

static void
cooked(Show *s, bool two)
{
	static const char *const kinds[] = { "In ", "B ", "M ", "P ", "Out " };
	u32 head = two ? 20 : 16, kind, n;

	if (!show_need(s, 0, head))
		return;
	kind = two ? show_8(s, 10) : show_16(s, 0);
	n = two ? show_8(s, 11) : show_16(s, 4);
	if (two && s->o->link)
		buf_printf(s->out, "ifindex %u ", show_32(s, 4));
	buf_puts(s->out, kind < COUNT(kinds) ? kinds[kind] : "? ");
	if (s->o->link && n == 6) {
		mac(s, two ? 12 : 6);
		buf_puts(s->out, " ");
	}
	show_ether_type(s, show_16(s, two ? 0 : 14), head);
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
			llc(s, head);
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
	Show s = { .p = p, .n = caplen, .len = len, .o = o, .out = out, .before = "" };
	u32 af;

	switch (linktype) {
	case 1: ether_line(&s); return;
	case 12: case 228: case 229: show_ip(&s, 0); return;
	case 113: cooked(&s, false); return;
	case 276: cooked(&s, true); return;
	case 0: case 108:
		if (show_need(&s, 0, 4)) {
			af = show_32(&s, 0);
			if (o->link)
				buf_printf(out, "AF %u, length %u: ", af > 0xffff ? __builtin_bswap32(af) : af, len);
			show_ip(&s, 4);
		}
		return;
	case 9: case 50: case 104:
		if (show_need(&s, 0, 4)) {
			u32 proto = show_16(&s, 2);

			if (linktype == 104)
				show_ether_type(&s, proto, 4);
			else if (proto == 0x21 || proto == 0x57)
				show_ip(&s, 4);
			else
				buf_printf(out, "PPP 0x%04x, length %u", proto, len);
		}
		return;
	case 105: wlan(&s, 0); return;
	case 127:
		if (show_need(&s, 0, 4))
			wlan(&s, (u32)p[2] | (u32)p[3] << 8);
		return;
	}
	buf_printf(out, "link type %d, length %u", linktype, len);
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
