/* gen_type: what protocol the link layer says that it carries, for each family of link types. */
#include "filt/gen.h"

static Bool *
snap(Gen *g, u32 org, u32 type)
{
	u8 v[8] = { 0xaa, 0xaa, 0x03, (u8)(org >> 16), (u8)(org >> 8), (u8)org, (u8)(type >> 8), (u8)type };

	return eq_bytes(g, ld_pl, 0, v, 8);
}

static Bool *
snap_apple(Gen *g, u32 proto)
{
	return proto == ET_ATALK ? snap(g, 0x080007, ET_ATALK) : snap(g, 0, ET_AARP);
}

static bool
both_saps(u32 proto)
{
	return proto == SAP_ISO || proto == SAP_IP || proto == SAP_NETBEUI;
}

static Bool *
ether_type(Gen *g, u32 proto)
{
	Bool *is_len = b_not(g, b_cmp(g, BPF_JGT, ld_type(g, 0, 2), ETHER_MAX)), *b;

	if (both_saps(proto))
		return b_and(g, is_len, b_eq(g, ld_pl(g, 0, 2), proto << 8 | proto));
	if (proto == SAP_IPX) {
		b = b_or(g, b_eq(g, ld_pl(g, 0, 1), SAP_IPX), b_eq(g, ld_pl(g, 0, 2), 0xffff));
		b = b_and(g, is_len, b_or(g, snap(g, 0, ET_IPX), b));
		return b_or(g, b_eq(g, ld_type(g, 0, 2), ET_IPX), b);
	}
	if (proto == ET_ATALK || proto == ET_AARP)
		return b_or(g, b_eq(g, ld_type(g, 0, 2), proto), b_and(g, is_len, snap_apple(g, proto)));
	if (proto <= ETHER_MAX)
		return b_and(g, is_len, b_eq(g, ld_type(g, 2, 1), proto));
	return b_eq(g, ld_type(g, 0, 2), proto);
}

static Bool *
sll_type(Gen *g, u32 proto)
{
	Bool *is_llc = b_eq(g, ld_type(g, 0, 2), 4), *b;

	if (both_saps(proto))
		return b_and(g, is_llc, b_eq(g, ld_pl(g, 0, 2), proto << 8 | proto));
	if (proto == SAP_IPX) {
		b = b_or(g, b_eq(g, ld_pl(g, 0, 1), SAP_IPX), snap(g, 0, ET_IPX));
		b = b_or(g, b_eq(g, ld_type(g, 0, 2), 1), b_and(g, is_llc, b));
		return b_or(g, b_eq(g, ld_type(g, 0, 2), ET_IPX), b);
	}
	if (proto == ET_ATALK || proto == ET_AARP)
		return b_or(g, b_eq(g, ld_type(g, 0, 2), proto), b_and(g, is_llc, snap_apple(g, proto)));
	if (proto <= ETHER_MAX)
		return b_and(g, is_llc, b_eq(g, ld_hdr(g, g->l.pl.k, 1), proto));
	return b_eq(g, ld_type(g, 0, 2), proto);
}

static Bool *
llc_type(Gen *g, u32 proto)
{
	if (both_saps(proto))
		return b_eq(g, ld_pl(g, 0, 2), proto << 8 | proto);
	if (proto == ET_ATALK)
		return snap(g, 0x080007, ET_ATALK);
	return proto <= ETHER_MAX ? b_eq(g, ld_pl(g, 0, 1), proto) : b_eq(g, ld_pl(g, 6, 2), proto);
}

static u32
ppp_type(u32 proto)
{
	static const u32 rows[][2] = { { ET_IP, 0x21 }, { ET_IP6, 0x57 }, { ET_DECNET, 0x27 }, { ET_ATALK, 0x29 },
		{ ET_NS, 0x25 }, { SAP_ISO, 0x23 }, { SAP_STP, 0x31 }, { SAP_IPX, 0x2b } };

	for (size_t i = 0; i < COUNT(rows); i++)
		if (rows[i][0] == proto)
			return rows[i][1];
	return proto;
}

/* The address family in front of packets of loopback devices, in the byte order of the machine that wrote it. */
static Bool *
family_is(Gen *g, u32 af)
{
	if (g->l.linktype != DL_LOOP) {
		if (g->o->savefile && g->o->swapped)
			af = __builtin_bswap32(af);
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
		af = __builtin_bswap32(af);
#endif
	}
	return b_eq(g, ld_hdr(g, 0, 4), af);
}

static Bool *
loop_type(Gen *g, u32 proto)
{
	if (proto == ET_IP)
		return family_is(g, 2);
	if (proto != ET_IP6)
		return b_const(g, false);
	if (!g->o->savefile)
		return family_is(g, 10);
	/* NetBSD and OpenBSD, FreeBSD, macOS */
	return b_or(g, family_is(g, 30), b_or(g, family_is(g, 24), family_is(g, 28)));
}

