/* cfi: call frame information (.eh_frame, .debug_frame) as a table for unwinding: one row for each range of code, sorted.
 * The information is a little program for each function; here all of them are run once, so that the BPF program that unwinds
 * only searches. Kept is what a walk up the stack needs: the canonical frame address (CFA) and where the return address, the
 * frame pointer, and one more saved register lie. DWARF expressions are understood in the forms that linkers and compilers write:
 * the procedure linkage table, frames of realigned stacks, signal frames; code with others is marked as unknown.
 * Files are hostile: readers stop at the end of their section. */
#include "sym/dwarf.h"

#include <elf.h>
#include <stdlib.h>

enum { MAX_ROWS = 1 << 22, MAX_SAVED_STATES = 16 };

/* How the machine numbers its registers. */
typedef struct Arch { u16 machine; u8 sp, fp, bx, once, ra; bool ra_in_once; } Arch;
static const Arch archs[] = {
	{ EM_X86_64, 7, 6, 3, 10, 16, false },          /* rsp rbp rbx r10 */
	{ EM_AARCH64, 31, 29, 19, 30, 30, true },       /* sp x29 x19 x30 */
};

typedef struct Rule { u8 how; s64 off; } Rule;          /* UNWIND_SAME.. */
typedef struct Rules { u8 mode, base; s64 cfa; Rule ra, fp, bx; bool ra_undefined, unknown; } Rules;

/* A common information entry, as far as it is used. */
typedef struct Cie { const u8 *at; u64 code_align; s64 data_align; u8 enc; bool sized, signal, good; Rd program; } Cie;
typedef struct Fde { u64 start, end; Rd program; u32 cie, order; } Fde;

typedef struct Cfi {
	Arena *a;
	const Arch *arch;
	Bytes sec;
	u64 addr;                       /* of the section */
	bool eh;
	Vec(Cie) cies;
	Vec(Fde) fdes;
	UnwindRow *row;
	u32 n, cap;
} Cfi;

/* ---- entries ---- */

/* An address as .eh_frame encodes it. False: a form that needs the running program. */
static bool
encoded(const Cfi *c, Rd *r, u8 enc, u64 *out)
{
	u64 at = c->addr + (u64)(r->p - c->sec.p);

	switch (enc & 0x0f) {
	case 0x00: case 0x04: case 0x0c: *out = rd_int(r, 8); break;
	case 0x01: *out = rd_uleb(r); break;
	case 0x02: *out = rd_int(r, 2); break;
	case 0x03: *out = rd_int(r, 4); break;
	case 0x09: *out = (u64)rd_sleb(r); break;
	case 0x0a: *out = (u64)(s64)(s16)rd_int(r, 2); break;
	case 0x0b: *out = (u64)(s64)(s32)rd_int(r, 4); break;
	default: return false;
	}
	if ((enc & 0x70) == 0x10)       /* relative to where it stands */
		*out += at;
	return !r->bad && ((enc & 0x70) == 0x10 || !(enc & 0x70));
}

static void
augmentation(const Cfi *c, Rd *r, const char *aug, Cie *cie)
{
	u64 skip;

	for (; *aug; aug++)
		switch (*aug) {
		case 'z': rd_uleb(r); cie->sized = true; break;
		case 'R': cie->enc = (u8)rd_int(r, 1); break;
		case 'L': rd_int(r, 1); break;
		case 'P': cie->good &= encoded(c, r, (u8)rd_int(r, 1) & 0x0f, &skip); break;
		case 'S': cie->signal = true; break;
		case 'B': case 'G': break;
		default: cie->good = false; return;
		}
}

