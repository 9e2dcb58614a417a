/* gen_encap: VLAN tags, MPLS labels, PPPoE sessions and tunnels: what moves the layout for the text behind them;
 * and the lengths of variable link headers, computed before all tests. */
#include "filt/gen.h"

enum { ET_TEB = 0x6558, GENEVE_PORT = 6081 };

/* ---- VLAN ---- */

static Bool *
tag_type(Gen *g)
{
	return b_or(g, b_or(g, gen_linktype(g, 0x8100), gen_linktype(g, 0x88a8)), gen_linktype(g, 0x9100));
}

/* The kernel takes the outermost tag off and keeps it beside the packet; offsets then depend on whether it did. */
enum { META_VLAN_TAG = 0xfffff000u + 44, META_VLAN_PRESENT = 0xfffff000u + 48 };

static Bool *
vlan_beside(Gen *g, Ast *n)
{
	Ex *there = ex_ld(g->g, 1, NULL, (u32)META_VLAN_PRESENT), *tag = ex_ld(g->g, 1, NULL, (u32)META_VLAN_TAG);
	Bool *b = tag_type(g), *id = NULL;

	if (n->flag)
		id = b_if(g, there, set_range(g->a, 1, 1), b_masked(g, tag, 0xfff, n->v), b_masked(g, ld_net(g, 0, 2), 0xfff, n->v));
	g->meta_pl = g->l.pl.cell = (int)gen_cell(g);
	g->meta_type = g->l.type.cell = (int)gen_cell(g);
	g->l.pl.var = g->l.type.var = true;
	b = b_and(g, b_let(g, (u32)g->meta_pl, ex_imm(g->g, 4)), b_and(g, b_let(g, (u32)g->meta_type, ex_imm(g->g, 4)), b));
	return b_and(g, b_or(g, b_eq(g, there, 1), b), id);
}

static Bool *
vlan(Gen *g, Ast *n)
{
	Bool *b;
	Layout *l = &g->l;

	if (l->mpls)
		return gen_bad(g, "there is no VLAN tag behind an MPLS label");
	if (gen_link(g)->family != L_ETHER && (gen_link(g)->family != L_WLAN || l->linktype == DL_PPI))
		return gen_bad(g, "packets of %s have no VLAN tags", gen_link(g)->name);
	if (n->flag && n->v > 0xfff)
		return gen_bad(g, "%u is not a VLAN: they end at 4095", n->v);
	if (g->o->vlan_meta && gen_link(g)->family == L_ETHER && !l->vlans && !l->hdr.var && l->hdr.k == g->outerhdr.k) {
		l->vlans++;
		return vlan_beside(g, n);
	}
	b = tag_type(g);
	if (n->flag)
		b = b_and(g, b, b_masked(g, ld_net(g, 0, 2), 0xfff, n->v));
	l->pl.k += 4;
	l->type.k += 4;
	l->vlans++;
	return b;
}

/* ---- MPLS and PPPoE ---- */

static Bool *
mpls(Gen *g, Ast *n)
{
	const LinkRow *r = gen_link(g);
	Layout *l = &g->l;
	Bool *b;

	if (l->mpls)
		b = b_masked(g, ld_net(g, (u32)-2, 1), 1, 0);
	else if (r->family == L_ETHER || r->family == L_HDLC)
		b = gen_linktype(g, 0x8847);
	else if (r->number == DL_PPP)
		b = gen_linktype(g, 0x0281);
	else
		return gen_bad(g, "packets of %s have no MPLS labels", r->name);
	if (n->flag && n->v > 0xfffff)
		return gen_bad(g, "%u is not a label: they end at 1048575", n->v);
	if (n->flag)
		b = b_and(g, b, b_masked(g, ld_net(g, 0, 4), 0xfffff000, n->v << 12));
	l->nl += 4;
	l->nl_nosnap += 4;
	l->mpls++;
	return b;
}

