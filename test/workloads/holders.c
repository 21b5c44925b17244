/*
 * Connections that are held in ways that make it hard to say by whom. A line for each end: `held WAY ROLE LOCAL PEER PID`, ports and the process that
 * has it in the end. Then `ready`; they are closed when the input ends, and the program goes when all is closed.
 */
#include "facts.h"
#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

struct ends {
	int listener, client, accepted;
};

static int release[2]; /* nothing is written: it ends for all who wait for it */
static int made[2];    /* a byte for each way that stands */

static int port_of(int fd, int is_peer)
{
	struct sockaddr_in address = {0};
	socklen_t length = sizeof(address);

	if ((is_peer ? getpeername : getsockname)(fd, (struct sockaddr *)&address, &length))
		die("port");
	return ntohs(address.sin_port);
}

static int listening(void)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	if (bind(fd, (struct sockaddr *)&address, sizeof(address)) || listen(fd, 5))
		die("listen");
	return fd;
}

static int connected(int listener)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	address.sin_port = htons(port_of(listener, 0));
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)))
		die("connect");
	return fd;
}

static struct ends linked(void)
{
	struct ends ends = {.listener = listening()};

	ends.client = connected(ends.listener);
	ends.accepted = accept(ends.listener, 0, 0);
	if (ends.accepted < 0)
		die("accept");
	return ends;
}

static void held(const char *way, const char *role, int fd, pid_t pid)
{
	fact("held %s %s %d %d %d", way, role, port_of(fd, 0), port_of(fd, 1), pid);
}

static void both_held(const char *way, const struct ends *ends, pid_t pid)
{
	held(way, "client", ends->client, pid);
	held(way, "server", ends->accepted, pid);
}

static void stand(void)
{
	if (write(made[1], "", 1) != 1)
		die("write");
}

static void await_release(void)
{
	struct pollfd end = {.fd = release[0]};

	poll(&end, 1, -1);
}

static void close_ends(struct ends *ends)
{
	close(ends->client);
	close(ends->accepted);
	close(ends->listener);
}

static void plainly(void)
{
	struct ends ends = linked();

	both_held("plain", &ends, getpid());
	stand();
	await_release();
	close_ends(&ends);
}

/* The maker goes on without them. */
static void by_child(void)
{
	struct ends ends = linked();
	pid_t child = fork();

	if (!child) {
		stand();
		await_release();
		close_ends(&ends);
		_exit(0);
	}
	both_held("inherited", &ends, child);
	close_ends(&ends);
	waitpid(child, 0, 0);
}

/* The maker and its child have them; the maker is the last to close. */
static void by_both(void)
{
	struct ends ends = linked();
	pid_t child = fork();

	if (!child) {
		await_release();
		close_ends(&ends);
		_exit(0);
	}
	both_held("shared", &ends, getpid());
	stand();
	waitpid(child, 0, 0);
	close_ends(&ends);
}

/* Two descriptors at once. */
static void pass(int way, int *fds, int is_sending)
{
	char room[CMSG_SPACE(2 * sizeof(int))] = {0}, byte = 0;
	struct iovec part = {&byte, 1};
	struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = room, .msg_controllen = sizeof(room)};
	struct cmsghdr *head = CMSG_FIRSTHDR(&message);

	if (is_sending) {
		head->cmsg_level = SOL_SOCKET;
		head->cmsg_type = SCM_RIGHTS;
		head->cmsg_len = CMSG_LEN(2 * sizeof(int));
		memcpy(CMSG_DATA(head), fds, 2 * sizeof(int));
		if (sendmsg(way, &message, 0) != 1)
			die("sendmsg");
		return;
	}
	if (recvmsg(way, &message, 0) != 1)
		die("recvmsg");
	memcpy(fds, CMSG_DATA(CMSG_FIRSTHDR(&message)), 2 * sizeof(int));
}

static void passed(void)
{
	struct ends ends;
	int way[2], fds[2];
	pid_t child;

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, way))
		die("socketpair");
	child = fork();
	if (!child) {
		pass(way[1], fds, 0);
		stand();
		await_release();
		close(fds[0]);
		close(fds[1]);
		_exit(0);
	}
	ends = linked();
	both_held("passed", &ends, child);
	pass(way[0], (int[]){ends.client, ends.accepted}, 1);
	close_ends(&ends);
	waitpid(child, 0, 0);
}

static void *hold_alone(void *main_thread)
{
	struct ends ends;

	pthread_join(*(pthread_t *)main_thread, 0);
	ends = linked();
	both_held("headless", &ends, getpid());
	stand();
	await_release();
	close_ends(&ends);
	_exit(0);
}

/* Its main thread is gone. */
static void headless(void)
{
	static pthread_t main_thread;
	pthread_t thread;

	main_thread = pthread_self();
	pthread_create(&thread, 0, hold_alone, &main_thread);
	pthread_exit(0);
}

static void elsewhere(void)
{
	struct ifreq up = {.ifr_name = "lo", .ifr_flags = IFF_UP};
	struct ends ends;
	int fd;

	if (unshare(CLONE_NEWNET))
		die("unshare");
	fd = socket(AF_INET, SOCK_DGRAM, 0);
	if (ioctl(fd, SIOCSIFFLAGS, &up))
		die("lo");
	close(fd);
	ends = linked();
	both_held("elsewhere", &ends, getpid());
	stand();
	await_release();
	close_ends(&ends);
}

/* Data that nobody reads. */
static void unread(void)
{
	struct ends ends = linked();

	if (write(ends.client, "1234567", 7) != 7)
		die("write");
	both_held("unread", &ends, getpid());
	stand();
	await_release();
	close_ends(&ends);
}

int main(void)
{
	void (*const ways[])(void) = {plainly, by_child, by_both, passed, headless, elsewhere, unread};
	const int count = sizeof(ways) / sizeof(*ways);
	pid_t children[sizeof(ways) / sizeof(*ways)];
	char byte;

	if (pipe(release) || pipe(made))
		die("pipe");
	for (int i = 0; i < count; i++) {
		children[i] = fork();
		if (!children[i]) {
			close(release[1]);
			ways[i]();
			_exit(0);
		}
	}
	for (int i = 0; i < count; i++) {
		if (read(made[0], &byte, 1) != 1)
			die("read");
	}
	fact("ready");
	while (read(0, &byte, 1) > 0)
		continue;
	close(release[1]);
	for (int i = 0; i < count; i++)
		waitpid(children[i], 0, 0);
	return 0;
}
