/* Datagram sockets: does one thing by its argument and tells its sessions, a line each: what the kernel should say of them. */
#include "facts.h"
#include <arpa/inet.h>
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

static void text_of(const union name *name, char *text, size_t room)
{
	if (name->any.sa_family == AF_INET)
		inet_ntop(AF_INET, &name->v4.sin_addr, text, room);
	else
		inet_ntop(AF_INET6, &name->v6.sin6_addr, text, room);
}

/* session <process> <role> <local> <port> <peer> <port> <sent> <received> */
static void tell(const char *role, const union name *local, const union name *peer, long sent, long received)
{
	char one[64], other[64] = "-";

	text_of(local, one, sizeof(one));
	if (peer)
		text_of(peer, other, sizeof(other));
	fact("session %d %s %s %d %s %d %ld %ld", getpid(), role, one, port_of(local), other, peer ? port_of(peer) : 0, sent, received);
}

/* Both ends connected to each other, or none of them. */
static void talk(const char *address, int connected)
{
	int server = bound(address), client = bound(address);
	union name at = own_name(server), from, mine = own_name(client);
	long to_server = 0, to_client = 0;

	if (connected)
		join_to(client, &at);
	for (int round = 1; round <= 10; round++) {
		to_server += sent_to(client, round * 100, 0, connected ? 0 : &at);
		received_by(server, 0, &from);
		to_client += sent_to(server, round * 10, 0, &from);
		received_by(client, 0, connected ? 0 : &from);
	}
	tell("client", &mine, &at, to_server, to_client);
	tell("server", &at, &mine, to_client, to_server);
	close(client);
	close(server);
}

static void sizes(const char *address)
{
	int server = bound(address), client = bound(address);
	union name at = own_name(server), mine = own_name(client), from;
	long bytes = 0;

	join_to(client, &at);
	bytes += sent_to(client, BIG, 0, 0);
	received_by(server, 0, &from);
	bytes += sent_to(client, 0, 0, 0);
	received_by(server, 0, &from);
	bytes += sent_to(client, 1000, 0, 0);
	received_by(server, MSG_PEEK, &from);
	received_by(server, 0, &from);
	tell("client", &mine, &at, bytes, 0);
	tell("server", &at, &mine, 0, bytes);
	close(client);
	close(server);
}

#define MANY 8

static void many(const char *address)
{
	int server = bound(address), client = bound(address), got;
	union name at = own_name(server), mine = own_name(client), names[MANY];
	struct mmsghdr messages[MANY];
	struct iovec parts[MANY], two[2] = {{data, 10}, {data, 20}};
	long bytes = 0;

	memset(messages, 0, sizeof(messages));
	for (int i = 0; i < MANY; i++) {
		parts[i] = (struct iovec){data, 100 + i};
		messages[i].msg_hdr.msg_iov = parts + i;
		messages[i].msg_hdr.msg_iovlen = 1;
		messages[i].msg_hdr.msg_name = &at;
		messages[i].msg_hdr.msg_namelen = name_bytes(&at);
		bytes += 100 + i;
	}
	if (sendmmsg(client, messages, MANY, 0) != MANY)
		die("sendmmsg");
	for (int i = 0; i < MANY; i++) {
		parts[i].iov_len = 2000;
		messages[i].msg_hdr.msg_name = names + i;
		messages[i].msg_hdr.msg_namelen = sizeof(names[i]);
	}
	for (got = 0; got < MANY;) {
		int now = recvmmsg(server, messages, MANY - got, 0, 0);

		if (now < 0)
			die("recvmmsg");
		got += now;
	}
	join_to(client, &at);
	join_to(server, &mine);
	if (writev(client, two, 2) != 30 || read(server, data, sizeof(data)) != 30)
		die("writev");
	tell("client", &mine, &at, bytes + 30, 0);
	tell("server", &at, &mine, 0, bytes + 30);
	close(client);
	close(server);
}

