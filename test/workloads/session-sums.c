/*
 * Sessions in numbers that the test asks for, in a network namespace of its own. A line of input is what to do and how often; each is answered by
 * `done` and its first word. The end of the input ends it.
 *
 * short4 N, short6 N   connections one after the other: the client sends 100 bytes and gets 300, and closes first
 * reset4 N             the same without the bytes back; the client resets
 * refused N            connects to a port where nobody listens
 * datagrams N          two sockets: 50 bytes there, 30 back, over connected and not connected; `shut 0` closes them
 * open N               connections that stay; the client has sent 1000 bytes
 * more N               over each of those N bytes back
 * close 0              closes those
 * waiting 0            tells how many are in TIME_WAIT: `waiting N`
 */
#include "sessions.h"

#define NETNS_COOKIE 71 /* SO_NETNS_COOKIE, since 5.14 */
#define OPEN_MAX 1024

static int clients[OPEN_MAX], servers[OPEN_MAX], opened, datagram_client = -1, datagram_server = -1;

static void own_network(void)
{
	struct ifreq lo = {.ifr_name = "lo", .ifr_flags = IFF_UP};
	unsigned long long cookie = 0;
	socklen_t length = sizeof(cookie);
	int fd;

	if (unshare(CLONE_NEWNET))
		die("unshare");
	fd = socket(AF_INET, SOCK_DGRAM, 0);
	if (ioctl(fd, SIOCSIFFLAGS, &lo))
		die("SIOCSIFFLAGS");
	if (getsockopt(fd, SOL_SOCKET, NETNS_COOKIE, &cookie, &length))
		cookie = 0;
	close(fd);
	fact("network %llu", cookie);
}

static void connect_pair(int listener, int *client, int *server)
{
	struct end listening = local_of(listener);

	*client = connect_to(&listening);
	*server = accept4(listener, 0, 0, SOCK_CLOEXEC);
	if (*server < 0)
		die("accept4");
}

static void make_short(int family, const char *address, int times, int resets)
{
	int listener = listen_at(family, address, 0, 8), client, server;

	for (int i = 0; i < times; i++) {
		connect_pair(listener, &client, &server);
		send_all(client, 100);
		read_exactly(server, 100);
		if (resets) {
			reset(client);
		} else {
			send_all(server, 300);
			read_exactly(client, 300);
			close(client);
			read_end(server);
		}
		close(server);
	}
	close(listener);
}

static void be_refused(int times)
{
	int listener = listen_at(AF_INET, LOCAL_4, 0, 1);
	struct end gone = local_of(listener);

	close(listener);
	for (int i = 0; i < times; i++) {
		int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

		if (!connect(fd, (void *)&gone.address, length_of(&gone)) || errno != ECONNREFUSED)
			die("connect");
		close(fd);
	}
}

static void exchange_datagrams(int times)
{
	struct end any = make_end(AF_INET, LOCAL_4, 0), there, from = {};
	static char room[100];

	datagram_server = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (bind(datagram_server, (void *)&any.address, length_of(&any)))
		die("bind");
	there = local_of(datagram_server);
	datagram_client = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (connect(datagram_client, (void *)&there.address, length_of(&there)))
		die("connect");
	for (int i = 0; i < times; i++) {
		socklen_t length = sizeof(from.address);

		if (send(datagram_client, room, 50, 0) != 50)
			die("send");
		if (recvfrom(datagram_server, room, sizeof(room), 0, (void *)&from.address, &length) != 50)
			die("recvfrom");
		if (sendto(datagram_server, room, 30, 0, (void *)&from.address, length) != 30)
			die("sendto");
		if (recv(datagram_client, room, sizeof(room), 0) != 30)
			die("recv");
	}
}

static void open_some(int times)
{
	int listener = listen_at(AF_INET, LOCAL_4, 0, 8);

	for (int i = 0; i < times && opened < OPEN_MAX; i++, opened++) {
		connect_pair(listener, &clients[opened], &servers[opened]);
		send_all(clients[opened], 1000);
		read_exactly(servers[opened], 1000);
	}
	close(listener);
}

static void send_back(int bytes)
{
	for (int i = 0; i < opened; i++) {
		send_all(servers[i], bytes);
		read_exactly(clients[i], bytes);
	}
}

static void close_all(void)
{
	while (opened > 0) {
		close(clients[--opened]);
		read_end(servers[opened]);
		close(servers[opened]);
	}
}

static void tell_waiting(void)
{
	FILE *file = fopen("/proc/thread-self/net/sockstat", "r");
	char line[200];
	int waiting = -1;

	while (file && fgets(line, sizeof(line), file))
		if (!strncmp(line, "TCP:", 4) && strstr(line, " tw "))
			waiting = atoi(strstr(line, " tw ") + 4);
	if (file)
		fclose(file);
	fact("waiting %d", waiting);
}

static void act(const char *what, int times)
{
	if (!strcmp(what, "short4"))
		make_short(AF_INET, LOCAL_4, times, 0);
	else if (!strcmp(what, "short6"))
		make_short(AF_INET6, LOCAL_6, times, 0);
	else if (!strcmp(what, "reset4"))
		make_short(AF_INET, LOCAL_4, times, 1);
	else if (!strcmp(what, "refused"))
		be_refused(times);
	else if (!strcmp(what, "datagrams"))
		exchange_datagrams(times);
	else if (!strcmp(what, "shut"))
		close(datagram_client), close(datagram_server);
	else if (!strcmp(what, "open"))
		open_some(times);
	else if (!strcmp(what, "more"))
		send_back(times);
	else if (!strcmp(what, "close"))
		close_all();
	else if (!strcmp(what, "waiting"))
		tell_waiting();
	else
		die(what);
}

int main(void)
{
	char line[100], what[20];
	int times;

	own_network();
	while (fgets(line, sizeof(line), stdin)) {
		if (sscanf(line, "%19s %d", what, &times) != 2)
			die("input");
		act(what, times);
		fact("done %s", what);
	}
	return 0;
}
