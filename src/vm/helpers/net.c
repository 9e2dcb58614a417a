/* net: helpers about sockets, devices and routes. There are none here: look-ups find nothing, which every program must
 * expect. What only marks the packet is done. */
#include "vm/helpers/helpers.h"
#include "vm/packet.h"

#include <errno.h>

DEFINE_HELPER(sk_lookup_tcp) { return 0; }
DEFINE_HELPER(sk_lookup_udp) { return 0; }
DEFINE_HELPER(skc_lookup_tcp) { return 0; }
DEFINE_HELPER(sk_release) { return 0; }
DEFINE_HELPER(sk_fullsock) { return 0; }
DEFINE_HELPER(tcp_sock) { return 0; }
DEFINE_HELPER(get_listener_sock) { return 0; }
DEFINE_HELPER(skc_to_tcp6_sock) { return 0; }
DEFINE_HELPER(skc_to_tcp_sock) { return 0; }
DEFINE_HELPER(skc_to_tcp_timewait_sock) { return 0; }
DEFINE_HELPER(skc_to_tcp_request_sock) { return 0; }
DEFINE_HELPER(skc_to_udp6_sock) { return 0; }
DEFINE_HELPER(skc_to_unix_sock) { return 0; }
DEFINE_HELPER(skc_to_mptcp_sock) { return 0; }
DEFINE_HELPER(sk_storage_get) { return 0; }
DEFINE_HELPER(sk_storage_delete) { return ERR(ENOENT); }
DEFINE_HELPER(get_netns_cookie) { return 1; }           /* that of the first namespace */
DEFINE_HELPER(get_socket_cookie) { return 0; }
DEFINE_HELPER(get_socket_uid) { return 65534; }         /* overflowuid: no socket, no user */
DEFINE_HELPER(get_cgroup_classid) { return 0; }
DEFINE_HELPER(skb_cgroup_classid) { return 0; }
DEFINE_HELPER(skb_cgroup_id) { return 0; }
DEFINE_HELPER(get_route_realm) { return 0; }
DEFINE_HELPER(perf_event_read) { return ERR(ENOENT); }
DEFINE_HELPER(skb_get_tunnel_key) { return ERR(EINVAL); }
DEFINE_HELPER(skb_get_tunnel_opt) { return ERR(ENOENT); }
DEFINE_HELPER(sk_select_reuseport) { return ERR(ENOENT); }
DEFINE_HELPER(fib_lookup) { return ERR(ENODEV); }
DEFINE_HELPER(clone_redirect) { return ERR(EINVAL); }
DEFINE_HELPER(skb_ecn_set_ce) { return 0; }
DEFINE_HELPER(get_local_storage)
{
	VmMap *m = PTR(r1);

	return m->ops == &map_inert ? (u64)(uintptr_t)vm_map_lookup(m, NULL) : 0;
}

/* What a program returns to have it sent elsewhere. */
DEFINE_HELPER(redirect)
{
	return c->prog->prog_type == BPF_PROG_TYPE_XDP ? 4 /* XDP_REDIRECT */ : 7 /* TC_ACT_REDIRECT */;
}

/* No entry: the action in the flags' low bits. */
DEFINE_HELPER(redirect_map) { return r3 & 3; }

static struct __sk_buff *
skb(VmContext *c)
{
	return c->data_room && c->prog->prog_type != BPF_PROG_TYPE_XDP ? (struct __sk_buff *)c->ctx : NULL;
}

/* The tag is kept beside the packet, as an accelerated one. */
DEFINE_HELPER(skb_vlan_push)
{
	struct __sk_buff *s = skb(c);

	if (!s)
		return ERR(EINVAL);
	s->vlan_proto = (u16)r2 ? (u16)r2 : 0x81;
	s->vlan_tci = (u16)r3;
	s->vlan_present = 1;
	return 0;
}

DEFINE_HELPER(skb_vlan_pop)
{
	struct __sk_buff *s = skb(c);

	if (s)
		s->vlan_present = s->vlan_tci = s->vlan_proto = 0;
	return 0;
}

DEFINE_HELPER(get_hash_recalc)
{
	struct __sk_buff *s = skb(c);

	if (!s)
		return 0;
	if (!s->hash)
		s->hash = base_hash(c->data, (size_t)MIN(c->data_end - c->data, 40));
	return s->hash;
}

DEFINE_HELPER(set_hash_invalid)
{
	if (skb(c))
		skb(c)->hash = 0;
	return 0;
}

DEFINE_HELPER(set_hash)
{
	if (skb(c))
		skb(c)->hash = (u32)r2;
	return 0;
}

DEFINE_HELPER(skb_change_type)
{
	if (r2 > 3 || !skb(c))
		return ERR(EINVAL);
	skb(c)->pkt_type = (u32)r2;
	return 0;
}

DEFINE_HELPER(skb_change_tail)
{
	u8 *to = c->data + (u32)r2;

	if (!c->data_room || to > c->data_max || (u32)r2 < 14 || r3)
		return ERR(EINVAL);
	if (to > c->data_end)
		memset(c->data_end, 0, (size_t)(to - c->data_end));
	c->data_end = to;
	vm_packet_sync(c, 0);
	return 0;
}

/* Room in front of the packet, zeroed. */
DEFINE_HELPER(skb_change_head)
{
	if (!c->data_room || r3 || (u32)r2 > (u64)(c->data - c->data_room))
		return ERR(EINVAL);
	c->data -= (u32)r2;
	memset(c->data, 0, (u32)r2);
	vm_packet_sync(c, VM_PACKET_HEAD);
	return 0;
}
