/* agg: aggregations: the place of this CPU, its change, and their sum where a script reads one. */
#include "lang/comp.h"

#include <assert.h>

/* This CPU's place in the one entry of an array; goes to `out` if the CPU has none, where the verifier wants to see that. */
static Ref
cpu_slot(Comp *c, MapSym *m, u32 out)
{
	u32 n = host_cpus(), in;
	u32 stride = c->s->infos.v[m->info].stride;
	Fn *fn = c->fn;
	Ref cpu;

	if (n == 1)
		return ir_mapval(fn, m->map, 0);
	cpu = ir_call(fn, BPF_FUNC_get_smp_processor_id, 0, NULL);
	if (!comp_has(c, FEAT_SMP_RANGE)) {
		in = ir_block(fn);
		ir_br(fn, ir_bini(fn, IR_ult, cpu, n), in, out);
		ir_seal(fn, in);
		ir_start(fn, in);
	}
	return ir_bin(fn, IR_add, ir_mapval(fn, m->map, 0), ir_bini(fn, IR_mul, cpu, stride));
}

static void
add(Comp *c, Ref slot, s32 off, Ref v)
{
	ir_store(c->fn, slot, off, 8, ir_bin(c->fn, IR_add, ir_load(c->fn, slot, off, 8, false), v));
}

static void
enter(Comp *c, u32 b)
{
	ir_seal(c->fn, b);
	ir_start(c->fn, b);
}

/* Minimum or maximum: {value, set}. */
static void
extreme(Comp *c, const Type *t, Ref slot, Ref v)
{
	Fn *fn = c->fn;
	u32 known = ir_block(fn), put = ir_block(fn), end = ir_block(fn);
	IrOp op = t->kind == TY_MIN ? (t->sign ? IR_slt : IR_ult) : (t->sign ? IR_sgt : IR_ugt);

	ir_br(fn, ir_load(fn, slot, 8, 8, false), known, put);
	enter(c, known);
	ir_br(fn, ir_bin(fn, op, v, ir_load(fn, slot, 0, 8, false)), put, end);
	enter(c, put);
	ir_store(fn, slot, 0, 8, v);
	ir_store(fn, slot, 8, 8, ir_const(fn, 1));
	ir_jmp(fn, end);
	enter(c, end);
}

/* Number of the highest bit of v (not 0), by halving. */
static Ref
high_bit(Comp *c, Ref x)
{
	Fn *fn = c->fn;
	Var v = ir_var(fn), n = ir_var(fn);

	ir_set(fn, v, x);
	ir_set(fn, n, ir_const(fn, 0));
	for (u32 step = 32; step; step /= 2) {
		u32 high = ir_block(fn), end = ir_block(fn);
		Ref s = ir_bini(fn, IR_shr, ir_get(fn, v), step);

		if (step == 1) {
			ir_set(fn, n, ir_bin(fn, IR_add, ir_get(fn, n), s));
			ir_jmp(fn, end);
			enter(c, end);
			ir_seal(fn, high);
			break;
		}
		ir_br(fn, s, high, end);
		enter(c, high);
		ir_set(fn, v, s);
		ir_set(fn, n, ir_bini(fn, IR_add, ir_get(fn, n), step));
		ir_jmp(fn, end);
		enter(c, end);
	}
	return ir_get(fn, n);
}

/* The bucket as out_hist_bucket() has it. */
static Ref
hist_bucket(Comp *c, u32 bits, Ref v)
{
	Fn *fn = c->fn;
	u32 small = ir_block(fn), pos = ir_block(fn), large = ir_block(fn), end = ir_block(fn);
	Var b = ir_var(fn);
	Ref h, shift;

	ir_set(fn, b, ir_const(fn, 0));
	ir_br(fn, ir_bini(fn, IR_slt, v, 0), end, pos);
	enter(c, pos);
	ir_br(fn, ir_bini(fn, IR_ult, v, (s64)1 << bits), small, large);
	enter(c, small);
	ir_set(fn, b, ir_bini(fn, IR_add, v, 1));
	ir_jmp(fn, end);
	enter(c, large);
	h = high_bit(c, v);
	if (!bits) {
		ir_set(fn, b, ir_bini(fn, IR_add, h, 2));
	} else {
		shift = ir_bini(fn, IR_sub, h, bits);
		h = ir_bini(fn, IR_shl, ir_bini(fn, IR_add, shift, 1), bits);
		h = ir_bin(fn, IR_add, h, ir_bin(fn, IR_shr, v, shift));
		ir_set(fn, b, ir_bini(fn, IR_add, h, 1 - ((s64)1 << bits)));
	}
	ir_jmp(fn, end);
	enter(c, end);
	return ir_get(fn, b);
}

