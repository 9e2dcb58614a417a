/* Expressions made at random; included by diff.c. Both compilers must agree on whether one is valid, and on every packet. */

static char text[4096];

static void __attribute__((format(printf, 1, 2)))
say(const char *fmt, ...)
{
	size_t n = strlen(text);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text + n, sizeof(text) - n, fmt, ap);
	va_end(ap);
}

#define ONE_OF(...) pick((const char *const[]){ __VA_ARGS__ }, sizeof((const char *const[]){ __VA_ARGS__ }) / sizeof(char *))

static const char *
pick(const char *const *list, size_t n)
{
	return list[rnd((u32)n)];
}

#define SAY_ONE(...) say("%s", ONE_OF(__VA_ARGS__))

/* ---- the grammar of pcap-filter(7), a function for each of its parts ---- */

static const char *const words[] = {
#define WORD(text, kind, value) text,
#include "filt/words.def"
#undef WORD
	"(", ")", "[", "]", "!", "&&", "||", "=", "==", "!=", "<", ">", "<=", ">=", "+", "-", "*", "/", "%", "&", "|", "^", "<<", ">>", ":",
	"10.0.0.1", "10", "1", "0", "80", "0x10", "010", "::1", "2001:db8::/32", "00:11:22:33:44:55", "$1a", "\\tcp", "\\ip", "http",
	"localhost", "1.2", "10.0.0.0/8", "1-2", "data", "mgt", "beacon", "ui", "rr", "pass", "match", ",", "\"", "'", "@", "#", ".", "\\",
};

static void
number(void)
{
	switch (rnd(8)) {
	case 0: say("0x%x", rnd(3) ? rnd(300) : rnd(0x7fffffff)); break;
	case 1: say("0%o", rnd(300)); break;
	case 2: say("%u", 0xffffffffu - rnd(3)); break;
	case 3: say("%u", rnd(0x7fffffff)); break;
	default: say("%u", rnd(300));
	}
}

static const char *
v4(void)
{
	return ONE_OF("10.0.0.1", "10.0.0.2", "192.168.1.1", "10.0.0.3", "0.0.0.0", "255.255.255.255", "10.0.0.1", "1.2.3.4", "localhost");
}

static const char *
v6(void)
{
	return ONE_OF("::1", "2001:db8::1", "fe80::1", "::", "::ffff:10.0.0.1", "2001:db8:1:2:3:4:5:6", "fe80::a00:20ff:fe7c:e23b", "1::");
}

static const char *
mac(void)
{
	return ONE_OF("00:11:22:33:44:55", "ff:ff:ff:ff:ff:ff", "0:1:2:3:4:5", "00-11-22-33-44-55", "00.11.22.33.44.55", "0011.2233.4455",
		"001122334455", "aa:bb:cc:dd:ee:ff");
}

static const char *
net(void)
{
	return ONE_OF("10.0.0.0/8", "192.168.0.0/16", "10", "172.16", "10.0.0.0/30", "0.0.0.0/0", "10.0.0.0 mask 255.0.0.0",
		"10.0.0.0 mask 255.0.255.0", "10.1.2", "10.0.0.1/32", "10.0.0.1", "loopback", "10.0/16", "10/8", "172.16 mask 255.240",
		"2001:db8::/32", "2001:db8::/33", "fe80::/10", "::/0", "2001:db8::/97", "2001:db8::1/128", "::1", "2001:db8::/64", "128.0.0.0/1",
		"10.0.0.0/31", "10.1.0.0/15", "10.0.0.0/33", "10.0.0.1/8", "::/129", "link-local", "default");
}

static const char *
port(void)
{
	static char n[16];

	if (!rnd(6))
		return ONE_OF("http", "domain", "ssh", "https", "ftp-data", "snmp", "tftp", "syslog", "ntp", "bootps", "www");
	snprintf(n, sizeof(n), "%u", !rnd(4) ? rnd(66000) : rnd(2) ? 80 : rnd(100));
	return n;
}

static const char *
portrange(void)
{
	static char n[40];

	if (!rnd(10))
		return ONE_OF("ftp-ssh", "http-https", "ssh-http", "22-http", "domain", "80", "7-7-7", "ftp-data-http", "1-", "100-50");
	snprintf(n, sizeof(n), "%u-%u", rnd(100), rnd(3) ? rnd(9000) : rnd(70000));
	return n;
}

