/* What every workload shares: facts for the test on stdout, a line each, words divided by blanks. */
#ifndef FACTS_H
#define FACTS_H
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static inline void fact(const char *format, ...)
{
	char line[4096];
	va_list args;
	int length;

	va_start(args, format);
	length = vsnprintf(line, sizeof(line) - 1, format, args);
	va_end(args);
	line[length++] = '\n';
	if (write(1, line, length) != length)
		_exit(98);
}

static inline void die(const char *what)
{
	fprintf(stderr, "%s: %s\n", what, strerror(errno));
	_exit(99);
}

/* Waits for a child and tells its number and wait status. */
static inline int reap(pid_t child)
{
	int status;

	if (waitpid(child, &status, 0) != child)
		die("waitpid");
	fact("child %d %d", child, status);
	return status;
}

static inline pid_t clone3(struct clone_args *args)
{
	return syscall(SYS_clone3, args, sizeof(*args));
}
#endif
