/*
 * Containers that talk, each a process in a cgroup that counts its own sessions and payload bytes. Two of them share a network namespace: each is a
 * server to the other and to itself.
 *
 * container-traffic SESSIONS   input: folders of cgroups, a line each, an even number. Makes SESSIONS sessions of TCP and as many of UDP from each,
 *                              all containers at once. At their end a line for each, in the order of the input:
 *                              network cookie, sessions as client and as server and bytes sent and received of TCP, the same four of UDP
 *
 * Connections are closed in an orderly way, by either end. A datagram is answered before the next few are sent.
 */
#include "container-traffic.h"

static void wait_for(atomic_int *flag)
{
	while (!*flag)
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
	wait_for(&shared->go);
	for (int i = 0; i < sessions; i++) {
		const struct container *to = i % 3 ? partner : self;

		talk_tcp(&random, to, i % FAMILIES);
		talk_udp(&random, to, i % FAMILIES);
	}
	self->done = 1;
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
	if (fd < 0 || (child = clone3(&args)) < 0)
		die(one->folder);
	if (!child) {
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

int main(int argc, char **argv)
{
	int many = 0, status, failed = 0;

	sessions = argc > 1 ? atoi(argv[1]) : 1;
	shared = mmap(0, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shared == MAP_FAILED)
		die("mmap");
	while (many < CONTAINERS_MAX && fgets(shared->containers[many].folder, sizeof(shared->containers[0].folder), stdin))
		strtok(shared->containers[many++].folder, "\n");
	for (int i = 0; i + 1 < many; i += 2) {
		uint64_t cookie = enter_new_network();

		start_container(&shared->containers[i], &shared->containers[i + 1], cookie);
		start_container(&shared->containers[i + 1], &shared->containers[i], cookie);
	}
	for (int i = 0; i < many; i++)
		wait_for(&shared->containers[i].ready);
	shared->go = 1;
	while (wait(&status) > 0)
		failed |= status;
	if (failed)
		return 1;
	for (int i = 0; i < many; i++) {
		const struct container *one = &shared->containers[i];
		char line[512];

		snprintf(line, sizeof(line), "%llu", (unsigned long long)one->cookie);
		say_count(line, sizeof(line), &one->tcp_client, &one->tcp_server);
		say_count(line, sizeof(line), &one->udp_client, &one->udp_server);
		fact("%s", line);
	}
	return 0;
}
