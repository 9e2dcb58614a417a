/* gen_link: primitives that belong to one kind of link: 802.11, LLC, ATM, SS7, pf's log, broadcast and direction. */
#include "filt/gen.h"

/* ---- 802.11 ---- */

static Ex *frame_control(Gen *g) { return ld_hdr(g, 0, 1); }
static Ex *frame_flags(Gen *g) { return ld_hdr(g, 1, 1); }

Bool *
gen_wlan_data(Gen *g)
{
	return b_and(g, b_not(g, b_any(g, frame_control(g), 4)), b_any(g, frame_control(g), 8));
}

static Bool *
wlan_bytes(Gen *g, u32 off, const u8 *mac)
{
	return mac ? eq_bytes(g, ld_hdr, off, mac, 6) : b_any(g, ld_hdr(g, off, 1), 1);
}

/* Which address field is the source or destination depends on the bits to-DS (1) and from-DS (2). mac NULL: is it a
 * group's address? */
static Bool *
wlan_dst(Gen *g, const u8 *mac)
{
	Bool *to_ds = b_any(g, frame_flags(g), 1);
	Bool *data = b_or(g, b_and(g, b_not(g, to_ds), wlan_bytes(g, 4, mac)), b_and(g, to_ds, wlan_bytes(g, 16, mac)));
	Bool *is_data = b_any(g, frame_control(g), 8);
	Bool *b = b_or(g, b_and(g, b_not(g, is_data), wlan_bytes(g, 4, mac)), b_and(g, is_data, data));

	return b_and(g, b_not(g, b_any(g, frame_control(g), 4)), b);
}

static Bool *
wlan_src(Gen *g, const u8 *mac)
{
	Bool *to_ds = b_any(g, frame_flags(g), 1), *from_ds = b_any(g, frame_flags(g), 2);
	Bool *far = b_or(g, b_and(g, b_not(g, to_ds), wlan_bytes(g, 16, mac)), b_and(g, to_ds, wlan_bytes(g, 24, mac)));
	Bool *data = b_or(g, b_and(g, b_not(g, from_ds), wlan_bytes(g, 10, mac)), b_and(g, from_ds, far));
	Bool *is_data = b_any(g, frame_control(g), 8);
	Bool *b = b_or(g, b_and(g, b_not(g, is_data), wlan_bytes(g, 10, mac)), b_and(g, is_data, data));

	return b_and(g, b_not(g, b_any(g, frame_control(g), 4)), b);
}

/* CTS and ACK are the control frames with only one address. */
static Bool *
wlan_has_two(Gen *g)
{
	Bool *control = b_masked(g, frame_control(g), 0x0c, 4);

	return b_or(g, b_not(g, control), b_and(g, b_not(g, b_masked(g, frame_control(g), 0xf0, 0xc0)),
		b_not(g, b_masked(g, frame_control(g), 0xf0, 0xd0))));
}

Bool *
gen_wlan_mac(Gen *g, const u8 mac[6], Dir dir)
{
	switch (dir) {
	case D_SRC: return wlan_src(g, mac);
	case D_DST: return wlan_dst(g, mac);
	case D_AND: return b_and(g, wlan_src(g, mac), wlan_dst(g, mac));
	case D_NONE: case D_OR: return b_or(g, wlan_src(g, mac), wlan_dst(g, mac));
	case D_ADDR1: return wlan_bytes(g, 4, mac);
	case D_ADDR2: return b_and(g, wlan_has_two(g), wlan_bytes(g, 10, mac));
	case D_ADDR3: return b_and(g, b_not(g, b_masked(g, frame_control(g), 0x0c, 4)), wlan_bytes(g, 16, mac));
	case D_ADDR4: return b_and(g, b_masked(g, frame_flags(g), 3, 3), wlan_bytes(g, 24, mac));
	case D_RA: return b_and(g, b_any(g, frame_control(g), 8), wlan_bytes(g, 4, mac));
	case D_TA: return b_and(g, b_and(g, b_any(g, frame_control(g), 8), wlan_has_two(g)), wlan_bytes(g, 10, mac));
	}
	return b_const(g, false);
}

static Bool *
wlan_type(Gen *g, Ast *n)
{
	if (gen_link(g)->family != L_WLAN || g->l.linktype == DL_PPI)
		return gen_bad(g, "frame types and directions are those of 802.11; these are packets of %s", gen_link(g)->name);
	if (n->kind == A_WDIR)
		return b_masked(g, frame_flags(g), 3, n->v);
	return b_masked(g, frame_control(g), n->v2, n->v);
}

/* ---- LLC ---- */

