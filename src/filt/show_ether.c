/* show_ether: what Ethernet carries: ARP, VLAN, MPLS, PPPoE, LLC and the small protocols of the link. */
#include "filt/show.h"

/* ---- types ---- */

static const ShowName types[] = { { 0x0800, "IPv4" }, { 0x0806, "ARP" }, { 0x6558, "TEB" }, { 0x8035, "Reverse ARP" }, { 0x8100, "802.1Q" },
	{ 0x86dd, "IPv6" }, { 0x8808, "MPCP" }, { 0x8809, "Slow Protocols" }, { 0x880b, "PPP" }, { 0x8847, "MPLS unicast" },
	{ 0x8848, "MPLS multicast" }, { 0x8863, "PPPoE D" }, { 0x8864, "PPPoE S" }, { 0x888e, "EAPOL" }, { 0x88a8, "802.1Q-QinQ" },
	{ 0x88cc, "LLDP" }, { 0x88f7, "PTP" }, { 0x9000, "Loopback" }, { 0x9100, "802.1Q-9100" }, { 0, NULL } };

void
show_type_name(Show *s, u32 type)
{
	const char *name = show_name(types, type);

	buf_printf(s->out, "ethertype %s (0x%04x)", name ? name : "Unknown", type);
}

static u32
left(const Show *s, u32 at)
{
	return s->len - MIN(at, s->len);
}

static void
arp(Show *s, u32 at)
{
	static const ShowName ops[] = { { 1, "Request" }, { 2, "Reply" }, { 3, "Reverse Request" }, { 4, "Reverse Reply" }, { 8, "Inverse Request" },
		{ 9, "Inverse Reply" }, { 0, NULL } };
	static const u8 none[6];
	const char *name;
	u32 op;

	if (!s->o->link)
		buf_puts(s->out, "ARP, ");
	if (!show_need(s, at, 28))
		return;
	op = show_16(s, at + 6);
	name = show_name(ops, op);
	if (name)
		buf_printf(s->out, "%s ", name);
	else
		buf_printf(s->out, "Unknown (%u) ", op);
	switch (op) {
	case 1:
		buf_puts(s->out, "who-has ");
		show_address(s, false, at + 24);
		if (memcmp(s->p + at + 18, none, 6)) {
			buf_puts(s->out, " (");
			show_mac(s, at + 18);
			buf_putc(s->out, ')');
		}
		buf_puts(s->out, " tell ");
		show_address(s, false, at + 14);
		break;
	case 2:
		show_address(s, false, at + 14);
		buf_puts(s->out, " is-at ");
		show_mac(s, at + 8);
		break;
	case 3: case 8:
		buf_puts(s->out, "who-is ");
		show_mac(s, at + 18);
		buf_puts(s->out, " tell ");
		show_mac(s, at + 8);
		break;
	case 4: case 9:
		show_mac(s, op == 4 ? at + 18 : at + 8);
		buf_puts(s->out, " at ");
		show_address(s, false, op == 4 ? at + 24 : at + 14);
		break;
	}
	buf_printf(s->out, ", length %u", left(s, at));
}

static void
mpls(Show *s, u32 at)
{
	u32 v = 0;

	buf_puts(s->out, "MPLS");
	for (; !(v & 0x100) && show_need(s, at, 4); at += 4) {
		v = show_32(s, at);
		buf_printf(s->out, " (label %u, tc %u, %sttl %u)", v >> 12, v >> 9 & 7, v & 0x100 ? "[S], " : "", v & 255);
	}
	buf_putc(s->out, ' ');
	if (!s->cut)
		show_ip(s, at);
}

/* ---- PPP ---- */

