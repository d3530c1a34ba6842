/* What RFC 7915 cannot translate travels among pods, where both ends are ours, and nowhere else. */
#pragma once
#include "ipv4.h"

/* UDP without a checksum is summed piece by piece, below 4096 bytes: each piece costs the verifier time in every pod,
 * and who sends longer datagrams without a checksum sends them to pods. */
#define PIECE_LEN 128
#define PIECES_MAX 32

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

INLINE int make_translatable(struct __sk_buff *skb, const struct ipv4 *ip)
{
	__u16 checksum;

	if (ip->protocol == PROTO_ICMP && is_fragment(ip))
		return -DROP_ICMP_FRAGMENT;
	if (ip->protocol != PROTO_UDP || !is_first(ip))
		return 0;
	if (skb_load(skb, IPV4_PAYLOAD_AT + 6, &checksum, 2))
		return -DROP_MALFORMED;
	return checksum ? 0 : give_checksum(skb, ip);
}
