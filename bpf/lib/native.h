/* IPv6 that a pod sends and that is not translated among pods: where it may go, and what it may say of others. */
#pragma once
#include "ipv6.h"
#include "route.h"

/* Where may it go? Where the same pod's IPv4 may, by the same routes; to pods, only native to native. */
INLINE int check_destination(const struct in6 *from, const struct in6 *to, const struct route *route)
{
	if (to->word[0] != route->prefix[0] && to->word[0] != settings()->ghost.word[0])
		return -DROP_NO_ROUTE;
	if (!is_nat64(to) && !is_ghost(to))
		return -DROP_NOT_GHOST;
	if (!leads_to(route, to))
		return -DROP_OTHER_VPC;
	if (route->kind == ROUTE_VPC && route->vpc != SYSTEM_VPC && is_native(to) != is_native(from))
		return -DROP_NATIVE_MISMATCH;
	return 0;
}

/* An ICMPv6 error of the pod is about a packet that it received from the error's destination. */
INLINE int check_error(struct __sk_buff *skb, const struct ipv6 *ip)
{
	struct ipv6 quoted;

	if (skb_load(skb, IPV6_PAYLOAD_AT + ICMP_LEN, &quoted, IPV6_LEN))
		return -DROP_MALFORMED;
	if (!same_address(&quoted.destination, &ip->source) || !same_address(&quoted.source, &ip->destination))
		return -DROP_ICMP_QUOTE;
	return 0;
}

/* Behind an extension header nobody would see what is checked here, so there is none but a fragment's. Errors are no
 * fragments, for then they could quote anything. */
INLINE int check_headers(struct __sk_buff *skb, const struct ipv6 *ip)
{
	__u32 length = ntohs(ip->length);
	struct fragment fragment = {};
	__u8 next = ip->next, type;

	if (next == PROTO_FRAGMENT) {
		if (length < FRAGMENT_LEN || skb_load(skb, IPV6_PAYLOAD_AT, &fragment, FRAGMENT_LEN))
			return -DROP_MALFORMED;
		next = fragment.next;
		length -= FRAGMENT_LEN;
	}
	if (next != PROTO_ICMPV6 && protocol_changes_meaning(next))
		return -DROP_PROTOCOL;
	if (fragment.offset_more & htons(0xfff8))
		return 0;
	if (transport_too_short(next, length))
		return -DROP_MALFORMED;
	if (ip->next != PROTO_FRAGMENT || next != PROTO_ICMPV6)
		return 0;
	if (skb_load(skb, IPV6_PAYLOAD_AT + FRAGMENT_LEN, &type, 1))
		return -DROP_MALFORMED;
	return type == ICMPV6_ECHO || type == ICMPV6_ECHO_REPLY ? 0 : -DROP_ICMP_FRAGMENT;
}

/* A packet from one of the pod's own addresses: echoes, errors about what it received, and any other protocol. */
INLINE int check_sent(struct __sk_buff *skb, const struct ipv6 *ip, const struct icmp *icmp, struct route **route)
{
	int error = find_route(ip->destination.word[3], route);

	if (!error)
		error = check_destination(&ip->source, &ip->destination, *route);
	if (!error)
		error = check_headers(skb, ip);
	if (!error && ip->next == PROTO_ICMPV6 && icmp->type > ICMPV6_ECHO_REPLY)
		error = -DROP_ICMP_TYPE;
	if (!error && is_icmpv6_error(ip, icmp))
		error = check_error(skb, ip);
	return error;
}
