// Processes that make trees of every shape, and say so: `span LABEL PARENT PID FIRST LAST HOW`, times by CLOCK_BOOTTIME in ns, HOW an exit code, `signal-N`, or
// `replaced` by an exec. LABEL and PARENT name programs; those that only fork have their own.
//
// usage: tree root | tree leaf LABEL PARENT CODE
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static const char *self;
static long long first;

static long long now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_BOOTTIME, &t);
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

// One write: lines of several processes do not mix.
static void tell(const char *label, const char *parent, const char *how)
{
	char line[256];
	int length = snprintf(line, sizeof(line), "span %s %s %d %lld %lld %s\n", label, parent, getpid(), first, now(), how);

	if (write(1, line, length) != length)
		_exit(99);
}

static void leave(const char *label, const char *parent, int code)
{
	char how[16];

	snprintf(how, sizeof(how), "%d", code);
	tell(label, parent, how);
	_exit(code);
}

static pid_t split(void)
{
	pid_t child = fork();

	if (child < 0)
		_exit(98);
	if (child == 0)
		first = now();
	return child;
}

static void become(const char *label, const char *parent, const char *code)
{
	execl(self, self, "leaf", label, parent, code, (char *)NULL);
	_exit(97);
}

// A program that is forked and run.
static void run(const char *label, const char *parent, const char *code)
{
	pid_t child = split();

	if (child == 0)
		become(label, parent, code);
	waitpid(child, NULL, 0);
}

static void *fork_in_thread(void *unused)
{
	(void)unused;
	run("of-thread", "root", "4");
	return NULL;
}

static void *run_in_thread(void *unused)
{
	(void)unused;
	become("by-thread", "root", "0");
	return NULL;
}

// Makes one that the caller's parent has for its child.
static pid_t split_sibling(void)
{
	pid_t child = syscall(SYS_clone, CLONE_PARENT | SIGCHLD, 0, 0, 0, 0);

	if (child < 0)
		_exit(98);
	if (child == 0)
		first = now();
	return child;
}

// Forks twice, so that init or a subreaper adopts what goes on.
static void daemonise(const char *name, const char *parent, int subreaper)
{
	char middle[32];
	pid_t child, grandchild, before;

	snprintf(middle, sizeof(middle), "%s-middle", name);
	prctl(PR_SET_CHILD_SUBREAPER, subreaper);
	child = split();
	if (child == 0) {
		before = getpid();
		grandchild = split();
		if (grandchild == 0) {
			while (kill(before, 0) == 0)
				usleep(1000);
			setsid();
			usleep(20000);
			become(name, middle, "0");
		}
		leave(middle, parent, 0);
	}
	waitpid(child, NULL, 0);
}

static void shapes(void)
{
	pthread_t thread;
	pid_t child;
	int ends[2];

	run("ok", "root", "0");
	run("fails", "root", "7");

	child = split(); // killed
	if (child == 0) {
		tell("killed", "root", "signal-9");
		raise(SIGKILL);
	}
	waitpid(child, NULL, 0);

	child = split(); // never runs anything else
	if (child == 0)
		leave("forked", "root", 3);
	waitpid(child, NULL, 0);

	child = split(); // a chain of execs
	if (child == 0)
		execl(self, self, "chain", "3", (char *)NULL);
	waitpid(child, NULL, 0);

	pthread_create(&thread, NULL, fork_in_thread, NULL);
	pthread_join(thread, NULL);

	child = vfork();
	if (child == 0) {
		execl(self, self, "leaf", "vforked", "root", "5", (char *)NULL);
		_exit(97);
	}
	waitpid(child, NULL, 0);

	if (pipe(ends)) // a pipeline: both run at one time
		_exit(96);
	for (int side = 0; side < 2; side++) {
		child = split();
		if (child == 0) {
			close(ends[!side]);
			become(side ? "pipe-left" : "pipe-right", "root", "0");
		}
	}
	close(ends[0]);
	close(ends[1]);
	while (wait(NULL) > 0)
		;

	child = split(); // what another thread than the first one runs
	if (child == 0) {
		pthread_create(&thread, NULL, run_in_thread, NULL);
		pthread_join(thread, NULL);
	}
	waitpid(child, NULL, 0);

	child = split(); // whose child is ours
	if (child == 0) {
		if (split_sibling() == 0)
			become("sibling", "maker", "8");
		leave("maker", "root", 0);
	}
	while (wait(NULL) > 0)
		;

	child = split(); // forks before it runs something itself
	if (child == 0) {
		run("under-shell", "shell", "0");
		tell("shell", "root", "replaced");
		become("after-shell", "shell", "0");
	}
	waitpid(child, NULL, 0);

	daemonise("daemon", "root", 0);
	daemonise("reaped", "root", 1);
	while (wait(NULL) > 0) // the one that came back to us
		;
	usleep(200000); // and the one that init has
}

int main(int argc, char **argv)
{
	char label[32], parent[32], next[16];
	int left;

	first = now();
	self = argv[0];
	if (argc == 2 && !strcmp(argv[1], "root")) {
		shapes();
		leave("root", "-", 0);
	}
	if (argc == 3 && !strcmp(argv[1], "chain")) {
		left = atoi(argv[2]);
		snprintf(label, sizeof(label), "chain-%d", left);
		snprintf(parent, sizeof(parent), left == 3 ? "root" : "chain-%d", left + 1);
		if (left == 0)
			leave(label, parent, 6);
		tell(label, parent, "replaced");
		snprintf(next, sizeof(next), "%d", left - 1);
		execl(self, self, "chain", next, (char *)NULL);
		_exit(97);
	}
	if (argc == 5 && !strcmp(argv[1], "leaf"))
		leave(argv[2], argv[3], atoi(argv[4]));
	fprintf(stderr, "usage: tree root | leaf LABEL PARENT CODE\n");
	return 2;
}
