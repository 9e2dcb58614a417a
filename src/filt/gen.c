/* gen: from the Ast to a tree of tests, with the meaning that libpcap gives each primitive.
 * Primitives are worked on from left to right, since some change the layout for those behind them. */
#include "filt/gen.h"

/* ---- building trees ---- */

Bool *
bool_new(Gen *g, BoolOp op, Bool *l, Bool *r)
{
	Bool *b = NEW(g->a, Bool);

	b->op = (u8)op;
	b->l = l;
	b->r = r;
	return b;
}

Bool *
b_const(Gen *g, bool v)
{
	return bool_new(g, v ? B_TRUE : B_FALSE, NULL, NULL);
}

Bool *
b_and(Gen *g, Bool *l, Bool *r)
{
	return !l ? r : !r ? l : bool_new(g, B_AND, l, r);
}

Bool *
b_or(Gen *g, Bool *l, Bool *r)
{
	return bool_new(g, B_OR, l, r);
}

Bool *
b_not(Gen *g, Bool *x)
{
	return bool_new(g, B_NOT, x, NULL);
}

Bool *
b_in(Gen *g, Ex *e, const Set *set)
{
	Bool *b = bool_new(g, B_TEST, NULL, NULL);

	b->e = e;
	b->set = set;
	return b;
}

Bool *
b_if(Gen *g, Ex *e, const Set *set, Bool *l, Bool *r)
{
	Bool *b = bool_new(g, B_IF, l, r);

	b->e = e;
	b->set = set;
	return b;
}

Bool *
b_eq(Gen *g, Ex *e, u32 v)
{
	return b_in(g, e, set_range(g->a, v, v));
}

Bool *
b_cmp(Gen *g, u16 op, Ex *e, u32 v)
{
	if (op == BPF_JEQ)
		return b_eq(g, e, v);
	if (op == BPF_JGT)
		return b_in(g, e, v == 0xffffffffu ? set_range(g->a, 1, 0) : set_range(g->a, v + 1, 0xffffffffu));
	return b_in(g, e, set_range(g->a, v, 0xffffffffu));
}

Bool *
b_masked(Gen *g, Ex *e, u32 mask, u32 v)
{
	return b_eq(g, mask == 0xffffffffu ? e : ex_alu(g->g, BPF_AND, e, ex_imm(g->g, mask)), v);
}

Bool *
b_any(Gen *g, Ex *e, u32 bits)
{
	return b_not(g, b_eq(g, ex_alu(g->g, BPF_AND, e, ex_imm(g->g, bits)), 0));
}

Bool *
b_let(Gen *g, u32 cell, Ex *e)
{
	Bool *b = bool_new(g, B_LET, NULL, NULL);

	b->cell = cell;
	b->e = e;
	return b;
}

Bool *
gen_bad(Gen *g, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	diag_verr(g->d, false, g->at, E_FILTER, fmt, ap);
	va_end(ap);
	g->failed = true;
	return b_const(g, false);
}

/* The classic machine has 16 cells; the last two are the emitter's own. */
u32
gen_cell(Gen *g)
{
	if (g->g->cells >= 60) {
		gen_bad(g, "there are too many encapsulations in one expression");
		return 0;
	}
	return g->g->cells++;
}

/* ---- loads ---- */

Ex *
ld_at(Gen *g, Off *o, u32 k, u32 size)
{
	if (o->var && o->cell < 0)
		o->cell = (int)gen_cell(g);
	return ex_ld(g->g, size, o->var ? ex_cell(g->g, (u32)o->cell) : NULL, o->k + k);
}

Ex *ld_hdr(Gen *g, u32 k, u32 size) { return ld_at(g, &g->l.hdr, k, size); }
Ex *ld_pl(Gen *g, u32 k, u32 size) { return ld_at(g, &g->l.pl, k, size); }
Ex *ld_net(Gen *g, u32 k, u32 size) { return ld_at(g, &g->l.pl, g->l.nl + k, size); }
Ex *ld_nosnap(Gen *g, u32 k, u32 size) { return ld_at(g, &g->l.pl, g->l.nl_nosnap + k, size); }
Ex *ld_type(Gen *g, u32 k, u32 size) { return ld_at(g, &g->l.type, k, size); }

