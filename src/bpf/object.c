/* object: reads programs from files: bpfx (programs of verifier suites with maps and expected runs), hex text, raw
 * instructions; ELF is elf.c's. Formats are told apart by their first bytes. */
#include "bpf/bpf.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

typedef Vec(u8) Bytes;

typedef struct Reader {
	Arena *a;
	Diag *d;
	Object *o;
	u32 base;               /* offset of the text in spans */
	const char *text;
	Vec(MapDef) maps;
	Vec(ObjRun) runs;
	Vec(CodeKfunc) kfuncs;
	Vec(CodeFunc) funcs;
	Bytes insns, types, strings, func_info;
	Code code;
	bool ok;
} Reader;

/* A word of a line, by reference into the text. */
typedef struct Word { const char *p; u32 n; } Word;

PRINTF(3, 4) static void
complain(Reader *r, Word w, const char *fmt, ...)
{
	va_list ap;
	u32 from = r->base + (u32)(w.p - r->text);

	va_start(ap, fmt);
	diag_verr(r->d, false, (Span){ from, from + MAX(w.n, 1u) }, E_OBJECT, fmt, ap);
	va_end(ap);
	r->ok = false;
}

static bool
is(Word w, const char *s)
{
	return w.n == strlen(s) && !memcmp(w.p, s, w.n);
}

static int
hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static void
hex(Reader *r, Word w, Bytes *out)
{
	if (w.n % 2) {
		complain(r, w, "odd number of hex digits (%u)", w.n);
		return;
	}
	for (u32 i = 0; i < w.n; i += 2) {
		int hi = hex_digit(w.p[i]), lo = hex_digit(w.p[i + 1]);

		if (hi < 0 || lo < 0) {
			complain(r, (Word){ w.p + i, 2 }, "expected two hex digits");
			return;
		}
		VEC_PUSH(r->a, out, (u8)(hi << 4 | lo));
	}
}

/* A number that fits in 32 bits; C notation, may be negative. */
static u32
number(Reader *r, Word w)
{
	char buf[24], *end;
	long long n;

	if (w.n == 0 || w.n >= sizeof(buf)) {
		complain(r, w, "expected a number");
		return 0;
	}
	memcpy(buf, w.p, w.n);
	buf[w.n] = 0;
	errno = 0;
	n = strtoll(buf, &end, 0);
	if (*end || errno || n < INT32_MIN || n > UINT32_MAX)
		complain(r, w, "expected a number of 32 bits");
	return (u32)n;
}

static char *
string(Reader *r, Word w)
{
	return arena_str(r->a, w.p, w.n);
}

/* The next word of the line, of length 0 at its end. */
static Word
next(const char **p, const char *end)
{
	Word w;

	while (*p < end && isspace((u8)**p))
		(*p)++;
	w.p = *p;
	while (*p < end && !isspace((u8)**p))
		(*p)++;
	w.n = (u32)(*p - w.p);
	return w;
}

/* The fields that test suites mean by btf=KIND: one layout each. */
static const struct { const char *name; u32 n; MapField field[3]; } layouts[] = {
	{ "spin_lock", 1, { { MF_SPIN_LOCK, 4, 4, NULL } } },
	{ "timer", 1, { { MF_TIMER, 0, 16, NULL } } },
	{ "kptr", 3, { { MF_KPTR_UNTRUSTED, 0, 8, "prog_test_ref_kfunc" }, { MF_KPTR, 8, 8, "prog_test_ref_kfunc" },
		       { MF_KPTR, 16, 8, "prog_test_member" } } },
};

static void
map_fields(Reader *r, Word w, MapDef *m)
{
	for (size_t i = 0; i < COUNT(layouts); i++)
		if (is(w, layouts[i].name)) {
			m->fields = layouts[i].field;
			m->n_fields = layouts[i].n;
			return;
		}
	complain(r, w, "unknown kind of special field; known are spin_lock, timer, kptr");
}

static void
map_progs(Reader *r, Word w, MapDef *m)
{
	VecU32 keys = { 0 };

	for (const char *p = w.p, *end = w.p + w.n; p < end; p++) {
		const char *from = p;

		while (p < end && *p != ',')
			p++;
		VEC_PUSH(r->a, &keys, number(r, (Word){ from, (u32)(p - from) }));
	}
	m->prog_keys = keys.v;
	m->n_prog_keys = keys.n;
}

