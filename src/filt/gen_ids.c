/* gen_ids: what the names, numbers and addresses behind qualifiers stand for. A list of them under one qualifier is
 * gathered first and becomes one test. */
#include "filt/gen.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>

/* What a list of ids means: addresses, or ports for one protocol, or MAC addresses. */
typedef struct Ids {
	Vec(Net4) v4;
	Vec(Net6) v6;
	struct { u32 proto; Vec(Range) r; } port[4];    /* TCP, UDP, SCTP, any */
	bool ports;
	Vec(const u8 *) mac;
	Bool *other;                    /* protocols and whatever else is tested one by one */
} Ids;
static bool add(Gen *g, Ast *n, Ids *ids);

static Bool *
either(Gen *g, Bool *x, Bool *y)
{
	return !x ? y : !y ? x : b_or(g, x, y);
}

static bool
is_addr(Qual q)
{
	return q.kind == K_NONE || q.kind == K_HOST || q.kind == K_NET;
}

static bool
bad_place(Gen *g, Ast *n, const char *what)
{
	static const char *const kinds[] = { [K_PORT] = "port", [K_PORTRANGE] = "portrange", [K_GATEWAY] = "gateway",
		[K_PROTO] = "proto", [K_PROTOCHAIN] = "protochain", [K_UNDEF] = "?", [K_UNDEF + 1] = "?" };

	g->at = n->at;
	if (n->q.kind == K_UNDEF) {
		gen_bad(g, "it is not clear what %s is meant to be here", what);
		diag_hint(g->d, "put a word such as 'host', 'net' or 'port' before it");
	} else {
		gen_bad(g, "%s cannot follow '%s'", what, kinds[n->q.kind]);
	}
	return false;
}

static bool
add_v4(Gen *g, Ast *n, Ids *ids)
{
	Net4 x = {0};
	int bits = filt_v4(n->text, &x.addr), mask_bits;

	if (!is_addr(n->q))
		return bad_place(g, n, "an IPv4 address");
	if (bits < 0) {
		gen_bad(g, "'%s' is not an IPv4 address: each part is 0 to 255", n->text);
		return false;
	}
	x.addr <<= 32 - bits;
	x.mask = 0xffffffffu << (32 - bits);
	if (n->masked && n->text2) {
		mask_bits = filt_v4(n->text2, &x.mask);
		if (mask_bits < 0) {
			g->at = n->at2;
			gen_bad(g, "'%s' is not a mask: each part is 0 to 255", n->text2);
			return false;
		}
		x.mask <<= 32 - mask_bits;
	} else if (n->masked) {
		if (n->v > 32) {
			gen_bad(g, "an IPv4 address has 32 bits, not %u", n->v);
			return false;
		}
		x.mask = n->v ? 0xffffffffu << (32 - n->v) : 0;
	}
	if (n->masked && n->q.kind != K_NET && !n->flag) {
		gen_bad(g, "a mask is for networks");
		diag_hint(g->d, "write 'net %s%s%s'", n->text, n->text2 ? " mask " : "/", n->text2 ? n->text2 : "...");
		return false;
	}
	if (x.addr & ~x.mask) {
		u32 net = x.addr & x.mask;

		gen_bad(g, "the address has bits outside of the mask");
		diag_hint(g->d, "the network is %u.%u.%u.%u", net >> 24, net >> 16 & 255, net >> 8 & 255, net & 255);
		return false;
	}
	VEC_PUSH(g->a, &ids->v4, x);
	return true;
}

