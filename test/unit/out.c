/* What is printed, byte for byte: printf, values, maps, events, as text and as JSON. The expected text is what bpftrace 0.27
 * prints for the same values. */
#include "out/out.h"

#include <arpa/inet.h>
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static Arena *a;
static Types *ts;
static Diag *diag;
static const char script[] = "begin { errorf(\"oops\"); $z = 5 / $n; }\n";
static int failures;

static void
same(const char *what, const char *got, size_t n, const char *want)
{
	if (n == strlen(want) && !memcmp(got, want, n))
		return;
	failures++;
	printf("--- %s: expected\n%s\n--- got\n%.*s\n", what, want, (int)n, got);
}

/* ---- a session around some events and maps ---- */

typedef struct Session {
	Out *o;
	int out, err;
	const MapInfo *info;
	u8 *entries;                    /* of every map: n entries of key and value */
	u32 n[8], entry[8], key[8];
	u8 *data[8];
	u32 cleared, zeroed;
} Session;

static int
temporary(void)
{
	char path[] = "/tmp/piton-out-XXXXXX";
	int fd = mkstemp(path);

	assert(fd >= 0);
	unlink(path);
	return fd;
}

static int
walk(void *arg, u32 map, int (*fn)(void *, const void *, const void *), void *fn_arg)
{
	Session *s = arg;

	for (u32 i = 0; i < s->n[map]; i++) {
		u8 *p = s->data[map] + i * s->entry[map];

		fn(fn_arg, p, p + s->key[map]);
	}
	return 0;
}

static int
clear(void *arg, u32 map, bool zero)
{
	Session *s = arg;

	*(zero ? &s->zeroed : &s->cleared) |= 1u << map;
	return 0;
}

static const char *
helper(u32 id)
{
	return id == 1 ? "map_lookup_elem" : id == 2 ? "map_update_elem" : "probe_read";
}

static Session *
session(OutFormat format, const EventDef *e, u32 n, const MapInfo *m, u32 maps)
{
	Session *s = NEW(a, Session);
	OutOptions opt = {
		.format = format, .fd = temporary(), .err_fd = temporary(), .max_strlen = 8, .trailer = "..", .diag = diag,
		.map_walk = walk, .map_clear = clear, .arg = s, .helper_name = helper, .types = ts,
		.show_helper_errors = true, .unsafe_ok = true,
	};

	s->out = opt.fd;
	s->err = opt.err_fd;
	s->info = m;
	s->o = out_new(a, &opt, e, n, m, maps);
	return s;
}

static char *
take(int fd, size_t *n)
{
	char *p = arena_alloc(a, 1 << 16);
	ssize_t r = pread(fd, p, (1 << 16) - 1, 0);

	*n = r < 0 ? 0 : (size_t)r;
	assert(!ftruncate(fd, 0) && lseek(fd, 0, SEEK_SET) == 0);
	return p;
}

static void
expect(const char *what, Session *s, const char *out, const char *err)
{
	size_t n;
	char *p;

	out_flush_all(s->o);
	p = take(s->out, &n);
	same(what, p, n, out);
	p = take(s->err, &n);
	same(what, p, n, err);
}

/* ---- printf ---- */

/* One argument at offset 8; two more of the same at 24 and 40 for formats that take them. */
static void
format_is(const char *fmt, const Type *t, const void *p, const char *want)
{
	Arg args[] = { { t, 8, t->size } };
	EventDef e = { .kind = EV_PRINTF, .fmt = fmt, .args = args, .n_args = 1, .size = 8 + t->size };
	Session *s = session(OUT_TEXT, &e, 1, NULL, 0);
	u8 rec[512] = { 0 };
	int code;

	memcpy(rec + 8, p, t->size);
	assert(!out_record(s->o, rec, 8 + t->size, &code));
	assert(out_printed(s->o) == 1);
	expect(fmt, s, want, "");
	out_free(s->o);
	close(s->out);
	close(s->err);
}

static void
int_is(const char *fmt, u32 size, bool sign, s64 v, const char *want)
{
	format_is(fmt, type_int(size, sign), &v, want);
}

