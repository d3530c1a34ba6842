/* ICMP errors between the protocols: the outer headers, the message, and the headers of the packet it quotes
 * (RFC 7915, 4.2 to 4.5 and 5.2 to 5.5). The quoted payload stays in place, whatever its length: the checksum changes
 * by the difference of what was exchanged, so a message that was damaged before stays damaged. */
#pragma once
#include "icmp.h"
#include "quote.h"
#include "siit.h"

#define QUOTE_AT_IPV4 (IPV4_PAYLOAD_AT + ICMP_LEN)
#define QUOTE_AT_IPV6 (IPV6_PAYLOAD_AT + ICMP_LEN)
/* The room that a quoted header gains in IPv6; the outer header's is skb_change_proto's. */
#define QUOTE_GROWTH (IPV6_LEN - IPV4_LEN)

/* The ICMP header and the quoted IP header, as they lie one after the other. */
struct error4 {
	struct icmp icmp;
	struct ipv4 ip;
};
struct error6 {
	struct icmp icmp;
	struct ipv6 ip;
	struct fragment fragment; /* if the quoted packet is one; else not part of the packet */
};

INLINE int read_error4(struct __sk_buff *skb, const struct ipv4 *outer, struct error4 *error)
{
	if (ntohs(outer->length) < IPV4_LEN + sizeof(*error) + QUOTED_TRANSPORT_MIN ||
	    skb_load(skb, IPV4_PAYLOAD_AT, error, sizeof(*error)))
		return -DROP_MALFORMED;
	if (error->ip.version_length != IPV4_PLAIN || error->ip.source != outer->destination ||
	    ntohs(error->ip.length) < IPV4_LEN || protocol_changes_meaning(error->ip.protocol))
		return -DROP_ICMP_QUOTE; /* nobody is told of a packet that is not its own */
	return 0;
}

/* An error that this pod sends is about a packet that it received from the error's destination. */
INLINE int read_own_error4(struct __sk_buff *skb, const struct ipv4 *outer, struct error4 *error)
{
	return read_error4(skb, outer, error) ?: error->ip.destination == outer->source ? 0 : -DROP_ICMP_QUOTE;
}

INLINE void quoted_4to6(const struct ipv4 *old, struct error6 *new, const struct ends6 *ends, int fragmented)
{
	__u16 bits = ntohs(old->fragment);

	new->ip = (struct ipv6){
		htonl(0x60000000 | (__u32)old->tos << 20),
		htons(ntohs(old->length) - IPV4_LEN + (fragmented ? FRAGMENT_LEN : 0)),
		old->protocol == PROTO_ICMP ? PROTO_ICMPV6 : old->protocol, old->ttl, ends->source, ends->destination,
	};
	new->fragment = (struct fragment){};
	if (!fragmented)
		return;
	new->fragment = (struct fragment){ new->ip.next, 0,
		htons((bits & IPV4_OFFSET) << 3 | !!(bits & IPV4_MORE_FRAGMENTS)), htonl(ntohs(old->id)) };
	new->ip.next = PROTO_FRAGMENT;
}

/* The quoted transport header's checksum follows its new addresses. */
INLINE int transport_of_quote_4to6(const struct error4 *old, const struct error6 *new, struct quoted *quoted)
{
	__u32 length = is_fragment(&old->ip) ? 0 : htonl(ntohs(old->ip.length) - IPV4_LEN);
	struct pseudo pseudo = { new->ip.source, new->ip.destination, length, htonl(PROTO_ICMPV6) };

	if (!quoted->changes)
		return 0;
	if (old->ip.protocol == PROTO_ICMP)
		return change_quoted_echo(quoted, ICMP_ECHO, ICMPV6_ECHO, csum_diff(0, 0, &pseudo, sizeof(pseudo), 0));
	change_quoted(quoted, old->ip.protocol, csum_diff(&old->ip.source, 8, &new->ip.source, 32, 0));
	return 0;
}

