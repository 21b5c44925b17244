/* What the kinds of datagrams share: names of sockets, calls that must not fail, and how a session is told. */
#ifndef DATAGRAMS_H
#define DATAGRAMS_H
#include "facts.h"
#include <arpa/inet.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>
#include <netinet/udp.h>
#include <pthread.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif
#ifndef UDP_GRO
#define UDP_GRO 104
#endif
#define CORK 1 /* UDP_CORK */
#define BIG 65507
#define NOBODYS_PROTOCOL 253
#define ROUNDS 5

static char data[70000];

union name {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

static socklen_t name_bytes(const union name *name)
{
	return name->any.sa_family == AF_INET ? sizeof(name->v4) : sizeof(name->v6);
}

static union name name_of(const char *text, int port)
{
	union name name;

	memset(&name, 0, sizeof(name));
	if (strchr(text, ':')) {
		name.v6.sin6_family = AF_INET6;
		name.v6.sin6_port = htons(port);
		if (inet_pton(AF_INET6, text, &name.v6.sin6_addr) != 1)
			die("inet_pton");
	} else {
		name.v4.sin_family = AF_INET;
		name.v4.sin_port = htons(port);
		if (inet_pton(AF_INET, text, &name.v4.sin_addr) != 1)
			die("inet_pton");
	}
	return name;
}

static int port_of(const union name *name)
{
	return ntohs(name->any.sa_family == AF_INET ? name->v4.sin_port : name->v6.sin6_port);
}

static int socket_of(int family)
{
	int fd = socket(family, SOCK_DGRAM, 0), room = 4 << 20;

	if (fd < 0)
		die("socket");
	setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room));
	setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &room, sizeof(room));
	return fd;
}

static int bound(const char *address)
{
	union name name = name_of(address, 0);
	int fd = socket_of(name.any.sa_family);

	if (bind(fd, &name.any, name_bytes(&name)))
		die("bind");
	return fd;
}

static union name own_name(int fd)
{
	union name name;
	socklen_t bytes = sizeof(name);

	if (getsockname(fd, &name.any, &bytes))
		die("getsockname");
	return name;
}

static void join_to(int fd, const union name *peer)
{
	if (connect(fd, &peer->any, name_bytes(peer)))
		die("connect");
}

static long sent_to(int fd, size_t bytes, int flags, const union name *peer)
{
	long sent = sendto(fd, data, bytes, flags, peer ? &peer->any : 0, peer ? name_bytes(peer) : 0);

	if (sent < 0)
		die("sendto");
	return sent;
}

/* With `from` the call asks who sent. */
static long received_by(int fd, int flags, union name *from)
{
	socklen_t bytes = sizeof(*from);
	long received = recvfrom(fd, data, sizeof(data), flags, from ? &from->any : 0, from ? &bytes : 0);

	if (received < 0)
		die("recvfrom");
	return received;
}

/* As ss shows it. */
static const char *text_of(const union name *name, char *text, size_t room)
{
	char address[64];

	if (!name)
		return "-";
	if (name->any.sa_family == AF_INET) {
		inet_ntop(AF_INET, &name->v4.sin_addr, address, sizeof(address));
		snprintf(text, room, "%s:%d", address, port_of(name));
	} else {
		inet_ntop(AF_INET6, &name->v6.sin6_addr, address, sizeof(address));
		snprintf(text, room, "[%s]:%d", address, port_of(name));
	}
	return text;
}

/* session <role> <local> <peer> <process> <sent> <received> <error> */
static void tell_failed(const char *role, const union name *local, const union name *peer, long sent, long received, const char *error)
{
	char one[96], other[96];

	fact("session %s %s %s %d %ld %ld %s", role, text_of(local, one, sizeof(one)), text_of(peer, other, sizeof(other)), getpid(), sent, received,
		error);
}

static void tell(const char *role, const union name *local, const union name *peer, long sent, long received)
{
	tell_failed(role, local, peer, sent, received, "-");
}

#endif
