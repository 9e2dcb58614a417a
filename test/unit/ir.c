/* ir: the builder makes SSA, the text form goes round, the check finds what is wrong.
 * With arguments it is the driver of test/ir: ir PASSES FILE [isa=N] prints what the passes make of the text in FILE. */
#include "ir/ir.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

static const char *
text_of(const Unit *u)
{
	static Buf b[8];
	static int turn;
	Buf *out = &b[turn++ % 8];

	buf_clear(out);
	ir_print(u, out);
	return out->p;
}

static void
goes_round(Arena *a, Unit *u)
{
	Diag *d = diag_new(a);
	const char *once = text_of(u);
	Unit *again = ir_read(a, d, "round", once, strlen(once));
	Buf err = { 0 };

	if (!again) {
		diag_print(d, &err, false);
		fprintf(stderr, "%s\n%s", err.p, once);
		abort();
	}
	if (strcmp(once, text_of(again))) {
		fprintf(stderr, "%s\n---\n%s", once, text_of(again));
		abort();
	}
}

static void
test_loop(Arena *a)
{
	Unit *u = ir_unit_new(a, "loop");
	Fn *fn = ir_fn_new(u, "main", 1);
	Var i = ir_var(fn), same = ir_var(fn);
	u32 head = ir_block(fn), body = ir_block(fn), done = ir_block(fn);
	Buf why = { 0 };

	ir_set(fn, i, ir_const(fn, 0));
	ir_set(fn, same, ir_load_ctx(fn, ir_param(fn, 0), 8, 8, false));
	ir_jmp(fn, head);
	ir_start(fn, head);
	ir_br(fn, ir_bini(fn, IR_ult, ir_get(fn, i), 10), body, done);
	ir_seal(fn, body);
	ir_seal(fn, done);
	ir_start(fn, body);
	ir_set(fn, i, ir_bin(fn, IR_add, ir_get(fn, i), ir_get(fn, same)));
	ir_jmp(fn, head);
	ir_seal(fn, head);
	ir_start(fn, done);
	ir_ret(fn, ir_get(fn, i));
	assert(ir_pass(u, "tidy", &(IrOptions){ 0 }, diag_new(a)));
	if (!ir_check(fn, &why)) {
		fprintf(stderr, "%s\n%s", why.p, text_of(u));
		abort();
	}
	assert(!strcmp(text_of(u),
		"fn main 1\n"
		"b0:\n"
		"\t%1 = load.8 [p0+8] invariant\n"
		"\tjmp b1\n"
		"b1:\n"
		"\t%2 = phi b0 0, b2 %4\n"
		"\t%3 = ult %2 10\n"
		"\tbr %3 b2 b3\n"
		"b2:\n"
		"\t%4 = add %2 %1\n"
		"\tjmp b1\n"
		"b3:\n"
		"\tret %2\n"));
	goes_round(a, u);
}

static void
test_folds(Arena *a)
{
	Unit *u = ir_unit_new(a, "folds");
	Fn *fn = ir_fn_new(u, "main", 1);
	Ref x = ir_load(fn, ir_param(fn, 0), 0, 8, false);

	assert(ir_bini(fn, IR_add, ir_const(fn, 2), 3) == ir_const(fn, 5));
	assert(ir_bini(fn, IR_mul, x, 1) == x);
	assert(ir_bin(fn, IR_sub, x, x) == ir_const(fn, 0));
	assert(ir_bini(fn, IR_ne, ir_bini(fn, IR_eq, x, 4), 0) == fn->ins.n - 1);
	assert(ir_ext(fn, ir_const(fn, -1), 2, false) == ir_const(fn, 0xffff));
	assert(ir_ext(fn, ir_const(fn, 0xff), 1, true) == ir_const(fn, -1));
	assert(ir_bini(fn, IR_udiv, ir_const(fn, 7), 0) == ir_const(fn, 0));
	assert(ir_bini(fn, IR_umod, ir_const(fn, 7), 0) == ir_const(fn, 7));
	assert(ir_bini(fn, IR_sdiv, ir_const(fn, INT64_MIN), -1) == ir_const(fn, INT64_MIN));
	ir_ret(fn, 0);
}

/* A block that ended goes on in an unreachable one; a variable never set is 0. */
static void
test_ends(Arena *a)
{
	Unit *u = ir_unit_new(a, "ends");
	Fn *fn = ir_fn_new(u, "main", 1);

	assert(ir_get(fn, ir_var(fn)) == ir_const(fn, 0));
	ir_ret(fn, 0);
	assert(ir_ended(fn));
	ir_ret(fn, ir_const(fn, 7));
	ir_pass(u, "tidy", &(IrOptions){ 0 }, diag_new(a));
	assert(fn->blocks.n == 1);
}

