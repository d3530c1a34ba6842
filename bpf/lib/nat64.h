/* Native IPv6 sockets and the outside: 64:ff9b::a.b.c.d is a.b.c.d there (RFC 6052), and the pod has one IPv4 address
 * for them that is unique on its node. Stateless (RFC 7915); the kernel masquerades what leaves. */
#pragma once
#include "icmp_error.h"

/* UDP without a checksum is summed piece by piece, up to the longest datagram of a jumbo frame. */
#define PIECE_LEN 128
#define PIECES_MAX 72

/* UDP has to have a checksum in IPv6 (RFC 7915, 4.5): write the one that the sender could have written. The parts of a
 * fragmented datagram are not known here. */
INLINE int give_checksum(struct __sk_buff *skb, const struct ipv4 *ip)
{
	__u32 length = ntohs(ip->length) - IPV4_LEN, rest = length % PIECE_LEN, piece[PIECE_LEN / 4];
	__u32 pseudo[] = { ip->source, ip->destination, htonl(length), htonl(PROTO_UDP) };
	__u32 at = IPV4_PAYLOAD_AT, end = IPV4_PAYLOAD_AT + length - rest;
	__s64 sum = csum_diff(0, 0, pseudo, sizeof(pseudo), 0);
	__u16 checksum;

	if (is_fragment(ip) || length >= PIECE_LEN * PIECES_MAX)
		return -DROP_ZERO_CHECKSUM;
	if (skb_load(skb, IPV4_PAYLOAD_AT + 4, &checksum, 2) || ntohs(checksum) != length)
		return -DROP_MALFORMED;
	for (at = IPV4_PAYLOAD_AT; at < end && at < IPV4_PAYLOAD_AT + PIECE_LEN * PIECES_MAX; at += PIECE_LEN) {
		if (skb_load(skb, at, piece, PIECE_LEN))
			return -DROP_MALFORMED;
		sum = csum_diff(0, 0, piece, PIECE_LEN, sum);
	}
	__builtin_memset(piece, 0, PIECE_LEN);
	if (rest && skb_load(skb, end, piece, rest))
		return -DROP_MALFORMED;
	checksum = ~fold((__u32)csum_diff(0, 0, piece, PIECE_LEN, sum));
	if (!checksum)
		checksum = 0xffff;
	return skb_store(skb, IPV4_PAYLOAD_AT + 6, &checksum, 2, 0) ? -DROP_NO_ROOM : 0;
}

/* A native packet to the outside becomes IPv4. */
INLINE int nat64_leave(struct __sk_buff *skb, const struct ipv6 *ip, const struct icmp *icmp)
{
	struct arrived sent = { .ip = *ip, .ends = { settings()->outside_native_ipv4, ip->destination.word[3] } };
	struct error6 quote;
	int error;

	if (is_icmpv6_error(ip, icmp))
		return read_error6(skb, ip, &quote) ?: icmp_error_6to4(skb, ip, &quote, &sent.ends, sent.ends.source);
	error = read_arrived(skb, &sent, 0);
	return error ? error : siit_6to4(skb, &sent);
}

/* IPv4 from the outside, un-masqueraded by the kernel, becomes native IPv6. An error quotes what the pod sent, to
 * whomever. */
INLINE int nat64_arrive(struct __sk_buff *skb, const struct ipv4 *ip)
{
	struct ends6 ends = { nat64(ip->source), own_native() };
	struct icmp icmp = {};
	__u16 checksum = 0;
	int error, class = read_icmp(skb, ip, &icmp);

	if (class < 0)
		return class;
	if (protocol_changes_meaning(ip->protocol))
		return -DROP_PROTOCOL;
	if (class == ICMP_ERROR) {
		struct error4 quote;
		struct in6 destination;

		error = read_error4(skb, ip, &quote);
		if (error)
			return error;
		destination = nat64(quote.ip.destination);
		return icmp_error_4to6(skb, ip, &quote, &ends, &destination);
	}
	if (ip->protocol == PROTO_ICMP && is_fragment(ip))
		return -DROP_ICMP_FRAGMENT;
	if (ip->protocol == PROTO_UDP && is_first(ip)) {
		error = skb_load(skb, IPV4_PAYLOAD_AT + 6, &checksum, 2) ? -DROP_MALFORMED : 0;
		if (!error && !checksum)
			error = give_checksum(skb, ip);
		if (error)
			return error;
	}
	return siit_4to6(skb, ip, &ends, icmp.type);
}