static Bool *
has_llc(Gen *g)
{
	const LinkRow *r = gen_link(g);

	if (r->number == DL_EN10MB)
		return b_and(g, b_not(g, b_cmp(g, BPF_JGT, ld_type(g, 0, 2), 1500)), b_not(g, b_eq(g, ld_pl(g, 0, 2), 0xffff)));
	if (r->number == DL_SUNATM)
		return gen_atm_llc(g);
	if (r->number == DL_IEEE802 || r->number == DL_FDDI || r->number == DL_ATM_RFC1483)
		return b_const(g, true);
	if (r->family == L_WLAN)
		return gen_wlan_data(g);
	return gen_bad(g, "packets of %s have no LLC header", r->name);
}

static Bool *
llc(Gen *g, Ast *n)
{
	Bool *b = has_llc(g);
	Ex *control = ld_pl(g, 2, 1);
	int v;

	if (!n->text)
		return b;
	if (!strcasecmp(n->text, "i"))
		return b_and(g, b, b_not(g, b_any(g, control, 1)));
	if (!strcasecmp(n->text, "s"))
		return b_and(g, b, b_masked(g, control, 3, 1));
	if (!strcasecmp(n->text, "u"))
		return b_and(g, b, b_masked(g, control, 3, 3));
	v = filt_row(filt_llc_s, n->text);
	if (v >= 0)
		return b_and(g, b, b_masked(g, control, 0x0f, (u32)v));
	return b_and(g, b, b_masked(g, control, 0xef, (u32)filt_row(filt_llc_u, n->text)));
}

/* ---- ATM: VPI in byte 1, VCI in bytes 2 and 3, the payload from byte 4 ---- */

static Bool *
atm(Gen *g, u32 vpi, u32 vci)
{
	return b_and(g, b_eq(g, ld_hdr(g, 1, 1), vpi), b_eq(g, ld_hdr(g, 2, 2), vci));
}

Bool *
gen_atm_llc(Gen *g)
{
	Bool *b = b_masked(g, ld_hdr(g, 0, 1), 0x0f, 2);

	g->l.linktype = g->l.prevtype;
	return b;
}

/* Ethernet frames behind the two bytes of LAN emulation. */
static Bool *
atm_lane(Gen *g)
{
	Bool *b = b_masked(g, ld_hdr(g, 0, 1), 0x0f, 1);
	Layout *l = &g->l;

	l->prevtype = l->linktype;
	l->prevhdr = l->hdr;
	l->linktype = DL_EN10MB;
	l->hdr = (Off){ .cell = -1, .k = 6 };
	l->type = (Off){ .cell = -1, .k = 18 };
	l->pl = (Off){ .cell = -1, .k = 20 };
	l->nl = 0;
	l->nl_nosnap = 3;
	l->geneve = false;
	return b;
}

static Bool *
atm_messages(Gen *g, const u8 *types, u32 n, u32 vci)
{
	Range r[8];

	for (u32 i = 0; i < n; i++)
		r[i] = (Range){ types[i], types[i] };
	return b_and(g, atm(g, 0, vci), b_in(g, ld_hdr(g, 9, 1), set_of(g->a, r, n)));
}

static Bool *
atm_primitive(Gen *g, u32 what)
{
	static const u8 connect[] = { 0x05, 0x02, 0x07, 0x0f, 0x4d, 0x5a }, meta[] = { 0x05, 0x02, 0x07, 0x4d, 0x5a };

	if (g->outertype != DL_SUNATM)
		return gen_bad(g, "this is a test for raw ATM; these are packets of %s", gen_link(g)->name);
	switch (what) {
	case ATM_LANE: return atm_lane(g);
	case ATM_METAC: return atm(g, 0, 1);
	case ATM_BCC: return atm(g, 0, 2);
	case ATM_OAMF4SC: return atm(g, 0, 3);
	case ATM_OAMF4EC: return atm(g, 0, 4);
	case ATM_SC: return atm(g, 0, 5);
	case ATM_ILMIC: return atm(g, 0, 16);
	case ATM_CONNECTMSG: return atm_messages(g, connect, COUNT(connect), 5);
	case ATM_METACONNECT: return atm_messages(g, meta, COUNT(meta), 1);
	}
	return b_and(g, b_eq(g, ld_hdr(g, 1, 1), 0), b_in(g, ld_hdr(g, 2, 2), set_range(g->a, 3, 4)));
}

/* In libpcap `!=` on a field of ATM or SS7 is `=`. */
static bool
negated(const Ast *n)
{
	return n->flag && n->op != BPF_JEQ;
}

static Bool *
atm_field(Gen *g, Ast *n)
{
	Bool *b;

	if (g->outertype != DL_SUNATM)
		return gen_bad(g, "vpi and vci are of raw ATM; these are packets of %s", gen_link(g)->name);
	b = b_cmp(g, n->op, n->v == ATM_VPI ? ld_hdr(g, 1, 1) : ld_hdr(g, 2, 2), n->v2);
	return negated(n) ? b_not(g, b) : b;
}

