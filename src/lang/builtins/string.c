/* string: text and bytes read from memory, and questions about them. */
#include "lang/comp.h"

#include <stdio.h>

static AddrSpace
pointee_space(const Node *n)
{
	return n->type->kind == TY_PTR ? n->type->space : n->space;
}

/* ---- str ---- */

/* Bytes of str()'s result with its NUL: max_strlen characters, or what a literal length says. */
static u32
str_size(Comp *c, Node *n)
{
	u64 max = comp_cf(c, CF_MAX_STRLEN);
	const Node *len = n->n > 1 ? n->list[1] : NULL;

	if (len && len->kind == ND_NUM)
		return (u32)MAX(1, MIN(len->num, max));
	return (u32)max;
}

static const Type *
check_str(Comp *c, Node *n)
{
	Node *p = n->list[0];

	if (p->kind == ND_STR && n->n == 1) {
		make_string(c, n, p->str, p->n);
		return n->type;
	}
	if (p->kind == ND_STR && n->list[1]->kind == ND_NUM) {
		make_string(c, n, p->str, MIN(p->n, n->list[1]->num));
		return n->type;
	}
	if (p->type->kind == TY_STRING && n->n == 1)
		return p->type;
	if (p->type->kind != TY_PTR && !number_type(p->type) && p->type->kind != TY_STRING && p->type->kind != TY_ARRAY) {
		comp_err(c, p->at, E_ARGS, "str() expects an integer or a pointer type as first argument (%s provided)", tname(c, p->type));
		return &ty_error;
	}
	return type_string(c->ts, str_size(c, n));
}

/* A string longer than max_strlen loses its end; that it has no NUL then tells out/ to print the trailer. */
static void
fill_last(Comp *c, Ref read, u32 size, Ref base, s32 off, Ref from, AddrSpace space, Span at)
{
	Fn *fn = c->fn;
	u32 full = ir_block_cold(fn), end = ir_block(fn);

	ir_br(fn, ir_bini(fn, IR_eq, read, size), full, end);
	ir_seal(fn, full);
	ir_start(fn, full);
	read_far(c, space, offset(c, base, off + (s32)size - 1), 1, ir_bini(fn, IR_add, from, size - 1), at);
	ir_jmp(fn, end);
	ir_seal(fn, end);
	ir_start(fn, end);
}

static void
into_str(Comp *c, Node *n, const Type *as, Ref base, s32 off, bool clean)
{
	Fn *fn = c->fn;
	Node *p = n->list[0];
	u32 size = MIN(n->type->size, as->size), max, lo, end;
	Ref from, len;
	Var v;

	if (p->type->kind == TY_STRING && n->n == 1) {
		lower_into(c, p, as, base, off, clean);
		return;
	}
	from = lower_int(c, p);
	if (n->n < 2 || n->list[1]->kind == ND_NUM) {
		bool whole = size == comp_cf(c, CF_MAX_STRLEN) && (n->n < 2 || n->list[1]->num > size);
		bool room = c->roomy && base == c->roomy && !off && size == as->size;
		AddrSpace space = p->type->kind == TY_STRING ? AS_KERNEL : pointee_space(p);

		if (room && c->roomy_clean)
			zero_called(c, base, c->roomy_clean);   /* the rest later, see map_of_key() */
		else if (clean)
			ir_zero(fn, base, off, as->size);
		Ref r = read_str(c, space, offset(c, base, off), size + (whole && room), from, n->at);

		if (whole && !room)
			fill_last(c, r, size, base, off, from, space, n->at);
		c->filled = r, c->filled_from = 0;
		return;
	}
	/* A length that is known only when it runs, cut to the room. */
	len = lower_int(c, n->list[1]);
	v = ir_var(fn);
	max = ir_block(fn), lo = ir_block(fn), end = ir_block(fn);
	ir_set(fn, v, len);
	ir_br(fn, ir_bini(fn, IR_ugt, len, size), max, end);
	ir_seal(fn, max);
	ir_start(fn, max);
	ir_set(fn, v, ir_const(fn, size));
	ir_jmp(fn, end);
	ir_seal(fn, end);
	ir_start(fn, end);
	ir_seal(fn, lo);
	if (clean)
		ir_zero(fn, base, off, as->size);
	else
		ir_store(fn, base, off, 1, ir_const(fn, 0));
	bool user = pointee_space(p) == AS_USER || (pointee_space(p) == AS_NONE && c->cl->prov->space == AS_USER);

	IR_CALL(fn, user ? BPF_FUNC_probe_read_user_str : BPF_FUNC_probe_read_kernel_str, offset(c, base, off), ir_get(fn, v), from);
}

/* ---- buf: u32 length, then the bytes ---- */