static const char *
proto_id(void)
{
	static char n[16];

	if (rnd(2))
		return ONE_OF("\\tcp", "\\udp", "\\icmp", "ospf", "\\ip", "\\arp", "\\ip6", "\\rarp", "\\iso", "\\stp", "\\ipx", "\\netbeui", "\\atalk",
			"\\aarp", "\\lat", "\\sca", "\\moprc", "\\mopdl", "\\decnet", "loopback", "\\esp", "\\ah", "\\clnp", "\\esis", "\\isis", "egp",
			"\\sctp", "\\pim", "\\vrrp", "\\igmp", "ipv6-icmp", "hopopt", "tcp", "\\l1", "egp");
	snprintf(n, sizeof(n), rnd(3) ? "%u" : "0x%x", rnd(4) ? rnd(140) : rnd(2) ? rnd(70000) : 0x800);
	return n;
}

/* A qualifier's id, or and-ed, or-ed, negated ids in parentheses. */
static void
ids(const char *(*one)(void), u32 depth)
{
	if (depth && !rnd(8)) {
		SAY_ONE("(", "( ", "not (", "! (");
		ids(one, depth - 1);
		for (u32 n = rnd(4); n; n--) {
			SAY_ONE(" or ", " or ", " and ", " || ", " and not ", " or not ");
			ids(one, 0);
		}
		say(")");
		return;
	}
	if (!rnd(15))
		SAY_ONE("not ", "!");
	say("%s", one());
}

/* Ids that inherit the qualifiers before them. */
static void
more_ids(const char *(*one)(void))
{
	for (u32 n = rnd(6) ? 0 : 1 + rnd(3); n; n--) {
		SAY_ONE(" or ", " or ", " and ", " or not ");
		ids(one, 1);
	}
}

static const char *
any_id(void)
{
	switch (rnd(8)) {
	case 0: return v4();
	case 1: return v6();
	case 2: return mac();
	case 3: return net();
	case 4: return port();
	case 5: return portrange();
	case 6: return proto_id();
	}
	return ONE_OF("$1a", "$f", "1.2", "5", "localhost", "http");
}

static const char *
proto_word(void)
{
	return ONE_OF("ip", "ip6", "arp", "rarp", "tcp", "udp", "icmp", "icmp6", "sctp", "igmp", "igrp", "esp", "ah", "pim", "vrrp", "carp", "stp",
		"ipx", "iso", "isis", "is-is", "esis", "es-is", "clnp", "atalk", "aarp", "decnet", "netbeui", "lat", "sca", "moprc", "mopdl", "l1",
		"l2", "iih", "lsp", "snp", "csnp", "psnp", "link", "ether", "fddi", "tr", "wlan", "ppp", "slip", "radio");
}

static const char *
dir_word(void)
{
	return ONE_OF("src ", "dst ", "src or dst ", "src and dst ", "dst or src ", "dst and src ", "ra ", "ta ", "addr1 ", "addr2 ", "address3 ",
		"addr4 ");
}

static const char *
some_dir(void)
{
	return rnd(2) ? "" : rnd(8) ? ONE_OF("src ", "dst ", "src or dst ", "src and dst ") : dir_word();
}

static void
qualified(void)
{
	switch (rnd(9)) {
	case 0: say("%s%s%s", ONE_OF("", "", "ip ", "arp ", "rarp "), some_dir(), rnd(3) ? "host " : ""); ids(v4, 1); more_ids(v4); break;
	case 1: say("%s%s%s", ONE_OF("", "", "ip6 "), some_dir(), rnd(3) ? "host " : ""); ids(v6, 1); more_ids(v6); break;
	case 2: say("%s%snet ", ONE_OF("", "", "", "ip ", "ip6 ", "arp "), some_dir()); ids(net, 1); more_ids(net); break;
	case 3: say("%s%s%s", ONE_OF("ether ", "ether ", "link ", "wlan ", "fddi ", "tr "), some_dir(), rnd(3) ? "host " : ""); ids(mac, 1);
		more_ids(mac); break;
	case 4: say("%s%sport ", ONE_OF("", "", "tcp ", "udp ", "sctp "), some_dir()); ids(port, 1); more_ids(port); break;
	case 5: say("%s%sportrange ", ONE_OF("", "", "tcp ", "udp ", "sctp "), some_dir()); ids(portrange, 1); more_ids(portrange); break;
	case 6: say("%s%s ", ONE_OF("", "ip ", "ip ", "ip6 ", "ether ", "iso ", "isis ", "link ", "ppp ", "fddi "), rnd(9) ? "proto" : "protochain");
		ids(proto_id, 1); more_ids(proto_id); break;
	case 7: say("decnet %s%s%s", some_dir(), ONE_OF("host ", ""), ONE_OF("1.2", "5", "10.15", "300")); break;
	case 8:         /* what may not go together */
		if (rnd(2))
			say("%s ", proto_word());
		if (rnd(2))
			say("%s", dir_word());
		if (rnd(3))
			SAY_ONE("host ", "net ", "port ", "portrange ", "proto ", "protochain ", "gateway ");
		ids(any_id, 1);
		more_ids(any_id);
		break;
	}
}