static void
test_printf(void)
{
	const Type *str = type_string(ts, 8), *wide = type_string(ts, 16);

	int_is("[%d]", 8, true, 5, "[5]");
	int_is("[%5d]", 8, true, 42, "[   42]");
	int_is("[%-5d]", 8, true, 42, "[42   ]");
	int_is("[%05d]", 8, true, 42, "[00042]");
	int_is("[%05d]", 8, true, -42, "[-0042]");
	int_is("[%+d]", 8, true, 42, "[+42]");
	int_is("[% d]", 8, true, 42, "[ 42]");
	int_is("[%x]", 8, true, 255, "[ff]");
	int_is("[%#x]", 8, true, 255, "[0xff]");
	int_is("[%#x]", 8, true, 0, "[0]");
	int_is("[%X]", 8, true, 255, "[FF]");
	int_is("[%o]", 8, true, 8, "[10]");
	int_is("[%#o]", 8, true, 8, "[010]");
	int_is("[%c]", 8, true, 65, "[A]");
	int_is("[%5c]", 8, true, 65, "[    A]");
	int_is("[%-3c]", 8, true, 65, "[A  ]");
	int_is("[%p]", 8, false, 4096, "[0x1000]");
	int_is("[%p]", 8, false, 0, "[0]");
	int_is("[%20p]", 8, false, 4096, "[              0x1000]");
	int_is("[%%%d%%]", 4, true, 7, "[%7%]");
	int_is("%hhd", 2, true, 300, "44");
	int_is("%hd", 4, true, 70000, "4464");
	int_is("%ld", 8, true, -1, "-1");
	int_is("%hx", 1, true, -1, "ffff");
	int_is("%lx", 1, true, -1, "ffffffffffffffff");
	int_is("%x", 1, true, -1, "ffffffff");
	int_is("%u", 1, true, -3, "4294967293");
	int_is("%lu", 8, false, -1, "18446744073709551615");
	int_is("%d", 8, true, INT64_MIN, "0");
	int_is("%lld", 8, true, INT64_MIN, "-9223372036854775808");
	int_is("%.5d", 4, true, 42, "00042");
	int_is("%8.3d|", 4, true, -4, "    -004|");
	int_is("%08llx", 8, true, 255, "000000ff");
	int_is("%zu", 1, false, 3, "3");
	int_is("%s", 2, true, -12, "-12");
	int_is("%6s|", 2, true, -12, "   -12|");
	format_is("%d", &ty_bool, "\1", "1");
	format_is("%s", &ty_bool, "\1", "true");
	format_is("[%s]", str, "hello\0\0", "[hello]");
	format_is("[%8s]", str, "hello\0\0", "[   hello]");
	format_is("[%-8s]", str, "hello\0\0", "[hello   ]");
	format_is("[%.3s]", str, "hello\0\0", "[hello]");
	format_is("%s|", str, "12345678", "12345678..|");
	format_is("%12s|", str, "12345678", "  12345678..|");
	format_is("%s|", type_string(ts, 4), "abcd", "abcd|");
	format_is("%s", wide, "123456789\0\0\0\0\0\0", "123456789");
	format_is("[%r]", type_buffer(ts, 6), "\6\0\0\0ab\1\xff\n\\", "[ab\\x01\\xff\\x0a\\]");
	format_is("[%rx]", type_buffer(ts, 6), "\6\0\0\0ab\1\xff\n\\", "[\\x61\\x62\\x01\\xff\\x0a\\x5c]");
	format_is("[%rh]", type_buffer(ts, 6), "\6\0\0\0ab\1\xff\n\\", "[61 62 01 ff 0a 5c]");
	format_is("[%r]", type_buffer(ts, 6), "\xff\xff\0\0ab\1\xff\n\\", "[ab\\x01\\xff\\x0a\\]");
}

static void
test_format_errors(void)
{
	Conv c[4];
	const char *why;
	u32 at;

	assert(out_format_parse("%d %5s %%", 9, c, 4, &at, &why) == 2 && c[1].width == 5 && c[1].conv == 's' && c[1].from == 3);
	assert(out_format_parse("ab %e", 5, c, 4, &at, &why) == -1 && at == 3 && strstr(why, "floating"));
	assert(out_format_parse("%", 1, c, 4, &at, &why) == -1 && out_format_parse("%-08", 4, c, 4, &at, &why) == -1);
	assert(out_format_parse("%99999d", 7, c, 4, &at, &why) == -1 && out_format_parse("%d%d%d%d%d", 10, c, 4, &at, &why) == -1);
	assert(out_format_parse("%y", 2, c, 4, &at, &why) == -1 && out_format_parse("%\0d", 3, c, 4, &at, &why) == -1);
}

/* ---- values ---- */

static void
value_is(const Type *t, const void *p, const char *text, const char *json)
{
	Session *s = session(OUT_TEXT, NULL, 0, NULL, 0);
	Buf b = { 0 };

	buf_puts(&b, "");
	out_value(s->o, &b, t, p);
	same("value", b.p, b.n, text);
	buf_clear(&b);
	out_value_json(s->o, &b, t, p);
	same("json value", b.p, b.n, json);
	buf_free(&b);
	out_free(s->o);
	close(s->out);
	close(s->err);
}

static void
value_int(u32 size, bool sign, s64 v, const char *text, const char *json)
{
	value_is(type_int(size, sign), &v, text, json);
}

static const Type *
sample_struct(void)
{
	static Field in[2], f[8], un[2];
	const Type *t = type_struct_new(ts, "T", false), *s = type_struct_new(ts, "S", false), *u = type_struct_new(ts, NULL, true);
	static const EnumValue ev[] = { { "A1", 1 }, { "B1", 2 } };

	in[0] = (Field){ "x", type_int(8, true), 0 };
	in[1] = (Field){ "y", type_string(ts, 4), 8 };
	type_struct_set(ts, t, in, 2, 16, 8);
	un[0] = (Field){ "u1", type_int(4, true), 0 };
	un[1] = (Field){ "u2", type_int(2, true), 0 };
	type_struct_set(ts, u, un, 2, 4, 4);
	f[0] = (Field){ "a", type_int(4, true), 0 };
	f[1] = (Field){ "t", t, 8 };
	f[2] = (Field){ "p", type_ptr(ts, &ty_none, AS_NONE), 24 };
	f[3] = (Field){ "bf", type_int(4, false), 32, 0, 3 };
	f[4] = (Field){ "bg", type_int(4, true), 32, 3, 5 };
	f[5] = (Field){ "e", type_enum_new(ts, "E", type_int(4, false), ev, 2), 36 };
	f[6] = (Field){ "", u, 40 };
	f[7] = (Field){ "d", type_array(ts, type_int(2, true), 2), 44 };
	type_struct_set(ts, s, f, 8, 48, 8);
	return s;
}