static Bool *
pppoes(Gen *g, Ast *n)
{
	Bool *b = gen_linktype(g, 0x8864);
	Layout *l = &g->l;

	if (n->flag && n->v > 0xffff)
		return gen_bad(g, "%u is not a session: they end at 65535", n->v);
	if (n->flag)
		b = b_and(g, b, b_masked(g, ld_net(g, 0, 4), 0xffff, n->v));
	l->prevtype = l->linktype;
	l->prevhdr = l->hdr;
	l->linktype = DL_PPP;
	l->hdr = l->pl;
	l->hdr.k = l->pl.k + l->nl + 6;
	l->geneve = false;
	l->type = l->hdr;
	l->pl.k = l->hdr.k + 2;
	l->nl = l->nl_nosnap = 0;
	return b;
}

/* ---- Geneve ---- */

Bool *
gen_geneve_has_header(Gen *g)
{
	Ex *hdr = ex_cell(g->g, (u32)g->l.hdr.cell), *pl = ex_cell(g->g, (u32)g->l.pl.cell);

	return b_not(g, b_eq(g, ex_cmp(g->g, BPF_JEQ, hdr, pl), 1));
}

static Bool *
geneve_half(Gen *g, bool v6, Ast *n, u32 cell)
{
	Bool *b = gen_port_half(g, v6, set_range(g->a, GENEVE_PORT, GENEVE_PORT), PORT_UDP, D_DST);

	b = b_and(g, b, b_masked(g, ld_tran(g, v6, 8, 1), 0xc0, 0));
	if (n->flag)
		b = b_and(g, b, b_masked(g, ld_tran(g, v6, 12, 4), 0xffffff00, n->v << 8));
	return b_and(g, b, b_let(g, cell, tran_start(g, v6)));
}

/* Into a tunnel whose header has just been recognized: what is inside begins at `inner`; its type, an Ethernet type, is the two
 * bytes at outer + at. Ethernet inside has its own type field. */
static Bool *
enter_typed(Gen *g, Ex *outer, u32 at, Ex *inner)
{
	u32 type = gen_cell(g), hdr = gen_cell(g), pl = gen_cell(g);
	Graph *gr = g->g;
	Layout *l = &g->l;
	Bool *b = b_let(g, hdr, inner), *ether;

	ether = b_and(g, b_let(g, type, ex_alu(gr, BPF_ADD, ex_cell(gr, hdr), ex_imm(gr, 12))),
		b_let(g, pl, ex_alu(gr, BPF_ADD, ex_cell(gr, hdr), ex_imm(gr, 14))));
	b = b_and(g, b, b_if(g, ex_ld(gr, 2, outer, at), set_range(g->a, ET_TEB, ET_TEB), ether,
		b_and(g, b_let(g, type, ex_alu(gr, BPF_ADD, outer, ex_imm(gr, at))), b_let(g, pl, ex_cell(gr, hdr)))));
	l->prevtype = l->linktype;
	l->prevhdr = l->hdr;
	l->linktype = DL_EN10MB;
	l->hdr = (Off){ true, (int)hdr, 0 };
	l->type = (Off){ true, (int)type, 0 };
	l->pl = (Off){ true, (int)pl, 0 };
	l->nl = 0;
	if (g->o->scoped)
		l->mpls = 0;            /* libpcap goes on counting labels inside of the tunnel */
	l->geneve = true;
	return b;
}

static Bool *
geneve(Gen *g, Ast *n)
{
	u32 tran = gen_cell(g), base = g->l.pl.k + g->l.nl + 8;
	Graph *gr = g->g;
	Ex *start = ex_cell(gr, tran), *words, *inner;
	Bool *b;

	if (n->flag && n->v > 0xffffff)
		return gen_bad(g, "%u is not a network identifier: they end at 16777215", n->v);
	b = b_or(g, geneve_half(g, false, n, tran), geneve_half(g, true, n, tran));
	/* a header of 8 bytes and options */
	words = ex_alu(gr, BPF_AND, ex_ld(gr, 1, start, base), ex_imm(gr, 0x3f));
	inner = ex_alu(gr, BPF_ADD, ex_alu(gr, BPF_LSH, words, ex_imm(gr, 2)), start);
	return b_and(g, b, enter_typed(g, start, base + 2, ex_alu(gr, BPF_ADD, inner, ex_imm(gr, base + 8))));
}

/* ---- tunnels that libpcap does not know ---- */

