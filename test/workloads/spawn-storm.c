/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Starts many short-lived processes as fast as it can, or at a given rate, and says what it did.
 *
 *   spawn-storm [-n COUNT] [-w WORKERS] [-p PARALLEL] [-l LIVE_US] [-r RATE] [-u UID] [-e PROGRAM] [-x PREFIX] [-o FILE]
 *
 * Worker k of WORKERS is a process of its own and starts every child with index k, k + WORKERS, ... by vfork and exec, at most
 * PARALLEL at a time. A child is PROGRAM (this program by default) with the arguments "storm-child", "<PREFIX><index>" and LIVE_US;
 * it lives LIVE_US microseconds and ends with the code index % 64. With -u every second worker becomes that user first. RATE is
 * the number of children a second of all workers together; 0 is as fast as possible. FILE gets the pid of each child, by index, as
 * native 32-bit numbers.
 *
 * Prints one line of JSON; ends with 1 when a child could not be started or ended with another code than it should.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define CODES 64
#define MAX_WORKERS 64
#define NS_PER_S 1000000000LL

struct share {
	uint32_t started;
	uint32_t ended;
	uint32_t wrong;
};

struct options {
	uint32_t count;
	uint32_t workers;
	uint32_t parallel;
	uint32_t rate;
	long uid; /* -1: stay who we are */
	const char *program;
	const char *prefix;
	const char *live_us;
};

static struct options options = {1000, 2, 4, 0, -1, NULL, "storm-", "500"};
static uint32_t *pids;

static void die(const char *what)
{
	fprintf(stderr, "spawn-storm: %s: %s\n", what, strerror(errno));
	exit(2);
}

static int64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * NS_PER_S + now.tv_nsec;
}

static void sleep_until(int64_t ns)
{
	struct timespec when = {ns / NS_PER_S, ns % NS_PER_S};

	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &when, NULL) == EINTR)
		;
}

static int child(const char *name, const char *live_us)
{
	const char *digits = name + strlen(name);

	while (digits > name && digits[-1] >= '0' && digits[-1] <= '9')
		digits--;
	int64_t live_ns = strtoll(live_us, NULL, 10) * 1000;
	if (live_ns > 0)
		sleep_until(now_ns() + live_ns);
	return strtoul(digits, NULL, 10) % CODES;
}

/* Children of one worker are told apart by pid: those that run are few. */
struct running {
	pid_t pid;
	uint32_t index;
};

static void reap(struct running *running, uint32_t *alive, struct share *share)
{
	int status;
	pid_t pid = wait4(-1, &status, 0, NULL);

	if (pid < 0)
		die("wait");
	for (uint32_t i = 0; i < *alive; i++) {
		if (running[i].pid != pid)
			continue;
		share->ended++;
		if (!WIFEXITED(status) || WEXITSTATUS(status) != (int)(running[i].index % CODES))
			share->wrong++;
		running[i] = running[--*alive];
		return;
	}
}

/* On its own: what lives in the frame of a caller of vfork may be clobbered by the child. */
static __attribute__((noinline)) pid_t spawn(const char *name)
{
	char *arguments[] = {"storm-child", (char *)name, (char *)options.live_us, NULL};
	char *environment[] = {NULL};
	pid_t pid = vfork();

	if (pid == 0) {
		execve(options.program, arguments, environment);
		_exit(127);
	}
	return pid;
}

static void work(uint32_t worker, int64_t start_ns, struct share *share)
{
	struct running *running = calloc(options.parallel, sizeof(*running));
	uint32_t alive = 0;
	char name[128];

	if (options.uid >= 0 && worker % 2 == 1) {
		if (setgroups(0, NULL) || setresgid(options.uid, options.uid, options.uid) || setresuid(options.uid, options.uid, options.uid))
			die("change of user");
	}
	for (uint32_t index = worker; index < options.count; index += options.workers) {
		if (options.rate > 0)
			sleep_until(start_ns + index * NS_PER_S / options.rate);
		while (alive >= options.parallel)
			reap(running, &alive, share);
		snprintf(name, sizeof(name), "%s%u", options.prefix, index);
		pid_t pid = spawn(name);
		if (pid < 0) {
			share->wrong++;
			continue;
		}
		share->started++;
		if (pids)
			pids[index] = pid;
		running[alive++] = (struct running){pid, index};
	}
	while (alive > 0)
		reap(running, &alive, share);
	_exit(0);
}

