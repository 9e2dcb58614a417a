/* explain: an expression in words, from what was written. Lists of and, or become lines with a mark; what an encapsulation
 * word does to the text behind it is said where it happens. */
#include "filt/in.h"

#include <linux/filter.h>

static void say(const Ast *n, u32 depth, Buf *out);

static void
indent(u32 depth, Buf *out)
{
	for (u32 i = 0; i < depth; i++)
		buf_puts(out, "  ");
	buf_puts(out, "- ");
}

static const char *
end_of(const Qual *q)
{
	static const char *const words[] = { [D_NONE] = "source or destination", [D_SRC] = "source", [D_DST] = "destination",
		[D_OR] = "source or destination", [D_AND] = "source and also destination", [D_ADDR1] = "first", [D_ADDR2] = "second",
		[D_ADDR3] = "third", [D_ADDR4] = "fourth", [D_RA] = "receiver", [D_TA] = "transmitter" };

	return words[q->dir];
}

static void
id(const Ast *n, Buf *out)
{
	switch (n->kind) {
	case A_NUM: buf_printf(out, "%u", n->v); break;
	case A_SET:
		if (n->text) {
			buf_printf(out, "one of those in %s", n->text + 1);
			break;
		}
		buf_puts(out, "one of ");
		for (u32 i = 0; i < n->list.n; i++) {
			buf_puts(out, i ? ", " : "");
			id(n->list.v[i], out);
		}
		break;
	default:
		buf_puts(out, n->text);
		if (n->masked && n->text2)
			buf_printf(out, " mask %s", n->text2);
		else if (n->masked)
			buf_printf(out, "/%u", n->v);
	}
}

static void
identified(const Ast *n, Buf *out)
{
	const Qual *q = &n->q;
	const char *proto = q->proto ? filt_proto_name(q->proto) : NULL;

	switch (q->kind) {
	case K_PORT: case K_PORTRANGE:
		buf_printf(out, "%s packets whose %s port is ", proto ? proto : "TCP, UDP or SCTP", end_of(q));
		break;
	case K_PROTO: buf_printf(out, "the protocol inside of %s is ", proto ? proto : "IPv4 or IPv6"); break;
	case K_PROTOCHAIN: buf_printf(out, "among the headers behind %s is protocol ", proto ? proto : "IPv4 or IPv6"); break;
	case K_GATEWAY: buf_puts(out, "the packet goes through "); break;
	default:
		if (q->proto == P_LINK)
			buf_printf(out, "the %s MAC address is ", end_of(q));
		else if (proto)
			buf_printf(out, "the %s address in %s is ", end_of(q), proto);
		else
			buf_printf(out, "the %s address in %s is ", end_of(q), n->kind == A_V6 ? "IPv6" : n->kind == A_V4 ? "IPv4, ARP or RARP" :
				"IPv4, ARP, RARP or IPv6");
		if (q->kind == K_NET || n->masked)
			buf_puts(out, "in the network ");
	}
	id(n, out);
}

static void
arith(const Arith *x, Buf *out)
{
	static const struct { u16 op; const char *sign; } signs[] = { { BPF_ADD, "+" }, { BPF_SUB, "-" }, { BPF_MUL, "*" },
		{ BPF_DIV, "/" }, { BPF_MOD, "%" }, { BPF_AND, "&" }, { BPF_OR, "|" }, { BPF_XOR, "^" }, { BPF_LSH, "<<" },
		{ BPF_RSH, ">>" } };

	switch (x->kind) {
	case R_NUM: buf_printf(out, "%u", x->k); return;
	case R_LEN: buf_puts(out, "the packet's length"); return;
	case R_NEG: buf_puts(out, "-"); arith(x->l, out); return;
	case R_LOAD:
		if (x->size == 1)
			buf_printf(out, "byte ");
		else
			buf_printf(out, "the %u bytes from ", x->size);
		arith(x->l, out);
		buf_printf(out, " of %s", x->proto == P_LINK ? "the link header" : filt_proto_name(x->proto));
		return;
	}
	buf_putc(out, '(');
	arith(x->l, out);
	for (size_t i = 0; i < COUNT(signs); i++)
		if (signs[i].op == x->op)
			buf_printf(out, " %s ", signs[i].sign);
	arith(x->r, out);
	buf_putc(out, ')');
}

