/* Connections that do not come about. */
#ifndef SESSIONS_FAILED_H
#define SESSIONS_FAILED_H
#include "sessions.h"

static void tell_failed(struct end local, struct end peer, const char *result, const char *path)
{
	struct told told = {"client", local, peer, 0, getpid(), 0, 0, 0, result, path};

	say_end(&told.peer);
	tell(&told);
}

/* The kernel has chosen an end before it fails; what it was nobody can ask it any more. */
static struct end some_end(const char *address)
{
	struct end end;

	snprintf(end.text, sizeof(end.text), strchr(address, ':') ? "[%s]:*" : "%s:*", address);
	return end;
}

static void refused(void)
{
	struct end closed = make_end(AF_INET, LOCAL_4, 1), closed6 = make_end(AF_INET6, LOCAL_6, 1);
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	struct pollfd wait = {.events = POLLOUT};

	if (!connect(fd, (void *)&closed.address, length_of(&closed)) || errno != ECONNREFUSED)
		die("refused");
	tell_failed(some_end(LOCAL_4), closed, "ECONNREFUSED", "syn_sent,closed");
	/* once more, on the same socket */
	if (!connect(fd, (void *)&closed.address, length_of(&closed)) || errno != ECONNREFUSED)
		die("refused");
	tell_failed(some_end(LOCAL_4), closed, "ECONNREFUSED", "syn_sent,closed");
	close(fd);
	wait.fd = socket(AF_INET6, SOCK_STREAM | SOCK_NONBLOCK, 0);
	if (!connect(wait.fd, (void *)&closed6.address, length_of(&closed6)) || errno != EINPROGRESS || poll(&wait, 1, -1) != 1)
		die("refused");
	close(wait.fd);
	tell_failed(some_end(LOCAL_6), closed6, "ECONNREFUSED", "syn_sent,closed");
}

/* Nobody answers: the queue of the listener is full. */
static int silent_listener(struct end *end, int *first)
{
	int listener = listen_at(AF_INET, LOCAL_4, 0, 0);

	*end = local_of(listener);
	tell_listener(*end, 0, getpid());
	*first = connect_to(end);
	return listener;
}

static void tell_silent(int listener, int first, struct end end)
{
	struct told c = {"client", local_of(first), end, getpid(), getpid(), 0, 0, 0, "-", CLOSES_FIRST};
	struct told s = {"server", end, c.local, getpid(), getpid(), 0, 0, 0, "-", CLOSED_BY_PEER};
	int server = accept(listener, 0, 0);

	close(first);
	read_end(server);
	close(server);
	close(listener);
	tell(&c);
	tell(&s);
}

static void times_out(void)
{
	struct end end;
	int first, listener = silent_listener(&end, &first), fd = socket(AF_INET, SOCK_STREAM, 0);

	set_option(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, 500);
	if (!connect(fd, (void *)&end.address, length_of(&end)) || errno != ETIMEDOUT)
		die("times_out");
	close(fd);
	tell_failed(some_end(LOCAL_4), end, "ETIMEDOUT", "syn_sent,closed");
	tell_silent(listener, first, end);
}

/* The program closes it before there is an answer. */
static void given_up(void)
{
	struct end end;
	int first, listener = silent_listener(&end, &first), fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);

	if (!connect(fd, (void *)&end.address, length_of(&end)) || errno != EINPROGRESS)
		die("given_up");
	close(fd);
	tell_failed(some_end(LOCAL_4), end, "ECONNABORTED", "syn_sent,closed");
	tell_silent(listener, first, end);
}

/* Before a packet leaves. */
static void unreachable(void)
{
	struct end far = make_end(AF_INET, "10.1.2.3", 4), far6 = make_end(AF_INET6, "2001:db8::1", 4);
	int fd = socket(AF_INET, SOCK_STREAM, 0), fd6 = socket(AF_INET6, SOCK_STREAM, 0);

	if (!connect(fd, (void *)&far.address, length_of(&far)) || errno != ENETUNREACH)
		die("unreachable");
	tell_failed(some_end("0.0.0.0"), far, "ENETUNREACH", "-");
	if (!connect(fd6, (void *)&far6.address, length_of(&far6)) || (errno != ENETUNREACH && errno != EADDRNOTAVAIL))
		die("unreachable");
	tell_failed(some_end("::"), far6, errno == ENETUNREACH ? "ENETUNREACH" : "EADDRNOTAVAIL", "-");
	close(fd);
	close(fd6);
}

/* The 4-tuple is in use: the kernel has begun to connect, and fails. */
static void taken(void)
{
	int listener = listen_at(AF_INET, LOCAL_4, 0, 8);
	struct end listening = local_of(listener), mine;
	int first = connect_to(&listening), second = socket(AF_INET, SOCK_STREAM, 0), server = accept(listener, 0, 0);
	struct told c = {"client", local_of(first), listening, getpid(), getpid(), 0, 0, 0, "-", CLOSES_FIRST};
	struct told s = {"server", listening, c.local, getpid(), getpid(), 0, 0, 0, "-", CLOSED_BY_PEER};

	tell_listener(listening, 0, getpid());
	mine = local_of(first);
	set_option(first, SOL_SOCKET, SO_REUSEADDR, 1);
	set_option(second, SOL_SOCKET, SO_REUSEADDR, 1);
	if (bind(second, (void *)&mine.address, length_of(&mine)))
		die("bind");
	if (!connect(second, (void *)&listening.address, length_of(&listening)) || errno != EADDRNOTAVAIL)
		die("taken");
	tell_failed(mine, listening, "EADDRNOTAVAIL", "syn_sent,closed");
	close(second);
	close(first);
	read_end(server);
	close(server);
	close(listener);
	tell(&c);
	tell(&s);
}
#endif