static void
test_values(void)
{
	const Type *i64 = type_int(8, true), *str = type_string(ts, 8);
	struct { u32 family; u8 addr[16]; } v6 = { AF_INET6, { [15] = 1 } };
	struct { u32 family; u32 addr; } v4 = { AF_INET, 0x0100007f };
	struct {
		s32 a, pad; s64 x; char y[8]; u64 p; u32 bits, e; s32 u1; s16 d[2];
	} s = { 1, 0, 5, "xyz", 0x1234, 2 | 0x1f << 3, 2, 9, { -1, 2 } };

	value_int(8, true, 5, "5", "5");
	value_int(8, false, -1, "18446744073709551615", "\"18446744073709551615\"");
	value_int(8, true, 9007199254740992, "9007199254740992", "9007199254740992");
	value_int(8, true, 9007199254740994, "9007199254740994", "9007199254740994");
	value_int(8, true, -9007199254740993, "-9007199254740993", "\"-9007199254740993\"");
	value_int(1, true, 65, "65", "65");
	value_is(&ty_bool, "\1", "true", "true");
	value_is(str, "a\"b\n\1\xc3\xa4", "a\"b\n\1\xc3\xa4", "\"a\\\"b\\n\\u0001\xc3\xa4\"");
	value_is(str, "\xc3(\xff", "\xc3(\xff", "\"\\ufffd(\\ufffd\"");
	value_is(str, "12345678", "12345678..", "\"12345678..\"");
	value_is(type_ptr(ts, i64, AS_KERNEL), &(u64){ 4096 }, "0x1000", "4096");
	value_is(type_ptr(ts, i64, AS_KERNEL), &(u64){ 0xffff888000000000 }, "0xffff888000000000", "18446612682070032384");
	value_is(type_array(ts, type_int(4, true), 3), (s32[]){ 1, -2, 3 }, "[1,-2,3]", "[1,-2,3]");
	value_is(type_buffer(ts, 5), "\5\0\0\0abc\1\xff", "abc\\x01\\xff", "[97,98,99,1,255]");
	value_is(type_special(ts, TY_MAC, 6, false, 0, 0), "abc\xde\xf0", "61:62:63:DE:F0:00", "\"61:62:63:DE:F0:00\"");
	value_is(type_special(ts, TY_INET, 20, false, 0, 0), &v6, "::1", "\"::1\"");
	value_is(type_special(ts, TY_INET, 8, false, 0, 0), &v4, "127.0.0.1", "\"127.0.0.1\"");
	value_is(type_special(ts, TY_STRERROR, 8, false, 0, 0), &(u64){ 2 }, "No such file or directory",
		"\"No such file or directory\"");
	value_is(type_special(ts, TY_STRERROR, 8, false, 0, 0), &(u64){ 99999 }, "Unknown error", "\"Unknown error\"");
	value_is(type_special(ts, TY_SIGNAL, 8, false, 0, 0), &(u64){ 9 }, "Killed", "\"Killed\"");
	value_is(type_special(ts, TY_SIGNAL, 8, false, 0, 0), &(u64){ 64 }, "Real-time signal 30", "\"Real-time signal 30\"");
	value_is(type_special(ts, TY_STRERROR, 4, true, 0, 0), &(s32){ -2 }, "No such file or directory",
		"\"No such file or directory\"");
	value_is(type_special(ts, TY_SIGNAL, 8, false, 0, 0), &(u64){ 999 }, "N/A", "\"N/A\"");
	value_is(type_special(ts, TY_USERNAME, 8, false, 0, 0), &(u64){ 0 }, "root", "\"root\"");
	value_is(type_special(ts, TY_KSYM, 8, false, 0, 0), &(u64){ 1 }, "0x1", "\"0x1\"");
	value_is(type_text(ts, TY_TIMESTAMP, "%Y %f %%f", 'r'), &(u64){ 86400ull * 365 * 1000000000 + 123456789 },
		"1971 123456 %f", "\"1971 123456 %f\"");
	value_is(type_special(ts, TY_STATS, 16, true, 0, 0), (s64[]){ 2, 7 }, "{ .count = 2, .average = 3, .total = 7 }",
		"{\"count\": 2, \"average\": 3, \"total\": 7}");
	value_is(type_special(ts, TY_AVG, 16, true, 0, 0), (s64[]){ 2, -15 }, "-7", "-7");
	value_is(sample_struct(), &s,
		"{ .a = 1, .t = { .x = 5, .y = xyz }, .p = 0x1234, .bf = 2, .bg = 31, .e = B1, .u1 = 9, .u2 = 9, .d = [-1,2] }",
		"{\"a\": 1, \"t\": {\"x\": 5, \"y\": \"xyz\"}, \"p\": 4660, \"bf\": 2, \"bg\": 31, \"e\": 2, \"u1\": 9, \"u2\": 9, "
		"\"d\": [-1,2]}");
}