/* 200,000 blocks in a row, a variable read at the end: no deep stack, no quadratic time. */
static void
test_long(Arena *a)
{
	Unit *u = ir_unit_new(a, "long");
	Fn *fn = ir_fn_new(u, "main", 1);
	Var v = ir_var(fn), w = ir_var(fn);

	ir_set(fn, v, ir_load(fn, ir_param(fn, 0), 0, 8, false));
	ir_set(fn, w, ir_const(fn, 3));
	for (int n = 0; n < 50000; n++) {
		u32 yes = ir_block(fn), join = ir_block(fn);

		ir_br(fn, ir_load(fn, ir_param(fn, 0), 8, 8, false), yes, join);
		ir_seal(fn, yes);
		ir_start(fn, yes);
		ir_jmp(fn, join);
		ir_seal(fn, join);
		ir_start(fn, join);
	}
	ir_ret(fn, ir_bin(fn, IR_add, ir_get(fn, v), ir_get(fn, w)));
	ir_pass(u, "tidy", &(IrOptions){ 0 }, diag_new(a));
	assert(ir_check(fn, &(Buf){ 0 }));
}

static void
test_refusals(Arena *a)
{
	static const char *const bad[] = {
		"", "fn", "fn main 9\n", "fn main 1\nb0:\n", "fn main 1\nb0:\n\tret %1\n", "fn main 1\nb1:\n\tret 0\n",
		"fn main 1\nb0:\n\t%1 = load.3 [p0]\n\tret %1\n", "fn main 1\nb0:\n\tjmp b4\n", "fn main 1\nb0:\n\tjmp b0\n",
		"fn main 1\nb0:\n\t%1 = add 1\n\tret 0\n", "fn main 1\nb0:\n\t%1 = phi b0 1\n\tret %1\n",
		"fn main 1\nb0:\n\tbr 1 b1 b2\nb1:\n\t%1 = add 1 p0\n\tjmp b2\nb2:\n\tret %1\n", "fn main 1\nb0:\n\tret mem0\n",
		"fn main 1\nb0:\n\tret p1\n", "fn main 1\nb0:\n\tret 0 0\n", "fn main 1\nb0:\n\t%1 = call nothing\n\tret 0\n",
		"fn main 1\nb0:\n\t%1 = store.8 [p0] 1\n\tret 0\n", "fn main 1\nb0:\n\tret 0\n\tret 0\n", "\xff\n", "fn main 1\nb0 b0\n",
	};

	for (size_t n = 0; n < COUNT(bad); n++) {
		Diag *d = diag_new(a);

		if (ir_read(a, d, "bad", bad[n], strlen(bad[n])) || !diag_errors(d)) {
			fprintf(stderr, "not refused: %s\n", bad[n]);
			abort();
		}
	}
}

static int
drive(Arena *a, int argc, char **argv)
{
	IrOptions opt = { .isa = 3, .stack_limit = 32, .scratch_map = 9, .cpus = 4 };
	Diag *d = diag_new(a);
	Buf text = { 0 }, out = { 0 };
	Unit *u;
	bool ok;

	for (int k = 3; k < argc; k++) {
		if (!strncmp(argv[k], "isa=", 4))
			opt.isa = (u32)atoi(argv[k] + 4);
		else if (!strncmp(argv[k], "stack=", 6))
			opt.stack_limit = (u32)atoi(argv[k] + 6);
	}
	opt.dump_to = &out;
	if (host_read(argv[2], &text) < 0)
		return 2;
	u = ir_read(a, d, argv[2], text.p, text.n);
	ok = u != NULL;
	for (char *pass = strtok(argv[1], ","); ok && pass; pass = strtok(NULL, ","))
		if (!ir_pass(u, pass, &opt, d)) {
			ok = false;
			if (!diag_errors(d))
				fprintf(stderr, "pass %s failed\n", pass);
		} else if (strcmp(pass, "bpf") && strcmp(pass, "isel") && strcmp(pass, "rega")) {
			buf_clear(&out);
			ir_print(u, &out);
		}
	if (!ok)
		diag_print(d, &out, false);
	fputs(out.p ? out.p : "", stdout);
	return ok ? 0 : 1;
}

int
main(int argc, char **argv)
{
	Arena *a = arena_new();
	int err = 0;

	if (argc > 2) {
		err = drive(a, argc, argv);
	} else {
		test_folds(a);
		test_loop(a);
		test_ends(a);
		test_long(a);
		test_refusals(a);
	}
	arena_free(a);
	return err;
}
