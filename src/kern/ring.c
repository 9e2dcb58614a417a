/* ring: records from the kernel, read in place. BPF_MAP_TYPE_RINGBUF (5.8): one ring for all CPUs, its positions and its
 * data mapped here, the data twice in a row so that no record wraps. Before that BPF_MAP_TYPE_PERF_EVENT_ARRAY: one perf
 * buffer a CPU. */
#include "kern/machine.h"

#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

enum { MAX_RECORD = 1 << 16 };          /* perf_event_header.size has 16 bits */

static size_t
page_size(void)
{
	return (size_t)sysconf(_SC_PAGESIZE);
}

/* ---- ring buffer ---- */

static int
open_ringbuf(Ring *r, const KernMap *map)
{
	size_t page = page_size();
	void *p = mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_SHARED, map->fd, 0);

	if (p == MAP_FAILED)
		return -errno;
	r->consumer = p;
	p = mmap(NULL, page + 2 * (size_t)map->def.max_entries, PROT_READ, MAP_SHARED, map->fd, (off_t)page);
	if (p == MAP_FAILED) {
		int err = -errno;

		munmap(r->consumer, page);
		return err;
	}
	r->producer = p;
	r->data = (u8 *)p + page;
	r->mask = map->def.max_entries - 1;
	r->fd = map->fd;
	return 0;
}

/* Delivers what is there, but at most one ring full of it, so that a caller who must also look at signals gets his turn
 * while producers keep the ring full. A producer wakes us only if our position stands at its record: poll(2) before going
 * to sleep looks at both positions again, so storing ours late costs no wake-up. */
static int
poll_ringbuf(Ring *r)
{
	u64 at = __atomic_load_n(r->consumer, __ATOMIC_RELAXED), stored = at, begin = at;
	u64 end = __atomic_load_n(r->producer, __ATOMIC_ACQUIRE);
	int n = 0, stop = 0;

	while (!stop && at - begin <= r->mask) {
		if (at >= end) {
			end = __atomic_load_n(r->producer, __ATOMIC_ACQUIRE);
			if (at >= end)
				break;
		}
		const u8 *rec = r->data + (at & r->mask);
		u32 len = __atomic_load_n((const u32 *)rec, __ATOMIC_ACQUIRE);

		if (len & BPF_RINGBUF_BUSY_BIT)
			break;
		if (!(len & BPF_RINGBUF_DISCARD_BIT)) {
			stop = r->fn(r->arg, rec + BPF_RINGBUF_HDR_SZ, len);
			n++;
		}
		at += ALIGN((len & ~BPF_RINGBUF_DISCARD_BIT) + BPF_RINGBUF_HDR_SZ, 8);
		if (at - stored > r->mask / 8) {        /* room for the producers now and then, not their cache line each time */
			__atomic_store_n(r->consumer, at, __ATOMIC_RELEASE);
			stored = at;
		}
	}
	if (at != stored)
		__atomic_store_n(r->consumer, at, __ATOMIC_RELEASE);
	return stop ? stop : n;
}

/* ---- perf buffers ---- */

static void
close_perf(Ring *r)
{
	for (u32 i = 0; i < r->n_perf; i++) {
		munmap(r->perf[i].base, page_size() + r->perf_size);
		close(r->perf[i].fd);
	}
	free(r->perf);
	free(r->joined);
	close(r->fd);
}

/* The buffer of one CPU; 1 if that CPU is not there. */
static int
open_perf_cpu(Ring *r, const KernMap *map, u32 cpu)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_SOFTWARE, .size = sizeof(attr), .config = PERF_COUNT_SW_BPF_OUTPUT,
		.sample_type = PERF_SAMPLE_RAW, .sample_period = 1, .wakeup_events = 1,
	};
	struct epoll_event ev = { .events = EPOLLIN };
	union bpf_attr up = { .map_fd = (u32)map->fd };
	int fd = sys_perf(&attr, -1, (s32)cpu), err;
	void *p;

	if (fd == -ENODEV)
		return 1;
	if (fd < 0)
		return fd;
	p = mmap(NULL, page_size() + r->perf_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (p == MAP_FAILED) {
		err = -errno;
		close(fd);
		return err;
	}
	r->perf[r->n_perf++] = (PerfBuf){ fd, p };
	up.key = ptr(&cpu);
	up.value = ptr(&fd);
	err = sys_bpf(BPF_MAP_UPDATE_ELEM, &up);
	if (!err && epoll_ctl(r->fd, EPOLL_CTL_ADD, fd, &ev))
		err = -errno;
	return err;
}

