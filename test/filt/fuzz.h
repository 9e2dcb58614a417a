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

static const char *
addr(void)
{
	return ONE_OF("10.0.0.1", "10.0.0.2", "192.168.1.1", "10.0.0.3", "0.0.0.0", "255.255.255.255");
}

static void
arith(u32 depth)
{
	switch (rnd(depth ? 7 : 3)) {
	case 0: say("%u", rnd(3) ? rnd(300) : rnd(0x7fffffff)); break;
	case 1: say("len"); break;
	case 2:
		say("%s[", ONE_OF("ip", "ip6", "tcp", "udp", "icmp", "ether", "arp", "icmp6", "link"));
		if (depth && !rnd(4))
			arith(depth - 1);
		else
			say("%u", rnd(40));
		say("%s", ONE_OF("]", "]", ":2]", ":4]", ":1]"));
		break;
	case 3: say("("); arith(depth - 1); say(" %s ", ONE_OF("+", "-", "*", "&", "|")); arith(depth - 1); say(")"); break;
	case 4: arith(depth - 1); say(" %s ", ONE_OF("+", "-", "*", "&", "|", "^", "/", "%%")); arith(depth - 1); break;
	case 5: arith(depth - 1); say(" %s %u", ONE_OF("<<", ">>", "&", "/", "+"), 1 + rnd(20)); break;
	case 6: say("-"); arith(depth - 1); break;
	}
}

static void
primitive(int dlt)
{
	u32 what = rnd(dlt == DLT_EN10MB ? 17 : 14);

	/* libpcap keeps the length of the 802.11 header in a cell that arithmetic may have been given before: no oracle */
	if ((dlt == DLT_IEEE802_11 || dlt == DLT_IEEE802_11_RADIO) && (what == 7 || what == 8))
		what = 9;
	switch (what) {
	case 0: say("%s", ONE_OF("ip", "ip6", "arp", "rarp", "tcp", "udp", "icmp", "icmp6", "sctp", "igmp", "esp", "ah", "pim", "vrrp", "stp",
		"ipx", "iso", "isis", "esis", "clnp", "atalk", "aarp", "decnet", "netbeui", "lat", "l1", "csnp", "carp")); break;
	case 1: say("%s%s%s", ONE_OF("", "ip ", "arp ", "src ", "dst ", "src or dst ", "src and dst ", "ip src "),
		ONE_OF("host ", "host ", "net "), addr()); break;
	case 2: say("%snet %s", ONE_OF("", "src ", "dst ", "ip "), ONE_OF("10.0.0.0/8", "192.168.0.0/16", "10", "172.16", "10.0.0.0/30",
		"0.0.0.0/0", "10.0.0.0 mask 255.0.0.0", "10.0.0.0 mask 255.0.255.0")); break;
	case 3: say("%shost %s", ONE_OF("", "ip6 ", "src ", "dst ", "src and dst "), ONE_OF("::1", "2001:db8::1", "fe80::1")); break;
	case 4: say("net %s", ONE_OF("2001:db8::/32", "2001:db8::/33", "fe80::/10", "::/0", "2001:db8::/97")); break;
	case 5: say("%s%sport %u", ONE_OF("", "tcp ", "udp ", "sctp "), ONE_OF("", "src ", "dst ", "src and dst "), rnd(2) ? 80 : rnd(100)); break;
	case 6: say("%s%sportrange %u-%u", ONE_OF("", "tcp ", "udp "), ONE_OF("", "src ", "dst "), rnd(100), rnd(9000)); break;
	case 7: case 8: arith(2); say(" %s ", ONE_OF("=", "!=", ">", "<", ">=", "<=", "==")); arith(1); break;
	case 9: say("%s %u", ONE_OF("less", "greater"), rnd(200)); break;
	case 10: say("%sproto %s", ONE_OF("", "ip ", "ip6 "), ONE_OF("6", "17", "\\tcp", "\\udp", "58", "44", "ospf", "\\icmp")); break;
	case 11: say("%s", ONE_OF("ip multicast", "ip6 multicast", "broadcast", "multicast", "ether broadcast")); break;
	case 12: say("ether proto %s", ONE_OF("0x800", "\\arp", "0x86dd", "\\ip", "0x42", "100", "2000", "\\iso")); break;
	case 13: say("%sport %u or %u", ONE_OF("", "tcp ", "src "), rnd(100), rnd(100)); break;
	case 14: say("ether %shost %s", ONE_OF("", "src ", "dst "), ONE_OF("00:11:22:33:44:55", "ff:ff:ff:ff:ff:ff", "0:0:0:0:0:0")); break;
	case 15: say("%s", ONE_OF("vlan", "vlan 5", "mpls", "mpls 100", "pppoes", "pppoes 1", "pppoed", "vlan", "geneve", "geneve 7")); break;
	case 16: say("%s", ONE_OF("llc", "llc i", "llc s", "llc u", "llc rr", "llc ui", "ip protochain 6", "ip6 protochain 17", "protochain 1")); break;
	}
}

static void
expression(int dlt, u32 depth)
{
	u32 n = 1 + rnd(3);

	for (u32 i = 0; i < n; i++) {
		if (i)
			say(" %s ", ONE_OF("and", "or", "or", "&&", "||"));
		if (!rnd(4))
			say("not ");
		if (depth && !rnd(3)) {
			say("(");
			expression(dlt, depth - 1);
			say(")");
		} else {
			primitive(dlt);
		}
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
	};

	if (!refused)
		return NULL;
	for (size_t i = 0; i < COUNT(rows); i++)
		if (strstr(ref->err, rows[i].in_error))
			return rows[i].why;
	return NULL;
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

static int
fuzz(u32 pairs, u32 count)
{
	static const int links[] = { DLT_EN10MB, DLT_EN10MB, DLT_EN10MB, DLT_RAW, DLT_LINUX_SLL, DLT_LINUX_SLL2, DLT_NULL, DLT_PPP,
		DLT_IEEE802_11, DLT_IEEE802_11_RADIO, DLT_C_HDLC, DLT_FDDI };
	u32 valid = 0, refused = 0, left_out = 0, done = 0;

	while (done < pairs && failures < 20) {
		int dlt = links[rnd(COUNT(links))];
		u32 mask = rnd(2) ? 0xffffff00 : PCAP_NETMASK_UNKNOWN;
		Both b;
		Program ref;
		u32 n;

		*text = 0;
		expression(dlt, 2);
		compile(&b, dlt, text, mask);
		oracle(dlt, text, false, mask, &ref);
		/* geneve's cells may be those that arithmetic used before: what they hold where geneve failed is chance */
		if ((strstr(text, "geneve") && strpbrk(text, "[<>=")) || different(&ref, !ref.insn) || (ref.insn && reads_garbage(ref.insn, ref.n))) {
			left_out++;
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
			valid++;
			done += count * 3;
		} else {
			refused++;
			done++;
		}
		free(ref.insn);
		drop_ebpf(&b);
		arena_free(b.a);
	}
	printf("%u pairs: %u expressions, %u refused by both, %u left out; %u differences\n", done, valid, refused, left_out, failures);
	return failures != 0;
}