static Ref
lhist_bucket(Comp *c, const Type *t, Ref v)
{
	Fn *fn = c->fn;
	u32 n = (u32)((t->max - t->min) / t->step);
	u32 in = ir_block(fn), over = ir_block(fn), mid = ir_block(fn), end = ir_block(fn);
	Var b = ir_var(fn);

	ir_set(fn, b, ir_const(fn, 0));
	ir_br(fn, ir_bini(fn, IR_slt, v, t->min), end, in);
	enter(c, in);
	ir_br(fn, ir_bini(fn, IR_sge, v, t->max), over, mid);
	enter(c, over);
	ir_set(fn, b, ir_const(fn, n + 1));
	ir_jmp(fn, end);
	enter(c, mid);
	ir_set(fn, b, ir_bini(fn, IR_add, ir_bini(fn, IR_udiv, ir_bini(fn, IR_sub, v, t->min), t->step), 1));
	ir_jmp(fn, end);
	enter(c, end);
	return ir_get(fn, b);
}

static void
add_bucket(Comp *c, const Type *t, Ref slot, Ref v, u32 out)
{
	Fn *fn = c->fn;
	Ref b = t->kind == TY_HIST ? hist_bucket(c, t->count, v) : lhist_bucket(c, t, v);
	u32 n = t->kind == TY_HIST ? out_hist_buckets(t->count) : (u32)((t->max - t->min) / t->step) + 2;
	u32 in = ir_block(fn);

	/* Always true; the verifier cannot see it. */
	ir_br(fn, ir_bini(fn, IR_ult, b, n), in, out);
	enter(c, in);
	/* What bits are known of a value (of `x << 22`, say) and its bounds may not agree on a way that is never gone; Linux 6.1
	 * then knows nothing of the sum of an address and the bucket. A mask makes them agree. */
	if (t->kind == TY_HIST && t->count)
		b = ir_bini(fn, IR_and, b, (1ll << (64 - __builtin_clzll(n - 1))) - 1);
	add(c, ir_bin(fn, IR_add, slot, ir_bini(fn, IR_shl, b, 3)), 0, ir_const(fn, 1));
}

/* One more value into this CPU's aggregation at slot. */
static void
put(Comp *c, MapSym *m, Ref slot, Ref v, Node *call, u32 out)
{
	const Type *t = m->value;

	switch (t->kind) {
	case TY_COUNT:
		add(c, slot, 0, ir_const(c->fn, 1));
		return;
	case TY_SUM:
		add(c, slot, 0, v);
		if (!m->keyed)          /* "set": a sum of zeros shows too */
			ir_store(c->fn, slot, 8, 8, ir_const(c->fn, 1));
		return;
	case TY_MIN: case TY_MAX:
		extreme(c, t, slot, v);
		return;
	case TY_AVG: case TY_STATS:
		add(c, slot, 0, ir_const(c->fn, 1));
		add(c, slot, 8, v);
		return;
	case TY_HIST: case TY_LHIST:
		add_bucket(c, t, slot, v, out);
		return;
	case TY_TSERIES:
		agg_tseries(c, t, slot, v, out);
		return;
	}
	(void)call;
	assert(!"an aggregation");
}

