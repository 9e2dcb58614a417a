/* tseries: values over time: a ring of intervals per key and CPU; see out/out.h for the layout. */
#include "lang/comp.h"

static void
enter(Comp *c, u32 b)
{
	ir_seal(c->fn, b);
	ir_start(c->fn, b);
}

/* Adds v to the interval's {epoch, value, n} at e. */
static void
merge(Comp *c, const Type *t, Ref e, Ref v, Ref now)
{
	Fn *fn = c->fn;
	Ref old = ir_load(fn, e, 8, 8, false);
	u32 put = ir_block(fn), end = ir_block(fn);

	switch ((char)t->step) {
	case 'a': case 's':
		ir_store(fn, e, 8, 8, ir_bin(fn, IR_add, old, v));
		break;
	case 'm': case 'M':
		ir_br(fn, ir_bin(fn, (char)t->step == 'm' ? (t->sign ? IR_slt : IR_ult) : (t->sign ? IR_sgt : IR_ugt), v, old), put, end);
		enter(c, put);
		ir_store(fn, e, 8, 8, v);
		ir_jmp(fn, end);
		enter(c, end);
		break;
	default:
		ir_store(fn, e, 8, 8, v);
		ir_store(fn, e, 16, 8, now);
		return;
	}
	ir_store(fn, e, 16, 8, ir_bini(fn, IR_add, ir_load(fn, e, 16, 8, false), 1));
}

/* The clock: the wall's, as rows begin at whole intervals of it; or the map that a test named in BPFTRACE_DUMMY_TS_MAP. */
static Ref
clock_ns(Comp *c)
{
	const MapSym *m = c->ts_map ? map_get(&c->maps, c->ts_map, strlen(c->ts_map)) : NULL;

	if (m && m->value && is_scalar(m->value) && !m->keyed)
		return val_load(c, val_mem(m->value, ir_mapval(c->fn, m->map, 0), 0)).r;
	return ir_bini(c->fn, IR_add,
		       ir_call(c->fn, comp_has(c, FEAT_KTIME_BOOT) ? BPF_FUNC_ktime_get_boot_ns : BPF_FUNC_ktime_get_ns, 0, NULL),
		       (s64)c->opt->wall_offset);
}

void
agg_tseries(Comp *c, const Type *t, Ref slot, Ref v, u32 out)
{
	Fn *fn = c->fn;
	Ref now = clock_ns(c), epoch = ir_bini(fn, IR_add, ir_bini(fn, IR_udiv, now, t->min), 1);
	Ref i = ir_bini(fn, IR_umod, epoch, t->max), e;
	u32 in = ir_block(fn), same = ir_block(fn), fresh = ir_block(fn), end = ir_block(fn);

	ir_br(fn, ir_bini(fn, IR_ult, i, t->max), in, out);     /* always; for the verifier */
	enter(c, in);
	e = ir_bin(fn, IR_add, slot, ir_bini(fn, IR_mul, i, 24));
	ir_br(fn, ir_bin(fn, IR_eq, ir_load(fn, e, 0, 8, false), epoch), same, fresh);
	enter(c, fresh);
	ir_store(fn, e, 0, 8, epoch);
	ir_store(fn, e, 8, 8, v);
	ir_store(fn, e, 16, 8, t->step ? ir_const(fn, 1) : now);
	ir_jmp(fn, end);
	enter(c, same);
	merge(c, t, e, v, now);
	ir_jmp(fn, end);
	enter(c, end);
}
