/* read: a unit from its text form (see print.c). Two looks at each function: the first makes blocks and gives every
 * named value its instruction, so that a phi may name what stands below it; the second fills them in.
 * Nothing is simplified: what is read is what was written. '#' starts a comment. */
#include "ir/ir.h"
#include "ir/pass.h"

#include <stdlib.h>

typedef struct Reader {
	Diag *d;
	Arena *a;
	Unit *u;
	Fn *fn;
	const char *text, *p, *end;     /* end: of the text */
	u32 base;                       /* span offset of the text's first byte */
	Map values;                     /* "%1" of this fn -> Ref */
	bool bad;
} Reader;

static bool
blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == ',';
}

static bool
word_char(char c)
{
	return c && !blank(c) && !strchr("\n#[]=:", c);
}

static Span
span_of(const Reader *r, const char *from, const char *to)
{
	return (Span){ r->base + (u32)(from - r->text), r->base + (u32)(to - r->text) };
}

static void
complain(Reader *r, const char *from, const char *what)
{
	if (!r->bad)
		diag_err(r->d, span_of(r, from, MAX(r->p, from + 1)), E_IR_TEXT, "%s", what);
	r->bad = true;
}

static void
skip_blanks(Reader *r)
{
	while (r->p < r->end && blank(*r->p))
		r->p++;
	if (r->p < r->end && *r->p == '#')
		while (r->p < r->end && *r->p != '\n')
			r->p++;
}

/* The next word of the line in buf (cut to size), "" at its end. Punctuation is a word of its own. */
static const char *
word(Reader *r, char *buf, size_t size)
{
	size_t n = 0;

	skip_blanks(r);
	if (r->p < r->end && *r->p && strchr("[]=:", *r->p)) {
		buf[n++] = *r->p++;
	} else {
		while (r->p < r->end && word_char(*r->p)) {
			if (n + 1 < size)
				buf[n++] = *r->p;
			r->p++;
		}
	}
	buf[n] = 0;
	return buf;
}

static bool
next_line(Reader *r)
{
	while (r->p < r->end && *r->p != '\n')
		r->p++;
	if (r->p < r->end)
		r->p++;
	return r->p < r->end;
}

static void
want(Reader *r, const char *what)
{
	char w[64];

	if (strcmp(word(r, w, sizeof(w)), what))
		complain(r, r->p, arena_printf(r->a, "expected '%s', found '%s'", what, w));
}

static bool
number(const char *s, s64 *n)
{
	char *end;

	*n = s[0] == '-' ? strtoll(s, &end, 0) : (s64)strtoull(s, &end, 0);
	return end != s && !*end;
}

static s64
read_number(Reader *r)
{
	char w[64];
	s64 n = 0;

	if (!number(word(r, w, sizeof(w)), &n))
		complain(r, r->p, arena_printf(r->a, "expected a number, found '%s'", w));
	return n;
}

static Ref
leaf_of(Reader *r, const char *w)
{
	static const struct { const char *prefix; u8 op; } kinds[] = {
		{ "map", IR_map }, { "mem", IR_mem }, { "val", IR_mapval }, { "fn", IR_fnref }, { "p", IR_param },
	};
	s64 n, off = 0;
	char *dot;

	if (number(w, &n))
		return ir_const(r->fn, n);
	for (u32 k = 0; k < COUNT(kinds); k++) {
		size_t len = strlen(kinds[k].prefix);
		char rest[64];

		if (strncmp(w, kinds[k].prefix, len))
			continue;
		strcpy(rest, w + len);
		dot = kinds[k].op == IR_mapval ? strchr(rest, '.') : NULL;
		if (dot) {
			*dot = 0;
			if (!number(dot + 1, &off))
				return 0;
		}
		if (!number(rest, &n) || n < 0 ||
		    (kinds[k].op == IR_mem && n >= r->fn->mems.n) || (kinds[k].op == IR_param && n >= r->fn->n_params))
			return 0;
		return ir_leaf(r->fn, kinds[k].op, n, (u32)off);
	}
	return 0;
}

static Ref
ref_of(Reader *r, const char *w)
{
	Ref ref = w[0] == '%' ? (Ref)(uintptr_t)map_get(&r->values, w, strlen(w)) : leaf_of(r, w);

	if (!ref)
		complain(r, r->p, arena_printf(r->a, "'%s' is no value here", w));
	return ref;
}

static Ref
read_ref(Reader *r)
{
	char w[64];

	return ref_of(r, word(r, w, sizeof(w)));
}

/* [base+off] */
static Ref
read_address(Reader *r, s64 *off)
{
	char w[64], *sign;
	Ref base;

	want(r, "[");
	word(r, w, sizeof(w));
	sign = w[0] ? strpbrk(w + 1, "+-") : NULL;
	*off = 0;
	if (sign) {
		char digits[64];

		strcpy(digits, sign + (*sign == '+'));
		*sign = 0;
		if (!number(digits, off))
			complain(r, r->p, "expected an offset");
	}
	base = ref_of(r, w);
	want(r, "]");
	return base;
}

