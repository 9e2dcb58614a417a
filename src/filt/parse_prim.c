/* parse_prim: primitives that have a word of their own: 802.11, LLC, pf, ATM and SS7 fields, bytes, piton's own words. */
#include "filt/parse.h"

#include <strings.h>

Item
filt_parse_term(Ast *n)
{
	return (Item){ IT_TERM, n, NULL, filt_parse_undef };
}

/* With `flag` and v set if a number (perhaps in parentheses) follows. */
Ast *
filt_parse_with_number(Parser *p, AstKind kind, Span from)
{
	Ast *n = filt_parse_ast(p, kind, from);
	Token *t = p->t;
	u32 open = 0;

	while (t->kind == TK_CHAR + '(')
		t++, open++;
	if (t->kind != TK_NUM)
		return n;
	for (u32 i = 0; i < open; i++)
		if (t[1 + i].kind != TK_CHAR + ')')
			return n;
	n->flag = true;
	n->v = t->value;
	n->at2 = t->at;
	n->at.to = t[open].at.to;
	p->t = t + 1 + open;
	return n;
}

Ast *
filt_parse_must_number(Parser *p, AstKind kind, Span from, const char *what)
{
	Ast *n = filt_parse_ast(p, kind, from);

	if (!filt_parse_at(p, TK_NUM))
		filt_parse_expected(p, what);
	n->v = p->t->value;
	n->at2 = p->t->at;
	n->at.to = p->t++->at.to;
	return n;
}

static const char *
must_name(Parser *p, const char *what)
{
	if (!filt_parse_at(p, TK_NAME))
		filt_parse_expected(p, what);
	return p->t++->text;
}

static int
must_row(Parser *p, const NameRow *rows, const char *what)
{
	const char *name = must_name(p, what);
	int v = filt_row(rows, name);

	if (v < 0) {
		p->t--;
		diag_err(p->d, p->t->at, E_FILTER, "'%s' is not %s", name, what);
		Buf b = {0};
		for (u32 i = 0; rows[i].name; i++)
			buf_printf(&b, "%s%s", i ? ", " : "", rows[i].name);
		diag_hint(p->d, "known are %s", b.p);
		buf_free(&b);
		longjmp(p->out, 1);
	}
	return v;
}

/* type T, type T subtype S, subtype S, dir D */
Ast *
filt_parse_wlan(Parser *p)
{
	Span from = p->t->at;
	Ast *n = filt_parse_ast(p, A_WTYPE, from);

	if (filt_parse_take(p, TK_DIR)) {
		n->kind = A_WDIR;
		n->v = filt_parse_at(p, TK_NUM) ? p->t++->value : (u32)must_row(p, filt_wlan_dirs, "a direction of 802.11 frames");
	} else if (filt_parse_take(p, TK_SUBTYPE)) {
		const char *name = must_name(p, "a subtype of 802.11 frames");
		int v = filt_wlan_subtype(name, -1);

		if (v < 0) {
			p->t--;
			diag_err(p->d, p->t->at, E_FILTER, "'%s' is not a subtype of 802.11 frames", name);
			longjmp(p->out, 1);
		}
		n->v = (u32)v;
		n->v2 = 0xfc;
	} else {
		p->t++;
		if (filt_parse_at(p, TK_NUM) && p->t->value & ~0x0cu) {
			diag_err(p->d, p->t->at, E_FILTER, "the type of a frame is 0, 4 or 8, not %u", p->t->value);
			longjmp(p->out, 1);
		}
		n->v = filt_parse_at(p, TK_NUM) ? p->t++->value : (u32)must_row(p, filt_wlan_types, "a type of 802.11 frames");
		n->v2 = 0x0c;
		if (filt_parse_take(p, TK_SUBTYPE)) {
			n->v2 = 0xfc;
			if (filt_parse_at(p, TK_NUM)) {
				if (p->t->value & ~0xf0u) {
					diag_err(p->d, p->t->at, E_FILTER, "the subtype of a frame has the bits 0xf0, not 0x%x",
						p->t->value);
					longjmp(p->out, 1);
				}
				n->v |= p->t++->value;
			} else {
				const char *name = must_name(p, "a subtype of 802.11 frames");
				int v = filt_wlan_subtype(name, (int)n->v);

				if (v < 0) {
					p->t--;
					diag_err(p->d, p->t->at, E_FILTER, "'%s' is not a subtype of this type of frames", name);
					longjmp(p->out, 1);
				}
				n->v = (u32)v;
			}
		}
	}
	n->at.to = p->t[-1].at.to;
	return n;
}

Ast *
filt_parse_llc(Parser *p)
{
	Ast *n = filt_parse_ast(p, A_LLC, p->t++->at);

	if (filt_parse_at(p, TK_NAME)) {
		n->text = p->t->text;
		n->at.to = p->t->at.to;
		if (strcasecmp(n->text, "i") && strcasecmp(n->text, "s") && strcasecmp(n->text, "u") &&
		    filt_row(filt_llc_s, n->text) < 0 && filt_row(filt_llc_u, n->text) < 0) {
			diag_err(p->d, p->t->at, E_FILTER, "'%s' is not a type of LLC frames", n->text);
			diag_hint(p->d, "known are i, s, u, rr, rnr, rej, ui, ua, disc, dm, sabme, test, xid, frmr");
			longjmp(p->out, 1);
		}
		p->t++;
	} else if (filt_parse_at(p, TK_PF) && p->t->value == PF_RNR) {
		n->text = "rnr";
		p->t++;
	}
	return n;
}

