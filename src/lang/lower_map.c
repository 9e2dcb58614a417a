/* lower_map: the script's maps. A scalar is one entry of an array whose address stands in the instruction; an aggregation
 * has a place per CPU in it. Keyed maps are hashes, per CPU for aggregations: one look-up, then a change in place. */
#include "lang/comp.h"

#include <assert.h>

u32
comp_map(Comp *c, MapDef def)
{
	VEC_PUSH(c->a, &c->s->maps, def);
	return c->s->maps.n - 1;
}

u64
agg_size(const Type *t)
{
	return out_value_size(t);
}

/* Such a map is never full. */
bool
map_is_lru(const MapSym *m)
{
	return m->kind && strstr(m->kind, "lru");
}

static u32
hash_type(const MapSym *m, bool percpu)
{
	bool lru = map_is_lru(m);

	percpu |= m->kind && strstr(m->kind, "percpu");
	return lru ? (percpu ? BPF_MAP_TYPE_LRU_PERCPU_HASH : BPF_MAP_TYPE_LRU_HASH) :
	       percpu ? BPF_MAP_TYPE_PERCPU_HASH : BPF_MAP_TYPE_HASH;
}

/* ---- brief keys ----
 * The kernel hashes and compares whole keys, so a string of 1,024 bytes or a stack of 127 frames costs as much as the longest. Where
 * a map does nothing but aggregate under such keys, another map beside it has those that are short, as nearly all are; who reads
 * it (run/maps.c) sees one. Where the script looks keys up, deletes or walks them, or says how many there may be, one map has all. */
enum { BRIEF_STRING = 64, BRIEF_STACK = 192 };

/* Does making this key tell how much of it is not zero? */
bool
map_key_tells(const Node *key)
{
	const Builtin *b = key->kind == ND_CALL ? key->sym : NULL;

	if (b && !strcmp(b->name, "str"))
		return key->list[0]->type->kind != TY_STRING && (key->n < 2 || key->list[1]->kind == ND_NUM);
	return b && (!strcmp(b->name, "kstack") || !strcmp(b->name, "ustack"));
}

void
map_used_whole(Node *map)
{
	MapSym *m = map->sym;

	if (!map->counted)
		m->whole++;
	map->counted = true;
}

static u32
brief_size(Comp *c, const MapSym *m)
{
	bool stack = m->key->kind == TY_KSTACK || m->key->kind == TY_USTACK;
	u32 size = stack ? BRIEF_STACK + out_stack_head(m->key) : BRIEF_STRING;

	if ((!stack && m->key->kind != TY_STRING) || m->whole != m->uses || m->declared || m->key->size < 3 * size)
		return 0;
	return lang_config_default(c->cf, CF_MAX_MAP_KEYS) ? size : 0;
}

/* The one that has the key just made, from which on a long string is only now filled up with zeros. */
Ref
map_of_key(Comp *c, MapSym *m, Ref key)
{
	Fn *fn = c->fn;
	u32 brief = c->s->maps.v[m->map].brief, other, end;
	Ref map = ir_map(fn, m->map), filled = c->filled;
	Var v;

	if (!brief || !filled)
		return map;
	other = ir_block(fn), end = ir_block(fn);
	v = ir_var(fn);
	ir_set(fn, v, ir_map(fn, brief - 1));
	ir_br(fn, ir_bini(fn, IR_sgt, filled, c->s->maps.v[brief - 1].key_size - c->filled_from), other, end);
	ir_seal(fn, other);
	ir_start(fn, other);
	if (m->key->kind == TY_STRING)
		zero_called(c, ir_bin(fn, IR_add, key, filled), m->key->size);
	ir_set(fn, v, map);
	ir_jmp(fn, end);
	ir_seal(fn, end);
	ir_start(fn, end);
	return ir_get(fn, v);
}

static void
place_keyed(Comp *c, MapSym *m, MapInfo *info)
{
	bool agg = type_is_agg(m->value);
	MapDef def = { .name = m->name, .type = hash_type(m, agg), .key_size = MAX(m->key->size, 1u),
		.value_size = MAX((u32)agg_size(m->value), 1u),
		.max_entries = m->entries ? m->entries : (u32)comp_cf(c, CF_MAX_MAP_KEYS) };

	u32 brief = agg ? brief_size(c, m) : 0;

	if (brief) {
		MapDef b = def;

		b.key_size = brief;
		def.brief = 1 + comp_map(c, b);
	}
	info->key = m->key;
	info->percpu = bpf_map_type_percpu(def.type);
	m->map = comp_map(c, def);
}