static void
map_type(Reader *r, Word w, MapDef *m)
{
	int type = bpf_map_type_named(string(r, w));

	if (type < 0)
		complain(r, w, "unknown map type '%.*s'", (int)w.n, w.p);
	m->type = (u32)type;
}

/* One KEY=VALUE of a map line; inner: the keys that describe the map inside. */
static void
map_option(Reader *r, Word key, Word val, MapDef *m, MapDef *inner)
{
	Bytes init = { 0 };

	if (key.n > 6 && !memcmp(key.p, "inner_", 6)) {
		inner->max_entries = MAX(inner->max_entries, 1u);
		m = inner;
		key.p += 6;
		key.n -= 6;
	}
	if (is(key, "key") || is(key, "key_size"))
		m->key_size = number(r, val);
	else if (is(key, "value") || is(key, "value_size"))
		m->value_size = number(r, val);
	else if (is(key, "entries") || is(key, "max_entries"))
		m->max_entries = number(r, val);
	else if (is(key, "flags"))
		m->flags = number(r, val);
	else if (is(key, "kind") || is(key, "type"))
		map_type(r, val, m);
	else if (is(key, "frozen"))
		m->frozen = number(r, val) != 0;
	else if (is(key, "btf"))
		map_fields(r, val, m);
	else if (is(key, "progs"))
		map_progs(r, val, m);
	else if (is(key, "init")) {
		hex(r, val, &init);
		while (init.n < m->value_size && init.n < 1 << 20)
			VEC_PUSH(r->a, &init, 0);
		m->init = init.v;
	} else
		complain(r, key, "unknown map option '%.*s'", (int)key.n, key.p);
}

/* map I NAME KIND key=4 value=8 ... */
static void
map_line(Reader *r, const char *p, const char *end)
{
	Word index = next(&p, end), name = next(&p, end), kind = next(&p, end), w;
	MapDef m = { 0 }, inner = { 0 };

	if (!kind.n) {
		complain(r, index, "a map line is: map INDEX NAME KIND key=N value=N entries=N ...");
		return;
	}
	if (number(r, index) != r->maps.n)
		complain(r, index, "map lines must be numbered 0, 1, 2, ...; expected %u", r->maps.n);
	m.name = string(r, name);
	inner.name = "inner";
	inner.type = BPF_MAP_TYPE_ARRAY;
	map_type(r, kind, &m);
	while ((w = next(&p, end)).n) {
		const char *eq = memchr(w.p, '=', w.n);

		if (!eq) {
			complain(r, w, "expected KEY=VALUE");
			return;
		}
		map_option(r, (Word){ w.p, (u32)(eq - w.p) }, (Word){ eq + 1, (u32)(w.p + w.n - eq - 1) }, &m, &inner);
	}
	if (inner.max_entries) {        /* the template joins the list behind the numbered maps */
		MapDef *copy = NEW(r->a, MapDef);

		*copy = inner;
		m.inner = 1;
		m.init = copy;
	}
	VEC_PUSH(r->a, &r->maps, m);
}

static void
run_line(Reader *r, const char *p, const char *end)
{
	ObjRun run = { 0 };
	Bytes packet = { 0 };
	Word w;

	run.retval = number(r, next(&p, end));
	while ((w = next(&p, end)).n)
		hex(r, w, &packet);
	run.data = packet.v;
	run.size = packet.n;
	VEC_PUSH(r->a, &r->runs, run);
}

static void
kfunc_line(Reader *r, const char *p, const char *end)
{
	CodeKfunc k;

	k.pc = number(r, next(&p, end));
	k.name = string(r, next(&p, end));
	VEC_PUSH(r->a, &r->kfuncs, k);
}

static void
type_line(Reader *r, Word w)
{
	int type = bpf_prog_type_named(string(r, w));

	if (type < 0)
		complain(r, w, "unknown program type '%.*s'", (int)w.n, w.p);
	else
		r->code.prog_type = (u32)type;
}

