/*
 * Sockets of every kind, open until the input ends. A line for each: `open PROTOCOL LOCAL PORT PEER PORT STATE`, addresses as ss shows them, `-` for
 * none; states as the kernel numbers those of TCP, 0 for what is not TCP. Then `ready`.
 */
#include "facts.h"
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#define ESTABLISHED 1
#define LISTEN 10

static struct sockaddr_storage address_of(const char *text, int port, socklen_t *length)
{
	struct sockaddr_storage room = {0};
	struct sockaddr_in *v4 = (void *)&room;
	struct sockaddr_in6 *v6 = (void *)&room;

	if (inet_pton(AF_INET, text, &v4->sin_addr) == 1) {
		v4->sin_family = AF_INET;
		v4->sin_port = htons(port);
		*length = sizeof(*v4);
		return room;
	}
	if (inet_pton(AF_INET6, text, &v6->sin6_addr) != 1)
		die("inet_pton");
	v6->sin6_family = AF_INET6;
	v6->sin6_port = htons(port);
	*length = sizeof(*v6);
	return room;
}

static int port_of(int fd)
{
	struct sockaddr_in6 address = {0};
	socklen_t length = sizeof(address);

	if (getsockname(fd, (struct sockaddr *)&address, &length))
		die("getsockname");
	return ntohs(address.sin6_port); /* at the same place as for IPv4 */
}

static int bound(int type, const char *text, int port, int only)
{
	socklen_t length;
	struct sockaddr_storage address = address_of(text, port, &length);
	int fd = socket(address.ss_family, type, 0);

	if (address.ss_family == AF_INET6 && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &only, sizeof(only)))
		die("v6only");
	if (bind(fd, (struct sockaddr *)&address, length))
		die("bind");
	return fd;
}

static int listening(const char *text, int port, int only, const char *shown)
{
	int fd = bound(SOCK_STREAM, text, port, only);

	if (listen(fd, 5))
		die("listen");
	fact("open tcp %s %d - 0 %d", shown, port_of(fd), LISTEN);
	return fd;
}

static int connected(int type, const char *text, int port)
{
	socklen_t length;
	struct sockaddr_storage address = address_of(text, port, &length);
	int fd = socket(address.ss_family, type, 0);

	if (connect(fd, (struct sockaddr *)&address, length))
		die("connect");
	return fd;
}

/* A connection to a listener; `accepted` is how the addresses look at the other end. */
static void linked(int listener, const char *text, const char *accepted)
{
	int port = port_of(listener), fd = connected(SOCK_STREAM, text, port);

	fact("open tcp %s %d %s %d %d", text, port_of(fd), text, port, ESTABLISHED);
	if (!accepted)
		return;
	if (accept(listener, 0, 0) < 0)
		die("accept");
	fact("open tcp %s %d %s %d %d", accepted, port, accepted, port_of(fd), ESTABLISHED);
}

static void datagrams(const char *text, int port, int only, const char *shown)
{
	fact("open udp %s %d - 0 0", shown, port_of(bound(SOCK_DGRAM, text, port, only)));
}

int main(void)
{
	int plain = listening("127.0.0.1", 0, 0, "127.0.0.1");
	int both = listening("::", 0, 0, "*");
	int only = listening("0.0.0.0", 0, 0, "0.0.0.0");
	int fd;
	char byte;

	listening("::", port_of(only), 1, "::");
	linked(plain, "127.0.0.1", "127.0.0.1");
	linked(both, "127.0.0.1", "::ffff:127.0.0.1");
	linked(both, "::1", "::1");
	linked(plain, "127.0.0.1", 0); /* nobody accepts it */
	datagrams("127.0.0.1", 0, 0, "127.0.0.1");
	datagrams("::", 0, 0, "*");
	fd = connected(SOCK_DGRAM, "127.0.0.1", 9);
	fact("open udp 127.0.0.1 %d 127.0.0.1 9 0", port_of(fd));
	fd = connected(SOCK_DGRAM, "::1", 9);
	fact("open udp ::1 %d ::1 9 0", port_of(fd));
	if (!geteuid()) {
		if (socket(AF_INET, SOCK_RAW, 89) < 0 || socket(AF_INET, SOCK_RAW, IPPROTO_ICMP) < 0)
			die("raw");
		if (socket(AF_INET6, SOCK_RAW, 89) < 0 || socket(AF_INET6, SOCK_RAW, IPPROTO_ICMPV6) < 0)
			die("raw6");
		fact("open raw 0.0.0.0 0 - 0 0");
		fact("open icmp 0.0.0.0 0 - 0 0");
		fact("open raw * 0 - 0 0");
		fact("open icmp * 0 - 0 0");
	}
	if (socket(AF_INET, SOCK_STREAM, 0) < 0) /* in no table */
		die("socket");
	fact("ready");
	while (read(0, &byte, 1) > 0)
		continue;
	return 0;
}