static u32
read_block(Reader *r)
{
	char w[64];
	s64 n;

	word(r, w, sizeof(w));
	if (w[0] != 'b' || !number(w + 1, &n) || n < 0 || n >= r->fn->blocks.n) {
		complain(r, r->p, arena_printf(r->a, "expected a block, found '%s'", w));
		return 0;
	}
	return (u32)n;
}

static void
read_call(Reader *r, Ins *i)
{
	char w[64];
	const Helper *h;
	Ref args[5];

	word(r, w, sizeof(w));
	h = bpf_helper_named(w);
	if (h)
		i->imm = h->id;
	else if (!number(w, &i->imm))
		complain(r, r->p, arena_printf(r->a, "'%s' is no helper", w));
	while (!r->bad && i->n_args < 5 && word(r, w, sizeof(w))[0])
		args[i->n_args++] = ref_of(r, w);
	i->args = NEW_N(r->fn->a, Ref, i->n_args);
	memcpy(i->args, args, i->n_args * sizeof(Ref));
}

/* The operands come in the order of the text; they are put into the order of the block's predecessors at the end. */
static void
read_phi(Reader *r, Ins *i, Block *b)
{
	Vec(Ref) pairs = { 0 };
	char w[64];

	while (!r->bad) {
		const char *before = r->p;

		if (!word(r, w, sizeof(w))[0])
			break;
		r->p = before;
		VEC_PUSH(r->a, &pairs, read_block(r));
		VEC_PUSH(r->a, &pairs, read_ref(r));
	}
	if (pairs.n != 2 * b->preds.n)
		complain(r, r->p, "a phi needs one value for each way into its block");
	i->n_args = b->preds.n;
	i->args = NEW_N(r->fn->a, Ref, b->preds.n);
	for (u32 n = 0; !r->bad && n < b->preds.n; n++) {
		for (u32 k = 0; k < pairs.n; k += 2)
			if (pairs.v[k] == b->preds.v[n])
				i->args[n] = pairs.v[k + 1];
		if (!i->args[n])
			complain(r, r->p, arena_printf(r->a, "the phi has no value for b%u", b->preds.v[n]));
	}
}

static void
read_operands(Reader *r, Ins *i, Block *b)
{
	s64 off;

	switch (i->op) {
	case IR_load: case IR_loads:
		i->a = read_address(r, &i->imm);
		break;
	case IR_store:
		i->a = read_address(r, &i->imm);
		i->b = read_ref(r);
		break;
	case IR_atomic:
		i->a = read_address(r, &off);
		i->imm2 = (u32)(s32)off;
		i->b = read_ref(r);
		break;
	case IR_zero: case IR_copy:
		i->a = read_address(r, &off);
		i->imm2 = (u32)(s32)off;
		if (i->op == IR_copy)
			i->b = read_address(r, &off);
		i->imm = read_number(r);
		break;
	case IR_call:
		read_call(r, i);
		break;
	case IR_phi:
		read_phi(r, i, b);
		break;
	case IR_jmp:
		b->succ[0] = read_block(r);
		break;
	case IR_br:
		i->a = read_ref(r);
		b->succ[0] = read_block(r);
		b->succ[1] = read_block(r);
		break;
	default:
		i->a = read_ref(r);
		if (operand(i, 1))
			i->b = read_ref(r);
	}
}

static int
op_named(const char *name, size_t n)
{
	for (int op = 1; op < N_IR_OP; op++)
		if (!is_leaf((u8)op) && strlen(ir_ops[op].name) == n && !memcmp(ir_ops[op].name, name, n))
			return op;
	return -1;
}

/* "load.8", "atomic.8.1" */
static bool
read_op(Reader *r, const char *w, Ins *i)
{
	size_t n = strcspn(w, ".");
	int op = op_named(w, n);
	char *end;

	if (op < 0) {
		complain(r, r->p, arena_printf(r->a, "'%s' is no operation", w));
		return false;
	}
	i->op = (u8)op;
	if (w[n] == '.') {
		i->size = (u8)strtoul(w + n + 1, &end, 10);
		if (*end == '.')
			i->imm = (s64)strtoul(end + 1, &end, 10);
	}
	return true;
}

