// SPDX-License-Identifier: Apache-2.0
// Connections over loopback, both ends in one thread, in a network namespace of its own: connect-cost COUNT [UDP].
// A round is connect, accept and two closes; with UDP a socket, a datagram sent and received, and a close. Prints the CPU time of one round in ns.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static long long cpu_ns(void)
{
	struct timespec time;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
	return time.tv_sec * 1000000000ll + time.tv_nsec;
}

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static void write_to(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY);

	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		die(path);
	close(fd);
}

/* No port waits here for what may still come: they last for any number of rounds. */
static void enter_own_network(void)
{
	struct ifreq up = {.ifr_name = "lo", .ifr_flags = IFF_UP};
	int fd;

	if (unshare(CLONE_NEWNET))
		die("unshare");
	fd = socket(AF_INET, SOCK_DGRAM, 0);
	if (ioctl(fd, SIOCSIFFLAGS, &up))
		die("lo");
	close(fd);
	write_to("/proc/sys/net/ipv4/tcp_max_tw_buckets", "0");
}

static void stream_round(int listener, struct sockaddr_in *server)
{
	int client = socket(AF_INET, SOCK_STREAM, 0), accepted;

	if (connect(client, (struct sockaddr *)server, sizeof(*server)))
		die("connect");
	accepted = accept(listener, 0, 0);
	if (accepted < 0)
		die("accept");
	close(client);
	close(accepted);
}

static void datagram_round(int receiver, struct sockaddr_in *server)
{
	int client = socket(AF_INET, SOCK_DGRAM, 0);
	char byte = 0;

	if (sendto(client, &byte, 1, 0, (struct sockaddr *)server, sizeof(*server)) != 1 || recv(receiver, &byte, 1, 0) != 1)
		die("datagram");
	close(client);
}

int main(int argc, char **argv)
{
	long count = argc > 1 ? atol(argv[1]) : 0, i;
	int is_udp = argc > 2 && !strcmp(argv[2], "udp"), server;
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_ANY)};
	socklen_t length = sizeof(address);
	long long start = 0;
	cpu_set_t cpus;

	CPU_ZERO(&cpus);
	CPU_SET(1, &cpus);
	sched_setaffinity(0, sizeof(cpus), &cpus); /* with one CPU only it stays where it is */
	enter_own_network();
	server = socket(AF_INET, is_udp ? SOCK_DGRAM : SOCK_STREAM, 0);
	if (bind(server, (struct sockaddr *)&address, length) || (!is_udp && listen(server, 64)) ||
		getsockname(server, (struct sockaddr *)&address, &length))
		die("bind");
	for (i = -count / 10; i < count; i++) {
		if (i == 0)
			start = cpu_ns();
		address.sin_addr.s_addr = htonl(INADDR_LOOPBACK + (i + count) / 10000 % 200);
		if (is_udp)
			datagram_round(server, &address);
		else
			stream_round(server, &address);
	}
	printf("%.2f\n", (double)(cpu_ns() - start) / count);
	return 0;
}