static void
line(Reader *r, const char *p, const char *end)
{
	Word key = next(&p, end), w;
	const char *rest = p;

	if (!key.n || key.p[0] == '#')
		return;
	w = next(&p, end);
	if (is(key, "type"))
		type_line(r, w);
	else if (is(key, "attach_type"))
		r->code.attach_type = number(r, w);
	else if (is(key, "flags")) {
		r->code.flags = number(r, w);
		r->code.sleepable = r->code.flags & BPF_F_SLEEPABLE;
	} else if (is(key, "license"))
		r->code.license = string(r, w);
	else if (is(key, "attach_btf"))
		r->code.attach_to = string(r, w);
	else if (is(key, "map"))
		map_line(r, rest, end);
	else if (is(key, "run"))
		run_line(r, rest, end);
	else if (is(key, "kfunc"))
		kfunc_line(r, rest, end);
	else {
		Bytes *out = is(key, "insns") ? &r->insns : is(key, "btf_types") ? &r->types :
			is(key, "btf_strings") ? &r->strings : is(key, "func_info") ? &r->func_info : NULL;

		if (!out)
			complain(r, key, "unknown key '%.*s'", (int)key.n, key.p);
		for (; out && w.n; w = next(&p, end))
			hex(r, w, out);
	}
}

/* Puts the two halves of the program's BTF behind one header, as BPF_BTF_LOAD wants it. */
static void
join_btf(Reader *r)
{
	struct { u16 magic; u8 version, flags; u32 hdr_len, type_off, type_len, str_off, str_len; } h = {
		0xeb9f, 1, 0, 24, 0, r->types.n, r->types.n, r->strings.n
	};
	u8 *p;

	if (!r->types.n)
		return;
	r->code.btf_size = 24 + r->types.n + r->strings.n;
	p = arena_alloc(r->a, r->code.btf_size);
	memcpy(p, &h, 24);
	memcpy(p + 24, r->types.v, r->types.n);
	if (r->strings.n)
		memcpy(p + 24 + r->types.n, r->strings.v, r->strings.n);
	r->code.btf = p;
	for (u32 i = 0; i + 8 <= r->func_info.n; i += 8) {
		CodeFunc f = { 0 };

		memcpy(&f.pc, r->func_info.v + i, 4);
		memcpy(&f.btf_type, r->func_info.v + i + 4, 4);
		VEC_PUSH(r->a, &r->funcs, f);
	}
}

static bool
finish(Reader *r, Word whole, const char *format)
{
	ObjProg *prog = NEW(r->a, ObjProg);
	Object *o = r->o;
	u32 n = r->maps.n;

	if (r->ok && (r->insns.n % sizeof(Insn) || !r->insns.n))
		complain(r, (Word){ whole.p, 1 }, "a program is a positive number of 8-byte instructions, not %u bytes", r->insns.n);
	if (!r->ok)
		return false;
	for (u32 i = 0; i < n; i++)
		if (r->maps.v[i].inner) {
			MapDef inner = *(const MapDef *)r->maps.v[i].init;

			VEC_PUSH(r->a, &r->maps, inner);
			r->maps.v[i].inner = r->maps.n;
			r->maps.v[i].init = NULL;
		}
	join_btf(r);
	prog->name = prog->section = format;
	prog->code = r->code;
	prog->code.name = "prog";
	prog->code.insns = (Insn *)r->insns.v;
	prog->code.n = r->insns.n / sizeof(Insn);
	prog->code.kfuncs = r->kfuncs.v;
	prog->code.n_kfuncs = r->kfuncs.n;
	prog->code.funcs = r->funcs.v;
	prog->code.n_funcs = r->funcs.n;
	o->format = format;
	o->maps = r->maps.v;
	o->n_maps = r->maps.n;
	o->runs = r->runs.v;
	o->n_runs = r->runs.n;
	o->progs = prog;
	o->n_progs = 1;
	return true;
}

static void
read_bpfx(Reader *r, const char *p, const char *end)
{
	while (p < end) {
		const char *nl = memchr(p, '\n', (size_t)(end - p));
		const char *stop = nl ? nl : end;

		line(r, p, stop);
		p = stop + 1;
	}
}