static void *shared_memory(int fd, size_t size)
{
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, fd < 0 ? MAP_SHARED | MAP_ANONYMOUS : MAP_SHARED, fd, 0);

	if (memory == MAP_FAILED)
		die("mmap");
	return memory;
}

static void open_list(const char *path)
{
	int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0644);

	if (fd < 0 || ftruncate(fd, options.count * sizeof(*pids)))
		die(path);
	pids = shared_memory(fd, options.count * sizeof(*pids));
	close(fd);
}

static uint32_t number(const char *text, uint32_t least)
{
	char *end;
	unsigned long value = strtoul(text, &end, 10);

	if (*text == '\0' || *end != '\0' || value < least || value > UINT32_MAX) {
		fprintf(stderr, "spawn-storm: %s is not a number of at least %u\n", text, least);
		exit(2);
	}
	return value;
}

static const char *parse(int argc, char **argv)
{
	const char *list = NULL;
	int option;

	while ((option = getopt(argc, argv, "n:w:p:l:r:u:e:x:o:")) != -1) {
		switch (option) {
		case 'n':
			options.count = number(optarg, 1);
			break;
		case 'w':
			options.workers = number(optarg, 1);
			break;
		case 'p':
			options.parallel = number(optarg, 1);
			break;
		case 'r':
			options.rate = number(optarg, 0);
			break;
		case 'u':
			options.uid = number(optarg, 0);
			break;
		case 'l':
			number(optarg, 0);
			options.live_us = optarg;
			break;
		case 'e':
			options.program = optarg;
			break;
		case 'x':
			options.prefix = optarg;
			break;
		case 'o':
			list = optarg;
			break;
		default:
			exit(2);
		}
	}
	if (options.workers > MAX_WORKERS || strlen(options.prefix) > 64) {
		fprintf(stderr, "spawn-storm: at most %d workers, and 64 characters of prefix\n", MAX_WORKERS);
		exit(2);
	}
	return list;
}

int main(int argc, char **argv)
{
	pid_t workers[MAX_WORKERS];
	struct share total = {0};

	if (argc == 3 && strcmp(argv[0], "storm-child") == 0)
		return child(argv[1], argv[2]);
	const char *list = parse(argc, argv);
	if (list)
		open_list(list);
	if (options.program == NULL && (options.program = realpath("/proc/self/exe", NULL)) == NULL)
		die("/proc/self/exe");
	struct share *shares = shared_memory(-1, sizeof(*shares) * options.workers);
	int64_t start_ns = now_ns();
	for (uint32_t i = 0; i < options.workers; i++) {
		workers[i] = fork();
		if (workers[i] < 0)
			die("fork");
		if (workers[i] == 0)
			work(i, start_ns, &shares[i]);
	}
	for (uint32_t i = 0; i < options.workers; i++) {
		int status;

		if (waitpid(workers[i], &status, 0) < 0 || status != 0)
			total.wrong++;
		total.started += shares[i].started;
		total.ended += shares[i].ended;
		total.wrong += shares[i].wrong;
	}
	printf("{\"started\":%u,\"ended\":%u,\"wrong\":%u,\"elapsedMs\":%lld,\"workers\":[", total.started, total.ended, total.wrong,
		(long long)(now_ns() - start_ns) / 1000000);
	for (uint32_t i = 0; i < options.workers; i++)
		printf("%s%d", i ? "," : "", workers[i]);
	printf("]}\n");
	return total.started == options.count && total.ended == options.count && total.wrong == 0 ? 0 : 1;
}
