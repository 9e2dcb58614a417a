/* gen_addr: tests of hosts, networks, ports and MAC addresses, and of sets of them. */
#include "filt/gen.h"

#include <stdlib.h>


static Bool *
either(Gen *g, Bool *x, Bool *y)
{
	return !x ? y : !y ? x : b_or(g, x, y);
}

/* one(k) at the source's, the destination's or both places. */
#define BY_DIR(g, dir, src, dst) \
	((dir) == D_SRC ? (src) : (dir) == D_DST ? (dst) : (dir) == D_AND ? b_and((g), (src), (dst)) : b_or((g), (src), (dst)))

static bool
dir_is_plain(Gen *g, Dir dir, const char *what)
{
	if (dir <= D_AND)
		return true;
	gen_bad(g, "addr1 to addr4, ra and ta are for MAC addresses of 802.11 frames, not for %s", what);
	return false;
}

/* ---- IPv4 ---- */

static bool
is_prefix(u32 mask)
{
	return (~mask & (~mask + 1)) == 0;
}

static Bool *
net4_at(Gen *g, u32 off, const Net4 *n, u32 count)
{
	Ex *e = ld_net(g, off, 4);
	Bool *odd = NULL;
	Range *r = NEW_N(g->a, Range, count);
	u32 k = 0;

	if (count == 1)
		return b_masked(g, e, n->mask, n->addr);
	for (u32 i = 0; i < count; i++) {
		if (is_prefix(n[i].mask))
			r[k++] = (Range){ n[i].addr, n[i].addr | ~n[i].mask };
		else
			odd = either(g, odd, b_masked(g, e, n[i].mask, n[i].addr));
	}
	return either(g, k ? b_in(g, e, set_of(g->a, r, k)) : NULL, odd);
}

Bool *
gen_host4(Gen *g, const Net4 *n, u32 count, Qual q)
{
	Bool *ip = NULL, *arp = NULL;

	if (!dir_is_plain(g, q.dir, "IPv4 addresses"))
		return b_const(g, false);
	if (q.proto != P_NONE && q.proto != P_IP && q.proto != P_ARP && q.proto != P_RARP) {
		if (q.proto == P_LINK)
			return gen_bad(g, "an IPv4 address is no address of the link layer");
		gen_bad(g, "'%s' and an IPv4 address do not go together", filt_proto_name(q.proto));
		diag_hint(g->d, "write '%s and host ...'", filt_proto_name(q.proto));
		return b_const(g, false);
	}
	if (q.proto == P_NONE || q.proto == P_IP) {
		ip = gen_linktype(g, ET_IP);
		ip = b_and(g, ip, BY_DIR(g, q.dir, net4_at(g, 12, n, count), net4_at(g, 16, n, count)));
	}
	if (q.proto == P_ARP || q.proto == P_RARP)
		arp = gen_linktype(g, q.proto == P_ARP ? ET_ARP : ET_RARP);
	else if (q.proto == P_NONE && !g->l.mpls)
		arp = b_or(g, gen_linktype(g, ET_ARP), gen_linktype(g, ET_RARP));
	if (arp)
		arp = b_and(g, arp, BY_DIR(g, q.dir, net4_at(g, 14, n, count), net4_at(g, 24, n, count)));
	return either(g, ip, arp);
}

/* DECnet addresses stand in a short or a long header, each with or without padding before it. */
static Bool *
decnet_at(Gen *g, u32 addr, bool src)
{
	u32 swapped = (addr & 0xff) << 8 | addr >> 8, in_short = src ? 3 : 1, in_long = src ? 15 : 7;
	Bool *b;

	b = b_and(g, b_masked(g, ld_net(g, 2, 2), 0xff07, 0x8106), b_eq(g, ld_net(g, 3 + in_long, 2), swapped));
	b = b_or(g, b_and(g, b_masked(g, ld_net(g, 2, 1), 7, 6), b_eq(g, ld_net(g, 2 + in_long, 2), swapped)), b);
	b = b_or(g, b_and(g, b_masked(g, ld_net(g, 2, 2), 0xff07, 0x8102),
		b_eq(g, ld_net(g, 3 + in_short, 2), swapped)), b);
	return b_or(g, b_and(g, b_masked(g, ld_net(g, 2, 1), 7, 2), b_eq(g, ld_net(g, 2 + in_short, 2), swapped)), b);
}

Bool *
gen_decnet_host(Gen *g, u32 addr, Dir dir)
{
	if (!dir_is_plain(g, dir, "DECnet addresses"))
		return b_const(g, false);
	Bool *type = gen_linktype(g, ET_DECNET);
	return b_and(g, type, BY_DIR(g, dir, decnet_at(g, addr, true), decnet_at(g, addr, false)));
}

/* ---- IPv6 ---- */

static int
by_addr(const void *x, const void *y)
{
	const u32 *a = ((const Net6 *)x)->addr, *b = ((const Net6 *)y)->addr;

	for (u32 i = 0; i < 4; i++)
		if (a[i] != b[i])
			return a[i] < b[i] ? -1 : 1;
	return 0;
}

