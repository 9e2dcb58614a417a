/* memory: what is known of memory goes along with the flow. A load of what was just stored or loaded is that value; a
 * second look-up of the same key in the same map, with no change of the map in between, is the first one; a key that
 * lies in memory already is not built a second time (its stores are then dead, see stores.c). Facts of a
 * block are those that all ways into it agree on; a loop starts with none. */
#include "ir/ir.h"
#include "ir/pass.h"

enum { MOST_FACTS = 96, MOST_KEY = 64, MOST_KEYS = 8 };

/* size bytes at place hold the low bytes of value; or: looking up the key in `map` gives value. */
typedef struct Fact {
	Place place;
	u32 size;
	Ref value;
	u32 map;                /* look-up: index of the map + 1 */
	u64 *key;               /* its key, a number per byte */
	bool loaded;            /* not stored, but found so by a load */
} Fact;

typedef struct State { Fact *fact; u32 n; bool known; } State;

typedef struct Memory {
	Fn *fn;
	Arena *a;
	bool *escapes;
	State now;              /* room for MOST_FACTS */
	Ref keys[MOST_KEYS];    /* Mems that served as keys of late */
	u32 n_keys;
	u32 *uses;
} Memory;

static void
forget(State *s, u32 k)
{
	s->n--;
	memmove(s->fact + k, s->fact + k + 1, (s->n - k) * sizeof(Fact));
}

static void
learn(Memory *m, Fact f)
{
	if (m->now.n == MOST_FACTS)
		forget(&m->now, 0);
	m->now.fact[m->now.n++] = f;
}

/* A fact that served is the last to be forgotten: else what is copied from would change with every copy. */
static void
refresh(Memory *m, u32 k)
{
	Fact f = m->now.fact[k];

	forget(&m->now, k);
	learn(m, f);
}

/* n bytes at p are written: facts that may speak of them go. What remains of a stretch of zeros stays. */
static void
clobber(Memory *m, const Place *p, u32 n)
{
	for (u32 k = m->now.n; k-- > 0;) {
		Fact f = m->now.fact[k], rest = f;
		s64 after;

		if (f.map || !ir_may_alias(&f.place, f.size, p, n))
			continue;
		/* an address of unknown origin is in none of our Mems that never left */
		if ((p->kind == PK_UNKNOWN && f.place.kind == PK_MEM && !m->escapes[f.place.index]) ||
		    (f.place.kind == PK_UNKNOWN && p->kind == PK_MEM && !m->escapes[p->index]))
			continue;
		forget(&m->now, k);
		if (!is_num(m->fn, f.value, 0) || f.place.base != p->base || f.place.kind != p->kind)
			continue;
		if (f.place.off < p->off) {
			rest.size = (u32)(p->off - f.place.off);
			learn(m, rest);
		}
		after = f.place.off + f.size - (p->off + n);
		if (after > 0) {
			rest.place.off = p->off + n;
			rest.size = (u32)after;
			learn(m, rest);
		}
	}
}

static void
forget_map(Memory *m, u32 map, bool all)
{
	for (u32 k = m->now.n; k-- > 0;) {
		const Fact *f = &m->now.fact[k];

		if (f->map ? all || f->map == map + 1 :
		    (f->place.kind == PK_MAP && (all || f->place.index == map)) || f->place.kind == PK_UNKNOWN)
			forget(&m->now, k);
	}
}

