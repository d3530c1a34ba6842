/* Reading Ghost addresses; their layout is in k3py/model/ghost.py. */
#pragma once
#include "settings.h"

#define NATIVE_FLAG htonl(0x00010000)   /* in word 1: version 4 bits, flags 12, upper half of the cluster id */
#define CLUSTER_LOW htonl(0xffff0000)   /* in word 2: lower half of the cluster id, VPC id */

INLINE int same_address(const struct in6 *a, const struct in6 *b)
{
	return a->word[0] == b->word[0] && a->word[1] == b->word[1] && a->word[2] == b->word[2] && a->word[3] == b->word[3];
}

/* Prefix, version, cluster ours, and no unknown flag. */
INLINE int is_ghost(const struct in6 *address)
{
	const struct in6 *own = &settings()->ghost;

	return address->word[0] == own->word[0] && (address->word[1] & ~NATIVE_FLAG) == own->word[1] &&
	       !((address->word[2] ^ own->word[2]) & CLUSTER_LOW);
}

INLINE int is_native(const struct in6 *address)
{
	return !!(address->word[1] & NATIVE_FLAG);
}

INLINE __u16 ghost_vpc(const struct in6 *address)
{
	return ntohl(address->word[2]) & 0xffff;
}

INLINE int is_multicast(const struct in6 *address)
{
	return (address->word[0] & htonl(0xff000000)) == htonl(0xff000000);
}

/* Where kernels report which multicast groups they listen to, twice for every new address: RFC 3810, 5.2.14. */
INLINE int is_multicast_report(const struct in6 *destination)
{
	return destination->word[0] == htonl(0xff020000) && !destination->word[1] && !destination->word[2] &&
	       destination->word[3] == htonl(0x16);
}

/* 64:ff9b::/96, RFC 6052. */
#define NAT64_PREFIX htonl(0x0064ff9b)

INLINE int is_nat64(const struct in6 *address)
{
	return address->word[0] == NAT64_PREFIX && !address->word[1] && !address->word[2];
}

INLINE struct in6 nat64(__u32 ipv4)
{
	return (struct in6){ { NAT64_PREFIX, 0, 0, ipv4 } };
}

/* This pod's address as its own IPv6 sockets have it. */
INLINE struct in6 own_native(void)
{
	const struct in6 *own = &settings()->ghost;

	return (struct in6){ { own->word[0], own->word[1] | NATIVE_FLAG, own->word[2], own->word[3] } };
}

/* Is it one of this pod's own addresses, with or without the native flag? */
INLINE int is_own(const struct in6 *address)
{
	return is_ghost(address) && address->word[2] == settings()->ghost.word[2] && address->word[3] == settings()->ipv4;
}