void
show_ppp(Show *s, u32 proto, u32 at)
{
	static const ShowName rows[] = { { 0x21, "IP" }, { 0x57, "IP6" }, { 0x281, "MPLS" }, { 0x8021, "IPCP" }, { 0x8057, "IP6CP" }, { 0x80fd, "CCP" },
		{ 0xc021, "LCP" }, { 0xc023, "PAP" }, { 0xc025, "LQR" }, { 0xc223, "CHAP" }, { 0, NULL } };
	static const ShowName codes[] = { { 1, "Conf-Request" }, { 2, "Conf-Ack" }, { 3, "Conf-Nack" }, { 4, "Conf-Reject" }, { 5, "Term-Request" },
		{ 6, "Term-Ack" }, { 7, "Code-Reject" }, { 8, "Prot-Reject" }, { 9, "Echo-Request" }, { 10, "Echo-Reply" },
		{ 11, "Discard-Request" }, { 0, NULL } };
	const char *name = show_name(rows, proto), *code;
	u32 len = left(s, at) + (at > 14 ? 2 : 4);

	if (s->o->link)
		buf_printf(s->out, "%s (0x%04x), length %u: ", name ? name : "unknown", proto, len);
	if (proto == 0x21 || proto == 0x57)
		show_ip(s, at);
	else if (proto == 0x281)
		mpls(s, at);
	else if (name && (proto == 0xc021 || proto >> 8 == 0x80) && show_need(s, at, 4)) {
		code = show_name(codes, show_8(s, at));
		buf_printf(s->out, "%s, %s (0x%02x), id %u, length %u", name, code ? code : "Unknown", show_8(s, at), show_8(s, at + 1), len);
	} else if (name)
		buf_printf(s->out, "%s, length %u", name, len);
	else
		buf_printf(s->out, "unknown PPP protocol (0x%04x), length %u", proto, len);
}

static void
pppoe(Show *s, u32 at)
{
	static const ShowName codes[] = { { 0x09, "PADI" }, { 0x07, "PADO" }, { 0x19, "PADR" }, { 0x65, "PADS" }, { 0xa7, "PADT" }, { 0, "" }, { 0, NULL } };
	static const ShowName tags[] = { { 0x0000, "EOL" }, { 0x0101, "Service-Name" }, { 0x0102, "AC-Name" }, { 0x0103, "Host-Uniq" },
		{ 0x0104, "AC-Cookie" }, { 0x0105, "Vendor-Specific" }, { 0x0110, "Relay-Session-ID" }, { 0x0120, "PPP-Max-Payload" },
		{ 0x0201, "Service-Name-Error" }, { 0x0202, "AC-System-Error" }, { 0x0203, "Generic-Error" }, { 0, NULL } };
	const char *name;
	u32 end;

	buf_puts(s->out, "PPPoE ");
	if (!show_need(s, at, 6))
		return;
	name = show_name(codes, show_8(s, at + 1));
	buf_puts(s->out, name ? name : "?");
	if (show_16(s, at + 2))
		buf_printf(s->out, " [ses 0x%x]", show_16(s, at + 2));
	if (!show_8(s, at + 1) && show_need(s, at, 8)) {
		buf_putc(s->out, ' ');
		show_ppp(s, show_16(s, at + 6), at + 8);
		return;
	}
	end = MIN(at + 6 + show_16(s, at + 4), s->n);
	for (at += 6; !s->cut && at + 4 <= end && show_16(s, at); at += 4 + show_16(s, at + 2)) {
		u32 n = MIN(show_16(s, at + 2), end - at - 4);
		bool text = n;

		name = show_name(tags, show_16(s, at));
		buf_printf(s->out, " [%s", name ? name : "TAG");
		for (u32 i = 0; i < n; i++)
			text &= s->p[at + 4 + i] >= 32 && s->p[at + 4 + i] < 127;
		if (text) {
			buf_puts(s->out, " \"");
			show_text(s, at + 4, n);
			buf_putc(s->out, '"');
		} else if (n) {
			buf_puts(s->out, " 0x");
			for (u32 i = 0; i < MIN(n, 16u); i++)
				buf_printf(s->out, "%02x", s->p[at + 4 + i]);
		}
		buf_putc(s->out, ']');
	}
}

/* ---- LLC ---- */

