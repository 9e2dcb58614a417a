/* lower_val: values: loading, storing, converting; strings and the reads of memory that is not ours. */
#include "lang/comp.h"

#include <assert.h>

Val
val_reg(const Type *t, Ref r)
{
	return (Val){ .type = t, .where = W_REG, .r = r };
}

Val
val_mem(const Type *t, Ref r, s32 off)
{
	return (Val){ .type = t, .where = W_MEM, .r = r, .off = off };
}

Ref
offset(Comp *c, Ref base, s32 off)
{
	return off ? ir_bini(c->fn, IR_add, base, off) : base;
}

Ref
val_addr(Comp *c, Val v)
{
	assert(v.where != W_REG);
	return offset(c, v.r, v.off);
}

Ref
val_mem_new(Comp *c, const Type *t)
{
	return ir_mem(c->fn, MAX(t->size, 1u), 8, c->fn->at);
}

/* Pointers of unknown space point where those of the probe do. */
static AddrSpace
space_of(Comp *c, AddrSpace s)
{
	if (s != AS_NONE)
		return s;
	return c->cl->prov->space == AS_USER ? AS_USER : AS_KERNEL;
}

Val
val_deref(Comp *c, const Type *ptr, Ref r)
{
	if (ptr->space == AS_BPF)
		return val_mem(ptr->elem, r, 0);
	return (Val){ .type = ptr->elem, .where = W_FAR, .r = r, .space = space_of(c, ptr->space) };
}

void
read_far(Comp *c, AddrSpace space, Ref to, u32 size, Ref from, Span at)
{
	bool apart = comp_has(c, FEAT_PROBE_READ_KERNEL);
	u32 id = !apart ? BPF_FUNC_probe_read : space_of(c, space) == AS_USER ? BPF_FUNC_probe_read_user : BPF_FUNC_probe_read_kernel;
	Ref r = IR_CALL(c->fn, id, to, ir_const(c->fn, size), from);

	helper_check(c, r, id, at);
}

void
zero_called(Comp *c, Ref at, u32 size)
{
	u32 id = comp_has(c, FEAT_PROBE_READ_KERNEL) ? BPF_FUNC_probe_read_kernel : BPF_FUNC_probe_read;

	IR_CALL(c->fn, id, at, ir_const(c->fn, size), ir_const(c->fn, 0));      /* what cannot be read is zeros */
}

Ref
read_str(Comp *c, AddrSpace space, Ref to, u32 size, Ref from, Span at)
{
	bool apart = comp_has(c, FEAT_PROBE_READ_KERNEL);
	u32 id = !apart ? BPF_FUNC_probe_read_str :
		 space_of(c, space) == AS_USER ? BPF_FUNC_probe_read_user_str : BPF_FUNC_probe_read_kernel_str;
	Ref r = IR_CALL(c->fn, id, to, ir_const(c->fn, size), from);

	helper_check(c, r, id, at);
	return r;
}

/* ---- scalars ---- */

static Ref
load(Comp *c, Val v, const Type *t)
{
	bool sign = t->kind == TY_INT || t->kind == TY_ENUM ? t->sign : false;
	u32 size = t->size == 1 || t->size == 2 || t->size == 4 ? t->size : 8;
	Ref m;

	switch (v.where) {
	case W_CTX:
		return ir_load_ctx(c->fn, v.r, v.off, size, sign);
	case W_MEM:
		return ir_load(c->fn, v.r, v.off, size, sign);
	default:
		m = ir_mem(c->fn, 8, 8, c->fn->at);
		read_far(c, v.space, m, size, val_addr(c, v), c->fn->at);
		return ir_load(c->fn, m, 0, size, sign);
	}
}

static Ref
load_bits(Comp *c, Val v)
{
	u32 from = v.bits->bit_offset, n = v.bits->bit_size;
	Ref r = load(c, v, type_int(v.type->size, false));

	r = ir_bini(c->fn, IR_shr, r, from);
	return n < 64 ? ir_bini(c->fn, IR_and, r, (s64)(((u64)1 << n) - 1)) : r;
}

