/* Frames by name, and what they are: family, transport, and the bytes that count (no VLAN tags). */
#ifndef FRAMES_KINDS_H
#define FRAMES_KINDS_H
#include "facts.h"
#include <arpa/inet.h>

#define MOST_BYTES 9100
#define MOST_FRAMES 256

enum { OTHER, IPV4, IPV6 };
enum { UNKNOWN, TCP, UDP, ICMP };
enum {
	HOP = 0,
	ROUTING = 43,
	FRAGMENT = 44,
	ESP = 50,
	AUTHENTICATION = 51,
	ICMP6 = 58,
	NOTHING = 59,
	DESTINATION = 60,
	MOBILITY = 135,
	HIP = 139,
	SHIM6 = 140
};

struct frame {
	char name[48];
	unsigned char bytes[MOST_BYTES];
	unsigned length, tags;
	int family, transport;
	int by_xdp_only; /* the kernel drops it before traffic control sees it */
	unsigned mtu;    /* that it needs */
};

static struct frame frames[MOST_FRAMES];
static unsigned frame_count;
static struct frame *now; /* the one that is being made */

static void put(const void *bytes, unsigned length)
{
	if (now->length + length > MOST_BYTES)
		die("a frame is too long");
	memcpy(now->bytes + now->length, bytes, length);
	now->length += length;
}

static void put8(unsigned value)
{
	unsigned char byte = value;

	put(&byte, 1);
}

static void put16(unsigned value)
{
	put8(value >> 8);
	put8(value);
}

static void fill(unsigned length)
{
	while (length--)
		put8(0x5a);
}

__attribute__((format(printf, 4, 5))) static void begin(int family, int transport, unsigned type, const char *format, ...)
{
	/* to and from nobody: the host looks at it and lets it go */
	static const unsigned char addresses[] = {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2};
	va_list args;

	if (frame_count == MOST_FRAMES)
		die("too many frames");
	now = &frames[frame_count++];
	now->family = family;
	now->transport = transport;
	now->mtu = 1500;
	va_start(args, format);
	vsnprintf(now->name, sizeof(now->name), format, args);
	va_end(args);
	put(addresses, sizeof(addresses));
	put16(type);
}

/* The outermost first, before anything else. */
static void tag(unsigned outer_type)
{
	unsigned char *type = now->bytes + 12 + now->tags * 4;
	unsigned char inner[2] = {type[0], type[1]};

	type[0] = outer_type >> 8;
	type[1] = outer_type;
	put16(100 + now->tags);
	put(inner, 2);
	now->tags++;
}

static void ip4(unsigned words, unsigned fragment, unsigned protocol, unsigned total)
{
	put8(0x40 | words);
	put8(0);
	put16(total);
	put16(1);
	put16(fragment);
	put8(64);
	put8(protocol);
	put16(0);
	put16(0xc000), put16(0x0201);
	put16(0xc000), put16(0x0202);
	for (unsigned word = 5; word < words; word++)
		put16(0x0101), put16(0x0101);
}

static void ip6(unsigned next, unsigned payload)
{
	put16(0x6000), put16(0);
	put16(payload);
	put8(next);
	put8(64);
	for (int i = 0; i < 16; i++)
		put16(0x2001);
}

/* An extension header of the common form; `eights`: behind its first eight bytes. */
static void extension(unsigned next, unsigned eights)
{
	put8(next);
	put8(eights);
	put16(0x0104), put16(0), put16(0);
	fill(eights * 8);
}

static void fragment6(unsigned next, unsigned offset, int more)
{
	put8(next);
	put8(0);
	put16(offset << 3 | more);
	put16(0), put16(7);
}

static void authentication(unsigned next)
{
	put8(next);
	put8(4); /* 24 bytes */
	put16(0);
	fill(20);
}

static void cut(unsigned length)
{
	now->length = length;
}