static void
see_call(Memory *m, const Ins *i)
{
	const Helper *h = bpf_helper((u32)i->imm);
	u32 fx = h ? h->effects : ~0u;

	if (fx & (HE_WRITES | HE_MAP_WRITES)) {
		for (u32 k = 0; k < i->n_args; k++) {
			Place p = ir_place_of(m->fn, i->args[k], 0);
			char letter = ir_arg_letter(i, k);

			if (p.kind == PK_UNKNOWN || strchr("cmikvnsrzZaf", letter))
				continue;
			if (ir_arg_written(m->fn, i, k)) {
				clobber(m, &p, ir_arg_written(m->fn, i, k));
				continue;
			}
			p.off = INT32_MIN;      /* all of it */
			clobber(m, &p, UINT32_MAX);
		}
		for (u32 k = m->now.n; k-- > 0;)
			if (!m->now.fact[k].map && m->now.fact[k].place.kind == PK_MEM &&
			    m->escapes[m->now.fact[k].place.index])
				forget(&m->now, k);
	}
	if (fx & HE_MAP_WRITES) {
		bool one = (i->imm == BPF_FUNC_map_update_elem || i->imm == BPF_FUNC_map_delete_elem) &&
			at(m->fn, i->args[0])->op == IR_map;

		forget_map(m, one ? (u32)at(m->fn, i->args[0])->imm : 0, !one);
	}
}

/* What the key at p is made of, a number per byte: of a constant its value, else value and place in it. NULL: not known. */
static u64 *
key_of(Memory *m, const Place *p, u32 n)
{
	u64 key[MOST_KEY], *copy;
	u64 have = 0;

	if (p->kind != PK_MEM || !n || n > MOST_KEY || p->off)
		return NULL;
	for (u32 k = 0; k < 2 * m->now.n; k++) {
		const Fact *f = &m->now.fact[k % m->now.n];

		/* what was stored comes before what was then loaded of it */
		if (f->map || f->place.kind != PK_MEM || f->place.index != p->index || f->place.base != p->base ||
		    f->loaded != (k >= m->now.n))
			continue;
		for (u32 x = 0; x < f->size; x++) {
			s64 at_byte = f->place.off + x;

			if (at_byte < 0 || at_byte >= n || have >> at_byte & 1)
				continue;
			have |= 1ull << at_byte;
			key[at_byte] = is_const(m->fn, f->value) ?
				(x < 8 ? (u64)at(m->fn, f->value)->imm >> (8 * x) & 0xff : 0) : (u64)f->value << 8 | x;
		}
	}
	if (have != ~0ull >> (64 - n))
		return NULL;
	copy = NEW_N(m->a, u64, n);
	memcpy(copy, key, n * sizeof(u64));
	return copy;
}

static void
remember_key(Memory *m, Ref base)
{
	for (u32 x = 0; x < m->n_keys; x++)
		if (m->keys[x] == base)
			return;
	if (m->n_keys == MOST_KEYS)
		memmove(m->keys, m->keys + 1, --m->n_keys * sizeof(Ref));
	m->keys[m->n_keys++] = base;
}

/* Another Mem that holds the same key as the one that a call is given: then that one is given. */
static void
share_key(Memory *m, Ins *i)
{
	u64 *key = NULL, *other;

	for (u32 k = 0; k < i->n_args; k++) {
		Place p = ir_place_of(m->fn, i->args[k], 0);
		u32 n = p.kind == PK_MEM ? m->fn->mems.v[p.index].size : 0;

		if (ir_arg_letter(i, k) != 'k' || !(key = key_of(m, &p, n)))
			continue;
		for (u32 x = 0; x < m->n_keys; x++) {
			Place q = ir_place_of(m->fn, m->keys[x], 0);

			if (q.index == p.index || m->fn->mems.v[q.index].size != n || !(other = key_of(m, &q, n)) ||
			    memcmp(key, other, n * sizeof(u64)))
				continue;
			i->args[k] = m->keys[x];
			return;
		}
		remember_key(m, p.base);
		return;
	}
}

/* The earlier look-up that r repeats, or 0. */
static Ref
see_lookup(Memory *m, Ref r, const Ins *i)
{
	Place p = ir_place_of(m->fn, i->args[1], 0);
	u32 n = p.kind == PK_MEM ? m->fn->mems.v[p.index].size : 0;
	u64 *key = at(m->fn, i->args[0])->op == IR_map ? key_of(m, &p, n) : NULL;
	u32 map;

	if (!key)
		return 0;
	map = (u32)at(m->fn, i->args[0])->imm + 1;
	for (u32 k = 0; k < m->now.n; k++) {
		const Fact *f = &m->now.fact[k];

		if (f->map == map && f->size == n && !memcmp(f->key, key, n * sizeof(u64))) {
			Ref first = f->value;

			refresh(m, k);
			return first;
		}
	}
	learn(m, (Fact){ .map = map, .size = n, .key = key, .value = r });
	return 0;
}

