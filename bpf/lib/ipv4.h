/* Reading an IPv4 packet, with everything checked that later steps rely on. */
#pragma once
#include "checksum.h"
#include "outcome.h"

enum icmp_class { NO_ICMP, ICMP_QUERY, ICMP_ERROR };

/* Protocols that would mean something else behind an IPv6 header than they did behind IPv4's: extension headers, and
 * ICMPv6. RFC 7915 translates the number unchanged; letting them through would let a pod forge either. */
INLINE int protocol_changes_meaning(__u8 protocol)
{
	return protocol == PROTO_HOP_BY_HOP || protocol == PROTO_ROUTING || protocol == PROTO_FRAGMENT ||
	       protocol == PROTO_AUTHENTICATION || protocol == PROTO_ICMPV6 || protocol == PROTO_DESTINATION ||
	       protocol == PROTO_MOBILITY || protocol == PROTO_HIP || protocol == PROTO_SHIM6;
}

/* The first bytes of a transport header, up to and with its checksum, have to be there. */
INLINE int transport_too_short(__u8 protocol, __u32 length)
{
	if (protocol == PROTO_TCP)
		return length < 20;
	if (protocol == PROTO_UDP || protocol == PROTO_ICMP || protocol == PROTO_ICMPV6)
		return length < 8;
	return 0;
}

INLINE int is_fragment(const struct ipv4 *header)
{
	return !!(header->fragment & htons(IPV4_MORE_FRAGMENTS | IPV4_OFFSET));
}

INLINE int is_first(const struct ipv4 *header)
{
	return !(header->fragment & htons(IPV4_OFFSET));
}

/* What lies behind the packet in the frame is cut off: it would not be translated. */
INLINE int read_ipv4(struct __sk_buff *skb, struct ipv4 *header)
{
	__u32 length;

	if (skb_load(skb, IPV4_AT, header, IPV4_LEN) || header->version_length >> 4 != 4 || (header->version_length & 15) < 5)
		return -DROP_MALFORMED;
	if (header->version_length != IPV4_PLAIN)
		return -DROP_IPV4_OPTIONS;
	length = ntohs(header->length);
	if (length < IPV4_LEN || ETH_LEN + length > skb->len)
		return -DROP_MALFORMED;
	if (fold((__u32)csum_diff(0, 0, header, IPV4_LEN, 0)) != 0xffff)
		return -DROP_MALFORMED;
	if (is_first(header) && transport_too_short(header->protocol, length - IPV4_LEN))
		return -DROP_MALFORMED;
	if (!header->ttl)
		return -DROP_HOP_LIMIT;
	if (ETH_LEN + length < skb->len && skb_change_tail(skb, ETH_LEN + length, 0))
		return -DROP_NO_ROOM;
	return 0;
}

/* Queries are echo and its answer; all others cannot be said in ICMPv6 (RFC 7915, 4.2) or are not a pod's to send. */
INLINE int read_icmp(struct __sk_buff *skb, const struct ipv4 *header, struct icmp *icmp)
{
	if (header->protocol != PROTO_ICMP || !is_first(header))
		return NO_ICMP;
	if (skb_load(skb, IPV4_PAYLOAD_AT, icmp, ICMP_LEN))
		return -DROP_MALFORMED;
	if (icmp->type == ICMP_ECHO || icmp->type == ICMP_ECHO_REPLY)
		return ICMP_QUERY;
	if (icmp->type != ICMP_UNREACHABLE && icmp->type != ICMP_TIME_EXCEEDED && icmp->type != ICMP_PARAMETER)
		return -DROP_ICMP_TYPE;
	return is_fragment(header) ? -DROP_ICMP_FRAGMENT : ICMP_ERROR;
}
