/* Traffic of real sockets, which the kernel hands on in pieces of up to 64 KiB; what would be on the wire is said by the kernel's own count of
 * segments. */
#ifndef FRAMES_JOINED_H
#define FRAMES_JOINED_H
#include "frames-links.h"
#include <linux/tcp.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <pthread.h>

/* RFC 2544: for tests; a block of four for each process, so that several may run. */
#define FIRST_ADDRESS (198U << 24 | 18 << 16)
#define HEADERS (14 + 20)

static struct in_addr own_address(unsigned which)
{
	struct in_addr address = {.s_addr = htonl(FIRST_ADDRESS + (getpid() & 0x3fff) * 4 + which)};

	return address;
}

static void add_address(int route, unsigned index, unsigned which)
{
	struct {
		struct nlmsghdr head;
		struct ifaddrmsg address;
		struct rtattr local;
		struct in_addr value;
	} request = {
		.head = {.nlmsg_len = sizeof(request), .nlmsg_type = RTM_NEWADDR, .nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE},
		.address = {.ifa_family = AF_INET, .ifa_prefixlen = 30, .ifa_index = index},
		.local = {.rta_len = RTA_LENGTH(4), .rta_type = IFA_LOCAL},
		.value = own_address(which),
	};

	must("add an address", ask(route, (struct route_request *)&request));
}

static void add_addresses(const char *outer)
{
	enter(outside);
	add_address(route_outside, if_nametoindex(outer), 1);
	enter(inside);
	add_address(route_inside, if_nametoindex(INNER), 2);
}

static struct sockaddr_in at_outer(int port)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr = own_address(1)};

	return address;
}

static int bound_outside(int type)
{
	struct sockaddr_in address = at_outer(0);
	int fd;

	enter(outside);
	fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);
	enter(inside);
	if (bind(fd, (struct sockaddr *)&address, sizeof(address)))
		die("bind");
	return fd;
}

static int port_of(int fd)
{
	struct sockaddr_in address;
	socklen_t length = sizeof(address);

	if (getsockname(fd, (struct sockaddr *)&address, &length))
		die("getsockname");
	return ntohs(address.sin_port);
}

static void *read_all(void *argument)
{
	static char room[1 << 16];
	int listener = *(int *)argument, fd = accept(listener, NULL, NULL);

	while (read(fd, room, sizeof(room)) > 0)
		;
	return (void *)(long)fd;
}

/* From the inner end to the outer one. What arrived there: segments, and bytes with the headers of each. */
static void send_tcp(unsigned long bytes)
{
	static char room[1 << 16];
	int listener = bound_outside(SOCK_STREAM), fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), quick = 1;
	struct sockaddr_in address = at_outer(port_of(listener));
	struct tcp_info info = {0};
	socklen_t length = sizeof(info);
	pthread_t reader;
	void *other;

	if (listen(listener, 1) || pthread_create(&reader, NULL, read_all, &listener))
		die("listen");
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)))
		die("connect");
	setsockopt(fd, IPPROTO_TCP, TCP_QUICKACK, &quick, sizeof(quick));
	for (unsigned long left = bytes; left;) {
		ssize_t done = write(fd, room, left < sizeof(room) ? left : sizeof(room));

		if (done <= 0)
			die("write");
		left -= done;
	}
	shutdown(fd, SHUT_WR);
	pthread_join(reader, &other);
	close((long)other);
	read(fd, room, 1); /* the other end's FIN is answered before the count is read */
	for (int turn = 0; turn < 100; turn++) {
		if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &length))
			die("tcp_info");
		if (info.tcpi_unacked == 0)
			break;
		usleep(1000);
	}
	/* all headers of TCP have the twelve bytes of time stamps; SYN has eight more. What is sent twice is in both. */
	fact("joined %u %lu", info.tcpi_segs_out, (unsigned long)(info.tcpi_bytes_sent + info.tcpi_segs_out * (HEADERS + 32UL) + 8));
	close(fd);
	close(listener);
}

static void send_udp(unsigned bytes, unsigned segment)
{
	static char room[1 << 16];
	int receiver = bound_outside(SOCK_DGRAM), fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct sockaddr_in address = at_outer(port_of(receiver));
	int size = segment;
	unsigned segments = (bytes + segment - 1) / segment;

	if (setsockopt(fd, IPPROTO_UDP, UDP_SEGMENT, &size, sizeof(size)))
		die("udp segment");
	if (sendto(fd, room, bytes, 0, (struct sockaddr *)&address, sizeof(address)) != (ssize_t)bytes)
		die("sendto");
	fact("joined %u %u", segments, bytes + segments * (HEADERS + 8));
	close(fd);
	close(receiver);
}
#endif
