/* Connections whose both ends are this process. */
#ifndef SESSIONS_PAIRS_H
#define SESSIONS_PAIRS_H
#include "sessions.h"

struct pair {
	int listener, client, server;
	struct told c, s;
};

/* Both ends by this process. */
static struct pair pair_at(int family, const char *address, const char *shown)
{
	struct pair pair = {.listener = listen_at(family, address, 0, 8)};
	struct end listening = local_of(pair.listener);

	tell_listener(listening, shown, getpid());
	pair.client = connect_to(&listening);
	pair.server = accept4(pair.listener, 0, 0, SOCK_CLOEXEC);
	if (pair.server < 0)
		die("accept4");
	pair.c = (struct told){"client", local_of(pair.client), listening, getpid(), getpid(), 0, 0, 0, "-", CLOSES_FIRST};
	pair.s = (struct told){"server", local_of(pair.server), local_of(pair.client), getpid(), getpid(), 0, 0, 0, "-", CLOSED_BY_PEER};
	pair.c.peer = pair.s.local;
	return pair;
}

static void exchange(struct pair *pair, long out, long in)
{
	send_all(pair->client, out);
	read_exactly(pair->server, out);
	send_all(pair->server, in);
	read_exactly(pair->client, in);
	pair->c.sent = pair->s.received = out;
	pair->c.received = pair->s.sent = in;
}

static void end_pair(struct pair *pair)
{
	close(pair->client);
	read_end(pair->server);
	close(pair->server);
	close(pair->listener);
	tell(&pair->c);
	tell(&pair->s);
}

static void plain4(void)
{
	struct pair pair = pair_at(AF_INET, LOCAL_4, 0);

	exchange(&pair, 1000, 50000);
	end_pair(&pair);
}

static void plain6(void)
{
	struct pair pair = pair_at(AF_INET6, LOCAL_6, 0);

	exchange(&pair, 1, 0);
	end_pair(&pair);
}

static void zoned(void)
{
	struct pair pair = pair_at(AF_INET6, "fe80::1%lo", 0);

	exchange(&pair, 10, 20);
	end_pair(&pair);
}

/* IPv4 to a socket of IPv6: each end is what its own socket is. */
static void dual(void)
{
	int listener = listen_at(AF_INET6, "::", 0, 8);
	struct end bound = local_of(listener), four = make_end(AF_INET, LOCAL_4, port_of(&bound)),
		   mapped = make_end(AF_INET6, "::ffff:127.0.0.1", port_of(&bound));
	struct pair pair = {.listener = -1};

	tell_listener(bound, "*", getpid());
	for (int i = 0; i < 2; i++) {
		pair.client = connect_to(i ? &mapped : &four);
		pair.server = accept(listener, 0, 0);
		pair.c = (struct told){"client", local_of(pair.client), i ? mapped : four, getpid(), getpid(), 0, 0, 0, "-", CLOSES_FIRST};
		say_end(&pair.c.peer);
		pair.s = (struct told){"server", local_of(pair.server), local_of(pair.client), getpid(), getpid(), 0, 0, 0, "-", CLOSED_BY_PEER};
		pair.s.peer = make_end(AF_INET6, "::ffff:127.0.0.1", port_of(&pair.c.local));
		say_end(&pair.s.peer);
		exchange(&pair, 5, 6);
		end_pair(&pair);
	}
	close(listener);
}

static void only6(void)
{
	struct end end = make_end(AF_INET6, "::", 0);
	int fd = socket(AF_INET6, SOCK_STREAM, 0);

	set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1);
	if (bind(fd, (void *)&end.address, length_of(&end)) || listen(fd, 1))
		die("listen");
	tell_listener(local_of(fd), "[::]", getpid());
	close(fd);
	fd = listen_at(AF_INET, "0.0.0.0", 0, 1);
	tell_listener(local_of(fd), "0.0.0.0", getpid());
	close(fd);
}

static void half(void)
{
	struct pair pair = pair_at(AF_INET, LOCAL_4, 0);

	send_all(pair.client, 7);
	shutdown(pair.client, SHUT_WR);
	read_exactly(pair.server, 7);
	read_end(pair.server);
	send_all(pair.server, 70000);
	close(pair.server);
	read_exactly(pair.client, 70000);
	read_end(pair.client);
	close(pair.client);
	close(pair.listener);
	pair.c.sent = pair.s.received = 7;
	pair.c.received = pair.s.sent = 70000;
	tell(&pair.c);
	tell(&pair.s);
}

static void server_first(void)
{
	struct pair pair = pair_at(AF_INET, LOCAL_4, 0);

	exchange(&pair, 3, 4);
	close(pair.server);
	read_end(pair.client);
	close(pair.client);
	close(pair.listener);
	pair.c.path = CLIENT_CLOSED_BY_PEER;
	pair.s.path = CLOSED_FIRST;
	tell(&pair.c);
	tell(&pair.s);
}

static void linger(void)
{
	struct pair pair = pair_at(AF_INET, LOCAL_4, 0);

	exchange(&pair, 300, 400);
	reset(pair.client);
	close(pair.server);
	close(pair.listener);
	pair.c.path = CLIENT_RESET;
	pair.s.path = SERVER_RESET;
	pair.s.result = "ECONNRESET";
	tell(&pair.c);
	tell(&pair.s);
}

