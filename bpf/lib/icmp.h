/* What an ICMP error says, in the other protocol's words: RFC 7915, 4.2 and 5.2. */
#pragma once
#include "ipv4.h"

#define IPV6_MTU_MIN 1280
#define IPV4_MTU_MIN 68

/* Routers older than RFC 1191 do not say their MTU: take the next of its plateaus below the packet's length. */
INLINE __u32 plateau_below(__u32 length)
{
	return length > 32000 ? 32000 : length > 17914 ? 17914 : length > 8166 ? 8166 : length > 4352 ? 4352 :
	       length > 2002 ? 2002 : length > 1492 ? 1492 : length > 1006 ? 1006 : 508;
}

/* Figure 3: the octet in the IPv4 header that is wrong, as an octet of the IPv6 header. */
INLINE int pointer_4to6(__u32 pointer)
{
	if (pointer <= 1)
		return pointer;
	if (pointer == 2 || pointer == 3)
		return 4;
	if (pointer == 8)
		return 7;
	if (pointer == 9)
		return 6;
	if (pointer >= 12 && pointer <= 15)
		return 8;
	return pointer >= 16 && pointer <= 19 ? 24 : -DROP_ICMP_TYPE;
}

/* Figure 6, the other way round. */
INLINE int pointer_6to4(__u32 pointer)
{
	if (pointer <= 1)
		return pointer;
	if (pointer == 4 || pointer == 5)
		return 2;
	if (pointer == 6)
		return 9;
	if (pointer == 7)
		return 8;
	if (pointer >= 8 && pointer <= 23)
		return 12;
	return pointer >= 24 && pointer <= 39 ? 16 : -DROP_ICMP_TYPE;
}

INLINE int says(struct icmp *icmp, __u8 type, __u8 code, __u32 rest)
{
	*icmp = (struct icmp){ type, code, 0, htonl(rest) };
	return 0;
}

/* quoted_length: the total length of the packet that the error is about. */
INLINE int icmp_error_to_icmpv6(struct icmp *icmp, __u32 quoted_length)
{
	__u32 rest = ntohl(icmp->rest), mtu = rest & 0xffff;
	__u8 code = icmp->code;

	if (icmp->type == ICMP_TIME_EXCEEDED)
		return says(icmp, ICMPV6_TIME_EXCEEDED, code, 0);
	if (icmp->type == ICMP_PARAMETER) {
		int pointer = pointer_4to6(rest >> 24);

		if ((code != 0 && code != 2) || pointer < 0)
			return -DROP_ICMP_TYPE;
		return says(icmp, ICMPV6_PARAMETER, 0, pointer);
	}
	switch (code) {
	case 0: case 1: case 5: case 6: case 7: case 8: case 11: case 12:
		return says(icmp, ICMPV6_UNREACHABLE, 0, 0);
	case 2:
		return says(icmp, ICMPV6_PARAMETER, 1, 6);
	case 3:
		return says(icmp, ICMPV6_UNREACHABLE, 4, 0);
	case 4:
		mtu = (mtu ? mtu : plateau_below(quoted_length)) + (IPV6_LEN - IPV4_LEN);
		return says(icmp, ICMPV6_TOO_BIG, 0, mtu < IPV6_MTU_MIN ? IPV6_MTU_MIN : mtu);
	case 9: case 10: case 13: case 15:
		return says(icmp, ICMPV6_UNREACHABLE, 1, 0);
	}
	return -DROP_ICMP_TYPE;
}

/* header_growth: how much longer the quoted packet is in IPv6: a fragment needs a header of its own there. */
INLINE int icmpv6_error_to_icmp(struct icmp *icmp, __u32 header_growth)
{
	__u32 rest = ntohl(icmp->rest);
	__u8 code = icmp->code;

	switch (icmp->type) {
	case ICMPV6_UNREACHABLE:
		if (code > 4)
			return -DROP_ICMP_TYPE;
		return says(icmp, ICMP_UNREACHABLE, code == 4 ? 3 : code == 1 ? 10 : 1, 0);
	case ICMPV6_TOO_BIG:
		if (rest > 0xffff)
			rest = 0xffff;
		rest = rest < IPV4_MTU_MIN + header_growth ? IPV4_MTU_MIN : rest - header_growth;
		return says(icmp, ICMP_UNREACHABLE, 4, rest);
	case ICMPV6_TIME_EXCEEDED:
		return says(icmp, ICMP_TIME_EXCEEDED, code, 0);
	case ICMPV6_PARAMETER:
		if (code == 1)
			return says(icmp, ICMP_UNREACHABLE, 2, 0);
		if (code == 0 && pointer_6to4(rest) >= 0)
			return says(icmp, ICMP_PARAMETER, 0, (__u32)pointer_6to4(rest) << 24);
	}
	return -DROP_ICMP_TYPE;
}
