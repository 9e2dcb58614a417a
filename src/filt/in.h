/* Inside filt/: what its files share. */
#ifndef FILT_IN_H
#define FILT_IN_H

#include "filt/filt.h"

/* ---- words ---- */
typedef enum Proto {
	P_NONE, P_LINK, P_IP, P_ARP, P_RARP, P_SCTP, P_TCP, P_UDP, P_ICMP, P_IGMP, P_IGRP, P_PIM, P_VRRP, P_CARP,
	P_RADIO, P_IP6, P_ICMP6, P_AH, P_ESP, P_ATALK, P_AARP, P_DECNET, P_LAT, P_SCA, P_MOPRC, P_MOPDL, P_ISO,
	P_ESIS, P_ISIS, P_L1, P_L2, P_IIH, P_LSP, P_SNP, P_CSNP, P_PSNP, P_CLNP, P_STP, P_IPX, P_NETBEUI,
} Proto;
typedef enum Dir { D_NONE, D_SRC, D_DST, D_OR, D_AND, D_ADDR1, D_ADDR2, D_ADDR3, D_ADDR4, D_RA, D_TA } Dir;
typedef enum Kind { K_NONE, K_HOST, K_NET, K_PORT, K_PORTRANGE, K_GATEWAY, K_PROTO, K_PROTOCHAIN, K_UNDEF } Kind;
enum { ATM_LANE, ATM_METAC, ATM_BCC, ATM_OAM, ATM_OAMF4, ATM_OAMF4EC, ATM_OAMF4SC, ATM_SC, ATM_ILMIC,
	ATM_CONNECTMSG, ATM_METACONNECT, ATM_VPI, ATM_VCI };
enum { PF_IFNAME, PF_RSET, PF_RNR, PF_SRNR, PF_REASON, PF_ACTION };
enum { SS7_FISU, SS7_LSSU, SS7_MSU, SS7_HFISU, SS7_HLSSU, SS7_HMSU,
	SS7_SIO, SS7_OPC, SS7_DPC, SS7_SLS, SS7_HSIO, SS7_HOPC, SS7_HDPC, SS7_HSLS };

typedef enum Tok {
	TK_END, TK_DST, TK_SRC, TK_PROTO, TK_HOST, TK_NET, TK_MASK, TK_PORT, TK_PORTRANGE, TK_PROTOQ, TK_PROTOCHAIN,
	TK_GATEWAY, TK_TYPE, TK_SUBTYPE, TK_DIR, TK_WADDR, TK_LESS, TK_GREATER, TK_BYTE, TK_BROADCAST, TK_MULTICAST,
	TK_AND, TK_OR, TK_NOT, TK_LEN, TK_BOUND, TK_IFINDEX, TK_VLAN, TK_MPLS, TK_PPPOED, TK_PPPOES, TK_GENEVE,
	TK_LLC, TK_ATM, TK_ATMFIELD, TK_PF, TK_SS7, TK_SS7FIELD,
	TK_NUM, TK_NAME, TK_V4, TK_V6, TK_MAC, TK_AID, TK_STRING, TK_FILE,
	TK_GE, TK_LE, TK_NE, TK_LSH, TK_RSH,    /* the other signs are their own characters, >= 33 */
	TK_CHAR = 0x100,
} Tok;
typedef struct Token { int kind; u32 value; const char *text; u32 len; Span at; } Token;

/* lex.c: the tokens of a text, the last one TK_END. NULL after an error. */
Token *filt_lex(Arena *a, Diag *d, const char *name, const char *text, size_t n, u32 *count);
const char *filt_proto_name(Proto p);

/* ---- what was written ---- */
typedef struct Qual { u8 kind, proto, dir; } Qual;
typedef enum AstKind {
	A_TRUE, A_AND, A_OR, A_NOT,
	A_NAME, A_NUM, A_V4, A_V6, A_MAC, A_AID, A_SET,         /* identifiers under a qualifier */
	A_PROTO, A_REL, A_BROADCAST, A_MULTICAST, A_LESS, A_GREATER, A_BYTE, A_BOUND, A_IFINDEX,
	A_VLAN, A_MPLS, A_PPPOED, A_PPPOES, A_GENEVE, A_VXLAN, A_IPIP, A_GRE,
	A_LLC, A_ATM, A_ATMFIELD, A_PF, A_WTYPE, A_WDIR, A_SS7, A_SS7FIELD, A_CONTAINS,
	A_PID, A_COMM, A_CGROUP,
} AstKind;
typedef enum ArithKind { R_NUM, R_LEN, R_LOAD, R_OP, R_NEG } ArithKind;
typedef struct Arith { u8 kind, proto; u8 size; u32 k; u16 op; struct Arith *l, *r; Span at; } Arith;
typedef struct Ast {
	u8 kind;
	bool flag;              /* has a value; reversed relation */
	bool masked;            /* A_V4: NET/LEN (v) or NET mask MASK (text2) */
	u16 op;                 /* relation: BPF_JEQ, BPF_JGT, BPF_JGE, BPF_JSET; byte: the sign */
	Qual q;
	u32 v, v2;
	u32 depth;              /* of nesting */
	const char *text, *text2;
	struct Ast *l, *r;
	Vec(struct Ast *) list; /* A_SET */
	Arith *x, *y;
	Span at, at2;
} Ast;
/* parse.c: NULL after an error. */
Ast *filt_parse(Arena *a, Diag *d, Token *tok);
Ast *filt_parse_ids(Arena *a, Diag *d, Token *tok, Qual q);

