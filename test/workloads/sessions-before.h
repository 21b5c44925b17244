/* Connections that are open before anybody looks: told as they stand, and again when they have ended. */
#ifndef SESSIONS_BEFORE_H
#define SESSIONS_BEFORE_H
#include "sessions-owners.h"

#define MOST_FDS 64

struct open_pair {
	int client, server;
	struct end local, peer; /* of the client */
};

static struct open_pair open_pair(int listener, int accepts)
{
	struct open_pair pair = {.server = -1, .peer = local_of(listener)};

	pair.client = connect_to(&pair.peer);
	pair.local = local_of(pair.client);
	if (accepts)
		pair.server = accept4(listener, 0, 0, SOCK_CLOEXEC);
	return pair;
}

/* `known`: the owner, 0 = it has none. The role of what was open is known only where nobody has accepted it. */
static void tell_open(const struct open_pair *pair, int owner_of_client, int owner_of_server, const char *role)
{
	fact("open unknown %s %s %d", pair->local.text, pair->peer.text, owner_of_client);
	fact("open %s %s %s %d", role, pair->peer.text, pair->local.text, owner_of_server);
}

static void tell_both(const struct open_pair *pair, struct told c, struct told s)
{
	c.local = s.peer = pair->local;
	c.peer = s.local = pair->peer;
	c.role = "unknown";
	s.role = s.role ? s.role : c.role;
	c.result = s.result = "-";
	tell(&c);
	tell(&s);
}

/* A child has nothing but these. */
static void keep_only(int one, int other)
{
	for (int fd = 3; fd < MOST_FDS; fd++)
		if (fd != one && fd != other)
			close(fd);
}

static void hold(const int *fds)
{
	keep_only(fds[0], fds[1]);
	read_end(fds[1]);
	send_all(fds[0], 1);
	close(fds[0]);
	_exit(0);
}

static void *hold_in_thread(void *fds)
{
	usleep(20000);
	hold(fds);
	return 0;
}

static void hold_headless(const int *fds)
{
	pthread_t thread;

	pthread_create(&thread, 0, hold_in_thread, (void *)fds);
	pthread_exit(0);
}

/* It is in a message then that nobody has received. */
static void send_away(int fd, const int *pair)
{
	char room[CMSG_SPACE(sizeof(int))] = {}, byte = 0;
	struct iovec data = {&byte, 1};
	struct msghdr message = {.msg_iov = &data, .msg_iovlen = 1, .msg_control = room, .msg_controllen = sizeof(room)};
	struct cmsghdr *head = CMSG_FIRSTHDR(&message);

	*head = (struct cmsghdr){.cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(sizeof(int))};
	memcpy(CMSG_DATA(head), &fd, sizeof(fd));
	if (sendmsg(pair[1], &message, 0) != 1)
		die("sendmsg");
	close(fd);
}

static int receive_back(const int *pair)
{
	char room[CMSG_SPACE(sizeof(int))], byte;
	struct iovec data = {&byte, 1};
	struct msghdr message = {.msg_iov = &data, .msg_iovlen = 1, .msg_control = room, .msg_controllen = sizeof(room)};
	int got;

	if (recvmsg(pair[0], &message, 0) != 1)
		die("recvmsg");
	memcpy(&got, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof(got));
	return got;
}

#define LEAVES_FIRST "fin_wait_1,fin_wait_2,closed"
#define LEFT_BY_PEER "close_wait,last_ack,closed"

/* The child closes first, and is the last one that had it. */
static void end_held(struct open_pair *pair, pid_t child)
{
	read_exactly(pair->client, 1);
	read_end(pair->client);
	close(pair->client);
	wait_for(child);
	tell_both(pair, (struct told){.last = getpid(), .received = 1, .path = LEFT_BY_PEER},
		(struct told){.last = child, .sent = 1, .path = LEAVES_FIRST});
}

static void before(void)
{
	int listener = listen_at(AF_INET, LOCAL_4, 0, 16), told[2], unix_pair[2], me = getpid();
	struct open_pair held, inherited, headless, away, orphan, waiting;
	struct end listening = local_of(listener);
	pid_t heir, first_gone;
	long written = 0, done;
	static char zeroes[65536];

	if (pipe(told) || socketpair(AF_UNIX, SOCK_STREAM, 0, unix_pair))
		die("pipe");
	held = open_pair(listener, 1);
	send_all(held.client, 1000);
	read_exactly(held.server, 1000);
	inherited = open_pair(listener, 1);
	heir = in_child(hold, (int[]){inherited.server, told[0]});
	headless = open_pair(listener, 1);
	first_gone = in_child(hold_headless, (int[]){headless.server, told[0]});
	close(headless.server);
	away = open_pair(listener, 1);
	send_away(away.server, unix_pair);
	orphan = open_pair(listener, 1);
	while ((done = send(orphan.client, zeroes, sizeof(zeroes), MSG_DONTWAIT)) > 0)
		written += done;
	close(orphan.client);
	waiting = open_pair(listener, 0);
	usleep(100000); /* until the children are as they shall be */

	fact("open server %s - %d", listening.text, me);
	tell_open(&held, me, me, "unknown");
	tell_open(&inherited, me, me, "unknown");
	tell_open(&headless, me, first_gone, "unknown");
	tell_open(&away, me, 0, "unknown");
	tell_open(&orphan, 0, me, "unknown");
	tell_open(&waiting, me, me, "server"); /* the listener's */
	fact("ready");
	read_end(0);

	send_all(held.client, 10);
	read_exactly(held.server, 10);
	close(held.client);
	read_end(held.server);
	close(held.server);
	tell_both(&held, (struct told){.last = me, .sent = 1010, .path = LEAVES_FIRST},
		(struct told){.last = me, .received = 1010, .path = LEFT_BY_PEER});

	close(inherited.server);
	close(told[1]);
	end_held(&inherited, heir);
	end_held(&headless, first_gone);

	away.server = receive_back(unix_pair);
	close(away.server);
	read_end(away.client);
	close(away.client);
	tell_both(&away, (struct told){.last = me, .path = LEFT_BY_PEER}, (struct told){.last = me, .path = LEAVES_FIRST});

	read_exactly(orphan.server, written);
	read_end(orphan.server);
	close(orphan.server);
	tell_both(&orphan, (struct told){.sent = written, .path = "fin_wait_2,closed"},
		(struct told){.last = me, .received = written, .path = LEFT_BY_PEER});

	waiting.server = accept(listener, 0, 0);
	close(waiting.client);
	read_end(waiting.server);
	close(waiting.server);
	tell_both(&waiting, (struct told){.last = me, .path = LEAVES_FIRST}, (struct told){.role = "server", .last = me, .path = LEFT_BY_PEER});
	close(listener);
}
#endif
