/* Threads that share descriptors, and many calls at one time. Arguments: what, how often. */
#include "facts.h"
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/socket.h>

#define THREADS 4

static int rounds, null_file, udp;
static atomic_int running;

static int opened(int family, int type)
{
	int fd = socket(family, type, 0);

	if (fd < 0)
		die("socket");
	return fd;
}

static void *close_often(void *all)
{
	long sockets = 0;

	(void)all;
	for (int i = 0; i < rounds; i++) {
		int is_socket = i % 3 == 0;
		int fd = dup(is_socket ? udp : null_file);

		if (fd < 0)
			die("dup");
		sockets += is_socket;
		syscall(SYS_close, fd);
	}
	return (void *)sockets;
}

/* Copies of one socket and of a file are closed by all threads. */
static void closes(void)
{
	pthread_t threads[THREADS];
	long sockets = 0;
	void *own;

	for (int i = 0; i < THREADS; i++)
		pthread_create(&threads[i], 0, close_often, 0);
	for (int i = 0; i < THREADS; i++) {
		pthread_join(threads[i], &own);
		sockets += (long)own;
	}
	fact("closes %ld", sockets);
}

static struct sockaddr_in address_of(int fd)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t length = sizeof(address);

	if (bind(fd, (struct sockaddr *)&address, length) || getsockname(fd, (struct sockaddr *)&address, &length))
		die("bind");
	return address;
}

static int swapped, one, other;

static void *swap(void *all)
{
	while (running) {
		dup2(other, swapped);
		dup2(null_file, swapped);
		dup2(one, swapped);
	}
	return all;
}

/* A thread connects a descriptor to where it says; another one puts other sockets, with other peers, and a file there meanwhile. */
static void swaps(void)
{
	int here = opened(AF_INET, SOCK_DGRAM), there = opened(AF_INET, SOCK_DGRAM);
	struct sockaddr_in asked = address_of(here), elsewhere = address_of(there);
	pthread_t thread;
	long done = 0;

	one = opened(AF_INET, SOCK_DGRAM);
	other = opened(AF_INET, SOCK_DGRAM);
	swapped = dup(one);
	running = 1;
	pthread_create(&thread, 0, swap, 0);
	for (int i = 0; i < rounds; i++) {
		/* not by the swapped descriptor: these are told too, and are right */
		if (connect(other, (struct sockaddr *)&elsewhere, sizeof(elsewhere)))
			die("connect");
		done += !syscall(SYS_connect, swapped, &asked, sizeof(asked));
	}
	running = 0;
	pthread_join(thread, 0);
	fact("swapped %d %ld %d %d", swapped, done, ntohs(asked.sin_port), ntohs(elsewhere.sin_port));
}

static void *exchange(void *all)
{
	while (running) {
		dup2(other, swapped);
		dup2(one, swapped);
	}
	return all;
}

/* A receiver that has room for all, and a socket that sends to it. */
static int receiver(int *sender)
{
	int fd = opened(AF_INET, SOCK_DGRAM), room = 64 << 20;
	struct sockaddr_in address;

	setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room));
	address = address_of(fd);
	*sender = opened(AF_INET, SOCK_DGRAM);
	if (connect(*sender, (struct sockaddr *)&address, sizeof(address)))
		die("connect");
	fact("receiver %d", ntohs(address.sin_port));
	return fd;
}

/* A thread sends by a descriptor behind which another one puts this and that socket in turn. What came where is told in the order of sending. */
static void exchanges(void)
{
	int first = receiver(&one), second = receiver(&other), number;
	char *where = malloc(rounds + 1);
	pthread_t thread;

	memset(where, '0', rounds);
	where[rounds] = 0;
	swapped = dup(one);
	running = 1;
	pthread_create(&thread, 0, exchange, 0);
	for (number = 0; number < rounds; number++)
		if (syscall(SYS_sendto, swapped, &number, sizeof(number), 0, 0, 0) != sizeof(number))
			die("sendto");
	running = 0;
	pthread_join(thread, 0);
	while (recv(first, &number, sizeof(number), MSG_DONTWAIT) > 0)
		where[number] = '1';
	while (recv(second, &number, sizeof(number), MSG_DONTWAIT) > 0)
		where[number] = '2';
	for (int at = 0; at < rounds; at += 2000)
		fact("where %.*s", 2000, where + at);
}

static void sends(void)
{
	struct sockaddr_in address = address_of(udp);

	for (int i = 0; i < rounds; i++)
		syscall(SYS_sendto, udp, "x", 1, MSG_DONTWAIT, &address, sizeof(address));
	fact("sends %d", rounds);
}

int main(int argc, char **argv)
{
	if (argc < 3)
		return 1;
	rounds = atoi(argv[2]);
	null_file = open("/dev/null", O_RDONLY);
	udp = opened(AF_INET, SOCK_DGRAM);
	if (!strcmp(argv[1], "closes"))
		closes();
	else if (!strcmp(argv[1], "swaps"))
		swaps();
	else if (!strcmp(argv[1], "exchanges"))
		exchanges();
	else if (!strcmp(argv[1], "sends"))
		sends();
	else
		return 1;
	return 0;
}
