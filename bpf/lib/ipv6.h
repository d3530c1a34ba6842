/* Reading an IPv6 packet, with everything checked that later steps rely on. */
#pragma once
#include "ipv4.h"

/* What lies behind the packet in the frame is cut off. */
INLINE int read_ipv6(struct __sk_buff *skb, struct ipv6 *header)
{
	__u32 length;

	if (skb_load(skb, IPV6_AT, header, IPV6_LEN) || ntohl(header->version_class_label) >> 28 != 6)
		return -DROP_MALFORMED;
	length = IPV6_PAYLOAD_AT + ntohs(header->length);
	if (length > skb->len)
		return -DROP_MALFORMED;
	if (!header->hop_limit)
		return -DROP_HOP_LIMIT;
	if (length < skb->len && skb_change_tail(skb, length, 0))
		return -DROP_NO_ROOM;
	return 0;
}

INLINE int is_icmpv6_error(const struct ipv6 *header, const struct icmp *icmp)
{
	return header->next == PROTO_ICMPV6 && icmp->type < ICMPV6_ERRORS_BELOW;
}

/* The ICMPv6 header, when one follows directly. */
INLINE int read_icmpv6(struct __sk_buff *skb, const struct ipv6 *header, struct icmp *icmp)
{
	if (header->next == PROTO_ICMPV6 && skb_load(skb, IPV6_PAYLOAD_AT, icmp, ICMP_LEN))
		return -DROP_MALFORMED;
	return 0;
}
