/* Connections that are accepted, used and closed by others than who asked for them. */
#ifndef SESSIONS_OWNERS_H
#define SESSIONS_OWNERS_H
#include "sessions.h"

static pid_t in_child(void (*work)(const int *fds), const int *fds)
{
	pid_t child = fork();

	if (child)
		return child;
	work(fds);
	_exit(0);
}

static void wait_for(pid_t child)
{
	int status;

	if (waitpid(child, &status, 0) != child || status)
		die("child");
}

static void serve_one(const int *fds)
{
	int server = accept(fds[0], 0, 0);

	read_end(server);
	close(server);
}

/* Processes that accept at one inherited listener. */
static void workers(void)
{
	int listener = listen_at(AF_INET, LOCAL_4, 0, 8);
	struct end listening = local_of(listener);

	tell_listener(listening, 0, getpid());
	for (int i = 0; i < 2; i++) {
		pid_t child = in_child(serve_one, &listener);
		int client = connect_to(&listening);
		struct told c = {"client", local_of(client), listening, getpid(), getpid(), 0, 0, 0, "-", CLOSES_FIRST};
		struct told s = {"server", listening, c.local, child, child, 0, 0, 0, "-", CLOSED_BY_PEER};

		close(client);
		wait_for(child);
		tell(&c);
		tell(&s);
	}
	close(listener);
}

static void *serve_in_thread(void *listener)
{
	serve_one(listener);
	return 0;
}

static void in_thread(void)
{
	int listener = listen_at(AF_INET, LOCAL_4, 0, 8), client;
	struct end listening = local_of(listener);
	pthread_t thread;
	struct told c, s;

	tell_listener(listening, 0, getpid());
	pthread_create(&thread, 0, serve_in_thread, &listener);
	client = connect_to(&listening);
	c = (struct told){"client", local_of(client), listening, getpid(), getpid(), 0, 0, 0, "-", CLOSES_FIRST};
	s = (struct told){"server", listening, c.local, getpid(), getpid(), 0, 0, 0, "-", CLOSED_BY_PEER};
	close(client);
	pthread_join(thread, 0);
	close(listener);
	tell(&c);
	tell(&s);
}

static void *serve_and_leave(void *fds)
{
	usleep(20000); /* until the first thread is gone */
	serve_one(fds);
	_exit(0);
}

static void lose_first_thread(const int *fds)
{
	pthread_t thread;

	pthread_create(&thread, 0, serve_and_leave, (void *)fds);
	pthread_exit(0);
}

/* A process whose first thread is gone. */
static void headless(void)
{
	int listener = listen_at(AF_INET, LOCAL_4, 0, 8);
	struct end listening = local_of(listener);
	pid_t child = in_child(lose_first_thread, &listener);
	int client = connect_to(&listening);
	struct told c = {"client", local_of(client), listening, getpid(), getpid(), 0, 0, 0, "-", CLOSES_FIRST};
	struct told s = {"server", listening, c.local, child, child, 0, 0, 0, "-", CLOSED_BY_PEER};

	tell_listener(listening, 0, getpid());
	shutdown(client, SHUT_WR);
	wait_for(child);
	close(client);
	close(listener);
	tell(&c);
	tell(&s);
}

static void answer(const int *fds)
{
	close(fds[1]);
	read_end(fds[0]);
	send_all(fds[0], 9);
	close(fds[0]);
}

/* A server that forks for each connection it accepted. */
static void forked(void)
{
	int listener = listen_at(AF_INET, LOCAL_4, 0, 8);
	struct end listening = local_of(listener);
	int client = connect_to(&listening), server = accept(listener, 0, 0);
	struct told c = {"client", local_of(client), listening, getpid(), getpid(), 0, 9, 0, "-", CLOSES_FIRST};
	struct told s = {"server", listening, c.local, getpid(), 0, 9, 0, 0, "-", CLOSED_BY_PEER};
	pid_t child = in_child(answer, (int[]){server, client});

	tell_listener(listening, 0, getpid());
	close(server);
	shutdown(client, SHUT_WR);
	read_exactly(client, 9);
	read_end(client);
	close(client);
	wait_for(child);
	close(listener);
	s.last = child;
	tell(&c);
	tell(&s);
}

static void take_over(const int *fds)
{
	char room[CMSG_SPACE(sizeof(int))], byte;
	struct iovec data = {&byte, 1};
	struct msghdr message = {.msg_iov = &data, .msg_iovlen = 1, .msg_control = room, .msg_controllen = sizeof(room)};
	int got;

	close(fds[1]);
	close(fds[2]);
	if (recvmsg(fds[0], &message, 0) != 1)
		die("recvmsg");
	memcpy(&got, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof(got));
	read_exactly(fds[0], 1); /* the other one has closed it */
	send_all(got, 33);
	close(got);
}

