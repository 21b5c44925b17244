// SPDX-License-Identifier: Apache-2.0
// Makes one kind of system call over and over: call-cost KIND COUNT [PATH]. Prints the CPU time of one round in ns.
// KIND: getppid; open (openat and close of PATH); read (one byte of /dev/zero); write (one byte to /dev/null).
#define _GNU_SOURCE
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static long long cpu_ns(void)
{
	struct timespec time;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
	return time.tv_sec * 1000000000ll + time.tv_nsec;
}

int main(int argc, char **argv)
{
	const char *kind = argc > 2 ? argv[1] : "", *path = argc > 3 ? argv[3] : "/dev/null";
	long count = argc > 2 ? atol(argv[2]) : 0, bad = 0, i;
	long long start = 0;
	cpu_set_t cpus;
	char byte = 0;
	int fd = -1;

	CPU_ZERO(&cpus);
	CPU_SET(1, &cpus);
	sched_setaffinity(0, sizeof(cpus), &cpus); /* with one CPU only it stays where it is */
	if (!strcmp(kind, "read"))
		fd = open("/dev/zero", O_RDONLY);
	else if (!strcmp(kind, "write"))
		fd = open("/dev/null", O_WRONLY);
	for (i = -count / 10; i < count; i++) {
		if (i == 0)
			start = cpu_ns();
		if (!strcmp(kind, "getppid")) {
			syscall(SYS_getppid);
		} else if (!strcmp(kind, "open")) {
			int opened = open(path, O_RDONLY);

			bad += opened < 0;
			close(opened);
		} else if (fd >= 0) {
			bad += (kind[0] == 'r' ? read(fd, &byte, 1) : write(fd, &byte, 1)) != 1;
		} else {
			return 2;
		}
	}
	if (bad)
		return 1;
	printf("%.2f\n", (double)(cpu_ns() - start) / count);
	return 0;
}
