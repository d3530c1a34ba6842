/* What RFC 7915 cannot translate travels among pods, where both ends are ours, and nowhere else. UDP has to have a
 * checksum in IPv6 (4.5 there): it is made when the packet is translated, at the end of the program, where the verifier
 * has nothing more to follow. */
#pragma once
#include "ipv6.h"

/* Datagrams are summed piece by piece, below 4096 bytes: each piece costs the verifier time in every pod, and who sends
 * longer ones without a checksum sends them to pods. */
#define PIECE_LEN 128
#define PIECES_MAX 32

/* The parts of a fragmented datagram are not known here. */
INLINE int check_translatable(struct __sk_buff *skb, const struct ipv4 *ip)
{
	__u32 length = ntohs(ip->length) - IPV4_LEN;
	__u16 udp[2]; /* length, checksum */

	if (ip->protocol == PROTO_ICMP && is_fragment(ip))
		return -DROP_ICMP_FRAGMENT;
	if (ip->protocol != PROTO_UDP || !is_first(ip))
		return 0;
	if (skb_load(skb, IPV4_PAYLOAD_AT + 4, udp, sizeof(udp)))
		return -DROP_MALFORMED;
	if (udp[1])
		return 0;
	if (is_fragment(ip) || length >= PIECE_LEN * PIECES_MAX)
		return -DROP_ZERO_CHECKSUM;
	return ntohs(udp[0]) == length ? 0 : -DROP_MALFORMED;
}

/* The packet is IPv6 now, and was checked as above. */
INLINE int give_checksum(struct __sk_buff *skb)
{
	struct ipv6 ip;
	struct pseudo pseudo;
	__u32 piece[PIECE_LEN / 4], rest, at, end;
	__u16 checksum;
	__s64 sum;

	if (skb_load(skb, IPV6_AT, &ip, IPV6_LEN))
		return -DROP_NO_ROOM;
	if (ip.next != PROTO_UDP)
		return 0;
	if (skb_load(skb, IPV6_PAYLOAD_AT + 6, &checksum, 2))
		return -DROP_NO_ROOM;
	if (checksum)
		return 0;
	pseudo = (struct pseudo){ ip.source, ip.destination, htonl(ntohs(ip.length)), htonl(PROTO_UDP) };
	sum = csum_diff(0, 0, &pseudo, sizeof(pseudo), 0);
	/* From 1 to PIECE_LEN: the verifier of Linux 6.1 does not learn from "if (rest)" that it is not 0. */
	rest = (ntohs(ip.length) - 1u) % PIECE_LEN + 1;
	end = IPV6_PAYLOAD_AT + ntohs(ip.length) - rest;
	for (at = IPV6_PAYLOAD_AT; at < end && at < IPV6_PAYLOAD_AT + PIECE_LEN * PIECES_MAX; at += PIECE_LEN) {
		if (skb_load(skb, at, piece, PIECE_LEN))
			return -DROP_NO_ROOM;
		sum = csum_diff(0, 0, piece, PIECE_LEN, sum);
	}
	__builtin_memset(piece, 0, PIECE_LEN);
	if (skb_load(skb, end, piece, rest))
		return -DROP_NO_ROOM;
	checksum = ~fold((__u32)csum_diff(0, 0, piece, PIECE_LEN, sum));
	if (!checksum)
		checksum = 0xffff;
	return skb_store(skb, IPV6_PAYLOAD_AT + 6, &checksum, 2, 0) ? -DROP_NO_ROOM : 0;
}
