// SPDX-License-Identifier: Apache-2.0
// What a send costs its caller: send-cost FOLDER CGROUPS SOCKETS tcp|udp
// SOCKETS connected sockets, each made by a process in one of CGROUPS cgroups below FOLDER, all used in turn by one thread over loopback, in a
// network namespace of its own; another process receives when it is told to. Says `ready`; then each line of input, SIZE COUNT, is answered by the
// CPU time of one send and of one receive, in ns. The end of the input ends it.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#ifndef CLONE_INTO_CGROUP
#define CLONE_INTO_CGROUP 0x200000000ull
#endif
#define SOCKETS_MAX 16384
#define LARGE (64 << 10)
#define BUFFER (4 << 20)

static char bytes[LARGE];
static int fds[SOCKETS_MAX], sockets, *made, is_udp;

/* What the receiver is told: to take one more connection, where the size is 0, or what so many sends have sent. */
struct order {
	long size, count;
};

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
}

static long receive(int listener, const struct order *order, long at)
{
	static char room[LARGE];

	for (long i = 0; i < order->count; i++, at++) {
		for (long left = order->size, got; left > 0; left -= got) {
			got = recv(is_udp ? listener : fds[at % sockets], room, left, 0);
			if (got <= 0)
				die("recv");
		}
	}
	return at;
}

static void be_receiver(int listener, int control)
{
	struct order order;
	long at = 0;

	while (read(control, &order, sizeof(order)) == sizeof(order)) {
		long long before = cpu_ns(), spent;

		if (order.size == 0) {
			fds[sockets] = accept(listener, 0, 0);
			if (fds[sockets++] < 0)
				die("accept");
		} else {
			at = receive(listener, &order, at);
		}
		spent = cpu_ns() - before;
		if (write(control, &spent, sizeof(spent)) != sizeof(spent))
			die("write");
	}
	exit(0);
}

/* What it took the receiver, ns. */
static long long tell(int control, long size, long count)
{
	struct order order = {size, count};
	long long spent;

	if (write(control, &order, sizeof(order)) != sizeof(order) || read(control, &spent, sizeof(spent)) != sizeof(spent))
		die("the receiver");
	return spent;
}

/* The descriptor is ours too: the child has the same table. */
static int socket_of(int cgroup, const struct sockaddr_in *to)
{
	struct clone_args args = {.flags = CLONE_INTO_CGROUP | CLONE_FILES, .exit_signal = SIGCHLD, .cgroup = cgroup};
	pid_t child = syscall(SYS_clone3, &args, sizeof(args));
	int status, size = BUFFER;

	if (child < 0)
		die("clone3");
	if (!child) {
		*made = socket(AF_INET, is_udp ? SOCK_DGRAM : SOCK_STREAM, 0);
		setsockopt(*made, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size));
		_exit(*made < 0 || connect(*made, (const struct sockaddr *)to, sizeof(*to)));
	}
	if (waitpid(child, &status, 0) != child || status)
		die("a socket");
	return *made;
}

static void make_sockets(const char *parent, long cgroups, long wanted, int control, const struct sockaddr_in *to)
{
	for (; sockets < wanted; sockets++) {
		char folder[4096];
		int cgroup;

		snprintf(folder, sizeof(folder), "%s/%ld", parent, sockets % cgroups);
		if (mkdir(folder, 0755) && errno != EEXIST)
			die(folder);
		cgroup = open(folder, O_DIRECTORY | O_PATH);
		fds[sockets] = socket_of(cgroup, to);
		close(cgroup);
		if (!is_udp)
			tell(control, 0, 1);
	}
}

static void measure(int control, long size, long count)
{
	static long at;
	long long sending = 0, receiving = 0;
	/* what the receiving end takes without being read */
	long batch = size == LARGE ? 16 : is_udp ? 64 : 2048, counted = 0;

	for (long done = -count / 10; done < count; done += batch) {
		long long before = cpu_ns(), spent;

		for (long i = 0; i < batch; i++, at++)
			if (send(fds[at % sockets], bytes, size, 0) != size)
				die("send");
		spent = cpu_ns() - before;
		before = tell(control, size, batch);
		if (done < 0)
			continue;
		sending += spent;
		receiving += before;
		counted += batch;
	}
	printf("%.2f %.2f\n", (double)sending / counted, (double)receiving / counted);
	fflush(stdout);
}

int main(int argc, char **argv)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t length = sizeof(address);
	int listener, control[2], size = BUFFER;
	char line[100];
	cpu_set_t cpus;
	long count, bytes_each;

	if (argc != 5)
		return 2;
	is_udp = !strcmp(argv[4], "udp");
	CPU_ZERO(&cpus);
	CPU_SET(1, &cpus);
	sched_setaffinity(0, sizeof(cpus), &cpus); /* with one CPU only it stays where it is */
	made = mmap(0, sizeof(*made), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	enter_own_network();
	listener = socket(AF_INET, is_udp ? SOCK_DGRAM : SOCK_STREAM, 0);
	setsockopt(listener, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
	if (bind(listener, (struct sockaddr *)&address, length) || (!is_udp && listen(listener, 64)) ||
		getsockname(listener, (struct sockaddr *)&address, &length) || socketpair(AF_UNIX, SOCK_STREAM, 0, control))
		die("listener");
	if (!fork()) {
		close(control[0]);
		be_receiver(listener, control[1]);
	}
	close(listener);
	close(control[1]);
	make_sockets(argv[1], atol(argv[2]), atol(argv[3]), control[0], &address);
	puts("ready");
	fflush(stdout);
	while (fgets(line, sizeof(line), stdin)) {
		if (sscanf(line, "%ld %ld", &bytes_each, &count) != 2)
			die("input");
		measure(control[0], bytes_each, count);
	}
	close(control[0]);
	wait(0);
	return 0;
}