/* Over a unix socket to a process that was there before. */
static void passed(void)
{
	int listener = listen_at(AF_INET, LOCAL_4, 0, 8), pair[2], client, server;
	struct end listening = local_of(listener);
	char room[CMSG_SPACE(sizeof(int))] = {}, byte = 0;
	struct iovec data = {&byte, 1};
	struct msghdr message = {.msg_iov = &data, .msg_iovlen = 1, .msg_control = room, .msg_controllen = sizeof(room)};
	struct cmsghdr *head = CMSG_FIRSTHDR(&message);
	struct told c, s;
	pid_t child;

	tell_listener(listening, 0, getpid());
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair))
		die("socketpair");
	child = in_child(take_over, (int[]){pair[0], pair[1], listener});
	client = connect_to(&listening);
	server = accept(listener, 0, 0);
	c = (struct told){"client", local_of(client), listening, getpid(), getpid(), 0, 33, 0, "-", CLIENT_CLOSED_BY_PEER};
	s = (struct told){"server", listening, c.local, getpid(), child, 33, 0, 0, "-", CLOSED_FIRST};
	*head = (struct cmsghdr){.cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(sizeof(int))};
	memcpy(CMSG_DATA(head), &server, sizeof(server));
	if (sendmsg(pair[1], &message, 0) != 1)
		die("sendmsg");
	close(server);
	send_all(pair[1], 1);
	read_exactly(client, 33);
	read_end(client);
	close(client);
	wait_for(child);
	close(pair[0]);
	close(pair[1]);
	close(listener);
	tell(&c);
	tell(&s);
}

static void connect_and_leave(const int *fds)
{
	struct end listening = local_of(fds[0]);
	struct told c = {"client", {}, listening, getpid(), getpid(), 70000, 0, 0, "-", CLOSES_FIRST};
	int fd = connect_to(&listening);

	c.local = local_of(fd);
	if (write(fds[1], &c, sizeof(c)) != sizeof(c))
		die("write");
	send_all(fd, 70000);
}

/* It is gone before its data was read: the socket ends later, and is still its. */
static void left(void)
{
	int listener = listen_at(AF_INET, LOCAL_4, 0, 8), pipes[2], server;
	struct told c, s;
	pid_t child;

	if (pipe(pipes))
		die("pipe");
	tell_listener(local_of(listener), 0, getpid());
	child = in_child(connect_and_leave, (int[]){listener, pipes[1]});
	if (read(pipes[0], &c, sizeof(c)) != sizeof(c))
		die("read");
	wait_for(child);
	server = accept(listener, 0, 0);
	s = (struct told){"server", c.peer, c.local, getpid(), getpid(), 0, 70000, 0, "-", CLOSED_BY_PEER};
	read_exactly(server, 70000);
	read_end(server);
	close(server);
	close(listener);
	tell(&c);
	tell(&s);
}

static int listen_shared(int port)
{
	struct end end = make_end(AF_INET, LOCAL_4, port);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	set_option(fd, SOL_SOCKET, SO_REUSEPORT, 1);
	if (bind(fd, (void *)&end.address, length_of(&end)) || listen(fd, 32))
		die("listen");
	return fd;
}

static void listen_too(const int *fds)
{
	int listener;
	char byte;

	close(fds[1]);
	listener = listen_shared(fds[2]);
	tell_listener(local_of(listener), 0, getpid());
	if (read(fds[0], &byte, 1)) /* until the other end is closed */
		die("read");
}

/* Two processes listen at one port, and neither accepts: whose connection it is depends on the listener that the kernel chose. */
static void shared_port(void)
{
	int mine = listen_shared(0), pipes[2], clients[16];
	struct end listening = local_of(mine);
	struct told c[16];
	pid_t child;

	if (pipe(pipes))
		die("pipe");
	tell_listener(listening, 0, getpid());
	child = in_child(listen_too, (int[]){pipes[0], pipes[1], port_of(&listening)});
	usleep(100000);
	for (int i = 0; i < 16; i++) {
		clients[i] = connect_to(&listening);
		c[i] = (struct told){"client", local_of(clients[i]), listening, getpid(), getpid(), 0, 0, 0, "ECONNRESET", CLIENT_RESET};
	}
	close(pipes[1]);
	wait_for(child);
	/* those of the child were reset when it left */
	for (int i = 0; i < 16; i++) {
		struct pollfd gone = {.fd = clients[i]};
		int owner = poll(&gone, 1, 0) == 1 ? child : getpid();
		struct told s = {"server", listening, c[i].local, owner, owner, 0, 0, 0, "-", SERVER_RESET};

		tell(&s);
	}
	close(mine);
	for (int i = 0; i < 16; i++) {
		close(clients[i]);
		tell(&c[i]);
	}
	close(pipes[0]);
}
#endif
