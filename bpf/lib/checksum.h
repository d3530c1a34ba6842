/* The Internet checksum (RFC 1071), and changing it by differences (RFC 1624). */
#pragma once
#include "headers.h"

INLINE __u16 fold(__u64 sum)
{
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return sum;
}

/* A checksum field after a change whose csum_diff is given. */
INLINE __u16 changed(__u16 checksum, __s64 difference)
{
	return ~fold((__u64)(__u16)~checksum + (__u32)difference);
}

/* The same for UDP: 0 means "none" and stays so, and none becomes it. */
INLINE __u16 changed_udp(__u16 checksum, __s64 difference)
{
	__u16 result;

	if (!checksum)
		return 0;
	result = changed(checksum, difference);
	return result ? result : 0xffff;
}

INLINE __u16 ipv4_checksum(struct ipv4 *header)
{
	header->checksum = 0;
	return ~fold((__u32)csum_diff(0, 0, header, IPV4_LEN, 0));
}
