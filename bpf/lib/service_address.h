/* The address of a socket call, read and written: IPv4, and the forms that a service has in IPv6. */
#pragma once
#include "service_maps.h"

#define GHOST_WORD htonl(0xfd6b3370)
#define GHOST_VERSION 0x10000000
#define GHOST_NATIVE 0x00010000
#define LOOPBACK_IPV4 htonl(0x7f000001)
#define MAPPED_WORD htonl(0xffff)

/* The other side of a socket call; ipv4 and port in network order. */
struct peer {
	__u32 ipv4;
	__u16 port, form;
};

/* The second and third word of the Ghost addresses of a namespace's VPC. */
INLINE __u32 ghost_word1(const struct namespace *own, __u32 native)
{
	return htonl(GHOST_VERSION | native | own->cluster >> 16);
}
INLINE __u32 ghost_word2(const struct namespace *own)
{
	return htonl(own->cluster << 16 | (own->vpc & 0xffff));
}

/* Returns 0, or -1 when the address on the wire is no backend's: a Ghost address of this VPC, or IPv4. */
INLINE int read_backend6(struct bpf_sock_addr *context, const struct namespace *own, struct peer *peer)
{
	__u32 word0 = context->user_ip6[0], word1 = context->user_ip6[1], word2 = context->user_ip6[2];

	peer->ipv4 = context->user_ip6[3];
	peer->port = context->user_port;
	peer->form = FORM_IPV4;
	if (!word0 && !word1 && word2 == MAPPED_WORD)
		return 0;
	if (!own->cluster || word0 != GHOST_WORD || word2 != ghost_word2(own))
		return -1;
	peer->form = FORM_NATIVE;
	if (word1 == ghost_word1(own, GHOST_NATIVE))
		return 0;
	peer->form = FORM_LOOPBACK;
	return word1 == ghost_word1(own, 0) ? 0 : -1;
}

/* Returns 0, or -1 when the address that the process gave is no service's: as a backend's, but ::1 in place of a Ghost
 * address without the native flag, which is only for the node itself to know. */
INLINE int read_service6(struct bpf_sock_addr *context, const struct namespace *own, struct peer *peer)
{
	if (!read_backend6(context, own, peer))
		return peer->form == FORM_LOOPBACK ? -1 : 0;
	if (!own->cluster || !(own->flags & NAMESPACE_HOST) || context->user_ip6[0] || context->user_ip6[1] ||
	    context->user_ip6[2] || peer->ipv4 != htonl(1))
		return -1;
	peer->form = FORM_LOOPBACK;
	peer->ipv4 = LOOPBACK_IPV4;
	return 0;
}

/* Leads the socket call to a backend. */
INLINE void write_backend6(struct bpf_sock_addr *context, const struct namespace *own, const struct peer *peer)
{
	if (peer->form == FORM_LOOPBACK) {
		context->user_ip6[0] = GHOST_WORD;
		context->user_ip6[1] = ghost_word1(own, 0);
		context->user_ip6[2] = ghost_word2(own);
	}
	context->user_ip6[3] = peer->ipv4;
	context->user_port = peer->port;
}

/* Shows the process the service's address instead of the backend's. */
INLINE void write_service6(struct bpf_sock_addr *context, const struct peer *peer)
{
	if (peer->form == FORM_LOOPBACK) {
		context->user_ip6[0] = 0;
		context->user_ip6[1] = 0;
		context->user_ip6[2] = 0;
		context->user_ip6[3] = htonl(1);
	} else {
		context->user_ip6[3] = peer->ipv4;
	}
	context->user_port = peer->port;
}