/* The number in c->cies of the entry at off. */
static u32
cie_at(Cfi *c, u64 off)
{
	Rd r = { c->sec.p + off, c->sec.p + c->sec.n, false };
	Cie cie = { .at = r.p };
	const char *aug;
	u64 len;
	u32 version;

	for (u32 i = 0; i < c->cies.n; i++)
		if (c->cies.v[i].at == cie.at)
			return i;
	len = rd_int(&r, 4);
	if (len == 0xffffffff)
		len = rd_int(&r, 8);
	if (len <= (u64)(r.end - r.p))
		r.end = r.p + len;
	rd_int(&r, len > 0xffffffff ? 8 : 4);
	version = (u32)rd_int(&r, 1);
	aug = rd_str(&r);
	cie.good = version == 1 || version == 3 || version == 4;
	if (version == 4)
		rd_int(&r, 2);                  /* size of addresses and segments */
	cie.code_align = rd_uleb(&r);
	cie.data_align = rd_sleb(&r);
	if ((version == 1 ? rd_int(&r, 1) : rd_uleb(&r)) != c->arch->ra)
		cie.good = false;
	augmentation(c, &r, aug, &cie);
	cie.good &= !r.bad;
	cie.program = r;
	VEC_PUSH(c->a, &c->cies, cie);
	return c->cies.n - 1;
}

static void
take_fde(Cfi *c, Rd r, u64 cie_off)
{
	Fde f = { .cie = cie_at(c, cie_off), .order = c->fdes.n };
	const Cie *cie = &c->cies.v[f.cie];
	u64 size;

	if (!cie->good || !encoded(c, &r, cie->enc, &f.start) || !encoded(c, &r, cie->enc & 0x0f, &size))
		return;
	f.end = f.start + size;
	if (cie->sized)
		rd_skip(&r, rd_uleb(&r));
	f.program = r;
	if (!r.bad && f.start && f.end > f.start && f.end <= UINT32_MAX)
		VEC_PUSH(c->a, &c->fdes, f);
}

static void
take_entries(Cfi *c)
{
	Rd r = { c->sec.p, c->sec.p + c->sec.n, false };

	while (r.end - r.p > 4) {
		const u8 *id_at;
		u32 wide = 4;
		u64 len = rd_int(&r, 4), id;

		if (len == 0xffffffff) {
			wide = 8;
			len = rd_int(&r, 8);
		}
		if (!len && c->eh)
			return;
		if (r.bad || len < wide || len > (u64)(r.end - r.p))
			return;
		id_at = r.p;
		Rd body = { r.p, r.p + len, false };

		id = rd_int(&body, wide);
		r.p += len;
		if (c->eh ? !id : id == (wide == 8 ? ~0ull : 0xffffffffull))
			continue;                               /* a CIE */
		u64 at = c->eh ? (u64)(id_at - c->sec.p) - id : id;

		if (at < c->sec.n)
			take_fde(c, body, at);
	}
}

/* ---- the programs ---- */

static void
push(Cfi *c, UnwindRow row)
{
	UnwindRow *last = c->n ? &c->row[c->n - 1] : NULL;

	if (last && last->pc == row.pc)         /* nothing ran in between */
		c->n--;
	last = c->n ? &c->row[c->n - 1] : NULL;
	if (last && !memcmp(&last->cfa, &row.cfa, sizeof(row) - offsetof(UnwindRow, cfa)))
		return;
	if (c->n == c->cap && c->cap < MAX_ROWS) {
		u32 cap = c->cap ? c->cap * 2 : 1024;
		UnwindRow *more = realloc(c->row, cap * sizeof(*more));

		if (!more)
			return;
		c->row = more;
		c->cap = cap;
	}
	if (c->n < c->cap)
		c->row[c->n++] = row;
}

/* A row has 16 bits for a place. What lies too far from the CFA may be near the stack pointer. */
static bool
fit(const Rules *r, Rule *rule)
{
	bool far = rule->off < INT16_MIN || rule->off > INT16_MAX;

	if (far && rule->how == UNWIND_AT_CFA && r->mode == UNWIND_OFFSET && r->base == UNWIND_SP)
		*rule = (Rule){ UNWIND_AT_SP, r->cfa + rule->off };
	return rule->off >= INT16_MIN && rule->off <= INT16_MAX;
}

