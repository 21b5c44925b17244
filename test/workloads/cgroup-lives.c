/*
 * Cgroups that live about as long as the one process in each of them, a millisecond: made, entered, and removed, in several workers at once.
 *
 * cgroup-lives FOLDER COUNT WORKERS   for each a line: the process, how it came in (`clone`, `write`), and the cgroup: 64 digits, below FOLDER
 * cgroup-lives life                   such a process
 *
 * Every other process is made in its cgroup (CLONE_INTO_CGROUP, since 5.7), the others write their number into it before they run the program.
 */
#include "facts.h"
#include <stdint.h>
#include <time.h>

#define LIFE_NS 1000000
#define TRIES 20000
#define TRY_US 500
#ifndef CLONE_INTO_CGROUP
#define CLONE_INTO_CGROUP 0x200000000ull
#endif

/* By its path: the last part becomes the name of the thread. */
static char self[4096];
static char *const life[] = {self, "life", 0};

/* Different for different seeds, the same each time: splitmix64. */
static uint64_t next_random(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

static void enter(const char *folder)
{
	char path[4200];
	int fd;

	snprintf(path, sizeof(path), "%s/cgroup.procs", folder);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, "0", 1) != 1)
		die(path);
	close(fd);
}

static pid_t start_in(const char *folder, int cloned)
{
	struct clone_args args = {.exit_signal = SIGCHLD};
	int fd = -1;
	pid_t child;

	if (cloned) {
		fd = open(folder, O_DIRECTORY | O_PATH | O_CLOEXEC);
		if (fd < 0)
			die(folder);
		args.flags = CLONE_INTO_CGROUP;
		args.cgroup = fd;
	}
	child = clone3(&args);
	if (child < 0)
		die("clone3");
	if (!child) {
		if (!cloned)
			enter(folder);
		execv(life[0], life);
		die("execv");
	}
	if (fd >= 0)
		close(fd);
	return child;
}

/* The process may still be leaving when it has been waited for. */
static void remove_folder(const char *folder)
{
	for (int i = 0; rmdir(folder); i++)
		if (errno != EBUSY || i == TRIES || usleep(TRY_US))
			die(folder);
}

static void work(const char *parent, int count, uint64_t seed)
{
	char folder[4096], id[65];

	for (int i = 0; i < count; i++) {
		int status, cloned = i % 2;
		pid_t child;

		for (int word = 0; word < 4; word++)
			sprintf(id + 16 * word, "%016llx", (unsigned long long)next_random(&seed));
		snprintf(folder, sizeof(folder), "%s/%s", parent, id);
		if (mkdir(folder, 0755))
			die(folder);
		child = start_in(folder, cloned);
		if (waitpid(child, &status, 0) != child || status)
			die("a process");
		remove_folder(folder);
		fact("%d %s %s", child, cloned ? "clone" : "write", id);
	}
}

int main(int argc, char **argv)
{
	int workers, count, failed = 0, status;

	if (argc == 2) {
		struct timespec left = {.tv_nsec = LIFE_NS};

		return nanosleep(&left, 0) != 0;
	}
	if (argc != 4)
		return 2;
	if (readlink("/proc/self/exe", self, sizeof(self) - 1) < 0)
		die("readlink");
	count = atoi(argv[2]);
	workers = atoi(argv[3]);
	for (int i = 0; i < workers; i++) {
		pid_t child = fork();

		if (child < 0)
			die("fork");
		if (!child) {
			work(argv[1], count / workers + (i < count % workers), ((uint64_t)getpid() << 32) + time(0));
			return 0;
		}
	}
	while (wait(&status) > 0)
		failed |= status;
	return failed != 0;
}
