/* A process that accepts: an epoll loop over listeners that it shares with others. */
#ifndef CONNECTIONS_SERVER_H
#define CONNECTIONS_SERVER_H
#include "connections.h"

#define MOST_SOCKETS 65536

struct served {
	struct connection fact;
	struct request request;
	int is_answered;
};

static struct served *served_by[MOST_SOCKETS];

static int listening(int family, int port, int is_nonblocking)
{
	union address address = address_of(family, INADDR_ANY, port);
	int fd = socket(family, SOCK_STREAM | (is_nonblocking ? SOCK_NONBLOCK : 0), 0), on = 1;

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
	if (bind(fd, &address.any, length_of(family)) || listen(fd, 4096))
		die("listen");
	return fd;
}

static int port_of(int fd)
{
	union address address;
	socklen_t length = sizeof(address);

	getsockname(fd, &address.any, &length);
	return ntohs(address.inet.sin_port);
}

/* Returns how it was asked to end, or -1. */
static int end_served(int fd, int error)
{
	struct served *one = served_by[fd];
	int how = one->request.bytes ? (int)one->request.how : -1;

	one->fact.how = how < 0 ? BARE : how;
	one->fact.number = one->request.number;
	one->fact.error = error;
	served_by[fd] = 0;
	keep(&one->fact);
	close(fd);
	free(one);
	return how;
}

/* Reads what there is; returns how the connection was asked to end once it has ended, or -1. */
static int serve(int fd)
{
	struct served *one = served_by[fd];

	for (;;) {
		ssize_t got = recv(fd, data, sizeof(data), MSG_DONTWAIT);

		if (got < 0 && (errno == EAGAIN || errno == EINTR))
			return -1;
		if (got <= 0)
			return end_served(fd, got < 0 ? errno : 0);
		if (!one->fact.received) {
			if (got < (ssize_t)sizeof(one->request))
				die("a request in parts");
			memcpy(&one->request, data, sizeof(one->request));
		}
		one->fact.received += got;
		if (one->fact.received < one->request.bytes || one->is_answered)
			continue;
		one->is_answered = 1;
		if (one->request.answer) {
			got = send(fd, data, one->request.answer, MSG_NOSIGNAL);
			if (got > 0)
				one->fact.sent += got;
		}
		if (one->request.how == SERVER_FIRST || one->request.how == STOP)
			return end_served(fd, 0);
	}
}

static int accepted(int listener)
{
	union address peer;
	socklen_t length = sizeof(peer);
	int fd = accept4(listener, &peer.any, &length, 0);
	struct served *one;

	if (fd < 0)
		return -1;
	if (fd >= MOST_SOCKETS)
		die("too many sockets");
	one = served_by[fd] = calloc(1, sizeof(*one));
	one->fact.role = SERVER;
	one->fact.began_ns = boot_ns();
	name(&one->fact, fd, &peer);
	return fd;
}

/* Until a connection asks for the end. All clients have gone by then, and what they said is here. */
static void server(const int *listeners, int count)
{
	struct epoll_event events[64];
	int poll = epoll_create1(0), is_over = 0;

	for (int i = 0; i < count; i++) {
		struct epoll_event event = {.events = EPOLLIN | EPOLLEXCLUSIVE, .data.fd = listeners[i]};

		epoll_ctl(poll, EPOLL_CTL_ADD, listeners[i], &event);
	}
	while (!is_over) {
		int ready = epoll_wait(poll, events, 64, -1);

		for (int i = 0; i < ready; i++) {
			int fd = events[i].data.fd;

			if (!served_by[fd]) {
				fd = accepted(fd);
				if (fd < 0)
					continue;
				is_over |= serve(fd) == STOP;
				if (served_by[fd]) {
					struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};

					epoll_ctl(poll, EPOLL_CTL_ADD, fd, &event);
				}
			} else {
				is_over |= serve(fd) == STOP;
			}
		}
	}
	for (int fd = 0; fd < MOST_SOCKETS; fd++) {
		if (served_by[fd])
			serve(fd);
	}
}
#endif
