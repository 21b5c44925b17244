/* Calls on sockets, each with a line that says what its record must say. Argument: which ones. */
#include "facts.h"
#include <arpa/inet.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <net/if.h>

#ifndef SO_NETNS_COOKIE
#define SO_NETNS_COOKIE 71
#endif
#define UNKNOWN (-1l)
#define MANY_PARTS 1024
#define MANY_MESSAGES 300
#define UNVERIFIED "u"
#define SURE "-"

union address {
	struct sockaddr any;
	struct sockaddr_in inet;
	struct sockaddr_in6 inet6;
	struct sockaddr_un local;
	char room[sizeof(struct sockaddr_un) + 1];
};

static char data[4096];
static const char *transport;

/* An end as the test writes it: bytes in hexadecimal digits and the port; `-` for none. */
static const char *end_of(const union address *address, socklen_t length)
{
	static char texts[4][300];
	static int next;
	char *text = texts[next++ % 4];
	const unsigned char *bytes = 0;
	int count = 0, port = 0, at = 0;

	if (address->any.sa_family == AF_INET && length) {
		bytes = (const unsigned char *)&address->inet.sin_addr;
		count = 4;
		port = ntohs(address->inet.sin_port);
	} else if (address->any.sa_family == AF_INET6 && length) {
		bytes = (const unsigned char *)&address->inet6.sin6_addr;
		count = 16;
		port = ntohs(address->inet6.sin6_port);
	} else if (address->any.sa_family == AF_UNIX && length > offsetof(struct sockaddr_un, sun_path)) {
		bytes = (const unsigned char *)address->local.sun_path;
		count = length - offsetof(struct sockaddr_un, sun_path);
		if (bytes[0])
			count = strnlen((const char *)bytes, count);
	}
	while (at < count && !bytes[at])
		at++;
	if (!count || (address->any.sa_family != AF_UNIX && !port && at == count))
		return "-";
	at = 0;
	for (; count--; bytes++)
		at += sprintf(text + at, "%02x", *bytes);
	sprintf(text + at, ":%d", port);
	return text;
}

static const char *local_of(int fd)
{
	union address address = {0};
	socklen_t length = sizeof(address);

	return getsockname(fd, &address.any, &length) ? "-" : end_of(&address, length);
}

static const char *peer_of(int fd)
{
	union address address = {0};
	socklen_t length = sizeof(address);

	return getpeername(fd, &address.any, &length) ? "-" : end_of(&address, length);
}

static int family_of(int fd)
{
	int family = 0;
	socklen_t length = sizeof(family);

	getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &family, &length);
	return family;
}

/* Result as the kernel gives it. */
static long result_of(long result)
{
	return result < 0 ? -errno : result;
}

static long told(const char *call, long result, int fd, long requested, const char *local, const char *peer, const char *sure)
{
	int family = family_of(fd);

	fact("told %s %ld %d %ld %d %s %s %s %s", call, result, fd, requested, family, family ? transport : "other", local, peer, sure);
	return result;
}

/* Of a socket that knows all of itself. */
static long plain(const char *call, long result, int fd, long requested)
{
	return told(call, result, fd, requested, local_of(fd), peer_of(fd), SURE);
}

static void closed(int fd)
{
	int family = family_of(fd);
	const char *local = local_of(fd), *peer = peer_of(fd);

	fact("told close %ld %d %ld %d %s %s %s %s", result_of(syscall(SYS_close, fd)), fd, UNKNOWN, family, transport, local, peer, SURE);
}

static int opened(int family, int type, int protocol)
{
	int fd = socket(family, type, protocol);

	if (fd < 0)
		die("socket");
	return fd;
}

static union address loopback(int family, int port)
{
	union address address = {0};

	address.any.sa_family = family;
	if (family == AF_INET) {
		address.inet.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
		address.inet.sin_port = htons(port);
	} else {
		address.inet6.sin6_addr = in6addr_loopback;
		address.inet6.sin6_port = htons(port);
	}
	return address;
}

static socklen_t length_of(int family)
{
	return family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6);
}