static void make_ip4(void)
{
	static const struct {
		const char *name;
		int protocol, transport;
	} kinds[] = {{"tcp", 6, TCP}, {"udp", 17, UDP}, {"icmp", 1, ICMP}, {"sctp", 132, UNKNOWN}, {"esp", ESP, UNKNOWN}, {"icmp6", ICMP6, UNKNOWN}};

	for (unsigned i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
		begin(IPV4, kinds[i].transport, 0x0800, "ip4-%s", kinds[i].name), ip4(5, 0, kinds[i].protocol, 84), fill(64);
	begin(IPV4, TCP, 0x0800, "ip4-options"), ip4(15, 0, 6, 124), fill(64);
	begin(IPV4, UNKNOWN, 0x0800, "ip4-options-cut"), ip4(15, 0, 6, 124), cut(14 + 40);
	begin(IPV4, TCP, 0x0800, "ip4-header-alone"), ip4(5, 0, 6, 20);
	begin(IPV4, UNKNOWN, 0x0800, "ip4-short-header"), ip4(4, 0, 6, 84), fill(64);
	begin(IPV4, UNKNOWN, 0x0800, "ip4-says-6"), ip6(17, 64), fill(64);
	begin(IPV4, UDP, 0x0800, "ip4-length-too-long"), ip4(5, 0, 17, 0xffff), fill(64);
	begin(IPV4, UDP, 0x0800, "ip4-length-zero"), ip4(5, 0, 17, 0), fill(64);
	begin(IPV4, UDP, 0x0800, "ip4-first-fragment"), ip4(5, 0x2000, 17, 84), fill(64);
	begin(IPV4, UDP, 0x0800, "ip4-later-fragment"), ip4(5, 0x20b9, 17, 84), fill(64);
	begin(IPV4, ICMP, 0x0800, "ip4-last-fragment"), ip4(5, 0x00b9, 1, 84), fill(64);
	begin(IPV4, TCP, 0x0800, "ip4-authenticated"), ip4(5, 0, AUTHENTICATION, 84), authentication(6), fill(64);
	begin(IPV4, UNKNOWN, 0x0800, "ip4-authenticated-cut"), ip4(5, 0, AUTHENTICATION, 84), authentication(6), cut(14 + 20 + 20);
	begin(IPV4, UNKNOWN, 0x0800, "ip4-authenticated-later-fragment"), ip4(5, 0x00b9, AUTHENTICATION, 84), fill(64);
	for (int length = 0; length < 20; length += length < 8 ? 4 : 1)
		begin(IPV4, UNKNOWN, 0x0800, "ip4-cut-%d", length), ip4(5, 0, 6, 84), cut(14 + length);
}

static void make_extensions(void)
{
	static const int kinds[] = {HOP, ROUTING, DESTINATION, MOBILITY, HIP, SHIM6};

	for (unsigned i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
		begin(IPV6, UDP, 0x86dd, "ip6-extension-%d", kinds[i]), ip6(kinds[i], 72), extension(17, 0), fill(64);
		begin(IPV6, TCP, 0x86dd, "ip6-extension-%d-long", kinds[i]), ip6(kinds[i], 900), extension(6, 100), fill(64);
	}
	begin(IPV6, UDP, 0x86dd, "ip6-first-fragment"), ip6(FRAGMENT, 72), fragment6(17, 0, 1), fill(64);
	begin(IPV6, UDP, 0x86dd, "ip6-later-fragment"), ip6(FRAGMENT, 72), fragment6(17, 181, 1), fill(64);
	begin(IPV6, ICMP, 0x86dd, "ip6-last-fragment"), ip6(FRAGMENT, 72), fragment6(ICMP6, 362, 0), fill(64);
	begin(IPV6, TCP, 0x86dd, "ip6-first-fragment-extension"), ip6(FRAGMENT, 80), fragment6(DESTINATION, 0, 1), extension(6, 0), fill(64);
	begin(IPV6, UNKNOWN, 0x86dd, "ip6-later-fragment-extension"), ip6(FRAGMENT, 72), fragment6(DESTINATION, 181, 1), fill(64);
	begin(IPV6, TCP, 0x86dd, "ip6-authenticated"), ip6(AUTHENTICATION, 88), authentication(6), fill(64);
	begin(IPV6, TCP, 0x86dd, "ip6-all-extensions"), ip6(HOP, 400), extension(DESTINATION, 1), extension(ROUTING, 0), extension(FRAGMENT, 2),
		fragment6(AUTHENTICATION, 0, 0), authentication(DESTINATION), extension(MOBILITY, 0), extension(HIP, 0), extension(SHIM6, 4),
		extension(6, 0), fill(64);
	for (int many = 12; many <= 13; many++) {
		begin(IPV6, many == 12 ? UDP : UNKNOWN, 0x86dd, "ip6-%d-extensions", many), ip6(DESTINATION, 200);
		for (int i = 1; i < many; i++)
			extension(DESTINATION, 0);
		extension(17, 0), fill(64);
	}
	begin(IPV6, UNKNOWN, 0x86dd, "ip6-extension-says-too-much"), ip6(HOP, 72), extension(17, 0), fill(64), now->bytes[14 + 40 + 1] = 200;
	for (int length = 0; length < 8; length++)
		begin(IPV6, UNKNOWN, 0x86dd, "ip6-extension-cut-%d", length), ip6(HOP, 72), extension(17, 0), cut(14 + 40 + length);
}

static void make_ip6(void)
{
	static const struct {
		const char *name;
		int next, transport;
	} kinds[] = {{"tcp", 6, TCP}, {"udp", 17, UDP}, {"icmp", ICMP6, ICMP}, {"icmp4", 1, UNKNOWN}, {"nothing", NOTHING, UNKNOWN},
		{"esp", ESP, UNKNOWN}};

	for (unsigned i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
		begin(IPV6, kinds[i].transport, 0x86dd, "ip6-%s", kinds[i].name), ip6(kinds[i].next, 64), fill(64);
	begin(IPV6, UDP, 0x86dd, "ip6-header-alone"), ip6(17, 0);
	begin(IPV6, UDP, 0x86dd, "ip6-length-too-long"), ip6(17, 0xffff), fill(64);
	begin(IPV6, UNKNOWN, 0x86dd, "ip6-says-4"), ip4(5, 0, 6, 84), fill(64);
	for (int length = 0; length < 40; length += 3)
		begin(IPV6, UNKNOWN, 0x86dd, "ip6-cut-%d", length), ip6(6, 64), cut(14 + length);
	make_extensions();
}

static void make_tagged(void)
{
	begin(IPV4, TCP, 0x0800, "vlan-ip4"), tag(0x8100), ip4(5, 0, 6, 84), fill(64);
	begin(IPV6, UDP, 0x86dd, "vlan-ad-ip6"), tag(0x88a8), ip6(17, 64), fill(64);
	begin(IPV6, TCP, 0x86dd, "vlan-ip6-extensions"), tag(0x8100), ip6(HOP, 80), extension(DESTINATION, 0), extension(6, 0), fill(64);
	begin(OTHER, UNKNOWN, 0x0806, "vlan-arp"), tag(0x8100), fill(28);
	begin(IPV4, UDP, 0x0800, "qinq-ip4"), tag(0x88a8), tag(0x8100), ip4(5, 0, 17, 84), fill(64);
	begin(IPV6, ICMP, 0x86dd, "qinq-ip6"), tag(0x88a8), tag(0x8100), ip6(ICMP6, 64), fill(64);
	begin(IPV4, UDP, 0x0800, "vlan-three"), tag(0x8100), tag(0x88a8), tag(0x8100), ip4(5, 0, 17, 84), fill(64);
	begin(IPV4, UDP, 0x0800, "vlan-four"), tag(0x8100), tag(0x8100), tag(0x88a8), tag(0x8100), ip4(5, 0, 17, 84), fill(64);
	begin(IPV4, UNKNOWN, 0x0800, "vlan-ip4-cut"), tag(0x8100), ip4(5, 0, 17, 84), cut(18 + 12);
	begin(IPV4, UNKNOWN, 0x0800, "vlan-alone"), tag(0x8100), now->by_xdp_only = 1;
	for (int length = 0; length < 4; length++)
		begin(OTHER, UNKNOWN, 0x8100, "vlan-cut-%d", length), fill(length), now->by_xdp_only = 1;
	begin(OTHER, UNKNOWN, 0x8100, "qinq-cut"), tag(0x88a8), fill(3);
}

static void make_others(void)
{
	begin(OTHER, UNKNOWN, 0x0806, "arp"), fill(28);
	begin(OTHER, UNKNOWN, 0x88b5, "type-unknown"), fill(46);
	begin(OTHER, UNKNOWN, 0x0026, "length-for-type"), put16(0x4242), fill(36);
	begin(OTHER, UNKNOWN, 0x88b5, "type-alone");
}

static void make_large(void)
{
	begin(IPV4, UDP, 0x0800, "large-ip4"), ip4(5, 0, 17, 9000), fill(8980), now->mtu = 9000;
	begin(IPV6, TCP, 0x86dd, "large-ip6"), ip6(6, 8960), fill(8960), now->mtu = 9000;
	begin(IPV6, TCP, 0x86dd, "large-ip6-extensions"), ip6(HOP, 8960), extension(ROUTING, 255), extension(DESTINATION, 255), extension(6, 255),
		fill(2000), now->mtu = 9000;
	begin(IPV4, UDP, 0x0800, "large-vlan"), tag(0x8100), ip4(5, 0, 17, 8996), fill(8976), now->mtu = 9000;
	begin(IPV6, UDP, 0x86dd, "large-qinq"), tag(0x88a8), tag(0x8100), ip6(17, 8900), fill(8900), now->mtu = 9000;
}

static void make_frames(void)
{
	make_others();
	make_ip4();
	make_ip6();
	make_tagged();
	make_large();
}
#endif
