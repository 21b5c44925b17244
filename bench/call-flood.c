// SPDX-License-Identifier: Apache-2.0
// Makes system calls for a time: call-flood KIND SECONDS RATE [PATH]. RATE is calls a second, 0 = as fast as it can.
// KIND: io (a read of one byte of /dev/zero, a write of one byte to /dev/null, in turn); open (openat of PATH; its close is not counted).
// Prints the calls that it made, the seconds that it took and its CPU seconds.
#define _GNU_SOURCE
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define SLICE 500 /* calls between two looks at the clock */

static double seconds(clockid_t clock)
{
	struct timespec time;

	clock_gettime(clock, &time);
	return time.tv_sec + time.tv_nsec / 1e9;
}

int main(int argc, char **argv)
{
	const char *path = argc > 4 ? argv[4] : "/dev/null";
	int in = open("/dev/zero", O_RDONLY), out = open("/dev/null", O_WRONLY);
	double start, now, length, rate;
	long made = 0, bad = 0;
	cpu_set_t cpus;
	char byte = 0;
	int io;

	if (argc < 4 || in < 0 || out < 0)
		return 2;
	io = !strcmp(argv[1], "io");
	length = atof(argv[2]);
	rate = atof(argv[3]);
	CPU_ZERO(&cpus);
	CPU_SET(1, &cpus);
	sched_setaffinity(0, sizeof(cpus), &cpus);
	start = seconds(CLOCK_MONOTONIC);
	do {
		for (int i = 0; i < SLICE; i += io ? 2 : 1) {
			if (io) {
				bad += read(in, &byte, 1) != 1;
				bad += write(out, &byte, 1) != 1;
			} else {
				int fd = open(path, O_RDONLY);

				bad += fd < 0;
				close(fd);
			}
		}
		made += SLICE;
		now = seconds(CLOCK_MONOTONIC) - start;
		if (rate > 0 && made / rate > now) {
			double ahead = made / rate - now;
			struct timespec wait = {.tv_nsec = ahead * 1e9};

			nanosleep(&wait, NULL);
		}
	} while (now < length);
	if (bad)
		return 1;
	printf("%ld %.6f %.6f\n", made, seconds(CLOCK_MONOTONIC) - start, seconds(CLOCK_PROCESS_CPUTIME_ID));
	return 0;
}