static void
arith(u32 depth)
{
	switch (rnd(depth ? 8 : 4)) {
	case 0: number(); break;
	case 1: say("len"); break;
	case 2: case 3:
		say("%s[", rnd(6) ? ONE_OF("ip", "ip6", "tcp", "udp", "icmp", "ether", "arp", "icmp6", "link") : proto_word());
		if (depth && !rnd(4))
			arith(depth - 1);
		else if (!rnd(5))
			SAY_ONE("tcpflags", "icmptype", "icmpcode", "icmp6type", "icmp6code", "tcp-ack");
		else
			say("%u", rnd(40));
		SAY_ONE("]", "]", ":2]", ":4]", ":1]", " : 2 ]");
		break;
	case 4: say("("); arith(depth - 1); say(" %s ", ONE_OF("+", "-", "*", "&", "|")); arith(depth - 1); say(")"); break;
	case 5: arith(depth - 1); say(" %s ", ONE_OF("+", "-", "*", "&", "|", "^", "/", "%%", "%")); arith(depth - 1); break;
	case 6: arith(depth - 1); say(" %s %u", ONE_OF("<<", ">>", "&", "/", "+"), rnd(8) ? 1 + rnd(20) : rnd(40)); break;
	case 7: say("-"); arith(depth - 1); break;
	}
}

static void
relation(void)
{
	if (!rnd(4)) {
		say("%s %s 0", ONE_OF("tcp[tcpflags] & (tcp-syn|tcp-fin)", "tcp[13] & 2", "ip[6:2] & 0x1fff", "icmp[icmptype] & icmp-echo", "ip[8]"),
			ONE_OF("=", "!=", ">", "=="));
		return;
	}
	arith(2);
	say(" %s ", ONE_OF("=", "!=", ">", "<", ">=", "<=", "=="));
	arith(rnd(3) ? 0 : 1);
}