static void
emit_row(Cfi *c, u64 pc, const Rules *rules, bool signal)
{
	UnwindRow row = { .pc = (u32)pc };
	Rules copy = *rules, *r = &copy;

	if (r->ra_undefined) {
		row.how = UNWIND_END;
	} else if (!r->unknown && fit(r, &r->ra) && fit(r, &r->fp) && fit(r, &r->bx) && r->cfa >= INT32_MIN &&
		   r->cfa <= INT32_MAX) {
		row.how = (u8)(r->mode | r->base << UNWIND_BASE_SHIFT | (signal ? UNWIND_SIGNAL : 0));
		row.cfa = (s32)r->cfa;
		row.ra = (s16)r->ra.off;
		row.fp = (s16)r->fp.off;
		row.bx = (s16)r->bx.off;
		row.saved = (u8)(r->ra.how | r->fp.how << UNWIND_FP_SHIFT | r->bx.how << UNWIND_BX_SHIFT);
	}
	push(c, row);
}

static void
set_base(const Cfi *c, Rules *r, u64 reg)
{
	const Arch *m = c->arch;

	r->unknown = false;
	r->mode = UNWIND_OFFSET;
	if (reg == m->sp)
		r->base = UNWIND_SP;
	else if (reg == m->fp)
		r->base = UNWIND_FP;
	else if (reg == m->bx)
		r->base = UNWIND_BX;
	else if (reg == m->once)
		r->base = UNWIND_ONCE;
	else
		r->unknown = true;
}

/* "register + offset" at the front of an expression; false: another one. */
static bool
breg(Rd *e, u64 *reg, s64 *off)
{
	u32 op = (u32)rd_int(e, 1);

	if (op >= 0x70 && op <= 0x8f)
		*reg = op - 0x70;
	else if (op == 0x92)
		*reg = rd_uleb(e);
	else
		return false;
	*off = rd_sleb(e);
	return !e->bad;
}

/* The CFA in an expression: what lies at register + offset, register + offset, or that of the procedure linkage table, where the
 * code behind an entry's first push runs with 8 bytes more: rsp + 8 + ((rip & 15) >= N) * 8. */
static void
cfa_expression(const Cfi *c, Rules *r, Rd e)
{
	static const u8 plt[] = { 0x77, 8, 0x80, 0, 0x3f, 0x1a, 0, 0x2a, 0x33, 0x24, 0x22 };
	u64 n = (u64)(e.end - e.p), reg;
	s64 off;

	r->unknown = true;
	if (c->arch->machine == EM_X86_64 && n == sizeof(plt) && !memcmp(e.p, plt, 6) && !memcmp(e.p + 7, plt + 7, 4) &&
	    e.p[6] >= 0x30 && e.p[6] <= 0x3f) {
		r->mode = UNWIND_PLT;
		r->base = UNWIND_SP;
		r->cfa = e.p[6] - 0x30;
		r->unknown = false;
		return;
	}
	if (!breg(&e, &reg, &off))
		return;
	bool deref = e.p < e.end && *e.p == 0x06;

	if (e.p + deref != e.end)
		return;
	set_base(c, r, reg);
	r->cfa = off;
	r->mode = deref ? UNWIND_DEREF : UNWIND_OFFSET;
}

static Rule *
rule_of(const Cfi *c, Rules *r, u64 reg)
{
	return reg == c->arch->ra ? &r->ra : reg == c->arch->fp ? &r->fp : reg == c->arch->bx ? &r->bx : NULL;
}

static void
saved_at(const Cfi *c, Rules *r, u64 reg, u8 how, s64 off)
{
	Rule *rule = rule_of(c, r, reg);

	if (rule)
		*rule = (Rule){ how, off };
	if (reg == c->arch->ra)
		r->ra_undefined = false;
}

