/* show_icmp: ICMP, ICMPv6 and IGMP. */
#include "filt/show.h"

/* An ICMP error about the packet whose IPv4 header is at `at`. */
static void
unreachable(Show *s, u32 code, u32 at)
{
	static const struct { u8 code; const char *before, *after; } rows[] = { { 0, "net ", "" }, { 1, "host ", "" }, { 6, "net ", " - unknown" },
		{ 7, "host ", " - unknown" }, { 8, "", " - source host isolated" }, { 9, "net ", " - admin prohibited" }, { 10, "host ", " - admin prohibited" },
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
	else if (code == 5)
		buf_puts(s->out, " unreachable - source route failed");
	else
		buf_printf(s->out, " unreachable - #%u", code);
}

/* false: less than `need` bytes are there, which has been said. */
static bool
head(Show *s, u32 at, u32 need, const char *words, u32 *type, u32 *code)
{
	if (!show_need(s, at, need))
		return false;
	show_ends(s, at, NULL);
	*type = show_8(s, at);
	*code = show_8(s, at + 1);
	buf_puts(s->out, words);
	return true;
}

void
show_icmp(Show *s, u32 at, u32 len)
{
	static const ShowName times[] = { { 13, "time stamp query" }, { 14, "time stamp reply" }, { 0, NULL } };
	static const ShowName plain[] = { { 4, "source quench" }, { 10, "router solicitation" }, { 15, "information request" },
		{ 16, "information reply" }, { 17, "address mask request" }, { 18, "address mask reply" }, { 0, NULL } };
	u32 type, code;

	if (!head(s, at, 8, " ICMP ", &type, &code))
		return;
	if (type == 0 || type == 8)
		buf_printf(s->out, "echo %s, id %u, seq %u", type ? "request" : "reply", show_16(s, at + 4), show_16(s, at + 6));
	else if (type == 3)
		unreachable(s, code, at + 8);
	else if (type == 5 && show_need(s, at + 8, 20)) {
		static const char *const to[] = { "net", "host", "tos-net", "tos-host" };

		buf_puts(s->out, "redirect ");
		show_address(s, false, at + 24);
		buf_printf(s->out, " to %s ", to[code & 3]);
		show_address(s, false, at + 4);
	} else if (type == 9)
		buf_printf(s->out, "router advertisement lifetime %u, %u addresses", show_16(s, at + 6), show_8(s, at + 4));
	else if (type == 11)
		buf_puts(s->out, code ? "ip reassembly time exceeded" : "time exceeded in-transit");
	else if (type == 12)
		buf_printf(s->out, code ? "parameter problem - code %u" : "parameter problem - octet %u", code ? code : show_8(s, at + 4));
	else if (show_name(times, type))
		buf_printf(s->out, "%s id %u seq %u", show_name(times, type), show_16(s, at + 4), show_16(s, at + 6));
	else if (show_name(plain, type))
		buf_puts(s->out, show_name(plain, type));
	else
		buf_printf(s->out, "type-#%u", type);
	buf_printf(s->out, ", length %u", len);
	if (s->o->verbose && !s->fragment && at + len <= s->n && show_sum(s, 0, at, len)) {
		u32 is = show_16(s, at + 2);

		buf_printf(s->out, " (wrong icmp cksum %x (->%x)!)", is, (is + show_sum(s, 0, at, len)) % 0xffff);
	}
}

/* ---- ICMPv6 ---- */

static void
unreachable6(Show *s, u32 code, u32 at)
{
	static const ShowName rows[] = { { 0, "unreachable route" }, { 1, "unreachable prohibited" }, { 2, "beyond scope" }, { 3, "unreachable address" },
		{ 4, "unreachable port," }, { 5, "failed ingress/egress policy," }, { 6, "reject route" }, { 0, NULL } };
	const char *name = show_name(rows, code);
	u32 next = at + 40, proto;

	buf_puts(s->out, "destination unreachable");
	if (!name || !show_need(s, at, 40)) {
		buf_printf(s->out, ", unknown code (%u)", code);
		return;
	}
	buf_printf(s->out, ", %s ", name);
	show_address(s, true, at + 24);
	proto = show_8(s, at + 6);
	if (code == 4 && (proto == 6 || proto == 17) && show_need(s, next, 4))
		buf_printf(s->out, " %s port %u", proto == 6 ? "tcp" : "udp", show_16(s, next + 2));
}

static void
problem6(Show *s, u32 code, u32 at)
{
	static const char *const what[] = { "erroneous - octet", "next header - octet", "option - octet", "incomplete header chain - octet" };

	if (code < COUNT(what) && show_need(s, at, 8))
		buf_printf(s->out, "parameter problem, %s %u", what[code], show_32(s, at + 4));
	else
		buf_printf(s->out, "parameter problem, code #%u", code);
}

static void
listeners(Show *s, u32 type, u32 at)
{
	static const char *const names[] = { "query", "report", "done" };

	buf_printf(s->out, "multicast listener %s", names[type - 130]);
	if (show_need(s, at, 24)) {
		buf_printf(s->out, "max resp delay: %u addr: ", show_16(s, at + 4));
		show_address(s, true, at + 8);
	}
}

void
show_icmp6(Show *s, u32 at, u32 len)
{
	u32 type, code;

	if (!head(s, at, 4, " ICMP6, ", &type, &code))
		return;
	switch (type) {
	case 1: unreachable6(s, code, at + 8); break;
	case 2: buf_printf(s->out, "packet too big, mtu %u", show_need(s, at, 8) ? show_32(s, at + 4) : 0); break;
	case 3:
		buf_puts(s->out, code ? "ip reassembly time exceeded" : "time exceeded in-transit");
		if (!code && show_need(s, at + 8, 40)) {
			buf_puts(s->out, " for ");
			show_address(s, true, at + 32);
		}
		break;
	case 4: problem6(s, code, at); break;
	case 128: case 129:
		if (show_need(s, at, 8))
			buf_printf(s->out, "echo %s, id %u, seq %u", type == 128 ? "request" : "reply", show_16(s, at + 4), show_16(s, at + 6));
		break;
	case 130: case 131: case 132: listeners(s, type, at); break;
	case 133: buf_puts(s->out, "router solicitation"); break;
	case 134: buf_puts(s->out, "router advertisement"); break;
	case 135: case 136:
		buf_puts(s->out, type == 135 ? "neighbor solicitation, who has " : "neighbor advertisement, tgt is ");
		if (show_need(s, at, 24))
			show_address(s, true, at + 8);
		break;
	case 137:
		buf_puts(s->out, "redirect, ");
		if (show_need(s, at, 40)) {
			show_address(s, true, at + 24);
			buf_puts(s->out, " to ");
			show_address(s, true, at + 8);
		}
		break;
	case 143: buf_printf(s->out, "multicast listener report v2, %u group record(s)", show_need(s, at, 8) ? show_16(s, at + 6) : 0); break;
	default: buf_printf(s->out, "type-#%u", type);
	}
	buf_printf(s->out, ", length %u", len);
	if (s->o->verbose && !s->fragment && at + len <= s->n && len >= 4) {
		u32 is = show_16(s, at + 2), wrong = show_sum(s, 58, at, len);

		if (wrong)
			buf_printf(s->out, " [bad icmp6 cksum 0x%04x -> 0x%04x!]", is, (is + wrong) % 0xffff);
		else
			buf_puts(s->out, " [icmp6 sum ok]");
	}
}

/* ---- IGMP ---- */

void
show_igmp(Show *s, u32 at, u32 len)
{
	u32 type;

	if (!show_need(s, at, 8))
		return;
	show_ends(s, at, NULL);
	type = show_8(s, at);
	buf_puts(s->out, s->o->quiet ? " igmp" : " igmp ");
	if (s->o->quiet)
		return;
	switch (type) {
	case 0x11:
		buf_printf(s->out, "query v%u", len >= 12 ? 3 : show_8(s, at + 1) ? 2 : 1);
		if (show_32(s, at + 4)) {
			buf_puts(s->out, " [gaddr ");
			show_address(s, false, at + 4);
			buf_putc(s->out, ']');
		}
		break;
	case 0x12: case 0x16: case 0x17:
		buf_puts(s->out, type == 0x12 ? "v1 report " : type == 0x16 ? "v2 report " : "leave ");
		show_address(s, false, at + 4);
		break;
	case 0x22: buf_printf(s->out, "v3 report, %u group record(s)", show_16(s, at + 6)); break;
	default: buf_printf(s->out, "[type 0x%x]", type);
	}
}
