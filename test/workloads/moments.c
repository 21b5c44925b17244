/*
 * moments LOG [COMMAND...]: runs the command, if there is one, and ends as it does. Appends a line to the log: its pid, and its first and its last
 * moment as it knows them, Unix time in ns. Stands for a compiler in builds whose times are compared.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static long long now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_REALTIME, &time);
	return time.tv_sec * 1000000000ll + time.tv_nsec;
}

int main(int argc, char **argv, char **environment)
{
	const long long first = now();
	char line[80];
	int log, length, status = 0;
	pid_t child;

	if (argc < 2 || (log = open(argv[1], O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644)) < 0)
		return 125;
	if (argc > 2) {
		if (posix_spawnp(&child, argv[2], NULL, NULL, argv + 2, environment) != 0)
			return 127;
		while (waitpid(child, &status, 0) < 0)
			;
	}
	length = snprintf(line, sizeof(line), "%d %lld ", (int)getpid(), first);
	length += snprintf(line + length, sizeof(line) - length, "%lld\n", now());
	if (write(log, line, length) != length)
		return 125;
	if (WIFSIGNALED(status))
		raise(WTERMSIG(status));
	_exit(WEXITSTATUS(status));
}
