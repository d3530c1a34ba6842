/* What the socket programs need of the kernel's stable interface beyond kernel.h. */
#pragma once
#include "headers.h"

/* How a program at a socket call sees the address that the process gave, or is about to get. */
struct bpf_sock_addr {
	__u32 user_family;
	__u32 user_ip4;    /* network order */
	__u32 user_ip6[4]; /* network order */
	__u32 user_port;   /* network order, in the lower half */
	__u32 family, type, protocol;
	__u32 msg_src_ip4, msg_src_ip6[4];
	__u64 sk;
};

enum { MAP_LRU_HASH = 9 };
enum { REFUSE_CALL = 0, ALLOW_CALL = 1 };
#define PROTO_MPTCP 262
#define ECONNREFUSED 111

static long (*const map_update)(void *, const void *, const void *, __u64) = (void *)2;
static __u64 (*const socket_cookie)(struct bpf_sock_addr *) = (void *)46;
static __u64 (*const network_namespace_cookie)(struct bpf_sock_addr *) = (void *)122;
static int (*const set_return_value)(int) = (void *)187;