/* What the program did not read: the kernel has it, and answers the close with a reset. */
static void unread(void)
{
	struct pair pair = pair_at(AF_INET, LOCAL_4, 0);

	send_all(pair.client, 900);
	while (recv(pair.server, (char[900]){0}, 900, MSG_PEEK) < 900)
		;
	close(pair.server);
	close(pair.client);
	close(pair.listener);
	pair.c.sent = pair.s.received = 900;
	pair.c.path = CLIENT_RESET;
	pair.c.result = "ECONNRESET";
	pair.s.path = SERVER_RESET;
	tell(&pair.c);
	tell(&pair.s);
}

/* More than the other end takes, and then a reset: `sent` and `unacked` together are what the program wrote. */
static void unacked(void)
{
	struct pair pair = pair_at(AF_INET, LOCAL_4, 0);
	static const char zeroes[65536];
	long written = 0, done;

	while ((done = send(pair.client, zeroes, sizeof(zeroes), MSG_DONTWAIT)) > 0)
		written += done;
	reset(pair.client);
	close(pair.server);
	close(pair.listener);
	pair.c.sent = pair.s.received = -1; /* the test adds up */
	pair.c.unacked = written;
	pair.c.path = CLIENT_RESET;
	pair.s.path = SERVER_RESET;
	pair.s.result = "ECONNRESET";
	tell(&pair.c);
	tell(&pair.s);
}

/* One socket that is both ends. */
static void itself(void)
{
	struct end end = make_end(AF_INET, LOCAL_4, 40404);
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	struct told told = {"client", end, end, getpid(), getpid(), 100, 100, 0, "-", "syn_sent,syn_received,established,fin_wait_1,closing,closed"};

	set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1);
	if (bind(fd, (void *)&end.address, length_of(&end)) || connect(fd, (void *)&end.address, length_of(&end)))
		die("itself");
	send_all(fd, 100);
	read_exactly(fd, 100);
	close(fd);
	say_end(&told.local);
	told.peer = told.local;
	tell(&told);
}

static void nonblocking(void)
{
	int listener = listen_at(AF_INET, LOCAL_4, 0, 8);
	struct end listening = local_of(listener);
	struct pair pair = {.listener = listener, .client = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0)};
	struct pollfd wait = {.fd = pair.client, .events = POLLOUT};

	tell_listener(listening, 0, getpid());
	if (!connect(pair.client, (void *)&listening.address, length_of(&listening)) || errno != EINPROGRESS || poll(&wait, 1, -1) != 1)
		die("connect");
	pair.server = accept(listener, 0, 0);
	pair.c = (struct told){"client", local_of(pair.client), listening, getpid(), getpid(), 0, 0, 0, "-", CLOSES_FIRST};
	pair.s = (struct told){"server", listening, pair.c.local, getpid(), getpid(), 0, 0, 0, "-", CLOSED_BY_PEER};
	end_pair(&pair);
}

/* Data goes with the SYN, and the server may read it before it is established. */
static void fast_open(void)
{
	int listener = listen_at(AF_INET, LOCAL_4, 0, 8);
	struct end listening = local_of(listener);
	struct pair pair = {.listener = listener, .client = socket(AF_INET, SOCK_STREAM, 0)};

	tell_listener(listening, 0, getpid());
	set_option(listener, IPPROTO_TCP, TCP_FASTOPEN, 8);
	if (sendto(pair.client, (char[123]){0}, 123, MSG_FASTOPEN, (void *)&listening.address, length_of(&listening)) != 123)
		die("MSG_FASTOPEN");
	pair.server = accept(listener, 0, 0);
	pair.c = (struct told){"client", local_of(pair.client), listening, getpid(), getpid(), 123, 45, 0, "-", CLOSES_FIRST};
	pair.s = (struct told){"server", listening, pair.c.local, getpid(), getpid(), 45, 123, 0, "-", CLOSED_BY_PEER};
	read_exactly(pair.server, 123);
	send_all(pair.server, 45);
	read_exactly(pair.client, 45);
	end_pair(&pair);
}

/* ---- what nobody accepts ---- */

static void never(void)
{
	int listener = listen_at(AF_INET, LOCAL_4, 0, 8);
	struct end listening = local_of(listener);
	int client;
	struct told c, s;

	tell_listener(listening, 0, getpid());
	client = connect_to(&listening);
	send_all(client, 11);
	c = (struct told){"client", local_of(client), listening, getpid(), getpid(), 11, 0, 0, "ECONNRESET", CLIENT_RESET};
	s = (struct told){"server", listening, c.local, getpid(), getpid(), 0, 11, 0, "-", SERVER_RESET};
	close(listener);
	close(client);
	tell(&c);
	tell(&s);
}

static void reset_before(void)
{
	int listener = listen_at(AF_INET, LOCAL_4, 0, 8);
	struct end listening = local_of(listener);
	int client, server;
	struct told c, s;

	tell_listener(listening, 0, getpid());
	client = connect_to(&listening);
	c = (struct told){"client", local_of(client), listening, getpid(), getpid(), 0, 0, 0, "-", CLIENT_RESET};
	s = (struct told){"server", listening, c.local, getpid(), getpid(), 0, 0, 0, "ECONNRESET", SERVER_RESET};
	reset(client);
	server = accept(listener, 0, 0);
	close(server);
	close(listener);
	tell(&c);
	tell(&s);
}
#endif
