/* What a workload of sessions tells: a line for each session, as the kernel should tell it. */
#ifndef SESSIONS_H
#define SESSIONS_H
#include "facts.h"
#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>

#define LOCAL_4 "127.0.0.1"
#define LOCAL_6 "::1"

struct end {
	struct sockaddr_storage address;
	char text[100]; /* as ss shows it, with the port */
};

static inline socklen_t length_of(const struct end *end)
{
	return end->address.ss_family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6);
}

static inline struct end make_end(int family, const char *address, int port)
{
	struct end end = {.address.ss_family = family};
	struct sockaddr_in *four = (void *)&end.address;
	struct sockaddr_in6 *six = (void *)&end.address;
	char text[64];
	char *zone;

	if (family == AF_INET) {
		four->sin_port = htons(port);
		inet_pton(AF_INET, address, &four->sin_addr);
		return end;
	}
	snprintf(text, sizeof(text), "%s", address);
	zone = strchr(text, '%');
	if (zone) {
		*zone = 0;
		six->sin6_scope_id = if_nametoindex(zone + 1);
	}
	six->sin6_port = htons(port);
	inet_pton(AF_INET6, text, &six->sin6_addr);
	return end;
}

static inline int port_of(const struct end *end)
{
	return ntohs(((const struct sockaddr_in *)&end->address)->sin_port);
}

static inline void say_end(struct end *end)
{
	const struct sockaddr_in6 *six = (void *)&end->address;
	char address[INET6_ADDRSTRLEN], zone[IF_NAMESIZE];

	if (end->address.ss_family == AF_INET) {
		inet_ntop(AF_INET, &((struct sockaddr_in *)&end->address)->sin_addr, address, sizeof(address));
		snprintf(end->text, sizeof(end->text), "%s:%d", address, port_of(end));
		return;
	}
	inet_ntop(AF_INET6, &six->sin6_addr, address, sizeof(address));
	if (six->sin6_scope_id && if_indextoname(six->sin6_scope_id, zone))
		snprintf(end->text, sizeof(end->text), "[%s%%%s]:%d", address, zone, port_of(end));
	else
		snprintf(end->text, sizeof(end->text), "[%s]:%d", address, port_of(end));
}

static inline struct end local_of(int fd)
{
	struct end end = {};
	socklen_t length = sizeof(end.address);

	if (getsockname(fd, (void *)&end.address, &length))
		die("getsockname");
	say_end(&end);
	return end;
}

/* What is told of one end of a connection. */
struct told {
	const char *role; /* client, server */
	struct end local, peer;
	int first; /* process at its start; 0: nobody, no start */
	int last;  /* at its end */
	long sent, received, unacked;
	const char *result; /* "-" or the name of an errno */
	const char *path;   /* states, from the first one that becomes a record */
};

static inline void tell(const struct told *told)
{
	fact("session %s %s %s %d %d %ld %ld %ld %s %s", told->role, told->local.text, told->peer.text, told->first, told->last, told->sent,
		told->received, told->unacked, told->result, told->path);
}

static inline void tell_listener(struct end local, const char *shown, int owner)
{
	if (shown)
		snprintf(local.text, sizeof(local.text), "%s:%d", shown, port_of(&local));
	fact("listen %s %d", local.text, owner);
}

static inline void set_option(int fd, int level, int name, int value)
{
	if (setsockopt(fd, level, name, &value, sizeof(value)))
		die("setsockopt");
}

static inline int listen_at(int family, const char *address, int port, int backlog)
{
	struct end end = make_end(family, address, port);
	int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		die("socket");
	set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1);
	/* an address that was just given to an interface is not usable at once */
	while (bind(fd, (void *)&end.address, length_of(&end)))
		if (errno != EADDRNOTAVAIL || usleep(1000))
			die("bind");
	if (listen(fd, backlog))
		die("listen");
	return fd;
}

static inline int connect_to(const struct end *end)
{
	int fd = socket(end->address.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		die("socket");
	if (connect(fd, (void *)&end->address, length_of(end)))
		die("connect");
	return fd;
}

static inline void send_all(int fd, long bytes)
{
	static const char zeroes[65536];

	while (bytes > 0) {
		long done = send(fd, zeroes, bytes < (long)sizeof(zeroes) ? bytes : (long)sizeof(zeroes), MSG_NOSIGNAL);

		if (done < 0)
			die("send");
		bytes -= done;
	}
}

static inline void read_exactly(int fd, long bytes)
{
	static char room[65536];

	while (bytes > 0) {
		long done = recv(fd, room, bytes < (long)sizeof(room) ? bytes : (long)sizeof(room), 0);

		if (done <= 0)
			die("recv");
		bytes -= done;
	}
}

static inline void read_end(int fd)
{
	char byte;

	if (read(fd, &byte, 1))
		die("more than the end");
}

/* Without a FIN: the other end gets a reset. */
static inline void reset(int fd)
{
	struct linger linger = {.l_onoff = 1};

	if (setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger)))
		die("SO_LINGER");
	close(fd);
}

#define CLOSES_FIRST "syn_sent,established,fin_wait_1,fin_wait_2,closed"
#define CLOSED_FIRST "syn_received,established,fin_wait_1,fin_wait_2,closed"
#define CLOSED_BY_PEER "syn_received,established,close_wait,last_ack,closed"
#define CLIENT_CLOSED_BY_PEER "syn_sent,established,close_wait,last_ack,closed"
#define CLIENT_RESET "syn_sent,established,closed"
#define SERVER_RESET "syn_received,established,closed"
#endif
