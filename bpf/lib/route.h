/* Who may be reached, and where: maps that the VPC daemon keeps, shared by all pods of a node. */
#pragma once
#include "ghost.h"
#include "outcome.h"

#define SYSTEM_VPC 0

enum route_kind { ROUTE_VPC = 1, ROUTE_OUTSIDE = 2, ROUTE_DENIED = 3 };
struct route_key {
	__u32 prefix_length; /* 32 for VPC and reserved, and those of the destination */
	__u16 vpc, reserved; /* the sender's VPC, host order */
	__u32 destination;
};
struct route {
	__u32 kind;
	__u32 vpc;       /* the destination's, host order */
	__u32 prefix[3]; /* the first 12 bytes of the destination's IPv6 address: Ghost with flags clear, or 64:ff9b::/96 */
};
struct {
	__uint(type, MAP_LPM_TRIE);
	__uint(max_entries, 65536);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct route_key);
	__type(value, struct route);
} routes SEC(".maps");

#define LOCAL_PLAIN 1  /* the device has no peer: packets are redirected to it and pass to_pod */
#define LOCAL_NATIVE 2 /* the pod takes native IPv6 */
struct local_key {
	__u32 vpc;
	__u32 ipv4;
};
struct local_pod {
	__u32 ifindex;
	__u8 mac[6];
	__u16 flags; /* LOCAL_... */
};
struct {
	__uint(type, MAP_HASH);
	__uint(max_entries, 4096);
	__type(key, struct local_key);
	__type(value, struct local_pod);
} local_pods SEC(".maps");

struct peer_key {
	__u16 receiver, sender; /* host order */
};
struct {
	__uint(type, MAP_HASH);
	__uint(max_entries, 65536);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct peer_key);
	__type(value, __u32);
} peers SEC(".maps");

/* May packets of one VPC be taken by a pod of another? The system VPC is the node itself, which every pod hears. */
INLINE int may_reach(__u16 sender, __u16 receiver)
{
	struct peer_key key = { receiver, sender };

	return sender == receiver || sender == SYSTEM_VPC || map_lookup(&peers, &key);
}

/* The route from this pod to an IPv4 address. */
INLINE int find_route(__u32 destination, struct route **found)
{
	struct route_key key = { 64, settings()->vpc, 0, destination };
	__u8 first = destination & 0xff;

	if (first >= 224)
		return -DROP_MULTICAST;
	*found = map_lookup(&routes, &key);
	if (!*found || first == 0 || first == 127)
		return -DROP_NO_ROUTE;
	return (*found)->kind == ROUTE_DENIED ? -DROP_ROUTE_DENIED : 0;
}

/* Is an IPv6 address, whose last word found the route, where the route leads to? With or without the native flag. */
INLINE int leads_to(const struct route *route, const struct in6 *address)
{
	__u32 flags = is_ghost(address) ? NATIVE_FLAG : 0;

	return address->word[0] == route->prefix[0] && (address->word[1] & ~flags) == route->prefix[1] &&
	       address->word[2] == route->prefix[2];
}
