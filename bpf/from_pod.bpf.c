/* A packet leaves a pod: IPv4 in, Ghost IPv6 out, or straight to a neighbour, or as the pod's outside address.
 * Attached to the host end of the pod's link, where packets arrive from the pod (tcx ingress). */
#include "lib/icmp_error.h"
#include "lib/neighbor.h"
#include "lib/outside.h"
#include "lib/short_cut.h"

INLINE int send_ipv4(struct __sk_buff *skb, struct local_pod **local)
{
	struct ipv4 ip;
	struct icmp icmp = {};
	struct route *route;
	int class, error = read_ipv4(skb, &ip);

	if (error)
		return error;
	if (ip.source != settings()->ipv4)
		return -DROP_SOURCE_NOT_OURS;
	error = find_route(ip.destination, &route);
	if (error)
		return error;
	if (route->kind == ROUTE_OUTSIDE && settings()->outside_ipv4)
		return exchange_address(skb, &ip, 1, ip.source, settings()->outside_ipv4) ?: SENT_OUTSIDE;

	if (protocol_changes_meaning(ip.protocol))
		return -DROP_PROTOCOL;
	class = read_icmp(skb, &ip, &icmp);
	if (class < 0)
		return class;
	*local = find_local(route, ip.destination, ip.ttl);
	if (*local)
		return short_cut_ipv4(skb, &ip, *local);
	error = check_only_among_pods(skb, &ip, route);
	if (!error)
		error = class == ICMP_ERROR ? icmp_error_4to6(skb, &ip, route) : siit_4to6(skb, &ip, route, icmp.type);
	if (error)
		return error;
	return route->kind == ROUTE_OUTSIDE ? SENT_OUTSIDE : SENT_TO_VPC;
}

/* Where may a native socket send? Where the same pod's IPv4 may, by the same routes; to pods, only native. */
INLINE int check_native_destination(const struct in6 *to, const struct route *route)
{
	if (to->word[0] != route->prefix[0] && to->word[0] != settings()->ghost.word[0])
		return -DROP_NO_ROUTE;
	if (!is_nat64(to) && !is_ghost(to))
		return -DROP_NOT_GHOST;
	if (!leads_to(route, to))
		return -DROP_OTHER_VPC;
	if (route->kind == ROUTE_VPC && route->vpc != SYSTEM_VPC && !is_native(to))
		return -DROP_NATIVE_MISMATCH;
	return 0;
}

/* An ICMPv6 error of the pod is about a packet that it received from the error's destination. */
INLINE int check_native_error(struct __sk_buff *skb, const struct ipv6 *ip)
{
	struct ipv6 quoted;

	if (skb_load(skb, QUOTE_AT_IPV6, &quoted, IPV6_LEN))
		return -DROP_MALFORMED;
	if (!same_address(&quoted.destination, &ip->source) || !same_address(&quoted.source, &ip->destination))
		return -DROP_ICMP_QUOTE;
	return 0;
}

INLINE int send_ipv6(struct __sk_buff *skb, struct local_pod **local)
{
	struct ipv6 ip;
	struct icmp icmp = {};
	struct route *route;
	int error = read_ipv6(skb, &ip);

	if (!(settings()->flags & SETTING_NATIVE))
		return -DROP_NOT_IP;
	if (!error)
		error = read_icmpv6(skb, &ip, &icmp);
	if (error)
		return error;
	if (ip.next == PROTO_ICMPV6 && icmp.type == ICMPV6_NEIGHBOR_SOLICITATION)
		return answer_neighbor(skb, &ip);
	if ((ip.destination.word[0] & htonl(0xff000000)) == htonl(0xff000000))
		return -DROP_MULTICAST;
	if (!is_own(&ip.source) || !is_native(&ip.source))
		return -DROP_SOURCE_NOT_OURS;
	error = find_route(ip.destination.word[3], &route);
	if (!error)
		error = check_native_destination(&ip.destination, route);
	if (!error && ip.next == PROTO_ICMPV6 && icmp.type > ICMPV6_ECHO_REPLY)
		error = -DROP_ICMP_TYPE;
	if (!error && is_icmpv6_error(&ip, &icmp))
		error = check_native_error(skb, &ip);
	if (error)
		return error;
	*local = find_local(route, ip.destination.word[3], ip.hop_limit);
	if (*local && (*local)->flags & LOCAL_NATIVE)
		return short_cut_ipv6(skb, &ip, *local);
	return SENT_NATIVE;
}

SEC("tcx/ingress")
int from_pod(struct __sk_buff *skb)
{
	struct local_pod *local = 0;
	__u32 length = skb->len;
	int outcome = -DROP_NOT_IP;

	if (skb->vlan_present)
		return drop(skb, FROM_POD, outcome, length);
	if (skb->protocol == htons(ETHERTYPE_IPV4))
		outcome = send_ipv4(skb, &local);
	else if (skb->protocol == htons(ETHERTYPE_IPV6))
		outcome = send_ipv6(skb, &local);
	else if (skb->protocol == htons(ETHERTYPE_ARP))
		outcome = answer_arp(skb);
	if (outcome < 0)
		return drop(skb, FROM_POD, outcome, length);

	count(FROM_POD, outcome, length);
	if (outcome == NEIGHBOR_ANSWERED)
		return redirect(skb->ifindex, 0);
	if (outcome == SENT_SHORT_CUT && local)
		return local->flags & LOCAL_PLAIN ? redirect(local->ifindex, 0) : redirect_peer(local->ifindex, 0);
	return TC_ACT_OK;
}
