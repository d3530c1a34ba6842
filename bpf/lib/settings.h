/* One pod's constants. They are written before the program is loaded and frozen, so the verifier folds them into the
 * code, and no entry of a map can make one pod another. */
#pragma once
#include "headers.h"

#define SETTING_NATIVE 1   /* the pod has IPv6 sockets on its Ghost address with the native flag */
#define SETTING_SHORT_CUT 2 /* pods on the same node are reached without translation */
#define SETTING_PLAIN 4    /* short-cut packets come through to_pod: the device has no peer to redirect to */

struct settings {
	struct in6 ghost;      /* the pod's Ghost address, native flag clear */
	__u32 ipv4;            /* its guest IPv4 */
	__u32 outside_ipv4;    /* its node-unique source towards the outside; 0: the outside is 64:ff9b::/96 */
	__u32 outside_native_ipv4; /* the same for its native IPv6 sockets (NAT64); 0: 64:ff9b::/96 leaves as it is */
	__u32 flags;           /* SETTING_... */
	__u16 vpc, reserved;   /* its VPC id, host order */
	__u8 pod_mac[6], gateway_mac[6];
};

volatile const struct settings settings_constant SEC(".rodata") = {};

/* Its address goes through an empty instruction: else the compiler would fold the zeros that it sees. */
INLINE const struct settings *settings(void)
{
	const struct settings *own = (const struct settings *)&settings_constant;
	__asm__("" : "+r"(own));
	return own;
}