/* names.c: numbers for names; all give false if the name is unknown. */
bool filt_name_proto(const char *name, u32 *v);
bool filt_name_ether(const char *name, u32 *v);
bool filt_name_net(const char *name, u32 *addr);
enum { PORT_TCP = 6, PORT_UDP = 17, PORT_SCTP = 132, PORT_ANY = 256 };
bool filt_name_port(const char *name, u32 *port, u32 *proto);
bool filt_name_mac(const char *name, u8 mac[6]);
bool filt_mac(const char *text, u8 mac[6]);
typedef struct Addr { bool v6; u8 b[16]; } Addr;        /* IPv4 in b[0..3] */
typedef Vec(Addr) Addrs;
bool filt_name_host(Arena *a, const char *name, Addrs *out);
int filt_v4(const char *text, u32 *v);                  /* its bits (8, 16, 24, 32), or -1 */
/* Names of 802.11 types, LLC frames, pf reasons and actions; -1 if unknown. */
typedef struct NameRow { const char *name; int value; } NameRow;
extern const NameRow filt_wlan_types[], filt_wlan_subtypes[], filt_llc_s[], filt_llc_u[], filt_pf_reasons[],
	filt_pf_actions[], filt_wlan_dirs[];
int filt_row(const NameRow *rows, const char *name);
/* The subtype's value with its type's bits; type < 0: any. */
int filt_wlan_subtype(const char *name, int type);

/* ---- link types ---- */
#define UNSET 0xffffffffu
typedef enum LinkFamily {
	L_OTHER, L_ETHER, L_LLC, L_WLAN, L_SLL, L_RAW, L_V4ONLY, L_V6ONLY, L_PPP, L_PPP_BSDOS, L_LOOP, L_PFLOG,
	L_ARCNET, L_LTALK, L_FRELAY, L_JUNIPER, L_BACNET, L_IPNET, L_HDLC, L_SUNATM, L_MTP2, L_REFUSE,
} LinkFamily;
enum { DL_NULL = 0, DL_EN10MB = 1, DL_IEEE802 = 6, DL_ARCNET = 7, DL_SLIP = 8, DL_PPP = 9, DL_FDDI = 10,
	DL_ATM_RFC1483 = 11, DL_RAW = 12, DL_C_HDLC = 104, DL_IEEE802_11 = 105, DL_LOOP = 108, DL_ENC = 109,
	DL_LINUX_SLL = 113, DL_PFLOG = 117, DL_PRISM = 119, DL_IP_OVER_FC = 122, DL_SUNATM = 123,
	DL_RADIOTAP = 127, DL_ARCNET_LINUX = 129, DL_MTP2_PHDR = 139, DL_MTP2 = 140, DL_AVS = 163,
	DL_PPP_PPPD = 166, DL_PPI = 192, DL_ERF = 197, DL_IPNET = 226, DL_IPV4 = 228, DL_IPV6 = 229,
	DL_LINUX_SLL2 = 276 };
typedef struct LinkRow {
	int number;
	const char *name;
	u8 family;
	u32 type_off, pl_off;   /* of the type field, of the payload */
	u32 nl, nl_nosnap;      /* from there to the network header */
} LinkRow;
const LinkRow *filt_link_row(int number);

/* ---- values ---- */
typedef enum ExOp { X_IMM, X_LEN, X_LD, X_ALU, X_NEG, X_CELL, X_CMP, X_ASK } ExOp;
typedef struct Ex {
	u8 op;
	u8 size;                /* X_LD: 1, 2, 4 */
	u16 alu;                /* BPF_ADD...; X_CMP: BPF_JEQ, BPF_JGT, BPF_JGE; its value is 0 or 1 */
	u32 k;                  /* X_IMM: value; X_LD: offset; X_CELL, X_ASK: number */
	struct Ex *a, *b;       /* X_LD: a is what is added to the offset, or NULL */
	u32 id, hi;             /* hi: no value is greater */
	u64 cells;              /* those it reads */
	bool may_fail;          /* reads the packet or divides */
} Ex;