/* The first value under a key, in memory that an update takes. */
static Ref
first(Comp *c, MapSym *m, Ref v, Span at)
{
	Ref mem;

	if (m->value->kind == TY_COUNT && !map_is_lru(m))
		return lost_words(c);
	mem = ir_mem(c->fn, (u32)agg_size(m->value), 8, at);
	switch (m->value->kind) {
	case TY_COUNT:
		ir_store(c->fn, mem, 0, 8, ir_const(c->fn, 1));
		break;
	case TY_SUM:
		ir_store(c->fn, mem, 0, 8, v);
		break;
	case TY_MIN: case TY_MAX:
		ir_store(c->fn, mem, 0, 8, v);
		ir_store(c->fn, mem, 8, 8, ir_const(c->fn, 1));
		break;
	default:
		ir_store(c->fn, mem, 0, 8, ir_const(c->fn, 1));
		ir_store(c->fn, mem, 8, 8, v);
	}
	return mem;
}

/* Zero bytes to begin a large value with: an array nobody writes to. */
static u32
zeros(Comp *c, u32 size)
{
	if (!c->zeros)
		c->zeros = 1 + comp_map(c, (MapDef){ .name = "zeros", .type = BPF_MAP_TYPE_ARRAY, .key_size = 4, .max_entries = 1 });
	if (c->s->maps.v[c->zeros - 1].value_size < size)
		c->s->maps.v[c->zeros - 1].value_size = size;
	return c->zeros - 1;
}

static void
assign_keyed(Comp *c, MapSym *m, Node *map, Node *call, Ref v, u32 out)
{
	Fn *fn = c->fn;
	u32 size = (u32)agg_size(m->value), yes = ir_block(fn), no = ir_block(fn);
	Ref key = map_key(c, m, map->a), in = map_of_key(c, m, key), mem, slot;
	Ref p = IR_CALL(fn, BPF_FUNC_map_lookup_elem, in, key);
	Var at = ir_var(fn);

	ir_set(fn, at, p);
	ir_br(fn, p, yes, no);
	ir_seal(fn, no);
	ir_start(fn, no);
	if (size <= 16) {
		mem = first(c, m, v, map->at);
		map_update(c, m, in, key, mem, BPF_ANY, true);    /* sets this CPU's value alone, if another CPU was faster */
		ir_jmp(fn, out);
	} else {
		IR_CALL(fn, BPF_FUNC_map_update_elem, in, key, ir_mapval(fn, zeros(c, size), 0),
			ir_const(fn, BPF_NOEXIST));
		p = IR_CALL(fn, BPF_FUNC_map_lookup_elem, in, key);
		no = ir_block_cold(fn);
		ir_set(fn, at, p);
		ir_br(fn, p, yes, no);
		enter(c, no);
		note_full(c, ir_const(fn, 1));
		ir_jmp(fn, out);
	}
	enter(c, yes);
	slot = ir_get(fn, at);
	put(c, m, slot, v, call, out);
}

void
agg_assign(Comp *c, Node *map, Node *call)
{
	MapSym *m = map->sym;
	u32 out = ir_block(c->fn);
	Ref v = m->value->kind != TY_COUNT && call->n ? lower_int(c, call->list[0]) : 0;

	if (m->keyed)
		assign_keyed(c, m, map, call, v, out);
	else
		put(c, m, cpu_slot(c, m, out), v, call, out);
	ir_jmp(c->fn, out);
	enter(c, out);
}

/* ---- reading: the CPUs' values made one ---- */

/* Takes the value at slot into acc (and n, the number of values of an average). */
static void
gather(Comp *c, const Type *t, Ref slot, Var acc, Var n)
{
	Fn *fn = c->fn;
	u32 have, put, end;
	Ref v;

	switch (t->kind) {
	case TY_COUNT: case TY_SUM:
		ir_set(fn, acc, ir_bin(fn, IR_add, ir_get(fn, acc), ir_load(fn, slot, 0, 8, false)));
		return;
	case TY_AVG:
		ir_set(fn, n, ir_bin(fn, IR_add, ir_get(fn, n), ir_load(fn, slot, 0, 8, false)));
		ir_set(fn, acc, ir_bin(fn, IR_add, ir_get(fn, acc), ir_load(fn, slot, 8, 8, false)));
		return;
	}
	have = ir_block(fn), put = ir_block(fn), end = ir_block(fn);
	ir_br(fn, ir_load(fn, slot, 8, 8, false), have, end);
	enter(c, have);
	v = ir_load(fn, slot, 0, 8, false);
	have = ir_block(fn);
	ir_br(fn, ir_get(fn, n), have, put);
	enter(c, have);
	ir_br(fn, ir_bin(fn, t->kind == TY_MIN ? (t->sign ? IR_slt : IR_ult) : (t->sign ? IR_sgt : IR_ugt), v, ir_get(fn, acc)), put, end);
	enter(c, put);
	ir_set(fn, acc, v);
	ir_set(fn, n, ir_const(fn, 1));
	ir_jmp(fn, end);
	enter(c, end);
}

