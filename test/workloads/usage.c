/*
 * Uses a known amount of each thing, in a cgroup and a network namespace of its own, and then holds what it has open until its input ends:
 *
 *   usage CGROUP FILE SESSIONS HELD FAILED EXECS BLOCKS
 *
 * SESSIONS connections to itself, 1,000 bytes one way and 500 the other, closed by the client; HELD more that stay open, without bytes; FAILED that
 * are refused; one session of UDP with a datagram of 50 bytes; EXECS programs that user 65534 runs and that end at once; BLOCKS of 1,000 bytes
 * written to FILE and read from it. Says `done COOKIE`, of the network namespace.
 *
 *   usage child      ends at once
 */
#include "sessions.h"
#include <stdint.h>

#define NETNS_COOKIE 71 /* SO_NETNS_COOKIE, since 5.14 */
#define NOBODY 65534
#define BLOCK 1000
#define REQUEST 1000
#define ANSWER 500
#define DATAGRAM 50
#define NOBODY_LISTENS 1

static void enter_cgroup(const char *folder)
{
	char path[4096];
	int fd;

	snprintf(path, sizeof(path), "%s/cgroup.procs", folder);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, "0", 1) != 1)
		die(path);
	close(fd);
}

static unsigned long long enter_network(void)
{
	struct ifreq lo = {.ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING};
	socklen_t length = sizeof(uint64_t);
	uint64_t cookie = 0;
	int fd;

	if (unshare(CLONE_NEWNET))
		die("unshare");
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (ioctl(fd, SIOCSIFFLAGS, &lo))
		die("SIOCSIFFLAGS");
	if (getsockopt(fd, SOL_SOCKET, NETNS_COOKIE, &cookie, &length))
		die("SO_NETNS_COOKIE");
	close(fd);
	return cookie;
}

static void talk(int listener, int is_held)
{
	struct end listening = local_of(listener);
	int client = connect_to(&listening);
	int server = accept4(listener, 0, 0, SOCK_CLOEXEC);
	char byte;

	if (server < 0)
		die("accept4");
	if (is_held)
		return;
	send_all(client, REQUEST);
	read_exactly(server, REQUEST);
	send_all(server, ANSWER);
	read_exactly(client, ANSWER);
	close(client);
	if (recv(server, &byte, 1, 0))
		die("more than the end");
	close(server);
}

static void be_refused(void)
{
	struct end nobody = make_end(AF_INET, LOCAL_4, NOBODY_LISTENS);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (!connect(fd, (void *)&nobody.address, length_of(&nobody)) || errno != ECONNREFUSED)
		die("connect");
	close(fd);
}

static void say_hello(void)
{
	struct end end = make_end(AF_INET, LOCAL_4, 0);
	int server = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), client = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct end from = {};
	socklen_t length = sizeof(from.address);
	char datagram[DATAGRAM] = {0};

	if (bind(server, (void *)&end.address, length_of(&end)))
		die("bind");
	end = local_of(server);
	if (connect(client, (void *)&end.address, length_of(&end)) || send(client, datagram, DATAGRAM, 0) != DATAGRAM)
		die("send");
	if (recvfrom(server, datagram, DATAGRAM, 0, (void *)&from.address, &length) != DATAGRAM)
		die("recvfrom");
	close(client);
	close(server);
}

static void run_as_nobody(char *self)
{
	char *const args[] = {self, "child", 0};
	pid_t child = fork();
	int status;

	if (child < 0)
		die("fork");
	if (!child) {
		if (setresuid(NOBODY, NOBODY, NOBODY))
			die("setresuid");
		execv(self, args);
		die(self);
	}
	if (waitpid(child, &status, 0) != child || status)
		die("the child");
}

static void use_file(const char *path, int blocks)
{
	char block[BLOCK] = {0};
	int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	if (fd < 0)
		die(path);
	for (int i = 0; i < blocks; i++)
		if (write(fd, block, BLOCK) != BLOCK)
			die("write");
	if (lseek(fd, 0, SEEK_SET))
		die("lseek");
	for (int i = 0; i < blocks; i++)
		if (read(fd, block, BLOCK) != BLOCK)
			die("read");
	close(fd);
}

int main(int argc, char **argv)
{
	unsigned long long cookie;
	int listener;
	char byte;

	if (argc == 2)
		return 0;
	if (argc != 8)
		return 2;
	enter_cgroup(argv[1]);
	cookie = enter_network();
	listener = listen_at(AF_INET, LOCAL_4, 0, 64);
	for (int i = 0; i < atoi(argv[3]); i++)
		talk(listener, 0);
	for (int i = 0; i < atoi(argv[4]); i++)
		talk(listener, 1);
	for (int i = 0; i < atoi(argv[5]); i++)
		be_refused();
	say_hello();
	for (int i = 0; i < atoi(argv[6]); i++)
		run_as_nobody(argv[0]);
	use_file(argv[2], atoi(argv[7]));
	fact("done %llu", cookie);
	while (read(0, &byte, 1) > 0)
		;
	return 0;
}
