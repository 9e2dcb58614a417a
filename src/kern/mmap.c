/* mmap: what processes map, told by the kernel as it happens: the side band of perf events (PERF_RECORD_MMAP2, FORK and COMM
 * with the exec flag; perf_event_open(2)). So the names of a process that is gone can still be looked up. One dummy event and
 * one small buffer a CPU; what a process does on several CPUs is put in order by time. */
#include "kern/machine.h"

#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

enum { BUFFER = 64 * 4096 };

typedef struct CpuBuf { int fd; u8 *base; u64 tail, head; } CpuBuf;     /* tail, head: what one poll looks at */

struct MmapWatch {
	CpuBuf *cpu;
	u32 n;
	size_t page;
	u64 lost;
	u8 joined[1 << 16];
};

/* The layouts of perf_event_open(2). The sample_id trailer behind each is its time. */
typedef struct Mmap2 {
	struct perf_event_header h;
	u32 pid, tid;
	u64 addr, len, pgoff;
	u32 maj, min;
	u64 ino, generation;
	u32 prot, flags;
	char filename[];
} Mmap2;
typedef struct Fork { struct perf_event_header h; u32 pid, ppid, tid, ptid; u64 time; } Fork;
typedef struct Comm { struct perf_event_header h; u32 pid, tid; } Comm;

MmapWatch *
kern_mmap_open(s32 pid, int *err)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_SOFTWARE, .size = sizeof(attr), .config = PERF_COUNT_SW_DUMMY,
		.mmap = 1, .mmap2 = 1, .comm = 1, .comm_exec = 1, .task = 1, .inherit = pid > 0, .exclude_kernel = 1,
		.sample_type = PERF_SAMPLE_TIME, .sample_id_all = 1, .use_clockid = 1, .clockid = CLOCK_MONOTONIC,
	};
	MmapWatch *w = calloc(1, sizeof(*w));
	u32 cpus = host_cpus();

	*err = -ENOMEM;
	if (!w || !(w->cpu = calloc(cpus, sizeof(CpuBuf)))) {
		free(w);
		return NULL;
	}
	w->page = (size_t)sysconf(_SC_PAGESIZE);
	for (u32 i = 0; i < cpus; i++) {
		int fd = sys_perf(&attr, pid > 0 ? pid : -1, (s32)i);
		void *p;

		if (fd < 0) {
			*err = fd;
			continue;       /* a CPU that is not there */
		}
		p = mmap(NULL, w->page + BUFFER, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
		if (p == MAP_FAILED) {
			*err = -errno;
			close(fd);
			continue;
		}
		w->cpu[w->n++] = (CpuBuf){ .fd = fd, .base = p };
	}
	if (!w->n) {
		kern_mmap_close(w);
		return NULL;
	}
	*err = 0;
	return w;
}

void
kern_mmap_close(MmapWatch *w)
{
	for (u32 i = 0; w && i < w->n; i++) {
		munmap(w->cpu[i].base, w->page + BUFFER);
		close(w->cpu[i].fd);
	}
	if (w)
		free(w->cpu);
	free(w);
}

static void
tell(const u8 *rec, u32 size, u32 type, u16 misc, const MmapTold *t)
{
	const Mmap2 *m = (const Mmap2 *)rec;
	const Fork *f = (const Fork *)rec;
	const Comm *c = (const Comm *)rec;

	if (type == PERF_RECORD_MMAP2 && size > sizeof(*m) && memchr(m->filename, 0, size - sizeof(*m)))
		t->mapped(t->arg, m->pid, m->addr, m->len, m->pgoff, m->filename);
	else if (type == PERF_RECORD_FORK && size >= sizeof(*f) && f->pid != f->ppid)
		t->forked(t->arg, f->pid, f->ppid);
	else if (type == PERF_RECORD_COMM && size >= sizeof(*c) && (misc & PERF_RECORD_MISC_COMM_EXEC))
		t->execed(t->arg, c->pid);
}

static struct perf_event_header
header(const MmapWatch *w, const CpuBuf *b)
{
	struct perf_event_header h;

	memcpy(&h, b->base + w->page + b->tail % BUFFER, sizeof(h));    /* headers are aligned to 8 and never wrap */
	return h;
}

/* The time of the first record that is left on a CPU; ~0: none is. */
static u64
time_of_next(const MmapWatch *w, CpuBuf *b)
{
	struct perf_event_header h;
	u64 time;

	if (b->tail >= b->head)
		return ~0ull;
	h = header(w, b);
	if (h.size < sizeof(h) + sizeof(time) || h.size > b->head - b->tail) {
		b->tail = b->head;              /* nothing that can be read */
		return ~0ull;
	}
	memcpy(&time, b->base + w->page + (b->tail + h.size - sizeof(time)) % BUFFER, sizeof(time));
	return time;
}

static void
take_next(MmapWatch *w, CpuBuf *b, const MmapTold *t)
{
	const u8 *data = b->base + w->page, *rec;
	struct perf_event_header h = header(w, b);
	size_t at = b->tail % BUFFER;

	rec = data + at;
	if (at + h.size > BUFFER) {
		memcpy(w->joined, rec, BUFFER - at);
		memcpy(w->joined + (BUFFER - at), data, at + h.size - BUFFER);
		rec = w->joined;
	}
	if (h.type == PERF_RECORD_LOST) {
		u64 lost;

		memcpy(&lost, rec + sizeof(h) + 8, 8);
		w->lost += lost;
	}
	tell(rec, h.size - (u32)sizeof(u64), h.type, h.misc, t);
	b->tail += h.size;
}

static struct perf_event_mmap_page *
meta(const CpuBuf *b)
{
	return (struct perf_event_mmap_page *)b->base;
}

/* The earliest record up to `now` of all CPUs; NULL: none is left. */
static CpuBuf *
earliest(MmapWatch *w, u64 now)
{
	CpuBuf *first = NULL;
	u64 best = now;

	for (u32 i = 0; i < w->n; i++) {
		u64 time = time_of_next(w, &w->cpu[i]);

		if (time <= best) {
			best = time;
			first = &w->cpu[i];
		}
	}
	return first;
}

u64
kern_mmap_poll(MmapWatch *w, const MmapTold *t)
{
	struct timespec ts;
	u64 now;
	CpuBuf *b;

	/* What came later waits: its cause may stand in a buffer that was looked at before. */
	clock_gettime(CLOCK_MONOTONIC, &ts);
	now = (u64)ts.tv_sec * 1000000000 + (u64)ts.tv_nsec;
	for (u32 i = 0; i < w->n; i++) {
		w->cpu[i].head = __atomic_load_n(&meta(&w->cpu[i])->data_head, __ATOMIC_ACQUIRE);
		w->cpu[i].tail = meta(&w->cpu[i])->data_tail;
	}
	while ((b = earliest(w, now)))
		take_next(w, b, t);
	for (u32 i = 0; i < w->n; i++)
		__atomic_store_n(&meta(&w->cpu[i])->data_tail, w->cpu[i].tail, __ATOMIC_RELEASE);
	return w->lost;
}
