/* filter: packet filter expressions as programs, and captures through them. The letters are tcpdump's.
 * Data on standard output, the rest on standard error. Exit: 0 fine, 1 a file or interface failed, 2 usage or a wrong expression. */
#include "cmd/filter.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { O_SCOPED = 256, O_EXPLAIN, O_CHECK, O_COUNT, O_PRINT, O_PROCESS, O_FORMAT, O_TYPE, O_IMMEDIATE, O_NUMBER, O_SKIP, O_MAPS };
static const Option rows[] = {
	{ 'd', "dump", NULL, "print the program; -dd as C, -ddd as numbers", 'd' },
	{ 'o', "output", "FILE", "write the program: FILE.o as an eBPF object, FILE.c as C", 'o' },
	{ 0, "type", "KIND", "of the object: socket (default), tc or xdp", O_TYPE },
	{ 'O', "no-optimize", NULL, "leave the program as it is first made", 'O' },
	{ 'y', "linktype", "NAME", "the link type (EN10MB, RAW, LINUX_SLL2, ...)", 'y' },
	{ 'F', NULL, "FILE", "read the expression from FILE", 'F' },
	{ 0, "scoped", NULL, "encapsulation holds in its own group; IPv6 headers are walked", O_SCOPED },
	{ 0, "maps", NULL, "captures: large sets as hash and LPM maps of the kernel, not as tables", O_MAPS },
	{ 0, "explain", NULL, "say in words what is accepted", O_EXPLAIN },
	{ 0, "check", NULL, "two expressions: are they the same filter?", O_CHECK },
	{ 'r', "read", "FILE", "packets from a pcap or pcapng file, plain or gzip", 'r' },
	{ 'i', "interface", "NAME", "packets from an interface, or from 'any'", 'i' },
	{ 'w', "write", "FILE", "packets into a pcapng file", 'w' },
	{ 0, "format", "FORMAT", "of that file: pcapng (default), pcap or nsecpcap", O_FORMAT },
	{ 'c', NULL, "N", "stop after N packets", 'c' },
	{ 0, "skip", "N", "pass over the first N packets", O_SKIP },
	{ 's', "snapshot-length", "BYTES", "keep so much of each packet", 's' },
	{ 'C', NULL, "MB", "begin a new file after so many million bytes", 'C' },
	{ 'G', NULL, "SECONDS", "begin a new file after so much time; FILE may hold strftime's %H", 'G' },
	{ 'W', NULL, "N", "keep N files at most", 'W' },
	{ 'n', NULL, NULL, "numbers, no names", 'n' },
	{ 'N', NULL, NULL, NULL, 'n' },
	{ 'e', NULL, NULL, "show the link header", 'e' },
	{ 'S', "absolute-tcp-sequence-numbers", NULL, "TCP's numbers as they are, not from 0 on", 'S' },
	{ 'q', "quick", NULL, "shorter lines", 'q' },
	{ 'v', NULL, NULL, "longer lines; with -d the names of fields", 'v' },
	{ 't', NULL, NULL, "no times; -tt seconds since 1970, -ttt since the last packet, -tttt with date", 't' },
	{ 'x', NULL, NULL, "the bytes in hex; -xx with the link header", 'x' },
	{ 'X', NULL, NULL, "the bytes in hex and text; -XX with the link header", 'X' },
	{ 'A', NULL, NULL, "the bytes as text", 'A' },
	{ '#', "number", NULL, "number the packets", O_NUMBER },
	{ 'l', NULL, NULL, "each line at once", 'l' },
	{ 'U', "packet-buffered", NULL, "each packet into the file at once", 'U' },
	{ 'B', "buffer-size", "KIB", "the kernel's buffer", 'B' },
	{ 'p', "no-promiscuous-mode", NULL, "leave the interface's mode alone", 'p' },
	{ 'Q', "direction", "DIR", "in, out or inout", 'Q' },
	{ 0, "immediate-mode", NULL, "packets as soon as they come", O_IMMEDIATE },
	{ 0, "count", NULL, "print only how many packets there were", O_COUNT },
	{ 0, "print", NULL, "print packets that -w writes, too", O_PRINT },
	{ 0, "process", NULL, "name the local process of each packet", O_PROCESS },
	{ 'D', "list-interfaces", NULL, "the interfaces", 'D' },
	{ 'L', "list-data-link-types", NULL, "the link types of the interface", 'L' },
	{ 'h', "help", NULL, "this", 'h' },
	{ 'K', NULL, NULL, NULL, 'K' },
};

