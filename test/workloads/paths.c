/*
 * Files by all the ways that lead to them. usage: paths FOLDER, which is empty and is the working directory. What this machine cannot do is told by a
 * line `cannot WHAT: WHY`.
 */
#include "call-lines.h"
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/socket.h>

#define LONG_NAME 199
#define LONG_DEPTH 19

static const char *folder;

static unsigned long inode_at(int fd)
{
	struct stat file;

	return fstat(fd, &file) ? 0 : file.st_ino;
}

/* The namespace of the mounts, when it is not the host's. */
static void place(const char *more)
{
	if (*more)
		keep(" %s", more);
}

/* An open of `asked`, which must come as `truth` below the folder; both may be absolute. */
static int open_as(int dirfd, const char *asked, int flags, const char *names, const char *truth, const char *more)
{
	int fd = told("openat", openat(dirfd, asked, flags, 0600));
	const char *last = strrchr(truth, '/');
	int absolute = *truth == '/';

	keep(" file.path=%s%s%s file.name=%s", absolute ? "" : folder, absolute || !*truth ? "" : "/", truth, last ? last + 1 : truth);
	keep(" ringtail.file.requested=%s ringtail.file.flags=%s", asked, names);
	if (flags & O_CREAT || (flags & O_TMPFILE) == O_TMPFILE)
		keep(" file.mode=0600");
	if (fd >= 0)
		keep(" ringtail.fd=%d file.inode=%lu", fd, inode_at(fd));
	place(more);
	return fd;
}

static void open_and_close(int dirfd, const char *asked, const char *truth, const char *more)
{
	int fd = open_as(dirfd, asked, O_RDONLY, "O_RDONLY", truth, more);

	if (fd >= 0)
		close(fd);
}

/* A read or write of `size` bytes on what is named `truth`. */
static void transfer(const char *call, int fd, size_t size, const char *kind, const char *truth, const char *more)
{
	static char data[64];
	long result = told(call, *call == 'r' ? read(fd, data, size) : write(fd, data, size));

	keep(" file.path=%s ringtail.file.kind=%s ringtail.fd=%d ringtail.io.requested=%zu", truth, kind, fd, size);
	if (result >= 0)
		keep(" ringtail.io.transferred=%ld", result);
	place(more);
}

static char *joined(const char *tail)
{
	static char paths[4][8192];
	static int next;
	char *path = paths[next++ % 4];

	snprintf(path, sizeof(paths[0]), "%s/%s", folder, tail);
	return path;
}

/* As /proc shows it. */
static char *shown(int fd)
{
	static char text[512];
	char link[64];
	ssize_t length;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	length = readlink(link, text, sizeof(text) - 1);
	text[length < 0 ? 0 : length] = 0;
	return text;
}

static void make_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);

	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		die(path);
	close(fd);
}

static void make_folder(const char *path)
{
	if (mkdir(path, 0755))
		die(path);
}

static void names(void)
{
	int dirfd = open("real", O_RDONLY | O_DIRECTORY), fd;
	char text[96];

	mark();
	open_and_close(AT_FDCWD, "real/file", "real/file", "");
	open_and_close(AT_FDCWD, joined("link/file"), "real/file", "");
	open_and_close(AT_FDCWD, "file-link", "real/file", "");
	open_and_close(AT_FDCWD, "real/../real/./file", "real/file", "");
	open_and_close(AT_FDCWD, "real//file", "real/file", "");
	open_and_close(dirfd, "../real/file", "real/file", "");
	open_and_close(dirfd, "../file-link", "real/file", "");
	open_and_close(dirfd, "file", "real/file", "");
	open_and_close(dirfd, ".", "real", "");
	open_and_close(AT_FDCWD, "real/", "real", "");
	open_and_close(AT_FDCWD, "..", strndup(folder, strrchr(folder, '/') - folder), "");
	open_and_close(AT_FDCWD, "hard-link", "hard-link", "");
	snprintf(text, sizeof(text), "/proc/self/fd/%d/file", dirfd);
	open_and_close(AT_FDCWD, text, "real/file", "");
	snprintf(text, sizeof(text), "/proc/%d/status", getpid());
	open_and_close(AT_FDCWD, "/proc/self/status", text, "");
	snprintf(text, sizeof(text), "/proc/self/root/proc/%d/cwd/real/file", getpid());
	open_and_close(AT_FDCWD, text, "real/file", "");
	fd = open_as(AT_FDCWD, "real", O_RDWR | O_TMPFILE, "O_RDWR,O_TMPFILE", "real/*", "ringtail.file.deleted=true");
	if (fd >= 0)
		close(fd);
	mark();
	close(dirfd);
}

static void failures(void)
{
	int dirfd = open("real", O_RDONLY | O_DIRECTORY), file = open("real/file", O_RDONLY);

	mark();
	open_and_close(AT_FDCWD, "none", "none", "");
	open_and_close(AT_FDCWD, "./real/../none", "./real/../none", "");
	open_and_close(dirfd, "none", "real/none", "");
	open_and_close(dirfd, "../none", "real/../none", "");
	open_and_close(AT_FDCWD, "/none/at/all", "/none/at/all", "");
	open_and_close(AT_FDCWD, "loop", "loop", "");
	open_and_close(file, "none", "real/file/none", "");
	mark();
	close(dirfd);
	close(file);
}

