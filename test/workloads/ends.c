/* Ways to make and to end a process. usage: ends CASE [ARGUMENT...] */
#include "facts.h"
#include <pthread.h>

static pthread_barrier_t barrier;

static void *leave_together(void *code)
{
	pthread_barrier_wait(&barrier);
	syscall(SYS_exit, (long)code);
	return NULL;
}

static void *leave_all(void *unused)
{
	syscall(SYS_exit_group, 33);
	return unused;
}

static void *linger(void *unused)
{
	usleep(3000);
	syscall(SYS_exit, 11);
	return unused;
}

static void *nothing(void *unused)
{
	return unused;
}

/* Eight threads that leave at one moment, `count` times. Whose code it is depends on the kernel. */
static void race(int count)
{
	for (int i = 0; i < count; i++) {
		pid_t child = fork();
		pthread_t thread;

		if (child == 0) {
			pthread_barrier_init(&barrier, NULL, 8);
			for (long k = 0; k < 7; k++)
				pthread_create(&thread, NULL, leave_together, (void *)(k + 50));
			leave_together((void *)(long)(i & 31));
		}
		reap(child);
	}
}

static void killed_by(int number, int core)
{
	pid_t child = fork();

	if (child == 0) {
		struct rlimit limit = {core ? RLIM_INFINITY : 0, core ? RLIM_INFINITY : 0};

		setrlimit(RLIMIT_CORE, &limit);
		signal(number, SIG_DFL);
		kill(getpid(), number);
		pause();
	}
	reap(child);
}

static void from_thread(void)
{
	pid_t child = fork();
	pthread_t thread;

	if (child == 0) {
		pthread_create(&thread, NULL, leave_all, NULL);
		pause();
	}
	reap(child);
}

static void leader_first(void)
{
	pid_t child = fork();
	pthread_t thread;

	if (child == 0) {
		pthread_create(&thread, NULL, linger, NULL);
		syscall(SYS_exit, 9);
	}
	reap(child);
}

static void threads(int count)
{
	pid_t child = fork();
	pthread_t thread;

	if (child == 0) {
		for (int i = 0; i < count; i++) {
			pthread_create(&thread, NULL, nothing, NULL);
			pthread_join(thread, NULL);
		}
		_exit(0);
	}
	reap(child);
}

/* One child by each call; the facts come in this order. */
static void calls(void)
{
	struct clone_args plain = {.exit_signal = SIGCHLD};
	struct clone_args uts = {.flags = CLONE_NEWUTS, .exit_signal = SIGCHLD};
	struct clone_args upper = {.flags = CLONE_CLEAR_SIGHAND, .exit_signal = SIGCHLD};
	pid_t child;

	child = syscall(SYS_fork);
	if (child == 0)
		_exit(3);
	reap(child);
	child = vfork();
	if (child == 0)
		_exit(4);
	reap(child);
	child = syscall(SYS_clone, CLONE_FILES | CLONE_FS | SIGCHLD, 0, 0, 0, 0);
	if (child == 0)
		_exit(5);
	reap(child);
	child = clone3(&plain);
	if (child == 0)
		_exit(6);
	reap(child);
	child = clone3(&uts);
	if (child == 0)
		_exit(7);
	reap(child);
	child = clone3(&upper);
	if (child == 0)
		_exit(8);
	reap(child);
}

/* Children that end without an exec. */
static void forks(int count)
{
	for (int i = 0; i < count; i++) {
		pid_t child = fork();

		if (child == 0)
			_exit(i & 0x7f);
		reap(child);
	}
}

/* Stays until its input ends; then makes a child and ends with 0. */
static void wait_for_input(void)
{
	char byte;

	fact("waiting %d", getpid());
	while (read(0, &byte, 1) > 0)
		;
	forks(1);
}

int main(int argc, char **argv)
{
	const char *which = argc > 1 ? argv[1] : "";

	if (strcmp(which, "race") == 0)
		race(atoi(argv[2]));
	else if (strcmp(which, "signal") == 0)
		killed_by(atoi(argv[2]), argc > 3);
	else if (strcmp(which, "from-thread") == 0)
		from_thread();
	else if (strcmp(which, "leader-first") == 0)
		leader_first();
	else if (strcmp(which, "threads") == 0)
		threads(atoi(argv[2]));
	else if (strcmp(which, "calls") == 0)
		calls();
	else if (strcmp(which, "forks") == 0)
		forks(atoi(argv[2]));
	else if (strcmp(which, "wait") == 0)
		wait_for_input();
	else
		return 96;
	return 0;
}
