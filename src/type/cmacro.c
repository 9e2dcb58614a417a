/* cmacro: what a macro of the script's C stands for: a number, or the text of its expansion. */
#include "type/c.h"

bool
c_macro_value(Types *ts, const char *name, s64 *value, const Type **type)
{
	CTokens tokens = { 0 };
	CParse p = { .ts = ts };
	CValue v = { 0 };
	bool good;

	/* A macro that names itself ("#define X X", "#define X (X)") stands for the enumerator. */
	if (!ts->cpp || ts->in_macro || !cpp_macro(ts, name, &tokens))
		return false;
	p.t = tokens.v;
	ts->in_macro = true;
	v = c_expr(&p);
	ts->in_macro = false;
	good = !p.failed && p.t[p.i].kind == CT_EOF && p.i > 0;
	if (good) {
		*value = v.v;
		*type = type_int(8, !v.is_unsigned);
	}
	return good;
}

static const char *
tokens_text(Types *ts, const CTokens *tokens)
{
	Buf b = { 0 };
	char *text;

	for (u32 i = 0; i + 1 < tokens->n; i++) {
		if (i && tokens->v[i].space)
			buf_putc(&b, ' ');
		buf_put(&b, tokens->v[i].p, tokens->v[i].n);
	}
	text = arena_str(ts->a, b.p ? b.p : "", b.n);
	buf_free(&b);
	return text;
}

const char *
type_macro(Types *ts, const char *name)
{
	CTokens tokens = { 0 };

	return ts->cpp && cpp_macro(ts, name, &tokens) ? tokens_text(ts, &tokens) : NULL;
}

const char *
type_macro_call(Types *ts, const char *name, const char *text, u32 n)
{
	CTokens tokens = { 0 };

	return ts->cpp && cpp_call(ts, name, text, n, &tokens) ? tokens_text(ts, &tokens) : NULL;
}
