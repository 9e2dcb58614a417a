/* owner: which local process a packet belongs to. Whoever owners_ask_first() names is asked first (cmd/: BPF programs that see
 * sockets as they are made). Else the packet's addresses and ports are looked up in the tables of sockets (/proc/net/tcp, tcp6,
 * udp, udp6), the socket's inode among the files of all processes. What was found once is kept until the same ports open a
 * connection again, so that the last packets of one still have a name; tables are read again when a packet is in none. */
#include "filt/capture.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

typedef OwnerEnds Ends;
/* What was found a moment ago. */
typedef struct Recent { Ends e; Owner *w; u64 at; } Recent;
enum { RECENT = 1024, MOMENT_MS = 10 };
typedef struct Sock { Ends e; u64 inode; bool any; } Sock;    /* any: unconnected */
struct Owners {
	Arena *a;
	Map known;              /* Ends -> Owner */
	Map inodes;             /* inode -> Owner */
	Map pids;               /* pid -> Owner, of those that were told */
	Sock *sock;
	u32 n, cap;
	u64 read_at;
	OwnerAsk *ask;          /* who knows better than the tables, or NULL */
	void *ask_arg;
	Recent recent[RECENT];
};

static u64
now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (u64)t.tv_sec * 1000 + (u64)t.tv_nsec / 1000000;
}

Owners *
owners_new(Arena *a)
{
	Owners *o = NEW(a, Owners);

	o->a = a;
	o->known.arena = o->inodes.arena = o->pids.arena = a;
	return o;
}

void
owners_ask_first(Owners *o, OwnerAsk *ask, void *arg)
{
	o->ask = ask;
	o->ask_arg = arg;
}

void
owners_free(Owners *o)
{
	if (o)
		free(o->sock);
}

/* ---- tables ---- */

/* Words of 32 bits in the machine's order. */
static void
hex_addr(const char *s, u32 words, u8 *out)
{
	for (u32 i = 0; i < words; i++) {
		char word[9] = {0};
		u32 v;

		memcpy(word, s + 8 * i, 8);
		v = (u32)strtoul(word, NULL, 16);
		memcpy(out + 4 * i, &v, 4);
	}
}

static void
table(Owners *o, const char *path, u8 proto, bool v6)
{
	Buf b = {0};
	char *line;

	if (host_read(path, &b) || !b.p) {
		buf_free(&b);
		return;
	}
	for (line = strchr(b.p, '\n'); line && line[1]; line = strchr(line, '\n')) {
		char local[40], remote[40];
		unsigned lport, rport;
		unsigned long long inode;
		Sock s = { .e = { .proto = proto, .v6 = v6 } };

		line++;
		if (sscanf(line, " %*d: %39[0-9A-F]:%x %39[0-9A-F]:%x %*x %*x:%*x %*x:%*x %*x %*u %*d %llu", local, &lport, remote, &rport,
		    &inode) != 5 || !inode || strlen(local) < (v6 ? 32u : 8u) || strlen(remote) < (v6 ? 32u : 8u))
			continue;
		hex_addr(local, v6 ? 4 : 1, s.e.local);
		hex_addr(remote, v6 ? 4 : 1, s.e.remote);
		s.e.lport = (u16)lport;
		s.e.rport = (u16)rport;
		s.inode = inode;
		s.any = !rport;
		if (o->n == o->cap) {
			o->cap = o->cap ? o->cap * 2 : 256;
			o->sock = realloc(o->sock, sizeof(Sock) * o->cap);
			if (!o->sock)
				die("out of memory");
		}
		o->sock[o->n++] = s;
	}
	buf_free(&b);
}

static void
read_tables(Owners *o)
{
	o->n = 0;
	table(o, "/proc/net/tcp", 6, false);
	table(o, "/proc/net/tcp6", 6, true);
	table(o, "/proc/net/udp", 17, false);
	table(o, "/proc/net/udp6", 17, true);
	o->read_at = now_ms();
}

/* ---- processes ---- */

static Owner *
new_owner(Owners *o, u32 pid, const char *comm)
{
	Owner *w = NEW(o->a, Owner);
	char path[64];
	Buf b = {0};

	w->pid = pid;
	w->comm = arena_str(o->a, comm, strlen(comm));
	snprintf(path, sizeof(path), "/proc/%u/cgroup", pid);
	w->cgroup = !host_read(path, &b) && b.n ? arena_str(o->a, b.p, b.n) : "";
	w->text = arena_printf(o->a, "pid %u %s", pid, w->comm);
	buf_free(&b);
	return w;
}

static Owner *
owner_of(Owners *o, u32 pid)
{
	char path[64];
	Buf b = {0};
	Owner *w;

	snprintf(path, sizeof(path), "/proc/%u/comm", pid);
	if (!host_read(path, &b) && b.n)
		b.p[strcspn(b.p, "\n")] = 0;
	w = new_owner(o, pid, b.n ? b.p : "?");
	buf_free(&b);
	return w;
}

/* One Owner for a pid, until another program runs under it. */
static Owner *
told(Owners *o, const Ends *e)
{
	char comm[16];
	u32 pid;
	Owner *w;

	if (!o->ask || !o->ask(o->ask_arg, e, &pid, comm))
		return NULL;
	w = map_get(&o->pids, (char *)&pid, sizeof(pid));
	if (!w || strcmp(w->comm, comm)) {
		w = new_owner(o, pid, comm);
		map_set(&o->pids, (char *)&pid, sizeof(pid), w);
	}
	return w;
}