/* ---- SS7: offsets of the length, and of the fields of MTP3 ---- */

static u32
mtp_base(int linktype)
{
	return linktype == DL_MTP2 ? 2 : linktype == DL_MTP2_PHDR ? 6 : 22;
}

static Bool *
ss7(Gen *g, u32 what)
{
	bool high = what >= SS7_HFISU;
	u32 base = mtp_base(g->l.linktype), unit = high ? 0x100 : 1;
	Ex *li;

	if (gen_link(g)->family != L_MTP2)
		return gen_bad(g, "this is a test for SS7; these are packets of %s", gen_link(g)->name);
	li = high ? ex_ld(g->g, 2, NULL, base + 2) : ex_ld(g->g, 1, NULL, base);
	li = ex_alu(g->g, BPF_AND, li, ex_imm(g->g, high ? 0xff80 : 0x3f));
	switch (what) {
	case SS7_FISU: case SS7_HFISU: return b_eq(g, li, 0);
	case SS7_LSSU: return b_in(g, li, set_range(g->a, 1, 2));
	case SS7_HLSSU: return b_in(g, li, set_range(g->a, 1, unit));
	}
	return b_cmp(g, BPF_JGT, li, high ? unit : 2);
}

static Bool *
ss7_field(Gen *g, Ast *n)
{
	u32 base = mtp_base(g->l.linktype), v = n->v2, max, value = 0;
	bool high = n->v >= SS7_HSIO;
	u32 what = high ? n->v - SS7_HSIO + SS7_SIO : n->v;
	Ex *e = NULL;
	Bool *b;

	if (gen_link(g)->family != L_MTP2)
		return gen_bad(g, "this is a test for SS7; these are packets of %s", gen_link(g)->name);
	max = what == SS7_SIO ? 255 : what == SS7_SLS ? 15 : 16383;
	if (v > max)
		return gen_bad(g, "%u is more than %u, the largest value", v, max);
	base += high ? 3 : 0;
	switch (what) {
	case SS7_SIO:
		e = ex_ld(g->g, 1, NULL, base + 1);
		value = v;
		break;
	case SS7_OPC:
		e = ex_alu(g->g, BPF_AND, ex_ld(g->g, 4, NULL, base + 2), ex_imm(g->g, 0x00c0ff0f));
		value = (v & 0x3c00) >> 10 | (v & 0x3fc) << 6 | (v & 3) << 22;
		break;
	case SS7_DPC:
		e = ex_alu(g->g, BPF_AND, ex_ld(g->g, 4, NULL, base + 2), ex_imm(g->g, 0xff3f0000));
		value = (v & 0xff) << 24 | (v & 0x3f00) << 8;
		break;
	case SS7_SLS:
		e = ex_alu(g->g, BPF_AND, ex_ld(g->g, 1, NULL, base + 5), ex_imm(g->g, 0xf0));
		value = v << 4;
		break;
	}
	b = b_cmp(g, n->op, e, value);
	return negated(n) ? b_not(g, b) : b;
}

/* ---- pf's log: names at 4 and 20, numbers behind ---- */

static Bool *
pf(Gen *g, Ast *n)
{
	static const struct { u32 off, size; } field[] = { [PF_IFNAME] = { 4, 16 }, [PF_RSET] = { 20, 16 },
		[PF_RNR] = { 36, 4 }, [PF_SRNR] = { 40, 4 }, [PF_REASON] = { 3, 1 }, [PF_ACTION] = { 2, 1 } };

	if (g->l.linktype != DL_PFLOG)
		return gen_bad(g, "this is a test for pf's log; these are packets of %s", gen_link(g)->name);
	if (!n->text)
		return b_eq(g, ld_hdr(g, field[n->v].off, field[n->v].size), n->v2);
	if (strlen(n->text) >= field[n->v].size) {
		g->at = n->at2;
		return gen_bad(g, "'%s' is longer than the 15 characters that a name can have", n->text);
	}
	return eq_bytes(g, ld_hdr, field[n->v].off, (const u8 *)n->text, (u32)strlen(n->text));
}

/* ---- broadcast, multicast, direction ---- */