static void
link_primitive(void)
{
	switch (rnd(12)) {
	case 0: say("%stype %s", rnd(3) ? "" : "wlan ", ONE_OF("mgt", "ctl", "data", "management", "control", "0", "4", "8", "12", "1")); break;
	case 1: say("%stype %s subtype %s", rnd(3) ? "" : "wlan ", ONE_OF("mgt", "ctl", "data", "0", "4", "8"), ONE_OF("beacon", "assoc-req",
		"assocresp", "probe-req", "disassoc", "auth", "deauth", "ps-poll", "rts", "cts", "ack", "cf-end", "cf-end-ack", "data", "null",
		"qos-data", "qos", "qos-cf-poll", "0x80", "0", "0x10", "1", "256")); break;
	case 2: say("%ssubtype %s", rnd(3) ? "" : "wlan ", ONE_OF("beacon", "rts", "cts", "ack", "data", "null", "qos-data", "reassocreq", "0x80",
		"cf-poll", "nonsense")); break;
	case 3: say("%s%s %s", rnd(3) ? "" : "wlan ", ONE_OF("dir", "direction"), ONE_OF("nods", "tods", "fromds", "dstods", "0", "1", "2", "3", "4",
		"0xff")); break;
	case 4: say("wlan %s%s%s", dir_word(), rnd(2) ? "host " : "", mac()); break;
	case 5: say("llc%s", ONE_OF("", " i", " s", " u", " rr", " rnr", " rej", " ui", " ua", " disc", " dm", " sabme", " test", " xid", " frmr",
		" nonsense", " U")); break;
	case 6: SAY_ONE("lane", "metac", "bcc", "oam", "oamf4", "oamf4ec", "oamf4sc", "sc", "ilmic", "connectmsg", "metaconnect"); break;
	case 7: say("%s %s%u", ONE_OF("vpi", "vci"), ONE_OF("", "", "> ", "< ", ">= ", "<= ", "= ", "!= "), rnd(9) ? rnd(40) : rnd(70000)); break;
	case 8: SAY_ONE("fisu", "lssu", "lsu", "msu", "hfisu", "hlssu", "hmsu"); break;
	case 9:
		say("%s ", ONE_OF("sio", "opc", "dpc", "sls", "hsio", "hopc", "hdpc", "hsls"));
		if (rnd(4))
			say("%s%u", ONE_OF("", "", "> ", "< ", ">= ", "<= ", "= ", "!= "), rnd(6) ? rnd(16) : rnd(20000));
		else
			say("(%u or %u or %u)", rnd(16), rnd(16), rnd(300));
		break;
	case 10: say("%s %s", ONE_OF("on", "ifname", "rset", "ruleset", "rnr", "rulenum", "srnr", "subrulenum", "reason", "action"), ONE_OF("em0",
		"pass", "block", "match", "5", "0", "short", "drop", "nat", "fragment", "averyverylongname0123", "eth0", "synproxy")); break;
	case 11: SAY_ONE("$1a", "link host $1a", "link src $1a", "link dst host $0f", "ether host $1", "arp host $1"); break;
	}
}

/* On these, libpcap keeps the length of the link header in a cell that arithmetic may have been given before: no oracle. */
static bool
has_length_cell(int dlt)
{
	return dlt == DLT_IEEE802_11 || dlt == DLT_IEEE802_11_RADIO || dlt == DLT_PRISM_HEADER || dlt == DLT_IEEE802_11_RADIO_AVS ||
		dlt == DLT_PPI || dlt == DLT_PFLOG;
}

static void
primitive(int dlt)
{
	u32 what = rnd(20);

	if (has_length_cell(dlt) && (what == 12 || what == 13))
		what = 14;
	switch (what) {
	case 0: case 1: case 2: say("%s", proto_word()); break;
	case 3: case 4: case 5: case 6: case 7: case 8: qualified(); break;
	case 9: say("%s%s", ONE_OF("", "", "ether ", "link ", "ip ", "ip6 ", "arp ", "wlan "), ONE_OF("broadcast", "multicast")); break;
	case 10: say("%s ", ONE_OF("less", "greater")); number(); break;
	case 11: SAY_ONE("inbound", "outbound", "ifindex 3", "byte 12 = 8", "byte 3 > 4", "byte 20 < 6", "ifindex 0"); break;
	case 12: case 13: relation(); break;
	case 14: case 15: case 16: link_primitive(); break;
	case 17: case 18:
		SAY_ONE("vlan", "mpls", "pppoes", "pppoed", "geneve", "vlan", "mpls");
		if (!rnd(3)) {
			say(" ");
			if (rnd(8))
				say("%u", rnd(9) ? rnd(10) : rnd(70000));
			else
				SAY_ONE("(5)", "0x10", "4095", "4096", "1048576", "16777216", "65536", "(1 or 2)");
		}
		break;
	case 19:
		if (dlt == DLT_EN10MB)
			SAY_ONE("vlan 5 and vlan 6", "mpls 100 and mpls", "pppoes 1 and ip", "vlan and ip", "mpls and ip6", "pppoes and ip6", "geneve and ip",
				"geneve 7 and tcp", "vlan and pppoes and tcp");
		else
			SAY_ONE("ip", "tcp", "ip6 and tcp", "arp", "tcp port 80", "host 10.0.0.1");
		break;
	}
}

static void
expression(int dlt, u32 depth)
{
	u32 n = 1 + rnd(3);

	for (u32 i = 0; i < n; i++) {
		if (i)
			say(" %s ", ONE_OF("and", "or", "or", "&&", "||"));
		if (!rnd(5))
			SAY_ONE("not ", "not ", "!", "! ", "not not ");
		if (depth && !rnd(4)) {
			say("(");
			expression(dlt, depth - 1);
			say(")");
		} else {
			primitive(dlt);
		}
	}
}