/* A socket on a free port of the loopback; `address` is where it is. */
static int bound(int family, int type, union address *address)
{
	int fd = opened(family, type, 0);
	socklen_t length = sizeof(*address);

	*address = loopback(family, 0);
	if (bind(fd, &address->any, length_of(family)))
		die("bind");
	getsockname(fd, &address->any, &length);
	return fd;
}

static long connecting(int fd, const union address *address, socklen_t length)
{
	return result_of(syscall(SYS_connect, fd, address, length));
}

static void streams(int family)
{
	union address server, name;
	socklen_t length = sizeof(name);
	int listener, client, accepted;
	struct iovec parts[2] = {{data, 100}, {data + 100, 11}};
	struct msghdr message = {.msg_iov = parts, .msg_iovlen = 2};
	long result;

	transport = "tcp";
	listener = bound(family, SOCK_STREAM, &server);
	client = opened(family, SOCK_STREAM, 0);
	result = connecting(client, &server, length_of(family));
	told("connect", result, client, UNKNOWN, "*", end_of(&server, length_of(family)), UNVERIFIED);
	close(client);
	fact("told close 0 %d -1 %d tcp * - -", client, family);
	listen(listener, 9);
	fcntl(listener, F_SETFL, O_NONBLOCK);
	plain("accept4", result_of(syscall(SYS_accept4, listener, 0, 0, 0)), listener, UNKNOWN);
	fcntl(listener, F_SETFL, 0);
	client = opened(family, SOCK_STREAM | SOCK_NONBLOCK, 0);
	plain("connect", connecting(client, &server, length_of(family)), client, UNKNOWN);
	accepted = result_of(syscall(SYS_accept4, listener, &name, &length, 0));
	plain("accept4", accepted, accepted, UNKNOWN);
	plain("connect", connecting(client, &server, length_of(family)), client, UNKNOWN);
	plain("connect", connecting(client, &server, length_of(family)), client, UNKNOWN);
	plain("sendto", result_of(syscall(SYS_sendto, client, data, 1000, 0, 0, 0)), client, 1000);
	plain("recvfrom", result_of(syscall(SYS_recvfrom, accepted, data, 4000, MSG_PEEK, &name, &length)), accepted, 4000);
	plain("recvfrom", result_of(syscall(SYS_recvfrom, accepted, data, 4000, 0, 0, 0)), accepted, 4000);
	plain("sendmsg", result_of(syscall(SYS_sendmsg, accepted, &message, 0)), accepted, 111);
	plain("recvmsg", result_of(syscall(SYS_recvmsg, client, &message, 0)), client, 111);
	plain("recvfrom", result_of(syscall(SYS_recvfrom, client, data, 7, MSG_DONTWAIT, 0, 0)), client, 7);
	plain("sendto", result_of(syscall(SYS_sendto, client, data, 0, 0, 0, 0)), client, 0);
	closed(client);
	plain("recvfrom", result_of(syscall(SYS_recvfrom, accepted, data, 7, 0, 0, 0)), accepted, 7);
	/* not by its word: getpeername says nothing any more once the other end is gone */
	closed(dup2(accepted, 77));
	closed(accepted);
	closed(listener);
}

/* An IPv6 socket that speaks IPv4 keeps sixteen bytes. */
static void mapped(void)
{
	union address server, other = {0};
	int listener, client;
	long result;

	transport = "tcp";
	listener = bound(AF_INET, SOCK_STREAM, &server);
	listen(listener, 1);
	other.inet6.sin6_family = AF_INET6;
	other.inet6.sin6_port = server.inet.sin_port;
	memcpy(other.inet6.sin6_addr.s6_addr, "\0\0\0\0\0\0\0\0\0\0\xff\xff\x7f\0\0\1", 16);
	client = opened(AF_INET6, SOCK_STREAM, 0);
	plain("connect", connecting(client, &other, sizeof(other.inet6)), client, UNKNOWN);
	plain("sendto", result_of(syscall(SYS_sendto, client, data, 5, 0, 0, 0)), client, 5);
	closed(client);
	transport = "udp";
	client = opened(AF_INET6, SOCK_DGRAM, 0);
	result = result_of(syscall(SYS_sendto, client, data, 5, 0, &server, sizeof(server.inet)));
	told("sendto", result, client, 5, local_of(client), end_of(&other, sizeof(other.inet6)), UNVERIFIED);
	closed(client);
}

