/* event: records for user space: reserved in the ring and filled there; where there is no ring, filled in memory of ours and
 * sent through the perf buffer. What finds no room is counted. */
#include "lang/comp.h"

#include <stdio.h>
#include <unistd.h>

u32
comp_ring(Comp *c)
{
	bool ring = comp_has(c, FEAT_RINGBUF);

	if (c->s->ring == NO_MAP)       /* comp_ring_size() says how large, once all events are known */
		c->s->ring = comp_map(c, (MapDef){ .name = "ring", .type = ring ? BPF_MAP_TYPE_RINGBUF : BPF_MAP_TYPE_PERF_EVENT_ARRAY,
			.key_size = ring ? 0 : 4, .value_size = ring ? 0 : 4, .max_entries = host_cpus() });
	return c->s->ring;
}

/* Requests such as exit() and print(@m) come seldom; printf and its kind may come as fast as probes fire. */
static bool
sends_data(const Script *s)
{
	for (u32 i = 0; i < s->events.n; i++)
		switch (s->events.v[i].kind) {
		case EV_EXIT: case EV_PRINT_MAP: case EV_CLEAR: case EV_ZERO: case EV_TIME: case EV_UNWATCH:
		case EV_HELPER_ERROR: case EV_DIV_ZERO: case EV_INDEX: case EV_MAP_FULL:
			break;
		default:
			return true;
		}
	return false;
}

/* Pages of the ring: as configured, else 8 MB for data and 64 KB for mere requests (the kernel fills the pages with zeros as
 * it makes the map: 16 MB would cost 4 ms of every start). A power of two. */
void
comp_ring_size(Comp *c)
{
	u64 want = c->opt->pages ? c->opt->pages : comp_cf(c, CF_PERF_RB_PAGES), n = 1;

	if (c->s->ring == NO_MAP || !comp_has(c, FEAT_RINGBUF))
		return;
	if (!want)
		want = sends_data(c->s) ? 2048 : 16;
	while (n < want && n < 1u << 18)
		n *= 2;
	c->s->maps.v[c->s->ring].max_entries = (u32)n * (u32)sysconf(_SC_PAGESIZE);
}

Ref
lost_words(Comp *c)
{
	if (c->s->lost == NO_MAP)
		c->s->lost = comp_map(c, (MapDef){ .name = "lost", .type = BPF_MAP_TYPE_ARRAY, .key_size = 4,
			.max_entries = 1, .flags = comp_has(c, FEAT_MMAPABLE) ? BPF_F_MMAPABLE : 0 });
	return ir_mapval(c->fn, c->s->lost, 0);
}

/* After the last program: the map has its size and its first value. */
void
lost_finish(Comp *c)
{
	u32 n = LOST_FULL + c->s->full.n;
	u64 *init;

	if (c->s->lost == NO_MAP)
		return;
	init = NEW_N(c->a, u64, n);
	init[LOST_ONE] = 1;
	c->s->maps.v[c->s->lost].value_size = 8 * n;
	c->s->maps.v[c->s->lost].init = init;
}

/* err: 0, or -errno, of which no sum is 0 again. Kernels before 5.12 have no other atomic operation than the addition. */
void
note_full(Comp *c, Ref err)
{
	ir_atomic(c->fn, BPF_ADD, lost_words(c), 8 * (s32)(LOST_FULL + c->s->full.n), 8, err);
	VEC_PUSH(c->a, &c->s->full, event_new(c, EV_MAP_FULL, c->fn->at));
}

u32
event_new(Comp *c, EventKind kind, Span at)
{
	EventDef e = { .kind = kind, .at = at, .size = sizeof(RecordHead) };

	for (const Node *n = c->by; n; n = n->by)
		e.n_calls++;
	e.call = e.n_calls ? NEW_N(c->a, Span, e.n_calls) : NULL;
	e.n_calls = 0;
	for (const Node *n = c->by; n; n = n->by)
		e.call[e.n_calls++] = n->at;
	VEC_PUSH(c->a, &c->s->events, e);
	return c->s->events.n - 1;
}

/* Strings and buffers go last, so that what has a fixed size lies together. */
static bool
goes_last(const Type *t)
{
	return t->kind == TY_STRING || t->kind == TY_BUFFER;
}

u32
event_layout(Comp *c, u32 event, const Type *const *types, u32 n)
{
	EventDef *e = &c->s->events.v[event];
	u32 at = sizeof(RecordHead);

	e->args = NEW_N(c->a, Arg, n + 1);
	e->n_args = n;
	for (u32 last = 0; last < 2; last++)
		for (u32 i = 0; i < n; i++) {
			if (goes_last(types[i]) != (last == 1))
				continue;
			/* Strings start at 8 too: they are filled and cleared by words. */
			at = ALIGN(at, last ? 8 : MAX(types[i]->align, 1u));
			e->args[i] = (Arg){ types[i], at, (u32)agg_size(types[i]) };
			at += e->args[i].size;
		}
	e->size = ALIGN(at, 8);
	return e->size;
}

