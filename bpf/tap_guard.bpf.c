/* A packet leaves a virtual machine that translates inside: Ghost IPv6 in, the same out, if it is the machine's own.
 * Attached to its TAP device, where packets arrive from the guest (tcx ingress). */
#include "lib/native.h"
#include "lib/neighbor.h"

/* Its own addresses: with the flag clear behind its translator, and native where it has that. */
INLINE int is_own_source(const struct in6 *source)
{
	return is_own(source) && (!is_native(source) || settings()->flags & SETTING_NATIVE);
}

INLINE int guard_ipv6(struct __sk_buff *skb)
{
	struct ipv6 ip;
	struct icmp icmp = {};
	struct route *route;
	int error = read_ipv6(skb, &ip);

	if (!error)
		error = read_icmpv6(skb, &ip, &icmp);
	if (error)
		return error;
	if (ip.next == PROTO_ICMPV6 && icmp.type == ICMPV6_NEIGHBOR_SOLICITATION)
		return answer_neighbor(skb, &ip);
	if (is_multicast(&ip.destination))
		return -DROP_MULTICAST;
	if (!is_own_source(&ip.source))
		return -DROP_SOURCE_NOT_OURS;
	error = check_sent(skb, &ip, &icmp, &route);
	if (error)
		return error;
	if (is_native(&ip.source))
		return SENT_NATIVE;
	return route->kind == ROUTE_OUTSIDE ? SENT_OUTSIDE : SENT_TO_VPC;
}

SEC("tcx/ingress")
int tap_guard(struct __sk_buff *skb)
{
	__u32 length = skb->len;
	int outcome = -DROP_NOT_IP;

	if (!skb->vlan_present && skb->protocol == htons(ETHERTYPE_IPV6))
		outcome = guard_ipv6(skb);
	if (outcome < 0)
		return drop(skb, FROM_POD, outcome, length);
	count(FROM_POD, outcome, length);
	return outcome == NEIGHBOR_ANSWERED ? redirect(skb->ifindex, 0) : TC_ACT_OK;
}
