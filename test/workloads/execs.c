/* Ways to start a program. usage: execs CASE [ARGUMENT...] */
#include "facts.h"
#include <pthread.h>
#include <sys/mman.h>
#include <sys/prctl.h>

extern char **environ;

/* SELF chain A B C becomes A chain B C, and so on; the last one ends with 7. Nothing is opened. */
static void chain(int argc, char **argv)
{
	if (argc == 2)
		_exit(7);
	for (int i = 0; i + 1 < argc; i++)
		argv[i] = i == 0 ? argv[2] : i == 1 ? "chain" : argv[i + 1];
	argv[argc - 1] = 0;
	execve(argv[0], argv, environ);
	die(argv[0]);
}

static void children(int count, char *program)
{
	pid_t *pids = calloc(count, sizeof(*pids));
	char number[16];

	for (int i = 0; i < count; i++) {
		snprintf(number, sizeof(number), "%d", i);
		pids[i] = fork();
		if (pids[i] < 0)
			die("fork");
		if (pids[i] == 0) {
			execl(program, "quick", number, NULL);
			_exit(97);
		}
	}
	for (int i = 0; i < count; i++)
		reap(pids[i]);
}

/* Runs a program in a child and waits for it. */
static void spawn(char *program, char *const *argv)
{
	pid_t child = fork();

	if (child == 0) {
		execve(program, argv, environ);
		_exit(97);
	}
	reap(child);
}

static void hostile(char *program)
{
	char *many[2002], *big = malloc(102401);

	spawn(program, (char *[]){"quick", "\xff\xfe\x80", "line\nline", "\x1b[31mred\x1b[0m\a", "caf\xc3\xa9", "", 0});
	for (int i = 0; i < 2000; i++) {
		many[i] = malloc(8);
		snprintf(many[i], 8, "a%d", i);
	}
	many[2000] = 0;
	spawn(program, many);
	memset(big, 'x', 102400);
	big[102400] = 0;
	spawn(program, (char *[]){"quick", big, "0", 0});
	spawn(program, (char *[]){"", 0});
}

static void overwrite(char *self)
{
	pid_t child = fork();

	if (child == 0) {
		execl(self, "overwritten", "secret-argument", NULL);
		_exit(97);
	}
	reap(child);
}

struct thread_job {
	char *program;
};

static void *stay(void *unused)
{
	pause();
	return unused;
}

static void *exec_in_thread(void *data)
{
	struct thread_job *job = data;

	fact("thread %ld", syscall(SYS_gettid));
	execl(job->program, "by-thread", "3", NULL);
	return NULL;
}

static void thread_exec(char *program)
{
	pid_t child = fork();
	pthread_t thread, other;

	if (child == 0) {
		struct thread_job job = {program};

		pthread_create(&other, NULL, stay, NULL);
		pthread_create(&thread, NULL, exec_in_thread, &job);
		pthread_join(thread, NULL);
		_exit(97);
	}
	reap(child);
}

static int copy_to_memfd(const char *program, unsigned int flags)
{
	int from = open(program, O_RDONLY), to = memfd_create("hidden", flags);
	char buffer[65536];
	ssize_t got;

	if (from < 0 || to < 0)
		die("memfd");
	while ((got = read(from, buffer, sizeof(buffer))) > 0)
		if (write(to, buffer, got) != got)
			die("write");
	close(from);
	return to;
}

static void memfd(char *program)
{
	int fd = copy_to_memfd(program, MFD_CLOEXEC);
	pid_t child = fork();

	if (child == 0) {
		fexecve(fd, (char *[]){"from-memory", "4", 0}, environ);
		_exit(97);
	}
	reap(child);
}

/* Starts a program whose name is gone by then. */
static void unlinked(char *program)
{
	int fd = open(program, O_PATH | O_CLOEXEC);
	pid_t child;

	if (fd < 0 || unlink(program))
		die(program);
	child = fork();
	if (child == 0) {
		fexecve(fd, (char *[]){"unlinked", "2", 0}, environ);
		_exit(97);
	}
	reap(child);
}

/* Each refused exec in a child of its own; the arguments are: no execute permission, no format. */
static void refused(char *noAccess, char *noFormat)
{
	char *argv[] = {"refused", 0};

	for (int i = 0; i < 6; i++) {
		pid_t child = fork();

		if (child == 0) {
			if (i == 0)
				execve("/nonexistent/program", argv, environ);
			if (i == 1)
				execve(noAccess, argv, environ);
			if (i == 2)
				execve(noFormat, argv, environ);
			if (i == 3) {
				if (chdir("/tmp"))
					die("chdir");
				syscall(SYS_execveat, AT_FDCWD, "relative/missing", argv, environ, 0);
			}
			if (i == 4)
				syscall(SYS_execve, 8, argv, environ);
			if (i == 5)
				syscall(SYS_execveat, 999, "at/bad", argv, environ, 0);
			_exit(errno);
		}
		reap(child);
	}
}

static void write_text(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY);

	if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text))
		die(path);
	close(fd);
}

