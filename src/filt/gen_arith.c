/* gen_arith: comparisons of bytes of the packet. A load brings guards with it (tcp[13] asks first whether the
 * packet is a first fragment of TCP over IPv4); all guards come before all loads of the comparison. */
#include "filt/gen.h"

typedef struct Operand { Ex *e; Bool *guard; } Operand;

static Operand operand(Gen *g, Arith *x);

static Ex *
indexed(Gen *g, Off *o, u32 k, Ex *index, u32 size)
{
	Ex *base = index;

	if (o->var) {
		/* lengths of AVS headers have 32 bits: there the sum may wrap */
		if (index->op == X_IMM && index->k < 0x10000 && g->outertype != DL_AVS && g->outertype != DL_PRISM)
			return ld_at(g, o, k + index->k, size);
		ld_at(g, o, 0, 1);      /* makes sure of the cell */
		base = ex_alu(g->g, BPF_ADD, index, ex_cell(g->g, (u32)o->cell));
	}
	return ex_ld(g->g, size, base, o->k + k);
}

/* --scoped: a transport header over IPv4 or IPv6; where it begins is kept in a cell. */
static Operand
scoped_load(Gen *g, Arith *x, Operand in)
{
	static const struct { u8 proto, number; } rows[] = { { P_SCTP, 132 }, { P_TCP, 6 }, { P_UDP, 17 }, { P_ICMP6, 58 },
		{ P_PIM, 103 } };
	int *cell = &g->tran_cell[x->proto];
	Bool *v4, *v6 = NULL;

	if (*cell < 0)
		*cell = (int)gen_cell(g);
	v4 = b_and(g, b_and(g, gen_abbrev(g, P_IP), gen_abbrev(g, x->proto)), gen_first_fragment(g));
	v4 = b_and(g, v4, b_let(g, (u32)*cell, ip_len(g)));
	for (size_t i = 0; i < COUNT(rows); i++)
		if (rows[i].proto == x->proto) {
			v6 = b_and(g, gen_walk(g), gen_walked(g, set_range(g->a, rows[i].number, rows[i].number), false));
			v6 = b_and(g, gen_abbrev(g, P_IP6), b_and(g, v6, b_let(g, (u32)*cell, tran_start(g, true))));
		}
	if (x->proto == P_ICMP6)
		v4 = v6;
	else if (v6)
		v4 = b_or(g, v6, v4);
	return (Operand){ ex_ld(g->g, x->size, ex_alu(g->g, BPF_ADD, ex_cell(g->g, (u32)*cell), in.e), g->l.pl.k + g->l.nl),
		b_and(g, in.guard, v4) };
}

static Operand
load(Gen *g, Arith *x)
{
	Operand in = operand(g, x->l), out = in;
	Layout *l = &g->l;

	g->at = x->at;
	switch (x->proto) {
	case P_RADIO:
		if (l->linktype != DL_AVS && l->linktype != DL_RADIOTAP && l->linktype != DL_PRISM)
			gen_bad(g, "packets of %s have no radio header", gen_link(g)->name);
		out.e = ex_ld(g->g, x->size, in.e, 0);
		return out;
	case P_LINK:
		out.e = indexed(g, &l->hdr, 0, in.e, x->size);
		return out;
	case P_IP: case P_ARP: case P_RARP: case P_ATALK: case P_DECNET: case P_SCA: case P_LAT: case P_MOPRC:
	case P_MOPDL: case P_IP6:
		out.e = indexed(g, &l->pl, l->nl, in.e, x->size);
		out.guard = b_and(g, in.guard, gen_abbrev(g, x->proto));
		return out;
	case P_SCTP: case P_TCP: case P_UDP: case P_ICMP: case P_IGMP: case P_IGRP: case P_PIM: case P_VRRP:
	case P_CARP:
		if (g->o->scoped)
			return scoped_load(g, x, in);
		out.e = ex_ld(g->g, x->size, ex_alu(g->g, BPF_ADD, ip_len(g), in.e), l->pl.k + l->nl);
		out.guard = b_and(g, gen_abbrev(g, P_IP), b_and(g, in.guard,
			b_and(g, gen_abbrev(g, x->proto), gen_first_fragment(g))));
		return out;
	case P_ICMP6:
		if (g->o->scoped)
			return scoped_load(g, x, in);
		out.e = indexed(g, &l->pl, l->nl + 40, in.e, x->size);
		out.guard = b_and(g, in.guard, b_and(g, gen_abbrev(g, P_IP6), b_eq(g, ld_net(g, 6, 1), 58)));
		return out;
	}
	gen_bad(g, "the bytes of %s cannot be read by number", filt_proto_name(x->proto));
	diag_hint(g->d, "bytes can be read of ether, ip, ip6, arp, rarp, tcp, udp, sctp, icmp, icmp6, igmp, igrp, pim, vrrp, carp, "
		"atalk, decnet, lat, moprc, mopdl, sca and radio");
	return out;
}

