/* Datagram sockets: does one thing by its argument and tells its sessions, a line each, as the kernel should tell them. */
#include "datagrams.h"
#include "datagrams-others.h"

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

static void talk_connected(const char *address)
{
	talk(address, 1);
}

static void talk_unconnected(const char *address)
{
	talk(address, 0);
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
	fact("blind %d %d", port_of(&at), 200);
	close(server);
}

static void mapped(const char *address)
{
	int server = socket_of(AF_INET6), client = socket_of(AF_INET6), off = 0;
	union name any = name_of("::", 0), at, from, mine, via;
	char peer[96];

	(void)address;

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
	text_of(&from, peer, sizeof(peer));
	fact("session server *:%d %s %d 50 321 -", port_of(&at), peer, getpid());
	close(client);
	close(server);
}

/* The same peer again when the test says so, or when it has gone. */
static void twice(const char *address)
{
	int server = bound(address), client = bound(address);
	union name at = own_name(server);
	char word;

	join_to(client, &at);
	sent_to(client, 100, 0, 0);
	if (read(0, &word, 1) < 0)
		die("read");
	sent_to(client, 200, 0, 0);
	close(client);
	close(server);
}

static const struct {
	const char *name;
	void (*does)(const char *address);
} kinds[] = {
	{"unconnected", talk_unconnected},
	{"connected", talk_connected},
	{"sizes", sizes},
	{"many", many},
	{"segments", segments},
	{"cork", cork},
	{"peers", peers},
	{"blind", blind},
	{"mapped", mapped},
	{"multicast", multicast},
	{"overflow", overflow},
	{"refused", refused},
	{"moves", moves},
	{"threads", threads},
	{"inherited", inherited},
	{"raw", raw},
	{"protocol", protocol},
	{"twice", twice},
};

/* datagrams <kind> [<address>], datagrams churn <sockets> */
int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";

	alarm(60);
	if (!strcmp(what, "churn")) {
		churn("127.0.0.1", argc > 2 ? atoi(argv[2]) : 1000);
		return 0;
	}
	for (unsigned i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (!strcmp(what, kinds[i].name)) {
			kinds[i].does(argc > 2 ? argv[2] : "127.0.0.1");
			return 0;
		}
	return 97;
}
