/* names: numbers for the names in expressions, from tables here, /etc/services, /etc/protocols, /etc/networks,
 * /etc/ethers and the resolver. Containers and routers often lack the files: the usual names are known without them. */
#include "filt/in.h"

#include <strings.h>

#include <arpa/inet.h>
#include <net/ethernet.h>
#include <netdb.h>
#include <netinet/ether.h>
#include <netinet/in.h>
#include <sys/socket.h>

const NameRow filt_wlan_types[] = {
	{ "data", 8 }, { "mgt", 0 }, { "management", 0 }, { "ctl", 4 }, { "control", 4 }, { NULL, 0 },
};
const NameRow filt_wlan_dirs[] = { { "nods", 0 }, { "tods", 1 }, { "fromds", 2 }, { "dstods", 3 }, { NULL, 0 } };
/* With the bits of the type. */
const NameRow filt_wlan_subtypes[] = {
	{ "assocreq", 0x00 }, { "assoc-req", 0x00 }, { "assocresp", 0x10 }, { "assoc-resp", 0x10 },
	{ "reassocreq", 0x20 }, { "reassoc-req", 0x20 }, { "reassocresp", 0x30 }, { "reassoc-resp", 0x30 },
	{ "probereq", 0x40 }, { "probe-req", 0x40 }, { "proberesp", 0x50 }, { "probe-resp", 0x50 },
	{ "beacon", 0x80 }, { "atim", 0x90 }, { "disassoc", 0xa0 }, { "disassociation", 0xa0 },
	{ "auth", 0xb0 }, { "authentication", 0xb0 }, { "deauth", 0xc0 }, { "deauthentication", 0xc0 },
	{ "ps-poll", 0xa4 }, { "rts", 0xb4 }, { "cts", 0xc4 }, { "ack", 0xd4 }, { "cf-end", 0xe4 },
	{ "cf-end-ack", 0xf4 },
	{ "data", 0x08 }, { "data-cf-ack", 0x18 }, { "data-cf-poll", 0x28 }, { "data-cf-ack-poll", 0x38 },
	{ "null", 0x48 }, { "cf-ack", 0x58 }, { "cf-poll", 0x68 }, { "cf-ack-poll", 0x78 },
	{ "qos-data", 0x88 }, { "qos-data-cf-ack", 0x98 }, { "qos-data-cf-poll", 0xa8 },
	{ "qos-data-cf-ack-poll", 0xb8 }, { "qos", 0xc8 }, { "qos-cf-poll", 0xe8 }, { "qos-cf-ack-poll", 0xf8 },
	{ NULL, 0 },
};
const NameRow filt_llc_s[] = { { "rr", 1 }, { "rnr", 5 }, { "rej", 9 }, { NULL, 0 } };
const NameRow filt_llc_u[] = {
	{ "ui", 0x03 }, { "ua", 0x63 }, { "disc", 0x43 }, { "dm", 0x0f }, { "sabme", 0x6f }, { "test", 0xe3 },
	{ "xid", 0xaf }, { "frmr", 0x87 }, { NULL, 0 },
};
const NameRow filt_pf_reasons[] = {
	{ "match", 0 }, { "bad-offset", 1 }, { "fragment", 2 }, { "short", 3 }, { "normalize", 4 }, { "memory", 5 },
	{ "bad-timestamp", 6 }, { "congestion", 7 }, { "ip-option", 8 }, { "proto-cksum", 9 },
	{ "state-mismatch", 10 }, { "state-insert", 11 }, { "state-limit", 12 }, { "src-limit", 13 },
	{ "synproxy", 14 }, { NULL, 0 },
};
const NameRow filt_pf_actions[] = {
	{ "pass", 0 }, { "accept", 0 }, { "drop", 1 }, { "block", 1 }, { "scrub", 2 }, { "noscrub", 3 }, { "nat", 4 },
	{ "nonat", 5 }, { "binat", 6 }, { "nobinat", 7 }, { "rdr", 8 }, { "nordr", 9 }, { "synproxy-drop", 10 },
	{ NULL, 0 },
};
static const NameRow ether_protos[] = {
	{ "aarp", 0x80f3 }, { "arp", 0x0806 }, { "atalk", 0x809b }, { "decnet", 0x6003 }, { "ip", 0x0800 },
	{ "ip6", 0x86dd }, { "lat", 0x6004 }, { "loopback", 0x9000 }, { "mopdl", 0x6001 }, { "moprc", 0x6002 },
	{ "rarp", 0x8035 }, { "sca", 0x6007 },
	{ "iso", 0xfe }, { "stp", 0x42 }, { "ipx", 0xe0 }, { "netbeui", 0xf0 }, { NULL, 0 },
};

