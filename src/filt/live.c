/* live: packets from an interface, through a packet socket with a ring of blocks shared with the kernel (TPACKET_V3, since
 * Linux 3.2). The filter is attached before the socket is bound, so that no packet passes by it. A VLAN tag that the kernel
 * keeps beside the packet is put back into it. "any" gives packets of all interfaces with a cooked header (LINUX_SLL2). */
#include "filt/capture.h"
#include "filt/filt.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <linux/filter.h>

#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BLOCK = 512 << 10, COOKED = 20 };
struct Live {
	int fd, ifindex, linktype, lo;
	bool cooked, promisc;
	u32 snaplen, blocks;
	u8 *ring;
	u32 block, left;        /* the block in hand, packets left in it */
	u8 *next;
	u8 *copy;               /* room for packets that need a header or a tag */
	u64 received, dropped;
	int want_direction;
};

static int
type_of(int arp)
{
	switch (arp) {
	case ARPHRD_ETHER: case ARPHRD_LOOPBACK: return 1;
	case ARPHRD_NONE: case ARPHRD_TUNNEL: case ARPHRD_TUNNEL6: case ARPHRD_SIT: case 519: /* raw IP */
	case 778: /* GRE */
		return 12;
	case ARPHRD_IEEE80211: return 105;
	case ARPHRD_IEEE80211_RADIOTAP: return 127;
	}
	return -1;
}

static int
find_type(Live *l, const char *dev)
{
	struct ifreq r = {0};

	snprintf(r.ifr_name, sizeof(r.ifr_name), "%s", dev);
	if (ioctl(l->fd, SIOCGIFHWADDR, &r))
		return -errno;
	return type_of(r.ifr_hwaddr.sa_family);
}

static int
set_ring(Live *l, u32 kib, u32 wait_ms)
{
	struct tpacket_req3 r = {0};
	int v = TPACKET_V3;

	l->blocks = MAX(kib * 1024 / BLOCK, 2u);
	r.tp_block_size = BLOCK;
	r.tp_block_nr = l->blocks;
	r.tp_frame_size = 2048;
	r.tp_frame_nr = BLOCK / 2048 * l->blocks;
	r.tp_retire_blk_tov = wait_ms;
	if (setsockopt(l->fd, SOL_PACKET, PACKET_VERSION, &v, sizeof(v)) ||
	    setsockopt(l->fd, SOL_PACKET, PACKET_RX_RING, &r, sizeof(r)))
		return -errno;
	l->ring = mmap(NULL, (size_t)BLOCK * l->blocks, PROT_READ | PROT_WRITE, MAP_SHARED, l->fd, 0);
	if (l->ring == MAP_FAILED) {
		l->ring = NULL;
		return -errno;
	}
	return 0;
}

Live *
live_open(Arena *a, const char *dev, const LiveOpts *o, Buf *err)
{
	Live *l = NEW(a, Live);
	bool any = !strcmp(dev, "any");
	int type = 0;

	l->snaplen = o->snaplen;
	l->promisc = o->promisc && !any;
	l->want_direction = o->direction;
	l->copy = arena_alloc(a, (size_t)o->snaplen + 64);
	l->lo = (int)if_nametoindex("lo");
	l->ifindex = any ? 0 : (int)if_nametoindex(dev);
	if (!any && !l->ifindex) {
		buf_printf(err, "there is no interface '%s'", dev);
		return NULL;
	}
	l->fd = socket(AF_PACKET, (any ? SOCK_DGRAM : SOCK_RAW) | SOCK_CLOEXEC, 0);
	if (l->fd >= 0 && !any)
		type = find_type(l, dev);
	if (l->fd < 0 || type < -1) {
		buf_printf(err, "%s%s", strerror(l->fd < 0 ? errno : -type),
			errno == EPERM ? " (capturing needs CAP_NET_RAW)" : "");
		if (l->fd >= 0)
			close(l->fd);
		return NULL;
	}
	if (!any && type == -1) {
		close(l->fd);
		l->fd = socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
		any = true;
	}
	l->cooked = any;
	l->linktype = any ? 276 : type;
	type = set_ring(l, o->buffer_kib, o->wait_ms);
	if (type < 0) {
		buf_printf(err, "the ring of packets: %s", strerror(-type));
		live_close(l);
		return NULL;
	}
	return l;
}

int live_linktype(const Live *l) { return l->linktype; }
int live_fd(const Live *l) { return l->fd; }

/* Cooked headers are made here, so filters for them run here too: -EOPNOTSUPP. */
int
live_filter(Live *l, const FiltInsn *insn, u32 n)
{
	struct sock_fprog p = { (unsigned short)n, (struct sock_filter *)(uintptr_t)insn };

	if (l->cooked)
		return -EOPNOTSUPP;
	if (n > BPF_MAXINSNS)
		return -E2BIG;
	return setsockopt(l->fd, SOL_SOCKET, SO_ATTACH_FILTER, &p, sizeof(p)) ? -errno : 0;
}

int
live_filter_ebpf(Live *l, int prog_fd)
{
	if (l->cooked)
		return -EOPNOTSUPP;
	return setsockopt(l->fd, SOL_SOCKET, SO_ATTACH_BPF, &prog_fd, sizeof(prog_fd)) ? -errno : 0;
}

