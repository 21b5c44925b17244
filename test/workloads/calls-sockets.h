/* TCP and UDP over loopback, unix sockets. By numbers of their own, then, where there is one, by the call that stands for all of sockets. */
#define FAMILY_UNIX 1
#define FAMILY_INET 2
#define KIND_STREAM 1
#define KIND_DATAGRAM 2
#define KIND_RAW 3
#define PROTOCOL_ICMP 1
#define SOCKET_CLOEXEC 02000000

enum inner_call {
	INNER_CONNECT = 3,
	INNER_ACCEPT = 5,
	INNER_SEND = 9,
	INNER_RECV = 10,
	INNER_SENDTO = 11,
	INNER_RECVFROM = 12,
	INNER_SENDMSG = 16,
	INNER_RECVMSG = 17,
	INNER_ACCEPT4 = 18,
	INNER_RECVMMSG = 19,
	INNER_SENDMMSG = 20
};

static long by_way(struct run *run, int inner, long number, word a, word b, word c, word d, word e, word f)
{
#if IS_IA32
	if (inner) {
		word args[6] = {a, b, c, d, e, f};

		__builtin_memcpy(run->inner, args, sizeof(args));
		return CALL(__NR_socketcall, inner, P(run->inner), 0, 0, 0);
	}
#endif
	(void)run;
	(void)inner;
	return CALL6(number, a, b, c, d, e, f);
}
/* `way` is a variable of the caller: 1 = by socketcall. */
#define VIA(inner, number, a, b, c, d, e, f) by_way(run, way ? (inner) : 0, number, (word)(a), (word)(b), (word)(c), (word)(d), (word)(e), (word)(f))

static void inet(struct run *run, unsigned int port)
{
	run->address.family = FAMILY_INET;
	run->address.port[0] = port >> 8;
	run->address.port[1] = port;
	__builtin_memset(run->address.bytes, 0, sizeof(run->address.bytes));
	run->address.bytes[0] = 127;
	run->address.bytes[3] = 1;
	run->address_length = 16;
}

static void local_path(struct run *run, const char *tail)
{
	char *to = (char *)&run->address + 2;

	run->address.family = FAMILY_UNIX;
	below(run, tail);
	__builtin_memset(to, 0, sizeof(run->address) - 2);
	for (unsigned int at = 0; run->path[at] && at < 107; at++)
		to[at] = run->path[at];
	run->address_length = 110;
}

static unsigned int port_of(struct run *run, long fd)
{
	run->address_length = sizeof(run->address);
	CALL(__NR_getsockname, fd, P(&run->address), P(&run->address_length), 0, 0);
	return run->address.port[0] << 8 | run->address.port[1];
}

static void tuple(struct run *run, const char *transport, long fd, unsigned int local, unsigned int peer)
{
	number(run, "ringtail.fd", fd);
	attribute(run, "network.transport", transport);
	attribute(run, "network.type", "ipv4");
	if (local) {
		attribute(run, "network.local.address", "127.0.0.1");
		number(run, "network.local.port", local);
	}
	if (peer) {
		attribute(run, "network.peer.address", "127.0.0.1");
		number(run, "network.peer.port", peer);
	}
}

static void sizes(struct run *run, long requested, long result)
{
	number(run, "ringtail.io.requested", requested);
	if (result >= 0)
		number(run, "ringtail.io.transferred", result);
}

static void close_socket(struct run *run, const char *transport, long fd, unsigned int local, unsigned int peer)
{
	told(run, "close", CALL(__NR_close, fd, 0, 0, 0, 0));
	tuple(run, transport, fd, local, peer);
}

static word one_message(struct run *run, unsigned int index, word name, unsigned int name_length)
{
	struct message *message = &run->many[index].message;

	message->name = name;
	message->name_length = name_length;
	message->parts = two_parts(run);
	message->part_count = 2;
	message->control = message->control_length = message->flags = 0;
	return P(message);
}

/* Both ends of one connection send and receive. */
static void call_stream(struct run *run, int way, long near, long far, unsigned int client, unsigned int server)
{
	long result;

	result = told(run, "sendto", VIA(INNER_SENDTO, __NR_sendto, near, P(run->data), 21, 0, 0, 0));
	tuple(run, "tcp", near, client, server);
	sizes(run, 21, result);
	result = told(run, "recvfrom", VIA(INNER_RECVFROM, __NR_recvfrom, far, P(run->data), 200, 0, 0, 0));
	tuple(run, "tcp", far, server, client);
	sizes(run, 200, result);
	result = told(run, "sendmsg", VIA(INNER_SENDMSG, __NR_sendmsg, far, one_message(run, 0, 0, 0), 0, 0, 0, 0));
	tuple(run, "tcp", far, server, client);
	sizes(run, 7, result);
	result = told(run, "recvmsg", VIA(INNER_RECVMSG, __NR_recvmsg, near, one_message(run, 0, 0, 0), 0, 0, 0, 0));
	tuple(run, "tcp", near, client, server);
	sizes(run, 7, result);
	one_message(run, 0, 0, 0);
	one_message(run, 1, 0, 0);
	told(run, "sendmmsg", VIA(INNER_SENDMMSG, __NR_sendmmsg, near, P(run->many), 2, 0, 0, 0));
	tuple(run, "tcp", near, client, server);
	number(run, "ringtail.io.requested", 14);
#if IS_IA32
	if (way) {
		result = told(run, "send", VIA(INNER_SEND, 0, far, P(run->data), 5, 0, 0, 0));
		tuple(run, "tcp", far, server, client);
		sizes(run, 5, result);
		result = told(run, "recv", VIA(INNER_RECV, 0, near, P(run->data), 9, 0, 0, 0));
		tuple(run, "tcp", near, client, server);
		sizes(run, 9, result);
	}
#endif
}

