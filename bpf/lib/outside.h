/* Towards the outside a pod has a source address that is unique on its node; the kernel masquerades it. One address is
 * exchanged for another, in the packet and in what an ICMP error quotes. */
#pragma once
#include "neighbor.h"
#include "quote.h"

#define IPV4_SOURCE_AT (IPV4_AT + 12)
#define IPV4_DESTINATION_AT (IPV4_AT + 16)
#define IPV4_CHECKSUM_AT (IPV4_AT + 10)
#define ICMP_QUOTE_AT (IPV4_PAYLOAD_AT + ICMP_LEN)
#define ICMP_QUOTED_TRANSPORT_AT (ICMP_QUOTE_AT + IPV4_LEN)

/* An error quotes a packet that went the other way, so there the other address is exchanged. */
INLINE int exchange_quoted(struct __sk_buff *skb, const struct ipv4 *outer, int source, __u32 from, __u32 to)
{
	struct ipv4 before, after;
	struct quoted quoted;
	__s64 difference;
	__u32 *address, length = ntohs(outer->length) - IPV4_LEN;

	if (length < ICMP_LEN + IPV4_LEN + QUOTED_TRANSPORT_MIN || skb_load(skb, ICMP_QUOTE_AT, &before, IPV4_LEN))
		return -DROP_MALFORMED;
	after = before;
	address = source ? &after.destination : &after.source;
	if (before.version_length != IPV4_PLAIN || *address != from)
		return -DROP_ICMP_QUOTE;
	if (source && before.source != outer->destination)
		return -DROP_ICMP_QUOTE; /* a pod speaks of what it received from there, and of nothing else */
	*address = to;
	difference = csum_diff(&from, 4, &to, 4, 0);
	after.checksum = changed(before.checksum, difference);
	if (read_quoted(skb, ICMP_QUOTED_TRANSPORT_AT, is_first(&before) ? length - ICMP_LEN - IPV4_LEN : 0,
			before.protocol, &quoted))
		return -DROP_MALFORMED;
	if (before.protocol == PROTO_ICMP)
		quoted.changes = 0; /* ICMP's checksum covers no addresses */
	change_quoted(&quoted, before.protocol, difference);
	difference = csum_diff(&before, IPV4_LEN, &after, IPV4_LEN, 0);
	difference = csum_diff(&quoted.before, 4, &quoted.after, 4, difference);
	if (l4_csum_replace(skb, IPV4_PAYLOAD_AT + 2, 0, difference, 0) ||
	    skb_store(skb, ICMP_QUOTE_AT, &after, IPV4_LEN, 0))
		return -DROP_NO_ROOM;
	return write_quoted(skb, ICMP_QUOTED_TRANSPORT_AT, &quoted);
}

/* source: the packet's source is exchanged, else its destination. */
INLINE int exchange_address(struct __sk_buff *skb, const struct ipv4 *ip, int source, __u32 from, __u32 to)
{
	struct icmp icmp;
	int class = read_icmp(skb, ip, &icmp), error;

	if (class < 0)
		return class;
	if (class == ICMP_ERROR) {
		error = exchange_quoted(skb, ip, source, from, to);
		if (error)
			return error;
	}
	if (is_first(ip) && ip->protocol == PROTO_TCP &&
	    l4_csum_replace(skb, IPV4_PAYLOAD_AT + 16, from, to, BPF_F_PSEUDO_HDR | 4))
		return -DROP_NO_ROOM;
	if (is_first(ip) && ip->protocol == PROTO_UDP &&
	    l4_csum_replace(skb, IPV4_PAYLOAD_AT + 6, from, to, BPF_F_PSEUDO_HDR | BPF_F_MARK_MANGLED_0 | 4))
		return -DROP_NO_ROOM;
	if (l3_csum_replace(skb, IPV4_CHECKSUM_AT, from, to, 4) ||
	    skb_store(skb, source ? IPV4_SOURCE_AT : IPV4_DESTINATION_AT, &to, 4, 0))
		return -DROP_NO_ROOM;
	return 0;
}