int
filter_say(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	fputs("piton filter: ", stderr);
	vfprintf(stderr, fmt, ap);
	fputc('\n', stderr);
	va_end(ap);
	return 2;
}

Filt *
filter_compile(FilterJob *j, const char *expr, const FiltOpts *o)
{
	Diag *d = diag_new(j->a);
	Filt *f = filt_compile(j->a, d, expr, strlen(expr), o);
	Buf b = {0};

	diag_print(d, &b, isatty(2) && !getenv("NO_COLOR"));
	if (b.n)
		fputs(b.p, stderr);
	buf_free(&b);
	return f;
}

static bool
number(const char *s, u64 max, u64 *v)
{
	char *end;

	errno = 0;
	*v = strtoull(s, &end, 10);
	if (errno || end == s || *end || *s == '-' || *v > max) {
		filter_say("'%s' is not a number up to %llu", s, (unsigned long long)max);
		return false;
	}
	return true;
}

static const char *
read_expression(Arena *a, const char *path)
{
	Buf b = {0};
	int err = host_read(path, &b);
	char *s;

	if (err) {
		filter_say("%s: %s", path, strerror(-err));
		return NULL;
	}
	s = arena_str(a, b.p ? b.p : "", b.n);
	buf_free(&b);
	/* from # to the end of a line: a comment */
	for (char *p = s; (p = strchr(p, '#')); )
		while (*p && *p != '\n')
			*p++ = ' ';
	return s;
}

static int
linktype(FilterJob *j, const char *name)
{
	j->f.linktype = filt_link_named(name);
	j->linktype_given = true;
	if (j->f.linktype >= 0)
		return 0;
	return filter_say("there is no link type '%s'; -L lists those of an interface", name);
}

static int
format(FilterJob *j, const char *v)
{
	static const char *const names[] = { "pcapng", "pcap", "nsecpcap" };

	for (int i = 0; i < 3; i++)
		if (!strcmp(v, names[i])) {
			j->out_format = i;
			return 0;
		}
	return filter_say("'%s' is no format of captures; pcapng, pcap and nsecpcap are", v);
}

static int
direction(FilterJob *j, const char *v)
{
	j->live.direction = !strcmp(v, "in") ? 1 : !strcmp(v, "out") ? 2 : 0;
	return j->live.direction || !strcmp(v, "inout") ? 0 : filter_say("the direction is in, out or inout, not '%s'", v);
}

static int
set_bytes(FilterJob *j, int form)
{
	j->bytes_link = j->bytes == form;
	j->bytes = form;
	return 0;
}