static void
place_scalar(Comp *c, MapSym *m, MapInfo *info)
{
	u32 size = (u32)agg_size(m->value);
	MapDef def = { .name = m->name, .type = BPF_MAP_TYPE_ARRAY, .key_size = 4, .max_entries = 1 };

	if (type_is_agg(m->value)) {
		info->cpu_array = true;
		info->set_offset = m->value->kind == TY_SUM ? 8 : 0;
		info->stride = ALIGN(size + (m->value->kind == TY_SUM ? 8 : 0), 64);
		def.value_size = info->stride * host_cpus();
	} else {
		info->set_offset = ALIGN(MAX(size, 1u), 8);
		def.value_size = info->set_offset + 8;
	}
	m->set_off = info->cpu_array ? 0 : info->set_offset;
	m->map = comp_map(c, def);
}

void
place_maps(Comp *c)
{
	for (u32 i = 0; i < c->map_list.n; i++) {
		MapSym *m = c->map_list.v[i];
		MapInfo info = { .name = m->name, .value = m->value, .at = m->at };

		if (!m->value || (m->keyed && !m->key))
			continue;
		if (m->keyed)
			place_keyed(c, m, &info);
		else
			place_scalar(c, m, &info);
		info.map = m->map;
		m->info = c->s->infos.n;
		VEC_PUSH(c->a, &c->s->infos, info);
	}
}

/* ---- keys and entries ---- */

Ref
map_key(Comp *c, MapSym *m, Node *key)
{
	bool tells = map_key_tells(key);
	u32 size = MAX(m->key->size, 1u), brief = c->s->maps.v[m->map].brief;
	Ref k = ir_mem(c->fn, size + (brief ? size + 8 : tells ? 8 : 0), 8, key->at);

	c->filled = 0;
	c->roomy = tells ? k : 0;
	c->roomy_clean = brief ? c->s->maps.v[brief - 1].key_size : 0;
	lower_into(c, key, m->key, k, 0, true);
	c->roomy = 0;
	if (!tells)
		c->filled = 0;
	return k;
}

static Ref
lookup(Comp *c, MapSym *m, Ref key)
{
	return IR_CALL(c->fn, BPF_FUNC_map_lookup_elem, ir_map(c->fn, m->map), key);
}

/* That an update found no room is noted: behind a branch, but without one where updates are rare (the first one of a key). */
void
map_update(Comp *c, MapSym *m, Ref map, Ref key, Ref value, u64 flags, bool rare)
{
	Fn *fn = c->fn;
	Ref r = IR_CALL(fn, BPF_FUNC_map_update_elem, map, key, value, ir_const(fn, (s64)flags));
	u32 full, end;

	if (map_is_lru(m))
		return;
	if (rare) {
		note_full(c, r);
		return;
	}
	full = ir_block_cold(fn);
	end = ir_block(fn);
	ir_br(fn, r, full, end);
	ir_seal(fn, full);
	ir_start(fn, full);
	note_full(c, ir_const(fn, 1));
	ir_jmp(fn, end);
	ir_seal(fn, end);
	ir_start(fn, end);
}

static void
missing(Comp *c, Node *n)
{
	if (c->opt->helper_errors) {
		u32 e = event_new(c, EV_HELPER_ERROR, n->at);

		c->s->events.v[e].helper = BPF_FUNC_map_lookup_elem;
		event_send_ints(c, e, ir_const(c->fn, 2), NULL, 0);
	}
}

/* ---- reading ---- */

Val
map_read(Comp *c, Node *n)
{
	MapSym *m = n->sym;
	Fn *fn = c->fn;
	u32 yes, no, end;
	Var v;
	Ref p;
	Val val;

	if (type_is_agg(m->value))
		return val_reg(agg_coerced(m->value) ? agg_coerced(m->value) : &ty_error, agg_read(c, n));
	if (!m->keyed) {
		val = val_mem(m->value, ir_mapval(fn, m->map, 0), 0);
		val.clean = true;
		return is_scalar(m->value) ? val_load(c, val) : val;
	}
	if (!is_scalar(m->value)) {
		val = val_mem(m->value, val_mem_new(c, m->value), 0);
		map_into(c, n, m->value, val.r, 0, true);
		val.clean = true;
		return val;
	}
	p = lookup(c, m, map_key(c, m, n->a));
	yes = ir_block(fn), end = ir_block(fn), no = c->opt->helper_errors ? ir_block_cold(fn) : end;
	v = ir_var(fn);
	ir_set(fn, v, ir_const(fn, 0));
	ir_br(fn, p, yes, no);
	if (no != end) {
		ir_seal(fn, no);
		ir_start(fn, no);
		missing(c, n);
		ir_jmp(fn, end);
	}
	ir_seal(fn, yes);
	ir_start(fn, yes);
	ir_set(fn, v, val_load(c, val_mem(m->value, p, 0)).r);
	ir_jmp(fn, end);
	ir_seal(fn, end);
	ir_start(fn, end);
	return val_reg(m->value, ir_get(fn, v));
}