static Operand
operand(Gen *g, Arith *x)
{
	Operand l, r;

	switch (x->kind) {
	case R_NUM: return (Operand){ ex_imm(g->g, x->k), NULL };
	case R_LEN: return (Operand){ ex_len(g->g), NULL };
	case R_LOAD: return load(g, x);
	case R_NEG:
		l = operand(g, x->l);
		return (Operand){ ex_neg(g->g, l.e), l.guard };
	}
	l = operand(g, x->l);
	r = operand(g, x->r);
	g->at = x->at;
	/* also where it is so only after folding; unoptimized, libpcap leaves such sums to the machine, and so do we */
	if (r.e->op == X_IMM && (x->r->kind == R_NUM || !g->o->plain)) {
		if ((x->op == BPF_DIV || x->op == BPF_MOD) && !r.e->k)
			gen_bad(g, "this divides by zero");
		if ((x->op == BPF_LSH || x->op == BPF_RSH) && r.e->k > 31 && (x->r->kind == R_NUM || l.e->op != X_IMM))
			gen_bad(g, "a shift by %u bits is more than the 31 that 32-bit numbers allow", r.e->k);
	}
	/* libpcap forgets the guards of the right side of an operator; so do we, save under --scoped */
	return (Operand){ ex_alu(g->g, x->op, l.e, r.e), g->o->scoped ? b_and(g, l.guard, r.guard) : l.guard };
}

Bool *
gen_relation(Gen *g, Ast *n)
{
	Operand x = operand(g, n->x), y = operand(g, n->y);
	u16 op = n->op;
	bool not = n->flag;
	Bool *b;

	g->at = n->at;
	if (y.e->op == X_IMM) {
		b = b_cmp(g, op, x.e, y.e->k);
	} else if (x.e->op == X_IMM) {
		/* k > y is not (y >= k) */
		if (op != BPF_JEQ) {
			op = op == BPF_JGT ? BPF_JGE : BPF_JGT;
			not = !not;
		}
		b = b_cmp(g, op, y.e, x.e->k);
	} else {
		b = b_eq(g, ex_cmp(g->g, op, x.e, y.e), 1);
	}
	if (not)
		b = b_not(g, b);
	return b_and(g, b_and(g, x.guard, y.guard), b);
}

/* byte N = V, byte N < V, ...: of the link header. & and | ask whether any bit stays set. */
Bool *
gen_byte(Gen *g, Ast *n)
{
	Ex *e = ld_hdr(g, n->v, 1);

	switch (n->op) {
	case '=': return b_eq(g, e, n->v2);
	case '<': return b_not(g, b_cmp(g, BPF_JGE, e, n->v2));
	case '>': return b_cmp(g, BPF_JGT, e, n->v2);
	case '&': return b_any(g, e, n->v2);
	}
	return b_not(g, b_eq(g, ex_alu(g->g, BPF_OR, e, ex_imm(g->g, n->v2)), 0));
}