static const Type *
check_buf(Comp *c, Node *n)
{
	Node *p = n->list[0], *len = n->n > 1 ? n->list[1] : NULL;
	u64 max = comp_cf(c, CF_MAX_STRLEN), size = max;

	if (!len && p->type->kind != TY_ARRAY && p->type->kind != TY_STRING) {
		comp_err(c, n->at, E_ARGS, "buf() expects a length argument for non-array type %s", tname(c, p->type));
		return &ty_error;
	}
	if (!len)
		size = MIN(p->type->size, max);
	else if (len->kind == ND_NUM)
		size = MIN(len->num, max);
	if (!size) {
		comp_err(c, n->at, E_ARGS, "buf() of 0 bytes");
		return &ty_error;
	}
	return type_buffer(c->ts, (u32)size);
}

static void
into_buf(Comp *c, Node *n, const Type *as, Ref base, s32 off, bool clean)
{
	Fn *fn = c->fn;
	Node *p = n->list[0], *len = n->n > 1 ? n->list[1] : NULL;
	u32 max = n->type->count;
	Ref from, size;
	Val v;

	if (clean)
		ir_zero(fn, base, off, as->size);
	if (!len || len->kind == ND_NUM) {
		ir_store(fn, base, off, 4, ir_const(fn, max));
		if (p->type->kind == TY_ARRAY || p->type->kind == TY_STRING) {
			v = lower(c, p);
			if (v.where == W_MEM && v.type->size < max) {
				ir_zero(fn, base, off + 4, max);
				val_store(c, v, v.type, base, off + 4, false);
				return;
			}
			if (v.where == W_CTX || (v.where == W_MEM && v.type->size >= max)) {
				v.type = type_array(c->ts, type_int(1, false), MIN(max, p->type->size));
				val_store(c, v, v.type, base, off + 4, false);
				return;
			}
			from = val_int(c, v);
			read_far(c, v.where == W_FAR ? v.space : AS_KERNEL, offset(c, base, off + 4), max, from, n->at);
			return;
		}
		read_far(c, pointee_space(p), offset(c, base, off + 4), max, lower_int(c, p), n->at);
		return;
	}
	from = lower_int(c, p);
	size = lower_int(c, len);
	{
		Var s = ir_var(fn);
		u32 more = ir_block(fn), end = ir_block(fn);

		ir_set(fn, s, size);
		ir_br(fn, ir_bini(fn, IR_ugt, size, max), more, end);
		ir_seal(fn, more);
		ir_start(fn, more);
		ir_set(fn, s, ir_const(fn, max));
		ir_jmp(fn, end);
		ir_seal(fn, end);
		ir_start(fn, end);
		size = ir_get(fn, s);
	}
	ir_store(fn, base, off, 4, size);
	bool user = pointee_space(p) == AS_USER || (pointee_space(p) == AS_NONE && c->cl->prov->space == AS_USER);

	IR_CALL(fn, user ? BPF_FUNC_probe_read_user : BPF_FUNC_probe_read_kernel, offset(c, base, off + 4), size, from);
}

/* ---- questions ---- */

static const Type *
check_strncmp(Comp *c, Node *n)
{
	if (n->list[2]->kind == ND_NUM && (s64)n->list[2]->num < 0) {
		comp_err(c, n->list[2]->at, E_ARGS, "Builtin strncmp requires a non-negative literal");
		return &ty_error;
	}
	return type_int(8, true);
}

/* 0 if the first n bytes are equal (or both end before), else 1: no sign. */
static Ref
lower_strncmp(Comp *c, Node *n)
{
	Val a = val_near(c, lower(c, n->list[0])), b = lower(c, n->list[1]);

	return string_compare(c, a, b, (u32)MIN(n->list[2]->num, (u64)UINT32_MAX), 0);
}

/* ---- strlen, and where one string is in another ---- */

static const Type *
check_number(Comp *c, Node *n)
{
	(void)c, (void)n;
	return type_int(8, true);
}

/* The kernel's copying of strings counts. */
static Ref
strlen_called(Comp *c, Val a)
{
	Fn *fn = c->fn;
	u32 size = a.type->size + 1;
	Ref mem = ir_mem(fn, ALIGN(size, 8), 8, fn->at);

	return ir_bini(fn, IR_add, IR_CALL(fn, BPF_FUNC_probe_read_kernel_str, mem, ir_const(fn, size), val_addr(c, a)), -1);
}

/* A number of few possible values, each of which the verifier would follow to the program's end, as one that it does not know. */
static Ref
unknown(Comp *c, Ref r)
{
	Ref mem = ir_mem_stack(c->fn, 8, 8, c->fn->at);

	ir_store(c->fn, mem, 0, 8, r);
	ir_atomic(c->fn, BPF_ADD, mem, 0, 8, ir_const(c->fn, 0));
	return ir_load(c->fn, mem, 0, 8, false);
}

