/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Datagrams as packets on their way through a socket, for kernels that tell no lengths of calls (before 6.3). */
#ifndef RINGTAIL_SESSION_PACKET_BPF_H
#define RINGTAIL_SESSION_PACKET_BPF_H

#include "session_address.bpf.h"
#include "session_arrival.bpf.h"
#include "session_flow.bpf.h"
#include "session_other.bpf.h"

#define ETH_P_IP 0x0800
#define ETH_P_IPV6 0x86dd
#define UDP_HEADER_BYTES 8
#define IPV6_HEADER_BYTES 40
#define EXTENSIONS_MAX 6 /* headers between that of IPv6 and the datagram; each at most once by RFC 8200 */
#define EXTENSION_HOP_BY_HOP 0
#define EXTENSION_ROUTING 43
#define EXTENSION_FRAGMENT 44
#define EXTENSION_OPTIONS 60

/* A packet of a socket that is not TCP. */
struct packet {
	struct datagram it;
	struct __sk_buff *skb;
	__u32 header_bytes; /* in front of that of UDP */
	__u32 protocol;
	bool is_ipv4;
};

/* False: it is TCP, or cannot be read. */
static __always_inline bool read_ipv4_header(struct packet *packet, bool sent)
{
	struct __sk_buff *skb = packet->skb;
	struct iphdr *header = (void *)(long)skb->data;

	if ((void *)(header + 1) > (void *)(long)skb->data_end || header->protocol == IPPROTO_TCP)
		return false;
	packet->is_ipv4 = true;
	packet->protocol = header->protocol;
	packet->header_bytes = header->ihl * 4;
	*(__u32 *)packet->it.key.peer = sent ? header->daddr : header->saddr;
	return true;
}

static __always_inline bool read_ipv6_header(struct packet *packet, bool sent)
{
	struct __sk_buff *skb = packet->skb;
	struct ipv6hdr *header = (void *)(long)skb->data;
	__u32 offset = IPV6_HEADER_BYTES;
	__u8 next, extension[2];

	if ((void *)(header + 1) > (void *)(long)skb->data_end || header->nexthdr == IPPROTO_TCP)
		return false;
	next = header->nexthdr;
	__builtin_memcpy(packet->it.key.peer, sent ? &header->daddr : &header->saddr, sizeof(packet->it.key.peer));
	for (int i = 0; i < EXTENSIONS_MAX; i++) {
		if (next != EXTENSION_HOP_BY_HOP && next != EXTENSION_ROUTING && next != EXTENSION_OPTIONS && next != EXTENSION_FRAGMENT)
			break;
		if (bpf_skb_load_bytes(skb, offset, extension, sizeof(extension)))
			return false;
		offset += next == EXTENSION_FRAGMENT ? 8 : (extension[1] + 1) * 8;
		next = extension[0];
	}
	packet->protocol = next;
	packet->header_bytes = offset;
	return next != IPPROTO_TCP;
}

/* The kernel loops what is sent to a group back by a copy, which comes along here as well and belongs to nobody. */
static __always_inline bool is_looped_copy(struct __sk_buff *skb)
{
	__u64 packet = as_number(skb), owner;

	KREAD(owner, packet, sk_buff, destructor);
	return !owner;
}

/* Interface; each field by a load of its own, as the verifier wants it. */
static __always_inline __u32 device_of(struct __sk_buff *skb, bool sent)
{
	__u32 out = skb->ifindex, in;

	barrier_var(out);
	in = skb->ingress_ifindex;
	barrier_var(in);
	return sent ? out : in;
}

static __always_inline void count_packet(struct packet *packet, struct bpf_sock *sock)
{
	struct datagram *it = &packet->it;
	struct flow_key *key = &it->key;
	__u16 ports[2];

	if (packet->protocol != IPPROTO_UDP || !session_protocol_wanted(NET_UDP))
		return;
	if (bpf_skb_load_bytes(packet->skb, packet->header_bytes, ports, sizeof(ports)))
		return;
	if (it->sent && packet->is_ipv4 && is_looped_copy(packet->skb))
		return;
	key->family = sock->family;
	key->port = bpf_ntohs(it->sent ? ports[1] : ports[0]);
	if (packet->is_ipv4)
		set_ipv4(key->peer, key->family, *(__u32 *)key->peer);
	else if (is_link_local(key->peer))
		key->scope = device_of(packet->skb, it->sent);
	it->cookie = bpf_get_socket_cookie(packet->skb);
	it->bytes = packet->skb->len - packet->header_bytes - UDP_HEADER_BYTES;
	it->has_task = it->sent;
	if (!it->sent)
		keep_arrival(it);
	count_datagram(it);
}

#define HEADER_INCLUDED_BIT 9 /* INET_FLAGS_HDRINCL, include/net/inet_sock.h */

/* Before 6.4, and since. */
struct inet_sock___bits {
	__u8 hdrincl : 1;
};

struct inet_sock___flags {
	unsigned long inet_flags;
};

/* Whether the program writes the header of IP itself. */
static __always_inline bool writes_header(__u64 sk)
{
	__u64 flags;

	if (bpf_core_field_exists(struct inet_sock___bits, hdrincl))
		return BPF_CORE_READ_BITFIELD_PROBED((struct inet_sock___bits *)sk, hdrincl);
	if (!bpf_core_field_exists(struct inet_sock___flags, inet_flags))
		return false;
	KREAD_WORD(flags, sk + bpf_core_field_offset(struct inet_sock___flags, inet_flags));
	return flags >> HEADER_INCLUDED_BIT & 1;
}

/* Payload as the program sees it: with the header of IP where it writes that itself, or reads it. Packets of TCP and UDP of raw sockets are not
 * counted. */
static __always_inline void count_other_packet(struct packet *packet, struct bpf_sock *sock)
{
	struct datagram *it = &packet->it;
	bool raw = sock->type == SOCK_TYPE_RAW, with_header = raw && sock->family == AF_INET;

	if (!session_protocol_wanted(transport_of(sock->family, sock->type, sock->protocol)))
		return;
	if (with_header && it->sent)
		with_header = writes_header(it->key.sk);
	it->cookie = bpf_get_socket_cookie(packet->skb);
	it->bytes = packet->skb->len - (with_header ? 0 : packet->header_bytes);
	it->has_task = it->sent;
	count_other(it);
}

/* A packet of IP, seen by the socket that sends or receives it. TCP costs a few loads. */
static __always_inline int session_packet(struct __sk_buff *skb, bool sent)
{
	struct packet packet = {.skb = skb, .it.sent = sent};
	struct bpf_sock *sock;

	if (skb->protocol == bpf_htons(ETH_P_IP)) {
		if (!read_ipv4_header(&packet, sent))
			return 1;
	} else if (skb->protocol != bpf_htons(ETH_P_IPV6) || !read_ipv6_header(&packet, sent)) {
		return 1;
	}
	sock = skb->sk;
	if (!sock)
		return 1;
	sock = bpf_sk_fullsock(sock);
	if (!sock)
		return 1;
	packet.it.key.sk = as_number(sock);
	if (sock->type == SOCK_TYPE_DATAGRAM && sock->protocol == IPPROTO_UDP)
		count_packet(&packet, sock);
	else if (sock->type == SOCK_TYPE_RAW || sock->protocol == IPPROTO_ICMP || sock->protocol == ICMPV6)
		count_other_packet(&packet, sock);
	return 1;
}

#endif
