/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Starts programs one after the other in a cgroup, as a user, and perhaps in a network namespace of its own.
 *
 *   lives CGROUP UID NETNS COUNT HELD PROGRAM
 *
 * CGROUP is the folder of the cgroup that it goes into, `-` for none; with NETNS 1 it makes a network namespace. It prints `cookie N` of the
 * namespace that it is in, 0 when the kernel does not tell. It starts COUNT times PROGRAM and waits for each, as often sends and receives a byte
 * through a socket and reads 7 bytes of /dev/zero, makes HELD processes that do nothing, and prints `held`. At the end of its input it ends them
 * and itself.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef SO_NETNS_COOKIE
#define SO_NETNS_COOKIE 71
#endif
#define MAX_HELD 64

static void die(const char *what)
{
	fprintf(stderr, "lives: %s: %s\n", what, strerror(errno));
	exit(2);
}

static void enter(const char *folder)
{
	char path[4096];
	int fd;

	if (strcmp(folder, "-") == 0)
		return;
	snprintf(path, sizeof(path), "%s/cgroup.procs", folder);
	fd = open(path, O_WRONLY);
	if (fd < 0 || write(fd, "0", 1) != 1)
		die(path);
	close(fd);
}

static void tell_cookie(void)
{
	uint64_t cookie = 0;
	socklen_t size = sizeof(cookie);
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	if (fd < 0 || getsockopt(fd, SOL_SOCKET, SO_NETNS_COOKIE, &cookie, &size))
		cookie = 0;
	close(fd);
	printf("cookie %llu\n", (unsigned long long)cookie);
}

static void start(char *program)
{
	char *arguments[] = {program, NULL}, *environment[] = {NULL};
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		execve(program, arguments, environment);
		_exit(127);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid || status != 0)
		die(program);
}

static void call(int count)
{
	int zero = open("/dev/zero", O_RDONLY), pair[2];
	char bytes[7];

	if (zero < 0 || socketpair(AF_UNIX, SOCK_STREAM, 0, pair))
		die("socketpair");
	for (int i = 0; i < count; i++)
		if (send(pair[0], "x", 1, 0) != 1 || recv(pair[1], bytes, sizeof(bytes), 0) != 1 || pread(zero, bytes, sizeof(bytes), 0) != 7)
			die("send");
}

int main(int argc, char **argv)
{
	pid_t held[MAX_HELD];
	int uid, count, hold;
	char byte;

	if (argc != 7 || (hold = atoi(argv[5])) > MAX_HELD)
		return 2;
	uid = atoi(argv[2]);
	count = atoi(argv[4]);
	enter(argv[1]);
	if (atoi(argv[3]) && unshare(CLONE_NEWNET)) {
		printf("skip no network namespace can be made: %s\n", strerror(errno));
		return 0;
	}
	tell_cookie();
	if (uid && (setgroups(0, NULL) || setresgid(uid, uid, uid) || setresuid(uid, uid, uid)))
		die("change of user");
	for (int i = 0; i < count; i++)
		start(argv[6]);
	call(count);
	for (int i = 0; i < hold; i++) {
		held[i] = fork();
		if (held[i] < 0)
			die("fork");
		if (held[i] == 0)
			for (;;)
				pause();
	}
	printf("held\n");
	fflush(stdout);
	while (read(0, &byte, 1) > 0)
		;
	for (int i = 0; i < hold; i++) {
		kill(held[i], SIGKILL);
		waitpid(held[i], NULL, 0);
	}
	return 0;
}
