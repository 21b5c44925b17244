/*
 * Connections of unix sockets: `unix-sessions PATH`, where a name that begins with @ is an abstract one. With `before` behind it a connection is
 * there from the beginning, and the program waits for a line. A line each: `session ROLE PID PEER SENT RECEIVED`, PEER being the process at the other
 * end.
 */
#include "facts.h"
#include <stddef.h>
#include <sys/socket.h>
#include <sys/un.h>

static socklen_t name_of(const char *path, struct sockaddr_un *address)
{
	size_t length = strlen(path);

	memset(address, 0, sizeof(*address));
	address->sun_family = AF_UNIX;
	memcpy(address->sun_path, path, length);
	if (*path == '@')
		address->sun_path[0] = 0;
	return offsetof(struct sockaddr_un, sun_path) + length + (*path != '@' && length < sizeof(address->sun_path));
}

static void move_bytes(int fd, size_t out, size_t in)
{
	static char room[65536];

	if (out && send(fd, room, out, 0) != (ssize_t)out)
		die("send");
	for (size_t got = 0; got < in;) {
		ssize_t more = recv(fd, room, sizeof(room), 0);

		if (more <= 0)
			die("recv");
		got += more;
	}
}

static void one(int listener, const struct sockaddr_un *address, socklen_t length, int type, int wait)
{
	pid_t parent = getpid(), child = fork();
	int fd;
	char line;

	if (!child) {
		fd = socket(AF_UNIX, type, 0);
		if (connect(fd, (const struct sockaddr *)address, length))
			die("connect");
		move_bytes(fd, 1000, 30);
		close(fd);
		fact("session client %d %d 1000 30", getpid(), parent);
		_exit(0);
	}
	fd = accept(listener, 0, 0);
	if (fd < 0)
		die("accept");
	if (wait) {
		fact("ready %d", child);
		if (read(0, &line, 1) != 1)
			die("read");
	}
	/* what is looked at is not received yet */
	if (recv(fd, &line, 1, MSG_PEEK) != 1)
		die("peek");
	move_bytes(fd, 30, 1000);
	fact("session server %d %d 30 1000", getpid(), child);
	reap(child);
	close(fd);
}

int main(int argc, char **argv)
{
	struct sockaddr_un address;
	socklen_t length;

	if (argc < 2)
		return 2;
	length = name_of(argv[1], &address);
	for (int type = SOCK_STREAM; type <= SOCK_SEQPACKET; type += SOCK_SEQPACKET - SOCK_STREAM) {
		int listener = socket(AF_UNIX, type, 0);

		if (bind(listener, (struct sockaddr *)&address, length) || listen(listener, 8))
			die("listen");
		one(listener, &address, length, type, argc > 2 && type == SOCK_STREAM);
		close(listener);
		if (*argv[1] != '@')
			unlink(argv[1]);
	}
	return 0;
}