static Ref
divided(Comp *c, const Type *t, Ref sum, Ref n)
{
	Fn *fn = c->fn;
	u32 some = ir_block(fn), neg = ir_block(fn), pos = ir_block(fn), end = ir_block(fn);
	Var r = ir_var(fn);

	ir_set(fn, r, ir_const(fn, 0));
	ir_br(fn, n, some, end);
	enter(c, some);
	if (t->sign) {
		ir_br(fn, ir_bini(fn, IR_slt, sum, 0), neg, pos);
		enter(c, neg);
		ir_set(fn, r, ir_un(fn, IR_neg, ir_bin(fn, IR_udiv, ir_un(fn, IR_neg, sum), n)));
		ir_jmp(fn, end);
	} else {
		ir_seal(fn, neg);
		ir_jmp(fn, pos);
	}
	enter(c, pos);
	ir_set(fn, r, ir_bin(fn, IR_udiv, sum, n));
	ir_jmp(fn, end);
	enter(c, end);
	return ir_get(fn, r);
}

/* The number that an aggregation amounts to: over the places of all CPUs, in a loop. key 0: a scalar. at: who asks. */
Ref
agg_gather(Comp *c, MapSym *m, Ref key, Span at)
{
	Fn *fn = c->fn;
	u32 head = ir_block(fn), body = ir_block(fn), next = ir_block(fn), done = ir_block(fn);
	Var i = ir_var(fn), acc = ir_var(fn), n = ir_var(fn);
	Ref k, slot;

	if (key && !comp_has(c, FEAT_MAP_LOOKUP_PERCPU)) {
		diag_err(c->d, at, E_UNSUPPORTED, "to read an aggregation under a key needs bpf_map_lookup_percpu_elem, which this kernel lacks "
			 "(Linux 5.19)");
		return ir_const(fn, 0);
	}
	ir_set(fn, i, ir_const(fn, 0));
	ir_set(fn, acc, ir_const(fn, 0));
	ir_set(fn, n, ir_const(fn, 0));
	ir_jmp(fn, head);
	ir_start(fn, head);
	k = ir_get(fn, i);
	ir_br(fn, ir_bini(fn, IR_ult, k, host_cpus()), body, done);
	enter(c, body);
	if (key) {
		u32 have = ir_block(fn);

		slot = IR_CALL(fn, BPF_FUNC_map_lookup_percpu_elem, ir_map(fn, m->map), key, k);
		ir_br(fn, slot, have, next);
		enter(c, have);
	} else {
		slot = ir_bin(fn, IR_add, ir_mapval(fn, m->map, 0), ir_bini(fn, IR_mul, k, c->s->infos.v[m->info].stride));
	}
	gather(c, m->value, slot, acc, n);
	ir_jmp(fn, next);
	enter(c, next);
	ir_set(fn, i, ir_bini(fn, IR_add, ir_get(fn, i), 1));
	ir_jmp(fn, head);
	ir_seal(fn, head);
	enter(c, done);
	if (m->value->kind == TY_AVG)
		return divided(c, m->value, ir_get(fn, acc), ir_get(fn, n));
	return ir_get(fn, acc);
}

Ref
agg_read(Comp *c, Node *n)
{
	MapSym *m = n->sym;

	return agg_gather(c, m, m->keyed ? map_key(c, m, n->a) : 0, n->at);
}
