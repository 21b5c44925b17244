/*
 * What others change while a call runs. usage: races CASE ROUNDS, in an empty folder that is the working directory.
 *
 *   flip      a thread keeps changing the path in memory:             opened NAME INODE TIMES
 *   absent    the path lies on a page that is not in memory:          calls as call-lines.h has them
 *   vanish    a thread keeps throwing the page of the path away:      failed TIMES
 *   swap      a thread keeps putting another file behind the number:  file NAME INODE (of what is opened); `swapped TIMES` (seen by the opener
 * itself) twin      the same, and the other file has the same name and was opened in the same way exchange  the same, and the opener only reads storm
 * the folders of an open file are renamed:                moved TIMES
 */
#include "call-lines.h"
#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/mman.h>

static atomic_int over;
static char *shared;
static int number = -1, other = -1;
static long moved;

static void make_file(const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);

	if (fd < 0 || write(fd, "0123456789", 10) != 10)
		die(path);
	close(fd);
}

static unsigned long inode_of(const char *path)
{
	struct stat file;

	if (stat(path, &file))
		die(path);
	return file.st_ino;
}

static pthread_t start(void *(*run)(void *))
{
	pthread_t thread;

	if (pthread_create(&thread, 0, run, 0))
		die("pthread_create");
	return thread;
}

static void *flip(void *unused)
{
	volatile char *letter = shared + strlen("folder/");

	while (!over) {
		*letter = 'a';
		*letter = 'b';
	}
	return unused;
}

static void flipped(long rounds)
{
	unsigned long inodes[2];
	long times[2] = {0, 0};
	pthread_t thread;

	if (mkdir("folder", 0755))
		die("folder");
	make_file("folder/a");
	make_file("folder/b");
	inodes[0] = inode_of("folder/a");
	inodes[1] = inode_of("folder/b");
	strcpy(shared, "folder/a");
	thread = start(flip);
	mark();
	for (long i = 0; i < rounds; i++) {
		struct stat file;
		int fd = openat(AT_FDCWD, shared, O_RDONLY);

		if (fd < 0 || fstat(fd, &file))
			die("flipped");
		times[file.st_ino == inodes[1]]++;
		close(fd);
	}
	mark();
	over = 1;
	pthread_join(thread, 0);
	keep("\nopened folder/a %lu %ld\nopened folder/b %lu %ld", inodes[0], times[0], inodes[1], times[1]);
}

/* A page of a file that is in no page table and, if the kernel listens, not in memory either. */
static char *page_with(const char *file, const char *text)
{
	int fd = open(file, O_RDWR | O_CREAT | O_TRUNC, 0644);
	char *page;

	if (fd < 0 || write(fd, text, strlen(text) + 1) < 0 || fsync(fd))
		die(file);
	page = mmap(0, 4096, PROT_READ, MAP_PRIVATE, fd, 0);
	if (page == MAP_FAILED)
		die("mmap");
	madvise(page, 4096, MADV_DONTNEED);
	posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
	close(fd);
	return page;
}

static void absent(long rounds)
{
	char folder[PATH_MAX];
	(void)rounds;
	char *there, *missing, *removed;

	make_file("there");
	there = page_with("page-1", "there");
	missing = page_with("page-2", "missing");
	removed = page_with("page-3", "there");
	if (!getcwd(folder, sizeof(folder)))
		die("getcwd");
	mark();
	told("openat", openat(AT_FDCWD, there, O_RDONLY));
	keep(" file.path=%s/there file.name=there ringtail.file.requested=there ringtail.file.flags=O_RDONLY ringtail.fd=*", folder);
	told("openat", openat(AT_FDCWD, missing, O_RDONLY));
	keep(" file.path=%s/missing file.name=missing ringtail.file.requested=missing ringtail.file.flags=O_RDONLY", folder);
	told("unlinkat", unlinkat(AT_FDCWD, removed, 0));
	keep(" file.path=%s/there ringtail.file.requested=there ringtail.unverified=true", folder);
	mark();
}

static void *throw_away(void *unused)
{
	while (!over)
		madvise(shared, 4096, MADV_DONTNEED);
	return unused;
}