static void segments(const char *address)
{
	int server = bound(address), client = bound(address), one = 1, size = 1000, zero = 0;
	union name at = own_name(server), mine = own_name(client), from;
	long bytes = 0, got = 0;

	setsockopt(server, IPPROTO_UDP, UDP_GRO, &one, sizeof(one));
	if (setsockopt(client, IPPROTO_UDP, UDP_SEGMENT, &size, sizeof(size)))
		die("UDP_SEGMENT");
	join_to(client, &at);
	bytes += sent_to(client, 20500, 0, 0);
	while (got < bytes)
		got += received_by(server, 0, &from);
	setsockopt(client, IPPROTO_UDP, UDP_SEGMENT, &zero, sizeof(zero));
	bytes += sent_to(client, 100, MSG_MORE, 0);
	bytes += sent_to(client, 200, 0, 0);
	received_by(server, 0, &from);
	tell("client", &mine, &at, bytes, 0);
	tell("server", &at, &mine, 0, bytes);
	close(client);
	close(server);
}

/* A cork on a socket without a peer: only its first call names the address. */
static void cork(const char *address)
{
	int server = bound(address), client = bound(address), on = 1, off = 0;
	union name at = own_name(server), mine = own_name(client), from;
	long bytes = 0;

	bytes += sent_to(client, 100, MSG_MORE, &at);
	bytes += sent_to(client, 200, 0, &at);
	received_by(server, 0, &from);
	setsockopt(client, IPPROTO_UDP, CORK, &on, sizeof(on));
	bytes += sent_to(client, 10, 0, &at);
	bytes += sent_to(client, 20, 0, 0);
	setsockopt(client, IPPROTO_UDP, CORK, &off, sizeof(off));
	received_by(server, 0, &from);
	tell("client", &mine, &at, bytes, 0);
	tell("server", &at, &mine, 0, bytes);
	close(client);
	close(server);
}

/* One socket and three peers, and replies to each. */
static void peers(const char *address)
{
	int server = bound(address), clients[3];
	union name at = own_name(server), from, mine;

	for (int i = 0; i < 3; i++) {
		clients[i] = bound(address);
		mine = own_name(clients[i]);
		sent_to(clients[i], 100 + i, 0, &at);
		received_by(server, 0, &from);
		sent_to(server, 10 + i, 0, &from);
		received_by(clients[i], 0, &from);
		tell("client", &mine, &at, 100 + i, 10 + i);
		tell("server", &at, &mine, 10 + i, 100 + i);
	}
	for (int i = 0; i < 3; i++)
		close(clients[i]);
	close(server);
}

/* Nobody asks who sent. */
static void blind(const char *address)
{
	int server = bound(address), clients[2] = {bound(address), bound(address)};
	union name at = own_name(server), mine;

	for (int i = 0; i < 2; i++) {
		mine = own_name(clients[i]);
		sent_to(clients[i], 100, 0, &at);
		received_by(server, 0, 0);
		tell("client", &mine, &at, 100, 0);
		close(clients[i]);
	}
	tell("server", &at, 0, 0, 200);
	close(server);
}