/* Sets of values: sorted, disjoint, not touching intervals. */
typedef struct Range { u32 lo, hi; } Range;
typedef struct Set { u32 n; Range r[]; } Set;

/* ---- trees of tests: what gen.c makes of the Ast ---- */
typedef enum BoolOp { B_TRUE, B_FALSE, B_TEST, B_AND, B_OR, B_NOT, B_LET, B_CHAIN, B_IF } BoolOp;
typedef struct Bool {
	u8 op;
	Ex *e;                  /* B_TEST: is e in set; B_LET: cell := e, true; B_IF: e in set ? l : r */
	const Set *set;
	u32 cell;
	struct Chain *chain;
	struct Bool *l, *r;
} Bool;
/* protochain: walk the headers behind the network header at `net`, looking for `proto`. */
typedef struct Chain { bool v6; u32 net, proto; } Chain;

/* ---- the graph ---- */
typedef enum NodeOp { N_RET, N_TEST, N_LET, N_CHAIN } NodeOp;
typedef struct Node {
	u8 op;
	u32 id;                 /* successors have smaller ones */
	u32 k;                  /* N_RET: 0 or 1; N_LET: cell */
	Ex *e;
	const Set *set;
	Chain *chain;
	struct Node *t, *f;     /* N_LET: t */
	u64 tests;              /* bit id % 64 of each value tested here or below */
	u32 stamp;              /* of the last walk that was here, and what it made of this node */
	struct Node *memo;
} Node;

/* A test of what is no byte at a place: kind A_CONTAINS (the v bytes of text), A_PID (v), A_COMM, A_CGROUP (text). */
typedef struct Ask { u8 kind; u32 v; const char *text; } Ask;

/* once.c: where the one equal to `key` is kept; NULL there if it is new, and then the caller has to put it there. */
typedef struct OnceSlot { void *p; u32 hash; } OnceSlot;
typedef struct Once { OnceSlot *slot; u32 slots, n; } Once;
void **filt_once(Once *t, Arena *a, u32 hash, const void *key, bool (*same)(const void *, const void *));

typedef struct Graph {
	Arena *a;
	Vec(Ex *) ex;
	Vec(Node *) node;
	Once exes, nodes;
	Vec(Ask) ask;
	Node *yes, *no, *root;
	u32 cells;
	u32 stamp;
	bool plain;             /* keep tests that decide nothing */
	bool in_order;          /* tests stay behind those that they stood behind */
	bool reordered;         /* one does not */
} Graph;

/* ex.c */
Ex *ex_imm(Graph *g, u32 k);
Ex *ex_len(Graph *g);
Ex *ex_cell(Graph *g, u32 cell);
Ex *ex_ask(Graph *g, u32 number);
Ex *ex_ld(Graph *g, u32 size, Ex *base, u32 k);
Ex *ex_alu(Graph *g, u16 op, Ex *a, Ex *b);
Ex *ex_neg(Graph *g, Ex *a);
Ex *ex_cmp(Graph *g, u16 op, Ex *a, Ex *b);
/* The value with cells replaced: by[c] if not NULL. */
Ex *ex_subst(Graph *g, Ex *e, Ex **by);
u32 alu_fold(u16 op, u32 a, u32 b);

/* set.c */
const Set *set_range(Arena *a, u32 lo, u32 hi);
const Set *set_or(Arena *a, const Set *x, const Set *y);
const Set *set_and(Arena *a, const Set *x, const Set *y);
const Set *set_not(Arena *a, const Set *x);
const Set *set_of(Arena *a, Range *r, u32 n);           /* sorts; may overlap */
bool set_same(const Set *x, const Set *y);
bool set_disjoint(const Set *x, const Set *y);
bool set_within(const Set *x, const Set *y);
bool set_has(const Set *x, u32 v);

/* graph.c */
Graph *graph_new(Arena *a);
/* Nodes are shared: the same test with the same successors is one node. */
Node *graph_test(Graph *g, Ex *e, const Set *set, Node *t, Node *f);
Node *graph_let(Graph *g, u32 cell, Ex *e, Node *t);
Node *graph_chain(Graph *g, Chain *c, Node *t, Node *f);
Node *graph_lower(Graph *g, Bool *b, Node *t, Node *f);

