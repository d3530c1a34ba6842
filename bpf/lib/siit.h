/* IPv4 to IPv6 and back for packets that are no ICMP errors: RFC 7915, 4.1 and 5.1.
 *
 * Two things go beyond it, because both ends of the Ghost network are ours: a UDP checksum of zero stays zero, and a
 * fragmented ICMP query is summed with a pseudo header of length 0, for nobody here knows the length of the whole.
 * Hop limits are not decremented: the kernel's routing does that. */
#pragma once
#include "ghost.h"
#include "ipv6.h"
#include "route.h"
#include "translatable.h"

/* Packets of at most this many bytes of IPv4 may be fragmented further on, longer ones may not (RFC 7915, 5.1). */
#define FRAGMENTABLE_MAX 1260

INLINE int set_ethertype(struct __sk_buff *skb, __u16 ethertype)
{
	__u16 value = htons(ethertype);

	return skb_store(skb, 12, &value, 2, 0) ? -DROP_NO_ROOM : 0;
}

/* Do both ends of a route belong to pods? */
INLINE int is_among_pods(const struct route *route)
{
	return route->kind == ROUTE_VPC && route->vpc != SYSTEM_VPC;
}

/* From the pod's address to where a route leads. */
INLINE struct ends6 routed(const struct route *route, __u32 destination)
{
	return (struct ends6){ settings()->ghost, { { route->prefix[0], route->prefix[1], route->prefix[2], destination } } };
}

/* The transport's checksum, and ICMP's type, behind new headers; at: where the transport header lies. */
INLINE int transport_4to6(struct __sk_buff *skb, const struct ipv4 *old, const struct ipv6 *new, __u8 icmp_type, int at)
{
	__s64 difference = csum_diff(&old->source, 8, &new->source, 32, 0);

	if (old->protocol == PROTO_TCP)
		return l4_csum_replace(skb, at + 16, 0, difference, BPF_F_PSEUDO_HDR) ? -DROP_NO_ROOM : 0;
	if (old->protocol == PROTO_UDP)
		return l4_csum_replace(skb, at + 6, 0, difference, BPF_F_PSEUDO_HDR | BPF_F_MARK_MANGLED_0) ? -DROP_NO_ROOM : 0;
	if (old->protocol == PROTO_ICMP) {
		__u8 type = icmp_type == ICMP_ECHO ? ICMPV6_ECHO : ICMPV6_ECHO_REPLY;
		__u32 before = icmp_type, after = type;
		__u32 length = is_fragment(old) ? 0 : htonl(ntohs(old->length) - IPV4_LEN);
		struct pseudo pseudo = { new->source, new->destination, length, htonl(PROTO_ICMPV6) };

		difference = csum_diff(&before, 4, &after, 4, csum_diff(0, 0, &pseudo, sizeof(pseudo), 0));
		if (skb_store(skb, at, &type, 1, 0) || l4_csum_replace(skb, at + 2, 0, difference, 0))
			return -DROP_NO_ROOM;
	}
	return 0;
}

INLINE int siit_4to6(struct __sk_buff *skb, const struct ipv4 *old, const struct ends6 *ends, __u8 icmp_type)
{
	int fragmented = is_fragment(old);
	__u16 length = ntohs(old->length) - IPV4_LEN, bits = ntohs(old->fragment);
	struct ipv6 new = {
		htonl(0x60000000 | (__u32)old->tos << 20), htons(length + (fragmented ? FRAGMENT_LEN : 0)),
		old->protocol == PROTO_ICMP ? PROTO_ICMPV6 : old->protocol, old->ttl,
		ends->source, ends->destination,
	};

	if (skb_change_proto(skb, htons(ETHERTYPE_IPV6), 0))
		return -DROP_NO_ROOM;
	if (fragmented) {
		struct fragment fragment = { new.next, 0,
			htons((bits & IPV4_OFFSET) << 3 | !!(bits & IPV4_MORE_FRAGMENTS)), htonl(ntohs(old->id)) };

		new.next = PROTO_FRAGMENT;
		if (skb_adjust_room(skb, FRAGMENT_LEN, 0, 0) || skb_store(skb, IPV6_PAYLOAD_AT, &fragment, FRAGMENT_LEN, 0))
			return -DROP_NO_ROOM;
	}
	if (set_ethertype(skb, ETHERTYPE_IPV6) || skb_store(skb, IPV6_AT, &new, IPV6_LEN, 0))
		return -DROP_NO_ROOM;
	if (!is_first(old))
		return 0;
	return transport_4to6(skb, old, &new, icmp_type, IPV6_PAYLOAD_AT + (fragmented ? FRAGMENT_LEN : 0));
}

/* What is known of an IPv6 packet before it is changed. */
struct arrived {
	struct ipv6 ip;
	struct fragment fragment;
	struct icmp icmp;
	struct ends4 ends;
	__u8 fragmented, first, protocol;
	__u16 length;      /* of what follows the headers */
};

/* Extension headers cannot be said in IPv4; ICMP's and IGMP's IPv4 numbers have no business in IPv6. */
INLINE int protocol_for_ipv4(__u8 next)
{
	return next != PROTO_ICMP && next != PROTO_IGMP && (next == PROTO_ICMPV6 || !protocol_changes_meaning(next));
}