static bool
add_v6(Gen *g, Ast *n, Ids *ids)
{
	Net6 x = {0};
	u8 b[16];

	if (!is_addr(n->q))
		return bad_place(g, n, "an IPv6 address");
	if (inet_pton(AF_INET6, n->text, b) != 1) {
		gen_bad(g, "'%s' is not an IPv6 address", n->text);
		return false;
	}
	if (n->v > 128) {
		gen_bad(g, "an IPv6 address has 128 bits, not %u", n->v);
		return false;
	}
	if (n->masked && n->v != 128 && n->q.kind != K_NET && !n->flag) {
		gen_bad(g, "a prefix length is for networks");
		diag_hint(g->d, "write 'net %s/%u'", n->text, n->v);
		return false;
	}
	for (u32 i = 0; i < 4; i++) {
		u32 left = n->v > 32 * i ? n->v - 32 * i : 0;

		x.addr[i] = (u32)b[4 * i] << 24 | (u32)b[4 * i + 1] << 16 | (u32)b[4 * i + 2] << 8 | b[4 * i + 3];
		x.mask[i] = left >= 32 ? 0xffffffffu : left ? 0xffffffffu << (32 - left) : 0;
		if (x.addr[i] & ~x.mask[i]) {
			gen_bad(g, "the address has bits outside of the first %u", n->v);
			return false;
		}
	}
	VEC_PUSH(g->a, &ids->v6, x);
	return true;
}

static u32
port_proto(Gen *g, Ast *n)
{
	switch (n->q.proto) {
	case P_NONE: return PORT_ANY;
	case P_TCP: return PORT_TCP;
	case P_UDP: return PORT_UDP;
	case P_SCTP: return PORT_SCTP;
	}
	gen_bad(g, "%s has no ports; tcp, udp and sctp have", filt_proto_name(n->q.proto));
	return 0;
}

static bool
add_ports(Gen *g, Ids *ids, u32 lo, u32 hi, u32 proto)
{
	Range r = { MIN(lo, hi), MAX(lo, hi) };
	u32 i = proto == PORT_TCP ? 0 : proto == PORT_UDP ? 1 : proto == PORT_SCTP ? 2 : 3;

	if (r.hi > 65535) {
		gen_bad(g, "%u is not a port: ports end at 65535", r.hi);
		return false;
	}
	ids->ports = true;
	ids->port[i].proto = proto;
	VEC_PUSH(g->a, &ids->port[i].r, r);
	return true;
}

/* "80-90", as sscanf would read it: what follows the second number does not matter. */
static bool
number_range(const char *s, u32 *lo, u32 *hi)
{
	unsigned long l, h;
	char *end;

	if (*s < '0' || *s > '9')
		return false;
	l = strtoul(s, &end, 10);
	if (*end != '-' || end[1] < '0' || end[1] > '9')
		return false;
	h = strtoul(end + 1, &end, 10);
	*lo = (u32)MIN(l, 100000ul);
	*hi = (u32)MIN(h, 100000ul);
	return true;
}

static bool
one_port(Gen *g, const char *name, u32 *port, u32 *proto)
{
	if (filt_name_port(name, port, proto))
		return true;
	gen_bad(g, "'%s' is not a port that /etc/services knows", name);
	return false;
}

static bool
add_port_name(Gen *g, Ast *n, Ids *ids)
{
	u32 want = port_proto(g, n), lo, hi, plo = PORT_ANY, phi = PORT_ANY;
	const char *dash;

	if (!want)
		return false;
	if ((n->q.kind == K_PORTRANGE || n->flag) && number_range(n->text, &lo, &hi))
		return add_ports(g, ids, lo, hi, want);
	dash = n->q.kind == K_PORTRANGE ? strchr(n->text, '-') : NULL;
	if (n->q.kind == K_PORTRANGE && !dash) {
		gen_bad(g, "'%s' is not a range; a range is written 8000-8080", n->text);
		return false;
	}
	if (!one_port(g, dash ? arena_str(g->a, n->text, (size_t)(dash - n->text)) : n->text, &lo, &plo))
		return false;
	hi = lo;
	phi = plo;
	if (dash && !one_port(g, dash + 1, &hi, &phi))
		return false;
	if (plo != phi)
		plo = PORT_ANY;         /* a range between ports of two protocols is of any */
	if (want != PORT_ANY && plo != PORT_ANY && plo != want) {
		gen_bad(g, "'%s' is a port of %s", n->text, plo == PORT_TCP ? "tcp" : plo == PORT_UDP ? "udp" : "sctp");
		return false;
	}
	return add_ports(g, ids, lo, hi, want != PORT_ANY ? want : plo);
}

