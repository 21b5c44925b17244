/*
 * Containers that talk, each a process in a cgroup that counts its own sessions and payload bytes. Two of them share a network namespace: each is a
 * server to the other and to itself.
 *
 * Input: folders of cgroups, a line each, an even number, and an empty line. Then for each line with a number so many sessions of TCP and as many of
 * UDP are made from each, all containers at once; the answer is a line for each container with its sums so far, in the order of the folders, and
 * `done`: network cookie, sessions as client and as server and bytes sent and received of TCP, the same four of UDP. The end of the input ends them.
 *
 * Connections are closed in an orderly way, by either end. A datagram is answered before the next few are sent.
 */
#include "container-traffic.h"

#define FIRST_PORT 2000 /* below those that the kernel gives out */
#define SETTLE_TRIES 5000
#define SETTLE_US 1000

static void wait_for(atomic_int *value, int wanted)
{
	while (*value < wanted && !shared->is_over)
		usleep(1000);
}

static int bound(int family, int type, in_port_t *port)
{
	struct end end = make_end(family, family == AF_INET ? LOCAL_4 : LOCAL_6, 0);
	int fd = socket(family, type | SOCK_CLOEXEC, 0);

	if (fd < 0 || bind(fd, (void *)&end.address, length_of(&end)))
		die("bind");
	end = local_of(fd);
	*port = htons(port_of(&end));
	if (type == SOCK_STREAM && listen(fd, 64))
		die("listen");
	return fd;
}

static int run_container(void)
{
	uint64_t random = ((uint64_t)getpid() << 32) + self->cookie;
	pthread_t threads[2];

	for (int i = 0; i < FAMILIES; i++) {
		tcp_fds[i] = bound(families[i], SOCK_STREAM, &self->tcp[i]);
		udp_fds[i] = bound(families[i], SOCK_DGRAM, &self->udp[i]);
	}
	if (pthread_create(&threads[0], 0, serve_tcp, 0) || pthread_create(&threads[1], 0, serve_udp, 0))
		die("pthread_create");
	self->ready = 1;
	for (int round = 1; wait_for(&shared->round, round), !shared->is_over; round++) {
		for (int i = 0; i < shared->sessions; i++) {
			const struct container *to = i % 3 ? partner : self;

			talk_tcp(&random, to, i % FAMILIES);
			talk_udp(&random, to, i % FAMILIES);
		}
		self->done = round;
	}
	for (int i = 0; i < 2; i++)
		pthread_join(threads[i], 0);
	return 0;
}

static uint64_t enter_new_network(void)
{
	struct ifreq lo = {.ifr_name = "lo", .ifr_flags = IFF_UP};
	socklen_t length = sizeof(uint64_t);
	uint64_t cookie = 0;
	int fd;

	if (unshare(CLONE_NEWNET))
		die("unshare");
	fd = socket(AF_INET, SOCK_DGRAM, 0);
	if (ioctl(fd, SIOCSIFFLAGS, &lo))
		die("SIOCSIFFLAGS");
	if (getsockopt(fd, SOL_SOCKET, NETNS_COOKIE, &cookie, &length))
		die("SO_NETNS_COOKIE");
	close(fd);
	return cookie;
}

static void start_container(struct container *one, struct container *other, uint64_t cookie)
{
	int fd = open(one->folder, O_DIRECTORY | O_PATH | O_CLOEXEC);
	struct clone_args args = {.flags = CLONE_INTO_CGROUP, .exit_signal = SIGCHLD, .cgroup = fd};
	pid_t child;

	one->cookie = cookie;
	one->next_port = FIRST_PORT + (one > other);
	if (fd < 0 || (child = clone3(&args)) < 0)
		die(one->folder);
	if (!child) {
		signal(SIGCHLD, SIG_DFL);
		self = one;
		partner = other;
		_exit(run_container());
	}
	close(fd);
}

static void say_count(char *line, size_t size, const struct count *client, const struct count *server)
{
	size_t at = strlen(line);

	snprintf(line + at, size - at, " %llu %llu %llu %llu", (unsigned long long)client->client, (unsigned long long)server->server,
		(unsigned long long)(client->sent + server->sent), (unsigned long long)(client->received + server->received));
}

static void tell_all(int many)
{
	for (int i = 0; i < many; i++) {
		const struct container *one = &shared->containers[i];
		char line[512];

		snprintf(line, sizeof(line), "%llu", (unsigned long long)one->cookie);
		say_count(line, sizeof(line), &one->tcp_client, &one->tcp_server);
		say_count(line, sizeof(line), &one->udp_client, &one->udp_server);
		fact("%s", line);
	}
	fact("done");
}

/* Servers count a moment later than their clients: what was sent has been received when both say so. */
static int is_settled(int many)
{
	uint64_t sent = 0, received = 0, asked = 0, answered = 0;

	for (int i = 0; i < many; i++) {
		const struct container *one = &shared->containers[i];

		sent += one->tcp_client.sent + one->tcp_server.sent + one->udp_client.sent + one->udp_server.sent;
		received += one->tcp_client.received + one->tcp_server.received + one->udp_client.received + one->udp_server.received;
		asked += one->tcp_client.client + one->udp_client.client;
		answered += one->tcp_server.server + one->udp_server.server;
	}
	return sent == received && asked == answered;
}

static void run_round(int round, int many)
{
	shared->round = round;
	for (int i = 0; i < many; i++)
		wait_for(&shared->containers[i].done, round);
	for (int i = 0; i < SETTLE_TRIES && !is_settled(many); i++)
		usleep(SETTLE_US);
	tell_all(many);
}

/* One that died would be waited for without end. */
static void end_with_child(int signal)
{
	int status;

	(void)signal;
	while (waitpid(-1, &status, WNOHANG) > 0)
		if (status)
			_exit(1);
}

int main(void)
{
	char line[600];
	int many = 0, round = 0, status;

	shared = mmap(0, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shared == MAP_FAILED)
		die("mmap");
	while (many < CONTAINERS_MAX && fgets(line, sizeof(line), stdin) && line[0] != '\n')
		snprintf(shared->containers[many++].folder, sizeof(shared->containers[0].folder), "%s", strtok(line, "\n"));
	signal(SIGCHLD, end_with_child);
	for (int i = 0; i + 1 < many; i += 2) {
		uint64_t cookie = enter_new_network();

		start_container(&shared->containers[i], &shared->containers[i + 1], cookie);
		start_container(&shared->containers[i + 1], &shared->containers[i], cookie);
	}
	for (int i = 0; i < many; i++)
		wait_for(&shared->containers[i].ready, 1);
	while (fgets(line, sizeof(line), stdin)) {
		shared->sessions = atoi(line);
		run_round(++round, many);
	}
	signal(SIGCHLD, SIG_DFL);
	shared->is_over = 1;
	while (wait(&status) > 0)
		if (status)
			return 1;
	return 0;
}