static Ref
lower_strlen(Comp *c, Node *n)
{
	Fn *fn = c->fn;
	Val a;
	Var i = ir_var(fn);
	u32 head = ir_block(fn), body = ir_block(fn), more = ir_block(fn), end = ir_block(fn);
	Ref k, x;

	if (n->list[0]->kind == ND_STR)
		return ir_const(fn, (s64)strnlen(n->list[0]->str, n->list[0]->n));
	a = val_near(c, lower(c, n->list[0]));
	if (a.type->size > LONG_STRING)
		return strlen_called(c, a);
	ir_set(fn, i, ir_const(fn, 0));
	ir_jmp(fn, head);
	ir_start(fn, head);
	k = ir_get(fn, i);
	ir_br(fn, ir_bini(fn, IR_ult, k, a.type->size), body, end);
	ir_seal(fn, body);
	ir_start(fn, body);
	x = ir_load(fn, ir_bin(fn, IR_add, val_addr(c, a), k), 0, 1, false);
	ir_br(fn, x, more, end);
	ir_seal(fn, more);
	ir_start(fn, more);
	ir_set(fn, i, ir_bini(fn, IR_add, k, 1));
	ir_jmp(fn, head);
	ir_seal(fn, head);
	ir_seal(fn, end);
	ir_start(fn, end);
	return unknown(c, ir_get(fn, i));
}

/* Goes to `found` if the string at b stands at a + k, to `none` if a ends before b does, else to `next`. */
static void
match(Fn *fn, Ref a, u32 a_size, Ref b, u32 b_size, Ref k, u32 found, u32 none, u32 next)
{
	Var j = ir_var(fn);
	u32 head = ir_block(fn), body = ir_block(fn), room = ir_block(fn), both = ir_block(fn);
	Ref l, x, y, at;

	ir_set(fn, j, ir_const(fn, 0));
	ir_jmp(fn, head);
	ir_start(fn, head);
	l = ir_get(fn, j);
	ir_br(fn, ir_bini(fn, IR_ult, l, b_size), body, found);
	ir_seal(fn, body);
	ir_start(fn, body);
	y = ir_load(fn, ir_bin(fn, IR_add, b, l), 0, 1, false);
	ir_br(fn, y, room, found);
	ir_seal(fn, room);
	ir_start(fn, room);
	at = ir_bin(fn, IR_add, k, l);
	ir_br(fn, ir_bini(fn, IR_ult, at, a_size), both, none);
	ir_seal(fn, both);
	ir_start(fn, both);
	x = ir_load(fn, ir_bin(fn, IR_add, a, at), 0, 1, false);
	ir_set(fn, j, ir_bini(fn, IR_add, l, 1));
	ir_br(fn, ir_bin(fn, IR_eq, x, y), head, next);
	ir_seal(fn, head);
}

/* The place `k` of a long string, called with the index and { a, b, result }. */
static Fn *
finder(Comp *c, u32 a_size, u32 b_size)
{
	Fn *fn = ir_fn_new(c->unit, "find", 2);
	u32 in = ir_block(fn), found = ir_block(fn), next = ir_block(fn), more = ir_block(fn), stop = ir_block(fn);
	Ref ctx = ir_param(fn, 1), k, a, b;

	fn->at = c->fn->at;
	k = ir_ext(fn, ir_param(fn, 0), 4, false);
	ir_br(fn, ir_bini(fn, IR_ult, k, a_size), in, stop);
	ir_seal(fn, in);
	ir_start(fn, in);
	a = ir_load(fn, ctx, 0, 8, false);
	b = ir_load(fn, ctx, 8, 8, false);
	match(fn, a, a_size, b, b_size, k, found, stop, next);
	ir_seal(fn, next);
	ir_start(fn, next);
	ir_br(fn, ir_load(fn, ir_bin(fn, IR_add, a, k), 0, 1, false), more, stop);
	ir_seal(fn, more);
	ir_start(fn, more);
	ir_ret(fn, ir_const(fn, 0));
	ir_seal(fn, found);
	ir_start(fn, found);
	ir_store(fn, ctx, 16, 8, k);
	ir_jmp(fn, stop);
	ir_seal(fn, stop);
	ir_start(fn, stop);
	ir_ret(fn, ir_const(fn, 1));
	return fn;
}

static Ref
find_called(Comp *c, Val a, Val b)
{
	Fn *fn = c->fn;
	Ref mem = ir_mem_stack(fn, 24, 8, fn->at);

	ir_store(fn, mem, 0, 8, val_addr(c, a));
	ir_store(fn, mem, 8, 8, val_addr(c, b));
	ir_store(fn, mem, 16, 8, ir_const(fn, -1));
	IR_CALL(fn, BPF_FUNC_loop, ir_const(fn, a.type->size), ir_fnref(fn, finder(c, a.type->size, b.type->size)), mem, ir_const(fn, 0));
	return ir_load(fn, mem, 16, 8, false);
}