/* Ethernet behind UDP and 8 bytes; the network's number in the upper 24 bits of the second word. */
static Bool *
vxlan(Gen *g, Ast *n)
{
	u32 tran = gen_cell(g), base = g->l.pl.k + g->l.nl;
	const Set *port = set_range(g->a, n->v2, n->v2);
	Layout *l = &g->l;
	Bool *half[2];

	if (n->flag && n->v > 0xffffff)
		return gen_bad(g, "%u is not a network identifier: they end at 16777215", n->v);
	if (n->v2 > 65535)
		return gen_bad(g, "%u is not a port: ports end at 65535", n->v2);
	for (u32 v6 = 0; v6 < 2; v6++) {
		half[v6] = b_and(g, gen_port_half(g, v6, port, PORT_UDP, D_DST), b_any(g, ld_tran(g, v6, 8, 1), 8));
		if (n->flag)
			half[v6] = b_and(g, half[v6], b_masked(g, ld_tran(g, v6, 12, 4), 0xffffff00, n->v << 8));
		half[v6] = b_and(g, half[v6], b_let(g, tran, tran_start(g, v6)));
	}
	l->prevtype = l->linktype;
	l->prevhdr = l->hdr;
	l->linktype = DL_EN10MB;
	l->hdr = (Off){ true, (int)tran, base + 16 };
	l->type = (Off){ true, (int)tran, base + 28 };
	l->pl = (Off){ true, (int)tran, base + 30 };
	l->nl = 0;
	l->nl_nosnap = 3;
	l->mpls = 0;
	l->geneve = false;
	return b_or(g, half[0], half[1]);
}

/* `first` and perhaps `second` as the protocol of an IPv4 or IPv6 packet; what is behind its header goes to a cell. */
static Bool *
inside_ip(Gen *g, const Set *protos, u32 cell)
{
	Bool *v4 = b_and(g, gen_linktype(g, 0x0800), b_in(g, ld_net(g, 9, 1), protos));
	Bool *v6 = gen_linktype(g, 0x86dd);

	v4 = b_and(g, b_and(g, v4, gen_first_fragment(g)), b_let(g, cell, tran_start(g, false)));
	v6 = b_and(g, v6, g->o->scoped ? b_and(g, gen_walk(g), gen_walked(g, protos, false)) : b_in(g, ld_net(g, 6, 1), protos));
	return b_or(g, v4, b_and(g, v6, b_let(g, cell, tran_start(g, true))));
}

static Bool *
ipip(Gen *g)
{
	Range r[] = { { 4, 4 }, { 41, 41 } };
	u32 cell = gen_cell(g), base = g->l.pl.k + g->l.nl;
	Bool *b = inside_ip(g, set_of(g->a, r, 2), cell);
	Layout *l = &g->l;

	l->prevtype = l->linktype;
	l->prevhdr = l->hdr;
	l->linktype = DL_RAW;
	l->hdr = l->pl = (Off){ true, (int)cell, base };
	l->nl = l->nl_nosnap = 0;
	l->mpls = 0;
	l->geneve = false;
	return b;
}

/* 4 bytes, and 4 more for each of checksum or routing, key, sequence number. */
static Bool *
gre(Gen *g)
{
	static const u8 shift[] = { 5, 3, 2 };
	u32 cell = gen_cell(g), base = g->l.pl.k + g->l.nl;
	Graph *gr = g->g;
	Bool *b = inside_ip(g, set_range(g->a, 47, 47), cell);
	Ex *start = ex_cell(gr, cell), *flags = ex_ld(gr, 1, start, base), *len = NULL;

	/* the bits 0x80, 0x20 and 0x10 become a 4 each */
	for (u32 i = 0; i < COUNT(shift); i++) {
		Ex *four = ex_alu(gr, BPF_AND, ex_alu(gr, BPF_RSH, flags, ex_imm(gr, shift[i])), ex_imm(gr, 4));

		len = len ? ex_alu(gr, BPF_ADD, four, len) : four;
	}
	len = ex_alu(gr, BPF_ADD, len, start);
	g->l.mpls = 0;
	return b_and(g, b, enter_typed(g, start, base + 2, ex_alu(gr, BPF_ADD, len, ex_imm(gr, base + 4))));
}

/* ---- the headers between IPv6 and its transport ---- */