static void
relation(const Ast *n, Buf *out)
{
	arith(n->x, out);
	buf_puts(out, n->op == BPF_JEQ ? (n->flag ? " is not " : " is ") : n->op == BPF_JGT ? (n->flag ? " is at most " : " is more than ") :
		n->flag ? " is less than " : " is at least ");
	arith(n->y, out);
}

static void
leaf(const Ast *n, Buf *out)
{
	switch (n->kind) {
	case A_TRUE: buf_puts(out, "every packet"); return;
	case A_NAME: case A_NUM: case A_V4: case A_V6: case A_MAC: case A_AID: case A_SET: identified(n, out); return;
	case A_PROTO: buf_printf(out, "%s packets", filt_proto_name(n->q.proto)); return;
	case A_REL: relation(n, out); return;
	case A_LESS: buf_printf(out, "at most %u bytes long", n->v); return;
	case A_GREATER: buf_printf(out, "at least %u bytes long", n->v); return;
	case A_BYTE: buf_printf(out, "byte %u of the link header %c %u", n->v, n->op, n->v2); return;
	case A_BROADCAST: case A_MULTICAST:
		buf_printf(out, "%s to a %s address", n->q.proto ? filt_proto_name(n->q.proto) : "link layer",
			n->kind == A_BROADCAST ? "broadcast" : "multicast");
		return;
	case A_BOUND: buf_puts(out, n->flag ? "sent by this machine" : "received by this machine"); return;
	case A_IFINDEX: buf_printf(out, "on the interface with index %u", n->v); return;
	case A_VLAN: buf_puts(out, "with a VLAN tag"); break;
	case A_MPLS: buf_puts(out, "with an MPLS label"); break;
	case A_PPPOED: buf_puts(out, "PPPoE discovery"); return;
	case A_PPPOES: buf_puts(out, "in a PPPoE session"); break;
	case A_GENEVE: buf_puts(out, "in a Geneve tunnel"); break;
	case A_VXLAN: buf_printf(out, "in a VXLAN tunnel to UDP port %u", n->v2); break;
	case A_IPIP: buf_puts(out, "IP inside of IP"); break;
	case A_GRE: buf_puts(out, "in a GRE tunnel"); break;
	case A_PID: buf_printf(out, "of the local process %u", n->v); return;
	case A_COMM: buf_printf(out, "of a local process called %s", n->text); return;
	case A_CGROUP: buf_printf(out, "of a local process in the cgroup %s", n->text); return;
	case A_CONTAINS: buf_printf(out, "with \"%s\" in the packet", n->text); return;
	case A_LLC: buf_printf(out, "with an LLC header%s%s", n->text ? " of type " : "", n->text ? n->text : ""); return;
	case A_WTYPE: buf_printf(out, "802.11 frames whose type bits (mask 0x%02x) are 0x%02x", n->v2, n->v); return;
	case A_WDIR: buf_printf(out, "802.11 frames whose direction is %u", n->v); return;
	default: buf_puts(out, "as the link layer's word says"); return;
	}
	if (n->flag)
		buf_printf(out, " number %u", n->v);
	buf_puts(out, " (all that is written behind this is about what is inside)");
}

static void
list(const Ast *n, u32 kind, u32 depth, Buf *out)
{
	if (n->kind == kind) {
		list(n->l, kind, depth, out);
		n = n->r;
		if (n->kind == kind) {
			list(n, kind, depth, out);
			return;
		}
	}
	indent(depth, out);
	say(n, depth, out);
}

static void
say(const Ast *n, u32 depth, Buf *out)
{
	if (n->kind == A_AND || n->kind == A_OR) {
		buf_puts(out, n->kind == A_AND ? "all of\n" : "any of\n");
		list(n, n->kind, depth + 1, out);
	} else if (n->kind == A_NOT) {
		buf_puts(out, "not: ");
		say(n->l, depth, out);
	} else {
		leaf(n, out);
		buf_putc(out, '\n');
	}
}

void
filt_explain(const Filt *f, Buf *out)
{
	buf_printf(out, "Accepts packets of %s that are\n", filt_link_name(f->opts.linktype));
	indent(0, out);
	say(f->ast, 0, out);
	if (f->empty)
		buf_puts(out, "No packet is all of that: the program rejects every packet.\n");
	buf_printf(out, "As a program: %u instructions.\n", f->n);
}
