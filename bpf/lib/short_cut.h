/* From pod to pod of one node without translation. The receiver's to_pod does not run (unless its device has no peer),
 * so everything it would refuse is refused here: then the packet takes the long way and meets it. */
#pragma once
#include "neighbor.h"
#include "route.h"

/* The local pod that a packet can be handed to at once, or 0. */
INLINE struct local_pod *find_local(const struct route *route, __u32 destination, __u8 hops_left)
{
	struct local_key key = { route->vpc, destination };

	if (!(settings()->flags & SETTING_SHORT_CUT) || route->kind != ROUTE_VPC || hops_left <= 1)
		return 0; /* a packet at the end of its hops goes to the kernel, which tells its sender */
	if (!may_reach(settings()->vpc, route->vpc))
		return 0;
	return map_lookup(&local_pods, &key);
}

INLINE int short_cut_ipv4(struct __sk_buff *skb, const struct ipv4 *ip, const struct local_pod *local)
{
	__u16 before = ip->ttl | ip->protocol << 8, after = (ip->ttl - 1) | ip->protocol << 8;

	if (l3_csum_replace(skb, IPV4_AT + 10, before, after, 2) || skb_store(skb, IPV4_AT + 8, &after, 2, 0))
		return -DROP_NO_ROOM;
	return write_macs(skb, local->mac) ?: SENT_SHORT_CUT;
}

INLINE int short_cut_ipv6(struct __sk_buff *skb, const struct ipv6 *ip, const struct local_pod *local)
{
	__u8 hop_limit = ip->hop_limit - 1;

	if (skb_store(skb, IPV6_AT + 7, &hop_limit, 1, 0))
		return -DROP_NO_ROOM;
	return write_macs(skb, local->mac) ?: SENT_SHORT_CUT;
}