static void
files_of(Owners *o, u32 pid)
{
	char path[64], target[64];
	Owner *w = NULL;
	struct dirent *e;
	DIR *d;

	snprintf(path, sizeof(path), "/proc/%u/fd", pid);
	d = opendir(path);
	if (!d)
		return;
	while ((e = readdir(d))) {
		ssize_t n = readlinkat(dirfd(d), e->d_name, target, sizeof(target) - 1);
		u64 inode;

		if (n < 9 || memcmp(target, "socket:[", 8))
			continue;
		target[n] = 0;
		inode = strtoull(target + 8, NULL, 10);
		if (!w)
			w = owner_of(o, pid);
		map_set(&o->inodes, (char *)&inode, sizeof(inode), w);
	}
	closedir(d);
}

static Owner *
by_inode(Owners *o, u64 inode)
{
	Owner *w = map_get(&o->inodes, (char *)&inode, sizeof(inode));
	struct dirent *e;
	DIR *d;

	if (w)
		return w;
	d = opendir("/proc");
	while (d && (e = readdir(d)))
		if (e->d_name[0] >= '1' && e->d_name[0] <= '9')
			files_of(o, (u32)atoi(e->d_name));
	if (d)
		closedir(d);
	return map_get(&o->inodes, (char *)&inode, sizeof(inode));
}

static bool
zero(const u8 *p, u32 n)
{
	while (n && !*p)
		p++, n--;
	return !n;
}

/* The sockets of IPv6 have IPv4's packets too: ::ffff:a.b.c.d. */
static bool
same_addr(const Sock *s, const u8 *sock, const Ends *e, const u8 *addr)
{
	static const u8 mapped[12] = { [10] = 0xff, [11] = 0xff };

	if (s->e.v6 == e->v6)
		return !memcmp(sock, addr, e->v6 ? 16 : 4);
	return s->e.v6 && !memcmp(sock, mapped, 12) && !memcmp(sock + 12, addr, 4);
}

static Owner *
find(Owners *o, const Ends *e)
{
	const Sock *best = NULL;

	for (u32 i = 0; i < o->n; i++) {
		const Sock *s = &o->sock[i];

		if (s->e.proto != e->proto || s->e.lport != e->lport)
			continue;
		if (!s->any && s->e.rport == e->rport && same_addr(s, s->e.local, e, e->local) &&
		    same_addr(s, s->e.remote, e, e->remote)) {
			best = s;
			break;
		}
		if (s->any && (zero(s->e.local, s->e.v6 ? 16 : 4) || same_addr(s, s->e.local, e, e->local)))
			best = s;
	}
	return best ? by_inode(o, best->inode) : NULL;
}

/* ---- packets ---- */

/* *first: it opens a connection. */
static bool
ends_of(const u8 *p, u32 n, int linktype, Ends *e, Ends *back, bool *first)
{
	u32 at = linktype == 1 ? 14 : linktype == 276 ? 20 : linktype == 113 ? 16 : 0, size;

	if (linktype == 1 && n > 18 && p[12] == 0x81 && p[13] == 0)
		at = 18;
	memset(e, 0, sizeof(*e));
	if (n < at + 20)
		return false;
	if (p[at] >> 4 == 4) {
		e->proto = p[at + 9];
		memcpy(e->local, p + at + 12, 4);
		memcpy(e->remote, p + at + 16, 4);
		size = (p[at] & 15u) * 4;
		if ((p[at + 6] & 0x1f) || p[at + 7])
			return false;
	} else if (p[at] >> 4 == 6 && n >= at + 40) {
		e->proto = p[at + 6];
		e->v6 = true;
		memcpy(e->local, p + at + 8, 16);
		memcpy(e->remote, p + at + 24, 16);
		size = 40;
	} else {
		return false;
	}
	at += size;
	if ((e->proto != 6 && e->proto != 17) || n < at + 4)
		return false;
	e->lport = (u16)(p[at] << 8 | p[at + 1]);
	e->rport = (u16)(p[at + 2] << 8 | p[at + 3]);
	*first = e->proto == 6 && n >= at + 14 && (p[at + 13] & 0x12) == 2;
	*back = *e;
	memcpy(back->local, e->remote, 16);
	memcpy(back->remote, e->local, 16);
	back->lport = e->rport;
	back->rport = e->lport;
	return true;
}

static Owner *
look_up(Owners *o, const Ends e[2], bool first)
{
	Owner *w = told(o, &e[0]);

	if (!w)
		w = told(o, &e[1]);
	if (w)
		return w;
	w = first ? NULL : map_get(&o->known, (const char *)&e[0], sizeof(Ends));
	for (u32 turn = 0; !w && turn < 2; turn++) {
		if (turn && now_ms() - o->read_at < 5)
			break;
		if (turn || !o->read_at)
			read_tables(o);
		w = find(o, &e[0]);
		if (!w)
			w = find(o, &e[1]);
	}
	if (w || first) {
		map_set(&o->known, (const char *)&e[0], sizeof(Ends), w);
		map_set(&o->known, (const char *)&e[1], sizeof(Ends), w);
	}
	return w;
}

const Owner *
owners_find(Owners *o, const u8 *p, u32 n, int linktype)
{
	Ends e[2];
	Recent *r;
	bool first;
	u64 now;

	if (!ends_of(p, n, linktype, &e[0], &e[1], &first))
		return NULL;
	now = now_ms();
	r = &o->recent[base_hash(&e[0], sizeof(Ends)) % RECENT];
	if (first || now - r->at > MOMENT_MS || memcmp(&r->e, &e[0], sizeof(Ends)))
		*r = (Recent){ e[0], look_up(o, e, first), now };
	return r->w;
}
