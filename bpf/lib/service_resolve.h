/* From a service's address to a backend's, and back. */
#pragma once
#include "service_address.h"

/* A set can vanish between two lookups; the service's entry names a newer one by then. */
#define ATTEMPTS 2
#define NS_PER_SECOND 1000000000ull
#define GOLDEN_RATIO 0x9e3779b97f4a7c15ull

enum resolved { NO_SERVICE, TO_BACKEND, NO_BACKEND };

/* The copy before it is read no second time from memory that may change. */
#define copied() __asm__ volatile("" ::: "memory")

/* As in the map of services; 0 when services do not know the protocol. */
INLINE __u16 service_protocol(struct bpf_sock_addr *context)
{
	switch (context->protocol) {
	case PROTO_UDP:
		return PROTO_UDP;
	case PROTO_TCP:
	case PROTO_MPTCP:
		return PROTO_TCP;
	}
	return 0;
}

INLINE int same_service(const struct service_key *a, const struct service_key *b)
{
	return a->vpc == b->vpc && a->ipv4 == b->ipv4 && a->port == b->port && a->protocol == b->protocol;
}

/* Where this namespace's connections went last: 1 if that is recent enough and still a backend. */
INLINE int affine_backend(const struct affinity_key *key, const struct service *service, struct peer *peer)
{
	struct affinity *last = map_lookup(&affinities, key);

	if (!last || ktime_get_ns() - last->seen_ns > service->affinity_seconds * NS_PER_SECOND)
		return 0;
	struct member_key member = {service->set, last->ipv4, last->port, 0};

	copied();
	if (!map_lookup(&members, &member))
		return 0;
	peer->ipv4 = member.ipv4;
	peer->port = member.port;
	return 1;
}

INLINE int any_backend(const struct service *service, __u32 number, struct peer *peer)
{
	struct backend_key key = {service->set, number % service->count};
	struct backend *found = map_lookup(&backends, &key);

	if (!found)
		return 0;
	struct backend backend = *found;

	copied();
	if (backend.set != service->set)
		return 0;
	peer->ipv4 = backend.ipv4;
	peer->port = backend.port;
	return 1;
}

/* Chooses a backend by a number. TO_BACKEND: peer, which was the service's address, is the backend's. */
INLINE enum resolved choose(const struct affinity_key *key, __u32 number, struct peer *peer)
{
	for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
		struct service *found = map_lookup(&services, &key->service);

		if (!found)
			return NO_SERVICE;
		struct service service = *found;

		copied();
		if (!same_service(&service.key, &key->service))
			continue;
		if (peer->form == FORM_NATIVE && !(service.flags & SERVICE_NATIVE))
			return NO_SERVICE;
		if (!service.count)
			return NO_BACKEND;
		if (service.affinity_seconds && affine_backend(key, &service, peer)) {
			struct affinity again = {ktime_get_ns(), peer->ipv4, peer->port, 0};

			map_update(&affinities, key, &again, 0);
			return TO_BACKEND;
		}
		if (!any_backend(&service, number, peer))
			continue;
		if (service.affinity_seconds) {
			struct affinity first = {ktime_get_ns(), peer->ipv4, peer->port, 0};

			map_update(&affinities, key, &first, 0);
		}
		return TO_BACKEND;
	}
	return NO_BACKEND;
}

/* A socket call names peer. Datagrams of an unconnected socket keep to one backend while the set stays the same. */
INLINE enum resolved resolve(struct bpf_sock_addr *context, __u64 namespace_cookie, const struct namespace *own,
			     int datagram, struct peer *peer)
{
	struct affinity_key key = {
		namespace_cookie, {own->vpc, peer->ipv4, peer->port, service_protocol(context)}, 0};
	struct reverse service = {peer->ipv4, peer->port, 0};

	if (!key.service.protocol || (peer->ipv4 == LOOPBACK_IPV4 && !(own->flags & NAMESPACE_HOST)))
		return NO_SERVICE;
	__u64 socket = socket_cookie(context);
	enum resolved resolved = choose(&key, datagram ? (socket * GOLDEN_RATIO) >> 32 : random_u32(), peer);

	if (resolved == TO_BACKEND) {
		struct reverse_key backend = {socket, peer->ipv4, peer->port, peer->form};

		if (key.service.protocol == PROTO_UDP)
			map_update(&udp_reverses, &backend, &service, 0);
		else
			map_update(&tcp_reverses, &backend, &service, 0);
	}
	return resolved;
}

/* The process is told of peer: 1 if it was led there, and peer is now whom it believes to talk to. */
INLINE int unresolve(struct bpf_sock_addr *context, struct peer *peer)
{
	struct reverse_key key = {socket_cookie(context), peer->ipv4, peer->port, peer->form};
	struct reverse *service;

	if (service_protocol(context) == PROTO_UDP)
		service = map_lookup(&udp_reverses, &key);
	else
		service = map_lookup(&tcp_reverses, &key);
	if (!service)
		return 0;
	peer->ipv4 = service->ipv4;
	peer->port = service->port;
	return 1;
}