static bool
add_host_name(Gen *g, Ast *n, Ids *ids)
{
	Addrs list = {0};
	u32 found = 0;

	if (!filt_name_host(g->a, n->text, &list)) {
		gen_bad(g, "there is no host '%s'", n->text);
		return false;
	}
	for (u32 i = 0; i < list.n; i++) {
		const u8 *b = list.v[i].b;
		Net6 x;

		if (list.v[i].v6 ? n->q.proto == P_IP : n->q.proto == P_IP6)
			continue;
		found++;
		for (u32 j = 0; j < 4; j++) {
			x.addr[j] = (u32)b[4 * j] << 24 | (u32)b[4 * j + 1] << 16 | (u32)b[4 * j + 2] << 8 | b[4 * j + 3];
			x.mask[j] = 0xffffffffu;
		}
		if (list.v[i].v6)
			VEC_PUSH(g->a, &ids->v6, x);
		else
			VEC_PUSH(g->a, &ids->v4, ((Net4){ x.addr[0], x.mask[0] }));
	}
	if (!found)
		gen_bad(g, "the host '%s' has no address of this family", n->text);
	return found > 0;
}

static bool
add_net_name(Gen *g, Ast *n, Ids *ids)
{
	Net4 x = { 0, 0xffffffffu };

	if (!filt_name_net(n->text, &x.addr)) {
		gen_bad(g, "there is no network '%s' in /etc/networks", n->text);
		return false;
	}
	while (!(x.addr & 0xff000000)) {
		x.addr <<= 8;
		x.mask <<= 8;
	}
	VEC_PUSH(g->a, &ids->v4, x);
	return true;
}

static Bool *
chain(Gen *g, u32 v, Proto under)
{
	Bool *b;

	if (under == P_NONE)
		return b_or(g, chain(g, v, P_IP), chain(g, v, P_IP6));
	if (under != P_IP && under != P_IP6)
		return gen_bad(g, "'protochain' goes with ip and ip6, not with %s", filt_proto_name(under));
	if (g->l.pl.var)
		return gen_bad(g, "'protochain' needs a link header of fixed length");
	b = bool_new(g, B_CHAIN, NULL, NULL);
	b->chain = NEW(g->a, Chain);
	*b->chain = (Chain){ under == P_IP6, g->l.pl.k + g->l.nl, v };
	return b_and(g, gen_linktype(g, under == P_IP6 ? ET_IP6 : ET_IP), b);
}

static bool
proto_number(Gen *g, Ast *n, u32 *v)
{
	bool ok = false;

	switch (n->q.proto) {
	case P_NONE: case P_IP: case P_IP6: ok = filt_name_proto(n->text, v); break;
	case P_LINK: ok = filt_name_ether(n->text, v); break;
	case P_ISO:
		*v = !strcmp(n->text, "esis") ? 0x82 : !strcmp(n->text, "isis") ? 0x83 : 0x81;
		ok = *v != 0x81 || !strcmp(n->text, "clnp");
		break;
	}
	if (!ok)
		gen_bad(g, "there is no protocol '%s'%s", n->text,
			n->q.proto == P_LINK ? " of Ethernet" : n->q.proto == P_ISO ? " of OSI" : " in /etc/protocols");
	return ok;
}

static bool
add_other(Gen *g, Ids *ids, Bool *b)
{
	ids->other = either(g, ids->other, b);
	return true;
}

static bool
add_proto(Gen *g, Ast *n, Ids *ids, u32 v)
{
	return add_other(g, ids, n->q.kind == K_PROTO ? gen_proto(g, v, n->q.proto) : chain(g, v, n->q.proto));
}

static bool
decnet_number(Gen *g, Ast *n, u32 *v)
{
	u32 area, node;

	if (sscanf(n->text, "%u.%u", &area, &node) != 2) {
		gen_bad(g, "'%s' is not a DECnet address; one is written AREA.NODE", n->text);
		return false;
	}
	*v = (area << 10 & 0xfc00) | (node & 0x3ff);
	return true;
}