static void datagrams(int family)
{
	union address first, second, third, name;
	socklen_t length = sizeof(name);
	int one = bound(family, SOCK_DGRAM, &first), two = bound(family, SOCK_DGRAM, &second), three = bound(family, SOCK_DGRAM, &third);
	struct iovec parts[3] = {{data, 100}, {data + 100, 0}, {data + 100, 11}};
	struct mmsghdr messages[3] = {0};
	const char *to;

	transport = "udp";
	to = end_of(&second, length_of(family));
	told("sendto", result_of(syscall(SYS_sendto, one, data, 300, 0, &second, length_of(family))), one, 300, local_of(one), to, UNVERIFIED);
	told("recvfrom", result_of(syscall(SYS_recvfrom, two, data, 400, 0, &name, &length)), two, 400, local_of(two),
		end_of(&first, length_of(family)), UNVERIFIED);
	/* the kernel leaves a name alone that has no room, and says that it wrote one */
	told("sendto", result_of(syscall(SYS_sendto, one, data, 5, 0, &second, length_of(family))), one, 5, local_of(one),
		end_of(&second, length_of(family)), UNVERIFIED);
	name = third;
	length = 0;
	told("recvfrom", result_of(syscall(SYS_recvfrom, two, data, 400, 0, &name, &length)), two, 400, local_of(two),
		end_of(&third, length_of(family)), UNVERIFIED);
	plain("sendto", result_of(syscall(SYS_sendto, one, data, 300, 0, 0, 0)), one, 300);
	plain("recvfrom", result_of(syscall(SYS_recvfrom, one, data, 30, MSG_DONTWAIT, &name, &length)), one, 30);
	plain("connect", connecting(one, &second, length_of(family)), one, UNKNOWN);
	plain("connect", connecting(two, &first, length_of(family)), two, UNKNOWN);
	plain("sendto", result_of(syscall(SYS_sendto, one, data, 1, 0, 0, 0)), one, 1);
	plain("recvfrom", result_of(syscall(SYS_recvfrom, two, data, 1, 0, 0, 0)), two, 1);
	/* a name goes before the peer */
	told("sendto", result_of(syscall(SYS_sendto, one, data, 2, 0, &third, length_of(family))), one, 2, local_of(one),
		end_of(&third, length_of(family)), UNVERIFIED);
	for (int i = 0; i < 3; i++) {
		messages[i].msg_hdr.msg_iov = parts;
		messages[i].msg_hdr.msg_iovlen = 3;
	}
	plain("sendmmsg", result_of(syscall(SYS_sendmmsg, one, messages, 3, 0)), one, 333);
	plain("recvmmsg", result_of(syscall(SYS_recvmmsg, two, messages, 2, 0, 0)), two, 222);
	messages[0].msg_hdr.msg_name = &name;
	messages[0].msg_hdr.msg_namelen = sizeof(name);
	told("recvmsg", result_of(syscall(SYS_recvmsg, three, &messages[0].msg_hdr, 0)), three, 111, local_of(three),
		end_of(&first, length_of(family)), UNVERIFIED);
	name = third;
	messages[0].msg_hdr.msg_namelen = length_of(family);
	told("sendmsg", result_of(syscall(SYS_sendmsg, two, &messages[0].msg_hdr, 0)), two, 111, local_of(two), end_of(&third, length_of(family)),
		UNVERIFIED);
	name.any.sa_family = AF_UNSPEC;
	told("connect", connecting(one, &name, sizeof(name.any)), one, UNKNOWN, "*", "-", SURE);
	fact("told close %d %d -1 %d udp * - -", close(one), one, family);
	closed(two);
	closed(three);
}

