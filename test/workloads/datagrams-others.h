/* Groups, queues that are full, more than one thread or process on a socket, and sockets that are not UDP. */
#ifndef DATAGRAMS_OTHERS_H
#define DATAGRAMS_OTHERS_H
#include "datagrams.h"

/* An interface that is not lo, in a network of its own; false: this kernel has none of the kind. */
static int make_interface(const char *name)
{
	struct {
		struct nlmsghdr head;
		struct ifinfomsg link;
		char attributes[64];
	} request = {.head = {.nlmsg_type = RTM_NEWLINK, .nlmsg_flags = NLM_F_REQUEST | NLM_F_CREATE | NLM_F_ACK}};
	struct {
		struct nlmsghdr head;
		struct nlmsgerr error;
	} answer;
	struct ifreq up = {.ifr_flags = IFF_UP | IFF_RUNNING | IFF_MULTICAST};
	struct rtattr *at = (void *)request.attributes;
	struct sockaddr_in *own = (void *)&up.ifr_addr;
	int fd;

	if (unshare(CLONE_NEWNET))
		die("unshare");
	at->rta_type = IFLA_IFNAME;
	at->rta_len = RTA_LENGTH(strlen(name) + 1);
	strcpy(RTA_DATA(at), name);
	at = (void *)((char *)at + RTA_ALIGN(at->rta_len));
	at->rta_type = IFLA_LINKINFO;
	at->rta_len = RTA_LENGTH(RTA_LENGTH(sizeof("veth")));
	at = RTA_DATA(at);
	at->rta_type = IFLA_INFO_KIND;
	at->rta_len = RTA_LENGTH(sizeof("veth"));
	strcpy(RTA_DATA(at), "veth");
	request.head.nlmsg_len = (char *)at + RTA_ALIGN(at->rta_len) - (char *)&request;
	fd = socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);
	if (fd < 0 || send(fd, &request, request.head.nlmsg_len, 0) < 0 || recv(fd, &answer, sizeof(answer), 0) < 0)
		die("netlink");
	close(fd);
	if (answer.error.error)
		return 0;
	strcpy(up.ifr_name, name);
	fd = socket(AF_INET, SOCK_DGRAM, 0);
	own->sin_family = AF_INET;
	inet_pton(AF_INET, "10.99.0.1", &own->sin_addr);
	if (ioctl(fd, SIOCSIFADDR, &up))
		die("SIOCSIFADDR");
	up.ifr_flags = IFF_UP | IFF_RUNNING | IFF_MULTICAST;
	if (ioctl(fd, SIOCSIFFLAGS, &up))
		die("SIOCSIFFLAGS");
	strcpy(up.ifr_name, "veth0"); /* the other end, as the kernel names it */
	if (ioctl(fd, SIOCSIFFLAGS, &up))
		die("SIOCSIFFLAGS");
	close(fd);
	return 1;
}

/* One sender, two members of the group, over an interface that is not lo: there the kernel loops a copy back. */
static void multicast(const char *address)
{
	union name group = name_of("239.1.1.1", 6200), any = name_of("0.0.0.0", 6200), mine, from;
	struct ip_mreqn member = {.imr_multiaddr = group.v4.sin_addr};
	int fds[2], sender, one = 1;

	(void)address;
	if (!make_interface("many0"))
		return;
	sender = socket_of(AF_INET);
	member.imr_ifindex = if_nametoindex("many0");
	for (int i = 0; i < 2; i++) {
		fds[i] = socket_of(AF_INET);
		setsockopt(fds[i], SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
		if (bind(fds[i], &any.any, sizeof(any.v4)) || setsockopt(fds[i], IPPROTO_IP, IP_ADD_MEMBERSHIP, &member, sizeof(member)))
			die("member");
	}
	if (setsockopt(sender, IPPROTO_IP, IP_MULTICAST_IF, &member, sizeof(member)))
		die("IP_MULTICAST_IF");
	for (int round = 0; round < ROUNDS; round++) {
		sent_to(sender, 111, 0, &group);
		for (int i = 0; i < 2; i++)
			received_by(fds[i], 0, &from);
	}
	mine = own_name(sender);
	tell("client", &mine, &group, 111 * ROUNDS, 0);
	for (int i = 0; i < 2; i++) {
		tell("server", &any, &from, 0, 111 * ROUNDS);
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
	tell_failed("client", &mine, &at, 100, 0, "ECONNREFUSED");
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

#define THREAD_SENDS 200

struct job {
	int fd;
	const union name *at;
};

static void *send_some(void *of)
{
	const struct job *job = of;

	for (int i = 0; i < THREAD_SENDS; i++)
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
		tell("client", &mine, at + i, 2 * THREAD_SENDS * 10, 0);
	for (int i = 0; i < 2; i++)
		close(fds[i]);
	close(client);
}

/* The socket of the parent is used by its child, which is killed with it. */
static void inherited(const char *address)
{
	int server = bound(address), client = bound(address), status;
	union name at = own_name(server), mine = own_name(client), from;
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
	received_by(server, 0, &from);
	tell("server", &at, &mine, 0, 100);
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
static void raw(const char *address)
{
	union name at = name_of("127.0.0.1", 0);
	int fd = socket(AF_INET, SOCK_RAW, IPPROTO_ICMP);
	struct icmphdr echo = {.type = ICMP_ECHO, .un.echo = {.id = 77, .sequence = 1}};
	long received = 0;

	(void)address;
	if (fd < 0)
		die("socket");
	memcpy(data, &echo, sizeof(echo));
	((struct icmphdr *)data)->checksum = checksum(data, 64);
	sent_to(fd, 64, 0, &at);
	/* the echo itself and its reply */
	for (int i = 0; i < 2; i++)
		received += received_by(fd, 0, 0);
	fact("session unknown 0.0.0.0:%d - %d 64 %ld -", IPPROTO_ICMP, getpid(), received);
	close(fd);
}

/* A packet of a protocol of nobody's. */
static void protocol(const char *address)
{
	union name at = name_of("127.0.0.1", 0);
	int fd = socket(AF_INET, SOCK_RAW, NOBODYS_PROTOCOL);

	(void)address;
	if (fd < 0)
		die("socket");
	sent_to(fd, 40, 0, &at);
	fact("session unknown 0.0.0.0:%d - %d 40 %ld -", NOBODYS_PROTOCOL, getpid(), received_by(fd, 0, 0));
	close(fd);
}

#endif