Ast *
filt_parse_pf(Parser *p)
{
	Ast *n = filt_parse_ast(p, A_PF, p->t->at);
	u32 what = p->t++->value;

	n->v = what;
	n->at2 = p->t->at;
	if (what == PF_IFNAME || what == PF_RSET)
		n->text = must_name(p, what == PF_IFNAME ? "the name of an interface" : "the name of a rule set");
	else if (what == PF_ACTION)
		n->v2 = (u32)must_row(p, filt_pf_actions, "an action of pf");
	else if (what == PF_REASON && !filt_parse_at(p, TK_NUM))
		n->v2 = (u32)must_row(p, filt_pf_reasons, "a reason of pf");
	else if (filt_parse_at(p, TK_NUM))
		n->v2 = p->t++->value;
	else
		filt_parse_expected(p, "a number");
	n->at.to = p->t[-1].at.to;
	return n;
}

/* vpi, vci and the fields of MTP3: VALUE, relation VALUE, or (VALUE or VALUE ...) */
static Ast *
field_value(Parser *p, AstKind kind, Token *field)
{
	Ast *n = filt_parse_ast(p, kind, field->at);

	if (!filt_parse_at(p, TK_NUM))
		filt_parse_expected(p, "a number");
	n->op = BPF_JEQ;
	n->v = field->value;
	n->v2 = p->t->value;
	n->at2 = p->t->at;
	n->at.to = p->t++->at.to;
	return n;
}

Ast *
filt_parse_field(Parser *p, AstKind kind)
{
	Token *name = p->t++;
	int i = filt_parse_relation_here(p);
	Span open = p->t->at;
	Ast *n;

	if (i >= 0) {
		p->t++;
		n = field_value(p, kind, name);
		n->op = filt_parse_relations[i].op;
		n->flag = filt_parse_relations[i].not;
		return n;
	}
	if (!filt_parse_take(p, TK_CHAR + '('))
		return field_value(p, kind, name);
	n = field_value(p, kind, name);
	while (filt_parse_take(p, TK_OR))
		n = filt_parse_two(p, A_OR, n, field_value(p, kind, name));
	filt_parse_close(p, open);
	return n;
}

Ast *
filt_parse_byte(Parser *p)
{
	Ast *n = filt_parse_ast(p, A_BYTE, p->t++->at);

	if (!filt_parse_at(p, TK_NUM))
		filt_parse_expected(p, "the number of a byte");
	n->v = p->t++->value;
	if (!(filt_parse_at_char(p, '=') || filt_parse_at_char(p, '<') || filt_parse_at_char(p, '>') || filt_parse_at_char(p, '&') || filt_parse_at_char(p, '|')))
		filt_parse_expected(p, "one of = < > & |");
	n->op = (u16)(p->t++->kind - TK_CHAR);
	if (!filt_parse_at(p, TK_NUM))
		filt_parse_expected(p, "a number");
	n->v2 = p->t->value;
	n->at.to = p->t++->at.to;
	return n;
}

/* Words of piton alone: words only where no name can stand. */
Ast *
filt_parse_soft_word(Parser *p)
{
	Span from = p->t->at;
	Ast *n = NULL;

	if (filt_parse_soft(p, "contains")) {
		p->t++;
		n = filt_parse_ast(p, A_CONTAINS, from);
		if (!filt_parse_at(p, TK_STRING))
			filt_parse_expected(p, "a text in quotes");
		n->text = p->t->text;
		n->v = p->t->value;
	} else if (filt_parse_soft(p, "vxlan")) {
		p->t++;
		n = filt_parse_with_number(p, A_VXLAN, from);
		n->v2 = 4789;
		if (filt_parse_at(p, TK_PORT)) {
			p->t++;
			n->v2 = filt_parse_must_number(p, A_NUM, from, "the UDP port of the tunnel")->v;
		}
		return n;
	} else if (filt_parse_soft(p, "ipip") || filt_parse_soft(p, "gre")) {
		n = filt_parse_ast(p, filt_parse_soft(p, "gre") ? A_GRE : A_IPIP, from);
	} else if (filt_parse_soft(p, "pid")) {
		p->t++;
		return filt_parse_must_number(p, A_PID, from, "the number of a process");
	} else if (filt_parse_soft(p, "comm") || filt_parse_soft(p, "cgroup")) {
		n = filt_parse_ast(p, filt_parse_soft(p, "comm") ? A_COMM : A_CGROUP, from);
		p->t++;
		if (!filt_parse_at(p, TK_NAME) && !filt_parse_at(p, TK_STRING))
			filt_parse_expected(p, "a name");
		n->text = p->t->text;
	} else {
		return NULL;
	}
	n->at.to = p->t->at.to;
	p->t++;
	return n;
}
