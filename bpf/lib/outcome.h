/* What became of a packet: one list for programs, counters, events and Python (k3py/vpc/bpf/abi.py says it in words).
 * Functions in these headers return 0 or a negative DROP_...; programs alone give verdicts. */
#pragma once
#include "settings.h"

enum outcome {
	SENT_TO_VPC = 0, SENT_SHORT_CUT, SENT_OUTSIDE, SENT_NATIVE, NEIGHBOR_ANSWERED,
	RECEIVED_FROM_VPC, RECEIVED_SHORT_CUT, RECEIVED_FROM_OUTSIDE, RECEIVED_NATIVE, RECEIVED_NEIGHBOR,
	IGNORED_MULTICAST_REPORT, /* goes no further, and nobody is told */
	DROP_NOT_IP = 16, DROP_MALFORMED, DROP_IPV4_OPTIONS, DROP_PROTOCOL, DROP_NEIGHBOR, DROP_SOURCE_NOT_OURS,
	DROP_DESTINATION_NOT_OURS, DROP_MULTICAST, DROP_NO_ROUTE, DROP_ROUTE_DENIED, DROP_NOT_GHOST, DROP_OTHER_VPC,
	DROP_NATIVE_MISMATCH, DROP_HOP_LIMIT, DROP_ICMP_TYPE, DROP_ICMP_QUOTE, DROP_ICMP_FRAGMENT, DROP_ICMP_TOO_LONG,
	DROP_ZERO_CHECKSUM, DROP_NO_ROOM,
	OUTCOMES = 48,
};
enum direction { FROM_POD = 0, TO_POD = 1 };

/* At most one event per pod, direction, reason, CPU and this time; counters count all. */
#define EVENT_INTERVAL_NS 100000000ull
#define EVENT_HEAD_LEN 64

struct counter {
	__u64 packets, bytes;
	__u64 last_event_ns;
};
struct event {
	__u64 time_ns;     /* CLOCK_MONOTONIC */
	__u32 ifindex, length;
	__u16 outcome, direction, head_length, vpc;
	__u8 head[EVENT_HEAD_LEN]; /* the frame's first bytes, when it was dropped */
};
struct {
	__uint(type, MAP_PERCPU_ARRAY);
	__uint(max_entries, 2 * OUTCOMES); /* direction * OUTCOMES + outcome */
	__type(key, __u32);
	__type(value, struct counter);
} counters SEC(".maps"); /* one map per pod */
struct {
	__uint(type, MAP_RINGBUF);
	__uint(max_entries, 65536);
} events SEC(".maps"); /* one per node */

/* Keeps in the type information what no map names, so that a test can compare it with Python's. */
const struct {
	enum outcome outcome;
	enum direction direction;
	struct event event;
} described SEC(".rodata") = {};

INLINE struct counter *count(enum direction direction, __u32 outcome, __u32 length)
{
	__u32 key = direction * OUTCOMES + outcome;
	struct counter *counter = map_lookup(&counters, &key);

	if (counter) {
		counter->packets++;
		counter->bytes += length;
	}
	return counter;
}

INLINE void tell(struct __sk_buff *skb, enum direction direction, __u32 outcome)
{
	struct event *event = ringbuf_reserve(&events, sizeof(*event), 0);
	__u32 head = skb->len;

	if (!event)
		return;
	__builtin_memset(event, 0, sizeof(*event));
	event->time_ns = ktime_get_ns();
	event->ifindex = skb->ifindex;
	event->length = skb->len;
	event->outcome = outcome;
	event->direction = direction;
	event->vpc = settings()->vpc;
	if (head > EVENT_HEAD_LEN)
		head = EVENT_HEAD_LEN;
	/* The verifier of Linux 6.1 only believes bounds of the very register that they were checked in. */
	forgotten(head);
	if (head >= ETH_LEN) {
		forgotten(head);
		if (head <= EVENT_HEAD_LEN && !skb_load(skb, 0, event->head, head))
			event->head_length = head;
	}
	ringbuf_submit(event, 0);
}

/* The end of a dropped packet; error is a negative DROP_..., length the frame's when it arrived. */
INLINE int drop(struct __sk_buff *skb, enum direction direction, int error, __u32 length)
{
	__u32 outcome = (__u32)-error;
	struct counter *counter;

	if (outcome >= OUTCOMES)
		outcome = DROP_NO_ROOM;
	counter = count(direction, outcome, length);
	if (counter) {
		__u64 now = ktime_get_ns();

		if (!counter->last_event_ns || now - counter->last_event_ns >= EVENT_INTERVAL_NS) {
			counter->last_event_ns = now;
			tell(skb, direction, outcome);
		}
	}
	return TC_ACT_SHOT;
}
