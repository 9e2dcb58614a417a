/* gen: the state in which primitives become tests. Encapsulation words (vlan, mpls, pppoes, geneve, ...) move the
 * offsets of all text that follows them, as in libpcap; with --scoped only of what they are and-ed with. */
#ifndef FILT_GEN_H
#define FILT_GEN_H

#include "filt/in.h"

#include <linux/filter.h>

/* A place in the packet: constant, or constant plus a cell that the program computes. */
typedef struct Off { bool var; int cell; u32 k; } Off;

typedef struct Layout {
	int linktype, prevtype;
	Off hdr, prevhdr, pl, type;     /* link header, the one around it, payload, type field */
	u32 nl, nl_nosnap;
	u32 mpls, vlans;                /* how deep */
	bool geneve;
} Layout;

typedef struct Gen {
	Arena *a;
	Diag *d;
	Graph *g;
	const FiltOpts *o;
	Layout l;
	int outertype;
	Off outerhdr;
	int hdr_cell, pl_cell;          /* of the outermost header, where it is variable */
	int meta_pl, meta_type;         /* cells of VLAN tags beside the packet */
	int walk_next, walk_off, walk_temp;     /* cells of the walk over IPv6 headers (--scoped); -1: none yet */
	int tran_cell[48];              /* by Proto: where its header begins (--scoped) */
	bool failed;
	Span at;                        /* of the primitive at work */
} Gen;

/* Ethernet types, and SAPs of LLC. */
enum { ETHER_MAX = 1500, SAP_IP = 0x06, SAP_STP = 0x42, SAP_IPX = 0xe0, SAP_NETBEUI = 0xf0, SAP_ISO = 0xfe,
	ET_IP = 0x0800, ET_ARP = 0x0806, ET_RARP = 0x8035, ET_ATALK = 0x809b, ET_AARP = 0x80f3, ET_IPX = 0x8137,
	ET_IP6 = 0x86dd, ET_DECNET = 0x6003, ET_NS = 0x0600 };

/* gen.c */
Bool *bool_new(Gen *g, BoolOp op, Bool *l, Bool *r);
Bool *b_and(Gen *g, Bool *l, Bool *r);          /* NULL is true */
Bool *b_or(Gen *g, Bool *l, Bool *r);
Bool *b_not(Gen *g, Bool *x);
Bool *b_const(Gen *g, bool v);
Bool *b_in(Gen *g, Ex *e, const Set *set);
Bool *b_eq(Gen *g, Ex *e, u32 v);
Bool *b_masked(Gen *g, Ex *e, u32 mask, u32 v);
Bool *b_any(Gen *g, Ex *e, u32 bits);           /* e & bits != 0 */
Bool *b_cmp(Gen *g, u16 op, Ex *e, u32 v);      /* BPF_JEQ, BPF_JGT, BPF_JGE */
Bool *b_let(Gen *g, u32 cell, Ex *e);
Bool *b_if(Gen *g, Ex *e, const Set *set, Bool *l, Bool *r);
u32 gen_cell(Gen *g);
/* The user's fault at g->at (or elsewhere); gives a test to go on with. */
Bool *gen_bad(Gen *g, const char *fmt, ...) PRINTF(2, 3);
Ex *ld_at(Gen *g, Off *o, u32 k, u32 size);
Ex *ld_hdr(Gen *g, u32 k, u32 size);            /* in the link header */
Ex *ld_pl(Gen *g, u32 k, u32 size);             /* at the link's payload */
Ex *ld_net(Gen *g, u32 k, u32 size);            /* in the network header */
Ex *ld_nosnap(Gen *g, u32 k, u32 size);
Ex *ld_type(Gen *g, u32 k, u32 size);
Ex *ld_tran(Gen *g, bool v6, u32 k, u32 size);  /* behind the network header */
Ex *tran_start(Gen *g, bool v6);                /* what is variable before that, and the network header */
Ex *ip_len(Gen *g);                             /* length of the IPv4 header plus what is variable before it */
Bool *eq_bytes(Gen *g, Ex *(*ld)(Gen *, u32, u32), u32 off, const u8 *v, u32 n);
Bool *gen_proto(Gen *g, u32 v, Proto under);
Bool *gen_abbrev(Gen *g, Proto p);
Bool *gen_first_fragment(Gen *g);
Bool *gen_ast(Gen *g, Ast *n);
const LinkRow *gen_link(Gen *g);                /* of the current link type */

/* gen_type.c: does the link layer say that its payload is `proto` (an Ethernet type, or an LLC SAP <= 255)? */
Bool *gen_linktype(Gen *g, u32 proto);

/* gen_addr.c */
typedef struct Net4 { u32 addr, mask; } Net4;
typedef struct Net6 { u32 addr[4], mask[4]; } Net6;
Bool *gen_host4(Gen *g, const Net4 *n, u32 count, Qual q);
Bool *gen_host6(Gen *g, Net6 *n, u32 count, Qual q);
Bool *gen_decnet_host(Gen *g, u32 addr, Dir dir);
Bool *gen_ports(Gen *g, const Set *ports, u32 proto, Dir dir);
Bool *gen_mac(Gen *g, const u8 mac[6], Dir dir);
Bool *gen_arcnet(Gen *g, u8 v, Dir dir);
/* Its IPv4 (v6 false) or IPv6 half. proto: 6, 17, 132 or PORT_ANY. */
Bool *gen_port_half(Gen *g, bool v6, const Set *ports, u32 proto, Dir dir);

/* gen_ids.c */
Bool *gen_id(Gen *g, Ast *n);
/* Can the two be members of one set? */
bool gen_alike(const Ast *x, const Ast *y);
/* Ids that are all alike, or-ed, as one test. */
Bool *gen_ids(Gen *g, Ast **n, u32 count);

/* gen_link.c: what belongs to one kind of link */
Bool *gen_link_primitive(Gen *g, Ast *n);
Bool *gen_wlan_mac(Gen *g, const u8 mac[6], Dir dir);
Bool *gen_wlan_data(Gen *g);
Bool *gen_atm_llc(Gen *g);

/* gen_encap.c */
Bool *gen_encap(Gen *g, Ast *n);
Bool *gen_geneve_has_header(Gen *g);
/* --scoped, in an IPv6 packet: goes over the extension headers. True; afterwards gen_walked() is the test that the header behind
 * them is one of `protos` (also_rest: or belongs to such a packet, in a later fragment). */
Bool *gen_walk(Gen *g);
Bool *gen_walked(Gen *g, const Set *protos, bool also_rest);
/* What has to run before all tests: lengths of variable link headers. NULL if there is nothing. */
Bool *gen_prologue(Gen *g);

/* ask.c */
Bool *gen_ask(Gen *g, const Ast *n);
Bool *gen_without_asks(Gen *g, Ast *n);

/* gen_arith.c */
Bool *gen_relation(Gen *g, Ast *n);
Bool *gen_byte(Gen *g, Ast *n);

#endif
