/*
 * What a container does in its short life: writes the file /life-file, connects to itself over loopback and sends, and runs itself once more. It
 * does so once, and again for each line of input; each time it says `acted`. The end of the input ends it.
 *
 * container-life child   ends at once with 0
 */
#include "sessions.h"

/* Runtimes bring it up; where they do not, this needs a capability that a container may not have. */
static void raise_loopback(void)
{
	struct ifreq lo = {.ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	ioctl(fd, SIOCSIFFLAGS, &lo);
	close(fd);
}

static void write_file(void)
{
	int fd = open("/life-file", O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	if (fd < 0 || write(fd, "life", 4) != 4)
		die("/life-file");
	close(fd);
}

static void talk(void)
{
	int listener = listen_at(AF_INET, LOCAL_4, 0, 8), client, server;
	struct end listening = local_of(listener);

	client = connect_to(&listening);
	server = accept4(listener, 0, 0, SOCK_CLOEXEC);
	if (server < 0)
		die("accept4");
	send_all(client, 100);
	read_exactly(server, 100);
	send_all(server, 300);
	read_exactly(client, 300);
	close(client);
	read_end(server);
	close(server);
	close(listener);
}

static void run_child(char *self)
{
	char *const args[] = {self, "child", 0};
	pid_t child = fork();
	int status;

	if (child < 0)
		die("fork");
	if (!child) {
		execv(self, args);
		die(self);
	}
	if (waitpid(child, &status, 0) != child || status)
		die("the child");
}

int main(int argc, char **argv)
{
	char line[100];

	if (argc > 1)
		return 0;
	raise_loopback();
	do {
		write_file();
		talk();
		run_child(argv[0]);
		fact("acted");
	} while (fgets(line, sizeof(line), stdin));
	return 0;
}
