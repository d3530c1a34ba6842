/* The transport header that an ICMP error quotes: its checksum follows the addresses that change before it. At least
 * 8 bytes of it are there (RFC 792); a TCP checksum often is not, and is then left alone. */
#pragma once
#include "ipv4.h"

#define QUOTED_TRANSPORT_MIN 8

/* Four bytes of the quoted transport header before and after; at is where they lie in it. */
struct quoted {
	__u32 before, after;
	__u32 at;
	__u32 changes;
};

/* start: where the transport header lies in the frame; length: how much of it is there; protocol: as in IPv4. */
INLINE int read_quoted(struct __sk_buff *skb, __u32 start, __u32 length, __u8 protocol, struct quoted *quoted)
{
	*quoted = (struct quoted){};
	if (protocol == PROTO_TCP)
		quoted->at = 16;
	else if (protocol == PROTO_UDP)
		quoted->at = 4;
	else if (protocol != PROTO_ICMP)
		return 0;
	if (length < quoted->at + 4)
		return 0;
	if (skb_load(skb, start + quoted->at, &quoted->before, 4))
		return -DROP_MALFORMED;
	quoted->after = quoted->before;
	quoted->changes = 1;
	return 0;
}

/* TCP's and UDP's checksum after a change of the addresses. */
INLINE void change_quoted(struct quoted *quoted, __u8 protocol, __s64 difference)
{
	__u16 *half = (__u16 *)&quoted->after;

	if (!quoted->changes)
		return;
	if (protocol == PROTO_TCP)
		half[0] = changed(half[0], difference);
	else
		half[1] = changed_udp(half[1], difference);
}

/* An echo's type and checksum; difference: of the pseudo header that comes or goes. */
INLINE int change_quoted_echo(struct quoted *quoted, __u8 from, __u8 to, __s64 difference)
{
	__u8 *bytes = (__u8 *)&quoted->after;
	__u32 old_type = bytes[0], new_type;

	if (bytes[0] == from)
		bytes[0] = to;
	else if (bytes[0] == (from == ICMP_ECHO ? ICMP_ECHO_REPLY : ICMPV6_ECHO_REPLY))
		bytes[0] = from == ICMP_ECHO ? ICMPV6_ECHO_REPLY : ICMP_ECHO_REPLY;
	else
		return -DROP_ICMP_QUOTE;
	new_type = bytes[0];
	((__u16 *)bytes)[1] = changed(((__u16 *)bytes)[1], csum_diff(&old_type, 4, &new_type, 4, difference));
	return 0;
}

INLINE int write_quoted(struct __sk_buff *skb, __u32 start, const struct quoted *quoted)
{
	if (quoted->changes && skb_store(skb, start + quoted->at, &quoted->after, 4, 0))
		return -DROP_NO_ROOM;
	return 0;
}