static void
test_tuples(void)
{
	const Type *i8 = type_int(1, true), *i64 = type_int(8, true), *str = type_string(ts, 8);
	const Type *in[] = { i64, str }, *elem[] = { i8, str, type_tuple(ts, in, 2) };
	const char *inner_names[] = { "d", "e" }, *names[] = { "a", "b", "c" };
	const Type *rec_elem[] = { i8, str, type_record(ts, inner_names, in, 2) };
	const Type *tuple = type_tuple(ts, elem, 3), *record = type_record(ts, names, rec_elem, 3), *one[] = { i8 };
	u8 p[64] = { 0 };

	p[0] = 1;
	memcpy(p + tuple->fields[1].offset, "a", 2);
	p[tuple->fields[2].offset] = 2;
	memcpy(p + tuple->fields[2].offset + 8, "b", 2);
	value_is(tuple, p, "(1, a, (2, b))", "[1,\"a\",[2,\"b\"]]");
	value_is(record, p, "{ .a = 1, .b = a, .c = { .d = 2, .e = b } }",
		"{\"a\": 1, \"b\": \"a\", \"c\": {\"d\": 2, \"e\": \"b\"}}");
	value_is(type_tuple(ts, one, 1), p, "(1)", "[1]");
}

static void
test_stacks(void)
{
	u64 kernel[4] = { 0x1000, 0x2000, 0, 0x3000 }, user[3] = { 2, 0x1000, 0x2000 };

	value_is(type_special(ts, TY_KSTACK, 16, false, 2, STACK_RAW), kernel, "\n1000\n2000\n", "\"\\n1000\\n2000\\n\"");
	value_is(type_special(ts, TY_KSTACK, 16, false, 2, STACK_BPFTRACE), kernel, "\n        0x1000\n        0x2000\n",
		"\"\\n        0x1000\\n        0x2000\\n\"");
	value_is(type_special(ts, TY_USTACK, 24, false, 2, STACK_PERF), user,
		"\n\t1000 0x1000 ([unknown])\n\t2000 0x2000 ([unknown])\n",
		"\"\\n\\t1000 0x1000 ([unknown])\\n\\t2000 0x2000 ([unknown])\\n\"");
	value_is(type_special(ts, TY_KSTACK, 32, false, 4, STACK_RAW), kernel, "\n1000\n2000\n", "\"\\n1000\\n2000\\n\"");
	value_is(type_special(ts, TY_KSTACK, 8, false, 1, STACK_RAW), &kernel[2], "\n", "\"\\n\"");
}

/* ---- maps ---- */

static void
put_map(Session *s, u32 map, const void *data, u32 n, u32 key, u32 entry)
{
	s->data[map] = (u8 *)data;
	s->n[map] = n;
	s->key[map] = key;
	s->entry[map] = entry;
}

static void
map_is(const Type *key, const Type *value, const void *data, u32 n, u32 entry, s64 top, s64 div, const char *text,
	const char *json)
{
	MapInfo m = { .name = "@m", .key = key, .value = value };

	for (u32 f = 0; f < 2; f++) {
		Session *s = session(f ? OUT_JSON : OUT_TEXT, NULL, 0, &m, 1);

		put_map(s, 0, data, n, key ? 8 : 0, entry);
		out_map(s->o, 0, top, div);
		expect("map", s, f ? json : text, "");
		out_free(s->o);
		close(s->out);
		close(s->err);
	}
}

#define BAR "@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@"
#define GAP "                                                    "

static void
test_maps(void)
{
	const Type *i64 = type_int(8, true), *str = type_string(ts, 8), *count = type_special(ts, TY_COUNT, 8, false, 0, 0);
	struct { char k[8]; s64 v; } by_value[] = { { "b", 2 }, { "a", 10 }, { "c", -3 }, { "d", 2 } };
	struct { s64 k; char v[8]; } by_key[] = { { 2, "a" }, { -1, "z" }, { 10, "b" } };
	struct { s64 k; s64 v[2]; } stats[] = { { 1, { 1, 10 } }, { 2, { 1, 3 } } };
	const Type *pair[] = { i64, i64 }, *in[] = { i64, type_tuple(ts, pair, 2) };
	s64 nested[] = { 1, 2, 3, 4, 5 };
	MapInfo n = { .name = "@n", .key = type_tuple(ts, in, 2), .value = type_tuple(ts, pair, 2) };
	Session *s;

	map_is(str, i64, by_value, 4, 16, 0, 0, "@m[c]: -3\n@m[b]: 2\n@m[d]: 2\n@m[a]: 10\n",
		"{\"type\": \"map\", \"data\": {\"@m\": {\"c\": -3, \"b\": 2, \"d\": 2, \"a\": 10}}}\n");
	map_is(str, i64, by_value, 4, 16, 2, 2, "@m[d]: 1\n@m[a]: 5\n",
		"{\"type\": \"map\", \"data\": {\"@m\": {\"d\": 1, \"a\": 5}}}\n");
	map_is(i64, str, by_key, 3, 16, 0, 0, "@m[-1]: z\n@m[2]: a\n@m[10]: b\n",
		"{\"type\": \"map\", \"data\": {\"@m\": {\"-1\": \"z\", \"2\": \"a\", \"10\": \"b\"}}}\n");
	map_is(i64, type_special(ts, TY_STATS, 16, true, 0, 0), stats, 2, 24, 0, 2,
		"@m[2]: { .count = 1, .average = 1, .total = 3 }\n@m[1]: { .count = 1, .average = 5, .total = 10 }\n",
		"{\"type\": \"stats\", \"data\": {\"@m\": {\"2\": {\"count\": 1, \"average\": 1, \"total\": 3}, "
		"\"1\": {\"count\": 1, \"average\": 5, \"total\": 10}}}}\n");
	map_is(NULL, i64, NULL, 0, 0, 0, 0, "@m: 0\n", "{\"type\": \"map\", \"data\": {\"@m\": 0}}\n");
	map_is(NULL, count, (u64[]){ 0 }, 1, 8, 0, 0, "@m: 0\n", "{\"type\": \"map\", \"data\": {\"@m\": 0}}\n");
	map_is(str, count, NULL, 0, 16, 0, 0, "", "");

	s = session(OUT_TEXT, NULL, 0, &n, 1);
	put_map(s, 0, nested, 1, 24, 40);
	out_map(s->o, 0, 0, 0);
	expect("nested", s, "@n[1, (2, 3)]: (4, 5)\n", "");
	out_free(s->o);
	s = session(OUT_JSON, NULL, 0, &n, 1);
	put_map(s, 0, nested, 1, 24, 40);
	out_map(s->o, 0, 0, 0);
	expect("nested", s, "{\"type\": \"map\", \"data\": {\"@n\": {\"1,(2,3)\": [4,5]}}}\n", "");
	out_free(s->o);
}