/* The index at which `b` stands in `a`, or -1: each place is tried. */
static Ref
find(Comp *c, Node *n)
{
	Fn *fn = c->fn;
	Val a = val_near(c, lower(c, n->list[0])), b = val_near(c, lower(c, n->list[1]));
	Var i = ir_var(fn), res = ir_var(fn);
	u32 head = ir_block(fn), body = ir_block(fn), next = ir_block(fn), step = ir_block(fn), found = ir_block(fn);
	u32 none = ir_block(fn), end = ir_block(fn);
	Ref k, x;

	if (a.type->size > LONG_STRING && comp_has(c, FEAT_LOOP))
		return find_called(c, a, b);
	ir_set(fn, i, ir_const(fn, 0));
	ir_jmp(fn, head);
	ir_start(fn, head);
	k = ir_get(fn, i);
	ir_br(fn, ir_bini(fn, IR_ult, k, a.type->size), body, none);
	ir_seal(fn, body);
	ir_start(fn, body);
	match(fn, val_addr(c, a), a.type->size, val_addr(c, b), b.type->size, k, found, none, next);
	ir_seal(fn, next);
	ir_start(fn, next);
	x = ir_load(fn, ir_bin(fn, IR_add, val_addr(c, a), k), 0, 1, false);
	ir_br(fn, x, step, none);
	ir_seal(fn, step);
	ir_start(fn, step);
	ir_set(fn, i, ir_bini(fn, IR_add, k, 1));
	ir_jmp(fn, head);
	ir_seal(fn, head);
	ir_seal(fn, found);
	ir_start(fn, found);
	ir_set(fn, res, k);
	ir_jmp(fn, end);
	ir_seal(fn, none);
	ir_start(fn, none);
	ir_set(fn, res, ir_const(fn, -1));
	ir_jmp(fn, end);
	ir_seal(fn, end);
	ir_start(fn, end);
	return unknown(c, ir_get(fn, res));
}

static const Type *
check_contains(Comp *c, Node *n)
{
	(void)c;
	(void)n;
	return &ty_bool;
}

static Ref
lower_contains(Comp *c, Node *n)
{
	return ir_bini(c->fn, IR_sge, find(c, n), 0);
}

static const Type *
check_strcap(Comp *c, Node *n)
{
	(void)c;
	n->num = n->list[0]->type->size;
	return type_int(8, false);
}

static Ref
lower_num(Comp *c, Node *n)
{
	return ir_const(c->fn, (s64)n->num);
}

/* ---- str_concat ---- */

static const Type *
check_concat(Comp *c, Node *n)
{
	u64 size = (u64)n->list[0]->type->size + n->list[1]->type->size - 1;

	return type_string(c->ts, (u32)MIN(size, comp_cf(c, CF_MAX_STRLEN)));
}

/* The first string, then the second over its NUL. */
static void
into_concat(Comp *c, Node *n, const Type *as, Ref base, s32 off, bool clean)
{
	Fn *fn = c->fn;
	u32 size = MIN(n->type->size, as->size), rest = n->list[1]->type->size, room = ir_block(fn), end = ir_block(fn);
	Val a = val_near(c, lower(c, n->list[0])), b = val_near(c, lower(c, n->list[1]));
	Ref len;

	if (clean)
		ir_zero(fn, base, off, as->size);
	len = read_str(c, AS_KERNEL, offset(c, base, off), MIN(size, a.type->size), val_addr(c, a), n->at);
	len = ir_bini(fn, IR_sub, len, 1);
	if (size <= rest)
		rest = size - 1;
	ir_br(fn, ir_bini(fn, IR_ule, len, size - rest), room, end);
	ir_seal(fn, room);
	ir_start(fn, room);
	read_str(c, AS_KERNEL, ir_bin(fn, IR_add, offset(c, base, off), len), rest, val_addr(c, b), n->at);
	ir_jmp(fn, end);
	ir_seal(fn, end);
	ir_start(fn, end);
}

const Builtin builtins_string[] = {
	{ "str",         "x?i", 0, check_str, NULL, into_str },
	{ "buf",         "x?i", 0, check_buf, NULL, into_buf },
	{ "strncmp",     "ssn", 0, check_strncmp, lower_strncmp },
	{ "strlen",      "s", 0, check_number, lower_strlen },
	{ "strcap",      "s", 0, check_strcap, lower_num },
	{ "str_concat",  "ss", 0, check_concat, NULL, into_concat },
	{ "strcontains", "ss", 0, check_contains, lower_contains },
	{ "strstr",      "ss", 0, check_number, find },
	{ NULL },
};