/* Turns a load of what is known into that. True if i has become something else. */
static bool
forward(Memory *m, Ins *i, const Place *p)
{
	for (u32 k = 0; k < m->now.n; k++) {
		const Fact *f = &m->now.fact[k];
		u64 n;

		if (f->map || f->place.base != p->base || f->place.kind != p->kind)
			continue;
		if (f->place.off == p->off && f->size == i->size) {
			*i = (Ins){ .op = i->op == IR_loads ? IR_sext : IR_zext, .size = i->size, .a = f->value, .at = i->at,
				.block = i->block };
			return true;
		}
		if (!is_const(m->fn, f->value) || p->off < f->place.off || p->off + i->size > f->place.off + f->size)
			continue;
		if (f->size > 8 ? at(m->fn, f->value)->imm != 0 : false)
			continue;
		n = p->off - f->place.off < 8 ? (u64)at(m->fn, f->value)->imm >> (8 * (p->off - f->place.off)) : 0;
		*i = (Ins){ .op = i->op == IR_loads ? IR_sext : IR_zext, .size = i->size, .a = ir_const(m->fn, (s64)n),
			.at = i->at, .block = i->block };
		return true;
	}
	return false;
}

/* Are n bytes (up to 64) at p known to be 0? */
static bool
is_zeroed(const Memory *m, const Place *p, u32 n)
{
	u64 have = 0;

	for (u32 k = 0; k < m->now.n; k++) {
		const Fact *f = &m->now.fact[k];

		for (u32 x = 0; !f->map && f->place.kind == p->kind && f->place.base == p->base && is_num(m->fn, f->value, 0) &&
		     x < n; x++)
			if (p->off + x >= f->place.off && p->off + x < f->place.off + f->size)
				have |= 1ull << x;
	}
	return have == ~0ull >> (64 - n);
}

/* get_current_comm writes the same every time: a number stands for it in facts, one for the name over zeros and one for the
 * name with anything behind it, since some kernels leave that as it was. What has been fetched once is copied. */
static void
see_comm(Memory *m, Ref r, Ins *i)
{
	enum { SIZE = 16 };
	Fn *fn = m->fn;
	Place p = ir_place_of(fn, i->args[0], 0);
	bool clean = is_zeroed(m, &p, SIZE);
	Ref over_zeros = ir_leaf(fn, IR_fnref, -BPF_FUNC_get_current_comm, 0);
	Ref name = clean ? over_zeros : ir_leaf(fn, IR_fnref, -BPF_FUNC_get_current_comm, 1);

	for (u32 k = 0; !m->uses[r] && k < m->now.n; k++) {
		const Fact *f = &m->now.fact[k];

		if (f->map || (f->value != name && f->value != over_zeros) || f->size != SIZE || f->place.kind != PK_MEM ||
		    f->place.off || f->place.index == p.index)
			continue;
		name = f->value;
		*i = (Ins){ .op = IR_copy, .a = i->args[0], .b = f->place.base, .imm = SIZE, .block = i->block, .at = i->at };
		ir_simplify(fn, i);
		*at(fn, r) = *i;
		refresh(m, k);
		break;
	}
	clobber(m, &p, SIZE);
	learn(m, (Fact){ .place = p, .size = SIZE, .value = name });
	if (p.kind == PK_MEM && at(fn, p.base)->op == IR_mem && !p.off)
		remember_key(m, p.base);
}