static void
test_merge(void)
{
	u32 cpus = host_cpus();
	u64 *v = NEW_N(a, u64, 2 * cpus + 2);
	MapInfo m[] = {
		{ .name = "@b", .value = type_special(ts, TY_COUNT, 8, false, 0, 0), .map = 0, .cpu_array = true, .stride = 16 },
		{ .name = "@a", .value = type_special(ts, TY_MIN, 16, true, 0, 0), .map = 1, .percpu = true },
		{ .name = "@A", .value = type_int(8, true), .map = 2, .set_offset = 8 },
		{ .name = "@i", .value = type_int(8, true), .map = 3, .internal = true },
		{ .name = "@z", .value = type_int(8, true), .map = 4, .set_offset = 8 },
		{ .name = "@0", .value = type_special(ts, TY_SUM, 8, true, 0, 0), .map = 5 },
	};
	Session *s = session(OUT_TEXT, NULL, 0, m, COUNT(m));
	char want[128];

	for (u32 i = 0; i < cpus; i++) {
		v[2 * i] = i + 1;
		v[2 * i + 1] = i != 0;          /* min: not set on CPU 0 */
	}
	put_map(s, 0, v, 1, 0, 0);
	put_map(s, 1, v, 1, 0, 0);
	put_map(s, 2, (u64[]){ 7, 1 }, 1, 0, 0);
	put_map(s, 3, (u64[]){ 7, 1 }, 1, 0, 0);
	put_map(s, 4, (u64[]){ 7, 0 }, 1, 0, 0);
	put_map(s, 5, (u64[]){ 0 }, 1, 0, 0);
	out_maps_exit(s->o);
	if (cpus > 1)
		snprintf(want, sizeof(want), "\n\n@A: 7\n@a: 2\n@b: %u\n", cpus * (cpus + 1) / 2);
	else
		snprintf(want, sizeof(want), "\n\n@A: 7\n@b: 1\n");
	expect("merged", s, want, "");
	out_free(s->o);
}

static void
test_buckets(void)
{
	for (u32 bits = 0; bits <= 5; bits++) {
		u32 n = out_hist_buckets(bits), last = 0;
		s64 lo, hi, end = 0;

		for (u32 i = 1; i < n; i++) {
			out_hist_range(i, bits, &lo, &hi);
			assert(lo == end && hi > lo && out_hist_bucket(lo, bits) == i);
			assert(out_hist_bucket(i == n - 1 ? INT64_MAX : hi - 1, bits) == i);
			end = hi;
		}
		assert(end == INT64_MAX);
		for (s64 v = 0; v < 5000; v++) {
			u32 b = out_hist_bucket(v, bits);

			assert(b == last || b == last + 1);
			last = b;
		}
		assert(out_hist_bucket(-1, bits) == 0 && out_hist_bucket(INT64_MIN, bits) == 0);
	}
	assert(out_hist_buckets(0) == 65 && out_hist_bucket(1024, 0) == 12 && out_hist_bucket(7, 2) == 8);
}