/* among_pods: only there may packets travel that RFC 7915 cannot translate. */
INLINE int read_arrived(struct __sk_buff *skb, struct arrived *arrived, int among_pods)
{
	int at = IPV6_PAYLOAD_AT;

	arrived->protocol = arrived->ip.next;
	arrived->length = ntohs(arrived->ip.length);
	arrived->first = 1;
	if (arrived->ip.next == PROTO_FRAGMENT) {
		if (arrived->length < FRAGMENT_LEN || skb_load(skb, at, &arrived->fragment, FRAGMENT_LEN))
			return -DROP_MALFORMED;
		at += FRAGMENT_LEN;
		arrived->length -= FRAGMENT_LEN;
		arrived->fragmented = 1;
		arrived->first = !(arrived->fragment.offset_more & htons(0xfff8));
		arrived->protocol = arrived->fragment.next;
	}
	if (!protocol_for_ipv4(arrived->protocol))
		return -DROP_PROTOCOL;
	if (arrived->length > 0xffff - IPV4_LEN || (arrived->first && transport_too_short(arrived->protocol, arrived->length)))
		return -DROP_MALFORMED;
	if (arrived->protocol != PROTO_ICMPV6)
		return 0;
	if (arrived->fragmented && !among_pods)
		return -DROP_ICMP_FRAGMENT;
	if (!arrived->first)
		return 0;
	if (skb_load(skb, at, &arrived->icmp, ICMP_LEN))
		return -DROP_MALFORMED;
	if (arrived->icmp.type < ICMPV6_ERRORS_BELOW)
		return -DROP_ICMP_FRAGMENT; /* errors are told apart before; this one is a fragment */
	return arrived->icmp.type == ICMPV6_ECHO || arrived->icmp.type == ICMPV6_ECHO_REPLY ? 0 : -DROP_ICMP_TYPE;
}

INLINE void ipv4_header(struct ipv4 *new, const struct arrived *arrived)
{
	__u16 bits = ntohs(arrived->fragment.offset_more), length = arrived->length + IPV4_LEN;

	*new = (struct ipv4){
		IPV4_PLAIN, ntohl(arrived->ip.version_class_label) >> 20, htons(length), 0, htons(IPV4_DONT_FRAGMENT),
		arrived->ip.hop_limit, arrived->protocol == PROTO_ICMPV6 ? PROTO_ICMP : arrived->protocol, 0,
		arrived->ends.source, arrived->ends.destination,
	};
	if (arrived->fragmented) {
		new->id = htons(ntohl(arrived->fragment.id));
		new->fragment = htons(bits >> 3 | (bits & 1 ? IPV4_MORE_FRAGMENTS : 0));
	} else if (length <= FRAGMENTABLE_MAX) {
		new->id = random_u32();
		new->fragment = 0;
	}
	new->checksum = ipv4_checksum(new);
}

INLINE int transport_6to4(struct __sk_buff *skb, const struct arrived *arrived, const struct ipv4 *new)
{
	__s64 difference = csum_diff(&arrived->ip.source, 32, &new->source, 8, 0);
	int at = IPV4_PAYLOAD_AT;

	if (new->protocol == PROTO_TCP)
		return l4_csum_replace(skb, at + 16, 0, difference, BPF_F_PSEUDO_HDR) ? -DROP_NO_ROOM : 0;
	if (new->protocol == PROTO_UDP)
		return l4_csum_replace(skb, at + 6, 0, difference, BPF_F_PSEUDO_HDR | BPF_F_MARK_MANGLED_0) ? -DROP_NO_ROOM : 0;
	if (new->protocol == PROTO_ICMP) {
		__u8 type = arrived->icmp.type == ICMPV6_ECHO ? ICMP_ECHO : ICMP_ECHO_REPLY;
		__u32 before = arrived->icmp.type, after = type;
		__u32 length = arrived->fragmented ? 0 : htonl(arrived->length);
		struct pseudo pseudo = { arrived->ip.source, arrived->ip.destination, length, htonl(PROTO_ICMPV6) };

		difference = csum_diff(&before, 4, &after, 4, csum_diff(&pseudo, sizeof(pseudo), 0, 0, 0));
		if (skb_store(skb, at, &type, 1, 0) || l4_csum_replace(skb, at + 2, 0, difference, 0))
			return -DROP_NO_ROOM;
	}
	return 0;
}

INLINE int siit_6to4(struct __sk_buff *skb, const struct arrived *arrived)
{
	struct ipv4 new;

	ipv4_header(&new, arrived);
	if (arrived->fragmented && skb_adjust_room(skb, -FRAGMENT_LEN, 0, 0))
		return -DROP_NO_ROOM;
	if (skb_change_proto(skb, htons(ETHERTYPE_IPV4), 0) || set_ethertype(skb, ETHERTYPE_IPV4) ||
	    skb_store(skb, IPV4_AT, &new, IPV4_LEN, 0))
		return -DROP_NO_ROOM;
	return arrived->first ? transport_6to4(skb, arrived, &new) : 0;
}