Val
val_load(Comp *c, Val v)
{
	if (v.where == W_REG || !is_scalar(v.type))
		return v;
	if (v.type->kind == TY_NONE || v.type->kind == TY_FUNC)
		return val_reg(v.type, val_addr(c, v));
	return val_reg(v.type, v.bits ? load_bits(c, v) : load(c, v, v.type));
}

Ref
val_int(Comp *c, Val v)
{
	if (v.type->kind == TY_ARRAY || v.type->kind == TY_STRING || v.type->kind == TY_STRUCT || v.type->kind == TY_BUFFER) {
		if (v.where == W_REG)
			return v.r;
		return val_addr(c, v);
	}
	return val_load(c, v).r;
}

Ref
convert(Comp *c, Ref r, const Type *from, const Type *to)
{
	if (to->kind == TY_BOOL)
		return from->kind == TY_BOOL ? r : ir_bini(c->fn, IR_ne, r, 0);
	if ((to->kind != TY_INT && to->kind != TY_ENUM) || to->size >= 8)
		return r;
	if (from->kind == TY_BOOL || (from->size < to->size && !from->sign) || (from->size <= to->size && from->sign == to->sign))
		return r;
	return ir_ext(c->fn, r, to->size, to->sign);
}

void
store_scalar(Comp *c, Ref base, s32 off, const Type *t, Ref r)
{
	u32 size = t->size == 1 || t->size == 2 || t->size == 4 ? t->size : 8;

	ir_store(c->fn, base, off, size, r);
}

/* ---- bytes ---- */

/* The widest piece at this offset: memory of ours is aligned to 8. */
static u32
piece(s32 off, u32 left)
{
	u32 n = 8;

	while (n > left || off % (s32)n)
		n /= 2;
	return n;
}

void
store_low_bytes(Comp *c, Ref base, u32 n, Ref r)
{
	for (u32 at = 0; at < MIN(n, 8u); ) {
		u32 k = piece((s32)at, n - at);

		ir_store(c->fn, base, (s32)at, k, at ? ir_bini(c->fn, IR_shr, r, 8 * at) : r);
		at += k;
	}
}

void
store_string(Comp *c, Ref base, s32 off, const char *s, u32 n, u32 size, bool clean)
{
	u32 used = MIN(n + 1, size), at = 0;

	if (clean)
		used = MIN(ALIGN(used, 8), size);
	while (at < used) {
		u32 k = piece(off + (s32)at, used - at);
		u64 w = 0;

		for (u32 i = 0; i < k; i++)
			if (at + i < n && at + i < size)
				w |= (u64)(u8)s[at + i] << (8 * i);
		ir_store(c->fn, base, off + (s32)at, k, ir_const(c->fn, (s64)w));
		at += k;
	}
	if (clean && used < size)
		ir_zero(c->fn, base, off + (s32)used, size - used);
}

/* Bytes of the context are read with loads; helpers do not take a pointer to it. */
static void
copy_ctx(Comp *c, Ref base, s32 off, Val v, u32 n)
{
	if (n > 64) {
		read_far(c, AS_KERNEL, offset(c, base, off), n, val_addr(c, v), c->fn->at);
		return;
	}
	for (u32 at = 0; at < n; ) {
		u32 a = piece(off + (s32)at, n - at), b = piece(v.off + (s32)at, n - at), k = MIN(a, b);

		ir_store(c->fn, base, off + (s32)at, k, ir_load_ctx(c->fn, v.r, v.off + (s32)at, k, false));
		at += k;
	}
}