/* Words i.. of addresses that agree in the words before. Whole words are found by bisection. */
static Bool *
net6_words(Gen *g, u32 off, const Net6 *n, u32 count, u32 i)
{
	u32 first = 0, values = 0, mid = 0;
	Ex *e;

	if (i == 4)
		return b_const(g, true);
	e = ld_net(g, off + 4 * i, 4);
	if (count == 1)
		return b_and(g, b_masked(g, e, n->mask[i], n->addr[i]), net6_words(g, off, n, 1, i + 1));
	for (u32 j = 0; j < count; j++)
		values += !j || n[j].addr[i] != n[j - 1].addr[i];
	if (values == 1)
		return b_and(g, b_eq(g, e, n->addr[i]), net6_words(g, off, n, count, i + 1));
	if (i == 3) {
		Range *r = NEW_N(g->a, Range, count);

		for (u32 j = 0; j < count; j++)
			r[j] = (Range){ n[j].addr[3], n[j].addr[3] };
		return b_in(g, e, set_of(g->a, r, count));
	}
	for (u32 j = 1, v = 1; j < count; j++) {
		if (n[j].addr[i] == n[j - 1].addr[i])
			continue;
		if (v++ == values / 2) {
			first = j;
			mid = n[j].addr[i];
		}
	}
	return b_if(g, e, set_range(g->a, 0, mid - 1), net6_words(g, off, n, first, i),
		net6_words(g, off, n + first, count - first, i));
}

static Bool *
net6_at(Gen *g, u32 off, Net6 *n, u32 count)
{
	Bool *b = NULL;
	Net6 *whole = NEW_N(g->a, Net6, count);
	u32 k = 0;

	for (u32 i = 0; i < count; i++) {
		if (count > 4 && n[i].mask[3] == 0xffffffffu)
			whole[k++] = n[i];
		else
			b = either(g, b, net6_words(g, off, &n[i], 1, 0));
	}
	if (k) {
		qsort(whole, k, sizeof(*whole), by_addr);
		b = either(g, b, net6_words(g, off, whole, k, 0));
	}
	return b;
}

Bool *
gen_host6(Gen *g, Net6 *n, u32 count, Qual q)
{
	Bool *ip6;

	if (!dir_is_plain(g, q.dir, "IPv6 addresses"))
		return b_const(g, false);
	if (q.proto != P_NONE && q.proto != P_IP6) {
		gen_bad(g, "'%s' and an IPv6 address do not go together", filt_proto_name(q.proto));
		return b_const(g, false);
	}
	ip6 = gen_linktype(g, ET_IP6);
	return b_and(g, ip6, BY_DIR(g, q.dir, net6_at(g, 8, n, count), net6_at(g, 24, n, count)));
}

/* ---- ports ---- */

Bool *
gen_port_half(Gen *g, bool v6, const Set *ports, u32 proto, Dir dir)
{
	static const Range all[] = { { 6, 6 }, { 17, 17 }, { 132, 132 } };
	Range r[3];
	Bool *b = gen_linktype(g, v6 ? ET_IP6 : ET_IP);
	u32 n = proto == PORT_ANY ? 3 : 1;

	for (u32 i = 0; i < n; i++)
		r[i] = proto == PORT_ANY ? all[i] : (Range){ proto, proto };
	if (v6 && g->o->scoped)
		b = b_and(g, b, b_and(g, gen_walk(g), gen_walked(g, set_of(g->a, r, n), false)));
	else
		b = b_and(g, b, b_in(g, ld_net(g, v6 ? 6 : 9, 1), set_of(g->a, r, n)));
	if (!v6)
		b = b_and(g, b, gen_first_fragment(g));
	return b_and(g, b, BY_DIR(g, dir, b_in(g, ld_tran(g, v6, 0, 2), ports), b_in(g, ld_tran(g, v6, 2, 2), ports)));
}

Bool *
gen_ports(Gen *g, const Set *ports, u32 proto, Dir dir)
{
	if (!dir_is_plain(g, dir, "ports"))
		return b_const(g, false);
	return b_or(g, gen_port_half(g, true, ports, proto, dir), gen_port_half(g, false, ports, proto, dir));
}

/* ---- MAC addresses ---- */

static Bool *
mac_at(Gen *g, u32 src, u32 dst, const u8 *mac, u32 n, Dir dir)
{
	if (!dir_is_plain(g, dir, "other links"))
		return b_const(g, false);
	return BY_DIR(g, dir, eq_bytes(g, ld_hdr, src, mac, n), eq_bytes(g, ld_hdr, dst, mac, n));
}

Bool *
gen_mac(Gen *g, const u8 mac[6], Dir dir)
{
	const LinkRow *r = gen_link(g);
	Bool *outer = NULL;

	switch (r->family) {
	case L_ETHER:
		if (g->l.geneve)
			outer = gen_geneve_has_header(g);
		else if (g->l.prevtype == DL_SUNATM)
			outer = b_not(g, b_eq(g, ld_at(g, &g->l.prevhdr, 4, 2), 0xff00));
		return b_and(g, outer, mac_at(g, 6, 0, mac, 6, dir));
	case L_WLAN: return gen_wlan_mac(g, mac, dir);
	}
	switch (r->number) {
	case DL_FDDI: return mac_at(g, 7, 1, mac, 6, dir);
	case DL_IEEE802: return mac_at(g, 8, 2, mac, 6, dir);
	case DL_IP_OVER_FC: return mac_at(g, 10, 2, mac, 6, dir);
	}
	return gen_bad(g, "packets of %s have no MAC addresses to compare", r->name);
}

Bool *
gen_arcnet(Gen *g, u8 v, Dir dir)
{
	return mac_at(g, 0, 1, &v, 1, dir);
}