static bool
add_mac(Gen *g, Ast *n, Ids *ids, const char *name)
{
	u8 *mac = NEW_N(g->a, u8, 6);

	if (n->q.proto != P_LINK || (n->q.kind != K_NONE && n->q.kind != K_HOST)) {
		if (n->q.kind == K_UNDEF)
			return bad_place(g, n, "a MAC address");
		gen_bad(g, "a MAC address is an address of the link layer");
		diag_hint(g->d, "write 'ether host %s'", n->text);
		return false;
	}
	if (name ? !filt_name_mac(name, mac) : !filt_mac(n->text, mac)) {
		gen_bad(g, "'%s' is not in /etc/ethers", n->text);
		return false;
	}
	VEC_PUSH(g->a, &ids->mac, mac);
	return true;
}

static bool
add_name(Gen *g, Ast *n, Ids *ids)
{
	u32 v;

	switch (n->q.kind) {
	case K_NET: return add_net_name(g, n, ids);
	case K_NONE: case K_HOST:
		if (n->q.proto == P_LINK)
			return add_mac(g, n, ids, n->text);
		if (n->q.proto == P_DECNET)
			return decnet_number(g, n, &v) && add_other(g, ids, gen_decnet_host(g, v, n->q.dir));
		return add_host_name(g, n, ids);
	case K_PORT: case K_PORTRANGE: return add_port_name(g, n, ids);
	case K_PROTO: case K_PROTOCHAIN: return proto_number(g, n, &v) && add_proto(g, n, ids, v);
	case K_GATEWAY:
		gen_bad(g, "'gateway' cannot work with IPv6 and is not supported");
		diag_hint(g->d, "write 'ether host MAC and not host NAME'");
		return false;
	}
	return bad_place(g, n, "this name");
}

static bool
add_number(Gen *g, Ast *n, Ids *ids)
{
	Net4 x = { n->v, 0xffffffffu };
	u32 proto;

	switch (n->q.kind) {
	case K_NONE: case K_HOST: case K_NET:
		if (n->q.proto == P_DECNET)
			return add_other(g, ids, gen_decnet_host(g, n->v, n->q.dir));
		if (n->q.proto == P_LINK) {
			gen_bad(g, "the number %u is no address of the link layer", n->v);
			return false;
		}
		while (n->q.kind == K_NET && x.addr && !(x.addr & 0xff000000)) {
			x.addr <<= 8;
			x.mask <<= 8;
		}
		VEC_PUSH(g->a, &ids->v4, x);
		return true;
	case K_PORT: case K_PORTRANGE:
		proto = port_proto(g, n);
		return proto && add_ports(g, ids, n->v, n->v, proto);
	case K_PROTO: case K_PROTOCHAIN: return add_proto(g, n, ids, n->v);
	case K_GATEWAY:
		gen_bad(g, "'gateway' needs the name of a host");
		return false;
	}
	return bad_place(g, n, "this number");
}

static bool
add_aid(Gen *g, Ast *n, Ids *ids)
{
	u8 v = (u8)strtoul(n->text + 1, NULL, 16);

	/* libpcap reads the '$' as a digit, and so compares with 0xd0 + the first digit */
	if (!g->o->scoped)
		v = (u8)(0xd0 | (strlen(n->text) > 2 ? v >> 4 : v));

	if (gen_link(g)->family != L_ARCNET) {
		gen_bad(g, "addresses such as %s are for ARCnet", n->text);
		return false;
	}
	if (n->q.proto != P_LINK || (n->q.kind != K_NONE && n->q.kind != K_HOST)) {
		gen_bad(g, "an ARCnet address is an address of the link layer");
		diag_hint(g->d, "write 'link host %s'", n->text);
		return false;
	}
	return add_other(g, ids, gen_arcnet(g, v, n->q.dir));
}