static void changes(void)
{
	int fd, other;
	int pair[2];

	make_file("old", "0123456789");
	make_file("gone", "0123456789");
	fd = open("old", O_RDWR);
	other = open("gone", O_RDWR);
	mark();
	transfer("read", fd, 1, "regular", joined("old"), "");
	if (rename("old", "new"))
		die("rename");
	transfer("read", fd, 1, "regular", joined("new"), "");
	if (rename("new", "real/newer"))
		die("rename");
	transfer("write", fd, 3, "regular", joined("real/newer"), "");
	told("unlinkat", unlinkat(AT_FDCWD, "gone", 0));
	keep(" file.path=%s ringtail.file.requested=gone ringtail.unverified=true", joined("gone"));
	transfer("read", other, 20, "regular", joined("gone"), "ringtail.file.deleted=true");
	close(fd);
	close(other);
	fd = memfd_create("in memory", 0);
	transfer("write", fd, 5, "regular", "/memfd:in\\040memory", "ringtail.file.deleted=true");
	close(fd);
	fd = open_as(AT_FDCWD, "/dev/zero", O_RDWR, "O_RDWR", "/dev/zero", "");
	transfer("read", fd, 9, "device", "/dev/zero", "");
	transfer("write", fd, 9, "device", "/dev/zero", "");
	close(fd);
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0) {
		transfer("write", pair[0], 4, "socket", shown(pair[0]), "");
		transfer("read", pair[1], 9, "socket", shown(pair[1]), "");
	}
	fd = eventfd(1, EFD_NONBLOCK);
	transfer("write", fd, 8, "anonymous", shown(fd), "");
	transfer("read", fd, 8, "anonymous", shown(fd), "");
	close(fd);
	fd = open_as(AT_FDCWD, "real", O_RDONLY, "O_RDONLY", "real", "");
	transfer("read", fd, 8, "directory", joined("real"), "");
	close(fd);
	if (mkfifo("fifo", 0600) == 0) {
		fd = open_as(AT_FDCWD, "fifo", O_RDWR, "O_RDWR", "fifo", "");
		transfer("write", fd, 2, "pipe", joined("fifo"), "");
		close(fd);
	}
	mark();
}

/* Goes down until the path has about `bytes` bytes; what is asked for is short. */
static void deep(int depth)
{
	static char path[16384], name[LONG_NAME + 1];
	int home = open(".", O_RDONLY | O_DIRECTORY), at = snprintf(path, sizeof(path), "%s", folder);

	memset(name, 'd', LONG_NAME);
	for (int i = 0; i < depth; i++) {
		if ((mkdir(name, 0755) && errno != EEXIST) || chdir(name))
			die("deep");
		at += snprintf(path + at, sizeof(path) - at, "/%s", name);
	}
	make_file("bottom", "x");
	snprintf(path + at, sizeof(path) - at, "/bottom");
	mark();
	if (at + 8 < 4096)
		open_and_close(AT_FDCWD, "bottom", path, "");
	else
		open_and_close(AT_FDCWD, "bottom", "/*", "ringtail.path.truncated=true");
	mark();
	unlink("bottom");
	for (int i = 0; i < depth; i++)
		if (chdir("..") || rmdir(name))
			die("way up");
	close(home);
}

static void *with_others(void *unused)
{
	mark();
	open_and_close(AT_FDCWD, "real/file", "real/file", "");
	open_and_close(AT_FDCWD, "link/file", "real/file", "");
	open_and_close(AT_FDCWD, "file-link", "real/file", "ringtail.unverified=*");
	open_and_close(AT_FDCWD, "real/", "real", "ringtail.unverified=*");
	open_and_close(AT_FDCWD, "real/.", "real", "ringtail.unverified=*");
	open_and_close(AT_FDCWD, "hard-link", "hard-link", "");
	open_and_close(AT_FDCWD, "none", "none", "");
	mark();
	return unused;
}

#include "paths-apart.h"

int main(int argc, char **argv)
{
	pthread_t thread;

	if (argc != 2)
		return 2;
	folder = argv[1];
	make_folder("real");
	make_folder("bound");
	for (const char *const *name = (const char *const[]){"lower", "upper", "work", "merged", "jail", "jail/inner", 0}; *name; name++)
		make_folder(*name);
	make_file("real/file", "text");
	make_file("lower/below", "text");
	make_file("jail/inner/file", "text");
	if (symlink("real", "link") || symlink("real/file", "file-link") || symlink("loop", "loop") || link("real/file", "hard-link"))
		die("links");
	names();
	failures();
	changes();
	deep(LONG_DEPTH);
	deep(LONG_DEPTH + 6);
	pthread_create(&thread, 0, with_others, 0);
	pthread_join(thread, 0);
	tell();
	apart("bind in the host's mounts", 0, bound);
	apart("bind in mounts of its own", 1, bound);
	apart("overlay", 1, overlaid);
	apart("chroot", 0, jailed);
	apart("pivot_root", 1, contained);
	return 0;
}