enum { WALK_HEADERS = 4, REST = 0x100 };        /* REST: in a fragment that is not the first */

static Ex *
here(Gen *g, u32 k, u32 size)
{
	return ex_ld(g->g, size, tran_start(g, true), g->l.pl.k + g->l.nl + k);
}

/* A header of the kinds in `kinds`, `more` units of 1 << shift bytes longer than it says. */
static Bool *
step(Gen *g, const Set *kinds, u32 more, u32 shift, bool fragment)
{
	Graph *gr = g->g;
	Ex *next = ex_cell(gr, (u32)g->walk_next), *off = ex_cell(gr, (u32)g->walk_off), *temp = ex_cell(gr, (u32)g->walk_temp), *len;
	Bool *b = b_and(g, b_in(g, next, kinds), b_let(g, (u32)g->walk_temp, here(g, 0, 1)));

	if (fragment) {
		Ex *at = ex_alu(gr, BPF_AND, here(g, 2, 2), ex_imm(gr, 0xfff8));

		b = b_and(g, b, b_or(g, b_eq(g, at, 0), b_let(g, (u32)g->walk_temp, ex_alu(gr, BPF_OR, temp, ex_imm(gr, REST)))));
		len = ex_imm(gr, 8);
	} else {
		len = ex_alu(gr, BPF_LSH, ex_alu(gr, BPF_ADD, here(g, 1, 1), ex_imm(gr, more)), ex_imm(gr, shift));
	}
	b = b_and(g, b, b_let(g, (u32)g->walk_off, ex_alu(gr, BPF_ADD, len, off)));
	return b_and(g, b, b_let(g, (u32)g->walk_next, temp));
}

Bool *
gen_walk(Gen *g)
{
	Range options[] = { { 0, 0 }, { 43, 43 }, { 60, 60 } };
	const Set *hop = set_of(g->a, options, 3), *frag = set_range(g->a, 44, 44), *ah = set_range(g->a, 51, 51);
	Bool *b;

	b = b_and(g, b_let(g, (u32)g->walk_next, ld_net(g, 6, 1)), b_let(g, (u32)g->walk_off, ex_imm(g->g, 40)));
	for (u32 i = 0; i < WALK_HEADERS; i++)
		b = b_and(g, b, b_or(g, step(g, hop, 1, 3, false), b_or(g, step(g, frag, 0, 0, true),
			b_or(g, step(g, ah, 2, 2, false), b_const(g, true)))));
	return b;
}

Bool *
gen_walked(Gen *g, const Set *protos, bool also_rest)
{
	const Set *set = protos;

	for (u32 i = 0; also_rest && i < protos->n; i++)
		set = set_or(g->a, set, set_range(g->a, protos->r[i].lo | REST, protos->r[i].hi | REST));
	return b_in(g, ex_cell(g->g, (u32)g->walk_next), set);
}

Bool *
gen_encap(Gen *g, Ast *n)
{
	switch (n->kind) {
	case A_VLAN: return vlan(g, n);
	case A_MPLS: return mpls(g, n);
	case A_PPPOED: return gen_linktype(g, 0x8863);
	case A_PPPOES: return pppoes(g, n);
	case A_GENEVE: return geneve(g, n);
	case A_VXLAN: return vxlan(g, n);
	case A_IPIP: return ipip(g);
	case A_GRE: return gre(g);
	}
	return gen_bad(g, "this tunnel cannot be entered here");
}

/* ---- before all tests ---- */

static Ex *
le_bytes(Gen *g, u32 hi, u32 lo)
{
	return ex_alu(g->g, BPF_OR, ex_alu(g->g, BPF_LSH, ex_ld(g->g, 1, NULL, hi), ex_imm(g->g, 8)), ex_ld(g->g, 1, NULL, lo));
}