/* @FILE: ids, and comments from # to the end of a line. */
static bool
add_file(Gen *g, Ast *n, Ids *ids)
{
	const char *path = n->text + 1;
	Buf b = {0};
	int err = host_read(path, &b);
	char *text;
	size_t size = b.n;
	u32 count;
	Token *tok;
	Ast *set;

	if (err) {
		gen_bad(g, "%s: %s", path, strerror(-err));
		buf_free(&b);
		return false;
	}
	text = arena_str(g->a, b.p ? b.p : "", size);
	buf_free(&b);
	for (char *p = text; (p = strchr(p, '#')); )
		while (*p && *p != '\n')
			*p++ = ' ';
	tok = filt_lex(g->a, g->d, path, text, size, &count);
	set = tok ? filt_parse_ids(g->a, g->d, tok, n->q) : NULL;
	if (!set)
		g->failed = true;
	return set && add(g, set, ids);
}

static bool
add(Gen *g, Ast *n, Ids *ids)
{
	u32 v;

	g->at = n->at;
	switch (n->kind) {
	case A_NAME: return add_name(g, n, ids);
	case A_NUM: return add_number(g, n, ids);
	case A_V4:
		if (n->q.proto == P_DECNET && is_addr(n->q) && !n->masked)
			return decnet_number(g, n, &v) && add_other(g, ids, gen_decnet_host(g, v, n->q.dir));
		return add_v4(g, n, ids);
	case A_V6: return add_v6(g, n, ids);
	case A_MAC: return add_mac(g, n, ids, NULL);
	case A_AID: return add_aid(g, n, ids);
	case A_SET:
		if (n->text)
			return add_file(g, n, ids);
		for (u32 i = 0; i < n->list.n; i++)
			if (!add(g, n->list.v[i], ids))
				return false;
		return true;
	}
	return false;
}

static Bool *
finish(Gen *g, Ids *ids, Qual q)
{
	Bool *b = ids->other;

	if (ids->v4.n)
		b = either(g, b, gen_host4(g, ids->v4.v, ids->v4.n, q));
	if (ids->v6.n)
		b = either(g, b, gen_host6(g, ids->v6.v, ids->v6.n, q));
	for (u32 i = 0; ids->ports && i < 4; i++)
		if (ids->port[i].r.n)
			b = either(g, b, gen_ports(g, set_of(g->a, ids->port[i].r.v, ids->port[i].r.n), ids->port[i].proto, q.dir));
	for (u32 i = 0; i < ids->mac.n; i++)
		b = either(g, b, gen_mac(g, ids->mac.v[i], q.dir));
	return b ? b : b_const(g, false);
}

Bool *
gen_id(Gen *g, Ast *n)
{
	Ids ids = {0};

	return add(g, n, &ids) ? finish(g, &ids, n->q) : b_const(g, false);
}

Bool *
gen_ids(Gen *g, Ast **n, u32 count)
{
	Ids ids = {0};
	bool ok = true;

	for (u32 i = 0; i < count; i++)
		ok = add(g, n[i], &ids) && ok;
	g->at = n[0]->at;
	return ok ? finish(g, &ids, n[0]->q) : b_const(g, false);
}

/* 1: IPv4 addresses, 3: IPv6, 2: ports given as numbers, 0: neither */
static u32
class(const Ast *n)
{
	u32 lo, hi;

	if (n->kind == A_V4 || n->kind == A_V6 || n->kind == A_NUM)
		if (is_addr(n->q) && n->q.proto != P_DECNET)
			return n->kind == A_V6 ? 3 : 1;
	if (n->q.kind != K_PORT && n->q.kind != K_PORTRANGE)
		return 0;
	return n->kind == A_NUM || (n->kind == A_NAME && n->q.kind == K_PORTRANGE && number_range(n->text, &lo, &hi)) ? 2 : 0;
}

bool
gen_alike(const Ast *x, const Ast *y)
{
	/* "src and dst host A or B" is not "both of A and B": each side would be any of the two */
	return class(x) && class(x) == class(y) && x->q.proto == y->q.proto && x->q.dir == y->q.dir && x->q.dir != D_AND;
}