/* opt.c: makes the graph smaller; what it accepts stays, save packets refused only by a load that is gone. */
void graph_optimize(Graph *g);
/* The graph from n on for packets in which e is in `set`. */
Node *graph_restricted(Graph *g, Node *n, const Ex *e, const Set *set);
/* search.c: graph_optimize, and for small graphs other shapes, of which the one with the shortest code is kept. */
void graph_shrink(Graph *g);
/* opt.c: what is known of values on one way through the graph. */
typedef struct Fact { Ex *e; const Set *set; } Fact;
typedef struct Facts { Fact *v; u32 n; } Facts;         /* by rising e->id */
/* All values that e can have. */
const Set *facts_known(Graph *g, const Facts *f, const Ex *e);
/* 1: e is in the set, 0: it is not, -1: that is open. */
int facts_decide(Graph *g, const Facts *f, const Ex *e, const Set *set);
Facts facts_learn(Graph *g, const Facts *f, Ex *e, const Set *set);
Facts facts_forget(Graph *g, const Facts *f, u32 cell);

/* pull.c: opt's step that brings tests of one value together. */
Node *graph_pull(Graph *g, Node *root);
/* steps.c: the instructions that bring a value into the accumulator. */
typedef struct Step {
	u16 code;
	u32 k;
	Ex *a, *x;              /* what A and X hold afterwards; NULL: unknown */
	bool temp;              /* a temporary cell is in use here: no way in */
} Step;
typedef struct Steps {
	u32 n;
	Step *s;
	Ex **need_a, **need_x;  /* [i]: what must be in A and X before step i, or NULL; [n]: at the end */
	bool *closed;           /* [i]: one cannot begin at step i */
} Steps;
/* For a test: A holds the value (or what is left of its comparison, then X the right side). */
void steps_test(Arena *a, const Node *n, Steps *out);
void steps_let(Arena *a, const Node *n, Steps *out);
/* A test of bits: jset on the value without its mask. */
bool node_is_bits(const Node *n, bool *negated);

/* code.c: classic BPF of a graph. NULL if its memory cells do not suffice. */
FiltInsn *graph_code(Graph *g, Node *root, u32 snaplen, u32 *n);
/* Temporaries are M[15] and below. Cells are CELL + number in Steps and get M[0] and above as they are read. */
enum { TEMP_TOP = 15, CELL = 0x100, CELL_SLOTS = 12 };

/* mach.c: code as a graph of instructions, shared where it is the same, and its layout. */
typedef struct Mach Mach;
typedef struct MNode MNode;
Mach *mach_new(Arena *a);
MNode *mach_ins(Mach *m, u16 code, u32 k, MNode *next);
MNode *mach_jump(Mach *m, u16 code, u32 k, MNode *t, MNode *f);
MNode *mach_ret(Mach *m, u32 k);
MNode *mach_chain(Mach *m, const Chain *c, MNode *t, MNode *f);
/* A test of A, which is at most hi: in the set? */
MNode *mach_set(Mach *m, const Set *set, u32 hi, MNode *t, MNode *f);
/* mach_set.c: all that leads to root, with comparisons for these tests. */
MNode *mach_expand(Mach *m, MNode *root);
FiltInsn *mach_layout(Mach *m, MNode *root, bool true_first, u32 *n);

/* csource.c: a value as an expression of C. */
void filt_c_value(const Ex *e, Buf *out);

/* gen.c: NULL after an error. outer: only what a program can test, for the kernel, which lets more through. */
Bool *filt_gen(Arena *a, Diag *d, Graph *g, Ast *ast, const FiltOpts *o, bool outer);

/* ask.c */
bool ast_asks(const Ast *n);
bool ask_holds(const Ask *k, const u8 *p, u32 n, const FiltProcess *w);
/* Offsets of loads that are answered from elsewhere: what Linux knows beside the packet, and the asks from FILT_ASK on. */
enum { META_PKTTYPE = 0xfffff000u + 4, META_IFINDEX = 0xfffff000u + 8, FILT_ASK = 0xfffff800u };

/* run.c: as filt_run_checked; a load out of the packet of 4 bytes, or 2, at a constant offset is first offered to `answer`. */
typedef bool FiltAnswer(void *arg, u32 at, u32 *v);
u32 filt_run_asking(const FiltInsn *insn, u32 n, const u8 *pkt, u32 caplen, u32 len, FiltAnswer *answer, void *arg, bool *ran_out);

typedef struct Program { Graph *g; Node *root; FiltInsn *insn; u32 n; } Program;

struct Filt {
	Arena *a;
	FiltOpts opts;
	Ast *ast;
	Graph *g;               /* of the program that asks nothing */
	Node *root;
	FiltInsn *insn;
	u32 n;
	Program exact;          /* with what is asked; the same if nothing is */
	bool empty;             /* rejects every packet */
};

#endif