static void messages(void)
{
	static struct iovec parts[MANY_PARTS + 1];
	static struct mmsghdr many[MANY_MESSAGES];
	union address here, there;
	struct msghdr message = {.msg_iov = parts, .msg_iovlen = MANY_PARTS};
	int one = bound(AF_INET, SOCK_DGRAM, &here), two = bound(AF_INET, SOCK_DGRAM, &there);

	transport = "udp";
	if (connect(one, &there.any, sizeof(there.inet)))
		die("connect");
	fact("told connect 0 %d -1 2 udp %s %s -", one, local_of(one), peer_of(one));
	for (int i = 0; i <= MANY_PARTS; i++)
		parts[i] = (struct iovec){data, i % 7};
	plain("sendmsg", result_of(syscall(SYS_sendmsg, one, &message, 0)), one, 3067);
	message.msg_iovlen++;
	plain("sendmsg", result_of(syscall(SYS_sendmsg, one, &message, 0)), one, UNKNOWN);
	message.msg_iovlen = 20;
	plain("sendmsg", result_of(syscall(SYS_sendmsg, one, &message, 0)), one, 57);
	message.msg_iov = (struct iovec *)8;
	plain("sendmsg", result_of(syscall(SYS_sendmsg, one, &message, 0)), one, UNKNOWN);
	plain("sendmsg", result_of(syscall(SYS_sendmsg, one, (void *)8, 0)), one, UNKNOWN);
	for (int i = 0; i < MANY_MESSAGES; i++)
		many[i].msg_hdr = (struct msghdr){.msg_iov = parts + 1, .msg_iovlen = 2};
	plain("sendmmsg", result_of(syscall(SYS_sendmmsg, one, many, 200, 0)), one, 600);
	plain("sendmmsg", result_of(syscall(SYS_sendmmsg, one, many, MANY_MESSAGES, 0)), one, UNKNOWN);
	plain("sendmmsg", result_of(syscall(SYS_sendmmsg, one, many, 0, 0)), one, 0);
	/* several messages, several peers: that of the first one, not sure */
	for (int i = 0; i < 2; i++) {
		many[i].msg_hdr.msg_name = &there;
		many[i].msg_hdr.msg_namelen = sizeof(there);
	}
	told("recvmmsg", result_of(syscall(SYS_recvmmsg, two, many, 2, 0, 0)), two, 6, local_of(two), end_of(&here, sizeof(here.inet)), UNVERIFIED);
	closed(one);
	closed(two);
}

static union address named(const char *name, size_t length, socklen_t *all)
{
	union address address = {.local.sun_family = AF_UNIX};

	memcpy(address.local.sun_path, name, length);
	*all = offsetof(struct sockaddr_un, sun_path) + length;
	return address;
}

/* `name` of `length` bytes is where the server is. */
static void locals(const char *name, size_t length)
{
	socklen_t all, got = sizeof(union address);
	union address server = named(name, length, &all), from;
	int listener = opened(AF_UNIX, SOCK_STREAM, 0), client = opened(AF_UNIX, SOCK_STREAM, 0), accepted, one, two;

	transport = "unix";
	told("connect", connecting(client, &server, all), client, UNKNOWN, "-", end_of(&server, all), UNVERIFIED);
	if (bind(listener, &server.any, all) || listen(listener, 5))
		die("bind");
	plain("connect", connecting(client, &server, all), client, UNKNOWN);
	accepted = result_of(syscall(SYS_accept, listener, 0, 0));
	plain("accept", accepted, accepted, UNKNOWN);
	plain("sendto", result_of(syscall(SYS_sendto, client, data, 9, 0, 0, 0)), client, 9);
	plain("recvfrom", result_of(syscall(SYS_recvfrom, accepted, data, 10, 0, 0, 0)), accepted, 10);
	closed(client);
	closed(accepted);
	closed(listener);
	if (name[0])
		unlink(name);
	one = opened(AF_UNIX, SOCK_DGRAM, 0);
	two = opened(AF_UNIX, SOCK_DGRAM, 0);
	if (bind(two, &server.any, all))
		die("bind");
	told("sendto", result_of(syscall(SYS_sendto, one, data, 3, 0, &server, all)), one, 3, "-", end_of(&server, all), UNVERIFIED);
	plain("recvfrom", result_of(syscall(SYS_recvfrom, two, data, 3, 0, &from, &got)), two, 3);
	plain("connect", connecting(one, &server, all), one, UNKNOWN);
	plain("sendto", result_of(syscall(SYS_sendto, one, data, 3, 0, 0, 0)), one, 3);
	closed(one);
	closed(two);
	if (name[0])
		unlink(name);
}