/* ends: of the error; the packet that it quotes came from the error's destination and went to quoted_destination. */
INLINE int icmp_error_4to6(struct __sk_buff *skb, const struct ipv4 *outer, struct error4 *old, const struct ends6 *ends,
			   const struct in6 *quoted_destination)
{
	struct ends6 quoted_ends = { ends->destination, *quoted_destination };
	struct error6 new;
	struct quoted quoted;
	struct ipv6 ip;
	__u16 checksum;
	__s64 difference;
	int fragmented = is_fragment(&old->ip), growth = QUOTE_GROWTH + (fragmented ? FRAGMENT_LEN : 0), error;

	if (ntohs(outer->length) + IPV6_LEN - IPV4_LEN + growth > IPV6_MTU_MIN)
		return -DROP_ICMP_TOO_LONG; /* ICMPv6 errors never exceed the smallest MTU (RFC 4443, 2.4) */
	ip = (struct ipv6){ htonl(0x60000000 | (__u32)outer->tos << 20), htons(ntohs(outer->length) - IPV4_LEN + growth),
			    PROTO_ICMPV6, outer->ttl, ends->source, ends->destination };
	error = read_quoted(skb, QUOTE_AT_IPV4 + IPV4_LEN,
			    is_first(&old->ip) ? ntohs(outer->length) - IPV4_LEN - sizeof(*old) : 0, old->ip.protocol,
			    &quoted);
	if (error)
		return error;
	new.icmp = old->icmp;
	error = icmp_error_to_icmpv6(&new.icmp, ntohs(old->ip.length));
	if (error)
		return error;
	quoted_4to6(&old->ip, &new, &quoted_ends, fragmented);
	error = transport_of_quote_4to6(old, &new, &quoted);
	if (error)
		return error;

	checksum = old->icmp.checksum;
	old->icmp.checksum = 0;
	difference = csum_diff(old, sizeof(*old), &new, sizeof(new), 0);
	difference = csum_diff(&quoted.before, 4, &quoted.after, 4, difference);
	{
		struct pseudo pseudo = { ip.source, ip.destination, htonl(ntohs(ip.length)), htonl(PROTO_ICMPV6) };

		difference = csum_diff(0, 0, &pseudo, sizeof(pseudo), difference);
	}
	new.icmp.checksum = changed(checksum, difference);

	if (skb_change_proto(skb, htons(ETHERTYPE_IPV6), 0) || skb_adjust_room(skb, growth, 0, 0) ||
	    set_ethertype(skb, ETHERTYPE_IPV6) || skb_store(skb, IPV6_AT, &ip, IPV6_LEN, 0) ||
	    skb_store(skb, IPV6_PAYLOAD_AT, &new, ICMP_LEN + IPV6_LEN, 0))
		return -DROP_NO_ROOM;
	if (fragmented && skb_store(skb, QUOTE_AT_IPV6 + IPV6_LEN, &new.fragment, FRAGMENT_LEN, 0))
		return -DROP_NO_ROOM;
	return write_quoted(skb, IPV4_PAYLOAD_AT + sizeof(*old) + IPV6_LEN - IPV4_LEN + growth, &quoted);
}

INLINE int read_error6(struct __sk_buff *skb, const struct ipv6 *outer, struct error6 *error)
{
	error->fragment = (struct fragment){};
	if (ntohs(outer->length) < ICMP_LEN + IPV6_LEN + QUOTED_TRANSPORT_MIN ||
	    skb_load(skb, IPV6_PAYLOAD_AT, error, ICMP_LEN + IPV6_LEN))
		return -DROP_MALFORMED;
	if (ntohl(error->ip.version_class_label) >> 28 != 6 || !same_address(&error->ip.source, &outer->destination))
		return -DROP_ICMP_QUOTE;
	if (error->ip.next != PROTO_FRAGMENT)
		return 0;
	if (ntohs(outer->length) < sizeof(*error) + QUOTED_TRANSPORT_MIN ||
	    skb_load(skb, QUOTE_AT_IPV6 + IPV6_LEN, &error->fragment, FRAGMENT_LEN))
		return -DROP_MALFORMED;
	return 0;
}

/* May this pod have sent a packet there as IPv6? Not to the outside if there it is known by an IPv4 address. */
INLINE int check_quoted_destination(const struct in6 *to, int native)
{
	__u32 outside = native ? settings()->outside_native_ipv4 : settings()->outside_ipv4;
	struct route *route;

	if (find_route(to->word[3], &route) || !leads_to(route, to) || (route->kind == ROUTE_OUTSIDE && outside))
		return -DROP_ICMP_QUOTE;
	return 0;
}

