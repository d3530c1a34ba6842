/* A process connects, or sends a datagram, to a service: the address is exchanged once, at the socket call, so packets
 * cost nothing. Attached at the root of the cgroup2 hierarchy. Sockets of network namespaces that are no member of the
 * cluster pass untouched, so any number of clusters can be attached. */
#include "lib/service_resolve.h"

INLINE int verdict(enum resolved resolved)
{
	if (resolved != NO_BACKEND)
		return ALLOW_CALL;
	set_return_value(-ECONNREFUSED);
	return REFUSE_CALL;
}

INLINE int resolve4(struct bpf_sock_addr *context, int datagram)
{
	__u64 cookie = network_namespace_cookie(context);
	const struct namespace *own = map_lookup(&namespaces, &cookie);
	struct peer peer = {context->user_ip4, context->user_port, FORM_IPV4};
	enum resolved resolved;

	if (!own)
		return ALLOW_CALL;
	resolved = resolve(context, cookie, own, datagram, &peer);
	if (resolved == TO_BACKEND) {
		context->user_ip4 = peer.ipv4;
		context->user_port = peer.port;
	}
	return verdict(resolved);
}

INLINE int resolve6(struct bpf_sock_addr *context, int datagram)
{
	__u64 cookie = network_namespace_cookie(context);
	const struct namespace *own = map_lookup(&namespaces, &cookie);
	enum resolved resolved;
	struct peer peer;

	if (!own || read_service6(context, own, &peer))
		return ALLOW_CALL;
	resolved = resolve(context, cookie, own, datagram, &peer);
	if (resolved == TO_BACKEND)
		write_backend6(context, own, &peer);
	return verdict(resolved);
}

INLINE int unresolve4(struct bpf_sock_addr *context)
{
	__u64 cookie = network_namespace_cookie(context);
	struct peer peer = {context->user_ip4, context->user_port, FORM_IPV4};

	if (map_lookup(&namespaces, &cookie) && unresolve(context, &peer)) {
		context->user_ip4 = peer.ipv4;
		context->user_port = peer.port;
	}
	return ALLOW_CALL;
}

INLINE int unresolve6(struct bpf_sock_addr *context)
{
	__u64 cookie = network_namespace_cookie(context);
	const struct namespace *own = map_lookup(&namespaces, &cookie);
	struct peer peer;

	if (own && !read_backend6(context, own, &peer) && unresolve(context, &peer))
		write_service6(context, &peer);
	return ALLOW_CALL;
}

SEC("cgroup/connect4") int svc_connect4(struct bpf_sock_addr *context) { return resolve4(context, 0); }
SEC("cgroup/connect6") int svc_connect6(struct bpf_sock_addr *context) { return resolve6(context, 0); }
SEC("cgroup/sendmsg4") int svc_sendmsg4(struct bpf_sock_addr *context) { return resolve4(context, 1); }
SEC("cgroup/sendmsg6") int svc_sendmsg6(struct bpf_sock_addr *context) { return resolve6(context, 1); }
SEC("cgroup/recvmsg4") int svc_recvmsg4(struct bpf_sock_addr *context) { return unresolve4(context); }
SEC("cgroup/recvmsg6") int svc_recvmsg6(struct bpf_sock_addr *context) { return unresolve6(context); }
SEC("cgroup/getpeername4") int svc_getpeername4(struct bpf_sock_addr *context) { return unresolve4(context); }
SEC("cgroup/getpeername6") int svc_getpeername6(struct bpf_sock_addr *context) { return unresolve6(context); }
