/* Answers of the pod's gateway. Whatever address the pod asks for is the gateway's MAC; nobody else hears of it. */
#pragma once
#include "ghost.h"
#include "ipv6.h"

#define ARP_REQUEST htons(1)
#define ARP_REPLY htons(2)

/* A frame from the gateway to the pod. */
INLINE int write_macs(struct __sk_buff *skb, const __u8 *destination)
{
	__u8 macs[12];

	__builtin_memcpy(macs, destination, 6);
	__builtin_memcpy(macs + 6, settings()->gateway_mac, 6);
	return skb_store(skb, 0, macs, sizeof(macs), 0) ? -DROP_NO_ROOM : 0;
}

/* Probes and announcements (RFC 5227) stay unanswered: the address is the pod's. */
INLINE int answer_arp(struct __sk_buff *skb)
{
	struct arp arp;
	__u32 asked;

	if (skb_load(skb, ETH_LEN, &arp, sizeof(arp)) || arp.hardware != htons(1) || arp.protocol != htons(ETHERTYPE_IPV4))
		return -DROP_MALFORMED;
	if (arp.sender && arp.sender != settings()->ipv4)
		return -DROP_SOURCE_NOT_OURS;
	asked = arp.target;
	if (arp.operation != ARP_REQUEST || !arp.sender || asked == settings()->ipv4)
		return -DROP_NEIGHBOR;
	arp.operation = ARP_REPLY;
	__builtin_memcpy(arp.target_mac, arp.sender_mac, 6);
	arp.target = arp.sender;
	__builtin_memcpy(arp.sender_mac, settings()->gateway_mac, 6);
	arp.sender = asked;
	if (skb_store(skb, ETH_LEN, &arp, sizeof(arp), 0))
		return -DROP_NO_ROOM;
	return write_macs(skb, settings()->pod_mac) ?: NEIGHBOR_ANSWERED;
}

struct neighbor {
	struct icmp icmp;
	struct in6 target;
	__u8 option, option_length; /* 2, 1: target link-layer address, 8 bytes */
	__u8 mac[6];
};
#define NEIGHBOR_SOLICITED_OVERRIDE htonl(0x60000000)

/* RFC 4861, 7.2.3 and 7.2.4. The pod's test for duplicates (source ::) stays unanswered. */
INLINE int answer_neighbor(struct __sk_buff *skb, struct ipv6 *ip)
{
	struct neighbor neighbor = {};
	struct pseudo pseudo = {};

	if (ip->hop_limit != 255 || ntohs(ip->length) < ICMP_LEN + sizeof(struct in6))
		return -DROP_MALFORMED;
	if (skb_load(skb, IPV6_PAYLOAD_AT, &neighbor, ICMP_LEN + sizeof(struct in6)))
		return -DROP_MALFORMED;
	if (!ip->source.word[0] || is_own(&neighbor.target))
		return -DROP_NEIGHBOR;
	neighbor.icmp = (struct icmp){ ICMPV6_NEIGHBOR_ADVERTISEMENT, 0, 0, NEIGHBOR_SOLICITED_OVERRIDE };
	neighbor.option = 2;
	neighbor.option_length = 1;
	__builtin_memcpy(neighbor.mac, settings()->gateway_mac, 6);
	ip->destination = ip->source;
	ip->source = neighbor.target;
	ip->length = htons(sizeof(neighbor));
	pseudo = (struct pseudo){ ip->source, ip->destination, htonl(sizeof(neighbor)), htonl(PROTO_ICMPV6) };
	neighbor.icmp.checksum =
		~fold((__u32)csum_diff(0, 0, &neighbor, sizeof(neighbor), csum_diff(0, 0, &pseudo, sizeof(pseudo), 0)));
	if (skb_change_tail(skb, IPV6_PAYLOAD_AT + sizeof(neighbor), 0) || skb_store(skb, IPV6_AT, ip, IPV6_LEN, 0) ||
	    skb_store(skb, IPV6_PAYLOAD_AT, &neighbor, sizeof(neighbor), 0))
		return -DROP_NO_ROOM;
	return write_macs(skb, settings()->pod_mac) ?: NEIGHBOR_ANSWERED;
}
