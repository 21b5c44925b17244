/* Facts of connections: what each end says of itself, as binary records in a file a process. */
#ifndef CONNECTIONS_H
#define CONNECTIONS_H
#include "facts.h"
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>

enum how {
	BARE = 0, /* connected and closed, not a byte */
	CLIENT_FIRST = 1,
	SERVER_FIRST = 2,
	RESET = 3, /* the client ends it by a reset, after all has been read */
	STOP = 4,  /* ends the process that accepts it; else as SERVER_FIRST */
	HELD = 5,  /* stays open for a while; else as CLIENT_FIRST */
	HOWS = 4,  /* of those that a flood makes */
};

enum end { CLIENT = 1, SERVER = 2 };

/* As test/e2e/support/connections.ts reads it. */
struct connection {
	unsigned char local[16]; /* IPv4 in the first four */
	unsigned char peer[16];
	unsigned short local_port, peer_port;
	unsigned pid, uid;
	unsigned sent, received; /* payload bytes */
	unsigned number;
	unsigned char family, role, how, is_udp; /* family: 4 or 6 */
	int error;          /* of its last call */
	unsigned long long began_ns, ended_ns;   /* boot time, around its life */
};

/* What a client says first; no bytes at all mean BARE. */
struct request {
	unsigned bytes; /* that it sends, with these */
	unsigned answer;
	unsigned how;
	unsigned number;
};

#define MOST_BYTES 65536

union address {
	struct sockaddr any;
	struct sockaddr_in inet;
	struct sockaddr_in6 inet6;
};

static char data[MOST_BYTES];
static FILE *facts_file;

static unsigned long long boot_ns(void)
{
	struct timespec time;

	clock_gettime(CLOCK_BOOTTIME, &time);
	return time.tv_sec * 1000000000ull + time.tv_nsec;
}

static void keep_facts(const char *folder)
{
	char path[4096];

	snprintf(path, sizeof(path), "%s/%d", folder, getpid());
	facts_file = fopen(path, "w");
	if (!facts_file)
		die(path);
	setvbuf(facts_file, 0, _IOFBF, 1 << 20);
}

static void keep(struct connection *one)
{
	one->pid = getpid();
	one->uid = geteuid();
	one->ended_ns = boot_ns();
	if (fwrite(one, sizeof(*one), 1, facts_file) != 1)
		die("fwrite");
}

static void put_end(const union address *address, unsigned char *bytes, unsigned short *port)
{
	if (address->any.sa_family == AF_INET) {
		memcpy(bytes, &address->inet.sin_addr, 4);
		*port = ntohs(address->inet.sin_port);
	} else {
		memcpy(bytes, &address->inet6.sin6_addr, 16);
		*port = ntohs(address->inet6.sin6_port);
	}
}

/* Both ends of a connected socket. */
static void name(struct connection *one, int fd, const union address *peer)
{
	union address local;
	socklen_t length = sizeof(local);

	if (getsockname(fd, &local.any, &length))
		die("getsockname");
	one->family = local.any.sa_family == AF_INET ? 4 : 6;
	put_end(&local, one->local, &one->local_port);
	put_end(peer, one->peer, &one->peer_port);
}

static union address address_of(int family, unsigned host, int port)
{
	union address address = {0};

	address.any.sa_family = family;
	if (family == AF_INET) {
		address.inet.sin_addr.s_addr = htonl(host);
		address.inet.sin_port = htons(port);
	} else {
		address.inet6.sin6_addr = host == INADDR_ANY ? in6addr_any : in6addr_loopback;
		address.inet6.sin6_port = htons(port);
	}
	return address;
}

static socklen_t length_of(int family)
{
	return family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6);
}

static void reset_by_close(int fd)
{
	struct linger none = {1, 0};

	setsockopt(fd, SOL_SOCKET, SO_LINGER, &none, sizeof(none));
}
#endif
