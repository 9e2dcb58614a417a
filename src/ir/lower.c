/* lower: what no instruction does is put together from those that exist: signed division before ISA version 4, zero
 * and copy of memory. */
#include "ir/ir.h"
#include "ir/pass.h"

enum {
	UNROLL_ZERO = 128, UNROLL_COPY = 64,    /* bytes; longer ones are done by a helper or in a loop */
	PROBE_READ_KERNEL = 113,
};

static Ref
sign_of(Edit *e, Ref x)
{
	return ir_put_bini(e, IR_sar, x, 63);
}

/* -x where sign is -1, x where it is 0 */
static Ref
apply_sign(Edit *e, Ref x, Ref sign)
{
	return ir_put_bin(e, IR_sub, ir_put_bin(e, IR_xor, x, sign), sign);
}

/* |a| op |b|, then the sign of the quotient (of both) or of the remainder (of a). By 0: 0, and a. */
static Ref
lower_division(Edit *e, const Ins *i)
{
	Fn *fn = e->fn;
	bool rest = i->op == IR_smod;
	Ref sa = sign_of(e, i->a), sb = 0, ua = apply_sign(e, i->a, sa), ub, r;

	if (is_const(fn, i->b)) {
		s64 k = at(fn, i->b)->imm;

		ub = ir_const(fn, k < 0 ? (s64)-(u64)k : k);
		if (k < 0 && !rest)
			sa = ir_put(e, (Ins){ .op = IR_not, .a = sa });
	} else {
		sb = sign_of(e, i->b);
		ub = apply_sign(e, i->b, sb);
		if (!rest)
			sa = ir_put_bin(e, IR_xor, sa, sb);
	}
	r = ir_put_bin(e, rest ? IR_umod : IR_udiv, ua, ub);
	return apply_sign(e, r, sa);
}

/* The widest piece at offset off of what is n bytes long and aligned to 8. */
static u32
piece(s64 off, u32 n)
{
	u32 size = 8;

	while (size > n || off & (size - 1))
		size /= 2;
	return size;
}

/* Programs that may read kernel memory have a helper which copies, and which fills with zeros what it cannot read. */
static bool
may_probe_read(const IrOptions *opt)
{
	switch (opt->prog_type) {
	case BPF_PROG_TYPE_KPROBE: case BPF_PROG_TYPE_TRACEPOINT: case BPF_PROG_TYPE_PERF_EVENT:
	case BPF_PROG_TYPE_RAW_TRACEPOINT: case BPF_PROG_TYPE_RAW_TRACEPOINT_WRITABLE: case BPF_PROG_TYPE_TRACING:
		return true;
	default:
		return false;
	}
}

static Ref
call_read(Edit *e, Ref to, u32 n, Ref from)
{
	Ins i = { .op = IR_call, .imm = PROBE_READ_KERNEL, .n_args = 3, .args = NEW_N(e->fn->a, Ref, 3) };

	i.args[0] = to;
	i.args[1] = ir_const(e->fn, n);
	i.args[2] = from;
	return ir_put(e, i);
}

static void
move_piece(Edit *e, const Ins *i, s64 off, s64 done, u32 size)
{
	Ref v = ir_const(e->fn, 0);

	if (i->op == IR_copy)
		v = ir_put(e, (Ins){ .op = IR_load, .size = (u8)size, .a = i->b, .imm = done });
	ir_put(e, (Ins){ .op = IR_store, .size = (u8)size, .a = i->a, .b = v, .imm = off + done });
}

static void
lower_fill(Edit *e, const Ins *i, const IrOptions *opt)
{
	u32 n = (u32)i->imm, done = 0;
	s64 off = (s32)i->imm2;

	if (n > (i->op == IR_zero ? UNROLL_ZERO : UNROLL_COPY) && may_probe_read(opt)) {
		Ref to = ir_put_bini(e, IR_add, i->a, off);

		call_read(e, to, n, i->op == IR_zero ? ir_const(e->fn, 0) : i->b);
		return;
	}
	while (done < n) {
		u32 size = piece(off + done, n - done);

		if (i->op == IR_copy && piece(done, n - done) < size)
			size = piece(done, n - done);
		move_piece(e, i, off, done, size);
		done += size;
	}
}

void
ir_lower(Fn *fn, const IrOptions *opt)
{
	for (u32 k = 0; k < fn->blocks.n; k++) {
		Block *b = fn->blocks.v[k];
		Edit e = { .fn = fn, .block = k };

		for (u32 n = 0; n < b->ins.n; n++) {
			Ref r = b->ins.v[n];
			Ins i = *at(fn, r);

			e.at = i.at;
			if ((i.op == IR_sdiv || i.op == IR_smod) && opt->isa < 4)
				replace(fn, r, lower_division(&e, &i));
			else if (i.op == IR_zero || i.op == IR_copy)
				lower_fill(&e, &i, opt);
			else
				VEC_PUSH(fn->a, &e.out, r);
		}
		b->ins.v = e.out.v;
		b->ins.n = e.out.n;
		b->ins.cap = e.out.cap;
	}
	ir_tidy(fn);
}
