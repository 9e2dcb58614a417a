/* filter_run: packets from a file or an interface, through the filter, to lines or a file. */
#include "cmd/filter.h"

#include "kern/kern.h"

#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

typedef struct LinkFilter { int linktype; Filt *f; } LinkFilter;
typedef struct Run {
	FilterJob *j;
	Vec(LinkFilter) filters;
	bool in_kernel;                 /* the kernel has filtered already */
	CapWriter *w;
	const CapIface *iface;
	u32 n_iface, added;             /* interfaces described in the file being written */
	Vec(int) out_iface;
	u64 seen, taken, last_ns, file_start;
	u32 file_no;
	Buf line, err;
	int status;
	Owners *owners;
	Feed *feed;
	const CapPacket *at;            /* the packet in hand, and its process */
	const Owner *owner;
	FiltProcess process;
	const FiltProcess *who;         /* &process or NULL, once it is looked up */
	bool looked_up;
	Machine *machine;
} Run;

static volatile sig_atomic_t stop;

static void
on_signal(int sig)
{
	(void)sig;
	stop++;
}

/* ---- filtering ---- */

static void
want_owners(Run *r)
{
	int err;

	if (r->owners || r->j->in)
		return;
	r->owners = owners_new(r->j->a);
	r->feed = feed_open(r->j->a, &err);
	if (r->feed)
		owners_ask_first(r->owners, feed_find, r->feed);
	else if (r->j->verbose)
		filter_say("processes are found in the socket tables alone; BPF programs on the cgroup: %s", strerror(-err));
}

static LinkFilter *
filter_for(Run *r, int linktype)
{
	FiltOpts o = r->j->f;
	LinkFilter f = { .linktype = linktype };

	for (u32 i = 0; i < r->filters.n; i++)
		if (r->filters.v[i].linktype == linktype)
			return &r->filters.v[i];
	o.linktype = linktype;
	if (!filt_link_name(linktype)) {
		filter_say("link type %d is not known here", linktype);
		r->status = 1;
		return NULL;
	}
	f.f = filter_compile(r->j, r->j->expr, &o);
	if (!f.f) {
		r->status = 2;
		return NULL;
	}
	if (filt_asks_process(f.f))
		want_owners(r);
	VEC_PUSH(r->j->a, &r->filters, f);
	return &r->filters.v[r->filters.n - 1];
}

/* ---- writing ---- */

static bool
new_file(Run *r)
{
	FilterJob *j = r->j;
	char name[4096];
	const char *path = j->out;
	time_t now = time(NULL);
	struct tm tm;

	if (r->w && cap_finish(r->w) < 0)
		return false;
	if (j->file_secs) {
		localtime_r(&now, &tm);
		if (!strftime(name, sizeof(name), path, &tm))
			snprintf(name, sizeof(name), "%s", path);
		path = arena_str(j->a, name, strlen(name));
	}
	if (j->file_mb && (r->file_no || j->file_max)) {
		u32 no = j->file_max ? r->file_no % (u32)j->file_max : r->file_no;
		int width = j->file_max ? snprintf(NULL, 0, "%llu", (unsigned long long)j->file_max - 1) : 1;

		path = arena_printf(j->a, "%s%0*u", path, width, no);
	}
	r->file_no++;
	r->file_start = (u64)now;
	r->added = 0;
	r->out_iface.n = 0;
	r->w = cap_create(j->a, path, j->out_format, &r->err);
	if (!r->w)
		filter_say("%s: %s", path, r->err.p);
	return r->w != NULL;
}

static bool
write_packet(Run *r, const CapPacket *p)
{
	FilterJob *j = r->j;

	if (!r->w || (j->file_mb && cap_written(r->w) > j->file_mb * 1000000) ||
	    (j->file_secs && (u64)time(NULL) >= r->file_start + j->file_secs)) {
		if (r->w && j->file_secs && !j->file_mb && j->file_max && r->file_no >= j->file_max) {
			stop = 2;
			return false;
		}
		if (!new_file(r))
			return false;
	}
	while (r->added <= p->iface) {
		const CapIface *i = &r->iface[r->added];
		int no = cap_add_iface(r->w, i->linktype, i->snaplen, i->name, j->expr);

		VEC_PUSH(j->a, &r->out_iface, no);
		r->added++;
	}
	if (r->out_iface.v[p->iface] < 0) {
		filter_say("a pcap file has one link type; write pcapng for packets of several");
		return false;
	}
	if (cap_write(r->w, (u32)r->out_iface.v[p->iface], p) < 0 || (j->unbuffered && cap_flush(r->w) < 0)) {
		filter_say("%s: %s", j->out, strerror(errno));
		return false;
	}
	return true;
}