static void pairs(void)
{
	int ends[2];

	transport = "unix";
	if (socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends))
		die("socketpair");
	plain("sendto", result_of(syscall(SYS_sendto, ends[0], data, 3, 0, 0, 0)), ends[0], 3);
	plain("recvfrom", result_of(syscall(SYS_recvfrom, ends[1], data, 4, 0, 0, 0)), ends[1], 4);
	closed(ends[0]);
	closed(ends[1]);
}

static void refused(void)
{
	union address server = loopback(AF_INET, 9), other = {.any.sa_family = AF_UNIX};
	int file = open("/dev/null", O_RDWR), socket4;

	transport = "tcp";
	told("connect", connecting(file, &server, sizeof(server.inet)), file, UNKNOWN, "-", "-", SURE);
	told("connect", connecting(-1, &server, sizeof(server.inet)), -1, UNKNOWN, "-", "-", SURE);
	told("accept4", result_of(syscall(SYS_accept4, 54321, 0, 0, 0)), 54321, UNKNOWN, "-", "-", SURE);
	told("accept", result_of(syscall(SYS_accept, file, 0, 0)), file, UNKNOWN, "-", "-", SURE);
	told("sendto", result_of(syscall(SYS_sendto, file, data, 8, 0, 0, 0)), file, 8, "-", "-", SURE);
	told("recvmsg", result_of(syscall(SYS_recvmsg, 54321, 8, 0)), 54321, UNKNOWN, "-", "-", SURE);
	close(54321);
	close(file);
	socket4 = opened(AF_INET, SOCK_STREAM, 0);
	plain("connect", connecting(socket4, (void *)8, 16), socket4, UNKNOWN);
	plain("connect", connecting(socket4, &other, 16), socket4, UNKNOWN);
	plain("connect", connecting(socket4, &server, 3), socket4, UNKNOWN);
	plain("sendto", result_of(syscall(SYS_sendto, socket4, data, 8, MSG_NOSIGNAL, 0, 0)), socket4, 8);
	plain("accept", result_of(syscall(SYS_accept, socket4, 0, 0)), socket4, UNKNOWN);
	closed(socket4);
	transport = "other";
	socket4 = opened(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);
	told("sendto", result_of(syscall(SYS_sendto, socket4, data, 8, 0, 0, 0)), socket4, 8, "-", "-", SURE);
	fact("told close 0 %d -1 %d other - - -", socket4, AF_NETLINK);
	close(socket4);
	transport = "raw";
	socket4 = opened(AF_INET, SOCK_RAW, IPPROTO_UDP);
	told("recvfrom", result_of(syscall(SYS_recvfrom, socket4, data, 8, MSG_DONTWAIT, 0, 0)), socket4, 8, "-", "-", SURE);
	fact("told close 0 %d -1 %d raw - - -", socket4, AF_INET);
	close(socket4);
}

/* The socket keeps the namespace of the network that nobody is in any more. */
static void elsewhere(void)
{
	int home = open("/proc/self/ns/net", O_RDONLY), listener, client, accepted, both;
	unsigned long long cookie = 0;
	socklen_t length = sizeof(cookie);
	struct ifreq up = {.ifr_name = "lo", .ifr_flags = IFF_UP};
	union address server;

	transport = "tcp";
	if (unshare(CLONE_NEWNET)) {
		fact("skip no network namespaces: %s", strerror(errno));
		return;
	}
	both = socket(AF_INET, SOCK_DGRAM, 0);
	if (ioctl(both, SIOCSIFFLAGS, &up))
		die("lo");
	listener = bound(AF_INET, SOCK_STREAM, &server);
	listen(listener, 1);
	client = opened(AF_INET, SOCK_STREAM, 0);
	if (setns(home, CLONE_NEWNET))
		die("setns");
	if (getsockopt(client, SOL_SOCKET, SO_NETNS_COOKIE, &cookie, &length))
		cookie = 0;
	fact("cookie %llu", cookie);
	plain("connect", connecting(client, &server, sizeof(server.inet)), client, UNKNOWN);
	accepted = result_of(syscall(SYS_accept, listener, 0, 0));
	plain("accept", accepted, accepted, UNKNOWN);
	closed(client);
	closed(accepted);
	closed(listener);
	transport = "udp";
	fact("told close 0 %d -1 2 udp - - -", both);
	close(both);
	close(home);
}

