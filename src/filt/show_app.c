/* show_app: what UDP and TCP carry, in a few words: TLS hellos, first lines of HTTP/1 and of other protocols in text, DHCP, NTP and the
 * like. DNS is in show_dns.c. */
#include "filt/show.h"

#include <ctype.h>

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

/* ---- lines of text ---- */

static bool
starts(Show *s, u32 at, u32 n, const char *word)
{
	u32 len = (u32)strlen(word);

	return n >= len && at + len <= s->n && !memcmp(s->p + at, word, len);
}

/* The first line, if it is text. */
static bool
line(Show *s, u32 at, u32 n, const char *name)
{
	u32 k = 0;

	while (k < n && k < 200 && at + k < s->n && s->p[at + k] != '\r' && s->p[at + k] != '\n')
		if (!isprint(s->p[at + k++]))
			return false;
	if (!k)
		return false;
	buf_printf(s->out, "%s: ", name);
	show_text(s, at, k);
	return true;
}

/* HTTP and what looks like it, on any port. */
static bool
http(Show *s, u32 at, u32 n)
{
	static const char *const words[] = { "GET ", "POST ", "PUT ", "HEAD ", "DELETE ", "OPTIONS ", "PATCH ", "CONNECT ",
		"TRACE ", "HTTP/1." };

	if (starts(s, at, n, "RTSP/1.") || (starts(s, at, n, "OPTIONS rtsp:") || starts(s, at, n, "DESCRIBE rtsp:")))
		return line(s, at, n, ": RTSP");
	for (size_t i = 0; i < COUNT(words); i++)
		if (starts(s, at, n, words[i]))
			return line(s, at, n, ": HTTP");
	return false;
}

void
show_stream(Show *s, u32 at, u32 n, u32 sport, u32 dport)
{
	static const ShowName texts[] = { { 21, ": FTP" }, { 22, ": SSH" }, { 25, ": SMTP" }, { 587, ": SMTP" }, { 0, NULL } };
	const char *text = show_name(texts, sport) ? show_name(texts, sport) : show_name(texts, dport);

	if (s->o->quiet || at >= s->n)
		return;
	if ((sport == 53 || dport == 53) && n > 14) {
		show_dns(s, at + 2, n - 2, false);
		return;
	}
	if (http(s, at, n) || tls(s, at, n))
		return;
	if (text)
		line(s, at, n, text);
	else if ((sport == 179 || dport == 179) && starts(s, at, n, "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"))
		buf_puts(s->out, ": BGP");
}

/* ---- datagrams ---- */

static void
dhcp(Show *s, u32 at, u32 n)
{
	static const u8 none[4];
	u32 op = show_8(s, at);

	buf_printf(s->out, " BOOTP/DHCP, %s", op == 1 ? "Request" : op == 2 ? "Reply" : "unknown");
	if (op == 1 && show_8(s, at + 1) == 1) {
		buf_puts(s->out, " from ");
		show_mac(s, at + 28);
	}
	buf_printf(s->out, ", length %u", n);
	if (!s->o->verbose)
		return;
	buf_printf(s->out, ", xid 0x%x", show_32(s, at + 4));
	for (u32 i = 0; i < 3; i++)
		if (memcmp(s->p + at + 12 + 4 * i, none, 4)) {
			buf_puts(s->out, i == 0 ? ", Client-IP " : i == 1 ? ", Your-IP " : ", Server-IP ");
			show_address(s, false, at + 12 + 4 * i);
		}
	for (u32 p = at + 240, k; p + 2 <= s->n && show_8(s, p) != 255; p += k) {
		static const char *const kinds[] = { "Discover", "Offer", "Request", "Decline", "ACK", "NACK", "Release", "Inform" };

		k = show_8(s, p) ? 2 + show_8(s, p + 1) : 1;
		if (show_8(s, p) == 53 && p + 3 <= s->n && show_8(s, p + 2) - 1 < COUNT(kinds))
			buf_printf(s->out, ", DHCP-Message: %s", kinds[show_8(s, p + 2) - 1]);
	}
}

static void
ntp(Show *s, u32 at, u32 n)
{
	static const char *const modes[] = { "unspecified", "symmetric active", "symmetric passive", "Client", "Server", "Broadcast",
		"Control Message", "Reserved" };

	buf_printf(s->out, " NTPv%u, %s, length %u", show_8(s, at) >> 3 & 7, modes[show_8(s, at) & 7], n);
}

static bool
syslog_line(Show *s, u32 at, u32 n)
{
	static const char *const from[] = { "kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron", "authpriv", "ftp", "ntp",
		"security", "console", "cron", "local0", "local1", "local2", "local3", "local4", "local5", "local6", "local7" };
	static const char *const how[] = { "emergency", "alert", "critical", "error", "warning", "notice", "info", "debug" };
	u32 v = 0, k = 1;

	if (!starts(s, at, n, "<"))
		return false;
	for (; k < 4 && k < n && at + k < s->n && isdigit(s->p[at + k]); k++)
		v = v * 10 + s->p[at + k] - '0';
	if (k == 1 || v / 8 >= COUNT(from) || at + k >= s->n || s->p[at + k] != '>')
		return false;
	buf_printf(s->out, " SYSLOG %s.%s, length: %u", from[v / 8], how[v % 8], n);
	if (s->o->verbose)
		line(s, at + k + 1, n - k - 1, ", Msg");
	return true;
}