/* ---- printing ---- */

static void
put_time(Run *r, u64 ns)
{
	time_t s = (time_t)(ns / 1000000000);
	struct tm tm;
	char text[64];
	u64 d = r->last_ns ? ns - r->last_ns : 0;

	switch (r->j->times) {
	case 1: return;
	case 2: buf_printf(&r->line, "%lld.%06llu ", (long long)s, (unsigned long long)(ns % 1000000000 / 1000)); return;
	case 3:
		localtime_r(&s, &tm);
		buf_printf(&r->line, "%02llu:%02llu:%02llu.%06llu ", (unsigned long long)(d / 3600000000000ull),
			(unsigned long long)(d / 60000000000ull % 60), (unsigned long long)(d / 1000000000 % 60),
			(unsigned long long)(d % 1000000000 / 1000));
		return;
	}
	localtime_r(&s, &tm);
	strftime(text, sizeof(text), r->j->times >= 4 ? "%Y-%m-%d %H:%M:%S" : "%H:%M:%S", &tm);
	buf_printf(&r->line, "%s.%06llu ", text, (unsigned long long)(ns % 1000000000 / 1000));
}

static void
print_packet(Run *r, const CapPacket *p, int linktype)
{
	FilterJob *j = r->j;

	buf_clear(&r->line);
	if (j->number)
		buf_printf(&r->line, "%5llu  ", (unsigned long long)r->taken);
	put_time(r, p->ns);
	r->last_ns = p->ns;
	if (p->comment && r->j->process)
		buf_printf(&r->line, "[%s] ", p->comment);
	show_packet(p->data, p->caplen, p->len, linktype, &j->show, &r->line);
	buf_putc(&r->line, '\n');
	if (j->bytes) {
		u32 from = j->bytes_link ? 0 : MIN(show_link_header(p->data, p->caplen, linktype), p->caplen);

		show_bytes(p->data + from, p->caplen - from, j->bytes, &r->line);
	}
	fwrite(r->line.p, 1, r->line.n, stdout);
	if (j->line_buffered)
		fflush(stdout);
}

/* Files: what --process has left in the packet's comment. */
static const FiltProcess *
noted(Run *r, const char *comment)
{
	char *end;

	if (!comment || strncmp(comment, "pid ", 4))
		return NULL;
	r->process = (FiltProcess){ (u32)strtoul(comment + 4, &end, 10), *end ? end + 1 : end, "" };
	return &r->process;
}

/* The process of the packet in hand; looked up once, when it is first asked for. */
static const FiltProcess *
process(void *arg)
{
	Run *r = arg;
	const Owner *w;

	if (r->looked_up)
		return r->who;
	r->looked_up = true;
	if (r->j->in)
		return r->who = noted(r, r->at->comment);
	w = r->owner = owners_find(r->owners, r->at->data, r->at->caplen, r->iface[r->at->iface].linktype);
	if (w)
		r->process = (FiltProcess){ w->pid, w->comm, w->cgroup };
	return r->who = w ? &r->process : NULL;
}

/* What the kernel has not decided already. */
static bool
accepted(Run *r, const LinkFilter *f, CapPacket *p)
{
	FiltBeside b = { .outgoing = p->direction == 2, .ifindex = p->ifindex, .process = process, .arg = r };

	r->at = p;
	r->looked_up = false;
	r->owner = NULL;
	return !f || filt_accepts(f->f, p->data, p->caplen, p->len, &b);
}

/* false: enough */
static bool
packet(Run *r, CapPacket *p)
{
	FilterJob *j = r->j;
	int linktype = r->iface[p->iface].linktype;
	LinkFilter *f = r->in_kernel ? NULL : filter_for(r, linktype);

	if (!r->in_kernel && !f)
		return false;
	if (!accepted(r, f, p))
		return true;
	if (j->process && !j->in && process(r))
		p->comment = r->owner->text;
	if (r->seen++ < j->skip)
		return true;
	r->taken++;
	p->caplen = MIN(p->caplen, j->f.snaplen);
	if (j->out && !write_packet(r, p)) {
		r->status = stop ? 0 : 1;
		return false;
	}
	if (!j->counting && (!j->out || j->print))
		print_packet(r, p, linktype);
	return !j->count || r->taken < j->count;
}

/* ---- sources ---- */

