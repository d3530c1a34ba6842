/* What our programs need of the kernel's stable interface (linux/bpf.h), and nothing else: no system header is used. */
#pragma once

typedef unsigned char __u8;
typedef unsigned short __u16;
typedef unsigned int __u32;
typedef unsigned long long __u64;
typedef int __s32;
typedef long long __s64;

#define SEC(name) __attribute__((section(name), used))
#define INLINE static inline __attribute__((always_inline))
#define __uint(name, value) int(*name)[value]
#define __type(name, value) typeof(value) *name

/* Keeps the compiler from using what it knows of a value: a check after it is made, and of the value's register. */
#define forgotten(value) __asm__ volatile("" : "+r"(value))

#define htons(x) ((__u16)__builtin_bswap16(x))
#define ntohs(x) htons(x)
#define htonl(x) ((__u32)__builtin_bswap32(x))
#define ntohl(x) htonl(x)

struct __sk_buff {
	__u32 len, pkt_type, mark, queue_mapping, protocol, vlan_present, vlan_tci, vlan_proto, priority;
	__u32 ingress_ifindex, ifindex, tc_index, cb[5], hash, tc_classid, data, data_end, napi_id;
};

enum { MAP_HASH = 1, MAP_PERCPU_ARRAY = 6, MAP_LPM_TRIE = 11, MAP_RINGBUF = 27 };
enum { TC_ACT_OK = 0, TC_ACT_SHOT = 2 };
#define BPF_F_NO_PREALLOC 1
#define BPF_F_PSEUDO_HDR 0x10
#define BPF_F_MARK_MANGLED_0 0x20

static void *(*const map_lookup)(void *, const void *) = (void *)1;
static __u64 (*const ktime_get_ns)(void) = (void *)5;
static __u32 (*const random_u32)(void) = (void *)7;
static long (*const skb_store)(struct __sk_buff *, __u32, const void *, __u32, __u64) = (void *)9;
static long (*const l3_csum_replace)(struct __sk_buff *, __u32, __u64, __u64, __u64) = (void *)10;
static long (*const l4_csum_replace)(struct __sk_buff *, __u32, __u64, __u64, __u64) = (void *)11;
static long (*const redirect)(__u32, __u64) = (void *)23;
static long (*const skb_load)(const struct __sk_buff *, __u32, void *, __u32) = (void *)26;
static __s64 (*const csum_diff)(const void *, __u32, const void *, __u32, __u32) = (void *)28;
static long (*const skb_change_proto)(struct __sk_buff *, __u16, __u64) = (void *)31;
static long (*const skb_change_tail)(struct __sk_buff *, __u32, __u64) = (void *)38;
static long (*const skb_adjust_room)(struct __sk_buff *, __s32, __u32, __u64) = (void *)50;
static void *(*const ringbuf_reserve)(void *, __u64, __u64) = (void *)131;
static void (*const ringbuf_submit)(void *, __u64) = (void *)132;
static long (*const redirect_peer)(__u32, __u64) = (void *)155;

char LICENSE[] SEC("license") = "GPL";
