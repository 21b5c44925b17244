/* A container that talks: what it says to others and how it answers, and the sums of both. See container-traffic.c. */
#ifndef CONTAINER_TRAFFIC_H
#define CONTAINER_TRAFFIC_H
#include "sessions.h"
#include <stdatomic.h>
#include <stdint.h>
#include <sys/mman.h>

#define NETNS_COOKIE 71 /* SO_NETNS_COOKIE, since 5.14 */
#ifndef CLONE_INTO_CGROUP
#define CLONE_INTO_CGROUP 0x200000000ull
#endif
#define CONTAINERS_MAX 512
#define BYTES_MAX 100000
#define DATAGRAM_MAX 9000
#define WINDOW 4
#define WAIT_MS 20
#define FAMILIES 2

struct count {
	uint64_t client, server, sent, received;
};

struct container {
	char folder[512];
	atomic_int ready, done; /* rounds that its client has done */
	int next_port;
	in_port_t tcp[FAMILIES], udp[FAMILIES];
	uint64_t cookie;
	struct count tcp_client, tcp_server, udp_client, udp_server;
};

/* What a client asks for: so many bytes more, so many back, and who closes first. */
struct ask {
	uint32_t more, back, server_closes;
};

static struct shared {
	atomic_int round, is_over;
	int sessions; /* of this round */
	struct container containers[CONTAINERS_MAX];
} *shared;

static const int families[FAMILIES] = {AF_INET, AF_INET6};
static const char *const addresses[FAMILIES] = {LOCAL_4, LOCAL_6};
static struct container *self, *partner;
static int tcp_fds[FAMILIES], udp_fds[FAMILIES];

static uint64_t next_random(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

static uint64_t send_bytes(int fd, const void *bytes, uint64_t length)
{
	for (uint64_t at = 0; at < length;) {
		long done = send(fd, (const char *)bytes + at, length - at, MSG_NOSIGNAL);

		if (done < 0)
			die("send");
		at += done;
	}
	return length;
}

static uint64_t receive_bytes(int fd, void *bytes, uint64_t length)
{
	for (uint64_t at = 0; at < length;) {
		long done = recv(fd, (char *)bytes + at, length - at, 0);

		if (done <= 0)
			die("recv");
		at += done;
	}
	return length;
}

static void serve_connection(int fd, struct count *count)
{
	static char room[BYTES_MAX];
	struct ask ask;
	char byte;

	count->server++;
	count->received += receive_bytes(fd, &ask, sizeof(ask));
	count->received += receive_bytes(fd, room, ask.more);
	count->sent += send_bytes(fd, room, ask.back);
	if (!ask.server_closes && recv(fd, &byte, 1, 0))
		die("more than the end");
	close(fd);
}

static void *serve_tcp(void *nothing)
{
	struct pollfd polls[FAMILIES];

	while (!shared->is_over) {
		for (int i = 0; i < FAMILIES; i++)
			polls[i] = (struct pollfd){.fd = tcp_fds[i], .events = POLLIN};
		if (poll(polls, FAMILIES, WAIT_MS) <= 0)
			continue;
		for (int i = 0; i < FAMILIES; i++) {
			int fd = polls[i].revents ? accept4(tcp_fds[i], 0, 0, SOCK_CLOEXEC) : -1;

			if (fd >= 0)
				serve_connection(fd, &self->tcp_server);
		}
	}
	return nothing;
}

static void talk_tcp(uint64_t *random, const struct container *to, int family)
{
	static char room[BYTES_MAX];
	struct end end = make_end(families[family], addresses[family], ntohs(to->tcp[family]));
	struct ask ask = {next_random(random) % BYTES_MAX, next_random(random) % BYTES_MAX, next_random(random) % 2};
	struct count *count = &self->tcp_client;
	int fd = connect_to(&end);
	char byte;

	count->client++;
	count->sent += send_bytes(fd, &ask, sizeof(ask)) + send_bytes(fd, room, ask.more);
	count->received += receive_bytes(fd, room, ask.back);
	if (ask.server_closes && recv(fd, &byte, 1, 0))
		die("more than the end");
	close(fd);
}

/* A session is a socket and a peer. */
static void *serve_udp(void *nothing)
{
	static unsigned char seen[FAMILIES][1 << 16];
	static char room[DATAGRAM_MAX];
	struct pollfd polls[FAMILIES];

	while (!shared->is_over) {
		for (int i = 0; i < FAMILIES; i++)
			polls[i] = (struct pollfd){.fd = udp_fds[i], .events = POLLIN};
		if (poll(polls, FAMILIES, WAIT_MS) <= 0)
			continue;
		for (int i = 0; i < FAMILIES; i++) {
			struct end from = {};
			socklen_t size = sizeof(from.address);
			long got = polls[i].revents ? recvfrom(udp_fds[i], room, sizeof(room), MSG_DONTWAIT, (void *)&from.address, &size) : -1;

			if (got < 0)
				continue;
			self->udp_server.server += !seen[i][port_of(&from)];
			seen[i][port_of(&from)] = 1;
			self->udp_server.received += got;
			if (sendto(udp_fds[i], room, got / 2, 0, (void *)&from.address, size) != got / 2)
				die("sendto");
			self->udp_server.sent += got / 2;
		}
	}
	return nothing;
}

/* With a port that nobody in its network had before: the same peer would be the same session. */
static int own_socket(int family)
{
	int fd = socket(families[family], SOCK_DGRAM | SOCK_CLOEXEC, 0);

	for (;; self->next_port += 2) {
		struct end own = make_end(families[family], addresses[family], self->next_port);

		if (!bind(fd, (void *)&own.address, length_of(&own)))
			break;
		if (errno != EADDRINUSE)
			die("bind");
	}
	self->next_port += 2;
	return fd;
}

static void talk_udp(uint64_t *random, const struct container *to, int family)
{
	static char room[DATAGRAM_MAX];
	struct end end = make_end(families[family], addresses[family], ntohs(to->udp[family]));
	int fd = own_socket(family), rounds = 1 + next_random(random) % 20;
	struct count *count = &self->udp_client;

	if (connect(fd, (void *)&end.address, length_of(&end)))
		die("connect");
	count->client++;
	while (rounds-- > 0) {
		for (int i = 0; i < WINDOW; i++) {
			long length = next_random(random) % DATAGRAM_MAX;

			if (send(fd, room, length, 0) != length)
				die("send");
			count->sent += length;
		}
		for (int i = 0; i < WINDOW; i++) {
			long got = recv(fd, room, sizeof(room), 0);

			if (got < 0)
				die("recv");
			count->received += got;
		}
	}
	close(fd);
}
#endif