Ex *
ip_len(Gen *g)
{
	Ex *words = ex_alu(g->g, BPF_AND, ld_net(g, 0, 1), ex_imm(g->g, 0xf));
	Ex *len = ex_alu(g->g, BPF_LSH, words, ex_imm(g->g, 2));

	return g->l.pl.var ? ex_alu(g->g, BPF_ADD, len, ex_cell(g->g, (u32)g->l.pl.cell)) : len;
}

Ex *
tran_start(Gen *g, bool v6)
{
	Ex *e;

	if (!v6)
		return ip_len(g);
	e = g->o->scoped ? ex_cell(g->g, (u32)g->walk_off) : ex_imm(g->g, 40);
	return g->l.pl.var ? ex_alu(g->g, BPF_ADD, e, ex_cell(g->g, (u32)g->l.pl.cell)) : e;
}

Ex *
ld_tran(Gen *g, bool v6, u32 k, u32 size)
{
	if (v6 && !g->o->scoped)
		return ld_net(g, 40 + k, size);
	return ex_ld(g->g, size, tran_start(g, v6), g->l.pl.k + g->l.nl + k);
}

/* From the end to the beginning, in words as large as they can be. */
Bool *
eq_bytes(Gen *g, Ex *(*ld)(Gen *, u32, u32), u32 off, const u8 *v, u32 n)
{
	Bool *b = NULL;

	while (n) {
		u32 size = n >= 4 ? 4 : n >= 2 ? 2 : 1, x = 0;

		n -= size;
		for (u32 i = 0; i < size; i++)
			x = x << 8 | v[n + i];
		b = b_and(g, b, b_eq(g, ld(g, off + n, size), x));
	}
	return b ? b : b_const(g, true);
}

/* ---- protocols ---- */

const LinkRow *
gen_link(Gen *g)
{
	return filt_link_row(g->l.linktype);
}

Bool *
gen_first_fragment(Gen *g)
{
	return b_eq(g, ex_alu(g->g, BPF_AND, ld_net(g, 6, 2), ex_imm(g->g, 0x1fff)), 0);
}

static Bool *
iso_proto(Gen *g, u32 v)
{
	if (gen_link(g)->family == L_FRELAY)
		return b_eq(g, ld_hdr(g, 2, 2), 0x300 | v);
	if (gen_link(g)->family == L_HDLC)
		return b_and(g, gen_linktype(g, 0xfefe), b_eq(g, ld_nosnap(g, 1, 1), v));
	return b_and(g, gen_linktype(g, SAP_ISO), b_eq(g, ld_nosnap(g, 0, 1), v));
}

/* Is the protocol inside `under` number v? */
Bool *
gen_proto(Gen *g, u32 v, Proto under)
{
	switch (under) {
	case P_NONE: return b_or(g, gen_proto(g, v, P_IP), gen_proto(g, v, P_IP6));
	case P_LINK: return gen_linktype(g, v);
	case P_IP: return b_and(g, gen_linktype(g, ET_IP), b_eq(g, ld_net(g, 9, 1), v));
	case P_IP6:
		if (g->o->scoped)
			return b_and(g, gen_linktype(g, ET_IP6), b_and(g, gen_walk(g), gen_walked(g, set_range(g->a, v, v), true)));
		return b_and(g, gen_linktype(g, ET_IP6), b_or(g, b_eq(g, ld_net(g, 6, 1), v),
			b_and(g, b_eq(g, ld_net(g, 6, 1), 44), b_eq(g, ld_net(g, 40, 1), v))));
	case P_ISO: return iso_proto(g, v);
	case P_ISIS: return b_and(g, iso_proto(g, 0x83), b_eq(g, ld_nosnap(g, 4, 1), v));
	case P_ARP: case P_RARP: case P_LAT: case P_SCA: case P_MOPRC: case P_MOPDL: case P_ATALK: case P_DECNET:
		return gen_bad(g, "%s carries no other protocols to look for", filt_proto_name(under));
	default:
		return gen_bad(g, "'%s proto' is not a test; 'proto' goes with ether, ip, ip6, iso and isis",
			filt_proto_name(under));
	}
}