/* IANA's numbers, under the names of Debian's /etc/protocols and /etc/services. */
static const NameRow protocols[] = {
	{ "icmp", 1 }, { "igmp", 2 }, { "ipencap", 4 }, { "tcp", 6 }, { "egp", 8 }, { "igp", 9 }, { "udp", 17 }, { "dccp", 33 },
	{ "ipv6", 41 }, { "ipv6-route", 43 }, { "ipv6-frag", 44 }, { "rsvp", 46 }, { "gre", 47 }, { "esp", 50 }, { "ah", 51 },
	{ "ipv6-icmp", 58 }, { "ipv6-nonxt", 59 }, { "ipv6-opts", 60 }, { "eigrp", 88 }, { "ospf", 89 }, { "ipip", 94 },
	{ "pim", 103 }, { "vrrp", 112 }, { "l2tp", 115 }, { "isis", 124 }, { "sctp", 132 }, { "udplite", 136 }, { NULL, 0 },
};
static const NameRow tcp_services[] = {
	{ "ftp-data", 20 }, { "ftp", 21 }, { "ssh", 22 }, { "telnet", 23 }, { "smtp", 25 }, { "domain", 53 }, { "http", 80 },
	{ "kerberos", 88 }, { "pop3", 110 }, { "sunrpc", 111 }, { "imap2", 143 }, { "snmp", 161 }, { "bgp", 179 }, { "ldap", 389 },
	{ "https", 443 }, { "submission", 587 }, { "ldaps", 636 }, { "imaps", 993 }, { "pop3s", 995 }, { "nfs", 2049 },
	{ "mysql", 3306 }, { "postgresql", 5432 }, { "http-alt", 8080 }, { NULL, 0 },
};
static const NameRow udp_services[] = {
	{ "domain", 53 }, { "bootps", 67 }, { "bootpc", 68 }, { "tftp", 69 }, { "kerberos", 88 }, { "sunrpc", 111 }, { "ntp", 123 },
	{ "snmp", 161 }, { "snmp-trap", 162 }, { "ldap", 389 }, { "https", 443 }, { "isakmp", 500 }, { "syslog", 514 },
	{ "ldaps", 636 }, { "nfs", 2049 }, { NULL, 0 },
};

int
filt_row(const NameRow *rows, const char *name)
{
	for (; rows->name; rows++)
		if (!strcasecmp(rows->name, name))
			return rows->value;
	return -1;
}

int
filt_wlan_subtype(const char *name, int type)
{
	for (const NameRow *r = filt_wlan_subtypes; r->name; r++)
		if ((type < 0 || (r->value & 0x0c) == type) && !strcasecmp(r->name, name))
			return r->value;
	return -1;
}

bool
filt_name_ether(const char *name, u32 *v)
{
	for (const NameRow *r = ether_protos; r->name; r++)
		if (!strcmp(r->name, name)) {
			*v = (u32)r->value;
			return true;
		}
	return false;
}

bool
filt_name_proto(const char *name, u32 *v)
{
	struct protoent buf, *p = NULL;
	char text[2048];
	int known;

	if (getprotobyname_r(name, &buf, text, sizeof(text), &p) || !p)
		known = filt_row(protocols, name);
	else
		known = p->p_proto;
	*v = (u32)known;
	return known >= 0;
}