/* A value that is no scalar, copied; a missing one is zero bytes. */
void
map_into(Comp *c, Node *n, const Type *as, Ref base, s32 off, bool clean)
{
	MapSym *m = n->sym;
	Fn *fn = c->fn;
	u32 yes, no, end;
	Val v;
	Ref p;

	if (!m->keyed) {
		v = map_read(c, n);
		val_store(c, v, as, base, off, clean);
		return;
	}
	p = lookup(c, m, map_key(c, m, n->a));
	yes = ir_block(fn), no = ir_block(fn), end = ir_block(fn);
	ir_br(fn, p, yes, no);
	ir_seal(fn, yes);
	ir_start(fn, yes);
	v = val_mem(m->value, p, 0);
	v.clean = true;
	val_store(c, v, as, base, off, clean);
	ir_jmp(fn, end);
	ir_seal(fn, no);
	ir_start(fn, no);
	ir_zero(fn, base, off, as->kind == TY_STRING && !clean ? 1 : as->size);
	missing(c, n);
	ir_jmp(fn, end);
	ir_seal(fn, end);
	ir_start(fn, end);
}

/* &@m is the map's first value; &@m[k] an entry's, or 0. */
Ref
map_address(Comp *c, Node *n)
{
	MapSym *m = n->sym;

	if (!n->a)
		return m->keyed ? ir_map(c->fn, m->map) : ir_mapval(c->fn, m->map, 0);
	return lookup(c, m, map_key(c, m, n->a));
}

/* ---- writing ---- */

static void
mark_set(Comp *c, MapSym *m)
{
	ir_store(c->fn, ir_mapval(c->fn, m->map, 0), (s32)m->set_off, 4, ir_const(c->fn, 1));
}

/* The new value; arg: of an assignment. */
static Ref
changed(Comp *c, Node *n, const Type *t, Ref old, Ref arg)
{
	s64 by = t->kind == TY_PTR && t->elem && t->elem->size ? t->elem->size : 1;
	Ref r;

	if (n->kind == ND_STEP)
		r = ir_bini(c->fn, IR_add, old, n->op == TK_INC ? by : -by);
	else
		r = lower_op(c, n, old, by == 1 ? arg : ir_bini(c->fn, IR_mul, arg, by));
	return convert(c, r, type_int(8, true), t);
}

/* @m op= e, @m++: gives the old value, or the new one. */
static Ref
change(Comp *c, Node *n, bool old_wanted)
{
	MapSym *m = n->a->sym;
	const Type *t = m->value;
	Fn *fn = c->fn;
	Ref key, p, old, new, tmp, arg = n->kind == ND_ASSIGN ? lower_int(c, n->b) : 0;
	u32 yes, no, end;
	Var v;

	if (!m->keyed) {
		p = ir_mapval(fn, m->map, 0);
		old = val_load(c, val_mem(t, p, 0)).r;
		new = changed(c, n, t, old, arg);
		store_scalar(c, p, 0, t, new);
		mark_set(c, m);
		return old_wanted ? old : new;
	}
	key = map_key(c, m, n->a->a);
	p = lookup(c, m, key);
	v = ir_var(fn);
	yes = ir_block(fn), no = ir_block(fn), end = ir_block(fn);
	ir_br(fn, p, yes, no);
	ir_seal(fn, yes);
	ir_start(fn, yes);
	old = val_load(c, val_mem(t, p, 0)).r;
	new = changed(c, n, t, old, arg);
	store_scalar(c, p, 0, t, new);
	ir_set(fn, v, old_wanted ? old : new);
	ir_jmp(fn, end);
	ir_seal(fn, no);
	ir_start(fn, no);
	new = changed(c, n, t, ir_const(fn, 0), arg);
	tmp = ir_mem(fn, MAX(t->size, 1u), 8, n->at);
	store_scalar(c, tmp, 0, t, new);
	map_update(c, m, ir_map(fn, m->map), key, tmp, BPF_ANY, true);
	ir_set(fn, v, old_wanted ? ir_const(fn, 0) : new);
	ir_jmp(fn, end);
	ir_seal(fn, end);
	ir_start(fn, end);
	return ir_get(fn, v);
}

Ref
map_step(Comp *c, Node *n, bool wanted)
{
	return change(c, n, wanted && n->num);
}

static void
assign_keyed(Comp *c, Node *n, MapSym *m)
{
	const Type *t = m->value;
	Ref key, value = ir_mem(c->fn, MAX(t->size, 1u), 8, n->at);

	lower_into(c, n->b, t, value, 0, true);
	key = map_key(c, m, n->a->a);
	map_update(c, m, ir_map(c->fn, m->map), key, value, BPF_ANY, false);
}

void
map_assign(Comp *c, Node *n)
{
	MapSym *m = n->a->sym;

	if (type_is_agg(m->value) && !n->op) {
		agg_assign(c, n->a, n->b);
	} else if (n->op) {
		change(c, n, false);
	} else if (m->keyed) {
		assign_keyed(c, n, m);
	} else {
		lower_fresh(c, n->b, m, m->value, ir_mapval(c->fn, m->map, 0), 0, true);
		mark_set(c, m);
	}
}