/* Memory of ours starts at a multiple of 8; a part of it need not, and the stack takes no misaligned access. */
static void
copy_near(Comp *c, Val v, Ref base, s32 off, u32 n)
{
	if (v.off % 8 == 0) {
		ir_copy(c->fn, base, off, val_addr(c, v), n);
		return;
	}
	if (n > 128) {
		read_far(c, AS_KERNEL, offset(c, base, off), n, val_addr(c, v), c->fn->at);
		return;
	}
	for (u32 at = 0; at < n; ) {
		u32 k = MIN(piece(off + (s32)at, n - at), piece(v.off + (s32)at, n - at));

		ir_store(c->fn, base, off + (s32)at, k, ir_load(c->fn, v.r, v.off + (s32)at, k, false));
		at += k;
	}
}

static void
copy_bytes(Comp *c, Val v, Ref base, s32 off, u32 n)
{
	if (v.where == W_MEM)
		copy_near(c, v, base, off, n);
	else if (v.where == W_CTX)
		copy_ctx(c, base, off, v, n);
	else
		read_far(c, v.space, offset(c, base, off), n, val_addr(c, v), c->fn->at);
}

static void
store_str(Comp *c, Val v, const Type *as, Ref base, s32 off, bool clean)
{
	u32 n = MIN(v.type->size, as->size);

	if (v.where == W_MEM && (v.clean || !clean)) {
		copy_near(c, v, base, off, n);
		if (n < as->size) {
			if (clean)
				ir_zero(c->fn, base, off + (s32)n, as->size - n);
			else
				ir_store(c->fn, base, off + (s32)n, 1, ir_const(c->fn, 0));
		}
		return;
	}
	if (v.where == W_CTX && n <= 64) {
		copy_ctx(c, base, off, v, n);
		if (n < as->size)
			ir_zero(c->fn, base, off + (s32)n, clean ? as->size - n : 1);
		return;
	}
	if (v.where == W_FAR) {         /* char name[n]: all of it, since it need not end with a NUL */
		read_far(c, v.space, offset(c, base, off), n, val_addr(c, v), c->fn->at);
		if (n < as->size)
			ir_zero(c->fn, base, off + (s32)n, clean ? as->size - n : 1);
		return;
	}
	if (clean)
		ir_zero(c->fn, base, off, as->size);
	read_str(c, AS_KERNEL, offset(c, base, off), n, val_addr(c, v), c->fn->at);
}

/* What lies between the fields of a tuple or record, and behind the last. */
void
val_clear_gaps(Comp *c, const Type *t, Ref base, s32 off)
{
	u32 end = 0;

	for (u32 i = 0; i <= t->n_fields; i++) {
		u32 at = i < t->n_fields ? t->fields[i].offset : t->size;

		if (at > end)
			ir_zero(c->fn, base, off + (s32)end, at - end);
		if (i < t->n_fields)
			end = at + t->fields[i].type->size;
	}
}

Val
val_part(Val v, u32 off, const Type *t)
{
	v.off += (s32)off;
	v.type = t;
	v.bits = NULL;
	return v;
}

static void
store_fields(Comp *c, Val v, const Type *as, Ref base, s32 off, bool clean)
{
	if (type_equal(v.type, as) && v.where == W_MEM && (v.clean || !clean)) {
		copy_bytes(c, v, base, off, as->size);
		return;
	}
	if (clean)
		val_clear_gaps(c, as, base, off);
	for (u32 i = 0; i < as->n_fields && i < v.type->n_fields; i++) {
		const Field *f = type_partner(as, i, v.type);
		Val p = val_part(v, f->offset, f->type);

		val_store(c, p, as->fields[i].type, base, off + (s32)as->fields[i].offset, clean);
	}
}