static void
from_file(Run *r)
{
	FilterJob *j = r->j;
	CapReader *in = cap_open(j->a, j->in, &r->err);
	CapPacket p;
	int k = 0;

	if (!in) {
		filter_say("%s: %s", j->in, r->err.p);
		r->status = 1;
		return;
	}
	j->f.savefile = true;
	j->f.swapped = cap_swapped(in);
	r->iface = cap_ifaces(in, &r->n_iface);
	if (r->n_iface && !filter_for(r, r->iface[0].linktype)) {
		cap_close(in);
		return;
	}
	while (!stop && (k = cap_next(in, &p, &r->err)) == 1) {
		r->iface = cap_ifaces(in, &r->n_iface);
		if (!packet(r, &p))
			break;
	}
	if (k < 0) {
		filter_say("%s: %s; %llu packets before that", j->in, r->err.p, (unsigned long long)r->seen);
		r->status = 1;
	}
	r->iface = cap_ifaces(in, &r->n_iface);
	if (j->out && !r->w && !r->status && !new_file(r))
		r->status = 1;
	for (; r->w && r->added < r->n_iface; r->added++)
		cap_add_iface(r->w, r->iface[r->added].linktype, r->iface[r->added].snaplen, r->iface[r->added].name, j->expr);
	cap_close(in);
}

/* The filter as eBPF, where the classic machine has no room for it (4,096 instructions, no loops), or for --maps. */
static int
attach_ebpf(Run *r, Live *l, Filt *f)
{
	FiltEbpf e;
	Refusal why = {0};
	int prog, err;

	if (!filt_ebpf(f, r->j->maps ? FILT_LIVE : FILT_SOCKET, &e))
		return -EOPNOTSUPP;
	r->machine = kern_machine_new();
	prog = filter_load(r->machine, r->j->a, &e, BPF_PROG_TYPE_SOCKET_FILTER, &why);
	err = prog < 0 ? prog : live_filter_ebpf(l, kern_prog_fd(r->machine, prog));
	if (!err && r->j->verbose)
		filter_say("the filter runs in the kernel as eBPF: %u instructions, %u maps", e.n, e.maps.n);
	if (prog < 0 && why.log.n && r->j->verbose)
		fputs(why.log.p, stderr);
	buf_free(&why.log);
	buf_free(&e.table);
	return err;
}

static bool
attach(Run *r, Live *l)
{
	FilterJob *j = r->j;
	FiltOpts o = j->f;
	const FiltInsn *insn;
	Filt *f;
	u32 n;
	int err;

	o.linktype = live_linktype(l);
	o.vlan_meta = true;
	f = filter_compile(j, j->expr, &o);
	if (!f) {
		r->status = 2;
		return false;
	}
	insn = filt_code(f, &n);
	err = j->maps ? -E2BIG : live_filter(l, insn, n);
	if (err && err != -EOPNOTSUPP)
		err = attach_ebpf(r, l, f);
	r->in_kernel = !err && !filt_asks(f);
	if (err && j->verbose)
		filter_say("the kernel does not take this filter (%s); packets are filtered here", strerror(-err));
	return r->in_kernel || filter_for(r, o.linktype);
}

static void
netmask_of(FilterJob *j)
{
	struct ifaddrs *all;

	if (getifaddrs(&all))
		return;
	for (struct ifaddrs *i = all; i; i = i->ifa_next)
		if (i->ifa_netmask && i->ifa_addr && i->ifa_addr->sa_family == 2 && !strcmp(i->ifa_name, j->iface)) {
			const u8 *m = (const u8 *)i->ifa_netmask + 4;

			j->f.netmask = (u32)m[0] << 24 | (u32)m[1] << 16 | (u32)m[2] << 8 | m[3];
		}
	freeifaddrs(all);
}

/* Those that came before now and are still with the kernel. */
static int
drain(Run *r, Live *l)
{
	struct timespec t;
	CapPacket p;
	u64 now;
	int got = 0;

	clock_gettime(CLOCK_REALTIME, &t);
	now = (u64)t.tv_sec * 1000000000 + (u64)t.tv_nsec;
	while (stop < 2 && (got = live_next(l, &p, (int)r->j->live.wait_ms + 20)) > 0 && p.ns <= now)
		if (!packet(r, &p))
			break;
	return MIN(got, 0);
}

/* Packets until an end is asked for. 0, or -errno. */
static int
listen_on(Run *r, Live *l)
{
	CapPacket p;

	while (!stop) {
		int got = live_next(l, &p, 200);

		if (got < 0)
			return got;
		if (!got && (fflush(stdout) || (r->w && cap_flush(r->w) < 0)))
			return 0;
		if (got && !packet(r, &p))
			return 0;
	}
	return drain(r, l);
}