static void
test_hist(void)
{
	const Type *h = type_special(ts, TY_HIST, 8, true, 0, 0), *k3 = type_special(ts, TY_HIST, 8, true, 3, 0);
	const Type *l = type_lhist(ts, 1024, 4096, 1024), *i64 = type_int(8, true);
	u64 *v = NEW_N(a, u64, 1024), *keyed = NEW_N(a, u64, 4096);
	u32 n = out_hist_buckets(0);

	v[0] = v[1] = v[2] = 1;
	v[out_hist_bucket(2, 0)] = 2;
	v[out_hist_bucket(4, 0)] = 3;
	map_is(NULL, h, v, 1, 0, 0, 0,
		"@m:\n"
		"(..., 0)               1 |@@@@@@@@@@@@@@@@@                                   |\n"
		"[0]                    1 |@@@@@@@@@@@@@@@@@                                   |\n"
		"[1]                    1 |@@@@@@@@@@@@@@@@@                                   |\n"
		"[2, 4)                 2 |@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@                  |\n"
		"[4, 8)                 3 |" BAR "|\n\n",
		"{\"type\": \"hist\", \"data\": {\"@m\": [{\"max\": -1, \"count\": 1},{\"min\": 0, \"max\": 0, \"count\": 1},"
		"{\"min\": 1, \"max\": 1, \"count\": 1},{\"min\": 2, \"max\": 3, \"count\": 2},"
		"{\"min\": 4, \"max\": 7, \"count\": 3}]}}\n");
	memset(v, 0, n * 8);
	v[n - 1] = 4;
	map_is(NULL, h, v, 1, 0, 0, 5, "@m:\n[4E, 8E)               0 |" GAP "|\n\n",
		"{\"type\": \"hist\", \"data\": {\"@m\": [{\"min\": 4611686018427387904, \"max\": \"9223372036854775807\", "
		"\"count\": 0}]}}\n");
	memset(v, 0, n * 8);
	v[out_hist_bucket(4096, 3)] = 1;
	v[out_hist_bucket(4608, 3)] = 1;
	map_is(NULL, k3, v, 1, 0, 0, 0, "@m:\n[4096, 4608)           1 |" BAR "|\n[4608, 5120)           1 |" BAR "|\n\n",
		"{\"type\": \"hist\", \"data\": {\"@m\": [{\"min\": 4096, \"max\": 4607, \"count\": 1},"
		"{\"min\": 4608, \"max\": 5119, \"count\": 1}]}}\n");
	memset(v, 0, 1024 * 8);
	v[out_hist_bucket(7680, 3)] = 1;
	v[out_hist_bucket(8192, 3)] = 1;
	map_is(NULL, k3, v, 1, 0, 0, 0, "@m:\n[7680, 8K)             1 |" BAR "|\n[8K, 9K)               1 |" BAR "|\n\n",
		"{\"type\": \"hist\", \"data\": {\"@m\": [{\"min\": 7680, \"max\": 8191, \"count\": 1},"
		"{\"min\": 8192, \"max\": 9215, \"count\": 1}]}}\n");
	memset(v, 0, 1024 * 8);
	v[0] = 1;
	v[2] = 1;
	v[4] = 1;
	map_is(NULL, l, v, 1, 0, 0, 0,
		"@m:\n(..., 1K)              1 |" BAR "|\n[1K, 2K)               0 |" GAP "|\n[2K, 3K)               1 |" BAR "|\n"
		"[3K, 4K)               0 |" GAP "|\n[4K, ...)              1 |" BAR "|\n\n",
		"{\"type\": \"hist\", \"data\": {\"@m\": [{\"max\": 1023, \"count\": 1},{\"min\": 1024, \"max\": 2047, \"count\": 0},"
		"{\"min\": 2048, \"max\": 3071, \"count\": 1},{\"min\": 3072, \"max\": 4095, \"count\": 0},"
		"{\"min\": 4096, \"count\": 1}]}}\n");
	/* Keyed: by how many are in them. */
	keyed[0] = 5;
	keyed[1 + 2] = 9;
	keyed[n + 1] = 6;
	keyed[n + 2 + 3] = 1;
	map_is(i64, h, keyed, 2, 8 + 8 * n, 0, 0, "@m[6]:\n[2, 4)                 1 |" BAR "|\n\n@m[5]:\n[1]                    9 |"
		BAR "|\n\n",
		"{\"type\": \"hist\", \"data\": {\"@m\": {\"6\": [{\"min\": 2, \"max\": 3, \"count\": 1}], "
		"\"5\": [{\"min\": 1, \"max\": 1, \"count\": 9}]}}}\n");
}

static void
test_tseries(void)
{
	const Type *t = type_tseries(ts, 200000000, 6, 'M', true);
	struct { u64 epoch; s64 v; u64 n; } p[6] = { { 0 } };
	static const s64 values[] = { 4, 3, 99, 1, 0, -2 };

	setenv("TZ", "UTC", 1);
	tzset();
	for (u32 i = 0; i < 6; i++)
		if (i != 2) {
			u64 e = i + 1;

			p[e % 6].epoch = e;
			p[e % 6].v = values[i];
		}
	map_is(NULL, t, p, 1, 0, 0, 0,
		"@m:\n"
		"             -2                                                  4\n"
		"hh:mm:ss.ms  |___________________________________________________|\n"
		"00:00:00.000 |                .                                  * 4\n"
		"00:00:00.200 |                .                         *        | 3\n"
		"00:00:00.400 |                .                                  | -\n"
		"00:00:00.600 |                .        *                         | 1\n"
		"00:00:00.800 |                *                                  | 0\n"
		"00:00:01.000 *                .                                  | -2\n"
		"             v___________________________________________________v\n"
		"             -2                                                  4\n\n",
		"{\"type\": \"tseries\", \"data\": {\"@m\": [{\"interval_start\":\"1970-01-01 00:00:00.000000000\",\"value\":4},"
		"{\"interval_start\":\"1970-01-01 00:00:00.200000000\",\"value\":3},"
		"{\"interval_start\":\"1970-01-01 00:00:00.600000000\",\"value\":1},"
		"{\"interval_start\":\"1970-01-01 00:00:00.800000000\",\"value\":0},"
		"{\"interval_start\":\"1970-01-01 00:00:01.000000000\",\"value\":-2}]}}\n");
}

/* ---- events ---- */

static void
record(Session *s, u32 event, u32 aux, const void *data, u32 n, bool good)
{
	u64 before = out_printed(s->o), bad = out_malformed(s->o);
	u8 *rec = malloc(8 + n);        /* exact, so that the sanitizer sees what is read behind it */
	int code = 0;

	memcpy(rec, &event, 4);
	memcpy(rec + 4, &aux, 4);
	if (n)
		memcpy(rec + 8, data, n);
	out_record(s->o, rec, 8 + n, &code);
	assert(good ? out_printed(s->o) == before + 1 : out_malformed(s->o) == bad + 1);
	free(rec);
}