static int
open_perf(Ring *r, const KernMap *map, u32 pages)
{
	u32 cpus = host_cpus();
	int err = 0;

	while (pages & (pages - 1))
		pages &= pages - 1;
	r->perf_size = (pages ? pages : 64) * page_size();
	r->perf = calloc(cpus, sizeof(PerfBuf));
	r->joined = malloc(2 * MAX_RECORD);
	r->fd = epoll_create1(EPOLL_CLOEXEC);
	if (!r->perf || !r->joined || r->fd < 0)
		err = r->fd < 0 ? -errno : -ENOMEM;
	for (u32 cpu = 0; cpu < cpus && err >= 0; cpu++)
		err = open_perf_cpu(r, map, cpu);
	if (err < 0) {
		close_perf(r);
		r->fd = -1;
		return err;
	}
	return 0;
}

/* A record's size is rounded up by the kernel: up to 7 bytes of nothing may follow its end. */
static int
poll_perf_cpu(Ring *r, PerfBuf *b, int *n)
{
	struct perf_event_mmap_page *meta = (struct perf_event_mmap_page *)b->base;
	const u8 *data = b->base + page_size();
	u64 head = __atomic_load_n(&meta->data_head, __ATOMIC_ACQUIRE), tail = meta->data_tail;
	int stop = 0;

	while (tail < head && !stop) {
		size_t at = tail % r->perf_size;
		struct perf_event_header h;

		memcpy(&h, data + at, sizeof(h));       /* headers are aligned to 8 and never wrap */
		if (h.size < sizeof(h))
			break;
		const u8 *rec = data + at;

		if (at + h.size > r->perf_size) {
			memcpy(r->joined, rec, r->perf_size - at);
			memcpy(r->joined + (r->perf_size - at), data, at + h.size - r->perf_size);
			rec = r->joined;
		}
		if (h.type == PERF_RECORD_SAMPLE) {
			u8 *aligned = r->joined + MAX_RECORD;   /* the data lies 12 bytes behind a multiple of 8 */
			u32 size;

			memcpy(&size, rec + sizeof(h), 4);
			size = MIN(size, h.size - (u32)sizeof(h) - 4);
			memcpy(aligned, rec + sizeof(h) + 4, size);
			stop = r->fn(r->arg, aligned, size);
			++*n;
		} else if (h.type == PERF_RECORD_LOST) {
			u64 lost;

			memcpy(&lost, rec + sizeof(h) + 8, 8);
			r->lost += lost;
		}
		tail += h.size;
	}
	__atomic_store_n(&meta->data_tail, tail, __ATOMIC_RELEASE);
	return stop;
}

static int
poll_perf(Ring *r)
{
	int n = 0, stop = 0;

	for (u32 i = 0; i < r->n_perf && !stop; i++)
		stop = poll_perf_cpu(r, &r->perf[i], &n);
	return stop ? stop : n;
}

/* ---- the machine's door ---- */

int
kern_ring_open(Machine *m, int map, u32 pages, RecordFn *fn, void *arg)
{
	KernMachine *k = (KernMachine *)m;
	Ring *r = &k->ring;

	if (map < 0 || (u32)map >= k->maps.n)
		return -EBADF;
	if (r->fd >= 0)
		return -EBUSY;
	r->fn = fn;
	r->arg = arg;
	switch (k->maps.v[map].def.type) {
	case BPF_MAP_TYPE_RINGBUF: return open_ringbuf(r, &k->maps.v[map]);
	case BPF_MAP_TYPE_PERF_EVENT_ARRAY: return open_perf(r, &k->maps.v[map], pages);
	default: return -EINVAL;
	}
}

int
kern_ring_poll(Machine *m)
{
	Ring *r = &((KernMachine *)m)->ring;

	if (r->fd < 0)
		return 0;
	return r->perf ? poll_perf(r) : poll_ringbuf(r);
}

int
kern_ring_fd(Machine *m)
{
	return ((KernMachine *)m)->ring.fd;
}

u64
kern_ring_lost(Machine *m)
{
	KernMachine *k = (KernMachine *)m;

	return k->ring.lost + kern_prog_missed(k);
}

void
kern_ring_close(Ring *r)
{
	if (r->fd < 0)
		return;
	if (r->perf) {
		close_perf(r);
	} else {
		munmap(r->consumer, page_size());
		munmap(r->producer, page_size() + 2 * (r->mask + 1));
	}
	*r = (Ring){ .fd = -1 };
}