static void
stp(Show *s, u32 at, u32 len)
{
	static const char *const bits[] = { "Topology change", "Proposal", NULL, NULL, "Learn", "Forward", "Agreement", "Topology change ACK" };
	bool first = true;
	u32 version, type, flags;

	if (!show_need(s, at, 4))
		return;
	version = show_8(s, at + 2);
	type = show_8(s, at + 3);
	buf_puts(s->out, version == 0 ? "STP 802.1d" : version == 2 ? "STP 802.1w" : version == 3 ? "STP 802.1s" : "STP");
	if (type == 0x80) {
		buf_printf(s->out, ", Topology Change, length %u", len);
		return;
	}
	if (!show_need(s, at, 27))
		return;
	flags = show_8(s, at + 4);
	buf_printf(s->out, ", %s, Flags [", type == 2 ? "Rapid STP" : "Config");
	for (u32 i = 0; i < 8; i++)
		if (flags >> i & 1 && bits[i]) {
			buf_printf(s->out, "%s%s", first ? "" : ", ", bits[i]);
			first = false;
		}
	buf_printf(s->out, "%s], bridge-id %04x.", first ? "none" : "", show_16(s, at + 17));
	show_mac(s, at + 19);
	buf_printf(s->out, ".%04x, length %u", show_16(s, at + 25), len);
}

static const ShowName saps[] = { { 0x00, "Null" }, { 0x04, "SNA" }, { 0x06, "IP" }, { 0x42, "STP" }, { 0xaa, "SNAP" }, { 0xe0, "IPX" },
	{ 0xf0, "NetBeui" }, { 0xfe, "OSI" }, { 0xff, "Global" }, { 0, NULL } };

static void
llc_control(Show *s, u32 at, u32 len)
{
	static const ShowName frames[] = { { 0x03, "ui" }, { 0x63, "ua" }, { 0x43, "disc" }, { 0x0f, "dm" }, { 0x6f, "sabme" }, { 0xe3, "test" },
		{ 0xaf, "xid" }, { 0x87, "frmr" }, { 0, NULL } };
	static const char *const sup[] = { "Receiver Ready", "Receiver not Ready", "Reject", "?" };
	u32 c = show_8(s, at + 2);
	bool response = show_8(s, at + 1) & 1, bit;
	const char *name;

	if ((c & 3) == 3) {
		name = show_name(frames, c & 0xef);
		bit = c & 0x10;
		buf_printf(s->out, "Unnumbered, %s", name ? name : "?");
	} else if (show_need(s, at, 4)) {
		bit = show_8(s, at + 3) & 1;
		if (c & 1)
			buf_printf(s->out, "Supervisory, %s, rcv seq %u", sup[c >> 2 & 3], show_8(s, at + 3) >> 1);
		else
			buf_printf(s->out, "Information, send seq %u, rcv seq %u", c >> 1, show_8(s, at + 3) >> 1);
	} else {
		return;
	}
	buf_printf(s->out, ", Flags [%s], length %u", bit ? response ? "Final" : "Poll" : response ? "Response" : "Command", len);
}

void
show_llc(Show *s, u32 at, u32 len)
{
	const char *name, *source;
	u32 dsap;

	if (!show_need(s, at, 3))
		return;
	dsap = show_8(s, at);
	name = show_name(saps, dsap & 0xfe);
	source = show_name(saps, show_8(s, at + 1) & 0xfe);
	name = name ? name : "Unknown";
	if (s->o->link)
		buf_printf(s->out, "LLC, dsap %s (0x%02x) %s, ssap %s (0x%02x) %s, ctrl 0x%02x: ", name, dsap & 0xfe, dsap & 1 ? "Group" : "Individual",
			source ? source : "Unknown", show_8(s, at + 1) & 0xfe, show_8(s, at + 1) & 1 ? "Response" : "Command", show_8(s, at + 2));
	if (dsap == 0xaa && show_need(s, at, 8)) {
		u32 oui = show_24(s, at + 3), type = show_16(s, at + 6);

		if (!oui) {
			if (s->o->link) {
				buf_puts(s->out, "oui Ethernet (0x000000), ");
				show_type_name(s, type);
				buf_printf(s->out, ", length %u: ", len > 8 ? len - 8 : 0);
			}
			show_ether_type(s, type, at + 8);
		} else if (oui == 0x0c && type == 0x2000 && show_need(s, at, 10))
			buf_printf(s->out, "CDPv%u, ttl: %us, length %u", show_8(s, at + 8), show_8(s, at + 9), len);
		else
			buf_printf(s->out, "SNAP oui 0x%06x, pid 0x%04x, length %u", oui, type, len);
	} else if (dsap == 0x42 && show_8(s, at + 2) == 3)
		stp(s, at + 3, len > 3 ? len - 3 : 0);
	else if (dsap == 0xfe && show_8(s, at + 2) == 3 && show_need(s, at, 4)) {
		static const ShowName nlpids[] = { { 0x81, "CLNP" }, { 0x82, "ES-IS" }, { 0x83, "IS-IS" }, { 0, NULL } };

		name = show_name(nlpids, show_8(s, at + 3));
		buf_printf(s->out, "%s, length %u", name ? name : "ISO", len > 3 ? len - 3 : 0);
	} else {
		if (!s->o->link)
			buf_printf(s->out, "%s ", name);
		llc_control(s, at, len);
	}
}

