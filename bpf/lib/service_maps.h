/* What the socket programs know. Written by k3py/vpc/services, which declares the structs again (abi.py).
 *
 * The kernel may give the memory of a deleted entry to another one while a program still reads it. So an entry says whose
 * it is, and whoever copied one compares: an entry of somebody else's counts as none. */
#pragma once
#include "service_kernel.h"

#define NAMESPACE_HOST 1 /* the node itself: node ports are at 127.0.0.1 and ::1 too */
#define SERVICE_NATIVE 1 /* IPv6 sockets reach it at its native Ghost address */

/* A network namespace whose sockets see services, by its cookie. */
struct namespace {
	__u32 vpc, flags;      /* NAMESPACE_... */
	__u32 cluster;         /* the cluster's id; all three in host order */
};
/* One address and port of a service. Addresses and ports are in network order here and below. */
struct service_key {
	__u32 vpc, ipv4;
	__u16 port, protocol;  /* the protocol in host order: 6 or 17 */
};
struct service {
	struct service_key key;
	__u32 set, count;      /* its backends are {set, 0} to {set, count - 1} */
	__u32 flags;           /* SERVICE_... */
	__u32 affinity_seconds; /* 0: none */
};
struct backend_key {
	__u32 set, index;
};
struct backend {
	__u32 set, ipv4;
	__u16 port, reserved;
};
/* Which backends a set has; kept for services with affinity. */
struct member_key {
	__u32 set, ipv4;
	__u16 port, reserved;
};
/* How an address looks to the process. */
enum form {
	FORM_IPV4,     /* IPv4, in an IPv6 socket ::ffff:a.b.c.d */
	FORM_NATIVE,   /* a Ghost address with the native flag */
	FORM_LOOPBACK, /* ::1, and behind it a Ghost address without the native flag */
};
/* Whom a socket was led to, and whom it believes to talk to. */
struct reverse_key {
	__u64 socket;
	__u32 ipv4;
	__u16 port, form;
};
struct reverse {
	__u32 ipv4;
	__u16 port, reserved;
};
/* Where a namespace's connections to a service went last. */
struct affinity_key {
	__u64 namespace;
	struct service_key service;
	__u32 reserved;
};
struct affinity {
	__u64 seen_ns; /* CLOCK_MONOTONIC */
	__u32 ipv4;
	__u16 port, reserved;
};

/* 10,000 services with 100,000 endpoints, some ports and addresses each, and room for the sets that are being exchanged. */
struct {
	__uint(type, MAP_HASH);
	__uint(max_entries, 16384);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, __u64);
	__type(value, struct namespace);
} namespaces SEC(".maps");
struct {
	__uint(type, MAP_HASH);
	__uint(max_entries, 65536);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct service_key);
	__type(value, struct service);
} services SEC(".maps");
struct {
	__uint(type, MAP_HASH);
	__uint(max_entries, 131072);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct backend_key);
	__type(value, struct backend);
} backends SEC(".maps");
struct {
	__uint(type, MAP_HASH);
	__uint(max_entries, 131072);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct member_key);
	__type(value, __u32);
} members SEC(".maps");
/* The kernel forgets the oldest. A socket whose entry is forgotten shows the backend's address instead of the service's.
 * Two maps, because TCP connections come and go and can do without, while UDP sockets are recognized by their entries. */
struct {
	__uint(type, MAP_LRU_HASH);
	__uint(max_entries, 65536);
	__type(key, struct reverse_key);
	__type(value, struct reverse);
} tcp_reverses SEC(".maps");
struct {
	__uint(type, MAP_LRU_HASH);
	__uint(max_entries, 65536);
	__type(key, struct reverse_key);
	__type(value, struct reverse);
} udp_reverses SEC(".maps");
struct {
	__uint(type, MAP_LRU_HASH);
	__uint(max_entries, 16384);
	__type(key, struct affinity_key);
	__type(value, struct affinity);
} affinities SEC(".maps");

/* Keeps the enum in the type information, so that a test can compare it with Python's. */
const struct {
	enum form form;
} described_forms SEC(".rodata") = {};