/* The header in front of the 802.11 header, into its cell. */
static Bool *
radio_length(Gen *g)
{
	Ex *w = ex_ld(g->g, 4, NULL, 0);
	u32 c = (u32)g->hdr_cell;

	switch (g->outertype) {
	case DL_RADIOTAP: case DL_PPI: return b_let(g, c, le_bytes(g, 3, 2));
	case DL_AVS: return b_let(g, c, ex_ld(g->g, 4, NULL, 4));
	}
	/* Prism: 144 bytes, or an AVS header with its own length behind its magic number */
	return b_if(g, ex_alu(g->g, BPF_AND, w, ex_imm(g->g, 0xfffff000)), set_range(g->a, 0x80211000, 0x80211000),
		b_let(g, c, ex_ld(g->g, 4, NULL, 4)), b_let(g, c, ex_imm(g->g, 144)));
}

/* Radiotap may tell that 802.11 headers are padded to words: in its flags, behind the timer if that is there. */
static Bool *
radiotap_pad(Gen *g, u32 pl)
{
	Ex *present = ex_ld(g->g, 4, NULL, 4), *cell = ex_cell(g->g, pl);
	Bool *pad = b_let(g, pl, ex_alu(g->g, BPF_AND, ex_alu(g->g, BPF_ADD, cell, ex_imm(g->g, 3)), ex_imm(g->g, ~3u)));
	Bool *behind = b_and(g, b_any(g, present, 0x01000000), b_any(g, ex_ld(g->g, 1, NULL, 16), 0x20));
	Bool *first = b_and(g, b_not(g, b_any(g, present, 0x01000000)), b_any(g, ex_ld(g->g, 1, NULL, 8), 0x20));
	Bool *flags = b_and(g, b_any(g, present, 0x02000000), b_not(g, b_any(g, present, 0x80)));

	return b_or(g, b_and(g, b_and(g, flags, b_or(g, behind, first)), pad), b_const(g, true));
}

/* 24 bytes, and two more in data frames with quality of service. */
static Bool *
wlan_length(Gen *g)
{
	u32 pl = (u32)g->pl_cell;
	Ex *hdr = g->hdr_cell >= 0 ? ex_cell(g->g, (u32)g->hdr_cell) : ex_imm(g->g, g->outerhdr.k);
	Ex *control = ex_ld(g->g, 1, hdr, 0);
	Bool *b = b_let(g, pl, ex_alu(g->g, BPF_ADD, hdr, ex_imm(g->g, 24)));
	Bool *qos = b_let(g, pl, ex_alu(g->g, BPF_ADD, hdr, ex_imm(g->g, 26)));
	Bool *more = b_or(g, b_and(g, b_any(g, control, 0x80), qos), b_const(g, true));

	if (g->outertype == DL_RADIOTAP)
		more = b_and(g, more, radiotap_pad(g, pl));
	more = b_and(g, b_and(g, b_any(g, control, 8), b_not(g, b_any(g, control, 4))), more);
	return b_and(g, b, b_or(g, more, b_const(g, true)));
}

/* Is a cell read anywhere? (Values are made only when they are wanted.) */
static bool
cell_read(Gen *g, int cell)
{
	for (u32 i = 0; cell >= 0 && i < g->g->ex.n; i++)
		if (g->g->ex.v[i]->cells >> cell & 1)
			return true;
	return false;
}

Bool *
gen_prologue(Gen *g)
{
	bool pl = cell_read(g, g->pl_cell), hdr = cell_read(g, g->hdr_cell);
	Bool *b = NULL, *dlt;

	if (g->meta_pl >= 0)
		b = b_and(g, b_let(g, (u32)g->meta_pl, ex_imm(g->g, 0)), b_let(g, (u32)g->meta_type, ex_imm(g->g, 0)));
	if (g->outertype == DL_PFLOG && pl) {
		Ex *len = ex_alu(g->g, BPF_ADD, ex_ld(g->g, 1, NULL, 0), ex_imm(g->g, 3));

		return b_let(g, (u32)g->pl_cell, ex_alu(g->g, BPF_AND, len, ex_imm(g->g, ~3u)));
	}
	if (filt_link_row(g->outertype)->family != L_WLAN)
		return b;
	if (g->hdr_cell >= 0 && (hdr || pl))
		b = radio_length(g);
	if (pl)
		b = b_and(g, b, wlan_length(g));
	if (g->outertype == DL_PPI) {
		dlt = b_eq(g, ex_ld(g->g, 4, NULL, 4), 0x69000000);
		b = b_and(g, dlt, b);
	}
	return b;
}