static Bool *
group(Gen *g, Ast *n)
{
	static const u8 all[6] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };
	const LinkRow *r = gen_link(g);
	bool broadcast = n->kind == A_BROADCAST;
	u32 at;

	if (r->family == L_ARCNET)
		return b_eq(g, ld_hdr(g, 1, 1), 0);
	if (broadcast && (r->family == L_ETHER || r->family == L_WLAN || r->number == DL_FDDI ||
	    r->number == DL_IEEE802 || r->number == DL_IP_OVER_FC))
		return gen_mac(g, all, D_DST);
	if (!broadcast && r->family == L_WLAN)
		return wlan_dst(g, NULL);
	at = r->family == L_ETHER ? 0 : r->number == DL_FDDI ? 1 : 2;
	if (!broadcast && r->family == L_ETHER && g->l.geneve)
		return b_and(g, gen_geneve_has_header(g), b_any(g, ld_hdr(g, 0, 1), 1));
	if (!broadcast && (r->family == L_ETHER || r->number == DL_FDDI || r->number == DL_IEEE802 ||
	    r->number == DL_IP_OVER_FC))
		return b_any(g, ld_hdr(g, at, 1), 1);
	return gen_bad(g, "packets of %s have no %s addresses", r->name, broadcast ? "broadcast" : "multicast");
}

static Bool *
cast(Gen *g, Ast *n)
{
	bool broadcast = n->kind == A_BROADCAST;
	u32 host = ~g->o->netmask;
	Bool *ip;
	Ex *dst;

	if (n->q.proto == P_NONE || n->q.proto == P_LINK)
		return group(g, n);
	if (n->q.proto == P_IP && broadcast) {
		if (!g->o->netmask_known) {
			gen_bad(g, "'ip broadcast' needs the netmask of the interface, which is not known here");
			return b_const(g, false);
		}
		ip = gen_linktype(g, 0x0800);
		dst = ex_alu(g->g, BPF_AND, ld_net(g, 16, 4), ex_imm(g->g, host));
		return b_and(g, ip, b_or(g, b_eq(g, dst, 0), b_eq(g, dst, host)));
	}
	if (n->q.proto == P_IP)
		return b_and(g, gen_linktype(g, 0x0800), b_cmp(g, BPF_JGE, ld_net(g, 16, 1), 224));
	if (n->q.proto == P_IP6 && !broadcast)
		return b_and(g, gen_linktype(g, 0x86dd), b_eq(g, ld_net(g, 24, 1), 255));
	return gen_bad(g, "'%s %s' is not a test; %s", filt_proto_name(n->q.proto), broadcast ? "broadcast" : "multicast",
		broadcast ? "'broadcast' goes with ether and ip" : "'multicast' goes with ether, ip and ip6");
}

static Bool *
bound(Gen *g, bool out)
{
	const LinkRow *r = gen_link(g);
	Bool *b = NULL;

	if (r->number == DL_SLIP)
		return out ? b_not(g, b_eq(g, ld_hdr(g, 0, 1), 0)) : b_eq(g, ld_hdr(g, 0, 1), 0);
	if (r->number == DL_IPNET)
		return b_eq(g, ld_hdr(g, 2, 2), out ? 1 : 2);
	if (r->number == DL_PFLOG)
		return b_eq(g, ld_hdr(g, 60, 1), out ? 2 : 1);
	if (r->number == DL_PPP_PPPD)
		return b_eq(g, ld_hdr(g, 0, 1), out);
	if (r->family == L_JUNIPER)
		return b_masked(g, ld_hdr(g, 3, 1), 1, out ? 0 : 1);
	if (r->number == DL_LINUX_SLL)
		b = b_eq(g, ld_hdr(g, 0, 2), 4);
	else if (r->number == DL_LINUX_SLL2)
		b = b_eq(g, ld_hdr(g, 10, 1), 4);
	else if (g->o->savefile)
		return gen_bad(g, "a file of %s packets does not tell their direction", r->name);
	else
		b = b_eq(g, ex_ld(g->g, 2, NULL, (u32)META_PKTTYPE), 4);
	return out ? b : b_not(g, b);
}

static Bool *
ifindex(Gen *g, u32 v)
{
	if (g->l.linktype == DL_LINUX_SLL2)
		return b_eq(g, ld_hdr(g, 4, 4), v);
	if (g->o->savefile)
		return gen_bad(g, "a file of %s packets does not tell their interface", gen_link(g)->name);
	return b_eq(g, ex_ld(g->g, 4, NULL, (u32)META_IFINDEX), v);
}

Bool *
gen_link_primitive(Gen *g, Ast *n)
{
	switch (n->kind) {
	case A_WTYPE: case A_WDIR: return wlan_type(g, n);
	case A_LLC: return llc(g, n);
	case A_ATM: return atm_primitive(g, n->v);
	case A_ATMFIELD: return atm_field(g, n);
	case A_SS7: return ss7(g, n->v);
	case A_SS7FIELD: return ss7_field(g, n);
	case A_PF: return pf(g, n);
	case A_BROADCAST: case A_MULTICAST: return cast(g, n);
	case A_BOUND: return bound(g, n->flag);
	case A_IFINDEX: return ifindex(g, n->v);
	}
	return gen_bad(g, "this test needs --scoped");
}
