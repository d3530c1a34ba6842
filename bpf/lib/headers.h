/* Headers of packets as they stand on the wire. All numbers in network order. */
#pragma once
#include "kernel.h"

#define ETH_LEN 14
#define IPV4_LEN 20
#define IPV6_LEN 40
#define FRAGMENT_LEN 8
#define ICMP_LEN 8
/* Where things lie in an Ethernet frame without IPv4 options and IPv6 extension headers. */
#define IPV4_AT ETH_LEN
#define IPV6_AT ETH_LEN
#define IPV4_PAYLOAD_AT (ETH_LEN + IPV4_LEN)
#define IPV6_PAYLOAD_AT (ETH_LEN + IPV6_LEN)

enum { ETHERTYPE_IPV4 = 0x0800, ETHERTYPE_ARP = 0x0806, ETHERTYPE_IPV6 = 0x86dd };
enum { PROTO_HOP_BY_HOP = 0, PROTO_ICMP = 1, PROTO_IGMP = 2, PROTO_TCP = 6, PROTO_UDP = 17, PROTO_ROUTING = 43,
       PROTO_FRAGMENT = 44, PROTO_AUTHENTICATION = 51, PROTO_ICMPV6 = 58, PROTO_DESTINATION = 60, PROTO_MOBILITY = 135,
       PROTO_HIP = 139, PROTO_SHIM6 = 140 };
enum { ICMP_ECHO_REPLY = 0, ICMP_UNREACHABLE = 3, ICMP_ECHO = 8, ICMP_TIME_EXCEEDED = 11, ICMP_PARAMETER = 12 };
enum { ICMPV6_UNREACHABLE = 1, ICMPV6_TOO_BIG = 2, ICMPV6_TIME_EXCEEDED = 3, ICMPV6_PARAMETER = 4,
       ICMPV6_ERRORS_BELOW = 128, ICMPV6_ECHO = 128, ICMPV6_ECHO_REPLY = 129,
       ICMPV6_NEIGHBOR_SOLICITATION = 135, ICMPV6_NEIGHBOR_ADVERTISEMENT = 136 };

struct in6 {
	__u32 word[4];
};

struct ipv4 {
	__u8 version_length, tos;
	__u16 length, id, fragment;
	__u8 ttl, protocol;
	__u16 checksum;
	__u32 source, destination;
};
#define IPV4_DONT_FRAGMENT 0x4000
#define IPV4_MORE_FRAGMENTS 0x2000
#define IPV4_OFFSET 0x1fff
#define IPV4_PLAIN 0x45 /* version 4, five words: no options */

struct ipv6 {
	__u32 version_class_label;
	__u16 length;
	__u8 next, hop_limit;
	struct in6 source, destination;
};

/* A packet's two ends in the version that it is translated to. */
struct ends4 {
	__u32 source, destination;
};
struct ends6 {
	struct in6 source, destination;
};

struct fragment {
	__u8 next, reserved;
	__u16 offset_more;
	__u32 id;
};

struct icmp {
	__u8 type, code;
	__u16 checksum;
	__u32 rest;
};

struct arp {
	__u16 hardware, protocol;
	__u8 hardware_length, protocol_length;
	__u16 operation;
	__u8 sender_mac[6];
	__u32 sender;
	__u8 target_mac[6];
	__u32 target;
} __attribute__((packed));

/* What a transport checksum over IPv6 covers besides the transport itself (RFC 8200, 8.1). */
struct pseudo {
	struct in6 source, destination;
	__u32 length, next;
};
