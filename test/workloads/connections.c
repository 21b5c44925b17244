/*
 * Connections between processes of its own, as fast as they go, IPv4 and IPv6 in turn. Each process writes what it knows of its ends into a
 * file FOLDER/<pid>; every other one of them is of the user nobody, and its connections are made by a thread that is not the main one.
 *
 * connections flood FOLDER COUNT CLIENTS SERVERS   COUNT connections that end in the ways of `enum how`
 * connections hold FOLDER SECONDS CLIENTS SERVERS  clients that open and close sockets at random
 * connections reuse FOLDER ROUNDS                  two processes that use one 4-tuple in turn, of TCP and of UDP
 */
#include "connections-client.h"
#include "connections-server.h"
#include <sys/prctl.h>

#define NOBODY 65534
#define MOST_PROCESSES 64
#define HELD_SOCKETS 256
#define HELD_NS 2000000000ull /* at least: longer than somebody looks at all of them */

static const char *folder;

struct work {
	unsigned first, count;
	int step;
	unsigned long long until_ns;
	void (*make)(const struct work *work);
	int is_other;
};

static void flood(const struct work *work)
{
	for (unsigned i = 0; i < work->count; i++) {
		unsigned number = work->first + i * work->step;

		visit(number, number / 2 % HOWS, 0);
	}
}

static void end_held(int fd, struct connection *one)
{
	keep(one);
	close(fd);
}

/* Opens and closes at random; every fourth socket is of datagrams. */
static void hold(const struct work *work)
{
	struct connection facts[HELD_SOCKETS];
	int fds[HELD_SOCKETS] = {0};
	unsigned number = work->first, random = getpid();

	while (boot_ns() < work->until_ns) {
		int slot = rand_r(&random) % HELD_SOCKETS;
		struct connection *one = &facts[slot];

		if (fds[slot] && boot_ns() - one->began_ns < HELD_NS) {
			usleep(100);
			continue;
		}
		if (fds[slot]) {
			end_held(fds[slot], one);
			fds[slot] = 0;
		} else {
			union address peer = server_of(number);
			int type = rand_r(&random) % 4 ? SOCK_STREAM : SOCK_DGRAM;

			*one = (struct connection){.number = number, .how = HELD};
			fds[slot] = connected(one, type, &peer, 0);
			if (type == SOCK_STREAM)
				ask(fds[slot], one, sizeof(struct request) + number % 2000, 1 + number % 700);
			else
				one->sent = send(fds[slot], data, 1 + number % 2000, 0);
			number += work->step;
		}
		usleep(rand_r(&random) % 4000);
	}
	for (int slot = 0; slot < HELD_SOCKETS; slot++) {
		if (fds[slot])
			end_held(fds[slot], &facts[slot]);
	}
}

static void *work_of(void *work)
{
	((struct work *)work)->make(work);
	return 0;
}

/* As fork; the child does not outlive us. */
static pid_t fork_bound(void)
{
	pid_t child = fork();

	if (!child)
		prctl(PR_SET_PDEATHSIG, SIGKILL);
	return child;
}

/* A change of the user takes the bond away. */
static void become_nobody(void)
{
	if (setuid(NOBODY) || prctl(PR_SET_PDEATHSIG, SIGKILL))
		die("setuid");
}

static pid_t start_client(struct work *work)
{
	pid_t child = fork_bound();
	pthread_t thread;

	if (child)
		return child;
	keep_facts(folder);
	if (work->is_other)
		become_nobody();
	if (work->is_other) {
		pthread_create(&thread, 0, work_of, work);
		pthread_join(thread, 0);
	} else {
		work->make(work);
	}
	fclose(facts_file);
	_exit(0);
}

static pid_t start_server(const int *listeners, int is_other)
{
	pid_t child = fork_bound();

	if (child)
		return child;
	keep_facts(folder);
	if (is_other)
		become_nobody();
	server(listeners, 2);
	fclose(facts_file);
	_exit(0);
}

static void await(const pid_t *children, int count)
{
	int status;

	for (int i = 0; i < count; i++) {
		if (waitpid(children[i], &status, 0) < 0 || status)
			die("a process failed");
	}
}

/* Whoever takes the first two has taken all that waited before them. */
static void stop(const pid_t *serving, int count, unsigned number)
{
	for (int i = 0; i < 2; i++)
		visit(number++, SERVER_FIRST, 0);
	for (int i = 0; i < count; i++)
		visit(number++, STOP, 0);
	await(serving, count);
}