/* Room for the record, its head filled. With the ring, what follows runs only if there was room. */
static Ref
begin(Comp *c, u32 event, Ref aux, u32 *fail)
{
	Fn *fn = c->fn;
	u32 size = c->s->events.v[event].size, some;
	bool ring = comp_has(c, FEAT_RINGBUF);
	Ref rec;

	if (c->cl->prov->seq && c->cl->p && c->cl->prov->seq(c->cl->p, fn))
		diag_err(c->d, c->s->events.v[event].at, E_UNSUPPORTED, "only printf works in a pinned iterator: piton is gone when it runs");
	comp_ring(c);
	*fail = ir_block_cold(fn);
	if (ring) {
		rec = IR_CALL(fn, BPF_FUNC_ringbuf_reserve, ir_map(fn, c->s->ring), ir_const(fn, size), ir_const(fn, 0));
		some = ir_block(fn);
		ir_br(fn, rec, some, *fail);
		ir_seal(fn, some);
		ir_start(fn, some);
	} else {
		rec = ir_mem(fn, size, 8, fn->at);
	}
	if (aux) {
		ir_store(fn, rec, 0, 4, ir_const(fn, event));
		ir_store(fn, rec, 4, 4, aux);
	} else {
		ir_store(fn, rec, 0, 8, ir_const(fn, event));
	}
	return rec;
}

static void
finish(Comp *c, u32 event, Ref rec, u32 fail)
{
	Fn *fn = c->fn;
	u32 end = ir_block(fn);
	Ref r;

	if (comp_has(c, FEAT_RINGBUF)) {
		IR_CALL(fn, BPF_FUNC_ringbuf_submit, rec, ir_const(fn, 0));
		ir_jmp(fn, end);
	} else {
		r = IR_CALL(fn, BPF_FUNC_perf_event_output, ir_ctx(c->fn), ir_map(fn, c->s->ring), ir_const(fn, BPF_F_CURRENT_CPU),
			    rec, ir_const(fn, c->s->events.v[event].size));
		ir_br(fn, ir_bini(fn, IR_slt, r, 0), fail, end);
	}
	ir_seal(fn, fail);
	ir_start(fn, fail);
	ir_atomic(c->fn, BPF_ADD, lost_words(c), 8 * LOST_RECORDS, 8, ir_const(c->fn, 1));
	ir_jmp(fn, end);
	ir_seal(fn, end);
	ir_start(fn, end);
}

u32
event_open(Comp *c, u32 event, Ref *rec)
{
	u32 fail;

	*rec = begin(c, event, 0, &fail);
	return fail;
}

void
event_close(Comp *c, u32 event, Ref rec, u32 fail)
{
	finish(c, event, rec, fail);
}

/* Code that may leave the program or loop must not run while a record is reserved. */
static bool
has_block(const Node *n)
{
	if (!n)
		return false;
	if (n->kind == ND_BLOCK || has_block(n->a) || has_block(n->b) || has_block(n->c))
		return true;
	for (u32 i = 0; n->list && i < n->n; i++)
		if (has_block(n->list[i]))
			return true;
	return false;
}

void
event_send(Comp *c, u32 event, Node *const *args, u32 n)
{
	EventDef *e = &c->s->events.v[event];
	Val *v = NEW_N(c->a, Val, n + 1);
	Arg *arg;
	Ref rec;
	u32 fail;

	for (u32 i = 0; i < n; i++) {
		const Type *t = e->args[i].type;

		e = &c->s->events.v[event];
		if (is_scalar(t))
			v[i] = val_reg(agg_coerced(args[i]->type) ? agg_coerced(args[i]->type) : args[i]->type, lower_int(c, args[i]));
		else if (has_block(args[i]))
			v[i] = lower(c, args[i]);
		e = &c->s->events.v[event];
	}
	rec = begin(c, event, 0, &fail);
	arg = c->s->events.v[event].args;
	for (u32 i = 0; i < n; i++) {
		if (v[i].type)
			val_store(c, v[i], arg[i].type, rec, (s32)arg[i].offset, false);
		else
			lower_into(c, args[i], arg[i].type, rec, (s32)arg[i].offset, false);
	}
	finish(c, event, rec, fail);
}

/* A record of numbers, laid out one behind the other (8 bytes each) if the event has no layout yet. */
void
event_send_ints(Comp *c, u32 event, Ref aux, const Ref *vals, u32 n)
{
	u32 fail;
	Ref rec;

	if (n && !c->s->events.v[event].n_args) {
		const Type **t = NEW_N(c->a, const Type *, n);

		for (u32 i = 0; i < n; i++)
			t[i] = type_int(8, true);
		event_layout(c, event, t, n);
	}
	rec = begin(c, event, aux, &fail);
	for (u32 i = 0; i < n; i++) {
		const Arg *a = &c->s->events.v[event].args[i];

		store_scalar(c, rec, (s32)a->offset, a->type, vals[i]);
	}
	finish(c, event, rec, fail);
}

/* -k: a helper that failed is told. */
void
helper_check(Comp *c, Ref result, u32 helper, Span at)
{
	Fn *fn = c->fn;
	u32 bad, end, e;

	if (!c->opt->helper_errors)
		return;
	bad = ir_block_cold(fn);
	end = ir_block(fn);
	ir_br(fn, ir_bini(fn, IR_slt, ir_ext(fn, result, 4, true), 0), bad, end);
	ir_seal(fn, bad);
	ir_start(fn, bad);
	e = event_new(c, EV_HELPER_ERROR, at);
	c->s->events.v[e].helper = helper;
	event_send_ints(c, e, ir_un(fn, IR_neg, result), NULL, 0);
	ir_jmp(fn, end);
	ir_seal(fn, end);
	ir_start(fn, end);
}
