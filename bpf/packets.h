/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only OR BSD-2-Clause */
/* Packets that arrive at interfaces, added up. A part of events.h. */
#ifndef RINGTAIL_PACKETS_H
#define RINGTAIL_PACKETS_H

enum packet_family {
	PACKET_OTHER = 0,
	PACKET_IPV4 = 1,
	PACKET_IPV6 = 2,
};

/*
 * What an IP packet carries, by the last of its headers that must all be whole: later fragments too say what they are of. `other` also for what
 * cannot be told: what is cut off before, what is not IP, a later fragment that begins inside of extension headers.
 */
enum packet_transport {
	PACKET_PROTO_OTHER = 0,
	PACKET_TCP = 1,
	PACKET_UDP = 2,
	PACKET_ICMP = 3, /* of either family */
};

#define PACKET_FAMILIES 3
#define PACKET_TRANSPORTS 4

/* What user space is given of all that is counted: `packet_counts`, a hash with a value a CPU, and `packet_slots`, which is faster. */
struct packet_key {
	__u32 ifindex;
	__u8 family;
	__u8 transport;
	__u16 zero;
};

struct packet_count {
	__u64 packets;
	__u64 bytes;
};

/* `packet_slots`: an array with a value a CPU; the counts of one interface, by family and transport. */
struct packet_slot {
	struct packet_count counts[PACKET_FAMILIES * PACKET_TRANSPORTS];
};

#define PACKET_PLACES 4096

/* `packet_places`, an array: which slot an interface has, at its number modulo PACKET_PLACES. Who has none counts in `packet_counts`. */
struct packet_place {
	__u32 ifindex; /* 0: nobody */
	__u32 slot;
};

#endif