/* In user and pid namespaces of its own: user 0 there is 1234 here. */
static void nested(char *program)
{
	pid_t outer = fork();
	pid_t child;

	if (outer) {
		reap(outer);
		return;
	}
	if (setresgid(1234, 1234, 1234) || setresuid(1234, 1234, 1234))
		die("setresuid");
	prctl(PR_SET_DUMPABLE, 1); /* else its files in procfs are root's */
	if (unshare(CLONE_NEWUSER | CLONE_NEWPID)) {
		fact("skip unshare: %s", strerror(errno));
		_exit(0);
	}
	write_text("/proc/self/uid_map", "0 1234 1");
	child = fork();
	if (child == 0) {
		execl(program, "nested", "8", NULL);
		_exit(97);
	}
	reap(child);
	_exit(0);
}

static void as_user(int uid, char *program)
{
	pid_t child = fork();

	if (child == 0) {
		if (setresuid(uid, uid, uid))
			die("setresuid");
		execl(program, "as-user", "1", NULL);
		_exit(97);
	}
	reap(child);
}

/* As root on behalf of another user. */
static void on_behalf(int uid, char *program)
{
	pid_t child = fork();

	if (child == 0) {
		if (setresuid(uid, 0, 0))
			die("setresuid");
		execl(program, "on-behalf", "1", NULL);
		_exit(97);
	}
	reap(child);
}

static void login(char *uid, char *program)
{
	pid_t child = fork();

	if (child == 0) {
		int fd = open("/proc/self/loginuid", O_WRONLY);

		if (fd < 0 || write(fd, uid, strlen(uid)) < 0) {
			fact("skip loginuid: %s", strerror(errno));
			_exit(0);
		}
		execl(program, "logged-in", "1", NULL);
		_exit(97);
	}
	reap(child);
}

static void in_root(char *root, char *program)
{
	pid_t child = fork();

	if (child == 0) {
		if (chroot(root) || chdir("/"))
			die(root);
		execl(program, "in-root", "1", NULL);
		_exit(97);
	}
	reap(child);
}

/* Goes down `depth` directories with names of `width` characters and runs a copy of the program there. */
static void deep(int depth, int width, char *program)
{
	char name[256];
	pid_t child;
	int fd;

	memset(name, 'd', width);
	name[width] = 0;
	for (int i = 0; i < depth; i++)
		if (mkdir(name, 0755) || chdir(name))
			die("mkdir");
	fd = open("bottom", O_WRONLY | O_CREAT, 0755);
	int from = open(program, O_RDONLY);
	char buffer[65536];
	ssize_t got;

	while ((got = read(from, buffer, sizeof(buffer))) > 0)
		if (write(fd, buffer, got) != got)
			die("write");
	close(fd);
	child = fork();
	if (child == 0) {
		execl("./bottom", "bottom", "1", NULL);
		_exit(97);
	}
	reap(child);
	unlink("bottom");
	for (int i = 0; i < depth; i++)
		if (chdir("..") || rmdir(name))
			die("rmdir");
}

/* `count` processes that all have the same number; they run the programs in turn, or none. */
static void same_number(int count, char *first, char *second)
{
	pid_t number = 0;
	char index[16];

	for (int i = 0; i < count; i++) {
		struct clone_args args = {.exit_signal = SIGCHLD};
		pid_t child;

		if (number) {
			args.set_tid = (unsigned long)&number;
			args.set_tid_size = 1;
		}
		child = clone3(&args);
		if (child == 0) {
			snprintf(index, sizeof(index), "%d", i);
			if (i % 3 < 2)
				execl(i % 3 ? second : first, "reused", index, NULL);
			_exit(i & 0x7f);
		}
		if (child < 0) {
			fact("skip clone3 with set_tid: %s", strerror(errno));
			return;
		}
		number = child;
		if (waitpid(child, NULL, 0) != child)
			die("waitpid");
	}
	fact("number %d", number);
}

int main(int argc, char **argv)
{
	const char *which = argc > 1 ? argv[1] : "";

	if (strcmp(argv[0], "overwritten") == 0) {
		memset(argv[1], 'X', strlen(argv[1]));
		memset(argv[0], 'X', strlen(argv[0]));
		usleep(1000);
		return 0;
	}
	if (strcmp(which, "chain") == 0)
		chain(argc, argv);
	else if (strcmp(which, "children") == 0)
		children(atoi(argv[2]), argv[3]);
	else if (strcmp(which, "hostile") == 0)
		hostile(argv[2]);
	else if (strcmp(which, "overwrite") == 0)
		overwrite(argv[0]);
	else if (strcmp(which, "thread") == 0)
		thread_exec(argv[2]);
	else if (strcmp(which, "memfd") == 0)
		memfd(argv[2]);
	else if (strcmp(which, "unlinked") == 0)
		unlinked(argv[2]);
	else if (strcmp(which, "refused") == 0)
		refused(argv[2], argv[3]);
	else if (strcmp(which, "nested") == 0)
		nested(argv[2]);
	else if (strcmp(which, "user") == 0)
		as_user(atoi(argv[2]), argv[3]);
	else if (strcmp(which, "on-behalf") == 0)
		on_behalf(atoi(argv[2]), argv[3]);
	else if (strcmp(which, "login") == 0)
		login(argv[2], argv[3]);
	else if (strcmp(which, "root") == 0)
		in_root(argv[2], argv[3]);
	else if (strcmp(which, "deep") == 0)
		deep(atoi(argv[2]), atoi(argv[3]), argv[4]);
	else if (strcmp(which, "same-number") == 0)
		same_number(atoi(argv[2]), argv[3], argv[4]);
	else if (strcmp(which, "spawn") == 0)
		spawn(argv[2], argv + 3);
	else
		return 96;
	return 0;
}