static void
saved_by_expression(const Cfi *c, Rules *r, u64 reg, Rd e)
{
	u64 base;
	s64 off;

	if (!rule_of(c, r, reg))
		return;
	if (breg(&e, &base, &off) && e.p == e.end && (base == c->arch->sp || base == c->arch->fp))
		saved_at(c, r, reg, base == c->arch->sp ? UNWIND_AT_SP : UNWIND_AT_FP, off);
	else
		r->unknown = true;
}

/* What no longer can be followed. A lost return address ends the walk; other registers count as unchanged. */
static void
lost(const Cfi *c, Rules *r, u64 reg, bool undefined)
{
	Rule *rule = rule_of(c, r, reg);

	if (rule)
		*rule = (Rule){ UNWIND_SAME, 0 };
	if (reg == c->arch->ra) {
		r->ra_undefined = undefined;
		r->unknown |= !c->arch->ra_in_once && !undefined;
	}
}

static void
restore(const Cfi *c, Rules *r, const Rules *initial, u64 reg)
{
	Rules from = *initial;
	Rule *to = rule_of(c, r, reg);

	if (to)
		*to = *rule_of(c, &from, reg);
	if (reg == c->arch->ra)
		r->ra_undefined = initial->ra_undefined;
}

static Rd
block(Rd *r)
{
	u64 n = rd_uleb(r);
	Rd e = { r->p, r->p + MIN(n, (u64)(r->end - r->p)), false };

	rd_skip(r, n);
	return e;
}

typedef struct Run { const Cie *cie; Rules r, initial, saved[MAX_SAVED_STATES]; u32 depth; u64 pc, end; bool rows; } Run;

static void
advance(Cfi *c, Run *u, u64 by)
{
	if (u->rows)
		emit_row(c, u->pc, &u->r, u->cie->signal);
	u->pc += by * u->cie->code_align;
}

static void
run(Cfi *c, Run *u, Rd p)
{
	Rules *r = &u->r;
	s64 align = u->cie->data_align;

	while (p.p < p.end && !p.bad && u->pc < u->end) {
		u32 op = (u32)rd_int(&p, 1), low = op & 0x3f;
		u64 reg;

		switch (op & 0xc0 ? op & 0xc0 : op) {
		case 0x40: advance(c, u, low); break;
		case 0x80: saved_at(c, r, low, UNWIND_AT_CFA, (s64)rd_uleb(&p) * align); break;
		case 0xc0: restore(c, r, &u->initial, low); break;
		case 0x00: break;
		case 0x01: {                                    /* set_loc */
			u64 to;

			if (!encoded(c, &p, u->cie->enc, &to) || to < u->pc)
				return;
			advance(c, u, 0);
			u->pc = to;
			break;
		}
		case 0x02: advance(c, u, rd_int(&p, 1)); break;
		case 0x03: advance(c, u, rd_int(&p, 2)); break;
		case 0x04: advance(c, u, rd_int(&p, 4)); break;
		case 0x05: reg = rd_uleb(&p); saved_at(c, r, reg, UNWIND_AT_CFA, (s64)rd_uleb(&p) * align); break;
		case 0x06: restore(c, r, &u->initial, rd_uleb(&p)); break;
		case 0x07: lost(c, r, rd_uleb(&p), true); break;
		case 0x08: reg = rd_uleb(&p); lost(c, r, reg, false); break;
		case 0x09: reg = rd_uleb(&p); rd_uleb(&p); lost(c, r, reg, false); break;       /* in another register */
		case 0x0a:
			if (u->depth < MAX_SAVED_STATES)
				u->saved[u->depth] = *r;
			u->depth++;
			break;
		case 0x0b:
			if (u->depth && --u->depth < MAX_SAVED_STATES)
				*r = u->saved[u->depth];
			break;
		case 0x0c: reg = rd_uleb(&p); set_base(c, r, reg); r->cfa = (s64)rd_uleb(&p); break;
		case 0x0d: set_base(c, r, rd_uleb(&p)); break;
		case 0x0e: r->cfa = (s64)rd_uleb(&p); break;
		case 0x0f: cfa_expression(c, r, block(&p)); break;
		case 0x10: reg = rd_uleb(&p); saved_by_expression(c, r, reg, block(&p)); break;
		case 0x11: reg = rd_uleb(&p); saved_at(c, r, reg, UNWIND_AT_CFA, rd_sleb(&p) * align); break;
		case 0x12: reg = rd_uleb(&p); set_base(c, r, reg); r->cfa = rd_sleb(&p) * align; break;
		case 0x13: r->cfa = rd_sleb(&p) * align; break;
		case 0x14: reg = rd_uleb(&p); rd_uleb(&p); lost(c, r, reg, false); break;       /* values, not places */
		case 0x15: reg = rd_uleb(&p); rd_sleb(&p); lost(c, r, reg, false); break;
		case 0x16: reg = rd_uleb(&p); block(&p); lost(c, r, reg, false); break;
		case 0x2d: break;                               /* arm64: the return address is signed from here on */
		case 0x2e: rd_uleb(&p); break;                  /* bytes of arguments */
		case 0x2f: reg = rd_uleb(&p); saved_at(c, r, reg, UNWIND_AT_CFA, -(s64)rd_uleb(&p) * align); break;
		default: r->unknown = true; return;
		}
	}
}

