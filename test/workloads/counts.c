/*
 * A known number of calls of each kind, and no others of these kinds. usage:
 *
 *   counts FOLDER TIMES THREADS      each thread, TIMES: pread64 of 7 bytes, pwrite64 of 5, openat of what is not there
 *   counts FOLDER TIMES again        TIMES pread64 by two descriptors of one file, then the same again as another program: `pid PID`
 *   counts FOLDER TIMES vectors      TIMES preadv2 of 3 bytes
 *   counts FOLDER TIMES pipes        one write to each of TIMES pipes, then it waits for the end of its input: `written`
 */
#include "facts.h"
#include <pthread.h>
#include <sys/uio.h>

static const char *folder;
static int times;

static void path_to(char *path, const char *name)
{
	snprintf(path, 4096, "%s/%s", folder, name);
}

static void *work(void *unused)
{
	int zero = open("/dev/zero", O_RDONLY), file;
	char path[4096], missing[4096], bytes[8] = {0};

	(void)unused;
	path_to(path, "written");
	path_to(missing, "missing");
	file = open(path, O_WRONLY | O_CREAT, 0600);
	if (zero < 0 || file < 0)
		die("open");
	for (int i = 0; i < times; i++)
		if (pread(zero, bytes, 7, 0) != 7 || pwrite(file, bytes, 5, 0) != 5 || open(missing, O_RDONLY) >= 0)
			die("work");
	return 0;
}

static void threads(int count)
{
	pthread_t thread[64];

	if (count > 64)
		count = 64;
	for (int i = 0; i < count; i++)
		if (pthread_create(&thread[i], 0, work, 0))
			die("pthread_create");
	for (int i = 0; i < count; i++)
		pthread_join(thread[i], 0);
}

static void again(char **argv)
{
	int one = open("/dev/zero", O_RDONLY), other = open("/dev/zero", O_RDONLY);
	char byte;

	if (one < 0 || other < 0)
		die("open");
	for (int i = 0; i < times; i++)
		if (pread(i % 2 ? one : other, &byte, 1, 0) != 1)
			die("pread");
	if (!strcmp(argv[3], "again")) {
		argv[3] = "last";
		execv("/proc/self/exe", argv);
		die("execv");
	}
	fact("pid %d", getpid());
}

static void vectors(void)
{
	int zero = open("/dev/zero", O_RDONLY);
	char bytes[3];
	struct iovec parts[] = {{bytes, 1}, {bytes + 1, 2}};

	if (zero < 0)
		die("open");
	for (int i = 0; i < times; i++)
		if (preadv2(zero, parts, 2, 0, 0) != 3)
			die("preadv2");
}

static void pipes(void)
{
	char byte = 0;

	for (int i = 0; i < times; i++) {
		int ends[2];

		if (pipe(ends) || write(ends[1], &byte, 1) != 1)
			die("pipes");
		close(ends[0]);
		close(ends[1]);
	}
	fact("written");
	while (read(0, &byte, 1) > 0)
		;
}

int main(int argc, char **argv)
{
	if (argc != 4)
		return 2;
	folder = argv[1];
	times = atoi(argv[2]);
	if (!strcmp(argv[3], "again") || !strcmp(argv[3], "last"))
		again(argv);
	else if (!strcmp(argv[3], "vectors"))
		vectors();
	else if (!strcmp(argv[3], "pipes"))
		pipes();
	else
		threads(atoi(argv[3]));
	return 0;
}
