/* A packet arrives for a pod: Ghost IPv6 in, IPv4 out, if it comes from where the pod may be reached.
 * Attached to the host end of the pod's link, where packets leave towards the pod (tcx egress). */
#include "lib/nat64.h"
#include "lib/neighbor.h"
#include "lib/outside.h"

/* Whom the pod sees as the source of an error from somebody who has no address in its world (RFC 7600). */
#define DUMMY_REPORTER htonl(0xc0000008)

/* Nobody outside is heard whom the pod could not answer there: such a source is forged. An ICMP error is judged by what
 * it quotes, and nothing else of ICMP comes unasked. */
INLINE int check_outside(const struct ipv4 *ip)
{
	struct route *route;
	int error = ip->protocol == PROTO_ICMP ? 0 : find_route(ip->source, &route);

	if (error || ip->protocol == PROTO_ICMP)
		return error;
	return route->kind == ROUTE_OUTSIDE ? 0 : -DROP_OTHER_VPC;
}

/* IPv4 comes only from the kernel, un-masqueraded, and over a short cut without a peer device: no IPv4 route leads
 * here for the pod's own address. */
INLINE int receive_ipv4(struct __sk_buff *skb)
{
	struct ipv4 ip;
	int native, error = read_ipv4(skb, &ip);

	if (error)
		return error;
	if (settings()->flags & SETTING_PLAIN && ip.destination == settings()->ipv4)
		return RECEIVED_SHORT_CUT;
	native = settings()->flags & SETTING_NATIVE && settings()->outside_native_ipv4 &&
		 ip.destination == settings()->outside_native_ipv4;
	if (!native && (!settings()->outside_ipv4 || ip.destination != settings()->outside_ipv4))
		return -DROP_DESTINATION_NOT_OURS;
	error = check_outside(&ip);
	if (error)
		return error;
	if (native)
		return nat64_arrive(skb, &ip) ?: RECEIVED_FROM_OUTSIDE;
	return exchange_address(skb, &ip, 0, ip.destination, settings()->ipv4) ?: RECEIVED_FROM_OUTSIDE;
}

/* Errors are judged by the packet that they quote; what their sender may say besides is its address. */
INLINE int receive_error(struct __sk_buff *skb, const struct ipv6 *ip)
{
	struct error6 quote;
	struct ends4 ends = { DUMMY_REPORTER, settings()->ipv4 };
	int error = read_error6(skb, ip, &quote) ?: check_quoted_destination(&quote.ip.destination, is_native(&ip->destination));

	if (error)
		return error;
	if (is_ghost(&ip->source)) {
		if (!may_reach(ghost_vpc(&ip->source), settings()->vpc))
			return -DROP_OTHER_VPC;
		if (ghost_vpc(&ip->source) != SYSTEM_VPC)
			ends.source = ip->source.word[3];
	} else if (is_nat64(&ip->source)) {
		ends.source = ip->source.word[3];
	}
	if (is_native(&ip->destination))
		return RECEIVED_NATIVE;
	return icmp_error_6to4(skb, ip, &quote, &ends, quote.ip.destination.word[3]) ?: RECEIVED_FROM_VPC;
}

/* NAT64 elsewhere answers only those whom the outside does not know by an IPv4 address. */
INLINE int check_sender(const struct ipv6 *ip)
{
	const struct in6 *from = &ip->source;
	int native = is_native(&ip->destination);

	if (is_nat64(from))
		return (native ? settings()->outside_native_ipv4 : settings()->outside_ipv4) ? -DROP_NOT_GHOST : 0;
	if (!is_ghost(from))
		return -DROP_NOT_GHOST;
	if (!may_reach(ghost_vpc(from), settings()->vpc))
		return -DROP_OTHER_VPC;
	if (ghost_vpc(from) != SYSTEM_VPC && is_native(from) != native)
		return -DROP_NATIVE_MISMATCH;
	return 0;
}

INLINE int is_neighbor_answer(const struct ipv6 *ip, const struct icmp *icmp)
{
	return ip->next == PROTO_ICMPV6 && icmp->type == ICMPV6_NEIGHBOR_ADVERTISEMENT && ip->hop_limit == 255;
}

INLINE int receive_ipv6(struct __sk_buff *skb)
{
	struct arrived arrived = {};
	int error = read_ipv6(skb, &arrived.ip), pod;

	if (!error)
		error = read_icmpv6(skb, &arrived.ip, &arrived.icmp);
	if (error)
		return error;
	if (settings()->flags & SETTING_NATIVE && is_neighbor_answer(&arrived.ip, &arrived.icmp))
		return RECEIVED_NEIGHBOR;
	if (is_multicast(&arrived.ip.destination))
		return is_multicast_report(&arrived.ip.destination) ? IGNORED_MULTICAST_REPORT : -DROP_MULTICAST;
	if (!is_own(&arrived.ip.destination))
		return -DROP_DESTINATION_NOT_OURS;
	if (is_native(&arrived.ip.destination) && !(settings()->flags & SETTING_NATIVE))
		return -DROP_NATIVE_MISMATCH;
	if (is_icmpv6_error(&arrived.ip, &arrived.icmp))
		return receive_error(skb, &arrived.ip);
	error = check_sender(&arrived.ip);
	if (error)
		return error;
	if (is_native(&arrived.ip.destination))
		return RECEIVED_NATIVE;
	pod = is_ghost(&arrived.ip.source) && ghost_vpc(&arrived.ip.source) != SYSTEM_VPC;
	error = read_arrived(skb, &arrived, pod);
	if (error)
		return error;
	arrived.ends = (struct ends4){ arrived.ip.source.word[3], settings()->ipv4 };
	return siit_6to4(skb, &arrived) ?: RECEIVED_FROM_VPC;
}

SEC("tcx/egress")
int to_pod(struct __sk_buff *skb)
{
	__u32 length = skb->len;
	int outcome = -DROP_NOT_IP;

	if (skb->protocol == htons(ETHERTYPE_IPV6))
		outcome = receive_ipv6(skb);
	else if (skb->protocol == htons(ETHERTYPE_IPV4))
		outcome = receive_ipv4(skb);
	else if (skb->protocol == htons(ETHERTYPE_ARP))
		outcome = RECEIVED_NEIGHBOR; /* only the gateway's own answers: the device asks nobody (NOARP) */
	if (outcome >= 0 && outcome != RECEIVED_NEIGHBOR && write_macs(skb, settings()->pod_mac))
		outcome = -DROP_NO_ROOM;
	if (outcome < 0)
		return drop(skb, TO_POD, outcome, length);
	count(TO_POD, outcome, length);
	return outcome == IGNORED_MULTICAST_REPORT ? TC_ACT_SHOT : TC_ACT_OK;
}