static void
from_interface(Run *r)
{
	FilterJob *j = r->j;
	Live *l = live_open(j->a, j->iface, &j->live, &r->err);
	CapIface iface = { .snaplen = j->live.snaplen, .name = j->iface };
	u64 received, dropped;
	int k = 0;

	if (!l) {
		filter_say("%s: %s", j->iface, r->err.p);
		r->status = 1;
		return;
	}
	setpriority(PRIO_PROCESS, 0, -10);      /* the ring is full soon where others use the CPU; refused to users */
	netmask_of(j);
	iface.linktype = live_linktype(l);
	r->iface = &iface;
	r->n_iface = 1;
	if (attach(r, l)) {
		k = live_start(l);
		if (!k)
			fprintf(stderr, "listening on %s, link-type %s, snapshot length %u bytes\n", j->iface,
				filt_link_name(iface.linktype), j->live.snaplen);
		if (!k)
			k = listen_on(r, l);
		if (k < 0) {
			filter_say("%s: %s", j->iface, strerror(-k));
			r->status = 1;
		}
		live_counts(l, &received, &dropped);
		if (j->out && !r->w && !new_file(r))
			r->status = 1;
		if (r->w) {
			if (!r->added)
				cap_add_iface(r->w, iface.linktype, iface.snaplen, iface.name, j->expr);
			cap_statistics(r->w, 0, received, dropped);
		}
		fprintf(stderr, "%llu packets captured\n%llu packets received by filter\n%llu packets dropped by kernel\n",
			(unsigned long long)r->taken, (unsigned long long)received, (unsigned long long)dropped);
	}
	live_close(l);
}

static bool
name_of(u32 index, char *name)
{
	return if_indextoname(index, name);
}

/* The first one that is up and no loopback. */
static const char *
first_interface(Arena *a)
{
	const char *name = "any";
	struct ifaddrs *all;

	if (getifaddrs(&all))
		return name;
	for (struct ifaddrs *i = all; i; i = i->ifa_next)
		if ((i->ifa_flags & (IFF_UP | IFF_RUNNING | IFF_LOOPBACK)) == (IFF_UP | IFF_RUNNING)) {
			name = arena_str(a, i->ifa_name, strlen(i->ifa_name));
			break;
		}
	freeifaddrs(all);
	return name;
}

int
filter_run(FilterJob *j)
{
	Run r = { .j = j };
	struct sigaction sa = { .sa_handler = on_signal };

	if (!j->absolute)
		j->show.flows = show_flows_new(j->a);
	if (j->process) {
		want_owners(&r);
		if (!r.feed)            /* sockets leave the tables soon */
			j->live.wait_ms = 1;
	}
	sigaction(SIGINT, &sa, NULL);
	sigaction(SIGTERM, &sa, NULL);
	if (j->in)
		from_file(&r);
	else {
		if (!j->iface)
			j->iface = first_interface(j->a);
		j->show.ifname = name_of;       /* the numbers of files are another machine's */
		from_interface(&r);
	}
	if (r.w && cap_finish(r.w) < 0) {
		filter_say("%s: not all could be written", j->out);
		r.status = 1;
	}
	if (j->counting && r.status < 2)
		printf("%llu packet%s\n", (unsigned long long)r.taken, r.taken == 1 ? "" : "s");
	if (fflush(stdout) && !r.status)
		r.status = 1;
	owners_free(r.owners);
	feed_close(r.feed);
	if (r.machine)
		r.machine->ops->close(r.machine);
	buf_free(&r.line);
	buf_free(&r.err);
	return r.status;
}

int
filter_list_ifaces(void)
{
	struct ifaddrs *all = NULL;
	struct if_nameindex *names = if_nameindex();
	u32 n = 1;

	if (getifaddrs(&all))
		all = NULL;
	for (struct if_nameindex *i = names; i && i->if_index; i++) {
		unsigned flags = 0;

		for (struct ifaddrs *f = all; f; f = f->ifa_next)
			if (!strcmp(f->ifa_name, i->if_name))
				flags = f->ifa_flags;
		printf("%u.%s [%s%s%s]\n", n++, i->if_name, flags & IFF_UP ? "Up" : "Down", flags & IFF_RUNNING ? ", Running" : "",
			flags & IFF_LOOPBACK ? ", Loopback" : "");
	}
	printf("%u.any (all of them, with a cooked header) [Up, Running]\n", n);
	if (names)
		if_freenameindex(names);
	if (all)
		freeifaddrs(all);
	return 0;
}

int
filter_list_links(FilterJob *j)
{
	Buf err = {0};
	const char *dev = j->iface ? j->iface : first_interface(j->a);
	Live *l = live_open(j->a, dev, &j->live, &err);

	if (!l) {
		filter_say("%s: %s", dev, err.p);
		buf_free(&err);
		return 1;
	}
	printf("Data link types for %s:\n  %s\n", dev, filt_link_name(live_linktype(l)));
	live_close(l);
	return 0;
}
