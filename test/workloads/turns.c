/*
 * Two processes that have one connection in turn, by its four numbers. With each line of the input the one that has it resets it and the other one
 * makes it anew, at once: `turn PID LOCAL PEER`, the ports of the client's end. Both live until the input ends.
 */
#include "facts.h"
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

static struct sockaddr_in server = {.sin_family = AF_INET}, client = {.sin_family = AF_INET};

static int bound(struct sockaddr_in *address)
{
	socklen_t length = sizeof(*address);
	int fd = socket(AF_INET, SOCK_STREAM, 0), one = 1;

	address->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) || bind(fd, (struct sockaddr *)address, sizeof(*address)))
		die("bind");
	if (getsockname(fd, (struct sockaddr *)address, &length))
		die("getsockname");
	return fd;
}

/* Without TIME_WAIT. */
static void reset(int fd)
{
	struct linger now = {.l_onoff = 1};

	if (setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now)))
		die("linger");
	close(fd);
}

/* The order to take the connection comes on one pipe, that it is done goes to the other. */
static void take_turns(int orders, int done)
{
	int fd = -1;
	char order;

	while (read(orders, &order, 1) == 1) {
		if (order == 'c') {
			fd = bound(&client);
			if (connect(fd, (struct sockaddr *)&server, sizeof(server)))
				die("connect");
			fact("turn %d %d %d", getpid(), ntohs(client.sin_port), ntohs(server.sin_port));
		} else {
			reset(fd);
		}
		if (write(done, "", 1) != 1)
			die("done");
	}
	_exit(0);
}

static void order(const int *pipes, char what)
{
	char done;

	if (write(pipes[1], &what, 1) != 1 || read(pipes[2], &done, 1) != 1)
		die("order");
}

static void start(int *pipes)
{
	int orders[2], done[2];

	if (pipe2(orders, O_CLOEXEC) || pipe2(done, O_CLOEXEC))
		die("pipe");
	if (!fork()) {
		close(orders[1]);
		take_turns(orders[0], done[1]);
	}
	pipes[1] = orders[1];
	pipes[2] = done[0];
}

int main(void)
{
	int pipes[2][3], listener = bound(&server), accepted = -1, turn = 0;
	char line;

	close(bound(&client)); /* a port that is free */
	for (int i = 0; i < 2; i++)
		start(pipes[i]);
	if (listen(listener, 8))
		die("listen");
	do {
		if (turn) {
			order(pipes[(turn - 1) % 2], 'r');
			close(accepted);
		}
		order(pipes[turn % 2], 'c');
		accepted = accept(listener, 0, 0);
		if (accepted < 0)
			die("accept");
		turn++;
	} while (read(0, &line, 1) == 1);
	return 0;
}
