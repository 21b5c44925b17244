/* What a process does that connects. */
#ifndef CONNECTIONS_CLIENT_H
#define CONNECTIONS_CLIENT_H
#include "connections.h"

static int ports[2]; /* of IPv4 and IPv6 */

static int family_of(unsigned number)
{
	return number % 2 ? AF_INET6 : AF_INET;
}

/* 127.0.0.0/8 has more addresses than one: ports last longer. */
static union address server_of(unsigned number)
{
	return address_of(family_of(number), INADDR_LOOPBACK + number / 2 % 100, ports[number % 2]);
}

static void read_all(int fd, struct connection *one, unsigned bytes)
{
	while (one->received < bytes) {
		ssize_t got = recv(fd, data, sizeof(data), 0);

		if (got <= 0) {
			one->error = got < 0 ? errno : 0;
			return;
		}
		one->received += got;
	}
}

static void ask(int fd, struct connection *one, unsigned bytes, unsigned answer)
{
	struct request request = {bytes, answer, one->how, one->number};
	char message[MOST_BYTES];

	memset(message, 'x', bytes);
	memcpy(message, &request, sizeof(request));
	if (send(fd, message, bytes, MSG_NOSIGNAL) != (ssize_t)bytes)
		die("send");
	one->sent = bytes;
	read_all(fd, one, answer);
}

/* A socket that is connected; `local` is where it is bound before, or nothing. */
static int connected(struct connection *one, int type, const union address *peer, const union address *local)
{
	int fd = socket(peer->any.sa_family, type, 0), on = 1;

	if (fd < 0)
		die("socket");
	one->role = CLIENT;
	one->is_udp = type == SOCK_DGRAM;
	one->began_ns = boot_ns();
	if (local) {
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
		if (bind(fd, &local->any, length_of(local->any.sa_family)))
			die("bind");
	}
	if (connect(fd, &peer->any, length_of(peer->any.sa_family)))
		die("connect");
	name(one, fd, peer);
	return fd;
}

static void visit(unsigned number, int how, const union address *local)
{
	struct connection one = {.number = number, .how = how};
	union address peer = local ? address_of(AF_INET, INADDR_LOOPBACK, ports[0]) : server_of(number);
	int fd = connected(&one, SOCK_STREAM, &peer, local);
	char byte;

	if (how != BARE)
		ask(fd, &one, sizeof(struct request) + number % 2000, 1 + number % 700);
	if (how == SERVER_FIRST || how == STOP)
		one.received += recv(fd, &byte, 1, 0);
	if (how == RESET)
		reset_by_close(fd);
	keep(&one);
	close(fd);
}
#endif
