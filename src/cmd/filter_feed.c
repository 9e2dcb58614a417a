/* filter_feed: processes of packets as the kernel sees them, for --process, pid, comm and cgroup.
 * Two programs on the outermost cgroup that is mounted here: one notes who makes a socket (cookie -> pid and name), one under
 * which addresses and ports the socket sends (ends -> pid and name). So a process is known that is gone when its packet is
 * looked at. Sockets from before, and those that a server accepts, are in the socket tables (filt/owner.c).
 * Since Linux 5.7, with CAP_BPF and CAP_NET_ADMIN; without, the tables alone serve. */
#include "cmd/filter.h"

#include "bpf/bpf.h"
#include "kern/kern.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

enum { MADE, SENT, N_MAPS, SOCKETS = 32768 };
typedef struct Value { u32 pid; char comm[16]; } Value;
struct Feed { Machine *m; int map[N_MAPS], link[2]; };

/* r10-32: Value; r10-8: the cookie */
static const char made[] =
	"r6 = r1\n" "call 14\n"                                       /* get_current_pid_tgid */
	"r0 >>= 32\n" "*(u32 *)(r10 -32) = r0\n"
	"r1 = r10\n" "r1 += -28\n" "r2 = 16\n" "call 16\n"            /* get_current_comm */
	"r1 = r6\n" "call 46\n"                                       /* get_socket_cookie */
	"*(u64 *)(r10 -8) = r0\n"
	"r1 = map[fd:0]\n" "r2 = r10\n" "r2 += -8\n" "r3 = r10\n" "r3 += -32\n" "r4 = 0\n" "call 2\n"
	"r0 = 1\n" "exit\n";

/* r10-8: the cookie; r10-48: OwnerEnds; r10-96: the IP header; r10-104: the ports; r7: Value; r8: where the ports are */
static const char sent[] =
	"r6 = r1\n" "call 46\n" "*(u64 *)(r10 -8) = r0\n"
	"r1 = map[fd:0]\n" "r2 = r10\n" "r2 += -8\n" "call 1\n" "if r0 == 0 goto out\n" "r7 = r0\n"
	"r1 = 0\n" "*(u64 *)(r10 -48) = r1\n" "*(u64 *)(r10 -40) = r1\n" "*(u64 *)(r10 -32) = r1\n" "*(u64 *)(r10 -24) = r1\n"
	"*(u64 *)(r10 -16) = r1\n"
	"r1 = r6\n" "r2 = 0\n" "r3 = r10\n" "r3 += -96\n" "r4 = 20\n" "call 26\n" "if r0 != 0 goto out\n"
	"r8 = *(u8 *)(r10 -96)\n" "r1 = r8\n" "r1 >>= 4\n" "if r1 == 6 goto six\n" "if r1 != 4 goto out\n"
	"r8 &= 15\n" "r8 <<= 2\n"
	"r9 = *(u8 *)(r10 -87)\n"
	"r1 = *(u32 *)(r10 -84)\n" "*(u32 *)(r10 -48) = r1\n" "r1 = *(u32 *)(r10 -80)\n" "*(u32 *)(r10 -32) = r1\n"
	"goto ports\n"
	"six:\n"
	"r1 = r6\n" "r2 = 0\n" "r3 = r10\n" "r3 += -96\n" "r4 = 40\n" "call 26\n" "if r0 != 0 goto out\n"
	"r8 = 40\n" "r9 = *(u8 *)(r10 -90)\n"
	"r1 = *(u64 *)(r10 -88)\n" "*(u64 *)(r10 -48) = r1\n" "r1 = *(u64 *)(r10 -80)\n" "*(u64 *)(r10 -40) = r1\n"
	"r1 = *(u64 *)(r10 -72)\n" "*(u64 *)(r10 -32) = r1\n" "r1 = *(u64 *)(r10 -64)\n" "*(u64 *)(r10 -24) = r1\n"
	"r1 = 1\n" "*(u8 *)(r10 -11) = r1\n"
	"ports:\n"
	"if r9 == 6 goto known\n" "if r9 != 17 goto out\n"
	"known:\n"
	"*(u8 *)(r10 -12) = r9\n"
	"r1 = r6\n" "r2 = r8\n" "r3 = r10\n" "r3 += -104\n" "r4 = 4\n" "call 26\n" "if r0 != 0 goto out\n"
	"r1 = *(u16 *)(r10 -104)\n" "r1 = be16 r1\n" "*(u16 *)(r10 -16) = r1\n"
	"r1 = *(u16 *)(r10 -102)\n" "r1 = be16 r1\n" "*(u16 *)(r10 -14) = r1\n"
	"r1 = map[fd:1]\n" "r2 = r10\n" "r2 += -48\n" "call 1\n" "if r0 == 0 goto put\n"
	"r1 = *(u32 *)(r0 +0)\n" "r2 = *(u32 *)(r7 +0)\n" "if r1 == r2 goto out\n"
	"put:\n"
	"r1 = map[fd:1]\n" "r2 = r10\n" "r2 += -48\n" "r3 = r7\n" "r4 = 0\n" "call 2\n"
	"out:\n" "r0 = 1\n" "exit\n";