static long accept_one(struct run *run, int way, long listener, unsigned int server, unsigned int client)
{
	long fd;

#ifdef __NR_accept
	fd = told(run, "accept", CALL(__NR_accept, listener, 0, 0, 0, 0));
#else
	if (way)
		fd = told(run, "accept", VIA(INNER_ACCEPT, 0, listener, 0, 0, 0, 0, 0));
	else
		fd = told(run, "accept4", CALL(__NR_accept4, listener, 0, 0, SOCKET_CLOEXEC, 0));
#endif
	tuple(run, "tcp", fd, server, client);
	(void)way;
	return fd;
}

static void call_tcp(struct run *run, int way)
{
	long listener = CALL(__NR_socket, FAMILY_INET, KIND_STREAM, 0, 0, 0), near = CALL(__NR_socket, FAMILY_INET, KIND_STREAM, 0, 0, 0), far;
	unsigned int server, client;
	long result;

	inet(run, 0);
	CALL(__NR_bind, listener, P(&run->address), 16, 0, 0);
	server = port_of(run, listener);
	CALL(__NR_bind, near, P(&run->address), 0, 0, 0);
	inet(run, server);
	result = VIA(INNER_CONNECT, __NR_connect, near, P(&run->address), 16, 0, 0, 0);
	/* nobody listens yet */
	told(run, "connect", result);
	tuple(run, "tcp", near, 0, server);
	put(run, " ringtail.unverified=true network.local.address=* network.local.port=*");
	CALL(__NR_close, near, 0, 0, 0, 0);
	told(run, "close", 0);
	put(run, " network.transport=tcp network.type=ipv4 network.local.address=* network.local.port=* network.peer.address=* network.peer.port=*");
	number(run, "ringtail.fd", near);
	CALL(__NR_listen, listener, 5, 0, 0, 0);
	for (int times = 0; times < 2; times++) {
		near = CALL(__NR_socket, FAMILY_INET, KIND_STREAM, 0, 0, 0);
		inet(run, server);
		result = VIA(INNER_CONNECT, __NR_connect, near, P(&run->address), 16, 0, 0, 0);
		client = port_of(run, near);
		told(run, "connect", result);
		tuple(run, "tcp", near, client, server);
		if (times == 0) {
			far = accept_one(run, way, listener, server, client);
			call_stream(run, way, near, far, client, server);
		} else {
			far = told(run, "accept4", VIA(INNER_ACCEPT4, __NR_accept4, listener, 0, 0, SOCKET_CLOEXEC, 0, 0));
			tuple(run, "tcp", far, server, client);
		}
		close_socket(run, "tcp", near, client, server);
		close_socket(run, "tcp", far, server, client);
	}
	close_socket(run, "tcp", listener, server, 0);
}

static void call_udp(struct run *run, int way)
{
	long one = CALL(__NR_socket, FAMILY_INET, KIND_DATAGRAM, 0, 0, 0), two = CALL(__NR_socket, FAMILY_INET, KIND_DATAGRAM, 0, 0, 0);
	unsigned int first, second;
	long result;

	inet(run, 0);
	CALL(__NR_bind, one, P(&run->address), 16, 0, 0);
	CALL(__NR_bind, two, P(&run->address), 16, 0, 0);
	first = port_of(run, one);
	second = port_of(run, two);
	inet(run, second);
	result = told(run, "sendto", VIA(INNER_SENDTO, __NR_sendto, one, P(run->data), 33, 0, P(&run->address), 16));
	tuple(run, "udp", one, first, second);
	sizes(run, 33, result);
	put(run, " ringtail.unverified=true");
	run->address_length = sizeof(run->address);
	result = told(run, "recvfrom", VIA(INNER_RECVFROM, __NR_recvfrom, two, P(run->data), 256, 0, P(&run->address), P(&run->address_length)));
	tuple(run, "udp", two, second, first);
	sizes(run, 256, result);
	put(run, " ringtail.unverified=true");
	result = VIA(INNER_CONNECT, __NR_connect, two, P(&run->address), 16, 0, 0, 0);
	told(run, "connect", result);
	tuple(run, "udp", two, second, first);
	one_message(run, 0, 0, 0);
	one_message(run, 1, 0, 0);
	told(run, "sendmmsg", VIA(INNER_SENDMMSG, __NR_sendmmsg, two, P(run->many), 2, 0, 0, 0));
	tuple(run, "udp", two, second, first);
	number(run, "ringtail.io.requested", 14);
	one_message(run, 0, 0, 0);
	one_message(run, 1, 0, 0);
	told(run, "recvmmsg", VIA(INNER_RECVMMSG, __NR_recvmmsg, one, P(run->many), 2, 0x40, 0, 0));
	tuple(run, "udp", one, first, 0);
	number(run, "ringtail.io.requested", 14);
	result = told(run, "recvfrom", VIA(INNER_RECVFROM, __NR_recvfrom, one, P(run->data), 10, 0x40, 0, 0));
	tuple(run, "udp", one, first, 0);
	sizes(run, 10, result);
	close_socket(run, "udp", one, first, 0);
	close_socket(run, "udp", two, second, first);
}

#include "calls-sockets-others.h"

static void call_sockets(struct run *run)
{
	for (int way = 0; way <= IS_IA32; way++) {
		call_tcp(run, way);
		call_udp(run, way);
		call_unix(run, way);
		call_raw(run, way);
		call_others(run, way);
		CALL(__NR_unlinkat, AT_CWD, P(below(run, "/socket")), 0, 0, 0);
		told(run, "unlinkat", 0);
		removed(run, "/socket", 0, 0);
	}
}