/* One option; nonzero ends with that status. */
static int
option(FilterJob *j, int id, const char *v)
{
	u64 n = 0;

	switch (id) {
	case 'd': j->dump++; return 0;
	case 'o': j->object = v; return 0;
	case O_TYPE: j->kind = v; return 0;
	case 'O': j->f.plain = true; return 0;
	case 'y': return linktype(j, v);
	case 'F': return (j->expr = read_expression(j->a, v)) ? 0 : 2;
	case O_SCOPED: j->f.scoped = true; return 0;
	case O_EXPLAIN: j->explain = true; return 0;
	case O_CHECK: j->check = true; return 0;
	case 'r': j->in = v; return 0;
	case 'i': j->iface = v; return 0;
	case 'w': j->out = v; return 0;
	case O_FORMAT: return format(j, v);
	case 'c': return number(v, ~0ull, &j->count) ? j->count ? 0 : filter_say("-c needs at least 1") : 2;
	case O_SKIP: return number(v, ~0ull, &j->skip) ? 0 : 2;
	case 's':
		if (!number(v, 262144, &n))
			return 2;
		j->f.snaplen = j->live.snaplen = n ? (u32)n : 262144;
		return 0;
	case 'C': return number(v, 1u << 20, &j->file_mb) && j->file_mb ? 0 : 2;
	case 'G': return number(v, 1u << 30, &j->file_secs) && j->file_secs ? 0 : 2;
	case 'W': return number(v, 1u << 20, &j->file_max) && j->file_max ? 0 : 2;
	case 'n': j->show.no_names = true; return 0;
	case 'e': j->show.link = true; return 0;
	case 'S': j->absolute = true; return 0;
	case 'q': j->show.quiet = true; return 0;
	case 'v': j->verbose++; j->show.verbose++; return 0;
	case 't': j->times++; return 0;
	case 'x': case 'X': case 'A': return set_bytes(j, id);
	case O_NUMBER: j->number = true; return 0;
	case 'l': j->line_buffered = true; return 0;
	case 'U': j->unbuffered = true; return 0;
	case 'B':
		if (!number(v, 1u << 21, &n))
			return 2;
		j->live.buffer_kib = (u32)n;
		return 0;
	case 'p': j->live.promisc = false; return 0;
	case 'Q': return direction(j, v);
	case O_IMMEDIATE: j->live.wait_ms = 1; return 0;
	case O_COUNT: j->counting = true; return 0;
	case O_PRINT: j->print = true; return 0;
	case O_MAPS: j->maps = true; return 0;
	case O_PROCESS: j->process = true; return 0;
	}
	return 0;
}

static int
help(void)
{
	Buf b = {0};

	buf_puts(&b, "usage: piton filter [options] [--] EXPRESSION\n");
	option_help(rows, COUNT(rows), &b);
	fputs(b.p, stdout);
	buf_free(&b);
	return 0;
}

static int
dump(FilterJob *j)
{
	Filt *f = filter_compile(j, j->expr, &j->f);
	const FiltInsn *insn;
	u32 n;
	Buf b = {0};

	if (!f)
		return 2;
	insn = filt_code(f, &n);
	if (filt_rejects_all(f))
		filter_say("warning: this expression rejects every packet");
	if (filt_asks(f))
		filter_say("note: contains, pid, comm and cgroup are looked at behind the program, which lets more through");
	if (j->dump == 1 && j->verbose)
		filt_print_named(f, &b);
	else
		filt_print(insn, n, j->dump, &b);
	fputs(b.p, stdout);
	buf_free(&b);
	return 0;
}

static int
object(FilterJob *j)
{
	static const char *const kinds[] = { [FILT_SOCKET] = "socket", [FILT_TC] = "tc", [FILT_XDP] = "xdp" };
	FiltOpts o = j->f;
	size_t n = strlen(j->object);
	bool c = n > 2 && !strcmp(j->object + n - 2, ".c");
	Filt *f;
	int kind = j->kind ? 0 : FILT_SOCKET;
	Buf b = {0};
	FILE *out;
	bool ok;

	o.no_process = true;
	o.no_text = !c;
	f = filter_compile(j, j->expr, &o);
	if (!f)
		return 2;
	for (int i = FILT_SOCKET; j->kind && i <= FILT_XDP; i++)
		if (!strcmp(kinds[i], j->kind))
			kind = i;
	if (!kind)
		return filter_say("--type is socket, tc or xdp, not '%s'", j->kind);
	if (c)
		filt_c(f, "filter", &b);
	else if (!filt_object(f, kind, &b))
		return filter_say("this filter asks for something that a %s program cannot know", kinds[kind]);
	out = !strcmp(j->object, "-") ? stdout : fopen(j->object, "we");
	ok = out && fwrite(b.p, 1, b.n, out) == b.n;
	ok = out && fflush(out) == 0 && ok;
	if (!ok)
		filter_say("%s: %s", j->object, strerror(errno));
	if (out && out != stdout)
		fclose(out);
	buf_free(&b);
	return ok ? 0 : 1;
}