void
val_store(Comp *c, Val v, const Type *as, Ref base, s32 off, bool clean)
{
	if (v.where == W_REG || is_scalar(as)) {
		Ref r = val_int(c, v);

		store_scalar(c, base, off, as, is_scalar(as) ? convert(c, r, v.type, as) : r);
		return;
	}
	switch (as->kind) {
	case TY_STRING:
		if (v.type->kind == TY_STRING) {
			store_str(c, v, as, base, off, clean);
			return;
		}
		break;
	case TY_TUPLE: case TY_RECORD:
		store_fields(c, v, as, base, off, clean);
		return;
	}
	copy_bytes(c, v, base, off, MIN(as->size, v.type->size));
	if (clean && v.type->size < as->size)
		ir_zero(c->fn, base, off + (s32)v.type->size, as->size - v.type->size);
}

Val
val_near(Comp *c, Val v)
{
	Ref m;

	if (v.where == W_MEM || v.where == W_REG)
		return v;
	m = val_mem_new(c, v.type);
	val_store(c, v, v.type, m, 0, false);
	return val_mem(v.type, m, 0);
}

/* ---- strings compared ---- */

/* Against a literal: its bytes and the NUL, in pieces as wide as they come. */
static Ref
equal_literal(Comp *c, Val v, const char *s, u32 n)
{
	u32 len = MIN(n + 1, v.type->size), at = 0;
	u32 no = ir_block(c->fn), end = ir_block(c->fn);
	Var res = ir_var(c->fn);

	while (at < len) {
		u32 k = piece(v.off + (s32)at, len - at), next = ir_block(c->fn);
		u64 w = 0;

		for (u32 i = 0; i < k; i++)
			w |= (u64)(at + i < n ? (u8)s[at + i] : 0) << (8 * i);
		ir_br(c->fn, ir_bin(c->fn, IR_eq, ir_load(c->fn, v.r, v.off + (s32)at, k, false), ir_const(c->fn, (s64)w)), next, no);
		ir_seal(c->fn, next);
		ir_start(c->fn, next);
		at += k;
	}
	ir_set(c->fn, res, ir_const(c->fn, n + 1 <= v.type->size || n == v.type->size));
	ir_jmp(c->fn, end);
	ir_seal(c->fn, no);
	ir_start(c->fn, no);
	ir_set(c->fn, res, ir_const(c->fn, 0));
	ir_jmp(c->fn, end);
	ir_seal(c->fn, end);
	ir_start(c->fn, end);
	return ir_get(c->fn, res);
}

Ref
str_equal_literal(Comp *c, Val v, const char *s, u32 n)
{
	/* What lies behind the end of a string that is not clean does not matter: pieces end with the NUL. */
	return equal_literal(c, val_near(c, v), s, n);
}

/* One byte: goes on while they are equal and not the end. Called with the index and { a, b, result }. */
static Fn *
comparer(Comp *c, u32 n, s64 differ)
{
	Fn *fn = ir_fn_new(c->unit, "compare", 2);
	u32 in = ir_block(fn), equal = ir_block(fn), other = ir_block(fn), more = ir_block(fn), stop = ir_block(fn);
	Ref at = ir_param(fn, 1), k, x, y;

	fn->at = c->fn->at;
	k = ir_ext(fn, ir_param(fn, 0), 4, false);
	ir_br(fn, ir_bini(fn, IR_ult, k, n), in, stop);
	ir_seal(fn, in);
	ir_start(fn, in);
	x = ir_load(fn, ir_bin(fn, IR_add, ir_load(fn, at, 0, 8, false), k), 0, 1, false);
	y = ir_load(fn, ir_bin(fn, IR_add, ir_load(fn, at, 8, 8, false), k), 0, 1, false);
	ir_br(fn, ir_bin(fn, IR_eq, x, y), equal, other);
	ir_seal(fn, equal);
	ir_start(fn, equal);
	ir_br(fn, x, more, stop);
	ir_seal(fn, more);
	ir_start(fn, more);
	ir_ret(fn, ir_const(fn, 0));
	ir_seal(fn, other);
	ir_start(fn, other);
	ir_store(fn, at, 16, 8, ir_const(fn, differ));
	ir_jmp(fn, stop);
	ir_seal(fn, stop);
	ir_start(fn, stop);
	ir_ret(fn, ir_const(fn, 1));
	return fn;
}