static Bool *
arcnet_type(Gen *g, u32 proto)
{
	Ex *e = ld_type(g, 0, 1);

	switch (proto) {
	case ET_IP6: return b_eq(g, e, 0xc4);
	case ET_IP: return b_or(g, b_eq(g, e, 212), b_eq(g, e, 240));
	case ET_ARP: return b_or(g, b_eq(g, e, 213), b_eq(g, e, 241));
	case ET_RARP: return b_eq(g, e, 214);
	case ET_ATALK: return b_eq(g, e, 221);
	}
	return b_const(g, false);
}

static Bool *
frelay_type(Gen *g, u32 proto)
{
	Ex *e = ld_hdr(g, 2, 2);

	switch (proto) {
	case ET_IP: return b_eq(g, e, 0x3cc);
	case ET_IP6: return b_eq(g, e, 0x38e);
	case SAP_ISO: return b_or(g, b_eq(g, e, 0x381), b_or(g, b_eq(g, e, 0x382), b_eq(g, e, 0x383)));
	}
	return b_const(g, false);
}

static Bool *
mpls_type(Gen *g, u32 proto)
{
	u32 version = proto == ET_IP ? 0x40 : 0x60;

	if (proto != ET_IP && proto != ET_IP6)
		return gen_bad(g, "only IPv4 and IPv6 can be told apart behind an MPLS label");
	/* The last label has its bottom-of-stack bit set. */
	return b_and(g, b_masked(g, ld_net(g, (u32)-2, 1), 1, 1), b_masked(g, ld_net(g, 0, 1), 0xf0, version));
}

/* Packets around which there is something to look at first. */
static Bool *
outer_check(Gen *g)
{
	if (g->l.geneve)
		return gen_geneve_has_header(g);
	if (g->l.prevtype == DL_SUNATM)
		return b_not(g, b_eq(g, ld_at(g, &g->l.prevhdr, 4, 2), 0xff00));
	return NULL;
}

/* Does the link layer say that its payload is `proto` (an Ethernet type, or an LLC SAP <= 255)? */
Bool *
gen_linktype(Gen *g, u32 proto)
{
	const LinkRow *row = gen_link(g);

	if (g->l.mpls)
		return mpls_type(g, proto);
	switch (row->family) {
	case L_ETHER: return b_and(g, g->l.geneve ? NULL : outer_check(g), ether_type(g, proto));
	case L_HDLC: return b_eq(g, ld_type(g, 0, 2), proto == SAP_ISO ? 0xfefe : proto);
	case L_WLAN: return b_and(g, gen_wlan_data(g), llc_type(g, proto));
	case L_LLC: return llc_type(g, proto);
	case L_SUNATM: return b_and(g, b_masked(g, ld_hdr(g, 0, 1), 0x0f, 2), llc_type(g, proto));
	case L_SLL: return sll_type(g, proto);
	case L_RAW:
		if (proto != ET_IP && proto != ET_IP6)
			return b_const(g, false);
		return b_masked(g, ld_hdr(g, 0, 1), 0xf0, proto == ET_IP ? 0x40 : 0x60);
	case L_V4ONLY: return b_const(g, proto == ET_IP);
	case L_V6ONLY: return b_const(g, proto == ET_IP6);
	case L_PPP: return b_eq(g, ld_type(g, 0, 2), ppp_type(proto));
	case L_PPP_BSDOS:
		if (proto == ET_IP)
			return b_or(g, b_or(g, b_eq(g, ld_type(g, 0, 2), 0x21), b_eq(g, ld_type(g, 0, 2), 0x2d)),
				b_eq(g, ld_type(g, 0, 2), 0x2f));
		return b_eq(g, ld_type(g, 0, 2), ppp_type(proto));
	case L_LOOP: return loop_type(g, proto);
	case L_PFLOG:
		if (proto != ET_IP && proto != ET_IP6)
			return b_const(g, false);
		return b_eq(g, ld_hdr(g, 1, 1), proto == ET_IP ? 2 : 10);
	case L_ARCNET: return arcnet_type(g, proto);
	case L_LTALK: return b_const(g, proto == ET_ATALK);
	case L_FRELAY: return frelay_type(g, proto);
	case L_JUNIPER: return b_masked(g, ld_hdr(g, 0, 4), 0xffffff00, 0x4d474300);
	case L_BACNET: return b_masked(g, ld_hdr(g, 0, 4), 0xffff0000, 0x55ff0000);
	case L_IPNET:
		return proto == ET_IP || proto == ET_IP6 ? b_eq(g, ld_type(g, 0, 1), proto == ET_IP ? 2 : 26) :
			b_const(g, false);
	case L_OTHER: return b_eq(g, ld_type(g, 0, 2), proto);
	}
	return gen_bad(g, "packets of %s do not say what protocol they carry", row->name);
}