static Bool *
isis_types(Gen *g, const u8 *types, u32 n)
{
	Bool *b = NULL;

	for (u32 i = 0; i < n; i++)
		b = b ? b_or(g, b, gen_proto(g, types[i], P_ISIS)) : gen_proto(g, types[i], P_ISIS);
	return b;
}

/* A protocol's name alone. */
Bool *
gen_abbrev(Gen *g, Proto p)
{
	static const struct { u8 p, under; u16 v; } rows[] = {
		{ P_SCTP, P_NONE, 132 }, { P_TCP, P_NONE, 6 }, { P_UDP, P_NONE, 17 }, { P_ICMP, P_IP, 1 },
		{ P_IGMP, P_IP, 2 }, { P_IGRP, P_IP, 9 }, { P_PIM, P_NONE, 103 }, { P_VRRP, P_IP, 112 },
		{ P_CARP, P_IP, 112 }, { P_ICMP6, P_IP6, 58 }, { P_AH, P_NONE, 51 }, { P_ESP, P_NONE, 50 },
		{ P_ESIS, P_ISO, 0x82 }, { P_ISIS, P_ISO, 0x83 }, { P_CLNP, P_ISO, 0x81 },
		{ P_IP, P_LINK, ET_IP }, { P_ARP, P_LINK, ET_ARP }, { P_RARP, P_LINK, ET_RARP },
		{ P_ATALK, P_LINK, ET_ATALK }, { P_AARP, P_LINK, ET_AARP }, { P_DECNET, P_LINK, ET_DECNET },
		{ P_SCA, P_LINK, 0x6007 }, { P_LAT, P_LINK, 0x6004 }, { P_MOPDL, P_LINK, 0x6001 },
		{ P_MOPRC, P_LINK, 0x6002 }, { P_IP6, P_LINK, ET_IP6 }, { P_ISO, P_LINK, SAP_ISO },
		{ P_STP, P_LINK, SAP_STP }, { P_IPX, P_LINK, SAP_IPX }, { P_NETBEUI, P_LINK, SAP_NETBEUI },
	};
	static const struct { u8 p, n, v[5]; } isis[] = {
		{ P_L1, 5, { 26, 24, 18, 15, 17 } }, { P_L2, 5, { 27, 25, 20, 16, 17 } }, { P_IIH, 3, { 17, 15, 16 } },
		{ P_LSP, 2, { 18, 20 } }, { P_SNP, 4, { 27, 26, 24, 25 } }, { P_CSNP, 2, { 24, 25 } },
		{ P_PSNP, 2, { 26, 27 } },
	};

	for (size_t i = 0; i < COUNT(rows); i++)
		if (rows[i].p == p)
			return gen_proto(g, rows[i].v, (Proto)rows[i].under);
	for (size_t i = 0; i < COUNT(isis); i++)
		if (isis[i].p == p)
			return isis_types(g, isis[i].v, isis[i].n);
	if (p == P_LINK)
		gen_bad(g, "a link layer's name alone is not a test");
	else
		gen_bad(g, "'%s' alone is not a test", filt_proto_name(p));
	diag_hint(g->d, p == P_LINK ? "write 'ether host 00:11:22:33:44:55', 'ether proto 0x88cc' or 'ether[0] & 1 = 1'" :
		"write 'radio[0] = 0'");
	return b_const(g, false);
}

/* ---- the walk ---- */

/* A run of ids or-ed under the same qualifier becomes one test of a set. */
static Bool *
gen_or_list(Gen *g, Ast *n)
{
	Layout start = g->l;            /* --scoped: each side of an or begins with it */
	Vec(Ast *) list = {0};
	Bool *b = NULL;

	for (; n->kind == A_OR; n = n->l)
		VEC_PUSH(g->a, &list, n->r);
	VEC_PUSH(g->a, &list, n);
	for (u32 i = 0; i < list.n / 2; i++) {
		Ast *t = list.v[i];

		list.v[i] = list.v[list.n - 1 - i];
		list.v[list.n - 1 - i] = t;
	}
	for (u32 i = 0; i < list.n;) {
		u32 run = 1;
		Bool *x;

		while (!g->o->plain && i + run < list.n && gen_alike(list.v[i], list.v[i + run]))
			run++;
		x = run > 1 ? gen_ids(g, &list.v[i], run) : gen_ast(g, list.v[i]);
		b = b ? b_or(g, b, x) : x;
		i += run;
		if (g->o->scoped && i < list.n)
			g->l = start;
	}
	return b;
}

