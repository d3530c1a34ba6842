/* Native IPv6 sockets and the outside: 64:ff9b::a.b.c.d is a.b.c.d there (RFC 6052), and the pod has one IPv4 address
 * for them that is unique on its node. Stateless (RFC 7915); the kernel masquerades what leaves. */
#pragma once
#include "icmp_error.h"

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
	error = check_translatable(skb, ip) ?: siit_4to6(skb, ip, &ends, icmp.type);
	return error ? error : give_checksum(skb);
}