static void
test_events(void)
{
	Arg num[] = { { type_int(8, true), 8, 8 } }, str[] = { { type_string(ts, 8), 8, 8 } };
	Arg words[] = { { type_string(ts, 8), 8, 8 }, { type_string(ts, 8), 16, 8 }, { type_string(ts, 8), 24, 8 } };
	Arg two[] = { { type_int(4, true), 8, 4 }, { type_string(ts, 8), 16, 8 } };
	u32 at = diag_source(diag, "a.bt", script, strlen(script));
	MapInfo m = { .name = "@m", .value = type_int(8, true), .map = 3 };
	EventDef e[] = {
		{ .kind = EV_PRINT_VALUE, .args = num, .n_args = 1 },
		{ .kind = EV_PRINT_ENTRY, .args = str, .n_args = 1 },
		{ .kind = EV_JOIN, .args = words, .n_args = 3, .sep = "," },
		{ .kind = EV_SYSTEM, .fmt = "echo hi %d", .args = num, .n_args = 1 },
		{ .kind = EV_CAT, .fmt = "/dev/null" },
		{ .kind = EV_CAT, .fmt = "/nonexist%d", .args = num, .n_args = 1 },
		{ .kind = EV_ERRORF, .fmt = "oops %d", .args = num, .n_args = 1, .at = { at + 8, at + 22 } },
		{ .kind = EV_DIV_ZERO, .at = { at + 29, at + 35 } },
		{ .kind = EV_HELPER_ERROR, .helper = 9, .at = { at + 29, at + 35 } },
		{ .kind = EV_CLEAR, .map = 0 },
		{ .kind = EV_ZERO, .map = 0 },
		{ .kind = EV_PRINTF, .fmt = "%d %s\n", .args = two, .n_args = 2 },
		{ .kind = EV_EXIT, .args = num, .n_args = 1 },
		{ .kind = EV_PRINT_MAP, .map = 5 },
		{ .kind = EV_HELPER_ERROR, .helper = 1, .at = { at + 29, at + 35 } },
	};
	s64 five = 5;
	int code;

	for (u32 f = 0; f < 2; f++) {
		Session *s = session(f ? OUT_JSON : OUT_TEXT, e, COUNT(e), &m, 1);

		out_attached(s->o, 3);
		record(s, 0, 0, &five, 8, true);
		record(s, 1, 0, "abc", 3, true);
		record(s, 2, 2, "a\0\0\0\0\0\0\0b\0\0\0\0\0\0\0c", 17, true);
		expect("events", s, f ? "{\"type\": \"attached_probes\", \"count\": 3, \"data\": {\"probes\": 3}}\n"
			"{\"type\": \"value\", \"data\": 5}\n{\"type\": \"value\", \"data\": \"abc\"}\n{\"type\": \"join\", \"data\": \"a,b\"}\n"
			: "5\nabc\na,b\n", "");
		record(s, 3, 0, &five, 8, true);
		record(s, 4, 0, NULL, 0, true);
		expect("system", s, f ? "{\"type\": \"syscall\", \"data\": \"hi 5\\n\"}\n{\"type\": \"cat\", \"data\": \"\"}\n" : "hi 5\n\n",
			"");
		record(s, 5, 0, &five, 8, true);
		expect("cat", s, "", "ERROR: failed to open file '/nonexist5' (No such file or directory)\n");
		record(s, 6, 0, &five, 8, true);
		expect("errorf", s, f ? "{\"type\": \"errorf\", \"msg\": \"oops 5\", \"filename\": \"a.bt\", \"line\": 1, \"col\": 9}\n"
			: "", f ? "" : "a.bt:1:9-23: ERROR: oops 5\n");
		record(s, 7, 0, NULL, 0, true);
		expect("division", s, f ? "{\"type\": \"runtime_error\", \"msg\": \"Divide or modulo by 0 detected. This can lead to "
			"unexpected results. 1 is being used as the result.\", \"filename\": \"a.bt\", \"line\": 1, \"col\": 30}\n" : "",
			f ? "" : "a.bt:1:30-36: WARNING: Divide or modulo by 0 detected. This can lead to unexpected results. 1 is being "
			"used as the result.\nbegin { errorf(\"oops\"); $z = 5 / $n; }\n                             ~~~~~~\n");
		record(s, 8, 14, NULL, 0, true);
		expect("helper", s, f ? "{\"type\": \"helper_error\", \"msg\": \"Bad address\", \"helper\": \"probe_read\", \"retcode\": "
			"-14, \"filename\": \"a.bt\", \"line\": 1, \"col\": 30}\n" : "",
			f ? "" : "a.bt:1:30-36: WARNING: Bad address\nAdditional Info - helper: probe_read, retcode: -14\n"
			"begin { errorf(\"oops\"); $z = 5 / $n; }\n                             ~~~~~~\n");
		record(s, 9, 0, NULL, 0, true);
		record(s, 10, 0, NULL, 0, true);
		assert(s->cleared == 8 && s->zeroed == 8);
		record(s, 11, 0, "\7\0\0\0\0\0\0\0ab", 10, true);
		expect("printf", s, f ? "{\"type\": \"printf\", \"data\": \"7 ab\\n\"}\n" : "7 ab\n", "");
		out_lost(s->o, 12);
		expect("lost", s, f ? "{\"type\": \"lost_events\", \"data\": {\"events\": 12}}\n" : "", f ? "" : "Lost 12 events\n");
		/* Short, unknown, wrong. */
		record(s, 0, 0, &five, 7, false);
		record(s, 11, 0, "\7\0\0\0\0\0\0", 7, false);
		record(s, 99, 0, NULL, 0, false);
		record(s, 0xffffffff, 0, &five, 8, false);
		record(s, 13, 0, NULL, 0, false);
		assert(out_record(s->o, &five, 4, &code) == 0 && out_malformed(s->o) == 6);
		expect("malformed", s, "", "");
		u64 leave[] = { 12, 5 };

		assert(out_record(s->o, leave, 16, &code) == 1 && code == 5);
		record(s, 7, 0, NULL, 0, true);
		out_free(s->o);
		close(s->out);
		close(s->err);
	}
}