static void
read_hex(Reader *r, const char *p, const char *end)
{
	Bytes digits = { 0 };

	for (; p < end; p++) {
		if (*p == '#')                  /* a comment */
			while (p < end && *p != '\n')
				p++;
		else if (!isspace((u8)*p))
			VEC_PUSH(r->a, &digits, (u8)*p);
	}
	for (u32 i = 0; i + 1 < digits.n; i += 2) {
		int hi = hex_digit((char)digits.v[i]), lo = hex_digit((char)digits.v[i + 1]);

		VEC_PUSH(r->a, &r->insns, (u8)(hi << 4 | lo));
	}
	if (digits.n % 2)
		complain(r, (Word){ r->text, 1 }, "odd number of hex digits (%u)", digits.n);
}

/* Hex text: digits, blanks and comments only, and at least one digit. */
static bool
looks_hex(const char *p, const char *end)
{
	bool digit = false;

	for (; p < end; p++) {
		if (*p == '#')
			while (p < end && *p != '\n')
				p++;
		else if (hex_digit(*p) >= 0)
			digit = true;
		else if (!isspace((u8)*p))
			return false;
	}
	return digit;
}

/* bpfx: the first word that is no comment is one of its keys. */
static bool
looks_bpfx(const char *p, const char *end)
{
	static const char *const keys[] = { "type", "attach_type", "flags", "license", "map", "kfunc", "attach_btf",
		"btf_types", "btf_strings", "func_info", "insns", "run" };

	while (p < end) {
		const char *nl = memchr(p, '\n', (size_t)(end - p)), *stop = nl ? nl : end;
		Word w = next(&p, stop);

		for (size_t i = 0; i < COUNT(keys); i++)
			if (is(w, keys[i]))
				return true;
		if (w.n && w.p[0] != '#')
			return false;
		p = stop + 1;
	}
	return false;
}

/* No program is pure text: none ends without an exit or a jump, whose opcodes are not printable. */
static bool
looks_text(const char *p, const char *end)
{
	while (p < end && (isprint((u8)*p) || isspace((u8)*p)))
		p++;
	return p == end;
}

bool
bpf_object_parse(const char *name, const void *data, size_t n, Arena *a, Diag *d, Object *o)
{
	Reader r = { .a = a, .d = d, .o = o, .text = data, .ok = true };
	const char *p = data, *end = p + n;
	const char *format = "raw";

	*o = (Object){ 0 };
	if (n >= 4 && !memcmp(data, "\177ELF", 4))
		return bpf_elf_parse(name, data, n, a, d, o);
	r.code.prog_type = BPF_PROG_TYPE_SOCKET_FILTER;
	r.base = diag_source(d, name, data, n);
	if (n > 16 << 20) {
		complain(&r, (Word){ p, 1 }, "the file has %zu bytes; programs end at 16 MB", n);
		return false;
	}
	if (looks_bpfx(p, end)) {
		format = "bpfx";
		read_bpfx(&r, p, end);
	} else if (looks_hex(p, end)) {
		format = "hex";
		read_hex(&r, p, end);
	} else {
		if (n % sizeof(Insn) || looks_text(p, end)) {
			complain(&r, (Word){ p, 1 }, "neither bpfx nor hex text, and its %zu bytes are not "
				"8-byte instructions", n);
			return false;
		}
		r.insns.v = arena_alloc(a, n);
		memcpy(r.insns.v, data, n);
		r.insns.n = (u32)n;
	}
	return finish(&r, (Word){ p, 1 }, format);
}

bool
bpf_object_read(const char *path, Arena *a, Diag *d, Object *o)
{
	Buf text = { 0 };
	char *copy;
	size_t n;
	int err = host_read(path, &text);

	*o = (Object){ 0 };
	if (err < 0) {
		diag_err(d, (Span){ 0, 0 }, E_OBJECT, "cannot read %s: %s", path, strerror(-err));
		return false;
	}
	copy = arena_alloc(a, text.n + 1);      /* diagnostics and bpfx words refer to it */
	if (text.n)
		memcpy(copy, text.p, text.n);
	n = text.n;
	buf_free(&text);
	return bpf_object_parse(arena_str(a, path, strlen(path)), copy, n, a, d, o);
}

const ObjProg *
bpf_object_prog(const Object *o, const char *name)
{
	if (!name)
		return o->n_progs ? &o->progs[0] : NULL;
	for (u32 i = 0; i < o->n_progs; i++)
		if (!strcmp(o->progs[i].section, name) || !strcmp(o->progs[i].name, name))
			return &o->progs[i];
	return NULL;
}