static void
read_ins(Reader *r, Block *b, bool first)
{
	char w[64], name[64] = "";
	const char *from = r->p;
	Ins i = { 0 };
	Ref ref;

	word(r, w, sizeof(w));
	if (w[0] == '%') {
		strcpy(name, w);
		want(r, "=");
		word(r, w, sizeof(w));
	}
	if (!read_op(r, w, &i))
		return;
	if (first) {    /* only the names of values and the edges of the graph */
		if (name[0]) {
			if (map_get(&r->values, name, strlen(name)))
				complain(r, from, arena_printf(r->a, "%s is given twice", name));
			map_set(&r->values, name, strlen(name), (void *)(uintptr_t)ir_new(r->fn, b->id, (Ins){ .op = IR_phi }));
		}
		return;
	}
	read_operands(r, &i, b);
	while (!r->bad && word(r, w, sizeof(w))[0]) {
		if (!strcmp(w, "invariant"))
			i.flags |= IF_INVARIANT;
		else if (!strcmp(w, "volatile"))
			i.flags |= IF_VOLATILE;
		else
			complain(r, r->p, arena_printf(r->a, "did not expect '%s'", w));
	}
	if (name[0] && !ir_has_value(&i))
		complain(r, from, "this operation gives no value");
	i.block = b->id;
	i.at = span_of(r, from, r->p);
	ref = name[0] ? (Ref)(uintptr_t)map_get(&r->values, name, strlen(name)) : ir_new(r->fn, b->id, i);
	*at(r->fn, ref) = i;
	VEC_PUSH(r->fn->a, &b->ins, ref);
}

/* Gives the terminator's targets to the graph: before phis are read, every block must know its predecessors. */
static void
read_edges(Reader *r, Block *b)
{
	char w[64], discard[64];

	word(r, w, sizeof(w));
	if (!strcmp(w, "br"))
		word(r, discard, sizeof(discard));
	else if (strcmp(w, "jmp"))
		return;
	for (int k = 0; k < (w[0] == 'b' ? 2 : 1) && !r->bad; k++) {
		u32 to = read_block(r);

		VEC_PUSH(r->fn->a, &r->fn->blocks.v[to]->preds, b->id);
	}
}

typedef enum Look { BLOCKS, EDGES, NAMES, FILL } Look;

/* The lines of one function, from its "fn" line to the next one, for one of the looks. */
static void
read_body(Reader *r, Look look)
{
	Block *b = NULL;
	char w[64], more[64];
	s64 n;

	while (!r->bad && next_line(r)) {
		const char *from = r->p;

		word(r, w, sizeof(w));
		if (!w[0])
			continue;
		if (!strcmp(w, "fn")) {
			r->p = from;
			skip_blanks(r);
			return;
		}
		if (!strncmp(w, "mem", 3)) {
			u32 size = (u32)read_number(r);

			want(r, "align");
			n = read_number(r);
			if (look == BLOCKS)
				ir_mem(r->fn, size, (u32)n, span_of(r, from, r->p));
			continue;
		}
		if (w[0] == 'b' && number(w + 1, &n)) {
			bool cold = !strcmp(word(r, more, sizeof(more)), "cold");

			if (look == BLOCKS) {
				if (n != (b ? b->id + 1 : 0))
					complain(r, from, "blocks are numbered in order");
				b = r->fn->blocks.v[n && !r->bad ? ir_block(r->fn) : 0];
				b->cold = cold;
				b->sealed = true;
			} else {
				b = r->fn->blocks.v[n];
			}
			continue;
		}
		if (!b) {
			complain(r, from, "expected 'b0:' first");
			return;
		}
		r->p = from;
		if (look == EDGES)
			read_edges(r, b);
		else if (look != BLOCKS)
			read_ins(r, b, look == NAMES);
	}
}

static void
read_fn(Reader *r)
{
	char w[64];
	const char *body;
	u32 n;

	word(r, w, sizeof(w));
	n = (u32)read_number(r);
	if (n > 5)
		complain(r, r->p, "a function has at most 5 parameters");
	r->fn = ir_fn_new(r->u, arena_str(r->a, w, strlen(w)), n);
	r->values = (Map){ .arena = r->a };
	body = r->p;
	for (Look look = BLOCKS; look <= FILL && !r->bad; look++) {
		r->p = body;
		read_body(r, look);
	}
	r->fn->cur = NO_BLOCK;
}

Unit *
ir_read(Arena *a, Diag *d, const char *name, const char *text, size_t n)
{
	Reader r = { .d = d, .a = a, .text = text, .p = text, .end = text + n };
	char w[64];
	Buf why = { 0 };

	r.base = diag_source(d, name, text, n);
	r.u = ir_unit_new(a, name);
	do {
		word(&r, w, sizeof(w));
		if (!w[0])
			continue;
		if (strcmp(w, "fn")) {
			complain(&r, r.p, "expected 'fn'");
			break;
		}
		read_fn(&r);
	} while (!r.bad && (r.p < r.end && *r.p == 'f' ? true : next_line(&r)));
	if (!r.bad && !r.u->fns.n)
		complain(&r, r.p, "there is no function");
	for (u32 k = 0; !r.bad && k < r.u->fns.n; k++)
		if (!ir_check(r.u->fns.v[k], &why)) {
			r.p = text + n;
			complain(&r, text, arena_str(a, why.p, why.n));
		}
	buf_free(&why);
	return r.bad ? NULL : r.u;
}