/* Clients that `make`, between two processes and more that serve them. */
static void between(unsigned count, unsigned long long until_ns, int clients, int servers, void (*make)(const struct work *))
{
	pid_t serving[MOST_PROCESSES], asking[MOST_PROCESSES];
	int listeners[2] = {listening(AF_INET, 0, 1), listening(AF_INET6, 0, 1)};
	unsigned long long began;

	for (int i = 0; i < 2; i++)
		ports[i] = port_of(listeners[i]);
	fact("ports %d %d", ports[0], ports[1]);
	for (int i = 0; i < servers; i++)
		serving[i] = start_server(listeners, i % 2);
	for (int i = 0; i < 2; i++)
		close(listeners[i]);
	keep_facts(folder);
	began = boot_ns();
	for (int i = 0; i < clients; i++) {
		struct work work = {i, (count + clients - 1 - i) / clients, clients, until_ns, make, i % 2};

		asking[i] = start_client(&work);
	}
	await(asking, clients);
	fact("took %llu", boot_ns() - began);
	stop(serving, servers, count);
	fclose(facts_file);
}

struct turn {
	int mine, others;
};

/* One of two that take turns: with one port of TCP and one of UDP, each time as another process than before. */
static void take_turns(const struct turn *turn, unsigned rounds, unsigned first, int tcp_port, int udp_port, const union address *udp_server)
{
	union address tcp = address_of(AF_INET, INADDR_LOOPBACK, tcp_port), udp = address_of(AF_INET, INADDR_LOOPBACK, udp_port);
	char token;

	for (unsigned number = first; number < rounds; number += 2) {
		struct connection one = {.number = number};
		int fd;

		if (read(turn->mine, &token, 1) != 1)
			die("read");
		visit(number, RESET, &tcp);
		fd = connected(&one, SOCK_DGRAM, udp_server, &udp);
		one.sent = send(fd, data, 1 + number, 0);
		keep(&one);
		close(fd);
		if (write(turn->others, &token, 1) != 1)
			die("write");
	}
}

static int free_port(int type)
{
	union address address = address_of(AF_INET, INADDR_LOOPBACK, 0);
	int fd = socket(AF_INET, type, 0), port;

	if (bind(fd, &address.any, length_of(AF_INET)))
		die("bind");
	port = port_of(fd);
	close(fd);
	return port;
}

static void reuse(unsigned rounds)
{
	int listeners[2] = {listening(AF_INET, 0, 1), listening(AF_INET6, 0, 1)}, pipes[2][2], sink;
	union address udp_server = address_of(AF_INET, INADDR_LOOPBACK, 0);
	pid_t serving, asking[2];
	int tcp_port, udp_port;

	sink = socket(AF_INET, SOCK_DGRAM, 0);
	if (bind(sink, &udp_server.any, length_of(AF_INET)) || pipe(pipes[0]) || pipe(pipes[1]))
		die("bind");
	udp_server = address_of(AF_INET, INADDR_LOOPBACK, port_of(sink));
	for (int i = 0; i < 2; i++)
		ports[i] = port_of(listeners[i]);
	tcp_port = free_port(SOCK_STREAM);
	udp_port = free_port(SOCK_DGRAM);
	fact("ports %d %d", ports[0], ports[1]);
	fact("shared %d %d", tcp_port, udp_port);
	serving = start_server(listeners, 0);
	for (int i = 0; i < 2; i++)
		close(listeners[i]);
	for (int i = 0; i < 2; i++) {
		asking[i] = fork_bound();
		if (asking[i])
			continue;
		keep_facts(folder);
		take_turns(&(struct turn){pipes[i][0], pipes[!i][1]}, rounds, i, tcp_port, udp_port, &udp_server);
		fclose(facts_file);
		_exit(0);
	}
	if (write(pipes[0][1], "t", 1) != 1)
		die("write");
	await(asking, 2);
	keep_facts(folder);
	stop(&serving, 1, rounds);
	fclose(facts_file);
}

int main(int argc, char **argv)
{
	const char *what = argc > 3 ? argv[1] : "";
	unsigned amount = argc > 3 ? atoi(argv[3]) : 0;
	int clients = argc > 4 ? atoi(argv[4]) : 2, servers = argc > 5 ? atoi(argv[5]) : 2;

	folder = argc > 3 ? argv[2] : 0;
	if (clients < 1 || servers < 1 || clients > MOST_PROCESSES || servers > MOST_PROCESSES)
		return 1;
	if (!strcmp(what, "flood"))
		between(amount, 0, clients, servers, flood);
	else if (!strcmp(what, "hold"))
		between(0, boot_ns() + amount * 1000000000ull, clients, servers, hold);
	else if (!strcmp(what, "reuse"))
		reuse(amount);
	else
		return 1;
	return 0;
}
