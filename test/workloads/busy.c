/*
 * Programs that do much, or little. usage:
 *
 *   busy NAME io RATE SECONDS            reads and writes of one byte in turn, RATE calls a second in all, 0 = as fast as it can: `reads N`, `writes
 * N`, `took NS` busy NAME open PATH COUNT RATE       opens PATH-0, PATH-1, ..., which are not there, RATE a second: `opens N` busy NAME exec PROGRAM
 * COUNT         a child that runs PROGRAM with its number, COUNT times: `child PID STATUS`
 *
 * NAME is what the thread calls itself; `-` leaves it as it is.
 */
#include "facts.h"
#include <stdint.h>
#include <sys/prctl.h>
#include <time.h>

#define SLICE 250 /* calls of each kind between two looks at the clock */

static int64_t now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec * 1000000000LL + time.tv_nsec;
}

static void wait_until(int64_t when)
{
	struct timespec time = {.tv_sec = when / 1000000000, .tv_nsec = when % 1000000000};

	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &time, 0) == EINTR)
		;
}

static void io(long rate, double seconds)
{
	int in = open("/dev/zero", O_RDONLY), out = open("/dev/null", O_WRONLY);
	int64_t begin = now(), end = begin + seconds * 1e9;
	long made = 0;
	char byte;

	if (in < 0 || out < 0)
		die("open");
	while (now() < end) {
		for (int i = 0; i < SLICE; i++)
			if (read(in, &byte, 1) != 1 || write(out, &byte, 1) != 1)
				die("io");
		made += SLICE;
		if (rate > 0)
			wait_until(begin + made * 2000000000.0 / rate);
	}
	end = now();
	fact("reads %ld", made);
	fact("writes %ld", made); /* and what is written here */
	fact("took %ld", (long)(end - begin));
}

static void opens(const char *path, long count, long rate)
{
	int64_t begin = now();
	char name[512];

	for (long i = 0; i < count; i++) {
		snprintf(name, sizeof(name), "%s-%ld", path, i);
		if (open(name, O_RDONLY) >= 0)
			die("open");
		wait_until(begin + i * 1000000000LL / rate);
	}
	fact("opens %ld", count);
}

static void execs(const char *program, long count)
{
	char number[24];

	for (long i = 0; i < count; i++) {
		pid_t child = fork();

		if (child == 0) {
			snprintf(number, sizeof(number), "%ld", i);
			execl(program, "busy-child", number, NULL);
			_exit(97);
		}
		reap(child);
	}
}

int main(int argc, char **argv)
{
	const char *what = argc > 3 ? argv[2] : "";

	if (argc > 1 && strcmp(argv[1], "-") != 0)
		prctl(PR_SET_NAME, argv[1]);
	if (strcmp(what, "io") == 0 && argc == 5)
		io(atol(argv[3]), atof(argv[4]));
	else if (strcmp(what, "open") == 0 && argc == 6)
		opens(argv[3], atol(argv[4]), atol(argv[5]));
	else if (strcmp(what, "exec") == 0 && argc == 5)
		execs(argv[3], atol(argv[4]));
	else
		return 2;
	return 0;
}