static bool
tftp(Show *s, u32 at, u32 n)
{
	static const char *const ops[] = { NULL, "RRQ", "WRQ", "DATA", "ACK", "ERROR", "OACK" };
	u32 op = n >= 4 ? show_16(s, at) : 0;

	if (!op || op >= COUNT(ops))
		return false;
	buf_printf(s->out, " TFTP, length %u, %s", n, ops[op]);
	if (op < 3) {
		u32 k = 2, from = 2;

		for (; k < n && at + k < s->n && s->p[at + k]; k++)
			;
		buf_puts(s->out, " \"");
		show_text(s, at + from, k - from);
		buf_puts(s->out, "\" ");
		for (from = ++k; k < n && at + k < s->n && s->p[at + k]; k++)
			;
		show_text(s, at + from, k - from);
	} else if (op < 5) {
		buf_printf(s->out, " block %u", show_16(s, at + 2));
	}
	return true;
}

static bool
radius(Show *s, u32 at, u32 n)
{
	static const ShowName codes[] = { { 1, "Access-Request" }, { 2, "Access-Accept" }, { 3, "Access-Reject" }, { 4, "Accounting-Request" },
		{ 5, "Accounting-Response" }, { 11, "Access-Challenge" }, { 12, "Status-Server" }, { 40, "Disconnect-Request" },
		{ 41, "Disconnect-ACK" }, { 42, "Disconnect-NAK" }, { 43, "CoA-Request" }, { 44, "CoA-ACK" }, { 45, "CoA-NAK" }, { 0, NULL } };
	const char *name = show_name(codes, show_8(s, at));

	if (!name || n < 20)
		return false;
	buf_printf(s->out, " RADIUS, %s (%u), id: 0x%02x length: %u", name, show_8(s, at), show_8(s, at + 1), n);
	return true;
}

static bool
dhcp6(Show *s, u32 at)
{
	static const char *const kinds[] = { NULL, "solicit", "advertise", "request", "confirm", "renew", "rebind", "reply", "release", "decline",
		"reconf", "inf-req", "relay-fwd", "relay-reply" };
	u32 type = show_8(s, at);

	if (!type || type >= COUNT(kinds))
		return false;
	buf_printf(s->out, " dhcp6 %s", kinds[type]);
	return true;
}

static bool
rip(Show *s, u32 at, u32 n)
{
	u32 op = show_8(s, at), version = show_8(s, at + 1);

	if ((op != 1 && op != 2) || !version || version > 2)
		return false;
	buf_printf(s->out, " RIPv%u, %s, length: %u", version, op == 1 ? "Request" : "Response", n);
	return true;
}

static bool
bfd(Show *s, u32 at, u32 n)
{
	static const char *const states[] = { "AdminDown", "Down", "Init", "Up" };

	if (n < 24)
		return false;
	buf_printf(s->out, " BFDv%u, Control, State %s, length: %u", show_8(s, at) >> 5, states[show_8(s, at + 1) >> 6], n);
	return true;
}

static bool
isakmp(Show *s, u32 at, u32 n)
{
	static const ShowName exchanges[] = { { 1, "base" }, { 2, "ident" }, { 3, "auth" }, { 4, "agg" }, { 5, "inf" }, { 32, "oakley-quick" },
		{ 34, "ikev2_init" }, { 35, "ikev2_auth" }, { 36, "child_sa" }, { 37, "inf2" }, { 0, NULL } };
	const char *name;

	if (n < 28 || at + 28 > s->n)
		return false;
	name = show_name(exchanges, show_8(s, at + 18));
	if (show_8(s, at + 17) >> 4 > 1)
		buf_printf(s->out, " isakmp: %s %s[%s]", show_32(s, at + 20) ? "child_sa " : "parent_sa", name ? name : "?",
			show_8(s, at + 19) & 8 ? "I" : "R");
	else
		buf_printf(s->out, " isakmp: phase %u %s %s", show_32(s, at + 20) ? 2 : 1, show_32(s, at + 8) | show_32(s, at + 12) ? "R" : "I",
			name ? name : "?");
	return true;
}

static bool
nat_t(Show *s, u32 at, u32 n)
{
	if (n == 1 && show_8(s, at) == 0xff) {
		buf_puts(s->out, " isakmp-nat-keep-alive");
		return true;
	}
	if (n < 8)
		return false;
	if (show_32(s, at))
		buf_printf(s->out, " UDP-encap: ESP(spi=0x%08x,seq=0x%x), length %u", show_32(s, at), show_32(s, at + 4), n);
	else {
		buf_puts(s->out, " NONESP-encap:");
		if (!isakmp(s, at + 4, n - 4))
			buf_puts(s->out, " isakmp:");
	}
	return true;
}

bool
show_datagram(Show *s, u32 at, u32 n, u32 sport, u32 dport)
{
	bool multicast = sport == 5353 || dport == 5353;
	u32 here = at < s->n ? s->n - at : 0;

#define PORT(v) (sport == (v) || dport == (v))
	if (PORT(53) || multicast || PORT(5355))
		return show_dns(s, at, n, multicast);
	if ((PORT(67) || PORT(68)) && n >= 236 && here >= 236) {
		dhcp(s, at, n);
		return true;
	}
	if (here < MIN(n, 28u) || !n)
		return false;
	if (PORT(123) && n >= 48) {
		ntp(s, at, n);
		return true;
	}
	return (dport == 514 && syslog_line(s, at, n)) || (PORT(69) && tftp(s, at, n)) || ((PORT(1812) || PORT(1813) || PORT(3799)) && radius(s, at, n)) ||
		((PORT(546) || PORT(547)) && dhcp6(s, at)) || (PORT(520) && n >= 4 && rip(s, at, n)) || (dport == 3784 && bfd(s, at, n)) ||
		(PORT(5060) && line(s, at, n, " SIP")) || (PORT(500) && isakmp(s, at, n)) || (PORT(4500) && nat_t(s, at, n));
#undef PORT
}