/* Words taken away, doubled, exchanged or replaced: most are wrong then, and both have to say so. */
static void
spoil(void)
{
	char *w[200], copy[sizeof(text)];
	u32 n = 0, at;

	strcpy(copy, text);
	for (char *p = strtok(copy, " "); p && n < COUNT(w); p = strtok(NULL, " "))
		w[n++] = p;
	*text = 0;
	at = n ? rnd(n) : 0;
	for (u32 i = 0, what = rnd(5); i < n; i++) {
		const char *v = w[i];

		if (i == at && what == 0)
			continue;
		if (i == at && what == 1)
			say("%s ", v);
		if (i == at && what == 2)
			v = words[rnd(COUNT(words))];
		if (i == at && what == 3)
			say("%s ", words[rnd(COUNT(words))]);
		if (what == 4 && n > 1 && (i == at || i == (at + 1) % n))
			v = w[i == at ? (at + 1) % n : at];
		say("%s%s", v, i + 1 < n ? " " : "");
	}
}

/* Does the oracle's text keep a meaning that is piton's own? Such expressions are left out; each row says why. */
static const char *
different(const Program *ref, bool refused)
{
	static const struct { const char *in_error, *why; } rows[] = {
		{ "division by zero", "libpcap refuses x / y[0], taking the index for the divisor" },
		{ "modulus by zero", "the same" },
		{ "shift by more than", "libpcap takes the first number on the right for the shift" },
		{ "too many registers", "libpcap needs more of the 16 memory cells" },
		{ "more than one hyphen", "libpcap 1.10.3 takes 10-20-30 for 10-20, as piton does; newer ones refuse it" },
	};

	if (!refused)
		return NULL;
	for (size_t i = 0; i < COUNT(rows); i++)
		if (strstr(ref->err, rows[i].in_error))
			return rows[i].why;
	return NULL;
}

/* Refused for constants that divide by zero or shift too far where nothing comes by, which libpcap's optimizer sees first? */
static bool
folded(const Both *b)
{
	Buf msg = {0};
	bool is;

	if (b->opt || !b->plain)
		return false;
	diag_print(b->d, &msg, false);
	is = strstr(msg.p, "bits is more than the 31") || strstr(msg.p, "this divides by zero");
	buf_free(&msg);
	return is;
}

/* Code that reads a cell before storing to it: libpcap then uses what its stack holds (geneve or vlan in an or). */
static bool
reads_garbage(const FiltInsn *v, u32 n)
{
	u32 *stored = calloc(n + 1, sizeof(u32));
	bool bad = false;

	for (u32 i = 0; i <= n; i++)
		stored[i] = i ? 0xffffffffu : 0;
	for (u32 round = 0; round < 2; round++)         /* loops go back only to where all is stored */
		for (u32 i = 0; i < n; i++) {
			u16 c = v[i].code;
			u32 s = stored[i], bit = 1u << (v[i].k & 15);

			if ((c == (BPF_LD | BPF_MEM) || c == (BPF_LDX | BPF_MEM)) && !(s & bit))
				bad = true;
			if (BPF_CLASS(c) == BPF_ST || BPF_CLASS(c) == BPF_STX)
				s |= bit;
			if (BPF_CLASS(c) == BPF_RET)
				continue;
			if (BPF_CLASS(c) != BPF_JMP)
				stored[i + 1] &= s;
			else if (BPF_OP(c) == BPF_JA)
				stored[i + 1 + (s32)v[i].k] &= s;
			else {
				stored[i + 1 + v[i].jt] &= s;
				stored[i + 1 + v[i].jf] &= s;
			}
		}
	free(stored);
	return bad;
}

/* A packet that both piton and libpcap's unoptimized code accept: then libpcap's optimizer is wrong to see none. */
static bool
some_accepted(int dlt, const Both *b, const Program *ref)
{
	FiltOpts o = { .linktype = dlt };
	Filt *none = filt_compile(b->a, b->d, "len < 0", 7, &o);
	FiltCheck k;
	bool out;

	return none && filt_compare(b->a, b->d, b->opt, none, &k) == FILT_DIFFERENT &&
		filt_run_checked(ref->insn, ref->n, k.packet, k.len, k.len, STEPS, &out);
}