int
live_start(Live *l)
{
	struct sockaddr_ll to = { .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL), .sll_ifindex = l->ifindex };
	struct packet_mreq m = { .mr_ifindex = l->ifindex, .mr_type = PACKET_MR_PROMISC };

	if (bind(l->fd, (struct sockaddr *)&to, sizeof(to)))
		return -errno;
	if (l->promisc && setsockopt(l->fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &m, sizeof(m)))
		return -errno;
	return 0;
}

static struct tpacket_block_desc *
desc(Live *l)
{
	return (struct tpacket_block_desc *)(l->ring + (size_t)l->block * BLOCK);
}

/* A cooked header of version 2 in front, or the tag behind the addresses. */
static void
rebuild(Live *l, CapPacket *p, const struct tpacket3_hdr *h, const struct sockaddr_ll *from)
{
	u32 n = MIN(p->caplen, l->snaplen);
	bool tag = h->tp_status & TP_STATUS_VLAN_VALID;
	u32 tpid = h->tp_status & TP_STATUS_VLAN_TPID_VALID ? h->hv1.tp_vlan_tpid : ETH_P_8021Q;
	u8 *c = l->copy;

	if (l->cooked) {
		memset(c, 0, COOKED);
		memcpy(c, &from->sll_protocol, 2);
		c[4] = (u8)(from->sll_ifindex >> 24);
		c[5] = (u8)(from->sll_ifindex >> 16);
		c[6] = (u8)(from->sll_ifindex >> 8);
		c[7] = (u8)from->sll_ifindex;
		c[8] = (u8)(from->sll_hatype >> 8);
		c[9] = (u8)from->sll_hatype;
		c[10] = from->sll_pkttype;
		c[11] = from->sll_halen;
		memcpy(c + 12, from->sll_addr, 8);
		memcpy(c + COOKED, p->data, n);
		p->caplen = n + COOKED;
		p->len += COOKED;
		p->data = c;
	} else if (tag && n >= 12 && l->linktype == 1) {
		memcpy(c, p->data, 12);
		c[12] = (u8)(tpid >> 8);
		c[13] = (u8)tpid;
		c[14] = (u8)(h->hv1.tp_vlan_tci >> 8);
		c[15] = (u8)h->hv1.tp_vlan_tci;
		memcpy(c + 16, p->data + 12, n - 12);
		p->caplen = n + 4;
		p->len += 4;
		p->data = c;
	}
	p->caplen = MIN(p->caplen, l->snaplen);
}

/* 1: a packet; 0: none within the time; -errno */
int
live_next(Live *l, CapPacket *p, int timeout_ms)
{
	for (;;) {
		struct tpacket_block_desc *d = desc(l);
		struct tpacket3_hdr *h;
		struct sockaddr_ll *from;

		if (!l->next) {
			if (!(__atomic_load_n(&d->hdr.bh1.block_status, __ATOMIC_ACQUIRE) & TP_STATUS_USER)) {
				struct pollfd f = { l->fd, POLLIN | POLLERR, 0 };
				int k = poll(&f, 1, timeout_ms);

				if (k < 0)
					return errno == EINTR ? 0 : -errno;
				if (f.revents & POLLERR) {
					int e = 0;
					socklen_t n = sizeof(e);

					getsockopt(l->fd, SOL_SOCKET, SO_ERROR, &e, &n);
					return e ? -e : -ENETDOWN;
				}
				if (!(__atomic_load_n(&d->hdr.bh1.block_status, __ATOMIC_ACQUIRE) & TP_STATUS_USER))
					return 0;
			}
			l->left = d->hdr.bh1.num_pkts;
			l->next = (u8 *)d + d->hdr.bh1.offset_to_first_pkt;
		}
		if (!l->left) {
			__atomic_store_n(&d->hdr.bh1.block_status, TP_STATUS_KERNEL, __ATOMIC_RELEASE);
			l->next = NULL;
			l->block = (l->block + 1) % l->blocks;
			continue;
		}
		h = (struct tpacket3_hdr *)l->next;
		from = (struct sockaddr_ll *)(l->next + TPACKET_ALIGN(sizeof(*h)));
		l->left--;
		l->next += h->tp_next_offset;
		memset(p, 0, sizeof(*p));
		p->direction = from->sll_pkttype == PACKET_OUTGOING ? 2 : 1;
		if (l->want_direction && l->want_direction != p->direction)
			continue;
		/* loopback shows each packet on its way out and on its way in: once is enough */
		if (p->direction == 2 && from->sll_ifindex == l->lo && l->want_direction != 2)
			continue;
		p->ifindex = (u32)from->sll_ifindex;
		p->ns = h->tp_sec * 1000000000ull + h->tp_nsec;
		p->caplen = h->tp_snaplen;
		p->len = h->tp_len;
		p->data = (u8 *)h + h->tp_mac;
		if (l->cooked)
			p->data = (u8 *)h + h->tp_net;
		rebuild(l, p, h, from);
		return 1;
	}
}

void
live_counts(Live *l, u64 *received, u64 *dropped)
{
	struct tpacket_stats_v3 s;
	socklen_t n = sizeof(s);

	if (!getsockopt(l->fd, SOL_PACKET, PACKET_STATISTICS, &s, &n)) {
		l->received += s.tp_packets;
		l->dropped += s.tp_drops;
	}
	*received = l->received;
	*dropped = l->dropped;
}

void
live_close(Live *l)
{
	if (!l)
		return;
	if (l->ring)
		munmap(l->ring, (size_t)BLOCK * l->blocks);
	close(l->fd);
}