static Bool *
gen_and_list(Gen *g, Ast *n)
{
	Vec(Ast *) list = {0};
	Bool *b = NULL;

	for (; n->kind == A_AND; n = n->l)
		VEC_PUSH(g->a, &list, n->r);
	b = gen_ast(g, n);
	for (u32 i = list.n; i-- > 0;)
		b = b_and(g, b, gen_ast(g, list.v[i]));
	return b;
}

Bool *
gen_ast(Gen *g, Ast *n)
{
	Layout saved = g->l;
	Bool *b;

	switch (n->kind) {
	case A_TRUE: return b_const(g, true);
	case A_AND: return gen_and_list(g, n);
	case A_OR:
		b = gen_or_list(g, n);
		if (g->o->scoped)
			g->l = saved;
		return b;
	case A_NOT:
		b = b_not(g, gen_ast(g, n->l));
		if (g->o->scoped)
			g->l = saved;
		return b;
	}
	g->at = n->at;
	switch (n->kind) {
	case A_NAME: case A_NUM: case A_V4: case A_V6: case A_MAC: case A_AID: case A_SET: return gen_id(g, n);
	case A_PROTO: return gen_abbrev(g, n->q.proto);
	case A_REL: return gen_relation(g, n);
	case A_LESS: return b_not(g, b_cmp(g, BPF_JGT, ex_len(g->g), n->v));
	case A_GREATER: return b_cmp(g, BPF_JGE, ex_len(g->g), n->v);
	case A_BYTE: return gen_byte(g, n);
	case A_CONTAINS: case A_PID: case A_COMM: case A_CGROUP: return gen_ask(g, n);
	case A_VLAN: case A_MPLS: case A_PPPOED: case A_PPPOES: case A_GENEVE: case A_VXLAN: case A_IPIP: case A_GRE:
		return gen_encap(g, n);
	}
	return gen_link_primitive(g, n);
}

static void
init_layout(Gen *g)
{
	const LinkRow *r = filt_link_row(g->o->linktype);
	bool wlan = r->family == L_WLAN;
	Off zero = { .cell = -1 };

	g->outertype = r->number;
	g->hdr_cell = g->pl_cell = g->meta_pl = g->meta_type = g->walk_next = g->walk_off = g->walk_temp = -1;
	memset(g->tran_cell, -1, sizeof(g->tran_cell));
	g->l.linktype = g->l.prevtype = r->number;
	g->l.hdr = g->l.pl = g->l.type = zero;
	if (!strncmp(r->name, "NETANALYZER", 11))
		g->l.hdr.k = r->type_off - 12;
	g->l.hdr.var = wlan && r->number != DL_IEEE802_11;
	g->l.pl.var = wlan || r->family == L_PFLOG;
	if (g->l.hdr.var)
		g->l.hdr.cell = g->hdr_cell = (int)gen_cell(g);
	if (g->l.pl.var)
		g->l.pl.cell = g->pl_cell = (int)gen_cell(g);
	if (g->o->scoped) {
		g->walk_next = (int)gen_cell(g);
		g->walk_off = (int)gen_cell(g);
		g->walk_temp = (int)gen_cell(g);
	}
	g->l.pl.k = r->pl_off;
	g->l.type.k = r->type_off;
	g->l.nl = r->nl;
	g->l.nl_nosnap = r->nl_nosnap;
	g->l.prevhdr = g->outerhdr = g->l.hdr;
}

Bool *
filt_gen(Arena *a, Diag *d, Graph *graph, Ast *ast, const FiltOpts *o, bool outer)
{
	Gen g = { .a = a, .d = d, .g = graph, .o = o };
	Bool *b;

	init_layout(&g);
	b = outer ? gen_without_asks(&g, ast) : gen_ast(&g, ast);
	if (ast->kind != A_TRUE)
		b = b_and(&g, gen_prologue(&g), b);
	return g.failed ? NULL : b;
}
