/* annotate: names of the fields that a program's loads read, for -v -d. Forward over the program: where the type field was
 * compared with a protocol, its header's fields have names behind the jump. */
#include "filt/in.h"

#include <linux/filter.h>

enum { T_NONE, T_IP = 1, T_IP6 = 2, T_ARP = 4, T_ANY = 8 };
typedef struct Field { u8 under, size; u16 off; const char *name; } Field;
static const Field fields[] = {
	{ T_IP, 1, 0, "ip version and header length" }, { T_IP, 1, 1, "ip tos" }, { T_IP, 2, 2, "ip length" }, { T_IP, 2, 4, "ip id" },
	{ T_IP, 2, 6, "ip fragment" }, { T_IP, 1, 8, "ip ttl" }, { T_IP, 1, 9, "ip protocol" }, { T_IP, 2, 10, "ip checksum" },
	{ T_IP, 4, 12, "ip source" }, { T_IP, 4, 16, "ip destination" }, { T_IP, 1, 16, "ip destination, first byte" },
	{ T_IP6, 2, 4, "ip6 payload length" }, { T_IP6, 1, 6, "ip6 next header" }, { T_IP6, 1, 7, "ip6 hop limit" },
	{ T_IP6, 4, 8, "ip6 source, word 0" }, { T_IP6, 4, 12, "ip6 source, word 1" }, { T_IP6, 4, 16, "ip6 source, word 2" },
	{ T_IP6, 4, 20, "ip6 source, word 3" }, { T_IP6, 4, 24, "ip6 destination, word 0" },
	{ T_IP6, 1, 24, "ip6 destination, first byte" }, { T_IP6, 4, 28, "ip6 destination, word 1" },
	{ T_IP6, 4, 32, "ip6 destination, word 2" }, { T_IP6, 4, 36, "ip6 destination, word 3" },
	{ T_IP6, 1, 40, "ip6 next header of a fragment" }, { T_IP6, 2, 40, "source port over ip6" },
	{ T_IP6, 2, 42, "destination port over ip6" },
	{ T_ARP, 2, 6, "arp operation" }, { T_ARP, 4, 14, "arp sender" }, { T_ARP, 4, 24, "arp target" },
};

static const char *
field(u32 under, u32 size, u32 off)
{
	for (size_t i = 0; i < COUNT(fields); i++)
		if (fields[i].under == under && fields[i].size == size && fields[i].off == off)
			return fields[i].name;
	return NULL;
}

static u32
type_of(u32 k)
{
	return k == 0x0800 || k == 0x21 ? T_IP : k == 0x86dd || k == 0x57 ? T_IP6 : k == 0x0806 || k == 0x8035 ? T_ARP : T_NONE;
}

static const char *
load_name(const FiltInsn *i, const LinkRow *r, u32 under, bool *type_field)
{
	u32 size = BPF_SIZE(i->code) == BPF_B ? 1 : BPF_SIZE(i->code) == BPF_H ? 2 : 4, net = r->pl_off + r->nl;

	if (BPF_MODE(i->code) == BPF_MSH)
		return "ip header length";
	if (BPF_MODE(i->code) == BPF_IND && under == T_IP && i->k == net && size == 2)
		return "source port";
	if (BPF_MODE(i->code) == BPF_IND && under == T_IP && i->k == net + 2 && size == 2)
		return "destination port";
	if (BPF_MODE(i->code) == BPF_IND && under == T_IP && i->k == net + 13 && size == 1)
		return "tcp flags";
	if (BPF_MODE(i->code) != BPF_ABS)
		return NULL;
	if (r->type_off != UNSET && i->k == r->type_off && size == 2) {
		*type_field = true;
		return "type of the payload";
	}
	if (r->number == DL_EN10MB && i->k < 6)
		return "ether destination";
	if (r->number == DL_EN10MB && i->k < 12)
		return "ether source";
	return i->k >= net ? field(under, size, i->k - net) : NULL;
}

/* The program as -d prints it, with "; name" behind loads. */
void
filt_print_named(const Filt *f, Buf *out)
{
	const LinkRow *r = filt_link_row(f->opts.linktype);
	u8 *under = NEW_N(f->a, u8, f->n + 1);
	bool type = false;

	under[0] = T_ANY;
	for (u32 i = 0; i < f->n; i++) {
		const FiltInsn *x = &f->insn[i];
		u16 class = BPF_CLASS(x->code);
		const char *name = NULL;
		size_t from = out->n;

		filt_print_insn(x, i, out);
		if (class == BPF_LD || class == BPF_LDX) {
			if (class == BPF_LD)
				type = false;
			name = load_name(x, r, under[i], &type);
		}
		if (name)
			buf_printf(out, "%*s; %s", (int)(out->n - from < 40 ? 40 - (out->n - from) : 1), "", name);
		buf_putc(out, '\n');
		if (class == BPF_RET)
			continue;
		if (class == BPF_JMP && BPF_OP(x->code) != BPF_JA) {
			u32 yes = type && BPF_OP(x->code) == BPF_JEQ ? type_of(x->k) : under[i];

			under[i + 1 + x->jt] = under[i + 1 + x->jt] && under[i + 1 + x->jt] != yes ? T_ANY : (u8)yes;
			under[i + 1 + x->jf] = under[i + 1 + x->jf] && under[i + 1 + x->jf] != under[i] ? T_ANY : under[i];
		} else {
			u32 to = class == BPF_JMP ? i + 1 + x->k : i + 1;

			if (to > i && to <= f->n)
				under[to] = under[to] && under[to] != under[i] ? T_ANY : under[i];
		}
	}
}