static int
explain(FilterJob *j)
{
	Filt *f = filter_compile(j, j->expr, &j->f);
	Buf b = {0};

	if (!f)
		return 2;
	filt_explain(f, &b);
	fputs(b.p, stdout);
	buf_free(&b);
	return 0;
}

static bool
write_packet(FilterJob *j, const FiltCheck *k)
{
	Buf err = {0};
	CapWriter *w = cap_create(j->a, j->out, CAP_PCAP, &err);
	CapPacket p = { .caplen = k->len, .len = k->len, .data = k->packet };
	bool ok = w && !cap_add_iface(w, j->f.linktype, 262144, "", NULL) && !cap_write(w, 0, &p);

	if ((w && cap_finish(w)) || !ok) {
		filter_say("%s: %s", j->out, err.p ? err.p : strerror(errno));
		ok = false;
	}
	buf_free(&err);
	return ok;
}

/* 0: the same, 1: different, 3: not known */
static int
check(FilterJob *j, const char *one, const char *two)
{
	Filt *x = filter_compile(j, one, &j->f), *y = x ? filter_compile(j, two, &j->f) : NULL;
	FiltCheck k;
	Buf b = {0};
	int status = 0;

	if (!x || !y)
		return 2;
	switch (filt_compare(j->a, diag_new(j->a), x, y, &k)) {
	case FILT_SAME: printf("the same: no packet that is long enough for both is told apart (%u steps)\n", k.ways); break;
	case FILT_UNKNOWN:
		puts("not known: no packet was found that tells them apart, and not every way could be ruled out");
		status = 3;
		break;
	case FILT_DIFFERENT:
		status = 1;
		printf("different: the first %s this packet, the second %s it\n", k.first ? "accepts" : "rejects",
			k.second ? "accepts" : "rejects");
		show_packet(k.packet, k.len, k.len, j->f.linktype, &j->show, &b);
		buf_putc(&b, '\n');
		show_bytes(k.packet, k.len, 'X', &b);
		if (filt_asks_process(x) || filt_asks_process(y))
			buf_printf(&b, "of a local process with pid %u, comm '%s', cgroup '%s'\n", k.process.pid, k.process.comm,
				k.process.cgroup);
		fputs(b.p, stdout);
		if (j->out && !write_packet(j, &k))
			status = 2;
	}
	buf_free(&b);
	return status;
}

static const char *
join(Arena *a, int argc, char **argv, int from)
{
	Buf b = {0};
	char *s;

	for (int i = from; i < argc; i++)
		buf_printf(&b, "%s%s", i > from ? " " : "", argv[i]);
	s = arena_str(a, b.p ? b.p : "", b.n);
	buf_free(&b);
	return s;
}

static int
work(FilterJob *j, int argc, char **argv)
{
	int i = 1, sub = 0, id, status;
	const char *value;
	bool dashdash = false;

	while ((id = option_next(rows, COUNT(rows), argv, argc, &i, &sub, &value, &dashdash)) > 0) {
		if (id == 'h')
			return help();
		if (id == 'D')
			return filter_list_ifaces();
		if (id == 'L')
			return filter_list_links(j);
		status = option(j, id, value);
		if (status)
			return status;
	}
	if (id < 0)
		return 2;
	if (j->check) {
		j->show.no_names = true;
		return argc - i == 2 ? check(j, argv[i], argv[i + 1]) : filter_say("--check needs two expressions, each in quotes");
	}
	if (!j->expr)
		j->expr = join(j->a, argc, argv, i);
	if (j->explain)
		return explain(j);
	if (j->object)
		return object(j);
	if (j->dump)
		return dump(j);
	return filter_run(j);
}

int
filter_main(int argc, char **argv)
{
	FilterJob j = { .a = arena_new() };
	int status;

	j.f.linktype = 1;
	j.f.netmask_known = true;
	j.f.snaplen = 262144;
	j.live = (LiveOpts){ .snaplen = 262144, .buffer_kib = 32768, .wait_ms = 100, .promisc = true };
	status = work(&j, argc, argv);
	arena_free(j.a);
	return status;
}