static void vanishing(long rounds)
{
	long failed = 0;
	pthread_t thread;

	shared = page_with("page", "missing");
	thread = start(throw_away);
	mark();
	for (long i = 0; i < rounds; i++)
		failed += openat(AT_FDCWD, shared, O_RDONLY) < 0 && errno == ENOENT;
	mark();
	over = 1;
	pthread_join(thread, 0);
	keep("\nfailed %ld", failed);
}

/* Puts the other file behind the number that the opener will be given, and has been given. */
static void *put_behind(void *unused)
{
	while (!over)
		if (fcntl(number, F_GETFD) >= 0)
			dup2(other, number);
	return unused;
}

static void swapping(long rounds, const char *mine, const char *theirs, int flags)
{
	unsigned long inode;
	long swapped = 0;
	pthread_t thread;

	if (mkdir("one", 0755) || mkdir("two", 0755))
		die("mkdir");
	make_file(mine);
	make_file(theirs);
	inode = inode_of(mine);
	other = open(theirs, flags);
	number = open(mine, O_RDONLY);
	close(number);
	thread = start(put_behind);
	mark();
	for (long i = 0; i < rounds; i++) {
		struct stat file;
		int fd = openat(AT_FDCWD, mine, O_RDONLY);

		if (fd < 0)
			die("swapping");
		if (fstat(fd, &file) == 0)
			swapped += file.st_ino != inode;
		close(fd);
		if (fd != number) /* the other thread was too late */
			close(number);
	}
	mark();
	over = 1;
	pthread_join(thread, 0);
	keep("\nfile %s %lu\nfile %s %lu\nswapped %ld", mine, inode, theirs, inode_of(theirs), swapped);
}

static void *exchange(void *unused)
{
	int first = dup(number);

	while (!over) {
		dup2(other, number);
		dup2(first, number);
	}
	return unused;
}

/* One file gives something, the other is empty: what a read returns says which it was. */
static void exchanging(long rounds)
{
	static char data[8];
	long got = 0;
	pthread_t thread;

	make_file("full");
	close(open("empty", O_WRONLY | O_CREAT, 0644));
	number = open("full", O_RDONLY);
	other = open("empty", O_RDONLY);
	thread = start(exchange);
	mark();
	for (long i = 0; i < rounds; i++)
		got += pread(number, data, sizeof(data), 0) > 0;
	mark();
	over = 1;
	pthread_join(thread, 0);
	keep("\ngot %ld", got);
}

static void *move(void *unused)
{
	while (!over) {
		if (rename("a1/leaf", "b2/other") || rename("b2/other", "a1/leaf"))
			die("rename");
		moved += 2;
	}
	return unused;
}

static void storming(long rounds)
{
	static char data[1];
	pthread_t thread;
	int fd;

	if (mkdir("a1", 0755) || mkdir("b2", 0755) || mkdir("a1/leaf", 0755))
		die("mkdir");
	make_file("a1/leaf/file");
	fd = open("a1/leaf/file", O_RDONLY);
	thread = start(move);
	mark();
	for (long i = 0; i < rounds; i++)
		if (pread(fd, data, 1, 0) != 1)
			die("pread");
	mark();
	over = 1;
	pthread_join(thread, 0);
	keep("\nmoved %ld", moved);
}

int main(int argc, char **argv)
{
	const char *which = argc == 3 ? argv[1] : "";
	long rounds = argc == 3 ? atol(argv[2]) : 0;

	shared = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (strcmp(which, "flip") == 0)
		flipped(rounds);
	else if (strcmp(which, "absent") == 0)
		absent(rounds);
	else if (strcmp(which, "vanish") == 0)
		vanishing(rounds);
	else if (strcmp(which, "swap") == 0)
		swapping(rounds, "one/mine", "two/theirs", O_RDONLY);
	else if (strcmp(which, "twin") == 0)
		swapping(rounds, "one/same", "two/same", O_RDONLY);
	else if (strcmp(which, "exchange") == 0)
		exchanging(rounds);
	else if (strcmp(which, "storm") == 0)
		storming(rounds);
	else
		return 2;
	tell();
	return 0;
}