/* The verifier would walk a long loop byte by byte, with two more ways to follow at each. */
static Ref
compare_called(Comp *c, Val a, Val b, u32 n, s64 same)
{
	Fn *fn = c->fn;
	Ref mem = ir_mem_stack(fn, 24, 8, fn->at);

	ir_store(fn, mem, 0, 8, val_addr(c, a));
	ir_store(fn, mem, 8, 8, val_addr(c, b));
	ir_store(fn, mem, 16, 8, ir_const(fn, same));
	IR_CALL(fn, BPF_FUNC_loop, ir_const(fn, n), ir_fnref(fn, comparer(c, n, !same)), mem, ir_const(fn, 0));
	return ir_load(fn, mem, 16, 8, false);
}

/* `same` if the first n bytes are equal or both strings end before, else !same: byte by byte, in a loop that the verifier can
 * count. */
Ref
string_compare(Comp *c, Val a, Val b, u32 n, s64 same)
{
	Fn *fn = c->fn;
	u32 head, body, more, yes, no, end;
	Var i = ir_var(fn), res = ir_var(fn);
	Ref x, y, k;

	a = val_near(c, a);
	b = val_near(c, b);
	n = MIN(n, MIN(a.type->size, b.type->size));
	if (n > LONG_STRING && comp_has(c, FEAT_LOOP))
		return compare_called(c, a, b, n, same);
	head = ir_block(fn), body = ir_block(fn), more = ir_block(fn), yes = ir_block(fn), no = ir_block(fn), end = ir_block(fn);
	ir_set(fn, i, ir_const(fn, 0));
	ir_jmp(fn, head);
	ir_start(fn, head);
	k = ir_get(fn, i);
	ir_br(fn, ir_bini(fn, IR_ult, k, n), body, yes);
	ir_seal(fn, body);
	ir_start(fn, body);
	x = ir_load(fn, ir_bin(fn, IR_add, val_addr(c, a), k), 0, 1, false);
	y = ir_load(fn, ir_bin(fn, IR_add, val_addr(c, b), k), 0, 1, false);
	ir_set(fn, i, ir_bini(fn, IR_add, k, 1));
	ir_br(fn, ir_bin(fn, IR_eq, x, y), more, no);
	ir_seal(fn, more);
	ir_start(fn, more);
	ir_br(fn, x, head, yes);
	ir_seal(fn, head);
	ir_seal(fn, yes);
	ir_start(fn, yes);
	ir_set(fn, res, ir_const(fn, same));
	ir_jmp(fn, end);
	ir_seal(fn, no);
	ir_start(fn, no);
	ir_set(fn, res, ir_const(fn, !same));
	ir_jmp(fn, end);
	ir_seal(fn, end);
	ir_start(fn, end);
	return ir_get(fn, res);
}

Ref
string_equal(Comp *c, Val a, Val b)
{
	return string_compare(c, a, b, UINT32_MAX, 1);
}

/* Memory of equal size: words of what both hold. */
Ref
bytes_equal(Comp *c, Val a, Val b, u32 n)
{
	Ref all = 0;

	a = val_near(c, a);
	b = val_near(c, b);
	for (u32 at = 0; at < n; ) {
		u32 k = MIN(piece(a.off + (s32)at, n - at), piece(b.off + (s32)at, n - at));
		Ref d = ir_bin(c->fn, IR_xor, ir_load(c->fn, a.r, a.off + (s32)at, k, false), ir_load(c->fn, b.r, b.off + (s32)at, k, false));

		all = all ? ir_bin(c->fn, IR_or, all, d) : d;
		at += k;
	}
	return all ? ir_bini(c->fn, IR_eq, all, 0) : ir_const(c->fn, 1);
}