static void
see(Memory *m, Ref r)
{
	Fn *fn = m->fn;
	Ins i = *at(fn, r);
	Place p;
	Ref *o, by;

	for (u32 x = 0; (o = operand(&i, x)); x++)
		*o = alias(fn, *o);
	*at(fn, r) = i;
	switch (i.op) {
	case IR_load: case IR_loads:
		p = ir_place_of(fn, i.a, i.imm);
		if (i.flags & (IF_VOLATILE | IF_INVARIANT) || p.kind == PK_CONTEXT)
			break;
		if (forward(m, &i, &p)) {
			by = ir_simplify(fn, &i);
			*at(fn, r) = i;
			if (by)
				replace(fn, r, by);
		} else if (i.op == IR_load) {
			learn(m, (Fact){ .place = p, .size = i.size, .value = r, .loaded = true });
		}
		break;
	case IR_store:
		p = ir_place_of(fn, i.a, i.imm);
		clobber(m, &p, i.size);
		if (!(i.flags & IF_VOLATILE))
			learn(m, (Fact){ .place = p, .size = i.size, .value = i.b });
		break;
	case IR_atomic:
		p = ir_place_of(fn, i.a, (s32)i.imm2);
		clobber(m, &p, i.size);
		break;
	case IR_zero:
		p = ir_place_of(fn, i.a, (s32)i.imm2);
		clobber(m, &p, (u32)i.imm);
		learn(m, (Fact){ .place = p, .size = (u32)i.imm, .value = ir_const(fn, 0) });
		break;
	case IR_copy:
		p = ir_place_of(fn, i.a, (s32)i.imm2);
		clobber(m, &p, (u32)i.imm);
		break;
	case IR_call:
		if (i.imm == BPF_FUNC_get_current_comm && i.n_args == 2 && is_num(fn, i.args[1], 16) &&
		    ir_place_of(fn, i.args[0], 0).kind != PK_UNKNOWN) {
			see_comm(m, r, &i);
			break;
		}
		share_key(m, &i);
		by = i.imm == BPF_FUNC_map_lookup_elem && i.n_args == 2 ? see_lookup(m, r, &i) : 0;
		if (by)
			replace(fn, r, by);
		else
			see_call(m, &i);
		break;
	default:
		break;
	}
}

static bool
same_fact(const Fact *x, const Fact *y)
{
	if (x->map != y->map || x->size != y->size || x->value != y->value || x->loaded != y->loaded)
		return false;
	if (x->map)
		return !memcmp(x->key, y->key, x->size * sizeof(u64));
	return x->place.base == y->place.base && x->place.off == y->place.off && x->place.kind == y->place.kind;
}

/* What all predecessors of b agree on. */
static void
meet(Memory *m, const Block *b, const State *out)
{
	m->now.n = 0;
	for (u32 p = 0; p < b->preds.n; p++)
		if (!out[b->preds.v[p]].known)
			return;
	if (!b->preds.n)
		return;
	for (u32 k = 0; k < out[b->preds.v[0]].n; k++) {
		const Fact *f = &out[b->preds.v[0]].fact[k];
		bool all = true;

		for (u32 p = 1; p < b->preds.n && all; p++) {
			const State *s = &out[b->preds.v[p]];

			all = false;
			for (u32 x = 0; x < s->n && !all; x++)
				all = same_fact(f, &s->fact[x]);
		}
		if (all)
			m->now.fact[m->now.n++] = *f;
	}
}

void
ir_memory(Fn *fn, const IrOptions *opt)
{
	Arena *a = arena_new();
	Cfg *c = ir_cfg(fn, a);
	Memory m = { .fn = fn, .a = a, .escapes = ir_escapes(fn, a), .now = { NEW_N(a, Fact, MOST_FACTS), 0, true } };
	State *out = NEW_N(a, State, fn->blocks.n);


	(void)opt;
	m.uses = ir_count_uses(fn, a);
	for (u32 k = 0; k < c->n; k++) {
		const Block *b = fn->blocks.v[c->order[k]];
		State *s = &out[b->id];

		meet(&m, b, out);
		for (u32 n = 0; n < b->ins.n; n++)
			if (at(fn, b->ins.v[n])->op != IR_none)
				see(&m, b->ins.v[n]);
		*s = (State){ NEW_N(a, Fact, m.now.n), m.now.n, true };
		memcpy(s->fact, m.now.fact, m.now.n * sizeof(Fact));
	}
	arena_free(a);
	ir_tidy(fn);
}