INLINE int quoted_6to4(const struct error6 *old, struct ipv4 *new, const struct ends4 *ends, int fragmented)
{
	__u8 next = fragmented ? old->fragment.next : old->ip.next;
	__u16 bits = ntohs(old->fragment.offset_more);
	__u32 length = ntohs(old->ip.length) - (fragmented ? FRAGMENT_LEN : 0) + IPV4_LEN;

	if (!protocol_for_ipv4(next) || length > 0xffff || length < IPV4_LEN)
		return -DROP_ICMP_QUOTE;
	*new = (struct ipv4){
		IPV4_PLAIN, ntohl(old->ip.version_class_label) >> 20, htons(length), 0, htons(IPV4_DONT_FRAGMENT),
		old->ip.hop_limit, next == PROTO_ICMPV6 ? PROTO_ICMP : next, 0, ends->source, ends->destination,
	};
	if (fragmented) {
		new->id = htons(ntohl(old->fragment.id));
		new->fragment = htons(bits >> 3 | (bits & 1 ? IPV4_MORE_FRAGMENTS : 0));
	}
	new->checksum = ipv4_checksum(new);
	return 0;
}

INLINE int transport_of_quote_6to4(const struct error6 *old, const struct ipv4 *new, struct quoted *quoted, int fragmented)
{
	struct pseudo pseudo = { old->ip.source, old->ip.destination, fragmented ? 0 : htonl(ntohs(old->ip.length)),
				 htonl(PROTO_ICMPV6) };

	if (!quoted->changes)
		return 0;
	if (new->protocol == PROTO_ICMP)
		return change_quoted_echo(quoted, ICMPV6_ECHO, ICMP_ECHO, csum_diff(&pseudo, sizeof(pseudo), 0, 0, 0));
	change_quoted(quoted, new->protocol, csum_diff(&old->ip.source, 32, &new->source, 8, 0));
	return 0;
}

/* As icmp_error_4to6. */
INLINE int icmp_error_6to4(struct __sk_buff *skb, const struct ipv6 *outer, struct error6 *old, const struct ends4 *ends,
			   __u32 quoted_destination)
{
	struct ends4 quoted_ends = { ends->destination, quoted_destination };
	int fragmented = old->ip.next == PROTO_FRAGMENT, shrink = QUOTE_GROWTH + (fragmented ? FRAGMENT_LEN : 0);
	__u16 checksum, length = ntohs(outer->length);
	struct error4 new;
	struct ipv4 ip;
	struct quoted quoted;
	__s64 difference;
	int error, first = !(old->fragment.offset_more & htons(0xfff8));
	struct pseudo pseudo = { outer->source, outer->destination, htonl(length), htonl(PROTO_ICMPV6) };

	new.icmp = old->icmp;
	error = icmpv6_error_to_icmp(&new.icmp, shrink);
	if (!error)
		error = quoted_6to4(old, &new.ip, &quoted_ends, fragmented);
	if (!error)
		error = read_quoted(skb, QUOTE_AT_IPV6 + IPV6_LEN + (fragmented ? FRAGMENT_LEN : 0),
				    first ? length - ICMP_LEN - IPV4_LEN - shrink : 0, new.ip.protocol, &quoted);
	if (!error)
		error = transport_of_quote_6to4(old, &new.ip, &quoted, fragmented);
	if (error)
		return error;
	ip = (struct ipv4){ IPV4_PLAIN, ntohl(outer->version_class_label) >> 20, htons(length + IPV4_LEN - shrink), 0,
			    htons(IPV4_DONT_FRAGMENT), outer->hop_limit, PROTO_ICMP, 0, ends->source, ends->destination };
	if (length + IPV4_LEN - shrink <= FRAGMENTABLE_MAX) {
		ip.id = random_u32();
		ip.fragment = 0;
	}
	ip.checksum = ipv4_checksum(&ip);

	checksum = old->icmp.checksum;
	old->icmp.checksum = 0;
	difference = csum_diff(old, sizeof(*old), &new, sizeof(new), 0);
	difference = csum_diff(&quoted.before, 4, &quoted.after, 4, difference);
	difference = csum_diff(&pseudo, sizeof(pseudo), 0, 0, difference);
	new.icmp.checksum = changed(checksum, difference);

	if (skb_adjust_room(skb, -shrink, 0, 0) || skb_change_proto(skb, htons(ETHERTYPE_IPV4), 0) ||
	    set_ethertype(skb, ETHERTYPE_IPV4) || skb_store(skb, IPV4_AT, &ip, IPV4_LEN, 0) ||
	    skb_store(skb, IPV4_PAYLOAD_AT, &new, sizeof(new), 0))
		return -DROP_NO_ROOM;
	return write_quoted(skb, IPV4_PAYLOAD_AT + sizeof(new), &quoted);
}