static void mapped(void)
{
	int server = socket_of(AF_INET6), client = socket_of(AF_INET6), off = 0;
	union name any = name_of("::", 0), at, from, mine, via;

	setsockopt(server, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
	if (bind(server, &any.any, sizeof(any.v6)))
		die("bind");
	at = own_name(server);
	via = name_of("::ffff:127.0.0.1", port_of(&at));
	join_to(client, &via);
	mine = own_name(client);
	sent_to(client, 321, 0, 0);
	received_by(server, 0, &from);
	sent_to(server, 50, 0, &from);
	received_by(client, 0, 0);
	tell("client", &mine, &via, 321, 50);
	tell("server", &at, &from, 50, 321);
	close(client);
	close(server);
}

static void loop_up(void)
{
	struct ifreq request = {.ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING | IFF_MULTICAST};
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	if (ioctl(fd, SIOCSIFFLAGS, &request))
		die("lo");
	close(fd);
}

/* One sender, two members of the group, over an interface that is not lo: there the kernel loops a copy back. */
static void multicast(void)
{
	union name group = name_of("239.1.1.1", 6200), any = name_of("0.0.0.0", 6200), mine, from;
	struct ip_mreqn member = {.imr_multiaddr = group.v4.sin_addr};
	int fds[2], sender = socket_of(AF_INET), one = 1;

	member.imr_ifindex = if_nametoindex("many0");
	if (!member.imr_ifindex)
		die("many0");
	for (int i = 0; i < 2; i++) {
		fds[i] = socket_of(AF_INET);
		setsockopt(fds[i], SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
		if (bind(fds[i], &any.any, sizeof(any.v4)) || setsockopt(fds[i], IPPROTO_IP, IP_ADD_MEMBERSHIP, &member, sizeof(member)))
			die("member");
	}
	if (setsockopt(sender, IPPROTO_IP, IP_MULTICAST_IF, &member, sizeof(member)))
		die("IP_MULTICAST_IF");
	for (int round = 0; round < 5; round++) {
		sent_to(sender, 111, 0, &group);
		for (int i = 0; i < 2; i++)
			received_by(fds[i], 0, &from);
	}
	mine = own_name(sender);
	tell("client", &mine, &group, 555, 0);
	for (int i = 0; i < 2; i++) {
		tell("server", &any, &from, 0, 555);
		close(fds[i]);
	}
	close(sender);
}

/* More than the queue takes, and some that nobody reads. */
static void overflow(const char *address)
{
	int server = bound(address), client = bound(address), small = 4096, got;
	union name at = own_name(server), mine = own_name(client), from;
	socklen_t bytes = sizeof(from);
	long sent = 0, received = 0;

	if (setsockopt(server, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small)))
		die("SO_RCVBUF");
	join_to(client, &at);
	for (int i = 0; i < 50; i++)
		sent += sent_to(client, 1000, 0, 0);
	while ((got = recvfrom(server, data, sizeof(data), MSG_DONTWAIT, &from.any, &bytes)) >= 0)
		received += got;
	/* what follows lies there at the close */
	for (int i = 0; i < 2; i++)
		sent += sent_to(client, 300, 0, 0);
	tell("client", &mine, &at, sent, 0);
	tell("server", &at, &mine, 0, received);
	close(server);
	close(client);
}

/* Nobody is there: the first send goes, the second one is told of it. */
static void refused(const char *address)
{
	int gone = bound(address), client = bound(address);
	union name at = own_name(gone), mine = own_name(client);

	close(gone);
	join_to(client, &at);
	sent_to(client, 100, 0, 0);
	if (send(client, data, 100, 0) >= 0 || errno != ECONNREFUSED)
		die("send");
	tell("client", &mine, &at, 100, 0);
	close(client);
}

/* Another peer: the session with the first one ends there. */
static void moves(const char *address)
{
	int first = bound(address), second = bound(address), client = bound(address);
	union name one = own_name(first), other = own_name(second), mine = own_name(client);

	join_to(client, &one);
	sent_to(client, 100, 0, 0);
	tell("client", &mine, &one, 100, 0);
	join_to(client, &other);
	sent_to(client, 200, 0, 0);
	tell("client", &mine, &other, 200, 0);
	close(client);
	close(first);
	close(second);
}

struct job {
	int fd;
	const union name *at;
};

static void *send_some(void *of)
{
	const struct job *job = of;

	for (int i = 0; i < 500; i++)
		sent_to(job->fd, 10, 0, job->at);
	return 0;
}

/* Threads of one socket to two peers at the same time. */
static void threads(const char *address)
{
	int client = bound(address), fds[2] = {bound(address), bound(address)};
	union name at[2] = {own_name(fds[0]), own_name(fds[1])}, mine = own_name(client);
	pthread_t tasks[4];
	struct job jobs[4];

	for (int i = 0; i < 4; i++) {
		jobs[i] = (struct job){client, at + i % 2};
		if (pthread_create(tasks + i, 0, send_some, jobs + i))
			die("pthread_create");
	}
	for (int i = 0; i < 4; i++)
		pthread_join(tasks[i], 0);
	for (int i = 0; i < 2; i++)
		tell("client", &mine, at + i, 10000, 0);
	for (int i = 0; i < 2; i++)
		close(fds[i]);
	close(client);
}

/* The socket of the parent is used by its child, which is killed with it. */
static void inherited(const char *address)
{
	int server = bound(address), client = bound(address), status;
	union name at = own_name(server), mine = own_name(client);
	pid_t child;

	join_to(client, &at);
	child = fork();
	if (!child) {
		sent_to(client, 100, 0, 0);
		tell("client", &mine, &at, 100, 0);
		close(server);
		pause();
		_exit(0);
	}
	close(client);
	received_by(server, 0, 0);
	close(server);
	kill(child, SIGKILL);
	waitpid(child, &status, 0);
}

/* As many sockets as asked, each with one datagram. */
static void churn(const char *address, int count)
{
	int server = bound(address), client;
	union name at = own_name(server), from;

	for (int i = 0; i < count; i++) {
		client = socket_of(AF_INET);
		sent_to(client, 10, 0, &at);
		received_by(server, 0, &from);
		close(client);
	}
	fact("churned %d", count);
	close(server);
}

static unsigned short checksum(const void *bytes, int length)
{
	const unsigned short *words = bytes;
	unsigned sum = 0;

	for (; length > 1; length -= 2)
		sum += *words++;
	sum = (sum >> 16) + (sum & 0xffff);
	return ~(sum + (sum >> 16));
}

/* An echo through a raw socket, whose replies come with the header of IP. */
static void raw(void)
{
	union name at = name_of("127.0.0.1", 0), any = name_of("0.0.0.0", 0);
	int fd = socket(AF_INET, SOCK_RAW, IPPROTO_ICMP);
	struct icmphdr echo = {.type = ICMP_ECHO, .un.echo = {.id = 77, .sequence = 1}};
	long received = 0;

	if (fd < 0)
		die("socket");
	memcpy(data, &echo, sizeof(echo));
	((struct icmphdr *)data)->checksum = checksum(data, 64);
	sent_to(fd, 64, 0, &at);
	/* the echo itself and its reply */
	for (int i = 0; i < 2; i++)
		received += received_by(fd, 0, 0);
	fact("icmp %d %s %ld %ld", getpid(), "0.0.0.0", 64L, received);
	(void)any;
	close(fd);
}

/* A packet of a protocol of nobody's. */
static void protocol(void)
{
	union name at = name_of("127.0.0.1", 0);
	int fd = socket(AF_INET, SOCK_RAW, 253);

	if (fd < 0)
		die("socket");
	sent_to(fd, 40, 0, &at);
	fact("raw %d %s %ld %ld", getpid(), "0.0.0.0", 40L, (long)received_by(fd, 0, 0));
	close(fd);
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "", *address = argc > 2 ? argv[2] : "127.0.0.1";

	alarm(60);
	if (!strcmp(what, "connected"))
		talk(address, 1);
	else if (!strcmp(what, "unconnected"))
		talk(address, 0);
	else if (!strcmp(what, "sizes"))
		sizes(address);
	else if (!strcmp(what, "many"))
		many(address);
	else if (!strcmp(what, "segments"))
		segments(address);
	else if (!strcmp(what, "cork"))
		cork(address);
	else if (!strcmp(what, "peers"))
		peers(address);
	else if (!strcmp(what, "blind"))
		blind(address);
	else if (!strcmp(what, "mapped"))
		mapped();
	else if (!strcmp(what, "multicast"))
		multicast();
	else if (!strcmp(what, "overflow"))
		overflow(address);
	else if (!strcmp(what, "refused"))
		refused(address);
	else if (!strcmp(what, "moves"))
		moves(address);
	else if (!strcmp(what, "threads"))
		threads(address);
	else if (!strcmp(what, "inherited"))
		inherited(address);
	else if (!strcmp(what, "churn"))
		churn("127.0.0.1", argc > 2 ? atoi(argv[2]) : 1000);
	else if (!strcmp(what, "raw"))
		raw();
	else if (!strcmp(what, "protocol"))
		protocol();
	else if (!strcmp(what, "up"))
		loop_up();
	else
		return 97;
	return 0;
}