static volatile int waiting_tid;

static void *receive(void *fd)
{
	char byte;

	waiting_tid = syscall(SYS_gettid);
	fact("told recvfrom %ld %ld 1 0 other - - u", result_of(syscall(SYS_recvfrom, fd, &byte, 1, 0, 0, 0)), (long)fd);
	return 0;
}

/* Returns when the thread that says its number sleeps in a call: it makes no other. */
static void await_sleep(void)
{
	char path[64], line[256] = "";

	while (!waiting_tid)
		sched_yield();
	snprintf(path, sizeof(path), "/proc/self/task/%d/stat", waiting_tid);
	while (!strstr(line, ") S ")) {
		int file = open(path, O_RDONLY), length = read(file, line, sizeof(line) - 1);

		line[length < 0 ? 0 : length] = 0;
		close(file);
	}
}

/* A thread waits on a descriptor that another one closes meanwhile: it goes on, and the record cannot know on what. */
static void threads(void)
{
	pthread_t thread;
	int ends[2];

	transport = "unix";
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends))
		die("socketpair");
	pthread_create(&thread, 0, receive, (void *)(long)ends[0]);
	await_sleep();
	closed(ends[0]);
	if (write(ends[1], "x", 1) != 1)
		die("write");
	pthread_join(thread, 0);
	closed(ends[1]);
}

static void *linger(void *fd)
{
	waiting_tid = syscall(SYS_gettid);
	syscall(SYS_close, fd);
	return 0;
}

/* A close that waits for the other end to read, which it does when the input ends. */
static void lingers(void)
{
	struct linger patience = {1, 600};
	union address server;
	pthread_t thread;
	int listener = bound(AF_INET, SOCK_STREAM, &server), client = opened(AF_INET, SOCK_STREAM, 0), accepted;
	char byte;

	listen(listener, 1);
	if (connecting(client, &server, sizeof(server.inet)) || (accepted = accept(listener, 0, 0)) < 0)
		die("connect");
	while (send(client, data, sizeof(data), MSG_DONTWAIT) > 0)
		continue;
	setsockopt(client, SOL_SOCKET, SO_LINGER, &patience, sizeof(patience));
	pthread_create(&thread, 0, linger, (void *)(long)client);
	await_sleep();
	fact("lingers %d", client);
	if (read(0, &byte, 1))
		die("read");
	while (read(accepted, data, sizeof(data)) > 0)
		continue;
	pthread_join(thread, 0);
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";

	if (!strcmp(what, "tcp4"))
		streams(AF_INET);
	else if (!strcmp(what, "tcp6"))
		streams(AF_INET6);
	else if (!strcmp(what, "mapped"))
		mapped();
	else if (!strcmp(what, "udp4"))
		datagrams(AF_INET);
	else if (!strcmp(what, "udp6"))
		datagrams(AF_INET6);
	else if (!strcmp(what, "messages"))
		messages();
	else if (!strcmp(what, "path"))
		locals("socket", 7);
	else if (!strcmp(what, "longest"))
		locals("a-name-of-108-bytes-is-the-longest-that-fits-0123456789-0123456789-0123456789-0123456789-0123456789-01234567", 108);
	else if (!strcmp(what, "abstract"))
		locals("\0ringtail\0abstract\0", 19);
	else if (!strcmp(what, "pair"))
		pairs();
	else if (!strcmp(what, "refused"))
		refused();
	else if (!strcmp(what, "elsewhere"))
		elsewhere();
	else if (!strcmp(what, "threads"))
		threads();
	else if (!strcmp(what, "lingers"))
		lingers();
	else
		return 1;
	return 0;
}