bool
filt_name_net(const char *name, u32 *addr)
{
	struct netent buf, *n = NULL;
	char text[2048];
	int herr;

	if (!getnetbyname_r(name, &buf, text, sizeof(text), &n, &herr) && n && n->n_net)
		*addr = n->n_net;
	else if (!strcmp(name, "loopback"))
		*addr = 127u << 24;
	else
		return false;
	return true;
}

static int
service(const char *name, int socktype, int proto)
{
	struct addrinfo hints = { .ai_family = AF_INET, .ai_socktype = socktype, .ai_protocol = proto }, *res = NULL;
	int port = -1;

	if (getaddrinfo(NULL, name, &hints, &res))
		return filt_row(socktype == SOCK_STREAM ? tcp_services : udp_services, name);
	if (res && res->ai_addr)
		port = ntohs(((struct sockaddr_in *)res->ai_addr)->sin_port);
	freeaddrinfo(res);
	return port;
}

bool
filt_name_port(const char *name, u32 *port, u32 *proto)
{
	int tcp = service(name, SOCK_STREAM, IPPROTO_TCP), udp = service(name, SOCK_DGRAM, IPPROTO_UDP);

	if (tcp < 0 && udp < 0)
		return false;
	*port = (u32)(tcp >= 0 ? tcp : udp);
	*proto = tcp >= 0 ? (tcp == udp ? PORT_ANY : PORT_TCP) : PORT_UDP;
	return true;
}

bool
filt_name_mac(const char *name, u8 mac[6])
{
	struct ether_addr e;

	if (ether_hostton(name, &e))
		return false;
	memcpy(mac, &e, 6);
	return true;
}

static int
digit(int c)
{
	return c >= '0' && c <= '9' ? c - '0' : (c | 32) - 'a' + 10;
}

/* Bytes of one or two digits between separators, or pairs of digits with or without dots in between. */
bool
filt_mac(const char *text, u8 mac[6])
{
	const char *p = text;
	size_t n = strlen(text);
	bool pairs = n == 12 || (n == 14 && text[4] == '.' && text[9] == '.');

	for (u32 i = 0; i < 6; i++) {
		u32 v;

		while (*p == ':' || *p == '-' || *p == '.')
			p++;
		if (!*p)
			return false;
		v = (u32)digit(*p++);
		if (pairs || (*p && *p != ':' && *p != '-' && *p != '.'))
			v = v << 4 | (u32)digit(*p++);
		mac[i] = (u8)v;
	}
	return true;
}

/* "10.1" has 16 bits, "10.0.0.1" 32; parts are decimal. */
int
filt_v4(const char *text, u32 *v)
{
	int bits = 0;

	*v = 0;
	for (const char *p = text;; p++) {
		u32 n = 0;

		for (; *p && *p != '.'; p++) {
			if (*p < '0' || *p > '9' || (n = n * 10 + (u32)(*p - '0')) > 255)
				return -1;
		}
		*v = *v << 8 | n;
		bits += 8;
		if (!*p)
			return bits;
	}
}

bool
filt_name_host(Arena *a, const char *name, Addrs *out)
{
	struct addrinfo hints = { .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_protocol = IPPROTO_TCP };
	struct addrinfo *res = NULL;

	if (getaddrinfo(name, NULL, &hints, &res))
		return false;
	for (struct addrinfo *r = res; r; r = r->ai_next) {
		Addr x = { .v6 = r->ai_family == AF_INET6 };

		if (r->ai_family == AF_INET)
			memcpy(x.b, &((struct sockaddr_in *)r->ai_addr)->sin_addr, 4);
		else if (r->ai_family == AF_INET6)
			memcpy(x.b, &((struct sockaddr_in6 *)r->ai_addr)->sin6_addr, 16);
		else
			continue;
		VEC_PUSH(a, out, x);
	}
	freeaddrinfo(res);
	return out->n > 0;
}
