/* A packet leaves a pod: IPv4 in, Ghost IPv6 out, or straight to a neighbour, or as one of the pod's outside addresses.
 * Attached to the host end of the pod's link, where packets arrive from the pod (tcx ingress). */
#include "lib/nat64.h"
#include "lib/native.h"
#include "lib/neighbor.h"
#include "lib/outside.h"
#include "lib/short_cut.h"

INLINE int translate(struct __sk_buff *skb, const struct ipv4 *ip, const struct route *route, __u8 icmp_type)
{
	struct ends6 ends = routed(route, ip->destination);

	return siit_4to6(skb, ip, &ends, icmp_type);
}

INLINE int translate_error(struct __sk_buff *skb, const struct ipv4 *ip, const struct route *route)
{
	struct ends6 ends = routed(route, ip->destination);
	struct error4 quote;

	return read_own_error4(skb, ip, &quote) ?: icmp_error_4to6(skb, ip, &quote, &ends, &ends.source);
}

/* What the translation of an error checks, where nothing is translated. */
INLINE int check_own_error(struct __sk_buff *skb, const struct ipv4 *ip)
{
	struct error4 quote;

	return read_own_error4(skb, ip, &quote);
}

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
		return (class == ICMP_ERROR ? check_own_error(skb, &ip) : 0) ?: short_cut_ipv4(skb, &ip, *local);
	error = is_among_pods(route) ? 0 : check_translatable(skb, &ip);
	if (!error)
		error = class == ICMP_ERROR ? translate_error(skb, &ip, route) : translate(skb, &ip, route, icmp.type);
	if (!error && !is_among_pods(route))
		error = give_checksum(skb);
	if (error)
		return error;
	return route->kind == ROUTE_OUTSIDE ? SENT_OUTSIDE : SENT_TO_VPC;
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
	if (is_multicast(&ip.destination))
		return is_multicast_report(&ip.destination) ? IGNORED_MULTICAST_REPORT : -DROP_MULTICAST;
	if (!is_own(&ip.source) || !is_native(&ip.source))
		return -DROP_SOURCE_NOT_OURS;
	error = check_sent(skb, &ip, &icmp, &route);
	if (error)
		return error;
	if (route->kind == ROUTE_OUTSIDE && settings()->outside_native_ipv4)
		return nat64_leave(skb, &ip, &icmp) ?: SENT_OUTSIDE;
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
	return outcome == IGNORED_MULTICAST_REPORT ? TC_ACT_SHOT : TC_ACT_OK;
}