/* ---- small ones ---- */

static void
eapol(Show *s, u32 at)
{
	static const char *const kinds[] = { "EAP packet", "EAPOL start", "EAPOL logoff", "EAPOL key", "EAPOL encapsulated ASF alert" };

	if (show_need(s, at, 4)) {
		u32 type = show_8(s, at + 1);

		buf_printf(s->out, "%s (%u) v%u, len %u", type < COUNT(kinds) ? kinds[type] : "EAPOL", type, show_8(s, at), show_16(s, at + 2));
	}
}

static void
lldp(Show *s, u32 at)
{
	u32 len = left(s, at);

	buf_printf(s->out, "LLDP, length %u", len);
	for (u32 n; at + 2 <= s->n && show_16(s, at); at += 2 + n) {
		n = show_16(s, at) & 0x1ff;
		if (show_16(s, at) >> 9 == 5) {
			buf_puts(s->out, ": ");
			show_text(s, at + 2, n);
		}
	}
}

/* Types of which the name and the length say enough. */
static void
other(Show *s, u32 type, u32 at)
{
	const char *name = show_name(types, type);

	if (type == 0x8809 && at + 2 <= s->n)
		name = show_8(s, at) == 1 ? "LACPv1" : show_8(s, at) == 2 ? "MARKERv1" : name;
	if (type == 0x8808 && at + 2 <= s->n && show_16(s, at) == 1)
		name = "MPCP, Opcode Pause";
	if (name)
		buf_puts(s->out, name);
	else if (!s->o->link)
		show_type_name(s, type);
	buf_printf(s->out, "%slength %u", name || !s->o->link ? ", " : "", left(s, at));
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
	case 0x0806: case 0x8035: arp(s, at); return;
	case 0x8100: case 0x88a8: case 0x9100:
		if (show_need(s, at, 4)) {
			buf_printf(s->out, "vlan %u, p %u%s, ", show_16(s, at) & 0xfff, show_16(s, at) >> 13, show_16(s, at) & 0x1000 ? ", DEI" : "");
			if (s->o->link && show_16(s, at + 2) > 1500) {
				show_type_name(s, show_16(s, at + 2));
				buf_puts(s->out, ", ");
			}
			show_ether_type(s, show_16(s, at + 2), at + 4);
		}
		return;
	case 0x8847: case 0x8848: mpls(s, at); return;
	case 0x8863: case 0x8864: pppoe(s, at); return;
	case 0x88cc: lldp(s, at); return;
	case 0x888e: eapol(s, at); return;
	case 0x6558: show_ether(s, at); return;
	}
	if (type <= 1500)
		show_llc(s, at, type);
	else
		other(s, type, at);
}

void
show_ether(Show *s, u32 at)
{
	u32 type;

	if (!show_need(s, at, 14))
		return;
	type = show_16(s, at + 12);
	if (s->o->link) {
		show_mac(s, at + 6);
		buf_puts(s->out, " > ");
		show_mac(s, at);
		buf_puts(s->out, ", ");
		if (type > 1500)
			show_type_name(s, type);
		else
			buf_puts(s->out, "802.3");
		buf_printf(s->out, ", length %u: ", type > 1500 ? left(s, at) : type);
	}
	show_ether_type(s, type, at + 14);
}
