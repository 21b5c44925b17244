/*
 * Every system call that is followed, with known arguments; a line for each says what its record must be:
 *
 *   call THREAD NAME RESULT attribute=value...
 *
 * What is not named must not be there. The same source makes three programs: by the processor's own way, as a 32-bit program without a C library, and
 * as a 64-bit program that calls by int 0x80. Only what all of them have is used here; the lines are written at the end, behind a mark.
 */
#ifndef CALLS_H
#define CALLS_H

#if defined(CALLS_INT80)
#include <asm/unistd_32.h>
typedef unsigned int word;
#define IS_IA32 1
#elif defined(__i386__)
#include <asm/unistd.h>
typedef unsigned int word;
#define IS_IA32 1
#else
#include <asm/unistd.h>
typedef unsigned long word;
#define IS_IA32 0
#endif

#define AT_CWD (-100)
#define TEXT_BYTES (256 << 10)
#define PATH_BYTES 512

/* As the kernel wants them. */
struct part {
	word base, length;
};

struct message {
	word name;
	unsigned int name_length;
	word parts, part_count, control, control_length;
	unsigned int flags;
};

struct many {
	struct message message;
	unsigned int length;
};

struct address {
	unsigned short family;
	unsigned char port[2];
	unsigned char bytes[120];
};

/* One thread's share. All of it is static: pointers of 32 bits reach it. */
struct run {
	char base[256];
	long tid;
	unsigned int length;
	char text[TEXT_BYTES];
	char path[PATH_BYTES];
	char data[256];
	struct part parts[2];
	struct many many[2];
	struct address address;
	unsigned int address_length;
	word inner[6];
	unsigned long long how[3];
	unsigned long long clone_args[11];
	unsigned char statx[256];
	int pair[2];
	word words[2];
};

#define P(pointer) ((word)(unsigned long)(pointer))

/* Returns what the kernel returned: a negative errno is not taken apart. */
long kernel_call(long number, const word *args);

static long call6(long number, word a, word b, word c, word d, word e, word f)
{
	word args[6] = {a, b, c, d, e, f};

	return kernel_call(number, args);
}
#define CALL(number, a, b, c, d, e) call6(number, (word)(a), (word)(b), (word)(c), (word)(d), (word)(e), 0)
#define CALL6(number, a, b, c, d, e, f) call6(number, (word)(a), (word)(b), (word)(c), (word)(d), (word)(e), (word)(f))

static void put(struct run *run, const char *text)
{
	while (*text && run->length < TEXT_BYTES - 1)
		run->text[run->length++] = *text++;
}

static void put_number(struct run *run, long number)
{
	char digits[24];
	int at = sizeof(digits) - 1;
	unsigned long rest = number < 0 ? -(unsigned long)number : (unsigned long)number;

	digits[at] = 0;
	do
		digits[--at] = '0' + rest % 10;
	while ((rest /= 10));
	if (number < 0)
		digits[--at] = '-';
	put(run, digits + at);
}

static const char *error_name(long error)
{
	static const struct {
		int number;
		const char *name;
	} names[] = {{1, "EPERM"}, {2, "ENOENT"}, {9, "EBADF"}, {11, "EAGAIN"}, {13, "EACCES"}, {14, "EFAULT"}, {17, "EEXIST"}, {18, "EXDEV"},
		{20, "ENOTDIR"}, {21, "EISDIR"}, {22, "EINVAL"}, {24, "EMFILE"}, {29, "ESPIPE"}, {36, "ENAMETOOLONG"}, {39, "ENOTEMPTY"},
		{40, "ELOOP"}, {88, "ENOTSOCK"}, {89, "EDESTADDRREQ"}, {90, "EMSGSIZE"}, {95, "EOPNOTSUPP"}, {97, "EAFNOSUPPORT"}, {106, "EISCONN"},
		{107, "ENOTCONN"}, {111, "ECONNREFUSED"}};

	for (unsigned int i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (names[i].number == error)
			return names[i].name;
	return "unknown";
}

/* Begins a line. */
static long told(struct run *run, const char *name, long result)
{
	put(run, "\ncall ");
	put_number(run, run->tid);
	put(run, " ");
	put(run, name);
	put(run, " ");
	put_number(run, result);
	if (result < 0) {
		put(run, " error.type=");
		put(run, error_name(-result));
	}
	return result;
}

static void attribute(struct run *run, const char *name, const char *value)
{
	put(run, " ");
	put(run, name);
	put(run, "=");
	put(run, value);
}

static void number(struct run *run, const char *name, long value)
{
	put(run, " ");
	put(run, name);
	put(run, "=");
	put_number(run, value);
}

static const char *last_of(const char *path)
{
	const char *last = path;

	for (; *path; path++)
		if (*path == '/' && path[1])
			last = path + 1;
	return last;
}

/* Where `tail` is below the folder of this run; it begins with a slash or is empty. */
static const char *below(struct run *run, const char *tail)
{
	unsigned int at = 0;

	for (const char *from = run->base; *from && at < PATH_BYTES - 1; from++)
		run->path[at++] = *from;
	for (; *tail && at < PATH_BYTES - 1; tail++)
		run->path[at++] = *tail;
	run->path[at] = 0;
	return run->path;
}

static void inode_of(struct run *run)
{
	unsigned long long inode;

	if (CALL(__NR_statx, AT_CWD, P(run->path), 0, 0x100, P(run->statx)))
		return;
	__builtin_memcpy(&inode, run->statx + 0x20, 8);
	number(run, "file.inode", inode);
}

/* The file that a descriptor, or a call, is about; of an open also what only that has. */
static void about(struct run *run, const char *tail)
{
	below(run, tail);
	attribute(run, "file.path", run->path);
}

static void opened(struct run *run, const char *tail, const char *asked, const char *flags, long fd)
{
	about(run, tail);
	attribute(run, "file.name", last_of(run->path));
	attribute(run, "ringtail.file.requested", asked);
	attribute(run, "ringtail.file.flags", flags);
	if (fd < 0)
		return;
	number(run, "ringtail.fd", fd);
	inode_of(run);
}

/* In front of what is looked at, and behind it. */
static void mark(void)
{
	CALL(__NR_unlinkat, AT_CWD, P("/ringtail-mark"), 0, 0, 0);
}

#include "calls-files.h"
#include "calls-io.h"
#include "calls-sockets.h"
#include "calls-tasks.h"

static void perform(struct run *run)
{
	mark();
	call_files(run);
	call_io(run);
	call_sockets(run);
	call_tasks(run);
	mark();
	put(run, "\n");
}

static void tell(struct run *run)
{
	for (unsigned int at = 0; at < run->length;) {
		long done = CALL(__NR_write, 1, P(run->text + at), run->length - at, 0, 0);

		if (done <= 0)
			return;
		at += done;
	}
}
#endif