static int
fuzz(u32 pairs, u32 count)
{
	static const int links[] = { DLT_EN10MB, DLT_EN10MB, DLT_EN10MB, DLT_RAW, DLT_LINUX_SLL, DLT_LINUX_SLL2, DLT_NULL, DLT_PPP,
		DLT_IEEE802_11, DLT_IEEE802_11_RADIO, DLT_C_HDLC, DLT_FDDI };
	u32 valid = 0, refused = 0, left_out = 0, done = 0, longer = 0;
	u64 ours = 0, theirs = 0;

	while (done < pairs && failures < 200) {
		int dlt = rnd(2) ? links[rnd(COUNT(links))] : (int)rnd(290);
		u32 mask = rnd(2) ? 0xffffff00 : PCAP_NETMASK_UNKNOWN;
		Both b;
		Program ref, opt = {0};
		bool spoiled;
		u32 n;

		if (!pcap_datalink_val_to_name(dlt))
			continue;
		*text = 0;
		expression(dlt, rnd(3));
		spoiled = !rnd(6);
		if (spoiled)
			spoil();
		compile(&b, dlt, text, mask);
		oracle(dlt, text, false, mask, &ref);
		/* geneve's cells may be those that arithmetic used before: what they hold where geneve failed is chance */
		if ((strstr(text, "geneve") && strpbrk(text, "[<>=")) || different(&ref, !ref.insn) || folded(&b) ||
		    (spoiled && has_length_cell(dlt) && strpbrk(text, "<>=")) || (ref.insn && reads_garbage(ref.insn, ref.n))) {
			left_out++;
		} else if (!oracle(dlt, text, true, mask, &opt) && ref.insn && !strstr(opt.err, "rejects all")) {
			/* the optimizer finds divisions by zero and the like: only -O takes these */
			if (b.opt || !b.plain)
				wrong(dlt, text, "piton %s, libpcap's optimizer: %s", b.opt ? "compiles" : "refuses with -O", opt.err);
			done++;
		} else if (!ref.insn != !b.opt || !b.opt != !b.plain) {
			Buf msg = {0};

			diag_print(b.d, &msg, false);
			wrong(dlt, text, "piton %s, piton -O %s, libpcap %s\n%s", b.opt ? "compiles" : "refuses",
				b.plain ? "compiles" : "refuses", ref.insn ? "compiles" : ref.err, msg.p ? msg.p : "");
			buf_free(&msg);
		} else if (b.opt) {
			const FiltInsn *v = filt_code(b.opt, &n);
			const char *err = filt_check(v, n);

			if (err)
				wrong(dlt, text, "%s", err);
			packets(dlt, text, &ref, &b, count);
			/* of the branches that libpcap finds never taken, all are found */
			if (!opt.insn && !filt_rejects_all(b.opt) && !some_accepted(dlt, &b, &ref))
				wrong(dlt, text, "libpcap sees that nothing is accepted");
			ours += opt.insn ? n : 0;
			theirs += opt.insn ? opt.n : 0;
			if (opt.insn && n > opt.n + 1 && sound(dlt, &ref, &opt)) {
				longer++;
				if (verbose)
					printf("LONGER %+d %u %u %s '%s'\n", (int)n - (int)opt.n, n, opt.n, pcap_datalink_val_to_name(dlt), text);
			}
			valid++;
			done += count * 3;
		} else {
			Buf msg = {0};

			diag_print(b.d, &msg, false);
			if (strncmp(msg.p, "filter:1:", 9))
				wrong(dlt, text, "refused without a place: %s", msg.p);
			buf_free(&msg);
			refused++;
			done++;
		}
		free(ref.insn);
		free(opt.insn);
		drop_ebpf(&b);
		arena_free(b.a);
	}
	printf("%u pairs: %u expressions, %u refused by both, %u left out; %u differences\n", done, valid, refused, left_out, failures);
	printf("%llu instructions, libpcap %llu (%.3f); %u longer by more than one\n", (unsigned long long)ours,
		(unsigned long long)theirs, theirs ? (double)ours / (double)theirs : 0, longer);
	if (ours > 0.97 * (double)theirs) {
		printf("FAIL more than 0.97 of libpcap's instructions\n");
		failures++;
	}
	return failures != 0;
}