/* Records of random bytes and lengths, as text and as JSON: printed or counted, never trusted. */
static void
test_random(void)
{
	const Type *pair[] = { type_int(8, true), type_string(ts, 8) };
	const Type *types[] = {
		type_string(ts, 8), type_buffer(ts, 12), type_tuple(ts, pair, 2), sample_struct(), type_array(ts, type_int(2, true), 5),
		type_special(ts, TY_KSTACK, 40, false, 4, STACK_PERF), type_special(ts, TY_USTACK, 40, false, 4, STACK_BUILD_ID),
		type_special(ts, TY_INET, 20, false, 0, 0), type_special(ts, TY_MAC, 6, false, 0, 0), &ty_bool,
		type_special(ts, TY_SIGNAL, 4, true, 0, 0), type_special(ts, TY_SYSCALL, 8, true, 0, 0),
		type_special(ts, TY_STRERROR, 8, true, 0, 0), type_special(ts, TY_STATS, 16, true, 0, 0),
		type_text(ts, TY_TIMESTAMP, "%c %f", 'b'), type_special(ts, TY_USYM, 16, false, 0, 0),
		type_special(ts, TY_PROBE, 4, false, 0, 0),
	};
	static const char *const formats[] = { "%s|%d\n", "%20s %-8x", "%r %c", "%rh %llu" };
	EventDef e[2 * COUNT(types)];
	Arg args[COUNT(types)][2];
	u32 r = 3, n = 2 * COUNT(types);

	memset(e, 0, sizeof(e));
	for (u32 i = 0; i < COUNT(types); i++) {
		u32 at = (u32)ALIGN(12, MAX(types[i]->align, 1u));

		args[i][0] = (Arg){ types[i], at, types[i]->size };
		args[i][1] = (Arg){ type_int(4, true), 8, 4 };
		e[2 * i] = (EventDef){ .kind = EV_PRINT_VALUE, .args = args[i], .n_args = 1 };
		e[2 * i + 1] = (EventDef){ .kind = EV_PRINTF, .fmt = formats[i % COUNT(formats)], .args = args[i], .n_args = 2 };
	}
	for (u32 f = 0; f < 2; f++) {
		Session *s = session(f ? OUT_JSON : OUT_TEXT, e, n, NULL, 0);
		u32 rounds = 20000;
		int code;

		for (u32 i = 0; i < rounds; i++) {
			u32 size = 8 + (r >> 16) % 64;
			u8 *rec = malloc(size);

			for (u32 k = 0; k < size; k++) {
				r = r * 1103515245 + 12345;
				rec[k] = (u8)(r >> (16 + (r >> 30)));
			}
			memcpy(rec, &(u32){ (r >> 8) % (n + 1) }, 4);
			assert(!out_record(s->o, rec, size, &code));
			free(rec);
		}
		assert(out_printed(s->o) + out_malformed(s->o) == rounds && out_printed(s->o) > rounds / 10);
		out_free(s->o);
		close(s->out);
		close(s->err);
	}
}

/* Goal: many times what a kernel can produce. */
static void
test_speed(void)
{
	Arg args[] = { { type_int(4, false), 8, 4 }, { type_string(ts, 16), 12, 16 }, { type_string(ts, 200), 28, 200 } };
	EventDef e = { .kind = EV_PRINTF, .fmt = "%-6d %-16s %s\n", .args = args, .n_args = 3 };
	OutOptions opt = { .fd = temporary(), .max_strlen = 200, .buffering = 'f' };
	Out *o = out_new(a, &opt, &e, 1, NULL, 0);
	struct timespec t0, t1;
	u8 rec[64] = { 0 };
	int code;

	memcpy(rec + 8, (u32[]){ 12345 }, 4);
	memcpy(rec + 12, "bash", 5);
	memcpy(rec + 28, "/etc/ld.so.cache", 17);
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t0);
	for (u32 i = 0; i < 200000; i++)
		out_record(o, rec, 45, &code);
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t1);
	printf("%.0f ns per printf\n", ((double)(t1.tv_sec - t0.tv_sec) * 1e9 + (double)(t1.tv_nsec - t0.tv_nsec)) / 200000);
	assert(out_printed(o) == 200000 && lseek(opt.fd, 0, SEEK_CUR) <= 200000 * 41);
	out_free(o);
	assert(lseek(opt.fd, 0, SEEK_END) == 200000 * (7 + 17 + 17));
	close(opt.fd);
}

int
main(void)
{
	a = arena_new();
	ts = type_new(a);
	diag = diag_new(a);
	test_printf();
	test_format_errors();
	test_values();
	test_tuples();
	test_stacks();
	test_maps();
	test_merge();
	test_buckets();
	test_hist();
	test_events();
	test_random();
	test_speed();
	test_tseries();
	type_free(ts);
	arena_free(a);
	return failures != 0;
}