/* The folder of the outermost cgroup (version 2) to be seen from here, or -errno. */
static int
outermost(void)
{
	Buf b = {0};
	int fd = -ENOENT;

	if (host_read("/proc/self/mountinfo", &b) || !b.p)
		fd = -ENOENT;
	for (char *line = b.p, *end; fd == -ENOENT && line && *line; line = end) {
		char *type, *path = line;

		end = strchr(line, '\n');
		if (end)
			*end++ = 0;
		type = strstr(line, " - cgroup2 ");
		for (u32 i = 0; path && i < 4; i++)
			path = strchr(path + 1, ' ');
		if (!type || !path || path > type)
			continue;
		path++;
		path[strcspn(path, " ")] = 0;
		fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (fd < 0)
			fd = -errno;
	}
	buf_free(&b);
	return fd;
}

static int
attach(Feed *f, Arena *a, int cgroup, u32 i, const char *name, const char *text, u32 prog_type, u32 attach_type)
{
	Code code = { .name = name, .prog_type = prog_type, .attach_type = attach_type };
	Refusal why = {0};
	int prog;

	if (!bpf_asm(name, text, strlen(text), diag_new(a), a, &code.insns, &code.n))
		return -EINVAL;
	prog = f->m->ops->prog_load(f->m, &code, f->map, N_MAPS, &why);
	buf_free(&why.log);
	if (prog < 0)
		return prog;
	f->link[i] = kern_attach_cgroup(kern_prog_fd(f->m, prog), cgroup, attach_type);
	return f->link[i] < 0 ? f->link[i] : 0;
}

Feed *
feed_open(Arena *a, int *err)
{
	static const MapDef defs[N_MAPS] = {
		[MADE] = { .name = "made", .type = BPF_MAP_TYPE_LRU_HASH, .key_size = 8, .value_size = sizeof(Value), .max_entries = SOCKETS },
		[SENT] = { .name = "sent", .type = BPF_MAP_TYPE_LRU_HASH, .key_size = sizeof(OwnerEnds), .value_size = sizeof(Value),
			.max_entries = SOCKETS },
	};
	Feed *f = NEW(a, Feed);
	int cgroup = outermost();

	*err = cgroup < 0 ? cgroup : 0;
	f->m = kern_machine_new();
	f->link[0] = f->link[1] = -1;
	for (u32 i = 0; !*err && i < N_MAPS; i++) {
		f->map[i] = f->m->ops->map_new(f->m, &defs[i]);
		*err = f->map[i] < 0 ? f->map[i] : 0;
	}
	if (!*err)
		*err = attach(f, a, cgroup, 0, "made", made, BPF_PROG_TYPE_CGROUP_SOCK, BPF_CGROUP_INET_SOCK_CREATE);
	if (!*err)
		*err = attach(f, a, cgroup, 1, "sent", sent, BPF_PROG_TYPE_CGROUP_SKB, BPF_CGROUP_INET_EGRESS);
	if (cgroup >= 0)
		close(cgroup);
	if (*err) {
		feed_close(f);
		return NULL;
	}
	return f;
}

bool
feed_find(void *arg, const OwnerEnds *e, u32 *pid, char comm[16])
{
	Feed *f = arg;
	Value v;

	if (f->m->ops->map_lookup(f->m, f->map[SENT], e, &v))
		return false;
	*pid = v.pid;
	memcpy(comm, v.comm, 16);
	comm[15] = 0;
	return true;
}

void
feed_close(Feed *f)
{
	if (!f)
		return;
	for (u32 i = 0; i < 2; i++)
		if (f->link[i] >= 0)
			close(f->link[i]);
	f->m->ops->close(f->m);
}