static int
by_start(const void *a, const void *b)
{
	const Fde *x = a, *y = b;

	if (x->start != y->start)
		return x->start < y->start ? -1 : 1;
	return x->order < y->order ? -1 : 1;
}

/* Rows of all functions; where two speak for the same code the first stands. */
static void
run_all(Cfi *c)
{
	enum { PADDING = 16 };          /* between functions: nobody is ever there */
	const Fde *last = NULL;

	for (u32 i = 0; i < c->fdes.n; i++) {
		const Fde *f = &c->fdes.v[i];
		const Cie *cie = &c->cies.v[f->cie];
		Run u = { .cie = cie, .pc = f->start, .end = f->end };

		if (last && f->start < last->end)
			continue;
		if (last && f->start - last->end >= PADDING)
			push(c, (UnwindRow){ .pc = (u32)last->end });
		u.r.unknown = true;
		if (!c->arch->ra_in_once)
			u.r.ra = (Rule){ UNWIND_AT_CFA, -8 };
		run(c, &u, cie->program);
		u.initial = u.r;
		u.rows = true;
		run(c, &u, f->program);
		if (u.pc < u.end)
			emit_row(c, u.pc, &u.r, cie->signal);
		last = f;
	}
	if (last)
		push(c, (UnwindRow){ .pc = (u32)last->end });
}

bool
sym_unwind_table(Elf *e, UnwindTable *t)
{
	Cfi c = { .a = arena_new() };
	u16 machine = sym_elf_machine(e);

	*t = (UnwindTable){ 0 };
	for (u32 i = 0; i < COUNT(archs); i++)
		if (archs[i].machine == machine)
			c.arch = &archs[i];
	/* Code that was compiled without the first may have the second, in one program. */
	for (u32 i = 0; c.arch && i < 2; i++) {
		c.eh = !i;
		if (sym_elf_section(e, i ? ".debug_frame" : ".eh_frame", &c.sec, &c.addr))
			take_entries(&c);
	}
	if (c.fdes.n) {
		qsort(c.fdes.v, c.fdes.n, sizeof(Fde), by_start);
		run_all(&c);
	}
	t->row = c.row;
	t->n = c.n;
	arena_free(c.a);
	return t->n != 0;
}

void
sym_unwind_free(UnwindTable *t)
{
	free(t->row);
	*t = (UnwindTable){ 0 };
}

const UnwindRow *
sym_unwind_row(const UnwindTable *t, u64 pc)
{
	u32 lo = 0, hi = t->n;

	if (!hi || pc < t->row[0].pc)
		return NULL;
	while (hi - lo > 1) {
		u32 mid = (lo + hi) / 2;

		if (t->row[mid].pc <= pc)
			lo = mid;
		else
			hi = mid;
	}
	return &t->row[lo];
}
