// SPDX-License-Identifier: Apache-2.0
// What a packet costs on its way through veth pairs: packet-cost PAIRS
// Makes a network namespace, says its own pid and a descriptor of it, and waits for a line: by then somebody has joined the namespace in which it was
// started to that one by PAIRS veth pairs, of which number I has 10.77.I.1 here and 10.77.I.2 there. One thread has a socket at each end of each.
// Each line of input, `I udp|tcp COUNT`, is answered by the CPU time of one datagram sent from there to here, or of 64 KiB sent and received, in ns,
// with all that the kernel does for it meanwhile; a fifth as many go before and are not counted. The end of the input ends it.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define PAIRS_MAX 16
#define LARGE (64 << 10)
#define BUFFER (8 << 20)
#define DATAGRAM 18
#define BATCH 64

struct ends {
	int from, to;
};

static struct ends udp[PAIRS_MAX];
static char bytes[LARGE];

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static long long cpu_ns(void)
{
	struct timespec time;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
	return time.tv_sec * 1000000000ll + time.tv_nsec;
}

static int current_namespace(void)
{
	int fd = open("/proc/self/ns/net", O_RDONLY);

	if (fd < 0)
		die("/proc/self/ns/net");
	return fd;
}

static int socket_in(int netns, int type)
{
	int fd, size = BUFFER, one = 1;

	if (setns(netns, CLONE_NEWNET))
		die("setns");
	fd = socket(AF_INET, type, 0);
	if (fd < 0)
		die("socket");
	setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size));
	setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
	if (type == SOCK_STREAM)
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	return fd;
}

static struct ends join(const int netns[2], int pair, int type)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(0x0a4d0001 | pair << 8)};
	socklen_t length = sizeof(to);
	struct ends ends = {.to = socket_in(netns[0], type), .from = socket_in(netns[1], type)};
	int listener = ends.to;

	if (bind(listener, (struct sockaddr *)&to, length) || getsockname(listener, (struct sockaddr *)&to, &length) ||
		(type == SOCK_STREAM && listen(listener, 1)) || connect(ends.from, (struct sockaddr *)&to, length))
		die("a socket of a pair");
	if (type == SOCK_STREAM) {
		ends.to = accept(listener, 0, 0);
		if (ends.to < 0)
			die("accept");
		close(listener);
	}
	return ends;
}

static long drain(int fd, long wanted)
{
	static char room[LARGE];
	long all = 0, got;

	while (all < wanted && (got = recv(fd, room, sizeof(room), MSG_DONTWAIT)) > 0)
		all += got;
	return all;
}

static double datagrams(struct ends ends, long count)
{
	long long spent = 0;
	long sent = 0;

	for (; sent < count; sent += BATCH) {
		long long before = cpu_ns();

		for (int i = 0; i < BATCH; i++)
			if (send(ends.from, bytes, DATAGRAM, 0) != DATAGRAM)
				die("send");
		spent += cpu_ns() - before;
		for (long left = BATCH * DATAGRAM; left > 0;)
			left -= drain(ends.to, left);
	}
	return (double)spent / sent;
}

static double streams(struct ends ends, long count)
{
	long long before = cpu_ns();

	for (long i = 0; i < count; i++) {
		if (send(ends.from, bytes, LARGE, 0) != LARGE)
			die("send");
		for (long left = LARGE; left > 0;)
			left -= drain(ends.to, left);
	}
	return (double)(cpu_ns() - before) / count;
}

int main(int argc, char **argv)
{
	int pairs = argc == 2 ? atoi(argv[1]) : 0, netns[2], pair;
	char line[100], kind[4];
	cpu_set_t cpus;
	long count;

	if (pairs < 1 || pairs > PAIRS_MAX)
		return 2;
	CPU_ZERO(&cpus);
	CPU_SET(1, &cpus);
	sched_setaffinity(0, sizeof(cpus), &cpus); /* with one CPU only it stays where it is */
	netns[0] = current_namespace();
	if (unshare(CLONE_NEWNET))
		die("unshare");
	netns[1] = current_namespace();
	printf("%d %d\n", getpid(), netns[1]);
	fflush(stdout);
	if (!fgets(line, sizeof(line), stdin))
		return 0;
	for (pair = 0; pair < pairs; pair++)
		udp[pair] = join(netns, pair, SOCK_DGRAM);
	puts("ready");
	fflush(stdout);
	while (fgets(line, sizeof(line), stdin)) {
		if (sscanf(line, "%d %3s %ld", &pair, kind, &count) != 3 || pair < 0 || pair >= pairs)
			return 2;
		if (strcmp(kind, "udp")) {
			/* a connection remembers for long how fast it went before */
			struct ends tcp = join(netns, pair, SOCK_STREAM);

			streams(tcp, count / 5);
			printf("%.2f\n", streams(tcp, count));
			close(tcp.from);
			close(tcp.to);
		} else {
			datagrams(udp[pair], count / 5);
			printf("%.2f\n", datagrams(udp[pair], count));
		}
		fflush(stdout);
	}
	return 0;
}
